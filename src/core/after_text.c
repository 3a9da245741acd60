/* The state of a service as text and back: see after_text.h. One table says which members there are. */
#include "core/after_text.h"
#include "base/enc.h"
#include "base/num.h"
#include "core/audit_value.h"
#include <stddef.h>

#define AT(member) offsetof(struct service_state, member)

/* Where the member of this name stands. */
struct member {
    struct slice name;
    size_t at;
};

static const struct member numbers[] = {
    { S_INIT("count"), AT(count) },
    { S_INIT("stored"), AT(stored) },
    { S_INIT("extra"), AT(extra) },
    { S_INIT("scaler_min"), AT(scaler_min) },
    { S_INIT("scaler_max"), AT(scaler_max) },
    { S_INIT("activation"), AT(activation) },
    { S_INIT("cron_max"), AT(cron_max) },
    { S_INIT("surge"), AT(surge) },
    { S_INIT("gpus"), AT(gpus) },
};
#define NUMBER_COUNT (sizeof numbers / sizeof numbers[0])

static const struct member flags[] = {
    { S_INIT("has_scaler"), AT(has_scaler) },     { S_INIT("has_cron"), AT(has_cron) },
    { S_INIT("has_gpus"), AT(has_gpus) },         { S_INIT("is_app"), AT(is_app) },
    { S_INIT("states_count"), AT(states_count) },
};
#define FLAG_COUNT (sizeof flags / sizeof flags[0])

static const struct member configs[] = {
    { S_INIT("config"), AT(config) },
    { S_INIT("version"), AT(version) },
};
#define CONFIG_COUNT (sizeof configs / sizeof configs[0])

static void add_key(struct slice name, size_t start, struct sbuf *out)
{
    if (out->n > start + 1)
        sbuf_addc(out, ',');
    sbuf_addc(out, '"');
    sbuf_add(out, name);
    sbuf_adds(out, "\":");
}

bool state_print(const struct service_state *s, struct sbuf *out)
{
    size_t start = out->n;

    sbuf_addc(out, '{');
    if (s->spec.n) {
        add_key(S("spec"), start, out);
        enc_json_string(s->spec, out);
    }
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        int64_t n = *(const int64_t *)(const void *)((const char *)s + numbers[i].at);
        if (n == 0)
            continue;
        add_key(numbers[i].name, start, out);
        sbuf_add_i64(out, n);
    }
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        if (!*(const bool *)((const char *)s + flags[i].at))
            continue;
        add_key(flags[i].name, start, out);
        sbuf_adds(out, "true");
    }
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        const struct facts *config =
            *(const struct facts *const *)(const void *)((const char *)s + configs[i].at);
        if (!config)
            continue;
        add_key(configs[i].name, start, out);
        if (!facts_print(config, out))
            return false;
    }
    sbuf_addc(out, '}');
    return sbuf_ok(out);
}

/* ---- reading ---- */

static bool read_spec(struct slice value, struct arena *a, struct slice *out)
{
    struct json *text = json_load(value, &json_limits_answer, NULL);
    bool fine = json_type(text) == JSON_STRING;

    *out = arena_dup(a, json_text(text));
    json_free(&text);
    return fine && out->p;
}

static bool read_config(struct slice value, struct arena *a, const struct facts **out, struct err *e)
{
    struct facts *facts = ARENA_NEW(a, struct facts);

    *out = facts;
    return facts && facts_parse(opcat_by_name(S("CreateService")), value, a, facts, e);
}

static bool read_member(struct slice name, struct slice value, struct arena *a, struct service_state *out,
                        struct err *e)
{
    for (size_t i = 0; i < NUMBER_COUNT; i++)
        if (slice_eq(name, numbers[i].name))
            return num_i64(value, 0, INT64_MAX, (int64_t *)(void *)((char *)out + numbers[i].at)) ||
                   err_set(e, ERR_RANGE, "%.*s is not a count", SLICE_FMT(name));
    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (slice_eq(name, flags[i].name)) {
            *(bool *)((char *)out + flags[i].at) = true;
            return slice_eq(value, S("true")) || err_set(e, ERR_RANGE, "%.*s is not true", SLICE_FMT(name));
        }
    if (slice_eq(name, S("spec")))
        return read_spec(value, a, &out->spec) || err_set(e, ERR_SYNTAX, "spec is no text");
    for (size_t i = 0; i < CONFIG_COUNT; i++)
        if (slice_eq(name, configs[i].name))
            return read_config(value, a, (const struct facts **)(void *)((char *)out + configs[i].at), e);
    return err_set(e, ERR_UNKNOWN, "a state has no member %.*s", SLICE_FMT(name));
}

bool state_parse(struct slice text, struct arena *a, struct service_state *out, struct err *e)
{
    *out = (struct service_state){ .count = 0 };
    if (!audit_value_is_tree(text) || text.p[0] != '{')
        return err_set(e, ERR_SYNTAX, "a state is an object, as records have it");
    /* the grammar is checked; what follows only cuts */
    for (struct slice rest = slice_skip(text, 1); rest.p[0] != '}';) {
        if (rest.p[0] == ',')
            rest = slice_skip(rest, 1);
        size_t n = audit_value_length(rest);
        struct slice name = slice_from(rest.p + 1, n - 2);
        rest = slice_skip(rest, n + 1);
        n = audit_value_length(rest);
        if (!read_member(name, slice_from(rest.p, n), a, out, e))
            return false;
        rest = slice_skip(rest, n);
    }
    return true;
}
