/* The book of a policy's replicas: see budget.h. */
#include "core/budget.h"
#include "base/list.h"
#include "base/map.h"
#include "base/must.h"

struct reservation {
    struct list in_book;
    int64_t replicas;
    int64_t ended_mono_ms; /* ENDED_NOT while its call is under way */
    bool is_unknown;
    size_t name_n;
    char name[];
};
#define ENDED_NOT INT64_MAX

struct listed { /* a service of a reading */
    struct list in_reading;
    int64_t replicas;
    size_t name_n;
    char name[];
};

struct budget {
    struct list truth, reading; /* struct listed */
    struct map *known;          /* of truth, by name */
    int64_t truth_began_mono_ms, reading_began_mono_ms;
    bool has_truth, is_reading, is_doubted;
    struct list reservations;
};

static struct slice reserved_name(const struct reservation *r)
{
    return slice_from(r->name, r->name_n);
}

static void forget(struct list *services)
{
    while (!list_is_empty(services)) {
        struct listed *l = LIST_OWNER(services->next, struct listed, in_reading);
        list_remove(&l->in_reading);
        free(l);
    }
}

static void drop(struct reservation *r)
{
    list_remove(&r->in_book);
    free(r);
}

struct budget *budget_new(void)
{
    struct budget *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    list_init(&b->truth);
    list_init(&b->reading);
    list_init(&b->reservations);
    b->known = map_new();
    if (!b->known) {
        free(b);
        return NULL;
    }
    return b;
}

void budget_free(struct budget **b)
{
    if (!*b)
        return;
    while (!list_is_empty(&(*b)->reservations)) {
        struct reservation *r = LIST_OWNER((*b)->reservations.next, struct reservation, in_book);
        MUST(r->ended_mono_ms != ENDED_NOT);
        drop(r);
    }
    forget(&(*b)->truth);
    forget(&(*b)->reading);
    map_free(&(*b)->known);
    free(*b);
    *b = NULL;
}

/* ---- the truth ---- */

void budget_read_begin(struct budget *b, int64_t now_mono_ms)
{
    MUST(!b->is_reading);
    b->is_reading = true;
    b->reading_began_mono_ms = now_mono_ms;
}

bool budget_read_service(struct budget *b, struct slice service, int64_t replicas)
{
    struct listed *l = malloc(sizeof *l + service.n);

    MUST(b->is_reading);
    if (!l)
        return false;
    *l = (struct listed){ .replicas = replicas, .name_n = service.n };
    memcpy(l->name, service.p, service.n);
    list_add_last(&b->reading, &l->in_reading);
    return true;
}

/* A map of the reading; the same service on two pages counts by its larger count. NULL without memory. */
static struct map *index_reading(struct budget *b)
{
    struct map *m = map_new();

    for (struct list *at = b->reading.next; m && at != &b->reading; at = at->next) {
        struct listed *l = LIST_OWNER(at, struct listed, in_reading);
        struct listed *twin = map_get(m, slice_from(l->name, l->name_n));
        if (twin && twin->replicas >= l->replicas)
            continue;
        if (!map_put(m, slice_from(l->name, l->name_n), l))
            map_free(&m);
    }
    return m;
}

/* What the truth shows for certain needs no reservation any more. */
static void drop_shown(struct budget *b, int64_t grace_ms)
{
    for (struct list *at = b->reservations.next, *next; at != &b->reservations; at = next) {
        struct reservation *r = LIST_OWNER(at, struct reservation, in_book);
        next = at->next;
        if (r->ended_mono_ms != ENDED_NOT &&
            r->ended_mono_ms + (r->is_unknown ? grace_ms : 0) < b->truth_began_mono_ms)
            drop(r);
    }
}

bool budget_read_done(struct budget *b, int64_t grace_ms)
{
    struct map *known = index_reading(b);

    if (!known) {
        budget_read_abandon(b);
        return false;
    }
    MUST(b->is_reading);
    b->is_reading = false;
    forget(&b->truth);
    while (!list_is_empty(&b->reading)) {
        struct list *node = b->reading.next;
        list_remove(node);
        list_add_last(&b->truth, node);
    }
    map_free(&b->known);
    b->known = known;
    b->truth_began_mono_ms = b->reading_began_mono_ms;
    b->has_truth = true;
    b->is_doubted = false;
    drop_shown(b, grace_ms);
    return true;
}

void budget_read_abandon(struct budget *b)
{
    b->is_reading = false;
    forget(&b->reading);
}

bool budget_is_fresh(const struct budget *b, int64_t now_mono_ms, int64_t max_age_ms)
{
    return b->has_truth && !b->is_doubted && now_mono_ms - b->truth_began_mono_ms <= max_age_ms;
}

int64_t budget_read_at(const struct budget *b)
{
    return b->has_truth ? b->truth_began_mono_ms : INT64_MIN;
}

void budget_doubt(struct budget *b)
{
    b->is_doubted = true;
}

/* ---- reservations ---- */

static int64_t listed_replicas(const struct budget *b, struct slice service)
{
    const struct listed *l = map_get(b->known, service);

    return l ? l->replicas : 0;
}

int64_t budget_of_service(const struct budget *b, struct slice service)
{
    int64_t most = listed_replicas(b, service);

    for (struct list *at = b->reservations.next; at != &b->reservations; at = at->next) {
        const struct reservation *r = LIST_OWNER(at, struct reservation, in_book);
        if (r->replicas > most && slice_eq(reserved_name(r), service))
            most = r->replicas;
    }
    return most;
}

/* Is this the first reservation of its service? The sum visits each service once. */
static bool is_first_of_service(const struct budget *b, const struct reservation *r)
{
    for (struct list *at = b->reservations.next; at != &r->in_book; at = at->next)
        if (slice_eq(reserved_name(LIST_OWNER(at, struct reservation, in_book)), reserved_name(r)))
            return false;
    return true;
}

int64_t budget_sum_without(const struct budget *b, struct slice service)
{
    struct slice name;
    void *value;
    int64_t sum = 0;

    for (size_t at = 0; map_next(b->known, &at, &name, &value);)
        if (!slice_eq(name, service))
            sum += budget_of_service(b, name);
    for (struct list *at = b->reservations.next; at != &b->reservations; at = at->next) {
        const struct reservation *r = LIST_OWNER(at, struct reservation, in_book);
        if (!slice_eq(reserved_name(r), service) && !map_get(b->known, reserved_name(r)) &&
            is_first_of_service(b, r))
            sum += budget_of_service(b, reserved_name(r));
    }
    return sum;
}

struct reservation *budget_reserve(struct budget *b, struct slice service, int64_t replicas)
{
    struct reservation *r = malloc(sizeof *r + service.n);

    if (!r)
        return NULL;
    *r = (struct reservation){ .replicas = replicas, .ended_mono_ms = ENDED_NOT, .name_n = service.n };
    memcpy(r->name, service.p, service.n);
    list_add_last(&b->reservations, &r->in_book);
    return r;
}

enum budget_end budget_end_of_status(int64_t status)
{
    if (status >= 200 && status < 300)
        return BUDGET_DONE;
    return status >= 400 && status < 500 && status != 408 ? BUDGET_NOTHING : BUDGET_UNKNOWN;
}

void budget_settle(struct reservation **pr, enum budget_end end, int64_t now_mono_ms)
{
    struct reservation *r = *pr;

    *pr = NULL;
    if (end == BUDGET_NOTHING) {
        drop(r);
        return;
    }
    r->ended_mono_ms = now_mono_ms;
    r->is_unknown = end == BUDGET_UNKNOWN;
}
