/*
 * audit_end: where an epoch of a sealed audit log ended. Before the key of an epoch is wiped it seals the epoch's last line; the
 * line that opens the next epoch says that seal. So who takes the next key cannot cut lines off the epoch before, as no other
 * line can be made its last one (docs/audit.md, chapter 4):
 *   end_seal = HMAC-SHA256(K_E, "easgate-end-seal" | SHA-256 of the last line of E)
 * Until the opening stands in the log, the seal waits in the state file, behind the line of the key of E+1:
 *   easgate-audit-end 1 SEQ HASH SEAL
 */
#ifndef EG_AUDIT_END_H
#define EG_AUDIT_END_H
#include "core/audit_key.h"
#include "core/audit_rec.h"

struct audit_end {
    uint64_t seq; /* of the epoch's last line; 0 = nothing is known of an end */
    unsigned char hash[AUDIT_HASH_BYTES]; /* of that line */
    unsigned char seal[AUDIT_MAC_BYTES];
};

/* Seal the end of the key's epoch. False when the library fails. */
bool audit_end_make(struct audit_end *out, const struct audit_key *key, uint64_t seq, const unsigned char hash[AUDIT_HASH_BYTES]);
/* Is this (64 hex digits) the seal by key of an epoch that ended with the line of this hash (64 hex digits)? */
bool audit_end_is_sealed(const struct audit_key *key, struct slice hash, struct slice seal);

/* A state file: the key line, and the end of the epoch before, if end->seq is not 0. out holds the secret, as of audit_key_print. */
void audit_state_print(const struct audit_key *key, const struct audit_end *end, struct sbuf *out);
/* The reverse; a key line alone is a state, too (*end has seq 0 then). *key is empty after false. e never says what stands there. */
bool audit_state_parse(struct audit_key *key, struct audit_end *end, struct slice text, struct err *e);
#endif
