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
    size_t cut_bytes; /* behind the last note, that are none */
};

/* Read all notes of a file, "-" = standard input. A file that does not begin with a note is taken for easgate's own log (also
 * among others' lines): the notes of its checkpoint events are read. PEM: a file with the Ed25519 public key that must have signed each of them, or
 * NULL. A last note that is cut is left out (a crash cut it), unless it is the only one. ERR_IO when a file cannot be read. */
bool audit_marks_read(struct audit_marks *m, const char *path, const char *pub_pem_path, struct err *e);
void audit_marks_drop(struct audit_marks *m);
/* Is the note's MAC that of this key? True when it has none. */
bool audit_mark_fits_key(const struct audit_mark *mark, const struct audit_key *key);
#endif
