/* Who gets which connection, who waits for how long, and what a cancel, a hanging look-up or a dead upstream does. */
#include "edge/upstream_rig.h"

/* ---- servers ---- */

static void serve_after(struct stub_conn *c)
{
    const long *ms = c->stub->arg;
    struct stub_request *q = malloc(sizeof *q);

    while (q && stub_read_request(c, q)) {
        stub_sleep_ms(*ms);
        stub_echo_one(c, q->id);
    }
    free(q);
}

/* ---- waiting ---- */

static void test_queue_at_max_connections(void **state)
{
    struct rig *r = rig_new();
    long ms = 40;
    struct stub *stub = rig_stub(r, serve_after, &ms);
    struct txn t[10];

    (void)state;
    r->cfg.max_connections = 2;
    for (unsigned i = 0; i < 10; i++) {
        t[i] = rig_request(r, i, i % 2, i % 2 ? S("{}") : SLICE_NONE);
        rig_send(r, &t[i], 3000);
    }
    for (unsigned i = 0; i < 10; i++) {
        rig_run(r, 3000, &t[i].wakes, 1);
        rig_expect_own(&t[i]);
    }
    assert_int_equal(atomic_load(&stub->connections), 2);
    rig_free(r, stub);
}

static void test_queue_has_a_deadline(void **state)
{
    struct rig *r = rig_new();
    long ms = 400;
    struct stub *stub = rig_stub(r, serve_after, &ms);
    struct txn a = rig_request(r, 1, false, SLICE_NONE), b = rig_request(r, 2, true, S("{}"));

    (void)state;
    r->cfg.max_connections = 1;
    rig_send(r, &a, 3000);
    rig_exchange(r, &b, 200);
    rig_expect_failure(&b, SEND_NOT_SENT, true);
    rig_run(r, 3000, &a.wakes, 1);
    rig_expect_own(&a);
    assert_int_equal(atomic_load(&stub->receipts[2]), 0);
    rig_free(r, stub);
}

static void test_passed_deadline(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, stub_serve_echo, NULL);
    struct txn t = rig_request(r, 1, true, S("{}"));

    (void)state;
    rig_send(r, &t, -1000);
    assert_int_equal(t.wakes, 0);
    rig_run(r, 1000, &t.wakes, 1);
    rig_expect_failure(&t, SEND_NOT_SENT, true);
    rig_free(r, stub);
}

/* ---- which connection ---- */

static void test_change_wants_a_fresh_connection(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, stub_serve_echo, NULL);
    static const struct {
        bool is_change;
        long rest_ms;
        unsigned connections;
    } steps[] = {
        { true, 0, 1 },    { true, 0, 1 }, /* just used: taken */
        { false, 150, 1 },                 /* a read takes an older one */
        { true, 150, 2 },                  /* a change does not */
        { true, 0, 2 },    { false, 0, 2 },
    };

    (void)state;
    r->cfg.change_idle_max_ms = 100;
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        rig_run(r, steps[i].rest_ms, NULL, 0);
        struct txn t = rig_request(r, i, steps[i].is_change, SLICE_NONE);
        rig_exchange(r, &t, 3000);
        rig_expect_own(&t);
        assert_int_equal(atomic_load(&stub->connections), steps[i].connections);
    }
    rig_free(r, stub);
}

/* Limits of 0 on idling mean: no connection serves twice. Each exchange gets one of its own, with one handshake. */
static void test_no_idling_at_all(void **state)
{
    static const struct {
        uint64_t idle_ms, change_idle_ms;
        bool is_change;
        unsigned connections;
    } rows[] = {
        { 0, 0, false, 6 },    { 0, 0, true, 6 },      { 30000, 0, true, 6 },
        { 0, 5000, false, 6 }, { 30000, 0, false, 1 },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig *r = rig_new();
        struct stub *stub = rig_stub(r, stub_serve_echo, NULL);
        struct txn t[6];
        r->cfg.idle_timeout_ms = rows[i].idle_ms;
        r->cfg.change_idle_max_ms = rows[i].change_idle_ms;
        r->cfg.max_connections = 2;
        for (unsigned k = 0; k < 3; k++) { /* one after the other */
            t[k] = rig_request(r, k, rows[i].is_change, SLICE_NONE);
            rig_exchange(r, &t[k], 3000);
            rig_expect_own(&t[k]);
        }
        if (rows[i].connections == 1)
            r->cfg.max_connections = 1;
        for (unsigned k = 3; k < 6; k++) { /* and at once, at the limit of connections */
            t[k] = rig_request(r, k, rows[i].is_change, SLICE_NONE);
            rig_send(r, &t[k], 3000);
        }
        for (unsigned k = 3; k < 6; k++) {
            rig_run(r, 3000, &t[k].wakes, 1);
            assert_int_equal(t[k].wakes, 1);
            rig_expect_own(&t[k]);
        }
        rig_run(r, 30, NULL, 0);
        assert_int_equal(atomic_load(&stub->connections), rows[i].connections);
        rig_free(r, stub);
    }
}

