/*
 * What EAS says now and what a call asks for, together: each operation that can raise a service, with the look-ups that it needs and
 * what the caps (docs/eas/README.md, "What is dangerous") make of the answers. Then look-ups that fail in each way, and races.
 */
#include "fake_world.h"

/* token_sha256: of "tok-nlp" (sha256sum) */
#define INI                                                                                                  \
    "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\nlist_max_pages = 2\n"        \
    "[credential main]\ntype = access_key\nfile = /nonexistent/credentials\n[audit]\npath = "                \
    "/tmp/audit.jsonl\n"                                                                                     \
    "[client nlp]\ntoken_sha256 = 278cc70e7b8153b22a75a4c7136dc451adef7ca55dcd8bde9db0e6d9586f0b1f\npolicy " \
    "= small\n"                                                                                              \
    "[policy small]\nallow = @read, @create, @scale, @lifecycle, @update, @delete\n"                         \
    "services = nlp_*\nworkspaces = 12345\napp_types = LLM\n"                                                \
    "service_specs = llama_7b_fp16, chatglm_6b_int8 <= 2\ninstance_types = ecs.gn6i <= 5, ecs.gn7\n"         \
    "images = registry/nlp/*\nmax_replicas = 6\n"                                                            \
    "gateway_types = ecs.c7\nmax_gateways = 3\nmax_gateway_replicas = 2\ncharge_types = PostPaid\n"          \
    "resources = eas-r-1, eas-r-2\nmachine_types = ecs.gn6i\nmax_machines = 8\nmax_disk = 200\n"

#define APP   "/api/v2/app_services"
#define APP_A "/api/v2/app_services/cn-shanghai/nlp_a"
#define A     "/api/v2/services/cn-shanghai/nlp_a"
#define CREATE                                                                                               \
    "{\"ServiceName\":\"nlp_a\",\"AppType\":\"LLM\",\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":2}"
#define LLAMA    "\"ServiceName\":\"nlp_a\",\"AppSpecName\":\"llama_7b_fp16\""
#define OFF      "\"AutoscalerEnabled\":false,\"CronscalerEnabled\":false"
#define ON       "\"AutoscalerEnabled\":true,\"CronscalerEnabled\":false"
#define CRON     "\"AutoscalerEnabled\":false,\"CronscalerEnabled\":true"
#define TOTAL(n) "\"TotalInstance\":" n
/* ServiceConfig of these members beside its name */
#define CONFIG(members)    "\"ServiceConfig\":\"{\\\"metadata\\\":{\\\"name\\\":\\\"nlp_a\\\"" members "}\""
#define INSTANCE(n)        ",\\\"instance\\\":" n "}"
#define MACHINE(type)      ",\\\"cloud\\\":{\\\"computing\\\":{\\\"instance_type\\\":\\\"" type "\\\"}}"
#define DESCRIBED          "DescribeService"
#define DESCRIBED_AUTO     "DescribeService DescribeServiceAutoScaler"
#define DESCRIBED_CRON     "DescribeService DescribeServiceCronScaler"
#define DESCRIBED_BOTH     "DescribeService DescribeServiceAutoScaler DescribeServiceCronScaler"
#define DESCRIBED_VERSIONS "DescribeService ListServiceVersions"

struct played {
    const char *method, *target, *body;
    const char *service, *scaler, *cron, *versions; /* EAS's answers; NULL: 404 */
    const char *look_ups;                           /* that are expected, in this order */
    const char *expected;                           /* of the refusal's text; NULL: it is sent */
};

