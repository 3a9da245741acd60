/*
 * facts: what a request asks for, read out of its path, query and body. One table says where the bodies keep it.
 * Reading is strict: only the fields that the catalogue lists, with exactly their types, exact case, no dotted names;
 * Config an object with listed keys (docs/eas/README.md, "CreateAppService", Config).
 */
#ifndef EG_FACTS_H
#define EG_FACTS_H
#include "base/err.h"
#include "core/json.h"
#include "core/opcat.h"
#include "core/query.h"

enum storage { STORAGE_NONE = 0, STORAGE_OSS, STORAGE_NAS };
const char *storage_name(enum storage s); /* "", "oss", "nas": as ModelStorage has it */

struct facts {
    const struct op *op;
    struct slice cluster;        /* path ClusterId; empty when the operation has none */
    struct slice service;        /* path or body ServiceName; empty when the operation names none */
    bool creates;                /* ServiceName is a new one */
    bool places;                 /* takes WorkspaceId/QuotaId as the place of the service (create, update) */
    bool changes;                /* the effect is no read */
    bool raises;                 /* can raise the service's instances: the state after it is judged */
    bool is_service_list;        /* ListServices: answer is cut to owned services */
    struct slice workspace, quota;
    struct slice app_type, app_version, spec;
    bool has_replicas;
    int64_t replicas;
    bool has_config;
    enum storage storage;
    struct slice oss_path, nas_mount_target, nas_path, vpc, vswitch, security_group;
};

/* Read the facts; body is NULL for an operation without one. False: e says which field and what was expected.
 * Slices are borrowed from match, query and body. */
bool facts_read(const struct op_match *match, const struct query *query, const struct json *body, struct facts *out,
                struct err *e);
#endif
