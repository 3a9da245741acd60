/*
 * What a team's services, and the account's purchases, may come to together. Sums stop at INT64_MAX; nothing that shrinks or
 * stays is refused.
 */
#include "core/policy_inner.h"
#include <stdint.h>

static int64_t add(int64_t a, int64_t b)
{
    return b > 0 && a > INT64_MAX - b ? INT64_MAX : a + b;
}

bool policy_gpus(const struct policy *p, struct slice spec, bool has_gpus, int64_t gpus, int64_t *out)
{
    const struct rule *rule = rules_find(POLICY_RULES(p, spec_gpus), BOUND_STYLE_COUNTS, spec);

    *out = has_gpus && gpus > 0 ? gpus : 0;
    if (rule && rule->cap > *out)
        *out = rule->cap;
    return has_gpus || rule || POLICY_RULES(p, max_total_gpus)->count == 0;
}

static bool judge_total(const struct policy *p, enum bound key, const char *what, int64_t own, int64_t others,
                        int64_t own_now, struct arena *a, struct refusal *out)
{
    const struct rule *limit = p->bound[key].count ? &p->bound[key].at[0] : NULL;
    int64_t sum = add(others, own);

    if (!limit || own <= own_now || (others >= 0 && sum <= limit->cap))
        return true;
    *out = (struct refusal){ .reason = policy_reason(key),
                             .asked = slice_of(arena_printf(a, "%lld", (long long)own)),
                             .allowed = slice_of(arena_printf(a, "%lld", (long long)limit->cap)),
                             .rule = policy_rule_place(p, bound_name(key), limit, a) };
    out->message = slice_of(arena_printf(
        a,
        "would be %lld %s of all services together (%lld now or under way, %lld more asked); %s of "
        "[policy %.*s] is %lld",
        (long long)sum, what, (long long)add(others, own_now), (long long)(own - own_now), bound_name(key),
        SLICE_FMT(p->name), (long long)limit->cap));
    if (arena_failed(a))
        *out = (struct refusal){ .reason = REASON_INTERNAL, .message = S("out of memory") };
    return false;
}

bool policy_judge_sum(const struct policy *p, struct amounts own, struct amounts others,
                      struct amounts own_now, struct arena *a, struct refusal *out)
{
    return judge_total(p, BOUND_max_total_replicas, "replicas", own.replicas, others.replicas,
                       own_now.replicas, a, out) &&
           judge_total(p, BOUND_max_total_gpus, "GPUs", own.gpus, others.gpus, own_now.gpus, a, out);
}

bool policy_judge_count(const struct policy *p, const struct op *op, int64_t now, int64_t asked,
                        struct arena *a, struct refusal *out)
{
    enum bound key = op->count.bound;
    const struct rule *limit = p->bound[key].count ? &p->bound[key].at[0] : NULL;
    int64_t sum = add(now, asked);
    const char *what = bound_name(key) + (slice_starts(slice_of(bound_name(key)), S("max_")) ? 4 : 0);

    if (op->count.list.n == 0 || (limit && now >= 0 && asked >= 0 && sum <= limit->cap))
        return true;
    *out = (struct refusal){ .reason = policy_reason(key),
                             .asked = slice_of(arena_printf(a, "%lld", (long long)sum)),
                             .allowed = limit ? limit->text : S("nothing"),
                             .rule = policy_rule_place(p, bound_name(key), limit, a) };
    out->message = slice_of(
        limit ? arena_printf(a, "would be %lld %s (%lld now, %lld asked); %s of [policy %.*s] is %lld",
                             (long long)sum, what, (long long)now, (long long)asked, bound_name(key),
                             SLICE_FMT(p->name), (long long)limit->cap)
              : arena_printf(a, "would be %lld %s (%lld now, %lld asked); [policy %.*s] does not set %s",
                             (long long)sum, what, (long long)now, (long long)asked, SLICE_FMT(p->name),
                             bound_name(key)));
    if (arena_failed(a))
        *out = (struct refusal){ .reason = REASON_INTERNAL, .message = S("out of memory") };
    return false;
}
