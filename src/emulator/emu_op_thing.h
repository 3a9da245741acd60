/* emu_op_thing: what the operations on groups, gateways, resources and the like have in common. */
#ifndef EG_EMU_OP_THING_H
#define EG_EMU_OP_THING_H
#include "emulator/emu_call.h"

/* One filter of a list: a query parameter and the member it is compared with. */
struct emu_filter {
    const char *query, *member;
    bool is_fuzzy; /* a part of the text is enough */
};

/* The thing that the path parameter names; NULL after answering 404. */
struct emu_thing *emu_call_thing(struct emu_call *c, enum emu_kind kind, const char *param);
/* Copy these members of the body (a NULL-ended list) into the object, and note others. */
void emu_call_take(struct emu_call *c, struct emu_json *to, const char *const *names);
/* Set a text member, and a time. */
void emu_data_set(struct emu_json *data, const char *name, struct slice text);
void emu_data_set_int(struct emu_json *data, const char *name, int64_t value);
void emu_data_set_time(struct emu_json *data, const char *name, int64_t wall_ms);
struct slice emu_data_get(const struct emu_json *data, const char *name);
/* A value as text: a text without its quotes, a number or truth value as JSON has it. */
const char *emu_data_text(struct emu_call *c, const struct emu_json *data, const char *name);
/* Merge labels (a map) into member "Labels", a list of pairs; drop keys. */
bool emu_data_set_labels(struct emu_json *data, const struct emu_json *changes);
void emu_data_drop_labels(struct emu_json *data, const struct emu_json *keys, struct slice comma_keys);
/* Put a value as a member, or as an element when name is NULL. */
void emu_call_put(struct emu_jw *w, const char *name, const struct emu_json *value);

/* Answer with all that is shown of it. */
void emu_call_show(struct emu_call *c, const struct emu_thing *thing);
/* Does it pass the filters (ended by a query of NULL), and the JSON map of labels in that query (NULL = none)? */
bool emu_call_passes(struct emu_call *c, const struct emu_json *data, const struct emu_filter *filters,
                     const char *label_query);
/* Answer with the page of those that pass: PageNumber, PageSize, TotalCount, array. */
void emu_call_list(struct emu_call *c, enum emu_kind kind, const char *array,
                   const struct emu_filter *filters, const char *label_query);
/* A new thing under this key with an empty object; NULL after answering 500. */
struct emu_thing *emu_call_add(struct emu_call *c, enum emu_kind kind, struct slice key);
/* An id that no other thing has. */
const char *emu_call_new_id(struct emu_call *c, const char *prefix);
#endif
