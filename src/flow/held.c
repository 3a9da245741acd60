/*
 * Who may change a service now. A verdict that rests on the service's present state holds only while nobody else changes it,
 * so such a change excludes all others of the service, from before its look-up until its outcome is settled. Changes that
 * state everything themselves may run side by side: whichever EAS takes last was allowed. First come, first served;
 * whoever waits longer than change_wait is told to try again.
 * A change whose outcome is not known may take effect as late as an exchange may last; until then no verdict may rest on what
 * EAS says of the service.
 */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/must.h"

struct held {
    size_t holders;
    bool exclusive; /* the one holder excludes others */
    int64_t certain_from_mono_ms;
    struct list waiters; /* txn.in_held, in order of arrival */
    size_t name_n;
    char name[];
};

static struct held *held_of(struct gate *g, struct slice service)
{
    struct held *h = map_get(g->held, service);

    if (h)
        return h;
    h = malloc(sizeof *h + service.n);
    if (!h)
        return NULL;
    *h = (struct held){ .name_n = service.n };
    list_init(&h->waiters);
    memcpy(h->name, service.p, service.n);
    if (!map_put(g->held, service, h)) {
        free(h);
        return NULL;
    }
    return h;
}

static bool may_hold(const struct held *h, const struct txn *t)
{
    return h->holders == 0 || (!h->exclusive && !t->holds_alone);
}

static void hold(struct held *h, struct txn *t)
{
    h->holders++;
    h->exclusive = t->holds_alone;
    t->held = h;
}

enum step_result held_take(struct txn *t, struct slice service, bool alone)
{
    struct held *h = held_of(t->gate, service);

    if (!h)
        return txn_refuse(t, REASON_OVERLOADED, "out of memory");
    t->holds_alone = alone;
    if (alone && txn_now(t) < h->certain_from_mono_ms)
        return txn_refuse(
            t, REASON_CHANGE_UNDER_WAY,
            "a change of service %.*s was sent and its outcome is not known; it may still take effect in the "
            "next %lld ms, so a change that rests on the present state must wait",
            SLICE_FMT(service), (long long)(h->certain_from_mono_ms - txn_now(t)));
    if (list_is_empty(&h->waiters) && may_hold(h, t)) {
        hold(h, t);
        return STEP_NEXT;
    }
    t->awaited = h;
    list_add_last(&h->waiters, &t->in_held);
    return txn_wait(t, txn_now(t) + (int64_t)t->in.pass.snap->gateway.change_wait_ms);
}

static void forget_if_idle(struct gate *g, struct held *h, int64_t now_mono_ms)
{
    if (h->holders || !list_is_empty(&h->waiters) || now_mono_ms < h->certain_from_mono_ms)
        return;
    map_remove(g->held, slice_from(h->name, h->name_n));
    free(h);
}

/* Let in whoever may come in now, in order; forget the service when nobody is left. */
static void let_in(struct gate *g, struct held *h)
{
    while (!list_is_empty(&h->waiters)) {
        struct txn *next = LIST_OWNER(h->waiters.next, struct txn, in_held);
        if (!may_hold(h, next))
            return;
        list_remove(&next->in_held);
        next->awaited = NULL;
        hold(h, next);
        txn_wake(next, next->holds_alone && txn_now(next) < h->certain_from_mono_ms ? TXN_TIMEOUT : TXN_HELD);
    }
    forget_if_idle(g, h, clock_mono_ms(g->ports.clock));
}

void held_release(struct txn *t, bool is_certain)
{
    struct held *h = t->held ? t->held : t->awaited;

    if (!h)
        return;
    if (!is_certain)
        h->certain_from_mono_ms = txn_now(t) + (int64_t)txn_upstream(t)->timeout_ms;
    h->holders -= t->held != NULL;
    list_remove(&t->in_held);
    t->held = t->awaited = NULL;
    let_in(t->gate, h);
}

void held_sweep(struct gate *g)
{
    int64_t now = clock_mono_ms(g->ports.clock);
    struct slice name;
    void *h;

    /* one at a time: the map must not change while it is walked */
    for (size_t at = 0; map_next(g->held, &at, &name, &h);) {
        size_t before = map_count(g->held);
        forget_if_idle(g, h, now);
        if (map_count(g->held) != before)
            return;
    }
}

void held_free_all(struct gate *g)
{
    struct slice name;
    void *h;

    for (size_t at = 0; g->held && map_next(g->held, &at, &name, &h);)
        free(h);
    map_free(&g->held);
}
