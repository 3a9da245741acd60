/*
 * What easgate answers by itself: see own.h. Must never say anything about another client, nor a thing that the caller's
 * policy does not own; nothing of a request goes to EAS from here but a look-up that its caller may do, too.
 */
#include "flow/own.h"
#include "flow/gate_state.h"
#include "base/enc.h"

#define OWN_PREFIX      "/easgate/v1/"
#define REQUESTS_PREFIX OWN_PREFIX "requests/"

bool own_is(struct slice target)
{
    return slice_starts(target, S("/easgate/"));
}

/* ---- writing ---- */

static void add_text(struct sbuf *out, const char *name, struct slice value)
{
    sbuf_addf(out, ",\"%s\":", name);
    if (value.n)
        enc_json_string(value, out);
    else
        sbuf_adds(out, "null");
}

static void add_time(struct sbuf *out, const char *name, int64_t wall_ms)
{
    char text[25] = "";

    if (wall_ms)
        enc_time_utc(wall_ms, false, text);
    add_text(out, name, slice_of(text));
}

static enum step_result answer(struct txn *t)
{
    sbuf_addc(&t->log.body, '}');
    if (!sbuf_ok(&t->log.body))
        return txn_refuse(t, REASON_OVERLOADED, "out of memory");
    t->own_status = 200;
    return STEP_ANSWER;
}

static struct sbuf *begin(struct txn *t)
{
    sbuf_clear(&t->log.body);
    sbuf_adds(&t->log.body, "{\"RequestId\":");
    enc_json_string(slice_of(t->id), &t->log.body);
    return &t->log.body;
}

/* ---- /easgate/v1/self ---- */

static void add_operations(struct sbuf *out, const struct policy *p)
{
    bool first = true;

    sbuf_adds(out, ",\"Operations\":[");
    for (size_t i = 0; i < opcat_count(); i++) {
        const struct op *op = opcat_at(i);
        if (!policy_opens(p, op))
            continue;
        sbuf_adds(out, first ? "" : ",");
        enc_json_string(op->name, out);
        first = false;
    }
    sbuf_addc(out, ']');
}

static void add_rule(struct sbuf *out, enum bound b, const struct rule *rule)
{
    SCOPED(sbuf) text = SBUF_MAX(1024);

    rule_print(rule, bound_style(b), &text);
    enc_json_string(sbuf_slice(&text), out);
}

static void add_limits(struct sbuf *out, const struct policy *p)
{
    bool first = true;

    sbuf_adds(out, ",\"Limits\":{");
    for (int b = BOUND_NONE + 1; b < BOUND_COUNT_; b++) {
        const struct rules *rules = &p->bound[b];
        if (b == BOUND_allow || rules->count == 0)
            continue;
        sbuf_addf(out, "%s\"%s\":[", first ? "" : ",", bound_name((enum bound)b));
        for (size_t i = 0; i < rules->count; i++) {
            sbuf_adds(out, i ? "," : "");
            add_rule(out, (enum bound)b, &rules->at[i]);
        }
        sbuf_addc(out, ']');
        first = false;
    }
    sbuf_addc(out, '}');
}

/* What is known of the budget is read anew first, if it is old; where it cannot be read, that and what was known is said. */
static enum step_result answer_self(struct txn *t)
{
    const struct client *c = t->in.pass.client;
    enum step_result known = budget_know(t);

    if (known == STEP_WAIT || t->log.refusal.reason == REASON_STOPPING)
        return known;
    struct sbuf *out = begin(t);
    add_text(out, "Client", c->name);
    add_text(out, "Policy", c->policy->name);
    add_text(out, "Region", txn_upstream(t)->region);
    add_text(out, "Mode", c->policy->mode == POLICY_REPORT ? S("report") : S("enforce"));
    add_time(out, "Until", client_end_s(c) * 1000);
    add_operations(out, c->policy);
    add_limits(out, c->policy);
    sbuf_adds(out, ",\"Budget\":");
    if (!budget_text_of(t->gate, c->policy, out))
        sbuf_adds(out, "null");
    if (known == STEP_REFUSE)
        add_text(out, "BudgetUnreadable", t->log.refusal.message);
    t->log.refusal = (struct refusal){ .reason = REASON_NONE };
    return answer(t);
}

