/*
 * snapshot: one loaded configuration, immutable and ref-counted. A request keeps the snapshot it was born with.
 * Everything in it lives in its arena (secrets in their own pages) and dies with the last reference. Loop thread only.
 */
#ifndef EG_SNAPSHOT_H
#define EG_SNAPSHOT_H
#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "core/cred.h"
#include "core/policy.h"

/* ---- the values, as the schema's rows fill them (config/schema.def); durations in ms, sizes in bytes ---- */

struct cfg_gateway {
    struct rules listen, admin_listen; /* read them with address_parse (config/address.h) */
    struct rules hosts;                /* empty: those that follow from `listen` */
    bool allow_plaintext;              /* TCP listeners on other than loopback addresses */
    uint64_t unix_mode;                /* of unix sockets, e.g. 0660 */
    uint64_t max_connections, max_connections_per_peer, max_body_bytes, max_inflight_bytes, max_inflight;
    uint64_t head_timeout_ms, body_timeout_ms, answer_timeout_ms, idle_timeout_ms, drain_timeout_ms,
        change_wait_ms, budget_max_age_ms;
    enum log_level log_level;
};

struct cfg_upstream {
    struct slice name, region;
    struct slice endpoint; /* "HOST:PORT" or "HOST" as configured; empty = from the region */
    struct slice host;     /* resolved: for SNI, the certificate's name and the Host header */
    uint64_t port;
    struct slice host_header; /* host, with :port unless 443 */
    struct slice ca_file;     /* empty = the system's store */
    bool test_endpoint;       /* hosts outside .aliyuncs.com are permitted */
    uint64_t timeout_ms;      /* whole exchange */
    uint64_t connect_timeout_ms, idle_timeout_ms, change_idle_max_ms, max_connections, max_answer_bytes,
        list_max_pages, list_max_scalers;
};

enum audit_durability { AUDIT_SYNCED = 1, AUDIT_WRITTEN };

enum audit_compress { AUDIT_PLAIN = 1, AUDIT_ZSTD };

struct cfg_audit {
    struct slice path;
    enum audit_durability durability;
    uint64_t commit_timeout_ms, max_segment_bytes;
    struct rule group; /* whose members may read the log; no text = nobody else */
    enum audit_compress compress;
    uint64_t rotate_every_ms, keep_segments, keep_for_ms; /* 0 = never; all; for ever */
    struct slice key_file;  /* empty = records are not sealed */
    uint64_t checkpoint_interval_ms;
    struct slice checkpoint_key, checkpoint_file; /* empty = none */
    struct slice syslog, syslog_ca; /* as written: address_parse_syslog reads it; empty = no copy */
};

enum cfg_credential_type { CREDENTIAL_ACCESS_KEY = 1, CREDENTIAL_STS };

struct cfg_credential {
    struct slice name;
    unsigned line;
    enum cfg_credential_type type;
    struct slice path; /* of the credentials file */
    struct rule profile;
};

struct cfg_client { /* as written; resolved in struct client */
    struct rules token_sha256;
    struct rule policy, credential; /* names */
    int64_t until_s;                /* 0 = for ever */
    uint64_t requests_per_second, request_burst, changes_per_minute, change_burst, max_inflight; /* 0 = no limit */
};

struct client {
    struct slice name;
    const char *file;
    unsigned line;
    const struct policy *policy;
    struct cred
        *cred; /* borrowed from the snapshot; cred_ref it to keep it longer. NULL: they were not read */
    struct cfg_client cfg;
};

struct token { /* one token_sha256 of a client */
    unsigned char digest[32];
    const struct client *client;
    char id[17]; /* first 16 hex of the digest's keyed hash: names the token in records without giving it */
};

