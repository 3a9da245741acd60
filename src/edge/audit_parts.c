/* Segments in order: see audit_parts.h. Reads one line of each file. */
#include "edge/audit_parts.h"
#include "edge/audit_input.h"
#include "edge/audit_read.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTINGS_MAX 20 /* of a log that a living gateway rotates and compresses meanwhile */

void audit_parts_drop(struct audit_parts *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->list[i].fd >= 0)
            close(p->list[i].fd);
    free(p->list);
    *p = AUDIT_PARTS_NONE;
}

/* Which log's segment this could be follows from its own name: what stands before one of its dashes, and its ending. */
static enum audit_file_kind kind_of(const char *name, struct audit_file *out)
{
    size_t length = strlen(name);
    size_t end = length > 4 && strcmp(name + length - 4, ".zst") == 0 ? length - 4 : length;
    size_t dot = end;
    struct audit_names n;
    char log_name[AUDIT_NAME_MAX];

    for (size_t i = 0; i < end; i++)
        if (name[i] == '.')
            dot = i;

    for (const char *dash = strchr(name, '-'); dash; dash = strchr(dash + 1, '-')) {
        int used = snprintf(log_name, sizeof log_name, "%.*s%.*s", (int)(dash - name), name, (int)(end - dot),
                            name + dot);
        if (used > 0 && (size_t)used < sizeof log_name && audit_names_init(&n, log_name, NULL) &&
            audit_file_kind_of(&n, name, out) != AUDIT_FILE_NONE)
            return out->kind;
    }
    *out = (struct audit_file){ .kind = AUDIT_FILE_NONE };
    return AUDIT_FILE_NONE;
}

/* The seq of the first line, or 0. */
static uint64_t first_seq_of(int fd, bool is_zst)
{
    char text[AUDIT_LINE_MAX_BYTES];
    struct audit_input *in = audit_input_new(fd, is_zst);
    struct audit_line line;
    struct slice s = { text, 0 };
    size_t n = 0;

    while (in && s.n == n && n < sizeof text) {
        size_t more = audit_input_read(in, text + n, sizeof text - n);
        if (!more)
            break;
        n += more;
        s.n = slice_find(slice_from(text, n), '\n');
    }
    audit_input_free(&in);
    return s.n < n && audit_line_parse(s, &line, NULL) ? line.seq : 0;
}

static struct audit_part *grow(struct audit_parts *p)
{
    struct audit_part *list = realloc(p->list, (p->count + 1) * sizeof *list);

    if (!list)
        return NULL;
    p->list = list;
    list[p->count] = (struct audit_part){ .fd = -1 };
    return &list[p->count++];
}

/* What a file is, for a part that stands on it. */
static void describe(struct audit_part *part, const char *path, const char *name, int fd,
                     const struct stat *st)
{
    struct audit_file file;

    memcpy(part->path, path, strlen(path) + 1);
    memcpy(part->name, name, strlen(name) + 1);
    part->kind = kind_of(name, &file);
    part->named_first = file.first;
    part->named_last = file.last;
    part->is_zst = slice_ends(slice_of(name), S(".zst"));
    part->first_seq = first_seq_of(fd, part->is_zst);
    part->bytes = (uint64_t)st->st_size;
    part->changed_s = (int64_t)st->st_mtime;
}

/* is_current: a name alone does not tell which log's current segment it is. */
static bool add(struct audit_parts *p, const char *path, bool is_current, bool has_twin, struct err *e)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return err_set(e, errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || strlen(path) >= PATH_MAX || strlen(name) > NAME_MAX) {
        close(fd);
        return err_set(e, ERR_IO, "%s: not a regular file", path);
    }
    struct audit_part *part = grow(p);
    if (part)
        describe(part, path, name, fd, &st);
    if (part)
        part->has_twin = has_twin;
    if (part && is_current) {
        part->kind = AUDIT_FILE_CURRENT;
        part->fd = fd;
        return true;
    }
    close(fd);
    return part || err_set(e, ERR_MEMORY, "no memory for a list of segments");
}

