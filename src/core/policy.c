/*
 * The verdict: see policy.h. policy_judge runs an ordered table of checks; each looks at one thing, and the first that
 * refuses ends it. A check that needs the service's present state asks for it last, so that a request which can be refused
 * without a look-up never causes one. Must never allow what no rule lists.
 */
#include "core/policy.h"
#include "core/policy_inner.h"

/* ---- allow ---- */

static bool is_read(const struct op *op)
{
    return op->effect == OP_READ || op->effect == OP_SECRET;
}

bool policy_allow_covers(struct slice text, const struct op *op)
{
    if (text.n == 0 || text.p[0] != '@')
        return slice_eq(text, op->name);
    struct slice class = slice_skip(text, 1);
    /* Answers that hold secrets are redacted, so reading them is reading. */
    return slice_eq(class, S("read")) ? is_read(op) : slice_eq(class, slice_of(op_effect_name(op->effect)));
}

bool policy_allow_valid(struct slice text)
{
    if (slice_eq(text, S("@secrets")))
        return true;
    for (size_t i = 0; i < opcat_count(); i++)
        if (policy_allow_covers(text, opcat_at(i)))
            return !slice_eq(text, S("@secret"));
    return false;
}

bool policy_sets_one(const struct policy *p, const char *alternatives)
{
    struct slice rest = slice_of(alternatives), key;

    while (slice_split(&rest, '|', &key))
        if (p->bound[bound_by_name(key)].count > 0)
            return true;
    return false;
}

static const char *first_missing(const struct policy *p, const struct op *op)
{
    for (size_t i = 0; i < op->require_count; i++)
        if (!policy_sets_one(p, op->requires[i]))
    return op->requires[i];
    return NULL;
}

bool policy_index(struct policy *p, struct arena *a)
{
    const struct rules *allow = POLICY_RULES(p, allow);

    p->allowed = ARENA_ARRAY(a, const struct rule *, opcat_count());
    p->missing = ARENA_ARRAY(a, const char *, opcat_count());
    if (!p->allowed || !p->missing)
        return false;
    for (size_t i = 0; i < opcat_count(); i++) {
        for (size_t r = 0; r < allow->count && !p->allowed[i]; r++)
            if (policy_allow_covers(allow->at[r].text, opcat_at(i)))
                p->allowed[i] = &allow->at[r];
        if (p->allowed[i])
            p->missing[i] = first_missing(p, opcat_at(i));
    }
    p->shows_secrets = rules_find(allow, BOUND_STYLE_ALLOW, S("@secrets")) != NULL;
    for (enum bound b = BOUND_NONE + 1; b < BOUND_COUNT_; b++)
        if (!rules_make_index(&p->bound[b], bound_style(b), a))
            return false;
    return true;
}

bool policy_opens(const struct policy *p, const struct op *op)
{
    size_t i = opcat_index(op);

    return p->allowed[i] && !p->missing[i] && (op->effect != OP_MINT || p->shows_secrets);
}

bool policy_cap(const struct policy *p, enum bound key, int64_t *out)
{
    if (p->bound[key].count == 0 || bound_style(key) != BOUND_STYLE_REPLICAS)
        return false;
    *out = p->bound[key].at[0].cap;
    return true;
}

const struct rule *policy_owns(const struct policy *p, enum bound what, struct slice name)
{
    return rules_find(&p->bound[what], bound_style(what), name);
}

/* ---- the checks, in order ---- */

static bool refuse_missing(struct judging *j, const struct rule *rule, const char *alternatives)
{
    struct slice name = j->facts->op->name, rest = slice_of(alternatives), key;
    SCOPED(sbuf) keys = SBUF_MAX(256);

    while (slice_split(&rest, '|', &key)) {
        sbuf_adds(&keys, keys.n ? " or " : "");
        sbuf_add(&keys, key);
    }
    return policy_refuse(j, REASON_OPERATION_DENIED, "allow", rule, name, SLICE_NONE,
                         arena_printf(j->arena, "%.*s needs %.*s, which [policy %.*s] does not set",
                                      SLICE_FMT(name), SLICE_FMT(sbuf_slice(&keys)),
                                      SLICE_FMT(j->policy->name)));
}

