/* learnt: what decisions used, for each policy: operations, values with how often, largest numbers; printed as [policy NAME]. */
#ifndef EG_LEARNT_H
#define EG_LEARNT_H
#include "app/decisions.h"

struct learnt;

struct learnt *learnt_new(const struct snapshot *snap); /* NULL without memory; snap is borrowed */
void learnt_free(struct learnt **l);
/* Take in an allowed decision. False: e says why. */
bool learnt_take(struct learnt *l, const struct decision *d, struct err *e);
/* Was anything seen of this policy? */
bool learnt_saw(const struct learnt *l, struct slice policy);
/* Of how many policies? */
size_t learnt_saw_count(const struct learnt *l);
/* The section, its values with counts as comments. A spec has the most replicas that were seen of one service of it as its cap. A list of more than LEARNT_VALUES_MAX values, and a value that cannot be written,
 * stand as the values of the policy that they matched; sums, and keys that an operation needs beside what was seen, stay as they
 * are; so do ends (until), and what counts behind them. False without memory. */
#define LEARNT_VALUES_MAX 200
#define LEARNT_VALUE_MAX_BYTES 120
bool learnt_print(const struct learnt *l, struct slice policy, struct sbuf *out, struct err *e);
#endif
