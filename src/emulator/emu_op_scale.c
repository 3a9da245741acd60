/* ScaleService and the scalers: see emu_call.h. What they do later by themselves is in emu_scaler.c. */
#include "emulator/emu_call.h"
#include "emulator/emu_fields.h"
#include "emulator/emu_service_json.h"

static struct emu_service *changeable(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);

    if (v && emu_service_is(v, "Deleting")) {
        emu_answer_error(c->answer, 409, "InvalidService.Conflict", "The service is being deleted.");
        return NULL;
    }
    return v;
}

static bool need(struct emu_call *c, bool found, const char *name)
{
    char code[80];

    if (found)
        return true;
    snprintf(code, sizeof code, "Missing%s", name);
    emu_answer_error(c->answer, 400, code, "%s is mandatory for this action.", name);
    return false;
}

static bool is_count(struct emu_call *c, int64_t n, const char *name)
{
    char code[80];

    if (n >= 0 && n <= 1000000)
        return true;
    snprintf(code, sizeof code, "Invalid%s", name);
    emu_answer_error(c->answer, 400, code, "%s must not be negative.", name);
    return false;
}

void op_scale(struct emu_call *c)
{
    static const char *const fields[] = { "Instance", "InstancesToDelete", NULL };
    struct emu_service *v = changeable(c);
    bool found = false;
    int64_t n = 0;

    if (!v)
        return;
    emu_fields_note_unknown(c, fields);
    if (!emu_field_count(c, "Instance", &found, &n) || !need(c, found, "Instance") ||
        !is_count(c, n, "Instance"))
        return;
    v->replicas = n;
    v->update_ms = c->now_ms;
    emu_call_say(c, "Service is scaled.");
}

static int64_t activation_of(struct emu_call *c)
{
    const struct emu_json *zero = emu_member_of(emu_field(c, "behavior"), "onZero");
    int64_t n = 0;

    if (!emu_json_integer_lenient(emu_member_of(zero, "scaleUpActivationReplicas"), &n) || n < 0 ||
        n > 1000000)
        return 0;
    return n;
}

void op_set_autoscaler(struct emu_call *c)
{
    static const char *const fields[] = { "min", "max", "scaleStrategies", "behavior", NULL };
    struct emu_service *v = changeable(c);
    bool has_min = false, has_max = false;
    int64_t min = 0, max = 0;

    if (!v)
        return;
    emu_fields_note_unknown(c, fields);
    if (!emu_field_count(c, "min", &has_min, &min) || !emu_field_count(c, "max", &has_max, &max) ||
        !need(c, has_max, "Max") || !is_count(c, min, "Min") || !is_count(c, max, "Max"))
        return;
    v->min = min;
    v->max = max > min ? max : min; /* the worse reading of limits that cross */
    v->activation = activation_of(c);
    v->want = -1;
    v->step_ms = 0;
    if (!emu_service_set_json(v, EMU_F_STRATEGIES, emu_field(c, "scaleStrategies")) ||
        !emu_service_set_json(v, EMU_F_BEHAVIOR, emu_field(c, "behavior"))) {
        emu_answer_error(c->answer, 500, "InternalError", "No memory.");
        return;
    }
    emu_call_say(c, "Autoscaler is set.");
}

void op_delete_autoscaler(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);

    if (!v)
        return;
    v->min = v->max = v->activation = 0;
    v->want = -1;
    v->drifts = false;
    emu_service_set(v, EMU_F_STRATEGIES, SLICE_NONE);
    emu_service_set(v, EMU_F_BEHAVIOR, SLICE_NONE);
    emu_call_say(c, "Autoscaler is deleted.");
}

/* One entry for each strategy, with a value as the metrics had it. */
static void put_current_values(const struct emu_service *v, struct emu_jw *w)
{
    size_t used;
    struct emu_json *list = emu_json_parse(emu_service_get(v, EMU_F_STRATEGIES), &used);

    jw_open(w, "CurrentValues", '[');
    for (const struct emu_json *s = emu_json_first(list); s; s = emu_json_next(s)) {
        jw_open(w, NULL, '{');
        jw_text(w, "metricName", emu_json_text(emu_member_of(s, "metricName")));
        jw_text(w, "service", emu_json_text(emu_member_of(s, "service")));
        jw_int(w, "value", v->replicas);
        jw_close(w, '}');
    }
    jw_close(w, ']');
    emu_json_free(&list);
}

void op_autoscaler(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);

    if (!v)
        return;
    if (!emu_service_is_scaled(v)) {
        emu_answer_error(c->answer, 404, "InvalidAutoScaler.NotFound", "The service has no autoscaler.");
        return;
    }
    struct slice strategies = emu_service_get(v, EMU_F_STRATEGIES),
                 behavior = emu_service_get(v, EMU_F_BEHAVIOR);
    struct emu_jw w = emu_call_begin(c);
    jw_text(&w, "ServiceName", emu_service_get(v, EMU_F_NAME));
    jw_int(&w, "MinReplica", v->min);
    jw_int(&w, "MaxReplica", v->max);
    jw_raw(&w, "ScaleStrategies",
           strategies.n ? strategies : S("[{\"metricName\":\"qps\",\"threshold\":10}]"));
    jw_raw(&w, "Behavior", behavior.n ? behavior : S("{}"));
    put_current_values(v, &w);
    jw_close(&w, '}');
}

void op_set_cronscaler(struct emu_call *c)
{
    static const char *const fields[] = { "ScaleJobs", "ExcludeDates", NULL };
    struct emu_service *v = changeable(c);
    int64_t n;

    if (!v)
        return;
    emu_fields_note_unknown(c, fields);
    const struct emu_json *jobs = emu_field(c, "ScaleJobs"), *dates = emu_field(c, "ExcludeDates");
    if (!need(c, emu_json_kind(jobs) == EMU_JSON_ARRAY, "ScaleJobs"))
        return;
    for (const struct emu_json *j = emu_json_first(jobs); j; j = emu_json_next(j))
        if (!need(c, emu_json_integer_lenient(emu_member_of(j, "TargetSize"), &n), "TargetSize") ||
            !is_count(c, n, "TargetSize"))
            return;
    emu_service_set(v, EMU_F_CRON_EXCLUDE, SLICE_NONE);
    if (!emu_service_set_json(v, EMU_F_CRON_JOBS, jobs) ||
        !emu_service_set_json(v, EMU_F_CRON_EXCLUDE, dates)) {
        emu_answer_error(c->answer, 500, "InternalError", "No memory.");
        return;
    }
    emu_call_say(c, "Cronscaler is set.");
}

void op_delete_cronscaler(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);

    if (!v)
        return;
    emu_service_set(v, EMU_F_CRON_JOBS, SLICE_NONE);
    emu_service_set(v, EMU_F_CRON_EXCLUDE, SLICE_NONE);
    emu_call_say(c, "Cronscaler is deleted.");
}

void op_cronscaler(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);

    if (!v)
        return;
    struct slice jobs = emu_service_get(v, EMU_F_CRON_JOBS), dates = emu_service_get(v, EMU_F_CRON_EXCLUDE);
    if (!jobs.n) {
        emu_answer_error(c->answer, 404, "InvalidCronScaler.NotFound", "The service has no cronscaler.");
        return;
    }
    struct emu_jw w = emu_call_begin(c);
    jw_text(&w, "ServiceName", emu_service_get(v, EMU_F_NAME));
    jw_raw(&w, "ScaleJobs", jobs);
    jw_raw(&w, "ExcludeDates", dates.n ? dates : S("[]"));
    jw_close(&w, '}');
}
