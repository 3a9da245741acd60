/*
 * A world without sockets, disks or time for the request's life: the ports record what is asked of them, the test decides
 * when the log is durable, what EAS answers and how late it is. One world a test; included by one file only.
 */
#ifndef EG_TEST_FAKE_WORLD_H
#define EG_TEST_FAKE_WORLD_H
#include "flow/txn.h"
#include "core/acs3.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define WORLD_MAX 64

struct world_record {
    enum audit_type type;
    char *text; /* the record's body */
};

struct world_send {
    struct txn *txn;
    struct exchange *exchange;
    char *head, *body;
    int64_t deadline_mono_ms;
    bool open;
    size_t records_before; /* records in the log when it was asked for */
};

struct world_reply {
    int status;
    char *body;
    bool from_easgate;
    int retry_after_s;
    char request_id[80];
};

struct world {
    int64_t wall_ms, mono_ms;
    struct clock clock;
    struct gate *gate;
    bool audit_ok, audit_takes, auto_durable;
    enum port_result sign_result;
    struct txn *signing;
    char *sign_out;
    struct world_record records[WORLD_MAX];
    size_t record_count;
    uint64_t durable_upto;
    struct world_send sends[WORLD_MAX];
    size_t send_count, cancel_count;
    struct world_reply replies[WORLD_MAX];
    size_t reply_count;
    bool client_gone;
    const char *dry_run; /* value of x-easgate-dry-run; NULL = the header is not sent */
};

static inline int64_t world_wall(void *ctx)
{
    return ((struct world *)ctx)->wall_ms;
}

static inline int64_t world_mono(void *ctx)
{
    return ((struct world *)ctx)->mono_ms;
}

static inline bool world_random(void *ctx, void *p, size_t n)
{
    (void)ctx;
    return random_bytes(p, n);
}

static inline uint64_t world_append(void *ctx, const struct audit_rec *rec)
{
    struct world *w = ctx;
    struct sbuf body = SBUF_MAX(AUDIT_LINE_MAX_BYTES);

    if (!w->audit_takes && rec->type == AUDIT_INTENT)
        return 0;
    assert_true(w->record_count < WORLD_MAX);
    assert_true(audit_rec_body(rec, &body));
    w->records[w->record_count++] = (struct world_record){ rec->type, sbuf_take(&body) };
    return w->record_count;
}

static inline bool world_audit_ok(void *ctx, const char **out_why)
{
    if (out_why)
        *out_why = "a test says so";
    return ((struct world *)ctx)->audit_ok;
}

static inline enum port_result world_sign(void *ctx, struct txn *t, uint64_t ticket, const struct cred *cred, struct slice text,
                                   char out_hex[65])
{
    struct world *w = ctx;

    assert_true(ticket > 0 && ticket <= w->durable_upto); /* never a signature before its record */
    w->signing = t;
    w->sign_out = out_hex;
    if (w->sign_result == PORT_DONE)
        assert_true(acs3_mac(secret_bytes(cred->access_key_secret), text, out_hex));
    return w->sign_result;
}

static inline void world_send(void *ctx, struct txn *t, const struct outgoing *out, int64_t deadline_mono_ms, struct exchange *ex)
{
    struct world *w = ctx;

    assert_true(w->send_count < WORLD_MAX);
    assert_true(w->audit_ok);
    w->sends[w->send_count++] = (struct world_send){ t, ex, strndup(out->head.p, out->head.n),
                                                     strndup(out->body.n ? out->body.p : "", out->body.n),
                                                     deadline_mono_ms, true, w->record_count };
}

static inline void world_cancel(void *ctx, struct txn *t)
{
    (void)t;
    ((struct world *)ctx)->cancel_count++;
}

static inline void world_reply(void *arg, const struct answer *a, bool *out_client_gone)
{
    struct world *w = arg;
    struct world_reply *r = &w->replies[w->reply_count++];

    assert_true(w->reply_count < WORLD_MAX);
    *r = (struct world_reply){ a->status, strndup(a->body.n ? a->body.p : "", a->body.n), a->from_easgate,
                               a->retry_after_s, "" };
    snprintf(r->request_id, sizeof r->request_id, "%.*s", SLICE_FMT(a->request_id));
    *out_client_gone = w->client_gone;
}

static inline struct snapshot *world_snapshot(const char *ini)
{
    struct config_errors errors = { .count = 0 };
    struct snapshot *snap = snapshot_load_text("test.ini", slice_of(ini), false, &errors);

    if (!snap)
        print_error("%s", errors.text.p);
    assert_non_null(snap);
    config_errors_drop(&errors);
    /* the keys stand in no file here */
    for (size_t i = 0; i < snap->client_count; i++) {
        struct err e = { 0 };
        if (!snap->creds[0])
            snap->creds[0] = cred_new(S("main"), S("LTAItest"), S("secret-of-the-test"), SLICE_NONE, &e);
        snap->clients[i].cred = snap->creds[0];
    }
    return snap;
}

static inline struct world *world_new(const char *ini)
{
    struct world *w = calloc(1, sizeof *w);
    struct snapshot *snap = world_snapshot(ini);

    w->wall_ms = 1763911677123;
    w->mono_ms = 1000000;
    w->clock = (struct clock){ world_wall, world_mono, w };
    w->audit_ok = w->audit_takes = w->auto_durable = true;
    w->sign_result = PORT_DONE;
    struct ports ports = { &w->clock,  w,          world_random, world_append,
                           world_audit_ok, world_sign, world_send,   world_cancel };
    w->gate = gate_new(&ports, snap);
    assert_non_null(w->gate);
    snapshot_unref(&snap);
    return w;
}

