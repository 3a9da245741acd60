/* CreateAppService and UpdateAppService: see emu_call.h. Fields and their values are those of eas/README.md. */
#include "emulator/emu_call.h"
#include "emulator/emu_fields.h"
#include "emulator/emu_service_json.h"
#include "emulator/emu_versions.h"

#define REPLICAS_MAX 100000

static const char *const specs[] = { "llama_7b_fp16",    "llama_7b_int8",    "llama_13b_fp16",
                                     "chatglm_6b_fp16",  "chatglm_6b_int8",  "chatglm2_6b_fp16",
                                     "baichuan_7b_int8", "baichuan_7b_fp16", "baichuan_13b_fp16" };
static const char *const fields[] = { "ServiceName", "AppType", "AppVersion", "ServiceSpec",
                                      "Replicas",    "Config",  NULL };

struct app {
    struct slice name, type, version, spec, workspace, quota;
    const struct emu_json *config;
    bool has_replicas;
    int64_t replicas;
};

static bool refuse(struct emu_call *c, const char *code, const char *message)
{
    emu_answer_error(c->answer, 400, code, "%s", message);
    return false;
}

/* A text field; false after answering 400. Absent: SLICE_NONE. */
static bool text_field(struct emu_call *c, const char *name, struct slice *out)
{
    const struct emu_json *v = emu_field(c, name);
    char code[64];

    *out = emu_json_text(v);
    if (!v || out->p)
        return true;
    snprintf(code, sizeof code, "Invalid%s", name);
    return refuse(c, code, "The field must be a string.");
}

static bool is_spec(struct slice s)
{
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++)
        if (slice_eq(s, slice_of(specs[i])))
            return true;
    return false;
}

static bool is_service_name(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !ascii_is_digit(s.p[i]) && s.p[i] != '_')
            return false;
    return s.n >= 3 && s.n <= 63;
}

static bool read_app(struct emu_call *c, struct app *a)
{
    if (emu_json_kind(c->body) != EMU_JSON_OBJECT)
        return refuse(c, "InvalidParameter", "The body is not a JSON object.");
    emu_fields_note_unknown(c, fields);
    if (!text_field(c, "ServiceName", &a->name) || !text_field(c, "AppType", &a->type) ||
        !text_field(c, "AppVersion", &a->version) || !text_field(c, "ServiceSpec", &a->spec) ||
        !emu_field_count(c, "Replicas", &a->has_replicas, &a->replicas))
        return false;
    a->config = emu_field(c, "Config");
    a->workspace = emu_call_query(c, "WorkspaceId");
    a->quota = emu_call_query(c, "QuotaId");
    if (a->config && emu_json_kind(a->config) != EMU_JSON_OBJECT)
        return refuse(c, "InvalidConfig", "Config must be an object.");
    if (a->type.p && !slice_eq(a->type, S("LLM")))
        return refuse(c, "InvalidAppType", "AppType must be LLM.");
    if (a->spec.p && !is_spec(a->spec))
        return refuse(c, "InvalidServiceSpec", "ServiceSpec is not one of the listed ones.");
    if (a->has_replicas && (a->replicas < 1 || a->replicas > REPLICAS_MAX))
        return refuse(c, "InvalidReplicas", "Replicas must be greater than 0.");
    return true;
}

static bool check_new(struct emu_call *c, const struct app *a)
{
    if (!a->name.n)
        return refuse(c, "MissingServiceName", "ServiceName is mandatory for this action.");
    if (!a->type.n)
        return refuse(c, "MissingAppType", "AppType is mandatory for this action.");
    if (!a->spec.n)
        return refuse(c, "MissingServiceSpec", "ServiceSpec is mandatory for this action.");
    if (!a->has_replicas)
        return refuse(c, "MissingReplicas", "Replicas is mandatory for this action.");
    if (!is_service_name(a->name))
        return refuse(c, "InvalidServiceName", "ServiceName must be of [a-z0-9_], 3 to 63 characters.");
    if (emu_state_find(c->world->state, a->name, c->now_ms)) {
        emu_answer_error(c->answer, 409, "InvalidService.Conflict", "The service %.*s exists already.",
                         SLICE_FMT(a->name));
        return false;
    }
    return true;
}

static bool set_if(struct emu_service *v, enum emu_field f, struct slice value)
{
    return !value.p || emu_service_set(v, f, value);
}

static bool store(struct emu_service *v, const struct app *a)
{
    SCOPED(sbuf) config = SBUF_MAX(EMU_BODY_MAX);

    if (a->config)
        emu_json_print(a->config, &config);
    if (a->has_replicas)
        v->replicas = a->replicas;
    v->config_replicas = v->replicas;
    return set_if(v, EMU_F_APP_TYPE, a->type) && set_if(v, EMU_F_APP_VERSION, a->version) &&
           set_if(v, EMU_F_SPEC, a->spec) && set_if(v, EMU_F_WORKSPACE, a->workspace) &&
           set_if(v, EMU_F_QUOTA, a->quota) &&
           (!a->config || emu_service_set(v, EMU_F_APP_CONFIG, sbuf_slice(&config)));
}

void op_create_app(struct emu_call *c)
{
    struct app a = { 0 };

    if (!read_app(c, &a) || !check_new(c, &a))
        return;
    struct emu_service *v = emu_state_add(c->world->state, a.name, c->now_ms);
    if (!v || !store(v, &a)) {
        emu_answer_error(c->answer, 500, "InternalError", "No memory.");
        return;
    }
    emu_service_move(c->world->state, v, "Creating", "Running", c->now_ms);
    struct emu_jw w = emu_call_begin(c);
    jw_text(&w, "ServiceId", emu_service_get(v, EMU_F_ID));
    jw_text(&w, "ServiceName", a.name);
    jw_str(&w, "Status", v->status);
    jw_str(&w, "Region", c->world->region);
    emu_service_write_endpoints(v, c->world, &w);
    jw_close(&w, '}');
}

void op_update_app(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);
    struct app a = { 0 };

    if (!v)
        return;
    if (emu_service_is(v, "Deleting")) {
        emu_answer_error(c->answer, 409, "InvalidService.Conflict", "The service is being deleted.");
        return;
    }
    if (!read_app(c, &a))
        return;
    if (!emu_versions_next(v) || !store(v, &a)) {
        emu_answer_error(c->answer, 500, "InternalError", "No memory.");
        return;
    }
    v->update_ms = c->now_ms;
    if (!emu_service_is(v, "Stopped") && !emu_service_is(v, "Stopping"))
        emu_service_move(c->world->state, v, "Updating", "Running", c->now_ms);
    struct emu_jw w = emu_call_begin(c);
    jw_str(&w, "Message", "Service is updated.");
    jw_close(&w, '}');
}
