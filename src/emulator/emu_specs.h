/* emu_specs: the machine types that the emulator knows; others are accepted, too, but have no hardware of their own. */
#ifndef EG_EMU_SPECS_H
#define EG_EMU_SPECS_H
#include "base/slice.h"
#include <stdint.h>

struct emu_spec {
    const char *name, *gpu_type;
    int64_t cpu, gpu, memory_mb, gpu_memory_gb;
};

/* NULL when it is unknown. */
const struct emu_spec *emu_spec_find(struct slice name);
const struct emu_spec *emu_spec_at(size_t i); /* NULL behind the last */
#endif
