/*
 * Reads what a request asks for: see facts.h. One walk over the catalogue's tree of fields; the tree says what each value
 * means, this file only what a value of a type looks like. Whatever stands in no tree is refused by name; nothing is
 * guessed and nothing is skipped.
 */
#include "core/facts.h"
#include "core/facts_inner.h"
#include "base/num.h"
#include "core/reply.h"

#define SHOWN_MAX_BYTES 40
#define NAMES_SHOWN_MAX 12

const char *storage_name(enum storage s)
{
    switch (s) {
    case STORAGE_OSS:
        return "oss";
    case STORAGE_NAS:
        return "nas";
    case STORAGE_NONE:
        break;
    }
    return "";
}

static bool read_inner(struct facts_reader *r, const struct op_field *f, const struct json *v,
                       const struct facts_place *at)
{
    struct facts_place element = { .up = at };

    if (f->type != OP_ARRAY_OBJECT)
        return json_type(v) == JSON_OBJECT ? facts_read_object(r, f->inner, f->inner_count, v, at)
                                           : facts_refuse_type(r, f, at);
    if (json_type(v) != JSON_ARRAY)
        return facts_refuse_type(r, f, at);
    for (const struct json *m = json_first(v); m; m = json_next(m), element.index++)
        if (json_type(m) != JSON_OBJECT)
            return facts_refuse(r, &element, ERR_RANGE, "must be object");
        else if (!facts_read_object(r, f->inner, f->inner_count, m, &element))
            return false;
    return true;
}

static bool read_value(struct facts_reader *r, const struct op_field *f, const struct json *v,
                       const struct facts_place *at)
{
    if (f->meaning == OP_REFUSED)
        return facts_refuse(r, at, ERR_DENIED, "is refused: nothing in a policy can judge it");
    if (f->meaning == OP_INNER)
        return read_inner(r, f, v, at);
    return facts_read_leaf(r, f, v, at);
}

/* ---- objects --------------------------------------------------------------- */

/* What a lenient reader looks at: counts of instances, and the hardware of one. */
static bool is_hardware(const struct op_field *f)
{
    static const enum reason reasons[BOUND_COUNT_] = {
#define BOUND(key, style, reason, lo, hi, help) [BOUND_##key] = REASON_##reason,
#include "core/bounds.def"
#undef BOUND
    };

    for (size_t i = 0; i < f->inner_count; i++)
        if (is_hardware(&f->inner[i]))
            return true;
    return (f->meaning >= OP_REPLICAS && f->meaning <= OP_SURGE) || reasons[f->bound] == REASON_HARDWARE ||
           reasons[f->bound] == REASON_SPEC || slice_eq(f->name, S("containers")); /* which may have some */
}

/* Does the value say that there is none? */
static bool is_none(const struct json *v)
{
    int64_t n;

    return json_type(v) == JSON_NULL || json_type(v) == JSON_FALSE || json_integer(v, 0, 0, &n) ||
           (json_type(v) == JSON_STRING && json_text(v).n == 0) ||
           ((json_type(v) == JSON_OBJECT || json_type(v) == JSON_ARRAY) && !json_first(v));
}

/* Hardware that no tree has, or that is refused (docs/eas/operations.json, CreateService, spec): a service that has it has more
 * than the policy's keys say. The name may be the beginning of a flat one. */
static bool is_odd_hardware(const struct op_field *f, struct slice name, const struct json *v,
                            const struct facts_place *up)
{
    static const struct slice odd[] = { S_INIT("rdma"), S_INIT("npu"), S_INIT("gpu_model"), S_INIT("fpga") };
    name = slice_from(name.p, slice_find(name, '.'));
    if (is_none(v))
        return false;
    if (!f && up->up && slice_is_empty(up->name) && slice_eq(up->up->name, S("containers")))
        return slice_eq(name, S("resources"));
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        if (slice_eq(up->name, S("metadata")) && slice_eq(name, odd[i]))
            return true;
    return false;
}

