/*
 * easgate explain: one request against the policy, offline. Runs the very calls of the gateway (request_route,
 * request_parse, policy_judge) over a configuration file; sends nothing, needs no keys.
 */
#include "app/cmd.h"
#include "app/explain_live.h"
#include "app/explain_table.h"
#include "app/judge.h"
#include "config/snapshot.h"
#include "core/after_text.h"
#include "core/http1.h"
#include "core/request.h"
#include "base/enc.h"
#include "base/num.h"
#include <errno.h>
#include <getopt.h>
#include <time.h>

static const char usage[] =
    "Usage: easgate explain --config FILE --client NAME [options] METHOD TARGET\n"
    "       easgate explain --gateway URL --token-file FILE [--body FILE] [--json] METHOD TARGET\n"
    "\n"
    "Judge one request as `easgate serve` would: the verdict, the rule with its line, and the numbers.\n"
    "\n"
    "  -c, --config FILE        the configuration\n"
    "  -C, --client NAME        the client who asks\n"
    "  -b, --body FILE          the request's body; - is standard input\n"
    "      --spec-now SPEC      what EAS would say of the service now, for requests\n"
    "      --replicas-now N     whose verdict needs it (an update that leaves one out, a start)\n"
    "      --now JSON|@FILE     all that EAS would say, in place of these two: the member `now` of an audit "
    "record,\n"
    "                           such as "
    "{\"spec\":\"llama_7b_fp16\",\"count\":2,\"has_scaler\":true,\"scaler_max\":6};\n"
    "                           of a purchase {\"count\":N}, how many there are\n"
    "      --sum-now N          replicas of the policy's other services now, for max_total_replicas\n"
    "      --gpus-sum-now N     and their GPUs, for max_total_gpus\n"
    "      --json               one JSON object; of a gateway its answer as it came\n"
    "  -h, --help\n"
    "\n"
    "  -g, --gateway URL        ask a running gateway, which looks at EAS's own state and sends nothing "
    "else:\n"
    "                           http://ADDRESS:PORT or unix:/PATH of its listener (listen, not "
    "admin_listen)\n"
    "  -t, --token-file FILE    the client's token for that, in a file of mode 0600: the token alone, or\n"
    "                           what `easgate token new` printed\n"
    "\n"
    "Exit: 0 allowed; 1 refused, or the verdict depends on a state that is not stated (--now); 2 usage,\n"
    "configuration, or a gateway that cannot be asked or cannot judge now. A sum that decides, too, and is "
    "not\n"
    "stated has a row `also` and does not change the exit code.\n"
    "\n"
    "Examples:\n"
    "  easgate explain -c easgate.ini -C nlp -b body.json POST /api/v2/app_services\n"
    "  easgate explain -c easgate.ini -C nlp --spec-now llama_7b_fp16 --replicas-now 3 \\\n"
    "      PUT /api/v2/services/cn-shanghai/nlp_chat/start\n"
    "  easgate audit show --json --id ID DIR | jq -c '.now // empty' | tail -1 > now.json\n"
    "  easgate explain -c new.ini -C nlp --now @now.json -b body.json PUT "
    "/api/v2/services/cn-shanghai/nlp_chat/scale\n";

struct options {
    const char *config, *client, *body;
    struct service_state state;
    const char *now; /* JSON, or @FILE */
    struct live live;
    struct known_sums sums_now; /* of the policy's other services */
    bool has_state;
};

static int bad_usage(const char *text)
{
    fprintf(stderr, "easgate explain: %s\nTry 'easgate explain --help'.\n", text);
    return 2;
}

static bool read_body_file(const char *path, struct sbuf *out)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");

    if (!f)
        return false;
    for (;;) {
        char *room = sbuf_room(out, 4096);
        size_t n = room ? fread(room, 1, 4096, f) : 0;
        if (n == 0)
            break;
        sbuf_grew(out, n);
    }
    bool fine = !ferror(f) && sbuf_ok(out);
    if (f != stdin)
        fclose(f);
    return fine;
}

