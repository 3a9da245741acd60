/* The client side of the upstream tests: a loop, a client, a configuration, and txns that only count their wakes. */
#ifndef EG_UPSTREAM_RIG_H
#define EG_UPSTREAM_RIG_H
#include "edge/stub_tls.h"
#include "edge/upstream.h"
#include "flow/txn.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct txn { /* stands in for flow's */
    void *slot;
    unsigned wakes;
    bool sending; /* inside upstream_send: no wake may come now */
    unsigned id;
    struct exchange ex;
    struct outgoing out;
    void (*on_wake)(struct txn *t);
    void *arg;
    char head[512];
};

void txn_wake(struct txn *t, enum txn_event event)
{
    assert_int_equal(event, TXN_ANSWERED);
    assert_false(t->sending);
    assert_null(t->slot);
    assert_int_equal(++t->wakes, 1);
    if (t->on_wake)
        t->on_wake(t);
}

void **txn_port_slot(struct txn *t)
{
    return &t->slot;
}

struct rig {
    struct event_base *base;
    struct upstream_client *client;
    struct cfg_upstream cfg;
    struct stub_pair ca, pair;
    char ca_path[64];
};

/* Every name is this machine. */
static inline void rig_lookup(const char *host, struct resolve_answer *out)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };

    (void)host;
    out->count = 1;
    memcpy(&out->addresses[0], &at, sizeof at);
}

static inline struct rig *rig_new_with_lookup(resolve_lookup_fn lookup)
{
    struct rig *r = calloc(1, sizeof *r);
    struct err e = { .code = ERR_NONE };

    MUST(r);
    r->ca = stub_ca_new("test authority");
    r->pair = stub_pair_new(&(struct cert_spec){ .cn = "eas" }, &r->ca);
    snprintf(r->ca_path, sizeof r->ca_path, "/tmp/easgate-test-ca.XXXXXX");
    stub_write_pem(&r->ca, r->ca_path);
    r->cfg = (struct cfg_upstream){ .name = S_INIT("main"),
                                    .host = S_INIT(STUB_HOST),
                                    .host_header = S_INIT(STUB_HOST),
                                    .ca_file = slice_of(r->ca_path),
                                    .timeout_ms = 5000,
                                    .connect_timeout_ms = 4000,
                                    .idle_timeout_ms = 30000,
                                    .change_idle_max_ms = 5000,
                                    .max_connections = 64,
                                    .max_answer_bytes = 65536 };
    r->base = event_base_new();
    r->client = upstream_new_with_lookup(r->base, &clock_system, NULL, lookup, &e);
    MUST(r->base && r->client);
    return r;
}

static inline struct rig *rig_new(void)
{
    return rig_new_with_lookup(rig_lookup);
}

static inline struct stub *rig_stub(struct rig *r, stub_fn serve, void *arg)
{
    struct stub *s = stub_start(stub_ctx(&r->pair, TLS1_2_VERSION, TLS1_3_VERSION), serve, arg);
    r->cfg.port = s->port;
    return s;
}

static inline void rig_free(struct rig *r, struct stub *s)
{
    upstream_free(&r->client);
    if (s)
        stub_stop(&s);
    event_base_free(r->base);
    stub_pair_drop(&r->ca);
    stub_pair_drop(&r->pair);
    unlink(r->ca_path);
    free(r);
}

static inline struct txn rig_request(struct rig *r, unsigned id, bool is_change, struct slice body)
{
    struct txn t = { .id = id };

    t.out = (struct outgoing){ .method = is_change ? HTTP1_POST : HTTP1_GET,
                               .is_change = is_change,
                               .body = body,
                               .upstream = &r->cfg };
    return t;
}

static inline void rig_send(struct rig *r, struct txn *t, int64_t timeout_ms)
{
    int n = snprintf(t->head, sizeof t->head, "%s /api/v2/services HTTP/1.1\r\nhost: %.*s\r\nx-echo: %u\r\n",
                     t->out.is_change ? "POST" : "GET", SLICE_FMT(r->cfg.host), t->id);
    MUST(n > 0);
    if (t->out.body.n > 0)
        n += snprintf(t->head + n, sizeof t->head - (size_t)n, "content-length: %zu\r\n", t->out.body.n);
    n += snprintf(t->head + n, sizeof t->head - (size_t)n, "\r\n");
    t->out.head = slice_from(t->head, (size_t)n);
    t->wakes = 0;
    t->sending = true;
    upstream_send(r->client, t, &t->out, clock_mono_ms(&clock_system) + timeout_ms, &t->ex);
    t->sending = false;
}

static inline void rig_stop_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

/* Run the loop for at most `ms`, until *wakes (may be NULL) reaches n. */
static inline void rig_run(struct rig *r, int64_t ms, const unsigned *wakes, unsigned n)
{
    bool over = false;
    struct event *timer = evtimer_new(r->base, rig_stop_turn, &over);
    struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

    evtimer_add(timer, &tv);
    while (!over && !(wakes && *wakes >= n))
        event_base_loop(r->base, EVLOOP_ONCE);
    event_free(timer);
}

/* Send and await; the time limit of the request is timeout_ms. */
static inline void rig_exchange(struct rig *r, struct txn *t, int64_t timeout_ms)
{
    rig_send(r, t, timeout_ms);
    assert_int_equal(t->wakes, 0);
    rig_run(r, timeout_ms + 3000, &t->wakes, 1);
    assert_int_equal(t->wakes, 1);
}

/* The answer's body is the request's own id. */
static inline bool rig_is_own(const struct txn *t)
{
    char own[16];
    snprintf(own, sizeof own, "%u", t->id);
    return t->ex.answer && slice_eq(sbuf_slice(&t->ex.answer->body), slice_of(own));
}

static inline void rig_expect_own(struct txn *t)
{
    if (t->ex.failure != SEND_FAILED_NONE)
        print_error("request %u: %s\n", t->id, t->ex.detail);
    assert_int_equal(t->ex.failure, SEND_FAILED_NONE);
    assert_true(rig_is_own(t));
    http1_msg_free(&t->ex.answer);
}

static inline void rig_expect_failure(const struct txn *t, enum send_failure failure, bool timed_out)
{
    if (t->ex.failure != failure || t->ex.timed_out != timed_out)
        print_error("request %u: failure %d, timed out %d: %s\n", t->id, t->ex.failure, t->ex.timed_out,
                    t->ex.detail);
    assert_int_equal(t->ex.failure, failure);
    assert_int_equal(t->ex.timed_out, timed_out);
    assert_null(t->ex.answer);
    assert_true(t->ex.detail[0] != '\0');
}
#endif
