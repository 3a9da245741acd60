/* The command line: see emu_opt.h. */
#include "emulator/emu_opt.h"
#include "base/log.h"
#include "base/num.h"
#include <getopt.h>
#include <stdio.h>

enum {
    OPT_LISTEN = 256,
    OPT_CONTROL,
    OPT_CERT,
    OPT_KEY,
    OPT_MAKE_CA,
    OPT_NAME,
    OPT_CREDENTIALS,
    OPT_JOURNAL,
    OPT_JOURNAL_SYNC,
    OPT_REGION,
    OPT_STATE_DELAY,
    OPT_STOPPED_TOTAL,
    OPT_IDLE,
    OPT_READY_FILE,
    OPT_LOG_LEVEL,
    OPT_AT,
    OPT_ID,
    OPT_SECRET,
    OPT_TOKEN,
    OPT_NONCES,
    OPT_VERSION,
    OPT_HELP
};

static const struct option options[] = {
    { "listen", required_argument, NULL, OPT_LISTEN },
    { "control", required_argument, NULL, OPT_CONTROL },
    { "cert", required_argument, NULL, OPT_CERT },
    { "key", required_argument, NULL, OPT_KEY },
    { "make-ca", required_argument, NULL, OPT_MAKE_CA },
    { "name", required_argument, NULL, OPT_NAME },
    { "credentials", required_argument, NULL, OPT_CREDENTIALS },
    { "journal", required_argument, NULL, OPT_JOURNAL },
    { "journal-sync", no_argument, NULL, OPT_JOURNAL_SYNC },
    { "region", required_argument, NULL, OPT_REGION },
    { "state-delay", required_argument, NULL, OPT_STATE_DELAY },
    { "stopped-total", required_argument, NULL, OPT_STOPPED_TOTAL },
    { "idle-timeout", required_argument, NULL, OPT_IDLE },
    { "ready-file", required_argument, NULL, OPT_READY_FILE },
    { "log-level", required_argument, NULL, OPT_LOG_LEVEL },
    { "at", required_argument, NULL, OPT_AT },
    { "access-key-id", required_argument, NULL, OPT_ID },
    { "access-key-secret", required_argument, NULL, OPT_SECRET },
    { "security-token", required_argument, NULL, OPT_TOKEN },
    { "remember-nonces", no_argument, NULL, OPT_NONCES },
    { "version", no_argument, NULL, OPT_VERSION },
    { "help", no_argument, NULL, OPT_HELP },
    { NULL, 0, NULL, 0 },
};

static const char help[] =
    "easgate-emulator plays the PAI-EAS API: TLS, signature checks, services with state, a journal, faults.\n"
    "\n"
    "usage: easgate-emulator --listen HOST:PORT --credentials FILE (--make-ca DIR | --cert FILE --key FILE) "
    "[options]\n"
    "       easgate-emulator verify [--at TIME] [--access-key-id ID --access-key-secret SECRET] < "
    "requests.json\n"
    "\n"
    "serve:\n"
    "  --listen HOST:PORT       TLS listener; port 0 lets the kernel choose (default 127.0.0.1:8443)\n"
    "  --control HOST:PORT      plain HTTP control port, see docs/emulator.md (default: none)\n"
    "  --cert FILE --key FILE   PEM certificate chain and key\n"
    "  --make-ca DIR            use DIR/ca.pem, server.pem, server.key; make them first when one is missing\n"
    "  --name HOST              a further name or address for the certificate of --make-ca (repeatable)\n"
    "  --credentials FILE       access keys, official INI form; each section is a key\n"
    "  --journal FILE           append one JSON line for each request, written before it is answered\n"
    "  --journal-sync           fsync the journal before answering\n"
    "  --region REGION          the region played (default cn-shanghai)\n"
    "  --state-delay MS         how long Creating, Starting, Stopping ... take (default 1000)\n"
    "  --stopped-total WHAT     TotalInstance of a stopped service: zero (default) or kept\n"
    "  --idle-timeout MS        close a connection that is idle for so long (default 0: never)\n"
    "  --ready-file FILE        written once it listens: {\"port\":...,\"control_port\":...,\"pid\":...}\n"
    "  --log-level LEVEL        error, warn, info or debug (default info; to standard error)\n"
    "\n"
    "verify: reads JSON objects {\"method\",\"path\",\"query\",\"headers\",\"body\" or "
    "\"body_base64\",\"authorization\"}\n"
    "from standard input and answers one JSON line for each; exit 0 when all verify, else 1.\n"
    "  --at TIME                the clock, as 2023-10-26T10:22:32Z (default: now); a member \"at\" overrides "
    "it\n"
    "  --access-key-id ID, --access-key-secret SECRET, --security-token TOKEN\n"
    "                           the key; members access_key_id, access_key_secret, security_token if not "
    "given\n"
    "  --credentials FILE       several keys\n"
    "  --remember-nonces        refuse a nonce that an earlier object of this run used\n"
    "\n"
    "examples:\n"
    "  easgate-emulator --listen 127.0.0.1:8443 --control 127.0.0.1:8444 --make-ca /tmp/eas --credentials "
    "keys.ini \\\n"
    "                   --journal /tmp/eas/journal.jsonl\n"
    "  curl -X POST http://127.0.0.1:8444/faults -d "
    "'{\"match\":{\"action\":\"ListServices\"},\"fault\":\"throttle\"}'\n"
    "  easgate-emulator verify --at 2023-10-26T10:22:32Z --access-key-id YourAccessKeyId \\\n"
    "                   --access-key-secret YourAccessKeySecret < request.json\n";

