/* Asking a running gateway for a verdict: see explain_live.h. Must never send a request without the header that keeps it from EAS. */
#include "app/explain_live.h"
#include "app/ask.h"
#include "base/secret.h"
#include "config/textfile.h"

#define LIVE_LIMIT_MS (120 * 1000) /* look-ups at EAS, each with its own timeout */
#define ANSWER_MAX    (1024 * 1024)

static int cannot(const char *what, const char *why)
{
    fprintf(stderr, "easgate explain: %s: %s\n", what, why);
    return 2;
}

/* A token stands in one line, and its end is no part of it. */
static bool is_clean(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x21 || text.p[i] > 0x7e)
            return false;
    return text.n > 0;
}

static void print_request(struct slice host, struct slice token, struct slice method, struct slice target,
                          struct slice body, struct sbuf *out)
{
    sbuf_addf(out, "%.*s %.*s HTTP/1.1\r\nHost: %.*s\r\n", SLICE_FMT(method), SLICE_FMT(target),
              SLICE_FMT(host));
    sbuf_addf(out, "Authorization: Bearer %.*s\r\nx-easgate-dry-run: true\r\nConnection: close\r\n",
              SLICE_FMT(token));
    if (body.n)
        sbuf_addf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body.n);
    sbuf_adds(out, "\r\n");
    sbuf_add(out, body);
}

int explain_live(const struct live *live, struct slice method, struct slice target, struct slice body)
{
    struct ask a = { .limit_ms = LIVE_LIMIT_MS };
    struct slice gateway = slice_of(live->gateway), host = S("localhost");
    SCOPED(sbuf) token = SBUF_MAX(4096);
    SCOPED(sbuf) request = SBUF_MAX(2 * 1024 * 1024);
    struct err e = { 0 };

    if (!ask_set_url(&a, gateway, "/"))
        return cannot(live->gateway, "expected http://ADDRESS:PORT or unix:/PATH");
    if (slice_starts(gateway, S("http://")))
        host = slice_skip(gateway, 7);
    host = slice_from(host.p, slice_find(host, '/'));
    if (!textfile_read(live->token_file, TEXTFILE_SECRET, &token, &e))
        return cannot(live->token_file, e.text);
    struct slice word = slice_trim(sbuf_slice(&token));
    while (word.n && (word.p[word.n - 1] == '\n' || word.p[word.n - 1] == '\r'))
        word.n--;
    if (!is_clean(word) || !is_clean(method) || !is_clean(target))
        return cannot(live->token_file, "expected one token, and METHOD and TARGET without blanks");
    print_request(host, word, method, target, body, &request);
    struct http1_msg *answer = sbuf_ok(&request) ? ask_send(&a, sbuf_slice(&request), ANSWER_MAX) : NULL;
    secret_wipe(request.p, request.n);
    secret_wipe(token.p, token.n);
    if (!answer)
        return cannot(live->gateway, a.failed ? a.failed : "out of memory");
    printf("%.*s\n", SLICE_FMT(sbuf_slice(&answer->body)));
    int code = answer->status == 200 ? 0 : answer->status < 500 && answer->status != 401 ? 1 : 2;
    http1_msg_free(&answer);
    return code;
}
