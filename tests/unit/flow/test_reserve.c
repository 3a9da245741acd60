/*
 * A team's budget: what counts, what is reserved, who is let in and who is not, what comes back after a crash, and that nothing may
 * grow while the sum is not known. (core/budget and core/truth have their own tests.)
 */
#include "fake_world.h"

/* token_sha256: of "tok-nlp" and "tok-vision" (sha256sum) */
#define INI_HEAD                                                                                             \
    "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\nlist_max_scalers = 2\n"      \
    "[credential main]\ntype = access_key\nfile = /nonexistent/credentials\n[audit]\npath = "                \
    "/tmp/audit.jsonl\n"                                                                                     \
    "[client nlp]\ntoken_sha256 = 278cc70e7b8153b22a75a4c7136dc451adef7ca55dcd8bde9db0e6d9586f0b1f\npolicy " \
    "= small\n"                                                                                              \
    "[client vision]\ntoken_sha256 = "                                                                       \
    "404701cf771af71cefcf64bb062476da152c82a5b6ec386bc62491f6da8ff4c5\npolicy = vision\n"
#define RULES                                                                                                \
    "allow = @read, @create, @scale, @update, @lifecycle, @delete\nworkspaces = 12345\napp_types = LLM\n"    \
    "service_specs = llama_7b_fp16, chatglm_6b_int8\nmax_replicas = 40\n"
#define INI(services, limits)                                                                                \
    INI_HEAD "[policy small]\nservices = " services "\n" RULES limits                                        \
             "[policy vision]\nservices = vision_*\n" RULES

static const char ini_budget[] = INI("nlp_*", "max_total_replicas = 5\n");
#define INI_OF_ONE(upstream, services)                                                                       \
    "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\n" upstream                   \
    "[credential main]\ntype = access_key\nfile = /nonexistent/credentials\n[audit]\npath = "                \
    "/tmp/audit.jsonl\n[client nlp]\ntoken_sha256 = "                                                        \
    "278cc70e7b8153b22a75a4c7136dc451adef7ca55dcd8bde9db0e6d9586f0b1f\npolicy = all\n"                       \
    "[policy all]\nservices = " services "\n" RULES "max_total_replicas = 5\n"

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

#define ROW(name, total)                                                                                     \
    "{\"ServiceName\":\"" name "\",\"AppSpecName\":\"llama_7b_fp16\",\"TotalInstance\":" total               \
    "," NO_SCALERS "}"
#define LIST(count, rows) "{\"RequestId\":\"r\",\"TotalCount\":" count ",\"Services\":[" rows "]}"

static void a_team_never_has_more_than_its_budget(void **state)
{
    struct world *w = world_new(ini_budget);

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "3"));
    assert_has(w->sends[0].head,
               "GET /api/v2/services?IncludeNoWorkspace=true&PageNumber=1&PageSize=100 HTTP/1.1");
    assert_has(world_record(w, AUDIT_INTENT, 0), "\"parent\":\"");
    world_answer(w, 0, 200, LIST("3", ROW("nlp_x", "2") "," ROW("vision_1", "9")));
    assert_has(w->sends[1].head, "PageNumber=2");
    world_answer(w, 1, 200, LIST("3", ROW("nlp_y", "1")));
    assert_has(w->replies[0].body, "Easgate.TeamBudget");
    assert_has(w->replies[0].body,
               "would be 6 replicas of all services together (3 now or under way, 3 more asked); "
               "max_total_replicas of [policy small] is 5");
    assert_has(w->replies[0].body, "max_total_replicas of [policy small], test.ini:");
    world_ask(w, "tok-nlp", "POST", CREATE,
              BODY("nlp_a", "llama_7b_fp16", "2")); /* the truth is fresh: no new reading */
    assert_has(w->sends[2].head, "POST /api/v2/app_services");
    world_answer(w, 2, 200, "{}");
    assert_int_equal(w->replies[1].status, 200);
    world_pass_ms(w, 10);
    world_ask(w, "tok-nlp", "POST", CREATE,
              BODY("nlp_b", "llama_7b_fp16", "1")); /* full, as far as is known: read again */
    world_answer(w, 3, 200, LIST("3", ROW("nlp_x", "2") "," ROW("nlp_y", "1") "," ROW("nlp_a", "2")));
    assert_has(w->replies[2].body, "would be 6 replicas");
    assert_int_equal(w->send_count, 4);
    world_free(w);
}

static void parallel_calls_at_the_limit_pass_as_many_as_fit(void **state)
{
    struct world *w = world_new(ini_budget);
    size_t passed = 0;

    (void)state;
    for (int i = 0; i < 12; i++) {
        char body[200];
        snprintf(body, sizeof body, BODY("nlp_%d", "llama_7b_fp16", "1"), i);
        world_ask(w, "tok-nlp", "POST", CREATE, body);
    }
    assert_int_equal(w->send_count, 1); /* one reading for all */
    world_answer(w, 0, 200, LIST("1", ROW("nlp_x", "2")));
    for (size_t i = 1; i < w->send_count; i++) {
        if (strstr(w->sends[i].head, "GET /api/v2/services?"))
            world_answer(w, i, 200, LIST("1", ROW("nlp_x", "2"))); /* EAS shows none of the creates yet */
        else
            passed++;
    }
    assert_int_equal(passed, 3);
    for (size_t i = 1; i < w->send_count; i++)
        if (w->sends[i].open)
            world_answer(w, i, 200, "{}");
    assert_int_equal(w->reply_count, 12);
    world_free(w);
}

static void what_did_not_happen_is_free_again(void **state)
{
    struct world *w = world_new(ini_budget);

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "4"));
    world_answer(w, 0, 200, LIST("0", ""));
    world_answer(w, 1, 409, "{\"Code\":\"Conflict\"}");
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_b", "llama_7b_fp16", "4"));
    assert_int_equal(w->send_count, 3);
    world_fail(w, 2, SEND_NO_ANSWER, false); /* it may have happened */
    world_pass_ms(w, 10);
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_c", "llama_7b_fp16", "2"));
    world_answer(w, 3, 200, LIST("0", ""));
    assert_has(w->replies[2].body, "would be 6 replicas of all services together (4 now or under way");
    world_pass_ms(w, 31000); /* after the longest exchange the list tells */
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_c", "llama_7b_fp16", "2"));
    world_answer(w, 5, 200, LIST("0", ""));
    world_answer(w, 6, 200, "{}");
    assert_int_equal(w->replies[3].status, 200);
    /* and what became of the lost one is written down */
    assert_has(w->sends[4].head, "GET /api/v2/services/cn-shanghai/nlp_b ");
    world_answer(w, 4, 404, "{\"Code\":\"InvalidService.NotFound\"}");
    assert_has(world_record(w, AUDIT_RESOLVED, 0), "\"service\":\"nlp_b\",\"status\":404,\"note\":\"gone\"");
    world_free(w);
}

