/*
 * Reading and printing queries: see query.h for the grammar.
 *
 * Two readers of one text must never see two things, so whatever some reader takes otherwise is refused here:
 * a raw '+' (a blank to some), a raw ';' (a separator to some), a second '=', an escaped name, a repeated
 * name. JSON values are kept as printed from the tree that was checked, never as they came.
 *
 * This file must never put a peer's raw bytes into an error text: names are repeated only when they are
 * plain.
 */
#include "core/query.h"
#include "base/enc.h"
#include "base/must.h"
#include "base/num.h"
#include "core/json.h"
#include <stdint.h>

#define NAME_SHOWN_MAX_BYTES 64

static const struct json_limits value_limits = {
    .depth = 8, .bytes = QUERY_VALUE_MAX_BYTES, .members = 256, .string_bytes = QUERY_VALUE_MAX_BYTES
};

/* ---- values ---------------------------------------------------------------- */

/* May c stand in a value as it is? RFC 3986 query characters but '+', ';', '=' (and '&', which ends the
 * item). */
static bool is_plain_value_char(char c)
{
    return ascii_is_alnum(c) || (c != '\0' && strchr("-._~!$'()*,:@/?", c));
}

static bool value_char_error(const char *name, char c, struct err *e)
{
    if (c == '+')
        return err_set(e, ERR_SYNTAX,
                       "query %s: a bare '+' is ambiguous; write %%20 for a blank, %%2B for a plus", name);
    if (c == ';' || c == '=')
        return err_set(e, ERR_SYNTAX, "query %s: write '%c' in a value as %%%02X", name, c, (unsigned)c);
    return err_set(e, ERR_SYNTAX, "query %s: a byte that must be percent-encoded stands in the value", name);
}

/* Decode each %XX once into the arena. */
static bool value_decode(const char *name, struct slice raw, struct arena *a, struct slice *out,
                         struct err *e)
{
    char *to = arena_alloc(a, raw.n + 1);
    size_t n = 0;

    if (!to)
        return err_set(e, ERR_MEMORY, "query %s: out of memory", name);
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (c != '%' && !is_plain_value_char(c))
            return value_char_error(name, c, e);
        if (c == '%') {
            if (raw.n - i < 3 || !enc_unhex(slice_from(raw.p + i + 1, 2), &c, 1))
                return err_set(e, ERR_SYNTAX, "query %s: '%%' without two hex digits", name);
            i += 2;
        }
        to[n++] = c;
    }
    *out = slice_from(to, n);
    return true;
}

/* C0, DEL, and C1 (which are C2 80..C2 9F in UTF-8). */
static bool has_control(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f)
            return true;
        if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0)
            return true;
    }
    return false;
}

/* In a canonical print only '"', '\\' and control characters are escaped, so an escape of anything else is a control. */
static bool has_escaped_control(struct slice printed)
{
    for (size_t i = 0; i + 1 < printed.n; i++) {
        if (printed.p[i] != '\\')
            continue;
        i++;
        if (printed.p[i] != '"' && printed.p[i] != '\\')
            return true;
    }
    return false;
}

static bool all_children(const struct json *n, enum json_type type)
{
    for (const struct json *child = json_first(n); child; child = json_next(child))
        if (json_type(child) != type)
            return false;
    return true;
}

static bool json_is_of(const struct json *n, enum op_type type)
{
    switch (type) {
    case OP_OBJECT:
    case OP_MAP_ANY:
        return json_type(n) == JSON_OBJECT;
    case OP_MAP_STRING:
        return json_type(n) == JSON_OBJECT && all_children(n, JSON_STRING);
    case OP_ARRAY_STRING:
        return json_type(n) == JSON_ARRAY && all_children(n, JSON_STRING);
    case OP_ARRAY_OBJECT:
        return json_type(n) == JSON_ARRAY && all_children(n, JSON_OBJECT);
    case OP_ANY:
        return true;
    case OP_TYPE_NONE:
    case OP_STRING:
    case OP_INTEGER:
    case OP_NUMBER:
    case OP_SIZE:
    case OP_BOOLEAN:
        return false;
    }
    return false;
}

