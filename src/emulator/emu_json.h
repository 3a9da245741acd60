/*
 * emu_json: JSON for the emulator; the only file of it that knows cJSON. Reading is as lenient as cJSON is (names may
 * repeat, their order is kept), so that a caller can look at everything that came. Writing goes straight into an sbuf.
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
