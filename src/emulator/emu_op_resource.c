/* Resource groups, and what is set on one: log, direct link, the services in it. See emu_call.h. */
#include "emulator/emu_fields.h"
#include "emulator/emu_machines.h"
#include "emulator/emu_op_thing.h"
#include "emulator/emu_service_json.h"

static struct emu_thing *resource_of(struct emu_call *c)
{
    return emu_call_thing(c, EMU_KIND_RESOURCE, "ResourceId");
}

void op_create_resource(struct emu_call *c)
{
    static const char *const fields[] = { "AutoRenewal",
                                          "ChargeType",
                                          "EcsInstanceCount",
                                          "EcsInstanceType",
                                          "Labels",
                                          "ResourceName",
                                          "ResourceType",
                                          "SelfManagedResourceOptions",
                                          "SystemDiskSize",
                                          "UsageMode",
                                          "Zone",
                                          NULL };
    const char *id = emu_call_new_id(c, "eas-r-emu");
    struct emu_thing *resource = emu_call_add(c, EMU_KIND_RESOURCE, slice_of(id));

    if (!resource)
        return;
    emu_call_take(c, resource->data, fields);
    emu_json_remove(resource->data, S("Labels"));
    emu_json_remove(resource->data, S("EcsInstanceCount"));
    emu_data_set_labels(resource->data, emu_field(c, "Labels"));
    emu_data_set(resource->data, "ResourceId", slice_of(id));
    emu_data_set(resource->data, "ClusterId", slice_of(c->world->region));
    emu_data_set(resource->data, "Status", S("ResourceReady"));
    struct emu_jw w = emu_call_begin(c);
    jw_str(&w, "ClusterId", c->world->region);
    jw_str(&w, "ResourceId", id);
    jw_text(&w, "ResourceName", emu_data_get(resource->data, "ResourceName"));
    emu_machines_create(c, slice_of(id), &w);
    jw_close(&w, '}');
}

void op_update_resource(struct emu_call *c)
{
    static const char *const fields[] = { "ResourceName", "SelfManagedResourceOptions", NULL };
    struct emu_thing *resource = resource_of(c);

    if (!resource)
        return;
    emu_call_take(c, resource->data, fields);
    emu_data_set_time(resource->data, "UpdateTime", c->now_ms);
    struct emu_jw w = emu_call_begin(c);
    jw_text(&w, "ResourceId", emu_call_param(c, "ResourceId"));
    jw_text(&w, "ResourceName", emu_data_get(resource->data, "ResourceName"));
    jw_close(&w, '}');
}

void op_delete_resource(struct emu_call *c)
{
    struct emu_thing *resource = resource_of(c);

    if (!resource)
        return;
    emu_machines_remove_all(c, emu_call_param(c, "ResourceId"));
    emu_things_remove(emu_state_things(c->world->state), &resource);
    emu_call_say(c, "Resource is deleted.");
}

/* Counts come from the machines as they are now. */
static void count_machines(struct emu_call *c, struct emu_thing *resource)
{
    struct emu_machine_counts n = emu_machines_count(c, slice_of(resource->key));

    emu_data_set_int(resource->data, "InstanceCount", n.machines);
    emu_data_set_int(resource->data, "CpuCount", n.cpu);
    emu_data_set_int(resource->data, "GpuCount", n.gpu);
    emu_data_set_int(resource->data, "Memory", n.memory_mb);
}

void op_resource(struct emu_call *c)
{
    struct emu_thing *resource = resource_of(c);

    if (!resource)
        return;
    count_machines(c, resource);
    emu_call_show(c, resource);
}

void op_resources(struct emu_call *c)
{
    static const struct emu_filter filters[] = {
        { "ResourceId", "ResourceId", false }, { "ResourceName", "ResourceName", true },
        { "ResourceStatus", "Status", false }, { "ResourceType", "ResourceType", false },
        { "UsageMode", "UsageMode", false },   { NULL, NULL, false }
    };
    struct emu_thing *resource = NULL;

    while ((resource = emu_things_next(emu_state_things(c->world->state), EMU_KIND_RESOURCE, resource)))
        count_machines(c, resource);
    emu_call_list(c, EMU_KIND_RESOURCE, "Resources", filters, NULL);
}

void op_resource_services(struct emu_call *c)
{
    struct emu_thing *resource = resource_of(c);
    struct emu_service *v = NULL;
    uint64_t n = 0;

    if (!resource)
        return;
    struct slice id = slice_of(resource->key), name = emu_data_get(resource->data, "ResourceName");
    struct emu_jw w = emu_call_begin(c);
    struct emu_page page = emu_call_page(c, 100, &w);
    jw_open(&w, "Services", '[');
    while ((v = emu_state_next(c->world->state, v, c->now_ms))) {
        struct slice used = emu_service_get(v, EMU_F_RESOURCE);
        if (!used.n || (!slice_eq(used, id) && !slice_eq(used, name)))
            continue;
        if (n++ < page.from || n > page.end)
            continue;
        jw_open(&w, NULL, '{');
        emu_service_write(v, c->world, &w);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_int(&w, "TotalCount", (int64_t)n);
    jw_close(&w, '}');
}

/* Members of the body are kept in a member of the resource that is not shown with it. */
static void keep(struct emu_call *c, const char *member, const char *const *fields, const char *message)
{
    struct emu_thing *resource = resource_of(c);
    struct emu_json *to = resource ? emu_json_section(resource->data, member, '{') : NULL;

    if (!to)
        return;
    emu_call_take(c, to, fields);
    emu_call_say(c, message);
}

static void drop(struct emu_call *c, const char *member, const char *message)
{
    struct emu_thing *resource = resource_of(c);

    if (!resource)
        return;
    emu_json_remove(resource->data, slice_of(member));
    emu_call_say(c, message);
}

static void show(struct emu_call *c, const char *member)
{
    struct emu_thing *resource = resource_of(c);

    if (!resource)
        return;
    const struct emu_json *kept = emu_json_get(resource->data, member);
    struct emu_jw w = emu_call_begin(c);
    jw_str(&w, "Status", kept ? "Enabled" : "Disabled");
    for (const struct emu_json *m = emu_json_first(kept); m; m = emu_json_next(m))
        emu_call_put(&w, arena_str(c->arena, emu_json_name(m)), m);
    jw_close(&w, '}');
}

void op_create_resource_log(struct emu_call *c)
{
    static const char *const fields[] = { "LogStore", "ProjectName", NULL };

    keep(c, "_log", fields, "Log is enabled.");
}

void op_delete_resource_log(struct emu_call *c)
{
    drop(c, "_log", "Log is disabled.");
}

void op_resource_log(struct emu_call *c)
{
    show(c, "_log");
}

void op_set_dlink(struct emu_call *c)
{
    static const char *const fields[] = { "DestinationCIDRs", "SecurityGroupId", "VSwitchId", "VSwitchIdList",
                                          NULL };

    keep(c, "_dlink", fields, "Direct link is set.");
}

void op_delete_dlink(struct emu_call *c)
{
    drop(c, "_dlink", "Direct link is deleted.");
}

void op_dlink(struct emu_call *c)
{
    show(c, "_dlink");
}