/* Replace *value by the canonical print of the JSON it holds. */
static bool value_json(const struct op_field *field, struct arena *a, struct slice *value, struct err *e)
{
    struct err inner = { 0 };
    struct json *tree = json_load(*value, &value_limits, &inner);
    SCOPED(sbuf) text = SBUF_MAX(QUERY_VALUE_MAX_BYTES);

    if (!tree)
        return err_set(e, inner.code, "query %s: %s", field->name.p, inner.text);
    bool fits = json_is_of(tree, field->type);
    if (fits)
        json_print(tree, &text);
    json_free(&tree);
    if (!fits)
        return err_set(e, ERR_SYNTAX, "query %s: must be JSON, %s", field->name.p, op_type_name(field->type));
    *value = arena_dup(a, sbuf_slice(&text));
    if (!sbuf_ok(&text) || !value->p)
        return err_set(e, ERR_MEMORY, "query %s: out of memory", field->name.p);
    if (has_control(*value) || has_escaped_control(*value))
        return err_set(e, ERR_SYNTAX, "query %s: must be without control characters, escaped ones too",
                       field->name.p);
    return true;
}

static bool value_comma_list(const struct op_field *field, struct slice value, struct err *e)
{
    struct slice rest = value, part;

    while (slice_split(&rest, ',', &part))
        if (slice_is_empty(part))
            return err_set(e, ERR_SYNTAX, "query %s: empty part in the list", field->name.p);
    return true;
}

static bool value_plain(const struct op_field *field, struct slice value, struct err *e)
{
    uint64_t n;

    if (field->type == OP_INTEGER && !num_u64(value, 0, INT32_MAX, &n))
        return err_set(e, ERR_RANGE, "query %s: must be an integer, 0 to 2147483647", field->name.p);
    if (field->type == OP_BOOLEAN && !slice_eq(value, S("true")) && !slice_eq(value, S("false")))
        return err_set(e, ERR_SYNTAX, "query %s: must be true or false", field->name.p);
    return true;
}

/* Check a decoded value against its field; a JSON value is replaced by its canonical print. */
static bool value_check(const struct op_field *field, struct arena *a, struct slice *value, struct err *e)
{
    const char *name = field->name.p;

    if (value->n > QUERY_VALUE_MAX_BYTES)
        return err_set(e, ERR_TOO_LONG, "query %s: longer than %d bytes", name, QUERY_VALUE_MAX_BYTES);
    if (slice_is_empty(*value) && field->type != OP_STRING)
        return err_set(e, ERR_SYNTAX, "query %s: must not be empty", name);
    if (!enc_utf8_valid(*value) || has_control(*value))
        return err_set(e, ERR_SYNTAX, "query %s: must be UTF-8 without control characters", name);
    switch (field->encoding) {
    case OP_ENCODING_NONE:
        return value_plain(field, *value, e);
    case OP_ENCODING_JSON:
        return value_json(field, a, value, e);
    case OP_ENCODING_COMMA:
        return value_comma_list(field, *value, e);
    }
    return false;
}

/* ---- items ----------------------------------------------------------------- */

/* Where the item of this name is, or would be. */
static size_t item_place(const struct query *q, struct slice name, bool *out_there)
{
    size_t i = 0;

    while (i < q->count && slice_cmp(q->items[i].field->name, name) < 0)
        i++;
    *out_there = i < q->count && slice_eq(q->items[i].field->name, name);
    return i;
}

/* A field stands in the query once, so op->query_count items are always enough. */
static void item_put(struct query *q, const struct op_field *field, struct slice value)
{
    bool there;
    size_t at = item_place(q, field->name, &there);

    if (!there) {
        MUST(q->count < q->op->query_count);
        memmove(&q->items[at + 1], &q->items[at], (q->count - at) * sizeof q->items[0]);
        q->count++;
    }
    q->items[at] = (struct query_item){ field, value };
}

