/*
 * Audit lines: valid, bounded ASCII JSON whatever the input (judged by cJSON, not by our own reader), hashes as SHA-256 of
 * the line before (by a call of our own to the library), and a chain check that misses no flipped bit of a small log.
 */
#include "core/audit_chain.h"
#include "base/enc.h"
#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define RUN "0123456789abcdef"

static struct audit_rec intent(void)
{
    return (struct audit_rec){ .type = AUDIT_INTENT,
                               .id = S("00112233445566778899aabbccddeeff"),
                               .client = S("nlp"),
                               .token_id = S("0123456789abcdef"),
                               .peer = S("127.0.0.1:4711"),
                               .op = S("CreateAppService"),
                               .method = S("POST"),
                               .target = S("/api/v2/app_services?WorkspaceId=12345"),
                               .spec = S("llama_7b_fp16"),
                               .workspace = S("12345"),
                               .has_replicas = true,
                               .replicas = 4,
                               .nonce = S("ffeeddccbbaa99887766554433221100"),
                               .key_id = S("LTAI5tExample") };
}

static struct slice line_of(const struct sbuf *log, size_t number)
{
    struct slice rest = sbuf_slice(log), line = SLICE_NONE;

    for (size_t i = 0; i <= number; i++)
        assert_true(slice_split(&rest, '\n', &line));
    return line;
}

static void add(struct audit_chain *chain, const struct audit_rec *rec, struct sbuf *log)
{
    SCOPED(sbuf) body = SBUF_MAX(AUDIT_LINE_MAX_BYTES);

    assert_true(audit_rec_body(rec, &body));
    assert_true(audit_chain_add(chain, rec->type, 1795448877123, 987654, sbuf_slice(&body), log));
}

static cJSON *parse(struct slice line)
{
    assert_true(line.n + 1 <= AUDIT_LINE_MAX_BYTES);
    for (size_t i = 0; i < line.n; i++)
        assert_true(line.p[i] >= 0x20 && line.p[i] < 0x7f);
    SCOPED(sbuf) copy = SBUF_MAX(AUDIT_LINE_MAX_BYTES);
    sbuf_add(&copy, line);
    cJSON *o = cJSON_ParseWithOpts(copy.p, NULL, true);
    assert_non_null(o);
    return o;
}

static const char *text(const cJSON *o, const char *key)
{
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, key);

    assert_true(cJSON_IsString(m));
    return m->valuestring;
}

/* The whole line, byte by byte, as SECURITY section 2 and the header's head comment write it. */
static void test_layout(void **state)
{
    struct audit_chain chain = { .run = RUN };
    struct audit_rec rec = intent();
    SCOPED(sbuf) log = SBUF_MAX(1 << 16);

    (void)state;
    add(&chain, &rec, &log);
    assert_string_equal(
        log.p,
        "{\"v\":1,\"seq\":1,\"run\":\"" RUN "\",\"t\":\"2026-11-23T15:47:57.123Z\",\"mono\":987654,"
        "\"type\":\"intent\",\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\","
        "\"id\":\"00112233445566778899aabbccddeeff\",\"client\":\"nlp\",\"token_id\":\"0123456789abcdef\","
        "\"peer\":\"127.0.0.1:4711\",\"op\":\"CreateAppService\",\"method\":\"POST\","
        "\"target\":\"/api/v2/app_services?WorkspaceId=12345\",\"spec\":\"llama_7b_fp16\","
        "\"workspace\":\"12345\",\"replicas\":4,\"nonce\":\"ffeeddccbbaa99887766554433221100\","
        "\"key_id\":\"LTAI5tExample\"}\n");
}

static void test_chain_hash(void **state)
{
    struct audit_chain chain = { .run = RUN };
    struct audit_rec rec = intent(), stop = { .type = AUDIT_STOP };
    SCOPED(sbuf) log = SBUF_MAX(1 << 16);
    unsigned char digest[32];
    char hex[65];

    (void)state;
    add(&chain, &rec, &log);
    add(&chain, &stop, &log);
    struct slice first = line_of(&log, 0);
    assert_int_equal(EVP_Digest(first.p, first.n, digest, NULL, EVP_sha256(), NULL), 1);
    enc_hex(digest, sizeof digest, hex);
    cJSON *o = parse(line_of(&log, 1));
    assert_string_equal(text(o, "prev"), hex);
    assert_string_equal(text(o, "type"), "stop");
    cJSON_Delete(o);
    assert_int_equal(chain.seq, 2);
}

static void fill(char *p, size_t n, const char *pattern, size_t pattern_n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = pattern[i % pattern_n];
}

