/*
 * budget: how many replicas the services of one policy have together, and what the calls under way may add. Pure; time is
 * passed in. One book for each policy that has max_total_replicas.
 *
 * The truth is what EAS listed, at the time the reading began. A change that is under way, or that ended after the truth's
 * reading began, counts by the state it leads to, as a reservation: for each service the largest of what is listed and what
 * is reserved. So the sum is never too small, whatever EAS has applied already; at worst it is too large until the next
 * reading. An unknown outcome counts until a reading that began `grace` after it.
 */
#ifndef EG_BUDGET_H
#define EG_BUDGET_H
#include "base/slice.h"
#include <stdint.h>

struct budget;
struct reservation;

struct budget *budget_new(void); /* NULL without memory */
/* All reservations must be settled. Stores NULL; NULL is fine. */
void budget_free(struct budget **b);

/* ---- the truth ---- */

/* A reading begins; what was known stays in force until budget_read_done. */
void budget_read_begin(struct budget *b, int64_t now_mono_ms);
/* A service that is listed; called for all of them. False without memory. */
bool budget_read_service(struct budget *b, struct slice service, int64_t replicas);
/* The reading is whole: it is the truth now. False without memory: as budget_read_abandon. */
bool budget_read_done(struct budget *b, int64_t grace_ms);
/* The reading failed: what was known stays. */
void budget_read_abandon(struct budget *b);
/* Is there a truth, and did its reading begin at most max_age_ms ago and not before a doubt? */
bool budget_is_fresh(const struct budget *b, int64_t now_mono_ms, int64_t max_age_ms);
/* When the truth's reading began; INT64_MIN without one. */
int64_t budget_read_at(const struct budget *b);
/* Something shrank: the truth is too large, so that it is to be read again before anyone is refused by it. */
void budget_doubt(struct budget *b);

/* ---- reservations ---- */

/* What all services have together now, reservations counted; without this service. */
int64_t budget_sum_without(const struct budget *b, struct slice service);
/* What this service has, reservations counted. */
int64_t budget_of_service(const struct budget *b, struct slice service);
/* The service will have `replicas`. NULL without memory. The caller settles it. */
struct reservation *budget_reserve(struct budget *b, struct slice service, int64_t replicas);

enum budget_end { BUDGET_NOTHING = 1 /* surely did not happen */, BUDGET_DONE, BUDGET_UNKNOWN };
/* What an answer with this status says of the change that it answers: 4xx that nothing was done, but 408 only that EAS gave up;
 * 3xx and 5xx say nothing for certain. */
enum budget_end budget_end_of_status(int64_t status);
/* Stores NULL. */
void budget_settle(struct reservation **r, enum budget_end end, int64_t now_mono_ms);
#endif
