/*
 * What requests state, by tables: tests/vectors/facts/accepted.txt and refused.txt. Every line goes the way of a request
 * (target, query, body), and what was accepted is printed, read back and printed again.
 */
#include "core/request.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define LINE_MAX_BYTES 8192

static const struct {
    const char *name, *value;
} path_values[] = {
    { "ClusterId", "cn-x" },        { "ServiceName", "svc_1" }, { "GatewayId", "gw-1" },
    { "ResourceId", "eas-r-1" },    { "GroupName", "grp" },     { "VirtualResourceId", "eas-vr-1" },
    { "TaskName", "task-1" },       { "ConfigType", "llm" },    { "Name", "route" },
    { "TenantAddonName", "addon" },
};

static const char *path_value(struct slice name)
{
    for (size_t i = 0; i < sizeof path_values / sizeof path_values[0]; i++)
        if (slice_eq(slice_of(path_values[i].name), name))
            return path_values[i].value;
    return "x-1";
}

/* The target of the operation: its path filled in, with this query. */
static void print_target(const struct op *op, struct slice query, struct sbuf *out)
{
    struct slice rest = op->path;

    while (rest.n) {
        size_t open = slice_find(rest, '{');
        sbuf_add(out, slice_from(rest.p, open));
        rest = slice_skip(rest, open);
        if (!rest.n)
            break;
        size_t end = slice_find(rest, '}');
        sbuf_adds(out, path_value(slice_from(rest.p + 1, end - 1)));
        rest = slice_skip(rest, end + 1);
    }
    if (query.n)
        sbuf_addf(out, "?%.*s", SLICE_FMT(query));
}

/* What is judged outside of the path: "NAME PLACE=VALUE; ...". */
static void print_values(const struct facts *f, struct sbuf *out)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct fact *v = &f->values[i];
        if (slice_starts(v->where, S("path ")))
            continue;
        sbuf_addf(out, "%s%s %.*s=", out->n ? "; " : "",
                  v->bound != BOUND_NONE ? bound_name(v->bound) : op_meaning_name(v->meaning),
                  SLICE_FMT(v->where));
        if (v->is_number)
            sbuf_add_i64(out, v->number);
        else
            sbuf_add(out, v->text);
    }
}

/* Printed for a record, read back, printed again: the same. */
static void check_round_trip(const struct facts *f, struct arena *a)
{
    SCOPED(sbuf) first = SBUF_MAX(65536), second = SBUF_MAX(65536);
    struct facts back;
    struct err e = { 0 };

    assert_true(facts_print(f, &first));
    assert_null(strstr(first.p, "s3cret"));
    for (size_t i = 0; i < first.n; i++)
        assert_true(first.p[i] >= 0x20 && first.p[i] <= 0x7e);
    if (!facts_parse(f->op, sbuf_slice(&first), a, &back, &e))
        fail_msg("%s: %s", first.p, e.text);
    assert_true(facts_print(&back, &second));
    assert_string_equal(first.p, second.p);
    assert_int_equal(f->count, back.count);
    for (size_t i = 0; i < f->count; i++) {
        assert_int_equal(f->values[i].meaning, back.values[i].meaning);
        assert_int_equal(f->values[i].bound, back.values[i].bound);
    }
    assert_true(slice_eq(f->service, back.service) && slice_eq(f->new_service, back.new_service));
    assert_true(slice_eq(f->workspace, back.workspace) && slice_eq(f->spec, back.spec));
    assert_int_equal(f->replicas, back.replicas);
    assert_int_equal(f->gpus, back.gpus);
    assert_int_equal(f->changes, back.changes);
    assert_int_equal(f->raises, back.raises);
}

static void check_line(const char *file, unsigned number, struct slice first, struct slice body,
                       struct slice expected, bool *seen)
{
    size_t question = slice_find(first, '?');
    const struct op *op = opcat_by_name(slice_from(first.p, question));
    SCOPED(sbuf) target = SBUF_MAX(LINE_MAX_BYTES), got = SBUF_MAX(LINE_MAX_BYTES);
    struct arena *a = arena_new(1 << 20);
    struct request is = { .body = NULL };
    struct err e = { 0 };

    if (!op)
        fail_msg("%s:%u: no such operation", file, number);
    print_target(op, slice_skip(first, question + 1), &target);
    enum reason reason = request_route(op->method, sbuf_slice(&target), &is, &e);
    assert_int_equal(reason, REASON_NONE);
    assert_ptr_equal(is.match.op, op);
    reason = request_parse(&is, sbuf_slice(&target), S("application/json"),
                           slice_eq(body, S("-")) ? S("") : body, a, &e);
    if (slice_starts(expected, S("ok"))) {
        if (reason != REASON_NONE)
            fail_msg("%s:%u: refused: %s", file, number, e.text);
        print_values(&is.facts, &got);
        struct slice values = slice_trim(slice_skip(expected, 2));
        if (!slice_eq(sbuf_slice(&got), values))
            fail_msg("%s:%u:\n  expected %.*s\n  got      %s", file, number, SLICE_FMT(values),
                     got.n ? got.p : "");
        check_round_trip(&is.facts, a);
        seen[opcat_index(op)] = true;
    } else {
        struct slice part = slice_skip(expected, 3);
        if (reason == REASON_NONE)
            fail_msg("%s:%u: accepted", file, number);
        if (!slice_starts(expected, S("no ")) || !strstr(e.text, arena_str(a, part)))
            fail_msg("%s:%u: said: %s", file, number, e.text);
    }
    request_drop(&is);
    arena_free(&a);
}

