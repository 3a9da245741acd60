/*
 * audit_chain: how the audit log's lines begin and end, and how each hangs on the one before. With a key (core/audit_key.h)
 * lines have version 3, and a mac; docs/audit.md, chapters 1 and 4, says it byte by byte:
 *   {"v":1,"seq":N,"run":"<16 hex>","t":"2026-11-23T15:27:57.123Z","mono":MS,"type":"intent","prev":"<64 hex>" BODY }
 *   {"v":3,"seq":N,"run":"..","t":"..","mono":MS,"type":"..","epoch":E,"prev":"<64 hex>" BODY ,"mac":"<64 hex>"}
 * seq    counts from 1 without holes over all segments; run names the process' start
 * prev   SHA-256 of the whole line before (mac included, '\n' not), 64 zeros for the first line of all
 * mac    HMAC-SHA256 by the key of the epoch, of all that stands before ,"mac":
 * epoch  begins at 0 and goes on by 1, each time with a line of type checkpoint: no epoch is left out. It is the epoch of t;
 *        not before it (but for checkpoint and recover records, which are made up for after a stop or a failure), and not
 *        behind that of t + 60 s, but for the checkpoint that opens it, and from a clock or recover record to its end.
 * end_seal  in the line that opens an epoch behind another: by the key before, over prev (core/audit_end.h)
 * Version 2 is version 3 without end_seal: it is read, and behind it an opening may lack one. A version never goes back.
 */
#ifndef EG_AUDIT_CHAIN_H
#define EG_AUDIT_CHAIN_H
#include "core/audit_end.h"
#include "core/audit_key.h"
#include "core/audit_rec.h"

/* Where the next line goes. */
struct audit_chain {
    uint64_t seq;                             /* of the last line; 0 before the first */
    unsigned char hash[AUDIT_HASH_BYTES];     /* SHA-256 of the last line; zeros before the first */
    char run[17];                             /* of the lines to add; of the last line when checking */
    int64_t wall_ms;                          /* t of the last line */
    /* Borrowed. Adding: lines are sealed with it, and who adds moves it on. Checking: it moves on as the lines' epochs do, so
     * it is the checker's own copy. NULL = lines of version 1 are made; macs and times are not checked. */
    struct audit_key *key;
    int version;                              /* of the last line; 0 = there is none, or it is not known */
    bool is_keyed;                            /* the last line has version 2 or 3, and this epoch */
    uint64_t epoch;
    bool may_be_late;                         /* behind a clock or recover record of this epoch */
    bool begins_anywhere;                     /* the next line's epoch may be any (audit_chain_begin) */
    bool is_epoch_cut;                        /* checking: the epoch's first lines were not read; they may excuse lateness */
    /* What a check found, for people; counters only grow. */
    uint64_t keyed_lines, macs_good;          /* with a mac; of these, those whose mac was compared */
    uint64_t openings;                        /* lines that open an epoch behind another */
    uint64_t ends_sealed, ends_good;          /* of these, those with the seal of an end; whose seal was compared */
    uint64_t late_lines;                      /* whose time is before their epoch, behind a clock record */
};

/* Would a line of this type and time have its place now? (Epochs of adding are key->epoch's.) When not, a clock record
 * before it helps, if the time is before the epoch; nothing, if it is behind. Always true without a key. */
enum audit_time { AUDIT_TIME_FITS = 1, AUDIT_TIME_BEFORE, AUDIT_TIME_BEHIND };
enum audit_time audit_chain_time(const struct audit_chain *chain, enum audit_type type, int64_t wall_ms);

/* Append the whole line with its '\n' to out and move the chain on. False (chain untouched) when it cannot, or when this
 * line would not pass audit_chain_check. */
bool audit_chain_add(struct audit_chain *chain, enum audit_type type, int64_t wall_ms, int64_t mono_ms,
                     struct slice body, struct sbuf *out);

/* A line read back, enough for verify, show and open intents. Slices point into the line. */
struct audit_line {
    int version;             /* 1 to 3 */
    uint64_t seq;
    struct slice run, t, type, prev;
    int64_t wall_ms;         /* of t */
    uint64_t epoch;          /* versions 2 and 3 */
    struct slice sealed, mac;    /* versions 2 and 3: what the mac is of; its 64 hex digits */
    struct slice id, nonce;  /* empty when absent */
    struct slice end_seal;   /* 64 hex digits; empty when absent */
    struct slice rest;       /* the body's fields */
    enum audit_type kind;    /* of type */
};
/* Parse one line (without '\n') strictly: this very layout and nothing else. e says what is wrong, never what stands there. */
bool audit_line_parse(struct slice line, struct audit_line *out, struct err *e);
/* What stands in a body under this key, without quotes, escapes left as they are; SLICE_NONE when there is nothing. */
struct slice audit_line_field(const struct audit_line *line, struct slice key);
/* Is line's mac that of key, which is of line's epoch? */
bool audit_line_sealed_by(const struct audit_line *line, const struct audit_key *key);

/* Put the chain where this line is the next one, whatever it is: for a log whose beginning is not at hand. */
bool audit_chain_begin(struct audit_chain *chain, struct slice line, struct err *e);
/* Verify that line follows chain, and move the chain on. The key, if there is one, moves on to the line's epoch; macs of epochs
 * before the key's cannot be checked, and are not counted in macs_good. */
bool audit_chain_check(struct audit_chain *chain, struct slice line, struct audit_line *out, struct err *e);
#endif
