/*
 * The steps that let a request out: borrow, record, sign, forward. The intent is durable before the signature is made, and
 * the signature is made before a byte is sent. A second try is a whole new record, nonce and signature.
 */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/enc.h"
#include "base/must.h"

#define EAS_API_VERSION "2021-07-01"

enum step_result step_borrow(struct txn *t)
{
    struct cred *cred = t->in.pass.client->cred;

    if (!cred || !cred->access_key_secret)
        return txn_refuse(t, REASON_CREDENTIAL, "client %.*s has no credential that is loaded",
                          SLICE_FMT(t->in.pass.client->name));
    t->cred = cred_ref(cred);
    return STEP_NEXT;
}

/* ---- record ---- */

static enum step_result begin_record(struct txn *t)
{
    struct gate *g = t->gate;
    unsigned char nonce[16];

    if (!g->ports.random(g->ports.ctx, nonce, sizeof nonce))
        return txn_refuse(t, REASON_INTERNAL, "no random bytes for the nonce");
    enc_hex(nonce, sizeof nonce, t->nonce);
    t->log.tries++;
    t->log.exchange = (struct exchange){ .failure = SEND_FAILED_NONE }; /* a try before has its own outcome */
    t->log.was_sent = false;
    t->log.intent_mono_ms = txn_now(t);
    t->wait.ticket = record_intent(t);
    if (t->wait.ticket == 0)
        return txn_refuse(t, REASON_AUDIT, "the audit log takes no records now; nothing was sent");
    t->log.intent_open = true;
    list_add_last(&g->durable, &t->wait.in_durable);
    return txn_wait(t, t->log.intent_mono_ms + (int64_t)t->in.pass.snap->audit.commit_timeout_ms);
}

enum step_result step_record(struct txn *t)
{
    if (t->wait.event == TXN_EVENT_NONE)
        return begin_record(t);
    list_remove(&t->wait.in_durable);
    switch (t->wait.event) {
    case TXN_DURABLE:
        metric_observe_ms(t->gate->metrics, METRIC_audit_commit_ms, txn_now(t) - t->log.intent_mono_ms);
        return t->wait.abort ? txn_refuse(t, REASON_STOPPING, NULL) : STEP_NEXT;
    case TXN_LOST:
        t->log.intent_open = false; /* it is not in the log and never will be */
        return txn_refuse(t, REASON_AUDIT, "the audit log could not be written; nothing was sent");
    case TXN_ABORTED:
        return txn_refuse(t, REASON_STOPPING, NULL);
    case TXN_TIMEOUT:
    case TXN_EVENT_NONE:
    case TXN_SIGNED:
    case TXN_ANSWERED:
    case TXN_LOOKED_UP:
    case TXN_HELD:
        break;
    }
    return txn_refuse(t, REASON_AUDIT,
                      "the audit log did not become durable within %llu ms; nothing was sent",
                      (unsigned long long)t->in.pass.snap->audit.commit_timeout_ms);
}

/* ---- sign ---- */

static const char *date_now(struct txn *t)
{
    struct gate *g = t->gate;
    int64_t wall_ms = clock_wall_ms(g->ports.clock);

    if (wall_ms / 1000 != g->date_second) {
        g->date_second = wall_ms / 1000;
        enc_time_utc(wall_ms, false, g->date_text);
    }
    return g->date_text;
}

/* Every header that is signed, as it will be sent. */
static size_t list_headers(struct txn *t, struct acs3_pair *out)
{
    size_t n = 0;

    if (t->out.body.n)
        out[n++] = (struct acs3_pair){ S("content-type"), S("application/json; charset=utf-8") };
    out[n++] = (struct acs3_pair){ S("host"), t->out.host_header };
    out[n++] = (struct acs3_pair){ S("x-acs-action"), t->in.is.match.op->name };
    out[n++] = (struct acs3_pair){ S("x-acs-content-sha256"), slice_of(t->out.body_sha256) };
    out[n++] = (struct acs3_pair){ S("x-acs-date"), slice_of(t->date) };
    if (t->cred->security_token)
        out[n++] = (struct acs3_pair){ S("x-acs-security-token"), secret_bytes(t->cred->security_token) };
    out[n++] = (struct acs3_pair){ S("x-acs-signature-nonce"), slice_of(t->nonce) };
    out[n++] = (struct acs3_pair){ S("x-acs-version"), S(EAS_API_VERSION) };
    return n;
}

