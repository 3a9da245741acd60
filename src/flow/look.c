/*
 * Asking EAS what a service has now: see look.h. One nested request after the other, each judged, recorded and signed like any
 * other; all of them share one deadline, and the service is held meanwhile. Whatever cannot be read ends the request.
 */
#include "flow/look.h"
#include "flow/gate_state.h"
#include "flow/life.h"

#define VERSION_COUNT_MAX 1000000

static enum step_result unreadable(struct txn *t, struct slice why)
{
    return txn_refuse(t, REASON_STATE_UNREADABLE, "the present state of service %.*s could not be read: %.*s",
                      SLICE_FMT(t->look.service), SLICE_FMT(why));
}

/* ---- asking ---- */

static enum step_result ask(struct txn *t, struct slice name)
{
    const struct op *op = opcat_by_name(name);
    struct query query;
    struct err e = { 0 };
    char number[24];

    if (txn_now(t) >= t->look.deadline_mono_ms)
        return unreadable(t, S("EAS took too long"));
    bool ready = query_init(op, t->arena, &query);
    if (ready && t->look.at == LOOK_VERSION) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)t->look.page);
        ready = query_set(&query, t->arena, S("PageNumber"), slice_of(number), &e) &&
                query_set(&query, t->arena, S("PageSize"), S(LIST_PAGE_SIZE_TEXT), &e);
    }
    if (ready && txn_nest(t, op, t->look.service, &query, t->look.deadline_mono_ms, &e))
        return txn_wait(t, 0);
    return !ready || e.code == ERR_MEMORY ? txn_refuse(t, REASON_OVERLOADED, "out of memory")
                                          : unreadable(t, slice_of(e.text));
}

static enum step_result ask_versions(struct txn *t)
{
    if (++t->look.page > txn_upstream(t)->list_max_pages)
        return unreadable(t, S("EAS lists more versions than list_max_pages"));
    return ask(t, S("ListServiceVersions"));
}

/* Ask for the next thing that is needed; NEXT when nothing is. */
static enum step_result go_on(struct txn *t)
{
    struct look *l = &t->look;

    for (;;) {
        l->at = (enum look_at)(l->at + 1);
        switch (l->at) {
        case LOOK_SERVICE:
            return ask(t, S("DescribeService"));
        case LOOK_SCALER:
            if (l->seen.scaler != SCALER_OFF)
                return ask(t, S("DescribeServiceAutoScaler"));
            break;
        case LOOK_CRON:
            if (l->seen.cron != SCALER_OFF)
                return ask(t, S("DescribeServiceCronScaler"));
            break;
        case LOOK_VERSION:
            if (l->version)
                return ask_versions(t);
            break;
        case LOOK_BEGIN:
        case LOOK_END:
            seen_finish(&l->seen);
            return STEP_NEXT;
        }
    }
}

enum step_result look_begin(struct txn *t, const struct look *plan)
{
    t->look = *plan;
    return go_on(t);
}

/* ---- reading ---- */

static bool is_no_scaler(int status, struct slice code)
{
    bool is_path = slice_starts(code, S("InvalidApi")) || slice_starts(code, S("InvalidProduct"));

    return status == 404 && !is_path;
}

/* EAS shows no scaler: fine, unless it says that one is on. */
static enum step_result take_none(struct txn *t, enum scaler_flag flag, bool *out_has)
{
    if (flag == SCALER_ON)
        return unreadable(t, t->look.at == LOOK_CRON
                                 ? S("EAS says that a cron scaler is on, and shows none")
                                 : S("EAS says that an autoscaler is on, and shows none"));
    *out_has = t->look.at == LOOK_SCALER && t->look.seen.state.scaler_max > 0; /* the configuration has one */
    return STEP_NEXT;
}

/* The version on this page: its configuration is what comes back. */
static enum step_result take_versions(struct txn *t, const struct json *page)
{
    struct look *l = &t->look;
    const struct json *versions = json_get(page, S("Versions")), *found = NULL;
    int64_t total = 0, number;
    struct err e = { 0 };

