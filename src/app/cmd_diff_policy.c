/* Two policies, key by key: see cmd_diff_policy.h. */
#include "app/cmd_diff_policy.h"
#include "core/glob.h"

/* ---- operations ---- */

static void compare_operations(struct diff_lines *d, const struct policy *old, const struct policy *new)
{
    for (size_t i = 0; i < opcat_count(); i++) {
        bool before = policy_opens(old, opcat_at(i)), now = policy_opens(new, opcat_at(i));
        if (before != now)
            diff_say(d, now ? '+' : '-', "%.*s is %s", SLICE_FMT(opcat_at(i)->name),
                     now ? "allowed" : "no longer allowed");
    }
    if (old->shows_secrets != new->shows_secrets)
        diff_say(d, new->shows_secrets ? '+' : '-', "secrets in answers are %s",
                 new->shows_secrets ? "shown" : "redacted");
}

/* ---- lists: a pattern is new unless one that was there matches it as a text, stars and all ---- */

static bool is_of_patterns(enum bound_style style)
{
    return style == BOUND_STYLE_GLOBS || style == BOUND_STYLE_OSS_PATHS || style == BOUND_STYLE_NAS_PATHS;
}

/* Whatever the second pattern matches, the first one does, too, if it matches that pattern as a text: only a star takes a star. */
static const struct rule *covering(const struct rules *rules, enum bound_style style, struct slice text)
{
    if (!is_of_patterns(style))
        return rules_find(rules, style, text);
    for (size_t i = 0; i < rules->count; i++)
        if (glob_match(rules->at[i].text, text))
            return &rules->at[i];
    return NULL;
}

static void say_value(struct diff_lines *d, char sign, const char *key, const struct rule *rule)
{
    if (rule->has_cap)
        diff_say(d, sign, "%s: %.*s, up to %lld", key, SLICE_FMT(rule->text), (long long)rule->cap);
    else
        diff_say(d, sign, "%s: %.*s", key, SLICE_FMT(rule->text));
}

/* The most replicas of one service of this spec: by its own cap or by that of all, whichever is less; without any, none. */
static int64_t most_of(const struct policy *p, const struct rule *spec)
{
    int64_t all = 0;
    bool has_all = policy_cap(p, BOUND_max_replicas, &all);

    return spec->has_cap && (!has_all || spec->cap < all) ? spec->cap : all;
}

static bool has_most(const struct policy *p)
{
    return POLICY_RULES(p, max_replicas)->count > 0;
}

/* Where neither has a cap of its own, the line about max_replicas says all, unless it is set in one alone. */
static void compare_caps(struct diff_lines *d, const char *key, const struct policy *old,
                         const struct rule *before, const struct policy *new, const struct rule *now)
{
    int64_t from = most_of(old, before), to = most_of(new, now);

    if (from == to || (!before->has_cap && !now->has_cap && has_most(old) && has_most(new)))
        return;
    diff_say(d, to > from ? '+' : '-', "%s: %.*s, up to %lld, was %lld", key, SLICE_FMT(now->text),
             (long long)to, (long long)from);
}

static void compare_lists(struct diff_lines *d, enum bound b, const struct policy *old,
                          const struct policy *new)
{
    const struct rules *from = &old->bound[b], *to = &new->bound[b];
    enum bound_style style = bound_style(b);

    for (size_t i = 0; i < to->count; i++) {
        const struct rule *now = &to->at[i], *before = covering(from, style, now->text);
        if (!is_of_patterns(style) && rules_find(to, style, now->text) != now)
            continue; /* the one before it counts until it ends */
        if (!before)
            say_value(d, '+', bound_name(b), now);
        else if (style == BOUND_STYLE_SPEC_CAPS)
            compare_caps(d, bound_name(b), old, before, new, now);
    }
    for (size_t i = 0; i < from->count; i++)
        if (!covering(to, style, from->at[i].text))
            say_value(d, '-', bound_name(b), &from->at[i]);
}

/* ---- numbers ---- */

/* Not set, a sum has no limit; every other number refuses what it would bound, but for max_replicas, beside which specs have caps of
 * their own. */
static char sign_of_set(enum bound b)
{
    return b == BOUND_max_total_replicas || b == BOUND_max_total_gpus ? '-'
           : b == BOUND_max_replicas                                  ? '~'
                                                                      : '+';
}

static char opposite(char sign)
{
    return sign == '+' ? '-' : sign == '-' ? '+' : sign;
}

static void compare_numbers(struct diff_lines *d, enum bound b, const struct policy *old,
                            const struct policy *new)
{
    int64_t from = 0, to = 0;
    bool had = policy_cap(old, b, &from), has = policy_cap(new, b, &to);

    if (had && has && from != to)
        diff_say(d, to > from ? '+' : '-', "%s is %lld, was %lld", bound_name(b), (long long)to,
                 (long long)from);
    else if (has && !had)
        diff_say(d, sign_of_set(b), "%s is %lld, was not set", bound_name(b), (long long)to);
    else if (had && !has)
        diff_say(d, opposite(sign_of_set(b)), "%s is not set, was %lld", bound_name(b), (long long)from);
}

static bool is_yes(const struct rules *rules)
{
    return rules->count && slice_eq(rules->at[0].text, S("yes"));
}

static void compare_flags(struct diff_lines *d, enum bound b, const struct policy *old,
                          const struct policy *new)
{
    bool to = is_yes(&new->bound[b]);

    if (is_yes(&old->bound[b]) != to)
        diff_say(d, to ? '+' : '-', "%s is %s", bound_name(b), to ? "yes" : "no");
}

/* ---- GPUs: the fewer one replica counts for, the more of them max_total_gpus has room for ---- */

