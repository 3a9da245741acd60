/*
 * easgate replay: recorded decisions, judged again by another configuration: what would flip. Reads files alone; sends nothing,
 * needs no keys.
 */
#include "app/cmd.h"
#include "app/cmd_audit.h"
#include "app/decisions.h"
#include "base/enc.h"
#include <getopt.h>

static const char help[] =
    "Usage: easgate replay --policy FILE [--name NAME] [--json] AUDIT...\n"
    "\n"
    "Judge the requests of an audit log by another configuration, and list those whose verdict flips:\n"
    "what a change of the policy would have done to the traffic that was there.\n"
    "\n"
    "  -p, --policy FILE   the configuration to judge by\n"
    "      --name NAME     of the log within a directory (audit.jsonl)\n"
    "      --json          one JSON object for each line, and one at the end\n"
    "  -h, --help\n"
    "\n"
    "AUDIT is a segment or a directory with a log. What a record does not hold cannot be judged again. Such\n"
    "decisions are counted as not told, and the refusals among them are listed: they may stand or fall.\n"
    "- The service's state, where it was not looked up then.\n"
    "- What all services of the team had together: max_total_replicas and max_total_gpus bound it. Where "
    "FILE\n"
    "  decided the request itself (its digest stands in the record), what it decided stands. By any other\n"
    "  FILE with such a limit a call that grows its service is refused if that service alone would come to\n"
    "  more, and else not told. Without such a limit, and where nothing grows, it is judged as any other.\n"
    "\n"
    "Exit: 0 nothing flips of what can be told, 1 something does, 2 usage, configuration or a log that "
    "cannot\n"
    "be read.\n"
    "\n"
    "Examples:\n"
    "  easgate replay --policy new.ini /var/log/easgate\n"
    "  easgate replay -p new.ini --json audit.jsonl | jq -r 'select(.would_be == \"refused\") | .client' |\n"
    "      sort | uniq -c\n";

struct replay {
    struct snapshot *snap, *then; /* then: what counts of snap from then_s until its next_end_s */
    int64_t then_s;
    struct arena *arena;
    bool json;
    uint64_t decisions, now_refused, now_reported, now_allowed, not_told;
    struct err e;
    bool failed;
};

static const char *name_of(enum rejudged what)
{
    static const char *const names[] = { [REJUDGED_ALLOWED] = "allowed",
                                         [REJUDGED_REPORTED] = "reported",
                                         [REJUDGED_REFUSED] = "refused",
                                         [REJUDGED_UNKNOWN] = "not_told" };

    return names[what];
}

static void print_decision(const struct replay *r, const struct decision *d, enum rejudged now,
                           struct slice code, struct slice why)
{
    SCOPED(sbuf) out = SBUF_MAX(65536);
    const char *was = name_of(decision_was(d));

    if (!r->json) {
        printf("record %llu, %.*s: %.*s %.*s %.*s: was %s%s%.*s, %s%s%s%.*s%s%.*s\n",
               (unsigned long long)d->seq, SLICE_FMT(d->t), SLICE_FMT(d->client), SLICE_FMT(d->op),
               SLICE_FMT(d->service), was, d->reason.n ? ": " : "", SLICE_FMT(d->reason),
               now == REJUDGED_UNKNOWN ? "cannot be told" : "would be ",
               now == REJUDGED_UNKNOWN ? "" : name_of(now), code.n ? ": " : "", SLICE_FMT(code),
               why.n ? ": " : "", SLICE_FMT(why));
        return;
    }
    sbuf_addf(&out,
              "{\"seq\":%llu,\"t\":\"%.*s\",\"client\":\"%.*s\",\"operation\":\"%.*s\",\"service\":\"%.*s\"",
              (unsigned long long)d->seq, SLICE_FMT(d->t), SLICE_FMT(d->client), SLICE_FMT(d->op),
              SLICE_FMT(d->service));
    sbuf_addf(&out, ",\"was\":\"%s\",\"would_be\":\"%s\",\"code\":", was, name_of(now));
    enc_json_string(code, &out);
    sbuf_adds(&out, ",\"why\":");
    enc_json_string(why, &out);
    printf("%.*s}\n", SLICE_FMT(sbuf_slice(&out)));
}

