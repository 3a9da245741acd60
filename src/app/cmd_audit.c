/*
 * easgate audit: read the audit log: verify its chain, show its records, list the intents that have no outcome. It reads the
 * files alone: no configuration, no running gateway; what it prints is ASCII whatever stands in a file.
 */
#include "app/cmd.h"
#include "base/enc.h"
#include "edge/audit_pending.h"
#include "edge/audit_read.h"
#include "edge/audit_verify.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_FINE = 0, EXIT_FINDING = 1, EXIT_USAGE = 2 };

static const char help[] =
    "usage: easgate audit verify [--name NAME] [--json] FILE|DIR...\n"
    "       easgate audit show [--name NAME] [--json] [--id ID] [--client C] [--type T] FILE|DIR...\n"
    "       easgate audit pending [--name NAME] [--json] FILE|DIR...\n"
    "\n"
    "verify   checks that every record has its place in the chain, over all segments in order,\n"
    "         and explains what was set aside. It shows every record that was changed, removed or\n"
    "         put in before the last one; without the last hash kept elsewhere it cannot show\n"
    "         that records at the end were cut off, or that all of it was written anew.\n"
    "show     prints the records, a line each\n"
    "pending  lists the intents without an outcome: requests under way, or cut off by a crash\n"
    "         (the next start of the gateway records those as unknown_after_crash)\n"
    "\n"
    "  --name NAME  of the log within a DIR (audit.jsonl)\n"
    "  --json       print JSON, a line each\n"
    "  --id ID      only records of this request, with its look-ups\n"
    "  --client C   only records of this client\n"
    "  --type T     only records of this type: start, policy, intent, outcome, deny, counted,\n"
    "               rotate, recover, stop\n"
    "\n"
    "exit: 0 whole, 1 a finding (with file, line and reason), 2 usage or a file that cannot be read\n"
    "\n"
    "examples:\n"
    "  easgate audit verify /var/log/easgate\n"
    "  easgate audit show --client nlp --type deny /var/log/easgate/audit.jsonl\n"
    "  easgate audit show --json --type outcome /var/log/easgate | jq .status\n"
    "  easgate audit pending /var/log/easgate\n";

struct options {
    const char *name; /* of the log in a directory */
    struct slice id, client, type;
    bool json;
};

static int usage(const char *why)
{
    fprintf(stderr, "easgate audit: %s\nTry 'easgate audit --help'.\n", why);
    return EXIT_USAGE;
}

static int cannot(const struct err *e)
{
    fprintf(stderr, "easgate audit: %s\n", e->text);
    return EXIT_USAGE;
}

/* ---- which files ---- */

static bool add_path(struct audit_parts *parts, const char *path, const char *name, struct err *e)
{
    struct stat st;
    struct audit_names names;
    char log_path[PATH_MAX];
    size_t before = parts->count;

    if (stat(path, &st) != 0)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return audit_parts_add(parts, path, e);
    int n = snprintf(log_path, sizeof log_path, "%s/%s", path, name);
    if (n < 0 || (size_t)n >= sizeof log_path)
        return err_set(e, ERR_TOO_LONG, "%s: path too long", path);
    if (!audit_names_init(&names, log_path, e) || !audit_parts_add_log(parts, &names, e))
        return false;
    return parts->count > before || err_set(e, ERR_MISSING, "%s: no segment of a log named %s", path, name);
}

static bool collect_parts(struct audit_parts *parts, const struct options *o, char **paths, struct err *e)
{
    for (; *paths; paths++)
        if (!add_path(parts, *paths, o->name, e))
            return false;
    audit_parts_sort(parts);
    return true;
}

/* ---- verify ---- */

static void print_note(void *ctx, const char *text)
{
    const struct options *o = ctx;

    if (!o->json)
        printf("note: %s\n", text);
}

