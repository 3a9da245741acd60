/* Reading decisions out of the audit log: see decisions.h. */
#include "app/decisions.h"
#include "core/after_text.h"
#include "core/policy.h"
#include "core/query.h"
#include "app/cmd_audit.h"

/* Reasons that a policy's rules give; all others would be the same under any policy. */
static bool is_of_policy(struct slice name)
{
    static const enum reason reasons[] = {
#define BOUND(key, style, reason, lo, hi, help) REASON_##reason,
#include "core/bounds.def"
#undef BOUND
        REASON_CLUSTER, REASON_SERVICE_NOT_FOUND, REASON_NOT_FOUND, REASON_SECRETS, REASON_SCALER,
    };

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (slice_eq(name, slice_of(reason_name(reasons[i]))))
            return true;
    return false;
}

/* ---- one line ---- */

static struct decision decision_of(const struct audit_line *line)
{
    struct slice would_deny = audit_line_field(line, S("would_deny"));
    struct decision d = {
        .seq = line->seq,
        .at_s = line->wall_ms / 1000,
        .t = line->t,
        .client = audit_line_field(line, S("client")),
        .op = audit_line_field(line, S("op")),
        .target = audit_line_field(line, S("target")),
        .service = audit_line_field(line, S("service")),
        .workspace = audit_line_field(line, S("workspace")),
        .quota = audit_line_field(line, S("quota")),
        .facts = audit_line_field(line, S("facts")),
        .now = audit_line_field(line, S("now")),
        .policy = audit_line_field(line, S("policy")),
        .denied = line->kind == AUDIT_DENY,
        .would_deny = would_deny.n > 0,
    };

    d.reason = d.denied ? audit_line_field(line, S("reason"))
                        : slice_from(would_deny.p, slice_find(would_deny, ':'));
    return d;
}

static bool is_decision(const struct audit_line *line)
{
    if (audit_line_field(line, S("parent")).p)
        return false;
    if (line->kind == AUDIT_DENY)
        return audit_line_field(line, S("op")).n && is_of_policy(audit_line_field(line, S("reason")));
    return line->kind == AUDIT_INTENT && !audit_line_field(line, S("try")).p;
}

struct reading {
    decision_fn each;
    void *ctx;
};

static bool take_line(void *ctx, const struct audit_line *line, struct slice text)
{
    const struct reading *r = ctx;
    struct decision d;

    (void)text;
    if (!is_decision(line))
        return true;
    d = decision_of(line);
    return r->each(r->ctx, &d);
}

int decisions_read(char **paths, const char *name, const char *command, decision_fn each, void *ctx)
{
    SCOPED(audit_parts) parts = AUDIT_PARTS_NONE;
    struct audit_options o = { .name = name, .paths = paths };
    struct reading r = { each, ctx };
    struct err e = { 0 };

    return audit_collect(&parts, &o, &e) ? audit_walk(&parts, command, take_line, &r)
                                         : audit_cannot(command, &e);
}

/* ---- what was judged ---- */

/* A target that did not fit into its record ends so. */
static bool is_cut(struct slice target)
{
    return slice_ends(target, S("..."));
}

/* That a call replaces is no judged value, so only its target says it: escaped, perhaps, where it was refused. */
static bool read_replaces(const struct decision *d, const struct op *op, struct arena *a, struct facts *out,
                          struct err *e)
{
    struct slice raw = slice_skip(d->target, slice_find(d->target, '?') + 1);
    struct query query;

    if (!op_query_field(op, S("UpdateType")) || is_cut(d->target))
        return true;
    if (!query_parse(op, raw, a, &query, e))
        return false;
    out->replaces = slice_eq(query_get(&query, S("UpdateType")), S("replace"));
    return true;
}

bool decision_read(const struct decision *d, struct arena *a, struct facts *out_facts,
                   struct service_state *out_state, struct err *e)
{
    const struct op *op = opcat_by_name(d->op);
    struct err why = { 0 };

    if (!op)
        err_set(&why, ERR_UNKNOWN, "the operation \"%.*s\" is not one of EAS's", SLICE_FMT(d->op));
    if (op && facts_parse(op, d->facts, a, out_facts, &why) && read_replaces(d, op, a, out_facts, &why) &&
        (!d->now.n || state_parse(d->now, a, out_state, &why)))
        return true;
    return err_set(e, why.code, "record %llu: %s", (unsigned long long)d->seq, why.text);
}

/* ---- judging again ---- */

enum rejudged decision_was(const struct decision *d)
{
    return d->denied ? REJUDGED_REFUSED : d->would_deny ? REJUDGED_REPORTED : REJUDGED_ALLOWED;
}

struct judging {
    const struct decision *d;
    const struct policy *policy;
    const struct facts *facts;
    const struct service_state *state; /* NULL: the record holds none */
    struct arena *arena;
    struct verdict v;
    const char *not_told; /* why the verdict cannot be told; NULL: it can */
};

/* A limit behind those of policy_judge is passed. */
static void pass_limit(struct judging *j, const struct refusal *why)
{
    if (!policy_lifts(j->policy, why->reason)) {
        j->v.kind = VERDICT_REFUSE;
        j->v.refusal = *why;
    } else if (j->v.would_deny.reason == REASON_NONE) {
        j->v.would_deny = *why;
    }
}

