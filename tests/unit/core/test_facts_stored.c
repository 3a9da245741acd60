/* Stored configurations, strictly and leniently read, and records that are read back: see facts.h. */
#include "core/facts.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

/* expected: "PLACE=VALUE; ..." in order, or "no PART OF THE MESSAGE" */
static const struct {
    const char *config, *strict, *lenient;
} cases[] = {
    { "{}", "", "" },
    { "{\"metadata\":{\"name\":\"a\",\"instance\":3,\"cpu\":4}}",
      "metadata.name=a; metadata.instance=3; metadata.cpu=4", "metadata.instance=3; metadata.cpu=4" },
    /* flat, and both: both count */
    { "{\"metadata.instance\":5,\"metadata\":{\"instance\":3}}", "metadata.instance=5; metadata.instance=3",
      "metadata.instance=5; metadata.instance=3" },
    { "{\"cloud.computing.instance_type\":\"ecs.a\",\"autoscaler.max\":7}",
      "cloud.computing.instance_type=ecs.a; autoscaler.max=7",
      "cloud.computing.instance_type=ecs.a; autoscaler.max=7" },
    { "{\"cloud\":{\"computing.instances\":[{\"type\":\"ecs.b\"}]}}",
      "cloud.computing.instances[0].type=ecs.b", "cloud.computing.instances[0].type=ecs.b" },
    { "{\"metadata\":{\"rolling_strategy.max_surge\":2}}", "metadata.rolling_strategy.max_surge=2",
      "metadata.rolling_strategy.max_surge=2" },
    /* what EAS adds and nothing here judges */
    { "{\"service_version\":3,\"metadata\":{\"instance\":1}}", "no \"service_version\" is not one of",
      "metadata.instance=1" },
    { "{\"metadata\":{\"instance\":1,\"unknown\":{\"x\":1}}}", "no \"metadata.unknown\" is not one of",
      "metadata.instance=1" },
    { "{\"unknown.instance\":9}", "no is not one of", "" },
    { "{\"token\":\"s3cret\",\"containers\":[{\"image\":\"i\",\"env\":[{\"name\":\"A\",\"value\":\"s3cret\"}]"
      "}]}",
      "containers[0].image=i", "" },
    /* hardware that no key bounds */
    { "{\"metadata\":{\"rdma\":1,\"gpu\":2}}", "no metadata.rdma is refused",
      "metadata.rdma=stated; metadata.gpu=2" },
    { "{\"metadata\":{\"npu\":8}}", "no \"metadata.npu\" is not one of", "metadata.npu=stated" },
    { "{\"metadata.gpu_model\":\"x\"}", "no \"metadata.gpu_model\" is not", "metadata.gpu_model=stated" },
    { "{\"containers\":[{\"image\":\"i\"},{\"resources\":{\"gpu\":8}}]}",
      "no \"containers[1].resources\" is not", "containers[1].resources=stated" },
    { "{\"metadata\":{\"npu\":0,\"fpga\":null,\"gpu\":2}}", "no \"metadata.npu\" is not", "metadata.gpu=2" },
    { "{\"metadata\":{\"rdma\":false,\"gpu_model\":\"\",\"npu\":{}},\"containers\":[{\"resources\":{}}]}",
      "no metadata.rdma is refused", "" },
    { "{\"metadata\":{\"npu.count\":8},\"containers\":[{\"resources.gpu\":8}]}", "no names with dots",
      "metadata.npu=stated; containers[0].resources=stated" },
    { "{\"npu\":8,\"x\":{\"resources\":1}}", "no \"npu\" is not one of", "" },
    /* null is nothing */
    { "{\"metadata\":{\"instance\":null,\"cpu\":2},\"cloud\":null}", "metadata.cpu=2", "metadata.cpu=2" },
    /* what is read must be of its type */
    { "{\"metadata\":{\"instance\":\"3\"}}", "no metadata.instance must be integer",
      "no metadata.instance must be integer" },
    { "{\"metadata\":{\"instance\":3.5}}", "no metadata.instance must be integer",
      "no metadata.instance must be integer" },
    { "{\"metadata\":{\"instance\":-1}}", "no metadata.instance must be an integer",
      "no metadata.instance must be an integer" },
    { "{\"metadata\":7}", "no metadata must be object", "no metadata must be object" },
    { "{\"metadata\":{\"cpu\":\"4\"}}", "no metadata.cpu must be integer",
      "no metadata.cpu must be integer" },
    { "{\"cloud\":{\"computing\":{\"instance_type\":7}}}", "no instance_type must be string",
      "no instance_type must be string" },
    { "{\"labels\":7}", "no labels must be map", "" },
    { "[]", "no must be a JSON object", "no must be a JSON object" },
    { "", "no the stored configuration", "no the stored configuration" },
    { "{\"metadata\":{\"instance\":1},\"metadata\":{}}", "no the stored configuration",
      "no the stored configuration" },
};

/* As it stands in a record it is read back as the same. */
static void check_record(const struct facts *f, struct arena *a)
{
    SCOPED(sbuf) text = SBUF_MAX(4096);
    SCOPED(sbuf) again = SBUF_MAX(4096);
    struct facts back;
    struct err e = { 0 };

    assert_true(facts_print(f, &text));
    if (!facts_parse(f->op, sbuf_slice(&text), a, &back, &e))
        fail_msg("%s: %s", text.p, e.text);
    assert_true(facts_print(&back, &again));
    assert_string_equal(again.p, text.p);
}

