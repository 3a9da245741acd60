/* log: the form of a line, escaping, what is cut, levels, and the limit of repeated lines. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "base/log.h"
#include "base/enc.h"
#include <string.h>
#include <unistd.h>

#define TIME_BYTES 24 /* 2026-11-23T15:27:57.123Z */

static int ends[2];

static int open_pipe(void **state)
{
    (void)state;
    log_set_level(LOG_INFO);
    if (pipe(ends) != 0)
        return -1;
    log_set_fd(ends[1]);
    return 0;
}

static int close_pipe(void **state)
{
    (void)state;
    log_set_fd(2);
    log_set_level(LOG_INFO);
    close(ends[0]);
    return close(ends[1]);
}

/* What was logged since the last call, without the time of the first line; checks that this is a time. */
static const char *logged(void)
{
    static char text[20000];
    int64_t wall_ms;

    if (write(ends[1], "", 1) != 1) /* so that read does not wait when nothing was logged */
        return "";
    ssize_t n = read(ends[0], text, sizeof text - 1);
    assert_true(n > 0);
    if (n == 1)
        return "";
    assert_true(enc_untime_utc(slice_from(text, TIME_BYTES), &wall_ms));
    assert_true(wall_ms > INT64_C(1700000000000));
    return text + TIME_BYTES;
}

static void test_form(void **state)
{
    (void)state;
    log_event(LOG_WARN, "audit", "cannot write", LOG_C("path", "/var/log/a-b_c.jsonl"), LOG_N("errno", -28),
              LOG_C("error", "No space left"));
    assert_string_equal(logged(), " warn audit: cannot write | path=/var/log/a-b_c.jsonl errno=-28 "
                                  "error=\"No space left\"\n");
    log_line(LOG_ERROR, "main", "ends");
    assert_string_equal(logged(), " error main: ends\n");
    log_event(LOG_INFO, "x", "most", LOG_N("most", INT64_MAX), LOG_N("least", INT64_MIN));
    assert_string_equal(logged(), " info x: most | most=9223372036854775807 least=-9223372036854775808\n");
}

