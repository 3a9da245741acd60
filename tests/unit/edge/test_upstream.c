/* What becomes of one exchange with an upstream that behaves well, or in one of the many other ways. */
#include "edge/upstream_rig.h"

/* ---- a server that answers as scripted ---- */

enum ending { KEEP = 0, FAREWELL, CUT, RESET };

struct script {
    const char *answer; /* NULL: the echo of the id */
    size_t send_bytes;  /* of the answer; 0 = all */
    enum ending ending;
    long before_ms, after_ms; /* pauses before the answer, and between it and `late` */
    const char *late;
    bool drip;      /* a byte each 5 ms */
    bool then_echo; /* later requests of the same connection, and later connections, get their echo */
};

static void send_scripted(struct stub_conn *c, const struct script *s, unsigned id)
{
    char echo[200];
    const char *answer = s->answer;

    stub_answer(echo, sizeof echo, id);
    answer = answer ? answer : echo;
    size_t n = s->send_bytes ? s->send_bytes : strlen(answer);
    stub_pause_ms(c->stub, s->before_ms);
    for (size_t i = 0; s->drip && i < n && !atomic_load(&c->stub->stopping); i++) {
        stub_write_n(c, answer + i, 1);
        stub_sleep_ms(5);
    }
    if (!s->drip)
        stub_write_n(c, answer, n);
    if (s->late) {
        stub_pause_ms(c->stub, s->after_ms);
        stub_write(c, s->late);
    }
}

/* How many scripts have said all they had to say, so that nobody guesses how long a busy machine takes for it. */
static atomic_uint scripts_over;

static void serve_script(struct stub_conn *c)
{
    const struct script *s = c->stub->arg;
    struct stub_request *q = malloc(sizeof *q);

    while (q && stub_read_request(c, q)) {
        if (s->then_echo && atomic_load(&c->stub->requests) > 1) {
            stub_echo_one(c, q->id);
            continue;
        }
        send_scripted(c, s, q->id);
        if (s->ending == CUT)
            stub_cut(c);
        if (s->ending == RESET)
            stub_reset(c);
        atomic_fetch_add(&scripts_over, 1);
        if (s->ending != KEEP)
            break;
    }
    free(q);
}

static struct txn exchange_with(const struct script *s, int64_t timeout_ms)
{
    struct rig *r = rig_new();
    struct script copy = *s;
    struct stub *stub = rig_stub(r, serve_script, &copy);
    struct txn t = rig_request(r, 7, true, S("{\"a\":1}"));

    rig_exchange(r, &t, timeout_ms);
    assert_int_equal(atomic_load(&stub->receipts[7]), 1);
    rig_free(r, stub);
    return t;
}

/* ---- good answers ---- */

static void test_keeps_its_connection(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, stub_serve_echo, NULL);

    (void)state;
    for (unsigned i = 1; i <= 20; i++) {
        struct txn t = rig_request(r, i, i % 2, i % 2 ? S("{\"x\":true}") : SLICE_NONE);
        rig_exchange(r, &t, 3000);
        rig_expect_own(&t);
        assert_int_equal(atomic_load(&stub->receipts[i]), 1);
    }
    assert_int_equal(atomic_load(&stub->connections), 1);
    rig_free(r, stub);
}

/* One SSL_write: head and body come in one TLS record, so the server reads each request with one SSL_read. */
static void test_writes_once(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, stub_serve_echo, NULL);
    char body[8000];

    (void)state;
    memset(body, 'b', sizeof body);
    for (unsigned i = 1; i <= 10; i++) {
        struct txn t = rig_request(r, i, true, slice_from(body, i * 700));
        rig_exchange(r, &t, 3000);
        rig_expect_own(&t);
    }
    assert_int_equal(atomic_load(&stub->reads), 10);
    rig_free(r, stub);
}

static void test_large_request(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, stub_serve_echo, NULL);
    size_t n = 300 * 1024;
    char *body = malloc(n);

    (void)state;
    memset(body, 'b', n);
    struct txn t = rig_request(r, 3, true, slice_from(body, n));
    rig_exchange(r, &t, 5000);
    rig_expect_own(&t);
    assert_true(atomic_load(&stub->request_bytes) > n);
    free(body);
    rig_free(r, stub);
}

