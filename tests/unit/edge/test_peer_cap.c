/* The cap for each peer: peers are made up here, since all that a test can connect from is local and exempt. */
#include "guard_rig.h"
#include "edge/peer.h"

#define GET "GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n\r\n"

static uint64_t next_key = 1;

bool peer_of_fd(int fd, struct peer *out)
{
    (void)fd;
    *out = (struct peer){ .kind = PEER_TCP, .key = next_key };
    snprintf(out->text, sizeof out->text, "peer %d", (int)next_key);
    return true;
}

static void two_each(struct cfg_gateway *c)
{
    c->max_connections_per_peer = 2;
}

static void get(struct rig *r, struct raw *c, unsigned n)
{
    raw_send(c, GET, sizeof GET - 1);
    until_answers(r, c, n);
}

static void test_peer_cap(void **state)
{
    (void)state;
    struct rig *r = rig_new_with(two_each);
    struct raw *c[5];

    /* Two of peer 1 are under way: its third is refused, peer 2 is not. */
    r->gate.hold = true;
    for (unsigned i = 0; i < 2; i++) {
        c[i] = raw_connect(r);
        raw_send(c[i], GET, sizeof GET - 1);
        TURNS_UNTIL(r, r->gate.held_count == i + 1, 1000)
        {
        }
    }
    c[2] = raw_connect(r);
    until_end(r, c[2]);
    assert_string_equal(statuses(c[2]), "503");
    raw_free(c[2]);
    turns(r, 5);
    next_key = 2;
    c[3] = raw_connect(r);
    raw_send(c[3], GET, sizeof GET - 1);
    TURNS_UNTIL(r, r->gate.held_count == 3, 1000)
    {
    }
    assert_int_equal(r->gate.held_count, 3);
    answer_held(&r->gate);
    r->gate.hold = false;
    until_answers(r, c[0], 1);
    until_answers(r, c[3], 1);

    /* Peer 2 has one idle and opens two more: its own idle one goes, peer 1's stay. */
    c[2] = raw_connect(r);
    get(r, c[2], 1);
    c[4] = raw_connect(r);
    get(r, c[4], 1);
    until_end(r, c[3]);
    assert_string_equal(statuses(c[3]), "200");
    get(r, c[0], 2);
    get(r, c[1], 2);
    get(r, c[2], 2);
    for (int i = 0; i < 5; i++)
        raw_free(c[i]);
    until_empty(r);

    /* Gone is gone: the same peer may come again. */
    for (int i = 0; i < 10; i++) {
        c[0] = raw_connect(r);
        get(r, c[0], 1);
        raw_free(c[0]);
        until_empty(r);
    }
    rig_free(r);
}

/* One peer that comes over and over at its cap takes nobody else's place: what it is refused counts for nobody. */
static void test_refused_peers(void **state)
{
    (void)state;
    struct rig *r = rig_new_with(two_each);
    struct raw *busy[2], *refused[110], *c;

    next_key = 1;
    r->gate.hold = true;
    for (unsigned i = 0; i < 2; i++) {
        busy[i] = raw_connect(r);
        raw_send(busy[i], GET, sizeof GET - 1);
        TURNS_UNTIL(r, r->gate.held_count == i + 1, 1000)
        {
        }
    }
    for (unsigned i = 0; i < 110; i++) {
        refused[i] = raw_connect(r);
        TURNS_UNTIL(r, r->gate.early == i + 1, 1000)
        {
        }
        assert_int_equal(r->gate.early, i + 1);
    }
    assert_true(listeners_connections(r->ls) < 50); /* a few may read their answer */
    r->gate.hold = false;
    next_key = 2;
    c = raw_connect(r);
    get(r, c, 1);
    assert_string_equal(statuses(c), "200");
    answer_held(&r->gate);
    for (int i = 0; i < 2; i++) {
        until_answers(r, busy[i], 1);
        raw_free(busy[i]);
    }
    for (int i = 0; i < 110; i++)
        raw_free(refused[i]);
    raw_free(c);
    until_empty(r);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_peer_cap),
                                        cmocka_unit_test(test_refused_peers) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
