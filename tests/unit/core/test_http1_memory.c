/*
 * The framing reader when memory runs out: each allocation of each scenario fails once. The reader and its buffers are
 * compiled into this test with allocators that count and fail on demand.
 */
#include <stdbool.h>
#include <stdlib.h>

static unsigned allocations, failing; /* the number of the one that fails; 0: none */

static bool fails_now(void)
{
    return ++allocations == failing;
}

static void *test_calloc(size_t n, size_t size)
{
    return fails_now() ? NULL : calloc(n, size);
}

static void *test_realloc(void *p, size_t n)
{
    return fails_now() ? NULL : realloc(p, n);
}

#define calloc  test_calloc
#define realloc test_realloc
#include "../../../src/base/sbuf.c"
#include "../../../src/core/http1.c"
#include "../../../src/core/http1_head.c"
#include "../../../src/core/http1_body.c"
#undef calloc
#undef realloc

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define FILLER16 "0123456789abcdef"
#define FILLER256                                                                                            \
    FILLER16 FILLER16 FILLER16 FILLER16 FILLER16 FILLER16 FILLER16 FILLER16 FILLER16 FILLER16 FILLER16       \
        FILLER16 FILLER16 FILLER16 FILLER16 FILLER16

static const struct {
    const char *name;
    enum http1_kind kind;
    struct slice raw;
    unsigned allocations; /* with the reader's own */
} scenarios[] = {
    { "no body", HTTP1_REQUESTS, S_INIT("GET /x HTTP/1.1\r\nHost: a\r\n\r\n"), 3 },
    { "body by length", HTTP1_REQUESTS,
      S_INIT("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 256\r\n\r\n" FILLER256), 4 },
    { "one chunk", HTTP1_ANSWERS,
      S_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n" FILLER256 "\r\n0\r\n\r\n"), 4 },
    { "long head", HTTP1_REQUESTS,
      S_INIT("GET /x HTTP/1.1\r\nHost: a\r\nA: " FILLER256 "\r\nB: " FILLER256 "\r\nC: " FILLER256
             "\r\nD: " FILLER256 "\r\n\r\n"),
      4 },
    { "two messages", HTTP1_REQUESTS,
      S_INIT("GET /x HTTP/1.1\r\nHost: a\r\n\r\nPUT /y HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na"),
      6 },
    { "1xx first", HTTP1_ANSWERS,
      S_INIT("HTTP/1.1 103 x\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 204 x\r\n\r\n"), 3 },
};
#define SCENARIO_COUNT (sizeof scenarios / sizeof scenarios[0])

/* The last event; HTTP1_VIOLATED also when there is no reader at all. */
static enum http1_event play(size_t scenario, unsigned failing_one, enum http1_violation *out_violation)
{
    struct slice in = scenarios[scenario].raw;
    enum http1_event event = HTTP1_MORE;

    allocations = 0;
    failing = failing_one;
    *out_violation = HTTP1_BAD_NO_MEMORY;
    struct http1_reader *r = http1_reader_new(scenarios[scenario].kind, 1024);
    if (!r)
        return HTTP1_VIOLATED;
    do {
        event = http1_reader_feed(r, &in);
        if (event == HTTP1_COMPLETE) {
            struct http1_msg *m = http1_reader_take(r);
            http1_msg_free(&m);
        }
    } while (event == HTTP1_HEAD || event == HTTP1_COMPLETE);
    *out_violation = http1_reader_violation(r);
    http1_reader_free(&r);
    return event;
}

static void test_each_allocation_fails(void **state)
{
    enum http1_violation v;

    (void)state;
    for (size_t i = 0; i < SCENARIO_COUNT; i++) {
        assert_int_equal(play(i, 0, &v), HTTP1_MORE);
        assert_int_equal(v, HTTP1_OK);
        unsigned count = allocations;
        for (unsigned n = 1; n <= count; n++) {
            assert_int_equal(play(i, n, &v), HTTP1_VIOLATED);
            assert_int_equal(v, HTTP1_BAD_NO_MEMORY);
        }
        assert_int_equal(play(i, count + 1, &v), HTTP1_MORE);
    }
}

/* A message costs its struct, its head and its body; nothing for each header or chunk. */
static void test_allocations(void **state)
{
    enum http1_violation v;

    (void)state;
    for (size_t i = 0; i < SCENARIO_COUNT; i++) {
        play(i, 0, &v);
        if (allocations != scenarios[i].allocations)
            fail_msg("%s: %u allocations, not %u", scenarios[i].name, allocations, scenarios[i].allocations);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
