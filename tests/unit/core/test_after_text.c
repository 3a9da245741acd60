/* The state that a verdict rests on, as records have it: written as the header says, and read back to the same. */
#include "core/after_text.h"
#include "core/audit_value.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void zeros_are_left_out(void **state)
{
    static const struct facts none = { .count = 0 };
    struct service_state s = { .count = 0 };
    SCOPED(sbuf) out = SBUF_MAX(STATE_TEXT_MAX_BYTES);

    (void)state;
    assert_true(state_print(&s, &out));
    assert_string_equal(out.p, "{}");
    s = (struct service_state){
        .spec = S("a\"\xc3\xa9"), .count = 3, .extra = 1, .has_cron = true, .cron_max = 7, .config = &none
    };
    sbuf_clear(&out);
    sbuf_adds(&out, "x");
    assert_true(state_print(&s, &out));
    assert_string_equal(out.p, "x{\"spec\":\"a\\\"\\u00e9\",\"count\":3,\"extra\":1,\"cron_max\":7,\"has_"
                               "cron\":true,\"config\":[]}");
    assert_true(audit_value_is_tree(slice_skip(sbuf_slice(&out), 1)));
}

static void what_was_written_is_read(void **state)
{
    static const char text[] =
        "{\"spec\":\"llama\",\"count\":1,\"stored\":2,\"extra\":3,\"scaler_min\":4,\"scaler_max\":5,"
        "\"activation\":6,\"cron_max\":7,"
        "\"surge\":8,\"gpus\":9,\"has_scaler\":true,\"has_cron\":true,\"has_gpus\":true,"
        "\"config\":[[\"replicas\",\"metadata.instance\",2],[\"instance_types\",\"cloud.computing.instance_"
        "type\",\"ecs.gn7\"]]}";
    struct arena *a = arena_new(1024 * 1024);
    struct service_state s;
    struct err e = { 0 };
    SCOPED(sbuf) out = SBUF_MAX(STATE_TEXT_MAX_BYTES);

    (void)state;
    if (!state_parse(slice_of(text), a, &s, &e))
        fail_msg("%s", e.text);
    assert_true(slice_eq(s.spec, S("llama")));
    assert_int_equal(s.count, 1);
    assert_int_equal(s.stored, 2);
    assert_int_equal(s.extra, 3);
    assert_int_equal(s.scaler_min, 4);
    assert_int_equal(s.scaler_max, 5);
    assert_int_equal(s.activation, 6);
    assert_int_equal(s.cron_max, 7);
    assert_int_equal(s.surge, 8);
    assert_int_equal(s.gpus, 9);
    assert_true(s.has_scaler && s.has_cron && s.has_gpus);
    assert_int_equal(s.config->count, 2);
    assert_int_equal(s.config->replicas, 2);
    assert_true(slice_eq(s.config->instance_type, S("ecs.gn7")));
    assert_true(state_print(&s, &out));
    assert_string_equal(out.p, text);
    arena_free(&a);
}

static void what_no_writer_wrote_is_refused(void **state)
{
    static const char *const broken[] = {
        "",
        "[]",
        "{",
        "{} ",
        "{\"count\":\"1\"}",
        "{\"count\":-1}",
        "{\"count\":true}",
        "{\"peak\":1}",
        "{\"spec\":1}",
        "{\"has_cron\":1}",
        "{\"has_cron\":false}",
        "{\"config\":{}}",
        "{\"config\":[[\"replicas\",\"nowhere\",2]]}",
        "{\"count\": 1}",
        "{\"spec\":\"\\ud800\"}",
        "{\"spec\":[1]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct arena *a = arena_new(1024 * 1024);
        struct service_state s;
        struct err e = { 0 };
        if (state_parse(slice_of(broken[i]), a, &s, &e))
            fail_msg("accepted %s", broken[i]);
        assert_true(e.text[0]);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeros_are_left_out),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(what_no_writer_wrote_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
