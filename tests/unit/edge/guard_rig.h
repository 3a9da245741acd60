/*
 * guard_rig: real listeners on 127.0.0.1 in front of a stub gate, and raw clients, all on one loop in one thread. The stub
 * counts what reaches it. Include from one test file a program.
 */
#ifndef EG_TEST_GUARD_RIG_H
#define EG_TEST_GUARD_RIG_H
#include "base/must.h"
#include "edge/listen.h"
#include "edge/answer.h"
#include "flow/txn.h"
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#define TEXT_MAX 131072
#define HELD_MAX 64

/* ---- the stub gate: "Authorization: Bearer good" passes ---- */

struct held_request {
    struct reply_port reply;
    char line[300];
};

struct gate {
    struct snapshot snap;
    struct metrics *metrics;
    bool draining, full;
    bool hold; /* keep requests until answer_held */
    unsigned heads, started, answered, gone;
    int passes; /* given and not yet taken back */
    uint64_t inflight_bytes;
    char last[300]; /* "POST /x 5 hello" */
    unsigned early; /* refusals settled early */
    int early_status[4096];
    char early_peer[80];
    char early_message[200];
    struct held_request held[HELD_MAX];
    size_t held_count;
    char big[1 << 20]; /* a body of this size when `big_bytes` */
    size_t big_bytes;
    bool big_close;
    bool not_ready;
};

struct snapshot *gate_snapshot(const struct gate *g)
{
    union {
        const struct gate *from;
        struct gate *to;
    } p = { .from = g };

    return &p.to->snap;
}

struct metrics *gate_metrics(struct gate *g)
{
    return g->metrics;
}

bool gate_is_draining(const struct gate *g)
{
    return g->draining;
}

size_t gate_inflight(const struct gate *g)
{
    return g->held_count;
}

uint64_t gate_inflight_bytes(const struct gate *g)
{
    return g->inflight_bytes;
}

void gate_ready_text(struct gate *g, struct sbuf *out)
{
    if (g->not_ready)
        sbuf_adds(out, "the audit log cannot be written\n");
}

void gate_budget_text(const struct gate *g, struct sbuf *out)
{
    (void)g;
    sbuf_adds(out, "{\"policies\":[]}");
}

static struct gate *the_gate; /* pass_drop has no gate argument */

void pass_drop(struct pass *p)
{
    the_gate->passes--;
    p->snap = NULL;
}

bool gate_check_head(struct gate *g, const struct http1_msg *head, const struct peer *peer, struct pass *out,
                     struct sbuf *scratch, struct refusal *out_refusal)
{
    (void)peer;
    (void)scratch;
    g->heads++;
    if (g->full) {
        *out_refusal = (struct refusal){ .reason = REASON_OVERLOADED };
        return false;
    }
    if (!slice_eq(http1_header_get(head, S("authorization"), NULL), S("Bearer good"))) {
        *out_refusal = (struct refusal){ .reason = REASON_UNAUTHENTICATED };
        return false;
    }
    *out = (struct pass){ .snap = &g->snap };
    g->passes++;
    return true;
}

void gate_settle_early(struct gate *g, const struct refusal *refusal, const struct http1_msg *head_or_null,
                       const struct peer *peer, char out_id[33], struct sbuf *out_body)
{
    (void)head_or_null;
    MUST(g->early < 4096);
    g->early_status[g->early++] = refusal_status(refusal);
    snprintf(g->early_peer, sizeof g->early_peer, "%s", peer->text);
    snprintf(g->early_message, sizeof g->early_message, "%.*s", SLICE_FMT(refusal->message));
    snprintf(out_id, 33, "%032u", g->early);
    sbuf_addf(out_body, "{\"Code\":\"%s\",\"RequestId\":\"%s\"}", reason_code(refusal->reason), out_id);
}

static void answer_one(struct gate *g, struct reply_port reply, const char *line)
{
    struct answer a = { .status = 200,
                        .body = slice_of(line),
                        .content_type = S("application/json"),
                        .request_id = S("EAS-ID"),
                        .easgate_request_id = S("OWN-ID") };
    bool gone = false;

    if (g->big_bytes)
        a.body = slice_from(g->big, g->big_bytes);
    a.close = g->big_close;
    reply.send(reply.arg, &a, &gone);
    g->answered++;
    g->gone += gone;
}

void txn_start(struct gate *g, struct http1_msg **request, struct pass *pass, const struct peer *peer,
               struct reply_port reply)
{
    struct http1_msg *m = *request;

