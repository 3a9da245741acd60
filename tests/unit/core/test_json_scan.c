/* json_scan: the corpus, places and texts of errors, limits, names, and a second reader's verdict on damaged texts. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "core/json_scan.h"
#include "base/sbuf.h"
#include "json_corpus.h"
#include "json_strict.h"

static bool scan(struct slice text, struct err *e)
{
    *e = (struct err){ .code = ERR_NONE };
    return json_scan(text, &json_limits_request, e);
}

static void check_refusal(struct slice name, const struct err *e)
{
    if (e->code == ERR_NONE || !e->text[0])
        fail_msg("%.*s: refused without a reason", SLICE_FMT(name));
    for (const char *p = e->text; *p; p++)
        if (*p < 0x20 || *p > 0x7e)
            fail_msg("%.*s: a byte of the text in the error", SLICE_FMT(name));
}

static void check_entry(const struct corpus_entry *entry)
{
    struct err e;
    bool accepted = scan(corpus_document(entry), &e);

    if (accepted != entry->valid)
        fail_msg("%.*s: %s %s", SLICE_FMT(entry->name), accepted ? "accepted" : "refused", e.text);
    if (!accepted)
        check_refusal(entry->name, &e);
    if (strict_accepts(entry->bytes, entry->n) != entry->valid)
        fail_msg("%.*s: the second reader is wrong", SLICE_FMT(entry->name));

    SCOPED(sbuf) body = SBUF_MAX(1024 * 1024);
    sbuf_adds(&body, "{\"ServiceName\":\"nlp_x\",\"Config\":");
    sbuf_add(&body, corpus_document(entry));
    sbuf_addc(&body, '}');
    accepted = scan(sbuf_slice(&body), &e);
    if (accepted != entry->in_config)
        fail_msg("%.*s as Config: %s %s", SLICE_FMT(entry->name), accepted ? "accepted" : "refused", e.text);
}

static void test_corpus(void **state)
{
    (void)state;
    assert_in_range(corpus_walk(check_entry), CORPUS_LEAST, 1000000);
}

static const struct {
    const char *text;
    enum err_code code;
    const char *error;
} errors[] = {
    { "", ERR_SYNTAX, "at byte 0: the text is empty" },
    { "  ", ERR_SYNTAX, "at byte 2: the text ends too early" },
    { "\xef\xbb\xbf{}", ERR_SYNTAX, "at byte 0: byte order mark before the value" },
    { "{} x", ERR_SYNTAX, "at byte 3: something follows the value" },
    { "{\"a\":1,}", ERR_SYNTAX, "at byte 7: a member name in double quotes is missing" },
    { "[1,]", ERR_SYNTAX, "at byte 3 (/1): no JSON value here" },
    { "{\"a\" 1}", ERR_SYNTAX, "at byte 5 (/a): a colon is missing behind the name" },
    { "{\"a\":[0,[1,02]]}", ERR_SYNTAX, "at byte 11 (/a/1/1): a number must not begin with 0" },
    { "{\"a\":1 \"b\":2}", ERR_SYNTAX, "at byte 7 (/a): a comma or } is missing" },
    { "{\"a\":\"\\u0000\"}", ERR_SYNTAX, "at byte 6 (/a): \\u0000 is not allowed" },
    { "{\"a\":1,\"\x01\":2}", ERR_SYNTAX, "at byte 8: control character in a string" },
    { "[\"\xff\"]", ERR_SYNTAX, "at byte 2 (/0): ill-formed UTF-8" },
    { "{\"Config\":{\"a\":1,\"b\":2,\"A\":3}}", ERR_CONFLICT,
      "at byte 23 (/Config/A): duplicate name, differs only in case from an earlier one" },
    { "{\"a\":1,\"b\":{},\"a\":3}", ERR_CONFLICT, "at byte 14 (/a): duplicate name" },
    { "{\"a\":1,\"a\":1,\"A\":1}", ERR_CONFLICT, "at byte 7 (/a): duplicate name" },
    { "{\"\\u00e9\":tru}", ERR_SYNTAX, "at byte 10 (/?): no JSON value here" },
    { "{\"a~b/c d\":tru}", ERR_SYNTAX, "at byte 11 (/a~0b~1c?d): no JSON value here" },
    { "{\"0123456789012345678901234567890123456789X\":tru}", ERR_SYNTAX,
      "at byte 45 (/0123456789012345678901234567890123456789...): no JSON value here" },
};

static void test_errors_say_where_and_why(void **state)
{
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        assert_false(scan(slice_of(errors[i].text), &e));
        assert_string_equal(e.text, errors[i].error);
        assert_int_equal(e.code, errors[i].code);
    }
    assert_false(json_scan(S("["), &json_limits_request, NULL)); /* nobody asks why */
}

