/*
 * T17: a peer that does not prove to be the configured host gets no byte of a request. Twelve bad servers (some in two
 * or three variants), and good ones as the control.
 */
#include "edge/upstream_rig.h"

#define NUL_NAME      STUB_HOST "\0.evil.test"
#define NUL_NAME_SIZE (sizeof NUL_NAME - 1)

/* Takes what comes for a moment after the handshake; request_bytes counts it. */
static void serve_and_listen(struct stub_conn *c)
{
    struct stub_request *q = malloc(sizeof *q);
    if (q && stub_read_request(c, q))
        stub_echo_one(c, q->id);
    free(q);
}

enum signer { BY_CA = 0, BY_ITSELF, BY_OTHER_CA, BY_A_LEAF, NO_CERTIFICATE };

struct server {
    unsigned kind; /* of the twelve; 0 = a good one */
    const char *what, *host;
    struct cert_spec spec;
    enum signer signer;
    int max_version;
};

static const struct server servers[] = {
    { 0, "good", STUB_HOST, { .cn = "x" }, BY_CA, 0 },
    { 0, "good, TLS 1.2", STUB_HOST, { .cn = "x" }, BY_CA, TLS1_2_VERSION },
    { 0, "good, RSA 2048", STUB_HOST, { .rsa_bits = 2048 }, BY_CA, 0 },
    { 0, "good, RSA 2048 and TLS 1.2", STUB_HOST, { .rsa_bits = 2048 }, BY_CA, TLS1_2_VERSION },
    { 0, "good, wildcard of one level", STUB_HOST, { .san = "*.easgate.test" }, BY_CA, 0 },
    { 0, "good, IP literal", "127.0.0.1", { .san_ip = { 127, 0, 0, 1 } }, BY_CA, 0 },
    { 1, "wrong name", STUB_HOST, { .san = "eas.other.test" }, BY_CA, 0 },
    { 1, "wrong address", "127.0.0.1", { .san_ip = { 127, 0, 0, 2 } }, BY_CA, 0 },
    { 1, "part of the name", STUB_HOST, { .san = "easgate.test" }, BY_CA, 0 },
    { 2, "expired", STUB_HOST, { .from_s = -9 * DAY_S, .until_s = -1 }, BY_CA, 0 },
    { 3, "not yet valid", STUB_HOST, { .from_s = DAY_S, .until_s = 9 * DAY_S }, BY_CA, 0 },
    { 4, "self-signed", STUB_HOST, { .cn = STUB_HOST }, BY_ITSELF, 0 },
    { 5, "other authority", STUB_HOST, { .cn = "x" }, BY_OTHER_CA, 0 },
    { 5, "signed by a server's certificate", STUB_HOST, { .cn = "x" }, BY_A_LEAF, 0 },
    { 6, "wildcard over two levels", "a.b.easgate.test", { .san = "*.easgate.test" }, BY_CA, 0 },
    { 6, "wildcard in a part of a label", STUB_HOST, { .san = "ea*.easgate.test" }, BY_CA, 0 },
    { 7, "NUL in the SAN", STUB_HOST, { .san = NUL_NAME, .san_bytes = NUL_NAME_SIZE }, BY_CA, 0 },
    { 7, "NUL in the CN", STUB_HOST, { .cn = NUL_NAME, .cn_bytes = NUL_NAME_SIZE, .san = "" }, BY_CA, 0 },
    { 8, "an address only", STUB_HOST, { .san_ip = { 127, 0, 0, 1 } }, BY_CA, 0 },
    { 8, "an address as a DNS name", "127.0.0.1", { .san = "127.0.0.1" }, BY_CA, 0 },
    { 9, "CN only", STUB_HOST, { .cn = STUB_HOST, .san = "" }, BY_CA, 0 },
    { 10, "TLS 1.1", STUB_HOST, { .cn = "x" }, BY_CA, TLS1_1_VERSION },
    { 10, "TLS 1.0", STUB_HOST, { .cn = "x" }, BY_CA, TLS1_VERSION },
    { 11, "no certificate", STUB_HOST, { .cn = "x" }, NO_CERTIFICATE, TLS1_2_VERSION },
    { 12, "RSA 1024", STUB_HOST, { .rsa_bits = 1024 }, BY_CA, 0 },
    { 12, "RSA 1024 and TLS 1.2", STUB_HOST, { .rsa_bits = 1024 }, BY_CA, TLS1_2_VERSION },
    { 12, "signed with SHA-1", STUB_HOST, { .cn = "x", .sha1 = true }, BY_CA, 0 },
    { 5, "a client's certificate", STUB_HOST, { .cn = "x", .for_clients = true }, BY_CA, 0 },
};
#define SERVER_COUNT (sizeof servers / sizeof servers[0])