static enum step_result begin_sign(struct txn *t)
{
    struct gate *g = t->gate;
    struct acs3_pair headers[ACS3_HEADERS_MAX];
    char most[1024] = "", line[128] = "";
    SCOPED(sbuf) canonical = SBUF_LENT(most, sizeof most, 128 * 1024);
    SCOPED(sbuf) to_sign = SBUF_LENT(line, sizeof line, 256);

    memcpy(t->date, date_now(t), sizeof t->date);
    size_t count = list_headers(t, headers);
    sbuf_clear(&t->canonical_headers);
    sbuf_clear(&t->signed_names);
    bool built = acs3_canonical_headers(headers, count, &t->canonical_headers, &t->signed_names) &&
                 acs3_canonical_request(slice_of(http1_method_name(t->out.method)), t->out.path, t->out.query,
                                        sbuf_slice(&t->canonical_headers), sbuf_slice(&t->signed_names),
                                        slice_of(t->out.body_sha256), &canonical) &&
                 acs3_string_to_sign(sbuf_slice(&canonical), &to_sign);
    if (t->cred->security_token) {
        secret_wipe(canonical.p, canonical.n);
        secret_wipe(most, sizeof most);
    }
    if (!built)
        return txn_refuse(t, REASON_SIGNING, "the text to sign could not be built; nothing was sent");
    switch (g->ports.sign(g->ports.ctx, t, t->wait.ticket, t->cred, sbuf_slice(&to_sign), t->signature)) {
    case PORT_DONE:
        return STEP_NEXT;
    case PORT_WAIT:
        return txn_wait(t, txn_now(t) + (int64_t)t->in.pass.snap->audit.commit_timeout_ms);
    case PORT_FAILED:
        break;
    }
    return txn_refuse(t, REASON_SIGNING, "the request could not be signed; nothing was sent");
}

/* The head, from the very headers that were signed and a few that are not. */
static bool print_head(struct txn *t)
{
    struct acs3_pair headers[ACS3_HEADERS_MAX];
    size_t count = list_headers(t, headers);
    struct sbuf *head = &t->out_head;

    sbuf_clear(head);
    sbuf_adds(head, http1_method_name(t->out.method));
    sbuf_addc(head, ' ');
    sbuf_add(head, t->out.path);
    if (t->out.query.n) {
        sbuf_addc(head, '?');
        sbuf_add(head, t->out.query);
    }
    sbuf_adds(head, " HTTP/1.1\r\n");
    for (size_t i = 0; i < count; i++) {
        sbuf_add(head, headers[i].name);
        sbuf_adds(head, ": ");
        sbuf_add(head, headers[i].value);
        sbuf_adds(head, "\r\n");
    }
    sbuf_adds(head, "authorization: ");
    if (!acs3_authorization(t->cred->access_key_id, sbuf_slice(&t->signed_names), slice_of(t->signature),
                            head))
        return false;
    sbuf_adds(head, "\r\naccept: application/json\r\nuser-agent: easgate/" EASGATE_VERSION "\r\n");
    if (t->out.body.n || t->out.method == HTTP1_POST || t->out.method == HTTP1_PUT) {
        sbuf_adds(head, "content-length: ");
        sbuf_add_u64(head, t->out.body.n);
        sbuf_adds(head, "\r\n");
    }
    sbuf_adds(head, "\r\n");
    t->out.head = sbuf_slice(head);
    return sbuf_ok(head);
}

