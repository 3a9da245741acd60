/*
 * The audit key's state file: see audit_keyfile.h. The new key is durable in a file beside before the two exchange their names;
 * then the old one is overwritten, and waits there for the next time. Key bytes are in memory that is wiped.
 */
#include "edge/audit_keyfile.h"
#include "config/textfile.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool io_error(const char *path, const char *what, struct err *e)
{
    return err_set(e, ERR_IO, "the audit key %s: %s: %s", path, what, strerror(errno));
}

static bool sync_dir_of(const char *path, struct err *e)
{
    char dir[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    size_t n = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);

    if (n >= sizeof dir)
        return err_set(e, ERR_TOO_LONG, "the audit key %s: path too long", path);
    if (slash)
        memcpy(dir, path, n);
    dir[n] = '\0';
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok)
        io_error(path, "cannot sync its directory", e);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* All of an open file, durably: what stood there is overwritten, so that this needs no room that it does not have. */
static bool put_key(int fd, const struct audit_key *k, const struct audit_end *end)
{
    char memory[AUDIT_KEY_TEXT_BYTES] = "";
    struct sbuf text = SBUF_LENT(memory, sizeof memory, sizeof memory - 1);

    audit_state_print(k, end, &text);
    bool ok = sbuf_ok(&text) && fchmod(fd, 0600) == 0 && write(fd, text.p, text.n) == (ssize_t)text.n &&
              ftruncate(fd, (off_t)text.n) == 0 && fsync(fd) == 0;
    secret_wipe(memory, sizeof memory);
    return ok;
}

static const struct audit_end no_end;

static bool write_new(const char *name, const struct audit_key *k, const char *path, struct err *e)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return io_error(path, "cannot create it", e);
    bool ok = put_key(fd, k, &no_end) || io_error(path, "cannot write it", e);
    close(fd);
    if (!ok)
        unlink(name);
    return ok;
}

bool audit_keyfile_create(const char *path, const struct audit_key *k, struct err *e)
{
    struct stat st;

    if (lstat(path, &st) == 0)
        return err_set(
            e, ERR_CONFLICT,
            "the audit key %s: something stands there, expected nothing: a key is never overwritten", path);
    return write_new(path, k, path, e) && sync_dir_of(path, e);
}

bool audit_keyfile_read(const char *path, struct audit_key *out, struct audit_end *end, struct err *e)
{
    char memory[AUDIT_KEY_TEXT_BYTES] = "";
    struct sbuf text = SBUF_LENT(memory, sizeof memory, sizeof memory - 1);
    struct err why = { 0 };
    struct stat st;

    *out = (struct audit_key){ 0 };
    *end = no_end;
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(e, ERR_DENIED, "the audit key %s: is no regular file", path);
    bool ok = textfile_read(path, TEXTFILE_SECRET, &text, &why) &&
              audit_state_parse(out, end, sbuf_slice(&text), &why);
    secret_wipe(memory, sizeof memory);
    return ok || err_set(e, why.code, "the audit key %s: %s", path, why.text);
}

/* The old file holds a key that nobody may find: write over it. That it fails is no reason to stop, since the new key
 * counts already. */
static void overwrite(int fd)
{
    static const char blank[AUDIT_KEY_TEXT_BYTES];
    struct stat st;

    if (fstat(fd, &st) != 0)
        return;
    for (off_t at = 0; at < st.st_size; at += (off_t)sizeof blank) {
        size_t n = st.st_size - at < (off_t)sizeof blank ? (size_t)(st.st_size - at) : sizeof blank;
        if (pwrite(fd, blank, n, at) != (ssize_t)n)
            return;
    }
    fsync(fd);
}

/* The file beside that the last replacement left, if nobody else can have it open; or a new one. */
static int open_spare(const char *name)
{
    struct stat st;
    int fd = open(name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1 &&
        (st.st_mode & 07777) == 0600)
        return fd;
    if (fd >= 0)
        close(fd);
    unlink(name);
    return open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* Where a file system cannot exchange two names, the old file loses its own. */
static bool exchange(const char *name, const char *path)
{
    return renameat2(AT_FDCWD, name, AT_FDCWD, path, RENAME_EXCHANGE) == 0 ||
           ((errno == EINVAL || errno == ENOSYS) && rename(name, path) == 0);
}

static bool put_in_place(const char *name, const char *path, const struct audit_key *k,
                         const struct audit_end *end, struct err *e)
{
    int fd = open_spare(name);

    if (fd < 0)
        return io_error(path, "cannot create a file beside it", e);
    bool ok = put_key(fd, k, end) || io_error(path, "cannot write a file beside it", e);
    close(fd);
    return ok && (exchange(name, path) || io_error(path, "cannot replace it", e)) && sync_dir_of(path, e);
}

bool audit_keyfile_replace(const char *path, const struct audit_key *k, const struct audit_end *end,
                           struct err *e)
{
    char name[PATH_MAX];
    int n = snprintf(name, sizeof name, "%s.new", path);

    if (n < 0 || (size_t)n >= sizeof name)
        return err_set(e, ERR_TOO_LONG, "the audit key %s: path too long", path);
    int old = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (old < 0)
        return io_error(path, "cannot open it", e);
    bool ok = put_in_place(name, path, k, end, e);
    if (ok)
        overwrite(old);
    close(old);
    return ok;
}
