/* What ends by itself: values of policies, clients, whole policies. Dates checked with `date -u -d ... +%s`. */
#include "config/snapshot.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define HEAD                                                                                                 \
    "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\n"                            \
    "[credential main]\ntype = access_key\nfile = /nonexistent/credentials\n[audit]\npath = "                \
    "/tmp/audit.jsonl\n"                                                                                     \
    "[client nlp]\ntoken_sha256 = 278cc70e7b8153b22a75a4c7136dc451adef7ca55dcd8bde9db0e6d9586f0b1f\npolicy " \
    "= small\n"
#define TO_2027 1798761600 /* date -u -d 2027-01-01 +%s */
#define TO_JUNE 1782864000 /* date -u -d 2026-07-01 +%s */

static struct snapshot *load(const char *text)
{
    struct config_errors errors = { .count = 0 };
    struct snapshot *s = snapshot_load_text("test.ini", slice_of(text), false, &errors);

    if (!s)
        print_error("%s", errors.text.p);
    config_errors_drop(&errors);
    return s;
}

static void ends_values_one_by_one(void **state)
{
    struct snapshot *s =
        load(HEAD "[policy small]\nallow = CreateAppService, DescribeService until 2026-12-31\nservices = "
                  "nlp_*, old_* until 2026-06-30\n"
                  "app_types = LLM\nservice_specs = a <= 8 until 2026-06-30, a <= 2, b until 2026-12-31\n"
                  "max_replicas = 8 until 2026-06-30, 4\ninternet = yes until 2026-06-30, no\n");
    int64_t cap;

    (void)state;
    assert_non_null(s);
    assert_int_equal(s->next_end_s, TO_JUNE);
    struct snapshot *before = snapshot_at(s, TO_JUNE - 1), *mid = snapshot_at(s, TO_JUNE),
                    *late = snapshot_at(s, TO_2027);
    const struct policy *p = &before->policies[0];
    assert_true(policy_cap(p, BOUND_max_replicas, &cap) && cap == 8);
    assert_int_equal(p->bound[BOUND_service_specs].at[0].cap, 8);
    assert_non_null(policy_owns(p, BOUND_services, S("old_a")));
    assert_int_equal(before->next_end_s, TO_JUNE);
    p = &mid->policies[0];
    assert_true(policy_cap(p, BOUND_max_replicas, &cap) && cap == 4);
    assert_int_equal(p->bound[BOUND_service_specs].count, 2);
    assert_int_equal(p->bound[BOUND_service_specs].at[0].cap, 2);
    assert_null(policy_owns(p, BOUND_services, S("old_a")));
    assert_non_null(policy_owns(p, BOUND_services, S("nlp_a")));
    assert_true(policy_opens(p, opcat_by_name(S("DescribeService"))));
    assert_string_equal(p->bound[BOUND_internet].at[0].text.p, "no");
    assert_int_equal(mid->next_end_s, TO_2027);
    p = &late->policies[0];
    assert_false(policy_opens(p, opcat_by_name(S("DescribeService"))));
    assert_int_equal(p->bound[BOUND_service_specs].count, 1);
    assert_int_equal(late->next_end_s, 0);
    /* the clients of each are judged by its own policies */
    assert_ptr_equal(snapshot_client_of_token(late, S("tok-nlp"), NULL)->policy, p);
    assert_ptr_equal(snapshot_client_by_name(mid, S("nlp"))->policy, &mid->policies[0]);
    struct snapshot *again = snapshot_at(late, TO_JUNE);
    assert_int_equal(again->policies[0].bound[BOUND_max_replicas].at[0].cap, 4);
    snapshot_unref(&s); /* the whole one lives on in the others */
    assert_int_equal(again->upstreams[0].port, 443);
    snapshot_unref(&again);
    snapshot_unref(&late);
    snapshot_unref(&mid);
    snapshot_unref(&before);
}

static void leaves_the_rest_refused(void **state)
{
    struct snapshot *s = load(
        HEAD
        "[policy small]\nallow = CreateAppService\nservices = nlp_*\napp_types = LLM\nservice_specs = a\n"
        "max_replicas = 8 until 2026-06-30\n");
    int64_t cap;

    (void)state;
    struct snapshot *late = snapshot_at(s, TO_JUNE);
    assert_false(policy_cap(&late->policies[0], BOUND_max_replicas, &cap));
    snapshot_unref(&late);
    snapshot_unref(&s);
}

