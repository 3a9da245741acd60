/* The lenient parser: what it makes of odd requests, however they are cut into pieces. */
#include "unit.h"
#include "emulator/emu_http.h"

struct outcome {
    enum emu_http_event last;
    size_t used;
};

/* Feed text in pieces of `step` bytes until the request is over or the text is. */
static struct outcome feed(struct emu_http *h, struct slice text, size_t step)
{
    struct outcome o = { EMU_HTTP_MORE, 0 };
    size_t used;

    for (;;) {
        size_t left = text.n - o.used;
        struct slice piece = slice_from(text.p + o.used, left < step ? left : step);
        o.last = emu_http_feed(h, piece, &used);
        o.used += used;
        if (o.last == EMU_HTTP_DONE || o.last == EMU_HTTP_BROKEN)
            return o;
        if (o.last == EMU_HTTP_MORE && piece.n == 0)
            return o;
    }
}

static const struct {
    const char *name, *text;
    enum emu_http_event last;
    const char *method, *path, *body;
    size_t headers, beyond; /* bytes that must be left */
    const char *note;       /* NULL = no notes at all */
} cases[] = {
    { "plain", "GET /a HTTP/1.1\r\nHost: h\r\n\r\n", EMU_HTTP_DONE, "GET", "/a", "", 1, 0, NULL },
    { "body", "PUT /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", EMU_HTTP_DONE, "PUT", "/a",
      "abc", 2, 0, NULL },
    { "chunks",
      "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
      EMU_HTTP_DONE, "PUT", "/a", "abc", 2, 0, NULL },
    { "bare LF", "GET /a HTTP/1.1\nHost: h\n\n", EMU_HTTP_DONE, "GET", "/a", "", 1, 0,
      "bare LF in the head" },
    { "bytes beyond", "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b", EMU_HTTP_DONE, "GET", "/a", "", 1, 6,
      NULL },
    { "both lengths",
      "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\nTransfer-Encoding: "
      "chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
      EMU_HTTP_DONE, "PUT", "/a", "x", 3, 0, "content-length and transfer-encoding" },
    { "two lengths", "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      EMU_HTTP_DONE, "PUT", "/a", "a", 3, 1, "several content-lengths" },
    { "odd length", "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na", EMU_HTTP_DONE, "PUT", "/a",
      "a", 2, 0, "odd content-length" },
    { "odd coding", "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n0\r\n\r\n",
      EMU_HTTP_DONE, "PUT", "/a", "", 2, 0, "odd transfer-encoding" },
    { "extension", "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n",
      EMU_HTTP_DONE, "PUT", "/a", "x", 2, 0, "chunk extension or blanks: ;a=b" },
    { "trailer", "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
      EMU_HTTP_DONE, "PUT", "/a", "", 2, 0, "trailer: X: y" },
    { "chunk of nonsense", "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      EMU_HTTP_BROKEN, "PUT", "/a", "", 2, 0, "unreadable chunk size" },
    { "chunk too large",
      "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
      EMU_HTTP_BROKEN, "PUT", "/a", "", 2, 0, "unreadable chunk size" },
    { "chunk too short",
      "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n", EMU_HTTP_DONE,
      "PUT", "/a", "x", 2, 0, "bytes beyond the end of a chunk" },
    { "folded", "GET /a HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", EMU_HTTP_DONE, "GET", "/a", "", 2, 0,
      "folded header X" },
    { "blank before colon", "GET /a HTTP/1.1\r\nHost : h\r\n\r\n", EMU_HTTP_DONE, "GET", "/a", "", 1, 0,
      "blank around a header name" },
    { "no colon", "GET /a HTTP/1.1\r\nHost: h\r\nnonsense\r\n\r\n", EMU_HTTP_DONE, "GET", "/a", "", 2, 0,
      "header without colon" },
    { "repeated", "GET /a HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\n\r\n", EMU_HTTP_DONE, "GET", "/a", "", 3,
      0, "repeated header x-a" },
    { "method", "gET /a HTTP/1.1\r\nHost: h\r\n\r\n", EMU_HTTP_DONE, "gET", "/a", "", 1, 0, "odd method" },
    { "version", "GET /a HTTP/1.0\r\nHost: h\r\n\r\n", EMU_HTTP_DONE, "GET", "/a", "", 1, 0,
      "version HTTP/1.0" },
    { "no version", "GET /a\r\nHost: h\r\n\r\n", EMU_HTTP_DONE, "GET", "/a", "", 1, 0, "no version" },
    { "absolute", "GET https://h/a HTTP/1.1\r\nHost: h\r\n\r\n", EMU_HTTP_DONE, "GET", "/a", "", 1, 0,
      "absolute target" },
    { "empty lines first", "\r\n\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n", EMU_HTTP_DONE, "GET", "/a", "", 1, 0,
      "empty line before the request" },
    { "no host", "GET /a HTTP/1.1\r\n\r\n", EMU_HTTP_DONE, "GET", "/a", "", 0, 0, "no host" },
    { "control", "GET /a HTTP/1.1\r\nHost: h\x01\r\n\r\n", EMU_HTTP_DONE, "GET", "/a", "", 1, 0,
      "control byte in the head" },
    { "bare CR", "GET /a HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", EMU_HTTP_DONE, "GET", "/a", "", 1, 0,
      "bare CR in the head" },
    { "high", "GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n", EMU_HTTP_DONE, "GET", "/\xc3\xa4", "", 1, 0,
      "above 0x7f" },
    { "body with GET", "GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", EMU_HTTP_DONE, "GET", "/a",
      "x", 2, 0, "body with GET" },
    { "unfinished head", "GET /a HTTP/1.1\r\nHos", EMU_HTTP_MORE, "", "", "", 0, 0, NULL },
    { "unfinished body", "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab", EMU_HTTP_MORE, "PUT",
      "/a", "ab", 2, 0, NULL },
    { "garbage", "\x16\x03\x01 \r\n\r\n", EMU_HTTP_DONE, "\x16\x03\x01", "", "", 0, 0, "odd method" },
};

static void reads_anything_in_any_pieces(void **state)
{
    static const size_t steps[] = { 1, 2, 3, 7, 100000 };
    struct emu_http *h = emu_http_new();

    (void)state;
    assert_non_null(h);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
            struct slice text = slice_of(cases[i].text);
            struct outcome o = feed(h, text, steps[s]);
            struct emu_request *r = emu_http_request(h);
            if (o.last != cases[i].last || text.n - o.used != cases[i].beyond)
                fail_msg("%s in steps of %zu: event %d, %zu bytes left", cases[i].name, steps[s], (int)o.last,
                         text.n - o.used);
            assert_true(slice_eq(r->method, slice_of(cases[i].method)));
            assert_true(slice_eq(r->path, slice_of(cases[i].path)));
            assert_true(slice_eq(sbuf_slice(&r->body), slice_of(cases[i].body)));
            assert_int_equal(r->header_count, cases[i].headers);
            assert_int_equal(r->complete, o.last == EMU_HTTP_DONE);
            if (cases[i].note ? !has_text(sbuf_slice(&r->notes), cases[i].note) : r->notes.n > 0)
                fail_msg("%s in steps of %zu: notes are %s", cases[i].name, steps[s],
                         r->notes.p ? r->notes.p : "");
            emu_http_next(h);
        }
    emu_http_free(&h);
}

static void keeps_the_raw_head(void **state)
{
    struct slice text = S("GET /a?b=%20c HTTP/1.1\r\nHost:  h \r\nX-Y:\t1\r\n\r\nrest");
    struct emu_http *h = emu_http_new();

    (void)state;
    assert_non_null(h);
    assert_int_equal(feed(h, text, text.n).last, EMU_HTTP_DONE);
    struct emu_request *r = emu_http_request(h);
    assert_true(slice_eq(sbuf_slice(&r->head), slice_from(text.p, text.n - 4)));
    assert_true(slice_eq(r->target, S("/a?b=%20c")));
    assert_true(slice_eq(r->query, S("b=%20c")));
    assert_true(slice_eq(r->headers[0].value, S("h")));
    assert_true(slice_eq(r->headers[1].name, S("X-Y")));
    assert_true(r->keep_alive);
    emu_http_free(&h);
}

static void stops_at_its_limits(void **state)
{
    struct emu_http *h = emu_http_new();
    SCOPED(sbuf) text = SBUF_MAX(EMU_HEAD_MAX + 4096U);

    (void)state;
    assert_non_null(h);
    sbuf_adds(&text, "GET / HTTP/1.1\r\n");
    while (text.n <= EMU_HEAD_MAX)
        sbuf_adds(&text, "X-Padding: 0123456789012345678901234567890123456789\r\n");
    assert_int_equal(feed(h, sbuf_slice(&text), 65536).last, EMU_HTTP_BROKEN);
    emu_http_next(h);
    assert_int_equal(feed(h, S("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), 100).last, EMU_HTTP_DONE);
    emu_http_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_anything_in_any_pieces),
        cmocka_unit_test(keeps_the_raw_head),
        cmocka_unit_test(stops_at_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
