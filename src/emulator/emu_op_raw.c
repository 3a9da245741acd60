/*
 * CreateService, UpdateService, CloneService, and what else replaces a whole configuration: versions, develop, commit.
 * See emu_call.h. They must never refuse what EAS might accept.
 */
#include "emulator/emu_call.h"
#include "emulator/emu_fields.h"
#include "emulator/emu_group.h"
#include "emulator/emu_labels.h"
#include "emulator/emu_raw.h"
#include "emulator/emu_service_json.h"
#include "emulator/emu_versions.h"

static bool fail_memory(struct emu_call *c)
{
    emu_answer_error(c->answer, 500, "InternalError", "No memory.");
    return false;
}

static void answer_new(struct emu_call *c, const struct emu_service *v)
{
    struct emu_jw w = emu_call_begin(c);

    jw_text(&w, "ServiceId", emu_service_get(v, EMU_F_ID));
    jw_text(&w, "ServiceName", emu_service_get(v, EMU_F_NAME));
    jw_str(&w, "Status", v->status);
    jw_str(&w, "Region", c->world->region);
    emu_service_write_endpoints(v, c->world, &w);
    jw_close(&w, '}');
}

static bool put_query_labels(struct emu_call *c, struct emu_service *v)
{
    struct emu_json *labels = emu_call_query_json(c, "Labels");
    bool ok = !labels || emu_labels_set_service(v, labels);

    emu_json_free(&labels);
    return ok;
}

/* The service that a tree describes; NULL after answering. */
static struct emu_service *add(struct emu_call *c, const struct emu_json *tree, const struct emu_raw *says,
                               struct slice labels)
{
    if (emu_state_find(c->world->state, says->name, c->now_ms)) {
        emu_answer_error(c->answer, 409, "InvalidService.Conflict", "The service %.*s exists already.",
                         SLICE_FMT(says->name));
        return NULL;
    }
    struct emu_service *v = emu_state_add(c->world->state, says->name, c->now_ms);
    if (v)
        v->replicas = 1;
    if (!v || !emu_service_set(v, EMU_F_LABELS, labels) || !emu_raw_apply(v, tree, says) ||
        !put_query_labels(c, v)) {
        fail_memory(c);
        return NULL;
    }
    emu_group_ensure(c, says->group);
    emu_service_move(c->world->state, v, "Creating", "Running", c->now_ms);
    return v;
}

void op_create(struct emu_call *c)
{
    struct emu_json *tree = emu_raw_read(c);
    struct slice workspace = emu_call_query(c, "WorkspaceId");
    struct emu_raw says;
    struct emu_service *v = NULL;

    if (!tree) {
        emu_answer_error(c->answer, 400, "InvalidParameter", "The body is not a JSON object.");
        return;
    }
    emu_raw_look(tree, &says);
    if (!says.name.n)
        emu_answer_error(c->answer, 400, "MissingServiceName", "metadata.name is mandatory for this action.");
    else
        v = add(c, tree, &says, SLICE_NONE);
    if (v && workspace.n)
        emu_service_set(v, EMU_F_WORKSPACE, workspace);
    if (v && slice_eq_nocase(emu_call_query(c, "Develop"), S("true")))
        emu_service_set(v, EMU_F_DEVELOP, S("true"));
    if (v)
        answer_new(c, v);
    emu_json_free(&tree);
}

/* The configuration of a service as a tree. */
static struct emu_json *tree_of(const struct emu_service *v)
{
    SCOPED(sbuf) text = SBUF_MAX(EMU_ANSWER_MAX);
    size_t used;

    emu_service_config(v, &text);
    return emu_json_parse(sbuf_slice(&text), &used);
}

/* The names of what the clone takes over beside the configuration. */
static void take_over(struct emu_service *v, const struct emu_service *from, const struct emu_raw *says)
{
    static const enum emu_field taken[] = { EMU_F_APP_TYPE, EMU_F_APP_VERSION, EMU_F_SPEC, EMU_F_APP_CONFIG,
                                            EMU_F_QUOTA };

    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (!emu_service_get(v, taken[i]).n)
            emu_service_set(v, taken[i], emu_service_get(from, taken[i]));
    v->cpu = says->has_cpu ? v->cpu : from->cpu;
    v->gpu = says->has_gpu ? v->gpu : from->gpu;
    v->memory = says->has_memory ? v->memory : from->memory;
}

/* What the clone is to be: the source's configuration, with the body laid over it. */
static struct emu_json *clone_tree(struct emu_call *c, const struct emu_service *from)
{
    struct emu_json *tree = tree_of(from), *wanted = emu_raw_read(c);
    struct emu_json *metadata = tree ? emu_json_section(tree, "metadata", '{') : NULL;

    if (metadata) {
        SCOPED(sbuf) name = SBUF_MAX(EMU_HEAD_MAX);
        sbuf_addf(&name, "%.*s_clone", SLICE_FMT(emu_service_get(from, EMU_F_NAME)));
        emu_json_put(metadata, S("name"), emu_json_new_text(sbuf_slice(&name)));
        emu_json_remove(tree, S("token"));
        emu_json_merge(tree, wanted);
    }
    emu_json_free(&wanted);
    return tree;
}

