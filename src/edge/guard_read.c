/*
 * guard_read: bytes in, events of the strict reader, and the hand-over of a whole request to evhttp; see guard.c.
 *
 * One request at a time: once one is whole, what follows waits unparsed in `pending`, and nothing more is read than what
 * one more read brings. Just before the answer the next head is looked at, so that an answer in front of garbage can say
 * that it is the last one; the garbage's own refusal is recorded and never sent.
 * Must never: feed the reader while a request is being handed over, feed it past what waits in `pending` or past a head that
 * is not judged, judge a head twice, let evhttp see a byte of a request that is not whole.
 */
#include "edge/guard_inner.h"
#include "base/must.h"
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <sys/socket.h>

/* Thrown away after the last answer, so that the kernel does not reset the connection before it was read. */
#define LINGER_MAX_BYTES (1024 * 1024)

void guard_set_reading(struct guard *g, bool on)
{
    if (g->is_reading == on)
        return;
    g->is_reading = on;
    if (!on)
        event_del(&g->readable);
    else if (event_add(&g->readable, NULL))
        guard_end_later(g);
}

static void count_held(struct guard *g)
{
    size_t now = g->reader ? http1_reader_held_bytes(g->reader) : 0;

    g->all->held_bytes += now - g->held_bytes;
    g->held_bytes = now;
}

static void drop_pass(struct guard *g)
{
    if (g->pass.snap)
        pass_drop(&g->pass);
    g->pass = (struct pass){ .snap = NULL };
}

void guard_forget_input(struct guard *g)
{
    http1_reader_free(&g->reader);
    count_held(g);
    http1_msg_free(&g->request);
    drop_pass(g);
    sbuf_drop(&g->pending);
    g->pending_at = 0;
    g->next_head_waits = false;
}

static bool is_in_request(enum guard_phase phase)
{
    return phase == GUARD_FIRST || phase == GUARD_IDLE || phase == GUARD_HEAD || phase == GUARD_BODY;
}

/* ---- refusals of the reading side ---- */

static enum reason reason_of(int status)
{
    switch (status) {
    case 401:
        return REASON_UNAUTHENTICATED;
    case 405:
        return REASON_METHOD;
    case 413:
        return REASON_TOO_LARGE;
    case 415:
        return REASON_CONTENT_TYPE;
    case 503:
        return REASON_OVERLOADED;
    default:
        return REASON_MALFORMED;
    }
}

static struct refusal refusal_of_violation(const struct guard *g)
{
    enum http1_violation v = http1_reader_violation(g->reader);
    int status = http1_violation_status(v);

    return (struct refusal){ .reason = reason_of(status),
                             .status = status,
                             .message = slice_of(http1_violation_text(v)),
                             .step = S("framing") };
}

static void on_violation(struct guard *g)
{
    struct refusal refusal = refusal_of_violation(g);

    g->is_head_request = slice_starts(http1_reader_raw_head(g->reader), S("HEAD "));
    if (refusal.status) {
        guard_refuse(g, &refusal, http1_reader_msg(g->reader));
        return;
    }
    refusal.status = reason_status(refusal.reason);
    guard_record(g, &refusal, http1_reader_msg(g->reader));
    guard_end_later(g);
}

static void on_cut(struct guard *g, bool can_answer)
{
    struct refusal refusal = { .reason = REASON_MALFORMED,
                               .message = S("the connection ended within the request"),
                               .step = S("framing") };

    if (can_answer) {
        guard_refuse(g, &refusal, http1_reader_msg(g->reader));
        return;
    }
    guard_record(g, &refusal, http1_reader_msg(g->reader));
    guard_end_later(g);
}

/* ---- the head ---- */

/* For a body; if need be in place of answers that are slow to be taken, where that is enough. */
static bool find_room(const struct guard *g)
{
    struct guards *all = g->all;
    uint64_t max = guards_config(all)->max_inflight_bytes;
    uint64_t requests = all->held_bytes + gate_inflight_bytes(all->setup.gate);

    if (requests > max)
        return false;
    guards_drop_untaken(all, max - requests, NULL);
    return all->unsent_bytes <= max - requests;
}

/* A head is complete and right in form: who sent it? False when it was refused. */
static bool judge_head(struct guard *g, bool more_is_here)
{
    struct guards *all = g->all;
    const struct service *service = &all->setup.service;
    const struct http1_msg *head = http1_reader_msg(g->reader);
    struct refusal refusal = { .reason = REASON_OVERLOADED, .step = S("admit") };

    sbuf_clear(&all->scratch);
    if (!service->check_head(service->ctx, head, &g->peer, &g->pass, &all->scratch, &refusal)) {
        guard_refuse(g, &refusal, head);
        return false;
    }
    if (head->has_body && !find_room(g)) {
        guard_refuse(g, &refusal, head);
        return false;
    }
    if (head->expect_continue && head->has_body && !more_is_here)
        guard_send_continue(g);
    return true;
}

