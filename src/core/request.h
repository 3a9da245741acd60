/*
 * request: from the received method, target and body to the operation and the facts it states. The gateway's steps and
 * `easgate explain` read requests by these two calls and by nothing else.
 */
#ifndef EG_REQUEST_H
#define EG_REQUEST_H
#include "base/arena.h"
#include "core/facts.h"
#include "core/reply.h"

struct request {
    struct op_match match;
    struct query query;
    struct json *body; /* owned; free with request_drop. NULL for an operation without one */
    struct facts facts;
};

void request_drop(struct request *r);

/* Which operation is it? REASON_NONE, or why not (e says it to a person). */
enum reason request_route(enum http1_method method, struct slice target, struct request *out, struct err *e);
/* Read query and body of a routed request. Everything borrowed must outlive *r. */
enum reason request_parse(struct request *r, struct slice target, struct slice content_type, struct slice body,
                          struct arena *a, struct err *e);
#endif
