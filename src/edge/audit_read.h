/*
 * audit_read: read a segment of the audit log line by line in bounded memory, and check its chain. The writer uses it
 * when it starts, `easgate audit` when it verifies and shows.
 */
#ifndef EG_AUDIT_READ_H
#define EG_AUDIT_READ_H
#include "core/audit_chain.h"

/* One piece of a file, as the reader gives it; line points into the reader and is good until the next call. */
struct audit_text {
    struct slice line; /* without its '\n' */
    uint64_t offset;   /* of its first byte in the file */
    uint64_t number;   /* from 1 */
    bool is_whole;     /* ended by '\n' and not too long; else line is only how it begins */
};

struct audit_reader;
/* A reader over fd, from where it stands, of lines or of a zstd stream of lines; fd stays the caller's. NULL without memory. */
struct audit_reader *audit_reader_new(int fd, bool is_zst);
void audit_reader_free(struct audit_reader **r);
/* The next line; false at the end and when reading fails. */
bool audit_reader_next(struct audit_reader *r, struct audit_text *out);
/* errno of a failed read; 0 = none failed. */
int audit_reader_error(const struct audit_reader *r);
/* Why the zstd stream ended before its end; NULL = it did not. */
const char *audit_reader_damage(const struct audit_reader *r);
/* Bytes of lines read so far; and bytes of the file that were taken for them. */
uint64_t audit_reader_offset(const struct audit_reader *r);
uint64_t audit_reader_taken(const struct audit_reader *r);

/* ---- the chain within one file ---- */

enum audit_scan_result {
    AUDIT_SCAN_WHOLE = 1,
    AUDIT_SCAN_TORN,   /* whole, but for a tail that holds no record: a write that a crash cut off */
    AUDIT_SCAN_BROKEN, /* changed: bad_line and the error say where and how */
    AUDIT_SCAN_FAILED  /* could not be read */
};

struct audit_scan {
    /* in */
    struct audit_chain chain; /* where the file must go on; moves along */
    bool chain_known;         /* false: the first line says where the file begins; becomes true with it */
    uint64_t stop_after_seq;  /* read no further than this record; 0 = to the end */
    bool is_zst;              /* the file is compressed */
    bool (*each)(void *ctx, const struct audit_line *line,
                 const struct audit_text *text); /* may be NULL; false ends */
    void *ctx;
    /* out */
    uint64_t first_seq, records;
    uint64_t good_bytes; /* up to and with the last good line */
    uint64_t all_bytes;  /* read until the end */
    uint64_t file_bytes; /* of the file, that were taken for them */
    uint64_t bad_line;   /* number of the first line that is not good; 0 = none */
    bool is_closed;      /* the last good line is a rotate record that closes its segment, not one that announces a removal */
    int64_t first_wall_ms; /* t of the first line */
};

/* Read fd from its beginning. e gets the reason for anything but AUDIT_SCAN_WHOLE, without the file's name. */
enum audit_scan_result audit_scan(int fd, struct audit_scan *s, struct err *e);
#endif
