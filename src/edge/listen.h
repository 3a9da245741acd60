/*
 * listen: all listeners of the gateway, those of clients ([gateway] listen) and those of the admin pages (admin_listen).
 * The order of an ending: listeners_drain; turns of the loop until listeners_connections() is 0 or time is up (then
 * gate_abort_all); listeners_close.
 */
#ifndef EG_LISTEN_H
#define EG_LISTEN_H
#include "edge/loop.h"
#include "flow/gate.h"

struct listeners;

/* Open every address of the snapshot, or none. NULL with e. The caller owns it; loop and gate outlive it. */
struct listeners *listeners_open(struct loop *l, struct gate *gate, const struct snapshot *snap,
                                 struct err *e);
/* How many, clients' first, in the order of the configuration; where one listens: the port the kernel chose when 0 was
 * asked for; 0 for a unix socket. */
size_t listeners_count(const struct listeners *ls);
unsigned listeners_port(const struct listeners *ls, size_t i);
bool listeners_is_admin(const struct listeners *ls, size_t i);

/* Clients: accept no more, remove the unix sockets, end connections that wait for a request; requests under way are
 * answered with "Connection: close". The admin pages stay until listeners_close. */
void listeners_drain(struct listeners *ls);
/* Connections of clients that are open. */
size_t listeners_connections(const struct listeners *ls);
/* End all connections at once, close, free; stores NULL. */
void listeners_close(struct listeners **ls);
#endif
