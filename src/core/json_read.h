/*
 * json_read: one strict reader of RFC 8259, piece by piece, without memory of its own; json_scan, json_load
 * and the redaction are loops over it, so that they cannot disagree on where a value begins and ends. Beyond
 * the RFC it refuses what libraries read differently: byte order mark, NUL, \u0000, lone surrogates,
 * ill-formed UTF-8. It keeps no list of names: only json_scan refuses duplicates and enforces limits.
 */
#ifndef EG_JSON_READ_H
#define EG_JSON_READ_H
#include "base/err.h"
#include "base/sbuf.h"

#define JSON_READ_DEPTH_MAX 128

enum json_event {
    JSON_EVENT_ERROR = 0, /* the reader's why and error_at say more; it stays in this state */
    JSON_EVENT_OBJECT,
    JSON_EVENT_OBJECT_END,
    JSON_EVENT_ARRAY,
    JSON_EVENT_ARRAY_END,
    JSON_EVENT_NAME,
    JSON_EVENT_STRING,
    JSON_EVENT_NUMBER,
    JSON_EVENT_TRUE,
    JSON_EVENT_FALSE,
    JSON_EVENT_NULL,
    JSON_EVENT_DONE /* the whole text was one value */
};

/* A piece of the text: bytes start..end of it. */
struct json_piece {
    enum json_event event;
    size_t start, end;
    struct slice raw;  /* NAME, STRING: between the quotes, still escaped; NUMBER: its token */
    size_t text_bytes; /* NAME, STRING: how long the unescaped text is; NUMBER: how long its token is */
};

/* One open array or object, and where in it the reader stands. */
struct json_level {
    bool is_object;
    struct slice name; /* the member being read, escaped; p is NULL before its name was read */
    size_t index;      /* the element being read, from 0 */
};

struct json_reader {
    struct slice text;
    size_t at;
    int want; /* what may come next */
    size_t depth;
    struct json_level levels[JSON_READ_DEPTH_MAX];
    const char *why;
    size_t error_at;
    bool is_limit; /* the error is a limit of ours: for other readers the text may well be JSON */
};

void json_reader_init(struct json_reader *r, struct slice text);
/* The next piece; false at an error (out->event is JSON_EVENT_ERROR). After JSON_EVENT_DONE it returns that
 * for ever. */
bool json_reader_next(struct json_reader *r, struct json_piece *out);
/* Skip the rest of the array or object whose opening piece was the last one; out is its closing piece. */
bool json_reader_skip(struct json_reader *r, struct json_piece *out);
/* Record "at byte 31 (/Config/OssPath): why". The pointer shows printable ASCII only and is cut when long. */
bool json_reader_fail(const struct json_reader *r, struct err *e, enum err_code code, size_t at,
                      const char *why);

/* For the raw text of accepted strings. The next character at *at, moving it on; false at the end. */
static inline bool json_raw_next(struct slice raw, size_t *at, uint32_t *out_code);
void json_raw_unescape(struct slice raw, struct sbuf *out);
/* The same text after unescaping? Without case: ASCII letters, and the four characters that full case mapping
 * takes to one of them (U+017F to s, U+212A to k, U+0130 and U+0131 to i), since a server may fold that way.
 */
bool json_raw_eq(struct slice a, struct slice b);
bool json_raw_eq_nocase(struct slice a, struct slice b);
/* Order by folded text: <0, 0, >0. */
int json_raw_cmp_nocase(struct slice a, struct slice b);
static inline uint32_t json_fold(uint32_t code);

/* ---- the common case: plain ASCII ---- */

bool json_raw_next_slow(struct slice raw, size_t *at, uint32_t *out_code);
uint32_t json_fold_slow(uint32_t code);

static inline bool json_raw_next(struct slice raw, size_t *at, uint32_t *out_code)
{
    if (*at >= raw.n || (unsigned char)raw.p[*at] >= 0x80 || raw.p[*at] == '\\')
        return json_raw_next_slow(raw, at, out_code);
    *out_code = (unsigned char)raw.p[(*at)++];
    return true;
}

static inline uint32_t json_fold(uint32_t code)
{
    return code < 0x80 ? (uint32_t)(unsigned char)ascii_lower((char)code) : json_fold_slow(code);
}
#endif