/* A pointer of thousands of bytes does not push the reason out of the error. */
static void test_error_pointer_is_bounded(void **state)
{
    SCOPED(sbuf) text = SBUF_MAX(100000);
    struct err e;

    (void)state;
    for (int i = 0; i < 31; i++)
        sbuf_adds(&text, "{\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\":");
    sbuf_adds(&text, "x");
    assert_false(scan(sbuf_slice(&text), &e));
    assert_non_null(strstr(e.text, "...): no JSON value here"));
    assert_in_range(strlen(e.text), 100, 300);
}

static void add_times(struct sbuf *b, const char *text, size_t times)
{
    while (times--)
        sbuf_adds(b, text);
}

/* `before` times `opening`, then `middle`, then as many `closing`. */
static bool scan_nested(const char *opening, size_t times, const char *middle, const char *closing)
{
    SCOPED(sbuf) text = SBUF_MAX(1024 * 1024);
    struct err e;

    add_times(&text, opening, times);
    sbuf_adds(&text, middle);
    add_times(&text, closing, times);
    assert_true(sbuf_ok(&text));
    return scan(sbuf_slice(&text), &e);
}

static void test_limit_of_depth(void **state)
{
    struct err e = { .code = ERR_NONE };

    (void)state;
    assert_true(scan_nested("[", 32, "", "]"));
    assert_false(scan_nested("[", 33, "", "]"));
    assert_true(scan_nested("{\"a\":", 32, "1", "}"));
    assert_false(scan_nested("{\"a\":", 33, "1", "}"));
    assert_false(scan_nested("[", 32, "1,[2]", "]"));
    assert_false(scan_nested("[", 200000, "", "")); /* deeper than any stack would like */
    assert_false(json_scan(S("[[[1]]]"), &(struct json_limits){ 2, 100, 100, 100 }, &e));
    assert_string_equal(e.text, "at byte 2 (/0/0): nested too deeply, at most 2 levels are allowed");
    /* a limit above the reader's own is no way around it */
    SCOPED(sbuf) deep = SBUF_MAX(100000);
    add_times(&deep, "[", 1000);
    assert_false(json_scan(sbuf_slice(&deep), &(struct json_limits){ 5000, 100000, 100000, 100 }, NULL));
}

static bool scan_values(size_t count)
{
    SCOPED(sbuf) text = SBUF_MAX(1024 * 1024);
    struct err e;

    sbuf_adds(&text, "[0"); /* two values */
    add_times(&text, ",0", count - 2);
    sbuf_adds(&text, "]");
    return scan(sbuf_slice(&text), &e);
}

static void test_limit_of_values(void **state)
{
    (void)state;
    assert_true(scan_values(10000));
    assert_false(scan_values(10001));
}

static bool scan_string(const char *piece, size_t times, bool as_name)
{
    SCOPED(sbuf) text = SBUF_MAX(1024 * 1024);
    struct err e;

    sbuf_adds(&text, as_name ? "{\"" : "\"");
    add_times(&text, piece, times);
    sbuf_adds(&text, as_name ? "\":1}" : "\"");
    return scan(sbuf_slice(&text), &e);
}

static void test_limit_of_strings(void **state)
{
    (void)state;
    assert_true(scan_string("a", 65536, false));
    assert_false(scan_string("a", 65537, false));
    assert_true(scan_string("a", 65536, true));
    assert_false(scan_string("a", 65537, true));
    assert_true(scan_string("\\n", 65536, false)); /* counted unescaped */
    assert_true(scan_string("\xe2\x82\xac", 21845, false));
    assert_false(scan_string("\xe2\x82\xac", 21846, false));
    assert_true(scan_string("\\u20ac", 21845, false));
    assert_false(scan_string("\\u20ac", 21846, false));
    assert_true(scan_string("\\ud83d\\ude00", 16384, false));
    assert_false(scan_string("\\ud83d\\ude00", 16385, false));
}

static void test_limit_of_bytes(void **state)
{
    SCOPED(sbuf) text = SBUF_MAX(1024 * 1024);
    struct err e;

    (void)state;
    add_times(&text, " ", 256 * 1024 - 1);
    sbuf_addc(&text, '1');
    assert_true(scan(sbuf_slice(&text), &e));
    sbuf_addc(&text, ' ');
    assert_false(scan(sbuf_slice(&text), &e));
    assert_int_equal(e.code, ERR_TOO_LONG);
}