static bool is_showable(struct slice name)
{
    if (name.n == 0 || name.n > NAME_SHOWN_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_is_alnum(name.p[i]) && name.p[i] != '_' && name.p[i] != '-' && name.p[i] != '.')
            return false;
    return true;
}

static bool unknown_name(const struct op *op, struct slice name, size_t number, struct err *e)
{
    if (!is_showable(name))
        return err_set(e, ERR_UNKNOWN, "query item %zu: no plain name; names are written without escapes",
                       number);
    for (size_t i = 0; i < op->query_count; i++)
        if (slice_eq_nocase(op->query[i].name, name))
            return err_set(e, ERR_UNKNOWN, "query %.*s: names are exact, write %s", SLICE_FMT(name),
                           op->query[i].name.p);
    return err_set(e, ERR_UNKNOWN, "query %.*s: %s has no such parameter", SLICE_FMT(name), op->name.p);
}

/* Read one item (the number-th). */
static bool item_read(struct query *q, struct slice item, size_t number, struct arena *a, struct err *e)
{
    size_t at = slice_find(item, '=');
    struct slice name = slice_from(item.p, at), value;
    bool there;

    if (slice_is_empty(item))
        return err_set(e, ERR_SYNTAX, "query item %zu: empty", number);
    const struct op_field *field = op_query_field(q->op, name);
    if (!field)
        return unknown_name(q->op, name, number, e);
    if (at == item.n)
        return err_set(e, ERR_SYNTAX, "query %s: has no '='", field->name.p);
    item_place(q, name, &there);
    if (there)
        return err_set(e, ERR_CONFLICT, "query %s: given twice", field->name.p);
    if (!value_decode(field->name.p, slice_skip(item, at + 1), a, &value, e) ||
        !value_check(field, a, &value, e))
        return false;
    item_put(q, field, value);
    return true;
}

static bool required_are_there(const struct query *q, struct err *e)
{
    for (size_t i = 0; i < q->op->query_count; i++)
        if (q->op->query[i].required && !query_get(q, q->op->query[i].name).p)
            return err_set(e, ERR_MISSING, "query %s: missing, %s needs it", q->op->query[i].name.p,
                           q->op->name.p);
    return true;
}

/* ---- public ---------------------------------------------------------------- */

bool query_init(const struct op *op, struct arena *a, struct query *out)
{
    *out = (struct query){ .op = op, .items = ARENA_ARRAY(a, struct query_item, op->query_count) };
    return out->items != NULL;
}

bool query_parse(const struct op *op, struct slice raw, struct arena *a, struct query *out, struct err *e)
{
    struct slice rest = raw.n ? raw : SLICE_NONE, item;
    size_t number = 0;

    if (!query_init(op, a, out))
        return err_set(e, ERR_MEMORY, "query: out of memory");
    while (slice_split(&rest, '&', &item))
        if (!item_read(out, item, ++number, a, e))
            return false;
    return required_are_there(out, e);
}

struct slice query_get(const struct query *q, struct slice name)
{
    bool there;
    size_t at = item_place(q, name, &there);

    return there ? q->items[at].value : SLICE_NONE;
}

bool query_set(struct query *q, struct arena *a, struct slice name, struct slice value, struct err *e)
{
    const struct op_field *field = op_query_field(q->op, name);

    if (!field)
        return unknown_name(q->op, name, 1, e);
    struct slice copy = arena_dup(a, value);
    if (!copy.p)
        return err_set(e, ERR_MEMORY, "query %s: out of memory", field->name.p);
    if (!value_check(field, a, &copy, e))
        return false;
    item_put(q, field, copy);
    return true;
}

void query_print_canonical(const struct query *q, struct sbuf *out)
{
    for (size_t i = 0; i < q->count; i++) {
        if (i)
            sbuf_addc(out, '&');
        enc_percent(q->items[i].field->name, out);
        sbuf_addc(out, '=');
        enc_percent(q->items[i].value, out);
    }
}
