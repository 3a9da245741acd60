/*
 * Raw configurations: see emu_raw.h. It must never be stricter than EAS may be: a key that could be meant for a count
 * counts, so that a test in which nothing odd took effect proves that nothing odd arrived.
 */
#include "emulator/emu_raw.h"
#include "emulator/emu_fields.h"
#include "emulator/emu_service_json.h"
#include "emulator/emu_labels.h"
#include "emulator/emu_specs.h"

#define DEPTH_MAX 64

/* Names that are read in any spelling; the rest is kept as it was sent. */
static const char *const known[] = { "metadata",
                                     "name",
                                     "instance",
                                     "cpu",
                                     "memory",
                                     "gpu",
                                     "gpu_memory",
                                     "gpu_core_percentage",
                                     "disk",
                                     "shm_size",
                                     "rdma",
                                     "resource",
                                     "resource_burstable",
                                     "workspace_id",
                                     "quota_id",
                                     "quota_type",
                                     "gpu_model",
                                     "group",
                                     "gateway",
                                     "enable_webservice",
                                     "rolling_strategy",
                                     "max_surge",
                                     "max_unavailable",
                                     "elastic_job",
                                     "autoscaler",
                                     "min",
                                     "max",
                                     "scaleStrategies",
                                     "behavior",
                                     "onZero",
                                     "scaleUpActivationReplicas",
                                     "cronscaler",
                                     "ScaleJobs",
                                     "TargetSize",
                                     "Schedule",
                                     "TimeZone",
                                     "ExcludeDates",
                                     "cloud",
                                     "computing",
                                     "instance_type",
                                     "instances",
                                     "type",
                                     "disable_spot_protection_period",
                                     "spot_price_limit",
                                     "networking",
                                     "vpc_id",
                                     "vswitch_id",
                                     "security_group_id",
                                     "nlb",
                                     "netType",
                                     "containers",
                                     "image",
                                     "resources",
                                     "labels",
                                     "features",
                                     "token",
                                     "dockerAuth",
                                     "role_arn",
                                     "options",
                                     "enable_ram_role",
                                     "storage",
                                     "unit",
                                     "size",
                                     "members",
                                     "tasks",
                                     "raycluster",
                                     "env" };

static bool is_free_form(struct slice name)
{
    return slice_eq(name, S("labels")) || slice_eq(name, S("features")) || slice_eq(name, S("env"));
}

static struct slice spelled(struct emu_call *c, struct slice sent)
{
    if (emu_name_folds_to(sent, S("replicas")) || emu_name_folds_to(sent, S("replica"))) {
        emu_note(&c->req->notes, "body: instance spelled %.*s", SLICE_FMT(sent));
        return S("instance");
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct slice name = slice_of(known[i]);
        if (slice_eq(sent, name))
            return sent;
        if (!emu_name_folds_to(sent, name))
            continue;
        emu_note(&c->req->notes, "body: %s spelled %.*s", known[i], SLICE_FMT(sent));
        return name;
    }
    return sent;
}

static void put(struct emu_call *c, struct emu_json *to, struct slice name, const struct emu_json *value,
                int depth);

static struct emu_json *fold(struct emu_call *c, const struct emu_json *value, int depth)
{
    bool is_list = emu_json_kind(value) == EMU_JSON_ARRAY;

    if (depth > DEPTH_MAX || (!is_list && emu_json_kind(value) != EMU_JSON_OBJECT))
        return emu_json_copy(value);
    struct emu_json *out = emu_json_new(is_list ? '[' : '{');
    for (const struct emu_json *m = emu_json_first(value); out && m; m = emu_json_next(m)) {
        if (is_list)
            emu_json_append(out, fold(c, m, depth + 1));
        else
            put(c, out, emu_json_name(m), m, depth + 1);
    }
    return out;
}

/* Of two values for one name: of numbers the larger, else the later. */
static void put_leaf(struct emu_call *c, struct emu_json *to, struct slice name, struct emu_json *value)
{
    struct emu_json *have = emu_json_at(to, name);
    int64_t old, new;

    if (have) {
        emu_note(&c->req->notes, "body: repeated %.*s", SLICE_FMT(name));
        if (emu_json_integer_lenient(have, &old) && emu_json_integer_lenient(value, &new) && old > new) {
            emu_json_free(&value);
            return;
        }
    }
    emu_json_put(to, name, value);
}

static void put_members(struct emu_call *c, struct emu_json *to, struct slice name,
                        const struct emu_json *value, int depth)
{
    struct emu_json *section = emu_json_section(to, arena_str(c->arena, name), '{');

    for (const struct emu_json *m = emu_json_first(value); section && m; m = emu_json_next(m)) {
        if (is_free_form(name))
            emu_json_put(section, emu_json_name(m), emu_json_copy(m));
        else
            put(c, section, emu_json_name(m), m, depth + 1);
    }
}

