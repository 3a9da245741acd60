/*
 * The verdict: see policy.h. policy_judge runs an ordered table of checks; each looks at one thing, and the first that
 * refuses ends it. A check that needs the service's present state asks for it last, so that a request which can be refused
 * without a look-up never causes one. Must never allow what no rule lists.
 */
#include "core/policy.h"
#include "core/glob.h"

struct judging {
    const struct policy *policy;
    struct slice region;
    const struct facts *facts;
    const struct service_state *state;
    struct arena *arena;
    struct verdict *out;
};

/* ---- allow ---- */

static bool is_read(const struct op *op)
{
    return op->effect == OP_READ || op->effect == OP_SECRET;
}

bool policy_allow_covers(struct slice text, const struct op *op)
{
    if (text.n == 0 || text.p[0] != '@')
        return slice_eq(text, op->name);
    struct slice class = slice_skip(text, 1);
    /* Answers that hold secrets are redacted, so reading them is reading. */
    return slice_eq(class, S("read")) ? is_read(op) : slice_eq(class, slice_of(op_effect_name(op->effect)));
}

bool policy_allow_valid(struct slice text)
{
    for (size_t i = 0; i < opcat_count(); i++)
        if (policy_allow_covers(text, opcat_at(i)))
            return !slice_eq(text, S("@secret"));
    return false;
}

bool policy_index_allow(struct policy *p, struct arena *a)
{
    p->allowed = ARENA_ARRAY(a, const struct rule *, opcat_count());
    if (!p->allowed)
        return false;
    for (size_t i = 0; i < opcat_count(); i++)
        for (size_t r = 0; r < p->allow.count && !p->allowed[i]; r++)
            if (policy_allow_covers(p->allow.at[r].text, opcat_at(i)))
                p->allowed[i] = &p->allow.at[r];
    return true;
}

const struct rule *policy_owns(const struct policy *p, struct slice service)
{
    for (size_t i = 0; i < p->services.count; i++)
        if (glob_match(p->services.at[i].text, service))
            return &p->services.at[i];
    return NULL;
}

/* ---- saying no ---- */

/* All values of a key as a person would list them; "nothing" when it is not set. */
static struct slice list_text(struct arena *a, const struct rules *rules)
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

static struct slice rule_place(const struct judging *j, const char *key, const struct rule *rule)
{
    return policy_rule_place(j->policy, key, rule, j->arena);
}

static bool refuse(struct judging *j, enum reason reason, const char *key, const struct rule *rule,
                   struct slice asked, struct slice allowed, const char *message)
{
    struct verdict *v = j->out;

    v->kind = VERDICT_REFUSE;
    v->rule = rule;
    v->rule_key = key;
    v->refusal =
        (struct refusal){ .reason = reason, .asked = arena_dup(j->arena, asked), .allowed = allowed };
    v->rule_text = key ? rule_place(j, key, rule) : SLICE_NONE;
    v->refusal.rule = v->rule_text;
    v->refusal.message = slice_of(message);
    if (arena_failed(j->arena))
        v->refusal = (struct refusal){ .reason = REASON_INTERNAL, .message = S("out of memory") };
    return false;
}

/* The value `asked` is not among the values of `rules`. */
static bool refuse_value(struct judging *j, enum reason reason, const char *what, struct slice asked,
                         const struct rules *rules)
{
    struct slice allowed = list_text(j->arena, rules);
    const char *message =
        rules->count
            ? arena_printf(j->arena, "%s \"%.*s\" is not allowed; %s of [policy %.*s] allows %.*s", what,
                           SLICE_FMT(asked), rules->key, SLICE_FMT(j->policy->name), SLICE_FMT(allowed))
            : arena_printf(j->arena, "%s \"%.*s\" is not allowed; [policy %.*s] does not set %s", what,
                           SLICE_FMT(asked), SLICE_FMT(j->policy->name), rules->key);

    return refuse(j, reason, rules->key, rules->count ? &rules->at[0] : NULL, asked, allowed, message);
}

static const struct rule *find_value(const struct rules *rules, struct slice value)
{
    for (size_t i = 0; i < rules->count; i++)
        if (slice_eq(rules->at[i].text, value))
            return &rules->at[i];
    return NULL;
}

/* ---- the checks, in order ---- */

static bool check_operation(struct judging *j)
{
    const struct op *op = j->facts->op;
    const struct rule *rule = j->policy->allowed[opcat_index(op)];

    if (!op->open)
        return refuse(j, REASON_OPERATION_CLOSED, rule ? "allow" : NULL, rule, op->name, SLICE_NONE,
                      arena_printf(j->arena, "%.*s is closed in this version, whatever a policy allows: %s",
                                   SLICE_FMT(op->name), op->closed_reason));
    if (!rule)
        return refuse(j, REASON_OPERATION_DENIED, "allow",
                      j->policy->allow.count ? &j->policy->allow.at[0] : NULL, op->name,
                      list_text(j->arena, &j->policy->allow),
                      arena_printf(j->arena, "%.*s is not allowed by [policy %.*s]", SLICE_FMT(op->name),
                                   SLICE_FMT(j->policy->name)));
    j->out->rule = rule;
    j->out->rule_key = "allow";
    j->out->rule_text = rule_place(j, "allow", rule);
    return true;
}

