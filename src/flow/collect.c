/*
 * The answer of a list, put together: a team sees only the services that its policy owns, with the right TotalCount over
 * all pages. Page 1 is the request's own exchange; the others are nested requests. Then the caller's page is cut from what
 * is owned. Must never let an unowned service through: what has no readable name is left out.
 */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/num.h"

#define COUNT_MAX 1000000000

/* Move the services of `page` that the policy owns to the end of t->log.owned. */
static bool keep_owned(struct txn *t, struct json *services)
{
    for (const struct json *s = json_first(services), *next; s; s = next) {
        next = json_next(s);
        if (!policy_owns(t->in.pass.client->policy, json_text(json_get(s, S("ServiceName")))))
            continue;
        struct json *mine = json_take(services, s);
        bool kept = mine && json_append(t->log.owned, &mine);
        json_free(&mine);
        if (!kept)
            return false;
    }
    return true;
}

/* Take a page in; AGAIN when there are more. The first page's tree, without its services, is what the answer is made of. */
static enum step_result take_page(struct txn *t, const struct http1_msg *answer)
{
    struct json *page = json_load(sbuf_slice(&answer->body), &json_limits_answer, NULL);
    const struct json *list = json_get(page, S("Services"));
    struct json *services = list ? json_take(page, list) : NULL;
    size_t seen = json_count(services);
    int64_t total = 0;
    enum step_result result = STEP_NEXT;

    if (json_type(services) != JSON_ARRAY || !json_integer(json_get(page, S("TotalCount")), 0, COUNT_MAX, &total))
        result = txn_refuse(t, REASON_UPSTREAM_ANSWER, "the list of EAS has no readable Services and TotalCount");
    if (result == STEP_NEXT && !t->log.owned)
        t->log.owned = json_new_array();
    if (result == STEP_NEXT && (!t->log.owned || !keep_owned(t, services)))
        result = txn_refuse(t, REASON_OVERLOADED, "out of memory");
    if (!t->log.list) {
        t->log.list = page;
        page = NULL;
    }
    json_free(&services);
    json_free(&page);
    t->log.list_seen += seen;
    return result == STEP_NEXT && seen > 0 && t->log.list_seen < (size_t)total ? STEP_AGAIN : result;
}

static enum step_result ask_next_page(struct txn *t)
{
    const struct op *op = t->in.is.match.op;
    struct query query;
    struct err e = { 0 };
    char number[24];

    if (++t->log.list_page > t->out.upstream->list_max_pages)
        return txn_refuse(t, REASON_LIST_TOO_LONG, "EAS lists more than %llu pages of " LIST_PAGE_SIZE_TEXT " services",
                          (unsigned long long)t->out.upstream->list_max_pages);
    snprintf(number, sizeof number, "%llu", (unsigned long long)t->log.list_page);
    bool ready = query_init(op, t->arena, &query);
    for (size_t i = 0; ready && i < t->in.is.query.count; i++)
        ready = query_set(&query, t->arena, t->in.is.query.items[i].field->name, t->in.is.query.items[i].value, &e);
    ready = ready && query_set(&query, t->arena, S("PageNumber"), slice_of(number), &e);
    if (!ready || !txn_nest(t, op, SLICE_NONE, &query))
        return txn_refuse(t, REASON_OVERLOADED, "out of memory");
    return txn_wait(t, 0);
}

/* The caller's own PageNumber and PageSize, as they came. */
static uint64_t asked_number(struct txn *t, struct slice name, uint64_t otherwise)
{
    struct slice target = t->in.message->target;
    struct query query;
    uint64_t n = otherwise;

    if (query_parse(t->in.is.match.op, slice_skip(target, slice_find(target, '?') + 1), t->arena, &query, NULL))
        num_u64(query_get(&query, name), 1, COUNT_MAX, &n);
    return n;
}

/* Cut the caller's page out of all that is owned, and say how much there is. */
static enum step_result cut_page(struct txn *t)
{
    uint64_t size = asked_number(t, S("PageSize"), 100), number = asked_number(t, S("PageNumber"), 1);
    uint64_t first = 0, at = 0;
    size_t total = json_count(t->log.owned);
    struct json *page = json_new_array();
    bool fine = page && num_mul(number - 1, size, &first);

    for (const struct json *s = json_first(t->log.owned), *next; fine && s; s = next, at++) {
        next = json_next(s);
        if (at < first || at - first >= size)
            continue;
        struct json *mine = json_take(t->log.owned, s);
        fine = mine && json_append(page, &mine);
        json_free(&mine);
    }
    fine = fine && json_set(t->log.list, S("Services"), &page) &&
           json_set_integer(t->log.list, S("TotalCount"), (int64_t)total) &&
           json_set_integer(t->log.list, S("PageNumber"), (int64_t)number) &&
           json_set_integer(t->log.list, S("PageSize"), (int64_t)size);
    json_free(&page);
    if (fine)
        json_print(t->log.list, &t->log.body);
    return fine && sbuf_ok(&t->log.body) ? STEP_NEXT : txn_refuse(t, REASON_OVERLOADED, "out of memory");
}

static enum step_result read_page(struct txn *t)
{
    const struct http1_msg *answer = t->wait.event == TXN_LOOKED_UP ? t->nested.answer : t->log.answer;

    if (t->wait.event == TXN_LOOKED_UP && t->nested.refusal.reason != REASON_NONE)
        return txn_refuse(t, t->nested.refusal.reason, "page %llu of the list could not be read: %.*s",
                          (unsigned long long)t->log.list_page, SLICE_FMT(t->nested.refusal.message));
    if (answer->status != 200)
        return txn_refuse(t, REASON_UPSTREAM_ANSWER, "page %llu of the list could not be read: EAS answered with status %d",
                          (unsigned long long)t->log.list_page, answer->status);
    return take_page(t, answer);
}

enum step_result step_collect(struct txn *t)
{
    if (!t->in.is.facts.is_service_list || t->parent)
        return STEP_NEXT;
    if (t->wait.event == TXN_EVENT_NONE && t->log.answer->status >= 400)
        return STEP_NEXT; /* EAS's own refusal passes; with any other status it could be a list that nobody cut */
    enum step_result result = read_page(t);
    if (result == STEP_AGAIN)
        return ask_next_page(t);
    return result == STEP_NEXT ? cut_page(t) : result;
}
