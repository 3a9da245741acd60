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
/* Keep JSON in a field; NULL leaves it as it is. False without memory. */
bool emu_service_set_json(struct emu_service *v, enum emu_field f, const struct emu_json *value);
/* A field as JSON, which the caller frees; NULL when it holds none. */
struct emu_json *emu_service_get_json(const struct emu_service *v, enum emu_field f);
/* The name of its instance number i, from 0. */
void emu_service_put_instance_name(const struct emu_service *v, int64_t i, struct sbuf *out);
/* The number of the instance of that name, or -1. */
int64_t emu_service_instance(const struct emu_service *v, const struct emu_world *world, struct slice name);
/* Instances that are shown, and of these the ones that run. */
int64_t emu_service_total(const struct emu_service *v, const struct emu_world *world);
int64_t emu_service_running(const struct emu_service *v);
#endif