static void test_good_answers(void **state)
{
    static const struct {
        const char *answer, *body;
        int status;
    } rows[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi", 200 },
        { "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
          "hi", 200 },
        { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: "
          "0\r\n\r\n",
          "", 201 },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde",
          200 },
        { "HTTP/1.1 204 No Content\r\n\r\n", "", 204 },
        { "HTTP/1.1 429 Slow\r\nContent-Length: 1\r\n\r\nx", "x", 429 },
        { "HTTP/1.1 503 Busy\r\nContent-Length: 1\r\n\r\nx", "x", 503 },
        { "HTTP/1.1 301 M\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "", 301 },
        { "HTTP/1.1 302 F\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "", 302 },
        { "HTTP/1.1 303 S\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "", 303 },
        { "HTTP/1.1 307 T\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "", 307 },
        { "HTTP/1.1 308 P\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "", 308 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct txn t = exchange_with(&(struct script){ .answer = rows[i].answer }, 3000);
        assert_int_equal(t.ex.failure, SEND_FAILED_NONE);
        assert_int_equal(t.ex.answer->status, rows[i].status);
        assert_true(slice_eq(sbuf_slice(&t.ex.answer->body), slice_of(rows[i].body)));
        http1_msg_free(&t.ex.answer);
    }
}

static void test_answer_byte_by_byte(void **state)
{
    struct txn t = exchange_with(&(struct script){ .drip = true }, 5000);

    (void)state;
    rig_expect_own(&t);
}

/* ---- answers that are none ---- */

static void test_bad_answers(void **state)
{
    static const char *const rows[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\n\r\nwithout a length",
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 -5 X\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 99999 X\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200abc\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "garbage and more of it, for as long as it takes\r\n\r\n",
        "\x16\x03\x01\x02\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n", /* over max_answer_bytes */
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct txn t = exchange_with(&(struct script){ .answer = rows[i] }, 3000);
        if (t.ex.failure != SEND_BAD_ANSWER)
            print_error("row %zu\n", i);
        rig_expect_failure(&t, SEND_BAD_ANSWER, false);
    }
}

/* A violated connection is gone: the next request has a new one. */
static void test_bad_answer_ends_the_connection(void **state)
{
    struct rig *r = rig_new();
    struct script s = { .answer = "HTTP/1.1 200 OK\r\n\r\n", .then_echo = true };
    struct stub *stub = rig_stub(r, serve_script, &s);
    struct txn a = rig_request(r, 1, false, SLICE_NONE), b = rig_request(r, 2, false, SLICE_NONE);

    (void)state;
    rig_exchange(r, &a, 3000);
    rig_expect_failure(&a, SEND_BAD_ANSWER, false);
    rig_exchange(r, &b, 3000);
    rig_expect_own(&b);
    assert_int_equal(atomic_load(&stub->connections), 2);
    rig_free(r, stub);
}

/* Ended after as many bytes as the request's id says, in one of three ways. */
static enum ending ending_after(size_t bytes)
{
    return bytes % 3 == 0 ? FAREWELL : bytes % 3 == 1 ? CUT : RESET;
}

static void serve_cut(struct stub_conn *c)
{
    struct stub_request *q = malloc(sizeof *q);
    char whole[200];

    if (q && stub_read_request(c, q)) {
        stub_answer(whole, sizeof whole, 7);
        stub_write_n(c, whole, q->id);
        if (ending_after(q->id) == CUT)
            stub_cut(c);
        if (ending_after(q->id) == RESET)
            stub_reset(c);
    }
    free(q);
}

static void test_cut_at_every_byte(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, serve_cut, NULL);
    char whole[200];

    (void)state;
    stub_answer(whole, sizeof whole, 7);
    size_t head_bytes = (size_t)(strstr(whole, "\r\n\r\n") - whole) + 4;
    for (unsigned n = 1; n < strlen(whole); n++) {
        struct txn t = rig_request(r, n, true, S("{}"));
        rig_exchange(r, &t, 3000);
        assert_int_equal(atomic_load(&stub->receipts[n]), 1);
        if (ending_after(n) == RESET && t.ex.failure == SEND_NO_ANSWER)
            continue; /* a reset may overtake what was sent before it */
        rig_expect_failure(&t, SEND_CUT_ANSWER, false);
        assert_int_equal(t.ex.status_seen, n >= head_bytes ? 200 : 0);
    }
    rig_free(r, stub);
}

static void test_no_answer(void **state)
{
    static const struct script rows[] = {
        { .answer = "", .ending = FAREWELL },
        { .answer = "", .ending = CUT },
        { .answer = "", .ending = RESET },
    };
    static const struct script interim = { .answer = "HTTP/1.1 100 Continue\r\n\r\n", .ending = FAREWELL };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct txn t = exchange_with(&rows[i], 3000);
        rig_expect_failure(&t, SEND_NO_ANSWER, false);
    }
    struct txn t = exchange_with(&interim, 3000); /* begun, as the reader sees it; without a status */
    rig_expect_failure(&t, SEND_CUT_ANSWER, false);
    assert_int_equal(t.ex.status_seen, 0);
}

static void test_deadline(void **state)
{
    static const struct {
        struct script script;
        enum send_failure failure;
        int status;
    } rows[] = {
        { { .before_ms = 2500 }, SEND_NO_ANSWER, 0 },
        { { .drip = true,
            .answer =
                "HTTP/1.1 200 OK\r\nX-A: a long header that takes more than the time that is left for it,"
                " and then some, and then some more of it\r\n" },
          SEND_CUT_ANSWER,
          0 },
        { { .answer = "HTTP/1.1 200 OK\r\nContent-Le", .late = "x", .after_ms = 2500 }, SEND_CUT_ANSWER, 0 },
        { { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", .late = "x", .after_ms = 2500 },
          SEND_CUT_ANSWER,
          200 },
        { { .answer = "HTTP/1.1 102 P\r\n\r\n", .late = "x", .after_ms = 2500 }, SEND_CUT_ANSWER, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t begin_ms = clock_mono_ms(&clock_system);
        struct rig *r = rig_new();
        struct script s = rows[i].script;
        struct stub *stub = rig_stub(r, serve_script, &s);
        struct txn t = rig_request(r, 7, true, S("{}"));
        begin_ms = clock_mono_ms(&clock_system);
        rig_exchange(r, &t, 600);
        int64_t took_ms = clock_mono_ms(&clock_system) - begin_ms;
        rig_expect_failure(&t, rows[i].failure, true);
        assert_int_equal(t.ex.status_seen, rows[i].status);
        assert_in_range(took_ms, 600, 2000); /* at once, when the machine has nothing else to do */
        rig_free(r, stub);
    }
}

/* The server reads nothing: a large request blocks in the middle of its write. */
static void serve_deaf(struct stub_conn *c)
{
    stub_pause_ms(c->stub, 5000);
}

static void test_deadline_while_sending(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, serve_deaf, NULL);
    size_t n = 20 * 1024 * 1024; /* more than any socket buffer takes */
    char *body = calloc(1, n);
    struct txn t = rig_request(r, 3, true, slice_from(body, n));

    (void)state;
    rig_exchange(r, &t, 600);
    rig_expect_failure(&t, SEND_NO_ANSWER, true);
    free(body);
    rig_free(r, stub);
}

/* ---- T16 in the small ---- */

static void check_next_is_own(const struct script *s, long pause_ms, unsigned connections)
{
    struct rig *r = rig_new();
    struct script copy = *s;
    copy.then_echo = true;
    atomic_store(&scripts_over, 0);
    struct stub *stub = rig_stub(r, serve_script, &copy);
    struct txn a = rig_request(r, 1, false, SLICE_NONE), b = rig_request(r, 2, false, SLICE_NONE);

    rig_exchange(r, &a, 3000);
    rig_expect_own(&a);
    for (int i = 0; i < 1000 && !atomic_load(&scripts_over); i++)
        rig_run(r, 5, NULL, 0);
    rig_run(r, pause_ms, NULL, 0);
    rig_exchange(r, &b, 3000);
    rig_expect_own(&b);
    assert_int_equal(atomic_load(&stub->connections), connections);
    rig_free(r, stub);
}

#define FORGED "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged"

static void test_extra_bytes_are_nobodys_answer(void **state)
{
    (void)state;
    /* in one record with the answer: the connection is not used again */
    check_next_is_own(&(struct script){ .answer = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1" FORGED }, 0,
                      2);
    check_next_is_own(&(struct script){ .answer = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1\r\n" }, 0,
                      2);
    /* 50 ms later, while it rests */
    check_next_is_own(&(struct script){ .late = FORGED, .after_ms = 50 }, 50, 2);
    check_next_is_own(&(struct script){ .late = "\n", .after_ms = 50 }, 50, 2);
    /* an end while it rests */
    check_next_is_own(&(struct script){ .ending = FAREWELL }, 100, 2);
    check_next_is_own(&(struct script){ .ending = CUT }, 50, 2);
    check_next_is_own(&(struct script){ .ending = RESET, .late = "", .after_ms = 30 }, 50, 2);
    check_next_is_own(
        &(struct script){ .answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1" }, 0,
        2);
    /* and the control: nothing extra, the same connection */
    check_next_is_own(&(struct script){ .answer = NULL }, 50, 1);
}

/* In a record of its own behind the answer, in one segment with it: read ahead together with it. */
static void serve_extra_record(struct stub_conn *c)
{
    struct stub_request *q = malloc(sizeof *q);

    while (q && stub_read_request(c, q)) {
        stub_cork(c, 1);
        stub_echo_one(c, q->id);
        stub_write(c, FORGED);
        stub_cork(c, 0);
    }
    free(q);
}

static void test_extra_record(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, serve_extra_record, NULL);

    (void)state;
    for (unsigned i = 1; i <= 5; i++) {
        struct txn t = rig_request(r, i, i % 2, S("{}"));
        rig_exchange(r, &t, 3000);
        rig_expect_own(&t);
        assert_int_equal(atomic_load(&stub->connections), i);
    }
    rig_free(r, stub);
}

/* What TLS itself says between two exchanges or right before an answer is no answer, and no reason to wait or to part. */
static void serve_with_tls_talk(struct stub_conn *c)
{
    struct stub_request *q = malloc(sizeof *q);

    while (q && stub_read_request(c, q)) {
        stub_cork(c, 1);
        if (q->id == 1)
            MUST(SSL_new_session_ticket(c->ssl) == 1);
        if (q->id == 2)
            MUST(SSL_key_update(c->ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
        stub_echo_one(c, q->id);
        stub_cork(c, 0);
        stub_sleep_ms(20);
        if (q->id == 3)
            MUST(SSL_new_session_ticket(c->ssl) == 1 && SSL_do_handshake(c->ssl) == 1);
    }
    free(q);
}

static void test_tls_talk(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, serve_with_tls_talk, NULL);

    (void)state;
    for (unsigned i = 1; i <= 5; i++) {
        struct txn t = rig_request(r, i, i % 2, S("{}"));
        rig_exchange(r, &t, 1000);
        rig_expect_own(&t);
        if (i == 3)
            stub_sleep_ms(60); /* the ticket is there and unread when the next request asks */
    }
    assert_int_equal(atomic_load(&stub->connections), 1);
    rig_free(r, stub);
}

/* Came while the loop did not look: seen by the check right before the next request. */
static void test_extra_bytes_seen_right_before_sending(void **state)
{
    struct rig *r = rig_new();
    struct script s = { .late = FORGED, .after_ms = 20, .then_echo = true };
    atomic_store(&scripts_over, 0);
    struct stub *stub = rig_stub(r, serve_script, &s);
    struct txn a = rig_request(r, 1, false, SLICE_NONE), b = rig_request(r, 2, true, S("{}"));

    (void)state;
    rig_exchange(r, &a, 3000);
    rig_expect_own(&a);
    for (int i = 0; i < 1000 && !atomic_load(&scripts_over); i++)
        stub_sleep_ms(5);
    stub_sleep_ms(10);
    rig_exchange(r, &b, 3000);
    rig_expect_own(&b);
    assert_int_equal(atomic_load(&stub->connections), 2);
    rig_free(r, stub);
}

/* The first answer comes after its request was given up: nobody gets it. */
static void test_late_answer_is_nobodys(void **state)
{
    struct rig *r = rig_new();
    struct script s = { .before_ms = 900, .then_echo = true };
    struct stub *stub = rig_stub(r, serve_script, &s);
    struct txn a = rig_request(r, 1, false, SLICE_NONE), b = rig_request(r, 2, false, SLICE_NONE);

    (void)state;
    rig_exchange(r, &a, 600);
    rig_expect_failure(&a, SEND_NO_ANSWER, true);
    rig_exchange(r, &b, 3000);
    rig_expect_own(&b);
    rig_free(r, stub);
}

/* A server that speaks first has said nothing that counts. */
static void serve_forged_then_echo(struct stub_conn *c)
{
    if (c->index == 0) {
        stub_write(c, FORGED);
        stub_sleep_ms(300);
        return;
    }
    stub_serve_echo(c);
}

static void sleep_before_tls(struct stub_conn *c)
{
    stub_sleep_ms(c->index == 0 ? 60 : 0);
}

static void test_bytes_before_the_request(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, serve_forged_then_echo, NULL);
    struct txn a = rig_request(r, 1, true, S("{}")), b = rig_request(r, 2, true, S("{}"));

    (void)state;
    /* Opens a connection and gives up before it can be used, so that it rests when the forged bytes come. */
    stub->before_tls = sleep_before_tls;
    rig_send(r, &a, 3000);
    rig_run(r, 20, NULL, 0);
    upstream_send_cancel(r->client, &a);
    for (int i = 0; i < 300 && !atomic_load(&stub->handshakes); i++)
        rig_run(r, 10, NULL, 0);
    rig_run(r, 200, NULL, 0);
    assert_int_equal(atomic_load(&stub->handshakes), 1);
    rig_exchange(r, &b, 3000);
    rig_expect_own(&b);
    assert_int_equal(a.wakes, 0);
    rig_free(r, stub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_its_connection),
        cmocka_unit_test(test_writes_once),
        cmocka_unit_test(test_large_request),
        cmocka_unit_test(test_good_answers),
        cmocka_unit_test(test_answer_byte_by_byte),
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_bad_answer_ends_the_connection),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_deadline_while_sending),
        cmocka_unit_test(test_extra_bytes_are_nobodys_answer),
        cmocka_unit_test(test_extra_record),
        cmocka_unit_test(test_tls_talk),
        cmocka_unit_test(test_extra_bytes_seen_right_before_sending),
        cmocka_unit_test(test_late_answer_is_nobodys),
        cmocka_unit_test(test_bytes_before_the_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
