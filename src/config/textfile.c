/*
 * Read a trusted file whole: see textfile.h. All checks are made on the open descriptor, so that what was checked is what is
 * read. Must never block (a FIFO is opened without waiting and then refused) and never leave a copy of a secret behind.
 */
#include "config/textfile.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_ours(const struct stat *st)
{
    return st->st_uid == 0 || st->st_uid == geteuid();
}

static bool is_safe_directory_of(const char *path)
{
    char directory[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    struct stat st;

    if (slash && (size_t)(slash - path) + 2 > sizeof directory)
        return false;
    if (slash) {
        size_t n = slash == path ? 1 : (size_t)(slash - path);
        memcpy(directory, path, n);
        directory[n] = '\0';
    }
    return stat(directory, &st) == 0 && is_ours(&st) && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int open_file(const char *path, struct err *e)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int fd = open(path, flags | O_NOFOLLOW);

    if (fd < 0 && errno == ELOOP) {
        if (!is_safe_directory_of(path)) {
            err_set(e, ERR_DENIED, "is a symbolic link in a directory that others can write");
            return -1;
        }
        fd = open(path, flags);
    }
    if (fd < 0)
        err_set(e, ERR_IO, "cannot be opened: %s", strerror(errno));
    return fd;
}

static bool check(const struct stat *st, enum textfile_kind kind, struct err *e)
{
    if (!S_ISREG(st->st_mode))
        return err_set(e, ERR_DENIED, "is not a regular file");
    if (!is_ours(st))
        return err_set(e, ERR_DENIED, "belongs to user %u, expected root or the running user",
                       (unsigned)st->st_uid);
    if (kind == TEXTFILE_SECRET && (st->st_mode & (S_IRWXG | S_IRWXO)))
        return err_set(e, ERR_DENIED,
                       "has mode %04o, expected 0600 or less: group and others must not read it",
                       (unsigned)(st->st_mode & 07777));
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return err_set(e, ERR_DENIED, "has mode %04o, expected that group and others cannot write it",
                       (unsigned)(st->st_mode & 07777));
    return true;
}

/* One allocation for the whole file: growing would leave pieces of a secret in freed memory. */
static bool read_all(int fd, size_t size, struct sbuf *out, struct err *e)
{
    char *p = size <= out->max ? sbuf_room(out, size) : NULL;
    size_t got = 0;
    char more;

    if (size > out->max)
        return err_set(e, ERR_TOO_LONG, "has %zu bytes, expected at most %zu", size, out->max);
    if (!p)
        return err_set(e, ERR_MEMORY, "out of memory");
    while (got < size) {
        ssize_t n = read(fd, p + got, size - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, ERR_IO, "cannot be read: %s",
                           n < 0 ? strerror(errno) : "it became shorter meanwhile");
        got += (size_t)n;
    }
    sbuf_grew(out, size);
    if (read(fd, &more, 1) > 0)
        return err_set(e, ERR_IO, "cannot be read: it became longer meanwhile");
    return true;
}

bool textfile_read(const char *path, enum textfile_kind kind, struct sbuf *out, struct err *e)
{
    struct stat st;
    int fd = open_file(path, e);

    if (fd < 0)
        return false;
    bool ok = fstat(fd, &st) == 0 ? check(&st, kind, e) : err_set(e, ERR_IO, "cannot be examined");
    ok = ok && read_all(fd, (size_t)st.st_size, out, e);
    close(fd);
    return ok;
}
