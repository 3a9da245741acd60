/* Machines of resource groups: see emu_machines.h and emu_call.h. They cost money; they hold no replicas here. */
#include "emulator/emu_fields.h"
#include "emulator/emu_machines.h"
#include "emulator/emu_op_thing.h"
#include "emulator/emu_specs.h"

#define MACHINES_MAX 10000

static struct emu_things *things_of(struct emu_call *c)
{
    return emu_state_things(c->world->state);
}

static bool is_of(const struct emu_thing *machine, struct slice resource_id)
{
    return slice_eq(emu_data_get(machine->data, "ResourceId"), resource_id);
}

static bool add(struct emu_call *c, struct slice resource_id, struct emu_jw *w)
{
    static const char *const fields[] = { "AutoRenewal", "ChargeType",     "EcsInstanceType",
                                          "Labels",      "SystemDiskSize", "Zone",
                                          NULL };
    const char *id = emu_call_new_id(c, "i-emu");
    struct emu_thing *machine = emu_call_add(c, EMU_KIND_MACHINE, slice_of(id));

    if (!machine)
        return false;
    for (const char *const *name = fields; *name; name++)
        if (emu_field(c, *name))
            emu_json_put(machine->data, slice_of(*name), emu_json_copy(emu_field(c, *name)));
    emu_json_remove(machine->data, S("Labels"));
    emu_data_set_labels(machine->data, emu_field(c, "Labels"));
    emu_data_set(machine->data, "ResourceId", resource_id);
    emu_data_set(machine->data, "InstanceId", slice_of(id));
    emu_data_set(machine->data, "InstanceName", slice_of(id));
    emu_data_set(machine->data, "InstanceType", slice_of(emu_data_text(c, machine->data, "EcsInstanceType")));
    emu_data_set(machine->data, "InstanceStatus", S("Ready-SchedulingEnabled"));
    jw_str(w, NULL, id);
    return true;
}

void emu_machines_create(struct emu_call *c, struct slice resource_id, struct emu_jw *w)
{
    int64_t n = 0;

    if (!emu_json_integer_lenient(emu_field(c, "EcsInstanceCount"), &n))
        n = 0;
    jw_open(w, "InstanceIds", '[');
    for (int64_t i = 0; i < n && i < MACHINES_MAX && add(c, resource_id, w); i++)
        continue;
    jw_close(w, ']');
}

void emu_machines_remove_all(struct emu_call *c, struct slice resource_id)
{
    struct emu_thing *at = emu_things_next(things_of(c), EMU_KIND_MACHINE, NULL), *next;

    for (; at; at = next) {
        next = emu_things_next(things_of(c), EMU_KIND_MACHINE, at);
        if (is_of(at, resource_id))
            emu_things_remove(things_of(c), &at);
    }
}

struct emu_machine_counts emu_machines_count(struct emu_call *c, struct slice resource_id)
{
    struct emu_machine_counts n = { 0 };
    struct emu_thing *at = NULL;

    while ((at = emu_things_next(things_of(c), EMU_KIND_MACHINE, at))) {
        if (!is_of(at, resource_id))
            continue;
        const struct emu_spec *spec = emu_spec_find(emu_data_get(at->data, "InstanceType"));
        n.machines++;
        n.cpu += spec ? spec->cpu : 0;
        n.gpu += spec ? spec->gpu : 0;
        n.memory_mb += spec ? spec->memory_mb : 0;
    }
    return n;
}

void op_create_machines(struct emu_call *c)
{
    static const char *const fields[] = { "AutoRenewal",     "ChargeType", "EcsInstanceCount",
                                          "EcsInstanceType", "Labels",     "SystemDiskSize",
                                          "UserData",        "Zone",       NULL };

    if (!emu_call_thing(c, EMU_KIND_RESOURCE, "ResourceId"))
        return;
    emu_fields_note_unknown(c, fields);
    struct emu_jw w = emu_call_begin(c);
    emu_machines_create(c, emu_call_param(c, "ResourceId"), &w);
    jw_close(&w, '}');
}

/* Is the machine among those that the request names? sent: a list of ids, or NULL; comma: the same as text. */
static bool is_named(const struct emu_thing *machine, const struct emu_json *sent, struct slice comma,
                     bool all)
{
    struct slice id;

    for (const struct emu_json *m = emu_json_first(sent); m; m = emu_json_next(m))
        if (slice_eq(emu_json_text(m), slice_of(machine->key)))
            return true;
    while (comma.p && slice_split(&comma, ',', &id))
        if (slice_eq(slice_trim(id), slice_of(machine->key)))
            return true;
    return all;
}

void op_delete_machines(struct emu_call *c)
{
    struct slice list = emu_call_query(c, "InstanceList"), resource = emu_call_param(c, "ResourceId");
    struct emu_thing *at, *next;

    if (!emu_call_thing(c, EMU_KIND_RESOURCE, "ResourceId"))
        return;
    for (at = emu_things_next(things_of(c), EMU_KIND_MACHINE, NULL); at; at = next) {
        next = emu_things_next(things_of(c), EMU_KIND_MACHINE, at);
        if (is_of(at, resource) && is_named(at, NULL, list, false))
            emu_things_remove(things_of(c), &at);
    }
    emu_call_say(c, "Instances are deleted.");
}