/* Parse the options; -1 = go on, else the exit code. */
static int read_options(int argc, char **argv, struct options *o)
{
    enum { SPEC_NOW = 256, REPLICAS_NOW, NOW, SUM_NOW, GPUS_SUM_NOW, JSON };
    static const struct option longs[] = {
        { "config", required_argument, NULL, 'c' },
        { "client", required_argument, NULL, 'C' },
        { "body", required_argument, NULL, 'b' },
        { "spec-now", required_argument, NULL, SPEC_NOW },
        { "replicas-now", required_argument, NULL, REPLICAS_NOW },
        { "now", required_argument, NULL, NOW },
        { "gateway", required_argument, NULL, 'g' },
        { "token-file", required_argument, NULL, 't' },
        { "sum-now", required_argument, NULL, SUM_NOW },
        { "gpus-sum-now", required_argument, NULL, GPUS_SUM_NOW },
        { "json", no_argument, NULL, JSON },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };

    for (int c; (c = getopt_long(argc, argv, "c:C:b:g:t:h", longs, NULL)) != -1;) {
        switch (c) {
        case 'c':
            o->config = optarg;
            break;
        case 'C':
            o->client = optarg;
            break;
        case 'b':
            o->body = optarg;
            break;
        case SPEC_NOW:
            o->state.spec = slice_of(optarg);
            o->has_state = true;
            break;
        case REPLICAS_NOW:
            if (!num_i64(slice_of(optarg), 0, 2147483647, &o->state.count))
                return bad_usage("--replicas-now must be a number from 0 to 2147483647");
            o->has_state = true;
            break;
        case 'g':
            o->live.gateway = optarg;
            break;
        case 't':
            o->live.token_file = optarg;
            break;
        case NOW:
            o->now = optarg;
            break;
        case GPUS_SUM_NOW:
            if (!num_i64(slice_of(optarg), 0, 2147483647, &o->sums_now.gpus))
                return bad_usage("--gpus-sum-now must be a number from 0 to 2147483647");
            o->sums_now.has_gpus = true;
            break;
        case SUM_NOW:
            if (!num_i64(slice_of(optarg), 0, 2147483647, &o->sums_now.replicas))
                return bad_usage("--sum-now must be a number from 0 to 2147483647");
            o->sums_now.has_replicas = true;
            break;
        case JSON:
            o->live.json = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            return bad_usage("unknown option");
        }
    }
    if (!o->live.gateway != !o->live.token_file)
        return bad_usage("--gateway and --token-file go together");
    if ((!o->live.gateway && (!o->config || !o->client)) || argc - optind != 2)
        return bad_usage("expected --config and --client (or --gateway and --token-file), METHOD and TARGET");
    return -1;
}

/* ---- the verdict ---- */

static void refuse(enum reason reason, struct slice message, struct judgement *out)
{
    const struct refusal why = { .reason = reason, .message = message };

    judge_refuse(&why, &out->v);
}

/* What is refused before anything of the request is read. */
static bool is_let_in(const struct snapshot *snap, const struct client *client, struct slice body,
                      struct arena *a, struct judgement *out)
{
    int64_t end_s = client_end_s(client);
    char end[25];

    if (body.n > snap->gateway.max_body_bytes) {
        refuse(REASON_TOO_LARGE, slice_of(http1_violation_text(HTTP1_BAD_BODY_TOO_LONG)), out);
        out->v.refusal.asked = slice_of(arena_printf(a, "%zu bytes", body.n));
        out->v.refusal.allowed = slice_of(
            arena_printf(a, "%llu bytes (max_body)", (unsigned long long)snap->gateway.max_body_bytes));
        return false;
    }
    if (end_s == 0 || (int64_t)time(NULL) < end_s)
        return true;
    enc_time_utc(end_s * 1000, false, end);
    refuse(REASON_ENDED,
           slice_of(arena_printf(a, "the access of client %.*s ended at %s", SLICE_FMT(client->name), end)),
           out);
    return false;
}

