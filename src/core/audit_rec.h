/*
 * audit_rec: the audit log's records: what they say, and how that is written into a line and read back. How a line begins and
 * ends, and how lines hang together, is core/audit_chain.h; docs/audit.md has the whole format.
 *
 * A line's body is canonical JSON: ASCII only, integers only, no blanks, keys in fixed order. What stands in it depends on
 * the type; a field that is not known is left out. Its keys are the names of the fields of struct
 * audit_rec, in that order; an integer's key is the field's name, "try" for try_number; client_gone is true or left out.
 * Text that would make a line too long is cut and ends with "...": target, peer, message and note first. In an intent
 * nothing else is ever cut (one that does not fit then is refused, and with it the request); in the other types the values
 * can be absurdly long, as received from a client or from EAS, and are cut, too.
 * How a value is spelled: core/audit_value.h. facts and now are arrays and objects; they are never cut.
 */
#ifndef EG_AUDIT_REC_H
#define EG_AUDIT_REC_H
#include "base/sbuf.h"
#include "base/err.h"
#include <stdint.h>

#define AUDIT_LINE_MAX_BYTES 8192 /* with its '\n' */
#define AUDIT_HEAD_MAX_BYTES 384  /* of a line's parts before and behind the body, at most */
#define AUDIT_BODY_MAX_BYTES (AUDIT_LINE_MAX_BYTES - AUDIT_HEAD_MAX_BYTES)
#define AUDIT_HASH_BYTES     32

enum audit_type {
    AUDIT_NONE = 0,
    AUDIT_START,    /* first record of a process: version, policy digest */
    AUDIT_POLICY,   /* a new configuration took effect: digest */
    AUDIT_INTENT,   /* this request will be sent */
    AUDIT_OUTCOME,  /* and this came of it */
    AUDIT_RESOLVED, /* the truth about an outcome that was unknown, read later: id (of the request), service, status (of the
                       look-up), replicas_now if known, note = exists or gone */
    AUDIT_DENY,     /* refused; nothing was sent */
    AUDIT_COUNTED,  /* refusals without an identity, at most one record a second for each reason */
    AUDIT_CHECKPOINT, /* opens an epoch of the key; or each checkpoint_interval, for the note that goes elsewhere */
    AUDIT_ROTATE,   /* last record of a segment; file = the segment's name from now on */
    AUDIT_RECOVER,  /* first record after a failed disk; behind the start record after a torn tail. Says from where on:
                       last_seq and hash of the last good line, file = what was set aside (its base name), size = bytes
                       set aside, note = why */
    AUDIT_CLOCK,    /* the wall clock went back, or records waited very long: from, to */
    AUDIT_STOP,     /* last record of a process */
    AUDIT_SHIP,     /* the copy to syslog: what it did not get (yet): note and error say why, count = how many records,
                       last_seq = the last of them, or the last one that the collector has */
    AUDIT_TYPE_COUNT_
};
const char *audit_type_name(enum audit_type t);
/* AUDIT_NONE for a name that is none of these. */
enum audit_type audit_type_of(struct slice name);
/* May a record of this type stand in a segment before the recover record that names the broken segment before it? docs/audit.md,
 * chapter 5. */
bool audit_type_opens(enum audit_type t);

/* All fields of all types; empty slices and has_x = false are left out. Slices are borrowed for the call. */
struct audit_rec {
    enum audit_type type;
    int64_t wall_ms, mono_ms;
    /* who and what: intent, outcome (id only), deny */
    struct slice id;           /* request id, 32 hex; a look-up has its own */
    struct slice parent;       /* id of the request that a look-up or a page serves */
    bool has_try;
    int64_t try_number;        /* 2 for the second try of a read */
    struct slice client, token_id, peer;
    struct slice op, method, target; /* canonical path and query of what is (or would be) sent; as received for denials */
    struct slice service, new_service; /* the one that will exist, where it is another (clone) */
    /* judged values */
    struct slice app_type, app_version, spec, workspace, quota, storage, path;
    bool has_replicas, has_replicas_now, has_peak, has_peak_gpus;
    int64_t replicas, replicas_now;
    int64_t peak, peak_gpus;   /* the most that the service may come to after the call: what its team's budget reserves */
    struct slice facts;        /* JSON: all judged values, as facts_print has them */
    struct slice now;          /* JSON: the present state that the verdict rests on, as state_print has it */
    struct slice policy, rule; /* digest of the configuration; "small-llms max_replicas easgate.ini:31" */
    struct slice would_deny;   /* "replica_cap: would be ...": what a policy in mode report let through */
    struct slice body_received_sha256, body_sha256; /* as received; as forwarded (x-acs-content-sha256) */
    struct slice nonce, key_id, upstream;
    /* outcome */
    bool has_status;
    int64_t status;            /* of the upstream; of the refusal for deny */
    struct slice upstream_request_id, code; /* Code of an EAS error, or of the refusal */
    bool has_bytes, has_ms;
    int64_t bytes, ms;
    struct slice error;        /* not_sent, sent_no_answer, cut_answer, unknown_after_crash ... */
    bool client_gone;
    /* deny, counted */
    struct slice step, reason, message;
    bool has_count;
    int64_t count;
    /* start, rotate, recover, stop */
    struct slice version, host, file, note, hash;
    bool has_size, has_last_seq;
    int64_t size, last_seq;
    /* clock */
    struct slice from, to;     /* times as t has them */
    /* a checkpoint that opens an epoch */
    struct slice end_seal;     /* of the epoch before: core/audit_end.h */
};

/* The part of a line behind prev, with its leading comma and the closing brace: ,"id":"..."} (or just "}"). At most
 * AUDIT_BODY_MAX_BYTES are added. False when it cannot be made (see above; facts or now is no tree), or out failed; out is then unfinished. */
bool audit_rec_body(const struct audit_rec *rec, struct sbuf *out);

/* ---- reading ---- */

/* The keys of all fields in the order of a line, i from 0; SLICE_NONE behind the last. */
struct slice audit_field_key(size_t i);
/* Walk the fields of a body: start with *rest = line->rest; false at its end (and at the first thing that is no field).
 * A value is given as it stands: "text" with its quotes, an integer, true, an array or an object. */
bool audit_field_next(struct slice *rest, struct slice *out_key, struct slice *out_value);
/* Do the fields that *rest begins with stand in their order, each with a value of its kind? *rest is moved behind them.
 * The values of id, nonce and end_seal without quotes; empty when absent. */
struct audit_named {
    struct slice id, nonce, end_seal;
};
bool audit_fields_check(struct slice *rest, struct audit_named *out, struct err *e);
/* A value without its quotes. */
struct slice audit_field_text(struct slice value);
#endif
