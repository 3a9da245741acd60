/* num: what is a number and what is not, at the edges of 64 bits. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "base/num.h"

static const struct {
    const char *text;
    uint64_t lo, hi;
    bool fine;
    uint64_t value;
} unsigneds[] = {
    { "0", 0, 10, true, 0 },
    { "7", 0, 10, true, 7 },
    { "10", 0, 10, true, 10 },
    { "11", 0, 10, false, 0 },
    { "4", 5, 10, false, 0 },
    { "18446744073709551615", 0, UINT64_MAX, true, UINT64_MAX },
    { "18446744073709551616", 0, UINT64_MAX, false, 0 },
    { "18446744073709551620", 0, UINT64_MAX, false, 0 },
    { "99999999999999999999", 0, UINT64_MAX, false, 0 },
    { "340282366920938463463374607431768211457", 0, UINT64_MAX, false, 0 }, /* 2^128 + 1 */
    { "", 0, 10, false, 0 },
    { "01", 0, 10, false, 0 },
    { "00", 0, 10, false, 0 },
    { "+1", 0, 10, false, 0 },
    { "-1", 0, 10, false, 0 },
    { "-0", 0, 10, false, 0 },
    { " 1", 0, 10, false, 0 },
    { "1 ", 0, 10, false, 0 },
    { "1\n", 0, 10, false, 0 },
    { "1.0", 0, 10, false, 0 },
    { "1e0", 0, 10, false, 0 },
    { "0x1", 0, 10, false, 0 },
    { "1_0", 0, 100, false, 0 },
    { "1,0", 0, 100, false, 0 },
    { "\xef\xbc\x91", 0, 10, false, 0 }, /* full width one */
    { "a", 0, 10, false, 0 },
};

static void test_u64(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof unsigneds / sizeof unsigneds[0]; i++) {
        uint64_t value = 777;
        if (num_u64(slice_of(unsigneds[i].text), unsigneds[i].lo, unsigneds[i].hi, &value) !=
            unsigneds[i].fine)
            fail_msg("'%s'", unsigneds[i].text);
        assert_true(value == (unsigneds[i].fine ? unsigneds[i].value : 777));
    }
    uint64_t value = 777;
    assert_false(num_u64(S("1\0"), 0, 10, &value));
    assert_false(num_u64(SLICE_NONE, 0, 10, &value));
}

static const struct {
    const char *text;
    int64_t lo, hi;
    bool fine;
    int64_t value;
} signeds[] = {
    { "0", -10, 10, true, 0 },
    { "-10", -10, 10, true, -10 },
    { "-11", -10, 10, false, 0 },
    { "10", -10, 10, true, 10 },
    { "11", -10, 10, false, 0 },
    { "-0", -10, 10, false, 0 },
    { "--1", -10, 10, false, 0 },
    { "-", -10, 10, false, 0 },
    { "- 1", -10, 10, false, 0 },
    { "-01", -10, 10, false, 0 },
    { "+1", -10, 10, false, 0 },
    { "", -10, 10, false, 0 },
    { "9223372036854775807", INT64_MIN, INT64_MAX, true, INT64_MAX },
    { "9223372036854775808", INT64_MIN, INT64_MAX, false, 0 },
    { "-9223372036854775807", INT64_MIN, INT64_MAX, true, -INT64_MAX },
    { "-9223372036854775808", INT64_MIN, INT64_MAX, true, INT64_MIN },
    { "-9223372036854775809", INT64_MIN, INT64_MAX, false, 0 },
    { "-18446744073709551615", INT64_MIN, INT64_MAX, false, 0 },
};

static void test_i64(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof signeds / sizeof signeds[0]; i++) {
        int64_t value = 777;
        if (num_i64(slice_of(signeds[i].text), signeds[i].lo, signeds[i].hi, &value) != signeds[i].fine)
            fail_msg("'%s'", signeds[i].text);
        assert_true(value == (signeds[i].fine ? signeds[i].value : 777));
    }
}

static const struct {
    const char *text;
    bool fine;
    uint64_t value;
} durations[] = {
    { "500ms", true, 500 },
    { "0ms", true, 0 },
    { "30s", true, 30000 },
    { "2m", true, 120000 },
    { "1h", true, 3600000 },
    { "1d", true, 86400000 },
    { "18446744073709551615ms", true, UINT64_MAX },
    { "18446744073709552s", false, 0 },
    { "213503982335d", false, 0 },
    { "213503982334d", true, 18446744073657600000U },
    { "30", false, 0 },
    { "0", false, 0 },
    { "s", false, 0 },
    { "", false, 0 },
    { "30 s", false, 0 },
    { "30S", false, 0 },
    { "1.5s", false, 0 },
    { "-1s", false, 0 },
    { "030s", false, 0 },
    { "1s1s", false, 0 },
    { "1w", false, 0 },
    { "1mss", false, 0 },
}, sizes[] = {
    { "0", true, 0 },
    { "512", true, 512 },
    { "1k", true, 1024 },
    { "64m", true, 67108864 },
    { "2g", true, 2147483648 },
    { "17179869183g", true, 18446744072635809792U },
    { "17179869184g", false, 0 },
    { "1K", false, 0 },
    { "1kb", false, 0 },
    { "k", false, 0 },
    { "", false, 0 },
    { "1 k", false, 0 },
    { "01k", false, 0 },
    { "1t", false, 0 },
};

static void test_units(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        uint64_t value = 777;
        if (num_duration_ms(slice_of(durations[i].text), &value) != durations[i].fine)
            fail_msg("duration '%s'", durations[i].text);
        assert_true(value == (durations[i].fine ? durations[i].value : 777));
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t value = 777;
        if (num_size_bytes(slice_of(sizes[i].text), &value) != sizes[i].fine)
            fail_msg("size '%s'", sizes[i].text);
        assert_true(value == (sizes[i].fine ? sizes[i].value : 777));
    }
}

static void test_arithmetic(void **state)
{
    uint64_t out = 777;

    (void)state;
    assert_false(num_add(UINT64_MAX, 2, &out) || out != 777);
    assert_false(num_mul(UINT64_MAX, 2, &out) || out != 777);
    assert_true(num_add(UINT64_MAX - 1, 1, &out) && out == UINT64_MAX);
    assert_false(num_add(UINT64_MAX, 1, &out));
    assert_true(num_mul(UINT64_MAX / 3, 3, &out) && out == UINT64_MAX);
    assert_false(num_mul(UINT64_MAX / 3 + 1, 3, &out));
    assert_true(num_mul(0, UINT64_MAX, &out) && out == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u64),
        cmocka_unit_test(test_i64),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_arithmetic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
