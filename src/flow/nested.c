/*
 * Requests that easgate makes for itself, on behalf of a client's request: the present state of a service, the further
 * pages of a list. Each is a txn of its own that lives the steps from `judge` on, with its own intent and outcome that name
 * their parent; its answer goes to the parent instead of a client.
 */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/must.h"

#define REPLICAS_MAX 2147483647

bool txn_nest(struct txn *t, const struct op *op, struct slice service, const struct query *query)
{
    MUST(!t->child && !t->parent);
    struct txn *child = txn_new(t->gate);
    if (!child)
        return false;
    child->parent = t;
    child->in.pass = t->in.pass;
    snapshot_ref(child->in.pass.snap);
    child->in.peer = t->in.peer;
    child->in.is.match.op = op;
    for (size_t i = 0; i < op->param_count; i++)
        child->in.is.match.params[i] =
            slice_eq(op->params[i], S("ClusterId")) ? txn_upstream(t)->region : service;
    /* The query and the service's name are borrowed: the parent outlives its child. */
    child->in.is.query = *query;
    struct err e = { 0 };
    bool facts_are_ours = facts_read(&child->in.is.match, &child->in.is.query, NULL, &child->in.is.facts, &e);
    MUST(facts_are_ours);
    http1_msg_free(&t->nested.answer);
    t->nested = (struct nested_result){ .answer = NULL };
    child->log.upstream_deadline_ms =
        t->gather.deadline_mono_ms; /* a list has one deadline for all its pages */
    t->child = child;
    txn_start_nested(child);
    return true;
}

/*
 * metadata.instance of ServiceConfig (JSON text in a string): the count that a stopped service starts with; with the flat
 * name "metadata.instance", too, which an official client writes (docs/eas/README.md, "What is dangerous"). A configuration
 * that states nothing readable must not be taken for one that states nothing.
 */
static bool read_stored_count(const struct json *service, int64_t *inout_most, struct err *e)
{
    const struct json *config = json_get(service, S("ServiceConfig"));
    struct slice text = json_text(config);

    if (json_type(config) == JSON_NONE || json_type(config) == JSON_NULL ||
        (json_type(config) == JSON_STRING && text.n == 0))
        return true;
    struct json *tree = json_load(text, &json_limits_answer, NULL);
    const struct json *counts[] = { json_get(json_get(tree, S("metadata")), S("instance")),
                                    json_get(tree, S("metadata.instance")) };
    bool fine = json_type(tree) == JSON_OBJECT;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        int64_t n = 0;
        fine = fine && (!counts[i] || json_integer(counts[i], 0, REPLICAS_MAX, &n));
        if (n > *inout_most)
            *inout_most = n;
    }
    json_free(&tree);
    return fine || err_set(e, ERR_RANGE, "ServiceConfig states no readable count");
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
    return read_stored_count(service, out_most, e) &&
           (*out_most > 0 || err_set(e, ERR_MISSING, "EAS states no count of replicas for it"));
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
bool service_state_of(const struct json *service, struct service_state *out, struct err *e)
{
    *out = (struct service_state){ .spec = json_text(json_get(service, S("AppSpecName"))) };
    out->has_scaler =
        may_have_scaler(service, S("AutoscalerEnabled")) || may_have_scaler(service, S("CronscalerEnabled"));
    return read_counts(service, &out->replicas, e);
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
    fine = fine && service_state_of(service, out, e);
    if (fine)
        out->spec = arena_dup(a, out->spec);
    json_free(&service);
    return fine;
}
