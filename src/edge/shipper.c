/*
 * The copy of the audit log to syslog, the loop's side and the thread's life: see shipper.h. What the thread does is in
 * shipper_run.c. They share `shared`, under its lock, which neither holds while it waits; two eventfds wake the thread:
 *   news_fd   there are more records, or a record of type ship became durable
 *   quit_fd   stop whatever is awaited, now; never read, so it stays
 */
#include "edge/shipper.h"
#include "base/log.h"
#include "edge/shipper_inner.h"
#include "edge/tls.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define QUIT_WAIT_MS 1000 /* for a thread that was told to quit */

static void poke(int fd)
{
    uint64_t one = 1;

    while (write(fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* ---- the loop's side ---- */

void shipper_written(struct shipper *s, uint64_t last_seq)
{
    pthread_mutex_lock(&s->shared.lock);
    s->shared.orders.limit = last_seq;
    pthread_mutex_unlock(&s->shared.lock);
    poke(s->news_fd);
}

void shipper_durable(struct shipper *s, uint64_t ticket)
{
    struct ship_note *note = &s->shared.note;
    bool is_news = false;

    pthread_mutex_lock(&s->shared.lock);
    if (note->state == SHIP_NOTE_APPENDED && note->ticket == ticket) {
        note->state = SHIP_NOTE_NONE;
        is_news = true;
    }
    pthread_mutex_unlock(&s->shared.lock);
    if (is_news)
        poke(s->news_fd);
}

/* A note that finds no room in the log waits for the next tick. */
static void append_note(struct shipper *s)
{
    struct ship_note *note = &s->shared.note;

    pthread_mutex_lock(&s->shared.lock);
    bool is_wanted = note->state == SHIP_NOTE_WANTED;
    struct ship_note copy = *note;
    pthread_mutex_unlock(&s->shared.lock);
    if (!is_wanted)
        return;
    const struct audit_rec rec = { .type = AUDIT_SHIP,
                                   .error = slice_of(copy.error),
                                   .has_count = copy.count > 0,
                                   .count = (int64_t)copy.count,
                                   .note = slice_of(copy.text),
                                   .has_last_seq = true,
                                   .last_seq = (int64_t)copy.last_seq };
    uint64_t ticket = s->cfg.append(s->cfg.ctx, &rec);
    if (!ticket)
        return;
    pthread_mutex_lock(&s->shared.lock);
    note->ticket = ticket;
    note->state = SHIP_NOTE_APPENDED; /* only the thread sets WANTED, and it waits for us */
    pthread_mutex_unlock(&s->shared.lock);
}

static void show(struct shipper *s)
{
    if (!s->cfg.metrics)
        return;
    pthread_mutex_lock(&s->shared.lock);
    uint64_t limit = s->shared.orders.limit;
    struct ship_news news = s->shared.news;
    pthread_mutex_unlock(&s->shared.lock);
    metric_set(s->cfg.metrics, METRIC_audit_shipped_seq, (int64_t)news.seq);
    metric_set(s->cfg.metrics, METRIC_audit_ship_lag, limit > news.seq ? (int64_t)(limit - news.seq) : 0);
    metric_set(s->cfg.metrics, METRIC_audit_ship_failed, news.failing);
    metric_add(s->cfg.metrics, METRIC_audit_ship_failures_total, news.failures - s->counted_failures);
    s->counted_failures = news.failures;
}

void shipper_tick(struct shipper *s)
{
    append_note(s);
    show(s);
}

uint64_t shipper_seq(struct shipper *s)
{
    pthread_mutex_lock(&s->shared.lock);
    uint64_t seq = s->shared.news.seq;
    pthread_mutex_unlock(&s->shared.lock);
    return seq;
}

/* ---- life ---- */

static void set_default(uint64_t *ms, uint64_t value)
{
    if (*ms == 0)
        *ms = value;
}

static void set_defaults(struct shipper_config *c)
{
    set_default(&c->connect_ms, 5000);
    set_default(&c->stall_ms, 30000);
    set_default(&c->receipt_ms, 30000);
    set_default(&c->idle_ms, 2000);
    set_default(&c->session_ms, 30000);
    set_default(&c->session_bytes, (uint64_t)8 << 20);
    set_default(&c->gather_ms, 50);
    set_default(&c->backoff_min_ms, 100);
    set_default(&c->backoff_max_ms, 10000);
    set_default(&c->away_ms, 60000);
    set_default(&c->gap_ms, 1000);
    if (!c->lookup)
        c->lookup = resolve_lookup_system;
}

static bool init_shared(struct shipper *s)
{
    pthread_condattr_t attr;
    bool ok = pthread_condattr_init(&attr) == 0 && pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
              pthread_cond_init(&s->shared.ended_news, &attr) == 0 &&
              pthread_mutex_init(&s->shared.lock, NULL) == 0;

    pthread_condattr_destroy(&attr);
    s->news_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    s->quit_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return ok && s->news_fd >= 0 && s->quit_fd >= 0;
}

static bool init_link(struct shipper *s, struct err *e)
{
    const struct shipper_config *c = &s->cfg;
    unsigned char digest[32];
    struct err why = { 0 };

    s->link_cfg = (struct ship_link_config){ .place = c->place,
                                             .quit_fd = s->quit_fd,
                                             .connect_ms = c->connect_ms,
                                             .stall_ms = c->stall_ms,
                                             .receipt_ms = c->receipt_ms,
                                             .clock = c->clock,
                                             .lookup = c->lookup };
    if (c->place.kind != SYSLOG_TLS)
        return true;
    s->link_cfg.ctx = tls_upstream_ctx_new(c->ca_file, digest, &why);
    return s->link_cfg.ctx || err_set(e, why.code, "syslog_ca of [audit]: %s", why.text);
}

static bool start_thread(struct shipper *s, struct err *e)
{
    sigset_t all, before;

    sigfillset(&all); /* signals are the loop's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&s->thread, NULL, shipper_main, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ||
           err_set(e, ERR_MEMORY, "cannot start the thread of the copy to syslog: %s", strerror(error));
}

static void free_all(struct shipper *s)
{
    ship_link_free(&s->run.link);
    ship_source_free(&s->run.source);
    sbuf_drop(&s->run.message);
    SSL_CTX_free(s->link_cfg.ctx);
    if (s->news_fd >= 0)
        close(s->news_fd);
    if (s->quit_fd >= 0)
        close(s->quit_fd);
    pthread_mutex_destroy(&s->shared.lock);
    pthread_cond_destroy(&s->shared.ended_news);
    free(s);
}

struct shipper *shipper_open(const struct shipper_config *cfg, uint64_t last_seq, struct err *e)
{
    struct shipper *s = calloc(1, sizeof *s);

    if (!s) {
        err_set(e, ERR_MEMORY, "no memory for the copy to syslog");
        return NULL;
    }
    s->cfg = *cfg;
    set_defaults(&s->cfg);
    syslog_host(slice_of(cfg->host), s->host);
    s->shared.orders.limit = last_seq;
    bool ok = init_shared(s) || err_set(e, ERR_MEMORY, "no memory for the copy to syslog");
    ok = ok && init_link(s, e) && (s->run.source = ship_source_new(cfg->log_path, e)) != NULL;
    s->cfg.ca_file = SLICE_NONE;
    s->cfg.host = s->host;
    s->run.message = SBUF_MAX(SYSLOG_MESSAGE_MAX_BYTES);
    if (ok) {
        shipper_read_mark(s);
        show(s); /* before anybody can ask: no lag is not the same as none known */
    }
    if (ok && start_thread(s, e))
        return s;
    free_all(s);
    return NULL;
}

static bool wait_for_end(struct shipper *s, int64_t wait_ms)
{
    const struct timespec until = clock_mono_in_ms(wait_ms);
    int error = 0;

    pthread_mutex_lock(&s->shared.lock);
    while (!s->shared.ended && error == 0)
        error = pthread_cond_timedwait(&s->shared.ended_news, &s->shared.lock, &until);
    bool ended = s->shared.ended;
    pthread_mutex_unlock(&s->shared.lock);
    return ended;
}

bool shipper_close(struct shipper **closing, int64_t wait_ms)
{
    struct shipper *s = *closing;

    *closing = NULL;
    if (!s)
        return true;
    pthread_mutex_lock(&s->shared.lock);
    s->shared.orders.closing = true;
    pthread_mutex_unlock(&s->shared.lock);
    poke(s->news_fd);
    if (!wait_for_end(s, wait_ms)) {
        poke(s->quit_fd);
        if (!wait_for_end(s, QUIT_WAIT_MS)) {
            pthread_detach(s->thread);
            return false; /* the thread still uses it all */
        }
    }
    pthread_join(s->thread, NULL);
    free_all(s);
    return true;
}
