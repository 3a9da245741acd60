/* Replays of the request's life in a world without sockets: every promise of flow/txn.c has a scenario here. */
#include "fake_world.h"

/* token_sha256: of "tok-nlp" and "tok-vision" (sha256sum) */
#define INI_HEAD                                                                                             \
    "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\n"                            \
    "[credential main]\ntype = access_key\nfile = /nonexistent/credentials\n[audit]\npath = "                \
    "/tmp/audit.jsonl\n"                                                                                     \
    "[client nlp]\ntoken_sha256 = 278cc70e7b8153b22a75a4c7136dc451adef7ca55dcd8bde9db0e6d9586f0b1f\npolicy " \
    "= small\n"                                                                                              \
    "[client vision]\ntoken_sha256 = "                                                                       \
    "404701cf771af71cefcf64bb062476da152c82a5b6ec386bc62491f6da8ff4c5\npolicy = vision\n"
#define INI_SMALL                                                                                            \
    "[policy small]\nallow = CreateAppService, UpdateAppService, DeleteService, @read, @lifecycle\n"         \
    "services = nlp_*\nworkspaces = 12345\napp_types = LLM\n"                                                \
    "service_specs = llama_7b_fp16 <= 4, chatglm_6b_int8 <= 2\nmax_replicas = 4\noss_paths = oss://nlp/*\n"
#define INI_VISION "[policy vision]\nallow = @read, @lifecycle\nservices = vision_*\n"

static const char ini[] = INI_HEAD INI_SMALL INI_VISION;

#define CREATE  "/api/v2/app_services"
#define UPDATE  "/api/v2/app_services/cn-shanghai/nlp_a"
#define SERVICE "/api/v2/services/cn-shanghai/nlp_a"
#define BODY(name, spec, replicas)                                                                           \
    "{\"ServiceName\":\"" name "\",\"AppType\":\"LLM\",\"ServiceSpec\":\"" spec "\",\"Replicas\":" replicas  \
    "}"
#define NO_SCALERS "\"AutoscalerEnabled\":false,\"CronscalerEnabled\":false"
#define STATE(spec, total)                                                                                   \
    "{\"RequestId\":\"r\",\"ServiceName\":\"nlp_a\",\"AppSpecName\":\"" spec "\",\"TotalInstance\":" total   \
    "," NO_SCALERS "}"

static void forwards_only_what_is_durable(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    w->auto_durable = false;
    assert_true(world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "2")));
    assert_int_equal(world_count(w, AUDIT_INTENT), 1);
    assert_int_equal(w->send_count, 0);
    world_durable(w);
    assert_int_equal(w->send_count, 1);
    const char *head = w->sends[0].head;
    assert_has(
        head,
        "POST /api/v2/app_services?WorkspaceId=12345 HTTP/1.1\r\n"); /* filled in: the list has one value */
    assert_has(head, "host: pai-eas.cn-shanghai.aliyuncs.com\r\n");
    assert_has(head, "x-acs-action: CreateAppService\r\n");
    assert_has(head, "authorization: ACS3-HMAC-SHA256 Credential=LTAItest,SignedHeaders="
                     "content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-"
                     "acs-version,");
    assert_has_not(head, "tok-nlp");
    assert_string_equal(w->sends[0].body, BODY("nlp_a", "llama_7b_fp16", "2"));
    world_answer(w, 0, 200, "{\"RequestId\":\"r\",\"AccessToken\":\"secret\"}");
    assert_int_equal(w->replies[0].status, 200);
    assert_false(w->replies[0].from_easgate);
    assert_string_equal(w->replies[0].request_id, "EAS-0");
    assert_string_equal(w->replies[0].body, "{\"RequestId\":\"r\",\"AccessToken\":\"[redacted]\"}");
    assert_int_equal(world_count(w, AUDIT_OUTCOME), 1);
    assert_has(world_record(w, AUDIT_OUTCOME, 0), "\"status\":200");
    world_free(w);
}

static void refuses_over_the_cap_with_numbers(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "chatglm_6b_int8", "3"));
    assert_int_equal(w->send_count, 0);
    assert_int_equal(w->replies[0].status, 403);
    assert_has(w->replies[0].body, "Easgate.ReplicaCap");
    assert_has(w->replies[0].body, "would be 3 replicas");
    assert_has(w->replies[0].body, "test.ini:");
    assert_int_equal(world_count(w, AUDIT_DENY), 1);
    assert_has(world_record(w, AUDIT_DENY, 0), "\"reason\":\"replica_cap\"");
    assert_int_equal(world_count(w, AUDIT_INTENT), 0);
    world_free(w);
}

static void lost_log_refuses_and_sends_nothing(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    w->auto_durable = false;
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL);
    gate_audit_lost(w->gate);
    assert_int_equal(w->send_count, 0);
    assert_int_equal(w->replies[0].status, 503);
    assert_has(w->replies[0].body, "Easgate.AuditUnavailable");
    assert_int_equal(world_count(w, AUDIT_OUTCOME), 0); /* the intent is not in the log */
    world_free(w);
}

static void slow_log_refuses_in_time(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    w->auto_durable = false;
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL);
    world_pass_ms(w, 999);
    assert_int_equal(w->reply_count, 0);
    world_pass_ms(w, 2); /* commit_timeout is 1 s */
    assert_int_equal(w->replies[0].status, 503);
    assert_has(world_record(w, AUDIT_OUTCOME, 0), "\"error\":\"not_sent\"");
    world_durable(w); /* too late */
    assert_int_equal(w->send_count, 0);
    world_free(w);
}

