/*
 * own: what easgate answers by itself to the team that calls: nothing is sent to EAS for it.
 *
 *   GET /easgate/v1/self            who the caller is, what it may do, what is left of its budget
 *   GET /easgate/v1/requests/ID     what became of a change whose outcome was not known (RequestId of the 502)
 *   x-easgate-dry-run: true         on any request: its verdict alone; what the verdict rests on is looked up as always
 *
 * EAS's own paths all begin with /api/, so nothing is hidden. The answers name only what the caller's own policy says.
 */
#ifndef EG_OWN_H
#define EG_OWN_H
#include "flow/life.h"

/* Is this path one of easgate's own? */
bool own_is(struct slice target);
/* Answer it: ANSWER, or REFUSE. */
enum step_result own_answer(struct txn *t);
/* Does the request ask for its verdict alone? False with *e when the header says neither true nor false. */
bool own_dry_run(const struct http1_msg *m, bool *out, struct err *e);
/* The verdict as an answer, for a request that was judged and is not sent: ANSWER. */
enum step_result own_verdict(struct txn *t);
#endif
