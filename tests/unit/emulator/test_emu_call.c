/* Operations and the services behind them: requests in, answers out, with a clock of our own. */
#include "world.h"

#define APPS "/api/v2/app_services"
#define BODY(name)                                                                                           \
    "{\"ServiceName\":\"" name "\",\"AppType\":\"LLM\",\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":2}"

static void moves_through_its_states(void **state)
{
    struct world *x = *state;

    assert_int_equal(call(x, "POST", APPS "?WorkspaceId=12345", BODY("nlp_a")), 200);
    assert_true(says(x, "\"Status\":\"Creating\""));
    assert_int_equal(x->notes.n, 0);
    x->now_ms += DELAY_MS - 1;
    assert_int_equal(call(x, "GET", ONE("nlp_a"), ""), 200);
    assert_true(says(x, "\"Status\":\"Creating\"") && says(x, "\"RunningInstance\":0,\"PendingInstance\":2"));
    x->now_ms += 1;
    assert_int_equal(call(x, "GET", ONE("nlp_a"), ""), 200);
    assert_true(says(x, "\"Status\":\"Running\"") && says(x, "\"RunningInstance\":2"));
    assert_true(says(x, "\"WorkspaceId\":\"12345\"") && says(x, "\\\"instance\\\":2"));
    assert_int_equal(call(x, "PUT", ONE("nlp_a") "/stop", ""), 200);
    assert_int_equal(call(x, "GET", ONE("nlp_a"), ""), 200);
    assert_true(says(x, "\"Status\":\"Stopping\""));
    x->now_ms += DELAY_MS;
    assert_int_equal(call(x, "GET", ONE("nlp_a"), ""), 200);
    /* the stored count outlives the stop only in ServiceConfig */
    assert_true(says(x, "\"Status\":\"Stopped\"") && says(x, "\"TotalInstance\":0") &&
                says(x, "\\\"instance\\\":2"));
    assert_int_equal(call(x, "PUT", ONE("nlp_a") "/restart", ""), 409);
    assert_int_equal(call(x, "PUT", ONE("nlp_a") "/start", ""), 200);
    x->now_ms += DELAY_MS;
    assert_int_equal(call(x, "PUT", ONE("nlp_a") "/restart", ""), 200);
    assert_int_equal(call(x, "DELETE", ONE("nlp_a"), ""), 200);
    assert_int_equal(call(x, "PUT", ONE("nlp_a") "/start", ""), 409);
    x->now_ms += DELAY_MS;
    assert_int_equal(call(x, "GET", ONE("nlp_a"), ""), 404);
    assert_true(says(x, "\"Code\":\"InvalidService.NotFound\""));
    assert_int_equal(emu_state_count(x->w.state), 0);
}

static void checks_what_it_creates(void **state)
{
    static const struct {
        const char *body, *code;
    } bad[] = {
        { "", "InvalidParameter" },
        { "[]", "InvalidParameter" },
        { "{}", "MissingServiceName" },
        { "{\"ServiceName\":\"abc\",\"AppType\":\"LLM\",\"ServiceSpec\":\"llama_7b_fp16\"}",
          "MissingReplicas" },
        { "{\"ServiceName\":\"abc\",\"AppType\":\"LLM\",\"Replicas\":1}", "MissingServiceSpec" },
        { "{\"ServiceName\":\"abc\",\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":1}", "MissingAppType" },
        { "{\"ServiceName\":\"A-c\",\"AppType\":\"LLM\",\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":1}",
          "InvalidServiceName" },
        { "{\"ServiceName\":\"abc\",\"AppType\":\"X\",\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":1}",
          "InvalidAppType" },
        { "{\"ServiceName\":\"abc\",\"AppType\":\"LLM\",\"ServiceSpec\":\"gpt\",\"Replicas\":1}",
          "InvalidServiceSpec" },
        { "{\"ServiceName\":\"abc\",\"AppType\":\"LLM\",\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":0}",
          "InvalidReplicas" },
        { "{\"ServiceName\":\"abc\",\"AppType\":\"LLM\",\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":true}",
          "InvalidReplicas" },
        { "{\"ServiceName\":5,\"AppType\":\"LLM\",\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":1}",
          "InvalidServiceName" },
        { "{\"ServiceName\":\"abc\",\"AppType\":\"LLM\",\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":1,"
          "\"Config\":1}",
          "InvalidConfig" },
    };
    struct world *x = *state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(call(x, "POST", APPS, bad[i].body), 400);
        assert_string_equal(x->answer.code, bad[i].code);
    }
    assert_int_equal(emu_state_count(x->w.state), 0);
    assert_int_equal(call(x, "POST", APPS, BODY("abc")), 200);
    assert_int_equal(call(x, "POST", APPS, BODY("abc")), 409);
}

