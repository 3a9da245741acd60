/*
 * The answer of a list, put together: a team sees only what its policy owns, with the right count over all pages. Page 1 is the request's own exchange; the others are nested requests (gather.c). Then the caller's page is cut
 * from what is owned.
 */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/num.h"

#define COUNT_MAX 1000000000

/* The caller's own PageNumber and PageSize, as they came. */
static uint64_t asked_number(struct txn *t, struct slice name, uint64_t otherwise)
{
    struct slice target = t->in.message->target;
    struct query query;
    uint64_t n = otherwise;

    if (query_parse(t->in.is.match.op, slice_skip(target, slice_find(target, '?') + 1), t->arena, &query,
                    NULL))
        num_u64(query_get(&query, name), 1, COUNT_MAX, &n);
    return n;
}

/* How much there is, and which page this is; a list without a count has no pages. */
static bool say_counts(struct txn *t, size_t total, uint64_t number, uint64_t size)
{
    struct slice name = t->gather.op->list.total;

    return name.n == 0 || (json_set_integer(t->gather.first, name, (int64_t)total) &&
                           json_set_integer(t->gather.first, S("PageNumber"), (int64_t)number) &&
                           json_set_integer(t->gather.first, S("PageSize"), (int64_t)size));
}

/* Cut the caller's page out of all that is owned. */
static enum step_result cut_page(struct txn *t)
{
    bool has_pages = t->gather.op->list.total.n > 0;
    uint64_t size = asked_number(t, S("PageSize"), has_pages ? 100 : COUNT_MAX),
             number = asked_number(t, S("PageNumber"), 1);
    uint64_t first = 0, at = 0;
    size_t total = json_count(t->gather.owned);
    struct json *page = json_new_array();
    bool fine = page && num_mul(number - 1, size, &first);

    for (const struct json *s = json_first(t->gather.owned), *next; fine && s; s = next, at++) {
        next = json_next(s);
        if (at < first || at - first >= size)
            continue;
        struct json *mine = json_take(t->gather.owned, s);
        fine = mine && json_append(page, &mine);
        json_free(&mine);
    }
    fine = fine && json_set(t->gather.first, t->gather.op->list.items, &page) &&
           say_counts(t, total, number, size);
    json_free(&page);
    if (fine)
        json_print(t->gather.first, &t->log.body);
    return fine && sbuf_ok(&t->log.body) ? STEP_NEXT : txn_refuse(t, REASON_OVERLOADED, "out of memory");
}

enum step_result step_collect(struct txn *t)
{
    bool is_first = t->wait.event == TXN_EVENT_NONE;

    if (!txn_is_list(t) || t->parent)
        return STEP_NEXT;
    if (is_first && t->log.answer->status >= 400)
        return STEP_NEXT; /* EAS's own refusal passes; with any other status it could be a list that nobody cut */
    enum step_result result = is_first ? gather_take(t, t->log.answer) : gather_read(t);
    if (result == STEP_AGAIN)
        return gather_ask(t, &t->in.is.query);
    return result == STEP_NEXT ? cut_page(t) : result;
}