static void failed_log_refuses_all(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    w->audit_ok = false;
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL);
    assert_int_equal(w->replies[0].status, 503);
    assert_int_equal(w->send_count, 0);
    assert_int_equal(world_count(w, AUDIT_COUNTED), 1);
    w->audit_ok = true;
    w->audit_takes = false; /* its queue is full */
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL);
    assert_int_equal(w->replies[1].status, 503);
    assert_int_equal(w->send_count, 0);
    world_free(w);
}

static void log_that_fails_after_the_commit_stops_the_send(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    w->auto_durable = false;
    w->sign_result = PORT_WAIT;
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL);
    world_durable(w);
    w->audit_ok = false;
    memset(w->sign_out, 'a', 64);
    txn_wake(w->signing, TXN_SIGNED);
    assert_int_equal(w->send_count, 0);
    assert_int_equal(w->replies[0].status, 503);
    assert_has(world_record(w, AUDIT_OUTCOME, 0), "\"error\":\"not_sent\"");
    world_free(w);
}

static void waits_for_the_signature(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    w->sign_result = PORT_WAIT;
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL);
    assert_int_equal(w->send_count, 0);
    memset(w->sign_out, 'a', 64);
    txn_wake(w->signing, TXN_SIGNED);
    assert_int_equal(w->send_count, 1);
    assert_has(w->sends[0].head, "Signature=aaaaaaaa");
    world_answer(w, 0, 200, "{}");
    w->sign_result = PORT_FAILED;
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL);
    assert_int_equal(w->send_count, 1);
    assert_has(w->replies[1].body, "Easgate.SigningFailed");
    w->sign_result = PORT_WAIT;
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL);
    world_pass_ms(w, 2000);
    assert_has(w->replies[2].body, "Easgate.SigningFailed");
    assert_int_equal(w->send_count, 1);
    world_free(w);
}

static void looks_up_what_an_update_leaves_out(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "PUT", UPDATE, "{\"Replicas\":3}");
    assert_int_equal(w->send_count, 1);
    assert_has(w->sends[0].head, "GET /api/v2/services/cn-shanghai/nlp_a HTTP/1.1");
    assert_has(w->sends[0].head, "x-acs-action: DescribeService");
    assert_has(world_record(w, AUDIT_INTENT, 0), "\"parent\":\"");
    world_answer(w, 0, 200, STATE("llama_7b_fp16", "2"));
    assert_int_equal(w->send_count, 2);
    assert_has(w->sends[1].head, "PUT /api/v2/app_services/cn-shanghai/nlp_a?WorkspaceId=12345");
    assert_has(world_record(w, AUDIT_INTENT, 1), "\"replicas_now\":2");
    world_answer(w, 1, 200, "{\"RequestId\":\"r\"}");
    assert_int_equal(w->replies[0].status, 200);
    /* the same with a spec whose cap is 2 */
    world_ask(w, "tok-nlp", "PUT", UPDATE, "{\"Replicas\":3}");
    world_answer(w, 2, 200, STATE("chatglm_6b_int8", "1"));
    assert_int_equal(w->send_count, 3);
    assert_has(w->replies[1].body, "would be 3 replicas (1 now)");
    assert_int_equal(world_count(w, AUDIT_INTENT), 3);
    assert_int_equal(world_count(w, AUDIT_OUTCOME), 3);
    world_free(w);
}

static void judges_what_a_start_brings_back(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "PUT", SERVICE "/start", NULL);
    world_answer(w, 0, 200, STATE("llama_7b_fp16", "12"));
    assert_has(w->replies[0].body, "Easgate.ReplicaCap");
    world_ask(w, "tok-nlp", "PUT", SERVICE "/start",
              NULL); /* the stored count stands in ServiceConfig only */
    world_answer(
        w, 1, 200,
        "{\"ServiceName\":\"nlp_a\",\"AppSpecName\":\"llama_7b_fp16\",\"TotalInstance\":0," NO_SCALERS
        ",\"ServiceConfig\":\"{\\\"metadata\\\":{\\\"instance\\\":9}}\"}");
    assert_has(w->replies[1].body, "would be 9 replicas (9 now)");
    world_ask(w, "tok-nlp", "PUT", SERVICE "/start", NULL); /* it states no count at all */
    world_answer(w, 2, 200, "{\"ServiceName\":\"nlp_a\",\"AppSpecName\":\"llama_7b_fp16\"," NO_SCALERS "}");
    assert_int_equal(w->replies[2].status, 503);
    world_ask(w, "tok-nlp", "PUT", SERVICE "/start", NULL); /* a spec that is not listed */
    world_answer(w, 3, 200, STATE("baichuan_7b_fp16", "1"));
    assert_has(w->replies[3].body, "Easgate.SpecNotAllowed");
    world_ask(w, "tok-nlp", "PUT", SERVICE "/start", NULL); /* a stopped one that would start with nothing */
    world_answer(w, 4, 200, STATE("llama_7b_fp16", "0"));
    assert_has(w->replies[4].body, "Easgate.StateUnreadable");
    assert_int_equal(w->send_count, 5);
    world_ask(w, "tok-nlp", "PUT", SERVICE "/start", NULL);
    world_answer(w, 5, 200, STATE("llama_7b_fp16", "4"));
    assert_int_equal(w->send_count, 7);
    world_answer(w, 6, 200, "{}");
    assert_int_equal(w->replies[5].status, 200);
    world_free(w);
}

