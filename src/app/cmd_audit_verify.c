/* easgate audit verify: is the log whole, and what does that not show? */
#include "app/cmd_audit.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/secret.h"
#include "config/textfile.h"
#include "edge/audit_verify.h"
#include <unistd.h>

#define PROGRESS_EVERY_MS 200
#define TRIES             3
#define NOT_SHOWN_MAX     8
#define NOTES_MAX_BYTES   ((size_t)1 << 20)
#define NOTE_MAX_BYTES    ((size_t)64 << 10)

struct verify {
    const struct audit_options *o;
    struct audit_key key;
    struct audit_marks marks, from;
    struct audit_parts parts;
    struct sbuf notes; /* as elements of a JSON array; for AUDIT_FORM_JSON */
    uint64_t notes_left_out;
    bool has_bar; /* progress goes to standard error, a terminal */
    int64_t begun_ms, shown_ms;
};

/* ---- what it is told while it runs ---- */

static void wipe_bar(const struct verify *v)
{
    if (v->has_bar && v->shown_ms)
        fputs("\r\033[K", stderr);
}

static void keep_note(struct verify *v, const char *text)
{
    if (v->notes.n >= NOTES_MAX_BYTES) {
        v->notes_left_out++;
        return;
    }
    sbuf_adds(&v->notes, v->notes.n ? "," : "");
    enc_json_string(slice_of(text), &v->notes);
}

static void print_note(void *ctx, const char *text)
{
    struct verify *v = ctx;

    wipe_bar(v);
    if (v->o->form == AUDIT_FORM_JSON)
        keep_note(v, text);
    else
        printf("note: %s\n", text);
}

/* What of a file of checkpoints does not count. */
static void tell_left_out(struct verify *v, const struct audit_marks *marks, const char *path)
{
    char text[512];

    if (marks->passed_bytes) {
        snprintf(
            text, sizeof text,
            "%zu bytes of %.300s are no whole checkpoint and do not count, from line %zu of its notes on",
            marks->passed_bytes, path, marks->passed_line);
        print_note(v, text);
    }
    if (marks->unsigned_notes) {
        snprintf(text, sizeof text,
                 "%zu checkpoints of %.300s are not signed by this public key and do not count",
                 marks->unsigned_notes, path);
        print_note(v, text);
    }
}

static void show_progress(void *ctx, uint64_t bytes, uint64_t all_bytes)
{
    struct verify *v = ctx;
    int64_t now_ms = clock_mono_ms(&clock_system);

    if (!v->has_bar || now_ms - v->shown_ms < PROGRESS_EVERY_MS)
        return;
    int64_t spent_ms = now_ms > v->begun_ms ? now_ms - v->begun_ms : 1;
    v->shown_ms = now_ms;
    fprintf(stderr, "\r%3llu %%  %llu of %llu MB, %llu MB/s \033[K",
            (unsigned long long)(all_bytes ? bytes / 1000 * 100 / (all_bytes / 1000 + 1) : 100),
            (unsigned long long)(bytes / 1000000), (unsigned long long)(all_bytes / 1000000),
            (unsigned long long)(bytes / 1000 / (uint64_t)spent_ms));
    fflush(stderr);
}

/* ---- what it is held against ---- */

static bool read_key(struct audit_key *key, const char *path, struct err *e)
{
    SCOPED(sbuf) text = SBUF_MAX(AUDIT_KEY_TEXT_BYTES);
    struct audit_end end; /* it may be a state file; what that says of an end, the log says, too */
    struct err why = { 0 };
    bool ok = textfile_read(path, TEXTFILE_SECRET, &text, &why) &&
              audit_state_parse(key, &end, sbuf_slice(&text), &why);

    if (text.p)
        secret_wipe(text.p, text.cap);
    return ok || err_set(e, why.code, "%s: %s", path, why.text);
}

static bool prepare(struct verify *v, struct err *e)
{
    const struct audit_options *o = v->o;

    if (o->checkpoint_pub && !o->checkpoint && !o->from_checkpoint)
        return err_set(e, ERR_MISSING, "--checkpoint-pub goes with --checkpoint or --from-checkpoint");
    return (!o->key || read_key(&v->key, o->key, e)) &&
           (!o->checkpoint || audit_marks_read(&v->marks, o->checkpoint, o->checkpoint_pub, e)) &&
           (!o->from_checkpoint || audit_marks_read(&v->from, o->from_checkpoint, o->checkpoint_pub, e)) &&
           audit_collect(&v->parts, o, e);
}

/* ---- the answer ---- */

