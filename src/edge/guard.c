/*
 * guard: the life of an accepted connection, its deadlines and caps. guard_read.c reads, guard_write.c answers.
 *
 *   accept -> NEW -> FIRST -> HEAD -> BODY -> WORK -> ANSWER -> IDLE -> HEAD ...     (phases that take no time are skipped)
 *                      any refusal, or an answer that is the last one -> CLOSING -> LINGER -> OVER
 *
 * Who does what: evhttp accepts the connection (its bufferevent is made here), parses each request a second time and owns
 * request and connection; the guard alone reads from the socket and writes to it. evhttp is never polled: its bufferevent
 * reads nothing. A request that is whole and valid is put into the bufferevent's input and evhttp's read callback is called
 * once; its generic callback must come back within that call and agree (httpin.c). The answer is written here, head and
 * body in one system call, then evhttp_send_reply_end makes evhttp ready for the next request. So evhttp's own answers
 * (HTML, 100 Continue before anybody was asked) never leave, and no deadline of it matters.
 *
 * What evhttp does by itself (2.1.12, http.c) and what it means here:
 * - bevcb knows neither descriptor nor connection: a task of the same turn, before the first poll, takes both from the
 *   bufferevent (bufferevent_getcb gives evhttp's connection). bevcb must never return NULL: evhttp would go on without a
 *   guard. Hence a spare, and no more accepting while there is none.
 * - it sets its callbacks and enables reading whenever it starts over: guard_own_bufferevent after each such call.
 * - with bytes in the input when it starts over it defers a call of "the" read callback with its own argument: the input is
 *   always empty then; what was read ahead waits in `pending`.
 * - evhttp_connection_free calls the close callback first: the end of a guard's life, whoever asked for it. It is never
 *   called from below one of evhttp's callbacks, but from a task.
 * A guard whose request is under way outlives its connection, until guard_reply.
 *
 * Must never: give evhttp a byte that was not checked, end a connection with requests' state behind it, close the
 * descriptor (evhttp does), wait.
 */
#include "edge/guard.h"
#include "edge/guard_inner.h"
#include "base/must.h"
#include "edge/peer.h"
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* Connections over the cap that may be busy reading their 503; the next ones are closed without an answer. */
#define OVER_CAP_MAX 32
#define LINGER_MS    2000
#define SCRATCH_MAX  4096

const struct cfg_gateway *guards_config(const struct guards *all)
{
    return &gate_snapshot(all->setup.gate)->gateway;
}

/* ---- phases and deadlines ---- */

/* 0 = none. */
static uint64_t timeout_ms(const struct guard *g, enum guard_phase phase)
{
    const struct cfg_gateway *cfg = guards_config(g->all);

    switch (phase) {
    case GUARD_FIRST:
    case GUARD_HEAD:
        return cfg->head_timeout_ms;
    case GUARD_IDLE:
        return cfg->idle_timeout_ms;
    case GUARD_BODY:
        return cfg->body_timeout_ms;
    case GUARD_ANSWER:
    case GUARD_CLOSING:
        return cfg->answer_timeout_ms;
    case GUARD_LINGER:
        return LINGER_MS;
    case GUARD_NEW:
    case GUARD_WORK:
    case GUARD_OVER:
    case GUARD_PHASE_COUNT_:
        break;
    }
    return 0;
}

void guard_set_phase(struct guard *g, enum guard_phase phase)
{
    /* The head's time runs from accept, not from the first byte. */
    bool keeps_deadline = g->phase == GUARD_FIRST && phase == GUARD_HEAD;
    uint64_t wait_ms = timeout_ms(g, phase);

    g->phase = phase;
    if (!wait_ms)
        deadline_clear(&g->deadline);
    else
        deadline_set(&g->all->due[phase], &g->deadline,
                     keeps_deadline ? g->deadline.at_ms : clock_mono_ms(g->all->clock) + (int64_t)wait_ms);
}

static void on_deadline(void *arg, struct deadline *d)
{
    struct guard *g = LIST_OWNER(d, struct guard, deadline);
    struct refusal refusal = { .reason = REASON_TIMEOUT };

    (void)arg;
    switch (g->phase) {
    case GUARD_HEAD:
        refusal.step = S("head");
        guard_refuse(g, &refusal, NULL);
        break;
    case GUARD_BODY:
        refusal.step = S("body");
        guard_refuse(g, &refusal, http1_reader_msg(g->reader));
        break;
    case GUARD_NEW:
    case GUARD_FIRST:
    case GUARD_IDLE:
    case GUARD_WORK:
    case GUARD_ANSWER:
    case GUARD_CLOSING:
    case GUARD_LINGER:
    case GUARD_OVER:
    case GUARD_PHASE_COUNT_:
        guard_end_later(g);
        break;
    }
}

