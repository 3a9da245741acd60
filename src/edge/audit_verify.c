/*
 * Verifying an audit log: see audit_verify.h. What may interrupt the chain, and must then be explained by a recover record:
 *   a broken segment     counts up to the record where the next segment goes on, which names it in a recover record
 *   torn bytes           in a file of their own; the recover record names it, the chain does not feel them
 * Everything else that does not fit is a finding.
 */
#include "edge/audit_verify.h"
#include "base/enc.h"
#include "edge/audit_read.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct verify {
    struct audit_chain chain;
    bool chain_known;
    const struct audit_part *part;
    const struct audit_part *unexplained; /* a broken segment that no recover record has named yet */
    uint64_t records_of_part;
    struct audit_verdict *out;
    audit_note_fn note;
    void *ctx;
};

static void tell(const struct verify *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(const struct verify *v, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (v->note)
        v->note(v->ctx, text);
}

static bool each_line(void *ctx, const struct audit_line *line, const struct audit_text *text)
{
    struct verify *v = ctx;

    v->records_of_part++;
    v->out->records++;
    if (!v->out->first_seq)
        v->out->first_seq = line->seq;
    v->out->last_seq = line->seq;
    snprintf(v->out->last_t, sizeof v->out->last_t, "%.*s", SLICE_FMT(line->t));
    if (line->kind != AUDIT_RECOVER)
        return true;
    struct slice file = audit_line_field(line, S("file")), why = audit_line_field(line, S("note"));
    tell(v, "%s:%llu: goes on behind record %.*s%s%.*s: %.*s", v->part->path,
         (unsigned long long)text->number, SLICE_FMT(audit_line_field(line, S("last_seq"))),
         file.n ? ", set aside in " : "", SLICE_FMT(file), SLICE_FMT(why));
    /* The first record of the next segment, or the second, behind `start`. */
    if (v->unexplained && v->records_of_part <= 2 && slice_eq(file, slice_of(v->unexplained->name)))
        v->unexplained = NULL;
    return true;
}

static bool place(struct err *e, enum err_code code, const char *path, uint64_t line, const char *why)
{
    return err_set(e, code, "%s:%llu: %s", path, (unsigned long long)line, why);
}

/* Does a process hold the lock of a writer on this file? */
static bool is_being_written(int fd)
{
    if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
        flock(fd, LOCK_UN);
        return false;
    }
    return errno == EWOULDBLOCK;
}

/* The scan stopped: is that a finding? */
static bool judge(struct verify *v, int fd, enum audit_scan_result result, const struct audit_scan *scan,
                  const struct err *why, struct err *e)
{
    if (result == AUDIT_SCAN_WHOLE)
        return true;
    if (result == AUDIT_SCAN_FAILED)
        return err_set(e, ERR_IO, "%s: %s", v->part->path, why->text);
    if (result == AUDIT_SCAN_TORN && is_being_written(fd)) {
        tell(v, "%s:%llu: the last line is being written", v->part->path, (unsigned long long)scan->bad_line);
        return true;
    }
    return place(e, ERR_CONFLICT, v->part->path, scan->bad_line,
                 result == AUDIT_SCAN_TORN ? "the last line is no record (cut by a crash, or changed)"
                                           : why->text);
}

/* A name that says which records are inside must be right. */
static bool fits_name(const struct verify *v, const struct audit_scan *scan, struct err *e)
{
    const struct audit_part *p = v->part;

    if (p->kind != AUDIT_FILE_FULL || (p->named_first == scan->first_seq &&
                                       p->named_last == scan->chain.seq && scan->last_kind == AUDIT_ROTATE))
        return true;
    return place(e, ERR_CONFLICT, p->path, scan->records,
                 "the segment does not hold the records of its name, up to a rotate record");
}

