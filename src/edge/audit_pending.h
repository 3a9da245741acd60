/*
 * audit_pending: the intents of a log that have no outcome yet, and, if asked for, those of changes whose outcome is unknown
 * and was not resolved since. Fed line by line in order; memory grows with the open intents only, up to a maximum.
 */
#ifndef EG_AUDIT_PENDING_H
#define EG_AUDIT_PENDING_H
#include "core/audit_chain.h"

#define AUDIT_PENDING_MAX ((size_t)1 << 20)

struct audit_pending;

/* Does this error of an outcome leave open whether the request was carried out? */
bool audit_error_is_unknown(struct slice error);
/* The same of an outcome as a whole: its error, or a status that says nothing for certain. */
bool audit_outcome_is_unknown(const struct audit_line *outcome);
/* Does this intent's request change anything? A read changes nothing, whatever came of it; an operation of a later version is
 * taken for a change. */
bool audit_intent_is_change(const struct audit_line *intent);

/* An open intent: what its lines said. */
struct audit_open {
    unsigned count;                      /* intents of this id without an outcome (a second try writes its own) */
    char error[24];                      /* why the outcome is unknown (uncertain_status: its status says nothing for certain);
                                            "" = it is not */
    uint64_t seq;                        /* of the last one */
    char id[33], nonce[65], attempt[20]; /* attempt = the number of its try, or "" */
    char t[25], client[65], op[65], service[65]; /* for people; cut to whole characters and "..." if longer */
    bool is_change;
    char changed[160];                   /* the service that it changes, or makes; "" where none is named or it does not fit */
    bool has_peak;                       /* of that service after the call; no GPUs where none are stated */
    int64_t peak, peak_gpus;
};

/* keep_unknown: also changes with an unknown outcome, until they are resolved. NULL without memory. */
struct audit_pending *audit_pending_new(bool keep_unknown);
void audit_pending_free(struct audit_pending **p);
/* Take note of a line. False without memory, or with too many open intents. */
bool audit_pending_line(struct audit_pending *p, const struct audit_line *line);
size_t audit_pending_count(const struct audit_pending *p);
/* All of them in order of seq, borrowed until the next change; NULL without memory. The caller frees the array. */
const struct audit_open **audit_pending_list(const struct audit_pending *p);
#endif
