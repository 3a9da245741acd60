/*
 * easgate explain: one request against the policy, offline. Runs the very calls of the gateway (request_route,
 * request_parse, policy_judge) over a configuration file; sends nothing, needs no keys.
 */
#include "app/cmd.h"
#include "app/explain_live.h"
#include "config/snapshot.h"
#include "core/after_text.h"
#include "core/request.h"
#include "base/enc.h"
#include "base/num.h"
#include <errno.h>
#include <getopt.h>
#include <time.h>

static const char usage[] =
    "Usage: easgate explain --config FILE --client NAME [options] METHOD TARGET\n"
    "       easgate explain --gateway URL --token-file FILE [--body FILE] METHOD TARGET\n"
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
    "      --json               one JSON object\n"
    "  -h, --help\n"
    "\n"
    "  -g, --gateway URL        ask a running gateway, which looks at EAS's own state and sends nothing "
    "else:\n"
    "                           http://ADDRESS:PORT or unix:/PATH of its listener\n"
    "  -t, --token-file FILE    the client's token for that, in a file of mode 0600\n"
    "\n"
    "Exit: 0 allowed, 1 refused, 2 usage or configuration.\n"
    "\n"
    "Examples:\n"
    "  easgate explain -c easgate.ini -C nlp -b body.json POST /api/v2/app_services\n"
    "  easgate explain -c easgate.ini -C nlp --spec-now llama_7b_fp16 --replicas-now 3 \\\n"
    "      PUT /api/v2/services/cn-shanghai/nlp_chat/start\n"
    "  easgate audit show --json --id ID DIR | jq -c .now > now.json\n"
    "  easgate explain -c new.ini -C nlp --now @now.json -b body.json PUT "
    "/api/v2/services/cn-shanghai/nlp_chat/scale\n";

struct options {
    const char *config, *client, *body;
    struct service_state state;
    const char *now; /* JSON, or @FILE */
    struct live live;
    int64_t sum_now, gpus_sum_now; /* of the policy's other services */
    bool has_state, has_sum, json;
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
            if (!num_i64(slice_of(optarg), 0, 2147483647, &o->gpus_sum_now))
                return bad_usage("--gpus-sum-now must be a number from 0 to 2147483647");
            o->has_sum = true;
            break;
        case SUM_NOW:
            if (!num_i64(slice_of(optarg), 0, 2147483647, &o->sum_now))
                return bad_usage("--sum-now must be a number from 0 to 2147483647");
            o->has_sum = true;
            break;
        case JSON:
            o->json = true;
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

static void add_member(struct sbuf *out, const char *name, struct slice value)
{
    if (!value.p)
        return;
    sbuf_addf(out, ",\"%s\":", name);
    enc_json_string(value, out);
}

static void print_json(const struct verdict *v, const struct op *op, const struct refusal *r,
                       struct slice message)
{
    SCOPED(sbuf) out = SBUF_MAX(65536);

