/*
 * The copy of the audit log to syslog, the thread: see shipper.h. Each round does one thing: send what is durable, ask for the
 * receipt, or wait. Whatever goes wrong ends in fail(), which goes back to the mark and waits; only a receipt moves the mark
 * on, and only a jump that stands in the log skips anything. Must never hold the lock while it waits.
 */
#include "edge/shipper_inner.h"
#include "base/enc.h"
#include "base/log.h"
#include "base/must.h"
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define ROUND_BYTES   ((uint64_t)256 * 1024) /* then look at the orders again */
#define LOOK_EVERY_MS 60000                  /* with nothing to do; all news wakes the thread anyway */
#define NOTE_EVERY_MS 100
#define STEADY_MS     1000 /* a connection that held for so long was a good one */

static int64_t now_ms(const struct shipper *s)
{
    return clock_mono_ms(s->cfg.clock);
}

/* ---- between the threads ---- */

static void take_orders(struct shipper *s)
{
    pthread_mutex_lock(&s->shared.lock);
    s->run.orders = s->shared.orders;
    pthread_mutex_unlock(&s->shared.lock);
}

static void tell(struct shipper *s, uint64_t failures)
{
    pthread_mutex_lock(&s->shared.lock);
    s->shared.news.seq = s->run.mark.seq;
    s->shared.news.failing = s->run.failing_since_ms != 0;
    s->shared.news.failures += failures;
    pthread_mutex_unlock(&s->shared.lock);
}

/* Ask for a record of type ship. False while another one is under way. */
static bool post_note(struct shipper *s, const struct ship_note *wanted)
{
    struct ship_note *note = &s->shared.note;

    pthread_mutex_lock(&s->shared.lock);
    bool is_free = note->state == SHIP_NOTE_NONE;
    if (is_free) {
        *note = *wanted;
        note->state = SHIP_NOTE_WANTED;
    }
    pthread_mutex_unlock(&s->shared.lock);
    return is_free;
}

static bool note_is_durable(struct shipper *s)
{
    pthread_mutex_lock(&s->shared.lock);
    bool is_free = s->shared.note.state == SHIP_NOTE_NONE;
    pthread_mutex_unlock(&s->shared.lock);
    return is_free;
}

/* ---- waiting ---- */

static bool is_readable(int fd, int64_t wait_ms)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };

    return poll(&one, 1, (int)wait_ms) > 0;
}

static bool quits(const struct shipper *s)
{
    return is_readable(s->quit_fd, 0);
}

/* Forget that there were news. Returns whether there were. */
static bool clear_news(struct shipper *s)
{
    uint64_t count;

    return read(s->news_fd, &count, sizeof count) > 0;
}

/* Wait for news, at most wait_ms. False when the collector has left. */
static bool rest(struct shipper *s, int64_t wait_ms, struct err *e)
{
    struct pollfd fds[2] = { { .fd = s->news_fd, .events = POLLIN }, { .fd = s->quit_fd, .events = POLLIN } };
    bool ok = true;

    if (wait_ms < 0)
        wait_ms = 0;
    if (s->run.link)
        ok = ship_link_wait(s->run.link, s->news_fd, wait_ms, e);
    else
        poll(fds, 2, (int)wait_ms);
    if (ok && clear_news(s))
        is_readable(s->quit_fd, (int64_t)s->cfg.gather_ms);
    return ok;
}

/* Wait out the time, whatever the news, but for the order to close. */
static void pause_ms(struct shipper *s, uint64_t ms)
{
    struct pollfd fds[2] = { { .fd = s->news_fd, .events = POLLIN }, { .fd = s->quit_fd, .events = POLLIN } };
    int64_t until = now_ms(s) + (int64_t)ms;

    for (int64_t left; (left = until - now_ms(s)) > 0 && !s->run.orders.closing && !fds[1].revents;) {
        if (poll(fds, 2, (int)left) > 0 && fds[0].revents)
            is_readable(s->quit_fd, left < (int64_t)s->cfg.gather_ms ? left : (int64_t)s->cfg.gather_ms);
        clear_news(s);
        take_orders(s);
    }
}

/* ---- failure and success ---- */

static void note_away(struct shipper *s)
{
    struct ship_note note = { .count = s->run.orders.limit - s->run.mark.seq, .last_seq = s->run.mark.seq };
    char when[25];

    enc_time_utc(s->run.failing_wall_ms, false, when);
    snprintf(note.text, sizeof note.text,
             "the syslog collector is away since %s; the records behind last_seq wait for it", when);
    snprintf(note.error, sizeof note.error, "%s", s->run.why);
    s->run.away_told = post_note(s, &note);
    if (s->run.away_told)
        log_event(LOG_WARN, "ship", "the syslog collector is still away", LOG_C("since", when),
                  LOG_C("error", s->run.why), LOG_N("waiting", note.count));
}

static void note_back(struct shipper *s)
{
    struct ship_note note = { .last_seq = s->run.mark.seq };

    snprintf(note.text, sizeof note.text, "the syslog collector is back and has all records up to last_seq");
    s->run.away_told = !post_note(s, &note);
}