static struct stub *start_server(const struct server *one, struct rig *r)
{
    struct stub_pair issuer = { NULL, NULL }, pair = { NULL, NULL };
    int most = one->max_version ? one->max_version : TLS1_3_VERSION;
    int least = most < TLS1_2_VERSION ? TLS1_VERSION : TLS1_2_VERSION;

    if (one->signer == BY_OTHER_CA)
        issuer = stub_ca_new("test authority"); /* the same name, another key */
    if (one->signer == BY_A_LEAF)
        issuer = stub_pair_new(&(struct cert_spec){ .cn = "a server" }, &r->ca);
    if (one->signer != NO_CERTIFICATE)
        pair = stub_pair_new(&one->spec, one->signer == BY_ITSELF ? NULL : issuer.cert ? &issuer : &r->ca);
    SSL_CTX *ctx = stub_ctx(pair.cert ? &pair : NULL, least, most);
    if (one->signer == BY_A_LEAF)
        MUST(SSL_CTX_add1_chain_cert(ctx, issuer.cert) == 1);
    stub_pair_drop(&pair);
    stub_pair_drop(&issuer);
    return stub_start(ctx, serve_and_listen, NULL);
}

/* True when the server was treated as it deserves; *out_bytes += bytes of requests that reached it. */
static bool meet(const struct server *one, bool is_change, size_t *out_bytes)
{
    struct rig *r = rig_new();
    struct stub *stub = start_server(one, r);

    r->cfg.port = stub->port;
    r->cfg.host = slice_of(one->host);
    struct txn t = rig_request(r, 1, is_change, S("{}"));
    rig_exchange(r, &t, 3000);
    bool good = one->kind == 0
                    ? t.ex.failure == SEND_FAILED_NONE && rig_is_own(&t) && atomic_load(&stub->requests) == 1
                    : t.ex.failure == SEND_NOT_SENT && !t.ex.timed_out;
    if (one->kind != 0 && !is_change)
        print_message("  %-34s %s\n", one->what, t.ex.detail);
    if (!good)
        print_error("%s: failure %d: %s\n", one->what, t.ex.failure, t.ex.detail);
    http1_msg_free(&t.ex.answer);
    upstream_free(&r->client);
    for (int i = 0; i < 2000 && atomic_load(&stub->threads) > 0; i++)
        stub_sleep_ms(1); /* it has read to the end of what came */
    if (one->kind != 0)
        *out_bytes += atomic_load(&stub->request_bytes);
    rig_free(r, stub);
    return good;
}

static void test_twelve_bad_servers(void **state)
{
    unsigned wrong_of_kind[13] = { 0 }, refused = 0;
    size_t bytes = 0;

    (void)state;
    for (size_t i = 0; i < SERVER_COUNT; i++) {
        if (!meet(&servers[i], false, &bytes) || !meet(&servers[i], true, &bytes))
            wrong_of_kind[servers[i].kind]++;
    }
    for (unsigned kind = 1; kind <= 12; kind++)
        refused += wrong_of_kind[kind] == 0;
    print_message("FIGURE %u of 12 kinds of bad servers refused (%zu variants), %zu bytes of request sent\n",
                  refused, SERVER_COUNT - 6, bytes);
    assert_int_equal(wrong_of_kind[0], 0);
    assert_int_equal(refused, 12);
    assert_int_equal(bytes, 0);
}

