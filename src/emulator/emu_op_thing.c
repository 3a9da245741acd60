/* Common parts of operations on things: see emu_op_thing.h. It must never know one kind from another. */
#include "emulator/emu_op_thing.h"
#include "emulator/emu_fields.h"
#include "emulator/emu_labels.h"
#include "base/enc.h"

struct emu_thing *emu_call_thing(struct emu_call *c, enum emu_kind kind, const char *param)
{
    struct slice key = emu_call_param(c, param);
    struct emu_thing *thing = emu_things_find(emu_state_things(c->world->state), kind, key);

    if (!thing)
        emu_answer_error(c->answer, 404, arena_printf(c->arena, "Invalid%s.NotFound", param),
                         "There is no %s %.*s.", emu_kind_name(kind), SLICE_FMT(key));
    return thing;
}

void emu_call_take(struct emu_call *c, struct emu_json *to, const char *const *names)
{
    emu_fields_note_unknown(c, names);
    for (const char *const *name = names; *name; name++)
        if (emu_field(c, *name))
            emu_json_put(to, slice_of(*name), emu_json_copy(emu_field(c, *name)));
}

void emu_data_set(struct emu_json *data, const char *name, struct slice text)
{
    emu_json_put(data, slice_of(name), emu_json_new_text(text));
}

void emu_data_set_int(struct emu_json *data, const char *name, int64_t value)
{
    emu_json_put(data, slice_of(name), emu_json_new_integer(value));
}

void emu_data_set_time(struct emu_json *data, const char *name, int64_t wall_ms)
{
    char text[25];

    enc_time_utc(wall_ms, false, text);
    emu_data_set(data, name, slice_of(text));
}

struct slice emu_data_get(const struct emu_json *data, const char *name)
{
    return emu_json_text(emu_json_get(data, name));
}

const char *emu_data_text(struct emu_call *c, const struct emu_json *data, const char *name)
{
    SCOPED(sbuf) text = SBUF_MAX(EMU_ANSWER_MAX);
    const struct emu_json *v = emu_json_get(data, name);

    if (emu_json_kind(v) == EMU_JSON_TEXT)
        return arena_str(c->arena, emu_json_text(v));
    if (v)
        emu_json_print(v, &text);
    return arena_str(c->arena, sbuf_slice(&text));
}

bool emu_data_set_labels(struct emu_json *data, const struct emu_json *changes)
{
    struct emu_json *list = emu_labels_with(emu_json_get(data, "Labels"), changes);

    return list && emu_json_put(data, S("Labels"), list);
}

void emu_data_drop_labels(struct emu_json *data, const struct emu_json *keys, struct slice comma_keys)
{
    emu_labels_drop_all(emu_json_at(data, S("Labels")), keys, comma_keys);
}

void emu_call_put(struct emu_jw *w, const char *name, const struct emu_json *value)
{
    SCOPED(sbuf) text = SBUF_MAX(EMU_ANSWER_MAX);

    emu_json_print(value, &text);
    jw_raw(w, name, sbuf_slice(&text));
}

void emu_call_show(struct emu_call *c, const struct emu_thing *thing)
{
    struct emu_jw w = emu_call_begin(c);

    emu_thing_write(thing, &w);
    jw_close(&w, '}');
}

static bool has_part(struct slice text, struct slice part)
{
    for (size_t i = 0; i + part.n <= text.n; i++)
        if (slice_eq(slice_from(text.p + i, part.n), part))
            return true;
    return false;
}

bool emu_call_passes(struct emu_call *c, const struct emu_json *data, const struct emu_filter *filters,
                     const char *label_query)
{
    for (const struct emu_filter *f = filters; f && f->query; f++) {
        struct slice wanted = emu_call_query(c, f->query);
        struct slice have = slice_of(emu_data_text(c, data, f->member));
        if (wanted.n && !(f->is_fuzzy ? has_part(have, wanted) : slice_eq_nocase(have, wanted)))
            return false;
    }
    struct emu_json *labels = label_query ? emu_call_query_json(c, label_query) : NULL;
    bool ok = !labels || emu_labels_match(emu_json_get(data, "Labels"), labels);
    emu_json_free(&labels);
    return ok;
}

void emu_call_list(struct emu_call *c, enum emu_kind kind, const char *array,
                   const struct emu_filter *filters, const char *label_query)
{
    struct emu_things *things = emu_state_things(c->world->state);
    struct emu_thing *thing = NULL;
    uint64_t n = 0;
    struct emu_jw w = emu_call_begin(c);
    struct emu_page page = emu_call_page(c, 100, &w);

    jw_open(&w, array, '[');
    while ((thing = emu_things_next(things, kind, thing))) {
        if (!emu_call_passes(c, thing->data, filters, label_query))
            continue;
        if (n++ < page.from || n > page.end)
            continue;
        jw_open(&w, NULL, '{');
        emu_thing_write(thing, &w);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_int(&w, "TotalCount", (int64_t)n);
    jw_close(&w, '}');
}

struct emu_thing *emu_call_add(struct emu_call *c, enum emu_kind kind, struct slice key)
{
    struct emu_thing *thing = emu_things_add(emu_state_things(c->world->state), kind, key, emu_json_new('{'));

    if (!thing) {
        emu_answer_error(c->answer, 500, "InternalError", "No memory.");
        return NULL;
    }
    emu_data_set_time(thing->data, "CreateTime", c->now_ms);
    emu_data_set_time(thing->data, "UpdateTime", c->now_ms);
    return thing;
}

const char *emu_call_new_id(struct emu_call *c, const char *prefix)
{
    return arena_printf(c->arena, "%s%08llu", prefix,
                        (unsigned long long)emu_things_number(emu_state_things(c->world->state)));
}
