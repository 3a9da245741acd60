/*
 * Every vector of tests/vectors/acs3-vectors.json, stage by stage. The expected texts were made by the official client, or
 * follow the document where the two differ (document_*). EASGATE_VECTORS names another file of the same form.
 */
#include "core/acs3.h"
#include "base/digest.h"
#include "base/enc.h"
#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <time.h>

#define PAIRS_MAX 256

static char *file_text;
static cJSON *vectors;

static const char *vectors_path(void)
{
    const char *other = getenv("EASGATE_VECTORS");

    return other ? other : EG_TESTS_DIR "/vectors/acs3-vectors.json";
}

static int load(void **state)
{
    (void)state;
    FILE *f = fopen(vectors_path(), "rb");
    if (!f)
        return -1;
    SCOPED(sbuf) text = SBUF_MAX(64UL << 20);
    char piece[4096];
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;)
        sbuf_add(&text, slice_from(piece, n));
    fclose(f);
    file_text = sbuf_take(&text);
    vectors = file_text ? cJSON_Parse(file_text) : NULL;
    return cJSON_IsArray(vectors) ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    cJSON_Delete(vectors);
    free(file_text);
    return 0;
}

static struct slice text_of(const cJSON *vector, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(vector, name);

    return cJSON_IsString(member) ? slice_of(member->valuestring) : SLICE_NONE;
}

/* The expected text of a stage: the document's where the vector says that the client differs from it. */
static struct slice expected(const cJSON *vector, const char *name)
{
    char document_name[64];

    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(vector, "agrees_with_document")))
        return text_of(vector, name);
    snprintf(document_name, sizeof document_name, "document_%s", name);
    return text_of(vector, document_name);
}

static size_t pairs_of(const cJSON *vector, const char *name, struct acs3_pair *out)
{
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(vector, name), *member;
    size_t n = 0;

    cJSON_ArrayForEach(member, object)
    {
        assert_true(cJSON_IsString(member) && n < PAIRS_MAX);
        out[n].name = slice_of(member->string);
        out[n++].value = slice_of(member->valuestring);
    }
    return n;
}

static void expect(const cJSON *vector, const char *stage, struct slice is, struct slice should_be)
{
    if (slice_eq(is, should_be))
        return;
    print_error("%s: %s\n is     <%.*s>\n should <%.*s>\n", text_of(vector, "name").p, stage, SLICE_FMT(is),
                SLICE_FMT(should_be));
    fail();
}

/* Cut the expected canonical request into its parts: the header block is what stands between line 3 and the empty line. */
struct parts {
    struct slice method, uri, query, headers, signed_names, body_hash;
};

static struct parts cut(struct slice request)
{
    struct parts p;
    struct slice rest = request, line;

    assert_true(slice_split(&rest, '\n', &p.method) && slice_split(&rest, '\n', &p.uri) &&
                slice_split(&rest, '\n', &p.query));
    p.headers = slice_from(rest.p, 0);
    while (slice_split(&rest, '\n', &line) && line.n)
        p.headers.n += line.n + 1;
    assert_true(slice_split(&rest, '\n', &p.signed_names));
    p.body_hash = rest;
    return p;
}

static void check_vector(const cJSON *vector)
{
    SCOPED(sbuf) uri = SBUF_MAX(1 << 20), query = SBUF_MAX(1 << 20), headers = SBUF_MAX(1 << 20);
    SCOPED(sbuf) names = SBUF_MAX(1 << 20), request = SBUF_MAX(1 << 20), to_sign = SBUF_MAX(1 << 20);
    SCOPED(sbuf) authorization = SBUF_MAX(1 << 20);
    struct acs3_pair pairs[PAIRS_MAX];
    struct slice want_request = expected(vector, "canonical_request");
    struct parts want = cut(want_request);
    char hash[ACS3_HEX_BYTES], mac[ACS3_HEX_BYTES];

    assert_true(acs3_canonical_uri(text_of(vector, "path"), &uri));
    expect(vector, "canonical uri", sbuf_slice(&uri), want.uri);
    assert_true(acs3_canonical_query(pairs, pairs_of(vector, "query", pairs), &query));
    expect(vector, "canonical query", sbuf_slice(&query), want.query);
    assert_true(acs3_canonical_headers(pairs, pairs_of(vector, "headers", pairs), &headers, &names));
    expect(vector, "canonical headers", sbuf_slice(&headers), want.headers);
    expect(vector, "signed names", sbuf_slice(&names), want.signed_names);
    assert_true(digest_sha256_hex(text_of(vector, "body"), hash));
    expect(vector, "body hash", slice_of(hash), want.body_hash);
    assert_true(acs3_canonical_request(text_of(vector, "method"), sbuf_slice(&uri), sbuf_slice(&query),
                                       sbuf_slice(&headers), sbuf_slice(&names), slice_of(hash), &request));
    expect(vector, "canonical request", sbuf_slice(&request), want_request);
    assert_true(acs3_string_to_sign(sbuf_slice(&request), &to_sign));
    expect(vector, "string to sign", sbuf_slice(&to_sign), expected(vector, "string_to_sign"));
    assert_true(acs3_mac(text_of(vector, "access_key_secret"), sbuf_slice(&to_sign), mac));
    assert_true(acs3_authorization(text_of(vector, "access_key_id"), sbuf_slice(&names), slice_of(mac),
                                   &authorization));
    expect(vector, "authorization", sbuf_slice(&authorization), expected(vector, "authorization"));
}