static bool has_spec(const struct policy *p, struct slice spec)
{
    return rules_find(POLICY_RULES(p, service_specs), BOUND_STYLE_SPEC_CAPS, spec) ||
           rules_find(POLICY_RULES(p, instance_types), BOUND_STYLE_SPEC_CAPS, spec);
}

/* A spec whose GPUs stand in one of the two alone counts in the other by what EAS and the request say: for more or for less. Whatever
 * the lists of specs say: services made elsewhere have others, and count. */
static void say_count(struct diff_lines *d, struct slice spec, const struct rule *before,
                      const struct rule *now)
{
    if (before && now && before->cap != now->cap)
        diff_say(d, now->cap < before->cap ? '+' : '-',
                 "spec_gpus: a replica of %.*s counts for %lld, was %lld", SLICE_FMT(spec),
                 (long long)now->cap, (long long)before->cap);
    else if (now && !before)
        diff_say(d, '~', "spec_gpus: a replica of %.*s counts for %lld at least, was not set",
                 SLICE_FMT(spec), (long long)now->cap);
    else if (before && !now)
        diff_say(d, '~', "spec_gpus: %.*s is not set, a replica counted for %lld at least", SLICE_FMT(spec),
                 (long long)before->cap);
}

static void compare_gpus(struct diff_lines *d, const struct policy *old, const struct policy *new)
{
    const struct rules *from = POLICY_RULES(old, spec_gpus), *to = POLICY_RULES(new, spec_gpus);
    const enum bound_style style = BOUND_STYLE_COUNTS;

    if (!POLICY_RULES(old, max_total_gpus)->count || !POLICY_RULES(new, max_total_gpus)->count)
        return; /* nothing counts them in one of the two */
    for (size_t i = 0; i < to->count; i++) {
        struct slice spec = to->at[i].text;
        const struct rule *before = rules_find(from, style, spec), *now = rules_find(to, style, spec);
        if (now == &to->at[i] && (before || has_spec(old, spec) == has_spec(new, spec)))
            say_count(d, spec, before, now);
    }
    for (size_t i = 0; i < from->count; i++) {
        struct slice spec = from->at[i].text;
        if (rules_find(from, style, spec) == &from->at[i] && !rules_find(to, style, spec))
            say_count(d, spec, &from->at[i], NULL);
    }
}

/* ---- what the sums count: another policy may have the rest, with sums of its own ---- */

static void compare_counted(struct diff_lines *d, const struct policy *old, const struct policy *new)
{
    static const enum bound sums[] = { BOUND_max_total_replicas, BOUND_max_total_gpus };
    const struct rules *from = POLICY_RULES(old, services), *to = POLICY_RULES(new, services);
    size_t i = 0;

    while (i < from->count && covering(to, BOUND_STYLE_GLOBS, from->at[i].text))
        i++;
    for (size_t k = 0; i < from->count && k < sizeof sums / sizeof sums[0]; k++)
        if (old->bound[sums[k]].count && new->bound[sums[k]].count)
            diff_say(d, '~', "%s counts fewer services", bound_name(sums[k]));
}

/* ---- places: without any value none need be stated ---- */

static bool may_place(const struct policy *p, const char *what)
{
    for (size_t i = 0; i < opcat_count(); i++) {
        const struct op *op = opcat_at(i);
        bool is_read = op->effect == OP_READ || op->effect == OP_SECRET;
        if (!is_read && policy_opens(p, op) && op_query_field(op, slice_of(what)))
            return true;
    }
    return false;
}

static void compare_place(struct diff_lines *d, enum bound b, const char *what, const struct policy *old,
                          const struct policy *new)
{
    const struct rules *from = &old->bound[b], *to = &new->bound[b];

    if (!may_place(new, what))
        return;
    if (to->count == 0 && from->count > 0)
        diff_say(d, '+', "a service may be placed without %s", what);
    else if (to->count > 1 && from->count <= 1)
        diff_say(d, '-', "a service must be placed with %s", what);
    else if (to->count == 1 && !(from->count == 1 && slice_eq(from->at[0].text, to->at[0].text)))
        diff_say(d, '~', "%s is filled in: %.*s", what, SLICE_FMT(to->at[0].text));
}

/* ---- all of it ---- */

static void compare_modes(struct diff_lines *d, const struct policy *old, const struct policy *new)
{
    if (old->mode != new->mode)
        diff_say(d, new->mode == POLICY_REPORT ? '+' : '-', "limits are %s",
                 new->mode == POLICY_REPORT ? "only reported" : "enforced, no longer only reported");
}

void diff_policies(struct diff_lines *d, const struct policy *old, const struct policy *new)
{
    compare_operations(d, old, new);
    compare_modes(d, old, new);
    compare_counted(d, old, new);
    compare_place(d, BOUND_workspaces, "WorkspaceId", old, new);
    compare_place(d, BOUND_quotas, "QuotaId", old, new);
    for (enum bound b = BOUND_NONE + 1; b < BOUND_COUNT_; b++)
        switch (bound_style(b)) {
        case BOUND_STYLE_REPLICAS:
            compare_numbers(d, b, old, new);
            break;
        case BOUND_STYLE_FLAG:
            compare_flags(d, b, old, new);
            break;
        case BOUND_STYLE_COUNTS:
            compare_gpus(d, old, new);
            break;
        case BOUND_STYLE_GLOBS:
        case BOUND_STYLE_WORDS:
        case BOUND_STYLE_OSS_PATHS:
        case BOUND_STYLE_NAS_PATHS:
        case BOUND_STYLE_SPEC_CAPS:
            compare_lists(d, b, old, new);
            break;
        case BOUND_STYLE_ALLOW: /* its operations were compared */
        case BOUND_STYLE_NONE:
            break;
        }
}
