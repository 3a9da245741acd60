/*
 * Full segments: see archive.h. One thread; what it shares with the ledger is behind the lock. It opens and removes files of
 * the log's directory by their names, and never touches the current segment.
 */
#include "edge/archive.h"
#include "base/log.h"
#include "edge/archive_zst.h"
#include "edge/audit_parts.h"
#include "edge/audit_read.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOK_EVERY_MS    60000
#define MIN_AGE_S        3600
#define STOP_WAIT_S      2
#define REMOVALS_MAX     8 /* at a time */
#define LOG_EVERY_MS     600000
#define IOPRIO_OF_THREAD 1         /* IOPRIO_WHO_PROCESS */
#define IOPRIO_IDLE      (3 << 13) /* IOPRIO_CLASS_IDLE */

struct archive {
    struct archive_config cfg;
    struct audit_names names;
    struct log_limit still_failing, stays; /* the thread's: what it says of compression, and of removal */

    pthread_mutex_t lock;
    pthread_cond_t news, ended_news;
    pthread_t thread;
    bool has_thread, poked, quit, ended;
    struct archive_removal removals[REMOVALS_MAX];
    size_t chosen, announced; /* of removals; announced <= chosen */
};

static bool should_stop(void *ctx)
{
    struct archive *a = ctx;

    pthread_mutex_lock(&a->lock);
    bool quit = a->quit;
    pthread_mutex_unlock(&a->lock);
    return quit;
}

/* ---- choosing what goes ---- */

/* A full segment's name says which records it has, also when its first line was damaged. */
static bool is_old_segment(const struct audit_part *p)
{
    return p->kind == AUDIT_FILE_FULL || (p->first_seq && p->kind == AUDIT_FILE_BROKEN);
}

/* Segments none of whose records counts are in nobody's way. */
static void leave_out_void(struct audit_parts *parts)
{
    size_t kept = 0;

    for (size_t i = 0; i < parts->count; i++)
        if (!parts->list[i].is_void)
            parts->list[kept++] = parts->list[i];
    parts->count = kept;
}

static void say_stays(struct archive *a, const char *file, const char *why)
{
    uint64_t held_back;

    if (log_limit_pass(&a->stays, clock_mono_ms(a->cfg.clock), &held_back))
        log_event(LOG_WARN, "audit", "cannot remove an old segment", LOG_C("path", a->names.path),
                  LOG_C("file", file), LOG_C("error", why));
}

/* How many of the parts, from the oldest on, are to go. */
static size_t count_to_go(const struct archive *a, const struct audit_parts *parts)
{
    int64_t now_s = clock_wall_ms(a->cfg.clock) / 1000;
    size_t old = 0, n = 0;

    while (old < parts->count && is_old_segment(&parts->list[old]))
        old++;
    while (n < old) {
        int64_t age_s = now_s - parts->list[n].changed_s;
        bool is_spare = a->cfg.keep_segments && old - n > a->cfg.keep_segments;
        bool is_late = a->cfg.keep_for_ms && age_s >= (int64_t)(a->cfg.keep_for_ms / 1000);
        if (age_s < MIN_AGE_S || (!is_spare && !is_late))
            break;
        n++;
    }
    return n;
}

/* What the record says of `part` is what the first line of the next one says of the line before it. */
static bool describe(const struct audit_part *part, const struct audit_part *next,
                     struct archive_removal *out)
{
    struct audit_text text;
    struct audit_line line;
    struct slice name = slice_of(part->name);
    bool ok = false;

