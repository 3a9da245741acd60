/*
 * listen: one evhttp for each address, since a bufferevent factory belongs to a whole evhttp; see the header.
 *
 * Accept errors: libevent tells a listener's error callback nothing but evhttp, so that the callback only stops the listener
 * (evhttp would spin, with a log line each time). A job looks every 200 ms: while there is no descriptor left it gives up a
 * spare one to accept and close what waits, so that clients learn it at once; then it starts the listeners again.
 * Must never: accept while the guards have no spare, answer anything by itself.
 */
#include "edge/listen.h"
#include "base/log.h"
#include "base/must.h"
#include "edge/accept.h"
#include "edge/admin.h"
#include "edge/httpin.h"
#include "edge/listen_socket.h"
#include <errno.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_MS              200
#define SHED_MAX              64 /* connections closed unheard in one look */
#define ADMIN_MAX_CONNECTIONS 64

struct door {
    struct listen_socket socket;
    struct evhttp *http;
    struct evhttp_bound_socket *bound; /* NULL: accepts no more */
    bool is_admin;
};

struct listeners {
    struct loop *loop;
    struct gate *gate;
    struct guards *clients, *admins;
    struct admin *admin;
    struct door *doors;
    size_t count;
    int spare_fd;
};

/* ---- accept errors ---- */

static void on_accept_error(struct evconnlistener *listener, void *http)
{
    static struct log_limit limit = { .period_ms = 10000 };
    int error = errno;
    uint64_t held_back = 0;

    (void)http;
    evconnlistener_disable(listener);
    if (log_limit_pass(&limit, clock_mono_ms(&clock_system), &held_back))
        log_event(LOG_ERROR, "listener", "cannot accept connections", LOG_C("error", strerror(error)),
                  LOG_N("held_back", held_back));
}

static void set_accepting(const struct listeners *ls, bool on)
{
    for (size_t i = 0; i < ls->count; i++) {
        if (!ls->doors[i].bound)
            continue;
        struct evconnlistener *l = evhttp_bound_socket_get_listener(ls->doors[i].bound);
        if (on)
            evconnlistener_enable(l);
        else
            evconnlistener_disable(l);
    }
}

static void on_starved(void *arg)
{
    set_accepting(arg, false);
}

static bool has_descriptor(struct listeners *ls)
{
    if (ls->spare_fd < 0) {
        ls->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (ls->spare_fd < 0)
            return false;
    }
    int probe = fcntl(ls->spare_fd, F_DUPFD_CLOEXEC, 0);
    if (probe < 0)
        return false;
    close(probe);
    return true;
}

/* Without a descriptor left: close what waits, one by one through the spare one. */
static void shed(struct listeners *ls)
{
    if (ls->spare_fd >= 0)
        close(ls->spare_fd);
    ls->spare_fd = -1;
    for (size_t i = 0; i < ls->count; i++) {
        if (!ls->doors[i].bound)
            continue;
        int fd = evhttp_bound_socket_get_fd(ls->doors[i].bound);
        for (int n = 0; n < SHED_MAX && accept_and_close(fd); n++)
            metric_add(gate_metrics(ls->gate), METRIC_connections_refused_total, 1);
    }
    has_descriptor(ls);
}

static void look_after(void *arg)
{
    struct listeners *ls = arg;
    bool has_spares = guards_has_spare(ls->clients) && guards_has_spare(ls->admins);

    if (!has_descriptor(ls))
        shed(ls);
    if (has_spares)
        set_accepting(ls, true);
}

/* ---- doors ---- */

static bool start_door(struct listeners *ls, struct door *d, struct err *e)
{
    struct event_base *base = loop_base(ls->loop);
    struct guards *guards = d->is_admin ? ls->admins : ls->clients;

    d->http = evhttp_new(base);
    if (!d->http)
        return err_set(e, ERR_MEMORY, "listener: no memory");
    evhttp_set_bevcb(d->http, guards_make_bufferevent, guards);
    evhttp_set_gencb(d->http, httpin_on_request, guards);
    evhttp_set_allowed_methods(d->http, httpin_methods());
    struct evconnlistener *listener =
        evconnlistener_new(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, d->socket.fd);
    if (!listener)
        return err_set(e, ERR_MEMORY, "listener: no memory");
    d->socket.fd = -1;
    evconnlistener_set_error_cb(listener, on_accept_error);
    d->bound = evhttp_bind_listener(d->http, listener);
    if (d->bound)
        return true;
    evconnlistener_free(listener);
    return err_set(e, ERR_MEMORY, "listener: no memory");
}