static inline void world_free(struct world *w)
{
    assert_int_equal(gate_inflight(w->gate), 0);
    assert_int_equal(gate_inflight_bytes(w->gate), 0);
    gate_free(&w->gate);
    for (size_t i = 0; i < w->record_count; i++)
        free(w->records[i].text);
    for (size_t i = 0; i < w->send_count; i++) {
        free(w->sends[i].head);
        free(w->sends[i].body);
    }
    for (size_t i = 0; i < w->reply_count; i++)
        free(w->replies[i].body);
    free(w);
}

/* All that is in the log so far is durable now. */
static inline void world_durable(struct world *w)
{
    while (w->durable_upto < w->record_count) {
        w->durable_upto = w->record_count;
        gate_audit_durable(w->gate, w->durable_upto);
    }
}

static inline void world_pass_ms(struct world *w, int64_t ms)
{
    w->mono_ms += ms;
    w->wall_ms += ms;
    gate_tick(w->gate);
    if (w->auto_durable)
        world_durable(w);
}

/* A request as it comes from a socket: head check, then the life. Returns false when the head was refused. */
static inline bool world_ask(struct world *w, const char *token, const char *method, const char *target, const char *body)
{
    struct sbuf raw = SBUF_MAX(1024 * 1024), scratch = SBUF_MAX(4096);
    struct peer peer = { PEER_TCP, "127.0.0.1:4711", 1, true };
    struct pass pass = { NULL, NULL, NULL };
    struct refusal refusal = { .reason = REASON_NONE };

    sbuf_addf(&raw, "%s %s HTTP/1.1\r\nHost: localhost:8080\r\nAuthorization: Bearer %s\r\n", method, target, token);
    if (w->dry_run)
        sbuf_addf(&raw, "x-easgate-dry-run: %s\r\n", w->dry_run);
    if (body)
        sbuf_addf(&raw, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    else
        sbuf_adds(&raw, "\r\n");
    struct http1_reader *reader = http1_reader_new(HTTP1_REQUESTS, 256 * 1024);
    struct slice in = sbuf_slice(&raw);
    assert_int_equal(http1_reader_feed(reader, &in), HTTP1_HEAD);
    bool passed = gate_check_head(w->gate, http1_reader_msg(reader), &peer, &pass, &scratch, &refusal);
    if (passed) {
        assert_int_equal(http1_reader_feed(reader, &in), HTTP1_COMPLETE);
        struct http1_msg *m = http1_reader_take(reader);
        txn_start(w->gate, &m, &pass, &peer, (struct reply_port){ world_reply, w });
        if (w->auto_durable)
            world_durable(w);
    } else {
        struct sbuf text = SBUF_MAX(4096);
        struct world_reply *r = &w->replies[w->reply_count++];
        char id[33];
        gate_settle_early(w->gate, &refusal, http1_reader_msg(reader), &peer, id, &text);
        *r = (struct world_reply){ refusal_status(&refusal), sbuf_take(&text), true, 0, "" };
    }
    http1_reader_free(&reader);
    sbuf_drop(&raw);
    sbuf_drop(&scratch);
    return passed;
}

/* EAS answers the i-th send. */
static inline void world_answer(struct world *w, size_t i, int status, const char *body)
{
    struct sbuf raw = SBUF_MAX(1024 * 1024);
    struct http1_reader *reader = http1_reader_new(HTTP1_ANSWERS, 1024 * 1024);

    assert_true(i < w->send_count && w->sends[i].open);
    sbuf_addf(&raw, "HTTP/1.1 %d x\r\nx-acs-request-id: EAS-%zu\r\nContent-Type: application/json\r\n"
                    "Content-Length: %zu\r\n\r\n%s", status, i, strlen(body), body);
    struct slice in = sbuf_slice(&raw);
    assert_int_equal(http1_reader_feed(reader, &in), HTTP1_HEAD);
    assert_int_equal(http1_reader_feed(reader, &in), HTTP1_COMPLETE);
    w->sends[i].open = false;
    w->sends[i].exchange->answer = http1_reader_take(reader);
    txn_wake(w->sends[i].txn, TXN_ANSWERED);
    if (w->auto_durable)
        world_durable(w);
    http1_reader_free(&reader);
    sbuf_drop(&raw);
}

static inline void world_fail(struct world *w, size_t i, enum send_failure failure, bool timed_out)
{
    assert_true(i < w->send_count && w->sends[i].open);
    w->sends[i].open = false;
    w->sends[i].exchange->failure = failure;
    w->sends[i].exchange->timed_out = timed_out;
    snprintf(w->sends[i].exchange->detail, sizeof w->sends[i].exchange->detail, "a test says so");
    txn_wake(w->sends[i].txn, TXN_ANSWERED);
    if (w->auto_durable)
        world_durable(w);
}

static inline size_t world_count(const struct world *w, enum audit_type type)
{
    size_t n = 0;

    for (size_t i = 0; i < w->record_count; i++)
        n += w->records[i].type == type;
    return n;
}

/* The text of the n-th record of a type (from 0). */
static inline const char *world_record(const struct world *w, enum audit_type type, size_t n)
{
    for (size_t i = 0; i < w->record_count; i++)
        if (w->records[i].type == type && n-- == 0)
            return w->records[i].text;
    fail_msg("no such record");
    return "";
}

static inline void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("expected «%s» in «%s»", part, text);
}

static inline void assert_has_not(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("did not expect «%s» in «%s»", part, text);
}
#endif
