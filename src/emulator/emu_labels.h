/* emu_labels: labels as EAS shows them, [{"LabelKey","LabelValue"},...], and as it takes them, {"k":"v"}. */
#ifndef EG_EMU_LABELS_H
#define EG_EMU_LABELS_H
#include "emulator/emu_json.h"
#include "emulator/emu_state.h"

/* The list with these labels set or added; changes is a map, or a list of pairs. NULL without memory. */
struct emu_json *emu_labels_with(const struct emu_json *list, const struct emu_json *changes);
/* Drop one key. */
void emu_labels_drop(struct emu_json *list, struct slice key);
/* Does the list hold all labels of the map (a value of null or "" asks for the key alone)? */
bool emu_labels_match(const struct emu_json *list, const struct emu_json *wanted);
/* The same for the labels of a service; set false without memory. */
bool emu_labels_set_service(struct emu_service *v, const struct emu_json *changes);
bool emu_labels_drop_service(struct emu_service *v, const struct emu_json *keys, struct slice comma_keys);
/* Keys to drop come as a JSON list (array, or an object whose names they are) and as a list with commas. */
void emu_labels_drop_all(struct emu_json *list, const struct emu_json *keys, struct slice comma_keys);
#endif
