/*
 * The steps that end a request: relay gives the answer (shown.c says what of it), settle writes down what came of it.
 */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/log.h"
#include "base/must.h"

static void send_to_client(struct txn *t, const struct answer *a)
{
    if (t->in.reply.send)
        t->in.reply.send(t->in.reply.arg, a, &t->log.client_gone);
}

static void answer_refused(struct txn *t)
{
    const struct refusal *r = &t->log.refusal;

    sbuf_clear(&t->log.body);
    refusal_body(r, slice_of(t->id), &t->log.body);
    send_to_client(t, &(struct answer){ .status = refusal_status(r),
                                        .body = sbuf_slice(&t->log.body),
                                        .content_type = S("application/json"),
                                        .request_id = slice_of(t->id),
                                        .easgate_request_id = slice_of(t->id),
                                        .from_easgate = true,
                                        .retry_after_s = refusal_retry_after_s(r) });
}

static void answer_own(struct txn *t)
{
    send_to_client(t, &(struct answer){ .status = t->own_status,
                                        .body = sbuf_slice(&t->log.body),
                                        .content_type = S("application/json"),
                                        .request_id = slice_of(t->id),
                                        .easgate_request_id = slice_of(t->id),
                                        .from_easgate = true });
}

static void answer_passed(struct txn *t)
{
    const struct http1_msg *answer = t->log.answer;

    send_to_client(t, &(struct answer){ .status = answer->status,
                                        .body = sbuf_slice(&t->log.body),
                                        .content_type = S("application/json; charset=utf-8"),
                                        .request_id = http1_header_get(answer, S("x-acs-request-id"), NULL),
                                        .easgate_request_id = slice_of(t->id),
                                        .upstream = answer });
}

enum step_result step_relay(struct txn *t)
{
    if (t->parent)
        return STEP_NEXT; /* settle hands the answer over, whatever it says */
    if (t->log.refusal.reason == REASON_NONE && !t->own_status)
        answer_show(t);
    if (t->log.refusal.reason != REASON_NONE)
        answer_refused(t);
    else if (t->own_status)
        answer_own(t);
    else
        answer_passed(t);
    return STEP_NEXT;
}

/* The end of a nested request: its answer, or why there is none, becomes its parent's news. */
static void hand_to_parent(struct txn *t)
{
    struct txn *parent = t->parent;

    parent->nested.refusal = t->log.refusal;
    if (t->log.refusal.reason != REASON_NONE && !t->log.refusal.message.p)
        parent->nested.refusal.message = slice_of(reason_text(t->log.refusal.reason));
    parent->nested.refusal.message = arena_dup(parent->arena, parent->nested.refusal.message);
    parent->nested.answer = t->log.answer;
    t->log.answer = NULL;
    parent->child = NULL;
    t->parent = NULL;
    txn_wake(parent, TXN_LOOKED_UP);
}

/* The status that its client got. */
static int status_of(const struct txn *t)
{
    const struct refusal *r = &t->log.refusal;

    return r->reason != REASON_NONE ? refusal_status(r)
           : t->own_status          ? t->own_status
                                    : t->log.answer->status;
}

static void log_request(struct txn *t)
{
    const struct refusal *r = &t->log.refusal;
    bool failed = r->reason != REASON_NONE && reason_status(r->reason) >= 500;
    enum log_level level = failed ? LOG_WARN : r->reason != REASON_NONE ? LOG_INFO : LOG_DEBUG;

    if (!log_is_on(level))
        return;
    log_event(level, "request",
              t->own_status              ? "answered"
              : r->reason == REASON_NONE ? "forwarded"
              : t->log.was_sent          ? "failed"
                                         : "refused",
              LOG_C("id", t->id), LOG_S("client", t->in.pass.client->name),
              LOG_S("op", t->in.is.match.op ? t->in.is.match.op->name : S("-")),
              LOG_S("service", t->in.is.facts.service.p ? t->in.is.facts.service : S("-")),
              LOG_C("peer", t->in.peer.text), LOG_N("status", status_of(t)),
              LOG_S("step", r->step.p ? r->step : S("-")),
              LOG_C("reason", r->reason == REASON_NONE ? "-" : reason_name(r->reason)),
              LOG_N("ms", txn_now(t) - t->start_mono_ms), LOG_N("upstream_ms", t->log.upstream_ms));
}

/* A policy in mode report let it through: that must be easy to see. */
static void report_would_deny(struct txn *t)
{
    const struct refusal *r = &t->would_deny;

    metric_would_deny(t->gate->metrics, r->reason);
    log_event(LOG_WARN, "request", "would deny", LOG_C("id", t->id), LOG_S("client", t->in.pass.client->name),
              LOG_S("op", t->in.is.match.op->name), LOG_C("reason", reason_name(r->reason)),
              LOG_S("message", r->message), LOG_S("rule", r->rule.p ? r->rule : S("-")));
}

/* Which record the end of this request needs; each request gets exactly one way out of the log. */
static void record_end(struct txn *t)
{
    const struct refusal *r = &t->log.refusal;

    if (t->log.intent_open)
        record_outcome(t, t->log.was_sent && t->log.answer ? NULL : "not_sent");
    else if (r->reason == REASON_AUDIT && !t->parent)
        gate_count(t->gate, r->reason, &t->in.peer, t->in.message, r->message);
    else if (r->reason == REASON_RATE_LIMITED && !t->parent)
        gate_count_throttled(t->gate, t->in.pass.client->name, &t->in.peer, t->in.message, r->message);
    else if (r->reason != REASON_NONE && !t->parent && t->log.tries == 0)
        record_deny(t);
}

enum budget_end change_end(const struct txn *t)
{
    if (t->log.answer)
        return budget_end_of_status(t->log.answer->status);
    return !t->log.was_sent || t->log.exchange.failure == SEND_NOT_SENT ? BUDGET_NOTHING : BUDGET_UNKNOWN;
}

enum step_result step_settle(struct txn *t)
{
    struct gate *g = t->gate;
    const struct refusal *r = &t->log.refusal;

    list_remove(&t->wait.in_durable);
    record_end(t);
    if (t->parent) {
        hand_to_parent(t);
        return STEP_DONE;
    }
    metric_request(g->metrics, t->in.is.match.op, status_of(t), r->reason);
    metric_observe_ms(g->metrics, METRIC_request_ms, txn_now(t) - t->start_mono_ms);
    log_request(t);
    if (t->would_deny.reason != REASON_NONE)
        report_would_deny(t);
    g->inflight_count--;
    g->inflight_bytes -= t->in.message->body.n;
    reserve_end(t);
    doubt_add(t);
    usage_leave(t);
    held_release(t, change_end(t));
    return STEP_DONE;
}
