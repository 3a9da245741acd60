/* The store of what is no service: see emu_things.h. It must never know what an operation means. */
#include "emulator/emu_things.h"
#include <stdlib.h>

struct emu_things {
    struct list all[EMU_KIND_COUNT_];
    uint64_t numbers;
};

struct emu_things *emu_things_new(void)
{
    struct emu_things *t = calloc(1, sizeof *t);

    for (size_t i = 0; t && i < EMU_KIND_COUNT_; i++)
        list_init(&t->all[i]);
    return t;
}

void emu_things_remove(struct emu_things *t, struct emu_thing **at)
{
    struct emu_thing *thing = *at;

    (void)t;
    *at = NULL;
    if (!thing)
        return;
    list_remove(&thing->node);
    emu_json_free(&thing->data);
    free(thing->key);
    free(thing);
}

void emu_things_reset(struct emu_things *t)
{
    for (size_t i = 0; i < EMU_KIND_COUNT_; i++)
        while (!list_is_empty(&t->all[i])) {
            struct emu_thing *thing = LIST_OWNER(t->all[i].next, struct emu_thing, node);
            emu_things_remove(t, &thing);
        }
}

void emu_things_free(struct emu_things **at)
{
    if (*at)
        emu_things_reset(*at);
    free(*at);
    *at = NULL;
}

struct emu_thing *emu_things_next(const struct emu_things *t, enum emu_kind kind,
                                  const struct emu_thing *after)
{
    struct list *at = after ? after->node.next : t->all[kind].next;

    return at == &t->all[kind] ? NULL : LIST_OWNER(at, struct emu_thing, node);
}

struct emu_thing *emu_things_find(const struct emu_things *t, enum emu_kind kind, struct slice key)
{
    struct emu_thing *thing = NULL;

    while ((thing = emu_things_next(t, kind, thing)))
        if (slice_eq(slice_of(thing->key), key))
            return thing;
    return NULL;
}

struct emu_thing *emu_things_add(struct emu_things *t, enum emu_kind kind, struct slice key,
                                 struct emu_json *data)
{
    struct emu_thing *thing = calloc(1, sizeof *thing);
    char *copy = strndup(key.p ? key.p : "", key.n);

    if (!thing || !copy || !data) {
        free(thing);
        free(copy);
        emu_json_free(&data);
        return NULL;
    }
    thing->kind = kind;
    thing->key = copy;
    thing->data = data;
    list_init(&thing->node);
    list_add_last(&t->all[kind], &thing->node);
    return thing;
}

uint64_t emu_things_number(struct emu_things *t)
{
    return ++t->numbers;
}

void emu_thing_write(const struct emu_thing *thing, struct emu_jw *w)
{
    SCOPED(sbuf) text = SBUF_MAX(16U << 20), name = SBUF_MAX(65536);

    for (const struct emu_json *m = emu_json_first(thing->data); m; m = emu_json_next(m)) {
        if (slice_starts(emu_json_name(m), S("_")))
            continue;
        sbuf_clear(&text);
        sbuf_clear(&name);
        sbuf_add(&name, emu_json_name(m));
        emu_json_print(m, &text);
        jw_raw(w, name.p ? name.p : "", sbuf_slice(&text));
    }
}

const char *emu_kind_name(enum emu_kind kind)
{
    static const char *const names[EMU_KIND_COUNT_] = { "group",   "gateway", "resource", "machine",
                                                        "virtual", "config",  "benchmark" };

    return names[kind];
}
