/*
 * decisions: what the gateway decided, read back from its audit log, for `easgate replay` and `easgate learn`. One decision for each
 * request of a client that reached the policy: its first intent, or its denial by a rule. Look-ups of easgate's own, second
 * tries and refusals that no policy made (framing, JSON, rates, a full disk) are none.
 */
#ifndef EG_DECISIONS_H
#define EG_DECISIONS_H
#include "base/arena.h"
#include "base/err.h"
#include "config/snapshot.h"
#include "core/after.h"

struct decision {
    int64_t at_s;         /* when: seconds since 1970 */
    uint64_t seq;
    struct slice t, client, op, service;
    struct slice target;  /* as it was sent; of a denial as it was received */
    struct slice workspace, quota; /* as it was sent: what the policy filled in, too */
    struct slice facts;   /* as facts_print wrote it; empty: the log is older than that */
    struct slice now;     /* as state_print wrote it; empty: no state was looked up */
    struct slice policy;  /* digest of the configuration that decided it */
    bool denied;
    bool would_deny;      /* let through by a policy in mode report */
    struct slice reason;  /* of these two: "replica_cap" */
};

/* What is borrowed in *d lives until each returns; false ends the reading. */
typedef bool (*decision_fn)(void *ctx, const struct decision *d);
/* Read all decisions of the segments at these paths (files, or directories with a log `name` in them; NULL behind the last), in
 * order. The exit code: AUDIT_EXIT_FINE, or what was said to standard error in the name of this command of easgate. */
int decisions_read(char **paths, const char *name, const char *command, decision_fn each, void *ctx);

/* What was judged; *out_state is filled when d->now is there. All of it lives in the arena. False: e says why. */
bool decision_read(const struct decision *d, struct arena *a, struct facts *out_facts, struct service_state *out_state,
                   struct err *e);

enum rejudged {
    REJUDGED_ALLOWED = 1,
    REJUDGED_REPORTED, /* let through by a policy in mode report, which says what it would refuse */
    REJUDGED_REFUSED,
    REJUDGED_UNKNOWN /* depends on what the log does not hold: a state, a team's sum */
};
/* What was decided. */
enum rejudged decision_was(const struct decision *d);
/* Judge a decision by what of a configuration counted then (snapshot_at); *out_code and *out_why say why it would be
 * refused or cannot be told, in the arena. No record holds the team's sum: what it decided stands for the configuration that decided
 * (by its digest); for any other one a call that grows is not told, unless its service alone would come to more than is allowed.
 * False without memory, or when the record cannot be read. */
bool decision_judge(const struct decision *d, const struct snapshot *snap, struct arena *a, enum rejudged *out,
                    struct slice *out_code, struct slice *out_why, struct err *e);
#endif
