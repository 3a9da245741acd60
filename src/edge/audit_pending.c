/*
 * Open intents: see audit_pending.h. An outcome without an intent is ignored: its intent was in a batch that failed.
 */
#include "edge/audit_pending.h"
#include "base/map.h"
#include "base/num.h"
#include "core/budget.h"
#include "core/opcat.h"
#include <stdlib.h>
#include <string.h>

#define DOTS "..."

struct audit_pending {
    struct map *by_id; /* id -> struct audit_open, owned */
    bool keep_unknown;
};

bool audit_error_is_unknown(struct slice error)
{
    static const struct slice unknown[] = { S_INIT("sent_no_answer"), S_INIT("cut_answer"),
                                            S_INIT("bad_answer"), S_INIT("unknown_after_crash") };

    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (slice_eq(error, unknown[i]))
            return true;
    return false;
}

struct audit_pending *audit_pending_new(bool keep_unknown)
{
    struct audit_pending *p = calloc(1, sizeof *p);

    if (p && !(p->by_id = map_new())) {
        free(p);
        p = NULL;
    }
    if (p)
        p->keep_unknown = keep_unknown;
    return p;
}

void audit_pending_free(struct audit_pending **p)
{
    if (!*p)
        return;
    map_free_values(&(*p)->by_id);
    free(*p);
    *p = NULL;
}

/* Length of the character that s begins with, as a record spells it: 'a', \", \u00e9, \ud83d\ude00. */
static size_t char_length(struct slice s)
{
    if (s.n < 2 || s.p[0] != '\\')
        return 1;
    if (s.n < 6 || s.p[1] != 'u')
        return 2;
    bool is_pair = s.n >= 12 && s.p[2] == 'd' && memchr("89ab", s.p[3], 4) && s.p[6] == '\\' &&
                   s.p[7] == 'u' && s.p[8] == 'd' && memchr("cdef", s.p[9], 4);
    return is_pair ? 12 : 6;
}

/* The longest beginning of s, whole characters only, of at most max bytes. */
static struct slice fitting(struct slice s, size_t max)
{
    size_t n = 0, step;

    while (n < s.n && n + (step = char_length(slice_skip(s, n))) <= max)
        n += step;
    return slice_from(s.p, n);
}

/* What stands in a record; what is longer is cut and ends with dots, as records do. */
static void put(char *out, size_t size, struct slice s)
{
    struct slice text = s.n < size ? s : fitting(s, size - sizeof DOTS);
    struct slice end = text.n < s.n ? S(DOTS) : S("");

    if (text.n)
        memcpy(out, text.p, text.n);
    memcpy(out + text.n, end.p, end.n + 1);
}

static bool take_number(const struct audit_line *line, struct slice key, int64_t *out)
{
    return num_i64(audit_line_field(line, key), 0, INT64_MAX, out);
}

bool audit_intent_is_change(const struct audit_line *intent)
{
    const struct op *op = opcat_by_name(audit_line_field(intent, S("op")));

    return !op || op->retry == OP_RETRY_NEVER;
}

/* What the request changes, and what it may lead to. A name with escapes is none that could be told apart here. */
static void take_change(struct audit_open *o, const struct audit_line *line)
{
    struct slice name = audit_line_field(line, S("new_service"));

    if (!name.n)
        name = audit_line_field(line, S("service"));
    if (name.n >= sizeof o->changed || slice_has(name, '\\'))
        name = SLICE_NONE;
    o->is_change = audit_intent_is_change(line);
    put(o->changed, sizeof o->changed, name);
    o->has_peak = take_number(line, S("peak"), &o->peak);
    if (!take_number(line, S("peak_gpus"), &o->peak_gpus))
        o->peak_gpus = 0;
}

static bool add_intent(struct audit_pending *p, const struct audit_line *line)
{
    struct audit_open *o = map_get(p->by_id, line->id);

    if (!o) {
        if (map_count(p->by_id) == AUDIT_PENDING_MAX || !(o = calloc(1, sizeof *o)))
            return false;
        if (!map_put(p->by_id, line->id, o)) {
            free(o);
            return false;
        }
    }
    o->count++;
    o->seq = line->seq;
    put(o->id, sizeof o->id, line->id);
    put(o->nonce, sizeof o->nonce, line->nonce);
    put(o->attempt, sizeof o->attempt, audit_line_field(line, S("try")));
    put(o->t, sizeof o->t, line->t);
    put(o->client, sizeof o->client, audit_line_field(line, S("client")));
    put(o->op, sizeof o->op, audit_line_field(line, S("op")));
    put(o->service, sizeof o->service, audit_line_field(line, S("service")));
    take_change(o, line);
    return true;
}

bool audit_outcome_is_unknown(const struct audit_line *outcome)
{
    struct slice error = audit_line_field(outcome, S("error"));
    int64_t status = 0;

    if (error.n)
        return audit_error_is_unknown(error);
    return take_number(outcome, S("status"), &status) && budget_end_of_status(status) == BUDGET_UNKNOWN;
}

static void take_outcome(struct audit_pending *p, struct audit_open *o, const struct audit_line *line)
{
    struct slice error = audit_line_field(line, S("error"));

    if (o->count)
        o->count--;
    if (p->keep_unknown && o->is_change && audit_outcome_is_unknown(line))
        put(o->error, sizeof o->error, error.n ? error : S("uncertain_status"));
}

bool audit_pending_line(struct audit_pending *p, const struct audit_line *line)
{
    if (line->kind == AUDIT_INTENT)
        return add_intent(p, line);
    struct audit_open *o = line->id.n ? map_get(p->by_id, line->id) : NULL;
    if (!o)
        return true;
    if (line->kind == AUDIT_OUTCOME)
        take_outcome(p, o, line);
    else if (line->kind == AUDIT_RESOLVED)
        o->error[0] = '\0';
    if (!o->count && !o->error[0])
        free(map_remove(p->by_id, line->id));
    return true;
}

size_t audit_pending_count(const struct audit_pending *p)
{
    return map_count(p->by_id);
}

static int by_seq(const void *a, const void *b)
{
    const struct audit_open *const *x = a, *const *y = b;

    return (*x)->seq < (*y)->seq ? -1 : (*x)->seq > (*y)->seq;
}

const struct audit_open **audit_pending_list(const struct audit_pending *p)
{
    size_t n = map_count(p->by_id), i = 0, at = 0;
    const struct audit_open **list = calloc(n + 1, sizeof *list);
    struct slice key;
    void *value;

    if (!list)
        return NULL;
    while (map_next(p->by_id, &at, &key, &value))
        list[i++] = value;
    qsort(list, n, sizeof *list, by_seq);
    return list;
}
