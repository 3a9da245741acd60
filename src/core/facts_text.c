/*
 * Judged values as they stand in records, and back: see facts.h. The place of a value tells its meaning, by the same tree
 * that it was read by, so that a record cannot say something that no request could.
 */
#include "core/facts_inner.h"
#include "base/enc.h"

static struct slice fact_name(const struct fact *v)
{
    return slice_of(v->bound != BOUND_NONE ? bound_name(v->bound) : op_meaning_name(v->meaning));
}

bool facts_print(const struct facts *f, struct sbuf *out)
{
    char most[512] = "";
    SCOPED(sbuf) text = SBUF_LENT(most, sizeof most, FACTS_TEXT_MAX_BYTES);

    sbuf_addc(&text, '[');
    for (size_t i = 0; i < f->count; i++) {
        const struct fact *v = &f->values[i];
        sbuf_adds(&text, i ? ",[" : "[");
        enc_json_string(fact_name(v), &text);
        sbuf_addc(&text, ',');
        enc_json_string(v->where, &text);
        sbuf_addc(&text, ',');
        if (v->is_number)
            sbuf_add_i64(&text, v->number);
        else
            enc_json_string(v->text, &text);
        sbuf_addc(&text, ']');
    }
    sbuf_addc(&text, ']');
    sbuf_add(out, sbuf_slice(&text));
    return sbuf_ok(&text) && sbuf_ok(out);
}

/* The field at "Config.OssPath", "query CustomDomain.Domain", "path ServiceName"; NULL when the operation has none. */
static const struct op_field *field_at(const struct op *op, struct slice where)
{
    const struct op_field *fields = op->fields, *f = NULL;
    size_t count = op->field_count;

    if (slice_starts(where, S("path "))) {
        for (size_t i = 0; i < op->param_count; i++)
            if (slice_eq(op->params[i], slice_skip(where, 5)))
                return &op->param_fields[i];
        return NULL;
    }
    if (slice_starts(where, S("query "))) {
        where = slice_skip(where, 6);
        fields = op->query;
        count = op->query_count;
    }
    for (size_t dot; where.n; where = slice_skip(where, dot + 1)) {
        dot = slice_find(where, '.');
        struct slice name = slice_from(where.p, dot);
        f = op_field_find(fields, count, slice_from(name.p, slice_find(name, '[')));
        if (!f || f->meaning == OP_LABELS)
            return f;
        fields = f->inner;
        count = f->inner_count;
    }
    return f;
}

static enum bound bound_by_name(struct slice name)
{
    for (int b = BOUND_NONE + 1; b < BOUND_COUNT_; b++)
        if (slice_eq(slice_of(bound_name((enum bound)b)), name))
            return (enum bound)b;
    return BOUND_NONE;
}

/* What a value of this name at this place means; false when the field there cannot have such a value. */
static bool meaning_of(const struct op_field *f, struct slice name, struct fact *v)
{
    v->bound = bound_by_name(name);
    v->meaning = f->meaning;
    if (f->meaning == OP_LABELS) {
        v->meaning = v->bound == BOUND_label_keys ? OP_LABEL_KEYS : OP_LABELS;
        return v->bound == BOUND_label_keys || slice_eq(name, S("labels"));
    }
    if (f->bound == BOUND_resources && v->bound == BOUND_virtual_resources)
        return true;
    return v->bound == f->bound && slice_eq(name, fact_name(v));
}

/* What can only ever be refused is taken from any place. */
static bool parse_refused(struct facts_reader *r, const struct json *entry)
{
    const struct json *where = json_next(json_first(entry)), *value = json_next(where);
    struct fact v = { .meaning = OP_REFUSED };

    if (json_type(entry) != JSON_ARRAY || json_count(entry) != 3 || json_type(where) != JSON_STRING ||
        json_type(value) != JSON_STRING)
        return err_set(r->e, ERR_SYNTAX, "facts: an entry must be three texts");
    v.where = arena_dup(r->a, json_text(where));
    v.text = arena_dup(r->a, json_text(value));
    return v.where.p && v.text.p ? facts_add(r, v) : err_set(r->e, ERR_MEMORY, "out of memory");
}

static bool parse_one(struct facts_reader *r, const struct json *entry)
{
    const struct json *name = json_first(entry), *where = json_next(name), *value = json_next(where);
    const struct op_field *f = field_at(r->out->op, json_text(where));
    struct fact v = { .is_number = f && facts_is_number(f) };

    if (slice_eq(json_text(name), slice_of(op_meaning_name(
                                      OP_REFUSED)))) /* of a stored configuration, at no place of the tree */
        return parse_refused(r, entry);
    if (json_type(entry) != JSON_ARRAY || json_count(entry) != 3 || !f || !meaning_of(f, json_text(name), &v))
        return err_set(r->e, ERR_UNKNOWN, "facts: an entry that no request of %.*s could have",
                       SLICE_FMT(r->out->op->name));
    if (facts_is_number(f) ? !json_integer(value, 0, FACTS_NUMBER_MAX, &v.number)
                           : json_type(value) != JSON_STRING)
        return err_set(r->e, ERR_RANGE, "facts: a value that no request of %.*s could have",
                       SLICE_FMT(r->out->op->name));
    v.where = arena_dup(r->a, json_text(where));
    if (!v.is_number)
        v.text = arena_dup(r->a, json_text(value));
    if (!v.where.p || (!v.is_number && !v.text.p))
        return err_set(r->e, ERR_MEMORY, "out of memory");
    return facts_add(r, v);
}

bool facts_parse(const struct op *op, struct slice text, struct arena *a, struct facts *out, struct err *e)
{
    static const struct json_limits limits = { 2, FACTS_TEXT_MAX_BYTES, 4 * FACTS_MAX + 1,
                                               FACTS_TEXT_MAX_BYTES };
    struct facts_reader r = { .a = a, .out = out, .e = e };
    struct json *tree = json_load(text, &limits, e);
    bool fine = tree != NULL;

    facts_init(out, op);
    if (tree && json_type(tree) != JSON_ARRAY)
        fine = err_set(e, ERR_SYNTAX, "facts must be an array");
    for (const struct json *m = json_first(tree); fine && m; m = json_next(m))
        fine = parse_one(&r, m);
    json_free(&tree);
    if (!out->service.p)
        out->service = out->new_service;
    return fine;
}
