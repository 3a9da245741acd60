/*
 * syslog_rec: an audit record as a syslog message of RFC 5424, and the framings that carry messages over streams. Pure.
 *
 *   <PRI>1 T HOST easgate RUN TYPE [easgate@32473 seq="N"] LINE
 *   PRI       facility 13 (log audit); severity by type: 4 (warning) for recover, clock and ship, 5 (notice) for deny,
 *             counted and policy, 6 (informational) for the rest
 *   T         the record's own time: when it happened, not when it was shipped
 *   RUN       the record's run as PROCID: it changes when the gateway starts anew
 *   TYPE      the record's type as MSGID
 *   N         the record's seq: a receiver drops by it what came twice (32473 is the enterprise number of RFC 5612, for who
 *             has none)
 *   LINE      the whole line of the log, ASCII, so that the chain can be verified from what the collector holds
 */
#ifndef EG_SYSLOG_REC_H
#define EG_SYSLOG_REC_H
#include "core/audit_chain.h"

#define SYSLOG_HOST_MAX_BYTES    255 /* RFC 5424, 6: HOSTNAME */
#define SYSLOG_HEAD_MAX_BYTES    512 /* all that stands before LINE, at most */
#define SYSLOG_MESSAGE_MAX_BYTES (SYSLOG_HEAD_MAX_BYTES + AUDIT_LINE_MAX_BYTES)

/* A HOSTNAME from any text: what is no printable ASCII becomes '-', too much is cut, nothing is "-". */
void syslog_host(struct slice name, char out[SYSLOG_HOST_MAX_BYTES + 1]);

/* Append the message. text is the line (without '\n') that `line` was parsed from; host comes from syslog_host. False when
 * out failed. */
bool syslog_rec_add(const struct audit_line *line, struct slice text, const char *host, struct sbuf *out);

enum syslog_framing {
    SYSLOG_BARE = 1, /* a datagram is a message */
    SYSLOG_LF,       /* RFC 6587, 3.4.2: each message ends with '\n' */
    SYSLOG_COUNTED   /* RFC 6587, 3.4.1 and RFC 5425, 4.3: "LENGTH MESSAGE" */
};
/* Append the message in its frame. */
bool syslog_frame_add(enum syslog_framing framing, struct slice message, struct sbuf *out);
#endif
