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
    size_t unsigned_notes; /* that have no signature by the public key, or a cut one; not in the list */
    size_t passed_bytes; /* that are no part of a note */
    size_t passed_line;  /* where the first of them stand, counted from 1; in the notes of events, not in their log */
};

/* Read all notes of a file, "-" = standard input. A file that does not begin with a note is taken for easgate's own log (also
 * among others' lines): the notes of its checkpoint events are read. What is no whole note (a crash may have cut one) is passed over.
 * PEM: a file with an Ed25519 public key, or NULL; then only the notes that it has signed count, and one that says so and is not is an
 * error. One at least must count. ERR_IO when a file cannot be read. */
bool audit_marks_read(struct audit_marks *m, const char *path, const char *pub_pem_path, struct err *e);
void audit_marks_drop(struct audit_marks *m);
/* Is the note's MAC that of this key? True when it has none. */
bool audit_mark_fits_key(const struct audit_mark *mark, const struct audit_key *key);
#endif
