/*
 * The team's budget: max_total_replicas over all services that a policy owns. A request that can raise them needs the truth
 * about all of them (the whole list, read by nested requests) and reserves the state it leads to, until its outcome is
 * settled; so parallel calls at the limit pass exactly as many as fit. Several requests share one reading. Nobody is refused
 * by a truth that was read before he came.
 * Must never allow growth while the truth cannot be read.
 */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/must.h"

#define STATE_MAX_BYTES (1024 * 1024)

static struct team *team_of(struct gate *g, struct slice policy)
{
    struct team *team = map_get(g->teams, policy);

    if (team)
        return team;
    team = calloc(1, sizeof *team);
    if (!team)
        return NULL;
    list_init(&team->waiters);
    team->book = budget_new();
    if (!team->book || !map_put(g->teams, policy, team)) {
        budget_free(&team->book);
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
        budget_free(&team->book);
        free(team);
    }
    map_free(&g->teams);
}

void teams_doubt(struct gate *g)
{
    struct slice name;
    void *value;

    for (size_t at = 0; map_next(g->teams, &at, &name, &value);)
        budget_doubt(((struct team *)value)->book);
}

static const struct rule *limit_of(const struct txn *t)
{
    const struct policy *p = t->in.pass.client->policy;
    const struct rules *replicas = POLICY_RULES(p, max_total_replicas),
                       *gpus = POLICY_RULES(p, max_total_gpus);

    return replicas->count ? &replicas->at[0] : gpus->count ? &gpus->at[0] : NULL;
}

/* Leave the team's waiting or reading; whoever waits looks again, and may read in turn. */
static void leave_team(struct txn *t)
{
    struct team *team = t->team;

    list_remove(&t->in_team);
    t->team = NULL;
    if (!team || team->reader != t)
        return;
    team->reader = NULL;
    while (!list_is_empty(&team->waiters)) {
        struct txn *next = LIST_OWNER(team->waiters.next, struct txn, in_team);
        list_remove(&next->in_team);
        txn_wake(next, TXN_HELD);
    }
}

static enum step_result reserve(struct txn *t, struct team *team)
{
    struct slice service = t->in.is.facts.service;

    t->shrinks = t->verdict.after.peak < budget_of_service(team->book, service);
    t->reserved = budget_reserve(team->book, service, t->verdict.after.peak);
    leave_team(t);
    return t->reserved ? STEP_NEXT : txn_refuse(t, REASON_OVERLOADED, "out of memory");
}

static enum step_result begin_reading(struct txn *t, struct team *team)
{
    t->team = team;
    if (team->reader) {
        list_add_last(&team->waiters, &t->in_team);
        return txn_wait(t, txn_now(t) + (int64_t)txn_upstream(t)->timeout_ms);
    }
    team->reader = t;
    budget_read_begin(team->book, txn_now(t));
    return gather_ask(t, NULL);
}

/* Is there room, by the truth as it is known now? Without a truth that may decide: read it. */
static enum step_result try_reserve(struct txn *t, struct team *team)
{
    const struct verdict *v = &t->verdict;
    int64_t max_age_ms = (int64_t)t->in.pass.snap->gateway.budget_max_age_ms;

    if (t->has_state && v->after.peak <= v->after.now)
        return reserve(t, team); /* nothing grows: it goes on whatever is known */
    /* a truth that was read since this request came may decide, however long the reading took */
    bool is_mine = budget_read_at(team->book) >= t->wants_mono_ms;
    if (!is_mine && !budget_is_fresh(team->book, txn_now(t), max_age_ms))
        return begin_reading(t, team);
    struct refusal refusal;
    /* the book knows no GPUs: what all others have is not known, so nothing may grow under max_total_gpus */
    struct amounts own = { .replicas = v->after.peak, .gpus = 1 };
    struct amounts others = { .replicas = budget_sum_without(team->book, t->in.is.facts.service),
                              .gpus = -1 };
    struct amounts own_now = { .replicas = budget_of_service(team->book, t->in.is.facts.service) };
    if (policy_judge_sum(t->in.pass.client->policy, own, others, own_now, t->arena, &refusal))
        return reserve(t, team);
    if (!is_mine)
        return begin_reading(t, team);
    leave_team(t);
    return txn_refuse_as(t, &refusal);
}

