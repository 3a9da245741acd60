/*
 * guard: one per accepted connection. It alone reads from the socket and writes to it; every byte goes through the strict
 * reader (core/http1.h), and evhttp is given a request only when it is whole, checked, and its sender is known. Drawn in
 * guard.c. Loop thread only.
 */
#ifndef EG_GUARD_H
#define EG_GUARD_H
#include "edge/loop.h"
#include "flow/txn.h"

struct bufferevent;
struct evhttp_request;
struct guard;
struct guards;

/* Who judges the heads of a listener's requests and answers them: the gate (httpin.c) or the admin pages (admin.c). */
struct service {
    /* As gate_check_head. *out_pass stays zeroed where no pass is needed. */
    bool (*check_head)(void *ctx, const struct http1_msg *head, const struct peer *peer,
                       struct pass *out_pass, struct sbuf *scratch, struct refusal *out_refusal);
    /* As txn_start: takes *request and *pass; reply.send is called exactly once. */
    void (*start)(void *ctx, struct http1_msg **request, struct pass *pass, const struct peer *peer,
                  struct reply_port reply);
    /* As gate_settle_early. */
    void (*settle_early)(void *ctx, const struct refusal *refusal, const struct http1_msg *head_or_null,
                         const struct peer *peer, char out_id[33], struct sbuf *out_body);
    void *ctx;
};

struct guards_setup {
    struct loop *loop;
    struct gate *gate; /* its snapshot gives limits and deadlines, its metrics are kept */
    struct service service;
    size_t max_connections; /* 0: the configuration's, and these connections are counted in the metrics */
    /* No memory for the next connection: take none until guards_has_spare. */
    void (*on_starved)(void *arg);
    void *arg;
};

/* All connections of one or more listeners under one cap. NULL with e. The caller owns it. */
struct guards *guards_new(const struct guards_setup *setup, struct err *e);
/* Free it when evhttp has freed all connections; stores NULL. Requests that still run are answered into the void. */
void guards_free(struct guards **all);

/* For evhttp_set_bevcb, with the guards as argument: a bufferevent with its guard. Never NULL. */
struct bufferevent *guards_make_bufferevent(struct event_base *base, void *guards);
/* Is the spare connection there again? Tries to make it. */
bool guards_has_spare(struct guards *all);

/* From now on: connections that wait for a request end, the others after the answer that is due. */
void guards_drain(struct guards *all);
size_t guards_count(const struct guards *all);
/* Bytes of memory that requests hold which are not whole yet. */
size_t guards_held_bytes(const struct guards *all);

/* ---- while evhttp dispatches a request (httpin.c) ---- */

/* The guard that is handing a request over on bev now; NULL for any other bufferevent. */
struct guard *guards_handing(struct guards *all, const struct bufferevent *bev);
/* What the guard read. */
const struct http1_msg *guard_request(const struct guard *g);
/* evhttp read the same: the request may start. Without this call the connection ends with 500. */
void guard_agree(struct guard *g, struct evhttp_request *request);
#endif
