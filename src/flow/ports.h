/*
 * ports: what the request's life asks of the world. edge/ implements them over sockets and disks, tests over nothing.
 * All calls come from the loop thread; none blocks; none calls back into flow before it has returned, except where said.
 */
#ifndef EG_PORTS_H
#define EG_PORTS_H
#include "base/clock.h"
#include "core/audit_rec.h"
#include "core/http1.h"
#include "core/cred.h"
#include "config/snapshot.h"

struct txn;

/* What is sent to EAS: built once, then const. The signer, the record and the sender read it. Owned by its txn. */
struct outgoing {
    enum http1_method method;
    struct slice path, query;         /* canonical: signed and sent as they stand */
    struct slice host_header;
    struct slice body;                /* empty = none */
    char body_sha256[65];
    bool is_change;                   /* not a read: only a fresh connection, never sent twice */
    const struct cfg_upstream *upstream;
    struct slice head;                /* whole head, from the request line to the empty line; set by the sign step */
};

/* How far a failed exchange got. */
enum send_failure {
    SEND_FAILED_NONE = 0,
    SEND_NOT_SENT,     /* not one byte of the request was given to TLS: certainly nothing happened */
    SEND_NO_ANSWER,    /* written, perhaps in part; closed or timed out before an answer: may have happened */
    SEND_CUT_ANSWER,   /* an answer began and did not end: it happened or not, the status is known if > 0 */
    SEND_BAD_ANSWER    /* an answer broke HTTP's grammar or our limits */
};

struct exchange { /* result of one send, filled by the port before it wakes the txn */
    enum send_failure failure;
    bool timed_out;
    struct http1_msg *answer; /* on success; the txn takes it */
    int status_seen;          /* of a cut answer; else 0 */
    char detail[120];         /* for the log and the record: "connect: connection refused" */
};

enum port_result { PORT_DONE = 1, PORT_WAIT, PORT_FAILED };

struct ports {
    const struct clock *clock;
    void *ctx;
    /* Random bytes for ids and nonces. */
    bool (*random)(void *ctx, void *p, size_t n);

    /* Queue a record. Returns its ticket (1, 2, 3 ... in order of the log), or 0 when the log takes none (it is failed or
     * its queue is full). The port later says gate_audit_durable(gate, ticket) for it and all intents before it, or
     * gate_audit_lost(gate) when the intents that wait are not in the log and never will be. Records other than intents
     * are taken also while the log is failed, and written when it recovers (bounded; the oldest counted ones go first). */
    uint64_t (*audit_append)(void *ctx, const struct audit_rec *rec);
    /* May requests be forwarded? False while the log is failed; *out_why for people (may be NULL). */
    bool (*audit_ok)(void *ctx, const char **out_why);

    /* hex(HMAC-SHA256(secret of cred, string_to_sign)) of the intent with this ticket. PORT_DONE: out_hex is filled;
     * PORT_WAIT: txn_wake(t, TXN_SIGNED) follows, with out_hex filled (it lives in t). */
    enum port_result (*sign)(void *ctx, struct txn *t, uint64_t intent_ticket, const struct cred *cred,
                             struct slice string_to_sign, char out_hex[65]);

    /* Send and receive; exactly one txn_wake(t, TXN_ANSWERED) follows, never from within this call, at the latest at
     * deadline_mono_ms. *out lives in t until then. The port counts and times its exchanges in the metrics, nobody else. */
    void (*send)(void *ctx, struct txn *t, const struct outgoing *out, int64_t deadline_mono_ms, struct exchange *ex);
    /* Stop waiting for t's answer (second TERM): no wake follows; the connection is closed. */
    void (*send_cancel)(void *ctx, struct txn *t);
};

/* An answer to a client. Borrowed for the call. */
struct answer {
    int status;
    struct slice body;               /* JSON, or empty */
    struct slice content_type;
    struct slice request_id;         /* x-acs-request-id: EAS's for its answers, easgate's own otherwise */
    bool from_easgate;               /* sets the header that says that easgate answered */
    struct slice easgate_request_id; /* always sent as x-easgate-request-id */
    int retry_after_s;               /* 0 = none */
    const struct http1_msg *upstream; /* headers on the pass list are taken from here; may be NULL */
    bool close;                      /* close the connection after it */
};

/* Where an answer goes. `send` is called exactly once for a txn; it must not free the txn. gone = the client has left (known at
 * the latest when sending): nothing is written. */
struct reply_port {
    void (*send)(void *arg, const struct answer *a, bool *out_client_gone);
    void *arg;
};
#endif
