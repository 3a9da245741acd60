/* Who asks: the token of a head, wherever clients put it, and everything that is none or two. */
#include "core/http1.h"
#include "flow/gate.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

/* token_sha256: of "tok-nlp" (sha256sum) */
static const char ini[] = "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\n"
                          "[credential main]\ntype = access_key\nfile = "
                          "/nonexistent/credentials\n[audit]\npath = /tmp/audit.jsonl\n"
                          "[client nlp]\ntoken_sha256 = "
                          "278cc70e7b8153b22a75a4c7136dc451adef7ca55dcd8bde9db0e6d9586f0b1f\npolicy = small\n"
                          "[policy small]\nallow = @read\nservices = nlp_*\n";

#define ACS3 "ACS3-HMAC-SHA256 Credential=dummy,SignedHeaders=host,Signature=00"
#define ACS  "acs dummy:c2lnbmF0dXJl"

static const struct {
    const char *headers; /* behind Host */
    enum reason reason;  /* NONE: it is nlp */
} rows[] = {
    { "Authorization: Bearer tok-nlp\r\n", REASON_NONE },
    { "authorization: bearer tok-nlp\r\n", REASON_NONE },
    { "x-acs-bearer-token: tok-nlp\r\n", REASON_NONE },
    { "x-acs-bearer-token: tok-nlp\r\nAuthorization: " ACS3 "\r\n", REASON_NONE },
    { "Authorization: " ACS3 "\r\nx-acs-bearer-token: tok-nlp\r\n", REASON_NONE },
    { "x-acs-bearer-token: tok-nlp\r\nAuthorization: " ACS "\r\n", REASON_NONE },
    { "", REASON_UNAUTHENTICATED },
    { "Authorization: " ACS3 "\r\n", REASON_UNAUTHENTICATED },
    { "Authorization: " ACS "\r\n", REASON_UNAUTHENTICATED },
    { "Authorization: tok-nlp\r\n", REASON_UNAUTHENTICATED },
    { "Authorization: acs tok-nlp\r\n", REASON_UNAUTHENTICATED },
    { "Authorization: Bearer tok-nlp\r\nx-acs-bearer-token: tok-nlp\r\n", REASON_UNAUTHENTICATED },
    { "Authorization: Bearer tok-other\r\nx-acs-bearer-token: tok-nlp\r\n", REASON_UNAUTHENTICATED },
    { "Authorization: Basic bmxwOnRvay1ubHA=\r\nx-acs-bearer-token: tok-nlp\r\n", REASON_UNAUTHENTICATED },
    { "Authorization: acsx tok-nlp\r\nx-acs-bearer-token: tok-nlp\r\n", REASON_UNAUTHENTICATED },
    { "Authorization: Bearer tok-nlp, tok-nlp\r\n", REASON_UNAUTHENTICATED },
    { "Authorization: Bearer tok-nl\r\n", REASON_UNAUTHENTICATED },
    { "Authorization: Bearer tok-nlpx\r\n", REASON_UNAUTHENTICATED },
    { "Authorization: Bearer \r\n", REASON_UNAUTHENTICATED },
    { "x-acs-bearer-token: \r\n", REASON_UNAUTHENTICATED },
    { "X-Token: tok-nlp\r\n", REASON_UNAUTHENTICATED },
    { "Authorization: Bearer tok-nlp\r\nOrigin: null\r\n", REASON_FORBIDDEN_ORIGIN },
    { "Authorization: Bearer tok-nlp\r\nSec-Fetch-Site: same-site\r\n", REASON_FORBIDDEN_ORIGIN },
    { "Authorization: Bearer tok-nlp\r\nSec-Fetch-Site: none\r\n", REASON_NONE },
};

/* The verdict on one head; *out_client is the client's name when it passes. */
static enum reason judge(struct gate *gate, const char *headers, char out_client[16])
{
    SCOPED(sbuf) raw = SBUF_MAX(4096);
    SCOPED(sbuf) scratch = SBUF_MAX(4096);
    struct peer peer = { PEER_TCP, "127.0.0.1:4711", 1, true };
    struct pass pass = { NULL, NULL, NULL };
    struct refusal refusal = { .reason = REASON_NONE };
    struct http1_reader *reader = http1_reader_new(HTTP1_REQUESTS, 1024);

    sbuf_addf(&raw, "GET /api/v2/services HTTP/1.1\r\nHost: localhost:8080\r\n%s\r\n", headers);
    struct slice in = sbuf_slice(&raw);
    assert_int_equal(http1_reader_feed(reader, &in), HTTP1_HEAD);
    out_client[0] = '\0';
    if (gate_check_head(gate, http1_reader_msg(reader), &peer, &pass, &scratch, &refusal)) {
        assert_int_equal(refusal.reason, REASON_NONE);
        snprintf(out_client, 16, "%.*s", SLICE_FMT(pass.client->name));
        pass_drop(&pass);
    }
    http1_reader_free(&reader);
    return refusal.reason;
}

static void the_token_says_who_asks(void **state)
{
    struct config_errors errors = { .count = 0 };
    struct snapshot *snap = snapshot_load_text("test.ini", slice_of(ini), false, &errors);
    struct ports ports = { .clock = &clock_system }; /* a head is judged without any other */
    char client[16];

    (void)state;
    assert_non_null(snap);
    struct gate *gate = gate_new(&ports, snap);
    assert_non_null(gate);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum reason reason = judge(gate, rows[i].headers, client);
        if (reason != rows[i].reason || strcmp(client, reason == REASON_NONE ? "nlp" : "") != 0)
            fail_msg("%s: %s, client \"%s\"", rows[i].headers, reason_name(reason), client);
    }
    gate_free(&gate);
    snapshot_unref(&snap);
    config_errors_drop(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_token_says_who_asks) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
