/*
 * Values without an inside: see facts_inner.h. The tree says what a value means; this file says what one of its type looks
 * like, and adds it to the facts.
 */
#include "core/facts_inner.h"
#include "base/num.h"

#define TEXT_MAX_BYTES  1024
#define WHERE_MAX_BYTES 512

/* EAS's own guides: [a-z0-9_]; '-' stands in its examples. Only ever used to refuse. */
bool facts_is_service_name(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !ascii_is_digit(s.p[i]) && s.p[i] != '_' && s.p[i] != '-')
            return false;
    return s.n > 0 && s.n <= FACTS_NAME_MAX_CHARS;
}

bool facts_is_printable(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] > 0x7e)
            return false;
    return true;
}

/* ---- places ---------------------------------------------------------------- */

static void print_place(const struct facts_place *at, struct sbuf *out)
{
    if (at->up)
        print_place(at->up, out);
    if (at->up && slice_is_empty(at->name)) {
        sbuf_addf(out, "[%zu]", at->index);
        return;
    }
    if (at->up && !at->up->is_root)
        sbuf_addc(out, '.');
    sbuf_add(out, at->name);
}

/* "Config.OssPath" in the arena. */
bool facts_place_text(struct facts_reader *r, const struct facts_place *at, struct slice *out)
{
    char most[WHERE_MAX_BYTES] = "";
    SCOPED(sbuf) text = SBUF_LENT(most, sizeof most, WHERE_MAX_BYTES);

    print_place(at, &text);
    if (!sbuf_ok(&text))
        return err_set(r->e, ERR_TOO_LONG, "a field name is longer than %d bytes", WHERE_MAX_BYTES);
    *out = arena_dup(r->a, sbuf_slice(&text));
    return out->p || err_set(r->e, ERR_MEMORY, "out of memory");
}

/* Refuse a value: "body field Replicas must be ...". */
bool facts_refuse(struct facts_reader *r, const struct facts_place *at, enum err_code code, const char *why)
{
    struct slice where;

    if (!facts_place_text(r, at, &where))
        return false;
    return err_set(r->e, code, "%s%.*s %s",
                   r->source     ? "the stored configuration: "
                   : r->is_query ? ""
                                 : "body field ",
                   SLICE_FMT(where), why ? why : "is refused");
}

bool facts_refuse_type(struct facts_reader *r, const struct op_field *f, const struct facts_place *at)
{
    return facts_refuse(r, at, ERR_RANGE,
                        arena_printf(r->a, "must be %s%s", op_type_name(f->type),
                                     f->type == OP_INTEGER ? " written as plain digits, as in 4" : ""));
}

/* ---- values ---------------------------------------------------------------- */

static void show(struct facts *out, const struct fact *v)
{
    struct slice *const texts[BOUND_COUNT_] = {
        [BOUND_workspaces] = &out->workspace, [BOUND_quotas] = &out->quota,
        [BOUND_app_types] = &out->app_type,   [BOUND_app_versions] = &out->app_version,
        [BOUND_service_specs] = &out->spec,   [BOUND_instance_types] = &out->instance_type,
        [BOUND_oss_paths] = &out->oss_path,   [BOUND_nas_paths] = &out->nas_path,
    };

    if (v->meaning == OP_CLUSTER && slice_starts(v->where, S("path ")))
        out->cluster = v->text;
    if (v->meaning == OP_OWNED && slice_eq(v->where, S("path ServiceName")))
        out->service = v->text;
    if (v->meaning == OP_NEW && v->bound == BOUND_services)
        out->new_service = v->text;
    if (v->meaning == OP_BOUNDED && texts[v->bound] && !texts[v->bound]->p)
        *texts[v->bound] = v->text;
    if (v->meaning == OP_REPLICAS) {
        out->replicas = !out->has_replicas || v->number > out->replicas ? v->number : out->replicas;
        out->has_replicas = true;
    }
    if (v->bound == BOUND_max_gpus) {
        out->gpus = !out->has_gpus || v->number > out->gpus ? v->number : out->gpus;
        out->has_gpus = true;
    }
    if (v->bound == BOUND_max_gpu_memory || v->bound == BOUND_max_gpu_core_percentage) {
        out->states_share = true;
        out->shares_gpu = out->shares_gpu || v->number != 0;
    }
}

