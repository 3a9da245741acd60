/*
 * What the audit log's lines say: see audit_rec.h, which is the specification. Written and read by one table of fields, so that
 * what is written can be read, and nothing else can. Holds no state, knows no file.
 */
#include "core/audit_rec.h"
#include "core/audit_value.h"
#include "base/enc.h"
#include "base/num.h"
#include <stddef.h>

static const struct slice type_names[AUDIT_TYPE_COUNT_] = {
    [AUDIT_NONE] = S_INIT("none"),         [AUDIT_START] = S_INIT("start"),
    [AUDIT_POLICY] = S_INIT("policy"),     [AUDIT_INTENT] = S_INIT("intent"),
    [AUDIT_OUTCOME] = S_INIT("outcome"),   [AUDIT_DENY] = S_INIT("deny"),
    [AUDIT_COUNTED] = S_INIT("counted"),   [AUDIT_ROTATE] = S_INIT("rotate"),
    [AUDIT_RECOVER] = S_INIT("recover"),   [AUDIT_STOP] = S_INIT("stop"),
    [AUDIT_RESOLVED] = S_INIT("resolved"), [AUDIT_CHECKPOINT] = S_INIT("checkpoint"),
    [AUDIT_CLOCK] = S_INIT("clock"),       [AUDIT_SHIP] = S_INIT("ship"),
};

enum kind {
    FIELD_FIRM, /* text that an intent or outcome never cuts */
    FIELD_SOFT, /* text that is cut first */
    FIELD_NUMBER,
    FIELD_FLAG,
    FIELD_TREE /* an array or object as it stands: never cut, at most left out */
};

struct field {
    struct slice key;
    enum kind kind;
    size_t at, has_at;
};

