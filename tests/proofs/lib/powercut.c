/*
 * A library to preload into the gateway (LD_PRELOAD): a disk that keeps what was synced, and a power cut. It knows of one
 * directory (EASGATE_CUT_DIR) what would be there after a cut: of each file the bytes that its last fsync or fdatasync took, and
 * the names that the directory's last fsync took. At the n-th moment that it sees (EASGATE_CUT_AT; each call has one before it and
 * one behind it, of which its caller does not know yet) it lays that out in
 * EASGATE_CUT_IMAGE and kills the process. See T02-power-cut.
 *
 * A disk may also have kept more than it had to. So in half of the cuts (EASGATE_CUT_SEED) some later changes of names are there,
 * in the order in which they were made; and of what was appended and not synced a beginning, or zeros.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 1024 /* that one life may meet */
#define NAMES 256  /* at one time */
#define TURNS 64   /* changes of names without a sync between them */

struct file {
    ino_t ino;
    int fd; /* kept open, so that its inode number does not come back */
    char *synced;
    off_t size, changed_from; /* of what is synced; the lowest byte that was changed since, -1: none */
};

struct names {
    int count;
    struct {
        char name[128];
        int file;
    } at[NAMES];
};

static struct file files[FILES];
static int file_count;
static struct names turns[TURNS]; /* the first is durable, the last is what there is */
static int turn_count;
static long turns_gone; /* how many there were before the first */
static struct stat dir_stat;
static char dir[256];
static const char *image;
static long calls, cut_at;
static unsigned seed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t), (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fdatasync)(int), (*real_fsync)(int), (*real_ftruncate)(int, off_t);
static int (*real_open)(const char *, int, ...), (*real_openat)(int, const char *, int, ...);
static int (*real_rename)(const char *, const char *), (*real_renameat)(int, const char *, int, const char *);
static int (*real_renameat2)(int, const char *, int, const char *, unsigned);
static int (*real_unlink)(const char *), (*real_unlinkat)(int, const char *, int);

static void must(int ok, const char *what)
{
    if (ok)
        return;
    dprintf(2, "powercut: MUST: %s: %s\n", what, strerror(errno));
    abort();
}

/* ---- what is there ---- */

static int find(const struct stat *st)
{
    for (int i = 0; i < file_count; i++)
        if (files[i].ino == st->st_ino)
            return i;
    return -1;
}

static void take_bytes(struct file *f)
{
    struct stat st;

    if (f->changed_from < 0)
        return;
    must(fstat(f->fd, &st) == 0, "fstat");
    off_t from = f->changed_from < f->size ? f->changed_from : f->size;
    char *bytes = realloc(f->synced, (size_t)st.st_size + 1);
    must(bytes != NULL, "memory");
    f->synced = bytes;
    for (off_t at = from; at < st.st_size;) {
        ssize_t n = pread(f->fd, bytes + at, (size_t)(st.st_size - at), at);
        must(n > 0, "pread");
        at += n;
    }
    f->size = st.st_size;
    f->changed_from = -1;
}

static int meet(const char *name, const struct stat *st)
{
    char path[512];
    int i = find(st);

    if (i >= 0)
        return i;
    must(file_count < FILES, "too many files");
    snprintf(path, sizeof path, "%s/%s", dir, name);
    files[file_count] =
        (struct file){ st->st_ino, real_open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), NULL, 0, 0 };
    must(files[file_count].fd >= 0, path);
    return file_count++;
}

static void read_names(struct names *out)
{
    DIR *d = opendir(dir);
    struct stat st;

    must(d != NULL, dir);
    out->count = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
            continue;
        must(out->count < NAMES && strlen(e->d_name) < sizeof out->at[0].name, "too many names");
        strcpy(out->at[out->count].name, e->d_name);
        out->at[out->count++].file = meet(e->d_name, &st);
    }
    closedir(d);
}

static void names_changed(void)
{
    if (turn_count ==
        TURNS) { /* a disk writes its names at some time: the oldest changes have become durable */
        memmove(turns, turns + 1, sizeof turns - sizeof *turns);
        turn_count--;
        turns_gone++;
    }
    read_names(&turns[turn_count++]);
}

