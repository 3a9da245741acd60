/*
 * easgate serve: the boot order, the signals, the end. Boot is a visible list (boot_steps); what one step makes, the stop in
 * reverse undoes. HUP loads a whole new configuration or changes nothing; USR1 reopens and rotates the audit log; TERM and INT
 * drain to a deadline, a second one ends at once. Standard error is the log.
 */
#include "app/cmd.h"
#include "app/sandbox.h"
#include "core/acs3.h"
#include "edge/audit_pending.h"
#include "edge/auditor.h"
#include "edge/listen.h"
#include "edge/loop.h"
#include "edge/shipper.h"
#include "edge/upstream.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#define TICK_MS           50
#define AUDIT_CLOSE_MS    5000
#define SHIP_CLOSE_MS     2000
#define SHIP_TICK_MS      250
#define CERTAIN_MARGIN_MS 60000 /* the run before may have waited longer for EAS */
#define LOG_PIPE_BYTES    (1024 * 1024)
#define DEFAULT_CONFIG    "/etc/easgate/easgate.ini"

static const char usage[] =
    "Usage: easgate serve [--config FILE] [--accept-broken-chain]\n"
    "\n"
    "Run the gateway in the foreground; the log goes to standard error.\n"
    "\n"
    "  -c, --config FILE          the configuration (" DEFAULT_CONFIG ")\n"
    "      --accept-broken-chain  start although the audit log does not verify; the log says so\n"
    "  -h, --help\n"
    "\n"
    "Signals: HUP loads the configuration anew, all or nothing; USR1 rotates the audit log;\n"
    "TERM stops when the requests under way have ended, a second TERM at once.\n"
    "Exit: 0 stopped, 1 failed, 2 usage or configuration.\n"
    "\n"
    "Examples:\n"
    "  easgate check easgate.ini && easgate serve --config easgate.ini\n"
    "  kill -HUP $(pidof easgate)\n";

struct server {
    const char *config_path;
    bool accept_broken_chain;
    struct snapshot *first; /* until the gate has it */
    struct arena *names;    /* of the audit log */
    char host[256];
    struct loop *loop;
    struct auditor *auditor;
    struct shipper *shipper; /* NULL without [audit] syslog */
    struct upstream_client *upstream;
    struct gate *gate;
    struct listeners *listeners;
    struct ports ports;
    int64_t stop_mono_ms; /* when draining must be over; 0 = not stopping */
};

/* ---- ports that are not other files' ---- */

static bool port_random(void *ctx, void *p, size_t n)
{
    (void)ctx;
    return random_bytes(p, n);
}

static uint64_t port_audit_append(void *ctx, const struct audit_rec *rec)
{
    return auditor_append(((struct server *)ctx)->auditor, rec);
}

static bool port_audit_ok(void *ctx, const char **out_why)
{
    return auditor_ok(((struct server *)ctx)->auditor, out_why);
}

/* The key is in this process, so the answer is there at once; a keeper process would answer later. */
static enum port_result port_sign(void *ctx, struct txn *t, uint64_t intent_ticket, const struct cred *cred,
                                  struct slice string_to_sign, char out_hex[65])
{
    (void)ctx;
    (void)t;
    (void)intent_ticket;
    return acs3_mac(secret_bytes(cred->access_key_secret), string_to_sign, out_hex) ? PORT_DONE : PORT_FAILED;
}

static void port_send(void *ctx, struct txn *t, const struct outgoing *out, int64_t deadline_mono_ms,
                      struct exchange *ex)
{
    upstream_send(((struct server *)ctx)->upstream, t, out, deadline_mono_ms, ex);
}

static void port_send_cancel(void *ctx, struct txn *t)
{
    upstream_send_cancel(((struct server *)ctx)->upstream, t);
}

static void on_durable(void *ctx, uint64_t upto_ticket)
{
    gate_audit_durable(((struct server *)ctx)->gate, upto_ticket);
}

