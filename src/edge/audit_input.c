/*
 * A segment's bytes: see audit_input.h. A damaged stream is a finding about a log, not a failure to read it; so a frame must
 * end where its file ends, and the bytes that zstd gave before it noticed are given on: their lines are checked anyway.
 */
#include "edge/audit_input.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

#define IN_BYTES ((size_t)128 * 1024)

struct audit_input {
    int fd, error;
    const char *damage;
    bool at_end;
    uint64_t taken;
    ZSTD_DCtx *z;        /* NULL = the bytes are as they are */
    bool is_inside;      /* of a frame */
    ZSTD_inBuffer frame; /* what is left of `bytes` */
    char bytes[];
};

struct audit_input *audit_input_new(int fd, bool is_zst)
{
    struct audit_input *in = malloc(sizeof *in + (is_zst ? IN_BYTES : 0));

    if (!in)
        return NULL;
    *in = (struct audit_input){ .fd = fd };
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* a hint */
    if (!is_zst)
        return in;
    in->frame.src = in->bytes;
    in->z = ZSTD_createDCtx();
    if (!in->z || ZSTD_isError(ZSTD_DCtx_setParameter(in->z, ZSTD_d_windowLogMax, AUDIT_ZST_WINDOW_LOG)))
        audit_input_free(&in);
    return in;
}

void audit_input_free(struct audit_input **in)
{
    if (!*in)
        return;
    ZSTD_freeDCtx((*in)->z);
    free(*in);
    *in = NULL;
}

static size_t read_file(struct audit_input *in, char *out, size_t n)
{
    ssize_t got;

    if (in->at_end)
        return 0;
    do
        got = read(in->fd, out, n);
    while (got < 0 && errno == EINTR);
    if (got <= 0) {
        in->error = got < 0 ? errno : 0;
        in->at_end = true;
        return 0;
    }
    in->taken += (uint64_t)got;
    return (size_t)got;
}

/* One step of the stream; false at its end. */
static bool unpack(struct audit_input *in, ZSTD_outBuffer *out)
{
    if (in->frame.pos == in->frame.size) {
        in->frame.pos = 0;
        in->frame.size = read_file(in, in->bytes, IN_BYTES);
        if (!in->frame.size && !in->is_inside) {
            if (!in->taken && !in->error)
                in->damage = "the compressed file is empty";
            return false;
        }
        if (!in->frame.size && in->error)
            return false;
    }
    size_t before = out->pos, left = ZSTD_decompressStream(in->z, out, &in->frame);
    if (ZSTD_isError(left)) {
        in->damage = "the compressed data is damaged";
        return false;
    }
    in->is_inside = left > 0;
    if (in->at_end && in->is_inside && out->pos == before) {
        in->damage = "the compressed data is cut off";
        return false;
    }
    return true;
}

size_t audit_input_read(struct audit_input *in, char *out, size_t n)
{
    ZSTD_outBuffer to = { .dst = out, .size = n };

    if (!in->z)
        return read_file(in, out, n);
    while (to.pos == 0 && !in->damage && !in->error)
        if (!unpack(in, &to))
            break;
    return to.pos;
}

int audit_input_error(const struct audit_input *in)
{
    return in->error;
}

const char *audit_input_damage(const struct audit_input *in)
{
    return in->damage;
}

uint64_t audit_input_taken(const struct audit_input *in)
{
    return in->taken;
}
