/*
 * Reads what a request asks for: see facts.h. Two tables hold the knowledge: `fields` says where the listed bodies keep
 * what a policy bounds, `config_keys` which keys of Config exist and for which storage. Whatever stands in neither is
 * refused by name; nothing is guessed and nothing is skipped.
 */
#include "core/facts.h"

#define NAME_MAX_CHARS 63
#define TEXT_MAX_BYTES 1024
#define REPLICAS_MAX   2147483647

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

/* EAS's own guides: [a-z0-9_]; '-' stands in its examples. Only ever used to refuse. */
static bool is_service_name(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !ascii_is_digit(s.p[i]) && s.p[i] != '_' && s.p[i] != '-')
            return false;
    return s.n > 0 && s.n <= NAME_MAX_CHARS;
}

static bool type_fits(const struct json *value, enum op_type type)
{
    int64_t n;

    switch (type) {
    case OP_STRING:
        return json_type(value) == JSON_STRING;
    case OP_INTEGER:
        return json_integer(value, -REPLICAS_MAX - 1, REPLICAS_MAX, &n);
    case OP_BOOLEAN:
        return json_type(value) == JSON_TRUE || json_type(value) == JSON_FALSE;
    case OP_OBJECT:
    case OP_MAP_STRING:
    case OP_MAP_ANY:
        return json_type(value) == JSON_OBJECT;
    case OP_ARRAY_STRING:
    case OP_ARRAY_OBJECT:
        return json_type(value) == JSON_ARRAY;
    case OP_ANY:
    case OP_TYPE_NONE:
        break;
    }
    return false;
}

/* Only the fields that the catalogue lists, of their types, and all the required ones. */
static bool check_fields(const struct op *op, const struct json *body, struct err *e)
{
    if (json_type(body) != JSON_OBJECT)
        return err_set(e, ERR_SYNTAX, "the body of %.*s must be a JSON object, is %s", SLICE_FMT(op->name),
                       json_type_name(json_type(body)));
    for (const struct json *m = json_first(body); m; m = json_next(m)) {
        const struct op_field *field = op_body_field(op, json_name(m));
        if (!field)
            return err_set(e, ERR_UNKNOWN, "body field \"%.40s\" is not one of %.*s's", json_name(m).p,
                           SLICE_FMT(op->name));
        if (!type_fits(m, field->type))
            return err_set(e, ERR_RANGE, "body field %.*s must be %s%s", SLICE_FMT(field->name),
                           op_type_name(field->type),
                           field->type == OP_INTEGER ? " written as plain digits, as in 4" : "");
    }
    for (size_t i = 0; i < op->field_count; i++)
        if (op->fields[i].required && !json_get(body, op->fields[i].name))
            return err_set(e, ERR_MISSING, "body field %.*s is missing", SLICE_FMT(op->fields[i].name));
    return true;
}

/* Where the listed bodies keep the texts that a policy bounds. */
static const struct {
    struct slice name;
    size_t at; /* of a struct slice in struct facts */
} fields[] = {
    { S_INIT("ServiceName"), offsetof(struct facts, service) },
    { S_INIT("AppType"), offsetof(struct facts, app_type) },
    { S_INIT("AppVersion"), offsetof(struct facts, app_version) },
    { S_INIT("ServiceSpec"), offsetof(struct facts, spec) },
};

static const struct {
    struct slice name;
    enum storage storage; /* the one it belongs to; NONE = both */
    bool required;        /* by that storage */
    size_t at;
} config_keys[] = {
    { S_INIT("OssPath"), STORAGE_OSS, true, offsetof(struct facts, oss_path) },
    { S_INIT("NasMountTarget"), STORAGE_NAS, true, offsetof(struct facts, nas_mount_target) },
    { S_INIT("NasPath"), STORAGE_NAS, true, offsetof(struct facts, nas_path) },
    { S_INIT("VpcID"), STORAGE_NAS, false, offsetof(struct facts, vpc) },
    { S_INIT("VswitchID"), STORAGE_NAS, false, offsetof(struct facts, vswitch) },
    { S_INIT("SecurityGroupID"), STORAGE_NAS, false, offsetof(struct facts, security_group) },
};
#define CONFIG_KEY_COUNT (sizeof config_keys / sizeof config_keys[0])

static struct slice *text_at(struct facts *f, size_t at)
{
    return (struct slice *)(void *)((char *)f + at);
}

/* A text that will be compared with a rule: not empty, not long, printable ASCII. */
static bool read_text(const char *where, struct slice name, const struct json *value, struct slice *out,
                      struct err *e)
{
    struct slice text = json_text(value);

