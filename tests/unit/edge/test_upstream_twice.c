/*
 * T18: whatever the upstream does in the middle of an exchange, the port gives a request to one connection once. The stub
 * leaves at each of 26 points, in an exchange on a new connection and in one on a connection that was used before, for
 * reads and for changes; counted is what arrived. EG_ROUNDS repeats it all.
 */
#include "edge/upstream_rig.h"

enum way { LEAVE = 0, CUT_OFF, RESET };

struct point {
    const char *what;
    enum { BEFORE_TLS, IN_REQUEST, IN_ANSWER } part;
    enum way way;
    size_t bytes;     /* read before it leaves (IN_REQUEST), or sent (IN_ANSWER); SIZE_MAX = all */
    unsigned allowed; /* bits of enum send_failure */
};
#define BIT(f)    (1u << (unsigned)(f))
#define NOT_SENT  BIT(SEND_NOT_SENT)
#define NO_ANSWER BIT(SEND_NO_ANSWER)
#define CUT       BIT(SEND_CUT_ANSWER)
#define FINE      BIT(SEND_FAILED_NONE)
#define HEAD_END  SIZE_MAX - 1
#define ALL_BUT_1 SIZE_MAX - 2

static const struct point points[] = {
    { "accept, close", BEFORE_TLS, CUT_OFF, 0, NOT_SENT },
    { "accept, reset", BEFORE_TLS, RESET, 0, NOT_SENT },
    { "a byte of the hello, close", BEFORE_TLS, CUT_OFF, 1, NOT_SENT },
    { "the hello, close", BEFORE_TLS, CUT_OFF, 4096, NOT_SENT },
    { "the hello, reset", BEFORE_TLS, RESET, 4096, NOT_SENT },
    { "handshake, farewell", IN_REQUEST, LEAVE, 0, NOT_SENT | NO_ANSWER },
    { "handshake, cut", IN_REQUEST, CUT_OFF, 0, NOT_SENT | NO_ANSWER },
    { "handshake, reset", IN_REQUEST, RESET, 0, NOT_SENT | NO_ANSWER },
    { "a byte of the request, farewell", IN_REQUEST, LEAVE, 1, NO_ANSWER },
    { "a byte of the request, reset", IN_REQUEST, RESET, 1, NO_ANSWER },
    { "half of the head, cut", IN_REQUEST, CUT_OFF, 40, NO_ANSWER },
    { "half of the head, reset", IN_REQUEST, RESET, 40, NO_ANSWER },
    { "20,000 bytes, farewell", IN_REQUEST, LEAVE, 20000, NO_ANSWER },
    { "20,000 bytes, reset", IN_REQUEST, RESET, 20000, NO_ANSWER },
    { "the request, farewell", IN_ANSWER, LEAVE, 0, NO_ANSWER },
    { "the request, cut", IN_ANSWER, CUT_OFF, 0, NO_ANSWER },
    { "the request, reset", IN_ANSWER, RESET, 0, NO_ANSWER },
    { "a byte of the answer, farewell", IN_ANSWER, LEAVE, 1, CUT },
    { "a byte of the answer, cut", IN_ANSWER, CUT_OFF, 1, CUT },
    { "the status line, reset", IN_ANSWER, RESET, 17, CUT | NO_ANSWER },
    { "the answer's head, farewell", IN_ANSWER, LEAVE, HEAD_END, CUT },
    { "the answer's head, reset", IN_ANSWER, RESET, HEAD_END, CUT | NO_ANSWER },
    { "all but a byte, farewell", IN_ANSWER, LEAVE, ALL_BUT_1, CUT },
    { "all but a byte, cut", IN_ANSWER, CUT_OFF, ALL_BUT_1, CUT },
    { "the answer, farewell", IN_ANSWER, LEAVE, SIZE_MAX, FINE },
    { "the answer, cut", IN_ANSWER, CUT_OFF, SIZE_MAX, FINE },
};
#define POINT_COUNT (sizeof points / sizeof points[0])
#define WARM_UP     1000 /* ids from here on are answered properly */

struct scene {
    const struct point *point;
    bool warm;
    atomic_uint starts; /* connections on which a byte of the request under test arrived */
};

static void leave(struct stub_conn *c, enum way way)
{
    if (way == RESET)
        stub_reset(c);
    else if (way == CUT_OFF)
        stub_cut(c);
}

