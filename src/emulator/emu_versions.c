/* Versions of a service: see emu_versions.h. It must never keep more than VERSIONS_MAX of them. */
#include "emulator/emu_versions.h"
#include <stdlib.h>

#define VERSIONS_MAX 50

/* What belongs to a configuration, and so to a version. */
static const enum emu_field kept[] = { EMU_F_NAME,          EMU_F_SPEC,       EMU_F_APP_TYPE,
                                       EMU_F_APP_VERSION,   EMU_F_APP_CONFIG, EMU_F_RAW,
                                       EMU_F_INSTANCE_TYPE, EMU_F_RESOURCE,   EMU_F_QUOTA,
                                       EMU_F_ROLE_ARN,      EMU_F_TOKEN,      EMU_F_CONFIG_EXTRA,
                                       EMU_F_WORKSPACE,     EMU_F_IMAGE,      EMU_F_GATEWAY };

static bool copy(struct emu_service *to, const struct emu_service *from)
{
    bool ok = true;

    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        ok = emu_service_set(to, kept[i], emu_service_get(from, kept[i])) && ok;
    to->config_replicas = from->config_replicas ? from->config_replicas : from->replicas;
    to->replicas = to->config_replicas;
    to->min = from->min; /* shown in the configuration; restoring: see below */
    to->max = from->max;
    to->surge = from->surge;
    to->surge_percent = from->surge_percent;
    to->cpu = from->cpu;
    to->gpu = from->gpu;
    to->memory = from->memory;
    return ok;
}

static void forget(struct emu_version *version)
{
    list_remove(&version->node);
    for (size_t i = 0; i < EMU_F_COUNT_; i++)
        free(version->then.text[i]);
    free(version);
}

void emu_versions_drop(struct emu_service *v)
{
    while (!list_is_empty(&v->versions))
        forget(LIST_OWNER(v->versions.next, struct emu_version, node));
}

static struct emu_version *find(const struct emu_service *v, int64_t number)
{
    for (struct list *at = v->versions.next; at != &v->versions; at = at->next) {
        struct emu_version *version = LIST_OWNER(at, struct emu_version, node);
        if (version->number == number)
            return version;
    }
    return NULL;
}

const struct emu_version *emu_versions_at(const struct emu_service *v, int64_t number)
{
    return find(v, number);
}

static bool keep(struct emu_service *v)
{
    struct emu_version *version = find(v, v->version), *first;
    size_t n = 0;

    if (!version) {
        version = calloc(1, sizeof *version);
        if (!version)
            return false;
        list_init(&version->node);
        list_add_last(&v->versions, &version->node);
        version->number = v->version;
        version->build_ms = v->update_ms;
    }
    for (struct list *at = v->versions.next; at != &v->versions; at = at->next)
        n++;
    first = LIST_OWNER(v->versions.next, struct emu_version, node);
    if (n > VERSIONS_MAX && first != version)
        forget(first);
    return copy(&version->then, v);
}

bool emu_versions_next(struct emu_service *v)
{
    if (!keep(v))
        return false;
    v->version = ++v->latest;
    return true;
}

bool emu_versions_restore(struct emu_service *v, int64_t number)
{
    struct emu_version *version;

    if (number == v->version) { /* as it was deployed, whatever scaled it since */
        v->replicas = v->config_replicas ? v->config_replicas : v->replicas;
        return true;
    }
    version = find(v, number);
    if (!version || !keep(v) || !(version = find(v, number)))
        return false;
    int64_t min = v->min, max = v->max;
    copy(v, &version->then);
    v->version = number;
    v->min = min > v->min ? min : v->min; /* unknown which limits hold then: the larger */
    v->max = max > v->max ? max : v->max;
    return true;
}
