/* Names of an audit log's files: see audit_files.h. Reads directories, opens and changes nothing. */
#include "edge/audit_files.h"
#include "base/enc.h"
#include "base/num.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ZST ".zst"

static bool put(char *out, size_t size, struct slice s)
{
    if (s.n >= size)
        return false;
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

bool audit_names_init(struct audit_names *n, const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    struct slice base = slice_of(slash ? slash + 1 : path);
    struct slice dir = !slash ? S(".") : slash == path ? S("/") : slice_from(path, (size_t)(slash - path));
    size_t dot = base.n;

    for (size_t i = 1; i < base.n; i++)
        if (base.p[i] == '.')
            dot = i;
    if (base.n == 0 || base.n > NAME_MAX - 64 || !put(n->path, sizeof n->path, slice_of(path)) ||
        !put(n->dir, sizeof n->dir, dir) || !put(n->base, sizeof n->base, base) ||
        !put(n->stem, sizeof n->stem, slice_from(base.p, dot)) ||
        !put(n->ext, sizeof n->ext, slice_skip(base, dot)) || strcmp(n->ext, ZST) == 0)
        return err_set(e, ERR_RANGE, "%s: not usable as the path of an audit log", path);
    return true;
}

static bool is_full_name(struct slice middle, struct audit_file *out)
{
    struct slice rest = middle, first;

    return slice_split(&rest, '-', &first) && rest.p && num_u64(first, 1, UINT64_MAX, &out->first) &&
           num_u64(rest, out->first, UINT64_MAX, &out->last);
}

/* 20261123T155957.123Z, as time_text writes it. */
static bool is_time(struct slice s)
{
    static const char form[] = "00000000T000000.000Z";

    for (size_t i = 0; i < s.n && i < sizeof form - 1; i++)
        if (form[i] == '0' ? !ascii_is_digit(s.p[i]) : s.p[i] != form[i])
            return false;
    return s.n == sizeof form - 1;
}

enum audit_file_kind audit_file_kind_of(const struct audit_names *n, const char *name, struct audit_file *out)
{
    struct slice s = slice_of(name), stem = slice_of(n->stem), ext = slice_of(n->ext),
                 base = slice_of(n->base);

    *out = (struct audit_file){ .kind = AUDIT_FILE_NONE };
    if (!put(out->name, sizeof out->name, s))
        return AUDIT_FILE_NONE;
    if (slice_eq(s, base))
        return out->kind = AUDIT_FILE_CURRENT;
    if (slice_starts(s, base) && slice_starts(slice_skip(s, base.n), S(".torn-")) &&
        is_time(slice_skip(s, base.n + sizeof ".torn-" - 1)))
        return out->kind = AUDIT_FILE_TORN;
    out->is_zst = slice_ends(s, S(ZST));
    if (out->is_zst)
        s.n -= sizeof ZST - 1;
    if (s.n <= stem.n + ext.n || !slice_starts(s, stem) || s.p[stem.n] != '-' || !slice_ends(s, ext))
        return AUDIT_FILE_NONE;
    struct slice middle = slice_from(s.p + stem.n + 1, s.n - stem.n - 1 - ext.n);
    if (slice_starts(middle, S("broken-")) && is_time(slice_skip(middle, sizeof "broken-" - 1)) &&
        !out->is_zst)
        return out->kind = AUDIT_FILE_BROKEN;
    if (is_full_name(middle, out))
        return out->kind = AUDIT_FILE_FULL;
    return AUDIT_FILE_NONE;
}

bool audit_name_full(const struct audit_names *n, uint64_t first, uint64_t last, char out[AUDIT_NAME_MAX])
{
    int used = snprintf(out, AUDIT_NAME_MAX, "%s-%llu-%llu%s", n->stem, (unsigned long long)first,
                        (unsigned long long)last, n->ext);

    return used > 0 && used < AUDIT_NAME_MAX;
}

bool audit_name_zst(const char *full_name, char out[AUDIT_NAME_MAX])
{
    int used = snprintf(out, AUDIT_NAME_MAX, "%s" ZST, full_name);

    return used > 0 && used < AUDIT_NAME_MAX;
}

/* 20261123T155957.123Z: sorts by time, has no character that a shell minds. */
static void time_text(int64_t wall_ms, char out[25])
{
    char text[25];
    size_t n = 0;

    enc_time_utc(wall_ms, true, text);
    for (const char *p = text; *p; p++)
        if (*p != '-' && *p != ':')
            out[n++] = *p;
    out[n] = '\0';
}

bool audit_name_broken(const struct audit_names *n, int64_t wall_ms, char out[AUDIT_NAME_MAX])
{
    char when[25];

    time_text(wall_ms, when);
    int used = snprintf(out, AUDIT_NAME_MAX, "%s-broken-%s%s", n->stem, when, n->ext);
    return used > 0 && used < AUDIT_NAME_MAX;
}

bool audit_name_torn(const struct audit_names *n, int64_t wall_ms, char out[AUDIT_NAME_MAX])
{
    char when[25];

    time_text(wall_ms, when);
    int used = snprintf(out, AUDIT_NAME_MAX, "%s.torn-%s", n->base, when);
    return used > 0 && used < AUDIT_NAME_MAX;
}

static int compare(const void *a, const void *b)
{
    const struct audit_file *x = a, *y = b;
    bool x_full = x->kind == AUDIT_FILE_FULL, y_full = y->kind == AUDIT_FILE_FULL;

    if (x_full != y_full)
        return x_full ? -1 : 1;
    if (x_full && x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return strcmp(x->name, y->name);
}

static bool add(struct audit_file **files, size_t *count, size_t *room, const struct audit_file *file)
{
    if (*count == *room) {
        size_t more = *room ? *room * 2 : 16;
        struct audit_file *grown = realloc(*files, more * sizeof *grown);
        if (!grown)
            return false;
        *files = grown;
        *room = more;
    }
    (*files)[(*count)++] = *file;
    return true;
}

/* What is there plain, too: "name" sorts before "name.zst". */
static size_t drop_twins(struct audit_file *files, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct audit_file *before = kept ? &files[kept - 1] : NULL;
        if (before && files[i].is_zst && !before->is_zst && before->first == files[i].first &&
            before->last == files[i].last) {
            before->has_twin = true;
            continue;
        }
        files[kept++] = files[i];
    }
    return kept;
}

bool audit_files_list(const struct audit_names *n, struct audit_file **out, size_t *out_count, struct err *e)
{
    DIR *d = opendir(n->dir);
    struct audit_file *files = NULL, file;
    size_t count = 0, room = 0;
    struct dirent *entry;
    bool ok = true;

    if (!d)
        return err_set(e, ERR_IO, "%s: %s", n->dir, strerror(errno));
    while (ok && (entry = readdir(d)) != NULL)
        if (audit_file_kind_of(n, entry->d_name, &file) != AUDIT_FILE_NONE)
            ok = add(&files, &count, &room, &file);
    closedir(d);
    if (!ok) {
        free(files);
        return err_set(e, ERR_MEMORY, "no memory for the names in %s", n->dir);
    }
    if (count)
        qsort(files, count, sizeof *files, compare);
    *out = files;
    *out_count = drop_twins(files, count);
    return true;
}