void op_clone(struct emu_call *c)
{
    struct emu_service *from = emu_call_service(c);
    struct emu_raw says;

    if (!from)
        return;
    struct emu_json *tree = clone_tree(c, from);
    SCOPED(sbuf) labels = SBUF_MAX(EMU_ANSWER_MAX);
    sbuf_add(&labels, emu_service_get(from, EMU_F_LABELS));
    if (!tree) {
        fail_memory(c);
        return;
    }
    emu_raw_look(tree, &says);
    struct slice name = emu_call_param(c, "ServiceName");
    struct emu_service *v = add(c, tree, &says, sbuf_slice(&labels));
    from = v ? emu_state_find(c->world->state, name, c->now_ms) : NULL;
    if (from)
        take_over(v, from, &says);
    if (v)
        answer_new(c, v);
    emu_json_free(&tree);
}

static bool is_changeable(struct emu_call *c, const struct emu_service *v)
{
    if (!emu_service_is(v, "Deleting"))
        return true;
    emu_answer_error(c->answer, 409, "InvalidService.Conflict", "The service is being deleted.");
    return false;
}

static void roll(struct emu_call *c, struct emu_service *v)
{
    v->update_ms = c->now_ms;
    if (!emu_service_is(v, "Stopped") && !emu_service_is(v, "Stopping"))
        emu_service_move(c->world->state, v, "Updating", "Running", c->now_ms);
}

/* A count that is meant for one member of an aggregated service: laid into its section, so that it adds to the sum. */
static struct emu_json *as_member(struct emu_call *c, struct emu_json *change)
{
    struct slice member = emu_call_query(c, "MemberToUpdate");

    if (!member.n)
        return change;
    struct emu_json *outer = emu_json_new('{');
    struct emu_json *members = outer ? emu_json_section(outer, "members", '{') : NULL;
    if (members)
        emu_json_put(members, member, change);
    else
        emu_json_free(&change);
    return outer;
}

/* Merge over what is there (which for an app is what it shows), or replace it. */
static struct emu_json *updated(const struct emu_service *v, const struct emu_json *change, bool replace)
{
    struct emu_json *tree = replace ? emu_json_new('{') : tree_of(v);

    if (tree && !emu_json_merge(tree, change))
        emu_json_free(&tree);
    return tree;
}

static void forget_configuration(struct emu_service *v)
{
    static const enum emu_field cleared[] = { EMU_F_RESOURCE,      EMU_F_QUOTA, EMU_F_ROLE_ARN,
                                              EMU_F_INSTANCE_TYPE, EMU_F_IMAGE, EMU_F_GATEWAY };

    for (size_t i = 0; i < sizeof cleared / sizeof cleared[0]; i++)
        emu_service_set(v, cleared[i], SLICE_NONE);
}

static void update(struct emu_call *c, struct emu_service *v, const struct emu_json *change)
{
    bool replace = slice_eq_nocase(emu_call_query(c, "UpdateType"), S("replace"));
    struct emu_json *tree = updated(v, change, replace);
    struct emu_raw says, all;

    if (!tree || !emu_versions_next(v)) {
        emu_json_free(&tree);
        fail_memory(c);
        return;
    }
    emu_raw_look(tree, &all);
    emu_raw_look(change, &says);
    if (emu_call_query(c, "MemberToUpdate").n) { /* the sum over the members is in the whole */
        says.has_count = all.has_count;
        says.count = all.count;
    }
    says.surge = all.surge;
    says.surge_percent = all.surge_percent;
    if (replace)
        forget_configuration(v);
    if (emu_raw_apply(v, tree, &says)) {
        roll(c, v);
        emu_call_say(c, "Service is updated.");
    } else {
        fail_memory(c);
    }
    emu_json_free(&tree);
}

void op_update(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);

    if (!v || !is_changeable(c, v))
        return;
    struct emu_json *change = as_member(c, emu_raw_read(c));
    if (change)
        update(c, v, change);
    else
        emu_answer_error(c->answer, 400, "InvalidParameter", "The body is not a JSON object.");
    emu_json_free(&change);
}

void op_update_version(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);
    bool found = false;
    int64_t number = 0;

    if (!v || !is_changeable(c, v) || !emu_field_count(c, "Version", &found, &number))
        return;
    if (!found) {
        emu_answer_error(c->answer, 400, "MissingVersion", "Version is mandatory for this action.");
        return;
    }
    if (!emu_versions_restore(v, number)) {
        emu_answer_error(c->answer, 404, "InvalidVersion.NotFound", "The service has no version %lld.",
                         (long long)number);
        return;
    }
    roll(c, v);
    emu_call_say(c, "Service version is updated.");
}

void op_develop(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);
    bool leave = slice_eq_nocase(emu_call_query(c, "Exit"), S("true"));

    if (!v)
        return;
    emu_service_set(v, EMU_F_DEVELOP, leave ? SLICE_NONE : S("true"));
    roll(c, v);
    struct emu_jw w = emu_call_begin(c);
    jw_str(&w, "Message", leave ? "Service leaves development mode." : "Service enters development mode.");
    jw_close(&w, '}');
}

void op_commit(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);
    SCOPED(sbuf) image = SBUF_MAX(EMU_HEAD_MAX);

    if (!v)
        return;
    if (!emu_versions_next(v)) {
        fail_memory(c);
        return;
    }
    sbuf_addf(&image, "registry.example/%.*s:%lld", SLICE_FMT(emu_service_get(v, EMU_F_NAME)),
              (long long)v->version);
    emu_service_set(v, EMU_F_IMAGE, sbuf_slice(&image));
    roll(c, v);
    emu_call_say(c, "Service is committed.");
}
