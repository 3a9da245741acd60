/*
 * ship_link: one connection to a syslog collector: a unix socket (datagram, or stream where the collector wants that), TCP
 * with counted octets (RFC 6587, 3.4.1), or TLS (RFC 5425; the collector proves its name as EAS does, see edge/tls.h). For a
 * thread that may wait; whatever it waits for ends when quit_fd becomes readable.
 *
 * Syslog knows no receipt. What the kernel took may die with the collector, so "sent" proves nothing. What proves something:
 *   stream    after we closed our end and all our bytes were acknowledged, the collector closes its own in order. A
 *             process that dies with bytes unread resets the connection instead.
 *   datagram  the collector's queue has nothing of ours left, and the socket that we sent to still lives
 * That is ship_link_receipt. It says that the collector has read the messages, not that it has stored them.
 */
#ifndef EG_SHIP_LINK_H
#define EG_SHIP_LINK_H
#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"
#include "config/address.h"
#include "edge/resolve.h"
#include <openssl/ssl.h>

struct ship_link_config {
    struct syslog_place place; /* its slices live as long as the link */
    SSL_CTX *ctx;              /* for tls; borrowed */
    int quit_fd;
    uint64_t connect_ms; /* TCP and TLS together, for each address */
    uint64_t stall_ms;   /* the collector takes nothing for so long: the connection failed */
    uint64_t receipt_ms; /* how long a receipt may take */
    const struct clock *clock;
    resolve_lookup_fn lookup;
};

struct ship_link;
/* Connect. NULL with e. cfg is borrowed for the link's life. The caller owns it. */
struct ship_link *ship_link_open(const struct ship_link_config *cfg, struct err *e);
/* Close without ado; stores NULL. NULL is fine. */
void ship_link_free(struct ship_link **l);

/* Send a message, perhaps only when more have gathered, or with the flush. False: the link is of no use any more, as with
 * the calls below. */
bool ship_link_send(struct ship_link *l, struct slice message, struct err *e);
bool ship_link_flush(struct ship_link *l, struct err *e);
/* Wait for at most wait_ms until other_fd is readable; what the collector says is read and dropped. False when the collector
 * has left. */
bool ship_link_wait(struct ship_link *l, int other_fd, int64_t wait_ms, struct err *e);
/* True: the collector has read all that was sent. Ends a stream, which must be freed then whatever the answer; a datagram
 * socket goes on after true (*out_goes_on). */
bool ship_link_receipt(struct ship_link *l, bool *out_goes_on, struct err *e);
#endif