bool facts_add(struct facts_reader *r, struct fact fact)
{
    size_t count = r->out->count;

    if (count == FACTS_MAX)
        return err_set(r->e, ERR_TOO_LONG, "more than %d values would have to be judged", FACTS_MAX);
    if (count == r->room) {
        size_t room = r->room ? r->room * 2 : 16;
        struct fact *values = ARENA_ARRAY(r->a, struct fact, room);
        if (!values)
            return err_set(r->e, ERR_MEMORY, "out of memory");
        if (count)
            memcpy(values, r->values, count * sizeof *values);
        r->values = values;
        r->room = room;
        r->out->values = values;
    }
    r->values[count] = fact;
    r->out->count++;
    show(r->out, &fact);
    return true;
}

bool facts_add_text(struct facts_reader *r, enum op_meaning meaning, enum bound bound, struct slice text,
                    const struct facts_place *at)
{
    struct fact fact = { .meaning = meaning, .bound = bound, .text = text };

    /* Resource groups of both kinds are named in one field; their ids tell them apart. */
    if (bound == BOUND_resources && slice_starts(text, S("eas-vr-")))
        fact.bound = BOUND_virtual_resources;
    if (r->source || r->is_query) {
        fact.text = arena_dup(r->a, text);
        if (!fact.text.p)
            return err_set(r->e, ERR_MEMORY, "out of memory");
    }
    return facts_place_text(r, at, &fact.where) && facts_add(r, fact);
}

static bool add_number(struct facts_reader *r, const struct op_field *f, int64_t number,
                       const struct facts_place *at)
{
    struct fact fact = { .meaning = f->meaning, .bound = f->bound, .is_number = true, .number = number };

    return facts_place_text(r, at, &fact.where) && facts_add(r, fact);
}

/* A text that will be compared with a rule: not empty, not long, printable ASCII. Of a query the value may be empty
 * (it then matches no rule) or in UTF-8: query.h has seen to the rest. */
static bool check_judged(struct facts_reader *r, struct slice text, const struct facts_place *at)
{
    if (text.n > TEXT_MAX_BYTES || (text.n == 0 && !r->is_query))
        return facts_refuse(r, at, ERR_RANGE,
                            arena_printf(r->a, "must be a text of 1 to %d characters", TEXT_MAX_BYTES));
    if (!r->is_query && !facts_is_printable(text))
        return facts_refuse(r, at, ERR_RANGE, "must be printable ASCII");
    return true;
}

/* Is text one of "a|b"? *out_last: the last one. */
static bool is_word(const char *words, struct slice text, bool *out_last)
{
    struct slice rest = slice_of(words), word;

    while (slice_split(&rest, '|', &word)) {
        *out_last = rest.p == NULL;
        if (slice_eq(word, text))
            return true;
    }
    return false;
}

static bool read_owned_text(struct facts_reader *r, const struct op_field *f, struct slice text,
                            const struct facts_place *at)
{
    if (f->bound == BOUND_services && !facts_is_service_name(text))
        return facts_refuse(
            r, at, ERR_RANGE,
            arena_printf(r->a, "must be 1 to %d characters of a-z, 0-9, _ and -", FACTS_NAME_MAX_CHARS));
    return facts_add_text(r, f->meaning, f->bound, text, at);
}

