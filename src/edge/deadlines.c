/*
 * Deadlines in a sorted list with one lazy timer: see deadlines.h. Must never call back from within deadline_set.
 */
#include "edge/deadlines.h"

#define STALL_MS 200

static void arm(struct deadlines *d, int64_t at_ms)
{
    int64_t now_ms = clock_mono_ms(d->clock);
    int64_t wait_ms = at_ms > now_ms ? at_ms - now_ms : 0;
    struct timeval tv = { .tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000 };

    d->expected_ms = now_ms + wait_ms;
    d->armed_ms = event_add(d->timer, &tv) == 0 ? at_ms : INT64_MAX;
}

/* The program stood still beyond what is due: whoever is waited for could not do anything about it, and gets a moment. Only
 * one at a time, so that a machine that keeps stalling ends them all the same. */
static bool grant_time(struct deadlines *d, int64_t now_ms)
{
    bool grants = d->forgives_stalls && !d->is_granted && now_ms - d->expected_ms > STALL_MS;

    d->is_granted = grants;
    if (grants)
        arm(d, now_ms + STALL_MS);
    return grants;
}

static struct deadline *first(struct deadlines *d)
{
    return list_is_empty(&d->all) ? NULL : LIST_OWNER(d->all.next, struct deadline, link);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct deadlines *d = arg;
    int64_t now_ms = clock_mono_ms(d->clock);
    struct deadline *one;

    (void)fd;
    (void)what;
    d->armed_ms = INT64_MAX;
    if (grant_time(d, now_ms))
        return;
    while ((one = first(d)) != NULL && one->at_ms <= now_ms) {
        list_remove(&one->link);
        d->on_due(d->arg, one);
    }
    if (one && d->armed_ms > one->at_ms)
        arm(d, one->at_ms);
}

bool deadlines_init(struct deadlines *d, struct event_base *base, const struct clock *clock,
                    deadline_due_fn on_due, void *arg)
{
    list_init(&d->all);
    d->clock = clock;
    d->on_due = on_due;
    d->arg = arg;
    d->armed_ms = INT64_MAX;
    d->timer = evtimer_new(base, on_timer, d);
    return d->timer != NULL;
}

void deadlines_drop(struct deadlines *d)
{
    if (d->timer)
        event_free(d->timer);
    d->timer = NULL;
}

void deadline_init(struct deadline *one)
{
    list_init(&one->link);
}

void deadline_set(struct deadlines *d, struct deadline *one, int64_t at_mono_ms)
{
    struct list *after = NULL;

    list_remove(&one->link);
    one->at_ms = at_mono_ms;
    after = d->all.prev;
    while (after != &d->all && LIST_OWNER(after, struct deadline, link)->at_ms > at_mono_ms)
        after = after->prev;
    list_add_last(after->next, &one->link);
    if (at_mono_ms < d->armed_ms)
        arm(d, at_mono_ms);
}

void deadline_clear(struct deadline *one)
{
    list_remove(&one->link);
}
