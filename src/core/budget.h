/*
 * budget: the book of what the calls under way may come to: for each service the state that a change of it leads to, as a
 * reservation, from before it is sent until EAS's own list shows what became of it (core/truth.h has the sums). Pure; time is
 * passed in. One book for all policies, because a new configuration may give a service to another one while it is changed.
 */
#ifndef EG_BUDGET_H
#define EG_BUDGET_H
#include "core/policy.h"

struct budget;
struct reservation;

/* Each part by itself; INT64_MAX where it would be more. */
struct amounts amounts_add(struct amounts a, struct amounts b);
struct amounts amounts_max(struct amounts a, struct amounts b);
bool amounts_eq(struct amounts a, struct amounts b);
/* Replicas with so many GPUs each; neither is negative. */
struct amounts amounts_of(int64_t replicas, int64_t gpus_each);

/* Whose services? policy_owns of one policy. */
struct owner {
    bool (*owns)(const void *ctx, struct slice service);
    const void *ctx;
};

struct budget *budget_new(void); /* NULL without memory */
/* All reservations must be settled. Stores NULL; NULL is fine. */
void budget_free(struct budget **b);

/* Events in their order, as several fall into one millisecond: each call gives a number of its own, larger than all before. */
uint64_t budget_tick(struct budget *b);

#define BUDGET_SERVICES_MAX 65536 /* with reservations at a time */

/* The service will have `most`. A change that raises nothing reserves nothing, so that it is known to have been ours.
 * NULL without memory, or with too many services in the book. The caller settles it. */
struct reservation *budget_reserve(struct budget *b, struct slice service, struct amounts most);
enum budget_end { BUDGET_NOTHING = 1 /* surely did not happen */, BUDGET_DONE, BUDGET_UNKNOWN };
/* What an answer with this status says of the change that it answers: 4xx that nothing was done, but 408 only that EAS gave up;
 * 3xx and 5xx say nothing for certain. */
enum budget_end budget_end_of_status(int64_t status);
/* What it leads to is certain from that time on: now, but of an unknown outcome as late as what was sent may still take effect (by the
 * patience of its sender, not by that of whoever reads later). Stores NULL. */
void budget_settle(struct reservation **r, enum budget_end end, int64_t certain_mono_ms);

/* What is reserved for the service: the largest of its reservations. */
struct amounts budget_reserved(const struct budget *b, struct slice service);
/* Is anything, be it nothing that it raises? */
bool budget_has(const struct budget *b, struct slice service);
/* Walk the services that have any: start with *at = NULL; false at the end. The book must not change meanwhile. */
bool budget_next(const struct budget *b, void **at, struct slice *out_service);
/* Forget what ended before that event (0: was certain before that time), an unknown outcome only if it was certain before that time;
 * only of the owner's services (NULL: of all). */
void budget_forget(struct budget *b, const struct owner *owner, uint64_t before_tick, int64_t before_mono_ms);
#endif
