/*
 * listen_socket: opens what connections are accepted from. A unix socket is protected by a lock on PATH.lock for as long as
 * it is open, so that a second instance is refused even in the moment in which the first one has not bound yet; the lock
 * file stays behind, empty.
 */
#ifndef EG_LISTEN_SOCKET_H
#define EG_LISTEN_SOCKET_H
#include "config/address.h"
#include <sys/types.h>
#include <time.h>

struct listen_socket {
    int fd; /* listening, non-blocking, closed on exec; -1 once it was given away */
    uint16_t port;
    int lock_fd;
    char path[ADDRESS_UNIX_PATH_MAX_BYTES + 1]; /* "" for TCP */
    dev_t device; /* the socket file's; a number of a removed file may come again, hence the time */
    ino_t inode;
    struct timespec changed;
};

/* mode is for unix sockets. A socket file on which nobody answers is replaced; any other file is an error. */
bool listen_socket_open(const struct address *a, mode_t mode, struct listen_socket *out, struct err *e);
/* Close what is still open; remove the socket file if it is still ours. */
void listen_socket_close(struct listen_socket *s);
#endif
