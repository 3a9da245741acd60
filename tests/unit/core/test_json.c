/* json: the corpus loaded and printed, look-up, integers, changes, redaction, and every allocation failing in turn. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "core/json.h"
#include "base/enc.h"
#include "json_corpus.h"

static struct json *load(const char *text)
{
    struct err e = { .code = ERR_NONE };
    struct json *n = json_load(slice_of(text), &json_limits_request, &e);

    if (!n)
        fail_msg("%s: %s", text, e.text);
    return n;
}

static void assert_prints(const struct json *n, const char *expected)
{
    SCOPED(sbuf) out = SBUF_MAX(1024 * 1024);

    json_print(n, &out);
    assert_true(sbuf_ok(&out));
    assert_string_equal(sbuf_slice(&out).p, expected);
}

static void assert_loads_as(const char *text, const char *expected)
{
    struct json *n = load(text);

    assert_prints(n, expected);
    json_free(&n);
    assert_null(n);
}

/* --- load and print --- */

static void check_entry(const struct corpus_entry *entry)
{
    struct err e = { .code = ERR_NONE };
    struct json *n = json_load(corpus_document(entry), &json_limits_request, &e);
    SCOPED(sbuf) once = SBUF_MAX(1024 * 1024);
    SCOPED(sbuf) twice = SBUF_MAX(1024 * 1024);

    if (!n != !entry->valid || !n != (e.code != ERR_NONE))
        fail_msg("%.*s: %s", SLICE_FMT(entry->name), e.text);
    if (!n)
        return;
    json_print(n, &once);
    json_free(&n);
    if (!slice_eq(sbuf_slice(&once), entry->print))
        fail_msg("%.*s: printed as %s", SLICE_FMT(entry->name), once.p);
    n = json_load(sbuf_slice(&once), &json_limits_request, NULL);
    assert_non_null(n);
    json_print(n, &twice);
    json_free(&n);
    assert_true(slice_eq(sbuf_slice(&once), sbuf_slice(&twice)));
}

static void test_corpus(void **state)
{
    (void)state;
    assert_in_range(corpus_walk(check_entry), CORPUS_LEAST, 1000000);
}

static void test_print(void **state)
{
    (void)state;
    assert_loads_as(" [ 1 , { \"a\" : [ ] , \"b\" : { } } , null ] ", "[1,{\"a\":[],\"b\":{}},null]");
    /* what cJSON would print as another number */
    assert_loads_as("[9007199254740993,0.30000000000000004,1e400,4294967297,-0,1E+2]",
                    "[9007199254740993,0.30000000000000004,1e400,4294967297,-0,1E+2]");
    assert_loads_as("\"\\u0001\\u001F\\u007f\\b\\f\\n\\r\\t\\/\\\\\\\"\\u20ac\\ud83d\\ude00\"",
                    "\"\\u0001\\u001f\x7f\\b\\f\\n\\r\\t/\\\\\\\"\xe2\x82\xac\xf0\x9f\x98\x80\"");
    assert_loads_as("{\"\\u0041\\n\":1}", "{\"A\\n\":1}");
    assert_loads_as("{\"z\":1,\"a\":2}", "{\"z\":1,\"a\":2}");
}

static void test_print_into_too_little(void **state)
{
    struct json *n = load("{\"abc\":[1,2,3]}");

    (void)state;
    for (size_t max = 0; max <= 15; max++) {
        SCOPED(sbuf) out = SBUF_MAX(max);
        json_print(n, &out);
        assert_int_equal(sbuf_ok(&out), max == 15);
    }
    SCOPED(sbuf) out = SBUF_MAX(100);
    json_print(NULL, &out);
    assert_false(sbuf_ok(&out));
    json_free(&n);
    json_free(&n); /* nothing left, and that is fine */
}

