/*
 * What of a snapshot counts at a time: see snapshot.h. Policies and clients are made anew without the values that have ended;
 * everything else is borrowed from the whole one, which is kept. So judging knows no time, and a request is judged by one
 * configuration from its beginning to its end.
 */
#include "config/loading.h"

int64_t client_end_s(const struct client *c)
{
    int64_t own = c->cfg.until_s, policy = c->policy->until_s;

    return own == 0 || (policy && policy < own) ? policy : own;
}

/* The values that have not ended; *inout_next_s is the first end of these. */
static bool keep_rules(const struct rules *all, int64_t now_s, struct arena *a, struct rules *out,
                       int64_t *inout_next_s)
{
    struct rule *kept = all->count ? ARENA_ARRAY(a, struct rule, all->count) : NULL;

    *out = (struct rules){ .key = all->key, .at = kept };
    for (size_t i = 0; kept && i < all->count; i++) {
        int64_t until_s = all->at[i].until_s;
        if (until_s && until_s <= now_s)
            continue;
        kept[out->count++] = all->at[i];
        if (until_s && (*inout_next_s == 0 || until_s < *inout_next_s))
            *inout_next_s = until_s;
    }
    return kept || all->count == 0;
}

static bool copy_policies(struct snapshot *s, int64_t now_s)
{
    const struct snapshot *whole = s->whole;

    s->policies = ARENA_ARRAY(s->arena, struct policy, whole->policy_count);
    for (size_t i = 0; s->policies && i < whole->policy_count; i++) {
        struct policy *p = &s->policies[i];
        *p = whole->policies[i];
        for (enum bound b = BOUND_NONE + 1; b < BOUND_COUNT_; b++)
            if (!keep_rules(&whole->policies[i].bound[b], now_s, s->arena, &p->bound[b], &s->next_end_s))
                return false;
    }
    return s->policies && snapshot_index_policies(s);
}

static bool copy_clients(struct snapshot *s)
{
    const struct snapshot *whole = s->whole;
    struct slice digest;
    void *value;

    s->clients = ARENA_ARRAY(s->arena, struct client, whole->client_count);
    s->tokens = map_new();
    s->clients_by_name = map_new();
    if (!s->clients || !s->tokens || !s->clients_by_name)
        return false;
    for (size_t i = 0; i < whole->client_count; i++) {
        struct client *c = &s->clients[i];
        *c = whole->clients[i];
        c->policy = &s->policies[whole->clients[i].policy - whole->policies];
        if (!map_put(s->clients_by_name, c->name, c))
            return false;
    }
    for (size_t at = 0; map_next(whole->tokens, &at, &digest, &value);) {
        struct token *t = ARENA_NEW(s->arena, struct token);
        if (!t)
            return false;
        *t = *(const struct token *)value;
        t->client = &s->clients[t->client - whole->clients];
        if (!map_put(s->tokens, digest, t))
            return false;
    }
    return true;
}

struct snapshot *snapshot_at(struct snapshot *s, int64_t now_s)
{
    struct snapshot *whole = s->whole ? s->whole : s;

    if (whole->next_end_s == 0)
        return snapshot_ref(s); /* nothing ever ends */
    struct arena *arena = arena_new(SNAPSHOT_ARENA_MAX_BYTES);
    struct snapshot *out = arena ? ARENA_NEW(arena, struct snapshot) : NULL;

    if (!out) {
        arena_free(&arena);
        return NULL;
    }
    *out = *whole;
    out->refs = 1;
    out->arena = arena;
    out->whole = snapshot_ref(whole);
    out->tokens = out->clients_by_name = NULL;
    out->next_end_s = 0;
    if (!copy_policies(out, now_s) || !copy_clients(out))
        snapshot_unref(&out);
    return out;
}