/* Who asks what is left is told by a truth that is read for him, as others' is; what cannot be read keeps nothing else from him. */
static void who_asks_is_told_what_is_left(void **state)
{
    struct world *w = world_new(ini_budget);

    (void)state;
    world_ask(w, "tok-nlp", "GET", "/easgate/v1/self", NULL);
    world_ask(w, "tok-nlp", "GET", "/easgate/v1/self", NULL);
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "2"));
    assert_int_equal(w->send_count, 1); /* one reading for all of them */
    assert_has(w->sends[0].head, "GET /api/v2/services?IncludeNoWorkspace=true");
    assert_has(world_record(w, AUDIT_INTENT, 0), "\"parent\":\"");
    world_answer(w, 0, 200, LIST("2", ROW("nlp_x", "2") "," ROW("vision_1", "9")));
    assert_has(w->replies[0].body, "\"live\":{\"replicas\":2,\"gpus\":0}");
    assert_has(w->replies[0].body, "\"left_replicas\":3");
    assert_has(w->replies[1].body, "\"left_replicas\":3");
    assert_int_equal(w->send_count, 2);
    world_ask(w, "tok-nlp", "GET", "/easgate/v1/self", NULL);
    assert_has(w->replies[2].body, "\"left_replicas\":1"); /* one is under way, and what was read is fresh */
    world_answer(w, 1, 200, "{}");
    world_ask(w, "tok-vision", "GET", "/easgate/v1/self", NULL);
    assert_has(w->replies[4].body, "\"Budget\":null"); /* it has none: nothing is read */
    assert_int_equal(w->send_count, 2);

    world_pass_ms(w, 11000); /* budget_max_age is 10 s */
    world_ask(w, "tok-nlp", "GET", "/easgate/v1/self", NULL);
    world_answer(w, 2, 500, "{}");
    assert_int_equal(w->replies[5].status, 200);
    assert_has(w->replies[5].body, "\"live\":{\"replicas\":2,"); /* as it was known */
    assert_has(w->replies[5].body, "\"fresh\":false");
    assert_has(w->replies[5].body, "\"BudgetUnreadable\":\"page 1 of the list could not be read");
    assert_has(w->replies[5].body, "\"Client\":\"nlp\"");
    world_ask(w, "tok-nlp", "GET", "/easgate/v1/self", NULL);
    world_answer(w, 3, 200, LIST("2", ROW("nlp_x", "2") "," ROW("nlp_a", "2")));
    assert_has(w->replies[6].body, "\"left_replicas\":1");
    assert_has_not(w->replies[6].body, "BudgetUnreadable");
    world_free(w);
}

static void nothing_grows_while_the_sum_is_unreadable(void **state)
{
    static const char *const lists[] = {
        "{}",
        "not json",
        LIST("1", "{\"ServiceName\":\"nlp_x\"}"),
        LIST("1", "{\"ServiceName\":\"nlp_x\",\"TotalInstance\":\"1\"}"),
        LIST("1", "{\"ServiceName\":\"nlp_x\",\"TotalInstance\":1,\"AutoscalerEnabled\":false,"
                  "\"CronscalerEnabled\":false,\"ServiceConfig\":\"{\\\"metadata\\\":7}\"}"),
    };
    struct world *w = world_new(ini_budget);
    size_t sends = 0;

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
        world_answer(w, sends++, 200, lists[i]);
        assert_int_equal(w->replies[i].status, 503);
        assert_has(w->replies[i].body, "Easgate.BudgetUnreadable");
        assert_int_equal(w->send_count, sends);
    }
    /* shrinking goes on */
    world_ask(w, "tok-nlp", "PUT", UPDATE, "{\"Replicas\":1}");
    world_answer(w, sends++, 200, STATE("llama_7b_fp16", "4"));
    assert_has(w->sends[sends].head, "PUT /api/v2/app_services/");
    world_answer(w, sends++, 200, "{}");
    world_ask(w, "tok-nlp", "DELETE", SERVICE, NULL);
    world_answer(w, sends++, 200, "{}");
    world_free(w);
}

static void a_delete_gives_room_after_a_new_reading(void **state)
{
    struct world *w = world_new(ini_budget);

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_b", "llama_7b_fp16", "1"));
    world_answer(w, 0, 200, LIST("1", ROW("nlp_a", "4")));
    world_answer(w, 1, 200, "{}");
    world_ask(w, "tok-nlp", "DELETE", SERVICE, NULL);
    world_answer(w, 2, 200, "{}"); /* and what follows comes in the same millisecond */
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_c", "llama_7b_fp16", "4"));
    world_answer(w, 3, 200, LIST("1", ROW("nlp_b", "1")));
    world_answer(w, 4, 200, "{}");
    assert_int_equal(w->replies[2].status, 200);
    world_free(w);
}

static void after_a_crash_budgets_wait_for_what_was_under_way(void **state)
{
    struct world *w = world_new(ini_budget);

    (void)state;
    gate_wait_for_truth(w->gate);
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
    assert_has(w->replies[0].body, "Easgate.BudgetUnreadable");
    world_pass_ms(w, 30000);
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
    world_answer(w, 0, 200, LIST("0", ""));
    world_answer(w, 1, 200, "{}");
    assert_int_equal(w->replies[1].status, 200);
    world_free(w);
}

static void a_reading_may_take_longer_than_a_truth_lasts(void **state)
{
    struct world *w = world_new(ini_budget);

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "3"));
    world_pass_ms(w, 10);
    world_ask(w, "tok-nlp", "POST", CREATE,
              BODY("nlp_b", "llama_7b_fp16", "3")); /* waits for the same reading */
    world_pass_ms(w, 15000);                        /* budget_max_age is 10 s */
    world_answer(w, 0, 200, LIST("1", ROW("nlp_x", "1")));
    assert_has(w->sends[1].head, "POST /api/v2/app_services");
    world_answer(w, 1, 200, "{}");
    assert_int_equal(w->replies[w->reply_count - 1].status, 200);
    assert_has(w->sends[2].head, "GET /api/v2/services?"); /* began before the other came: it reads anew */
    world_answer(w, 2, 200, LIST("2", ROW("nlp_x", "1") "," ROW("nlp_a", "3")));
    assert_has(w->replies[w->reply_count - 1].body, "would be 7 replicas");
    assert_int_equal(w->send_count, 3);
    world_free(w);
}

/* Six who come a second apart while EAS says nothing: nobody waits for more than two timeouts. */
static void nobody_waits_for_one_failed_reading_after_the_other(void **state)
{
    static const char *const bodies[] = {
        BODY("nlp_a", "llama_7b_fp16", "1"), BODY("nlp_b", "llama_7b_fp16", "1"),
        BODY("nlp_c", "llama_7b_fp16", "1"), BODY("nlp_d", "llama_7b_fp16", "1"),
        BODY("nlp_e", "llama_7b_fp16", "1"), BODY("nlp_f", "llama_7b_fp16", "1"),
    };
    struct world *w = world_new(ini_budget);

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        world_ask(w, "tok-nlp", "POST", CREATE, bodies[i]);
        world_pass_ms(w, 1000);
    }
    world_pass_ms(w, 24000);
    assert_int_equal(w->reply_count, 0);
    world_fail(w, 0, SEND_NO_ANSWER, true); /* 30 s after the first came: the second reads */
    assert_int_equal(w->reply_count, 1);
    assert_int_equal(w->send_count, 2);
    assert_int_equal(w->sends[1].deadline_mono_ms, w->mono_ms + 30000);
    world_pass_ms(w, 2000);
    assert_int_equal(w->reply_count, 2);
    world_pass_ms(w, 4000);
    assert_int_equal(w->reply_count, 5);
    world_pass_ms(w, 24000);
    world_fail(w, 1, SEND_NO_ANSWER, true);
    assert_int_equal(w->reply_count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_has(w->replies[i].body, "Easgate.BudgetUnreadable");
    assert_int_equal(w->send_count, 2);
    world_free(w);
}