/* The gateway carries out nothing that its record cannot hold whole, and takes a service without any count for one that was not read. */
static bool is_recordable(const struct options *o, const struct policy *p, struct slice region,
                          const struct facts *f, struct arena *a, struct judgement *out)
{
    SCOPED(sbuf) facts = SBUF_MAX(FACTS_TEXT_MAX_BYTES);
    SCOPED(sbuf) state = SBUF_MAX(STATE_TEXT_MAX_BYTES);
    struct verdict without;

    if (!facts_print(f, &facts)) {
        refuse(REASON_TOO_LARGE,
               slice_of(arena_printf(a,
                                     "the values that are judged have more than %d bytes as an audit record "
                                     "would hold them",
                                     FACTS_TEXT_MAX_BYTES)),
               out);
        return false;
    }
    policy_judge(p, region, f, NULL, a, &without);
    if (!o->has_state || without.kind != VERDICT_NEED_STATE)
        return true;
    if (service_peak(&o->state) == 0 && !f->has_replicas)
        refuse(REASON_STATE_UNREADABLE,
               slice_of(arena_printf(a,
                                     "the present state of service %.*s could not be read: EAS states no "
                                     "count of replicas for it",
                                     SLICE_FMT(f->service))),
               out);
    else if (!state_print(&o->state, &state))
        refuse(REASON_STATE_UNREADABLE,
               S("the service's stored configuration has more judged values than an audit record holds"),
               out);
    return out->v.kind != VERDICT_REFUSE;
}

/* What the gateway's steps do, in their order. */
static void judge(const struct options *o, const struct snapshot *snap, const struct client *client,
                  char **request, struct slice body, struct arena *a, struct request *is,
                  struct judgement *out)
{
    struct slice target = slice_of(request[1]), region = snap->upstreams[0].region;
    struct err e = { 0 };

    *out = (struct judgement){ .needs_gpus = false };
    if (!is_let_in(snap, client, body, a, out))
        return;
    enum reason reason = request_route(http1_method_of(slice_of(request[0])), target, is, &e);
    if (reason == REASON_NONE)
        reason = request_parse(is, target, S("application/json"), body, a, &e);
    if (reason != REASON_NONE)
        refuse(reason, arena_dup(a, slice_of(e.text)), out);
    else if (is_recordable(o, client->policy, region, &is->facts, a, out))
        judge_all(client->policy, region, &is->facts, o->has_state ? &o->state : NULL, &o->sums_now, a, out);
}

static void take_refusal(const struct refusal *r, struct explain_table *t)
{
    t->code = slice_of(reason_code(r->reason));
    t->status = refusal_status(r);
    t->message = r->message.n ? r->message : slice_of(reason_text(r->reason));
    t->rule = r->rule;
    t->asked = r->asked;
    t->allowed = r->allowed;
}

static void add_part(struct sbuf *out, const char *before, int64_t n, const char *behind)
{
    if (n)
        sbuf_addf(out, ", %s%lld%s", before, (long long)n, behind);
}

/* The parts of the peak go to an sbuf, which outlives the table. */
static void take_after(const struct after *after, struct sbuf *parts, struct explain_table *t)
{
    add_part(parts, "scaler up to ", after->scaler, "");
    add_part(parts, "cron target ", after->cron, "");
    add_part(parts, "", after->extra, " detached");
    add_part(parts, "surge ", after->surge, "");
    t->parts = sbuf_slice(parts);
    t->has_after = true;
    t->spec = after->spec;
    t->peak = after->peak;
    t->peak_now = after->now;
    t->replicas = after->replicas;
    t->has_gpus = after->has_gpus;
    t->gpus = after->gpus;
}

static struct explain_table table_of(const struct judgement *j, const struct op *op, struct sbuf *parts)
{
    const struct verdict *v = &j->v;
    struct explain_table t = { .operation = op ? op->name : SLICE_NONE };