static bool check_operation(struct judging *j)
{
    const struct op *op = j->facts->op;
    const struct rules *allow = POLICY_RULES(j->policy, allow);
    const struct rule *rule = j->policy->allowed[opcat_index(op)];
    const char *missing = j->policy->missing[opcat_index(op)];

    if (!rule)
        return policy_refuse(j, REASON_OPERATION_DENIED, "allow", allow->count ? &allow->at[0] : NULL,
                             op->name, policy_list_text(j->arena, allow),
                             arena_printf(j->arena, "%.*s is not allowed by [policy %.*s]",
                                          SLICE_FMT(op->name), SLICE_FMT(j->policy->name)));
    if (op->effect == OP_MINT && !j->policy->shows_secrets)
        return policy_refuse(
            j, REASON_SECRETS, "allow", rule, op->name, SLICE_NONE,
            arena_printf(j->arena, "%.*s makes a secret; allow of [policy %.*s] does not list @secrets",
                         SLICE_FMT(op->name), SLICE_FMT(j->policy->name)));
    if (missing)
        return refuse_missing(j, rule, missing);
    j->out->rule = rule;
    j->out->rule_key = "allow";
    j->out->rule_text = policy_rule_place(j->policy, "allow", rule, j->arena);
    return true;
}

static bool check_cluster(struct judging *j)
{
    const struct fact cluster = { .meaning = OP_CLUSTER, .where = S("ClusterId"), .text = j->facts->cluster };

    return !cluster.text.p || policy_check_fact(j, &cluster);
}

/* Names come first: what a policy does not own, it learns nothing about. */
static bool check_names(struct judging *j)
{
    for (size_t i = 0; i < j->facts->count; i++) {
        const struct fact *fact = &j->facts->values[i];
        if ((fact->meaning == OP_OWNED || fact->meaning == OP_NEW) && !policy_check_fact(j, fact))
            return false;
    }
    return true;
}

/* A place (workspace, quota) that is left out where a service is placed is filled in, when there is one to fill in. */
static bool check_place(struct judging *j, enum bound key, const char *what, struct slice given,
                        struct slice *out_fill)
{
    const struct rules *rules = &j->policy->bound[key];

    if (given.p || !j->facts->places || !op_query_field(j->facts->op, slice_of(what)) || rules->count == 0)
        return true;
    if (rules->count == 1) {
        *out_fill = rules->at[0].text;
        return true;
    }
    struct slice allowed = policy_list_text(j->arena, rules);
    return policy_refuse(j, policy_reason(key), bound_name(key), &rules->at[0], SLICE_NONE, allowed,
                         arena_printf(j->arena, "%s is missing in the query; %s of [policy %.*s] allows %.*s",
                                      what, bound_name(key), SLICE_FMT(j->policy->name), SLICE_FMT(allowed)));
}

static bool check_places(struct judging *j)
{
    const struct facts *f = j->facts;

    return check_place(j, BOUND_workspaces, "WorkspaceId", f->workspace, &j->out->fill_workspace) &&
           check_place(j, BOUND_quotas, "QuotaId", f->quota, &j->out->fill_quota);
}

static bool check_values(struct judging *j)
{
    for (size_t i = 0; i < j->facts->count; i++)
        if (!policy_check_fact(j, &j->facts->values[i]))
            return false;
    return true;
}

void policy_judge(const struct policy *p, struct slice region, const struct facts *facts,
                  const struct service_state *state, struct arena *a, struct verdict *out)
{
    static bool (*const checks[])(struct judging *) = {
        check_operation, check_cluster, check_names, check_places, check_values, policy_check_after,
    };
    struct judging j = { p, region, facts, state, a, out };

    *out = (struct verdict){ .kind = VERDICT_NONE };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (!checks[i](&j))
            return;
    if (arena_failed(a)) {
        policy_refuse(&j, REASON_INTERNAL, NULL, NULL, SLICE_NONE, SLICE_NONE, "out of memory");
        return;
    }
    out->kind = VERDICT_ALLOW;
}
