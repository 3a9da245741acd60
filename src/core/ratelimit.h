/*
 * ratelimit: so many in a period, with a burst, by one number a limited thing: the generic cell rate algorithm (ITU-T I.371,
 * virtual scheduling). Pure; time is passed in, and going back in time never locks anyone out for longer than a burst.
 */
#ifndef EG_RATELIMIT_H
#define EG_RATELIMIT_H
#include <stdbool.h>
#include <stdint.h>

struct ratelimit {
    uint64_t count;    /* in a period; 0 = no limit */
    int64_t period_ms; /* > 0 */
    uint64_t burst;    /* this many at once; 0 counts as 1 */
};

/* When the next one would be due if all came evenly, in microseconds; 0 at first. One for each limited thing. */
struct ratelimit_state {
    int64_t due_us;
};

/* Take one. False: too many; *out_wait_ms = when to try again (at least 1). */
bool ratelimit_take(struct ratelimit_state *state, const struct ratelimit *limit, int64_t now_mono_ms,
                    int64_t *out_wait_ms);
#endif
