/* glob: what patterns match, what they refuse, and overlap against brute force. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "core/glob.h"

static const struct {
    const char *pattern, *text;
    bool match;
} matches[] = {
    { "", "", true },
    { "", "a", false },
    { "a", "", false },
    { "*", "", true },
    { "*", "a", true },
    { "*", "a/b c", true },
    { "nlp_x", "nlp_x", true },
    { "nlp_x", "nlp_y", false },
    { "nlp_x", "nlp_xx", false },
    { "nlp_x", "nlp_", false },
    { "nlp_x", "NLP_x", false },
    { "nlp_*", "nlp_", true },
    { "nlp_*", "nlp_a", true },
    { "nlp_*", "nlp", false },
    { "nlp_*", "xnlp_a", false },
    { "nlp_*", "nlp-a", false },
    { "nlp_*", "Nlp_a", false },
    { "*_prod", "x_prod", true },
    { "*_prod", "_prod", true },
    { "*_prod", "x_prod_", false },
    { "*_prod", "prod", false },
    { "a*b", "ab", true },
    { "a*b", "axxb", true },
    { "a*b", "axbxb", true },
    { "a*b", "axbx", false },
    { "a*b", "ba", false },
    { "a*a", "a", false },
    { "a*a", "aa", true },
    { "*a*", "xay", true },
    { "*a*", "xy", false },
    { "a*b*c", "abc", true },
    { "a*b*c", "abbc", true },
    { "a*b*c", "acb", false },
    { "a*bc*d", "abcbcd", true },
    { "a*bc*d", "abcbc", false },
    { "ab*ab", "aba", false },
    { "ab*ab", "abab", true },
    { "*ab*ab*", "abxaby", true },
    { "*ab*ab*", "abxay", false },
    { "a?c", "abc", false },
    { "a?c", "a?c", true },
    { "a.c", "abc", false },
    { "[ab]", "a", false },
    { "[ab]", "[ab]", true },
    { "a\\*", "a*", false },
    { "a\\*", "a\\x", true },
    { "a*", "*", false },
    { "a", "*", false },
    { "{a,b}", "a", false },
    { "^a$", "a", false },
};

static void test_match(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof matches / sizeof matches[0]; i++)
        if (glob_match(slice_of(matches[i].pattern), slice_of(matches[i].text)) != matches[i].match)
            fail_msg("pattern '%s', text '%s'", matches[i].pattern, matches[i].text);
}

static void test_match_bytes(void **state)
{
    (void)state;
    assert_true(glob_match(S("a*c"), S("a\0\xff"
                                       "c")));
    assert_false(glob_match(S("abc"), S("abc\0")));
    assert_false(glob_match(S("a"), S("a\0*")));
    assert_false(glob_match(S("a\0b"), S("a\0c")));
    assert_true(glob_match(S("*"), SLICE_NONE));
    assert_true(glob_match(SLICE_NONE, SLICE_NONE));
    assert_false(glob_match(SLICE_NONE, S("a")));
}

/* Many stars and a text that almost fits: an exponential matcher would not come back from this. */
static void test_match_is_not_exponential(void **state)
{
    static char pattern[200], text[100000];

    (void)state;
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = i % 2 ? '*' : 'a';
    memset(text, 'a', sizeof text);
    pattern[sizeof pattern - 2] = 'b';
    assert_false(glob_match(slice_from(pattern, sizeof pattern), slice_from(text, sizeof text)));
    text[sizeof text - 1] = 'b';
    assert_true(glob_match(slice_from(pattern, sizeof pattern), slice_from(text, sizeof text)));
}

static const struct {
    const char *a, *b;
    bool overlap;
} overlaps[] = {
    { "", "", true },
    { "", "*", true },
    { "", "a", false },
    { "nlp_*", "nlp_*", true },
    { "nlp_*", "cv_*", false },
    { "nlp_*", "nlp_x", true },
    { "nlp_*", "nlp_x*", true },
    { "nlp_*", "*_prod", true },
    { "nlp_*", "*", true },
    { "nlp_x", "nlp_x", true },
    { "nlp_x", "nlp_y", false },
    { "nlp_*", "nlp", false },
    { "nlp_*", "nlpx_*", false },
    { "a*b", "b*a", false },
    { "a*b", "*a", false },
    { "a*b", "a*c", false },
    { "*a*", "*b*", true },
    { "a*a", "a", false },
    { "ab*", "*bc", true },
    { "ab*bc", "abc", false },
    { "ab*bc", "a*c", true },
    { "x*y", "xy", true },
};

static void test_overlap(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof overlaps / sizeof overlaps[0]; i++) {
        struct slice a = slice_of(overlaps[i].a), b = slice_of(overlaps[i].b);
        if (glob_overlap(a, b) != overlaps[i].overlap || glob_overlap(b, a) != overlaps[i].overlap)
            fail_msg("'%s' and '%s'", overlaps[i].a, overlaps[i].b);
    }
}

