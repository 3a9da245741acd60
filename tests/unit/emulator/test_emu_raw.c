/* CreateService, UpdateService, CloneService, versions: raw configurations in every spelling. */
#include "world.h"

#define PLAIN(name, n) "{\"metadata\":{\"name\":\"" name "\",\"instance\":" n ",\"cpu\":4,\"memory\":8000}}"

static void creates_from_a_configuration(void **state)
{
    struct world *x = *state;

    must(x, "POST", SERVICES "?WorkspaceId=77&Labels=%7B%22team%22%3A%22nlp%22%7D",
         "{\"metadata\":{\"name\":\"nlp_a\",\"instance\":3,\"cpu\":4,\"gpu\":2,\"memory\":8000,\"resource\":"
         "\"eas-r-1\","
         "\"group\":\"nlp_group\"},\"token\":\"t0ps3cret\",\"labels\":{\"a.b\":\"c\"},\"autoscaler\":{"
         "\"min\":1,\"max\":6}}");
    assert_true(says(x, "\"ServiceName\":\"nlp_a\"") && says(x, "\"Status\":\"Creating\""));
    assert_int_equal(x->notes.n, 0);
    x->now_ms += DELAY_MS;
    must(x, "GET", ONE("nlp_a"), "");
    assert_true(says(x, "\"TotalInstance\":3") && says(x, "\"Cpu\":4") && says(x, "\"Gpu\":2"));
    assert_true(says(x, "\"Memory\":8000") && says(x, "\"WorkspaceId\":\"77\"") &&
                says(x, "\"Resource\":\"eas-r-1\""));
    assert_true(says(x, "{\"LabelKey\":\"team\",\"LabelValue\":\"nlp\"}"));
    assert_true(says(x, "{\"LabelKey\":\"a.b\",\"LabelValue\":\"c\"}"));
    /* secrets are really there, so that taking them out can be tested */
    assert_true(says(x, "\"AccessToken\":\"t0ps3cret\"") && says(x, "\\\"token\\\":\\\"t0ps3cret\\\""));
    assert_int_equal(service(x, "nlp_a")->max, 6);
    must(x, "GET", "/api/v2/groups/cn-shanghai/nlp_group", "");
    assert_int_equal(call(x, "POST", SERVICES, PLAIN("nlp_a", "1")), 409);
    assert_int_equal(call(x, "POST", SERVICES, "{\"metadata\":{\"instance\":1}}"), 400);
}

static void takes_every_spelling_and_notes_it(void **state)
{
    static const struct {
        const char *body, *note;
        int64_t replicas;
    } odd[] = {
        { "{\"metadata.instance\":9}", "dotted metadata.instance", 9 },
        { "{\"metadata\":{\"instance\":\"9\"}}", "", 9 },
        { "{\"metadata\":{\"instance\":1},\"metadata.instance\":9}", "repeated instance", 9 },
        { "{\"metadata.instance\":9,\"metadata\":{\"instance\":1}}", "repeated instance", 9 },
        { "{\"metadata\":{\"instance\":9,\"instance\":1}}", "repeated instance", 9 },
        { "{\"metadata\":{\"instance\":9},\"metadata\":{\"instance\":1}}", "repeated instance", 9 },
        { "{\"Metadata\":{\"Instance\":9}}", "metadata spelled Metadata", 9 },
        { "{\"metadata\":{\"replicas\":9}}", "instance spelled replicas", 9 },
        { "{\"instance\":9}", "instance in an odd place", 9 },
        { "{\"metadata\":{\"instance\":3},\"unit\":{\"size\":3}}", "", 9 },
        { "{\"metadata\":{\"instance\":4},\"members\":[{\"metadata\":{\"instance\":5}}]}", "", 9 },
    };
    struct world *x = *state;

    must(x, "POST", SERVICES, PLAIN("abc", "1"));
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        service(x, "abc")->replicas = 1;
        must(x, "PUT", ONE("abc") "?UpdateType=replace", odd[i].body);
        if (service(x, "abc")->replicas != odd[i].replicas)
            fail_msg("%s: %lld", odd[i].body, (long long)service(x, "abc")->replicas);
        if (!has_text(sbuf_slice(&x->notes), odd[i].note))
            fail_msg("%s: notes are %s", odd[i].body, x->notes.p ? x->notes.p : "");
    }
    must(x, "PUT", ONE("abc"), "{\"autoscaler.max\":8,\"autoscaler\":{\"min\":2}}");
    assert_int_equal(service(x, "abc")->max, 8);
    assert_int_equal(service(x, "abc")->min, 2);
    must(x, "PUT", ONE("abc"), "{\"metadata\":{\"autoscaler\":{\"max\":11}}}");
    assert_int_equal(service(x, "abc")->max, 11);
    must(x, "PUT", ONE("abc"), "{\"cronscaler\":{\"scale_jobs\":[{\"target_size\":13}]}}");
    assert_int_equal(peaks(x, "abc").reach, 13);
    must(x, "PUT", ONE("abc"), "{\"cloud.computing.instance_type\":\"ecs.gn7e-c16g1.32xlarge\"}");
    assert_int_equal(service(x, "abc")->gpu, 8);
    must(x, "PUT", ONE("abc"), "{\"cloud\":{\"computing\":{\"instances\":[{\"type\":\"ecs.c6.large\"}]}}}");
    assert_true(slice_eq(emu_service_get(service(x, "abc"), EMU_F_INSTANCE_TYPE), S("ecs.c6.large")));
}