static const struct played raises[] = {
    /* a create states everything */
    { "POST", APP, CREATE, NULL, NULL, NULL, NULL, "", NULL },
    /* UpdateAppService, complete or not, looks */
    { "PUT", APP_A, "{\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":6}",
      "{" LLAMA "," TOTAL("1") "," OFF "}", NULL, NULL, NULL, DESCRIBED, NULL },
    { "PUT", APP_A, "{\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":7}", NULL, NULL, NULL, NULL, "",
      "would be 7 replicas" },
    { "PUT", APP_A, "{\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":2}", "{" LLAMA "," TOTAL("1") "," ON "}",
      "{\"MinReplica\":1,\"MaxReplica\":7}", NULL, NULL, DESCRIBED_AUTO, "Easgate.ReplicaCap" },
    { "PUT", APP_A, "{\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":2}", "{" LLAMA "," TOTAL("1") "," ON "}",
      "{\"MinReplica\":1,\"MaxReplica\":6}", NULL, NULL, DESCRIBED_AUTO, NULL },
    { "PUT", APP_A, "{\"ServiceSpec\":\"chatglm_6b_int8\"}", "{" LLAMA "," TOTAL("3") "," OFF "}", NULL, NULL,
      NULL, DESCRIBED, "Easgate.ReplicaCap" },
    { "PUT", APP_A, "{\"Replicas\":2}",
      "{\"ServiceName\":\"nlp_a\",\"AppSpecName\":\"gpt\"," TOTAL("1") "," OFF "}", NULL, NULL, NULL,
      DESCRIBED, "Easgate.SpecNotAllowed" },
    /* who does not say that its scalers are off is asked for them */
    { "PUT", APP_A, "{\"Replicas\":2}", "{" LLAMA "," TOTAL("1") "}", NULL, NULL, NULL, DESCRIBED_BOTH,
      NULL },
    { "PUT", APP_A, "{\"Replicas\":2}", "{" LLAMA "," TOTAL("1") "}", NULL,
      "{\"ScaleJobs\":[{\"TargetSize\":1},{\"TargetSize\":9}]}", NULL, DESCRIBED_BOTH, "Easgate.ReplicaCap" },
    { "PUT", APP_A, "{\"Replicas\":2}",
      "{" LLAMA "," TOTAL("1") ",\"AutoscalerEnabled\":null,\"CronscalerEnabled\":\"false\"}", NULL, NULL,
      NULL, DESCRIBED_BOTH, NULL },
    /* the configuration has an autoscaler, whatever the flag says */
    { "PUT", APP_A, "{\"Replicas\":2}",
      "{" LLAMA "," TOTAL("1") "," OFF "," CONFIG(
          INSTANCE("1") ",\\\"autoscaler\\\":{\\\"min\\\":1,\\\"max\\\":9}") "}",
      NULL, NULL, NULL, DESCRIBED_AUTO, "Easgate.ReplicaCap" },
    { "PUT", APP_A, "{\"Replicas\":2}",
      "{" LLAMA "," TOTAL("1") "," OFF "," CONFIG(INSTANCE("1") ",\\\"autoscaler.max\\\":9") "}", NULL, NULL,
      NULL, DESCRIBED_AUTO, "Easgate.ReplicaCap" },
    /* surge and detached ones come on top */
    { "PUT", APP_A, "{\"Replicas\":5}",
      "{" LLAMA "," TOTAL("1") "," OFF "," CONFIG(
          ",\\\"instance\\\":1,\\\"rolling_strategy\\\":{\\\"max_surge\\\":2}}") "}",
      NULL, NULL, NULL, DESCRIBED, "surge 2" },
    { "PUT", APP_A, "{\"Replicas\":5}", "{" LLAMA "," TOTAL("3") "," OFF "," CONFIG(INSTANCE("1")) "}", NULL,
      NULL, NULL, DESCRIBED, "2 detached" },
    { "PUT", APP_A, "{\"Replicas\":4}", "{" LLAMA "," TOTAL("3") "," OFF "," CONFIG(INSTANCE("1")) "}", NULL,
      NULL, NULL, DESCRIBED, NULL },
    /* ScaleService */
    { "PUT", A "/scale", "{\"Instance\":6}", "{" LLAMA "," TOTAL("1") "," OFF "}", NULL, NULL, NULL,
      DESCRIBED, NULL },
    { "PUT", A "/scale", "{\"Instance\":7}", NULL, NULL, NULL, NULL, "", "would be 7 replicas" },
    { "PUT", A "/scale", "{\"Instance\":3}",
      "{\"ServiceName\":\"nlp_a\",\"AppSpecName\":\"chatglm_6b_int8\"," TOTAL("1") "," OFF "}", NULL, NULL,
      NULL, DESCRIBED, "Easgate.ReplicaCap" },
    { "PUT", A "/scale", "{\"Instance\":1}", "{" LLAMA "," TOTAL("9") "," OFF "}", NULL, NULL, NULL,
      DESCRIBED, NULL },
    { "PUT", A "/scale", "{\"Instance\":1}", "{" LLAMA "," TOTAL("1") "," CRON "}", NULL,
      "{\"ScaleJobs\":[{\"TargetSize\":7}]}", NULL, DESCRIBED_CRON, "Easgate.ReplicaCap" },
    /* a service of its own hardware: the instance type of its configuration counts */
    { "PUT", A "/scale", "{\"Instance\":5}",
      "{\"ServiceName\":\"nlp_a\"," TOTAL("1") "," OFF "," CONFIG(INSTANCE("1") MACHINE("ecs.gn6i")) "}",
      NULL, NULL, NULL, DESCRIBED, NULL },
    { "PUT", A "/scale", "{\"Instance\":6}",
      "{\"ServiceName\":\"nlp_a\"," TOTAL("1") "," OFF "," CONFIG(INSTANCE("1") MACHINE("ecs.gn6i")) "}",
      NULL, NULL, NULL, DESCRIBED, "Easgate.ReplicaCap" },
    { "PUT", A "/scale", "{\"Instance\":2}",
      "{\"ServiceName\":\"nlp_a\"," TOTAL("1") "," OFF "," CONFIG(INSTANCE("1") MACHINE("ecs.huge")) "}",
      NULL, NULL, NULL, DESCRIBED, "Easgate.SpecNotAllowed" },
    /* the autoscaler */
    { "PUT", A "/autoscaler",
      "{\"min\":1,\"max\":6,\"scaleStrategies\":[{\"metricName\":\"qps\",\"threshold\":10}]}",
      "{" LLAMA "," TOTAL("1") "," OFF "}", NULL, NULL, NULL, DESCRIBED, NULL },
    { "POST", A "/autoscaler",
      "{\"min\":1,\"max\":7,\"scaleStrategies\":[{\"metricName\":\"qps\",\"threshold\":10}]}", NULL, NULL,
      NULL, NULL, "", "Easgate.ReplicaCap" },
    { "POST", A "/autoscaler",
      "{\"min\":1,\"max\":3,\"scaleStrategies\":[{\"metricName\":\"qps\",\"threshold\":10}]}",
      "{" LLAMA "," TOTAL("3") "," OFF "," CONFIG(INSTANCE("1")) "}", NULL, NULL, NULL, DESCRIBED,
      "detached" },
    /* a service that was scaled to zero beside a detached instance */
    { "POST", A "/autoscaler",
      "{\"min\":1,\"max\":3,\"scaleStrategies\":[{\"metricName\":\"qps\",\"threshold\":10}]}",
      "{" LLAMA "," TOTAL("1") "," OFF "," CONFIG(INSTANCE("0")) "}", NULL, NULL, NULL, DESCRIBED,
      "detached" },
    { "PUT", A "/autoscaler",
      "{\"min\":1,\"max\":3,\"scaleStrategies\":[{\"metricName\":\"qps\",\"threshold\":10}]}",
      "{" LLAMA "," TOTAL("1") "," CRON "}", NULL, "{\"ScaleJobs\":[{\"TargetSize\":7}]}", NULL,
      DESCRIBED_CRON, "Easgate.ReplicaCap" },
    /* the cron scaler */
    { "POST", A "/cronscaler",
      "{\"ScaleJobs\":[{\"Name\":\"a\",\"Schedule\":\"0 0 9 * * *\",\"TargetSize\":6}]}",
      "{" LLAMA "," TOTAL("1") "," OFF "}", NULL, NULL, NULL, DESCRIBED, NULL },
    { "PUT", A "/cronscaler",
      "{\"ScaleJobs\":[{\"Name\":\"a\",\"Schedule\":\"0 0 9 * * *\",\"TargetSize\":7}]}", NULL, NULL, NULL,
      NULL, "", "Easgate.ReplicaCap" },
    { "PUT", A "/cronscaler",
      "{\"ScaleJobs\":[{\"Name\":\"a\",\"Schedule\":\"0 0 9 * * *\",\"TargetSize\":2}]}",
      "{" LLAMA "," TOTAL("1") "," ON "}", "{\"MinReplica\":1,\"MaxReplica\":7}", NULL, NULL, DESCRIBED_AUTO,
      "Easgate.ReplicaCap" },
    /* one instance is detached: one more */
    { "PUT", A "/instances/nlp_a-1", "{\"Detach\":true}",
      "{" LLAMA "," TOTAL("5") "," OFF "," CONFIG(INSTANCE("5")) "}", NULL, NULL, NULL, DESCRIBED, NULL },
    { "PUT", A "/instances/nlp_a-1", "{\"Detach\":true}",
      "{" LLAMA "," TOTAL("6") "," OFF "," CONFIG(INSTANCE("5")) "}", NULL, NULL, NULL, DESCRIBED,
      "would be 7 replicas" },
    { "PUT", A "/instances/nlp_a-1", "{\"Detach\":true}", "{" LLAMA "," TOTAL("1") "," ON "}",
      "{\"MinReplica\":1,\"MaxReplica\":2}", NULL, NULL, DESCRIBED_AUTO, "Easgate.ScalerActive" },
    /* start and restart bring back what is stored */
    { "PUT", A "/start", NULL, "{" LLAMA "," TOTAL("0") "," OFF "," CONFIG(INSTANCE("6")) "}", NULL, NULL,
      NULL, DESCRIBED, NULL },
    { "PUT", A "/start", NULL, "{" LLAMA "," TOTAL("0") "," OFF "," CONFIG(INSTANCE("7")) "}", NULL, NULL,
      NULL, DESCRIBED, "Easgate.ReplicaCap" },
    { "PUT", A "/start", NULL,
      "{" LLAMA "," TOTAL("0") "," OFF ",\"ServiceConfig\":\"{\\\"metadata.instance\\\":7}\"}", NULL, NULL,
      NULL, DESCRIBED, "Easgate.ReplicaCap" },
    { "PUT", A "/start", NULL, "{" LLAMA "," TOTAL("1") "," ON "}",
      "{\"MinReplica\":0,\"MaxReplica\":2,\"Behavior\":{\"onZero\":{\"scaleUpActivationReplicas\":7}}}", NULL,
      NULL, DESCRIBED_AUTO, "Easgate.ReplicaCap" },
    { "PUT", A "/restart", NULL, "{" LLAMA "," TOTAL("7") "," OFF "}", NULL, NULL, NULL, DESCRIBED,
      "Easgate.ReplicaCap" },
    { "PUT", A "/restart", NULL, "{" LLAMA "," TOTAL("6") "," OFF "}", NULL, NULL, NULL, DESCRIBED, NULL },
    /* UpdateService: a merge keeps what it does not state, a replacement must state the count */
    { "PUT", A, "{\"metadata\":{\"instance\":6}}",
      "{\"ServiceName\":\"nlp_a\"," TOTAL("1") "," OFF "," CONFIG(INSTANCE("1") MACHINE("ecs.gn7")) "}", NULL,
      NULL, NULL, DESCRIBED, NULL },
    { "PUT", A, "{\"cloud\":{\"computing\":{\"instance_type\":\"ecs.gn6i\"}}}",
      "{\"ServiceName\":\"nlp_a\"," TOTAL("6") "," OFF "," CONFIG(INSTANCE("6") MACHINE("ecs.gn7")) "}", NULL,
      NULL, NULL, DESCRIBED, "Easgate.ReplicaCap" },
    { "PUT", A "?UpdateType=replace", "{\"cloud\":{\"computing\":{\"instance_type\":\"ecs.gn7\"}}}",
      "{\"ServiceName\":\"nlp_a\"," TOTAL("1") "," OFF "," CONFIG(INSTANCE("1") MACHINE("ecs.gn7")) "}", NULL,
      NULL, NULL, DESCRIBED, "must be stated" },
    /* a clone gets its source's configuration, all of which is judged */
    { "POST", A "/clone", "{\"metadata\":{\"name\":\"nlp_b\"}}",
      "{\"ServiceName\":\"nlp_a\"," TOTAL("0") "," OFF "," CONFIG(INSTANCE("6") MACHINE("ecs.gn7")) "}", NULL,
      NULL, NULL, DESCRIBED, NULL },
    { "POST", A "/clone", "{\"metadata\":{\"name\":\"nlp_b\"}}",
      "{\"ServiceName\":\"nlp_a\"," TOTAL("0") "," OFF "," CONFIG(INSTANCE("7") MACHINE("ecs.gn7")) "}", NULL,
      NULL, NULL, DESCRIBED, "Easgate.ReplicaCap" },
    { "POST", A "/clone", "{\"metadata\":{\"name\":\"nlp_b\",\"instance\":1}}",
      "{\"ServiceName\":\"nlp_a\"," TOTAL("0") "," OFF "," CONFIG(INSTANCE("7") MACHINE("ecs.gn7")) "}", NULL,
      NULL, NULL, DESCRIBED, NULL },
    { "POST", A "/clone", "{\"metadata\":{\"name\":\"nlp_b\"}}",
      "{\"ServiceName\":\"nlp_a\"," TOTAL("0") "," OFF "," CONFIG(INSTANCE("1") MACHINE("ecs.huge")) "}",
      NULL, NULL, NULL, DESCRIBED, "Easgate.SpecNotAllowed" },
    { "POST", A "/clone", "{\"metadata\":{\"name\":\"nlp_b\"}}",
      "{\"ServiceName\":\"nlp_a\"," TOTAL("0") "," OFF "," CONFIG(
          INSTANCE("1") MACHINE("ecs.gn7") ",\\\"unheard_of\\\":1") "}",
      NULL, NULL, NULL, DESCRIBED, "Easgate.StateUnreadable" },
    { "POST", A "/clone", "{\"metadata\":{\"name\":\"vision_b\"}}", NULL, NULL, NULL, NULL, "",
      "Easgate.ServiceNameNotAllowed" },
    { "POST", A "/clone", "{\"metadata\":{\"name\":\"nlp_b\"}}",
      "{\"ServiceName\":\"nlp_a\"," TOTAL("1") "," ON "," CONFIG(INSTANCE("1") MACHINE("ecs.gn7")) "}",
      "{\"MinReplica\":1,\"MaxReplica\":7}", NULL, NULL, DESCRIBED_AUTO, "Easgate.ReplicaCap" },
    /* a version brings its configuration back; of an application, nobody knows what else */
    { "PUT", A "/version", "{\"Version\":2}", "{" LLAMA "," TOTAL("1") "," OFF "}", NULL, NULL,
      "{\"TotalCount\":1,\"Versions\":[{\"ImageId\":2," CONFIG(INSTANCE("1") MACHINE("ecs.gn7")) "}]}",
      DESCRIBED_VERSIONS, "nothing says which spec" },
    { "PUT", A "/version", "{\"Version\":0}", NULL, NULL, NULL, NULL, "", "Easgate.InvalidField" },
    { "PUT", A "/version", "{\"Version\":2}", "{\"ServiceName\":\"nlp_a\"," TOTAL("1") "," OFF "}", NULL,
      NULL,
      "{\"TotalCount\":2,\"Versions\":[{\"ImageId\":3," CONFIG(INSTANCE("9") MACHINE(
          "ecs.huge")) "},{\"ImageId\":2," CONFIG(INSTANCE("6") MACHINE("ecs.gn7")) "}]}",
      DESCRIBED_VERSIONS, NULL },
    { "PUT", A "/version", "{\"Version\":2}", "{\"ServiceName\":\"nlp_a\"," TOTAL("1") "," OFF "}", NULL,
      NULL, "{\"TotalCount\":1,\"Versions\":[{\"ImageId\":2," CONFIG(INSTANCE("7") MACHINE("ecs.gn7")) "}]}",
      DESCRIBED_VERSIONS, "Easgate.ReplicaCap" },
    { "PUT", A "/version", "{\"Version\":2}", "{\"ServiceName\":\"nlp_a\"," TOTAL("1") "," OFF "}", NULL,
      NULL, "{\"TotalCount\":1,\"Versions\":[{\"ImageId\":2," CONFIG(INSTANCE("1") MACHINE("ecs.huge")) "}]}",
      DESCRIBED_VERSIONS, "Easgate.SpecNotAllowed" },
    { "PUT", A "/version", "{\"Version\":2}", "{\"ServiceName\":\"nlp_a\"," TOTAL("1") "," OFF "}", NULL,
      NULL, "{\"TotalCount\":0,\"Versions\":[]}", DESCRIBED_VERSIONS, "Easgate.NotFound" },
    { "PUT", A "/version", "{\"Version\":2}", "{\"ServiceName\":\"nlp_a\"," TOTAL("1") "," OFF "}", NULL,
      NULL,
      "{\"TotalCount\":2,\"Versions\":[{\"ImageId\":2," CONFIG(INSTANCE("1") MACHINE(
          "ecs.gn7")) "},{\"ImageId\":2," CONFIG(INSTANCE("1") MACHINE("ecs.gn7")) "}]}",
      DESCRIBED_VERSIONS, "listed twice" },
    { "PUT", A "/version", "{\"Version\":2}", "{\"ServiceName\":\"nlp_a\"," TOTAL("1") "," OFF "}", NULL,
      NULL, "{\"TotalCount\":1,\"Versions\":[{\"ImageId\":2}]}", DESCRIBED_VERSIONS,
      "Easgate.StateUnreadable" },
    { "PUT", A "/version", "{\"Version\":2}", "{\"ServiceName\":\"nlp_a\"," TOTAL("1") "," OFF "}", NULL,
      NULL, "{\"TotalCount\":900,\"Versions\":[{\"ImageId\":1}]}", DESCRIBED_VERSIONS " ListServiceVersions",
      "Easgate.StateUnreadable" },
};

