/*
 * emu_json: JSON for the emulator; only emu_json.c and emu_json_edit.c know cJSON. Reading is as lenient as cJSON is
 * (names may repeat, their order is kept), so that a caller can look at everything that came. Writing goes straight
 * into an sbuf.
 * A parsed value belongs to its root, which the caller frees; slices it yields live as long as the root.
 */
#ifndef EG_EMU_JSON_H
#define EG_EMU_JSON_H
#include "base/sbuf.h"

struct emu_json;

enum emu_json_kind {
    EMU_JSON_NONE = 0,
    EMU_JSON_NULL,
    EMU_JSON_BOOL,
    EMU_JSON_NUMBER,
    EMU_JSON_TEXT,
    EMU_JSON_ARRAY,
    EMU_JSON_OBJECT,
    EMU_JSON_COUNT_
};

/* The first value in text, or NULL; *out_used = bytes up to its end (leading blanks included). */
struct emu_json *emu_json_parse(struct slice text, size_t *out_used);
void emu_json_free(struct emu_json **v);

/* All of these accept NULL (kind NONE). */
enum emu_json_kind emu_json_kind(const struct emu_json *v);
const struct emu_json *emu_json_first(const struct emu_json *v); /* member or element */
const struct emu_json *emu_json_next(const struct emu_json *v);
struct slice emu_json_name(const struct emu_json *member);
/* The last member of exactly this name. */
const struct emu_json *emu_json_get(const struct emu_json *object, const char *name);
/* The text of a string, SLICE_NONE for anything else. It ends at a NUL, as cJSON has it. */
struct slice emu_json_text(const struct emu_json *v);
bool emu_json_is_true(const struct emu_json *v);
/* A number without a fraction, within +-2^53. */
bool emu_json_integer(const struct emu_json *v, int64_t *out);
/* The same, but text that holds a number, and fractions (rounded up), count too. */
bool emu_json_integer_lenient(const struct emu_json *v, int64_t *out);
/* Compact text of v. */
void emu_json_print(const struct emu_json *v, struct sbuf *out);

/* ---- changing a tree that the caller owns; whatever is handed in is taken over, also on failure ---- */

/* An empty object ('{') or array ('['), a text, a number, a copy; NULL without memory (a copy of NULL is NULL). */
struct emu_json *emu_json_new(char bracket);
struct emu_json *emu_json_new_text(struct slice text);
struct emu_json *emu_json_new_integer(int64_t value);
struct emu_json *emu_json_copy(const struct emu_json *v);
/* Set the member, in place of all that have this name. False without memory. */
bool emu_json_put(struct emu_json *object, struct slice name, struct emu_json *value);
bool emu_json_append(struct emu_json *array, struct emu_json *value);
/* Remove all members of this name; one element or member. */
void emu_json_remove(struct emu_json *object, struct slice name);
void emu_json_remove_item(struct emu_json *parent, struct emu_json **item);
/* The last member of this name, to be changed; NULL when there is none. */
struct emu_json *emu_json_at(struct emu_json *object, struct slice name);
struct emu_json *emu_json_first_of(struct emu_json *v);
struct emu_json *emu_json_next_of(struct emu_json *v);
/* The member of this name if it is a container of that kind, else a new empty one in its place; NULL without memory. */
struct emu_json *emu_json_section(struct emu_json *object, const char *name, char bracket);
/* Put a copy of each member of from into object; objects are merged member by member. */
bool emu_json_merge(struct emu_json *object, const struct emu_json *from);

/* A writer: values in order, commas by itself. key is NULL inside arrays. */
struct emu_jw {
    struct sbuf *out;
    bool more;
};
#define EMU_JW(sb) ((struct emu_jw){ (sb), false })
void jw_open(struct emu_jw *w, const char *key, char bracket);
void jw_close(struct emu_jw *w, char bracket);
void jw_text(struct emu_jw *w, const char *key, struct slice value);
void jw_str(struct emu_jw *w, const char *key, const char *value); /* NULL writes null */
void jw_int(struct emu_jw *w, const char *key, int64_t value);
void jw_bool(struct emu_jw *w, const char *key, bool value);
void jw_raw(struct emu_jw *w, const char *key, struct slice json);
/* The text as a string in field KEY if it is UTF-8, else base64 in KEY_base64. */
void jw_bytes(struct emu_jw *w, const char *key, struct slice bytes);
#endif
