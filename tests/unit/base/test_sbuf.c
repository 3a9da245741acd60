/* sbuf: the maximum, the sticky error, the NUL at the end, and who owns what. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "base/sbuf.h"

static void test_add(void **state)
{
    SCOPED(sbuf) b = SBUF_MAX(1000);

    (void)state;
    assert_string_equal(sbuf_slice(&b).p, "");
    sbuf_add(&b, S("ab"));
    sbuf_adds(&b, "c");
    sbuf_addc(&b, 'd');
    sbuf_add_u64(&b, 0);
    sbuf_add_u64(&b, UINT64_MAX);
    sbuf_addf(&b, "-%d-%s", -7, "x");
    sbuf_add(&b, SLICE_NONE);
    assert_true(sbuf_ok(&b));
    assert_string_equal(sbuf_slice(&b).p, "abcd018446744073709551615--7-x");
    assert_int_equal(b.n, strlen(b.p));
    sbuf_addc(&b, '\0');
    assert_int_equal(b.n, strlen("abcd018446744073709551615--7-x") + 1);
}

static void test_max_is_exact_and_error_sticks(void **state)
{
    SCOPED(sbuf) b = SBUF_MAX(5);

    (void)state;
    sbuf_adds(&b, "abc");
    sbuf_adds(&b, "de");
    assert_true(sbuf_ok(&b));
    sbuf_addc(&b, 'f');
    assert_false(sbuf_ok(&b));
    assert_string_equal(b.p, "abcde");
    sbuf_clear(&b);
    assert_true(sbuf_ok(&b));
    assert_string_equal(b.p, "");
    sbuf_adds(&b, "abc");
    sbuf_adds(&b, "def"); /* does not fit: nothing of it is added */
    sbuf_adds(&b, "x");   /* would fit, but the error sticks */
    assert_false(sbuf_ok(&b));
    assert_string_equal(b.p, "abc");
    sbuf_addf(&b, "%s", "");
    sbuf_add_u64(&b, 1);
    assert_null(sbuf_room(&b, 0));
    assert_int_equal(b.n, 3);
}

static void test_nothing_fits_into_nothing(void **state)
{
    SCOPED(sbuf) b = SBUF_MAX(0);

    (void)state;
    sbuf_adds(&b, "");
    assert_true(sbuf_ok(&b));
    assert_string_equal(b.p, "");
    sbuf_addc(&b, 'x');
    assert_false(sbuf_ok(&b));
}

static void test_any_max(void **state)
{
    SCOPED(sbuf) b = SBUF_MAX(SIZE_MAX);

    (void)state;
    sbuf_adds(&b, "abc");
    assert_true(sbuf_ok(&b));
    assert_null(sbuf_room(&b, SIZE_MAX - 2)); /* would wrap */
    assert_false(sbuf_ok(&b));
    sbuf_clear(&b);
    assert_null(sbuf_room(&b, SIZE_MAX / 2 + 1));
}

static void test_room_and_grew(void **state)
{
    SCOPED(sbuf) b = SBUF_MAX(100);
    char *p = sbuf_room(&b, 50);

    (void)state;
    assert_non_null(p);
    assert_string_equal(b.p, ""); /* NUL-ended though nothing was written */
    memset(p, 'a', 50);
    sbuf_grew(&b, 10);
    assert_int_equal(strlen(b.p), 10);
    assert_non_null(sbuf_room(&b, 90));
    assert_string_equal(b.p, "aaaaaaaaaa");
    assert_null(sbuf_room(&b, 91));
}

static void test_format(void **state)
{
    SCOPED(sbuf) b = SBUF_MAX(10);

    (void)state;
    sbuf_addf(&b, "%s", "0123456789");
    assert_true(sbuf_ok(&b));
    sbuf_clear(&b);
    sbuf_addf(&b, "%s", "0123456789X");
    assert_false(sbuf_ok(&b));
    assert_string_equal(b.p, "");
}

