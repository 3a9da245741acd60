/*
 * What is wrong with one policy although each of its values is well formed: operations that could never be used, values that
 * could never match. What each operation needs and looks at is read from the catalogue, not listed here.
 */
#include "config/loading.h"

/* ---- allow ---- */

static void need(struct loading *l, const struct policy *p, const struct rule *rule, const char *alternatives)
{
    struct slice rest = slice_of(alternatives), key;
    SCOPED(sbuf) keys = SBUF_MAX(256);

    while (slice_split(&rest, '|', &key)) {
        sbuf_adds(&keys, keys.n ? " or " : "");
        sbuf_add(&keys, key);
    }
    problem_error(
        &l->problems, rule->line,
        "%.*s of [policy %.*s] can never be used: a key that is not set refuses the field it would bound, "
        "expected %.*s",
        SLICE_FMT(rule->text), SLICE_FMT(p->name), SLICE_FMT(sbuf_slice(&keys)));
}

/* An operation listed by name must be usable. */
static void check_named(struct loading *l, const struct policy *p, const struct rule *rule,
                        const struct op *op)
{
    for (size_t i = 0; i < op->require_count; i++)
        if (!policy_sets_one(p, op->requires[i]))
            need(l, p, rule, op->requires[i]);
    if (op->effect == OP_MINT && !p->shows_secrets)
        problem_error(
            &l->problems, rule->line,
            "%.*s of [policy %.*s] can never be used: it makes a secret, expected @secrets in allow, too",
            SLICE_FMT(rule->text), SLICE_FMT(p->name));
}

/* Of a class, what is not usable stays refused; but one that opens nothing at all is a slip. */
static void check_class(struct loading *l, const struct policy *p, const struct rule *rule)
{
    const struct op *first = NULL;

    for (size_t i = 0; i < opcat_count(); i++) {
        const struct op *op = opcat_at(i);
        if (!policy_allow_covers(rule->text, op))
            continue;
        if (policy_opens(p, op))
            return;
        first = first ? first : op;
    }
    if (first)
        problem_error(
            &l->problems, rule->line,
            "%.*s of [policy %.*s] opens nothing: each of its operations needs a key that is not set, "
            "%.*s for example %s",
            SLICE_FMT(rule->text), SLICE_FMT(p->name), SLICE_FMT(first->name),
            p->missing[opcat_index(first)] ? p->missing[opcat_index(first)] : "@secrets");
}

static void check_allow(struct loading *l, const struct policy *p)
{
    const struct rules *allow = POLICY_RULES(p, allow);

    for (size_t i = 0; i < allow->count; i++) {
        const struct op *op = opcat_by_name(allow->at[i].text);
        if (op)
            check_named(l, p, &allow->at[i], op);
        else if (!slice_eq(allow->at[i].text, S("@secrets")))
            check_class(l, p, &allow->at[i]);
    }
}

/* ---- values that can never match ---- */

/* Does the value count for as long as the policy does? */
static bool lasts(const struct policy *p, const struct rule *value)
{
    return value->until_s == 0 || (p->until_s && value->until_s >= p->until_s);
}

/* A spec's own cap counts alone once max_replicas has ended: beyond a smaller last number of it that would be more again. */
static bool opens_at_end(const struct policy *p, const struct rules *most, const struct rule *spec)
{
    const struct rule *last = &most->at[most->count - 1];

    return !lasts(p, last) && spec->cap > last->cap && (!spec->until_s || spec->until_s > last->until_s);
}

static void check_cap(struct loading *l, const struct policy *p, enum bound key, const struct rules *most,
                      const struct rule *spec)
{
    const struct rule *top = rules_largest(most), *last = &most->at[most->count - 1];

    if (spec->cap > top->cap)
        problem_error(
            &l->problems, spec->line,
            "%s of [policy %.*s] has %.*s <= %lld, which can never be reached: max_replicas is %lld "
            "(line %u), expected at most that",
            bound_name(key), SLICE_FMT(p->name), SLICE_FMT(spec->text), (long long)spec->cap,
            (long long)top->cap, top->line);
    else if (opens_at_end(p, most, spec))
        problem_error(
            &l->problems, last->line,
            "max_replicas of [policy %.*s] ends with %lld, and %s has %.*s <= %lld (line %u), which would "
            "count alone after that, expected a last value that does not end",
            SLICE_FMT(p->name), (long long)last->cap, bound_name(key), SLICE_FMT(spec->text),
            (long long)spec->cap, spec->line);
}

