/* guard_inner: what guard.c (life), guard_read.c (bytes in) and guard_write.c (answers out) share; private to them. */
#ifndef EG_GUARD_INNER_H
#define EG_GUARD_INNER_H
#include "base/map.h"
#include "edge/answer.h"
#include "edge/deadlines.h"
#include "edge/guard.h"
#include <event2/bufferevent.h>
#include <event2/event_struct.h>

/* One read takes at most this much; also the most that is read ahead while a request is under way. */
#define GUARD_READ_BYTES   16384
#define GUARD_ANSWER_BYTES 65536

enum guard_phase {
    GUARD_NEW = 0, /* accepted; evhttp's connection is not known yet */
    GUARD_FIRST,   /* not a byte has come */
    GUARD_IDLE,    /* between requests, not a byte of the next one */
    GUARD_HEAD,    /* within a head */
    GUARD_BODY,    /* the head has passed, the body is not whole */
    GUARD_WORK,    /* the request is under way; its own deadlines hold */
    GUARD_ANSWER,  /* its answer is being written, the connection goes on after it */
    GUARD_CLOSING, /* the last answer is being written */
    GUARD_LINGER,  /* it is written; what still comes is thrown away */
    GUARD_OVER,    /* ends with the next task */
    GUARD_PHASE_COUNT_
};

struct guard {
    struct guards *all;
    struct loop *loop;
    enum guard_phase phase;
    struct deadline deadline;
    struct loop_task todo;

    struct bufferevent *bev;         /* evhttp's, from when it took it */
    struct evhttp_connection *evcon; /* NULL before it is known, and after its end */
    bufferevent_data_cb evhttp_read; /* what evhttp wants called when its input has grown */
    struct evhttp_request *evreq;    /* evhttp's view of the request under way */
    struct event readable;
    bool is_reading; /* readable is added */
    int fd;
    struct peer peer;

    struct http1_reader *reader; /* NULL: refuses whatever comes */
    size_t held_bytes;           /* the reader's share of all->held_bytes */
    size_t unsent_bytes;         /* of an answer that the client is slow to take; in all->unsent_bytes, too */
    struct sbuf pending;         /* read, not yet fed */
    size_t pending_at;
    bool next_head_waits;      /* the next request's head was read, and not judged yet */
    struct pass pass;          /* of the head that passed; snap NULL = none */
    struct http1_msg *request; /* whole; until it starts */
    size_t lingered_bytes;

    bool is_counted, is_peer_counted; /* in all->count, in all->peers */
    bool is_over_cap;                 /* refused at a cap; in all->over_cap_count */
    bool saw_end;                     /* the client sends nothing more */
    bool close;                       /* after the answer that is due */
    bool is_head_request;             /* the refused method was HEAD: no body */
    bool owes_answer;                 /* the request's life holds a pointer to this struct */
};

struct guards {
    struct guards_setup setup;
    const struct clock *clock;
    struct deadlines due[GUARD_PHASE_COUNT_]; /* in order of time; unused where a phase has no deadline */
    struct guard *spare, *handing;
    size_t count, over_cap_count, held_bytes, unsent_bytes;
    struct map *peers; /* key -> how many connections, as a pointer's value; local peers are not in it */
    bool is_draining;
    struct answer_date date;
    struct sbuf head, body, scratch; /* for answers under construction */
    char buffer[GUARD_READ_BYTES];
};

const struct cfg_gateway *guards_config(const struct guards *all);

/* guard.c */
void guard_set_phase(struct guard *g, enum guard_phase phase);
/* End the connection with the loop's next task; nothing is read or written any more. */
void guard_end_later(struct guard *g);
/* So much of its answer waits in memory for the client now. */
void guard_count_unsent(struct guard *g, size_t bytes);
/* Keep evhttp from reading, writing or being called; it sets its own callbacks whenever it starts over. */
void guard_own_bufferevent(struct guard *g);

/* guard_read.c */
void guard_on_readable(evutil_socket_t fd, short what, void *guard);
void guard_set_reading(struct guard *g, bool on);
/* Go on with what is pending, after an answer. */
void guard_resume(struct guard *g);
/* Before an answer: read the next head if it is there. False when it is wrong (which is recorded). */
bool guard_peek_next(struct guard *g);
void guard_forget_input(struct guard *g);

/* guard_write.c */
/* Record the refusal, answer it, end the connection. head may be NULL. */
void guard_refuse(struct guard *g, const struct refusal *refusal, const struct http1_msg *head_or_null);
/* Record only. */
void guard_record(struct guard *g, const struct refusal *refusal, const struct http1_msg *head_or_null);
void guard_reply(void *guard, const struct answer *a, bool *out_client_gone);
void guard_on_written(struct bufferevent *bev, void *guard);
void guard_on_event(struct bufferevent *bev, short what, void *guard);
/* End the slowest clients whose answers wait in memory, but not `last` (may be NULL), until these have at most max_bytes. */
void guards_drop_untaken(struct guards *all, uint64_t max_bytes, const struct guard *last);
/* "HTTP/1.1 100 Continue"; never queued. */
void guard_send_continue(struct guard *g);
#endif
