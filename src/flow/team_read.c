/*
 * What a team's services have, read from EAS: the whole list, page by page (gather.c), then the scalers of each service where
 * they are not clearly off (look.c). Each service counts for the most that it may come to by itself. One request reads, the
 * others wait for it (reserve.c).
 * Must never make a truth of a list that moved while it was read, or of a service that cannot be counted.
 */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/log.h"

#define SCRATCH_MAX_BYTES (1024 * 1024)
#define TRIES_MAX         3

static enum step_result uncountable(struct txn *t, struct slice service, const char *why)
{
    return txn_refuse(t, REASON_BUDGET_UNREADABLE, "service %.*s of the team cannot be counted: %s",
                      SLICE_FMT(service), why);
}

static struct slice name_of(const struct json *service)
{
    return json_text(json_get(service, S("ServiceName")));
}

/* ---- one service ---- */

static enum step_result add_service(struct txn *t, struct team *team, const struct policy *p,
                                    const struct service_state *s)
{
    struct slice name = name_of(t->sum.at);
    int64_t gpus = 0;

    if (!policy_gpus_now(p, s, &gpus))
        return uncountable(t, name, "nothing says how many GPUs one replica has; name its spec in spec_gpus");
    if (!truth_read_service(team->truth, name, amounts_of(service_peak(s), gpus)))
        return txn_refuse(t, REASON_OVERLOADED, "out of memory");
    arena_free(&t->sum.scratch);
    return STEP_NEXT;
}

/* Count the service that t->sum.at is at; WAIT where its scalers have to be asked for. */
static enum step_result count_service(struct txn *t, struct team *team, const struct policy *p)
{
    struct slice name = name_of(t->sum.at);
    struct service_seen seen;
    struct err e = { 0 };

    t->sum.scratch = arena_new(SCRATCH_MAX_BYTES);
    if (!t->sum.scratch)
        return txn_refuse(t, REASON_OVERLOADED, "out of memory");
    if (!service_state_of(t->sum.at, STATE_HARDWARE, t->sum.scratch, &seen, &e))
        return uncountable(t, name, e.text);
    if (seen.scaler == SCALER_OFF && seen.cron == SCALER_OFF) {
        seen_finish(&seen);
        return add_service(t, team, p, &seen.state);
    }
    if (!name.n) /* a look-up without a name would be about the service that the caller changes */
        return uncountable(t, name, "it has or may have a scaler, and no name to ask EAS by");
    if (++t->sum.scalers > txn_upstream(t)->list_max_scalers)
        return txn_refuse(t, REASON_BUDGET_UNREADABLE,
                          "more than %llu services of the team have a scaler or may have one, which is "
                          "list_max_scalers; their sum is not known, so nothing may grow",
                          (unsigned long long)txn_upstream(t)->list_max_scalers);
    struct look plan = { .service = name,
                         .want = STATE_HARDWARE,
                         .deadline_mono_ms = t->gather.deadline_mono_ms,
                         .at = LOOK_SERVICE,
                         .seen = seen };
    enum step_result result = look_begin(t, &plan);
    return result == STEP_NEXT ? add_service(t, team, p, &t->look.seen.state) : result;
}

/* ---- all of them ---- */

static void say_change(void *ctx, struct slice service, struct amounts before, struct amounts now)
{
    struct txn *t = ctx;
    struct team *team = t->team;

    team->drifts++;
    team->drift_replicas += now.replicas - before.replicas;
    team->drift_gpus += now.gpus - before.gpus;
    metric_add(t->gate->metrics, METRIC_budget_drifts_total, 1);
    log_event(LOG_WARN, "budget", "a service was changed elsewhere", LOG_S("service", service),
              LOG_N("replicas_before", before.replicas), LOG_N("replicas_now", now.replicas),
              LOG_N("gpus_before", before.gpus), LOG_N("gpus_now", now.gpus));
}

/* The list moved: what was on two pages, or on none, cannot be told. Read it anew. */
static enum step_result read_again(struct txn *t, struct team *team, const struct policy *p)
{
    int64_t deadline_mono_ms = t->gather.deadline_mono_ms;
    unsigned tries = t->sum.tries + 1;

    if (tries == TRIES_MAX || txn_now(t) >= deadline_mono_ms)
        return txn_refuse(t, REASON_BUDGET_UNREADABLE,
                          "the list of services changed each time while its pages were read");
    team_read_drop(t);
    t->gather.deadline_mono_ms = deadline_mono_ms;
    t->sum.tries = tries;
    return team_read_begin(t, team, p);
}

static enum step_result finish(struct txn *t, struct team *team, const struct policy *p)
{
    struct owner owner = policy_as_owner(p);

    bool is_one_page = t->gather.page == 1;                              /* one answer cannot be torn */
    if (truth_reading_count(team->truth) != json_count(t->gather.owned)) /* the same name twice */
        return read_again(t, team, p);
    if (!is_one_page && t->sum.tries == 0 && truth_reading_misses(team->truth, t->gate->book, &owner))
        return read_again(t, team, p);
    return truth_read_done(team->truth, t->gate->book, &owner, say_change, t)
               ? STEP_NEXT
               : txn_refuse(t, REASON_OVERLOADED, "out of memory");
}

static enum step_result count_rest(struct txn *t, struct team *team, const struct policy *p)
{
    while (t->sum.at) {
        enum step_result result = count_service(t, team, p);
        if (result != STEP_NEXT)
            return result;
        t->sum.at = json_next(t->sum.at);
    }
    return finish(t, team, p);
}

enum step_result team_read_begin(struct txn *t, struct team *team, const struct policy *p)
{
    truth_read_begin(team->truth, budget_tick(t->gate->book), txn_now(t));
    t->gather.policy = p;
    return gather_ask(t, NULL);
}

enum step_result team_read_go_on(struct txn *t, struct team *team, const struct policy *p)
{
    enum step_result result;

    t->gather.policy = p;
    if (t->sum.at) { /* a scaler's answer */
        result = look_go_on(t);
        if (result == STEP_NEXT)
            result = add_service(t, team, p, &t->look.seen.state);
        if (result != STEP_NEXT)
            return result;
        t->sum.at = json_next(t->sum.at);
        return count_rest(t, team, p);
    }
    result = gather_read(t);
    if (result == STEP_AGAIN)
        return gather_ask(t, NULL);
    if (result != STEP_NEXT)
        return result;
    if (t->gather.moved)
        return read_again(t, team, p);
    t->sum.at = json_first(t->gather.owned);
    return count_rest(t, team, p);
}

void team_read_drop(struct txn *t)
{
    arena_free(&t->sum.scratch);
    t->sum.at = NULL;
    t->sum.scalers = 0;
    t->sum.tries = 0;
    gather_drop(t);
}
