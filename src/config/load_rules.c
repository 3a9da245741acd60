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

/* ---- one policy ---- */

/* The `allow` value that lists this operation by its own name. */
static const struct rule *listed_by_name(const struct policy *p, struct slice operation)
{
    for (size_t i = 0; i < p->allow.count; i++)
        if (slice_eq(p->allow.at[i].text, operation))
            return &p->allow.at[i];
    return NULL;
}

static bool allows(const struct policy *p, struct slice operation)
{
    const struct op *op = opcat_by_name(operation);

    return op && p->allowed[opcat_index(op)];
}

static bool has_cap(const struct policy *p)
{
    bool found = p->max_replicas.count > 0;

    for (size_t i = 0; i < p->service_specs.count; i++)
        found = found || p->service_specs.at[i].has_cap;
    return found;
}

static void need(struct loading *l, const struct policy *p, const struct rule *rule, bool is_there,
                 const char *key)
{
    if (!is_there)
        problem_error(&l->problems, rule->line,
                      "%.*s of [policy %.*s] can never be used: a key that is not set refuses the field it "
                      "would bound, "
                      "expected %s",
                      SLICE_FMT(rule->text), SLICE_FMT(p->name), key);
}

/* An operation listed by name whose required fields, or whose service's present state, no key bounds. */
static void check_needs(struct loading *l, const struct policy *p)
{
    static const struct {
        struct slice operation;
        bool app_type;
    } needs[] = {
        { S_INIT("CreateAppService"), true },
        { S_INIT("UpdateAppService"), false },
        { S_INIT("StartService"), false },
    };

    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        const struct rule *rule = listed_by_name(p, needs[i].operation);
        if (!rule)
            continue;
        need(l, p, rule, p->service_specs.count > 0, "service_specs");
        need(l, p, rule, has_cap(p), "max_replicas, or service_specs with caps");
        need(l, p, rule, !needs[i].app_type || p->app_types.count > 0, "app_types");
    }
}

static void check_caps(struct loading *l, const struct policy *p)
{
    const struct rule *most = p->max_replicas.count ? &p->max_replicas.at[0] : NULL;

    for (size_t i = 0; i < p->service_specs.count; i++) {
        const struct rule *spec = &p->service_specs.at[i];
        if (most && spec->has_cap && spec->cap > most->cap)
            problem_error(&l->problems, spec->line,
                          "service_specs of [policy %.*s] has %.*s <= %lld, which can never be reached: "
                          "max_replicas is %lld "
                          "(line %u), expected at most that",
                          SLICE_FMT(p->name), SLICE_FMT(spec->text), (long long)spec->cap,
                          (long long)most->cap, most->line);
        if (!most && !spec->has_cap)
            problem_error(&l->problems, spec->line,
                          "service_specs of [policy %.*s] has %.*s, which can never be used: it has no cap "
                          "and max_replicas is "
                          "not set, expected one of them",
                          SLICE_FMT(p->name), SLICE_FMT(spec->text));
    }
}

static void check_nas(struct loading *l, const struct policy *p)
{
    const struct rules *set = p->nas_paths.count ? &p->nas_paths : &p->nas_mount_targets;
    const struct rules *other = p->nas_paths.count ? &p->nas_mount_targets : &p->nas_paths;

    if (set->count && !other->count)
        problem_error(&l->problems, set->at[0].line,
                      "%s of [policy %.*s] can never match: a model on NAS has both, expected %s, too",
                      set->key, SLICE_FMT(p->name), other->key);
}

/* Names of services are made of a-z, 0-9, _ and - (core/facts.c): another character owns nothing. */
static void check_service_names(struct loading *l, const struct policy *p)
{
    for (size_t i = 0; i < p->services.count; i++) {
        struct slice text = p->services.at[i].text;
        size_t k = 0;
        while (k < text.n && ((text.p[k] >= 'a' && text.p[k] <= 'z') || ascii_is_digit(text.p[k]) ||
                              memchr("_-*", text.p[k], 3)))
            k++;
        if (k < text.n)
            problem_error(&l->problems, p->services.at[i].line,
                          "services of [policy %.*s] has \"%.*s\", which can never match: names of services "
                          "have a-z, 0-9, _ "
                          "and -",
                          SLICE_FMT(p->name), SLICE_FMT(text));
    }
}

