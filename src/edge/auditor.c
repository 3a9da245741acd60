/*
 * The audit log between the loop and its writer: see auditor.h.
 *
 * Who owns what:
 *   loop thread     fresh (this turn's records), tickets, what the gate was told, watchdog, metrics
 *   behind `lock`   inbox (to the writer), outbox (back, done), the writer's status and its orders
 *   writer thread   the ledger; in `written` mode the loop plays its part, without the lock being contended
 *                   (auditor_writer.c)
 *
 * A loss has a number (the epoch). The loop stamps each record with the last loss it has told the gate of; the writer drops
 * every intent with an older stamp than its own last loss. So once the gate has been told, no intent from before can become
 * durable any more, and no intent from after it can be taken for lost.
 */
#include "edge/auditor.h"
#include "base/log.h"
#include "base/must.h"
#include "edge/archive.h"
#include "edge/auditor_inner.h"
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS             50
#define SYNC_DELAY_MS       50
#define BEAT_MS             250
#define PROBE_EVERY_MS      250
#define LOG_EVERY_MS        10000
#define WAITING_MAX_RECORDS 16384
#define WAITING_MAX_BYTES   ((size_t)32 << 20)

static int64_t now_ms(const struct auditor *a)
{
    return clock_mono_ms(a->cfg.ledger.clock);
}

/* ---- telling the loop ---- */

static void tell_durable(struct auditor *a, uint64_t upto)
{
    if (upto <= a->told_ticket)
        return;
    a->told_ticket = upto;
    if (a->events.durable)
        a->events.durable(a->events.ctx, upto);
}

static void tell_lost(struct auditor *a, unsigned epoch)
{
    a->epoch = epoch;
    if (a->events.lost)
        a->events.lost(a->events.ctx);
}

static void note_done(struct auditor *a, const struct audit_item *item)
{
    MUST(a->waiting_records > 0 && a->waiting_bytes >= item->body_bytes);
    a->waiting_records--;
    a->waiting_bytes -= item->body_bytes;
    if (item->is_durable && item->type == AUDIT_INTENT && a->events.metrics)
        metric_observe_ms(a->events.metrics, METRIC_audit_commit_ms, now_ms(a) - item->queued_mono_ms);
    if (item->is_durable && item->type == AUDIT_SHIP && a->events.ship_durable)
        a->events.ship_durable(a->events.ctx, item->ticket);
}

/* In order of ticket: what is durable, then a loss, then what became durable after it. */
static void tell_done(struct auditor *a, struct list *done, unsigned epoch)
{
    uint64_t upto = 0;

    while (!list_is_empty(done)) {
        struct audit_item *item = LIST_OWNER(done->next, struct audit_item, node);
        list_remove(&item->node);
        note_done(a, item);
        if (item->is_durable) {
            upto = item->ticket;
        } else if (item->type == AUDIT_INTENT && item->epoch == a->epoch && a->epoch != epoch) {
            tell_durable(a, upto);
            tell_lost(a, epoch);
        }
        free(item);
    }
    tell_durable(a, upto);
    if (a->epoch != epoch)
        tell_lost(a, epoch);
}

static void tell_written(struct auditor *a, const struct ledger_status *status)
{
    if (status->last_seq == a->last_seq)
        return;
    a->last_seq = status->last_seq;
    if (a->events.written)
        a->events.written(a->events.ctx, status->last_seq);
}

static void log_state(struct auditor *a, const struct ledger_status *status)
{
    uint64_t held_back;

    if (status->failed && !a->failed) {
        log_event(LOG_ERROR, "audit", "cannot write, refusing requests", LOG_C("path", a->cfg.ledger.path),
                  LOG_C("error", status->why));
        a->still_failed =
            (struct log_limit){ .period_ms = LOG_EVERY_MS, .next_ms = now_ms(a) + LOG_EVERY_MS };
    } else if (status->failed && log_limit_pass(&a->still_failed, now_ms(a), &held_back)) {
        log_event(LOG_ERROR, "audit", "still cannot write, refusing requests",
                  LOG_C("path", a->cfg.ledger.path), LOG_C("error", status->why),
                  LOG_N("waiting", a->waiting_records));
    } else if (!status->failed && a->failed) {
        log_event(LOG_WARN, "audit", "writing again", LOG_C("path", a->cfg.ledger.path));
    }
}

