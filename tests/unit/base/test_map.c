/* map: SipHash's own vector, and the map against a plain array under many changes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "base/map.h"
#include <stdio.h>

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF", appendix A: key 00..0f, input 00..0e. */
static void test_siphash(void **state)
{
    static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
    static const struct {
        size_t n;
        uint64_t hash;
    } vectors[] = { /* others of the reference implementation's list: input 00..n-1 */
                    { 15, 0xa129ca6149be45e5 }, { 0, 0x726fdb47dd0e0e31 }, { 1, 0x74f839c593dc67fd },
                    { 7, 0xab0200f58b01d137 },  { 8, 0x93f5f5799a932462 }, { 9, 0x9e0082df0ba9e4b0 },
                    { 16, 0x3f2acc7f57c29bdb }, { 63, 0x958a324ceb064572 }
    };
    unsigned char input[64];

    (void)state;
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (unsigned char)i;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        assert_true(siphash24(key, slice_from(input, vectors[i].n)) == vectors[i].hash);
}

static void test_basics(void **state)
{
    struct map *m = map_new();
    int one = 1, two = 2;

    (void)state;
    assert_null(map_get(m, S("a")));
    assert_null(map_remove(m, S("a")));
    assert_true(map_put(m, S("a"), &one));
    assert_ptr_equal(map_get(m, S("a")), &one);
    assert_true(map_put(m, S("a"), &two));
    assert_ptr_equal(map_get(m, S("a")), &two);
    assert_int_equal(map_count(m), 1);
    assert_null(map_get(m, S("A")));
    assert_null(map_get(m, S("a\0")));
    assert_true(map_put(m, S("a\0"), &one));
    assert_true(map_put(m, S(""), &one));
    assert_ptr_equal(map_get(m, SLICE_NONE), &one);
    assert_int_equal(map_count(m), 3);
    assert_ptr_equal(map_remove(m, S("a")), &two);
    assert_null(map_get(m, S("a")));
    assert_ptr_equal(map_get(m, S("a\0")), &one);
    map_free(&m);
    assert_null(m);
    map_free(&m);
}

static void test_keys_are_copied(void **state)
{
    struct map *m = map_new();
    char key[4] = "abc";

    (void)state;
    assert_true(map_put(m, slice_of(key), key));
    key[0] = 'x';
    assert_non_null(map_get(m, S("abc")));
    assert_null(map_get(m, S("xbc")));
    map_free(&m);
}

enum { KEYS = 3000 };

static struct slice key_of(size_t i, char *room)
{
    return slice_from(room, (size_t)snprintf(room, 32, "key-%zu", i));
}

static void assert_same(const struct map *m, const unsigned char *has, char *values)
{
    struct slice key;
    void *value;
    char room[32];
    size_t count = 0, walked = 0, at = 0;

    for (size_t i = 0; i < KEYS; i++) {
        count += has[i];
        assert_ptr_equal(map_get(m, key_of(i, room)), has[i] ? values + i : NULL);
    }
    assert_int_equal(map_count(m), count);
    while (map_next(m, &at, &key, &value)) {
        size_t i = (size_t)((char *)value - values);
        assert_true(i < KEYS && has[i] && slice_eq(key, key_of(i, room)));
        walked++;
    }
    assert_int_equal(walked, count);
}

static void test_against_an_array(void **state)
{
    static unsigned char has[KEYS];
    static char values[KEYS];
    struct map *m = map_new();
    char room[32];
    uint32_t draw = 1;

    (void)state;
    assert_same(m, has, values);
    for (size_t round = 0; round < 20000; round++) {
        draw = draw * 1664525 + 1013904223;
        size_t i = (draw >> 8) % KEYS;
        bool put = (draw >> 4 & 15) < (round < 10000 ? 12 : 4);
        if (put)
            assert_true(map_put(m, key_of(i, room), values + i));
        else
            assert_ptr_equal(map_remove(m, key_of(i, room)), has[i] ? values + i : NULL);
        has[i] = put;
        if (round % 2500 == 0)
            assert_same(m, has, values);
    }
    assert_same(m, has, values);
    map_free(&m);
}

/* Two maps do not share a seed: the order of their walks differs (by chance equal once in 100! cases). */
static void test_seeds_differ(void **state)
{
    struct map *a = map_new(), *b = map_new();
    struct slice key_a, key_b;
    size_t at_a = 0, at_b = 0, same = 0;
    void *value;
    char room[32];

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        assert_true(map_put(a, key_of(i, room), room));
        assert_true(map_put(b, key_of(i, room), room));
    }
    while (map_next(a, &at_a, &key_a, &value) && map_next(b, &at_b, &key_b, &value))
        same += slice_eq(key_a, key_b);
    assert_true(same < 100);
    map_free(&a);
    map_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash),         cmocka_unit_test(test_basics),
        cmocka_unit_test(test_keys_are_copied), cmocka_unit_test(test_against_an_array),
        cmocka_unit_test(test_seeds_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
