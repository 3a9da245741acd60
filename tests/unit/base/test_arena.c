/* arena: alignment, zeroes, the maximum and its lasting failure. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "base/arena.h"
#include <stdalign.h>

static void test_pieces_do_not_overlap(void **state)
{
    struct arena *a = arena_new(4 * 1024 * 1024);
    unsigned char *pieces[2000];

    (void)state;
    for (size_t i = 0; i < 2000; i++) {
        size_t n = i * 7 % 900 + 1;
        pieces[i] = arena_alloc(a, n);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)(i & 0xff), n);
    }
    for (size_t i = 0; i < 2000; i++)
        for (size_t k = 0; k < i * 7 % 900 + 1; k++)
            assert_int_equal(pieces[i][k], i & 0xff);
    assert_false(arena_failed(a));
    arena_free(&a);
    assert_null(a);
    arena_free(&a);
}

static void test_large_piece(void **state)
{
    struct arena *a = arena_new(10 * 1024 * 1024);
    char *p = arena_alloc(a, 5 * 1024 * 1024);

    (void)state;
    assert_non_null(p);
    p[5 * 1024 * 1024 - 1] = 1;
    assert_non_null(arena_alloc(a, 1));
    arena_free(&a);
}

static void test_max_and_lasting_failure(void **state)
{
    struct arena *a = arena_new(100);

    (void)state;
    assert_non_null(arena_alloc(a, 60));
    assert_non_null(arena_alloc(a, 40));
    assert_false(arena_failed(a));
    assert_null(arena_alloc(a, 1));
    assert_true(arena_failed(a));
    arena_free(&a);
    a = arena_new(100);
    assert_null(arena_alloc(a, 101));
    assert_null(arena_alloc(a, 1)); /* once failed, always */
    assert_null(arena_str(a, S("x")));
    assert_null(arena_dup(a, S("x")).p);
    assert_null(arena_printf(a, "x"));
    arena_free(&a);
}

static void test_sizes_that_wrap(void **state)
{
    struct arena *a = arena_new(SIZE_MAX);

    (void)state;
    assert_null(arena_array(a, SIZE_MAX / 2, 3));
    assert_true(arena_failed(a));
    arena_free(&a);
    a = arena_new(SIZE_MAX);
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_true(arena_failed(a));
    arena_free(&a);
    a = arena_new(SIZE_MAX);
    assert_null(arena_alloc(a, SIZE_MAX - 8));
    arena_free(&a);
    a = arena_new(SIZE_MAX);
    assert_null(arena_dup(a, slice_from("x", SIZE_MAX)).p);
    arena_free(&a);
}

static void test_texts(void **state)
{
    struct arena *a = arena_new(10000);
    struct slice copy = arena_dup(a, S("a\0b"));

    (void)state;
    assert_true(slice_eq(copy, S("a\0b")));
    assert_int_equal(copy.p[3], '\0');
    assert_string_equal(arena_str(a, slice_from("abcdef", 3)), "abc");
    assert_string_equal(arena_str(a, SLICE_NONE), "");
    assert_string_equal(arena_printf(a, "%s-%05d", "x", 42), "x-00042");
    assert_string_equal(arena_printf(a, "%s", ""), "");
    int *numbers = ARENA_ARRAY(a, int, 10);
    assert_int_equal(numbers[9], 0);
    assert_non_null(ARENA_ARRAY(a, int, 0));
    struct slice *one = ARENA_NEW(a, struct slice);
    assert_null(one->p);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_do_not_overlap),
        cmocka_unit_test(test_large_piece),
        cmocka_unit_test(test_max_and_lasting_failure),
        cmocka_unit_test(test_sizes_that_wrap),
        cmocka_unit_test(test_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
