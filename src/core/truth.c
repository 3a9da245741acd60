/* What EAS listed of a team, and its sum: see truth.h. */
#include "core/truth.h"
#include "base/list.h"
#include "base/map.h"
#include "base/must.h"

struct listed {
    struct list in_reading;
    struct amounts has;
    size_t name_n;
    char name[];
};

struct reading {
    struct list services; /* struct listed, each name once */
    struct map *by_name;  /* NULL before it begins */
    size_t count;
    int64_t began_mono_ms;
    uint64_t began_tick;
};

struct truth {
    struct reading known, next;
    uint64_t doubted_tick; /* 0: never */
};

static struct slice name_of(const struct listed *l)
{
    return slice_from(l->name, l->name_n);
}

/* ---- readings ---- */

static void forget(struct reading *r)
{
    while (r->by_name && !list_is_empty(&r->services)) {
        struct listed *l = LIST_OWNER(r->services.next, struct listed, in_reading);
        list_remove(&l->in_reading);
        free(l);
    }
    map_free(&r->by_name);
    r->count = 0;
}

struct truth *truth_new(void)
{
    struct truth *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    list_init(&t->known.services);
    list_init(&t->next.services);
    return t;
}

void truth_free(struct truth **t)
{
    if (!*t)
        return;
    truth_reset(*t);
    free(*t);
    *t = NULL;
}

void truth_read_begin(struct truth *t, uint64_t tick, int64_t now_mono_ms)
{
    forget(&t->next);
    t->next.began_tick = tick;
    t->next.began_mono_ms = now_mono_ms;
    t->next.by_name = map_new(); /* without memory the first service says so */
}

static struct listed *find(const struct reading *r, struct slice name)
{
    return r->by_name ? map_get(r->by_name, name) : NULL;
}

bool truth_read_service(struct truth *t, struct slice service, struct amounts has)
{
    struct listed *l = find(&t->next, service);

    if (l) {
        l->has = amounts_max(l->has, has);
        return true;
    }
    l = t->next.by_name ? malloc(sizeof *l + service.n) : NULL;
    if (!l)
        return false;
    *l = (struct listed){ .has = has, .name_n = service.n };
    list_init(&l->in_reading);
    if (service.n)
        memcpy(l->name, service.p, service.n);
    if (!map_put(t->next.by_name, service, l)) {
        free(l);
        return false;
    }
    list_add_last(&t->next.services, &l->in_reading);
    t->next.count++;
    return true;
}

static struct amounts listed_of(const struct reading *r, struct slice service)
{
    const struct listed *l = find(r, service);

    return l ? l->has : (struct amounts){ 0, 0 };
}

size_t truth_reading_count(const struct truth *t)
{
    return t->next.count;
}

bool truth_reading_misses(const struct truth *t, const struct budget *b, const struct owner *owner)
{
    struct slice name;

    for (struct list *at = t->known.services.next; at != &t->known.services; at = at->next) {
        name = name_of(LIST_OWNER(at, struct listed, in_reading));
        if (!find(&t->next, name) && !budget_has(b, name))
            return true;
    }
    for (void *at = NULL; budget_next(b, &at, &name);)
        if (budget_reserved(b, name).replicas > 0 && !find(&t->next, name) && owner->owns(owner->ctx, name))
            return true;
    return false;
}

/* The services of `of` that have other amounts in the new reading than in the one before, but for those that `but` has, too. */
static void tell_changes(const struct truth *t, const struct budget *b, const struct reading *of,
                         const struct reading *but, truth_changed_fn *changed, void *ctx)
{
    for (struct list *at = of->services.next; at != &of->services; at = at->next) {
        struct slice name = name_of(LIST_OWNER(at, struct listed, in_reading));
        struct amounts before = listed_of(&t->known, name), now = listed_of(&t->next, name);
        bool is_other = !amounts_eq(before, now) && !(but && find(but, name));
        if (is_other && !budget_has(b, name))
            changed(ctx, name, before, now);
    }
}

/* An empty reading has no map where memory was short: it must not pass for a team without services. */
bool truth_read_done(struct truth *t, struct budget *b, const struct owner *owner, truth_changed_fn *changed,
                     void *ctx)
{
    if (!t->next.by_name)
        return false;
    if (t->known.by_name && changed) {
        tell_changes(t, b, &t->next, NULL, changed, ctx);
        tell_changes(t, b, &t->known, &t->next, changed, ctx);
    }
    forget(&t->known);
    t->known = t->next;
    list_init(&t->known.services);
    while (!list_is_empty(&t->next.services)) {
        struct list *node = t->next.services.next;
        list_remove(node);
        list_add_last(&t->known.services, node);
    }
    t->next.by_name = NULL;
    t->next.count = 0;
    budget_forget(b, owner, t->known.began_tick, t->known.began_mono_ms);
    return true;
}

void truth_read_abandon(struct truth *t)
{
    forget(&t->next);
}

bool truth_is_fresh(const struct truth *t, int64_t now_mono_ms, int64_t max_age_ms)
{
    int64_t began = truth_began_at(t);

    return truth_began_tick(t) > t->doubted_tick && now_mono_ms - began <= max_age_ms;
}

int64_t truth_began_at(const struct truth *t)
{
    return t->known.by_name ? t->known.began_mono_ms : INT64_MIN;
}

uint64_t truth_began_tick(const struct truth *t)
{
    return t->known.by_name ? t->known.began_tick : 0;
}

void truth_doubt(struct truth *t, uint64_t tick)
{
    t->doubted_tick = tick;
}

void truth_reset(struct truth *t)
{
    forget(&t->known);
    forget(&t->next);
}

/* ---- sums ---- */

struct amounts truth_listed(const struct truth *t)
{
    struct amounts sum = { 0, 0 };

    for (struct list *at = t->known.services.next; at != &t->known.services; at = at->next)
        sum = amounts_add(sum, LIST_OWNER(at, struct listed, in_reading)->has);
    return sum;
}

size_t truth_services(const struct truth *t)
{
    return t->known.count;
}

struct amounts truth_of_service(const struct truth *t, const struct budget *b, struct slice service)
{
    return amounts_max(listed_of(&t->known, service), budget_reserved(b, service));
}

struct amounts truth_sum_without(const struct truth *t, const struct budget *b, const struct owner *owner,
                                 struct slice service)
{
    struct amounts sum = { 0, 0 };
    struct slice name;

    for (struct list *at = t->known.services.next; at != &t->known.services; at = at->next) {
        name = name_of(LIST_OWNER(at, struct listed, in_reading));
        if (!slice_eq(name, service))
            sum = amounts_add(sum, truth_of_service(t, b, name));
    }
    for (void *at = NULL; budget_next(b, &at, &name);)
        if (!slice_eq(name, service) && !find(&t->known, name) && owner->owns(owner->ctx, name))
            sum = amounts_add(sum, budget_reserved(b, name));
    return sum;
}
