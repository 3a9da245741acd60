/* Answers of easgate's own: every reason is whole, and the body is JSON that says what the refusal says. */
#include "core/reply.h"
#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void test_reasons(void **state)
{
    (void)state;
    for (size_t i = REASON_NONE + 1; i < REASON_COUNT_; i++) {
        enum reason r = (enum reason)i;
        const char *name = reason_name(r);
        for (const char *p = name; *p; p++)
            assert_true((*p >= 'a' && *p <= 'z') || *p == '_');
        assert_true(slice_starts(slice_of(reason_code(r)), S("Easgate.")));
        assert_true(reason_status(r) >= 400 && reason_status(r) <= 599);
        assert_true(reason_retry_after_s(r) >= 0 && *reason_text(r));
        for (size_t k = REASON_NONE + 1; k < i; k++) {
            assert_string_not_equal(name, reason_name((enum reason)k));
            assert_string_not_equal(reason_code(r), reason_code((enum reason)k));
        }
    }
    assert_string_equal(reason_name(REASON_REPLICA_CAP), "replica_cap");
    assert_string_equal(reason_code(REASON_REPLICA_CAP), "Easgate.ReplicaCap");
    assert_int_equal(reason_status(REASON_AUDIT), 503);
    assert_int_equal(reason_retry_after_s(REASON_AUDIT), 5);
#define REASON(ident, name, code, status, retry_after_s, text)                                               \
    assert_true(slice_eq_nocase(S(#ident), S(name)));
#include "core/reasons.def"
#undef REASON
}

static const char *member(const cJSON *o, const char *name)
{
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, name);

    return cJSON_IsString(m) ? m->valuestring : NULL;
}

static void test_body(void **state)
{
    SCOPED(sbuf) out = SBUF_MAX(4096);
    struct refusal r = { .reason = REASON_REPLICA_CAP,
                         .message = S("would be \"12\" replicas\n\xc3\xa9"),
                         .rule = S("max_replicas of [policy p], easgate.ini:31"),
                         .asked = S("12"),
                         .allowed = S("10"),
                         .step = S("judge") };

    (void)state;
    refusal_body(&r, S("0123"), &out);
    assert_true(sbuf_ok(&out));
    for (size_t i = 0; i < out.n; i++)
        assert_true(out.p[i] >= 0x20 && out.p[i] < 0x7f);
    cJSON *o = cJSON_ParseWithOpts(out.p, NULL, true);
    assert_non_null(o);
    assert_string_equal(member(o, "RequestId"), "0123");
    assert_string_equal(member(o, "HostId"), "easgate");
    assert_string_equal(member(o, "Code"), "Easgate.ReplicaCap");
    assert_string_equal(member(o, "Message"), "would be \"12\" replicas\n\xc3\xa9");
    assert_string_equal(member(o, "Rule"), "max_replicas of [policy p], easgate.ini:31");
    assert_string_equal(member(o, "Asked"), "12");
    assert_string_equal(member(o, "Allowed"), "10");
    cJSON_Delete(o);
    assert_int_equal(refusal_status(&r), 403);
    r.status = 431;
    assert_int_equal(refusal_status(&r), 431);
}

static void test_short_body(void **state)
{
    SCOPED(sbuf) out = SBUF_MAX(4096), small = SBUF_MAX(20);
    struct refusal r = { .reason = REASON_UNAUTHENTICATED };

    (void)state;
    refusal_body(&r, S("9"), &out);
    assert_string_equal(out.p,
                        "{\"RequestId\":\"9\",\"HostId\":\"easgate\",\"Code\":\"Easgate.Unauthenticated\","
                        "\"Message\":\"no valid token\"}");
    refusal_body(&r, S("9"), &small);
    assert_false(sbuf_ok(&small));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_reasons), cmocka_unit_test(test_body),
                                        cmocka_unit_test(test_short_body) };

    return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
