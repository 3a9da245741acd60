/*
 * The steps that decide: screen, hold, lookup, judge, shape. The verdict itself is policy_judge's; these steps bring it
 * what it needs and turn what was judged into the bytes that will be sent. Must never send a byte of the caller's own.
 */
#include "flow/gate_state.h"
#include "base/digest.h"
#include "core/after_text.h"
#include "flow/life.h"
#include "flow/own.h"
#include "base/enc.h"

static enum step_result take_verdict(struct txn *t, const struct service_state *state)
{
    policy_judge(t->in.pass.client->policy, txn_upstream(t)->region, &t->in.is.facts, state, t->arena,
                 &t->verdict);
    if (t->verdict.would_deny.reason != REASON_NONE)
        txn_would_deny(t, &t->verdict.would_deny);
    if (t->verdict.kind != VERDICT_REFUSE)
        return STEP_NEXT;
    return txn_refuse_as(t, &t->verdict.refusal);
}

/* All that can be refused without the present state is refused here, so that it causes no look-up. */
enum step_result step_screen(struct txn *t)
{
    return take_verdict(t, NULL);
}

/* All that the change may touch, before anything is looked at. */
static enum step_result ask_to_hold(struct txn *t)
{
    const struct facts *f = &t->in.is.facts;

    if (usage_admit_change(t) != STEP_NEXT)
        return STEP_REFUSE;
    if (is_purchase(t) && txn_now(t) < t->gate->purchases_open_mono_ms)
        return txn_refuse(
            t, REASON_CHANGE_UNDER_WAY,
            "easgate was ended while requests were under way; what they bought is not certain yet");
    if ((f->service.n && !held_ask(t, "service", f->service)) ||
        (f->new_service.n && !held_ask(t, "service", f->new_service)))
        return txn_refuse(t, REASON_OVERLOADED, "out of memory");
    return is_purchase(t) ? purchase_hold(t) : STEP_NEXT;
}

enum step_result step_hold(struct txn *t)
{
    if (!t->in.is.facts.changes)
        return STEP_NEXT;
    switch (t->wait.event) {
    case TXN_EVENT_NONE:
        return ask_to_hold(t) == STEP_NEXT ? held_take(t) : STEP_REFUSE;
    case TXN_HELD:
        return held_take(t);
    case TXN_ABORTED:
        return txn_refuse(t, REASON_STOPPING, NULL);
    case TXN_TIMEOUT:
    case TXN_DURABLE:
    case TXN_LOST:
    case TXN_SIGNED:
    case TXN_ANSWERED:
    case TXN_LOOKED_UP:
        break;
    }
    return txn_refuse(
        t, REASON_CHANGE_UNDER_WAY, "another change of %.*s is under way; it was waited for %llu ms",
        SLICE_FMT(held_awaited(t)), (unsigned long long)t->in.pass.snap->gateway.change_wait_ms);
}

/* What of the service has to be read for this verdict. */
static struct look plan_of(const struct txn *t)
{
    const struct facts *f = &t->in.is.facts;
    struct look plan = { .service = f->service,
                         .want = f->op->raise == OP_RAISE_CLONE ? STATE_WHOLE : STATE_HARDWARE,
                         .deadline_mono_ms = txn_now(t) + (int64_t)txn_upstream(t)->timeout_ms };

    if (f->op->raise == OP_RAISE_VERSION)
        facts_max(f, OP_VERSION, &plan.version);
    return plan;
}

/* What would come back is not known when nothing states it: neither EAS nor, where its number takes the place, the request. */
static enum step_result take_state(struct txn *t)
{
    const struct service_state *s = &t->look.seen.state;

    if (service_peak(s) == 0 && !t->in.is.facts.has_replicas)
        return txn_refuse(
            t, REASON_STATE_UNREADABLE,
            "the present state of service %.*s could not be read: EAS states no count of replicas for it",
            SLICE_FMT(t->look.service));
    t->state = *s;
    t->has_state = true;
    return STEP_NEXT;
}

static enum step_result look(struct txn *t)
{
    struct look plan = plan_of(t);
    enum step_result result = t->wait.event == TXN_EVENT_NONE ? look_begin(t, &plan) : look_go_on(t);

    return result == STEP_NEXT ? take_state(t) : result;
}

enum step_result step_lookup(struct txn *t)
{
    if (t->wait.event == TXN_ABORTED)
        return txn_refuse(t, REASON_STOPPING, NULL);
    if (t->verdict.kind == VERDICT_NEED_STATE)
        return look(t);
    if (is_purchase(t))
        return t->wait.event == TXN_EVENT_NONE ? purchase_ask(t) : purchase_judge(t);
    return STEP_NEXT;
}

