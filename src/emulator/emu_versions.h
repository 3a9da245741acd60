/*
 * emu_versions: the configurations a service had before, each under the number of its version. The present one stands
 * in the service itself.
 */
#ifndef EG_EMU_VERSIONS_H
#define EG_EMU_VERSIONS_H
#include "emulator/emu_state.h"

struct emu_version {
    struct list node;
    int64_t number, build_ms;
    struct emu_service then; /* what the version remembers: texts of the configuration, and counts */
};

/* Keep the present configuration under its number, before it changes; and give the service a new number. False
 * without memory. */
bool emu_versions_next(struct emu_service *v);
/* Go back (or forward) to a version that was kept: configuration and count of instances. False when there is none. */
bool emu_versions_restore(struct emu_service *v, int64_t number);
const struct emu_version *emu_versions_at(const struct emu_service *v, int64_t number);
void emu_versions_drop(struct emu_service *v);
#endif
