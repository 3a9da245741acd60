/*
 * The upstream port: see upstream.h. This file knows txns and time; edge/uppool.c knows connections.
 *
 *   upstream_send ─> struct call in a pool ─┬─ on_done (answer or failure) ─┐
 *                                           └─ on_due (deadline) ───────────┴─> done list ─> wake_all ─> txn_wake
 *
 * Every wake goes through the done list, so none happens inside a call from flow or inside a connection's work. Must
 * never touch a txn after its wake or its cancel.
 */
#include "edge/upstream.h"
#include "base/must.h"
#include "edge/deadlines.h"
#include "edge/uppool.h"
#include "flow/txn.h"
#include <signal.h>

#define POOL_KEEP_MS 60000 /* an empty pool that no configuration asked for lately is freed */

struct pool_entry {
    struct list link;
    struct uppool *pool;
    int64_t touched_ms;
};

struct call { /* one request between upstream_send and its wake */
    struct upreq req;
    struct uppool *pool; /* NULL when it is done */
    struct txn *txn;
    struct list link; /* in running, or in done */
    struct deadline deadline;
};

struct upstream_client {
    struct upworld world;
    struct list pools, running, done;
    struct txn *starved; /* chained through their slots: they got no memory for a call */
    struct deadlines deadlines;
    struct event *wake_event;
};

/* ---- endings ---- */

static void wake_later(struct upstream_client *u)
{
    event_active(u->wake_event, EV_TIMEOUT, 1);
}

static void count_exchange(const struct upstream_client *u, const struct exchange *ex, int64_t sent_ms)
{
    struct metrics *m = u->world.metrics;

    if (!m)
        return;
    if (ex->failure != SEND_FAILED_NONE)
        metric_add(m, METRIC_upstream_failures_total, 1);
    else
        metric_observe_ms(m, METRIC_upstream_ms, clock_mono_ms(u->world.clock) - sent_ms);
}

static void call_done(struct upstream_client *u, struct call *c)
{
    deadline_clear(&c->deadline);
    c->pool = NULL;
    list_remove(&c->link);
    list_add_last(&u->done, &c->link);
    wake_later(u);
    count_exchange(u, c->req.ex, c->req.sent_ms);
}

static void on_done(void *arg, struct upreq *r)
{
    call_done(arg, LIST_OWNER(r, struct call, req));
}

static void on_due(void *arg, struct deadline *d)
{
    struct call *c = LIST_OWNER(d, struct call, deadline);

    uppool_remove(c->pool, &c->req, true);
    call_done(arg, c);
}

static void wake_starved(struct upstream_client *u)
{
    while (u->starved) {
        struct txn *t = u->starved;
        void **slot = txn_port_slot(t);
        u->starved = *slot;
        *slot = NULL;
        txn_wake(t, TXN_ANSWERED);
    }
}

static void wake_all(evutil_socket_t fd, short what, void *arg)
{
    struct upstream_client *u = arg;

    (void)fd;
    (void)what;
    while (!list_is_empty(&u->done)) {
        struct call *c = LIST_OWNER(u->done.next, struct call, link);
        struct txn *t = c->txn;
        list_remove(&c->link);
        free(c);
        *txn_port_slot(t) = NULL;
        txn_wake(t, TXN_ANSWERED);
    }
    wake_starved(u);
}

/* ---- pools ---- */

static struct pool_entry *find_pool(struct upstream_client *u, const struct cfg_upstream *cfg)
{
    for (struct list *at = u->pools.next; at != &u->pools; at = at->next) {
        struct pool_entry *one = LIST_OWNER(at, struct pool_entry, link);
        if (!uppool_is_retired(one->pool) && uppool_fits(one->pool, cfg))
            return one;
    }
    return NULL;
}

static void entry_free(struct pool_entry *one)
{
    list_remove(&one->link);
    uppool_free(&one->pool);
    free(one);
}

static struct pool_entry *entry_new(struct upstream_client *u, const struct cfg_upstream *cfg, struct err *e)
{
    struct pool_entry *one = calloc(1, sizeof *one);

    if (!one) {
        err_set(e, ERR_MEMORY, "upstream pool: out of memory");
        return NULL;
    }
    one->pool = uppool_new(&u->world, cfg, e);
    if (!one->pool) {
        free(one);
        return NULL;
    }
    one->touched_ms = clock_mono_ms(u->world.clock);
    list_init(&one->link);
    return one;
}

static void free_unused_pools(struct upstream_client *u)
{
    int64_t now_ms = clock_mono_ms(u->world.clock);

    for (struct list *at = u->pools.next, *next; at != &u->pools; at = next) {
        struct pool_entry *one = LIST_OWNER(at, struct pool_entry, link);
        next = at->next;
        bool is_old = uppool_is_retired(one->pool) || now_ms - one->touched_ms > POOL_KEEP_MS;
        if (is_old && uppool_is_empty(one->pool))
            entry_free(one);
    }
}

bool upstream_prepare(struct upstream_client *u, const struct cfg_upstream *cfg, struct err *e)
{
    struct pool_entry *fresh = entry_new(u, cfg, e);

    if (!fresh)
        return false;
    struct pool_entry *known = find_pool(u, cfg);
    if (known && uppool_trusts_same(known->pool, fresh->pool)) {
        known->touched_ms = fresh->touched_ms;
        entry_free(fresh);
    } else {
        if (known)
            uppool_retire(known->pool);
        list_add_last(&u->pools, &fresh->link);
    }
    free_unused_pools(u);
    return true;
}