static void set_state(struct auditor *a, const struct ledger_status *status)
{
    log_state(a, status);
    a->failed = status->failed;
    memcpy(a->why, status->why, sizeof a->why);
    a->due_wall_ms = status->due_wall_ms;
    a->due_mono_ms = status->due_mono_ms;
    if (a->slow)
        log_line(LOG_WARN, "audit", "the slow commit is done");
    a->slow = false;
    if (!a->events.metrics)
        return;
    metric_set(a->events.metrics, METRIC_audit_failed, a->failed);
    metric_add(a->events.metrics, METRIC_audit_records_total, status->records - a->counted_records);
    a->counted_records = status->records;
}

static void start_tick(struct auditor *a)
{
    const struct timeval period = { .tv_usec = TICK_MS * 1000 };

    if (!a->tick_runs)
        a->tick_runs = event_add(a->tick, &period) == 0;
}

/* Take over what the writer has done, and tell the gate. */
static void collect(struct auditor *a)
{
    struct list done;
    struct ledger_status status;

    list_init(&done);
    pthread_mutex_lock(&a->shared.lock);
    audit_items_move(&a->shared.outbox, &done);
    status = a->shared.status;
    bool is_idle = list_is_empty(&a->shared.inbox);
    pthread_mutex_unlock(&a->shared.lock);

    if (!list_is_empty(&done) || is_idle)
        a->busy_since_ms = now_ms(a);
    set_state(a, &status);
    if (a->failed)
        start_tick(a);
    tell_done(a, &done, status.epoch);
    tell_written(a, &status);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    uint64_t count;

    (void)what;
    while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
    collect(arg);
}

/* ---- the loop's side ---- */

static void hand_over(struct auditor *a, bool probe, bool quit)
{
    pthread_mutex_lock(&a->shared.lock);
    audit_items_move(&a->fresh, &a->shared.inbox);
    a->shared.probe = a->shared.probe || probe;
    a->shared.quit = a->shared.quit || quit;
    pthread_cond_signal(&a->shared.news);
    pthread_mutex_unlock(&a->shared.lock);
    start_tick(a);
}

static void write_here(struct auditor *a)
{
    bool quit, news;

    while (auditor_write_round(a, false, &quit, &news))
        ;
    collect(a);
}

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
    struct auditor *a = arg;

    (void)fd;
    (void)what;
    hand_over(a, false, false);
    if (!a->synced)
        write_here(a);
}

/* Asked before each intent, too: who was refused for a slow commit must not find the log fine until the next tick, and wait again. */
static void watch(struct auditor *a, int64_t now)
{
    if (a->slow || !a->waiting_records || a->failed ||
        now - a->busy_since_ms < (int64_t)a->cfg.commit_timeout_ms)
        return;
    a->slow = true;
    log_event(LOG_ERROR, "audit", "a commit takes longer than commit_timeout, refusing requests",
              LOG_C("path", a->cfg.ledger.path), LOG_N("ms", now - a->busy_since_ms));
    if (a->events.metrics)
        metric_set(a->events.metrics, METRIC_audit_failed, 1);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct auditor *a = arg;
    int64_t now = now_ms(a);

    (void)fd;
    (void)what;
    watch(a, now);
    if (a->failed && now >= a->next_probe_ms) {
        a->next_probe_ms = now + (int64_t)(a->cfg.probe_every_ms ? a->cfg.probe_every_ms : PROBE_EVERY_MS);
        hand_over(a, true, false);
        if (!a->synced)
            write_here(a);
    }
    if (!a->failed && !a->slow && !a->waiting_records) {
        event_del(a->tick);
        a->tick_runs = false;
    }
}

/* An epoch begins, a checkpoint or a rotation is due, or a segment is to be removed, though nothing happens: let the
 * ledger see to it. */
static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    struct auditor *a = arg;
    bool is_due = (a->due_wall_ms && clock_wall_ms(a->cfg.ledger.clock) >= a->due_wall_ms) ||
                  (a->due_mono_ms && now_ms(a) >= a->due_mono_ms);

    (void)fd;
    (void)what;
    if (a->failed || a->slow)
        return;
    pthread_mutex_lock(&a->shared.lock);
    is_due = is_due || a->shared.beat;
    a->shared.beat = is_due;
    if (is_due)
        pthread_cond_signal(&a->shared.news);
    pthread_mutex_unlock(&a->shared.lock);
    if (is_due && !a->synced)
        write_here(a);
}

