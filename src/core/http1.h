/*
 * http1: strict, incremental HTTP/1.1 framing reader for both directions. Fed bytes, does no I/O, keeps no clock.
 * The listener's guard drives it with what clients send, the upstream connection with what EAS answers.
 *
 * What it accepts is a closed grammar (shared rules: SECURITY section 4 "Framing", "Head", "Target"):
 *   request line   METHOD SP target SP "HTTP/1.1" CRLF; METHOD is a token; the target is origin form: a path of segments
 *                  [A-Za-z0-9._~-] (none empty but the last, none "." or ".."), optionally "?" and printable ASCII without
 *                  blanks and "#". A token that is no method of ours is 405 at the end of its head, whatever its target.
 *   header line    token ":" OWS value OWS CRLF; value bytes 0x20-0x7e and tab (in answers 0x80-0xff, too); no folding; at
 *                  most 64 lines, 16 KiB in all; in requests no name twice, exactly one Host, no Content-Encoding
 *   body           none, Content-Length ("0" or [1-9][0-9]{0,7}, once), or Transfer-Encoding exactly "chunked" (once, never
 *                  beside Content-Length), strict chunk grammar without extensions and without trailers
 *   answers        "HTTP/1.1" SP 3DIGIT SP reason CRLF; up to 8 1xx are skipped whole (101 is a violation); 204 and 304 have
 *                  no body and announce none; all others end by length or by the last chunk, never by the connection's end
 * Everything else is a violation; the first one is final for the reader. What is found does not depend on how the bytes
 * were cut into feeds; a line is judged when its LF is there, a head as a whole at its empty line.
 */
#ifndef EG_HTTP1_H
#define EG_HTTP1_H
#include "base/sbuf.h"
#include <stdint.h>

#define HTTP1_HEADERS_MAX      64
#define HTTP1_HEAD_MAX_BYTES   16384
#define HTTP1_TARGET_MAX_BYTES 8192
#define HTTP1_BODY_MAX_BYTES   99999999 /* what eight digits can say; no reader takes more */
#define HTTP1_INTERIM_MAX      8        /* 1xx answers skipped before a final one */

enum http1_method {
    HTTP1_METHOD_NONE = 0,
    HTTP1_GET,
    HTTP1_POST,
    HTTP1_PUT,
    HTTP1_DELETE,
    HTTP1_METHOD_OTHER
};
const char *http1_method_name(enum http1_method m);
/* Exact, case-sensitive; HTTP1_METHOD_OTHER for every other token. */
enum http1_method http1_method_of(struct slice name);

/* Why a message was refused; names and texts in http1_violation_text. */
enum http1_violation {
    HTTP1_OK = 0,
#define HTTP1_VIOLATION(NAME, name, status, text) HTTP1_BAD_##NAME,
#include "core/http1_violations.def"
#undef HTTP1_VIOLATION
    HTTP1_VIOLATION_COUNT_
};
/* The text for people ("two Content-Length headers"); "" for HTTP1_OK. */
const char *http1_violation_text(enum http1_violation v);
const char *http1_violation_name(
    enum http1_violation v); /* lower case, for records: "content_length_twice" */
/* The status that answers it: 400, 401, 405, 413, 414, 415, 417, 431, 503, 505; 0: close without an answer. */
int http1_violation_status(enum http1_violation v);

struct http1_header {
    struct slice name, value; /* as sent, value without outer blanks */
};

/* One message, on the heap, owned by whoever holds it. The slices point into its own memory. Const once complete. */
struct http1_msg {
    enum http1_method method; /* requests */
    struct slice method_text, target;
    int status; /* answers */
    size_t header_count;
    struct http1_header *headers; /* header_count of them, once the head is complete */
    struct sbuf head;             /* the raw head, from the first byte to the empty line */
    struct sbuf body;             /* decoded (chunks joined) */
    bool has_body;                /* a Content-Length or chunked was there, even if it says 0 */
    bool expect_continue;         /* requests: "Expect: 100-continue" */
    bool close;                   /* "Connection: close" was there */
};

/* Free a message; stores NULL. NULL is fine. */
void http1_msg_free(struct http1_msg **m);
/* The value of the only header of this name (ASCII case ignored), never a NULL slice then; SLICE_NONE when there is none
 * or more than one; *out_count (may be NULL) tells how many. */
struct slice http1_header_get(const struct http1_msg *m, struct slice name, size_t *out_count);

enum http1_kind { HTTP1_REQUESTS = 1, HTTP1_ANSWERS };
enum http1_event {
    HTTP1_MORE = 0, /* all bytes are taken; feed more */
    HTTP1_HEAD,     /* a head is complete (once per message); look at http1_reader_msg, then feed on */
    HTTP1_COMPLETE, /* a message is complete; take it with http1_reader_take; the reader is ready for the next */
    HTTP1_VIOLATED /* see http1_reader_violation; nothing more is taken */
};

struct http1_reader;

/* A reader; body_max_bytes (cut to HTTP1_BODY_MAX_BYTES) bounds the decoded body. NULL without memory. */
struct http1_reader *http1_reader_new(enum http1_kind kind, size_t body_max_bytes);
void http1_reader_free(struct http1_reader **r);
/* Take bytes from *in (advanced past what was taken) until an event. After HTTP1_HEAD feed again, also when *in is empty:
 * a message without a body completes by that call. Until then the caller may refuse it before any byte of its body is
 * taken. HTTP1_COMPLETE leaves bytes of a next message in *in; a message not taken by then is freed by the next feed that
 * has bytes. What is wrong with a head (405, 413, 415, 417 too) is a violation in place of HTTP1_HEAD. */
enum http1_event http1_reader_feed(struct http1_reader *r, struct slice *in);
/* The message whose head is complete (also if the reader refused it then), still owned by the reader; NULL before. */
const struct http1_msg *http1_reader_msg(const struct http1_reader *r);
/* The raw bytes of the head under way, complete or not: a sample for a record. Valid until the next call. */
struct slice http1_reader_raw_head(const struct http1_reader *r);
/* After HTTP1_COMPLETE: the message is the caller's; NULL if there is none to take. */
struct http1_msg *http1_reader_take(struct http1_reader *r);
enum http1_violation http1_reader_violation(const struct http1_reader *r);
/* The caller's own verdict (out of memory, head refused): the reader takes nothing more. An earlier one stays. */
void http1_reader_stop(struct http1_reader *r, enum http1_violation v);
/* Between messages, not one byte of the next taken (a skipped 1xx is one), nothing violated? (An upstream connection may be reused, an idle client closed.) */
bool http1_reader_is_idle(const struct http1_reader *r);
/* Bytes of memory that the message under way holds now. */
size_t http1_reader_held_bytes(const struct http1_reader *r);
#endif
