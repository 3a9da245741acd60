/* A whole verdict on what is known: see judge.h. Each rule is the gateway's own (core/policy*.c); only their order is repeated here. */
#include "app/judge.h"

void judge_refuse(const struct refusal *why, struct verdict *v)
{
    v->kind = VERDICT_REFUSE;
    v->refusal = *why;
}

void judge_passed_limit(const struct policy *p, const struct refusal *why, struct verdict *v)
{
    if (!policy_lifts(p, why->reason))
        judge_refuse(why, v);
    else if (v->would_deny.reason == REASON_NONE)
        v->would_deny = *why;
}

/* A purchase counts by how many of its kind there are. */
static void judge_count(const struct policy *p, const struct facts *facts, const struct service_state *state,
                        struct arena *a, struct verdict *v)
{
    struct refusal why;

    if (facts->op->count.list.n == 0)
        return;
    if (!state)
        v->kind = VERDICT_NEED_STATE;
    else if (!policy_judge_count(p, facts->op, state->count, facts_asked(facts), a, &why))
        judge_passed_limit(p, &why, v);
}

/* One of the two sums; own and own_now differ in its part alone. What the service alone would come to can be too much, whatever the
 * others have. */
static void judge_sum(const struct policy *p, struct amounts own, struct amounts own_now,
                      struct amounts others, bool is_known, struct arena *a, struct verdict *v)
{
    struct refusal why;

    if (v->kind != VERDICT_ALLOW || policy_judge_sum(p, own, others, own_now, a, &why))
        return;
    if (!is_known && !arena_failed(a))
        why.message =
            slice_of(arena_printf(a, "the service alone would come to %.*s; %.*s is %.*s",
                                  SLICE_FMT(why.asked), SLICE_FMT(why.rule), SLICE_FMT(why.allowed)));
    judge_passed_limit(p, &why, v);
}

static void judge_sums(const struct policy *p, const struct facts *facts, const struct service_state *state,
                       const struct known_sums *o, struct arena *a, struct judgement *out)
{
    static const struct refusal no_gpus = {
        .reason = REASON_BUDGET,
        .message = S_INIT("max_total_gpus is set, and nothing says how many GPUs a replica has"),
    };
    struct amounts others = { o->has_replicas ? o->replicas : 0, o->has_gpus ? o->gpus : 0 };
    struct growth step;

    if (!policy_growth(p, facts, &out->v.after, state, &step)) {
        judge_refuse(&no_gpus, &out->v); /* no policy lifts that */
        return;
    }
    struct amounts now = step.now, more_replicas = { step.after.replicas, now.gpus },
                   more_gpus = { now.replicas, step.after.gpus };
    judge_sum(p, more_replicas, now, others, o->has_replicas, a, &out->v);
    judge_sum(p, more_gpus, now, others, o->has_gpus, a, &out->v);
    bool is_allowed = out->v.kind == VERDICT_ALLOW;
    out->needs_replicas = is_allowed && !o->has_replicas && step.after.replicas > now.replicas &&
                          POLICY_RULES(p, max_total_replicas)->count;
    out->needs_gpus =
        is_allowed && !o->has_gpus && step.after.gpus > now.gpus && POLICY_RULES(p, max_total_gpus)->count;
}

void judge_all(const struct policy *p, struct slice region, const struct facts *facts,
               const struct service_state *state, const struct known_sums *others, struct arena *a,
               struct judgement *out)
{
    *out = (struct judgement){ .needs_gpus = false };
    policy_judge(p, region, facts, state, a, &out->v);
    if (out->v.kind == VERDICT_ALLOW)
        judge_count(p, facts, state, a, &out->v);
    if (out->v.kind == VERDICT_ALLOW && facts->raises && others)
        judge_sums(p, facts, state, others, a, out);
}
