/* Rate limits: see ratelimit.h. */
#include "core/ratelimit.h"

/* Far beyond any configured value, so that nothing below overflows: a day in microseconds, a million at once. */
#define SPAN_MAX_US (INT64_C(86400) * 1000 * 1000)
#define BURST_MAX   UINT64_C(1000000)

bool ratelimit_take(struct ratelimit_state *state, const struct ratelimit *limit, int64_t now_mono_ms,
                    int64_t *out_wait_ms)
{
    if (limit->count == 0)
        return true;
    uint64_t burst = limit->burst ? limit->burst : 1;
    int64_t period_us = limit->period_ms * 1000;
    int64_t each_us = (period_us < SPAN_MAX_US ? period_us : SPAN_MAX_US) / (int64_t)limit->count;
    if (each_us < 1)
        each_us = 1;
    int64_t slack_us = each_us * (int64_t)((burst < BURST_MAX ? burst : BURST_MAX) - 1);
    int64_t now_us = now_mono_ms * 1000;
    int64_t due_us = state->due_us;

    /* a state from a future that time went back from, or from a slower limit before a reload */
    if (due_us > now_us + slack_us + each_us)
        due_us = now_us + slack_us + each_us;
    if (due_us < now_us)
        due_us = now_us;
    if (due_us - slack_us > now_us) {
        *out_wait_ms = (due_us - slack_us - now_us + 999) / 1000;
        state->due_us = due_us;
        return false;
    }
    state->due_us = due_us + each_us;
    return true;
}