static bool open_door(struct listeners *ls, const struct rule *rule, const struct cfg_gateway *cfg,
                      bool is_admin, struct err *e)
{
    struct door *d = &ls->doors[ls->count];
    struct address a;

    if (!address_parse(rule->text, &a, e))
        return false;
    if (!a.is_loopback && !cfg->allow_plaintext)
        return err_set(e, ERR_DENIED,
                       "%.*s is not a loopback address: requests and tokens would cross a network in the "
                       "clear; set allow_plaintext = yes if that network is trusted",
                       SLICE_FMT(rule->text));
    d->is_admin = is_admin;
    if (!listen_socket_open(&a, (mode_t)cfg->unix_mode, &d->socket, e))
        return false;
    ls->count++;
    if (!start_door(ls, d, e))
        return false;
    log_event(LOG_INFO, "listener", is_admin ? "admin pages" : "listening", LOG_S("at", rule->text),
              LOG_N("port", d->socket.port));
    return true;
}

static bool open_all(struct listeners *ls, const struct cfg_gateway *cfg, struct err *e)
{
    ls->doors = calloc(cfg->listen.count + cfg->admin_listen.count + 1, sizeof *ls->doors);
    if (!ls->doors)
        return err_set(e, ERR_MEMORY, "listener: no memory");
    for (size_t i = 0; i < cfg->listen.count; i++)
        if (!open_door(ls, &cfg->listen.at[i], cfg, false, e))
            return false;
    for (size_t i = 0; i < cfg->admin_listen.count; i++)
        if (!open_door(ls, &cfg->admin_listen.at[i], cfg, true, e))
            return false;
    has_descriptor(ls);
    return loop_every(ls->loop, "listeners", PAUSE_MS, look_after, ls, e);
}

static bool make_guards(struct listeners *ls, struct err *e)
{
    struct guards_setup clients = { .loop = ls->loop,
                                    .gate = ls->gate,
                                    .service = httpin_service(ls->gate),
                                    .on_starved = on_starved,
                                    .arg = ls };
    struct guards_setup admins = clients;

    ls->admin = admin_new(ls->gate);
    if (!ls->admin)
        return err_set(e, ERR_MEMORY, "listener: no memory");
    admins.service = admin_service(ls->admin);
    admins.max_connections = ADMIN_MAX_CONNECTIONS;
    ls->clients = guards_new(&clients, e);
    ls->admins = guards_new(&admins, e);
    return ls->clients && ls->admins;
}

struct listeners *listeners_open(struct loop *l, struct gate *gate, const struct snapshot *snap,
                                 struct err *e)
{
    struct listeners *ls = calloc(1, sizeof *ls);

    if (!ls) {
        err_set(e, ERR_MEMORY, "listener: no memory");
        return NULL;
    }
    ls->loop = l;
    ls->gate = gate;
    ls->spare_fd = -1;
    if (!make_guards(ls, e) || !open_all(ls, &snap->gateway, e))
        listeners_close(&ls);
    return ls;
}

size_t listeners_count(const struct listeners *ls)
{
    return ls->count;
}

unsigned listeners_port(const struct listeners *ls, size_t i)
{
    MUST(i < ls->count);
    return ls->doors[i].socket.port;
}

bool listeners_is_admin(const struct listeners *ls, size_t i)
{
    MUST(i < ls->count);
    return ls->doors[i].is_admin;
}

static void stop_door(struct door *d)
{
    if (d->bound)
        evhttp_del_accept_socket(d->http, d->bound);
    d->bound = NULL;
    listen_socket_close(&d->socket);
}

void listeners_drain(struct listeners *ls)
{
    for (size_t i = 0; i < ls->count; i++)
        if (!ls->doors[i].is_admin)
            stop_door(&ls->doors[i]);
    guards_drain(ls->clients);
}

size_t listeners_connections(const struct listeners *ls)
{
    return guards_count(ls->clients);
}

void listeners_close(struct listeners **pls)
{
    struct listeners *ls = *pls;

    if (!ls)
        return;
    loop_end_jobs(ls->loop, ls);
    for (size_t i = 0; i < ls->count; i++) {
        stop_door(&ls->doors[i]);
        if (ls->doors[i].http)
            evhttp_free(ls->doors[i].http);
    }
    guards_free(&ls->clients);
    guards_free(&ls->admins);
    admin_free(&ls->admin);
    free(ls->doors);
    if (ls->spare_fd >= 0)
        close(ls->spare_fd);
    free(ls);
    *pls = NULL;
}
