/* Filters of `easgate audit`: see cmd_audit_filter.h. */
#include "app/cmd_audit_filter.h"
#include "base/enc.h"
#include "base/num.h"

#define TEXTS_MAX_BYTES (8 * (size_t)AUDIT_LINE_MAX_BYTES)

enum audit_decision audit_decision_of(enum audit_type type)
{
    if (type == AUDIT_INTENT || type == AUDIT_OUTCOME || type == AUDIT_RESOLVED)
        return AUDIT_ALLOW;
    return type == AUDIT_DENY || type == AUDIT_COUNTED ? AUDIT_DENIAL : AUDIT_DECISION_NONE;
}

const char *audit_decision_name(enum audit_decision d)
{
    static const char *const names[] = { "", "allow", "deny" };

    return names[d];
}

bool audit_filter_time(struct slice text, int64_t now_ms, char out[25])
{
    char whole[21];
    uint64_t ago_ms;
    int64_t at_ms;

    if (num_duration_ms(text, &ago_ms)) {
        if (ago_ms > (uint64_t)now_ms)
            return false;
        at_ms = now_ms - (int64_t)ago_ms;
    } else {
        if (text.n == 10) {
            snprintf(whole, sizeof whole, "%.*sT00:00:00Z", SLICE_FMT(text));
            text = slice_of(whole);
        }
        if (!enc_untime_utc(text, &at_ms))
            return false;
    }
    enc_time_utc(at_ms, true, out);
    return true;
}

bool audit_filter_text(struct audit_filter *f, struct slice text, struct slice *out)
{
    SCOPED(sbuf) quoted = SBUF_MAX(AUDIT_LINE_MAX_BYTES);

    if (!f->texts && !(f->texts = arena_new(TEXTS_MAX_BYTES)))
        return false;
    enc_json_string(text, &quoted);
    *out = sbuf_ok(&quoted) ? arena_dup(f->texts, audit_field_text(sbuf_slice(&quoted))) : SLICE_NONE;
    return out->p != NULL;
}

/* By what only intents and denials say. */
static bool asks_who(const struct audit_filter *f)
{
    return f->client.n || f->op.n || f->service.n;
}

bool audit_filter_is_set(const struct audit_filter *f)
{
    return asks_who(f) || f->id.n || f->type.n || f->decision || f->since[0] || f->until[0];
}

static bool is(struct slice wanted, const struct audit_line *line, struct slice key)
{
    return !wanted.n || slice_eq(wanted, audit_line_field(line, key));
}

static bool fits_who(struct audit_filter *f, const struct audit_line *line)
{
    if (line->kind == AUDIT_OUTCOME)
        return audit_await_end(&f->awaited, line) != NULL;
    if (line->kind == AUDIT_RESOLVED && audit_await_end(&f->awaited, line))
        return true;
    bool wanted =
        is(f->client, line, S("client")) && is(f->op, line, S("op")) && is(f->service, line, S("service"));
    if (wanted && line->kind == AUDIT_INTENT)
        audit_await_intent(&f->awaited, line, f);
    return wanted;
}

bool audit_filter_wants(struct audit_filter *f, const struct audit_line *line)
{
    /* First: it has to see the intents that the rest leaves out. */
    if (asks_who(f) && !fits_who(f, line))
        return false;
    if (f->type.n && !slice_eq(f->type, line->type))
        return false;
    if (f->decision && f->decision != audit_decision_of(line->kind))
        return false;
    if ((f->since[0] && memcmp(line->t.p, f->since, line->t.n) < 0) ||
        (f->until[0] && memcmp(line->t.p, f->until, line->t.n) >= 0))
        return false;
    return !f->id.n || slice_eq(f->id, line->id) || slice_eq(f->id, audit_line_field(line, S("parent")));
}

bool audit_filter_is_full(const struct audit_filter *f)
{
    return f->awaited.is_full;
}

void audit_filter_forget(struct audit_filter *f)
{
    audit_await_drop(&f->awaited);
}

void audit_filter_drop(struct audit_filter *f)
{
    audit_filter_forget(f);
    arena_free(&f->texts);
}
