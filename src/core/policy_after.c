/*
 * The state after the call against the caps: how many replicas (core/after), of which hardware. What is stated was judged with
 * the other values; here stands what stays or comes back without being stated: a service that may grow must have hardware
 * that the policy allows, whoever gave it.
 */
#include "core/policy_inner.h"

/* ---- hardware ---- */

/* Does one of these say what a replica runs on? No cores and no GPUs say nothing: EAS might take them for its default. */
static bool has_hardware(const struct facts *f)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct fact *fact = &f->values[i];
        if (fact->meaning != OP_BOUNDED)
            continue;
        if (fact->bound == BOUND_service_specs || fact->bound == BOUND_instance_types)
            return true;
        if ((fact->bound == BOUND_max_cpu || fact->bound == BOUND_max_gpus) && fact->number > 0)
            return true;
    }
    return f->spec.n > 0;
}

/* Does the request state this very field anew? (Labels that are stated need not take the place of those that are there.) */
static bool is_stated(const struct facts *f, struct slice where)
{
    for (size_t i = 0; i < f->count; i++)
        if (slice_eq(f->values[i].where, where))
            return true;
    return false;
}

/* Hardware of the stored configuration that no key bounds: what has it may shrink, and start again as it is. */
static bool check_odd(struct judging *j, const struct fact *fact)
{
    if (j->out->after.peak <= j->out->after.now)
        return true;
    return policy_refuse(
        j, REASON_HARDWARE, NULL, NULL, fact->where, SLICE_NONE,
        arena_printf(j->arena,
                     "the service has %.*s, hardware that no key of a policy bounds, so it must not grow",
                     SLICE_FMT(fact->where)));
}

static bool check_config(struct judging *j, const struct facts *config)
{
    for (size_t i = 0; i < config->count; i++) {
        const struct fact *fact = &config->values[i];
        bool may_go = fact->meaning != OP_LABEL_KEYS && is_stated(j->facts, fact->where);
        if (fact->meaning == OP_REFUSED ? !check_odd(j, fact) : !may_go && !policy_check_fact(j, fact))
            return false;
    }
    return true;
}

static bool refuse_unknown(struct judging *j, const char *why)
{
    return policy_refuse_always(j, policy_reason(BOUND_service_specs),
                                arena_printf(j->arena, "%.*s %s", SLICE_FMT(j->facts->op->name), why));
}

static const struct rule *find_spec(const struct policy *p, enum bound key, struct slice spec)
{
    return spec.n ? rules_find(&p->bound[key], bound_style(key), spec) : NULL;
}

/* The key that the present spec of a service belongs to: of an application, or an instance type. */
static enum bound key_of(struct judging *j)
{
    const struct policy *p = j->policy;

    if (j->state->is_app || !p->bound[BOUND_instance_types].count)
        return BOUND_service_specs;
    return BOUND_instance_types;
}

/* Of a service that stays as it is but for what is stated. */
static bool check_kept(struct judging *j, struct slice spec)
{
    const struct policy *p = j->policy;
    const struct facts *config = j->state->config;

    if (find_spec(p, BOUND_service_specs, spec))
        return true;
    if (spec.n && !find_spec(p, BOUND_instance_types, spec))
        return policy_refuse_value(j, key_of(j), S("the service's present spec"), spec);
    /* without a spec or an instance type; a number that is stated says nothing of what stays beside it */
    if (!spec.n && !(config && has_hardware(config)))
        return refuse_unknown(j,
                              "is refused: the service's present hardware is not known, so it must not grow");
    return !config || check_config(j, config);
}

/* An application's spec stays beside an instance type that is stated, also when its configuration is replaced. */
static bool check_app(struct judging *j, struct slice kept_spec)
{
    if (!kept_spec.n || find_spec(j->policy, BOUND_service_specs, kept_spec) ||
        find_spec(j->policy, BOUND_instance_types, kept_spec))
        return true;
    return policy_refuse_value(j, BOUND_service_specs, S("the service's present spec"), kept_spec);
}

