/*
 * Request line, headers and body length of a head: see emu_head.h. Where a head has two readings this takes the one
 * that servers commonly take (chunked before a length, the first of two lengths) and notes that there was another.
 */
#include "emulator/emu_head.h"

static struct slice cut_line_end(struct slice line, bool *out_bare)
{
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    else
        *out_bare = true;
    return line;
}

static void parse_target(struct emu_request *r)
{
    struct slice t = r->target;

    if (slice_has(t, '#'))
        emu_note(&r->notes, "fragment in the target");
    if (slice_starts_nocase(t, S("http://")) || slice_starts_nocase(t, S("https://"))) {
        emu_note(&r->notes, "absolute target");
        t = slice_skip(t, slice_find(t, '/') + 2);
        t = slice_skip(t, slice_find(t, '/'));
    } else if (!slice_starts(t, S("/"))) {
        emu_note(&r->notes, "target does not begin with a slash");
    }
    size_t at = slice_find(t, '?');
    r->path = slice_from(t.p, at);
    r->has_query = at < t.n;
    r->query = slice_skip(t, at + 1);
    if (r->has_query && r->query.n == 0)
        emu_note(&r->notes, "empty query");
}

static void parse_request_line(struct emu_request *r, struct slice line)
{
    size_t at = slice_find(line, ' ');

    r->method = slice_from(line.p, at);
    struct slice rest = slice_skip(line, at + 1);
    size_t last = rest.n;
    while (last > 0 && rest.p[last - 1] != ' ')
        last--;
    r->version = slice_skip(rest, last);
    if (last > 0 && slice_starts(r->version, S("HTTP/"))) {
        r->target = slice_from(rest.p, last - 1);
    } else {
        r->target = rest;
        r->version = SLICE_NONE;
        emu_note(&r->notes, "no version in the request line");
    }
    for (size_t i = 0; i < r->method.n; i++)
        if (r->method.p[i] < 'A' || r->method.p[i] > 'Z') {
            emu_note(&r->notes, "odd method");
            break;
        }
    if (r->method.n == 0)
        emu_note(&r->notes, "no method");
    if (r->version.p && !slice_eq(r->version, S("HTTP/1.1")))
        emu_note(&r->notes, "version %.*s", SLICE_FMT(r->version));
    if (slice_has(r->target, ' ') || slice_has(r->target, '\t'))
        emu_note(&r->notes, "blank in the target");
    parse_target(r);
}

static void note_odd_bytes(struct emu_request *r)
{
    bool control = false, high = false, cr = false;

    for (size_t i = 0; i < r->head.n; i++) {
        unsigned char c = (unsigned char)r->head.p[i];
        if (c == '\r')
            cr |= i + 1 < r->head.n && r->head.p[i + 1] != '\n';
        else if (c != '\n' && c != '\t' && (c < 0x20 || c == 0x7f))
            control = true;
        high |= c >= 0x80;
    }
    if (cr)
        emu_note(&r->notes, "bare CR in the head");
    if (control)
        emu_note(&r->notes, "control byte in the head");
    if (high)
        emu_note(&r->notes, "byte above 0x7f in the head");
}

static void parse_header(struct emu_request *r, struct slice line)
{
    if ((line.p[0] == ' ' || line.p[0] == '\t') && r->header_count) {
        /* the value simply grows over the line end: all lies in one buffer */
        struct emu_header *last = &r->headers[r->header_count - 1];
        struct slice all = slice_from(last->value.p, (size_t)(line.p + line.n - last->value.p));
        last->value = slice_trim(all);
        emu_note(&r->notes, "folded header %.*s", SLICE_FMT(last->name));
        return;
    }
    if (r->header_count == EMU_HEADERS_MAX) {
        emu_note(&r->notes, "too many headers, the rest left out");
        return;
    }
    size_t at = slice_find(line, ':');
    struct slice name = slice_from(line.p, at);
    if (at == line.n)
        emu_note(&r->notes, "header without colon");
    if (slice_trim(name).n != name.n)
        emu_note(&r->notes, "blank around a header name");
    if (slice_trim(name).n == 0)
        emu_note(&r->notes, "empty header name");
    struct slice value = at < line.n ? slice_skip(line, at + 1) : slice_from(line.p + line.n, 0);
    r->headers[r->header_count++] = (struct emu_header){ slice_trim(name), slice_trim(value) };
}

