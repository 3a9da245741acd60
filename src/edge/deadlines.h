/*
 * deadlines: many points in time on one timer. Cheap where most are set in the order in which they fall due: setting walks
 * back from the latest one, and the timer stays where it is until it fires. Loop thread only.
 */
#ifndef EG_DEADLINES_H
#define EG_DEADLINES_H
#include "base/clock.h"
#include "base/list.h"
#include <event2/event.h>

struct deadline { /* lives in the thing that waits */
    struct list link;
    int64_t at_ms; /* monotonic */
};

/* Called from the loop for each deadline that is due, already cleared. It may set and clear any. */
typedef void (*deadline_due_fn)(void *arg, struct deadline *d);

struct deadlines {
    struct list all; /* in order of time */
    struct event *timer;
    const struct clock *clock;
    deadline_due_fn on_due;
    void *arg;
    int64_t armed_ms;     /* INT64_MAX: not armed */
    int64_t expected_ms;  /* when the timer should run */
    bool forgives_stalls; /* set after deadlines_init: what falls due while the program stands still gets 200 ms more, once */
    bool is_granted;      /* that time runs now */
};

bool deadlines_init(struct deadlines *d, struct event_base *base, const struct clock *clock,
                    deadline_due_fn on_due, void *arg);
/* No deadline may be set any more. A zeroed struct is fine. */
void deadlines_drop(struct deadlines *d);

void deadline_init(struct deadline *one);
/* Set, or move. A time that has passed is due at the loop's next turn, never at once. */
void deadline_set(struct deadlines *d, struct deadline *one, int64_t at_mono_ms);
void deadline_clear(struct deadline *one);
#endif
