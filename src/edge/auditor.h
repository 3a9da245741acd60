/*
 * auditor: the audit log as the request's life sees it: the ports audit_append and audit_ok of flow/ports.h, on the loop
 * thread. Nothing here waits for a disk when `synced`: one writer thread owns the ledger (edge/ledger.h).
 *
 *   synced   records of a turn of the loop go to the writer thread at the turn's end; it writes what has gathered as one
 *            batch, calls fdatasync, and wakes the loop
 *   written  the loop itself writes at the end of each turn, without fdatasync
 *
 * Callbacks come from the loop, never from within a call to the auditor. When nothing is to be written it still wakes the
 * ledger for the epochs of its key and for checkpoints.
 */
#ifndef EG_AUDITOR_H
#define EG_AUDITOR_H
#include "core/audit_rec.h"
#include "core/metric.h"
#include "edge/ledger.h"

struct event_base;
struct auditor;

struct auditor_config {
    struct ledger_config ledger;
    uint64_t commit_timeout_ms; /* a batch that takes longer makes the log count as failed until it is done */
    bool compress;              /* full segments, with zstd */
    uint64_t keep_segments, keep_for_ms; /* older ones are removed (archive.h); 0 = all stay */
    uint64_t probe_every_ms;    /* while failed, try again this often; 0 = 250 */
};

/* What the gate is told (gate_audit_durable, gate_audit_lost). */
struct auditor_events {
    void (*durable)(void *ctx, uint64_t upto_ticket);
    /* This record of type ship is durable. That of a later ticket says nothing of it: without room, outcomes go first. May be NULL. */
    void (*ship_durable)(void *ctx, uint64_t ticket);
    void (*lost)(void *ctx);
    /* The log is durable up to record last_seq. May be NULL. */
    void (*written)(void *ctx, uint64_t last_seq);
    void *ctx;
    struct metrics *metrics; /* may be NULL; the loop's */
};

/* Open the log (ledger_open: blocks, may refuse) and start the writer. NULL with the reason otherwise. The strings of cfg
 * are used only until this returns, but for ledger.path, ledger.key_path and ledger.clock, which live as long as the auditor. The caller
 * owns it. */
struct auditor *auditor_open(const struct auditor_config *cfg, struct event_base *base, struct err *e);
/* Whom to tell; before the first append. */
void auditor_set_events(struct auditor *a, const struct auditor_events *events);

/* The ports: see flow/ports.h. */
uint64_t auditor_append(struct auditor *a, const struct audit_rec *rec);
bool auditor_ok(struct auditor *a, const char **out_why);

/* Requests of the run before whose outcome is not known, found when the log was opened. */
size_t auditor_open_intents(const struct auditor *a);
/* Changes that the runs before left in doubt; borrowed from a. */
const struct audit_open *auditor_doubts(const struct auditor *a, size_t *out_count);
/* Seq of the last durable record that the loop knows of. */
uint64_t auditor_last_seq(const struct auditor *a);
/* Rotate with the next batch (USR1). */
void auditor_rotate(struct auditor *a);
/* Write what is queued and a `stop` record behind it, waiting at most wait_ms, close and free; stores NULL. No callback is
 * called any more but `written`. False when not all of it became durable. When the disk hangs the writer thread is left behind: end the
 * process then. */
bool auditor_close(struct auditor **a, int64_t wait_ms);
#endif