/* 64 KiB of anything in every text at once, and in each alone. */
static void test_bounds(void **state)
{
    static const struct {
        const char *p;
        size_t n;
    } patterns[] = { { "a", 1 },
                     { "\"\\", 2 },
                     { "\0", 1 },
                     { "\xff\xfe", 2 },
                     { "\x7f\x01\n", 3 },
                     { "\xc3\xa9", 2 },
                     { "\xf0\x9f\x9a\x80", 4 },
                     { "\xed\xa0\x80", 3 },
                     { "a\xf0\x9f", 3 },
                     { "\r\n{\"v\":1,", 8 } };
    const size_t big = 65536;
    char *raw = malloc(big);

    (void)state;
    assert_non_null(raw);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        fill(raw, big, patterns[i].p, patterns[i].n);
        struct slice s = slice_from(raw, big);
        struct audit_rec rec = { .type = AUDIT_DENY,
                                 .id = s,
                                 .parent = s,
                                 .client = s,
                                 .token_id = s,
                                 .peer = s,
                                 .op = s,
                                 .method = s,
                                 .target = s,
                                 .service = s,
                                 .app_type = s,
                                 .app_version = s,
                                 .spec = s,
                                 .workspace = s,
                                 .quota = s,
                                 .storage = s,
                                 .path = s,
                                 .policy = s,
                                 .rule = s,
                                 .nonce = s,
                                 .key_id = s,
                                 .upstream = s,
                                 .code = s,
                                 .error = s,
                                 .step = s,
                                 .reason = s,
                                 .message = s,
                                 .version = s,
                                 .host = s,
                                 .file = s,
                                 .note = s,
                                 .hash = s,
                                 .body_sha256 = s,
                                 .body_received_sha256 = s,
                                 .upstream_request_id = s };
        struct audit_rec small = intent();
        struct audit_chain chain = { .run = RUN, .seq = UINT64_MAX - 2 };
        struct audit_line line;
        struct err e = { 0 };
        SCOPED(sbuf) log = SBUF_MAX(1 << 20);
        rec.has_replicas = rec.has_replicas_now = rec.has_try = rec.has_status = rec.has_bytes = rec.has_ms =
            true;
        rec.replicas = rec.replicas_now = rec.try_number = rec.status = rec.bytes = rec.ms = INT64_MIN;
        small.target = small.peer = small.message = s;
        add(&chain, &rec, &log);
        add(&chain, &small, &log);
        cJSON_Delete(parse(line_of(&log, 0)));
        cJSON *o = parse(line_of(&log, 1));
        assert_string_equal(text(o, "spec"),
                            "llama_7b_fp16"); /* judged values stay whole beside a huge target */
        cJSON_Delete(o);
        assert_true(audit_line_parse(line_of(&log, 0), &line, &e));
        assert_true(audit_line_parse(line_of(&log, 1), &line, &e));
        struct slice target = audit_line_field(&line, S("target"));
        assert_true(target.n >= 60 && slice_ends(target, S("...")));
    }
    free(raw);
}

/* An intent whose judged values do not fit is refused, never cut; an outcome always gets its line. */
static void test_intent_is_never_cut(void **state)
{
    static char big[8000];
    struct audit_rec rec = intent();
    SCOPED(sbuf) body = SBUF_MAX(1 << 20), other = SBUF_MAX(1 << 20);

    (void)state;
    memset(big, 'x', sizeof big);
    rec.path = slice_from(big, sizeof big);
    assert_false(audit_rec_body(&rec, &body));
    struct audit_rec outcome = { .type = AUDIT_OUTCOME, .id = S("1"), .code = slice_from(big, sizeof big) };
    assert_true(audit_rec_body(&outcome, &other));
    rec.path = slice_from(big, 2000);
    sbuf_clear(&body);
    assert_true(audit_rec_body(&rec, &body));
    assert_non_null(strstr(body.p, "xxxxxx\""));
}

static void test_values_arrive(void **state)
{
    struct audit_chain chain = { .run = RUN };
    struct audit_rec rec = { .type = AUDIT_DENY,
                             .message = S("a \"b\" \\ \n \xc3\xa9 \xf0\x9f\x9a\x80"),
                             .has_status = true,
                             .status = 403,
                             .client_gone = true };
    SCOPED(sbuf) log = SBUF_MAX(1 << 16);

    (void)state;
    add(&chain, &rec, &log);
    cJSON *o = parse(line_of(&log, 0));
    assert_string_equal(text(o, "message"), "a \"b\" \\ \n \xc3\xa9 \xf0\x9f\x9a\x80");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "client_gone")));
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(o, "status");
    assert_true(cJSON_IsNumber(status) && status->valuedouble == 403.0);
    cJSON_Delete(o);
    struct audit_line line;
    assert_true(audit_line_parse(line_of(&log, 0), &line, NULL));
    assert_true(slice_eq(audit_line_field(&line, S("status")), S("403")));
    assert_true(slice_is_empty(audit_line_field(&line, S("nonce"))));
}

