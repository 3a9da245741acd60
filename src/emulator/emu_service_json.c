/* What a service looks like in answers: see emu_service_json.h. Field names are those of the official structure. */
#include "emulator/emu_service_json.h"
#include "base/enc.h"

int64_t emu_service_total(const struct emu_service *v, const struct emu_world *world)
{
    bool rests = emu_service_is(v, "Stopped") || emu_service_is(v, "Failed");

    return rests && !world->stopped_keeps_total ? 0 : v->replicas + v->detached;
}

int64_t emu_service_running(const struct emu_service *v)
{
    return emu_service_is(v, "Running") || emu_service_is(v, "Updating") ? v->replicas + v->detached : 0;
}

bool emu_service_set_json(struct emu_service *v, enum emu_field f, const struct emu_json *value)
{
    SCOPED(sbuf) text = SBUF_MAX(EMU_BODY_MAX);

    if (value)
        emu_json_print(value, &text);
    return !value || (sbuf_ok(&text) && emu_service_set(v, f, sbuf_slice(&text)));
}

struct emu_json *emu_service_get_json(const struct emu_service *v, enum emu_field f)
{
    size_t used;

    return emu_json_parse(emu_service_get(v, f), &used);
}

void emu_service_put_instance_name(const struct emu_service *v, int64_t i, struct sbuf *out)
{
    sbuf_clear(out);
    sbuf_addf(out, "%.*s-6f7c9d8b5-%05lld", SLICE_FMT(emu_service_get(v, EMU_F_NAME)), (long long)i);
}

int64_t emu_service_instance(const struct emu_service *v, const struct emu_world *world, struct slice name)
{
    SCOPED(sbuf) text = SBUF_MAX(EMU_HEAD_MAX);

    for (int64_t i = 0; i < emu_service_total(v, world); i++) {
        emu_service_put_instance_name(v, i, &text);
        if (slice_eq(sbuf_slice(&text), name))
            return i;
    }
    return -1;
}

static void put_text(struct emu_json *object, const char *name, struct slice text)
{
    if (text.n)
        emu_json_put(object, slice_of(name), emu_json_new_text(text));
}

/* A configuration that was sent as such: as it was sent, with what changed since laid over it. */
static void put_raw_config(const struct emu_service *v, struct sbuf *out)
{
    size_t used;
    struct emu_json *tree = emu_json_parse(emu_service_get(v, EMU_F_RAW), &used);
    struct emu_json *metadata = tree ? emu_json_section(tree, "metadata", '{') : NULL;

    if (metadata) {
        put_text(metadata, "name", emu_service_get(v, EMU_F_NAME));
        put_text(metadata, "workspace_id", emu_service_get(v, EMU_F_WORKSPACE));
        emu_json_put(metadata, S("instance"), emu_json_new_integer(v->replicas));
        put_text(tree, "token", emu_service_get(v, EMU_F_TOKEN));
    }
    if (tree && !v->max)
        emu_json_remove(tree, S("autoscaler"));
    struct emu_json *scaler = tree && v->max ? emu_json_section(tree, "autoscaler", '{') : NULL;
    if (scaler) {
        emu_json_put(scaler, S("min"), emu_json_new_integer(v->min));
        emu_json_put(scaler, S("max"), emu_json_new_integer(v->max));
    }
    emu_json_print(tree, out);
    emu_json_free(&tree);
}

void emu_service_config(const struct emu_service *v, struct sbuf *out)
{
    if (emu_service_get(v, EMU_F_RAW).n) {
        put_raw_config(v, out);
        return;
    }
    struct emu_jw w = EMU_JW(out);
    struct slice extra = emu_service_get(v, EMU_F_CONFIG_EXTRA);

    jw_open(&w, NULL, '{');
    jw_open(&w, "metadata", '{');
    jw_text(&w, "name", emu_service_get(v, EMU_F_NAME));
    jw_int(&w, "instance", v->replicas);
    jw_text(&w, "workspace_id", emu_service_get(v, EMU_F_WORKSPACE));
    jw_close(&w, '}');
    jw_text(&w, "token", emu_service_get(v, EMU_F_TOKEN));
    if (v->max) {
        jw_open(&w, "autoscaler", '{');
        jw_int(&w, "min", v->min);
        jw_int(&w, "max", v->max);
        jw_close(&w, '}');
    }
    if (extra.n)
        jw_raw(&w, "extra", extra);
    jw_close(&w, '}');
}

