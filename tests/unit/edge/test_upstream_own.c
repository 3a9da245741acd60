/*
 * T16: an answer belongs to its own exchange. 64 requests at a time, each with an id of its own, against a server that
 * sends 1xx first, extra bytes, forged answers, two Content-Lengths, pieces, late answers, and ends connections; counted
 * are the answers that carry another id. EG_EXCHANGES = how many exchanges (the long form: 100,000).
 */
#include "edge/upstream_rig.h"

#define PARALLEL 64
#define FORGED   "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n999999"

/* ---- a server with a mood for each request ---- */

enum mood {
    GOOD = 0,
    GOOD_TOO,
    HINTS,
    TWO_INTERIM,
    EXTRA_ANSWER,
    EXTRA_BYTES,
    EXTRA_RECORD,
    TWO_LENGTHS,
    PIECES,
    LATE,
    FAREWELL,
    CHUNKED,
    SAYS_CLOSE,
    MOOD_COUNT_
};

static void send_pieces(struct stub_conn *c, const char *text)
{
    for (size_t n = strlen(text); n > 0; text += n < 17 ? n : 17, n -= n < 17 ? n : 17)
        stub_write_n(c, text, n < 17 ? n : 17);
}

/* False when the connection ends. */
static bool answer_in(struct stub_conn *c, enum mood mood, unsigned id)
{
    char own[200], text[600], digits[16];

    stub_answer(own, sizeof own, id);
    snprintf(digits, sizeof digits, "%u", id);
    snprintf(text, sizeof text, "%s", own);
    if (mood == HINTS)
        snprintf(text, sizeof text, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n%s", own);
    if (mood == TWO_INTERIM)
        snprintf(text, sizeof text, "HTTP/1.1 103 E\r\n\r\nHTTP/1.1 102 P\r\n\r\n%s", own);
    if (mood == EXTRA_ANSWER)
        snprintf(text, sizeof text, "%s" FORGED, own);
    if (mood == EXTRA_BYTES)
        snprintf(text, sizeof text, "%s\r\n", own);
    if (mood == TWO_LENGTHS)
        snprintf(text, sizeof text,
                 "HTTP/1.1 200 OK\r\ncontent-length: 6\r\ncontent-length: 1\r\n\r\n999999");
    if (mood == CHUNKED)
        snprintf(text, sizeof text,
                 "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
                 strlen(digits), digits);
    if (mood == SAYS_CLOSE)
        snprintf(text, sizeof text,
                 "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %zu\r\n\r\n%s" FORGED,
                 strlen(digits), digits);
    if (mood == LATE)
        stub_sleep_ms(120); /* the request has less */
    stub_cork(c, mood == EXTRA_RECORD);
    if (mood == PIECES)
        send_pieces(c, text);
    else
        stub_write(c, text);
    if (mood == EXTRA_RECORD)
        stub_write(c, FORGED);
    stub_cork(c, 0);
    return mood != FAREWELL;
}

static enum mood mood_of(unsigned id)
{
    unsigned x =
        id * 2654435761u; /* spread over the moods; late ones are rare, or they are all that is measured */
    enum mood mood = (enum mood)(x >> 16) % MOOD_COUNT_;

    return mood == LATE && id % 16 != 0 ? GOOD : mood;
}

static void serve_moody(struct stub_conn *c)
{
    struct stub_request *q = malloc(sizeof *q);

    while (q && stub_read_request(c, q) && answer_in(c, mood_of(q->id), q->id))
        ;
    free(q);
}

/* ---- 64 at a time ---- */

struct run {
    struct rig *r;
    unsigned begun, ended, aim;
    unsigned own, mixed, none;
    unsigned wrong; /* failed with a mood that should not fail, or the reverse */
};

static void begin_one(struct run *run, struct txn *t);

/* Any request may meet a connection that ends just then; flow would know what to do. */
static bool is_as_provoked(const struct txn *t)
{
    enum mood mood = mood_of(t->id);

    if (t->ex.failure == SEND_NO_ANSWER && !t->ex.timed_out)
        return true;
    if (mood == LATE) /* or early enough, where the machine is slow */
        return t->ex.timed_out || t->ex.failure == SEND_FAILED_NONE;
    return t->ex.failure == (mood == TWO_LENGTHS ? SEND_BAD_ANSWER : SEND_FAILED_NONE);
}

static void on_answer(struct txn *t)
{
    struct run *run = t->arg;

    run->ended++;
    if (t->ex.failure != SEND_FAILED_NONE)
        run->none++;
    else if (rig_is_own(t))
        run->own++;
    else
        run->mixed++;
    if (!is_as_provoked(t)) {
        print_error("id %u, mood %d: failure %d: %s\n", t->id, (int)mood_of(t->id), (int)t->ex.failure,
                    t->ex.detail);
        run->wrong++;
    }
    http1_msg_free(&t->ex.answer);
    if (run->begun < run->aim)
        begin_one(run, t);
}

static void begin_one(struct run *run, struct txn *t)
{
    *t = rig_request(run->r, run->begun % 99999 + 1, run->begun % 3 == 0,
                     run->begun % 3 == 0 ? S("{\"a\":1}") : SLICE_NONE);
    t->on_wake = on_answer;
    t->arg = run;
    run->begun++;
    rig_send(run->r, t, mood_of(t->id) == LATE ? 60 : 20000);
}

static void test_own_answers(void **state)
{
    struct run run = { .aim = getenv("EG_EXCHANGES") ? stub_number_after(getenv("EG_EXCHANGES"), "") : 3000 };
    struct txn *txns = calloc(PARALLEL, sizeof *txns);

    (void)state;
    assert_non_null(txns);
    run.r = rig_new();
    struct stub *stub = rig_stub(run.r, serve_moody, NULL);
    run.r->cfg.max_connections = PARALLEL / 2;
    for (unsigned i = 0; i < PARALLEL; i++)
        begin_one(&run, &txns[i]);
    rig_run(run.r, 600000, &run.ended, run.aim);
    print_message("FIGURE %u exchanges, %u at a time: %u own answers, %u failures as provoked, %u mixed up\n",
                  run.ended, PARALLEL, run.own, run.none, run.mixed);
    assert_int_equal(run.ended, run.aim);
    assert_int_equal(run.mixed, 0);
    assert_int_equal(run.wrong, 0);
    assert_true(run.own > run.aim / 2);
    for (unsigned i = 0; i < STUB_IDS; i++)
        assert_true(atomic_load(&stub->receipts[i]) <= 1 + run.aim / 99999);
    rig_free(run.r, stub);
    free(txns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