/* At the limit, an idle connection too old for a change makes room for a new one. */
static void test_change_at_the_limit(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, stub_serve_echo, NULL);
    struct txn a = rig_request(r, 1, false, SLICE_NONE), b = rig_request(r, 2, true, S("{}"));

    (void)state;
    r->cfg.max_connections = 1;
    r->cfg.change_idle_max_ms = 50;
    rig_exchange(r, &a, 3000);
    rig_expect_own(&a);
    rig_run(r, 100, NULL, 0);
    rig_exchange(r, &b, 3000);
    rig_expect_own(&b);
    assert_int_equal(atomic_load(&stub->connections), 2);
    rig_free(r, stub);
}

static void test_idle_connections_end(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, stub_serve_echo, NULL);
    struct txn t = rig_request(r, 1, false, SLICE_NONE);

    (void)state;
    r->cfg.idle_timeout_ms = 80;
    rig_exchange(r, &t, 3000);
    rig_expect_own(&t);
    rig_run(r, 30, NULL, 0);
    assert_int_equal(atomic_load(&stub->threads), 1);
    rig_run(r, 150, NULL, 0);
    assert_int_equal(atomic_load(&stub->threads), 0);
    rig_free(r, stub);
}

/* Five dead connections rest in the pool; a change takes none of them and arrives once. */
static void serve_once_and_leave(struct stub_conn *c)
{
    struct stub_request *q = malloc(sizeof *q);
    if (q && stub_read_request(c, q)) {
        for (int i = 0; i < 2000 && atomic_load(&c->stub->requests) < 5; i++)
            stub_sleep_ms(1); /* so that each of the five has a connection of its own */
        stub_echo_one(c, q->id);
        stub_sleep_ms(c->index < 5 ? 100 : 500);
    }
    free(q);
}

static void test_dead_connections_cost_nothing(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, serve_once_and_leave, NULL);
    struct txn t[6];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        t[i] = rig_request(r, i, false, SLICE_NONE);
        rig_send(r, &t[i], 3000);
    }
    for (unsigned i = 0; i < 5; i++) {
        rig_run(r, 3000, &t[i].wakes, 1);
        rig_expect_own(&t[i]);
    }
    stub_sleep_ms(250); /* they die unseen: the loop does not run */
    t[5] = rig_request(r, 5, true, S("{}"));
    rig_exchange(r, &t[5], 3000);
    rig_expect_own(&t[5]);
    assert_int_equal(atomic_load(&stub->receipts[5]), 1);
    assert_int_equal(atomic_load(&stub->connections), 6);
    rig_free(r, stub);
}

/* ---- no upstream ---- */

static void test_refused_connection(void **state)
{
    struct rig *r = rig_new();
    uint16_t port;
    int fd = stub_listen(&port);

    (void)state;
    close(fd);
    r->cfg.port = port;
    for (unsigned i = 0; i < 3; i++) {
        struct txn t = rig_request(r, i, i % 2, SLICE_NONE);
        rig_exchange(r, &t, 3000);
        rig_expect_failure(&t, SEND_NOT_SENT, false);
        assert_string_equal(t.ex.detail, "connect: Connection refused");
    }
    rig_free(r, NULL);
}

/* It accepts and never says a word of TLS: connect_timeout_ms ends it, before the request's own deadline. */
static void test_silent_handshake(void **state)
{
    struct rig *r = rig_new();
    uint16_t port;
    int fd = stub_listen(&port);
    struct txn t = rig_request(r, 1, true, S("{}"));

    (void)state;
    r->cfg.port = port;
    r->cfg.connect_timeout_ms = 200;
    int64_t begin_ms = clock_mono_ms(&clock_system);
    rig_exchange(r, &t, 3000);
    assert_in_range(clock_mono_ms(&clock_system) - begin_ms, 190, 2500); /* the loop's time is some ms old */
    rig_expect_failure(&t, SEND_NOT_SENT, true);
    rig_free(r, NULL);
    close(fd);
}

