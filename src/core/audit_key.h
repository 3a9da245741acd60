/*
 * audit_key: the key that seals an audit log's lines, and how it moves on, so that who takes it today cannot write yesterday
 * anew. Time is cut into epochs of a fixed length; each has its key, made from the one before, which is then wiped:
 *   epoch of a time t   (t - start) / length, rounded down; 0 before start
 *   K_(E+1)             SHA-256("easgate-epoch" | K_E)
 * K_0 is 32 random bytes that `easgate audit init` prints once, for whoever verifies. As text a key is one line, the same for
 * the state file of the writer and for the verifier (docs/audit.md, chapter 4):
 *   easgate-audit-key 1 START LENGTH EPOCH KEY
 */
#ifndef EG_AUDIT_KEY_H
#define EG_AUDIT_KEY_H
#include "base/err.h"
#include "base/sbuf.h"
#include "base/secret.h"
#include <stdint.h>

#define AUDIT_KEY_BYTES      32
#define AUDIT_MAC_BYTES      32
#define AUDIT_KEY_TEXT_BYTES 384 /* of a key as text, with the end of the epoch before (audit_end.h) and NUL, at most */
/* From one epoch to another at once; a line that claims to be farther away is not believed. */
#define AUDIT_KEY_STEPS_MAX  ((uint64_t)1 << 26)

struct audit_key {
    int64_t start_s;    /* when epoch 0 begins, since 1970, UTC */
    int64_t length_s;   /* of an epoch; at least 1 */
    uint64_t epoch;     /* the one that the key is of */
    struct secret *key; /* AUDIT_KEY_BYTES; NULL = there is none */
};

/* A key from its bytes, which are copied. False without memory, or when a number makes no sense; *k is then empty. */
bool audit_key_init(struct audit_key *k, int64_t start_s, int64_t length_s, uint64_t epoch,
                    const unsigned char bytes[AUDIT_KEY_BYTES], struct err *e);
/* Wipe and free; *k is empty then. An empty one is fine. */
void audit_key_drop(struct audit_key *k);
bool audit_key_copy(struct audit_key *k, const struct audit_key *from, struct err *e);

/* Move on to the key of this epoch, and wipe the one before. False (k untouched) when the epoch is before k's or too far. */
bool audit_key_forward(struct audit_key *k, uint64_t epoch, struct err *e);
/* HMAC-SHA256 by k. False when the library fails. */
bool audit_key_mac(const struct audit_key *k, struct slice bytes, unsigned char out[AUDIT_MAC_BYTES]);

/* Which epoch a time belongs to, and when an epoch begins. */
uint64_t audit_key_epoch_at(const struct audit_key *k, int64_t wall_ms);
int64_t audit_key_begin_ms(const struct audit_key *k, uint64_t epoch);

/* As text, with its '\n'. out holds the secret: lend it memory of AUDIT_KEY_TEXT_BYTES that you wipe. */
void audit_key_print(const struct audit_key *k, struct sbuf *out);
/* The reverse, in exactly this form ('\n' may be missing). e never says what stands there. */
bool audit_key_parse(struct audit_key *k, struct slice text, struct err *e);
#endif
