/*
 * easgate audit: read the audit log. It reads the files alone: no configuration, no running gateway; what it prints is ASCII
 * whatever stands in a file. One file for each subcommand: cmd_audit_*.c; what they share is in cmd_audit.h.
 */
#include "app/cmd_audit.h"
#include "app/cmd.h"
#include "base/clock.h"
#include "base/num.h"
#include <getopt.h>
#include <sys/stat.h>

static const char help[] =
    "usage: easgate audit verify  [OPTIONS] FILE|DIR...   is the log whole?\n"
    "       easgate audit show    [OPTIONS] FILE|DIR...   print records, a line each\n"
    "       easgate audit tail    [OPTIONS] FILE|DIR      print the last records; with -f, those that come\n"
    "       easgate audit stats   [OPTIONS] FILE|DIR...   count them\n"
    "       easgate audit pending [OPTIONS] FILE|DIR...   requests of which nobody knows what came of them\n"
    "       easgate audit init    [OPTIONS]               make the key that seals the records (init --help)\n"
    "\n"
    "A DIR is a whole log with all its segments, also compressed ones.\n"
    "  --name NAME   of the log within a DIR (audit.jsonl)\n"
    "  --json        print JSON, a line each\n"
    "  --csv         show, tail, stats, pending: print CSV\n"
    "  --brief       show, tail: who did what and what came of it, a short line each\n"
    "\n"
    "verify: every record has its place in the chain, over all segments in order. What it cannot show, it "
    "says:\n"
    "  --key FILE             the line that `easgate audit init` printed: shows who wrote each record\n"
    "  --checkpoint FILE|-    checkpoints kept elsewhere: shows a tail that was cut off (exit 3)\n"
    "  --checkpoint-pub PEM   only the checkpoints count that this public key has signed\n"
    "  --from-checkpoint FILE begin behind the last checkpoint of this file: what is before it was verified "
    "then\n"
    "\n"
    "show, tail, stats: only records that fit all of these\n"
    "  --client NAME  --op OPERATION  --service NAME   with the outcomes of such requests\n"
    "  --id ID        of a request, with its look-ups\n"
    "  --type TYPE    start, policy, intent, outcome, resolved, deny, counted, checkpoint, rotate, recover, "
    "clock, ship, stop\n"
    "  --decision allow|deny\n"
    "  --since TIME  --until TIME   2026-11-23, 2026-11-23T15:27:57Z, or so long ago: 90s, 15m, 2h, 7d;\n"
    "                               from the first on, and before the second\n"
    "tail:  -f  follow, through rotations    -n N  that many records first (10)\n"
    "stats: --by client,op   of client, op, decision, type, service, day\n"
    "\n"
    "exit: 0 fine (also when pending lists some), 1 verify: a finding (with file, line and reason), 2 usage "
    "or what cannot be read,\n"
    "      3 verify: shorter than a checkpoint\n"
    "\n"
    "examples:\n"
    "  easgate audit verify --key audit.key --checkpoint /mnt/other/checkpoints /var/log/easgate\n"
    "  easgate audit show --brief --since 24h /var/log/easgate\n"
    "  easgate audit show --client nlp --type deny --since 7d /var/log/easgate\n"
    "  easgate audit show --json --type outcome /var/log/easgate | jq .status\n"
    "  easgate audit tail -f --decision deny /var/log/easgate\n"
    "  easgate audit stats --by client,day --csv /var/log/easgate\n"
    "  easgate audit pending /var/log/easgate\n";

enum { VERIFY = 1, SHOW = 2, TAIL = 4, STATS = 8, PENDING = 16, FILTERED = SHOW | TAIL | STATS };

static const struct command {
    const char *name;
    int bit;
    int (*run)(struct audit_options *o);
} commands[] = {
    { "verify", VERIFY, audit_cmd_verify },    { "show", SHOW, audit_cmd_show },
    { "tail", TAIL, audit_cmd_tail },          { "stats", STATS, audit_cmd_stats },
    { "pending", PENDING, audit_cmd_pending },
};

enum {
    OPT_NAME = 256,
    OPT_JSON,
    OPT_CSV,
    OPT_BRIEF,
    OPT_KEY,
    OPT_CHECKPOINT,
    OPT_CHECKPOINT_PUB,
    OPT_FROM_CHECKPOINT,
    OPT_CLIENT,
    OPT_OP,
    OPT_SERVICE,
    OPT_ID,
    OPT_TYPE,
    OPT_DECISION,
    OPT_SINCE,
    OPT_UNTIL,
    OPT_BY
};

