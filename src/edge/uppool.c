/*
 * The pool of one upstream: see uppool.h. Everything that changes who could be served ends in pump(), from the loop,
 * which gives usable connections to waiting requests in their order and then opens what is missing. Must never
 * start a request twice: a request leaves the queue for good when a connection takes it.
 */
#include "edge/uppool.h"
#include "base/must.h"
#include "edge/deadlines.h"
#include "edge/tls.h"
#include "edge/upconn.h"

#define HOST_MAX    TLS_HOST_MAX_BYTES
#define CA_PATH_MAX 4096
#define NOT_WAITING INT64_MIN

struct upmember { /* one connection of the pool */
    struct uppool *pool;
    struct upconn *conn;
    struct upreq *req; /* while busy */
    struct list link;  /* in connecting, idle or busy */
    struct deadline idle_until;
    int64_t idle_since_ms;
    uint64_t opened_no; /* requests that came before it was opened have lower numbers */
};

struct uppool {
    struct upworld *world;
    SSL_CTX *tls;
    unsigned char ca_digest[32];
    struct resolve_name *name;
    char host[HOST_MAX + 1], ca_path[CA_PATH_MAX];
    uint16_t port;
    bool is_retired;
    size_t good_address; /* index of the one that let us in last */

    /* limits of the request that came last */
    size_t connections_max;
    int64_t connect_timeout_ms, idle_timeout_ms;

    struct list queue; /* struct upreq, oldest first */
    size_t queued_count;
    uint64_t next_no;
    struct list connecting, idle, busy; /* struct upmember; idle: used longest ago first */
    size_t connecting_count, connection_count;
    struct deadlines idle_deadlines;
    struct event *pump_event;
    /* Requests wait for the name since then (NOT_WAITING: no). The look-up is part of connect_timeout: who has waited that
     * long fails, and a connection that opens after the look-up has what is left. */
    int64_t name_since_ms;
    struct deadlines name_deadlines; /* of one */
    struct deadline name_due;
};

/* ---- members ---- */

static void count_connections(struct uppool *p, bool opened)
{
    struct upworld *w = p->world;

    p->connection_count = opened ? p->connection_count + 1 : p->connection_count - 1;
    w->open_connections = opened ? w->open_connections + 1 : w->open_connections - 1;
    if (!w->metrics)
        return;
    metric_set(w->metrics, METRIC_upstream_connections_open, (int64_t)w->open_connections);
}

static void member_free(struct upmember *m)
{
    count_connections(m->pool, false);
    list_remove(&m->link);
    deadline_clear(&m->idle_until);
    upconn_close(&m->conn);
    free(m);
}

static void pump_later(struct uppool *p)
{
    event_active(p->pump_event, EV_TIMEOUT, 1);
}

static void member_rest(struct upmember *m)
{
    struct uppool *p = m->pool;

    m->idle_since_ms = clock_mono_ms(p->world->clock);
    list_remove(&m->link);
    list_add_last(&p->idle, &m->link);
    deadline_set(&p->idle_deadlines, &m->idle_until, m->idle_since_ms + p->idle_timeout_ms);
}

/* ---- requests ---- */

static void queue_leave(struct uppool *p, struct upreq *r)
{
    list_remove(&r->link);
    p->queued_count--;
}

static void not_sent(struct upreq *r, bool timed_out, const char *why)
{
    r->ex->failure = SEND_NOT_SENT;
    r->ex->timed_out = timed_out;
    snprintf(r->ex->detail, sizeof r->ex->detail, "%s", why);
}

static void fail_first(struct uppool *p, bool timed_out, const char *why)
{
    struct upreq *r = LIST_OWNER(p->queue.next, struct upreq, link);
    queue_leave(p, r);
    not_sent(r, timed_out, why);
    p->world->on_done(p->world->arg, r);
}

static void start(struct uppool *p, struct upmember *m, struct upreq *r)
{
    const struct outgoing *out = r->out;

    queue_leave(p, r);
    deadline_clear(&m->idle_until);
    list_remove(&m->link);
    list_add_last(&p->busy, &m->link);
    m->req = r;
    r->on = m;
    r->sent_ms = clock_mono_ms(p->world->clock);
    if (upconn_send(m->conn, out->head, out->body, out->upstream->max_answer_bytes, r->ex))
        return;
    r->on = NULL;
    member_free(m);
    not_sent(r, false, "out of memory");
    p->world->on_done(p->world->arg, r);
}

