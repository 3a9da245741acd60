/*
 * opcat: the catalogue of the 119 EAS operations and the matcher from (method, path) to one of them.
 * The rows are generated (core/opcat.def, by core/opcat_gen.py from docs/eas/operations.json and core/opcat_overlay.json);
 * nothing else in the program knows a path. Facts: eas/README.md, "Routing".
 */
#ifndef EG_OPCAT_H
#define EG_OPCAT_H
#include "core/http1.h"
#include <stdint.h>

#define OP_PARAMS_MAX 4

/* What an operation does to the account, from the overlay; also the policy classes (@read ...). */
enum op_effect {
    OP_EFFECT_NONE = 0,
    OP_READ,      /* gives no secret */
    OP_SECRET,    /* a read whose answer holds secrets */
    OP_MINT,      /* makes a secret */
    OP_CREATE,    /* makes something that costs */
    OP_SCALE,     /* can raise instances, hardware or machines */
    OP_UPDATE,    /* changes something else */
    OP_LIFECYCLE, /* start, stop, restart of a service */
    OP_DELETE,
    OP_LABEL, /* moves a thing between owners' sums */
    OP_EFFECT_COUNT_
};
const char *op_effect_name(enum op_effect e); /* "read", "lifecycle", ... */

/* May a request be sent again once bytes of it were written? */
enum op_retry { OP_RETRY_NONE = 0, OP_RETRY_READ /* yes: it changes nothing */, OP_RETRY_NEVER };

enum op_body { OP_BODY_NONE = 0, OP_BODY_FIELDS };
/* Of a query value or a body field. */
enum op_type {
    OP_TYPE_NONE = 0,
    OP_STRING,
    OP_INTEGER,
    OP_NUMBER, /* of any form; never judged */
    OP_SIZE,   /* of a disk in GB: an integer, or a text as in "40Gi" */
    OP_BOOLEAN,
    OP_OBJECT,
    OP_ARRAY_STRING,
    OP_ARRAY_OBJECT,
    OP_MAP_STRING,
    OP_MAP_ANY,
    OP_ANY
};
const char *op_type_name(enum op_type t);
enum op_encoding { OP_ENCODING_NONE = 0, OP_ENCODING_JSON, OP_ENCODING_COMMA };

/* The keys of a policy that bound something: core/bounds.def. */
enum bound {
    BOUND_NONE = 0,
#define BOUND(key, style, reason, lo, hi, help) BOUND_##key,
#include "core/bounds.def"
#undef BOUND
    BOUND_COUNT_
};
const char *bound_name(enum bound b); /* "max_replicas"; "" for BOUND_NONE */

/* What a value of a request means to a policy: core/opcat_overlay.json gives one to each path parameter, query value and
 * field. What is refused is what docs/eas does not confirm, or what nothing can judge. */
enum op_meaning {
    OP_MEANS_NONE = 0,
    OP_FREE,         /* any value of its type */
    OP_REFUSED,      /* the field must not be there */
    OP_REFUSED_TRUE, /* only false passes */
    OP_INNER,        /* an object, or array of objects: its inner fields say */
    OP_CLUSTER,      /* must be the region */
    OP_OWNED,        /* something that exists and that the key of `bound` must own: else easgate's one 404 */
    OP_NEW,          /* a name that will exist: the key must own it, 403 */
    OP_BOUNDED,      /* judged by the key of `bound` */
    OP_SECRET_VALUE, /* passes; stands in no record, log or message */
    OP_LABELS,       /* a map: keys in label_keys (each is a value that means OP_LABEL_KEYS), no value that names another team's
                        service (each is a value that means OP_LABELS) */
    OP_LABEL_KEYS,   /* names in label_keys */
    /* counts of the service's instances, for the state after the call (core/after.h) */
    OP_REPLICAS,
    OP_SCALER_MIN,
    OP_SCALER_MAX,
    OP_ACTIVATION,   /* replicas that a scaler begins with from zero */
    OP_CRON_TARGET,
    OP_SURGE,
    OP_DETACH,       /* true: one more */
    OP_VERSION,      /* the configuration of that version comes back */
    OP_SELF,         /* the name of the service in the path, once more; facts.h compares, nothing is left to judge */
    OP_MEANING_COUNT_
};
const char *op_meaning_name(enum op_meaning m); /* "replicas", "bounded" ... */

