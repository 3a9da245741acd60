/* Reading a request strictly: see request.h. */
#include "core/request.h"

void request_drop(struct request *r)
{
    json_free(&r->body);
}

static enum reason fail(enum reason reason, struct err *e, enum err_code code, const char *text)
{
    err_set(e, code, "%s", text);
    return reason;
}

/* A method that is none of ours has no name here, so what the path has is said instead. */
static enum reason refuse_method(enum http1_method method, struct slice path, struct err *e)
{
    SCOPED(sbuf) known = SBUF_MAX(64);
    struct op_match match;

    for (enum http1_method m = HTTP1_GET; m < HTTP1_METHOD_OTHER; m++)
        if (opcat_match(m, path, &match) == OPCAT_FOUND)
            sbuf_addf(&known, "%s%s", known.n ? ", " : "", http1_method_name(m));
    err_set(e, ERR_UNKNOWN, "no EAS operation of this path has %s%s; it has %.*s",
            method == HTTP1_METHOD_OTHER ? "this method" : "method ",
            method == HTTP1_METHOD_OTHER ? "" : http1_method_name(method), SLICE_FMT(sbuf_slice(&known)));
    return REASON_METHOD;
}

enum reason request_route(enum http1_method method, struct slice target, struct request *out, struct err *e)
{
    struct slice path = slice_from(target.p, slice_find(target, '?'));

    switch (opcat_match(method, path, &out->match)) {
    case OPCAT_FOUND:
        return REASON_NONE;
    case OPCAT_NO_PATH:
        return fail(REASON_NO_OPERATION, e, ERR_UNKNOWN, "no EAS operation has this path");
    case OPCAT_NO_METHOD:
        return refuse_method(method, path, e);
    case OPCAT_BAD_PATH:
        break;
    }
    return fail(REASON_BAD_PATH, e, ERR_SYNTAX,
                "the path must be segments of A-Z a-z 0-9 . _ ~ -, none of them empty, \".\" or \"..\", "
                "without \"%\" "
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

static enum reason parse_body(struct request *r, struct slice content_type, struct slice body, struct err *e)
{
    const struct op *op = r->match.op;
    struct err why = { 0 };

    if (op->body == OP_BODY_NONE && body.n == 0)
        return REASON_NONE;
    if (op->body == OP_BODY_NONE) {
        err_set(e, ERR_SYNTAX, "%.*s takes no body", SLICE_FMT(op->name));
        return REASON_BAD_FIELD;
    }
    if (!is_json_type(content_type))
        return fail(REASON_CONTENT_TYPE, e, ERR_SYNTAX,
                    "the body's content type must be application/json, with charset=utf-8 or without");
    r->body = json_load(body, &json_limits_request, &why);
    if (r->body)
        return REASON_NONE;
    if (why.code == ERR_MEMORY)
        return fail(REASON_OVERLOADED, e, ERR_MEMORY, "out of memory");
    err_set(e, why.code, "the body is refused: %s", why.text);
    return REASON_BAD_JSON;
}

enum reason request_parse(struct request *r, struct slice target, struct slice content_type,
                          struct slice body, struct arena *a, struct err *e)
{
    const struct op *op = r->match.op;
    struct slice query = slice_skip(target, slice_find(target, '?') + 1);

    r->facts = (struct facts){ .op = op };
    if (!query_parse(op, query, a, &r->query, e))
        return e->code == ERR_MEMORY ? REASON_OVERLOADED : REASON_BAD_QUERY;
    enum reason reason = parse_body(r, content_type, body, e);
    if (reason != REASON_NONE)
        return reason;
    if (facts_read(&r->match, &r->query, r->body, a, &r->facts, e))
        return REASON_NONE;
    return e->code == ERR_MEMORY ? REASON_OVERLOADED : REASON_BAD_FIELD;
}
