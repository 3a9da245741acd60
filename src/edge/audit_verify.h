/*
 * audit_verify: check the chain of a whole log, over its segments in order. Reads, changes nothing; memory is bounded
 * whatever the log holds. Meant for logs of any origin: nothing in a file is trusted before its line was checked.
 */
#ifndef EG_AUDIT_VERIFY_H
#define EG_AUDIT_VERIFY_H
#include "core/audit_rec.h"
#include "edge/audit_parts.h"

struct audit_verdict {
    uint64_t records, first_seq, last_seq; /* of the records that were found good */
    size_t files;
    char last_hash[2 * AUDIT_HASH_BYTES + 1]; /* SHA-256 of the last record */
    char last_t[25];
};

/* What a person should know beside the verdict: what was set aside, and why. One line without '\n'. */
typedef void (*audit_note_fn)(void *ctx, const char *text);

/* True: every record of every part, in order, has its place in one chain. False: e names file, line and reason (ERR_IO when
 * a file could not be read). The parts are sorted (audit_parts_sort). A tail that a living writer may be writing right
 * now is a note, not a finding. */
bool audit_verify(const struct audit_parts *parts, audit_note_fn note, void *ctx, struct audit_verdict *out,
                  struct err *e);
#endif
