/*
 * loop: the one event loop: its time, its signals, its periodic jobs, its deferred tasks. The event base is made and run
 * here and nowhere else. Everything is called on the thread that runs the loop.
 *
 * Turns: one turn waits for events and runs all callbacks that are due. The clock is read at most once a turn and kind, so
 * that time stands still within a turn and costs nothing; a callback that computes for long reads old time.
 */
#ifndef EG_LOOP_H
#define EG_LOOP_H
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"

struct event_base;
struct loop;

typedef void (*loop_fn)(void *arg);

/* A loop; it also ignores SIGPIPE and takes libevent's own messages into the log. NULL with e. The caller owns it. */
struct loop *loop_new(struct err *e);
/* Run what is deferred, forget jobs and signals, free; stores NULL. All events of others must be gone. */
void loop_free(struct loop **l);
/* For edge's own events. Not thread-safe: made without locks. */
struct event_base *loop_base(struct loop *l);
/* Wall and monotonic time of the turn. Lives as long as the loop. */
const struct clock *loop_clock(const struct loop *l);

/* Run turns until loop_stop. False when libevent fails or nothing is left to wait for. */
bool loop_run(struct loop *l);
/* One turn; waits until something happens. */
bool loop_turn(struct loop *l);
/* End loop_run after the callbacks of this turn. */
void loop_stop(struct loop *l);

/* Callbacks for signals; NULL leaves one alone. */
struct loop_signals {
    loop_fn on_term, on_int, on_hup, on_usr1;
    void *arg;
};
bool loop_on_signals(struct loop *l, const struct loop_signals *signals, struct err *e);

/* Call run(arg) every period_ms, from about one period from now on. name is for the log and lives as long as the loop. */
bool loop_every(struct loop *l, const char *name, int64_t period_ms, loop_fn run, void *arg, struct err *e);
/* End the jobs with this arg (their owner goes). May be called by such a job itself. */
void loop_end_jobs(struct loop *l, const void *arg);

/* Something to do once, when the callbacks that run now have returned. Owned by the caller, who keeps it until it ran. */
struct loop_task {
    struct list in_loop;
    loop_fn run;
    void *arg;
};
void loop_task_init(struct loop_task *t, loop_fn run, void *arg);
/* Run t soon; a task that waits already is left as it is. */
void loop_later(struct loop *l, struct loop_task *t);
/* Never mind; fine for a task that does not wait. */
void loop_task_cancel(struct loop_task *t);
#endif