/* The x-acs-action of a send. */
static void action_of(const struct world *w, size_t i, char out[64])
{
    const char *at = strstr(w->sends[i].head, "x-acs-action: ");

    assert_non_null(at);
    assert_int_equal(sscanf(at, "x-acs-action: %63[A-Za-z]", out), 1);
}

/* Answer look-ups until there are none; whether the operation itself was sent then. The names of the look-ups go to `seen`. */
static bool play(struct world *w, const struct played *p, size_t from, char *seen, size_t size)
{
    const char *answers[][2] = { { "DescribeService", p->service },
                                 { "DescribeServiceAutoScaler", p->scaler },
                                 { "DescribeServiceCronScaler", p->cron },
                                 { "ListServiceVersions", p->versions } };
    char action[64];

    seen[0] = '\0';
    for (size_t i = from; i < w->send_count; i++) {
        bool is_look_up = false;
        action_of(w, i, action);
        for (size_t k = 0; k < sizeof answers / sizeof answers[0]; k++) {
            if (strcmp(action, answers[k][0]) != 0)
                continue;
            is_look_up = true;
            snprintf(seen + strlen(seen), size - strlen(seen), "%s%s", seen[0] ? " " : "", action);
            assert_true(strncmp(w->sends[i].head, "GET ", 4) == 0);
            if (answers[k][1])
                world_answer(w, i, 200, answers[k][1]);
            else
                world_answer(w, i, 404, "{\"Code\":\"InvalidThing.NotFound\",\"Message\":\"no\"}");
        }
        if (!is_look_up)
            return true;
    }
    return false;
}