/* ---- a whole request ---- */

static bool add_to_input(struct evbuffer *in, struct slice s)
{
    return !s.n || evbuffer_add_reference(in, s.p, s.n, NULL, NULL) == 0;
}

/* The head as it was read, without an Expect: the guard has dealt with it, and evhttp answers by itself what it does not
 * like there (a tab before the value). */
static bool add_head(struct evbuffer *in, const struct http1_msg *m)
{
    struct slice head = sbuf_slice(&m->head);

    if (!m->expect_continue)
        return add_to_input(in, head);
    for (size_t i = 0; i < m->header_count; i++) {
        if (!slice_eq_nocase(m->headers[i].name, S("expect")))
            continue;
        size_t before = (size_t)(m->headers[i].name.p - head.p);
        struct slice line = slice_skip(head, before);
        return add_to_input(in, slice_from(head.p, before)) &&
               add_to_input(in, slice_skip(line, slice_find(line, '\n') + 1));
    }
    return add_to_input(in, head);
}

/* Head and body; chunks joined into one. */
static bool fill_input(struct evbuffer *in, const struct http1_msg *m)
{
    bool is_chunked = http1_header_get(m, S("transfer-encoding"), NULL).n > 0;
    char size[32];

    if (!add_head(in, m))
        return false;
    if (!is_chunked)
        return add_to_input(in, sbuf_slice(&m->body));
    int n = snprintf(size, sizeof size, "%zx\r\n", m->body.n);
    if (m->body.n && (evbuffer_add(in, size, (size_t)n) || !add_to_input(in, sbuf_slice(&m->body)) ||
                      evbuffer_add(in, "\r\n", 2)))
        return false;
    return evbuffer_add(in, "0\r\n\r\n", 5) == 0;
}

/* Let evhttp dispatch the request: its generic callback agrees or does not. False: it does not, or the connection ended.
 * The input refers to the message's own memory, so nothing of it may stay. */
static bool hand_over(struct guard *g)
{
    struct evbuffer *in = bufferevent_get_input(g->bev);
    struct evbuffer *out = bufferevent_get_output(g->bev);
    struct guards *all = g->all;

    evbuffer_unfreeze(in, 0);
    bool filled = fill_input(in, g->request);
    evbuffer_freeze(in, 0);
    all->handing = g;
    if (filled)
        g->evhttp_read(g->bev, g->evcon);
    all->handing = NULL;
    if (!g->evcon)
        return false; /* on_close has taken everything */
    evbuffer_drain(in, evbuffer_get_length(in));
    guard_own_bufferevent(g);
    if (g->evreq)
        return true;
    /* evhttp may have begun an answer of its own. */
    bufferevent_disable(g->bev, EV_WRITE);
    evbuffer_unfreeze(out, 1);
    evbuffer_drain(out, evbuffer_get_length(out));
    evbuffer_freeze(out, 1);
    return false;
}

static void on_disagreement(struct guard *g)
{
    struct refusal refusal = { .reason = REASON_INTERNAL,
                               .message = S("the two readers of the request do not agree"),
                               .step = S("framing") };

    if (g->evcon)
        guard_refuse(g, &refusal, g->request);
}

static void on_complete(struct guard *g)
{
    const struct service *service = &g->all->setup.service;

    g->request = http1_reader_take(g->reader);
    count_held(g);
    g->close = g->close || g->request->close;
    guard_set_phase(g, GUARD_WORK);
    if (!hand_over(g)) {
        on_disagreement(g);
        return;
    }
    struct http1_msg *request = g->request;
    struct pass pass = g->pass;
    g->request = NULL;
    g->pass = (struct pass){ .snap = NULL };
    g->owes_answer = true;
    /* Reading goes on: that is how a client's end shows. Last, since the answer may come within. */
    service->start(service->ctx, &request, &pass, &g->peer, (struct reply_port){ guard_reply, g });
}

/* ---- bytes ---- */

/* Something that came earlier waits for guard_resume: bytes, or a head that was read and not judged. */
static bool is_behind(const struct guard *g)
{
    return g->pending.n || g->next_head_waits;
}

/* What was not taken stays in, or goes to, pending. Without memory it is dropped, and the answer that is due, or on its way,
 * the last. */
