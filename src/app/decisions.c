/* Reading decisions out of the audit log: see decisions.h. */
#include "app/decisions.h"
#include "core/after_text.h"
#include "core/policy.h"
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

static bool has_word(struct slice text, struct slice word)
{
    while (text.n && !slice_starts(text, word))
        text = slice_skip(text, 1);
    return text.n > 0;
}

static struct decision decision_of(const struct audit_line *line)
{
    return (struct decision){
        .seq = line->seq,
        .at_s = line->wall_ms / 1000,
        .t = line->t,
        .client = audit_line_field(line, S("client")),
        .op = audit_line_field(line, S("op")),
        .service = audit_line_field(line, S("service")),
        .workspace = audit_line_field(line, S("workspace")),
        .quota = audit_line_field(line, S("quota")),
        .facts = audit_line_field(line, S("facts")),
        .now = audit_line_field(line, S("now")),
        .replaces = has_word(audit_line_field(line, S("target")), S("UpdateType=replace")),
        .denied = line->kind == AUDIT_DENY,
        .reason = audit_line_field(line, S("reason")),
        .would_deny = audit_line_field(line, S("would_deny")).n > 0,
    };
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

/* ---- judging again ---- */

enum rejudged decision_was(const struct decision *d)
{
    return d->denied ? REJUDGED_REFUSED : d->would_deny ? REJUDGED_REPORTED : REJUDGED_ALLOWED;
}

static bool unknown(enum rejudged *out, struct slice *out_why, const char *why)
{
    *out = REJUDGED_UNKNOWN;
    *out_why = slice_of(why);
    return true;
}

/* A purchase counts by how many of its kind there were. */
static void judge_count(const struct policy *p, const struct facts *facts, const struct service_state *state,
                        struct arena *a, struct verdict *v)
{
    struct refusal why;

    if (v->kind != VERDICT_ALLOW || facts->op->count.list.n == 0)
        return;
    if (!state)
        v->kind = VERDICT_NEED_STATE;
    else if (!policy_judge_count(p, facts->op, state->count, facts_asked(facts), a, &why)) {
        if (!policy_lifts(p, why.reason)) {
            v->kind = VERDICT_REFUSE;
            v->refusal = why;
        } else if (v->would_deny.reason == REASON_NONE) {
            v->would_deny = why;
        }
    }
}

bool decision_judge(const struct decision *d, const struct snapshot *snap, struct arena *a,
                    enum rejudged *out, struct slice *out_code, struct slice *out_why, struct err *e)
{
    const struct client *client = snapshot_client_by_name(snap, d->client);
    const struct op *op = opcat_by_name(d->op);
    struct service_state state;
    struct facts facts;
    struct verdict v;

    *out_code = *out_why = SLICE_NONE;
    if (!op)
        return err_set(e, ERR_UNKNOWN, "the operation \"%.*s\" is not one of EAS's", SLICE_FMT(d->op));
    if (!client) {
        *out = REJUDGED_REFUSED;
        *out_code = slice_of(reason_code(REASON_UNAUTHENTICATED));
        *out_why = S("there is no such client");
        return true;
    }
    int64_t end_s = client_end_s(client);
    if (end_s && d->at_s >= end_s) {
        *out = REJUDGED_REFUSED;
        *out_code = slice_of(reason_code(REASON_ENDED));
        *out_why = S("the client's access had ended by then");
        return true;
    }
    if (!d->facts.n)
        return unknown(out, out_why, "the record holds no facts");
    if (!facts_parse(op, d->facts, a, &facts, e) || (d->now.n && !state_parse(d->now, a, &state, e)))
        return false;
    facts.replaces = facts.replaces || (d->replaces && slice_eq(op->name, S("UpdateService")));
    policy_judge(client->policy, snap->upstreams[0].region, &facts, d->now.n ? &state : NULL, a, &v);
    judge_count(client->policy, &facts, d->now.n ? &state : NULL, a, &v);
    if (v.kind == VERDICT_NEED_STATE)
        return unknown(out, out_why,
                       "it depends on the service's state then, which the record does not hold");
    if (v.kind == VERDICT_ALLOW && d->denied && slice_eq(d->reason, slice_of(reason_name(REASON_BUDGET))))
        return unknown(out, out_why, "it depends on the team's sum then");
    const struct refusal *why = v.kind == VERDICT_REFUSE ? &v.refusal : &v.would_deny;
    *out = v.kind == VERDICT_REFUSE     ? REJUDGED_REFUSED
           : why->reason != REASON_NONE ? REJUDGED_REPORTED
                                        : REJUDGED_ALLOWED;
    if (*out != REJUDGED_ALLOWED) {
        *out_code = slice_of(reason_code(why->reason));
        *out_why = why->message;
    }
    return !arena_failed(a) || err_set(e, ERR_MEMORY, "out of memory");
}
