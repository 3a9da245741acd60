/*
 * segment: the audit log's current file. It appends whole batches and makes them durable, or says that they are not in the
 * log; it never retries what failed on a file. Used by one thread at a time.
 *
 * A batch is in the log only if SEGMENT_OK is returned: the file was still the one at the path, with the size we left it,
 * before and after; all bytes were written; and fdatasync returned 0 (when synced). A batch that is appended without
 * is_urgent is not synced yet: it is in the log only when a later segment_append with it, or segment_sync, returns SEGMENT_OK.
 */
#ifndef EG_SEGMENT_H
#define EG_SEGMENT_H
#include "base/err.h"
#include "base/slice.h"
#include "edge/audit_files.h"
#include <stdint.h>

enum segment_result {
    SEGMENT_OK = 1,
    SEGMENT_CUT, /* not written, and what was of it is cut off again: the same file may go on later */
    SEGMENT_DEAD /* this file is closed for good; segment_renew may open the next one */
};

struct segment;

/* Lock the log at path for this process (a second instance is refused) and open its directory. No file is opened yet.
 * group: whose members may read the log; NULL or "" = nobody else. It is looked up here; the directory is made readable to
 * it, if it is ours and is not yet. */
struct segment *segment_new(const char *path, bool synced, const char *group, struct err *e);
/* Close and free, without writing; stores NULL. NULL is fine. */
void segment_free(struct segment **s);
const struct audit_names *segment_names(const struct segment *s);

/* Open the file at the path for appending, with a lock of its own. *out_size is its size; a file that was not there is
 * created, empty. Refused: a link, no regular file, writable by others than the owner, locked. */
bool segment_open(struct segment *s, uint64_t *out_size, struct err *e);
/* For reading and checking before the first append; borrowed. */
int segment_fd(const struct segment *s);
uint64_t segment_size(const struct segment *s);
/* Before the first append, and before what is read is relied on: see that the last `most` bytes of a file of the log are durable
 * (name: in its directory; NULL = the current one). An fdatasync of them may have failed in a process that could not say so: the
 * kernel then takes its pages for written, and no later fdatasync would write them. So they are written once more. */
bool segment_write_again(const struct segment *s, const char *name, uint64_t most, struct err *e);
/* Before the first append: move what stands behind `keep` into a file of its own, name in out_name; durable when it returns. */
bool segment_cut_tail(struct segment *s, uint64_t keep, int64_t wall_ms, char out_name[AUDIT_NAME_MAX],
                      struct err *e);

/* See that `bytes` more will find room, whatever others write meanwhile (room.h). False: no room, or it is not known. */
bool segment_keep_room(struct segment *s, uint64_t bytes, struct err *e);
enum segment_result segment_append(struct segment *s, struct slice bytes, bool is_urgent, struct err *e);
/* Make durable what was appended without is_urgent. Never SEGMENT_CUT. */
enum segment_result segment_sync(struct segment *s, struct err *e);
/* The same, whether or not batches are synced else, and with its place in the directory. */
enum segment_result segment_settle(struct segment *s, struct err *e);
/* Rename the file to `name` and go on with a new, empty one at the path, which takes over `room` bytes of kept space where
 * they are to be had. The full one can only be read from then on. False: the segment is dead. */
bool segment_rotate(struct segment *s, const char *name, uint64_t room, struct err *e);
/* Close the file for good, if it is open, and open the next one once the directory proves durable (a probe file is created, written, synced, removed). What stands
 * at the path is set aside: as a broken segment if it has records of ours, else as torn bytes; out_aside is the name, or ""
 * when nothing stood there; it is set also when a later step fails. False: try again later. */
bool segment_renew(struct segment *s, bool has_records, int64_t wall_ms, char out_aside[AUDIT_NAME_MAX],
                   struct err *e);
#endif
