/*
 * Scalers: see emu_scaler.h. The model is deterministic: the same calls at the same times give the same replicas. It
 * must never exceed what emu_service_reach says, except when the console (the control port) set the count.
 */
#include "emulator/emu_scaler.h"
#include "emulator/emu_cron.h"
#include "emulator/emu_fields.h"

#define CRON_BEHIND_MS INT64_C(3600000)
#define BEHIND_MAX     5000 /* steps that are made up for after a time in which nobody looked */

static bool is_up(const struct emu_service *v)
{
    return emu_service_is(v, "Running") || emu_service_is(v, "Updating");
}

static int64_t clamp(int64_t n, int64_t low, int64_t high)
{
    return n > high ? high : n < low ? low : n;
}

static bool is_drifting(const struct emu_state *s, const struct emu_service *v)
{
    return (v->drifts || (v->want < 0 && emu_state_drifts(s))) && v->min < v->max && is_up(v) &&
           emu_service_is_scaled(v);
}

/* Where the autoscaler moves to; the present count when nowhere. */
static int64_t target(const struct emu_state *s, const struct emu_service *v)
{
    if (!emu_service_is_scaled(v) || !is_up(v))
        return v->replicas;
    if (is_drifting(s, v))
        return v->drifts_up ? v->max : v->min;
    return clamp(v->want >= 0 ? v->want : v->replicas, v->min, v->max);
}

static int64_t pace_ms(const struct emu_state *s)
{
    return emu_state_delay_ms(s) > 0 ? emu_state_delay_ms(s) : 1;
}

static void step(const struct emu_state *s, struct emu_service *v)
{
    int64_t to = target(s, v);

    if (v->replicas == 0 && to > 0)
        v->replicas = v->activation > 0 ? v->activation : 1;
    else
        v->replicas += (to > v->replicas) - (to < v->replicas);
    if (v->replicas == to)
        v->drifts_up = !v->drifts_up;
}

struct job {
    struct slice name;
    int64_t size, zone_ms;
    struct emu_cron when;
    bool has_when;
};

static struct job job_of(const struct emu_json *j)
{
    struct job out = { .name = emu_json_text(emu_member_of(j, "Name")) };

    if (!emu_json_integer_lenient(emu_member_of(j, "TargetSize"), &out.size))
        out.size = -1;
    out.has_when = emu_cron_parse(emu_json_text(emu_member_of(j, "Schedule")), &out.when);
    struct slice zone = emu_json_text(emu_member_of(j, "TimeZone"));
    out.zone_ms = emu_cron_zone_ms(zone.n ? zone : S("Asia/Shanghai"));
    return out;
}

static struct emu_json *parse(const struct emu_service *v, enum emu_field f)
{
    size_t used;

    return emu_json_parse(emu_service_get(v, f), &used);
}

static bool is_excluded(const struct emu_json *dates, int64_t local_ms)
{
    struct emu_cron c;

    for (const struct emu_json *d = emu_json_first(dates); d; d = emu_json_next(d))
        if (emu_cron_parse(emu_json_text(d), &c) && emu_cron_matches(&c, local_ms))
            return true;
    return false;
}

/* The next time a job fires after now, dates left out skipped. */
static int64_t next_of(const struct job *j, const struct emu_json *dates, int64_t now_ms)
{
    int64_t local_ms = now_ms + j->zone_ms;

    for (int i = 0; j->has_when && j->size >= 0 && i < 1000; i++) {
        local_ms = emu_cron_next(&j->when, local_ms);
        if (local_ms == INT64_MAX)
            return EMU_NEVER;
        if (!is_excluded(dates, local_ms))
            return local_ms - j->zone_ms;
    }
    return EMU_NEVER;
}

static void plan_cron(struct emu_service *v, int64_t now_ms)
{
    struct emu_json *jobs = parse(v, EMU_F_CRON_JOBS), *dates = parse(v, EMU_F_CRON_EXCLUDE);

    v->cron_ms = EMU_NEVER;
    v->cron_max = 0;
    v->cron_is_new = false;
    for (const struct emu_json *m = emu_json_first(jobs); m; m = emu_json_next(m)) {
        struct job j = job_of(m);
        int64_t next_ms = next_of(&j, dates, now_ms);
        v->cron_ms = next_ms < v->cron_ms ? next_ms : v->cron_ms;
        v->cron_max = j.size > v->cron_max ? j.size : v->cron_max;
    }
    emu_json_free(&jobs);
    emu_json_free(&dates);
}

/* Every job that is due at that time; the largest target counts. */
static void run_cron(struct emu_service *v, int64_t due_ms)
{
    struct emu_json *jobs = parse(v, EMU_F_CRON_JOBS), *dates = parse(v, EMU_F_CRON_EXCLUDE);
    int64_t size = -1;

    for (const struct emu_json *m = emu_json_first(jobs); m; m = emu_json_next(m)) {
        struct job j = job_of(m);
        if (next_of(&j, dates, due_ms - 1) == due_ms && j.size > size)
            size = j.size;
    }
    if (size >= 0 && is_up(v))
        v->replicas = size;
    emu_json_free(&jobs);
    emu_json_free(&dates);
}

void emu_scaler_plan(const struct emu_state *s, struct emu_service *v, int64_t now_ms)
{
    if (v->cron_is_new)
        plan_cron(v, now_ms);
    if (target(s, v) == v->replicas && !is_drifting(s, v))
        v->step_ms = 0;
    else if (v->step_ms == 0)
        v->step_ms = now_ms + pace_ms(s);
}

int64_t emu_scaler_due_ms(const struct emu_service *v)
{
    int64_t step_ms = v->step_ms ? v->step_ms : EMU_NEVER;

    return v->cron_ms < step_ms ? v->cron_ms : step_ms;
}

void emu_scaler_run(const struct emu_state *s, struct emu_service *v, int64_t due_ms, int64_t now_ms)
{
    if (v->cron_ms <= due_ms) {
        run_cron(v, v->cron_ms);
        plan_cron(v, v->cron_ms);
        if (v->cron_ms < now_ms - CRON_BEHIND_MS)
            plan_cron(v, now_ms - 1);
    }
    if (v->step_ms && v->step_ms <= due_ms) {
        step(s, v);
        v->step_ms += pace_ms(s);
        if (now_ms - v->step_ms > BEHIND_MAX * pace_ms(s))
            v->step_ms = now_ms;
    }
    emu_scaler_plan(s, v, due_ms);
}

bool emu_scaler_fire(struct emu_service *v, struct slice name)
{
    struct emu_json *jobs = parse(v, EMU_F_CRON_JOBS);
    bool found = false;

    for (const struct emu_json *m = emu_json_first(jobs); m && !found && is_up(v); m = emu_json_next(m)) {
        struct job j = job_of(m);
        found = j.size >= 0 && (!name.n || slice_eq(name, j.name));
        if (found)
            v->replicas = j.size;
    }
    emu_json_free(&jobs);
    return found;
}