static void each_raising_call_is_judged_by_the_state_it_leads_to(void **state)
{
    char seen[256];

    (void)state;
    for (size_t i = 0; i < sizeof raises / sizeof raises[0]; i++) {
        const struct played *p = &raises[i];
        struct world *w = world_new(INI);
        world_ask(w, "tok-nlp", p->method, p->target, p->body);
        bool sent = play(w, p, 0, seen, sizeof seen);
        if (strcmp(seen, p->look_ups) != 0 || sent != !p->expected)
            print_error("row %zu (%s %s): looked up \"%s\", %s\n", i, p->method, p->target, seen,
                        sent ? "sent" : w->replies[0].body);
        assert_string_equal(seen, p->look_ups);
        assert_int_equal(sent, !p->expected);
        if (p->expected)
            assert_has(w->replies[0].body, p->expected);
        else
            world_answer(w, w->send_count - 1, 200, "{}");
        assert_int_equal(w->reply_count, 1);
        assert_int_equal(world_count(w, AUDIT_INTENT), world_count(w, AUDIT_OUTCOME));
        world_free(w);
    }
}

/* ---- look-ups that fail ---- */

static void assert_unreadable(struct world *w, size_t reply, const char *why)
{
    assert_int_equal(w->replies[reply].status, 503);
    assert_has(w->replies[reply].body, "Easgate.StateUnreadable");
    if (why)
        assert_has(w->replies[reply].body, why);
}

/* A change that needs every look-up there is: the service, both scalers, two pages of versions. */
static const char *const whole_plan[] = {
    "{\"ServiceName\":\"nlp_a\"," TOTAL("1") ",\"AutoscalerEnabled\":true,\"CronscalerEnabled\":true}",
    "{\"ServiceName\":\"nlp_a\",\"MinReplica\":1,\"MaxReplica\":2}",
    "{\"ServiceName\":\"nlp_a\",\"ScaleJobs\":[{\"TargetSize\":2}]}",
    "{\"TotalCount\":101,\"Versions\":[{\"ImageId\":9}]}",
    "{\"TotalCount\":101,\"Versions\":[{\"ImageId\":2," CONFIG(INSTANCE("2") MACHINE("ecs.gn7")) "}]}",
};
#define PLAN_COUNT (sizeof whole_plan / sizeof whole_plan[0])

static size_t ask_whole_plan(struct world *w, size_t answered)
{
    size_t from = w->send_count;

    world_ask(w, "tok-nlp", "PUT", A "/version", "{\"Version\":2}");
    for (size_t i = 0; i < answered; i++)
        world_answer(w, from + i, 200, whole_plan[i]);
    assert_int_equal(w->send_count, from + answered + 1);
    return from + answered;
}

