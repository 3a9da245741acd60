/* rules: a list with an index finds what the same list finds without one, and the first of several, whatever stands in it. */
#include "core/rules.h"
#include "core/glob.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define VALUES_MAX 256

struct list {
    struct rule values[VALUES_MAX];
    struct rules rules;
};

static void add(struct list *l, const char *text)
{
    assert_true(l->rules.count < VALUES_MAX);
    l->values[l->rules.count] = (struct rule){ .text = slice_of(text), .line = (unsigned)l->rules.count + 1 };
    l->rules.at = l->values;
    l->rules.count++;
}

static unsigned line_of(const struct rules *rules, enum bound_style style, const char *text)
{
    const struct rule *found = rules_find(rules, style, slice_of(text));

    return found ? found->line : 0;
}

static void the_first_of_several_is_found(void **state)
{
    static const char *const values[] = { "zz", "a_b", "a_*", "a_b*", "*", "b", "c", "d", "e", "f" };
    struct list l = { .rules = { .key = "services" } };
    struct arena *a = arena_new(100000);

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        add(&l, values[i]);
    for (int indexed = 0; indexed < 2; indexed++) {
        assert_int_equal(line_of(&l.rules, BOUND_STYLE_GLOBS, "a_b"), 2);
        assert_int_equal(line_of(&l.rules, BOUND_STYLE_GLOBS, "a_bc"), 3);
        assert_int_equal(line_of(&l.rules, BOUND_STYLE_GLOBS, "b"), 5);
        assert_int_equal(line_of(&l.rules, BOUND_STYLE_GLOBS, ""), 5);
        assert_int_equal(line_of(&l.rules, BOUND_STYLE_WORDS, "b"), 6); /* the star is for itself */
        assert_int_equal(line_of(&l.rules, BOUND_STYLE_WORDS, "a_bc"), 0);
        assert_int_equal(line_of(&l.rules, BOUND_STYLE_WORDS, "*"), 5);
        assert_int_equal(line_of(&l.rules, BOUND_STYLE_REPLICAS, "b"), 0);
        assert_true(rules_make_index(&l.rules, BOUND_STYLE_GLOBS, a));
        if (indexed == 0) { /* an index is made for one style: words are looked for by their own */
            assert_non_null(l.rules.index);
            assert_int_equal(line_of(&l.rules, BOUND_STYLE_GLOBS, "a_bc"), 3);
            l.rules.index = NULL;
            assert_true(rules_make_index(&l.rules, BOUND_STYLE_WORDS, a));
            assert_int_equal(line_of(&l.rules, BOUND_STYLE_WORDS, "*"), 5);
            assert_int_equal(line_of(&l.rules, BOUND_STYLE_WORDS, "a_bc"), 0);
            l.rules.index = NULL;
        }
    }
    arena_free(&a);
}

static uint32_t seed = 12345;
static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static const char *draw_text(struct arena *a, const char *alphabet, uint32_t letters, uint32_t longest)
{
    char text[16] = "";
    size_t n = 1 + draw(longest);

    for (size_t i = 0; i < n; i++)
        text[i] = alphabet[draw(letters)];
    return arena_str(a, slice_from(text, n));
}

static void an_index_changes_no_verdict(void **state)
{
    static const enum bound_style styles[] = { BOUND_STYLE_GLOBS, BOUND_STYLE_WORDS };
    unsigned found = 0;

    (void)state;
    for (int round = 0; round < 200; round++) {
        struct arena *a = arena_new(10 << 20);
        enum bound_style style = styles[round % 2];
        struct list plain = { .rules = { .key = "x" } };
        size_t count = 9 + draw(VALUES_MAX - 9);
        for (size_t i = 0; i < count; i++)
            add(&plain, draw_text(a, "ab*", 3, 8));
        struct rules indexed = plain.rules;
        assert_true(rules_make_index(&indexed, style, a));
        assert_non_null(indexed.index);
        for (int i = 0; i < 200; i++) {
            const char *text = draw_text(a, "abc", 3, 10);
            unsigned expected = line_of(&plain.rules, style, text);
            assert_int_equal(line_of(&indexed, style, text), expected);
            found += expected > 0;
        }
        arena_free(&a);
    }
    assert_true(found > 1000);
}

static void owners_know_whose_a_name_is(void **state)
{
    struct arena *a = arena_new(1 << 20);
    const int first = 1, second = 2;
    const struct rule patterns[] = { { .text = S_INIT("a_*") },
                                     { .text = S_INIT("exact") },
                                     { .text = S_INIT("b_*") } };
    struct owners *o = owners_new(3, a);

    (void)state;
    assert_non_null(o);
    assert_true(owners_add(o, &patterns[0], &first) && owners_add(o, &patterns[1], &first) &&
                owners_add(o, &patterns[2], &second));
    assert_false(owners_add(o, &patterns[0], &second)); /* there is no room */
    assert_ptr_equal(owners_find(o, S("a_1")), &first);
    assert_ptr_equal(owners_find(o, S("exact")), &first);
    assert_ptr_equal(owners_find(o, S("b_")), &second);
    assert_null(owners_find(o, S("exactly")));
    assert_null(owners_find(o, S("")));
    assert_null(owners_find(NULL, S("a_1")));
    arena_free(&a);
}

static void every_key_has_a_style_and_a_name(void **state)
{
    (void)state;
    for (enum bound b = BOUND_NONE + 1; b < BOUND_COUNT_; b++) {
        assert_int_not_equal(bound_style(b), BOUND_STYLE_NONE);
        assert_int_equal(bound_by_name(slice_of(bound_name(b))), b);
    }
    assert_int_equal(bound_by_name(S("nothing")), BOUND_NONE);
    assert_int_equal(bound_by_name(S("")), BOUND_NONE);
    assert_int_equal(bound_style(BOUND_NONE), BOUND_STYLE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_of_several_is_found),
        cmocka_unit_test(an_index_changes_no_verdict),
        cmocka_unit_test(owners_know_whose_a_name_is),
        cmocka_unit_test(every_key_has_a_style_and_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
