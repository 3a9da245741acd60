/* The inside of a link to a syslog collector, for ship_link.c (sending) and ship_connect.c (connecting). */
#ifndef EG_SHIP_INNER_H
#define EG_SHIP_INNER_H
#include "base/sbuf.h"
#include "core/syslog_rec.h"
#include "edge/ship_link.h"
#include <sys/stat.h>

struct ship_link {
    const struct ship_link_config *cfg;
    int fd;
    SSL *ssl; /* NULL without TLS */
    enum syslog_framing framing;
    struct stat socket_file; /* of a datagram socket: which one it was */
    struct sbuf out;
    unsigned reads; /* of what the collector said */
};

/* Wait for events on fd until the deadline. False: e says that time is over, or that it is time to quit. */
bool ship_await(const struct ship_link *l, short events, int64_t until_mono_ms, const char *what, struct err *e);
/* Put a connected socket (and TLS) into l. */
bool ship_connect(struct ship_link *l, struct err *e);
/* Does the datagram socket at our path still live, and is it the one we are connected to? */
bool ship_datagram_lives(const struct ship_link *l, struct err *e);
#endif
