/* The heads of answers: which headers of EAS pass, and that no value can end its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "edge/answer.h"
#include <stdio.h>
#include <string.h>

/* RFC 9110, 5.6.7, gives this very date as its example. */
#define RFC_SECOND INT64_C(784111777)

static struct http1_msg *eas_answer(const char *text)
{
    struct http1_reader *r = http1_reader_new(HTTP1_ANSWERS, 1000);
    struct slice in = slice_of(text);

    assert_int_equal(http1_reader_feed(r, &in), HTTP1_HEAD);
    assert_int_equal(http1_reader_feed(r, &in), HTTP1_COMPLETE);
    struct http1_msg *m = http1_reader_take(r);
    http1_reader_free(&r);
    return m;
}

static void test_pass_list(void **state)
{
    (void)state;
    SCOPED(sbuf) out = SBUF_MAX(4096);
    struct answer_date date = { .second = 0 };
    struct http1_msg *m =
        eas_answer("HTTP/1.1 429 Too Many\r\nContent-Type: application/json;charset=utf-8\r\n"
                   "Set-Cookie: a=b\r\nServer: x\r\nAccess-Control-Allow-Origin: *\r\n"
                   "Retry-After: 7\r\nx-acs-retry-after: 8\r\nx-acs-trace-id: t\r\n"
                   "Location: http://evil/\r\nContent-Length: 2\r\n\r\n{}");
    struct answer a = { .status = 429,
                        .body = sbuf_slice(&m->body),
                        .request_id = S("EAS"),
                        .easgate_request_id = S("OWN"),
                        .upstream = m };

    answer_head(&a, true, &date, RFC_SECOND * 1000 + 999, &out);
    assert_true(sbuf_ok(&out));
    assert_string_equal(out.p, "HTTP/1.1 429 Too Many Requests\r\n"
                               "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                               "Content-Length: 2\r\n"
                               "Content-Type: application/json;charset=utf-8\r\n"
                               "Cache-Control: no-store\r\n"
                               "x-acs-request-id: EAS\r\n"
                               "x-easgate-request-id: OWN\r\n"
                               "Retry-After: 7\r\n"
                               "x-acs-retry-after: 8\r\n"
                               "Connection: close\r\n\r\n");
    sbuf_clear(&out);
    answer_head(&a, false, &date, RFC_SECOND * 1000 + 1000, &out);
    assert_non_null(strstr(out.p, "08:49:38 GMT"));
    assert_null(strstr(out.p, "Connection:"));
    http1_msg_free(&m);
}

static void test_no_value_ends_its_line(void **state)
{
    (void)state;
    SCOPED(sbuf) out = SBUF_MAX(4096);
    struct answer_date date = { .second = 0 };
    struct answer a = { .status = 200,
                        .content_type = S("a\r\nSet-Cookie: x"),
                        .request_id = S("a\nb"),
                        .easgate_request_id = S("a\0b"),
                        .from_easgate = true };

    answer_head(&a, false, &date, 0, &out);
    assert_string_equal(out.p,
                        "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n"
                        "Cache-Control: no-store\r\nx-easgate-answered: easgate\r\n\r\n");
}

/* Heads of EAS may be 16 KiB: values too long for ours are left out, each, and the answer goes out. */
static void test_long_values(void **state)
{
    static const char names[][24] = { "content-type", "retry-after", "x-acs-retry-after",
                                      "x-acs-request-id" };

    (void)state;
    for (size_t n = 255; n <= 9000; n = n < 257 ? n + 1 : n + 8743) {
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            SCOPED(sbuf) out = SBUF_MAX(ANSWER_HEAD_MAX);
            struct answer_date date = { .second = 0 };
            char value[9001], text[9200], line[9100];
            memset(value, 'a', n);
            value[n] = '\0';
            snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%s: %s\r\nContent-Length: 2\r\n\r\n{}", names[i],
                     value);
            struct http1_msg *m = eas_answer(text);
            struct answer a = { .status = 200,
                                .body = sbuf_slice(&m->body),
                                .request_id = http1_header_get(m, S("x-acs-request-id"), NULL),
                                .easgate_request_id = S("OWN"),
                                .upstream = m };
            answer_head(&a, true, &date, 0, &out);
            assert_true(sbuf_ok(&out));
            snprintf(line, sizeof line, ": %s\r\n", value);
            assert_int_equal(strstr(out.p, line) != NULL, n <= 256);
            assert_non_null(strstr(out.p, "Content-Length: 2\r\n"));
            assert_non_null(strstr(out.p, "x-easgate-request-id: OWN\r\n"));
            http1_msg_free(&m);
        }
    }
}

/* RFC 9110, 8.6: no Content-Length in a 204. */
static void test_no_content(void **state)
{
    (void)state;
    SCOPED(sbuf) out = SBUF_MAX(4096);
    struct answer_date date = { .second = 0 };
    struct answer a = { .status = 204, .content_type = S("application/json") };

    answer_head(&a, false, &date, 0, &out);
    assert_null(strstr(out.p, "Content-"));
    a.body = S("x"); /* it would be taken for the next answer */
    assert_int_equal(answer_body(&a).n, 0);
    a.status = 304;
    assert_int_equal(answer_body(&a).n, 0);
    a.status = 200;
    assert_int_equal(answer_body(&a).n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pass_list),
        cmocka_unit_test(test_no_value_ends_its_line),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_no_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
