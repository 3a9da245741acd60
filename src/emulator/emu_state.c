/* Services and their state: see emu_state.h. It must never move a service without telling the books. */
#include "emulator/emu_state.h"
#include "base/enc.h"
#include "base/map.h"
#include "base/secret.h"
#include "emulator/emu_scaler.h"
#include "emulator/emu_versions.h"

struct emu_state {
    struct map *by_name;
    struct list services, touched;
    int64_t delay_ms;
    int64_t due_ms; /* no service moves before */
    bool drifts;
    struct emu_books *books;
    struct emu_things *things;
};

struct emu_state *emu_state_new(int64_t delay_ms)
{
    struct emu_state *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    list_init(&s->services);
    list_init(&s->touched);
    s->delay_ms = delay_ms;
    s->due_ms = EMU_NEVER;
    s->by_name = map_new();
    s->books = emu_books_new();
    s->things = emu_things_new();
    if (!s->by_name || !s->books || !s->things)
        emu_state_free(&s);
    return s;
}

static void free_service(struct emu_service *v)
{
    list_remove(&v->node);
    list_remove(&v->touched);
    emu_versions_drop(v);
    for (size_t i = 0; i < EMU_F_COUNT_; i++)
        free(v->text[i]);
    free(v);
}

static void remove_all(struct emu_state *s)
{
    while (!list_is_empty(&s->services)) {
        struct emu_service *v = LIST_OWNER(s->services.next, struct emu_service, node);
        if (s->by_name)
            map_remove(s->by_name, emu_service_get(v, EMU_F_NAME));
        free_service(v);
    }
}

void emu_state_reset(struct emu_state *s)
{
    remove_all(s);
    emu_books_reset(s->books);
    emu_things_reset(s->things);
    s->due_ms = EMU_NEVER;
    s->drifts = false;
}

void emu_state_free(struct emu_state **at)
{
    struct emu_state *s = *at;

    *at = NULL;
    if (!s)
        return;
    remove_all(s);
    map_free(&s->by_name);
    emu_books_free(&s->books);
    emu_things_free(&s->things);
    free(s);
}

static void write_down(struct emu_state *s, const struct emu_service *v, bool is_gone)
{
    struct emu_tags tags = { .workspace = emu_service_get(v, EMU_F_WORKSPACE),
                             .spec = emu_service_get(v, EMU_F_SPEC),
                             .labels = emu_service_get(v, EMU_F_LABELS) };

    if (!tags.spec.n)
        tags.spec = emu_service_get(v, EMU_F_INSTANCE_TYPE);
    emu_books_set(s->books, emu_service_get(v, EMU_F_NAME), &tags, is_gone ? 0 : emu_service_live(v),
                  is_gone ? 0 : emu_service_reach(v));
}

static void remove_one(struct emu_state *s, struct emu_service *v)
{
    write_down(s, v, true);
    map_remove(s->by_name, emu_service_get(v, EMU_F_NAME));
    free_service(v);
}

static int64_t due_of(const struct emu_service *v)
{
    int64_t move_ms = v->next[0] ? v->next_ms : EMU_NEVER, scale_ms = emu_scaler_due_ms(v);

    return move_ms < scale_ms ? move_ms : scale_ms;
}

void emu_state_settle(struct emu_state *s, int64_t now_ms)
{
    while (!list_is_empty(&s->touched)) {
        struct emu_service *v = LIST_OWNER(s->touched.next, struct emu_service, touched);
        list_remove(&v->touched);
        emu_scaler_plan(s, v, now_ms);
        write_down(s, v, false);
        if (due_of(v) < s->due_ms)
            s->due_ms = due_of(v);
    }
}

/* Do what is due; false when it is gone by that. */
static bool tick(struct emu_state *s, struct emu_service *v, int64_t due_ms, int64_t now_ms)
{
    if (v->next[0] && v->next_ms <= due_ms) {
        if (strcmp(v->next, "gone") == 0) {
            remove_one(s, v);
            return false;
        }
        memcpy(v->status, v->next, sizeof v->status);
        v->update_ms = v->next_ms;
        v->next[0] = '\0';
        if (emu_service_is(v, "Stopped"))
            v->detached = 0;
    }
    emu_scaler_run(s, v, due_ms, now_ms);
    write_down(s, v, false);
    return true;
}

void emu_state_advance(struct emu_state *s, int64_t now_ms)
{
    emu_state_settle(s, now_ms);
    while (s->due_ms <= now_ms) {
        int64_t due_ms = s->due_ms, next_ms = EMU_NEVER;
        for (struct list *at = s->services.next; at != &s->services;) {
            struct emu_service *v = LIST_OWNER(at, struct emu_service, node);
            at = at->next;
            if (due_of(v) <= due_ms && !tick(s, v, due_ms, now_ms))
                continue;
            if (due_of(v) < next_ms)
                next_ms = due_of(v);
        }
        s->due_ms = next_ms;
    }
}

void emu_state_touch(struct emu_state *s, struct emu_service *v)
{
    list_remove(&v->touched);
    list_add_last(&s->touched, &v->touched);
}

struct emu_service *emu_state_find(struct emu_state *s, struct slice name, int64_t now_ms)
{
    emu_state_advance(s, now_ms);
    struct emu_service *v = map_get(s->by_name, name);

    if (v)
        emu_state_touch(s, v);
    return v;
}