static void test_load_respects_limits(void **state)
{
    struct err e = { .code = ERR_NONE };

    (void)state;
    assert_null(json_load(S("[[[]]]"), &(struct json_limits){ 2, 100, 100, 100 }, &e));
    assert_int_equal(e.code, ERR_TOO_LONG);
    e = (struct err){ .code = ERR_NONE };
    assert_null(json_load(S("{\"a\":1,\"A\":1}"), &json_limits_answer, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
}

/* --- read --- */

static void test_get_is_exact(void **state)
{
    struct json *n = load("{\"instances\":1,\"Foo\":{\"a\":2},\"a.b\":3,\"\":4}");

    (void)state;
    assert_null(json_get(n, S("Instances")));
    assert_null(json_get(n, S("instance")));
    assert_null(json_get(n, S("instances\0")));
    assert_null(json_get(n, S("a")));
    assert_non_null(json_get(n, S("instances")));
    assert_non_null(json_get(n, S("a.b")));
    assert_non_null(json_get(n, S("")));
    assert_non_null(json_get(json_get(n, S("Foo")), S("a")));
    assert_null(json_get(json_get(n, S("instances")), S("a")));
    assert_null(json_get(NULL, S("a")));
    json_free(&n);
    n = load("[{\"a\":1}]");
    assert_null(json_get(n, S("a")));
    json_free(&n);
}

static void test_types_and_walk(void **state)
{
    static const enum json_type types[] = { JSON_NULL,   JSON_FALSE, JSON_TRUE,  JSON_NUMBER,
                                            JSON_STRING, JSON_ARRAY, JSON_OBJECT };
    struct json *n = load("{\"a\":null,\"b\":false,\"c\":true,\"d\":0,\"e\":\"x\\ty\",\"f\":[],\"g\":{}}");
    size_t i = 0;

    (void)state;
    for (const struct json *child = json_first(n); child; child = json_next(child), i++) {
        char name = (char)('a' + i);
        assert_true(slice_eq(json_name(child), slice_from(&name, 1)));
        assert_int_equal(json_type(child), types[i]);
        assert_int_equal(json_text(child).n, types[i] == JSON_STRING ? 3 : 0);
        assert_int_equal(json_number_token(child).n, types[i] == JSON_NUMBER ? 1 : 0);
        assert_null(json_first(child));
    }
    assert_int_equal(i, 7);
    assert_int_equal(json_count(n), 7);
    assert_true(slice_eq(json_text(json_get(n, S("e"))), S("x\ty")));
    assert_null(json_name(n).p);
    assert_int_equal(json_type(NULL), JSON_NONE);
    assert_null(json_first(NULL));
    assert_null(json_next(NULL));
    assert_null(json_text(NULL).p);
    assert_int_equal(json_count(NULL), 0);
    assert_string_equal(json_type_name(JSON_OBJECT), "object");
    assert_string_equal(json_type_name(JSON_NUMBER), "number");
    assert_string_equal(json_type_name(JSON_NONE), "nothing");
    assert_string_equal(json_type_name((enum json_type)99), "nothing");
    json_free(&n);
}

static const struct {
    const char *text;
    int64_t lo, hi;
    bool fine;
    int64_t value;
} integers[] = {
    { "1", 0, 10, true, 1 },
    { "0", 0, 10, true, 0 },
    { "10", 0, 10, true, 10 },
    { "11", 0, 10, false, 0 },
    { "-1", 0, 10, false, 0 },
    { "-1", -5, 10, true, -1 },
    { "-5", -5, 10, true, -5 },
    { "-6", -5, 10, false, 0 },
    { "-0", -5, 10, false, 0 },
    { "1.0", 0, 10, false, 0 },
    { "1e0", 0, 10, false, 0 },
    { "1E1", 0, 10, false, 0 },
    { "10e-1", 0, 10, false, 0 },
    { "1.5", 0, 10, false, 0 },
    { "4294967297", 0, 10, false, 0 },
    { "4294967297", 0, INT64_MAX, true, 4294967297 },
    { "9007199254740993", 0, INT64_MAX, true, 9007199254740993 },
    { "9223372036854775807", INT64_MIN, INT64_MAX, true, INT64_MAX },
    { "9223372036854775808", INT64_MIN, INT64_MAX, false, 0 },
    { "18446744073709551617", INT64_MIN, INT64_MAX, false, 0 },
    { "-9223372036854775808", INT64_MIN, INT64_MAX, true, INT64_MIN },
    { "-9223372036854775809", INT64_MIN, INT64_MAX, false, 0 },
    { "\"1\"", 0, 10, false, 0 },
    { "true", 0, 10, false, 0 },
    { "null", 0, 10, false, 0 },
    { "[1]", 0, 10, false, 0 },
};

static void test_integer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        struct json *n = load(integers[i].text);
        int64_t value = 12345;
        if (json_integer(n, integers[i].lo, integers[i].hi, &value) != integers[i].fine)
            fail_msg("%s", integers[i].text);
        assert_true(value == (integers[i].fine ? integers[i].value : 12345));
        json_free(&n);
    }
    int64_t value;
    assert_false(json_integer(NULL, 0, 10, &value));
}

