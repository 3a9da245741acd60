/*
 * Connections: see emu_conn.h. States of one:
 *
 *   READING --request--> HELD (for the journal) -> DELAYED -> SENDING -> ENDING -+
 *      ^                                                                         |
 *      +------------------------------ keep-alive -------------------------------+--> freed
 *
 * While an answer is on its way nothing is parsed; what arrives meanwhile waits in the input buffer and is noted as
 * pipelined. Bytes that were never answered are journaled when the connection ends.
 */
#include "emulator/emu_conn.h"
#include "emulator/emu_exchange.h"
#include "base/log.h"
#include "base/must.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#define INPUT_MAX (1U << 20)

enum state { READING = 0, HELD, DELAYED, SENDING, ENDING, STATE_COUNT_ };

struct emu_conn {
    struct list node, wait; /* in the server's lists */
    struct emu_server *server;
    struct bufferevent *bev;
    struct event *timer;
    struct emu_http *http;
    struct emu_plan plan;
    size_t sent; /* bytes of the plan that were handed over */
    enum state state;
    bool was_pipelined; /* the coming request began before the last answer was out */
    uint64_t id, requests;
    char peer[64];
};

static void on_turn(struct emu_conn *c);

static struct emu_origin origin(const struct emu_conn *c)
{
    return (struct emu_origin){ c->id, c->requests, c->peer };
}

static void free_conn(struct emu_conn *c)
{
    list_remove(&c->node);
    list_remove(&c->wait);
    if (c->timer)
        event_free(c->timer);
    if (c->bev)
        bufferevent_free(c->bev);
    emu_http_free(&c->http);
    sbuf_drop(&c->plan.bytes);
    free(c);
}

/* Feed what has arrived to the parser, up to its next event. */
static enum emu_http_event feed(struct emu_conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    enum emu_http_event event = EMU_HTTP_MORE;
    size_t n;

    /* an empty feed, too: a request without a body is complete with its head */
    do {
        n = evbuffer_get_contiguous_space(in);
        unsigned char *p = n ? evbuffer_pullup(in, (ev_ssize_t)n) : NULL;
        size_t used = 0;
        event = emu_http_feed(c->http, slice_from(p ? p : (const unsigned char *)"", p ? n : 0), &used);
        evbuffer_drain(in, used);
    } while (event == EMU_HTTP_MORE && n > 0);
    return event;
}

/* Journal everything that came in and was not answered. */
static void journal_rest(struct emu_conn *c, const char *fault, const char *why)
{
    struct emu_origin from;
    enum emu_http_event event;

    if (c->state != READING)
        emu_http_next(c->http);
    do {
        do
            event = feed(c);
        while (event == EMU_HTTP_HEAD);
        if (!emu_http_is_started(c->http))
            return;
        c->requests++;
        from = origin(c);
        emu_exchange_lost(c->server, emu_http_request(c->http), &from, fault, why);
        event_active(c->server->turn_end, EV_TIMEOUT, 0);
        emu_http_next(c->http);
    } while (event == EMU_HTTP_DONE);
}

static void close_politely(struct emu_conn *c, const char *why)
{
    SSL *ssl = bufferevent_openssl_get_ssl(c->bev);
    bool no_notify = c->state == ENDING && c->plan.no_notify;

    journal_rest(c, NULL, why);
    if (ssl && !no_notify)
        SSL_shutdown(ssl);
    free_conn(c);
}

static void close_abruptly(struct emu_conn *c)
{
    struct linger now = { 1, 0 };
    evutil_socket_t fd = bufferevent_getfd(c->bev);

    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    journal_rest(c, NULL, "unanswered: connection was reset");
    free_conn(c);
}

static void wait_ms(struct emu_conn *c, int64_t ms)
{
    struct timeval tv = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

    event_add(c->timer, &tv);
}

static void end_answer(struct emu_conn *c)
{
    enum emu_end end = c->plan.end;

    if (end == EMU_END_RESET) {
        close_abruptly(c);
    } else if (end == EMU_END_CLOSE) {
        close_politely(c, "unanswered: behind the last answer");
    } else if (end == EMU_END_KEEP) {
        c->was_pipelined = evbuffer_get_length(bufferevent_get_input(c->bev)) > 0;
        emu_http_next(c->http);
        c->state = READING;
        on_turn(c);
    }
    /* EMU_END_SILENT: stays as it is until the peer leaves */
}

static void send_piece(struct emu_conn *c)
{
    struct emu_plan *p = &c->plan;
    size_t left = p->bytes.n - c->sent;
    size_t n = p->piece && p->piece < left ? p->piece : left;

    c->state = SENDING;
    if (n == 0) {
        c->state = ENDING;
        if (p->end_ms)
            wait_ms(c, p->end_ms);
        else
            end_answer(c);
        return;
    }
    bufferevent_write(c->bev, p->bytes.p + c->sent, n);
    c->sent += n;
}

