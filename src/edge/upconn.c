/*
 * One connection to EAS: see upconn.h. The rules it must never break (SECURITY section 0 point 2, section 4):
 *   - not a byte of a request before the peer's identity is proven;
 *   - one exchange at a time; what the peer says between two exchanges ends the connection, it is never an answer;
 *   - an answer is only what the strict reader calls complete; a connection's end completes nothing;
 *   - what was given to SSL_write once counts as sent, whatever became of it.
 * Why it is written on plain sockets: one SSL_write (so one TLS record for a usual request), TCP_NODELAY, a read event
 * that stays and a write event only after EAGAIN cost half of what a bufferevent does.
 */
#include "edge/upconn.h"
#include "base/must.h"
#include "edge/tls.h"
#include <errno.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <unistd.h>

#define READ_BYTES       4096  /* on the stack, and the compiler zeroes it each time */
#define WRITE_KEEP_BYTES 65536 /* a larger write buffer is given back after its exchange */
#define FIRST_ADDRESS_MS 250   /* least share of the connect time an address gets */

enum state { STATE_NONE = 0, CONNECTING, HANDSHAKE, IDLE, BUSY, OVER };

struct upconn {
    enum state state;
    int fd;
    SSL *ssl;
    struct event on_read, on_write, on_timer;
    const struct clock *clock;
    upconn_event_fn on_event;
    void *arg;
    enum upconn_event report; /* to be told from on_timer */

    /* until READY */
    SSL_CTX *tls;
    char host[TLS_HOST_MAX_BYTES + 1];
    uint16_t port;
    struct resolve_answer addresses;
    size_t first, tried; /* addresses begun */
    int64_t deadline_ms;
    bool timed_out;
    char failure[120];

    /* of the exchange */
    struct http1_reader *reader;
    size_t reader_max_bytes;
    char *out;
    size_t out_bytes, out_cap;
    bool out_blocked; /* SSL_write has not taken it all yet */
    bool may_stay;
    struct exchange *ex;
};

static void tell_later(struct upconn *c, enum upconn_event event)
{
    c->report = event;
    event_active(&c->on_timer, EV_TIMEOUT, 1);
}

static void tell(struct upconn *c, enum upconn_event event)
{
    c->on_event(c->arg, c, event); /* may free c */
}

static void drop_socket(struct upconn *c)
{
    if (c->fd < 0)
        return;
    event_del(&c->on_read);
    event_del(&c->on_write);
    SSL_free(c->ssl);
    c->ssl = NULL;
    close(c->fd);
    c->fd = -1;
}

/* ---- connect ---- */

static void begin_next_address(struct upconn *c);
static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

static void attempt_failed(struct upconn *c, const char *stage, const char *why)
{
    snprintf(c->failure, sizeof c->failure, "%s: %s", stage, why);
    drop_socket(c);
    begin_next_address(c);
}

static void handshake(struct upconn *c)
{
    char why[96];

    ERR_clear_error();
    errno = 0;
    int r = SSL_do_handshake(c->ssl);
    int seen = errno;
    int error = r == 1 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, r);
    if (error == SSL_ERROR_WANT_READ)
        return;
    if (error == SSL_ERROR_WANT_WRITE) {
        event_add(&c->on_write, NULL);
        return;
    }
    if (error != SSL_ERROR_NONE) {
        tls_explain(c->ssl, error, seen, why, sizeof why);
        attempt_failed(c, "TLS", why);
        return;
    }
    if (!tls_upstream_is_proven(c->ssl)) {
        attempt_failed(c, "TLS", "the peer's identity is not proven");
        return;
    }
    event_del(&c->on_timer);
    c->state = IDLE;
    tell(c, UPCONN_READY);
}

static void begin_handshake(struct upconn *c)
{
    int error = 0;
    socklen_t n = sizeof error;

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    if (error != 0) {
        attempt_failed(c, "connect", strerror(error));
        return;
    }
    c->ssl = tls_upstream_ssl_new(c->tls, c->fd, c->host, NULL);
    if (!c->ssl || event_add(&c->on_read, NULL) != 0) {
        attempt_failed(c, "TLS", "out of memory");
        return;
    }
    c->state = HANDSHAKE;
    handshake(c);
}