#define AT(member) offsetof(struct audit_rec, member)
#define FIRM(member)                                                                                         \
    {                                                                                                        \
        S_INIT(#member), FIELD_FIRM, AT(member), 0                                                           \
    }
#define SOFT(member)                                                                                         \
    {                                                                                                        \
        S_INIT(#member), FIELD_SOFT, AT(member), 0                                                           \
    }
#define NUMBER(member)                                                                                       \
    {                                                                                                        \
        S_INIT(#member), FIELD_NUMBER, AT(member), AT(has_##member)                                          \
    }

#define TREE(member)                                                                                         \
    {                                                                                                        \
        S_INIT(#member), FIELD_TREE, AT(member), 0                                                           \
    }

/* In the order of struct audit_rec, which is the order in a line. */
static const struct field fields[] = {
    FIRM(id),
    FIRM(parent),
    { S_INIT("try"), FIELD_NUMBER, AT(try_number), AT(has_try) },
    FIRM(client),
    FIRM(token_id),
    SOFT(peer),
    FIRM(op),
    FIRM(method),
    SOFT(target),
    FIRM(service),
    FIRM(new_service),
    FIRM(app_type),
    FIRM(app_version),
    FIRM(spec),
    FIRM(workspace),
    FIRM(quota),
    FIRM(storage),
    FIRM(path),
    NUMBER(replicas),
    NUMBER(replicas_now),
    NUMBER(peak),
    NUMBER(peak_gpus),
    TREE(facts),
    TREE(now),
    FIRM(policy),
    FIRM(rule),
    SOFT(would_deny),
    FIRM(body_received_sha256),
    FIRM(body_sha256),
    FIRM(nonce),
    FIRM(key_id),
    FIRM(upstream),
    NUMBER(status),
    FIRM(upstream_request_id),
    FIRM(code),
    NUMBER(bytes),
    NUMBER(ms),
    FIRM(error),
    { S_INIT("client_gone"), FIELD_FLAG, AT(client_gone), 0 },
    FIRM(step),
    FIRM(reason),
    SOFT(message),
    NUMBER(count),
    FIRM(version),
    FIRM(host),
    FIRM(file),
    SOFT(note),
    FIRM(hash),
    NUMBER(size),
    NUMBER(last_seq),
    FIRM(from),
    FIRM(to),
    FIRM(end_seal),
};
#define FIELD_COUNT (sizeof fields / sizeof *fields)

const char *audit_type_name(enum audit_type t)
{
    return type_names[t < AUDIT_TYPE_COUNT_ ? t : AUDIT_NONE].p;
}

enum audit_type audit_type_of(struct slice name)
{
    for (int t = AUDIT_NONE + 1; t < AUDIT_TYPE_COUNT_; t++)
        if (slice_eq(name, type_names[t]))
            return (enum audit_type)t;
    return AUDIT_NONE;
}

bool audit_type_opens(enum audit_type t)
{
    return t == AUDIT_START || t == AUDIT_CHECKPOINT || t == AUDIT_CLOCK || t == AUDIT_OUTCOME ||
           t == AUDIT_RECOVER;
}

/* ---- writing ---- */

static const void *member(const struct audit_rec *rec, size_t at)
{
    return (const char *)rec + at;
}

/* The longest beginning of s, whole characters only, whose JSON text has at most max bytes. */
static struct slice fitting(struct slice s, size_t max)
{
    size_t used = 0, taken = 0;

    while (taken < s.n) {
        uint32_t code;
        size_t n = enc_utf8_one(slice_skip(s, taken), &code), cost = 6;
        if (n == 0)
            n = 1;
        else if (code == '"' || code == '\\')
            cost = 2;
        else if (code >= 0x20 && code < 0x7f)
            cost = 1;
        else if (code > 0xffff)
            cost = 12;
        if (used + cost > max)
            break;
        used += cost;
        taken += n;
    }
    return slice_from(s.p, taken);
}

static void cut_back(struct sbuf *out, size_t n)
{
    out->n = n;
    if (out->p)
        out->p[n] = '\0';
}

/* Text of at most max bytes; longer text is cut. Returns whether it is whole. */
static bool add_text(struct slice s, size_t max, struct sbuf *out)
{
    if (s.n <= max / 6 || fitting(s, max).n == s.n) {
        enc_json_string(s, out);
        return true;
    }
    enc_json_string(fitting(s, max - 3), out);
    if (sbuf_ok(out))
        cut_back(out, out->n - 1); /* the closing quote comes behind the dots */
    sbuf_adds(out, "...\"");
    return false;
}

static void add_key(struct slice key, struct sbuf *out)
{
    sbuf_adds(out, ",\"");
    sbuf_add(out, key);
    sbuf_adds(out, "\":");
}

/* One field; returns false when a firm text was cut, or a tree left out. */
static bool add_field(const struct audit_rec *rec, const struct field *f, size_t firm_max, size_t soft_max,
                      struct sbuf *out)
{
    if (f->kind == FIELD_NUMBER) {
        if (*(const bool *)member(rec, f->has_at)) {
            add_key(f->key, out);
            sbuf_add_i64(out, *(const int64_t *)member(rec, f->at));
        }
        return true;
    }
    if (f->kind == FIELD_FLAG) {
        if (*(const bool *)member(rec, f->at)) {
            add_key(f->key, out);
            sbuf_adds(out, "true");
        }
        return true;
    }
    struct slice text = *(const struct slice *)member(rec, f->at);
    if (slice_is_empty(text))
        return true;
    if (f->kind == FIELD_TREE && text.n > firm_max)
        return false;
    add_key(f->key, out);
    if (f->kind == FIELD_TREE) {
        sbuf_add(out, text);
        return true;
    }
    return add_text(text, f->kind == FIELD_SOFT ? soft_max : firm_max, out) || f->kind == FIELD_SOFT;
}

/* All fields, if they fit into out. *out_whole = no firm text was cut. */
static bool add_fields(const struct audit_rec *rec, size_t firm_max, size_t soft_max, struct sbuf *out,
                       bool *out_whole)
{
    *out_whole = true;
    for (size_t i = 0; i < FIELD_COUNT && sbuf_ok(out); i++)
        *out_whole = add_field(rec, &fields[i], firm_max, soft_max, out) && *out_whole;
    sbuf_addc(out, '}');
    return sbuf_ok(out);
}

bool audit_rec_body(const struct audit_rec *rec, struct sbuf *out)
{
    /* Tried in order until the body fits: first texts for people shrink, then, where that is allowed, the rest. */
    static const struct {
        size_t firm_max, soft_max;
    } tries[] = { { AUDIT_BODY_MAX_BYTES, 1024 },
                  { AUDIT_BODY_MAX_BYTES, 256 },
                  { AUDIT_BODY_MAX_BYTES, 64 },
                  { 512, 64 },
                  { 128, 64 },
                  { 64, 32 } };
    bool is_whole = false;
    char most[2048]; /* more than most records need */
    SCOPED(sbuf) body = SBUF_LENT(most, sizeof most, AUDIT_BODY_MAX_BYTES);

    if ((rec->facts.n && !audit_value_is_tree(rec->facts)) || (rec->now.n && !audit_value_is_tree(rec->now)))
        return false;
    most[0] = '\0';
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        sbuf_clear(&body);
        if (!add_fields(rec, tries[i].firm_max, tries[i].soft_max, &body, &is_whole))
            continue;
        if (rec->type == AUDIT_INTENT && !is_whole)
            return false;
        sbuf_add(out, sbuf_slice(&body));
        return sbuf_ok(out);
    }
    return false;
}

/* ---- reading ---- */

struct slice audit_field_key(size_t i)
{
    return i < FIELD_COUNT ? fields[i].key : SLICE_NONE;
}

bool audit_field_next(struct slice *rest, struct slice *out_key, struct slice *out_value)
{
    struct slice at = *rest;

    if (!slice_take(&at, S(",\"")) || !slice_take_until(&at, '"', out_key) || !slice_take(&at, S("\":")))
        return false;
    size_t n = audit_value_length(at);
    if (n == 0)
        return false;
    *out_value = slice_from(at.p, n);
    *rest = slice_skip(at, n);
    return true;
}

struct slice audit_field_text(struct slice value)
{
    return value.n >= 2 && value.p[0] == '"' ? slice_from(value.p + 1, value.n - 2) : value;
}

static bool value_has_kind(struct slice value, enum kind kind)
{
    if (kind == FIELD_FLAG)
        return slice_eq(value, S("true"));
    if (kind == FIELD_NUMBER)
        return ascii_is_digit(value.p[0]) || value.p[0] == '-';
    bool is_tree = value.p[0] == '[' || value.p[0] == '{';
    return kind == FIELD_TREE ? is_tree : value.p[0] == '"' && value.n > 2;
}

/* Keep the values that a chain asks for. */
static void keep_named(struct slice key, struct slice value, struct audit_named *out)
{
    if (slice_eq(key, S("id")))
        out->id = audit_field_text(value);
    else if (slice_eq(key, S("nonce")))
        out->nonce = audit_field_text(value);
    else if (slice_eq(key, S("end_seal")))
        out->end_seal = audit_field_text(value);
}

bool audit_fields_check(struct slice *rest, struct audit_named *out, struct err *e)
{
    struct slice key, value;
    size_t next = 0;

    *out = (struct audit_named){ .id = SLICE_NONE };
    while (audit_field_next(rest, &key, &value)) {
        while (next < FIELD_COUNT && !slice_eq(key, fields[next].key))
            next++;
        if (next == FIELD_COUNT)
            return err_set(e, ERR_UNKNOWN, "a field is unknown, repeated or not in its place");
        if (!value_has_kind(value, fields[next].kind))
            return err_set(e, ERR_SYNTAX, "%s has a value of the wrong kind", fields[next].key.p);
        keep_named(key, value, out);
        next++;
    }
    return true;
}
