/* The guard at the raw socket: every row of the table of what evhttp alone lets through, splits, pipelines, order. */
#include "guard_rig.h"

#define AUTH "Host: 127.0.0.1\r\nAuthorization: Bearer good\r\n"
#define JSON "Content-Type: application/json\r\n"
#define POST "POST /api/v2/app_services HTTP/1.1\r\n" AUTH JSON
#define GET  "GET /api/v2/services HTTP/1.1\r\n" AUTH
#define EVIL "GET /smuggled HTTP/1.1\r\n" AUTH "\r\n"
#define N5   "Content-Length: 5\r\n"

struct row {
    const char *name;
    const char *bytes;
    size_t n;
    const char *statuses; /* "" = closed without an answer */
    unsigned started;
    bool stays_open;
};
#define R(name, bytes, want)                                                                                 \
    {                                                                                                        \
        (name), "" bytes, sizeof(bytes) - 1, (want), 0, false                                                \
    }
#define FINE(name, bytes, want, n)                                                                           \
    {                                                                                                        \
        (name), "" bytes, sizeof(bytes) - 1, (want), (n), true                                               \
    }
#define CLOSED(name, bytes, want, n)                                                                         \
    {                                                                                                        \
        (name), "" bytes, sizeof(bytes) - 1, (want), (n), false                                              \
    }

