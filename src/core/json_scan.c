/*
 * The strict pass: see json_scan.h. The grammar is json_read's; here are the limits and the names.
 * Names of open objects lie on one stack (those of an inner object on top, gone when it closes). When an
 * object closes, its names are compared: a few by pairs, many by sorting, so that no choice of names makes it
 * quadratic. No seed, no global: the same bytes give the same verdict on any thread. It must never repeat a
 * byte of the text except through json_reader_fail.
 */
#include "core/json_scan.h"
#include "core/json_read.h"

#define NAMES_INSIDE   48 /* without allocating */
#define NAMES_BY_PAIRS 16

const struct json_limits json_limits_request = {
    .depth = 32, .bytes = 256 * 1024, .members = 10000, .string_bytes = 64 * 1024
};
const struct json_limits json_limits_answer = {
    .depth = 64, .bytes = 64 * 1024 * 1024, .members = 1000000, .string_bytes = 16 * 1024 * 1024
};

struct name {
    struct slice raw;
    uint64_t hash; /* of the folded text */
};

struct scan {
    struct json_reader reader;
    const struct json_limits *limits;
    size_t values;
    struct name *names; /* points at `inside`, or at the heap */
    size_t name_count, name_cap;
    size_t first_name[JSON_READ_DEPTH_MAX]; /* of each open level */
    struct name inside[NAMES_INSIDE];
};

/* FNV-1a over folded characters; collisions only cost a comparison. */
static uint64_t hash_folded(struct slice raw)
{
    uint64_t hash = 0xcbf29ce484222325;
    uint32_t code;

    for (size_t at = 0; json_raw_next(raw, &at, &code);)
        hash = (hash ^ json_fold(code)) * 0x100000001b3;
    return hash;
}

/* By folded text, then by place, so that the earlier of two equal names stands first. */
static bool stands_before(const struct name *a, const struct name *b)
{
    if (a->hash != b->hash)
        return a->hash < b->hash;
    int c = json_raw_cmp_nocase(a->raw, b->raw);
    return c != 0 ? c < 0 : a->raw.p < b->raw.p;
}

/* Let names[at] sink until both its children in the heap of n stand before it. */
static void sink(struct name *names, size_t at, size_t n)
{
    struct name moving = names[at];

    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && stands_before(&names[child], &names[child + 1]))
            child++;
        if (!stands_before(&moving, &names[child]))
            break;
        names[at] = names[child];
    }
    names[at] = moving;
}

/* Heap sort: no memory, and never worse than n log n, neither of which qsort promises. */
static void sort_names(struct name *names, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sink(names, i, n);
    while (n > 1) {
        struct name last = names[--n];
        names[n] = names[0];
        names[0] = last;
        sink(names, 0, n);
    }
}

static bool name_eq(const struct name *a, const struct name *b)
{
    return a->hash == b->hash && json_raw_eq_nocase(a->raw, b->raw);
}

/* The first name that repeats an earlier one (*out_earlier), or NULL. */
static const struct name *find_repeated(struct name *names, size_t n, const struct name **out_earlier)
{
    const struct name *hit = NULL;

    if (n <= NAMES_BY_PAIRS) {
        for (size_t i = 1; i < n; i++)
            for (size_t j = 0; j < i; j++)
                if (name_eq(&names[i], &names[j])) {
                    *out_earlier = &names[j];
                    return &names[i];
                }
        return NULL;
    }
    sort_names(names, n);
    for (size_t i = 1; i < n; i++)
        if (name_eq(&names[i - 1], &names[i]) && (!hit || names[i].raw.p < hit->raw.p)) {
            *out_earlier = &names[i - 1];
            hit = &names[i];
        }
    return hit;
}

/* All names of the object that just closed (its level is one above the present depth). */
static bool check_names(struct scan *s, struct err *e)
{
    struct json_reader *r = &s->reader;
    size_t first = s->first_name[r->depth];
    const struct name *earlier = NULL;
    const struct name *hit = find_repeated(s->names + first, s->name_count - first, &earlier);

    s->name_count = first;
    if (!hit)
        return true;
    r->levels[r->depth++].name = hit->raw; /* the error points at the member */
    size_t at = (size_t)(hit->raw.p - r->text.p) - 1;
    return json_reader_fail(r, e, ERR_CONFLICT, at,
                            json_raw_eq(hit->raw, earlier->raw)
                                ? "duplicate name"
                                : "duplicate name, differs only in case from an earlier one");
}

static bool grow_names(struct scan *s)
{
    size_t cap = s->name_cap * 2;
    bool inside = s->names == s->inside;
    struct name *names = realloc(inside ? NULL : s->names, cap * sizeof *names);

    if (!names)
        return false;
    if (inside)
        memcpy(names, s->inside, sizeof s->inside);
    s->names = names;
    s->name_cap = cap;
    return true;
}

static bool add_name(struct scan *s, const struct json_piece *piece, struct err *e)
{
    if (s->name_count == s->name_cap && !grow_names(s))
        return err_set(e, ERR_MEMORY, "no memory to check the names of a JSON text");
    s->names[s->name_count++] = (struct name){ piece->raw, hash_folded(piece->raw) };
    return true;
}

static bool check_limits(struct scan *s, const struct json_piece *piece, struct err *e)
{
    const struct json_limits *limits = s->limits;
    bool is_end = piece->event == JSON_EVENT_OBJECT_END || piece->event == JSON_EVENT_ARRAY_END;
    bool is_value = !is_end && piece->event != JSON_EVENT_NAME && piece->event != JSON_EVENT_DONE;
    char why[80];

    s->values += is_value;
    if (s->reader.depth > limits->depth) {
        s->reader.depth--; /* the error points at what is nested too deeply */
        snprintf(why, sizeof why, "nested too deeply, at most %zu levels are allowed", limits->depth);
    } else if (s->values > limits->members) {
        snprintf(why, sizeof why, "too many values, at most %zu are allowed", limits->members);
    } else if (piece->text_bytes > limits->string_bytes) {
        snprintf(why, sizeof why, "string or number too long, at most %zu bytes are allowed",
                 limits->string_bytes);
    } else {
        return true;
    }
    return json_reader_fail(&s->reader, e, ERR_TOO_LONG, piece->start, why);
}

static bool scan_run(struct scan *s, struct err *e)
{
    struct json_piece piece;

    do {
        if (!json_reader_next(&s->reader, &piece))
            return json_reader_fail(&s->reader, e, ERR_SYNTAX, s->reader.error_at, s->reader.why);
        if (!check_limits(s, &piece, e))
            return false;
        if (piece.event == JSON_EVENT_OBJECT)
            s->first_name[s->reader.depth - 1] = s->name_count;
        if (piece.event == JSON_EVENT_NAME && !add_name(s, &piece, e))
            return false;
        if (piece.event == JSON_EVENT_OBJECT_END && !check_names(s, e))
            return false;
    } while (piece.event != JSON_EVENT_DONE);
    return true;
}

bool json_scan(struct slice text, const struct json_limits *limits, struct err *e)
{
    struct scan s;

    if (text.n > limits->bytes)
        return err_set(e, ERR_TOO_LONG, "the text has %zu bytes, at most %zu are allowed", text.n,
                       limits->bytes);
    json_reader_init(&s.reader, text);
    s.limits = limits;
    s.values = 0;
    s.names = s.inside;
    s.name_count = 0;
    s.name_cap = NAMES_INSIDE;
    bool fine = scan_run(&s, e);
    if (s.names != s.inside)
        free(s.names);
    return fine;
}
