/*
 * facts: what a request asks for, read out of its path, query and body by the catalogue's tree of fields (core/opcat.h).
 * Reading is strict: only the fields of the tree, with exactly their types, exact case, no dotted names; whatever stands
 * in no tree is refused by name; nothing is guessed and nothing is skipped.
 */
#ifndef EG_FACTS_H
#define EG_FACTS_H
#include "base/arena.h"
#include "base/err.h"
#include "core/json.h"
#include "core/opcat.h"
#include "core/query.h"

#define FACTS_MAX 256 /* judged values of one request */

/* One judged value. */
struct fact {
    enum op_meaning meaning;
    enum bound bound;
    struct slice where; /* "Config.OssPath", "Target[0]", "query WorkspaceId", "query CustomDomain.Domain", "path ServiceName" */
    bool is_number;     /* else text; a flag that is true is the number 1 */
    struct slice text;
    int64_t number;
};

enum storage { STORAGE_NONE = 0, STORAGE_OSS, STORAGE_NAS };
const char *storage_name(enum storage s); /* "", "oss", "nas": as ModelStorage has it */

struct facts {
    const struct op *op;
    bool changes;           /* the effect is no read */
    bool raises;            /* op->raise: the state after it is judged */
    bool replaces;          /* UpdateService with UpdateType=replace: what is not stated goes */
    /* the most used values, also in the list; empty when not stated */
    struct slice cluster;
    struct slice service;   /* the service that it is about: of the path, else new_service */
    struct slice new_service; /* the name of a service that will exist (create, clone) */
    struct slice workspace, quota, app_type, app_version, spec, instance_type;
    bool places;            /* takes WorkspaceId/QuotaId as the place of the service (create, update) */
    bool has_replicas;
    int64_t replicas;
    bool has_gpus;
    int64_t gpus;           /* of one replica, as stated in metadata.gpu */
    bool states_share, shares_gpu; /* gpu_memory or gpu_core_percentage of metadata is stated; one of them is not 0: part of a
                             GPU, asked for beside "gpu": 0 */
    enum storage storage;
    struct slice oss_path, nas_path; /* for the record */
    /* all judged values in order: path, query, body; in the arena */
    const struct fact *values;
    size_t count;
};

/* Read the facts; body is NULL for an operation without one. False: e says which field and what was expected.
 * Slices are borrowed from match, query and body, or live in the arena. */
bool facts_read(const struct op_match *match, const struct query *query, const struct json *body, struct arena *a,
                struct facts *out, struct err *e);
/* Read a service's stored configuration (the ServiceConfig of EAS's answers) by the tree of CreateService. Strict: as a
 * body. Lenient: only what bounds hardware and counts is read, fields of no tree are passed over; what is read must be of its type.
 * Lenient: hardware that no key bounds is a value of the meaning OP_REFUSED.
 * Both also take the flat spellings ("metadata.instance") that EAS may give back. Slices live in the arena. */
bool facts_read_stored(struct slice config, bool strict, struct arena *a, struct facts *out, struct err *e);
/* The first value with this meaning (and bound, unless BOUND_NONE); NULL without one. */
const struct fact *facts_find(const struct facts *f, enum op_meaning meaning, enum bound bound);
/* The largest number with this meaning; false when none is stated. */
bool facts_max(const struct facts *f, enum op_meaning meaning, int64_t *out);
/* How many things the purchase of op->count asks for: the value of its bound, else 1. */
int64_t facts_asked(const struct facts *f);
/* The values as they stand in records: [["services","path ServiceName","nlp_a"],["replicas","Replicas",3]]; the first is the
 * bound's name, else the meaning's. Canonical JSON, printable ASCII. False when it would be longer than FACTS_TEXT_MAX_BYTES. */
#define FACTS_TEXT_MAX_BYTES 3072
bool facts_print(const struct facts *f, struct sbuf *out);
/* And back, for judging a record again; op from the record. Only what judging needs is filled. */
bool facts_parse(const struct op *op, struct slice text, struct arena *a, struct facts *out, struct err *e);
#endif
