/* The gate: what one running gateway keeps, and the world's news for the requests that wait. See gate.h. */
#include "flow/gate.h"
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/log.h"
#include "base/must.h"

#define BOOK_MARGIN_MS     (60 * 1000)
#define SWEEP_EVERY_MS     (10 * 1000)
#define ENDS_EVERY_MS      (24 * 3600 * 1000)
#define KEY_REFUSED_LOG_MS 10000

struct gate *gate_new(const struct ports *ports, struct snapshot *snap)
{
    struct gate *g = calloc(1, sizeof *g);

    if (!g)
        return NULL;
    g->ports = *ports;
    g->metrics = metrics_new();
    g->held = map_new();
    g->usage = map_new();
    g->teams = map_new();
    g->book = budget_new();
    g->unknowns = unknowns_new();
    list_init(&g->inflight);
    list_init(&g->durable);
    list_init(&g->ready);
    list_init(&g->doubts);
    g->date_second = -1;
    g->key_refused.period_ms = KEY_REFUSED_LOG_MS;
    if (!g->metrics || !g->held || !g->usage || !g->teams || !g->book || !g->unknowns) {
        gate_free(&g);
        return NULL;
    }
    g->snap = snapshot_ref(snap);
    g->longest_timeout_ms = snap->upstreams[0].timeout_ms;
    metric_set(g->metrics, METRIC_config_generation, (int64_t)snap->generation);
    return g;
}

void gate_free(struct gate **g)
{
    if (!*g)
        return;
    MUST(list_is_empty(&(*g)->inflight));
    metrics_free(&(*g)->metrics);
    held_free_all(*g);
    usage_free_all(*g);
    teams_free(*g);
    doubts_free(*g);
    budget_free(&(*g)->book);
    unknowns_free(&(*g)->unknowns);
    if ((*g)->snap)
        snapshot_unref(&(*g)->snap);
    free(*g);
    *g = NULL;
}

struct snapshot *gate_snapshot(const struct gate *g)
{
    return g->snap;
}

struct metrics *gate_metrics(struct gate *g)
{
    return g->metrics;
}

const struct ports *gate_ports(const struct gate *g)
{
    return &g->ports;
}

static bool warn_end(void *ctx, const struct end *end)
{
    const struct gate *g = ctx;
    int64_t now_s = clock_wall_ms(g->ports.clock) / 1000;
    SCOPED(sbuf) text = SBUF_MAX(2048);

    if (end->until_s <= now_s || end->until_s - now_s > END_WARN_S)
        return true;
    end_print(end, now_s, &text);
    log_event(LOG_WARN, "config", "something ends soon", LOG_S("what", sbuf_slice(&text)),
              LOG_C("file", end->file), LOG_N("line", end->line));
    return true;
}

/* At the start, after each reload, and once a day. */
static void warn_ends(struct gate *g, int64_t now_mono_ms)
{
    if (now_mono_ms < g->next_ends_mono_ms)
        return;
    g->next_ends_mono_ms = now_mono_ms + ENDS_EVERY_MS;
    snapshot_each_end(g->snap, warn_end, g);
}

bool gate_end_values(struct gate *g)
{
    int64_t now_s = clock_wall_ms(g->ports.clock) / 1000;

    if (g->snap->next_end_s == 0 || now_s < g->snap->next_end_s)
        return true;
    struct snapshot *left = snapshot_at(g->snap, now_s);
    if (!left)
        return false;
    log_event(LOG_WARN, "config", "values of policies have ended", LOG_N("next_end_s", left->next_end_s));
    snapshot_unref(&g->snap);
    g->snap = left;
    teams_reset(g);
    return true;
}

void gate_set_snapshot(struct gate *g, struct snapshot *snap)
{
    struct audit_rec rec = { .type = AUDIT_POLICY,
                             .wall_ms = clock_wall_ms(g->ports.clock),
                             .mono_ms = clock_mono_ms(g->ports.clock),
                             .policy = slice_of(snap->digest),
                             .file = slice_of(snap->path) };
    struct snapshot *before = g->snap;
    bool is_other = strcmp(before->digest, snap->digest) != 0;

    g->snap = snapshot_ref(snap);
    snapshot_unref(&before);
    g->next_ends_mono_ms = 0;
    if (g->longest_timeout_ms < snap->upstreams[0].timeout_ms)
        g->longest_timeout_ms = snap->upstreams[0].timeout_ms;
    if (is_other)
        teams_reset(g);
    g->ports.audit_append(g->ports.ctx, &rec);
    metric_add(g->metrics, METRIC_reloads_total, 1);
    metric_set(g->metrics, METRIC_config_generation, (int64_t)snap->generation);
}

void gate_wait_for_truth(struct gate *g)
{
    g->growth_opens_mono_ms = g->purchases_open_mono_ms =
        clock_mono_ms(g->ports.clock) + (int64_t)g->snap->upstreams[0].timeout_ms;
}