static socklen_t set_port(struct sockaddr_storage *address, uint16_t port)
{
    if (address->ss_family == AF_INET) {
        ((struct sockaddr_in *)(void *)address)->sin_port = htons(port);
        return sizeof(struct sockaddr_in);
    }
    ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons(port);
    return sizeof(struct sockaddr_in6);
}

/* Make c->fd a socket that connects. False with errno. */
static bool begin_connect(struct upconn *c, struct sockaddr_storage address)
{
    socklen_t n = set_port(&address, c->port);
    int one = 1;

    c->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    event_assign(&c->on_read, event_get_base(&c->on_timer), c->fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->on_write, event_get_base(&c->on_timer), c->fd, EV_WRITE, on_writable, c);
    if (connect(c->fd, (const struct sockaddr *)&address, n) != 0 && errno != EINPROGRESS)
        return false;
    if (event_add(&c->on_write, NULL) == 0)
        return true;
    errno = ENOMEM;
    return false;
}

static void arm_timer(struct upconn *c, size_t addresses_left)
{
    int64_t left_ms = c->deadline_ms - clock_mono_ms(c->clock);
    int64_t share_ms = addresses_left > 1 ? left_ms / (int64_t)addresses_left : left_ms;

    if (share_ms < FIRST_ADDRESS_MS)
        share_ms = left_ms < FIRST_ADDRESS_MS ? left_ms : FIRST_ADDRESS_MS;
    if (share_ms < 0)
        share_ms = 0;
    struct timeval tv = { .tv_sec = share_ms / 1000, .tv_usec = share_ms % 1000 * 1000 };
    event_add(&c->on_timer, &tv);
}

static void begin_next_address(struct upconn *c)
{
    while (c->tried < c->addresses.count && clock_mono_ms(c->clock) < c->deadline_ms) {
        size_t left = c->addresses.count - c->tried;
        size_t at = (c->first + c->tried++) % c->addresses.count;
        c->state = CONNECTING;
        if (begin_connect(c, c->addresses.addresses[at])) {
            arm_timer(c, left);
            return;
        }
        snprintf(c->failure, sizeof c->failure, "connect: %s", strerror(errno));
        drop_socket(c);
    }
    c->state = OVER;
    tell_later(c, UPCONN_FAILED);
}

/* ---- idle ---- */

/* Anything to read now? Tickets and key updates are taken in silence. False: data, end, or error. */
static bool probe_silence(struct upconn *c)
{
    char byte;
    size_t n;

    ERR_clear_error();
    errno = 0;
    int r = SSL_read_ex(c->ssl, &byte, 1, &n);
    bool silent = r != 1 && SSL_get_error(c->ssl, r) == SSL_ERROR_WANT_READ;
    ERR_clear_error();
    return silent;
}

/* ---- the exchange ---- */

static void end_exchange(struct upconn *c)
{
    event_del(&c->on_write);
    if (!c->may_stay)
        event_del(&c->on_read);
    c->state = c->may_stay ? IDLE : OVER;
    c->ex = NULL;
    if (c->out_cap > WRITE_KEEP_BYTES) {
        free(c->out);
        c->out = NULL;
        c->out_cap = 0;
    }
}

/* The answer will not come (whole): how far it got is what the reader saw. */
static void fill_failure(struct upconn *c, const char *why)
{
    struct exchange *ex = c->ex;
    const struct http1_msg *begun = http1_reader_msg(c->reader);

    ex->failure = http1_reader_is_idle(c->reader) ? SEND_NO_ANSWER : SEND_CUT_ANSWER;
    ex->status_seen = begun ? begun->status : 0;
    snprintf(ex->detail, sizeof ex->detail, "%s: %s",
             ex->failure == SEND_NO_ANSWER ? "no answer" : "answer cut", why);
    c->may_stay = false;
    end_exchange(c);
}

