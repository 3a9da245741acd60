/*
 * easgate audit init: make the key that seals the audit log. The gateway gets it as its state file and forgets it epoch by
 * epoch; the person gets it once, on standard output, to keep where the gateway's machine cannot reach it. It is kept nowhere
 * else: who lost it can no longer check what the log's macs say.
 */
#include "app/cmd.h"
#include "base/clock.h"
#include "base/num.h"
#include "config/snapshot.h"
#include "edge/audit_keyfile.h"
#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_CONFIG   "/etc/easgate/easgate.ini"
#define DEFAULT_EPOCH_MS 3600000
#define EPOCH_MAX_MS     31622400000 /* 366 d: docs/audit.md, LENGTH */

static const char usage[] =
    "usage: easgate audit init [--config FILE | --key-file PATH] [--epoch DURATION]\n"
    "\n"
    "Makes the key that seals each record of the audit log: writes the state file ([audit] key_file of the\n"
    "configuration, or PATH) and prints the key once, as one line on standard output. Run it as the user "
    "that\n"
    "runs easgate, once, before the first start with key_file.\n"
    "\n"
    "Keep the line where this machine cannot read it: with it, `easgate audit verify --key LINE-FILE` shows\n"
    "every change of the log, and who has it can forge the log. The machine itself forgets it with the first "
    "epoch.\n"
    "\n"
    "  -c, --config FILE    the configuration (" DEFAULT_CONFIG ")\n"
    "      --key-file PATH  the state file, without a configuration\n"
    "      --epoch DURATION how long each key seals (1h); shorter ones are for tests\n"
    "\n"
    "A file that exists is never overwritten.\n"
    "exit: 0 fine, 2 usage, or the file cannot be written\n"
    "\n"
    "example:\n"
    "  (umask 077; sudo -u easgate easgate audit init >/media/stick/easgate-audit.key)\n";

struct options {
    const char *config, *key_file;
    uint64_t epoch_ms;
    bool help;
};

static int fail(const char *why)
{
    fprintf(stderr, "easgate audit init: %s\n", why);
    return 2;
}

static bool read_epoch(const char *text, uint64_t *out_ms, struct err *e)
{
    uint64_t ms;

    if (!num_duration_ms(slice_of(text), &ms) || ms % 1000 || ms < 1000 || ms > EPOCH_MAX_MS)
        return err_set(e, ERR_RANGE, "--epoch '%.64s': expected whole seconds, 1s to 366d, such as 1h", text);
    *out_ms = ms;
    return true;
}

static bool read_options(int argc, char **argv, struct options *o, struct err *e)
{
    static const struct option known[] = { { "config", required_argument, NULL, 'c' },
                                           { "key-file", required_argument, NULL, 'k' },
                                           { "epoch", required_argument, NULL, 'e' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    int c;

    *o = (struct options){ .epoch_ms = DEFAULT_EPOCH_MS };
    optind = 1;
    while ((c = getopt_long(argc, argv, "c:h", known, NULL)) != -1) {
        if (c == 'c')
            o->config = optarg;
        else if (c == 'k')
            o->key_file = optarg;
        else if (c == 'h')
            o->help = true;
        else if (c != 'e')
            return err_set(e, ERR_UNKNOWN, "option not known, or without its value");
        else if (!read_epoch(optarg, &o->epoch_ms, e))
            return false;
    }
    if (optind < argc)
        return err_set(e, ERR_UNKNOWN, "'%.64s': expected options only", argv[optind]);
    return !(o->config && o->key_file) ||
           err_set(e, ERR_CONFLICT,
                   "expected --config or --key-file, not both: each says where the state file is");
}

/* The path of the state file, from the configuration; the caller frees it. NULL after a message. */
static char *path_of_config(const char *config)
{
    struct config_errors errors = { 0 };
    struct snapshot *s = snapshot_load(config, false, &errors);
    char *path = NULL;

    if (!s)
        fprintf(stderr, "%.*s%s: %zu error%s\n", SLICE_FMT(sbuf_slice(&errors.text)), config, errors.count,
                errors.count == 1 ? "" : "s");
    else if (!s->audit.key_file.n)
        fprintf(stderr, "easgate audit init: %s: [audit] has no key_file, expected key_file = PATH\n",
                config);
    else
        path = strndup(s->audit.key_file.p, s->audit.key_file.n);
    config_errors_drop(&errors);
    snapshot_unref(&s);
    return path;
}

static bool make_key(struct audit_key *k, const struct options *o, struct err *e)
{
    unsigned char bytes[AUDIT_KEY_BYTES];
    bool ok = random_bytes(bytes, sizeof bytes) || err_set(e, ERR_CRYPTO, "no random bytes");

    ok = ok &&
         audit_key_init(k, clock_wall_ms(&clock_system) / 1000, (int64_t)(o->epoch_ms / 1000), 0, bytes, e);
    secret_wipe(bytes, sizeof bytes);
    return ok;
}

static bool print_key(const struct audit_key *k)
{
    char memory[AUDIT_KEY_TEXT_BYTES] = "";
    struct sbuf text = SBUF_LENT(memory, sizeof memory, sizeof memory - 1);

    audit_key_print(k, &text);
    /* past stdio, whose buffer would keep a copy */
    bool ok = sbuf_ok(&text) && write(STDOUT_FILENO, text.p, text.n) == (ssize_t)text.n;
    secret_wipe(memory, sizeof memory);
    return ok;
}

/* A key that was not handed over is of no use: the file goes again. */
static int make_and_print(const char *path, const struct options *o)
{
    struct audit_key key = { 0 };
    struct err e = { 0 };

    if (!make_key(&key, o, &e) || !audit_keyfile_create(path, &key, &e)) {
        audit_key_drop(&key);
        return fail(e.text);
    }
    bool printed = print_key(&key);
    audit_key_drop(&key);
    if (!printed) {
        unlink(path);
        return fail("cannot write the key to standard output; nothing was made");
    }
    fprintf(stderr,
            "%s is made, an epoch has %llu s. The line above is the only copy of the first key:\n"
            "keep it where this machine cannot read it. `easgate audit verify --key FILE` needs it.\n",
            path, (unsigned long long)(o->epoch_ms / 1000));
    if (geteuid() == 0)
        fputs("It belongs to root: give it to the user that runs easgate (chown).\n", stderr);
    return 0;
}

int cmd_audit_init(int argc, char **argv)
{
    struct options o;
    struct err e = { 0 };

    if (!read_options(argc, argv, &o, &e)) {
        fail(e.text);
        fputs("Try 'easgate audit init --help'.\n", stderr);
        return 2;
    }
    if (o.help)
        return fputs(usage, stdout) >= 0 ? 0 : 2;
    char *path = o.key_file ? strdup(o.key_file) : path_of_config(o.config ? o.config : DEFAULT_CONFIG);
    if (!path)
        return 2;
    umask(077);
    int code = make_and_print(path, &o);
    free(path);
    return code;
}
