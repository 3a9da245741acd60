/*
 * What happens before a request is a txn: the check of its head, and the end of those that never get that far. Refusals
 * here have no identity that anyone vouches for, so they are counted, not recorded one by one: a flood of them must not
 * fill the disk and shut the gateway.
 */
#include "flow/gate_state.h"
#include "base/log.h"
#include "base/must.h"
#include "base/enc.h"

#define COUNTED_PERIOD_MS 1000

static bool refuse_head(struct refusal *out, enum reason reason, const char *message)
{
    *out = (struct refusal){ .reason = reason, .message = slice_of(message), .step = S("head") };
    return false;
}

static struct slice header(const struct http1_msg *head, struct slice name)
{
    return http1_header_get(head, name, NULL);
}

/* A page in a browser can be made to send requests here; no API client sends these headers. */
static bool comes_from_browser(const struct http1_msg *head)
{
    struct slice site = header(head, S("sec-fetch-site"));

    return header(head, S("origin")).p || (site.p && !slice_eq(site, S("none")));
}

/* Made by an SDK with a dummy key (ACS3 is version 3; "acs ID:SIGNATURE" is what doROARequest of openapi-client makes). */
static bool is_client_signature(struct slice authorization)
{
    return slice_starts(authorization, S("ACS3-HMAC-SHA256 ")) || slice_starts(authorization, S("acs "));
}

/* The one token of a head: `Authorization: Bearer T` or `x-acs-bearer-token: T`. A client's own signature is no token
 * at all; it is dropped. False: none, or two. */
static bool find_token(const struct http1_msg *head, struct slice *out)
{
    struct slice authorization = header(head, S("authorization"));
    struct slice own = header(head, S("x-acs-bearer-token"));
    struct slice bearer = SLICE_NONE;

    if (slice_starts_nocase(authorization, S("Bearer ")))
        bearer = slice_trim(slice_skip(authorization, 7));
    else if (authorization.p && !is_client_signature(authorization))
        return false;
    if (bearer.p && own.p)
        return false;
    *out = bearer.p ? bearer : own;
    return out->n > 0;
}

/* A date that has passed counts from the next request on, also when nothing else happens. */
static bool is_ended(struct gate *g, const struct client *client, struct sbuf *scratch,
                     struct refusal *out_refusal)
{
    int64_t end_s = client_end_s(client);
    char end[25];

    if (end_s == 0 || clock_wall_ms(g->ports.clock) / 1000 < end_s)
        return false;
    enc_time_utc(end_s * 1000, false, end);
    sbuf_clear(scratch);
    sbuf_addf(scratch, "the access of client %.*s ended at %s", SLICE_FMT(client->name), end);
    *out_refusal = (struct refusal){ .reason = REASON_ENDED, .step = S("head") };
    if (sbuf_ok(scratch))
        out_refusal->message = sbuf_slice(scratch);
    return true;
}

bool gate_check_head(struct gate *g, const struct http1_msg *head, const struct peer *peer, struct pass *out,
                     struct sbuf *scratch, struct refusal *out_refusal)
{
    struct slice token;

    (void)peer;
    if (!gate_end_values(g))
        return refuse_head(out_refusal, REASON_OVERLOADED, "out of memory");
    if (!snapshot_has_host(g->snap, header(head, S("host"))))
        return refuse_head(out_refusal, REASON_FORBIDDEN_HOST,
                           "the Host header names no host of this gateway; see `hosts` in its configuration");
    if (comes_from_browser(head))
        return refuse_head(out_refusal, REASON_FORBIDDEN_ORIGIN, NULL);
    if (!find_token(head, &token))
        return refuse_head(out_refusal, REASON_UNAUTHENTICATED,
                           "expected exactly one token, as Authorization: Bearer or as x-acs-bearer-token");
    out->client = snapshot_client_of_token(g->snap, token, &out->token);
    if (!out->client)
        return refuse_head(out_refusal, REASON_UNAUTHENTICATED, "the token is not known");
    if (is_ended(g, out->client, scratch, out_refusal))
        return false;
    if (g->draining)
        return refuse_head(out_refusal, REASON_STOPPING, NULL);
    if (g->inflight_count >= g->snap->gateway.max_inflight ||
        g->inflight_bytes >= g->snap->gateway.max_inflight_bytes)
        return refuse_head(out_refusal, REASON_OVERLOADED, NULL);
    out->snap = snapshot_ref(g->snap);
    return true;
}

