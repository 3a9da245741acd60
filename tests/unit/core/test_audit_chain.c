/*
 * Sealed audit lines: what tests/vectors/audit/make.py made with hashlib and hmac alone is checked here line by line, and what
 * is written here must have the very bytes that stand there. Then: no bit of a sealed log can change unseen, and with a later
 * key no earlier epoch can be made anew.
 */
#include "core/audit_chain.h"
#include "base/enc.h"
#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define FOLDER  EG_TESTS_DIR "/vectors/audit/"
#define START_S 1795449600
#define RUN     "0123456789abcdef"

typedef void (*case_fn)(const cJSON *o);

static size_t each_case(const char *path, case_fn run)
{
    FILE *f = fopen(path, "r");
    char *text = NULL;
    size_t room = 0, count = 0;

    assert_non_null(f);
    while (getline(&text, &room, f) > 0) {
        cJSON *o = cJSON_Parse(text);
        assert_non_null(o);
        run(o);
        cJSON_Delete(o);
        count++;
    }
    free(text);
    fclose(f);
    return count;
}

static int64_t number(const cJSON *o, const char *key)
{
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, key);

    assert_true(cJSON_IsNumber(m));
    return (int64_t)m->valuedouble;
}

static const char *text_of(const cJSON *o, const char *key)
{
    const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, key);

    assert_true(cJSON_IsString(m));
    return m->valuestring;
}

/* K_0 of the vectors: the bytes 0 to 31. */
static struct audit_key first_key(void)
{
    unsigned char bytes[AUDIT_KEY_BYTES];
    struct audit_key key;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)i;
    assert_true(audit_key_init(&key, START_S, 60, 0, bytes, NULL));
    return key;
}

/* ---- keys ---- */

static void check_key(const cJSON *o)
{
    struct audit_key walked = first_key(), read;
    char memory[AUDIT_KEY_TEXT_BYTES] = "";
    SCOPED(sbuf) out = SBUF_LENT(memory, sizeof memory, sizeof memory - 1);

    assert_true(audit_key_forward(&walked, (uint64_t)number(o, "epoch"), NULL));
    audit_key_print(&walked, &out);
    sbuf_addc(&out, '.');
    assert_true(sbuf_ok(&out));
    assert_memory_equal(out.p, text_of(o, "line"), out.n - 2);
    assert_memory_equal(out.p + out.n - 2, "\n.", 2);
    assert_true(audit_key_parse(&read, slice_of(text_of(o, "line")), NULL));
    assert_int_equal(read.epoch, walked.epoch);
    assert_int_equal(read.start_s, START_S);
    assert_int_equal(read.length_s, 60);
    assert_memory_equal(secret_bytes(read.key).p, secret_bytes(walked.key).p, AUDIT_KEY_BYTES);
    audit_key_drop(&walked);
    audit_key_drop(&read);
    assert_null(read.key);
}

static void test_keys(void **state)
{
    (void)state;
    assert_int_equal(each_case(FOLDER "keys.jsonl", check_key), 6);
}

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void test_key_lines(void **state)
{
    static const char *const good[] = { "easgate-audit-key 1 0 1 0 " HEX,
                                        "easgate-audit-key 1 1795449600 3600 9223372036854775807 " HEX "\n" };
    static const char *const bad[] = { "",
                                       "\n",
                                       "easgate-audit-key 2 0 1 0 " HEX,
                                       "easgate-audit-key 1 0 0 0 " HEX,
                                       "easgate-audit-key 1 0 31622401 0 " HEX,
                                       "easgate-audit-key 1 -1 1 0 " HEX,
                                       "easgate-audit-key 1 253402300800 1 0 " HEX,
                                       "easgate-audit-key 1 0 1 01 " HEX,
                                       "easgate-audit-key 1 0 1 9223372036854775808 " HEX,
                                       "easgate-audit-key 1 0 1 0  " HEX,
                                       "easgate-audit-key 1 0 1 0 " HEX "\n\n",
                                       "easgate-audit-key 1 0 1 0 " HEX " ",
                                       "easgate-audit-key 1 0 1 0 " HEX "0",
                                       "easgate-audit-key 1 0 1 " HEX,
                                       "easgate-audit-key 1 0 1 0 0" HEX,
                                       "easgate-audit-key 1 0 1 0 A0" HEX,
                                       " easgate-audit-key 1 0 1 0 " HEX };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct audit_key key;
        assert_true(audit_key_parse(&key, slice_of(good[i]), NULL));
        audit_key_drop(&key);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct audit_key key;
        struct err e = { 0 };
        if (audit_key_parse(&key, slice_of(bad[i]), &e) || key.key) {
            print_error("accepted: %s\n", bad[i]);
            fail();
        }
        assert_null(strstr(e.text, "0001")); /* nothing of a key stands in an error */
    }
}

