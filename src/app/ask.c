/* Asking a running gateway's admin listener: see ask.h. */
#include "app/ask.h"
#include "base/clock.h"
#include "config/address.h"
#include "config/ini.h"
#include "config/snapshot.h"
#include "config/textfile.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define FILE_MAX_BYTES  (16 * 1024 * 1024)
#define ARENA_MAX_BYTES (64 * 1024 * 1024)

/* ---- where ---- */

/* The wildcard address is asked at the loopback one. */
static bool set_numeric(struct ask *t, const struct address *a)
{
    char host[INET6_ADDRSTRLEN];

    if (a->port == 0 || a->host.n >= sizeof host)
        return false;
    memcpy(host, a->host.p, a->host.n);
    host[a->host.n] = '\0';
    if (a->kind == ADDRESS_IPV6) {
        t->at.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(a->port) };
        t->at_bytes = sizeof t->at.v6;
        return inet_pton(AF_INET6, a->is_any ? "::1" : host, &t->at.v6.sin6_addr) == 1;
    }
    t->at.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(a->port) };
    t->at_bytes = sizeof t->at.v4;
    return inet_pton(AF_INET, a->is_any ? "127.0.0.1" : host, &t->at.v4.sin_addr) == 1;
}

static bool set_place(struct ask *t, struct slice text)
{
    struct address a;

    if (!address_parse(text, &a, NULL))
        return false;
    snprintf(t->place, sizeof t->place, "%.*s", SLICE_FMT(text));
    if (a.kind != ADDRESS_UNIX)
        return set_numeric(t, &a);
    t->at.local = (struct sockaddr_un){ .sun_family = AF_UNIX };
    t->at_bytes = sizeof t->at.local;
    if (a.path.n >= sizeof t->at.local.sun_path)
        return false;
    memcpy(t->at.local.sun_path, a.path.p, a.path.n);
    return true;
}

static bool set_path(struct ask *t, struct slice path)
{
    if (path.n >= sizeof t->path)
        return false;
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] <= ' ' || path.p[i] > '~')
            return false;
    snprintf(t->path, sizeof t->path, "%.*s", SLICE_FMT(path));
    return true;
}

bool ask_set_url(struct ask *t, struct slice url, const char *path)
{
    static const struct slice scheme = S_INIT("http://"), name = S_INIT("localhost:");
    char place[128];

    if (slice_starts(url, S("unix:")))
        return set_path(t, slice_of(path)) && set_place(t, url);
    if (!slice_starts(url, scheme))
        return false;
    url = slice_skip(url, scheme.n);
    size_t n = slice_find(url, '/');
    struct slice host = { url.p, n }, rest = slice_skip(url, n);
    if (slice_starts(host, name)) {
        struct slice port = slice_skip(host, name.n);
        host = slice_from(place, (size_t)snprintf(place, sizeof place, "127.0.0.1:%.*s", SLICE_FMT(port)));
    }
    return host.n < sizeof place && set_path(t, slice_is_empty(rest) ? slice_of(path) : rest) &&
           set_place(t, host);
}

/* The first admin_listen that a file names, whatever else is wrong with it; part of text. Empty: none. */
static struct slice first_admin_listen(struct slice text, struct arena *arena)
{
    struct problems ignored = { 0 };
    struct ini_doc doc = { 0 };
    struct slice first = SLICE_NONE;

    if (ini_read(text, arena, &ignored, &doc))
        for (const struct ini_section *s = doc.sections; s && !first.n; s = s->next) {
            const struct ini_item *item =
                slice_eq(s->kind, S("gateway")) ? ini_section_item(s, S("admin_listen")) : NULL;
            struct slice values = item ? item->value : SLICE_NONE;
            if (slice_split(&values, ',', &first))
                first = slice_trim(first);
        }
    problems_drop(&ignored);
    return first;
}

/* A file that is refused is a reload that was refused, or will be: the gateway runs on with what it has, and can be asked. */
static bool set_place_of_refused(struct ask *t, const char *file)
{
    SCOPED(sbuf) text = SBUF_MAX(FILE_MAX_BYTES);
    struct arena *arena = arena_new(ARENA_MAX_BYTES);
    bool ok = false;

    if (arena && textfile_read(file, TEXTFILE_CONFIG, &text, NULL)) {
        struct slice place = first_admin_listen(sbuf_slice(&text), arena);
        ok = place.n && set_place(t, place);
    }
    arena_free(&arena);
    return ok;
}

