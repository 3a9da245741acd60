/* Machine types: see emu_specs.h. A table; the figures are plausible, not the provider's price list. */
#include "emulator/emu_specs.h"

static const struct emu_spec specs[] = {
    { "ecs.c6.large", "", 2, 0, 4096, 0 },
    { "ecs.c7.2xlarge", "", 8, 0, 16384, 0 },
    { "ecs.g6.xlarge", "", 4, 0, 16384, 0 },
    { "ecs.gn6i-c4g1.xlarge", "NVIDIA T4", 4, 1, 15360, 16 },
    { "ecs.gn6i-c24g1.12xlarge", "NVIDIA T4", 48, 2, 190464, 16 },
    { "ecs.gn6v-c8g1.2xlarge", "NVIDIA V100", 8, 1, 32768, 16 },
    { "ecs.gn7i-c8g1.2xlarge", "NVIDIA A10", 8, 1, 30720, 24 },
    { "ecs.gn7i-c32g1.32xlarge", "NVIDIA A10", 128, 4, 770048, 24 },
    { "ecs.gn7e-c16g1.4xlarge", "NVIDIA A100", 16, 1, 128000, 80 },
    { "ecs.gn7e-c16g1.32xlarge", "NVIDIA A100", 128, 8, 1024000, 80 },
};

const struct emu_spec *emu_spec_at(size_t i)
{
    return i < sizeof specs / sizeof specs[0] ? &specs[i] : NULL;
}

const struct emu_spec *emu_spec_find(struct slice name)
{
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++)
        if (slice_eq(name, slice_of(specs[i].name)))
            return &specs[i];
    return NULL;
}