/* The connection used last that this request may take, or NULL; dead ones on the way are closed. */
static struct upmember *find_idle(struct uppool *p, const struct upreq *r)
{
    const struct cfg_upstream *cfg = r->out->upstream;
    uint64_t age_max_ms = r->out->is_change ? cfg->change_idle_max_ms : cfg->idle_timeout_ms;
    int64_t now_ms = clock_mono_ms(p->world->clock);

    while (!list_is_empty(&p->idle)) {
        struct upmember *m = LIST_OWNER(p->idle.prev, struct upmember, link);
        if ((uint64_t)(now_ms - m->idle_since_ms) >= age_max_ms)
            return NULL; /* the others rest even longer */
        if (upconn_is_usable(m->conn))
            return m;
        member_free(m);
    }
    return NULL;
}

static void give_idle(struct uppool *p)
{
    struct list *at = p->queue.next;

    while (at != &p->queue && !list_is_empty(&p->idle)) {
        struct upreq *r = LIST_OWNER(at, struct upreq, link);
        at = at->next;
        struct upmember *m = find_idle(p, r);
        if (m)
            start(p, m, r);
    }
}

/* ---- opening ---- */

static void on_conn_event(void *arg, struct upconn *c, enum upconn_event event);

/* Room for one more connection, if need be in place of an idle one that nobody in the queue may take. */
static bool make_room(struct uppool *p)
{
    if (p->connection_count < p->connections_max)
        return true;
    if (list_is_empty(&p->idle))
        return false;
    member_free(LIST_OWNER(p->idle.next, struct upmember, link));
    return true;
}

static int64_t later_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* When the name must be known for r, at the latest. */
static int64_t name_due_ms(const struct uppool *p, const struct upreq *r)
{
    return later_of(r->queued_ms, p->name_since_ms) + p->connect_timeout_ms;
}

static void await_name(struct uppool *p)
{
    if (p->name_since_ms != NOT_WAITING)
        return;
    p->name_since_ms = clock_mono_ms(p->world->clock);
    deadline_set(&p->name_deadlines, &p->name_due, p->name_since_ms + p->connect_timeout_ms);
}

static void on_name_due(void *arg, struct deadline *d)
{
    struct uppool *p = arg;
    int64_t now_ms = clock_mono_ms(p->world->clock);

    while (!list_is_empty(&p->queue)) {
        struct upreq *first = LIST_OWNER(p->queue.next, struct upreq, link);
        int64_t due_ms = name_due_ms(p, first);
        if (due_ms > now_ms) {
            deadline_set(&p->name_deadlines, d, due_ms);
            return;
        }
        fail_first(p, true, "timed out: name look-up");
    }
    p->name_since_ms = NOT_WAITING;
}

static void name_is_known(struct uppool *p)
{
    deadline_clear(&p->name_due);
    p->name_since_ms = NOT_WAITING;
}

/* The time to connect for the request that the next connection is opened for, less what it waited for the name. */
static int64_t connect_time_ms(const struct uppool *p)
{
    struct list *at = p->queue.next;

    if (p->name_since_ms == NOT_WAITING)
        return p->connect_timeout_ms;
    for (size_t i = 0; i < p->connecting_count && at->next != &p->queue; i++)
        at = at->next;
    const struct upreq *r = LIST_OWNER(at, const struct upreq, link);
    return later_of(name_due_ms(p, r) - clock_mono_ms(p->world->clock), 1);
}

static bool open_one(struct uppool *p, const struct resolve_answer *addresses)
{
    struct upmember *m = calloc(1, sizeof *m);
    struct upconn_goal goal = { .tls = p->tls,
                                .host = p->host,
                                .port = p->port,
                                .addresses = addresses,
                                .first = p->good_address,
                                .timeout_ms = connect_time_ms(p) };

    if (!m)
        return false;
    m->pool = p;
    m->opened_no = p->next_no++;
    deadline_init(&m->idle_until);
    m->conn = upconn_open(p->world->base, p->world->clock, &goal, on_conn_event, m);
    if (!m->conn) {
        free(m);
        return false;
    }
    list_add_last(&p->connecting, &m->link);
    p->connecting_count++;
    count_connections(p, true);
    return true;
}

