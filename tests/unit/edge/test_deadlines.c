/* Many deadlines on one timer: order, moving, clearing, and setting from within. */
#include "edge/deadlines.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct waiter {
    struct deadline deadline;
    unsigned nth;        /* when it was due: 1 = first */
    struct waiter *then; /* set this one for the same time when due */
    struct waiter *forget;
};

static struct deadlines all;
static unsigned due_count;

static void on_due(void *arg, struct deadline *d)
{
    struct waiter *w = LIST_OWNER(d, struct waiter, deadline);

    (void)arg;
    assert_int_equal(w->nth, 0);
    assert_true(clock_mono_ms(&clock_system) >= d->at_ms);
    w->nth = ++due_count;
    if (w->then)
        deadline_set(&all, &w->then->deadline, d->at_ms); /* passed already, and before all later ones */
    if (w->forget)
        deadline_clear(&w->forget->deadline);
}

static void run(struct event_base *base, int ms)
{
    struct timeval tv = { 0, ms * 1000 };
    event_base_loopexit(base, &tv);
    event_base_dispatch(base);
}

static void test_deadlines(void **state)
{
    struct event_base *base = event_base_new();
    struct waiter w[8] = { { .nth = 0 } };
    int64_t now = clock_mono_ms(&clock_system);

    (void)state;
    assert_true(deadlines_init(&all, base, &clock_system, on_due, NULL));
    for (unsigned i = 0; i < 8; i++)
        deadline_init(&w[i].deadline);
    deadline_set(&all, &w[0].deadline, now + 40);
    deadline_set(&all, &w[1].deadline, now + 20); /* before the one that is armed */
    deadline_set(&all, &w[2].deadline, now + 60);
    deadline_set(&all, &w[3].deadline, now + 30);
    deadline_clear(&w[3].deadline);
    deadline_set(&all, &w[4].deadline, now + 10);
    deadline_set(&all, &w[4].deadline, now + 50); /* moved */
    deadline_set(&all, &w[5].deadline, now - 5);  /* passed already */
    assert_int_equal(due_count, 0);
    w[1].then = &w[6];
    w[0].forget = &w[2];
    run(base, 120);
    assert_int_equal(w[5].nth, 1);
    assert_int_equal(w[1].nth, 2);
    assert_int_equal(w[6].nth, 3);
    assert_int_equal(w[0].nth, 4);
    assert_int_equal(w[4].nth, 5);
    assert_int_equal(due_count, 5);
    deadlines_drop(&all);
    event_base_free(base);
}

static int64_t told_ms;

static int64_t told_time(void *ctx)
{
    (void)ctx;
    return told_ms;
}

static void note_due(void *arg, struct deadline *d)
{
    (void)arg;
    (void)d;
    due_count++;
}

/* A deadline in 20 ms, whose timer sees these times, one each time that it runs. How often must it run? */
static unsigned runs_until_due(bool forgives, const int64_t *times_ms)
{
    struct event_base *base = event_base_new();
    const struct clock clock = { .wall_ms = told_time, .mono_ms = told_time };
    struct deadline one;
    unsigned runs = 0;

    due_count = 0;
    told_ms = 1000;
    assert_true(deadlines_init(&all, base, &clock, note_due, NULL));
    all.forgives_stalls = forgives;
    deadline_init(&one);
    deadline_set(&all, &one, 1020);
    while (!due_count) {
        assert_true(runs < 4);
        told_ms = times_ms[runs++];
        event_base_loop(base, EVLOOP_ONCE);
    }
    deadlines_drop(&all);
    event_base_free(base);
    return runs;
}

/* What falls due while the program stands still gets a moment more, once. */
static void test_stalls(void **state)
{
    (void)state;
    assert_int_equal(runs_until_due(true, (int64_t[]){ 1020 }), 1);
    assert_int_equal(runs_until_due(true, (int64_t[]){ 1220 }), 1);
    assert_int_equal(runs_until_due(true, (int64_t[]){ 1221, 1421 }), 2);
    assert_int_equal(runs_until_due(true, (int64_t[]){ 5000, 9000 }), 2); /* stood still again */
    assert_int_equal(runs_until_due(false, (int64_t[]){ 5000 }), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_deadlines), cmocka_unit_test(test_stalls) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