static const char *known_names(struct facts_reader *r, const struct op_field *fields, size_t count)
{
    const char *text = "; expected ";

    for (size_t i = 0; i < count; i++)
        text = arena_printf(r->a, "%s%s%.*s", text,
                            i == 0          ? ""
                            : i + 1 < count ? ", "
                                            : " or ",
                            SLICE_FMT(fields[i].name));
    return text;
}

/* What a person wrote who wrote this name, when it is a known one in another form. */
static const char *hint(struct facts_reader *r, const struct op_field *fields, size_t count,
                        struct slice name)
{
    size_t dot = slice_find(name, '.');

    if (dot < name.n)
        return "; names with dots are not taken, write objects: \"metadata\": {\"instance\": 1}";
    for (size_t i = 0; i < count; i++)
        if (slice_eq_nocase(fields[i].name, name))
            return arena_printf(r->a, "; names are exact, write %s", fields[i].name.p);
    return count && count <= NAMES_SHOWN_MAX && !r->source ? known_names(r, fields, count) : "";
}

static bool refuse_name(struct facts_reader *r, const struct op_field *fields, size_t count,
                        struct slice name, const struct facts_place *up)
{
    struct slice shown = facts_is_printable(name) ? name : S("(not printable)");
    struct facts_place at = { .up = up };
    struct slice where;

    at.name = slice_from(shown.p, shown.n > SHOWN_MAX_BYTES ? SHOWN_MAX_BYTES : shown.n);
    if (!facts_place_text(r, &at, &where))
        return false;
    return err_set(r->e, ERR_UNKNOWN, "%s\"%.*s\" is not one of %.*s's%s",
                   r->source     ? "the stored configuration: "
                   : r->is_query ? "query: "
                                 : "body field ",
                   SLICE_FMT(where), SLICE_FMT(r->out->op->name), hint(r, fields, count, name));
}

/* A member of an object. In what EAS gives back a name may be flat, "metadata.instance": it is then read as the nested one
 * is, and beside it when both are there. */
static bool read_member(struct facts_reader *r, const struct op_field *fields, size_t count,
                        struct slice name, const struct json *v, const struct facts_place *up)
{
    const struct op_field *f = op_field_find(fields, count, name);
    size_t dot = slice_find(name, '.');
    struct facts_place at = { .up = up, .name = name };

    if (!f && r->source && dot < name.n) {
        at.name = slice_from(name.p, dot);
        f = op_field_find(fields, count, at.name);
        if (f && f->meaning == OP_INNER && f->type == OP_OBJECT)
            return read_member(r, f->inner, f->inner_count, slice_skip(name, dot + 1), v, &at);
        f = NULL;
    }
    if (r->source == FACTS_STORED_LENIENT && is_odd_hardware(f, name, v, up))
        return facts_add_text(r, OP_REFUSED, BOUND_NONE, S("stated"), &at); /* policy_after.c has the say */
    if (r->source == FACTS_STORED_LENIENT && (!f || !is_hardware(f)))
        return true;
    if (!f)
        return refuse_name(r, fields, count, name, up);
    if (r->source && json_type(v) == JSON_NULL)
        return true;
    return read_value(r, f, v, &at);
}

bool facts_read_object(struct facts_reader *r, const struct op_field *fields, size_t count,
                       const struct json *object, const struct facts_place *at)
{
    for (const struct json *m = json_first(object); m; m = json_next(m))
        if (!read_member(r, fields, count, json_name(m), m, at))
            return false;
    for (size_t i = 0; i < count && !r->source; i++) {
        struct facts_place missing = { .up = at, .name = fields[i].name };
        if (fields[i].required && !json_get(object, fields[i].name))
            return facts_refuse(r, &missing, ERR_MISSING, "is missing");
    }
    return true;
}

/* ---- a request ------------------------------------------------------------- */

