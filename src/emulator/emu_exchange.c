/*
 * A request's life in the emulator, told in one place: see emu_exchange.h.
 *   route, verify, take a fault, run the operation (unless the fault forbids), let the fault change the answer,
 *   journal, plan the bytes.
 */
#include "emulator/emu_exchange.h"
#include "base/clock.h"

#define CALL_MAX (128U << 20)

static bool begin(struct emu_server *s, struct emu_request *req, struct emu_call *c, struct emu_answer *a)
{
    *c = (struct emu_call){
        .world = &s->world, .req = req, .answer = a, .now_ms = clock_wall_ms(&clock_system)
    };
    c->arena = arena_new(CALL_MAX);
    if (c->arena)
        emu_call_route(c);
    return c->arena != NULL;
}

static void verify(struct emu_server *s, struct emu_call *c, struct sbuf *canonical, struct emu_verdict *v)
{
    const struct emu_request *r = c->req;
    struct emu_evidence ev = { .method = r->method,
                               .path = r->path,
                               .query = r->query,
                               .body = sbuf_slice(&r->body),
                               .headers = r->headers,
                               .header_count = r->header_count };

    emu_verify(&ev, &s->keys, c->now_ms, s->nonces, canonical, v);
}

static void refuse(struct emu_call *c, const struct emu_verdict *v, const struct sbuf *canonical)
{
    if (strcmp(v->code, "SignatureDoesNotMatch") == 0)
        emu_answer_error(c->answer, v->status, v->code, "%s server StringToSign is [%.*s]", v->detail,
                         SLICE_FMT(sbuf_slice(canonical)));
    else
        emu_answer_error(c->answer, v->status, v->code, "%s", v->detail);
}

static void put_record(struct emu_server *s, const struct emu_call *c, const struct emu_origin *from,
                       const struct emu_verdict *v, const char *fault, int status)
{
    const struct emu_answer *a = c->answer;
    struct emu_record record = { .wall_ms = c->now_ms,
                                 .conn = from->conn,
                                 .conn_seq = from->conn_seq,
                                 .peer = from->peer,
                                 .req = c->req,
                                 .verdict = v,
                                 .service = c->service,
                                 .fault = fault,
                                 .status = status };

    record.action = c->route ? c->route->action : NULL;
    record.request_id = status && a ? a->request_id : NULL;
    record.code = status && a && a->code[0] ? a->code : NULL;
    emu_journal_add(s->journal, &record);
}

/* Does anything of the answer itself get out? */
static bool is_answered(const struct emu_fault *f, const struct emu_plan *plan)
{
    return plan->bytes.n > 0 && !(f && (f->kind == EMU_FAULT_GARBAGE || f->kind == EMU_FAULT_RAW));
}

void emu_exchange_run(struct emu_server *s, struct emu_request *req, const struct emu_origin *from,
                      struct emu_plan *out)
{
    SCOPED(sbuf) canonical = SBUF_MAX(EMU_CANONICAL_MAX);
    struct emu_verdict v = { .code = "" };
    struct emu_answer a;
    struct emu_call c;
    bool keep = req->keep_alive && req->complete && !slice_eq(req->method, S("HEAD"));

    emu_answer_init(&a, s->host_id);
    if (!begin(s, req, &c, &a)) {
        emu_answer_error(&a, 503, "ServiceUnavailable", "No memory.");
        keep = false;
    } else if (!req->complete) {
        emu_answer_error(&a, 400, "InvalidRequest", "The request cannot be read.");
    }
    if (req->complete)
        emu_call_parse(&c);
    verify(s, &c, &canonical, &v);
    const struct emu_fault *fault =
        emu_faults_take(s->faults, EMU_STAGE_ANSWER, c.route ? c.route->action : NULL, c.service);
    if (req->complete && !v.ok)
        refuse(&c, &v, &canonical);
    else if (req->complete && c.arena && (!fault || fault->executes))
        emu_call_run(&c);
    emu_fault_answer(fault, &a);
    emu_fault_plan(fault, &a, keep, c.now_ms, out);
    put_record(s, &c, from, &v, fault ? emu_fault_name(fault->kind) : NULL,
               is_answered(fault, out) ? a.status : 0);
    emu_call_drop(&c);
    arena_free(&c.arena);
    emu_answer_drop(&a);
}

void emu_exchange_lost(struct emu_server *s, struct emu_request *req, const struct emu_origin *from,
                       const char *fault, const char *why)
{
    struct emu_call c = { .now_ms = clock_wall_ms(&clock_system), .req = req };

    emu_note(&req->notes, "%s", why);
    if (req->has_head)
        begin(s, req, &c, NULL);
    if (c.arena && req->complete)
        emu_call_parse(&c);
    put_record(s, &c, from, NULL, fault, 0);
    emu_call_drop(&c);
    arena_free(&c.arena);
}

const char *emu_exchange_head_fault(struct emu_server *s, struct emu_request *req)
{
    const struct emu_fault *fault = NULL;
    struct emu_call c;
    size_t notes = req->notes.n; /* routing notes the same again later */

    if (emu_faults_is_empty(s->faults))
        return NULL;
    if (begin(s, req, &c, NULL))
        fault = emu_faults_take(s->faults, EMU_STAGE_HEAD, c.route ? c.route->action : NULL, c.service);
    arena_free(&c.arena);
    req->notes.n = notes;
    return fault ? emu_fault_name(fault->kind) : NULL;
}