static bool read_judged_text(struct facts_reader *r, const struct op_field *f, struct slice text,
                             const struct facts_place *at)
{
    struct slice rest = text, part;

    if (f->encoding != OP_ENCODING_COMMA)
        return check_judged(r, text, at) && read_owned_text(r, f, text, at);
    while (slice_split(&rest, ',', &part))
        if (!check_judged(r, slice_trim(part), at) || !read_owned_text(r, f, slice_trim(part), at))
            return false;
    return true;
}

bool facts_read_text(struct facts_reader *r, const struct op_field *f, struct slice text,
                     const struct facts_place *at)
{
    bool is_last = false;

    if (f->words && !is_word(f->words, text, &is_last))
        return facts_refuse(r, at, ERR_RANGE, arena_printf(r->a, "must be one of %s", f->words));
    if (f->meaning == OP_REFUSED_TRUE)
        return slice_eq(text, S("false")) || facts_refuse(r, at, ERR_DENIED, "may be false only");
    if (f->meaning == OP_SELF)
        return slice_eq(text, r->out->service) ||
               facts_refuse(r, at, ERR_CONFLICT, "must be the service of the path");
    if (f->meaning == OP_FREE || f->meaning == OP_SECRET_VALUE)
        return true;
    if (f->words) /* a FLAG: only yes is judged */
        return !is_last || add_number(r, f, 1, at);
    return read_judged_text(r, f, text, at);
}

static bool is_judged_number(enum op_meaning m)
{
    return m == OP_BOUNDED || (m >= OP_REPLICAS && m <= OP_VERSION);
}

bool facts_read_number(struct facts_reader *r, const struct op_field *f, int64_t number,
                       const struct facts_place *at)
{
    return !is_judged_number(f->meaning) || add_number(r, f, number, at);
}

static bool read_integer(struct facts_reader *r, const struct op_field *f, const struct json *v,
                         const struct facts_place *at)
{
    int64_t low = is_judged_number(f->meaning) ? f->low : -FACTS_NUMBER_MAX - 1, n;

    if (!json_integer(v, -FACTS_NUMBER_MAX - 1, FACTS_NUMBER_MAX, &n))
        return facts_refuse_type(r, f, at);
    if (n < low)
        return facts_refuse(
            r, at, ERR_RANGE,
            arena_printf(r->a, "must be an integer from %lld to %d", (long long)low, FACTS_NUMBER_MAX));
    return facts_read_number(r, f, n, at);
}

/* "40Gi", or 40: gigabytes. */
static bool read_size(struct facts_reader *r, const struct op_field *f, const struct json *v,
                      const struct facts_place *at)
{
    struct slice text = json_text(v);
    uint64_t n;
    int64_t plain;

    if (json_integer(v, 0, FACTS_NUMBER_MAX, &plain))
        return facts_read_number(r, f, plain, at);
    if (!slice_ends(text, S("Gi")) || !num_u64(slice_from(text.p, text.n - 2), 0, FACTS_NUMBER_MAX, &n))
        return facts_refuse(r, at, ERR_RANGE, "must be a size in GB, as in 40 or \"40Gi\"");
    return facts_read_number(r, f, (int64_t)n, at);
}

bool facts_read_flag(struct facts_reader *r, const struct op_field *f, bool value,
                     const struct facts_place *at)
{
    if (!value)
        return true;
    if (f->meaning == OP_REFUSED_TRUE)
        return facts_refuse(r, at, ERR_DENIED, "may be false only");
    return f->meaning == OP_FREE || add_number(r, f, 1, at);
}

static bool is_counted(enum bound b)
{
    enum { ALLOW, WORDS, GLOBS, OSS_PATHS, NAS_PATHS, SPEC_CAPS, REPLICAS, COUNTS, FLAG };
    static const unsigned char styles[BOUND_COUNT_] = {
#define BOUND(key, style, reason, lo, hi, help) [BOUND_##key] = (style),
#include "core/bounds.def"
#undef BOUND
    };

    return b != BOUND_NONE && styles[b] == REPLICAS;
}