/* Straight from the definition, and as slow. */
static bool naive_match(const char *p, const char *t)
{
    if (*p == '*')
        return naive_match(p + 1, t) || (*t && naive_match(p, t + 1));
    return *p == *t && (*p == '\0' || naive_match(p + 1, t + 1));
}

/* Word number n over these letters: "", "a", "b", ... in order of length. */
static void word(size_t n, const char *letters, char out[12])
{
    size_t base = strlen(letters), length = 0;

    for (; n; n = (n - 1) / base)
        out[length++] = letters[(n - 1) % base];
    out[length] = '\0';
}

enum { PATTERNS = 1 + 3 + 9 + 27 + 81, TEXTS = 511 }; /* up to 4 and 8 letters: a common text needs no more */

static void test_against_brute_force(void **state)
{
    static bool fits[PATTERNS][TEXTS];
    char p[12], q[12], t[12];
    size_t overlapping = 0;

    (void)state;
    for (size_t i = 0; i < PATTERNS; i++)
        for (size_t k = 0; k < TEXTS; k++) {
            word(i, "ab*", p);
            word(k, "ab", t);
            fits[i][k] = naive_match(p, t);
            if (glob_match(slice_of(p), slice_of(t)) != fits[i][k])
                fail_msg("pattern '%s', text '%s'", p, t);
        }
    for (size_t i = 0; i < PATTERNS; i++)
        for (size_t j = 0; j < PATTERNS; j++) {
            bool expected = false;
            for (size_t k = 0; k < TEXTS && !expected; k++)
                expected = fits[i][k] && fits[j][k];
            overlapping += expected;
            word(i, "ab*", p);
            word(j, "ab*", q);
            if (glob_overlap(slice_of(p), slice_of(q)) != expected)
                fail_msg("'%s' and '%s' %s overlap", p, q, expected ? "do" : "do not");
        }
    assert_in_range(overlapping, PATTERNS, PATTERNS * PATTERNS - PATTERNS);
}

static void test_overlap_of_long_patterns(void **state)
{
    static char a[GLOB_PATTERN_MAX_BYTES + 1], b[GLOB_PATTERN_MAX_BYTES + 1];

    (void)state;
    memset(a, 'a', sizeof a);
    memset(b, 'b', sizeof b);
    assert_false(glob_overlap(slice_from(a, sizeof a - 1), slice_from(b, sizeof b - 1)));
    assert_true(glob_overlap(slice_from(a, sizeof a), slice_from(b, sizeof b))); /* too long to tell */
}

static const char *const valid[] = { "*", "a", "nlp_*", "*_*", "a-b.c/d:e", "a*b*c" };
static const char *const invalid[] = { "",     "**",  "a**b", "a?", "a[b]", "a]", "{a}",
                                       "a\\*", "a b", "a\tb", "\n", "\x7f", "é",  "a\xff" };

static void test_valid(void **state)
{
    char text[GLOB_PATTERN_MAX_BYTES + 1];

    (void)state;
    for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++)
        assert_true(glob_valid(slice_of(valid[i]), NULL));
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        struct err e = { .code = ERR_NONE };
        if (glob_valid(slice_of(invalid[i]), &e) || e.code == ERR_NONE || !e.text[0])
            fail_msg("'%s' must be refused with a text", invalid[i]);
    }
    assert_false(glob_valid(S("a\0b"), NULL));
    memset(text, 'a', sizeof text);
    assert_true(glob_valid(slice_from(text, sizeof text - 1), NULL));
    assert_false(glob_valid(slice_from(text, sizeof text), NULL));
}

