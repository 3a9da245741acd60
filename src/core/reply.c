/*
 * Answers that easgate gives by itself: see reply.h. Everything about a reason stands in core/reasons.def.
 * Never puts anything into an answer but what the caller's refusal names.
 */
#include "core/reply.h"
#include "base/enc.h"

struct row {
    const char *name, *code, *text;
    int status, retry_after_s;
};

static const struct row rows[REASON_COUNT_] = {
    [REASON_NONE] = { "none", "", "", 0, 0 },
#define REASON(ident, name, code, status, retry_after_s, text)                                               \
    [REASON_##ident] = { name, code, text, status, retry_after_s },
#include "core/reasons.def"
#undef REASON
};

static const struct row *row_of(enum reason r)
{
    return &rows[r < REASON_COUNT_ ? r : REASON_INTERNAL];
}

const char *reason_name(enum reason r)
{
    return row_of(r)->name;
}

const char *reason_code(enum reason r)
{
    return row_of(r)->code;
}

const char *reason_text(enum reason r)
{
    return row_of(r)->text;
}

int reason_status(enum reason r)
{
    return row_of(r)->status;
}

int reason_retry_after_s(enum reason r)
{
    return row_of(r)->retry_after_s;
}

int refusal_status(const struct refusal *r)
{
    return r->status ? r->status : reason_status(r->reason);
}

static void add_member(struct sbuf *out, const char *name, struct slice value)
{
    sbuf_adds(out, name);
    enc_json_string(value, out);
}

int refusal_retry_after_s(const struct refusal *r)
{
    return r->retry_after_s ? r->retry_after_s : reason_retry_after_s(r->reason);
}

void refusal_body(const struct refusal *r, struct slice request_id, struct sbuf *out)
{
    struct slice message = slice_is_empty(r->message) ? slice_of(reason_text(r->reason)) : r->message;

    add_member(out, "{\"RequestId\":", request_id);
    add_member(out, ",\"HostId\":", S("easgate"));
    add_member(out, ",\"Code\":", slice_of(reason_code(r->reason)));
    add_member(out, ",\"Message\":", message);
    if (!slice_is_empty(r->rule))
        add_member(out, ",\"Rule\":", r->rule);
    if (!slice_is_empty(r->asked))
        add_member(out, ",\"Asked\":", r->asked);
    if (!slice_is_empty(r->allowed))
        add_member(out, ",\"Allowed\":", r->allowed);
    sbuf_addc(out, '}');
}