static void leave_before_tls(struct stub_conn *c)
{
    const struct scene *scene = c->stub->arg;
    char hello[4096];

    if (scene->warm || scene->point->part != BEFORE_TLS)
        return;
    if (scene->point->bytes > 0) {
        ssize_t n = recv(c->fd, hello, scene->point->bytes, 0);
        (void)n;
    }
    leave(c, scene->point->way);
}

static void read_and_leave(struct stub_conn *c, struct scene *scene)
{
    char text[4096];
    size_t have = 0, n;

    while (have < scene->point->bytes) {
        size_t most = scene->point->bytes - have < sizeof text ? scene->point->bytes - have : sizeof text;
        if (SSL_read_ex(c->ssl, text, most, &n) != 1)
            return;
        if (have == 0)
            atomic_fetch_add(&scene->starts, 1);
        have += n;
    }
    leave(c, scene->point->way);
}

static void answer_and_leave(struct stub_conn *c, struct scene *scene, unsigned id)
{
    char answer[200];
    size_t n = scene->point->bytes;

    atomic_fetch_add(&scene->starts, 1);
    stub_answer(answer, sizeof answer, id);
    if (n == HEAD_END)
        n = (size_t)(strstr(answer, "\r\n\r\n") - answer) + 4;
    else if (n == ALL_BUT_1)
        n = strlen(answer) - 1;
    else if (n == SIZE_MAX)
        n = strlen(answer);
    stub_write_n(c, answer, n);
    leave(c, scene->point->way);
}

static void serve_point(struct stub_conn *c)
{
    struct scene *scene = c->stub->arg;
    struct stub_request *q = malloc(sizeof *q);

    if (q && scene->warm && c->served == 0 && stub_read_request(c, q)) {
        MUST(q->id >= WARM_UP);
        stub_echo_one(c, q->id);
    }
    if (scene->point->part == IN_REQUEST)
        read_and_leave(c, scene);
    else if (q && stub_read_request(c, q))
        answer_and_leave(c, scene, q->id);
    free(q);
}

struct count {
    unsigned exchanges, receipts_most, starts_most, wrong;
};

static void play(const struct point *point, bool warm, bool is_change, struct count *count)
{
    static char body[30000];
    struct rig *r = rig_new();
    struct scene scene = { .point = point, .warm = warm };
    struct stub *stub = rig_stub(r, serve_point, &scene);
    struct txn first = rig_request(r, WARM_UP, false, SLICE_NONE);
    struct txn t = rig_request(r, 1, is_change, is_change ? slice_from(body, sizeof body) : SLICE_NONE);

    stub->before_tls = leave_before_tls;
    if (warm) {
        rig_exchange(r, &first, 3000);
        rig_expect_own(&first);
    }
    rig_exchange(r, &t, point->bytes == 20000 && !is_change ? 600 : 3000);
    rig_run(r, 20, NULL, 0); /* were it to send again, it would be now */
    unsigned receipts = atomic_load(&stub->receipts[1]), starts = atomic_load(&scene.starts);
    count->exchanges++;
    count->receipts_most = receipts > count->receipts_most ? receipts : count->receipts_most;
    count->starts_most = starts > count->starts_most ? starts : count->starts_most;
    if (!(BIT(t.ex.failure) & point->allowed) || receipts > 1 || starts > 1) {
        print_error("%s, %s, %s: failure %d, %u receipts on %u connections: %s\n", point->what,
                    warm ? "used" : "new", is_change ? "change" : "read", t.ex.failure, receipts, starts,
                    t.ex.detail);
        count->wrong++;
    }
    http1_msg_free(&t.ex.answer);
    rig_free(r, stub);
}

static void test_never_twice(void **state)
{
    unsigned rounds = getenv("EG_ROUNDS") ? stub_number_after(getenv("EG_ROUNDS"), "") : 1;
    struct count count = { 0 };

    (void)state;
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t i = 0; i < POINT_COUNT; i++) {
            play(&points[i], false, true, &count);
            play(&points[i], false, false, &count);
            if (points[i].part == BEFORE_TLS || points[i].bytes == 0)
                continue; /* a connection that is lost while it rests is another test's */
            play(&points[i], true, true, &count);
            play(&points[i], true, false, &count);
        }
    }
    print_message("FIGURE %zu points, %u exchanges, at most %u receipt and %u connection for a request, %u "
                  "wrong outcomes\n",
                  POINT_COUNT, count.exchanges, count.receipts_most, count.starts_most, count.wrong);
    assert_int_equal(count.wrong, 0);
    assert_int_equal(count.receipts_most, 1);
    assert_int_equal(count.starts_most, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
