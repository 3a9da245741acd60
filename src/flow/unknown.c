/* A ring of the newest, and a map by id over it: see unknown.h. */
#include "flow/unknown.h"
#include "base/map.h"

struct unknowns {
    struct map *by_id; /* id -> struct unknown of the ring */
    size_t next, count;
    struct unknown ring[UNKNOWN_MAX];
};

struct unknowns *unknowns_new(void)
{
    struct unknowns *u = calloc(1, sizeof *u);

    if (!u)
        return NULL;
    u->by_id = map_new();
    if (!u->by_id)
        unknowns_free(&u);
    return u;
}

void unknowns_free(struct unknowns **u)
{
    if (!*u)
        return;
    map_free(&(*u)->by_id);
    free(*u);
    *u = NULL;
}

bool unknowns_add(struct unknowns *u, const struct unknown *what)
{
    struct unknown *at = &u->ring[u->next];

    if (u->count == UNKNOWN_MAX)
        map_remove(u->by_id, slice_of(at->id));
    *at = *what;
    if (!map_put(u->by_id, slice_of(at->id), at)) {
        at->id[0] = '\0';
        return false;
    }
    u->next = (u->next + 1) % UNKNOWN_MAX;
    u->count += u->count < UNKNOWN_MAX;
    return true;
}

void unknowns_end(struct unknowns *u, struct slice id, enum unknown_end end, int64_t replicas,
                  int64_t now_wall_ms)
{
    struct unknown *k = map_get(u->by_id, id);

    if (!k)
        return;
    k->end = end;
    k->replicas = replicas;
    k->known_wall_ms = now_wall_ms;
}

const struct unknown *unknowns_find(const struct unknowns *u, struct slice id, struct slice client)
{
    const struct unknown *k = map_get(u->by_id, id);

    return k && slice_eq(slice_of(k->client), client) ? k : NULL;
}
