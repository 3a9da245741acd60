/*
 * loop: the event loop that everything of the edge hangs on; see the header.
 *
 * Built for few system calls: epoll with a change list (an event that is deleted and added again within a turn costs
 * nothing), no locks, time cached for a turn. A loop of our own around EVLOOP_ONCE marks where a turn begins, because
 * libevent 2.1 tells nobody. Deferred tasks run from an event of their own, never below the callback that asked for them:
 * that is where connections are freed (an evhttp object must not be freed inside one of its own callbacks).
 * Must never: be used from another thread, block, be nested.
 */
#include "edge/loop.h"
#include "base/log.h"
#include "base/must.h"
#include <errno.h>
#include <event2/event.h>
#include <signal.h>

#define SIGNAL_COUNT 4
#define UNREAD_TIME  INT64_MIN

struct job {
    struct list in_loop;
    struct loop *loop;
    const char *name;
    struct event *timer;
    loop_fn run;
    void *arg;
};

struct loop {
    struct event_base *base;
    struct clock clock;
    int64_t wall_ms, mono_ms; /* of this turn; UNREAD_TIME until somebody asks */
    bool stopped;
    struct event *signals[SIGNAL_COUNT];
    struct loop_signals on_signal;
    struct list jobs;
    struct list tasks;
    struct event *tasks_due;
};

static int64_t turn_wall_ms(void *ctx)
{
    struct loop *l = ctx;

    if (l->wall_ms == UNREAD_TIME)
        l->wall_ms = clock_wall_ms(&clock_system);
    return l->wall_ms;
}

static int64_t turn_mono_ms(void *ctx)
{
    struct loop *l = ctx;

    if (l->mono_ms == UNREAD_TIME)
        l->mono_ms = clock_mono_ms(&clock_system);
    return l->mono_ms;
}

/* libevent's texts may name peers; they go through the log's escaping like everything else. */
static void on_library_log(int severity, const char *text)
{
    static struct log_limit limit = { .period_ms = 1000 };
    uint64_t held_back = 0;

    if (severity == EVENT_LOG_DEBUG || !log_limit_pass(&limit, clock_mono_ms(&clock_system), &held_back))
        return;
    log_event(severity == EVENT_LOG_ERR ? LOG_ERROR : LOG_WARN, "loop", "libevent says", LOG_C("text", text),
              LOG_N("held_back", held_back));
}

static void run_tasks(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    struct list due;

    (void)fd;
    (void)what;
    /* Only those that wait now: a task that defers itself again must not keep the turn from ending. */
    list_init(&due);
    while (!list_is_empty(&l->tasks)) {
        struct list *first = l->tasks.next;
        list_remove(first);
        list_add_last(&due, first);
    }
    while (!list_is_empty(&due)) {
        struct loop_task *t = LIST_OWNER(due.next, struct loop_task, in_loop);
        list_remove(&t->in_loop);
        t->run(t->arg);
    }
}

static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();

    if (!config)
        return NULL;
    event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

struct loop *loop_new(struct err *e)
{
    struct loop *l = calloc(1, sizeof *l);

    if (!l) {
        err_set(e, ERR_MEMORY, "loop: no memory");
        return NULL;
    }
    list_init(&l->jobs);
    list_init(&l->tasks);
    l->wall_ms = l->mono_ms = UNREAD_TIME;
    l->clock = (struct clock){ .wall_ms = turn_wall_ms, .mono_ms = turn_mono_ms, .ctx = l };
    event_set_log_callback(on_library_log);
    signal(SIGPIPE, SIG_IGN);
    l->base = base_new();
    if (l->base)
        l->tasks_due = event_new(l->base, -1, 0, run_tasks, l);
    if (!l->base || !l->tasks_due) {
        err_set(e, ERR_IO, "loop: cannot make the event base: errno %d", errno);
        loop_free(&l);
    }
    return l;
}

static void job_free(struct job *j)
{
    list_remove(&j->in_loop);
    if (j->timer)
        event_free(j->timer);
    free(j);
}