void guard_end_later(struct guard *g)
{
    if (g->phase == GUARD_OVER)
        return;
    guard_set_reading(g, false);
    guard_set_phase(g, GUARD_OVER);
    loop_later(g->loop, &g->todo);
}

/* ---- caps ---- */

void guard_count_unsent(struct guard *g, size_t bytes)
{
    g->all->unsent_bytes += bytes - g->unsent_bytes;
    g->unsent_bytes = bytes;
}

static struct slice key_of(const struct peer *peer)
{
    return slice_from(&peer->key, sizeof peer->key);
}

static size_t peer_count(const struct guards *all, const struct peer *peer)
{
    return (size_t)(uintptr_t)map_get(all->peers, key_of(peer));
}

static bool set_peer_count(struct guards *all, const struct peer *peer, size_t n)
{
    if (n)
        return map_put(all->peers, key_of(peer), (void *)(uintptr_t)n);
    map_remove(all->peers, key_of(peer));
    return true;
}

static void count_open(const struct guards *all)
{
    if (!all->setup.max_connections)
        metric_set(gate_metrics(all->setup.gate), METRIC_connections_open, (int64_t)all->count);
}

static void count_one(const struct guards *all, enum metric which)
{
    if (!all->setup.max_connections)
        metric_add(gate_metrics(all->setup.gate), which, 1);
}

static void count_in(struct guard *g)
{
    struct guards *all = g->all;

    g->is_counted = true;
    all->count++;
    count_one(all, METRIC_connections_total);
    count_open(all);
    if (g->peer.is_local)
        return;
    g->is_peer_counted = set_peer_count(all, &g->peer, peer_count(all, &g->peer) + 1);
}

static void count_out_of_peer(struct guard *g)
{
    if (g->is_peer_counted)
        set_peer_count(g->all, &g->peer, peer_count(g->all, &g->peer) - 1);
    g->is_peer_counted = false;
}

/* Refused at a cap: it holds no place under it while it gets its answer. */
static void count_over_cap(struct guard *g)
{
    g->is_over_cap = true;
    g->all->over_cap_count++;
    count_out_of_peer(g);
}

static void count_out(struct guard *g)
{
    struct guards *all = g->all;

    if (g->is_over_cap)
        all->over_cap_count--;
    if (g->is_counted) {
        all->count--;
        count_open(all);
    }
    count_out_of_peer(g);
    g->is_counted = g->is_over_cap = false;
}

/* The one whose deadline of this phase comes first; of this peer, if it is not NULL. Who was refused at a cap holds no place. */
static struct guard *first_in(struct guards *all, enum guard_phase phase, const struct peer *peer)
{
    struct list *head = &all->due[phase].all;

    for (struct list *at = head->next; at != head; at = at->next) {
        struct guard *g = LIST_OWNER(at, struct guard, deadline.link);
        if (!g->is_over_cap && (!peer || g->peer.key == peer->key))
            return g;
    }
    return NULL;
}

/* Whom a newcomer may push out: first who has the last answer, then who has been without a whole head for longest, then who
 * is idle. */
static struct guard *oldest_waiting(struct guards *all, const struct peer *peer)
{
    struct guard *answered = first_in(all, GUARD_LINGER, peer);

    if (answered)
        return answered;
    struct guard *silent = first_in(all, GUARD_FIRST, peer);
    struct guard *begun = first_in(all, GUARD_HEAD, peer);
    if (silent && begun)
        return begun->deadline.at_ms < silent->deadline.at_ms ? begun : silent;
    if (silent || begun)
        return silent ? silent : begun;
    return first_in(all, GUARD_IDLE, peer);
}

/* Make room at a cap: true if a connection was dropped for g. */
static bool drop_oldest(struct guards *all, const struct peer *peer)
{
    struct guard *victim = oldest_waiting(all, peer);
    struct refusal refusal = { .reason = REASON_TOO_MANY, .step = S("connection") };

    if (!victim)
        return false;
    if (victim->phase != GUARD_LINGER) /* that one has its answer */
        count_one(all, METRIC_connections_refused_total);
    if (victim->phase == GUARD_HEAD)
        guard_record(victim, &refusal, NULL);
    guard_end_later(victim);
    count_out(victim);
    return true;
}

