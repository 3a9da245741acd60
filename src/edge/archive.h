/*
 * archive: what becomes of an audit log's full segments, in a thread of lowest priority: compressed (archive_zst.h), and, when
 * there are too many or they are too old, removed.
 *
 * A segment is removed only when a record in the log says so, durable. So the thread chooses, the ledger writes what it chose
 * (archive_next, archive_announced), and only then the thread removes. It removes the oldest only, without a gap, and none
 * that was written to within the last hour: requests whose intent stands there may still be under way, and a start looks back
 * that far. A crash in between leaves files that the next look removes, with a record of its own.
 */
#ifndef EG_ARCHIVE_H
#define EG_ARCHIVE_H
#include "base/clock.h"
#include "core/audit_rec.h"
#include "edge/audit_files.h"

struct archive_config {
    const char *path; /* of the log; copied */
    bool compress;
    uint64_t keep_segments, keep_for_ms; /* 0 = all; for ever */
    uint64_t look_every_ms;              /* beside after each rotation; 0 = 60 s */
    const struct clock *clock;           /* called from the thread */
    /* Something is to be announced. Called from the thread; must not block, nor call the archive. */
    void (*wake)(void *ctx);
    void *ctx;
};

struct archive_removal {
    char file[AUDIT_NAME_MAX];             /* without .zst */
    uint64_t last_seq;                     /* the log begins behind this record then */
    char hash[2 * AUDIT_HASH_BYTES + 1];   /* of that record's line */
};

struct archive;

/* NULL without memory, or for a path that is none. Nothing happens before archive_start. */
struct archive *archive_new(const struct archive_config *cfg, struct err *e);
bool archive_start(struct archive *a, struct err *e);
/* Stop the thread, waiting at most 2 s for a disk that hangs (a thread that does is left behind, and ends by itself), and
 * free; stores NULL. NULL is fine. wake is not called any more. */
void archive_free(struct archive **a);

/* A segment was closed: look. */
void archive_rotated(struct archive *a);
/* The i-th removal to be announced, from 0; false = there are no more. */
bool archive_next(struct archive *a, size_t i, struct archive_removal *out);
/* The first n of them stand in the log, durable. */
void archive_announced(struct archive *a, size_t n);
#endif