/* "a | b | c": bodies hold no " | ". */
static struct slice next_part(struct slice *rest)
{
    const char *at = strstr(rest->p, " | ");
    struct slice part = slice_from(rest->p, at ? (size_t)(at - rest->p) : rest->n);

    *rest = slice_skip(*rest, part.n + 3);
    return slice_trim(part);
}

static size_t check_file(const char *name, bool *seen)
{
    char path[1024], line[LINE_MAX_BYTES];
    unsigned number = 0;
    size_t count = 0;

    snprintf(path, sizeof path, EG_TESTS_DIR "/vectors/facts/%s", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        number++;
        if (line[0] == ';' || line[0] == '\0')
            continue;
        struct slice rest = slice_of(line), first = next_part(&rest), body = next_part(&rest);
        check_line(name, number, first, body, slice_trim(rest), seen);
        count++;
    }
    fclose(file);
    return count;
}

static void accepted_requests_state_their_values(void **state)
{
    bool *seen = calloc(opcat_count(), sizeof *seen);

    (void)state;
    assert_non_null(seen);
    assert_true(check_file("accepted.txt", seen) >= 119);
    for (size_t i = 0; i < opcat_count(); i++)
        if (!seen[i])
            fail_msg("accepted.txt has no request of %s", opcat_at(i)->name.p);
    free(seen);
}

static void refused_requests_say_why(void **state)
{
    bool *seen = calloc(opcat_count(), sizeof *seen);

    (void)state;
    assert_true(check_file("refused.txt", seen) > 100);
    free(seen);
}

/* ---- what stands in the path, and the members that show the most used values -------- */

static struct facts read_one(const char *method, const char *target, const char *body, struct request *is,
                             struct arena *a)
{
    struct err e = { 0 };

    *is = (struct request){ .body = NULL };
    assert_int_equal(request_route(http1_method_of(slice_of(method)), slice_of(target), is, &e), REASON_NONE);
    assert_int_equal(request_parse(is, slice_of(target), S("application/json"), slice_of(body), a, &e),
                     REASON_NONE);
    return is->facts;
}

static void assert_text(struct slice got, const char *expected)
{
    assert_true(slice_eq(got, slice_of(expected)));
}

static void path_parameters_are_judged(void **state)
{
    struct arena *a = arena_new(1 << 20);
    struct request is;
    struct facts f = read_one("PUT", "/api/v2/configs/cn-x/llm/route/key", "{\"Value\":\"v\"}", &is, a);

    (void)state;
    assert_int_equal(f.count, 2);
    assert_int_equal(f.values[0].meaning, OP_CLUSTER);
    assert_text(f.values[0].where, "path ClusterId");
    assert_text(f.values[1].text, "llm/route"); /* both name it */
    assert_int_equal(f.values[1].bound, BOUND_configs);
    assert_int_equal(f.values[1].meaning, OP_OWNED);
    request_drop(&is);

    f = read_one("DELETE", "/api/v2/gateways/cn-x/gw-1", "", &is, a);
    assert_int_equal(f.values[1].bound, BOUND_gateways);
    assert_true(f.changes && !f.raises && !f.service.p);
    request_drop(&is);

    f = read_one("POST", "/api/v2/services/cn-x/svc_1/clone", "{\"metadata\":{\"name\":\"svc_2\",\"gpu\":3}}",
                 &is, a);
    assert_text(f.service, "svc_1");
    assert_text(f.new_service, "svc_2");
    assert_true(f.raises && f.has_gpus && !f.has_replicas && !f.replaces && !f.places);
    assert_int_equal(f.gpus, 3);
    assert_text(f.cluster, "cn-x");
    request_drop(&is);

    f = read_one("POST", "/api/v2/services?WorkspaceId=7", "{\"metadata\":{\"name\":\"n\",\"instance\":4}}",
                 &is, a);
    assert_text(f.service, "n");
    assert_text(f.new_service, "n");
    assert_text(f.workspace, "7");
    assert_true(f.places && f.has_replicas);
    assert_int_equal(f.replicas, 4);
    request_drop(&is);

    f = read_one("PUT", "/api/v2/services/cn-x/svc_1?UpdateType=replace", "{\"metadata\":{\"instance\":4}}",
                 &is, a);
    assert_true(f.replaces && !f.new_service.p);
    request_drop(&is);
    arena_free(&a);
}

