/* Services and their state: see emu_state.h. */
#include "emulator/emu_state.h"
#include "base/enc.h"
#include "base/map.h"
#include "base/secret.h"

struct emu_state {
    struct map *by_name;
    struct list services;
    int64_t delay_ms;
};

struct emu_state *emu_state_new(int64_t delay_ms)
{
    struct emu_state *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    list_init(&s->services);
    s->delay_ms = delay_ms;
    s->by_name = map_new();
    if (!s->by_name)
        emu_state_free(&s);
    return s;
}

static void free_service(struct emu_service *v)
{
    list_remove(&v->node);
    for (size_t i = 0; i < EMU_F_COUNT_; i++)
        free(v->text[i]);
    free(v);
}

void emu_state_reset(struct emu_state *s)
{
    while (!list_is_empty(&s->services)) {
        struct emu_service *v = LIST_OWNER(s->services.next, struct emu_service, node);
        if (s->by_name)
            map_remove(s->by_name, emu_service_get(v, EMU_F_NAME));
        free_service(v);
    }
}

void emu_state_free(struct emu_state **at)
{
    struct emu_state *s = *at;

    *at = NULL;
    if (!s)
        return;
    emu_state_reset(s);
    map_free(&s->by_name);
    free(s);
}

/* Let its state move if it is due; false when it is gone by that. */
static bool tick(struct emu_state *s, struct emu_service *v, int64_t now_ms)
{
    if (v->next[0] == '\0' || now_ms < v->next_ms)
        return true;
    if (strcmp(v->next, "gone") == 0) {
        map_remove(s->by_name, emu_service_get(v, EMU_F_NAME));
        free_service(v);
        return false;
    }
    memcpy(v->status, v->next, sizeof v->status);
    v->update_ms = v->next_ms;
    v->next[0] = '\0';
    return true;
}

struct emu_service *emu_state_find(struct emu_state *s, struct slice name, int64_t now_ms)
{
    struct emu_service *v = map_get(s->by_name, name);

    return v && tick(s, v, now_ms) ? v : NULL;
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
    struct emu_service *v = calloc(1, sizeof *v);

    if (!v)
        return NULL;
    list_init(&v->node);
    v->create_ms = v->update_ms = now_ms;
    v->version = 1;
    emu_service_move(s, v, "Running", "", now_ms);
    if (!emu_service_set(v, EMU_F_NAME, name) || !set_random_names(v) || !map_put(s->by_name, name, v)) {
        free_service(v);
        return NULL;
    }
    list_add_last(&s->services, &v->node);
    return v;
}

bool emu_state_remove(struct emu_state *s, struct slice name)
{
    struct emu_service *v = map_remove(s->by_name, name);

    if (v)
        free_service(v);
    return v != NULL;
}

size_t emu_state_count(const struct emu_state *s)
{
    return map_count(s->by_name);
}

struct emu_service *emu_state_next(struct emu_state *s, const struct emu_service *after, int64_t now_ms)
{
    struct list *at = after ? after->node.next : s->services.next;

    while (at != &s->services) {
        struct emu_service *v = LIST_OWNER(at, struct emu_service, node);
        at = at->next;
        if (tick(s, v, now_ms))
            return v;
    }
    return NULL;
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

static const char *const field_names[EMU_F_COUNT_][2] = {
#define FIELD(id, name, other) { name, other },
    EMU_FIELDS(FIELD)
#undef FIELD
};

const char *emu_field_name(enum emu_field f)
{
    return field_names[f][0];
}

const char *emu_field_other_name(enum emu_field f)
{
    return field_names[f][1];
}