/* A purchase counts by how many of its kind there were. */
static void judge_count(struct judging *j)
{
    struct refusal why;

    if (j->facts->op->count.list.n == 0)
        return;
    if (!j->state)
        j->v.kind = VERDICT_NEED_STATE;
    else if (!policy_judge_count(j->policy, j->facts->op, j->state->count, facts_asked(j->facts), j->arena,
                                 &why))
        pass_limit(j, &why);
}

/* Did this very configuration come to its verdict over the team's sum, and let it pass, report it, or refuse it? */
static bool was_summed(const struct decision *d, const struct snapshot *snap)
{
    bool is_budget = slice_eq(d->reason, slice_of(reason_name(REASON_BUDGET)));

    return slice_eq(d->policy, slice_of(snap->digest)) && (!d->denied || is_budget);
}

/* What the record says of a sum that it does not hold. */
static void take_sum(struct judging *j)
{
    const struct refusal recorded = { .reason = REASON_BUDGET, .message = S("as it was decided") };

    if (slice_eq(j->d->reason, slice_of(reason_name(REASON_BUDGET))))
        pass_limit(j, &recorded);
}

/* What the service alone would come to can be more than all may have. */
static bool is_over_alone(struct judging *j, const struct growth *step, struct refusal *out)
{
    if (policy_judge_sum(j->policy, step->after, (struct amounts){ 0, 0 }, step->now, j->arena, out))
        return false;
    out->message =
        slice_of(arena_printf(j->arena, "the service alone would come to %.*s; %.*s is %.*s",
                              SLICE_FMT(out->asked), SLICE_FMT(out->rule), SLICE_FMT(out->allowed)));
    return true;
}

/* As step_reserve does it, as far as the record goes: what all services of the team had then stands in no record. */
static void judge_sum(struct judging *j, const struct snapshot *snap)
{
    struct growth step;
    struct refusal over;

    if (!j->facts->raises)
        return;
    if (!policy_growth(j->policy, j->facts, &j->v.after, j->state, &step)) {
        j->v.kind = VERDICT_REFUSE; /* never lifted */
        j->v.refusal = (struct refusal){ .reason = REASON_BUDGET,
                                         .message = S("nothing says how many GPUs a replica has") };
        return;
    }
    if (!policy_has_sum(j->policy) || !step.grows)
        return;
    if (was_summed(j->d, snap))
        take_sum(j);
    else if (is_over_alone(j, &step, &over))
        pass_limit(j, &over);
    else if (j->v.would_deny.reason == REASON_NONE) /* else it is reported, whatever the sum was */
        j->not_told = "it depends on the team's sum then";
}

static void judge(struct judging *j, const struct snapshot *snap)
{
    policy_judge(j->policy, snap->upstreams[0].region, j->facts, j->state, j->arena, &j->v);
    if (j->v.kind == VERDICT_ALLOW)
        judge_count(j);
    if (j->v.kind == VERDICT_ALLOW)
        judge_sum(j, snap);
    if (j->v.kind == VERDICT_NEED_STATE)
        j->not_told = "it depends on the service's state then, which the record does not hold";
}

static void tell(enum rejudged what, enum reason reason, struct slice why, enum rejudged *out,
                 struct slice *out_code, struct slice *out_why)
{
    *out = what;
    *out_code = reason == REASON_NONE ? SLICE_NONE : slice_of(reason_code(reason));
    *out_why = why;
}

bool decision_judge(const struct decision *d, const struct snapshot *snap, struct arena *a,
                    enum rejudged *out, struct slice *out_code, struct slice *out_why, struct err *e)
{
    const struct client *client = snapshot_client_by_name(snap, d->client);
    int64_t end_s = client ? client_end_s(client) : 0;
    struct service_state state;
    struct facts facts;
    struct judging j = { .d = d, .facts = &facts, .state = d->now.n ? &state : NULL, .arena = a };

    if (!client || (end_s && d->at_s >= end_s)) {
        tell(REJUDGED_REFUSED, client ? REASON_ENDED : REASON_UNAUTHENTICATED,
             client ? S("the client's access had ended by then") : S("there is no such client"), out,
             out_code, out_why);
        return true;
    }
    j.policy = client->policy;
    if (!d->facts.n)
        j.not_told = "the record holds no facts";
    else if (!decision_read(d, a, &facts, &state, e))
        return false;
    else if (op_query_field(facts.op, S("UpdateType")) && is_cut(d->target))
        j.not_told = "the record holds only a part of the target";
    else
        judge(&j, snap);
    if (j.not_told)
        tell(REJUDGED_UNKNOWN, REASON_NONE, slice_of(j.not_told), out, out_code, out_why);
    else if (j.v.kind == VERDICT_REFUSE)
        tell(REJUDGED_REFUSED, j.v.refusal.reason, j.v.refusal.message, out, out_code, out_why);
    else if (j.v.would_deny.reason != REASON_NONE)
        tell(REJUDGED_REPORTED, j.v.would_deny.reason, j.v.would_deny.message, out, out_code, out_why);
    else
        tell(REJUDGED_ALLOWED, REASON_NONE, SLICE_NONE, out, out_code, out_why);
    return !arena_failed(a) || err_set(e, ERR_MEMORY, "out of memory");
}
