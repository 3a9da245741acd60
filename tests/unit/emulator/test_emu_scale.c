/* Counts that calls set, scalers that move them with time, and the books about both. */
#include "world.h"
#include "emulator/emu_control_books.h"
#include "emulator/emu_cron.h"

static void make(struct world *x, const char *name, int64_t replicas)
{
    struct emu_service *v = emu_state_add(x->w.state, slice_of(name), x->now_ms);

    assert_non_null(v);
    v->replicas = replicas;
}

static bool control(struct world *x, const char *json,
                    bool (*set)(struct emu_state *, const struct emu_json *, int64_t, struct err *))
{
    size_t used;
    struct emu_json *body = emu_json_parse(slice_of(json), &used);
    struct err e = { 0 };
    bool ok = body && set(x->w.state, body, x->now_ms, &e);

    emu_json_free(&body);
    emu_state_settle(x->w.state, x->now_ms);
    return ok;
}

static void scales_by_hand(void **state)
{
    struct world *x = *state;

    make(x, "abc", 2);
    must(x, "PUT", ONE("abc") "/scale", "{\"Instance\":5}");
    assert_int_equal(x->notes.n, 0);
    assert_int_equal(service(x, "abc")->replicas, 5);
    must(x, "PUT", ONE("abc") "/scale", "{\"instance\":\"7\",\"InstancesToDelete\":[]}");
    assert_int_equal(service(x, "abc")->replicas, 7);
    assert_true(has_text(sbuf_slice(&x->notes), "Instance spelled instance"));
    assert_int_equal(call(x, "PUT", ONE("abc") "/scale", "{}"), 400);
    assert_int_equal(call(x, "PUT", ONE("abc") "/scale", "{\"Instance\":-1}"), 400);
    assert_int_equal(call(x, "PUT", ONE("none") "/scale", "{\"Instance\":1}"), 404);
    assert_int_equal(service(x, "abc")->replicas, 7);
}

static void autoscales_one_step_at_a_time(void **state)
{
    struct world *x = *state;

    make(x, "abc", 2);
    must(x, "POST", ONE("abc") "/autoscaler",
         "{\"min\":1,\"max\":4,\"scaleStrategies\":[{\"metricName\":\"qps\",\"threshold\":5}]}");
    assert_int_equal(x->notes.n, 0);
    must(x, "GET", ONE("abc") "/autoscaler", "");
    assert_true(says(x, "\"MinReplica\":1") && says(x, "\"MaxReplica\":4") &&
                says(x, "\"CurrentValues\":[{"));
    assert_true(says(x, "\"threshold\":5"));
    x->now_ms += 10 * DELAY_MS;
    assert_int_equal(service(x, "abc")->replicas, 2); /* no demand: stays within its limits */
    assert_true(control(x, "{\"service\":\"abc\",\"want\":99}", emu_control_set_want));
    x->now_ms += DELAY_MS;
    assert_int_equal(service(x, "abc")->replicas, 3);
    x->now_ms += 10 * DELAY_MS;
    assert_int_equal(service(x, "abc")->replicas, 4);
    assert_true(control(x, "{\"service\":\"abc\",\"want\":0}", emu_control_set_want));
    x->now_ms += 2 * DELAY_MS;
    assert_int_equal(service(x, "abc")->replicas, 2);
    x->now_ms += 10 * DELAY_MS;
    assert_int_equal(service(x, "abc")->replicas, 1);
    assert_int_equal(peaks(x, "abc").peak, 4);
    must(x, "DELETE", ONE("abc") "/autoscaler", "");
    assert_int_equal(call(x, "GET", ONE("abc") "/autoscaler", ""), 404);
    assert_int_equal(peaks(x, "abc").reach, 1);
    assert_false(control(x, "{\"service\":\"none\",\"want\":1}", emu_control_set_want));
    assert_false(control(x, "{\"service\":\"abc\",\"want\":\"up\"}", emu_control_set_want));
}

static void drifts_between_its_limits(void **state)
{
    struct world *x = *state;
    bool low = false, high = false;

    make(x, "abc", 2);
    must(x, "PUT", ONE("abc") "/autoscaler", "{\"min\":1,\"max\":5,\"scaleStrategies\":[]}");
    assert_true(control(x, "{\"service\":\"*\",\"want\":\"drift\"}", emu_control_set_want));
    for (int i = 0; i < 30; i++) {
        x->now_ms += DELAY_MS;
        int64_t n = service(x, "abc")->replicas;
        assert_in_range(n, 1, 5);
        low = low || n == 1;
        high = high || n == 5;
    }
    assert_true(low && high);
    assert_true(control(x, "{\"service\":\"*\",\"want\":null}", emu_control_set_want));
    int64_t n = service(x, "abc")->replicas;
    x->now_ms += 20 * DELAY_MS;
    assert_int_equal(service(x, "abc")->replicas, n);
}

