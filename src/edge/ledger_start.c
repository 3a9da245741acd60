/*
 * Taking over an audit log at start: see ledger.h, ledger_open.
 *
 *   the current segment is whole             go on behind its last record
 *   its tail holds no record (a crash)       the tail goes into a file of its own, `recover` says so
 *   it ends with `rotate`                    finish the rotation
 *   it is empty, or gone                     go on behind the newest segment beside it
 *   anything else                            refuse, with file:line (or, when told to accept it, set the segment aside)
 *   the segment before it was set aside      `recover` names it, if no record does yet (a crash came between)
 *
 * Before anything rests on a file that a process may have been writing when it ended, its end is written once more and synced: that
 * process may have met a failed fdatasync and told nobody.
 *
 * Then every intent without an outcome gets one, and the changes that are in doubt are kept for whoever asks (ledger_doubts):
 * they may still take effect, or have. They may stand in older segments, too: those are read back to a record that a started
 * process wrote after settling, if it did so longer ago than any exchange lasts (everything before it is settled), at most an
 * hour of them, since no request lives that long.
 */
#include "edge/ledger_inner.h"
#include "base/enc.h"
#include "base/log.h"
#include "base/num.h"
#include "edge/audit_parts.h"
#include "edge/audit_pending.h"
#include "edge/audit_read.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_BACK_S    3600
#define CERTAIN_AGE_MS 900000 /* longer than an exchange may last, by the schema */

static const char log_begin[] = "{\"v\":1,\"seq\":";
#define VERSION_AT 5 /* the 1 of it may be a 2 or 3 */