static bool read_path(struct facts_reader *r, const struct op_match *match)
{
    static const struct facts_place root = { .name = S_INIT("path "), .is_root = true };
    const struct op *op = match->op;

    for (size_t i = 0; i < op->param_count; i++) {
        const struct op_field *f = &op->param_fields[i];
        struct facts_place at = { .up = &root, .name = f->name };
        struct slice text = match->params[i];
        if (f->meaning == OP_FREE)
            continue;
        if (f->bound == BOUND_services && !facts_is_service_name(text))
            return err_set(r->e, ERR_RANGE, "%.*s must be 1 to %d characters of a-z, 0-9, _ and -",
                           SLICE_FMT(f->name), FACTS_NAME_MAX_CHARS);
        if (f->bound == BOUND_configs) { /* its type is part of what a policy owns */
            struct slice type = op_match_param(match, S("ConfigType"));
            text = slice_of(arena_printf(r->a, "%.*s/%.*s", SLICE_FMT(type), SLICE_FMT(text)));
        }
        if (!text.p)
            return err_set(r->e, ERR_MEMORY, "out of memory");
        if (!facts_add_text(r, f->meaning, f->bound, text, &at))
            return false;
    }
    return true;
}

/* A value of the query that is JSON; query.h has read it already, so that it is of its outer type. */
static bool read_json_item(struct facts_reader *r, const struct query_item *item,
                           const struct facts_place *at)
{
    struct json *tree = json_load(item->value, &json_limits_request, r->e);
    bool fine = tree && read_value(r, item->field, tree, at);

    json_free(&tree);
    return fine;
}

static bool read_item(struct facts_reader *r, const struct query_item *item, const struct facts_place *at)
{
    const struct op_field *f = item->field;
    struct slice rest = item->value, part;
    uint64_t n;

    if (f->meaning == OP_REFUSED)
        return facts_refuse(r, at, ERR_DENIED, "is refused: nothing in a policy can judge it");
    if (f->encoding == OP_ENCODING_JSON)
        return read_json_item(r, item, at);
    if (f->type == OP_BOOLEAN)
        return facts_read_flag(r, f, slice_eq(item->value, S("true")), at);
    if (f->type == OP_INTEGER)
        return num_u64(item->value, 0, FACTS_NUMBER_MAX, &n) ? facts_read_number(r, f, (int64_t)n, at)
                                                             : facts_refuse_type(r, f, at);
    if (f->encoding != OP_ENCODING_COMMA)
        return facts_read_text(r, f, item->value, at);
    while (slice_split(&rest, ',', &part))
        if (!facts_read_text(r, f, part, at))
            return false;
    return true;
}

static bool read_query(struct facts_reader *r, const struct query *query)
{
    static const struct facts_place root = { .name = S_INIT("query "), .is_root = true };

    r->is_query = true;
    for (size_t i = 0; i < query->count; i++) {
        struct facts_place at = { .up = &root, .name = query->items[i].field->name };
        if (!read_item(r, &query->items[i], &at))
            return false;
    }
    r->is_query = false;
    r->out->replaces = slice_eq(query_get(query, S("UpdateType")), S("replace"));
    return true;
}

/* Which keys of Config belong to which storage (docs/eas/README.md, "CreateAppService"); the tree has their meanings. */
static const struct {
    struct slice name;
    enum storage storage;
    bool required;
} config_keys[] = {
    { S_INIT("OssPath"), STORAGE_OSS, true },    { S_INIT("NasMountTarget"), STORAGE_NAS, true },
    { S_INIT("NasPath"), STORAGE_NAS, true },    { S_INIT("VpcID"), STORAGE_NAS, false },
    { S_INIT("VswitchID"), STORAGE_NAS, false }, { S_INIT("SecurityGroupID"), STORAGE_NAS, false },
};

static bool check_config(struct facts_reader *r, const struct json *config)
{
    struct facts *out = r->out;

    if (!config)
        return true;
    out->storage =
        slice_eq(json_text(json_get(config, S("ModelStorage"))), S("oss")) ? STORAGE_OSS : STORAGE_NAS;
    for (size_t i = 0; i < sizeof config_keys / sizeof config_keys[0]; i++) {
        bool there = json_get(config, config_keys[i].name) != NULL,
             fits = config_keys[i].storage == out->storage;
        if (there && !fits)
            return err_set(r->e, ERR_CONFLICT, "Config.%.*s does not belong to ModelStorage \"%s\"",
                           SLICE_FMT(config_keys[i].name), storage_name(out->storage));
        if (!there && fits && config_keys[i].required)
            return err_set(r->e, ERR_MISSING, "Config.%.*s is missing", SLICE_FMT(config_keys[i].name));
    }
    return true;
}