static void begin_failing(struct shipper *s)
{
    s->run.failing_since_ms = now_ms(s);
    s->run.failing_wall_ms = clock_wall_ms(s->cfg.clock);
    log_event(LOG_WARN, "ship", "cannot ship the audit log to syslog, it waits in the log",
              LOG_C("error", s->run.why), LOG_N("seq", s->run.mark.seq),
              LOG_N("waiting", s->run.orders.limit - s->run.mark.seq));
}

/* Back to the mark, and wait before the next attempt. */
static void fail(struct shipper *s, const struct err *why)
{
    bool was_steady = s->run.link && now_ms(s) - s->run.link_since_ms >= STEADY_MS;

    ship_link_free(&s->run.link);
    ship_source_seek(s->run.source, &s->run.mark);
    s->run.sent = s->run.mark;
    s->run.session_bytes = 0;
    snprintf(s->run.why, sizeof s->run.why, "%s", why->text);
    if (s->run.orders.closing) {
        s->run.over = true;
        return;
    }
    if (!s->run.failing_since_ms)
        begin_failing(s);
    else if (!s->run.away_told && now_ms(s) - s->run.failing_since_ms >= (int64_t)s->cfg.away_ms)
        note_away(s);
    tell(s, 1);
    s->run.backoff_ms = was_steady || !s->run.backoff_ms ? s->cfg.backoff_min_ms : 2 * s->run.backoff_ms;
    if (s->run.backoff_ms > s->cfg.backoff_max_ms)
        s->run.backoff_ms = s->cfg.backoff_max_ms;
    pause_ms(s, s->run.backoff_ms);
}

static void keep_mark(struct shipper *s)
{
    struct err e = { 0 };
    bool failed = s->run.mark.has_hash && !ship_mark_write(s->cfg.log_path, &s->run.mark, &e);

    if (failed && !s->run.mark_failed)
        log_event(LOG_WARN, "ship",
                  "cannot keep how far the copy has come; after a restart records come twice",
                  LOG_C("error", e.text));
    s->run.mark_failed = failed;
}

static bool get_receipt(struct shipper *s, struct err *e)
{
    bool goes_on;

    if (!ship_link_receipt(s->run.link, &goes_on, e))
        return false;
    if (!goes_on)
        ship_link_free(&s->run.link);
    s->run.mark = s->run.sent;
    s->run.is_first = false;
    s->run.session_bytes = 0;
    s->run.backoff_ms = 0;
    keep_mark(s);
    if (s->run.failing_since_ms)
        log_event(LOG_WARN, "ship", "shipping to syslog again", LOG_N("seq", s->run.mark.seq));
    s->run.failing_since_ms = 0;
    if (s->run.away_told)
        note_back(s);
    tell(s, 0);
    return true;
}

static int64_t receipt_due_ms(const struct shipper *s)
{
    int64_t idle = s->run.last_sent_ms + (int64_t)s->cfg.idle_ms,
            session = s->run.session_since_ms + (int64_t)s->cfg.session_ms;

    if (s->run.orders.closing || s->run.session_bytes >= s->cfg.session_bytes)
        return now_ms(s);
    return idle < session ? idle : session;
}

/* ---- what cannot be shipped ---- */

static void jump_to(struct shipper *s, uint64_t seq)
{
    s->run.jump.is_due = true;
    s->run.jump.is_noted = false;
    s->run.jump.to = (struct ship_mark){ .seq = seq };
}

static void do_jump(struct shipper *s)
{
    ship_source_seek(s->run.source, &s->run.jump.to);
    s->run.mark = s->run.sent = s->run.jump.to;
    s->run.is_first = s->run.jump.to.seq == 0;
    s->run.jump.is_due = false;
    s->run.gap_until = 0;
    tell(s, 0);
}

/* The log says it first. */
static void prepare_jump(struct shipper *s)
{
    uint64_t from = s->run.mark.seq + 1, to = s->run.jump.to.seq;
    struct ship_note note = { .count = to >= from ? to - from + 1 : 0, .last_seq = to };
    struct err none = { 0 };

    if (s->run.orders.closing) {
        s->run.over = true; /* nobody takes a record any more; the next start sees it all again */
    } else if (!s->run.jump.is_noted) {
        if (to)
            snprintf(note.text, sizeof note.text, "records %llu to %llu could not be shipped to syslog",
                     (unsigned long long)from, (unsigned long long)to);
        else
            snprintf(note.text, sizeof note.text,
                     "what was shipped to syslog up to record %llu is not of this log; it is shipped anew "
                     "from its "
                     "first record on",
                     (unsigned long long)s->run.mark.seq);
        snprintf(note.error, sizeof note.error, "%s", s->run.why);
        s->run.jump.is_noted = post_note(s, &note);
        if (s->run.jump.is_noted)
            log_event(LOG_ERROR, "ship", note.text, LOG_C("error", s->run.why));
    } else if (note_is_durable(s)) {
        do_jump(s);
        return;
    }
    ship_link_free(&s->run.link); /* nothing is in doubt: the mark is where we are */
    rest(s, NOTE_EVERY_MS, &none);
}