/* Whoever reads next has time enough, however long he waited: the first reading after a failure serves all who wait. */
static void a_queue_that_a_failed_reading_left_is_served_by_the_next(void **state)
{
    struct world *w = world_new(ini_budget);

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
    world_pass_ms(w, 10);
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_b", "llama_7b_fp16", "1"));
    world_pass_ms(w, 10000);
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_c", "llama_7b_fp16", "1"));
    world_pass_ms(w, 19990);
    world_fail(w, 0, SEND_NO_ANSWER, true);
    world_pass_ms(w, 3000);
    world_answer(w, 1, 200, LIST("0", ""));
    assert_int_equal(w->send_count, 4);
    assert_has(w->sends[2].body, "nlp_b");
    assert_has(w->sends[3].body, "nlp_c");
    world_answer(w, 2, 200, "{}");
    world_answer(w, 3, 200, "{}");
    assert_int_equal(w->reply_count, 3);
    world_free(w);
}

static void stopping_while_the_sum_is_read(void **state)
{
    struct world *w = world_new(ini_budget);

    (void)state;
    for (int i = 0; i < 3; i++)
        world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
    assert_int_equal(w->send_count, 1);
    gate_abort_all(w->gate);
    assert_int_equal(w->reply_count, 3);
    assert_int_equal(world_count(w, AUDIT_INTENT), world_count(w, AUDIT_OUTCOME));
    world_free(w);
}

/* ---- GPUs ---- */

#define GPU_ROW(name, total, gpus)                                                                           \
    "{\"ServiceName\":\"" name "\",\"TotalInstance\":" total ",\"Gpu\":" gpus "," NO_SCALERS                 \
    ",\"AppSpecName\":\"llama_7b_fp16\"}"

static void gpus_are_bounded_beside_replicas(void **state)
{
    struct world *w =
        world_new(INI("nlp_*", "max_total_replicas = 20\nmax_total_gpus = 10\nspec_gpus = llama_7b_fp16 = 2, "
                               "chatglm_6b_int8 = 1\n"));

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "3"));
    /* EAS says 4 for each of them; the table gives at least 2 */
    world_answer(w, 0, 200, LIST("2", GPU_ROW("nlp_x", "1", "4") "," ROW("nlp_y", "1")));
    assert_has(w->replies[0].body, "Easgate.TeamBudget");
    assert_has(w->replies[0].body,
               "would be 12 GPUs of all services together (6 now or under way, 6 more asked); "
               "max_total_gpus of [policy small] is 10");
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "2"));
    assert_has(world_record(w, AUDIT_INTENT, 1), "\"peak\":2,\"peak_gpus\":4");
    world_answer(w, 1, 200, "{}");
    assert_int_equal(w->replies[1].status, 200);
    world_free(w);
}

/* A change of hardware grows GPUs without a replica more. */
static void the_same_count_of_larger_replicas_is_growth(void **state)
{
    struct world *w =
        world_new(INI("nlp_*", "max_total_gpus = 10\nspec_gpus = llama_7b_fp16 = 8, chatglm_6b_int8 = 1\n"));

    (void)state;
    world_ask(w, "tok-nlp", "PUT", UPDATE, "{\"ServiceSpec\":\"llama_7b_fp16\"}");
    world_answer(w, 0, 200, STATE("chatglm_6b_int8", "2"));
    assert_has(w->sends[1].head, "GET /api/v2/services?");
    world_answer(w, 1, 200,
                 LIST("1", "{\"ServiceName\":\"nlp_a\",\"AppSpecName\":\"chatglm_6b_int8\","
                           "\"TotalInstance\":2," NO_SCALERS "}"));
    assert_has(w->replies[0].body,
               "would be 16 GPUs of all services together (2 now or under way, 14 more asked)");
    world_free(w);
}

#define MACHINES_INI                                                                                         \
    INI("nlp_*",                                                                                             \
        "max_total_gpus = 16\ninstance_types = big, small\nmax_cpu = 8\nmax_gpus = 8\n"                      \
        "max_gpu_memory = 24\nspec_gpus = llama_7b_fp16 = 8, chatglm_6b_int8 = 1, big = 8, small = "         \
        "1\n")
/* A service of its own making, with this configuration. */
#define MADE(name, total, config)                                                                            \
    "{\"ServiceName\":\"" name "\",\"TotalInstance\":" total "," NO_SCALERS ",\"ServiceConfig\":\"{" config  \
    "}\"}"
#define ON(type, instances)                                                                                  \
    "\\\"metadata\\\":{\\\"instance\\\":" instances                                                          \
    "},\\\"cloud\\\":{\\\"computing\\\":{\\\"instance_type\\\":\\\"" type "\\\"}}"

/* What the version has is no measure of what is there now. */
static void a_version_on_larger_machines_is_growth(void **state)
{
    struct world *w = world_new(MACHINES_INI);

    (void)state;
    world_ask(w, "tok-nlp", "PUT", SERVICE "/version", "{\"Version\":1}");
    world_answer(w, 0, 200, MADE("nlp_a", "2", ON("small", "2")));
    world_answer(
        w, 1, 200,
        "{\"TotalCount\":1,\"Versions\":[{\"ImageId\":1,\"ServiceConfig\":\"{" ON("big", "2") "}\"}]}");
    assert_has(w->sends[2].head, "GET /api/v2/services?");
    world_answer(w, 2, 200,
                 LIST("2", MADE("nlp_a", "2", ON("small", "2")) "," MADE("nlp_b", "1", ON("big", "1"))));
    assert_has(w->replies[0].body,
               "would be 24 GPUs of all services together (10 now or under way, 14 more asked)");
    world_free(w);
}

static void a_share_where_was_none_is_growth(void **state)
{
    struct world *w = world_new(MACHINES_INI);

    (void)state;
    world_ask(w, "tok-nlp", "PUT", SERVICE, "{\"metadata\":{\"gpu_memory\":8}}");
    world_answer(w, 0, 200,
                 MADE("nlp_a", "17", "\\\"metadata\\\":{\\\"instance\\\":17,\\\"cpu\\\":4,\\\"gpu\\\":0}"));
    assert_has(w->sends[1].head, "GET /api/v2/services?");
    world_answer(
        w, 1, 200,
        LIST("1", MADE("nlp_a", "17", "\\\"metadata\\\":{\\\"instance\\\":17,\\\"cpu\\\":4,\\\"gpu\\\":0}")));
    assert_has(w->replies[0].body,
               "would be 17 GPUs of all services together (0 now or under way, 17 more asked)");
    world_free(w);
}

