/*
 * What decisions used: see learnt.h. Every judged value goes to the key that bounds it; counts of instances are learnt as the
 * peak that the state after the call came to, since that is what a cap bounds.
 */
#include "app/learnt.h"
#include "base/list.h"
#include "base/map.h"
#include "config/ini.h"
#include "core/policy.h"

struct seen { /* a value of one key */
    struct list node;
    uint64_t count; /* 0: only its cap bounded something */
    int64_t most;   /* of a spec: the most replicas of one service of it; -1 = none */
    bool
        is_pooled; /* of an instance type: a virtual resource has it, so only max_replicas may cap it (core/policy_value.c) */
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

/* NULL without memory. */
static struct seen *find_or_add(struct key *key, struct slice text)
{
    if (!key->by_text)
        key->by_text = map_new();
    struct seen *s = key->by_text ? map_get(key->by_text, text) : NULL;
    if (!s) {
        s = key->by_text ? malloc(sizeof *s + text.n) : NULL;
        if (!s)
            return NULL;
        *s = (struct seen){ .n = text.n, .most = -1 };
        memcpy(s->text, text.p, text.n);
        if (!map_put(key->by_text, text, s)) {
            free(s);
            return NULL;
        }
        list_add_last(&key->values, &s->node);
    }
    return s;
}

static bool see_times(struct key *key, struct slice text, uint64_t times)
{
    struct seen *s = find_or_add(key, text);

    if (!s)
        return false;
    s->count += times;
    key->count += times;
    return true;
}

static bool see(struct key *key, struct slice text)
{
    return see_times(key, text, 1);
}

static void see_number(struct key *key, int64_t n)
{
    key->count++;
    if (n > key->most)
        key->most = n;
}

/* Instance types that no service states are those of virtual resources. */
static bool see_pools(struct policy_seen *p, const struct facts *facts)
{
    for (size_t i = 0; i < facts->count && !facts->raises; i++) {
        const struct fact *fact = &facts->values[i];
        struct seen *s =
            fact->bound == BOUND_instance_types ? find_or_add(&p->keys[fact->bound], fact->text) : NULL;
        if (fact->bound == BOUND_instance_types && !s)
            return false;
        if (s)
            s->is_pooled = true;
    }
    return true;
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

/* ---- the most replicas of each spec: of all whose caps bound the service (cap_of in core/policy_after.c) ---- */

static bool see_most(struct policy_seen *p, enum bound key, struct slice spec, int64_t peak)
{
    struct seen *s = spec.n ? find_or_add(&p->keys[key], spec) : NULL;

    if (s && peak > s->most)
        s->most = peak;
    return s || !spec.n;
}

static bool see_most_of(struct policy_seen *p, const struct facts *from, const struct facts *unless_stated,
                        int64_t peak)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct fact *fact = &from->values[i];
        if (bound_style(fact->bound) == BOUND_STYLE_SPEC_CAPS &&
            !(unless_stated && states(unless_stated, fact->where)) &&
            !see_most(p, fact->bound, fact->text, peak))
            return false;
    }
    return true;
}

static bool see_specs(struct policy_seen *p, const struct facts *facts, const struct service_state *state,
                      struct slice spec, int64_t peak)
{
    if (!see_most(p, BOUND_service_specs, spec, peak) || !see_most(p, BOUND_instance_types, spec, peak) ||
        !see_most_of(p, facts, NULL, peak))
        return false;
    if (!state || facts->op->raise == OP_RAISE_CREATE)
        return true;
    const struct facts *coming = state_coming(state, facts->op);
    if (!facts->spec.n && !see_most(p, BOUND_service_specs, state->spec, peak))
        return false;
    return !coming || facts->replaces || see_most_of(p, coming, facts, peak);
}

/* Of a record without its state only what is stated can be learnt, and only that is judged again. */
static bool see_after(const struct policy *policy, struct policy_seen *p, const struct facts *facts,
                      const struct service_state *state)
{
    struct after after;
    struct err e = { 0 };

    if (facts->op->count.list.n && state)
        see_number(&p->keys[facts->op->count.bound], state->count + facts_asked(facts));
    if (!facts->raises)
        return true;
    bool is_whole = after_compute(facts, state, &after, &e);
    int64_t peak = is_whole ? after.peak : after_stated(facts);
    struct slice stated = facts->spec.n ? facts->spec : facts->instance_type;
    see_number(&p->keys[BOUND_max_replicas], peak);
    return see_specs(p, facts, state, is_whole ? after.spec : stated, peak) &&
           (facts->op->raise == OP_RAISE_CREATE || !state || see_kept(policy, p, facts, state));
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
                see_after(policy, p, &facts, d->now.n ? &state : NULL) && see_places(p, &facts, d) &&
                see_pools(p, &facts);
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

size_t learnt_saw_count(const struct learnt *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->snap->policy_count; i++)
        n += l->policies[i].decisions > 0;
    return n;
}