static void put(struct emu_call *c, struct emu_json *to, struct slice name, const struct emu_json *value,
                int depth)
{
    size_t dot = slice_find(name, '.');
    struct slice head = spelled(c, slice_trim(slice_from(name.p, dot)));

    if (dot == name.n || depth > DEPTH_MAX) {
        if (emu_json_kind(value) == EMU_JSON_OBJECT && depth <= DEPTH_MAX)
            put_members(c, to, head, value, depth);
        else
            put_leaf(c, to, head, fold(c, value, depth));
        return;
    }
    emu_note(&c->req->notes, "body: dotted %.*s", SLICE_FMT(name));
    struct emu_json *section = emu_json_section(to, arena_str(c->arena, head), '{');
    if (section && is_free_form(head))
        emu_json_put(section, slice_skip(name, dot + 1), emu_json_copy(value));
    else if (section)
        put(c, section, slice_skip(name, dot + 1), value, depth + 1);
}

/* A section that stands where the documents do not have it is moved to where they do. */
static void lift(struct emu_call *c, struct emu_json *from, const char *name, struct emu_json *to,
                 const char *as)
{
    struct emu_json *m = emu_json_at(from, slice_of(name));

    if (!m)
        return;
    emu_note(&c->req->notes, "body: %s in an odd place", name);
    put(c, to, slice_of(as), m, 0);
    emu_json_remove(from, slice_of(name));
}

struct emu_json *emu_raw_read(struct emu_call *c)
{
    struct emu_json *tree = NULL;

    if (emu_json_kind(c->body) != EMU_JSON_OBJECT || !(tree = fold(c, c->body, 0)))
        return NULL;
    if (emu_json_at(tree, S("instance")) || emu_json_at(tree, S("name"))) {
        struct emu_json *metadata = emu_json_section(tree, "metadata", '{');
        lift(c, tree, "instance", metadata, "instance");
        lift(c, tree, "name", metadata, "name");
    }
    lift(c, emu_json_at(tree, S("metadata")), "autoscaler", tree, "autoscaler");
    lift(c, emu_json_at(tree, S("metadata")), "cronscaler", tree, "cronscaler");
    return tree;
}

static bool count_of(const struct emu_json *object, const char *name, int64_t *out)
{
    int64_t n;

    if (!emu_json_integer_lenient(emu_json_get(object, name), &n))
        return false;
    *out = n < 0 ? 0 : n;
    return true;
}

/* Every count in a section that has members of its own. */
static int64_t counts_within(const struct emu_json *v)
{
    int64_t sum = 0, n;

    for (const struct emu_json *m = emu_json_first(v); m; m = emu_json_next(m))
        if (slice_eq(emu_json_name(m), S("instance")) && emu_json_integer_lenient(m, &n))
            sum += n > 0 && n < INT32_MAX ? n : 0;
        else
            sum += counts_within(m);
    return sum;
}

static void look_at_counts(const struct emu_json *tree, struct emu_raw *out)
{
    static const char *const sections[] = { "members", "tasks", "raycluster" };
    const struct emu_json *metadata = emu_json_get(tree, "metadata");
    int64_t size = 1, more = counts_within(emu_json_get(metadata, "elastic_job"));

    out->has_count = count_of(metadata, "instance", &out->count);
    if (count_of(emu_json_get(tree, "unit"), "size", &size) && size > 1 && size < INT32_MAX) {
        out->count = (out->has_count ? out->count : 1) * size;
        out->has_count = true;
    }
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        more += counts_within(emu_json_get(tree, sections[i]));
    if (more) {
        out->count += more;
        out->has_count = true;
    }
    if (out->count > INT32_MAX)
        out->count = INT32_MAX;
}

static void look_at_surge(const struct emu_json *metadata, struct emu_raw *out)
{
    const struct emu_json *surge = emu_json_get(emu_json_get(metadata, "rolling_strategy"), "max_surge");
    struct slice text = emu_json_text(surge);
    int64_t n;

    if (!emu_json_integer_lenient(surge, &n) || n <= 0 || n > INT32_MAX)
        return;
    if (slice_ends(text, S("%")))
        out->surge_percent = n;
    else
        out->surge = n;
}

static void look_at_scalers(const struct emu_json *tree, struct emu_raw *out)
{
    const struct emu_json *scaler = emu_json_get(tree, "autoscaler"),
                          *cron = emu_json_get(tree, "cronscaler");

    out->has_min = count_of(scaler, "min", &out->min);
    out->has_max = count_of(scaler, "max", &out->max);
    out->strategies = emu_json_get(scaler, "scaleStrategies");
    out->behavior = emu_json_get(scaler, "behavior");
    count_of(emu_json_get(out->behavior, "onZero"), "scaleUpActivationReplicas", &out->activation);
    out->cron_jobs = emu_json_kind(cron) == EMU_JSON_ARRAY ? cron : emu_json_get(cron, "ScaleJobs");
    out->cron_exclude = emu_json_get(cron, "ExcludeDates");
}