/* ---- /easgate/v1/requests/ID ---- */

static enum step_result answer_unknown(struct txn *t, const struct unknown *k)
{
    static const char *const ends[] = { "unknown", "exists", "gone" };
    struct sbuf *out = begin(t);

    add_text(out, "Request", slice_of(k->id));
    add_text(out, "Operation", slice_of(k->op));
    add_text(out, "Service", slice_of(k->service));
    add_time(out, "SentAt", k->sent_wall_ms);
    add_text(out, "Outcome", slice_of(ends[k->end]));
    add_time(out, "KnownAt", k->known_wall_ms);
    if (k->end == UNKNOWN_EXISTS)
        sbuf_addf(out, ",\"Replicas\":%lld", (long long)k->replicas);
    return answer(t);
}

/* A service may be another team's by now, and what it has is theirs to know. */
static bool is_theirs(const struct unknown *k, const struct policy *p)
{
    return k->service[0] && !policy_owns(p, BOUND_services, slice_of(k->service));
}

static enum step_result answer_request(struct txn *t, struct slice id)
{
    const struct client *c = t->in.pass.client;
    const struct unknown *k = unknowns_find(t->gate->unknowns, id, c->name);

    if (!k || is_theirs(k, c->policy))
        return txn_refuse(t, REASON_NOT_FOUND,
                          "no request of yours with this id has an outcome that was not known; its answer or "
                          "refusal said what came of it");
    return answer_unknown(t, k);
}

enum step_result own_answer(struct txn *t)
{
    struct slice path = slice_from(t->in.message->target.p, slice_find(t->in.message->target, '?'));

    if (path.n < t->in.message->target.n || t->in.message->body.n)
        return txn_refuse(t, REASON_BAD_QUERY, "easgate's own paths take neither a query nor a body");
    bool is_self = slice_eq(path, S(OWN_PREFIX "self"));
    if (!is_self && !slice_starts(path, S(REQUESTS_PREFIX)))
        return txn_refuse(t, REASON_NO_OPERATION,
                          "easgate answers " OWN_PREFIX "self and " REQUESTS_PREFIX "ID");
    if (t->in.message->method != HTTP1_GET)
        return txn_refuse(t, REASON_METHOD, "easgate's own paths take GET only");
    return is_self ? answer_self(t) : answer_request(t, slice_skip(path, sizeof REQUESTS_PREFIX - 1));
}

/* ---- the verdict alone ---- */

bool own_dry_run(const struct http1_msg *m, bool *out, struct err *e)
{
    size_t count = 0;
    struct slice value = http1_header_get(m, S("x-easgate-dry-run"), &count);

    *out = slice_eq(value, S("true"));
    return count == 0 || (count == 1 && (*out || slice_eq(value, S("false")))) ||
           err_set(e, ERR_RANGE, "the header x-easgate-dry-run must be true or false, once");
}

enum step_result own_verdict(struct txn *t)
{
    const struct verdict *v = &t->verdict;
    struct sbuf *out = begin(t);

    add_text(out, "Verdict", S("allowed"));
    add_text(out, "Operation", t->in.is.match.op->name);
    add_text(out, "Rule", v->rule_text);
    if (v->has_after) {
        add_text(out, "Spec", v->after.spec);
        sbuf_addf(out, ",\"Replicas\":%lld,\"Peak\":%lld,\"PeakNow\":%lld", (long long)v->after.replicas,
                  (long long)v->after.peak, (long long)v->after.now);
    }
    if (v->fill_workspace.p)
        add_text(out, "FillsInWorkspaceId", v->fill_workspace);
    if (v->fill_quota.p)
        add_text(out, "FillsInQuotaId", v->fill_quota);
    if (t->would_deny.reason != REASON_NONE) {
        add_text(out, "WouldDeny", slice_of(reason_code(t->would_deny.reason)));
        add_text(out, "WouldDenyMessage", t->would_deny.message);
    }
    return answer(t);
}
