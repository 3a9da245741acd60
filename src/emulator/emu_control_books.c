/* Scalers, things and books on the control port: see emu_control_books.h. It must never change the books themselves. */
#include "emulator/emu_control_books.h"
#include "base/sbuf.h"
#include "emulator/emu_scaler.h"

#define TEXT_MAX (16U << 20)

static struct emu_service *find(struct emu_state *s, const struct emu_json *body, int64_t now_ms,
                                struct err *e)
{
    struct slice name = emu_json_text(emu_json_get(body, "service"));
    struct emu_service *v = name.n ? emu_state_find(s, name, now_ms) : NULL;

    if (!v)
        err_set(e, ERR_MISSING, "service: there is no such service");
    return v;
}

bool emu_control_set_want(struct emu_state *s, const struct emu_json *body, int64_t now_ms, struct err *e)
{
    const struct emu_json *want = emu_json_get(body, "want");
    bool drifts = slice_eq(emu_json_text(want), S("drift")), is_none = emu_json_kind(want) == EMU_JSON_NULL;
    int64_t n = -1;

    if (!drifts && !is_none && (!emu_json_integer(want, &n) || n < 0))
        return err_set(e, ERR_RANGE, "want: expected a count, \"drift\" or null");
    if (slice_eq(emu_json_text(emu_json_get(body, "service")), S("*"))) {
        if (n >= 0)
            return err_set(e, ERR_RANGE, "want: for all services \"drift\" or null");
        emu_state_set_drift(s, drifts);
        return true;
    }
    struct emu_service *v = find(s, body, now_ms, e);
    if (!v)
        return false;
    v->want = n;
    v->drifts = drifts;
    return true;
}

bool emu_control_fire(struct emu_state *s, const struct emu_json *body, int64_t now_ms, struct err *e)
{
    struct emu_service *v = find(s, body, now_ms, e);

    if (!v)
        return false;
    return emu_scaler_fire(v, emu_json_text(emu_json_get(body, "job"))) ||
           err_set(e, ERR_MISSING, "job: there is no such job, or the service is not running");
}

bool emu_control_set_thing(struct emu_state *s, const struct emu_json *body, struct err *e)
{
    struct slice kind = emu_json_text(emu_json_get(body, "kind")),
                 key = emu_json_text(emu_json_get(body, "key"));
    const struct emu_json *data = emu_json_get(body, "data");
    struct emu_things *things = emu_state_things(s);

    for (int k = 0; k < EMU_KIND_COUNT_; k++) {
        if (!slice_eq(kind, slice_of(emu_kind_name((enum emu_kind)k))) || !key.n)
            continue;
        struct emu_thing *old = emu_things_find(things, (enum emu_kind)k, key);
        emu_things_remove(things, &old);
        return emu_things_add(things, (enum emu_kind)k, key,
                              data ? emu_json_copy(data) : emu_json_new('{')) ||
               err_set(e, ERR_MEMORY, "no memory");
    }
    return err_set(e, ERR_UNKNOWN,
                   "kind and key: expected group, gateway, resource, machine, virtual, config or "
                   "benchmark, and a name");
}

void emu_control_write_books(const struct emu_state *s, const struct emu_service *v, struct emu_jw *w)
{
    int64_t peak, reach_peak;

    emu_books_one(emu_state_books(s), emu_service_get(v, EMU_F_NAME), &peak, &reach_peak);
    jw_int(w, "Live", emu_service_live(v));
    jw_int(w, "Reach", emu_service_reach(v));
    jw_int(w, "Peak", peak);
    jw_int(w, "ReachPeak", reach_peak);
    jw_int(w, "Detached", v->detached);
    jw_int(w, "CronMax", v->cron_max);
    jw_text(w, "RawConfig", emu_service_get(v, EMU_F_RAW));
    jw_text(w, "InstanceType", emu_service_get(v, EMU_F_INSTANCE_TYPE));
    jw_text(w, "RoleArn", emu_service_get(v, EMU_F_ROLE_ARN));
    jw_text(w, "Mirror", emu_service_get(v, EMU_F_MIRROR));
    jw_text(w, "Develop", emu_service_get(v, EMU_F_DEVELOP));
}

void emu_control_write_things(const struct emu_state *s, struct emu_jw *w)
{
    SCOPED(sbuf) text = SBUF_MAX(TEXT_MAX);

    jw_open(w, "things", '[');
    for (int k = 0; k < EMU_KIND_COUNT_; k++) {
        struct emu_thing *thing = NULL;
        while ((thing = emu_things_next(emu_state_things(s), (enum emu_kind)k, thing))) {
            sbuf_clear(&text);
            emu_json_print(thing->data, &text);
            jw_open(w, NULL, '{');
            jw_str(w, "kind", emu_kind_name((enum emu_kind)k));
            jw_str(w, "key", thing->key);
            jw_raw(w, "data", sbuf_slice(&text));
            jw_close(w, '}');
        }
    }
    jw_close(w, ']');
}

void emu_control_write_peaks(const struct emu_state *s, const struct emu_books_filter *f, struct emu_jw *w)
{
    struct emu_peaks peaks;

    emu_books_sum(emu_state_books(s), f, &peaks);
    jw_int(w, "live", peaks.live);
    jw_int(w, "reach", peaks.reach);
    jw_int(w, "peak", peaks.peak);
    jw_int(w, "reach_peak", peaks.reach_peak);
    jw_text(w, "peak_by", peaks.peak_by);
    jw_int(w, "services", peaks.services);
    jw_bool(w, "complete", peaks.complete);
}