static void start_answer(struct emu_conn *c)
{
    c->sent = 0;
    c->state = DELAYED;
    if (c->plan.delay_ms > 0)
        wait_ms(c, c->plan.delay_ms);
    else
        send_piece(c);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    struct emu_conn *c = arg;

    (void)bev;
    /* "100 Continue" is written too, in state READING; a fault's timer runs on its own */
    if (c->state != SENDING || event_pending(c->timer, EV_TIMEOUT, NULL))
        return;
    if (c->sent < c->plan.bytes.n && c->plan.piece_ms > 0)
        wait_ms(c, c->plan.piece_ms);
    else
        send_piece(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct emu_conn *c = arg;

    (void)fd;
    (void)what;
    if (c->state == ENDING)
        end_answer(c);
    else if (c->state == DELAYED || c->state == SENDING)
        send_piece(c);
}

static void take_request(struct emu_conn *c)
{
    struct emu_request *r = emu_http_request(c->http);

    c->requests++;
    if (c->was_pipelined)
        emu_note(&r->notes, "pipelined");
    if (evbuffer_get_length(bufferevent_get_input(c->bev)) > 0)
        emu_note(&r->notes, "bytes beyond");
    c->was_pipelined = false;
    struct emu_origin from = origin(c);
    sbuf_clear(&c->plan.bytes);
    emu_exchange_run(c->server, r, &from, &c->plan);
    c->state = HELD;
    list_add_last(&c->server->waiting, &c->wait);
    event_active(c->server->turn_end, EV_TIMEOUT, 0);
}

/* The head is known. False when the connection is gone. */
static bool take_head(struct emu_conn *c)
{
    struct emu_request *r = emu_http_request(c->http);
    const char *fault = emu_exchange_head_fault(c->server, r);

    if (fault) {
        journal_rest(c, fault, "closed before the request was read");
        close_politely(c, "unanswered: behind the last answer");
        return false;
    }
    if (r->expects_continue)
        bufferevent_write(c->bev, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    return true;
}

/* Parse on until a request is complete or the input is used up. */
static void on_turn(struct emu_conn *c)
{
    while (c->state == READING) {
        enum emu_http_event event = feed(c);
        if (event == EMU_HTTP_MORE)
            return;
        if (event == EMU_HTTP_HEAD) {
            if (!take_head(c))
                return;
            continue;
        }
        take_request(c);
    }
}

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    on_turn(arg);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct emu_conn *c = arg;

    (void)bev;
    if (what & BEV_EVENT_CONNECTED) {
        int one = 1;
        setsockopt(bufferevent_getfd(c->bev), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        return;
    }
    if (what & BEV_EVENT_TIMEOUT) {
        if (c->state == READING && !emu_http_is_started(c->http))
            close_politely(c, "idle");
        else
            bufferevent_enable(c->bev, EV_READ);
        return;
    }
    if (c->state == HELD || c->state == DELAYED)
        log_event(LOG_DEBUG, "emulator", "peer left before its answer", LOG_N("conn", c->id));
    journal_rest(c, NULL, "unanswered: the peer left");
    free_conn(c);
}

void emu_conn_accept(struct emu_server *s, int fd, const char *peer)
{
    struct emu_conn *c = calloc(1, sizeof *c);
    SSL *ssl = SSL_new(s->tls);

    s->conn_count++;
    if (!c || !ssl) {
        free(c);
        SSL_free(ssl);
        evutil_closesocket(fd);
        return;
    }
    list_init(&c->node);
    list_init(&c->wait);
    c->server = s;
    c->id = s->conn_count;
    c->plan.bytes = SBUF_MAX(EMU_ANSWER_MAX * 2U);
    snprintf(c->peer, sizeof c->peer, "%s", peer);
    list_add_last(&s->conns, &c->node);
    c->http = emu_http_new();
    c->timer = event_new(s->base, -1, 0, on_timer, c);
    c->bev =
        bufferevent_openssl_socket_new(s->base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (!c->bev) {
        SSL_free(ssl);
        evutil_closesocket(fd);
    }
    if (!c->http || !c->timer || !c->bev) {
        free_conn(c);
        return;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(c->bev, 1);
    bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, INPUT_MAX);
    if (s->opt->idle_ms > 0) {
        struct timeval tv = { (time_t)(s->opt->idle_ms / 1000),
                              (suseconds_t)(s->opt->idle_ms % 1000 * 1000) };
        bufferevent_set_timeouts(c->bev, &tv, NULL);
    }
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

void emu_conn_release_waiting(struct emu_server *s)
{
    struct list ready;

    /* one turn's answers: an answer may bring the next request of its connection, which waits for the next turn */
    list_init(&ready);
    while (!list_is_empty(&s->waiting)) {
        struct list *first = s->waiting.next;
        list_remove(first);
        list_add_last(&ready, first);
    }
    while (!list_is_empty(&ready)) {
        struct emu_conn *c = LIST_OWNER(ready.next, struct emu_conn, wait);
        list_remove(&c->wait);
        start_answer(c);
    }
}

void emu_conn_close_all(struct emu_server *s)
{
    while (!list_is_empty(&s->conns))
        close_politely(LIST_OWNER(s->conns.next, struct emu_conn, node), "unanswered: the emulator stopped");
}
