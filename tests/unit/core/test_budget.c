/* The book of replicas: the sum is never smaller than what the calls so far can have led to. */
#include "core/budget.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define GRACE_MS 30000

static void read_truth(struct budget *b, int64_t began, int64_t a, int64_t c)
{
    budget_read_begin(b, began);
    if (a)
        assert_true(budget_read_service(b, S("a"), a));
    if (c)
        assert_true(budget_read_service(b, S("c"), c));
    assert_true(budget_read_done(b, GRACE_MS));
}

static void counts_the_larger_of_listed_and_reserved(void **state)
{
    struct budget *b = budget_new();

    (void)state;
    assert_false(budget_is_fresh(b, 0, 1000));
    read_truth(b, 100, 2, 3);
    assert_true(budget_is_fresh(b, 1100, 1000));
    assert_false(budget_is_fresh(b, 1101, 1000));
    assert_int_equal(budget_sum_without(b, S("x")), 5);
    struct reservation *grow = budget_reserve(b, S("a"), 4), *shrink = budget_reserve(b, S("c"), 1);
    struct reservation *fresh = budget_reserve(b, S("d"), 6), *twin = budget_reserve(b, S("d"), 2);
    assert_int_equal(budget_sum_without(b, S("x")), 4 + 3 + 6);
    assert_int_equal(budget_sum_without(b, S("a")), 3 + 6);
    assert_int_equal(budget_of_service(b, S("d")), 6);
    budget_settle(&grow, BUDGET_NOTHING, 200);
    budget_settle(&shrink, BUDGET_DONE, 200);
    budget_settle(&fresh, BUDGET_DONE, 200);
    budget_settle(&twin, BUDGET_NOTHING, 200);
    assert_null(fresh);
    assert_int_equal(budget_sum_without(b, S("x")), 2 + 3 + 6);
    budget_free(&b);
}

static void a_reading_that_began_before_the_end_does_not_release(void **state)
{
    struct budget *b = budget_new();
    struct reservation *r = budget_reserve(b, S("a"), 4);

    (void)state;
    budget_read_begin(b, 100);
    budget_settle(&r, BUDGET_DONE, 150); /* ends while the list is read: the list may miss it */
    assert_true(budget_read_done(b, GRACE_MS));
    assert_int_equal(budget_sum_without(b, S("x")), 4);
    read_truth(b, 151, 3, 0);
    assert_int_equal(budget_sum_without(b, S("x")), 3);
    budget_free(&b);
}

static void unknown_outcomes_count_for_the_grace(void **state)
{
    struct budget *b = budget_new();
    struct reservation *r = budget_reserve(b, S("a"), 4);

    (void)state;
    budget_settle(&r, BUDGET_UNKNOWN, 1000);
    read_truth(b, 1000 + GRACE_MS, 0, 0);
    assert_int_equal(budget_sum_without(b, S("x")), 4);
    read_truth(b, 1001 + GRACE_MS, 0, 0);
    assert_int_equal(budget_sum_without(b, S("x")), 0);
    budget_free(&b);
}

static void a_failed_reading_changes_nothing(void **state)
{
    struct budget *b = budget_new();

    (void)state;
    read_truth(b, 100, 2, 0);
    budget_read_begin(b, 200);
    assert_true(budget_read_service(b, S("a"), 9));
    budget_read_abandon(b);
    assert_int_equal(budget_sum_without(b, S("x")), 2);
    assert_int_equal(budget_read_at(b), 100);
    budget_doubt(b);
    assert_false(budget_is_fresh(b, 100, 1000));
    read_truth(b, 300, 1, 0);
    assert_true(budget_is_fresh(b, 300, 1000));
    budget_free(&b);
}

static void a_service_on_two_pages_counts_once(void **state)
{
    struct budget *b = budget_new();

    (void)state;
    budget_read_begin(b, 1);
    assert_true(budget_read_service(b, S("a"), 2) && budget_read_service(b, S("a"), 5) &&
                budget_read_service(b, S("a"), 3));
    assert_true(budget_read_done(b, GRACE_MS));
    assert_int_equal(budget_sum_without(b, S("x")), 5);
    budget_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_the_larger_of_listed_and_reserved),
        cmocka_unit_test(a_reading_that_began_before_the_end_does_not_release),
        cmocka_unit_test(unknown_outcomes_count_for_the_grace),
        cmocka_unit_test(a_failed_reading_changes_nothing),
        cmocka_unit_test(a_service_on_two_pages_counts_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
