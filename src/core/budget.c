/* The book of reservations: see budget.h. */
#include "core/budget.h"
#include "base/list.h"
#include "base/map.h"
#include "base/must.h"

#define ENDED_NOT UINT64_MAX

struct account { /* a service's reservations; it goes with the last one */
    struct budget *budget;
    struct list in_budget;
    struct list reservations;
    size_t name_n;
    char name[];
};

struct reservation {
    struct account *account;
    struct list in_account;
    struct amounts most;
    uint64_t ended_tick; /* ENDED_NOT while its call is under way */
    int64_t certain_mono_ms;
    bool is_unknown;
};

struct budget {
    struct list accounts;
    struct map *by_service;
    uint64_t ticks;
};

/* ---- amounts ---- */

static int64_t add(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

struct amounts amounts_add(struct amounts a, struct amounts b)
{
    return (struct amounts){ add(a.replicas, b.replicas), add(a.gpus, b.gpus) };
}

struct amounts amounts_max(struct amounts a, struct amounts b)
{
    return (struct amounts){ a.replicas > b.replicas ? a.replicas : b.replicas,
                             a.gpus > b.gpus ? a.gpus : b.gpus };
}

bool amounts_eq(struct amounts a, struct amounts b)
{
    return a.replicas == b.replicas && a.gpus == b.gpus;
}

struct amounts amounts_of(int64_t replicas, int64_t gpus_each)
{
    MUST(replicas >= 0 && gpus_each >= 0);
    bool is_too_much = gpus_each > 0 && replicas > INT64_MAX / gpus_each;

    return (struct amounts){ replicas, is_too_much ? INT64_MAX : replicas * gpus_each };
}

/* ---- the book ---- */

struct budget *budget_new(void)
{
    struct budget *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    list_init(&b->accounts);
    b->by_service = map_new();
    if (!b->by_service) {
        free(b);
        b = NULL;
    }
    return b;
}

void budget_free(struct budget **b)
{
    if (!*b)
        return;
    budget_forget(*b, NULL, ENDED_NOT, INT64_MAX);
    MUST(list_is_empty(&(*b)->accounts));
    map_free(&(*b)->by_service);
    free(*b);
    *b = NULL;
}

static struct slice name_of(const struct account *a)
{
    return slice_from(a->name, a->name_n);
}

static struct account *account_of(struct budget *b, struct slice service)
{
    struct account *a = map_get(b->by_service, service);

    if (a)
        return a;
    a = map_count(b->by_service) < BUDGET_SERVICES_MAX ? malloc(sizeof *a + service.n) : NULL;
    if (!a)
        return NULL;
    *a = (struct account){ .budget = b, .name_n = service.n };
    list_init(&a->in_budget);
    list_init(&a->reservations);
    if (service.n)
        memcpy(a->name, service.p, service.n);
    if (!map_put(b->by_service, service, a)) {
        free(a);
        return NULL;
    }
    list_add_last(&b->accounts, &a->in_budget);
    return a;
}

static void close_if_empty(struct account *a)
{
    if (!list_is_empty(&a->reservations))
        return;
    map_remove(a->budget->by_service, name_of(a));
    list_remove(&a->in_budget);
    free(a);
}

static void drop(struct reservation *r)
{
    list_remove(&r->in_account);
    free(r);
}

struct reservation *budget_reserve(struct budget *b, struct slice service, struct amounts most)
{
    struct reservation *r = malloc(sizeof *r);
    struct account *a = r ? account_of(b, service) : NULL;

    if (!a) {
        free(r);
        return NULL;
    }
    *r = (struct reservation){ .account = a, .most = most, .ended_tick = ENDED_NOT };
    list_add_last(&a->reservations, &r->in_account);
    return r;
}

uint64_t budget_tick(struct budget *b)
{
    return ++b->ticks;
}

enum budget_end budget_end_of_status(int64_t status)
{
    if (status >= 200 && status < 300)
        return BUDGET_DONE;
    return status >= 400 && status < 500 && status != 408 ? BUDGET_NOTHING : BUDGET_UNKNOWN;
}

void budget_settle(struct reservation **pr, enum budget_end end, int64_t certain_mono_ms)
{
    struct reservation *r = *pr;
    struct account *a = r->account;

    *pr = NULL;
    if (end == BUDGET_NOTHING) {
        drop(r);
        close_if_empty(a);
        return;
    }
    r->ended_tick = budget_tick(a->budget);
    r->certain_mono_ms = certain_mono_ms;
    r->is_unknown = end == BUDGET_UNKNOWN;
}

struct amounts budget_reserved(const struct budget *b, struct slice service)
{
    const struct account *a = map_get(b->by_service, service);
    struct amounts most = { 0, 0 };

    if (!a)
        return most;
    for (struct list *at = a->reservations.next; at != &a->reservations; at = at->next)
        most = amounts_max(most, LIST_OWNER(at, struct reservation, in_account)->most);
    return most;
}

bool budget_has(const struct budget *b, struct slice service)
{
    return map_get(b->by_service, service) != NULL;
}

bool budget_next(const struct budget *b, void **at, struct slice *out_service)
{
    struct list *node = *at ? ((struct list *)*at)->next : b->accounts.next;

    if (node == &b->accounts)
        return false;
    *at = node;
    *out_service = name_of(LIST_OWNER(node, struct account, in_budget));
    return true;
}

static bool is_over(const struct reservation *r, uint64_t before_tick, int64_t before_mono_ms)
{
    if (r->ended_tick == ENDED_NOT)
        return false;
    return before_tick && !r->is_unknown ? r->ended_tick < before_tick : r->certain_mono_ms < before_mono_ms;
}

void budget_forget(struct budget *b, const struct owner *owner, uint64_t before_tick, int64_t before_mono_ms)
{
    for (struct list *at = b->accounts.next, *after; at != &b->accounts; at = after) {
        struct account *a = LIST_OWNER(at, struct account, in_budget);
        after = at->next;
        if (owner && !owner->owns(owner->ctx, name_of(a)))
            continue;
        for (struct list *node = a->reservations.next, *next; node != &a->reservations; node = next) {
            struct reservation *r = LIST_OWNER(node, struct reservation, in_account);
            next = node->next;
            if (is_over(r, before_tick, before_mono_ms))
                drop(r);
        }
        close_if_empty(a);
    }
}