    if (v->kind == VERDICT_REFUSE) {
        take_refusal(&v->refusal, &t);
        return t;
    }
    t.needs_state = v->kind == VERDICT_NEED_STATE;
    t.rule = v->rule_text;
    if (v->has_after)
        take_after(&v->after, parts, &t);
    if (v->would_deny.reason != REASON_NONE) {
        t.reported = slice_of(reason_code(v->would_deny.reason));
        t.reported_message = v->would_deny.message;
    }
    t.workspace = v->fill_workspace;
    t.quota = v->fill_quota;
    t.needs_replicas = j->needs_replicas;
    t.needs_gpus = j->needs_gpus;
    return t;
}

/* ---- offline ---- */

/* --now into the state. Of --spec-now and --replicas-now alone: a service that has just what its configuration states, an
 * application unless its spec is one of the policy's instance types. */
static bool read_now(struct options *o, const struct policy *p, struct arena *a, struct err *e)
{
    SCOPED(sbuf) text = SBUF_MAX(64 * 1024);
    struct service_state *s = &o->state;

    if (!o->now) {
        s->stored = s->count;
        s->states_count = true;
        s->is_app = s->spec.n && !rules_find(POLICY_RULES(p, instance_types), BOUND_STYLE_SPEC_CAPS, s->spec);
        return true;
    }
    if (o->now[0] == '@' && !read_body_file(o->now + 1, &text))
        return err_set(e, ERR_IO, "%s cannot be read", o->now + 1);
    struct slice json = o->now[0] == '@' ? slice_trim(sbuf_slice(&text)) : slice_of(o->now);
    o->has_state = state_parse(arena_dup(a, json), a, &o->state, e);
    return o->has_state;
}

static int judge_and_print(const struct options *o, const struct snapshot *snap, const struct client *client,
                           char **request, struct slice body, struct arena *a)
{
    struct request is = { .body = NULL };
    struct judgement j;
    SCOPED(sbuf) parts = SBUF_MAX(256);

    judge(o, snap, client, request, body, a, &is, &j);
    struct explain_table table = table_of(&j, is.match.op, &parts);
    explain_table_print(&table, o->live.json);
    request_drop(&is);
    return j.v.kind == VERDICT_ALLOW ? 0 : 1;
}

/* What counts now of the client; NULL after a message. */
static const struct client *find_client(const struct options *o, const struct snapshot *now)
{
    const struct client *client = snapshot_client_by_name(now, slice_of(o->client));

    if (!client)
        fprintf(stderr, "easgate explain: %s has no [client %s]\n", o->config, o->client);
    return client;
}

static int explain(struct options *o, char **request, struct slice body)
{
    struct config_errors errors = { .count = 0 };
    struct snapshot *snap = snapshot_load(o->config, false, &errors);
    struct snapshot *now = snap ? snapshot_at(snap, (int64_t)time(NULL)) : NULL; /* what has ended is gone */
    struct arena *a = arena_new(4 * 1024 * 1024);
    struct err e = { 0 };
    int code = 2;

    if (!snap)
        fprintf(stderr, "%.*s", SLICE_FMT(sbuf_slice(&errors.text)));
    else if (!now || !a)
        fputs("easgate explain: out of memory\n", stderr);
    const struct client *client = now && a ? find_client(o, now) : NULL;
    if (client && read_now(o, client->policy, a, &e))
        code = judge_and_print(o, now, client, request, body, a);
    else if (client)
        fprintf(stderr, "easgate explain: --now: %s\n", e.text);
    arena_free(&a);
    config_errors_drop(&errors);
    snapshot_unref(&now);
    snapshot_unref(&snap);
    return code;
}

int cmd_explain(int argc, char **argv)
{
    struct options o = { .config = NULL };
    SCOPED(sbuf) body = SBUF_MAX(1024 * 1024);
    int code = read_options(argc, argv, &o);

    if (code >= 0)
        return code;
    if (o.body && !read_body_file(o.body, &body)) {
        fprintf(stderr, "easgate explain: %s: %s\n", o.body, errno ? strerror(errno) : "cannot be read");
        return 2;
    }
    if (o.live.gateway)
        return explain_live(&o.live, slice_of(argv[optind]), slice_of(argv[optind + 1]), sbuf_slice(&body));
    return explain(&o, argv + optind, sbuf_slice(&body));
}
