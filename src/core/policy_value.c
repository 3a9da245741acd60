/*
 * One value of a request against the key that bounds it, by meaning and style. A meaning that nobody judges elsewhere and that
 * is not handled here refuses: a surprise never passes.
 */
#include "core/policy_inner.h"

enum reason policy_reason(enum bound key)
{
    static const enum reason reasons[BOUND_COUNT_] = {
        [BOUND_NONE] = REASON_INTERNAL,
#define BOUND(key, style, reason, lo, hi, help) [BOUND_##key] = REASON_##reason,
#include "core/bounds.def"
#undef BOUND
    };

    return key < BOUND_COUNT_ ? reasons[key] : REASON_INTERNAL;
}

static bool refuse_surprise(struct judging *j, const struct fact *fact)
{
    return policy_refuse(j, REASON_INTERNAL, NULL, NULL, SLICE_NONE, SLICE_NONE,
                         arena_printf(j->arena, "nothing can judge %.*s", SLICE_FMT(fact->where)));
}

/* A number as it would stand in a list of words. */
static struct slice text_of(struct judging *j, const struct fact *fact)
{
    return fact->is_number ? slice_of(arena_printf(j->arena, "%lld", (long long)fact->number)) : fact->text;
}

static bool check_number(struct judging *j, const struct fact *fact)
{
    const struct rules *rules = &j->policy->bound[fact->bound];

    if (!fact->is_number)
        return policy_refuse_value(j, fact->bound, fact->where, fact->text);
    if (rules->count && fact->number >= 0 && fact->number <= rules->at[0].cap)
        return true;
    return policy_refuse_number(j, fact->bound, fact->where, fact->number);
}

/* Only yes allows what is true, or a text, which is no clear false. */
static bool check_flag(struct judging *j, const struct fact *fact)
{
    const struct rules *rules = &j->policy->bound[fact->bound];

    if ((fact->is_number && fact->number == 0) || (rules->count && slice_eq(rules->at[0].text, S("yes"))))
        return true;
    return policy_refuse_value(j, fact->bound, fact->where, fact->is_number ? S("true") : fact->text);
}

/* An instance type that is no service's own: of a virtual resource. Any service that draws on it may run there, whatever type it
 * states itself, so the type must allow what every service may have, and no GPU may go uncounted. */
static bool check_pool(struct judging *j, const struct fact *fact, const struct rule *rule)
{
    const struct rules *most = POLICY_RULES(j->policy, max_replicas);
    const struct rule *gpus = rules_find(POLICY_RULES(j->policy, spec_gpus), BOUND_STYLE_COUNTS, fact->text);

    /* a pool outlives the number of today */
    if (rule->has_cap && !(most->count && rules_largest(most)->cap <= rule->cap))
        return policy_refuse(
            j, REASON_SPEC, bound_name(fact->bound), rule, fact->text, rule->text,
            arena_printf(j->arena,
                         "%.*s \"%.*s\" is not allowed: %s of [policy %.*s] caps it at %lld, and any of its "
                         "services may run on a virtual resource, whatever they state",
                         SLICE_FMT(fact->where), SLICE_FMT(fact->text), bound_name(fact->bound),
                         SLICE_FMT(j->policy->name), (long long)rule->cap));
    if (POLICY_RULES(j->policy, max_total_gpus)->count && !(gpus && gpus->cap == 0))
        return policy_refuse(
            j, REASON_SPEC, "max_total_gpus", &POLICY_RULES(j->policy, max_total_gpus)->at[0], fact->text,
            SLICE_NONE,
            arena_printf(
                j->arena,
                "%.*s \"%.*s\" is not allowed: max_total_gpus of [policy %.*s] cannot count the GPUs "
                "of what runs on a virtual resource",
                SLICE_FMT(fact->where), SLICE_FMT(fact->text), SLICE_FMT(j->policy->name)));
    return true;
}

