/*
 * The team's budget: max_total_replicas and max_total_gpus over all services that a policy owns. A change that raises a
 * service needs the truth about all of them (team_read.c) and reserves the most that the service may come to, until its
 * outcome is settled and seen; so parallel calls at the limit pass exactly as many as fit. Several requests share one reading.
 * Nobody is refused by a truth that was read before he came.
 * The configuration in force decides, not the one that a request began with: two of them could each give the same room away.
 * Every change of a service reserves, also where nothing is bounded (yet), and if it be nothing: then it is known as ours.
 * Must never allow growth while the truth cannot be read.
 */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/must.h"

/* ---- teams ---- */

static struct team *team_of(struct gate *g, struct slice policy)
{
    struct team *team = map_get(g->teams, policy);

    if (team)
        return team;
    team = calloc(1, sizeof *team);
    if (!team)
        return NULL;
    list_init(&team->waiters);
    team->truth = truth_new();
    if (!team->truth || !map_put(g->teams, policy, team)) {
        truth_free(&team->truth);
        free(team);
        return NULL;
    }
    return team;
}

void teams_free(struct gate *g)
{
    struct slice name;
    void *value;

    for (size_t at = 0; g->teams && map_next(g->teams, &at, &name, &value);) {
        struct team *team = value;
        truth_free(&team->truth);
        free(team);
    }
    map_free(&g->teams);
}

/* Whoever waits looks again, and may read in turn. One may run at once and wait again, for another's reading: so only those who
 * wait now are woken. */
static void wake_waiters(struct team *team)
{
    struct list woken;

    list_init(&woken);
    while (!list_is_empty(&team->waiters)) {
        struct list *first = team->waiters.next;
        list_remove(first);
        list_add_last(&woken, first);
    }
    while (!list_is_empty(&woken)) {
        struct txn *next = LIST_OWNER(woken.next, struct txn, in_team);
        list_remove(&next->in_team);
        txn_wake(next, TXN_HELD);
    }
}

void teams_reset(struct gate *g)
{
    struct slice name;
    void *value;

    for (size_t at = 0; map_next(g->teams, &at, &name, &value);) {
        struct team *team = value;
        truth_reset(team->truth);
        team->reader = NULL; /* he finds out, and begins again */
    }
    /* the map may get more teams from those that wake */
    for (bool is_done = false; !is_done;) {
        is_done = true;
        for (size_t at = 0; is_done && map_next(g->teams, &at, &name, &value);)
            if (!list_is_empty(&((struct team *)value)->waiters) && !((struct team *)value)->reader) {
                wake_waiters(value);
                is_done = false;
            }
    }
}

static void leave_team(struct txn *t)
{
    struct team *team = t->team;

    list_remove(&t->in_team);
    t->team = NULL;
    team_read_drop(t);
    if (!team || team->reader != t)
        return;
    team->reader = NULL;
    wake_waiters(team);
}

/* ---- what counts ---- */

static bool owns(const void *policy, struct slice service)
{
    return policy_owns(policy, BOUND_services, service) != NULL;
}

struct owner policy_as_owner(const struct policy *p)
{
    return (struct owner){ owns, p };
}

struct slice changed_service(const struct facts *f)
{
    return f->new_service.n ? f->new_service : f->service;
}

const struct policy *budget_policy(const struct txn *t)
{
    const struct snapshot *now = t->gate->snap;

    if (t->in.pass.snap == now || strcmp(t->in.pass.snap->digest, now->digest) == 0)
        return t->in.pass.client->policy;
    return gate_owner(t->gate, changed_service(&t->in.is.facts));
}

/* ---- taking a place ---- */

/* The service may have what it has until the call takes effect, and what it leads to from then on. */
static enum step_result take_place(struct txn *t, struct amounts after, struct amounts now)
{
    t->peak = amounts_max(after, now);
    t->reserved = budget_reserve(t->gate->book, changed_service(&t->in.is.facts), t->peak);
    leave_team(t);
    return t->reserved ? STEP_NEXT : txn_refuse(t, REASON_OVERLOADED, "out of memory");
}

