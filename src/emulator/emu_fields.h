/*
 * emu_fields: a member of a request body, read the way the worst server might: any case, flat dotted names, the last
 * of several, numbers as text. Whatever is odd is noted, so that a journal without notes proves a clean sender.
 */
#ifndef EG_EMU_FIELDS_H
#define EG_EMU_FIELDS_H
#include "emulator/emu_call.h"

/* Are they equal but for case, '_' and '-'? */
bool emu_name_folds_to(struct slice a, struct slice b);
/* The last member that can be read as name, without a note; NULL when there is none. */
const struct emu_json *emu_member_of(const struct emu_json *object, const char *name);
/* The member of the body called name; NULL when there is none. */
const struct emu_json *emu_field(struct emu_call *c, const char *name);
/* The largest count that any spelling of name gives; *out_found = is there one? False after answering 400. */
bool emu_field_count(struct emu_call *c, const char *name, bool *out_found, int64_t *out);
/* Note members that are not in this NULL-ended list. */
void emu_fields_note_unknown(struct emu_call *c, const char *const *known);
#endif