bool ask_set_config(struct ask *t, const char *file, const char *path, const char *command)
{
    struct config_errors errors = { 0 };
    struct snapshot *s = snapshot_load(file, false, &errors);
    bool ok = false;

    if (!s) {
        fprintf(stderr, "%.*s", SLICE_FMT(sbuf_slice(&errors.text)));
        ok = set_path(t, slice_of(path)) && set_place_of_refused(t, file);
        if (ok)
            fprintf(stderr, "easgate %s: %s would be refused; asking at its admin_listen all the same\n",
                    command, file);
    } else if (s->gateway.admin_listen.count == 0)
        fprintf(stderr, "easgate %s: %s has no admin_listen\n", command, file);
    else if (!set_path(t, slice_of(path)) || !set_place(t, s->gateway.admin_listen.at[0].text))
        fprintf(stderr, "easgate %s: the admin_listen of %s cannot be asked\n", command, file);
    else
        ok = true;
    config_errors_drop(&errors);
    snapshot_unref(&s);
    return ok;
}

/* ---- the exchange ---- */

struct probe {
    int fd;
    int64_t deadline_ms;
    const char *failed;
};

/* Wait for events on the socket; false at the deadline. */
static bool wait_for(struct probe *p, short events)
{
    int64_t left_ms;

    while ((left_ms = p->deadline_ms - clock_mono_ms(&clock_system)) > 0) {
        struct pollfd one = { .fd = p->fd, .events = events };
        int n = poll(&one, 1, (int)left_ms);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            break;
    }
    p->failed = "no answer in time";
    return false;
}

static bool connect_to(struct probe *p, const struct ask *t)
{
    int error = 0;
    socklen_t n = sizeof error;

    p->fd = socket(t->at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->fd < 0)
        error = errno;
    else if (connect(p->fd, &t->at.any, t->at_bytes) != 0) {
        error = errno;
        if (error == EINPROGRESS) {
            if (!wait_for(p, POLLOUT))
                return false;
            if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
                error = errno;
        }
    }
    if (error != 0)
        p->failed = strerror(error);
    return error == 0;
}

static bool send_request(struct probe *p, struct slice request)
{
    size_t sent = 0;

    while (sent < request.n) {
        ssize_t got = send(p->fd, request.p + sent, request.n - sent, MSG_NOSIGNAL);
        if (got >= 0) {
            sent += (size_t)got;
            continue;
        }
        if (errno == EAGAIN && wait_for(p, POLLOUT))
            continue;
        p->failed = p->failed ? p->failed : strerror(errno);
        return false;
    }
    return true;
}

/* The answer, or NULL. The caller owns it. */
static struct http1_msg *receive_answer(struct probe *p, struct http1_reader *reader)
{
    char bytes[4096];

    while (wait_for(p, POLLIN)) {
        ssize_t got = recv(p->fd, bytes, sizeof bytes, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got <= 0) {
            p->failed = got == 0 ? "closed before a whole answer" : strerror(errno);
            return NULL;
        }
        struct slice in = slice_from(bytes, (size_t)got);
        enum http1_event event;
        while ((event = http1_reader_feed(reader, &in)) == HTTP1_HEAD)
            ;
        if (event == HTTP1_COMPLETE)
            return http1_reader_take(reader);
        if (event == HTTP1_VIOLATED) {
            p->failed = http1_violation_text(http1_reader_violation(reader));
            return NULL;
        }
    }
    return NULL;
}

struct http1_msg *ask_send(struct ask *a, struct slice request, size_t max_bytes)
{
    int64_t limit_ms = a->limit_ms ? a->limit_ms : ASK_LIMIT_MS;
    struct probe p = { .fd = -1, .deadline_ms = clock_mono_ms(&clock_system) + limit_ms };
    struct http1_reader *reader = http1_reader_new(HTTP1_ANSWERS, max_bytes);
    struct http1_msg *answer = NULL;

    if (!reader)
        p.failed = "out of memory";
    else if (connect_to(&p, a) && send_request(&p, request))
        answer = receive_answer(&p, reader);
    http1_reader_free(&reader);
    if (p.fd >= 0)
        close(p.fd);
    a->failed = answer ? NULL : p.failed ? p.failed : "no answer";
    return answer;
}

struct http1_msg *ask_get(struct ask *a, size_t max_bytes)
{
    char text[512];
    int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
                     a->path);

    return ask_send(a, slice_from(text, (size_t)n), max_bytes);
}
