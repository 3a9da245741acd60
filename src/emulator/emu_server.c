/* Start, loop and stop: see emu_server.h. */
#include "emulator/emu_server.h"
#include "emulator/emu_conn.h"
#include "emulator/emu_control.h"
#include "emulator/emu_listen.h"
#include "emulator/emu_tls.h"
#include "base/log.h"
#include <errno.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

struct parts {
    struct emu_server server;
    struct evconnlistener *listener;
    struct evhttp *control;
    struct event *term, *interrupt;
    int port, control_port;
    char ca_cert[4096], ca_key[4096];
};

static void on_turn_end(evutil_socket_t fd, short what, void *arg)
{
    struct emu_server *s = arg;
    struct err e = { 0 };

    (void)fd;
    (void)what;
    if (!emu_journal_flush(s->journal, &e)) {
        /* what cannot be witnessed is not answered */
        log_event(LOG_ERROR, "emulator", "stopping", LOG_C("error", e.text));
        s->failed = true;
        event_base_loopbreak(s->base);
        return;
    }
    emu_conn_release_waiting(s);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct event_base *base = arg;

    (void)fd;
    (void)what;
    event_base_loopexit(base, NULL);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int n, void *arg)
{
    struct emu_server *s = arg;
    struct linger now = { 1, 0 };
    char peer[64];

    (void)l;
    (void)n;
    if (emu_faults_take(s->faults, EMU_STAGE_ACCEPT, NULL, SLICE_NONE)) {
        s->conn_count++;
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        evutil_closesocket(fd);
        return;
    }
    emu_listen_peer(a, peer, sizeof peer);
    emu_conn_accept(s, fd, peer);
}

void emu_server_reset(struct emu_server *s)
{
    struct emu_nonces *fresh = emu_nonces_new();

    emu_state_reset(s->world.state);
    emu_faults_clear(s->faults);
    if (fresh) {
        emu_nonces_free(&s->nonces);
        s->nonces = fresh;
    }
}

static bool start_tls(struct parts *p, struct err *e)
{
    const struct emu_opt *o = p->server.opt;
    const char *cert = o->cert, *key = o->key;

    if (o->make_ca) {
        if (!emu_tls_make_ca(o->make_ca, o->names, e))
            return false;
        snprintf(p->ca_cert, sizeof p->ca_cert, "%s/server.pem", o->make_ca);
        snprintf(p->ca_key, sizeof p->ca_key, "%s/server.key", o->make_ca);
        cert = cert ? cert : p->ca_cert;
        key = key ? key : p->ca_key;
    }
    p->server.tls = emu_tls_new(cert, key, e);
    return p->server.tls != NULL;
}

static bool start_state(struct parts *p, struct err *e)
{
    struct emu_server *s = &p->server;

    snprintf(s->host_id, sizeof s->host_id, "pai-eas.%s.aliyuncs.com", s->opt->region);
    list_init(&s->conns);
    list_init(&s->waiting);
    s->world = (struct emu_world){ .region = s->opt->region,
                                   .host_id = s->host_id,
                                   .state = emu_state_new(s->opt->state_delay_ms),
                                   .stopped_keeps_total = s->opt->stopped_keeps_total };
    s->nonces = emu_nonces_new();
    s->faults = emu_faults_new();
    if (!s->world.state || !s->nonces || !s->faults)
        return err_set(e, ERR_MEMORY, "no memory");
    s->journal = emu_journal_open(s->opt->journal, s->opt->journal_sync, e);
    return s->journal && emu_keys_load(&s->keys, s->opt->credentials, e);
}