/* The list is whole: what each service counts for becomes the truth. */
static enum step_result take_truth(struct txn *t, struct team *team)
{
    for (const struct json *s = json_first(t->gather.owned); s; s = json_next(s)) {
        struct slice name = json_text(json_get(s, S("ServiceName")));
        struct arena *a = arena_new(STATE_MAX_BYTES);
        struct service_seen seen;
        struct err e = { 0 };
        bool is_read = a && service_state_of(s, STATE_COUNTS, a, &seen, &e);
        arena_free(&a); /* of the state only counts are used */
        seen_finish(&seen);
        if (!is_read)
            return txn_refuse(t, REASON_BUDGET_UNREADABLE, "service %.*s of the team cannot be counted: %s",
                              SLICE_FMT(name), e.text);
        if (seen.scaler != SCALER_OFF || seen.cron != SCALER_OFF)
            return txn_refuse(
                t, REASON_BUDGET_UNREADABLE,
                "service %.*s of the team has a scaler that was set elsewhere, so the team's sum is not "
                "known; nothing may grow while it is on",
                SLICE_FMT(name));
        if (!budget_read_service(team->book, name, service_peak(&seen.state)))
            return txn_refuse(t, REASON_OVERLOADED, "out of memory");
    }
    /* an unknown outcome may show as late as an exchange may last */
    return budget_read_done(team->book, (int64_t)txn_upstream(t)->timeout_ms)
               ? STEP_NEXT
               : txn_refuse(t, REASON_OVERLOADED, "out of memory");
}

/* A page came; the last one decides. */
static enum step_result go_on_reading(struct txn *t, struct team *team)
{
    enum step_result result = gather_read(t);

    if (result == STEP_AGAIN)
        return gather_ask(t, NULL);
    if (result == STEP_NEXT)
        result = take_truth(t, team);
    gather_drop(t);
    if (result == STEP_NEXT)
        return try_reserve(t, team);
    t->log.refusal.reason = REASON_BUDGET_UNREADABLE; /* whatever it was, this is what it means here */
    return STEP_REFUSE;
}

enum step_result step_reserve(struct txn *t)
{
    const struct facts *f = &t->in.is.facts;

    if (t->parent || !f->raises || !limit_of(t))
        return STEP_NEXT;
    struct team *team = team_of(t->gate, t->in.pass.client->policy->name);
    if (!team)
        return txn_refuse(t, REASON_OVERLOADED, "out of memory");
    if (txn_now(t) < t->gate->growth_opens_mono_ms)
        return txn_refuse(
            t, REASON_BUDGET_UNREADABLE,
            "easgate was ended while requests were under way; what they did is not certain yet");
    switch (t->wait.event) {
    case TXN_EVENT_NONE:
        t->wants_mono_ms = txn_now(t);
        return try_reserve(t, team);
    case TXN_HELD:
        return try_reserve(t, team);
    case TXN_LOOKED_UP:
        return go_on_reading(t, team);
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

void reserve_end(struct txn *t)
{
    const struct facts *f = &t->in.is.facts;

    if (t->team && t->team->reader == t)
        budget_read_abandon(t->team->book);
    leave_team(t);
    if (!t->in.pass.client || !f->changes || !f->service.p || !limit_of(t))
        return;
    struct team *team = map_get(t->gate->teams, t->in.pass.client->policy->name);
    enum budget_end end = change_end(t);
    if (t->reserved)
        budget_settle(&t->reserved, end, txn_now(t));
    /* something may have become smaller than the truth says: read again before anyone is refused by it */
    if (team && end != BUDGET_NOTHING && (!f->raises || t->shrinks))
        budget_doubt(team->book);
}
