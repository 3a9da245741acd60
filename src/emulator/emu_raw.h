/*
 * emu_raw: configurations sent as raw JSON (CreateService, UpdateService, CloneService), read the way the worst server
 * might: nested or flat dotted names, any case, '_' or not, numbers as text; of several counts the largest. Whatever
 * is odd is noted. The result is a tree in the spelling of the documents.
 */
#ifndef EG_EMU_RAW_H
#define EG_EMU_RAW_H
#include "emulator/emu_call.h"

/* What a configuration says; slices and pointers live as long as the tree. */
struct emu_raw {
    struct slice name, workspace, token, group, resource, quota, role_arn, instance_type, image, gateway;
    const struct emu_json *labels, *strategies, *behavior, *cron_jobs, *cron_exclude;
    bool has_count, has_min, has_max, has_cpu, has_gpu, has_memory;
    int64_t count, min, max, activation, cpu, gpu, memory, surge, surge_percent;
};

/* The tree of a body, owned by the caller; NULL when it is no object. */
struct emu_json *emu_raw_read(struct emu_call *c);
void emu_raw_look(const struct emu_json *tree, struct emu_raw *out);
/* Keep the tree as the service's configuration and let what it says take effect; false without memory. */
bool emu_raw_apply(struct emu_service *v, const struct emu_json *tree, const struct emu_raw *says);
#endif
