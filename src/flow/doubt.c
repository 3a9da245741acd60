/*
 * Changes whose outcome is not known: no whole answer came, or one that says nothing for certain, or the process ended before
 * it. Each goes on counting in its team's budget (core/budget.h), and nothing of its service may grow (held.c), until it must
 * have taken effect. Then the truth is read, by a DescribeService that is judged, recorded and signed like any other, and written
 * down: `resolved`, with the id of the request.
 * The runs before leave theirs in the audit log (gate_restore). Must never forget one that could still raise something.
 */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/log.h"
#include "base/must.h"

#define DOUBTS_MAX     65536
#define RESOLVING_MAX  4
#define RETRY_FIRST_MS 2000
#define RETRY_MAX_MS   (300 * 1000)

struct doubt {
    struct list in_gate;
    char id[33]; /* of the request */
    int64_t due_mono_ms;
    int64_t retry_ms;
    bool is_busy;
    size_t name_n;
    char name[]; /* of the service */
};

static struct slice name_of(const struct doubt *d)
{
    return slice_from(d->name, d->name_n);
}

/* Without memory, or with too many, only the record of the truth is missing; the log says that the change is open. */
static void keep(struct gate *g, struct slice id, struct slice service, int64_t due_mono_ms)
{
    struct doubt *d = g->doubt_count < DOUBTS_MAX ? malloc(sizeof *d + service.n) : NULL;

    if (!d || id.n >= sizeof d->id) {
        free(d);
        return;
    }
    *d = (struct doubt){ .due_mono_ms = due_mono_ms, .retry_ms = RETRY_FIRST_MS, .name_n = service.n };
    memcpy(d->id, id.p, id.n);
    memcpy(d->name, service.p, service.n);
    list_add_last(&g->doubts, &d->in_gate);
    g->doubt_count++;
}

static void forget(struct gate *g, struct doubt *d)
{
    list_remove(&d->in_gate);
    g->doubt_count--;
    free(d);
}

void doubts_free(struct gate *g)
{
    while (!list_is_empty(&g->doubts))
        forget(g, LIST_OWNER(g->doubts.next, struct doubt, in_gate));
}

/* Its caller may come back and ask what became of it (own.h). Without memory only the audit log knows. */
static void note_unknown(struct gate *g, struct slice id, struct slice client, struct slice op,
                         struct slice service)
{
    struct unknown k = { .sent_wall_ms = clock_wall_ms(g->ports.clock) };

    snprintf(k.id, sizeof k.id, "%.*s", SLICE_FMT(id));
    snprintf(k.client, sizeof k.client, "%.*s", SLICE_FMT(client));
    snprintf(k.op, sizeof k.op, "%.*s", SLICE_FMT(op));
    snprintf(k.service, sizeof k.service, "%.*s", SLICE_FMT(service));
    unknowns_add(g->unknowns, &k);
}

void doubt_add(struct txn *t)
{
    struct slice service = changed_service(&t->in.is.facts);

    if (!t->in.is.facts.changes || change_end(t) != BUDGET_UNKNOWN)
        return;
    note_unknown(t->gate, slice_of(t->id), t->in.pass.client->name, t->in.is.match.op->name, service);
    if (service.n)
        keep(t->gate, slice_of(t->id), service, txn_certain_from(t) + 1);
}

/* ---- what the runs before left ---- */

/* What is sent may take effect as late as an exchange may last; how long that was for the run before nobody wrote down. */
static int64_t certain_from(const struct gate *g)
{
    return clock_mono_ms(g->ports.clock) + (int64_t)g->snap->upstreams[0].timeout_ms;
}

/* False: too little is known of it to go on without waiting. */
static bool restore_one(struct gate *g, const struct gate_open *open)
{
    const struct op *op = opcat_by_name(open->op);
    bool raises = !op || op->raise != OP_RAISE_NONE, buys = !op || op->count.list.n > 0;
    struct amounts most = { 0, 0 };

    if (op && op->retry == OP_RETRY_READ)
        return true;
    if (raises && open->has_peak && open->peak >= 0 && open->peak_gpus >= 0)
        most = (struct amounts){ open->peak, open->peak_gpus };
    if (!open->service.n)
        return !raises && !buys;
    struct reservation *r = budget_reserve(g->book, open->service, most);
    if (r)
        budget_settle(&r, BUDGET_UNKNOWN, certain_from(g));
    bool is_held = gate_doubt_service(g, open->service);
    keep(g, open->id, open->service, certain_from(g) + 1);
    return !buys && is_held && (!raises || (open->has_peak && budget_has(g->book, open->service)));
}

void gate_restore(struct gate *g, const struct gate_open *open, size_t count)
{
    size_t restored = 0;

    for (size_t i = 0; i < count; i++) {
        restored += restore_one(g, &open[i]);
        note_unknown(g, open[i].id, open[i].client, open[i].op, open[i].service);
    }
    if (restored < count)
        gate_wait_for_truth(g);
    if (count)
        log_event(LOG_WARN, "budget", "changes of runs before are in doubt", LOG_N("count", count),
                  LOG_N("growth_waits_ms", restored < count ? g->snap->upstreams[0].timeout_ms : 0));
}

