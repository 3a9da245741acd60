/*
 * emu_cron: schedules of a cron scaler: six fields, "second minute hour day month weekday" (five: no seconds), each
 * with star, lists, ranges and steps; names of months and days are not read. Pure.
 */
#ifndef EG_EMU_CRON_H
#define EG_EMU_CRON_H
#include "base/slice.h"
#include <stdint.h>

#define EMU_CRON_FIELDS 6

struct emu_cron {
    uint64_t allowed[EMU_CRON_FIELDS]; /* a bit for each value */
};

/* False when it cannot be read. */
bool emu_cron_parse(struct slice text, struct emu_cron *out);
/* Does this moment (ms since 1970 in the schedule's own time) match? */
bool emu_cron_matches(const struct emu_cron *c, int64_t local_ms);
/* The first match after that moment, within two years; else INT64_MAX. */
int64_t emu_cron_next(const struct emu_cron *c, int64_t local_ms);
/* How far a time zone is ahead of UTC, in ms; only zones without summer time that tests need. Unknown: 0. */
int64_t emu_cron_zone_ms(struct slice zone);
#endif
