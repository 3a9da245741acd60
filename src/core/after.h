/*
 * after: what a service has once a call took effect. Pure arithmetic over what EAS says now and what the request states; the
 * caps bound its result. docs/eas/README.md, "What is dangerous" names the calls. Sums stop at INT64_MAX, they never wrap.
 */
#ifndef EG_AFTER_H
#define EG_AFTER_H
#include "core/facts.h"

/* What EAS says about a service now; all zero for one that does not exist yet. */
struct service_state {
    struct slice spec;            /* AppSpecName, else cloud.computing.instance_type of the stored configuration */
    bool is_app;                  /* it is AppSpecName: an application's, which no instance type takes away */
    int64_t count;                /* largest of TotalInstance, running, pending; detached ones are in it */
    int64_t stored;               /* metadata.instance of the stored configuration */
    bool states_count;            /* it states one, be it 0 */
    int64_t extra;                /* detached: count beyond stored while no scaler is on */
    bool has_scaler, has_cron;
    int64_t scaler_min, scaler_max, activation; /* of the autoscaler that is on */
    int64_t cron_max;             /* largest TargetSize */
    int64_t surge;                /* max_surge of the stored configuration */
    bool has_gpus;
    int64_t gpus;                 /* of one replica, as EAS states it */
    const struct facts *config;   /* of the stored configuration (but for a clone, hardware only); NULL when EAS states none */
    const struct facts *version;  /* of that of the version that would come back, all of it; NULL when there is none */
};

/* The configuration that a service has after the call but for what is stated: that which comes back, else the stored one. */
const struct facts *state_coming(const struct service_state *s, const struct op *op);

/* The state that a call leads to. */
struct after {
    struct slice spec;            /* ServiceSpec or instance type; empty when neither is stated or known */
    struct slice kept_spec;       /* of an application that states no other: it stays, whatever stands in spec; else empty */
    int64_t replicas;             /* the count that it sets or leaves, without scalers, detached ones and surge */
    int64_t peak;                 /* the most it may come to without another call: with scalers, cron, detached, surge */
    int64_t now;                  /* the same of the present state; 0 for a new service */
    /* the parts of the peak */
    int64_t scaler;               /* the autoscaler's largest */
    int64_t cron, extra, surge;
    bool has_gpus;
    int64_t gpus;                 /* of one replica */
};

/* What a service may come to by itself, as it stands. */
int64_t service_peak(const struct service_state *s);
/* The least that the stated counts alone may come to, whatever the rest turns out to be: what can be refused without a look-up. */
int64_t after_stated(const struct facts *facts);
/* The largest that the stated autoscaler may be at; 0 without one. */
int64_t after_stated_scaler(const struct facts *facts);
/* now = NULL for a new service made of what is stated alone; a clone has its source's. False: e says why it cannot be computed
 * (a count that must be stated: ERR_MISSING; a scaler beside detached instances, or one whose maximum is not known: ERR_CONFLICT):
 * the request is refused. */
bool after_compute(const struct facts *facts, const struct service_state *now, struct after *out, struct err *e);
#endif