const struct policy *gate_owner(const struct gate *g, struct slice service)
{
    return g->snap->policy_count ? owners_find(g->snap->policies[0].owners, service) : NULL;
}

/* What no truth that may still decide was read without: one is used until budget_max_age, or by whoever waited for its reading. */
static void sweep_book(struct gate *g, int64_t now_mono_ms)
{
    int64_t keeps_ms =
        (int64_t)g->snap->gateway.budget_max_age_ms + 4 * (int64_t)g->longest_timeout_ms + BOOK_MARGIN_MS;

    if (now_mono_ms < g->next_sweep_mono_ms)
        return;
    g->next_sweep_mono_ms = now_mono_ms + SWEEP_EVERY_MS;
    budget_forget(g->book, NULL, 0, now_mono_ms - keeps_ms);
}

void pass_drop(struct pass *p)
{
    if (p->snap)
        snapshot_unref(&p->snap);
    *p = (struct pass){ NULL, NULL, NULL };
}

/* ---- the world's news ---- */

/* Wake the first of those that wait for the log, as long as there are any up to this ticket. A woken one leaves the list
 * by its own step, or here, so that each is woken once. */
static void wake_durable(struct gate *g, uint64_t upto_ticket, enum txn_event event)
{
    while (!list_is_empty(&g->durable)) {
        struct txn *t = LIST_OWNER(g->durable.next, struct txn, wait.in_durable);
        if (t->wait.ticket > upto_ticket)
            return;
        list_remove(&t->wait.in_durable);
        txn_wake(t, event);
    }
}

void gate_audit_durable(struct gate *g, uint64_t upto_ticket)
{
    wake_durable(g, upto_ticket, TXN_DURABLE);
}

/* Only those that wait now: whoever begins to wait meanwhile has an intent that is not lost. */
void gate_audit_lost(struct gate *g)
{
    uint64_t last_ticket = 0;

    if (!list_is_empty(&g->durable))
        last_ticket = LIST_OWNER(g->durable.prev, struct txn, wait.in_durable)->wait.ticket;
    wake_durable(g, last_ticket, TXN_LOST);
}

/* The first txn whose own deadline has passed; waking one may end others, so the search starts anew each time. */
static struct txn *find_late(struct gate *g, int64_t now_mono_ms)
{
    for (struct list *l = g->inflight.next; l != &g->inflight; l = l->next) {
        struct txn *t = LIST_OWNER(l, struct txn, in_gate);
        if (t->wait.deadline_mono_ms && now_mono_ms >= t->wait.deadline_mono_ms)
            return t;
    }
    return NULL;
}

void gate_tick(struct gate *g)
{
    int64_t now = clock_mono_ms(g->ports.clock);

    for (struct txn *t; (t = find_late(g, now));)
        txn_wake(t, TXN_TIMEOUT);
    warn_ends(g, now);
    gate_end_values(g); /* without memory the next request tries again */
    held_sweep(g);
    sweep_book(g, now);
    doubts_tick(g);
    gate_flush_counted(g, false);
    metric_set(g->metrics, METRIC_inflight, (int64_t)g->inflight_count);
    metric_set(g->metrics, METRIC_inflight_bytes, (int64_t)g->inflight_bytes);
    metric_set(g->metrics, METRIC_audit_failed, !g->ports.audit_ok(g->ports.ctx, NULL));
}

/* ---- life of the program ---- */

size_t gate_inflight(const struct gate *g)
{
    return g->inflight_count;
}

uint64_t gate_inflight_bytes(const struct gate *g)
{
    return g->inflight_bytes;
}

void gate_begin_drain(struct gate *g)
{
    g->draining = true;
}

bool gate_is_draining(const struct gate *g)
{
    return g->draining;
}

/* End one request now: an exchange is given up (what was sent may have happened), any other wait is told to stop. */
static void abort_one(struct gate *g, struct txn *t)
{
    t->wait.abort = true;
    if (t->log.is_sending) {
        g->ports.send_cancel(g->ports.ctx, t);
        t->log.exchange = (struct exchange){ .failure = SEND_NO_ANSWER };
        snprintf(t->log.exchange.detail, sizeof t->log.exchange.detail,
                 "easgate stopped while waiting for the answer");
        txn_wake(t, TXN_ANSWERED);
    } else {
        txn_wake(t, TXN_ABORTED);
    }
}

void gate_abort_all(struct gate *g)
{
    g->draining = true;
    while (!list_is_empty(&g->inflight)) {
        struct txn *t = LIST_OWNER(g->inflight.next, struct txn, in_gate);
        abort_one(g, t->child ? t->child : t);
    }
    gate_flush_counted(g, true);
}

void gate_ready_text(struct gate *g, struct sbuf *out)
{
    const char *why = NULL;

    if (g->draining)
        sbuf_adds(out, "stopping\n");
    if (!g->ports.audit_ok(g->ports.ctx, &why))
        sbuf_addf(out, "audit log cannot be written: %s\n", why ? why : "unknown");
}
