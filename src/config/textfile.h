/*
 * textfile: read a file that the program trusts, whole, and only if nobody else can have written it. A regular file, owned
 * by root or the running user, not writable by group or others; a secret one is not readable by them either (SECURITY
 * section 4 "Keys"). A symbolic link is followed only out of a directory that root or the running user alone can write.
 */
#ifndef EG_TEXTFILE_H
#define EG_TEXTFILE_H
#include "base/err.h"
#include "base/sbuf.h"

enum textfile_kind { TEXTFILE_NONE = 0, TEXTFILE_CONFIG, TEXTFILE_SECRET };

/* Append the file's bytes to out, whose max bounds them. False: e says why, without the path. For TEXTFILE_SECRET the caller
 * wipes out (secret_wipe(out->p, out->cap)) in either case; no other copy is left in memory. */
bool textfile_read(const char *path, enum textfile_kind kind, struct sbuf *out, struct err *e);
#endif