/* --- build and change --- */

static void test_build(void **state)
{
    struct json *n = json_new_object(), *list = json_new_array(), *one = json_new_object();

    (void)state;
    assert_true(json_set_text(n, S("a"), S("x\"\xc3\xa9\n")));
    assert_true(json_set_integer(n, S("least"), INT64_MIN));
    assert_true(json_set_integer(n, S("most"), INT64_MAX));
    assert_true(json_set_text(n, S(""), S("")));
    assert_true(json_set_integer(one, S("n"), -7));
    assert_true(json_append(list, &one));
    assert_null(one);
    assert_true(json_set(n, S("list"), &list));
    assert_null(list);
    assert_prints(n, "{\"a\":\"x\\\"\xc3\xa9\\n\",\"least\":-9223372036854775808,"
                     "\"most\":9223372036854775807,\"\":\"\",\"list\":[{\"n\":-7}]}");
    json_free(&n);
}

static void test_set_replaces_in_place(void **state)
{
    struct json *n = load("{\"a\":1,\"b\":{\"x\":[1,2]},\"c\":3}"), *value = load("[true]");

    (void)state;
    assert_true(json_set(n, S("b"), &value));
    assert_prints(n, "{\"a\":1,\"b\":[true],\"c\":3}");
    assert_true(json_set_text(n, S("a"), S("first")));
    assert_true(json_set_integer(n, S("c"), 9));
    assert_true(json_set_integer(n, S("d"), 10));
    assert_prints(n, "{\"a\":\"first\",\"b\":[true],\"c\":9,\"d\":10}");
    json_free(&n);
    n = load("{\"only\":1}");
    assert_true(json_set_integer(n, S("only"), 2));
    assert_true(json_set_integer(n, S("then"), 3));
    assert_prints(n, "{\"only\":2,\"then\":3}");
    json_free(&n);
}

/* Whatever is set, the text printed is one that json_scan accepts. */
static void test_set_refuses(void **state)
{
    struct json *n = load("{\"Replicas\":1,\"list\":[1]}"), *value = load("2");
    const struct json *list = json_get(n, S("list"));

    (void)state;
    assert_false(json_set_integer(n, S("replicas"), 2));
    assert_false(json_set_integer(n, S("Replica\xc5\xbf"), 2)); /* LONG S */
    assert_false(json_set_text(n, S("a"), S("b\0c")));
    assert_false(json_set_text(n, S("a\0"), S("b")));
    assert_false(json_set_text(n, S("a"), S("\xc0\xaf")));
    assert_false(json_set_text(n, S("\xff"), S("b")));
    assert_false(json_set_integer(NULL, S("a"), 1));
    assert_false(json_set(n, S("replicas"), &value));
    assert_non_null(value);
    assert_false(json_append(n, &value));
    assert_false(json_set(value, S("a"), &value));
    assert_false(json_append(NULL, &value));
    struct json *none = NULL;
    assert_false(json_set(n, S("a"), &none));
    assert_prints(n, "{\"Replicas\":1,\"list\":[1]}");
    /* a name with a backslash is itself, not an escape */
    assert_true(json_set_integer(n, S("\\u0052eplicas"), 5));
    assert_prints(n, "{\"Replicas\":1,\"list\":[1],\"\\\\u0052eplicas\":5}");
    assert_null(json_take(n, json_first(list))); /* a grandchild */
    assert_null(json_take(n, n));
    assert_null(json_take(n, NULL));
    assert_null(json_take(NULL, list));
    json_free(&value);
    json_free(&n);
}

