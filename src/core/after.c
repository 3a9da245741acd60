/*
 * The state after a call: see after.h. What a request does not state stays as EAS says it is, and where nobody can say whether
 * it stays, the larger of both counts. Must never come out smaller than what the service may come to.
 */
#include "core/after.h"
#include <stdint.h>

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Of counts that are not negative. */
static int64_t add(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static int64_t scaler_of(const struct service_state *s)
{
    return larger(s->scaler_max, larger(s->scaler_min, s->activation));
}

/* Instances that are there without the detached ones, or that come back at a start. */
static int64_t base_of(const struct service_state *s)
{
    return larger(s->count > s->extra ? s->count - s->extra : 0, s->stored);
}

static int64_t peak_of(int64_t replicas, int64_t scaler, int64_t cron, int64_t extra, int64_t surge)
{
    return add(add(larger(replicas, larger(scaler, cron)), extra), surge);
}

const struct facts *state_coming(const struct service_state *s, const struct op *op)
{
    return op->raise == OP_RAISE_VERSION ? s->version : s->config;
}

int64_t service_peak(const struct service_state *s)
{
    return peak_of(base_of(s), scaler_of(s), s->cron_max, s->extra, s->surge);
}

/* ---- what a request or a stored configuration states ---- */

struct stated {
    bool has_replicas, has_scaler, has_cron, has_surge;
    int64_t replicas, scaler, cron, surge;
};

static struct stated read_stated(const struct facts *f)
{
    static const enum op_meaning parts[] = { OP_SCALER_MIN, OP_SCALER_MAX, OP_ACTIVATION };
    struct stated s = { .replicas = 0 };
    int64_t n = 0;

    if (!f)
        return s;
    s.has_replicas = facts_max(f, OP_REPLICAS, &s.replicas);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (facts_max(f, parts[i], &n)) {
            s.has_scaler = true;
            s.scaler = larger(s.scaler, n);
        }
    s.has_cron = facts_max(f, OP_CRON_TARGET, &s.cron);
    s.has_surge = facts_max(f, OP_SURGE, &s.surge);
    return s;
}

/* The largest that the autoscaler may be at with what is stated: what is not may stay as it is, for example the replicas that
 * it begins with from zero beside limits that are stated anew. */
static int64_t scaler_with(const struct facts *f, const struct service_state *now)
{
    const struct {
        enum op_meaning meaning;
        int64_t present;
    } parts[] = { { OP_SCALER_MIN, now->scaler_min },
                  { OP_SCALER_MAX, now->scaler_max },
                  { OP_ACTIVATION, now->activation } };
    int64_t most = 0;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        int64_t n = parts[i].present;
        facts_max(f, parts[i].meaning, &n);
        most = larger(most, n);
    }
    return most;
}

int64_t after_stated(const struct facts *facts)
{
    struct stated s = read_stated(facts);

    return peak_of(s.replicas, s.scaler, s.cron, 0, s.surge);
}

int64_t after_stated_scaler(const struct facts *facts)
{
    return read_stated(facts).scaler;
}

static bool detaches(const struct facts *f)
{
    const struct fact *fact = facts_find(f, OP_DETACH, BOUND_NONE);

    return fact && !(fact->is_number && fact->number == 0);
}

/* ---- what stays, or comes back ---- */

/* The present counts: of the service itself, or for a clone of its source, whose detached instances are not cloned. */
static void begin_with(const struct facts *f, const struct service_state *now, struct after *out)
{
    struct stated stored = read_stated(state_coming(now, f->op));
    bool comes_back = f->op->raise == OP_RAISE_CLONE || f->op->raise == OP_RAISE_VERSION;

    out->replicas = base_of(now);
    out->scaler = scaler_of(now);
    out->cron = now->cron_max;
    out->surge = now->surge;
    out->extra = f->op->raise == OP_RAISE_CLONE ? 0 : now->extra;
    out->now = f->op->raise == OP_RAISE_CLONE ? 0 : service_peak(now);
    if (!comes_back)
        return;
    /* Nobody says whether a configuration that comes back brings its own counts or leaves the present ones. */
    out->replicas = larger(out->replicas, stored.replicas);
    out->scaler = larger(out->scaler, stored.scaler);
    out->cron = larger(out->cron, stored.cron);
    out->surge = larger(out->surge, stored.surge);
}

/* Of one replica. A spec that changes brings its own; only the policy's table (spec_gpus) can know them then. */
static void take_gpus(const struct facts *f, const struct service_state *now, struct after *out)
{
    const struct facts *config = now ? state_coming(now, f->op) : NULL;
    bool spec_stays = now && (slice_eq(out->spec, now->spec) || out->kept_spec.n);

    if (f->has_gpus) {
        out->has_gpus = true;
        out->gpus = f->gpus;
    }
    if (out->kept_spec.n && now->has_gpus) { /* whatever is stated beside it */
        out->has_gpus = true;
        out->gpus = larger(out->gpus, now->gpus);
    }
    if (f->has_gpus)
        return;
    if (spec_stays && now->has_gpus && !f->replaces) {
        out->has_gpus = true;
        out->gpus = now->gpus;
    }
    if (config && config->has_gpus && !f->replaces) {
        out->has_gpus = true;
        out->gpus = larger(out->gpus, config->gpus);
    }
}

/* Does a part that stands in the stored configuration stay, beside what is stated? */
static bool stays_in_part(const struct facts *f, const struct facts *config, enum bound bound)
{
    bool has = false;

    for (size_t i = 0; i < config->count; i++)
        has = has || (config->values[i].bound == bound && config->values[i].number != 0);
    return has && !facts_find(f, OP_BOUNDED, bound);
}