struct snapshot {
    unsigned refs;
    uint64_t generation; /* snapshot_load gives 1; who replaces one sets one more than that of the replaced */
    char digest[65];     /* SHA-256 over the configuration file's bytes: the policy digest of records */
    const char *path;
    struct cfg_gateway gateway;
    struct cfg_audit audit;
    struct cfg_upstream *upstreams;
    size_t upstream_count; /* one, for now */
    struct cfg_credential *credentials;
    struct cred **creds; /* beside credentials; entries are NULL when they were not read */
    size_t cred_count;
    struct policy *policies;
    size_t policy_count;
    struct client *clients;
    size_t client_count;
    int64_t next_end_s;  /* when a value of a policy ends next, in seconds since 1970; 0 = none will */
    struct snapshot *whole; /* from which snapshot_at made it, NULL for one that was loaded; it owns what is not of policies and clients */
    struct map *tokens; /* digest -> struct token */
    struct map *clients_by_name;
    struct slice *hosts; /* accepted Host values, lower case */
    size_t host_count;
    struct slice *any_port_hosts; /* accepted with any port: a listener has a port that the kernel chose */
    size_t any_port_host_count;
    unsigned *lines;      /* of gateway, audit and the upstream: by schema row, 0 = the default */
    const char *warnings; /* for a person to look at: "FILE:LINE: warning: ..." lines; "" without any */
    size_t warning_count;
    struct arena *arena;
};

/* All that is wrong with a file, each with its place: "easgate.ini:12: ..., expected ...". */
struct config_errors { /* = { 0 } at first */
    size_t count;
    struct sbuf text; /* a line each, in order of lines */
};
void config_errors_drop(struct config_errors *e);

/* Load and check a configuration whole: values, then references and overlaps. NULL with errors otherwise; no side effects
 * on anything that runs. read_credentials = false leaves credential files unread (check of a file elsewhere). */
struct snapshot *snapshot_load(const char *path, bool read_credentials, struct config_errors *errors);
/* The same for a text in memory; path is for messages, and relative paths begin in its directory. */
struct snapshot *snapshot_load_text(const char *path, struct slice text, bool read_credentials,
                                    struct config_errors *errors);
/* What of a snapshot counts at this time: values of policies whose `until` has passed are gone. A new reference: on s itself when
 * nothing has ended, else on a snapshot of its own. NULL without memory. */
struct snapshot *snapshot_at(struct snapshot *s, int64_t now_s);
/* When the client's access ends: its own `until` or its policy's, whichever is first; 0 = never. */
int64_t client_end_s(const struct client *c);
/* What ends by itself: a client, a policy, or a value of a policy (key is set then). */
struct end {
    const char *kind; /* "client", "policy" */
    struct slice name;
    const char *key;
    struct slice value;
    const char *file;
    unsigned line;
    int64_t until_s; /* seconds since 1970 */
};
/* Whoever looks after a gateway is told from this long before. */
#define END_WARN_S ((int64_t)14 * 86400)
typedef bool (*end_fn)(void *ctx, const struct end *end);
/* Call each for all that ends, past ends too, until it returns false. */
void snapshot_each_end(const struct snapshot *s, end_fn each, void *ctx);
/* "max_replicas 8 of [policy nlp] ends in 3 days". */
void end_print(const struct end *end, int64_t now_s, struct sbuf *out);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot **s);

/* May `next` replace `now` in the running process? Each changed boot-only key is an error by name. */
bool snapshot_may_replace(const struct snapshot *now, const struct snapshot *next,
                          struct config_errors *errors);

/* The client whose token this is; the digest's entry is compared in constant time. NULL when there is none.
 * *out_token (may be NULL) names the token. */
const struct client *snapshot_client_of_token(const struct snapshot *s, struct slice token,
                                              const struct token **out_token);
/* Is this value of a Host header accepted? Exact but for ASCII case. */
bool snapshot_has_host(const struct snapshot *s, struct slice host);
const struct client *snapshot_client_by_name(const struct snapshot *s, struct slice name);

/* The effective configuration as an INI text, secrets masked (check --print). */
void snapshot_print(const struct snapshot *s, struct sbuf *out);
#endif