static void unreadable_state_refuses(void **state)
{
    static const struct {
        int status;
        const char *body;
        int expected;
    } cases[] = {
        { 404, "{\"Code\":\"InvalidService.NotFound\"}", 404 },
        { 500, "{\"Code\":\"InternalError\"}", 503 },
        { 200, "not json", 503 },
        { 200, "{\"AppSpecName\":\"llama_7b_fp16\",\"TotalInstance\":-1}", 503 },
        { 200, "{\"AppSpecName\":\"llama_7b_fp16\",\"TotalInstance\":1.5}", 503 },
        { 200, "{\"AppSpecName\":\"llama_7b_fp16\",\"TotalInstance\":\"1\"}", 503 },
        { 200, "[]", 503 },
        { 200, "{\"ServiceName\":\"nlp_b\",\"AppSpecName\":\"llama_7b_fp16\",\"TotalInstance\":1}", 503 },
        { 302, "", 503 },
    };
    struct world *w = world_new(ini);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_ask(w, "tok-nlp", "PUT", SERVICE "/start", NULL);
        world_answer(w, i, cases[i].status, cases[i].body);
        assert_int_equal(w->replies[i].status, cases[i].expected);
        assert_int_equal(w->send_count, i + 1);
    }
    world_free(w);
}

static void a_change_that_rests_on_the_state_is_alone(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "PUT", UPDATE, "{\"Replicas\":4}"); /* looks up: llama may have 4 */
    world_ask(w, "tok-nlp", "PUT", UPDATE,
              "{\"ServiceSpec\":\"chatglm_6b_int8\"}"); /* would look up, too: must wait */
    world_ask(w, "tok-nlp", "DELETE", SERVICE, NULL);   /* waits behind it */
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL);      /* a read does not wait */
    assert_int_equal(w->send_count, 2);
    world_answer(w, 1, 200, "{}");
    world_answer(w, 0, 200, STATE("llama_7b_fp16", "1"));
    assert_int_equal(w->send_count, 3);
    world_answer(w, 2, 200, "{}"); /* the first update is done; the second sees its effect */
    assert_int_equal(w->send_count, 4);
    world_answer(w, 3, 200, STATE("llama_7b_fp16", "4"));
    assert_int_equal(w->replies[2].status, 403);
    assert_has(w->replies[2].body, "would be 4 replicas (4 now)");
    assert_int_equal(w->send_count, 5); /* the delete */
    world_answer(w, 4, 200, "{}");
    assert_int_equal(w->reply_count, 4);
    world_free(w);
}

static void waiting_for_another_change_ends(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "PUT", UPDATE, "{\"Replicas\":4}");
    world_ask(w, "tok-nlp", "DELETE", SERVICE, NULL);
    world_pass_ms(w, 6000);
    assert_int_equal(w->replies[0].status, 409);
    assert_has(w->replies[0].body, "Easgate.ChangeInProgress");
    world_answer(w, 0, 404, "{}");
    assert_int_equal(w->reply_count, 2);
    world_ask(w, "tok-nlp", "DELETE", SERVICE, NULL);
    world_answer(w, 1, 200, "{}");
    assert_int_equal(w->replies[2].status, 200);
    world_free(w);
}

static void any_two_changes_of_a_service_come_one_after_the_other(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
    world_ask(w, "tok-nlp", "POST", CREATE,
              BODY("nlp_a", "llama_7b_fp16", "2")); /* states everything, and waits */
    world_ask(w, "tok-nlp", "POST", CREATE,
              BODY("nlp_b", "llama_7b_fp16", "2")); /* another service does not */
    world_ask(w, "tok-nlp", "PUT", SERVICE "/start", NULL);
    world_ask(w, "tok-nlp", "PUT", SERVICE "/stop", NULL); /* nobody overtakes */
    assert_int_equal(w->send_count, 2);
    world_answer(w, 1, 200, "{}");
    assert_int_equal(w->send_count, 2);
    world_answer(w, 0, 200, "{}");
    assert_int_equal(w->send_count, 3);
    assert_has(w->sends[2].body, "\"Replicas\":2");
    world_answer(w, 2, 409, "{}");
    assert_has(w->sends[3].head, "x-acs-action: DescribeService\r\n");
    world_answer(w, 3, 200, STATE("llama_7b_fp16", "2"));
    assert_has(w->sends[4].head, "x-acs-action: StartService\r\n");
    assert_int_equal(w->send_count, 5);
    world_answer(w, 4, 200, "{}");
    assert_has(w->sends[5].head, "x-acs-action: StopService\r\n");
    world_answer(w, 5, 200, "{}");
    assert_int_equal(w->reply_count, 5);
    world_free(w);
}

