/*
 * guard_write: answers out, those of requests and the guard's own refusals; see guard.c.
 *
 * Head and body leave in one sendmsg; only what the socket does not take goes through the bufferevent's output. (A TLS
 * listener will always take that way.) An answer that is the last one is followed by shutdown, and what the client still
 * sends is read and thrown away for a while: closing with unread bytes would reset the connection and could destroy the
 * answer on its way.
 * Must never: call back into the request's life from guard_reply; the next request starts from a task.
 */
#include "edge/guard_inner.h"
#include "base/must.h"
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum written { WRITTEN_ALL = 1, WRITTEN_IN_PART, WRITTEN_NEVER /* the client has left */ };

static struct iovec iovec_of(struct slice s)
{
    union {
        const char *from;
        char *to;
    } p = { .from = s.p }; /* sendmsg only reads */

    return (struct iovec){ .iov_base = p.to, .iov_len = s.n };
}

static enum written write_out(struct guard *g, struct slice head, struct slice body)
{
    struct evbuffer *out = bufferevent_get_output(g->bev);
    struct iovec parts[2] = { iovec_of(head), iovec_of(body) };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = body.n ? 2 : 1 };
    size_t sent = 0;

    if (!evbuffer_get_length(out)) {
        ssize_t n = sendmsg(g->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return WRITTEN_NEVER;
        sent = n > 0 ? (size_t)n : 0;
    }
    if (sent == head.n + body.n)
        return WRITTEN_ALL;
    struct slice head_rest = slice_skip(head, sent);
    struct slice body_rest = slice_skip(body, sent > head.n ? sent - head.n : 0);
    if ((head_rest.n && evbuffer_add(out, head_rest.p, head_rest.n)) ||
        (body_rest.n && evbuffer_add(out, body_rest.p, body_rest.n)) || bufferevent_enable(g->bev, EV_WRITE))
        return WRITTEN_NEVER;
    guard_count_unsent(g, evbuffer_get_length(out));
    return WRITTEN_IN_PART;
}

/* Whose answer has waited longest to be taken, but for `last` (may be NULL); NULL when there is nobody else. */
static struct guard *slowest_but(struct guards *all, const struct guard *last)
{
    static const enum guard_phase waiting[] = { GUARD_ANSWER, GUARD_CLOSING };
    struct guard *found = NULL;

    for (size_t i = 0; i < sizeof waiting / sizeof waiting[0]; i++) {
        struct list *head = &all->due[waiting[i]].all, *at = head->next;
        if (at != head && LIST_OWNER(at, struct guard, deadline.link) == last)
            at = at->next;
        struct guard *g = at == head ? NULL : LIST_OWNER(at, struct guard, deadline.link);
        if (g && (!found || g->deadline.at_ms < found->deadline.at_ms))
            found = g;
    }
    return found;
}

void guards_drop_untaken(struct guards *all, uint64_t max_bytes, const struct guard *last)
{
    struct guard *victim;

    while (all->unsent_bytes > max_bytes && (victim = slowest_but(all, last))) {
        guard_count_unsent(victim, 0);
        guard_end_later(victim);
    }
}

/* The rest of the answer waits in the bufferevent. Answers that are not taken must not fill the memory: beyond
 * max_inflight_bytes the slowest clients lose theirs, but never the one that came last. */
static void await_written(struct guard *g, enum guard_phase phase)
{
    guard_set_phase(g, phase);
    guards_drop_untaken(g->all, guards_config(g->all)->max_inflight_bytes, g);
}

static void linger(struct guard *g)
{
    shutdown(g->fd, SHUT_WR);
    if (g->saw_end) {
        guard_end_later(g);
        return;
    }
    guard_set_phase(g, GUARD_LINGER);
    guard_set_reading(g, true);
}

/* The answer is written whole and the connection goes on. */
static void start_over(struct guard *g)
{
    struct evhttp_request *evreq = g->evreq;

    g->evreq = NULL;
    evhttp_send_reply_end(evreq);
    if (!g->evcon)
        return; /* evhttp closed it, for want of memory */
    guard_own_bufferevent(g);
    guard_set_phase(g, http1_reader_is_idle(g->reader) ? GUARD_IDLE : GUARD_HEAD);
    if (!g->is_reading || g->next_head_waits || g->pending.n)
        loop_later(g->loop, &g->todo);
}

