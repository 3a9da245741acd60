/*
 * Name look-up beside the loop: see resolve.h.
 *
 *   loop                              helper thread (detached, one a look-up)
 *   job_start  ── job ──────────────> lookup(job->host, &job->answer)
 *   on_done   <── hub.done, eventfd ── lock; push the job if the hub is open, else free it; unlock
 *
 * The hub is shared: it lives until the loop's side and every running thread have let it go, so that a look-up that
 * hangs past the end of the resolver finds a place to give its answer to (and frees it). job->name is the loop's alone.
 * The loop must never wait here: not for a thread, and for the lock only as long as a push takes.
 */
#include "edge/resolve.h"
#include "base/must.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define HELPER_STACK_BYTES (512 * 1024)

struct job {
    struct job *next;
    struct hub *hub;
    struct resolve_name *name; /* NULL when nobody waits any more; the loop's */
    resolve_lookup_fn lookup;
    struct resolve_answer answer;
    char host[RESOLVE_HOST_MAX + 1];
};

struct hub {
    pthread_mutex_t lock;
    unsigned threads; /* running */
    bool open;        /* the loop still listens */
    int wake_fd;
    struct job *done;
};

struct resolver {
    struct hub *hub;
    struct event *on_wake;
    const struct clock *clock;
    resolve_lookup_fn lookup;
};

struct resolve_name {
    struct resolver *resolver;
    resolve_news_fn on_news;
    void *arg;
    struct job *job; /* under way, or NULL */
    int64_t job_since_ms, asked_ms;
    bool is_literal, wants_news;
    struct resolve_answer good; /* the last one that brought addresses */
    int last_error;
    char host[RESOLVE_HOST_MAX + 1];
};

void resolve_lookup_system(const char *host, struct resolve_answer *out)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *all = NULL;

    out->error = getaddrinfo(host, NULL, &hints, &all);
    if (out->error != 0)
        return;
    for (struct addrinfo *one = all; one && out->count < RESOLVE_ADDRESSES_MAX; one = one->ai_next) {
        if (one->ai_family == AF_INET || one->ai_family == AF_INET6)
            memcpy(&out->addresses[out->count++], one->ai_addr, one->ai_addrlen);
    }
    freeaddrinfo(all);
}

/* ---- the shared side ---- */

