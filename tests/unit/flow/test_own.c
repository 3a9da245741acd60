/* What easgate answers by itself: the caller's own permissions, a verdict alone, what came of a lost change. */
#include "fake_world.h"

/* token_sha256: of "tok-nlp" and "tok-vision" (sha256sum) */
static const char ini[] =
    "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\n"
    "[credential main]\ntype = access_key\nfile = /nonexistent/credentials\n[audit]\npath = "
    "/tmp/audit.jsonl\n"
    "[client nlp]\ntoken_sha256 = 278cc70e7b8153b22a75a4c7136dc451adef7ca55dcd8bde9db0e6d9586f0b1f\npolicy = "
    "small\n"
    "[client vision]\ntoken_sha256 = "
    "404701cf771af71cefcf64bb062476da152c82a5b6ec386bc62491f6da8ff4c5\npolicy = vision\n"
    "[policy small]\nallow = CreateAppService, DeleteService, @read\nservices = nlp_*\napp_types = LLM\n"
    "service_specs = llama_7b_fp16 <= 4\nmax_replicas = 4\n"
    "[policy vision]\nallow = DescribeService\nservices = vision_*\n";

#define CREATE "/api/v2/app_services"
#define BODY(name, replicas)                                                                                 \
    "{\"ServiceName\":\"" name                                                                               \
    "\",\"AppType\":\"LLM\",\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":" replicas "}"

static void tells_a_team_what_it_may_do(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "GET", "/easgate/v1/self", NULL);
    assert_int_equal(w->replies[0].status, 200);
    assert_true(w->replies[0].from_easgate);
    assert_has(w->replies[0].body, "\"Client\":\"nlp\",\"Policy\":\"small\"");
    assert_has(w->replies[0].body, "\"CreateAppService\"");
    assert_has_not(w->replies[0].body, "\"UpdateAppService\"");
    assert_has(w->replies[0].body, "\"service_specs\":[\"llama_7b_fp16 <= 4\"]");
    assert_has(w->replies[0].body, "\"max_replicas\":[\"4\"]");
    assert_has_not(w->replies[0].body, "vision");
    world_ask(w, "tok-vision", "GET", "/easgate/v1/self", NULL);
    assert_has(w->replies[1].body, "\"Operations\":[\"DescribeService\"]");
    assert_has_not(w->replies[1].body, "nlp");
    assert_int_equal(w->send_count, 0);
    assert_int_equal(w->record_count, 0);
    world_free(w);
}

/* 2025-12-15 ends at 2025-12-16T00:00:00Z: what is written as a day is shown as the second, as check --print does. */
static void shows_limits_as_they_count(void **state)
{
    static const char limits[] =
        "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\n"
        "[credential main]\ntype = access_key\nfile = /nonexistent/credentials\n[audit]\npath = "
        "/tmp/audit.jsonl\n"
        "[client nlp]\ntoken_sha256 = "
        "278cc70e7b8153b22a75a4c7136dc451adef7ca55dcd8bde9db0e6d9586f0b1f\npolicy = small\n"
        "[policy small]\nallow = CreateAppService\nservices = nlp_*, old_* until 2025-12-15\n"
        "app_types = LLM\nservice_specs = 7b <= 4 until 2025-12-15, 7b <= 2\nspec_gpus = 7b = 1\n"
        "max_total_gpus = 8\nmax_replicas = 8 until 2025-12-15, 4\n";
    struct world *w = world_new(limits);

    (void)state;
    world_ask(w, "tok-nlp", "GET", "/easgate/v1/self", NULL);
    world_answer(w, 0, 200, "{\"Services\":[],\"TotalCount\":0}");
    assert_has(w->replies[0].body, "\"spec_gpus\":[\"7b = 1\"]");
    assert_has(w->replies[0].body, "\"max_replicas\":[\"8 until 2025-12-16T00:00:00Z\",\"4\"]");
    assert_has(w->replies[0].body, "\"max_total_gpus\":[\"8\"]");
    assert_has(w->replies[0].body, "\"services\":[\"nlp_*\",\"old_* until 2025-12-16T00:00:00Z\"]");
    assert_has(w->replies[0].body, "\"service_specs\":[\"7b <= 4 until 2025-12-16T00:00:00Z\",\"7b <= 2\"]");
    world_free(w);
}

