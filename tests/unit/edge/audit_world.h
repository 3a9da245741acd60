/* What the auditor's tests share: a log in a directory of its own, a reader of logs that shares no code with easgate, and
 * faults put before calls of the C library (link with -Wl,--wrap=...). */
#ifndef EG_TEST_AUDIT_WORLD_H
#define EG_TEST_AUDIT_WORLD_H
#include "base/slice.h"
#include "edge/auditor.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---- faults ---- */

enum call { CALL_NONE = 0, CALL_WRITE, CALL_FDATASYNC, CALL_FTRUNCATE, CALL_FSYNC, CALL_RENAME, CALL_FALLOCATE, CALL_RENAMEAT,
            CALL_UNLINKAT, CALL_PWRITE };

/* From now on, the nth such call on a regular file fails with this errno, `times` times (-1 = for ever). A short write
 * (error = 0 with CALL_WRITE) writes half. */
#define FAULT_DIE (-1) /* as errno: the process ends there */
void fault_set(enum call call, int nth, int times, int error);
void fault_clear(void);
int fault_hits(void);
/* How often it was called since fault_clear. */
int call_count(enum call call);
/* Bytes that pwrite wrote into files since then. */
size_t pwritten_bytes(void);
/* Each fdatasync takes this long (0 = off). */
void fdatasync_delay_ms(int ms);
/* Calls of write on a file after an fdatasync on it has failed. */
int writes_after_failed_sync(void);

/* ---- a log, read without easgate's code ---- */

struct log_line {
    unsigned long long seq;
    char type[16], id[40], error[32], run[17];
    char *text;
};
struct log_view {
    size_t count, room;
    struct log_line *lines;
    size_t files;
};
/* All records of the log in dir, segments in order, broken ones up to where the next goes on; fails the test when seq has
 * a hole or prev is not the hash of the line before. */
struct log_view view_log(const char *dir);
/* How many whole lines it has, while a writer may be in the middle of one. */
size_t count_lines_live(const char *dir);
void view_free(struct log_view *v);
/* Lines with this type (and id, and error; NULL = any). */
size_t view_count(const struct log_view *v, const char *type, const char *id, const char *error);

/* ---- a world ---- */

struct world {
    char dir[64], path[96];
    struct event_base *base;
    struct auditor *auditor;
    struct auditor_config cfg;
    uint64_t durable;
    int lost;
    uint64_t durable_at_loss; /* when the last loss was told; and whether the log was failed then, and why */
    bool failed_at_loss;
    char why_at_loss[480];
    bool inside; /* within auditor_append: no callback may come */
};

void world_init(struct world *w, bool synced);
void world_drop(struct world *w);
bool world_open(struct world *w, struct err *e);
void must_open(struct world *w);
/* The program's log to nowhere, unless EASGATE_TEST_LOG is set. */
void quiet_log(void);
/* Records of these types; returns the ticket. */
uint64_t put_intent(struct world *w, const char *id);
uint64_t put_outcome(struct world *w, const char *id);
uint64_t put_deny(struct world *w);
uint64_t put_counted(struct world *w, struct slice message);
/* Turn the loop until the ticket is durable, the loss count is reached, the log is ok, or 5 s are over: false. */
bool wait_durable(struct world *w, uint64_t ticket);
bool wait_lost(struct world *w, int lost);
bool wait_ok(struct world *w);
void turn(struct world *w, int ms);

/* Files. */
void write_file(const char *path, struct slice bytes);
struct slice read_file(const char *path); /* the caller frees p */
void free_file(struct slice *s);
void remove_dir(const char *dir);
/* The name of the only file in dir with this text in its name, or fails. */
void find_file(const char *dir, const char *part, char out[400]);
#endif
