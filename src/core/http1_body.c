/*
 * http1_body: the body of a message by Content-Length or in chunks, for http1.c.
 * Must never take more than the framing says, hold more than body_max_bytes, or accept a chunk line that
 * another reader could read as another size (RFC 9112, 7.1, without its extensions and trailers).
 */
#include "core/http1_inner.h"

#define CHUNK_SIZE_DIGITS_MAX 8
/* Reserved before it arrived; more only as it arrives, so that a promise of bytes costs nothing. */
#define BODY_AHEAD_MAX_BYTES 16384

static enum http1_event take_data(struct http1_reader *r, struct slice *in, enum http1_state next)
{
    struct sbuf *body = &r->msg->body;
    size_t n = in->n < r->left_bytes ? in->n : r->left_bytes;

    if (!n)
        return HTTP1_MORE;
    if (!body->p)
        sbuf_room(body, r->left_bytes < BODY_AHEAD_MAX_BYTES ? r->left_bytes : BODY_AHEAD_MAX_BYTES);
    sbuf_add(body, slice_from(in->p, n));
    if (!sbuf_ok(body)) /* its maximum was checked where the size was read */
        return http1_violate(r, HTTP1_BAD_NO_MEMORY);
    *in = slice_skip(*in, n);
    r->left_bytes -= n;
    if (!r->left_bytes)
        r->state = next;
    return HTTP1_MORE;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static enum http1_violation take_size_byte(struct http1_reader *r, char c)
{
    int value = hex_value(c);

    if (value < 0) {
        if (c == ';' && r->size_digits)
            return HTTP1_BAD_CHUNK_EXTENSION;
        if (c != '\r' || !r->size_digits)
            return HTTP1_BAD_CHUNK_SIZE;
        r->state = HTTP1_AT_CHUNK_SIZE_LF;
        return HTTP1_OK;
    }
    if (r->size_digits == CHUNK_SIZE_DIGITS_MAX)
        return HTTP1_BAD_CHUNK_SIZE;
    r->left_bytes = r->left_bytes * 16 + (size_t)value;
    r->size_digits++;
    return HTTP1_OK;
}

static enum http1_violation take_size_end(struct http1_reader *r, char c)
{
    if (c != '\n')
        return HTTP1_BAD_CHUNK_SIZE;
    r->size_digits = 0;
    if (!r->left_bytes) {
        r->state = HTTP1_AT_LAST_CR;
        return HTTP1_OK;
    }
    if (r->left_bytes > r->body_max_bytes - r->msg->body.n)
        return HTTP1_BAD_BODY_TOO_LONG;
    r->state = HTTP1_AT_CHUNK_DATA;
    return HTTP1_OK;
}

static enum http1_violation take_expected(struct http1_reader *r, char c, char expected,
                                          enum http1_state next, enum http1_violation otherwise)
{
    if (c != expected)
        return otherwise;
    r->state = next;
    return HTTP1_OK;
}

/* One byte of what is around the chunks' data. */
static enum http1_violation take_chunk_byte(struct http1_reader *r, char c)
{
    switch (r->state) {
    case HTTP1_AT_CHUNK_SIZE:
        return take_size_byte(r, c);
    case HTTP1_AT_CHUNK_SIZE_LF:
        return take_size_end(r, c);
    case HTTP1_AT_CHUNK_DATA_CR:
        return take_expected(r, c, '\r', HTTP1_AT_CHUNK_DATA_LF, HTTP1_BAD_CHUNK_END);
    case HTTP1_AT_CHUNK_DATA_LF:
        return take_expected(r, c, '\n', HTTP1_AT_CHUNK_SIZE, HTTP1_BAD_CHUNK_END);
    case HTTP1_AT_LAST_CR:
        return take_expected(r, c, '\r', HTTP1_AT_LAST_LF, HTTP1_BAD_TRAILER);
    case HTTP1_AT_LAST_LF:
        return take_expected(r, c, '\n', HTTP1_AT_NO_BODY, HTTP1_BAD_TRAILER);
    case HTTP1_AT_START:
    case HTTP1_AT_START_LINE:
    case HTTP1_AT_HEADERS:
    case HTTP1_AT_NO_BODY:
    case HTTP1_AT_LENGTH_DATA:
    case HTTP1_AT_CHUNK_DATA:
    case HTTP1_AT_VIOLATION:
        break;
    }
    return HTTP1_BAD_CHUNK_SIZE; /* not reached: http1_take_body sends none of these states here */
}

enum http1_event http1_take_body(struct http1_reader *r, struct slice *in)
{
    while (r->state != HTTP1_AT_NO_BODY) {
        if (!in->n)
            return HTTP1_MORE;
        if (r->state == HTTP1_AT_LENGTH_DATA || r->state == HTTP1_AT_CHUNK_DATA) {
            bool by_length = r->state == HTTP1_AT_LENGTH_DATA;
            if (take_data(r, in, by_length ? HTTP1_AT_NO_BODY : HTTP1_AT_CHUNK_DATA_CR) == HTTP1_VIOLATED)
                return HTTP1_VIOLATED;
            continue;
        }
        enum http1_violation v = take_chunk_byte(r, in->p[0]);
        if (v)
            return http1_violate(r, v);
        *in = slice_skip(*in, 1);
    }
    return HTTP1_COMPLETE;
}