static bool check_hardware(struct judging *j, const struct after *after)
{
    const struct facts *f = j->facts, *coming = NULL;

    switch (f->op->raise) {
    case OP_RAISE_CREATE:
        break;
    case OP_RAISE_CLONE:
    case OP_RAISE_VERSION:
        if (j->state->is_app) /* its AppConfig comes along, too, and no document says which */
            return refuse_unknown(j, "is refused: the service is an application, and nothing says which spec "
                                     "and Config of it would come back");
        coming = state_coming(j->state, f->op);
        if (!coming)
            return policy_refuse(j, REASON_STATE_UNREADABLE, NULL, NULL, SLICE_NONE, SLICE_NONE,
                                 "the configuration that the service would get cannot be read");
        if (!has_hardware(f) && !has_hardware(coming))
            return refuse_unknown(
                j, "is refused: the configuration that would come back does not state its hardware");
        return check_config(j, coming);
    case OP_RAISE_NONE:
    case OP_RAISE_UPDATE:
    case OP_RAISE_SCALE:
    case OP_RAISE_DETACH:
    case OP_RAISE_START:
        if (f->spec.n && !j->state->is_app)
            return refuse_unknown(
                j,
                "is refused: the service is no application, and nothing says what a ServiceSpec does to it");
        if (!check_app(j, after->kept_spec))
            return false;
        if (!f->replaces)
            return check_kept(j, after->spec);
        break;
    }
    return has_hardware(f) ||
           refuse_unknown(j, "must state the hardware: an instance type, or metadata.cpu or gpu");
}

/* ---- replicas ---- */

struct cap {
    const struct rule *rule; /* NULL: there is none, so nothing is allowed */
    enum bound key;
    bool is_open; /* one of the specs has no cap of its own: then only max_replicas is one */
};

static void take_cap(struct judging *j, enum bound key, struct slice spec, struct cap *tightest)
{
    const struct rule *rule = find_spec(j->policy, key, spec);

    if (!rule)
        return;
    tightest->is_open = tightest->is_open || !rule->has_cap;
    if (rule->has_cap && (!tightest->rule || rule->cap < tightest->rule->cap)) {
        tightest->rule = rule;
        tightest->key = key;
    }
}

/* Several instance types may be stated, and any of them may be given to all replicas. */
static void take_caps(struct judging *j, const struct facts *f, bool unless_stated, struct cap *tightest)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct fact *fact = &f->values[i];
        if (fact->meaning == OP_BOUNDED && bound_style(fact->bound) == BOUND_STYLE_SPEC_CAPS &&
            !(unless_stated && is_stated(j->facts, fact->where)))
            take_cap(j, fact->bound, fact->text, tightest);
    }
}

static void take_all_caps(struct judging *j, struct slice spec, struct cap *cap)
{
    take_cap(j, BOUND_service_specs, spec, cap);
    take_cap(j, BOUND_instance_types, spec, cap);
    take_caps(j, j->facts, false, cap);
    if (!j->state || j->facts->op->raise == OP_RAISE_CREATE)
        return;
    const struct facts *coming = state_coming(j->state, j->facts->op);
    if (!j->facts->spec.n) /* an instance type beside it does not take an application's spec away */
        take_cap(j, BOUND_service_specs, j->state->spec, cap);
    if (coming && !j->facts->replaces) /* nor does the spec take the instance type's cap away */
        take_caps(j, coming, true, cap);
}

/* The tightest cap for one service of this spec. */
static struct cap cap_of(struct judging *j, struct slice spec)
{
    const struct rules *most = POLICY_RULES(j->policy, max_replicas);
    struct cap cap = { most->count ? &most->at[0] : NULL, BOUND_max_replicas, false };

    take_all_caps(j, spec, &cap);
    if (cap.is_open && !most->count)
        cap = (struct cap){ .key = BOUND_max_replicas };
    return cap;
}

static void add_part(struct sbuf *parts, const char *before, int64_t n, const char *behind)
{
    sbuf_adds(parts, parts->n ? ", " : " (");
    sbuf_addf(parts, "%s%lld%s", before, (long long)n, behind);
}

/* " (8 now, 9 asked, scaler maximum 12, 1 detached, surge 2)": what makes the number, unless it is just what was asked. */
static void print_parts(struct judging *j, const struct after *after, struct sbuf *parts)
{
    int64_t asked = 0;
    bool has_asked = facts_max(j->facts, OP_REPLICAS, &asked);

    if (j->state && j->facts->op->raise != OP_RAISE_CREATE && j->facts->op->raise != OP_RAISE_CLONE)
        add_part(parts, "", after->now, " now");
    if (has_asked && asked != after->peak)
        add_part(parts, "", asked, " asked");
    if (after->scaler > after->replicas && after->scaler >= after->cron)
        add_part(parts, "scaler maximum ", after->scaler, "");
    if (after->cron > after->replicas && after->cron > after->scaler)
        add_part(parts, "cron target ", after->cron, "");
    if (after->extra)
        add_part(parts, "", after->extra, " detached");
    if (after->surge)
        add_part(parts, "surge ", after->surge, "");
    if (parts->n)
        sbuf_addc(parts, ')');
}

