/*
 * Verifying an audit log: see audit_verify.h. What may interrupt the chain, and must then be explained by a recover record:
 *   a broken segment     counts up to the record where the next segment goes on, which names it in a recover record
 *   torn bytes           in a file of their own; the recover record names it, the chain does not feel them
 * Everything else that does not fit is a finding.
 */
#include "edge/audit_verify.h"
#include "base/enc.h"
#include "base/num.h"
#include "edge/audit_read.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_RECORDS 4096
#define NOT_EXPLAINED    "no recover record names the broken segment before it"
#define ACCEPTED         "accepted by the operator" /* ledger_start.c writes it */
#define NOT_ITS_NAME     "the segment does not hold the records of its name, up to a rotate record"

struct verify {
    const struct audit_verify *what;
    struct audit_key key; /* moves on with the records; empty = none */
    struct audit_chain chain;
    bool chain_known;
    const struct audit_part *part;
    const struct audit_scan *scan;        /* of the part */
    const struct audit_part *unexplained; /* a broken segment that no recover record has named yet */
    bool is_opening;                      /* no record yet of a kind that comes behind the recover records */
    bool is_closed;                       /* the last record closes its segment */
    struct err failure;                   /* found while a record was looked at */
    size_t next_mark;
    uint64_t done_bytes, all_bytes;
    const char *first_path;
    const char *last_path; /* with last_line: where the last record stands */
    uint64_t last_line;
    unsigned char first_prev[AUDIT_HASH_BYTES];
    struct audit_verdict *out;
};

