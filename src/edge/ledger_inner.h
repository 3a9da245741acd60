/* The inside of a ledger, for ledger.c (writing), ledger_epoch.c (key, epochs, checkpoints), ledger_room.c (space kept in
 * reserve), ledger_sync.c (written and not yet synced) and ledger_start.c (taking over what a process before left). */
#ifndef EG_LEDGER_INNER_H
#define EG_LEDGER_INNER_H
#include "edge/audit_notes.h"
#include "edge/audit_read.h"
#include "edge/ledger.h"
#include "edge/segment.h"

struct ledger {
    struct ledger_config cfg;
    struct segment *segment;
    struct audit_chain chain; /* behind the last durable record */
    uint64_t first_seq;       /* of the current segment; 0 = it has no durable record yet */
    uint64_t open;            /* intents in the log without an outcome, of this run */
    uint64_t low_bytes;       /* what was asked for when there was no room for it */
    struct list held;         /* to be written, in order of ticket */
    size_t held_bytes;        /* of held and unsynced */
    struct unsynced {
        struct list items; /* written since the last sync, in order; no intent is among them */
        size_t count;      /* records, those of the ledger's own too */
        int64_t due_ms;    /* sync them then, at the latest */
        /* as it was at the last sync: where a new file would go on */
        struct audit_chain chain;
        uint64_t first_seq, open;
    } unsynced;
    struct sbuf batch;
    struct ledger_status status;
    bool is_over; /* this run's `stop` is written: nothing of it comes behind */
    bool rotate_wanted;
    int64_t rotate_due_ms; /* of the current segment, if it has a record; by the wall clock; 0 = never */
    struct audit_open *doubts; /* that the run before left */
    size_t doubt_count;
    struct audit_key key;        /* chain.key, if the log is sealed; of chain.epoch, or one on: its checkpoint is due then */
    bool key_is_unfiled;         /* the state file holds an older one: nothing may be written until it does not */
    struct audit_end end;        /* of the epoch before the key's; seq 0 = not known, or there is none */
    uint64_t target;             /* the epoch that the next record belongs to */
    struct audit_notes *notes;   /* NULL = no checkpoints are said */
    uint64_t unsaid;             /* records since the last one */
    int64_t said_mono_ms;
    int64_t clock_ahead_ms;      /* the wall clock before the monotonic one, at most so far */
    struct recovery {
        bool is_due; /* a recover record goes before everything else */
        bool segment_is_dead;
        bool is_low; /* the kept space is not whole: only what is owed is written, into what is left of it */
        char file[AUDIT_NAME_MAX]; /* what was set aside */
        uint64_t bytes;            /* of it, when known */
        char why[480];
        uint64_t dropped; /* denials and counted refusals that found no room */
    } recovery;
};

/* A process writes less than this between two syncs: so much of a file's end may not be durable (ledger.c holds it to that). */
#define LEDGER_IN_DOUBT_BYTES ((uint64_t)16 << 20)

/* What goes to the disk at once. */
struct batch {
    struct audit_chain chain;
    bool owed_only, has_recover, has_stop;
    bool is_urgent; /* somebody waits for it, or it must not be lost with the end of its file */
    bool says_checkpoint; /* its last record is worth one */
    size_t item_count, intents;
    size_t removals; /* that it announces */
    uint64_t own_records;           /* recover, rotate, checkpoint, clock */
    struct audit_key key;           /* of the last epoch that it opens, if it opens more than one; the batch's own */
    struct audit_end end;           /* of the epoch before that one */
    int64_t clock_ahead_ms;
    char full_name[AUDIT_NAME_MAX]; /* set when the batch ends with a rotate record */
};

/* ---- ledger_epoch.c ---- */

/* Read the key and open what checkpoints need; before the log is read. */
bool ledger_epoch_begin(struct ledger *l, struct err *e);
/* Once the log was read: does the key go on where it ends? */
bool ledger_epoch_fits(struct ledger *l, struct err *e);
/* An audit_scan's `each` with a struct ledger_seal: is a line of the key's epoch sealed by it? Behind that only checkpoints may
 * stand that open the next epochs. Stops at the first line that does not fit. */
struct ledger_seal {
    const struct audit_key *key;
    const struct audit_end *end; /* that the state file says, of the epoch before the key's */
    struct audit_key later; /* of epochs that were opened behind the key's; ledger_drop_seal */
    uint64_t epoch;         /* of the line before */
    struct err why;         /* code = ERR_NONE: all fine */
    uint64_t line;
};
bool ledger_check_seal(void *ctx, const struct audit_line *line, const struct audit_text *text);
void ledger_drop_seal(struct ledger_seal *seal);
/* Did the log go on behind the end of the epoch before the key's, and not open the key's? Lines that stand there were written in
 * vain: a failing disk, and the process died before it could set them aside. */
