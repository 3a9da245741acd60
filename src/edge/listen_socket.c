/*
 * listen_socket: see the header. Must never: remove a file that is not a dead socket, leave a socket file with more rights
 * than asked for even for a moment, look a name up.
 */
#include "edge/listen_socket.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024 /* the kernel cuts it to net.core.somaxconn */

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

static bool fail(struct err *e, const char *what, const char *where)
{
    return err_set(e, errno == EADDRINUSE ? ERR_CONFLICT : ERR_IO, "cannot %s %s: %s", what, where,
                   strerror(errno));
}

static int new_socket(int family)
{
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* ---- TCP ---- */

static bool tcp_address(const struct address *a, union any_address *out, socklen_t *out_n)
{
    char host[INET6_ADDRSTRLEN];

    memset(out, 0, sizeof *out);
    if (a->host.n >= sizeof host)
        return false;
    memcpy(host, a->host.p, a->host.n);
    host[a->host.n] = '\0';
    if (a->kind == ADDRESS_IPV4) {
        *out_n = sizeof out->v4;
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(a->port);
        return inet_pton(AF_INET, host, &out->v4.sin_addr) == 1;
    }
    *out_n = sizeof out->v6;
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(a->port);
    return inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1;
}

static uint16_t bound_port(int fd)
{
    union any_address bound;
    socklen_t n = sizeof bound;

    memset(&bound, 0, sizeof bound);
    if (getsockname(fd, &bound.any, &n))
        return 0;
    return ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
}

static bool open_tcp(const struct address *a, struct listen_socket *s, struct err *e)
{
    union any_address where;
    socklen_t n = 0;
    int on = 1;
    char text[64];

    snprintf(text, sizeof text, "%.*s port %u", SLICE_FMT(a->host), (unsigned)a->port);
    if (!tcp_address(a, &where, &n))
        return err_set(e, ERR_SYNTAX, "not a numeric address: %s", text);
    s->fd = new_socket(where.any.sa_family);
    if (s->fd < 0)
        return fail(e, "open a socket for", text);
    setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (where.any.sa_family == AF_INET6)
        setsockopt(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(s->fd, &where.any, n) || listen(s->fd, BACKLOG))
        return fail(e, "listen at", text);
    s->port = bound_port(s->fd);
    return true;
}

/* ---- unix ---- */

static bool take_lock(struct listen_socket *s, struct err *e)
{
    char lock[sizeof s->path + sizeof ".lock"];

    snprintf(lock, sizeof lock, "%s.lock", s->path);
    s->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock_fd < 0)
        return fail(e, "open", lock);
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno == EWOULDBLOCK)
        return err_set(e, ERR_CONFLICT, "another easgate listens at %s", s->path);
    return fail(e, "lock", lock);
}

/* Does anybody answer at the address? */
static bool is_answered(const union any_address *where)
{
    int fd = new_socket(AF_UNIX);

    if (fd < 0)
        return true; /* cannot tell: leave it alone */
    bool answered = connect(fd, &where->any, sizeof where->local) == 0 || errno != ECONNREFUSED;
    close(fd);
    return answered;
}

static bool clear_path(const struct listen_socket *s, const union any_address *where, struct err *e)
{
    struct stat st;

    if (lstat(s->path, &st))
        return errno == ENOENT || fail(e, "look at", s->path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, ERR_CONFLICT, "%s exists and is no socket", s->path);
    if (is_answered(where))
        return err_set(e, ERR_CONFLICT, "somebody else listens at %s", s->path);
    return unlink(s->path) == 0 || errno == ENOENT || fail(e, "remove the dead socket", s->path);
}

static bool open_unix(const struct address *a, mode_t mode, struct listen_socket *s, struct err *e)
{
    union any_address where;
    struct stat st;

    memset(&where, 0, sizeof where);
    where.local.sun_family = AF_UNIX;
    if (a->path.n >= sizeof where.local.sun_path || a->path.n >= sizeof s->path)
        return err_set(e, ERR_TOO_LONG, "path of a unix socket too long");
    memcpy(where.local.sun_path, a->path.p, a->path.n);
    memcpy(s->path, a->path.p, a->path.n);
    if (!take_lock(s, e) || !clear_path(s, &where, e)) {
        s->path[0] = '\0'; /* not ours to remove */
        return false;
    }
    s->fd = new_socket(AF_UNIX);
    /* The mode of the descriptor is that of the file which bind makes (less the umask, hence chmod too). */
    if (s->fd < 0 || fchmod(s->fd, mode) || bind(s->fd, &where.any, sizeof where.local)) {
        fail(e, "listen at", s->path);
        s->path[0] = '\0';
        return false;
    }
    if (chmod(s->path, mode) || listen(s->fd, BACKLOG) || lstat(s->path, &st)) {
        fail(e, "listen at", s->path);
        unlink(s->path);
        s->path[0] = '\0';
        return false;
    }
    s->device = st.st_dev;
    s->inode = st.st_ino;
    s->changed = st.st_ctim;
    return true;
}

bool listen_socket_open(const struct address *a, mode_t mode, struct listen_socket *out, struct err *e)
{
    *out = (struct listen_socket){ .fd = -1, .lock_fd = -1 };
    bool fine = a->kind == ADDRESS_UNIX ? open_unix(a, mode, out, e) : open_tcp(a, out, e);

    if (!fine)
        listen_socket_close(out);
    return fine;
}

void listen_socket_close(struct listen_socket *s)
{
    struct stat st;

    if (s->path[0] && lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode &&
        st.st_ctim.tv_sec == s->changed.tv_sec && st.st_ctim.tv_nsec == s->changed.tv_nsec)
        unlink(s->path);
    s->path[0] = '\0';
    if (s->fd >= 0)
        close(s->fd);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    s->fd = s->lock_fd = -1;
}