static void test_key_never_back(void **state)
{
    struct audit_key key = first_key();
    struct err e = { 0 };

    (void)state;
    assert_true(audit_key_forward(&key, 5, NULL));
    assert_true(audit_key_forward(&key, 5, NULL));
    assert_false(audit_key_forward(&key, 4, &e));
    assert_int_equal(e.code, ERR_RANGE);
    assert_false(audit_key_forward(&key, 6 + AUDIT_KEY_STEPS_MAX, NULL));
    assert_int_equal(key.epoch, 5);
    audit_key_drop(&key);
    audit_key_drop(&key);
}

static void test_epochs_of_times(void **state)
{
    static const struct {
        int64_t ms;
        uint64_t epoch;
    } rows[] = { { -1, 0 },     { 0, 0 },         { 59999, 0 },    { 60000, 1 },      { 119999, 1 },
                 { 120000, 2 }, { -86400000, 0 }, { 3600000, 60 }, { 60000001, 1000 } };
    struct audit_key key = first_key();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(audit_key_epoch_at(&key, START_S * 1000LL + rows[i].ms), rows[i].epoch);
    assert_int_equal(audit_key_begin_ms(&key, 1000), START_S * 1000LL + 60000000);
    assert_true(audit_key_begin_ms(&key, UINT64_MAX) > START_S * 1000LL);
    audit_key_drop(&key);
}

/* ---- logs ---- */

/* Number of the first bad line, or 0. */
static size_t check_lines(const cJSON *lines, struct audit_chain *chain, struct err *e)
{
    const cJSON *line;
    size_t count = 0;

    cJSON_ArrayForEach(line, lines)
    {
        struct audit_line out;
        count++;
        if (!audit_chain_check(chain, slice_of(line->valuestring), &out, e))
            return count;
    }
    return 0;
}

/* Write the line anew from what it says. The key moves on as the writer would move it. */
static void write_again(struct audit_chain *chain, const char *text)
{
    struct audit_line line;
    SCOPED(sbuf) body = SBUF_MAX(AUDIT_BODY_MAX_BYTES), out = SBUF_MAX(AUDIT_LINE_MAX_BYTES);
    struct audit_key *key = chain->key;

    assert_true(audit_line_parse(slice_of(text), &line, NULL));
    sbuf_add(&body, line.rest);
    if (line.version == 1)
        chain->key = NULL;
    else
        sbuf_addc(&body, '}');
    memcpy(chain->run, line.run.p, line.run.n);
    if (line.version == 3)
        assert_true(audit_key_forward(key, line.epoch, NULL));
    int64_t mono_ms = (int64_t)chain->seq * 10; /* as make.py counts */
    assert_true(audit_chain_add(chain, line.kind, line.wall_ms, mono_ms, sbuf_slice(&body), &out));
    chain->key = key;
    assert_memory_equal(out.p, text, strlen(text));
    assert_int_equal(out.n, strlen(text) + 1);
}

