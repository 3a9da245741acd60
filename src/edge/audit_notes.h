/*
 * audit_notes: where checkpoints of the audit log go: into the program's own log, one event each, and to the end of a file
 * elsewhere, if there is one. As text they are signed notes (core/audit_note.h): by an Ed25519 key of the operator's, if there
 * is one, and by the key that seals the log. Used by one thread at a time; blocks on the file.
 */
#ifndef EG_AUDIT_NOTES_H
#define EG_AUDIT_NOTES_H
#include "core/audit_key.h"
#include "core/audit_note.h"

struct audit_notes;

/* For the log of this host. key_path: a PEM private key, which nobody else can read; file_path: made when it is not there.
 * NULL or "" = none. NULL with the reason when one of them cannot be used. */
struct audit_notes *audit_notes_new(const char *host, const char *key_path, const char *file_path, struct err *e);
/* Wipe and free; stores NULL. NULL is fine. */
void audit_notes_free(struct audit_notes **n);
/* Say that record seq, which is durable, has this hash. key: of the record's epoch; NULL = the log is not sealed. A file that
 * cannot be written is an event in the program's log, no more. */
void audit_notes_say(struct audit_notes *n, uint64_t seq, const unsigned char hash[DIGEST_BYTES],
                     const struct audit_key *key);
#endif
