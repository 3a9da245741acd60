/* What a team's services and an account's purchases may come to together, and what a mint needs, by a policy of a file. */
#include "config/snapshot.h"
#include "core/request.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static const char ini[] =
    "[gateway]\nlisten = 127.0.0.1:8080\n[upstream u]\nregion = cn-shanghai\n"
    "[credential main]\ntype = access_key\nfile = credentials\n[audit]\npath = a.jsonl\n"
    "[client c]\ntoken_sha256 = 0000000000000000000000000000000000000000000000000000000000000001\npolicy = "
    "p\n"
    "[policy p]\nallow = CreateService, UpdateService, CreateGateway, CreateServiceInstanceToken, @secrets\n"
    "services = p_*\ninstance_types = one, eight, none\nmax_replicas = 10\nmax_total_replicas = 10\n"
    "max_total_gpus = 16\nspec_gpus = one = 1, eight = 8, none = 0\nmax_gateways = 2\nmax_gateway_replicas = "
    "2\n"
    "gateway_types = g\ncharge_types = PostPaid\n";

struct fixture {
    struct snapshot *snap;
    struct policy *policy;
    struct arena *arena;
};

static int begin(void **state)
{
    static struct fixture f;
    struct config_errors errors = { .count = 0 };

    f.snap = snapshot_load_text("f.ini", slice_of(ini), false, &errors);
    if (!f.snap)
        fail_msg("%s", errors.text.p);
    f.policy = &f.snap->policies[0];
    f.arena = arena_new(1 << 20);
    *state = &f;
    return f.arena ? 0 : -1;
}

static int end(void **state)
{
    struct fixture *f = *state;

    arena_free(&f->arena);
    snapshot_unref(&f->snap);
    return 0;
}

static struct verdict judge(struct fixture *f, const char *method, const char *target, const char *body,
                            const struct service_state *now)
{
    struct request is = { .body = NULL };
    struct verdict v;
    struct err e = { 0 };
    enum reason reason = request_route(http1_method_of(slice_of(method)), slice_of(target), &is, &e);

    if (reason == REASON_NONE)
        reason = request_parse(&is, slice_of(target), S("application/json"),
                               body ? slice_of(body) : SLICE_NONE, f->arena, &e);
    if (reason != REASON_NONE)
        fail_msg("%s", e.text);
    policy_judge(f->policy, S("cn-shanghai"), &is.facts, now, f->arena, &v);
    request_drop(&is);
    return v;
}

/* Does judging the sum give this sentence's part? NULL: it is allowed. */
static void expect_sum(struct fixture *f, struct amounts own, struct amounts others, struct amounts now,
                       const char *part)
{
    struct refusal refusal = { .reason = REASON_NONE };
    bool allowed = policy_judge_sum(f->policy, own, others, now, f->arena, &refusal);

    assert_int_equal(allowed, part == NULL);
    if (!part)
        return;
    assert_int_equal(refusal.reason, REASON_BUDGET);
    if (!strstr(refusal.message.p, part))
        fail_msg("%s: %s", part, refusal.message.p);
}

#define A(replicas, gpus) ((struct amounts){ replicas, gpus })

static void sums_of_a_team_are_held(void **state)
{
    struct fixture *f = *state;

    expect_sum(f, A(4, 4), A(6, 12), A(0, 0), NULL);
    expect_sum(f, A(5, 0), A(6, 0), A(1, 0),
               "would be 11 replicas of all services together (7 now or under way, 4 more asked); "
               "max_total_replicas of [policy p] is 10");
    expect_sum(f, A(1, 8), A(1, 9), A(1, 0), "would be 17 GPUs of all services together (9 now");
    expect_sum(f, A(1, 8), A(1, 9), A(1, 0), "max_total_gpus of [policy p] is 16");
    /* what does not grow passes, also above the limit */
    expect_sum(f, A(5, 20), A(60, 60), A(5, 20), NULL);
    expect_sum(f, A(4, 19), A(60, 60), A(5, 20), NULL);
    expect_sum(f, A(4, 21), A(60, 60), A(5, 20), "GPUs");
    expect_sum(f, A(1, 0), A(INT64_MAX, 0), A(0, 0), "would be 9223372036854775807 replicas");
    expect_sum(f, A(INT64_MAX, 0), A(INT64_MAX, 0), A(0, 0), "replicas");
}