static void the_whole_plan_is_read_in_order(void **state)
{
    struct world *w = world_new(INI);
    static const char *const heads[] = {
        "GET /api/v2/services/cn-shanghai/nlp_a HTTP/1.1",
        "GET /api/v2/services/cn-shanghai/nlp_a/autoscaler HTTP/1.1",
        "GET /api/v2/services/cn-shanghai/nlp_a/cronscaler HTTP/1.1",
        "GET /api/v2/services/cn-shanghai/nlp_a/versions?PageNumber=1&PageSize=100 HTTP/1.1",
        "GET /api/v2/services/cn-shanghai/nlp_a/versions?PageNumber=2&PageSize=100 HTTP/1.1",
        "PUT /api/v2/services/cn-shanghai/nlp_a/version HTTP/1.1"
    };

    (void)state;
    ask_whole_plan(w, PLAN_COUNT);
    for (size_t i = 0; i < w->send_count; i++) {
        assert_has(w->sends[i].head, heads[i]);
        assert_int_equal(w->sends[i].deadline_mono_ms, w->mono_ms + 30000);
        assert_int_equal(strstr(world_record(w, AUDIT_INTENT, i), "\"parent\":\"") != NULL, i < PLAN_COUNT);
    }
    world_answer(w, PLAN_COUNT, 200, "{}");
    assert_int_equal(w->replies[0].status, 200);
    assert_int_equal(world_count(w, AUDIT_OUTCOME), PLAN_COUNT + 1);
    world_free(w);
}

static void each_look_up_that_fails_refuses(void **state)
{
    static const struct {
        int status;
        const char *body;
    } bad[] = {
        { 500, "{\"Code\":\"InternalError\"}" },
        { 403, "{\"Code\":\"Forbidden.RAM\"}" },
        { 400, "{\"Code\":\"Throttling.User\"}" },
        { 404, "{\"Code\":\"InvalidApi.NotFound\"}" },
        { 404, "<html>" },
        { 302, "" },
        { 204, "" },
        { 200, "" },
        { 200, "not json" },
        { 200, "[]" },
        { 200, "{}" },
        { 200,
          "{\"ServiceName\":\"nlp_b\",\"TotalInstance\":1,\"MinReplica\":1,\"MaxReplica\":1,\"ScaleJobs\":[],"
          "\"TotalCount\":0,\"Versions\":[]}" }
    };
    struct world *w;

    (void)state;
    for (size_t step = 0; step < PLAN_COUNT; step++)
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            w = world_new(INI);
            size_t at = ask_whole_plan(w, step);
            world_answer(w, at, bad[i].status, bad[i].body);
            assert_int_equal(w->send_count, at + 1);
            if (step == 0 && i == 3) /* the service itself */
                assert_has(w->replies[0].body, "Easgate.ServiceNotFound");
            else
                assert_unreadable(w, 0, "the present state of service nlp_a could not be read");
            world_free(w);
        }
}

static void each_look_up_that_gets_no_answer_refuses(void **state)
{
    static const enum send_failure failures[] = { SEND_NOT_SENT, SEND_NO_ANSWER, SEND_CUT_ANSWER,
                                                  SEND_BAD_ANSWER };

    (void)state;
    for (size_t step = 0; step < PLAN_COUNT; step++)
        for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
            struct world *w = world_new(INI);
            size_t at = ask_whole_plan(w, step);
            world_fail(w, at, failures[i], false);
            assert_int_equal(w->send_count, at + 2); /* a read is tried once more */
            world_fail(w, at + 1, failures[i], true);
            assert_unreadable(w, 0, NULL);
            world_free(w);
        }
}

/* The state is not unreadable where the look-up cannot be recorded: the log says no, as it would to any request. */
static void a_look_up_that_is_not_recorded(void **state)
{
    struct world *w = world_new(INI);

    (void)state;
    w->auto_durable = false;
    world_ask(w, "tok-nlp", "PUT", A "/scale", "{\"Instance\":2}");
    world_pass_ms(w, 2000);
    assert_int_equal(w->reply_count, 1);
    assert_int_equal(w->replies[0].status, 503);
    assert_has(w->replies[0].body, "Easgate.AuditUnavailable");
    assert_int_equal(w->send_count, 0);
    world_free(w);
}

static void look_ups_have_one_deadline_together(void **state)
{
    struct world *w = world_new(INI);

    (void)state;
    world_ask(w, "tok-nlp", "PUT", A "/version", "{\"Version\":2}");
    world_pass_ms(w, 20000);
    world_answer(w, 0, 200, whole_plan[0]);
    assert_int_equal(w->sends[1].deadline_mono_ms, w->mono_ms + 10000);
    world_pass_ms(w, 10000);
    world_answer(w, 1, 200, whole_plan[1]);
    assert_unreadable(w, 0, "EAS took too long");
    assert_int_equal(w->send_count, 2);
    world_free(w);
}

static void a_look_up_that_our_key_fails_says_so(void **state)
{
    (void)state;
    for (size_t step = 0; step < PLAN_COUNT; step++) {
        struct world *w = world_new(INI);
        size_t at = ask_whole_plan(w, step);
        world_answer(w, at, 404,
                     step % 2 ? "{\"code\":\"InvalidAccessKeyId.NotFound\"}"
                              : "{\"Code\":\"InvalidAccessKeyId.NotFound\"}");
        assert_has(w->replies[0].body, "Easgate.CredentialRejected");
        world_free(w);
    }
}

static void what_a_service_says_of_itself_must_be_readable(void **state)
{
    static const char *const bad[] = {
        TOTAL("-1"),
        TOTAL("1.5"),
        TOTAL("\"1\""),
        TOTAL("null"),
        TOTAL("4294967297"),
        TOTAL("1") ",\"RunningInstance\":true",
        "\"totalinstance\":1",
        "\"Status\":\"Stopped\"",
        TOTAL("1") ",\"ServiceConfig\":{}",
        TOTAL("1") ",\"ServiceConfig\":\"{\"",
        TOTAL("1") ",\"ServiceConfig\":\"[]\"",
        TOTAL("1") "," CONFIG(",\\\"instance\\\":\\\"9\\\"}"),
        TOTAL("1") "," CONFIG(",\\\"instance\\\":1.5}"),
        TOTAL("1") "," CONFIG(",\\\"instance\\\":1,\\\"instance\\\":9}"),
        TOTAL("1") "," CONFIG(INSTANCE("1") ",\\\"metadata.instance\\\":9") ",\"Gpu\":\"x\"",
        TOTAL("1") "," CONFIG(INSTANCE("1") ",\\\"members\\\":{\\\"a\\\":{\\\"instance\\\":9}}"),
        TOTAL("1") "," CONFIG(INSTANCE("1") ",\\\"unit.size\\\":4"),
        TOTAL("1") "," CONFIG(INSTANCE("1") ",\\\"Tasks\\\":[]"),
        TOTAL("1") "," CONFIG(INSTANCE("1") ",\\\"raycluster\\\":{}"),
        TOTAL("1") "," CONFIG(",\\\"instance\\\":1,\\\"elastic_job\\\":{}}"),
        TOTAL("1") "," CONFIG(",\\\"instance\\\":1,\\\"autoscaler\\\":{\\\"max\\\":9}}"),
        TOTAL("1") "," CONFIG(
            INSTANCE("1") ",\\\"cronscaler\\\":{}"), /* its targets are asked for, and there are none */
        TOTAL("1") ",\"Gpu\":-1",
        TOTAL("1") ",\"AppSpecName\":7",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct played p = { "PUT", A "/scale", "{\"Instance\":2}", NULL, NULL, NULL, NULL, NULL, NULL };
        struct world *w = world_new(INI);
        char text[1024], seen[256];
        bool has_spec = strstr(bad[i], "AppSpecName") != NULL;
        snprintf(text, sizeof text, "{\"ServiceName\":\"nlp_a\",%s" OFF ",%s}",
                 has_spec ? "" : "\"AppSpecName\":\"llama_7b_fp16\",", bad[i]);
        p.service = text;
        world_ask(w, "tok-nlp", p.method, p.target, p.body);
        if (play(w, &p, 0, seen, sizeof seen))
            fail_msg("sent, although EAS said %s", text);
        assert_unreadable(w, 0, NULL);
        world_free(w);
    }
}