static void an_instance_type_takes_no_gpus_from_an_application(void **state)
{
    static const char body[] =
        "{\"metadata\":{\"instance\":16},\"cloud\":{\"computing\":{\"instance_type\":\"small\"}}}";
    static const char *const targets[] = { SERVICE, SERVICE "?UpdateType=replace" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world *w = world_new(MACHINES_INI);
        world_ask(w, "tok-nlp", "PUT", targets[i], body);
        world_answer(w, 0, 200, STATE("llama_7b_fp16", "2"));
        world_answer(w, 1, 200, LIST("1", ROW("nlp_a", "2")));
        assert_has(w->replies[0].body,
                   "would be 128 GPUs of all services together (16 now or under way, 112 more asked)");
        world_free(w);
    }
}

static void gpus_that_nobody_states_are_not_none(void **state)
{
    struct world *w = world_new(INI("nlp_*", "max_total_gpus = 10\nspec_gpus = chatglm_6b_int8 = 1, "
                                             "llama_7b_fp16 = 1\n"));

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "chatglm_6b_int8", "1"));
    world_answer(w, 0, 200,
                 LIST("1", "{\"ServiceName\":\"nlp_x\",\"AppSpecName\":\"set_elsewhere\","
                           "\"TotalInstance\":1," NO_SCALERS "}"));
    assert_has(w->replies[0].body, "Easgate.BudgetUnreadable");
    assert_has(w->replies[0].body, "nothing says how many GPUs one replica has");
    world_free(w);
}

/* docs/eas/operations.json: gpu_memory is a share of a GPU; it is asked for beside "gpu": 0. A share is at least one GPU
 * that nobody counts otherwise. */
#define SHARED(name, instances, gpu)                                                                         \
    "{\"metadata\":{\"name\":\"" name "\",\"instance\":" instances ",\"cpu\":1" gpu ",\"gpu_memory\":20}}"
#define SHARES                                                                                               \
    "max_total_gpus = 3\nspec_gpus = llama_7b_fp16 = 1, chatglm_6b_int8 = 1\nmax_cpu = 8\n"                  \
    "max_gpus = 8\nmax_gpu_memory = 24\n"
#define SHARED_ROW(config)                                                                                   \
    "\"ServiceName\":\"nlp_a\",\"TotalInstance\":2," NO_SCALERS                                              \
    ",\"ServiceConfig\":\"{\\\"metadata\\\":{" config                                                        \
    "\\\"instance\\\":2,\\\"cpu\\\":1,\\\"gpu_memory\\\":20}}\"}"

static void a_share_of_a_gpu_is_not_none(void **state)
{
    struct world *w = world_new(INI("nlp_*", SHARES));

    (void)state;
    world_ask(w, "tok-nlp", "POST", "/api/v2/services", SHARED("nlp_a", "4", ",\"gpu\":0"));
    world_answer(w, 0, 200, LIST("0", ""));
    assert_has(w->replies[0].body, "would be 4 GPUs of all services together");
    world_ask(w, "tok-nlp", "POST", "/api/v2/services", SHARED("nlp_a", "2", ",\"gpu\":0"));
    assert_has(world_record(w, AUDIT_INTENT, 1), "\"peak\":2,\"peak_gpus\":2");
    world_answer(w, 1, 200, "{}");
    world_free(w);
}

static void a_share_of_a_gpu_stays_one(void **state)
{
    struct world *w = world_new(INI("nlp_*", SHARES));

    (void)state;
    /* stated without the share, which stays */
    world_ask(w, "tok-nlp", "PUT", SERVICE, "{\"metadata\":{\"instance\":4,\"gpu\":0}}");
    world_answer(w, 0, 200, "{\"RequestId\":\"r\"," SHARED_ROW("\\\"gpu\\\":0,"));
    world_answer(w, 1, 200, LIST("1", "{" SHARED_ROW("\\\"gpu\\\":0,")));
    assert_has(w->replies[0].body,
               "would be 4 GPUs of all services together (2 now or under way, 2 more asked)");
    /* a share beside the four that stay does not make them one */
    world_ask(w, "tok-nlp", "PUT", SERVICE, "{\"metadata\":{\"instance\":3,\"gpu_memory\":10}}");
    world_answer(w, 2, 200, "{\"RequestId\":\"r\"," SHARED_ROW("\\\"gpu\\\":4,"));
    world_answer(w, 3, 200, LIST("1", "{" SHARED_ROW("\\\"gpu\\\":4,")));
    assert_has(w->replies[1].body, "would be 12 GPUs of all services together");
    world_free(w);
}

/* ---- scalers ---- */

#define SCALED(name, total)                                                                                  \
    "{\"ServiceName\":\"" name "\",\"AppSpecName\":\"llama_7b_fp16\",\"TotalInstance\":" total               \
    ",\"AutoscalerEnabled\":true,\"CronscalerEnabled\":true}"

static void a_scaled_service_counts_for_what_its_scalers_may_make_of_it(void **state)
{
    struct world *w = world_new(INI("nlp_*", "max_total_replicas = 10\n"));

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "3"));
    world_answer(w, 0, 200,
                 LIST("3", ROW("nlp_y", "1") "," SCALED("nlp_x", "1") "," SCALED("vision_1", "1")));
    assert_has(w->sends[1].head, "GET "
                                 "/api/v2/services/cn-shanghai/nlp_x/autoscaler ");
    assert_has(world_record(w, AUDIT_INTENT, 1), "\"parent\":\"");
    world_answer(w, 1, 200, "{\"ServiceName\":\"nlp_x\",\"MinReplica\":1,\"MaxReplica\":4}");
    assert_has(w->sends[2].head, "GET "
                                 "/api/v2/services/cn-shanghai/nlp_x/cronscaler ");
    world_answer(w, 2, 200,
                 "{\"ServiceName\":\"nlp_x\",\"ScaleJobs\":[{\"TargetSize\":7},{\"TargetSize\":2}]}");
    assert_has(w->replies[0].body, "would be 11 replicas of all services together (8 now or under way");
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "2"));
    world_answer(w, 3, 200, "{}");
    assert_int_equal(w->replies[1].status, 200);
    world_free(w);
}