static void takes_own_paths_exactly(void **state)
{
    static const struct {
        const char *method, *target;
        int status;
    } cases[] = {
        { "POST", "/easgate/v1/self", 405 },
        { "GET", "/easgate/v1/self?a=b", 400 },
        { "GET", "/easgate/v1/", 404 },
        { "GET", "/easgate/v2/self", 404 },
        { "GET", "/easgate/v1/self/", 404 },
        { "GET", "/easgate/v1/requests/", 404 },
        { "DELETE", "/easgate/v1/requests/x", 405 },
    };
    struct world *w = world_new(ini);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_ask(w, "tok-nlp", cases[i].method, cases[i].target, NULL);
        assert_int_equal(w->replies[i].status, cases[i].status);
    }
    assert_int_equal(w->send_count, 0);
    world_free(w);
}

static void gives_the_verdict_alone(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    w->dry_run = "true";
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "3"));
    assert_int_equal(w->replies[0].status, 200);
    assert_true(w->replies[0].from_easgate);
    assert_has(w->replies[0].body, "\"Verdict\":\"allowed\",\"Operation\":\"CreateAppService\"");
    assert_has(w->replies[0].body, "\"Replicas\":3,\"Peak\":3");
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "5"));
    assert_int_equal(w->replies[1].status, 403);
    assert_has(w->replies[1].body, "would be 5 replicas");
    assert_int_equal(w->send_count, 0);
    assert_int_equal(world_count(w, AUDIT_INTENT), 0);
    assert_has(world_record(w, AUDIT_DENY, 0), "\"note\":\"dry_run\"");
    w->dry_run = "yes";
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "1"));
    assert_int_equal(w->replies[2].status, 400); /* never sent because a word was not understood */
    assert_int_equal(w->send_count, 0);
    w->dry_run = "false";
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "1"));
    assert_int_equal(w->send_count, 1);
    world_answer(w, 0, 200, "{}");
    world_free(w);
}

static void knows_what_was_not_known(void **state)
{
    struct world *w = world_new(ini);
    char target[160];

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "1"));
    world_fail(w, 0, SEND_NO_ANSWER, false);
    assert_has(w->replies[0].body, "Easgate.OutcomeUnknown");
    snprintf(target, sizeof target, "/easgate/v1/requests/%s", w->replies[0].request_id);
    world_ask(w, "tok-nlp", "GET", target, NULL);
    assert_int_equal(w->replies[1].status, 200);
    assert_has(w->replies[1].body, "\"Operation\":\"CreateAppService\",\"Service\":\"nlp_a\"");
    assert_has(w->replies[1].body, "\"Outcome\":\"unknown\"");
    world_ask(w, "tok-vision", "GET", target, NULL);
    assert_int_equal(w->replies[2].status, 404); /* as one that never was */
    /* once it must have taken effect, the truth is read */
    world_pass_ms(w, 31000);
    assert_int_equal(w->send_count, 2);
    world_answer(w, 1, 200,
                 "{\"ServiceName\":\"nlp_a\",\"AppSpecName\":\"llama_7b_fp16\",\"TotalInstance\":1}");
    world_ask(w, "tok-nlp", "GET", target, NULL);
    assert_has(w->replies[3].body, "\"Outcome\":\"exists\"");
    assert_has(w->replies[3].body, "\"Replicas\":1");
    world_free(w);
}

