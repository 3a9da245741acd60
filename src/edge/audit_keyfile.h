/*
 * audit_keyfile: the state file with the audit log's key of now: one key line (core/audit_key.h), and behind it, from the first
 * end of an epoch on, where the epoch before ended (core/audit_end.h). It is replaced as a whole, so
 * that a crash leaves either the old one or the new one; what the old one held is overwritten on the disk, as far as a file
 * system lets a program do that. A file PATH.new stays beside it, so that a full disk does not keep the key from moving on.
 * Mode 0600, a regular file (no link, since it is replaced).
 */
#ifndef EG_AUDIT_KEYFILE_H
#define EG_AUDIT_KEYFILE_H
#include "core/audit_end.h"

/* Make the file, durably. Refused when something stands at the path. e names the path, in all of these. */
bool audit_keyfile_create(const char *path, const struct audit_key *k, struct err *e);
/* Read it, if nobody else can have read or written it. The caller drops *out, which is empty after a failure. */
bool audit_keyfile_read(const char *path, struct audit_key *out, struct audit_end *end, struct err *e);
/* Put this in the place of what stands there, durably; end->seq = 0: the key alone. After false, one of the two stands there. */
bool audit_keyfile_replace(const char *path, const struct audit_key *k, const struct audit_end *end, struct err *e);
#endif
