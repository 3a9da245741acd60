/*
 * What a team's services, and the account's purchases, may come to together. Sums stop at INT64_MAX; nothing that shrinks or
 * stays is refused.
 */
#include "core/policy_inner.h"
#include "core/budget.h"
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

bool policy_gpus_now(const struct policy *p, const struct service_state *s, int64_t *out)
{
    bool is_known = policy_gpus(p, s->spec, s->has_gpus, s->gpus, out);

    for (size_t i = 0; s->config && i < s->config->count; i++) {
        const struct fact *fact = &s->config->values[i];
        int64_t gpus = 0;
        if (fact->meaning != OP_BOUNDED ||
            (fact->bound != BOUND_instance_types && fact->bound != BOUND_service_specs))
            continue;
        is_known = policy_gpus(p, fact->text, s->has_gpus, s->gpus, &gpus) && is_known;
        *out = gpus > *out ? gpus : *out;
    }
    return is_known;
}

/* Of one replica after the call; an application's spec counts beside what is stated. */
static bool gpus_after(const struct policy *p, const struct after *after, const struct service_state *now,
                       int64_t *out)
{
    bool is_known = policy_gpus(p, after->spec, after->has_gpus, after->gpus, out);
    int64_t kept = 0;

    if (!after->kept_spec.n || !now)
        return is_known;
    is_known = policy_gpus(p, after->kept_spec, now->has_gpus, now->gpus, &kept) && is_known;
    *out = kept > *out ? kept : *out;
    return is_known;
}

/* Does the hardware stay, whatever it is? */
static bool keeps_hardware(const struct facts *f)
{
    return f->op->raise != OP_RAISE_CREATE && f->op->raise != OP_RAISE_CLONE &&
           f->op->raise != OP_RAISE_VERSION && !f->replaces && !f->spec.n && !f->instance_type.n &&
           !f->has_gpus && !f->states_share;
}

bool policy_growth(const struct policy *p, const struct facts *f, const struct after *after,
                   const struct service_state *now, struct growth *out)
{
    bool is_new = f->op->raise == OP_RAISE_CREATE || f->op->raise == OP_RAISE_CLONE;
    int64_t gpus = 0, gpus_now = 0;
    bool is_known = gpus_after(p, after, is_new ? NULL : now, &gpus);

    *out = (struct growth){ .now = { 0, 0 } };
    if (!is_new && now) {
        (void)policy_gpus_now(p, now, &gpus_now); /* not known: nothing, so that it cannot hide growth */
        if (keeps_hardware(f))
            gpus_now = gpus = gpus > gpus_now ? gpus : gpus_now;
        out->now = amounts_of(after->now, gpus_now);
    }
    out->after = amounts_of(after->peak, gpus);
    out->grows = out->after.replicas > out->now.replicas || out->after.gpus > out->now.gpus;
    return is_known || (keeps_hardware(f) && !out->grows);
}

bool policy_has_sum(const struct policy *p)
{
    return POLICY_RULES(p, max_total_replicas)->count || POLICY_RULES(p, max_total_gpus)->count;
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