static void purchases_say_how_many(void **state)
{
    struct arena *a = arena_new(1 << 20);
    struct request is;
    struct facts f =
        read_one("POST", "/api/v2/resources/cn-x/r/instances",
                 "{\"ChargeType\":\"x\",\"EcsInstanceCount\":10,\"EcsInstanceType\":\"t\"}", &is, a);

    (void)state;
    assert_int_equal(facts_asked(&f), 10);
    request_drop(&is);
    f = read_one("POST", "/api/v2/resources/cn-x/r/instances/migrate",
                 "{\"DestResourceId\":\"q\",\"InstanceIds\":[\"a\",\"b\",\"c\"]}", &is, a);
    assert_int_equal(facts_asked(&f), 3);
    assert_text(f.op->count.into, "DestResourceId");
    request_drop(&is);
    f = read_one("POST", "/api/v2/gateways", "{\"Replicas\":5,\"InstanceType\":\"t\",\"ChargeType\":\"x\"}",
                 &is, a);
    assert_int_equal(facts_asked(&f), 1);
    request_drop(&is);
    arena_free(&a);
}

static void the_largest_of_several_counts(void **state)
{
    struct arena *a = arena_new(1 << 20);
    struct request is;
    struct facts f = read_one(
        "POST", "/api/v2/services/cn-x/s/cronscaler",
        "{\"ScaleJobs\":[{\"Schedule\":\"x\",\"TargetSize\":2},{\"Schedule\":\"x\",\"TargetSize\":9},"
        "{\"Schedule\":\"x\",\"TargetSize\":3}]}",
        &is, a);
    int64_t n = -1;

    (void)state;
    assert_true(facts_max(&f, OP_CRON_TARGET, &n));
    assert_int_equal(n, 9);
    assert_false(facts_max(&f, OP_REPLICAS, &n));
    assert_null(facts_find(&f, OP_REPLICAS, BOUND_NONE));
    assert_int_equal(facts_find(&f, OP_CRON_TARGET, BOUND_NONE)->number, 2);
    assert_null(facts_find(&f, OP_OWNED, BOUND_groups));
    assert_non_null(facts_find(&f, OP_OWNED, BOUND_services));
    request_drop(&is);
    arena_free(&a);
}

/* 256 values are judged, 257 are refused. */
static void there_is_a_most(void **state)
{
    SCOPED(sbuf) body = SBUF_MAX(65536);
    struct arena *a = arena_new(1 << 20);
    struct request is = { .body = NULL };
    struct err e = { 0 };

    (void)state;
    sbuf_adds(&body, "{\"Target\":[");
    for (int i = 0; i < FACTS_MAX - 2; i++)
        sbuf_addf(&body, "%s\"s_%d\"", i ? "," : "", i);
    sbuf_adds(&body, "]}");
    struct facts f = read_one("POST", "/api/v2/services/cn-x/s/mirror", body.p, &is, a);
    assert_int_equal(f.count, FACTS_MAX);
    SCOPED(sbuf) text = SBUF_MAX(65536);
    assert_false(facts_print(&f, &text)); /* no record can hold it */
    request_drop(&is);
    body.n -= 2;
    sbuf_adds(&body, ",\"one_more\"]}");
    assert_int_equal(request_route(HTTP1_POST, S("/api/v2/services/cn-x/s/mirror"), &is, &e), REASON_NONE);
    assert_int_equal(request_parse(&is, S("/api/v2/services/cn-x/s/mirror"), S("application/json"),
                                   sbuf_slice(&body), a, &e),
                     REASON_BAD_FIELD);
    assert_non_null(strstr(e.text, "more than 256 values"));
    request_drop(&is);
    arena_free(&a);
}

static void memory_that_ends_is_no_bad_field(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 8192; bytes += 64) {
        struct arena *a = arena_new(bytes);
        struct request is = { .body = NULL };
        struct err e = { 0 };
        const struct slice target = S("/api/v2/services/cn-x/s/mirror");
        assert_int_equal(request_route(HTTP1_POST, target, &is, &e), REASON_NONE);
        enum reason reason =
            request_parse(&is, target, S("application/json"), S("{\"Target\":[\"a\",\"b\",\"c\"]}"), a, &e);
        assert_true(reason == REASON_OVERLOADED || (reason == REASON_NONE && is.facts.count == 5));
        request_drop(&is);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_requests_state_their_values), cmocka_unit_test(refused_requests_say_why),
        cmocka_unit_test(path_parameters_are_judged),           cmocka_unit_test(purchases_say_how_many),
        cmocka_unit_test(the_largest_of_several_counts),        cmocka_unit_test(there_is_a_most),
        cmocka_unit_test(memory_that_ends_is_no_bad_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
