/*
 * cmd_diff_lines: what differs for each client, gathered over the periods between the dates at which values end, and printed once for
 * each run of periods in which it is so: "max_replicas is 10, was 4, from 2030-01-01T00:00:00Z on". Without memory nothing is
 * printed at all.
 */
#ifndef EG_CMD_DIFF_LINES_H
#define EG_CMD_DIFF_LINES_H
#include "base/slice.h"
#include <stdint.h>

struct diff_lines;

struct diff_lines *diff_lines_new(void); /* NULL without memory; the caller owns it */
void diff_lines_free(struct diff_lines **d);
/* A period begins at this time, and the one before ends. */
void diff_period(struct diff_lines *d, int64_t from_s);
/* What is said until the next call is about this client; an empty name: about all. */
void diff_client(struct diff_lines *d, struct slice client);
/* sign: '+' a permission more, '-' one less, '~' another change. */
void diff_say(struct diff_lines *d, char sign, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* False without memory. */
bool diff_lines_print(const struct diff_lines *d, size_t *out_count);
#endif