static void on_ship_durable(void *ctx, uint64_t ticket)
{
    struct server *s = ctx;

    if (s->shipper)
        shipper_durable(s->shipper, ticket);
}

static void on_written(void *ctx, uint64_t last_seq)
{
    struct server *s = ctx;

    if (s->shipper)
        shipper_written(s->shipper, last_seq);
}

static void on_ship_tick(void *arg)
{
    shipper_tick(((struct server *)arg)->shipper);
}

static void on_lost(void *ctx)
{
    gate_audit_lost(((struct server *)ctx)->gate);
}

/* ---- loading ---- */

static void log_lines(enum log_level level, const char *message, struct slice lines)
{
    for (struct slice line; slice_split(&lines, '\n', &line);)
        if (line.n)
            log_event(level, "config", message, LOG_S("at", line));
}

/* Swap may give them away; it is for who runs the machine to raise the limit, or to have no swap. */
static void warn_unlocked(const struct snapshot *snap)
{
    for (size_t i = 0; i < snap->cred_count; i++) {
        const struct cred *c = snap->creds[i];
        if (!secret_is_locked(c->access_key_secret) ||
            (c->security_token && !secret_is_locked(c->security_token)))
            log_event(LOG_WARN, "config", "a credential's memory cannot be locked (RLIMIT_MEMLOCK)",
                      LOG_S("credential", c->name));
    }
}

static struct snapshot *load(const char *path)
{
    struct config_errors errors = { .count = 0 };
    struct snapshot *snap = snapshot_load(path, true, &errors);

    if (!snap)
        log_lines(LOG_ERROR, "refused", sbuf_slice(&errors.text));
    else if (snap->warning_count)
        log_lines(LOG_WARN, "accepted with a warning", slice_of(snap->warnings));
    if (snap)
        warn_unlocked(snap);
    config_errors_drop(&errors);
    return snap;
}

static void on_hup(void *arg)
{
    struct server *s = arg;
    struct snapshot *now = gate_snapshot(s->gate);
    struct config_errors errors = { .count = 0 };
    struct err e = { 0 };
    struct snapshot *next = load(s->config_path);
    bool fine = next && snapshot_may_replace(now, next, &errors);

    log_lines(LOG_ERROR, "cannot be changed while running", sbuf_slice(&errors.text));
    config_errors_drop(&errors);
    fine = fine && sandbox_raise_files((unsigned long)next->gateway.max_connections, &e);
    /* last: it takes effect at once */
    for (size_t i = 0; fine && i < next->upstream_count; i++)
        fine = upstream_prepare(s->upstream, &next->upstreams[i], &e);
    if (e.code != ERR_NONE)
        log_event(LOG_ERROR, "config", "refused", LOG_C("error", e.text));
    if (fine) {
        next->generation = now->generation + 1;
        log_set_level(next->gateway.log_level);
        gate_set_snapshot(s->gate, next);
        log_event(LOG_INFO, "config", "in force", LOG_C("digest", next->digest),
                  LOG_N("generation", next->generation));
    } else {
        metric_add(gate_metrics(s->gate), METRIC_reload_failures_total, 1);
        log_event(LOG_ERROR, "config", "reload refused, the old one stays in force",
                  LOG_C("file", s->config_path), LOG_C("digest", now->digest));
    }
    snapshot_unref(&next);
}

/* ---- signals and time ---- */

static void on_usr1(void *arg)
{
    auditor_rotate(((struct server *)arg)->auditor);
}

static void on_term(void *arg)
{
    struct server *s = arg;

    if (s->stop_mono_ms) {
        log_event(LOG_WARN, "serve", "second signal, ending at once",
                  LOG_N("inflight", gate_inflight(s->gate)));
        s->stop_mono_ms = 1;
        return;
    }
    s->stop_mono_ms =
        clock_mono_ms(s->ports.clock) + (int64_t)gate_snapshot(s->gate)->gateway.drain_timeout_ms;
    gate_begin_drain(s->gate);
    listeners_drain(s->listeners);
    log_event(LOG_INFO, "serve", "stopping", LOG_N("inflight", gate_inflight(s->gate)));
}

