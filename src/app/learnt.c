/*
 * What decisions used: see learnt.h. Every judged value goes to the key that bounds it; counts of instances are learnt as the
 * peak that the state after the call came to, since that is what a cap bounds.
 */
#include "app/learnt.h"
#include "base/list.h"
#include "base/map.h"
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

static void see_number(struct key *key, int64_t n)
{
    key->count++;
    if (n > key->most)
        key->most = n;
}

static bool see_fact(struct policy_seen *p, const struct fact *fact)
{
    enum bound b = fact->meaning == OP_LABEL_KEYS ? BOUND_label_keys : fact->bound;

    if (b == BOUND_NONE)
        return true;
    if (!fact->is_number)
        return see(&p->keys[b], fact->text);
    see_number(&p->keys[b], fact->number);
    return true;
}

static bool states(const struct facts *f, struct slice where)
{
    for (size_t i = 0; i < f->count; i++)
        if (slice_eq(f->values[i].where, where))
            return true;
    return false;
}

/* Of a service that grows, the hardware that stays must be allowed, too; of a configuration that comes back, all of it. */
static bool see_kept(const struct policy *policy, struct policy_seen *p, const struct facts *facts,
                     const struct service_state *state)
{
    bool comes_back = facts->op->raise == OP_RAISE_CLONE || facts->op->raise == OP_RAISE_VERSION;
    const struct rules *types = POLICY_RULES(policy, instance_types);
    bool is_type = rules_find(types, BOUND_STYLE_SPEC_CAPS, state->spec) &&
                   !rules_find(POLICY_RULES(policy, service_specs), BOUND_STYLE_SPEC_CAPS, state->spec);
    bool fine = true;

    const struct facts *coming = state_coming(state, facts->op);

    if (facts->replaces)
        return !state->is_app || facts->spec.n || see(&p->keys[BOUND_service_specs], state->spec);
    if (!comes_back && state->spec.n && !facts->spec.n)
        fine = see(&p->keys[is_type ? BOUND_instance_types : BOUND_service_specs], state->spec);
    for (size_t i = 0; fine && coming && i < coming->count; i++)
        if ((comes_back || is_type || !state->spec.n) && !states(facts, coming->values[i].where))
            fine = see_fact(p, &coming->values[i]);
    return fine;
}

static bool see_after(const struct policy *policy, struct policy_seen *p, const struct facts *facts,
                      const struct service_state *state)
{
    struct after after;
    struct err e = { 0 };

    if (facts->op->count.list.n && state)
        see_number(&p->keys[facts->op->count.bound], state->count + facts_asked(facts));
    if (!facts->raises || !after_compute(facts, state, &after, &e))
        return true;
    see_number(&p->keys[BOUND_max_replicas], after.peak);
    return facts->op->raise == OP_RAISE_CREATE || !state || see_kept(policy, p, facts, state);
}

/* What the policy fills in is sent, and must be filled in again. */
static bool see_places(struct policy_seen *p, const struct facts *facts, const struct decision *d)
{
    if (!facts->places)
        return true;
    return (facts->workspace.p || !d->workspace.n || see(&p->keys[BOUND_workspaces], d->workspace)) &&
           (facts->quota.p || !d->quota.n || see(&p->keys[BOUND_quotas], d->quota));
}

static bool take_facts(struct learnt *l, size_t at, const struct decision *d, struct err *e)
{
    const struct policy *policy = &l->snap->policies[at];
    struct policy_seen *p = &l->policies[at];
    struct service_state state;
    struct facts facts;

    if (!decision_read(d, l->arena, &facts, &state, e))
        return false;
    const struct op *op = facts.op;
    bool fine = see(&p->keys[BOUND_allow], op->name) &&
                see_after(policy, p, &facts, d->now.n ? &state : NULL) && see_places(p, &facts, d);
    if (op->effect == OP_MINT || (op->effect == OP_SECRET && policy->shows_secrets))
        fine = fine && see(&p->keys[BOUND_allow], S("@secrets"));
    for (size_t i = 0; fine && i < facts.count; i++)
        fine = see_fact(p, &facts.values[i]);
    p->decisions++;
    return fine || err_set(e, ERR_MEMORY, "out of memory");
}

bool learnt_take(struct learnt *l, const struct decision *d, struct err *e)
{
    const struct client *client = snapshot_client_by_name(l->snap, d->client);

    if (!client || !d->facts.n)
        return true; /* of a client that is no more, or of a log that holds no facts */
    l->arena = arena_new(8 * 1024 * 1024);
    bool fine = l->arena ? take_facts(l, (size_t)(client->policy - l->snap->policies), d, e)
                         : err_set(e, ERR_MEMORY, "out of memory");
    arena_free(&l->arena);
    return fine;
}

static size_t index_of(const struct learnt *l, struct slice policy)
{
    size_t i = 0;

    while (i < l->snap->policy_count && !slice_eq(l->snap->policies[i].name, policy))
        i++;
    return i;
}

bool learnt_saw(const struct learnt *l, struct slice policy)
{
    size_t i = index_of(l, policy);

    return i < l->snap->policy_count && l->policies[i].decisions > 0;
}

/* ---- printing ---- */

