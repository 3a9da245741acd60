/* clock: time as a port. Deadlines use the monotonic clock, dates the wall clock. No one else asks the system. */
#ifndef EG_CLOCK_H
#define EG_CLOCK_H
#include <stdint.h>
#include <time.h>

struct clock {
    int64_t (*wall_ms)(void *ctx); /* since 1970, UTC */
    int64_t (*mono_ms)(void *ctx); /* since some start, never back */
    void *ctx;
};

int64_t clock_wall_ms(const struct clock *c);
int64_t clock_mono_ms(const struct clock *c);
/* CLOCK_MONOTONIC so many ms from now: for pthread_cond_timedwait on a condition of that clock. */
struct timespec clock_mono_in_ms(int64_t ms);
/* The system's clocks; reads the system anew at each call. */
extern const struct clock clock_system;
#endif