/* A peer's bytes make no new line, no new field, no control character. */
static void test_escapes(void **state)
{
    static const struct {
        struct slice value;
        const char *shown;
    } cases[] = {
        { S_INIT("plain-1.2:3/4_5@6*7+8,9%"), "plain-1.2:3/4_5@6*7+8,9%" },
        { S_INIT(""), "\"\"" },
        { S_INIT("a\nb=c"), "\"a\\u000ab=c\"" },
        { S_INIT("a b"), "\"a b\"" },
        { S_INIT("a=b"), "\"a=b\"" },
        { S_INIT("a|b"), "\"a|b\"" },
        { S_INIT("a\"b\\c"), "\"a\\\"b\\\\c\"" },
        { S_INIT("\x1b[2J\r\0\x7f"), "\"\\u001b[2J\\u000d\\u0000\\u007f\"" },
        { S_INIT("\xe2\x80\xa8"), "\"\\u2028\"" },
        { S_INIT("\xff\xc0\xaf"), "\"\\ufffd\\ufffd\\ufffd\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[200];
        log_event(LOG_INFO, "a", "m", LOG_S("k", cases[i].value));
        snprintf(expected, sizeof expected, " info a: m | k=%s\n", cases[i].shown);
        assert_string_equal(logged(), expected);
    }
    log_event(LOG_INFO, "a", "m", LOG_S("k", SLICE_NONE));
    assert_string_equal(logged(), " info a: m | k=\"\"\n");
}

static void assert_one_cut_line(const char *text, size_t least, size_t most)
{
    size_t n = strlen(text);

    assert_in_range(n, least, most);
    assert_ptr_equal(strchr(text, '\n'), text + n - 1);
    assert_memory_equal(text + n - 4, "...\n", 4);
}

static void test_long_lines_are_cut(void **state)
{
    static char text[10000];

    (void)state;
    memset(text, 'a', sizeof text);
    log_event(LOG_INFO, "a", "m", LOG_S("k", slice_from(text, sizeof text)));
    assert_one_cut_line(logged(), 1024, 1060);
    log_event(LOG_INFO, "a", "m", LOG_S("k", slice_from(text, sizeof text)), LOG_N("next", 7));
    assert_non_null(strstr(logged(), "a... next=7\n")); /* what follows is still there */
    log_event(LOG_INFO, "a", "m", LOG_S("k", slice_from(text, 1024)));
    assert_null(strstr(logged(), "..."));
    memset(text, '\x01', sizeof text); /* six bytes each */
    log_event(LOG_INFO, "a", "m", LOG_S("k", slice_from(text, sizeof text)));
    assert_one_cut_line(logged(), 4000, 4096 - TIME_BYTES);
    memset(text, 'a', sizeof text);
    struct slice most = slice_from(text, 1024);
    log_event(LOG_INFO, "a", "m", LOG_S("k", most), LOG_S("k", most), LOG_S("k", most), LOG_S("k", most));
    assert_one_cut_line(logged(), 3000, 4096 - TIME_BYTES);
    log_line(LOG_INFO, "a", "next"); /* and the next line stands alone */
    assert_string_equal(logged(), " info a: next\n");
}

static void test_levels(void **state)
{
    static const char *const names[] = { "error", "warn", "info", "debug" };

    (void)state;
    for (int most = LOG_ERROR; most < LOG_LEVEL_COUNT_; most++) {
        log_set_level((enum log_level)most);
        for (int level = LOG_ERROR; level < LOG_LEVEL_COUNT_; level++) {
            assert_int_equal(log_is_on((enum log_level)level), level <= most);
            log_line((enum log_level)level, "a", "m");
            assert_int_equal(logged()[0] != '\0', level <= most);
        }
    }
    for (int level = LOG_ERROR; level < LOG_LEVEL_COUNT_; level++) {
        assert_string_equal(log_level_name((enum log_level)level), names[level - LOG_ERROR]);
        assert_int_equal(log_level_of(slice_of(names[level - LOG_ERROR])), level);
    }
    assert_int_equal(log_level_of(S("none")), LOG_LEVEL_NONE);
    assert_int_equal(log_level_of(S("Warn")), LOG_LEVEL_NONE);
    assert_int_equal(log_level_of(S("")), LOG_LEVEL_NONE);
    assert_int_equal(log_level_of(S("war")), LOG_LEVEL_NONE);
}

/* Nobody reads: lines are dropped, not waited for; the number is told once, before the first line that is taken again. */
static void test_full_pipe(void **state)
{
    static char text[1 << 20];
    unsigned taken = 0, told = 0;
    char number[32];

    (void)state;
    alarm(20); /* a write that waits would wait for ever */
    for (unsigned i = 0; i < 20000; i++)
        log_event(LOG_INFO, "a", "m", LOG_N("n", i));
    ssize_t n = read(ends[0], text, sizeof text - 1);
    assert_true(n > 0);
    for (ssize_t i = 0; i < n; i++)
        taken += text[i] == '\n';
    assert_in_range(taken, 100, 19999);
    snprintf(number, sizeof number, "n=%u\n", taken - 1); /* whole, and the last one that fitted */
    assert_string_equal(text + n - strlen(number), number);

    log_set_level(LOG_ERROR);
    log_line(LOG_INFO, "a", "off");
    assert_string_equal(logged(), "");
    log_line(LOG_ERROR, "a", "next");
    const char *both = logged();
    assert_int_equal(sscanf(both, " warn log: lines lost, they were not taken | lines=%u\n", &told), 1);
    assert_int_equal(told, 20000 - taken);
    assert_non_null(strstr(both, " error a: next\n"));
    log_line(LOG_ERROR, "a", "last");
    assert_string_equal(logged(), " error a: last\n");
    alarm(0);
}

static void test_limit(void **state)
{
    struct log_limit limit = { .period_ms = 1000 };
    uint64_t held = 99;

    (void)state;
    assert_true(log_limit_pass(&limit, 5000, &held));
    assert_int_equal(held, 0);
    assert_false(log_limit_pass(&limit, 5000, &held));
    assert_false(log_limit_pass(&limit, 5999, &held));
    assert_true(log_limit_pass(&limit, 6000, &held));
    assert_int_equal(held, 2);
    assert_false(log_limit_pass(&limit, 6001, &held));
    assert_true(log_limit_pass(&limit, 9000, &held));
    assert_int_equal(held, 1);
    assert_true(log_limit_pass(&limit, 10000, &held));
    assert_int_equal(held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_form, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_escapes, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_long_lines_are_cut, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_levels, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(test_full_pipe, open_pipe, close_pipe),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
