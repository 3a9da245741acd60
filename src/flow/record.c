/* The audit records of a request: intent before it leaves, outcome of what left, deny for what was refused. */
#include "flow/gate_state.h"
#include "flow/life.h"

static uint64_t append(struct txn *t, struct audit_rec *rec)
{
    const struct ports *ports = &t->gate->ports;

    rec->wall_ms = clock_wall_ms(ports->clock);
    rec->mono_ms = clock_mono_ms(ports->clock);
    return ports->audit_append(ports->ctx, rec);
}

static struct slice would_deny(struct txn *t)
{
    const struct refusal *r = &t->would_deny;

    if (r->reason == REASON_NONE)
        return SLICE_NONE;
    return slice_of(arena_printf(t->arena, "%s: %.*s", reason_name(r->reason), SLICE_FMT(r->message)));
}

/* Who asks, and what was judged: the same in intents and denials. */
static struct audit_rec whole_record(struct txn *t, enum audit_type type)
{
    const struct facts *f = &t->in.is.facts;
    const struct verdict *v = &t->verdict;

    return (struct audit_rec){
        .type = type,
        .id = slice_of(t->id),
        .parent = t->parent ? slice_of(t->parent->id) : SLICE_NONE,
        .client = t->in.pass.client->name,
        .token_id = slice_of(t->in.pass.token ? t->in.pass.token->id : NULL),
        .peer = slice_of(t->in.peer.text),
        .op = t->in.is.match.op ? t->in.is.match.op->name : SLICE_NONE,
        .service = f->service,
        .new_service = slice_eq(f->new_service, f->service) ? SLICE_NONE : f->new_service,
        .app_type = f->app_type,
        .app_version = f->app_version,
        .spec = v->has_after ? v->after.spec : f->spec,
        .workspace = v->fill_workspace.p ? v->fill_workspace : f->workspace,
        .quota = v->fill_quota.p ? v->fill_quota : f->quota,
        .storage = slice_of(f->storage ? storage_name(f->storage) : NULL),
        .path = f->oss_path.p ? f->oss_path : f->nas_path,
        .has_replicas = v->has_after || f->has_replicas,
        .replicas = v->has_after ? v->after.peak : f->replicas,
        .has_replicas_now = v->has_after && t->has_state,
        .replicas_now = v->after.now,
        .has_peak = t->reserved && f->raises,
        .peak = t->peak.replicas,
        .has_peak_gpus = t->reserved && f->raises && t->peak.gpus > 0,
        .peak_gpus = t->peak.gpus,
        .facts = t->facts_text,
        .now = t->state_text,
        .policy = slice_of(t->in.pass.snap->digest),
        .rule = v->rule_text,
        .would_deny = would_deny(t),
        .body_received_sha256 = slice_of(t->in.body_sha256[0] ? t->in.body_sha256 : NULL),
    };
}

uint64_t record_intent(struct txn *t)
{
    struct audit_rec rec = whole_record(t, AUDIT_INTENT);
    char most[512] = "";
    SCOPED(sbuf) target = SBUF_LENT(most, sizeof most, t->out.path.n + 1 + t->out.query.n);

    sbuf_add(&target, t->out.path);
    if (t->out.query.n)
        sbuf_addc(&target, '?');
    sbuf_add(&target, t->out.query);
    if (!sbuf_ok(&target))
        return 0; /* no memory: what cannot be written down whole is not sent */
    rec.method = slice_of(http1_method_name(t->out.method));
    rec.target = sbuf_slice(&target);
    rec.body_sha256 = slice_of(t->out.body_sha256);
    rec.nonce = slice_of(t->nonce);
    rec.key_id = t->cred->access_key_id;
    rec.upstream = t->out.host_header;
    rec.has_try = t->log.tries > 1;
    rec.try_number = t->log.tries;
    return append(t, &rec);
}

/* EAS's own Code of an error answer, for the outcome. */
static struct slice upstream_code(const struct http1_msg *answer, struct arena *a)
{
    if (!answer || answer->status < 400)
        return SLICE_NONE;
    struct json *tree = json_load(sbuf_slice(&answer->body), &json_limits_answer, NULL);
    struct slice code = json_text(json_get(tree, S("Code")));
    if (code.n > 120)
        code.n = 120;
    code = arena_dup(a, code);
    json_free(&tree);
    return code;
}

/* Callers learn no more than that it was so; who runs the gateway has to know why. */
static void say_key_refused(struct txn *t, struct slice code)
{
    uint64_t held_back;

    if (is_about_our_key(code) && log_limit_pass(&t->gate->key_refused, txn_now(t), &held_back))
        log_event(LOG_ERROR, "upstream", "EAS does not accept the credential, its signature or the clock",
                  LOG_S("code", code), LOG_S("key_id", t->cred ? t->cred->access_key_id : S("-")),
                  LOG_C("id", t->id), LOG_N("held_back", held_back));
}

void record_outcome(struct txn *t, const char *error)
{
    const struct http1_msg *answer = t->log.answer;
    struct audit_rec rec = { .type = AUDIT_OUTCOME, .id = slice_of(t->id), .nonce = slice_of(t->nonce) };

    if (!t->log.intent_open)
        return;
    t->log.intent_open = false;
    if (answer) {
        rec.has_status = rec.has_bytes = true;
        rec.status = answer->status;
        rec.bytes = (int64_t)answer->body.n;
        rec.upstream_request_id = http1_header_get(answer, S("x-acs-request-id"), NULL);
        rec.code = upstream_code(answer, t->arena);
        say_key_refused(t, rec.code);
    } else if (t->log.exchange.status_seen > 0) {
        rec.has_status = true;
        rec.status = t->log.exchange.status_seen;
    }
    rec.has_ms = t->log.was_sent;
    rec.ms = t->log.upstream_ms;
    rec.error = slice_of(error);
    rec.message = slice_of(error && t->log.exchange.detail[0] ? t->log.exchange.detail : NULL);
    rec.client_gone = t->log.client_gone;
    append(t, &rec);
}

void record_deny(struct txn *t)
{
    const struct refusal *r = &t->log.refusal;
    struct audit_rec rec = whole_record(t, AUDIT_DENY);

    rec.method = t->in.message->method_text;
    rec.target = t->in.message->target;
    rec.has_status = true;
    rec.status = refusal_status(r);
    rec.code = slice_of(reason_code(r->reason));
    rec.step = r->step;
    rec.reason = slice_of(reason_name(r->reason));
    rec.message = r->message;
    if (r->rule.p)
        rec.rule = r->rule;
    if (t->is_dry_run)
        rec.note = S("dry_run");
    append(t, &rec);
}