static void hub_destroy(struct hub *h)
{
    close(h->wake_fd);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

/* Hand a finished job over; locked. */
static void hub_push(struct hub *h, struct job *j)
{
    uint64_t one = 1;

    j->next = h->done;
    h->done = j;
    ssize_t n = write(h->wake_fd, &one, sizeof one); /* can only fail when it is awake already */
    (void)n;
}

static void *helper_main(void *arg)
{
    struct job *j = arg;
    struct hub *h = j->hub;

    j->lookup(j->host, &j->answer);
    pthread_mutex_lock(&h->lock);
    bool open = h->open;
    unsigned left = --h->threads;
    if (open)
        hub_push(h, j);
    pthread_mutex_unlock(&h->lock);
    if (!open) {
        free(j);
        if (left == 0)
            hub_destroy(h);
    }
    return NULL;
}

static bool helper_start(struct job *j)
{
    pthread_attr_t attr;
    sigset_t all, before;
    pthread_t id;

    if (pthread_attr_init(&attr) != 0)
        return false;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, HELPER_STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the loop's */
    bool ok = pthread_create(&id, &attr, helper_main, j) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return ok;
}

/* ---- the loop's side ---- */

static void job_settle(struct job *j)
{
    struct resolve_name *n = j->name;

    if (!n)
        return;
    n->job = NULL;
    n->last_error = j->answer.error;
    if (j->answer.error == 0 && j->answer.count == 0)
        n->last_error = EAI_NONAME;
    if (n->last_error == 0)
        n->good = j->answer;
    n->asked_ms = clock_mono_ms(n->resolver->clock);
    if (!n->wants_news)
        return;
    n->wants_news = false;
    n->on_news(n->arg); /* may free n */
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
    struct resolver *r = arg;
    uint64_t count;

    (void)what;
    ssize_t n = read(fd, &count, sizeof count);
    (void)n;
    pthread_mutex_lock(&r->hub->lock);
    struct job *done = r->hub->done;
    r->hub->done = NULL;
    pthread_mutex_unlock(&r->hub->lock);
    while (done) {
        struct job *next = done->next;
        job_settle(done);
        free(done);
        done = next;
    }
}

/* Begin a look-up; one that cannot begin ends as EAI_AGAIN through the same door. */
static void job_start(struct resolve_name *n)
{
    struct hub *h = n->resolver->hub;
    struct job *j = calloc(1, sizeof *j);

    if (!j)
        return;
    j->hub = h;
    j->name = n;
    j->lookup = n->resolver->lookup;
    memcpy(j->host, n->host, sizeof j->host);
    n->job = j;
    n->job_since_ms = clock_mono_ms(n->resolver->clock);
    pthread_mutex_lock(&h->lock);
    bool may_start = h->threads < RESOLVE_THREADS_MAX;
    if (may_start)
        h->threads++;
    pthread_mutex_unlock(&h->lock);
    if (may_start && helper_start(j))
        return;
    j->answer.error = EAI_AGAIN;
    pthread_mutex_lock(&h->lock);
    if (may_start)
        h->threads--;
    hub_push(h, j);
    pthread_mutex_unlock(&h->lock);
}

struct resolver *resolver_new(struct event_base *base, const struct clock *clock, resolve_lookup_fn lookup,
                              struct err *e)
{
    struct resolver *r = calloc(1, sizeof *r);
    struct hub *h = calloc(1, sizeof *h);

    if (!r || !h || pthread_mutex_init(&h->lock, NULL) != 0) {
        err_set(e, ERR_MEMORY, "resolver: out of memory");
        goto fail;
    }
    r->hub = h;
    r->clock = clock;
    r->lookup = lookup;
    h->open = true;
    h->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (h->wake_fd >= 0)
        r->on_wake = event_new(base, h->wake_fd, EV_READ | EV_PERSIST, on_done, r);
    if (r->on_wake && event_add(r->on_wake, NULL) == 0)
        return r;
    err_set(e, ERR_IO, "resolver: cannot make its event");
    resolver_free(&r);
    return NULL;
fail:
    free(r);
    free(h);
    return NULL;
}

void resolver_free(struct resolver **r)
{
    if (!*r)
        return;
    struct hub *h = (*r)->hub;
    if ((*r)->on_wake)
        event_free((*r)->on_wake);
    pthread_mutex_lock(&h->lock);
    h->open = false;
    unsigned running = h->threads;
    struct job *done = h->done;
    h->done = NULL;
    pthread_mutex_unlock(&h->lock);
    while (done) {
        struct job *next = done->next;
        MUST(!done->name);
        free(done);
        done = next;
    }
    if (running == 0)
        hub_destroy(h);
    free(*r);
    *r = NULL;
}

static bool read_literal(struct resolve_name *n)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

    if (inet_pton(AF_INET, n->host, &v4.sin_addr) == 1)
        memcpy(&n->good.addresses[0], &v4, sizeof v4);
    else if (inet_pton(AF_INET6, n->host, &v6.sin6_addr) == 1)
        memcpy(&n->good.addresses[0], &v6, sizeof v6);
    else
        return false;
    n->good.count = 1;
    return true;
}

struct resolve_name *resolve_name_new(struct resolver *r, const char *host, resolve_news_fn on_news,
                                      void *arg)
{
    struct resolve_name *n = calloc(1, sizeof *n);

    if (!n || strlen(host) > RESOLVE_HOST_MAX) {
        free(n);
        return NULL;
    }
    n->resolver = r;
    n->on_news = on_news;
    n->arg = arg;
    memcpy(n->host, host, strlen(host) + 1);
    n->is_literal = read_literal(n);
    return n;
}

void resolve_name_free(struct resolve_name **n)
{
    if (!*n)
        return;
    if ((*n)->job)
        (*n)->job->name = NULL;
    free(*n);
    *n = NULL;
}

const struct resolve_answer *resolve_name_get(struct resolve_name *n)
{
    int64_t now_ms = clock_mono_ms(n->resolver->clock);

    if (n->is_literal)
        return &n->good;
    if (n->job && now_ms - n->job_since_ms >= RESOLVE_STUCK_MS) {
        n->job->name = NULL;
        n->job = NULL;
    }
    if (!n->job && (n->good.count == 0 || now_ms - n->asked_ms >= RESOLVE_FRESH_MS))
        job_start(n);
    if (n->good.count > 0)
        return &n->good;
    n->wants_news = true;
    return NULL;
}

void resolve_name_doubt(struct resolve_name *n)
{
    n->asked_ms = INT64_MIN / 2;
}

const char *resolve_name_error(const struct resolve_name *n)
{
    return n->last_error != 0 ? gai_strerror(n->last_error) : NULL;
}