enum step_result step_sign(struct txn *t)
{
    if (t->wait.event == TXN_EVENT_NONE) {
        enum step_result result = begin_sign(t);
        if (result != STEP_NEXT)
            return result;
    } else if (t->wait.event != TXN_SIGNED || !t->signature[0]) {
        return txn_refuse(t, t->wait.event == TXN_ABORTED ? REASON_STOPPING : REASON_SIGNING,
                          "no signature came; nothing was sent");
    }
    return print_head(t) ? STEP_NEXT : txn_refuse(t, REASON_OVERLOADED, "out of memory");
}

/* ---- forward ---- */

static enum step_result begin_forward(struct txn *t)
{
    struct gate *g = t->gate;
    int64_t now = txn_now(t);

    /* the log may have failed since this intent became durable: nothing more leaves then */
    if (!g->ports.audit_ok(g->ports.ctx, NULL))
        return txn_refuse(t, REASON_AUDIT, "the audit log failed; nothing was sent");
    if (t->log.upstream_deadline_ms == 0)
        t->log.upstream_deadline_ms = now + (int64_t)t->out.upstream->timeout_ms;
    t->log.exchange = (struct exchange){ .failure = SEND_FAILED_NONE };
    t->log.send_mono_ms = now;
    t->log.was_sent = t->log.is_sending = true;
    g->ports.send(g->ports.ctx, t, &t->out, t->log.upstream_deadline_ms, &t->log.exchange);
    return txn_wait(t, 0);
}

static const char *failure_name(enum send_failure failure)
{
    switch (failure) {
    case SEND_NOT_SENT:
        return "not_sent";
    case SEND_NO_ANSWER:
        return "sent_no_answer";
    case SEND_CUT_ANSWER:
        return "cut_answer";
    case SEND_BAD_ANSWER:
        return "bad_answer";
    case SEND_FAILED_NONE:
        break;
    }
    return NULL;
}

static enum step_result refuse_failed(struct txn *t, const struct exchange *ex)
{
    unsigned long long ms = (unsigned long long)t->out.upstream->timeout_ms;

    if (t->wait.abort && (ex->failure == SEND_NOT_SENT || !t->out.is_change))
        return txn_refuse(t, REASON_STOPPING, NULL);
    if (ex->failure == SEND_NOT_SENT)
        return txn_refuse(t, REASON_UPSTREAM_CONNECT, "EAS could not be reached (%s); nothing was sent",
                          ex->detail);
    if (t->out.is_change) {
        metric_add(t->gate->metrics, METRIC_unknown_outcomes_total, 1);
        return txn_refuse(
            t, REASON_OUTCOME_UNKNOWN,
            "the request was sent and may have taken effect, but no whole answer came (%s); look at the "
            "service before trying again",
            ex->detail);
    }
    if (ex->timed_out)
        return txn_refuse(t, REASON_UPSTREAM_TIMEOUT, "EAS did not answer within %llu ms (%s)", ms,
                          ex->detail);
    return txn_refuse(t, REASON_UPSTREAM_ANSWER, "EAS gave no acceptable answer (%s)", ex->detail);
}

/* A failed exchange: one more try where it is certain that it can do no harm, else the refusal that says what is known. */
static enum step_result handle_failure(struct txn *t)
{
    const struct exchange *ex = &t->log.exchange;
    bool harmless = ex->failure == SEND_NOT_SENT || !t->out.is_change;

    record_outcome(t, failure_name(ex->failure));
    if (harmless && !ex->timed_out && !t->wait.abort && t->log.tries < TXN_TRIES_MAX &&
        txn_now(t) < t->log.upstream_deadline_ms)
        return STEP_AGAIN;
    return refuse_failed(t, ex);
}

enum step_result step_forward(struct txn *t)
{
    if (t->wait.event == TXN_EVENT_NONE)
        return begin_forward(t);
    MUST(t->wait.event == TXN_ANSWERED);
    t->log.is_sending = false;
    t->log.upstream_ms = txn_now(t) - t->log.send_mono_ms;
    if (t->log.exchange.failure != SEND_FAILED_NONE)
        return handle_failure(t);
    t->log.answer = t->log.exchange.answer;
    t->log.exchange.answer = NULL;
    return STEP_NEXT;
}
