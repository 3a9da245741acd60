/*
 * The table of keys, and reading a section by it: see schema.h. A key that is not in the table, or whose meaning this version
 * does not enforce, is an error by name: nothing in a file is ever accepted in silence.
 */
#include "config/schema.h"
#include "base/map.h"
#include "base/must.h"

/* Row type and field must agree, or this does not compile. */
#define FIELD(T, f, ...)            (offsetof(T, f) + 0 * sizeof(_Generic(((T *)0)->f, __VA_ARGS__)))
#define FIELD_BOOL(T, f)            FIELD(T, f, bool : 0)
#define FIELD_NUMBER(T, f)          FIELD(T, f, uint64_t : 0)
#define FIELD_DURATION(T, f)        FIELD(T, f, uint64_t : 0)
#define FIELD_SIZE(T, f)            FIELD(T, f, uint64_t : 0)
#define FIELD_MODE(T, f)            FIELD(T, f, uint64_t : 0)
#define FIELD_DATE(T, f)            FIELD(T, f, int64_t : 0)
#define FIELD_POLICY_MODE(T, f)     FIELD(T, f, enum policy_mode : 0)
#define FIELD_LOG_LEVEL(T, f)       FIELD(T, f, enum log_level : 0)
#define FIELD_DURABILITY(T, f)      FIELD(T, f, enum audit_durability : 0)
#define FIELD_COMPRESS(T, f)        FIELD(T, f, enum audit_compress : 0)
#define FIELD_CREDENTIAL_TYPE(T, f) FIELD(T, f, enum cfg_credential_type : 0)
#define FIELD_NAME(T, f)            FIELD(T, f, struct rule : 0)
#define FIELD_REGION(T, f)          FIELD(T, f, struct slice : 0)
#define FIELD_ENDPOINT(T, f)        FIELD(T, f, struct slice : 0)
#define FIELD_SYSLOG(T, f)          FIELD(T, f, struct slice : 0)
#define FIELD_PATH(T, f)            FIELD(T, f, struct slice : 0)
#define FIELD_REPLICAS(T, f)        FIELD(T, f, struct rules : 0)
#define FIELD_FLAG(T, f)            FIELD(T, f, struct rules : 0)
#define FIELD_LISTEN(T, f)          FIELD(T, f, struct rules : 0)
#define FIELD_HOSTS(T, f)           FIELD(T, f, struct rules : 0)
#define FIELD_DIGESTS(T, f)         FIELD(T, f, struct rules : 0)
#define FIELD_ALLOW(T, f)           FIELD(T, f, struct rules : 0)
#define FIELD_GLOBS(T, f)           FIELD(T, f, struct rules : 0)
#define FIELD_OSS_PATHS(T, f)       FIELD(T, f, struct rules : 0)
#define FIELD_NAS_PATHS(T, f)       FIELD(T, f, struct rules : 0)
#define FIELD_WORDS(T, f)           FIELD(T, f, struct rules : 0)
#define FIELD_SPEC_CAPS(T, f)       FIELD(T, f, struct rules : 0)
#define FIELD_COUNTS(T, f)          FIELD(T, f, struct rules : 0)
#define BOOT                        true
#define LIVE                        false
#define REQUIRED                    true
#define OPTIONAL                    false
#define SECRET                      true
#define OPEN                        false

/* clang-format off */
#define ROW(kind, type, field, key, fallback, lo, hi, when, need, secret, help)
#define LATER(kind, key)
#define SECTION(kind, name, has_name, type, help) typedef type section_##kind##_fields;
#include "config/schema.def"
#undef SECTION

static const struct schema_section sections[SECTION_COUNT_] = {
#define SECTION(kind, name, has_name, type, help) [SECTION_##kind] = { name, has_name, sizeof(type), help },
#include "config/schema.def"
#undef SECTION
#undef ROW
};

#define SECTION(kind, name, has_name, type, help)
static const struct schema_row rows[] = {
#define ROW(kind, type, field, key, fallback, lo, hi, when, need, secret, help)                                  \
    { SECTION_##kind, TYPE_##type, FIELD_##type(section_##kind##_fields, field), key, fallback, lo, hi, when, need, \
      secret, help },
#include "config/schema.def"
#undef ROW
#undef LATER
};

static const struct { enum schema_kind kind; const char *key; } later[] = {
#define ROW(kind, type, field, key, fallback, lo, hi, when, need, secret, help)
#define LATER(kind, key) { SECTION_##kind, key },
#include "config/schema.def"
#undef ROW
#undef LATER
#undef SECTION
};
/* clang-format on */

#define ROW_COUNT (sizeof rows / sizeof rows[0])

const struct schema_section *schema_section_at(enum schema_kind kind)
{
    MUST(kind > SECTION_NONE && kind < SECTION_COUNT_);
    return &sections[kind];
}