bool ledger_is_past_end(const struct ledger *l, const struct audit_chain *c);
/* Which epoch is it for the next record? Does the key's end with that? Then what is written must be durable first. */
bool ledger_epoch_ends(struct ledger *l);
/* If it ends (ledger_epoch_ends, asked once): seal its end, move the key on, by one. False: the state file cannot be written. */
bool ledger_epoch_forward(struct ledger *l, bool ends, struct err *why);
/* Is something to be written though nothing is held? */
bool ledger_epoch_due(const struct ledger *l);
/* Does the log still lack checkpoints of epochs before the one that it is now? Then no item may be written. */
bool ledger_epoch_is_behind(const struct ledger *l);
/* The checkpoint that opens the key's epoch, if it is due; those of all further epochs that have passed. */
bool ledger_add_opening(struct ledger *l, struct batch *b);
bool ledger_add_passed(struct ledger *l, struct batch *b);
/* The batch is written: the key of the last epoch that it opened is the ledger's now; once it is durable the state file gets it.
 * False: the state file cannot be written. */
void ledger_take_key(struct ledger *l, struct batch *b);
bool ledger_file_key(struct ledger *l, struct err *why);
/* A checkpoint, if the interval is over. */
bool ledger_add_checkpoint(struct ledger *l, struct batch *b);
/* Does this item's time allow the key's epoch? */
bool ledger_is_of_epoch(const struct ledger *l, const struct audit_item *item);
/* Add a line; a clock record before it, if the wall clock went back. */
bool ledger_add_line(struct ledger *l, struct batch *b, enum audit_type type, int64_t wall_ms, int64_t mono_ms,
                     struct slice body);
/* A record of the ledger's own, of now. */
bool ledger_add_own(struct ledger *l, struct batch *b, const struct audit_rec *rec);
/* The batch is durable and the chain has moved on: say its checkpoint, if it is worth one. */
void ledger_say(struct ledger *l, const struct batch *b);
/* When to run it next, for the status. */
void ledger_tell_due(struct ledger *l);

/* ---- ledger_archive.c ---- */

/* The current segment's first record is of this time. */
void ledger_segment_began(struct ledger *l, int64_t wall_ms);
/* When it is to be rotated because of its age; 0 = never. Is it then? */
int64_t ledger_rotation_due_ms(const struct ledger *l);
bool ledger_rotation_is_due(const struct ledger *l);
/* Segments that are to be removed are announced in the log first. */
bool ledger_removal_is_due(const struct ledger *l);
bool ledger_add_removals(struct ledger *l, struct batch *b);
/* The batch is durable. */
void ledger_removals_written(const struct ledger *l, const struct batch *b);

/* ---- ledger_room.c ---- */

/* Must this record get in even when there is no room for others? */
bool ledger_is_owed(enum audit_type type);
/* A record of this type was written: the requests whose outcome is owed. */
void ledger_count_open(struct ledger *l, enum audit_type type);
uint64_t ledger_owed_bytes(const struct ledger *l);
/* Keep space for a batch, with so many intents in it, and for all that is owed behind it. */
bool ledger_keep_room(struct ledger *l, uint64_t batch_bytes, uint64_t batch_intents, struct err *why);
/* After that failed: is there room again, and some to spare? */
bool ledger_room_is_back(struct ledger *l);

/* ---- ledger_sync.c ---- */

/* May a batch with this record be synced later? Nobody waits for it, and a power cut may take it with its file's end. */
bool ledger_may_sync_later(enum audit_type type);
/* A batch was written: remember where the log stood at the last sync; then each of its items. */
void ledger_begin_unsynced(struct ledger *l);
void ledger_note_written(struct ledger *l, struct audit_item *item);
/* All that was written until now is durable: the items are done. */
void ledger_all_synced(struct ledger *l, struct list *done);
/* The file is dead: what was not synced is to be written again, into the next one, before all that is held. */
void ledger_take_back_unsynced(struct ledger *l);
/* An item leaves `held` or `unsynced`. */
void ledger_finish(struct ledger *l, struct audit_item *item, bool is_durable, struct list *done);

/* ---- ledger.c, ledger_start.c ---- */

/* Put a record of the ledger's own at the end of what is held. */
bool ledger_hold(struct ledger *l, const struct audit_rec *rec, struct err *e);
/* The recover record that is due; strings live in l and out_hash. */
struct audit_rec ledger_recover_rec(const struct ledger *l, char out_hash[2 * AUDIT_HASH_BYTES + 1],
                                    struct sbuf *note);
/* Read what stands at the path and beside it, put the chain and the segment into place, hold the first records. */
bool ledger_take_over(struct ledger *l, struct err *e);
#endif
