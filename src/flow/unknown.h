/*
 * unknown: changes whose outcome was not known, by their request id, so that their caller can ask what became of them.
 * Kept in memory: the newest UNKNOWN_MAX; the audit log has all of them. A restart brings back what its open intents name.
 */
#ifndef EG_UNKNOWN_H
#define EG_UNKNOWN_H
#include "base/slice.h"
#include <stdint.h>

#define UNKNOWN_MAX 4096

enum unknown_end {
    UNKNOWN_OPEN = 0,  /* nobody looked yet, or EAS could not be read */
    UNKNOWN_EXISTS,    /* the service is there; replicas is what EAS says it has */
    UNKNOWN_GONE       /* there is no such service */
};

struct unknown {
    char id[33];
    char client[65], op[65], service[65]; /* cut when longer; none is */
    int64_t sent_wall_ms, known_wall_ms;
    enum unknown_end end;
    int64_t replicas;
};

struct unknowns;
struct unknowns *unknowns_new(void); /* NULL without memory */
void unknowns_free(struct unknowns **u);
/* Take note; the oldest goes when there are too many. False without memory: then the log alone knows. */
bool unknowns_add(struct unknowns *u, const struct unknown *what);
/* The truth about it was read. Nothing happens when it is not kept any more. */
void unknowns_end(struct unknowns *u, struct slice id, enum unknown_end end, int64_t replicas, int64_t now_wall_ms);
/* NULL when there is none of this id and client. */
const struct unknown *unknowns_find(const struct unknowns *u, struct slice id, struct slice client);
#endif
