/* ini: what is read from lines that are in order, and that nothing else is read from any. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "config/ini.h"

struct fixture {
    struct arena *arena;
    struct problems problems;
    struct ini_doc doc;
};

static void read_text(struct fixture *f, struct slice text)
{
    *f = (struct fixture){ .arena = arena_new(1 << 24), .problems = { .file = "f.ini" } };
    assert_non_null(f->arena);
    assert_true(ini_read(text, f->arena, &f->problems, &f->doc));
}

static void drop(struct fixture *f)
{
    problems_drop(&f->problems);
    arena_free(&f->arena);
}

/* Everything that was read, as "kind/name@line{key=value@line;...}". */
static void dump(const struct ini_doc *doc, struct sbuf *out)
{
    for (const struct ini_section *s = doc->sections; s; s = s->next) {
        sbuf_addf(out, "%.*s/%.*s@%u{", SLICE_FMT(s->kind), SLICE_FMT(s->name), s->line);
        for (const struct ini_item *i = s->items; i; i = i->next)
            sbuf_addf(out, "%.*s=%.*s@%u;", SLICE_FMT(i->key), SLICE_FMT(i->value), i->line);
        sbuf_addc(out, '}');
    }
}

static const struct {
    const char *name, *text, *expected;
} good[] = {
    { "empty", "", "" },
    { "comments alone", "; a\n# b\n\n   \n\t\n", "" },
    { "one key", "[a]\nk = v\n", "a/@1{k=v@2;}" },
    { "no blanks", "[a]\nk=v\n", "a/@1{k=v@2;}" },
    { "many blanks", "[a]\nk \t = \t v w \t \n", "a/@1{k=v w@2;}" },
    { "first equals sign splits", "[a]\nservice_specs = llama <= 4\n", "a/@1{service_specs=llama <= 4@2;}" },
    { "many equals signs", "[a]\nk = a=b==c\n", "a/@1{k=a=b==c@2;}" },
    { "colon behind the equals sign", "[a]\nk = oss://b/c\n", "a/@1{k=oss://b/c@2;}" },
    { "comment at the end", "[a] ; x ]\nk = v ; c;d # e = f\n", "a/@1{k=v@2;}" },
    { "comment behind a tab", "[a]\nk = v\t;c\n", "a/@1{k=v@2;}" },
    { "hash without a blank", "[a]\nk = v#1\n", "a/@1{k=v#1@2;}" },
    { "name", "[client nlp-1.b_C]\n", "client/nlp-1.b_C@1{}" },
    { "repeated key is kept twice", "[a]\nk = 1\nk = 2\n", "a/@1{k=1@2;k=2@3;}" },
    { "two sections", "[a]\nk = 1\n[b c]\n; x\n\nk = 2\n", "a/@1{k=1@2;}b/c@3{k=2@6;}" },
    { "same name, other kind", "[a x]\n[b x]\n[a y]\n", "a/x@1{}b/x@2{}a/y@3{}" },
    { "UTF-8 in a value", "[a]\nk = \xe4\xb8\xad\n", "a/@1{k=\xe4\xb8\xad@2;}" },
    { "a value like a section", "[a]\nk = [b]\n", "a/@1{k=[b]@2;}" },
    { "forty bytes of section", "[a xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx]\n",
      "a/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx@1{}" },
};

static void reads_what_stands_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct fixture f;
        SCOPED(sbuf) got = SBUF_MAX(4096);
        read_text(&f, slice_of(good[i].text));
        dump(&f.doc, &got);
        if (f.problems.error_count || !slice_eq(sbuf_slice(&got), slice_of(good[i].expected)))
            fail_msg("%s: %zu errors, read %s", good[i].name, f.problems.error_count, got.p ? got.p : "");
        drop(&f);
    }
}

/* The longest line is read whole, one byte more is refused, and no tail of a longer one is ever a setting. */
static void long_lines_are_never_split(void **state)
{
    char text[8300];

    (void)state;
    for (size_t n = 7; n < 8000; n += n < 420 ? 1 : 97) {
        struct fixture f;
        memcpy(text, "[a]\nk = ", 8);
        memset(text + 8, ' ', n);
        memcpy(text + 4 + n - 3, "x=1\n", 5); /* the line has n bytes, its last three are x=1 */
        read_text(&f, slice_of(text));
        if (n <= INI_LINE_MAX_BYTES) {
            assert_int_equal(f.problems.error_count, 0);
            assert_true(!f.doc.sections->items->next);
            assert_true(slice_eq(f.doc.sections->items->key, S("k")));
            assert_true(slice_eq(f.doc.sections->items->value, S("x=1")));
        } else {
            assert_int_equal(f.problems.error_count, 1);
            assert_null(f.doc.sections->items);
            assert_true(f.doc.sections->is_faulty);
        }
        drop(&f);
    }
}

