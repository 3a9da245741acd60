/*
 * httpin: evhttp's generic callback. evhttp has parsed the request a second time; what goes on from here is the guard's
 * own parse, and the two must agree on method, target and length of the body. A request that reaches this callback in any
 * other way than from a guard's hand-over is refused.
 * Must never: use evhttp's view for anything but the comparison, answer (guard_write.c does).
 */
#include "edge/httpin.h"
#include "base/log.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>

unsigned short httpin_methods(void)
{
    return EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
           EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH;
}

static enum http1_method method_of(enum evhttp_cmd_type type)
{
    if (type == EVHTTP_REQ_GET)
        return HTTP1_GET;
    if (type == EVHTTP_REQ_POST)
        return HTTP1_POST;
    if (type == EVHTTP_REQ_PUT)
        return HTTP1_PUT;
    if (type == EVHTTP_REQ_DELETE)
        return HTTP1_DELETE;
    return HTTP1_METHOD_OTHER;
}

/* What they differ in, or NULL. */
static const char *difference(struct evhttp_request *theirs, const struct http1_msg *ours)
{
    const char *uri = evhttp_request_get_uri(theirs);

    if (method_of(evhttp_request_get_command(theirs)) != ours->method)
        return "method";
    if (!uri || !slice_eq(slice_of(uri), ours->target))
        return "target";
    if (evbuffer_get_length(evhttp_request_get_input_buffer(theirs)) != ours->body.n)
        return "body length";
    return NULL;
}

static struct guard *guard_of(struct guards *all, struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct bufferevent *bev = connection ? evhttp_connection_get_bufferevent(connection) : NULL;

    return bev ? guards_handing(all, bev) : NULL;
}

void httpin_on_request(struct evhttp_request *request, void *guards)
{
    struct guard *g = guard_of(guards, request);

    if (!g) {
        log_line(LOG_ERROR, "listener", "a request came past the guard; refused");
        evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
        evhttp_send_reply(request, 500, "Internal Server Error", NULL);
        return;
    }
    const char *what = difference(request, guard_request(g));
    if (what) {
        log_event(LOG_ERROR, "listener", "the two readers of a request do not agree; refused",
                  LOG_C("in", what));
        return; /* the guard answers */
    }
    guard_agree(g, request);
}

static bool check_head(void *ctx, const struct http1_msg *head, const struct peer *peer,
                       struct pass *out_pass, struct sbuf *scratch, struct refusal *out_refusal)
{
    return gate_check_head(ctx, head, peer, out_pass, scratch, out_refusal);
}

static void start(void *ctx, struct http1_msg **request, struct pass *pass, const struct peer *peer,
                  struct reply_port reply)
{
    txn_start(ctx, request, pass, peer, reply);
}

static void settle_early(void *ctx, const struct refusal *refusal, const struct http1_msg *head_or_null,
                         const struct peer *peer, char out_id[33], struct sbuf *out_body)
{
    gate_settle_early(ctx, refusal, head_or_null, peer, out_id, out_body);
}

struct service httpin_service(struct gate *gate)
{
    return (struct service){
        .check_head = check_head, .start = start, .settle_early = settle_early, .ctx = gate
    };
}
