/* Read operations of one service: plausible answers with the fields that the official metadata names. */
#include "emulator/emu_call.h"
#include "emulator/emu_service_json.h"
#include "emulator/emu_versions.h"
#include "base/enc.h"
#include "base/num.h"

static uint64_t page_of(struct emu_call *c, const char *name, uint64_t normal)
{
    uint64_t n = normal;

    num_u64(emu_call_query(c, name), 1, 100000, &n);
    return n;
}

void op_log(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);

    if (!v)
        return;
    struct emu_jw w = emu_call_begin(c);
    jw_open(&w, "Logs", '[');
    jw_str(&w, NULL, "[2026-01-15 08:30:00] model loaded");
    jw_str(&w, NULL, "[2026-01-15 08:30:01] listening on 0.0.0.0:8000");
    jw_close(&w, ']');
    jw_int(&w, "PageNum", (int64_t)page_of(c, "PageNum", 1));
    jw_int(&w, "TotalPageNum", 1);
    jw_int(&w, "TotalCount", 2);
    jw_close(&w, '}');
}

void op_event(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);
    char time[25];

    if (!v)
        return;
    enc_time_utc(v->update_ms, false, time);
    struct emu_jw w = emu_call_begin(c);
    jw_open(&w, "Events", '[');
    jw_open(&w, NULL, '{');
    jw_str(&w, "Time", time);
    jw_str(&w, "Type", "Normal");
    jw_str(&w, "Reason", v->status);
    jw_str(&w, "Message", "Service changed its state");
    jw_close(&w, '}');
    jw_close(&w, ']');
    jw_int(&w, "PageNum", (int64_t)page_of(c, "PageNum", 1));
    jw_int(&w, "TotalPageNum", 1);
    jw_int(&w, "TotalCount", 1);
    jw_close(&w, '}');
}

static void diagnose(struct emu_call *c, const struct emu_service *v)
{
    struct emu_jw w = emu_call_begin(c);

    jw_open(&w, "DiagnosisList", '[');
    jw_open(&w, NULL, '{');
    jw_str(&w, "Cause", v->status);
    jw_str(&w, "Error", "");
    jw_str(&w, "Advice", "");
    jw_close(&w, '}');
    jw_close(&w, ']');
    jw_close(&w, '}');
}

void op_diagnosis(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);

    if (v)
        diagnose(c, v);
}

/* Does the path name an instance of this service? Answers 404 if not. */
static bool has_instance(struct emu_call *c, const struct emu_service *v)
{
    if (emu_service_instance(v, c->world, emu_call_param(c, "InstanceName")) >= 0)
        return true;
    emu_answer_error(c->answer, 404, "InvalidInstance.NotFound", "The instance does not exist.");
    return false;
}

void op_instance_diagnosis(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);

    if (v && has_instance(c, v))
        diagnose(c, v);
}

void op_instances(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);
    SCOPED(sbuf) name = SBUF_MAX(EMU_HEAD_MAX);

    if (!v)
        return;
    int64_t total = emu_service_total(v, c->world);
    uint64_t page = page_of(c, "PageNumber", 1), size = page_of(c, "PageSize", 100);
    struct emu_jw w = emu_call_begin(c);
    jw_int(&w, "PageNumber", (int64_t)page);
    jw_int(&w, "PageSize", (int64_t)size);
    jw_int(&w, "TotalCount", total);
    jw_open(&w, "Instances", '[');
    for (uint64_t i = (page - 1) * size; i < page * size && i < (uint64_t)total; i++) {
        emu_service_put_instance_name(v, (int64_t)i, &name);
        jw_open(&w, NULL, '{');
        jw_text(&w, "InstanceName", sbuf_slice(&name));
        jw_str(&w, "Status", emu_service_running(v) ? "Running" : "Pending");
        jw_str(&w, "Role", "Service");
        jw_str(&w, "ResourceType", "PublicResource");
        jw_int(&w, "ReadyProcesses", 1);
        jw_int(&w, "TotalProcesses", 1);
        jw_int(&w, "RestartCount", 0);
        jw_bool(&w, "IsSpot", false);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

void op_containers(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);

    if (!v || !has_instance(c, v))
        return;
    struct emu_jw w = emu_call_begin(c);
    jw_text(&w, "ServiceName", emu_service_get(v, EMU_F_NAME));
    jw_text(&w, "InstanceName", emu_call_param(c, "InstanceName"));
    jw_open(&w, "Containers", '[');
    jw_open(&w, NULL, '{');
    jw_str(&w, "Name", "worker0");
    jw_int(&w, "Port", 8000);
    jw_bool(&w, "Ready", true);
    jw_int(&w, "RestartCount", 0);
    jw_close(&w, '}');
    jw_close(&w, ']');
    jw_close(&w, '}');
}

static void put_version(const struct emu_service *v, int64_t number, int64_t build_ms, struct emu_jw *w)
{
    SCOPED(sbuf) config = SBUF_MAX(EMU_ANSWER_MAX);
    char time[25];

    enc_time_utc(build_ms, false, time);
    emu_service_config(v, &config);
    jw_open(w, NULL, '{');
    jw_int(w, "ImageId", number);
    jw_str(w, "ImageAvailable", "true");
    jw_str(w, "BuildTime", time);
    jw_text(w, "ServiceConfig", sbuf_slice(&config));
    jw_close(w, '}');
}

/* Each version as it was deployed: a call or a scaler that moved the count since does not show here. */
void op_versions(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);
    uint64_t i = 0;

    if (!v)
        return;
    struct emu_service now = *v; /* a view for printing; it owns nothing */
    if (now.config_replicas)
        now.replicas = now.config_replicas;
    struct emu_jw w = emu_call_begin(c);
    struct emu_page page = emu_call_page(c, 100, &w);
    jw_int(&w, "TotalCount", v->latest);
    jw_open(&w, "Versions", '[');
    for (int64_t number = v->latest; number > 0; number--) {
        const struct emu_version *then = emu_versions_at(v, number);
        if ((number != v->version && !then) || i++ < page.from || i > page.end)
            continue;
        if (number == v->version)
            put_version(&now, number, v->update_ms, &w);
        else
            put_version(&then->then, number, then->build_ms, &w);
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

void op_endpoints(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);

    if (!v)
        return;
    struct emu_jw w = emu_call_begin(c);
    jw_text(&w, "AccessToken", emu_service_get(v, EMU_F_TOKEN));
    jw_open(&w, "Endpoints", '[');
    jw_open(&w, NULL, '{');
    jw_str(&w, "EndpointType", "SharedGateway");
    jw_int(&w, "Port", 80);
    emu_service_write_endpoints(v, c->world, &w);
    jw_close(&w, '}');
    jw_close(&w, ']');
    jw_close(&w, '}');
}
