/* Faults: which requests a rule hits, and what goes over the wire then. */
#include "unit.h"
#include "emulator/emu_fault.h"

static bool add(struct emu_faults *f, const char *text)
{
    size_t used;
    struct emu_json *rule = emu_json_parse(slice_of(text), &used);
    struct err e = { 0 };
    bool ok;

    assert_non_null(rule);
    ok = emu_faults_add(f, rule, &e);
    assert_true(ok || e.text[0]);
    emu_json_free(&rule);
    return ok;
}

static bool hits(struct emu_faults *f, const char *action, const char *service)
{
    return emu_faults_take(f, EMU_STAGE_ANSWER, action, slice_of(service)) != NULL;
}

static void hits_what_it_matches_as_often_as_it_says(void **state)
{
    struct emu_faults *f = emu_faults_new();

    (void)state;
    assert_non_null(f);
    assert_false(hits(f, "ListServices", NULL));
    assert_true(
        add(f, "{\"fault\":\"delay\",\"match\":{\"action\":\"StopService\",\"service\":\"a\"},\"count\":2}"));
    assert_false(hits(f, "StopService", "b"));
    assert_false(hits(f, "StartService", "a"));
    assert_false(hits(f, NULL, "a"));
    assert_true(hits(f, "StopService", "a"));
    assert_true(hits(f, "StopService", "a"));
    assert_false(hits(f, "StopService", "a"));
    assert_true(add(f, "{\"fault\":\"silent\",\"count\":-1,\"skip\":1}"));
    assert_false(hits(f, "ListServices", NULL));
    for (int i = 0; i < 100; i++)
        assert_true(hits(f, NULL, NULL));
    emu_faults_clear(f);
    assert_false(hits(f, NULL, NULL));
    emu_faults_free(&f);
}

static void strikes_at_its_stage(void **state)
{
    struct emu_faults *f = emu_faults_new();

    (void)state;
    assert_true(add(f, "{\"fault\":\"close-at\",\"at\":-1}"));
    assert_true(add(f, "{\"fault\":\"drop-connection\"}"));
    assert_null(emu_faults_take(f, EMU_STAGE_ANSWER, "X", SLICE_NONE));
    assert_non_null(emu_faults_take(f, EMU_STAGE_HEAD, "X", SLICE_NONE));
    assert_null(emu_faults_take(f, EMU_STAGE_HEAD, "X", SLICE_NONE));
    assert_non_null(emu_faults_take(f, EMU_STAGE_ACCEPT, NULL, SLICE_NONE));
    emu_faults_free(&f);
}

static void refuses_rules_it_does_not_know(void **state)
{
    static const char *const bad[] = { "[]",
                                       "{}",
                                       "{\"fault\":\"x\"}",
                                       "{\"fault\":\"delay\",\"msec\":1}",
                                       "{\"fault\":\"delay\",\"ms\":\"1\"}",
                                       "{\"fault\":\"status\",\"status\":1000}",
                                       "{\"fault\":\"delay\",\"end\":\"x\"}" };
    struct emu_faults *f = emu_faults_new();

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(add(f, bad[i]));
    assert_false(hits(f, NULL, NULL));
    emu_faults_free(&f);
}

