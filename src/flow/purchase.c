/*
 * Purchases that name nothing of their own (a gateway, a resource group, machines) are bounded by how many of the kind the
 * account has: TotalCount of the list, plus what is asked. The count is held from before it is read until the outcome is
 * settled, for all policies together, so that parallel purchases pass exactly as many as fit.
 */
#include "flow/gate_state.h"
#include "flow/life.h"

#define COUNT_MAX 1000000000

bool is_purchase(const struct txn *t)
{
    return t->in.is.match.op->count.list.n > 0;
}

static const struct op *list_of(const struct txn *t)
{
    return opcat_by_name(t->in.is.match.op->count.list);
}

/* The thing whose parts are counted: the resource group that machines are bought for or moved to; empty: the account. */
static struct slice counted_in(const struct txn *t)
{
    const struct op *op = t->in.is.match.op, *list = list_of(t);

    if (op->count.into.n)
        return json_text(json_get(t->in.is.body, op->count.into));
    for (size_t i = 0; i < list->param_count; i++)
        if (!slice_eq(list->params[i], S("ClusterId")))
            return op_match_param(&t->in.is.match, list->params[i]);
    return SLICE_NONE;
}

enum step_result purchase_hold(struct txn *t)
{
    const struct op_count *count = &t->in.is.match.op->count;
    SCOPED(sbuf) key = SBUF_MAX(512);

    if (count->into.n && counted_in(t).n == 0)
        return txn_refuse(t, REASON_BAD_FIELD, "body field %.*s must be stated", SLICE_FMT(count->into));
    sbuf_adds(&key, bound_name(count->bound));
    if (counted_in(t).n) {
        sbuf_addc(&key, ' ');
        sbuf_add(&key, counted_in(t));
    }
    return sbuf_ok(&key) && held_ask(t, "count", sbuf_slice(&key))
               ? STEP_NEXT
               : txn_refuse(t, REASON_OVERLOADED, "out of memory");
}

enum step_result purchase_ask(struct txn *t)
{
    const struct op *list = list_of(t);
    struct query query;
    struct err e = { 0 };
    bool ready = query_init(list, t->arena, &query);

    /* one item is enough: the count is over all pages */
    if (ready && op_query_field(list, S("PageSize")))
        ready = query_set(&query, t->arena, S("PageSize"), S("1"), &e) &&
                query_set(&query, t->arena, S("PageNumber"), S("1"), &e);
    if (!ready || !txn_nest(t, list, counted_in(t), &query, 0, &e))
        return txn_refuse(t, REASON_OVERLOADED, "out of memory");
    return txn_wait(t, 0);
}

static enum step_result unreadable(struct txn *t, struct slice why)
{
    return txn_refuse(t, REASON_STATE_UNREADABLE, "how many there are now could not be read from %.*s: %.*s",
                      SLICE_FMT(t->in.is.match.op->count.list), SLICE_FMT(why));
}

static enum step_result read_count(struct txn *t)
{
    const struct http1_msg *answer = t->nested.answer;
    struct err e = { 0 };
    struct json *tree = json_load(sbuf_slice(&answer->body), &json_limits_answer, &e);
    bool fine = answer->status == 200 && json_type(tree) == JSON_OBJECT &&
                json_integer(json_get(tree, S("TotalCount")), 0, COUNT_MAX, &t->state.count);
    bool ours = answer->status != 200 && is_about_our_key(json_text(json_get(tree, S("Code"))));
    char text[80];

    json_free(&tree);
    if (ours)
        return txn_refuse(t, REASON_CREDENTIAL_REJECTED, NULL);
    snprintf(text, sizeof text, "EAS answered with status %d and no readable TotalCount", answer->status);
    return fine ? STEP_NEXT : unreadable(t, slice_of(text));
}

enum step_result purchase_judge(struct txn *t)
{
    const struct refusal *refusal = &t->nested.refusal;
    struct refusal why;

    if (refusal->reason == REASON_STOPPING)
        return txn_refuse(t, REASON_STOPPING, NULL);
    if (refusal->reason != REASON_NONE)
        return unreadable(t, refusal->message);
    if (read_count(t) != STEP_NEXT)
        return STEP_REFUSE;
    const struct policy *p = t->in.pass.client->policy;
    if (policy_judge_count(p, t->in.is.match.op, t->state.count, facts_asked(&t->in.is.facts), t->arena,
                           &why))
        return STEP_NEXT;
    if (!policy_lifts(p, why.reason))
        return txn_refuse_as(t, &why);
    txn_would_deny(t, &why);
    return STEP_NEXT;
}