/* From the archive's thread: the next beat hears of it. */
static void on_archive_news(void *ctx)
{
    struct auditor *a = ctx;

    pthread_mutex_lock(&a->shared.lock);
    a->shared.beat = true;
    pthread_mutex_unlock(&a->shared.lock);
}

uint64_t auditor_append(struct auditor *a, const struct audit_rec *rec)
{
    bool is_full = a->waiting_records >= WAITING_MAX_RECORDS || a->waiting_bytes >= WAITING_MAX_BYTES / 2;

    watch(a, now_ms(a));
    if (rec->type == AUDIT_INTENT ? a->failed || a->slow || is_full : a->waiting_bytes >= WAITING_MAX_BYTES)
        return 0;
    struct audit_item *item = audit_item_new(rec, a->cfg.ledger.clock);
    if (!item)
        return 0;
    item->ticket = ++a->last_ticket;
    item->epoch = a->epoch;
    item->queued_mono_ms = now_ms(a);
    if (!a->waiting_records) /* what the writer did before says nothing of how long this one takes */
        a->busy_since_ms = item->queued_mono_ms;
    a->waiting_records++;
    a->waiting_bytes += item->body_bytes;
    if (list_is_empty(
            &a->fresh)) /* behind all that is active now, so at the turn's end; a lower priority could starve */
        event_active(a->turn_end, EV_TIMEOUT, 0);
    list_add_last(&a->fresh, &item->node);
    return item->ticket;
}

bool auditor_ok(struct auditor *a, const char **out_why)
{
    watch(a, now_ms(a));
    if (out_why)
        *out_why = a->failed ? a->why
                   : a->slow ? "the audit log: a commit takes longer than commit_timeout"
                             : "";
    return !a->failed && !a->slow;
}

size_t auditor_open_intents(const struct auditor *a)
{
    return a->open_intents;
}

/* The list does not change after the start, so both threads may look at it. */
const struct audit_open *auditor_doubts(const struct auditor *a, size_t *out_count)
{
    return ledger_doubts(a->ledger, out_count);
}

uint64_t auditor_last_seq(const struct auditor *a)
{
    return a->last_seq;
}

void auditor_rotate(struct auditor *a)
{
    pthread_mutex_lock(&a->shared.lock);
    a->shared.rotate = true;
    pthread_mutex_unlock(&a->shared.lock);
    event_active(a->turn_end, EV_TIMEOUT, 0);
}

void auditor_set_events(struct auditor *a, const struct auditor_events *events)
{
    a->events = *events;
}

/* ---- life ---- */

static bool start_thread(struct auditor *a, struct err *e)
{
    sigset_t all, before;

    sigfillset(&all); /* signals are the loop's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&a->thread, NULL, auditor_writer_main, a);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    a->has_thread = error == 0;
    return a->has_thread ||
           err_set(e, ERR_MEMORY, "cannot start the audit log's thread: %s", strerror(error));
}

static bool init_shared(struct auditor *a)
{
    pthread_condattr_t attr;
    bool ok = pthread_condattr_init(&attr) == 0 && pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
              pthread_cond_init(&a->shared.news, &attr) == 0 &&
              pthread_cond_init(&a->shared.ended_news, &attr) == 0 &&
              pthread_mutex_init(&a->shared.lock, NULL) == 0;

    pthread_condattr_destroy(&attr);
    list_init(&a->shared.inbox);
    list_init(&a->shared.outbox);
    return ok;
}

static bool init_events(struct auditor *a, struct event_base *base)
{
    const struct timeval beat = { .tv_usec = BEAT_MS * 1000 };
    bool has_beat = a->cfg.ledger.key_path || a->cfg.ledger.checkpoint_interval_ms ||
                    a->cfg.ledger.rotate_every_ms || a->cfg.keep_segments || a->cfg.keep_for_ms;

    a->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (a->wake_fd < 0)
        return false;
    a->turn_end = event_new(base, -1, 0, on_turn_end, a);
    a->tick = event_new(base, -1, EV_PERSIST, on_tick, a);
    a->wake = event_new(base, a->wake_fd, EV_READ | EV_PERSIST, on_wake, a);
    a->beat = event_new(base, -1, EV_PERSIST, on_beat, a);
    return a->turn_end && a->tick && a->wake && a->beat && event_add(a->wake, NULL) == 0 &&
           (!has_beat || event_add(a->beat, &beat) == 0);
}

static void free_event(struct event **ev)
{
    if (*ev)
        event_free(*ev);
    *ev = NULL;
}

static void free_all(struct auditor *a)
{
    free_event(&a->turn_end);
    free_event(&a->tick);
    free_event(&a->beat);
    free_event(&a->wake);
    if (a->wake_fd >= 0)
        close(a->wake_fd);
    audit_items_free(&a->fresh);
    audit_items_free(&a->shared.inbox);
    audit_items_free(&a->shared.outbox);
    archive_free(&a->archive); /* the ledger knows of it, but does nothing more */
    ledger_free(&a->ledger);
    pthread_mutex_destroy(&a->shared.lock);
    pthread_cond_destroy(&a->shared.news);
    pthread_cond_destroy(&a->shared.ended_news);
    free(a);
}

