/*
 * easgate check: load a configuration as `serve` would, and say all that is wrong with it. The loader is the very same; this
 * file must never judge anything by itself, and never start anything; what a start would stumble over on this machine it warns of.
 */
#include "app/cmd.h"
#include "config/schema.h"
#include "config/snapshot.h"
#include "edge/audit_notes.h"
#include "edge/tls.h"
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_FILE   "/etc/easgate/easgate.ini"
#define TEXT_MAX_BYTES (32 * 1024 * 1024)

static const char usage[] =
    "usage: easgate check [--print] [--no-credentials] [-c] [FILE]\n"
    "       easgate check --manual\n"
    "\n"
    "Loads FILE (" DEFAULT_FILE ") as `easgate serve` would and reports all errors, each with its line.\n"
    "\n"
    "  -c, --config FILE as in the other commands\n"
    "  --print           also print what is in effect, defaults included, secrets masked\n"
    "  --no-credentials  leave the credentials files unread (they may be on another machine)\n"
    "  --manual          print the reference of all keys as Markdown\n"
    "\n"
    "exit: 0 fine (warnings go to standard error), 2 errors or usage\n"
    "\n"
    "examples:\n"
    "  easgate check easgate.ini\n"
    "  easgate check --no-credentials conf/easgate.ini    # in a CI job that has no keys\n"
    "  easgate check --print | grep timeout\n";

struct options {
    bool print, manual, no_credentials, help;
    const char *file;
};

static bool read_options(int argc, char **argv, struct options *out)
{
    static const struct option longs[] = {
        { "config", required_argument, NULL, 'c' }, { "print", no_argument, NULL, 'p' },
        { "manual", no_argument, NULL, 'm' },       { "no-credentials", no_argument, NULL, 'n' },
        { "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
    };

    *out = (struct options){ .file = NULL };
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1;) {
        if (c == '?')
            return false;
        out->file = c == 'c' ? optarg : out->file;
        out->print = out->print || c == 'p';
        out->manual = out->manual || c == 'm';
        out->no_credentials = out->no_credentials || c == 'n';
        out->help = out->help || c == 'h';
    }
    if (argc - optind > (out->file ? 0 : 1)) {
        fprintf(stderr, "easgate check: expected one FILE: %s\n\n", argv[argc - 1]);
        return false;
    }
    if (optind < argc)
        out->file = argv[optind];
    out->file = out->file ? out->file : DEFAULT_FILE;
    return true;
}

/* All of the text on standard output, or exit code 2. */
static int put(const struct sbuf *text)
{
    bool ok =
        sbuf_ok(text) && fwrite(sbuf_slice(text).p, 1, text->n, stdout) == text->n && fflush(stdout) == 0;

    if (!ok)
        fputs("easgate check: cannot write the output\n", stderr);
    return ok ? 0 : 2;
}

static int print_manual(void)
{
    SCOPED(sbuf) text = SBUF_MAX(TEXT_MAX_BYTES);

    schema_print_manual(&text);
    return put(&text);
}

static bool warn_end(void *ctx, const struct end *end)
{
    int64_t now_s = (int64_t)time(NULL);
    SCOPED(sbuf) text = SBUF_MAX(2048);

    (void)ctx;
    if (end->until_s - now_s > END_WARN_S)
        return true;
    end_print(end, now_s, &text);
    fprintf(stderr, "%s:%u: warning: %.*s\n", end->file, end->line, SLICE_FMT(sbuf_slice(&text)));
    return true;
}

/* What the start needs to be there. */
static void warn_missing(const struct snapshot *s, struct slice path, bool its_folder, const char *what)
{
    SCOPED(sbuf) name = SBUF_MAX(PATH_MAX);
    size_t n = path.n;

    while (its_folder && n > 0 && path.p[n - 1] != '/')
        n--;
    sbuf_add(&name, n ? slice_from(path.p, n) : S("."));
    if (path.n && sbuf_ok(&name) && access(name.p, F_OK) != 0)
        fprintf(stderr, "%s: warning: %s: %s: %s; easgate serve will not start without it\n", s->path, what,
                name.p, strerror(errno));
}

/* A file that is there must be one that the start can use; of one that is not, warn_missing tells. */
static void warn_ca_file(const struct snapshot *s, struct slice path, const char *what)
{
    struct err e = { 0 };

    warn_missing(s, path, false, what);
    if (path.n && access(path.p, F_OK) == 0 && !tls_ca_file_is_good(path, &e))
        fprintf(stderr, "%s: warning: %s: %s; easgate serve will not start with it\n", s->path, what, e.text);
}

static void warn_checkpoint_key(const struct snapshot *s)
{
    struct err e = { 0 };
    struct audit_notes *notes =
        s->audit.checkpoint_key.n ? audit_notes_new("check", s->audit.checkpoint_key.p, NULL, &e) : NULL;

    if (e.code != ERR_NONE)
        fprintf(stderr, "%s: warning: [audit]: %s; easgate serve will not start with it\n", s->path, e.text);
    audit_notes_free(&notes);
}

static void warn_group(const struct snapshot *s)
{
    struct slice group = s->audit.group.text;

    errno = 0;
    if (group.n && !getgrnam(group.p))
        fprintf(stderr, "%s: warning: [audit] group: %s: %s; easgate serve will not start without it\n",
                s->path, group.p, errno ? strerror(errno) : "there is no such group");
}

static void warn_places(const struct snapshot *s)
{
    const struct rules *lists[] = { &s->gateway.listen, &s->gateway.admin_listen };

    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < lists[k]->count; i++) {
            struct slice text = lists[k]->at[i].text;
            if (slice_starts(text, S("unix:")))
                warn_missing(s, slice_skip(text, 5), true, "the folder of a unix socket");
        }
    warn_missing(s, s->audit.path, true, "the folder of [audit] path");
    warn_group(s);
    warn_checkpoint_key(s);
    warn_ca_file(s, s->audit.syslog_ca, "[audit] syslog_ca");
    for (size_t i = 0; i < s->upstream_count; i++)
        warn_ca_file(s, s->upstreams[i].ca_file, "ca_file of [upstream]");
}

/* Without credentials it is the file of another machine. */
static int report(const struct snapshot *s, bool print, bool is_here)
{
    SCOPED(sbuf) text = SBUF_MAX(TEXT_MAX_BYTES);

    fputs(s->warnings, stderr);
    snapshot_each_end(s, warn_end, NULL);
    if (is_here)
        warn_places(s);
    if (print)
        snapshot_print(s, &text);
    else
        sbuf_addf(&text, "%s: fine: %zu client%s, %zu polic%s\n", s->path, s->client_count,
                  s->client_count == 1 ? "" : "s", s->policy_count, s->policy_count == 1 ? "y" : "ies");
    return put(&text);
}

int cmd_check(int argc, char **argv)
{
    struct config_errors errors = { 0 };
    struct options o;

    if (!read_options(argc, argv, &o)) {
        fputs(usage, stderr);
        return 2;
    }
    if (o.help) {
        fputs(usage, stdout);
        return 0;
    }
    if (o.manual)
        return print_manual();
    struct snapshot *s = snapshot_load(o.file, !o.no_credentials, &errors);
    int code = s ? report(s, o.print, !o.no_credentials) : 2;
    if (!s)
        fprintf(stderr, "%.*s%s: %zu error%s\n", SLICE_FMT(sbuf_slice(&errors.text)), o.file, errors.count,
                errors.count == 1 ? "" : "s");
    config_errors_drop(&errors);
    snapshot_unref(&s);
    return code;
}