void guard_send_continue(struct guard *g)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

    /* Nothing else is on its way, so it fits; a client that does not get it sends its body after a while. */
    if (send(g->fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return;
}

/* ---- refusals ---- */

static void settle(struct guard *g, const struct refusal *refusal, const struct http1_msg *head,
                   char out_id[33])
{
    struct guards *all = g->all;
    const struct service *service = &all->setup.service;

    sbuf_clear(&all->body);
    out_id[0] = '\0';
    service->settle_early(service->ctx, refusal, head, &g->peer, out_id, &all->body);
}

void guard_record(struct guard *g, const struct refusal *refusal, const struct http1_msg *head)
{
    char id[33];

    settle(g, refusal, head, id);
}

void guard_refuse(struct guard *g, const struct refusal *refusal, const struct http1_msg *head_or_null)
{
    struct guards *all = g->all;
    char id[33];

    settle(g, refusal, head_or_null, id);
    struct answer a = { .status = refusal_status(refusal),
                        .body = sbuf_ok(&all->body) ? sbuf_slice(&all->body) : SLICE_NONE,
                        .content_type = S("application/json"),
                        .request_id = slice_of(id),
                        .easgate_request_id = slice_of(id),
                        .from_easgate = true,
                        .retry_after_s = reason_retry_after_s(refusal->reason) };
    sbuf_clear(&all->head);
    answer_head(&a, true, &all->date, clock_wall_ms(all->clock), &all->head);
    guard_forget_input(g);
    struct slice body = g->is_head_request ? SLICE_NONE : a.body;
    switch (sbuf_ok(&all->head) ? write_out(g, sbuf_slice(&all->head), body) : WRITTEN_NEVER) {
    case WRITTEN_ALL:
        linger(g);
        break;
    case WRITTEN_IN_PART:
        guard_set_reading(g, false);
        await_written(g, GUARD_CLOSING);
        break;
    case WRITTEN_NEVER:
        guard_end_later(g);
        break;
    }
}

/* ---- answers ---- */

static bool is_last(struct guard *g, const struct answer *a)
{
    /* What follows a last request is nobody's request: not even looked at. */
    if (a->close || g->close || g->all->is_draining || gate_is_draining(g->all->setup.gate))
        return true;
    if (!guard_peek_next(g))
        return true;
    return g->saw_end && !g->pending.n && http1_reader_is_idle(g->reader);
}

void guard_reply(void *guard, const struct answer *a, bool *out_client_gone)
{
    struct guard *g = guard;

    MUST(g->owes_answer);
    g->owes_answer = false;
    *out_client_gone = g->phase == GUARD_OVER;
    if (g->phase == GUARD_OVER) {
        loop_later(g->loop, &g->todo);
        return;
    }
    struct guards *all = g->all;
    g->close = is_last(g, a);
    sbuf_clear(&all->head);
    answer_head(a, g->close, &all->date, clock_wall_ms(all->clock), &all->head);
    if (g->close)
        guard_forget_input(g);
    switch (sbuf_ok(&all->head) ? write_out(g, sbuf_slice(&all->head), answer_body(a)) : WRITTEN_NEVER) {
    case WRITTEN_ALL:
        if (g->close)
            linger(g);
        else
            start_over(g);
        break;
    case WRITTEN_IN_PART:
        await_written(g, g->close ? GUARD_CLOSING : GUARD_ANSWER);
        break;
    case WRITTEN_NEVER:
        *out_client_gone = true;
        guard_end_later(g);
        break;
    }
}

void guard_on_written(struct bufferevent *bev, void *guard)
{
    struct guard *g = guard;

    bufferevent_disable(bev, EV_WRITE);
    guard_count_unsent(g, 0);
    if (g->phase == GUARD_CLOSING)
        linger(g);
    if (g->phase == GUARD_ANSWER)
        start_over(g);
}

void guard_on_event(struct bufferevent *bev, short what, void *guard)
{
    (void)bev;
    (void)what; /* only writing goes through the bufferevent: it failed */
    guard_end_later(guard);
}