/* Which options go with which subcommands. */
static const struct option known[] = {
    { "name", required_argument, NULL, OPT_NAME },
    { "json", no_argument, NULL, OPT_JSON },
    { "csv", no_argument, NULL, OPT_CSV },
    { "brief", no_argument, NULL, OPT_BRIEF },
    { "key", required_argument, NULL, OPT_KEY },
    { "checkpoint", required_argument, NULL, OPT_CHECKPOINT },
    { "checkpoint-pub", required_argument, NULL, OPT_CHECKPOINT_PUB },
    { "from-checkpoint", required_argument, NULL, OPT_FROM_CHECKPOINT },
    { "client", required_argument, NULL, OPT_CLIENT },
    { "op", required_argument, NULL, OPT_OP },
    { "service", required_argument, NULL, OPT_SERVICE },
    { "id", required_argument, NULL, OPT_ID },
    { "type", required_argument, NULL, OPT_TYPE },
    { "decision", required_argument, NULL, OPT_DECISION },
    { "since", required_argument, NULL, OPT_SINCE },
    { "until", required_argument, NULL, OPT_UNTIL },
    { "by", required_argument, NULL, OPT_BY },
    { "follow", no_argument, NULL, 'f' },
    { "lines", required_argument, NULL, 'n' },
    { NULL, 0, NULL, 0 },
};

static int goes_with(int opt)
{
    if (opt == OPT_NAME || opt == OPT_JSON)
        return ~0;
    if (opt == OPT_CSV)
        return FILTERED | PENDING;
    if (opt == OPT_BRIEF)
        return SHOW | TAIL;
    if (opt >= OPT_KEY && opt <= OPT_FROM_CHECKPOINT)
        return VERIFY;
    if (opt >= OPT_CLIENT && opt <= OPT_UNTIL)
        return FILTERED;
    return opt == OPT_BY ? STATS : TAIL;
}

/* As a person writes it: --client, -n. */
static void name_option(int opt, char out[24])
{
    for (size_t i = 0; known[i].name; i++)
        if (known[i].val == opt)
            snprintf(out, 24, "--%s", known[i].name);
    if (opt < OPT_NAME)
        snprintf(out, 24, "-%c", opt);
}

/* It goes with other subcommands than this one. */
static bool refuse_option(int opt, const char *name, const struct command *c, struct err *e)
{
    SCOPED(sbuf) others = SBUF_MAX(200);

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (goes_with(opt) & commands[i].bit)
            sbuf_addf(&others, "%s%s", others.n ? ", " : "", commands[i].name);
    return err_set(e, ERR_UNKNOWN, "%s: %s does not take this option, expected it with %.*s", name, c->name,
                   SLICE_FMT(sbuf_slice(&others)));
}

static bool expect_type(struct err *e)
{
    SCOPED(sbuf) types = SBUF_MAX(400);

    for (int t = AUDIT_NONE + 1; t < AUDIT_TYPE_COUNT_; t++)
        sbuf_addf(&types, "%s%s", types.n ? ", " : "", audit_type_name((enum audit_type)t));
    return err_set(e, ERR_UNKNOWN, "no type of record, expected %.*s", SLICE_FMT(sbuf_slice(&types)));
}

/* The values' errors: read_options says of which option, and what it was. */
static bool read_filter(int opt, struct slice value, struct audit_filter *f, struct err *e)
{
    struct slice *const texts[] = { &f->client, &f->op, &f->service, &f->id };

    if (opt < OPT_TYPE) {
        if (!value.n)
            return err_set(e, ERR_RANGE, "is empty, expected what the records have there");
        return audit_filter_text(f, value, texts[opt - OPT_CLIENT]) ||
               err_set(e, ERR_TOO_LONG, "is longer than any record, or there is no memory for it");
    }
    if (opt == OPT_TYPE) {
        f->type = value;
        return audit_type_of(value) != AUDIT_NONE || expect_type(e);
    }
    if (opt == OPT_DECISION) {
        f->decision = slice_eq(value, S("allow"))  ? AUDIT_ALLOW
                      : slice_eq(value, S("deny")) ? AUDIT_DENIAL
                                                   : 0;
        return f->decision || err_set(e, ERR_UNKNOWN, "expected allow or deny");
    }
    return audit_filter_time(value, clock_wall_ms(&clock_system), opt == OPT_SINCE ? f->since : f->until) ||
           err_set(e, ERR_SYNTAX,
                   "expected 2026-11-23, 2026-11-23T15:27:57Z, or a time ago such as 2h or 7d");
}

