/* The control port: see emu_control.h. One table of paths; every answer is JSON. */
#include "emulator/emu_control.h"
#include "emulator/emu_control_books.h"
#include "emulator/emu_control_service.h"
#include "emulator/emu_listen.h"
#include "emulator/emu_server.h"
#include "emulator/emu_service_json.h"
#include "base/clock.h"
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>

struct control {
    struct emu_server *server;
    struct slice path; /* decoded; the part behind the row's path is `rest` */
    struct slice rest;
    const char *query; /* raw, or NULL */
    struct emu_json *body;
    struct emu_jw *out; /* an object that is open */
    struct err err;
};

typedef int control_fn(struct control *c);

static int get_state(struct control *c)
{
    int64_t now_ms = clock_wall_ms(&clock_system);
    struct emu_service *v = NULL;

    jw_open(c->out, "services", '[');
    while ((v = emu_state_next(c->server->world.state, v, now_ms))) {
        jw_open(c->out, NULL, '{');
        emu_service_write(v, &c->server->world, c->out);
        jw_int(c->out, "Replicas", v->replicas);
        jw_int(c->out, "MinReplica", v->min);
        jw_int(c->out, "MaxReplica", v->max);
        emu_control_write_books(c->server->world.state, v, c->out);
        jw_close(c->out, '}');
    }
    jw_close(c->out, ']');
    emu_control_write_things(c->server->world.state, c->out);
    return 200;
}

static int get_peaks(struct control *c)
{
    struct emu_state *state = c->server->world.state;
    struct evkeyvalq pairs = { 0 };
    struct emu_books_filter f = { 0 };

    if (c->query && evhttp_parse_query_str(c->query, &pairs) != 0) {
        err_set(&c->err, ERR_SYNTAX, "the query cannot be read");
        return 400;
    }
    struct slice label = slice_of(evhttp_find_header(&pairs, "label"));
    f.prefix = slice_of(evhttp_find_header(&pairs, "prefix"));
    f.name = slice_of(evhttp_find_header(&pairs, "service"));
    f.workspace = slice_of(evhttp_find_header(&pairs, "workspace"));
    f.spec = slice_of(evhttp_find_header(&pairs, "spec"));
    f.label_key = slice_from(label.p, slice_find(label, '='));
    f.label_value = slice_skip(label, f.label_key.n + 1);
    emu_state_advance(state, clock_wall_ms(&clock_system));
    emu_control_write_peaks(state, &f, c->out);
    evhttp_clear_headers(&pairs);
    return 200;
}

static int set_want(struct control *c)
{
    return emu_control_set_want(c->server->world.state, c->body, clock_wall_ms(&clock_system), &c->err) ? 200
                                                                                                        : 400;
}

static int fire_cron(struct control *c)
{
    return emu_control_fire(c->server->world.state, c->body, clock_wall_ms(&clock_system), &c->err) ? 200
                                                                                                    : 400;
}

static int put_things(struct control *c)
{
    const struct emu_json *first =
        emu_json_kind(c->body) == EMU_JSON_ARRAY ? emu_json_first(c->body) : c->body;

    for (const struct emu_json *m = first; m; m = first == c->body ? NULL : emu_json_next(m))
        if (!emu_control_set_thing(c->server->world.state, m, &c->err))
            return 400;
    return 200;
}

static int put_services(struct control *c)
{
    const struct emu_json *first =
        emu_json_kind(c->body) == EMU_JSON_ARRAY ? emu_json_first(c->body) : c->body;
    int64_t count = 0;

    for (const struct emu_json *m = first; m; m = first == c->body ? NULL : emu_json_next(m), count++)
        if (!emu_control_set_service(c->server->world.state, m, c->rest, &c->err))
            return 400;
    jw_int(c->out, "set", count);
    return 200;
}

static int delete_services(struct control *c)
{
    if (!c->rest.n) {
        emu_state_remove_all(c->server->world.state);
        return 200;
    }
    if (emu_state_remove(c->server->world.state, c->rest))
        return 200;
    err_set(&c->err, ERR_MISSING, "there is no such service");
    return 404;
}

static int get_faults(struct control *c)
{
    emu_faults_write(c->server->faults, c->out);
    return 200;
}

static int add_faults(struct control *c)
{
    const struct emu_json *first =
        emu_json_kind(c->body) == EMU_JSON_ARRAY ? emu_json_first(c->body) : c->body;

    for (const struct emu_json *m = first; m; m = first == c->body ? NULL : emu_json_next(m))
        if (!emu_faults_add(c->server->faults, m, &c->err))
            return 400;
    return get_faults(c);
}

static int delete_faults(struct control *c)
{
    emu_faults_clear(c->server->faults);
    return 200;
}

