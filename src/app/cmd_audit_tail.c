/*
 * easgate audit tail: the last records, and with -f those that come, through rotations. A segment that was closed since the
 * last look is read from where we were (the next seq says where), also when several were, or when they are compressed by now.
 * Behind a segment that was set aside the log may go on with a seq that was shown already: that is said, and it is shown.
 */
#include "app/cmd_audit.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct timespec a_while = {
    .tv_nsec = 200000000L
}; /* between two looks at a log that nothing is added to */

struct tail {
    struct audit_options *o;
    struct audit_names names;
    uint64_t seq; /* of the last record seen */
    /* the last records, oldest at ring[taken % last] once it is full */
    char **ring;
    uint64_t taken;
    /* the current segment, while following */
    int fd;
    uint64_t offset;
    bool has_gap; /* it begins behind the next record */
};

/* ---- what is there ---- */

static bool keep_line(void *ctx, const struct audit_line *line, struct slice text)
{
    struct tail *t = ctx;

    t->seq = line->seq;
    bool is_wanted = audit_filter_wants(&t->o->filter, line);
    if (audit_filter_is_full(&t->o->filter))
        return false;
    if (!is_wanted)
        return true;
    char **place = &t->ring[t->taken++ % t->o->last];
    free(*place);
    *place = strndup(text.p, text.n);
    return *place != NULL;
}

static void empty_ring(struct tail *t)
{
    for (uint64_t i = 0; i < t->o->last; i++) {
        free(t->ring[i]);
        t->ring[i] = NULL;
    }
    t->taken = 0;
}

/* Read the newest segments, going back until there are enough records: twice as far each time. */
static int read_last(struct tail *t, const struct audit_parts *parts)
{
    size_t back = 1;

    for (;; back *= 2) {
        size_t from = back < parts->count ? parts->count - back : 0;
        const struct audit_parts newest = { parts->count - from, parts->list + from };
        int code = audit_walk(&newest, "audit", keep_line, t);
        if (code == AUDIT_EXIT_USAGE || t->taken >= t->o->last || from == 0)
            return code;
        empty_ring(t);
        audit_filter_forget(&t->o->filter);
    }
}

static bool print_text_of(const char *text, enum audit_form form)
{
    struct audit_line line;
    struct slice s = slice_of(text);

    return audit_line_parse(s, &line, NULL) && audit_print_line(&line, s, form);
}

static bool print_last(const struct tail *t)
{
    uint64_t kept = t->taken < t->o->last ? t->taken : t->o->last;

    for (uint64_t i = t->taken - kept; i < t->taken; i++)
        if (!print_text_of(t->ring[i % t->o->last], t->o->form))
            return false;
    return fflush(stdout) == 0;
}

/* ---- what comes ---- */

static bool new_line(void *ctx, const struct audit_line *line, struct slice text)
{
    struct tail *t = ctx;

    if (line->seq <= t->seq)
        return true;
    t->seq = line->seq;
    if (audit_filter_wants(&t->o->filter, line) && !audit_print_line(line, text, t->o->form))
        return false;
    return !audit_filter_is_full(&t->o->filter);
}

/* The whole lines behind t->offset. False when the output fails or the segment was changed under us. */
static bool read_lines(struct tail *t, struct audit_reader *r, struct err *e)
{
    struct audit_text text;
    struct audit_line line;

    while (audit_reader_next(r, &text) && text.is_whole) {
        if (!audit_line_parse(text.line, &line, NULL))
            return err_set(e, ERR_CONFLICT, "%s: no record behind record %llu", t->names.path,
                           (unsigned long long)t->seq);
        t->has_gap = line.seq > t->seq + 1;
        if (t->has_gap)
            return true;
        if (!new_line(t, &line, text.line))
            return err_set(e, ERR_IO, "standard output: %s", strerror(errno));
        t->offset += text.line.n + 1;
    }
    return true;
}

static bool read_on(struct tail *t, struct err *e)
{
    struct stat st;

    if (fstat(t->fd, &st) != 0 || lseek(t->fd, (off_t)t->offset, SEEK_SET) < 0)
        return err_set(e, ERR_IO, "%s: %s", t->names.path, strerror(errno));
    if ((uint64_t)st.st_size < t->offset)
        return err_set(e, ERR_CONFLICT, "%s: was cut behind record %llu", t->names.path,
                       (unsigned long long)t->seq);
    if ((uint64_t)st.st_size == t->offset)
        return true;
    struct audit_reader *r = audit_reader_new(t->fd, false);
    bool ok = r ? read_lines(t, r, e) : err_set(e, ERR_MEMORY, "no memory to read %s", t->names.path);
    audit_reader_free(&r);
    return ok && (fflush(stdout) == 0 || err_set(e, ERR_IO, "standard output: %s", strerror(errno)));
}

/* Is the file that we read no longer the one at the path? */
static bool was_replaced(const struct tail *t)
{
    struct stat ours, there;

    return stat(t->names.path, &there) == 0 && fstat(t->fd, &ours) == 0 &&
           (ours.st_ino != there.st_ino || ours.st_dev != there.st_dev);
}

