/*
 * Connecting to a syslog collector: see ship_link.h. Must never give back a TLS connection whose peer has not proven its
 * name, and never fall back to less than what the configuration says.
 */
#include "edge/ship_inner.h"
#include "edge/tls.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

bool ship_await(const struct ship_link *l, short events, int64_t until_mono_ms, const char *what,
                struct err *e)
{
    struct pollfd fds[2] = { { .fd = l->fd, .events = events }, { .fd = l->cfg->quit_fd, .events = POLLIN } };

    for (;;) {
        int64_t left = until_mono_ms - clock_mono_ms(l->cfg->clock);
        if (left <= 0)
            return err_set(e, ERR_IO, "%s: no answer in time", what);
        int n = poll(fds, 2, (int)(left < 60000 ? left : 60000));
        if (n < 0 && errno != EINTR)
            return err_set(e, ERR_IO, "%s: %s", what, strerror(errno));
        if (n > 0 && fds[1].revents)
            return err_set(e, ERR_IO, "%s: the gateway stops", what);
        if (n > 0)
            return true;
    }
}

/* ---- unix sockets ---- */

static bool connect_unix(int type, struct slice path, int *out_fd)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    memcpy(at.sun_path, path.p, path.n); /* the parser of the place has seen to its length */
    *out_fd = fd;
    return fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) == 0;
}

static bool stat_socket(struct slice path, struct stat *out)
{
    char text[ADDRESS_UNIX_PATH_MAX_BYTES + 1];

    memcpy(text, path.p, path.n);
    text[path.n] = '\0';
    return stat(text, out) == 0;
}

static bool open_unix(struct ship_link *l, struct err *e)
{
    struct slice path = l->cfg->place.path;
    bool ok = connect_unix(SOCK_DGRAM, path, &l->fd);

    l->framing = SYSLOG_BARE;
    if (!ok && l->fd >= 0 && errno == EPROTOTYPE) {
        close(l->fd);
        l->framing = SYSLOG_LF;
        ok = connect_unix(SOCK_STREAM, path, &l->fd);
    }
    ok = ok && stat_socket(path, &l->socket_file);
    return ok || err_set(e, ERR_IO, "%.*s: %s", SLICE_FMT(path), strerror(errno));
}

bool ship_datagram_lives(const struct ship_link *l, struct err *e)
{
    const struct stat *was = &l->socket_file;
    struct slice path = l->cfg->place.path;
    struct stat now;
    int probe;
    bool ok = connect_unix(SOCK_DGRAM, path, &probe) && stat_socket(path, &now) &&
              now.st_ino == was->st_ino && now.st_dev == was->st_dev &&
              now.st_ctim.tv_sec == was->st_ctim.tv_sec && now.st_ctim.tv_nsec == was->st_ctim.tv_nsec;

    if (probe >= 0)
        close(probe);
    return ok || err_set(e, ERR_IO, "%.*s: the collector's socket is gone", SLICE_FMT(path));
}

/* ---- TCP ---- */

static void set_port(struct sockaddr_storage *a, uint16_t port)
{
    if (a->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)a)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)a)->sin_port = htons(port);
}

/* A collector that vanished without a word is noticed by unanswered bytes, or by probes when there are none. */
static void watch_peer(int fd, uint64_t stall_ms)
{
    int one = 1, stall = (int)stall_ms;

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stall, sizeof stall);
}

static bool connect_to(struct ship_link *l, const struct sockaddr_storage *at, int64_t until, struct err *e)
{
    socklen_t size = at->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int error = 0;
    socklen_t n = sizeof error;

    l->fd = socket(at->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return err_set(e, ERR_IO, "socket: %s", strerror(errno));
    watch_peer(l->fd, l->cfg->stall_ms);
    if (connect(l->fd, (const struct sockaddr *)at, size) == 0)
        return true;
    if (errno != EINPROGRESS)
        return err_set(e, ERR_IO, "connect: %s", strerror(errno));
    if (!ship_await(l, POLLOUT, until, "connect", e))
        return false;
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    return error == 0 || err_set(e, ERR_IO, "connect: %s", strerror(error));
}

static bool is_proven(struct ship_link *l, const char *host, int64_t until, struct err *e)
{
    char why[256];

    l->ssl = tls_upstream_ssl_new(l->cfg->ctx, l->fd, host, e);
    if (!l->ssl)
        return false;
    for (;;) {
        errno = 0;
        int result = SSL_do_handshake(l->ssl), error = SSL_get_error(l->ssl, result);
        if (result == 1)
            return tls_upstream_is_proven(l->ssl) ||
                   err_set(e, ERR_CRYPTO, "TLS: the collector's name is not proven");
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            tls_explain(l->ssl, error, errno, why, sizeof why);
            return err_set(e, ERR_CRYPTO, "TLS: %s", why);
        }
        if (!ship_await(l, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until, "TLS", e))
            return false;
    }
}

static void hang_up(struct ship_link *l)
{
    SSL_free(l->ssl);
    l->ssl = NULL;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

/* The first address that takes us. The error is the last one's. */
static bool open_tcp(struct ship_link *l, struct err *e)
{
    const struct syslog_place *place = &l->cfg->place;
    struct resolve_answer answer = { 0 };
    struct err why = { 0 };
    char host[RESOLVE_HOST_MAX + 1];

    l->framing = SYSLOG_COUNTED;
    memcpy(host, place->host.p, place->host.n);
    host[place->host.n] = '\0';
    l->cfg->lookup(host, &answer);
    if (answer.error)
        return err_set(e, ERR_IO, "%s: %s", host, gai_strerror(answer.error));
    for (size_t i = 0; i < answer.count; i++) {
        int64_t until = clock_mono_ms(l->cfg->clock) + (int64_t)l->cfg->connect_ms;
        why = (struct err){ 0 };
        set_port(&answer.addresses[i], place->port);
        if (connect_to(l, &answer.addresses[i], until, &why) &&
            (place->kind != SYSLOG_TLS || is_proven(l, host, until, &why)))
            return true;
        hang_up(l);
    }
    return err_set(e, ERR_IO, "%s:%u: %s", host, (unsigned)place->port,
                   answer.count ? why.text : "the name has no address");
}

bool ship_connect(struct ship_link *l, struct err *e)
{
    return l->cfg->place.kind == SYSLOG_UNIX ? open_unix(l, e) : open_tcp(l, e);
}