static void a_list_shows_owned_services_over_all_pages(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "GET", "/api/v2/services?PageSize=2&PageNumber=2&Filter=x", NULL);
    assert_has(w->sends[0].head, "GET /api/v2/services?Filter=x&PageNumber=1&PageSize=100 HTTP/1.1");
    world_answer(w, 0, 200,
                 "{\"RequestId\":\"r\",\"PageNumber\":1,\"TotalCount\":5,\"Services\":["
                 "{\"ServiceName\":\"nlp_1\",\"AccessToken\":\"s\"},{\"ServiceName\":\"vision_1\"}]}");
    assert_has(w->sends[1].head, "PageNumber=2&PageSize=100");
    assert_has(w->sends[1].head, "Filter=x");
    world_answer(w, 1, 200,
                 "{\"TotalCount\":5,\"Services\":[{\"ServiceName\":\"nlp_2\"},{\"servicename\":\"nlp_9\"}]}");
    world_answer(w, 2, 200,
                 "{\"TotalCount\":5,\"Services\":[{\"ServiceName\":\"nlp_3\",\"ServiceConfig\":\"{}\"}]}");
    assert_int_equal(w->replies[0].status, 200);
    assert_string_equal(
        w->replies[0].body,
        "{\"RequestId\":\"r\",\"PageNumber\":2,\"TotalCount\":3,"
        "\"Services\":[{\"ServiceName\":\"nlp_3\",\"ServiceConfig\":\"[redacted]\"}],\"PageSize\":2}");
    assert_int_equal(world_count(w, AUDIT_INTENT), 3);
    assert_int_equal(world_count(w, AUDIT_OUTCOME), 3);
    world_free(w);
}

static void a_list_that_cannot_be_read_is_no_list(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "GET", "/api/v2/services", NULL);
    world_answer(w, 0, 200, "{\"Services\":[]}");
    assert_int_equal(w->replies[0].status, 502);
    world_ask(w, "tok-nlp", "GET", "/api/v2/services", NULL);
    world_answer(w, 1, 200, "{\"TotalCount\":3,\"Services\":[{\"ServiceName\":\"nlp_1\"}]}");
    world_answer(w, 2, 500, "{}");
    assert_int_equal(w->replies[1].status, 502);
    world_ask(w, "tok-nlp", "GET", "/api/v2/services", NULL);
    world_answer(w, 3, 403, "{\"Code\":\"Forbidden.RAM\",\"Message\":\"no\"}");
    assert_int_equal(w->replies[2].status, 403);
    assert_false(w->replies[2].from_easgate);
    world_free(w);
}

static void foreign_services_do_not_exist(void **state)
{
    static const char *const asked[][2] = {
        { "GET", "/api/v2/services/cn-shanghai/vision_1" },
        { "DELETE", "/api/v2/services/cn-shanghai/vision_1" },
        { "PUT", "/api/v2/services/cn-shanghai/vision_1/start" },
        { "GET", "/api/v2/services/cn-shanghai/nowhere/logs" },
    };
    struct world *w = world_new(ini);

    (void)state;
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        world_ask(w, "tok-nlp", asked[i][0], asked[i][1], NULL);
        assert_int_equal(w->replies[i].status, 404);
        assert_has(w->replies[i].body, "Easgate.ServiceNotFound");
    }
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("vision_1", "llama_7b_fp16", "1"));
    assert_has(w->replies[4].body, "Easgate.ServiceNameNotAllowed");
    world_ask(w, "tok-nlp", "GET", "/api/v2/services/cn-beijing/nlp_a", NULL);
    assert_has(w->replies[5].body, "Easgate.WrongCluster");
    assert_int_equal(w->send_count, 0);
    world_free(w);
}

static void a_lost_answer_of_a_change_is_never_sent_again(void **state)
{
    static const enum send_failure failures[] = { SEND_NO_ANSWER, SEND_CUT_ANSWER, SEND_BAD_ANSWER };
    struct world *w = world_new(ini);

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        char body[200];
        snprintf(body, sizeof body, BODY("nlp_%zu", "llama_7b_fp16", "1"), i);
        world_ask(w, "tok-nlp", "POST", CREATE, body);
        world_fail(w, i, failures[i % 3], i >= 3);
        assert_int_equal(w->send_count, i + 1);
        assert_int_equal(w->replies[i].status, 502);
        assert_has(w->replies[i].body, "Easgate.OutcomeUnknown");
    }
    assert_has(world_record(w, AUDIT_OUTCOME, 0), "\"error\":\"sent_no_answer\"");
    assert_has(world_record(w, AUDIT_OUTCOME, 1), "\"error\":\"cut_answer\"");
    assert_int_equal(world_count(w, AUDIT_OUTCOME), 6);
    world_free(w);
}

static void a_read_is_tried_again_with_its_own_intent(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL);
    world_fail(w, 0, SEND_NO_ANSWER, false);
    assert_int_equal(w->send_count, 2);
    assert_int_equal(world_count(w, AUDIT_INTENT), 2);
    assert_has(world_record(w, AUDIT_INTENT, 1), "\"try\":2");
    const char *nonce = strstr(w->sends[0].head, "x-acs-signature-nonce: ");
    assert_true(strncmp(nonce, strstr(w->sends[1].head, "x-acs-signature-nonce: "), 55) != 0);
    world_fail(w, 1, SEND_NO_ANSWER, false);
    assert_int_equal(w->send_count, 2);
    assert_int_equal(w->replies[0].status, 502);
    assert_int_equal(world_count(w, AUDIT_OUTCOME), 2);
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL); /* no time is left for a second try */
    world_fail(w, 2, SEND_NO_ANSWER, true);
    assert_int_equal(w->send_count, 3);
    assert_int_equal(w->replies[1].status, 504);
    world_free(w);
}

