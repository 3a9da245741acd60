/*
 * resolve: from a host name to addresses without blocking the loop. getaddrinfo (so that /etc/hosts and nsswitch count as
 * they do for everyone else) runs in a detached helper thread; the loop hears through an eventfd. A look-up that hangs
 * holds its thread and nothing else: not the loop, not other names, not the end of the program.
 * All calls but the look-up itself come from the loop thread.
 */
#ifndef EG_RESOLVE_H
#define EG_RESOLVE_H
#include "base/clock.h"
#include "base/err.h"
#include <event2/event.h>
#include <netdb.h>
#include <sys/socket.h>

#define RESOLVE_ADDRESSES_MAX 8
#define RESOLVE_HOST_MAX      253
#define RESOLVE_FRESH_MS      30000 /* an answer this old is still given, and asked for anew */
#define RESOLVE_STUCK_MS      20000 /* a look-up this old is given up; another may begin */
#define RESOLVE_THREADS_MAX   8

struct resolve_answer {
    int error; /* 0, or EAI_... of <netdb.h> */
    size_t count;
    struct sockaddr_storage addresses[RESOLVE_ADDRESSES_MAX]; /* port 0 */
};

/* One look-up; runs in a helper thread, may take its time, touches nothing but *out (zeroed before). */
typedef void (*resolve_lookup_fn)(const char *host, struct resolve_answer *out);
void resolve_lookup_system(const char *host, struct resolve_answer *out);

struct resolver;
struct resolver *resolver_new(struct event_base *base, const struct clock *clock, resolve_lookup_fn lookup,
                              struct err *e);
/* All names must be freed before. Waits for no look-up. Stores NULL; NULL is fine. */
void resolver_free(struct resolver **r);

/* News about a name that resolve_name_get had none for: ask again, or see resolve_name_error. */
typedef void (*resolve_news_fn)(void *arg);

struct resolve_name;
/* An IP literal needs no look-up, now or ever. NULL without memory. The caller owns it. */
struct resolve_name *resolve_name_new(struct resolver *r, const char *host, resolve_news_fn on_news,
                                      void *arg);
/* No news follows. Stores NULL; NULL is fine. */
void resolve_name_free(struct resolve_name **n);
/* Addresses (perhaps old ones while new ones are looked up), valid until the loop's next turn; or NULL, and on_news
 * follows, never from within this call. */
const struct resolve_answer *resolve_name_get(struct resolve_name *n);
/* The addresses did not work: look them up anew at the next resolve_name_get. */
void resolve_name_doubt(struct resolve_name *n);
/* Why the last look-up brought nothing, or NULL. */
const char *resolve_name_error(const struct resolve_name *n);
#endif
