/* DeleteService, StartService, StopService, RestartService and DescribeService: see emu_call.h. */
#include "emulator/emu_call.h"
#include "emulator/emu_service_json.h"

/* A change that goes from any state but Deleting; asking for what is the case already changes nothing. */
static void move(struct emu_call *c, const char *now, const char *then, const char *message)
{
    struct emu_service *v = emu_call_service(c);

    if (!v)
        return;
    if (emu_service_is(v, "Deleting") && strcmp(now, "Deleting") != 0) {
        emu_answer_error(c->answer, 409, "InvalidService.Conflict", "The service is being deleted.");
        return;
    }
    if (!emu_service_is(v, now) && !emu_service_is(v, then))
        emu_service_move(c->world->state, v, now, then, c->now_ms);
    emu_call_say(c, message);
}

void op_delete(struct emu_call *c)
{
    move(c, "Deleting", "gone", "Service is deleting.");
}

void op_start(struct emu_call *c)
{
    move(c, "Starting", "Running", "Service is starting.");
}

void op_stop(struct emu_call *c)
{
    move(c, "Stopping", "Stopped", "Service is stopping.");
}

void op_restart(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);

    if (!v)
        return;
    if (!emu_service_is(v, "Running") && !emu_service_is(v, "Updating")) {
        emu_answer_error(c->answer, 409, "InvalidService.Conflict", "The service is %s.", v->status);
        return;
    }
    emu_service_move(c->world->state, v, "Updating", "Running", c->now_ms);
    emu_call_say(c, "Service is restarting.");
}

void op_describe(struct emu_call *c)
{
    struct emu_service *v = emu_call_service(c);

    if (!v)
        return;
    struct emu_jw w = emu_call_begin(c);
    emu_service_write(v, c->world, &w);
    jw_close(&w, '}');
}
