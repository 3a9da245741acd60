/*
 * judge: all that the gateway's steps judge a read request by, in their order: the policy's own rules, how many there are of what is
 * bought, the team's sums. Where it is not known what the team's other services have, it says whether that decides.
 */
#ifndef EG_JUDGE_H
#define EG_JUDGE_H
#include "core/policy.h"

/* What the policy's other services have; what is not known may be anything. */
struct known_sums {
    bool has_replicas, has_gpus;
    int64_t replicas, gpus;
};

struct judgement {
    struct verdict v;
    bool needs_replicas, needs_gpus; /* an allowed call: by max_total_replicas, max_total_gpus the sum that is not known decides */
};

/* state: of the service, or how many there are (count) of what is bought; NULL: not known, the verdict may need it. others = NULL: sums
 * are not judged. */
void judge_all(const struct policy *p, struct slice region, const struct facts *facts, const struct service_state *state,
               const struct known_sums *others, struct arena *a, struct judgement *out);
/* Of an allowed call: a limit is passed, which a policy in mode report only reports. */
void judge_passed_limit(const struct policy *p, const struct refusal *why, struct verdict *v);
void judge_refuse(const struct refusal *why, struct verdict *v);
#endif
