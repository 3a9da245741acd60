/*
 * life: what the steps of a request share; private to flow/. The struct is grouped by the request's own order: what came
 * in (const after parse), what was judged, what goes out (const after shape), what is waited for, what came of it.
 */
#ifndef EG_LIFE_H
#define EG_LIFE_H
#include "core/acs3.h"
#include "core/budget.h"
#include "core/request.h"
#include "flow/look.h"
#include "flow/txn.h"

#define TXN_ARENA_MAX_BYTES (4 * 1024 * 1024)
#define TXN_TRIES_MAX       2
#define TXN_HOLDS_MAX       3
/* Path and query of what is sent, so that its record says all of them. */
#define TXN_TARGET_MAX_BYTES 2048
/* Page size of our own reads of whole lists: EAS's default (docs/eas/README.md, ListServices). */
#define LIST_PAGE_SIZE      100
#define LIST_PAGE_SIZE_TEXT "100"

enum step_result {
    STEP_NEXT = 1,
    STEP_WAIT,
    STEP_REFUSE,
    STEP_ANSWER, /* to `relay`, with an answer of easgate's own */
    STEP_AGAIN,  /* from `record`: one more try */
    STEP_DONE
};

/* Answer of a nested request, given to the request that needs it. */
struct nested_result {
    struct refusal refusal;   /* reason NONE when EAS answered */
    struct http1_msg *answer; /* the parent's from then on */
};

struct txn {
    struct gate *gate;
    struct list in_gate;      /* gate->inflight */
    struct arena *arena;
    size_t step;              /* index into steps[] */
    char id[33];
    int64_t start_mono_ms;

    /* nested requests */
    struct txn *parent;       /* whose need this one serves; NULL for a client's own */
    struct txn *child;        /* the one that is under way for this one */
    struct nested_result nested;

    struct { /* as it came; const after parse */
        struct http1_msg *message; /* NULL for a nested request */
        struct pass pass;
        struct peer peer;
        struct reply_port reply;
        struct request is;         /* operation, query, body, facts */
        char body_sha256[65];
    } in;

    struct usage *usage;      /* of its client, while it is counted as under way */
    bool is_dry_run;          /* only its verdict is wanted; it is never sent */
    int own_status;           /* of an answer of easgate's own, whose body is log.body; 0 = none */
    struct verdict verdict;
    struct refusal would_deny; /* a limit of a policy in mode report that would have refused it */
    struct look look;         /* a service that is being looked at, look.c */
    struct service_state state; /* what the verdict rests on; of a purchase only count */
    bool has_state;
    struct slice facts_text, state_text; /* as the records have them */
    struct {                  /* a list that is being read, gather.c */
        const struct op *op;  /* the list; its op->list says what is in it */
        struct json *first;   /* the first page, without its items */
        struct json *owned;   /* the items of all pages so far that the policy owns */
        const struct policy *policy; /* that owns; NULL: the client's own */
        size_t seen;
        int64_t total;        /* as the first page has it */
        bool moved;           /* the pages do not fit together: something came or went meanwhile */
        uint64_t page;        /* the one that was asked for last */
        int64_t deadline_mono_ms; /* of all pages together; 0 outside a list */
    } gather;
    struct team *team;        /* whose budget it reads or waits for, reserve.c */
    struct list in_team;      /* waiting for the truth */
    int64_t reads_until_mono_ms; /* no longer is it waited for, and no reading begins after; 0: not wanted yet */
    uint64_t wants_tick;      /* since when: only a truth that was read later may refuse it */
    struct {                  /* the truth that it reads, team_read.c */
        const struct json *at;    /* the service that is counted now, of gather.owned; NULL while the list is read */
        struct arena *scratch;    /* of that service's state */
        size_t scalers;       /* services whose scalers were read */
        unsigned tries;       /* lists that moved while they were read */
    } sum;
    struct reservation *reserved;
    struct amounts peak;      /* of the service after the call; none for what raises nothing */
    bool shrinks;             /* it leads to less than is counted now */
    struct doubt *resolves;   /* the change in doubt whose truth it reads, doubt.c; NULL for all but these */
    struct {                  /* what nobody else may change meanwhile, held.c */
        struct held *at[TXN_HOLDS_MAX];
        size_t count, taken;  /* the first `taken` of them are held, the next one is waited for */
        int64_t deadline_mono_ms;
    } holds;
    struct list in_held;      /* waiting for it */