/* The services went to another team, and the client's policy has others. */
static void says_nothing_of_a_service_that_went_to_another_team(void **state)
{
    static const char moved[] =
        "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\n"
        "[credential main]\ntype = access_key\nfile = /nonexistent/credentials\n[audit]\npath = "
        "/tmp/audit.jsonl\n[client nlp]\ntoken_sha256 = "
        "278cc70e7b8153b22a75a4c7136dc451adef7ca55dcd8bde9db0e6d9586f0b1f\npolicy = small\n"
        "[client vision]\ntoken_sha256 = "
        "404701cf771af71cefcf64bb062476da152c82a5b6ec386bc62491f6da8ff4c5\npolicy = vision\n"
        "[policy small]\nallow = DescribeService\nservices = old_*\n"
        "[policy vision]\nallow = DescribeService\nservices = nlp_*\n";
    struct world *w = world_new(ini);
    struct snapshot *snap = world_snapshot(moved);
    char target[160], unheard[160];

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "1"));
    world_fail(w, 0, SEND_NO_ANSWER, false);
    snprintf(target, sizeof target, "/easgate/v1/requests/%s", w->replies[0].request_id);
    memset(snap->digest, 'a', 64);
    gate_set_snapshot(w->gate, snap);
    snapshot_unref(&snap);
    world_pass_ms(w, 31000);
    world_answer(w, 1, 200,
                 "{\"ServiceName\":\"nlp_a\",\"AppSpecName\":\"llama_7b_fp16\",\"TotalInstance\":37}");
    world_ask(w, "tok-nlp", "GET", target, NULL);
    assert_int_equal(w->replies[1].status, 404);
    assert_has_not(w->replies[1].body, "nlp_a");
    assert_has_not(w->replies[1].body, "Replicas");
    /* as one that never was */
    snprintf(unheard, sizeof unheard, "/easgate/v1/requests/%032d", 7);
    world_ask(w, "tok-nlp", "GET", unheard, NULL);
    assert_int_equal(w->replies[2].status, 404);
    assert_string_equal(strstr(w->replies[1].body, "\"HostId\""), strstr(w->replies[2].body, "\"HostId\""));
    world_free(w);
}

#define REPORT                                                                                               \
    "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\n"                            \
    "[credential main]\ntype = access_key\nfile = /nonexistent/credentials\n[audit]\npath = "                \
    "/tmp/audit.jsonl\n"                                                                                     \
    "[client nlp]\ntoken_sha256 = 278cc70e7b8153b22a75a4c7136dc451adef7ca55dcd8bde9db0e6d9586f0b1f\npolicy " \
    "= small\n"                                                                                              \
    "[policy small]\nallow = CreateAppService, DescribeService, CreateService\nservices = nlp_*\napp_types " \
    "= LLM\n"                                                                                                \
    "service_specs = llama_7b_fp16 <= 4\ninstance_types = ecs.a\nmax_replicas = 4\nmode = report\n"

static void report_lifts_limits_only(void **state)
{
    static const struct {
        const char *method, *target, *body;
        int status; /* 0 = it is forwarded */
    } cases[] = {
        { "POST", CREATE, BODY("nlp_a", "9"), 0 },
        { "POST", CREATE "?WorkspaceId=7", BODY("nlp_a", "1"), 0 },
        { "POST", CREATE, BODY("vision_a", "1"), 403 },                                   /* ownership */
        { "DELETE", "/api/v2/services/cn-shanghai/nlp_a", NULL, 403 },                    /* not allowed */
        { "GET", "/api/v2/services/cn-shanghai/vision_a", NULL, 404 },                    /* ownership */
        { "POST", CREATE, "{\"ServiceName\":\"nlp_a\",\"replicas\":1}", 400 },            /* unlisted field */
        { "POST", CREATE, "{\"ServiceName\":\"nlp_a\",\"ServiceName\":\"nlp_b\"}", 400 }, /* JSON */
        { "POST", "/api/v2/services", "{\"metadata\":{\"name\":\"nlp_a\"}}",
          403 }, /* no count, no hardware: nothing to judge */
        { "GET", "/api/v2/services/cn-hangzhou/nlp_a", NULL, 403 }, /* another region */
    };
    struct world *w = world_new(REPORT);
    size_t sent = 0;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t replies = w->reply_count;
        world_ask(w, "tok-nlp", cases[i].method, cases[i].target, cases[i].body);
        if (cases[i].status) {
            assert_int_equal(w->replies[replies].status, cases[i].status);
        } else {
            assert_int_equal(w->send_count, ++sent);
            world_answer(w, sent - 1, 200, "{}");
        }
        assert_int_equal(w->send_count, sent);
    }
    assert_has(world_record(w, AUDIT_INTENT, 0), "\"would_deny\":\"replica_cap: would be 9 replicas");
    SCOPED(sbuf) text = SBUF_MAX(1 << 20);
    metrics_print(gate_metrics(w->gate), &text);
    assert_has(text.p, "easgate_would_deny_total{reason=\"replica_cap\"} 1\n");
    assert_has(text.p, "easgate_would_deny_total{reason=\"workspace\"} 1\n");
    world_free(w);
}

