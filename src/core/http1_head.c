/*
 * http1_head: the head of a message, line by line, for http1.c (RFC 9112, 2 to 6, without what it merely
 * tolerates). A line is looked at once, when its LF has come; a piece of a line is only searched for the LF.
 * Must never accept a byte in a line, a name or a value that another reader could take for the end of one.
 */
#include "core/http1_inner.h"
#include <string.h>

/* The start line's own limit; the method and the version need less than the rest. */
#define START_LINE_MAX_BYTES (HTTP1_TARGET_MAX_BYTES + 64)
#define LENGTH_DIGITS_MAX    8

/* What a byte may be. */
enum {
    IS_NUL = 1,
    IS_CR = 2,
    IS_CONTROL = 4, /* but tab, CR, NUL */
    IS_HIGH = 8,    /* 0x80-0xff */
    IS_TOKEN = 16,  /* RFC 9110, 5.6.2: tchar */
    IS_PATH = 32,   /* RFC 3986: unreserved */
    IS_HOST = 64,   /* a name, an address in brackets, a port */
    IS_VISIBLE = 128
};
#define N IS_NUL
#define R IS_CR
#define C IS_CONTROL
#define H IS_HIGH
#define B 0 /* tab and space */
#define P IS_VISIBLE
#define T (IS_VISIBLE | IS_TOKEN)
#define W (IS_VISIBLE | IS_TOKEN | IS_PATH)
#define A (IS_VISIBLE | IS_TOKEN | IS_PATH | IS_HOST)
#define O (IS_VISIBLE | IS_HOST)
/* clang-format off */
static const unsigned char byte_class[256] = {
    N, C, C, C, C, C, C, C, C, B, C, C, C, R, C, C, /* 00 */
    C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, /* 10 */
    P, T, P, T, T, T, T, T, P, P, T, T, P, A, A, P, /* 20 */
    A, A, A, A, A, A, A, A, A, A, O, P, P, P, P, P, /* 30 */
    P, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, /* 40 */
    A, A, A, A, A, A, A, A, A, A, A, O, P, O, T, A, /* 50 */
    T, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, /* 60 */
    A, A, A, A, A, A, A, A, A, A, A, P, T, P, W, C, /* 70 */
    H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, /* 80 */
    H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, /* 90 */
    H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, /* a0 */
    H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, /* b0 */
    H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, /* c0 */
    H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, /* d0 */
    H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, /* e0 */
    H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, H, /* f0 */
};
/* clang-format on */
#undef N
#undef R
#undef C
#undef H
#undef B
#undef P
#undef T
#undef W
#undef A
#undef O

static unsigned class_of(char c)
{
    return byte_class[(unsigned char)c];
}

/* Is it not empty, and is every byte of this class? */
static bool all_are(struct slice s, unsigned class)
{
    unsigned all = class;

    for (size_t i = 0; i < s.n; i++)
        all &= class_of(s.p[i]);
    return s.n && all;
}

/* Are all bytes 0x20-0x7e? Eight at a time, since all bytes of all heads pass here. */
static bool is_printable(struct slice s)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t odd = 0, word;
    size_t at = 0;

    for (; s.n - at >= sizeof word; at += sizeof word) {
        memcpy(&word, s.p + at, sizeof word);
        uint64_t del = word ^ (ones * 0x7f);
        odd |= word | ((word - ones * 0x20) & ~word) | ((del - ones) & ~del); /* >= 0x80, < 0x20, 0x7f */
    }
    for (; at < s.n; at++)
        odd |= s.p[at] < 0x20 || s.p[at] > 0x7e ? tops : 0; /* 0x80 and above: below 0 or above 0x7e */
    return !(odd & tops);
}

/* The line ends in LF; *out_text is what stands before its CRLF. */
static enum http1_violation check_line_bytes(struct slice line, bool high_allowed, struct slice *out_text)
{
    if (line.n < 2 || line.p[line.n - 2] != '\r')
        return HTTP1_BAD_BARE_LF;
    *out_text = slice_from(line.p, line.n - 2);
    if (is_printable(*out_text))
        return HTTP1_OK;
    unsigned any = 0;
    for (size_t i = 0; i < out_text->n; i++)
        any |= class_of(out_text->p[i]);
    if (any & IS_NUL)
        return HTTP1_BAD_NUL_BYTE;
    if (any & IS_CR)
        return HTTP1_BAD_BARE_CR;
    if (any & IS_CONTROL)
        return HTTP1_BAD_CONTROL_BYTE;
    return (any & IS_HIGH) && !high_allowed ? HTTP1_BAD_NON_ASCII_BYTE : HTTP1_OK;
}

