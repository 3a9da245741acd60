/*
 * ship_mark: how far the copy to syslog has come, in the file PATH.shipped beside the log: "SEQ HASH\n", the seq of the last
 * record that the collector is known to have, and the SHA-256 of its line in hex, which tells whether it is still the same log.
 */
#ifndef EG_SHIP_MARK_H
#define EG_SHIP_MARK_H
#include "base/err.h"
#include "core/audit_chain.h"

struct ship_mark {
    uint64_t seq;    /* 0 = nothing was shipped */
    bool has_hash;   /* false: the record is not there any more, or none was shipped */
    unsigned char hash[AUDIT_HASH_BYTES];
};

/* Read the mark of the log at log_path. *out_found = there is one. False when it cannot be read, or says nothing sensible. */
bool ship_mark_read(const char *log_path, struct ship_mark *out, bool *out_found, struct err *e);
/* Replace it. Not in place: a crash leaves the old mark or the new one. The mark has a hash. */
bool ship_mark_write(const char *log_path, const struct ship_mark *mark, struct err *e);
#endif
