/*
 * upconn: one connection to EAS: connect, TLS, and strict HTTP/1.1 exchanges one after the other. It says exactly how far a
 * failed exchange got (enum send_failure), and never sends anything twice. Loop thread only; the caller owns it.
 *
 *   connecting ──> handshake ──READY──> idle <──────────┐
 *       └───────────── FAILED               │ upconn_send │ ENDED, and upconn_may_stay
 *                                LOST <── idle        busy ──ENDED──> (close it)
 */
#ifndef EG_UPCONN_H
#define EG_UPCONN_H
#include "edge/resolve.h"
#include "flow/ports.h"
#include <openssl/ssl.h>

struct upconn;

enum upconn_event {
    UPCONN_EVENT_NONE = 0,
    UPCONN_READY,  /* connected, and the peer's identity is proven */
    UPCONN_FAILED, /* no address let us in; see upconn_failure. Close it. */
    UPCONN_ENDED,  /* the exchange is over, *ex is filled. Close it unless upconn_may_stay. */
    UPCONN_LOST    /* idle, and the peer closed it or said something unasked. Close it. */
};
/* Called from the loop, never from within a call into upconn. It may close c. */
typedef void (*upconn_event_fn)(void *arg, struct upconn *c, enum upconn_event event);

struct upconn_goal { /* borrowed for the call, but for tls, which is kept by reference */
    SSL_CTX *tls;
    const char *host; /* must be in the certificate */
    uint16_t port;
    const struct resolve_answer *addresses; /* at least one; tried in turn */
    size_t first;                           /* index of the one to begin with */
    int64_t timeout_ms;                     /* for all of them, TLS included; each gets its share */
};

/* Begin; one event READY or FAILED follows. NULL without memory. */
struct upconn *upconn_open(struct event_base *base, const struct clock *clock, const struct upconn_goal *goal,
                           upconn_event_fn on_event, void *arg);
/* In any state; no event follows. Stores NULL; NULL is fine. */
void upconn_close(struct upconn **c);

/* Idle, open at the peer's end as far as the kernel knows, and silent? Ask right before upconn_send. */
bool upconn_is_usable(struct upconn *c);

/* Send head and body with one write and await the answer. head and body must last until ENDED or upconn_close.
 * False: nothing at all was given to TLS (out of memory); close it, no event follows. True: bytes were given to TLS, and
 * ENDED follows. An answer's body has at most answer_max_bytes. */
bool upconn_send(struct upconn *c, struct slice head, struct slice body, size_t answer_max_bytes,
                 struct exchange *ex);
/* The exchange under way gets no more time: fills its *ex. Close it; no event follows. */
void upconn_time_out(struct upconn *c);
/* After ENDED: may it serve another exchange? */
bool upconn_may_stay(const struct upconn *c);

/* After FAILED: why, for people; *out_timed_out (may be NULL). */
const char *upconn_failure(const struct upconn *c, bool *out_timed_out);
/* Index of the address in use. */
size_t upconn_address(const struct upconn *c);
#endif
