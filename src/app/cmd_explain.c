/*
 * easgate explain: one request against the policy, offline. Runs the very calls of the gateway (request_route,
 * request_parse, policy_judge) over a configuration file; sends nothing, needs no keys.
 */
#include "app/cmd.h"
#include "config/snapshot.h"
#include "core/request.h"
#include "base/enc.h"
#include "base/num.h"
#include <errno.h>
#include <getopt.h>

static const char usage[] =
    "Usage: easgate explain --config FILE --client NAME [options] METHOD TARGET\n"
    "\n"
    "Judge one request as `easgate serve` would: the verdict, the rule with its line, and the numbers.\n"
    "\n"
    "  -c, --config FILE        the configuration\n"
    "  -C, --client NAME        the client who asks\n"
    "  -b, --body FILE          the request's body; - is standard input\n"
    "      --spec-now SPEC      what EAS would say of the service now, for requests\n"
    "      --replicas-now N     whose verdict needs it (an update that leaves one out, a start)\n"
    "      --sum-now N          replicas of the policy's other services now, for max_total_replicas\n"
    "      --json               one JSON object\n"
    "  -h, --help\n"
    "\n"
    "Exit: 0 allowed, 1 refused, 2 usage or configuration.\n"
    "\n"
    "Examples:\n"
    "  easgate explain -c easgate.ini -C nlp -b body.json POST /api/v2/app_services\n"
    "  easgate explain -c easgate.ini -C nlp --spec-now llama_7b_fp16 --replicas-now 3 \\\n"
    "      PUT /api/v2/services/cn-shanghai/nlp_chat/start\n";

struct options {
    const char *config, *client, *body;
    struct service_state state;
    int64_t sum_now; /* of the policy's other services */
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
    enum { SPEC_NOW = 256, REPLICAS_NOW, SUM_NOW, JSON };
    static const struct option longs[] = {
        { "config", required_argument, NULL, 'c' },
        { "client", required_argument, NULL, 'C' },
        { "body", required_argument, NULL, 'b' },
        { "spec-now", required_argument, NULL, SPEC_NOW },
        { "replicas-now", required_argument, NULL, REPLICAS_NOW },
        { "sum-now", required_argument, NULL, SUM_NOW },
        { "json", no_argument, NULL, JSON },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };

    for (int c; (c = getopt_long(argc, argv, "c:C:b:h", longs, NULL)) != -1;) {
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
    if (!o->config || !o->client || argc - optind != 2)
        return bad_usage("expected --config, --client, METHOD and TARGET");
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
        add_member(&out, "fill_workspace", v->fill_workspace);
        add_member(&out, "fill_quota", v->fill_quota);
    }
    sbuf_adds(&out, "}\n");
    fputs(out.p, stdout);
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
            "           state it with --spec-now and --replicas-now\n");
    else
        printf("verdict    allowed\n");
    if (v->rule_text.p)
        printf("rule       %.*s\n", SLICE_FMT(v->rule_text));
    if (v->has_after && v->after.spec.n)
        printf("spec       %.*s\n", SLICE_FMT(v->after.spec));
    if (v->has_after)
        printf("replicas   %lld\n", (long long)v->after.peak);
    if (v->fill_workspace.p)
        printf("fills in   WorkspaceId=%.*s\n", SLICE_FMT(v->fill_workspace));
    if (v->fill_quota.p)
        printf("fills in   QuotaId=%.*s\n", SLICE_FMT(v->fill_quota));
}

static const char note[] =
    "max_total_replicas counts, too, by what EAS lists when the request comes; state it with --sum-now";

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
    struct refusal over;
    bool counts =
        v.kind == VERDICT_ALLOW && is.facts.raises && POLICY_RULES(client->policy, max_total_replicas)->count;
    struct amounts own = { .replicas = v.after.peak }, now = { .replicas = v.after.now };
    struct amounts others = { .replicas = o->sum_now };
    bool is_over = counts && o->has_sum && !policy_judge_sum(client->policy, own, others, now, a, &over);
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
    struct snapshot *snap = snapshot_load(o.config, false, &errors);
    struct arena *a = arena_new(4 * 1024 * 1024);
    const struct client *client = snap ? snapshot_client_by_name(snap, slice_of(o.client)) : NULL;
    if (!snap)
        fprintf(stderr, "%.*s", SLICE_FMT(sbuf_slice(&errors.text)));
    else if (!client)
        fprintf(stderr, "easgate explain: %s has no [client %s]\n", o.config, o.client);
    code = client && a ? judge(&o, snap, client, argv + optind, sbuf_slice(&body), a) : 2;
    arena_free(&a);
    config_errors_drop(&errors);
    snapshot_unref(&snap);
    return code;
}
