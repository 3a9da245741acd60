/*
 * answer: the head of an answer to a client, from its status line to the empty line. The only place that names the headers
 * that clients get: a closed list, never a CORS header, from EAS's own answer only content-type, retry-after and
 * x-acs-retry-after, each only up to 256 bytes.
 */
#ifndef EG_ANSWER_H
#define EG_ANSWER_H
#include "flow/ports.h"

/* Says that easgate, not EAS, made the answer: "x-easgate-answered: easgate". */
#define ANSWER_MARK_HEADER "x-easgate-answered"

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7), kept for as long as the second lasts. Zeroed = none yet. */
struct answer_date {
    int64_t second;
    char text[30];
};

/* Append the head of a to out, at most ANSWER_HEAD_MAX bytes. close adds "Connection: close". Ask sbuf_ok(out). */
#define ANSWER_HEAD_MAX 8192
void answer_head(const struct answer *a, bool close, struct answer_date *date, int64_t wall_ms,
                 struct sbuf *out);
/* The body that follows the head: a's own, but none where the status allows none (204, 304). */
struct slice answer_body(const struct answer *a);
/* "Not Found"; "" for statuses without a text here. */
const char *answer_phrase(int status);
#endif
