/* The loop: deferred tasks, periodic jobs, signals, time that stands still within a turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "edge/loop.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct notes {
    struct loop *loop;
    char text[64];
    struct loop_task first, second, again;
    int runs, stop_after;
};

static void note(struct notes *n, const char *text)
{
    size_t used = strlen(n->text);

    assert_true(used + strlen(text) < sizeof n->text);
    memcpy(n->text + used, text, strlen(text) + 1);
}

static struct notes *notes_new(void)
{
    struct notes *n = calloc(1, sizeof *n);
    struct err e = { .code = ERR_NONE };

    assert_non_null(n);
    n->loop = loop_new(&e);
    assert_non_null(n->loop);
    return n;
}

static void notes_free(struct notes *n)
{
    loop_free(&n->loop);
    free(n);
}

static void first(void *arg)
{
    struct notes *n = arg;

    note(n, "1");
    loop_task_cancel(&n->second); /* it waits in the same batch */
    loop_later(n->loop, &n->again);
    note(n, ".");
}

static void second(void *arg)
{
    note(arg, "2");
}

static void again(void *arg)
{
    struct notes *n = arg;

    note(n, "3");
    loop_stop(n->loop);
}

static void test_tasks(void **state)
{
    (void)state;
    struct notes *n = notes_new();

    loop_task_init(&n->first, first, n);
    loop_task_init(&n->second, second, n);
    loop_task_init(&n->again, again, n);
    loop_later(n->loop, &n->first);
    loop_later(n->loop, &n->first); /* once */
    loop_later(n->loop, &n->second);
    assert_string_equal(n->text, "");
    assert_true(loop_run(n->loop));
    assert_string_equal(n->text, "1.3");

    /* What waits when the loop ends is run, for it frees things. */
    loop_later(n->loop, &n->second);
    struct loop *l = n->loop;
    loop_free(&l);
    assert_null(l);
    assert_string_equal(n->text, "1.32");
    free(n);
}

static void job(void *arg)
{
    struct notes *n = arg;

    if (++n->runs == n->stop_after)
        loop_stop(n->loop);
}

static void last_job(void *arg)
{
    struct notes *n = arg;

    loop_end_jobs(n->loop, n);
    loop_stop(n->loop);
}

static void test_jobs(void **state)
{
    (void)state;
    struct notes *n = notes_new();
    struct err e = { .code = ERR_NONE };
    int64_t begin = clock_mono_ms(&clock_system);

    n->stop_after = 10;
    assert_true(loop_every(n->loop, "job", 5, job, n, &e));
    assert_true(loop_run(n->loop));
    int64_t took = clock_mono_ms(&clock_system) - begin;
    assert_in_range(took, 45, 500);
    n->stop_after = 0;
    assert_true(loop_every(n->loop, "last", 30, last_job, n, &e));
    assert_true(loop_run(n->loop));
    assert_in_range(n->runs, 12, 17);
    assert_false(loop_turn(n->loop)); /* nothing is left to wait for */
    notes_free(n);
}

static void slow(void *arg)
{
    struct notes *n = arg;
    const struct clock *c = loop_clock(n->loop);
    int64_t mono = clock_mono_ms(c), wall = clock_wall_ms(c);

    assert_in_range(mono - clock_mono_ms(&clock_system) + 1000, 990, 1000);
    assert_in_range(wall - clock_wall_ms(&clock_system) + 1000, 990, 1000);
    usleep(20000);
    assert_int_equal(clock_mono_ms(c), mono);
    assert_int_equal(clock_wall_ms(c), wall);
    if (++n->runs == 2)
        loop_stop(n->loop);
}

static void test_time(void **state)
{
    (void)state;
    struct notes *n = notes_new();
    struct err e = { .code = ERR_NONE };

    assert_true(loop_every(n->loop, "slow", 5, slow, n, &e));
    assert_true(loop_run(n->loop)); /* the second turn has new time */
    notes_free(n);
}

static void on_term(void *arg)
{
    note(arg, "T");
    kill(getpid(), SIGHUP);
}

static void on_hup(void *arg)
{
    note(arg, "H");
    kill(getpid(), SIGUSR1);
}

static void on_usr1(void *arg)
{
    struct notes *n = arg;

    note(n, "U");
    kill(getpid(), SIGPIPE); /* ignored */
    loop_stop(n->loop);
}

static void test_signals(void **state)
{
    (void)state;
    struct notes *n = notes_new();
    struct err e = { .code = ERR_NONE };
    struct loop_signals s = { .on_term = on_term, .on_hup = on_hup, .on_usr1 = on_usr1, .arg = n };

    assert_true(loop_on_signals(n->loop, &s, &e));
    kill(getpid(), SIGTERM);
    assert_true(loop_run(n->loop));
    assert_string_equal(n->text, "THU");
    notes_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_jobs),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_signals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
