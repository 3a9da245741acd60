/*
 * emu_state: the services, and how their state moves by itself. Time is passed in; a service whose change is due
 * moves on when any is looked at. The state owns its services; a pointer to one is good until the next call that may
 * remove one (find, the beginning of a walk, add, advance, remove, reset).
 */
#ifndef EG_EMU_STATE_H
#define EG_EMU_STATE_H
#include "base/list.h"
#include "base/slice.h"
#include "emulator/emu_books.h"
#include "emulator/emu_things.h"
#include <stdint.h>

/* Text of a service: FIELD(id, name in answers and on the control port, a second name on the control port, is it in
 * answers as it stands?). */
#define EMU_FIELDS(FIELD)                                                                                    \
    FIELD(NAME, "ServiceName", "name", true)                                                                 \
    FIELD(ID, "ServiceId", "id", true)                                                                       \
    FIELD(UID, "ServiceUid", "uid", true)                                                                    \
    FIELD(APP_TYPE, "AppType", "app_type", true)                                                             \
    FIELD(APP_VERSION, "AppVersion", "app_version", true)                                                    \
    FIELD(SPEC, "AppSpecName", "spec", true)                                                                 \
    FIELD(APP_CONFIG, "AppConfig", "config", true)                                                           \
    FIELD(WORKSPACE, "WorkspaceId", "workspace", true)                                                       \
    FIELD(QUOTA, "QuotaId", "quota", true)                                                                   \
    FIELD(TOKEN, "AccessToken", "token", true)                                                               \
    FIELD(LABELS, "Labels", "labels", false)                                                                 \
    FIELD(CALLER, "CallerUid", "caller", true)                                                               \
    FIELD(CONFIG_EXTRA, "ServiceConfigExtra", "config_extra", false)                                         \
    FIELD(LOCK, "SafetyLock", "lock", true)                                                                  \
    FIELD(CRON_JOBS, "ScaleJobs", "cronscaler", false)                                                       \
    FIELD(CRON_EXCLUDE, "ExcludeDates", "exclude_dates", false)                                              \
    FIELD(STRATEGIES, "ScaleStrategies", "strategies", false)                                                \
    FIELD(BEHAVIOR, "Behavior", "behavior", false)                                                           \
    FIELD(RAW, "RawConfig", "raw_config", false)                                                             \
    FIELD(INSTANCE_TYPE, "InstanceType", "instance_type", false)                                             \
    FIELD(RESOURCE, "Resource", "resource", true)                                                            \
    FIELD(ROLE_ARN, "RoleArn", "role_arn", false)                                                            \
    FIELD(IMAGE, "Image", "image", true)                                                                     \
    FIELD(GROUP, "ServiceGroup", "group", true)                                                              \
    FIELD(GATEWAY, "Gateway", "gateway", true)                                                               \
    FIELD(TRAFFIC, "TrafficState", "traffic", true)                                                          \
    FIELD(MIRROR, "Mirror", "mirror", false)                                                                 \
    FIELD(ROLLOUT, "Rollout", "rollout", false)                                                              \
    FIELD(FAULTS, "FaultInjections", "fault_injections", false)                                              \
    FIELD(DEVELOP, "Develop", "develop", false)

enum emu_field {
#define FIELD(id, name, other, shown) EMU_F_##id,
    EMU_FIELDS(FIELD)
#undef FIELD
        EMU_F_COUNT_
};

#define EMU_NEVER INT64_MAX

struct emu_service {
    struct list node;
    struct list touched;       /* looked up since the books were last made up */
    char *text[EMU_F_COUNT_];  /* NULL = "" */
    char status[24], next[24]; /* next: "" = stays, "gone" = is removed */
    int64_t next_ms;
    int64_t replicas;             /* the stored count, also while stopped; scalers move it */
    int64_t config_replicas;      /* as the configuration of this version has it; 0 = as replicas */
    int64_t detached;             /* instances that live on beside them */
    int64_t surge, surge_percent; /* how many more, while it is Updating */
    int64_t min, max;             /* of the autoscaler; max 0 = none */
    int64_t activation;           /* replicas it goes to from zero; 0 = 1 */
    int64_t want;                 /* the demand that the autoscaler sees; negative = none */
    bool drifts, drifts_up;       /* the demand goes up and down by itself */
    int64_t step_ms;              /* when the autoscaler moves next; 0 = not yet planned */
    int64_t cron_ms;              /* when the cron scaler fires next; EMU_NEVER */
    int64_t cron_max;             /* its largest target */
    bool cron_is_new;             /* these two need to be found again */
    int64_t cpu, gpu, memory, weight;
    int64_t create_ms, update_ms;
    int64_t version, latest;
    struct list versions; /* struct emu_version, oldest first */
};

struct emu_state;

struct emu_state *emu_state_new(int64_t delay_ms); /* how long a change of state takes; NULL without memory */
void emu_state_free(struct emu_state **s);
void emu_state_reset(struct emu_state *s);

/* Let time pass up to now_ms: states move, scalers scale, and the books learn it in the right order. Every function
 * below that takes the time does this first, but for emu_state_next in the middle of a walk. */
void emu_state_advance(struct emu_state *s, int64_t now_ms);
/* Note what was changed in services that were looked up. Whoever changed one calls it (or emu_state_advance). */
void emu_state_settle(struct emu_state *s, int64_t now_ms);

/* The service of this name, or NULL. */
struct emu_service *emu_state_find(struct emu_state *s, struct slice name, int64_t now_ms);
/* A new service with id, token and dates, status "Running"; NULL without memory. The name must be free. */
struct emu_service *emu_state_add(struct emu_state *s, struct slice name, int64_t now_ms);
bool emu_state_remove(struct emu_state *s, struct slice name);
/* All services go, the books and the things stay (emu_state_reset forgets these, too). */
void emu_state_remove_all(struct emu_state *s);
size_t emu_state_count(const struct emu_state *s);
/* Walk in order of creation: NULL begins and ends. Before changing one, emu_state_touch it. */
struct emu_service *emu_state_next(struct emu_state *s, const struct emu_service *after, int64_t now_ms);
void emu_state_touch(struct emu_state *s, struct emu_service *v);

const struct emu_books *emu_state_books(const struct emu_state *s);
/* Groups, gateways, resources and whatever else is no service. */
struct emu_things *emu_state_things(const struct emu_state *s);
int64_t emu_state_delay_ms(const struct emu_state *s);
/* Shall autoscalers without a demand of their own drift between their limits? */
void emu_state_set_drift(struct emu_state *s, bool on);
bool emu_state_drifts(const struct emu_state *s);

/* Status `now`, and after the delay `then` ("gone" removes it). */
void emu_service_move(const struct emu_state *s, struct emu_service *v, const char *now, const char *then,
                      int64_t now_ms);
/* False when something without memory. An empty value clears. */
bool emu_service_set(struct emu_service *v, enum emu_field f, struct slice value);
struct slice emu_service_get(const struct emu_service *v, enum emu_field f);
bool emu_service_is(const struct emu_service *v, const char *status);
bool emu_service_is_scaled(const struct emu_service *v); /* is an autoscaler on? */
/* Replicas that run or are being paid for now; and the most it may come to without another call: scaler limits, cron
 * targets, what a start would bring back. */
int64_t emu_service_live(const struct emu_service *v);
int64_t emu_service_reach(const struct emu_service *v);
const char *emu_field_name(enum emu_field f);
bool emu_field_is_shown(enum emu_field f);
const char *emu_field_other_name(enum emu_field f);
#endif