static void keep_rest(struct guard *g, struct slice rest, bool is_from_pending)
{
    if (is_from_pending) {
        g->pending_at = g->pending.n - rest.n;
        if (!rest.n)
            sbuf_drop(&g->pending);
        if (!rest.n)
            g->pending_at = 0;
        return;
    }
    sbuf_add(&g->pending, rest);
    if (sbuf_ok(&g->pending))
        return;
    sbuf_drop(&g->pending);
    g->pending_at = 0;
    g->close = true;
    if (g->phase == GUARD_ANSWER)
        guard_set_phase(g, GUARD_CLOSING);
}

static void on_partial(struct guard *g)
{
    struct refusal refusal = { .reason = REASON_OVERLOADED, .step = S("body") };

    if (http1_reader_is_idle(g->reader))
        return;
    if (!http1_reader_msg(g->reader)) {
        if (g->phase != GUARD_HEAD)
            guard_set_phase(g, GUARD_HEAD);
        return;
    }
    if (!find_room(g))
        guard_refuse(g, &refusal, http1_reader_msg(g->reader));
    else if (g->phase != GUARD_BODY)
        guard_set_phase(g, GUARD_BODY);
}

static void feed(struct guard *g, struct slice in, bool is_from_pending)
{
    enum http1_event event = HTTP1_HEAD;

    while (event == HTTP1_HEAD) {
        event = http1_reader_feed(g->reader, &in);
        count_held(g);
        if (event == HTTP1_HEAD && !judge_head(g, in.n > 0))
            return;
    }
    keep_rest(g, in, is_from_pending);
    switch (event) {
    case HTTP1_MORE:
        on_partial(g);
        break;
    case HTTP1_COMPLETE:
        on_complete(g);
        break;
    case HTTP1_VIOLATED:
        on_violation(g);
        break;
    case HTTP1_HEAD:
        break;
    }
}

static void on_end(struct guard *g)
{
    g->saw_end = true;
    guard_set_reading(g, false);
    if (g->phase == GUARD_HEAD || g->phase == GUARD_BODY)
        on_cut(g, true);
    else if (g->phase == GUARD_FIRST || g->phase == GUARD_IDLE || g->phase == GUARD_LINGER)
        guard_end_later(g);
}

static void on_read_error(struct guard *g)
{
    if (g->phase == GUARD_HEAD || g->phase == GUARD_BODY)
        on_cut(g, false);
    else
        guard_end_later(g);
}

void guard_on_readable(evutil_socket_t fd, short what, void *guard)
{
    struct guard *g = guard;
    char *buffer = g->all->buffer;

    (void)what;
    /* An answer was written earlier in this turn, and the task that goes on with what waits has not run yet. */
    if (is_in_request(g->phase) && is_behind(g)) {
        guard_set_reading(g, false);
        return;
    }
    ssize_t n = recv(fd, buffer, GUARD_READ_BYTES, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        on_read_error(g);
        return;
    }
    if (n == 0) {
        on_end(g);
        return;
    }
    if (is_in_request(g->phase)) {
        feed(g, slice_from(buffer, (size_t)n), false);
        return;
    }
    if (g->phase == GUARD_WORK || g->phase == GUARD_ANSWER) {
        keep_rest(g, slice_from(buffer, (size_t)n), false);
        guard_set_reading(g, false);
        return;
    }
    g->lingered_bytes += (size_t)n;
    if (g->lingered_bytes > LINGER_MAX_BYTES)
        guard_end_later(g);
}

static struct slice pending_rest(const struct guard *g)
{
    return slice_skip(sbuf_slice(&g->pending), g->pending_at);
}

bool guard_peek_next(struct guard *g)
{
    struct slice rest = pending_rest(g);

    if (!rest.n || g->next_head_waits)
        return true;
    enum http1_event event = http1_reader_feed(g->reader, &rest);
    count_held(g);
    keep_rest(g, rest, true);
    g->next_head_waits = event == HTTP1_HEAD;
    if (event != HTTP1_VIOLATED)
        return true;
    struct refusal refusal = refusal_of_violation(g);
    guard_record(g, &refusal, http1_reader_msg(g->reader));
    return false;
}

void guard_resume(struct guard *g)
{
    bool judged = g->next_head_waits;

    if (!is_in_request(g->phase))
        return;
    g->next_head_waits = false;
    if (judged && !judge_head(g, pending_rest(g).n > 0))
        return;
    if (judged || pending_rest(g).n)
        feed(g, pending_rest(g), true);
    if (is_behind(g) || (!is_in_request(g->phase) && g->phase != GUARD_WORK))
        return; /* the next answer asks for this task again */
    if (g->saw_end)
        on_end(g);
    else
        guard_set_reading(g, true);
}