static uint64_t max_connections(const struct guards *all)
{
    return all->setup.max_connections ? all->setup.max_connections : guards_config(all)->max_connections;
}

static bool fits(struct guard *g)
{
    struct guards *all = g->all;

    if (g->is_peer_counted && peer_count(all, &g->peer) > guards_config(all)->max_connections_per_peer &&
        !drop_oldest(all, &g->peer))
        return false;
    return all->count - all->over_cap_count <= max_connections(all) || drop_oldest(all, NULL);
}

/* ---- birth ---- */

/* Never to be called: it marks a bufferevent that evhttp has not taken. */
static void not_taken(struct bufferevent *bev, void *arg)
{
    (void)bev;
    (void)arg;
}

static void on_task(void *guard);

static struct guard *guard_new(struct guards *all)
{
    struct guard *g = calloc(1, sizeof *g);

    if (!g)
        return NULL;
    g->all = all;
    g->loop = all->setup.loop;
    g->fd = -1;
    g->pending = SBUF_MAX(2 * GUARD_READ_BYTES);
    deadline_init(&g->deadline);
    loop_task_init(&g->todo, on_task, g);
    /* Without BEV_OPT_CLOSE_ON_FREE: evhttp closes the descriptor, once. */
    g->bev = bufferevent_socket_new(loop_base(all->setup.loop), -1, 0);
    if (!g->bev) {
        free(g);
        return NULL;
    }
    bufferevent_setcb(g->bev, not_taken, NULL, NULL, g);
    return g;
}

bool guards_has_spare(struct guards *all)
{
    if (!all->spare)
        all->spare = guard_new(all);
    return all->spare != NULL;
}

struct bufferevent *guards_make_bufferevent(struct event_base *base, void *guards)
{
    struct guards *all = guards;
    struct guard *g = guard_new(all);

    (void)base;
    if (!g) {
        g = all->spare;
        all->spare = NULL;
    }
    MUST(g); /* on_starved has stopped the listeners before */
    if (!guards_has_spare(all))
        all->setup.on_starved(all->setup.arg);
    /* evhttp may fail after this and free the bufferevent: the task can still look at it. */
    bufferevent_incref(g->bev);
    loop_later(g->loop, &g->todo);
    return g->bev;
}

void guard_own_bufferevent(struct guard *g)
{
    bufferevent_disable(g->bev, EV_READ);
    bufferevent_setcb(g->bev, NULL, guard_on_written, guard_on_event, g);
}

static void on_close(struct evhttp_connection *evcon, void *guard);

/* evhttp took the bufferevent, or it did not; see guards_make_bufferevent. */
static bool find_connection(struct guard *g)
{
    bufferevent_data_cb read = NULL;
    void *evcon = NULL;

    bufferevent_getcb(g->bev, &read, NULL, NULL, &evcon);
    bufferevent_decref(g->bev);
    if (read == not_taken)
        bufferevent_free(g->bev);
    if (!read || read == not_taken) { /* evhttp had no memory */
        g->bev = NULL;
        return false;
    }
    g->evhttp_read = read;
    g->evcon = evcon;
    g->fd = bufferevent_getfd(g->bev);
    evhttp_connection_set_closecb(g->evcon, on_close, g);
    guard_own_bufferevent(g);
    return true;
}

static void refuse_newcomer(struct guard *g, enum reason reason)
{
    struct guards *all = g->all;
    struct refusal refusal = { .reason = reason, .step = S("connection") };
    bool has_room = all->count <= max_connections(all) + OVER_CAP_MAX;

    if (reason == REASON_TOO_MANY) {
        count_one(all, METRIC_connections_refused_total);
        count_over_cap(g);
        has_room = all->over_cap_count <= OVER_CAP_MAX;
    }
    if (has_room) {
        guard_refuse(g, &refusal, NULL);
        return;
    }
    guard_record(g, &refusal, NULL);
    guard_end_later(g);
}