static void make_log(struct sbuf *log)
{
    struct audit_chain chain = { .run = RUN };
    struct audit_rec recs[] = { { .type = AUDIT_START, .version = S("0.1.0"), .host = S("h") },
                                intent(),
                                { .type = AUDIT_OUTCOME, .id = S("0011"), .has_status = true, .status = 200 },
                                { .type = AUDIT_DENY, .reason = S("spec"), .message = S("no \"x\"") },
                                { .type = AUDIT_COUNTED, .has_count = true, .count = 7 },
                                { .type = AUDIT_STOP } };

    for (size_t i = 0; i < sizeof recs / sizeof *recs; i++)
        add(&chain, &recs[i], log);
}

/* Number of the first bad line of a log from 1, and 0 when it is whole and ends with `head`. */
static size_t first_bad(struct slice log, const unsigned char head[32])
{
    struct audit_chain chain = { .seq = 0 };
    struct slice rest = log, text_line;
    size_t number = 0;

    while (slice_split(&rest, '\n', &text_line)) {
        struct audit_line line;
        if (rest.p == NULL)
            return text_line.n ? number + 1 : memcmp(chain.hash, head, 32) == 0 ? 0 : number;
        number++;
        if (!audit_chain_check(&chain, text_line, &line, NULL))
            return number;
    }
    return number + 1;
}

static void head_of(const struct sbuf *log, unsigned char out[32])
{
    struct slice last = line_of(log, 5);

    assert_int_equal(EVP_Digest(last.p, last.n, out, NULL, EVP_sha256(), NULL), 1);
}

/* The head is what a checkpoint would hold: with it, a change of the last line shows, too. */
static void test_flips(void **state)
{
    SCOPED(sbuf) log = SBUF_MAX(1 << 16);
    unsigned char head[32];
    size_t flips = 0;

    (void)state;
    make_log(&log);
    head_of(&log, head);
    assert_int_equal(first_bad(sbuf_slice(&log), head), 0);
    for (size_t i = 0; i < log.n; i++) {
        size_t line = 1;
        for (size_t k = 0; k < i; k++)
            line += log.p[k] == '\n';
        for (int bit = 0; bit < 8; bit++) {
            log.p[i] = (char)(log.p[i] ^ (1 << bit));
            size_t bad = first_bad(sbuf_slice(&log), head);
            assert_true(bad == line ||
                        bad == line + 1); /* the line itself, or the next one, whose prev differs */
            log.p[i] = (char)(log.p[i] ^ (1 << bit));
            flips++;
        }
    }
    print_message("audit_rec: %zu flipped bits, all found\n", flips);
}

static void test_lines_moved(void **state)
{
    SCOPED(sbuf) log = SBUF_MAX(1 << 16);
    unsigned char head[32];

    (void)state;
    make_log(&log);
    head_of(&log, head);
    for (size_t a = 0; a < 6; a++) {
        SCOPED(sbuf) without = SBUF_MAX(1 << 16), twice = SBUF_MAX(1 << 16), swapped = SBUF_MAX(1 << 16);
        for (size_t i = 0; i < 6; i++) {
            size_t other = i == a ? (a + 1) % 6 : i == (a + 1) % 6 ? a : i;
            for (int copies = i == a ? 2 : 1; copies > 0; copies--)
                sbuf_addf(&twice, "%.*s\n", SLICE_FMT(line_of(&log, i)));
            if (i != a)
                sbuf_addf(&without, "%.*s\n", SLICE_FMT(line_of(&log, i)));
            sbuf_addf(&swapped, "%.*s\n", SLICE_FMT(line_of(&log, other)));
        }
        assert_int_not_equal(first_bad(sbuf_slice(&without), head), 0);
        assert_int_equal(first_bad(sbuf_slice(&twice), head), a + 2);
        assert_int_equal(first_bad(sbuf_slice(&swapped), head), a == 5 ? 1 : a + 1);
    }
}

