/*
 * Answers of EAS about a service, read into its state. TotalInstance of a stopped service is defined nowhere
 * (docs/eas/README.md, "Fields that matter for a team's sum"), so the largest count that any field states is taken. Must never
 * take what cannot be read for nothing.
 */
#include "flow/look.h"

#define COUNT_MAX 2147483647

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The largest of the counts that the service states. */
static bool read_counts(const struct json *service, int64_t *out_most, struct err *e)
{
    static const struct slice counts[] = { S_INIT("TotalInstance"), S_INIT("RunningInstance"),
                                           S_INIT("PendingInstance") };

    *out_most = 0;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const struct json *count = json_get(service, counts[i]);
        int64_t n = 0;
        if (count && !json_integer(count, 0, COUNT_MAX, &n))
            return err_set(e, ERR_RANGE, "%.*s is not a count", SLICE_FMT(counts[i]));
        *out_most = larger(*out_most, n);
    }
    return true;
}

/* On or off; whatever else stands there says neither. */
static enum scaler_flag flag_of(const struct json *service, struct slice name)
{
    enum json_type type = json_type(json_get(service, name));

    return type == JSON_FALSE ? SCALER_OFF : type == JSON_TRUE ? SCALER_ON : SCALER_UNSAID;
}

/* ---- the stored configuration ---- */

/* Sections whose counts add to metadata.instance, or move it, in a way that no document confirms (docs/eas/README.md, "What is
 * dangerous"): a service that has one is not counted wrongly, but not at all. */
static bool is_uncounted(struct slice name, bool is_metadata)
{
    static const struct slice names[] = { S_INIT("members"), S_INIT("tasks"), S_INIT("unit"),
                                          S_INIT("raycluster"), S_INIT("elastic_job") };
    struct slice rest = name, part;
    bool is_inner = is_metadata;

    for (; slice_split(&rest, '.', &part); is_inner = true) {
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            if (slice_eq_nocase(part, names[i]))
                return true;
        if (is_inner &&
            slice_eq_nocase(part, S("autoscaler"))) /* read where it is documented only, at the root */
            return true;
    }
    return false;
}

static bool check_sections(const struct json *object, bool is_metadata, bool *inout_cron, struct err *e)
{
    for (const struct json *m = json_first(object); m; m = json_next(m)) {
        struct slice name = json_name(m);
        if (is_uncounted(name, is_metadata))
            return err_set(e, ERR_UNKNOWN, "its ServiceConfig has %.40s, whose counts are not known", name.p);
        if (slice_eq_nocase(name, S("cronscaler")) || slice_eq_nocase(name, S("metadata.cronscaler")))
            *inout_cron = true;
    }
    return true;
}

/* Can the counts of the configuration be read at all? *out_cron: it has a cron scaler, whose targets are to be asked for. */
static bool check_countable(struct slice config, bool *out_cron, struct err *e)
{
    struct err why = { 0 };
    struct json *tree = json_load(config, &json_limits_answer, &why);

    *out_cron = false;
    if (!tree)
        return err_set(e, why.code, "its ServiceConfig: %s", why.text);
    bool fine = check_sections(tree, false, out_cron, e) &&
                check_sections(json_get(tree, S("metadata")), true, out_cron, e);
    json_free(&tree);
    return fine;
}

static void take_config(const struct facts *f, struct service_state *out)
{
    int64_t n = 0;

    facts_max(f, OP_REPLICAS, &out->stored);
    facts_max(f, OP_SURGE, &out->surge);
    out->has_scaler = facts_max(f, OP_SCALER_MIN, &out->scaler_min) || out->has_scaler;
    out->has_scaler = facts_max(f, OP_SCALER_MAX, &out->scaler_max) || out->has_scaler;
    facts_max(f, OP_ACTIVATION, &out->activation);
    if (facts_max(f, OP_CRON_TARGET, &n)) {
        out->has_cron = true;
        out->cron_max = n;
    }
    if (f->has_gpus) {
        out->has_gpus = true;
        out->gpus = f->gpus;
    }
    if (f->shares_gpu) { /* a part counts as a whole one, as in core/after.c */
        out->has_gpus = true;
        out->gpus = larger(out->gpus, 1);
    }
}

/* What of the configuration is kept lives in a; the rest of the facts is gone with this call. */
static bool read_facts(struct slice text, enum state_config want, struct arena *a, struct service_state *out,
                       struct err *e)
{
    struct arena *scratch = want == STATE_COUNTS ? arena_new(1024 * 1024) : NULL;
    struct facts *f =
        want == STATE_COUNTS && !scratch ? NULL : ARENA_NEW(scratch ? scratch : a, struct facts);
    struct err why = { 0 };
    bool fine = f && facts_read_stored(text, want == STATE_WHOLE, scratch ? scratch : a, f, &why);

    if (fine) {
        take_config(f, out);
        if (!out->spec.n)
            out->spec = arena_dup(a, f->instance_type);
        out->config = scratch ? NULL : f;
    } else {
        err_set(e, why.code, "its ServiceConfig: %s", f ? why.text : "out of memory");
    }
    arena_free(&scratch);
    return fine;
}

/* ServiceConfig is JSON text in a string. *out_stated = it states a count, be it 0. */
static bool read_config(const struct json *service, enum state_config want, struct arena *a,
                        struct service_seen *seen, bool *out_stated, struct err *e)
{
    struct service_state *out = &seen->state;
    bool has_cron = false;

    const struct json *config = json_get(service, S("ServiceConfig"));
    struct slice text = json_text(config);

