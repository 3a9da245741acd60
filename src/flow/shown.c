/*
 * What of EAS's answer the caller is shown, whatever the operation: no secret, unless its policy has @secrets; nothing that names
 * a service which the policy does not own; never what easgate signed with. Lists were cut before (collect.c). An answer that
 * cannot be read cannot be redacted and is not passed on.
 */
#include "flow/gate_state.h"
#include "flow/life.h"

/* Secret wherever they stand: the leaves of what docs/eas/operations.json calls secrets, in answers and in the configurations that
 * answers repeat. Names that say too little alone (Url, Value) are hidden by the operation's own pointers, op->secrets. */
static const struct slice secret_names[] = {
    S_INIT("AccessToken"),  S_INIT("ServiceConfig"), S_INIT("Token"),    S_INIT("SignedUrl"),
    S_INIT("WorkbenchUrl"), S_INIT("SecurityToken"), S_INIT("password"), S_INIT("AccessKeySecret"),
    S_INIT("requestToken"), S_INIT("dockerAuth"),    S_INIT("env"),
};
/* Members whose text, or each text of it, is the name of a service. The last one is left out where it is the list itself. */
static const struct slice mentions[] = { S_INIT("ServiceName"),       S_INIT("service"),
                                         S_INIT("SourceServiceName"), S_INIT("ParentServiceName"),
                                         S_INIT("QueueService"),      S_INIT("Target"),
                                         S_INIT("Services") };
#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define SIGNED_PARTS 6

/* Their texts repeat what was signed. */
bool is_about_our_key(struct slice code)
{
    static const struct slice prefixes[] = { S_INIT("SignatureDoesNotMatch"), S_INIT("IncompleteSignature"),
                                             S_INIT("InvalidAccessKeyId"),    S_INIT("InvalidSecurityToken"),
                                             S_INIT("InvalidTimeStamp"),      S_INIT("SignatureNonceUsed") };

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (slice_starts(code, prefixes[i]))
            return true;
    return false;
}

/* An error whose Code cannot be read for certain may be about our key, so it does not pass either. */
static enum step_result check_error(struct txn *t, struct slice body)
{
    struct err e = { 0 };
    struct json *tree = json_load(body, &json_limits_answer, &e);
    bool ours = is_about_our_key(json_text(json_get(tree, S("Code")))) ||
                is_about_our_key(json_text(json_get(tree, S("code"))));

    if (!tree)
        return txn_refuse(t, REASON_UPSTREAM_ANSWER,
                          "EAS answered with status %d and an error that is not acceptable JSON (%s)",
                          t->log.answer->status, e.text);
    json_free(&tree);
    return ours ? txn_refuse(t, REASON_CREDENTIAL_REJECTED, NULL) : STEP_NEXT;
}

static bool owns_service(const void *arg, struct slice name)
{
    return policy_owns(arg, BOUND_services, name) != NULL;
}

/* ---- things of others inside of an answer ---- */

static const struct json *member_nocase(const struct json *object, struct slice name)
{
    for (const struct json *m = json_type(object) == JSON_OBJECT ? json_first(object) : NULL; m;
         m = json_next(m))
        if (slice_eq_nocase(json_name(m), name))
            return m;
    return NULL;
}

/* Is this element of an array about a service that is not owned? In an array of services, what cannot be told is foreign. */
static bool is_foreign(const struct policy *p, const struct json *element, bool of_services)
{
    const struct json *name =
        json_type(element) == JSON_OBJECT ? member_nocase(element, S("ServiceName")) : NULL;

    if (of_services && json_type(element) == JSON_OBJECT && !name)
        name = member_nocase(element, S("Name"));
    if (of_services && json_type(element) == JSON_STRING)
        name = element;
    return name ? !policy_owns(p, BOUND_services, json_text(name)) : of_services;
}