static void what_a_scaler_says_must_be_readable(void **state)
{
    static const char *const autos[] = {
        "{\"MinReplica\":1}",
        "{\"MaxReplica\":\"2\"}",
        "{\"MaxReplica\":-1}",
        "{\"MaxReplica\":2.0}",
        "{\"maxReplica\":2}",
        "{\"MinReplica\":\"1\",\"MaxReplica\":2}",
        "{\"MaxReplica\":2,\"Behavior\":\"x\"}",
        "{\"MaxReplica\":2,\"Behavior\":{\"onZero\":{\"scaleUpActivationReplicas\":\"9\"}}}",
        "{\"MaxReplica\":2,\"Behavior\":{\"OnZero\":[{\"ScaleUpActivationReplicas\":1.5}]}}",
        NULL, /* 404, although EAS says that one is on */
    };
    static const char *const crons[] = { "{}",
                                         "{\"ScaleJobs\":{}}",
                                         "{\"ScaleJobs\":[{}]}",
                                         "{\"ScaleJobs\":[{\"TargetSize\":\"9\"}]}",
                                         "{\"ScaleJobs\":[{\"TargetSize\":1},7]}",
                                         NULL };
    struct played p = { "PUT", A "/scale", "{\"Instance\":2}", NULL, NULL, NULL, NULL, NULL, NULL };
    char seen[256];

    (void)state;
    for (size_t i = 0; i < sizeof autos / sizeof autos[0] + sizeof crons / sizeof crons[0]; i++) {
        struct world *w = world_new(INI);
        bool is_cron = i >= sizeof autos / sizeof autos[0];
        p.service = is_cron ? "{" LLAMA "," TOTAL("1") "," CRON "}" : "{" LLAMA "," TOTAL("1") "," ON "}";
        p.scaler = is_cron ? NULL : autos[i];
        p.cron = is_cron ? crons[i - sizeof autos / sizeof autos[0]] : NULL;
        world_ask(w, "tok-nlp", p.method, p.target, p.body);
        if (play(w, &p, 0, seen, sizeof seen))
            fail_msg("sent, although the scaler is %s", is_cron ? p.cron : p.scaler);
        assert_unreadable(w, 0, NULL);
        world_free(w);
    }
}

/* A cron scaler without a job is as good as none. */
static void a_scaler_without_jobs_is_none(void **state)
{
    struct played p = { "PUT", A "/scale", "{\"Instance\":2}", NULL, NULL, "{\"ScaleJobs\":[]}", NULL,
                        NULL,  NULL };
    struct world *w = world_new(INI);
    char seen[256];

    (void)state;
    p.service = "{" LLAMA "," TOTAL("1") "," CRON "}";
    world_ask(w, "tok-nlp", p.method, p.target, p.body);
    assert_true(play(w, &p, 0, seen, sizeof seen));
    world_answer(w, 2, 200, "{}");
    world_free(w);
}

static void stopping_within_each_look_up(void **state)
{
    (void)state;
    for (size_t step = 0; step < PLAN_COUNT; step++) {
        struct world *w = world_new(INI);
        ask_whole_plan(w, step);
        world_ask(w, "tok-nlp", "PUT", A "/scale", "{\"Instance\":2}"); /* waits for it */
        gate_abort_all(w->gate);
        assert_int_equal(w->reply_count, 2);
        assert_has(w->replies[0].body, "Easgate.Stopping");
        assert_has(w->replies[1].body, "Easgate.Stopping");
        assert_int_equal(w->cancel_count, 1);
        assert_int_equal(w->send_count, step + 1);
        assert_int_equal(world_count(w, AUDIT_INTENT), world_count(w, AUDIT_OUTCOME));
        world_free(w);
    }
}

/* ---- races ---- */

static void a_second_change_waits_from_before_the_first_look_up_to_its_end(void **state)
{
    struct world *w = world_new(INI);

    (void)state;
    world_ask(w, "tok-nlp", "PUT", A "/scale", "{\"Instance\":6}");
    world_ask(w, "tok-nlp", "PUT", APP_A, "{\"ServiceSpec\":\"chatglm_6b_int8\"}");
    assert_int_equal(w->send_count, 1);
    world_answer(w, 0, 200, "{" LLAMA "," TOTAL("1") "," OFF "}");
    assert_int_equal(w->send_count, 2); /* the scaling itself; the other still waits */
    world_answer(w, 1, 200, "{}");
    assert_int_equal(w->send_count, 3); /* now it looks, and sees what the first did */
    world_answer(w, 2, 200, "{" LLAMA "," TOTAL("6") "," OFF "}");
    assert_has(w->replies[1].body, "would be 6 replicas");
    world_free(w);
}

