/*
 * Requests of which the log still has something to say, for those who read it in order. An outcome, and what is resolved later,
 * names its request only by id: what was wanted of the intent is remembered until nothing more can come. That is its outcome; for a
 * change whose outcome is unknown, the truth that may be read later. Nothing is ever resolved of a read.
 */
#ifndef EG_CMD_AUDIT_AWAIT_H
#define EG_CMD_AUDIT_AWAIT_H
#include "base/map.h"
#include "core/audit_chain.h"

#define AUDIT_AWAIT_MAX ((size_t)1 << 20)

struct audit_await {
    struct map *by_id; /* made when needed */
    bool is_full;      /* an intent could not be remembered: there were too many, or no memory */
};

/* Remember an intent, and with it what its outcome is to find: borrowed, not NULL. False: is_full. */
bool audit_await_intent(struct audit_await *a, const struct audit_line *intent, void *what);
/* What the intent of this outcome or resolved record left; NULL when none did. */
void *audit_await_end(struct audit_await *a, const struct audit_line *line);
size_t audit_await_count(const struct audit_await *a);
/* Forget them all. */
void audit_await_drop(struct audit_await *a);
#endif
