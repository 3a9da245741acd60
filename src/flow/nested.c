/*
 * Requests that easgate makes for itself, on behalf of a client's request: the present state of a service, the further
 * pages of a list. Each is a txn of its own that lives the steps from `judge` on, with its own intent and outcome that name
 * their parent; its answer goes to the parent instead of a client.
 */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/must.h"

#define REPLICAS_MAX 2147483647

bool txn_lists_services(const struct txn *t)
{
    return slice_eq(t->in.is.match.op->name, S("ListServices"));
}

bool txn_nest(struct txn *t, const struct op *op, struct slice service, const struct query *query)
{
    struct op_match match = { .op = op };
    struct facts facts;
    struct err e = { 0 };

    MUST(!t->child && !t->parent);
    for (size_t i = 0; i < op->param_count; i++)
        match.params[i] = slice_eq(op->params[i], S("ClusterId")) ? txn_upstream(t)->region : service;
    /* The query, the service's name and the facts are borrowed: the parent outlives its child. */
    bool is_read = facts_read(&match, query, NULL, t->arena, &facts, &e);
    MUST(is_read || e.code == ERR_MEMORY); /* all of it is ours, or was read before */
    struct txn *child = is_read ? txn_new(t->gate) : NULL;
    if (!child)
        return false;
    child->parent = t;
    child->in.pass = t->in.pass;
    snapshot_ref(child->in.pass.snap);
    child->in.peer = t->in.peer;
    child->in.is.match = match;
    child->in.is.query = *query;
    child->in.is.facts = facts;
    http1_msg_free(&t->nested.answer);
    t->nested = (struct nested_result){ .answer = NULL };
    child->log.upstream_deadline_ms =
        t->gather.deadline_mono_ms; /* a list has one deadline for all its pages */
    t->child = child;
    txn_start_nested(child);
    return true;
}

/* ServiceConfig (JSON text in a string): what a stopped service starts with, and the hardware of a replica. A configuration
 * that states nothing readable must not be taken for one that states nothing. */
static bool read_stored(const struct json *service, struct arena *a, struct service_state *out, struct err *e)
{
    const struct json *config = json_get(service, S("ServiceConfig"));
    struct slice text = json_text(config);
    struct facts *stored = ARENA_NEW(a, struct facts);

    if (json_type(config) == JSON_NONE || json_type(config) == JSON_NULL ||
        (json_type(config) == JSON_STRING && text.n == 0))
        return true;
    if (!stored)
        return err_set(e, ERR_MEMORY, "out of memory");
    if (!facts_read_stored(text, false, a, stored, e))
        return false;
    out->stored = stored->replicas;
    facts_max(stored, OP_SURGE, &out->surge);
    out->config = stored;
    return true;
}

/* The largest of the counts that the service states. */
static bool read_counts(const struct json *service, int64_t *out_most, struct err *e)
{
    static const struct slice counts[] = { S_INIT("TotalInstance"), S_INIT("RunningInstance"),
                                           S_INIT("PendingInstance") };

    *out_most = 0;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const struct json *count = json_get(service, counts[i]);
        int64_t n = 0;
        if (count && !json_integer(count, 0, REPLICAS_MAX, &n))
            return err_set(e, ERR_RANGE, "%.*s is not a count", SLICE_FMT(counts[i]));
        if (n > *out_most)
            *out_most = n;
    }
    return true;
}

/* Is a scaler on, or stated in a way that does not clearly say that it is off? */
static bool may_have_scaler(const struct json *service, struct slice name)
{
    enum json_type type = json_type(json_get(service, name));

    return type != JSON_NONE && type != JSON_NULL && type != JSON_FALSE;
}

/*
 * docs/eas/README.md, "Fields that matter for a team's sum": AppSpecName is the ServiceSpec, TotalInstance the count.
 * TotalInstance of a stopped service is defined nowhere, so the largest count that any field states is taken, and a
 * service for which all of them state nothing is unreadable.
 */
bool service_state_of(const struct json *service, struct arena *a, struct service_state *out, struct err *e)
{
    *out = (struct service_state){ .spec = arena_dup(a, json_text(json_get(service, S("AppSpecName")))) };
    out->has_scaler = may_have_scaler(service, S("AutoscalerEnabled"));
    out->has_cron = may_have_scaler(service, S("CronscalerEnabled"));
    out->has_gpus = json_integer(json_get(service, S("Gpu")), 0, REPLICAS_MAX, &out->gpus);
    if (!read_counts(service, &out->count, e) || !read_stored(service, a, out, e))
        return false;
    if (out->count == 0 && out->stored == 0)
        return err_set(e, ERR_MISSING, "EAS states no count of replicas for it");
    if (!out->has_scaler && !out->has_cron && out->stored > 0 && out->count > out->stored)
        out->extra = out->count - out->stored;
    return true;
}

bool service_state_read(struct slice body, struct slice asked, struct arena *a, struct service_state *out,
                        struct err *e)
{
    struct json *service = json_load(body, &json_limits_answer, e);

    if (!service)
        return false;
    const struct json *name = json_get(service, S("ServiceName"));
    bool fine = (!name || slice_eq(json_text(name), asked)) ||
                err_set(e, ERR_CONFLICT, "the answer is about another service");
    fine = fine && service_state_of(service, a, out, e);
    json_free(&service);
    return fine;
}
