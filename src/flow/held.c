/*
 * Who may change a service now. A verdict that rests on the service's present state holds only while nobody else changes it,
 * so such a change excludes all others of the service, from before its look-up until its outcome is settled. Changes that
 * state everything themselves may run side by side: whichever EAS takes last was allowed. First come, first served;
 * whoever waits longer than change_wait is told to try again.
 */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/must.h"

struct held {
    size_t holders;
    bool exclusive;      /* the one holder excludes others */
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
    if (list_is_empty(&h->waiters) && may_hold(h, t)) {
        hold(h, t);
        return STEP_NEXT;
    }
    t->awaited = h;
    list_add_last(&h->waiters, &t->in_held);
    return txn_wait(t, txn_now(t) + (int64_t)t->in.pass.snap->gateway.change_wait_ms);
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
        txn_wake(next, TXN_HELD);
    }
    if (h->holders == 0) {
        map_remove(g->held, slice_from(h->name, h->name_n));
        free(h);
    }
}

void held_release(struct txn *t)
{
    struct held *h = t->held ? t->held : t->awaited;

    if (!h)
        return;
    h->holders -= t->held != NULL;
    list_remove(&t->in_held);
    t->held = t->awaited = NULL;
    let_in(t->gate, h);
}
