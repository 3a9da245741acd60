/* What has no state of its own: regions, machine types, spot prices, artifacts, add-ons. See emu_call.h. */
#include "emulator/emu_op_thing.h"
#include "emulator/emu_specs.h"
#include "base/enc.h"

static const char *const addons[] = { "log-collector", "metrics-exporter" };

void op_regions(struct emu_call *c)
{
    struct emu_jw w = emu_call_begin(c);

    jw_open(&w, "Regions", '[');
    jw_open(&w, NULL, '{');
    jw_str(&w, "RegionId", c->world->region);
    jw_str(&w, "LocalName", c->world->region);
    jw_close(&w, '}');
    jw_close(&w, ']');
    jw_close(&w, '}');
}

static bool is_wanted(struct slice wanted, const char *name)
{
    struct slice one;

    if (!wanted.n)
        return true;
    while (wanted.p && slice_split(&wanted, ',', &one))
        if (slice_eq(slice_trim(one), slice_of(name)))
            return true;
    return false;
}

void op_machine_specs(struct emu_call *c)
{
    struct slice wanted = emu_call_query(c, "InstanceTypes");
    struct emu_jw w = emu_call_begin(c);

    jw_open(&w, "InstanceMetas", '[');
    for (size_t i = 0; emu_spec_at(i); i++) {
        const struct emu_spec *s = emu_spec_at(i);
        if (!is_wanted(wanted, s->name))
            continue;
        jw_open(&w, NULL, '{');
        jw_str(&w, "InstanceType", s->name);
        jw_int(&w, "Cpu", s->cpu);
        jw_int(&w, "Memory", s->memory_mb / 1024);
        jw_str(&w, "GPU", s->gpu_type);
        jw_int(&w, "GPUAmount", s->gpu);
        jw_int(&w, "GPUMemory", s->gpu_memory_gb);
        jw_bool(&w, "IsAvailable", true);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

void op_spot_history(struct emu_call *c)
{
    struct slice type = emu_call_query(c, "InstanceType");
    char time[25];

    if (!type.n) {
        emu_answer_error(c->answer, 400, "MissingInstanceType", "InstanceType is mandatory for this action.");
        return;
    }
    enc_time_utc(c->now_ms, false, time);
    struct emu_jw w = emu_call_begin(c);
    jw_open(&w, "SpotDiscounts", '[');
    jw_open(&w, NULL, '{');
    jw_text(&w, "InstanceType", type);
    jw_str(&w, "ZoneId", arena_printf(c->arena, "%s-a", c->world->region));
    jw_str(&w, "SpotDiscount", "0.3");
    jw_str(&w, "Timestamp", time);
    jw_close(&w, '}');
    jw_close(&w, ']');
    jw_close(&w, '}');
}

void op_artifact(struct emu_call *c)
{
    struct slice name = emu_call_param(c, "ArtifactName");

    if (!slice_starts(name, S("eas-"))) {
        emu_answer_error(c->answer, 404, "InvalidArtifactName.NotFound", "There is no artifact %.*s.",
                         SLICE_FMT(name));
        return;
    }
    struct emu_jw w = emu_call_begin(c);
    jw_text(&w, "ArtifactName", name);
    jw_str(&w, "Status", "Ready");
    jw_close(&w, '}');
}

void op_addons(struct emu_call *c)
{
    struct emu_jw w = emu_call_begin(c);

    jw_open(&w, "Addons", '[');
    for (size_t i = 0; i < sizeof addons / sizeof addons[0]; i++) {
        jw_open(&w, NULL, '{');
        jw_str(&w, "Name", addons[i]);
        jw_str(&w, "Status", "Running");
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

void op_reinstall_addon(struct emu_call *c)
{
    struct slice name = emu_call_param(c, "TenantAddonName");

    for (size_t i = 0; i < sizeof addons / sizeof addons[0]; i++)
        if (slice_eq(name, slice_of(addons[i]))) {
            emu_call_say(c, "Addon is installing.");
            return;
        }
    emu_answer_error(c->answer, 404, "InvalidTenantAddonName.NotFound", "There is no addon %.*s.",
                     SLICE_FMT(name));
}
