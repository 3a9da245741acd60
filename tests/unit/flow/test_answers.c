/* What a team is shown of EAS's answers: only what its policy owns, and no secret. */
#include "fake_world.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* token_sha256: of "tok-nlp" and "tok-vision" (sha256sum) */
static const char ini[] =
    "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\n"
    "[credential main]\ntype = access_key\nfile = /nonexistent/credentials\n[audit]\npath = "
    "/tmp/audit.jsonl\n"
    "[client nlp]\ntoken_sha256 = 278cc70e7b8153b22a75a4c7136dc451adef7ca55dcd8bde9db0e6d9586f0b1f\n"
    "policy = nlp\n"
    "[client vision]\ntoken_sha256 = 404701cf771af71cefcf64bb062476da152c82a5b6ec386bc62491f6da8ff4c5\n"
    "policy = vision\n"
    "[policy nlp]\nallow = @read\nservices = nlp_*\ngroups = nlp_*\ngateways = nlp_1, nlp_2\n"
    "resources = nlp_1, nlp_2\nvirtual_resources = nlp_1, nlp_2\nbenchmark_tasks = nlp_*\n"
    "addons = nlp_1, nlp_2\nconfigs = app/nlp_*\n"
    "[policy vision]\nallow = @read, @mint, @secrets\nservices = vis_*\ngroups = vis_*\ngateways = vis_1\n"
    "resources = vis_1\nvirtual_resources = vis_1\nbenchmark_tasks = vis_*\naddons = vis_1\n"
    "configs = app/vis_*\n";

/* The lists of several owners, by docs/eas/README.md, "Inside of objects" and operations.json. */
static const struct {
    const char *op, *path, *items, *id;
    bool has_pages;
} lists[] = {
    { "ListServices", "/api/v2/services", "Services", "ServiceName", true },
    { "ListGroups", "/api/v2/groups", "Groups", "Name", true },
    { "ListGateway", "/api/v2/gateways", "Gateways", "GatewayId", true },
    { "ListResources", "/api/v2/resources", "Resources", "ResourceId", true },
    { "ListVirtualResource", "/api/v2/virtualresources", "VirtualResources", "VirtualResourceId", true },
    { "ListBenchmarkTask", "/api/v2/benchmark-tasks", "Tasks", "TaskName", true },
    { "ListResourceServices", "/api/v2/resources/cn-shanghai/nlp_1/services", "Services", "ServiceName",
      true },
    { "ListResourceInstanceWorker", "/api/v2/resources/cn-shanghai/nlp_1/instance/i-1/workers", "Pods",
      "ServiceName", true },
    { "ListTenantAddons", "/api/v2/tenantaddons", "Addons", "Name", false },
};

static void every_list_has_its_row(void **state)
{
    size_t rows = 0;

    (void)state;
    for (size_t i = 0; i < opcat_count(); i++)
        rows += opcat_at(i)->list.items.n > 0;
    assert_int_equal(rows, COUNT(lists));
    for (size_t i = 0; i < COUNT(lists); i++)
        assert_true(opcat_by_name(slice_of(lists[i].op))->list.items.n > 0);
}

static char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *text(const char *format, ...)
{
    static char texts[8][2048];
    static size_t next;
    char *out = texts[next++ % COUNT(texts)];
    va_list args;

    va_start(args, format);
    vsnprintf(out, sizeof texts[0], format, args);
    va_end(args);
    return out;
}

