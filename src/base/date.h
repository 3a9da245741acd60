/* date: calendar dates as a person writes them, in UTC. */
#ifndef EG_DATE_H
#define EG_DATE_H
#include "base/slice.h"
#include <stdint.h>

/* "2026-12-31": the end of that day, so that the day itself still counts; "2026-12-31T18:00:00Z": that second. Seconds since 1970.
 * False for anything else, also for a day that no calendar has, and outside 1970..9999. */
bool date_end(struct slice text, int64_t *out_unix_s);
#endif
