/*
 * emu_scaler: what moves the replicas of a service without a call: the autoscaler, one replica at each delay towards
 * the demand, within its limits; the cron scaler, at once to the target of its job. Neither touches a stopped service.
 */
#ifndef EG_EMU_SCALER_H
#define EG_EMU_SCALER_H
#include "emulator/emu_state.h"

/* Decide when it does something next, after its service may have changed. */
void emu_scaler_plan(const struct emu_state *s, struct emu_service *v, int64_t now_ms);
/* That time, or EMU_NEVER. */
int64_t emu_scaler_due_ms(const struct emu_service *v);
/* Do what was due at due_ms, and plan the next; now_ms bounds how much an idle time is made up for. */
void emu_scaler_run(const struct emu_state *s, struct emu_service *v, int64_t due_ms, int64_t now_ms);
/* Fire the cron job of this name now (empty: the first). False when there is none, or the service is stopped. */
bool emu_scaler_fire(struct emu_service *v, struct slice job);
#endif
