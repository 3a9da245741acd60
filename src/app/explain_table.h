/* explain_table: what explain says of a request, a row each: judged offline, or by a running gateway. */
#ifndef EG_EXPLAIN_TABLE_H
#define EG_EXPLAIN_TABLE_H
#include "base/slice.h"
#include <stdint.h>

struct explain_table { /* what is empty has no row */
    struct slice operation;
    struct slice code;    /* refused: why */
    int64_t status;
    bool needs_state;     /* neither refused nor allowed */
    struct slice message, rule, asked, allowed;
    bool has_after;
    struct slice spec, parts; /* ", scaler up to 4": what the peak is made of beside replicas */
    int64_t peak, peak_now, replicas;
    bool has_gpus;
    int64_t gpus;         /* of one replica */
    struct slice reported, reported_message; /* the code of what a policy in mode report lets through */
    struct slice workspace, quota;           /* filled in */
    bool needs_replicas, needs_gpus;         /* sums that are not known decide, too */
};

/* For people, or as one JSON object. */
void explain_table_print(const struct explain_table *t, bool as_json);
#endif
