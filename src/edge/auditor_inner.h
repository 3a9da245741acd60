/* The inside of an auditor, for auditor.c (the loop's side) and auditor_writer.c (the writer's). Who owns what: auditor.c. */
#ifndef EG_AUDITOR_INNER_H
#define EG_AUDITOR_INNER_H
#include "base/log.h"
#include "edge/archive.h"
#include "edge/auditor.h"
#include <pthread.h>
#include <time.h>

struct event;

struct auditor {
    struct auditor_config cfg;
    bool synced;
    struct event *turn_end, *wake, *tick, *beat;
    bool tick_runs;
    struct auditor_events events;
    struct list fresh;
    uint64_t last_ticket, told_ticket;
    unsigned epoch;                        /* losses the gate knows of */
    size_t waiting_records, waiting_bytes; /* appended and not done */
    size_t open_intents;                   /* found at the start */
    int64_t busy_since_ms;                 /* while records wait: when the first came, or the writer was last done with some */
    int64_t next_probe_ms;
    uint64_t counted_records;         /* of status.records, those in the metrics */
    int64_t due_wall_ms, due_mono_ms; /* what the ledger said last; 0 = never */
    uint64_t last_seq;                /* durable, as the loop knows */
    bool failed, slow;
    char why[480];
    struct log_limit still_failed;

    struct {
        pthread_mutex_t lock;
        pthread_cond_t news, ended_news;
        struct list inbox, outbox;
        struct ledger_status status;
        bool probe, rotate, beat, quit, ended;
    } shared;
    int wake_fd;
    pthread_t thread;
    bool has_thread;
    struct ledger *ledger;
    struct archive *archive; /* a thread of its own; NULL = all segments stay as they are */
};

/* One round of the writer, from orders to results; wait: for something to do. Returns whether more is to be written. *out_news:
 * the loop should hear of it. */
bool auditor_write_round(struct auditor *a, bool wait, bool *out_quit, bool *out_news);
/* The writer thread: rounds until it is told to quit; arg is the auditor. */
void *auditor_writer_main(void *arg);
#endif
