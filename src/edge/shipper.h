/*
 * shipper: the copy of the audit log to a syslog collector. A thread of its own reads the durable records from the segments
 * (edge/ship_source.h), sends them in order (edge/ship_link.h, core/syslog_rec.h) and writes down how far the collector is known
 * to have them (edge/ship_mark.h). From there it goes on after anything: an outage, a crash, a rotation. So every record
 * arrives at least once, first arrivals in order; a receiver drops doubles by run and seq.
 *
 * The log never waits for the copy. What the copy does not get is recorded in the log (type ship):
 *   the collector is away for longer than away_ms    once, and once more when it is back and has all
 *   records that retention removed before, or that cannot be read    before the copy goes on behind them
 *   a mark that is not of this log: the copy begins anew with the log's first record
 *
 * All calls come from the loop thread; none waits, but for shipper_close.
 */
#ifndef EG_SHIPPER_H
#define EG_SHIPPER_H
#include "base/clock.h"
#include "config/address.h"
#include "core/audit_rec.h"
#include "core/metric.h"
#include "edge/resolve.h"

struct shipper;

/* The port to the log: as in flow/ports.h. */
typedef uint64_t (*shipper_append_fn)(void *ctx, const struct audit_rec *rec);

struct shipper_config {
    const char *log_path;      /* lives as long as the shipper */
    struct syslog_place place; /* its slices, too */
    struct slice ca_file;      /* for tls; used until shipper_open returns */
    const char *host;          /* of this machine, for the messages; used until shipper_open returns */
    const struct clock *clock; /* called from the thread */
    resolve_lookup_fn lookup;  /* NULL = the system's */
    shipper_append_fn append;
    void *ctx;
    struct metrics *metrics; /* may be NULL; the loop's */
    /* How long things may take, in ms; 0 = the default that stands beside. */
    uint64_t connect_ms;     /* 5000 */
    uint64_t stall_ms;       /* 30000: the collector takes nothing */
    uint64_t receipt_ms;     /* 30000 */
    uint64_t idle_ms;        /* 2000: ask for a receipt when nothing was sent for so long */
    uint64_t session_ms;     /* 30000: and at the latest after so long */
    uint64_t session_bytes;  /* 8 MiB, or so many bytes */
    uint64_t gather_ms;      /* 50: after news, wait for more */
    uint64_t backoff_min_ms; /* 100, doubled with each failure */
    uint64_t backoff_max_ms; /* 10000 */
    uint64_t away_ms;        /* 60000 */
    uint64_t gap_ms;         /* 1000: a gap must be there for so long to be believed */
};

/* Start the thread; last_seq = the last durable record. NULL with e (a ca_file that is none; memory). The caller owns it. */
struct shipper *shipper_open(const struct shipper_config *cfg, uint64_t last_seq, struct err *e);
/* What the auditor tells (auditor_events). */
void shipper_written(struct shipper *s, uint64_t last_seq);
void shipper_durable(struct shipper *s, uint64_t ticket);
/* From time to time: metrics, and the records of type ship. */
void shipper_tick(struct shipper *s);
/* The seq up to which the collector is known to have the log. */
uint64_t shipper_seq(struct shipper *s);
/* Ship what is still there for at most wait_ms; an unreachable collector is not waited for. Then end the thread, free; stores
 * NULL. NULL is fine. False when a name look-up hangs: the thread is left behind, end the process then. */
bool shipper_close(struct shipper **s, int64_t wait_ms);
#endif
