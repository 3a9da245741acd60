/* Groups of services: see emu_call.h. Their access tokens are in the answers, as EAS has it. */
#include "emulator/emu_group.h"
#include "emulator/emu_fields.h"
#include "emulator/emu_op_thing.h"
#include "base/enc.h"
#include "base/secret.h"

static bool fill(struct emu_call *c, struct emu_json *data, struct slice name)
{
    unsigned char random[20];
    char token[41];

    if (!random_bytes(random, sizeof random))
        return false;
    enc_hex(random, sizeof random, token);
    emu_data_set(data, "Name", name);
    emu_data_set(data, "ClusterId", slice_of(c->world->region));
    emu_data_set(data, "AccessToken", slice_of(token));
    emu_data_set(data, "TrafficMode", S("standard"));
    emu_data_set(data, "InternetEndpoint",
                 slice_of(arena_printf(
                     c->arena, "http://1000000000000001.%s.pai-eas.aliyuncs.com/api/predict/group.%.*s",
                     c->world->region, SLICE_FMT(name))));
    emu_data_set(data, "IntranetEndpoint",
                 slice_of(arena_printf(
                     c->arena, "http://1000000000000001.vpc.%s.pai-eas.aliyuncs.com/api/predict/group.%.*s",
                     c->world->region, SLICE_FMT(name))));
    return true;
}

void emu_group_ensure(struct emu_call *c, struct slice name)
{
    struct emu_thing *group;

    if (!name.n || emu_things_find(emu_state_things(c->world->state), EMU_KIND_GROUP, name))
        return;
    group = emu_call_add(c, EMU_KIND_GROUP, name);
    if (group)
        fill(c, group->data, name);
}

void op_create_group(struct emu_call *c)
{
    static const char *const fields[] = { "Labels", "Name", "Network", "WorkSpaceId", NULL };
    struct slice name = emu_json_text(emu_field(c, "Name")), workspace;

    if (!name.n) {
        emu_answer_error(c->answer, 400, "MissingName", "Name is mandatory for this action.");
        return;
    }
    if (emu_things_find(emu_state_things(c->world->state), EMU_KIND_GROUP, name)) {
        emu_answer_error(c->answer, 409, "InvalidGroup.Conflict", "The group exists already.");
        return;
    }
    struct emu_thing *group = emu_call_add(c, EMU_KIND_GROUP, name);
    if (!group || !fill(c, group->data, name))
        return;
    emu_call_take(c, group->data, fields);
    emu_json_remove(group->data, S("Labels"));
    emu_data_set_labels(group->data, emu_field(c, "Labels"));
    workspace = emu_data_get(group->data, "WorkSpaceId");
    emu_data_set(group->data, "WorkspaceId", slice_of(arena_str(c->arena, workspace)));
    emu_json_remove(group->data, S("WorkSpaceId"));
    struct emu_jw w = emu_call_begin(c);
    jw_text(&w, "Name", name);
    jw_str(&w, "Message", "Group is created.");
    jw_close(&w, '}');
}

void op_update_group(struct emu_call *c)
{
    static const char *const fields[] = { "Labels", "Network", "TrafficMode", NULL };
    struct emu_thing *group = emu_call_thing(c, EMU_KIND_GROUP, "GroupName");

    if (!group)
        return;
    struct emu_json *labels = emu_json_copy(emu_json_get(group->data, "Labels"));
    emu_call_take(c, group->data, fields);
    if (labels)
        emu_json_put(group->data, S("Labels"), labels);
    else
        emu_json_remove(group->data, S("Labels"));
    if (emu_field(c, "Labels"))
        emu_data_set_labels(group->data, emu_field(c, "Labels"));
    emu_data_set_time(group->data, "UpdateTime", c->now_ms);
    emu_call_say(c, "Group is updated.");
}

/* With CascadeDelete its services are deleted, too; else they belong to no group any more. */
void op_delete_group(struct emu_call *c)
{
    struct emu_thing *group = emu_call_thing(c, EMU_KIND_GROUP, "GroupName");
    bool cascade = slice_eq_nocase(emu_call_query(c, "CascadeDelete"), S("true"));
    struct slice name = emu_call_param(c, "GroupName");
    struct emu_service *v = NULL;

    if (!group)
        return;
    while ((v = emu_state_next(c->world->state, v, c->now_ms))) {
        if (!slice_eq(emu_service_get(v, EMU_F_GROUP), name))
            continue;
        emu_state_touch(c->world->state, v);
        if (cascade)
            emu_service_move(c->world->state, v, "Deleting", "gone", c->now_ms);
        else
            emu_service_set(v, EMU_F_GROUP, SLICE_NONE);
    }
    emu_things_remove(emu_state_things(c->world->state), &group);
    emu_call_say(c, "Group is deleted.");
}

void op_group(struct emu_call *c)
{
    struct emu_thing *group = emu_call_thing(c, EMU_KIND_GROUP, "GroupName");

    if (group)
        emu_call_show(c, group);
}

void op_groups(struct emu_call *c)
{
    static const struct emu_filter filters[] = { { "Filter", "Name", true },
                                                 { "WorkspaceId", "WorkspaceId", false },
                                                 { "TrafficMode", "TrafficMode", false },
                                                 { NULL, NULL, false } };

    emu_call_list(c, EMU_KIND_GROUP, "Groups", filters, "Labels");
}

void op_group_endpoints(struct emu_call *c)
{
    struct emu_thing *group = emu_call_thing(c, EMU_KIND_GROUP, "GroupName");

    if (!group)
        return;
    struct emu_jw w = emu_call_begin(c);
    jw_text(&w, "AccessToken", emu_data_get(group->data, "AccessToken"));
    jw_open(&w, "Endpoints", '[');
    jw_open(&w, NULL, '{');
    jw_str(&w, "EndpointType", "SharedGateway");
    jw_int(&w, "Port", 80);
    jw_text(&w, "InternetEndpoint", emu_data_get(group->data, "InternetEndpoint"));
    jw_text(&w, "IntranetEndpoint", emu_data_get(group->data, "IntranetEndpoint"));
    jw_close(&w, '}');
    jw_close(&w, ']');
    jw_close(&w, '}');
}