/* Not TLS at all. */
static void speak_plainly(struct stub_conn *c)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    ssize_t n = send(c->fd, text, sizeof text - 1, MSG_NOSIGNAL);
    (void)n;
    stub_cut(c);
}

static void test_plain_server(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, serve_and_listen, NULL);
    struct txn t = rig_request(r, 1, true, S("{}"));

    (void)state;
    stub->before_tls = speak_plainly;
    rig_exchange(r, &t, 3000);
    rig_expect_failure(&t, SEND_NOT_SENT, false);
    rig_free(r, stub);
}

static int note_sni(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    snprintf(arg, 64, "%s", name ? name : "(none)");
    return SSL_TLSEXT_ERR_OK;
}

static void test_sni(void **state)
{
    static const struct server by_name = { 0, "name", STUB_HOST, { .cn = "x" }, BY_CA, 0 };
    static const struct server by_address = {
        0, "ip", "127.0.0.1", { .san_ip = { 127, 0, 0, 1 } }, BY_CA, 0
    };
    const struct server *both[] = { &by_name, &by_address };
    const char *expected[] = { STUB_HOST, "(none)" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char name[64] = "";
        struct rig *r = rig_new();
        struct stub *stub = start_server(both[i], r);
        SSL_CTX_set_tlsext_servername_callback(stub->ctx, note_sni);
        SSL_CTX_set_tlsext_servername_arg(stub->ctx, name);
        r->cfg.port = stub->port;
        r->cfg.host = slice_of(both[i]->host);
        struct txn t = rig_request(r, 1, false, SLICE_NONE);
        rig_exchange(r, &t, 3000);
        rig_expect_own(&t);
        rig_free(r, stub);
        assert_string_equal(name, expected[i]);
    }
}

/* A peer that ends its handshake is checked anew by every connection: none is resumed. */
static int resumed;
static void serve_and_note(struct stub_conn *c)
{
    resumed += SSL_session_reused(c->ssl);
    serve_and_listen(c);
}

static void test_no_resumption(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, serve_and_note, NULL);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct txn t = rig_request(r, i, false, SLICE_NONE);
        rig_exchange(r, &t, 3000);
        rig_expect_own(&t);
        rig_run(r, 30, NULL, 0); /* the server has closed */
    }
    unsigned handshakes = atomic_load(&stub->handshakes);
    rig_free(r, stub);
    assert_int_equal(handshakes, 3);
    assert_int_equal(resumed, 0);
}

/* ---- ca_file ---- */

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    MUST(f && fputs(text, f) >= 0);
    fclose(f);
}

static void test_bad_ca_file(void **state)
{
    static const char *const texts[] = { "", "not a certificate\n",
                                         "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" };
    struct rig *r = rig_new();
    struct err e = { .code = ERR_NONE };

    (void)state;
    assert_true(upstream_prepare(r->client, &(struct cfg_upstream){ .host = S("h"), .port = 1 }, &e));
    r->cfg.port = 1;
    assert_true(upstream_prepare(r->client, &r->cfg, &e));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write_text(r->ca_path, texts[i]);
        e = (struct err){ .code = ERR_NONE };
        assert_false(upstream_prepare(r->client, &r->cfg, &e));
        assert_non_null(strstr(e.text, r->ca_path));
    }
    r->cfg.ca_file = S("/nonexistent/ca.pem");
    e = (struct err){ .code = ERR_NONE };
    assert_false(upstream_prepare(r->client, &r->cfg, &e));
    assert_non_null(strstr(e.text, "/nonexistent/ca.pem"));
    r->cfg.ca_file = S("/tmp");
    assert_false(upstream_prepare(r->client, &r->cfg, NULL));
    rig_free(r, NULL);
}