static const struct {
    const char *pattern, *path;
    bool match;
} paths[] = {
    { "/models/*", "/models/llama", true },
    { "/models/*", "/models/../secret", false },
    { "/models/*", "//models/llama", false },
    { "/models/*", "/secret/llama", false },
    { "/models/*", "models/llama", false },
    { "/models/*", "oss://models/llama", false },
    { "/*", "oss://nlp-models/a", false },
    { "oss://nlp-models/*", "/nlp-models/a", false },
    { "oss://nlp-models/*", "oss://nlp-models/llama/", true },
    { "oss://nlp-models/*", "oss://nlp-models/", true },
    { "oss://nlp-models/*", "oss://nlp-models/a/b/c.bin", true },
    { "oss://nlp-models/*", "oss://nlp-models", false },
    { "oss://nlp-models/*", "oss://nlp-models-of-others/a", false },
    { "oss://nlp-models/*", "oss://nlp-models.oss-cn-shanghai.aliyuncs.com/a", false },
    { "oss://nlp-models/*", "oss://other/nlp-models/", false },
    { "oss://nlp-models/*", "OSS://nlp-models/a", false },
    { "oss://nlp-models/*", "oss:/nlp-models/a", false },
    { "oss://nlp-models/*", "oss:///nlp-models/a", false },
    { "oss://nlp-models/*", "nlp-models/a", false },
    { "oss://nlp-models/*", "", false },
    { "oss://nlp-models/*", "oss://nlp-models/../other/a", false },
    { "oss://nlp-models/*", "oss://nlp-models/a/..", false },
    { "oss://nlp-models/*", "oss://nlp-models/a/../b", false },
    { "oss://nlp-models/*", "oss://nlp-models/./a", false },
    { "oss://nlp-models/*", "oss://nlp-models/.", false },
    { "oss://nlp-models/*", "oss://nlp-models//a", false },
    { "oss://nlp-models/*", "oss://nlp-models/a//", false },
    { "oss://nlp-models/*", "oss://nlp-models/a\\b", false },
    { "oss://nlp-models/*", "oss://nlp-models/..\\other", false },
    { "oss://nlp-models/*", "oss://nlp-models/%2e%2e/other", false },
    { "oss://nlp-models/*", "oss://nlp-models/a%2Fb", false },
    { "oss://nlp-models/*", "oss://nlp-models/a?x=1", false },
    { "oss://nlp-models/*", "oss://nlp-models/a#b", false },
    { "oss://nlp-models/*", "oss://nlp-models/a b", false },
    { "oss://nlp-models/*", "oss://nlp-models/a\nb", false },
    { "oss://nlp-models/*", "oss://nlp-models/a\x7f", false },
    { "oss://nlp-models/*", "oss://nlp-models/\xc3\xa9", false },
    { "oss://nlp-models/*", "oss://nlp-models/\xff", false },
    { "oss://nlp-models/*", "oss://nlp-models/*", false },
    { "oss://nlp-models/*", "oss://me@nlp-models/a", false },
    { "oss://nlp-models/*", "oss://nlp-models:80/a", false },
    { "oss://nlp-models/*", "oss://nlp-models/...", true },
    { "oss://nlp-models/*", "oss://nlp-models/.hidden/..b", true },
    { "oss://nlp-models/team/*", "oss://nlp-models/team/a", true },
    { "oss://nlp-models/team/*", "oss://nlp-models/team", false },
    { "oss://nlp-models/team/*", "oss://nlp-models/teams/a", false },
    { "oss://nlp-models/team/*", "oss://nlp-models/Team/a", false },
    { "oss://nlp-models/v*/weights/", "oss://nlp-models/v1/weights/", true },
    { "oss://nlp-models/v*/weights/", "oss://nlp-models/v1/weights", false },
    { "oss://nlp-models/exact", "oss://nlp-models/exact", true },
    { "oss://nlp-models/exact", "oss://nlp-models/exact/", false },
    { "oss://*", "oss://nlp-models/a", false },
    { "oss://*/a", "oss://nlp-models/a", false },
    { "oss://nlp*/a", "oss://nlp-models/a", false },
    { "*", "oss://nlp-models/a", false },
    { "", "oss://nlp-models/a", false },
};

static void test_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (glob_path_match(slice_of(paths[i].pattern), slice_of(paths[i].path)) != paths[i].match)
            fail_msg("pattern '%s', path '%s'", paths[i].pattern, paths[i].path);
    assert_false(glob_path_match(S("oss://nlp-models/*"), S("oss://nlp-models/a\0b")));
}

static void test_path_valid(void **state)
{
    (void)state;
    assert_true(glob_path_valid(S("oss://nlp-models/*"), NULL));
    assert_true(glob_path_valid(S("oss://b/a*/c"), NULL));
    assert_false(glob_path_valid(S("oss://nlp-models*"), NULL));
    assert_false(glob_path_valid(S("oss://nlp-models"), NULL));
    assert_false(glob_path_valid(S("oss://-b/"), NULL));
    assert_false(glob_path_valid(S("oss://b./"), NULL));
    assert_false(glob_path_valid(S("oss://Bucket/"), NULL));
    assert_false(glob_path_valid(S("oss://b/a/../*"), NULL));
    assert_false(glob_path_valid(S("oss://b//*"), NULL));
    assert_false(glob_path_valid(S("nas://b/*"), NULL));
}

/* RFC 3986, 5.2.4 and 6.2.2: what a reader of an address may take for a step out of a folder. */
static void test_climbs(void **state)
{
    static const char *const climbs[] = {
        "..",         ".",        "a/..",     "../a",     "a/../b",     "a/./b",
        "a/%2e%2e/b", "a/%2E./b", "a/.%2e?x", "a\\..\\b", "git@h:../b", "a/..#b",
    };
    static const char *const stays[] = { "",        "a",    "a.b",   "a/...",   "a/..b",      "a/b..",
                                         "1.2.3.4", "a/%2", "a/.b/", "a/b.git", "a/%2e%2e%2e" };

    (void)state;
    for (size_t i = 0; i < sizeof climbs / sizeof climbs[0]; i++)
        assert_true(glob_climbs(slice_of(climbs[i])));
    for (size_t i = 0; i < sizeof stays / sizeof stays[0]; i++)
        assert_false(glob_climbs(slice_of(stays[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_climbs),
        cmocka_unit_test(test_match_bytes),
        cmocka_unit_test(test_match_is_not_exponential),
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_against_brute_force),
        cmocka_unit_test(test_overlap_of_long_patterns),
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_path_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
