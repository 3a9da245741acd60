/*
 * A TLS server inside the test process, blocking, a thread for each connection, that behaves as badly as it is told to. It
 * counts what reached it; that is what the tests judge by.
 */
#ifndef EG_STUB_TLS_H
#define EG_STUB_TLS_H
#include "edge/stub_cert.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define STUB_IDS 131072

struct stub;
struct stub_conn {
    struct stub *stub;
    SSL *ssl;
    int fd;
    unsigned index;  /* 0 = first connection */
    unsigned served; /* requests read whole on it */
};
typedef void (*stub_fn)(struct stub_conn *c);

struct stub {
    SSL_CTX *ctx;
    stub_fn before_tls; /* may be NULL; may close c->fd and set it to -1 */
    stub_fn serve;
    void *arg;
    int fd;
    uint16_t port;
    pthread_t acceptor;
    atomic_bool stopping;
    atomic_uint connections, handshakes, threads, threads_most;
    atomic_uint requests, reads,
        touched; /* whole requests; SSL_read calls for them; connections with a request byte */
    atomic_size_t request_bytes;
    atomic_uchar receipts[STUB_IDS]; /* whole requests by x-echo id */
};

static inline void stub_sleep_ms(long ms)
{
    struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&ts, NULL);
}

/* ---- what serve functions use ---- */

/* The same, but not beyond the end of the test. */
static inline void stub_pause_ms(struct stub *s, long ms)
{
    for (; ms > 0 && !atomic_load(&s->stopping); ms -= 10)
        stub_sleep_ms(ms < 10 ? ms : 10);
}

struct stub_request {
    unsigned id; /* x-echo */
    size_t head_bytes, body_bytes;
    bool is_post;
    char text[400 * 1024];
};

/* Some bytes of a request; false at the end. */
static inline bool stub_read(struct stub_conn *c, char *p, size_t n, size_t *out_n)
{
    if (SSL_read_ex(c->ssl, p, n, out_n) != 1)
        return false;
    atomic_fetch_add(&c->stub->request_bytes, *out_n);
    atomic_fetch_add(&c->stub->reads, 1);
    return true;
}

static inline unsigned stub_number_after(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    unsigned n = 0;

    for (at = at ? at + strlen(name) : ""; *at >= '0' && *at <= '9'; at++)
        n = n * 10 + (unsigned)(*at - '0');
    return n;
}

/* A whole request; false when the peer left before. */
static inline bool stub_read_request(struct stub_conn *c, struct stub_request *q)
{
    size_t have = 0, got;
    const char *end = NULL;

    q->text[0] = '\0';
    while (!(end = strstr(q->text, "\r\n\r\n"))) {
        if (!stub_read(c, q->text + have, sizeof q->text - have - 1, &got))
            return false;
        if (have == 0)
            atomic_fetch_add(&c->stub->touched, 1);
        have += got;
        q->text[have] = '\0';
    }
    q->head_bytes = (size_t)(end - q->text) + 4;
    q->body_bytes = stub_number_after(q->text, "content-length: ");
    q->is_post = strncmp(q->text, "POST ", 5) == 0;
    q->id = stub_number_after(q->text, "x-echo: ");
    while (have < q->head_bytes + q->body_bytes) {
        if (!stub_read(c, q->text + have, sizeof q->text - have - 1, &got))
            return false;
        have += got;
    }
    MUST(have == q->head_bytes + q->body_bytes && q->id < STUB_IDS);
    atomic_fetch_add(&c->stub->requests, 1);
    atomic_fetch_add(&c->stub->receipts[q->id], 1);
    c->served++;
    return true;
}

static inline void stub_write_n(struct stub_conn *c, const char *p, size_t n)
{
    size_t done;
    if (n > 0)
        (void)SSL_write_ex(c->ssl, p, n, &done);
}

static inline void stub_write(struct stub_conn *c, const char *text)
{
    stub_write_n(c, text, strlen(text));
}

/* The answer that names the request: its body is the id. */
static inline void stub_answer(char *out, size_t n, unsigned id)
{
    char body[16];
    snprintf(body, sizeof body, "%u", id);
    snprintf(out, n, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %zu\r\n\r\n%s",
             strlen(body), body);
}

static inline void stub_echo_one(struct stub_conn *c, unsigned id)
{
    char text[200];
    stub_answer(text, sizeof text, id);
    stub_write(c, text);
}

