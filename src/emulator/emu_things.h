/*
 * emu_things: what is no service: groups, gateways, resources and their machines, virtual resources, configs,
 * benchmark tasks. A thing is a JSON object under a kind and a key; members whose names begin with '_' are not shown
 * in answers. The store owns its things.
 */
#ifndef EG_EMU_THINGS_H
#define EG_EMU_THINGS_H
#include "base/list.h"
#include "emulator/emu_json.h"

enum emu_kind {
    EMU_KIND_GROUP = 0,
    EMU_KIND_GATEWAY,
    EMU_KIND_RESOURCE,
    EMU_KIND_MACHINE, /* of a resource: member ResourceId */
    EMU_KIND_VIRTUAL,
    EMU_KIND_CONFIG, /* key: type/name/key */
    EMU_KIND_BENCHMARK,
    EMU_KIND_COUNT_
};

struct emu_thing {
    struct list node;
    enum emu_kind kind;
    char *key;
    struct emu_json *data;
};

struct emu_things;

struct emu_things *emu_things_new(void); /* NULL without memory */
void emu_things_free(struct emu_things **t);
void emu_things_reset(struct emu_things *t);
struct emu_thing *emu_things_find(const struct emu_things *t, enum emu_kind kind, struct slice key);
/* A new one with this data, which is taken over, also on failure; NULL without memory. The key must be free. */
struct emu_thing *emu_things_add(struct emu_things *t, enum emu_kind kind, struct slice key,
                                 struct emu_json *data);
void emu_things_remove(struct emu_things *t, struct emu_thing **thing);
/* Walk those of a kind in order of creation; NULL begins and ends. */
struct emu_thing *emu_things_next(const struct emu_things *t, enum emu_kind kind,
                                  const struct emu_thing *after);
/* Numbers from 1, for names of things. */
uint64_t emu_things_number(struct emu_things *t);
/* The members that are shown, into an object that is open. */
void emu_thing_write(const struct emu_thing *thing, struct emu_jw *w);
const char *emu_kind_name(enum emu_kind kind);
#endif
