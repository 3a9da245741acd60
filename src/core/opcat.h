/*
 * opcat: the catalogue of the 119 EAS operations and the matcher from (method, path) to one of them.
 * The rows are generated (core/opcat.def, by core/opcat_gen.py from docs/eas/operations.json and core/opcat_overlay.json);
 * nothing else in the program knows a path. Facts: eas/README.md, "Routing".
 */
#ifndef EG_OPCAT_H
#define EG_OPCAT_H
#include "core/http1.h"

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

enum op_body { OP_BODY_NONE = 0, OP_BODY_FIELDS, OP_BODY_RAW };
/* Of a query value or a body field. */
enum op_type {
    OP_TYPE_NONE = 0,
    OP_STRING,
    OP_INTEGER,
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

struct op_field {
    struct slice name;
    enum op_type type;
    bool required;
    enum op_encoding encoding; /* of query values */
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
    size_t param_count;
    const struct op_touch *touches;
    size_t touch_count;
    bool open; /* may a policy open it in this version? false = refused by name even when `allow` lists it */
    const char *closed_reason; /* why not, for the refusal ("can raise replicas"); NULL when open */
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
#endif