static void test_take(void **state)
{
    struct json *n = load("{\"a\":1,\"b\":{\"x\":[1,2]},\"c\":3}");
    struct json *b = json_take(n, json_get(n, S("b")));

    (void)state;
    assert_prints(n, "{\"a\":1,\"c\":3}");
    assert_prints(b, "{\"x\":[1,2]}");
    assert_null(json_name(b).p);
    struct json *c = json_take(n, json_get(n, S("c"))), *a = json_take(n, json_get(n, S("a")));
    assert_prints(n, "{}");
    assert_true(json_set(n, S("c2"), &c));
    assert_true(json_set(n, S("b2"), &b));
    assert_true(json_set(n, S("a2"), &a));
    assert_prints(n, "{\"c2\":3,\"b2\":{\"x\":[1,2]},\"a2\":1}");
    json_free(&n);
    n = load("[1,2,3]");
    a = json_take(n, json_next(json_first(n)));
    assert_prints(n, "[1,3]");
    assert_true(json_append(n, &a));
    assert_prints(n, "[1,3,2]");
    json_free(&n);
}

static void test_print_depth(void **state)
{
    struct json *n = json_new_array();

    (void)state;
    for (int i = 0; i < JSON_PRINT_DEPTH_MAX; i++) {
        struct json *outer = json_new_array();
        assert_true(json_append(outer, &n));
        n = outer;
    }
    SCOPED(sbuf) out = SBUF_MAX(10000);
    json_print(n, &out);
    assert_true(sbuf_ok(&out));
    struct json *outer = json_new_array();
    assert_true(json_append(outer, &n));
    json_print(outer, &out);
    assert_false(sbuf_ok(&out));
    json_free(&outer);
}

/* --- redaction --- */

static const char *const pointers[] = { "/AccessToken", "/Services/*/AccessToken", "/ServiceConfig",
                                        "/a~1b/c~0d", "/list/1" };
static const struct {
    const char *text, *expected;
    size_t count;
} by_pointer[] = {
    { "{}", "{}", 0 },
    { "null", "null", 0 },
    { "\"AccessToken\"", "\"AccessToken\"", 0 },
    { "{\"AccessToken\":\"abc\"}", "{\"AccessToken\":\"[redacted]\"}", 1 },
    { " { \"AccessToken\" :\t\"a\\\"b\" , \"x\" : 1.50 }\n",
      " { \"AccessToken\" :\t\"[redacted]\" , \"x\" : 1.50 }\n", 1 },
    { "{\"AccessToken\":\"\"}", "{\"AccessToken\":\"\"}", 0 },
    { "{\"AccessToken\":null}", "{\"AccessToken\":null}", 0 },
    { "{\"AccessToken\":123}", "{\"AccessToken\":\"[redacted]\"}", 1 },
    { "{\"AccessToken\":true}", "{\"AccessToken\":\"[redacted]\"}", 1 },
    { "{\"AccessToken\":{}}", "{\"AccessToken\":\"[redacted]\"}", 1 },
    { "{\"AccessToken\":[\"x\",{\"y\":[]}],\"z\":1}", "{\"AccessToken\":\"[redacted]\",\"z\":1}", 1 },
    { "{\"accesstoken\":\"x\"}", "{\"accesstoken\":\"[redacted]\"}", 1 },
    { "{\"ACCESSTOKEN\":\"x\"}", "{\"ACCESSTOKEN\":\"[redacted]\"}", 1 },
    { "{\"Acce\xc5\xbfsTo\xe2\x84\xaa"
      "en\":\"x\"}",
      "{\"Acce\xc5\xbfsTo\xe2\x84\xaa"
      "en\":\"[redacted]\"}",
      1 },
    { "{\"Acce\\u017fsTo\\u212aen\":\"x\"}", "{\"Acce\\u017fsTo\\u212aen\":\"[redacted]\"}", 1 },
    { "{\"\\u0041ccessToken\":\"x\"}", "{\"\\u0041ccessToken\":\"[redacted]\"}", 1 },
    { "{\"AccessTokens\":\"x\",\"AccessToke\":\"y\",\"\":\"z\"}",
      "{\"AccessTokens\":\"x\",\"AccessToke\":\"y\",\"\":\"z\"}", 0 },
    { "{\"x\":{\"AccessToken\":\"y\"}}", "{\"x\":{\"AccessToken\":\"y\"}}", 0 },
    { "[{\"AccessToken\":\"y\"}]", "[{\"AccessToken\":\"y\"}]", 0 },
    { "{\"Services\":[{\"AccessToken\":\"a\"},{\"n\":[1,2],\"AccessToken\":\"b\"},7]}",
      "{\"Services\":[{\"AccessToken\":\"[redacted]\"},{\"n\":[1,2],\"AccessToken\":\"[redacted]\"},7]}", 2 },
    { "{\"Services\":{\"k\":{\"AccessToken\":\"a\"}}}",
      "{\"Services\":{\"k\":{\"AccessToken\":\"[redacted]\"}}}", 1 },
    { "{\"Services\":[[{\"AccessToken\":\"a\"}]]}", "{\"Services\":[[{\"AccessToken\":\"a\"}]]}", 0 },
    { "{\"ServiceConfig\":{\"a\":{\"b\":1}},\"AccessToken\":\"t\"}",
      "{\"ServiceConfig\":\"[redacted]\",\"AccessToken\":\"[redacted]\"}", 2 },
    { "{\"ServiceConfig\":\"{\\\"token\\\":\\\"x\\\"}\"}", "{\"ServiceConfig\":\"[redacted]\"}", 1 },
    { "{\"a/b\":{\"c~d\":1,\"c\":2}}", "{\"a/b\":{\"c~d\":\"[redacted]\",\"c\":2}}", 1 },
    { "{\"list\":[0,1,2]}", "{\"list\":[0,\"[redacted]\",2]}", 1 },
    { "{\"list\":[0,\"\",2]}", "{\"list\":[0,\"\",2]}", 0 },
    { "{\"AccessToken\":\"a\",\"AccessToken\":\"b\"}",
      "{\"AccessToken\":\"[redacted]\",\"AccessToken\":\"[redacted]\"}", 2 },
};

