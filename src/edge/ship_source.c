/*
 * Reading a living log: see ship_source.h. A segment is found by its first record, then followed by its descriptor, so that a
 * new name does no harm. At its end the next one is looked for. Only records up to the caller's limit are touched: what
 * stands behind it may still be taken back. Must never skip a record without saying so.
 */
#include "edge/ship_source.h"
#include "base/digest.h"
#include "base/enc.h"
#include "edge/audit_parts.h"
#include "edge/audit_read.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct ship_source {
    struct audit_names names;
    struct ship_mark mark; /* the next record is the one behind it */
    bool was_sought;       /* no record was read since */
    /* the open segment */
    int fd;
    bool is_zst, is_current; /* is_current: it was the one that is written */
    struct stat st;
    struct audit_reader *reader; /* over fd from offset on; NULL while nothing is to be read */
    uint64_t offset;             /* of the line to be read next, when there is no reader */
    uint64_t stop_after_seq;     /* of a broken segment; 0 = to its end */
    uint64_t following;          /* first record of the segment behind it; 0 = there was none */
};

struct ship_source *ship_source_new(const char *log_path, struct err *e)
{
    struct ship_source *s = calloc(1, sizeof *s);

    if (!s) {
        err_set(e, ERR_MEMORY, "no memory to read the log");
        return NULL;
    }
    s->fd = -1;
    if (!audit_names_init(&s->names, log_path, e))
        ship_source_free(&s);
    return s;
}

/* A compressed segment can only be read from its beginning, so its reader stays. */
static void drop_reader(struct ship_source *s)
{
    if (!s->reader || s->is_zst)
        return;
    s->offset += audit_reader_offset(s->reader);
    audit_reader_free(&s->reader);
}