/* ---- names ---- */

static atomic_uint lookups, dead_first;
static atomic_bool lookup_hangs;

static void add_address(struct resolve_answer *out, uint32_t address)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(address) } };
    memcpy(&out->addresses[out->count++], &at, sizeof at);
}

static void odd_lookup(const char *host, struct resolve_answer *out)
{
    atomic_fetch_add(&lookups, 1);
    for (int i = 0; i < 500 && strcmp(host, "hangs.easgate.test") == 0 && atomic_load(&lookup_hangs); i++)
        stub_sleep_ms(10);
    if (strcmp(host, "slow.easgate.test") == 0)
        stub_sleep_ms(800);
    if (strcmp(host, "unknown.easgate.test") == 0) {
        out->error = EAI_NONAME;
        return;
    }
    for (unsigned i = 0; i < atomic_load(&dead_first); i++)
        add_address(out, INADDR_LOOPBACK + 1 + i); /* nobody listens there */
    add_address(out, INADDR_LOOPBACK);
}

static void test_addresses_in_turn(void **state)
{
    struct rig *r = rig_new_with_lookup(odd_lookup);
    struct stub *stub = rig_stub(r, stub_serve_echo, NULL);

    (void)state;
    atomic_store(&dead_first, 3);
    atomic_store(&lookups, 0);
    struct txn t = rig_request(r, 1, true, S("{}"));
    rig_exchange(r, &t, 3000);
    rig_expect_own(&t);
    atomic_store(&dead_first, 0);
    assert_int_equal(atomic_load(&lookups), 1);
    rig_free(r, stub);
}

static void test_unknown_name(void **state)
{
    struct rig *r = rig_new_with_lookup(odd_lookup);
    struct txn a = rig_request(r, 1, true, S("{}")), b = rig_request(r, 2, true, S("{}"));

    (void)state;
    r->cfg.host = S("unknown.easgate.test");
    r->cfg.port = 443;
    rig_send(r, &a, 3000);
    rig_exchange(r, &b, 3000);
    rig_expect_failure(&a, SEND_NOT_SENT, false);
    rig_expect_failure(&b, SEND_NOT_SENT, false);
    assert_non_null(strstr(a.ex.detail, "look-up"));
    rig_free(r, NULL);
}

/* One name's look-up hangs: its request ends at its deadline, another upstream works, and so does the end. */
static void test_hanging_lookup(void **state)
{
    struct rig *r = rig_new_with_lookup(odd_lookup);
    struct stub *stub = rig_stub(r, stub_serve_echo, NULL);
    struct cfg_upstream hanging = r->cfg;
    struct txn a = rig_request(r, 1, true, S("{}")), b = rig_request(r, 2, true, S("{}"));

    (void)state;
    atomic_store(&lookup_hangs, true);
    hanging.host = S("hangs.easgate.test");
    a.out.upstream = &hanging;
    int64_t begin_ms = clock_mono_ms(&clock_system);
    rig_send(r, &a, 300);
    rig_exchange(r, &b, 3000);
    rig_expect_own(&b);
    assert_int_equal(a.wakes, 0);
    rig_run(r, 3000, &a.wakes, 1);
    rig_expect_failure(&a, SEND_NOT_SENT, true);
    assert_in_range(clock_mono_ms(&clock_system) - begin_ms, 300, 2500);
    begin_ms = clock_mono_ms(&clock_system);
    upstream_free(&r->client);
    assert_in_range(clock_mono_ms(&clock_system) - begin_ms, 0, 1000);
    rig_free(r, stub);
    atomic_store(&lookup_hangs, false);
    stub_sleep_ms(50); /* the helper thread ends and frees what is left */
}