/* What counted at the time of the decision; records mostly stand in order of time. NULL without memory. */
static const struct snapshot *snapshot_then(struct replay *r, int64_t at_s)
{
    if (r->then && at_s >= r->then_s && (r->then->next_end_s == 0 || at_s < r->then->next_end_s))
        return r->then;
    snapshot_unref(&r->then);
    r->then = snapshot_at(r->snap, at_s);
    r->then_s = at_s;
    return r->then;
}

static bool take(void *ctx, const struct decision *d)
{
    struct replay *r = ctx;
    enum rejudged now;
    struct slice code, why;

    arena_free(&r->arena);
    r->arena = arena_new(8 * 1024 * 1024);
    r->decisions++;
    const struct snapshot *then = snapshot_then(r, d->at_s);
    r->failed = !then || !r->arena || !decision_judge(d, then, r->arena, &now, &code, &why, &r->e);
    if (r->failed)
        return false;
    if (now == decision_was(d))
        return true;
    *(now == REJUDGED_ALLOWED    ? &r->now_allowed
      : now == REJUDGED_REPORTED ? &r->now_reported
      : now == REJUDGED_REFUSED  ? &r->now_refused
                                 : &r->not_told) += 1;
    if (now != REJUDGED_UNKNOWN || d->denied)
        print_decision(r, d, now, code, why);
    return true;
}

static int report(const struct replay *r)
{
    if (r->json)
        printf("{\"decisions\":%llu,\"now_refused\":%llu,\"now_reported\":%llu,\"now_allowed\":%llu,"
               "\"not_told\":%llu}\n",
               (unsigned long long)r->decisions, (unsigned long long)r->now_refused,
               (unsigned long long)r->now_reported, (unsigned long long)r->now_allowed,
               (unsigned long long)r->not_told);
    else
        printf("%llu decision%s: %llu would be refused now, %llu reported now, %llu allowed now, %llu not "
               "told\n",
               (unsigned long long)r->decisions, r->decisions == 1 ? "" : "s",
               (unsigned long long)r->now_refused, (unsigned long long)r->now_reported,
               (unsigned long long)r->now_allowed, (unsigned long long)r->not_told);
    return r->now_refused || r->now_reported || r->now_allowed ? 1 : 0;
}

static int run(const char *config, const char *name, bool json, char **paths)
{
    struct config_errors errors = { .count = 0 };
    struct snapshot *snap = snapshot_load(config, false, &errors);
    struct replay r = { .snap = snap, .json = json };
    int code = 2;

    if (!snap)
        fprintf(stderr, "%.*s", SLICE_FMT(sbuf_slice(&errors.text)));
    else if (decisions_read(paths, name, "replay", take, &r) != AUDIT_EXIT_FINE && !r.failed)
        code = 2; /* said already */
    else if (r.failed)
        fprintf(stderr, "easgate replay: %s\n", r.e.text[0] ? r.e.text : "out of memory");
    else
        code = report(&r);
    arena_free(&r.arena);
    config_errors_drop(&errors);
    snapshot_unref(&r.then);
    snapshot_unref(&snap);
    return code;
}

static int bad_usage(const char *text)
{
    fprintf(stderr, "easgate replay: %s\nTry 'easgate replay --help'.\n", text);
    return 2;
}

int cmd_replay(int argc, char **argv)
{
    static const struct option longs[] = { { "policy", required_argument, NULL, 'p' },
                                           { "name", required_argument, NULL, 'n' },
                                           { "json", no_argument, NULL, 'j' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    const char *config = NULL, *name = "audit.jsonl";
    bool json = false;

    for (int c; (c = getopt_long(argc, argv, "p:h", longs, NULL)) != -1;) {
        if (c == 'p')
            config = optarg;
        else if (c == 'n')
            name = optarg;
        else if (c == 'j')
            json = true;
        else if (c == 'h') {
            fputs(help, stdout);
            return 0;
        } else
            return bad_usage("unknown option");
    }
    if (!config || optind == argc)
        return bad_usage("expected --policy FILE and an audit log");
    return run(config, name, json, argv + optind);
}
