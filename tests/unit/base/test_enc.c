/* enc: RFC 4648 for base64 and hex, RFC 3629 for UTF-8, RFC 8259 for JSON text, the ACS3 document for percent encoding. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "base/enc.h"

static void test_hex(void **state)
{
    char out[21];
    unsigned char bytes[4];

    (void)state;
    enc_hex("\x00\x01\x7f\x80\xab\xff", 6, out);
    assert_string_equal(out, "00017f80abff");
    enc_hex("", 0, out);
    assert_string_equal(out, "");
    assert_true(enc_unhex(S("00fFaB7e"), bytes, 4));
    assert_memory_equal(bytes, "\x00\xff\xab\x7e", 4);
    assert_true(enc_unhex(S(""), bytes, 0));
    static const char *const broken[] = { "00ffab7",  "00ffab7e0", "00ffab7g", "0x123456",
                                          "00ffab 7", "",          "+1234567" };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        assert_false(enc_unhex(slice_of(broken[i]), bytes, 4));
}

static void test_every_hex_digit(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        char text[2] = { (char)c, '7' };
        unsigned char byte = 0;
        const char *digits = "0123456789abcdef", *upper = "ABCDEF";
        const char *at = c ? strchr(digits, (int)c) : NULL, *up = c ? strchr(upper, (int)c) : NULL;
        assert_int_equal(enc_is_lower_hex(slice_from(text, 2)), at != NULL);
        assert_int_equal(enc_unhex(slice_from(text, 2), &byte, 1), at || up);
        if (at || up)
            assert_int_equal(byte, (at ? at - digits : up - upper + 10) * 16 + 7);
    }
    assert_true(enc_is_lower_hex(S("")));
}

/* RFC 4648, 10, backwards; and 3.3, 3.5: no other characters, no bits that are not used. */
static void test_unbase64(void **state)
{
    static const char *const vectors[][2] = { { "", "" },
                                              { "Zg==", "f" },
                                              { "Zm8=", "fo" },
                                              { "Zm9v", "foo" },
                                              { "Zm9vYg==", "foob" },
                                              { "Zm9vYmE=", "fooba" },
                                              { "Zm9vYmFy", "foobar" } };
    static const char *const broken[] = { "Z",      "Zg",     "Zg=",   "Z===",     "====", "Zh==",
                                          "Zm9=",   "Zm9v\n", " Zg==", "Zg==Zg==", "Zm-v", "Zm_v",
                                          "Zg==\n", "Zm=v",   "=Zg=",  "Zm9vZg" };
    SCOPED(sbuf) out = SBUF_MAX(1000);

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        sbuf_clear(&out);
        assert_true(enc_unbase64(slice_of(vectors[i][0]), &out));
        assert_true(slice_eq(sbuf_slice(&out), slice_of(vectors[i][1])));
    }
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        sbuf_clear(&out);
        assert_false(enc_unbase64(slice_of(broken[i]), &out));
    }
    sbuf_clear(&out);
    assert_true(enc_unbase64(S("+//+AA=="), &out));
    assert_int_equal(out.n, 4);
    assert_memory_equal(out.p, "\xfb\xff\xfe\x00", 4);
    SCOPED(sbuf) small = SBUF_MAX(2);
    assert_false(enc_unbase64(S("Zm9v"), &small));
}

static void test_base64(void **state)
{
    static const char *const vectors[][2] = { /* RFC 4648, 10 */
                                              { "", "" },
                                              { "f", "Zg==" },
                                              { "fo", "Zm8=" },
                                              { "foo", "Zm9v" },
                                              { "foob", "Zm9vYg==" },
                                              { "fooba", "Zm9vYmE=" },
                                              { "foobar", "Zm9vYmFy" }
    };
    SCOPED(sbuf) out = SBUF_MAX(1000);

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        sbuf_clear(&out);
        enc_base64(slice_of(vectors[i][0]), &out);
        assert_string_equal(sbuf_slice(&out).p, vectors[i][1]);
    }
    sbuf_clear(&out);
    enc_base64(S("\xfb\xff\xfe\x00"), &out); /* both signs of the alphabet */
    assert_string_equal(out.p, "+//+AA==");
}

static void test_percent(void **state)
{
    SCOPED(sbuf) out = SBUF_MAX(2000);
    char all[256];
    size_t kept = 0;

    (void)state;
    enc_percent(S("Az09-_.~ *+%/!'()=&\xe6\xa8\xa1\x00\x7f"), &out);
    assert_string_equal(out.p, "Az09-_.~%20%2A%2B%25%2F%21%27%28%29%3D%26%E6%A8%A1%00%7F");
    sbuf_clear(&out);
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    enc_percent(slice_from(all, 256), &out);
    for (size_t i = 0; i < out.n; i++)
        kept += out.p[i] != '%';
    assert_int_equal(out.n, 66 + (256 - 66) * 3); /* 26 + 26 + 10 letters and digits, and - _ . ~ */
    SCOPED(sbuf) back = SBUF_MAX(2000);
    assert_true(enc_unpercent(sbuf_slice(&out), &back));
    assert_true(slice_eq(sbuf_slice(&back), slice_from(all, 256)));
    assert_true(kept > 66);
}