bool audit_parts_add(struct audit_parts *p, const char *path, struct err *e)
{
    return add(p, path, false, false, e);
}

static bool add_listed(struct audit_parts *p, const struct audit_names *names, const struct audit_file *file,
                       struct err *e)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", names->dir, file->name);

    return n > 0 && (size_t)n < sizeof path
               ? add(p, path, file->kind == AUDIT_FILE_CURRENT, file->has_twin, e)
               : err_set(e, ERR_TOO_LONG, "%s: path too long", file->name);
}

/* ERR_MISSING: a file was gone again, compressed, renamed or removed since the listing. */
static bool add_all(struct audit_parts *p, const struct audit_names *names, struct err *e)
{
    struct audit_file *files;
    size_t count;
    bool ok = true;

    if (!audit_files_list(names, &files, &count, e))
        return false;
    for (size_t i = 0; ok && i < count; i++)
        ok = files[i].kind == AUDIT_FILE_TORN || add_listed(p, names, &files[i], e);
    free(files);
    return ok;
}

bool audit_parts_add_log(struct audit_parts *p, const struct audit_names *names, struct err *e)
{
    size_t before = p->count;

    for (int tries = LISTINGS_MAX;;) {
        struct err why = { 0 };
        if (add_all(p, names, &why))
            return true;
        if (why.code != ERR_MISSING || --tries == 0)
            return err_set(e, why.code, "%s", why.text);
        for (; p->count > before; p->count--)
            if (p->list[p->count - 1].fd >= 0)
                close(p->list[p->count - 1].fd);
    }
}

int audit_part_open(const struct audit_part *part, bool *out_is_zst)
{
    char path[PATH_MAX + 8];

    *out_is_zst = part->is_zst;
    if (part->fd >= 0)
        return lseek(part->fd, 0, SEEK_SET) == 0 ? fcntl(part->fd, F_DUPFD_CLOEXEC, 0) : -1;
    int fd = open(part->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 || errno != ENOENT || part->is_zst || part->kind != AUDIT_FILE_FULL)
        return fd;
    snprintf(path, sizeof path, "%s.zst", part->path);
    *out_is_zst = true;
    return open(path, O_RDONLY | O_CLOEXEC);
}

bool audit_part_is_being_written(const struct audit_part *part, int fd)
{
    if (part->kind != AUDIT_FILE_CURRENT && part->kind != AUDIT_FILE_NONE)
        return false;
    if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
        flock(fd, LOCK_UN);
        return false;
    }
    return errno == EWOULDBLOCK;
}

/* Where a part stands. A full segment's name says it, so that a changed first line is found in its place; the current segment
 * is the last with records, then come files without a record. */
static uint64_t place_of(const struct audit_part *p)
{
    if (p->kind == AUDIT_FILE_FULL)
        return p->named_first;
    if (!p->first_seq)
        return UINT64_MAX;
    return p->kind == AUDIT_FILE_CURRENT ? UINT64_MAX - 1 : p->first_seq;
}

static int compare(const void *a, const void *b)
{
    const struct audit_part *x = a, *y = b;
    uint64_t x_place = place_of(x), y_place = place_of(y);

    if (x_place != y_place)
        return x_place < y_place ? -1 : 1;
    if ((x->kind == AUDIT_FILE_BROKEN) != (y->kind == AUDIT_FILE_BROKEN))
        return x->kind == AUDIT_FILE_BROKEN ? -1 : 1;
    return strcmp(x->path, y->path);
}

void audit_parts_sort(struct audit_parts *p)
{
    if (p->count)
        qsort(p->list, p->count, sizeof *p->list, compare);
    uint64_t next = 0;
    for (size_t i = p->count; i-- > 0;) {
        struct audit_part *part = &p->list[i];
        part->is_void = part->kind == AUDIT_FILE_BROKEN && part->first_seq && next && next <= part->first_seq;
        if (part->is_void)
            part->first_seq = 0;
        else if (part->kind == AUDIT_FILE_BROKEN && next)
            part->stop_after_seq = next - 1;
        if (part->first_seq)
            next = part->first_seq;
    }
}
