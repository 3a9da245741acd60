/*
 * Sending to a syslog collector: see ship_link.h. Sockets do not block; every wait has its end. Must never call a receipt what
 * is none: all doubts are a no, which costs records that arrive twice.
 */
#include "edge/ship_link.h"
#include "base/must.h"
#include "edge/ship_inner.h"
#include "edge/tls.h"
#include <errno.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GATHER_BYTES  ((size_t)64 * 1024)
#define OUT_MAX_BYTES (GATHER_BYTES + SYSLOG_MESSAGE_MAX_BYTES + 32)
#define READ_BYTES    ((size_t)512)
#define READS_MAX     4096 /* for one connection: a collector has nothing to say */
#define LOOK_EVERY_MS 2    /* how often the kernel is asked what is not acknowledged yet */

struct ship_link *ship_link_open(const struct ship_link_config *cfg, struct err *e)
{
    struct ship_link *l = calloc(1, sizeof *l);

    if (!l) {
        err_set(e, ERR_MEMORY, "no memory for a connection");
        return NULL;
    }
    l->cfg = cfg;
    l->fd = -1;
    l->out = SBUF_MAX(OUT_MAX_BYTES);
    if (!ship_connect(l, e))
        ship_link_free(&l);
    return l;
}

void ship_link_free(struct ship_link **l)
{
    if (!*l)
        return;
    SSL_free((*l)->ssl);
    if ((*l)->fd >= 0)
        close((*l)->fd);
    sbuf_drop(&(*l)->out);
    free(*l);
    *l = NULL;
}

static int64_t deadline(const struct ship_link *l, uint64_t ms)
{
    return clock_mono_ms(l->cfg->clock) + (int64_t)ms;
}

/* ---- one call of the system or of OpenSSL ---- */

enum step { STEP_DONE = 1, STEP_WAIT, STEP_END, STEP_FAILED };

/* The connection ended without close_notify: RFC 5425 (4.4) demands one, yet collectors in wide use send none. */
static bool is_bare_end(int ssl_error)
{
    return ssl_error == SSL_ERROR_SSL &&
           ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

/* What came of a call on ssl; WAIT sets the events to wait for. */
static enum step tls_step(const struct ship_link *l, int result, short *out_events, struct err *e)
{
    int system_error = errno, error = SSL_get_error(l->ssl, result);
    char why[256];

    *out_events = error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
    if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ)
        return STEP_WAIT;
    if (error == SSL_ERROR_ZERO_RETURN || is_bare_end(error)) {
        ERR_clear_error();
        return STEP_END;
    }
    tls_explain(l->ssl, error, system_error, why, sizeof why);
    err_set(e, ERR_IO, "TLS: %s", why);
    return STEP_FAILED;
}

static enum step plain_step(ssize_t result, short events, short *out_events, struct err *e)
{
    *out_events = events;
    if (result > 0)
        return STEP_DONE;
    if (result == 0)
        return STEP_END;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return STEP_WAIT;
    err_set(e, ERR_IO, "%s", strerror(errno));
    return STEP_FAILED;
}

static enum step write_some(struct ship_link *l, struct slice *rest, short *out_events, struct err *e)
{
    errno = 0;
    if (l->ssl) {
        size_t n = 0;
        int result = SSL_write_ex(l->ssl, rest->p, rest->n, &n);
        *rest = slice_skip(*rest, n);
        return result == 1 ? STEP_DONE : tls_step(l, result, out_events, e);
    }
    ssize_t n = send(l->fd, rest->p, rest->n, MSG_NOSIGNAL);
    if (n > 0)
        *rest = slice_skip(*rest, (size_t)n);
    return plain_step(n, POLLOUT, out_events, e);
}

/* Read a piece of what the collector says, which means nothing. That it goes on and on must not keep us from all else. */
static enum step read_piece(struct ship_link *l, bool in_tls, short *out_events, struct err *e)
{
    char waste[READ_BYTES];
    size_t n;
    enum step step;

    errno = 0;
    if (in_tls) {
        int result = SSL_read_ex(l->ssl, waste, sizeof waste, &n);
        step = result == 1 ? STEP_DONE : tls_step(l, result, out_events, e);
    } else {
        step = plain_step(recv(l->fd, waste, sizeof waste, 0), POLLIN, out_events, e);
    }
    if (step != STEP_DONE || ++l->reads <= READS_MAX)
        return step;
    err_set(e, ERR_IO, "the collector sends without end");
    return STEP_FAILED;
}

/* The same until nothing is there. */
static enum step read_some(struct ship_link *l, short *out_events, struct err *e)
{
    enum step step;

    do
        step = read_piece(l, l->ssl != NULL, out_events, e);
    while (step == STEP_DONE);
    return step;
}

