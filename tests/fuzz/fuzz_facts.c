/*
 * Fuzz: "METHOD target\nbody" through the readers of requests, and the body as a stored configuration too.
 * Invariants, each a trap when it fails:
 *   - what is refused has a code and a text of printable ASCII
 *   - of what is accepted, no count stands anywhere in the body that is not among the judged values
 *   - what is printed for a record is read back to the same values, and no secret is in it
 *   - what a strict reader takes, a lenient one takes, with the same counts
 */
#include "core/request.h"
#include <stdint.h>
#include <stdlib.h>

#define CHECK(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_err(const struct err *e)
{
    CHECK(e->code != ERR_NONE && e->text[0]);
    for (const char *c = e->text; *c; c++)
        CHECK(*c >= 0x20 && *c < 0x7f);
}

static bool is_judged(const struct facts *f, int64_t n)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->values[i].is_number && f->values[i].number == n)
            return true;
    return false;
}

static bool is_text_judged(const struct facts *f, struct slice text)
{
    for (size_t i = 0; i < f->count; i++)
        if (!f->values[i].is_number && slice_eq(f->values[i].text, text))
            return true;
    return false;
}

/* Members that mean a count, or hardware, wherever they stand (but for what a fault injection may hold). */
static void check_counts(const struct facts *f, const struct json *node)
{
    static const struct slice counts[] = {
        S_INIT("Instance"),  S_INIT("Replicas"), S_INIT("TargetSize"), S_INIT("max"),
        S_INIT("min"),       S_INIT("instance"), S_INIT("cpu"),        S_INIT("gpu"),
        S_INIT("max_surge"), S_INIT("memory"),   S_INIT("agentCount"), S_INIT("EcsInstanceCount")
    };
    static const struct slice texts[] = { S_INIT("instance_type"), S_INIT("type"),     S_INIT("image"),
                                          S_INIT("ServiceSpec"),   S_INIT("role_arn"), S_INIT("vpc_id") };

    for (const struct json *m = json_first(node); m; m = json_next(m)) {
        int64_t n;
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
            if (slice_eq(json_name(m), counts[i]) && json_integer(m, 0, INT32_MAX, &n))
                CHECK(is_judged(f, n));
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
            if (slice_eq(json_name(m), texts[i]) && json_type(m) == JSON_STRING)
                CHECK(is_text_judged(f, json_text(m)));
        CHECK(!slice_has(json_name(m), '.') || json_type(m) == JSON_STRING); /* a label */
        check_counts(f, m);
    }
}

static void check_record(const struct facts *f, struct arena *a)
{
    SCOPED(sbuf) first = SBUF_MAX(1 << 20);
    SCOPED(sbuf) second = SBUF_MAX(1 << 20);
    struct facts back;
    struct err e = { 0 };

    if (!facts_print(f, &first))
        return;
    CHECK(first.n <= FACTS_TEXT_MAX_BYTES && !strstr(first.p, "s3cret"));
    CHECK(facts_parse(f->op, sbuf_slice(&first), a, &back, &e));
    CHECK(back.count == f->count && facts_print(&back, &second));
    CHECK(slice_eq(sbuf_slice(&first), sbuf_slice(&second)));
    for (size_t i = 0; i < f->count; i++)
        CHECK(f->values[i].meaning == back.values[i].meaning && f->values[i].bound == back.values[i].bound);
}

static void check_request(struct slice method, struct slice target, struct slice body)
{
    struct arena *a = arena_new(1 << 20);
    struct request is = { .body = NULL };
    struct err e = { 0 };

    if (a && request_route(http1_method_of(method), target, &is, &e) == REASON_NONE) {
        if (request_parse(&is, target, S("application/json"), body, a, &e) != REASON_NONE) {
            check_err(&e);
        } else {
            CHECK(is.facts.count <= FACTS_MAX && is.facts.op == is.match.op);
            if (!slice_eq(is.match.op->name, S("CreateFaultInjection")) && is.match.op->effect != OP_LABEL)
                check_counts(&is.facts, is.body);
            check_record(&is.facts, a);
        }
        request_drop(&is);
    }
    arena_free(&a);
}

static void check_stored(struct slice config)
{
    struct arena *a = arena_new(1 << 20);
    struct facts strict, lenient;
    struct err e = { 0 }, le = { 0 };
    int64_t one = -1, other = -1;

    if (!a)
        return;
    bool is_lenient = facts_read_stored(config, false, a, &lenient, &le);
    if (!is_lenient)
        check_err(&le);
    if (facts_read_stored(config, true, a, &strict, &e)) {
        CHECK(is_lenient && lenient.count <= strict.count);
        for (enum op_meaning m = OP_REPLICAS; m <= OP_SURGE; m++) {
            CHECK(facts_max(&strict, m, &one) == facts_max(&lenient, m, &other));
            CHECK(one == other);
        }
        CHECK(strict.has_gpus == lenient.has_gpus && strict.gpus == lenient.gpus);
    } else {
        check_err(&e);
    }
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = slice_from(data, size), line, method;

    if (size == 0 || size > 65536 || !slice_split(&body, '\n', &line) || !slice_split(&line, ' ', &method) ||
        !line.p)
        return 0;
    check_request(method, line, body.p ? body : S(""));
    if (body.p)
        check_stored(body);
    return 0;
}
