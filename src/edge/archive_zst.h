/*
 * archive_zst: one full segment becomes one zstd frame. At no moment is there less than one whole copy: the frame is written
 * under a name that does not count, read back and compared, synced, renamed; only then the plain file goes.
 */
#ifndef EG_ARCHIVE_ZST_H
#define EG_ARCHIVE_ZST_H
#include "base/err.h"
#include <stdbool.h>

enum archive_result {
    ARCHIVE_DONE = 1,
    ARCHIVE_STOPPED, /* should_stop said so; nothing has changed */
    ARCHIVE_FAILED   /* the plain file is still there */
};

/* Compress `name` in the directory: name.zst, with its owner's group, its times, and only readable, takes its place. A name.zst
 * that is there already (a crash came between) is made anew. Blocks on the disk; asks should_stop every 128 KiB. */
enum archive_result archive_compress(int dir_fd, const char *name, bool (*should_stop)(void *ctx), void *ctx,
                                     struct err *e);
/* The name of a compression under way for this segment. */
bool archive_part_name(const char *name, char *out, size_t size);
#endif
