/* Verdicts as lines that anyone can review: tests/vectors/policy/verdicts.txt, judged by team.ini beside it. */
#include "config/snapshot.h"
#include "core/request.h"
#include "base/num.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define FOLDER EG_TESTS_DIR "/vectors/policy/"

struct line {
    struct slice client, method, target, body, state, verdict, rule_line;
    unsigned number;
};

static struct slice next_part(struct slice *rest)
{
    struct slice part = SLICE_NONE;

    /* parts are separated by " | " */
    for (size_t i = 0; i + 2 < rest->n; i++)
        if (slice_starts(slice_skip(*rest, i), S(" | "))) {
            part = slice_from(rest->p, i);
            *rest = slice_skip(*rest, i + 3);
            return slice_trim(part);
        }
    part = *rest;
    *rest = SLICE_NONE;
    return slice_trim(part);
}

static struct line read_line(struct slice text, unsigned number)
{
    struct line l = { .number = number };

    l.client = next_part(&text);
    struct slice request = next_part(&text);
    size_t blank = slice_find(request, ' ');
    l.method = slice_from(request.p, blank);
    l.target = slice_skip(request, blank + 1);
    l.body = next_part(&text);
    l.state = next_part(&text);
    l.verdict = next_part(&text);
    l.rule_line = next_part(&text);
    return l;
}

/* {c NAME SPEC N} for short; "-" is no body. */
static struct slice expand_body(struct slice body, struct arena *a)
{
    struct slice word, name, spec;

    if (slice_eq(body, S("-")))
        return SLICE_NONE;
    if (!slice_starts(body, S("{c ")))
        return body;
    struct slice rest = slice_from(body.p + 1, body.n - 2);
    slice_split(&rest, ' ', &word);
    slice_split(&rest, ' ', &name);
    slice_split(&rest, ' ', &spec);
    return slice_of(arena_printf(
        a, "{\"ServiceName\":\"%.*s\",\"AppType\":\"LLM\",\"ServiceSpec\":\"%.*s\",\"Replicas\":%.*s}",
        SLICE_FMT(name), SLICE_FMT(spec), SLICE_FMT(rest)));
}

static bool read_state(struct slice text, struct service_state *out)
{
    struct slice count = SLICE_NONE, more = SLICE_NONE;

    if (slice_eq(text, S("-")))
        return false;
    assert_true(slice_split(&text, ' ', &out->spec) && slice_split(&text, ' ', &count));
    assert_true(num_i64(count, 0, 2147483647, &out->replicas));
    out->has_scaler = slice_split(&text, ' ', &more) && slice_eq(more, S("scaler"));
    return true;
}

static const char *verdict_name(const struct verdict *v, enum reason reason)
{
    if (reason != REASON_NONE)
        return reason_name(reason);
    if (v->kind == VERDICT_REFUSE)
        return reason_name(v->refusal.reason);
    return v->kind == VERDICT_NEED_STATE ? "need-state" : v->kind == VERDICT_ALLOW ? "allow" : "none";
}

/* The line that the rule's text names behind its last colon; 0 without a rule. */
static unsigned named_line(const struct verdict *v)
{
    uint64_t n = 0;
    size_t at = v->rule_text.n;

    while (at > 0 && v->rule_text.p[at - 1] != ':')
        at--;
    return num_u64(slice_skip(v->rule_text, at), 1, 100000, &n) ? (unsigned)n : 0;
}

static bool check_line(const struct snapshot *snap, const struct line *l)
{
    const struct client *client = snapshot_client_by_name(snap, l->client);
    struct arena *a = arena_new(1024 * 1024);
    struct request is = { .body = NULL };
    struct verdict v = { .kind = VERDICT_NONE };
    struct service_state state = { .replicas = 0 };
    struct err e = { 0 };
    uint64_t expected_line = 0;

    assert_non_null(client);
    bool has_state = read_state(l->state, &state);
    assert_true(num_u64(l->rule_line, 0, 100000, &expected_line));
    enum reason reason = request_route(http1_method_of(l->method), l->target, &is, &e);
    if (reason == REASON_NONE)
        reason = request_parse(&is, l->target, S("application/json"), expand_body(l->body, a), a, &e);
    if (reason == REASON_NONE)
        policy_judge(client->policy, S("cn-shanghai"), &is.facts, has_state ? &state : NULL, a, &v);
    const char *got = verdict_name(&v, reason);
    bool fine = slice_eq(l->verdict, slice_of(got)) && named_line(&v) == expected_line;
    if (!fine)
        print_error("verdicts.txt:%u: expected %.*s by line %llu, got %s by line %u (%s%.*s)\n", l->number,
                    SLICE_FMT(l->verdict), (unsigned long long)expected_line, got, named_line(&v), e.text,
                    SLICE_FMT(v.refusal.message));
    request_drop(&is);
    arena_free(&a);
    return fine;
}

static void verdicts(void **test_state)
{
    struct config_errors errors = { .count = 0 };
    struct snapshot *snap = snapshot_load(FOLDER "team.ini", false, &errors);
    FILE *f = fopen(FOLDER "verdicts.txt", "rb");
    char text[4096];
    unsigned number = 0, checked = 0, wrong = 0;

    (void)test_state;
    if (!snap)
        print_error("%s", errors.text.p);
    assert_non_null(snap);
    assert_non_null(f);
    while (fgets(text, sizeof text, f)) {
        struct slice line = slice_of(text);
        number++;
        line.n -= slice_ends(line, S("\n"));
        if (line.n == 0 || line.p[0] == ';')
            continue;
        struct line l = read_line(line, number);
        checked++;
        wrong += !check_line(snap, &l);
    }
    fclose(f);
    print_message("%u verdicts, %u wrong\n", checked, wrong);
    assert_true(checked > 90);
    assert_int_equal(wrong, 0);
    config_errors_drop(&errors);
    snapshot_unref(&snap);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(verdicts) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
