/*
 * What decisions used: see learnt.h. Every judged value goes to the key that bounds it; counts of instances are learnt as the
 * peak that the state after the call came to, since that is what a cap bounds.
 */
#include "app/learnt.h"
#include "base/list.h"
#include "base/map.h"
#include "core/after_text.h"
#include "core/policy.h"

struct seen { /* a value of one key */
    struct list node;
    uint64_t count;
    size_t n;
    char text[];
};

struct key {
    struct map *by_text; /* -> struct seen */
    struct list values;  /* in order of first use */
    int64_t most;        /* of numbers; -1 = none */
    uint64_t count;      /* how often it was looked at */
};

struct policy_seen {
    struct key keys[BOUND_COUNT_];
    uint64_t decisions;
};

struct learnt {
    const struct snapshot *snap;
    struct policy_seen *policies; /* beside snap->policies */
    struct arena *arena;          /* of one decision */
};

struct learnt *learnt_new(const struct snapshot *snap)
{
    struct learnt *l = calloc(1, sizeof *l);

    if (!l)
        return NULL;
    l->snap = snap;
    l->policies = calloc(snap->policy_count, sizeof *l->policies);
    if (!l->policies) {
        learnt_free(&l);
        return NULL;
    }
    for (size_t i = 0; i < snap->policy_count; i++)
        for (int b = 0; b < BOUND_COUNT_; b++) {
            list_init(&l->policies[i].keys[b].values);
            l->policies[i].keys[b].most = -1;
        }
    return l;
}

static void free_key(struct key *key)
{
    while (!list_is_empty(&key->values)) {
        struct seen *s = LIST_OWNER(key->values.next, struct seen, node);
        list_remove(&s->node);
        free(s);
    }
    map_free(&key->by_text);
}

void learnt_free(struct learnt **l)
{
    if (!*l)
        return;
    for (size_t i = 0; (*l)->policies && i < (*l)->snap->policy_count; i++)
        for (int b = 0; b < BOUND_COUNT_; b++)
            free_key(&(*l)->policies[i].keys[b]);
    free((*l)->policies);
    free(*l);
    *l = NULL;
}

static bool see(struct key *key, struct slice text)
{
    if (!key->by_text)
        key->by_text = map_new();
    struct seen *s = key->by_text ? map_get(key->by_text, text) : NULL;
    if (!s) {
        s = key->by_text ? malloc(sizeof *s + text.n) : NULL;
        if (!s)
            return false;
        *s = (struct seen){ .n = text.n };
        memcpy(s->text, text.p, text.n);
        if (!map_put(key->by_text, text, s)) {
            free(s);
            return false;
        }
        list_add_last(&key->values, &s->node);
    }
    s->count++;
    return true;
}

static bool see_fact(struct policy_seen *p, const struct fact *fact)
{
    enum bound b =
        fact->meaning == OP_LABELS || fact->meaning == OP_LABEL_KEYS ? BOUND_label_keys : fact->bound;
    struct key *key = &p->keys[b];

    if (b == BOUND_NONE)
        return true;
    key->count++;
    if (!fact->is_number)
        return see(key, fact->text);
    if (fact->number > key->most)
        key->most = fact->number;
    return true;
}

static bool see_after(struct policy_seen *p, const struct facts *facts, const struct service_state *state)
{
    struct after after;
    struct err e = { 0 };

    if (!facts->raises || !after_compute(facts, state, &after, &e))
        return true;
    struct key *key = &p->keys[BOUND_max_replicas];
    key->count++;
    if (after.peak > key->most)
        key->most = after.peak;
    /* the spec that stays must be allowed, too */
    enum bound b = facts->instance_type.n ? BOUND_instance_types : BOUND_service_specs;
    bool is_kept = after.spec.n && !facts->spec.n && !facts->instance_type.n;
    return !is_kept || see(&p->keys[b], after.spec);
}

static bool take_facts(struct learnt *l, struct policy_seen *p, const struct decision *d, struct err *e)
{
    const struct op *op = opcat_by_name(d->op);
    struct service_state state;
    struct facts facts;

    if (!op)
        return err_set(e, ERR_UNKNOWN, "record %llu: the operation is not one of EAS's",
                       (unsigned long long)d->seq);
    if (!facts_parse(op, d->facts, l->arena, &facts, e) ||
        (d->now.n && !state_parse(d->now, l->arena, &state, e)))
        return false;
    bool fine = see(&p->keys[BOUND_allow], op->name) && see_after(p, &facts, d->now.n ? &state : NULL);
    if (op->effect == OP_MINT)
        fine = fine && see(&p->keys[BOUND_allow], S("@secrets"));
    for (size_t i = 0; fine && i < facts.count; i++)
        fine = see_fact(p, &facts.values[i]);
    /* what stays, or comes back with a clone or a version, was judged, too */
    const struct facts *stored = d->now.n ? state.config : NULL;
    for (size_t i = 0; fine && stored && i < stored->count; i++)
        fine = see_fact(p, &stored->values[i]);
    p->decisions++;
    return fine || err_set(e, ERR_MEMORY, "out of memory");
}

