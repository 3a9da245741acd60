/*
 * gate: all state of one running gateway, passed explicitly: the current snapshot, the requests under way, the services
 * under change, the counters, the ports. Loop thread only.
 */
#ifndef EG_GATE_H
#define EG_GATE_H
#include "base/list.h"
#include "core/metric.h"
#include "flow/ports.h"

struct gate;

/* A gate over ports and a first snapshot (a reference is taken). NULL without memory. */
struct gate *gate_new(const struct ports *ports, struct snapshot *snap);
/* Free it; no request may be under way. Stores NULL. */
void gate_free(struct gate **g);

struct snapshot *gate_snapshot(const struct gate *g); /* borrowed */
/* Put a new snapshot in place for requests to come, and record it. */
void gate_set_snapshot(struct gate *g, struct snapshot *snap);
/* The runs before left requests of which too little is known: budgets let nothing grow, and nothing is bought, until they must
 * have taken effect. */
void gate_wait_for_truth(struct gate *g);
/* A change of this service was sent by the run before, and nobody knows what came of it: nothing grows on what EAS says of the
 * service until it must have taken effect. False without memory. */
bool gate_doubt_service(struct gate *g, struct slice service);
/* A change of a run before whose outcome is not known. Borrowed. */
struct gate_open {
    struct slice id, client, op, service; /* service empty: none, or none that can be named */
    bool has_peak;                /* of the service after the call; amounts as its intent has them */
    int64_t peak, peak_gpus;
};
/* Take them over, before the first request: each goes on counting in its team's budget until the truth about it can be read,
 * which is then recorded. What says too little for that makes all wait (gate_wait_for_truth). */
void gate_restore(struct gate *g, const struct gate_open *open, size_t count);
/* What the teams with a budget have, reserve and may have, as JSON: the page /budget. */
void gate_budget_text(const struct gate *g, struct sbuf *out);
struct metrics *gate_metrics(struct gate *g);
const struct ports *gate_ports(const struct gate *g);

/* ---- who asks: at the end of the head, before any byte of a body ---- */

struct peer {
    enum peer_kind { PEER_NONE = 0, PEER_TCP, PEER_UNIX } kind;
    char text[80];       /* "127.0.0.1:4711", "unix:uid=1000,pid=77" */
    uint64_t key;        /* the same for connections of one address or uid: the per-peer cap */
    bool is_local;       /* loopback or unix */
};

/* The result of a head check that passed. Holds a reference on snap: give it to txn_start or drop it. */
struct pass {
    struct snapshot *snap;
    const struct client *client;
    const struct token *token;
};
void pass_drop(struct pass *p);

/* Judge a complete head: Host in the list, no Origin, Sec-Fetch-Site none or absent, exactly one token that is known,
 * a content type that is accepted, room for another request. True: *out is filled. False: *out_refusal is (its texts are
 * static or live in scratch). */
bool gate_check_head(struct gate *g, const struct http1_msg *head, const struct peer *peer, struct pass *out,
                     struct sbuf *scratch, struct refusal *out_refusal);
/* A request that ended before it became a txn (framing violation, deadline, head refused, cap): record (counted), count,
 * and give the answer's body. id is the new request id. */
void gate_settle_early(struct gate *g, const struct refusal *refusal, const struct http1_msg *head_or_null,
                       const struct peer *peer, char out_id[33], struct sbuf *out_body);

/* ---- the world's news ---- */

void gate_audit_durable(struct gate *g, uint64_t upto_ticket);
void gate_audit_lost(struct gate *g);
/* Deadlines of waits that flow owns (commit_timeout, change_wait), counted records that are due. Call every 50 ms or so. */
void gate_tick(struct gate *g);

/* ---- life of the program ---- */

size_t gate_inflight(const struct gate *g);
uint64_t gate_inflight_bytes(const struct gate *g);
/* From now on new requests get 503; those under way go on. */
void gate_begin_drain(struct gate *g);
bool gate_is_draining(const struct gate *g);
/* End what is left at once (second TERM, drain deadline): each is answered 503, its outcome recorded. */
void gate_abort_all(struct gate *g);
/* Why the gateway is not ready, one line each; empty when it is. */
void gate_ready_text(struct gate *g, struct sbuf *out);
#endif
