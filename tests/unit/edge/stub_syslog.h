/*
 * A syslog collector inside the test process, one thread, on a unix datagram or stream socket, TCP or TLS. It takes frames
 * apart by RFC 6587 and keeps what arrived; it can be stopped from reading, and killed as a process is: the connection and
 * all that it had not read are gone.
 */
#ifndef EG_STUB_SYSLOG_H
#define EG_STUB_SYSLOG_H
#include "edge/stub_cert.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

enum stub_kind { STUB_DATAGRAM = 1, STUB_STREAM, STUB_TCP, STUB_TLS };

struct collector {
    enum stub_kind kind;
    char path[108];
    uint16_t port;   /* of tcp and tls; stays the same over kills */
    atomic_size_t read_max; /* bytes a read takes; 0 = many */
    SSL_CTX *ctx;
    atomic_bool talks;     /* unix stream, tcp: send without pause, whatever arrives */
    atomic_bool no_notify; /* tls: close without close_notify, as some do */
    pthread_t thread;
    bool runs;
    atomic_bool stopping, paused;
    atomic_uint connections;
    int listen_fd, fd;
    SSL *ssl;
    char buffer[128 * 1024];
    size_t have;
    /* what arrived; read it while the thread is stopped, or through collector_max */
    pthread_mutex_t lock;
    char **lines; /* by seq; the first arrival */
    unsigned long long max, first, arrivals, bytes;
    bool out_of_order, malformed;
};

#define COLLECTOR_SEQS 200000

/* ---- messages ---- */

static inline void collector_take(struct collector *c, const char *text, size_t n)
{
    static const char mark[] = "[easgate@32473 seq=\"";
    const char *at = memmem(text, n, mark, sizeof mark - 1), *line = memmem(text, n, "\"] {", 4);
    unsigned long long seq = 0;

    pthread_mutex_lock(&c->lock);
    if (!at || !line || text[0] != '<' || sscanf(at + sizeof mark - 1, "%llu", &seq) != 1 || seq == 0 ||
        seq >= COLLECTOR_SEQS) {
        c->malformed = true;
    } else {
        c->arrivals++;
        c->bytes += n;
        if (!c->first)
            c->first = seq;
        else if (seq > c->max + 1)
            c->out_of_order = true;
        c->max = seq > c->max ? seq : c->max;
        if (!c->lines[seq])
            c->lines[seq] = strndup(line + 3, n - (size_t)(line + 3 - text));
    }
    pthread_mutex_unlock(&c->lock);
}

/* Take whole frames out of the buffer. */
static inline void collector_frames(struct collector *c)
{
    size_t at = 0;

    for (;;) {
        char *p = c->buffer + at, *end;
        size_t rest = c->have - at, length = 0, head = 0;
        if (c->kind == STUB_STREAM) {
            if (!(end = memchr(p, '\n', rest)))
                break;
            length = (size_t)(end - p);
            collector_take(c, p, length);
            at += length + 1;
            continue;
        }
        while (head < rest && p[head] >= '0' && p[head] <= '9' && head < 6)
            length = length * 10 + (size_t)(p[head++] - '0');
        if (head == rest)
            break;
        if (head == 0 || p[0] == '0' || p[head] != ' ') {
            c->malformed = true;
            break;
        }
        if (rest < head + 1 + length)
            break;
        collector_take(c, p + head + 1, length);
        at += head + 1 + length;
    }
    memmove(c->buffer, c->buffer + at, c->have - at);
    c->have -= at;
}

/* ---- sockets ---- */

