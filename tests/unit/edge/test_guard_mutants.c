/*
 * Mutants of requests at the raw socket, judged by the strict reader alone: what reaches the gate is exactly what the reader
 * finds in the bytes, in the same order, however they are cut; no 5xx, every connection ends, nothing is left. The
 * environment's EG_MUTANTS sets how many (default 3000), EG_SEED the first of them.
 */
#include "guard_rig.h"
#include "base/num.h"

#define AUTH "Host: 127.0.0.1\r\nAuthorization: Bearer good\r\n"
#define EVIL "GET /smuggled HTTP/1.1\r\n" AUTH "\r\n"

static const char *const seeds[] = {
    "GET /api/v2/services HTTP/1.1\r\n" AUTH "\r\n",
    "POST /x HTTP/1.1\r\n" AUTH "Content-Type: application/json\r\nContent-Length: 5\r\n\r\nhello" EVIL,
    "POST /x HTTP/1.1\r\n" AUTH "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\nx\r\n0\r\n\r\n" EVIL,
    "POST /x HTTP/1.1\r\n" AUTH "Content-Length: 81\r\n\r\n" EVIL EVIL,
    "DELETE /x?a=b HTTP/1.1\r\n" AUTH
    "Connection: keep-alive\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    "PUT /x HTTP/1.1\r\n" AUTH "X-A: b\tc\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" EVIL,
};
static const char *const pieces[] = {
    "\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    "\v",
    ":",
    "0",
    "5",
    "-",
    "+",
    ",",
    ";",
    "\x80",
    "chunked",
    "\r\n\r\n",
    "0\r\n\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "Host: a\r\n",
    "HTTP/1.1",
    "/",
    "//",
    "#",
    "%",
    "?",
    "Expect: 100-continue\r\n",
    EVIL,
};

static uint64_t random_state;

static size_t below(size_t n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(random_state >> 33) % n;
}

#define MUTANT_MAX 4096

static size_t edit(char *text, size_t n, size_t at, size_t cut, const char *put, size_t put_n)
{
    if (cut > n - at)
        cut = n - at;
    if (n - cut + put_n > MUTANT_MAX)
        return n;
    memmove(text + at + put_n, text + at + cut, n - at - cut);
    memcpy(text + at, put, put_n);
    return n - cut + put_n;
}

static size_t make_mutant(char *text)
{
    const char *seed = seeds[below(sizeof seeds / sizeof seeds[0])];
    size_t n = strlen(seed), changes = below(4);
    char one;

    memcpy(text, seed, n);
    while (changes-- > 0 && n) {
        const char *piece = pieces[below(sizeof pieces / sizeof pieces[0])];
        size_t at = below(n);
        switch (below(5)) {
        case 0:
            one = (char)below(256);
            n = edit(text, n, at, 1, &one, 1);
            break;
        case 1:
            n = edit(text, n, at, 0, piece, strlen(piece));
            break;
        case 2:
            n = edit(text, n, at, 1 + below(4), "", 0);
            break;
        case 3:
            n = edit(text, n, at, strlen(piece), piece, strlen(piece));
            break;
        default:
            n = at + 1; /* cut short */
            break;
        }
    }
    return n;
}

struct expected {
    unsigned started;
    char last[300];
    bool refused; /* a violation, a bad token, or an end within a request */
};

static struct expected expect_of(const char *text, size_t n)
{
    struct http1_reader *reader = http1_reader_new(HTTP1_REQUESTS, 262144);
    struct slice in = slice_from(text, n);
    struct expected want = { .started = 0 };
    bool on = true;

    assert_non_null(reader);
    while (on) {
        enum http1_event event = http1_reader_feed(reader, &in);
        const struct http1_msg *head = http1_reader_msg(reader);
        on = event == HTTP1_HEAD;
        if (event == HTTP1_HEAD)
            on = slice_eq(http1_header_get(head, S("authorization"), NULL), S("Bearer good"));
        if (event == HTTP1_VIOLATED || (event == HTTP1_HEAD && !on) ||
            (event == HTTP1_MORE && !http1_reader_is_idle(reader)))
            want.refused = true;
        if (event != HTTP1_COMPLETE)
            continue;
        struct http1_msg *m = http1_reader_take(reader);
        want.started++;
        snprintf(want.last, sizeof want.last, "%.*s %.*s %zu %.*s", SLICE_FMT(m->method_text),
                 SLICE_FMT(m->target), m->body.n, m->body.n < 64 ? (int)m->body.n : 64,
                 m->body.p ? m->body.p : "");
        on = !m->close;
        http1_msg_free(&m);
    }
    http1_reader_free(&reader);
    return want;
}

static void one_mutant(struct rig *r, uint64_t number)
{
    static char text[MUTANT_MAX];
    random_state = number * 2654435761u + 1;
    size_t n = make_mutant(text), sent = 0;
    struct expected want = expect_of(text, n);
    unsigned started = r->gate.started, early = r->gate.early;
    struct raw *c = raw_connect(r);

    while (sent < n) {
        size_t part = below(3) ? n - sent : 1 + below(n - sent);
        raw_send(c, text + sent, part);
        sent += part;
        turns(r, (int)below(3));
    }
    shutdown(c->fd, SHUT_WR);
    until_end(r, c);
    if (r->gate.started - started != want.started || (want.started && strcmp(r->gate.last, want.last) != 0))
        fail_msg("mutant %llu: %u started, want %u: %.*s", (unsigned long long)number,
                 r->gate.started - started, want.started, (int)n, text);
    if (r->gate.early - early != want.refused)
        fail_msg("mutant %llu: %u refused, want %d: %.*s", (unsigned long long)number, r->gate.early - early,
                 want.refused, (int)n, text);
    if (strstr(statuses(c), "50") && !strstr(statuses(c), "505"))
        fail_msg("mutant %llu: %s: %.*s", (unsigned long long)number, statuses(c), (int)n, text);
    raw_free(c);
    if (r->gate.early > 4000)
        r->gate.early = 0;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    uint64_t n = otherwise;

    if (text)
        assert_true(num_u64(slice_of(text), 0, UINT32_MAX, &n));
    return n;
}

static void test_mutants(void **state)
{
    (void)state;
    uint64_t count = from_environment("EG_MUTANTS", 3000), first = from_environment("EG_SEED", 0);
    struct rig *r = rig_new();

    for (uint64_t i = first; i < first + count; i++)
        one_mutant(r, i);
    assert_true(count < 100 || r->gate.started > count / 4);
    until_empty(r);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_mutants) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
