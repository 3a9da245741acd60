/* Changing JSON trees: the second half of emu_json.h. It must never keep a value that it was handed and did not place. */
#include "emulator/emu_json.h"
#include <cjson/cJSON.h>
#include <stdlib.h>

static cJSON *in(struct emu_json *v)
{
    return (cJSON *)(void *)v;
}

static struct emu_json *out(cJSON *c)
{
    return (struct emu_json *)(void *)c;
}

static const cJSON *in_const(const struct emu_json *v)
{
    return (const cJSON *)(const void *)v;
}

struct emu_json *emu_json_new(char bracket)
{
    return out(bracket == '[' ? cJSON_CreateArray() : cJSON_CreateObject());
}

struct emu_json *emu_json_new_text(struct slice text)
{
    char *copy = strndup(text.p ? text.p : "", text.n);
    cJSON *c = copy ? cJSON_CreateString(copy) : NULL;

    free(copy);
    return out(c);
}

struct emu_json *emu_json_new_integer(int64_t value)
{
    return out(cJSON_CreateNumber((double)value));
}

struct emu_json *emu_json_copy(const struct emu_json *v)
{
    return v ? out(cJSON_Duplicate(in_const(v), 1)) : NULL;
}

struct emu_json *emu_json_at(struct emu_json *object, struct slice name)
{
    struct emu_json *found = NULL;

    if (emu_json_kind(object) != EMU_JSON_OBJECT)
        return NULL;
    for (cJSON *m = in(object)->child; m; m = m->next)
        if (slice_eq(slice_of(m->string), name))
            found = out(m);
    return found;
}

struct emu_json *emu_json_first_of(struct emu_json *v)
{
    return v ? out(in(v)->child) : NULL;
}

struct emu_json *emu_json_next_of(struct emu_json *v)
{
    return v ? out(in(v)->next) : NULL;
}

void emu_json_remove_item(struct emu_json *parent, struct emu_json **item)
{
    if (*item)
        cJSON_Delete(cJSON_DetachItemViaPointer(in(parent), in(*item)));
    *item = NULL;
}

void emu_json_remove(struct emu_json *object, struct slice name)
{
    struct emu_json *m;

    while ((m = emu_json_at(object, name)))
        emu_json_remove_item(object, &m);
}

bool emu_json_put(struct emu_json *object, struct slice name, struct emu_json *value)
{
    char *key = strndup(name.p ? name.p : "", name.n);
    bool ok = key && value && emu_json_kind(object) == EMU_JSON_OBJECT;

    if (ok) {
        emu_json_remove(object, name);
        ok = cJSON_AddItemToObject(in(object), key, in(value));
    }
    free(key);
    if (!ok)
        emu_json_free(&value);
    return ok;
}

bool emu_json_append(struct emu_json *array, struct emu_json *value)
{
    bool ok = value && emu_json_kind(array) == EMU_JSON_ARRAY && cJSON_AddItemToArray(in(array), in(value));

    if (!ok)
        emu_json_free(&value);
    return ok;
}

struct emu_json *emu_json_section(struct emu_json *object, const char *name, char bracket)
{
    struct emu_json *found = emu_json_at(object, slice_of(name));

    if (found && emu_json_kind(found) == (bracket == '[' ? EMU_JSON_ARRAY : EMU_JSON_OBJECT))
        return found;
    return emu_json_put(object, slice_of(name), emu_json_new(bracket)) ? emu_json_at(object, slice_of(name))
                                                                       : NULL;
}

bool emu_json_merge(struct emu_json *object, const struct emu_json *from)
{
    for (const struct emu_json *m = emu_json_first(from); m; m = emu_json_next(m)) {
        struct emu_json *have = emu_json_at(object, emu_json_name(m));
        bool deep = emu_json_kind(m) == EMU_JSON_OBJECT && emu_json_kind(have) == EMU_JSON_OBJECT;
        if (deep ? !emu_json_merge(have, m) : !emu_json_put(object, emu_json_name(m), emu_json_copy(m)))
            return false;
    }
    return true;
}