static bool check_cluster(struct judging *j)
{
    struct slice cluster = j->facts->cluster;

    if (!cluster.p || slice_eq(cluster, j->region))
        return true;
    return refuse(j, REASON_CLUSTER, NULL, NULL, cluster, j->region,
                  arena_printf(j->arena, "ClusterId is \"%.*s\"; this gateway speaks for region %.*s",
                               SLICE_FMT(cluster), SLICE_FMT(j->region)));
}

/* A foreign service and one that does not exist get the same answer; only a new name may be told that it is foreign. */
static bool check_owner(struct judging *j)
{
    const struct facts *f = j->facts;

    if (f->is_service_list)
        return true; /* its answer is cut to owned services */
    if (f->service.p && policy_owns(j->policy, f->service))
        return true;
    if (f->creates)
        return refuse_value(j, REASON_SERVICE_NAME, "ServiceName", f->service, &j->policy->services);
    return refuse(j, REASON_SERVICE_NOT_FOUND, NULL, NULL, f->service, SLICE_NONE,
                  arena_printf(j->arena, "no service \"%.*s\" is yours", SLICE_FMT(f->service)));
}

/* A place (workspace, quota): given, it must be listed; left out where a service is placed, it is filled in. */
static bool check_place(struct judging *j, enum reason reason, const char *what, struct slice given,
                        const struct rules *rules, struct slice *out_fill)
{
    if (given.p)
        return find_value(rules, given) ? true : refuse_value(j, reason, what, given, rules);
    if (!j->facts->places || rules->count == 0)
        return true;
    if (rules->count == 1) {
        *out_fill = rules->at[0].text;
        return true;
    }
    struct slice allowed = list_text(j->arena, rules);
    return refuse(j, reason, rules->key, &rules->at[0], SLICE_NONE, allowed,
                  arena_printf(j->arena, "%s is missing in the query; %s of [policy %.*s] allows %.*s", what,
                               rules->key, SLICE_FMT(j->policy->name), SLICE_FMT(allowed)));
}

static bool check_workspace(struct judging *j)
{
    return check_place(j, REASON_WORKSPACE, "WorkspaceId", j->facts->workspace, &j->policy->workspaces,
                       &j->out->fill_workspace);
}

static bool check_quota(struct judging *j)
{
    return check_place(j, REASON_QUOTA, "QuotaId", j->facts->quota, &j->policy->quotas, &j->out->fill_quota);
}

static bool check_listed(struct judging *j, enum reason reason, const char *what, struct slice given,
                         const struct rules *rules)
{
    if (!given.p || find_value(rules, given))
        return true;
    return refuse_value(j, reason, what, given, rules);
}

static bool check_paths(struct judging *j, const char *what, struct slice given, const struct rules *rules)
{
    if (!given.p)
        return true;
    for (size_t i = 0; i < rules->count; i++)
        if (glob_path_match(rules->at[i].text, given))
            return true;
    return refuse_value(j, REASON_STORAGE, what, given, rules);
}

static bool check_app(struct judging *j)
{
    const struct facts *f = j->facts;
    const struct policy *p = j->policy;

    return check_listed(j, REASON_APP_TYPE, "AppType", f->app_type, &p->app_types) &&
           check_listed(j, REASON_APP_VERSION, "AppVersion", f->app_version, &p->app_versions) &&
           check_listed(j, REASON_SPEC, "ServiceSpec", f->spec, &p->service_specs);
}

static bool check_storage(struct judging *j)
{
    const struct facts *f = j->facts;
    const struct policy *p = j->policy;

    return check_paths(j, "Config.OssPath", f->oss_path, &p->oss_paths) &&
           check_listed(j, REASON_STORAGE, "Config.NasMountTarget", f->nas_mount_target,
                        &p->nas_mount_targets) &&
           check_paths(j, "Config.NasPath", f->nas_path, &p->nas_paths) &&
           check_listed(j, REASON_NETWORK, "Config.VpcID", f->vpc, &p->vpcs) &&
           check_listed(j, REASON_NETWORK, "Config.VswitchID", f->vswitch, &p->vswitches) &&
           check_listed(j, REASON_NETWORK, "Config.SecurityGroupID", f->security_group, &p->security_groups);
}

/* The tightest cap for one service of this spec; NULL when neither max_replicas nor the spec's own cap is set. */
static const struct rule *cap_of(const struct policy *p, const struct rule *spec, const char **out_key)
{
    const struct rule *cap = p->max_replicas.count ? &p->max_replicas.at[0] : NULL;

    *out_key = "max_replicas";
    if (spec && spec->has_cap && (!cap || spec->cap < cap->cap)) {
        cap = spec;
        *out_key = "service_specs";
    }
    return cap;
}

