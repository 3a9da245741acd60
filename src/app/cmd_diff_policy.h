/* cmd_diff_policy: what one policy permits that another does not, in words. Compares what the two mean at one time, not how they are
 * written: a value that another pattern covers already is nothing new. */
#ifndef EG_CMD_DIFF_POLICY_H
#define EG_CMD_DIFF_POLICY_H
#include "app/cmd_diff_lines.h"
#include "core/policy.h"

/* Both without the values that have ended by then (snapshot_at). */
void diff_policies(struct diff_lines *d, const struct policy *old, const struct policy *new);
#endif