/* The port and flow share the metrics: if flow counted, too, each exchange would show twice. */
static void the_port_counts_exchanges_alone(void **state)
{
    struct world *w = world_new(ini);
    SCOPED(sbuf) text = SBUF_MAX(1 << 20);

    (void)state;
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL);
    world_fail(w, 0, SEND_NO_ANSWER, false);
    world_fail(w, 1, SEND_NO_ANSWER, false);
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
    world_answer(w, 2, 200, "{}");
    metrics_print(gate_metrics(w->gate), &text);
    assert_has(text.p, "\neasgate_upstream_failures_total 0\n");
    assert_has(text.p, "\neasgate_upstream_ms_count 0\n");
    world_free(w);
}

static void what_was_not_sent_may_be_tried_again(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
    world_fail(w, 0, SEND_NOT_SENT, false);
    assert_int_equal(w->send_count, 2);
    world_answer(w, 1, 200, "{}");
    assert_int_equal(w->replies[0].status, 200);
    assert_has(world_record(w, AUDIT_OUTCOME, 0), "\"error\":\"not_sent\"");
    assert_int_equal(world_count(w, AUDIT_OUTCOME), 2);
    world_free(w);
}

static void answers_that_may_not_pass(void **state)
{
    static const struct {
        int status;
        const char *body, *code;
    } cases[] = {
        { 302, "", "Easgate.BadUpstreamAnswer" },
        { 200, "<html>", "Easgate.BadUpstreamAnswer" },
        { 200, "{\"a\":1} {}", "Easgate.BadUpstreamAnswer" },
        { 400, "{\"Code\":\"SignatureDoesNotMatch\",\"Message\":\"string to sign: ...\"}",
          "Easgate.CredentialRejected" },
        { 400, "{\"Code\":\"SignatureDoesNotMatch\",\"code\":\"x\",\"Message\":\"LTAItest\"}",
          "Easgate.BadUpstreamAnswer" },
        { 400, "{\"code\":\"SignatureDoesNotMatch\",\"message\":\"LTAItest\"}",
          "Easgate.CredentialRejected" },
        { 404, "{\"Code\":\"InvalidAccessKeyId.NotFound\",\"Message\":\"LTAItest\"}",
          "Easgate.CredentialRejected" },
    };
    struct world *w = world_new(ini);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_ask(w, "tok-nlp", "GET", SERVICE, NULL);
        world_answer(w, i, cases[i].status, cases[i].body);
        assert_int_equal(w->replies[i].status, 502);
        assert_has(w->replies[i].body, cases[i].code);
        assert_has_not(w->replies[i].body, "LTAItest");
    }
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL); /* a secret said twice, and in another spelling */
    world_answer(w, 7, 200, "{\"AccessToken\":\"a\",\"AccessToken\":\"b\",\"x\":[{\"accesstoken\":\"c\"}]}");
    assert_string_equal(w->replies[7].body, "{\"AccessToken\":\"[redacted]\",\"AccessToken\":\"[redacted]\","
                                            "\"x\":[{\"accesstoken\":\"[redacted]\"}]}");
    world_free(w);
}

static void what_no_key_bounds_stays_closed(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-vision", "PUT", "/api/v2/services/cn-shanghai/vision_1/restart", NULL);
    assert_has(w->replies[0].body, "Easgate.OperationNotAllowed"); /* although `allow` lists its class */
    assert_has(w->replies[0].body, "RestartService needs max_replicas");
    world_ask(w, "tok-vision", "POST", CREATE, BODY("vision_1", "llama_7b_fp16", "1"));
    assert_has(w->replies[1].body, "Easgate.OperationNotAllowed");
    assert_int_equal(w->send_count, 0);
    world_free(w);
}

static void the_head_is_judged_first(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    assert_false(world_ask(w, "tok-nobody", "GET", SERVICE, NULL));
    assert_int_equal(w->replies[0].status, 401);
    for (int i = 0; i < 20; i++)
        assert_false(world_ask(w, "tok-nobody", "GET", SERVICE, NULL));
    assert_int_equal(world_count(w, AUDIT_COUNTED), 1); /* at most one a second */
    world_pass_ms(w, 1001);
    assert_int_equal(world_count(w, AUDIT_COUNTED), 2);
    assert_has(world_record(w, AUDIT_COUNTED, 1), "\"count\":20");
    assert_int_equal(world_count(w, AUDIT_DENY), 0);
    world_free(w);
}

static void a_request_keeps_the_policy_it_was_born_with(void **state)
{
    static const char narrow[] = INI_HEAD "[policy small]\nallow = @read\nservices = nlp_*\n" INI_VISION;
    struct world *w = world_new(ini);
    struct snapshot *next = world_snapshot(narrow);
    char before[65];

    (void)state;
    memcpy(before, gate_snapshot(w->gate)->digest, sizeof before);
    world_ask(w, "tok-nlp", "PUT", UPDATE, "{\"Replicas\":3}"); /* waits for its look-up */
    gate_set_snapshot(w->gate, next);
    world_answer(w, 0, 200, STATE("llama_7b_fp16", "2"));
    assert_int_equal(w->send_count, 2);
    assert_has(world_record(w, AUDIT_INTENT, 1), before);
    world_answer(w, 1, 200, "{}");
    assert_int_equal(w->replies[0].status, 200);
    world_ask(w, "tok-nlp", "PUT", UPDATE, "{\"Replicas\":3}");
    assert_has(w->replies[1].body, "Easgate.OperationNotAllowed");
    assert_has(world_record(w, AUDIT_DENY, 0), next->digest);
    assert_int_equal(world_count(w, AUDIT_POLICY), 1);
    snapshot_unref(&next);
    world_free(w);
}