static void report_lifts_the_budget_and_shows_what_is_left(void **state)
{
    struct world *w = world_new(REPORT "max_total_replicas = 2\n");

    (void)state;
    world_ask(w, "tok-nlp", "GET", "/easgate/v1/self", NULL);
    assert_has(w->sends[0].head, "GET /api/v2/services?"); /* nobody asked EAS yet */
    world_answer(w, 0, 200, "{\"Services\":[],\"TotalCount\":0}");
    assert_has(w->replies[0].body, "\"Mode\":\"report\"");
    assert_has(w->replies[0].body, "\"limit\":{\"replicas\":2},\"live\":{\"replicas\":0,");
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "3"));
    world_answer(w, 1, 200,
                 "{\"Services\":[],\"TotalCount\":0}"); /* read again, since this one would be refused */
    assert_int_equal(w->send_count, 3);                 /* it goes on, over the budget */
    assert_has(w->sends[2].head, "POST /api/v2/app_services");
    assert_has(world_record(w, AUDIT_INTENT, 2), "\"would_deny\":\"budget: would be 3 replicas");
    world_ask(w, "tok-nlp", "GET", "/easgate/v1/self", NULL);
    assert_has(w->replies[1].body,
               "\"live\":{\"replicas\":0,\"gpus\":0},\"reserved\":{\"replicas\":3,\"gpus\":0}");
    assert_has(w->replies[1].body, "\"left_replicas\":0");
    world_answer(w, 2, 200, "{}");
    world_free(w);
}

static void ends_a_client_by_its_date(void **state)
{
    static const char until[] =
        "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\n"
        "[credential main]\ntype = access_key\nfile = /nonexistent/credentials\n[audit]\npath = "
        "/tmp/audit.jsonl\n"
        "[client nlp]\ntoken_sha256 = "
        "278cc70e7b8153b22a75a4c7136dc451adef7ca55dcd8bde9db0e6d9586f0b1f\npolicy = small\n"
        "until = 2025-11-23T15:28:00Z\n"
        "[policy small]\nallow = CreateAppService\nservices = nlp_*\napp_types = LLM\n"
        "service_specs = llama_7b_fp16\nmax_replicas = 4 until 2025-11-23T15:27:58Z, 2\n";
    struct world *w = world_new(until); /* its clock begins at 15:27:57.123 of that day */

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "4"));
    assert_int_equal(w->send_count, 1);
    w->mono_ms += 1000;
    w->wall_ms += 1000; /* without a tick: the next request must see it */
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_b", "4"));
    assert_int_equal(w->send_count, 1);
    assert_has(w->replies[0].body, "max_replicas of [policy small] is 2");
    world_answer(w, 0, 200, "{}");
    w->wall_ms += 2000;
    assert_false(world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_b", "1")));
    assert_int_equal(w->replies[2].status, 403);
    assert_has(w->replies[2].body, "Easgate.AccessEnded");
    assert_has(w->replies[2].body, "2025-11-23T15:28:00Z");
    assert_int_equal(w->send_count, 1);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_a_team_what_it_may_do),
        cmocka_unit_test(shows_limits_as_they_count),
        cmocka_unit_test(takes_own_paths_exactly),
        cmocka_unit_test(gives_the_verdict_alone),
        cmocka_unit_test(knows_what_was_not_known),
        cmocka_unit_test(says_nothing_of_a_service_that_went_to_another_team),
        cmocka_unit_test(report_lifts_limits_only),
        cmocka_unit_test(report_lifts_the_budget_and_shows_what_is_left),
        cmocka_unit_test(ends_a_client_by_its_date),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