void loop_free(struct loop **pl)
{
    struct loop *l = *pl;

    if (!l)
        return;
    while (!list_is_empty(&l->tasks))
        run_tasks(-1, 0, l);
    while (!list_is_empty(&l->jobs))
        job_free(LIST_OWNER(l->jobs.next, struct job, in_loop));
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        if (l->signals[i])
            event_free(l->signals[i]);
    if (l->tasks_due)
        event_free(l->tasks_due);
    if (l->base)
        event_base_free(l->base);
    free(l);
    *pl = NULL;
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

const struct clock *loop_clock(const struct loop *l)
{
    return &l->clock;
}

bool loop_turn(struct loop *l)
{
    l->wall_ms = l->mono_ms = UNREAD_TIME;
    return event_base_loop(l->base, EVLOOP_ONCE) == 0;
}

bool loop_run(struct loop *l)
{
    while (!l->stopped)
        if (!loop_turn(l))
            return false;
    l->stopped = false;
    return true;
}

void loop_stop(struct loop *l)
{
    l->stopped = true;
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct loop *l = arg;
    loop_fn run = NULL;

    (void)what;
    if (number == SIGTERM)
        run = l->on_signal.on_term;
    if (number == SIGINT)
        run = l->on_signal.on_int;
    if (number == SIGHUP)
        run = l->on_signal.on_hup;
    if (number == SIGUSR1)
        run = l->on_signal.on_usr1;
    if (run)
        run(l->on_signal.arg);
}

bool loop_on_signals(struct loop *l, const struct loop_signals *s, struct err *e)
{
    const struct {
        int number;
        loop_fn run;
    } wanted[SIGNAL_COUNT] = {
        { SIGTERM, s->on_term }, { SIGINT, s->on_int }, { SIGHUP, s->on_hup }, { SIGUSR1, s->on_usr1 }
    };

    l->on_signal = *s;
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        if (!wanted[i].run || l->signals[i])
            continue;
        l->signals[i] = evsignal_new(l->base, wanted[i].number, on_signal, l);
        if (!l->signals[i] || evsignal_add(l->signals[i], NULL))
            return err_set(e, ERR_IO, "loop: cannot watch signal %d", wanted[i].number);
    }
    return true;
}

static void on_job(evutil_socket_t fd, short what, void *arg)
{
    struct job *j = arg;

    (void)fd;
    (void)what;
    j->run(j->arg);
}

bool loop_every(struct loop *l, const char *name, int64_t period_ms, loop_fn run, void *arg, struct err *e)
{
    MUST(period_ms > 0 && run);
    struct timeval period = { .tv_sec = period_ms / 1000, .tv_usec = period_ms % 1000 * 1000 };
    struct job *j = calloc(1, sizeof *j);

    if (!j)
        return err_set(e, ERR_MEMORY, "loop: no memory for the job %s", name);
    *j = (struct job){ .loop = l, .name = name, .run = run, .arg = arg };
    list_add_last(&l->jobs, &j->in_loop);
    j->timer = event_new(l->base, -1, EV_PERSIST, on_job, j);
    if (j->timer && event_add(j->timer, &period) == 0)
        return true;
    job_free(j);
    return err_set(e, ERR_MEMORY, "loop: cannot start the job %s", name);
}

void loop_end_jobs(struct loop *l, const void *arg)
{
    struct list *next;

    for (struct list *at = l->jobs.next; at != &l->jobs; at = next) {
        struct job *j = LIST_OWNER(at, struct job, in_loop);
        next = at->next;
        if (j->arg == arg)
            job_free(j);
    }
}

void loop_task_init(struct loop_task *t, loop_fn run, void *arg)
{
    *t = (struct loop_task){ .run = run, .arg = arg };
    list_init(&t->in_loop);
}

void loop_later(struct loop *l, struct loop_task *t)
{
    if (!list_is_empty(&t->in_loop))
        return;
    if (list_is_empty(&l->tasks))
        event_active(l->tasks_due, EV_TIMEOUT, 0);
    list_add_last(&l->tasks, &t->in_loop);
}

void loop_task_cancel(struct loop_task *t)
{
    list_remove(&t->in_loop);
}
