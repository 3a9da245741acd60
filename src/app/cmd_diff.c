/*
 * easgate diff: two configurations, and in words what becomes newly permitted and newly refused for each client, from now on. What
 * has ended is compared as gone; at each date at which a value ends the policies are compared again.
 */
#include "app/cmd.h"
#include "app/cmd_diff_policy.h"
#include "base/enc.h"
#include "config/snapshot.h"
#include <time.h>

static const char help[] =
    "Usage: easgate diff OLD NEW\n"
    "\n"
    "Say what the configuration NEW permits that OLD did not, and what it no longer permits, for each "
    "client:\n"
    "policies, with values that end; when its access ends; its rates; how many of its tokens changed. And\n"
    "whether the upstream is another one.\n"
    "\n"
    "A line that begins with + is a permission more, one with - a permission less, one with ~ a change that\n"
    "may be either. A line without a date counts from now on; values that have ended count no more.\n"
    "Limits of a policy in mode report are compared as if they were enforced. Credentials, [gateway],\n"
    "[audit], and timeouts and the like of [upstream] are not compared.\n"
    "\n"
    "Exit: 0 no difference of these, 1 differences, 2 usage or configuration.\n"
    "\n"
    "Example:\n"
    "  easgate diff /etc/easgate/easgate.ini new.ini\n";

/* ---- clients ---- */

static bool is_in(int64_t end_s, int64_t now_s)
{
    return end_s == 0 || now_s < end_s;
}

static void compare_ends(struct diff_lines *d, int64_t from, int64_t to)
{
    char was[25] = "never", is[25] = "never";

    if (from == to)
        return;
    if (from)
        enc_time_utc(from * 1000, false, was);
    if (to)
        enc_time_utc(to * 1000, false, is);
    diff_say(d, to == 0 || (from && to > from) ? '+' : '-', "its access ends %s, was %s", is, was);
}

/* 0: no limit. */
static void compare_limits(struct diff_lines *d, const char *key, uint64_t from, uint64_t to)
{
    if (from == to)
        return;
    if (to == 0)
        diff_say(d, '+', "%s is without a limit, was %llu", key, (unsigned long long)from);
    else if (from == 0)
        diff_say(d, '-', "%s is %llu, was without a limit", key, (unsigned long long)to);
    else
        diff_say(d, to > from ? '+' : '-', "%s is %llu, was %llu", key, (unsigned long long)to,
                 (unsigned long long)from);
}

/* A burst is of no effect without its rate. */
static void compare_rates(struct diff_lines *d, const struct cfg_client *old, const struct cfg_client *new)
{
    compare_limits(d, "requests_per_second", old->requests_per_second, new->requests_per_second);
    if (old->requests_per_second && new->requests_per_second)
        compare_limits(d, "request_burst", old->request_burst, new->request_burst);
    compare_limits(d, "changes_per_minute", old->changes_per_minute, new->changes_per_minute);
    if (old->changes_per_minute && new->changes_per_minute)
        compare_limits(d, "change_burst", old->change_burst, new->change_burst);
    compare_limits(d, "max_inflight", old->max_inflight, new->max_inflight);
}

/* How many of these are not among the others. */
static size_t count_more(const struct rules *tokens, const struct rules *others)
{
    size_t n = 0;

    for (size_t i = 0; i < tokens->count; i++)
        n += !rules_find(others, BOUND_STYLE_WORDS, tokens->at[i].text);
    return n;
}

static void compare_tokens(struct diff_lines *d, const struct rules *old, const struct rules *new)
{
    size_t more = count_more(new, old), less = count_more(old, new);

    if (more || less)
        diff_say(d,
                 more && less ? '~'
                 : more       ? '+'
                              : '-',
                 "its tokens changed: %zu more, %zu less", more, less);
}

static void compare_clients(struct diff_lines *d, const struct client *old, const struct client *new,
                            int64_t at_s)
{
    compare_ends(d, client_end_s(old), client_end_s(new));
    compare_tokens(d, &old->cfg.token_sha256, &new->cfg.token_sha256);
    compare_rates(d, &old->cfg, &new->cfg);
    if (is_in(client_end_s(old), at_s) && is_in(client_end_s(new), at_s))
        diff_policies(d, old->policy, new->policy);
}