/* Hold back what is written from here on, and let it go in one piece. */
static inline void stub_cork(struct stub_conn *c, int on)
{
    setsockopt(c->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

/* End without close_notify. */
static inline void stub_cut(struct stub_conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static inline void stub_reset(struct stub_conn *c)
{
    struct linger now = { 1, 0 };
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    stub_cut(c);
}

/* The well-behaved server. */
static inline void stub_serve_echo(struct stub_conn *c)
{
    struct stub_request *q = malloc(sizeof *q);
    while (q && stub_read_request(c, q))
        stub_echo_one(c, q->id);
    free(q);
}

/* ---- life ---- */

static inline void *stub_conn_main(void *arg)
{
    struct stub_conn *c = arg;
    struct stub *s = c->stub;
    struct timeval limit = { 10, 0 };
    int one = 1;

    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (s->before_tls)
        s->before_tls(c);
    c->ssl = SSL_new(s->ctx);
    if (c->fd >= 0 && c->ssl && SSL_set_fd(c->ssl, c->fd) == 1 && SSL_accept(c->ssl) == 1) {
        atomic_fetch_add(&s->handshakes, 1);
        s->serve(c);
        if (c->fd >= 0)
            SSL_shutdown(c->ssl);
    }
    SSL_free(c->ssl);
    stub_cut(c);
    free(c);
    atomic_fetch_sub(&s->threads, 1);
    return NULL;
}

static inline void stub_begin_conn(struct stub *s, int fd)
{
    struct stub_conn *c = calloc(1, sizeof *c);
    pthread_t id;

    MUST(c);
    c->stub = s;
    c->fd = fd;
    c->index = atomic_fetch_add(&s->connections, 1);
    unsigned now = atomic_fetch_add(&s->threads, 1) + 1;
    if (now > atomic_load(&s->threads_most))
        atomic_store(&s->threads_most, now);
    MUST(pthread_create(&id, NULL, stub_conn_main, c) == 0);
    pthread_detach(id);
}

static inline void *stub_accept_main(void *arg)
{
    struct stub *s = arg;

    while (!atomic_load(&s->stopping)) {
        int fd = accept(s->fd, NULL, NULL);
        if (fd >= 0)
            stub_begin_conn(s, fd);
    }
    return NULL;
}

static inline int stub_listen(uint16_t *out_port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    MUST(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 256) == 0);
    MUST(getsockname(fd, (struct sockaddr *)&at, &n) == 0);
    *out_port = ntohs(at.sin_port);
    return fd;
}

/* A server context with this certificate (NULL: none at all, anonymous ciphers). Weak things are permitted here: it is the
 * client that has to refuse them. */
static inline SSL_CTX *stub_ctx(const struct stub_pair *pair, int min_version, int max_version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    MUST(ctx);
    SSL_CTX_set_security_level(ctx, 0);
    MUST(SSL_CTX_set_cipher_list(ctx, pair ? "ALL:@SECLEVEL=0" : "aNULL:@SECLEVEL=0") == 1);
    MUST(SSL_CTX_set_min_proto_version(ctx, min_version) == 1 &&
         SSL_CTX_set_max_proto_version(ctx, max_version) == 1);
    if (pair)
        MUST(SSL_CTX_use_certificate(ctx, pair->cert) == 1 && SSL_CTX_use_PrivateKey(ctx, pair->key) == 1);
    else
        SSL_CTX_set_dh_auto(ctx, 1);
    return ctx;
}

/* Takes ctx over. */
static inline struct stub *stub_start(SSL_CTX *ctx, stub_fn serve, void *arg)
{
    struct stub *s = calloc(1, sizeof *s);

    MUST(s);
    s->ctx = ctx;
    s->serve = serve;
    s->arg = arg;
    s->fd = stub_listen(&s->port);
    MUST(pthread_create(&s->acceptor, NULL, stub_accept_main, s) == 0);
    return s;
}

/* The client's ends must be closed before, or this waits for their time limits. */
static inline void stub_stop(struct stub **s)
{
    atomic_store(&(*s)->stopping, true);
    shutdown((*s)->fd, SHUT_RDWR); /* accept returns */
    pthread_join((*s)->acceptor, NULL);
    for (int i = 0; i < 20000 && atomic_load(&(*s)->threads) > 0; i++)
        stub_sleep_ms(1);
    MUST(atomic_load(&(*s)->threads) == 0);
    close((*s)->fd);
    SSL_CTX_free((*s)->ctx);
    free(*s);
    *s = NULL;
}
#endif
