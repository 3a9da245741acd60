/*
 * policy: rules -> verdict. Default deny, pure: the same facts and rules give the same verdict for ever.
 * Meaning of the keys: docs/configuration.md (generated from the schema); DESIGN section 3.
 * Rules are built by config/ and immutable; everything is borrowed from their snapshot.
 */
#ifndef EG_POLICY_H
#define EG_POLICY_H
#include "base/arena.h"
#include "base/err.h"
#include "core/facts.h"
#include "core/reply.h"

/* One value of a key, with its place. */
struct rule {
    struct slice text;   /* as written */
    const char *file;
    unsigned line;
    bool has_cap;        /* "spec <= n" */
    int64_t cap;
};

/* All values of one key; count 0 = the key is not set. */
struct rules {
    const char *key;     /* "service_specs" */
    const struct rule *at;
    size_t count;
};

struct policy {
    struct slice name;
    const char *file;
    unsigned line;       /* of [policy NAME] */
    struct rules allow, services, workspaces, quotas, app_types, app_versions, service_specs, max_replicas, max_total_replicas,
        oss_paths,
        nas_mount_targets, nas_paths, vpcs, vswitches, security_groups;
    const struct rule **allowed; /* by opcat index: the `allow` value that lists the operation, or NULL */
};

/* Does value `text` of `allow` name this operation or its class ("@read", "@lifecycle", "@create" ...)? */
bool policy_allow_covers(struct slice text, const struct op *op);
/* Is text an operation's name or a class at all? */
bool policy_allow_valid(struct slice text);
/* Fill policy->allowed from policy->allow (one entry for each operation of the catalogue). False without memory. */
bool policy_index_allow(struct policy *p, struct arena *a);
/* Does the policy own services of this name? */
const struct rule *policy_owns(const struct policy *p, struct slice service);

/* "max_replicas of [policy small-llms], easgate.ini:31", in the arena; without a rule the policy's own line. */
struct slice policy_rule_place(const struct policy *p, const char *key, const struct rule *rule, struct arena *a);

/* What EAS says about the service now. */
struct service_state {
    struct slice spec;
    int64_t replicas;      /* the largest count that the service has or would start with */
    bool has_scaler;       /* auto or cron scaler enabled */
};

enum verdict_kind { VERDICT_NONE = 0, VERDICT_ALLOW, VERDICT_REFUSE, VERDICT_NEED_STATE };

struct verdict {
    enum verdict_kind kind;
    struct refusal refusal;     /* VERDICT_REFUSE; texts in the arena */
    const struct rule *rule;    /* the deciding rule (allow: the `allow` value), NULL when none is involved */
    const char *rule_key;
    struct slice rule_text;     /* "max_replicas of [policy small-llms], easgate.ini:31" */
    struct slice fill_workspace, fill_quota; /* VERDICT_ALLOW: put these into the query; empty = nothing */
    /* the state after the call, as judged: for the record */
    struct slice spec;
    bool has_replicas, has_replicas_now;
    int64_t replicas, replicas_now;
};

/* Judge. region = the upstream's region (ClusterId must equal it). state = NULL when not looked up yet: then the verdict
 * may be VERDICT_NEED_STATE, after everything that can be refused without it has been refused. Never fails: without
 * memory it refuses with REASON_INTERNAL. */
void policy_judge(const struct policy *p, struct slice region, const struct facts *facts,
                  const struct service_state *state, struct arena *a, struct verdict *out);

/* max_total_replicas: may a service that counts for own_now come to have `replicas`, when all others have sum_of_others?
 * True also without such a limit, and when nothing grows. False: *out says why, in the arena. */
bool policy_judge_sum(const struct policy *p, int64_t replicas, int64_t sum_of_others, int64_t own_now,
                      struct arena *a, struct refusal *out);
#endif