/* ---- printing ---- */

/* "KEY = VALUE ; COMMENT", in as few bytes as a line may have (config/ini.h). */
static void print_line(enum bound b, struct slice value, struct slice comment, struct sbuf *out)
{
    const char *key = bound_name(b);
    size_t n = strlen(key) + strlen(" = ") + value.n;

    if (n + strlen(" ; ") + comment.n <= INI_LINE_MAX_BYTES)
        sbuf_addf(out, "%s = %.*s ; %.*s\n", key, SLICE_FMT(value), SLICE_FMT(comment));
    else
        sbuf_addf(out, "; %.*s:\n%s%s%.*s\n", SLICE_FMT(comment), key, n <= INI_LINE_MAX_BYTES ? " = " : "=",
                  SLICE_FMT(value));
}

/* Several values in one line: the key cannot be repeated. */
static void add_rules(enum bound b, const struct rules *rules, struct sbuf *value)
{
    for (size_t i = 0; i < rules->count; i++) {
        sbuf_adds(value, i ? ", " : "");
        rule_print(&rules->at[i], bound_style(b), value);
    }
}

/* What a log of requests cannot tell stays as it is. */
static void print_kept(enum bound b, const struct rules *rules, const char *why, struct sbuf *out)
{
    bool is_list = bound_style(b) != BOUND_STYLE_REPLICAS && bound_style(b) != BOUND_STYLE_FLAG;
    size_t lines = is_list ? rules->count : rules->count > 0;

    for (size_t i = 0; i < lines; i++) {
        const struct rules one = { .at = &rules->at[i], .count = 1 };
        SCOPED(sbuf) value = SBUF_MAX(4096);
        add_rules(b, is_list ? &one : rules, &value);
        print_line(b, sbuf_slice(&value), slice_of(why), out);
    }
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

/* Of the values that match, the one that counts longest. */
static const struct rule *lasting(const struct rules *rules, enum bound b, struct slice text)
{
    const struct rule *longest = NULL;

    for (size_t i = 0; i < rules->count; i++) {
        const struct rules one = { .at = &rules->at[i], .count = 1 };
        if (rules_find(&one, bound_style(b), text) &&
            (!longest || (longest->until_s && (!one.at->until_s || one.at->until_s > longest->until_s))))
            longest = one.at;
    }
    return longest;
}

/* Numbers of which each counts once those before it have ended: no more than was seen, and no more than there was. */
static int64_t number_at(const struct rules *rules, size_t i, int64_t most)
{
    int64_t n = most > 0 ? most : 1;

    return i > 0 && rules->at[i].has_cap && rules->at[i].cap < n ? rules->at[i].cap : n;
}

/* The next one is the same, and counts at least as long. */
static bool next_says_it(const struct rules *rules, size_t i, int64_t most)
{
    const struct rule *now = &rules->at[i], *next = now + 1;

    return i + 1 < rules->count && number_at(rules, i + 1, most) == number_at(rules, i, most) &&
           (!next->until_s || (now->until_s && next->until_s >= now->until_s));
}

static bool is_ending(const struct rules *rules)
{
    return rules->count && rules->at[rules->count - 1].until_s;
}

/* "SPEC <= 4", for each of its values in the policy that differs from the next one. Where only max_replicas capped it, and ends, a cap
 * of its own would count on alone. */
static bool list_spec(const struct policy *policy, const struct rules *all, const struct seen *s,
                      struct key *lines)
{
    struct slice spec = slice_from(s->text, s->n);
    struct rule *own = calloc(all->count + 1, sizeof *own);
    struct rules rules = { .at = own };
    bool fine = own != NULL;

    for (size_t i = 0; fine && i < all->count; i++)
        if (slice_eq(all->at[i].text, spec))
            own[rules.count++] = all->at[i];
    rules.count = rules.count ? rules.count : 1;
    for (size_t i = 0; fine && i < rules.count; i++) {
        bool is_capped = !own[i].text.p || own[i].has_cap || !is_ending(POLICY_RULES(policy, max_replicas));
        struct rule value = { .text = spec,
                              .has_cap = !s->is_pooled && is_capped,
                              .until_s = own[i].until_s };
        SCOPED(sbuf) text = SBUF_MAX(4096);
        value.cap = number_at(&rules, i, s->most);
        if (next_says_it(&rules, i, s->most))
            continue;
        rule_print(&value, BOUND_STYLE_SPEC_CAPS, &text);
        fine = sbuf_ok(&text) && see_times(lines, sbuf_slice(&text), s->count);
    }
    free(own);
    return fine;
}

static bool list_value(enum bound b, const struct rules *rules, const struct seen *s, bool many,
                       struct key *lines)
{
    struct slice text = slice_from(s->text, s->n);
    const struct rule *rule = b == BOUND_allow ? NULL : lasting(rules, b, text);
    SCOPED(sbuf) value = SBUF_MAX(4096);

    sbuf_add(&value, rule && (many || !can_be_written(b, text)) ? rule->text : text);
    rule_print_until(rule ? rule->until_s : 0, &value);
    return sbuf_ok(&value) && see_times(lines, sbuf_slice(&value), s->count);
}

/* Of the places one must not end (config/load_policy.c): where all that were seen do, those of the policy that last stay. */
static void keep_lasting(enum bound b, const struct rules *rules, const struct key *key, struct sbuf *out)
{
    bool is_open = (b == BOUND_workspaces || b == BOUND_quotas) && key->count > 0;

    for (struct list *i = key->values.next; is_open && i != &key->values; i = i->next) {
        const struct seen *s = LIST_OWNER(i, struct seen, node);
        const struct rule *rule = lasting(rules, b, slice_from(s->text, s->n));
        is_open = s->count == 0 || (rule && rule->until_s);
    }
    for (size_t i = 0; is_open && i < rules->count; i++) {
        const struct rules one = { .at = &rules->at[i], .count = 1 };
        if (one.at->until_s == 0)
            print_kept(b, &one, "as it was: one must not end", out);
    }
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static bool print_list(enum bound b, const struct policy *policy, const struct key *key, struct sbuf *out,
                       struct err *e)
{
    const struct rules *rules = &policy->bound[b];
    bool many = key->by_text && map_count(key->by_text) > LEARNT_VALUES_MAX, fine = true;
    struct key lines = { .most = -1 };

    list_init(&lines.values);
    for (struct list *i = key->values.next; fine && i != &key->values; i = i->next) {
        const struct seen *s = LIST_OWNER(i, struct seen, node);
        if (s->count)
            fine = bound_style(b) == BOUND_STYLE_SPEC_CAPS ? list_spec(policy, rules, s, &lines)
                                                           : list_value(b, rules, s, many, &lines);
    }
    for (struct list *i = lines.values.next; fine && i != &lines.values; i = i->next) {
        const struct seen *s = LIST_OWNER(i, struct seen, node);
        SCOPED(sbuf) comment = SBUF_MAX(64);
        sbuf_addf(&comment, "%llu time%s", (unsigned long long)s->count, plural(s->count));
        print_line(b, slice_from(s->text, s->n), sbuf_slice(&comment), out);
    }
    keep_lasting(b, rules, key, out);
    free_key(&lines);
    return fine || err_set(e, ERR_MEMORY, "out of memory");
}

static bool was_seen(const struct policy_seen *p, enum bound b)
{
    return p->keys[b].most >= 0 || p->keys[b].count > 0;
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

/* As they were: that they were used says yes, and until when stays. */
static void print_flag(enum bound b, const struct rules *rules, const struct key *key, struct sbuf *out)
{
    SCOPED(sbuf) value = SBUF_MAX(4096);
    SCOPED(sbuf) comment = SBUF_MAX(64);

    sbuf_adds(&value, rules->count ? "" : "yes");
    add_rules(b, rules, &value);
    sbuf_addf(&comment, "%llu time%s", (unsigned long long)key->count, plural(key->count));
    print_line(b, sbuf_slice(&value), sbuf_slice(&comment), out);
}

static void print_number(enum bound b, const struct rules *rules, const struct key *key, struct sbuf *out)
{
    size_t count = rules->count ? rules->count : 1;
    SCOPED(sbuf) value = SBUF_MAX(4096);
    SCOPED(sbuf) comment = SBUF_MAX(64);

    for (size_t i = 0; i < count; i++) {
        int64_t n = number_at(rules, i, key->most);
        if (next_says_it(rules, i, key->most))
            continue;
        sbuf_addf(&value, "%s%lld", value.n ? ", " : "", (long long)n);
        rule_print_until(rules->count ? rules->at[i].until_s : 0, &value);
    }
    if (key->count == 1)
        sbuf_adds(&comment, "seen once");
    else
        sbuf_addf(&comment, "the largest of %llu seen", (unsigned long long)key->count);
    print_line(b, sbuf_slice(&value), sbuf_slice(&comment), out);
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
        else if (p->keys[b].most >= 0 && bound_style(b) == BOUND_STYLE_FLAG)
            print_flag(b, &policy->bound[b], &p->keys[b], out);
        else if (p->keys[b].most >= 0)
            print_number(b, &policy->bound[b], &p->keys[b], out);
        else if (kept[b])
            print_kept(b, &policy->bound[b], "as it was: an operation needs it", out);
        else if (!print_list(b, policy, &p->keys[b], out, e))
            return false;
    }
    return true;
}
