/*
 * upstream: the client side of easgate, ports.send and ports.send_cancel of flow/ports.h: strict HTTP/1.1 over TLS to EAS,
 * on the loop. Why not evhttp: SECURITY section 0, point 2. What it promises for each request (T16 to T19):
 *   - exactly one wake, at the latest at its deadline, never from within upstream_send;
 *   - its bytes are given to one connection once and never again, whatever happens; who may try anew is flow's to know;
 *   - the answer is the one that this connection gave after this request, complete and strictly framed; 1xx are skipped,
 *     redirects are answers like others and not followed;
 *   - not a byte of it before the peer has proven that it is the configured host.
 * Loop thread only. The process must ignore SIGPIPE; upstream_new sees to it.
 */
#ifndef EG_UPSTREAM_H
#define EG_UPSTREAM_H
#include "core/metric.h"
#include "edge/resolve.h"
#include "flow/ports.h"

struct upstream_client;

/* metrics may be NULL. All are borrowed until upstream_free. */
struct upstream_client *upstream_new(struct event_base *base, const struct clock *clock,
                                     struct metrics *metrics, struct err *e);
/* The same with another name look-up (tests). */
struct upstream_client *upstream_new_with_lookup(struct event_base *base, const struct clock *clock,
                                                 struct metrics *metrics, resolve_lookup_fn lookup,
                                                 struct err *e);
/* Closes everything at once; requests that are under way are never woken. Waits for nothing. Stores NULL; NULL is fine. */
void upstream_free(struct upstream_client **u);

/* At start and at a reload, for each [upstream] of the new snapshot, before it is in force: builds what its TLS needs, so
 * that a bad ca_file refuses the start or the reload. Connections are kept where host, port and the bytes of ca_file are
 * the same; otherwise new requests use new ones and the old ones close after what they are at. False: nothing changed. */
bool upstream_prepare(struct upstream_client *u, const struct cfg_upstream *cfg, struct err *e);

/* ports.send and ports.send_cancel; ctx is the client. txn_port_slot of t is this file's between the two calls. */
void upstream_send(void *ctx, struct txn *t, const struct outgoing *out, int64_t deadline_mono_ms,
                   struct exchange *ex);
void upstream_send_cancel(void *ctx, struct txn *t);
#endif
