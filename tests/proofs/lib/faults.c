/*
 * A library to preload into the gateway (LD_PRELOAD): it makes calls on the files of the audit log fail, as a proof says in
 * a file that both have mapped (EASGATE_FAULTS). See faults.js, which compiles it and knows the layout.
 *
 * A fault is armed with a number n and begins at the n-th write on the current segment after that. It then lasts until the
 * proof takes it back, but for those that end by themselves: a short write, EINTR, a hang, and what is done to the file.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum kind {
    NONE,
    WRITE_ENOSPC,
    WRITE_EIO,
    WRITE_SHORT, /* half of it, then ENOSPC for as long as the fault lasts */
    WRITE_EINTR, /* 50 times */
    SYNC_EIO,
    SYNC_ENOSPC,
    SYNC_HANGS, /* hang_ms, once */
    WRITE_EDQUOT,
    READ_ONLY, /* EROFS, whatever changes something */
    UNLINKED,
    RENAMED,
    TRUNCATED,
    SYNC_EIO_ONCE
};

static struct control {
    atomic_uint kind, nth, hang_ms;
    atomic_uint has_begun, hits;
    atomic_uint writes, syncs, late_calls; /* late: on a file whose fdatasync has failed */
    atomic_ullong begun_ms;                /* wall clock */
    char saved[512];                       /* where a copy of the file goes before something is done to it */
} * control;

static atomic_uchar is_log_fd[4096], is_current_fd[4096]; /* opened by such a name */
static atomic_ullong poisoned[4096];
static atomic_uint poisoned_count;

static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_fdatasync)(int), (*real_fsync)(int), (*real_ftruncate)(int, off_t), (*real_close)(int);
static int (*real_fallocate)(int, int, off_t, off_t), (*real_openat)(int, const char *, int, ...);
static int (*real_renameat2)(int, const char *, int, const char *, unsigned);
static int (*real_unlinkat)(int, const char *, int);

static void *next(const char *name)
{
    void *p = dlsym(RTLD_NEXT, name);

    if (!p)
        abort();
    return p;
}

#define NEXT(f) (*(void **)&real_##f = next(#f))
__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("EASGATE_FAULTS");

    NEXT(write), NEXT(fdatasync), NEXT(fsync), NEXT(ftruncate), NEXT(close), NEXT(fallocate), NEXT(openat);
    NEXT(renameat2), NEXT(unlinkat);
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *p = fd >= 0 ? mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (p == MAP_FAILED)
        abort();
    control = p;
    real_close(fd);
}

static int is_log(int fd)
{
    return fd >= 0 && fd < 4096 && is_log_fd[fd];
}

static int is_current(int fd)
{
    return is_log(fd) && is_current_fd[fd];
}

static unsigned long long inode(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? (unsigned long long)st.st_ino : 0;
}

static void note_late(int fd)
{
    unsigned long long ino = inode(fd);

    for (unsigned i = 0; i < poisoned_count && i < 4096; i++)
        if (poisoned[i] == ino)
            control->late_calls++;
}

static unsigned fault(void)
{
    return control->has_begun ? control->kind : NONE;
}

static void hit(void)
{
    control->hits++;
}

/* ---- what is done to the file ---- */

static void save(int fd)
{
    char piece[65536];
    ssize_t n;
    int to = open(control->saved, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    for (off_t at = 0; to >= 0 && (n = pread(fd, piece, sizeof piece, at)) > 0; at += n)
        if (real_write(to, piece, (size_t)n) != n)
            abort();
    if (to >= 0)
        real_close(to);
}

static void spoil(int fd, unsigned kind)
{
    char link[64], path[512], moved[600];
    struct stat st;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0 || fstat(fd, &st) != 0)
        abort();
    path[n] = '\0';
    save(fd);
    snprintf(moved, sizeof moved, "%s.moved-away-%llu", path, (unsigned long long)st.st_ino);
    int result = kind == UNLINKED  ? unlink(path)
                 : kind == RENAMED ? rename(path, moved)
                                   : truncate(path, st.st_size / 2);
    if (result != 0)
        abort();
}