/* ---- the port ---- */

static void not_sent(struct exchange *ex, const char *why)
{
    ex->failure = SEND_NOT_SENT;
    snprintf(ex->detail, sizeof ex->detail, "%.119s", why);
}

/* For a configuration that nobody prepared. NULL, and why in *ex. */
static struct pool_entry *make_pool(struct upstream_client *u, const struct cfg_upstream *cfg,
                                    struct exchange *ex)
{
    struct err e = { .code = ERR_NONE };
    struct pool_entry *entry = entry_new(u, cfg, &e);

    if (entry)
        list_add_last(&u->pools, &entry->link);
    else
        not_sent(ex, e.text);
    return entry;
}

void upstream_send(void *ctx, struct txn *t, const struct outgoing *out, int64_t deadline_mono_ms,
                   struct exchange *ex)
{
    struct upstream_client *u = ctx;
    struct call *c = calloc(1, sizeof *c);

    *ex = (struct exchange){ .failure = SEND_FAILED_NONE };
    if (!c) {
        not_sent(ex, "out of memory");
        count_exchange(u, ex, 0);
        *txn_port_slot(t) = u->starved;
        u->starved = t;
        wake_later(u);
        return;
    }
    *txn_port_slot(t) = c;
    c->txn = t;
    c->req = (struct upreq){ .out = out, .ex = ex };
    deadline_init(&c->deadline);
    list_init(&c->link);
    list_add_last(&u->running, &c->link);
    struct pool_entry *entry = find_pool(u, out->upstream);
    if (!entry)
        entry = make_pool(u, out->upstream, ex);
    if (!entry) {
        call_done(u, c);
        return;
    }
    entry->touched_ms = clock_mono_ms(u->world.clock);
    c->pool = entry->pool;
    deadline_set(&u->deadlines, &c->deadline, deadline_mono_ms);
    uppool_add(c->pool, &c->req);
}

static bool cancel_starved(struct upstream_client *u, struct txn *t)
{
    struct txn *before = NULL, *one = u->starved;

    while (one && one != t) {
        before = one;
        one = *txn_port_slot(one);
    }
    if (!one)
        return false;
    if (before)
        *txn_port_slot(before) = *txn_port_slot(t);
    else
        u->starved = *txn_port_slot(t);
    *txn_port_slot(t) = NULL;
    return true;
}

void upstream_send_cancel(void *ctx, struct txn *t)
{
    struct upstream_client *u = ctx;

    if (cancel_starved(u, t))
        return;
    struct call *c = *txn_port_slot(t);
    if (!c)
        return;
    *txn_port_slot(t) = NULL;
    deadline_clear(&c->deadline);
    list_remove(&c->link);
    if (c->pool)
        uppool_remove(c->pool, &c->req, false);
    else
        http1_msg_free(&c->req.ex->answer);
    free(c);
}

/* ---- birth and death ---- */

static void ignore_sigpipe(void)
{
    struct sigaction now, ignore = { .sa_handler = SIG_IGN };

    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        sigaction(SIGPIPE, &ignore, NULL);
}

struct upstream_client *upstream_new_with_lookup(struct event_base *base, const struct clock *clock,
                                                 struct metrics *metrics, resolve_lookup_fn lookup,
                                                 struct err *e)
{
    struct upstream_client *u = calloc(1, sizeof *u);

    if (!u) {
        err_set(e, ERR_MEMORY, "upstream: out of memory");
        return NULL;
    }
    ignore_sigpipe();
    list_init(&u->pools);
    list_init(&u->running);
    list_init(&u->done);
    u->world =
        (struct upworld){ .base = base, .clock = clock, .metrics = metrics, .on_done = on_done, .arg = u };
    u->world.resolver = resolver_new(base, clock, lookup, e);
    u->wake_event = event_new(base, -1, 0, wake_all, u);
    if (u->world.resolver && u->wake_event && deadlines_init(&u->deadlines, base, clock, on_due, u))
        return u;
    err_set(e, ERR_MEMORY, "upstream: out of memory");
    upstream_free(&u);
    return NULL;
}

struct upstream_client *upstream_new(struct event_base *base, const struct clock *clock,
                                     struct metrics *metrics, struct err *e)
{
    return upstream_new_with_lookup(base, clock, metrics, resolve_lookup_system, e);
}

static void drop_calls(struct list *l)
{
    while (!list_is_empty(l)) {
        struct call *c = LIST_OWNER(l->next, struct call, link);
        list_remove(&c->link);
        deadline_clear(&c->deadline);
        if (c->pool)
            uppool_remove(c->pool, &c->req, false);
        free(c);
    }
}

void upstream_free(struct upstream_client **pu)
{
    struct upstream_client *u = *pu;

    if (!u)
        return;
    drop_calls(&u->running);
    drop_calls(&u->done);
    while (!list_is_empty(&u->pools))
        entry_free(LIST_OWNER(u->pools.next, struct pool_entry, link));
    deadlines_drop(&u->deadlines);
    if (u->wake_event)
        event_free(u->wake_event);
    resolver_free(&u->world.resolver);
    free(u);
    *pu = NULL;
}
