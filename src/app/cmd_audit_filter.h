/*
 * Which records a person asked for. An outcome names its request only by id: it is wanted when its intent was, so a filter is
 * fed every record in order and remembers the wanted requests (cmd_audit_await.h).
 */
#ifndef EG_CMD_AUDIT_FILTER_H
#define EG_CMD_AUDIT_FILTER_H
#include "app/cmd_audit_await.h"
#include "base/arena.h"
#include "edge/audit_read.h"

enum audit_decision { AUDIT_DECISION_NONE = 0, AUDIT_ALLOW, AUDIT_DENIAL };

struct audit_filter {
    /* empty = any; id also as a record's parent; all but type in the spelling of records (audit_filter_text) */
    struct slice id, client, op, type, service;
    struct arena *texts; /* holds them; made when needed */
    enum audit_decision decision;               /* NONE = any */
    char since[25], until[25];                  /* as t; "" = any; since <= t < until */
    struct audit_await awaited;                 /* requests whose outcome is wanted */
};

/* What a record says about its request: intents, outcomes and resolved ones were allowed; deny and counted refused. */
enum audit_decision audit_decision_of(enum audit_type type);
const char *audit_decision_name(enum audit_decision d);
/* A moment: 2026-11-23, 2026-11-23T15:27:57Z (or with .123), or so long before now_ms: 90s, 15m, 2h, 7d. */
bool audit_filter_time(struct slice text, int64_t now_ms, char out[25]);
/* A text as a person means it, in the spelling of records: with their escapes. Good until the filter is dropped. False when it is
 * longer than any of theirs, or without memory. */
bool audit_filter_text(struct audit_filter *f, struct slice text, struct slice *out);
/* Does it ask for anything at all? */
bool audit_filter_is_set(const struct audit_filter *f);
/* Is this record wanted? */
bool audit_filter_wants(struct audit_filter *f, const struct audit_line *line);
/* A wanted request could not be remembered. What comes behind its intent may seem unwanted: whoever feeds the filter stops here,
 * and `easgate audit` says why. */
bool audit_filter_is_full(const struct audit_filter *f);
/* Forget the requests, to read again from elsewhere. */
void audit_filter_forget(struct audit_filter *f);
void audit_filter_drop(struct audit_filter *f);
#endif