static struct http1_span span_of(const struct http1_reader *r, struct slice s)
{
    return (struct http1_span){ (uint16_t)(s.p - r->msg->head.p), (uint16_t)s.n };
}

static struct slice slice_at(const struct http1_reader *r, struct http1_span span)
{
    return slice_from(r->msg->head.p + span.at, span.n);
}

/* path begins with a slash. Segments of allowed characters; only the last one may be empty. */
static enum http1_violation check_path(struct slice path)
{
    struct slice rest = slice_skip(path, 1), segment;

    while (slice_split(&rest, '/', &segment)) {
        if (!segment.n && rest.p)
            return HTTP1_BAD_TARGET_EMPTY_SEGMENT;
        if (slice_eq(segment, S(".")) || slice_eq(segment, S("..")))
            return HTTP1_BAD_TARGET_DOT_SEGMENT;
        if (segment.n && !all_are(segment, IS_PATH))
            return HTTP1_BAD_TARGET_CHARACTER;
    }
    return HTTP1_OK;
}

static enum http1_violation check_target(struct slice target, enum http1_method method)
{
    if (target.n > HTTP1_TARGET_MAX_BYTES)
        return HTTP1_BAD_TARGET_TOO_LONG;
    if (!all_are(target, IS_VISIBLE))
        return HTTP1_BAD_TARGET_CHARACTER;
    if (method == HTTP1_METHOD_OTHER) /* "*" and "host:443" are right for some; 405 at the end of the head */
        return HTTP1_OK;
    if (target.p[0] != '/') {
        size_t colon = slice_find(target, ':');
        return slice_starts(slice_skip(target, colon), S("://")) ? HTTP1_BAD_TARGET_ABSOLUTE
                                                                 : HTTP1_BAD_TARGET_NO_SLASH;
    }
    if (slice_has(target, '#'))
        return HTTP1_BAD_TARGET_FRAGMENT;
    return check_path(slice_from(target.p, slice_find(target, '?')));
}

static enum http1_violation take_request_line(struct http1_reader *r, struct slice line)
{
    struct slice method, target;

    if (!line.n)
        return HTTP1_BAD_EMPTY_LINE;
    if (!slice_split(&line, ' ', &method) || !slice_split(&line, ' ', &target))
        return HTTP1_BAD_REQUEST_LINE;
    if (!method.n || !target.n || !slice_starts(line, S("HTTP/")) || slice_has(line, ' '))
        return HTTP1_BAD_REQUEST_LINE;
    if (!all_are(method, IS_TOKEN))
        return HTTP1_BAD_METHOD;
    if (!slice_eq(line, S("HTTP/1.1")))
        return HTTP1_BAD_VERSION;
    r->msg->method = http1_method_of(method);
    r->method = span_of(r, method);
    r->target = span_of(r, target);
    return check_target(target, r->msg->method);
}

static enum http1_violation take_status_line(struct http1_reader *r, struct slice line)
{
    struct slice rest = slice_skip(line, 9);

    if (!slice_starts(line, S("HTTP/1.1 ")))
        return slice_starts(line, S("HTTP/")) ? HTTP1_BAD_VERSION : HTTP1_BAD_STATUS_LINE;
    if (rest.n < 4 || rest.p[3] != ' ')
        return HTTP1_BAD_STATUS_LINE;
    for (size_t i = 0; i < 3; i++) {
        if (!ascii_is_digit(rest.p[i]))
            return HTTP1_BAD_STATUS_LINE;
        r->msg->status = r->msg->status * 10 + (rest.p[i] - '0');
    }
    return r->msg->status < 100 || r->msg->status > 599 ? HTTP1_BAD_STATUS_CODE : HTTP1_OK;
}