static bool set_random_names(struct emu_service *v)
{
    unsigned char random[36];
    char id[32] = "eas-m-", token[41];

    if (!random_bytes(random, sizeof random))
        return false;
    for (size_t i = 0; i < 16; i++)
        id[6 + i] = "0123456789abcdefghijklmnopqrstuvwxyz"[random[i] % 36];
    enc_hex(random + 16, 20, token);
    return emu_service_set(v, EMU_F_ID, slice_of(id)) && emu_service_set(v, EMU_F_UID, slice_of(id)) &&
           emu_service_set(v, EMU_F_TOKEN, slice_of(token));
}

struct emu_service *emu_state_add(struct emu_state *s, struct slice name, int64_t now_ms)
{
    emu_state_advance(s, now_ms);
    struct emu_service *v = calloc(1, sizeof *v);

    if (!v)
        return NULL;
    list_init(&v->node);
    list_init(&v->touched);
    list_init(&v->versions);
    v->create_ms = v->update_ms = now_ms;
    v->version = v->latest = 1;
    v->want = -1;
    v->cron_ms = EMU_NEVER;
    v->cpu = 8;
    v->gpu = 1;
    v->memory = 30720;
    v->weight = 100;
    emu_service_move(s, v, "Running", "", now_ms);
    if (!emu_service_set(v, EMU_F_NAME, name) || !set_random_names(v) || !map_put(s->by_name, name, v)) {
        free_service(v);
        return NULL;
    }
    list_add_last(&s->services, &v->node);
    emu_state_touch(s, v);
    return v;
}

bool emu_state_remove(struct emu_state *s, struct slice name)
{
    struct emu_service *v = map_get(s->by_name, name);

    if (v)
        remove_one(s, v);
    return v != NULL;
}

void emu_state_remove_all(struct emu_state *s)
{
    while (!list_is_empty(&s->services))
        remove_one(s, LIST_OWNER(s->services.next, struct emu_service, node));
}

size_t emu_state_count(const struct emu_state *s)
{
    return map_count(s->by_name);
}

struct emu_service *emu_state_next(struct emu_state *s, const struct emu_service *after, int64_t now_ms)
{
    if (!after)
        emu_state_advance(s, now_ms);
    struct list *at = after ? after->node.next : s->services.next;

    return at == &s->services ? NULL : LIST_OWNER(at, struct emu_service, node);
}

const struct emu_books *emu_state_books(const struct emu_state *s)
{
    return s->books;
}

struct emu_things *emu_state_things(const struct emu_state *s)
{
    return s->things;
}

int64_t emu_state_delay_ms(const struct emu_state *s)
{
    return s->delay_ms;
}

void emu_state_set_drift(struct emu_state *s, bool on)
{
    s->drifts = on;
    for (struct list *at = s->services.next; at != &s->services; at = at->next)
        emu_state_touch(s, LIST_OWNER(at, struct emu_service, node));
}

bool emu_state_drifts(const struct emu_state *s)
{
    return s->drifts;
}

void emu_service_move(const struct emu_state *s, struct emu_service *v, const char *now, const char *then,
                      int64_t now_ms)
{
    snprintf(v->status, sizeof v->status, "%s", now);
    snprintf(v->next, sizeof v->next, "%s", then);
    v->next_ms = now_ms + s->delay_ms;
    v->update_ms = now_ms;
}

bool emu_service_set(struct emu_service *v, enum emu_field f, struct slice value)
{
    char *text = value.n ? strndup(value.p, value.n) : NULL;

    if (value.n && !text)
        return false;
    free(v->text[f]);
    v->text[f] = text;
    v->cron_is_new = v->cron_is_new || f == EMU_F_CRON_JOBS || f == EMU_F_CRON_EXCLUDE;
    return true;
}

struct slice emu_service_get(const struct emu_service *v, enum emu_field f)
{
    return slice_of(v->text[f] ? v->text[f] : "");
}

bool emu_service_is(const struct emu_service *v, const char *status)
{
    return strcmp(v->status, status) == 0;
}

bool emu_service_is_scaled(const struct emu_service *v)
{
    return v->max > 0;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* While it rolls, the surplus exists beside the old instances. */
static int64_t surge_of(const struct emu_service *v)
{
    int64_t part = (v->replicas * v->surge_percent + 99) / 100;

    return emu_service_is(v, "Updating") ? larger(v->surge, part) : 0;
}

int64_t emu_service_live(const struct emu_service *v)
{
    bool rests = emu_service_is(v, "Stopped") || emu_service_is(v, "Failed");

    return rests ? 0 : v->replicas + v->detached + surge_of(v);
}

int64_t emu_service_reach(const struct emu_service *v)
{
    int64_t most = larger(v->replicas, v->cron_max);

    if (emu_service_is_scaled(v))
        most = larger(most, larger(v->max, v->activation));
    return most + v->detached + surge_of(v);
}

static const struct {
    const char *name, *other;
    bool is_shown;
} fields[EMU_F_COUNT_] = {
#define FIELD(id, name, other, shown) { name, other, shown },
    EMU_FIELDS(FIELD)
#undef FIELD
};

const char *emu_field_name(enum emu_field f)
{
    return fields[f].name;
}

const char *emu_field_other_name(enum emu_field f)
{
    return fields[f].other;
}

bool emu_field_is_shown(enum emu_field f)
{
    return fields[f].is_shown;
}
