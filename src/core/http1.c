/*
 * http1: the framing reader's frame: messages, their events, who owns them. The head is read in http1_head.c,
 * the body in http1_body.c; their shared state is drawn in http1_inner.h. Must never: repair what is wrong,
 * guess where a message ends, take a byte past the message under way, look at a clock or a socket.
 */
#include "core/http1.h"
#include "base/must.h"
#include "core/http1_inner.h"
#include <stdlib.h>

/* Most heads fit, so that most messages cost four allocations: the message, its head, the list of its headers, its body.
 * None of them is of a size that makes the C library tidy up its free memory first (1 KiB in glibc). */
#define HEAD_FIRST_BYTES 1023
#define TLS_HANDSHAKE    '\x16' /* RFC 8446, 5.1: the type of a connection's first record */

static const struct {
    const char *name, *text;
    int status;
} violations[HTTP1_VIOLATION_COUNT_] = {
    [HTTP1_OK] = { "ok", "", 0 },
#define HTTP1_VIOLATION(NAME, name, status, text) [HTTP1_BAD_##NAME] = { #name, text, status },
#include "core/http1_violations.def"
#undef HTTP1_VIOLATION
};

const char *http1_violation_text(enum http1_violation v)
{
    MUST(v < HTTP1_VIOLATION_COUNT_);
    return violations[v].text;
}

const char *http1_violation_name(enum http1_violation v)
{
    MUST(v < HTTP1_VIOLATION_COUNT_);
    return violations[v].name;
}

int http1_violation_status(enum http1_violation v)
{
    MUST(v < HTTP1_VIOLATION_COUNT_);
    return violations[v].status;
}

static const struct {
    struct slice name;
    enum http1_method method;
} methods[] = {
    { S_INIT("GET"), HTTP1_GET },
    { S_INIT("POST"), HTTP1_POST },
    { S_INIT("PUT"), HTTP1_PUT },
    { S_INIT("DELETE"), HTTP1_DELETE },
};
#define METHOD_COUNT (sizeof methods / sizeof methods[0])

const char *http1_method_name(enum http1_method m)
{
    for (size_t i = 0; i < METHOD_COUNT; i++)
        if (methods[i].method == m)
            return methods[i].name.p;
    return m == HTTP1_METHOD_OTHER ? "other" : "none";
}

enum http1_method http1_method_of(struct slice name)
{
    for (size_t i = 0; i < METHOD_COUNT; i++)
        if (slice_eq(methods[i].name, name))
            return methods[i].method;
    return HTTP1_METHOD_OTHER;
}

void http1_msg_free(struct http1_msg **m)
{
    if (!*m)
        return;
    sbuf_drop(&(*m)->head);
    sbuf_drop(&(*m)->body);
    free((*m)->headers);
    free(*m);
    *m = NULL;
}

static struct http1_msg *msg_new(size_t body_max_bytes)
{
    struct http1_msg *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->head = SBUF_MAX(HTTP1_HEAD_MAX_BYTES);
    m->body = SBUF_MAX(body_max_bytes);
    if (!sbuf_room(&m->head, HEAD_FIRST_BYTES))
        http1_msg_free(&m);
    return m;
}

struct slice http1_header_get(const struct http1_msg *m, struct slice name, size_t *out_count)
{
    struct slice value = SLICE_NONE;
    size_t count = 0;

    for (size_t i = 0; i < m->header_count; i++) {
        if (!slice_eq_nocase(m->headers[i].name, name))
            continue;
        value = m->headers[i].value;
        count++;
    }
    if (out_count)
        *out_count = count;
    return count == 1 ? value : SLICE_NONE;
}

struct http1_reader *http1_reader_new(enum http1_kind kind, size_t body_max_bytes)
{
    MUST(kind == HTTP1_REQUESTS || kind == HTTP1_ANSWERS);
    struct http1_reader *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->kind = kind;
    r->is_first = true;
    r->body_max_bytes = body_max_bytes < HTTP1_BODY_MAX_BYTES ? body_max_bytes : HTTP1_BODY_MAX_BYTES;
    return r;
}

void http1_reader_free(struct http1_reader **r)
{
    if (!*r)
        return;
    http1_msg_free(&(*r)->msg);
    free(*r);
    *r = NULL;
}

enum http1_event http1_violate(struct http1_reader *r, enum http1_violation v)
{
    r->state = HTTP1_AT_VIOLATION;
    r->violation = v;
    return HTTP1_VIOLATED;
}

/* The first byte of a message is there. */
static bool begin(struct http1_reader *r, char first)
{
    http1_msg_free(&r->msg);
    if (r->kind == HTTP1_REQUESTS && r->is_first && first == TLS_HANDSHAKE) {
        http1_violate(r, HTTP1_BAD_TLS_ON_PLAIN_PORT);
        return false;
    }
    r->is_head_complete = false;
    r->line_at = 0;
    r->facts = (struct http1_facts){ .has_length = false };
    r->msg = msg_new(r->body_max_bytes);
    if (!r->msg) {
        http1_violate(r, HTTP1_BAD_NO_MEMORY);
        return false;
    }
    r->state = HTTP1_AT_START_LINE;
    return true;
}

enum http1_event http1_reader_feed(struct http1_reader *r, struct slice *in)
{
    if (r->state == HTTP1_AT_VIOLATION)
        return HTTP1_VIOLATED;
    if (r->state == HTTP1_AT_START) {
        if (!in->n)
            return HTTP1_MORE;
        if (!begin(r, in->p[0]))
            return HTTP1_VIOLATED;
    }
    if (r->state == HTTP1_AT_START_LINE || r->state == HTTP1_AT_HEADERS)
        return http1_take_head(r, in);
    enum http1_event event = http1_take_body(r, in);
    if (event == HTTP1_COMPLETE) {
        r->state = HTTP1_AT_START;
        r->is_first = false;
        r->interim_count = 0;
    }
    return event;
}

const struct http1_msg *http1_reader_msg(const struct http1_reader *r)
{
    return r->is_head_complete ? r->msg : NULL;
}

struct slice http1_reader_raw_head(const struct http1_reader *r)
{
    return r->msg ? sbuf_slice(&r->msg->head) : S("");
}

struct http1_msg *http1_reader_take(struct http1_reader *r)
{
    if (r->state != HTTP1_AT_START)
        return NULL;
    struct http1_msg *m = r->msg;
    r->msg = NULL;
    r->is_head_complete = false;
    return m;
}

enum http1_violation http1_reader_violation(const struct http1_reader *r)
{
    return r->violation;
}

void http1_reader_stop(struct http1_reader *r, enum http1_violation v)
{
    MUST(v > HTTP1_OK && v < HTTP1_VIOLATION_COUNT_);
    if (r->state != HTTP1_AT_VIOLATION)
        http1_violate(r, v);
}

bool http1_reader_is_idle(const struct http1_reader *r)
{
    return r->state == HTTP1_AT_START;
}

size_t http1_reader_held_bytes(const struct http1_reader *r)
{
    const struct http1_msg *m = r->msg;

    return m ? sizeof *m + m->header_count * sizeof *m->headers + m->head.cap + m->body.cap : 0;
}