/* Headers that this reader itself understands. */
enum known {
    KNOWN_NONE = 0,
    KNOWN_HOST,
    KNOWN_CONTENT_LENGTH,
    KNOWN_TRANSFER_ENCODING,
    KNOWN_CONTENT_ENCODING,
    KNOWN_EXPECT,
    KNOWN_CONNECTION,
    KNOWN_TOKEN
};
static const struct {
    struct slice name;
    enum known known;
} known_headers[] = {
    { S_INIT("host"), KNOWN_HOST },
    { S_INIT("content-length"), KNOWN_CONTENT_LENGTH },
    { S_INIT("transfer-encoding"), KNOWN_TRANSFER_ENCODING },
    { S_INIT("content-encoding"), KNOWN_CONTENT_ENCODING },
    { S_INIT("expect"), KNOWN_EXPECT },
    { S_INIT("connection"), KNOWN_CONNECTION },
    { S_INIT("authorization"), KNOWN_TOKEN },
    { S_INIT("x-acs-bearer-token"), KNOWN_TOKEN },
};

static enum known known_of(struct slice name)
{
    for (size_t i = 0; i < sizeof known_headers / sizeof known_headers[0]; i++)
        if (known_headers[i].name.n == name.n && slice_eq_nocase(known_headers[i].name, name))
            return known_headers[i].known;
    return KNOWN_NONE;
}

/* Would a reader that takes "_" for "-" see a header that frames the body? */
static bool is_framing_twin(struct slice name)
{
    char dashed[sizeof "transfer-encoding"];

    if (name.n > sizeof dashed || !slice_has(name, '_'))
        return false;
    for (size_t i = 0; i < name.n; i++)
        dashed[i] = name.p[i] == '_' ? '-' : name.p[i];
    enum known known = known_of(slice_from(dashed, name.n));
    return known == KNOWN_CONTENT_LENGTH || known == KNOWN_TRANSFER_ENCODING ||
           known == KNOWN_CONTENT_ENCODING;
}

static enum http1_violation check_name(struct slice name)
{
    if (!name.n)
        return HTTP1_BAD_HEADER_NAME_EMPTY;
    if (all_are(name, IS_TOKEN))
        return is_framing_twin(name) ? HTTP1_BAD_HEADER_UNDERSCORE : HTTP1_OK;
    while (name.n && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
        name.n--;
    return all_are(name, IS_TOKEN) ? HTTP1_BAD_BLANK_BEFORE_COLON : HTTP1_BAD_HEADER_NAME;
}

static enum http1_violation violation_of_twice(enum known known)
{
    switch (known) {
    case KNOWN_HOST:
        return HTTP1_BAD_HOST_TWICE;
    case KNOWN_CONTENT_LENGTH:
        return HTTP1_BAD_CONTENT_LENGTH_TWICE;
    case KNOWN_TRANSFER_ENCODING:
        return HTTP1_BAD_TRANSFER_ENCODING_TWICE;
    case KNOWN_TOKEN:
        return HTTP1_BAD_TOKEN_TWICE;
    case KNOWN_NONE:
    case KNOWN_CONTENT_ENCODING:
    case KNOWN_EXPECT:
    case KNOWN_CONNECTION:
        break;
    }
    return HTTP1_BAD_HEADER_TWICE;
}

/* Answers may repeat what does not frame them (Set-Cookie); requests may repeat nothing. */
static bool is_repeated(const struct http1_reader *r, struct slice name, enum known known)
{
    if (r->kind == HTTP1_ANSWERS && known != KNOWN_CONTENT_LENGTH && known != KNOWN_TRANSFER_ENCODING)
        return false;
    for (size_t i = 0; i < r->msg->header_count; i++)
        if (r->spans[i].name.n == name.n && slice_eq_nocase(slice_at(r, r->spans[i].name), name))
            return true;
    return false;
}

/* Only spaces stand around a framing value: readers disagree about a tab there. */
static struct slice trim_spaces(struct slice raw)
{
    while (raw.n && raw.p[0] == ' ')
        raw = slice_skip(raw, 1);
    while (raw.n && raw.p[raw.n - 1] == ' ')
        raw.n--;
    return raw;
}

static enum http1_violation take_length(struct http1_facts *facts, struct slice value)
{
    size_t n = 0;

