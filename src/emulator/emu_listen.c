/* Addresses to listen on: see emu_listen.h. Names are not looked up, but for localhost. */
#include "emulator/emu_listen.h"
#include "base/num.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

bool emu_listen_split(const char *text, char *out_host, size_t host_size, uint16_t *out_port, struct err *e)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;

    if (!colon || !num_u64(slice_of(colon + 1), 0, 65535, &port))
        return err_set(e, ERR_SYNTAX, "expected HOST:PORT");
    struct slice host = slice_from(text, (size_t)(colon - text));
    if (slice_starts(host, S("[")) && slice_ends(host, S("]")))
        host = slice_from(host.p + 1, host.n - 2);
    if (slice_eq(host, S("localhost")))
        host = S("127.0.0.1");
    if (host.n == 0 || host.n >= host_size)
        return err_set(e, ERR_SYNTAX, "expected HOST:PORT");
    memcpy(out_host, host.p, host.n);
    out_host[host.n] = '\0';
    *out_port = (uint16_t)port;
    return true;
}

static int port_of(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)a)->sin_port);
    return a->sa_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)(const void *)a)->sin6_port) : -1;
}

int emu_listen_port(int fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;

    if (getsockname(fd, (struct sockaddr *)(void *)&a, &n) != 0)
        return -1;
    return port_of((const struct sockaddr *)(const void *)&a);
}

void emu_listen_peer(const struct sockaddr *a, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (a->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, host, sizeof host);
    else if (a->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, host, sizeof host);
    snprintf(out, size, "%s:%d", host, port_of(a));
}