/* In the turn of the accept, before the first poll: nothing has been read yet. */
static void attach(struct guard *g)
{
    struct guards *all = g->all;
    int on = 1;

    if (!find_connection(g)) {
        free(g);
        return;
    }
    event_assign(&g->readable, loop_base(g->loop), g->fd, EV_READ | EV_PERSIST, guard_on_readable, g);
    if (!peer_of_fd(g->fd, &g->peer)) {
        guard_end_later(g);
        return;
    }
    if (g->peer.kind == PEER_TCP)
        setsockopt(g->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    count_in(g);
    if (all->is_draining || gate_is_draining(all->setup.gate)) {
        refuse_newcomer(g, REASON_STOPPING);
        return;
    }
    if (!fits(g)) {
        refuse_newcomer(g, REASON_TOO_MANY);
        return;
    }
    guard_set_phase(g, GUARD_FIRST);
    g->reader = http1_reader_new(HTTP1_REQUESTS, (size_t)guards_config(all)->max_body_bytes);
    if (!g->reader)
        refuse_newcomer(g, REASON_OVERLOADED);
    else
        guard_set_reading(g, true);
}

/* ---- end ---- */

/* evhttp is about to free the connection. */
static void on_close(struct evhttp_connection *evcon, void *guard)
{
    struct guard *g = guard;

    (void)evcon;
    guard_set_reading(g, false);
    guard_set_phase(g, GUARD_OVER);
    guard_forget_input(g);
    guard_count_unsent(g, 0);
    count_out(g);
    g->evcon = NULL;
    g->evreq = NULL;
    g->bev = NULL;
    g->fd = -1;
    g->all = NULL;
    loop_later(g->loop, &g->todo);
}

static void on_task(void *guard)
{
    struct guard *g = guard;

    if (g->phase == GUARD_NEW) {
        attach(g);
        return;
    }
    if (g->phase != GUARD_OVER) {
        guard_resume(g);
        return;
    }
    if (g->evcon)
        evhttp_connection_free(g->evcon); /* on_close asks for this task once more */
    else if (!g->owes_answer)
        free(g);
}

/* ---- all of them ---- */

struct guards *guards_new(const struct guards_setup *setup, struct err *e)
{
    struct guards *all = calloc(1, sizeof *all);
    bool fine = all != NULL;

    if (all) {
        all->setup = *setup;
        all->clock = loop_clock(setup->loop);
        all->head = SBUF_MAX(ANSWER_HEAD_MAX);
        all->body = SBUF_MAX(GUARD_ANSWER_BYTES);
        all->scratch = SBUF_MAX(SCRATCH_MAX);
        all->peers = map_new();
        fine = all->peers && guards_has_spare(all);
        for (size_t i = 0; i < GUARD_PHASE_COUNT_; i++) {
            fine = deadlines_init(&all->due[i], loop_base(setup->loop), all->clock, on_deadline, all) && fine;
            all->due[i].forgives_stalls =
                true; /* bytes of the client wait in the kernel, or room for its answer */
        }
    }
    if (!fine) {
        guards_free(&all);
        err_set(e, ERR_MEMORY, "listener: no memory");
    }
    return all;
}

void guards_free(struct guards **pall)
{
    struct guards *all = *pall;

    if (!all)
        return;
    MUST(all->count == 0);
    if (all->spare) {
        bufferevent_free(all->spare->bev);
        free(all->spare);
    }
    for (size_t i = 0; i < GUARD_PHASE_COUNT_; i++)
        deadlines_drop(&all->due[i]);
    map_free(&all->peers);
    sbuf_drop(&all->head);
    sbuf_drop(&all->body);
    sbuf_drop(&all->scratch);
    free(all);
    *pall = NULL;
}

void guards_drain(struct guards *all)
{
    all->is_draining = true;
    for (int i = GUARD_FIRST; i <= GUARD_IDLE; i++)
        while (!list_is_empty(&all->due[i].all))
            guard_end_later(LIST_OWNER(all->due[i].all.next, struct guard, deadline.link));
}

size_t guards_count(const struct guards *all)
{
    return all->count;
}

size_t guards_held_bytes(const struct guards *all)
{
    return all->held_bytes;
}

struct guard *guards_handing(struct guards *all, const struct bufferevent *bev)
{
    return all->handing && all->handing->bev == bev ? all->handing : NULL;
}

const struct http1_msg *guard_request(const struct guard *g)
{
    return g->request;
}

void guard_agree(struct guard *g, struct evhttp_request *request)
{
    /* The flag is of the request's body, but evhttp_send_reply_end would end a chunked answer for it. */
    request->chunked = 0;
    g->evreq = request;
}