static void scalers_that_cannot_be_read_stop_growth(void **state)
{
    struct world *w = world_new(ini_budget);

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
    world_answer(w, 0, 200, LIST("1", SCALED("nlp_x", "1")));
    world_answer(w, 1, 500, "{\"Code\":\"InternalError\"}");
    assert_has(w->replies[0].body, "Easgate.BudgetUnreadable");
    /* EAS says that one is on, and shows none */
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
    world_answer(w, 2, 200, LIST("1", SCALED("nlp_x", "1")));
    world_answer(w, 3, 404, "{\"Code\":\"InvalidService.NotFound\"}");
    assert_has(w->replies[1].body, "Easgate.BudgetUnreadable");
    /* more of them than may be read: list_max_scalers is 2 */
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
    world_answer(w, 4, 200,
                 LIST("3", SCALED("nlp_x", "1") "," SCALED("nlp_y", "1") "," SCALED("nlp_z", "1")));
    for (size_t i = 5; i < 9; i += 2) {
        world_answer(w, i, 200, "{\"MinReplica\":0,\"MaxReplica\":1}");
        world_answer(w, i + 1, 200, "{\"ScaleJobs\":[]}");
    }
    assert_int_equal(w->replies[2].status, 503);
    assert_has(w->replies[2].body, "more than 2 services of the team have a scaler");
    assert_int_equal(w->send_count, 9);
    world_free(w);
}

/* ---- each operation that raises ---- */

#define A_ROW                                                                                                \
    "{\"ServiceName\":\"nlp_a\",\"AppSpecName\":\"llama_7b_fp16\",\"TotalInstance\":2," NO_SCALERS "}"
#define A_CONFIG                                                                                             \
    "{\"ServiceName\":\"nlp_a\",\"TotalInstance\":2," NO_SCALERS                                             \
    ",\"ServiceConfig\":\"{\\\"metadata\\\":{\\\"name\\\":\\\"nlp_a\\\",\\\"instance\\\":2},"                \
    "\\\"cloud\\\":{\\\"computing\\\":{\\\"instance_type\\\":\\\"ecs.gn6i\\\"}}}\"}"

/* EAS lists what it likes; a name that no operation takes cannot be asked for. */
#define LONG_NAME           "nlp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* 64 characters */
#define UNSAID(name, total) "{" name "\"AppSpecName\":\"llama_7b_fp16\",\"TotalInstance\":" total "}"

static const char ini_of_one[] = INI_OF_ONE("", "*");

static void a_scaler_of_a_name_that_cannot_be_asked_for_stops_growth(void **state)
{
    static const struct {
        const char *list, *says;
    } cases[] = {
        { LIST("1", UNSAID("\"ServiceName\":\"nlp_B\",\"AutoscalerEnabled\":true,", "1")), "nlp_B" },
        { LIST("1", UNSAID("\"ServiceName\":\"nlp_g.b\",", "1")), "nlp_g.b" },
        { LIST("1", UNSAID("\"ServiceName\":\"" LONG_NAME "\",", "1")), LONG_NAME },
        { LIST("1", UNSAID("\"ServiceName\":\"nlp_\u00e9\",", "1")), "ServiceName must be" },
        { LIST("1", UNSAID("", "1")), "no name to ask EAS by" },
        { LIST("1", UNSAID("\"ServiceName\":7,", "1")), "no name to ask EAS by" },
    };
    struct world *w = world_new(ini_of_one);
    size_t sends = 0, replies = 0;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
        world_answer(w, sends++, 200, cases[i].list);
        assert_int_equal(w->replies[replies].status, 503);
        assert_has(w->replies[replies].body, "Easgate.BudgetUnreadable");
        assert_has(w->replies[replies++].body, cases[i].says);
        /* a call that has a service of its own is no name for it */
        world_ask(w, "tok-nlp", "PUT", UPDATE, "{\"Replicas\":3}");
        world_answer(w, sends++, 200, STATE("llama_7b_fp16", "1"));
        world_answer(w, sends++, 200, cases[i].list);
        assert_has(w->replies[replies].body, "Easgate.BudgetUnreadable");
        assert_has(w->replies[replies++].body, cases[i].says);
        assert_int_equal(w->send_count, sends);
    }
    /* without a scaler it counts as any other */
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "4"));
    world_answer(w, sends, 200, LIST("1", ROW("nlp_B", "2")));
    assert_has(w->replies[replies].body, "would be 6 replicas of all services together");
    world_free(w);
}

static void every_way_to_grow_takes_its_place_first(void **state)
{
    static const struct {
        const char *method, *target, *body, *described;
        const char *peak; /* in its intent */
        bool fits;        /* beside nlp_x with 3, of 8 */
    } rows[] = {
        { "PUT", SERVICE "/scale", "{\"Instance\":5}", A_ROW, "\"peak\":5", true },
        { "PUT", SERVICE "/scale", "{\"Instance\":6}", A_ROW, NULL, false },
        { "POST", SERVICE "/autoscaler", "{\"min\":1,\"max\":5,\"scaleStrategies\":[]}", A_ROW, "\"peak\":5",
          true },
        { "POST", SERVICE "/autoscaler", "{\"min\":1,\"max\":6,\"scaleStrategies\":[]}", A_ROW, NULL, false },
        { "POST", SERVICE "/cronscaler",
          "{\"ScaleJobs\":[{\"Name\":\"j\",\"Schedule\":\"@date x\",\"TargetSize\":6}]}", A_ROW, NULL,
          false },
        { "PUT", UPDATE, "{\"Replicas\":6}", A_ROW, NULL, false },
        { "POST", SERVICE "/clone", "{\"metadata\":{\"name\":\"nlp_b\",\"instance\":3}}", A_CONFIG,
          "\"peak\":3", true },
        { "POST", SERVICE "/clone", "{\"metadata\":{\"name\":\"nlp_b\",\"instance\":4}}", A_CONFIG, NULL,
          false },
        { "PUT", SERVICE "/start", NULL, A_ROW, "\"peak\":2", true }, /* it counts already */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world *w = world_new(INI("nlp_*", "instance_types = ecs.gn6i\nmax_total_replicas = 8\n"));
        size_t sent = 0;
        world_ask(w, "tok-nlp", rows[i].method, rows[i].target, rows[i].body);
        for (; sent < w->send_count && w->reply_count == 0; sent++) {
            if (strstr(w->sends[sent].head, "GET " SERVICE " "))
                world_answer(w, sent, 200, rows[i].described);
            else if (strstr(w->sends[sent].head, "GET /api/v2/services?"))
                world_answer(w, sent, 200, LIST("2", A_ROW "," ROW("nlp_x", "3")));
            else
                break;
        }
        if (rows[i].fits != (w->reply_count == 0))
            print_error("row %zu: %s\n", i, w->reply_count ? w->replies[0].body : "was let in");
        assert_int_equal(rows[i].fits, w->reply_count == 0);
        if (rows[i].fits) {
            assert_has(world_record(w, AUDIT_INTENT, world_count(w, AUDIT_INTENT) - 1), rows[i].peak);
            world_answer(w, sent, 200, "{}");
        } else {
            assert_has(w->replies[0].body, "Easgate.TeamBudget");
        }
        world_free(w);
    }
}

