/*
 * Finding a value: see rules.h. Each value has a literal beginning: all of it, or what stands before its first star. The index
 * is a hash table of these beginnings, and the list of their lengths; a text is hashed once, from left to right, and at each
 * of the lengths the table says which values begin so. So a list of hundreds costs a few probes, whatever stands in it.
 */
#include "core/rules.h"
#include "base/enc.h"
#include "core/glob.h"
#include <stdint.h>

#define INDEX_MIN_VALUES 8 /* fewer are tried one after another */
#define NO_ENTRY         UINT32_MAX

enum bound_style bound_style(enum bound b)
{
    static const enum bound_style styles[BOUND_COUNT_] = {
#define BOUND(key, style, reason, lo, hi, help) [BOUND_##key] = BOUND_STYLE_##style,
#include "core/bounds.def"
#undef BOUND
    };

    return b < BOUND_COUNT_ ? styles[b] : BOUND_STYLE_NONE;
}

enum bound bound_by_name(struct slice key)
{
    for (enum bound b = BOUND_NONE + 1; b < BOUND_COUNT_; b++)
        if (slice_eq(key, slice_of(bound_name(b))))
            return b;
    return BOUND_NONE;
}

/* ---- one value ---- */

static bool has_patterns(enum bound_style style)
{
    return style == BOUND_STYLE_GLOBS || style == BOUND_STYLE_OSS_PATHS || style == BOUND_STYLE_NAS_PATHS;
}

static bool matches(const struct rule *rule, enum bound_style style, struct slice text)
{
    switch (style) {
    case BOUND_STYLE_GLOBS:
        return glob_match(rule->text, text) && !glob_climbs(text);
    case BOUND_STYLE_OSS_PATHS:
    case BOUND_STYLE_NAS_PATHS:
        return glob_path_match(rule->text, text);
    case BOUND_STYLE_ALLOW:
    case BOUND_STYLE_WORDS:
    case BOUND_STYLE_SPEC_CAPS:
    case BOUND_STYLE_COUNTS:
        return slice_eq(rule->text, text);
    case BOUND_STYLE_REPLICAS:
    case BOUND_STYLE_FLAG:
    case BOUND_STYLE_NONE:
        break;
    }
    return false;
}

/* ---- as a text ---- */

void rule_print_until(int64_t until_s, struct sbuf *out)
{
    char text[25];

    if (!until_s)
        return;
    enc_time_utc(until_s * 1000, false, text);
    sbuf_adds(out, " until ");
    sbuf_adds(out, text);
}

void rule_print(const struct rule *rule, enum bound_style style, struct sbuf *out)
{
    bool is_count = style == BOUND_STYLE_COUNTS;

    sbuf_add(out, rule->text);
    if (rule->has_cap && (is_count || style == BOUND_STYLE_SPEC_CAPS)) {
        sbuf_adds(out, is_count ? " = " : " <= ");
        sbuf_add_i64(out, rule->cap);
    }
    rule_print_until(rule->until_s, out);
}

/* ---- the index ---- */

struct entry {
    const struct rule *rule;
    const void *owner;
    uint32_t hash, length; /* of the literal beginning */
    uint32_t next;         /* with the same slot; NO_ENTRY at the end */
};

struct rules_index {
    struct entry *entries;
    uint32_t *slots;
    size_t room, count, mask;
    uint16_t lengths[GLOB_PATTERN_MAX_BYTES + 1]; /* ascending, each once */
    size_t length_count;
};

/* FNV-1a: the values come from the operator, so nobody else chooses what collides. */
#define HASH_START 2166136261u
static uint32_t hash_byte(uint32_t hash, char c)
{
    return (hash ^ (unsigned char)c) * 16777619u;
}

static struct rules_index *index_new(size_t room, struct arena *a)
{
    struct rules_index *index = ARENA_NEW(a, struct rules_index);
    size_t slots = 16;

