/*
 * emu_fault: faults on demand. A rule says which requests it hits, how often, and what is done to their answers; a
 * plan is what then goes over the wire. Pure: no sockets here. docs/emulator.md describes every fault.
 */
#ifndef EG_EMU_FAULT_H
#define EG_EMU_FAULT_H
#include "base/err.h"
#include "base/list.h"
#include "emulator/emu_answer.h"
#include "emulator/emu_json.h"

/* FAULT(id, name, does the operation take place?) */
#define EMU_FAULTS(FAULT)                                                                                    \
    FAULT(DELAY, "delay", true)                                                                              \
    FAULT(STATUS, "status", false)                                                                           \
    FAULT(THROTTLE, "throttle", false)                                                                       \
    FAULT(REDIRECT, "redirect", false)                                                                       \
    FAULT(RESET_BEFORE, "reset-before", true)                                                                \
    FAULT(RESET_WITHIN, "reset-within", true)                                                                \
    FAULT(RESET_AFTER, "reset-after", true)                                                                  \
    FAULT(CLOSE_AT, "close-at", true)                                                                        \
    FAULT(CLOSE_AFTER, "close-after", true)                                                                  \
    FAULT(DROP_CONNECTION, "drop-connection", false)                                                         \
    FAULT(SILENT, "silent", true)                                                                            \
    FAULT(GARBAGE, "garbage", true)                                                                          \
    FAULT(RAW, "raw", true)                                                                                  \
    FAULT(INTERIM, "1xx", true)                                                                              \
    FAULT(SWITCH, "101", true)                                                                               \
    FAULT(HINTS, "103", true)                                                                                \
    FAULT(EXTRA_BYTES, "extra-bytes", true)                                                                  \
    FAULT(DOUBLE_LENGTH, "double-length", true)                                                              \
    FAULT(LENGTH_TOO_LONG, "length-too-long", true)                                                          \
    FAULT(LENGTH_TOO_SHORT, "length-too-short", true)                                                        \
    FAULT(NO_LENGTH, "no-length", true)                                                                      \
    FAULT(CHUNKED, "chunked", true)                                                                          \
    FAULT(BAD_CHUNK, "bad-chunk", true)                                                                      \
    FAULT(CHUNKED_AND_LENGTH, "chunked-and-length", true)                                                    \
    FAULT(STATUS_LINE, "wrong-status-line", true)                                                            \
    FAULT(SPLIT, "split", true)                                                                              \
    FAULT(BIG_BODY, "big-body", true)                                                                        \
    FAULT(BIG_HEAD, "big-head", true)

enum emu_fault_kind {
    EMU_FAULT_NONE = 0,
#define FAULT(id, name, executes) EMU_FAULT_##id,
    EMU_FAULTS(FAULT)
#undef FAULT
        EMU_FAULT_COUNT_
};

enum emu_end { EMU_END_KEEP = 0, EMU_END_CLOSE, EMU_END_RESET, EMU_END_SILENT, EMU_END_COUNT_ };

#define EMU_AT_NONE INT64_MIN

struct emu_fault {
    enum emu_fault_kind kind;
    bool executes;
    bool no_notify; /* a close comes without TLS's close_notify */
    int64_t ms, delay_ms, at, times;
    int status;
    enum emu_end end; /* EMU_END_COUNT_ = as the kind has it */
    char code[80];
    char *text; /* NULL = the kind's own */
};

/* What goes over the wire. */
struct emu_plan {
    struct sbuf bytes;
    int64_t delay_ms;         /* before the first byte */
    size_t piece;             /* 0 = all at once */
    int64_t piece_ms, end_ms; /* between pieces; between the last byte and the end */
    enum emu_end end;
    bool no_notify;
};

struct emu_faults;

struct emu_faults *emu_faults_new(void); /* NULL without memory */
void emu_faults_free(struct emu_faults **f);
void emu_faults_clear(struct emu_faults *f);
/* Add the rule that a JSON object describes. */
bool emu_faults_add(struct emu_faults *f, const struct emu_json *rule, struct err *e);
bool emu_faults_is_empty(const struct emu_faults *f);
/* All rules, as an array into an open object. */
void emu_faults_write(const struct emu_faults *f, struct emu_jw *w);

/* When a fault strikes. */
enum emu_stage { EMU_STAGE_ACCEPT = 0, EMU_STAGE_HEAD, EMU_STAGE_ANSWER, EMU_STAGE_COUNT_ };
/* The first rule that hits this request at this stage, used up by one; NULL if none. It lives until the rules change
 * or the next call. action may be NULL (no operation). */
const struct emu_fault *emu_faults_take(struct emu_faults *f, enum emu_stage stage, const char *action,
                                        struct slice service);

const char *emu_fault_name(enum emu_fault_kind kind);
/* Change the answer before it is journaled (status, throttle, redirect, big-body); fault may be NULL. */
void emu_fault_answer(const struct emu_fault *fault, struct emu_answer *a);
/* What is sent for this answer; fault may be NULL. The caller drops plan->bytes, which must be clear. */
void emu_fault_plan(const struct emu_fault *fault, const struct emu_answer *a, bool keep_alive,
                    int64_t wall_ms, struct emu_plan *plan);
#endif
