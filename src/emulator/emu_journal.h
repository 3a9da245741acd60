/*
 * emu_journal: one JSON line for each request that arrived. Lines gather in memory and are written by one write() in
 * emu_journal_flush, which comes before the answers are sent; a journal that cannot be written is fatal to the caller.
 */
#ifndef EG_EMU_JOURNAL_H
#define EG_EMU_JOURNAL_H
#include "base/err.h"
#include "emulator/emu_call.h"

struct emu_record {
    int64_t wall_ms;
    uint64_t conn, conn_seq;
    const char *peer;
    struct emu_request *req;
    const struct emu_verdict *verdict;              /* NULL = not judged */
    const char *action, *fault, *code, *request_id; /* NULL = none */
    struct slice service;
    int status; /* 0 = no answer */
};

struct emu_journal;

/* Append to this file; path NULL keeps no journal but counts. NULL on failure. */
struct emu_journal *emu_journal_open(const char *path, bool sync, struct err *e);
/* Flushes first. */
void emu_journal_close(struct emu_journal **j);
void emu_journal_add(struct emu_journal *j, const struct emu_record *r);
/* Write what has gathered; false when it could not be. */
bool emu_journal_flush(struct emu_journal *j, struct err *e);
/* Records since the start or the last reset. */
uint64_t emu_journal_count(const struct emu_journal *j);
/* Count from 0 again; with truncate the file is emptied too. */
bool emu_journal_reset(struct emu_journal *j, bool truncate, struct err *e);
#endif
