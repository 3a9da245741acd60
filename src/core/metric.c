/*
 * Metrics: see metric.h. Plain numbers of the loop thread, printed in Prometheus' text format (version 0.0.4). Every name
 * and label value comes from core/metrics.def, core/reasons.def or the catalogue, so there is nothing to escape.
 */
#include "core/metric.h"
#include "base/must.h"
#include <stdlib.h>

enum kind { KIND_NONE = 0, KIND_counter, KIND_gauge, KIND_histogram };

static const struct {
    enum kind kind;
    const char *name, *help;
} rows[METRIC_COUNT_] = {
#define METRIC(name, kind, help) [METRIC_##name] = { KIND_##kind, "easgate_" #name, help },
#include "core/metrics.def"
#undef METRIC
};

static const int64_t bounds_ms[] = { 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000 };
#define BOUND_COUNT (sizeof bounds_ms / sizeof *bounds_ms)

enum outcome {
    OUTCOME_2XX,
    OUTCOME_3XX,
    OUTCOME_4XX,
    OUTCOME_5XX,
    OUTCOME_OTHER,
    OUTCOME_REFUSED,
    OUTCOME_COUNT_
};
static const char *const outcome_names[OUTCOME_COUNT_] = { "2xx", "3xx", "4xx", "5xx", "other", "refused" };

struct histogram {
    uint64_t in_bucket[BOUND_COUNT + 1]; /* not cumulative; the last one is beyond all bounds */
    uint64_t count;
    int64_t sum_ms;
};

struct requests {
    uint64_t by_outcome[OUTCOME_COUNT_];
};

struct metrics {
    int64_t values[METRIC_COUNT_]; /* of counters and gauges */
    struct histogram histograms[METRIC_COUNT_];
    uint64_t refusals[REASON_COUNT_];
    uint64_t would_deny[REASON_COUNT_];
    size_t op_count;
    struct requests requests[]; /* by opcat_index; the last one is for requests without an operation */
};

struct metrics *metrics_new(void)
{
    size_t ops = opcat_count();
    struct metrics *m = calloc(1, sizeof *m + (ops + 1) * sizeof *m->requests);

    if (m)
        m->op_count = ops;
    return m;
}

void metrics_free(struct metrics **m)
{
    free(*m);
    *m = NULL;
}

void metric_add(struct metrics *m, enum metric which, uint64_t n)
{
    MUST(rows[which].kind == KIND_counter);
    m->values[which] = (int64_t)((uint64_t)m->values[which] + n);
}

void metric_set(struct metrics *m, enum metric which, int64_t value)
{
    MUST(rows[which].kind == KIND_gauge);
    m->values[which] = value;
}

void metric_observe_ms(struct metrics *m, enum metric which, int64_t ms)
{
    MUST(rows[which].kind == KIND_histogram);
    struct histogram *h = &m->histograms[which];
    size_t i = 0;

    while (i < BOUND_COUNT && ms > bounds_ms[i])
        i++;
    h->in_bucket[i]++;
    h->count++;
    h->sum_ms += ms > 0 ? ms : 0;
}

static enum outcome outcome_of(int status, enum reason reason)
{
    if (reason != REASON_NONE)
        return OUTCOME_REFUSED;
    return status >= 200 && status < 600 ? (enum outcome)(OUTCOME_2XX + (status / 100 - 2)) : OUTCOME_OTHER;
}

void metric_request(struct metrics *m, const struct op *op, int status, enum reason reason)
{
    m->requests[op ? opcat_index(op) : m->op_count].by_outcome[outcome_of(status, reason)]++;
    if (reason != REASON_NONE && reason < REASON_COUNT_)
        m->refusals[reason]++;
}

void metric_would_deny(struct metrics *m, enum reason reason)
{
    if (reason < REASON_COUNT_)
        m->would_deny[reason]++;
}

static void print_head(const char *name, const char *help, const char *type, struct sbuf *out)
{
    sbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_histogram(const char *name, const struct histogram *h, struct sbuf *out)
{
    uint64_t below = 0;

    for (size_t i = 0; i < BOUND_COUNT; i++) {
        below += h->in_bucket[i];
        sbuf_addf(out, "%s_bucket{le=\"%lld\"} %llu\n", name, (long long)bounds_ms[i],
                  (unsigned long long)below);
    }
    sbuf_addf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %lld\n%s_count %llu\n", name,
              (unsigned long long)h->count, name, (long long)h->sum_ms, name, (unsigned long long)h->count);
}

static void print_requests(const struct metrics *m, struct sbuf *out)
{
    print_head("easgate_requests_total", "Requests answered, by operation and by class of the answer",
               "counter", out);
    for (size_t i = 0; i <= m->op_count; i++) {
        struct slice op = i < m->op_count ? opcat_at(i)->name : S("none");
        for (size_t o = 0; o < OUTCOME_COUNT_; o++)
            if (m->requests[i].by_outcome[o])
                sbuf_addf(out, "easgate_requests_total{operation=\"%.*s\",outcome=\"%s\"} %llu\n",
                          SLICE_FMT(op), outcome_names[o], (unsigned long long)m->requests[i].by_outcome[o]);
    }
    print_head("easgate_refusals_total", "Requests that easgate refused, by reason", "counter", out);
    for (size_t r = REASON_NONE + 1; r < REASON_COUNT_; r++)
        sbuf_addf(out, "easgate_refusals_total{reason=\"%s\"} %llu\n", reason_name((enum reason)r),
                  (unsigned long long)m->refusals[r]);
    print_head("easgate_would_deny_total", "Requests that policies in mode report let through, by reason",
               "counter", out);
    for (size_t r = REASON_NONE + 1; r < REASON_COUNT_; r++)
        if (m->would_deny[r])
            sbuf_addf(out, "easgate_would_deny_total{reason=\"%s\"} %llu\n", reason_name((enum reason)r),
                      (unsigned long long)m->would_deny[r]);
}

void metrics_print(const struct metrics *m, struct sbuf *out)
{
    static const char *const types[] = { [KIND_NONE] = "untyped",
                                         [KIND_counter] = "counter",
                                         [KIND_gauge] = "gauge",
                                         [KIND_histogram] = "histogram" };

    for (size_t i = METRIC_NONE + 1; i < METRIC_COUNT_; i++) {
        print_head(rows[i].name, rows[i].help, types[rows[i].kind], out);
        if (rows[i].kind == KIND_histogram)
            print_histogram(rows[i].name, &m->histograms[i], out);
        else if (rows[i].kind == KIND_counter)
            sbuf_addf(out, "%s %llu\n", rows[i].name, (unsigned long long)m->values[i]);
        else
            sbuf_addf(out, "%s %lld\n", rows[i].name, (long long)m->values[i]);
    }
    print_requests(m, out);
}
