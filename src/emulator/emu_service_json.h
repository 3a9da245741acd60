/* emu_service_json: a service as DescribeService and ListServices show it. */
#ifndef EG_EMU_SERVICE_JSON_H
#define EG_EMU_SERVICE_JSON_H
#include "emulator/emu_call.h"

/* Its fields into an object that is open. */
void emu_service_write(const struct emu_service *v, const struct emu_world *world, struct emu_jw *w);
/* Its endpoints: InternetEndpoint, IntranetEndpoint. */
void emu_service_write_endpoints(const struct emu_service *v, const struct emu_world *world,
                                 struct emu_jw *w);
/* The text of ServiceConfig: JSON with metadata.instance, the stored count, and token. */
void emu_service_config(const struct emu_service *v, struct sbuf *out);
/* Instances that are shown, and of these the ones that run. */
int64_t emu_service_total(const struct emu_service *v, const struct emu_world *world);
int64_t emu_service_running(const struct emu_service *v);
#endif
