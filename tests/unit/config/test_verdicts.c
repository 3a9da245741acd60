/*
 * Verdicts as lines that anyone can review, judged by the policies beside them: tests/vectors/policy/verdicts.txt by team.ini,
 * and bypass.txt, which tries every way past a cap and a list, by bypass.ini.
 */
#include "config/snapshot.h"
#include "core/request.h"
#include "base/num.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define FOLDER EG_TESTS_DIR "/vectors/policy/"

struct line {
    struct slice client, method, target, body, state, verdict;
    struct slice rule; /* line of the deciding rule, or its key; 0 or - without one */
    struct slice says; /* a part of the message */
    const char *file;
    unsigned number;
};

/* Parts are separated by " | "; the last may be empty, so that its line ends in " |". */
static struct slice next_part(struct slice *rest)
{
    struct slice part = *rest;

    for (size_t i = 0; i + 1 < rest->n; i++)
        if (slice_starts(slice_skip(*rest, i), S(" |")) && (i + 2 == rest->n || rest->p[i + 2] == ' ')) {
            part = slice_from(rest->p, i);
            *rest = slice_skip(*rest, i + 2);
            return slice_trim(part);
        }
    *rest = SLICE_NONE;
    return slice_trim(part);
}

/* "~" is /api/v2. */
static struct slice expand_target(struct slice target, struct arena *a)
{
    if (!slice_starts(target, S("~")))
        return target;
    return slice_of(arena_printf(a, "/api/v2%.*s", SLICE_FMT(slice_skip(target, 1))));
}

static struct line read_line(struct slice text, const char *file, unsigned number, struct arena *a)
{
    struct line l = { .file = file, .number = number };

    l.client = next_part(&text);
    struct slice request = next_part(&text);
    size_t blank = slice_find(request, ' ');
    l.method = slice_from(request.p, blank);
    l.target = expand_target(slice_skip(request, blank + 1), a);
    l.body = next_part(&text);
    l.state = next_part(&text);
    l.verdict = next_part(&text);
    l.rule = next_part(&text);
    l.says = next_part(&text);
    return l;
}

/* {c NAME SPEC N} and {r NAME N} for short; "-" is no body. */
static struct slice expand_body(struct slice body, struct arena *a)
{
    struct slice word, name, spec, rest;

    if (slice_eq(body, S("-")))
        return SLICE_NONE;
    bool is_app = slice_starts(body, S("{c "));
    if (!is_app && !slice_starts(body, S("{r ")))
        return body;
    rest = slice_from(body.p + 1, body.n - 2);
    slice_split(&rest, ' ', &word);
    slice_split(&rest, ' ', &name);
    if (!is_app)
        return slice_of(arena_printf(a,
                                     "{\"metadata\":{\"name\":\"%.*s\",\"instance\":%.*s},"
                                     "\"cloud\":{\"computing\":{\"instance_type\":\"ecs.c\"}}}",
                                     SLICE_FMT(name), SLICE_FMT(rest)));
    slice_split(&rest, ' ', &spec);
    return slice_of(arena_printf(
        a, "{\"ServiceName\":\"%.*s\",\"AppType\":\"LLM\",\"ServiceSpec\":\"%.*s\",\"Replicas\":%.*s}",
        SLICE_FMT(name), SLICE_FMT(spec), SLICE_FMT(rest)));
}

static const struct facts *read_config(struct slice text, bool strict, struct arena *a)
{
    struct facts *config = ARENA_NEW(a, struct facts);
    struct err e = { 0 };

    assert_non_null(config);
    if (!facts_read_stored(text, strict, a, config, &e))
        fail_msg("config=%.*s: %s", SLICE_FMT(text), e.text);
    return config;
}

/* "SPEC COUNT [scaler] [cron] [NAME=N ...] [config=JSON | version=JSON]"; "?" = no spec. */
static bool read_state(struct slice text, bool strict, struct service_state *out, struct arena *a)
{
    const struct {
        const char *name;
        int64_t *at;
    } numbers[] = { { "stored=", &out->stored },         { "extra=", &out->extra },
                    { "min=", &out->scaler_min },        { "max=", &out->scaler_max },
                    { "activation=", &out->activation }, { "target=", &out->cron_max },
                    { "surge=", &out->surge },           { "gpus=", &out->gpus } };
    struct slice part = SLICE_NONE;

    if (slice_eq(text, S("-")))
        return false;
    assert_true(slice_split(&text, ' ', &out->spec) && slice_split(&text, ' ', &part));
    assert_true(num_i64(part, 0, 2147483647, &out->count));
    if (slice_eq(out->spec, S("?")))
        out->spec = SLICE_NONE;
    out->is_app = out->spec.n && !slice_starts(out->spec, S("ecs."));
    while (slice_split(&text, ' ', &part)) {
        bool known = slice_eq(part, S("scaler")) || slice_eq(part, S("cron"));
        out->has_scaler = out->has_scaler || slice_eq(part, S("scaler"));
        out->has_cron = out->has_cron || slice_eq(part, S("cron"));
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            struct slice name = slice_of(numbers[i].name);
            if (slice_starts(part, name))
                known = num_i64(slice_skip(part, name.n), 0, INT64_MAX, numbers[i].at);
        }
        out->states_count = out->states_count || slice_starts(part, S("stored="));
        if (slice_starts(part, S("config="))) {
            out->config = read_config(slice_skip(part, 7), strict, a);
            known = true;
        }
        if (slice_starts(part, S("version="))) {
            out->version = read_config(slice_skip(part, 8), true, a);
            known = true;
        }
        if (!known)
            fail_msg("state: %.*s", SLICE_FMT(part));
        out->has_gpus = out->has_gpus || slice_starts(part, S("gpus="));
    }
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