static void wakes_from_zero_with_more_than_one(void **state)
{
    struct world *x = *state;

    make(x, "abc", 0);
    must(x, "POST", ONE("abc") "/autoscaler",
         "{\"min\":0,\"max\":3,\"scaleStrategies\":[],\"behavior\":{\"onZero\":{"
         "\"scaleUpActivationReplicas\":6}}}");
    assert_int_equal(peaks(x, "abc").reach, 6);
    assert_true(control(x, "{\"service\":\"abc\",\"want\":1}", emu_control_set_want));
    x->now_ms += DELAY_MS;
    assert_int_equal(service(x, "abc")->replicas, 6); /* beyond max, as the worst server might */
    x->now_ms += 10 * DELAY_MS;
    assert_int_equal(service(x, "abc")->replicas, 1);
}

static void leaves_a_stopped_service_alone(void **state)
{
    struct world *x = *state;

    make(x, "abc", 4);
    must(x, "POST", ONE("abc") "/autoscaler", "{\"min\":1,\"max\":9,\"scaleStrategies\":[]}");
    must(x, "PUT", ONE("abc") "/stop", "");
    x->now_ms += DELAY_MS;
    assert_int_equal(peaks(x, "abc").live, 0);
    assert_true(control(x, "{\"service\":\"abc\",\"want\":9}", emu_control_set_want));
    x->now_ms += 10 * DELAY_MS;
    assert_int_equal(service(x, "abc")->replicas, 4);
    assert_int_equal(peaks(x, "abc").live, 0);
    assert_int_equal(peaks(x, "abc").reach, 9);
    must(x, "PUT", ONE("abc") "/start", "");
    assert_int_equal(peaks(x, "abc").live, 4);
    x->now_ms += 20 * DELAY_MS;
    assert_int_equal(peaks(x, "abc").live, 9);
}

static void fires_by_its_schedule(void **state)
{
    struct world *x = *state;

    make(x, "abc", 1);
    /* the clock says 22:13:20 UTC, 06:13:20 in Shanghai, where schedules are at home */
    must(x, "POST", ONE("abc") "/cronscaler",
         "{\"ScaleJobs\":[{\"Name\":\"up\",\"Schedule\":\"30 14 6 * * *\",\"TargetSize\":8},"
         "{\"Name\":\"down\",\"Schedule\":\"0 15 22 * * *\",\"TargetSize\":2,\"TimeZone\":\"UTC\"}]}");
    assert_int_equal(x->notes.n, 0);
    assert_int_equal(peaks(x, "abc").reach, 8);
    x->now_ms += 69 * 1000;
    assert_int_equal(service(x, "abc")->replicas, 1);
    x->now_ms += 1000; /* 06:14:30 */
    assert_int_equal(service(x, "abc")->replicas, 8);
    x->now_ms += 30 * 1000; /* 22:15:00 UTC */
    assert_int_equal(service(x, "abc")->replicas, 2);
    must(x, "GET", ONE("abc") "/cronscaler", "");
    assert_true(says(x, "\"TargetSize\":8"));
    assert_true(control(x, "{\"service\":\"abc\",\"job\":\"up\"}", emu_control_fire));
    assert_int_equal(service(x, "abc")->replicas, 8);
    assert_false(control(x, "{\"service\":\"abc\",\"job\":\"other\"}", emu_control_fire));
    must(x, "DELETE", ONE("abc") "/cronscaler", "");
    assert_int_equal(call(x, "GET", ONE("abc") "/cronscaler", ""), 404);
    assert_int_equal(call(x, "POST", ONE("abc") "/cronscaler", "{\"ScaleJobs\":[{\"Name\":\"x\"}]}"), 400);
}

static void leaves_out_excluded_dates(void **state)
{
    struct world *x = *state;

    make(x, "abc", 1);
    must(x, "POST", ONE("abc") "/cronscaler",
         "{\"ExcludeDates\":[\"* * * 15 11 *\"],"
         "\"ScaleJobs\":[{\"Name\":\"up\",\"Schedule\":\"0 0 7 * * *\",\"TargetSize\":8}]}");
    x->now_ms += 3600 * 1000; /* 2023-11-15 07:13 in Shanghai */
    assert_int_equal(service(x, "abc")->replicas, 1);
    x->now_ms += 24 * 3600 * 1000;
    assert_int_equal(service(x, "abc")->replicas, 8);
}

/* Moments from a calendar: 2023-11-14 is a Tuesday, 2024 has a 29th of February, which is a Thursday. */
static void reads_schedules(void **state)
{
    static const struct {
        const char *schedule;
        int64_t next_s; /* after 2023-11-14T22:13:20Z; 0 = cannot be read */
    } cases[] = { { "* * * * * *", 1700000001 },
                  { "0 * * * * *", 1700000040 },
                  { "*/30 * * * * *", 1700000010 },
                  { "0 0 0 * * *", 1700006400 },
                  { "0 0 0 29 2 *", 1709164800 },
                  { "0 0 0 ? * 2", 1700524800 },
                  { "0 0 12 1,15 * *", 1700049600 },
                  { "0 0 0-3 * * 0", 1700352000 },
                  { "0 0 * * *", 1700006400 },
                  { "0 0 0 31 2 *", INT64_MAX },
                  { "0 0 0 1 1 * *", 0 },
                  { "61 * * * * *", 0 },
                  { "a * * * * *", 0 },
                  { "", 0 },
                  { "5-2 * * * * *", 0 },
                  { "0 0 0 * * 7", 1700352000 } };
    struct emu_cron c;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool ok = emu_cron_parse(slice_of(cases[i].schedule), &c);
        if (ok != (cases[i].next_s != 0))
            fail_msg("%s: %d", cases[i].schedule, ok);
        int64_t next_ms = ok ? emu_cron_next(&c, INT64_C(1700000000000)) : 0;
        int64_t wanted_ms = cases[i].next_s == INT64_MAX ? INT64_MAX : cases[i].next_s * 1000;
        if (next_ms != wanted_ms)
            fail_msg("%s: %lld, not %lld", cases[i].schedule, (long long)next_ms, (long long)wanted_ms);
    }
}