static bool check_bounded(struct judging *j, const struct fact *fact)
{
    enum bound_style style = bound_style(fact->bound);
    const struct rule *rule;

    switch (style) {
    case BOUND_STYLE_REPLICAS:
        return check_number(j, fact);
    case BOUND_STYLE_FLAG:
        return check_flag(j, fact);
    case BOUND_STYLE_GLOBS:
    case BOUND_STYLE_WORDS:
    case BOUND_STYLE_OSS_PATHS:
    case BOUND_STYLE_NAS_PATHS:
    case BOUND_STYLE_SPEC_CAPS:
        rule = rules_find(&j->policy->bound[fact->bound], style, text_of(j, fact));
        if (rule)
            return fact->bound != BOUND_instance_types || j->facts->raises || check_pool(j, fact, rule);
        return policy_refuse_value(j, fact->bound, fact->where, text_of(j, fact));
    case BOUND_STYLE_ALLOW:
    case BOUND_STYLE_COUNTS:
    case BOUND_STYLE_NONE:
        break;
    }
    return refuse_surprise(j, fact);
}

/* "group" of "groups", "virtual resource" of "virtual_resources". */
static const char *noun_of(struct judging *j, enum bound key)
{
    struct slice plural = slice_of(bound_name(key));
    SCOPED(sbuf) noun = SBUF_MAX(64);

    for (size_t i = 0; i + 1 < plural.n; i++)
        sbuf_addc(&noun, plural.p[i] == '_' ? ' ' : plural.p[i]);
    return arena_str(j->arena, sbuf_slice(&noun));
}

/* A foreign thing and one that does not exist get the same answer; only a new name may be told that it is foreign. */
static bool check_owned(struct judging *j, const struct fact *fact)
{
    struct slice name = text_of(j, fact);
    enum reason reason = fact->bound == BOUND_services ? REASON_SERVICE_NOT_FOUND : REASON_NOT_FOUND;

    if (policy_owns(j->policy, fact->bound, name))
        return true;
    return policy_refuse(
        j, reason, NULL, NULL, name, SLICE_NONE,
        arena_printf(j->arena, "no %s \"%.*s\" is yours", noun_of(j, fact->bound), SLICE_FMT(name)));
}

/* Labels say whose a thing is to people and to bills: none may point at another team's service. */
static bool check_label(struct judging *j, const struct fact *fact)
{
    const void *owner = owners_find(j->policy->owners, fact->text);

    if (!owner || owner == j->policy)
        return true;
    return policy_refuse(j, REASON_LABEL, NULL, NULL, fact->text, SLICE_NONE,
                         arena_printf(j->arena,
                                      "%.*s \"%.*s\" is not allowed: it is the name of a service that "
                                      "[policy %.*s] does not own",
                                      SLICE_FMT(fact->where), SLICE_FMT(fact->text),
                                      SLICE_FMT(j->policy->name)));
}

static bool check_cluster(struct judging *j, const struct fact *fact)
{
    if (slice_eq(fact->text, j->region))
        return true;
    return policy_refuse(j, REASON_CLUSTER, NULL, NULL, fact->text, j->region,
                         arena_printf(j->arena, "%.*s is \"%.*s\"; this gateway speaks for region %.*s",
                                      SLICE_FMT(fact->where), SLICE_FMT(fact->text), SLICE_FMT(j->region)));
}

bool policy_check_fact(struct judging *j, const struct fact *fact)
{
    struct fact key;

    switch (fact->meaning) {
    case OP_OWNED:
        return check_owned(j, fact);
    case OP_NEW:
    case OP_BOUNDED:
        return check_bounded(j, fact);
    case OP_LABELS:
        return check_label(j, fact);
    case OP_LABEL_KEYS:
        key = *fact;
        key.bound = BOUND_label_keys;
        return check_bounded(j, &key);
    case OP_CLUSTER:
        return check_cluster(j, fact);
    case OP_REFUSED:
    case OP_REFUSED_TRUE:
        return policy_refuse(j, REASON_BAD_FIELD, NULL, NULL, SLICE_NONE, SLICE_NONE,
                             arena_printf(j->arena, "%.*s is never accepted", SLICE_FMT(fact->where)));
    case OP_REPLICAS:
    case OP_SCALER_MIN:
    case OP_SCALER_MAX:
    case OP_ACTIVATION:
    case OP_CRON_TARGET:
    case OP_SURGE:
    case OP_DETACH:
    case OP_VERSION: /* these make the state after the call, which policy_check_after bounds */
    case OP_SECRET_VALUE:
    case OP_FREE:
    case OP_SELF:
        return true;
    case OP_MEANS_NONE:
    case OP_INNER:
    case OP_MEANING_COUNT_:
        break;
    }
    return refuse_surprise(j, fact);
}
