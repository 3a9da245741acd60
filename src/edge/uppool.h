/*
 * uppool: the connections to one upstream (host, port, trust) and the requests that wait for one.
 *   - a change takes only a connection idle for less than its change_idle_max_ms, a read any that is still open; both are
 *     asked right before whether the peer is silent; the one used last goes first; a new one serves whoever waits longest,
 *     so that with limits of 0 each exchange has one connection, its own;
 *   - at most max_connections; what finds none waits in order of arrival;
 *   - a connection that turns out dead before a byte was given to it costs nothing: the next one, or a new one, is taken.
 * Loop thread only.
 */
#ifndef EG_UPPOOL_H
#define EG_UPPOOL_H
#include "base/list.h"
#include "core/metric.h"
#include "edge/resolve.h"
#include "flow/ports.h"
#include <openssl/ssl.h>

struct upmember;
struct upreq;

/* What all pools of a client share. */
struct upworld {
    struct event_base *base;
    const struct clock *clock;
    struct metrics *metrics; /* may be NULL */
    struct resolver *resolver;
    size_t open_connections;
    /* A request is over, its *ex filled. Called from within any work of the pool: note it, act later. */
    void (*on_done)(void *arg, struct upreq *r);
    void *arg;
};

struct
    upreq { /* a request in a pool; the caller's memory, linked from uppool_add to on_done or uppool_remove */
    const struct outgoing *out;
    struct exchange *ex;
    struct list link;    /* the pool's */
    struct upmember *on; /* the pool's: NULL while it waits */
    uint64_t queued_no;  /* the pool's: order of arrival */
    int64_t queued_ms;   /* the pool's: when it came */
    int64_t sent_ms;     /* when it was given to a connection; 0 before */
};

struct uppool;
/* A pool for cfg's host, port and ca_file; reads the file. */
struct uppool *uppool_new(struct upworld *w, const struct cfg_upstream *cfg, struct err *e);
/* Closes its connections. No request may be in it. Stores NULL; NULL is fine. */
void uppool_free(struct uppool **p);
/* Does it go to the same place by the same ca_file's name? */
bool uppool_fits(const struct uppool *p, const struct cfg_upstream *cfg);
/* And did ca_file hold the same bytes when each was made? */
bool uppool_trusts_same(const struct uppool *a, const struct uppool *b);
/* No new requests will come: idle connections are closed, busy ones after their exchange. */
void uppool_retire(struct uppool *p);
bool uppool_is_retired(const struct uppool *p);
/* Nothing open, nobody waiting. */
bool uppool_is_empty(const struct uppool *p);

/* Send r's request as soon as a connection is free. Limits are those of r->out->upstream. */
void uppool_add(struct uppool *p, struct upreq *r);
/* Stop waiting for r, in any state; a connection in use is closed. No on_done follows. timed_out: its *ex is filled. */
void uppool_remove(struct uppool *p, struct upreq *r, bool timed_out);
#endif