static void test_redact(void **state)
{
    SCOPED(sbuf) out = SBUF_MAX(4096);

    (void)state;
    for (size_t i = 0; i < sizeof by_pointer / sizeof by_pointer[0]; i++) {
        struct err e = { .code = ERR_NONE };
        size_t count = 99;
        sbuf_clear(&out);
        assert_true(json_redact(slice_of(by_pointer[i].text), pointers, 5, &out, &count, &e));
        assert_string_equal(sbuf_slice(&out).p, by_pointer[i].expected);
        assert_int_equal(count, by_pointer[i].count);
    }
}

static const struct {
    const char *text, *expected;
    size_t count;
} by_name[] = {
    { "[]", "[]", 0 },
    { "{\"AccessToken\":\"abc\"}", "{\"AccessToken\":\"[redacted]\"}", 1 },
    { "[[{\"x\":{\"token\":\"abc\"}}]]", "[[{\"x\":{\"token\":\"[redacted]\"}}]]", 1 },
    { "{\"Token\":{\"Token\":\"abc\"}}", "{\"Token\":\"[redacted]\"}", 1 },
    { "{\"TO\\u212aEN\":\"abc\",\"tokens\":\"b\"}", "{\"TO\\u212aEN\":\"[redacted]\",\"tokens\":\"b\"}", 1 },
    { "{\"Token\":\"\",\"x\":{\"Token\":null}}", "{\"Token\":\"\",\"x\":{\"Token\":null}}", 0 },
    { "[\"Token\",\"AccessToken\"]", "[\"Token\",\"AccessToken\"]", 0 },
    { " {\"a\" : [ {\"Token\":[1]} , {\"AccessToken\": 2 } ] } ",
      " {\"a\" : [ {\"Token\":\"[redacted]\"} , {\"AccessToken\": \"[redacted]\" } ] } ", 2 },
};

static void test_redact_names(void **state)
{
    static const struct slice names[] = { S_INIT("AccessToken"), S_INIT("Token") };
    SCOPED(sbuf) out = SBUF_MAX(4096);

    (void)state;
    for (size_t i = 0; i < sizeof by_name / sizeof by_name[0]; i++) {
        struct err e = { .code = ERR_NONE };
        size_t count = 99;
        sbuf_clear(&out);
        assert_true(json_redact_names(slice_of(by_name[i].text), names, 2, &out, &count, &e));
        assert_string_equal(sbuf_slice(&out).p, by_name[i].expected);
        assert_int_equal(count, by_name[i].count);
    }
    assert_true(json_redact_names(S("{\"Token\":\"x\"}"), names, 2, &out, NULL, NULL));
}