static int get_count(struct control *c)
{
    jw_int(c->out, "count", (int64_t)emu_journal_count(c->server->journal));
    jw_int(c->out, "connections", (int64_t)c->server->conn_count);
    return 200;
}

static int reset(struct control *c)
{
    bool truncate = emu_json_is_true(emu_json_get(c->body, "journal"));

    emu_server_reset(c->server);
    return emu_journal_reset(c->server->journal, truncate, &c->err) ? 200 : 500;
}

static const struct {
    enum evhttp_cmd_type method;
    const char *path;
    bool has_rest, needs_body;
    control_fn *run;
} rows[] = {
    { EVHTTP_REQ_GET, "/state", false, false, get_state },
    { EVHTTP_REQ_GET, "/peaks", false, false, get_peaks },
    { EVHTTP_REQ_POST, "/scalers", false, true, set_want },
    { EVHTTP_REQ_POST, "/cron", false, true, fire_cron },
    { EVHTTP_REQ_PUT, "/things", false, true, put_things },
    { EVHTTP_REQ_POST, "/things", false, true, put_things },
    { EVHTTP_REQ_PUT, "/services", true, true, put_services },
    { EVHTTP_REQ_POST, "/services", true, true, put_services },
    { EVHTTP_REQ_DELETE, "/services", true, false, delete_services },
    { EVHTTP_REQ_GET, "/faults", false, false, get_faults },
    { EVHTTP_REQ_POST, "/faults", false, true, add_faults },
    { EVHTTP_REQ_DELETE, "/faults", false, false, delete_faults },
    { EVHTTP_REQ_GET, "/journal/count", false, false, get_count },
    { EVHTTP_REQ_POST, "/reset", false, false, reset },
};

static int dispatch(struct control *c, enum evhttp_cmd_type method)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct slice path = slice_of(rows[i].path);
        bool is_longer = rows[i].has_rest && slice_starts(c->path, path) && c->path.n > path.n + 1 &&
                         c->path.p[path.n] == '/';
        if (method != rows[i].method || !(slice_eq(c->path, path) || is_longer))
            continue;
        c->rest = slice_skip(c->path, path.n + 1);
        if (rows[i].needs_body && !c->body) {
            err_set(&c->err, ERR_SYNTAX, "expected a JSON body");
            return 400;
        }
        return rows[i].run(c);
    }
    err_set(&c->err, ERR_UNKNOWN, "see docs/emulator.md for the paths of the control port");
    return 404;
}

static void on_request(struct evhttp_request *req, void *arg)
{
    SCOPED(sbuf) text = SBUF_MAX(EMU_ANSWER_MAX);
    struct emu_jw w = EMU_JW(&text);
    struct evbuffer *in = evhttp_request_get_input_buffer(req), *out = evbuffer_new();
    struct control c = { .server = arg, .out = &w };
    size_t n = evbuffer_get_length(in), used = 0;
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));
    char *decoded = path ? evhttp_uridecode(path, 0, NULL) : NULL;

    c.path = slice_of(decoded);
    c.query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));
    if (n)
        c.body = emu_json_parse(slice_from(evbuffer_pullup(in, -1), n), &used);
    jw_open(&w, NULL, '{');
    int status = decoded && out ? dispatch(&c, evhttp_request_get_command(req)) : 500;
    emu_state_settle(c.server->world.state, clock_wall_ms(&clock_system));
    jw_bool(&w, "ok", status == 200);
    if (status != 200)
        jw_str(&w, "error", c.err.text);
    jw_close(&w, '}');
    sbuf_addc(&text, '\n');
    evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", "application/json");
    if (out)
        evbuffer_add(out, text.p ? text.p : "", text.n);
    evhttp_send_reply(req, status, NULL, out);
    if (out)
        evbuffer_free(out);
    free(decoded);
    emu_json_free(&c.body);
}

struct evhttp *emu_control_new(struct emu_server *s, const char *listen, int *out_port, struct err *e)
{
    char host[256];
    uint16_t port;

    if (!emu_listen_split(listen, host, sizeof host, &port, e))
        return NULL;
    struct evhttp *http = evhttp_new(s->base);
    struct evhttp_bound_socket *bound = http ? evhttp_bind_socket_with_handle(http, host, port) : NULL;
    if (!bound) {
        err_set(e, ERR_IO, "cannot listen on %s", listen);
        if (http)
            evhttp_free(http);
        return NULL;
    }
    evhttp_set_max_headers_size(http, 65536);
    evhttp_set_max_body_size(http, (ev_ssize_t)EMU_BODY_MAX);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_PUT | EVHTTP_REQ_POST | EVHTTP_REQ_DELETE);
    evhttp_set_gencb(http, on_request, s);
    *out_port = emu_listen_port(evhttp_bound_socket_get_fd(bound));
    return http;
}