/* Others' readings are waited for until one deadline, however many fail meanwhile. A reading of its own has all the time that one
 * may take, also when little is left of the wait: if it had not, each of a long queue would begin one that is too short. */
static enum step_result begin_reading(struct txn *t, struct team *team, const struct policy *p)
{
    int64_t now = txn_now(t);

    if (!t->reads_until_mono_ms)
        t->reads_until_mono_ms = now + (int64_t)txn_upstream(t)->timeout_ms;
    if (now >= t->reads_until_mono_ms)
        return txn_refuse(t, REASON_BUDGET_UNREADABLE, "the team's sum could not be read in time");
    t->team = team;
    if (team->reader) {
        list_add_last(&team->waiters, &t->in_team);
        return txn_wait(t, t->reads_until_mono_ms);
    }
    team->reader = t;
    metric_add(t->gate->metrics, METRIC_budget_readings_total, 1);
    return team_read_begin(t, team, p);
}

/* Is there room, by the truth as it is known now? Without a truth that may decide: read it. */
static enum step_result judge_sum(struct txn *t, struct team *team, const struct policy *p,
                                  const struct growth *step)
{
    const struct budget *book = t->gate->book;
    struct owner owner = policy_as_owner(p);
    struct slice service = changed_service(&t->in.is.facts);
    int64_t max_age_ms = (int64_t)t->gate->snap->gateway.budget_max_age_ms;
    struct refusal refusal;

    /* a truth that was read since this request came may decide, however long the reading took */
    bool is_mine = truth_began_tick(team->truth) > t->wants_tick;
    if (!is_mine && !truth_is_fresh(team->truth, txn_now(t), max_age_ms))
        return begin_reading(t, team, p);
    struct amounts own = truth_of_service(team->truth, book, service);
    struct amounts others = truth_sum_without(team->truth, book, &owner, service);
    t->shrinks = step->after.replicas < own.replicas || step->after.gpus < own.gpus;
    if (policy_judge_sum(p, step->after, others, own, t->arena, &refusal))
        return take_place(t, step->after, step->now);
    if (!is_mine)
        return begin_reading(t, team, p);
    if (policy_lifts(p, refusal.reason)) {
        txn_would_deny(t, &refusal);
        return take_place(t, step->after, step->now);
    }
    leave_team(t);
    return txn_refuse_as(t, &refusal);
}

static enum step_result try_reserve(struct txn *t)
{
    const struct policy *p = budget_policy(t);
    struct growth step;

    if (!t->in.is.facts.raises)
        return take_place(t, (struct amounts){ 0, 0 }, (struct amounts){ 0, 0 });
    if (!t->verdict.has_after)
        return txn_refuse(t, REASON_INTERNAL, "the state after the call is not known");
    if (!p)
        return txn_refuse(t, REASON_BUDGET_UNREADABLE,
                          "the configuration was loaded anew, and service %.*s is nobody's any more",
                          SLICE_FMT(changed_service(&t->in.is.facts)));
    if (!policy_growth(p, &t->in.is.facts, &t->verdict.after, t->has_state ? &t->state : NULL, &step))
        return txn_refuse(t, REASON_BUDGET,
                          "max_total_gpus of [policy %.*s] is set, and nothing says how many GPUs one "
                          "replica of %.*s has; name its spec in spec_gpus",
                          SLICE_FMT(p->name), SLICE_FMT(changed_service(&t->in.is.facts)));
    t->shrinks = step.after.replicas < step.now.replicas || step.after.gpus < step.now.gpus;
    if (!policy_has_sum(p) || !step.grows)
        return take_place(t, step.after, step.now); /* nothing grows: it goes on whatever is known */
    if (txn_now(t) < t->gate->growth_opens_mono_ms)
        return txn_refuse(
            t, REASON_BUDGET_UNREADABLE,
            "easgate was ended while requests were under way; what they did is not certain yet");
    struct team *team = team_of(t->gate, p->name);
    return team ? judge_sum(t, team, p, &step) : txn_refuse(t, REASON_OVERLOADED, "out of memory");
}