static bool begins_with_own(const void *arg, struct slice name)
{
    return slice_starts(name, slice_of(arg));
}

static const struct {
    const char *text, *expected;
    size_t count, foreign;
} by_all[] = {
    { "{\"Value\":\"s\",\"Token\":\"s\",\"x\":\"s\"}",
      "{\"Value\":\"[redacted]\",\"Token\":\"[redacted]\",\"x\":\"s\"}", 2, 0 },
    /* JSON text in strings: by names, not by pointers; everything else of the text stays as it was */
    { "{\"x\":\"{\\\"token\\\":\\\"s\\\",\\\"Value\\\":1.50}\"}",
      "{\"x\":\"{\\\"token\\\":\\\"[redacted]\\\",\\\"Value\\\":1.50}\"}", 1, 0 },
    { "{\"x\":\" \\n[{\\\"token\\\":7}]\"}", "{\"x\":\" \\u000a[{\\\"token\\\":\\\"[redacted]\\\"}]\"}", 1,
      0 },
    { "{\"x\":\"\\u007b\\\"token\\\":\\\"s\\\"}\"}", "{\"x\":\"{\\\"token\\\":\\\"[redacted]\\\"}\"}", 1, 0 },
    { "[\"{\\\"y\\\":\\\"{\\\\\\\"token\\\\\\\":1}\\\"}\"]",
      "[\"{\\\"y\\\":\\\"{\\\\\\\"token\\\\\\\":\\\\\\\"[redacted]\\\\\\\"}\\\"}\"]", 1, 0 },
    { "[\"{\\\"y\\\":1}\",\"[2026-01-15] {\",\"{\\\"token\\\":1\",\"{}\"]",
      "[\"{\\\"y\\\":1}\",\"[2026-01-15] {\",\"{\\\"token\\\":1\",\"{}\"]", 0, 0 },
    /* what an error repeats */
    { "{\"Message\":\"signed was: ACS3\\nGET\"}", "{\"Message\":\"[redacted]\"}", 1, 0 },
    { "{\"Message\":\"signed was: \\u0041CS3\",\"n\":[\"ACS2\"]}",
      "{\"Message\":\"[redacted]\",\"n\":[\"ACS2\"]}", 1, 0 },
    /* names of others */
    { "{\"Service\":\"own_1\",\"x\":\"vis_1\"}", "{\"Service\":\"own_1\",\"x\":\"vis_1\"}", 0, 0 },
    { "{\"service\":\"vis_1\",\"a\":[{\"SERVICE\":\"own\\u005f1\"},{\"Service\":\"ow\"}]}",
      "{\"service\":\"[redacted]\",\"a\":[{\"SERVICE\":\"own\\u005f1\"},{\"Service\":\"[redacted]\"}]}", 2,
      2 },
    { "{\"Service\":[\"own_1\",\"vis_1\"]}", "{\"Service\":[\"own_1\",\"[redacted]\"]}", 1, 2 },
    { "{\"x\":\"{\\\"service\\\":\\\"vis_1\\\",\\\"y\\\":1}\"}", "{\"x\":\"[redacted]\"}", 1, 1 },
    { "{\"Service\":{\"x\":1},\"service \":7}", "{\"Service\":{\"x\":1},\"service \":7}", 0, 0 },
};

static void test_redact_by_all(void **state)
{
    static const char *const value[] = { "/Value" };
    static const struct slice names[] = { S_INIT("Token") }, parts[] = { S_INIT(""), S_INIT("ACS3") },
                              mentions[] = { S_INIT("Service") };
    const struct json_redaction by = { value,    1, names,           1,     parts, 2, true,
                                       mentions, 1, begins_with_own, "own_" };
    SCOPED(sbuf) out = SBUF_MAX(4096);

    (void)state;
    for (size_t i = 0; i < sizeof by_all / sizeof by_all[0]; i++) {
        struct err e = { .code = ERR_NONE };
        size_t count = 99, foreign = 99;
        sbuf_clear(&out);
        assert_true(json_redact_by(slice_of(by_all[i].text), &by, &out, &count, &foreign, &e));
        assert_string_equal(sbuf_slice(&out).p, by_all[i].expected);
        assert_int_equal(count, by_all[i].count);
        assert_int_equal(foreign, by_all[i].foreign);
    }
}

