/*
 * The emulator's verifier against vectors made elsewhere: it accepts exactly those that agree with the document, and
 * refuses each of them with one bit of any part flipped. The file of vectors is read when the test runs.
 */
#include "unit.h"
#include "emulator/emu_canon.h"
#include "emulator/emu_offline.h"
#include "emulator/emu_verify.h"

#define FILE_MAX  (16U << 20)
#define PARTS_MAX 64

struct vectors {
    struct sbuf text;
    struct emu_json *root;
};

/* A vector as the verifier takes it; its parts point into writable copies, so that bits can be flipped. */
struct request {
    struct emu_evidence ev;
    struct emu_header headers[PARTS_MAX];
    struct emu_pair pairs[PARTS_MAX];
    char *copies[4 * PARTS_MAX];
    size_t copy_count;
    struct emu_keys keys;
    int64_t now_ms;
};

static int load(void **state)
{
    static struct vectors v = { .text = { .max = FILE_MAX } };
    FILE *f = fopen(EG_TESTS_DIR "/vectors/acs3-vectors.json", "re");
    size_t n, used;

    assert_non_null(f);
    do {
        char *room = sbuf_room(&v.text, 65536);
        assert_non_null(room);
        n = fread(room, 1, 65536, f);
        sbuf_grew(&v.text, n);
    } while (n);
    fclose(f);
    v.root = emu_json_parse(sbuf_slice(&v.text), &used);
    assert_int_equal(emu_json_kind(v.root), EMU_JSON_ARRAY);
    *state = &v;
    return 0;
}

static int unload(void **state)
{
    struct vectors *v = *state;

    emu_json_free(&v->root);
    sbuf_drop(&v->text);
    return 0;
}

static struct slice own(struct request *r, struct slice s)
{
    char *copy = malloc(s.n + 1);

    assert_non_null(copy);
    assert_true(r->copy_count < sizeof r->copies / sizeof r->copies[0]);
    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    r->copies[r->copy_count++] = copy;
    return slice_from(copy, s.n);
}

static struct slice member(const struct emu_json *v, const char *name)
{
    return emu_json_text(emu_json_get(v, name));
}

static void read_request(const struct emu_json *v, struct request *r)
{
    size_t n = 0, pairs = 0;

    *r = (struct request){ .keys = { .count = 0 } };
    r->ev.method = own(r, member(v, "method"));
    r->ev.path = own(r, member(v, "path"));
    r->ev.body = own(r, member(v, "body"));
    for (const struct emu_json *m = emu_json_first(emu_json_get(v, "query")); m;
         m = emu_json_next(m), pairs++)
        r->pairs[pairs] = (struct emu_pair){ own(r, emu_json_name(m)), own(r, emu_json_text(m)) };
    for (const struct emu_json *m = emu_json_first(emu_json_get(v, "headers")); m;
         m = emu_json_next(m), n++) {
        r->headers[n] = (struct emu_header){ own(r, emu_json_name(m)), own(r, emu_json_text(m)) };
        if (slice_eq_nocase(emu_json_name(m), S("x-acs-date")))
            assert_true(emu_canon_date(slice_trim(emu_json_text(m)), &r->now_ms));
    }
    r->headers[n++] = (struct emu_header){ S("authorization"), own(r, member(v, "authorization")) };
    r->ev.pairs = r->pairs;
    r->ev.pair_count = pairs;
    r->ev.headers = r->headers;
    r->ev.header_count = n;
    assert_true(emu_keys_add(&r->keys, member(v, "access_key_id"), member(v, "access_key_secret"),
                             member(v, "security_token"), NULL));
}

static void drop_request(struct request *r)
{
    for (size_t i = 0; i < r->copy_count; i++)
        free(r->copies[i]);
    emu_keys_drop(&r->keys);
}

static bool accepts(const struct request *r, struct emu_verdict *out)
{
    SCOPED(sbuf) canonical = SBUF_MAX(EMU_CANONICAL_MAX);

    emu_verify(&r->ev, &r->keys, r->now_ms, NULL, &canonical, out);
    return out->ok;
}

/* Flip each bit of s in turn; the request must be refused every time. Returns how many it tried. */
static size_t flip_all(const struct request *r, struct slice s, const char *name, const char *part,
                       bool is_caseless)
{
    size_t tried = 0;

    for (size_t i = 0; i < s.n; i++)
        for (int bit = 0; bit < 8; bit++) {
            char *at = r->copies[0]; /* only to have a pointer that is not const */
            char before = s.p[i], after = (char)(before ^ (1 << bit));
            struct emu_verdict v;
            for (size_t c = 0; c < r->copy_count; c++)
                if (r->copies[c] == s.p)
                    at = r->copies[c];
            assert_ptr_equal(at, s.p);
            if (is_caseless && ascii_lower(before) == ascii_lower(after))
                continue; /* header names have no case */
            at[i] = after;
            if (accepts(r, &v))
                fail_msg("%s: accepted with bit %d of byte %zu of %s flipped", name, bit, i, part);
            assert_true(v.code[0] != '\0');
            at[i] = before;
            tried++;
        }
    return tried;
}