static void close_segment(struct ship_source *s)
{
    audit_reader_free(&s->reader);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

void ship_source_free(struct ship_source **s)
{
    if (!*s)
        return;
    close_segment(*s);
    free(*s);
    *s = NULL;
}

void ship_source_seek(struct ship_source *s, const struct ship_mark *mark)
{
    if (s->mark.seq == mark->seq && s->mark.has_hash == mark->has_hash)
        return; /* the place where it stands: a segment need not be read again from its beginning */
    close_segment(s);
    s->mark = *mark;
    s->was_sought = true;
}

/* ---- finding the segment ---- */

static bool open_part(struct ship_source *s, const struct audit_part *part, struct err *e)
{
    s->fd = open(part->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (s->fd < 0 || fstat(s->fd, &s->st) != 0) {
        err_set(e, ERR_IO, "%s: %s", part->path, strerror(errno));
        close_segment(s);
        return false;
    }
    s->offset = 0;
    s->is_zst = part->is_zst;
    s->is_current = strcmp(part->name, s->names.base) == 0;
    s->stop_after_seq = part->stop_after_seq;
    return true;
}

static enum ship_read gap(const struct ship_source *s, uint64_t first_there, struct ship_record *out,
                          struct err *e)
{
    out->gap_until = first_there - 1;
    err_set(e, ERR_MISSING, "records %llu to %llu are in no segment", (unsigned long long)s->mark.seq + 1,
            (unsigned long long)out->gap_until);
    return SHIP_READ_GAP;
}

/* Where a segment begins. One whose first line cannot be read begins where its name says. */
static uint64_t start_of(const struct audit_part *p)
{
    return p->first_seq ? p->first_seq : p->named_first;
}

/* Open the segment that has the next record, by what the list says. Of two that begin with the same, the later one counts. */
static enum ship_read find_in(struct ship_source *s, const struct audit_parts *parts, struct ship_record *out,
                              struct err *e)
{
    uint64_t next = s->mark.seq + 1;
    const struct audit_part *best = NULL;

    s->following = 0;
    for (size_t i = 0; i < parts->count; i++) {
        const struct audit_part *p = &parts->list[i];
        uint64_t start = start_of(p);
        if (start > next && (!s->following || start < s->following))
            s->following = start;
        if (start && start <= next && (!best || start >= start_of(best)))
            best = p;
    }
    bool is_inside = best && (best->kind != AUDIT_FILE_FULL || best->named_last < best->named_first ||
                              best->named_last >= next);
    if (is_inside)
        return open_part(s, best, e) ? SHIP_READ_RECORD : SHIP_READ_FAILED;
    if (s->following)
        return gap(s, s->following, out, e);
    err_set(e, ERR_MISSING, "record %llu is in no segment", (unsigned long long)next);
    return SHIP_READ_FAILED;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Look for the segment of the next record anew. *out_same = it is the one that was open, which goes on where it stood. */
static enum ship_read find(struct ship_source *s, bool *out_same, struct ship_record *out, struct err *e)
{
    struct audit_parts parts = AUDIT_PARTS_NONE;
    enum ship_read result = SHIP_READ_FAILED;
    struct stat was = s->st;
    uint64_t offset = s->offset;
    bool had_one = s->fd >= 0;

    close_segment(s);
    if (audit_parts_add_log(&parts, &s->names, e)) {
        audit_parts_sort(&parts);
        result = find_in(s, &parts, out, e);
    }
    audit_parts_drop(&parts);
    *out_same = result == SHIP_READ_RECORD && had_one && is_same_file(&s->st, &was);
    if (*out_same && !s->is_zst)
        s->offset = offset;
    return result;
}

/* ---- reading ---- */

static bool need_reader(struct ship_source *s, struct err *e)
{
    if (s->reader)
        return true;
    if (lseek(s->fd, (off_t)s->offset, SEEK_SET) != (off_t)s->offset)
        return err_set(e, ERR_IO, "%s: %s", s->names.path, strerror(errno));
    s->reader = audit_reader_new(s->fd, s->is_zst);
    return s->reader || err_set(e, ERR_MEMORY, "no memory to read the log");
}

/* A line that is no record, or not the one that must stand here. */
static enum ship_read broken(struct ship_source *s, struct ship_record *out, const struct err *why,
                             struct err *e)
{
    uint64_t following = s->following;
    bool was_sought = s->was_sought;

    close_segment(s);
    err_set(e, ERR_CONFLICT, "record %llu: %s", (unsigned long long)s->mark.seq + 1, why->text);
    if (was_sought && s->mark.has_hash && why->code == ERR_CONFLICT)
        return SHIP_READ_FOREIGN;
    if (!following)
        return SHIP_READ_FAILED;
    out->gap_until = following - 1;
    return SHIP_READ_GAP;
}

/* Does the line follow the mark? */
static bool follows(const struct ship_source *s, const struct audit_line *line, struct err *why)
{
    char prev[2 * AUDIT_HASH_BYTES + 1];

    if (line->seq != s->mark.seq + 1)
        return err_set(why, ERR_MISSING, "record %llu stands in its place", (unsigned long long)line->seq);
    enc_hex(s->mark.hash, sizeof s->mark.hash, prev);
    return !s->mark.has_hash || slice_eq(line->prev, slice_of(prev)) ||
           err_set(why, ERR_CONFLICT, "its prev is not the hash of the record before");
}

/* The reader has no more lines. */
static enum ship_read at_end(struct ship_source *s, struct ship_record *out, struct err *e)
{
    int error = audit_reader_error(s->reader);
    const char *damage = audit_reader_damage(s->reader);
    struct err why = { 0 };

    if (error) {
        err_set(e, ERR_IO, "%s: %s", s->names.path, strerror(error));
        close_segment(s);
        return SHIP_READ_FAILED;
    }
    if (damage) {
        err_set(&why, ERR_SYNTAX, "%s", damage);
        return broken(s, out, &why, e);
    }
    drop_reader(s);
    return SHIP_READ_NONE;
}

/* The next line of the open segment that is not before the place; SHIP_READ_NONE at the segment's end. */
static enum ship_read read_line(struct ship_source *s, struct ship_record *out, struct err *e)
{
    struct audit_text text;
    struct err why = { 0 };

    if (!need_reader(s, e))
        return SHIP_READ_FAILED;
    do {
        if (!audit_reader_next(s->reader, &text))
            return at_end(s, out, e);
        if (!text.is_whole)
            err_set(&why, ERR_SYNTAX, "the line is cut or too long");
        if (!text.is_whole || !audit_line_parse(text.line, &out->line, &why))
            return broken(s, out, &why, e);
    } while (out->line.seq <= s->mark.seq);
    if (!follows(s, &out->line, &why))
        return broken(s, out, &why, e);
    out->text = text.line;
    out->mark = (struct ship_mark){ .seq = out->line.seq, .has_hash = true };
    if (!digest_sha256(text.line, out->mark.hash)) {
        err_set(e, ERR_CRYPTO, "SHA-256 failed");
        close_segment(s);
        return SHIP_READ_FAILED;
    }
    s->mark = out->mark;
    s->was_sought = false;
    return SHIP_READ_RECORD;
}

/* The open segment has no more lines, so the next record is in another one. */
static enum ship_read go_on(struct ship_source *s, struct ship_record *out, struct err *e)
{
    bool is_same;
    enum ship_read result = find(s, &is_same, out, e);

    if (result != SHIP_READ_RECORD)
        return result;
    if (!is_same)
        return read_line(s, out, e);
    uint64_t following = s->following;
    close_segment(s);
    if (following)
        return gap(s, following, out, e);
    err_set(e, ERR_MISSING, "record %llu is not in its segment", (unsigned long long)s->mark.seq + 1);
    return SHIP_READ_FAILED;
}

/* The segment that was written when it was opened is not any more: it is full, or was set aside, and what stands behind some
 * record in it does not count. The caller's limit is no younger than this look. */
static bool has_moved(const struct ship_source *s)
{
    struct stat now;

    return s->is_current && (stat(s->names.path, &now) != 0 || !is_same_file(&now, &s->st));
}

enum ship_read ship_source_next(struct ship_source *s, uint64_t limit, struct ship_record *out, struct err *e)
{
    enum ship_read result = SHIP_READ_RECORD;
    bool is_same;

    if (s->mark.seq >= limit) {
        drop_reader(s);
        return SHIP_READ_NONE;
    }
    if (s->fd >= 0 && s->stop_after_seq && s->mark.seq >= s->stop_after_seq)
        close_segment(s);
    if (s->fd < 0 || (!s->reader && has_moved(s)))
        result = find(s, &is_same, out, e);
    if (result == SHIP_READ_RECORD)
        result = read_line(s, out, e);
    if (result == SHIP_READ_NONE) /* at the end as it was when it was opened */
        result = read_line(s, out, e);
    if (result == SHIP_READ_NONE)
        result = go_on(s, out, e);
    if (result == SHIP_READ_NONE)
        err_set(e, ERR_MISSING, "record %llu is not in its segment", (unsigned long long)s->mark.seq + 1);
    return result == SHIP_READ_NONE ? SHIP_READ_FAILED : result;
}