/* Cut such elements at any depth; not those of the list that collect made, `items`. */
static void cut_foreign(const struct policy *p, struct json *node, const struct json *items)
{
    bool is_array = json_type(node) == JSON_ARRAY && node != items;
    bool of_services = is_array && (slice_eq_nocase(json_name(node), S("Services")) ||
                                    slice_eq_nocase(json_name(node), S("Target")));

    if (json_type(node) != JSON_ARRAY && json_type(node) != JSON_OBJECT)
        return;
    for (const struct json *child = json_first(node), *next; child; child = next) {
        next = json_next(child);
        if (!is_array || !is_foreign(p, child, of_services)) {
            cut_foreign(p, (struct json *)(uintptr_t)child, items); /* the tree is ours */
            continue;
        }
        struct json *other = json_take(node, child);
        json_free(&other);
    }
}

/* The body without them, in `out`; false when it cannot be read or there is no memory. */
static bool print_without_foreign(const struct txn *t, struct slice body, struct sbuf *out)
{
    const struct op_list *list = &t->in.is.match.op->list;
    struct json *tree = json_load(body, &json_limits_answer, NULL);

    sbuf_clear(out);
    if (tree)
        cut_foreign(t->in.pass.client->policy, tree, list->items.n ? json_get(tree, list->items) : NULL);
    json_print(tree, out);
    bool done = tree && sbuf_ok(out);
    json_free(&tree);
    return done;
}

/* ---- secrets ---- */

/* What was signed, and with what: EAS's errors may repeat it. */
static size_t signed_parts(const struct txn *t, struct slice parts[SIGNED_PARTS])
{
    size_t n = 0;

    parts[n++] = S("ACS3-HMAC-SHA256");
    parts[n++] = slice_of(t->signature);
    parts[n++] = slice_of(t->nonce);
    if (t->cred) {
        parts[n++] = t->cred->access_key_id;
        parts[n++] = secret_bytes(t->cred->access_key_secret);
    }
    if (t->cred && t->cred->security_token)
        parts[n++] = secret_bytes(t->cred->security_token);
    return n;
}

static bool redact(struct txn *t, struct slice body, struct sbuf *out, struct err *e)
{
    const struct op *op = t->in.is.match.op;
    const struct policy *policy = t->in.pass.client->policy;
    struct slice parts[SIGNED_PARTS];
    struct json_redaction by = {
        .in_texts = true, .mentions = mentions, .owns = owns_service, .arg = policy
    };
    size_t foreign = 0;

    if (!policy->shows_secrets) {
        by.pointers = op->secrets;
        by.pointer_count = op->secret_count;
        by.names = secret_names;
        by.name_count = COUNT(secret_names);
    }
    if (t->log.answer->status >= 400) {
        by.parts = parts;
        by.part_count = signed_parts(t, parts);
    }
    by.mention_count = COUNT(mentions) - (slice_eq(op->list.items, S("Services")) ? 1 : 0);
    if (!json_redact_by(body, &by, out, NULL, &foreign, e))
        return false;
    if (!foreign)
        return true;
    SCOPED(sbuf) cut = SBUF_MAX(out->max);
    return (print_without_foreign(t, body, &cut) ||
            err_set(e, ERR_SYNTAX, "names of services in an unreadable place")) &&
           json_redact_by(sbuf_slice(&cut), &by, out, NULL, NULL, e);
}

enum step_result answer_show(struct txn *t)
{
    const struct http1_msg *answer = t->log.answer;
    struct slice body = sbuf_slice(&answer->body);
    struct err e = { 0 };

    if (answer->status >= 300 && answer->status < 400)
        return txn_refuse(t, REASON_UPSTREAM_ANSWER,
                          "EAS answered with a redirect (status %d), which is never followed",
                          answer->status);
    if (t->log.body.n)
        body = sbuf_slice(&t->log.body); /* collect made it */
    if (body.n == 0)
        return STEP_NEXT;
    if (answer->status >= 400 && check_error(t, body) != STEP_NEXT)
        return STEP_REFUSE;
    SCOPED(sbuf) redacted = SBUF_MAX(t->log.body.max);
    (void)sbuf_room(&redacted, body.n); /* it will hardly be longer */
    if (!redact(t, body, &redacted, &e))
        return txn_refuse(t, REASON_UPSTREAM_ANSWER,
                          "EAS answered with status %d and a body that is not acceptable JSON (%s)",
                          answer->status, e.text);
    struct sbuf swap = t->log.body;
    t->log.body = redacted;
    redacted = swap;
    return STEP_NEXT;
}