/* What a log of requests cannot tell stays as it is. */
static void print_kept(enum bound b, const struct rules *rules, const char *why, struct sbuf *out)
{
    if (rules->count == 0)
        return;
    if (bound_style(b) != BOUND_STYLE_REPLICAS && bound_style(b) != BOUND_STYLE_FLAG) {
        for (size_t i = 0; i < rules->count; i++) {
            sbuf_addf(out, "%s = ", bound_name(b));
            rule_print(&rules->at[i], bound_style(b), out);
            sbuf_addf(out, " ; %s\n", why);
        }
        return;
    }
    sbuf_addf(out, "%s = ", bound_name(b));
    for (size_t i = 0; i < rules->count; i++) {
        sbuf_adds(out, i ? ", " : "");
        rule_print(&rules->at[i], bound_style(b), out);
    }
    sbuf_addf(out, " ; %s\n", why);
}

/* Would the value, written as a rule, be read back, and match itself? */
static bool can_be_written(enum bound b, struct slice text)
{
    const struct rule rule = { .text = text };
    const struct rules rules = { .at = &rule, .count = 1 };

    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~' || strchr(",;#\"<=", text.p[i]))
            return false;
    return text.n > 0 && text.n <= LEARNT_VALUE_MAX_BYTES &&
           (b == BOUND_allow || rules_find(&rules, bound_style(b), text));
}

static bool print_list(enum bound b, const struct rules *rules, const struct key *key, struct sbuf *out,
                       struct err *e)
{
    bool many = key->by_text && map_count(key->by_text) > LEARNT_VALUES_MAX, fine = true;
    struct key lines = { .most = -1 };

    list_init(&lines.values);
    for (struct list *i = key->values.next; fine && i != &key->values; i = i->next) {
        const struct seen *s = LIST_OWNER(i, struct seen, node);
        struct slice text = slice_from(s->text, s->n);
        const struct rule *rule = b == BOUND_allow ? NULL : rules_find(rules, bound_style(b), text);
        bool as_rule = rule && (many || !can_be_written(b, text));
        SCOPED(sbuf) value = SBUF_MAX(4096);
        sbuf_add(&value, as_rule ? rule->text : text);
        rule_print_until(rule ? rule->until_s : 0, &value);
        fine = sbuf_ok(&value) && see(&lines, sbuf_slice(&value));
        if (fine)
            ((struct seen *)map_get(lines.by_text, sbuf_slice(&value)))->count += s->count - 1;
    }
    for (struct list *i = lines.values.next; fine && i != &lines.values; i = i->next) {
        const struct seen *s = LIST_OWNER(i, struct seen, node);
        sbuf_addf(out, "%s = %.*s ; %llu time%s\n", bound_name(b), (int)s->n, s->text,
                  (unsigned long long)s->count, s->count == 1 ? "" : "s");
    }
    free_key(&lines);
    return fine || err_set(e, ERR_MEMORY, "out of memory");
}

static bool was_seen(const struct policy_seen *p, enum bound b)
{
    return p->keys[b].most >= 0 || !list_is_empty(&p->keys[b].values);
}

/* Operations need keys of which their requests need not have a value: a list of services, for example. */
static void keep_required(const struct policy *policy, const struct policy_seen *p, bool kept[BOUND_COUNT_])
{
    for (size_t i = 0; i < opcat_count(); i++) {
        const struct op *op = opcat_at(i);
        bool is_used = p->keys[BOUND_allow].by_text && map_get(p->keys[BOUND_allow].by_text, op->name);
        for (size_t r = 0; is_used && r < op->require_count; r++) {
            struct slice rest = slice_of(op->requires[r]), key;
            enum bound first = BOUND_NONE;
            bool is_met = false;
            while (slice_split(&rest, '|', &key)) {
                enum bound b = bound_by_name(key);
                is_met = is_met || was_seen(p, b) || kept[b];
                if (!first && policy->bound[b].count)
                    first = b;
            }
            if (!is_met)
                kept[first] = true;
        }
    }
}

static void print_number(enum bound b, const struct key *key, struct sbuf *out)
{
    if (bound_style(b) == BOUND_STYLE_FLAG)
        sbuf_addf(out, "%s = yes ; %llu times\n", bound_name(b), (unsigned long long)key->count);
    else
        sbuf_addf(out, "%s = %lld ; the most of %llu\n", bound_name(b),
                  (long long)(key->most > 0 ? key->most : 1), (unsigned long long)key->count);
}

bool learnt_print(const struct learnt *l, struct slice name, struct sbuf *out, struct err *e)
{
    size_t at = index_of(l, name);
    const struct policy *policy = &l->snap->policies[at];
    const struct policy_seen *p = &l->policies[at];
    bool kept[BOUND_COUNT_] = { false };

    keep_required(policy, p, kept);
    sbuf_addf(out, "[policy %.*s]\n", SLICE_FMT(name));
    if (policy->mode == POLICY_REPORT)
        sbuf_adds(out, "mode = report\n");
    if (policy->until_s) {
        sbuf_adds(out, "until =");
        SCOPED(sbuf) date = SBUF_MAX(64);
        rule_print_until(policy->until_s, &date);
        sbuf_add(out, slice_skip(sbuf_slice(&date), strlen(" until")));
        sbuf_addc(out, '\n');
    }
    for (int i = BOUND_NONE + 1; i < BOUND_COUNT_; i++) {
        enum bound b = (enum bound)i;
        bool is_sum = b == BOUND_max_total_replicas || b == BOUND_max_total_gpus || b == BOUND_spec_gpus;
        if (is_sum)
            print_kept(b, &policy->bound[b], "as it was: sums are not learnt", out);
        else if (p->keys[b].most >= 0)
            print_number(b, &p->keys[b], out);
        else if (kept[b])
            print_kept(b, &policy->bound[b], "as it was: an operation needs it", out);
        else if (!print_list(b, &policy->bound[b], &p->keys[b], out, e))
            return false;
    }
    return true;
}