static void keeps_books_over_a_prefix(void **state)
{
    struct world *x = *state;
    struct emu_peaks p;

    must(x, "POST", SERVICES, "{\"metadata\":{\"name\":\"nlp_a\",\"instance\":3}}");
    must(x, "POST", SERVICES, "{\"metadata\":{\"name\":\"nlp_b\",\"instance\":4}}");
    must(x, "POST", SERVICES, "{\"metadata\":{\"name\":\"cv_a\",\"instance\":50}}");
    must(x, "PUT", ONE("nlp_a") "/scale", "{\"Instance\":1}");
    must(x, "PUT", ONE("nlp_b") "/scale", "{\"Instance\":5}");
    p = peaks(x, "nlp_");
    assert_int_equal(p.live, 6);
    assert_int_equal(p.peak, 7); /* 3 + 4; never 3 + 5 */
    assert_true(slice_eq(p.peak_by, S("nlp_b")));
    assert_int_equal(p.services, 2);
    assert_int_equal(peaks(x, "").peak, 57);
    must(x, "DELETE", ONE("nlp_b"), "");
    assert_int_equal(peaks(x, "nlp_").live, 6); /* until it is gone */
    x->now_ms += DELAY_MS;
    assert_int_equal(peaks(x, "nlp_").live, 1);
    assert_int_equal(peaks(x, "nlp_").peak, 7);
    emu_state_reset(x->w.state);
    assert_int_equal(peaks(x, "").peak, 0);
}

/* Two scalers that move in turn: sums must be taken at each moment, in the order of time. */
static void sums_in_the_order_of_time(void **state)
{
    struct world *x = *state;

    make(x, "nlp_down", 6);
    make(x, "nlp_up", 1);
    service(x, "nlp_down")->max = service(x, "nlp_up")->max = 6;
    emu_state_settle(x->w.state, x->now_ms);
    assert_true(control(x, "{\"service\":\"nlp_down\",\"want\":1}", emu_control_set_want));
    x->now_ms += DELAY_MS / 2;
    assert_true(control(x, "{\"service\":\"nlp_up\",\"want\":6}", emu_control_set_want));
    x->now_ms += 100 * DELAY_MS; /* nobody looks in between: down, up, down, up ... */
    assert_int_equal(service(x, "nlp_down")->replicas, 1);
    assert_int_equal(service(x, "nlp_up")->replicas, 6);
    assert_int_equal(peaks(x, "nlp_").live, 7);
    assert_int_equal(peaks(x, "nlp_").peak, 7);
}

static void sums_by_label(void **state)
{
    struct world *x = *state;
    struct emu_books_filter f = { .label_key = S("team"), .label_value = S("nlp") };
    struct emu_peaks p;

    make(x, "abc", 4);
    make(x, "abd", 5);
    must(x, "PUT", ONE("abc") "/label", "{\"Labels\":{\"team\":\"nlp\"}}");
    must(x, "PUT", ONE("abd") "/label", "{\"Labels\":{\"team\":\"cv\"}}");
    emu_books_sum(emu_state_books(x->w.state), &f, &p);
    assert_int_equal(p.live, 4);
    must(x, "PUT", ONE("abd") "/label", "{\"Labels\":{\"team\":\"nlp\"}}");
    must(x, "DELETE", ONE("abc") "/label?Keys=other,team", "");
    emu_books_sum(emu_state_books(x->w.state), &f, &p);
    assert_int_equal(p.live, 5);
    assert_int_equal(p.peak, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scales_by_hand, begin, end),
        cmocka_unit_test_setup_teardown(autoscales_one_step_at_a_time, begin, end),
        cmocka_unit_test_setup_teardown(drifts_between_its_limits, begin, end),
        cmocka_unit_test_setup_teardown(wakes_from_zero_with_more_than_one, begin, end),
        cmocka_unit_test_setup_teardown(leaves_a_stopped_service_alone, begin, end),
        cmocka_unit_test_setup_teardown(fires_by_its_schedule, begin, end),
        cmocka_unit_test_setup_teardown(leaves_out_excluded_dates, begin, end),
        cmocka_unit_test(reads_schedules),
        cmocka_unit_test_setup_teardown(keeps_books_over_a_prefix, begin, end),
        cmocka_unit_test_setup_teardown(sums_in_the_order_of_time, begin, end),
        cmocka_unit_test_setup_teardown(sums_by_label, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