bool learnt_take(struct learnt *l, const struct decision *d, struct err *e)
{
    const struct client *client = snapshot_client_by_name(l->snap, d->client);

    if (!client || !d->facts.n)
        return true; /* of a client that is no more, or of a log that holds no facts */
    l->arena = arena_new(8 * 1024 * 1024);
    bool fine = l->arena ? take_facts(l, &l->policies[client->policy - l->snap->policies], d, e)
                         : err_set(e, ERR_MEMORY, "out of memory");
    arena_free(&l->arena);
    return fine;
}

static const struct policy_seen *seen_of(const struct learnt *l, struct slice policy)
{
    for (size_t i = 0; i < l->snap->policy_count; i++)
        if (slice_eq(l->snap->policies[i].name, policy))
            return &l->policies[i];
    return NULL;
}

bool learnt_saw(const struct learnt *l, struct slice policy)
{
    const struct policy_seen *p = seen_of(l, policy);

    return p && p->decisions > 0;
}

/* ---- printing ---- */

static void print_value(const char *key, struct slice text, bool fold, uint64_t count, struct sbuf *out)
{
    sbuf_addf(out, "%s = %.*s%s ; %llu time%s\n", key, SLICE_FMT(text), fold ? "*" : "",
              (unsigned long long)count, count == 1 ? "" : "s");
}

/* A name up to and with its first _ or -. */
static struct slice stem_of(struct slice name)
{
    size_t i = 0;

    while (i < name.n && name.p[i] != '_' && name.p[i] != '-')
        i++;
    return slice_from(name.p, i < name.n ? i + 1 : name.n);
}

static bool print_folded(const char *name, const struct key *key, struct sbuf *out, struct err *e)
{
    struct key stems = { .most = -1 };
    size_t lines = 0;
    bool fine = true;

    list_init(&stems.values);
    for (struct list *i = key->values.next; fine && i != &key->values; i = i->next) {
        const struct seen *s = LIST_OWNER(i, struct seen, node);
        fine = see(&stems, stem_of(slice_from(s->text, s->n))) || err_set(e, ERR_MEMORY, "out of memory");
    }
    for (struct list *i = stems.values.next; fine && i != &stems.values; i = i->next) {
        const struct seen *s = LIST_OWNER(i, struct seen, node);
        print_value(name, slice_from(s->text, s->n), true, s->count, out);
        lines++;
    }
    free_key(&stems);
    return fine &&
           (lines <= LEARNT_VALUES_MAX ||
            err_set(e, ERR_TOO_LONG, "%s: more than %d values and patterns", name, LEARNT_VALUES_MAX));
}

static bool print_list(enum bound b, const struct key *key, struct sbuf *out, struct err *e)
{
    const char *name = bound_name(b);
    size_t count = key->by_text ? map_count(key->by_text) : 0;
    bool folds = bound_style((enum bound)b) == BOUND_STYLE_GLOBS ||
                 bound_style((enum bound)b) == BOUND_STYLE_OSS_PATHS ||
                 bound_style((enum bound)b) == BOUND_STYLE_NAS_PATHS;

    if (count > LEARNT_VALUES_MAX && folds)
        return print_folded(name, key, out, e);
    if (count > LEARNT_VALUES_MAX)
        return err_set(e, ERR_TOO_LONG, "%s: %zu values, a policy takes at most %d", name, count,
                       LEARNT_VALUES_MAX);
    for (struct list *i = key->values.next; i != &key->values; i = i->next) {
        const struct seen *s = LIST_OWNER(i, struct seen, node);
        print_value(name, slice_from(s->text, s->n), false, s->count, out);
    }
    return true;
}

bool learnt_print(const struct learnt *l, struct slice policy, struct sbuf *out, struct err *e)
{
    const struct policy_seen *p = seen_of(l, policy);

    sbuf_addf(out, "[policy %.*s]\n", SLICE_FMT(policy));
    for (int i = BOUND_NONE + 1; p && i < BOUND_COUNT_; i++) {
        const struct key *key = &p->keys[i];
        if (bound_style((enum bound)i) == BOUND_STYLE_FLAG && key->most > 0)
            sbuf_addf(out, "%s = yes ; %llu times\n", bound_name((enum bound)i),
                      (unsigned long long)key->count);
        else if (bound_style((enum bound)i) != BOUND_STYLE_FLAG && key->most > 0)
            sbuf_addf(out, "%s = %lld ; the most of %llu\n", bound_name((enum bound)i), (long long)key->most,
                      (unsigned long long)key->count);
        else if (!print_list((enum bound)i, key, out, e))
            return false;
    }
    return true;
}