/* What this answer does not show, for people. */
static size_t not_shown(const struct verify *v, const struct audit_verdict *out,
                        const char *texts[NOT_SHOWN_MAX])
{
    const struct audit_options *o = v->o;
    size_t n = 0;

    if (!out->is_keyed)
        texts[n++] =
            "the log has no key: who can write its files can write it anew, from any record behind the last "
            "checkpoint on; that would not show";
    else if (!o->key)
        texts[n++] = "no --key: that the log, or all of it from some record behind the last checkpoint on, "
                     "was written "
                     "anew by somebody would not show";
    else if (out->keyed > out->macs)
        texts[n++] =
            "macs of epochs before the key's were not checked: that who has this key wrote such records "
            "anew, behind the last checkpoint, would not show; the first key shows it";
    else if (out->ends_sealed > out->ends_good)
        texts[n++] =
            "where the epoch before the key's ended was not checked: that who has this key cut records off "
            "there would not show; the key before shows it";
    if (o->key && out->is_keyed && out->openings > out->ends_sealed)
        texts[n++] =
            "ends of epochs that are not sealed (records of version 2): that who took the key of the next "
            "epoch cut records off there, behind the last checkpoint, would not show";
    if (out->removed_by_seq && out->unseen_from)
        texts[n++] = "what the removed records were: who has the present key can announce a removal, too. "
                     "--from-checkpoint, with the last checkpoint of a verification that read them, shows it";
    if (!o->checkpoint)
        texts[n++] = "no --checkpoint: that records at the end were cut off, or whole segments there "
                     "removed, would not show";
    else if (!v->marks.are_signed && !out->macs)
        texts[n++] = "whether the checkpoints are genuine was not checked (no --checkpoint-pub, no --key)";
    else if (out->marked_seq < out->last_seq)
        texts[n++] = "records cut off behind the last checkpoint would not show";
    return n;
}

static void tell_beginning(struct verify *v, const struct audit_verdict *out)
{
    char text[640];

    if (out->first_seq > 1)
        snprintf(text, sizeof text, "records 1 to %llu were not given%s%s",
                 (unsigned long long)out->first_seq - 1, out->beginning[0] ? ": " : "", out->beginning);
    else
        snprintf(text, sizeof text, "%s", out->beginning);
    if (text[0])
        print_note(v, text);
}

static int print_json(struct verify *v, const struct audit_verdict *out, bool ok, const struct err *e)
{
    const char *texts[NOT_SHOWN_MAX];
    size_t count = not_shown(v, out, texts);
    if (ok)
        tell_beginning(v, out);
    SCOPED(sbuf) s = SBUF_MAX(16384 + NOTES_MAX_BYTES + NOTE_MAX_BYTES);

    sbuf_addf(&s, "{\"whole\":%s,\"records\":%llu,\"first_seq\":%llu,\"last_seq\":%llu,\"files\":%zu,",
              ok && !out->short_of ? "true" : "false", (unsigned long long)out->records,
              (unsigned long long)out->first_seq, (unsigned long long)out->last_seq, out->files);
    sbuf_addf(&s,
              "\"last_t\":\"%s\",\"last_hash\":\"%s\",\"keyed\":%llu,\"macs\":%llu,"
              "\"macs_unchecked\":%llu,\"checkpoints\":%llu,\"short_of\":%llu,",
              out->last_t, out->last_hash, (unsigned long long)out->keyed, (unsigned long long)out->macs,
              (unsigned long long)(out->keyed - out->macs), (unsigned long long)out->marks,
              (unsigned long long)out->short_of);
    sbuf_addf(&s, "\"ends\":%llu,\"ends_unchecked\":%llu,\"ends_unsealed\":%llu,",
              (unsigned long long)out->ends_good, (unsigned long long)(out->ends_sealed - out->ends_good),
              (unsigned long long)(out->openings - out->ends_sealed));
    sbuf_adds(&s, "\"reason\":");
    enc_json_string(slice_of(e->text), &s);
    sbuf_adds(&s, ",\"not_shown\":[");
    for (size_t i = 0; i < count; i++) {
        sbuf_adds(&s, i ? "," : "");
        enc_json_string(slice_of(texts[i]), &s);
    }
    sbuf_adds(&s, "],\"notes\":[");
    sbuf_add(&s, sbuf_slice(&v->notes));
    sbuf_addf(&s, "],\"notes_left_out\":%llu}\n", (unsigned long long)v->notes_left_out);
    if (!sbuf_ok(&s) || fputs(s.p, stdout) < 0)
        return AUDIT_EXIT_USAGE;
    return !ok ? AUDIT_EXIT_FINDING : out->short_of ? AUDIT_EXIT_SHORT : AUDIT_EXIT_FINE;
}