static void check_caps(struct loading *l, const struct policy *p, enum bound key)
{
    const struct rules *most = POLICY_RULES(p, max_replicas), *specs = &p->bound[key];
    bool is_bought = key == BOUND_instance_types && /* a virtual resource group has no replicas */
                     policy_sets_one(p, "virtual_resources|max_virtual_resources");

    for (size_t i = 0; i < specs->count; i++) {
        const struct rule *spec = &specs->at[i];
        if (most->count && spec->has_cap)
            check_cap(l, p, key, most, spec);
        if (!most->count && !spec->has_cap && !is_bought)
            problem_error(
                &l->problems, spec->line,
                "%s of [policy %.*s] has %.*s, which can never be used: it has no cap and max_replicas is "
                "not set, expected one of them",
                bound_name(key), SLICE_FMT(p->name), SLICE_FMT(spec->text));
    }
}

/* A sum of GPUs can be held only when each replica's are known. */
static void check_gpus(struct loading *l, const struct policy *p, enum bound key)
{
    const struct rules *specs = &p->bound[key], *gpus = POLICY_RULES(p, spec_gpus);

    for (size_t i = 0; POLICY_RULES(p, max_total_gpus)->count && i < specs->count; i++)
        if (!rules_find(gpus, bound_style(BOUND_spec_gpus), specs->at[i].text))
            problem_error(
                &l->problems, specs->at[i].line,
                "%s of [policy %.*s] has %.*s, whose GPUs are not known for max_total_gpus (line %u), "
                "expected spec_gpus = %.*s = NUMBER, too",
                bound_name(key), SLICE_FMT(p->name), SLICE_FMT(specs->at[i].text),
                POLICY_RULES(p, max_total_gpus)->at[0].line, SLICE_FMT(specs->at[i].text));
}

static void check_nas(struct loading *l, const struct policy *p)
{
    const struct rules *paths = POLICY_RULES(p, nas_paths), *targets = POLICY_RULES(p, nas_mount_targets);
    bool has_paths = paths->count > 0;
    const struct rules *set = has_paths ? paths : targets;

    if (has_paths != (targets->count > 0))
        problem_error(&l->problems, set->at[0].line,
                      "%s of [policy %.*s] can never match: a model on NAS has both, expected %s, too",
                      set->key, SLICE_FMT(p->name), has_paths ? "nas_mount_targets" : "nas_paths");
}

/* Names of services are made of a-z, 0-9, _ and - (core/facts.c): another character owns nothing. */
static void check_service_names(struct loading *l, const struct policy *p)
{
    const struct rules *services = POLICY_RULES(p, services);

    for (size_t i = 0; i < services->count; i++) {
        struct slice text = services->at[i].text;
        size_t k = 0;
        while (k < text.n && ((text.p[k] >= 'a' && text.p[k] <= 'z') || ascii_is_digit(text.p[k]) ||
                              memchr("_-*", text.p[k], 3)))
            k++;
        if (k < text.n)
            problem_error(&l->problems, services->at[i].line,
                          "services of [policy %.*s] has \"%.*s\", which can never match: names of services "
                          "have a-z, 0-9, _ and -",
                          SLICE_FMT(p->name), SLICE_FMT(text));
    }
}

static void check_config_names(struct loading *l, const struct policy *p)
{
    const struct rules *configs = POLICY_RULES(p, configs);

    for (size_t i = 0; i < configs->count; i++) {
        struct slice text = configs->at[i].text;
        if (slice_find(text, '/') == text.n && slice_find(text, '*') == text.n)
            problem_error(&l->problems, configs->at[i].line,
                          "configs of [policy %.*s] has \"%.*s\", which can never match, expected TYPE/NAME",
                          SLICE_FMT(p->name), SLICE_FMT(text));
    }
}