static void lists_are_cut_over_all_pages(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct world *w = world_new(ini);
        const char *items = lists[i].items, *id = lists[i].id;

        if (!lists[i].has_pages) {
            world_ask(w, "tok-nlp", "GET", lists[i].path, NULL);
            world_answer(w, 0, 200,
                         text("{\"RequestId\":\"r\",\"Other\":[\"vis_1\"],\"%s\":[{\"%s\":\"vis_1\"},{\"%s\":"
                              "\"nlp_1\"},\"nlp_2\"]}",
                              items, id, id));
            assert_string_equal(w->replies[0].body,
                                text("{\"RequestId\":\"r\",\"%s\":[{\"%s\":\"nlp_1\"}]}", items, id));
            world_free(w);
            continue;
        }
        world_ask(w, "tok-nlp", "GET", text("%s?PageSize=1&PageNumber=2", lists[i].path), NULL);
        assert_has(w->sends[0].head, "?PageNumber=1&PageSize=100 HTTP/1.1");
        world_answer(w, 0, 200,
                     text("{\"RequestId\":\"r\",\"TotalCount\":7,\"All\":{\"x\":\"vis_1\"},\"%s\":["
                          "{\"%s\":\"nlp_1\",\"x\":1},{\"%s\":\"vis_1\"},{\"%s\":7},[\"nlp_1\"]]}",
                          items, id, id, id));
        assert_has(w->sends[1].head, text("GET %s?PageNumber=2&PageSize=100 HTTP/1.1", lists[i].path));
        assert_has(w->sends[1].head, text("x-acs-action: %s\r\n", lists[i].op));
        world_answer(w, 1, 200,
                     text("{\"TotalCount\":7,\"%s\":[{\"%s\":\"nlp_2\",\"x\":2},{},{\"%s\":\"vis_2\"}]}",
                          items, id, id));
        assert_int_equal(w->replies[0].status, 200);
        assert_string_equal(w->replies[0].body,
                            text("{\"RequestId\":\"r\",\"TotalCount\":2,\"%s\":[{\"%s\":\"nlp_2\",\"x\":2}],"
                                 "\"PageNumber\":2,\"PageSize\":1}",
                                 items, id));
        world_free(w);
    }
}

/* In another shape than the table says, nothing of it passes. */
static void lists_of_another_shape_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++) {
        const char *items = lists[i].items, *id = lists[i].id;
        char *const bodies[] = {
            text("{}"),
            text("[{\"%s\":\"vis_1\"}]", id),
            text("{\"TotalCount\":1,\"%s\":{\"%s\":\"vis_1\"}}", items, id),
            text("{\"TotalCount\":1,\"Data\":{\"%s\":[{\"%s\":\"vis_1\"}]}}", items, id),
            text("{\"TotalCount\":1,\"x%s\":[{\"%s\":\"vis_1\"}]}", items, id),
            text("{\"TotalCount\":%s,\"%s\":[{\"%s\":\"vis_1\"}]}", lists[i].has_pages ? "\"1\"" : "1,,",
                 items, id),
        };
        struct world *w = world_new(ini);

        for (size_t k = 0; k < COUNT(bodies); k++) {
            world_ask(w, "tok-nlp", "GET", lists[i].path, NULL);
            world_answer(w, k, 200, bodies[k]);
            assert_int_equal(w->replies[k].status, 502);
            assert_has_not(w->replies[k].body, "vis_1");
        }
        world_free(w);
    }
}

/* The path of an operation with names of `team`. */
static char *path_of(const struct op *op, const char *team)
{
    static char out[512];
    struct slice rest = op->path;
    struct sbuf path = SBUF_LENT(out, sizeof out, sizeof out - 1);

    while (rest.n) {
        struct slice name = slice_skip(rest, slice_find(rest, '{') + 1);
        sbuf_add(&path, slice_from(rest.p, slice_find(rest, '{')));
        name = slice_from(name.p, slice_find(name, '}'));
        rest = slice_skip(rest, slice_find(rest, '}') + 1);
        if (slice_eq(name, S("ClusterId")))
            sbuf_adds(&path, "cn-shanghai");
        else if (slice_eq(name, S("ConfigType")))
            sbuf_adds(&path, "app");
        else if (name.n)
            sbuf_addf(&path, "%s_1", team);
    }
    (void)sbuf_slice(&path); /* ended by a NUL */
    return out;
}

/* An answer of the operation that has `value` at this pointer. */
static char *answer_with(const struct op *op, const char *team, const char *pointer, const char *value)
{
    static char out[1024];
    char ends[64] = "";
    size_t n = 0, depth = 0;
    struct slice rest = slice_of(pointer + 1), part;

    n += (size_t)snprintf(out, sizeof out, "{\"RequestId\":\"r\",\"Url\":\"u\",\"Value\":\"v\"");
    while (slice_split(&rest, '/', &part)) {
        if (!slice_eq(part, S("*"))) {
            n += (size_t)snprintf(out + n, sizeof out - n, ",\"%.*s\":", SLICE_FMT(part));
            continue;
        }
        n += (size_t)snprintf(out + n, sizeof out - n, "[{\"%.*s\":\"%s_1\"",
                              SLICE_FMT(op->list.id.n ? op->list.id : S("x")), team);
        ends[depth++] = '}';
        ends[depth++] = ']';
    }
    snprintf(out + n, sizeof out - n, "\"%s\"%s,\"TotalCount\":1}", value, ends);
    return out;
}