/* A part of a GPU counts as a whole one: how many parts fit on one, no document says. */
static void take_share(const struct facts *f, const struct service_state *now, struct after *out)
{
    const struct facts *config = now && !f->replaces ? state_coming(now, f->op) : NULL;
    bool stays = config && (stays_in_part(f, config, BOUND_max_gpu_memory) ||
                            stays_in_part(f, config, BOUND_max_gpu_core_percentage));

    if (f->shares_gpu || stays) {
        out->has_gpus = true;
        out->gpus = larger(out->gpus, 1);
    }
}

static void take_spec(const struct facts *f, const struct service_state *now, struct after *out)
{
    const struct facts *config = now ? state_coming(now, f->op) : NULL;

    if (now && now->is_app && !f->spec.n)
        out->kept_spec = now->spec;
    out->spec = f->spec.n ? f->spec : f->instance_type;
    if (out->spec.n || !now || f->replaces)
        return;
    out->spec = now->spec;
    if (f->op->raise == OP_RAISE_VERSION && config && (config->spec.n || config->instance_type.n))
        out->spec = config->spec.n ? config->spec : config->instance_type;
}

/* What is stated takes the place of what is there. A configuration may leave the scalers that were set by calls of their own, so
 * there the larger one counts. */
static void take_stated(const struct facts *f, const struct stated *s, const struct service_state *now,
                        struct after *out)
{
    int64_t scaler = now ? scaler_with(f, now) : s->scaler;
    bool sets_scalers = f->op->raise == OP_RAISE_SCALE || !now;

    if (s->has_replicas)
        out->replicas = s->replicas;
    if (s->has_scaler)
        out->scaler = sets_scalers ? scaler : larger(out->scaler, scaler);
    if (s->has_cron)
        out->cron = sets_scalers ? s->cron : larger(out->cron, s->cron);
    if (s->has_surge || f->replaces)
        out->surge = s->surge;
    if (detaches(f))
        out->extra = add(out->extra, 1);
}

static bool is_new(const struct facts *f)
{
    return f->op->raise == OP_RAISE_CREATE || f->op->raise == OP_RAISE_CLONE;
}

/* Counts that are negative come from no reader of ours; nothing is computed from them. */
static bool check_numbers(const struct stated *s, const struct service_state *now, struct err *e)
{
    bool fine = s->replicas >= 0 && s->scaler >= 0 && s->cron >= 0 && s->surge >= 0;

    if (now)
        fine = fine && now->count >= 0 && now->stored >= 0 && now->extra >= 0 && now->scaler_min >= 0 &&
               now->scaler_max >= 0 && now->activation >= 0 && now->cron_max >= 0 && now->surge >= 0;
    return fine || err_set(e, ERR_RANGE, "a count of the service is negative");
}

static bool check_scalers(const struct facts *f, const struct stated *s, const struct service_state *now,
                          struct err *e)
{
    bool knows_scaler = s->has_scaler && f->op->raise == OP_RAISE_SCALE;
    bool knows_cron = s->has_cron && f->op->raise == OP_RAISE_SCALE;
    struct stated stored = read_stated(f->op->raise == OP_RAISE_VERSION ? now->version : NULL);
    bool brings_scaler = s->has_scaler || s->has_cron || stored.has_scaler || stored.has_cron;

    if (now->has_scaler && now->scaler_max == 0 && !knows_scaler)
        return err_set(
            e, ERR_CONFLICT,
            "the service has an autoscaler whose maximum is not known, so nothing that can raise its "
            "replicas is allowed while it is on");
    if (now->has_cron && now->cron_max == 0 && !knows_cron)
        return err_set(
            e, ERR_CONFLICT,
            "the service has a cron scaler whose targets are not known, so nothing that can raise its "
            "replicas is allowed while it is on");
    if (detaches(f) && (now->has_scaler || now->has_cron))
        return err_set(
            e, ERR_CONFLICT,
            "no instance can be detached while a scaler of the service is on: nobody could tell the two "
            "apart afterwards");
    if (detaches(f) && (!now->states_count || now->count < now->stored))
        return err_set(
            e, ERR_CONFLICT,
            "no instance can be detached while EAS does not show all the replicas that the service's "
            "configuration states, or that states none: nobody could count the detached ones afterwards");
    if (brings_scaler && now->extra > 0 && !is_new(f))
        return err_set(e, ERR_CONFLICT,
                       "the service has %lld detached instances; a scaler can be set when they are gone",
                       (long long)now->extra);
    return true;
}

bool after_compute(const struct facts *facts, const struct service_state *now, struct after *out,
                   struct err *e)
{
    struct stated s = read_stated(facts);
    bool must_state =
        facts->op->raise == OP_RAISE_CREATE || facts->replaces ||
        (facts->op->raise == OP_RAISE_CLONE &&
         (!now || (base_of(now) == 0 && !read_stated(state_coming(now, facts->op)).has_replicas)));

    *out = (struct after){ .replicas = 0 };
    if (facts->op->raise == OP_RAISE_CREATE)
        now = NULL;
    else if (!now)
        return err_set(e, ERR_MISSING, "the service's present state is not known");
    if (must_state && !s.has_replicas)
        return err_set(e, ERR_MISSING, "the number of replicas must be stated");
    if (!check_numbers(&s, now, e) || (now && !check_scalers(facts, &s, now, e)))
        return false;
    if (now)
        begin_with(facts, now, out);
    take_stated(facts, &s, now, out);
    take_spec(facts, now, out);
    take_gpus(facts, now, out);
    take_share(facts, now, out);
    out->peak = peak_of(out->replicas, out->scaler, out->cron, out->extra, out->surge);
    return true;
}
