/*
 * Open intents: see audit_pending.h. An outcome without an intent is ignored: its intent was in a batch that failed.
 */
#include "edge/audit_pending.h"
#include "base/map.h"
#include <stdlib.h>
#include <string.h>

struct audit_pending {
    struct map *by_id; /* id -> struct audit_open, owned */
};

struct audit_pending *audit_pending_new(void)
{
    struct audit_pending *p = calloc(1, sizeof *p);

    if (p && !(p->by_id = map_new())) {
        free(p);
        p = NULL;
    }
    return p;
}

void audit_pending_free(struct audit_pending **p)
{
    struct slice key;
    void *value;
    size_t at = 0;

    if (!*p)
        return;
    while (map_next((*p)->by_id, &at, &key, &value))
        free(value);
    map_free(&(*p)->by_id);
    free(*p);
    *p = NULL;
}

static void put(char *out, size_t size, struct slice s)
{
    size_t n = s.n < size ? s.n : size - 1;

    if (n)
        memcpy(out, s.p, n);
    out[n] = '\0';
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
    return true;
}

bool audit_pending_line(struct audit_pending *p, const struct audit_line *line)
{
    if (line->kind == AUDIT_INTENT)
        return add_intent(p, line);
    if (line->kind != AUDIT_OUTCOME)
        return true;
    struct audit_open *o = map_get(p->by_id, line->id);
    if (o && --o->count == 0)
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
