/*
 * One request's life, told in one place. steps[] below is the order; each step looks at one thing, asks a port where it
 * needs the world, and says how to go on:
 *
 *   NEXT    the next step                       WAIT    come back here when there is news (txn_wake)
 *   AGAIN   one more try, from `record`         REFUSE  to `relay`, with the refusal that was set
 *   ANSWER  to `relay`, with an answer of easgate's own
 *   DONE    it is over
 *
 * Every way out leads through relay and settle, so that each request is answered, recorded and counted exactly once.
 * Nothing may leave (forward) that was not judged, recorded durably and signed in this order; the order of the table is
 * that promise. A request that easgate makes for itself (present state, further pages of a list) is a nested txn: it
 * lives the same steps from `judge` on and hands its answer to its parent instead of a client.
 */
#include "flow/txn.h"
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/enc.h"
#include "base/must.h"
#include <stdarg.h>

static const struct step {
    const char *name;
    enum step_result (*run)(struct txn *);
} steps[] = {
    { "identify", step_identify }, /* who asks: taken over from the check of the head */
    { "admit", step_admit },       /* is there room, and a log to write to? */
    { "route", step_route },       /* which of the operations is it? */
    { "parse", step_parse },       /* query and body, strictly; the facts they state */
    { "screen", step_screen },     /* all that can be refused without asking EAS */
    { "hold", step_hold },         /* nobody else changes the same meanwhile */
    { "lookup", step_lookup },     /* the service's present state, where the verdict needs it */
    { "judge", step_judge },       /* the verdict */
    { "shape", step_shape },       /* the bytes that will be sent, printed from what was judged */
    { "reserve", step_reserve },   /* its place in the team's budget */
    { "preview", step_preview },   /* a request for the verdict alone ends here */
    { "borrow", step_borrow },     /* the credential */
    { "record", step_record },     /* the intent, durable; it draws the nonce */
    { "sign", step_sign },         /* the signature, made of what will be sent */
    { "forward", step_forward },   /* sent, once */
    { "collect", step_collect },   /* the other pages of a list; only owned services stay */
    { "relay", step_relay },       /* the answer, or the refusal */
    { "settle", step_settle },     /* outcome, counters, end */
    { "resolve", step_resolve }, /* a life of its own: the truth about a change whose outcome was not known */
};
#define STEP_COUNT (sizeof steps / sizeof steps[0])

static size_t step_named(const char *name)
{
    size_t i = 0;

    while (i < STEP_COUNT && strcmp(steps[i].name, name) != 0)
        i++;
    MUST(i < STEP_COUNT);
    return i;
}

int64_t txn_now(const struct txn *t)
{
    return clock_mono_ms(t->gate->ports.clock);
}

const struct cfg_upstream *txn_upstream(const struct txn *t)
{
    return &t->in.pass.snap->upstreams[0];
}

int64_t txn_certain_from(const struct txn *t)
{
    return txn_now(t) + (int64_t)txn_upstream(t)->timeout_ms;
}

const char *txn_id(const struct txn *t)
{
    return t->id;
}

void **txn_port_slot(struct txn *t)
{
    return &t->wait.port_slot;
}

enum step_result txn_refuse(struct txn *t, enum reason reason, const char *format, ...)
{
    struct refusal *r = &t->log.refusal;

    if (r->reason != REASON_NONE)
        return STEP_REFUSE;
    r->reason = reason;
    r->step = slice_of(steps[t->step].name);
    if (format) {
        va_list args;
        va_start(args, format);
        vsnprintf(t->log.refusal_text, sizeof t->log.refusal_text, format, args);
        va_end(args);
        r->message = slice_of(t->log.refusal_text);
    }
    return STEP_REFUSE;
}

enum step_result txn_refuse_as(struct txn *t, const struct refusal *refusal)
{
    struct refusal *r = &t->log.refusal;

    if (r->reason != REASON_NONE)
        return STEP_REFUSE;
    *r = *refusal;
    r->step = slice_of(steps[t->step].name);
    return STEP_REFUSE;
}

void txn_would_deny(struct txn *t, const struct refusal *refusal)
{
    if (t->would_deny.reason == REASON_NONE)
        t->would_deny = *refusal;
}

enum step_result txn_wait(struct txn *t, int64_t deadline_mono_ms)
{
    t->wait.event = TXN_EVENT_NONE;
    t->wait.deadline_mono_ms = deadline_mono_ms;
    return STEP_WAIT;
}

/* Text whose usual size is known: it begins in the arena, and only what is longer takes memory of its own. */
static struct sbuf text_of(struct txn *t, size_t usual_bytes, size_t max_bytes)
{
    char *memory = arena_alloc(t->arena, usual_bytes);

    return SBUF_LENT(memory, memory ? usual_bytes : 0, max_bytes);
}

/* The txn itself lives in its arena. */
struct txn *txn_new(struct gate *g)
{
    struct arena *arena = arena_new(TXN_ARENA_MAX_BYTES);
    struct txn *t = arena ? ARENA_NEW(arena, struct txn) : NULL;
    unsigned char id[16];

