/*
 * rules: the values of one key of a configuration, and finding the one that a text matches. How values compare depends on the
 * key's style (core/bounds.def); this file and rules.c are the only place that knows it.
 */
#ifndef EG_RULES_H
#define EG_RULES_H
#include "base/arena.h"
#include "base/sbuf.h"
#include "core/opcat.h"

/* One value of a key, with its place. */
struct rule {
    struct slice text;   /* as written */
    const char *file;
    unsigned line;
    bool has_cap;        /* "spec <= n", "spec = n", a number */
    int64_t cap;
    int64_t until_s;     /* it counts before this time, in seconds since 1970; 0 = for ever */
};

struct rules_index;

/* All values of one key; count 0 = the key is not set. */
struct rules {
    const char *key;     /* "service_specs" */
    const struct rule *at;
    size_t count;
    const struct rules_index *index; /* NULL: few values, they are tried in order */
};

/* Styles of bounds.def. */
enum bound_style {
    BOUND_STYLE_NONE = 0,
    BOUND_STYLE_ALLOW,
    BOUND_STYLE_GLOBS,
    BOUND_STYLE_WORDS,
    BOUND_STYLE_OSS_PATHS,
    BOUND_STYLE_NAS_PATHS,
    BOUND_STYLE_SPEC_CAPS,
    BOUND_STYLE_COUNTS,
    BOUND_STYLE_REPLICAS,
    BOUND_STYLE_FLAG
};
enum bound_style bound_style(enum bound b);
/* BOUND_NONE for an unknown one. */
enum bound bound_by_name(struct slice key);

/* A value as it would stand in a file: "llama_7b_fp16 <= 4", "llama_7b_fp16 = 2", "8 until 2026-12-16T00:00:00Z". */
void rule_print(const struct rule *rule, enum bound_style style, struct sbuf *out);
/* The part of it behind the value; nothing when it counts for ever. */
void rule_print_until(int64_t until_s, struct sbuf *out);

/* The first value that the text matches, by the style; NULL without one. REPLICAS and FLAG have no such values: NULL. */
const struct rule *rules_find(const struct rules *rules, enum bound_style style, struct slice text);
/* Of numbers each counts once those before it have ended (until): the one with the largest cap, which may be reached at some time.
 * There is at least one. */
const struct rule *rules_largest(const struct rules *numbers);
/* Make the index of a list that is long enough to need one. False without memory. */
bool rules_make_index(struct rules *rules, enum bound_style style, struct arena *a);

/* Who owns a name among many lists of patterns (that do not overlap): the same index over all of them. */
struct owners;
/* Room for `count` patterns; NULL without memory. */
struct owners *owners_new(size_t count, struct arena *a);
/* At most `count` times; patterns of at most GLOB_PATTERN_MAX_BYTES. False: there is no room. */
bool owners_add(struct owners *o, const struct rule *pattern, const void *owner);
/* NULL: nobody. NULL owners: nobody. */
const void *owners_find(const struct owners *o, struct slice name);
#endif
