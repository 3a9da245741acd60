/*
 * ship_source: the durable records of a living log, in order, read from its segments while the writer goes on, rotates, sets
 * files aside or removes old ones. Used by one thread; shares nothing with the writer but the files.
 */
#ifndef EG_SHIP_SOURCE_H
#define EG_SHIP_SOURCE_H
#include "edge/ship_mark.h"

enum ship_read {
    SHIP_READ_RECORD = 1, /* the next record */
    SHIP_READ_NONE,       /* nothing up to the limit */
    SHIP_READ_GAP,        /* the next record is in no segment; a later one is. e says why */
    SHIP_READ_FOREIGN,    /* the record behind the mark does not follow it: this is another log, or it was changed */
    SHIP_READ_FAILED      /* cannot be read now; e says why */
};

struct ship_record {
    struct audit_line line; /* views, good until the next call */
    struct slice text;
    struct ship_mark mark; /* the place behind it */
    uint64_t gap_until;    /* of a gap: the last record that is missing */
};

struct ship_source;
/* NULL without memory, or for a path that cannot be a log's. The caller owns it. */
struct ship_source *ship_source_new(const char *log_path, struct err *e);
void ship_source_free(struct ship_source **s);
/* Go on behind this place. */
void ship_source_seek(struct ship_source *s, const struct ship_mark *mark);
/* The next record, if its seq is at most limit: up to there the log is durable. Holds no buffer after SHIP_READ_NONE. */
enum ship_read ship_source_next(struct ship_source *s, uint64_t limit, struct ship_record *out,
                                struct err *e);
#endif