static void secrets_are_hidden_or_not(void **state)
{
    size_t pointers = 0;

    (void)state;
    for (size_t i = 0; i < opcat_count(); i++) {
        const struct op *op = opcat_at(i);
        struct world *w = world_new(ini);
        size_t sent = 0;

        for (size_t k = 0; k < op->secret_count; k++, pointers++) {
            if (op->effect == OP_MINT) { /* not without @secrets at all */
                world_ask(w, "tok-nlp", "GET", path_of(op, "nlp"), NULL);
                assert_int_equal(w->replies[w->reply_count - 1].status, 403);
            } else {
                world_ask(w, "tok-nlp", "GET", path_of(op, "nlp"), NULL);
                world_answer(w, sent++, 200, answer_with(op, "nlp", op->secrets[k], "CANARY"));
                assert_int_equal(w->replies[w->reply_count - 1].status, 200);
                assert_has_not(w->replies[w->reply_count - 1].body, "CANARY");
                assert_has(w->replies[w->reply_count - 1].body, "[redacted]");
                assert_has(w->replies[w->reply_count - 1].body, "\"Url\":\"u\",\"Value\":\"v\"");
            }
            world_ask(w, "tok-vision", "GET", path_of(op, "vis"), NULL);
            world_answer(w, sent++, 200, answer_with(op, "vis", op->secrets[k], "CANARY"));
            assert_has(w->replies[w->reply_count - 1].body, "\"CANARY\"");
            assert_has_not(w->replies[w->reply_count - 1].body, "[redacted]");
        }
        world_free(w);
    }
    assert_true(pointers > 10);
}

#define SERVICE(name) "/api/v2/services/cn-shanghai/" name

/* Secret names anywhere, also in configurations that an answer repeats as text. */
static void secrets_have_no_place_to_stand(void **state)
{
    static const char *const bodies[] = {
        "{\"x\":[{\"y\":{\"Token\":\"CANARY\"}}]}",
        "{\"AppConfig\":\"{\\\"token\\\":\\\"CANARY\\\"}\"}",
        "{\"ExtraData\":\"{\\\"storage\\\":[{\\\"git\\\":{\\\"password\\\":\\\"CANARY\\\"}}]}\"}",
        "{\"Config\":{\"containers\":[{\"env\":[{\"name\":\"KEY\",\"value\":\"CANARY\"}]}]}}",
        "{\"Data\":\"{\\\"service\\\":{\\\"requestToken\\\":\\\"CANARY\\\"}}\"}",
        "{\"x\":\"{\\\"dockerAuth\\\":\\\"CANARY\\\"}\"}",
        "{\"Message\":{\"accessKeySecret\":\"CANARY\",\"WorkbenchUrl\":\"CANARY\"}}",
    };
    struct world *w = world_new(ini);

    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        world_ask(w, "tok-nlp", "GET", SERVICE("nlp_1"), NULL);
        world_answer(w, 2 * i, 200, bodies[i]);
        assert_int_equal(w->replies[2 * i].status, 200);
        assert_has_not(w->replies[2 * i].body, "CANARY");
        world_ask(w, "tok-vision", "GET", SERVICE("vis_1"), NULL);
        world_answer(w, 2 * i + 1, 200, bodies[i]);
        assert_string_equal(w->replies[2 * i + 1].body, bodies[i]);
    }
    world_free(w);
}

/* What easgate signed with passes to nobody, @secrets or not. */
static void errors_repeat_nothing_signed(void **state)
{
    static const char *const bodies[] = {
        "{\"Code\":\"InvalidParameter\",\"Message\":\"no: ACS3-HMAC-SHA256 of CANARY\"}",
        "{\"Code\":\"InvalidParameter\",\"Message\":\"key LTAI\\u0074est CANARY\"}",
        "{\"Code\":\"InvalidParameter\",\"Detail\":{\"x\":[\"secret-of-the-test CANARY\"]}}",
    };
    struct world *w = world_new(ini);

    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        world_ask(w, "tok-vision", "GET", SERVICE("vis_1"), NULL);
        world_answer(w, i, 400, bodies[i]);
        assert_int_equal(w->replies[i].status, 400);
        assert_has(w->replies[i].body, "InvalidParameter");
        assert_has_not(w->replies[i].body, "CANARY");
    }
    world_ask(w, "tok-nlp", "GET", SERVICE("nlp_1"), NULL);
    world_answer(w, COUNT(bodies), 404,
                 "{\"Code\":\"InvalidService.NotFound\",\"Message\":\"x\",\"Token\":\"CANARY\"}");
    assert_has_not(w->replies[COUNT(bodies)].body, "CANARY");
    world_free(w);
}

