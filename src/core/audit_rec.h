/*
 * audit_rec: the audit log's records: what they say, how a line is written, how lines are chained, how they are read back.
 *
 * A line is canonical JSON: ASCII only, integers only, no blanks, keys in fixed order, at most AUDIT_LINE_MAX_BYTES with '\n':
 *   {"v":1,"seq":N,"run":"<16 hex>","t":"2026-11-23T15:27:57.123Z","mono":MS,"type":"intent","prev":"<64 hex>",...}
 * seq   counts from 1 without holes over all segments; run names the process' start; prev is the SHA-256 of the whole
 *       line before (without its '\n'), 64 zeros for the first line of all.
 * The rest depends on the type; a field that is not known is left out. Its keys are the names of the fields of struct
 * audit_rec, in that order; an integer's key is the field's name, "try" for try_number; client_gone is true or left out.
 * Text that would make a line too long is cut and ends with "...": target, peer, message and note first. In an intent
 * nothing else is ever cut (one that does not fit then is refused, and with it the request); in the other types the values
 * can be absurdly long, as received from a client or from EAS, and are cut, too.
 * Strings hold printable ASCII and the escapes \" \\ \uXXXX (lower-case hex), so that a value has one spelling.
 */
#ifndef EG_AUDIT_REC_H
#define EG_AUDIT_REC_H
#include "base/sbuf.h"
#include "base/err.h"
#include <stdint.h>

#define AUDIT_LINE_MAX_BYTES 4096
#define AUDIT_HEAD_MAX_BYTES 256 /* of a line's part before the body, at most */
#define AUDIT_BODY_MAX_BYTES (AUDIT_LINE_MAX_BYTES - AUDIT_HEAD_MAX_BYTES)
#define AUDIT_HASH_BYTES     32

enum audit_type {
    AUDIT_NONE = 0,
    AUDIT_START,    /* first record of a process: version, policy digest */
    AUDIT_POLICY,   /* a new configuration took effect: digest */
    AUDIT_INTENT,   /* this request will be sent */
    AUDIT_OUTCOME,  /* and this came of it */
    AUDIT_DENY,     /* refused; nothing was sent */
    AUDIT_COUNTED,  /* refusals without an identity, at most one record a second for each reason */
    AUDIT_ROTATE,   /* last record of a segment; file = the segment's name from now on */
    AUDIT_RECOVER,  /* first record after a failed disk; behind the start record after a torn tail. Says from where on:
                       last_seq and hash of the last good line, file = what was set aside (its base name), size = bytes
                       set aside, note = why */
    AUDIT_STOP,     /* last record of a process */
    AUDIT_TYPE_COUNT_
};
const char *audit_type_name(enum audit_type t);
/* AUDIT_NONE for a name that is none of these. */
enum audit_type audit_type_of(struct slice name);

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
    struct slice service;
    /* judged values */
    struct slice app_type, app_version, spec, workspace, quota, storage, path;
    bool has_replicas, has_replicas_now;
    int64_t replicas, replicas_now;
    struct slice policy, rule; /* digest of the configuration; "small-llms max_replicas easgate.ini:31" */
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
};

/* The part of a line behind prev, with its leading comma and the closing brace: ,"id":"..."} (or just "}"). At most
 * AUDIT_BODY_MAX_BYTES are added. False when it cannot be made (see above), or out failed; out is then unfinished. */
bool audit_rec_body(const struct audit_rec *rec, struct sbuf *out);

/* The chain: where the next line goes. */
struct audit_chain {
    uint64_t seq;                             /* of the last line; 0 before the first */
    unsigned char hash[AUDIT_HASH_BYTES];     /* SHA-256 of the last line; zeros before the first */
    char run[17];                             /* of the lines to add; of the last line when checking */
};
/* Append the whole line with its '\n' to out and move the chain on. False (chain untouched) when it cannot. */
bool audit_chain_add(struct audit_chain *chain, enum audit_type type, int64_t wall_ms, int64_t mono_ms,
                     struct slice body, struct sbuf *out);

/* A line read back, enough for verify, show and open intents. Slices point into the line. */
struct audit_line {
    uint64_t seq;
    struct slice run, t, type, prev;
    struct slice id, nonce;  /* empty when absent */
    struct slice rest;       /* the body */
    enum audit_type kind;    /* of type */
};
/* Parse one line (without '\n') strictly: this very layout and nothing else. e says what is wrong, never what stands there. */
bool audit_line_parse(struct slice line, struct audit_line *out, struct err *e);
/* Verify that line follows chain (seq + 1, prev equal) and move the chain on. */
bool audit_chain_check(struct audit_chain *chain, struct slice line, struct audit_line *out, struct err *e);
/* Walk the fields of a body: start with *rest = line->rest; false at its end (and at the first thing that is no field).
 * A value is given as it stands: "text" with its quotes, an integer, or true. */
bool audit_field_next(struct slice *rest, struct slice *out_key, struct slice *out_value);
/* What stands in a body under this key, without quotes, escapes left as they are; SLICE_NONE when there is nothing. */
struct slice audit_line_field(const struct audit_line *line, struct slice key);
#endif
