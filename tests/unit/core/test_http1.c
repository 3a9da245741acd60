/*
 * The framing reader against tables of named requests and answers; each is fed whole, byte by byte, and cut in two at
 * every place, and must tell the same story each time. Fed pieces are copies of exactly their size, so that a sanitizer
 * sees a byte read past them.
 */
#include "core/http1.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define BODY_MAX 64
#define BODY64   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define GET      "GET /x HTTP/1.1\r\n"
#define POST     "POST /x HTTP/1.1\r\n"
#define HOST     "Host: a\r\n"
#define CHUNKED  "Transfer-Encoding: chunked\r\n"
#define END      "\r\n"
#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK       "HTTP/1.1 200 OK\r\n"
#define INTERIM  "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"

struct named_case {
    const char *name;
    struct slice raw;
    const char *expected;
};
#define CASE(name, raw, expected) { name, S_INIT(raw), expected },
static const struct named_case requests[] = {
#include "http1_requests.def"
};
static const struct named_case answers[] = {
#include "http1_answers.def"
};
#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* What a reader said: story as in the tables, details with every header. */
struct telling {
    struct http1_reader *reader;
    struct sbuf story, details;
    bool ended, in_message;
};

static struct telling telling_new(enum http1_kind kind)
{
    struct telling t = { .story = SBUF_MAX(1 << 20), .details = SBUF_MAX(1 << 20) };

    t.reader = http1_reader_new(kind, BODY_MAX);
    assert_non_null(t.reader);
    assert_true(http1_reader_is_idle(t.reader));
    assert_int_equal(http1_reader_held_bytes(t.reader), 0);
    return t;
}

static void telling_drop(struct telling *t)
{
    http1_reader_free(&t->reader);
    assert_null(t->reader);
    sbuf_drop(&t->story);
    sbuf_drop(&t->details);
}

static bool lies_within(struct slice part, const struct sbuf *whole)
{
    return part.p >= whole->p && part.p + part.n <= whole->p + whole->n;
}

static void tell_head(struct telling *t, const struct http1_msg *m)
{
    if (m->status)
        sbuf_addf(&t->story, "%d", m->status);
    else
        sbuf_addf(&t->story, "%s %.*s", http1_method_name(m->method), SLICE_FMT(m->target));
    sbuf_addf(&t->story, "%s%s%s", m->has_body ? "+body" : "", m->close ? "+close" : "",
              m->expect_continue ? "+expect" : "");
    for (size_t i = 0; i < m->header_count; i++) {
        assert_true(lies_within(m->headers[i].name, &m->head));
        assert_true(lies_within(m->headers[i].value, &m->head));
        sbuf_addf(&t->details, "[%.*s=%.*s]", SLICE_FMT(m->headers[i].name), SLICE_FMT(m->headers[i].value));
    }
    sbuf_add(&t->details, sbuf_slice(&m->head));
}

static void tell_body(struct telling *t)
{
    struct http1_msg *m = http1_reader_take(t->reader);

    assert_non_null(m);
    assert_null(http1_reader_take(t->reader));
    assert_null(http1_reader_msg(t->reader));
    assert_true(http1_reader_is_idle(t->reader));
    assert_int_equal(http1_reader_held_bytes(t->reader), 0);
    sbuf_addc(&t->story, '=');
    for (size_t i = 0; i < m->body.n; i++)
        sbuf_addc(&t->story, m->body.p[i] ? m->body.p[i] : '?');
    sbuf_addc(&t->story, ';');
    http1_msg_free(&m);
    assert_null(m);
}

static void tell_violation(struct telling *t, struct slice *in)
{
    enum http1_violation v = http1_reader_violation(t->reader);
    size_t before = in->n;

    assert_int_equal(http1_reader_feed(t->reader, in), HTTP1_VIOLATED);
    assert_int_equal(in->n, before);
    assert_int_equal(http1_reader_violation(t->reader), v);
    assert_false(http1_reader_is_idle(t->reader));
    assert_null(http1_reader_take(t->reader));
    sbuf_addf(&t->story, "!%s", http1_violation_name(v));
    t->ended = true;
}