/* clang-format off */
static const struct row rows[] = {
    /* what must work */
    FINE("get", GET "\r\n", "200", 1),
    FINE("post", POST N5 "\r\nhello", "200", 1),
    FINE("post of nothing", POST "Content-Length: 0\r\n\r\n", "200", 1),
    FINE("get with a body", GET N5 "\r\nhello", "200", 1),
    FINE("delete with a body", "DELETE /x HTTP/1.1\r\n" AUTH N5 "\r\nhello", "200", 1),
    FINE("put without a body", "PUT /x HTTP/1.1\r\n" AUTH "\r\n", "200", 1),
    FINE("strict chunked", POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "200", 1),
    FINE("chunked and empty", POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "200", 1),
    FINE("chunked with Expect", POST "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "200", 1),
    FINE("length with Expect and body at once", POST "Expect: 100-continue\r\n" N5 "\r\nhello", "200", 1),
    FINE("tab before Expect", POST "Expect:\t 100-continue\t\r\n" N5 "\r\nhello", "200", 1),
    FINE("tab before a value", POST "X:\ty\t\r\n" N5 "\r\nhello", "200", 1),
    CLOSED("tab before close", GET "Connection:\tclose\r\n\r\n", "200", 1),
    FINE("three one behind the other", GET "\r\n" POST N5 "\r\nhello" GET "\r\n", "200 200 200", 3),
    FINE("chunked, then one more", POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" GET "\r\n", "200 200", 2),
    CLOSED("asked to close", GET "Connection: close\r\n\r\n", "200", 1),
    CLOSED("asked to close, then one more", GET "Connection: close\r\n\r\n" EVIL, "200", 1),
    CLOSED("close within a list", GET "Connection: x, Close\r\n\r\n" EVIL, "200", 1),
    FINE("odd query", "GET /x?a=%zz&b=\"<>{}|^` HTTP/1.1\r\n" AUTH "\r\n", "200", 1),
    FINE("query with a scheme", "GET /x?u=http://evil/ HTTP/1.1\r\n" AUTH "\r\n", "200", 1),
    /* SECURITY section 3, row by row */
    R("length and chunked", POST N5 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" EVIL, "400"),
    R("chunked and length", POST "Transfer-Encoding: chunked\r\n" N5 "\r\n0\r\n\r\n" EVIL, "400"),
    R("two lengths", POST "Content-Length: 0\r\nContent-Length: 35\r\n\r\n" EVIL, "400"),
    R("two equal lengths", POST N5 N5 "\r\nhello", "400"),
    R("length +5", POST "Content-Length: +5\r\n\r\nhello", "400"),
    R("length -0", POST "Content-Length: -0\r\n\r\n" EVIL, "400"),
    R("length 05", POST "Content-Length: 05\r\n\r\nhello", "400"),
    R("length VT 5", POST "Content-Length: \v5\r\n\r\nhello", "400"),
    R("length 5 NUL 99", POST "Content-Length: 5\0" "99\r\n\r\nhello", "400"),
    R("length -5", POST "Content-Length: -5\r\n\r\nhello", "400"),
    R("length 0x5", POST "Content-Length: 0x5\r\n\r\nhello", "400"),
    R("length 5, 5", POST "Content-Length: 5, 5\r\n\r\nhello", "400"),
    R("length empty", POST "Content-Length:\r\n\r\nhello", "400"),
    R("length 2^63", POST "Content-Length: 9223372036854775808\r\n\r\nhello", "413"),
    R("length 2^64+5", POST "Content-Length: 18446744073709551621\r\n\r\nhello", "413"),
    R("length over the cap", POST "Content-Length: 262145\r\n\r\nhello", "413"),
    R("blank before the colon", POST "Content-Length : 35\r\n\r\n" EVIL, "400"),
    R("folded length", POST "Content-Length:\r\n 5\r\n\r\nhello", "400"),
    R("folded header", POST "X: a\r\n b\r\n" N5 "\r\nhello", "400"),
    R("xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n" EVIL, "400"),
    R("VT chunked", POST "Transfer-Encoding: \vchunked\r\n\r\n" EVIL, "400"),
    R("encoding with a blank before the colon", POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400"),
    R("identity", POST "Transfer-Encoding: identity\r\n\r\n" EVIL, "400"),
    R("gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "400"),
    R("TAB chunked", POST "Transfer-Encoding: \tchunked\r\n\r\n0\r\n\r\n", "400"),
    R("chunked;q=1", POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", "400"),
    R("gzip and length", POST "Transfer-Encoding: gzip\r\n" N5 "\r\nhello", "400"),
    R("encoding twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
    R("chunked NUL x", POST "Transfer-Encoding: chunked\0x\r\n\r\n0\r\n\r\n", "400"),
    R("chunked on 1.0", "POST /x HTTP/1.0\r\n" AUTH "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "505"),
#define CHUNKED(name, chunks) R(name, POST "Transfer-Encoding: chunked\r\n\r\n" chunks, "400")
    CHUNKED("chunk size 0x5", "0x5\r\nhello\r\n0\r\n\r\n"),
    CHUNKED("chunk size +5", "+5\r\nhello\r\n0\r\n\r\n"),
    CHUNKED("chunk size blank 5", " 5\r\nhello\r\n0\r\n\r\n"),
    CHUNKED("chunk size 5 garbage", "5 garbage\r\nhello\r\n0\r\n\r\n"),
    CHUNKED("chunk size 5 NUL ff", "5\0ff\r\nhello\r\n0\r\n\r\n"),
    CHUNKED("chunk size zz", " zz\r\n" EVIL),
    CHUNKED("chunk without its end", "5\r\nhello0\r\n\r\n"),
    CHUNKED("blank lines before a size", "\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    CHUNKED("chunks with bare LF", "5\nhello\n0\n\n"),
    CHUNKED("chunk extension", "5;a=b\r\nhello\r\n0\r\n\r\n"),
    CHUNKED("chunk size -1", "-1\r\nhello\r\n0\r\n\r\n"),
    CHUNKED("chunk size 2^64-1", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    CHUNKED("chunk size too long", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
    CHUNKED("trailers", "0\r\nAuthorization: Bearer x\r\n\r\n"),
    R("chunk over the cap", POST "Transfer-Encoding: chunked\r\n\r\n40001\r\nhello", "413"),
    R("bare LF everywhere", "GET / HTTP/1.1\nHost: a\nAuthorization: Bearer good\n\n", "400"),
    R("bare CR in a value", GET "X: a\rb\r\n\r\n", "400"),
    R("bare CR and a blank", GET "X: a\r b\r\n\r\n", "400"),
    R("NUL at the start of a line", GET "\0X: 1\r\n\r\n" EVIL, "400"),
    R("NUL in a value", GET "X: a\0b\r\n\r\n", "400"),
    R("NUL after the version", "GET / HTTP/1.1\0\r\n" AUTH "\r\n", "400"),
    R("NUL in a name", GET "X\0Y: a\r\n\r\n", "400"),
    R("NUL in the target", "GET /a\0b HTTP/1.1\r\n" AUTH "\r\n", "400"),
    R("empty name", GET ": v\r\n\r\n", "400"),
    R("blank in a name", GET "X Y: 1\r\n\r\n", "400"),
    R("high byte in a name", GET "X\xff: 1\r\n\r\n", "400"),
    R("control in a name", GET "X(\x01): 1\r\n\r\n", "400"),
    R("no Host", "GET / HTTP/1.1\r\nAuthorization: Bearer good\r\n\r\n", "400"),
    R("two Hosts", GET "Host: evil\r\n\r\n", "400"),
    R("Host with user", "GET / HTTP/1.1\r\nHost: a:80@evil\r\nAuthorization: Bearer good\r\n\r\n", "400"),
    R("two blanks", "GET  / HTTP/1.1\r\n" AUTH "\r\n", "400"),
    R("blank in the target", "GET /x y HTTP/1.1\r\n" AUTH "\r\n", "400"),
    R("two versions", "GET /x HTTP/1.1 HTTP/1.1\r\n" AUTH "\r\n", "400"),
#define VERSION(v) R(v, "GET /x " v "\r\n" AUTH "\r\n", "505")
    VERSION("HTTP/+1.+1"), VERSION("HTTP/1.4294967297"), VERSION("HTTP/01.1"), VERSION("HTTP/0.9"),
    VERSION("HTTP/-1.1"), VERSION("HTTP/1.2"), VERSION("HTTP/1.10"), VERSION("HTTP/2.0"), VERSION("HTTP/1.0"),
    R("no version", "GET /x\r\n\r\n", "400"),
    R("blank lines first", "\r\n\r\n" GET "\r\n", "400"),
#define METHOD(m) R(m, m " /x HTTP/1.1\r\n" AUTH "\r\n", "405")
    METHOD("get"), METHOD("BREW"), METHOD("OPTIONS"), METHOD("TRACE"), METHOD("PATCH"), METHOD("CONNECT"),
    METHOD("PROPFIND"),
    R("CONNECT a:443", "CONNECT a:443 HTTP/1.1\r\n" AUTH "\r\n", "405"),
    R("OPTIONS *", "OPTIONS * HTTP/1.1\r\n" AUTH "\r\n", "405"),
    R("absolute target", "GET http://evil/x HTTP/1.1\r\n" AUTH "\r\n", "400"),
#define TARGET(t) R("target " t, "GET " t " HTTP/1.1\r\n" AUTH "\r\n", "400")
    TARGET("//evil/x"), TARGET("///a"), TARGET("//127.0.0.1:8080/x"), TARGET("x"), TARGET("/\x01\x7f"),
    TARGET("/\xff\xfe"), TARGET("/a\\..\\b"), TARGET("/%zz"), TARGET("/x%00y"), TARGET("/%2e%2e/x"),
    TARGET("/x#f?q"), TARGET("/../x"), TARGET("/a/./b"), TARGET("*"), TARGET("http://[/"),
    R("Expect foo", POST "Expect: foo\r\n" N5 "\r\nhello", "417"),
    R("content encoding", POST "Content-Encoding: gzip\r\n" N5 "\r\nhello", "415"),
    R("underscore twin", POST "Content_Length: 5\r\n\r\n", "400"),
    R("token twice", GET "Authorization: Bearer good\r\n\r\n", "401"),
    R("no token", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "401"),
    R("wrong token and a body", "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer bad\r\n" N5 "\r\nhello", "401"),
    R("TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ""),
    /* one good request, then something wrong: the wrong one's refusal is never the good one's answer */
    CLOSED("good, then garbage", GET "\r\n" "\x01\x02garbage\r\n\r\n", "200", 1),
    CLOSED("good, then a bad head", GET "\r\n" "GET / HTTP/1.1\r\n\r\n", "200", 1),
    CLOSED("good with a body, then its bytes too many", POST N5 "\r\nhello!\r\n\r\n", "200", 1),
    CLOSED("good, then no token", GET "\r\n" "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200 401", 1),
    CLOSED("two good, then garbage", GET "\r\n" GET "\r\n" "\r\n\r\n", "200 200", 2),
    CLOSED("good, then good in head and bad in chunks", GET "\r\n" POST "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "200 400", 1),
};
/* clang-format on */

static void check_row(struct rig *r, const struct row *row, const struct raw *c, unsigned started)
{
    const char *got = statuses(c);

    if (strcmp(got, row->statuses) != 0)
        fail_msg("%s: want %s, got %s: %s", row->name, row->statuses, got, c->text);
    if (r->gate.started - started != row->started)
        fail_msg("%s: %u requests reached the gate", row->name, r->gate.started - started);
    if (row->stays_open == c->ended)
        fail_msg("%s: the connection %s", row->name, c->ended ? "ended" : "stays open");
    if (c->ended && !row->stays_open && c->n && !strstr(c->text, "Connection: close"))
        fail_msg("%s: no Connection: close", row->name);
    if (c->reset)
        fail_msg("%s: reset", row->name);
}

static unsigned expected_answers(const struct row *row)
{
    return (unsigned)(strlen(row->statuses) + 1) / 4;
}

static void finish_row(struct rig *r, const struct row *row, struct raw *c, unsigned started)
{
    if (row->stays_open)
        until_answers(r, c, expected_answers(row));
    else
        TURNS_UNTIL(r, (raw_read(c), c->ended), 3000)
        {
        }
    check_row(r, row, c, started);
}

static void test_rows(void **state)
{
    (void)state;
    struct rig *r = rig_new();

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned started = r->gate.started, early = r->gate.early;
        struct raw *c = raw_connect(r);
        raw_send(c, rows[i].bytes, rows[i].n);
        finish_row(r, &rows[i], c, started);
        /* Whatever was refused was recorded, once. */
        unsigned refused = rows[i].stays_open || strstr(rows[i].name, "asked to close") ||
                                   strstr(rows[i].name, "close within") ||
                                   strstr(rows[i].name, "before close")
                               ? 0
                               : 1;
        if (r->gate.early - early != refused)
            fail_msg("%s: recorded %u times", rows[i].name, r->gate.early - early);
        raw_free(c);
    }
    until_empty(r);
    rig_free(r);
}

/* Byte by byte, each in a read of its own. A row whose answer comes early sends into a closing connection. */
static void test_rows_dripped(void **state)
{
    (void)state;
    struct rig *r = rig_new();

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        /* Byte by byte, the good request is answered before the wrong one is seen. */
        if (strncmp(rows[i].name, "good, ", 6) == 0 || strncmp(rows[i].name, "good with", 9) == 0 ||
            strncmp(rows[i].name, "two good", 8) == 0)
            continue;
        unsigned started = r->gate.started;
        struct raw *c = raw_connect(r);
        turns(r, 1);
        for (size_t k = 0; k < rows[i].n && !c->ended; k++) {
            raw_send(c, rows[i].bytes + k, 1);
            turns(r, 1);
            raw_read(c);
        }
        finish_row(r, &rows[i], c, started);
        raw_free(c);
    }
    until_empty(r);
    rig_free(r);
}

/* Some rows cut in two at every place. */
static void test_split_everywhere(void **state)
{
    (void)state;
    static const char *const names[] = { "strict chunked", "three one behind the other", "length and chunked",
                                         "two lengths",    "chunked, then one more",     "trailers" };
    struct rig *r = rig_new();

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool wanted = false;
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            wanted = wanted || strcmp(rows[i].name, names[k]) == 0;
        for (size_t cut = 1; wanted && cut < rows[i].n; cut++) {
            unsigned started = r->gate.started;
            struct raw *c = raw_connect(r);
            raw_send(c, rows[i].bytes, cut);
            turns(r, 3);
            raw_send(c, rows[i].bytes + cut, rows[i].n - cut);
            finish_row(r, &rows[i], c, started);
            raw_free(c);
        }
    }
    rig_free(r);
}

/* Too long, in one piece and without an end. */
static void test_long_heads(void **state)
{
    (void)state;
    static char text[400000];
    static const struct {
        const char *begin, *repeat;
        int times;
        const char *want;
    } cases[] = {
        { GET, "X: y\r\n", 5000, "400" /* a name twice comes first */ },
        { GET "X: ", "y", 65536, "431" },
        { "GET /", "y", 65536, "414" },
        { "GET /", "y", 8192, "414" },
        { "", "y", 65536, "414" },
    };
    struct rig *r = rig_new();

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct raw *c = raw_connect(r);
        size_t n = (size_t)snprintf(text, sizeof text, "%s", cases[i].begin);
        for (int k = 0; k < cases[i].times; k++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s", cases[i].repeat);
        n += (size_t)snprintf(text + n, sizeof text - n, " HTTP/1.1\r\n\r\n");
        raw_send(c, text, n);
        until_end(r, c);
        assert_string_equal(statuses(c), cases[i].want);
        assert_false(c->reset);
        raw_free(c);
    }
    /* 65 different names. */
    struct raw *c = raw_connect(r);
    size_t n = (size_t)snprintf(text, sizeof text, "%s", GET);
    for (int k = 0; k < 63; k++)
        n += (size_t)snprintf(text + n, sizeof text - n, "X-%d: y\r\n", k);
    raw_send(c, text, n);
    until_end(r, c);
    assert_string_equal(statuses(c), "431");
    raw_free(c);
    assert_int_equal(r->gate.started, 0);
    rig_free(r);
}

static void test_answer_form(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct raw *c = raw_connect(r);

    raw_send(c, GET "\r\n", sizeof GET "\r\n" - 1);
    until_answers(r, c, 1);
    assert_non_null(strstr(c->text, "HTTP/1.1 200 OK\r\nDate: "));
    assert_non_null(strstr(c->text, " GMT\r\n"));
    assert_non_null(strstr(c->text, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(c->text, "\r\nx-acs-request-id: EAS-ID\r\n"));
    assert_non_null(strstr(c->text, "\r\nx-easgate-request-id: OWN-ID\r\n"));
    assert_non_null(strstr(c->text, "\r\nCache-Control: no-store\r\n"));
    assert_null(strstr(c->text, ANSWER_MARK_HEADER));
    assert_null(strstr(c->text, "Access-Control"));
    assert_null(strstr(c->text, "Connection:"));
    assert_non_null(strstr(c->text, "\r\n\r\nGET /api/v2/services 0 "));
    raw_free(c);

    c = raw_connect(r);
    raw_send(c, "nonsense\r\n", 10);
    until_end(r, c);
    assert_non_null(strstr(c->text, "HTTP/1.1 400 Bad Request\r\n"));
    assert_non_null(strstr(c->text, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(c->text, "\r\n" ANSWER_MARK_HEADER ": easgate\r\n"));
    assert_non_null(strstr(c->text, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(c->text, "{\"Code\":\"Easgate.MalformedRequest\",\"RequestId\":\"0000"));
    assert_memory_equal(r->gate.early_peer, "127.0.0.1:", 10);
    raw_free(c);

    /* The answer to HEAD has the length of a body and none. */
    c = raw_connect(r);
    raw_send(c, "HEAD / HTTP/1.1\r\n" AUTH N5 "\r\n" EVIL,
             sizeof "HEAD / HTTP/1.1\r\n" AUTH N5 "\r\n" EVIL - 1);
    until_end(r, c);
    assert_non_null(strstr(c->text, "HTTP/1.1 405 Method Not Allowed\r\n"));
    assert_non_null(strstr(c->text, "\r\nAllow: GET, POST, PUT, DELETE\r\n"));
    assert_string_equal(c->text + c->n - 4, "\r\n\r\n");
    assert_int_equal(r->gate.started, 1);
    raw_free(c);
    rig_free(r);
}

static void test_continue(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct raw *c = raw_connect(r);
    static const char head[] = POST "Expect: 100-continue\r\n" N5 "\r\n";
    static const char bad[] = "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer bad\r\n"
                              "Expect: 100-continue\r\n" N5 "\r\n";

    /* 100 comes after the token was found good, and before the body. */
    raw_send(c, head, sizeof head - 1);
    TURNS_UNTIL(r, (raw_read(c), c->n > 0), 2000)
    {
    }
    assert_string_equal(c->text, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(r->gate.heads, 1);
    c->n = 0;
    raw_send(c, "hello", 5);
    until_answers(r, c, 1);
    assert_non_null(strstr(c->text, "HTTP/1.1 200 OK"));
    assert_string_equal(r->gate.last, "POST /api/v2/app_services 5 hello");
    c->n = 0;
    /* Again on the same connection. */
    raw_send(c, head, sizeof head - 1);
    TURNS_UNTIL(r, (raw_read(c), c->n > 0), 2000)
    {
    }
    assert_string_equal(c->text, "HTTP/1.1 100 Continue\r\n\r\n");
    c->n = 0;
    raw_send(c, "world", 5);
    until_answers(r, c, 1);
    raw_free(c);

    c = raw_connect(r);
    raw_send(c, bad, sizeof bad - 1);
    until_end(r, c);
    assert_string_equal(statuses(c), "401");
    raw_free(c);
    rig_free(r);
}

/* 401 leaves before a byte of the body was read: 1 MB of it is still on its way, and the answer arrives. */
static void test_refused_before_the_body(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct raw *c = raw_connect(r);
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer bad\r\n"
                               "Content-Length: 200000\r\n\r\n";
    static char body[200000];

    raw_send(c, head, sizeof head - 1);
    raw_send(c, body, sizeof body);
    until_end(r, c);
    assert_string_equal(statuses(c), "401");
    assert_false(c->reset);
    raw_free(c);
    until_empty(r);
    rig_free(r);
}

static void test_short_body_and_end(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct raw *c = raw_connect(r);

    raw_send(c, POST N5 "\r\nhel", sizeof POST N5 "\r\nhel" - 1);
    shutdown(c->fd, SHUT_WR);
    until_end(r, c);
    assert_string_equal(statuses(c), "400");
    assert_int_equal(r->gate.started, 0);
    assert_int_equal(r->gate.early, 1);
    raw_free(c);

    /* Whole, then its end: the answer still comes. */
    c = raw_connect(r);
    raw_send(c, POST N5 "\r\nhello", sizeof POST N5 "\r\nhello" - 1);
    shutdown(c->fd, SHUT_WR);
    until_end(r, c);
    assert_string_equal(statuses(c), "200");
    raw_free(c);

    /* Two of them at once. */
    c = raw_connect(r);
    raw_send(c, GET "\r\n" GET "\r\n", sizeof GET "\r\n" GET "\r\n" - 1);
    shutdown(c->fd, SHUT_WR);
    until_end(r, c);
    assert_string_equal(statuses(c), "200 200");
    raw_free(c);
    until_empty(r);
    rig_free(r);
}

/* While the first request is under way, nothing of the second starts; the order is kept. */
static void test_pipeline_waits(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct raw *c = raw_connect(r);

    r->gate.hold = true;
    raw_send(c, GET "\r\n", sizeof GET "\r\n" - 1);
    TURNS_UNTIL(r, r->gate.started == 1, 2000)
    {
    }
    raw_send(c, POST N5 "\r\nhello", sizeof POST N5 "\r\nhello" - 1);
    turns(r, 5);
    assert_int_equal(r->gate.started, 1);
    assert_int_equal(r->gate.heads, 1);
    answer_held(&r->gate);
    TURNS_UNTIL(r, r->gate.started == 2, 2000)
    {
    }
    assert_int_equal(r->gate.started, 2);
    answer_held(&r->gate);
    until_answers(r, c, 2);
    assert_string_equal(r->gate.last, "POST /api/v2/app_services 5 hello");
    raw_free(c);
    until_empty(r);
    rig_free(r);
}

/* What comes behind a request under way is looked at before its answer. */
static void test_garbage_behind_a_request_under_way(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct raw *c = raw_connect(r);

    r->gate.hold = true;
    raw_send(c, GET "\r\n", sizeof GET "\r\n" - 1);
    TURNS_UNTIL(r, r->gate.started == 1, 2000)
    {
    }
    raw_send(c, "\x01\r\n\r\n", 5);
    turns(r, 5);
    assert_int_equal(r->gate.early, 0);
    answer_held(&r->gate);
    assert_int_equal(r->gate.early, 1);
    until_end(r, c);
    assert_string_equal(statuses(c), "200");
    assert_non_null(strstr(c->text, "Connection: close"));
    raw_free(c);
    rig_free(r);
}

/* The client leaves at each stage of the request under way; the answer finds nobody and nothing breaks. */
static void test_client_leaves(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct linger now = { .l_onoff = 1, .l_linger = 0 }; /* close resets */

    r->gate.hold = true;
    for (int i = 0; i < 20; i++) {
        struct raw *c = raw_connect(r);
        raw_send(c, GET "\r\n", sizeof GET "\r\n" - 1);
        TURNS_UNTIL(r, r->gate.held_count == 1, 2000)
        {
        }
        assert_int_equal(r->gate.held_count, 1);
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        raw_free(c);
        turns(r, i % 4);
        answer_held(&r->gate);
        turns(r, 2);
    }
    assert_int_equal(r->gate.answered, 20);
    assert_true(r->gate.gone >= 15);
    until_empty(r);
    rig_free(r);
}

/* Connections that end early, in every way and at every byte. */
static void test_early_closes(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    static const char text[] = POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    for (int round = 0; round < 16; round++) {
        for (size_t n = 0; n < sizeof text; n++) {
            struct raw *c = raw_connect(r);
            raw_send(c, text, n);
            turns(r, round & 3);
            if (round & 4)
                setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
            if (round & 8)
                shutdown(c->fd, SHUT_WR);
            raw_free(c);
            if (r->gate.early > 4000)
                r->gate.early = 0;
            turns(r, 1);
        }
    }
    until_empty(r);
    rig_free(r);
}

/* An answer that another event of the turn writes, before the client's own bytes of that turn are read. */
static void answer_now(evutil_socket_t fd, short what, void *gate)
{
    (void)fd;
    (void)what;
    answer_held(gate);
}

struct late {
    const char *first, *then; /* then comes in the turn of the first answer; NULL = the client's end */
    unsigned answers;
    const char *last;
    unsigned heads;
};

static const struct late late[] = {
    /* the next head waits for its judgement */
    { GET "\r\n" POST N5 "\r\n", "hello", 2, "POST /api/v2/app_services 5 hello", 2 },
    { GET "\r\n" POST N5 "\r\n", "hello" GET "\r\n", 3, "GET /api/v2/services 0 ", 3 },
    /* and so do bytes behind it */
    { GET "\r\n" POST N5 "\r\nhe", "llo", 2, "POST /api/v2/app_services 5 hello", 2 },
    { GET "\r\n" GET "\r\n" GET "\r\n" POST N5 "\r\nh", "ello", 4, "POST /api/v2/app_services 5 hello", 4 },
    /* the end, behind whole requests */
    { GET "\r\n" POST N5 "\r\nhello", NULL, 2, "POST /api/v2/app_services 5 hello", 2 },
    { GET "\r\n" GET "\r\n" GET "\r\n" POST N5 "\r\nhello", NULL, 4, "POST /api/v2/app_services 5 hello", 4 },
};

static void come_late(struct rig *r, const struct late *l)
{
    struct raw *c = raw_connect(r);
    struct event *other = event_new(loop_base(r->loop), -1, 0, answer_now, &r->gate);

    assert_non_null(other);
    turns(r, 3);
    r->gate.hold = true;
    raw_send(c, l->first, strlen(l->first));
    TURNS_UNTIL(r, r->gate.held_count == 1, 2000)
    {
    }
    if (l->then)
        raw_send(c, l->then, strlen(l->then));
    else
        shutdown(c->fd, SHUT_WR);
    event_active(other, EV_TIMEOUT, 1); /* runs before what the turn finds readable */
    r->gate.hold = false;
    until_answers(r, c, l->answers);
    event_free(other);
    assert_null(strstr(statuses(c), "4"));
    raw_free(c);
    until_empty(r);
}

/* What comes in the turn of an answer must not be read before what came earlier and still waits. */
static void test_nothing_overtakes(void **state)
{
    (void)state;

    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
        struct rig *r = rig_new();
        come_late(r, &late[i]);
        assert_string_equal(r->gate.last, late[i].last);
        assert_int_equal(r->gate.heads, late[i].heads);
        assert_int_equal(r->gate.early, 0);
        rig_free(r);
    }
}

/* The end of the stream was read while the first request was under way: what came before it is served, nothing is cut. */
static void test_the_end_waits(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct raw *c = raw_connect(r);
    static const char four[] = GET "\r\n" GET "\r\n" GET "\r\n" POST N5 "\r\nhello";

    r->gate.hold = true;
    raw_send(c, four, sizeof four - 1);
    shutdown(c->fd, SHUT_WR);
    TURNS_UNTIL(r, r->gate.held_count == 1, 2000)
    {
    }
    turns(r, 5);
    r->gate.hold = false;
    answer_held(&r->gate);
    until_end(r, c);
    assert_string_equal(statuses(c), "200 200 200 200");
    assert_int_equal(r->gate.early, 0);
    raw_free(c);
    until_empty(r);
    rig_free(r);
}

static void test_big_answer(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    int small = 32768;

    for (int close_it = 0; close_it < 2; close_it++) {
        struct raw *c = raw_connect(r);
        size_t got = 0;
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        r->gate.big_bytes = sizeof r->gate.big;
        r->gate.big_close = close_it;
        raw_send(c, GET "\r\n", sizeof GET "\r\n" - 1);
        TURNS_UNTIL(r, got >= sizeof r->gate.big || c->ended, 20000)
        {
            raw_read(c);
            if (!got && c->n)
                c->n -= (size_t)(strstr(c->text, "\r\n\r\n") + 4 - c->text);
            got += c->n;
            c->n = 0;
        }
        assert_int_equal(got, sizeof r->gate.big);
        r->gate.big_bytes = 0;
        r->gate.big_close = false;
        if (close_it) {
            until_end(r, c);
        } else {
            raw_send(c, GET "\r\n", sizeof GET "\r\n" - 1);
            until_answers(r, c, 1);
        }
        raw_free(c);
    }
    until_empty(r);
    rig_free(r);
}

static void small_memory(struct cfg_gateway *c)
{
    c->max_inflight_bytes = 300000;
}

/* Bodies that are not whole count: the one that is too much gets 503. */
static void test_memory_bound(void **state)
{
    (void)state;
    struct rig *r = rig_new_with(small_memory);
    static const char head[] = POST "Content-Length: 200000\r\n\r\n";
    static char body[150000];
    struct raw *a = raw_connect(r);
    struct raw *b = raw_connect(r);

    raw_send(a, head, sizeof head - 1);
    raw_send(a, body, sizeof body);
    turns(r, 40);
    raw_send(b, head, sizeof head - 1);
    raw_send(b, body, sizeof body);
    TURNS_UNTIL(r, (raw_read(a), raw_read(b), a->ended || b->ended), 2000)
    {
    }
    assert_string_equal(statuses(b), "503");
    assert_string_equal(statuses(a), "");
    raw_free(b);
    turns(r, 5);
    raw_send(a, body, 50000);
    until_answers(r, a, 1);
    assert_string_equal(statuses(a), "200");
    raw_free(a);

    r->gate.inflight_bytes = 400000; /* what the requests under way hold counts too */
    a = raw_connect(r);
    raw_send(a, head, sizeof head - 1);
    until_end(r, a);
    assert_string_equal(statuses(a), "503");
    raw_free(a);
    rig_free(r);
}

/* A unix socket holds little, so that a big answer does not vanish into the kernel. */
static struct raw *connect_unix(struct rig *r)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    union {
        const struct sockaddr_un *un;
        const struct sockaddr *any;
    } p = { .un = &a };

    snprintf(a.sun_path, sizeof a.sun_path, "%s", r->unix_path);
    assert_int_equal(connect(fd, p.any, sizeof a), 0);
    return raw_at(fd);
}

/* Answers that nobody takes count: the slowest clients lose theirs, whoever reads gets the whole. */
static void test_untaken_answers(void **state)
{
    (void)state;
    struct rig *r = rig_new_with(small_memory);
    struct raw *slow[4], *c;
    static const char post[] = POST "Content-Length: 200000\r\n\r\n";
    static char body[200000];
    size_t got = 0;

    r->gate.big_bytes = sizeof r->gate.big;
    for (unsigned i = 0; i < 4; i++) {
        slow[i] = connect_unix(r);
        r->gate.big_close = i % 2;
        raw_send(slow[i], GET "\r\n", sizeof GET "\r\n" - 1);
        TURNS_UNTIL(r, r->gate.answered == i + 1, 3000)
        {
        }
        turns(r, 5);
        assert_int_equal(listeners_connections(r->ls), 1); /* the one before is gone */
    }
    r->gate.big_close = false;
    c = connect_unix(r);
    raw_send(c, GET "\r\n", sizeof GET "\r\n" - 1);
    TURNS_UNTIL(r, got >= sizeof r->gate.big || c->ended, 20000)
    {
        raw_read(c);
        if (!got && c->n)
            c->n -= (size_t)(strstr(c->text, "\r\n\r\n") + 4 - c->text);
        got += c->n;
        c->n = 0;
    }
    assert_int_equal(got, sizeof r->gate.big);
    /* nothing is counted any more: a body is taken again */
    r->gate.big_bytes = 0;
    raw_free(c);
    c = raw_connect(r);
    raw_send(c, post, sizeof post - 1);
    raw_send(c, body, sizeof body);
    until_answers(r, c, 1);
    assert_string_equal(statuses(c), "200");
    raw_free(c);
    for (int i = 0; i < 4; i++)
        raw_free(slow[i]);
    until_empty(r);
    rig_free(r);
}

/* One caller's untaken answer costs that caller its connection, not the others their bodies; nothing if that is not enough. */
static void test_untaken_answer_and_bodies(void **state)
{
    (void)state;
    struct rig *r = rig_new_with(small_memory);
    struct raw *slow = connect_unix(r), *c;
    static const char post[] = POST "Content-Length: 200000\r\n\r\n";
    static char body[200000];

    r->gate.big_bytes = sizeof r->gate.big;
    raw_send(slow, GET "\r\n", sizeof GET "\r\n" - 1);
    TURNS_UNTIL(r, r->gate.answered == 1, 3000)
    {
    }
    r->gate.big_bytes = 0;

    r->gate.inflight_bytes = 400000;
    c = raw_connect(r);
    raw_send(c, post, sizeof post - 1);
    until_end(r, c);
    assert_string_equal(statuses(c), "503");
    raw_free(c);
    turns(r, 5);
    assert_int_equal(listeners_connections(r->ls), 1);

    r->gate.inflight_bytes = 0;
    c = raw_connect(r);
    raw_send(c, post, sizeof post - 1);
    raw_send(c, body, sizeof body);
    until_answers(r, c, 1);
    assert_string_equal(statuses(c), "200");
    assert_int_equal(listeners_connections(r->ls), 1); /* the slow one is gone */
    raw_free(c);
    raw_free(slow);
    until_empty(r);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_rows_dripped),
        cmocka_unit_test(test_split_everywhere),
        cmocka_unit_test(test_long_heads),
        cmocka_unit_test(test_answer_form),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_refused_before_the_body),
        cmocka_unit_test(test_short_body_and_end),
        cmocka_unit_test(test_pipeline_waits),
        cmocka_unit_test(test_garbage_behind_a_request_under_way),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_early_closes),
        cmocka_unit_test(test_nothing_overtakes),
        cmocka_unit_test(test_the_end_waits),
        cmocka_unit_test(test_big_answer),
        cmocka_unit_test(test_memory_bound),
        cmocka_unit_test(test_untaken_answers),
        cmocka_unit_test(test_untaken_answer_and_bodies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