static void on_tick(void *arg)
{
    struct server *s = arg;

    gate_tick(s->gate);
    if (!s->stop_mono_ms)
        return;
    bool late = clock_mono_ms(s->ports.clock) >= s->stop_mono_ms;
    if (late)
        gate_abort_all(s->gate);
    if (late || (gate_inflight(s->gate) == 0 && listeners_connections(s->listeners) == 0))
        loop_stop(s->loop);
}

/* ---- boot, in this order; stop in reverse ---- */

/* HUP and USR1 end a process that has not asked for them yet, so they wait until the loop has. */
static bool hold_signals(int how, struct err *e)
{
    sigset_t held;

    sigemptyset(&held);
    sigaddset(&held, SIGHUP);
    sigaddset(&held, SIGUSR1);
    return sigprocmask(how, &held, NULL) == 0 ||
           err_set(e, ERR_IO, "signals cannot be held: %s", strerror(errno));
}

static bool boot_hold_signals(struct server *s, struct err *e)
{
    (void)s;
    return hold_signals(SIG_BLOCK, e);
}

/* The log does not wait for its reader, so there should be room for what a busy moment says. No pipe, or no more room: fine. */
static bool boot_log(struct server *s, struct err *e)
{
    (void)s;
    (void)e;
    int has = fcntl(STDERR_FILENO, F_GETPIPE_SZ);
    if (has > 0 && has < LOG_PIPE_BYTES)
        (void)fcntl(STDERR_FILENO, F_SETPIPE_SZ, LOG_PIPE_BYTES);
    return true;
}

static bool boot_sandbox(struct server *s, struct err *e)
{
    (void)s;
    return sandbox_begin(e);
}

/* Requests end in other order than they began, so glibc's lists of small free pieces are long, and it gathers them all for
 * each larger piece that is asked for. Without them a piece goes back at once, which is cheaper here. */
static bool boot_memory(struct server *s, struct err *e)
{
    (void)s;
    (void)e;
    mallopt(M_MXFAST, 0);
    return true;
}

static bool boot_config(struct server *s, struct err *e)
{
    s->first = load(s->config_path);
    if (!s->first)
        return err_set(e, ERR_SYNTAX, "%s is refused; `easgate check %s` says why", s->config_path,
                       s->config_path);
    log_set_level(s->first->gateway.log_level);
    return sandbox_raise_files((unsigned long)s->first->gateway.max_connections, e);
}

static bool boot_loop(struct server *s, struct err *e)
{
    s->loop = loop_new(e);
    if (!s->loop)
        return false;
    s->ports = (struct ports){ loop_clock(s->loop), s,         port_random, port_audit_append,
                               port_audit_ok,       port_sign, port_send,   port_send_cancel };
    return true;
}

static const char *name_or_null(struct server *s, struct slice path)
{
    return path.n ? arena_str(s->names, path) : NULL;
}