/* A star that may stand for a part of the host would match every host: http://a.example* also means http://a.example.evil/. */
static bool spells_host(struct slice pattern)
{
    struct slice literal = slice_from(pattern.p, slice_find(pattern, '*'));
    size_t at = slice_find(literal, ':');

    if (literal.n == pattern.n)
        return true;
    if (slice_starts(slice_skip(literal, at), S("://"))) {
        struct slice rest = slice_skip(literal, at + 3);
        return slice_find(rest, '/') < rest.n && slice_find(rest, '/') > 0;
    }
    return at > 0 && at < literal.n; /* git@HOST:PATH */
}

static void check_addresses(struct loading *l, const struct policy *p, enum bound key)
{
    const struct rules *addresses = &p->bound[key];

    for (size_t i = 0; i < addresses->count; i++)
        if (!spells_host(addresses->at[i].text))
            problem_error(&l->problems, addresses->at[i].line,
                          "%s of [policy %.*s] has \"%.*s\": the host must be spelled out, expected "
                          "https://HOST/PATTERN",
                          bound_name(key), SLICE_FMT(p->name), SLICE_FMT(addresses->at[i].text));
}

/* ---- keys whose end would take a limit away ---- */

static bool has_lasting(const struct policy *p, const struct rules *rules)
{
    for (size_t i = 0; i < rules->count; i++)
        if (lasts(p, &rules->at[i]))
            return true;
    return false;
}

static bool has_lasting_of(const struct policy *p, const struct rules *rules, struct slice text)
{
    for (size_t i = 0; i < rules->count; i++)
        if (lasts(p, &rules->at[i]) && slice_eq(rules->at[i].text, text))
            return true;
    return false;
}

/* Every other key refuses what it would bound once its values have ended. */
static void check_ends(struct loading *l, const struct policy *p)
{
    static const struct {
        enum bound key;
        const char *opens;
    } keys[] = { { BOUND_workspaces, "services could be placed without WorkspaceId" },
                 { BOUND_quotas, "services could be placed without QuotaId" },
                 { BOUND_max_total_replicas, "nothing would bound the sum" },
                 { BOUND_max_total_gpus, "nothing would bound the sum" } };
    const struct rules *gpus = POLICY_RULES(p, spec_gpus);

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct rules *rules = &p->bound[keys[i].key];
        if (rules->count && !has_lasting(p, rules))
            problem_error(&l->problems, rules->at[rules->count - 1].line,
                          "%s of [policy %.*s] has no value that lasts: after the last end %s, expected a "
                          "last value that does not end",
                          bound_name(keys[i].key), SLICE_FMT(p->name), keys[i].opens);
    }
    for (size_t i = 0; i < gpus->count; i++)
        if (!has_lasting_of(p, gpus, gpus->at[i].text))
            problem_error(&l->problems, gpus->at[i].line,
                          "spec_gpus of [policy %.*s] has no value of %.*s that lasts: after the last end "
                          "only EAS would say its GPUs, expected a last value that does not end",
                          SLICE_FMT(p->name), SLICE_FMT(gpus->at[i].text));
}

/* ---- keys that nothing looks at ---- */

_Static_assert(BOUND_COUNT_ <= 64, "a set of keys is a uint64_t");

static uint64_t bit(enum bound key)
{
    return UINT64_C(1) << key;
}

#define TREE_MAX_DEPTH 16
static uint64_t looks_of_fields(const struct op_field *fields, size_t count, unsigned depth)
{
    uint64_t set = 0;

    for (size_t i = 0; i < count; i++) {
        if (fields[i].bound != BOUND_NONE)
            set |= bit(fields[i].bound);
        if (fields[i].meaning == OP_LABELS || fields[i].meaning == OP_LABEL_KEYS)
            set |= bit(BOUND_label_keys);
        if (depth < TREE_MAX_DEPTH)
            set |= looks_of_fields(fields[i].inner, fields[i].inner_count, depth + 1);
    }
    return set;
}

