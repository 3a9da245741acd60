/*
 * Who may change a thing now. Any change holds what it changes alone, from before its look-ups until its outcome is settled:
 * a verdict that rests on the present state is true only while nobody else changes it, and two changes side by side could add
 * up to what neither was allowed. Things are known by a key text ("service nlp_a", "count max_gateways"). First come, first
 * served; whoever waits longer than change_wait is told to try again.
 * A change whose outcome is not known may take effect as late as an exchange may last; until then nothing may grow on what
 * EAS says of the thing.
 */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/must.h"

struct held {
    size_t asked; /* requests that hold it, wait for it, or will */
    struct txn *holder;
    int64_t certain_from_mono_ms;
    struct list waiters; /* txn.in_held, in order of arrival */
    size_t key_n;
    char key[];
};

static struct slice key_of(const struct held *h)
{
    return slice_from(h->key, h->key_n);
}

static struct held *held_of(struct gate *g, struct slice key)
{
    struct held *h = map_get(g->held, key);

    if (h)
        return h;
    h = malloc(sizeof *h + key.n);
    if (!h)
        return NULL;
    *h = (struct held){ .key_n = key.n };
    list_init(&h->waiters);
    memcpy(h->key, key.p, key.n);
    if (!map_put(g->held, key, h)) {
        free(h);
        return NULL;
    }
    return h;
}

static struct held *held_named(struct gate *g, const char *kind, struct slice name)
{
    SCOPED(sbuf) key = SBUF_MAX(1024);

    sbuf_adds(&key, kind);
    sbuf_addc(&key, ' ');
    sbuf_add(&key, name);
    return sbuf_ok(&key) ? held_of(g, sbuf_slice(&key)) : NULL;
}

/* A doubt ends when all of them have: one that a later and shorter timeout goes by ends none that was there before. */
static void doubt_until(struct held *h, int64_t certain_from_mono_ms)
{
    if (h->certain_from_mono_ms < certain_from_mono_ms)
        h->certain_from_mono_ms = certain_from_mono_ms;
}

bool gate_doubt_service(struct gate *g, struct slice service)
{
    struct held *h = held_named(g, "service", service);

    if (h)
        doubt_until(h, clock_mono_ms(g->ports.clock) + (int64_t)g->snap->upstreams[0].timeout_ms);
    return h;
}

bool held_ask(struct txn *t, const char *kind, struct slice name)
{
    struct held *h = held_named(t->gate, kind, name);

    if (!h)
        return false;
    for (size_t i = 0; i < t->holds.count; i++)
        if (t->holds.at[i] == h)
            return true;
    MUST(t->holds.taken == 0 && t->holds.count < TXN_HOLDS_MAX);
    h->asked++;
    size_t at = t->holds.count++;
    /* in one order for all, or two requests could wait for each other */
    for (; at > 0 && slice_cmp(key_of(t->holds.at[at - 1]), key_of(h)) > 0; at--)
        t->holds.at[at] = t->holds.at[at - 1];
    t->holds.at[at] = h;
    return true;
}

/* May what EAS says about h still change by something that was sent before? */
static bool is_in_doubt(struct txn *t, const struct held *h)
{
    int64_t left_ms = h->certain_from_mono_ms - txn_now(t);

    if (left_ms <= 0 || !(t->in.is.facts.raises || is_purchase(t)))
        return false;
    txn_refuse(
        t, REASON_CHANGE_UNDER_WAY,
        "a change of %.*s was sent and its outcome is not known; it may still take effect in the next %lld "
        "ms, and nothing that rests on the present state is allowed before",
        SLICE_FMT(key_of(h)), (long long)left_ms);
    return true;
}

static void take_one(struct txn *t, struct held *h)
{
    h->holder = t;
    t->holds.taken++;
}

enum step_result held_take(struct txn *t)
{
    if (t->holds.deadline_mono_ms == 0)
        t->holds.deadline_mono_ms = txn_now(t) + (int64_t)t->in.pass.snap->gateway.change_wait_ms;
    for (size_t i = 0; i < t->holds.count; i++) {
        struct held *h = t->holds.at[i];
        if (is_in_doubt(t, h)) /* of those that are held, too: it may have begun while this request waited */
            return STEP_REFUSE;
        if (i < t->holds.taken)
            continue;
        if (h->holder || !list_is_empty(&h->waiters)) {
            list_add_last(&h->waiters, &t->in_held);
            return txn_wait(t, t->holds.deadline_mono_ms);
        }
        take_one(t, h);
    }
    return STEP_NEXT;
}

struct slice held_awaited(const struct txn *t)
{
    return t->holds.taken < t->holds.count ? key_of(t->holds.at[t->holds.taken]) : SLICE_NONE;
}

static void forget_if_idle(struct gate *g, struct held *h, int64_t now_mono_ms)
{
    if (h->asked || now_mono_ms < h->certain_from_mono_ms)
        return;
    map_remove(g->held, key_of(h));
    free(h);
}

/* The first who waits may have it now. */
static void let_in(struct held *h)
{
    if (h->holder || list_is_empty(&h->waiters))
        return;
    struct txn *next = LIST_OWNER(h->waiters.next, struct txn, in_held);
    list_remove(&next->in_held);
    take_one(next, h);
    txn_wake(next, TXN_HELD);
}

void held_release(struct txn *t, enum budget_end end)
{
    size_t count = t->holds.count, taken = t->holds.taken;
    int64_t now = txn_now(t);

    list_remove(&t->in_held);
    t->holds.count = t->holds.taken = 0;
    for (size_t i = 0; i < count; i++) {
        struct held *h = t->holds.at[i];
        if (i < taken) {
            h->holder = NULL;
            if (end == BUDGET_UNKNOWN)
                doubt_until(h, txn_certain_from(t));
        }
        let_in(h);
        h->asked--;
        forget_if_idle(t->gate, h, now);
    }
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
