/* emu_machines: the machines of resource groups, for the operations on both. */
#ifndef EG_EMU_MACHINES_H
#define EG_EMU_MACHINES_H
#include "emulator/emu_call.h"

struct emu_machine_counts {
    int64_t machines, cpu, gpu, memory_mb;
};

/* As many machines as the body asks for; their ids go into an open object as InstanceIds. */
void emu_machines_create(struct emu_call *c, struct slice resource_id, struct emu_jw *w);
void emu_machines_remove_all(struct emu_call *c, struct slice resource_id);
struct emu_machine_counts emu_machines_count(struct emu_call *c, struct slice resource_id);
#endif