/* What a purchase leaves out, EAS would choose; what it states beside the other choice, EAS might follow. */
static bool check_either(struct facts_reader *r, const struct json *body)
{
    const struct op *op = r->out->op;
    bool has_first = op->either_count && json_get(body, slice_of(op->either[0]));

    for (size_t i = 1; i < op->either_count; i++)
        if (has_first && json_get(body, slice_of(op->either[i])))
            return err_set(r->e, ERR_CONFLICT, "body field \"%s\" does not go with %s", op->either[i],
                           op->either[0]);
        else if (!has_first && !json_get(body, slice_of(op->either[i])))
            return err_set(r->e, ERR_MISSING, "body field \"%s\" is missing (there is no %s, either)",
                           op->either[i], op->either[0]);
    return true;
}

/* A pool of a virtual resource that names nothing would leave its hardware to EAS. */
static bool check_pools(struct facts_reader *r, const struct json *pools)
{
    size_t i = 0;

    for (const struct json *pool = json_first(pools); pool; pool = json_next(pool), i++)
        if (json_type(pool) == JSON_OBJECT && !json_get(pool, S("InstanceType")) &&
            !json_get(pool, S("ResourceId")) && !json_get(pool, S("QuotaId")))
            return err_set(r->e, ERR_MISSING,
                           "body field Resources[%zu] must have InstanceType, ResourceId or QuotaId", i);
    return true;
}

static bool read_body(struct facts_reader *r, const struct json *body)
{
    static const struct facts_place root = { .is_root = true };
    const struct op *op = r->out->op;

    if (op->body == OP_BODY_NONE)
        return true;
    if (json_type(body) != JSON_OBJECT)
        return err_set(r->e, ERR_SYNTAX, "the body of %.*s must be a JSON object, is %s", SLICE_FMT(op->name),
                       json_type_name(json_type(body)));
    return facts_read_object(r, op->fields, op->field_count, body, &root) &&
           check_config(r, json_get(body, S("Config"))) && check_either(r, body) &&
           check_pools(r, json_get(body, S("Resources")));
}

void facts_init(struct facts *out, const struct op *op)
{
    *out = (struct facts){ .op = op };
    out->changes = op->effect != OP_READ && op->effect != OP_SECRET;
    out->raises = op->raise != OP_RAISE_NONE;
    out->places = out->changes && op_query_field(op, S("WorkspaceId")) != NULL;
}

bool facts_read(const struct op_match *match, const struct query *query, const struct json *body,
                struct arena *a, struct facts *out, struct err *e)
{
    const struct op *op = match->op;
    struct facts_reader r = { .a = a, .out = out, .e = e };

    facts_init(out, op);
    if (!read_path(&r, match) || !read_query(&r, query) || !read_body(&r, body))
        return false;
    if (!out->service.p)
        out->service = out->new_service;
    return true;
}

const struct fact *facts_find(const struct facts *f, enum op_meaning meaning, enum bound bound)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->values[i].meaning == meaning && (bound == BOUND_NONE || f->values[i].bound == bound))
            return &f->values[i];
    return NULL;
}

bool facts_max(const struct facts *f, enum op_meaning meaning, int64_t *out)
{
    bool found = false;

    for (size_t i = 0; i < f->count; i++)
        if (f->values[i].meaning == meaning && (!found || f->values[i].number > *out)) {
            *out = f->values[i].number;
            found = true;
        }
    return found;
}

int64_t facts_asked(const struct facts *f)
{
    const struct fact *number = facts_find(f, OP_BOUNDED, f->op->count.bound);

    return f->op->count.bound != BOUND_NONE && number ? number->number : 1;
}
