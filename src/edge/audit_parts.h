/*
 * audit_parts: the segments of one log in the order of their records, as the chain goes through them. A segment that was
 * closed for good counts only up to where the next one goes on.
 */
#ifndef EG_AUDIT_PARTS_H
#define EG_AUDIT_PARTS_H
#include "edge/audit_files.h"
#include <stddef.h>

struct audit_part {
    char path[PATH_MAX];
    char name[AUDIT_NAME_MAX];        /* the path's last part */
    enum audit_file_kind kind;        /* AUDIT_FILE_NONE for a path of the caller's that has no such name */
    bool is_zst;                      /* by its name */
    bool has_twin;                    /* it is there compressed, too; that file is not looked at */
    uint64_t named_first, named_last; /* what a full segment's name says; else 0 */
    uint64_t first_seq;               /* of its first line; 0 = that is no record, or the file is empty, or is_void */
    uint64_t stop_after_seq;          /* a broken segment: the last record that counts; 0 = all */
    bool is_void;                     /* a broken segment none of whose records counts */
    uint64_t bytes;
    int64_t changed_s; /* mtime */
    int fd;            /* of the current segment, which may get another name before it is read; else -1 */
};

struct audit_parts {
    size_t count;
    struct audit_part *list;
};
#define AUDIT_PARTS_NONE ((struct audit_parts){ 0, NULL })
void audit_parts_drop(struct audit_parts *p);

/* Add a file (its first line is read; the kind follows from its name). False when it cannot be opened. */
bool audit_parts_add(struct audit_parts *p, const char *path, struct err *e);
/* Add all segments of a log, not its torn bytes; as they are at one moment, also while they are rotated and compressed. */
bool audit_parts_add_log(struct audit_parts *p, const struct audit_names *names, struct err *e);
/* Open a part for reading, from its beginning, also when it was closed or compressed since it was added. -1 with errno. */
int audit_part_open(const struct audit_part *part, bool *out_is_zst);
/* May its end be half a line, since a process has the lock of a writer on it? fd: of the part, opened. */
bool audit_part_is_being_written(const struct audit_part *part, int fd);
/* Put them in order: full segments by named_first, others by first_seq, the current one behind them, those without a record at
 * the end; and set stop_after_seq. */
void audit_parts_sort(struct audit_parts *p);
#endif