static void accepts_what_agrees_with_the_document(void **state)
{
    struct vectors *all = *state;
    struct emu_verdict v;
    size_t accepted = 0;

    for (const struct emu_json *m = emu_json_first(all->root); m; m = emu_json_next(m)) {
        struct request r;
        read_request(m, &r);
        bool should = emu_json_is_true(emu_json_get(m, "agrees_with_document"));
        if (accepts(&r, &v) != should)
            fail_msg("%s: %s (%s)", member(m, "name").p, v.ok ? "accepted" : v.detail, v.code);
        emu_offline_judge(m, NULL, r.now_ms, NULL, &v);
        assert_int_equal(v.ok, should);
        accepted += should;
        drop_request(&r);
    }
    assert_true(accepted > 0);
    print_message("%zu vectors accepted\n", accepted);
}

static void refuses_any_flipped_bit(void **state)
{
    struct vectors *all = *state;
    size_t tried = 0;

    for (const struct emu_json *m = emu_json_first(all->root); m; m = emu_json_next(m)) {
        const char *name = member(m, "name").p;
        struct emu_verdict v;
        struct request r;
        if (!emu_json_is_true(emu_json_get(m, "agrees_with_document")))
            continue;
        read_request(m, &r);
        tried += flip_all(&r, r.ev.method, name, "method", false) +
                 flip_all(&r, r.ev.path, name, "path", false) + flip_all(&r, r.ev.body, name, "body", false);
        for (size_t i = 0; i < r.ev.pair_count; i++)
            tried += flip_all(&r, r.pairs[i].name, name, "a query name", false) +
                     flip_all(&r, r.pairs[i].value, name, "a query value", false);
        for (size_t i = 0; i + 1 < r.ev.header_count; i++) {
            if (!emu_canon_is_signed(r.headers[i].name))
                continue;
            tried += flip_all(&r, r.headers[i].name, name, "a header name", true) +
                     flip_all(&r, r.headers[i].value, name, "a header value", false);
        }
        tried += flip_all(&r, r.headers[r.ev.header_count - 1].value, name, "authorization", false);
        assert_true(accepts(&r, &v)); /* all bits are back */
        drop_request(&r);
    }
    assert_true(tried > 0);
    print_message("%zu flipped bits refused\n", tried);
}

/* The canonical query is one of the texts that may stand on the wire. */
static void reads_raw_queries_alike(void **state)
{
    struct vectors *all = *state;

    for (const struct emu_json *m = emu_json_first(all->root); m; m = emu_json_next(m)) {
        struct slice rest = member(m, "canonical_request"), line;
        struct emu_verdict v;
        struct request r;
        if (!emu_json_is_true(emu_json_get(m, "agrees_with_document")))
            continue;
        read_request(m, &r);
        for (int i = 0; i < 3; i++)
            assert_true(slice_split(&rest, '\n', &line));
        r.ev.pairs = NULL;
        r.ev.query = own(&r, line);
        assert_true(accepts(&r, &v));
        flip_all(&r, r.ev.query, member(m, "name").p, "the raw query", false);
        drop_request(&r);
    }
}

static const struct emu_json *first_good(struct vectors *all)
{
    const struct emu_json *m = emu_json_first(all->root);

    while (m && !emu_json_is_true(emu_json_get(m, "agrees_with_document")))
        m = emu_json_next(m);
    assert_non_null(m);
    return m;
}

static void keeps_the_date_window(void **state)
{
    static const struct {
        int64_t by_ms;
        const char *code;
    } cases[] = { { 0, "" },
                  { EMU_SKEW_MS, "" },
                  { -EMU_SKEW_MS, "" },
                  { EMU_SKEW_MS + 1, "InvalidTimeStamp.Expired" },
                  { -EMU_SKEW_MS - 1, "InvalidTimeStamp.Expired" } };
    struct emu_verdict v;
    struct request r;

    read_request(first_good(*state), &r);
    int64_t date_ms = r.now_ms;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        r.now_ms = date_ms + cases[i].by_ms;
        accepts(&r, &v);
        assert_string_equal(v.code, cases[i].code);
    }
    drop_request(&r);
}

