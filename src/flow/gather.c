/*
 * Reading a whole list, page by page, by nested requests: which member holds its items and what of the policy must own them
 * says op->list. What is kept of it is only what is owned; what has no readable name is nobody's. collect.c makes answers of it, reserve.c the truth about a team's replicas.
 */
#include "flow/gate_state.h"
#include "flow/life.h"

#define COUNT_MAX 1000000000

/* Move the items of a page that the policy owns to the end of t->gather.owned. */
static bool keep_owned(struct txn *t, struct json *items)
{
    const struct policy *owner = t->gather.policy ? t->gather.policy : t->in.pass.client->policy;

    const struct op_list *list = &t->gather.op->list;

    for (const struct json *s = json_first(items), *next; s; s = next) {
        next = json_next(s);
        if (!policy_owns(owner, list->bound, json_text(json_get(s, list->id))))
            continue;
        struct json *mine = json_take(items, s);
        bool kept = mine && json_append(t->gather.owned, &mine);
        json_free(&mine);
        if (!kept)
            return false;
    }
    return true;
}

/* Beside its items a list has numbers and texts about itself; what has members of its own could name anything. */
static void keep_plain(struct json *page)
{
    for (const struct json *m = json_first(page), *next; m; m = next) {
        next = json_next(m);
        if (json_type(m) != JSON_ARRAY && json_type(m) != JSON_OBJECT)
            continue;
        struct json *other = json_take(page, m);
        json_free(&other);
    }
}

static enum step_result too_many(struct txn *t, size_t seen)
{
    return txn_refuse(t, REASON_UPSTREAM_ANSWER,
                      "page %llu of the list of EAS has %zu %.*s; " LIST_PAGE_SIZE_TEXT " were asked for",
                      (unsigned long long)t->gather.page, seen, SLICE_FMT(t->gather.op->list.items));
}

/* Take a page in; AGAIN when there are more. The first page's tree, without its items, is what the answer is made of. */
enum step_result gather_take(struct txn *t, const struct http1_msg *answer)
{
    struct json *page = json_load(sbuf_slice(&answer->body), &json_limits_answer, NULL);
    if (answer->status != 200) {
        bool ours = is_about_our_key(json_text(json_get(page, S("Code"))));
        json_free(&page);
        return txn_refuse(t, ours ? REASON_CREDENTIAL_REJECTED : REASON_UPSTREAM_ANSWER,
                          "page %llu of the list could not be read: EAS answered with status %d%s",
                          (unsigned long long)t->gather.page, answer->status,
                          ours ? " and did not accept easgate's credential" : "");
    }
    const struct op_list *list = &t->gather.op->list;
    const struct json *found = json_get(page, list->items);
    struct json *items = found ? json_take(page, found) : NULL;
    size_t seen = json_count(items);
    int64_t total = (int64_t)seen; /* without a count it has one page */
    enum step_result result = STEP_NEXT;

    if (json_type(items) != JSON_ARRAY ||
        (list->total.n && !json_integer(json_get(page, list->total), 0, COUNT_MAX, &total)))
        result = txn_refuse(t, REASON_UPSTREAM_ANSWER, "the list of EAS has no readable %.*s%s%.*s",
                            SLICE_FMT(list->items), list->total.n ? " and " : "", SLICE_FMT(list->total));
    else if (list->total.n && seen > LIST_PAGE_SIZE) /* all pages together would be more than is bounded */
        result = too_many(t, seen);
    if (result == STEP_NEXT && !t->gather.owned)
        t->gather.owned = json_new_array();
    if (result == STEP_NEXT && (!t->gather.owned || !keep_owned(t, items)))
        result = txn_refuse(t, REASON_OVERLOADED, "out of memory");
    if (!t->gather.first) {
        keep_plain(page);
        t->gather.first = page;
        page = NULL;
    }
    json_free(&items);
    json_free(&page);
    if (t->gather.seen == 0)
        t->gather.total = total;
    t->gather.seen += seen;
    bool is_more = result == STEP_NEXT && seen > 0 && t->gather.seen < (size_t)total;
    if (t->gather.total != total || (!is_more && t->gather.seen != (size_t)total))
        t->gather.moved = true;
    return is_more ? STEP_AGAIN : result;
}

enum step_result gather_ask(struct txn *t, const struct query *filters)
{
    const struct op *op = t->gather.op = filters ? t->in.is.match.op : opcat_by_name(S("ListServices"));
    struct query query;
    struct err e = { 0 };
    char number[24];

    if (!t->gather.deadline_mono_ms)
        t->gather.deadline_mono_ms = txn_now(t) + (int64_t)txn_upstream(t)->timeout_ms;
    if (++t->gather.page > txn_upstream(t)->list_max_pages)
        return txn_refuse(t, REASON_LIST_TOO_LONG,
                          "EAS lists more than %llu pages of " LIST_PAGE_SIZE_TEXT " things",
                          (unsigned long long)txn_upstream(t)->list_max_pages);
    snprintf(number, sizeof number, "%llu", (unsigned long long)t->gather.page);
    bool ready = query_init(op, t->arena, &query);
    for (size_t i = 0; ready && filters && i < filters->count; i++)
        ready = query_set(&query, t->arena, filters->items[i].field->name, filters->items[i].value, &e);
    ready = ready && query_set(&query, t->arena, S("PageNumber"), slice_of(number), &e) &&
            query_set(&query, t->arena, S("PageSize"), S(LIST_PAGE_SIZE_TEXT), &e) &&
            (filters || query_set(&query, t->arena, S("IncludeNoWorkspace"), S("true"), &e));
    if (!ready || !txn_nest(t, op, SLICE_NONE, &query, t->gather.deadline_mono_ms, &e))
        return txn_refuse(t, REASON_OVERLOADED, "out of memory");
    return txn_wait(t, 0);
}

enum step_result gather_read(struct txn *t)
{
    const struct http1_msg *answer = t->nested.answer;

    if (t->nested.refusal.reason != REASON_NONE)
        return txn_refuse(t, t->nested.refusal.reason, "page %llu of the list could not be read: %.*s",
                          (unsigned long long)t->gather.page, SLICE_FMT(t->nested.refusal.message));
    return gather_take(t, answer);
}

void gather_drop(struct txn *t)
{
    json_free(&t->gather.first);
    json_free(&t->gather.owned);
    t->gather.seen = t->gather.page = 0;
    t->gather.deadline_mono_ms = 0;
    t->gather.policy = NULL;
    t->gather.moved = false;
}