    if (part->is_zst)
        name.n -= sizeof ".zst" - 1;
    memcpy(out->file, name.p, name.n);
    out->file[name.n] = '\0';
    out->last_seq = next->first_seq - 1;
    int fd = open(next->path, O_RDONLY | O_CLOEXEC);
    struct audit_reader *r = fd >= 0 ? audit_reader_new(fd, next->is_zst) : NULL;
    if (r && audit_reader_next(r, &text) && text.is_whole && audit_line_parse(text.line, &line, NULL) &&
        line.prev.n == sizeof out->hash - 1 && line.seq == next->first_seq && line.seq > 1) {
        memcpy(out->hash, line.prev.p, line.prev.n);
        out->hash[line.prev.n] = '\0';
        ok = true;
    }
    audit_reader_free(&r);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Choose, unless what was chosen before is not removed yet. */
static void choose(struct archive *a, const struct audit_parts *parts)
{
    struct archive_removal removals[REMOVALS_MAX];
    size_t to_go = count_to_go(a, parts), n = 0;

    while (n < to_go && n < REMOVALS_MAX && n + 1 < parts->count && parts->list[n + 1].first_seq &&
           describe(&parts->list[n], &parts->list[n + 1], &removals[n]))
        n++;
    if (n < to_go && n < REMOVALS_MAX)
        say_stays(a, parts->list[n].name, "the segment behind it does not begin with a record");
    pthread_mutex_lock(&a->lock);
    if (n && !a->chosen && !a->quit) {
        memcpy(a->removals, removals, n * sizeof *removals);
        a->chosen = n;
        a->announced = 0;
        a->cfg.wake(a->cfg.ctx);
    }
    pthread_mutex_unlock(&a->lock);
}

/* ---- removing what was announced ---- */

static bool is_gone(int dir_fd, const char *name)
{
    return unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT;
}

static bool remove_file(struct archive *a, int dir_fd, const struct archive_removal *r)
{
    char other[AUDIT_NAME_MAX];

    if (!is_gone(dir_fd, r->file) || (audit_name_zst(r->file, other) && !is_gone(dir_fd, other))) {
        say_stays(a, r->file, strerror(errno));
        return false;
    }
    if (archive_part_name(r->file, other, sizeof other))
        unlinkat(dir_fd, other, 0);
    log_event(LOG_INFO, "audit", "old segment removed", LOG_C("path", a->names.path), LOG_C("file", r->file),
              LOG_N("last_seq", r->last_seq));
    return true;
}

/* Of broken segments none of whose records counts, those before this one: without it they would seem to count. */
static void remove_void_before(const struct audit_parts *parts, int dir_fd, const char *file)
{
    for (size_t i = 0; i < parts->count && !slice_starts(slice_of(parts->list[i].name), slice_of(file)); i++)
        if (parts->list[i].is_void)
            unlinkat(dir_fd, parts->list[i].name, 0);
}

/* Returns whether anything was removed. The oldest goes first: what cannot be removed stays announced, and all behind it stays. */
static bool remove_announced(struct archive *a, const struct audit_parts *parts, int dir_fd)
{
    struct archive_removal removals[REMOVALS_MAX];
    size_t gone = 0;

    pthread_mutex_lock(&a->lock);
    size_t n = a->announced;
    memcpy(removals, a->removals, n * sizeof *removals);
    pthread_mutex_unlock(&a->lock);
    for (; gone < n; gone++) {
        remove_void_before(parts, dir_fd, removals[gone].file);
        if (!remove_file(a, dir_fd, &removals[gone]))
            break;
    }
    if (!gone)
        return false;
    pthread_mutex_lock(&a->lock);
    a->chosen -= gone; /* what the ledger did not write yet follows */
    a->announced -= gone;
    memmove(a->removals, a->removals + gone, a->chosen * sizeof *a->removals);
    pthread_mutex_unlock(&a->lock);
    return true;
}

/* ---- compressing ---- */

static bool is_chosen(struct archive *a, const struct audit_part *part)
{
    bool found = false;

    pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < a->chosen; i++)
        found = found || strcmp(a->removals[i].file, part->name) == 0;
    pthread_mutex_unlock(&a->lock);
    return found;
}

static void compress_all(struct archive *a, const struct audit_parts *parts, int dir_fd)
{
    for (size_t i = 0; i < parts->count; i++) {
        const struct audit_part *part = &parts->list[i];
        struct err why = { 0 };
        uint64_t held_back;
        if (part->kind != AUDIT_FILE_FULL || part->is_zst || is_chosen(a, part))
            continue;
        enum archive_result result = archive_compress(dir_fd, part->name, should_stop, a, &why);
        if (result == ARCHIVE_STOPPED)
            return;
        if (result == ARCHIVE_FAILED &&
            log_limit_pass(&a->still_failing, clock_mono_ms(a->cfg.clock), &held_back))
            log_event(LOG_WARN, "audit", "a full segment stays uncompressed", LOG_C("path", a->names.path),
                      LOG_C("error", why.text));
    }
}

/* ---- the thread ---- */

/* Returns whether something was removed, so that there is more to see. */
static bool look_once(struct archive *a, int dir_fd)
{
    SCOPED(audit_parts) parts = AUDIT_PARTS_NONE;
    struct err why = { 0 };

    if (!audit_parts_add_log(&parts, &a->names, &why)) {
        say_stays(a, "", why.text);
        return false;
    }
    audit_parts_sort(&parts);
    if (remove_announced(a, &parts, dir_fd))
        return true;
    leave_out_void(&parts);
    choose(a, &parts);
    if (a->cfg.compress)
        compress_all(a, &parts, dir_fd);
    return false;
}