    (void)peer;
    MUST(pass->snap == &g->snap);
    pass_drop(pass);
    snprintf(g->last, sizeof g->last, "%.*s %.*s %zu %.*s", SLICE_FMT(m->method_text), SLICE_FMT(m->target),
             m->body.n, m->body.n < 64 ? (int)m->body.n : 64, m->body.p ? m->body.p : "");
    g->started++;
    http1_msg_free(request);
    if (!g->hold) {
        answer_one(g, reply, g->last);
        return;
    }
    MUST(g->held_count < HELD_MAX);
    g->held[g->held_count].reply = reply;
    memcpy(g->held[g->held_count].line, g->last, sizeof g->last);
    g->held_count++;
}

static void answer_held(struct gate *g)
{
    size_t n = g->held_count;

    g->held_count = 0;
    for (size_t i = 0; i < n; i++) {
        struct held_request h = g->held[i];
        answer_one(g, h.reply, h.line);
    }
}

/* ---- the rig ---- */

struct rig {
    struct loop *loop;
    struct gate gate;
    struct listeners *ls;
    struct rule listen[2], admin[1];
    char unix_path[100];
    uint16_t port, admin_port;
    struct event *awake;
    int pipe[2];
};

static void stay_awake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

/* Turns never wait: a pipe that stays readable. */
static void rig_keep_awake(struct rig *r)
{
    assert_int_equal(pipe2(r->pipe, O_CLOEXEC), 0);
    assert_int_equal(write(r->pipe[1], "x", 1), 1);
    r->awake = event_new(loop_base(r->loop), r->pipe[0], EV_READ | EV_PERSIST, stay_awake, NULL);
    assert_non_null(r->awake);
    assert_int_equal(event_add(r->awake, NULL), 0);
}

static void rig_config(struct rig *r)
{
    struct cfg_gateway *c = &r->gate.snap.gateway;

    static unsigned rigs; /* a path of its own for each: a test that failed leaves its socket behind */
    snprintf(r->unix_path, sizeof r->unix_path, "/tmp/eg-test-%d-%u.sock", (int)getpid(), ++rigs);
    static char unix_text[120];
    snprintf(unix_text, sizeof unix_text, "unix:%s", r->unix_path);
    r->listen[0] = (struct rule){ .text = S("127.0.0.1:0"), .file = "test", .line = 1 };
    r->listen[1] = (struct rule){ .text = slice_of(unix_text), .file = "test", .line = 2 };
    r->admin[0] = (struct rule){ .text = S("127.0.0.1:0"), .file = "test", .line = 3 };
    *c = (struct cfg_gateway){ .listen = { .key = "listen", .at = r->listen, .count = 2 },
                               .admin_listen = { .key = "admin_listen", .at = r->admin, .count = 1 },
                               .unix_mode = 0600,
                               .max_connections = 100,
                               .max_connections_per_peer = 10,
                               .max_body_bytes = 262144,
                               .max_inflight_bytes = 64 << 20,
                               .max_inflight = 256,
                               .head_timeout_ms = 5000,
                               .body_timeout_ms = 5000,
                               .answer_timeout_ms = 5000,
                               .idle_timeout_ms = 5000 };
}

static struct rig *rig_new_with(void (*change)(struct cfg_gateway *))
{
    struct rig *r = calloc(1, sizeof *r);
    struct err e = { .code = ERR_NONE };

    assert_non_null(r);
    log_set_level(LOG_ERROR);
    rig_config(r);
    if (change)
        change(&r->gate.snap.gateway);
    the_gate = &r->gate;
    memset(r->gate.big, 'b', sizeof r->gate.big);
    r->gate.snap.refs = 1;
    r->gate.metrics = metrics_new();
    r->loop = loop_new(&e);
    assert_non_null(r->loop);
    rig_keep_awake(r);
    r->ls = listeners_open(r->loop, &r->gate, &r->gate.snap, &e);
    if (!r->ls)
        fail_msg("%s", e.text);
    r->port = (uint16_t)listeners_port(r->ls, 0);
    r->admin_port = (uint16_t)listeners_port(r->ls, 2);
    assert_true(r->port && r->admin_port);
    return r;
}

static inline struct rig *rig_new(void)
{
    return rig_new_with(NULL);
}

static inline void turns(struct rig *r, int n)
{
    while (n-- > 0)
        assert_true(loop_turn(r->loop));
}

static int64_t now_ms(void)
{
    return clock_mono_ms(&clock_system);
}