static bool check_broken(struct verify *v, const struct audit_scan *scan, struct err *e)
{
    const struct audit_part *p = v->part;

    if (!p->stop_after_seq)
        return place(e, ERR_CONFLICT, p->path, scan->records, "set aside, and no segment goes on behind it");
    if (scan->chain.seq != p->stop_after_seq)
        return err_set(e, ERR_CONFLICT, "%s:%llu: records %llu to %llu are missing", p->path,
                       (unsigned long long)scan->records + 1, (unsigned long long)scan->chain.seq + 1,
                       (unsigned long long)p->stop_after_seq);
    if (p->bytes > scan->good_bytes)
        tell(v, "%s: %llu bytes behind record %llu do not count", p->path,
             (unsigned long long)(p->bytes - scan->good_bytes), (unsigned long long)p->stop_after_seq);
    v->unexplained = p;
    return true;
}

static bool scan_part(struct verify *v, int fd, struct err *e)
{
    const struct audit_part *p = v->part;
    struct audit_scan scan = { .chain = v->chain,
                               .chain_known = v->chain_known,
                               .stop_after_seq = p->stop_after_seq,
                               .is_zst = p->is_zst,
                               .each = each_line,
                               .ctx = v };
    struct err why = { 0 };
    const struct audit_part *to_explain = v->unexplained;

    v->records_of_part = 0;
    enum audit_scan_result result = audit_scan(fd, &scan, &why);
    bool is_broken = p->kind == AUDIT_FILE_BROKEN;
    v->chain = scan.chain;
    v->chain_known = scan.chain_known;
    /* What follows the last good record of a broken segment does not count, if the next one says so. */
    if (result == AUDIT_SCAN_FAILED || !is_broken || !p->stop_after_seq)
        if (!judge(v, fd, result, &scan, &why, e))
            return false;
    if (to_explain && v->unexplained == to_explain)
        return place(e, ERR_CONFLICT, p->path, 1, "no recover record names the broken segment before it");
    return is_broken ? check_broken(v, &scan, e) : fits_name(v, &scan, e);
}

static bool check_order(struct verify *v, struct err *e)
{
    const struct audit_part *p = v->part;
    uint64_t next = v->chain.seq + 1;

    if (!v->chain_known || !p->first_seq || p->first_seq == next)
        return true;
    if (p->first_seq > next)
        return err_set(e, ERR_CONFLICT, "%s:1: records %llu to %llu are missing before it", p->path,
                       (unsigned long long)next, (unsigned long long)p->first_seq - 1);
    return err_set(e, ERR_CONFLICT, "%s:1: record %llu comes a second time", p->path,
                   (unsigned long long)p->first_seq);
}

static bool verify_part(struct verify *v, struct err *e)
{
    const struct audit_part *p = v->part;

    if (!p->first_seq && (p->bytes == 0 || p->kind == AUDIT_FILE_BROKEN)) {
        tell(v, "%s: holds no record", p->path);
        return true;
    }
    if (p->kind == AUDIT_FILE_BROKEN && p->stop_after_seq && p->stop_after_seq < p->first_seq) {
        tell(v, "%s: set aside; none of its records counts", p->path);
        return true;
    }
    if (!check_order(v, e))
        return false;
    int fd = open(p->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, ERR_IO, "%s: %s", p->path, strerror(errno));
    v->out->files++;
    bool ok = scan_part(v, fd, e);
    close(fd);
    return ok;
}

bool audit_verify(const struct audit_parts *parts, audit_note_fn note, void *ctx, struct audit_verdict *out,
                  struct err *e)
{
    struct verify v = { .out = out, .note = note, .ctx = ctx };
    bool ok = true;

    *out = (struct audit_verdict){ 0 };
    for (size_t i = 0; ok && i < parts->count; i++) {
        v.part = &parts->list[i];
        ok = verify_part(&v, e);
    }
    enc_hex(v.chain.hash, sizeof v.chain.hash, out->last_hash);
    return ok && (out->records || err_set(e, ERR_CONFLICT, "no record in any file"));
}