void emu_service_write_endpoints(const struct emu_service *v, const struct emu_world *world, struct emu_jw *w)
{
    SCOPED(sbuf) url = SBUF_MAX(EMU_HEAD_MAX);
    struct slice name = emu_service_get(v, EMU_F_NAME);

    sbuf_addf(&url, "http://1000000000000001.%s.pai-eas.aliyuncs.com/api/predict/%.*s", world->region,
              SLICE_FMT(name));
    jw_text(w, "InternetEndpoint", sbuf_slice(&url));
    sbuf_clear(&url);
    sbuf_addf(&url, "http://1000000000000001.vpc.%s.pai-eas.aliyuncs.com/api/predict/%.*s", world->region,
              SLICE_FMT(name));
    jw_text(w, "IntranetEndpoint", sbuf_slice(&url));
}

static void write_time(struct emu_jw *w, const char *key, int64_t ms)
{
    char text[25];

    enc_time_utc(ms, false, text);
    jw_str(w, key, text);
}

static void write_counts(const struct emu_service *v, const struct emu_world *world, struct emu_jw *w)
{
    int64_t total = emu_service_total(v, world), running = emu_service_running(v);
    bool has_quota = emu_service_get(v, EMU_F_QUOTA).n > 0;

    jw_int(w, "TotalInstance", total);
    jw_int(w, "RunningInstance", running);
    jw_int(w, "PendingInstance", total > running ? total - running : 0);
    bool has_group = !has_quota && emu_service_get(v, EMU_F_RESOURCE).n > 0;
    jw_open(w, "InstanceCountInResource", '{');
    jw_int(w, "Dedicated", has_group ? total : 0);
    jw_int(w, "Public", has_quota || has_group ? 0 : total);
    jw_int(w, "Quota", has_quota ? total : 0);
    jw_close(w, '}');
}

void emu_service_write(const struct emu_service *v, const struct emu_world *world, struct emu_jw *w)
{
    SCOPED(sbuf) config = SBUF_MAX(EMU_ANSWER_MAX);
    struct slice labels = emu_service_get(v, EMU_F_LABELS);

    for (int f = 0; f < EMU_F_COUNT_; f++)
        if (emu_field_is_shown((enum emu_field)f))
            jw_text(w, emu_field_name((enum emu_field)f), emu_service_get(v, (enum emu_field)f));
    jw_raw(w, "Labels", labels.n ? labels : S("[]"));
    jw_str(w, "Status", v->status);
    jw_str(w, "Message", emu_service_is(v, "Running") ? "Service is running" : "Service is changing");
    jw_str(w, "Reason", v->status);
    jw_str(w, "Region", world->region);
    write_counts(v, world, w);
    emu_service_config(v, &config);
    jw_text(w, "ServiceConfig", sbuf_slice(&config));
    jw_bool(w, "AutoscalerEnabled", v->max > 0);
    jw_bool(w, "CronscalerEnabled", emu_service_get(v, EMU_F_CRON_JOBS).n > 0);
    jw_int(w, "CurrentVersion", v->version);
    jw_int(w, "LatestVersion", v->latest);
    jw_int(w, "Cpu", v->cpu);
    jw_int(w, "Gpu", v->gpu);
    jw_int(w, "Memory", v->memory);
    jw_str(w, "Role", "");
    jw_str(w, "ResourceAlias", "");
    jw_bool(w, "ResourceBurstable", false);
    jw_str(w, "WorkloadType", "Service");
    jw_int(w, "Weight", v->weight);
    emu_service_write_endpoints(v, world, w);
    write_time(w, "CreateTime", v->create_ms);
    write_time(w, "UpdateTime", v->update_ms);
}
