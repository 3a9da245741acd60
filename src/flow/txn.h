/*
 * txn: one request's life. flow/txn.c tells it whole; read that first.
 */
#ifndef EG_TXN_H
#define EG_TXN_H
#include "flow/gate.h"

enum txn_event { TXN_EVENT_NONE = 0, TXN_DURABLE, TXN_LOST, TXN_SIGNED, TXN_ANSWERED, TXN_LOOKED_UP, TXN_HELD, TXN_TIMEOUT,
                 TXN_ABORTED };

/* Start the life of a complete request. Takes over: request (the txn frees it), pass's reference. peer is copied.
 * reply.send is called exactly once, perhaps before this returns. Without memory the refusal is sent by it, too. */
void txn_start(struct gate *g, struct http1_msg **request, struct pass *pass, const struct peer *peer,
               struct reply_port reply);

/* A port's news for a txn that waits for just this. */
void txn_wake(struct txn *t, enum txn_event event);
/* Where the upstream port and the signer keep their own state for this txn. */
void **txn_port_slot(struct txn *t);
/* The request id, 32 hex digits. */
const char *txn_id(const struct txn *t);
#endif
