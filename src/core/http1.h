/*
 * http1: strict, incremental HTTP/1.1 framing reader for both directions. Fed bytes, does no I/O, keeps no clock.
 * The listener's guard drives it with what clients send, the upstream connection with what EAS answers.
 *
 * What it accepts is a closed grammar (shared rules: SECURITY section 4 "Framing", "Head", "Target"):
 *   request line   METHOD SP target SP "HTTP/1.1" CRLF; METHOD is a token; target is printable ASCII without blanks
 *   header line    token ":" OWS value OWS CRLF; value bytes 0x20-0x7e and tab; no folding; at most 64 lines, 16 KiB in all
 *   body           none, Content-Length ("0" or [1-9][0-9]{0,7}, once), or Transfer-Encoding exactly "chunked" (once, never
 *                  beside Content-Length), strict chunk grammar without extensions and without trailers
 *   answers        "HTTP/1.1" SP 3DIGIT SP reason CRLF; 1xx are skipped whole (101 is a violation); a body ends by
 *                  length or by the last chunk, never by the connection's end
 * Everything else is a violation; the first one is final for the reader.
 */
#ifndef EG_HTTP1_H
#define EG_HTTP1_H
#include "base/sbuf.h"
#include <stdint.h>

#define HTTP1_HEADERS_MAX      64
#define HTTP1_HEAD_MAX_BYTES   16384
#define HTTP1_TARGET_MAX_BYTES 8192

enum http1_method { HTTP1_METHOD_NONE = 0, HTTP1_GET, HTTP1_POST, HTTP1_PUT, HTTP1_DELETE, HTTP1_METHOD_OTHER };
const char *http1_method_name(enum http1_method m);
/* Exact, case-sensitive; HTTP1_METHOD_OTHER for every other token. */
enum http1_method http1_method_of(struct slice name);

/* Why a message was refused; names and texts in http1_violation_text. */
enum http1_violation {
    HTTP1_OK = 0,
#define HTTP1_VIOLATION(name, status, text) HTTP1_BAD_##name,
#include "core/http1_violations.def"
#undef HTTP1_VIOLATION
    HTTP1_VIOLATION_COUNT_
};
/* The text for people ("two Content-Length headers") and the status that answers it (400, 413, 414, 417, 431, 505). */
const char *http1_violation_text(enum http1_violation v);
const char *http1_violation_name(enum http1_violation v); /* lower case, for records: "content_length_twice" */
int http1_violation_status(enum http1_violation v);

struct http1_header {
    struct slice name, value; /* as sent, value without outer blanks */
};

/* One message, on the heap, owned by whoever holds it. The slices point into its own memory. Const once complete. */
struct http1_msg {
    enum http1_method method; /* requests */
    struct slice method_text, target;
    int status;               /* answers */
    size_t header_count;
    struct http1_header headers[HTTP1_HEADERS_MAX];
    struct sbuf head;         /* the raw head, from the first byte to the empty line */
    struct sbuf body;         /* decoded (chunks joined) */
    bool has_body;            /* a Content-Length or chunked was there, even if it says 0 */
    bool expect_continue;     /* requests: "Expect: 100-continue" */
    bool close;               /* "Connection: close" was there */
};

/* Free a message; stores NULL. NULL is fine. */
void http1_msg_free(struct http1_msg **m);
/* The value of the only header of this name (ASCII case ignored); SLICE_NONE when absent; *out_count tells how many. */
struct slice http1_header_get(const struct http1_msg *m, struct slice name, size_t *out_count);

enum http1_kind { HTTP1_REQUESTS = 1, HTTP1_ANSWERS };
enum http1_event {
    HTTP1_MORE = 0,  /* all bytes are taken; feed more */
    HTTP1_HEAD,      /* a head is complete (once per message); look at http1_reader_msg, then feed on */
    HTTP1_COMPLETE,  /* a message is complete; take it with http1_reader_take; the reader is ready for the next */
    HTTP1_VIOLATED   /* see http1_reader_violation; nothing more is taken */
};

struct http1_reader;

/* A reader; body_max_bytes bounds the decoded body (413 / answer too large). NULL without memory. */
struct http1_reader *http1_reader_new(enum http1_kind kind, size_t body_max_bytes);
void http1_reader_free(struct http1_reader **r);
/* Answers only: the request just sent was of this method (no method that this program sends has bodiless answers but
 * 204 and 304, which the reader knows). */

/* Take bytes from *in (advanced past what was taken) until an event. HTTP1_COMPLETE leaves bytes of a next message in
 * *in. After HTTP1_HEAD of a request the caller may refuse it before any byte of its body is taken. */
enum http1_event http1_reader_feed(struct http1_reader *r, struct slice *in);
/* The message under way (after HTTP1_HEAD), still owned by the reader; NULL before. */
const struct http1_msg *http1_reader_msg(const struct http1_reader *r);
/* After HTTP1_COMPLETE: the message is the caller's. */
struct http1_msg *http1_reader_take(struct http1_reader *r);
enum http1_violation http1_reader_violation(const struct http1_reader *r);
/* The caller's own verdict (out of memory, head refused): the reader takes nothing more. */
void http1_reader_stop(struct http1_reader *r, enum http1_violation v);
/* Between messages, not one byte of the next taken? (An upstream connection may be reused, an idle client closed.) */
bool http1_reader_is_idle(const struct http1_reader *r);
/* Bytes of memory that the message under way holds now. */
size_t http1_reader_held_bytes(const struct http1_reader *r);
#endif