/* A value of the query or a field of the body, and the closed grammar of what is inside. */
struct op_field {
    struct slice name;
    enum op_type type; /* of an array the meaning is that of each element; a number is then judged by how many there are */
    bool required;
    enum op_encoding encoding; /* of query values */
    enum op_meaning meaning;
    enum bound bound;             /* of OP_OWNED, OP_NEW, OP_BOUNDED */
    const struct op_field *inner; /* OP_INNER: of the object, or of each element; sorted by name */
    size_t inner_count;
    const char *words; /* closed list of the texts it may have, "intranet|internet"; NULL: any. For a FLAG: the last one is yes */
    int64_t low;       /* of a judged number: the least */
};

/* How an operation changes the counts of a service. */
enum op_raise {
    OP_RAISE_NONE = 0,
    OP_RAISE_CREATE,  /* a new service from what is stated */
    OP_RAISE_CLONE,   /* a new service, what is not stated comes from the source */
    OP_RAISE_UPDATE,  /* what is not stated stays */
    OP_RAISE_SCALE,   /* the count, a scaler's limits or targets */
    OP_RAISE_DETACH,
    OP_RAISE_VERSION,
    OP_RAISE_START    /* what is stored comes back */
};

const char *op_raise_name(enum op_raise r); /* "none", "create" ... */

/* A purchase that names nothing of its own is bounded by what the account has: TotalCount of `list`, plus what is asked. */
struct op_count {
    struct slice list; /* operation; its path parameters are those of the purchase; empty: nothing is counted */
    enum bound bound;  /* max_gateways; what is asked is the value of this bound, one when there is none (facts_asked) */
    struct slice into; /* body field with the ResourceId that the list is asked for, instead of the path's; empty: none */
};

/* Answers that hold things of several teams: which are cut. */
struct op_list {
    struct slice items; /* member with the array; empty: no list */
    struct slice id;    /* the item's name or id */
    enum bound bound;   /* that must own it */
    struct slice total; /* member with the count over all pages; empty: there is none */
};

/* operations.json "touches": what the cap arithmetic of the policy has to look at. */
struct op_touch {
    const char *kind; /* replicas, spec, cost, network, secrets, identity */
    /* "body:/Replicas", "query:QuotaId", "path:ServiceName", "response:/AccessToken" */
    const char *const *fields;
    size_t field_count;
    const char *reason;
    bool unconfirmed;
};

/* An operation. Rows live for ever; compare pointers. */
struct op {
    struct slice name; /* "CreateAppService", also x-acs-action */
    enum http1_method method;
    struct slice path; /* "/api/v2/services/{ClusterId}/{ServiceName}" */
    enum op_effect effect;
    enum op_retry retry;
    enum op_body body;
    const struct op_field *query, *fields; /* sorted by name */
    size_t query_count, field_count;
    struct slice params[OP_PARAMS_MAX]; /* names of the placeholders in order */
    struct op_field param_fields[OP_PARAMS_MAX]; /* and what they mean */
    size_t param_count;
    const struct op_touch *touches;
    size_t touch_count;
    enum op_raise raise;
    struct op_count count;
    struct op_list list;
    const char *const *requires; /* "max_replicas|service_specs": keys of which one must be set, for each entry */
    size_t require_count;
    const char *const *either; /* fields of the body: the first must be there alone, or all others; none without such a choice */
    size_t either_count;
    const char *const *secrets; /* JSON pointers of the answer's secrets; redact.h */
    size_t secret_count;
};

size_t opcat_count(void);
const struct op *opcat_at(size_t i);               /* in order of name */
const struct op *opcat_by_name(struct slice name); /* exact case; NULL when there is none */
/* opcat_at(opcat_index(op)) == op: for arrays beside the catalogue. */
size_t opcat_index(const struct op *op);

enum opcat_result {
    OPCAT_FOUND = 1,
    OPCAT_NO_PATH,   /* 404 */
    OPCAT_NO_METHOD, /* 405 */
    OPCAT_BAD_PATH   /* 400: grammar */
};

struct op_match {
    const struct op *op;
    struct slice params[OP_PARAMS_MAX]; /* views into the path that was given */
};

/* Closed grammar of the path (SECURITY section 4 "Target"): "/" then segments of [A-Za-z0-9._~-], none empty, "." or "..",
 * no trailing slash, no "%" at all. A path that some operation has, but none of this method: OPCAT_NO_METHOD.
 * *out is all zero unless OPCAT_FOUND. */
enum opcat_result opcat_match(enum http1_method method, struct slice path, struct op_match *out);
/* The value of a path parameter by name; SLICE_NONE when the operation has none of that name. */
struct slice op_match_param(const struct op_match *m, struct slice name);
const struct op_field *op_query_field(const struct op *op, struct slice name);
const struct op_field *op_body_field(const struct op *op, struct slice name);
/* One of these fields, exact case; NULL when there is none. */
const struct op_field *op_field_find(const struct op_field *fields, size_t count, struct slice name);
#endif