/* EAS would name a clone by itself; what has no name has no place. */
static void what_has_no_name_does_not_grow(void **state)
{
    static const char *const bodies[] = { "{\"metadata\":{\"instance\":4}}", "{}",
                                          "{\"metadata\":{\"name\":\"\",\"instance\":4}}" };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct world *w = world_new(INI("nlp_*", "instance_types = ecs.gn6i\nmax_total_replicas = 8\n"));
        world_ask(w, "tok-nlp", "POST", SERVICE "/clone", bodies[i]);
        for (size_t sent = 0; sent < w->send_count; sent++) {
            assert_has_not(w->sends[sent].head, "POST ");
            world_answer(w, sent, 200,
                         strstr(w->sends[sent].head, "services?") ? LIST("1", A_ROW) : A_CONFIG);
        }
        assert_true(w->replies[0].from_easgate && w->replies[0].status >= 400);
        world_free(w);
    }
}

/* ---- lists that move ---- */

static void a_list_that_moves_is_read_again(void **state)
{
    struct world *w = world_new(ini_budget);

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "3"));
    world_answer(w, 0, 200, LIST("3", ROW("nlp_w", "1") "," ROW("nlp_x", "1")));
    world_answer(w, 1, 200, LIST("2", "")); /* one went, and nlp_y slipped to the first page */
    assert_has(w->sends[2].head, "PageNumber=1");
    world_answer(w, 2, 200, LIST("2", ROW("nlp_w", "1") "," ROW("nlp_y", "1")));
    world_answer(w, 3, 200, "{}");
    assert_int_equal(w->replies[0].status, 200);
    world_free(w);
}

static void a_list_that_never_rests_stops_growth(void **state)
{
    struct world *w = world_new(ini_budget);

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
    for (size_t i = 0; i < 3; i++) /* the same service twice: one slipped over the border between two pages */
        world_answer(w, i, 200, LIST("2", ROW("nlp_x", "1") "," ROW("nlp_x", "1")));
    assert_has(w->replies[0].body, "Easgate.BudgetUnreadable");
    assert_has(w->replies[0].body, "changed each time while its pages were read");
    assert_int_equal(w->send_count, 3);
    world_free(w);
}

/* The counts fit, and yet one slipped away: one came and one went between two pages. */
static void what_is_missing_from_pages_is_looked_for_once_more(void **state)
{
    struct world *w = world_new(ini_budget);

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
    world_answer(w, 0, 200, LIST("1", ROW("nlp_x", "3")));
    world_answer(w, 1, 500, "{}");
    world_pass_ms(w, 10001); /* budget_max_age */
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_b", "llama_7b_fp16", "1"));
    world_answer(w, 2, 200, LIST("2", ROW("vision_1", "1")));
    world_answer(w, 3, 200, LIST("2", ROW("vision_2", "1")));
    assert_has(w->sends[4].head, "PageNumber=1");
    world_answer(w, 4, 200, LIST("2", ROW("nlp_x", "4")));
    world_answer(w, 5, 200, LIST("2", ROW("vision_2", "1")));
    assert_has(w->replies[1].body, "would be 6 replicas");
    world_free(w);
}

/* ---- the run before ---- */

#define OPEN(i, o, s, p)                                                                                     \
    {                                                                                                        \
        .id = S_INIT(i), .op = S_INIT(o), .service = S_INIT(s), .has_peak = (p) >= 0, .peak = (p)            \
    }

static void what_the_run_before_left_goes_on_counting(void **state)
{
    static const struct gate_open open[] = {
        OPEN("0123456789abcdef0123456789abcdef", "CreateAppService", "nlp_l", 4),
        OPEN("11111111111111111111111111111111", "DescribeService", "nlp_x", -1), /* a read */
        OPEN("22222222222222222222222222222222", "DeleteService", "nlp_y", -1),
    };
    struct world *w = world_new(ini_budget);

    (void)state;
    gate_restore(w->gate, open, 3);
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "2"));
    world_answer(w, 0, 200, LIST("0", ""));
    assert_has(w->replies[0].body,
               "would be 6 replicas of all services together (4 now or under way, 2 more asked)");
    world_ask(w, "tok-nlp", "POST", CREATE,
              BODY("nlp_a", "llama_7b_fp16", "1")); /* nobody waits for nothing */
    world_answer(w, 1, 200, "{}");
    assert_int_equal(w->replies[1].status, 200);
    world_ask(w, "tok-nlp", "PUT", "/api/v2/services/cn-shanghai/nlp_l/start", NULL);
    assert_has(w->replies[2].body, "Easgate.ChangeInProgress");
    world_pass_ms(w, 30002);
    world_pass_ms(w, 50);
    assert_int_equal(w->send_count, 4); /* the truth about both, each by a look-up that names the request */
    assert_has(w->sends[2].head, "GET /api/v2/services/cn-shanghai/nlp_l ");
    assert_has(world_record(w, AUDIT_INTENT, 2), "\"parent\":\"0123456789abcdef0123456789abcdef\"");
    world_answer(
        w, 2, 200,
        "{\"ServiceName\":\"nlp_l\",\"AppSpecName\":\"llama_7b_fp16\",\"TotalInstance\":4," NO_SCALERS "}");
    world_answer(w, 3, 404, "{\"Code\":\"InvalidService.NotFound\"}");
    assert_has(
        world_record(w, AUDIT_RESOLVED, 0),
        "\"id\":\"0123456789abcdef0123456789abcdef\",\"service\":\"nlp_l\",\"replicas_now\":4,\"status\":200,"
        "\"note\":\"exists\"");
    assert_has(world_record(w, AUDIT_RESOLVED, 1), "\"note\":\"gone\"");
    /* it never came: its place is free */
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_b", "llama_7b_fp16", "4"));
    world_answer(w, 4, 200, LIST("1", ROW("nlp_a", "1")));
    world_answer(w, 5, 200, "{}");
    assert_int_equal(w->replies[3].status, 200);
    world_free(w);
}

static void an_intent_that_says_too_little_makes_all_wait(void **state)
{
    static const struct gate_open open[] = {
        OPEN("1", "CreateAppService", "nlp_l", -1),
        OPEN("2", "CreateAppService", "", 4),
        OPEN("3", "OfALaterVersion", "nlp_l", -1),
        OPEN("4", "CreateGateway", "", -1),
    };

    (void)state;
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) {
        struct world *w = world_new(ini_budget);
        gate_restore(w->gate, &open[i], 1);
        world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
        assert_has(w->replies[0].body, "Easgate.BudgetUnreadable");
        assert_int_equal(w->send_count, 0);
        world_free(w);
    }
}

static void a_truth_that_cannot_be_read_is_tried_again(void **state)
{
    static const struct gate_open open[] = { OPEN("abc", "DeleteService", "nlp_l", -1),
                                             OPEN("def", "DeleteService", "others_1", -1) };
    struct world *w = world_new(ini_budget);

    (void)state;
    gate_restore(w->gate, open, 2);
    world_pass_ms(w, 30002);
    assert_int_equal(w->send_count, 1);
    world_answer(w, 0, 503, "{}");
    world_pass_ms(w, 1999);
    assert_int_equal(w->send_count, 1);
    world_pass_ms(w, 1);
    world_answer(w, 1, 404, "{\"Code\":\"InvalidAccessKeyId.NotFound\"}"); /* says nothing of the service */
    world_pass_ms(w, 4000);
    w->audit_ok = false;
    world_answer(w, 2, 200, "{\"ServiceName\":\"nlp_other\"}");
    world_pass_ms(w, 60000);
    assert_int_equal(w->send_count, 3); /* without a log nothing is sent */
    w->audit_ok = true;
    world_pass_ms(w, 1);
    assert_int_equal(world_count(w, AUDIT_RESOLVED), 0);
    world_answer(w, 3, 200, "{\"ServiceName\":\"nlp_l\"}"); /* there, and nobody says how many */
    assert_has(world_record(w, AUDIT_RESOLVED, 0),
               "\"service\":\"nlp_l\",\"status\":200,\"note\":\"exists\"");
    world_pass_ms(w, 600000); /* nobody may look at the other: it stays open, and asks for nothing */
    assert_int_equal(w->send_count, 4);
    world_free(w);
}