static int verify(const struct audit_parts *parts, struct options *o)
{
    struct audit_verdict v;
    struct err e = { 0 };
    bool ok = audit_verify(parts, print_note, o, &v, &e);

    if (!ok && e.code == ERR_IO)
        return cannot(&e);
    if (o->json) {
        SCOPED(sbuf) reason = SBUF_MAX(4096);
        enc_json_string(slice_of(e.text), &reason);
        printf("{\"whole\":%s,\"records\":%llu,\"first_seq\":%llu,\"last_seq\":%llu,\"files\":%zu,\"last_t\":"
               "\"%s\","
               "\"last_hash\":\"%s\",\"reason\":%s}\n",
               ok ? "true" : "false", (unsigned long long)v.records, (unsigned long long)v.first_seq,
               (unsigned long long)v.last_seq, v.files, v.last_t, v.last_hash, reason.p);
        return ok ? EXIT_FINE : EXIT_FINDING;
    }
    if (!ok) {
        printf("broken: %s\n", e.text);
        return EXIT_FINDING;
    }
    printf("whole: %llu records, %llu to %llu, in %zu file%s\n", (unsigned long long)v.records,
           (unsigned long long)v.first_seq, (unsigned long long)v.last_seq, v.files, v.files == 1 ? "" : "s");
    printf("last record: %s %s\n", v.last_t, v.last_hash);
    if (v.first_seq > 1)
        printf("note: records 1 to %llu were not given\n", (unsigned long long)v.first_seq - 1);
    return EXIT_FINE;
}

/* ---- lines of all parts ---- */

typedef bool (*line_fn)(void *ctx, const struct audit_line *line, const struct audit_text *text);

/* Call run for each record that counts; other lines are reported. Returns the exit code. */
static int each_record(const struct audit_part *part, line_fn run, void *ctx)
{
    int fd = open(part->path, O_RDONLY | O_CLOEXEC), code = EXIT_FINE;
    struct audit_reader *r = fd >= 0 ? audit_reader_new(fd, part->is_zst) : NULL;
    struct audit_text text;
    struct audit_line line;

    if (!r) {
        fprintf(stderr, "easgate audit: %s: %s\n", part->path, fd < 0 ? strerror(errno) : "out of memory");
        if (fd >= 0)
            close(fd);
        return EXIT_USAGE;
    }
    while (code != EXIT_USAGE && audit_reader_next(r, &text)) {
        struct err e = { 0 };
        if (!text.is_whole || !audit_line_parse(text.line, &line, &e)) {
            fprintf(stderr, "easgate audit: %s:%llu: not a record: %s\n", part->path,
                    (unsigned long long)text.number, e.code ? e.text : "cut or too long");
            code = EXIT_FINDING;
            continue;
        }
        if (part->stop_after_seq && line.seq > part->stop_after_seq)
            break;
        if (!run(ctx, &line, &text))
            code = EXIT_USAGE;
    }
    if (audit_reader_error(r)) {
        fprintf(stderr, "easgate audit: %s: %s\n", part->path, strerror(audit_reader_error(r)));
        code = EXIT_USAGE;
    }
    audit_reader_free(&r);
    close(fd);
    return code;
}

static int each_part(const struct audit_parts *parts, line_fn run, void *ctx)
{
    int worst = EXIT_FINE;

    for (size_t i = 0; i < parts->count; i++) {
        int code = each_record(&parts->list[i], run, ctx);
        if (code > worst)
            worst = code;
    }
    return worst;
}

/* ---- show ---- */

static bool is_wanted(const struct options *o, const struct audit_line *line)
{
    if (o->type.n && !slice_eq(o->type, line->type))
        return false;
    if (o->client.n && !slice_eq(o->client, audit_line_field(line, S("client"))))
        return false;
    return !o->id.n || slice_eq(o->id, line->id) || slice_eq(o->id, audit_line_field(line, S("parent")));
}

static bool show_line(void *ctx, const struct audit_line *line, const struct audit_text *text)
{
    struct slice rest = line->rest, key, value;

    if (!is_wanted(ctx, line))
        return true;
    if (((const struct options *)ctx)->json)
        return printf("%.*s\n", SLICE_FMT(text->line)) > 0;
    printf("%llu %.*s %-7.*s", (unsigned long long)line->seq, SLICE_FMT(line->t), SLICE_FMT(line->type));
    while (audit_field_next(&rest, &key, &value)) {
        bool is_plain = value.n > 2 && value.p[0] == '"' && !slice_has(value, ' ') && !slice_has(value, '\\');
        if (is_plain)
            value = slice_from(value.p + 1, value.n - 2);
        printf(" %.*s=%.*s", SLICE_FMT(key), SLICE_FMT(value));
    }
    return printf("\n") > 0;
}