enum schema_kind schema_kind_of(struct slice name)
{
    for (enum schema_kind kind = SECTION_NONE + 1; kind < SECTION_COUNT_; kind++)
        if (slice_eq(name, slice_of(sections[kind].name)))
            return kind;
    return SECTION_NONE;
}

size_t schema_row_count(void)
{
    return ROW_COUNT;
}

const struct schema_row *schema_row_at(size_t i)
{
    MUST(i < ROW_COUNT);
    return &rows[i];
}

const struct schema_row *schema_row_find(enum schema_kind kind, struct slice key)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].kind == kind && slice_eq(key, slice_of(rows[i].key)))
            return &rows[i];
    return NULL;
}

bool schema_key_is_later(enum schema_kind kind, struct slice key)
{
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++)
        if (later[i].kind == kind && slice_eq(key, slice_of(later[i].key)))
            return true;
    return false;
}

/* ---- did you mean ---- */

#define DISTANCE_MAX_BYTES 48

/* Levenshtein's, one row kept. */
size_t schema_distance(struct slice a, struct slice b)
{
    size_t row[DISTANCE_MAX_BYTES + 1];

    if (a.n > DISTANCE_MAX_BYTES || b.n > DISTANCE_MAX_BYTES)
        return DISTANCE_MAX_BYTES;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t best = diagonal + (ascii_lower(a.p[i - 1]) != ascii_lower(b.p[j - 1]));
            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[b.n];
}

static void keep_nearest(struct slice name, const char *candidate, const char **best, size_t *best_distance)
{
    size_t distance = schema_distance(name, slice_of(candidate));

    if (distance < *best_distance) {
        *best = candidate;
        *best_distance = distance;
    }
}

const char *schema_suggest(enum schema_kind kind, struct slice name)
{
    const char *best = NULL;
    size_t nearest = name.n / 3 + 1 < 4 ? name.n / 3 + 1 : 4; /* further off than this is no slip */

    for (size_t i = 0; kind != SECTION_NONE && i < ROW_COUNT; i++)
        if (rows[i].kind == kind)
            keep_nearest(name, rows[i].key, &best, &nearest);
    for (enum schema_kind k = SECTION_NONE + 1; kind == SECTION_NONE && k < SECTION_COUNT_; k++)
        keep_nearest(name, sections[k].name, &best, &nearest);
    return best;
}

/* ---- reading a section ---- */

struct filling {
    const struct schema_reading *r;
    enum schema_kind kind;
    const struct ini_section *section;
    const char *title;
    char *base;
    unsigned *lines;
};

const char *schema_title(struct arena *a, const struct ini_section *section)
{
    return arena_printf(a, "%.*s%s%.*s", SLICE_FMT(section->kind), section->name.n ? " " : "",
                        SLICE_FMT(section->name));
}

static void refuse_key(const struct filling *f, const struct ini_item *item)
{
    struct problems *p = f->r->problems;
    const char *near = schema_suggest(f->kind, item->key);
    SCOPED(sbuf) keys = SBUF_MAX(1600);

    if (schema_key_is_later(f->kind, item->key)) {
        problem_error(p, item->line, "%.*s of [%s] is not enforced by this version; remove it",
                      SLICE_FMT(item->key), f->title);
        return;
    }
    if (near) {
        problem_error(p, item->line, "unknown key \"%.*s\" in [%s], did you mean %s?", SLICE_FMT(item->key),
                      f->title, near);
        return;
    }
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].kind == f->kind)
            sbuf_addf(&keys, "%s%s", keys.n ? ", " : "", rows[i].key);
    problem_error(p, item->line, "unknown key \"%.*s\" in [%s], expected one of: %.*s", SLICE_FMT(item->key),
                  f->title, SLICE_FMT(sbuf_slice(&keys)));
}

static void refuse_value(const struct filling *f, const struct schema_row *row, struct slice text,
                         unsigned line, const struct err *e)
{
    if (row->is_secret)
        problem_error(f->r->problems, line, "%s of [%s] is malformed: %s", row->key, f->title, e->text);
    else
        problem_error(f->r->problems, line, "%s of [%s] is \"%.*s\": %s", row->key, f->title, SLICE_FMT(text),
                      e->text);
}

/* Is this the second item of the same key before `item`? */
static const struct ini_item *earlier_item(const struct filling *f, const struct ini_item *item)
{
    const struct ini_item *first = ini_section_item(f->section, item->key);

    return first == item ? NULL : first;
}