static void a_clone_holds_its_source_and_its_new_name(void **state)
{
    static const char source[] =
        "{\"ServiceName\":\"nlp_a\"," TOTAL("1") "," OFF "," CONFIG(INSTANCE("1") MACHINE("ecs.gn7")) "}";
    struct world *w = world_new(INI);

    (void)state;
    world_ask(w, "tok-nlp", "POST", A "/clone", "{\"metadata\":{\"name\":\"nlp_b\"}}");
    world_ask(w, "tok-nlp", "PUT", A "/scale", "{\"Instance\":6}");
    world_ask(
        w, "tok-nlp", "POST", APP,
        "{\"ServiceName\":\"nlp_b\",\"AppType\":\"LLM\",\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":2}");
    /* the other way round: it waits for the first, and blocks nobody for ever */
    world_ask(w, "tok-nlp", "POST", "/api/v2/services/cn-shanghai/nlp_b/clone",
              "{\"metadata\":{\"name\":\"nlp_a\"}}");
    world_ask(
        w, "tok-nlp", "POST", APP,
        "{\"ServiceName\":\"nlp_c\",\"AppType\":\"LLM\",\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":2}");
    assert_int_equal(w->send_count, 2); /* the look-up, and nlp_c */
    world_answer(w, 1, 200, "{}");
    world_answer(w, 0, 200, source);
    assert_has(w->sends[2].head, "x-acs-action: CloneService");
    world_answer(w, 2, 200, "{}");
    assert_int_equal(w->send_count, 5); /* the scaling looks, the create of nlp_b goes */
    assert_has(w->sends[3].head, "x-acs-action: CreateAppService");
    assert_has(w->sends[4].head, "x-acs-action: DescribeService");
    world_answer(w, 3, 409, "{}");
    world_answer(w, 4, 200, source);
    assert_has(w->sends[5].head, "x-acs-action: ScaleService");
    world_answer(w, 5, 400, "{}");
    assert_has(w->sends[6].head,
               "GET /api/v2/services/cn-shanghai/nlp_b HTTP/1.1"); /* and the other clone, with both */
    world_answer(w, 6, 404, "{\"Code\":\"InvalidService.NotFound\"}");
    assert_int_equal(w->reply_count, 5);
    world_free(w);
}

static void after_a_clone_in_doubt_neither_of_both_may_grow(void **state)
{
    static const char source[] =
        "{\"ServiceName\":\"nlp_a\"," TOTAL("1") "," OFF "," CONFIG(INSTANCE("1") MACHINE("ecs.gn7")) "}";
    struct world *w = world_new(INI);

    (void)state;
    world_ask(w, "tok-nlp", "POST", A "/clone", "{\"metadata\":{\"name\":\"nlp_b\"}}");
    world_answer(w, 0, 200, source);
    world_fail(w, 1, SEND_NO_ANSWER, true);
    world_ask(w, "tok-nlp", "PUT", A "/scale", "{\"Instance\":1}");
    world_ask(w, "tok-nlp", "PUT", "/api/v2/services/cn-shanghai/nlp_b/scale", "{\"Instance\":1}");
    for (size_t i = 1; i < 3; i++)
        assert_has(w->replies[i].body, "Easgate.ChangeInProgress");
    assert_int_equal(w->send_count, 2);
    world_free(w);
}

static void what_the_run_before_left_in_doubt_may_not_grow(void **state)
{
    struct world *w = world_new(INI);

    (void)state;
    assert_true(gate_doubt_service(w->gate, S("nlp_a")));
    world_ask(w, "tok-nlp", "PUT", A "/scale", "{\"Instance\":1}");
    assert_has(w->replies[0].body, "Easgate.ChangeInProgress");
    world_ask(w, "tok-nlp", "DELETE", A, NULL); /* that is no growth */
    world_answer(w, 0, 200, "{}");
    world_pass_ms(w, 30001);
    world_ask(w, "tok-nlp", "PUT", A "/scale", "{\"Instance\":1}");
    world_answer(w, 1, 404, "{\"Code\":\"InvalidService.NotFound\"}");
    assert_has(w->replies[2].body, "Easgate.ServiceNotFound");
    world_free(w);
}

/* ---- purchases ---- */

#define GATEWAY "{\"Name\":\"g\",\"InstanceType\":\"ecs.c7\",\"Replicas\":1,\"ChargeType\":\"PostPaid\"}"
#define MACHINES(n)                                                                                          \
    "{\"ChargeType\":\"PostPaid\",\"EcsInstanceCount\":" n                                                   \
    ",\"EcsInstanceType\":\"ecs.gn6i\",\"SystemDiskSize\":100}"
#define MACHINES_OF(id) "/api/v2/resources/cn-shanghai/" id "/instances"

static void parallel_purchases_pass_as_many_as_fit(void **state)
{
    struct world *w = world_new(INI);

    (void)state;
    for (int i = 0; i < 3; i++)
        world_ask(w, "tok-nlp", "POST", "/api/v2/gateways", GATEWAY);
    assert_int_equal(w->send_count, 1);
    assert_has(w->sends[0].head, "GET /api/v2/gateways?PageNumber=1&PageSize=1 HTTP/1.1");
    world_answer(w, 0, 200, "{\"TotalCount\":1,\"Gateways\":[]}");
    assert_has(w->sends[1].head, "POST /api/v2/gateways HTTP/1.1");
    assert_has(world_record(w, AUDIT_INTENT, 1), "\"now\":{\"count\":1}");
    world_answer(w, 1, 200, "{}");
    world_answer(w, 2, 200, "{\"TotalCount\":2,\"Gateways\":[]}");
    world_answer(w, 3, 200, "{}");
    world_answer(w, 4, 200, "{\"TotalCount\":3,\"Gateways\":[]}");
    assert_has(w->replies[2].body,
               "would be 4 gateways (3 now, 1 asked); max_gateways of [policy small] is 3");
    assert_int_equal(w->send_count, 5);
    world_free(w);
}

static void machines_are_counted_for_each_group(void **state)
{
    struct world *w = world_new(INI);

    (void)state;
    world_ask(w, "tok-nlp", "POST", MACHINES_OF("eas-r-1"), MACHINES("5"));
    world_ask(w, "tok-nlp", "POST", MACHINES_OF("eas-r-2"), MACHINES("5"));
    world_ask(w, "tok-nlp", "POST", MACHINES_OF("eas-r-9"), MACHINES("1")); /* of another team */
    assert_int_equal(w->replies[0].status, 404);
    assert_has(w->sends[0].head, "GET " MACHINES_OF("eas-r-1") "?PageNumber=1&PageSize=1 HTTP/1.1");
    assert_has(w->sends[1].head, "GET " MACHINES_OF("eas-r-2") "?PageNumber=1&PageSize=1 HTTP/1.1");
    world_answer(w, 0, 200, "{\"TotalCount\":3,\"Instances\":[]}");
    world_answer(w, 1, 200, "{\"TotalCount\":4,\"Instances\":[]}");
    assert_has(w->replies[1].body, "would be 9 machines (4 now, 5 asked)");
    assert_int_equal(w->send_count, 3);
    world_fail(w, 2, SEND_NO_ANSWER,
               true); /* in doubt: nothing more is bought for this group, but for the other one */
    world_ask(w, "tok-nlp", "POST", MACHINES_OF("eas-r-1"), MACHINES("1"));
    assert_has(w->replies[3].body, "Easgate.ChangeInProgress");
    assert_has(w->replies[3].body, "count max_machines eas-r-1");
    world_ask(w, "tok-nlp", "POST", MACHINES_OF("eas-r-2"), MACHINES("1"));
    world_answer(w, 3, 200, "{\"TotalCount\":4,\"Instances\":[]}");
    world_answer(w, 4, 200, "{}");
    assert_int_equal(w->replies[4].status, 200);
    world_pass_ms(w, 30001);
    world_ask(w, "tok-nlp", "POST", MACHINES_OF("eas-r-1"), MACHINES("1"));
    world_answer(w, 5, 200, "{\"TotalCount\":8,\"Instances\":[]}");
    assert_has(w->replies[5].body, "would be 9 machines");
    world_free(w);
}