/* JSON text in a string that RFC 8259 allows and only we refuse is hidden whole: what its secrets are, nobody has read. */
static void test_redact_texts_that_others_read(void **state)
{
    static const struct slice names[] = { S_INIT("token") };
    const struct json_redaction by = { .names = names, .name_count = 1, .in_texts = true };
    static const struct {
        const char *text;
        bool hidden;
    } cases[] = {
        { "{\"a\":\"{\\\"note\\\":\\\"\\\\ud83d\\\",\\\"token\\\":\\\"S\\\"}\"}", true },
        { "{\"a\":\"{\\\"note\\\":\\\"\\\\udc00\\\",\\\"token\\\":\\\"S\\\"}\"}", true },
        { "{\"a\":\"{\\\"note\\\":\\\"\\\\u0000\\\",\\\"token\\\":\\\"S\\\"}\"}", true },
        { "{\"a\":\"{\\\"note\\\":token S}\"}", false }, /* nobody's JSON */
        { "{\"a\":\"[info] ready\"}", false },
    };
    SCOPED(sbuf) deep = SBUF_MAX(8192);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        SCOPED(sbuf) out = SBUF_MAX(8192);
        size_t count = 0;
        assert_true(json_redact_by(slice_of(cases[i].text), &by, &out, &count, NULL, NULL));
        assert_int_equal(count, cases[i].hidden);
        assert_string_equal(out.p, cases[i].hidden ? "{\"a\":\"[redacted]\"}" : cases[i].text);
    }
    sbuf_adds(&deep, "{\"a\":\"");
    for (int i = 0; i < 400; i++)
        sbuf_addc(&deep, '[');
    sbuf_adds(&deep, "{\\\"token\\\":\\\"S\\\"}");
    for (int i = 0; i < 400; i++)
        sbuf_addc(&deep, ']');
    sbuf_adds(&deep, "\"}");
    SCOPED(sbuf) out = SBUF_MAX(8192);
    size_t count = 0;
    assert_true(json_redact_by(sbuf_slice(&deep), &by, &out, &count, NULL, NULL));
    assert_string_equal(out.p, "{\"a\":\"[redacted]\"}");
}

/* Texts in texts end somewhere: what stands deeper than anybody writes is hidden unread. */
static void test_redact_deep_texts(void **state)
{
    static const struct slice names[] = { S_INIT("Token") };
    const struct json_redaction by = { .names = names, .name_count = 1, .in_texts = true };
    SCOPED(sbuf) text = SBUF_MAX(1 << 20);
    SCOPED(sbuf) out = SBUF_MAX(1 << 22);

    (void)state;
    sbuf_adds(&text, "{\"Token\":\"secret\"}");
    for (int depth = 0; depth < 12; depth++) {
        SCOPED(sbuf) next = SBUF_MAX(1 << 20);
        sbuf_adds(&next, "{\"a\":");
        enc_json_string(sbuf_slice(&text), &next);
        sbuf_adds(&next, "}");
        sbuf_clear(&text);
        sbuf_add(&text, sbuf_slice(&next));
        assert_true(sbuf_ok(&text));
        assert_true(json_redact_by(sbuf_slice(&text), &by, &out, NULL, NULL, NULL));
        assert_null(strstr(out.p, "secret"));
    }
}

/* Whatever cannot be read to its end is not handed out at all, not even the part before. */
static void test_redact_fails_closed(void **state)
{
    static const char *const broken[] = { "",
                                          "{\"AccessToken\":\"abc\"",
                                          "{\"AccessToken\":\"abc\"}x",
                                          "{\"AccessToken\":[1,2}",
                                          "{\"AccessToken\":{\"a\":tru}}",
                                          "{\"x\":1,}",
                                          "{\"AccessToken\":\"abc" };
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        SCOPED(sbuf) out = SBUF_MAX(4096);
        e = (struct err){ .code = ERR_NONE };
        assert_false(json_redact(slice_of(broken[i]), pointers, 5, &out, NULL, &e));
        assert_int_equal(e.code, ERR_SYNTAX);
        assert_int_equal(out.n, 0);
    }
    SCOPED(sbuf) small = SBUF_MAX(27);
    e = (struct err){ .code = ERR_NONE };
    assert_false(json_redact(S("{\"AccessToken\":\"abc\"}"), pointers, 5, &small, NULL, &e));
    assert_int_equal(e.code, ERR_TOO_LONG);
    assert_int_equal(small.n, 0);
    SCOPED(sbuf) enough = SBUF_MAX(29);
    assert_true(json_redact(S("{\"AccessToken\":\"abc\"}"), pointers, 5, &enough, NULL, NULL));
    static const char *const no_pointer[] = { "AccessToken" };
    assert_false(json_redact(S("{}"), no_pointer, 1, &enough, NULL, NULL));
}

