/*
 * room: disk space that a growing file has before it needs it, so that a write within it cannot find the disk full.
 *
 * Kept with fallocate(FALLOC_FL_KEEP_SIZE): blocks behind the end of the file, given back when it is closed. A file system
 * that cannot do that (EOPNOTSUPP: NFS before 4.2, some FUSE) keeps nothing; there the space that it reports as free must
 * suffice at the moment of asking, which others may take afterwards.
 */
#ifndef EG_ROOM_H
#define EG_ROOM_H
#include <stdbool.h>
#include <stdint.h>

struct room {
    uint64_t upto;    /* the file can grow to this size */
    bool is_unkept;   /* the file system cannot keep space */
};

/* See that the file, of this size now, can grow by `bytes`. False with errno when it cannot, or it is not known. */
bool room_keep(struct room *r, int fd, uint64_t size, uint64_t bytes);
/* Give back what is kept behind the file's end. */
void room_give_back(struct room *r, int fd, uint64_t size);
#endif