static bool make_archive(struct auditor *a, struct err *e)
{
    const struct archive_config cfg = { .path = a->cfg.ledger.path,
                                        .compress = a->cfg.compress,
                                        .keep_segments = a->cfg.keep_segments,
                                        .keep_for_ms = a->cfg.keep_for_ms,
                                        .clock = a->cfg.ledger.clock,
                                        .wake = on_archive_news,
                                        .ctx = a };

    if (cfg.compress || cfg.keep_segments || cfg.keep_for_ms)
        a->archive = archive_new(&cfg, e);
    else
        return true;
    a->cfg.ledger.archive = a->archive;
    return a->archive != NULL;
}

struct auditor *auditor_open(const struct auditor_config *cfg, struct event_base *base, struct err *e)
{
    struct auditor *a = calloc(1, sizeof *a);

    if (!a || !init_shared(a)) {
        free(a);
        err_set(e, ERR_MEMORY, "no memory for the audit log");
        return NULL;
    }
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is a full disk, not the end */
    a->cfg = *cfg;
    a->synced = cfg->ledger.synced;
    uint64_t *delay_ms = &a->cfg.ledger.sync_delay_ms;
    if (!*delay_ms)
        *delay_ms = SYNC_DELAY_MS;
    if (*delay_ms >
        cfg->commit_timeout_ms / 4) /* what waits to be synced must not look like a commit that hangs */
        *delay_ms = cfg->commit_timeout_ms / 4;
    a->wake_fd = -1;
    list_init(&a->fresh);
    bool ok = init_events(a, base) || err_set(e, ERR_MEMORY, "no memory for the audit log's events");
    ok = ok && make_archive(a, e) && (a->ledger = ledger_open(&a->cfg.ledger, e)) != NULL;
    if (ok) {
        a->shared.status = *ledger_status(a->ledger);
        a->open_intents = a->shared.status.open_intents;
        a->due_wall_ms = a->shared.status.due_wall_ms;
        a->due_mono_ms = a->shared.status.due_mono_ms;
        a->last_seq = a->shared.status.last_seq;
    }
    ok = ok && (!a->archive || archive_start(a->archive, e)) && (!a->synced || start_thread(a, e));
    if (!ok) {
        free_all(a);
        return NULL;
    }
    return a;
}

/* Wait for the writer's end, at most wait_ms. */
static bool join_thread(struct auditor *a, int64_t wait_ms)
{
    const struct timespec until = clock_mono_in_ms(wait_ms);
    int error = 0;

    pthread_mutex_lock(&a->shared.lock);
    while (!a->shared.ended && error == 0)
        error = pthread_cond_timedwait(&a->shared.ended_news, &a->shared.lock, &until);
    bool ended = a->shared.ended;
    pthread_mutex_unlock(&a->shared.lock);
    if (ended)
        pthread_join(a->thread, NULL);
    else
        pthread_detach(a->thread);
    return ended;
}

bool auditor_close(struct auditor **closing, int64_t wait_ms)
{
    struct auditor *a = *closing;
    const struct audit_rec stop = { .type = AUDIT_STOP };

    *closing = NULL;
    if (!a)
        return true;
    a->events = (struct auditor_events){ .written = a->events.written, .ctx = a->events.ctx };
    bool stopped = auditor_append(a, &stop) != 0;
    hand_over(a, true, true); /* a failed log gets one last chance */
    if (a->has_thread && !join_thread(a, wait_ms)) {
        log_line(LOG_ERROR, "audit", "the disk does not answer; the last records are not written");
        return false; /* the thread still uses it all */
    }
    if (!a->has_thread)
        write_here(a);
    collect(a);
    stopped = stopped && !a->failed && a->waiting_records == 0;
    free_all(a);
    return stopped;
}
