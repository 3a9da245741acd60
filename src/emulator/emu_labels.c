/* Labels: see emu_labels.h. They decide whose service it is, so no spelling of a change may get lost here. */
#include "emulator/emu_labels.h"
#include "base/sbuf.h"

void emu_labels_drop(struct emu_json *list, struct slice key)
{
    struct emu_json *next;

    for (struct emu_json *l = emu_json_first_of(list); l; l = next) {
        next = emu_json_next_of(l);
        if (slice_eq(emu_json_text(emu_json_get(l, "LabelKey")), key))
            emu_json_remove_item(list, &l);
    }
}

static bool set_one(struct emu_json *list, struct slice key, const struct emu_json *value)
{
    SCOPED(sbuf) text = SBUF_MAX(65536);
    struct emu_json *pair = emu_json_new('{');

    if (emu_json_kind(value) == EMU_JSON_TEXT)
        sbuf_add(&text, emu_json_text(value));
    else if (emu_json_kind(value) != EMU_JSON_NULL)
        emu_json_print(value, &text);
    emu_labels_drop(list, key);
    if (!pair)
        return false;
    emu_json_put(pair, S("LabelKey"), emu_json_new_text(key));
    emu_json_put(pair, S("LabelValue"), emu_json_new_text(sbuf_slice(&text)));
    return emu_json_append(list, pair);
}

struct emu_json *emu_labels_with(const struct emu_json *list, const struct emu_json *changes)
{
    struct emu_json *out = emu_json_kind(list) == EMU_JSON_ARRAY ? emu_json_copy(list) : emu_json_new('[');
    bool ok = out != NULL, is_list = emu_json_kind(changes) == EMU_JSON_ARRAY;

    for (const struct emu_json *m = emu_json_first(changes); ok && m; m = emu_json_next(m)) {
        const struct emu_json *key = emu_json_get(m, "LabelKey");
        if (!is_list)
            ok = set_one(out, emu_json_name(m), m);
        else if (key)
            ok = set_one(out, emu_json_text(key), emu_json_get(m, "LabelValue"));
    }
    if (!ok)
        emu_json_free(&out);
    return out;
}

static bool has(const struct emu_json *list, struct slice key, struct slice value)
{
    for (const struct emu_json *l = emu_json_first(list); l; l = emu_json_next(l))
        if (slice_eq(emu_json_text(emu_json_get(l, "LabelKey")), key) &&
            (!value.n || slice_eq(emu_json_text(emu_json_get(l, "LabelValue")), value)))
            return true;
    return false;
}

bool emu_labels_match(const struct emu_json *list, const struct emu_json *wanted)
{
    for (const struct emu_json *m = emu_json_first(wanted); m; m = emu_json_next(m))
        if (!has(list, emu_json_name(m), emu_json_text(m)))
            return false;
    return true;
}

void emu_labels_drop_all(struct emu_json *list, const struct emu_json *keys, struct slice comma_keys)
{
    struct slice key;

    for (const struct emu_json *k = emu_json_first(keys); k; k = emu_json_next(k))
        emu_labels_drop(list, emu_json_kind(keys) == EMU_JSON_OBJECT ? emu_json_name(k) : emu_json_text(k));
    while (comma_keys.p && slice_split(&comma_keys, ',', &key))
        emu_labels_drop(list, slice_trim(key));
}

static bool store(struct emu_service *v, const struct emu_json *list)
{
    SCOPED(sbuf) text = SBUF_MAX(4U << 20);

    emu_json_print(list, &text);
    return sbuf_ok(&text) && emu_service_set(v, EMU_F_LABELS, sbuf_slice(&text));
}

bool emu_labels_set_service(struct emu_service *v, const struct emu_json *changes)
{
    size_t used;
    struct emu_json *have = emu_json_parse(emu_service_get(v, EMU_F_LABELS), &used);
    struct emu_json *list = emu_labels_with(have, changes);
    bool ok = list && store(v, list);

    emu_json_free(&have);
    emu_json_free(&list);
    return ok;
}

bool emu_labels_drop_service(struct emu_service *v, const struct emu_json *keys, struct slice comma_keys)
{
    size_t used;
    struct emu_json *list = emu_json_parse(emu_service_get(v, EMU_F_LABELS), &used);

    emu_labels_drop_all(list, keys, comma_keys);
    bool ok = !list || store(v, list);
    emu_json_free(&list);
    return ok;
}
