/* Operations on the instances of a service, and faults injected into them: see emu_call.h. */
#include "emulator/emu_call.h"
#include "emulator/emu_fields.h"
#include "emulator/emu_service_json.h"

static bool is_instance(struct emu_call *c, const struct emu_service *v, struct slice name)
{
    if (emu_service_instance(v, c->world, name) >= 0)
        return true;
    emu_answer_error(c->answer, 404, "InvalidInstance.NotFound", "The instance %.*s does not exist.",
                     SLICE_FMT(name));
    return false;
}

/* Restart them; one that was detached is gone by that. */
void op_delete_instances(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);
    struct slice rest = emu_call_query(c, "InstanceList"), name;
    int64_t gone = 0;

    if (!v)
        return;
    while (rest.p && slice_split(&rest, ',', &name)) {
        if (!is_instance(c, v, slice_trim(name)))
            return;
        gone += emu_service_instance(v, c->world, slice_trim(name)) >= v->replicas;
    }
    v->detached -= gone < v->detached ? gone : v->detached;
    emu_call_say(c, "Instances are restarting.");
}

static bool is_set(const struct emu_json *v)
{
    int64_t n;

    return emu_json_is_true(v) || slice_eq_nocase(emu_json_text(v), S("true")) ||
           (emu_json_integer(v, &n) && n != 0);
}

/* A detached instance lives on, and another takes its place. */
void op_update_instance(struct emu_call *c)
{
    static const char *const fields[] = { "Detach", "Hibernate", "Isolate", NULL };
    struct emu_service *v = emu_call_service(c);

    if (!v || !is_instance(c, v, emu_call_param(c, "InstanceName")))
        return;
    emu_fields_note_unknown(c, fields);
    if (is_set(emu_field(c, "Detach")))
        v->detached++;
    v->update_ms = c->now_ms;
    emu_call_say(c, "Instance is updated.");
}

void op_instance_token(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);
    struct slice name = emu_call_param(c, "InstanceName");

    if (!v || !is_instance(c, v, name))
        return;
    struct slice token = emu_service_get(v, EMU_F_TOKEN);
    const char *url = arena_printf(c->arena, "https://workbench.example/%.*s?token=login-%.*s",
                                   SLICE_FMT(name), SLICE_FMT(token));
    struct emu_jw w = emu_call_begin(c);
    jw_str(&w, "Token", arena_printf(c->arena, "login-%.*s", SLICE_FMT(token)));
    jw_str(&w, "Url", url);
    jw_str(&w, "WorkbenchUrl", url);
    jw_close(&w, '}');
}

static void drop_fault(struct emu_json *list, struct slice instance, struct slice type)
{
    struct emu_json *next;

    for (struct emu_json *f = emu_json_first_of(list); f; f = next) {
        next = emu_json_next_of(f);
        if (slice_eq(emu_json_text(emu_json_get(f, "InstanceName")), instance) &&
            slice_eq(emu_json_text(emu_json_get(f, "FaultType")), type))
            emu_json_remove_item(list, &f);
    }
}

static struct emu_json *faults_of(const struct emu_service *v)
{
    struct emu_json *list = emu_service_get_json(v, EMU_F_FAULTS);

    return list ? list : emu_json_new('[');
}

void op_create_fault(struct emu_call *c)
{
    static const char *const fields[] = { "FaultArgs", "FaultType", NULL };
    struct emu_service *v = emu_call_service(c);
    struct slice instance = emu_call_param(c, "InstanceName"), type;

    if (!v || !is_instance(c, v, instance))
        return;
    emu_fields_note_unknown(c, fields);
    type = emu_json_text(emu_field(c, "FaultType"));
    struct emu_json *list = faults_of(v), *fault = emu_json_new('{');
    drop_fault(list, instance, type);
    emu_json_put(fault, S("InstanceName"), emu_json_new_text(instance));
    emu_json_put(fault, S("FaultType"), emu_json_new_text(type));
    if (emu_field(c, "FaultArgs"))
        emu_json_put(fault, S("FaultArgs"), emu_json_copy(emu_field(c, "FaultArgs")));
    emu_json_append(list, fault);
    emu_service_set_json(v, EMU_F_FAULTS, list);
    emu_json_free(&list);
    emu_call_say(c, "Fault is injected.");
}

void op_delete_fault(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);
    struct slice instance = emu_call_param(c, "InstanceName");

    if (!v || !is_instance(c, v, instance))
        return;
    struct emu_json *list = faults_of(v);
    drop_fault(list, instance, emu_call_param(c, "FaultType"));
    emu_service_set_json(v, EMU_F_FAULTS, list);
    emu_json_free(&list);
    emu_call_say(c, "Fault is removed.");
}

void op_list_faults(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);
    struct slice instance = emu_call_param(c, "InstanceName");
    SCOPED(sbuf) text = SBUF_MAX(EMU_ANSWER_MAX);

    if (!v || !is_instance(c, v, instance))
        return;
    struct emu_json *list = faults_of(v);
    struct emu_jw w = emu_call_begin(c);
    jw_open(&w, "FaultInjectionInfos", '[');
    for (const struct emu_json *f = emu_json_first(list); f; f = emu_json_next(f)) {
        if (!slice_eq(emu_json_text(emu_json_get(f, "InstanceName")), instance))
            continue;
        sbuf_clear(&text);
        emu_json_print(f, &text);
        jw_raw(&w, NULL, sbuf_slice(&text));
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    emu_json_free(&list);
}
