/* slice: comparisons, cutting and splitting, with empty and missing text. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "base/slice.h"

static void test_make(void **state)
{
    (void)state;
    assert_int_equal(S("").n, 0);
    assert_int_equal(S("a\0b").n, 3);
    assert_int_equal(slice_of("abc").n, 3);
    assert_int_equal(slice_of(NULL).n, 0);
    assert_null(slice_of(NULL).p);
    assert_true(slice_is_empty(SLICE_NONE));
    assert_false(slice_is_empty(S(" ")));
}

static void test_eq(void **state)
{
    (void)state;
    assert_true(slice_eq(S("abc"), S("abc")));
    assert_false(slice_eq(S("abc"), S("abd")));
    assert_false(slice_eq(S("abc"), S("ab")));
    assert_false(slice_eq(S("abc"), S("ABC")));
    assert_false(slice_eq(S("a\0b"), S("a\0c")));
    assert_true(slice_eq(S(""), SLICE_NONE));
    assert_true(slice_eq(SLICE_NONE, SLICE_NONE));
}

static void test_nocase_folds_ascii_only(void **state)
{
    (void)state;
    assert_true(slice_eq_nocase(S("aZ09-_"), S("Az09-_")));
    assert_false(slice_eq_nocase(S("a"), S("b")));
    assert_false(slice_eq_nocase(S("a"), S("aa")));
    /* neighbours of the letters in the table, and bytes that differ by 0x20 only */
    assert_false(slice_eq_nocase(S("@"), S("`")));
    assert_false(slice_eq_nocase(S("["), S("{")));
    assert_false(slice_eq_nocase(S("\xc3\x89"), S("\xc3\xa9")));
    assert_false(slice_eq_nocase(S("\x01"), S("!")));
    assert_true(slice_starts_nocase(S("X-Acs-Action"), S("x-acs-")));
    assert_false(slice_starts_nocase(S("x-ac"), S("x-acs-")));
}

static void test_starts_ends(void **state)
{
    (void)state;
    assert_true(slice_starts(S("abc"), S("ab")));
    assert_true(slice_starts(S("abc"), S("")));
    assert_true(slice_starts(SLICE_NONE, SLICE_NONE));
    assert_false(slice_starts(S("ab"), S("abc")));
    assert_false(slice_starts(S("Abc"), S("ab")));
    assert_true(slice_ends(S("abc"), S("bc")));
    assert_true(slice_ends(S("abc"), S("abc")));
    assert_true(slice_ends(S("abc"), S("")));
    assert_false(slice_ends(S("bc"), S("abc")));
    assert_false(slice_ends(S("abc"), S("bd")));
}

static void test_cmp(void **state)
{
    /* in order, each before all that follow */
    static const struct slice order[] = { S_INIT(""),   S_INIT("\0"),   S_INIT("A"),    S_INIT("AB"),
                                          S_INIT("B"),  S_INIT("_"),    S_INIT("a"),    S_INIT("a\0"),
                                          S_INIT("ab"), S_INIT("\x7f"), S_INIT("\x80"), S_INIT("\xff") };
    size_t n = sizeof order / sizeof order[0];

    (void)state;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            int c = slice_cmp(order[i], order[j]);
            assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
        }
}

static void test_skip_trim(void **state)
{
    (void)state;
    assert_true(slice_eq(slice_skip(S("abc"), 1), S("bc")));
    assert_true(slice_eq(slice_skip(S("abc"), 3), S("")));
    assert_true(slice_eq(slice_skip(S("abc"), 99), S("")));
    assert_null(slice_skip(SLICE_NONE, 1).p);
    assert_true(slice_eq(slice_trim(S(" \t a b\t ")), S("a b")));
    assert_true(slice_eq(slice_trim(S(" \t ")), S("")));
    assert_true(slice_eq(slice_trim(S("\n a\r")), S("\n a\r"))); /* only blanks go */
    assert_true(slice_eq(slice_trim(SLICE_NONE), S("")));
}

static void test_find(void **state)
{
    (void)state;
    assert_int_equal(slice_find(S("abcb"), 'b'), 1);
    assert_int_equal(slice_find(S("abc"), 'x'), 3);
    assert_int_equal(slice_find(S("a\0c"), 'c'), 2);
    assert_int_equal(slice_find(S("a\0c"), '\0'), 1);
    assert_int_equal(slice_find(SLICE_NONE, 'a'), 0);
    assert_true(slice_has(S("abc"), 'c'));
    assert_false(slice_has(slice_from("abc", 2), 'c'));
}

static void assert_splits(const char *text, const char *const *parts, size_t count)
{
    struct slice rest = slice_of(text), part;

    for (size_t i = 0; i < count; i++) {
        assert_true(slice_split(&rest, ',', &part));
        assert_true(slice_eq(part, slice_of(parts[i])));
    }
    assert_false(slice_split(&rest, ',', &part));
}

static void test_split(void **state)
{
    struct slice none = SLICE_NONE, part;

    (void)state;
    assert_splits("a,,b", (const char *const[]){ "a", "", "b" }, 3);
    assert_splits("", (const char *const[]){ "" }, 1);
    assert_splits("abc", (const char *const[]){ "abc" }, 1);
    assert_splits(",", (const char *const[]){ "", "" }, 2);
    assert_splits("a,", (const char *const[]){ "a", "" }, 2);
    assert_splits(",a", (const char *const[]){ "", "a" }, 2);
    assert_false(slice_split(&none, ',', &part));
}

/* All 256 bytes against the ranges of ASCII. */
static void test_classes(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        char c = (char)i;
        bool digit = i >= 0x30 && i <= 0x39, upper = i >= 0x41 && i <= 0x5a, lower = i >= 0x61 && i <= 0x7a;
        assert_int_equal(ascii_is_digit(c), digit);
        assert_int_equal(ascii_is_alpha(c), upper || lower);
        assert_int_equal(ascii_is_alnum(c), digit || upper || lower);
        assert_int_equal((unsigned char)ascii_lower(c), upper ? i + 0x20 : i);
    }
}

static void test_take(void **state)
{
    struct slice rest = S("key=value;"), part;

    (void)state;
    assert_false(slice_take(&rest, S("value")));
    assert_true(slice_eq(rest, S("key=value;")));
    assert_true(slice_take_until(&rest, '=', &part));
    assert_true(slice_eq(part, S("key")) && slice_eq(rest, S("=value;")));
    assert_true(slice_take(&rest, S("=")));
    assert_false(slice_take_until(&rest, '!', &part));
    assert_true(slice_take_until(&rest, 'v', &part));
    assert_int_equal(part.n, 0);
    assert_true(slice_take(&rest, S("value;")));
    assert_false(slice_take(&rest, S("x")));
    assert_true(slice_take(&rest, S("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take),        cmocka_unit_test(test_make),
        cmocka_unit_test(test_eq),          cmocka_unit_test(test_nocase_folds_ascii_only),
        cmocka_unit_test(test_starts_ends), cmocka_unit_test(test_cmp),
        cmocka_unit_test(test_skip_trim),   cmocka_unit_test(test_find),
        cmocka_unit_test(test_split),       cmocka_unit_test(test_classes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
