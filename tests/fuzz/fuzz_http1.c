/*
 * Fuzz: a stream of requests (or, if the first byte is 'A', of answers) through the framing reader. A trap when
 *   - the stream, cut at other places, tells another story
 *   - a head that was accepted breaks a rule of the grammar, looked at here in another way than the reader's
 *   - the length of a body is not what its head says, or over the limit
 */
#include "core/http1.h"
#include <stdint.h>

#define CHECK(x) ((x) ? (void)0 : abort())
#define BODY_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct story {
    enum http1_kind kind;
    struct http1_reader *reader;
    struct sbuf text;
    size_t fed; /* bytes of the stream taken so far */
    bool ended;
};

static size_t count_of(struct slice head, const char *needle)
{
    size_t n = strlen(needle), count = 0;

    for (size_t i = 0; i + n <= head.n; i++)
        count += slice_eq_nocase(slice_from(head.p + i, n), slice_of(needle));
    return count;
}

static void check_head_bytes(enum http1_kind kind, struct slice head)
{
    CHECK(head.n <= HTTP1_HEAD_MAX_BYTES && slice_ends(head, S("\r\n\r\n")));
    CHECK(count_of(head, "\r\n\r\n") == 1);
    for (size_t i = 0; i < head.n; i++) {
        unsigned char c = (unsigned char)head.p[i];
        CHECK(c != '\n' || (i > 0 && head.p[i - 1] == '\r'));
        CHECK(c != '\r' || (i + 1 < head.n && head.p[i + 1] == '\n'));
        CHECK(c >= 0x20 || c == '\t' || c == '\r' || c == '\n');
        CHECK(c < 0x7f || (kind == HTTP1_ANSWERS && c > 0x7f));
    }
    CHECK(!count_of(head, "\n ") && !count_of(head, "\n\t") && !count_of(head, "\n:"));
    CHECK(!count_of(head, "\ncontent-length :") && !count_of(head, "\ntransfer-encoding :"));
    CHECK(count_of(head, "\ncontent-length:") + count_of(head, "\ntransfer-encoding:") <= 1);
}

static void check_request(const struct http1_msg *m)
{
    struct slice head = sbuf_slice(&m->head);

    CHECK(m->method >= HTTP1_GET && m->method <= HTTP1_DELETE);
    CHECK(slice_eq(m->method_text, slice_of(http1_method_name(m->method))));
    CHECK(m->target.n <= HTTP1_TARGET_MAX_BYTES && slice_starts(m->target, S("/")));
    CHECK(!count_of(m->target, "#") && !count_of(m->target, " "));
    struct slice path = slice_from(m->target.p, slice_find(m->target, '?'));
    CHECK(!count_of(path, "//") && !count_of(path, "/../") && !count_of(path, "%") && !count_of(path, "\\"));
    CHECK(count_of(head, "\nhost:") == 1 && count_of(head, "\ncontent-encoding") == 0);
    for (size_t i = 0; i < m->header_count; i++) {
        size_t count;
        http1_header_get(m, m->headers[i].name, &count);
        CHECK(count == 1);
    }
}

static void tell_head(struct story *s)
{
    const struct http1_msg *m = http1_reader_msg(s->reader);

    CHECK(m && m->header_count <= HTTP1_HEADERS_MAX);
    check_head_bytes(s->kind, sbuf_slice(&m->head));
    if (s->kind == HTTP1_REQUESTS)
        check_request(m);
    else
        CHECK(m->status >= 200 && m->status <= 599);
    sbuf_addf(&s->text, "head %d %d %d %d\n", m->status, m->has_body, m->close, m->expect_continue);
    sbuf_add(&s->text, sbuf_slice(&m->head));
    for (size_t i = 0; i < m->header_count; i++)
        sbuf_addf(&s->text, "%.*s=%.*s\n", SLICE_FMT(m->headers[i].name), SLICE_FMT(m->headers[i].value));
}

static void tell_body(struct story *s)
{
    struct http1_msg *m = http1_reader_take(s->reader);
    struct slice length = http1_header_get(m, S("content-length"), NULL);

    CHECK(m->body.n <= BODY_MAX);
    if (length.p) {
        size_t n = 0;
        for (size_t i = 0; i < length.n; i++)
            n = n * 10 + (size_t)(length.p[i] - '0');
        CHECK(n == m->body.n);
    }
    CHECK(m->has_body == (length.p || http1_header_get(m, S("transfer-encoding"), NULL).p));
    CHECK(m->has_body || !m->body.n);
    sbuf_addf(&s->text, "body %zu at %zu\n", m->body.n, s->fed);
    sbuf_add(&s->text, sbuf_slice(&m->body));
    http1_msg_free(&m);
}

/* Feed a copy of exactly this size. */
static void feed(struct story *s, struct slice piece)
{
    char *copy = malloc(piece.n ? piece.n : 1);
    struct slice in = { copy, piece.n };

    CHECK(copy);
    if (piece.n)
        memcpy(copy, piece.p, piece.n);
    while (!s->ended) {
        const char *before = in.p;
        enum http1_event event = http1_reader_feed(s->reader, &in);
        s->fed += (size_t)(in.p - before);
        if (event == HTTP1_MORE)
            break;
        if (event == HTTP1_HEAD)
            tell_head(s);
        if (event == HTTP1_COMPLETE)
            tell_body(s);
        if (event == HTTP1_VIOLATED) {
            sbuf_addf(&s->text, "bad %s\n", http1_violation_name(http1_reader_violation(s->reader)));
            s->ended = true;
        }
    }
    CHECK(s->ended || !in.n);
    free(copy);
}

static struct story tell(enum http1_kind kind, struct slice raw, uint64_t seed)
{
    struct story s = { .kind = kind, .reader = http1_reader_new(kind, BODY_MAX), .text = SBUF_MAX(1 << 22) };

    CHECK(s.reader);
    while (raw.n && !s.ended) {
        size_t n = raw.n;
        if (seed) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            n = 1 + (size_t)(seed >> 40) % ((seed >> 33) & 1 ? 3 : 40);
        }
        n = n < raw.n ? n : raw.n;
        feed(&s, slice_from(raw.p, n));
        raw = slice_skip(raw, n);
    }
    sbuf_addf(&s.text, "idle %d\n", http1_reader_is_idle(s.reader));
    http1_reader_free(&s.reader);
    CHECK(sbuf_ok(&s.text));
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice raw = slice_from(data, size);

    if (!size)
        return 0;
    enum http1_kind kind = data[0] == 'A' ? HTTP1_ANSWERS : HTTP1_REQUESTS;
    uint64_t seed = 1;
    for (size_t i = 0; i < size; i++)
        seed = (seed ^ data[i]) * UINT64_C(0x100000001b3);
    struct story whole = tell(kind, slice_skip(raw, 1), 0);
    struct story cut = tell(kind, slice_skip(raw, 1), seed | 1);
    CHECK(slice_eq(sbuf_slice(&whole.text), sbuf_slice(&cut.text)));
    sbuf_drop(&whole.text);
    sbuf_drop(&cut.text);
    return 0;
}