static bool start_listener(struct parts *p, struct err *e)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_PASSIVE, .ai_socktype = SOCK_STREAM },
                    *found = NULL;
    char host[256], port_text[8];
    uint16_t port;

    if (!emu_listen_split(p->server.opt->listen, host, sizeof host, &port, e))
        return false;
    snprintf(port_text, sizeof port_text, "%u", (unsigned)port);
    if (getaddrinfo(host, port_text, &hints, &found) == 0) {
        p->listener =
            evconnlistener_new_bind(p->server.base, on_accept, &p->server,
                                    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 1024,
                                    found->ai_addr, (int)found->ai_addrlen);
        freeaddrinfo(found);
    }
    if (!p->listener)
        return err_set(e, ERR_IO, "cannot listen on %s: %s", p->server.opt->listen, strerror(errno));
    p->port = emu_listen_port(evconnlistener_get_fd(p->listener));
    return true;
}

static bool start_loop(struct parts *p, struct err *e)
{
    struct emu_server *s = &p->server;
    struct event_config *config = event_config_new();

    if (config) {
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
        s->base = event_base_new_with_config(config);
        event_config_free(config);
    }
    if (!s->base)
        return err_set(e, ERR_MEMORY, "no event loop");
    s->turn_end = event_new(s->base, -1, 0, on_turn_end, s);
    p->term = evsignal_new(s->base, SIGTERM, on_signal, s->base);
    p->interrupt = evsignal_new(s->base, SIGINT, on_signal, s->base);
    if (!s->turn_end || !p->term || !p->interrupt || evsignal_add(p->term, NULL) ||
        evsignal_add(p->interrupt, NULL))
        return err_set(e, ERR_MEMORY, "no memory");
    if (!start_listener(p, e))
        return false;
    p->control_port = -1;
    if (s->opt->control)
        p->control = emu_control_new(s, s->opt->control, &p->control_port, e);
    return !s->opt->control || p->control;
}

static bool write_ready(const struct parts *p, struct err *e)
{
    const char *path = p->server.opt->ready_file;
    char temporary[4200];

    if (!path)
        return true;
    snprintf(temporary, sizeof temporary, "%s.%ld.new", path, (long)getpid());
    FILE *f = fopen(temporary, "we");
    if (!f)
        return err_set(e, ERR_IO, "%s: %s", temporary, strerror(errno));
    fprintf(f, "{\"port\":%d,\"control_port\":", p->port);
    if (p->control_port < 0)
        fputs("null", f);
    else
        fprintf(f, "%d", p->control_port);
    fprintf(f, ",\"pid\":%ld}\n", (long)getpid());
    if (fclose(f) != 0 || rename(temporary, path) != 0)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    return true;
}

static void stop(struct parts *p)
{
    struct emu_server *s = &p->server;

    if (p->listener)
        evconnlistener_free(p->listener);
    if (p->control)
        evhttp_free(p->control);
    if (s->base && s->turn_end)
        emu_conn_close_all(s);
    emu_journal_close(&s->journal);
    struct event *events[] = { s->turn_end, p->term, p->interrupt };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (events[i])
            event_free(events[i]);
    if (s->base)
        event_base_free(s->base);
    SSL_CTX_free(s->tls);
    emu_faults_free(&s->faults);
    emu_nonces_free(&s->nonces);
    emu_state_free(&s->world.state);
    emu_keys_drop(&s->keys);
}

int emu_server_run(const struct emu_opt *opt)
{
    struct parts *p = calloc(1, sizeof *p);
    struct err e = { 0 };
    int code = 0;

    if (!p)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    p->server.opt = opt;
    if (!start_state(p, &e) || !start_tls(p, &e) || !start_loop(p, &e) || !write_ready(p, &e)) {
        log_event(LOG_ERROR, "emulator", "cannot start", LOG_C("error", e.text));
        code = 2;
    } else {
        log_event(LOG_INFO, "emulator", "listening", LOG_N("port", p->port),
                  LOG_N("control_port", p->control_port), LOG_C("region", opt->region),
                  LOG_N("keys", p->server.keys.count));
        event_base_dispatch(p->server.base);
        log_event(LOG_INFO, "emulator", "stopped", LOG_N("requests", emu_journal_count(p->server.journal)));
        code = p->server.failed ? 1 : 0;
    }
    stop(p);
    free(p);
    return code;
}