    for (size_t i = 0; i < value.n; i++)
        if (!ascii_is_digit(value.p[i]))
            return HTTP1_BAD_CONTENT_LENGTH;
    if (!value.n || (value.n > 1 && value.p[0] == '0'))
        return HTTP1_BAD_CONTENT_LENGTH;
    facts->has_length = true;
    facts->is_length_too_long = value.n > LENGTH_DIGITS_MAX;
    for (size_t i = 0; i < value.n && !facts->is_length_too_long; i++)
        n = n * 10 + (size_t)(value.p[i] - '0');
    facts->length_bytes = n;
    return facts->is_chunked ? HTTP1_BAD_LENGTH_AND_CHUNKED : HTTP1_OK;
}

static enum http1_violation take_encoding(struct http1_facts *facts, struct slice value)
{
    if (!slice_eq_nocase(value, S("chunked")))
        return HTTP1_BAD_TRANSFER_ENCODING;
    facts->is_chunked = true;
    return facts->has_length ? HTTP1_BAD_LENGTH_AND_CHUNKED : HTTP1_OK;
}

static bool lists_close(struct slice value)
{
    struct slice option;

    while (slice_split(&value, ',', &option))
        if (slice_eq_nocase(slice_trim(option), S("close")))
            return true;
    return false;
}

/* raw is the value with its outer blanks. */
static enum http1_violation take_known(struct http1_reader *r, enum known known, struct slice raw)
{
    struct slice value = slice_trim(raw);

    switch (known) {
    case KNOWN_HOST:
        r->facts.has_host = true;
        return r->kind == HTTP1_ANSWERS || all_are(value, IS_HOST) ? HTTP1_OK : HTTP1_BAD_HOST;
    case KNOWN_CONTENT_LENGTH:
        return take_length(&r->facts, trim_spaces(raw));
    case KNOWN_TRANSFER_ENCODING:
        return take_encoding(&r->facts, trim_spaces(raw));
    case KNOWN_CONTENT_ENCODING:
        r->facts.has_encoding = true;
        break;
    case KNOWN_EXPECT:
        r->msg->expect_continue = slice_eq_nocase(value, S("100-continue"));
        r->facts.has_bad_expect = !r->msg->expect_continue;
        break;
    case KNOWN_CONNECTION:
        r->msg->close = r->msg->close || lists_close(value);
        break;
    case KNOWN_NONE:
    case KNOWN_TOKEN:
        break;
    }
    return HTTP1_OK;
}

static enum http1_violation take_header_line(struct http1_reader *r, struct slice line)
{
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return HTTP1_BAD_FOLDED_LINE;
    size_t colon = slice_find(line, ':');
    if (colon == line.n)
        return HTTP1_BAD_HEADER_NO_COLON;
    struct slice name = slice_from(line.p, colon);
    struct slice raw = slice_skip(line, colon + 1);
    enum http1_violation v = check_name(name);
    if (v)
        return v;
    if (r->msg->header_count == HTTP1_HEADERS_MAX)
        return HTTP1_BAD_TOO_MANY_HEADERS;
    enum known known = known_of(name);
    if (is_repeated(r, name, known))
        return violation_of_twice(known);
    size_t i = r->msg->header_count++;
    r->spans[i].name = span_of(r, name);
    r->spans[i].value = span_of(r, slice_trim(raw));
    return take_known(r, known, raw);
}

/* The head stays where it is from now on: offsets become slices. False without memory. */
static bool set_slices(struct http1_reader *r)
{
    struct http1_msg *m = r->msg;

    free(m->headers); /* of a 1xx before */
    m->headers = malloc((m->header_count + 1) * sizeof *m->headers);
    if (!m->headers)
        return false;
    if (r->kind == HTTP1_REQUESTS) {
        m->method_text = slice_at(r, r->method);
        m->target = slice_at(r, r->target);
    }
    for (size_t i = 0; i < m->header_count; i++)
        m->headers[i] =
            (struct http1_header){ slice_at(r, r->spans[i].name), slice_at(r, r->spans[i].value) };
    m->has_body = r->facts.has_length || r->facts.is_chunked;
    r->is_head_complete = true;
    return true;
}

static enum http1_violation judge_request(const struct http1_reader *r)
{
    if (r->msg->method == HTTP1_METHOD_OTHER)
        return HTTP1_BAD_METHOD_NOT_ALLOWED;
    if (!r->facts.has_host)
        return HTTP1_BAD_HOST_MISSING;
    if (r->facts.has_encoding)
        return HTTP1_BAD_CONTENT_ENCODING;
    return r->facts.has_bad_expect ? HTTP1_BAD_EXPECTATION : HTTP1_OK;
}

static enum http1_violation judge_answer(struct http1_reader *r)
{
    int status = r->msg->status;