/* Services of others inside of an answer: elements that are about them go, mentions of their names are hidden. */
static void others_are_not_named(void **state)
{
    static const struct {
        const char *target, *answer, *shown;
    } cases[] = {
        { "/api/v2/groups/cn-shanghai/nlp_1",
          "{\"Name\":\"nlp_1\",\"Services\":[{\"ServiceName\":\"vis_1\",\"x\":\"CANARY\"},{\"ServiceName\":"
          "\"nlp_1\"},{\"Name\":\"vis_2\"},"
          "\"vis_3\",\"nlp_2\",7],\"n\":1.50}",
          "{\"Name\":\"nlp_1\",\"Services\":[{\"ServiceName\":\"nlp_1\"},\"nlp_2\"],\"n\":1.50}" },
        { "/api/v2/groups",
          "{\"TotalCount\":1,\"Groups\":[{\"Name\":\"nlp_1\",\"Members\":[{\"ServiceName\":\"vis_1\"}]}]}",
          "{\"TotalCount\":1,\"Groups\":[{\"Name\":\"nlp_1\",\"Members\":[]}],\"PageNumber\":1,\"PageSize\":"
          "100}" },
        { SERVICE("nlp_1") "/mirror",
          "{\"ServiceName\":\"nlp_1\",\"Target\":[\"vis_1\",\"nlp_2\"],\"Ratio\":10}",
          "{\"ServiceName\":\"nlp_1\",\"Target\":[\"nlp_2\"],\"Ratio\":10}" },
        { SERVICE("nlp_1") "/autoscaler",
          "{\"ScaleStrategies\":[{\"metricName\":\"qps\",\"service\":\"vis_1\"},{\"service\":\"nlp_1\"}]}",
          "{\"ScaleStrategies\":[{\"metricName\":\"qps\",\"service\":\"[redacted]\"},{\"service\":\"nlp_1\"}]"
          "}" },
        { "/api/v2/benchmark-tasks",
          "{\"TotalCount\":1,\"Tasks\":[{\"TaskName\":\"nlp_1\",\"ServiceName\":\"vis_1\"}]}",
          "{\"TotalCount\":1,\"Tasks\":[{\"TaskName\":\"nlp_1\",\"ServiceName\":\"[redacted]\"}],"
          "\"PageNumber\":1,\"PageSize\":100}" },
        { "/api/v2/groups/cn-shanghai/nlp_1", "{\"Services\":[{\"Name\":\"vis_1\"},{\"Name\":\"nlp_1\"}]}",
          "{\"Services\":[{\"Name\":\"nlp_1\"}]}" },
        { "/api/v2/resources/cn-shanghai/nlp_1",
          "{\"ResourceId\":\"nlp_1\",\"Pods\":[{\"servicename\":\"vis_1\",\"x\":\"CANARY\"}]}",
          "{\"ResourceId\":\"nlp_1\",\"Pods\":[]}" },
        { SERVICE("nlp_1"),
          "{ \"ServiceName\" : \"nlp_1\",\"Labels\":[{\"LabelKey\":\"a\",\"LabelValue\":\"vis_1\"}] }",
          "{ \"ServiceName\" : \"nlp_1\",\"Labels\":[{\"LabelKey\":\"a\",\"LabelValue\":\"vis_1\"}] }" },
    };
    struct world *w = world_new(ini);

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        world_ask(w, "tok-nlp", "GET", cases[i].target, NULL);
        world_answer(w, i, 200, cases[i].answer);
        assert_int_equal(w->replies[i].status, 200);
        assert_string_equal(w->replies[i].body, cases[i].shown);
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_list_has_its_row),
        cmocka_unit_test(lists_are_cut_over_all_pages),
        cmocka_unit_test(lists_of_another_shape_are_refused),
        cmocka_unit_test(secrets_are_hidden_or_not),
        cmocka_unit_test(secrets_have_no_place_to_stand),
        cmocka_unit_test(errors_repeat_nothing_signed),
        cmocka_unit_test(others_are_not_named),
    };

    log_set_level(LOG_LEVEL_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