/* A certificate followed by a broken one: refused, not half believed. */
static void test_half_good_ca_file(void **state)
{
    struct rig *r = rig_new();
    struct err e = { .code = ERR_NONE };

    (void)state;
    FILE *f = fopen(r->ca_path, "a");
    MUST(f && fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", f) >= 0);
    fclose(f);
    r->cfg.port = 1;
    assert_false(upstream_prepare(r->client, &r->cfg, &e));
    rig_free(r, NULL);
}

static void test_unprepared_bad_ca_file_is_not_sent(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, serve_and_listen, NULL);
    struct txn t = rig_request(r, 1, true, S("{}"));

    (void)state;
    r->cfg.ca_file = S("/nonexistent/ca.pem");
    rig_exchange(r, &t, 3000);
    rig_expect_failure(&t, SEND_NOT_SENT, false);
    assert_int_equal(atomic_load(&stub->connections), 0);
    rig_free(r, stub);
}

/* The system's store does not hold the test's authority. */
static void test_system_store(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, serve_and_listen, NULL);
    struct txn t = rig_request(r, 1, true, S("{}"));

    (void)state;
    r->cfg.ca_file = SLICE_NONE;
    rig_exchange(r, &t, 3000);
    rig_expect_failure(&t, SEND_NOT_SENT, false);
    assert_int_equal(atomic_load(&stub->request_bytes), 0);
    rig_free(r, stub);
}

/* A reload: the same bytes keep the connections, others end them. */
static void test_reload(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, stub_serve_echo, NULL);
    struct stub_pair other = stub_ca_new("another authority");

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        if (i == 3)
            stub_write_pem(&other, r->ca_path);
        assert_true(upstream_prepare(r->client, &r->cfg, NULL));
        struct txn t = rig_request(r, i, true, S("{}"));
        rig_exchange(r, &t, 3000);
        if (i < 3)
            rig_expect_own(&t);
        else
            rig_expect_failure(&t, SEND_NOT_SENT, false);
        assert_int_equal(atomic_load(&stub->connections), i < 3 ? 1 : 2);
    }
    stub_pair_drop(&other);
    rig_free(r, stub);
}

/* A request under way when its pool is replaced gets its answer. */
static void serve_slowly(struct stub_conn *c)
{
    struct stub_request *q = malloc(sizeof *q);
    while (q && stub_read_request(c, q)) {
        stub_sleep_ms(150);
        stub_echo_one(c, q->id);
    }
    free(q);
}

static void test_reload_under_way(void **state)
{
    struct rig *r = rig_new();
    struct stub *stub = rig_stub(r, serve_slowly, NULL);
    struct stub_pair other = stub_ca_new("another authority");
    struct txn t = rig_request(r, 5, true, S("{}"));

    (void)state;
    rig_send(r, &t, 3000);
    rig_run(r, 60, NULL, 0);
    stub_write_pem(&other, r->ca_path);
    assert_true(upstream_prepare(r->client, &r->cfg, NULL));
    rig_run(r, 3000, &t.wakes, 1);
    rig_expect_own(&t);
    assert_true(upstream_prepare(r->client, &r->cfg, NULL)); /* frees the emptied pool */
    stub_pair_drop(&other);
    rig_free(r, stub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twelve_bad_servers),
        cmocka_unit_test(test_plain_server),
        cmocka_unit_test(test_sni),
        cmocka_unit_test(test_no_resumption),
        cmocka_unit_test(test_bad_ca_file),
        cmocka_unit_test(test_half_good_ca_file),
        cmocka_unit_test(test_unprepared_bad_ca_file_is_not_sent),
        cmocka_unit_test(test_system_store),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_reload_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