/* A limit that outlives its policy cannot be gone while anybody may call. */
static void a_limit_may_end_with_its_policy(void **state)
{
    struct snapshot *s = load(
        HEAD "[policy small]\nallow = @read\nservices = nlp_*\nworkspaces = 1 until 2026-12-31\n"
             "quotas = q until 2027-06-30\nmax_total_replicas = 4 until 2026-12-31\nuntil = 2026-12-31\n");

    (void)state;
    assert_non_null(s);
    snapshot_unref(&s);
}

static void ends_clients_and_policies(void **state)
{
    struct snapshot *s = load(HEAD "until = 2026-12-31T18:00:00Z\n[policy small]\nallow = @read\nservices = "
                                   "nlp_*\nuntil = 2026-06-30\n");

    (void)state;
    assert_int_equal(client_end_s(&s->clients[0]), TO_JUNE); /* whichever is first */
    snapshot_unref(&s);
    s = load(HEAD "until = 2026-12-31T18:00:00Z\n[policy small]\nallow = @read\nservices = nlp_*\n");
    assert_int_equal(client_end_s(&s->clients[0]), TO_2027 - 6 * 3600);
    struct snapshot *same = snapshot_at(s, TO_2027 + 1);
    assert_ptr_equal(same, s); /* no value ends */
    snapshot_unref(&same);
    SCOPED(sbuf) text = SBUF_MAX(65536);
    snapshot_print(s, &text);
    assert_non_null(strstr(text.p, "until = 2026-12-31T18:00:00Z\n"));
    snapshot_unref(&s);
}

static bool tell(void *ctx, const struct end *end)
{
    struct sbuf *out = ctx;

    sbuf_addf(out, "%u: ", end->line);
    end_print(end, TO_JUNE - 3 * 86400, out);
    sbuf_addc(out, '\n');
    return true;
}

static void tells_what_ends(void **state)
{
    struct snapshot *s = load(
        HEAD "until = 2026-12-31\n[policy small]\nallow = @read\nservices = nlp_*, old_* until 2026-06-30\n"
             "max_replicas = 8 until 2026-06-27T12:00:00Z, 4\nuntil = 2026-06-01\n");
    SCOPED(sbuf) text = SBUF_MAX(4096);

    (void)state;
    snapshot_each_end(s, tell, &text);
    assert_string_equal(text.p, "10: [client nlp] ends in 187 days\n"
                                "14: [policy small] has ended\n"
                                "16: services old_* of [policy small] ends in 3 days\n"
                                "17: max_replicas 8 of [policy small] has ended\n");
    snapshot_unref(&s);
}

static void refuses_what_cannot_be_meant(void **state)
{
    static const char *const bad[] = {
        "max_replicas = 4, 8 until 2026-06-30\n",
        "max_replicas = 4, 5\n",
        "max_replicas = 4 until tomorrow\n",
        "service_specs = a, a until 2026-06-30\n",
        "quotas = q until\n",
        "until = soon\n",
        "until = 2026-02-30\n",
        "max_replicas = until 2026-06-30\n",
        "mode = maybe\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct config_errors errors = { .count = 0 };
        SCOPED(sbuf) text = SBUF_MAX(65536);
        sbuf_addf(&text, HEAD "[policy small]\nallow = @read\nservices = nlp_*\n%s", bad[i]);
        struct snapshot *s = snapshot_load_text("test.ini", sbuf_slice(&text), false, &errors);
        if (s)
            fail_msg("accepted: %s", bad[i]);
        assert_non_null(strstr(errors.text.p, "test.ini:"));
        config_errors_drop(&errors);
    }
}

