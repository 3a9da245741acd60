/* Requests whose outcome is still to come: see cmd_audit_await.h. Remembers at most AUDIT_AWAIT_MAX, and says so when it cannot. */
#include "app/cmd_audit_await.h"
#include "edge/audit_pending.h"
#include <stdlib.h>

struct awaited {
    void *what;
    unsigned intents; /* without an outcome: each try has its own */
    bool is_change;
    bool is_unknown; /* an outcome was, and may be resolved */
};

static struct awaited *make(struct audit_await *a, struct slice id)
{
    if (!a->by_id && !(a->by_id = map_new()))
        return NULL;
    if (map_count(a->by_id) == AUDIT_AWAIT_MAX)
        return NULL;
    struct awaited *w = calloc(1, sizeof *w);
    if (w && !map_put(a->by_id, id, w)) {
        free(w);
        w = NULL;
    }
    return w;
}

static struct awaited *find(const struct audit_await *a, struct slice id)
{
    return a->by_id ? map_get(a->by_id, id) : NULL;
}

bool audit_await_intent(struct audit_await *a, const struct audit_line *intent, void *what)
{
    struct awaited *w = find(a, intent->id);

    if (!w && !(w = make(a, intent->id))) {
        a->is_full = true;
        return false;
    }
    w->what = what;
    w->intents++;
    w->is_change = audit_intent_is_change(intent);
    return true;
}

void *audit_await_end(struct audit_await *a, const struct audit_line *line)
{
    struct awaited *w = find(a, line->id);

    if (!w)
        return NULL;
    void *what = w->what;
    if (line->kind == AUDIT_RESOLVED) {
        w->is_unknown = false;
    } else {
        w->intents -= w->intents > 0;
        w->is_unknown = w->is_unknown || (w->is_change && audit_outcome_is_unknown(line));
    }
    if (!w->intents && !w->is_unknown)
        free(map_remove(a->by_id, line->id));
    return what;
}

size_t audit_await_count(const struct audit_await *a)
{
    return a->by_id ? map_count(a->by_id) : 0;
}

void audit_await_drop(struct audit_await *a)
{
    map_free_values(&a->by_id);
    *a = (struct audit_await){ 0 };
}
