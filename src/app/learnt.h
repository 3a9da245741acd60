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
/* The section, its values with counts as comments; each list at most LEARNT_VALUES_MAX long: names beyond that are folded
 * into patterns by what stands before their first _ or -. False: e says what does not fit. */
#define LEARNT_VALUES_MAX 200
bool learnt_print(const struct learnt *l, struct slice policy, struct sbuf *out, struct err *e);
#endif