/* The state as the record will have it. */
static enum step_result print_state(struct txn *t)
{
    char most[512] = "";
    SCOPED(sbuf) text = SBUF_LENT(most, sizeof most, STATE_TEXT_MAX_BYTES);

    if (!state_print(&t->state, &text))
        return txn_refuse(
            t, REASON_STATE_UNREADABLE,
            "the service's stored configuration has more judged values than an audit record holds");
    t->state_text = arena_dup(t->arena, sbuf_slice(&text));
    return t->state_text.p ? STEP_NEXT : txn_refuse(t, REASON_OVERLOADED, "out of memory");
}

enum step_result step_judge(struct txn *t)
{
    if (t->parent)
        return judge_nested(t);
    if ((t->has_state || is_purchase(t)) && print_state(t) != STEP_NEXT)
        return STEP_REFUSE;
    if (t->has_state) {
        enum step_result result = take_verdict(t, &t->state);
        if (result != STEP_NEXT)
            return result;
    }
    if (t->verdict.kind != VERDICT_ALLOW)
        return txn_refuse(t, REASON_INTERNAL, "no verdict was reached");
    return STEP_NEXT;
}

/* The path is printed from the catalogue's template and the judged parameters. */
static void print_path(const struct op_match *match, struct sbuf *out)
{
    struct slice rest = match->op->path;
    size_t param = 0;

    while (rest.n) {
        size_t open = slice_find(rest, '{');
        sbuf_add(out, slice_from(rest.p, open));
        rest = slice_skip(rest, open);
        if (!rest.n)
            break;
        enc_percent(match->params[param++], out);
        rest = slice_skip(rest, slice_find(rest, '}') + 1);
    }
}

static bool fill_query(struct txn *t, struct slice name, struct slice value, struct err *e)
{
    return !value.p || query_set(&t->in.is.query, t->arena, name, value, e);
}

/* Of a list all pages are read; the caller's one is cut from what is owned, in `collect`. */
static bool shape_list(struct txn *t, struct err *e)
{
    if (!txn_is_list(t) || t->parent)
        return true;
    t->gather.op = t->in.is.match.op;
    t->gather.page = 1;
    return t->gather.op->list.total.n == 0 || (fill_query(t, S("PageNumber"), S("1"), e) &&
                                               fill_query(t, S("PageSize"), S(LIST_PAGE_SIZE_TEXT), e));
}

enum step_result step_shape(struct txn *t)
{
    struct outgoing *out = &t->out;
    struct err e = { 0 };

    bool filled = fill_query(t, S("WorkspaceId"), t->verdict.fill_workspace, &e) &&
                  fill_query(t, S("QuotaId"), t->verdict.fill_quota, &e);
    if (!filled || !shape_list(t, &e))
        return txn_refuse(t, REASON_INTERNAL, "the query could not be built: %s", e.text);
    print_path(&t->in.is.match, &t->out_path);
    query_print_canonical(&t->in.is.query, &t->out_query);
    if (t->in.is.body)
        json_print(t->in.is.body, &t->out_body);
    if (!sbuf_ok(&t->out_path) || !sbuf_ok(&t->out_query) || !sbuf_ok(&t->out_body))
        return txn_refuse(t, REASON_OVERLOADED, "out of memory");
    if (t->out_path.n + t->out_query.n > TXN_TARGET_MAX_BYTES)
        return txn_refuse(
            t, REASON_BAD_QUERY,
            "path and query have %zu bytes as they would be sent; an audit record holds %d whole",
            t->out_path.n + t->out_query.n, TXN_TARGET_MAX_BYTES);
    out->method = t->in.is.match.op->method;
    out->path = sbuf_slice(&t->out_path);
    out->query = sbuf_slice(&t->out_query);
    out->body = sbuf_slice(&t->out_body);
    out->is_change = t->in.is.match.op->retry != OP_RETRY_READ;
    out->upstream = txn_upstream(t);
    out->host_header = out->upstream->host_header;
    if (t->in.message && slice_eq(out->body, sbuf_slice(&t->in.message->body)))
        memcpy(out->body_sha256, t->in.body_sha256,
               sizeof out->body_sha256); /* sent in canonical form: hashed once */
    if (!out->body_sha256[0] && !digest_sha256_hex(out->body, out->body_sha256))
        return txn_refuse(t, REASON_INTERNAL, "the body could not be hashed");
    return STEP_NEXT;
}

/* Everything that could refuse the request has been asked; its place in the budget is given back by settle. */
enum step_result step_preview(struct txn *t)
{
    return t->is_dry_run ? own_verdict(t) : STEP_NEXT;
}
