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

/* Answer with {"RequestId","Message"}. */
void emu_call_say(struct emu_call *c, const char *message);
/* The JSON in a query parameter, which the caller frees; NULL when there is none or it is no JSON (that is noted). */
struct emu_json *emu_call_query_json(struct emu_call *c, const char *name);
/* The page that the query asks for: the first index, and the index behind the last. PageNumber and PageSize are
 * written into the answer when w is not NULL. */
struct emu_page {
    uint64_t from, end;
};
struct emu_page emu_call_page(struct emu_call *c, uint64_t normal, struct emu_jw *w);

/* The operations; see emu_routes.def. */
emu_handler_fn op_create_app, op_update_app, op_describe, op_list, op_delete, op_start, op_stop, op_restart,
    op_log, op_event, op_diagnosis, op_instances, op_instance_diagnosis, op_containers, op_versions,
    op_endpoints, op_autoscaler, op_cronscaler;
/* raw configurations */
emu_handler_fn op_create, op_update, op_clone, op_update_version, op_develop, op_commit;
/* counts and scalers */
emu_handler_fn op_scale, op_set_autoscaler, op_delete_autoscaler, op_set_cronscaler, op_delete_cronscaler;
/* instances */
emu_handler_fn op_delete_instances, op_update_instance, op_instance_token, op_create_fault, op_delete_fault,
    op_list_faults;
/* what hangs on a service */
emu_handler_fn op_set_labels, op_delete_labels, op_lock, op_release, op_set_mirror, op_mirror,
    op_delete_mirror, op_set_rollout, op_rollout, op_delete_rollout, op_signed_url;
/* groups */
emu_handler_fn op_create_group, op_update_group, op_delete_group, op_group, op_groups, op_group_endpoints;
/* gateways */
emu_handler_fn op_create_gateway, op_update_gateway, op_delete_gateway, op_gateway, op_gateways,
    op_set_gateway_labels, op_delete_gateway_labels, op_add_acl, op_delete_acl, op_acls, op_attach_domain,
    op_detach_domain, op_domains, op_add_linked_vpc, op_delete_linked_vpc, op_linked_vpcs, op_add_peers,
    op_delete_peers, op_peers, op_zones;
/* resources */
emu_handler_fn op_create_resource, op_update_resource, op_delete_resource, op_resource, op_resources,
    op_create_machines, op_update_machine, op_delete_machines, op_migrate_machines, op_machines,
    op_set_machine_labels, op_delete_machine_labels, op_workers, op_resource_services, op_create_resource_log,
    op_delete_resource_log, op_resource_log, op_set_dlink, op_delete_dlink, op_dlink, op_create_virtual,
    op_update_virtual, op_delete_virtual, op_virtual, op_virtuals;
/* the rest */
emu_handler_fn op_set_config, op_delete_config, op_configs, op_create_benchmark, op_update_benchmark,
    op_delete_benchmark, op_start_benchmark, op_stop_benchmark, op_benchmark, op_benchmark_report,
    op_benchmarks, op_addons, op_reinstall_addon, op_artifact, op_machine_specs, op_regions, op_spot_history;
#endif