/* One that may call in neither is no difference, whatever stands there. */
static void compare_client(struct diff_lines *d, const struct client *old, const struct client *new,
                           int64_t at_s, int64_t now_s)
{
    bool could = old && is_in(client_end_s(old), now_s), can = new &&is_in(client_end_s(new), now_s);

    diff_client(d, (new ? new : old)->name);
    if (old && new && (could || can))
        compare_clients(d, old, new, at_s);
    else if (can)
        diff_say(d, '+', "may call, judged by [policy %.*s]", SLICE_FMT(new->policy->name));
    else if (could)
        diff_say(d, '-', "may no longer call");
}

/* ---- configurations ---- */

static void compare_upstreams(struct diff_lines *d, const struct cfg_upstream *old,
                              const struct cfg_upstream *new)
{
    diff_client(d, S(""));
    if (!slice_eq(old->host_header, new->host_header) || !slice_eq(old->region, new->region))
        diff_say(d, '~', "the upstream is %.*s in %.*s, was %.*s in %.*s", SLICE_FMT(new->host_header),
                 SLICE_FMT(new->region), SLICE_FMT(old->host_header), SLICE_FMT(old->region));
}

static void compare_at(struct diff_lines *d, const struct snapshot *old, const struct snapshot *new,
                       int64_t at_s, int64_t now_s)
{
    diff_period(d, at_s);
    compare_upstreams(d, &old->upstreams[0], &new->upstreams[0]);
    for (size_t i = 0; i < new->client_count; i++)
        compare_client(d, snapshot_client_by_name(old, new->clients[i].name), &new->clients[i], at_s, now_s);
    for (size_t i = 0; i < old->client_count; i++)
        if (!snapshot_client_by_name(new, old->clients[i].name))
            compare_client(d, &old->clients[i], NULL, at_s, now_s);
}

/* Compare what counts from this time on until a value ends; *out_next_s = when, 0 = none will. False without memory. */
static bool compare_period(struct diff_lines *d, struct snapshot *old, struct snapshot *new, int64_t at_s,
                           int64_t now_s, int64_t *out_next_s)
{
    struct snapshot *from = snapshot_at(old, at_s), *to = snapshot_at(new, at_s);
    bool fine = from && to;

    if (fine) {
        compare_at(d, from, to, at_s, now_s);
        *out_next_s = to->next_end_s == 0 || (from->next_end_s && from->next_end_s < to->next_end_s)
                          ? from->next_end_s
                          : to->next_end_s;
    }
    snapshot_unref(&from);
    snapshot_unref(&to);
    return fine;
}

static int compare(struct snapshot *old, struct snapshot *new)
{
    struct diff_lines *d = diff_lines_new();
    int64_t now_s = (int64_t)time(NULL), next_s = 0;
    size_t count = 0;
    bool fine = d && compare_period(d, old, new, now_s, now_s, &next_s);

    while (fine && next_s)
        fine = compare_period(d, old, new, next_s, now_s, &next_s);
    fine = fine && diff_lines_print(d, &count);
    diff_lines_free(&d);
    if (!fine)
        fputs("easgate diff: out of memory\n", stderr);
    else if (count == 0)
        puts("no client may do more or less than before");
    return !fine ? 2 : count > 0 ? 1 : 0;
}

static struct snapshot *load(const char *path)
{
    struct config_errors errors = { .count = 0 };
    struct snapshot *snap = snapshot_load(path, false, &errors);

    if (!snap)
        fprintf(stderr, "%.*s", SLICE_FMT(sbuf_slice(&errors.text)));
    config_errors_drop(&errors);
    return snap;
}

int cmd_diff(int argc, char **argv)
{
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(help, stdout);
        return 0;
    }
    if (argc != 3 || argv[1][0] == '-' || argv[2][0] == '-') {
        fputs("easgate diff: expected two configurations\nTry 'easgate diff --help'.\n", stderr);
        return 2;
    }
    struct snapshot *old = load(argv[1]), *new = load(argv[2]);
    int code = old && new ? compare(old, new) : 2;
    snapshot_unref(&old);
    snapshot_unref(&new);
    return code;
}