/* ---- pending ---- */

static bool note_line(void *ctx, const struct audit_line *line, const struct audit_text *text)
{
    (void)text;
    return audit_pending_line(ctx, line);
}

static void print_open(const struct audit_open *o, bool json)
{
    if (json)
        printf("{\"seq\":%llu,\"t\":\"%s\",\"id\":\"%s\",\"client\":\"%s\",\"op\":\"%s\",\"nonce\":\"%s\","
               "\"count\":%u}\n",
               (unsigned long long)o->seq, o->t, o->id, o->client, o->op, o->nonce, o->count);
    else
        printf("%llu %s id=%s client=%s op=%s nonce=%s%s\n", (unsigned long long)o->seq, o->t, o->id,
               o->client, o->op, o->nonce, o->count > 1 ? " (several tries)" : "");
}

static int pending(const struct audit_parts *parts, const struct options *o)
{
    struct audit_pending *p = audit_pending_new();
    int code = p ? each_part(parts, note_line, p) : EXIT_USAGE;
    const struct audit_open **open_intents = p ? audit_pending_list(p) : NULL;

    if (!open_intents) {
        fprintf(stderr, "easgate audit: out of memory\n");
        code = EXIT_USAGE;
    }
    for (size_t i = 0; open_intents && open_intents[i]; i++)
        print_open(open_intents[i], o->json);
    if (open_intents && !open_intents[0] && !o->json)
        printf("every intent has its outcome\n");
    free(open_intents);
    audit_pending_free(&p);
    return code;
}

/* ---- the command ---- */

static bool read_options(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {
        { "name", required_argument, NULL, 'n' }, { "json", no_argument, NULL, 'j' },
        { "id", required_argument, NULL, 'i' },   { "client", required_argument, NULL, 'c' },
        { "type", required_argument, NULL, 't' }, { NULL, 0, NULL, 0 }
    };
    int c;

    optind = 1;
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        struct slice value = slice_of(optarg ? optarg : "");
        if (c == 'n')
            o->name = optarg;
        else if (c == 'j')
            o->json = true;
        else if (c == 'i')
            o->id = value;
        else if (c == 'c')
            o->client = value;
        else if (c == 't')
            o->type = value;
        else
            return false;
    }
    return true;
}

int cmd_audit(int argc, char **argv)
{
    struct options o = { .name = "audit.jsonl" };
    struct audit_parts parts = AUDIT_PARTS_NONE;
    struct err e = { 0 };
    int code;

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return fputs(help, stdout) >= 0 ? EXIT_FINE : EXIT_USAGE;
    struct slice what = slice_of(argc > 1 ? argv[1] : "");
    if (!slice_eq(what, S("verify")) && !slice_eq(what, S("show")) && !slice_eq(what, S("pending")))
        return usage("expected verify, show or pending");
    if (!read_options(argc - 1, argv + 1, &o))
        return usage("option not known");
    bool has_filter = o.id.n || o.client.n || o.type.n;
    if (has_filter && !slice_eq(what, S("show")))
        return usage("--id, --client and --type go with show");
    if (o.type.n && audit_type_of(o.type) == AUDIT_NONE)
        return usage("there is no such type of record");
    if (!argv[1 + optind])
        return usage("expected a FILE or DIR");
    if (!collect_parts(&parts, &o, argv + 1 + optind, &e))
        code = cannot(&e);
    else if (slice_eq(what, S("verify")))
        code = verify(&parts, &o);
    else
        code = slice_eq(what, S("show")) ? each_part(&parts, show_line, &o) : pending(&parts, &o);
    audit_parts_drop(&parts);
    if (fflush(stdout) != 0)
        code = EXIT_USAGE;
    return code;
}