    *out_stated = false;
    if (!config || json_type(config) == JSON_NULL || (json_type(config) == JSON_STRING && text.n == 0))
        return true;
    if (json_type(config) != JSON_STRING)
        return err_set(e, ERR_SYNTAX, "its ServiceConfig is no text");
    out->stored = -1;
    if (!check_countable(text, &has_cron, e) || !read_facts(text, want, a, out, e))
        return false;
    if (has_cron)
        seen->cron = SCALER_ON;
    *out_stated = out->stored >= 0;
    out->stored = larger(out->stored, 0);
    return true;
}

/* ---- the service ---- */

static bool read_spec(const struct json *service, struct arena *a, struct service_state *out, struct err *e)
{
    const struct json *spec = json_get(service, S("AppSpecName"));
    struct slice text = json_text(spec);

    if (!spec || json_type(spec) == JSON_NULL || (json_type(spec) == JSON_STRING && text.n == 0))
        return true;
    if (json_type(spec) != JSON_STRING || text.n > 256)
        return err_set(e, ERR_SYNTAX, "AppSpecName is not the name of a spec");
    out->is_app = true;
    out->spec = arena_dup(a, text);
    return out->spec.p || err_set(e, ERR_MEMORY, "out of memory");
}

static bool read_gpus(const struct json *service, struct service_state *out, struct err *e)
{
    const struct json *gpu = json_get(service, S("Gpu"));
    int64_t n = 0;

    if (!gpu || json_type(gpu) == JSON_NULL)
        return true;
    if (!json_integer(gpu, 0, COUNT_MAX, &n))
        return err_set(e, ERR_RANGE, "Gpu is not a count");
    out->has_gpus = true;
    out->gpus = larger(out->gpus, n);
    return true;
}

bool service_state_of(const struct json *service, enum state_config want, struct arena *a,
                      struct service_seen *out, struct err *e)
{
    struct service_state *s = &out->state;

    *out = (struct service_seen){ .scaler = flag_of(service, S("AutoscalerEnabled")),
                                  .cron = flag_of(service, S("CronscalerEnabled")) };
    if (json_type(service) != JSON_OBJECT)
        return err_set(e, ERR_SYNTAX, "EAS says nothing about it");
    if (!read_spec(service, a, s, e) || !read_counts(service, &s->count, e) ||
        !read_config(service, want, a, out, &s->states_count, e) || !read_gpus(service, s, e))
        return false;
    if (s->count == 0 && !s->states_count)
        return err_set(e, ERR_MISSING, "EAS states no count of replicas for it");
    if (out->scaler == SCALER_OFF && s->has_scaler)
        out->scaler = SCALER_UNSAID; /* the configuration has one: ask */
    if (out->cron == SCALER_OFF && s->has_cron)
        out->cron = SCALER_UNSAID;
    s->has_scaler = out->scaler != SCALER_OFF;
    s->has_cron = out->cron != SCALER_OFF;
    return true;
}

/* ---- scalers ---- */

/* A count at any depth below the behavior, under this name in any case: only Create's body is documented, not what comes back. */
static bool read_activation(const struct json *behavior, struct slice name, int64_t *inout_most)
{
    for (const struct json *m = json_first(behavior); m; m = json_next(m)) {
        int64_t n = 0;
        if (slice_eq_nocase(json_name(m), name)) {
            if (json_type(m) != JSON_NULL && !json_integer(m, 0, COUNT_MAX, &n))
                return false;
            *inout_most = larger(*inout_most, n);
        } else if (!read_activation(m, name, inout_most)) {
            return false;
        }
    }
    return true;
}

bool seen_add_scaler(const struct json *scaler, struct service_seen *inout, struct err *e)
{
    struct service_state *s = &inout->state;
    const struct json *min = json_get(scaler, S("MinReplica")), *behavior = json_get(scaler, S("Behavior"));
    enum json_type type = json_type(behavior);
    int64_t low = 0, high;

    if (!json_integer(json_get(scaler, S("MaxReplica")), 0, COUNT_MAX, &high))
        return err_set(e, ERR_RANGE, "MaxReplica of its autoscaler is not a count");
    if (min && !json_integer(min, 0, COUNT_MAX, &low))
        return err_set(e, ERR_RANGE, "MinReplica of its autoscaler is not a count");
    if ((type != JSON_NONE && type != JSON_NULL && type != JSON_OBJECT) ||
        !read_activation(behavior, S("scaleUpActivationReplicas"), &s->activation))
        return err_set(e, ERR_RANGE, "Behavior of its autoscaler is not readable");
    s->has_scaler = true;
    s->scaler_min = larger(s->scaler_min, low);
    s->scaler_max = larger(s->scaler_max, larger(low, high));
    return true;
}

bool seen_add_cron(const struct json *scaler, struct service_seen *inout, struct err *e)
{
    const struct json *jobs = json_get(scaler, S("ScaleJobs"));

    if (json_type(jobs) != JSON_ARRAY)
        return err_set(e, ERR_SYNTAX, "its cron scaler has no ScaleJobs");
    for (const struct json *job = json_first(jobs); job; job = json_next(job)) {
        int64_t n;
        if (!json_integer(json_get(job, S("TargetSize")), 0, COUNT_MAX, &n))
            return err_set(e, ERR_RANGE, "TargetSize of its cron scaler is not a count");
        inout->state.cron_max = larger(inout->state.cron_max, n);
    }
    inout->state.has_cron = json_count(jobs) > 0; /* without a job nothing ever fires */
    return true;
}

/* Without a scaler nothing but a detached instance makes more than what is stored; with one nobody can tell the two apart. */
void seen_finish(struct service_seen *inout)
{
    struct service_state *s = &inout->state;
    bool is_steady = !s->has_scaler && !s->has_cron && s->states_count;

    s->extra = is_steady && s->count > s->stored ? s->count - s->stored : 0;
}