static void a_count_that_cannot_be_read_refuses(void **state)
{
    static const struct {
        int status;
        const char *body, *code;
    } bad[] = { { 500, "{}", "Easgate.StateUnreadable" },
                { 404, "{}", "Easgate.StateUnreadable" },
                { 200, "{}", "Easgate.StateUnreadable" },
                { 200, "x", "Easgate.StateUnreadable" },
                { 200, "[]", "Easgate.StateUnreadable" },
                { 200, "{\"TotalCount\":\"1\"}", "Easgate.StateUnreadable" },
                { 200, "{\"TotalCount\":-1}", "Easgate.StateUnreadable" },
                { 403, "{\"Code\":\"InvalidSecurityToken.Expired\"}", "Easgate.CredentialRejected" } };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct world *w = world_new(INI);
        world_ask(w, "tok-nlp", "POST", "/api/v2/gateways", GATEWAY);
        world_answer(w, 0, bad[i].status, bad[i].body);
        assert_has(w->replies[0].body, bad[i].code);
        assert_int_equal(w->send_count, 1);
        world_free(w);
    }
    struct world *w = world_new(INI);
    world_ask(w, "tok-nlp", "POST", "/api/v2/gateways", GATEWAY);
    gate_abort_all(w->gate);
    assert_has(w->replies[0].body, "Easgate.Stopping");
    world_free(w);
}

/* ---- records ---- */

static void records_say_what_was_judged_and_by_what(void **state)
{
    struct world *w = world_new(INI);

    (void)state;
    world_ask(w, "tok-nlp", "PUT", A "/scale", "{\"Instance\":6}");
    world_answer(w, 0, 200,
                 "{\"ServiceName\":\"nlp_a\"," TOTAL("3") "," OFF "," CONFIG(
                     INSTANCE("2") MACHINE("ecs.gn7")) ",\"Gpu\":1}");
    assert_has(world_record(w, AUDIT_DENY, 0),
               "\"facts\":[[\"cluster\",\"path ClusterId\",\"cn-shanghai\"],[\"services\",\"path "
               "ServiceName\",\"nlp_a\"],"
               "[\"replicas\",\"Instance\",6]],\"now\":{\"spec\":\"ecs.gn7\",\"count\":3,\"stored\":2,"
               "\"extra\":1,\"gpus\":1,"
               "\"has_gpus\":true,\"states_count\":true,\"config\":[[\"replicas\",\"metadata.instance\",2],"
               "[\"instance_types\",\"cloud.computing.instance_type\",\"ecs.gn7\"]]}");
    assert_has_not(world_record(w, AUDIT_INTENT, 0), "\"facts\""); /* a look-up is judged by its parent */
    world_ask(w, "tok-nlp", "POST", APP, CREATE);
    assert_has(world_record(w, AUDIT_INTENT, 1),
               "\"facts\":[[\"services\",\"ServiceName\",\"nlp_a\"],[\"app_types\",\"AppType\",\"LLM\"],"
               "[\"service_specs\",\"ServiceSpec\",\"llama_7b_fp16\"],[\"replicas\",\"Replicas\",2]],");
    assert_has_not(world_record(w, AUDIT_INTENT, 1), "\"now\"");
    world_answer(w, 1, 200, "{}");
    world_free(w);
}

/* Values that no record could hold are refused before anything is asked. */
static void values_that_do_not_fit_a_record_are_refused(void **state)
{
    struct world *w = world_new(INI);
    struct sbuf body = SBUF_MAX(64 * 1024);

    (void)state;
    sbuf_adds(&body,
              "{\"metadata\":{\"name\":\"nlp_a\",\"instance\":1},\"cloud\":{\"computing\":{\"instances\":[");
    for (int i = 0; i < 100; i++)
        sbuf_addf(&body, "%s{\"type\":\"ecs.gn6i\"}", i ? "," : "");
    sbuf_adds(&body, "]}}}");
    world_ask(w, "tok-nlp", "POST", "/api/v2/services?WorkspaceId=12345", body.p);
    assert_int_equal(w->replies[0].status, 413);
    assert_has(w->replies[0].body, "the values that are judged have more than 3072 bytes");
    assert_int_equal(w->send_count, 0);
    assert_int_equal(world_count(w, AUDIT_DENY), 1);
    sbuf_drop(&body);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_raising_call_is_judged_by_the_state_it_leads_to),
        cmocka_unit_test(the_whole_plan_is_read_in_order),
        cmocka_unit_test(each_look_up_that_fails_refuses),
        cmocka_unit_test(each_look_up_that_gets_no_answer_refuses),
        cmocka_unit_test(a_look_up_that_is_not_recorded),
        cmocka_unit_test(look_ups_have_one_deadline_together),
        cmocka_unit_test(a_look_up_that_our_key_fails_says_so),
        cmocka_unit_test(what_a_service_says_of_itself_must_be_readable),
        cmocka_unit_test(what_a_scaler_says_must_be_readable),
        cmocka_unit_test(a_scaler_without_jobs_is_none),
        cmocka_unit_test(stopping_within_each_look_up),
        cmocka_unit_test(a_second_change_waits_from_before_the_first_look_up_to_its_end),
        cmocka_unit_test(a_clone_holds_its_source_and_its_new_name),
        cmocka_unit_test(after_a_clone_in_doubt_neither_of_both_may_grow),
        cmocka_unit_test(what_the_run_before_left_in_doubt_may_not_grow),
        cmocka_unit_test(parallel_purchases_pass_as_many_as_fit),
        cmocka_unit_test(machines_are_counted_for_each_group),
        cmocka_unit_test(a_count_that_cannot_be_read_refuses),
        cmocka_unit_test(records_say_what_was_judged_and_by_what),
        cmocka_unit_test(values_that_do_not_fit_a_record_are_refused),
    };

    log_set_level(LOG_LEVEL_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