static void look_at_hardware(const struct emu_json *tree, struct emu_raw *out)
{
    const struct emu_json *metadata = emu_json_get(tree, "metadata");
    const struct emu_json *computing = emu_json_get(emu_json_get(tree, "cloud"), "computing");
    const struct emu_json *first = emu_json_first(emu_json_get(computing, "instances"));

    out->instance_type = emu_json_text(emu_json_get(computing, "instance_type"));
    if (!out->instance_type.n)
        out->instance_type =
            emu_json_text(emu_json_kind(first) == EMU_JSON_OBJECT ? emu_json_get(first, "type") : first);
    const struct emu_spec *spec = emu_spec_find(out->instance_type);
    if (spec) {
        out->cpu = spec->cpu;
        out->gpu = spec->gpu;
        out->memory = spec->memory_mb;
    }
    out->has_cpu = count_of(metadata, "cpu", &out->cpu) || spec;
    out->has_gpu = count_of(metadata, "gpu", &out->gpu) || spec;
    out->has_memory = count_of(metadata, "memory", &out->memory) || spec;
}

void emu_raw_look(const struct emu_json *tree, struct emu_raw *out)
{
    const struct emu_json *metadata = emu_json_get(tree, "metadata");
    const struct emu_json *networking = emu_json_get(tree, "networking");

    *out = (struct emu_raw){ .name = emu_json_text(emu_json_get(metadata, "name")),
                             .workspace = emu_json_text(emu_json_get(metadata, "workspace_id")),
                             .token = emu_json_text(emu_json_get(tree, "token")),
                             .group = emu_json_text(emu_json_get(metadata, "group")),
                             .resource = emu_json_text(emu_json_get(metadata, "resource")),
                             .quota = emu_json_text(emu_json_get(metadata, "quota_id")),
                             .role_arn = emu_json_text(emu_json_get(tree, "role_arn")),
                             .gateway = emu_json_text(emu_json_get(networking, "gateway")),
                             .labels = emu_json_get(tree, "labels") };
    if (!out->gateway.n)
        out->gateway = emu_json_text(emu_json_get(metadata, "gateway"));
    const struct emu_json *container = emu_json_first(emu_json_get(tree, "containers"));
    out->image = emu_json_text(emu_json_get(container, "image"));
    look_at_counts(tree, out);
    look_at_surge(metadata, out);
    look_at_scalers(tree, out);
    look_at_hardware(tree, out);
}

static bool set_text(struct emu_service *v, enum emu_field f, struct slice value)
{
    return !value.p || emu_service_set(v, f, value);
}

static bool apply_texts(struct emu_service *v, const struct emu_raw *r)
{
    return set_text(v, EMU_F_WORKSPACE, r->workspace) && set_text(v, EMU_F_TOKEN, r->token) &&
           set_text(v, EMU_F_GROUP, r->group) && set_text(v, EMU_F_RESOURCE, r->resource) &&
           set_text(v, EMU_F_QUOTA, r->quota) && set_text(v, EMU_F_ROLE_ARN, r->role_arn) &&
           set_text(v, EMU_F_INSTANCE_TYPE, r->instance_type) && set_text(v, EMU_F_IMAGE, r->image) &&
           set_text(v, EMU_F_GATEWAY, r->gateway) &&
           emu_service_set_json(v, EMU_F_STRATEGIES, r->strategies) &&
           emu_service_set_json(v, EMU_F_BEHAVIOR, r->behavior) &&
           emu_service_set_json(v, EMU_F_CRON_JOBS, r->cron_jobs) &&
           emu_service_set_json(v, EMU_F_CRON_EXCLUDE, r->cron_exclude) &&
           (!r->labels || emu_labels_set_service(v, r->labels));
}

bool emu_raw_apply(struct emu_service *v, const struct emu_json *tree, const struct emu_raw *r)
{
    if (r->has_count)
        v->replicas = r->count;
    v->config_replicas = v->replicas;
    if (r->has_max)
        v->max = r->max;
    if (r->has_min)
        v->min = r->min;
    if ((r->has_min || r->has_max) && v->min > v->max)
        v->max = v->min; /* the worse reading */
    if (r->activation)
        v->activation = r->activation;
    v->surge = r->surge;
    v->surge_percent = r->surge_percent;
    if (r->has_cpu)
        v->cpu = r->cpu;
    if (r->has_gpu)
        v->gpu = r->gpu;
    if (r->has_memory)
        v->memory = r->memory;
    return emu_service_set_json(v, EMU_F_RAW, tree) && apply_texts(v, r);
}
