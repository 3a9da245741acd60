/*
 * The catalogue of operations: see opcat.h. The tables stand in opcat.def, which is generated; this file only
 * looks things up in them.
 *
 * Matching is a walk down the method's tree of path segments. The generator has made sure that no node has
 * both a literal and a placeholder below it, so the walk never turns back and no operation
 * can shadow another.
 *
 * This file must never decode, fold or repair anything in a path: what is not in the closed grammar is
 * refused.
 */
#include "core/opcat.h"
#include "base/must.h"
#include <stdint.h>

#define ROUTE_NO_OP UINT16_MAX

struct route {
    struct slice segment; /* empty: a placeholder */
    uint16_t first_child, child_count;
    uint16_t op; /* index into ops, or ROUTE_NO_OP */
};

#include "core/opcat.def"

#define OP_COUNT (sizeof ops / sizeof ops[0])

const char *op_effect_name(enum op_effect e)
{
    static const char *const names[OP_EFFECT_COUNT_] = {
        [OP_EFFECT_NONE] = "none", [OP_READ] = "read",   [OP_SECRET] = "secret", [OP_MINT] = "mint",
        [OP_CREATE] = "create",    [OP_SCALE] = "scale", [OP_UPDATE] = "update", [OP_LIFECYCLE] = "lifecycle",
        [OP_DELETE] = "delete",    [OP_LABEL] = "label",
    };

    return e < OP_EFFECT_COUNT_ ? names[e] : "none";
}

const char *op_type_name(enum op_type t)
{
    static const char *const names[] = {
        [OP_TYPE_NONE] = "none",
        [OP_STRING] = "string",
        [OP_INTEGER] = "integer",
        [OP_NUMBER] = "number",
        [OP_SIZE] = "size in GB",
        [OP_BOOLEAN] = "boolean",
        [OP_OBJECT] = "object",
        [OP_ARRAY_STRING] = "array of strings",
        [OP_ARRAY_OBJECT] = "array of objects",
        [OP_MAP_STRING] = "map of strings",
        [OP_MAP_ANY] = "map",
        [OP_ANY] = "any value",
    };

    return t < sizeof names / sizeof names[0] ? names[t] : "none";
}

const char *op_meaning_name(enum op_meaning m)
{
    static const char *const names[OP_MEANING_COUNT_] = {
        [OP_MEANS_NONE] = "none",
        [OP_FREE] = "free",
        [OP_REFUSED] = "refused",
        [OP_REFUSED_TRUE] = "refused_true",
        [OP_INNER] = "inner",
        [OP_CLUSTER] = "cluster",
        [OP_OWNED] = "owned",
        [OP_NEW] = "new",
        [OP_BOUNDED] = "bounded",
        [OP_SECRET_VALUE] = "secret",
        [OP_LABELS] = "labels",
        [OP_LABEL_KEYS] = "label_keys",
        [OP_REPLICAS] = "replicas",
        [OP_SCALER_MIN] = "scaler_min",
        [OP_SCALER_MAX] = "scaler_max",
        [OP_ACTIVATION] = "activation",
        [OP_CRON_TARGET] = "cron_target",
        [OP_SURGE] = "surge",
        [OP_DETACH] = "detach",
        [OP_VERSION] = "version",
        [OP_SELF] = "self",
    };

    return m < OP_MEANING_COUNT_ ? names[m] : "none";
}

const char *op_raise_name(enum op_raise r)
{
    static const char *const names[] = {
        [OP_RAISE_NONE] = "none",       [OP_RAISE_CREATE] = "create", [OP_RAISE_CLONE] = "clone",
        [OP_RAISE_UPDATE] = "update",   [OP_RAISE_SCALE] = "scale",   [OP_RAISE_DETACH] = "detach",
        [OP_RAISE_VERSION] = "version", [OP_RAISE_START] = "start",
    };

    return r < sizeof names / sizeof names[0] ? names[r] : "none";
}

