/* Services set from the control port: see emu_control_service.h. Members may be called as in EAS's answers or shorter. */
#include "emulator/emu_control_service.h"
#include "base/clock.h"
#include "base/sbuf.h"

#define VALUE_MAX (1U << 20)

/* "labels" as {"k":"v"} becomes EAS's list of pairs; other values are kept as they are. */
static void put_labels(const struct emu_json *v, struct sbuf *out)
{
    struct emu_jw w = EMU_JW(out);

    if (emu_json_kind(v) != EMU_JSON_OBJECT) {
        emu_json_print(v, out);
        return;
    }
    jw_open(&w, NULL, '[');
    for (const struct emu_json *m = emu_json_first(v); m; m = emu_json_next(m)) {
        jw_open(&w, NULL, '{');
        jw_text(&w, "LabelKey", emu_json_name(m));
        jw_text(&w, "LabelValue", emu_json_text(m));
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
}

static bool set_text(struct emu_service *v, enum emu_field f, const struct emu_json *value, struct err *e)
{
    SCOPED(sbuf) text = SBUF_MAX(VALUE_MAX);

    if (emu_json_kind(value) == EMU_JSON_TEXT)
        sbuf_add(&text, emu_json_text(value));
    else if (f == EMU_F_LABELS)
        put_labels(value, &text);
    else if (emu_json_kind(value) != EMU_JSON_NULL)
        emu_json_print(value, &text);
    if (!sbuf_ok(&text) || !emu_service_set(v, f, sbuf_slice(&text)))
        return err_set(e, ERR_MEMORY, "%s: too long, or no memory", emu_field_name(f));
    return true;
}

static bool set_number(struct emu_service *v, struct slice name, const struct emu_json *value,
                       bool *out_known, struct err *e)
{
    static const struct {
        const char *name, *other;
        size_t at;
    } numbers[] = {
        { "Replicas", "replicas", offsetof(struct emu_service, replicas) },
        { "MinReplica", "min", offsetof(struct emu_service, min) },
        { "MaxReplica", "max", offsetof(struct emu_service, max) },
        { "activation", "activation", offsetof(struct emu_service, activation) },
        { "Detached", "detached", offsetof(struct emu_service, detached) },
        { "surge", "surge", offsetof(struct emu_service, surge) },
        { "Cpu", "cpu", offsetof(struct emu_service, cpu) },
        { "Gpu", "gpu", offsetof(struct emu_service, gpu) },
        { "Memory", "memory", offsetof(struct emu_service, memory) },
        { "Weight", "weight", offsetof(struct emu_service, weight) },
        { "create_ms", "create_ms", offsetof(struct emu_service, create_ms) },
        { "update_ms", "update_ms", offsetof(struct emu_service, update_ms) },
    };

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (!slice_eq(name, slice_of(numbers[i].name)) && !slice_eq(name, slice_of(numbers[i].other)))
            continue;
        *out_known = true;
        if (!emu_json_integer(value, (int64_t *)(void *)((char *)v + numbers[i].at)))
            return err_set(e, ERR_RANGE, "%s: expected an integer", numbers[i].name);
        return true;
    }
    return true;
}

static bool set_member(struct emu_service *v, const struct emu_json *m, struct err *e)
{
    struct slice name = emu_json_name(m);
    bool known = false;

    if (slice_eq(name, S("Status")) || slice_eq(name, S("status"))) {
        snprintf(v->status, sizeof v->status, "%.*s", SLICE_FMT(emu_json_text(m)));
        v->next[0] = '\0';
        return true;
    }
    if (slice_eq(name, S("ServiceSpec")))
        return set_text(v, EMU_F_SPEC, m, e);
    for (int f = 0; f < EMU_F_COUNT_; f++)
        if (slice_eq(name, slice_of(emu_field_name((enum emu_field)f))) ||
            slice_eq(name, slice_of(emu_field_other_name((enum emu_field)f))))
            return f == EMU_F_NAME || set_text(v, (enum emu_field)f, m, e);
    if (!set_number(v, name, m, &known, e))
        return false;
    return known || err_set(e, ERR_UNKNOWN, "unknown member %.*s", SLICE_FMT(name));
}

bool emu_control_set_service(struct emu_state *state, const struct emu_json *object, struct slice name,
                             struct err *e)
{
    int64_t now_ms = clock_wall_ms(&clock_system);

    if (emu_json_kind(object) != EMU_JSON_OBJECT)
        return err_set(e, ERR_SYNTAX, "expected a JSON object");
    if (!name.n)
        name = emu_json_text(emu_json_get(object, "name"));
    if (!name.n)
        name = emu_json_text(emu_json_get(object, "ServiceName"));
    if (!name.n)
        return err_set(e, ERR_MISSING, "name is missing");
    struct emu_service *v = emu_state_find(state, name, now_ms);
    if (!v) {
        v = emu_state_add(state, name, now_ms);
        if (!v || !emu_service_set(v, EMU_F_APP_TYPE, S("LLM")))
            return err_set(e, ERR_MEMORY, "no memory");
        v->replicas = 1;
    }
    int64_t replicas = v->replicas;
    for (const struct emu_json *m = emu_json_first(object); m; m = emu_json_next(m))
        if (!set_member(v, m, e))
            return false;
    if (v->replicas != replicas)
        v->config_replicas = v->replicas; /* the console changes the configuration, too */
    return true;
}