static void takes_the_worst_reading_and_notes_it(void **state)
{
    static const struct {
        const char *body, *note;
        int64_t replicas;
    } odd[] = {
        { "{\"Replicas\":1,\"Replicas\":9}", "repeated Replicas", 9 },
        { "{\"Replicas\":9,\"Replicas\":1}", "repeated Replicas", 9 },
        { "{\"Replicas\":1,\"replicas\":9}", "Replicas spelled replicas", 9 },
        { "{\"Replicas\":1,\"metadata.instance\":9}", "Replicas spelled metadata.instance", 9 },
        { "{\"Replicas\":\"9\"}", "Replicas is no integer", 9 },
        { "{\"Replicas\":8.5}", "Replicas is no integer", 9 },
        { "{\"Replicas\":9} {}", "bytes behind the JSON value", 9 },
        { "{\"Replicas\":9,\"Other\":1}", "unknown field Other", 9 },
    };
    struct world *x = *state;

    assert_int_equal(call(x, "POST", APPS, BODY("abc")), 200);
    struct emu_service *v = emu_state_find(x->w.state, S("abc"), x->now_ms);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        v->replicas = 1;
        assert_int_equal(call(x, "PUT", APPS "/cn-shanghai/abc", odd[i].body), 200);
        assert_int_equal(v->replicas, odd[i].replicas);
        if (!has_text(sbuf_slice(&x->notes), odd[i].note))
            fail_msg("%s: notes are %s", odd[i].body, x->notes.p ? x->notes.p : "");
    }
    assert_int_equal(call(x, "PUT", APPS "/cn-shanghai/abc", "{\"Replicas\":3}"), 200);
    assert_int_equal(v->replicas, 3);
    assert_int_equal(x->notes.n, 0);
}

static void lists_in_pages_with_the_right_total(void **state)
{
    struct world *x = *state;
    char name[16], target[200];
    size_t seen = 0;

    for (int i = 0; i < 25; i++) {
        snprintf(name, sizeof name, "%s_%02d", i % 2 ? "odd" : "even", i);
        struct emu_service *v = emu_state_add(x->w.state, slice_of(name), x->now_ms + i);
        assert_non_null(v);
        emu_service_set(v, EMU_F_WORKSPACE, i < 5 ? SLICE_NONE : i < 15 ? S("1") : S("2"));
    }
    for (int page = 1; page <= 4; page++) {
        snprintf(target, sizeof target, SERVICES "?PageNumber=%d&PageSize=10", page);
        assert_int_equal(call(x, "GET", target, ""), 200);
        assert_true(says(x, "\"TotalCount\":25,"));
        for (int i = 0; i < 25; i++) {
            snprintf(target, sizeof target, "\"ServiceName\":\"%s_%02d\"", i % 2 ? "odd" : "even", i);
            seen += says(x, target);
        }
    }
    assert_int_equal(seen, 25);
    static const struct {
        const char *query, *total;
    } cases[] = { { "WorkspaceId=1", "15," },
                  { "WorkspaceId=1&IncludeNoWorkspace=false", "10," },
                  { "IncludeNoWorkspace=false", "20," },
                  { "Filter=odd", "12," },
                  { "ServiceName=odd_01", "1," },
                  { "ServiceName=odd", "0," },
                  { "ServiceStatus=Stopped", "0," },
                  { "Filter=%65ven&Sort=CreateTime&Order=desc", "13," },
                  { "AutoscalerEnabled=true", "0," } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(target, sizeof target, SERVICES "?%s", cases[i].query);
        assert_int_equal(call(x, "GET", target, ""), 200);
        snprintf(target, sizeof target, "\"TotalCount\":%s", cases[i].total);
        if (!says(x, target))
            fail_msg("%s: not %s", cases[i].query, target);
    }
    assert_int_equal(call(x, "GET", SERVICES "?PageSize=1&Order=desc&Sort=ServiceName", ""), 200);
    assert_true(says(x, "\"ServiceName\":\"odd_23\""));
    assert_int_equal(call(x, "GET", SERVICES "?PageSize=x", ""), 400);
    assert_int_equal(call(x, "GET", SERVICES "?PageNumber=0", ""), 400);
}

