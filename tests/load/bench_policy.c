/*
 * What a verdict costs: policy_judge over facts that were read before, in CPU time of this process. No test: it prints and
 * judges nothing. Usage: bench_policy [--short]
 *
 * Three requests: a create of an application, a raw service with containers, storage and labels, and a scale with the state
 * that EAS gave; each against one client with a policy of a few lines, and against 1,000 clients with policies of 200 lines each.
 */
#include "config/snapshot.h"
#include "core/request.h"
#include <stdio.h>
#include <time.h>

#define FILE_MAX_BYTES  (64 * 1024 * 1024)
#define ARENA_MAX_BYTES (1024 * 1024)
#define LINES           200

static const char head[] =
    "[gateway]\nlisten = 127.0.0.1:8080\n[upstream u]\nregion = cn-shanghai\n"
    "[credential main]\ntype = access_key\nfile = credentials\n[audit]\npath = a.jsonl\n";

/* One value that matches none of the requests. */
static void add_value(unsigned client, unsigned i, struct sbuf *out)
{
    switch (i % 5) {
    case 0:
        sbuf_addf(out, "services = t%u_x%u_*\n", client, i);
        return;
    case 1:
        sbuf_addf(out, "images = registry.example.com/t%u/x%u/*\n", client, i);
        return;
    case 2:
        sbuf_addf(out, "oss_paths = oss://models-%u/x%u/*\n", client, i);
        return;
    case 3:
        sbuf_addf(out, "instance_types = ecs.t%u-x%u.large <= 4\n", client, i);
        return;
    default:
        sbuf_addf(out, "workspaces = %u%03u\n", client + 1, i);
        return;
    }
}

/* `lines` values that do not match stand before the ones that the three requests need. */
static void add_policy(unsigned client, unsigned lines, struct sbuf *out)
{
    sbuf_addf(out, "[client c%u]\ntoken_sha256 = %064u\npolicy = p%u\n[policy p%u]\n", client, client + 1,
              client, client);
    sbuf_adds(out, "allow = CreateAppService, CreateService, ScaleService, @read, @lifecycle\n");
    for (unsigned i = 0; i < lines; i++)
        add_value(client, i, out);
    sbuf_addf(out,
              "services = t%u_nlp_*\nworkspaces = 12345\napp_types = LLM\nmax_cpu = 16\nmax_memory = 65536\n",
              client);
    sbuf_adds(
        out, "service_specs = llama_7b_fp16 <= 4\ninstance_types = ecs.gn6i-c4g1.xlarge\nmax_replicas = 10\n"
             "max_total_replicas = 100\nimages = registry.example.com/nlp/*\noss_paths = oss://nlp-models/*\n"
             "label_keys = team, project\n");
}

struct bench {
    struct slice method, target, body;
    bool has_state;
};

static double judge_ns(const struct snapshot *s, const struct bench *b, unsigned rounds)
{
    struct arena *facts_arena = arena_new(ARENA_MAX_BYTES);
    struct request is = { .body = NULL };
    struct err e = { 0 };
    const struct service_state state = { .spec = S_INIT("llama_7b_fp16"), .count = 2, .stored = 2 };
    enum reason reason = request_route(http1_method_of(b->method), b->target, &is, &e);
    unsigned allowed = 0;

    if (reason == REASON_NONE)
        reason = request_parse(&is, b->target, S("application/json"), b->body, facts_arena, &e);
    if (reason != REASON_NONE) {
        printf("%s\n", e.text);
        exit(1);
    }
    const struct client *client = snapshot_client_by_name(s, S("c0"));
    clock_t start = clock();
    for (unsigned i = 0; i < rounds; i++) {
        struct arena *a = arena_new(ARENA_MAX_BYTES);
        struct verdict v;
        policy_judge(client->policy, S("cn-shanghai"), &is.facts, b->has_state ? &state : NULL, a, &v);
        allowed += v.kind == VERDICT_ALLOW;
        if (v.kind != VERDICT_ALLOW) {
            printf("refused: %.*s\n", SLICE_FMT(v.refusal.message));
            exit(1);
        }
        arena_free(&a);
    }
    double ns = (double)(clock() - start) / CLOCKS_PER_SEC * 1e9 / allowed;
    request_drop(&is);
    arena_free(&facts_arena);
    return ns;
}

static struct snapshot *load(unsigned clients, unsigned lines)
{
    SCOPED(sbuf) text = SBUF_MAX(FILE_MAX_BYTES);
    struct config_errors errors = { .count = 0 };

    sbuf_adds(&text, head);
    for (unsigned i = 0; i < clients; i++)
        add_policy(i, lines, &text);
    clock_t start = clock();
    struct snapshot *s = snapshot_load_text("bench.ini", sbuf_slice(&text), false, &errors);
    if (!s) {
        printf("%s", errors.text.p);
        exit(1);
    }
    printf("%u client%s, %u lines each: %.1f MB of text loaded in %.0f ms\n", clients,
           clients == 1 ? "" : "s", lines + 14, (double)text.n / 1e6,
           (double)(clock() - start) / CLOCKS_PER_SEC * 1e3);
    return s;
}

int main(int argc, char **argv)
{
    static const struct bench benches[] = {
        { S_INIT("POST"), S_INIT("/api/v2/app_services?WorkspaceId=12345"),
          S_INIT("{\"ServiceName\":\"t0_nlp_a\",\"AppType\":\"LLM\",\"ServiceSpec\":\"llama_7b_fp16\","
                 "\"Replicas\":2}"),
          false },
        { S_INIT("POST"), S_INIT("/api/v2/services?WorkspaceId=12345"),
          S_INIT("{\"metadata\":{\"name\":\"t0_nlp_b\",\"instance\":2,\"cpu\":4,\"memory\":8192},"
                 "\"cloud\":{\"computing\":{\"instance_type\":\"ecs.gn6i-c4g1.xlarge\"}},"
                 "\"containers\":[{\"image\":\"registry.example.com/nlp/"
                 "a:1\"},{\"image\":\"registry.example.com/nlp/b:2\"}],"
                 "\"storage\":[{\"oss\":{\"path\":\"oss://nlp-models/llama/\"}}],"
                 "\"labels\":{\"team\":\"nlp\",\"project\":\"t0_nlp_c\"}}"),
          false },
        { S_INIT("PUT"), S_INIT("/api/v2/services/cn-shanghai/t0_nlp_a/scale"), S_INIT("{\"Instance\":3}"),
          true },
    };
    static const char *const names[] = { "CreateAppService", "CreateService", "ScaleService" };
    bool is_short = argc > 1 && slice_eq(slice_of(argv[1]), S("--short"));
    unsigned rounds = is_short ? 2000 : 200000;

    for (int large = 0; large < 2; large++) {
        struct snapshot *s = load(large ? 1000 : 1, large ? LINES - 14 : 0);
        for (size_t i = 0; i < sizeof benches / sizeof benches[0]; i++) {
            double best = 1e12;
            for (int k = 0; k < 5; k++) {
                double ns = judge_ns(s, &benches[i], rounds);
                best = ns < best ? ns : best;
            }
            printf("  %-17s %6.0f ns a verdict (best of 5 rounds of %u)\n", names[i], best, rounds);
        }
        snapshot_unref(&s);
    }
    return 0;
}
