/*
 * What each client uses now: its rate of requests and of changes, and how many are under way. Kept by the client's name, so
 * that a reload changes the limits and not what was used. An entry is small and there is one for each name that ever called.
 */
#include "flow/gate_state.h"
#include "flow/life.h"

static struct usage *usage_of(struct gate *g, struct slice client)
{
    struct usage *u = map_get(g->usage, client);

    if (u)
        return u;
    u = calloc(1, sizeof *u);
    if (!u || !map_put(g->usage, client, u)) {
        free(u);
        return NULL;
    }
    return u;
}

void usage_free_all(struct gate *g)
{
    struct slice name;
    void *u;

    for (size_t at = 0; g->usage && map_next(g->usage, &at, &name, &u);)
        free(u);
    map_free(&g->usage);
}

static enum step_result refuse_rate(struct txn *t, int64_t wait_ms, const char *what, uint64_t count,
                                    const char *period)
{
    t->log.refusal.retry_after_s = (int)((wait_ms + 999) / 1000);
    return txn_refuse(t, REASON_RATE_LIMITED, "client %.*s may send %llu %s a %s; try again in %lld ms",
                      SLICE_FMT(t->in.pass.client->name), (unsigned long long)count, what, period,
                      (long long)wait_ms);
}

enum step_result usage_admit(struct txn *t)
{
    const struct cfg_client *cfg = &t->in.pass.client->cfg;
    struct usage *u = usage_of(t->gate, t->in.pass.client->name);
    struct ratelimit limit = { cfg->requests_per_second, 1000, cfg->request_burst };
    int64_t wait_ms;

    if (!u)
        return txn_refuse(t, REASON_OVERLOADED, "out of memory");
    if (cfg->max_inflight && u->inflight >= cfg->max_inflight)
        return txn_refuse(t, REASON_RATE_LIMITED,
                          "client %.*s has %llu requests under way, which is its most",
                          SLICE_FMT(t->in.pass.client->name), (unsigned long long)u->inflight);
    if (!ratelimit_take(&u->requests, &limit, txn_now(t), &wait_ms))
        return refuse_rate(t, wait_ms, "requests", cfg->requests_per_second, "second");
    t->usage = u;
    u->inflight++;
    return STEP_NEXT;
}

enum step_result usage_admit_change(struct txn *t)
{
    const struct cfg_client *cfg = &t->in.pass.client->cfg;
    struct ratelimit limit = { cfg->changes_per_minute, 60 * 1000, cfg->change_burst };
    int64_t wait_ms;

    if (ratelimit_take(&t->usage->changes, &limit, txn_now(t), &wait_ms))
        return STEP_NEXT;
    return refuse_rate(t, wait_ms, "changes", cfg->changes_per_minute, "minute");
}

void usage_leave(struct txn *t)
{
    if (t->usage)
        t->usage->inflight--;
    t->usage = NULL;
}
