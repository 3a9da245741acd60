/* Asking a running gateway for a verdict: see explain_live.h. Must never send a request without the header that keeps it from EAS. */
#include "app/explain_live.h"
#include "app/ask.h"
#include "app/explain_table.h"
#include "base/digest.h"
#include "base/secret.h"
#include "config/textfile.h"
#include "core/json.h"
#include "core/request.h"

#define LIVE_LIMIT_MS (120 * 1000) /* look-ups at EAS, each with its own timeout */
#define ANSWER_MAX    (1024 * 1024)

static int cannot(const char *what, const char *why)
{
    fprintf(stderr, "easgate explain: %s: %s\n", what, why);
    return 2;
}

static bool is_clean(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x21 || text.p[i] > 0x7e)
            return false;
    return text.n > 0;
}

/* ---- the token ---- */

/* The next line without blanks around it, nor the end that another system gave it. */
static struct slice take_line(struct slice *rest)
{
    struct slice line = SLICE_NONE;

    if (slice_split(rest, '\n', &line) && slice_ends(line, S("\r")))
        line.n--;
    return slice_trim(line);
}

/* The token alone, or both lines of `easgate token new`; any other line makes it doubtful what the token is. */
static bool find_token(struct slice text, struct slice *out)
{
    char hex[DIGEST_HEX_BYTES];

    *out = take_line(&text);
    struct slice line = take_line(&text), rest = line;
    if (slice_take(&rest, S("token_sha256 = ")) && digest_sha256_hex(*out, hex) &&
        slice_eq(rest, slice_of(hex)))
        line = take_line(&text);
    while (text.p && !line.n)
        line = take_line(&text);
    return is_clean(*out) && !line.n;
}

/* ---- asking ---- */

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

/* The token goes into the request and nowhere else. */
static bool make_request(const struct live *live, struct slice method, struct slice target, struct slice body,
                         struct sbuf *out)
{
    struct slice gateway = slice_of(live->gateway), host = S("localhost"), word = SLICE_NONE;
    SCOPED(sbuf) token = SBUF_MAX(4096);
    struct err e = { 0 };

    if (slice_starts(gateway, S("http://")))
        host = slice_skip(gateway, 7);
    host = slice_from(host.p, slice_find(host, '/'));
    bool is_read = textfile_read(live->token_file, TEXTFILE_SECRET, &token, &e);
    bool is_token = is_read && find_token(sbuf_slice(&token), &word);
    if (is_token)
        print_request(host, word, method, target, body, out);
    if (token.p)
        secret_wipe(token.p, token.cap);
    if (!is_token)
        cannot(live->token_file,
               is_read ? "expected the client's token in one line, or the two lines of `easgate token new`"
                       : e.text);
    else if (!sbuf_ok(out))
        cannot(live->token_file, "out of memory");
    return is_token && sbuf_ok(out);
}

/* ---- the answer ---- */

static int64_t number(const struct json *answer, struct slice name)
{
    int64_t n = 0;

    json_integer(json_get(answer, name), INT64_MIN, INT64_MAX, &n);
    return n;
}

static struct slice text(const struct json *answer, struct slice name)
{
    return json_text(json_get(answer, name));
}

/* flow/own.c and core/reply.c write these. */
static struct explain_table table_of(const struct json *answer, int64_t status)
{
    bool has_peak = json_type(json_get(answer, S("Peak"))) == JSON_NUMBER;

    return (struct explain_table){
        .operation = text(answer, S("Operation")),
        .code = text(answer, S("Code")),
        .status = status,
        .message = text(answer, S("Message")),
        .rule = text(answer, S("Rule")),
        .asked = text(answer, S("Asked")),
        .allowed = text(answer, S("Allowed")),
        .has_after = has_peak,
        .spec = text(answer, S("Spec")),
        .peak = number(answer, S("Peak")),
        .peak_now = number(answer, S("PeakNow")),
        .replicas = number(answer, S("Replicas")),
        .parts = number(answer, S("Peak")) > number(answer, S("Replicas"))
                     ? S(", more by scalers, detached instances or surge")
                     : SLICE_NONE,
        .reported = text(answer, S("WouldDeny")),
        .reported_message = text(answer, S("WouldDenyMessage")),
        .workspace = text(answer, S("FillsInWorkspaceId")),
        .quota = text(answer, S("FillsInQuotaId")),
    };
}

/* Does the request name an operation, as far as this easgate knows? */
static bool is_operation(struct slice method, struct slice target)
{
    struct request is = { .body = NULL };
    struct err e = { 0 };

    return request_route(http1_method_of(method), target, &is, &e) == REASON_NONE;
}

/* A verdict, or a refusal of easgate's own: nothing that another server, or EAS behind it, would answer. The admin listener refuses in
 * the same form, but knows no operation. */
static bool is_of_listener(const struct json *answer, int64_t status, bool knows_operation)
{
    struct slice code = text(answer, S("Code"));
    bool is_unknown = slice_eq(code, slice_of(reason_code(REASON_NO_OPERATION))) ||
                      slice_eq(code, slice_of(reason_code(REASON_METHOD)));

    if (status == 200)
        return slice_eq(text(answer, S("Verdict")), S("allowed"));
    return slice_eq(text(answer, S("HostId")), S("easgate")) && code.n > 0 &&
           !(is_unknown && knows_operation);
}

static int report(const struct live *live, const struct http1_msg *answer, bool knows_operation)
{
    struct json *tree = json_load(sbuf_slice(&answer->body), &json_limits_answer, NULL);
    int64_t status = answer->status;

    if (!is_of_listener(tree, status, knows_operation)) {
        fprintf(stderr,
                "easgate explain: %s: expected the verdict of an easgate listener (listen of [gateway], not "
                "admin_listen); what answered with status %lld is none\n",
                live->gateway, (long long)status);
        json_free(&tree);
        return 2;
    }
    struct explain_table table = table_of(tree, status);
    if (live->json)
        printf("%.*s\n", SLICE_FMT(sbuf_slice(&answer->body)));
    else
        explain_table_print(&table, false);
    json_free(&tree);
    return status == 200 ? 0 : status < 500 && status != 401 ? 1 : 2;
}

int explain_live(const struct live *live, struct slice method, struct slice target, struct slice body)
{
    struct ask a = { .limit_ms = LIVE_LIMIT_MS };
    SCOPED(sbuf) request = SBUF_MAX(2 * 1024 * 1024);

    if (!ask_set_url(&a, slice_of(live->gateway), "/"))
        return cannot(live->gateway, "expected http://ADDRESS:PORT or unix:/PATH");
    if (!is_clean(method) || !is_clean(target))
        return cannot(live->gateway, "expected METHOD and TARGET without blanks");
    bool is_made = make_request(live, method, target, body, &request);
    struct http1_msg *answer = is_made ? ask_send(&a, sbuf_slice(&request), ANSWER_MAX) : NULL;
    if (request.p)
        secret_wipe(request.p, request.cap);
    if (is_made && !answer)
        cannot(live->gateway, a.failed ? a.failed : "out of memory");
    int code = answer ? report(live, answer, is_operation(method, target)) : 2;
    http1_msg_free(&answer);
    return code;
}
