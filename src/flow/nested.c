/*
 * Requests that easgate makes for itself, on behalf of a client's request: the present state of a service, the further
 * pages of a list. Each is a txn of its own that lives the steps from `judge` on, with its own intent and outcome that name
 * their parent; its answer goes to the parent instead of a client.
 */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/must.h"

bool txn_is_list(const struct txn *t)
{
    return t->in.is.match.op->list.items.n > 0;
}

bool txn_nest(struct txn *t, const struct op *op, struct slice name, const struct query *query,
              int64_t deadline_mono_ms, struct err *e)
{
    struct op_match match = { .op = op };
    struct facts facts;

    MUST(!t->child && !t->parent);
    for (size_t i = 0; i < op->param_count; i++)
        match.params[i] = slice_eq(op->params[i], S("ClusterId")) ? txn_upstream(t)->region
                          : name.n                                ? name
                                   : op_match_param(&t->in.is.match, op->params[i]);
    /* The query, the name and the facts are borrowed: the parent outlives its child. */
    if (!facts_read(&match, query, NULL, t->arena, &facts, e))
        return false;
    struct txn *child = txn_new(t->gate);
    if (!child)
        return err_set(e, ERR_MEMORY, "out of memory");
    child->parent = t;
    child->in.pass = t->in.pass;
    snapshot_ref(child->in.pass.snap);
    child->in.peer = t->in.peer;
    child->in.is.match = match;
    child->in.is.query = *query;
    child->in.is.facts = facts;
    http1_msg_free(&t->nested.answer);
    t->nested = (struct nested_result){ .answer = NULL };
    child->log.upstream_deadline_ms = deadline_mono_ms;
    t->child = child;
    txn_start_nested(child);
    return true;
}

/* Look-ups of ours, further pages of what the parent asks for, and the list that bounds what it buys. */
static bool serves_its_parent(const struct op *op, const struct op *parent)
{
    static const struct slice look_ups[] = { S_INIT("DescribeService"), S_INIT("DescribeServiceAutoScaler"),
                                             S_INIT("DescribeServiceCronScaler"),
                                             S_INIT("ListServiceVersions"), S_INIT("ListServices") };

    for (size_t i = 0; i < sizeof look_ups / sizeof look_ups[0]; i++)
        if (slice_eq(op->name, look_ups[i]))
            return true;
    return op == parent || slice_eq(op->name, parent->count.list);
}

enum step_result judge_nested(struct txn *t)
{
    const struct policy *policy = t->in.pass.client->policy;
    const struct facts *f = &t->in.is.facts;
    bool fine =
        f->op->retry == OP_RETRY_READ && !f->changes && serves_its_parent(f->op, t->parent->in.is.match.op);

    for (size_t i = 0; i < f->count; i++)
        if (f->values[i].meaning == OP_OWNED && !policy_owns(policy, f->values[i].bound, f->values[i].text))
            fine = false;
    if (!fine)
        return txn_refuse(t, REASON_INTERNAL, "a look-up of this kind is not allowed");
    t->verdict = (struct verdict){ .kind = VERDICT_ALLOW, .rule_text = S("look-up of easgate") };
    return STEP_NEXT;
}
