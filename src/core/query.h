/*
 * query: the query of a request, read strictly against the catalogue and printed again in canonical order.
 * Nothing of the caller's text goes out: what is sent is printed from the decoded values (SECURITY section 4 "Query").
 *
 * Grammar: name=value items joined by '&'. A name is one of the operation's own, exact case, unescaped, once. A value is
 * made of the characters that RFC 3986 allows in a query but '+', ';' and '='; all others are written %XX and are decoded
 * once. Decoded it is valid UTF-8 without control characters, at most QUERY_VALUE_MAX_BYTES, and of the type that the
 * catalogue gives it:
 *   string     any text, empty too
 *   integer    0..2147483647, digits without a leading zero
 *   boolean    true or false
 *   json       a text that json_scan accepts, of the listed type, no control character in its strings, not even escaped;
 *              kept in its canonical print
 *   comma      parts joined by commas, none empty
 * An absent query and an empty one are the same.
 */
#ifndef EG_QUERY_H
#define EG_QUERY_H
#include "base/arena.h"
#include "base/err.h"
#include "base/sbuf.h"
#include "core/opcat.h"

#define QUERY_VALUE_MAX_BYTES 1024

struct query_item {
    const struct op_field *field;
    struct slice value; /* decoded; in the arena */
};

/* Items in order of name. A plain value: copying it shares the items. */
struct query {
    const struct op *op;
    struct query_item *items;
    size_t count;
};

/* An empty query for this operation. False without memory. */
bool query_init(const struct op *op, struct arena *a, struct query *out);
/* Read the part of a target behind '?'. False: e says which item or name, and what was expected. All that
 * *out holds lives in the arena; raw is not kept. */
bool query_parse(const struct op *op, struct slice raw, struct arena *a, struct query *out, struct err *e);
/* The value of a name; SLICE_NONE (p is NULL) when it was not given. */
struct slice query_get(const struct query *q, struct slice name);
/* Set or replace a (decoded) value under the same rules: the name must be the operation's, the value of its
 * type. */
bool query_set(struct query *q, struct arena *a, struct slice name, struct slice value, struct err *e);
/* enc(name)=enc(value) joined by '&', names in order of bytes (docs/eas/README.md, Signature V3, 3). Empty
 * for none. */
void query_print_canonical(const struct query *q, struct sbuf *out);
#endif
