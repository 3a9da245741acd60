/*
 * Fuzz: a method and a target ("METHOD path?query", as on a request line) through the matcher and the query reader.
 * Invariants, each a trap when it fails:
 *   - what the matcher accepts is in the closed grammar, spells the operation's template, and is found again
 *   - what the query reader accepts is printed canonically, and that text is read again to the same values and text
 *   - an error has a code and a text of printable ASCII
 */
#include "core/opcat.h"
#include "core/query.h"
#include <stdint.h>

#define CHECK(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_err(const struct err *e)
{
    CHECK(e->code != ERR_NONE && e->text[0]);
    for (const char *c = e->text; *c; c++)
        CHECK(*c >= 0x20 && *c < 0x7f);
}

/* The template with the matched parameters put in is the path itself. */
static void check_match(enum http1_method method, struct slice path, const struct op_match *m)
{
    struct slice rest = path, left = m->op->path, segment, of_template;
    size_t params = 0;

    CHECK(m->op->method == method);
    while (slice_split(&rest, '/', &segment)) {
        CHECK(slice_split(&left, '/', &of_template));
        bool is_param = of_template.n && of_template.p[0] == '{';
        CHECK(is_param ? segment.n > 0 : slice_eq(segment, of_template));
        if (is_param)
            CHECK(m->params[params++].p == segment.p);
    }
    CHECK(!left.p && params == m->op->param_count);
    CHECK(!slice_has(path, '%') && !slice_has(path, '?') && !slice_has(path, ';') && !slice_has(path, '\0'));
}

static void check_query(const struct op *op, struct slice raw)
{
    struct arena *a = arena_new(1 << 20);
    struct err e = { 0 };
    struct query first, second;
    SCOPED(sbuf) once = SBUF_MAX(1 << 20);
    SCOPED(sbuf) again = SBUF_MAX(1 << 20);

    if (!a)
        return;
    if (!query_parse(op, raw, a, &first, &e)) {
        check_err(&e);
        arena_free(&a);
        return;
    }
    query_print_canonical(&first, &once);
    CHECK(query_parse(op, sbuf_slice(&once), a, &second, &e));
    CHECK(first.count == second.count);
    for (size_t i = 0; i < first.count; i++) {
        CHECK(first.items[i].field == second.items[i].field);
        CHECK(slice_eq(first.items[i].value, second.items[i].value));
        CHECK(i == 0 || slice_cmp(first.items[i - 1].field->name, first.items[i].field->name) < 0);
    }
    query_print_canonical(&second, &again);
    CHECK(sbuf_ok(&once) && slice_eq(sbuf_slice(&once), sbuf_slice(&again)));
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice target = slice_from(data, size), method, path;
    struct op_match m;

    if (size == 0 || size > HTTP1_TARGET_MAX_BYTES || !slice_split(&target, ' ', &method) || !target.p)
        return 0;
    slice_split(&target, '?', &path);
    if (opcat_match(http1_method_of(method), path, &m) != OPCAT_FOUND) {
        CHECK(!m.op);
        return 0;
    }
    check_match(http1_method_of(method), path, &m);
    check_query(m.op, target);
    return 0;
}