/* An object of n members, the last of which has the name of member `repeated` in capitals (n = none). */
static bool scan_members(size_t n, size_t repeated, const struct json_limits *limits, struct err *e)
{
    SCOPED(sbuf) text = SBUF_MAX(64 * 1024 * 1024);

    sbuf_addc(&text, '{');
    for (size_t i = 0; i < n; i++)
        sbuf_addf(&text, "\"name%zu\":0,", i * 7919 % n);
    sbuf_addf(&text, repeated < n ? "\"NAME%zu\":0}" : "\"other%zu\":0}", repeated);
    assert_true(sbuf_ok(&text));
    *e = (struct err){ .code = ERR_NONE };
    return json_scan(sbuf_slice(&text), limits, e);
}

static void test_many_names(void **state)
{
    struct err e;

    (void)state;
    assert_true(scan_members(9998, 9998, &json_limits_request, &e));
    for (size_t i = 0; i < 9998; i += 1111)
        assert_false(scan_members(9998, i, &json_limits_request, &e));
    for (size_t n = 1; n < 100; n++) { /* around the sizes at which the way of comparing changes */
        assert_true(scan_members(n, n, &json_limits_request, &e));
        assert_false(scan_members(n, n / 2, &json_limits_request, &e));
        assert_int_equal(e.code, ERR_CONFLICT);
    }
    assert_true(scan_members(500000, 500000, &json_limits_answer, &e)); /* 10^11 pairs would take minutes */
    assert_false(scan_members(500000, 250000, &json_limits_answer, &e));
}

/* Names of open objects around and inside do not count, nor those of closed ones. */
static void test_names_of_many_objects(void **state)
{
    SCOPED(sbuf) text = SBUF_MAX(1024 * 1024);
    struct err e;

    (void)state;
    for (int level = 0; level < 29; level++) {
        sbuf_addc(&text, '{');
        for (int i = 0; i < 20; i++)
            sbuf_addf(&text, "\"m%d\":{\"m1\":0,\"m2\":[{\"m1\":1},{\"m1\":2}]},", i);
        sbuf_adds(&text, "\"deeper\":");
    }
    sbuf_adds(&text, "0");
    add_times(&text, ",\"m20\":1}", 29);
    assert_true(scan(sbuf_slice(&text), &e));
    size_t n = text.n;
    char *last = text.p + n - strlen("\"m20\":1}");
    memcpy(last, "\"m1\" :1}", 8);
    assert_false(scan(sbuf_slice(&text), &e));
    assert_non_null(strstr(e.text, "(/m1): duplicate name"));
}

/* Every prefix, and every byte replaced by every other one: the second reader says the same. */
static const char *const damaged[] = {
    "{\"ServiceName\":\"nlp_x\",\"Replicas\":1,\"Config\":{\"OssPath\":\"oss:\\/\\/b\\u002f\"}}",
    "[-0.5e+1,{\"a\":[],\"\\u00e9\":{\"k\":true,\"s\":null}},\"\\ud83d\\ude00\",false]",
    ("{\"k\":\"\xe2\x84\xaa\",\"s\":\"\xc5\xbf\xc3\xa9\","
     "\"i\":\"\xf0\x9f\x98\x80\",\"\xe2\x84\xab\":\"\xc4\xb1\"}"),
    " [ 10 , 0 , [ ] , { } , \"\\\\\\\"\" ] ",
};

static void test_damaged_texts(void **state)
{
    size_t accepted = 0, refused = 0;

    (void)state;
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        size_t n = strlen(damaged[i]);
        char *text = malloc(n);
        assert_non_null(text);
        memcpy(text, damaged[i], n);
        assert_true(json_scan(slice_from(text, n), &json_limits_request, NULL));
        for (size_t at = 0; at < n; at++) {
            for (int byte = 0; byte < 256; byte++) {
                text[at] = (char)byte;
                bool verdict = json_scan(slice_from(text, n), &json_limits_request, NULL);
                if (verdict != strict_accepts(text, n))
                    fail_msg("text %zu, byte %zu = %d: %s", i, at, byte, verdict ? "accepted" : "refused");
                accepted += verdict;
                refused += !verdict;
            }
            text[at] = damaged[i][at];
            assert_int_equal(json_scan(slice_from(text, at), &json_limits_request, NULL),
                             strict_accepts(text, at));
        }
        free(text);
    }
    assert_true(accepted > 1000 && refused > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corpus),
        cmocka_unit_test(test_errors_say_where_and_why),
        cmocka_unit_test(test_error_pointer_is_bounded),
        cmocka_unit_test(test_limit_of_depth),
        cmocka_unit_test(test_limit_of_values),
        cmocka_unit_test(test_limit_of_strings),
        cmocka_unit_test(test_limit_of_bytes),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_names_of_many_objects),
        cmocka_unit_test(test_damaged_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