static void finds_services_by_label(void **state)
{
    struct world *x = *state;
    struct emu_service *v = emu_state_add(x->w.state, S("abc"), x->now_ms);

    assert_non_null(v);
    emu_service_set(v, EMU_F_LABELS, S("[{\"LabelKey\":\"team\",\"LabelValue\":\"nlp\"}]"));
    assert_int_equal(call(x, "GET", SERVICES "?Label=%7B%22team%22%3A%22nlp%22%7D", ""), 200);
    assert_true(says(x, "\"TotalCount\":1,"));
    assert_int_equal(call(x, "GET", SERVICES "?Label=%7B%22team%22%3A%22cv%22%7D", ""), 200);
    assert_true(says(x, "\"TotalCount\":0,"));
}

static void answers_every_read_operation(void **state)
{
    static const char *const paths[] = { ONE("abc"),
                                         ONE("abc") "/logs",
                                         ONE("abc") "/events",
                                         ONE("abc") "/diagnosis",
                                         ONE("abc") "/instances",
                                         ONE("abc") "/versions",
                                         ONE("abc") "/endpoints",
                                         ONE("abc") "/autoscaler",
                                         ONE("abc") "/cronscaler",
                                         ONE("abc") "/instances/abc-6f7c9d8b5-00000/containers",
                                         ONE("abc") "/instances/abc-6f7c9d8b5-00000/diagnosis" };
    struct world *x = *state;
    size_t used;

    struct emu_service *v = emu_state_add(x->w.state, S("abc"), x->now_ms);
    assert_non_null(v);
    v->replicas = 2;
    v->max = 7;
    emu_service_set(v, EMU_F_CRON_JOBS, S("[{\"TargetSize\":5}]"));
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (call(x, "GET", paths[i], "") != 200)
            fail_msg("%s: %d", paths[i], x->answer.status);
        assert_true(says(x, x->answer.request_id));
        struct emu_json *json = emu_json_parse(sbuf_slice(&x->answer.body), &used);
        assert_int_equal(emu_json_kind(json), EMU_JSON_OBJECT);
        assert_int_equal(used, x->answer.body.n);
        emu_json_free(&json);
    }
    assert_int_equal(call(x, "GET", ONE("abc") "/autoscaler", ""), 200);
    assert_true(says(x, "\"MaxReplica\":7"));
}

static void decides_by_method_and_path(void **state)
{
    static const struct {
        const char *method, *path;
        const char *code;
    } cases[] = { { "GET", "/", "InvalidApi.NotFound" },
                  { "GET", "", "InvalidApi.NotFound" },
                  { "GET", SERVICES "/", "InvalidApi.NotFound" },
                  { "GET", SERVICES "//cn-shanghai", "InvalidApi.NotFound" },
                  { "PATCH", SERVICES, "InvalidApi.NotFound" },
                  { "get", SERVICES, "InvalidApi.NotFound" },
                  { "POST", SERVICES, "InvalidParameter" }, /* CreateService, without a body */
                  { "GET", SERVICES "/cn-beijing/abc", "InvalidService.NotFound" },
                  { "GET", ONE("abd"), "InvalidService.NotFound" },
                  { "GET", ONE("%61bc"), "" } };
    struct world *x = *state;

    assert_non_null(emu_state_add(x->w.state, S("abc"), x->now_ms));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        call(x, cases[i].method, cases[i].path, "");
        if (strcmp(x->answer.code, cases[i].code) != 0)
            fail_msg("%s %s: %s", cases[i].method, cases[i].path, x->answer.code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(moves_through_its_states, begin, end),
        cmocka_unit_test_setup_teardown(checks_what_it_creates, begin, end),
        cmocka_unit_test_setup_teardown(takes_the_worst_reading_and_notes_it, begin, end),
        cmocka_unit_test_setup_teardown(lists_in_pages_with_the_right_total, begin, end),
        cmocka_unit_test_setup_teardown(finds_services_by_label, begin, end),
        cmocka_unit_test_setup_teardown(answers_every_read_operation, begin, end),
        cmocka_unit_test_setup_teardown(decides_by_method_and_path, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