static void stopping_answers_everyone(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "PUT", SERVICE "/start", NULL);                           /* looks up */
    world_ask(w, "tok-nlp", "DELETE", SERVICE, NULL);                                 /* waits for it */
    world_ask(w, "tok-nlp", "PUT", "/api/v2/services/cn-shanghai/nlp_b/start", NULL); /* looks up */
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL);                                    /* waits for EAS */
    w->auto_durable = false;
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL); /* waits for the log */
    gate_begin_drain(w->gate);
    assert_false(world_ask(w, "tok-nlp", "GET", SERVICE, NULL));
    assert_has(w->replies[0].body, "Easgate.Stopping");
    gate_abort_all(w->gate);
    assert_int_equal(w->reply_count, 6);
    for (size_t i = 0; i < w->reply_count; i++)
        assert_int_equal(w->replies[i].status, 503);
    assert_int_equal(gate_inflight(w->gate), 0);
    assert_int_equal(world_count(w, AUDIT_INTENT), world_count(w, AUDIT_OUTCOME));
    assert_int_equal(w->cancel_count, 3);
    w->client_gone = true;
    world_free(w);
}

static void whoever_gives_up_waiting_blocks_nobody(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "DELETE", SERVICE, NULL);
    world_ask(w, "tok-nlp", "PUT", SERVICE "/start", NULL);
    world_pass_ms(w, 3000);
    world_ask(w, "tok-nlp", "PUT", SERVICE "/stop", NULL); /* behind the start */
    assert_int_equal(w->send_count, 1);
    world_pass_ms(w, 2500); /* the start gives up */
    assert_int_equal(w->replies[0].status, 409);
    assert_has(w->replies[0].body, "another change of service nlp_a is under way; it was waited for 5000 ms");
    assert_int_equal(w->send_count, 1);
    world_answer(w, 0, 200, "{}"); /* the stop's turn */
    assert_int_equal(w->send_count, 2);
    world_answer(w, 1, 200, "{}");
    world_free(w);
}

static void stopping_between_two_tries_cancels_nothing(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL);
    w->auto_durable = false;
    world_fail(w, 0, SEND_NO_ANSWER, false); /* the second try waits for the log */
    assert_int_equal(world_count(w, AUDIT_INTENT), 2);
    gate_abort_all(w->gate);
    assert_int_equal(w->cancel_count, 0);
    assert_has(w->replies[0].body, "Easgate.Stopping");
    assert_has(world_record(w, AUDIT_OUTCOME, 1), "\"error\":\"not_sent\"");
    world_free(w);
}

/* token_sha256 of "tok-nlp" again, with limits */
static const char *limited_ini(const char *limits)
{
    static char text[4096];

    snprintf(text, sizeof text, "%s%s%s%s", INI_HEAD, limits, INI_SMALL, INI_VISION);
    return text;
}

static void too_many_requests_of_a_client_get_429(void **state)
{
    struct world *w = world_new(limited_ini("requests_per_second = 2\nrequest_burst = 3\n"));

    (void)state;
    for (int i = 0; i < 5; i++)
        world_ask(w, "tok-vision", "GET", "/api/v2/services/cn-shanghai/vision_1", NULL);
    assert_int_equal(w->send_count, 3);
    assert_int_equal(w->replies[0].status, 429);
    assert_int_equal(w->replies[0].retry_after_s, 1);
    assert_has(w->replies[0].body, "Easgate.RateLimited");
    assert_has(w->replies[0].body, "client vision may send 2 requests a second; try again in 500 ms");
    assert_int_equal(world_count(w, AUDIT_DENY), 0); /* counted: a flood must not fill the disk */
    assert_int_equal(world_count(w, AUDIT_COUNTED), 1);
    assert_has(world_record(w, AUDIT_COUNTED, 0), "\"client\":\"vision\"");
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL); /* others are not touched */
    assert_int_equal(w->send_count, 4);
    world_pass_ms(w, 1000);
    assert_has(world_record(w, AUDIT_COUNTED, 1), "\"client\":\"vision\"");
    assert_has(world_record(w, AUDIT_COUNTED, 1), "\"count\":1");
    world_ask(w, "tok-vision", "GET", "/api/v2/services/cn-shanghai/vision_1", NULL);
    assert_int_equal(w->send_count, 5);
    for (size_t i = 0; i < w->send_count; i++)
        world_answer(w, i, 200, "{}");
    world_free(w);
}