static void feed(struct telling *t, struct slice piece)
{
    char *copy = malloc(piece.n ? piece.n : 1);
    struct slice in = { copy, piece.n };

    assert_non_null(copy);
    if (piece.n)
        memcpy(copy, piece.p, piece.n);
    while (!t->ended) {
        enum http1_event event = http1_reader_feed(t->reader, &in);
        if (event == HTTP1_MORE)
            break;
        if (event == HTTP1_HEAD)
            tell_head(t, http1_reader_msg(t->reader));
        else if (event == HTTP1_COMPLETE)
            tell_body(t);
        else
            tell_violation(t, &in);
    }
    if (!t->ended)
        assert_int_equal(in.n, 0);
    free(copy);
}

static void finish(struct telling *t)
{
    if (!t->ended && !http1_reader_is_idle(t->reader))
        sbuf_adds(&t->story, "...");
    assert_true(sbuf_ok(&t->story));
    assert_true(sbuf_ok(&t->details));
}

/* Feed raw in pieces: the first of `first` bytes, then each of `step`. */
static struct telling tell(enum http1_kind kind, struct slice raw, size_t first, size_t step)
{
    struct telling t = telling_new(kind);
    size_t n = first < raw.n ? first : raw.n;

    feed(&t, slice_from(raw.p, n));
    for (size_t at = n; at < raw.n; at += step)
        feed(&t, slice_from(raw.p + at, step < raw.n - at ? step : raw.n - at));
    finish(&t);
    return t;
}

static void check_same(const struct telling *whole, enum http1_kind kind, struct slice raw, size_t first,
                       size_t step)
{
    struct telling cut = tell(kind, raw, first, step);

    if (!slice_eq(sbuf_slice(&whole->story), sbuf_slice(&cut.story)) ||
        !slice_eq(sbuf_slice(&whole->details), sbuf_slice(&cut.details)))
        fail_msg("cut at %zu, then each %zu: \"%s\" where the whole gave \"%s\"", first, step, cut.story.p,
                 whole->story.p);
    telling_drop(&cut);
}

static void check_case(enum http1_kind kind, const struct named_case *c)
{
    struct telling whole = tell(kind, c->raw, c->raw.n, 1);

    if (!slice_eq(sbuf_slice(&whole.story), slice_of(c->expected)))
        fail_msg("%s: \"%s\" where \"%s\" is right", c->name, whole.story.p ? whole.story.p : "",
                 c->expected);
    for (size_t at = 0; at < c->raw.n; at++)
        check_same(&whole, kind, c->raw, at, c->raw.n);
    check_same(&whole, kind, c->raw, 1, 1);
    check_same(&whole, kind, c->raw, 1, 3);
    telling_drop(&whole);
}

static void test_requests(void **state)
{
    (void)state;
    assert_true(COUNT(requests) >= 150);
    for (size_t i = 0; i < COUNT(requests); i++)
        check_case(HTTP1_REQUESTS, &requests[i]);
}

static void test_answers(void **state)
{
    (void)state;
    assert_true(COUNT(answers) >= 50);
    for (size_t i = 0; i < COUNT(answers); i++)
        check_case(HTTP1_ANSWERS, &answers[i]);
}

/* ---- every byte in every place ---- */

#define ALNUM "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static bool is_taken(enum http1_kind kind, const char *before, char c, const char *after)
{
    struct sbuf raw = SBUF_MAX(1024);

    sbuf_adds(&raw, before);
    sbuf_addc(&raw, c);
    sbuf_adds(&raw, after);
    struct telling t = tell(kind, sbuf_slice(&raw), raw.n, 1);
    bool taken = !t.ended && http1_reader_is_idle(t.reader);
    telling_drop(&t);
    sbuf_drop(&raw);
    return taken;
}