static int print_text(struct verify *v, const struct audit_verdict *out, bool ok, const struct err *e)
{
    const char *texts[NOT_SHOWN_MAX];

    if (!ok) {
        printf("broken: %s\n", e->text);
        return AUDIT_EXIT_FINDING;
    }
    printf("%s: %llu records, %llu to %llu, in %zu file%s\n",
           out->short_of ? "whole as far as it goes" : "whole", (unsigned long long)out->records,
           (unsigned long long)out->first_seq, (unsigned long long)out->last_seq, out->files,
           out->files == 1 ? "" : "s");
    printf("last record: %s %s\n", out->last_t, out->last_hash);
    tell_beginning(v, out);
    if (v->o->key)
        printf("key: %llu macs are right; %llu were not checked (of epochs before the key's); "
               "%llu records have none\n",
               (unsigned long long)out->macs, (unsigned long long)(out->keyed - out->macs),
               (unsigned long long)(out->records - out->keyed));
    if (v->o->key)
        printf("epochs: %llu ends are sealed and right; %llu were not checked; %llu are not sealed\n",
               (unsigned long long)out->ends_good, (unsigned long long)(out->ends_sealed - out->ends_good),
               (unsigned long long)(out->openings - out->ends_sealed));
    if (v->o->checkpoint)
        printf("checkpoints: %llu of %zu fit%s, the last at record %llu\n", (unsigned long long)out->marks,
               v->marks.count, v->marks.are_signed ? " and are signed" : "",
               (unsigned long long)out->marked_seq);
    for (size_t i = 0, n = not_shown(v, out, texts); i < n; i++)
        printf("not shown: %s\n", texts[i]);
    if (!out->short_of)
        return AUDIT_EXIT_FINE;
    printf("shorter than the checkpoint: it is of record %llu, the log ends with record %llu\n",
           (unsigned long long)out->short_of, (unsigned long long)out->last_seq);
    return AUDIT_EXIT_SHORT;
}

/* Is the log's list of files another by now? A rotation amid the listing can hide a segment. */
static bool has_moved_on(struct verify *v)
{
    struct audit_parts now = AUDIT_PARTS_NONE;
    bool moved = !audit_collect(&now, v->o, NULL) || now.count != v->parts.count;

    for (size_t i = 0; !moved && i < now.count; i++)
        moved = strcmp(now.list[i].path, v->parts.list[i].path) != 0 ||
                now.list[i].first_seq != v->parts.list[i].first_seq;
    if (moved && now.count) {
        audit_parts_drop(&v->parts);
        v->parts = now;
        return true;
    }
    audit_parts_drop(&now);
    return false;
}

static int run(struct verify *v)
{
    const struct audit_verify what = { .parts = &v->parts,
                                       .from_beginning = v->o->has_dir,
                                       .key = v->o->key ? &v->key : NULL,
                                       .marks = v->o->checkpoint ? &v->marks : NULL,
                                       .from = v->from.count ? &v->from.list[v->from.count - 1] : NULL,
                                       .note = print_note,
                                       .progress = show_progress,
                                       .ctx = v };
    struct audit_verdict out;
    struct err e = { 0 };

    v->begun_ms = clock_mono_ms(&clock_system);
    tell_left_out(v, &v->marks, v->o->checkpoint);
    tell_left_out(v, &v->from, v->o->from_checkpoint);
    bool ok = audit_verify(&what, &out, &e);
    /* a rotation may also have hidden the newest records from the listing */
    for (int i = 0; (!ok || out.short_of) && i < TRIES && v->o->has_dir && has_moved_on(v); i++) {
        print_note(v, "the log moved on while it was read; it is read again");
        e = (struct err){ 0 };
        ok = audit_verify(&what, &out, &e);
    }
    wipe_bar(v);
    if (!ok && e.code != ERR_CONFLICT && e.code != ERR_SYNTAX)
        return audit_cannot("audit", &e);
    return v->o->form == AUDIT_FORM_JSON ? print_json(v, &out, ok, &e) : print_text(v, &out, ok, &e);
}

int audit_cmd_verify(struct audit_options *o)
{
    struct verify v = { .o = o,
                        .parts = AUDIT_PARTS_NONE,
                        .notes = SBUF_MAX(NOTES_MAX_BYTES + NOTE_MAX_BYTES),
                        .has_bar = o->form == AUDIT_FORM_TEXT && isatty(2) };
    struct err e = { 0 };
    int code;

    if (!prepare(&v, &e)) {
        code = audit_cannot("audit", &e);
    } else {
        code = run(&v);
    }
    audit_parts_drop(&v.parts);
    audit_marks_drop(&v.marks);
    audit_marks_drop(&v.from);
    audit_key_drop(&v.key);
    sbuf_drop(&v.notes);
    return code;
}
