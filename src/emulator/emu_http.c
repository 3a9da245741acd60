/*
 * The lenient reader of requests: see emu_http.h. A state machine over bytes:
 *
 *   HEAD --empty line--> BODY (length) -----------------------> DONE
 *                    \-> CHUNK_SIZE <-> CHUNK_DATA -> TRAILER -> DONE
 *
 * It must never refuse what it can interpret, and never interpret without a note what RFC 9112 forbids.
 * The head is taken apart in emu_head.c.
 */
#include "emulator/emu_http.h"
#include "emulator/emu_head.h"
#include "base/enc.h"

enum state {
    IN_HEAD = 0,
    IN_BODY,
    IN_CHUNK_SIZE,
    IN_CHUNK_DATA,
    IN_CHUNK_END,
    IN_TRAILER,
    IS_DONE,
    IS_BROKEN
};

struct emu_http {
    struct emu_request r;
    enum state state;
    size_t line_start; /* in r.head */
    uint64_t left;     /* bytes of the body or of the chunk that are missing */
    struct sbuf line;  /* a chunk size or trailer line that is not complete */
};

void emu_note(struct sbuf *notes, const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (notes->n + sizeof text * 6 > notes->max)
        return;
    if (notes->n)
        sbuf_addc(notes, ',');
    enc_json_string(slice_of(text), notes);
}

struct emu_http *emu_http_new(void)
{
    struct emu_http *h = calloc(1, sizeof *h);

    if (!h)
        return NULL;
    h->r.headers = calloc(EMU_HEADERS_MAX, sizeof *h->r.headers);
    h->r.head = SBUF_MAX(EMU_HEAD_MAX);
    h->r.body = SBUF_MAX(EMU_BODY_MAX);
    h->r.notes = SBUF_MAX(EMU_NOTES_MAX);
    h->line = SBUF_MAX(EMU_NOTES_MAX);
    if (!h->r.headers)
        emu_http_free(&h);
    return h;
}

void emu_http_free(struct emu_http **at)
{
    struct emu_http *h = *at;

    *at = NULL;
    if (!h)
        return;
    sbuf_drop(&h->r.head);
    sbuf_drop(&h->r.body);
    sbuf_drop(&h->r.notes);
    sbuf_drop(&h->line);
    free(h->r.headers);
    free(h);
}

void emu_http_next(struct emu_http *h)
{
    struct emu_request *r = &h->r;

    sbuf_clear(&r->head);
    sbuf_clear(&r->notes);
    if (r->body.cap > 1U << 20)
        sbuf_drop(&r->body);
    sbuf_clear(&r->body);
    sbuf_clear(&h->line);
    *r = (struct emu_request){ .head = r->head, .body = r->body, .notes = r->notes, .headers = r->headers };
    h->state = IN_HEAD;
    h->line_start = 0;
    h->left = 0;
}

struct emu_request *emu_http_request(struct emu_http *h)
{
    return &h->r;
}

bool emu_http_is_started(const struct emu_http *h)
{
    return h->r.head.n > 0;
}

static enum emu_http_event broken(struct emu_http *h, const char *why)
{
    emu_note(&h->r.notes, "%s", why);
    h->state = IS_BROKEN;
    return EMU_HTTP_BROKEN;
}

static enum emu_http_event done(struct emu_http *h)
{
    h->r.complete = true;
    h->state = IS_DONE;
    return EMU_HTTP_DONE;
}

static enum emu_http_event end_head(struct emu_http *h)
{
    struct emu_body_length length = emu_head_parse(&h->r);

    h->r.has_head = true;
    h->left = length.chunked ? 0 : length.bytes;
    h->state = length.chunked ? IN_CHUNK_SIZE : IN_BODY;
    return EMU_HTTP_HEAD;
}

static enum emu_http_event feed_head(struct emu_http *h, struct slice in, size_t *used)
{
    struct sbuf *head = &h->r.head;

    while (*used < in.n) {
        struct slice rest = slice_skip(in, *used);
        size_t at = slice_find(rest, '\n');
        size_t take = at < rest.n ? at + 1 : rest.n;
        sbuf_add(head, slice_from(rest.p, take));
        *used += take;
        if (!sbuf_ok(head))
            return broken(h, "head too long");
        if (at == rest.n)
            break;
        struct slice line = slice_skip(sbuf_slice(head), h->line_start);
        bool is_empty = line.n == 1 || (line.n == 2 && line.p[0] == '\r');
        h->line_start = head->n;
        if (!is_empty)
            continue;
        if (line.n < head->n)
            return end_head(h);
        emu_note(&h->r.notes, "empty line before the request");
        sbuf_clear(head);
        h->line_start = 0;
    }
    return EMU_HTTP_MORE;
}