static bool is_zeros_from(int fd, off_t at)
{
    char piece[16384];
    ssize_t n;

    while ((n = pread(fd, piece, sizeof piece, at)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            if (piece[i] != '\0')
                return false;
        at += n;
    }
    return n == 0;
}

/* Does the file begin as a log does, as far as it goes? Some other file must not be taken for a torn log. A power cut may leave zeros
 * where bytes had not reached the disk. */
static bool begins_as_log(int fd)
{
    char text[sizeof log_begin];
    ssize_t n = pread(fd, text, sizeof log_begin - 1, 0), same = 0;

    if (n > VERSION_AT && (text[VERSION_AT] == '2' || text[VERSION_AT] == '3'))
        text[VERSION_AT] = '1';
    while (same < n && text[same] == log_begin[same])
        same++;
    return n >= 0 && (same == n || is_zeros_from(fd, same));
}

/* ---- the current segment ---- */

static bool set_torn_tail_aside(struct ledger *l, const struct audit_scan *scan, struct err *e)
{
    l->recovery.bytes = segment_size(l->segment) - scan->good_bytes;
    snprintf(l->recovery.why, sizeof l->recovery.why, "the log ended in %llu bytes that %s",
             (unsigned long long)l->recovery.bytes,
             scan->stop_after_seq ? "stand behind the end of an epoch" : "are no record");
    log_event(LOG_WARN, "audit", "torn tail set aside", LOG_C("path", l->cfg.path),
              LOG_N("bytes", l->recovery.bytes));
    return segment_cut_tail(l->segment, scan->good_bytes, clock_wall_ms(l->cfg.clock), l->recovery.file, e);
}

static bool refuse_or_accept(struct ledger *l, const struct audit_scan *scan, const struct err *why,
                             struct err *e)
{
    if (!l->cfg.accept_broken_chain)
        return err_set(e, ERR_CONFLICT, "%s:%llu: the audit log was changed: %s", l->cfg.path,
                       (unsigned long long)scan->bad_line, why->text);
    if (scan->records && !ledger_epoch_fits(l, e)) /* no flag helps then; nothing is moved */
        return false;
    l->recovery.bytes = segment_size(l->segment);
    snprintf(l->recovery.why, sizeof l->recovery.why,
             "accepted by the operator: line %llu was changed: %.380s", (unsigned long long)scan->bad_line,
             why->text);
    log_event(LOG_ERROR, "audit", "the log was changed; accepted, set aside", LOG_C("path", l->cfg.path),
              LOG_N("line", scan->bad_line), LOG_C("error", why->text));
    if (!segment_renew(l->segment, true, clock_wall_ms(l->cfg.clock), l->recovery.file, e))
        return false;
    l->first_seq = 0;
    return true;
}

static bool finish_rotation(struct ledger *l, struct err *e)
{
    char name[AUDIT_NAME_MAX];

    if (!audit_name_full(segment_names(l->segment), l->first_seq, l->chain.seq, name))
        return err_set(e, ERR_TOO_LONG, "%s: name too long", l->cfg.path);
    l->first_seq = 0;
    return segment_rotate(l->segment, name, 0, e);
}

/* All of it but this process' run name and key. */
static void adopt_chain(struct ledger *l, const struct audit_chain *chain)
{
    struct audit_chain own = l->chain;

    l->chain = *chain;
    l->chain.key = own.key;
    memcpy(l->chain.run, own.run, sizeof l->chain.run);
}

/* No flag lets a log pass that the key denies: what comes behind it could not be verified either. */
static bool fits_seal(const char *path, struct ledger_seal *seal, struct err *e)
{
    ledger_drop_seal(seal);
    return !seal->why.code ||
           err_set(e, ERR_CONFLICT, "%s:%llu: %s", path, (unsigned long long)seal->line, seal->why.text);
}

/* The scan went past the end of the epoch before the key's: read again, up to there. What stands behind it is a tail. */
static enum audit_scan_result scan_to_end(const struct ledger *l, struct audit_scan *scan, struct err *why)
{
    bool counts = scan->first_seq <= l->end.seq;

    *scan = (struct audit_scan){ .stop_after_seq = l->end.seq };
    enum audit_scan_result result = counts ? audit_scan(segment_fd(l->segment), scan, why) : AUDIT_SCAN_TORN;
    return result == AUDIT_SCAN_WHOLE ? AUDIT_SCAN_TORN : result;
}

static bool take_over_current(struct ledger *l, struct err *e)
{
    struct ledger_seal seal = { .key = l->chain.key, .end = &l->end };
    struct audit_scan scan = { .each = ledger_check_seal, .ctx = &seal };
    struct err why = { 0 };

    enum audit_scan_result result = audit_scan(segment_fd(l->segment), &scan, &why);

    if (!fits_seal(l->cfg.path, &seal, e))
        return false;
    if (result != AUDIT_SCAN_FAILED && scan.records && ledger_is_past_end(l, &scan.chain))
        result = scan_to_end(l, &scan, &why);
    if (result == AUDIT_SCAN_FAILED)
        return err_set(e, ERR_IO, "%s: %s", l->cfg.path, why.text);
    if (scan.records) {
        adopt_chain(l, &scan.chain);
        l->first_seq = scan.first_seq;
        ledger_segment_began(l, scan.first_wall_ms);
    } else if (result == AUDIT_SCAN_TORN && !begins_as_log(segment_fd(l->segment))) {
        result = AUDIT_SCAN_BROKEN;
    }
    if (result == AUDIT_SCAN_BROKEN)
        return refuse_or_accept(l, &scan, &why, e);
    if (scan.records &&
        !segment_write_again(l->segment, NULL, LEDGER_IN_DOUBT_BYTES, e)) /* a changed log stays as it is */
        return false;
    if (result == AUDIT_SCAN_TORN && !set_torn_tail_aside(l, &scan, e))
        return false;
    return !scan.records || !scan.is_closed || finish_rotation(l, e);
}

/* ---- the segments before it ---- */

static enum audit_scan_result scan_part(const struct audit_part *part, struct audit_scan *scan, struct err *e)
{
    int fd = open(part->path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        err_set(e, ERR_IO, "%s", strerror(errno));
        return AUDIT_SCAN_FAILED;
    }
    scan->stop_after_seq = part->stop_after_seq;
    scan->is_zst = part->is_zst;
    enum audit_scan_result result = audit_scan(fd, scan, e);
    close(fd);
    return result;
}

/* A segment that was set aside, behind which the log goes on: a recover record has to name it, among the first of the next one. */
struct unnamed {
    char file[AUDIT_NAME_MAX]; /* "" = there is none */
    uint64_t last_seq;         /* of it, that counts */
    char hash[2 * AUDIT_HASH_BYTES + 1];
};

static void note_unnamed(struct unnamed *u, const struct audit_part *part, uint64_t last_seq,
                         const unsigned char hash[AUDIT_HASH_BYTES])
{
    memcpy(u->file, part->name, sizeof part->name);
    u->last_seq = last_seq;
    enc_hex(hash, AUDIT_HASH_BYTES, u->hash);
}

/* The broken segment has records behind the end of the epoch before the key's: read it up to there. False: there is none before. */
static bool scan_part_to_end(const struct ledger *l, const struct audit_part *part, struct audit_scan *scan)
{
    struct audit_part upto = *part;

    upto.stop_after_seq = l->end.seq;
    *scan = (struct audit_scan){ .records = 0 };
    return part->first_seq <= l->end.seq && scan_part(&upto, scan, NULL) == AUDIT_SCAN_WHOLE;
}

/* Without a record in the current segment, the chain goes on behind the newest one beside it. */
static bool adopt_last_part(struct ledger *l, const struct audit_parts *parts, struct unnamed *out,
                            struct err *e)
{
    for (size_t i = parts->count; i > 0; i--) {
        struct audit_part *part = &parts->list[i - 1];
        struct ledger_seal seal = { .key = l->chain.key, .end = &l->end };
        struct audit_scan scan = { .each = ledger_check_seal, .ctx = &seal };
        struct err why = { 0 };
        /* Without a first record; but a full segment has one, and what has become of it is for a person to say. */
        if (!part->first_seq && (part->kind != AUDIT_FILE_FULL || l->cfg.accept_broken_chain))
            continue;
        bool is_broken = part->kind == AUDIT_FILE_BROKEN;
        if (is_broken && !segment_write_again(l->segment, part->name, LEDGER_IN_DOUBT_BYTES, e))
            return false;
        enum audit_scan_result result = scan_part(part, &scan, &why);
        if (!fits_seal(part->path, &seal, e))
            return false;
        if (!scan.records && result == AUDIT_SCAN_WHOLE)
            return err_set(e, ERR_CONFLICT, "%s: is empty, though its name says which records it has",
                           part->path);
        if (is_broken && result != AUDIT_SCAN_FAILED && ledger_is_past_end(l, &scan.chain)) {
            bool counts = scan_part_to_end(l, part, &scan);
            part->stop_after_seq = l->end.seq; /* what stands behind it settles no intent, either */
            if (!counts) {
                part->first_seq = 0;
                continue;
            }
        }
        if (result == AUDIT_SCAN_FAILED ||
            (result != AUDIT_SCAN_WHOLE && !is_broken && !l->cfg.accept_broken_chain))
            return err_set(e, ERR_CONFLICT, "%s:%llu: %s", part->path, (unsigned long long)scan.bad_line,
                           why.text);
        adopt_chain(l, &scan.chain);
        bool is_just_set_aside = strcmp(l->recovery.file, part->name) == 0;
        if (is_broken && !is_just_set_aside)
            note_unnamed(out, part, l->chain.seq, l->chain.hash);
        return true;
    }
    return true;
}

struct opening {
    const char *file;                    /* of the broken segment before */
    bool is_named, is_over;              /* a record names it; a record came that must not come before that */
    char prev[2 * AUDIT_HASH_BYTES + 1]; /* of the first record */
};

static bool each_of_opening(void *ctx, const struct audit_line *line, const struct audit_text *text)
{
    struct opening *o = ctx;

    if (text->number == 1)
        memcpy(o->prev, line->prev.p, sizeof o->prev - 1);
    if (line->kind == AUDIT_RECOVER && slice_eq(audit_line_field(line, S("file")), slice_of(o->file)))
        o->is_named = true;
    o->is_over = !audit_type_opens(line->kind);
    return !o->is_named && !o->is_over;
}

/* The current segment has records: does one of the first of them name the broken segment that it goes on behind? A crash may have
 * kept just those before that. */
static void look_for_unnamed(const struct ledger *l, const struct audit_parts *parts, struct unnamed *out)
{
    const struct audit_part *before = NULL;

    for (size_t i = 0; i < parts->count; i++)
        if (parts->list[i].first_seq && parts->list[i].kind != AUDIT_FILE_CURRENT)
            before = &parts->list[i];
    if (!before || before->kind != AUDIT_FILE_BROKEN || before->first_seq >= l->first_seq)
        return;
    struct opening o = { .file = before->name };
    struct audit_scan scan = { .each = each_of_opening, .ctx = &o };
    audit_scan(segment_fd(l->segment), &scan, NULL);
    if (o.is_named || o.is_over)
        return; /* if it is over, nothing helps any more, and verify says so */
    memcpy(out->file, before->name, sizeof before->name);
    out->last_seq = l->first_seq - 1;
    memcpy(out->hash, o.prev, sizeof out->hash);
}

/* ---- intents without an outcome ---- */

struct settle {
    struct audit_pending *pending; /* NULL while only looking for where to begin */
    bool is_full;                  /* an intent could not be kept: too many, or no memory */
    bool has_start, is_settled;    /* a start record, and a record behind its outcomes */
    int64_t settled_before_ms;     /* by the wall clock: what was settled later may still be in doubt */
    int64_t served_ms; /* time of the last record that no start writes, of the part; 0 = it has none */
};

/* May a start write this, before it has settled all? */
static bool is_of_start(enum audit_type type)
{
    return audit_type_opens(type) || type == AUDIT_ROTATE;
}

static bool each_line(void *ctx, const struct audit_line *line, const struct audit_text *text)
{
    struct settle *s = ctx;

    (void)text;
    if (line->kind == AUDIT_START)
        s->has_start = true;
    else if (s->has_start && !is_of_start(line->kind) && line->wall_ms < s->settled_before_ms)
        s->is_settled = true;
    if (!is_of_start(line->kind))
        s->served_ms = line->wall_ms;
    s->is_full = s->pending && !audit_pending_line(s->pending, line);
    return !s->is_full;
}

static void read_part(const struct audit_part *part, struct settle *s)
{
    struct audit_scan scan = { .each = each_line, .ctx = s };
    struct err why = { 0 };
    enum audit_scan_result result = scan_part(part, &scan, &why);

    if (result != AUDIT_SCAN_WHOLE && part->kind != AUDIT_FILE_BROKEN)
        log_event(LOG_WARN, "audit", "an older segment is not whole", LOG_C("path", part->path),
                  LOG_N("line", scan.bad_line), LOG_C("error", why.text));
}

/* The first part that can hold an open intent. The hour is counted back from when the last run served, whatever starts have tried
 * since. */
static size_t first_unsettled(const struct audit_parts *parts, const struct ledger_config *cfg)
{
    uint64_t certain_ms = cfg->certain_after_ms ? cfg->certain_after_ms : CERTAIN_AGE_MS;
    struct settle s = { .settled_before_ms = clock_wall_ms(cfg->clock) - (int64_t)certain_ms };
    int64_t newest_s = -1;
    size_t i = parts->count;

    while (i > 0 && !s.is_settled) {
        const struct audit_part *part = &parts->list[i - 1];
        if (newest_s >= 0 && part->first_seq && part->changed_s < newest_s - LOOK_BACK_S)
            break;
        i--;
        if (!part->first_seq)
            continue;
        s.has_start = false;
        s.served_ms = 0;
        read_part(part, &s);
        if (newest_s < 0 && s.served_ms)
            newest_s = s.served_ms / 1000 < part->changed_s ? s.served_ms / 1000 : part->changed_s;
    }
    return i;
}

static bool hold_outcomes(struct ledger *l, const struct audit_pending *pending, struct err *e)
{
    const struct audit_open **open = audit_pending_list(pending);
    bool ok = open || err_set(e, ERR_MEMORY, "no memory for the open intents");

    for (size_t i = 0; ok && open[i]; i++) {
        l->status.open_intents += open[i]->count > 0;
        struct audit_rec rec = { .type = AUDIT_OUTCOME,
                                 .id = slice_of(open[i]->id),
                                 .nonce = slice_of(open[i]->nonce),
                                 .error = S("unknown_after_crash") };
        rec.has_try = num_i64(slice_of(open[i]->attempt), 0, INT64_MAX, &rec.try_number);
        for (unsigned n = 0; ok && n < open[i]->count; n++)
            ok = ledger_hold(l, &rec, e);
    }
    if (ok && l->status.open_intents)
        log_event(LOG_WARN, "audit", "requests whose outcome is not known since the last run ended",
                  LOG_N("count", l->status.open_intents));
    free(open);
    return ok;
}

/* Changes that may have taken effect, or still may. */
static bool keep_doubts(struct ledger *l, const struct audit_pending *pending, struct err *e)
{
    const struct audit_open **open = audit_pending_list(pending);
    bool ok = open && (l->doubts = calloc(audit_pending_count(pending) + 1, sizeof *l->doubts));

    for (size_t i = 0; ok && open[i]; i++)
        if (open[i]->is_change)
            l->doubts[l->doubt_count++] = *open[i];
    free(open);
    return ok || err_set(e, ERR_MEMORY, "no memory for the changes in doubt");
}

static bool settle_open_intents(struct ledger *l, const struct audit_parts *parts, struct err *e)
{
    struct settle s = { .pending = audit_pending_new(true) };

    if (!s.pending)
        return err_set(e, ERR_MEMORY, "no memory for the open intents");
    for (size_t i = first_unsettled(parts, &l->cfg); i < parts->count && !s.is_full; i++)
        if (parts->list[i].first_seq)
            read_part(&parts->list[i], &s);
    bool ok =
        !s.is_full || err_set(e, ERR_MEMORY,
                              "%s: too many requests without an outcome, or no memory for them", l->cfg.path);
    ok = ok && hold_outcomes(l, s.pending, e) && keep_doubts(l, s.pending, e);
    audit_pending_free(&s.pending);
    return ok;
}

/* ---- all of it ---- */

static bool hold_first_records(struct ledger *l, const struct unnamed *unnamed, struct err *e)
{
    char hash[2 * AUDIT_HASH_BYTES + 1];
    SCOPED(sbuf) note = SBUF_MAX(1024);
    struct audit_rec start = { .type = AUDIT_START,
                               .policy = slice_of(l->cfg.policy_digest ? l->cfg.policy_digest : ""),
                               .version = slice_of(l->cfg.version ? l->cfg.version : ""),
                               .host = slice_of(l->cfg.host ? l->cfg.host : "") };
    const struct audit_rec behind = { .type = AUDIT_RECOVER,
                                      .file = slice_of(unnamed->file),
                                      .note = S("goes on behind a segment that was set aside"),
                                      .hash = slice_of(unnamed->hash),
                                      .has_last_seq = true,
                                      .last_seq = (int64_t)unnamed->last_seq };
    struct audit_rec recover = ledger_recover_rec(l, hash, &note);

    return ledger_hold(l, &start, e) && (!unnamed->file[0] || ledger_hold(l, &behind, e)) &&
           (!l->recovery.file[0] || ledger_hold(l, &recover, e));
}

bool ledger_take_over(struct ledger *l, struct err *e)
{
    struct audit_parts parts = AUDIT_PARTS_NONE;
    struct unnamed unnamed = { .file = "" };
    uint64_t size;

    if (!segment_open(l->segment, &size, e) || (size && !take_over_current(l, e)))
        return false;
    bool ok = audit_parts_add_log(&parts, segment_names(l->segment), e);
    if (ok)
        audit_parts_sort(&parts);
    if (ok && l->first_seq)
        look_for_unnamed(l, &parts, &unnamed);
    ok = ok && (l->first_seq || l->chain.seq || adopt_last_part(l, &parts, &unnamed, e)) &&
         ledger_epoch_fits(l, e) && hold_first_records(l, &unnamed, e) && settle_open_intents(l, &parts, e);
    audit_parts_drop(&parts);
    l->recovery = (struct recovery){ 0 };
    return ok;
}
