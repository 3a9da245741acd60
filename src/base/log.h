/*
 * log: what operators read. One sink (standard error by default), one line an event, key=value, values escaped:
 *   2026-11-23T15:27:57.123Z warn audit: cannot write, refusing requests | path=/var/log/... error="No space left"
 * error = somebody must act; warn = an operator can act; info = life of the program and one line a request; debug.
 * Values over 1 KiB and lines over 4 KiB are cut and end with "...".
 * Never waits for a reader: lines that a full pipe does not take are dropped and counted, and the next one that it takes
 * stands behind a line "log: lines lost, they were not taken | lines=N".
 * Never a secret, never a peer's raw bytes (LOG_S escapes). Safe from any thread.
 */
#ifndef EG_LOG_H
#define EG_LOG_H
#include "base/slice.h"
#include <stdint.h>

enum log_level { LOG_LEVEL_NONE = 0, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVEL_COUNT_ };

/* A field of a line; LOG_END closes the list. */
struct log_field {
    const char *key;
    enum { LOG_END_, LOG_TEXT_, LOG_NUMBER_ } kind;
    struct slice text;
    int64_t number;
};
#define LOG_S(key, slice_value) ((struct log_field){ (key), LOG_TEXT_, (slice_value), 0 })
#define LOG_C(key, c_string)    ((struct log_field){ (key), LOG_TEXT_, slice_of(c_string), 0 })
#define LOG_N(key, value)       ((struct log_field){ (key), LOG_NUMBER_, SLICE_NONE, (int64_t)(value) })

/* log_event(LOG_WARN, "audit", "cannot write", LOG_C("path", path), LOG_N("errno", e)); log_line has no fields. */
#define log_event(level, area, message, ...)                                                                 \
    log_fields((level), (area), (message), (const struct log_field[]){ __VA_ARGS__, { .key = NULL } })
#define log_line(level, area, message)                                                                       \
    log_fields((level), (area), (message), (const struct log_field[]){ { .key = NULL } })
void log_fields(enum log_level level, const char *area, const char *message, const struct log_field *fields);

void log_set_level(enum log_level most);
bool log_is_on(enum log_level level);
/* "error", "warn", "info", "debug"; LOG_LEVEL_NONE for anything else. */
enum log_level log_level_of(struct slice name);
const char *log_level_name(enum log_level level);
/* Write to this descriptor from now on (default 2). */
void log_set_fd(int fd);

/* At most one line a period: `static struct log_limit limit = { .period_ms = 10000 };` Counts what it held back. */
struct log_limit {
    int64_t period_ms, next_ms;
    uint64_t held_back;
};
/* May this line be written now? *out_held_back = lines suppressed since the last one. One thread. */
bool log_limit_pass(struct log_limit *limit, int64_t mono_ms, uint64_t *out_held_back);
#endif