const char *bound_name(enum bound b)
{
    static const char *const names[BOUND_COUNT_] = {
        [BOUND_NONE] = "",
#define BOUND(key, style, reason, lo, hi, help) [BOUND_##key] = #key,
#include "core/bounds.def"
#undef BOUND
    };

    return b < BOUND_COUNT_ ? names[b] : "";
}

size_t opcat_count(void)
{
    return OP_COUNT;
}

const struct op *opcat_at(size_t i)
{
    MUST(i < OP_COUNT);
    return &ops[i];
}

size_t opcat_index(const struct op *op)
{
    MUST(op >= ops && op < ops + OP_COUNT);
    return (size_t)(op - ops);
}

const struct op *opcat_by_name(struct slice name)
{
    size_t lo = 0, hi = OP_COUNT;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = slice_cmp(name, ops[mid].name);
        if (c == 0)
            return &ops[mid];
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

const struct op_field *op_field_find(const struct op_field *fields, size_t count, struct slice name)
{
    size_t lo = 0, hi = count;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = slice_cmp(name, fields[mid].name);
        if (c == 0)
            return &fields[mid];
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

const struct op_field *op_query_field(const struct op *op, struct slice name)
{
    return op_field_find(op->query, op->query_count, name);
}

const struct op_field *op_body_field(const struct op *op, struct slice name)
{
    return op_field_find(op->fields, op->field_count, name);
}

static bool is_path_char(char c)
{
    return ascii_is_alnum(c) || c == '-' || c == '_' || c == '.' || c == '~';
}

static bool is_segment(struct slice s)
{
    if (s.n == 0 || slice_eq(s, S(".")) || slice_eq(s, S("..")))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_path_char(s.p[i]))
            return false;
    return true;
}

static bool is_path(struct slice path)
{
    struct slice rest = slice_skip(path, 1), segment;

    if (path.n < 2 || path.p[0] != '/')
        return false;
    while (slice_split(&rest, '/', &segment))
        if (!is_segment(segment))
            return false;
    return true;
}

static const struct route *child_of(const struct route *at, struct slice segment)
{
    for (size_t i = 0; i < at->child_count; i++) {
        const struct route *child = &routes[at->first_child + i];
        if (slice_is_empty(child->segment) || slice_eq(child->segment, segment))
            return child;
    }
    return NULL;
}

/* The operation of this root that has this path, with its parameters. */
static bool walk(const struct route *at, struct slice path, struct op_match *out)
{
    struct slice rest = slice_skip(path, 1), segment;
    size_t params = 0;

    *out = (struct op_match){ 0 };
    while (slice_split(&rest, '/', &segment)) {
        at = child_of(at, segment);
        if (!at)
            return false;
        if (slice_is_empty(at->segment)) {
            MUST(params < OP_PARAMS_MAX);
            out->params[params++] = segment;
        }
    }
    if (at->op == ROUTE_NO_OP)
        return false;
    out->op = &ops[at->op];
    MUST(params == out->op->param_count);
    return true;
}

/* The roots are the first rows, in this order (METHODS in opcat_gen.py). */
static const enum http1_method root_methods[] = { HTTP1_GET, HTTP1_POST, HTTP1_PUT, HTTP1_DELETE };

enum opcat_result opcat_match(enum http1_method method, struct slice path, struct op_match *out)
{
    enum opcat_result result = OPCAT_NO_PATH;

    *out = (struct op_match){ 0 };
    if (!is_path(path))
        return OPCAT_BAD_PATH;
    for (size_t i = 0; i < sizeof root_methods / sizeof root_methods[0]; i++)
        if (root_methods[i] == method && walk(&routes[i], path, out))
            return OPCAT_FOUND;
    for (size_t i = 0; i < sizeof root_methods / sizeof root_methods[0]; i++)
        if (root_methods[i] != method && walk(&routes[i], path, out))
            result = OPCAT_NO_METHOD;
    *out = (struct op_match){ 0 };
    return result;
}

struct slice op_match_param(const struct op_match *m, struct slice name)
{
    for (size_t i = 0; m->op && i < m->op->param_count; i++)
        if (slice_eq(m->op->params[i], name))
            return m->params[i];
    return SLICE_NONE;
}
