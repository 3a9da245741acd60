/*
 * ask: one small blocking request to a running gateway, mostly at its admin listener, with two seconds for everything. For subcommands; must
 * never load a credential, and never look a name up.
 */
#ifndef EG_ASK_H
#define EG_ASK_H
#include "core/http1.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ASK_LIMIT_MS     2000
#define ASK_DEFAULT_BASE "http://127.0.0.1:9080"

struct ask {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } at;
    socklen_t at_bytes;
    char place[128]; /* the address, for people */
    char path[256];
    int64_t limit_ms;   /* for everything; 0 = ASK_LIMIT_MS */
    const char *failed; /* what did not work, for people; NULL = nothing */
};

/* http://ADDRESS:PORT[/PATH] with a numeric address or localhost, or unix:/PATH of a socket; path is for an address without one.
 * False when it is none of these. */
bool ask_set_url(struct ask *a, struct slice url, const char *path);
/* The first admin_listen of a configuration, also of one with errors (which are said on standard error): the gateway may run on
 * with what it had. False with the reason on standard error, which names the command. */
bool ask_set_config(struct ask *a, const char *file, const char *path, const char *command);
/* The answer, of at most max_bytes of body; NULL with a->failed. The caller owns it. */
struct http1_msg *ask_get(struct ask *a, size_t max_bytes);
/* The same for a whole request of the caller's own making, from its first line to the end of its body. */
struct http1_msg *ask_send(struct ask *a, struct slice request, size_t max_bytes);
#endif