static void take_answer(struct upconn *c, bool more_bytes)
{
    struct exchange *ex = c->ex;

    ex->answer = http1_reader_take(c->reader);
    c->may_stay = !more_bytes && !c->out_blocked && ex->answer && !ex->answer->close &&
                  !SSL_has_pending(c->ssl) && http1_reader_is_idle(c->reader);
    if (!ex->answer) {
        ex->failure = SEND_CUT_ANSWER;
        snprintf(ex->detail, sizeof ex->detail, "out of memory");
    }
    end_exchange(c);
}

static void refuse_answer(struct upconn *c)
{
    struct exchange *ex = c->ex;

    ex->failure = SEND_BAD_ANSWER;
    snprintf(ex->detail, sizeof ex->detail, "bad answer: %s",
             http1_violation_text(http1_reader_violation(c->reader)));
    c->may_stay = false;
    end_exchange(c);
}

/* Give bytes to the reader. True when the exchange is over. */
static bool feed_reader(struct upconn *c, struct slice in)
{
    for (;;) {
        switch (http1_reader_feed(c->reader, &in)) {
        case HTTP1_MORE:
            return false;
        case HTTP1_HEAD:
            break;
        case HTTP1_COMPLETE:
            take_answer(c, in.n > 0);
            return true;
        case HTTP1_VIOLATED:
            refuse_answer(c);
            return true;
        }
    }
}

/* True when the exchange is over. Stops where the library holds nothing more: one read saved for each answer, and one
 * connection cannot hold up the others. */
static bool read_answer(struct upconn *c)
{
    char bytes[READ_BYTES], why[96];
    size_t n;

    do {
        ERR_clear_error();
        errno = 0;
        int r = SSL_read_ex(c->ssl, bytes, sizeof bytes, &n);
        int seen = errno;
        if (r != 1) {
            int error = SSL_get_error(c->ssl, r);
            if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
                return false;
            tls_explain(c->ssl, error, seen, why, sizeof why);
            fill_failure(c, why);
            return true;
        }
        if (feed_reader(c, slice_from(bytes, n)))
            return true;
    } while (SSL_has_pending(c->ssl));
    return false;
}

/* Give the request to TLS, or go on with it. True when the exchange is over (it failed). */
static bool write_request(struct upconn *c)
{
    char why[96];
    size_t n;

    ERR_clear_error();
    errno = 0;
    int r = SSL_write_ex(c->ssl, c->out, c->out_bytes, &n);
    int seen = errno;
    c->out_blocked = r != 1;
    if (r == 1)
        return false;
    int error = SSL_get_error(c->ssl, r);
    if (error == SSL_ERROR_WANT_READ) /* the read event is on; try again after it */
        return false;
    if (error == SSL_ERROR_WANT_WRITE && event_add(&c->on_write, NULL) == 0)
        return false;
    tls_explain(c->ssl, error, seen, why, sizeof why);
    fill_failure(c, why);
    return true;
}

/* ---- events ---- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct upconn *c = arg;

    (void)fd;
    (void)what;
    switch (c->state) {
    case HANDSHAKE:
        handshake(c);
        break;
    case IDLE:
        if (probe_silence(c))
            break;
        c->state = OVER;
        tell(c, UPCONN_LOST);
        break;
    case BUSY:
        if (read_answer(c) || (c->out_blocked && write_request(c)))
            tell(c, UPCONN_ENDED);
        break;
    case STATE_NONE:
    case CONNECTING:
    case OVER:
        break;
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct upconn *c = arg;

    (void)fd;
    (void)what;
    if (c->state == CONNECTING)
        begin_handshake(c);
    else if (c->state == HANDSHAKE)
        handshake(c);
    else if (c->state == BUSY && c->out_blocked && write_request(c))
        tell(c, UPCONN_ENDED);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct upconn *c = arg;
    enum upconn_event report = c->report;

    (void)fd;
    (void)what;
    c->report = UPCONN_EVENT_NONE;
    if (report != UPCONN_EVENT_NONE) {
        tell(c, report);
        return;
    }
    c->timed_out = true;
    attempt_failed(c, c->state == CONNECTING ? "connect" : "TLS", "timed out");
}

/* ---- public ---- */