static void stopping_while_the_truth_is_read(void **state)
{
    static const struct gate_open open[] = { OPEN("abc", "DeleteService", "nlp_l", -1) };
    struct world *w = world_new(ini_budget);

    (void)state;
    gate_restore(w->gate, open, 1);
    world_pass_ms(w, 30002);
    assert_int_equal(w->send_count, 1);
    assert_int_equal(gate_inflight(w->gate), 0); /* it keeps nobody from stopping */
    gate_begin_drain(w->gate);
    gate_abort_all(w->gate);
    assert_int_equal(w->cancel_count, 1);
    assert_int_equal(world_count(w, AUDIT_RESOLVED), 0);
    world_free(w);
}

/* ---- a new configuration ---- */

static void load(struct world *w, const char *ini)
{
    struct snapshot *snap = world_snapshot(ini);

    memset(snap->digest, 'a' + (int)(strlen(ini) % 20), 64);
    gate_set_snapshot(w->gate, snap);
    snapshot_unref(&snap);
    world_durable(w);
}

static void a_new_configuration_reads_what_it_owns(void **state)
{
    struct world *w = world_new(ini_budget);

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "2"));
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_b", "llama_7b_fp16", "1"));
    assert_int_equal(w->send_count, 1);
    load(w, INI("nlp_*, old_*", "max_total_replicas = 6\n"));
    assert_has(w->sends[1].head, "GET /api/v2/services?"); /* who waited reads by it */
    world_answer(w, 0, 200,
                 LIST("2", ROW("nlp_x", "3") "," ROW("old_1", "2"))); /* counts for nobody any more */
    world_answer(w, 1, 200, LIST("2", ROW("nlp_x", "3") "," ROW("old_1", "2")));
    /* 5 are there: one fits, two do not, though the one who asked for two began with a configuration that owned less */
    assert_int_equal(w->send_count, 3);
    assert_has(w->sends[2].body, "nlp_b");
    assert_has(w->replies[0].body,
               "would be 8 replicas of all services together (6 now or under way, 2 more asked); "
               "max_total_replicas of [policy small] is 6");
    world_answer(w, 2, 200, "{}");
    world_free(w);
}

/* A reading under way, and three who wait for it. */
static void ask_four(struct world *w)
{
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_b", "llama_7b_fp16", "1"));
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_c", "llama_7b_fp16", "1"));
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_d", "llama_7b_fp16", "1"));
    assert_int_equal(w->send_count, 1);
}

/* The first of those who waited reads anew, for all of them; three fit. */
static void assert_one_reads_for_all(struct world *w)
{
    assert_int_equal(w->send_count, 2);
    assert_has(w->sends[1].head, "GET /api/v2/services?");
    world_answer(w, 0, 200, LIST("0", "")); /* counts for nobody any more: its reader waits with the others */
    assert_int_equal(w->send_count, 2);
    world_answer(w, 1, 200, LIST("1", ROW("nlp_x", "3")));
    assert_int_equal(w->send_count, 5);
    for (size_t i = 2; i < 5; i++)
        world_answer(w, i, 200, "{}");
    assert_int_equal(w->reply_count, 4);
    assert_has(w->replies[0].body, "would be 7 replicas of all services together");
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(w->replies[i].status, 200);
}

static void a_new_configuration_wakes_each_who_waits_once(void **state)
{
    struct world *w = world_new(ini_budget);

    (void)state;
    ask_four(w);
    load(w, INI("nlp_*", "max_total_replicas = 6\n"));
    assert_one_reads_for_all(w);
    world_free(w);
}

/* Its clock begins at 2025-11-23T15:27:57.123Z; who came before that second is judged by what counted then. */
static void a_limit_that_ends_wakes_each_who_waits_once(void **state)
{
    struct world *w = world_new(INI("nlp_*", "max_total_replicas = 6 until 2025-11-23T15:27:58Z, 5\n"));

    (void)state;
    ask_four(w);
    world_pass_ms(w, 1000);
    assert_one_reads_for_all(w);
    world_free(w);
}

/* A change that is under way counts for whoever owns its service when it ends. */
static void a_service_takes_its_reservation_to_its_new_owner(void **state)
{
    struct world *w = world_new(INI("nlp_*", "")); /* nothing is bounded yet */

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "4"));
    assert_int_equal(w->send_count, 1);
    load(w, ini_budget);
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_b", "llama_7b_fp16", "2"));
    world_answer(w, 1, 200, LIST("0", ""));
    assert_has(w->replies[0].body, "would be 6 replicas of all services together (4 now or under way");
    world_answer(w, 0, 200, "{}");
    world_free(w);
}

/* ---- a timeout that was longer when a change was sent ---- */

static const char ini_patient[] = INI_OF_ONE("timeout = 300s\n", "nlp_*");
static const char ini_hasty[] = INI_OF_ONE("timeout = 1s\nconnect_timeout = 500ms\n", "nlp_*");
#define START SERVICE "/start"

static void a_shorter_timeout_ends_no_doubt_about_what_was_sent_before(void **state)
{
    struct world *w = world_new(ini_patient);

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "4"));
    world_answer(w, 0, 200, LIST("0", ""));
    load(w, ini_hasty);
    world_fail(w, 1, SEND_NO_ANSWER, false); /* it was sent before */
    world_pass_ms(w, 1100);
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_b", "llama_7b_fp16", "4"));
    assert_int_equal(w->send_count, 3);
    assert_has(w->sends[2].head, "GET /api/v2/services?"); /* not yet what became of nlp_a */
    world_answer(w, 2, 200, LIST("0", ""));
    assert_has(w->replies[1].body, "would be 8 replicas of all services together (4 now or under way");
    world_ask(w, "tok-nlp", "PUT", START, NULL);
    assert_has(w->replies[2].body, "Easgate.ChangeInProgress");
    /* a second doubt, of this timeout, ends the first one no sooner */
    world_ask(w, "tok-nlp", "DELETE", SERVICE, NULL);
    world_fail(w, 3, SEND_NO_ANSWER, false);
    world_pass_ms(w, 1100);
    world_ask(w, "tok-nlp", "PUT", START, NULL);
    assert_has(w->replies[4].body, "Easgate.ChangeInProgress");
    world_pass_ms(w, 297000);
    world_ask(w, "tok-nlp", "PUT", START, NULL);
    assert_has(w->replies[5].body, "Easgate.ChangeInProgress");
    world_pass_ms(w, 1000);
    size_t sends = w->send_count;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_b", "llama_7b_fp16", "4"));
    world_answer(w, sends, 200, LIST("0", ""));
    assert_has(w->sends[sends + 1].body, "nlp_b");
    gate_abort_all(w->gate);
    world_free(w);
}