/* All turns before this one, counted from the beginning, are over. */
static void names_are_durable(long turn)
{
    long n = turn - turns_gone;

    if (n <= 0)
        return;
    memmove(turns, turns + n, (size_t)(turn_count - n) * sizeof *turns);
    turn_count -= (int)n;
    turns_gone += n;
}

/* ---- the cut ---- */

static unsigned draw(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

static void put(int fd, const char *bytes, off_t n)
{
    for (off_t at = 0; at < n;) {
        ssize_t done = real_write(fd, bytes + at, (size_t)(n - at));
        must(done > 0, "write of the image");
        at += done;
    }
}

/* The bytes behind what is synced, if all that happened to the file is that it grew: a beginning of them, or zeros. */
static void put_more(const struct file *f, int fd, int is_zeros)
{
    struct stat st;

    must(fstat(f->fd, &st) == 0, "fstat");
    if (f->changed_from < f->size || st.st_size <= f->size)
        return;
    size_t n = (size_t)draw((unsigned)(st.st_size - f->size) + 1);
    char *bytes = calloc(1, n + 1);
    must(bytes && (is_zeros || pread(f->fd, bytes, n, f->size) == (ssize_t)n), "pread");
    put(fd, bytes, (off_t)n);
    free(bytes);
}

static void cut(void)
{
    int keeps_more = (int)draw(2);
    const struct names *names = &turns[keeps_more ? draw((unsigned)turn_count) : 0];

    for (int i = 0; i < names->count; i++) {
        const struct file *f = &files[names->at[i].file];
        struct stat st;
        char path[512];

        snprintf(path, sizeof path, "%s/%s", image, names->at[i].name);
        must(fstat(f->fd, &st) == 0, "fstat");
        int fd = real_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        must(fd >= 0, path);
        put(fd, f->synced, f->size);
        if (keeps_more)
            put_more(f, fd, draw(2) == 0);
        must(fchmod(fd, st.st_mode & 07777) == 0, "fchmod");
        close(fd);
    }
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* Around each call: the power goes before it, or behind it and before its caller knows. */
static void enter(void)
{
    pthread_mutex_lock(&lock);
    if (++calls == cut_at)
        cut();
}

static void leave(void)
{
    int error = errno;

    if (++calls == cut_at)
        cut();
    pthread_mutex_unlock(&lock);
    errno = error;
}

#define NEXT(f) must((*(void **)&real_##f = dlsym(RTLD_NEXT, #f)) != NULL, #f)
__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("EASGATE_CUT_DIR"), *at = getenv("EASGATE_CUT_AT"),
               *seed_text = getenv("EASGATE_CUT_SEED");

    NEXT(write), NEXT(pwrite), NEXT(fdatasync), NEXT(fsync), NEXT(ftruncate), NEXT(open), NEXT(openat);
    NEXT(rename), NEXT(renameat), NEXT(renameat2), NEXT(unlink), NEXT(unlinkat);
    image = getenv("EASGATE_CUT_IMAGE");
    must(path && image && at && seed_text && strlen(path) < sizeof dir, "no EASGATE_CUT_*");
    strcpy(dir, path);
    cut_at = atol(at);
    seed = (unsigned)atol(seed_text);
    must(stat(dir, &dir_stat) == 0, dir);
    names_changed();
    for (int i = 0; i < file_count; i++) /* what was left by the cut before is on the disk */
        take_bytes(&files[i]);
}

/* ---- calls ---- */

/* The file that a descriptor is, if it is one of ours; NULL else. */
static struct file *file_of(int fd, struct stat *st)
{
    if (fstat(fd, st) != 0 || !S_ISREG(st->st_mode) || st->st_dev != dir_stat.st_dev)
        return NULL;
    int i = find(st);
    return i >= 0 ? &files[i] : NULL;
}

static int is_ours(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || st.st_dev != dir_stat.st_dev || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return 0;
    if (st.st_ino == dir_stat.st_ino)
        return 1;
    pthread_mutex_lock(&lock);
    int i = find(&st);
    pthread_mutex_unlock(&lock);
    return i >= 0;
}

static void changed(int fd, off_t from)
{
    struct stat st;
    struct file *f = file_of(fd, &st);

    if (f && (f->changed_from < 0 || from < f->changed_from))
        f->changed_from = from;
}

static off_t place(int fd)
{
    struct stat st;

    return fcntl(fd, F_GETFL) & O_APPEND && fstat(fd, &st) == 0 ? st.st_size : lseek(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *p, size_t n)
{
    if (!is_ours(fd))
        return real_write(fd, p, n);
    enter();
    changed(fd, place(fd));
    ssize_t result = real_write(fd, p, n);
    leave();
    return result;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    if (!is_ours(fd))
        return real_pwrite(fd, p, n, at);
    enter();
    changed(fd, at);
    ssize_t result = real_pwrite(fd, p, n, at);
    leave();
    return result;
}

int ftruncate(int fd, off_t n)
{
    struct stat st;

    if (!is_ours(fd))
        return real_ftruncate(fd, n);
    enter();
    if (fstat(fd, &st) == 0 && st.st_size != n)
        changed(fd, n < st.st_size ? n : st.st_size);
    int result = real_ftruncate(fd, n);
    leave();
    return result;
}

/* What is synced is remembered here: the real disk need not work. It takes as long as one would. */
static int sync_it(int fd)
{
    struct stat st;

    enter();
    unsigned wait_us = draw(1500);
    long upto = turns_gone + turn_count - 1;
    pthread_mutex_unlock(&lock);
    usleep(wait_us);
    pthread_mutex_lock(&lock);
    struct file *f = file_of(fd, &st);
    if (f)
        take_bytes(f);
    else
        names_are_durable(upto);
    leave();
    return 0;
}

int fdatasync(int fd)
{
    return is_ours(fd) ? sync_it(fd) : real_fdatasync(fd);
}

int fsync(int fd)
{
    return is_ours(fd) ? sync_it(fd) : real_fsync(fd);
}

/* Is what was opened in our directory, and new to us? */
static int is_new(int fd, struct stat *st)
{
    char link[64], path[512];

    if (fd < 0 || fstat(fd, st) != 0 || !S_ISREG(st->st_mode) || st->st_dev != dir_stat.st_dev ||
        find(st) >= 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    size_t dir_n = strlen(dir);
    return n > 0 && (size_t)n > dir_n && memcmp(path, dir, dir_n) == 0 && path[dir_n] == '/';
}

static void opened(int fd, int flags)
{
    struct stat st;

    if (is_new(fd, &st))
        names_changed();
    else if (fd >= 0 && flags & O_TRUNC)
        changed(fd, 0);
}

int open(const char *name, int flags, ...)
{
    va_list args;
    mode_t mode = 0;

    va_start(args, flags);
    if (flags & O_CREAT)
        mode = va_arg(args, mode_t);
    va_end(args);
    if (!(flags & (O_CREAT | O_TRUNC)))
        return real_open(name, flags, mode);
    enter();
    int fd = real_open(name, flags, mode);
    opened(fd, flags);
    leave();
    return fd;
}

int openat(int at, const char *name, int flags, ...)
{
    va_list args;
    mode_t mode = 0;

    va_start(args, flags);
    if (flags & O_CREAT)
        mode = va_arg(args, mode_t);
    va_end(args);
    if (!(flags & (O_CREAT | O_TRUNC)))
        return real_openat(at, name, flags, mode);
    enter();
    int fd = real_openat(at, name, flags, mode);
    opened(fd, flags);
    leave();
    return fd;
}

#define CHANGES_NAMES(call)                                                                                  \
    enter();                                                                                                 \
    int result = (call);                                                                                     \
    int error = errno;                                                                                       \
    if (result == 0)                                                                                         \
        names_changed();                                                                                     \
    errno = error;                                                                                           \
    leave();                                                                                                 \
    return result

int rename(const char *from, const char *to)
{
    CHANGES_NAMES(real_rename(from, to));
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    CHANGES_NAMES(real_renameat(from_dir, from, to_dir, to));
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    CHANGES_NAMES(real_renameat2(from_dir, from, to_dir, to, flags));
}

int unlink(const char *name)
{
    CHANGES_NAMES(real_unlink(name));
}

int unlinkat(int at, const char *name, int flags)
{
    CHANGES_NAMES(real_unlinkat(at, name, flags));
}