static const struct {
    const char *rule;
    enum emu_end end;
    const char *has, *lacks;
    int status;
} plans[] = {
    { "{\"fault\":\"delay\",\"ms\":5}", EMU_END_KEEP, "Content-Length: 2\r\n", NULL, 200 },
    { "{\"fault\":\"status\",\"status\":503}", EMU_END_KEEP, "\"Code\":\"ServiceUnavailable\"", NULL, 503 },
    { "{\"fault\":\"throttle\",\"ms\":7}", EMU_END_KEEP, "x-acs-retry-after: 7\r\n", NULL, 400 },
    { "{\"fault\":\"redirect\",\"location\":\"https://x/\"}", EMU_END_KEEP, "Location: https://x/\r\n", NULL,
      302 },
    { "{\"fault\":\"reset-before\"}", EMU_END_RESET, "", "HTTP", 200 },
    { "{\"fault\":\"reset-within\",\"at\":9}", EMU_END_RESET, "HTTP/1.1 ", "200", 200 },
    { "{\"fault\":\"reset-after\"}", EMU_END_RESET, "\r\n\r\n{}", NULL, 200 },
    { "{\"fault\":\"close-at\",\"at\":4}", EMU_END_CLOSE, "HTTP", "/", 200 },
    { "{\"fault\":\"silent\"}", EMU_END_SILENT, "", "HTTP", 200 },
    { "{\"fault\":\"garbage\"}", EMU_END_CLOSE, "not http", "HTTP", 200 },
    { "{\"fault\":\"raw\",\"text\":\"hello\"}", EMU_END_CLOSE, "hello", "HTTP", 200 },
    { "{\"fault\":\"raw\",\"text\":\"hello\",\"end\":\"keep\"}", EMU_END_KEEP, "hello", "HTTP", 200 },
    { "{\"fault\":\"1xx\",\"times\":2}", EMU_END_KEEP,
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200", NULL, 200 },
    { "{\"fault\":\"101\"}", EMU_END_KEEP, "HTTP/1.1 101 Switching", NULL, 200 },
    { "{\"fault\":\"103\"}", EMU_END_KEEP, "HTTP/1.1 103 Early", NULL, 200 },
    { "{\"fault\":\"extra-bytes\"}", EMU_END_KEEP, "{}HTTP/1.1 200 OK", NULL, 200 },
    { "{\"fault\":\"double-length\"}", EMU_END_KEEP, "Content-Length: 3\r\n", NULL, 200 },
    { "{\"fault\":\"length-too-long\",\"at\":5}", EMU_END_CLOSE, "Content-Length: 7\r\n", "Length: 2\r",
      200 },
    { "{\"fault\":\"length-too-short\",\"at\":1}", EMU_END_KEEP, "Content-Length: 1\r\n", "Length: 2\r",
      200 },
    { "{\"fault\":\"no-length\"}", EMU_END_CLOSE, "\r\n\r\n{}", "Content-Length", 200 },
    { "{\"fault\":\"chunked\"}", EMU_END_KEEP, "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", "Content-Length", 200 },
    { "{\"fault\":\"bad-chunk\"}", EMU_END_KEEP, "0x1;", "Content-Length", 200 },
    { "{\"fault\":\"chunked-and-length\"}", EMU_END_KEEP, "Content-Length: 2\r\n", NULL, 200 },
    { "{\"fault\":\"wrong-status-line\"}", EMU_END_KEEP, "HTTP/1.1 2OO OK\r\n", "HTTP/1.1 200", 200 },
    { "{\"fault\":\"split\",\"at\":3}", EMU_END_KEEP, "\r\n\r\n{}", NULL, 200 },
    { "{\"fault\":\"big-body\",\"at\":5}", EMU_END_KEEP, "\"Padding\":\"xxxxx\"}", NULL, 200 },
    { "{\"fault\":\"big-head\",\"at\":1500}", EMU_END_KEEP, "x-padding-1000: 0123456789", NULL, 200 },
};

static void plans_every_fault(void **state)
{
    struct emu_faults *f = emu_faults_new();

    (void)state;
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        struct emu_plan plan = { .bytes = SBUF_MAX(EMU_ANSWER_MAX) };
        struct emu_answer a;
        assert_true(add(f, plans[i].rule));
        const struct emu_fault *fault = emu_faults_take(f, EMU_STAGE_ANSWER, "X", SLICE_NONE);
        assert_non_null(fault);
        emu_answer_init(&a, "host");
        sbuf_adds(&a.body, "{}");
        emu_fault_answer(fault, &a);
        emu_fault_plan(fault, &a, true, 0, &plan);
        struct slice bytes = sbuf_slice(&plan.bytes);
        if (plan.end != plans[i].end || a.status != plans[i].status || !has_text(bytes, plans[i].has) ||
            (plans[i].lacks && has_text(bytes, plans[i].lacks)))
            fail_msg("%s: end %d, status %d, %s", plans[i].rule, (int)plan.end, a.status, plan.bytes.p);
        emu_answer_drop(&a);
        sbuf_drop(&plan.bytes);
    }
    emu_faults_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hits_what_it_matches_as_often_as_it_says),
        cmocka_unit_test(strikes_at_its_stage),
        cmocka_unit_test(refuses_rules_it_does_not_know),
        cmocka_unit_test(plans_every_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
