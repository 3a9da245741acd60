/*
 * ledger: the audit log as its one writer sees it: the chain, the segment, and the records that still have to be written.
 * Blocks on the disk. Used by one thread at a time: the writer thread (synced) or the loop (written).
 *
 *   ok      every batch is written, chained and durable when ledger_run returns; one of outcomes and refusals alone is
 *           written and chained, and durable (and its items done) within sync_delay_ms
 *   failed  a batch could not be written: its intents are dropped (and every intent of that epoch), other records stay,
 *           in order; each probe tries again, on the same file or on the next one, a `recover` record first
 *
 * Before an intent is written, space is kept for the outcomes of all that is under way. Where that space is not to be had
 * the log is failed, too, but outcomes still get in (ahead of other records that are held), into what was kept.
 */
#ifndef EG_LEDGER_H
#define EG_LEDGER_H
#include "base/clock.h"
#include "base/list.h"
#include "core/audit_chain.h"

/* A record on its way. Made and freed by the loop; in between it belongs to whoever has it in a list. */
struct audit_item {
    struct list node;
    uint64_t ticket;
    unsigned epoch; /* how many losses the loop knew of when it took the record */
    enum audit_type type;
    bool is_durable; /* when done: it stands in the log; false = dropped, it never will */
    int64_t wall_ms, mono_ms;
    int64_t queued_mono_ms;
    size_t body_bytes;
    char body[];
};
/* An item with this record's body, in no list; NULL when the record cannot be written or memory is short. */
struct audit_item *audit_item_new(const struct audit_rec *rec, const struct clock *clock);
void audit_items_free(struct list *items);
/* Move all of `from` to the end of `to`. */
void audit_items_move(struct list *from, struct list *to);

struct audit_open; /* edge/audit_pending.h */

struct ledger_config {
    const char *path;
    bool synced;                /* fdatasync after each batch */
    uint64_t sync_delay_ms;     /* but one in which nothing waits for it may be synced with a later one, at most so long after */
    uint64_t max_segment_bytes; /* rotate when a segment reaches it; 0 = never */
    uint64_t rotate_every_ms;   /* and when a multiple of it has passed since 1970, by the wall clock; 0 = never */
    const char *group;          /* whose members may read the log; NULL = nobody else */
    struct archive *archive;    /* what becomes of full segments; may be NULL; borrowed */
    const char *key_path;       /* the state file of the key that seals the records (audit_keyfile.h); NULL = none */
    uint64_t checkpoint_interval_ms; /* a checkpoint when something was written since; 0 = no checkpoints at all */
    const char *checkpoint_key_path, *checkpoint_path; /* who signs them, and where they go, too; NULL = nobody, nowhere */
    uint64_t certain_after_ms;  /* what was settled longer ago is no more in doubt; 0 = 15 minutes, more than any exchange lasts */
    const char *version, *host, *policy_digest;
    bool
        accept_broken_chain; /* start although the current segment was changed: set it aside and write that down */
    const struct clock *clock; /* called from the thread that runs the ledger */
};

/* What a run came to. Counters only grow. */
struct ledger_status {
    bool failed;
    unsigned epoch;   /* losses so far: intents of items with a smaller epoch are dropped */
    uint64_t records; /* written and durable */
    uint64_t last_seq; /* of the last durable record */
    size_t open_intents; /* that the run before left, found at the start */
    int64_t due_wall_ms, due_mono_ms; /* run it then though nothing is to be written: an epoch begins, a checkpoint is due;
                                         0 = never */
    char why[480];    /* of the last failure */
};

struct ledger;

/* Lock and read the log, set a torn tail aside, go on with the chain, write the checkpoints of the epochs that passed, `start`
 * (then `recover` if something was set aside, then an outcome unknown_after_crash for each open intent). NULL with the
 * reason otherwise; file:line for a log that was changed. */
struct ledger *ledger_open(const struct ledger_config *cfg, struct err *e);
/* Changes that the runs before left in doubt: they may have taken effect, or still may. Found at the start; borrowed. */
const struct audit_open *ledger_doubts(const struct ledger *l, size_t *out_count);
/* Close without writing; stores NULL. NULL is fine. Records that were not written are freed. */
void ledger_free(struct ledger **l);

/* Take over `in`, write one batch of what is held, and move the items that are done to `out_done` in order of ticket.
 * While failed, only a run with probe = true tries to write; it also syncs what waits for that. Returns whether another
 * run would write more. */
bool ledger_run(struct ledger *l, struct list *in, bool probe, struct list *out_done);
/* When the next run is due at the latest, as what was written must be synced then (clock_mono_ms); 0 = there is nothing. */
int64_t ledger_sync_due_ms(const struct ledger *l);
/* Rotate with the next run that writes. */
void ledger_rotate(struct ledger *l);
const struct ledger_status *ledger_status(const struct ledger *l);
size_t ledger_held_bytes(const struct ledger *l);
#endif
