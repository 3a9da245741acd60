/*
 * emu_state: the services, and how their state moves by itself. Time is passed in; a service whose change is due
 * takes its next state when it is looked at. The state owns its services; a pointer to one is good until the next
 * call that may remove one (find, walk, remove, reset).
 */
#ifndef EG_EMU_STATE_H
#define EG_EMU_STATE_H
#include "base/list.h"
#include "base/slice.h"
#include <stdint.h>

/* Text of a service: FIELD(id, name in answers and on the control port, a second name on the control port). */
#define EMU_FIELDS(FIELD)                                                                                    \
    FIELD(NAME, "ServiceName", "name")                                                                       \
    FIELD(ID, "ServiceId", "id")                                                                             \
    FIELD(UID, "ServiceUid", "uid")                                                                          \
    FIELD(APP_TYPE, "AppType", "app_type")                                                                   \
    FIELD(APP_VERSION, "AppVersion", "app_version")                                                          \
    FIELD(SPEC, "AppSpecName", "spec")                                                                       \
    FIELD(APP_CONFIG, "AppConfig", "config")                                                                 \
    FIELD(WORKSPACE, "WorkspaceId", "workspace")                                                             \
    FIELD(QUOTA, "QuotaId", "quota")                                                                         \
    FIELD(TOKEN, "AccessToken", "token")                                                                     \
    FIELD(LABELS, "Labels", "labels")                                                                        \
    FIELD(CALLER, "CallerUid", "caller")                                                                     \
    FIELD(CONFIG_EXTRA, "ServiceConfigExtra", "config_extra")                                                \
    FIELD(LOCK, "SafetyLock", "lock")                                                                        \
    FIELD(CRON_JOBS, "ScaleJobs", "cronscaler")

enum emu_field {
#define FIELD(id, name, other) EMU_F_##id,
    EMU_FIELDS(FIELD)
#undef FIELD
        EMU_F_COUNT_
};

struct emu_service {
    struct list node;
    char *text[EMU_F_COUNT_];  /* NULL = "" */
    char status[24], next[24]; /* next: "" = stays, "gone" = is removed */
    int64_t next_ms;
    int64_t replicas; /* the stored count, also while stopped */
    int64_t min, max; /* of the autoscaler; max 0 = none */
    int64_t create_ms, update_ms;
    int64_t version;
};

struct emu_state;

struct emu_state *emu_state_new(int64_t delay_ms); /* how long a change of state takes; NULL without memory */
void emu_state_free(struct emu_state **s);
void emu_state_reset(struct emu_state *s);

/* The service of this name, or NULL. */
struct emu_service *emu_state_find(struct emu_state *s, struct slice name, int64_t now_ms);
/* A new service with id, token and dates, status "Running"; NULL without memory. The name must be free. */
struct emu_service *emu_state_add(struct emu_state *s, struct slice name, int64_t now_ms);
bool emu_state_remove(struct emu_state *s, struct slice name);
size_t emu_state_count(const struct emu_state *s);
/* Walk in order of creation: NULL begins and ends. */
struct emu_service *emu_state_next(struct emu_state *s, const struct emu_service *after, int64_t now_ms);

/* Status `now`, and after the delay `then` ("gone" removes it). */
void emu_service_move(const struct emu_state *s, struct emu_service *v, const char *now, const char *then,
                      int64_t now_ms);
/* False when something without memory. An empty value clears. */
bool emu_service_set(struct emu_service *v, enum emu_field f, struct slice value);
struct slice emu_service_get(const struct emu_service *v, enum emu_field f);
bool emu_service_is(const struct emu_service *v, const char *status);
const char *emu_field_name(enum emu_field f);
const char *emu_field_other_name(enum emu_field f);
#endif