/* Not set, these limit nothing: with their last value a limit would be gone. */
static void refuses_an_end_that_opens(void **state)
{
    static const struct {
        const char *lines, *expected; /* NULL: accepted */
    } cases[] = {
        { "max_total_replicas = 10 until 2020-12-31\n", "test.ini:16: max_total_replicas of [policy small]" },
        { "max_total_replicas = 10 until 2026-12-31, 5 until 2027-12-31\n",
          "test.ini:16: max_total_replicas" },
        { "max_total_gpus = 10 until 2026-12-31\n", "test.ini:16: max_total_gpus of [policy small]" },
        { "quotas = q until 2026-12-31\n", "test.ini:16: quotas of [policy small]" },
        { "workspaces = 1 until 2026-12-31\nworkspaces = 2 until 2027-12-31\n",
          "test.ini:17: workspaces of" },
        { "spec_gpus = a = 1, b = 2 until 2026-12-31\n",
          "test.ini:16: spec_gpus of [policy small] has no value of b" },
        { "max_total_replicas = 10 until 2026-12-31, 5\n", NULL },
        { "max_total_gpus = 10 until 2026-12-31, 5\n", NULL },
        { "quotas = q until 2026-12-31, r\n", NULL },
        { "workspaces = 1 until 2026-12-31\nworkspaces = 2\n", NULL },
        { "spec_gpus = a = 1, b = 2 until 2026-12-31, b = 1\n", NULL },
        { "max_replicas = 8 until 2026-12-31\ngroups = g until 2026-12-31\ninternet = yes until 2026-12-31\n",
          NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config_errors errors = { .count = 0 };
        SCOPED(sbuf) text = SBUF_MAX(65536);
        sbuf_addf(&text, HEAD "[policy small]\nallow = @read\nservices = nlp_*\n%s", cases[i].lines);
        struct snapshot *s = snapshot_load_text("test.ini", sbuf_slice(&text), false, &errors);
        if (!s != (cases[i].expected != NULL) || (!s && !strstr(errors.text.p, cases[i].expected)))
            fail_msg("%s: %s", cases[i].lines, s ? "accepted" : errors.text.p);
        if (!s)
            assert_non_null(strstr(errors.text.p, "expected a last value that does not end"));
        assert_int_equal(errors.count, s ? 0 : 1);
        config_errors_drop(&errors);
        snapshot_unref(&s);
    }
}

/* A cap of a spec may be what max_replicas comes to later, but not more than there ever was beside it. */
static void holds_caps_against_all_numbers(void **state)
{
    static const struct {
        const char *most, *spec, *expected; /* NULL: accepted */
    } cases[] = {
        { "4 until 2026-12-31, 10", "a <= 8", NULL },
        { "10 until 2026-12-31, 4", "a <= 8", NULL },
        { "4 until 2026-12-31, 10", "a <= 11",
          "test.ini:17: service_specs of [policy small] has a <= 11, which can never be reached: "
          "max_replicas is 10" },
        { "10 until 2026-12-31", "a <= 8", NULL }, /* it was never less */
        { "10 until 2026-12-31, 4 until 2027-12-31", "a <= 8",
          "test.ini:18: max_replicas of [policy small] ends with 4, and service_specs has a <= 8 (line 17)" },
        { "10 until 2026-12-31, 4 until 2027-12-31", "a <= 8 until 2027-06-30, a <= 4", NULL },
        { "10 until 2026-12-31, 4 until 2027-12-31, 4", "a <= 8", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config_errors errors = { .count = 0 };
        SCOPED(sbuf) text = SBUF_MAX(65536);
        sbuf_addf(&text,
                  HEAD "[policy small]\nallow = CreateAppService\nservices = nlp_*\napp_types = LLM\n"
                       "service_specs = %s\nmax_replicas = %s\n",
                  cases[i].spec, cases[i].most);
        struct snapshot *s = snapshot_load_text("test.ini", sbuf_slice(&text), false, &errors);
        if (!s != (cases[i].expected != NULL) || (!s && !strstr(errors.text.p, cases[i].expected)))
            fail_msg("%s, %s: %s", cases[i].most, cases[i].spec, s ? "accepted" : errors.text.p);
        config_errors_drop(&errors);
        snapshot_unref(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_values_one_by_one),
        cmocka_unit_test(leaves_the_rest_refused),
        cmocka_unit_test(a_limit_may_end_with_its_policy),
        cmocka_unit_test(ends_clients_and_policies),
        cmocka_unit_test(tells_what_ends),
        cmocka_unit_test(refuses_what_cannot_be_meant),
        cmocka_unit_test(refuses_an_end_that_opens),
        cmocka_unit_test(holds_caps_against_all_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
