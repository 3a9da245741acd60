/* Metrics: what is counted is printed, in the text format that Prometheus reads. */
#include "core/metric.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static char *print(const struct metrics *m)
{
    SCOPED(sbuf) out = SBUF_MAX(1 << 20);

    metrics_print(m, &out);
    assert_true(sbuf_ok(&out));
    return sbuf_take(&out);
}

static void has(const char *text, const char *line)
{
    size_t n = strlen(line);

    for (const char *p = text; (p = strstr(p, line)) != NULL; p++)
        if ((p == text || p[-1] == '\n') && p[n] == '\n')
            return;
    print_error("missing: %s\n", line);
    fail();
}

static void test_values(void **state)
{
    struct metrics *m = metrics_new();

    (void)state;
    metric_add(m, METRIC_connections_total, 3);
    metric_add(m, METRIC_connections_total, 4);
    metric_set(m, METRIC_inflight, 12);
    metric_set(m, METRIC_inflight, -2);
    char *text = print(m);
    has(text, "# HELP easgate_connections_total Connections accepted since the start");
    has(text, "# TYPE easgate_connections_total counter");
    has(text, "easgate_connections_total 7");
    has(text, "# TYPE easgate_inflight gauge");
    has(text, "easgate_inflight -2");
    has(text, "easgate_refusals_total{reason=\"replica_cap\"} 0");
    free(text);
    metrics_free(&m);
    assert_null(m);
}

static void test_histogram(void **state)
{
    static const int64_t seen[] = { 0, 1, 2, 3, 30000, 30001, 7 };
    struct metrics *m = metrics_new();

    (void)state;
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
        metric_observe_ms(m, METRIC_request_ms, seen[i]);
    char *text = print(m);
    has(text, "# TYPE easgate_request_ms histogram");
    has(text, "easgate_request_ms_bucket{le=\"1\"} 2");
    has(text, "easgate_request_ms_bucket{le=\"2\"} 3");
    has(text, "easgate_request_ms_bucket{le=\"5\"} 4");
    has(text, "easgate_request_ms_bucket{le=\"10\"} 5");
    has(text, "easgate_request_ms_bucket{le=\"10000\"} 5");
    has(text, "easgate_request_ms_bucket{le=\"30000\"} 6");
    has(text, "easgate_request_ms_bucket{le=\"+Inf\"} 7");
    has(text, "easgate_request_ms_count 7");
    has(text, "easgate_request_ms_sum 60014");
    has(text, "easgate_upstream_ms_count 0");
    free(text);
    metrics_free(&m);
}

static void test_requests(void **state)
{
    struct metrics *m = metrics_new();
    const struct op *create = opcat_by_name(S("CreateAppService"));

    (void)state;
    assert_non_null(create);
    metric_request(m, create, 200, REASON_NONE);
    metric_request(m, create, 204, REASON_NONE);
    metric_request(m, create, 409, REASON_NONE);
    metric_request(m, create, 403, REASON_REPLICA_CAP);
    metric_request(m, NULL, 401, REASON_UNAUTHENTICATED);
    metric_request(m, NULL, 0, REASON_NONE);
    char *text = print(m);
    has(text, "easgate_requests_total{operation=\"CreateAppService\",outcome=\"2xx\"} 2");
    has(text, "easgate_requests_total{operation=\"CreateAppService\",outcome=\"4xx\"} 1");
    has(text, "easgate_requests_total{operation=\"CreateAppService\",outcome=\"refused\"} 1");
    has(text, "easgate_requests_total{operation=\"none\",outcome=\"refused\"} 1");
    has(text, "easgate_requests_total{operation=\"none\",outcome=\"other\"} 1");
    has(text, "easgate_refusals_total{reason=\"replica_cap\"} 1");
    has(text, "easgate_refusals_total{reason=\"unauthenticated\"} 1");
    has(text, "easgate_refusals_total{reason=\"audit\"} 0");
    free(text);
    metrics_free(&m);
}

/* Each sample stands under the HELP and TYPE of its own metric. */
static void test_form(void **state)
{
    struct metrics *m = metrics_new();
    struct slice rest, line, type = SLICE_NONE;
    char *text = print(m);
    size_t helps = 0, types = 0;

    (void)state;
    rest = slice_of(text);
    assert_true(rest.n && rest.p[rest.n - 1] == '\n');
    rest.n--;
    while (slice_split(&rest, '\n', &line)) {
        struct slice word;
        struct slice tail = line;
        if (slice_starts(line, S("# HELP ")))
            helps++;
        if (slice_starts(line, S("# TYPE "))) {
            tail = slice_skip(line, 7);
            assert_true(slice_split(&tail, ' ', &type));
            types++;
        }
        if (line.p[0] == '#')
            continue;
        assert_true(slice_split(&tail, ' ', &word));
        assert_true(slice_starts(word, type));
        assert_true(slice_starts(word, S("easgate_")));
        assert_non_null(tail.p);
    }
    assert_int_equal(helps, types);
    assert_int_equal(helps, METRIC_COUNT_ - 1 + 3); /* requests, refusals, would_deny */
    free(text);
    metrics_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_values), cmocka_unit_test(test_histogram),
                                        cmocka_unit_test(test_requests), cmocka_unit_test(test_form) };

    return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}
