/* Requests whose outcome is to come: what is forgotten with it, and what must be kept for a record that resolves it. */
#include "app/cmd_audit_await.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define READ   ",\"op\":\"DescribeService\"}"
#define CHANGE ",\"op\":\"DeleteService\"}"

static struct audit_await await;
static int what;

static int end(void **state)
{
    (void)state;
    audit_await_drop(&await);
    return 0;
}

static struct audit_line line(enum audit_type type, const char *id, const char *rest)
{
    return (struct audit_line){ .kind = type, .id = slice_of(id), .rest = slice_of(rest) };
}

static bool intent(const char *id, const char *rest)
{
    struct audit_line l = line(AUDIT_INTENT, id, rest);

    return audit_await_intent(&await, &l, &what);
}

static bool ends(enum audit_type type, const char *id, const char *rest)
{
    struct audit_line l = line(type, id, rest);

    return audit_await_end(&await, &l) == &what;
}

static void a_read_ends_with_its_outcome(void **state)
{
    static const char *const rests[] = { ",\"status\":200}", ",\"status\":502}",
                                         ",\"error\":\"sent_no_answer\"}" };

    (void)state;
    for (size_t i = 0; i < sizeof rests / sizeof *rests; i++) {
        assert_true(intent("a", READ));
        assert_true(ends(AUDIT_OUTCOME, "a", rests[i]));
        assert_int_equal(audit_await_count(&await), 0);
    }
    assert_false(ends(AUDIT_OUTCOME, "b", rests[0]));
}

static void a_change_may_be_resolved(void **state)
{
    (void)state;
    assert_true(intent("a", CHANGE) && intent("b", CHANGE));
    assert_true(intent("c", ",\"op\":\"OfALaterVersion\"}"));
    assert_true(ends(AUDIT_OUTCOME, "a", ",\"status\":200}"));
    assert_true(ends(AUDIT_OUTCOME, "b", ",\"status\":502}"));
    assert_true(ends(AUDIT_OUTCOME, "c", ",\"error\":\"unknown_after_crash\"}"));
    assert_int_equal(audit_await_count(&await), 2);
    assert_false(ends(AUDIT_RESOLVED, "a", "}"));
    assert_true(ends(AUDIT_RESOLVED, "b", "}"));
    assert_true(ends(AUDIT_RESOLVED, "c", "}"));
    assert_int_equal(audit_await_count(&await), 0);
}

/* Two tries of a read, whose outcomes come together. */
static void each_try_has_its_outcome(void **state)
{
    (void)state;
    assert_true(intent("a", READ) && intent("a", READ));
    assert_true(ends(AUDIT_OUTCOME, "a", ",\"error\":\"unknown_after_crash\"}"));
    assert_true(ends(AUDIT_OUTCOME, "a", ",\"error\":\"unknown_after_crash\"}"));
    assert_int_equal(audit_await_count(&await), 0);
}

/* Reads that EAS answers with 5xx come without end; changes in doubt do not, but a forged log may hold as many as it likes. */
static void there_is_an_end(void **state)
{
    char id[24];

    (void)state;
    for (size_t i = 0; i <= AUDIT_AWAIT_MAX; i++) {
        snprintf(id, sizeof id, "r%zu", i);
        assert_true(intent(id, READ) && ends(AUDIT_OUTCOME, id, ",\"status\":500}"));
    }
    for (size_t i = 0; i < AUDIT_AWAIT_MAX; i++) {
        snprintf(id, sizeof id, "c%zu", i);
        assert_true(intent(id, CHANGE) && ends(AUDIT_OUTCOME, id, ",\"status\":500}"));
    }
    assert_false(await.is_full);
    assert_true(intent("c0", CHANGE)); /* one that it knows */
    assert_false(intent("one more", CHANGE));
    assert_true(await.is_full);
    audit_await_drop(&await);
    assert_true(intent("a", READ) && !await.is_full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_read_ends_with_its_outcome, end),
        cmocka_unit_test_teardown(a_change_may_be_resolved, end),
        cmocka_unit_test_teardown(each_try_has_its_outcome, end),
        cmocka_unit_test_teardown(there_is_an_end, end),
    };

    return cmocka_run_group_tests_name("cmd_audit_await", tests, NULL, NULL);
}