static void look(struct archive *a)
{
    int dir_fd = open(a->names.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    while (dir_fd >= 0 && look_once(a, dir_fd))
        ;
    if (dir_fd >= 0)
        close(dir_fd);
}

/* Until there is something to do; false = the end. */
static bool wait_for_news(struct archive *a)
{
    const struct timespec until =
        clock_mono_in_ms((int64_t)(a->cfg.look_every_ms ? a->cfg.look_every_ms : LOOK_EVERY_MS));
    int error = 0;

    pthread_mutex_lock(&a->lock);
    while (!a->poked && !a->quit && error == 0)
        error = pthread_cond_timedwait(&a->news, &a->lock, &until);
    a->poked = false;
    bool go_on = !a->quit;
    pthread_mutex_unlock(&a->lock);
    return go_on;
}

static void *archive_main(void *arg)
{
    struct archive *a = arg;

    /* As much as is to be had: what cannot be lowered is no reason to leave segments lying. */
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
    syscall(SYS_ioprio_set, IOPRIO_OF_THREAD, 0, IOPRIO_IDLE);
    do
        look(a);
    while (wait_for_news(a));
    pthread_mutex_lock(&a->lock);
    a->ended = true;
    pthread_cond_signal(&a->ended_news);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* ---- the ledger's side ---- */

static void poke(struct archive *a)
{
    a->poked = true;
    pthread_cond_signal(&a->news);
}

void archive_rotated(struct archive *a)
{
    pthread_mutex_lock(&a->lock);
    poke(a);
    pthread_mutex_unlock(&a->lock);
}

bool archive_next(struct archive *a, size_t i, struct archive_removal *out)
{
    pthread_mutex_lock(&a->lock);
    bool found = a->announced + i < a->chosen;
    if (found)
        *out = a->removals[a->announced + i];
    pthread_mutex_unlock(&a->lock);
    return found;
}

void archive_announced(struct archive *a, size_t n)
{
    pthread_mutex_lock(&a->lock);
    a->announced += n;
    poke(a);
    pthread_mutex_unlock(&a->lock);
}

/* ---- life ---- */

struct archive *archive_new(const struct archive_config *cfg, struct err *e)
{
    struct archive *a = calloc(1, sizeof *a);
    pthread_condattr_t attr;

    if (!a) {
        err_set(e, ERR_MEMORY, "no memory for the archive of the audit log");
        return NULL;
    }
    a->cfg = *cfg;
    a->cfg.path = NULL;
    a->still_failing.period_ms = a->stays.period_ms = LOG_EVERY_MS;
    if (!audit_names_init(&a->names, cfg->path, e)) {
        free(a);
        return NULL;
    }
    bool ok = pthread_condattr_init(&attr) == 0 && pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
              pthread_cond_init(&a->news, &attr) == 0 && pthread_cond_init(&a->ended_news, &attr) == 0 &&
              pthread_mutex_init(&a->lock, NULL) == 0;
    pthread_condattr_destroy(&attr);
    if (!ok) {
        err_set(e, ERR_MEMORY, "no memory for the archive of the audit log");
        free(a);
        return NULL;
    }
    return a;
}

bool archive_start(struct archive *a, struct err *e)
{
    sigset_t all, before;

    sigfillset(&all); /* signals are the loop's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&a->thread, NULL, archive_main, a);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    a->has_thread = error == 0;
    return a->has_thread ||
           err_set(e, ERR_MEMORY, "cannot start the thread for old segments: %s", strerror(error));
}

void archive_free(struct archive **closing)
{
    struct archive *a = *closing;
    const struct timespec until = clock_mono_in_ms(STOP_WAIT_S * 1000);
    int error = 0;

    *closing = NULL;
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->quit = true;
    poke(a);
    while (a->has_thread && !a->ended && error == 0)
        error = pthread_cond_timedwait(&a->ended_news, &a->lock, &until);
    bool ended = !a->has_thread || a->ended;
    pthread_mutex_unlock(&a->lock);
    if (!ended) { /* the disk hangs: the thread still uses it all */
        pthread_detach(a->thread);
        return;
    }
    if (a->has_thread)
        pthread_join(a->thread, NULL);
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->news);
    pthread_cond_destroy(&a->ended_news);
    free(a);
}