void op_update_machine(struct emu_call *c)
{
    static const char *const fields[] = { "Action", "NewDiskSize", "Reason", NULL };
    struct emu_thing *machine = NULL;

    if (emu_call_thing(c, EMU_KIND_RESOURCE, "ResourceId"))
        machine = emu_call_thing(c, EMU_KIND_MACHINE, "InstanceId");
    if (!machine)
        return;
    emu_call_take(c, machine->data, fields);
    if (emu_field(c, "NewDiskSize"))
        emu_json_put(machine->data, S("SystemDiskSize"), emu_json_copy(emu_field(c, "NewDiskSize")));
    struct emu_jw w = emu_call_begin(c);
    jw_str(&w, "InstanceId", machine->key);
    jw_close(&w, '}');
}

void op_migrate_machines(struct emu_call *c)
{
    static const char *const fields[] = { "DestResourceId", "InstanceIds", "MigrateToHybrid", NULL };
    struct slice to = emu_json_text(emu_field(c, "DestResourceId")), from = emu_call_param(c, "ResourceId");
    struct emu_thing *at = NULL;

    if (!emu_call_thing(c, EMU_KIND_RESOURCE, "ResourceId"))
        return;
    emu_fields_note_unknown(c, fields);
    if (!emu_things_find(things_of(c), EMU_KIND_RESOURCE, to)) {
        emu_answer_error(c->answer, 404, "InvalidDestResourceId.NotFound", "There is no resource %.*s.",
                         SLICE_FMT(to));
        return;
    }
    while ((at = emu_things_next(things_of(c), EMU_KIND_MACHINE, at)))
        if (is_of(at, from) && is_named(at, emu_field(c, "InstanceIds"), SLICE_NONE, false))
            emu_data_set(at->data, "ResourceId", to);
    emu_call_say(c, "Instances are migrating.");
}

void op_machines(struct emu_call *c)
{
    static const struct emu_filter filters[] = { { "Filter", "InstanceName", true },
                                                 { "ChargeType", "ChargeType", false },
                                                 { "InstanceIP", "InstanceIp", false },
                                                 { "InstanceId", "InstanceId", false },
                                                 { "InstanceName", "InstanceName", false },
                                                 { "InstanceStatus", "InstanceStatus", false },
                                                 { "Zone", "Zone", false },
                                                 { NULL, NULL, false } };
    struct emu_thing *at = NULL;
    uint64_t n = 0;

    if (!emu_call_thing(c, EMU_KIND_RESOURCE, "ResourceId"))
        return;
    struct emu_jw w = emu_call_begin(c);
    struct emu_page page = emu_call_page(c, 100, &w);
    jw_open(&w, "Instances", '[');
    while ((at = emu_things_next(things_of(c), EMU_KIND_MACHINE, at))) {
        if (!is_of(at, emu_call_param(c, "ResourceId")) || !emu_call_passes(c, at->data, filters, "Label"))
            continue;
        if (n++ < page.from || n > page.end)
            continue;
        jw_open(&w, NULL, '{');
        emu_thing_write(at, &w);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_int(&w, "TotalCount", (int64_t)n);
    jw_close(&w, '}');
}

static bool wants_all(struct emu_call *c)
{
    return slice_eq_nocase(emu_call_query(c, "AllInstances"), S("true"));
}

void op_set_machine_labels(struct emu_call *c)
{
    static const char *const fields[] = { "Labels", NULL };
    struct emu_thing *resource = emu_call_thing(c, EMU_KIND_RESOURCE, "ResourceId"), *at = NULL;

    if (!resource)
        return;
    emu_fields_note_unknown(c, fields);
    while ((at = emu_things_next(things_of(c), EMU_KIND_MACHINE, at)))
        if (is_of(at, slice_of(resource->key)) &&
            is_named(at, NULL, emu_call_query(c, "InstanceIds"), wants_all(c)))
            emu_data_set_labels(at->data, emu_field(c, "Labels"));
    emu_call_say(c, "Labels are set.");
}

void op_delete_machine_labels(struct emu_call *c)
{
    struct emu_thing *resource = emu_call_thing(c, EMU_KIND_RESOURCE, "ResourceId"), *at = NULL;

    if (!resource)
        return;
    struct emu_json *keys = emu_call_query_json(c, "LabelKeys");
    while ((at = emu_things_next(things_of(c), EMU_KIND_MACHINE, at)))
        if (is_of(at, slice_of(resource->key)) &&
            is_named(at, NULL, emu_call_query(c, "InstanceIds"), wants_all(c)))
            emu_data_drop_labels(at->data, keys, emu_call_query(c, "Keys"));
    emu_json_free(&keys);
    emu_call_say(c, "Labels are deleted.");
}

/* No service is placed on a machine here: each machine has one pod of every service of its resource group. */
void op_workers(struct emu_call *c)
{
    struct emu_thing *machine = NULL;
    struct emu_service *v = NULL;
    uint64_t n = 0;

    if (emu_call_thing(c, EMU_KIND_RESOURCE, "ResourceId"))
        machine = emu_call_thing(c, EMU_KIND_MACHINE, "InstanceName");
    if (!machine)
        return;
    struct emu_jw w = emu_call_begin(c);
    struct emu_page page = emu_call_page(c, 100, &w);
    jw_open(&w, "Pods", '[');
    while ((v = emu_state_next(c->world->state, v, c->now_ms))) {
        if (!slice_eq(emu_service_get(v, EMU_F_RESOURCE), emu_call_param(c, "ResourceId")))
            continue;
        if (n++ < page.from || n > page.end)
            continue;
        jw_open(&w, NULL, '{');
        jw_text(&w, "ServiceName", emu_service_get(v, EMU_F_NAME));
        jw_str(&w, "WorkerName", arena_printf(c->arena, "%.*s-0", SLICE_FMT(emu_service_get(v, EMU_F_NAME))));
        jw_str(&w, "Status", v->status);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_int(&w, "TotalCount", (int64_t)n);
    jw_close(&w, '}');
}