/* --- every allocation fails once --- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_ALLOCATOR 0
#elif defined(__has_feature)
#define OWN_ALLOCATOR !(__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define OWN_ALLOCATOR 1
#endif

#if OWN_ALLOCATOR
static size_t calls_to_failure; /* 0 = never fail */
static long pieces;             /* given out and not yet freed */

static bool fails(void)
{
    return calls_to_failure && --calls_to_failure == 0;
}

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t count, size_t n);
extern void *__libc_realloc(void *p, size_t n);
extern void __libc_free(void *p);

void *malloc(size_t n)
{
    void *p = fails() ? NULL : __libc_malloc(n);

    pieces += p != NULL;
    return p;
}

void *calloc(size_t count, size_t n)
{
    void *p = fails() ? NULL : __libc_calloc(count, n);

    pieces += p != NULL;
    return p;
}

void *realloc(void *old, size_t n)
{
    void *p = fails() ? NULL : __libc_realloc(old, n);

    pieces += p && !old;
    return p;
}

void free(void *p)
{
    pieces -= p != NULL;
    __libc_free(p);
}

/* Load, change and print; true when all of it worked. */
static bool work(struct slice text, struct sbuf *out)
{
    struct err e = { .code = ERR_NONE };
    struct json *n = json_load(text, &json_limits_request, &e), *taken = NULL, *list = NULL;
    bool fine = n && json_set_text(n, S("new"), S("text")) && json_set_integer(n, S("a"), 5);

    if (!n && e.code != ERR_MEMORY)
        fail_msg("a missing byte of memory is reported as: %s", e.text);
    if (fine) {
        taken = json_take(n, json_get(n, S("b")));
        list = json_new_array();
        fine = list && json_append(list, &taken) && json_set(n, S("list"), &list);
    }
    if (fine)
        json_print(n, out);
    json_free(&taken);
    json_free(&list);
    json_free(&n);
    return fine && sbuf_ok(out);
}

static void test_memory_runs_out(void **state)
{
    SCOPED(sbuf) text = SBUF_MAX(100000);
    size_t runs = 0;
    bool fine, failed;

    (void)state;
    sbuf_adds(&text, "{\"a\":1,\"b\":{\"c\":[true,null,\"x\\ny\"]}");
    for (int i = 0; i < 100; i++) /* more names than fit without allocating */
        sbuf_addf(&text, ",\"name%d\":%d", i, i);
    sbuf_adds(&text, "}");
    do {
        long before = pieces;
        struct sbuf out = SBUF_MAX(100000);
        calls_to_failure = ++runs;
        fine = work(sbuf_slice(&text), &out);
        failed = calls_to_failure == 0;
        calls_to_failure = 0;
        sbuf_drop(&out);
        assert_int_equal(pieces, before); /* nothing leaks */
        assert_int_equal(fine, !failed);  /* and nothing is left out in silence */
    } while (failed);
    assert_in_range(runs, 300, 10000);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corpus),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_print_into_too_little),
        cmocka_unit_test(test_load_respects_limits),
        cmocka_unit_test(test_get_is_exact),
        cmocka_unit_test(test_types_and_walk),
        cmocka_unit_test(test_integer),
        cmocka_unit_test(test_build),
        cmocka_unit_test(test_set_replaces_in_place),
        cmocka_unit_test(test_set_refuses),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_print_depth),
        cmocka_unit_test(test_redact),
        cmocka_unit_test(test_redact_names),
        cmocka_unit_test(test_redact_by_all),
        cmocka_unit_test(test_redact_texts_that_others_read),
        cmocka_unit_test(test_redact_deep_texts),
        cmocka_unit_test(test_redact_fails_closed),
#if OWN_ALLOCATOR
        cmocka_unit_test(test_memory_runs_out),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
