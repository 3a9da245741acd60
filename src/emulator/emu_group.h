/* emu_group: a service that names a group puts it into existence. */
#ifndef EG_EMU_GROUP_H
#define EG_EMU_GROUP_H
#include "emulator/emu_call.h"

/* Make the group of this name if there is none. */
void emu_group_ensure(struct emu_call *c, struct slice name);
#endif
