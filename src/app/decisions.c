/* Reading decisions out of the audit log: see decisions.h. */
#include "app/decisions.h"
#include "app/judge.h"
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
    err_set(e, why.code, "record %llu: %s", (unsigned long long)d->seq, why.text);
    return false;
}

/* ---- judging again ---- */

enum rejudged decision_was(const struct decision *d)
{
    return d->denied ? REJUDGED_REFUSED : d->would_deny ? REJUDGED_REPORTED : REJUDGED_ALLOWED;
}

static bool is_budget(const struct decision *d)
{
    return slice_eq(d->reason, slice_of(reason_name(REASON_BUDGET)));
}

/* What all services of the team had then stands in no record. But the configuration that decided it said what came of it, if it came
 * so far. */
static bool knows_sum(const struct decision *d, const struct snapshot *snap)
{
    return slice_eq(d->policy, slice_of(snap->digest)) && (!d->denied || is_budget(d));
}

static void take_sum(const struct decision *d, const struct policy *p, struct verdict *v)
{
    static const struct refusal as_then = { .reason = REASON_BUDGET, .message = S_INIT("as it was decided") };

    if (v->kind != VERDICT_ALLOW || !is_budget(d))
        return;
    if (d->denied)
        judge_refuse(&as_then, v);
    else
        judge_passed_limit(p, &as_then, v);
}

/* Why it cannot be told; NULL: it can. */
static const char *judge_read(const struct decision *d, const struct snapshot *snap, const struct policy *p,
                              const struct facts *facts, const struct service_state *state, struct arena *a,
                              struct verdict *out)
{
    static const struct known_sums nothing = { .replicas = 0 };
    struct judgement j;
    bool knows = knows_sum(d, snap);

    judge_all(p, snap->upstreams[0].region, facts, state, knows ? NULL : &nothing, a, &j);
    if (knows)
        take_sum(d, p, &j.v);
    *out = j.v;
    if (j.v.kind == VERDICT_NEED_STATE)
        return "it depends on the service's state then, which the record does not hold";
    if ((j.needs_replicas || j.needs_gpus) && j.v.would_deny.reason == REASON_NONE)
        return "it depends on the team's sum then"; /* else it is reported, whatever that was */
    return NULL;
}

static void tell(enum rejudged what, enum reason reason, struct slice why, enum rejudged *out,
                 struct slice *out_code, struct slice *out_why)
{
    *out = what;
    *out_code = reason == REASON_NONE ? SLICE_NONE : slice_of(reason_code(reason));
    *out_why = why;
}

/* Before the policy is asked: may the client call at all? */
static enum reason refuse_client(const struct client *client, int64_t at_s)
{
    int64_t end_s = client ? client_end_s(client) : 0;

    return !client ? REASON_UNAUTHENTICATED : end_s && at_s >= end_s ? REASON_ENDED : REASON_NONE;
}

bool decision_judge(const struct decision *d, const struct snapshot *snap, struct arena *a,
                    enum rejudged *out, struct slice *out_code, struct slice *out_why, struct err *e)
{
    const struct client *client = snapshot_client_by_name(snap, d->client);
    enum reason reason = refuse_client(client, d->at_s);
    const char *not_told = NULL;
    struct service_state state;
    struct facts facts;
    struct verdict v = { .kind = VERDICT_NONE };

    if (reason != REASON_NONE) {
        tell(REJUDGED_REFUSED, reason,
             client ? S("the client's access had ended by then") : S("there is no such client"), out,
             out_code, out_why);
        return true;
    }
    if (!d->facts.n)
        not_told = "the record holds no facts";
    else if (!decision_read(d, a, &facts, &state, e))
        return false;
    else if (op_query_field(facts.op, S("UpdateType")) && is_cut(d->target))
        not_told = "the record holds only a part of the target";
    else
        not_told = judge_read(d, snap, client->policy, &facts, d->now.n ? &state : NULL, a, &v);
    if (not_told)
        tell(REJUDGED_UNKNOWN, REASON_NONE, slice_of(not_told), out, out_code, out_why);
    else if (v.kind == VERDICT_REFUSE)
        tell(REJUDGED_REFUSED, v.refusal.reason, v.refusal.message, out, out_code, out_why);
    else if (v.would_deny.reason != REASON_NONE)
        tell(REJUDGED_REPORTED, v.would_deny.reason, v.would_deny.message, out, out_code, out_why);
    else
        tell(REJUDGED_ALLOWED, REASON_NONE, SLICE_NONE, out, out_code, out_why);
    return !arena_failed(a) || err_set(e, ERR_MEMORY, "out of memory");
}