static bool read_option(int opt, const char *value, struct audit_options *o, struct err *e)
{
    const char **const files[] = { &o->key, &o->checkpoint, &o->checkpoint_pub, &o->from_checkpoint };

    if (opt >= OPT_CLIENT && opt <= OPT_UNTIL)
        return read_filter(opt, slice_of(value), &o->filter, e);
    if (opt >= OPT_KEY && opt <= OPT_FROM_CHECKPOINT)
        *files[opt - OPT_KEY] = value;
    else if (opt == OPT_NAME)
        o->name = value;
    else if (opt == OPT_BY)
        o->by = slice_of(value);
    else if (opt == 'f')
        o->follow = true;
    else if (opt == 'n')
        return num_u64(slice_of(value), 1, AUDIT_LAST_MAX, &o->last) ||
               err_set(e, ERR_RANGE, "expected 1 to %d", AUDIT_LAST_MAX);
    else
        o->form = opt == OPT_CSV ? AUDIT_FORM_CSV : opt == OPT_BRIEF ? AUDIT_FORM_BRIEF : AUDIT_FORM_JSON;
    return true;
}

static bool read_options(int argc, char **argv, const struct command *c, struct audit_options *o,
                         struct err *e)
{
    int opt;
    struct stat st;
    struct err why = { 0 };
    char name[24] = "";

    optind = 1;
    while ((opt = getopt_long(argc, argv, "fn:", known, NULL)) != -1) {
        if (opt == '?')
            return err_set(e, ERR_UNKNOWN, "option not known, or without its value");
        name_option(opt, name);
        if (!(goes_with(opt) & c->bit))
            return refuse_option(opt, name, c, e);
        if (!read_option(opt, optarg, o, &why))
            return err_set(e, why.code, "%s '%.64s': %s", name, optarg, why.text);
    }
    o->paths = argv + optind;
    if (!o->paths[0])
        return err_set(e, ERR_MISSING, "expected a FILE or DIR");
    for (char **path = o->paths; *path; path++)
        o->has_dir = o->has_dir || (stat(*path, &st) == 0 && S_ISDIR(st.st_mode));
    return true;
}

static int usage(const char *why)
{
    fprintf(stderr, "easgate audit: %s\nTry 'easgate audit --help'.\n", why);
    return AUDIT_EXIT_USAGE;
}

static int run(const struct command *c, int argc, char **argv)
{
    struct audit_options o = { .name = "audit.jsonl", .by = S("client,op"), .last = 10 };
    struct err e = { 0 };
    int code = read_options(argc, argv, c, &o, &e) ? c->run(&o) : usage(e.text);

    if (audit_filter_is_full(&o.filter)) {
        err_set(&e, ERR_TOO_LONG,
                "stopped: more than %zu requests that fit wait for their outcome, or no memory for them: ask "
                "for less with --client, --op, --service, or name fewer files",
                AUDIT_AWAIT_MAX);
        code = audit_cannot("audit", &e);
    }
    audit_filter_drop(&o.filter);
    return fflush(stdout) == 0 ? code : AUDIT_EXIT_USAGE;
}

int cmd_audit(int argc, char **argv)
{
    char whole[64]; /* getopt begins its messages with it */

    snprintf(whole, sizeof whole, "%s %s", argv[0], argc > 1 ? argv[1] : "");
    if (argc > 1 && strcmp(argv[1], "init") == 0) {
        argv[1] = whole;
        return cmd_audit_init(argc - 1, argv + 1);
    }
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return fputs(help, stdout) >= 0 ? AUDIT_EXIT_FINE : AUDIT_EXIT_USAGE;
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0) {
            argv[1] = whole;
            return run(&commands[i], argc - 1, argv + 1);
        }
    return usage("expected verify, show, tail, stats, pending or init");
}