    sbuf_addf(&out, "{\"verdict\":\"%s\"",
              r                               ? "refused"
              : v->kind == VERDICT_NEED_STATE ? "needs-state"
                                              : "allowed");
    add_member(&out, "operation", op ? op->name : SLICE_NONE);
    if (r) {
        add_member(&out, "code", slice_of(reason_code(r->reason)));
        add_member(&out, "message", message);
        add_member(&out, "asked", r->asked);
        add_member(&out, "allowed", r->allowed);
        add_member(&out, "rule", r->rule);
        sbuf_addf(&out, ",\"status\":%d", refusal_status(r));
    } else {
        add_member(&out, "rule", v->rule_text);
        if (v->has_after) {
            add_member(&out, "spec", v->after.spec);
            sbuf_addf(&out, ",\"replicas\":%lld,\"replicas_now\":%lld", (long long)v->after.peak,
                      (long long)v->after.now);
        }
        if (v->would_deny.reason != REASON_NONE) {
            add_member(&out, "would_deny", slice_of(reason_code(v->would_deny.reason)));
            add_member(&out, "would_deny_message", v->would_deny.message);
        }
        add_member(&out, "fill_workspace", v->fill_workspace);
        add_member(&out, "fill_quota", v->fill_quota);
    }
    sbuf_adds(&out, "}\n");
    fputs(out.p, stdout);
}

/* The numbers that the peak is made of. */
static void print_after(const struct after *after)
{
    if (after->spec.n)
        printf("spec       %.*s\n", SLICE_FMT(after->spec));
    printf("replicas   %lld at most without another call (%lld now)\n", (long long)after->peak,
           (long long)after->now);
    printf("made of    %lld stated or kept", (long long)after->replicas);
    if (after->scaler)
        printf(", scaler up to %lld", (long long)after->scaler);
    if (after->cron)
        printf(", cron target %lld", (long long)after->cron);
    if (after->extra)
        printf(", %lld detached", (long long)after->extra);
    if (after->surge)
        printf(", surge %lld", (long long)after->surge);
    putchar('\n');
    if (after->has_gpus)
        printf("GPUs       %lld for each replica\n", (long long)after->gpus);
}

static void print_would_deny(const struct verdict *v)
{
    const struct refusal *w = &v->would_deny;

    if (w->reason != REASON_NONE)
        printf("reported   %s: %.*s\n", reason_code(w->reason), SLICE_FMT(w->message));
}

static void print_text(const struct verdict *v, const struct op *op, const struct refusal *r,
                       struct slice message)
{
    if (op)
        printf("operation  %.*s\n", SLICE_FMT(op->name));
    if (r) {
        printf("verdict    refused: %s (status %d)\n", reason_code(r->reason), refusal_status(r));
        printf("why        %.*s\n", SLICE_FMT(message));
        if (r->rule.p)
            printf("rule       %.*s\n", SLICE_FMT(r->rule));
        if (r->asked.n)
            printf("asked      %.*s\n", SLICE_FMT(r->asked));
        if (r->allowed.n)
            printf("allowed    %.*s\n", SLICE_FMT(r->allowed));
        return;
    }
    if (v->kind == VERDICT_NEED_STATE)
        printf(
            "verdict    depends on the service's present state, which easgate would look up at EAS first;\n"
            "           state it with --now, or --spec-now and --replicas-now\n");
    else
        printf("verdict    allowed\n");
    if (v->rule_text.p)
        printf("rule       %.*s\n", SLICE_FMT(v->rule_text));
    if (v->has_after)
        print_after(&v->after);
    print_would_deny(v);
    if (v->fill_workspace.p)
        printf("fills in   WorkspaceId=%.*s\n", SLICE_FMT(v->fill_workspace));
    if (v->fill_quota.p)
        printf("fills in   QuotaId=%.*s\n", SLICE_FMT(v->fill_quota));
}

static const char note[] =
    "max_total_replicas counts, too, by what EAS lists when the request comes; state it with --sum-now";

/* Sums and counts: what is judged after the policy's own rules. */
static bool fits(const struct options *o, const struct policy *p, const struct request *is,
                 const struct verdict *v, struct arena *a, struct refusal *out)
{
    struct growth step;

    if (is->match.op->count.list.n && o->has_state)
        return policy_judge_count(p, is->match.op, o->state.count, facts_asked(&is->facts), a, out);
    if (!is->facts.raises || !o->has_sum)
        return true;
    if (!policy_growth(p, &is->facts, &v->after, o->has_state ? &o->state : NULL, &step)) {
        *out = (struct refusal){ .reason = REASON_BUDGET,
                                 .message = S("nothing says how many GPUs a replica has") };
        return false;
    }
    return policy_judge_sum(p, step.after, (struct amounts){ o->sum_now, o->gpus_sum_now }, step.now, a, out);
}

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

static int judge(const struct options *o, const struct snapshot *snap, const struct client *client,
                 char **request, struct slice body, struct arena *a)
{
    struct slice target = slice_of(request[1]);
    struct request is = { .body = NULL };
    struct verdict v = { .kind = VERDICT_NONE };
    struct err e = { 0 };
    enum reason reason = request_route(http1_method_of(slice_of(request[0])), target, &is, &e);

    if (reason == REASON_NONE)
        reason = request_parse(&is, target, S("application/json"), body, a, &e);
    struct refusal unread = { .reason = reason, .message = slice_of(e.text) };
    if (reason == REASON_NONE)
        policy_judge(client->policy, snap->upstreams[0].region, &is.facts, o->has_state ? &o->state : NULL, a,
                     &v);
    struct refusal over = { .reason = REASON_NONE };
    bool counts = v.kind == VERDICT_ALLOW && is.facts.raises && policy_has_sum(client->policy);
    bool is_over = v.kind == VERDICT_ALLOW && !fits(o, client->policy, &is, &v, a, &over);
    if (is_over && policy_lifts(client->policy, over.reason)) {
        v.would_deny = v.would_deny.reason == REASON_NONE ? over : v.would_deny;
        is_over = false;
    }
    if (v.kind == VERDICT_ALLOW && is.match.op->count.list.n && !o->has_state)
        v.kind = VERDICT_NEED_STATE;
    const struct refusal *r = reason != REASON_NONE      ? &unread
                              : v.kind == VERDICT_REFUSE ? &v.refusal
                              : is_over                  ? &over
                                                         : NULL;
    struct slice message = r && r->message.n ? r->message : r ? slice_of(reason_text(r->reason)) : SLICE_NONE;
    (o->json ? print_json : print_text)(&v, is.match.op, r, message);
    if (counts && !o->has_sum && !o->json)
        printf("also       %s\n", note);
    request_drop(&is);
    return r || v.kind == VERDICT_NEED_STATE ? 1 : 0;
}

int cmd_explain(int argc, char **argv)
{
    struct options o = { .config = NULL };
    struct config_errors errors = { .count = 0 };
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
    struct snapshot *snap = snapshot_load(o.config, false, &errors);
    struct arena *a = arena_new(4 * 1024 * 1024);
    const struct client *client = snap ? snapshot_client_by_name(snap, slice_of(o.client)) : NULL;
    if (!snap)
        fprintf(stderr, "%.*s", SLICE_FMT(sbuf_slice(&errors.text)));
    else if (!client)
        fprintf(stderr, "easgate explain: %s has no [client %s]\n", o.config, o.client);
    struct snapshot *now =
        client ? snapshot_at(snap, (int64_t)time(NULL)) : NULL; /* what has ended is gone */
    struct err e = { 0 };
    client = now ? snapshot_client_by_name(now, slice_of(o.client)) : NULL;
    int64_t end_s = client ? client_end_s(client) : 0;
    if (end_s && (int64_t)time(NULL) >= end_s)
        fprintf(stderr, "easgate explain: note: the access of client %s has ended; it would get 403\n",
                o.client);
    if (client && a && !read_now(&o, client->policy, a, &e)) {
        fprintf(stderr, "easgate explain: --now: %s\n", e.text);
        client = NULL;
    }
    code = client && a ? judge(&o, snap, client, argv + optind, sbuf_slice(&body), a) : 2;
    arena_free(&a);
    config_errors_drop(&errors);
    snapshot_unref(&now);
    snapshot_unref(&snap);
    return code;
}