static int stop(int code, int *out_code)
{
    *out_code = code;
    return 1;
}

static int wrong(const char *what, int *out_code)
{
    fprintf(stderr, "easgate-emulator: %s; see --help\n", what);
    return stop(2, out_code);
}

static const char **text_option(struct emu_opt *o, int c)
{
    switch (c) {
    case OPT_LISTEN:
        return &o->listen;
    case OPT_CONTROL:
        return &o->control;
    case OPT_CERT:
        return &o->cert;
    case OPT_KEY:
        return &o->key;
    case OPT_MAKE_CA:
        return &o->make_ca;
    case OPT_CREDENTIALS:
        return &o->credentials;
    case OPT_JOURNAL:
        return &o->journal;
    case OPT_REGION:
        return &o->region;
    case OPT_READY_FILE:
        return &o->ready_file;
    case OPT_AT:
        return &o->at;
    case OPT_ID:
        return &o->access_key_id;
    case OPT_SECRET:
        return &o->access_key_secret;
    case OPT_TOKEN:
        return &o->security_token;
    default:
        return NULL;
    }
}

static bool add_name(struct emu_opt *o, const char *name)
{
    for (size_t i = 0; i < EMU_NAMES_MAX; i++)
        if (!o->names[i]) {
            o->names[i] = name;
            return true;
        }
    return false;
}

/* Options with a meaning of their own; false when the value is wrong. */
static bool other_option(struct emu_opt *o, int c, const char *value)
{
    struct slice v = slice_of(value);
    enum log_level level;

    switch (c) {
    case OPT_NAME:
        return add_name(o, value);
    case OPT_JOURNAL_SYNC:
        return o->journal_sync = true;
    case OPT_NONCES:
        return o->remember_nonces = true;
    case OPT_STATE_DELAY:
        return num_i64(v, 0, INT64_C(86400000), &o->state_delay_ms);
    case OPT_IDLE:
        return num_i64(v, 0, INT64_C(86400000), &o->idle_ms);
    case OPT_STOPPED_TOTAL:
        o->stopped_keeps_total = slice_eq(v, S("kept"));
        return o->stopped_keeps_total || slice_eq(v, S("zero"));
    case OPT_LOG_LEVEL:
        level = log_level_of(v);
        log_set_level(level);
        return level != LOG_LEVEL_NONE;
    default:
        return false;
    }
}

static int check(const struct emu_opt *o, int *out_code)
{
    if (o->verify) {
        if (!o->access_key_id != !o->access_key_secret)
            return wrong("--access-key-id and --access-key-secret go together", out_code);
        return 0;
    }
    if (!o->credentials)
        return wrong("--credentials is needed", out_code);
    if (!o->make_ca && !(o->cert && o->key))
        return wrong("--make-ca, or --cert and --key, are needed", out_code);
    return 0;
}

int emu_opt_parse(int argc, char **argv, struct emu_opt *o, int *out_code)
{
    int c;

    *o = (struct emu_opt){ .listen = "127.0.0.1:8443", .region = "cn-shanghai", .state_delay_ms = 1000 };
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        const char **text = text_option(o, c);
        if (text) {
            *text = optarg;
        } else if (c == OPT_HELP || c == 'h') {
            fputs(help, stdout);
            return stop(0, out_code);
        } else if (c == OPT_VERSION) {
            fputs("easgate-emulator " EASGATE_VERSION "\n", stdout);
            return stop(0, out_code);
        } else if (c == '?') {
            return stop(2, out_code);
        } else if (!other_option(o, c, optarg)) {
            return wrong("an option has a wrong value", out_code);
        }
    }
    if (optind < argc && slice_eq(slice_of(argv[optind]), S("verify"))) {
        o->verify = true;
        optind++;
    }
    if (optind < argc)
        return wrong("unexpected argument", out_code);
    return check(o, out_code);
}