/* What a call that can raise a service has judged although it is not stated. */
static uint64_t looks_of_raise(const struct op *op)
{
    static const enum bound kept[] = { BOUND_max_replicas,
                                       BOUND_max_total_replicas,
                                       BOUND_max_total_gpus,
                                       BOUND_spec_gpus,
                                       BOUND_service_specs,
                                       BOUND_instance_types,
                                       BOUND_max_cpu,
                                       BOUND_max_memory,
                                       BOUND_max_gpus,
                                       BOUND_max_gpu_memory,
                                       BOUND_max_gpu_core_percentage,
                                       BOUND_max_disk,
                                       BOUND_max_shared_memory };
    const struct op *create = opcat_by_name(S("CreateService"));
    uint64_t set = 0;

    for (size_t i = 0; op->raise != OP_RAISE_NONE && i < sizeof kept / sizeof kept[0]; i++)
        set |= bit(kept[i]);
    if (create && (op->raise == OP_RAISE_CLONE || op->raise == OP_RAISE_VERSION))
        set |= looks_of_fields(create->fields, create->field_count, 0);
    return set;
}

/* The keys that judging an operation looks at. */
static uint64_t looks_of(const struct op *op)
{
    uint64_t set = looks_of_fields(op->param_fields, op->param_count, 0) |
                   looks_of_fields(op->query, op->query_count, 0) |
                   looks_of_fields(op->fields, op->field_count, 0) | looks_of_raise(op);

    if (set & bit(BOUND_instance_types)) /* of a virtual resource: what its services may have */
        set |= bit(BOUND_max_replicas) | bit(BOUND_max_total_gpus) | bit(BOUND_spec_gpus);
    return set | bit(op->count.bound) | bit(op->list.bound);
}

static void warn_idle(struct loading *l, const struct policy *p, const uint64_t *looks)
{
    uint64_t set = bit(BOUND_allow) | bit(BOUND_services); /* every policy has these */

    for (size_t i = 0; i < opcat_count(); i++)
        if (p->allowed[i])
            set |= looks[i];
    for (enum bound b = BOUND_NONE + 1; b < BOUND_COUNT_; b++)
        if (p->bound[b].count && !(set & bit(b)))
            problem_warning(
                &l->problems, p->bound[b].at[0].line,
                "%s of [policy %.*s] is never looked at: no operation that it allows has such a value",
                bound_name(b), SLICE_FMT(p->name));
    if (POLICY_RULES(p, spec_gpus)->count && !POLICY_RULES(p, max_total_gpus)->count)
        problem_warning(&l->problems, POLICY_RULES(p, spec_gpus)->at[0].line,
                        "spec_gpus of [policy %.*s] is never looked at: max_total_gpus is not set",
                        SLICE_FMT(p->name));
}

static void check_policy(struct loading *l, const struct policy *p, bool is_whole)
{
    check_service_names(l, p);
    check_config_names(l, p);
    check_addresses(l, p, BOUND_benchmark_urls);
    check_addresses(l, p, BOUND_git_repos);
    check_caps(l, p, BOUND_service_specs);
    check_caps(l, p, BOUND_instance_types);
    if (!is_whole)
        return;
    check_allow(l, p);
    check_ends(l, p);
    check_gpus(l, p, BOUND_service_specs);
    check_gpus(l, p, BOUND_instance_types);
    check_nas(l, p);
}

bool loading_check_each_policy(struct loading *l, bool is_whole)
{
    uint64_t *looks = ARENA_ARRAY(l->arena, uint64_t, opcat_count());

    if (!looks)
        return false;
    for (size_t i = 0; i < opcat_count(); i++)
        looks[i] = looks_of(opcat_at(i));
    for (size_t i = 0; i < l->snap->policy_count && !problems_are_many(&l->problems); i++) {
        check_policy(l, &l->snap->policies[i], is_whole);
        warn_idle(l, &l->snap->policies[i], looks);
    }
    return true;
}