static bool is_rule(const struct line *l, const struct verdict *v)
{
    uint64_t line = 0;

    if (num_u64(l->rule, 0, 100000, &line))
        return named_line(v) == line;
    return slice_eq(l->rule, slice_of(v->rule_key ? v->rule_key : "-"));
}

static bool contains(struct slice text, struct slice part)
{
    for (size_t i = 0; i <= text.n; i++)
        if (slice_starts(slice_skip(text, i), part))
            return true;
    return false;
}

static bool is_strict(const struct request *is)
{
    enum op_raise raise = is->facts.op ? is->facts.op->raise : OP_RAISE_NONE;

    return raise == OP_RAISE_CLONE || raise == OP_RAISE_VERSION;
}

/* What the verdict fills in must be a parameter that the operation has, or the allowed request cannot be built. */
static bool can_fill(const struct facts *f, const struct verdict *v)
{
    return (!v->fill_workspace.p || op_query_field(f->op, S("WorkspaceId"))) &&
           (!v->fill_quota.p || op_query_field(f->op, S("QuotaId")));
}

static bool check_line(const struct snapshot *snap, const struct line *l, struct arena *a)
{
    const struct client *client = snapshot_client_by_name(snap, l->client);
    struct request is = { .body = NULL };
    struct verdict v = { .kind = VERDICT_NONE };
    struct service_state state = { .count = 0 };
    struct err e = { 0 };

    assert_non_null(client);
    enum reason reason = request_route(http1_method_of(l->method), l->target, &is, &e);
    if (reason == REASON_NONE)
        reason = request_parse(&is, l->target, S("application/json"), expand_body(l->body, a), a, &e);
    bool has_state = read_state(l->state, is_strict(&is), &state, a);
    if (reason == REASON_NONE)
        policy_judge(client->policy, S("cn-shanghai"), &is.facts, has_state ? &state : NULL, a, &v);
    const char *got = verdict_name(&v, reason);
    struct slice message = reason == REASON_NONE ? v.refusal.message : slice_of(e.text);
    bool fine = slice_eq(l->verdict, slice_of(got)) && is_rule(l, &v) && contains(message, l->says) &&
                (v.kind != VERDICT_ALLOW || can_fill(&is.facts, &v));
    if (!fine)
        print_error("%s:%u: expected %.*s by %.*s (%.*s), got %s by %s, line %u (%.*s)\n", l->file, l->number,
                    SLICE_FMT(l->verdict), SLICE_FMT(l->rule), SLICE_FMT(l->says), got,
                    v.rule_key ? v.rule_key : "-", named_line(&v), SLICE_FMT(message));
    request_drop(&is);
    return fine;
}

static void check_file(const char *policies, const char *lines, unsigned least)
{
    struct config_errors errors = { .count = 0 };
    struct snapshot *snap = snapshot_load(policies, false, &errors);
    FILE *f = fopen(lines, "rb");
    char text[4096];
    unsigned number = 0, checked = 0, wrong = 0;

    if (!snap)
        print_error("%s", errors.text.p);
    assert_non_null(snap);
    assert_non_null(f);
    while (fgets(text, sizeof text, f)) {
        struct arena *a = arena_new(1024 * 1024);
        struct slice line = slice_of(text);
        number++;
        line.n -= slice_ends(line, S("\n"));
        if (line.n && line.p[0] != ';') {
            struct line l = read_line(line, strrchr(lines, '/') + 1, number, a);
            checked++;
            wrong += !check_line(snap, &l, a);
        }
        arena_free(&a);
    }
    fclose(f);
    print_message("%u verdicts, %u wrong\n", checked, wrong);
    assert_true(checked >= least);
    assert_int_equal(wrong, 0);
    config_errors_drop(&errors);
    snapshot_unref(&snap);
}

static void verdicts(void **test_state)
{
    (void)test_state;
    check_file(FOLDER "team.ini", FOLDER "verdicts.txt", 90);
}

static void no_way_past(void **test_state)
{
    (void)test_state;
    check_file(FOLDER "bypass.ini", FOLDER "bypass.txt", 250);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(verdicts), cmocka_unit_test(no_way_past) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