/* The log outlives the configuration that named it, so the names are copied. */
static bool boot_auditor(struct server *s, struct err *e)
{
    const struct cfg_audit *cfg = &s->first->audit;

    s->names = arena_new(64 * 1024);
    if (!s->names)
        return err_set(e, ERR_MEMORY, "out of memory");
    gethostname(s->host, sizeof s->host - 1);
    struct auditor_config setup = {
        .ledger = { .path = arena_str(s->names, cfg->path),
                    .synced = cfg->durability == AUDIT_SYNCED,
                    .max_segment_bytes = cfg->max_segment_bytes,
                    .rotate_every_ms = cfg->rotate_every_ms,
                    .group = name_or_null(s, cfg->group.text),
                    .key_path = name_or_null(s, cfg->key_file),
                    .checkpoint_interval_ms = cfg->checkpoint_interval_ms,
                    .checkpoint_key_path = name_or_null(s, cfg->checkpoint_key),
                    .checkpoint_path = name_or_null(s, cfg->checkpoint_file),
                    .certain_after_ms = s->first->upstreams[0].timeout_ms + CERTAIN_MARGIN_MS,
                    .version = EASGATE_VERSION,
                    .host = s->host,
                    .policy_digest = arena_str(s->names, slice_of(s->first->digest)),
                    .accept_broken_chain = s->accept_broken_chain,
                    .clock = &clock_system },
        .commit_timeout_ms = cfg->commit_timeout_ms,
        .compress = cfg->compress == AUDIT_ZSTD,
        .keep_segments = cfg->keep_segments,
        .keep_for_ms = cfg->keep_for_ms,
    };
    if (arena_failed(s->names))
        return err_set(e, ERR_MEMORY, "out of memory");
    s->auditor = auditor_open(&setup, loop_base(s->loop), e);
    return s->auditor != NULL;
}

static struct slice text_of(const char *text, size_t size)
{
    return slice_from(text, strnlen(text, size));
}

/* What the runs before left in doubt goes on counting. A log that was changed may hide some of it. */
static bool restore_doubts(struct server *s)
{
    size_t count = 0;
    const struct audit_open *doubts = auditor_doubts(s->auditor, &count);
    struct gate_open *open = calloc(count + 1, sizeof *open);

    if (!open)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct audit_open *d = &doubts[i];
        open[i] = (struct gate_open){ .id = text_of(d->id, sizeof d->id),
                                      .client = text_of(d->client, sizeof d->client),
                                      .op = text_of(d->op, sizeof d->op),
                                      .service = text_of(d->changed, sizeof d->changed),
                                      .has_peak = d->has_peak,
                                      .peak = d->peak,
                                      .peak_gpus = d->peak_gpus };
    }
    gate_restore(s->gate, open, count);
    if (s->accept_broken_chain)
        gate_wait_for_truth(s->gate);
    free(open);
    return true;
}

static bool boot_gate(struct server *s, struct err *e)
{
    s->gate = gate_new(&s->ports, s->first);
    if (!s->gate)
        return err_set(e, ERR_MEMORY, "out of memory");
    if (!restore_doubts(s))
        return err_set(e, ERR_MEMORY, "out of memory");
    auditor_set_events(s->auditor, &(struct auditor_events){ .durable = on_durable,
                                                             .ship_durable = on_ship_durable,
                                                             .lost = on_lost,
                                                             .written = on_written,
                                                             .ctx = s,
                                                             .metrics = gate_metrics(s->gate) });
    return true;
}

static bool boot_shipper(struct server *s, struct err *e)
{
    const struct cfg_audit *cfg = &s->first->audit;
    struct shipper_config setup = { .log_path = arena_str(s->names, cfg->path),
                                    .ca_file = cfg->syslog_ca,
                                    .host = s->host,
                                    .clock = &clock_system,
                                    .append = port_audit_append,
                                    .ctx = s,
                                    .metrics = gate_metrics(s->gate) };
    struct slice place = arena_dup(s->names, cfg->syslog);

    if (slice_is_empty(cfg->syslog))
        return true;
    if (!setup.log_path || !place.p)
        return err_set(e, ERR_MEMORY, "out of memory");
    if (!address_parse_syslog(place, &setup.place, e))
        return false;
    s->shipper = shipper_open(&setup, auditor_last_seq(s->auditor), e);
    return s->shipper && loop_every(s->loop, "ship", SHIP_TICK_MS, on_ship_tick, s, e);
}

static bool boot_upstream(struct server *s, struct err *e)
{
    s->upstream = upstream_new(loop_base(s->loop), loop_clock(s->loop), gate_metrics(s->gate), e);
    for (size_t i = 0; s->upstream && i < s->first->upstream_count; i++)
        if (!upstream_prepare(s->upstream, &s->first->upstreams[i], e))
            return false;
    return s->upstream != NULL;
}