bool facts_is_number(const struct op_field *f)
{
    return f->type == OP_INTEGER || f->type == OP_SIZE || f->type == OP_BOOLEAN || is_counted(f->bound) ||
           (f->words && f->meaning == OP_BOUNDED);
}

/* What is counted must be one thing, under whatever reading. */
static bool is_id(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
            return false;
    return s.n > 0 && s.n <= TEXT_MAX_BYTES;
}

static bool read_texts(struct facts_reader *r, const struct op_field *f, const struct json *v,
                       const struct facts_place *at)
{
    struct facts_place element = { .up = at };

    if (json_type(v) != JSON_ARRAY)
        return facts_refuse_type(r, f, at);
    for (const struct json *m = json_first(v); m; m = json_next(m), element.index++) {
        if (json_type(m) != JSON_STRING)
            return facts_refuse(r, &element, ERR_RANGE, "must be string");
        if (is_counted(f->bound) && !is_id(json_text(m)))
            return facts_refuse(r, &element, ERR_RANGE, "must be one id: letters, digits, - and _");
        if (!is_counted(f->bound) && !facts_read_text(r, f, json_text(m), &element))
            return false;
    }
    if (is_counted(f->bound) &&
        element.index == 0) /* what it stands for, no document says: perhaps for all */
        return facts_refuse(r, at, ERR_RANGE, "must not be empty");
    return !is_counted(f->bound) || add_number(r, f, (int64_t)element.index, at);
}

/* Keys are judged as keys; a value must not name another team's service. */
static bool read_map(struct facts_reader *r, const struct op_field *f, const struct json *v,
                     const struct facts_place *at)
{
    if (json_type(v) != JSON_OBJECT)
        return facts_refuse_type(r, f, at);
    for (const struct json *m = json_first(v); m; m = json_next(m)) {
        struct facts_place member = { .up = at, .name = json_name(m) };
        if (json_type(m) != JSON_STRING)
            return facts_refuse(r, at, ERR_RANGE, "must be a map of strings");
        if (f->meaning != OP_LABELS)
            continue;
        if (json_name(m).n == 0 || json_name(m).n > TEXT_MAX_BYTES || !facts_is_printable(json_name(m)) ||
            json_text(m).n > TEXT_MAX_BYTES)
            return facts_refuse(
                r, at, ERR_RANGE,
                "must have keys of printable ASCII, and keys and values of at most 1024 characters");
        if (!facts_add_text(r, OP_LABEL_KEYS, BOUND_label_keys, json_name(m), at) ||
            !facts_add_text(r, OP_LABELS, BOUND_NONE, json_text(m), &member))
            return false;
    }
    return true;
}

bool facts_read_leaf(struct facts_reader *r, const struct op_field *f, const struct json *v,
                     const struct facts_place *at)
{
    switch (f->type) {
    case OP_STRING:
        return json_type(v) == JSON_STRING ? facts_read_text(r, f, json_text(v), at)
                                           : facts_refuse_type(r, f, at);
    case OP_INTEGER:
        return read_integer(r, f, v, at);
    case OP_SIZE:
        return read_size(r, f, v, at);
    case OP_NUMBER:
        return json_type(v) == JSON_NUMBER || facts_refuse_type(r, f, at);
    case OP_BOOLEAN:
        if (json_type(v) != JSON_TRUE && json_type(v) != JSON_FALSE)
            return facts_refuse_type(r, f, at);
        return facts_read_flag(r, f, json_type(v) == JSON_TRUE, at);
    case OP_ARRAY_STRING:
        return read_texts(r, f, v, at);
    case OP_MAP_STRING:
        return read_map(r, f, v, at);
    case OP_ANY:
        return true;
    case OP_OBJECT:
    case OP_ARRAY_OBJECT:
    case OP_MAP_ANY:
    case OP_TYPE_NONE:
        break;
    }
    return false;
}