static void merges_or_replaces(void **state)
{
    struct world *x = *state;

    must(x, "POST", SERVICES,
         "{\"metadata\":{\"name\":\"abc\",\"instance\":5,\"cpu\":4},\"role_arn\":\"acs:ram::1:role/r\"}");
    must(x, "PUT", ONE("abc") "/scale", "{\"Instance\":2}");
    must(x, "PUT", ONE("abc"), "{\"metadata\":{\"cpu\":16}}");
    assert_int_equal(service(x, "abc")->replicas, 2); /* a merge without the key keeps the present count */
    assert_int_equal(service(x, "abc")->cpu, 16);
    assert_true(emu_service_get(service(x, "abc"), EMU_F_ROLE_ARN).n > 0);
    must(x, "GET", ONE("abc"), "");
    assert_true(says(x, "\\\"instance\\\":2") && says(x, "\\\"role_arn\\\""));
    must(x, "PUT", ONE("abc") "?UpdateType=replace", "{\"metadata\":{\"instance\":7}}");
    assert_int_equal(service(x, "abc")->replicas, 7);
    must(x, "GET", ONE("abc"), "");
    assert_false(says(x, "\\\"role_arn\\\""));
    assert_int_equal(emu_service_get(service(x, "abc"), EMU_F_ROLE_ARN).n, 0);
    assert_int_equal(call(x, "PUT", ONE("abd"), "{}"), 404);
    assert_int_equal(call(x, "PUT", ONE("abc"), "[]"), 400);
}

static void clones_what_the_source_has_now(void **state)
{
    struct world *x = *state;

    must(x, "POST", SERVICES,
         "{\"metadata\":{\"name\":\"abc\",\"instance\":5},\"autoscaler\":{\"min\":1,\"max\":9}}");
    must(x, "PUT", ONE("abc") "/scale", "{\"Instance\":6}");
    service(x, "abc")->gpu = 4; /* at the console, so no configuration says it */
    must(x, "POST", ONE("abc") "/clone", "{\"metadata\":{\"name\":\"two\"}}");
    assert_int_equal(service(x, "two")->gpu, 4);
    assert_int_equal(service(x, "two")->replicas, 6);
    assert_int_equal(service(x, "two")->max, 9);
    assert_false(slice_eq(emu_service_get(service(x, "two"), EMU_F_TOKEN),
                          emu_service_get(service(x, "abc"), EMU_F_TOKEN)));
    must(x, "POST", ONE("abc") "/clone?Labels=%7B%22k%22%3A%22v%22%7D",
         "{\"metadata.name\":\"three\",\"metadata.instance\":2}");
    assert_int_equal(service(x, "three")->replicas, 2);
    assert_true(has_text(emu_service_get(service(x, "three"), EMU_F_LABELS), "\"LabelValue\":\"v\""));
    must(x, "POST", ONE("abc") "/clone", "");
    assert_int_equal(service(x, "abc_clone")->replicas, 6);
    assert_int_equal(call(x, "POST", ONE("abc") "/clone", "{\"metadata\":{\"name\":\"two\"}}"), 409);
    assert_int_equal(call(x, "POST", ONE("none") "/clone", "{\"metadata\":{\"name\":\"four\"}}"), 404);
}