static void test_unpercent(void **state)
{
    SCOPED(sbuf) out = SBUF_MAX(100);
    static const char *const broken[] = { "%", "%4", "a%", "%4g", "%g4", "%%41", "%+1", "% 1", "%u0041" };

    (void)state;
    assert_true(enc_unpercent(S("a+b%20c%2b%2B%00"), &out));
    assert_true(slice_eq(sbuf_slice(&out), S("a+b c++\0")));
    sbuf_clear(&out);
    assert_true(enc_unpercent(S("%2541"), &out)); /* once only */
    assert_string_equal(out.p, "%41");
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        sbuf_clear(&out);
        assert_false(enc_unpercent(slice_of(broken[i]), &out));
    }
    SCOPED(sbuf) small = SBUF_MAX(2);
    assert_false(enc_unpercent(S("abc"), &small));
}

/* The first and last character of each length, and their neighbours (RFC 3629, 3 and 4). */
static const struct {
    const char *text;
    size_t n;
    uint32_t code; /* 0 = ill-formed (none of these is U+0000) */
} utf8[] = {
    { "\x01", 1, 0x01 },
    { "\x7f", 1, 0x7f },
    { "\xc2\x80", 2, 0x80 },
    { "\xdf\xbf", 2, 0x7ff },
    { "\xe0\xa0\x80", 3, 0x800 },
    { "\xed\x9f\xbf", 3, 0xd7ff },
    { "\xee\x80\x80", 3, 0xe000 },
    { "\xef\xbf\xbf", 3, 0xffff },
    { "\xf0\x90\x80\x80", 4, 0x10000 },
    { "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
    { "\x80", 1, 0 },
    { "\xbf", 1, 0 },
    { "\xc0\x80", 2, 0 },
    { "\xc1\xbf", 2, 0 },
    { "\xc2", 1, 0 },
    { "\xc2\x7f", 2, 0 },
    { "\xc2\xc0", 2, 0 },
    { "\xe0\x9f\xbf", 3, 0 },
    { "\xe2\x82", 2, 0 },
    { "\xe2\x82\x28", 3, 0 },
    { "\xe2\x28\xac", 3, 0 },
    { "\xed\xa0\x80", 3, 0 },
    { "\xed\xbf\xbf", 3, 0 },
    { "\xf0\x8f\xbf\xbf", 4, 0 },
    { "\xf0\x9f\x98", 3, 0 },
    { "\xf4\x90\x80\x80", 4, 0 },
    { "\xf5\x80\x80\x80", 4, 0 },
    { "\xf8\x88\x80\x80\x80", 5, 0 },
    { "\xfe", 1, 0 },
    { "\xff", 1, 0 },
};

static void test_utf8(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof utf8 / sizeof utf8[0]; i++) {
        char *copy = malloc(utf8[i].n); /* exactly as long, for the sanitizer */
        uint32_t code = 0;
        assert_non_null(copy);
        memcpy(copy, utf8[i].text, utf8[i].n);
        struct slice s = slice_from(copy, utf8[i].n);
        size_t n = enc_utf8_one(s, &code);
        if (n != (utf8[i].code ? utf8[i].n : 0) || enc_utf8_valid(s) != (utf8[i].code != 0))
            fail_msg("case %zu", i);
        if (n) {
            char back[4];
            assert_int_equal(code, utf8[i].code);
            assert_int_equal(enc_utf8_put(code, back), n);
            assert_memory_equal(back, copy, n);
        }
        free(copy);
    }
    assert_true(enc_utf8_valid(SLICE_NONE));
    assert_true(enc_utf8_valid(S("a\0\xe2\x82\xac")));
    assert_false(enc_utf8_valid(S("abc\xff")));
    assert_false(enc_utf8_valid(S("\xe2\x82\xac\xac")));
    uint32_t code;
    assert_int_equal(enc_utf8_one(SLICE_NONE, &code), 0);
}

/* Every code point there and back. */
static void test_utf8_all(void **state)
{
    char bytes[4];
    uint32_t back;

    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        if (code == 0xd800)
            code = 0xe000;
        size_t n = enc_utf8_put(code, bytes);
        if (enc_utf8_one(slice_from(bytes, n), &back) != n || back != code)
            fail_msg("U+%04X", (unsigned)code);
    }
}

