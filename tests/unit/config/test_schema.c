/* schema: the sample and the manual say what the table says. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "config/schema.h"

static void read_file(const char *path, struct sbuf *out)
{
    FILE *f = fopen(path, "rb");
    int c;

    if (!f)
        fail_msg("cannot open %s", path);
    while ((c = fgetc(f)) != EOF)
        sbuf_addc(out, (char)c);
    fclose(f);
    assert_true(sbuf_ok(out));
}

/* ";key = value" or "key = value" of a section in the sample; SLICE_NONE when it has none. */
static struct slice sample_value(struct slice sample, const struct schema_row *row)
{
    struct slice rest = sample, line;
    SCOPED(sbuf) head = SBUF_MAX(100);
    SCOPED(sbuf) key = SBUF_MAX(100);
    bool is_inside = false;

    sbuf_addf(&head, "[%s", schema_section_at(row->kind)->name);
    sbuf_addf(&key, "%s = ", row->key);
    while (slice_split(&rest, '\n', &line)) {
        if (line.n && line.p[0] == '[')
            is_inside = slice_starts(line, sbuf_slice(&head));
        struct slice text = line.n && line.p[0] == ';' ? slice_skip(line, 1) : line;
        if (is_inside && slice_starts(text, sbuf_slice(&key)))
            return slice_skip(text, key.n);
    }
    return SLICE_NONE;
}

static void the_sample_has_every_key_with_its_default(void **state)
{
    SCOPED(sbuf) sample = SBUF_MAX(100000);

    (void)state;
    read_file(EG_TESTS_DIR "/../conf/easgate.ini", &sample);
    for (size_t i = 0; i < schema_row_count(); i++) {
        const struct schema_row *row = schema_row_at(i);
        struct slice value = sample_value(sbuf_slice(&sample), row);
        if (!value.p)
            fail_msg("conf/easgate.ini lacks %s of [%s]", row->key, schema_section_at(row->kind)->name);
        if (row->fallback && !slice_eq(value, slice_of(row->fallback)))
            fail_msg("conf/easgate.ini: %s is %.*s, the default is %s", row->key, SLICE_FMT(value),
                     row->fallback);
    }
}

/* With all that is commented out put in, the sample is a configuration, too; so its examples are right. */
static void the_sample_s_examples_are_right(void **state)
{
    SCOPED(sbuf) sample = SBUF_MAX(100000);
    SCOPED(sbuf) whole = SBUF_MAX(100000);
    struct slice rest, line;
    struct config_errors errors = { 0 };
    size_t put_in = 0;

    (void)state;
    read_file(EG_TESTS_DIR "/../conf/easgate.ini", &sample);
    for (rest = sbuf_slice(&sample); slice_split(&rest, '\n', &line);) {
        bool is_setting = line.n > 1 && line.p[0] == ';' && line.p[1] != ' ';
        put_in += is_setting;
        sbuf_add(&whole, is_setting ? slice_skip(line, 1) : line);
        if (rest.p)
            sbuf_addc(&whole, '\n');
    }
    struct snapshot *s = snapshot_load_text("sample", sbuf_slice(&whole), false, &errors);
    if (!s)
        fail_msg("%s", errors.text.p);
    assert_true(put_in > 25);
    assert_string_equal(s->warnings, "");
    for (size_t i = 0; i < schema_row_count(); i++) { /* and nothing of it is unset */
        const struct schema_row *row = schema_row_at(i);
        SCOPED(sbuf) value = SBUF_MAX(1000);
        const void *bases[SECTION_COUNT_] = {
            [SECTION_GATEWAY] = &s->gateway,           [SECTION_UPSTREAM] = &s->upstreams[0],
            [SECTION_CREDENTIAL] = &s->credentials[0], [SECTION_AUDIT] = &s->audit,
            [SECTION_CLIENT] = &s->clients[0].cfg,     [SECTION_POLICY] = &s->policies[0]
        };
        schema_print_value(row, bases[row->kind], &value);
        assert_true(value.n > 0);
    }
    snapshot_unref(&s);
}

static void the_manual_is_fresh(void **state)
{
    SCOPED(sbuf) committed = SBUF_MAX(200000);
    SCOPED(sbuf) printed = SBUF_MAX(200000);

    (void)state;
    read_file(EG_TESTS_DIR "/../docs/configuration.md", &committed);
    schema_print_manual(&printed);
    if (!slice_eq(sbuf_slice(&committed), sbuf_slice(&printed)))
        fail_msg("docs/configuration.md is stale: run `easgate check --manual > docs/configuration.md`");
}

/* A key is known, or known as not enforced, never both; names are unique within a section. */
static void rows_are_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < schema_row_count(); i++) {
        const struct schema_row *row = schema_row_at(i);
        assert_ptr_equal(schema_row_find(row->kind, slice_of(row->key)), row);
        assert_false(schema_key_is_later(row->kind, slice_of(row->key)));
        assert_true(row->lo <= row->hi);
        assert_false(row->is_required && row->fallback);
        assert_true(strlen(row->help) > 10 && row->help[strlen(row->help) - 1] == '.');
    }
    assert_true(schema_key_is_later(SECTION_POLICY, S("max_services")));
}

static void slips_of_the_pen_are_recognised(void **state)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } pairs[] = { { "", "", 0 },
                  { "a", "", 1 },
                  { "", "abc", 3 },
                  { "kitten", "sitting", 3 },
                  { "flaw", "lawn", 2 },
                  { "Allow", "allow", 0 },
                  { "saturday", "sunday", 3 },
                  { "abc", "abc", 0 } };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_int_equal(schema_distance(slice_of(pairs[i].a), slice_of(pairs[i].b)), pairs[i].distance);
    assert_string_equal(schema_suggest(SECTION_POLICY, S("sevices")), "services");
    assert_string_equal(schema_suggest(SECTION_NONE, S("clint")), "client");
    assert_null(schema_suggest(SECTION_POLICY, S("zzzzzzzz")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_has_every_key_with_its_default),
        cmocka_unit_test(the_sample_s_examples_are_right),
        cmocka_unit_test(the_manual_is_fresh),
        cmocka_unit_test(rows_are_sound),
        cmocka_unit_test(slips_of_the_pen_are_recognised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