static void test_all_vectors(void **state)
{
    const cJSON *vector;
    int agreeing = 0, differing = 0;

    (void)state;
    cJSON_ArrayForEach(vector, vectors)
    {
        check_vector(vector);
        if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(vector, "agrees_with_document")))
            agreeing++;
        else
            differing++;
    }
    print_message("acs3: %d vectors checked at each stage, and %d where the document decides (%s)\n",
                  agreeing, differing, vectors_path());
    assert_true(agreeing > 0);
}

/* One changed bit of the text or of the secret is another signature. */
static void test_bits_matter(void **state)
{
    const cJSON *vector = cJSON_GetArrayItem(vectors, 0);
    struct slice text = expected(vector, "string_to_sign"), secret = text_of(vector, "access_key_secret");
    char mac[ACS3_HEX_BYTES], other[ACS3_HEX_BYTES], copy[512];

    (void)state;
    assert_true(acs3_mac(secret, text, mac));
    assert_true(text.n < sizeof copy && secret.n < sizeof copy);
    for (size_t bit = 0; bit < text.n * 8; bit++) {
        memcpy(copy, text.p, text.n);
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
        assert_true(acs3_mac(secret, slice_from(copy, text.n), other));
        assert_string_not_equal(mac, other);
    }
    for (size_t bit = 0; bit < secret.n * 8; bit++) {
        memcpy(copy, secret.p, secret.n);
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
        assert_true(acs3_mac(slice_from(copy, secret.n), text, other));
        assert_string_not_equal(mac, other);
    }
}

static void test_edges(void **state)
{
    static const char *const broken[] = { "/a%", "/a%2", "/%zz", "/%2", "/a/%g0/b" };
    struct acs3_pair many[ACS3_HEADERS_MAX + 1];
    struct acs3_pair same[] = { { S_INIT("a"), S_INIT("2") }, { S_INIT("a"), S_INIT("1") } };

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        SCOPED(sbuf) out = SBUF_MAX(100);
        assert_false(acs3_canonical_uri(slice_of(broken[i]), &out));
    }
    SCOPED(sbuf)
    empty = SBUF_MAX(100), query = SBUF_MAX(100), headers = SBUF_MAX(1000), names = SBUF_MAX(1000);
    assert_true(acs3_canonical_uri(S(""), &empty));
    assert_string_equal(empty.p, "/");
    assert_true(acs3_canonical_query(same, 2, &query));
    assert_string_equal(query.p, "a=1&a=2");
    for (size_t i = 0; i <= ACS3_HEADERS_MAX; i++)
        many[i] = (struct acs3_pair){ S("x-acs-a"), S("b") };
    assert_false(acs3_canonical_headers(many, ACS3_HEADERS_MAX + 1, &headers, &names));
    SCOPED(sbuf) small = SBUF_MAX(3);
    assert_false(acs3_canonical_uri(S("/abcd"), &small));
}

/* What a request costs: two SHA-256 and one HMAC over 1 KB. Printed, and bounded loosely (sanitizers are slow). */
static void test_cost(void **state)
{
    char body[1024], hash[ACS3_HEX_BYTES], mac[ACS3_HEX_BYTES];
    struct timespec from, to;
    const int rounds = 2000;

    (void)state;
    memset(body, 'x', sizeof body);
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < rounds; i++) {
        assert_true(digest_sha256_hex(slice_from(body, sizeof body), hash));
        assert_true(digest_sha256_hex(slice_from(body, sizeof body), hash));
        assert_true(acs3_mac(S("0123456789abcdef0123456789abcd"), slice_of(hash), mac));
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    double us =
        ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / 1e3 / rounds;
    print_message("acs3: %.2f us for a request's hashes and HMAC\n", us);
    assert_true(us < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_all_vectors),
                                        cmocka_unit_test(test_bits_matter), cmocka_unit_test(test_edges),
                                        cmocka_unit_test(test_cost) };

    return cmocka_run_group_tests_name("acs3_vectors", tests, load, unload);
}