/* For who only asks: NEXT once the truth is fresh, or was read for him. */
static enum step_result try_to_know(struct txn *t)
{
    const struct policy *p = budget_policy(t);
    struct team *team = p && policy_has_sum(p) ? team_of(t->gate, p->name) : NULL;
    int64_t max_age_ms = (int64_t)t->gate->snap->gateway.budget_max_age_ms;

    if (!team || truth_began_tick(team->truth) > t->wants_tick ||
        truth_is_fresh(team->truth, txn_now(t), max_age_ms)) {
        leave_team(t);
        return STEP_NEXT;
    }
    return begin_reading(t, team, p);
}

static enum step_result try_again(struct txn *t)
{
    return t->in.is.match.op ? try_reserve(t) : try_to_know(t);
}

/* A part of the truth came; the last one decides. */
static enum step_result go_on_reading(struct txn *t)
{
    const struct policy *p = budget_policy(t);
    struct team *team = t->team;

    if (team->reader != t || !p) {
        leave_team(t); /* the configuration was loaded anew meanwhile: what was read is not what counts now */
        return try_again(t);
    }
    enum step_result result = team_read_go_on(t, team, p);
    if (result == STEP_WAIT)
        return result;
    if (result == STEP_NEXT) {
        team_read_drop(t);
        return try_again(t);
    }
    if (t->log.refusal.reason != REASON_STOPPING)
        t->log.refusal.reason = REASON_BUDGET_UNREADABLE; /* whatever it was, this is what it means here */
    return STEP_REFUSE;
}

/* A new service counts by its own name, not by that of its source. */
static bool has_name(const struct facts *f)
{
    bool is_new = f->op->raise == OP_RAISE_CREATE || f->op->raise == OP_RAISE_CLONE;

    return is_new ? f->new_service.n > 0 : changed_service(f).n > 0;
}

/* Try; again whenever something was read. */
static enum step_result on_event(struct txn *t)
{
    switch (t->wait.event) {
    case TXN_EVENT_NONE:
        t->wants_tick = budget_tick(t->gate->book);
        return try_again(t);
    case TXN_HELD:
        return try_again(t);
    case TXN_LOOKED_UP:
        return go_on_reading(t);
    case TXN_ABORTED:
        return txn_refuse(t, REASON_STOPPING, NULL);
    case TXN_TIMEOUT:
    case TXN_DURABLE:
    case TXN_LOST:
    case TXN_SIGNED:
    case TXN_ANSWERED:
        break;
    }
    return txn_refuse(t, REASON_BUDGET_UNREADABLE, "the team's sum could not be read in time");
}

enum step_result budget_know(struct txn *t)
{
    enum step_result result = on_event(t);

    if (result == STEP_WAIT)
        return result;
    if (t->team && t->team->reader == t)
        truth_read_abandon(t->team->truth);
    leave_team(t);
    return result;
}

enum step_result step_reserve(struct txn *t)
{
    const struct facts *f = &t->in.is.facts;

    if (t->parent || !f->changes || (!f->raises && !has_name(f)))
        return STEP_NEXT;
    if (!has_name(f))
        return txn_refuse(t, REASON_INTERNAL, "nothing names the service that would grow");
    return on_event(t);
}

void reserve_end(struct txn *t)
{
    if (t->team && t->team->reader == t)
        truth_read_abandon(t->team->truth);
    leave_team(t);
    if (!t->reserved)
        return;
    enum budget_end end = change_end(t);
    const struct policy *p = budget_policy(t);
    struct team *team = p ? map_get(t->gate->teams, p->name) : NULL;
    /* where nothing is bounded nothing is read; a limit of a later configuration begins with a reading of its own */
    bool is_over = end == BUDGET_DONE && p && !policy_has_sum(p);
    int64_t certain_mono_ms = end == BUDGET_UNKNOWN ? txn_certain_from(t) : txn_now(t);
    budget_settle(&t->reserved, is_over ? BUDGET_NOTHING : end, certain_mono_ms);
    /* something may have become smaller than the truth says: read again before anyone is refused by it */
    if (team && end != BUDGET_NOTHING && (!t->in.is.facts.raises || t->shrinks))
        truth_doubt(team->truth, budget_tick(t->gate->book));
}