    if (json_type(versions) != JSON_ARRAY ||
        !json_integer(json_get(page, S("TotalCount")), 0, VERSION_COUNT_MAX, &total))
        return unreadable(t, S("the list of its versions has no readable Versions and TotalCount"));
    for (const struct json *v = json_first(versions); v; v = json_next(v), l->versions++) {
        if (!json_integer(json_get(v, S("ImageId")), 0, INT64_MAX, &number))
            return unreadable(t, S("a version in the list has no readable number"));
        if (number == l->version && found)
            return unreadable(t, S("the version is listed twice"));
        if (number == l->version)
            found = v;
    }
    if (!found && json_count(versions) > 0 && l->versions < (uint64_t)total)
        return ask_versions(t);
    if (!found)
        return txn_refuse(t, REASON_NOT_FOUND, "service %.*s has no version %lld", SLICE_FMT(l->service),
                          (long long)l->version);
    struct slice text = json_text(json_get(found, S("ServiceConfig")));
    struct facts *f = ARENA_NEW(t->arena, struct facts);
    if (!f)
        return txn_refuse(t, REASON_OVERLOADED, "out of memory");
    if (!facts_read_stored(text, true, t->arena, f, &e))
        return unreadable(t, slice_of(e.text));
    l->seen.state.version = f;
    return STEP_NEXT;
}

static enum step_result take_service(struct txn *t, const struct json *service)
{
    struct look *l = &t->look;
    struct err e = { 0 };

    if (!json_get(service, S("ServiceName")))
        return unreadable(t, S("the answer does not say which service it is about"));
    return service_state_of(service, l->want, t->arena, &l->seen, &e) ? STEP_NEXT
                                                                      : unreadable(t, slice_of(e.text));
}

static enum step_result take_tree(struct txn *t, const struct json *tree)
{
    struct look *l = &t->look;
    const struct json *name = json_get(tree, S("ServiceName"));
    struct err e = { 0 };

    if (name && !slice_eq(json_text(name), l->service))
        return unreadable(t, S("the answer is about another service"));
    switch (l->at) {
    case LOOK_SERVICE:
        return take_service(t, tree);
    case LOOK_SCALER:
        return seen_add_scaler(tree, &l->seen, &e) ? STEP_NEXT : unreadable(t, slice_of(e.text));
    case LOOK_CRON:
        return seen_add_cron(tree, &l->seen, &e) ? STEP_NEXT : unreadable(t, slice_of(e.text));
    case LOOK_VERSION:
        return take_versions(t, tree);
    case LOOK_BEGIN:
    case LOOK_END:
        break;
    }
    return txn_refuse(t, REASON_INTERNAL, "an answer came that nobody asked for");
}

/* Any status but 200. An error that cannot be read may be about our key. */
static enum step_result take_error(struct txn *t, int status, bool is_readable, struct slice code)
{
    struct look *l = &t->look;
    char text[80];

    snprintf(text, sizeof text, "EAS answered with status %d", status);
    if (!is_readable)
        return unreadable(t, slice_of(text));
    if (is_about_our_key(code))
        return txn_refuse(t, REASON_CREDENTIAL_REJECTED, NULL);
    if (l->at == LOOK_SERVICE && status == 404)
        return txn_refuse(t, REASON_SERVICE_NOT_FOUND, "no service \"%.*s\" is yours", SLICE_FMT(l->service));
    if (l->at == LOOK_SCALER && is_no_scaler(status, code))
        return take_none(t, l->seen.scaler, &l->seen.state.has_scaler);
    if (l->at == LOOK_CRON && is_no_scaler(status, code))
        return take_none(t, l->seen.cron, &l->seen.state.has_cron);
    return unreadable(t, slice_of(text));
}

enum step_result look_go_on(struct txn *t)
{
    const struct refusal *refusal = &t->nested.refusal;
    const struct http1_msg *answer = t->nested.answer;
    struct err e = { 0 };

    if (refusal->reason == REASON_STOPPING)
        return txn_refuse(t, REASON_STOPPING, NULL);
    if (refusal->reason ==
        REASON_AUDIT) /* nothing is wrong with the state: the look-up could not be recorded */
        return txn_refuse(t, REASON_AUDIT, "%.*s", SLICE_FMT(refusal->message));
    if (refusal->reason != REASON_NONE)
        return unreadable(t, refusal->message);
    struct json *tree = json_load(sbuf_slice(&answer->body), &json_limits_answer, &e);
    struct slice code = json_text(json_get(tree, S("Code")));
    if (!code.p)
        code = json_text(json_get(tree, S("code")));
    enum step_result result;
    if (answer->status != 200)
        result = take_error(t, answer->status, tree != NULL, code);
    else if (json_type(tree) != JSON_OBJECT)
        result = unreadable(t, tree ? S("the answer is no JSON object") : slice_of(e.text));
    else
        result = take_tree(t, tree);
    json_free(&tree);
    return result == STEP_NEXT ? go_on(t) : result;
}
