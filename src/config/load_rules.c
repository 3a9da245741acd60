/*
 * Third pass of the loader: what is wrong with the whole although each value is well formed. Rules that can never match,
 * policies that own the same name, addresses that need a permission of their own. What is only worth a look is a warning.
 */
#include "config/loading.h"
#include "config/address.h"
#include "core/glob.h"

/* ---- gateway ---- */

static void check_listener(struct loading *l, const struct rule *rule, const char *key)
{
    const struct cfg_gateway *g = &l->snap->gateway;
    struct address address;

    if (!address_parse(rule->text, &address, NULL) || address.is_loopback)
        return;
    if (!g->allow_plaintext)
        problem_error(&l->problems, rule->line,
                      "%s of [gateway] is \"%.*s\": expected a loopback address or a unix socket (or "
                      "allow_plaintext = yes)",
                      key, SLICE_FMT(rule->text));
    if (address.is_any && g->hosts.count == 0 && slice_eq(slice_of(key), S("listen")))
        problem_error(&l->problems, rule->line,
                      "listen of [gateway] is \"%.*s\": a wildcard address needs hosts = NAME ..., what "
                      "callers send as Host",
                      SLICE_FMT(rule->text));
}

bool loading_check_gateway(struct loading *l)
{
    const struct cfg_gateway *g = &l->snap->gateway;
    struct address address;

    for (size_t i = 0; i < g->listen.count; i++)
        check_listener(l, &g->listen.at[i], "listen");
    for (size_t i = 0; i < g->admin_listen.count; i++) {
        const struct rule *rule = &g->admin_listen.at[i];
        check_listener(l, rule, "admin_listen");
        for (size_t k = 0; k < g->listen.count; k++)
            if (slice_eq(rule->text, g->listen.at[k].text) && address_parse(rule->text, &address, NULL) &&
                (address.kind == ADDRESS_UNIX || address.port))
                problem_error(
                    &l->problems, rule->line,
                    "admin_listen of [gateway] is \"%.*s\": listen has it, too, expected another address",
                    SLICE_FMT(rule->text));
    }
    return true;
}

/* ---- policies against each other ---- */

/* Keys whose values own things by name: no two policies may own the same one. */
static const enum bound owning[] = { BOUND_services, BOUND_groups, BOUND_benchmark_tasks, BOUND_configs };

struct owned {
    struct slice prefix,
        suffix; /* of the pattern, before its first star and behind its last; all of it without one */
    const struct rule *rule;
    const struct policy *policy;
};

static int compare_prefixes(const void *a, const void *b)
{
    const struct owned *x = a, *y = b;
    int order = slice_cmp(x->prefix, y->prefix);

    return order ? order : (x->rule->line > y->rule->line) - (x->rule->line < y->rule->line);
}

static void report_overlap(struct loading *l, enum bound key, const struct owned *a, const struct owned *b)
{
    const struct owned *second = a->rule->line < b->rule->line ? b : a, *first = second == a ? b : a;

    problem_error(&l->problems, second->rule->line,
                  "%s of [policy %.*s] has \"%.*s\", which overlaps \"%.*s\" of [policy %.*s] in line "
                  "%u: expected that each name has one owner",
                  bound_name(key), SLICE_FMT(second->policy->name), SLICE_FMT(second->rule->text),
                  SLICE_FMT(first->rule->text), SLICE_FMT(first->policy->name), first->rule->line);
}

static struct slice behind_stars(struct slice pattern)
{
    size_t n = 0;

    while (n < pattern.n && pattern.p[pattern.n - n - 1] != '*')
        n++;
    return slice_skip(pattern, pattern.n - n);
}

/* What stands behind the last star of one must end with that of the other, too: patterns that begin with a star are all candidates
 * of each other, and this costs far less than telling exactly. */
static bool may_overlap(const struct owned *a, const struct owned *b)
{
    return slice_ends(a->suffix, b->suffix) || slice_ends(b->suffix, a->suffix);
}

/* Two patterns can only overlap when what stands before the first star of one begins with that of the other: sorted by it,
 * the candidates of a pattern are the run behind it. So 10,000 policies take no 10,000 times 10,000 comparisons. */
static struct owned *sort_owned(struct loading *l, enum bound key, size_t *out_count)
{
    const struct snapshot *s = l->snap;
    size_t count = 0, n = 0;

    for (size_t i = 0; i < s->policy_count; i++)
        count += s->policies[i].bound[key].count;
    struct owned *owned = ARENA_ARRAY(l->arena, struct owned, count + 1);
    for (size_t i = 0; owned && i < s->policy_count; i++) {
        const struct rules *patterns = &s->policies[i].bound[key];
        for (size_t k = 0; k < patterns->count; k++) {
            struct slice text = patterns->at[k].text;
            owned[n++] = (struct owned){ slice_from(text.p, slice_find(text, '*')), behind_stars(text),
                                         &patterns->at[k], &s->policies[i] };
        }
    }
    if (owned)
        qsort(owned, n, sizeof *owned, compare_prefixes);
    *out_count = n;
    return owned;
}

static bool check_overlaps(struct loading *l, enum bound key)
{
    size_t n;
    struct owned *owned = sort_owned(l, key, &n);

    if (!owned)
        return false;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n && slice_starts(owned[k].prefix, owned[i].prefix); k++) {
            if (problems_are_many(&l->problems))
                return true;
            if (owned[i].policy != owned[k].policy && may_overlap(&owned[i], &owned[k]) &&
                glob_overlap(owned[i].rule->text, owned[k].rule->text))
                report_overlap(l, key, &owned[i], &owned[k]);
        }
    return true;
}

bool loading_check_policies(struct loading *l)
{
    bool is_whole =
        l->problems.error_count == 0; /* else a value that was refused may be the one that is missing */

    if (!loading_check_each_policy(l, is_whole))
        return false;
    for (size_t i = 0; i < sizeof owning / sizeof owning[0]; i++)
        if (!check_overlaps(l, owning[i]))
            return false;
    return true;
}
