/* Compressing one segment: see archive_zst.h. Never changes the plain file, and removes it last. */
#include "edge/archive_zst.h"
#include "edge/audit_files.h"
#include "edge/audit_input.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define PIECE_BYTES ((size_t)128 << 10)
#define LEVEL       3
#define WINDOW_LOG  20 /* 1 MiB: little memory, and lines repeat within it; at most AUDIT_ZST_WINDOW_LOG */

struct job {
    int dir_fd, in_fd, out_fd;
    struct stat st;
    char zst[AUDIT_NAME_MAX], part[AUDIT_NAME_MAX];
    ZSTD_CCtx *z;
    char *in, *out; /* PIECE_BYTES each */
    const char *name;
    bool (*should_stop)(void *ctx);
    void *ctx;
};

bool archive_part_name(const char *name, char *out, size_t size)
{
    int n = snprintf(out, size, "%s.zst.part", name);

    return n > 0 && (size_t)n < size;
}

static bool io_error(const struct job *j, const char *what, struct err *e)
{
    int error = errno;

    return err_set(e, ERR_IO, "%s: %s: %s", j->name, what, strerror(error));
}

/* ---- compressing ---- */

static bool write_all(const struct job *j, size_t n, struct err *e)
{
    for (size_t at = 0; at < n;) {
        ssize_t done = write(j->out_fd, j->out + at, n - at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return io_error(j, "cannot write its compressed copy", e);
        at += (size_t)done;
    }
    return true;
}

static ssize_t read_piece(const struct job *j, char *p, size_t n)
{
    ssize_t got;

    do
        got = read(j->in_fd, p, n);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Give zstd one piece; with is_last until the frame is at its end. */
static bool pack_piece(struct job *j, size_t n, bool is_last, struct err *e)
{
    ZSTD_inBuffer from = { .src = j->in, .size = n };
    size_t left;

    do {
        ZSTD_outBuffer to = { .dst = j->out, .size = PIECE_BYTES };
        left = ZSTD_compressStream2(j->z, &to, &from, is_last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return err_set(e, ERR_IO, "%s: cannot compress it: %s", j->name, ZSTD_getErrorName(left));
        if (!write_all(j, to.pos, e))
            return false;
    } while (is_last ? left != 0 : from.pos < from.size);
    return true;
}

static enum archive_result pack(struct job *j, struct err *e)
{
    for (;;) {
        if (j->should_stop(j->ctx))
            return ARCHIVE_STOPPED;
        ssize_t n = read_piece(j, j->in, PIECE_BYTES);
        if (n < 0) {
            io_error(j, "cannot read it", e);
            return ARCHIVE_FAILED;
        }
        if (!pack_piece(j, (size_t)n, n == 0, e))
            return ARCHIVE_FAILED;
        if (n == 0)
            return ARCHIVE_DONE;
    }
}

/* ---- is the copy the same? ---- */

static bool same_piece(struct job *j, const char *unpacked, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = read_piece(j, j->in, n - at);
        if (got <= 0 || memcmp(j->in, unpacked + at, (size_t)got) != 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

static enum archive_result compare(struct job *j, struct audit_input *copy, struct err *e)
{
    char end;

    for (;;) {
        if (j->should_stop(j->ctx))
            return ARCHIVE_STOPPED;
        size_t n = audit_input_read(copy, j->out, PIECE_BYTES);
        if (n && same_piece(j, j->out, n))
            continue;
        bool same =
            n == 0 && !audit_input_error(copy) && !audit_input_damage(copy) && read_piece(j, &end, 1) == 0;
        if (!same)
            err_set(e, ERR_IO, "%s: its compressed copy does not hold the same; dropped", j->name);
        return same ? ARCHIVE_DONE : ARCHIVE_FAILED;
    }
}

static enum archive_result read_back(struct job *j, struct err *e)
{
    if (lseek(j->in_fd, 0, SEEK_SET) != 0 || lseek(j->out_fd, 0, SEEK_SET) != 0) {
        io_error(j, "lseek", e);
        return ARCHIVE_FAILED;
    }
    struct audit_input *copy = audit_input_new(j->out_fd, true);
    if (!copy) {
        err_set(e, ERR_MEMORY, "%s: no memory to compare its compressed copy", j->name);
        return ARCHIVE_FAILED;
    }
    enum archive_result result = compare(j, copy, e);
    audit_input_free(&copy);
    return result;
}

/* ---- taking its place ---- */

static bool sync_dir(const struct job *j, struct err *e)
{
    return fsync(j->dir_fd) == 0 || io_error(j, "cannot sync the directory", e);
}

static bool take_place(const struct job *j, struct err *e)
{
    const struct timespec times[2] = { j->st.st_atim, j->st.st_mtim };
    struct stat own;

    if (fstat(j->out_fd, &own) != 0 ||
        (own.st_gid != j->st.st_gid && fchown(j->out_fd, (uid_t)-1, j->st.st_gid) != 0) ||
        fchmod(j->out_fd, j->st.st_mode & 0440) != 0 || futimens(j->out_fd, times) != 0)
        return io_error(j, "cannot set mode and times of its compressed copy", e);
    if (fsync(j->out_fd) != 0)
        return io_error(j, "cannot sync its compressed copy", e);
    if (renameat(j->dir_fd, j->part, j->dir_fd, j->zst) != 0)
        return io_error(j, "cannot rename its compressed copy", e);
    if (!sync_dir(j, e))
        return false;
    return (unlinkat(j->dir_fd, j->name, 0) == 0 || io_error(j, "cannot remove it", e)) && sync_dir(j, e);
}

/* ---- all of it ---- */

static bool open_files(struct job *j, struct err *e)
{
    if (!audit_name_zst(j->name, j->zst) || !archive_part_name(j->name, j->part, sizeof j->part))
        return err_set(e, ERR_TOO_LONG, "%s: name too long", j->name);
    j->in_fd = openat(j->dir_fd, j->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (j->in_fd < 0 || fstat(j->in_fd, &j->st) != 0)
        return io_error(j, "cannot open it", e);
    unlinkat(j->dir_fd, j->part, 0); /* of an attempt that was cut off */
    j->out_fd = openat(j->dir_fd, j->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return j->out_fd >= 0 || io_error(j, "cannot create its compressed copy", e);
}

static bool init_zstd(struct job *j, struct err *e)
{
    j->z = ZSTD_createCCtx();
    j->in = malloc(PIECE_BYTES);
    j->out = malloc(PIECE_BYTES);
    bool ok = j->z && j->in && j->out &&
              !ZSTD_isError(ZSTD_CCtx_setParameter(j->z, ZSTD_c_compressionLevel, LEVEL)) &&
              !ZSTD_isError(ZSTD_CCtx_setParameter(j->z, ZSTD_c_windowLog, WINDOW_LOG)) &&
              !ZSTD_isError(ZSTD_CCtx_setParameter(j->z, ZSTD_c_checksumFlag, 1));
    return ok || err_set(e, ERR_MEMORY, "%s: no memory to compress it", j->name);
}

enum archive_result archive_compress(int dir_fd, const char *name, bool (*should_stop)(void *ctx), void *ctx,
                                     struct err *e)
{
    struct job j = {
        .dir_fd = dir_fd, .in_fd = -1, .out_fd = -1, .name = name, .should_stop = should_stop, .ctx = ctx
    };
    enum archive_result result = ARCHIVE_FAILED;

    if (open_files(&j, e) && init_zstd(&j, e))
        result = pack(&j, e);
    if (result == ARCHIVE_DONE)
        result = read_back(&j, e);
    if (result == ARCHIVE_DONE && !take_place(&j, e))
        result = ARCHIVE_FAILED;
    if (result != ARCHIVE_DONE && j.out_fd >= 0)
        unlinkat(dir_fd, j.part, 0);
    if (j.in_fd >= 0)
        close(j.in_fd);
    if (j.out_fd >= 0)
        close(j.out_fd);
    ZSTD_freeCCtx(j.z);
    free(j.in);
    free(j.out);
    return result;
}
