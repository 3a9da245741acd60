/*
 * The audit log's file: see segment.h.
 *
 * What may happen to it, and the answer (the order of the checks is that of segment_append):
 *   deleted, renamed, replaced, truncated, appended to by others    -> dead
 *   no room (ENOSPC, EDQUOT, EFBIG), short write                    -> cut back to the last good size: goes on later
 *   any other error of write, a failed cut, a failed fdatasync      -> dead
 * A failed fdatasync is never called again on that file: the kernel may have dropped the pages, and a second call would
 * succeed. A dead file is never written again by the process that saw it die; another one does not know, so it begins by
 * writing what it relies on once more (segment_write_again).
 */
#include "edge/segment.h"
#include "base/must.h"
#include "edge/room.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES    20
#define LOCK_PAUSE_MS 50

struct segment {
    struct audit_names names;
    char lock_name[AUDIT_NAME_MAX];
    int dir_fd, lock_fd, fd;
    bool synced;
    bool has_group;
    gid_t group;
    uint64_t size; /* the last good size */
    struct room room;
    dev_t dev;
    ino_t ino;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static bool io_error(const struct segment *s, const char *what, struct err *e)
{
    int error = errno;

    return err_set(e, ERR_IO, "%s: %s: %s", s->names.path, what, strerror(error));
}

/* ---- the directory and the process' lock ---- */

/* May the group read what stands in the directory? If not, and it is ours, let it. */
static bool open_dir_to_group(const struct segment *s, int fd, struct err *e)
{
    struct stat st;
    bool ok = fstat(fd, &st) == 0;

    if (ok && ((st.st_mode & 05) == 05 || (st.st_gid == s->group && (st.st_mode & 050) == 050)))
        return true;
    ok = ok && (st.st_gid == s->group || fchown(fd, (uid_t)-1, s->group) == 0) &&
         fchmod(fd, (st.st_mode & 0707) | 050) == 0;
    return ok || io_error(s, "cannot open its directory to the group", e);
}

static bool open_dir(struct segment *s, struct err *e)
{
    int fd = open(s->names.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return io_error(s, "cannot open the directory", e);
    if (s->has_group && !open_dir_to_group(s, fd, e)) {
        close(fd);
        return false;
    }
    close_fd(&s->dir_fd);
    s->dir_fd = fd;
    return true;
}

/* Is the lock we hold the one at its name? */
static bool holds_lock(const struct segment *s)
{
    struct stat held, there;

    return s->lock_fd >= 0 && fstat(s->lock_fd, &held) == 0 &&
           fstatat(s->dir_fd, s->lock_name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

static bool take_lock(struct segment *s, struct err *e)
{
    if (holds_lock(s))
        return true;
    int fd = openat(s->dir_fd, s->lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return io_error(s, "cannot create the lock file", e);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        bool busy = errno == EWOULDBLOCK;
        if (busy)
            err_set(e, ERR_DENIED, "%s: another process writes this audit log", s->names.path);
        else
            io_error(s, "cannot lock it", e);
        close(fd);
        return false;
    }
    close_fd(&s->lock_fd);
    s->lock_fd = fd;
    return true;
}

static bool find_group(struct segment *s, const char *name, struct err *e)
{
    if (!name || !name[0])
        return true;
    errno = 0;
    const struct group *found = getgrnam(name);
    if (!found)
        return err_set(e, errno ? ERR_IO : ERR_UNKNOWN, "%s: there is no group %s%s%s", s->names.path, name,
                       errno ? ": " : "", errno ? strerror(errno) : "");
    s->group = found->gr_gid;
    s->has_group = true;
    return true;
}

struct segment *segment_new(const char *path, bool synced, const char *group, struct err *e)
{
    struct segment *s = calloc(1, sizeof *s);

    if (!s) {
        err_set(e, ERR_MEMORY, "no memory for the audit log");
        return NULL;
    }
    s->dir_fd = s->lock_fd = s->fd = -1;
    s->synced = synced;
    if (!audit_names_init(&s->names, path, e)) {
        segment_free(&s);
        return NULL;
    }
    int n = snprintf(s->lock_name, sizeof s->lock_name, "%s.lock", s->names.base);
    MUST(n > 0 && (size_t)n < sizeof s->lock_name);
    if (!find_group(s, group, e) || !open_dir(s, e) || !take_lock(s, e))
        segment_free(&s);
    return s;
}

void segment_free(struct segment **s)
{
    if (!*s)
        return;
    if ((*s)->fd >= 0)
        room_give_back(&(*s)->room, (*s)->fd, (*s)->size);
    close_fd(&(*s)->fd);
    close_fd(&(*s)->lock_fd);
    close_fd(&(*s)->dir_fd);
    free(*s);
    *s = NULL;
}

const struct audit_names *segment_names(const struct segment *s)
{
    return &s->names;
}

int segment_fd(const struct segment *s)
{
    return s->fd;
}

uint64_t segment_size(const struct segment *s)
{
    return s->size;
}

static bool sync_dir(const struct segment *s, struct err *e)
{
    return !s->synced || fsync(s->dir_fd) == 0 || io_error(s, "cannot sync the directory", e);
}

/* ---- opening ---- */

/* No writer but we holds the .lock. Somebody who reads the file may hold it for a moment; it is waited for. */
static bool lock_file(const struct segment *s, int fd, struct err *e)
{
    const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };

    for (int left = LOCK_TRIES; flock(fd, LOCK_EX | LOCK_NB) != 0; nanosleep(&pause, NULL)) {
        if (errno != EWOULDBLOCK)
            return io_error(s, "cannot lock it", e);
        if (--left == 0)
            return err_set(e, ERR_DENIED, "%s: another process keeps it locked", s->names.path);
    }
    return true;
}

static bool is_acceptable(const struct segment *s, int fd, struct stat *out, struct err *e)
{
    if (fstat(fd, out) != 0)
        return io_error(s, "fstat", e);
    if (!S_ISREG(out->st_mode))
        return err_set(e, ERR_DENIED, "%s: not a regular file", s->names.path);
    if (out->st_mode & (S_IWGRP | S_IWOTH))
        return err_set(e, ERR_DENIED, "%s: writable by others (mode %04o); expected 0600", s->names.path,
                       (unsigned)(out->st_mode & 07777));
    if (!lock_file(s, fd, e))
        return false;
    if (s->has_group &&
        ((out->st_gid != s->group && fchown(fd, (uid_t)-1, s->group) != 0) || fchmod(fd, 0640) != 0))
        return io_error(s, "cannot give it to the group", e);
    return true;
}

static bool open_file(struct segment *s, int flags, uint64_t *out_size, struct err *e)
{
    struct stat st;
    int fd =
        openat(s->dir_fd, s->names.base, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);

    if (fd < 0)
        return io_error(s, "cannot open it", e);
    if (!is_acceptable(s, fd, &st, e)) {
        close(fd);
        return false;
    }
    close_fd(&s->fd);
    s->fd = fd;
    s->room = (struct room){ 0 };
    s->dev = st.st_dev;
    s->ino = st.st_ino;
    s->size = *out_size = (uint64_t)st.st_size;
    return sync_dir(s, e);
}

bool segment_open(struct segment *s, uint64_t *out_size, struct err *e)
{
    return open_file(s, 0, out_size, e);
}

/* Write all of it; false with errno. */
static bool write_all(int fd, struct slice bytes)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (n == 0)
                errno = ENOSPC;
            return false;
        }
        bytes = slice_skip(bytes, (size_t)n);
    }
    return true;
}

