/*
 * http1_inner: what the three files of the framing reader share; for http1.c, http1_head.c and http1_body.c
 * only.
 *
 *   START -> START_LINE -> HEADERS -> (head complete, announced) -> NO_BODY ----------------------------->
 * DONE = START
 *                  ^__________|                                  -> LENGTH_DATA ------------------------->
 *                   a 1xx skipped                                -> CHUNK_SIZE -> CHUNK_SIZE_LF -> LAST_CR ->
 * LAST_LF -> ^              | |              v CHUNK_DATA_LF <- CHUNK_DATA_CR <- CHUNK_DATA Any state ->
 * VIOLATION, which is final.
 */
#ifndef EG_HTTP1_INNER_H
#define EG_HTTP1_INNER_H
#include "core/http1.h"

enum http1_state {
    HTTP1_AT_START = 0,
    HTTP1_AT_START_LINE,
    HTTP1_AT_HEADERS,
    HTTP1_AT_NO_BODY,
    HTTP1_AT_LENGTH_DATA,
    HTTP1_AT_CHUNK_SIZE,
    HTTP1_AT_CHUNK_SIZE_LF,
    HTTP1_AT_CHUNK_DATA,
    HTTP1_AT_CHUNK_DATA_CR,
    HTTP1_AT_CHUNK_DATA_LF,
    HTTP1_AT_LAST_CR,
    HTTP1_AT_LAST_LF,
    HTTP1_AT_VIOLATION
};

/* A part of the head as offsets: the head's memory may still move while it grows. HTTP1_HEAD_MAX_BYTES fits.
 */
struct http1_span {
    uint16_t at, n;
};

/* What the header lines so far say about the body and about refusing the message. */
struct http1_facts {
    bool has_length, is_chunked, has_host, has_encoding, has_bad_expect, is_length_too_long;
    size_t length_bytes;
};

struct http1_reader {
    enum http1_kind kind;
    enum http1_state state;
    enum http1_violation violation;
    bool is_first;         /* no message was complete before: a TLS hello is possible */
    bool is_head_complete; /* of msg; its slices are set */
    unsigned interim_count;
    size_t body_max_bytes;
    struct http1_msg *msg; /* NULL before the first byte */

    size_t line_at; /* where in the head the line under way begins */
    struct http1_span method, target;
    struct {
        struct http1_span name, value;
    } spans[HTTP1_HEADERS_MAX];
    struct http1_facts facts;

    size_t left_bytes; /* of the length or of the chunk; while its size is read: the size so far */
    unsigned size_digits;
};

/* Take the verdict; the reader takes nothing more. */
enum http1_event http1_violate(struct http1_reader *r, enum http1_violation v);
/* Take bytes of the head. HTTP1_HEAD when it is complete and fine: then the state says how the body is
 * framed. */
enum http1_event http1_take_head(struct http1_reader *r, struct slice *in);
/* Take bytes of the body, in any of its states. */
enum http1_event http1_take_body(struct http1_reader *r, struct slice *in);
#endif
