/* Rate limits against a plain count: in no window more than burst + rate * time pass, and an even flow passes whole. */
#include "core/ratelimit.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void no_limit_takes_all(void **test)
{
    struct ratelimit_state state = { 0 };
    int64_t wait;

    (void)test;
    for (int i = 0; i < 1000; i++)
        assert_true(ratelimit_take(&state, &(struct ratelimit){ 0, 1000, 0 }, 5, &wait));
}

static void burst_then_rate(void **test)
{
    struct ratelimit limit = { .count = 10, .period_ms = 1000, .burst = 5 };
    struct ratelimit_state state = { 0 };
    int64_t wait = 0;
    int passed = 0;

    (void)test;
    for (int i = 0; i < 20; i++)
        passed += ratelimit_take(&state, &limit, 1000000, &wait);
    assert_int_equal(passed, 5);
    assert_int_equal(wait, 100); /* one each 100 ms */
    assert_false(ratelimit_take(&state, &limit, 1000099, &wait));
    assert_int_equal(wait, 1);
    assert_true(ratelimit_take(&state, &limit, 1000100, &wait));
    assert_false(ratelimit_take(&state, &limit, 1000100, &wait));
    passed = 0;
    for (int64_t now = 1000100; now < 1010100; now += 3)
        passed += ratelimit_take(&state, &limit, now, &wait);
    assert_in_range(passed, 99, 100); /* ten seconds */
}

static void rest_gives_the_burst_back_and_no_more(void **test)
{
    struct ratelimit limit = { .count = 60, .period_ms = 60000, .burst = 3 };
    struct ratelimit_state state = { 0 };
    int64_t wait;
    int passed = 0;

    (void)test;
    for (int i = 0; i < 10; i++)
        passed += ratelimit_take(&state, &limit, 1000, &wait);
    for (int i = 0; i < 10; i++)
        passed += ratelimit_take(&state, &limit, 3600 * 1000, &wait);
    assert_int_equal(passed, 6);
}

static void time_that_goes_back_locks_nobody_out(void **test)
{
    struct ratelimit limit = { .count = 1, .period_ms = 1000, .burst = 2 };
    struct ratelimit_state state = { 0 };
    int64_t wait = 0;

    (void)test;
    assert_true(ratelimit_take(&state, &limit, 1000000000, &wait));
    ratelimit_take(&state, &limit, 1000, &wait);
    assert_in_range(wait, 0, 1000);
    assert_true(ratelimit_take(&state, &limit, 3000, &wait));
}

static void extremes_do_not_overflow(void **test)
{
    struct ratelimit limit = { .count = UINT64_C(1) << 40,
                               .period_ms = INT64_C(1) << 40,
                               .burst = UINT64_MAX };
    struct ratelimit_state state = { 0 };
    int64_t wait;

    (void)test;
    for (int i = 0; i < 100; i++)
        assert_true(ratelimit_take(&state, &limit, INT64_C(1) << 40, &wait));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_limit_takes_all),
        cmocka_unit_test(burst_then_rate),
        cmocka_unit_test(rest_gives_the_burst_back_and_no_more),
        cmocka_unit_test(time_that_goes_back_locks_nobody_out),
        cmocka_unit_test(extremes_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