static void refuses_a_used_nonce(void **state)
{
    struct emu_nonces *nonces = emu_nonces_new();
    SCOPED(sbuf) canonical = SBUF_MAX(EMU_CANONICAL_MAX);
    struct emu_verdict v;
    struct request r;

    assert_non_null(nonces);
    read_request(first_good(*state), &r);
    emu_verify(&r.ev, &r.keys, r.now_ms, nonces, &canonical, &v);
    assert_true(v.ok);
    sbuf_clear(&canonical);
    emu_verify(&r.ev, &r.keys, r.now_ms, nonces, &canonical, &v);
    assert_string_equal(v.code, "SignatureNonceUsed");
    emu_nonces_free(&nonces);
    drop_request(&r);
}

static void remembers_many_nonces(void **state)
{
    struct emu_nonces *nonces = emu_nonces_new();
    char text[16];

    (void)state;
    assert_non_null(nonces);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 20000; i++) {
            snprintf(text, sizeof text, "n%d", i);
            assert_int_equal(emu_nonces_take(nonces, S("key"), slice_of(text), 1000 + i), round == 0);
        }
    assert_true(emu_nonces_take(nonces, S("other"), S("n1"), 1000));
    /* still known half an hour later, and forgotten at last */
    assert_false(emu_nonces_take(nonces, S("key"), S("n7"), 1000 + 2 * EMU_SKEW_MS));
    emu_nonces_take(nonces, S("key"), S("x"), INT64_C(4000000));
    emu_nonces_take(nonces, S("key"), S("y"), INT64_C(8000000));
    assert_true(emu_nonces_take(nonces, S("key"), S("n7"), INT64_C(8000000)));
    emu_nonces_free(&nonces);
}

static void refuses_wrong_headers(void **state)
{
    struct emu_header extra[] = { { S("x-acs-more"), S("1") },
                                  { S("Content-Type"), S("text/plain") },
                                  { S("HOST"), S("elsewhere") },
                                  { S("x-acs-security-token"), S("t") },
                                  { S("authorization"), S("Bearer x") } };
    static const char *const codes[] = { "SignatureDoesNotMatch", "SignatureDoesNotMatch",
                                         "IncompleteSignature", "InvalidSecurityToken.MismatchWithAccessKey",
                                         "IncompleteSignature" };
    struct emu_verdict v;
    struct request r;

    read_request(first_good(*state), &r);
    size_t n = r.ev.header_count;
    for (size_t i = 0; i < sizeof extra / sizeof extra[0]; i++) {
        r.headers[n] = extra[i];
        r.ev.header_count = n + 1;
        accepts(&r, &v);
        assert_string_equal(v.code, codes[i]);
    }
    r.headers[n] = (struct emu_header){ S("accept"), S("*/*") }; /* need not be signed */
    assert_true(accepts(&r, &v));
    r.ev.header_count = n;
    for (size_t i = 0; i < n; i++) { /* none may be missing */
        struct emu_header gone = r.headers[i];
        r.headers[i] = r.headers[n - 1];
        r.ev.header_count = n - 1;
        assert_false(accepts(&r, &v));
        r.headers[i] = gone;
    }
    drop_request(&r);
}

static void reads_dates_strictly(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = { { "1970-01-01T00:00:00Z", 0 },
                 { "2000-02-29T12:00:00Z", INT64_C(951825600000) },
                 { "2023-10-26T10:22:32Z", INT64_C(1698315752000) },
                 { "2024-12-31T23:59:59Z", INT64_C(1735689599000) } };
    static const char *const bad[] = { "",
                                       "2023-10-26T10:22:32",
                                       "2023-10-26 10:22:32Z",
                                       "2023-02-29T00:00:00Z",
                                       "2100-02-29T00:00:00Z",
                                       "2023-13-01T00:00:00Z",
                                       "2023-10-26T24:00:00Z",
                                       "2023-10-26T10:22:60Z",
                                       "2023-10-26T10:22:32.1Z",
                                       "2023-1O-26T10:22:32Z" };
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(emu_canon_date(slice_of(good[i].text), &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(emu_canon_date(slice_of(bad[i]), &ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_agrees_with_the_document),
        cmocka_unit_test(refuses_any_flipped_bit),
        cmocka_unit_test(reads_raw_queries_alike),
        cmocka_unit_test(keeps_the_date_window),
        cmocka_unit_test(refuses_a_used_nonce),
        cmocka_unit_test(remembers_many_nonces),
        cmocka_unit_test(refuses_wrong_headers),
        cmocka_unit_test(reads_dates_strictly),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