static void note_repeats(struct emu_request *r)
{
    for (size_t i = 0; i < r->header_count && i < 200; i++)
        for (size_t j = 0; j < i; j++)
            if (slice_eq_nocase(r->headers[i].name, r->headers[j].name)) {
                emu_note(&r->notes, "repeated header %.*s", SLICE_FMT(r->headers[i].name));
                break;
            }
}

/* Leading digits count, whatever stands around them. */
static uint64_t lenient_length(struct emu_request *r, struct slice value)
{
    uint64_t n = 0;
    bool odd = value.n == 0;

    for (size_t i = 0; i < value.n; i++) {
        if (!ascii_is_digit(value.p[i])) {
            odd = true;
            if (i > 0)
                break;
            continue;
        }
        if (n <= UINT64_MAX / 10 - 9)
            n = n * 10 + (uint64_t)(value.p[i] - '0');
    }
    if (odd || (value.n > 1 && value.p[0] == '0'))
        emu_note(&r->notes, "odd content-length");
    return n;
}

static bool has_word(struct slice list, struct slice word)
{
    struct slice part;

    while (slice_split(&list, ',', &part))
        if (slice_eq_nocase(slice_trim(part), word))
            return true;
    return false;
}

static struct emu_body_length body_length(struct emu_request *r)
{
    size_t lengths = 0, codings = 0;
    const struct emu_header *length = emu_request_header(r, S("content-length"), &lengths);
    const struct emu_header *coding = emu_request_header(r, S("transfer-encoding"), &codings);
    struct emu_body_length out = { 0 };

    if (length)
        out.bytes = lenient_length(r, length->value);
    if (lengths > 1)
        emu_note(&r->notes, "several content-lengths");
    if (length && coding)
        emu_note(&r->notes, "content-length and transfer-encoding");
    if (coding) {
        if (codings > 1 || !slice_eq(coding->value, S("chunked")))
            emu_note(&r->notes, "odd transfer-encoding");
        for (size_t i = 0; i < r->header_count; i++)
            if (slice_eq_nocase(r->headers[i].name, S("transfer-encoding")))
                out.chunked |= has_word(r->headers[i].value, S("chunked"));
    }
    if ((out.chunked || out.bytes) && (slice_eq(r->method, S("GET")) || slice_eq(r->method, S("HEAD"))))
        emu_note(&r->notes, "body with %.*s", SLICE_FMT(r->method));
    return out;
}

struct emu_body_length emu_head_parse(struct emu_request *r)
{
    struct slice rest = sbuf_slice(&r->head), line;
    bool bare = false;

    rest.n--; /* the last LF, else the split yields one empty part more */
    slice_split(&rest, '\n', &line);
    parse_request_line(r, cut_line_end(line, &bare));
    while (slice_split(&rest, '\n', &line)) {
        line = cut_line_end(line, &bare);
        if (line.n)
            parse_header(r, line);
    }
    if (bare)
        emu_note(&r->notes, "bare LF in the head");
    note_odd_bytes(r);
    note_repeats(r);
    if (!emu_request_header(r, S("host"), NULL))
        emu_note(&r->notes, "no host");
    const struct emu_header *connection = emu_request_header(r, S("connection"), NULL);
    const struct emu_header *expect = emu_request_header(r, S("expect"), NULL);
    r->keep_alive =
        slice_eq(r->version, S("HTTP/1.1")) && !(connection && has_word(connection->value, S("close")));
    if (slice_eq(r->version, S("HTTP/1.0")) && connection && has_word(connection->value, S("keep-alive")))
        r->keep_alive = true;
    r->expects_continue = expect && slice_eq_nocase(expect->value, S("100-continue"));
    if (expect)
        emu_note(&r->notes, "expect");
    return body_length(r);
}
