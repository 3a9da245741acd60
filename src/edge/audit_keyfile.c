/*
 * The audit key's state file: see audit_keyfile.h. The new key is durable in a file beside before it takes the old one's
 * name; then the old file, which has no name any more, is overwritten. Key bytes are in memory that is wiped.
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

/* A new file with the key in it, durable. */
static bool write_new(const char *name, const struct audit_key *k, const char *path, struct err *e)
{
    char memory[AUDIT_KEY_TEXT_BYTES] = "";
    struct sbuf text = SBUF_LENT(memory, sizeof memory, sizeof memory - 1);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return io_error(path, "cannot create it", e);
    audit_key_print(k, &text);
    bool ok = sbuf_ok(&text) && fchmod(fd, 0600) == 0 && write(fd, text.p, text.n) == (ssize_t)text.n &&
              fsync(fd) == 0;
    if (!ok)
        io_error(path, "cannot write it", e);
    secret_wipe(memory, sizeof memory);
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

bool audit_keyfile_read(const char *path, struct audit_key *out, struct err *e)
{
    char memory[AUDIT_KEY_TEXT_BYTES] = "";
    struct sbuf text = SBUF_LENT(memory, sizeof memory, sizeof memory - 1);
    struct err why = { 0 };
    struct stat st;

    *out = (struct audit_key){ 0 };
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(e, ERR_DENIED, "the audit key %s: is no regular file", path);
    bool ok =
        textfile_read(path, TEXTFILE_SECRET, &text, &why) && audit_key_parse(out, sbuf_slice(&text), &why);
    secret_wipe(memory, sizeof memory);
    return ok || err_set(e, why.code, "the audit key %s: %s", path, why.text);
}

/* The old file has lost its name, and holds a key that nobody may find: write over it. That it fails is no reason to stop,
 * since the new key counts already. */
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

bool audit_keyfile_replace(const char *path, const struct audit_key *k, struct err *e)
{
    char name[PATH_MAX];
    int n = snprintf(name, sizeof name, "%s.new", path);

    if (n < 0 || (size_t)n >= sizeof name)
        return err_set(e, ERR_TOO_LONG, "the audit key %s: path too long", path);
    int old = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (old < 0)
        return io_error(path, "cannot open it", e);
    unlink(name); /* of an attempt that was cut off */
    bool ok = write_new(name, k, path, e);
    if (ok && rename(name, path) != 0) {
        ok = io_error(path, "cannot replace it", e);
        unlink(name);
    }
    ok = ok && sync_dir_of(path, e);
    if (ok)
        overwrite(old);
    close(old);
    return ok;
}
