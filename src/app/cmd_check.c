/*
 * easgate check: load a configuration as `serve` would, and say all that is wrong with it. The loader is the very same; this
 * file must never judge anything by itself, and never start anything.
 */
#include "app/cmd.h"
#include "config/schema.h"
#include "config/snapshot.h"
#include <time.h>

#define DEFAULT_FILE   "/etc/easgate/easgate.ini"
#define TEXT_MAX_BYTES (32 * 1024 * 1024)

static const char usage[] =
    "usage: easgate check [--print] [--no-credentials] [FILE]\n"
    "       easgate check --manual\n"
    "\n"
    "Loads FILE (" DEFAULT_FILE ") as `easgate serve` would and reports all errors, each with its line.\n"
    "\n"
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
    *out = (struct options){ .file = NULL };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--print") == 0)
            out->print = true;
        else if (strcmp(argv[i], "--manual") == 0)
            out->manual = true;
        else if (strcmp(argv[i], "--no-credentials") == 0)
            out->no_credentials = true;
        else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            out->help = true;
        else if (argv[i][0] == '-' || out->file) {
            fprintf(stderr, "easgate check: %s: %s\n\n",
                    argv[i][0] == '-' ? "unknown option" : "expected one FILE", argv[i]);
            return false;
        } else
            out->file = argv[i];
    }
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

static int report(const struct snapshot *s, bool print)
{
    SCOPED(sbuf) text = SBUF_MAX(TEXT_MAX_BYTES);

    fputs(s->warnings, stderr);
    snapshot_each_end(s, warn_end, NULL);
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
    int code = s ? report(s, o.print) : 2;
    if (!s)
        fprintf(stderr, "%.*s%s: %zu error%s\n", SLICE_FMT(sbuf_slice(&errors.text)), o.file, errors.count,
                errors.count == 1 ? "" : "s");
    config_errors_drop(&errors);
    snapshot_unref(&s);
    return code;
}