static bool refuse_count(struct judging *j, struct cap cap, struct slice spec, const struct after *after)
{
    SCOPED(sbuf) parts = SBUF_MAX(256);
    const char *key = bound_name(cap.key), *asked = arena_printf(j->arena, "%lld", (long long)after->peak);

    print_parts(j, after, &parts);
    if (!cap.rule)
        return policy_refuse(
            j, REASON_REPLICA_CAP, key, NULL, slice_of(asked), S("nothing"),
            arena_printf(j->arena, "would be %lld replicas%.*s; [policy %.*s] does not set max_replicas",
                         (long long)after->peak, SLICE_FMT(sbuf_slice(&parts)), SLICE_FMT(j->policy->name)));
    struct slice of = cap.key == BOUND_max_replicas ? SLICE_NONE : cap.rule->text.n ? cap.rule->text : spec;
    return policy_refuse(
        j, REASON_REPLICA_CAP, key, cap.rule, slice_of(asked),
        slice_of(arena_printf(j->arena, "%lld", (long long)cap.rule->cap)),
        arena_printf(j->arena, "would be %lld replicas%.*s; %s of [policy %.*s] is %lld%s%.*s",
                     (long long)after->peak, SLICE_FMT(sbuf_slice(&parts)), key, SLICE_FMT(j->policy->name),
                     (long long)cap.rule->cap, of.n ? " for " : "", SLICE_FMT(of)));
}

/* What is stated can be too much already, whatever the rest turns out to be. */
static bool check_stated(struct judging *j)
{
    const struct facts *f = j->facts;
    struct slice spec = f->spec.n ? f->spec : f->instance_type;
    struct cap cap = cap_of(j, spec);
    int64_t least = after_stated(f);
    struct after after = { .spec = spec, .peak = least };

    if (least <= 0 || (!cap.rule && !spec.n) || (cap.rule && least <= cap.rule->cap))
        return true;
    facts_max(f, OP_REPLICAS, &after.replicas);
    after.scaler = after_stated_scaler(f);
    facts_max(f, OP_CRON_TARGET, &after.cron);
    facts_max(f, OP_SURGE, &after.surge);
    return refuse_count(j, cap, spec, &after);
}

static void take_gpus_of(struct judging *j, struct slice spec, struct after *after)
{
    const struct rule *rule = rules_find(POLICY_RULES(j->policy, spec_gpus), BOUND_STYLE_COUNTS, spec);

    if (rule && (!after->has_gpus || rule->cap > after->gpus))
        after->gpus = rule->cap;
    after->has_gpus = after->has_gpus || rule;
}

/* The instance types that are stated or stay may have more GPUs than the request says. */
static void take_gpus(struct judging *j, const struct facts *f, bool unless_stated, struct after *after)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct fact *fact = &f->values[i];
        if (fact->bound == BOUND_instance_types && !(unless_stated && is_stated(j->facts, fact->where)))
            take_gpus_of(j, fact->text, after);
    }
}

static enum reason reason_of(enum err_code code)
{
    return code == ERR_MISSING    ? REASON_REPLICA_CAP
           : code == ERR_CONFLICT ? REASON_SCALER
                                  : REASON_STATE_UNREADABLE;
}

bool policy_check_after(struct judging *j)
{
    const struct facts *f = j->facts;
    struct after *after = &j->out->after;
    struct err e = { 0 };

    if (!f->raises)
        return true;
    if (!j->state && !check_stated(j))
        return false;
    if (!j->state && f->op->raise != OP_RAISE_CREATE) {
        j->out->kind = VERDICT_NEED_STATE;
        return false;
    }
    if (!after_compute(f, j->state, after, &e))
        return policy_refuse_always(j, reason_of(e.code), arena_str(j->arena, slice_of(e.text)));
    j->out->has_after = true;
    if (!check_hardware(j, after))
        return false;
    const struct facts *coming = j->state ? state_coming(j->state, f->op) : NULL;
    take_gpus(j, f, false, after);
    if (after->kept_spec.n)
        take_gpus_of(j, after->kept_spec, after);
    if (coming && !f->replaces)
        take_gpus(j, coming, true, after);
    struct cap cap = cap_of(j, after->spec);
    return cap.rule && after->peak <= cap.rule->cap ? true : refuse_count(j, cap, after->spec, after);
}
