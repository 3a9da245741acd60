/*
 * audit_note: a checkpoint of the audit log, in the form of a signed note (C2SP signed-note): record seq had this hash.
 *   easgate/audit/<host>\n<seq>\n<base64 SHA-256 of the line>\n\n
 *   — easgate/audit/<host> <base64(4 bytes key id | signature)>\n         as many as there are signers
 * What is signed is the first three lines. See docs/audit.md, chapter 7. Pure; makes no Ed25519 signature, only their lines.
 */
#ifndef EG_AUDIT_NOTE_H
#define EG_AUDIT_NOTE_H
#include "base/digest.h"
#include "base/err.h"
#include "base/sbuf.h"
#include <stdint.h>

#define AUDIT_NOTE_MAX_BYTES   2048 /* of a whole note */
#define AUDIT_NOTE_KEY_BYTES   32   /* of an Ed25519 public key */
#define AUDIT_NOTE_SIG_BYTES   64   /* of an Ed25519 signature */
#define AUDIT_NOTE_ID_BYTES    4
#define AUDIT_NOTE_SIGNERS_MAX 8

/* "easgate/audit/<host>", with '-' for each character of host that is not one of A-Z a-z 0-9 . _ -; the name of the log and
 * of its signers. */
void audit_note_name(struct slice host, struct sbuf *out);
/* The three lines that are signed. */
void audit_note_text(struct slice name, uint64_t seq, const unsigned char hash[DIGEST_BYTES], struct sbuf *out);
/* Key ids: of an Ed25519 public key, and of the MAC by the epoch's key. False only when the library fails. */
bool audit_note_id_ed25519(struct slice name, const unsigned char key[AUDIT_NOTE_KEY_BYTES],
                           unsigned char out[AUDIT_NOTE_ID_BYTES]);
bool audit_note_id_mac(struct slice name, unsigned char out[AUDIT_NOTE_ID_BYTES]);
/* A signature's line. The empty line between text and signatures is the caller's ("\n"). */
void audit_note_signature(struct slice name, const unsigned char id[AUDIT_NOTE_ID_BYTES], struct slice signature,
                          struct sbuf *out);

/* A note read back; slices point into what was read. */
struct audit_note {
    struct slice text, name; /* what is signed; its first line without '\n' */
    uint64_t seq;
    unsigned char hash[DIGEST_BYTES];
    size_t signer_count;
    struct audit_note_signer {
        struct slice name;
        unsigned char id[AUDIT_NOTE_ID_BYTES];
        unsigned char bytes[AUDIT_NOTE_SIG_BYTES]; /* the signature, if it is no longer than that */
        size_t size;                               /* of the signature */
    } signers[AUDIT_NOTE_SIGNERS_MAX];
};

/* Take the next note off *rest, with empty lines before it; strictly of this form. At the end (only empty lines are left):
 * false, and rest->n is 0. Anything else: false with e, and *rest stays. */
bool audit_note_take(struct slice *rest, struct audit_note *out, struct err *e);
/* The signature with this name and id and size; NULL when there is none. */
const struct audit_note_signer *audit_note_find(const struct audit_note *note,
                                                const unsigned char id[AUDIT_NOTE_ID_BYTES], size_t size);
#endif