static void begin_fault(int fd)
{
    struct timespec now;
    unsigned kind = control->kind;

    if (kind == NONE || control->has_begun || control->nth == 0 || --control->nth > 0)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    control->begun_ms = (unsigned long long)now.tv_sec * 1000 + (unsigned long long)now.tv_nsec / 1000000;
    if (kind == UNLINKED || kind == RENAMED || kind == TRUNCATED) {
        spoil(fd, kind);
        hit();
    }
    control->has_begun = 1;
}

/* ---- calls ---- */

static int fails(int error)
{
    hit();
    errno = error;
    return -1;
}

ssize_t write(int fd, const void *p, size_t n)
{
    if (!is_log(fd))
        return real_write(fd, p, n);
    if (is_current(fd)) {
        control->writes++;
        note_late(fd);
        begin_fault(fd);
    }
    switch (fault()) {
    case WRITE_ENOSPC:
        return fails(ENOSPC);
    case WRITE_EIO:
        return fails(EIO);
    case WRITE_EDQUOT:
        return fails(EDQUOT);
    case READ_ONLY:
        return fails(EROFS);
    case WRITE_SHORT:
        if (control->hits)
            return fails(ENOSPC);
        hit();
        return real_write(fd, p, n / 2);
    case WRITE_EINTR:
        if (control->hits < 50)
            return fails(EINTR);
        return real_write(fd, p, n);
    default:
        return real_write(fd, p, n);
    }
}

static int sync_fault(int fd)
{
    unsigned kind = fault();

    if (kind == SYNC_HANGS && is_current(fd) && !control->hits) {
        hit();
        usleep(control->hang_ms * 1000);
    }
    if (kind != SYNC_EIO && kind != SYNC_ENOSPC && (kind != SYNC_EIO_ONCE || control->hits))
        return 0;
    poisoned[poisoned_count++ % 4096] = inode(fd);
    return fails(kind == SYNC_ENOSPC ? ENOSPC : EIO);
}

int fdatasync(int fd)
{
    if (is_current(fd)) {
        control->syncs++;
        note_late(fd);
    }
    return is_log(fd) && sync_fault(fd) ? -1 : real_fdatasync(fd);
}

int fsync(int fd)
{
    return is_log(fd) && sync_fault(fd) ? -1 : real_fsync(fd);
}

int ftruncate(int fd, off_t n)
{
    return is_log(fd) && fault() == READ_ONLY ? fails(EROFS) : real_ftruncate(fd, n);
}

int fallocate(int fd, int mode, off_t from, off_t n)
{
    unsigned kind = is_log(fd) ? fault() : NONE;

    if (kind == READ_ONLY || kind == WRITE_ENOSPC || kind == WRITE_EDQUOT)
        return fails(kind == READ_ONLY ? EROFS : kind == WRITE_ENOSPC ? ENOSPC : EDQUOT);
    return real_fallocate(fd, mode, from, n);
}

int openat(int dir, const char *name, int flags, ...)
{
    va_list args;
    mode_t mode = 0;
    size_t n = strlen(name);

    va_start(args, flags);
    if (flags & O_CREAT)
        mode = va_arg(args, mode_t);
    va_end(args);
    int is_ours = strncmp(name, "audit.jsonl", 11) == 0;
    if (is_ours && (flags & O_CREAT) && fault() == READ_ONLY)
        return fails(EROFS);
    int fd = real_openat(dir, name, flags, mode);
    if (fd >= 0 && fd < 4096) {
        is_log_fd[fd] = is_ours && n >= 5 && strcmp(name + n - 5, ".lock") != 0;
        is_current_fd[fd] = is_ours && n == 11;
        if (is_current_fd[fd]) { /* an inode's number comes back */
            unsigned long long ino = inode(fd);
            struct stat st;
            for (unsigned i = 0; i < poisoned_count && i < 4096; i++)
                if (poisoned[i] == ino && fstat(fd, &st) == 0 && st.st_size == 0)
                    poisoned[i] = 0;
        }
    }
    return fd;
}

int close(int fd)
{
    if (fd >= 0 && fd < 4096)
        is_log_fd[fd] = is_current_fd[fd] = 0;
    return real_close(fd);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return fault() == READ_ONLY ? fails(EROFS) : real_renameat2(from_dir, from, to_dir, to, flags);
}

int unlinkat(int dir, const char *name, int flags)
{
    return fault() == READ_ONLY ? fails(EROFS) : real_unlinkat(dir, name, flags);
}
