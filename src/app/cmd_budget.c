/* easgate budget: what the teams of a running gateway have and reserve of their budgets, asked at its admin listener (/budget). */
#include "app/ask.h"
#include "app/cmd.h"
#include "base/err.h"
#include "core/json.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_MAX_BYTES (4 * 1024 * 1024)
#define PAGE             "/budget"
#define NUMBER_MAX       INT64_MAX

static const char usage[] =
    "usage: easgate budget [--url URL | --config FILE] [--json]\n"
    "\n"
    "Asks a running gateway what the services of each policy with max_total_replicas or max_total_gpus have\n"
    "together (LIVE), what calls under way or in doubt may add (RESERVED), what is left (FREE), how old "
    "that\n"
    "knowledge is (READ), and what changed between two readings without a call through easgate (ELSEWHERE).\n"
    "A service counts for the most that it may come to by itself.\n"
    "\n"
    "  -u, --url URL      http://ADDRESS:PORT with a numeric address or localhost, or unix:/PATH of a "
    "socket\n"
    "                     (" ASK_DEFAULT_BASE ")\n"
    "  -c, --config FILE  ask at the first admin_listen of this configuration\n"
    "  -j, --json         print the page as it is\n"
    "\n"
    "exit: 0 fine, 1 a team is over its limit, or the gateway is not there, 2 usage or configuration\n"
    "\n"
    "examples:\n"
    "  easgate budget\n"
    "  easgate budget --config /etc/easgate/easgate.ini --json\n"
    "  easgate budget --url unix:/run/easgate/admin.sock\n";

static const struct json *inner(const struct json *policy, const char *object, const char *kind)
{
    return json_get(json_get(policy, slice_of(object)), slice_of(kind));
}

static bool number(const struct json *value, int64_t *out)
{
    return json_integer(value, -NUMBER_MAX, NUMBER_MAX, out);
}

static void print_cell(bool is_known, int64_t n, int width)
{
    if (is_known)
        printf("  %*lld", width, (long long)n);
    else
        printf("  %*s", width, "-");
}

static void print_age(const struct json *policy)
{
    int64_t ms = 0;
    char text[40] = "never";

    if (number(json_get(policy, S("truth_age_ms")), &ms))
        snprintf(text, sizeof text, "%lld.%lld s ago", (long long)(ms / 1000), (long long)(ms % 1000 / 100));
    printf("  %-12s", text);
}

/* One line: a policy's replicas, or its GPUs. Returns whether it is over its limit. */
static bool print_line(const struct json *policy, const char *kind, int name_width)
{
    int64_t limit = 0, live = 0, reserved = 0, changes = 0, by = 0;
    struct slice name = json_text(json_get(policy, S("policy")));

    if (!number(inner(policy, "limit", kind), &limit))
        return false; /* this kind has none */
    bool is_known = number(inner(policy, "live", kind), &live);
    number(inner(policy, "reserved", kind), &reserved);
    number(inner(policy, "drift", "changes"), &changes);
    number(inner(policy, "drift", kind), &by);
    printf("%-*.*s  %-8s", name_width, SLICE_FMT(name), strcmp(kind, "gpus") == 0 ? "GPUs" : kind);
    print_cell(true, limit, 8);
    print_cell(is_known, live, 8);
    print_cell(true, reserved, 8);
    print_cell(is_known, limit - live - reserved, 8);
    print_age(policy);
    printf("  %lld (%+lld)\n", (long long)changes, (long long)by);
    return is_known && live + reserved > limit;
}

static int print_table(const struct json *page)
{
    const struct json *policies = json_get(page, S("policies"));
    int width = 6, code = 0;
    int64_t pause_ms = 0, in_doubt = 0;

    for (const struct json *p = json_first(policies); p; p = json_next(p)) {
        int n = (int)json_text(json_get(p, S("policy"))).n;
        width = n > width ? n : width;
    }
    if (!json_first(policies))
        printf("no policy has max_total_replicas or max_total_gpus\n");
    else
        printf("%-*s  %-8s  %8s  %8s  %8s  %8s  %-12s  %s\n", width, "POLICY", "KIND", "LIMIT", "LIVE",
               "RESERVED", "FREE", "READ", "ELSEWHERE");
    for (const struct json *p = json_first(policies); p; p = json_next(p)) {
        code = print_line(p, "replicas", width) ? 1 : code;
        code = print_line(p, "gpus", width) ? 1 : code;
    }
    if (number(json_get(page, S("in_doubt")), &in_doubt) && in_doubt > 0)
        printf("%lld change%s whose outcome is not known yet\n", (long long)in_doubt,
               in_doubt == 1 ? "" : "s");
    if (number(json_get(page, S("growth_opens_in_ms")), &pause_ms) && pause_ms > 0)
        printf(
            "nothing may grow for another %lld ms: the log does not say what calls before the start led to\n",
            (long long)pause_ms);
    return code;
}

static int report(const struct ask *at, const struct http1_msg *answer, bool is_json)
{
    struct err e = { 0 };

    if (!answer || answer->status != 200) {
        fprintf(stderr, "easgate budget: %s: %s%s\n", at->place, at->failed ? at->failed : "",
                answer ? "the gateway has no such page, or is of another version" : "");
        return 1;
    }
    struct json *page = json_load(sbuf_slice(&answer->body), &json_limits_answer, &e);
    if (json_type(json_get(page, S("policies"))) != JSON_ARRAY) {
        fprintf(stderr, "easgate budget: the answer is not a budget: %s\n", page ? "no policies" : e.text);
        json_free(&page);
        return 1;
    }
    int code = 0;
    if (is_json)
        printf("%.*s\n", SLICE_FMT(sbuf_slice(&answer->body)));
    else
        code = print_table(page);
    json_free(&page);
    return fflush(stdout) == 0 ? code : 1;
}

int cmd_budget(int argc, char **argv)
{
    static const struct option longs[] = {
        { "url", required_argument, NULL, 'u' },
        { "config", required_argument, NULL, 'c' },
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    const char *url = NULL, *config = NULL;
    struct ask at = { .at_bytes = 0 };
    bool is_json = false, is_fine = true;

    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "u:c:jh", longs, NULL)) != -1;) {
        switch (c) {
        case 'u':
            url = optarg;
            break;
        case 'c':
            config = optarg;
            break;
        case 'j':
            is_json = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            is_fine = false;
            break;
        }
    }
    if (!is_fine || optind != argc || (url && config) ||
        (!config && !ask_set_url(&at, slice_of(url ? url : ASK_DEFAULT_BASE), PAGE))) {
        fputs(usage, stderr);
        return 2;
    }
    if (config && !ask_set_config(&at, config, PAGE, "budget"))
        return 2;
    struct http1_msg *answer = ask_get(&at, ANSWER_MAX_BYTES);
    int code = report(&at, answer, is_json);
    http1_msg_free(&answer);
    return code;
}
