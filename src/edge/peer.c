/* peer: addresses and credentials of clients as text and key; see the header. Must never: look a name up. */
#include "edge/peer.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Tags in the top bits keep the kinds of keys apart. */
#define KEY_IPV4 (UINT64_C(1) << 62)
#define KEY_UNIX (UINT64_C(2) << 62)

static void tcp4(struct in_addr address, unsigned port, struct peer *out)
{
    char text[INET_ADDRSTRLEN];
    uint32_t host = ntohl(address.s_addr);

    out->kind = PEER_TCP;
    out->key = KEY_IPV4 | host;
    out->is_local = host >> 24 == 127;
    inet_ntop(AF_INET, &address, text, sizeof text);
    snprintf(out->text, sizeof out->text, "%s:%u", text, port);
}

static void tcp6(const struct sockaddr_in6 *a, struct peer *out)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr mapped;

    if (IN6_IS_ADDR_V4MAPPED(&a->sin6_addr)) {
        memcpy(&mapped, a->sin6_addr.s6_addr + 12, sizeof mapped);
        tcp4(mapped, ntohs(a->sin6_port), out);
        return;
    }
    out->kind = PEER_TCP;
    /* Who has one address of a /64 has them all. */
    memcpy(&out->key, a->sin6_addr.s6_addr, sizeof out->key);
    out->is_local = IN6_IS_ADDR_LOOPBACK(&a->sin6_addr);
    inet_ntop(AF_INET6, &a->sin6_addr, text, sizeof text);
    snprintf(out->text, sizeof out->text, "[%s]:%u", text, (unsigned)ntohs(a->sin6_port));
}

static bool unix_peer(int fd, struct peer *out)
{
    struct ucred who;
    socklen_t n = sizeof who;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n))
        return false;
    out->kind = PEER_UNIX;
    out->key = KEY_UNIX | who.uid;
    out->is_local = true;
    snprintf(out->text, sizeof out->text, "unix:uid=%lu,pid=%ld", (unsigned long)who.uid, (long)who.pid);
    return true;
}

bool peer_of_fd(int fd, struct peer *out)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } a;
    socklen_t n = sizeof a;

    *out = (struct peer){ .kind = PEER_NONE };
    memset(&a, 0, sizeof a);
    if (getpeername(fd, &a.any, &n))
        return false;
    switch (a.any.sa_family) {
    case AF_INET:
        tcp4(a.v4.sin_addr, ntohs(a.v4.sin_port), out);
        return true;
    case AF_INET6:
        tcp6(&a.v6, out);
        return true;
    case AF_UNIX:
        return unix_peer(fd, out);
    default:
        return false;
    }
}