/* One fault a line, each with its line, none hides another. */
static void all_faults_are_reported_in_order(void **state)
{
    struct fixture f;
    SCOPED(sbuf) got = SBUF_MAX(4096);

    (void)state;
    read_text(&f, S("k = 0\n[a]\nk : 1\n l = 2\nm = 3;4\n[a]\nn\n[b\nk = 5\n[c] x\nK = 6\no = 7"));
    problems_print(&f.problems, false, &got);
    assert_string_equal(
        got.p,
        "f.ini:1: key outside a section, expected a [SECTION] before it\n"
        "f.ini:3: ':' used for '=', expected KEY = VALUE\n"
        "f.ini:4: indented line, expected it to begin at the left edge\n"
        "f.ini:5: ';' inside a value, expected a blank before a ';' that begins a comment\n"
        "f.ini:6: [a] is repeated, expected it once (first in line 2)\n"
        "f.ini:7: line without '=', expected KEY = VALUE, [SECTION] or a comment\n"
        "f.ini:8: section without ']', expected [KIND] or [KIND NAME]\n"
        "f.ini:10: text after ']', expected nothing or a comment behind a blank\n"
        "f.ini:11: malformed key, expected letters a-z, digits and _ before '='\n"
        "f.ini:12: no newline at the end of the file, expected the last line to end with one (was the file "
        "cut?)\n");
    assert_int_equal(f.problems.error_count, 10);
    drop(&f);
}

/* What stands under a section head that was refused goes nowhere, least of all into the section before. */
static void keys_of_a_refused_section_are_lost(void **state)
{
    static const char *const heads[] = {
        "[b", "[b] x", "[b  c]", "[B]", "[b c]\r", "[b \xff]", " [b]", "[]"
    };

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct fixture f;
        SCOPED(sbuf) text = SBUF_MAX(200);
        sbuf_addf(&text, "[a]\nk = 1\n%s\nk = 2\n[c]\nk = 3\n", heads[i]);
        read_text(&f, sbuf_slice(&text));
        assert_int_equal(f.problems.error_count, 1);
        if (heads[i][0] != ' ') /* an indented one might be anything: the file is refused, that must do */
            assert_ptr_equal(f.doc.sections->items, f.doc.sections->last);
        assert_int_equal(f.doc.sections->items->line, 2);
        drop(&f);
    }
}

/* Whatever single byte is put wherever: no setting appears that a person would not read in the text. */
static void no_byte_makes_another_setting(void **state)
{
    static const char base[] = "[a b]\nkey = value\n; note\nk2 = 1, 2 ; c\n";

    (void)state;
    for (size_t at = 0; at + 1 < sizeof base; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            char text[sizeof base];
            struct fixture f;
            memcpy(text, base, sizeof base);
            text[at] = (char)byte;
            read_text(&f, slice_from(text, sizeof base - 1));
            for (const struct ini_section *s = f.doc.sections; s; s = s->next)
                for (const struct ini_item *i = s->items; i; i = i->next) {
                    assert_true(i->key.p >= text && i->value.p > i->key.p + i->key.n);
                    assert_true(i->value.n > 0 && i->value.p + i->value.n < text + sizeof text);
                    assert_false(slice_has(i->value, '\n') || slice_has(i->value, ';') ||
                                 slice_has(i->value, '\0'));
                }
            drop(&f);
        }
    }
}

static void errors_are_bounded(void **state)
{
    struct fixture f;
    SCOPED(sbuf) text = SBUF_MAX(1 << 20), got = SBUF_MAX(1 << 20);

    (void)state;
    for (int i = 0; i < 10000; i++)
        sbuf_adds(&text, "x\n");
    read_text(&f, sbuf_slice(&text));
    problems_print(&f.problems, false, &got);
    assert_int_equal(f.problems.error_count, 10000);
    assert_int_equal(f.problems.count, PROBLEMS_MOST);
    assert_non_null(strstr(got.p, "and 9800 more\n"));
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_stands_there),
        cmocka_unit_test(long_lines_are_never_split),
        cmocka_unit_test(all_faults_are_reported_in_order),
        cmocka_unit_test(keys_of_a_refused_section_are_lost),
        cmocka_unit_test(no_byte_makes_another_setting),
        cmocka_unit_test(errors_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
