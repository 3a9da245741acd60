/* gate_state: the gate's struct, private to flow/. */
#ifndef EG_GATE_STATE_H
#define EG_GATE_STATE_H
#include "base/log.h"
#include "base/map.h"
#include "core/truth.h"
#include "core/ratelimit.h"
#include "flow/gate.h"
#include "flow/unknown.h"

/* Refusals that anybody can make many of: without an identity, or of a client that is over its rate. Counted, one record a second
 * for each reason (or client), with one sample. */
struct counted {
    uint64_t count;        /* since the last record */
    int64_t next_mono_ms;  /* the earliest time of the next one */
    char peer[80], target[160], method[16], detail[120];
};

/* What a client uses now, usage.c. */
struct usage {
    struct ratelimit_state requests, changes;
    size_t inflight;
    struct counted throttled;
};

/* The clients of a policy and what their services have, reserve.c. */
struct team {
    struct truth *truth;
    struct txn *reader;  /* who reads the truth now; NULL = nobody */
    struct list waiters; /* txn.in_team */
    uint64_t drifts;     /* services seen changed between two readings, by no call through here */
    int64_t drift_replicas, drift_gpus; /* and by how much, since the start */
};

struct gate {
    struct ports ports;
    struct snapshot *snap;
    struct metrics *metrics;
    struct list inflight;  /* every txn */
    size_t inflight_count; /* clients' own, without nested ones */
    uint64_t inflight_bytes;
    struct list durable;   /* those that wait for a ticket, in its order */
    struct list ready;     /* woken while another one ran */
    bool running;
    bool draining;
    struct map *held;      /* service name -> struct held */
    struct map *usage;     /* client name -> struct usage */
    struct map *teams;     /* policy name -> struct team */
    struct budget *book;   /* reservations of all policies */
    struct list doubts;    /* changes whose truth is to be read, doubt.c */
    size_t doubt_count, resolving;
    int64_t growth_opens_mono_ms;    /* budgets let nothing grow before */
    int64_t purchases_open_mono_ms;  /* nothing is bought before */
    int64_t next_sweep_mono_ms;      /* of the book */
    uint64_t longest_timeout_ms;     /* of all configurations so far: a request under way may have begun with any */
    struct unknowns *unknowns; /* changes whose outcome was not known, for their callers */
    struct counted counted[REASON_COUNT_];
    bool has_throttled;    /* some client's may be due */
    struct log_limit key_refused; /* EAS did not accept our key: said again after a while */
    int64_t next_ends_mono_ms; /* when what ends soon is logged again */
    int64_t date_second;   /* of date_text: the x-acs-date of this second */
    char date_text[25];
};

/* Let go of what has ended: values of policies whose `until` has passed. False without memory: then nothing may be judged. */
bool gate_end_values(struct gate *g);
/* Forget services that nobody changes any more. held.c */
void held_sweep(struct gate *g);
void held_free_all(struct gate *g);
void teams_free(struct gate *g);
/* The policy that owns a service by the configuration in force; NULL: none. */
const struct policy *gate_owner(const struct gate *g, struct slice service);
/* Another configuration is in force: what was read of the teams' services is theirs no more. */
void teams_reset(struct gate *g);
/* Changes in doubt whose time has come are looked at. doubt.c */
void doubts_tick(struct gate *g);
void doubts_free(struct gate *g);
void usage_free_all(struct gate *g);
/* Count a refusal that gets no record of its own. */
void gate_count(struct gate *g, enum reason reason, const struct peer *peer, const struct http1_msg *head,
                struct slice detail);
/* The same of a client that is over its rate. */
void gate_count_throttled(struct gate *g, struct slice client, const struct peer *peer, const struct http1_msg *head,
                          struct slice detail);
/* Write the counted records that are due; all of them when force. */
void gate_flush_counted(struct gate *g, bool force);
#endif
