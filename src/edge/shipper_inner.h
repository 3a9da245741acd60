/* The inside of a shipper, for shipper.c (the loop's side, life) and shipper_run.c (the thread). */
#ifndef EG_SHIPPER_INNER_H
#define EG_SHIPPER_INNER_H
#include "core/syslog_rec.h"
#include "edge/ship_link.h"
#include "edge/ship_source.h"
#include "edge/shipper.h"
#include <pthread.h>

/* A record of type ship that the thread wants to have in the log. One at a time. */
struct ship_note {
    enum { SHIP_NOTE_NONE = 0, SHIP_NOTE_WANTED, SHIP_NOTE_APPENDED } state; /* NONE again when it is durable */
    uint64_t ticket;
    uint64_t count, last_seq;
    char text[200], error[480];
};

struct ship_orders {
    uint64_t limit; /* records up to here are durable */
    bool closing;
};

struct ship_news {
    uint64_t seq; /* of the mark */
    uint64_t failures;
    bool failing;
};

struct shipper {
    struct shipper_config cfg;
    struct ship_link_config link_cfg;
    char host[SYSLOG_HOST_MAX_BYTES + 1];
    int news_fd, quit_fd;
    pthread_t thread;
    uint64_t counted_failures; /* in the metrics; the loop's */

    struct { /* the thread's, once it runs */
        struct ship_source *source;
        struct ship_link *link; /* NULL = not connected */
        struct ship_orders orders;
        struct ship_mark mark; /* the collector is known to have all up to here */
        struct ship_mark sent; /* given to the link */
        bool is_first;         /* begin with whatever the log has first */
        struct sbuf message;
        int64_t link_since_ms;
        int64_t session_since_ms, last_sent_ms; /* what has no receipt yet: since when, until when it was sent */
        uint64_t session_bytes;                 /* and how much it is */
        uint64_t backoff_ms;
        int64_t failing_since_ms; /* 0 = all is well */
        int64_t failing_wall_ms;
        char why[480]; /* the last failure */
        bool away_told;
        uint64_t gap_until; /* a gap that was seen, not yet believed; 0 = none */
        struct {
            bool is_due, is_noted;
            struct ship_mark to;
        } jump; /* go on elsewhere, once the log says so */
        bool mark_failed;
        bool over;
    } run;

    struct {
        pthread_mutex_t lock;
        pthread_cond_t ended_news;
        struct ship_orders orders;
        struct ship_news news;
        struct ship_note note;
        bool ended;
    } shared;
};

/* Before the thread runs: where to begin. */
void shipper_read_mark(struct shipper *s);
void *shipper_main(void *shipper);
#endif
