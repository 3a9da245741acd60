/*
 * One change of a service at a time: a verdict about a service's state holds only while nobody else changes it. Whoever
 * comes second waits for change_wait, then is told to try again. Held from before the look-up until the outcome is settled.
 */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/must.h"

struct held {
    struct txn *owner;
    struct list waiters; /* txn.in_held, in order of arrival */
    size_t name_n;
    char name[];
};

enum step_result held_take(struct txn *t, struct slice service)
{
    struct gate *g = t->gate;
    struct held *h = map_get(g->held, service);

    if (h) {
        MUST(h->owner != t);
        list_add_last(&h->waiters, &t->in_held);
        return txn_wait(t, txn_now(t) + (int64_t)t->in.pass.snap->gateway.change_wait_ms);
    }
    h = malloc(sizeof *h + service.n);
    if (!h)
        return txn_refuse(t, REASON_OVERLOADED, "out of memory");
    *h = (struct held){ .owner = t, .name_n = service.n };
    list_init(&h->waiters);
    memcpy(h->name, service.p, service.n);
    if (!map_put(g->held, service, h)) {
        free(h);
        return txn_refuse(t, REASON_OVERLOADED, "out of memory");
    }
    t->held = h;
    return STEP_NEXT;
}

void held_release(struct txn *t)
{
    struct held *h = t->held;

    list_remove(&t->in_held);
    if (!h)
        return;
    t->held = NULL;
    if (list_is_empty(&h->waiters)) {
        map_remove(t->gate->held, slice_from(h->name, h->name_n));
        free(h);
        return;
    }
    struct txn *next = LIST_OWNER(h->waiters.next, struct txn, in_held);
    list_remove(&next->in_held);
    h->owner = next;
    next->held = h;
    txn_wake(next, TXN_HELD);
}