static bool refuse_count(struct judging *j, const char *key, const struct rule *cap)
{
    struct verdict *v = j->out;
    const char *now =
        v->has_replicas_now ? arena_printf(j->arena, " (%lld now)", (long long)v->replicas_now) : "";
    const char *spec = slice_eq(slice_of(key), S("service_specs"))
                           ? arena_printf(j->arena, " for %.*s", SLICE_FMT(v->spec))
                           : "";
    const char *asked = arena_printf(j->arena, "%lld", (long long)v->replicas);

    if (!cap)
        return refuse(j, REASON_REPLICA_CAP, key, NULL, slice_of(asked), S("nothing"),
                      arena_printf(j->arena,
                                   "would be %lld replicas%s; [policy %.*s] does not set max_replicas",
                                   (long long)v->replicas, now, SLICE_FMT(j->policy->name)));
    const char *allowed = arena_printf(j->arena, "%lld", (long long)cap->cap);
    return refuse(j, REASON_REPLICA_CAP, key, cap, slice_of(asked), slice_of(allowed),
                  arena_printf(j->arena, "would be %lld replicas%s; %s of [policy %.*s] is %lld%s",
                               (long long)v->replicas, now, key, SLICE_FMT(j->policy->name),
                               (long long)cap->cap, spec));
}

/* The state after the call, which is what the caps bound. */
static bool check_replicas(struct judging *j)
{
    const struct facts *f = j->facts;
    struct verdict *v = j->out;

    v->spec = f->spec;
    v->has_replicas = f->has_replicas;
    v->replicas = f->replicas;
    if (!f->raises)
        return true;
    /* What is given can be too much already, whatever the rest turns out to be. */
    const char *key;
    const struct rule *cap = cap_of(j->policy, find_value(&j->policy->service_specs, f->spec), &key);
    if (f->has_replicas && (f->spec.p || cap) && (!cap || f->replicas > cap->cap))
        return refuse_count(j, key, cap);
    if (f->spec.p && f->has_replicas)
        return true;
    if (!j->state) {
        v->kind = VERDICT_NEED_STATE;
        return false;
    }
    v->has_replicas_now = true;
    v->replicas_now = j->state->replicas;
    v->has_replicas = true;
    if (!f->has_replicas)
        v->replicas = j->state->replicas;
    if (!f->spec.p)
        v->spec = j->state->spec;
    const struct rule *spec = find_value(&j->policy->service_specs, v->spec);
    if (!spec)
        return refuse_value(j, REASON_SPEC, "ServiceSpec", v->spec, &j->policy->service_specs);
    if (j->state->has_scaler)
        return refuse(
            j, REASON_SCALER, NULL, NULL, SLICE_NONE, SLICE_NONE,
            "the service has a scaler that was set elsewhere; it could pass the cap, so nothing that can "
            "raise the service's replicas is allowed while it is on");
    cap = cap_of(j->policy, spec, &key);
    return cap && v->replicas <= cap->cap ? true : refuse_count(j, key, cap);
}

void policy_judge(const struct policy *p, struct slice region, const struct facts *facts,
                  const struct service_state *state, struct arena *a, struct verdict *out)
{
    static bool (*const checks[])(struct judging *) = {
        check_operation, check_cluster, check_owner,   check_workspace,
        check_quota,     check_app,     check_storage, check_replicas,
    };
    struct judging j = { p, region, facts, state, a, out };

    *out = (struct verdict){ .kind = VERDICT_NONE };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (!checks[i](&j))
            return;
    if (arena_failed(a)) {
        refuse(&j, REASON_INTERNAL, NULL, NULL, SLICE_NONE, SLICE_NONE, "out of memory");
        return;
    }
    out->kind = VERDICT_ALLOW;
}

bool policy_judge_sum(const struct policy *p, int64_t replicas, int64_t sum_of_others, int64_t own_now,
                      struct arena *a, struct refusal *out)
{
    const struct rule *limit = p->max_total_replicas.count ? &p->max_total_replicas.at[0] : NULL;

    if (!limit || replicas <= own_now || sum_of_others + replicas <= limit->cap)
        return true;
    *out = (struct refusal){ .reason = REASON_BUDGET,
                             .asked = slice_of(arena_printf(a, "%lld", (long long)replicas)),
                             .allowed = slice_of(arena_printf(a, "%lld", (long long)limit->cap)),
                             .rule = policy_rule_place(p, "max_total_replicas", limit, a) };
    out->message = slice_of(arena_printf(
        a,
        "would be %lld replicas of all services together (%lld now or under way, %lld more asked); "
        "max_total_replicas of [policy %.*s] is %lld",
        (long long)(sum_of_others + replicas), (long long)(sum_of_others + own_now),
        (long long)(replicas - own_now), SLICE_FMT(p->name), (long long)limit->cap));
    if (arena_failed(a))
        *out = (struct refusal){ .reason = REASON_INTERNAL, .message = S("out of memory") };
    return false;
}
