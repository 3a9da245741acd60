/*
 * audit_marks: the checkpoints that a person gives to audit_verify, read from a file of signed notes (core/audit_note.h), in
 * order of seq. Memory is about 100 bytes for each.
 */
#ifndef EG_AUDIT_MARKS_H
#define EG_AUDIT_MARKS_H
#include "core/audit_key.h"
#include "core/audit_note.h"

struct audit_mark {
    uint64_t seq;
    unsigned char hash[DIGEST_BYTES];
    bool has_mac;
    unsigned char mac[AUDIT_MAC_BYTES];
    const char *name; /* of the log, as the note has it; the marks' */
};

struct audit_marks {
    size_t count, room;
    struct audit_mark *list;
    size_t name_count;
    char *names[16];
    bool are_signed;  /* each by the public key that was given */
    size_t passed_bytes; /* that are no part of a note, or of one that is cut before its signature ends */
    size_t passed_line;  /* where the first of them stand, counted from 1; in the notes of events, not in their log */
};

/* Read all notes of a file, "-" = standard input. A file that does not begin with a note is taken for easgate's own log (also
 * among others' lines): the notes of its checkpoint events are read. PEM: a file with the Ed25519 public key that must have signed each of them, or
 * NULL. A note that is cut (by a crash, a full disk) is passed over, wherever it stands; one at least must be whole. ERR_IO when a file cannot be read. */
bool audit_marks_read(struct audit_marks *m, const char *path, const char *pub_pem_path, struct err *e);
void audit_marks_drop(struct audit_marks *m);
/* Is the note's MAC that of this key? True when it has none. */
bool audit_mark_fits_key(const struct audit_mark *mark, const struct audit_key *key);
#endif