static void check(const char *config, bool strict, const char *expected)
{
    struct arena *a = arena_new(1 << 20);
    SCOPED(sbuf) got = SBUF_MAX(4096);
    struct facts f;
    struct err e = { 0 };
    bool fine = facts_read_stored(slice_of(config), strict, a, &f, &e);

    for (size_t i = 0; fine && i < f.count; i++) {
        sbuf_addf(&got, "%s%.*s=", i ? "; " : "", SLICE_FMT(f.values[i].where));
        if (f.values[i].is_number)
            sbuf_add_i64(&got, f.values[i].number);
        else
            sbuf_add(&got, f.values[i].text);
    }
    if (strncmp(expected, "no ", 3) == 0) {
        if (fine || !strstr(e.text, expected + 3))
            fail_msg("%s: %s", config, fine ? "accepted" : e.text);
    } else if (!fine || strcmp(got.p ? got.p : "", expected) != 0) {
        fail_msg("%s:\n  expected %s\n  got      %s%s", config, expected, got.p ? got.p : "", e.text);
    }
    if (fine)
        check_record(&f, a);
    arena_free(&a);
}

static void stored_configurations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check(cases[i].config, true, cases[i].strict);
        check(cases[i].config, false, cases[i].lenient);
    }
}

static void the_members_show_it(void **state)
{
    struct arena *a = arena_new(1 << 20);
    struct facts f;

    (void)state;
    assert_true(facts_read_stored(
        S("{\"metadata.instance\":5,\"metadata\":{\"instance\":3,\"gpu\":2,\"name\":\"n\"},"
          "\"cloud\":{\"computing\":{\"instances\":[{\"type\":\"t1\"},{\"type\":\"t2\"}]}}}"),
        true, a, &f, NULL));
    assert_true(f.has_replicas && f.has_gpus);
    assert_int_equal(f.replicas, 5); /* the larger one */
    assert_int_equal(f.gpus, 2);
    assert_true(slice_eq(f.instance_type, S("t1")));
    assert_true(slice_eq(f.new_service, S("n")));
    arena_free(&a);
}

/* ---- records --------------------------------------------------------------- */

static void a_record_is_read_back(void **state)
{
    struct arena *a = arena_new(1 << 20);
    struct facts f;
    struct err e = { 0 };
    const struct op *op = opcat_by_name(S("UpdateAppService"));
    const struct slice text =
        S("[[\"services\",\"path ServiceName\",\"nlp_a\"],[\"replicas\",\"Replicas\",3],"
          "[\"oss_paths\",\"Config.OssPath\",\"oss://b/\\u00e9\"]]");

    (void)state;
    assert_true(facts_parse(op, text, a, &f, &e));
    assert_int_equal(f.count, 3);
    assert_true(slice_eq(f.service, S("nlp_a")));
    assert_int_equal(f.replicas, 3);
    assert_int_equal(f.values[0].meaning, OP_OWNED);
    assert_int_equal(f.values[1].meaning, OP_REPLICAS);
    assert_true(slice_eq(f.oss_path, S("oss://b/\xc3\xa9")));
    assert_true(f.raises && f.changes);
    assert_true(facts_parse(op, S("[]"), a, &f, &e));
    assert_int_equal(f.count, 0);
    arena_free(&a);
}

static void a_record_that_no_request_makes_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "{}",
        "[7]",
        "[[]]",
        "[[\"services\",\"path ServiceName\"]]",
        "[[\"services\",\"path ServiceName\",\"a\",\"b\"]]",
        "[[\"replicas\",\"Replica\",3]]", /* no such field */
        "[[\"max_cpu\",\"Replicas\",3]]", /* another meaning */
        "[[\"services\",\"Replicas\",\"a\"]]",
        "[[\"groups\",\"path ServiceName\",\"a\"]]",
        "[[\"replicas\",\"Replicas\",3.5]]",
        "[[\"replicas\",\"Replicas\",\"3\"]]",
        "[[\"services\",\"path ServiceName\",3]]",
        "[[\"replicas\",\"Replicas\",-3]]",
        "[[\"replicas\",\"Replicas\",99999999999]]",
        "[[\"replicas\",\"Replicas\",null]]",
        "[[\"replicas\",\"Replicas\",3],]",
        "[[\"virtual_resources\",\"path ServiceName\",\"a\"]]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct arena *a = arena_new(1 << 20);
        struct facts f;
        struct err e = { 0 };
        if (facts_parse(opcat_by_name(S("UpdateAppService")), slice_of(wrong[i]), a, &f, &e))
            fail_msg("accepted: %s", wrong[i]);
        assert_int_not_equal(e.code, ERR_NONE);
        arena_free(&a);
    }
}

static void memory_ends(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 4096; bytes += 32) {
        struct arena *a = arena_new(bytes);
        struct facts f;
        struct err e = { 0 };
        bool fine = facts_read_stored(S("{\"metadata\":{\"name\":\"n\",\"instance\":3}}"), true, a, &f, &e);
        assert_true(fine ? f.count == 2 : e.code == ERR_MEMORY);
        e = (struct err){ 0 };
        fine = facts_parse(opcat_by_name(S("ScaleService")), S("[[\"replicas\",\"Instance\",3]]"), a, &f, &e);
        assert_true(fine ? f.replicas == 3 : e.code == ERR_MEMORY);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_configurations), cmocka_unit_test(the_members_show_it),
        cmocka_unit_test(a_record_is_read_back), cmocka_unit_test(a_record_that_no_request_makes_is_refused),
        cmocka_unit_test(memory_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