static void fill_scalar(const struct filling *f, const struct schema_row *row, const struct ini_item *item)
{
    struct err e = { 0 };

    if (item) {
        if (!schema_set_scalar(f->r, row, item->value, item->line, f->base, &e))
            refuse_value(f, row, item->value, item->line, &e);
        return;
    }
    if (row->fallback)
        MUST(schema_set_scalar(f->r, row, slice_of(row->fallback), 0, f->base, &e) ||
             arena_failed(f->r->arena));
}

static size_t count_elements(const struct ini_section *section, struct slice key)
{
    size_t n = 0;

    for (const struct ini_item *item = section->items; item; item = item->next) {
        struct slice rest = item->value, part;
        if (slice_eq(item->key, key))
            while (slice_split(&rest, ',', &part))
                n++;
    }
    return n;
}

struct elements {
    struct rule *at;
    size_t count;
    struct map *seen; /* text -> the rule that has it */
};

static void refuse_twice(const struct filling *f, const struct schema_row *row, const struct rule *rule,
                         const struct rule *first)
{
    struct slice text = row->is_secret ? S("a value") : rule->text;

    problem_error(f->r->problems, rule->line, "%s of [%s] lists %.*s twice (first in line %u)", row->key,
                  f->title, SLICE_FMT(text), first->line);
}

/* One element into the list, unless it is wrong or already there. False without memory. */
static bool add_element(const struct filling *f, const struct schema_row *row, struct slice text,
                        unsigned line, struct elements *list)
{
    struct err e = { 0 };
    struct rule *rule = &list->at[list->count];

    if (text.n == 0) {
        problem_error(f->r->problems, line, "%s of [%s] has an empty value, expected VALUE, VALUE ...",
                      row->key, f->title);
        return true;
    }
    if (!schema_set_element(f->r, row, text, line, rule, &e)) {
        refuse_value(f, row, text, line, &e);
        return true;
    }
    const struct rule *first = map_get(list->seen, rule->text);
    if (first && !first->until_s) { /* a value that ends may stand before one that then counts */
        refuse_twice(f, row, rule, first);
        return true;
    }
    list->count++;
    return map_put(list->seen, rule->text, rule);
}

static bool add_elements(const struct filling *f, const struct schema_row *row, struct elements *list)
{
    struct slice key = slice_of(row->key);

    for (const struct ini_item *item = f->section->items; item; item = item->next) {
        struct slice rest = item->value, part;
        while (slice_eq(item->key, key) && !problems_are_many(f->r->problems) &&
               slice_split(&rest, ',', &part))
            if (!add_element(f, row, slice_trim(part), item->line, list))
                return false;
    }
    return true;
}

static bool fill_list(const struct filling *f, const struct schema_row *row)
{
    struct rules *rules = (struct rules *)(void *)(f->base + row->offset);
    size_t most = count_elements(f->section, slice_of(row->key));

    *rules = (struct rules){ .key = row->key };
    if (most == 0)
        return true;
    struct elements list = { .at = ARENA_ARRAY(f->r->arena, struct rule, most), .seen = map_new() };
    bool ok = list.at && list.seen && add_elements(f, row, &list);
    map_free(&list.seen);
    if (ok && list.count > row->hi)
        problem_error(f->r->problems, list.at[row->hi].line,
                      "%s of [%s] lists %zu values, expected at most %llu", row->key, f->title, list.count,
                      (unsigned long long)row->hi);
    rules->at = list.at;
    rules->count = list.count;
    return ok;
}

static bool fill_row(const struct filling *f, const struct schema_row *row)
{
    const struct ini_item *item = ini_section_item(f->section, slice_of(row->key));

    if (f->lines && item)
        f->lines[row - rows] = item->line;
    if (!item && row->is_required && !f->section->is_faulty)
        problem_error(f->r->problems, f->section->line, "[%s] has no %s, expected %s = %s", f->title,
                      row->key, row->key, schema_type_text(row->type));
    if (schema_type_is_list(row->type))
        return fill_list(f, row);
    fill_scalar(f, row, item);
    return true;
}

bool schema_fill(const struct schema_reading *r, enum schema_kind kind, const struct ini_section *section,
                 void *base, unsigned *out_lines)
{
    struct filling f = { r, kind, section, schema_title(r->arena, section), base, out_lines };

    if (!f.title)
        return false;
    for (const struct ini_item *item = section->items; item && !problems_are_many(r->problems);
         item = item->next) {
        const struct schema_row *row = schema_row_find(kind, item->key);
        const struct ini_item *first = row && !schema_type_is_list(row->type) ? earlier_item(&f, item) : NULL;
        if (!row)
            refuse_key(&f, item);
        if (first)
            problem_error(r->problems, item->line,
                          "%.*s of [%s] is repeated, expected it once (first in line %u)",
                          SLICE_FMT(item->key), f.title, first->line);
    }
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].kind == kind && !fill_row(&f, &rows[i]))
            return false;
    return !arena_failed(r->arena);
}