/* Values of `allow` that open nothing in this version stay refused by name: fine, but a person should know. */
static void warn_closed(struct loading *l, const struct policy *p)
{
    for (size_t i = 0; i < p->allow.count; i++) {
        const struct rule *rule = &p->allow.at[i];
        const struct op *op = opcat_by_name(rule->text);
        bool opens = false;
        for (size_t k = 0; k < opcat_count() && !opens; k++)
            opens = opcat_at(k)->open && policy_allow_covers(rule->text, opcat_at(k));
        if (!opens)
            problem_warning(&l->problems, rule->line,
                            "allow of [policy %.*s] has %.*s, which stays refused: %s in this version",
                            SLICE_FMT(p->name), SLICE_FMT(rule->text),
                            op ? "it is closed" : "all operations of this class are closed");
        if (op && op->closed_reason && !opens)
            problem_warning(&l->problems, rule->line, "%.*s %s", SLICE_FMT(rule->text), op->closed_reason);
    }
}

static void warn_idle(struct loading *l, const struct policy *p)
{
    const struct rules *of_bodies[] = { &p->app_types, &p->app_versions, &p->oss_paths, &p->nas_mount_targets,
                                        &p->nas_paths, &p->vpcs,         &p->vswitches, &p->security_groups };

    if (allows(p, S("CreateAppService")) || allows(p, S("UpdateAppService")))
        return;
    for (size_t i = 0; i < sizeof of_bodies / sizeof of_bodies[0]; i++)
        if (of_bodies[i]->count)
            problem_warning(&l->problems, of_bodies[i]->at[0].line,
                            "%s of [policy %.*s] is never looked at: allow has neither CreateAppService nor "
                            "UpdateAppService",
                            of_bodies[i]->key, SLICE_FMT(p->name));
}

/* ---- policies against each other ---- */

struct owned {
    struct slice prefix; /* of the pattern, before its first star */
    const struct rule *rule;
    const struct policy *policy;
};

static int compare_prefixes(const void *a, const void *b)
{
    const struct owned *x = a, *y = b;
    int order = slice_cmp(x->prefix, y->prefix);

    return order ? order : (x->rule->line > y->rule->line) - (x->rule->line < y->rule->line);
}

static void report_overlap(struct loading *l, const struct owned *a, const struct owned *b)
{
    const struct owned *second = a->rule->line < b->rule->line ? b : a, *first = second == a ? b : a;

    problem_error(&l->problems, second->rule->line,
                  "services of [policy %.*s] has \"%.*s\", which overlaps \"%.*s\" of [policy %.*s] in line "
                  "%u: expected that "
                  "each service has one owner",
                  SLICE_FMT(second->policy->name), SLICE_FMT(second->rule->text),
                  SLICE_FMT(first->rule->text), SLICE_FMT(first->policy->name), first->rule->line);
}

/* Two patterns can only overlap when what stands before the first star of one begins with that of the other: sorted by it,
 * the candidates of a pattern are the run behind it. So 10,000 policies take no 10,000 times 10,000 comparisons. */
static bool check_overlaps(struct loading *l)
{
    const struct snapshot *s = l->snap;
    size_t count = 0, n = 0;

    for (size_t i = 0; i < s->policy_count; i++)
        count += s->policies[i].services.count;
    struct owned *owned = ARENA_ARRAY(l->arena, struct owned, count);
    if (!owned)
        return false;
    for (size_t i = 0; i < s->policy_count; i++) {
        const struct rules *services = &s->policies[i].services;
        for (size_t k = 0; k < services->count; k++) {
            struct slice text = services->at[k].text;
            owned[n++] = (struct owned){ slice_from(text.p, slice_find(text, '*')), &services->at[k],
                                         &s->policies[i] };
        }
    }
    qsort(owned, n, sizeof *owned, compare_prefixes);
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n && slice_starts(owned[k].prefix, owned[i].prefix); k++) {
            if (problems_are_many(&l->problems))
                return true;
            if (owned[i].policy != owned[k].policy && glob_overlap(owned[i].rule->text, owned[k].rule->text))
                report_overlap(l, &owned[i], &owned[k]);
        }
    return true;
}

bool loading_check_policies(struct loading *l)
{
    bool is_whole =
        l->problems.error_count == 0; /* else a value that was refused may be the one that is missing */

    for (size_t i = 0; i < l->snap->policy_count && !problems_are_many(&l->problems); i++) {
        const struct policy *p = &l->snap->policies[i];
        check_service_names(l, p);
        if (is_whole)
            check_needs(l, p);
        check_caps(l, p);
        if (is_whole)
            check_nas(l, p);
        warn_closed(l, p);
        warn_idle(l, p);
    }
    return check_overlaps(l);
}