static void purchases_are_counted(void **state)
{
    struct fixture *f = *state;
    const struct op *op = opcat_by_name(S("CreateGateway"));
    struct refusal refusal = { .reason = REASON_NONE };

    assert_true(policy_judge_count(f->policy, op, 0, 1, f->arena, &refusal));
    assert_true(policy_judge_count(f->policy, op, 1, 1, f->arena, &refusal));
    assert_false(policy_judge_count(f->policy, op, 2, 1, f->arena, &refusal));
    assert_int_equal(refusal.reason, REASON_COST);
    assert_string_equal(refusal.message.p,
                        "would be 3 gateways (2 now, 1 asked); max_gateways of [policy p] is 2");
    assert_false(policy_judge_count(f->policy, op, INT64_MAX, 1, f->arena, &refusal));
    assert_false(policy_judge_count(f->policy, op, -1, 1, f->arena, &refusal));
    assert_false(policy_judge_count(f->policy, op, 1, -1, f->arena, &refusal));
    op = opcat_by_name(S("CreateBenchmarkTask"));
    assert_false(policy_judge_count(f->policy, op, 0, 1, f->arena, &refusal));
    assert_non_null(strstr(refusal.message.p, "[policy p] does not set max_benchmark_tasks"));
    /* what is not counted is not judged here */
    assert_true(policy_judge_count(f->policy, opcat_by_name(S("CreateService")), 99, 99, f->arena, &refusal));
}

/* GPUs of one replica: the most that any instance type has that it may be given. */
static void gpus_are_those_of_the_largest_type(void **state)
{
    struct fixture *f = *state;
    const struct service_state now = { .spec = S_INIT("none"), .count = 1, .has_gpus = true, .gpus = 0 };
    struct verdict v =
        judge(f, "POST", "/api/v2/services",
              "{\"metadata\":{\"name\":\"p_a\",\"instance\":1},\"cloud\":{\"computing\":{\"instances\":"
              "[{\"type\":\"one\"},{\"type\":\"eight\"},{\"type\":\"none\"}]}}}",
              NULL);

    assert_int_equal(v.kind, VERDICT_ALLOW);
    assert_true(v.has_after && v.after.has_gpus);
    assert_int_equal(v.after.gpus, 8);
    v = judge(f, "PUT", "/api/v2/services/cn-shanghai/p_a",
              "{\"cloud\":{\"computing\":{\"instance_type\":\"eight\"}}}", &now);
    assert_int_equal(v.kind, VERDICT_ALLOW);
    assert_int_equal(v.after.gpus, 8);
    v = judge(f, "PUT", "/api/v2/services/cn-shanghai/p_a", "{\"metadata\":{\"instance\":2}}", &now);
    assert_int_equal(v.kind, VERDICT_ALLOW);
    assert_int_equal(v.after.gpus, 0);
    assert_int_equal(v.after.peak, 2);
    assert_int_equal(v.after.now, 1);
}

static void a_mint_needs_secrets(void **state)
{
    struct fixture *f = *state;
    const char *target = "/api/v2/services/cn-shanghai/p_a/instances/i/token";

    assert_true(f->policy->shows_secrets);
    assert_int_equal(judge(f, "GET", target, NULL, NULL).kind, VERDICT_ALLOW);
    f->policy->shows_secrets = false; /* no file is loaded that says so; the verdict does not rely on it */
    struct verdict v = judge(f, "GET", target, NULL, NULL);
    assert_int_equal(v.kind, VERDICT_REFUSE);
    assert_int_equal(v.refusal.reason, REASON_SECRETS);
    assert_false(policy_opens(f->policy, opcat_by_name(S("CreateServiceInstanceToken"))));
}

/* A value that comes from no reader of ours: still refused. */
static void surprises_are_refused(void **state)
{
    struct fixture *f = *state;
    const struct op *op = opcat_by_name(S("CreateGateway"));
    static const struct fact values[] = {
        { .meaning = OP_MEANS_NONE, .where = S_INIT("x") },
        { .meaning = OP_INNER, .where = S_INIT("x") },
        { .meaning = OP_REFUSED, .where = S_INIT("x") },
        { .meaning = OP_BOUNDED, .bound = BOUND_NONE, .where = S_INIT("x"), .text = S_INIT("y") },
        { .meaning = OP_BOUNDED,
          .bound = BOUND_allow,
          .where = S_INIT("x"),
          .text = S_INIT("CreateGateway") },
        { .meaning = OP_BOUNDED, .bound = BOUND_spec_gpus, .where = S_INIT("x"), .text = S_INIT("one") },
        { .meaning = OP_BOUNDED, .bound = BOUND_max_replicas, .where = S_INIT("x"), .text = S_INIT("1") },
        { .meaning = OP_BOUNDED,
          .bound = BOUND_max_replicas,
          .where = S_INIT("x"),
          .is_number = true,
          .number = -1 },
        { .meaning = OP_BOUNDED, .bound = BOUND_internet, .where = S_INIT("x"), .text = S_INIT("") },
    };

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct facts facts = { .op = op, .changes = true, .values = &values[i], .count = 1 };
        struct verdict v;
        policy_judge(f->policy, S("cn-shanghai"), &facts, NULL, f->arena, &v);
        if (v.kind != VERDICT_REFUSE)
            fail_msg("value %zu passed", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sums_of_a_team_are_held, begin, end),
        cmocka_unit_test_setup_teardown(purchases_are_counted, begin, end),
        cmocka_unit_test_setup_teardown(gpus_are_those_of_the_largest_type, begin, end),
        cmocka_unit_test_setup_teardown(a_mint_needs_secrets, begin, end),
        cmocka_unit_test_setup_teardown(surprises_are_refused, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