static bool boot_listeners(struct server *s, struct err *e)
{
    s->listeners = listeners_open(s->loop, s->gate, s->first, e);
    return s->listeners != NULL;
}

static bool boot_signals(struct server *s, struct err *e)
{
    struct loop_signals signals = {
        .on_term = on_term, .on_int = on_term, .on_hup = on_hup, .on_usr1 = on_usr1, .arg = s
    };

    return loop_on_signals(s->loop, &signals, e) && hold_signals(SIG_UNBLOCK, e) &&
           loop_every(s->loop, "tick", TICK_MS, on_tick, s, e);
}

static const struct {
    const char *name;
    bool (*run)(struct server *s, struct err *e);
} boot_steps[] = {
    { "held signals", boot_hold_signals },
    { "log", boot_log },
    { "sandbox", boot_sandbox },
    { "memory", boot_memory },
    { "config", boot_config },
    { "loop", boot_loop },
    { "audit log", boot_auditor },
    { "gate", boot_gate },
    { "syslog", boot_shipper },
    { "upstream", boot_upstream },
    { "listeners", boot_listeners },
    { "signals", boot_signals },
};

/* What the kernel would take back anyway is given back only so that a leak shows in tests. */
static void stop(struct server *s)
{
    hold_signals(SIG_BLOCK, NULL); /* the loop that takes them goes */
    if (s->gate)
        gate_abort_all(s->gate);
    listeners_close(&s->listeners);
    upstream_free(&s->upstream);
    if (s->auditor && !auditor_close(&s->auditor, AUDIT_CLOSE_MS)) {
        log_line(LOG_ERROR, "serve", "the last audit records could not be written");
        _exit(1); /* a writer that hangs on the disk may still use what would be freed */
    }
    if (!shipper_close(&s->shipper, SHIP_CLOSE_MS))
        _exit(1); /* the same, with the look-up of a name */
    gate_free(&s->gate);
    if (s->loop)
        loop_end_jobs(s->loop, s);
    loop_free(&s->loop);
    snapshot_unref(&s->first);
    arena_free(&s->names);
}

static int run(struct server *s)
{
    struct err e = { 0 };
    int code = 0;

    for (size_t i = 0; i < sizeof boot_steps / sizeof boot_steps[0]; i++)
        if (!boot_steps[i].run(s, &e)) {
            log_event(LOG_ERROR, "serve", "cannot start", LOG_C("at", boot_steps[i].name),
                      LOG_C("error", e.text));
            stop(s);
            return e.code == ERR_SYNTAX ? 2 : 1;
        }
    log_event(LOG_INFO, "serve", "ready", LOG_C("version", EASGATE_VERSION), LOG_N("pid", getpid()),
              LOG_C("digest", s->first->digest), LOG_N("clients", s->first->client_count));
    snapshot_unref(&s->first);
    if (!loop_run(s->loop)) {
        log_line(LOG_ERROR, "serve", "the event loop failed");
        code = 1;
    }
    stop(s);
    log_line(LOG_INFO, "serve", "stopped");
    return code;
}

int cmd_serve(int argc, char **argv)
{
    enum { ACCEPT_BROKEN_CHAIN = 256 };
    static const struct option longs[] = {
        { "config", required_argument, NULL, 'c' },
        { "accept-broken-chain", no_argument, NULL, ACCEPT_BROKEN_CHAIN },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    struct server s = { .config_path = DEFAULT_CONFIG };

    for (int c; (c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1;) {
        switch (c) {
        case 'c':
            s.config_path = optarg;
            break;
        case ACCEPT_BROKEN_CHAIN:
            s.accept_broken_chain = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs("Try 'easgate serve --help'.\n", stderr);
            return 2;
        }
    }
    if (optind != argc) {
        fprintf(stderr, "easgate serve: unexpected argument '%s'\nTry 'easgate serve --help'.\n",
                argv[optind]);
        return 2;
    }
    return run(&s);
}