/* The list may have been read before the change took effect, so its reservation stays for as long as a reading may take. */
static void a_reading_under_the_old_timeout_misses_no_change(void **state)
{
    struct world *w = world_new(ini_patient);

    (void)state;
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "4"));
    world_answer(w, 0, 200, LIST("0", ""));
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_b", "llama_7b_fp16", "4"));
    load(w, ini_hasty);
    world_answer(w, 2, 200, LIST("0", ""));
    assert_has(w->sends[3].head, "GET /api/v2/services?");
    world_answer(w, 1, 200, "{}");
    for (int i = 0; i < 25; i++)
        world_pass_ms(w, 10000);
    world_answer(w, 3, 200, LIST("0", ""));
    assert_has(w->replies[1].body, "would be 8 replicas of all services together (4 now or under way");
    world_free(w);
}

/* ---- what is shown ---- */

static char *page(struct world *w)
{
    static char text[4096];
    struct sbuf out = SBUF_MAX(4096);

    gate_budget_text(w->gate, &out);
    snprintf(text, sizeof text, "%.*s", SLICE_FMT(sbuf_slice(&out)));
    sbuf_drop(&out);
    return text;
}

static void the_page_shows_what_is_known(void **state)
{
    struct world *w = world_new(ini_budget);

    (void)state;
    assert_string_equal(page(w),
                        "{\"growth_opens_in_ms\":0,\"in_doubt\":0,\"policies\":[{\"policy\":\"small\","
                        "\"limit\":{\"replicas\":5},\"live\":null,\"reserved\":{\"replicas\":0,\"gpus\":0},"
                        "\"services\":0,\"truth_age_ms\":null,\"fresh\":false,"
                        "\"drift\":{\"changes\":0,\"replicas\":0,\"gpus\":0}}]}");
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_a", "llama_7b_fp16", "1"));
    world_answer(w, 0, 200, LIST("2", ROW("nlp_x", "2") "," ROW("nlp_y", "1")));
    world_pass_ms(w, 700);
    assert_has(page(w), "\"live\":{\"replicas\":3,\"gpus\":0},\"reserved\":{\"replicas\":1,\"gpus\":0},"
                        "\"services\":2,\"truth_age_ms\":700,\"fresh\":true");
    world_answer(w, 1, 200, "{}");
    /* a delete of ours is no drift; what changes elsewhere is, once */
    world_ask(w, "tok-nlp", "DELETE", "/api/v2/services/cn-shanghai/nlp_y", NULL);
    world_answer(w, 2, 200, "{}");
    world_pass_ms(w, 1);
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_b", "llama_7b_fp16", "3"));
    world_answer(w, 3, 200, LIST("2", ROW("nlp_x", "4") "," ROW("nlp_a", "1")));
    assert_has(w->replies[2].body, "Easgate.TeamBudget");
    assert_has(page(w), "\"live\":{\"replicas\":5,\"gpus\":0},\"reserved\":{\"replicas\":0,\"gpus\":0}");
    assert_has(page(w), "\"drift\":{\"changes\":1,\"replicas\":2,\"gpus\":0}");
    world_pass_ms(w, 1);
    world_ask(w, "tok-nlp", "POST", CREATE, BODY("nlp_b", "llama_7b_fp16", "3"));
    world_answer(w, 4, 200, LIST("2", ROW("nlp_x", "4") "," ROW("nlp_a", "1")));
    assert_has(page(w), "\"drift\":{\"changes\":1,\"replicas\":2,\"gpus\":0}");
    gate_wait_for_truth(w->gate);
    assert_has(page(w), "{\"growth_opens_in_ms\":30000,");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_team_never_has_more_than_its_budget),
        cmocka_unit_test(parallel_calls_at_the_limit_pass_as_many_as_fit),
        cmocka_unit_test(what_did_not_happen_is_free_again),
        cmocka_unit_test(who_asks_is_told_what_is_left),
        cmocka_unit_test(nothing_grows_while_the_sum_is_unreadable),
        cmocka_unit_test(a_delete_gives_room_after_a_new_reading),
        cmocka_unit_test(after_a_crash_budgets_wait_for_what_was_under_way),
        cmocka_unit_test(a_reading_may_take_longer_than_a_truth_lasts),
        cmocka_unit_test(nobody_waits_for_one_failed_reading_after_the_other),
        cmocka_unit_test(a_queue_that_a_failed_reading_left_is_served_by_the_next),
        cmocka_unit_test(stopping_while_the_sum_is_read),
        cmocka_unit_test(gpus_are_bounded_beside_replicas),
        cmocka_unit_test(the_same_count_of_larger_replicas_is_growth),
        cmocka_unit_test(a_version_on_larger_machines_is_growth),
        cmocka_unit_test(a_share_where_was_none_is_growth),
        cmocka_unit_test(an_instance_type_takes_no_gpus_from_an_application),
        cmocka_unit_test(gpus_that_nobody_states_are_not_none),
        cmocka_unit_test(a_share_of_a_gpu_is_not_none),
        cmocka_unit_test(a_share_of_a_gpu_stays_one),
        cmocka_unit_test(a_scaled_service_counts_for_what_its_scalers_may_make_of_it),
        cmocka_unit_test(scalers_that_cannot_be_read_stop_growth),
        cmocka_unit_test(a_scaler_of_a_name_that_cannot_be_asked_for_stops_growth),
        cmocka_unit_test(every_way_to_grow_takes_its_place_first),
        cmocka_unit_test(what_has_no_name_does_not_grow),
        cmocka_unit_test(a_list_that_moves_is_read_again),
        cmocka_unit_test(a_list_that_never_rests_stops_growth),
        cmocka_unit_test(what_is_missing_from_pages_is_looked_for_once_more),
        cmocka_unit_test(what_the_run_before_left_goes_on_counting),
        cmocka_unit_test(an_intent_that_says_too_little_makes_all_wait),
        cmocka_unit_test(a_truth_that_cannot_be_read_is_tried_again),
        cmocka_unit_test(stopping_while_the_truth_is_read),
        cmocka_unit_test(a_new_configuration_reads_what_it_owns),
        cmocka_unit_test(a_new_configuration_wakes_each_who_waits_once),
        cmocka_unit_test(a_limit_that_ends_wakes_each_who_waits_once),
        cmocka_unit_test(a_service_takes_its_reservation_to_its_new_owner),
        cmocka_unit_test(a_shorter_timeout_ends_no_doubt_about_what_was_sent_before),
        cmocka_unit_test(a_reading_under_the_old_timeout_misses_no_change),
        cmocka_unit_test(the_page_shows_what_is_known),
    };

    log_set_level(LOG_LEVEL_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
