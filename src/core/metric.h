/*
 * metric: counters, gauges and histograms from one table (core/metrics.def), and their Prometheus text. Labels come from
 * closed enums and the configuration's names, never from a peer's text.
 */
#ifndef EG_METRIC_H
#define EG_METRIC_H
#include "base/sbuf.h"
#include "core/opcat.h"
#include "core/reply.h"

enum metric {
    METRIC_NONE = 0,
#define METRIC(name, kind, help) METRIC_##name,
#include "core/metrics.def"
#undef METRIC
    METRIC_COUNT_
};

struct metrics;
struct metrics *metrics_new(void); /* NULL without memory */
void metrics_free(struct metrics **m);
void metric_add(struct metrics *m, enum metric which, uint64_t n);
void metric_set(struct metrics *m, enum metric which, int64_t value);
/* One finished request: easgate_requests_total{operation,outcome} and easgate_refusals_total{reason}; op may be NULL
 * (operation="none"). outcome is 2xx, 3xx, 4xx, 5xx or other for answers of EAS, "refused" for every reason but REASON_NONE. */
void metric_request(struct metrics *m, const struct op *op, int status, enum reason reason);
/* A request that a policy in mode report let through: easgate_would_deny_total{reason}. */
void metric_would_deny(struct metrics *m, enum reason reason);
/* Milliseconds into a histogram metric (buckets up to 1, 2, 5, 10, 25, 50, 100, 250, 500 ms, 1, 2.5, 5, 10, 30 s). */
void metric_observe_ms(struct metrics *m, enum metric which, int64_t ms);
/* Prometheus text. Operations that were never asked for have no line; everything else always has one. */
void metrics_print(const struct metrics *m, struct sbuf *out);
#endif
