/* policy_inner: what the files of policy.h share. For them only. */
#ifndef EG_POLICY_INNER_H
#define EG_POLICY_INNER_H
#include "core/policy.h"

struct judging {
    const struct policy *policy;
    struct slice region;
    const struct facts *facts;
    const struct service_state *state;
    struct arena *arena;
    struct verdict *out;
};

/* ---- policy_say.c: saying no. All return whether to go on: true only where a policy in mode report lifts its limit ---- */

/* All values of a key as a person would list them; "nothing" when it is not set. */
struct slice policy_list_text(struct arena *a, const struct rules *rules);
bool policy_refuse(struct judging *j, enum reason reason, const char *key, const struct rule *rule, struct slice asked,
                   struct slice allowed, const char *message);
/* The same, but never lifted: what cannot be judged is no limit that a policy could only report. */
bool policy_refuse_always(struct judging *j, enum reason reason, const char *message);
/* The value `asked` of `what` ("metadata.image") is not among those of the key. */
bool policy_refuse_value(struct judging *j, enum bound key, struct slice what, struct slice asked);
/* The number of `what` is more than the key allows. */
bool policy_refuse_number(struct judging *j, enum bound key, struct slice what, int64_t asked);

/* ---- policy_value.c: one value against its key ---- */

enum reason policy_reason(enum bound key); /* of bounds.def */
bool policy_check_fact(struct judging *j, const struct fact *fact);

/* ---- policy_after.c: the state after the call against the caps ---- */

bool policy_check_after(struct judging *j);
#endif
