/* EAS's answers in spellings that a reader could take for less than they say: a verdict or a cut list must not rest on them. */
#include "fake_world.h"

/* token_sha256: of "tok-nlp" (sha256sum) */
static const char ini[] =
    "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\n"
    "[credential main]\ntype = access_key\nfile = /nonexistent/credentials\n[audit]\npath = "
    "/tmp/audit.jsonl\n"
    "[client nlp]\ntoken_sha256 = 278cc70e7b8153b22a75a4c7136dc451adef7ca55dcd8bde9db0e6d9586f0b1f\npolicy = "
    "small\n"
    "[policy small]\nallow = @read, @lifecycle\nservices = nlp_*\naddons = nlp_1\nservice_specs = "
    "llama_7b_fp16 <= 4\n";

#define SERVICE "/api/v2/services/cn-shanghai/nlp_a"
#define STATE(member)                                                                                        \
    "{\"ServiceName\":\"nlp_a\",\"AppSpecName\":\"llama_7b_fp16\",\"TotalInstance\":1,"                      \
    "\"AutoscalerEnabled\":false,"                                                                           \
    "\"CronscalerEnabled\":false," member "}"

static void a_start_needs_a_state_without_doubt(void **state)
{
    static const struct {
        const char *body, *code; /* NULL: it starts */
    } cases[] = {
        /* a stored count that is there, but not as a plain integer in the usual place */
        { STATE("\"ServiceConfig\":\"{\\\"metadata.instance\\\":9}\""), "Easgate.ReplicaCap" },
        { STATE("\"ServiceConfig\":\"{\\\"metadata\\\":{\\\"instance\\\":3},\\\"metadata.instance\\\":9}\""),
          "Easgate.ReplicaCap" },
        { STATE("\"ServiceConfig\":\"{\\\"metadata\\\":{\\\"instance\\\":\\\"9\\\"}}\""),
          "Easgate.StateUnreadable" },
        { STATE("\"ServiceConfig\":\"{\\\"metadata\\\":{\\\"instance\\\":9.0}}\""),
          "Easgate.StateUnreadable" },
        { STATE("\"ServiceConfig\":\"{\\\"metadata\\\":{\\\"instance\\\":9},\\\"Metadata\\\":{}}\""),
          "Easgate.StateUnreadable" },
        { STATE("\"ServiceConfig\":\"metadata: 9\""), "Easgate.StateUnreadable" },
        { STATE("\"ServiceConfig\":\"[]\""), "Easgate.StateUnreadable" },
        { STATE("\"ServiceConfig\":{\"metadata\":{\"instance\":9}}"), "Easgate.StateUnreadable" },
        { STATE("\"ServiceConfig\":\"\""), NULL },
        { STATE("\"ServiceConfig\":\"{\\\"metadata\\\":{\\\"name\\\":\\\"nlp_a\\\"}}\""), NULL },
        { STATE("\"ServiceConfig\":null"), NULL },
    };
    struct world *w = world_new(ini);
    size_t sent = 0;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_ask(w, "tok-nlp", "PUT", SERVICE "/start", NULL);
        world_answer(w, sent++, 200, cases[i].body);
        if (cases[i].code) {
            assert_has(w->replies[i].body, cases[i].code);
            assert_int_equal(w->send_count, sent);
            continue;
        }
        world_answer(w, sent++, 200, "{}");
        assert_int_equal(w->replies[i].status, 200);
    }
    world_free(w);
}

/* A list passes uncut only as an error: any other status could carry everybody's services. */
static void a_list_is_cut_whatever_its_status(void **state)
{
    static const int statuses[] = { 201, 203, 206, 226, 299, 304 };
    struct world *w = world_new(ini);

    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        world_ask(w, "tok-nlp", "GET", "/api/v2/services", NULL);
        world_answer(w, i, statuses[i],
                     statuses[i] == 304 ? ""
                                        : "{\"TotalCount\":2,\"Services\":[{\"ServiceName\":\"nlp_1\"},{"
                                          "\"ServiceName\":\"vision_1\"}]}");
        assert_int_equal(w->replies[i].status, 502);
        assert_has_not(w->replies[i].body, "vision_1");
    }
    world_free(w);
}

/* A page of so many of them; TotalCount says `total`, unless it is negative. */
static const char *page_of(const char *items, const char *id, int count, int total)
{
    static char text[64 * 1024];
    size_t n = 0;

    n += (size_t)snprintf(text, sizeof text, "{\"%s\":[", items);
    for (int i = 0; i < count; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s{\"%s\":\"nlp_%d\"}", i ? "," : "", id, i);
    if (total < 0)
        snprintf(text + n, sizeof text - n, "]}");
    else
        snprintf(text + n, sizeof text - n, "],\"TotalCount\":%d}", total);
    return text;
}

/* Whatever EAS sends, of all pages no more is kept than was asked for. */
static void a_page_has_no_more_than_was_asked_for(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "GET", "/api/v2/services?PageSize=2", NULL);
    assert_has(w->sends[0].head, "PageSize=100");
    world_answer(w, 0, 200, page_of("Services", "ServiceName", 100, 100));
    assert_int_equal(w->replies[0].status, 200);
    world_ask(w, "tok-nlp", "GET", "/api/v2/services?PageSize=1000", NULL);
    world_answer(w, 1, 200, page_of("Services", "ServiceName", 101, 101));
    assert_int_equal(w->replies[1].status, 502);
    assert_has(w->replies[1].body, "page 1 of the list of EAS has 101 Services; 100 were asked for");
    world_ask(w, "tok-nlp", "GET", "/api/v2/services", NULL);
    world_answer(w, 2, 200, page_of("Services", "ServiceName", 100, 300));
    world_answer(w, 3, 200, page_of("Services", "ServiceName", 200, 300));
    assert_has(w->replies[2].body, "page 2 of the list of EAS has 200 Services");
    /* a list without a count has no pages */
    world_ask(w, "tok-nlp", "GET", "/api/v2/tenantaddons", NULL);
    world_answer(w, 4, 200, page_of("Addons", "Name", 101, -1));
    assert_int_equal(w->replies[3].status, 200);
    world_free(w);
}

/* What a first try came to is no part of the second one's outcome. */
static void a_second_try_has_an_outcome_of_its_own(void **state)
{
    struct world *w = world_new(ini);

    (void)state;
    world_ask(w, "tok-nlp", "GET", SERVICE, NULL);
    w->auto_durable = false;
    w->sends[0].exchange->status_seen = 200;
    world_pass_ms(w, 7);
    world_fail(w, 0, SEND_CUT_ANSWER, false);
    world_pass_ms(w, 1001); /* the second intent is not durable in time */
    assert_int_equal(w->replies[0].status, 503);
    assert_has(world_record(w, AUDIT_OUTCOME, 0), "\"status\":200");
    assert_has(world_record(w, AUDIT_OUTCOME, 0), "\"ms\":7");
    assert_has(world_record(w, AUDIT_OUTCOME, 1), "\"error\":\"not_sent\"");
    assert_has_not(world_record(w, AUDIT_OUTCOME, 1), "\"status\"");
    assert_has_not(world_record(w, AUDIT_OUTCOME, 1), "\"message\"");
    assert_has_not(world_record(w, AUDIT_OUTCOME, 1), "\"ms\"");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_needs_a_state_without_doubt),
        cmocka_unit_test(a_list_is_cut_whatever_its_status),
        cmocka_unit_test(a_page_has_no_more_than_was_asked_for),
        cmocka_unit_test(a_second_try_has_an_outcome_of_its_own),
    };

    log_set_level(LOG_LEVEL_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