static void test_json_string(void **state)
{
    SCOPED(sbuf) out = SBUF_MAX(1000);

    (void)state;
    enc_json_string(S("a\"\\/\n\x01\x7f"), &out);
    assert_string_equal(out.p, "\"a\\\"\\\\/\\u000a\\u0001\\u007f\"");
    sbuf_clear(&out);
    enc_json_string(S("\xe2\x82\xac\xf0\x9f\x98\x80"), &out); /* RFC 8259, 7: pairs beyond the first plane */
    assert_string_equal(out.p, "\"\\u20ac\\ud83d\\ude00\"");
    sbuf_clear(&out);
    enc_json_string(S("a\xff\xed\xa0\x80z"), &out);
    assert_string_equal(out.p, "\"a\\ufffd\\ufffd\\ufffd\\ufffdz\"");
    sbuf_clear(&out);
    enc_json_string(S("\0"), &out);
    assert_string_equal(out.p, "\"\\u0000\"");
    sbuf_clear(&out);
    enc_json_string(SLICE_NONE, &out);
    assert_string_equal(out.p, "\"\"");
}

/* Seconds from `date -u -d ... +%s`. */
static const struct {
    const char *text;
    int64_t wall_ms;
} times[] = {
    { "1970-01-01T00:00:00Z", 0 },
    { "1970-01-01T00:00:00.001Z", 1 },
    { "2000-02-29T23:59:59Z", 951868799000 },
    { "2026-11-23T15:27:57.123Z", 1795447677123 },
    { "2038-01-19T03:14:08Z", 2147483648000 },
    { "2100-02-28T23:59:59.999Z", 4107542399999 },
    { "9999-12-31T23:59:59.999Z", 253402300799999 },
};

/* Each byte at each place of a text of two words: found exactly where it stands. */
static void test_json_plain(void **state)
{
    char text[17];

    (void)state;
    for (int c = 0; c < 256; c++) {
        bool is_plain =
            c >= 0x20 && c < 0x7f && c != 0x22 && c != 0x5c; /* RFC 8259, section 7; ASCII but DEL */
        for (size_t at = 0; at < sizeof text; at++) {
            memset(text, at % 2 ? ' ' : '~', sizeof text);
            text[at] = (char)c;
            assert_int_equal(enc_json_plain(slice_from(text, sizeof text)), is_plain ? sizeof text : at);
            if (at + 1 < sizeof text && !is_plain) { /* what stands behind it changes nothing */
                memset(text + at + 1, c ^ 0x80, sizeof text - at - 1);
                assert_int_equal(enc_json_plain(slice_from(text, sizeof text)), at);
            }
        }
    }
    assert_int_equal(enc_json_plain(SLICE_NONE), 0);
}

static void test_time(void **state)
{
    char out[25];

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        int64_t back = -1;
        enc_time_utc(times[i].wall_ms, strlen(times[i].text) == 24, out);
        assert_string_equal(out, times[i].text);
        assert_true(enc_untime_utc(slice_of(times[i].text), &back));
        assert_true(back == times[i].wall_ms);
    }
    enc_time_utc(-1, true, out);
    assert_string_equal(out, "1969-12-31T23:59:59.999Z");
    static const int64_t never[] = { 253402300800000, INT64_MAX, INT64_MIN, -93720000000000 };
    for (size_t i = 0; i < 4; i++) {
        enc_time_utc(never[i], false, out);
        assert_string_equal(out, "0000-00-00T00:00:00Z");
        enc_time_utc(never[i], true, out);
        assert_int_equal(strlen(out), 24);
    }
}

static const char *const no_times[] = {
    "",
    "2026-11-23",
    "2026-11-23T15:27:57",
    "2026-11-23T15:27:57z",
    "2026-11-23 15:27:57Z",
    "2026-11-23T15:27:57+0",
    "2026-11-23T15:27:57.1Z",
    "2026-11-23T15:27:57,123Z",
    "2026-11-23T15:27:57.12xZ",
    "2026-11-23T15:27:57.1234Z",
    "2026-13-23T15:27:57Z",
    "2026-00-23T15:27:57Z",
    "2026-11-00T15:27:57Z",
    "2026-11-31T15:27:57Z",
    "2026-02-29T15:27:57Z",
    "2100-02-29T15:27:57Z",
    "2026-11-23T24:00:00Z",
    "2026-11-23T15:60:00Z",
    "2026-11-23T15:27:60Z",
    "2026-11-23T-1:27:57Z",
    "+026-11-23T15:27:57Z",
    "1969-12-31T23:59:59Z",
    "2026-11-23T15:27: 7Z",
};

static void test_no_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof no_times / sizeof no_times[0]; i++) {
        int64_t out = 777;
        if (enc_untime_utc(slice_of(no_times[i]), &out) || out != 777)
            fail_msg("'%s'", no_times[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex),         cmocka_unit_test(test_base64),
        cmocka_unit_test(test_unbase64),    cmocka_unit_test(test_every_hex_digit),
        cmocka_unit_test(test_percent),     cmocka_unit_test(test_unpercent),
        cmocka_unit_test(test_utf8),        cmocka_unit_test(test_utf8_all),
        cmocka_unit_test(test_json_string), cmocka_unit_test(test_json_plain),
        cmocka_unit_test(test_time),        cmocka_unit_test(test_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