static void check_log(const cJSON *o)
{
    const cJSON *lines = cJSON_GetObjectItemCaseSensitive(o, "lines"), *line;
    struct audit_key key = first_key(), write_key = first_key();
    struct audit_chain chain = { .key = &key }, written = { .key = &write_key }, keyless = { .seq = 0 };
    struct err e = { 0 };
    size_t bad = check_lines(lines, &chain, &e);
    bool is_old = false; /* version 2 is read, not written */

    if (bad != (size_t)number(o, "bad") || chain.late_lines != (uint64_t)number(o, "late")) {
        print_error("%s: line %zu: %s; %llu late\n", text_of(o, "name"), bad, e.text,
                    (unsigned long long)chain.late_lines);
        fail();
    }
    if (bad == 0) {
        assert_int_equal(check_lines(lines, &keyless, NULL), 0);
        assert_int_equal(chain.macs_good, chain.keyed_lines);
        assert_int_equal(keyless.macs_good, 0);
        assert_int_equal(keyless.keyed_lines, chain.keyed_lines);
        assert_int_equal(chain.ends_sealed, number(o, "ends"));
        assert_int_equal(chain.ends_good, number(o, "ends"));
        cJSON_ArrayForEach(line, lines) is_old = is_old || strncmp(line->valuestring, "{\"v\":2", 6) == 0;
        if (!is_old) {
            cJSON_ArrayForEach(line, lines) write_again(&written, line->valuestring);
            assert_memory_equal(written.hash, chain.hash, sizeof chain.hash);
        }
    }
    audit_key_drop(&key);
    audit_key_drop(&write_key);
}

static void test_logs(void **state)
{
    (void)state;
    assert_int_equal(each_case(FOLDER "logs.jsonl", check_log), 46);
}

static struct audit_chain writer(struct audit_key *key)
{
    return (struct audit_chain){ .run = RUN, .key = key };
}

static bool add(struct audit_chain *chain, enum audit_type type, int64_t at_s, struct sbuf *out)
{
    return audit_chain_add(chain, type, (START_S + at_s) * 1000, 7, S(",\"note\":\"a\"}"), out);
}

/* The opening of the epoch behind the key's, which moves on. */
static bool open_next(struct audit_chain *chain, int64_t at_s, struct sbuf *out)
{
    struct audit_end end;
    char seal[2 * AUDIT_MAC_BYTES + 1], body[200];

    assert_true(audit_end_make(&end, chain->key, chain->seq, chain->hash));
    enc_hex(end.seal, sizeof end.seal, seal);
    snprintf(body, sizeof body, ",\"note\":\"a\",\"end_seal\":\"%s\"}", seal);
    assert_true(audit_key_forward(chain->key, chain->key->epoch + 1, NULL));
    return audit_chain_add(chain, AUDIT_CHECKPOINT, (START_S + at_s) * 1000, 7, slice_of(body), out);
}

/* What would not verify is not written, and leaves no trace. */
static void test_no_bad_line_is_written(void **state)
{
    struct audit_key key = first_key();
    struct audit_chain chain = writer(&key);
    SCOPED(sbuf) log = SBUF_MAX(1 << 16);

    (void)state;
    assert_false(add(&chain, AUDIT_START, 0, &log));
    assert_true(add(&chain, AUDIT_CHECKPOINT, 0, &log));
    assert_int_equal(audit_chain_time(&chain, AUDIT_INTENT, (START_S + 60) * 1000LL), AUDIT_TIME_BEHIND);
    assert_false(add(&chain, AUDIT_INTENT, 60, &log));
    assert_true(add(&chain, AUDIT_INTENT, 59, &log));
    struct audit_chain unopened = chain;
    struct audit_key next = first_key();
    assert_true(audit_key_forward(&next, 1, NULL));
    unopened.key = &next;
    assert_false(add(&unopened, AUDIT_INTENT, 60, &log));
    assert_false(add(&unopened, AUDIT_CHECKPOINT, 60, &log)); /* it does not say where epoch 0 ended */
    assert_false(audit_chain_add(&chain, AUDIT_CHECKPOINT, START_S * 1000LL, 7,
                                 S(",\"end_seal\":\"" HEX "\"}"), &log));
    audit_key_drop(&next);
    assert_true(open_next(&chain, 60, &log));
    assert_true(add(&chain, AUDIT_INTENT, 60, &log));
    assert_int_equal(audit_chain_time(&chain, AUDIT_INTENT, (START_S - 1) * 1000LL), AUDIT_TIME_BEFORE);
    assert_false(add(&chain, AUDIT_INTENT, -1, &log));
    assert_true(add(&chain, AUDIT_CLOCK, -1, &log));
    assert_true(add(&chain, AUDIT_INTENT, -1, &log));
    assert_true(audit_key_forward(&key, 3, NULL));
    struct audit_chain before = chain;
    size_t n = log.n;
    assert_false(add(&chain, AUDIT_CHECKPOINT, 180, &log));
    assert_memory_equal(&before, &chain, sizeof chain);
    assert_int_equal(log.n, n);
    chain.key = NULL; /* never back to lines without a mac */
    assert_false(add(&chain, AUDIT_STOP, 180, &log));
    audit_key_drop(&key);
}

