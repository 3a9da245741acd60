/*
 * easgate diff: two configurations, and in words what becomes newly permitted and newly refused for each client. Compares what
 * the policies mean, not how they are written: a value that another pattern covers already is nothing new.
 */
#include "app/cmd.h"
#include "base/enc.h"
#include "config/snapshot.h"
#include "core/glob.h"
#include <stdarg.h>

static const char help[] =
    "Usage: easgate diff OLD NEW\n"
    "\n"
    "Say what the configuration NEW permits that OLD did not, and what it no longer permits, for each "
    "client.\n"
    "A line that begins with + is a permission more, one with - a permission less.\n"
    "\n"
    "Exit: 0 no difference in what clients may do, 1 differences, 2 usage or configuration.\n"
    "\n"
    "Example:\n"
    "  easgate diff /etc/easgate/easgate.ini new.ini\n";

struct diff {
    struct slice client;
    size_t lines; /* of all clients */
    bool is_headed;
};

static void say(struct diff *d, char sign, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void say(struct diff *d, char sign, const char *format, ...)
{
    va_list args;

    if (!d->is_headed)
        printf("client %.*s\n", SLICE_FMT(d->client));
    d->is_headed = true;
    d->lines++;
    printf("  %c ", sign);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

/* ---- operations ---- */

static bool may(const struct policy *p, size_t i)
{
    return policy_opens(p, opcat_at(i));
}

static void compare_operations(struct diff *d, const struct policy *old, const struct policy *new)
{
    for (size_t i = 0; i < opcat_count(); i++)
        if (may(old, i) != may(new, i))
            say(d, may(new, i) ? '+' : '-', "%.*s %s", SLICE_FMT(opcat_at(i)->name),
                may(new, i) ? "is allowed" : "is no longer allowed");
    if (old->shows_secrets != new->shows_secrets)
        say(d, new->shows_secrets ? '+' : '-', "secrets in answers are %s",
            new->shows_secrets ? "shown" : "redacted");
}

/* ---- lists: a pattern is new unless one that was there matches it as a text, stars and all ---- */

static void say_value(struct diff *d, char sign, const char *key, const struct rule *rule)
{
    if (rule->has_cap)
        say(d, sign, "%s: %.*s, up to %lld", key, SLICE_FMT(rule->text), (long long)rule->cap);
    else
        say(d, sign, "%s: %.*s", key, SLICE_FMT(rule->text));
}

static void compare_caps(struct diff *d, const char *key, const struct rule *old, const struct rule *new)
{
    long long from = old->has_cap ? old->cap : 0, to = new->has_cap ? new->cap : 0;

    if (old->has_cap == new->has_cap && from == to)
        return;
    if (!new->has_cap)
        say(d, '+', "%s: %.*s, up to %lld before, now without a cap of its own", key, SLICE_FMT(new->text),
            from);
    else if (!old->has_cap)
        say(d, '-', "%s: %.*s, up to %lld now, before without a cap of its own", key, SLICE_FMT(new->text),
            to);
    else
        say(d, to > from ? '+' : '-', "%s: %.*s, up to %lld, was %lld", key, SLICE_FMT(new->text), to, from);
}

static bool is_of_patterns(enum bound_style style)
{
    return style == BOUND_STYLE_GLOBS || style == BOUND_STYLE_OSS_PATHS || style == BOUND_STYLE_NAS_PATHS;
}

/* Whatever the second pattern matches, the first one does, too, if it matches that pattern as a text: only a star takes a star. */
static const struct rule *covering(const struct rules *rules, enum bound_style style, struct slice text)
{
    if (!is_of_patterns(style))
        return rules_find(rules, style, text);
    for (size_t i = 0; i < rules->count; i++)
        if (glob_match(rules->at[i].text, text))
            return &rules->at[i];
    return NULL;
}

static void compare_lists(struct diff *d, enum bound b, const struct rules *old, const struct rules *new)
{
    const char *key = bound_name(b);
    enum bound_style style = bound_style(b);

    for (size_t i = 0; i < new->count; i++) {
        const struct rule *before = covering(old, style, new->at[i].text);
        if (!before)
            say_value(d, '+', key, &new->at[i]);
        else if (style == BOUND_STYLE_SPEC_CAPS)
            compare_caps(d, key, before, &new->at[i]);
    }
    for (size_t i = 0; i < old->count; i++)
        if (!covering(new, style, old->at[i].text))
            say_value(d, '-', key, &old->at[i]);
}

/* ---- numbers ---- */

/* Not set, a sum has no limit; every other number refuses what it would bound. */
static bool is_sum(enum bound b)
{
    return b == BOUND_max_total_replicas || b == BOUND_max_total_gpus;
}

static void compare_numbers(struct diff *d, enum bound b, const struct rules *old, const struct rules *new)
{
    const char *key = bound_name(b);
    long long from = old->count ? old->at[0].cap : 0, to = new->count ? new->at[0].cap : 0;

    if (old->count && new->count && from != to)
        say(d, to > from ? '+' : '-', "%s is %lld, was %lld", key, to, from);
    else if (new->count && !old->count)
        say(d, is_sum(b) ? '-' : '+', "%s is %lld, was not set", key, to);
    else if (old->count && !new->count)
        say(d, is_sum(b) ? '+' : '-', "%s is not set, was %lld", key, from);
}

static void compare_flags(struct diff *d, enum bound b, const struct rules *old, const struct rules *new)
{
    bool from = old->count && slice_eq(old->at[0].text, S("yes"));
    bool to = new->count &&slice_eq(new->at[0].text, S("yes"));

    if (from != to)
        say(d, to ? '+' : '-', "%s is %s", bound_name(b), to ? "yes" : "no");
}

static void compare_ends(struct diff *d, const struct client *old, const struct client *new)
{
    int64_t from = client_end_s(old), to = client_end_s(new);
    char was[25] = "never", is[25] = "never";

    if (from == to)
        return;
    if (from)
        enc_time_utc(from * 1000, false, was);
    if (to)
        enc_time_utc(to * 1000, false, is);
    say(d, to == 0 || (from && to > from) ? '+' : '-', "its access ends %s, was %s", is, was);
}

static void compare_modes(struct diff *d, const struct policy *old, const struct policy *new)
{
    if (old->mode != new->mode)
        say(d, new->mode == POLICY_REPORT ? '+' : '-', "limits are %s",
            new->mode == POLICY_REPORT ? "only reported" : "enforced, no longer only reported");
}

static void compare_policies(struct diff *d, const struct policy *old, const struct policy *new)
{
    compare_operations(d, old, new);
    compare_modes(d, old, new);
    for (int i = BOUND_NONE + 1; i < BOUND_COUNT_; i++) {
        enum bound b = (enum bound)i;
        const struct rules *from = &old->bound[b], *to = &new->bound[b];
        if (b == BOUND_allow)
            continue;
        if (bound_style(b) == BOUND_STYLE_REPLICAS)
            compare_numbers(d, b, from, to);
        else if (bound_style(b) == BOUND_STYLE_FLAG)
            compare_flags(d, b, from, to);
        else
            compare_lists(d, b, from, to);
    }
}

/* ---- clients ---- */

static void compare_both(struct diff *d, const struct client *old, const struct client *new)
{
    compare_ends(d, old, new);
    compare_policies(d, old->policy, new->policy);
}

static void compare_clients(struct diff *d, const struct client *old, const struct client *new)
{
    d->client = (new ? new : old)->name;
    d->is_headed = false;
    if (!old)
        say(d, '+', "may call, judged by [policy %.*s]", SLICE_FMT(new->policy->name));
    else if (!new)
        say(d, '-', "may no longer call");
    else
        compare_both(d, old, new);
}

static size_t compare(const struct snapshot *old, const struct snapshot *new)
{
    struct diff d = { .lines = 0 };

    for (size_t i = 0; i < new->client_count; i++)
        compare_clients(&d, snapshot_client_by_name(old, new->clients[i].name), &new->clients[i]);
    for (size_t i = 0; i < old->client_count; i++)
        if (!snapshot_client_by_name(new, old->clients[i].name))
            compare_clients(&d, &old->clients[i], NULL);
    if (d.lines == 0)
        printf("no client may do more or less than before\n");
    return d.lines;
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
    int code = old && new ? compare(old, new) > 0 : 2;
    snapshot_unref(&old);
    snapshot_unref(&new);
    return code;
}