/* ---- counted refusals ---- */

static void copy_text(char *to, size_t size, struct slice from)
{
    size_t n = from.n < size - 1 ? from.n : size - 1;

    if (n)
        memcpy(to, from.p, n);
    to[n] = '\0';
}

static void write_counted(struct gate *g, struct counted *c, enum reason reason, struct slice client)
{
    int64_t now = clock_mono_ms(g->ports.clock);
    struct audit_rec rec = {
        .type = AUDIT_COUNTED,
        .wall_ms = clock_wall_ms(g->ports.clock),
        .mono_ms = now,
        .client = client,
        .reason = slice_of(reason_name(reason)),
        .code = slice_of(reason_code(reason)),
        .has_count = true,
        .count = (int64_t)c->count,
        .peer = slice_of(c->peer),
        .method = slice_of(c->method[0] ? c->method : NULL),
        .target = slice_of(c->target[0] ? c->target : NULL),
        .message = slice_of(c->detail[0] ? c->detail : NULL),
    };

    log_event(LOG_INFO, "refused", reason_text(reason), LOG_C("reason", reason_name(reason)),
              LOG_S("client", client.n ? client : S("-")), LOG_N("count", c->count), LOG_C("peer", c->peer),
              LOG_C("detail", c->detail));
    g->ports.audit_append(g->ports.ctx, &rec);
    *c = (struct counted){ .next_mono_ms = now + COUNTED_PERIOD_MS };
}

static void count(struct gate *g, struct counted *c, enum reason reason, struct slice client,
                  const struct peer *peer, const struct http1_msg *head, struct slice detail)
{
    if (c->count++ == 0) {
        copy_text(c->peer, sizeof c->peer, slice_of(peer ? peer->text : ""));
        copy_text(c->detail, sizeof c->detail, detail);
        copy_text(c->method, sizeof c->method, head ? head->method_text : SLICE_NONE);
        copy_text(c->target, sizeof c->target, head ? head->target : SLICE_NONE);
    }
    if (clock_mono_ms(g->ports.clock) >= c->next_mono_ms)
        write_counted(g, c, reason, client);
}

void gate_count(struct gate *g, enum reason reason, const struct peer *peer, const struct http1_msg *head,
                struct slice detail)
{
    count(g, &g->counted[reason], reason, SLICE_NONE, peer, head, detail);
}

void gate_count_throttled(struct gate *g, struct slice client, const struct peer *peer,
                          const struct http1_msg *head, struct slice detail)
{
    struct usage *u = map_get(g->usage, client);

    if (!u) {
        gate_count(g, REASON_RATE_LIMITED, peer, head, detail);
        return;
    }
    g->has_throttled = true;
    count(g, &u->throttled, REASON_RATE_LIMITED, client, peer, head, detail);
}

static void flush_throttled(struct gate *g, int64_t now, bool force)
{
    struct slice client;
    void *value;
    bool is_more = false;

    for (size_t at = 0; map_next(g->usage, &at, &client, &value);) {
        struct counted *c = &((struct usage *)value)->throttled;
        if (c->count && (force || now >= c->next_mono_ms))
            write_counted(g, c, REASON_RATE_LIMITED, client);
        is_more = is_more || c->count;
    }
    g->has_throttled = is_more;
}

void gate_flush_counted(struct gate *g, bool force)
{
    int64_t now = clock_mono_ms(g->ports.clock);

    for (int r = REASON_NONE + 1; r < REASON_COUNT_; r++)
        if (g->counted[r].count && (force || now >= g->counted[r].next_mono_ms))
            write_counted(g, &g->counted[r], (enum reason)r, SLICE_NONE);
    if (g->has_throttled)
        flush_throttled(g, now, force);
}

void gate_settle_early(struct gate *g, const struct refusal *refusal, const struct http1_msg *head_or_null,
                       const struct peer *peer, char out_id[33], struct sbuf *out_body)
{
    unsigned char id[16] = { 0 };

    MUST(refusal->reason != REASON_NONE);
    g->ports.random(g->ports.ctx, id, sizeof id);
    enc_hex(id, sizeof id, out_id);
    gate_count(g, refusal->reason, peer, head_or_null, refusal->message);
    metric_request(g->metrics, NULL, refusal_status(refusal), refusal->reason);
    refusal_body(refusal, slice_from(out_id, 32), out_body);
}
