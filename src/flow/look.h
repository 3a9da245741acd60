/*
 * look: what EAS says about a service now, read by nested requests, one after the other: the service itself, its scalers
 * where they are not clearly off, the versions until the one that is asked for. Private to flow/.
 * Reading is strict: what is there must be readable, and a count that nothing states is not zero.
 */
#ifndef EG_LOOK_H
#define EG_LOOK_H
#include "core/after.h"
#include "core/json.h"

struct txn;

/* How much of the stored configuration is needed. */
enum state_config {
    STATE_COUNTS = 1, /* its counts; state.config stays NULL */
    STATE_HARDWARE,   /* and what bounds hardware: facts_read_stored, lenient */
    STATE_WHOLE       /* all of it, because it comes back: strict */
};

enum scaler_flag { SCALER_OFF = 0, SCALER_UNSAID /* EAS does not say; the scaler itself is asked */, SCALER_ON };

struct service_seen {
    struct service_state state; /* has_scaler, has_cron: one may be on whose numbers are not read yet */
    enum scaler_flag scaler, cron;
};

/* ---- reading answers: state_read.c; false: e says what is missing or wrong ---- */

/* A service as DescribeService and ListServices show it. spec and config live in the arena. */
bool service_state_of(const struct json *service, enum state_config want, struct arena *a, struct service_seen *out,
                      struct err *e);
/* Its autoscaler, as DescribeServiceAutoScaler shows it; the larger numbers count. */
bool seen_add_scaler(const struct json *scaler, struct service_seen *inout, struct err *e);
/* Its cron scaler, as DescribeServiceCronScaler shows it. */
bool seen_add_cron(const struct json *scaler, struct service_seen *inout, struct err *e);
/* All is read: what counts as detached. */
void seen_finish(struct service_seen *inout);

/* ---- asking: look.c ---- */

struct look {
    /* the plan */
    struct slice service;
    enum state_config want;
    int64_t version;          /* whose configuration is to be found; 0 = none */
    int64_t deadline_mono_ms; /* of all its requests together */
    /* how far it is; LOOK_SERVICE with `seen` when it was seen in a list */
    enum look_at { LOOK_BEGIN = 0, LOOK_SERVICE, LOOK_SCALER, LOOK_CRON, LOOK_VERSION, LOOK_END } at;
    struct service_seen seen; /* whole at the end */
    uint64_t page, versions;  /* of the list of versions: asked for last; seen so far */
};

#endif