    while (slots < room * 2)
        slots *= 2;
    if (!index || room >= NO_ENTRY)
        return NULL;
    index->entries = ARENA_ARRAY(a, struct entry, room);
    index->slots = ARENA_ARRAY(a, uint32_t, slots);
    if ((room && !index->entries) || !index->slots)
        return NULL;
    for (size_t i = 0; i < slots; i++)
        index->slots[i] = NO_ENTRY;
    index->room = room;
    index->mask = slots - 1;
    return index;
}

static void add_length(struct rules_index *index, size_t length)
{
    size_t at = 0;

    while (at < index->length_count && index->lengths[at] < length)
        at++;
    if (at < index->length_count && index->lengths[at] == length)
        return;
    for (size_t i = index->length_count++; i > at; i--)
        index->lengths[i] = index->lengths[i - 1];
    index->lengths[at] = (uint16_t)length;
}

/* False when the value cannot be in an index: then the list has none. */
static bool index_add(struct rules_index *index, const struct rule *rule, bool is_pattern, const void *owner)
{
    size_t length = is_pattern ? slice_find(rule->text, '*') : rule->text.n;
    uint32_t hash = HASH_START;

    if (length > GLOB_PATTERN_MAX_BYTES || index->count >= index->room)
        return false;
    for (size_t i = 0; i < length; i++)
        hash = hash_byte(hash, rule->text.p[i]);
    uint32_t *slot = &index->slots[hash & index->mask];
    index->entries[index->count] = (struct entry){ rule, owner, hash, (uint32_t)length, *slot };
    *slot = (uint32_t)index->count++;
    add_length(index, length);
    return true;
}

/* The first entry in order of adding that the text matches. */
static const struct entry *index_find(const struct rules_index *index, enum bound_style style,
                                      struct slice text)
{
    const struct entry *best = NULL;
    uint32_t hash = HASH_START;
    size_t hashed = 0;

    for (size_t k = 0; k < index->length_count && index->lengths[k] <= text.n; k++) {
        size_t length = index->lengths[k];
        while (hashed < length)
            hash = hash_byte(hash, text.p[hashed++]);
        for (uint32_t i = index->slots[hash & index->mask]; i != NO_ENTRY; i = index->entries[i].next) {
            const struct entry *e = &index->entries[i];
            if (e->hash == hash && e->length == length && (!best || e < best) &&
                matches(e->rule, style, text))
                best = e;
        }
    }
    return best;
}

/* ---- lists ---- */

const struct rule *rules_find(const struct rules *rules, enum bound_style style, struct slice text)
{
    if (rules->index) {
        const struct entry *found = index_find(rules->index, style, text);
        return found ? found->rule : NULL;
    }
    for (size_t i = 0; i < rules->count; i++)
        if (matches(&rules->at[i], style, text))
            return &rules->at[i];
    return NULL;
}

const struct rule *rules_largest(const struct rules *numbers)
{
    const struct rule *most = &numbers->at[0];

    for (size_t i = 1; i < numbers->count; i++)
        if (numbers->at[i].cap > most->cap)
            most = &numbers->at[i];
    return most;
}

bool rules_make_index(struct rules *rules, enum bound_style style, struct arena *a)
{
    rules->index = NULL;
    if (rules->count <= INDEX_MIN_VALUES || style == BOUND_STYLE_REPLICAS || style == BOUND_STYLE_FLAG)
        return true;
    struct rules_index *index = index_new(rules->count, a);
    if (!index)
        return false;
    for (size_t i = 0; i < rules->count; i++)
        if (!index_add(index, &rules->at[i], has_patterns(style), NULL))
            return true;
    rules->index = index;
    return true;
}

struct owners {
    struct rules_index *index;
};

struct owners *owners_new(size_t count, struct arena *a)
{
    struct owners *o = ARENA_NEW(a, struct owners);

    if (o)
        o->index = index_new(count, a);
    return o && o->index ? o : NULL;
}

bool owners_add(struct owners *o, const struct rule *pattern, const void *owner)
{
    return index_add(o->index, pattern, true, owner);
}

const void *owners_find(const struct owners *o, struct slice name)
{
    const struct entry *found = o ? index_find(o->index, BOUND_STYLE_GLOBS, name) : NULL;

    return found ? found->owner : NULL;
}
