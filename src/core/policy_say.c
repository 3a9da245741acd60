/* The sentences of refusals: what was asked, which key of which policy says what instead. Callers read them. */
#include "core/policy_inner.h"

struct slice policy_list_text(struct arena *a, const struct rules *rules)
{
    SCOPED(sbuf) text = SBUF_MAX(512);

    for (size_t i = 0; i < rules->count; i++) {
        sbuf_adds(&text, i ? ", " : "");
        sbuf_add(&text, rules->at[i].text);
        if (rules->at[i].has_cap)
            sbuf_addf(&text, " <= %lld", (long long)rules->at[i].cap);
        if (!sbuf_ok(&text)) {
            sbuf_clear(&text);
            return slice_of(arena_printf(a, "%zu values, of which the first is %.*s", rules->count,
                                         SLICE_FMT(rules->at[0].text)));
        }
    }
    return arena_dup(a, rules->count ? sbuf_slice(&text) : S("nothing"));
}

/* Callers read it, so it says nothing of the folder. */
struct slice policy_rule_place(const struct policy *p, const char *key, const struct rule *rule,
                               struct arena *a)
{
    const char *path = rule ? rule->file : p->file, *slash = strrchr(path, '/');

    char most[160] = "";
    SCOPED(sbuf) text = SBUF_LENT(most, sizeof most, 8192);

    /* Not by a format: each request that is allowed comes by here. */
    sbuf_adds(&text, key);
    sbuf_adds(&text, " of [policy ");
    sbuf_add(&text, p->name);
    sbuf_adds(&text, "], ");
    sbuf_adds(&text, slash ? slash + 1 : path);
    sbuf_addc(&text, ':');
    sbuf_add_u64(&text, rule ? rule->line : p->line);
    return arena_dup(a, sbuf_slice(&text));
}

bool policy_lifts(const struct policy *p, enum reason reason)
{
    static const enum reason limits[] = { REASON_WORKSPACE,   REASON_QUOTA,    REASON_APP_TYPE,
                                          REASON_APP_VERSION, REASON_SPEC,     REASON_REPLICA_CAP,
                                          REASON_BUDGET,      REASON_HARDWARE, REASON_IMAGE,
                                          REASON_STORAGE,     REASON_NETWORK,  REASON_IDENTITY,
                                          REASON_COST };

    for (size_t i = 0; p->mode == POLICY_REPORT && i < sizeof limits / sizeof limits[0]; i++)
        if (limits[i] == reason)
            return true;
    return false;
}

/* Set it for good, unless memory is short: that is said instead. */
static bool set_refusal(struct judging *j, const struct refusal *refusal, const char *key,
                        const struct rule *rule)
{
    struct verdict *v = j->out;

    v->kind = VERDICT_REFUSE;
    v->rule = rule;
    v->rule_key = key;
    v->rule_text = refusal->rule;
    v->refusal = *refusal;
    if (arena_failed(j->arena))
        v->refusal = (struct refusal){ .reason = REASON_INTERNAL, .message = S("out of memory") };
    return false;
}

bool policy_refuse_always(struct judging *j, enum reason reason, const char *message)
{
    return set_refusal(j, &(struct refusal){ .reason = reason, .message = slice_of(message) }, NULL, NULL);
}

bool policy_refuse(struct judging *j, enum reason reason, const char *key, const struct rule *rule,
                   struct slice asked, struct slice allowed, const char *message)
{
    struct verdict *v = j->out;
    struct refusal refusal = { .reason = reason,
                               .asked = arena_dup(j->arena, asked),
                               .allowed = allowed,
                               .rule = key ? policy_rule_place(j->policy, key, rule, j->arena) : SLICE_NONE,
                               .message = slice_of(message) };

    if (arena_failed(j->arena) || !policy_lifts(j->policy, reason))
        return set_refusal(j, &refusal, key, rule);
    if (v->would_deny.reason == REASON_NONE)
        v->would_deny = refusal;
    return true;
}

bool policy_refuse_value(struct judging *j, enum bound key, struct slice what, struct slice asked)
{
    const struct rules *rules = &j->policy->bound[key];
    const char *name = bound_name(key);
    struct slice allowed = policy_list_text(j->arena, rules);
    const char *message =
        rules->count ? arena_printf(j->arena, "%.*s \"%.*s\" is not allowed; %s of [policy %.*s] allows %.*s",
                                    SLICE_FMT(what), SLICE_FMT(asked), name, SLICE_FMT(j->policy->name),
                                    SLICE_FMT(allowed))
                     : arena_printf(j->arena, "%.*s \"%.*s\" is not allowed; [policy %.*s] does not set %s",
                                    SLICE_FMT(what), SLICE_FMT(asked), SLICE_FMT(j->policy->name), name);

    return policy_refuse(j, policy_reason(key), name, rules->count ? &rules->at[0] : NULL, asked, allowed,
                         message);
}

bool policy_refuse_number(struct judging *j, enum bound key, struct slice what, int64_t asked)
{
    const struct rule *rule = j->policy->bound[key].count ? &j->policy->bound[key].at[0] : NULL;
    const char *name = bound_name(key), *number = arena_printf(j->arena, "%lld", (long long)asked);
    const char *message =
        rule ? arena_printf(j->arena, "%.*s would be %lld; %s of [policy %.*s] is %lld", SLICE_FMT(what),
                            (long long)asked, name, SLICE_FMT(j->policy->name), (long long)rule->cap)
             : arena_printf(j->arena, "%.*s would be %lld; [policy %.*s] does not set %s", SLICE_FMT(what),
                            (long long)asked, SLICE_FMT(j->policy->name), name);

    return policy_refuse(j, policy_reason(key), name, rule, slice_of(number),
                         rule ? arena_dup(j->arena, rule->text) : S("nothing"), message);
}