    if (json_type(value) != JSON_STRING || text.n == 0 || text.n > TEXT_MAX_BYTES)
        return err_set(e, ERR_RANGE, "%s%.*s must be a text of 1 to %d characters", where, SLICE_FMT(name),
                       TEXT_MAX_BYTES);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x20 || text.p[i] > 0x7e)
            return err_set(e, ERR_RANGE, "%s%.*s must be printable ASCII", where, SLICE_FMT(name));
    *out = text;
    return true;
}

static bool read_config_key(const struct json *member, struct facts *out, struct err *e)
{
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (!slice_eq(json_name(member), config_keys[i].name))
            continue;
        if (config_keys[i].storage != out->storage)
            return err_set(e, ERR_CONFLICT, "Config.%.*s does not belong to ModelStorage \"%s\"",
                           SLICE_FMT(config_keys[i].name), storage_name(out->storage));
        return read_text("Config.", config_keys[i].name, member, text_at(out, config_keys[i].at), e);
    }
    return err_set(
        e, ERR_UNKNOWN,
        "Config key \"%.40s\" is not one of ModelStorage, OssPath, NasMountTarget, NasPath, VpcID, "
        "VswitchID, SecurityGroupID",
        json_name(member).p);
}

static bool read_config(const struct json *config, struct facts *out, struct err *e)
{
    struct slice storage = json_text(json_get(config, S("ModelStorage")));

    out->has_config = true;
    if (slice_eq(storage, S("oss")))
        out->storage = STORAGE_OSS;
    else if (slice_eq(storage, S("nas")))
        out->storage = STORAGE_NAS;
    else
        return err_set(e, ERR_RANGE, "Config.ModelStorage must be \"oss\" or \"nas\"");
    for (const struct json *m = json_first(config); m; m = json_next(m))
        if (!slice_eq(json_name(m), S("ModelStorage")) && !read_config_key(m, out, e))
            return false;
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++)
        if (config_keys[i].required && config_keys[i].storage == out->storage &&
            text_at(out, config_keys[i].at)->n == 0)
            return err_set(e, ERR_MISSING, "Config.%.*s is missing", SLICE_FMT(config_keys[i].name));
    return true;
}

static bool read_body(const struct op *op, const struct json *body, struct facts *out, struct err *e)
{
    if (!check_fields(op, body, e))
        return false;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const struct json *value = json_get(body, fields[i].name);
        if (value && !read_text("body field ", fields[i].name, value, text_at(out, fields[i].at), e))
            return false;
    }
    const struct json *replicas = json_get(body, S("Replicas"));
    if (replicas) {
        if (!json_integer(replicas, 1, REPLICAS_MAX, &out->replicas))
            return err_set(e, ERR_RANGE, "body field Replicas must be an integer from 1 to %d", REPLICAS_MAX);
        out->has_replicas = true;
    }
    const struct json *config = json_get(body, S("Config"));
    return !config || read_config(config, out, e);
}

static bool touches_replicas(const struct op *op)
{
    for (size_t i = 0; i < op->touch_count; i++)
        if (!op->touches[i].unconfirmed && slice_eq(slice_of(op->touches[i].kind), S("replicas")))
            return true;
    return false;
}

bool facts_read(const struct op_match *match, const struct query *query, const struct json *body,
                struct facts *out, struct err *e)
{
    const struct op *op = match->op;

    *out = (struct facts){ .op = op };
    out->changes = op->effect != OP_READ && op->effect != OP_SECRET;
    out->cluster = op_match_param(match, S("ClusterId"));
    out->service = op_match_param(match, S("ServiceName"));
    out->workspace = query_get(query, S("WorkspaceId"));
    out->quota = query_get(query, S("QuotaId"));
    out->creates = op->effect == OP_CREATE && !out->service.p;
    out->is_service_list = slice_eq(op->name, S("ListServices"));
    out->places = out->changes && op_query_field(op, S("WorkspaceId")) != NULL;
    out->raises = touches_replicas(op);
    if (op->body == OP_BODY_RAW)
        return err_set(e, ERR_DENIED, "the body of %.*s has no listed fields that could be judged",
                       SLICE_FMT(op->name));
    if (op->body == OP_BODY_FIELDS && !read_body(op, body, out, e))
        return false;
    if (out->service.p && !is_service_name(out->service))
        return err_set(e, ERR_RANGE, "ServiceName must be 1 to %d characters of a-z, 0-9, _ and -",
                       NAME_MAX_CHARS);
    return true;
}
