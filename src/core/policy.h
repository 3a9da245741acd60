/*
 * policy: rules -> verdict. Default deny, pure: the same facts and rules give the same verdict for ever.
 * Meaning of the keys: docs/configuration.md (generated from the schema); DESIGN section 3.
 * Rules are built by config/ and immutable; everything is borrowed from their snapshot.
 */
#ifndef EG_POLICY_H
#define EG_POLICY_H
#include "base/arena.h"
#include "base/err.h"
#include "core/after.h"
#include "core/reply.h"
#include "core/rules.h"

enum policy_mode {
    POLICY_ENFORCE = 1,
    POLICY_REPORT /* its own limits only say what they would refuse */
};

struct policy {
    struct slice name;
    const char *file;
    unsigned line; /* of [policy NAME] */
    struct rules bound[BOUND_COUNT_]; /* by enum bound; a FLAG has one value, "yes" or "no" */
    const struct rule **allowed; /* by opcat index: the `allow` value that lists the operation, or NULL */
    const char **missing;        /* by opcat index: the entry of op->requires that keeps an allowed operation closed, or NULL */
    bool shows_secrets;          /* @secrets */
    enum policy_mode mode;
    int64_t until_s;             /* its clients may call before this time; 0 = for ever */
    const struct owners *owners; /* of the services of every policy of the snapshot; NULL: not known, nobody owns any */
};
#define POLICY_RULES(p, key) (&(p)->bound[BOUND_##key])
/* The cap of a REPLICAS key; false when it is not set. */
bool policy_cap(const struct policy *p, enum bound key, int64_t *out);

/* Is one of the keys "max_replicas|service_specs" set? */
bool policy_sets_one(const struct policy *p, const char *alternatives);
/* Is the operation listed, with one key of each entry of op->requires, and @secrets where it makes a secret? */
bool policy_opens(const struct policy *p, const struct op *op);
/* Does value `text` of `allow` name this operation or its class ("@read", "@lifecycle", "@create" ...)? */
bool policy_allow_covers(struct slice text, const struct op *op);
/* Is text an operation's name, a class, or @secrets at all? */
bool policy_allow_valid(struct slice text);
/* Once the rules are filled: what `allow` lists, what keeps it closed, and the indexes of long lists. False without memory. */
bool policy_index(struct policy *p, struct arena *a);
/* Does the policy own a thing of this name: a service (BOUND_services), a group, a gateway, a configuration ("TYPE/NAME") ...?
 * The rule, or NULL. */
const struct rule *policy_owns(const struct policy *p, enum bound what, struct slice name);

/* "max_replicas of [policy small-llms], easgate.ini:31", in the arena; without a rule the policy's own line. */
struct slice policy_rule_place(const struct policy *p, const char *key, const struct rule *rule, struct arena *a);

enum verdict_kind { VERDICT_NONE = 0, VERDICT_ALLOW, VERDICT_REFUSE, VERDICT_NEED_STATE };

struct verdict {
    enum verdict_kind kind;
    struct refusal refusal;     /* VERDICT_REFUSE; texts in the arena */
    const struct rule *rule;    /* the deciding rule (allow: the `allow` value), NULL when none is involved */
    const char *rule_key;
    struct slice rule_text;     /* "max_replicas of [policy small-llms], easgate.ini:31" */
    struct slice fill_workspace, fill_quota; /* VERDICT_ALLOW: put these into the query; empty = nothing */
    struct refusal would_deny;  /* the first limit that a policy in mode report lifted; reason NONE without one */
    bool has_after;             /* the state after the call was computed */
    struct after after;         /* gpus: at least what spec_gpus gives the instance types that are stated or stay */
};

/* Judge. region = the upstream's region (ClusterId must equal it). state = NULL when not looked up yet: then the verdict
 * may be VERDICT_NEED_STATE, after everything that can be refused without it has been refused. Never fails: without
 * memory it refuses with REASON_INTERNAL. */
void policy_judge(const struct policy *p, struct slice region, const struct facts *facts,
                  const struct service_state *state, struct arena *a, struct verdict *out);

/* Does mode report lift a refusal for this reason? Those of a policy's own limits; never who owns what, secrets, operations that are
 * not allowed, and whatever is not a verdict. */
bool policy_lifts(const struct policy *p, enum reason reason);

/* What a team has, or may come to have. */
struct amounts {
    int64_t replicas, gpus;
};
/* GPUs of one replica of a service: what it states or EAS says, at least what spec_gpus gives its spec. False when max_total_gpus is set
 * and nothing says it. */
bool policy_gpus(const struct policy *p, struct slice spec, bool has_gpus, int64_t gpus, int64_t *out);
/* The same of a service as it stands: at least what spec_gpus gives the instance types of its configuration, too. */
bool policy_gpus_now(const struct policy *p, const struct service_state *s, int64_t *out);
/* What a service may come to after the call, and what it may come to now. */
struct growth {
    struct amounts after, now;
    bool grows;
};
/* Of a call that raises, by the state that it leads to (a verdict's `after`) and the present one (NULL: none was needed). False: GPUs
 * are bounded and nothing says how many the service would have. */
bool policy_growth(const struct policy *p, const struct facts *f, const struct after *after, const struct service_state *now,
                   struct growth *out);
/* Is there a limit of a sum? */
bool policy_has_sum(const struct policy *p);
/* max_total_replicas, max_total_gpus: may a service that counts for own_now come to `own`, when all others have `others`?
 * True also without such a limit, and when nothing grows. False: *out says why, in the arena. */
bool policy_judge_sum(const struct policy *p, struct amounts own, struct amounts others, struct amounts own_now, struct arena *a,
                      struct refusal *out);
/* Things counted in the account: now of them, asked more, against the key of op->count. */
bool policy_judge_count(const struct policy *p, const struct op *op, int64_t now, int64_t asked, struct arena *a,
                        struct refusal *out);
#endif