static void open_missing(struct uppool *p)
{
    if (p->connecting_count >= p->queued_count)
        return;
    const struct resolve_answer *addresses = resolve_name_get(p->name);
    if (!addresses) {
        await_name(p); /* on_name_news follows */
        return;
    }
    while (p->connecting_count < p->queued_count && make_room(p)) {
        if (!open_one(p, addresses))
            fail_first(p, false, "out of memory");
    }
    name_is_known(p);
}

static void pump(evutil_socket_t fd, short what, void *arg)
{
    struct uppool *p = arg;

    (void)fd;
    (void)what;
    give_idle(p);
    open_missing(p);
}

static void on_name_news(void *arg)
{
    struct uppool *p = arg;
    const char *error = resolve_name_error(p->name);
    char why[120];

    if (error) {
        snprintf(why, sizeof why, "look-up of the name: %s", error);
        while (!list_is_empty(&p->queue))
            fail_first(p, false, why);
        name_is_known(p); /* nobody waits for it any more */
    }
    pump_later(p);
}

/* Just opened, it is fresh for whoever waits longest, whatever the limits on idling say: with an idle_timeout or a
 * change_idle_max of 0 it would be too old at once, and the next one, too. */
static void on_conn_ready(struct upmember *m)
{
    struct uppool *p = m->pool;

    p->connecting_count--;
    p->good_address = upconn_address(m->conn);
    if (p->world->metrics)
        metric_add(p->world->metrics, METRIC_upstream_connects_total, 1);
    if (list_is_empty(&p->queue) && !p->is_retired)
        member_rest(m);
    else if (!list_is_empty(&p->queue) && upconn_is_usable(m->conn))
        start(p, m, LIST_OWNER(p->queue.next, struct upreq, link));
    else
        member_free(m);
}

static void on_conn_failed(struct upmember *m)
{
    struct uppool *p = m->pool;
    bool timed_out;
    uint64_t opened_no = m->opened_no;
    char why[120];

    snprintf(why, sizeof why, "%s", upconn_failure(m->conn, &timed_out));
    p->connecting_count--;
    member_free(m);
    resolve_name_doubt(p->name);
    /* Who came later did not wait for this one: the pump opens another. */
    if (!list_is_empty(&p->queue) && LIST_OWNER(p->queue.next, struct upreq, link)->queued_no < opened_no)
        fail_first(p, timed_out, why);
}

static void on_conn_ended(struct upmember *m)
{
    struct uppool *p = m->pool;
    struct upreq *r = m->req;

    m->req = NULL;
    r->on = NULL;
    if (upconn_may_stay(m->conn) && !p->is_retired)
        member_rest(m);
    else
        member_free(m);
    p->world->on_done(p->world->arg, r);
}

static void on_conn_event(void *arg, struct upconn *c, enum upconn_event event)
{
    struct upmember *m = arg;
    struct uppool *p = m->pool;

    (void)c;
    switch (event) {
    case UPCONN_READY:
        on_conn_ready(m);
        break;
    case UPCONN_FAILED:
        on_conn_failed(m);
        break;
    case UPCONN_ENDED:
        on_conn_ended(m);
        break;
    case UPCONN_LOST:
        member_free(m);
        break;
    case UPCONN_EVENT_NONE:
        break;
    }
    if (!list_is_empty(&p->queue))
        pump(-1, 0, p);
}

static void on_idle_due(void *arg, struct deadline *d)
{
    (void)arg;
    member_free(LIST_OWNER(d, struct upmember, idle_until));
}

/* ---- public ---- */

static bool set_place(struct uppool *p, const struct cfg_upstream *cfg, struct err *e)
{
    if (cfg->host.n == 0 || cfg->host.n > HOST_MAX || memchr(cfg->host.p, '\0', cfg->host.n) ||
        cfg->port == 0 || cfg->port > UINT16_MAX || cfg->ca_file.n >= CA_PATH_MAX)
        return err_set(e, ERR_RANGE, "[upstream %.*s]: host, port or ca_file is out of range",
                       SLICE_FMT(cfg->name));
    memcpy(p->host, cfg->host.p, cfg->host.n);
    if (cfg->ca_file.n > 0)
        memcpy(p->ca_path, cfg->ca_file.p, cfg->ca_file.n);
    p->port = (uint16_t)cfg->port;
    return true;
}

