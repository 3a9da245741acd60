/*
 * audit_files: which files belong to one audit log, and what their names say. For a log at DIR/audit.jsonl:
 *   audit.jsonl                     the segment that is written now
 *   audit-FIRST-LAST.jsonl          a full segment, with the seq of its first and last record
 *   audit-FIRST-LAST.jsonl.zst      the same, compressed (one zstd frame with a checksum); whole if it has this name
 *   audit-FIRST-LAST.jsonl.zst.part a compression under way, or cut off: of no account
 *   audit-broken-TIME.jsonl         a segment that was closed for good and set aside; a recover record names it
 *   audit.jsonl.torn-TIME           bytes that never became a record, kept apart
 *   audit.jsonl.lock                locked by the one process that writes
 */
#ifndef EG_AUDIT_FILES_H
#define EG_AUDIT_FILES_H
#include "base/err.h"
#include <limits.h>
#include <stdint.h>

#define AUDIT_NAME_MAX (NAME_MAX + 1)

struct audit_names {
    char path[PATH_MAX];
    char dir[PATH_MAX];
    char base[AUDIT_NAME_MAX]; /* "audit.jsonl" */
    char stem[AUDIT_NAME_MAX]; /* "audit" */
    char ext[AUDIT_NAME_MAX];  /* ".jsonl", with its dot, or "" */
};

enum audit_file_kind {
    AUDIT_FILE_NONE = 0, /* none of this log */
    AUDIT_FILE_CURRENT,
    AUDIT_FILE_FULL,
    AUDIT_FILE_BROKEN,
    AUDIT_FILE_TORN
};

struct audit_file {
    char name[AUDIT_NAME_MAX];
    enum audit_file_kind kind;
    bool is_zst;          /* of full segments only */
    bool has_twin;        /* it is there compressed, too */
    uint64_t first, last; /* of full segments, as the name says; else 0 */
};

/* The parts of a log's path. False when it is too long, or no file name. */
bool audit_names_init(struct audit_names *n, const char *path, struct err *e);
/* The kind of a name in the log's directory. */
enum audit_file_kind audit_file_kind_of(const struct audit_names *n, const char *name,
                                        struct audit_file *out);
/* Names to be given; false when they would be too long. wall_ms makes the TIME. */
bool audit_name_full(const struct audit_names *n, uint64_t first, uint64_t last, char out[AUDIT_NAME_MAX]);
/* Of a full segment once it is compressed. */
bool audit_name_zst(const char *full_name, char out[AUDIT_NAME_MAX]);
bool audit_name_broken(const struct audit_names *n, int64_t wall_ms, char out[AUDIT_NAME_MAX]);
bool audit_name_torn(const struct audit_names *n, int64_t wall_ms, char out[AUDIT_NAME_MAX]);

/* All files of the log, full segments in order of their first seq, then the others by name. A segment that is there
 * plain and compressed (a crash came between) is listed once, plain. The caller frees *out. */
bool audit_files_list(const struct audit_names *n, struct audit_file **out, size_t *out_count, struct err *e);
#endif