static size_t first_bad(struct slice log)
{
    struct audit_key key = first_key();
    struct audit_chain chain = { .key = &key };
    struct slice line;
    size_t count = 0;

    while (slice_split(&log, '\n', &line)) {
        struct audit_line out;
        count++;
        if (log.p == NULL)
            break;
        if (!audit_chain_check(&chain, line, &out, NULL)) {
            audit_key_drop(&key);
            return count;
        }
    }
    audit_key_drop(&key);
    return 0;
}

/* With a key, the line that was changed is the one that is found, also the last. */
static void test_flips(void **state)
{
    struct audit_key key = first_key();
    struct audit_chain chain = writer(&key);
    SCOPED(sbuf) log = SBUF_MAX(1 << 16);

    (void)state;
    assert_true(add(&chain, AUDIT_CHECKPOINT, 0, &log) && add(&chain, AUDIT_START, 1, &log));
    assert_true(open_next(&chain, 60, &log));
    assert_true(add(&chain, AUDIT_STOP, 61, &log));
    assert_int_equal(first_bad(sbuf_slice(&log)), 0);
    size_t line = 1;
    for (size_t i = 0; i + 1 < log.n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            log.p[i] = (char)(log.p[i] ^ (1 << bit));
            assert_int_equal(first_bad(sbuf_slice(&log)), line);
            log.p[i] = (char)(log.p[i] ^ (1 << bit));
        }
        line += log.p[i] == '\n';
    }
    audit_key_drop(&key);
}

/* A verifier that starts in the middle: any epoch to begin with, then the rules hold. */
static void test_begins_anywhere(void **state)
{
    struct audit_key key = first_key(), later = first_key();
    struct audit_chain chain = writer(&key), middle = { .key = &later };
    struct audit_line out;
    SCOPED(sbuf) log = SBUF_MAX(1 << 16), one = SBUF_MAX(1 << 16);

    (void)state;
    assert_true(add(&chain, AUDIT_CHECKPOINT, 0, &log));
    for (uint64_t epoch = 1; epoch <= 5; epoch++)
        assert_true(open_next(&chain, (int64_t)epoch * 60, &log));
    assert_true(add(&chain, AUDIT_START, 301, &one));
    one.n--; /* its '\n' */
    assert_true(audit_chain_begin(&middle, sbuf_slice(&one), NULL));
    assert_true(audit_chain_check(&middle, sbuf_slice(&one), &out, NULL));
    assert_int_equal(middle.epoch, 5);
    assert_int_equal(middle.macs_good, 1);
    assert_true(audit_line_sealed_by(&out, &key));
    /* a later key says nothing of earlier lines, and does not count as if it did */
    struct audit_chain late = { .key = &key };
    assert_true(audit_key_forward(&key, 7, NULL));
    assert_true(audit_chain_begin(&late, sbuf_slice(&one), NULL));
    assert_true(audit_chain_check(&late, sbuf_slice(&one), &out, NULL));
    assert_int_equal(late.macs_good, 0);
    assert_false(audit_line_sealed_by(&out, &key));
    audit_key_drop(&key);
    audit_key_drop(&later);
}

