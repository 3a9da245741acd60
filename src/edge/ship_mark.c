/*
 * The mark of the copy to syslog: see ship_mark.h. A mark that is too old costs records that arrive twice; one that is too
 * new would cost records, so a mark that was not understood is never used.
 */
#include "edge/ship_mark.h"
#include "base/enc.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#define TEXT_MAX_BYTES 128

static bool name(const char *log_path, const char *ending, char out[PATH_MAX], struct err *e)
{
    int n = snprintf(out, PATH_MAX, "%s%s", log_path, ending);

    return (n > 0 && n < PATH_MAX) || err_set(e, ERR_TOO_LONG, "%s%s: path too long", log_path, ending);
}

static bool parse(struct slice text, struct ship_mark *out)
{
    struct slice rest = text, seq;

    if (!slice_ends(text, S("\n")))
        return false;
    rest.n--;
    out->has_hash = true;
    return slice_split(&rest, ' ', &seq) && rest.p && num_u64(seq, 1, UINT64_MAX, &out->seq) &&
           rest.n == 2 * sizeof out->hash && enc_unhex(rest, out->hash, sizeof out->hash);
}

bool ship_mark_read(const char *log_path, struct ship_mark *out, bool *out_found, struct err *e)
{
    char path[PATH_MAX], text[TEXT_MAX_BYTES];

    *out = (struct ship_mark){ 0 };
    *out_found = false;
    if (!name(log_path, ".shipped", path, e))
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return true;
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(error));
    *out_found = parse(slice_from(text, (size_t)n), out);
    if (!*out_found)
        *out = (struct ship_mark){ 0 };
    return *out_found || err_set(e, ERR_SYNTAX, "%s: expected SEQ HASH", path);
}

static bool write_durably(int fd, struct slice text)
{
    return write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;
}

bool ship_mark_write(const char *log_path, const struct ship_mark *mark, struct err *e)
{
    char path[PATH_MAX], fresh[PATH_MAX], hex[2 * AUDIT_HASH_BYTES + 1], text[TEXT_MAX_BYTES];

    if (!name(log_path, ".shipped", path, e) || !name(log_path, ".shipped.tmp", fresh, e))
        return false;
    enc_hex(mark->hash, sizeof mark->hash, hex);
    int n = snprintf(text, sizeof text, "%llu %s\n", (unsigned long long)mark->seq, hex);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0 && write_durably(fd, slice_from(text, (size_t)n));
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (!ok)
        return err_set(e, ERR_IO, "%s: %s", fresh, strerror(error));
    /* Whether the new name survives a power cut does not matter: the old mark is only older. */
    return rename(fresh, path) == 0 || err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
}
