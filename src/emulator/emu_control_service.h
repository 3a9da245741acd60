/* emu_control_service: a service set directly, as somebody with access to the console would. */
#ifndef EG_EMU_CONTROL_SERVICE_H
#define EG_EMU_CONTROL_SERVICE_H
#include "base/err.h"
#include "emulator/emu_json.h"
#include "emulator/emu_state.h"

/* Create or change the service that the object (or `name`, if not empty) names. Nothing is checked against EAS's rules;
 * an unknown member is an error. */
bool emu_control_set_service(struct emu_state *state, const struct emu_json *object, struct slice name,
                             struct err *e);
#endif