/* The first line that a verifier is given opens an epoch: where the one before ended can be checked, by a key of that one. */
static void test_begins_with_an_end(void **state)
{
    SCOPED(sbuf) log = SBUF_MAX(1 << 16), one = SBUF_MAX(1 << 16);
    struct audit_key key = first_key();
    struct audit_chain chain = writer(&key);

    (void)state;
    assert_true(add(&chain, AUDIT_CHECKPOINT, 0, &log) && open_next(&chain, 60, &log) &&
                open_next(&chain, 120, &one));
    one.n--;
    for (uint64_t epoch = 0; epoch < 4; epoch++) {
        struct audit_key from = first_key();
        struct audit_chain middle = { .key = &from };
        struct audit_line out;
        assert_true(audit_key_forward(&from, epoch, NULL));
        assert_true(audit_chain_begin(&middle, sbuf_slice(&one), NULL));
        assert_true(audit_chain_check(&middle, sbuf_slice(&one), &out, NULL));
        assert_int_equal(middle.openings, 1);
        assert_int_equal(middle.ends_sealed, 1);
        assert_int_equal(middle.ends_good, epoch < 2);
        assert_int_equal(middle.macs_good, epoch < 3);
        audit_key_drop(&from);
    }
    audit_key_drop(&key);
}

/* A state file's text has one spelling, and the end belongs to the key. */
static void test_states(void **state)
{
#define KEY_LINE(epoch) "easgate-audit-key 1 0 1 " epoch " " HEX "\n"
#define END(seq)        "easgate-audit-end 1 " seq " " HEX " " HEX
    static const char *const good[] = { KEY_LINE("0"), KEY_LINE("1"), KEY_LINE("1") END("1"),
                                        KEY_LINE("7") END("18446744073709551615") "\n" };
    static const char *const bad[] = { "",
                                       END("1"),
                                       KEY_LINE("0") END("1"),
                                       KEY_LINE("1") END("0"),
                                       KEY_LINE("1") END("01"),
                                       KEY_LINE("1") END("18446744073709551616"),
                                       KEY_LINE("1") END("1") "0",
                                       KEY_LINE("1") END("1") "\n\n",
                                       KEY_LINE("1") "\n" END("1"),
                                       KEY_LINE("1") " " END("1"),
                                       KEY_LINE("1") "x",
                                       KEY_LINE("1") KEY_LINE("1"),
                                       KEY_LINE("1") END("1") "\n" END("1"),
                                       KEY_LINE("1") "easgate-audit-end 2 1 " HEX " " HEX,
                                       KEY_LINE("1") "easgate-audit-end 1 1 " HEX,
                                       KEY_LINE("1") "easgate-audit-end 1 1 " HEX "  " HEX };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char memory[AUDIT_KEY_TEXT_BYTES] = "";
        struct sbuf out = SBUF_LENT(memory, sizeof memory, sizeof memory - 1);
        struct audit_key key;
        struct audit_end end;
        assert_true(audit_state_parse(&key, &end, slice_of(good[i]), NULL));
        assert_int_equal(end.seq > 0, i > 1);
        audit_state_print(&key, &end, &out);
        assert_true(slice_starts(sbuf_slice(&out), slice_of(good[i])) && out.n - strlen(good[i]) <= 1);
        audit_key_drop(&key);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct audit_key key;
        struct audit_end end;
        struct err e = { 0 };
        if (audit_state_parse(&key, &end, slice_of(bad[i]), &e) || key.key || end.seq)
            fail_msg("accepted: %s", bad[i]);
        assert_null(strstr(e.text, "0001"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),           cmocka_unit_test(test_key_lines),
        cmocka_unit_test(test_key_never_back), cmocka_unit_test(test_epochs_of_times),
        cmocka_unit_test(test_logs),           cmocka_unit_test(test_no_bad_line_is_written),
        cmocka_unit_test(test_states),         cmocka_unit_test(test_begins_with_an_end),
        cmocka_unit_test(test_flips),          cmocka_unit_test(test_begins_anywhere),
    };

    return cmocka_run_group_tests_name("audit_chain", tests, NULL, NULL);
}