static void too_many_changes_of_a_client_get_429(void **state)
{
    static const char body[] =
        "{\"ServiceName\":\"vision_1\",\"AppType\":\"LLM\",\"ServiceSpec\":\"s\",\"Replicas\":1}";
    struct world *w = world_new(
        INI_HEAD "changes_per_minute = 6\nchange_burst = 1\nmax_inflight = 2\n" INI_SMALL
                 "[policy vision]\nallow = @read, CreateAppService\nservices = vision_*\napp_types = LLM\n"
                 "service_specs = s\nmax_replicas = 1\n");

    (void)state;
    world_ask(w, "tok-vision", "POST", CREATE, body);
    world_ask(w, "tok-vision", "POST", CREATE, body);
    assert_has(w->replies[0].body, "client vision may send 6 changes a minute; try again in 10000 ms");
    assert_int_equal(w->replies[0].retry_after_s, 10);
    world_ask(w, "tok-vision", "GET", "/api/v2/services/cn-shanghai/vision_1", NULL); /* no change */
    world_ask(w, "tok-vision", "GET", "/api/v2/services/cn-shanghai/vision_1", NULL);
    assert_has(w->replies[1].body, "has 2 requests under way");
    assert_int_equal(w->send_count, 2);
    world_answer(w, 0, 200, "{}");
    world_answer(w, 1, 200, "{}");
    w->mono_ms += 10000;
    world_ask(w, "tok-vision", "POST", CREATE, body);
    assert_int_equal(w->send_count, 3);
    world_answer(w, 2, 200, "{}");
    world_free(w);
}

/* ---- changes in doubt ---- */

static void no_verdict_rests_on_a_state_that_may_still_change(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "PUT", UPDATE, "{\"ServiceSpec\":\"chatglm_6b_int8\"}");
    world_answer(w, 0, 200, STATE("llama_7b_fp16", "2"));
    world_fail(w, 1, SEND_NO_ANSWER, true); /* may land later; EAS still shows llama, which may have 4 */
    world_ask(w, "tok-nlp", "PUT", UPDATE, "{\"Replicas\":4}");
    assert_int_equal(w->send_count, 2);
    assert_int_equal(w->replies[1].status, 409);
    assert_has(w->replies[1].body, "its outcome is not known");
    world_ask(w, "tok-nlp", "PUT", UPDATE,
              "{\"ServiceSpec\":\"llama_7b_fp16\",\"Replicas\":4}"); /* what was sent may land behind it */
    assert_int_equal(w->replies[2].status, 409);
    world_ask(w, "tok-nlp", "PUT", SERVICE "/stop", NULL); /* raises nothing */
    world_answer(w, 2, 200, "{}");
    world_pass_ms(w, 30001); /* as long as an exchange may last; then the truth is read for the record, too */
    assert_has(w->sends[3].head, "GET " SERVICE " ");
    world_ask(w, "tok-nlp", "PUT", UPDATE, "{\"Replicas\":4}");
    world_answer(w, 4, 200, STATE("chatglm_6b_int8", "2"));
    assert_has(w->replies[4].body, "would be 4 replicas (2 now)");
    world_answer(w, 3, 200, STATE("chatglm_6b_int8", "2"));
    assert_has(world_record(w, AUDIT_RESOLVED, 0),
               "\"service\":\"nlp_a\",\"replicas_now\":2,\"status\":200,");
    world_free(w);
}

static void an_error_of_eas_leaves_a_change_in_doubt(void **state)
{
    static const struct {
        int status;
        bool in_doubt;
    } ends[] = { { 200, false }, { 400, false }, { 404, false }, { 409, false },
                 { 408, true },  { 500, true },  { 503, true },  { 302, true } };
    struct world *w = world_new(ini);

    (void)state;
    for (size_t i = 0, sent = 0; i < sizeof ends / sizeof ends[0]; i++) {
        world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
        world_answer(w, sent++, ends[i].status, "{\"Code\":\"InternalError\"}");
        world_ask(w, "tok-nlp", "PUT", SERVICE "/start", NULL);
        assert_int_equal(w->send_count, sent + !ends[i].in_doubt);
        if (ends[i].in_doubt)
            assert_int_equal(w->replies[2 * i + 1].status, 409);
        else
            world_answer(w, sent++, 500, "{}");
        world_pass_ms(w, 30001);
        if (ends[i].in_doubt) /* then the truth is read, for the record */
            world_answer(w, sent++, 404, "{\"Code\":\"InvalidService.NotFound\"}");
        assert_int_equal(w->send_count, sent);
    }
    assert_int_equal(world_count(w, AUDIT_RESOLVED), 4);
    world_free(w);
}

/* Whoever was let in while the one before him ended in doubt has no certain state either. */
static void who_waited_for_a_change_in_doubt_is_refused(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "PUT", SERVICE "/stop", NULL);
    world_ask(w, "tok-nlp", "PUT", SERVICE "/start", NULL);
    world_ask(w, "tok-nlp", "DELETE", SERVICE, NULL);
    world_fail(w, 0, SEND_NO_ANSWER, true);
    assert_has(w->replies[0].body, "Easgate.OutcomeUnknown");
    assert_has(w->replies[1].body, "a change of service nlp_a was sent and its outcome is not known");
    assert_int_equal(w->send_count, 2); /* the delete */
    world_answer(w, 1, 200, "{}");
    world_free(w);
}

static void a_look_up_that_our_key_fails_is_not_a_missing_service(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "PUT", SERVICE "/start", NULL);
    world_answer(w, 0, 404, "{\"Code\":\"InvalidAccessKeyId.NotFound\"}");
    assert_has(w->replies[0].body, "Easgate.CredentialRejected");
    world_free(w);
}

