/* Routing and running an operation: see emu_call.h. Nothing else of the emulator knows a path. */
#include "emulator/emu_call.h"
#include "base/num.h"

static const struct emu_route routes[] = {
#define ROUTE(action, method, path, run) { action, method, path, run },
#include "emulator/emu_routes.def"
#undef ROUTE
};

/* Decode a segment as leniently as possible: a broken escape stays as it is. */
static struct slice decode(struct emu_call *c, struct slice s)
{
    static const char digits[] = "0123456789abcdef";
    char *out = arena_alloc(c->arena, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; out && i < s.n; i++) {
        const char *high = NULL, *low = NULL;
        if (s.p[i] == '%' && s.n - i > 2) {
            high = memchr(digits, ascii_lower(s.p[i + 1]), 16);
            low = memchr(digits, ascii_lower(s.p[i + 2]), 16);
        }
        if (high && low) {
            out[n++] = (char)((high - digits) * 16 + (low - digits));
            i += 2;
        } else {
            out[n++] = s.p[i];
        }
    }
    return slice_from(out, n);
}

static bool match(struct emu_call *c, const struct emu_route *r)
{
    struct slice path = c->req->path, form = slice_of(r->path), sent, wanted;

    if (!slice_eq(c->req->method, slice_of(r->method)))
        return false;
    c->param_count = 0;
    while (form.p) {
        slice_split(&form, '/', &wanted);
        if (!slice_split(&path, '/', &sent))
            return false;
        if (wanted.n && wanted.p[0] == '{') {
            if (sent.n == 0)
                return false;
            c->params[c->param_count++] = (struct emu_param){ slice_from(wanted.p + 1, wanted.n - 2), sent };
        } else if (!slice_eq(sent, wanted)) {
            return false;
        }
    }
    return path.p == NULL;
}

static void split_query(struct emu_call *c)
{
    struct slice rest = c->req->query, part;

    c->query = ARENA_ARRAY(c->arena, struct emu_pair, EMU_PAIRS_MAX);
    while (c->query && rest.n && slice_split(&rest, '&', &part) && c->query_count < EMU_PAIRS_MAX) {
        size_t at = slice_find(part, '=');
        struct emu_pair pair = { decode(c, slice_from(part.p, at)), decode(c, slice_skip(part, at + 1)) };
        if (part.n == 0 || at == part.n)
            emu_note(&c->req->notes, "query part without =");
        if (emu_call_query(c, arena_str(c->arena, pair.name)).p)
            emu_note(&c->req->notes, "repeated query name %.*s", SLICE_FMT(pair.name));
        c->query[c->query_count++] = pair;
    }
}

void emu_call_route(struct emu_call *c)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0] && !c->route; i++)
        if (match(c, &routes[i]))
            c->route = &routes[i];
    if (!c->route)
        c->param_count = 0;
    for (size_t i = 0; i < c->param_count; i++)
        c->params[i].value = decode(c, c->params[i].value);
    c->service = emu_call_param(c, "ServiceName");
    split_query(c);
}

void emu_call_parse(struct emu_call *c)
{
    struct slice text = sbuf_slice(&c->req->body);
    size_t used = 0;

    if (text.n == 0)
        return;
    c->body = emu_json_parse(text, &used);
    if (!c->body)
        emu_note(&c->req->notes, "body: no JSON");
    else if (slice_trim(slice_skip(text, used)).n)
        emu_note(&c->req->notes, "body: bytes behind the JSON value");
    if (!c->service.p)
        c->service = emu_json_text(emu_json_get(c->body, "ServiceName"));
    if (!c->service.p)
        c->service = emu_json_text(emu_json_get(emu_json_get(c->body, "metadata"), "name"));
    if (!c->service.p)
        c->service = emu_json_text(emu_json_get(c->body, "metadata.name"));
}

void emu_call_drop(struct emu_call *c)
{
    emu_json_free(&c->body);
    c->service = SLICE_NONE;
}

static void note_action(struct emu_call *c)
{
    const struct emu_header *action = emu_request_header(c->req, S("x-acs-action"), NULL);
    const struct emu_header *version = emu_request_header(c->req, S("x-acs-version"), NULL);

    if (c->route && action && !slice_eq(action->value, slice_of(c->route->action)))
        emu_note(&c->req->notes, "x-acs-action says %.*s", SLICE_FMT(action->value));
    if (version && !slice_eq(version->value, S("2021-07-01")))
        emu_note(&c->req->notes, "x-acs-version says %.*s", SLICE_FMT(version->value));
}

void emu_call_run(struct emu_call *c)
{
    struct slice cluster = emu_call_param(c, "ClusterId");

    note_action(c);
    if (!c->route) {
        emu_answer_error(c->answer, 404, "InvalidApi.NotFound",
                         "Specified api is not found, please check your url and method.");
        return;
    }
    if (cluster.p && !slice_eq(cluster, slice_of(c->world->region))) {
        emu_answer_error(c->answer, 404, "InvalidService.NotFound",
                         "There is no such cluster in this region.");
        return;
    }
    c->route->run(c);
    emu_state_settle(c->world->state, c->now_ms);
}

struct slice emu_call_param(const struct emu_call *c, const char *name)
{
    for (size_t i = 0; i < c->param_count; i++)
        if (slice_eq(c->params[i].name, slice_of(name)))
            return c->params[i].value;
    return SLICE_NONE;
}

struct slice emu_call_query(const struct emu_call *c, const char *name)
{
    struct slice found = SLICE_NONE;

    for (size_t i = 0; i < c->query_count; i++)
        if (slice_eq(c->query[i].name, slice_of(name)))
            found = c->query[i].value;
    return found;
}

struct emu_service *emu_call_service(struct emu_call *c)
{
    struct slice name = emu_call_param(c, "ServiceName");
    struct emu_service *v = emu_state_find(c->world->state, name, c->now_ms);

    if (!v)
        emu_answer_error(c->answer, 404, "InvalidService.NotFound", "The service %.*s does not exist.",
                         SLICE_FMT(name));
    return v;
}

struct emu_jw emu_call_begin(struct emu_call *c)
{
    struct emu_jw w = EMU_JW(&c->answer->body);

    jw_open(&w, NULL, '{');
    jw_str(&w, "RequestId", c->answer->request_id);
    return w;
}

void emu_call_say(struct emu_call *c, const char *message)
{
    struct emu_jw w = emu_call_begin(c);

    jw_str(&w, "Message", message);
    jw_close(&w, '}');
}

struct emu_json *emu_call_query_json(struct emu_call *c, const char *name)
{
    struct slice text = emu_call_query(c, name);
    size_t used = 0;
    struct emu_json *v = emu_json_parse(text, &used);

    if (text.n && (!v || slice_trim(slice_skip(text, used)).n))
        emu_note(&c->req->notes, "query: %s is no JSON", name);
    return v;
}

struct emu_page emu_call_page(struct emu_call *c, uint64_t normal, struct emu_jw *w)
{
    uint64_t page = 1, size = normal;

    num_u64(emu_call_query(c, "PageNumber"), 1, 1000000, &page);
    num_u64(emu_call_query(c, "PageSize"), 1, 100000, &size);
    if (w) {
        jw_int(w, "PageNumber", (int64_t)page);
        jw_int(w, "PageSize", (int64_t)size);
    }
    return (struct emu_page){ (page - 1) * size, page * size };
}
