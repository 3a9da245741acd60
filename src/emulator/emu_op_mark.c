/* What hangs on a service: labels, lock, traffic, mirror, rollout, signed URL. See emu_call.h. */
#include "emulator/emu_call.h"
#include "emulator/emu_fields.h"
#include "emulator/emu_labels.h"
#include "emulator/emu_service_json.h"

void op_set_labels(struct emu_call *c)
{
    static const char *const fields[] = { "Labels", NULL };
    struct emu_service *v = emu_call_service(c);

    if (!v)
        return;
    emu_fields_note_unknown(c, fields);
    if (!emu_field(c, "Labels"))
        emu_answer_error(c->answer, 400, "MissingLabels", "Labels is mandatory for this action.");
    else if (!emu_labels_set_service(v, emu_field(c, "Labels")))
        emu_answer_error(c->answer, 500, "InternalError", "No memory.");
    else
        emu_call_say(c, "Labels are set.");
}

void op_delete_labels(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);

    if (!v)
        return;
    struct emu_json *keys = emu_call_query_json(c, "LabelKeys");
    if (emu_labels_drop_service(v, keys, emu_call_query(c, "Keys")))
        emu_call_say(c, "Labels are deleted.");
    else
        emu_answer_error(c->answer, 500, "InternalError", "No memory.");
    emu_json_free(&keys);
}

/* Kept and shown; the emulator lets every operation through nevertheless, as no source says what it locks. */
void op_lock(struct emu_call *c)
{
    static const char *const fields[] = { "Lock", NULL };
    struct emu_service *v = emu_call_service(c);

    if (!v)
        return;
    emu_fields_note_unknown(c, fields);
    struct slice lock = emu_json_text(emu_field(c, "Lock"));
    if (!lock.n) {
        emu_answer_error(c->answer, 400, "MissingLock", "Lock is mandatory for this action.");
        return;
    }
    emu_service_set(v, EMU_F_LOCK, lock);
    emu_call_say(c, "Safety lock is set.");
}

void op_release(struct emu_call *c)
{
    static const char *const fields[] = { "TrafficState", "Weight", NULL };
    struct emu_service *v = emu_call_service(c);
    bool found = false;
    int64_t weight = 0;

    if (!v)
        return;
    emu_fields_note_unknown(c, fields);
    if (!emu_field_count(c, "Weight", &found, &weight))
        return;
    if (found)
        v->weight = weight;
    struct slice state = emu_json_text(emu_field(c, "TrafficState"));
    if (state.n)
        emu_service_set(v, EMU_F_TRAFFIC, state);
    emu_call_say(c, "Service is released.");
}

/* Keep these members of the body as an object in a field. */
static void keep(struct emu_call *c, enum emu_field f, const char *const *names, const char *message)
{
    struct emu_service *v = emu_call_service(c);

    if (!v)
        return;
    emu_fields_note_unknown(c, names);
    struct emu_json *now = emu_service_get_json(v, f);
    if (!now)
        now = emu_json_new('{');
    for (const char *const *name = names; *name; name++)
        if (emu_field(c, *name))
            emu_json_put(now, slice_of(*name), emu_json_copy(emu_field(c, *name)));
    emu_service_set_json(v, f, now);
    emu_json_free(&now);
    emu_call_say(c, message);
}

static void show(struct emu_call *c, enum emu_field f)
{
    struct emu_service *v = emu_call_service(c);
    SCOPED(sbuf) text = SBUF_MAX(EMU_ANSWER_MAX);

    if (!v)
        return;
    struct emu_json *now = emu_service_get_json(v, f);
    struct emu_jw w = emu_call_begin(c);
    jw_text(&w, "ServiceName", emu_service_get(v, EMU_F_NAME));
    for (const struct emu_json *m = emu_json_first(now); m; m = emu_json_next(m)) {
        sbuf_clear(&text);
        emu_json_print(m, &text);
        jw_raw(&w, arena_str(c->arena, emu_json_name(m)), sbuf_slice(&text));
    }
    jw_close(&w, '}');
    emu_json_free(&now);
}

static void drop(struct emu_call *c, enum emu_field f, const char *message)
{
    struct emu_service *v = emu_call_service(c);

    if (!v)
        return;
    emu_service_set(v, f, SLICE_NONE);
    emu_call_say(c, message);
}

void op_set_mirror(struct emu_call *c)
{
    static const char *const fields[] = { "Ratio", "Target", NULL };

    keep(c, EMU_F_MIRROR, fields, "Mirror is set.");
}

void op_mirror(struct emu_call *c)
{
    show(c, EMU_F_MIRROR);
}

void op_delete_mirror(struct emu_call *c)
{
    drop(c, EMU_F_MIRROR, "Mirror is deleted.");
}

void op_set_rollout(struct emu_call *c)
{
    static const char *const fields[] = { "Batch", "Partition", "Paused", NULL };

    keep(c, EMU_F_ROLLOUT, fields, "Rollout is set.");
}

void op_rollout(struct emu_call *c)
{
    show(c, EMU_F_ROLLOUT);
}

void op_delete_rollout(struct emu_call *c)
{
    drop(c, EMU_F_ROLLOUT, "Rollout is deleted.");
}

void op_signed_url(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);

    if (!v)
        return;
    struct slice name = emu_service_get(v, EMU_F_NAME), token = emu_service_get(v, EMU_F_TOKEN);
    struct emu_jw w = emu_call_begin(c);
    jw_str(&w, "SignedUrl",
           arena_printf(c->arena, "https://console.example/%.*s?signature=signed-%.*s", SLICE_FMT(name),
                        SLICE_FMT(token)));
    jw_close(&w, '}');
}