static bool is_followed(const struct tail *t, const struct audit_part *part)
{
    struct stat ours, there;

    return stat(part->path, &there) == 0 && fstat(t->fd, &ours) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

/* Was the segment that we followed set aside? Then go back to where the log goes on. False: nothing stands behind it yet. */
static bool go_back(struct tail *t, const struct audit_parts *parts)
{
    const struct audit_part *aside = NULL;
    uint64_t next = 0;

    for (size_t i = 0; i < parts->count && !next; i++) {
        const struct audit_part *part = &parts->list[i];
        if (aside)
            next = part->first_seq;
        else if (part->kind == AUDIT_FILE_BROKEN && is_followed(t, part))
            aside = part;
    }
    if (next && next <= t->seq) {
        fprintf(stderr, "easgate audit: %s: set aside; what it has behind record %llu does not count\n",
                aside->path, (unsigned long long)next - 1);
        t->seq = next - 1;
    }
    return next || !aside;
}

/* Read what was closed since the last look, then open the new current segment. */
static bool next_segment(struct tail *t, struct err *e)
{
    struct audit_parts parts = AUDIT_PARTS_NONE;

    if (!audit_parts_add_log(&parts, &t->names, e))
        return false;
    audit_parts_sort(&parts);
    if (!go_back(t, &parts)) {
        audit_parts_drop(&parts);
        nanosleep(&a_while, NULL);
        return true;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < parts.count; i++) { /* only those that can hold a new record */
        struct audit_part *part = &parts.list[i];
        const struct audit_parts one = { 1, part };
        if ((part->kind == AUDIT_FILE_FULL && part->named_last > t->seq) ||
            (part->kind == AUDIT_FILE_BROKEN && part->stop_after_seq > t->seq))
            ok = audit_walk(&one, "audit", new_line, t) != AUDIT_EXIT_USAGE;
    }
    audit_parts_drop(&parts);
    if (!ok)
        return err_set(e, ERR_IO, "%s: a closed segment could not be read", t->names.path);
    int fd = open(t->names.path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) /* amid the next rotation: we come back */
        return errno == ENOENT || err_set(e, ERR_IO, "%s: %s", t->names.path, strerror(errno));
    close(t->fd);
    t->fd = fd;
    t->offset = 0;
    return true;
}

static int follow(struct tail *t)
{
    struct err e = { 0 };
    int gaps = 0;

    t->fd = open(t->names.path, O_RDONLY | O_CLOEXEC);
    if (t->fd < 0)
        err_set(&e, ERR_IO, "%s: %s", t->names.path, strerror(errno));
    while (!e.code && read_on(t, &e)) {
        gaps = t->has_gap ? gaps + 1 : 0;
        if (gaps > 10) /* a rotation is a matter of milliseconds */
            err_set(&e, ERR_CONFLICT, "%s: records behind %llu are missing", t->names.path,
                    (unsigned long long)t->seq);
        else if (!t->has_gap && !was_replaced(t))
            nanosleep(&a_while, NULL);
        else if (t->has_gap || read_on(t, &e)) {
            t->has_gap = false;
            next_segment(t, &e);
        }
    }
    if (t->fd >= 0)
        close(t->fd);
    if (audit_filter_is_full(&t->o->filter)) /* which is said for all subcommands */
        return AUDIT_EXIT_USAGE;
    return e.code == ERR_CONFLICT ? (audit_cannot("audit", &e), AUDIT_EXIT_FINDING)
                                  : audit_cannot("audit", &e);
}

/* ---- the command ---- */

static bool name_log(struct tail *t, struct err *e)
{
    const struct audit_options *o = t->o;
    char path[PATH_MAX];

    if (o->paths[1])
        return err_set(e, ERR_RANGE, "tail takes one FILE or DIR");
    int n = snprintf(path, sizeof path, o->has_dir ? "%s/%s" : "%s", o->paths[0], o->name);
    return n > 0 && (size_t)n < sizeof path ? audit_names_init(&t->names, path, e)
                                            : err_set(e, ERR_TOO_LONG, "%s: path too long", o->paths[0]);
}

static bool find_log(struct tail *t, struct audit_parts *parts, struct err *e)
{
    if (!name_log(t, e) || !audit_parts_add_log(parts, &t->names, e))
        return false;
    audit_parts_sort(parts);
    return parts->count || audit_no_segment(t->names.dir, t->names.base, e);
}

int audit_cmd_tail(struct audit_options *o)
{
    struct tail t = { .o = o, .fd = -1 };
    struct audit_parts parts = AUDIT_PARTS_NONE;
    struct err e = { 0 };
    int code;

    if (!(t.ring = calloc(o->last, sizeof *t.ring)))
        err_set(&e, ERR_MEMORY, "no memory for so many records");
    if (e.code || !find_log(&t, &parts, &e)) {
        code = audit_cannot("audit", &e);
    } else {
        code = read_last(&t, &parts);
        if (code != AUDIT_EXIT_USAGE &&
            ((o->form == AUDIT_FORM_CSV && !audit_print_csv_head()) || !print_last(&t)))
            code = AUDIT_EXIT_USAGE;
        if (o->follow && code != AUDIT_EXIT_USAGE)
            code = follow(&t);
    }
    if (t.ring)
        empty_ring(&t);
    free(t.ring);
    audit_parts_drop(&parts);
    return code;
}
