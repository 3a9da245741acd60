/* Dedicated gateways: see emu_call.h. What hangs on one (emu_op_network.c) is in members that are not shown here. */
#include "emulator/emu_fields.h"
#include "emulator/emu_op_thing.h"

void op_create_gateway(struct emu_call *c)
{
    static const char *const fields[] = { "AutoRenewal",    "ChargeType",  "EnableInternet",
                                          "EnableIntranet", "GatewayType", "InstanceType",
                                          "Name",           "Replicas",    NULL };
    const char *id = emu_call_new_id(c, "gw-emu");
    struct emu_thing *gateway = emu_call_add(c, EMU_KIND_GATEWAY, slice_of(id));

    if (!gateway)
        return;
    emu_call_take(c, gateway->data, fields);
    emu_data_set(gateway->data, "GatewayId", slice_of(id));
    emu_data_set(gateway->data, "GatewayName", slice_of(emu_data_text(c, gateway->data, "Name")));
    emu_data_set(gateway->data, "ClusterId", slice_of(c->world->region));
    emu_data_set(gateway->data, "Status", S("Running"));
    emu_data_set(gateway->data, "ResourceName", emu_call_query(c, "ResourceName"));
    struct emu_jw w = emu_call_begin(c);
    jw_str(&w, "ClusterId", c->world->region);
    jw_str(&w, "GatewayId", id);
    jw_str(&w, "Message", "Gateway is creating.");
    jw_close(&w, '}');
}

void op_update_gateway(struct emu_call *c)
{
    static const char *const fields[] = {
        "EnableInternet", "EnableIntranet", "EnableSSLRedirection", "InstanceType", "IsDefault",
        "Name",           "Replicas",       "VSwitchIds",           "VpcId",        NULL
    };
    struct emu_thing *gateway = emu_call_thing(c, EMU_KIND_GATEWAY, "GatewayId");

    if (!gateway)
        return;
    emu_call_take(c, gateway->data, fields);
    emu_data_set(gateway->data, "GatewayName", slice_of(emu_data_text(c, gateway->data, "Name")));
    emu_data_set_time(gateway->data, "UpdateTime", c->now_ms);
    struct emu_jw w = emu_call_begin(c);
    jw_text(&w, "GatewayId", emu_call_param(c, "GatewayId"));
    jw_str(&w, "Message", "Gateway is updating.");
    jw_close(&w, '}');
}

void op_delete_gateway(struct emu_call *c)
{
    struct emu_thing *gateway = emu_call_thing(c, EMU_KIND_GATEWAY, "GatewayId");

    if (!gateway)
        return;
    emu_things_remove(emu_state_things(c->world->state), &gateway);
    emu_call_say(c, "Gateway is deleted.");
}

void op_gateway(struct emu_call *c)
{
    struct emu_thing *gateway = emu_call_thing(c, EMU_KIND_GATEWAY, "GatewayId");

    if (gateway)
        emu_call_show(c, gateway);
}

void op_gateways(struct emu_call *c)
{
    static const struct emu_filter filters[] = { { "GatewayId", "GatewayId", false },
                                                 { "GatewayName", "GatewayName", true },
                                                 { "GatewayType", "GatewayType", false },
                                                 { "ChargeType", "ChargeType", false },
                                                 { "InternetEnabled", "EnableInternet", false },
                                                 { "ResourceName", "ResourceName", false },
                                                 { "Status", "Status", false },
                                                 { NULL, NULL, false } };

    emu_call_list(c, EMU_KIND_GATEWAY, "Gateways", filters, "Label");
}

void op_set_gateway_labels(struct emu_call *c)
{
    static const char *const fields[] = { "Labels", NULL };
    struct emu_thing *gateway = emu_call_thing(c, EMU_KIND_GATEWAY, "GatewayId");

    if (!gateway)
        return;
    emu_fields_note_unknown(c, fields);
    emu_data_set_labels(gateway->data, emu_field(c, "Labels"));
    emu_call_say(c, "Labels are set.");
}

void op_delete_gateway_labels(struct emu_call *c)
{
    struct emu_thing *gateway = emu_call_thing(c, EMU_KIND_GATEWAY, "GatewayId");

    if (!gateway)
        return;
    struct emu_json *keys = emu_call_query_json(c, "LabelKeys");
    emu_data_drop_labels(gateway->data, keys, keys ? SLICE_NONE : emu_call_query(c, "LabelKeys"));
    emu_json_free(&keys);
    emu_call_say(c, "Labels are deleted.");
}