    if (status == 101)
        return HTTP1_BAD_SWITCHED_PROTOCOL;
    if (status < 200 && ++r->interim_count > HTTP1_INTERIM_MAX)
        return HTTP1_BAD_TOO_MANY_INTERIM;
    if (status >= 200 && status != 204 && status != 304)
        return r->msg->has_body ? HTTP1_OK : HTTP1_BAD_NO_LENGTH;
    /* A length of 0 says what is so anyway; some servers send it. */
    bool announced = r->facts.is_chunked || r->facts.is_length_too_long || r->facts.length_bytes;
    return announced ? HTTP1_BAD_BODY_NOT_ALLOWED : HTTP1_OK;
}

static void forget_interim(struct http1_reader *r)
{
    sbuf_clear(&r->msg->head);
    r->msg->header_count = 0;
    r->msg->status = 0;
    r->msg->close = r->msg->expect_continue = r->msg->has_body = false;
    r->facts = (struct http1_facts){ .has_length = false };
    r->is_head_complete = false;
    r->line_at = 0;
    r->state = HTTP1_AT_START_LINE;
}

static enum http1_event end_head(struct http1_reader *r)
{
    if (!set_slices(r))
        return http1_violate(r, HTTP1_BAD_NO_MEMORY);
    enum http1_violation v = r->kind == HTTP1_REQUESTS ? judge_request(r) : judge_answer(r);
    if (v)
        return http1_violate(r, v);
    if (r->kind == HTTP1_ANSWERS && r->msg->status < 200) {
        forget_interim(r);
        return HTTP1_MORE;
    }
    if (r->facts.is_length_too_long || r->facts.length_bytes > r->body_max_bytes)
        return http1_violate(r, HTTP1_BAD_BODY_TOO_LONG);
    r->left_bytes = r->facts.length_bytes;
    r->size_digits = 0;
    r->state = r->facts.is_chunked     ? HTTP1_AT_CHUNK_SIZE
               : r->facts.length_bytes ? HTTP1_AT_LENGTH_DATA
                                       : HTTP1_AT_NO_BODY;
    return HTTP1_HEAD;
}

/* A whole line, with its LF, stands in the head from line_at on. HTTP1_MORE when the head goes on. */
static enum http1_event take_line(struct http1_reader *r)
{
    struct sbuf *head = &r->msg->head;
    struct slice text, line = slice_from(head->p + r->line_at, head->n - r->line_at);
    enum http1_violation v = check_line_bytes(line, r->kind == HTTP1_ANSWERS, &text);

    if (v)
        return http1_violate(r, v);
    r->line_at = head->n;
    if (r->state == HTTP1_AT_HEADERS && !text.n)
        return end_head(r);
    if (r->state == HTTP1_AT_HEADERS)
        v = take_header_line(r, text);
    else
        v = r->kind == HTTP1_REQUESTS ? take_request_line(r, text) : take_status_line(r, text);
    if (v)
        return http1_violate(r, v);
    r->state = HTTP1_AT_HEADERS;
    return HTTP1_MORE;
}

/* The head is full, or its start line is. */
static enum http1_violation violation_of_length(const struct http1_reader *r)
{
    bool in_request_line = r->kind == HTTP1_REQUESTS && r->state == HTTP1_AT_START_LINE;

    return in_request_line ? HTTP1_BAD_TARGET_TOO_LONG : HTTP1_BAD_HEAD_TOO_LONG;
}

enum http1_event http1_take_head(struct http1_reader *r, struct slice *in)
{
    struct sbuf *head = &r->msg->head;
    enum http1_event event = HTTP1_MORE;

    while (event == HTTP1_MORE) {
        size_t max = r->state == HTTP1_AT_START_LINE ? START_LINE_MAX_BYTES : HTTP1_HEAD_MAX_BYTES;
        size_t room = max - head->n;
        size_t n = in->n < room ? in->n : room;
        const char *lf = n ? memchr(in->p, '\n', n) : NULL;
        if (lf)
            n = (size_t)(lf - in->p) + 1;
        sbuf_add(head, slice_from(in->p, n));
        *in = slice_skip(*in, n);
        if (!sbuf_ok(head))
            return http1_violate(r, HTTP1_BAD_NO_MEMORY);
        if (!lf)
            return n == room ? http1_violate(r, violation_of_length(r)) : HTTP1_MORE;
        event = take_line(r);
    }
    return event;
}