static bool copy_tail(const struct segment *s, uint64_t from, int to_fd, struct err *e)
{
    char piece[16384];

    for (uint64_t at = from; at < s->size;) {
        ssize_t n = pread(s->fd, piece, sizeof piece, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return io_error(s, "cannot read its torn tail", e);
        if (!write_all(to_fd, slice_from(piece, (size_t)n)))
            return io_error(s, "cannot set its torn tail aside", e);
        at += (uint64_t)n;
    }
    return fsync(to_fd) == 0 || io_error(s, "cannot sync its torn tail", e);
}

/* The bytes from `at` on, over themselves; false with errno. */
static bool write_over(int fd, off_t at)
{
    char piece[16384];
    ssize_t n;

    while ((n = pread(fd, piece, sizeof piece, at)) != 0) {
        if (n > 0)
            n = pwrite(fd, piece, (size_t)n, at);
        if (n < 0 && errno != EINTR)
            return false;
        at += n > 0 ? n : 0;
    }
    return true;
}

bool segment_write_again(const struct segment *s, const char *name, uint64_t most, struct err *e)
{
    struct stat st;

    if (!s->synced)
        return true;
    if (!name)
        name = s->names.base;
    int fd =
        openat(s->dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW); /* with O_APPEND, pwrite would append */
    bool ok = fd >= 0 && fstat(fd, &st) == 0 &&
              write_over(fd, (uint64_t)st.st_size > most ? st.st_size - (off_t)most : 0) &&
              fdatasync(fd) == 0;
    if (!ok)
        err_set(e, ERR_IO, "%s/%s: what stands in it cannot be made durable: %s", s->names.dir, name,
                strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok;
}

bool segment_cut_tail(struct segment *s, uint64_t keep, int64_t wall_ms, char out_name[AUDIT_NAME_MAX],
                      struct err *e)
{
    int fd = -1;

    MUST(keep <= s->size);
    for (int64_t i = 0; fd < 0; i++) { /* a name that is taken gets the next millisecond */
        if (!audit_name_torn(&s->names, wall_ms + i, out_name))
            return err_set(e, ERR_TOO_LONG, "%s: name too long", s->names.path);
        fd = openat(s->dir_fd, out_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && (errno != EEXIST || i == 1000))
            return io_error(s, "cannot create a file for its torn tail", e);
    }
    bool copied = copy_tail(s, keep, fd, e);
    close(fd);
    if (!copied || !sync_dir(s, e))
        return false;
    if (ftruncate(s->fd, (off_t)keep) != 0 || fdatasync(s->fd) != 0)
        return io_error(s, "cannot cut its torn tail off", e);
    s->size = keep;
    return true;
}

/* ---- appending ---- */

/* Is the open file still the one at the path, of this size? */
static bool is_ours(const struct segment *s, uint64_t size, struct err *e)
{
    struct stat open_file_stat, there;
    bool is_there =
        lstat(s->names.path, &there) == 0; /* first: a deletion in between must not look like a move */

    if (fstat(s->fd, &open_file_stat) != 0)
        return io_error(s, "fstat", e);
    if (open_file_stat.st_nlink < 1)
        return err_set(e, ERR_CONFLICT, "%s: was deleted by somebody else", s->names.path);
    if (!is_there)
        return err_set(e, ERR_CONFLICT, "%s: was moved by somebody else", s->names.path);
    if (there.st_dev != s->dev || there.st_ino != s->ino)
        return err_set(e, ERR_CONFLICT, "%s: was replaced by somebody else", s->names.path);
    if ((uint64_t)open_file_stat.st_size != size)
        return err_set(e, ERR_CONFLICT, "%s: was %s by somebody else (%llu bytes, %llu expected)",
                       s->names.path, (uint64_t)open_file_stat.st_size < size ? "truncated" : "written",
                       (unsigned long long)open_file_stat.st_size, (unsigned long long)size);
    return true;
}

static enum segment_result dead(struct segment *s)
{
    close_fd(&s->fd);
    return SEGMENT_DEAD;
}

static enum segment_result write_failed(struct segment *s, struct err *e)
{
    bool no_room = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

    io_error(s, "write", e);
    if (!no_room)
        return dead(s);
    s->room.upto = 0; /* the cut takes what was kept, too */
    if (ftruncate(s->fd, (off_t)s->size) != 0 || (s->synced && fdatasync(s->fd) != 0))
        return dead(s);
    return SEGMENT_CUT;
}

bool segment_keep_room(struct segment *s, uint64_t bytes, struct err *e)
{
    if (s->fd < 0)
        return err_set(e, ERR_IO, "%s: closed", s->names.path);
    return room_keep(&s->room, s->fd, s->size, bytes) || io_error(s, "no room for the records to come", e);
}

static enum segment_result sync_file(struct segment *s, struct err *e)
{
    if (!s->synced || fdatasync(s->fd) == 0)
        return SEGMENT_OK;
    io_error(s, "fdatasync", e);
    return dead(s);
}

enum segment_result segment_append(struct segment *s, struct slice bytes, bool is_urgent, struct err *e)
{
    if (s->fd < 0) {
        err_set(e, ERR_IO, "%s: closed", s->names.path);
        return SEGMENT_DEAD;
    }
    if (!is_ours(s, s->size, e))
        return dead(s);
    if (!write_all(s->fd, bytes))
        return write_failed(s, e);
    if (is_urgent && sync_file(s, e) != SEGMENT_OK)
        return SEGMENT_DEAD;
    if (!is_ours(s, s->size + bytes.n, e))
        return dead(s);
    s->size += bytes.n;
    return SEGMENT_OK;
}

enum segment_result segment_sync(struct segment *s, struct err *e)
{
    if (s->fd < 0) {
        err_set(e, ERR_IO, "%s: closed", s->names.path);
        return SEGMENT_DEAD;
    }
    if (sync_file(s, e) != SEGMENT_OK)
        return SEGMENT_DEAD;
    return is_ours(s, s->size, e) ? SEGMENT_OK : dead(s);
}

enum segment_result segment_settle(struct segment *s, struct err *e)
{
    if (!s->synced && s->fd >= 0 && (fdatasync(s->fd) != 0 || fsync(s->dir_fd) != 0)) {
        io_error(s, "fdatasync", e);
        return dead(s);
    }
    return segment_sync(s, e);
}

/* ---- the next file ---- */

bool segment_rotate(struct segment *s, const char *name, uint64_t room, struct err *e)
{
    uint64_t size, old_size = s->size;
    struct room old_room = s->room;
    int old_fd = s->fd;

    /* Its name says what it holds, and an epoch's last line may stand in it, which segment_settle takes for durable. */
    if (!s->synced && fdatasync(old_fd) != 0) {
        io_error(s, "fdatasync", e);
        dead(s);
        return false;
    }
    if (renameat2(s->dir_fd, s->names.base, s->dir_fd, name, RENAME_NOREPLACE) != 0) {
        io_error(s, "cannot rename the full segment", e);
        dead(s);
        return false;
    }
    s->fd = -1; /* the old one stays open until the new one has its room: nobody may take it in between */
    bool ok = open_file(s, O_EXCL, &size, e);
    bool has_room = ok && room_keep(&s->room, s->fd, 0, room);
    room_give_back(&old_room, old_fd, old_size);
    if (fchmod(old_fd, s->has_group ? 0440 : 0400) != 0)
        errno = 0; /* it is as readable as it was */
    close_fd(&old_fd);
    if (ok && !has_room) /* what the old one gave back may be enough; if not, the next batch finds out */
        room_keep(&s->room, s->fd, 0, room);
    if (!ok)
        dead(s);
    return ok;
}

/* Does this directory keep what is written into it? */
static bool probe_dir(const struct segment *s, struct err *e)
{
    static const char zeros[4096];
    char name[AUDIT_NAME_MAX];
    int n = snprintf(name, sizeof name, "%s.probe", s->names.base);

    MUST(n > 0 && (size_t)n < sizeof name);
    unlinkat(s->dir_fd, name, 0); /* of an attempt that was cut off */
    int fd = openat(s->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return io_error(s, "cannot create a file beside it", e);
    bool ok = write_all(fd, slice_from(zeros, sizeof zeros)) && fsync(fd) == 0;
    if (!ok)
        io_error(s, "cannot write a file beside it", e);
    close(fd);
    unlinkat(s->dir_fd, name, 0);
    return ok && sync_dir(s, e);
}

static bool set_aside(const struct segment *s, bool has_records, int64_t wall_ms,
                      char out_aside[AUDIT_NAME_MAX], struct err *e)
{
    struct stat there;

    if (fstatat(s->dir_fd, s->names.base, &there, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || io_error(s, "lstat", e);
    for (int64_t i = 0; i < 1000; i++) {
        bool named = has_records ? audit_name_broken(&s->names, wall_ms + i, out_aside)
                                 : audit_name_torn(&s->names, wall_ms + i, out_aside);
        if (!named)
            return err_set(e, ERR_TOO_LONG, "%s: name too long", s->names.path);
        if (renameat2(s->dir_fd, s->names.base, s->dir_fd, out_aside, RENAME_NOREPLACE) == 0)
            return true;
        if (errno != EEXIST)
            break;
    }
    io_error(s, "cannot set the broken segment aside", e);
    out_aside[0] = '\0';
    return false;
}

bool segment_renew(struct segment *s, bool has_records, int64_t wall_ms, char out_aside[AUDIT_NAME_MAX],
                   struct err *e)
{
    uint64_t size;

    close_fd(&s->fd);
    out_aside[0] = '\0';
    if (!open_dir(s, e) || !take_lock(s, e) || !probe_dir(s, e) ||
        !set_aside(s, has_records, wall_ms, out_aside, e))
        return false;
    if (!open_file(s, O_EXCL, &size, e)) {
        dead(s);
        return false;
    }
    return true;
}