/* Turns until cond holds or a while has passed; the test then says what it wanted. */
#define TURNS_UNTIL(r, cond, ms)                                                                             \
    for (int64_t end_ms_ = now_ms() + (ms); !(cond) && now_ms() < end_ms_ && loop_turn((r)->loop);)

/* Ends everything; nothing may be left of what passed. */
static void rig_free(struct rig *r)
{
    char lock[128];

    listeners_close(&r->ls);
    answer_held(&r->gate);
    assert_int_equal(r->gate.passes, 0);
    event_free(r->awake);
    close(r->pipe[0]);
    close(r->pipe[1]);
    loop_free(&r->loop);
    metrics_free(&r->gate.metrics);
    snprintf(lock, sizeof lock, "%s.lock", r->unix_path);
    unlink(lock);
    free(r);
}

/* ---- raw clients ---- */

struct raw {
    int fd;
    char text[TEXT_MAX];
    size_t n;
    bool ended; /* the server's end came */
    bool reset;
};

static struct raw *raw_at(int fd)
{
    struct raw *c = calloc(1, sizeof *c);

    assert_non_null(c);
    c->fd = fd;
    return c;
}

static struct raw *raw_connect_port(uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    union {
        const struct sockaddr_in *in;
        const struct sockaddr *any;
    } p = { .in = &a };

    assert_true(fd >= 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, p.any, sizeof a))
        fail_msg("connect: %s", strerror(errno));
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return raw_at(fd);
}

static inline struct raw *raw_connect(struct rig *r)
{
    return raw_connect_port(r->port);
}

static void raw_free(struct raw *c)
{
    close(c->fd);
    free(c);
}

static void raw_send(struct raw *c, const void *bytes, size_t n)
{
    ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL);

    if (sent >= 0 && (size_t)sent != n)
        fail_msg("short send");
}

static void raw_read(struct raw *c)
{
    ssize_t n = 1;

    while (n > 0 && c->n < TEXT_MAX - 1) {
        n = recv(c->fd, c->text + c->n, TEXT_MAX - 1 - c->n, 0);
        if (n > 0)
            c->n += (size_t)n;
    }
    c->text[c->n] = '\0';
    if (n == 0)
        c->ended = true;
    if (n < 0 && errno == ECONNRESET)
        c->reset = c->ended = true;
}

/* Length of the answer at text, 0 if it is not whole. *out_status is its status. */
static size_t answer_length(const char *text, size_t n, unsigned *out_status)
{
    const char *end = memmem(text, n, "\r\n\r\n", 4);
    const char *at = end ? memmem(text, (size_t)(end - text), "Content-Length: ", 16) : NULL;
    unsigned body = 0;

    if (!end || sscanf(text, "HTTP/1.1 %3u ", out_status) != 1)
        return 0;
    if (at && sscanf(at + 16, "%u", &body) != 1)
        return 0;
    size_t whole = (size_t)(end - text) + 4 + body;
    return whole <= n ? whole : 0;
}

/* The statuses of what came, "200 200 400"; a '!' at the end for bytes that are no whole answer. */
static const char *statuses(const struct raw *c)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    static char out[512];
    size_t at = 0, used = 0;

    out[0] = '\0';
    if (c->n >= sizeof go_on - 1 && memcmp(c->text, go_on, sizeof go_on - 1) == 0)
        at = sizeof go_on - 1;
    while (at < c->n && used + 8 < sizeof out) {
        unsigned status = 0;
        size_t length = answer_length(c->text + at, c->n - at, &status);
        if (!length)
            break;
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%u", used ? " " : "", status);
        at += length;
    }
    if (at < c->n)
        snprintf(out + used, sizeof out - used, "!");
    return out;
}

static unsigned answers(const struct raw *c)
{
    const char *s = statuses(c);
    unsigned n = s[0] ? 1 : 0;

    for (; *s; s++)
        n += *s == ' ';
    return n;
}

/* Turns until the server ended the connection. */
static inline void until_end(struct rig *r, struct raw *c)
{
    TURNS_UNTIL(r, (raw_read(c), c->ended), 3000)
    {
    }
    assert_true(c->ended);
}

static inline void until_answers(struct rig *r, struct raw *c, unsigned n)
{
    TURNS_UNTIL(r, (raw_read(c), answers(c) >= n || c->ended), 3000)
    {
    }
    assert_int_equal(answers(c), n);
}

/* Turns until the server knows of no connection. */
static inline void until_empty(struct rig *r)
{
    TURNS_UNTIL(r, listeners_connections(r->ls) == 0, 3000)
    {
    }
    assert_int_equal(listeners_connections(r->ls), 0);
}
#endif
