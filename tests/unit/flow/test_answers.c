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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_list_has_its_row),
        cmocka_unit_test(lists_are_cut_over_all_pages),
        cmocka_unit_test(lists_of_another_shape_are_refused),
    };

    log_set_level(LOG_LEVEL_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
