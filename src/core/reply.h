/*
 * reply: the reasons for which easgate answers by itself (core/reasons.def) and the JSON of such an answer, in the form of
 * EAS's own errors (docs/eas/README.md, "Errors"), so that the official SDKs print code and message.
 */
#ifndef EG_REPLY_H
#define EG_REPLY_H
#include "base/sbuf.h"
#include <stdint.h>

enum reason {
    REASON_NONE = 0,
#define REASON(ident, name, code, status, retry_after_s, text) REASON_##ident,
#include "core/reasons.def"
#undef REASON
    REASON_COUNT_
};

const char *reason_name(enum reason r);   /* "replica_cap": records, metrics */
const char *reason_code(enum reason r);   /* "Easgate.ReplicaCap" */
const char *reason_text(enum reason r);
int reason_status(enum reason r);
int reason_retry_after_s(enum reason r);  /* 0 = no Retry-After */

/* What a refusal says beside its reason. All borrowed. */
struct refusal {
    enum reason reason;
    int retry_after_s;      /* 0 = that of the reason */
    int status;             /* 0 = that of the reason (framing violations bring their own) */
    struct slice message;   /* whole sentence for a person; empty = the reason's text */
    struct slice rule;      /* "max_replicas of [policy small-llms], easgate.ini:31"; empty when no rule is involved */
    struct slice asked, allowed;
    struct slice step;      /* where in the request's life */
};

int refusal_status(const struct refusal *r);
/* Seconds for Retry-After; 0 = none. */
int refusal_retry_after_s(const struct refusal *r);
/* The body, ASCII JSON: {"RequestId":..,"HostId":"easgate","Code":..,"Message":..,"Rule":..,"Asked":..,"Allowed":..}; the
 * last three only when they are not empty. Ask sbuf_ok(out). */
void refusal_body(const struct refusal *r, struct slice request_id, struct sbuf *out);
#endif
