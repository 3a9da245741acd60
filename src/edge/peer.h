/* peer: who is at the other end of an accepted connection. */
#ifndef EG_PEER_H
#define EG_PEER_H
#include "flow/gate.h"

/* Ask the kernel about fd: the address of a TCP peer (its /64 names an IPv6 peer in key), uid and pid of a unix peer.
 * False when it cannot say (the peer has gone); *out is then PEER_NONE. */
bool peer_of_fd(int fd, struct peer *out);
#endif