/* ---- reading the truth ---- */

/* Somebody who may look at the service: a client of the policy that owns it. */
static const struct client *find_client(const struct gate *g, struct slice service)
{
    const struct policy *owner = gate_owner(g, service);

    for (size_t i = 0; owner && i < g->snap->client_count; i++)
        if (g->snap->clients[i].policy == owner)
            return &g->snap->clients[i];
    return NULL;
}

static void postpone(struct gate *g, struct doubt *d)
{
    d->due_mono_ms = clock_mono_ms(g->ports.clock) + d->retry_ms;
    d->retry_ms = d->retry_ms * 2 < RETRY_MAX_MS ? d->retry_ms * 2 : RETRY_MAX_MS;
}

static void begin_resolving(struct gate *g, struct doubt *d)
{
    const struct client *client = find_client(g, name_of(d));
    struct txn *t = client ? txn_new(g) : NULL;

    if (!t) {
        postpone(g, d);
        return;
    }
    memcpy(t->id, d->id, sizeof t->id); /* its look-up names the request that it is about */
    t->in.pass = (struct pass){ .snap = snapshot_ref(g->snap), .client = client };
    t->in.is.match.op = opcat_by_name(S("DescribeService"));
    t->resolves = d;
    d->is_busy = true;
    g->resolving++;
    txn_start_resolving(t);
}

void doubts_tick(struct gate *g)
{
    int64_t now = clock_mono_ms(g->ports.clock);

    metric_set(g->metrics, METRIC_unknown_outcomes_open, (int64_t)g->doubt_count);
    if (g->draining || g->resolving >= RESOLVING_MAX || !g->ports.audit_ok(g->ports.ctx, NULL))
        return;
    for (struct list *at = g->doubts.next; at != &g->doubts; at = at->next) {
        struct doubt *d = LIST_OWNER(at, struct doubt, in_gate);
        if (d->is_busy || now < d->due_mono_ms)
            continue;
        begin_resolving(g, d); /* one a tick: it may be over already, and gone */
        return;
    }
}

static bool ask(struct txn *t)
{
    const struct op *op = opcat_by_name(S("DescribeService"));
    struct query query;
    struct err e = { 0 };

    return query_init(op, t->arena, &query) &&
           txn_nest(t, op, name_of(t->resolves), &query, txn_now(t) + (int64_t)txn_upstream(t)->timeout_ms,
                    &e);
}

/* What EAS says of the service: its count where it can be read. False: nothing that could be relied on. */
static bool read_truth(struct txn *t, struct audit_rec *out)
{
    const struct http1_msg *answer = t->nested.answer;
    struct service_seen seen;
    struct err e = { 0 };

    if (t->nested.refusal.reason != REASON_NONE || !answer)
        return false;
    struct json *tree = json_load(sbuf_slice(&answer->body), &json_limits_answer, NULL);
    struct slice name = json_text(json_get(tree, S("ServiceName"))),
                 code = json_text(json_get(tree, S("Code")));
    bool is_there = answer->status == 200 && slice_eq(name, name_of(t->resolves));
    bool is_gone = answer->status == 404 && tree && !is_about_our_key(code) &&
                   !slice_starts(code, S("InvalidApi")) && !slice_starts(code, S("InvalidProduct"));
    out->has_replicas_now = is_there && service_state_of(tree, STATE_COUNTS, t->arena, &seen, &e);
    out->replicas_now = out->has_replicas_now ? seen.state.count : 0;
    out->has_status = true;
    out->status = answer->status;
    out->note = is_there ? S("exists") : S("gone");
    json_free(&tree);
    return is_there || is_gone;
}

static bool record_truth(struct txn *t)
{
    const struct ports *ports = &t->gate->ports;
    struct audit_rec rec = { .type = AUDIT_RESOLVED,
                             .wall_ms = clock_wall_ms(ports->clock),
                             .mono_ms = clock_mono_ms(ports->clock),
                             .id = slice_of(t->id),
                             .service = name_of(t->resolves) };

    if (!read_truth(t, &rec) || ports->audit_append(ports->ctx, &rec) == 0)
        return false;
    unknowns_end(t->gate->unknowns, rec.id, slice_eq(rec.note, S("exists")) ? UNKNOWN_EXISTS : UNKNOWN_GONE,
                 rec.replicas_now, rec.wall_ms);
    metric_add(t->gate->metrics, METRIC_unknown_outcomes_resolved_total, 1);
    log_event(LOG_INFO, "request", "the truth about a lost change was read", LOG_C("id", t->id),
              LOG_S("service", rec.service), LOG_S("now", rec.note), LOG_N("replicas", rec.replicas_now));
    return true;
}

enum step_result step_resolve(struct txn *t)
{
    struct gate *g = t->gate;
    struct doubt *d = t->resolves;

    if (t->wait.event == TXN_EVENT_NONE && ask(t))
        return txn_wait(t, 0);
    bool is_known = t->wait.event == TXN_LOOKED_UP && record_truth(t);
    t->resolves = NULL;
    d->is_busy = false;
    g->resolving--;
    if (is_known)
        forget(g, d);
    else
        postpone(g, d);
    return STEP_DONE;
}