struct upconn *upconn_open(struct event_base *base, const struct clock *clock, const struct upconn_goal *goal,
                           upconn_event_fn on_event, void *arg)
{
    struct upconn *c = calloc(1, sizeof *c);
    size_t host_bytes = strlen(goal->host);

    MUST(goal->addresses->count > 0 && host_bytes <= TLS_HOST_MAX_BYTES);
    if (!c)
        return NULL;
    SSL_CTX_up_ref(goal->tls);
    c->tls = goal->tls;
    c->fd = -1;
    c->clock = clock;
    c->on_event = on_event;
    c->arg = arg;
    memcpy(c->host, goal->host, host_bytes + 1);
    c->port = goal->port;
    c->addresses = *goal->addresses;
    c->first = goal->first % goal->addresses->count;
    c->deadline_ms = clock_mono_ms(clock) + goal->timeout_ms;
    event_assign(&c->on_timer, base, -1, 0, on_timer, c);
    event_assign(&c->on_read, base, -1, 0, on_readable, c);
    event_assign(&c->on_write, base, -1, 0, on_writable, c);
    begin_next_address(c);
    return c;
}

void upconn_close(struct upconn **pc)
{
    struct upconn *c = *pc;

    if (!c)
        return;
    if (c->ssl && c->state == IDLE) { /* a farewell; whether it arrives does not matter */
        ERR_clear_error();
        SSL_shutdown(c->ssl);
        ERR_clear_error();
    }
    drop_socket(c);
    event_del(&c->on_timer);
    http1_reader_free(&c->reader);
    SSL_CTX_free(c->tls);
    free(c->out);
    free(c);
    *pc = NULL;
}

bool upconn_is_usable(struct upconn *c)
{
    char byte;

    if (c->state != IDLE)
        return false;
    if (!SSL_has_pending(c->ssl)) {
        ssize_t n = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return true;
        if (n <= 0)
            return false;
    }
    return probe_silence(c);
}

/* The reader and the one buffer of the write. */
static bool prepare_exchange(struct upconn *c, struct slice head, struct slice body, size_t answer_max_bytes)
{
    if (c->reader && c->reader_max_bytes != answer_max_bytes)
        http1_reader_free(&c->reader);
    if (!c->reader)
        c->reader = http1_reader_new(HTTP1_ANSWERS, answer_max_bytes);
    c->reader_max_bytes = answer_max_bytes;
    if (!c->reader || head.n == 0 || body.n > SIZE_MAX / 2 - head.n)
        return false;
    c->out_bytes = head.n + body.n;
    if (c->out_bytes > c->out_cap) {
        free(c->out);
        c->out = malloc(c->out_bytes);
        c->out_cap = c->out ? c->out_bytes : 0;
    }
    if (!c->out)
        return false;
    memcpy(c->out, head.p, head.n);
    if (body.n > 0)
        memcpy(c->out + head.n, body.p, body.n);
    return true;
}

bool upconn_send(struct upconn *c, struct slice head, struct slice body, size_t answer_max_bytes,
                 struct exchange *ex)
{
    MUST(c->state == IDLE);
    if (!prepare_exchange(c, head, body, answer_max_bytes))
        return false;
    c->state = BUSY;
    c->ex = ex;
    if (write_request(c))
        tell_later(c, UPCONN_ENDED);
    return true;
}

void upconn_time_out(struct upconn *c)
{
    struct exchange *ex = c->ex;

    if (!ex)
        return;
    fill_failure(c, c->out_blocked ? "timed out while sending" : "timed out");
    ex->timed_out = true;
}

bool upconn_may_stay(const struct upconn *c)
{
    return c->state == IDLE && c->may_stay;
}

const char *upconn_failure(const struct upconn *c, bool *out_timed_out)
{
    if (out_timed_out)
        *out_timed_out = c->timed_out;
    return c->failure[0] ? c->failure : "connect: timed out";
}

size_t upconn_address(const struct upconn *c)
{
    return (c->first + c->tried + c->addresses.count - 1) % c->addresses.count;
}
