/* The steps that take a request in: identify, admit, route, parse. Nothing here asks the world or decides by policy. */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "core/json.h"

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
        return txn_refuse(t, REASON_AUDIT, "the audit log cannot be written (%s); nothing is forwarded until it can",
                          why ? why : "unknown");
    return STEP_NEXT;
}

enum step_result step_route(struct txn *t)
{
    struct slice target = t->in.request->target;
    struct slice path = slice_from(target.p, slice_find(target, '?'));

    switch (opcat_match(t->in.request->method, path, &t->in.match)) {
    case OPCAT_FOUND:
        return STEP_NEXT;
    case OPCAT_NO_PATH:
        return txn_refuse(t, REASON_NO_OPERATION, "no EAS operation has this path");
    case OPCAT_NO_METHOD:
        return txn_refuse(t, REASON_METHOD, "no EAS operation of this path has method %s",
                          http1_method_name(t->in.request->method));
    case OPCAT_BAD_PATH:
        break;
    }
    return txn_refuse(t, REASON_BAD_PATH,
                      "the path must be segments of A-Z a-z 0-9 . _ ~ -, none empty, \".\" or \"..\", without '%%' "
                      "and without a slash at its end");
}

/* application/json, perhaps with charset=utf-8: what every EAS client sends, and what a page's form cannot. */
static bool is_json_type(struct slice type)
{
    size_t end = slice_find(type, ';');
    struct slice charset = slice_trim(slice_skip(type, end + 1));

    if (!slice_eq_nocase(slice_trim(slice_from(type.p, end)), S("application/json")))
        return false;
    return end == type.n || slice_eq_nocase(charset, S("charset=utf-8"));
}

static enum step_result parse_body(struct txn *t)
{
    const struct http1_msg *m = t->in.request;
    const struct op *op = t->in.match.op;
    struct slice bytes = sbuf_slice(&m->body);
    struct err e = { 0 };

    if (op->body == OP_BODY_NONE)
        return bytes.n == 0 ? STEP_NEXT
                            : txn_refuse(t, REASON_BAD_FIELD, "%.*s takes no body", SLICE_FMT(op->name));
    struct slice type = http1_header_get(m, S("content-type"), NULL);
    if (!is_json_type(type))
        return txn_refuse(t, REASON_CONTENT_TYPE,
                          "the body's content type must be application/json, with charset=utf-8 or without");
    t->in.body = json_load(bytes, &json_limits_request, &e);
    if (!t->in.body)
        return e.code == ERR_MEMORY ? txn_refuse(t, REASON_OVERLOADED, "out of memory")
                                    : txn_refuse(t, REASON_BAD_JSON, "the body is refused: %s", e.text);
    return STEP_NEXT;
}

enum step_result step_parse(struct txn *t)
{
    const struct op *op = t->in.match.op;
    struct slice target = t->in.request->target;
    struct slice query = slice_skip(target, slice_find(target, '?') + 1);
    struct err e = { 0 };

    t->in.facts.op = op;
    if (!op->open)
        return STEP_NEXT; /* refused by name in `screen`, whatever it says */
    if (!query_parse(op, query, t->arena, &t->in.query, &e))
        return e.code == ERR_MEMORY ? txn_refuse(t, REASON_OVERLOADED, "out of memory")
                                    : txn_refuse(t, REASON_BAD_QUERY, "%s", e.text);
    if (t->in.request->body.n && !acs3_sha256_hex(sbuf_slice(&t->in.request->body), t->in.body_sha256))
        return txn_refuse(t, REASON_INTERNAL, "the body could not be hashed");
    enum step_result result = parse_body(t);
    if (result != STEP_NEXT)
        return result;
    if (!facts_read(&t->in.match, &t->in.query, t->in.body, &t->in.facts, &e))
        return txn_refuse(t, REASON_BAD_FIELD, "%s", e.text);
    return STEP_NEXT;
}
