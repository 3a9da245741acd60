/*
 * slice: a read-only view of text or bytes, by value. It owns nothing and is not NUL-ended.
 * Comparisons are by byte; "nocase" folds ASCII only, whatever the locale.
 */
#ifndef EG_SLICE_H
#define EG_SLICE_H
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *p;
    size_t n;
};

/* A slice of a string literal (S), for a table's initialiser (S_INIT), of a C string, of p..p+n. */
#define S(lit)       ((struct slice){ "" lit, sizeof(lit) - 1 })
#define S_INIT(lit)  { "" lit, sizeof(lit) - 1 }
#define SLICE_NONE   ((struct slice){ NULL, 0 })
/* For printf("%.*s", SLICE_FMT(s)). */
#define SLICE_FMT(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct slice slice_of(const char *text);
static inline struct slice slice_from(const void *p, size_t n);

static inline bool slice_is_empty(struct slice s);
static inline bool slice_eq(struct slice a, struct slice b);
bool slice_eq_nocase(struct slice a, struct slice b);
static inline bool slice_starts(struct slice s, struct slice prefix);
bool slice_starts_nocase(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);
/* Order by byte value, a prefix before what it begins: <0, 0, >0. */
int slice_cmp(struct slice a, struct slice b);

/* The part without its first n bytes (all of it when n is larger). */
static inline struct slice slice_skip(struct slice s, size_t n);
/* Without blanks (space and tab) at both ends. */
struct slice slice_trim(struct slice s);
/* Index of the first c, or s.n. */
size_t slice_find(struct slice s, char c);
bool slice_has(struct slice s, char c);
/* Move *rest behind this literal, or behind all before the first c, which stays; false, and nothing moves, when it does not begin with it,
 * or there is no c. */
bool slice_take(struct slice *rest, struct slice literal);
bool slice_take_until(struct slice *rest, char c, struct slice *out);
/* Take the part of *rest before the first `sep` and move *rest behind it. False when *rest is used up
 * (rest->p is NULL). "a,,b" yields "a", "", "b"; "" yields one empty part. */
bool slice_split(struct slice *rest, char sep, struct slice *out_part);

/* ASCII classes, independent of the locale. */
static inline bool ascii_is_digit(char c);
static inline bool ascii_is_alpha(char c);
static inline bool ascii_is_alnum(char c);
static inline char ascii_lower(char c);
/* ---- small enough to cost less where they are used ---- */

static inline struct slice slice_of(const char *text)
{
    return (struct slice){ text, text ? strlen(text) : 0 };
}

static inline struct slice slice_from(const void *p, size_t n)
{
    return (struct slice){ p, n };
}

static inline bool slice_is_empty(struct slice s)
{
    return s.n == 0;
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline struct slice slice_skip(struct slice s, size_t n)
{
    if (n > s.n)
        n = s.n;
    return (struct slice){ s.p ? s.p + n : NULL, s.n - n };
}

static inline bool slice_starts(struct slice s, struct slice prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool ascii_is_alnum(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c);
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
#endif
