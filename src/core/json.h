/*
 * json: a tree over a text that json_scan accepted, exact-case look-up, checked integers, canonical print, and redaction
 * of a text by splicing. json.c is the only file of the gateway that sees cJSON.
 * Numbers keep the text of their token (cJSON's raw items), so nothing is rounded.
 * A tree owns all its nodes; nodes are borrowed from it and die with it.
 */
#ifndef EG_JSON_H
#define EG_JSON_H
#include "base/sbuf.h"
#include "base/err.h"
#include "core/json_scan.h"
#include <stdint.h>

struct json; /* a node */

enum json_type { JSON_NONE = 0, JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Scan, then parse; NULL with e set. The caller frees the root. */
struct json *json_load(struct slice text, const struct json_limits *limits, struct err *e);
void json_free(struct json **root);

enum json_type json_type(const struct json *n); /* JSON_NONE for NULL */
const char *json_type_name(enum json_type t);   /* "number", "object" ...; "nothing" for JSON_NONE */
/* Member by exact name, or NULL (also when n is NULL or no object). */
const struct json *json_get(const struct json *n, struct slice name);
/* Walk members or elements: json_first(n), json_next(child); NULL at the end. */
const struct json *json_first(const struct json *n);
const struct json *json_next(const struct json *child);
struct slice json_name(const struct json *member); /* SLICE_NONE for an element or a root */
size_t json_count(const struct json *n);
/* The text of a string node, unescaped; SLICE_NONE for other types. */
struct slice json_text(const struct json *n);
/* The token of a number as it was written; SLICE_NONE for other types. */
struct slice json_number_token(const struct json *n);
/* A judged integer: the token is -?(0|[1-9][0-9]*), no '.', no exponent, no "-0", in lo..hi. */
bool json_integer(const struct json *n, int64_t lo, int64_t hi, int64_t *out);

/* Build and change (for what goes out). Strings are copied. False / NULL without memory, and when the change would make
 * a text that json_scan refuses: a NUL or ill-formed UTF-8, a name that differs from another member's only in case.
 * json_set and its kin replace the member of this exact name in its place, or add one at the end. */
struct json *json_new_object(void);
struct json *json_new_array(void);
bool json_set_text(struct json *object, struct slice name, struct slice text);
bool json_set_integer(struct json *object, struct slice name, int64_t value);
/* Attach a root (json_take, json_load, json_new_*) as a member or at the end of an array; ownership moves and *value
 * becomes NULL. On failure it stays the caller's. A node must not be put into itself. */
bool json_set(struct json *object, struct slice name, struct json **value);
bool json_append(struct json *array, struct json **value);
/* Detach a child from its parent; it is the caller's then, and has no name. NULL if it is no child of parent. */
struct json *json_take(struct json *parent, const struct json *child);

/* Print canonically: no blanks, members in the order of the tree, numbers by their token, strings in UTF-8 with the
 * shortest escapes (only for quote, backslash and controls below 0x20). The error sticks in out; a tree deeper than
 * JSON_PRINT_DEPTH_MAX is one. Loading what was printed and printing it again gives the same bytes. */
#define JSON_PRINT_DEPTH_MAX 256
void json_print(const struct json *n, struct sbuf *out);

/* Replace secrets in a text by "[redacted]", by splicing its bytes: all else is kept as it was sent. The value may be of
 * any type; an empty string and null stay. Names compare without case (json_read.h says how), unescaped, so that no
 * spelling escapes. out gets nothing that was not read: on failure (e set: the text is no JSON, or out is too small, or
 * there is no memory) it is cleared. *out_count = values replaced; may be NULL.
 * json_redact: the values at these JSON pointers, such as "/AccessToken"; a segment "*" stands for each element of an
 * array and each member of an object, as in "/Services/{star}/AccessToken" with {star} written as *.
 * json_redact_names: the values of members with one of these names (ASCII, without ~), at any depth.
 * json_redact_by: both at once, and by what strings say. *out_foreign = values that name what is not owned,
 * and arrays of names: what else is in them has to be looked at. */
struct json_redaction {
    const char *const *pointers;
    size_t pointer_count;
    const struct slice *names;
    size_t name_count;
    const struct slice *parts; /* any string that has one of these in it */
    size_t part_count;
    bool in_texts; /* a string that is JSON text is redacted, too: by names and parts; one with a foreign name is hidden whole */
    /* Members (and arrays of strings) whose texts name things: hidden unless owns() says so. */
    const struct slice *mentions;
    size_t mention_count;
    bool (*owns)(const void *arg, struct slice name);
    const void *arg;
};
bool json_redact_by(struct slice text, const struct json_redaction *by, struct sbuf *out, size_t *out_count,
                    size_t *out_foreign, struct err *e);
bool json_redact(struct slice text, const char *const *pointers, size_t pointer_count, struct sbuf *out,
                 size_t *out_count, struct err *e);
bool json_redact_names(struct slice text, const struct slice *names, size_t name_count, struct sbuf *out,
                       size_t *out_count, struct err *e);
#endif
