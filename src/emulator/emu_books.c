/*
 * The books: see emu_books.h. A list of changes in order, replayed for each question; the question decides which
 * services belong together, so nothing needs to be known before. They must never lose a change without saying so.
 */
#include "emulator/emu_books.h"
#include "base/map.h"
#include "emulator/emu_json.h"
#include <stdlib.h>

#define ENTRIES_MAX (8U << 20)
#define TAG_END     '\x1f'

/* A name or a set of tags: each text has one number, in order of appearance. */
struct word {
    uint32_t number;
    uint32_t tags; /* of a name: its present state, as the last entry has it */
    int32_t live, reach;
    int32_t peak, reach_peak;
    char text[];
};

struct words {
    struct word **all;
    size_t n, cap;
    struct map *by_text;
};

struct entry {
    uint32_t name, tags;
    int32_t live, reach;
};

struct emu_books {
    struct words names, tags;
    struct entry *entries;
    size_t n, cap;
    bool incomplete;
};

static void *grown(void *array, size_t *cap, size_t size)
{
    size_t more = *cap ? *cap * 2 : 64;
    void *p = realloc(array, more * size);

    if (p)
        *cap = more;
    return p;
}

static struct word *word_of(struct words *w, struct slice text)
{
    struct word *found = map_get(w->by_text, text);

    if (found)
        return found;
    if (w->n == w->cap) {
        struct word **all = grown(w->all, &w->cap, sizeof(struct word *));
        if (!all)
            return NULL;
        w->all = all;
    }
    found = calloc(1, sizeof *found + text.n + 1);
    if (!found)
        return NULL;
    if (text.n)
        memcpy(found->text, text.p, text.n);
    if (!map_put(w->by_text, text, found)) {
        free(found);
        return NULL;
    }
    found->number = (uint32_t)w->n;
    w->all[w->n++] = found;
    return found;
}

static void forget(struct words *w)
{
    for (size_t i = 0; i < w->n; i++) {
        map_remove(w->by_text, slice_of(w->all[i]->text));
        free(w->all[i]);
    }
    w->n = 0;
}

struct emu_books *emu_books_new(void)
{
    struct emu_books *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    b->names.by_text = map_new();
    b->tags.by_text = map_new();
    if (!b->names.by_text || !b->tags.by_text)
        emu_books_free(&b);
    return b;
}

void emu_books_reset(struct emu_books *b)
{
    forget(&b->names);
    forget(&b->tags);
    b->n = 0;
    b->incomplete = false;
}

void emu_books_free(struct emu_books **at)
{
    struct emu_books *b = *at;

    *at = NULL;
    if (!b)
        return;
    emu_books_reset(b);
    map_free(&b->names.by_text);
    map_free(&b->tags.by_text);
    free(b->names.all);
    free(b->tags.all);
    free(b->entries);
    free(b);
}

static int32_t narrow(int64_t n)
{
    return (int32_t)(n > INT32_MAX ? INT32_MAX : n < 0 ? 0 : n);
}

void emu_books_set(struct emu_books *b, struct slice name, const struct emu_tags *tags, int64_t live,
                   int64_t reach)
{
    SCOPED(sbuf) text = SBUF_MAX(4U << 20);

    sbuf_add(&text, tags->workspace);
    sbuf_addc(&text, TAG_END);
    sbuf_add(&text, tags->spec);
    sbuf_addc(&text, TAG_END);
    sbuf_add(&text, tags->labels);
    struct word *n = word_of(&b->names, name), *t = word_of(&b->tags, sbuf_slice(&text));
    struct entry e = { .live = narrow(live), .reach = narrow(reach) };
    if (!n || !t) {
        b->incomplete = true;
        return;
    }
    if (n->live == e.live && n->reach == e.reach && (n->tags == t->number || (!e.live && !e.reach)))
        return;
    if (b->n == b->cap) {
        struct entry *entries = b->n < ENTRIES_MAX ? grown(b->entries, &b->cap, sizeof *entries) : NULL;
        b->incomplete = b->incomplete || !entries;
        b->entries = entries ? entries : b->entries;
    }
    e.name = n->number;
    e.tags = n->tags = t->number;
    n->live = e.live;
    n->reach = e.reach;
    n->peak = e.live > n->peak ? e.live : n->peak;
    n->reach_peak = e.reach > n->reach_peak ? e.reach : n->reach_peak;
    if (b->n < b->cap)
        b->entries[b->n++] = e;
}

uint64_t emu_books_count(const struct emu_books *b)
{
    return b->n;
}

void emu_books_one(const struct emu_books *b, struct slice name, int64_t *out_peak, int64_t *out_reach_peak)
{
    const struct word *n = map_get(b->names.by_text, name);

    *out_peak = n ? n->peak : 0;
    *out_reach_peak = n ? n->reach_peak : 0;
}

static bool has_label(struct slice labels, const struct emu_books_filter *f)
{
    size_t used;
    struct emu_json *list = emu_json_parse(labels, &used);
    bool found = false;

    for (const struct emu_json *l = emu_json_first(list); l && !found; l = emu_json_next(l))
        found = slice_eq(emu_json_text(emu_json_get(l, "LabelKey")), f->label_key) &&
                slice_eq(emu_json_text(emu_json_get(l, "LabelValue")), f->label_value);
    emu_json_free(&list);
    return found;
}

static bool has_tags(const struct word *w, const struct emu_books_filter *f)
{
    struct slice rest = slice_of(w->text), workspace = SLICE_NONE, spec = SLICE_NONE;

    slice_split(&rest, TAG_END, &workspace);
    slice_split(&rest, TAG_END, &spec);
    return (!f->workspace.n || slice_eq(workspace, f->workspace)) &&
           (!f->spec.n || slice_eq(spec, f->spec)) && (!f->label_key.n || has_label(rest, f));
}

static bool has_name(const struct word *w, const struct emu_books_filter *f)
{
    struct slice name = slice_of(w->text);

    return (!f->name.n || slice_eq(name, f->name)) && slice_starts(name, f->prefix);
}

struct counted {
    int32_t live, reach; /* what this name adds to the sum at present */
    bool is_in;
};

static void replay(const struct emu_books *b, const bool *tags, struct counted *names, struct emu_peaks *out)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct entry *e = &b->entries[i];
        struct counted *c = &names[e->name];
        bool counts = c->is_in && tags[e->tags];
        out->live += (counts ? e->live : 0) - c->live;
        out->reach += (counts ? e->reach : 0) - c->reach;
        c->live = counts ? e->live : 0;
        c->reach = counts ? e->reach : 0;
        if (out->live > out->peak) {
            out->peak = out->live;
            out->peak_by = slice_of(b->names.all[e->name]->text);
        }
        if (out->reach > out->reach_peak)
            out->reach_peak = out->reach;
    }
}

void emu_books_sum(const struct emu_books *b, const struct emu_books_filter *f, struct emu_peaks *out)
{
    struct counted *names = calloc(b->names.n + 1, sizeof *names);
    bool *tags = calloc(b->tags.n + 1, sizeof *tags);

    *out = (struct emu_peaks){ .complete = names && tags && !b->incomplete };
    for (size_t i = 0; tags && i < b->tags.n; i++)
        tags[i] = has_tags(b->tags.all[i], f);
    for (size_t i = 0; names && i < b->names.n; i++) {
        names[i].is_in = has_name(b->names.all[i], f);
        out->services += names[i].is_in;
    }
    if (names && tags)
        replay(b, tags, names, out);
    free(names);
    free(tags);
}