static bool meet_gap(struct shipper *s, uint64_t gap_until, struct err *e)
{
    if (!ship_link_flush(s->run.link, e))
        return false;
    if (s->run.sent.seq > s->run.mark.seq)
        return get_receipt(s, e);
    if (s->run.is_first && e->code == ERR_MISSING) { /* retention took it before anybody wanted a copy */
        jump_to(s, gap_until);
        do_jump(s);
        return true;
    }
    if (s->run.gap_until == gap_until) {
        snprintf(s->run.why, sizeof s->run.why, "%s", e->text);
        jump_to(s, gap_until);
        return true;
    }
    /* A file that is renamed while the folder is read may be missed once. */
    s->run.gap_until = gap_until;
    pause_ms(s, s->cfg.gap_ms);
    return true;
}

/* ---- sending ---- */

static bool send_record(struct shipper *s, const struct ship_record *rec, struct err *e)
{
    if (s->run.sent.seq == s->run.mark.seq)
        s->run.session_since_ms = now_ms(s);
    sbuf_clear(&s->run.message);
    if (!syslog_rec_add(&rec->line, rec->text, s->host, &s->run.message))
        return err_set(e, ERR_MEMORY, "no memory for a message");
    if (!ship_link_send(s->run.link, sbuf_slice(&s->run.message), e))
        return false;
    s->run.sent = rec->mark;
    s->run.session_bytes += s->run.message.n;
    s->run.gap_until = 0;
    return true;
}

static bool need_link(struct shipper *s, struct err *e)
{
    if (s->run.link)
        return true;
    s->run.link = ship_link_open(&s->link_cfg, e);
    s->run.link_since_ms = now_ms(s);
    return s->run.link != NULL;
}

static bool ship_some(struct shipper *s, struct err *e)
{
    uint64_t most = s->run.session_bytes + ROUND_BYTES;
    struct ship_record rec;

    if (!need_link(s, e))
        return false;
    while (s->run.session_bytes < most && s->run.sent.seq < s->run.orders.limit) {
        switch (ship_source_next(s->run.source, s->run.orders.limit, &rec, e)) {
        case SHIP_READ_RECORD:
            if (!send_record(s, &rec, e))
                return false;
            break;
        case SHIP_READ_GAP:
            return meet_gap(s, rec.gap_until, e);
        case SHIP_READ_FOREIGN:
            snprintf(s->run.why, sizeof s->run.why, "%s", e->text);
            jump_to(s, 0);
            return true;
        case SHIP_READ_NONE: /* not below the limit */
        case SHIP_READ_FAILED:
            return false;
        }
    }
    ship_source_next(s->run.source, s->run.sent.seq, &rec, e); /* gives its buffer back */
    s->run.last_sent_ms = now_ms(s);
    return ship_link_flush(s->run.link, e);
}

/* ---- life ---- */

void shipper_read_mark(struct shipper *s)
{
    bool found;
    struct err e = { 0 };

    if (!ship_mark_read(s->cfg.log_path, &s->run.mark, &found, &e))
        log_event(LOG_ERROR, "ship",
                  "how far the copy has come is not known; it begins with the first record",
                  LOG_C("error", e.text));
    s->run.is_first = !found;
    s->run.sent = s->run.mark;
    s->shared.news.seq = s->run.mark.seq;
    ship_source_seek(s->run.source, &s->run.mark);
    if (s->run.mark.seq <= s->shared.orders.limit)
        return;
    snprintf(s->run.why, sizeof s->run.why, "the log ends with record %llu",
             (unsigned long long)s->shared.orders.limit);
    jump_to(s, 0);
}

static void do_round(struct shipper *s)
{
    struct err e = { 0 };
    bool ok = true;

    if (s->run.jump.is_due)
        prepare_jump(s);
    else if (s->run.sent.seq > s->run.mark.seq && receipt_due_ms(s) <= now_ms(s) &&
             (s->run.sent.seq >= s->run.orders.limit || !s->run.orders.closing))
        ok = get_receipt(s, &e);
    else if (s->run.sent.seq < s->run.orders.limit)
        ok = ship_some(s, &e);
    else if (s->run.sent.seq > s->run.mark.seq)
        ok = rest(s, receipt_due_ms(s) - now_ms(s), &e);
    else if (s->run.orders.closing)
        s->run.over = true;
    else
        ok = rest(s, LOOK_EVERY_MS, &e);
    if (!ok)
        fail(s, &e);
}

void *shipper_main(void *shipper)
{
    struct shipper *s = shipper;

    while (!s->run.over && !quits(s)) {
        take_orders(s);
        do_round(s);
    }
    pthread_mutex_lock(&s->shared.lock);
    s->shared.ended = true;
    pthread_cond_signal(&s->shared.ended_news);
    pthread_mutex_unlock(&s->shared.lock);
    return NULL;
}