/* ---- sending ---- */

static bool send_all(struct ship_link *l, struct slice bytes, struct err *e)
{
    while (bytes.n) {
        short events;
        switch (write_some(l, &bytes, &events, e)) {
        case STEP_DONE:
            break;
        case STEP_WAIT:
            if (!ship_await(l, events, deadline(l, l->cfg->stall_ms), "send", e))
                return false;
            break;
        case STEP_END:
            return err_set(e, ERR_IO, "the collector closed the connection");
        case STEP_FAILED:
            return false;
        }
    }
    return true;
}

bool ship_link_flush(struct ship_link *l, struct err *e)
{
    bool ok = send_all(l, sbuf_slice(&l->out), e);

    sbuf_clear(&l->out);
    return ok;
}

bool ship_link_send(struct ship_link *l, struct slice message, struct err *e)
{
    if (l->framing == SYSLOG_BARE)
        return send_all(l, message, e);
    if (!syslog_frame_add(l->framing, message, &l->out))
        return err_set(e, ERR_MEMORY, "no memory for a message");
    return l->out.n < GATHER_BYTES || ship_link_flush(l, e);
}

bool ship_link_wait(struct ship_link *l, int other_fd, int64_t wait_ms, struct err *e)
{
    struct pollfd fds[3] = { { .fd = l->fd, .events = POLLIN },
                             { .fd = other_fd, .events = POLLIN },
                             { .fd = l->cfg->quit_fd, .events = POLLIN } };
    short events;

    if (poll(fds, 3, (int)wait_ms) <= 0 || !fds[0].revents)
        return true;
    enum step step = read_some(l, &events, e);
    if (step == STEP_END)
        err_set(e, ERR_IO, "the collector closed the connection");
    return step == STEP_WAIT;
}

/* ---- the receipt ---- */

/* Until the other side's kernel (of a unix socket: the collector itself) has taken all. */
static bool await_taken(const struct ship_link *l, int64_t until, struct err *e)
{
    struct pollfd quit = { .fd = l->cfg->quit_fd, .events = POLLIN };
    int left;

    for (;;) {
        if (ioctl(l->fd, SIOCOUTQ, &left) != 0)
            return err_set(e, ERR_IO, "SIOCOUTQ: %s", strerror(errno));
        if (left == 0)
            return true;
        if (clock_mono_ms(l->cfg->clock) >= until)
            return err_set(e, ERR_IO, "receipt: the collector does not take what was sent");
        if (poll(&quit, 1, LOOK_EVERY_MS) > 0)
            return err_set(e, ERR_IO, "receipt: the gateway stops");
    }
}

/* Our close_notify. What the collector says first is of no interest. */
static bool close_tls(struct ship_link *l, int64_t until, struct err *e)
{
    short events;

    for (;;) {
        errno = 0;
        int result = SSL_shutdown(l->ssl);
        if (result >= 0)
            return true;
        enum step step = tls_step(l, result, &events, e);
        if (step == STEP_END)
            return true;
        if (step != STEP_WAIT || !ship_await(l, events, until, "receipt", e))
            return false;
    }
}

/* Until the collector's end of the stream; TLS's own end comes before that of the connection below, and not from everyone. */
static bool await_end(struct ship_link *l, int64_t until, struct err *e)
{
    bool in_tls = l->ssl != NULL;

    for (;;) {
        short events = POLLIN;
        struct err why = { 0 };
        enum step step = read_piece(l, in_tls, &events, &why);
        if (step == STEP_END && !in_tls)
            return true;
        if (step == STEP_END)
            in_tls = false; /* the connection below tells whether it ended in order */
        else if (step == STEP_FAILED)
            return err_set(e, ERR_IO, "receipt: %s", why.text);
        else if (step == STEP_WAIT && !ship_await(l, events, until, "receipt", e))
            return false;
    }
}

bool ship_link_receipt(struct ship_link *l, bool *out_goes_on, struct err *e)
{
    int64_t until;
    int error = 0;
    socklen_t n = sizeof error;

    *out_goes_on = l->framing == SYSLOG_BARE;
    if (!ship_link_flush(l, e))
        return false;
    until = deadline(l, l->cfg->receipt_ms);
    if (*out_goes_on)
        return await_taken(l, until, e) && ship_datagram_lives(l, e);
    if (l->ssl && !close_tls(l, until, e))
        return false;
    if (shutdown(l->fd, SHUT_WR) != 0)
        return err_set(e, ERR_IO, "receipt: %s", strerror(errno));
    if (!await_end(l, until, e) || !await_taken(l, until, e))
        return false;
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    return error == 0 || err_set(e, ERR_IO, "receipt: %s", strerror(error));
}