static void test_take(void **state)
{
    struct sbuf b = SBUF_MAX(10);

    (void)state;
    assert_null(sbuf_take(&b));
    sbuf_adds(&b, "abc");
    char *p = sbuf_take(&b);
    assert_string_equal(p, "abc");
    free(p);
    assert_int_equal(b.n, 0);
    assert_null(b.p);
    sbuf_adds(&b, "0123456789"); /* it still knows its maximum */
    assert_true(sbuf_ok(&b));
    sbuf_addc(&b, 'x');
    assert_null(sbuf_take(&b)); /* failed */
    assert_true(sbuf_ok(&b));
    sbuf_adds(&b, "");
    assert_null(sbuf_take(&b)); /* empty */
    sbuf_adds(&b, "abc");
    sbuf_clear(&b);
    assert_null(sbuf_take(&b));
    sbuf_drop(&b);
    sbuf_drop(&b);
    assert_int_equal(b.max, 10);
}

/* Lent memory is used first, never freed, never written past; the text moves when it is full. */
static void test_lent(void **state)
{
    char memory[9] = "\0.......";
    struct sbuf b = SBUF_LENT(memory, 8, 20);

    (void)state;
    assert_string_equal(sbuf_slice(&b).p, "");
    sbuf_adds(&b, "abcdefg");
    assert_ptr_equal(b.p, memory);
    assert_string_equal(memory, "abcdefg");
    sbuf_adds(&b, "hijklmnopqrst");
    assert_true(sbuf_ok(&b));
    assert_ptr_not_equal(b.p, memory);
    assert_string_equal(b.p, "abcdefghijklmnopqrst");
    assert_string_equal(memory, "abcdefg");
    sbuf_addc(&b, 'u');
    assert_false(sbuf_ok(&b));
    sbuf_drop(&b);

    b = SBUF_LENT(memory, 8, 20);
    memory[0] = '\0';
    sbuf_adds(&b, "x");
    sbuf_drop(&b); /* frees nothing */
    assert_string_equal(memory, "x");
    assert_null(b.p);

    b = SBUF_LENT(memory, 8, 3); /* more memory than it may use */
    memory[0] = '\0';
    sbuf_adds(&b, "abcd");
    assert_false(sbuf_ok(&b));
    sbuf_clear(&b);
    sbuf_adds(&b, "abc");
    assert_true(sbuf_ok(&b));
    char *own = sbuf_take(&b);
    assert_ptr_not_equal(own, memory);
    assert_string_equal(own, "abc");
    free(own);

    b = SBUF_LENT(NULL, 0, 3);
    sbuf_adds(&b, "abc");
    assert_string_equal(b.p, "abc");
    sbuf_drop(&b);
}

static void test_integers(void **state)
{
    SCOPED(sbuf) b = SBUF_MAX(100);

    (void)state;
    sbuf_add_i64(&b, 0);
    sbuf_addc(&b, ' ');
    sbuf_add_i64(&b, -7);
    sbuf_addc(&b, ' ');
    sbuf_add_i64(&b, INT64_MAX);
    sbuf_addc(&b, ' ');
    sbuf_add_i64(&b, INT64_MIN);
    assert_string_equal(b.p, "0 -7 9223372036854775807 -9223372036854775808");
}

static void test_grows_over_many_pieces(void **state)
{
    SCOPED(sbuf) b = SBUF_MAX(100000);

    (void)state;
    for (int i = 0; i < 100000; i++)
        sbuf_addc(&b, (char)('a' + i % 26));
    assert_true(sbuf_ok(&b));
    for (size_t i = 0; i < 100000; i++)
        assert_int_equal(b.p[i], 'a' + i % 26);
    assert_true(b.cap <= 100001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_max_is_exact_and_error_sticks),
        cmocka_unit_test(test_nothing_fits_into_nothing),
        cmocka_unit_test(test_any_max),
        cmocka_unit_test(test_room_and_grew),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_lent),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_grows_over_many_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