static inline void collector_listen(struct collector *c)
{
    int one = 1;

    c->fd = -1;
    c->have = 0;
    if (c->kind == STUB_TCP || c->kind == STUB_TLS) {
        struct sockaddr_in at = { .sin_family = AF_INET,
                                  .sin_port = htons(c->port),
                                  .sin_addr = { htonl(INADDR_LOOPBACK) } };
        socklen_t n = sizeof at;
        c->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(c->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        MUST(bind(c->listen_fd, (struct sockaddr *)&at, sizeof at) == 0);
        MUST(getsockname(c->listen_fd, (struct sockaddr *)&at, &n) == 0);
        c->port = ntohs(at.sin_port);
    } else {
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        memcpy(at.sun_path, c->path, sizeof c->path);
        c->listen_fd = socket(AF_UNIX, (c->kind == STUB_STREAM ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
        unlink(c->path);
        MUST(bind(c->listen_fd, (struct sockaddr *)&at, sizeof at) == 0);
    }
    if (c->kind != STUB_DATAGRAM)
        MUST(listen(c->listen_fd, 8) == 0);
}

static inline bool collector_readable(int fd, int wait_ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, wait_ms) > 0;
}

static inline void collector_hang_up(struct collector *c)
{
    if (c->ssl && !atomic_load(&c->no_notify))
        SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    c->ssl = NULL;
    close(c->fd);
    c->fd = -1;
    c->have = 0;
}

static inline void collector_accept(struct collector *c)
{
    struct timeval limit = { 2, 0 };

    c->fd = accept(c->listen_fd, NULL, NULL);
    if (c->fd < 0)
        return;
    atomic_fetch_add(&c->connections, 1);
    if (c->kind != STUB_TLS)
        return;
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    c->ssl = SSL_new(c->ctx);
    if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1 || SSL_accept(c->ssl) != 1)
        collector_hang_up(c);
}

static inline void collector_read(struct collector *c)
{
    size_t room = sizeof c->buffer - c->have, asked = atomic_load(&c->read_max), n = 0;
    size_t most = asked && asked < room ? asked : room;
    ssize_t got;

    if (c->kind == STUB_DATAGRAM) {
        got = recv(c->listen_fd, c->buffer, sizeof c->buffer, 0);
        if (got > 0)
            collector_take(c, c->buffer, (size_t)got);
        return;
    }
    if (c->ssl)
        got = SSL_read_ex(c->ssl, c->buffer + c->have, most, &n) == 1 ? (ssize_t)n : 0;
    else
        got = recv(c->fd, c->buffer + c->have, most, 0);
    if (got <= 0) {
        collector_hang_up(c);
        return;
    }
    c->have += (size_t)got;
    collector_frames(c);
}

static inline void collector_talk(const struct collector *c)
{
    static const char words[16384];

    while (c->fd >= 0 && send(c->fd, words, sizeof words, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
}

static inline void *collector_main(void *arg)
{
    struct collector *c = arg;

    while (!atomic_load(&c->stopping)) {
        int fd = c->fd >= 0 ? c->fd : c->listen_fd;
        bool talks = c->fd >= 0 && atomic_load(&c->talks);
        if (talks)
            collector_talk(c);
        if (atomic_load(&c->paused))
            poll(NULL, 0, 2);
        else if ((c->ssl && SSL_pending(c->ssl)) || collector_readable(fd, talks ? 0 : 5)) {
            if (c->fd < 0 && c->kind != STUB_DATAGRAM)
                collector_accept(c);
            else
                collector_read(c);
        }
    }
    return NULL;
}

/* ---- life ---- */

static inline void collector_init(struct collector *c, enum stub_kind kind, const char *dir)
{
    memset(c, 0, sizeof *c);
    c->kind = kind;
    snprintf(c->path, sizeof c->path, "%s/collector.sock", dir);
    c->lines = calloc(COLLECTOR_SEQS, sizeof *c->lines);
    MUST(c->lines && pthread_mutex_init(&c->lock, NULL) == 0);
    c->listen_fd = c->fd = -1;
}

static inline void collector_start(struct collector *c)
{
    collector_listen(c);
    atomic_store(&c->stopping, false);
    atomic_store(&c->paused, false);
    MUST(pthread_create(&c->thread, NULL, collector_main, c) == 0);
    c->runs = true;
}

/* As SIGKILL does it: what was not read is lost, connections with such bytes are reset by the kernel. */
static inline void collector_kill(struct collector *c)
{
    if (!c->runs)
        return;
    atomic_store(&c->stopping, true);
    pthread_join(c->thread, NULL);
    c->runs = false;
    if (c->fd >= 0)
        close(c->fd);
    if (c->ssl)
        SSL_free(c->ssl);
    c->ssl = NULL;
    close(c->listen_fd);
    c->fd = c->listen_fd = -1;
}

/* There may be a hole up to here. */
static inline void collector_set_max(struct collector *c, unsigned long long max)
{
    pthread_mutex_lock(&c->lock);
    c->max = max;
    pthread_mutex_unlock(&c->lock);
}

static inline unsigned long long collector_max(struct collector *c)
{
    pthread_mutex_lock(&c->lock);
    unsigned long long max = c->max;
    pthread_mutex_unlock(&c->lock);
    return max;
}

static inline void collector_drop(struct collector *c)
{
    collector_kill(c);
    for (size_t i = 0; i < COLLECTOR_SEQS; i++)
        free(c->lines[i]);
    free(c->lines);
    pthread_mutex_destroy(&c->lock);
    SSL_CTX_free(c->ctx);
}
#endif
