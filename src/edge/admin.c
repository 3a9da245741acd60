/*
 * admin: the operators' pages behind the same guard as everything else. Host must be an address, localhost or a name of
 * the configuration (a browser page that points its own name at this address has another one), Origin must not be there.
 * Must never: change anything, show a secret or a peer's text.
 */
#include "edge/admin.h"
#include "base/enc.h"
#include "base/secret.h"
#include "config/address.h"
#include <arpa/inet.h>
#include <string.h>

#define PAGE_MAX_BYTES (4 * 1024 * 1024)

struct admin {
    struct gate *gate;
    struct sbuf page;
};

struct page {
    struct slice path;
    /* Prints into a->page; the status. */
    int (*print)(struct admin *a);
    struct slice content_type;
};

static int print_health(struct admin *a)
{
    sbuf_adds(&a->page, "ok\n");
    return 200;
}

static int print_ready(struct admin *a)
{
    gate_ready_text(a->gate, &a->page);
    if (!sbuf_ok(&a->page) || a->page.n)
        return 503;
    sbuf_adds(&a->page, "ready\n");
    return 200;
}

static int print_metrics(struct admin *a)
{
    struct metrics *m = gate_metrics(a->gate);

    metric_set(m, METRIC_inflight, (int64_t)gate_inflight(a->gate));
    metric_set(m, METRIC_inflight_bytes, (int64_t)gate_inflight_bytes(a->gate));
    metric_set(m, METRIC_config_generation, (int64_t)gate_snapshot(a->gate)->generation);
    metrics_print(m, &a->page);
    return sbuf_ok(&a->page) ? 200 : 500;
}

static int print_budget(struct admin *a)
{
    gate_budget_text(a->gate, &a->page);
    return sbuf_ok(&a->page) ? 200 : 500;
}

static const struct page pages[] = {
    { S_INIT("/healthz"), print_health, S_INIT("text/plain; charset=utf-8") },
    { S_INIT("/readyz"), print_ready, S_INIT("text/plain; charset=utf-8") },
    { S_INIT("/metrics"), print_metrics, S_INIT("text/plain; version=0.0.4; charset=utf-8") },
    { S_INIT("/budget"), print_budget, S_INIT("application/json") },
};

static bool is_numeric(struct slice host)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];

    if (host.n >= sizeof text)
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static bool is_host_fine(const struct admin *a, struct slice value)
{
    struct slice host;
    uint16_t port;
    bool has_port;

    if (snapshot_has_host(gate_snapshot(a->gate), value))
        return true;
    return address_parse_host(value, &host, &port, &has_port, NULL) &&
           (is_numeric(host) || slice_eq(host, S("localhost")));
}

static bool check_head(void *ctx, const struct http1_msg *head, const struct peer *peer,
                       struct pass *out_pass, struct sbuf *scratch, struct refusal *out_refusal)
{
    size_t origins = 0;

    (void)peer;
    (void)out_pass;
    (void)scratch;
    http1_header_get(head, S("origin"), &origins);
    if (origins)
        *out_refusal = (struct refusal){ .reason = REASON_FORBIDDEN_ORIGIN };
    else if (!is_host_fine(ctx, http1_header_get(head, S("host"), NULL)))
        *out_refusal = (struct refusal){ .reason = REASON_FORBIDDEN_HOST };
    else if (head->method != HTTP1_GET)
        *out_refusal = (struct refusal){ .reason = REASON_METHOD };
    else
        return true;
    return false;
}

static void settle_early(void *ctx, const struct refusal *refusal, const struct http1_msg *head_or_null,
                         const struct peer *peer, char out_id[33], struct sbuf *out_body)
{
    unsigned char id[16] = { 0 };

    (void)ctx;
    (void)head_or_null;
    (void)peer;
    if (!random_bytes(id, sizeof id))
        memset(id, 0, sizeof id); /* it only names the answer */
    enc_hex(id, sizeof id, out_id);
    refusal_body(refusal, slice_of(out_id), out_body);
}

static const struct page *page_of(struct slice target)
{
    struct slice path = slice_from(target.p, slice_find(target, '?'));

    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
        if (slice_eq(pages[i].path, path))
            return &pages[i];
    return NULL;
}

static void start(void *ctx, struct http1_msg **request, struct pass *pass, const struct peer *peer,
                  struct reply_port reply)
{
    struct admin *a = ctx;
    const struct page *page = page_of((*request)->target);
    struct refusal unknown = { .reason = REASON_NO_OPERATION, .message = S("no such page") };
    char id[33];
    bool gone;

    (void)pass;
    sbuf_clear(&a->page);
    settle_early(a, &unknown, NULL, peer, id, &a->page);
    struct answer answer = { .status = 404, .content_type = S("application/json") };
    if (page) {
        sbuf_clear(&a->page);
        answer.status = page->print(a);
        answer.content_type = page->content_type;
    }
    http1_msg_free(request);
    answer.body = sbuf_ok(&a->page) ? sbuf_slice(&a->page) : SLICE_NONE;
    answer.easgate_request_id = answer.request_id = slice_of(id);
    answer.from_easgate = true;
    reply.send(reply.arg, &answer, &gone);
}

struct admin *admin_new(struct gate *gate)
{
    struct admin *a = calloc(1, sizeof *a);

    if (!a)
        return NULL;
    a->gate = gate;
    a->page = SBUF_MAX(PAGE_MAX_BYTES);
    return a;
}

void admin_free(struct admin **a)
{
    if (!*a)
        return;
    sbuf_drop(&(*a)->page);
    free(*a);
    *a = NULL;
}

struct service admin_service(struct admin *a)
{
    return (
        struct service){ .check_head = check_head, .start = start, .settle_early = settle_early, .ctx = a };
}
