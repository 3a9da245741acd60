/*
 * audit_verify: check the chain of a whole log, over its segments in order, and all that it is given to be held against: the
 * key, checkpoints. Reads, changes nothing; memory is bounded whatever the log holds. Meant for logs of any origin: nothing in a
 * file is trusted before its line was checked. What must hold is docs/audit.md.
 */
#ifndef EG_AUDIT_VERIFY_H
#define EG_AUDIT_VERIFY_H
#include "core/audit_chain.h"
#include "edge/audit_marks.h"
#include "edge/audit_parts.h"

/* What a person should know beside the verdict: what was set aside, and why. One line without '\n'. */
typedef void (*audit_note_fn)(void *ctx, const char *text);
/* How far it is: bytes of the files read, of all that are to be read. Called every some thousand records. */
typedef void (*audit_progress_fn)(void *ctx, uint64_t bytes, uint64_t all_bytes);

struct audit_verify {
    const struct audit_parts *parts; /* sorted (audit_parts_sort) */
    bool from_beginning;             /* they are to be a whole log: what is missing before the first record must be explained */
    const struct audit_key *key;     /* NULL = none */
    const struct audit_marks *marks; /* checkpoints; NULL = none */
    const struct audit_mark *from;   /* begin at this one: what is before it was verified; NULL = at the beginning */
    audit_note_fn note;              /* each may be NULL */
    audit_progress_fn progress;
    void *ctx;
};

struct audit_verdict {
    uint64_t records, first_seq, last_seq; /* of the records that were found good */
    size_t files;
    char last_hash[2 * AUDIT_HASH_BYTES + 1]; /* SHA-256 of the last record */
    char last_t[25];
    bool is_keyed;            /* the last record has a mac */
    uint64_t keyed, macs;     /* records with a mac; those whose mac was checked: not of epochs before the key's */
    uint64_t openings;        /* records that open an epoch behind another */
    uint64_t ends_sealed, ends_good; /* of these, those that say the seal of its end; those whose seal was checked */
    uint64_t marks;           /* checkpoints that stand in the log as they say */
    uint64_t marked_seq;      /* the last of them; 0 = none */
    uint64_t short_of;        /* a checkpoint's record that the log does not reach; 0 = none */
    char beginning[160];      /* why it may begin behind record 1; "" when it does not, or nothing says why */
    uint64_t removed_by_seq;  /* the record that says that all before the first one were removed; 0 = none */
    uint64_t unseen_from;     /* the first of the records before the first one that were not verified before, either; 0 = none */
};

/* True: every record of every part, in order, has its place in one chain, and fits key and checkpoints as far as it goes
 * (short_of!). False: e names file, line and reason (ERR_IO, ERR_MEMORY: it could not be found out). A tail that a living
 * writer may be writing right now is a note, not a finding. */
bool audit_verify(const struct audit_verify *what, struct audit_verdict *out, struct err *e);
#endif
