/*
 * emu_call: one request on its way through an operation, and the table that leads it there. Everything in it belongs
 * to the caller of emu_call_run and lives as long as that call.
 */
#ifndef EG_EMU_CALL_H
#define EG_EMU_CALL_H
#include "base/arena.h"
#include "emulator/emu_answer.h"
#include "emulator/emu_http.h"
#include "emulator/emu_json.h"
#include "emulator/emu_state.h"
#include "emulator/emu_verify.h"

#define EMU_PARAMS_MAX 8

struct emu_world {
    const char *region, *host_id;
    struct emu_state *state;
    bool stopped_keeps_total; /* does a stopped service still show its count as TotalInstance? */
};

struct emu_call;
typedef void emu_handler_fn(struct emu_call *c);

struct emu_route {
    const char *action, *method, *path;
    emu_handler_fn *run;
};

struct emu_param {
    struct slice name, value; /* of the template {Name} and the path, decoded */
};

struct emu_call {
    const struct emu_world *world;
    struct emu_request *req; /* its notes may grow */
    int64_t now_ms;
    struct arena *arena;
    const struct emu_route *route; /* NULL = none */
    struct emu_param params[EMU_PARAMS_MAX];
    size_t param_count;
    struct emu_pair *query; /* decoded */
    size_t query_count;
    struct emu_json *body; /* NULL = none, or no JSON */
    struct slice service;  /* that the path or the body names */
    struct emu_answer *answer;
};

/* Decide the operation from method and path; sets route, params, query and service. Needs the head only. */
void emu_call_route(struct emu_call *c);
/* Parse the body; emu_call_drop frees what came of it. */
void emu_call_parse(struct emu_call *c);
void emu_call_drop(struct emu_call *c);
/* Run the operation; fills c->answer. */
void emu_call_run(struct emu_call *c);

/* A parameter of the path or of the query (the last one of that name), SLICE_NONE when there is none. */
struct slice emu_call_param(const struct emu_call *c, const char *name);
struct slice emu_call_query(const struct emu_call *c, const char *name);
/* The service the path names; NULL after answering 404. */
struct emu_service *emu_call_service(struct emu_call *c);
/* Open the answer's object with RequestId in it. */
struct emu_jw emu_call_begin(struct emu_call *c);

/* The operations; see emu_routes.def. */
emu_handler_fn op_create_app, op_update_app, op_describe, op_list, op_delete, op_start, op_stop, op_restart,
    op_log, op_event, op_diagnosis, op_instances, op_instance_diagnosis, op_containers, op_versions,
    op_endpoints, op_autoscaler, op_cronscaler;
#endif