/* The look-up is part of connect_timeout: each request waits for so long from when it came, and no longer. */
static void test_lookup_within_connect_timeout(void **state)
{
    struct rig *r = rig_new_with_lookup(odd_lookup);
    struct txn t[3];
    int64_t begin_ms[3];

    (void)state;
    atomic_store(&lookup_hangs, true);
    r->cfg.host = S("hangs.easgate.test");
    r->cfg.port = 443;
    r->cfg.connect_timeout_ms = 400;
    for (unsigned i = 0; i < 3; i++) {
        t[i] = rig_request(r, i, true, S("{}"));
        begin_ms[i] = clock_mono_ms(&clock_system);
        rig_send(r, &t[i], 8000);
        rig_run(r, i < 2 ? 100 : 0, NULL, 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(t[i].wakes, 0);
        rig_run(r, 6000, &t[i].wakes, 1);
        assert_int_equal(t[i].wakes, 1);
        assert_in_range(clock_mono_ms(&clock_system) - begin_ms[i], 390, 4000);
        rig_expect_failure(&t[i], SEND_NOT_SENT, true);
        assert_string_equal(t[i].ex.detail, "timed out: name look-up");
    }
    /* Again, with the look-up still under way. */
    t[0] = rig_request(r, 7, true, S("{}"));
    begin_ms[0] = clock_mono_ms(&clock_system);
    rig_exchange(r, &t[0], 8000);
    rig_expect_failure(&t[0], SEND_NOT_SENT, true);
    assert_in_range(clock_mono_ms(&clock_system) - begin_ms[0], 390, 4000);
    rig_free(r, NULL);
    atomic_store(&lookup_hangs, false);
    stub_sleep_ms(50);
}

/* What the look-up took, TCP and TLS do not have. */
static void test_lookup_and_handshake_together(void **state)
{
    struct rig *r = rig_new_with_lookup(odd_lookup);
    uint16_t port;
    int fd = stub_listen(&port);
    struct txn t = rig_request(r, 1, true, S("{}"));

    (void)state;
    r->cfg.host = S("slow.easgate.test");
    r->cfg.port = port;
    r->cfg.connect_timeout_ms = 1000;
    for (int i = 0; i < 2; i++) { /* the second time the name is known */
        int64_t begin_ms = clock_mono_ms(&clock_system);
        rig_exchange(r, &t, 8000);
        rig_expect_failure(&t, SEND_NOT_SENT, true);
        assert_string_equal(t.ex.detail, "TLS: timed out");
        assert_in_range(clock_mono_ms(&clock_system) - begin_ms, 980, 1750);
    }
    rig_free(r, NULL);
    close(fd);
}

/* ---- cancel ---- */

static void test_cancel_while_waiting_for_a_name(void **state)
{
    struct rig *r = rig_new_with_lookup(odd_lookup);
    struct txn t = rig_request(r, 1, true, S("{}"));

    (void)state;
    atomic_store(&lookup_hangs, true);
    r->cfg.host = S("hangs.easgate.test");
    r->cfg.port = 443;
    rig_send(r, &t, 3000);
    rig_run(r, 20, NULL, 0);
    upstream_send_cancel(r->client, &t);
    atomic_store(&lookup_hangs, false);
    rig_run(r, 100, NULL, 0);
    assert_int_equal(t.wakes, 0);
    assert_null(t.slot);
    rig_free(r, NULL);
}

static void test_cancel_under_way(void **state)
{
    struct rig *r = rig_new();
    long ms = 200;
    struct stub *stub = rig_stub(r, serve_after, &ms);
    struct txn a = rig_request(r, 1, true, S("{}")), b = rig_request(r, 2, false, SLICE_NONE);

    (void)state;
    r->cfg.max_connections = 1;
    rig_send(r, &a, 3000);
    rig_run(r, 100, NULL, 0);
    assert_int_equal(atomic_load(&stub->receipts[1]), 1);
    rig_send(r, &b, 3000); /* waits behind a */
    upstream_send_cancel(r->client, &a);
    rig_run(r, 3000, &b.wakes, 1);
    rig_expect_own(&b);
    assert_int_equal(a.wakes, 0);
    assert_null(a.ex.answer);
    assert_int_equal(atomic_load(&stub->connections), 2);
    rig_free(r, stub);
}

/* Two answers arrive in one turn; whoever is woken first cancels the other. */
static struct rig *cancelling_rig;
static void cancel_other(struct txn *t)
{
    struct txn *other = t->arg;
    if (other->wakes == 0)
        upstream_send_cancel(cancelling_rig->client, other);
}

static void test_cancel_when_done(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, stub_serve_echo, NULL);
    struct txn a = rig_request(r, 1, false, SLICE_NONE), b = rig_request(r, 2, false, SLICE_NONE);

    (void)state;
    cancelling_rig = r;
    r->cfg.ca_file = S("/nonexistent/ca.pem"); /* both fail at once and wait for their wake */
    a.on_wake = b.on_wake = cancel_other;
    a.arg = &b;
    b.arg = &a;
    rig_send(r, &a, 3000);
    rig_send(r, &b, 3000);
    rig_run(r, 50, NULL, 0);
    assert_int_equal(a.wakes + b.wakes, 1);
    rig_free(r, stub);
}