static void brings_back_a_version(void **state)
{
    struct world *x = *state;

    must(x, "POST", SERVICES, "{\"metadata\":{\"name\":\"abc\",\"instance\":8,\"gpu\":4},\"token\":\"old\"}");
    must(x, "PUT", ONE("abc"), "{\"metadata\":{\"instance\":2,\"gpu\":1},\"token\":\"new\"}");
    must(x, "PUT", ONE("abc") "/scale", "{\"Instance\":1}");
    must(x, "GET", ONE("abc") "/versions", "");
    assert_true(says(x, "\"TotalCount\":2") && says(x, "\\\"instance\\\":8") &&
                says(x, "\\\"instance\\\":2"));
    assert_true(says(x, "\\\"token\\\":\\\"old\\\""));
    must(x, "PUT", ONE("abc") "/version", "{\"Version\":1}");
    assert_int_equal(service(x, "abc")->replicas, 8);
    assert_int_equal(service(x, "abc")->gpu, 4);
    must(x, "PUT", ONE("abc") "/version", "{\"Version\":2}");
    assert_int_equal(service(x, "abc")->replicas, 2); /* as deployed, not as scaled */
    must(x, "GET", ONE("abc"), "");
    assert_true(says(x, "\"CurrentVersion\":2") && says(x, "\"LatestVersion\":2"));
    assert_int_equal(call(x, "PUT", ONE("abc") "/version", "{\"Version\":9}"), 404);
    assert_int_equal(call(x, "PUT", ONE("abc") "/version", "{}"), 400);
}

static void surges_while_it_rolls(void **state)
{
    struct world *x = *state;

    must(x, "POST", SERVICES,
         "{\"metadata\":{\"name\":\"abc\",\"instance\":4,\"rolling_strategy\":{\"max_surge\":\"50%\"}}}");
    x->now_ms += DELAY_MS;
    assert_int_equal(peaks(x, "abc").live, 4);
    must(x, "PUT", ONE("abc"), "{\"metadata\":{\"cpu\":2}}");
    assert_int_equal(peaks(x, "abc").live, 6);
    x->now_ms += DELAY_MS;
    assert_int_equal(peaks(x, "abc").live, 4);
    assert_int_equal(peaks(x, "abc").peak, 6);
    must(x, "PUT", ONE("abc"), "{\"metadata\":{\"rolling_strategy\":{\"max_surge\":3}}}");
    assert_int_equal(peaks(x, "abc").live, 7);
}

static void develops_and_commits(void **state)
{
    struct world *x = *state;

    must(x, "POST", SERVICES "?Develop=true", PLAIN("abc", "1"));
    assert_true(slice_eq(emu_service_get(service(x, "abc"), EMU_F_DEVELOP), S("true")));
    must(x, "PUT", ONE("abc") "/develop?Exit=true", "");
    assert_int_equal(emu_service_get(service(x, "abc"), EMU_F_DEVELOP).n, 0);
    must(x, "PUT", ONE("abc") "/develop", "");
    must(x, "PUT", ONE("abc") "/commit", "");
    assert_int_equal(service(x, "abc")->version, 2);
    assert_int_equal(call(x, "PUT", ONE("none") "/commit", ""), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(creates_from_a_configuration, begin, end),
        cmocka_unit_test_setup_teardown(takes_every_spelling_and_notes_it, begin, end),
        cmocka_unit_test_setup_teardown(merges_or_replaces, begin, end),
        cmocka_unit_test_setup_teardown(clones_what_the_source_has_now, begin, end),
        cmocka_unit_test_setup_teardown(brings_back_a_version, begin, end),
        cmocka_unit_test_setup_teardown(surges_while_it_rolls, begin, end),
        cmocka_unit_test_setup_teardown(develops_and_commits, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