    struct outgoing out;      /* const after shape, but for its head, which the sign step makes */
    struct sbuf out_path, out_query, out_body, out_head;
    struct cred *cred;
    char nonce[33];
    char signature[65];
    char date[25];
    struct sbuf canonical_headers, signed_names;

    struct {
        enum txn_event event;     /* what woke it; NONE on a step's first run */
        int64_t deadline_mono_ms; /* 0 = a port or another request will surely wake it */
        struct list in_durable;   /* gate->durable: waiting for ticket */
        uint64_t ticket;
        bool posted;              /* in gate->ready */
        struct list in_ready;
        bool abort;               /* the program stops: end at the next chance */
        void *port_slot;
    } wait;

    struct { /* what came of it */
        struct refusal refusal;   /* reason NONE while all is well */
        char refusal_text[400];
        bool intent_open;         /* an intent without its outcome is in the log */
        bool was_sent;            /* an exchange was started */
        bool is_sending;          /* and is not over */
        int tries;
        int64_t intent_mono_ms, send_mono_ms, upstream_deadline_ms;
        int64_t upstream_ms;
        struct exchange exchange;
        struct http1_msg *answer;
        struct sbuf body;         /* the answer's body as it goes to the client */
        bool client_gone;
    } log;
};

/* ---- the engine, txn.c ---- */
struct txn *txn_new(struct gate *g);
void txn_run(struct txn *t);
/* Let a nested txn live from `judge` on. */
void txn_start_nested(struct txn *child);
/* Let a txn of easgate's own read the truth about t->resolves. */
void txn_start_resolving(struct txn *t);
/* Set the refusal (the first one stays; texts are copied into t) and return STEP_REFUSE. */
enum step_result txn_refuse(struct txn *t, enum reason reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with a refusal whose texts live as long as t. */
enum step_result txn_refuse_as(struct txn *t, const struct refusal *refusal);
/* Note what a policy in mode report would refuse (the first one stays); texts live as long as t. */
void txn_would_deny(struct txn *t, const struct refusal *refusal);
/* Wait for news until the deadline (0 = without one of ours). */
enum step_result txn_wait(struct txn *t, int64_t deadline_mono_ms);
int64_t txn_now(const struct txn *t);
const struct cfg_upstream *txn_upstream(const struct txn *t);
/* Of what t sent and got no answer to: from when on EAS shows what became of it. It may take effect as late as an exchange may last,
 * by the configuration that t was sent under. */
int64_t txn_certain_from(const struct txn *t);

/* ---- the steps, in order ---- */
enum step_result step_identify(struct txn *t); /* step_in.c */
enum step_result step_admit(struct txn *t);
enum step_result step_route(struct txn *t);
enum step_result step_parse(struct txn *t);
enum step_result step_screen(struct txn *t);   /* step_judge.c */
enum step_result step_hold(struct txn *t);
enum step_result step_lookup(struct txn *t);
enum step_result step_judge(struct txn *t);
enum step_result step_shape(struct txn *t);
enum step_result step_reserve(struct txn *t);  /* reserve.c */
enum step_result step_preview(struct txn *t);  /* step_judge.c */
enum step_result step_borrow(struct txn *t);   /* step_out.c */
enum step_result step_record(struct txn *t);
enum step_result step_sign(struct txn *t);
enum step_result step_forward(struct txn *t);
enum step_result step_collect(struct txn *t);  /* collect.c */
enum step_result step_relay(struct txn *t);    /* step_end.c */
enum step_result step_settle(struct txn *t);
enum step_result step_resolve(struct txn *t);  /* doubt.c */

/* ---- parts that steps share ---- */
/* Start a nested request for t: a read, with this query, by the deadline (0: one of its own). Its path's ClusterId is the region;
 * any other parameter is `name`, or where that is empty t's own of that name. It wakes t with TXN_LOOKED_UP, its result in
 * t->nested. False: nothing was started, e says why: no memory, or a name (EAS lists what it likes) that cannot be asked for.
 * nested.c */
bool txn_nest(struct txn *t, const struct op *op, struct slice name, const struct query *query, int64_t deadline_mono_ms,
              struct err *e);
/* The verdict of a nested request: it may only read, for its parent, what the parent's policy owns. */
enum step_result judge_nested(struct txn *t);
/* Is its answer a list that is cut to what the policy owns? */
bool txn_is_list(const struct txn *t);
/* look.c: look at the service of the plan: NEXT (t->look.seen.state is whole), REFUSE, or WAIT (TXN_LOOKED_UP follows, then
 * look_go_on). */
enum step_result look_begin(struct txn *t, const struct look *plan);
enum step_result look_go_on(struct txn *t);
/* purchase.c: what is bounded by how many the account has. Hold its count; ask for it (WAIT, TXN_LOOKED_UP follows); judge it. */
bool is_purchase(const struct txn *t);
enum step_result purchase_hold(struct txn *t);
enum step_result purchase_ask(struct txn *t);
enum step_result purchase_judge(struct txn *t);
/* gather.c: take a page of the list in; AGAIN when there are more. Ask for the next one: WAIT, TXN_LOOKED_UP follows, then
 * gather_read. filters: of t's own list; NULL: all of ListServices. */
enum step_result gather_take(struct txn *t, const struct http1_msg *answer);
enum step_result gather_ask(struct txn *t, const struct query *filters);
enum step_result gather_read(struct txn *t);
void gather_drop(struct txn *t);
/* team_read.c: read what a team's services have. Begin; WAIT, then go on after each TXN_LOOKED_UP; NEXT: it is the truth now. */
enum step_result team_read_begin(struct txn *t, struct team *team, const struct policy *p);
enum step_result team_read_go_on(struct txn *t, struct team *team, const struct policy *p);
void team_read_drop(struct txn *t);
/* reserve.c: the policy whose budget a service counts for, by the configuration in force; NULL: nobody's. */
const struct policy *budget_policy(const struct txn *t);
struct owner policy_as_owner(const struct policy *p);
/* The service that a change is about: the one that will exist, else the one that does. */
struct slice changed_service(const struct facts *f);
/* Have the truth about the team of t's client read, where it has a budget and what is known is old; t asks for no operation. WAIT:
 * call it again; NEXT: it is known; REFUSE: it cannot be read. */
enum step_result budget_know(struct txn *t);
/* The end of a request for its team's budget. */
void reserve_end(struct txn *t);
/* budget_text.c: what the team of this policy has and may still have, as a JSON object; false: it has no budget. */
bool budget_text_of(const struct gate *g, const struct policy *p, struct sbuf *out);
/* doubt.c: a request ended without anybody knowing what came of it: its truth is read later. */
void doubt_add(struct txn *t);
/* usage.c: the limits of each client. */
enum step_result usage_admit(struct txn *t);
enum step_result usage_admit_change(struct txn *t);
void usage_leave(struct txn *t);
/* held.c: who may change a thing now. First ask for all that t changes ("service", NAME); false without memory. */
bool held_ask(struct txn *t, const char *kind, struct slice name);
/* Then hold it: NEXT, WAIT (TXN_HELD follows, then call it again), or REFUSE while an earlier change is in doubt. */
enum step_result held_take(struct txn *t);
/* What t waits for: "service nlp_a". */
struct slice held_awaited(const struct txn *t);
/* Let it go; end says whether what t sent may still take effect. */
void held_release(struct txn *t, enum budget_end end);
/* How a change ended, as far as anyone can know. The one place that says so. step_end.c */
enum budget_end change_end(const struct txn *t);
/* Errors that mean: it is easgate's key or signature, not the caller's request. shown.c */
bool is_about_our_key(struct slice code);
/* shown.c: what of EAS's answer may be shown, into t->log.body; REFUSE when none of it may. */
enum step_result answer_show(struct txn *t);
/* record.c: the audit records of a request. */
/* The ticket of the intent, 0 when the log takes none. */
uint64_t record_intent(struct txn *t);
/* The outcome of the open intent, if there is one; error = not_sent, sent_no_answer, cut_answer, bad_answer or NULL. */
void record_outcome(struct txn *t, const char *error);
void record_deny(struct txn *t);

#endif