static void tell(const struct verify *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(const struct verify *v, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (v->what->note)
        v->what->note(v->what->ctx, text);
}

static bool place(struct err *e, enum err_code code, const char *path, uint64_t line, const char *why)
{
    return err_set(e, code, "%s:%llu: %s", path, (unsigned long long)line, why);
}

/* ---- one record ---- */

static uint64_t number_of(const struct audit_line *line, struct slice key)
{
    uint64_t n = 0;

    num_u64(audit_line_field(line, key), 0, UINT64_MAX, &n);
    return n;
}

static bool is_hash(struct slice hex, const unsigned char hash[AUDIT_HASH_BYTES])
{
    unsigned char bytes[AUDIT_HASH_BYTES];

    return enc_unhex(hex, bytes, sizeof bytes) && memcmp(bytes, hash, sizeof bytes) == 0;
}

static bool check_recover(struct verify *v, const struct audit_line *line, const struct audit_text *text)
{
    struct slice file = audit_line_field(line, S("file"));
    uint64_t last = number_of(line, S("last_seq"));

    tell(v, "%s:%llu: goes on behind record %llu%s%.*s: %.*s", v->part->path,
         (unsigned long long)text->number, (unsigned long long)last, file.n ? ", set aside in " : "",
         SLICE_FMT(file), SLICE_FMT(audit_line_field(line, S("note"))));
    if (last >= line->seq || !audit_line_field(line, S("last_seq")).p)
        return place(&v->failure, ERR_CONFLICT, v->part->path, text->number,
                     "a recover record that goes on behind a later record, or does not say behind which");
    bool is_verified = v->what->from && line->seq <= v->what->from->seq;
    if (!is_verified && slice_starts(audit_line_field(line, S("note")), S(ACCEPTED)))
        return place(&v->failure, ERR_CONFLICT, v->part->path, text->number,
                     "the log was changed before this record, and the operator let the gateway go on");
    if (!v->unexplained || !v->is_opening || !slice_eq(file, slice_of(v->unexplained->name)))
        return true;
    if (last != v->unexplained->stop_after_seq)
        return place(&v->failure, ERR_CONFLICT, v->part->path, text->number,
                     "the recover record does not go on where the broken segment ends");
    v->unexplained = NULL;
    return true;
}

/* A rotate record with last_seq announces that a segment is removed; one without closes its own. */
static void take_rotate(struct verify *v, const struct audit_line *line)
{
    uint64_t last = number_of(line, S("last_seq"));

    v->is_closed = !audit_line_field(line, S("last_seq")).p;
    if (last && last + 1 == v->out->first_seq && is_hash(audit_line_field(line, S("hash")), v->first_prev)) {
        v->out->removed_by_seq = line->seq;
        snprintf(v->out->beginning, sizeof v->out->beginning,
                 "records up to %llu were removed, as record %llu says", (unsigned long long)last,
                 (unsigned long long)line->seq);
    }
}

/* Is the record that was just read the one of this checkpoint, made with this log's key? */
static bool check_mark(struct verify *v, const struct audit_mark *mark, const struct audit_line *line,
                       const struct audit_text *text)
{
    bool has_hash = memcmp(mark->hash, v->scan->chain.hash, sizeof mark->hash) == 0;
    bool has_epochs_key = v->key.key && line->version > 1 && line->epoch == v->key.epoch;
    char why[160];

    if (has_hash && (!has_epochs_key || audit_mark_fits_key(mark, &v->key)))
        return true;
    snprintf(why, sizeof why, "record %llu is not the one of %s", (unsigned long long)mark->seq,
             has_hash ? "this log's key: the checkpoint's mac is another's"
                      : "the checkpoint: it has another hash");
    return place(&v->failure, ERR_CONFLICT, v->part->path, text->number, why);
}

/* The checkpoints of this record. */
static bool check_marks(struct verify *v, const struct audit_line *line, const struct audit_text *text)
{
    const struct audit_marks *m = v->what->marks;
    const struct audit_mark *from = v->what->from;

    for (; m && v->next_mark < m->count && m->list[v->next_mark].seq <= line->seq; v->next_mark++) {
        const struct audit_mark *mark = &m->list[v->next_mark];
        if (mark->seq < line->seq)
            continue; /* before the first record */
        if (!check_mark(v, mark, line, text))
            return false;
        v->out->marks++;
        v->out->marked_seq = mark->seq;
    }
    return !from || from->seq != line->seq || check_mark(v, from, line, text);
}

static void take_first(struct verify *v, const struct audit_line *line)
{
    v->out->first_seq = line->seq;
    v->first_path = v->part->path;
    enc_unhex(line->prev, v->first_prev, sizeof v->first_prev);
}

static bool each_line(void *ctx, const struct audit_line *line, const struct audit_text *text)
{
    struct verify *v = ctx;

    if (!v->out->first_seq)
        take_first(v, line);
    v->is_closed = false;
    if (line->kind == AUDIT_ROTATE)
        take_rotate(v, line);
    if ((line->kind == AUDIT_RECOVER && !check_recover(v, line, text)) || !check_marks(v, line, text))
        return false;
    v->is_opening = v->is_opening && audit_type_opens(line->kind);
    if (v->unexplained && !v->is_opening)
        return place(&v->failure, ERR_CONFLICT, v->part->path, text->number, NOT_EXPLAINED);
    v->out->last_seq = line->seq;
    memcpy(v->out->last_t, line->t.p, line->t.n);
    v->last_path = v->part->path;
    v->last_line = text->number;
    if (++v->out->records % PROGRESS_RECORDS == 0 && v->what->progress)
        v->what->progress(v->what->ctx, v->done_bytes + v->scan->file_bytes, v->all_bytes);
    return true;
}

/* ---- one segment ---- */

/* The scan stopped: is that a finding? */
static bool judge(struct verify *v, int fd, enum audit_scan_result result, const struct audit_scan *scan,
                  const struct err *why, struct err *e)
{
    if (result == AUDIT_SCAN_WHOLE)
        return true;
    if (result == AUDIT_SCAN_FAILED)
        return err_set(e, ERR_IO, "%s: %s", v->part->path, why->text);
    if (result == AUDIT_SCAN_TORN && audit_part_is_being_written(v->part, fd)) {
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

    if (p->kind != AUDIT_FILE_FULL ||
        (p->named_first == scan->first_seq && p->named_last == scan->chain.seq && v->is_closed))
        return true;
    return place(e, ERR_CONFLICT, p->path, scan->records ? scan->records : 1, NOT_ITS_NAME);
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

static bool scan_part(struct verify *v, int fd, bool is_zst, struct err *e)
{
    const struct audit_part *p = v->part;
    struct audit_scan scan = { .chain = v->chain,
                               .chain_known = v->chain_known,
                               .stop_after_seq = p->stop_after_seq,
                               .is_zst = is_zst,
                               .each = each_line,
                               .ctx = v };
    struct err why = { 0 };
    const struct audit_part *to_explain = v->unexplained;

    v->scan = &scan;
    v->is_opening = true;
    v->is_closed = false;
    enum audit_scan_result result = audit_scan(fd, &scan, &why);
    bool is_broken = p->kind == AUDIT_FILE_BROKEN;
    v->chain = scan.chain;
    v->chain_known = scan.chain_known;
    if (v->failure.code)
        return err_set(e, v->failure.code, "%s", v->failure.text);
    /* What follows the last good record of a broken segment does not count, if the next one says so. */
    if (result == AUDIT_SCAN_FAILED || !is_broken || !p->stop_after_seq)
        if (!judge(v, fd, result, &scan, &why, e))
            return false;
    if (to_explain && v->unexplained == to_explain)
        return place(e, ERR_CONFLICT, p->path, scan.records ? scan.records : 1, NOT_EXPLAINED);
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

    if (p->is_void) {
        tell(v, "%s: set aside; none of its records counts", p->path);
        return true;
    }
    if (p->kind == AUDIT_FILE_FULL && p->bytes == 0)
        return place(e, ERR_CONFLICT, p->path, 1, NOT_ITS_NAME);
    if (!p->first_seq && (p->bytes == 0 || p->kind == AUDIT_FILE_BROKEN)) {
        tell(v, "%s: holds no record", p->path);
        return true;
    }
    if (!check_order(v, e))
        return false;
    if (p->has_twin)
        tell(v, "%s: is there as .zst, too, which was not looked at", p->path);
    bool is_zst;
    int fd = audit_part_open(p, &is_zst);
    if (fd < 0)
        return err_set(e, ERR_IO, "%s: %s", p->path, strerror(errno));
    v->out->files++;
    bool ok = scan_part(v, fd, is_zst, e);
    close(fd);
    v->done_bytes += p->bytes;
    return ok;
}

/* ---- the whole log ---- */

static uint64_t begins_with(const struct audit_part *p)
{
    return p->kind == AUDIT_FILE_FULL ? p->named_first : p->first_seq;
}

/* The first part that is of use: the one that holds the record to begin with, or the one behind it. Whatever stands behind it is
 * read, so none is skipped whose records may come later: not one before a part that goes back, as a current segment does that
 * repeats what full ones hold. */
static size_t first_part(const struct verify *v)
{
    const struct audit_parts *parts = v->what->parts;
    size_t first = 0;

    for (size_t i = 1; v->what->from && i < parts->count; i++) {
        uint64_t seq = begins_with(&parts->list[i]);
        if (seq && (seq > v->what->from->seq || seq <= begins_with(&parts->list[first])))
            break;
        if (seq)
            first = i;
    }
    return first;
}

static bool check_beginning(struct verify *v, struct err *e)
{
    const struct audit_mark *from = v->what->from;
    uint64_t first = v->out->first_seq, known = from ? from->seq : 0;
    char why[200];

    if (from && first <= known + 1) {
        if (first == known + 1 && memcmp(from->hash, v->first_prev, sizeof v->first_prev) != 0)
            return place(e, ERR_CONFLICT, v->first_path, 1,
                         "does not go on behind the checkpoint to begin with");
        snprintf(v->out->beginning, sizeof v->out->beginning,
                 "what is before the checkpoint of record %llu was not read", (unsigned long long)known);
        return true;
    }
    v->out->unseen_from = first > known + 1 ? known + 1 : 0;
    if (first <= 1 || v->out->removed_by_seq || (!from && !v->what->from_beginning))
        return true;
    snprintf(why, sizeof why, "records %llu to %llu are missing before it, and no rotate record says why",
             (unsigned long long)known + 1, (unsigned long long)first - 1);
    return place(e, ERR_CONFLICT, v->first_path, 1, why);
}

static bool check_end(struct verify *v, struct err *e)
{
    struct audit_verdict *out = v->out;
    const struct audit_marks *m = v->what->marks;

    enc_hex(v->chain.hash, sizeof v->chain.hash, out->last_hash);
    out->is_keyed = v->chain.is_keyed;
    out->keyed = v->chain.keyed_lines;
    out->macs = v->chain.macs_good;
    out->openings = v->chain.openings;
    out->ends_sealed = v->chain.ends_sealed;
    out->ends_good = v->chain.ends_good;
    if (m && m->count && m->list[m->count - 1].seq > out->last_seq)
        out->short_of = m->list[m->count - 1].seq;
    if (v->what->from && v->what->from->seq > out->last_seq && v->what->from->seq > out->short_of)
        out->short_of = v->what->from->seq;
    if (v->chain.late_lines)
        tell(v, "%llu records have times before their epoch, behind a clock or recover record",
             (unsigned long long)v->chain.late_lines);
    if (!v->what->key)
        return true;
    if (!out->is_keyed)
        return place(e, ERR_CONFLICT, v->last_path ? v->last_path : v->part->path, v->last_line,
                     "the last record has no mac, though there is a key");
    return out->macs ||
           err_set(e, ERR_RANGE, "the key is of epoch %llu, later than every record: it shows nothing",
                   (unsigned long long)v->what->key->epoch);
}

bool audit_verify(const struct audit_verify *what, struct audit_verdict *out, struct err *e)
{
    struct verify v = { .what = what, .out = out };
    bool ok = true;

    *out = (struct audit_verdict){ 0 };
    if (!what->parts->count)
        return err_set(e, ERR_CONFLICT, "no file of a log");
    if (what->key && !audit_key_copy(&v.key, what->key, e))
        return false;
    v.chain.key = what->key ? &v.key : NULL;
    size_t first = first_part(&v);
    for (size_t i = first; i < what->parts->count; i++)
        v.all_bytes += what->parts->list[i].bytes;
    v.chain_known = what->parts->list[first].first_seq == 1; /* behind nothing */
    for (size_t i = first; ok && i < what->parts->count; i++) {
        v.part = &what->parts->list[i];
        ok = verify_part(&v, e);
    }
    ok = ok && (out->records || err_set(e, ERR_CONFLICT, "no record in any file"));
    ok = ok && check_beginning(&v, e);
    ok = check_end(&v, ok ? e : NULL) && ok;
    if (what->progress)
        what->progress(what->ctx, v.all_bytes, v.all_bytes);
    audit_key_drop(&v.key);
    return ok;
}
