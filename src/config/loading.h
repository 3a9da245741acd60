/*
 * loading: one run of the loader, from text to snapshot, in passes (config/snapshot.c tells them in order). For the files of
 * this folder only.
 */
#ifndef EG_LOADING_H
#define EG_LOADING_H
#include "config/schema.h"

#define SNAPSHOT_ARENA_MAX_BYTES ((size_t)512 * 1024 * 1024)

struct loading {
    struct ini_doc doc;
    struct problems problems;
    struct schema_reading reading;
    bool read_credentials;
    struct snapshot *snap;
    struct arena *arena;
};

/* load_sections.c: each section into its struct; unknown, repeated and missing ones are problems. All of these return false
 * only without memory. */
bool loading_fill_sections(struct loading *l);
/* load_links.c: names to what they name: policies, credentials, tokens, the endpoint's host. */
bool loading_link(struct loading *l);
/* Who owns what, and the indexes of all policies; in the snapshot's arena. */
bool snapshot_index_policies(struct snapshot *s);
/* load_hosts.c: the Host values that requests may carry. */
bool loading_make_hosts(struct loading *l);
/* load_rules.c: rules that can never match, overlaps, what needs a permission of its own. */
bool loading_check_gateway(struct loading *l);
bool loading_check_policies(struct loading *l);
/* load_audit.c: files of [audit] that are one or no keys, keys that contradict each other; what its log cannot show is a warning. */
bool loading_check_audit(struct loading *l);
/* load_policy.c: one policy at a time, for load_rules.c. is_whole: no value of the file was refused. */
bool loading_check_each_policy(struct loading *l, bool is_whole);
/* load_creds.c: the credentials files. */
bool loading_read_credentials(struct loading *l);
#endif