static void test_bytes(void **state)
{
    static const struct {
        enum http1_kind kind;
        const char *before, *after, *allowed;
        bool high_allowed;
    } places[] = {
        /* RFC 9110 5.6.2 tchar; ':' ends the name. */
        { HTTP1_REQUESTS, GET HOST "X", "Y: a\r\n\r\n", ALNUM "!#$%&'*+-.^_`|~:", false },
        { HTTP1_REQUESTS, "GET", " /x HTTP/1.1\r\n" HOST END, "", false }, /* no longer a method of ours */
        { HTTP1_REQUESTS, "GET /a", "b HTTP/1.1\r\n" HOST END, ALNUM "-._~/?", false },
        { HTTP1_REQUESTS, "GET /?a", "b HTTP/1.1\r\n" HOST END, ALNUM "!\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
          false },
        { HTTP1_REQUESTS, GET "Host: a", "b\r\n\r\n", ALNUM ".:_-[]", false },
        { HTTP1_REQUESTS, GET HOST "X: a", "b\r\n\r\n", ALNUM " \t!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
          false },
        { HTTP1_ANSWERS, OK "Content-Length: 0\r\nX: a", "b\r\n\r\n",
          ALNUM " \t!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", true },
        { HTTP1_REQUESTS, POST HOST CHUNKED END, "\r\n" BODY64 "\r\n0\r\n\r\n", "", false },
        { HTTP1_REQUESTS, POST HOST CHUNKED END "00000", "\r\n\r\n", "0", false },
        { HTTP1_REQUESTS, POST HOST "Content-Length: ", "\r\n\r\n", "0", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(places); i++) {
        for (int byte = 0; byte < 256; byte++) {
            bool right =
                byte >= 0x80 ? places[i].high_allowed : byte && strchr(places[i].allowed, byte) != NULL;
            if (is_taken(places[i].kind, places[i].before, (char)byte, places[i].after) != right)
                fail_msg("place %zu, byte 0x%02x: should %sbe taken", i, (unsigned)byte, right ? "" : "not ");
        }
    }
}

/* Lines are looked at in words: every byte at every place of a long value. */
static void test_bytes_in_words(void **state)
{
    static const char filler[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaa";

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        for (size_t at = 1; at < sizeof filler - 1; at++) {
            char before[64];
            snprintf(before, sizeof before, "%.*s", (int)at, filler);
            SCOPED(sbuf) request = SBUF_MAX(1024);
            SCOPED(sbuf) answer = SBUF_MAX(1024);
            sbuf_addf(&request, "%s%sX: %s", GET, HOST, before);
            sbuf_addf(&answer, "%sContent-Length: 0\r\nX: %s", OK, before);
            bool visible = byte == '\t' || (byte >= 0x20 && byte <= 0x7e);
            char rest[64];
            snprintf(rest, sizeof rest, "%s\r\n\r\n", filler + at);
            assert_int_equal(is_taken(HTTP1_REQUESTS, request.p, (char)byte, rest), visible);
            assert_int_equal(is_taken(HTTP1_ANSWERS, answer.p, (char)byte, rest), visible || byte >= 0x80);
        }
    }
}

/* ---- limits ---- */

static void add_times(struct sbuf *b, char c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sbuf_addc(b, c);
}

static void check_story(enum http1_kind kind, struct sbuf *raw, const char *expected)
{
    struct telling whole = tell(kind, sbuf_slice(raw), raw->n, 1);

    assert_string_equal(whole.story.p, expected);
    check_same(&whole, kind, sbuf_slice(raw), 1, 1);
    check_same(&whole, kind, sbuf_slice(raw), 8000, 7);
    check_same(&whole, kind, sbuf_slice(raw), 16383, 1);
    telling_drop(&whole);
    sbuf_clear(raw);
}

static void test_head_limits(void **state)
{
    SCOPED(sbuf) raw = SBUF_MAX(1 << 20);

    (void)state;
    for (size_t more = 0; more < 3; more++) { /* a head of 16,384 bytes, and of one and two more */
        sbuf_adds(&raw, GET HOST "X: ");
        add_times(&raw, 'a', HTTP1_HEAD_MAX_BYTES - raw.n - 4 + more);
        sbuf_adds(&raw, "\r\n\r\n");
        check_story(HTTP1_REQUESTS, &raw, more ? "!head_too_long" : "GET /x=;");
        sbuf_adds(&raw, OK "Content-Length: 0\r\nX: ");
        add_times(&raw, 'a', HTTP1_HEAD_MAX_BYTES - raw.n - 4 + more);
        sbuf_adds(&raw, "\r\n\r\n");
        check_story(HTTP1_ANSWERS, &raw, more ? "!head_too_long" : "200+body=;");
    }
    sbuf_adds(&raw, GET HOST "X: ");
    add_times(&raw, 'a', 65536); /* no LF at all */
    check_story(HTTP1_REQUESTS, &raw, "!head_too_long");
    add_times(&raw, 'a', 65536);
    check_story(HTTP1_ANSWERS, &raw, "!head_too_long");
    sbuf_adds(&raw, GET HOST "X: "); /* full with the last header's LF, before the empty line */
    add_times(&raw, 'a', HTTP1_HEAD_MAX_BYTES - raw.n - 2);
    sbuf_adds(&raw, "\r\n");
    check_story(HTTP1_REQUESTS, &raw, "!head_too_long");
}

static void test_header_count(void **state)
{
    SCOPED(sbuf) raw = SBUF_MAX(1 << 20);

    (void)state;
    for (unsigned count = 63; count <= 65; count++) {
        sbuf_adds(&raw, GET HOST);
        for (unsigned i = 1; i < count; i++)
            sbuf_addf(&raw, "X-%u: a\r\n", i);
        sbuf_adds(&raw, END);
        check_story(HTTP1_REQUESTS, &raw, count > 64 ? "!too_many_headers" : "GET /x=;");
        sbuf_adds(&raw, OK "Content-Length: 0\r\n");
        for (unsigned i = 1; i < count; i++)
            sbuf_adds(&raw, "Set-Cookie: a\r\n");
        sbuf_adds(&raw, END);
        check_story(HTTP1_ANSWERS, &raw, count > 64 ? "!too_many_headers" : "200+body=;");
    }
    sbuf_adds(&raw, GET HOST);
    for (unsigned i = 1; i < 5000; i++)
        sbuf_addf(&raw, "X-%u: a\r\n", i);
    check_story(HTTP1_REQUESTS, &raw, "!too_many_headers");
}

static void test_target_limits(void **state)
{
    SCOPED(sbuf) raw = SBUF_MAX(1 << 20);
    SCOPED(sbuf) expected = SBUF_MAX(1 << 20);

    (void)state;
    sbuf_adds(&raw, "GET /");
    add_times(&raw, 'a', HTTP1_TARGET_MAX_BYTES - 1);
    sbuf_adds(&raw, " HTTP/1.1\r\n" HOST END);
    sbuf_adds(&expected, "GET /");
    add_times(&expected, 'a', HTTP1_TARGET_MAX_BYTES - 1);
    sbuf_adds(&expected, "=;");
    check_story(HTTP1_REQUESTS, &raw, expected.p);
    static const size_t too_long[] = { HTTP1_TARGET_MAX_BYTES, HTTP1_TARGET_MAX_BYTES + 40,
                                       HTTP1_TARGET_MAX_BYTES + 50, HTTP1_TARGET_MAX_BYTES + 100, 65536 };
    for (size_t i = 0; i < COUNT(too_long); i++) {
        sbuf_adds(&raw, "GET /");
        add_times(&raw, 'a', too_long[i]);
        sbuf_adds(&raw, " HTTP/1.1\r\n" HOST END);
        check_story(HTTP1_REQUESTS, &raw, "!target_too_long");
    }
    sbuf_adds(&raw, "PATCH /");
    add_times(&raw, 'a', HTTP1_TARGET_MAX_BYTES);
    sbuf_adds(&raw, " HTTP/1.1\r\n" HOST END);
    check_story(HTTP1_REQUESTS, &raw, "!target_too_long");
}

/* What is announced costs nothing before it comes. */
static void test_held_bytes(void **state)
{
    struct telling t = telling_new(HTTP1_REQUESTS);
    struct slice in = S(POST HOST "Content-Length: 64\r\n" END);

    (void)state;
    assert_int_equal(http1_reader_feed(t.reader, &in), HTTP1_HEAD);
    assert_int_equal(in.n, 0);
    size_t head_only = http1_reader_held_bytes(t.reader);
    assert_true(head_only >= sizeof(struct http1_msg) + sizeof(POST HOST "Content-Length: 64\r\n" END) - 1);
    assert_true(head_only < 8192);
    assert_false(http1_reader_is_idle(t.reader));
    in = S("0123");
    assert_int_equal(http1_reader_feed(t.reader, &in), HTTP1_MORE);
    assert_true(http1_reader_held_bytes(t.reader) >= head_only + 4);
    telling_drop(&t);

    struct http1_reader *big = http1_reader_new(HTTP1_REQUESTS, SIZE_MAX);
    in = S(POST HOST "Content-Length: 99999999\r\n" END);
    assert_int_equal(http1_reader_feed(big, &in), HTTP1_HEAD);
    in = S("0123");
    assert_int_equal(http1_reader_feed(big, &in), HTTP1_MORE);
    assert_true(http1_reader_held_bytes(big) < 65536);
    http1_reader_free(&big);
}

/* ---- the frame ---- */

static void test_idle(void **state)
{
    struct http1_reader *r = http1_reader_new(HTTP1_ANSWERS, BODY_MAX);
    struct slice in = S(INTERIM);

    (void)state;
    assert_true(http1_reader_is_idle(r));
    assert_int_equal(http1_reader_feed(r, &in), HTTP1_MORE);
    assert_false(
        http1_reader_is_idle(r)); /* a 1xx that nobody waits for: this connection is not to be reused */
    in = S(OK "Content-Length: 1\r\n\r\nab");
    assert_int_equal(http1_reader_feed(r, &in), HTTP1_HEAD);
    assert_false(http1_reader_is_idle(r));
    assert_int_equal(http1_reader_feed(r, &in), HTTP1_COMPLETE);
    assert_true(http1_reader_is_idle(r));
    assert_true(slice_eq(in, S("b")));
    assert_int_equal(http1_reader_feed(r, &in), HTTP1_MORE); /* frees the message that was not taken */
    assert_false(http1_reader_is_idle(r));
    assert_null(http1_reader_take(r));
    assert_true(slice_eq(http1_reader_raw_head(r), S("b")));
    http1_reader_free(&r);
    http1_reader_free(&r);
}

static void test_refuse_before_body(void **state)
{
    struct http1_reader *r = http1_reader_new(HTTP1_REQUESTS, BODY_MAX);
    struct slice in = S(POST HOST "Authorization: Bearer t\r\nContent-Length: 5\r\n" END "hello");

    (void)state;
    assert_null(http1_reader_msg(r));
    assert_int_equal(http1_reader_feed(r, &in), HTTP1_HEAD);
    assert_true(slice_eq(in, S("hello"))); /* not a byte of the body is taken */
    const struct http1_msg *m = http1_reader_msg(r);
    assert_non_null(m);
    assert_int_equal(m->method, HTTP1_POST);
    assert_true(slice_eq(m->method_text, S("POST")));
    size_t count = 9;
    assert_true(slice_eq(http1_header_get(m, S("authorization"), &count), S("Bearer t")));
    assert_int_equal(count, 1);
    assert_null(http1_header_get(m, S("authorizatio"), &count).p);
    assert_int_equal(count, 0);
    http1_reader_stop(r, HTTP1_BAD_HEAD_REFUSED);
    http1_reader_stop(r, HTTP1_BAD_NO_MEMORY); /* the first verdict stays */
    assert_int_equal(http1_reader_feed(r, &in), HTTP1_VIOLATED);
    assert_int_equal(http1_reader_violation(r), HTTP1_BAD_HEAD_REFUSED);
    assert_true(slice_eq(in, S("hello")));
    assert_ptr_equal(http1_reader_msg(r), m);
    http1_reader_free(&r);
}

static void test_msg_of_refused(void **state)
{
    static const struct {
        struct slice raw;
        bool has_msg;
    } cases[] = {
        { S_INIT("PATCH /x HTTP/1.1\r\n" HOST "Authorization: Bearer t\r\n" END), true },
        { S_INIT(POST HOST "Authorization: Bearer t\r\nContent-Length: 65\r\n" END), true },
        { S_INIT(POST HOST "Authorization: Bearer t\r\nExpect: x\r\n" END), true },
        { S_INIT(POST HOST "Authorization: Bearer t\r\nContent-Length: x\r\n" END), false },
        { S_INIT(POST HOST "Authorization: Bearer t\r\n\t\r\n" END), false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http1_reader *r = http1_reader_new(HTTP1_REQUESTS, BODY_MAX);
        struct slice in = cases[i].raw;
        assert_int_equal(http1_reader_feed(r, &in), HTTP1_VIOLATED);
        const struct http1_msg *m = http1_reader_msg(r);
        assert_int_equal(m != NULL, cases[i].has_msg);
        if (m)
            assert_true(slice_eq(http1_header_get(m, S("AUTHORIZATION"), NULL), S("Bearer t")));
        assert_true(slice_starts(http1_reader_raw_head(r), slice_from(cases[i].raw.p, 10)));
        http1_reader_free(&r);
    }
}

static void test_header_get(void **state)
{
    struct http1_reader *r = http1_reader_new(HTTP1_ANSWERS, BODY_MAX);
    struct slice in = S(OK "Content-Length: 0\r\nX:  a b \t\r\nY:\r\nZ: 1\r\nz: 2\r\n" END);
    size_t count = 0;

    (void)state;
    assert_int_equal(http1_reader_feed(r, &in), HTTP1_HEAD);
    const struct http1_msg *m = http1_reader_msg(r);
    assert_int_equal(m->header_count, 5);
    assert_int_equal(m->status, 200);
    assert_true(slice_eq(http1_header_get(m, S("x"), NULL), S("a b")));
    assert_non_null(http1_header_get(m, S("y"), &count).p);
    assert_int_equal(http1_header_get(m, S("y"), &count).n, 0);
    assert_int_equal(count, 1);
    assert_null(http1_header_get(m, S("Z"), &count).p);
    assert_int_equal(count, 2);
    http1_reader_free(&r);
}

static void test_methods(void **state)
{
    (void)state;
    assert_int_equal(http1_method_of(S("GET")), HTTP1_GET);
    assert_int_equal(http1_method_of(S("POST")), HTTP1_POST);
    assert_int_equal(http1_method_of(S("PUT")), HTTP1_PUT);
    assert_int_equal(http1_method_of(S("DELETE")), HTTP1_DELETE);
    assert_int_equal(http1_method_of(S("get")), HTTP1_METHOD_OTHER);
    assert_int_equal(http1_method_of(S("GE")), HTTP1_METHOD_OTHER);
    assert_int_equal(http1_method_of(S("")), HTTP1_METHOD_OTHER);
    assert_string_equal(http1_method_name(HTTP1_DELETE), "DELETE");
    assert_string_equal(http1_method_name(HTTP1_METHOD_OTHER), "other");
    assert_string_equal(http1_method_name(HTTP1_METHOD_NONE), "none");
}

/* Each violation: told apart by its name, answered with a status that SECURITY names, and, but for the holder's own
 * verdicts, seen in the tables above or in the tests of limits. */
static void test_violations(void **state)
{
    static const int statuses[] = { 0, 400, 401, 405, 413, 414, 415, 417, 431, 503, 505 };

    (void)state;
    assert_string_equal(http1_violation_text(HTTP1_OK), "");
    for (enum http1_violation v = HTTP1_OK + 1; v < HTTP1_VIOLATION_COUNT_; v++) {
        const char *name = http1_violation_name(v);
        bool known = false, seen = v == HTTP1_BAD_HEAD_REFUSED || v == HTTP1_BAD_NO_MEMORY ||
                                   v == HTTP1_BAD_TARGET_TOO_LONG || v == HTTP1_BAD_HEAD_TOO_LONG ||
                                   v == HTTP1_BAD_TOO_MANY_HEADERS;
        for (size_t i = 0; i < COUNT(statuses); i++)
            known = known || http1_violation_status(v) == statuses[i];
        assert_true(known);
        assert_true(strlen(http1_violation_text(v)) > 10);
        for (size_t i = 0; i < COUNT(requests) + COUNT(answers) && !seen; i++) {
            const struct named_case *c = i < COUNT(requests) ? &requests[i] : &answers[i - COUNT(requests)];
            const char *mark = strrchr(c->expected, '!');
            seen = mark && strcmp(mark + 1, name) == 0;
        }
        if (!seen)
            fail_msg("no case for %s", name);
    }
    assert_int_equal(http1_violation_status(HTTP1_BAD_VERSION), 505);
    assert_int_equal(http1_violation_status(HTTP1_BAD_METHOD_NOT_ALLOWED), 405);
    assert_int_equal(http1_violation_status(HTTP1_BAD_BODY_TOO_LONG), 413);
    assert_int_equal(http1_violation_status(HTTP1_BAD_TARGET_TOO_LONG), 414);
    assert_int_equal(http1_violation_status(HTTP1_BAD_EXPECTATION), 417);
    assert_int_equal(http1_violation_status(HTTP1_BAD_HEAD_TOO_LONG), 431);
    assert_int_equal(http1_violation_status(HTTP1_BAD_TOO_MANY_HEADERS), 431);
    assert_int_equal(http1_violation_status(HTTP1_BAD_TLS_ON_PLAIN_PORT), 0);
    assert_string_equal(http1_violation_name(HTTP1_BAD_CONTENT_LENGTH_TWICE), "content_length_twice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),       cmocka_unit_test(test_answers),
        cmocka_unit_test(test_bytes),          cmocka_unit_test(test_bytes_in_words),
        cmocka_unit_test(test_head_limits),    cmocka_unit_test(test_header_count),
        cmocka_unit_test(test_target_limits),  cmocka_unit_test(test_held_bytes),
        cmocka_unit_test(test_idle),           cmocka_unit_test(test_refuse_before_body),
        cmocka_unit_test(test_msg_of_refused), cmocka_unit_test(test_header_get),
        cmocka_unit_test(test_methods),        cmocka_unit_test(test_violations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