#define HEAD                                                                                                 \
    "{\"v\":1,\"seq\":1,\"run\":\"" RUN                                                                      \
    "\",\"t\":\"2026-11-23T15:47:57.123Z\",\"mono\":1,\"type\":\"stop\",\"prev\":\"" ZEROS "\""
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void test_strict_lines(void **state)
{
    static const char *const good[] = { HEAD "}", HEAD ",\"id\":\"a\"}",
                                        HEAD ",\"id\":\"a\\u00e9\\\"\",\"ms\":-5}" };
    static const char *const bad[] = {
        "",
        "{}",
        HEAD,
        HEAD "} ",
        " " HEAD "}",
        HEAD "}}",
        HEAD ",}",
        HEAD ",\"id\":\"a\",}",
        HEAD ",\"what\":\"a\"}",
        HEAD ",\"id\":1}",
        HEAD ",\"id\":true}",
        HEAD ",\"id\":\"\"}",
        HEAD ",\"ms\":\"5\"}",
        HEAD ",\"ms\":5.0}",
        HEAD ",\"ms\":05}",
        HEAD ",\"ms\":+5}",
        HEAD ",\"ms\":-0}",
        HEAD ",\"ms\":1e3}",
        HEAD ",\"ms\":true}",
        HEAD ",\"client_gone\":false}",
        HEAD ",\"client_gone\":1}",
        HEAD ",\"ms\":1,\"id\":\"a\"}",
        HEAD ",\"id\":\"a\",\"id\":\"b\"}",
        HEAD ",\"id\":\"\\n\"}",
        HEAD ",\"id\":\"\\u00E9\"}",
        HEAD ",\"id\":\"\xc3\xa9\"}",
        HEAD ",\"id\":\"\\u00\"}",
        HEAD ", \"id\":\"a\"}",
        HEAD ",\"id\" :\"a\"}",
        HEAD ",\"ms\":9223372036854775808}",
        "{\"v\":2,\"seq\":1,\"run\":\"" RUN
        "\",\"t\":\"2026-11-23T15:47:57.123Z\",\"mono\":1,\"type\":\"stop\",\"prev\":\"" ZEROS "\"}",
        "{\"v\":1,\"seq\":0,\"run\":\"" RUN
        "\",\"t\":\"2026-11-23T15:47:57.123Z\",\"mono\":1,\"type\":\"stop\",\"prev\":\"" ZEROS "\"}",
        "{\"v\":1,\"seq\":01,\"run\":\"" RUN
        "\",\"t\":\"2026-11-23T15:47:57.123Z\",\"mono\":1,\"type\":\"stop\",\"prev\":\"" ZEROS "\"}",
        "{\"v\":1,\"seq\":1,\"run\":\"0123\",\"t\":\"2026-11-23T15:47:57.123Z\",\"mono\":1,\"type\":\"stop\","
        "\"prev\":\"" ZEROS "\"}",
        "{\"v\":1,\"seq\":1,\"run\":\"" RUN
        "\",\"t\":\"2026-13-23T15:47:57.123Z\",\"mono\":1,\"type\":\"stop\",\"prev\":\"" ZEROS "\"}",
        "{\"v\":1,\"seq\":1,\"run\":\"" RUN
        "\",\"t\":\"2026-11-23T15:47:57.123Z\",\"mono\":-1,\"type\":\"stop\",\"prev\":\"" ZEROS "\"}",
        "{\"v\":1,\"seq\":1,\"run\":\"" RUN
        "\",\"t\":\"2026-11-23T15:47:57.123Z\",\"mono\":1,\"type\":\"none\",\"prev\":\"" ZEROS "\"}",
        "{\"v\":1,\"seq\":1,\"run\":\"" RUN
        "\",\"t\":\"2026-11-23T15:47:57.123Z\",\"mono\":1,\"type\":\"stop\",\"prev\":\"00\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct audit_line line;
        assert_true(audit_line_parse(slice_of(good[i]), &line, NULL));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct audit_line line;
        struct err e = { 0 };
        if (audit_line_parse(slice_of(bad[i]), &line, &e) || e.code == ERR_NONE) {
            print_error("accepted: %s\n", bad[i]);
            fail();
        }
    }
}

static void test_types(void **state)
{
    (void)state;
    for (int t = AUDIT_NONE + 1; t < AUDIT_TYPE_COUNT_; t++)
        assert_int_equal(audit_type_of(slice_of(audit_type_name((enum audit_type)t))), t);
    assert_int_equal(audit_type_of(S("none")), AUDIT_NONE);
    assert_int_equal(audit_type_of(S("Intent")), AUDIT_NONE);
}

static void test_full_buffer(void **state)
{
    struct audit_chain chain = { .run = RUN }, before = chain;
    SCOPED(sbuf) small = SBUF_MAX(100);

    (void)state;
    assert_false(audit_chain_add(&chain, AUDIT_STOP, 0, 0, S("}"), &small));
    assert_memory_equal(&chain, &before, sizeof chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),        cmocka_unit_test(test_chain_hash),
        cmocka_unit_test(test_bounds),        cmocka_unit_test(test_intent_is_never_cut),
        cmocka_unit_test(test_values_arrive), cmocka_unit_test(test_flips),
        cmocka_unit_test(test_lines_moved),   cmocka_unit_test(test_strict_lines),
        cmocka_unit_test(test_types),         cmocka_unit_test(test_full_buffer)
    };

    return cmocka_run_group_tests_name("audit_rec", tests, NULL, NULL);
}