/* A wake sends anew at once, as flow does after a look-up. */
static void send_next(struct txn *t)
{
    struct txn *next = t->arg;
    if (next)
        rig_send(cancelling_rig, next, 3000);
}

static void test_send_from_a_wake(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, stub_serve_echo, NULL);
    struct txn a = rig_request(r, 1, false, SLICE_NONE), b = rig_request(r, 2, true, S("{}"));

    (void)state;
    cancelling_rig = r;
    a.on_wake = send_next;
    a.arg = &b;
    rig_send(r, &a, 3000);
    rig_run(r, 3000, &b.wakes, 1);
    rig_expect_own(&a);
    rig_expect_own(&b);
    assert_int_equal(atomic_load(&stub->connections), 1);
    rig_free(r, stub);
}

static void test_free_under_way(void **state)
{
    struct rig *r = rig_new();
    long ms = 100;
    struct stub *stub = rig_stub(r, serve_after, &ms);
    struct txn t[8];

    (void)state;
    r->cfg.max_connections = 3;
    for (unsigned i = 0; i < 8; i++) {
        t[i] = rig_request(r, i, true, S("{}"));
        rig_send(r, &t[i], 3000);
    }
    rig_run(r, 50, NULL, 0);
    rig_free(r, stub);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(t[i].wakes, 0);
}

/* ---- numbers for operators ---- */

static uint64_t metric_value(const struct metrics *m, const char *name)
{
    SCOPED(sbuf) text = SBUF_MAX(1 << 20);
    char key[100];

    metrics_print(m, &text);
    snprintf(key, sizeof key, "\neasgate_%s ", name);
    assert_non_null(text.p);
    assert_non_null(strstr(text.p, key));
    return stub_number_after(text.p, key);
}

static void test_metrics(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, stub_serve_echo, NULL);
    struct metrics *m = metrics_new();

    (void)state;
    upstream_free(&r->client);
    r->client = upstream_new_with_lookup(r->base, &clock_system, m, rig_lookup, NULL);
    for (unsigned i = 0; i < 3; i++) {
        struct txn t = rig_request(r, i, false, SLICE_NONE);
        rig_exchange(r, &t, 3000);
        rig_expect_own(&t);
    }
    assert_int_equal(metric_value(m, "upstream_connections_open"), 1);
    assert_int_equal(metric_value(m, "upstream_connects_total"), 1);
    assert_int_equal(metric_value(m, "upstream_failures_total"), 0);
    assert_int_equal(metric_value(m, "upstream_ms_count"), 3);
    r->cfg.ca_file = S("/nonexistent");
    struct txn t = rig_request(r, 9, false, SLICE_NONE);
    rig_exchange(r, &t, 3000);
    assert_int_equal(metric_value(m, "upstream_failures_total"), 1);
    upstream_free(&r->client);
    assert_int_equal(metric_value(m, "upstream_connections_open"), 0);
    rig_free(r, stub);
    metrics_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_at_max_connections),
        cmocka_unit_test(test_queue_has_a_deadline),
        cmocka_unit_test(test_passed_deadline),
        cmocka_unit_test(test_change_wants_a_fresh_connection),
        cmocka_unit_test(test_change_at_the_limit),
        cmocka_unit_test(test_no_idling_at_all),
        cmocka_unit_test(test_idle_connections_end),
        cmocka_unit_test(test_dead_connections_cost_nothing),
        cmocka_unit_test(test_refused_connection),
        cmocka_unit_test(test_silent_handshake),
        cmocka_unit_test(test_addresses_in_turn),
        cmocka_unit_test(test_unknown_name),
        cmocka_unit_test(test_hanging_lookup),
        cmocka_unit_test(test_lookup_within_connect_timeout),
        cmocka_unit_test(test_lookup_and_handshake_together),
        cmocka_unit_test(test_cancel_while_waiting_for_a_name),
        cmocka_unit_test(test_cancel_under_way),
        cmocka_unit_test(test_cancel_when_done),
        cmocka_unit_test(test_send_from_a_wake),
        cmocka_unit_test(test_free_under_way),
        cmocka_unit_test(test_metrics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