static void what_no_record_can_hold_is_not_sent(void **state)
{
    struct world *w = world_new(ini);
    char target[4096];
    size_t n = (size_t)snprintf(target, sizeof target, "%s/logs?Keyword=", SERVICE);

    (void)state;
    memset(target + n, 'k', 1000);
    snprintf(target + n + 1000, sizeof target - n - 1000, "&InstanceName=");
    n = strlen(target);
    memset(target + n, 'i', 1000);
    target[n + 1000] = '\0';
    world_ask(w, "tok-nlp", "GET", target, NULL);
    assert_int_equal(w->replies[0].status, 400);
    assert_has(w->replies[0].body, "an audit record holds 2048 whole");
    assert_int_equal(w->send_count, 0);
    world_free(w);
}

static void malformed_requests_are_refused_by_name(void **state)
{
    static const struct {
        const char *method, *target, *body;
        int status;
        const char *code;
    } cases[] = {
        { "GET", "/api/v2/nothing", NULL, 404, "Easgate.UnknownOperation" },
        { "DELETE", "/api/v2/app_services", NULL, 405, "Easgate.MethodNotAllowed" },
        { "GET", "/api/v2/services/", NULL, 400, "Easgate.InvalidPath" },
        { "GET", "/api/v2/services?nope=1", NULL, 400, "Easgate.InvalidQuery" },
        { "GET", "/api/v2/services?%57orkspaceId=12345", NULL, 400, "Easgate.InvalidQuery" },
        { "GET", SERVICE, "{}", 400, "Easgate.InvalidField" },
        { "POST", CREATE, "{", 400, "Easgate.InvalidJson" },
        { "POST", CREATE, "{\"replicas\":1}", 400, "Easgate.InvalidField" },
        { "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1e0"), 400, "Easgate.InvalidField" },
        { "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "\"1\""), 400, "Easgate.InvalidField" },
        { "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "0"), 400, "Easgate.InvalidField" },
        { "POST", CREATE "?WorkspaceId=1", BODY("nlp_a", "llama_7b_fp16", "1"), 403,
          "Easgate.WorkspaceNotAllowed" },
        { "POST", CREATE "?QuotaId=q", BODY("nlp_a", "llama_7b_fp16", "1"), 403, "Easgate.QuotaNotAllowed" },
        { "POST", CREATE, BODY("nlp_a", "gpt", "1"), 403, "Easgate.SpecNotAllowed" },
    };
    struct world *w = world_new(ini);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_ask(w, "tok-nlp", cases[i].method, cases[i].target, cases[i].body);
        assert_has(w->replies[i].body, cases[i].code);
        assert_int_equal(w->replies[i].status, cases[i].status);
    }
    assert_int_equal(w->send_count, 0);
    assert_int_equal(world_count(w, AUDIT_DENY), sizeof cases / sizeof cases[0]);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forwards_only_what_is_durable),
        cmocka_unit_test(refuses_over_the_cap_with_numbers),
        cmocka_unit_test(lost_log_refuses_and_sends_nothing),
        cmocka_unit_test(slow_log_refuses_in_time),
        cmocka_unit_test(failed_log_refuses_all),
        cmocka_unit_test(log_that_fails_after_the_commit_stops_the_send),
        cmocka_unit_test(waits_for_the_signature),
        cmocka_unit_test(looks_up_what_an_update_leaves_out),
        cmocka_unit_test(judges_what_a_start_brings_back),
        cmocka_unit_test(unreadable_state_refuses),
        cmocka_unit_test(a_change_that_rests_on_the_state_is_alone),
        cmocka_unit_test(waiting_for_another_change_ends),
        cmocka_unit_test(any_two_changes_of_a_service_come_one_after_the_other),
        cmocka_unit_test(a_list_shows_owned_services_over_all_pages),
        cmocka_unit_test(a_list_that_cannot_be_read_is_no_list),
        cmocka_unit_test(foreign_services_do_not_exist),
        cmocka_unit_test(a_lost_answer_of_a_change_is_never_sent_again),
        cmocka_unit_test(a_read_is_tried_again_with_its_own_intent),
        cmocka_unit_test(the_port_counts_exchanges_alone),
        cmocka_unit_test(what_was_not_sent_may_be_tried_again),
        cmocka_unit_test(answers_that_may_not_pass),
        cmocka_unit_test(what_no_key_bounds_stays_closed),
        cmocka_unit_test(the_head_is_judged_first),
        cmocka_unit_test(a_request_keeps_the_policy_it_was_born_with),
        cmocka_unit_test(stopping_answers_everyone),
        cmocka_unit_test(whoever_gives_up_waiting_blocks_nobody),
        cmocka_unit_test(stopping_between_two_tries_cancels_nothing),
        cmocka_unit_test(too_many_requests_of_a_client_get_429),
        cmocka_unit_test(too_many_changes_of_a_client_get_429),
        cmocka_unit_test(no_verdict_rests_on_a_state_that_may_still_change),
        cmocka_unit_test(an_error_of_eas_leaves_a_change_in_doubt),
        cmocka_unit_test(who_waited_for_a_change_in_doubt_is_refused),
        cmocka_unit_test(a_look_up_that_our_key_fails_is_not_a_missing_service),
        cmocka_unit_test(what_no_record_can_hold_is_not_sent),
        cmocka_unit_test(malformed_requests_are_refused_by_name),
    };

    log_set_level(LOG_LEVEL_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