static void set_limits(struct uppool *p, const struct cfg_upstream *cfg)
{
    p->connections_max = cfg->max_connections > 0 ? cfg->max_connections : 1;
    p->connect_timeout_ms = (int64_t)cfg->connect_timeout_ms;
    p->idle_timeout_ms = (int64_t)cfg->idle_timeout_ms;
}

struct uppool *uppool_new(struct upworld *w, const struct cfg_upstream *cfg, struct err *e)
{
    struct uppool *p = calloc(1, sizeof *p);

    if (!p) {
        err_set(e, ERR_MEMORY, "upstream pool: out of memory");
        return NULL;
    }
    p->world = w;
    list_init(&p->queue);
    list_init(&p->connecting);
    list_init(&p->idle);
    list_init(&p->busy);
    p->name_since_ms = NOT_WAITING;
    deadline_init(&p->name_due);
    set_limits(p, cfg);
    if (!set_place(p, cfg, e))
        goto fail;
    p->tls = tls_upstream_ctx_new(cfg->ca_file, p->ca_digest, e);
    if (!p->tls)
        goto fail;
    p->name = resolve_name_new(w->resolver, p->host, on_name_news, p);
    p->pump_event = event_new(w->base, -1, 0, pump, p);
    if (p->name && p->pump_event && deadlines_init(&p->idle_deadlines, w->base, w->clock, on_idle_due, p) &&
        deadlines_init(&p->name_deadlines, w->base, w->clock, on_name_due, p))
        return p;
    err_set(e, ERR_MEMORY, "upstream pool: out of memory");
fail:
    uppool_free(&p);
    return NULL;
}

static void free_members(struct list *l)
{
    while (!list_is_empty(l))
        member_free(LIST_OWNER(l->next, struct upmember, link));
}

void uppool_free(struct uppool **pp)
{
    struct uppool *p = *pp;

    if (!p)
        return;
    MUST(list_is_empty(&p->queue) && list_is_empty(&p->busy));
    free_members(&p->connecting);
    free_members(&p->idle);
    deadline_clear(&p->name_due);
    deadlines_drop(&p->idle_deadlines);
    deadlines_drop(&p->name_deadlines);
    if (p->pump_event)
        event_free(p->pump_event);
    resolve_name_free(&p->name);
    SSL_CTX_free(p->tls);
    free(p);
    *pp = NULL;
}

bool uppool_fits(const struct uppool *p, const struct cfg_upstream *cfg)
{
    return p->port == cfg->port && slice_eq(slice_of(p->host), cfg->host) &&
           slice_eq(slice_of(p->ca_path), cfg->ca_file);
}

bool uppool_trusts_same(const struct uppool *a, const struct uppool *b)
{
    return memcmp(a->ca_digest, b->ca_digest, sizeof a->ca_digest) == 0;
}

void uppool_retire(struct uppool *p)
{
    p->is_retired = true;
    free_members(&p->idle);
}

bool uppool_is_retired(const struct uppool *p)
{
    return p->is_retired;
}

bool uppool_is_empty(const struct uppool *p)
{
    return p->connection_count == 0 && p->queued_count == 0;
}

void uppool_add(struct uppool *p, struct upreq *r)
{
    set_limits(p, r->out->upstream);
    r->on = NULL;
    r->sent_ms = 0;
    r->queued_no = p->next_no++;
    r->queued_ms = clock_mono_ms(p->world->clock);
    list_add_last(&p->queue, &r->link);
    p->queued_count++;
    /* The usual case, without a turn of the loop between: nobody is before it and a connection rests. */
    if (p->queued_count == 1) {
        struct upmember *m = find_idle(p, r);
        if (m) {
            start(p, m, r);
            return;
        }
    }
    pump_later(p);
}

static const char *what_it_waited_for(const struct uppool *p)
{
    if (p->connecting_count > 0)
        return "timed out: connecting";
    if (p->connection_count >= p->connections_max)
        return "timed out: no connection was free";
    return "timed out: name look-up";
}

void uppool_remove(struct uppool *p, struct upreq *r, bool timed_out)
{
    struct upmember *m = r->on;

    if (!m) {
        if (timed_out)
            not_sent(r, true, what_it_waited_for(p));
        queue_leave(p, r);
        return;
    }
    if (timed_out)
        upconn_time_out(m->conn);
    m->req = NULL;
    r->on = NULL;
    member_free(m);
    if (!list_is_empty(&p->queue))
        pump_later(p);
}
