/*
 * truth: what the services of one policy have, as EAS listed them, and the team's sum over it and the reservations. Pure; time is
 * passed in.
 *
 * Each service counts for what it may come to by itself (core/after.h, service_peak). A change that is under way, or that
 * ended after the truth's reading began, counts by the state it leads to (core/budget.h): for each service the largest of
 * what is listed and what is reserved. So a sum is never too small, whatever EAS has applied already; at worst it is too
 * large until the next reading. An unknown outcome counts until a reading that began after it was certain (budget_settle).
 */
#ifndef EG_TRUTH_H
#define EG_TRUTH_H
#include "core/budget.h"

struct truth;

struct truth *truth_new(void); /* NULL without memory */
void truth_free(struct truth **t);

/* A reading begins, as this event (budget_tick); what was known stays in force until truth_read_done. */
void truth_read_begin(struct truth *t, uint64_t tick, int64_t now_mono_ms);
/* A service that is listed; called for all of them. One that is listed twice counts by the larger amounts. False without
 * memory. */
bool truth_read_service(struct truth *t, struct slice service, struct amounts has);
/* Services read so far, each name once. */
size_t truth_reading_count(const struct truth *t);
/* Is a service not in the reading that is known, or that a reservation of the owner's raises? It may be gone, or may have slipped
 * from one page of the list to another while they were read. */
bool truth_reading_misses(const struct truth *t, const struct budget *b, const struct owner *owner);
/* Told of each service whose amounts changed since the truth before, while no call through here touched it. */
typedef void truth_changed_fn(void *ctx, struct slice service, struct amounts before, struct amounts now);
/* The reading is whole: it is the truth now, and the owner's reservations that it shows for certain go. False without memory:
 * as truth_read_abandon. */
bool truth_read_done(struct truth *t, struct budget *b, const struct owner *owner, truth_changed_fn *changed, void *ctx);
/* The reading failed: what was known stays. */
void truth_read_abandon(struct truth *t);

/* Is there a truth, and did its reading begin at most max_age_ms ago and after the last doubt? */
bool truth_is_fresh(const struct truth *t, int64_t now_mono_ms, int64_t max_age_ms);
/* When the truth's reading began; INT64_MIN, 0 without one. */
int64_t truth_began_at(const struct truth *t);
uint64_t truth_began_tick(const struct truth *t);
/* Something shrank: the truth is too large, so that it is to be read again before anyone is refused by it. */
void truth_doubt(struct truth *t, uint64_t tick);
/* Forget it, a reading under way, too: what is read from now on is something else. */
void truth_reset(struct truth *t);

/* What was listed, and how many services. */
struct amounts truth_listed(const struct truth *t);
size_t truth_services(const struct truth *t);
/* What this service has, reservations counted. */
struct amounts truth_of_service(const struct truth *t, const struct budget *b, struct slice service);
/* What all the owner's services have together, reservations counted; without this service (SLICE_NONE: with all). */
struct amounts truth_sum_without(const struct truth *t, const struct budget *b, const struct owner *owner,
                                 struct slice service);
#endif
