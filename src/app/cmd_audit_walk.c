/* The segments that a person names, and their records one by one, for `easgate audit`. */
#include "app/cmd_audit.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

int audit_cannot(const char *command, const struct err *e)
{
    fprintf(stderr, "easgate %s: %s\n", command, e->text);
    return AUDIT_EXIT_USAGE;
}

bool audit_no_segment(const char *dir, const char *name, struct err *e)
{
    return err_set(e, ERR_MISSING, "%s: no segment of a log named %s", dir, name);
}

static bool add_path(struct audit_parts *parts, const char *path, const char *name, struct err *e)
{
    struct stat st;
    struct audit_names names;
    char log_path[PATH_MAX];
    size_t before = parts->count;

    if (stat(path, &st) != 0)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return audit_parts_add(parts, path, e);
    int n = snprintf(log_path, sizeof log_path, "%s/%s", path, name);
    if (n < 0 || (size_t)n >= sizeof log_path)
        return err_set(e, ERR_TOO_LONG, "%s: path too long", path);
    if (!audit_names_init(&names, log_path, e) || !audit_parts_add_log(parts, &names, e))
        return false;
    return parts->count > before || audit_no_segment(path, name, e);
}

bool audit_collect(struct audit_parts *parts, const struct audit_options *o, struct err *e)
{
    for (char **path = o->paths; *path; path++)
        if (!add_path(parts, *path, o->name, e))
            return false;
    audit_parts_sort(parts);
    return true;
}

struct walk {
    const char *command;
    audit_line_fn run;
    void *ctx;
};

static int not_a_record(const struct walk *w, const char *path, const struct audit_text *text,
                        const struct err *why)
{
    fprintf(stderr, "easgate %s: %s:%llu: not a record: %s\n", w->command, path,
            (unsigned long long)text->number, why->code ? why->text : "cut or too long");
    return AUDIT_EXIT_FINDING;
}

/* The living log's last line, of which the rest is yet to come? */
static bool is_half_written(const struct audit_part *part, int fd, const struct audit_text *text)
{
    return !text->is_whole && text->line.n < AUDIT_LINE_MAX_BYTES && audit_part_is_being_written(part, fd);
}

static int each_record(const struct audit_part *part, int fd, struct audit_reader *r, const struct walk *w)
{
    struct audit_text text;
    struct audit_line line;
    int code = AUDIT_EXIT_FINE;

    if (part->is_void)
        return code;
    while (audit_reader_next(r, &text)) {
        struct err e = { 0 };
        if (is_half_written(part, fd, &text))
            continue;
        if (!text.is_whole || !audit_line_parse(text.line, &line, &e)) {
            code = not_a_record(w, part->path, &text, &e);
            continue;
        }
        if (part->stop_after_seq && line.seq > part->stop_after_seq)
            return code;
        if (!w->run(w->ctx, &line, text.line))
            return AUDIT_EXIT_USAGE;
    }
    if (audit_reader_error(r)) {
        fprintf(stderr, "easgate %s: %s: %s\n", w->command, part->path, strerror(audit_reader_error(r)));
        return AUDIT_EXIT_USAGE;
    }
    if (audit_reader_damage(r)) {
        fprintf(stderr, "easgate %s: %s: %s\n", w->command, part->path, audit_reader_damage(r));
        return AUDIT_EXIT_FINDING;
    }
    return code;
}

static int walk_part(const struct audit_part *part, const struct walk *w)
{
    bool is_zst;
    int fd = audit_part_open(part, &is_zst);
    struct err e = { 0 };

    if (fd < 0) {
        err_set(&e, ERR_IO, "%s: %s", part->path, strerror(errno));
        return audit_cannot(w->command, &e);
    }
    struct audit_reader *r = audit_reader_new(fd, is_zst);
    int code = AUDIT_EXIT_USAGE;
    if (r) {
        code = each_record(part, fd, r, w);
    } else {
        err_set(&e, ERR_MEMORY, "no memory to read %s", part->path);
        audit_cannot(w->command, &e);
    }
    audit_reader_free(&r);
    close(fd);
    return code;
}

int audit_walk(const struct audit_parts *parts, const char *command, audit_line_fn run, void *ctx)
{
    const struct walk w = { command, run, ctx };
    int worst = AUDIT_EXIT_FINE;

    for (size_t i = 0; i < parts->count && worst != AUDIT_EXIT_USAGE; i++) {
        int code = walk_part(&parts->list[i], &w);
        if (code > worst)
            worst = code;
    }
    return worst;
}
