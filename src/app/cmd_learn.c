/*
 * easgate learn: the smallest policy that covers what an audit log shows. Prints a whole configuration: the given one, with each
 * [policy NAME] of which something was seen replaced. Reads files alone; decides nothing.
 */
#include "app/cmd.h"
#include "app/cmd_audit.h"
#include "app/learnt.h"
#include "config/textfile.h"
#include <getopt.h>

static const char help[] =
    "Usage: easgate learn --config FILE [--name NAME] AUDIT...\n"
    "\n"
    "Print FILE with its policies replaced by the smallest ones that cover what the audit log shows as\n"
    "allowed, with counts as comments. Each spec is capped by the most replicas that one service of it came\n"
    "to; dates at which values end, and sums (max_total_replicas, max_total_gpus), stay as they are. A "
    "policy\n"
    "of which nothing was seen stays as it is, too.\n"
    "Read it before you use it: what was used is not always what should be allowed.\n"
    "\n"
    "  -c, --config FILE   the configuration the log was written under; says which client has which policy\n"
    "      --name NAME     of the log within a directory (audit.jsonl)\n"
    "  -h, --help\n"
    "\n"
    "Exit: 0 fine, 2 usage, configuration or a log that cannot be read.\n"
    "\n"
    "Example:\n"
    "  easgate learn --config /etc/easgate/easgate.ini /var/log/easgate > learnt.ini\n";

struct learning {
    struct learnt *learnt;
    struct err e;
    bool failed;
};

static bool take(void *ctx, const struct decision *d)
{
    struct learning *l = ctx;

    l->failed = !d->denied && !learnt_take(l->learnt, d, &l->e);
    return !l->failed;
}

/* The name in a line "[policy NAME]", a comment may be behind it; SLICE_NONE for any other. */
static struct slice policy_in(struct slice line)
{
    static const struct slice head = S_INIT("[policy ");
    struct slice rest = slice_trim(line);
    size_t end = slice_find(rest, ']');

    if (!slice_starts(rest, head) || end == rest.n)
        return SLICE_NONE;
    return slice_trim(slice_from(rest.p + head.n, end - head.n));
}

static bool print_config(const struct learnt *l, struct slice text, struct sbuf *out, struct err *e)
{
    bool skipping = false;
    size_t printed = 0;
    struct slice line;

    while (slice_split(&text, '\n', &line)) {
        struct slice policy = policy_in(line);
        if (slice_starts(slice_trim(line), S("[")))
            skipping = policy.p && learnt_saw(l, policy);
        if (policy.p && skipping) {
            if (!learnt_print(l, policy, out, e))
                return false;
            printed++;
            sbuf_addc(out, '\n');
        }
        if (!skipping && (line.n || text.n)) {
            sbuf_add(out, line);
            sbuf_addc(out, '\n');
        }
    }
    if (printed != learnt_saw_count(l)) /* the loader read the same text: it must not stay as it was unsaid */
        return err_set(e, ERR_MISSING, "a policy of which something was seen was not found in the text");
    return sbuf_ok(out) || err_set(e, ERR_MEMORY, "out of memory");
}

static bool write_out(const struct sbuf *out)
{
    return fwrite(out->p, 1, out->n, stdout) == out->n && fflush(stdout) == 0;
}

static bool learn(const char *config, const char *name, char **paths, struct learning *l)
{
    SCOPED(sbuf) text = SBUF_MAX(32 * 1024 * 1024);
    SCOPED(sbuf) out = SBUF_MAX(64 * 1024 * 1024);

    if (!l->learnt)
        return err_set(&l->e, ERR_MEMORY, "out of memory");
    if (!textfile_read(config, TEXTFILE_CONFIG, &text, &l->e))
        return false;
    if (decisions_read(paths, name, "learn", take, l) != AUDIT_EXIT_FINE || l->failed)
        return false; /* said already, but for what take found */
    return print_config(l->learnt, sbuf_slice(&text), &out, &l->e) &&
           (write_out(&out) || err_set(&l->e, ERR_IO, "cannot write the output"));
}

static int run(const char *config, const char *name, char **paths)
{
    struct config_errors errors = { .count = 0 };
    struct snapshot *snap = snapshot_load(config, false, &errors);
    struct learning l = { .learnt = snap ? learnt_new(snap) : NULL };
    bool fine = snap && learn(config, name, paths, &l);

    if (!snap)
        fprintf(stderr, "%.*s", SLICE_FMT(sbuf_slice(&errors.text)));
    else if (l.e.text[0])
        fprintf(stderr, "easgate learn: %s\n", l.e.text);
    learnt_free(&l.learnt);
    config_errors_drop(&errors);
    snapshot_unref(&snap);
    return fine ? 0 : 2;
}

int cmd_learn(int argc, char **argv)
{
    static const struct option longs[] = { { "config", required_argument, NULL, 'c' },
                                           { "name", required_argument, NULL, 'n' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    const char *config = NULL, *name = "audit.jsonl";

    for (int c; (c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1;) {
        if (c == 'c')
            config = optarg;
        else if (c == 'n')
            name = optarg;
        else if (c == 'h') {
            fputs(help, stdout);
            return 0;
        } else
            config = NULL, optind = argc;
    }
    if (!config || optind == argc) {
        fputs("easgate learn: expected --config FILE and an audit log\nTry 'easgate learn --help'.\n",
              stderr);
        return 2;
    }
    return run(config, name, argv + optind);
}