/* Move up to h->left bytes into the body; true when none is missing any more. */
static bool take_body(struct emu_http *h, struct slice in, size_t *used)
{
    size_t here = in.n - *used;
    size_t take = h->left < here ? (size_t)h->left : here;

    sbuf_add(&h->r.body, slice_from(in.p + *used, take));
    *used += take;
    h->left -= take;
    return h->left == 0;
}

/* A whole line into h->line, without its end; false while it is incomplete. */
static bool take_line(struct emu_http *h, struct slice in, size_t *used)
{
    struct slice rest = slice_skip(in, *used);
    size_t at = slice_find(rest, '\n');

    sbuf_add(&h->line, slice_from(rest.p, at));
    *used += at < rest.n ? at + 1 : rest.n;
    if (at == rest.n)
        return false;
    if (h->line.n && h->line.p[h->line.n - 1] == '\r')
        h->line.p[--h->line.n] = '\0';
    else
        emu_note(&h->r.notes, "bare LF in chunked body");
    return true;
}

static bool chunk_size(struct emu_http *h, uint64_t *out)
{
    struct slice line = sbuf_slice(&h->line);
    uint64_t n = 0;
    size_t at = 0;

    for (; at < line.n; at++) {
        char c = ascii_lower(line.p[at]);
        if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'f'))
            break;
        if (n > EMU_BODY_MAX)
            return false;
        n = n * 16 + (uint64_t)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    if (at == 0 || n > EMU_BODY_MAX)
        return false;
    if (at < line.n)
        emu_note(&h->r.notes, "chunk extension or blanks: %.*s", SLICE_FMT(slice_skip(line, at)));
    *out = n;
    return true;
}

static enum emu_http_event feed_chunk_line(struct emu_http *h, struct slice in, size_t *used)
{
    uint64_t n;

    if (!take_line(h, in, used))
        return sbuf_ok(&h->line) ? EMU_HTTP_MORE : broken(h, "chunk line too long");
    if (h->state == IN_TRAILER) {
        if (h->line.n == 0)
            return done(h);
        emu_note(&h->r.notes, "trailer: %s", h->line.p);
    } else if (h->state == IN_CHUNK_END) {
        if (h->line.n)
            emu_note(&h->r.notes, "bytes beyond the end of a chunk");
        h->state = IN_CHUNK_SIZE;
    } else {
        if (!chunk_size(h, &n))
            return broken(h, "unreadable chunk size");
        h->left = n;
        h->state = n ? IN_CHUNK_DATA : IN_TRAILER;
    }
    sbuf_clear(&h->line);
    return EMU_HTTP_MORE;
}

enum emu_http_event emu_http_feed(struct emu_http *h, struct slice in, size_t *out_used)
{
    enum emu_http_event event = EMU_HTTP_MORE;

    *out_used = 0;
    if (h->state == IN_HEAD)
        return feed_head(h, in, out_used);
    if (h->state == IN_BODY)
        event = take_body(h, in, out_used) ? done(h) : EMU_HTTP_MORE;
    while (event == EMU_HTTP_MORE && *out_used < in.n) {
        if (h->state == IN_CHUNK_DATA) {
            if (take_body(h, in, out_used))
                h->state = IN_CHUNK_END;
        } else if (h->state == IN_CHUNK_SIZE || h->state == IN_CHUNK_END || h->state == IN_TRAILER) {
            event = feed_chunk_line(h, in, out_used);
        } else {
            break;
        }
    }
    return sbuf_ok(&h->r.body) ? event : broken(h, "body too long");
}

const struct emu_header *emu_request_header(const struct emu_request *r, struct slice name, size_t *out_count)
{
    const struct emu_header *first = NULL;
    size_t count = 0;

    for (size_t i = 0; i < r->header_count; i++) {
        if (!slice_eq_nocase(r->headers[i].name, name))
            continue;
        if (!first)
            first = &r->headers[i];
        count++;
    }
    if (out_count)
        *out_count = count;
    return first;
}
