/* The steps that take a request in: identify, admit, route, parse. Nothing here asks the world or decides by policy. */
#include "flow/gate_state.h"
#include "base/digest.h"
#include "flow/life.h"
#include "flow/own.h"

/* The head was judged before its body was read (gate_check_head); its pass is what the request lives on. */
enum step_result step_identify(struct txn *t)
{
    if (!t->in.pass.client)
        return txn_refuse(t, REASON_UNAUTHENTICATED, NULL);
    return STEP_NEXT;
}

enum step_result step_admit(struct txn *t)
{
    const struct ports *ports = &t->gate->ports;
    const char *why = NULL;

    if (t->gate->draining)
        return txn_refuse(t, REASON_STOPPING, NULL);
    if (t->gate->inflight_count > t->in.pass.snap->gateway.max_inflight)
        return txn_refuse(t, REASON_OVERLOADED, "more than %llu requests are under way",
                          (unsigned long long)t->in.pass.snap->gateway.max_inflight);
    if (!ports->audit_ok(ports->ctx, &why))
        return txn_refuse(t, REASON_AUDIT,
                          "the audit log cannot be written (%s); nothing is forwarded until it can",
                          why ? why : "unknown");
    return usage_admit(t);
}

enum step_result step_route(struct txn *t)
{
    struct err e = { 0 };

    if (own_is(t->in.message->target))
        return own_answer(t);
    if (!own_dry_run(t->in.message, &t->is_dry_run, &e))
        return txn_refuse(t, REASON_MALFORMED, "%s", e.text);
    enum reason reason = request_route(t->in.message->method, t->in.message->target, &t->in.is, &e);

    return reason == REASON_NONE ? STEP_NEXT : txn_refuse(t, reason, "%s", e.text);
}

/* The judged values as the record will have them: what cannot be written down whole is not carried out. */
static enum step_result print_facts(struct txn *t)
{
    char most[512] = "";
    SCOPED(sbuf) text = SBUF_LENT(most, sizeof most, FACTS_TEXT_MAX_BYTES);

    if (!facts_print(&t->in.is.facts, &text))
        return txn_refuse(
            t, REASON_TOO_LARGE,
            "the values that are judged have more than %d bytes as an audit record would hold them",
            FACTS_TEXT_MAX_BYTES);
    t->facts_text = arena_dup(t->arena, sbuf_slice(&text));
    return t->facts_text.p ? STEP_NEXT : txn_refuse(t, REASON_OVERLOADED, "out of memory");
}

enum step_result step_parse(struct txn *t)
{
    const struct http1_msg *m = t->in.message;
    struct err e = { 0 };

    if (m->body.n && !digest_sha256_hex(sbuf_slice(&m->body), t->in.body_sha256))
        return txn_refuse(t, REASON_INTERNAL, "the body could not be hashed");
    enum reason reason = request_parse(&t->in.is, m->target, http1_header_get(m, S("content-type"), NULL),
                                       sbuf_slice(&m->body), t->arena, &e);
    return reason == REASON_NONE ? print_facts(t) : txn_refuse(t, reason, "%s", e.text);
}
