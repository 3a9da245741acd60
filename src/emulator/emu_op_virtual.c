/* Virtual resources, configs and benchmark tasks: see emu_call.h. */
#include "emulator/emu_fields.h"
#include "emulator/emu_op_thing.h"

static const char *const virtual_fields[] = { "DisableSpotProtectionPeriod", "Resources",
                                              "VirtualResourceName", NULL };

static struct emu_thing *virtual_of(struct emu_call *c)
{
    return emu_call_thing(c, EMU_KIND_VIRTUAL, "VirtualResourceId");
}

void op_create_virtual(struct emu_call *c)
{
    const char *id = emu_call_new_id(c, "eas-vr-emu");
    struct emu_thing *v = emu_call_add(c, EMU_KIND_VIRTUAL, slice_of(id));

    if (!v)
        return;
    emu_call_take(c, v->data, virtual_fields);
    emu_data_set(v->data, "VirtualResourceId", slice_of(id));
    struct emu_jw w = emu_call_begin(c);
    jw_str(&w, "VirtualResourceId", id);
    jw_close(&w, '}');
}

void op_update_virtual(struct emu_call *c)
{
    struct emu_thing *v = virtual_of(c);

    if (!v)
        return;
    emu_call_take(c, v->data, virtual_fields);
    emu_data_set_time(v->data, "UpdateTime", c->now_ms);
    emu_call_say(c, "Virtual resource is updated.");
}

void op_delete_virtual(struct emu_call *c)
{
    struct emu_thing *v = virtual_of(c);

    if (!v)
        return;
    emu_things_remove(emu_state_things(c->world->state), &v);
    emu_call_say(c, "Virtual resource is deleted.");
}

void op_virtual(struct emu_call *c)
{
    struct emu_thing *v = virtual_of(c);

    if (v)
        emu_call_show(c, v);
}

void op_virtuals(struct emu_call *c)
{
    static const struct emu_filter filters[] = { { "VirtualResourceId", "VirtualResourceId", false },
                                                 { "VirtualResourceName", "VirtualResourceName", true },
                                                 { NULL, NULL, false } };

    emu_call_list(c, EMU_KIND_VIRTUAL, "VirtualResources", filters, NULL);
}

static const char *config_key(struct emu_call *c, struct slice key)
{
    return arena_printf(c->arena, "%.*s/%.*s/%.*s", SLICE_FMT(emu_call_param(c, "ConfigType")),
                        SLICE_FMT(emu_call_param(c, "Name")), SLICE_FMT(key));
}

static struct emu_thing *config_of(struct emu_call *c)
{
    const char *key = config_key(c, emu_call_param(c, "ConfigKey"));

    return emu_things_find(emu_state_things(c->world->state), EMU_KIND_CONFIG, slice_of(key));
}

/* Answers of configs have no request id. */
static void say_config(struct emu_call *c, const char *message)
{
    struct emu_jw w = EMU_JW(&c->answer->body);

    jw_open(&w, NULL, '{');
    jw_str(&w, "Message", message);
    jw_close(&w, '}');
}

static bool has_config(struct emu_call *c, const struct emu_thing *config)
{
    if (!config)
        emu_answer_error(c->answer, 404, "InvalidConfigKey.NotFound", "There is no such config.");
    return config != NULL;
}

void op_set_config(struct emu_call *c)
{
    static const char *const fields[] = { "Value", NULL };
    struct emu_thing *config = config_of(c);
    const char *key = config_key(c, emu_call_param(c, "ConfigKey"));

    if (slice_eq(c->req->method, S("PUT")) && !has_config(c, config))
        return;
    if (!config)
        config = emu_call_add(c, EMU_KIND_CONFIG, slice_of(key));
    if (!config)
        return;
    emu_call_take(c, config->data, fields);
    emu_data_set(config->data, "ConfigKey", emu_call_param(c, "ConfigKey"));
    say_config(c, "Config is set.");
}

void op_delete_config(struct emu_call *c)
{
    struct emu_thing *config = config_of(c);

    if (!has_config(c, config))
        return;
    emu_things_remove(emu_state_things(c->world->state), &config);
    say_config(c, "Config is deleted.");
}

void op_configs(struct emu_call *c)
{
    struct slice prefix = slice_of(config_key(c, SLICE_NONE));
    struct emu_jw w = EMU_JW(&c->answer->body);
    struct emu_thing *config = NULL;
    int64_t n = 0;

    jw_open(&w, NULL, '{');
    jw_open(&w, "Configs", '[');
    while ((config = emu_things_next(emu_state_things(c->world->state), EMU_KIND_CONFIG, config))) {
        if (!slice_starts(slice_of(config->key), prefix))
            continue;
        n++;
        jw_open(&w, NULL, '{');
        emu_thing_write(config, &w);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_int(&w, "TotalCount", n);
    jw_close(&w, '}');
}