    if (!t || !g->ports.random(g->ports.ctx, id, sizeof id)) {
        arena_free(&arena);
        return NULL;
    }
    t->gate = g;
    t->arena = arena;
    enc_hex(id, sizeof id, t->id);
    t->start_mono_ms = clock_mono_ms(g->ports.clock);
    list_init(&t->in_held);
    list_init(&t->in_team);
    list_init(&t->wait.in_durable);
    list_init(&t->wait.in_ready);
    t->out_path = text_of(t, 128, HTTP1_TARGET_MAX_BYTES);
    t->out_query = text_of(t, 128, 64 * 1024);
    t->out_body = text_of(t, 512, 1024 * 1024);
    t->out_head = text_of(t, 1024, 128 * 1024);
    t->canonical_headers = text_of(t, 512, 16 * 1024);
    t->signed_names = text_of(t, 192, 1024);
    t->log.body = SBUF_MAX(64 * 1024 * 1024);
    list_add_last(&g->inflight, &t->in_gate);
    return t;
}

static void txn_free(struct txn *t)
{
    struct arena *arena = t->arena;

    MUST(!t->usage && !t->reserved && !t->team && !t->child && t->holds.count == 0 && !t->log.intent_open &&
         !t->log.is_sending);
    list_remove(&t->in_gate);
    list_remove(&t->in_held);
    list_remove(&t->in_team);
    list_remove(&t->wait.in_durable);
    list_remove(&t->wait.in_ready);
    request_drop(&t->in.is);
    gather_drop(t);
    http1_msg_free(&t->in.message);
    http1_msg_free(&t->log.answer);
    http1_msg_free(&t->nested.answer);
    pass_drop(&t->in.pass);
    if (t->cred && t->cred->security_token) {
        secret_wipe(t->out_head.p, t->out_head.n);
        secret_wipe(t->canonical_headers.p, t->canonical_headers.n);
    }
    cred_unref(&t->cred);
    sbuf_drop(&t->out_path);
    sbuf_drop(&t->out_query);
    sbuf_drop(&t->out_body);
    sbuf_drop(&t->out_head);
    sbuf_drop(&t->canonical_headers);
    sbuf_drop(&t->signed_names);
    sbuf_drop(&t->log.body);
    arena_free(&arena);
}

/* Run one txn until it waits or is over. */
static void run_steps(struct txn *t)
{
    for (;;) {
        enum step_result result = steps[t->step].run(t);
        if (result == STEP_WAIT)
            return;
        t->wait.event = TXN_EVENT_NONE;
        t->wait.deadline_mono_ms = 0;
        if (result == STEP_DONE)
            break;
        if (result == STEP_REFUSE)
            MUST(t->log.refusal.reason != REASON_NONE && t->step < step_named("relay"));
        if (result == STEP_ANSWER)
            MUST(t->own_status && !t->log.was_sent && !t->log.intent_open && t->step < step_named("borrow"));
        t->step = result == STEP_REFUSE || result == STEP_ANSWER ? step_named("relay")
                  : result == STEP_AGAIN                         ? step_named("record")
                                                                 : t->step + 1;
    }
    txn_free(t);
}

/* Run t, then all that were woken meanwhile: never one inside another, so depth stays flat and no step sees itself. */
void txn_run(struct txn *t)
{
    struct gate *g = t->gate;

    if (g->running) {
        if (list_is_empty(&t->wait.in_ready))
            list_add_last(&g->ready, &t->wait.in_ready);
        return;
    }
    g->running = true;
    for (struct txn *next = t; next;) {
        run_steps(next);
        next = NULL;
        if (!list_is_empty(&g->ready)) {
            next = LIST_OWNER(g->ready.next, struct txn, wait.in_ready);
            list_remove(&next->wait.in_ready);
        }
    }
    g->running = false;
}

void txn_wake(struct txn *t, enum txn_event event)
{
    t->wait.event = event;
    t->wait.deadline_mono_ms = 0;
    txn_run(t);
}

/* Not even a txn could be made: answer without one. */
static void answer_no_memory(struct gate *g, const struct peer *peer, struct reply_port reply)
{
    struct refusal refusal = { .reason = REASON_OVERLOADED, .message = S("out of memory") };
    SCOPED(sbuf) body = SBUF_MAX(2048);
    char id[33];
    bool gone;

    gate_settle_early(g, &refusal, NULL, peer, id, &body);
    reply.send(reply.arg,
               &(struct answer){ .status = refusal_status(&refusal),
                                 .body = sbuf_slice(&body),
                                 .content_type = S("application/json"),
                                 .request_id = slice_of(id),
                                 .easgate_request_id = slice_of(id),
                                 .from_easgate = true,
                                 .close = true },
               &gone);
}

void txn_start(struct gate *g, struct http1_msg **request, struct pass *pass, const struct peer *peer,
               struct reply_port reply)
{
    struct txn *t = txn_new(g);

    if (!t) {
        http1_msg_free(request);
        pass_drop(pass);
        answer_no_memory(g, peer, reply);
        return;
    }
    t->in.message = *request;
    *request = NULL;
    t->in.pass = *pass;
    *pass = (struct pass){ NULL, NULL, NULL };
    t->in.peer = *peer;
    t->in.reply = reply;
    g->inflight_count++;
    g->inflight_bytes += t->in.message->body.n;
    txn_run(t);
}

void txn_start_resolving(struct txn *t)
{
    t->step = step_named("resolve");
    txn_run(t);
}

void txn_start_nested(struct txn *child)
{
    child->step = step_named("judge");
    txn_run(child);
}
