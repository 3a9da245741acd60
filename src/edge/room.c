/* Space kept for a growing file: see room.h. Never changes the file's size or bytes. */
#include "edge/room.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define STEP_BYTES ((uint64_t)1 << 20) /* more than asked for, so that few batches have to ask */

static bool allocate(int fd, uint64_t from, uint64_t upto)
{
    int result;

    do
        result = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(upto - from));
    while (result != 0 && errno == EINTR);
    return result == 0;
}

/* What the file system says is free for us now. */
static bool is_free(int fd, uint64_t bytes)
{
    struct statvfs fs;

    if (fstatvfs(fd, &fs) != 0)
        return false;
    if ((uint64_t)fs.f_bavail >= bytes / fs.f_frsize + 1)
        return true;
    errno = ENOSPC;
    return false;
}

bool room_keep(struct room *r, int fd, uint64_t size, uint64_t bytes)
{
    uint64_t need = size + bytes;

    if (need <= r->upto)
        return true;
    if (r->is_unkept)
        return is_free(fd, bytes);
    if (allocate(fd, size, need + STEP_BYTES)) {
        r->upto = need + STEP_BYTES;
        return true;
    }
    if (errno == EOPNOTSUPP || errno == ENOSYS) {
        r->is_unkept = true;
        return is_free(fd, bytes);
    }
    if (!allocate(fd, size, need))
        return false;
    r->upto = need;
    return true;
}

void room_give_back(struct room *r, int fd, uint64_t size)
{
    struct stat st;

    /* Truncated to the size that it has: what is kept behind it goes. Where somebody else changed the size, nothing is cut
     * or added. Blocks that stay go with the file. */
    if (r->upto > size && fstat(fd, &st) == 0 && (uint64_t)st.st_size == size &&
        ftruncate(fd, (off_t)size) != 0)
        errno = 0;
    *r = (struct room){ 0 };
}
