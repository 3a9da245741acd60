/* The listeners: deadlines, caps, unix sockets, accept errors, admin pages, the ending; and what evhttp or memory can do. */
#include <dlfcn.h>
#include "guard_rig.h"
#include "edge/listen_socket.h"
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define AUTH          "Host: 127.0.0.1\r\nAuthorization: Bearer good\r\n"
#define GET           "GET /api/v2/services HTTP/1.1\r\n" AUTH "\r\n"
#define POST          "POST /x HTTP/1.1\r\n" AUTH "Content-Length: 5\r\n\r\n"
#define SEND(c, text) raw_send((c), (text), sizeof(text) - 1)

/* ---- faults: libevent's functions as the program calls them ---- */

static bool no_bufferevents;
static const char *other_uri;
static bool other_body;

static void *real(const char *name)
{
    void *p = dlsym(RTLD_NEXT, name);

    assert_non_null(p);
    return p;
}

struct bufferevent *bufferevent_socket_new(struct event_base *base, evutil_socket_t fd, int options)
{
    struct bufferevent *(*call)(struct event_base *, evutil_socket_t, int);
    void *p = real("bufferevent_socket_new");

    memcpy(&call, &p, sizeof call);
    return no_bufferevents ? NULL : call(base, fd, options);
}

const char *evhttp_request_get_uri(const struct evhttp_request *request)
{
    const char *(*call)(const struct evhttp_request *);
    void *p = real("evhttp_request_get_uri");

    memcpy(&call, &p, sizeof call);
    return other_uri ? other_uri : call(request);
}

struct evbuffer *evhttp_request_get_input_buffer(struct evhttp_request *request)
{
    struct evbuffer *(*call)(struct evhttp_request *);
    void *p = real(other_body ? "evhttp_request_get_output_buffer" : "evhttp_request_get_input_buffer");

    memcpy(&call, &p, sizeof call);
    return call(request);
}

/* ---- deadlines ---- */

static void short_deadlines(struct cfg_gateway *c)
{
    c->head_timeout_ms = 60;
    c->body_timeout_ms = 100;
    c->answer_timeout_ms = 150;
    c->idle_timeout_ms = 200;
}

/* The server ended it want ms after begin, which is before what started its clock: never earlier, but for the coarse
 * clock. How much later is the machine's; a clock that each byte starts anew would never end. */
#define ASSERT_ENDED(begin, want)                                                                            \
    do {                                                                                                     \
        int64_t ms_ = now_ms() - (begin);                                                                    \
        if (ms_ < (want)-10 || ms_ > (want) + 1000)                                                          \
            fail_msg("ended after %d ms, not %d", (int)ms_, (want));                                         \
    } while (0)

static void test_deadlines(void **state)
{
    (void)state;
    struct rig *r = rig_new_with(short_deadlines);

    /* Not a byte: silence. */
    int64_t begin = now_ms(), next;
    struct raw *c = raw_connect(r);
    until_end(r, c);
    ASSERT_ENDED(begin, 60);
    assert_string_equal(statuses(c), "");
    assert_int_equal(c->n, 0);
    assert_int_equal(r->gate.early, 0);
    raw_free(c);

    /* Half a head: 408, counted. */
    begin = now_ms();
    c = raw_connect(r);
    SEND(c, "GET / HT");
    until_end(r, c);
    ASSERT_ENDED(begin, 60);
    assert_string_equal(statuses(c), "408");
    assert_int_equal(r->gate.early, 1);
    raw_free(c);

    /* Half a body, in drips that would keep a timer for each read busy. */
    begin = next = now_ms();
    c = raw_connect(r);
    SEND(c, "POST /x HTTP/1.1\r\n" AUTH "Content-Length: 500\r\n\r\nx");
    while (!c->ended && now_ms() - begin < 2000) {
        turns(r, 1);
        raw_read(c);
        if (now_ms() < next)
            continue;
        SEND(c, "x");
        next += 20;
    }
    ASSERT_ENDED(begin, 100);
    assert_string_equal(statuses(c), "408");
    raw_free(c);

    /* A head in drips ends at its deadline, too, counted from the accept. */
    begin = next = now_ms();
    c = raw_connect(r);
    SEND(c, "G");
    while (!c->ended && now_ms() - begin < 2000) {
        turns(r, 1);
        raw_read(c);
        if (now_ms() < next)
            continue;
        SEND(c, "G");
        next = now_ms() + 10;
    }
    ASSERT_ENDED(begin, 60);
    assert_string_equal(statuses(c), "408");
    raw_free(c);

    /* Idle after an answer: silence. */
    c = raw_connect(r);
    begin = now_ms();
    SEND(c, GET);
    until_answers(r, c, 1);
    until_end(r, c);
    ASSERT_ENDED(begin, 200);
    assert_string_equal(statuses(c), "200");
    raw_free(c);

    /* The head of a second request has its own time. */
    c = raw_connect(r);
    SEND(c, GET);
    until_answers(r, c, 1);
    for (begin = now_ms(); now_ms() - begin < 100;)
        turns(r, 1);
    begin = now_ms();
    SEND(c, "GET");
    until_end(r, c);
    ASSERT_ENDED(begin, 60);
    assert_string_equal(statuses(c), "200 408");
    raw_free(c);

    /* A request under way has none of these. */
    r->gate.hold = true;
    c = raw_connect(r);
    SEND(c, GET);
    for (begin = now_ms(); now_ms() - begin < 300;)
        turns(r, 1);
    raw_read(c);
    assert_false(c->ended);
    answer_held(&r->gate);
    r->gate.hold = false;
    until_answers(r, c, 1);
    raw_free(c);

    /* Who does not read its answer. */
    int small = 2048;
    c = raw_connect(r);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    r->gate.big_bytes = sizeof r->gate.big;
    begin = now_ms();
    for (int i = 0; i < 8; i++) /* more than the kernel takes for one that does not read */
        SEND(c, GET);
    TURNS_UNTIL(r, r->gate.started > 3, 1000)
    {
    }
    TURNS_UNTIL(r, listeners_connections(r->ls) == 0, 3000)
    {
    }
    ASSERT_ENDED(begin, 150);
    raw_free(c);
    until_empty(r);
    rig_free(r);
}

/* ---- caps ---- */

static void small_caps(struct cfg_gateway *c)
{
    c->max_connections = 4;
}

static void test_connection_cap(void **state)
{
    (void)state;
    struct rig *r = rig_new_with(small_caps);
    struct raw *c[6];

    /* Four wait for their head; the fifth pushes the oldest out. */
    for (int i = 0; i < 4; i++) {
        c[i] = raw_connect(r);
        turns(r, 3);
        for (int64_t begin = now_ms(); now_ms() - begin < 3;)
            turns(r, 1);
    }
    SEND(c[1], "GET /");
    turns(r, 3);
    c[4] = raw_connect(r);
    until_end(r, c[0]);
    assert_int_equal(c[0]->n, 0);
    turns(r, 3);
    for (int i = 1; i < 5; i++) {
        raw_read(c[i]);
        assert_false(c[i]->ended);
    }
    c[5] = raw_connect(r); /* the next victim has begun its head */
    until_end(r, c[1]);
    assert_int_equal(r->gate.early, 1);
    SEND(c[4], GET);
    until_answers(r, c[4], 1);
    SEND(c[5], GET);
    until_answers(r, c[5], 1);
    for (int i = 0; i < 6; i++)
        raw_free(c[i]);
    until_empty(r);

    /* Four requests are under way: the fifth connection gets 503. */
    r->gate.hold = true;
    for (unsigned i = 0; i < 4; i++) {
        c[i] = raw_connect(r);
        SEND(c[i], GET);
        TURNS_UNTIL(r, r->gate.held_count == i + 1, 1000)
        {
        }
    }
    c[4] = raw_connect(r);
    until_end(r, c[4]);
    assert_string_equal(statuses(c[4]), "503");
    assert_non_null(strstr(c[4]->text, "Retry-After: 1\r\n"));
    assert_non_null(strstr(c[4]->text, "Easgate.TooManyConnections"));
    raw_free(c[4]);
    answer_held(&r->gate);
    r->gate.hold = false;
    for (int i = 0; i < 4; i++) {
        until_answers(r, c[i], 1);
        SEND(c[i], GET);
    }
    for (int i = 0; i < 4; i++) {
        until_answers(r, c[i], 2);
        raw_free(c[i]);
    }
    until_empty(r);
    rig_free(r);
}

/* Who was answered for the last time and stays holds no place: one that asks gets in, and never more than the cap. */
static void test_cap_and_linger(void **state)
{
    (void)state;
    struct rig *r = rig_new_with(small_caps);
    struct raw *bad[4], *c[7];

    for (int i = 0; i < 4; i++) {
        bad[i] = raw_connect(r);
        SEND(bad[i], "X\r\n");
        until_answers(r, bad[i], 1);
        assert_string_equal(statuses(bad[i]), "400");
    }
    r->gate.hold = true;
    for (unsigned i = 0; i < 4; i++) { /* each takes the place of one of them */
        c[i] = raw_connect(r);
        SEND(c[i], GET);
        TURNS_UNTIL(r, r->gate.held_count == i + 1, 1000)
        {
        }
        assert_int_equal(r->gate.held_count, i + 1);
    }
    turns(r, 3);
    assert_int_equal(listeners_connections(r->ls), 4);
    /* Those that are refused now are over the cap: they make no room for each other. */
    for (int i = 4; i < 7; i++) {
        c[i] = raw_connect(r);
        until_answers(r, c[i], 1);
        assert_string_equal(statuses(c[i]), "503");
        SEND(c[i], GET);
    }
    turns(r, 5);
    assert_int_equal(r->gate.held_count, 4);
    assert_int_equal(listeners_connections(r->ls), 7);
    r->gate.hold = false;
    answer_held(&r->gate);
    for (int i = 0; i < 4; i++) {
        until_answers(r, c[i], 1);
        raw_free(bad[i]);
    }
    for (int i = 0; i < 7; i++)
        raw_free(c[i]);
    until_empty(r);
    rig_free(r);
}

/* Many that say nothing do not keep one out that does; descriptors come back. */
static void test_idle_flood(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct raw *idle[400];
    int first = dup(0);

    close(first);
    for (int i = 0; i < 400; i++) {
        idle[i] = raw_connect(r);
        turns(r, 1);
        if (i % 20)
            continue;
        struct raw *c = raw_connect(r);
        SEND(c, GET);
        until_answers(r, c, 1);
        raw_free(c);
    }
    turns(r, 5);
    assert_true(listeners_connections(r->ls) <= 100);
    for (int i = 0; i < 400; i++)
        raw_free(idle[i]);
    until_empty(r);
    int last = dup(0);
    close(last);
    assert_int_equal(last, first);
    rig_free(r);
}

/* ---- unix sockets ---- */

static struct raw *raw_connect_unix(const char *path, const char *own_path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    union {
        const struct sockaddr_un *un;
        const struct sockaddr *any;
    } p = { .un = &a };

    if (own_path) {
        snprintf(a.sun_path, sizeof a.sun_path, "%s", own_path);
        assert_int_equal(bind(fd, p.any, sizeof a), 0);
    }
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    if (connect(fd, p.any, sizeof a)) {
        close(fd);
        return NULL;
    }
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return raw_at(fd);
}

static void test_unix(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct stat st;
    char long_path[100], peer[80];

    assert_int_equal(stat(r->unix_path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    struct raw *c = raw_connect_unix(r->unix_path, NULL);
    SEND(c, GET GET);
    until_answers(r, c, 2);
    SEND(c, "bad\r\n");
    until_end(r, c);
    assert_string_equal(statuses(c), "200 200 400");
    snprintf(peer, sizeof peer, "unix:uid=%u,pid=%d", (unsigned)getuid(), (int)getpid());
    assert_string_equal(r->gate.early_peer, peer);
    raw_free(c);

    /* A client bound to a path of 75 bytes: CVE-2026-63388. */
    snprintf(long_path, sizeof long_path, "/tmp/eg-%067d", (int)getpid());
    assert_int_equal(strlen(long_path), 75);
    unlink(long_path);
    c = raw_connect_unix(r->unix_path, long_path);
    SEND(c, GET);
    until_answers(r, c, 1);
    raw_free(c);
    unlink(long_path);
    until_empty(r);

    char path[100], lock[110];
    snprintf(path, sizeof path, "%s", r->unix_path);
    snprintf(lock, sizeof lock, "%s.lock", path);
    rig_free(r);
    assert_int_equal(stat(path, &st), -1);
    unlink(lock);
}

static struct address unix_address(const char *path)
{
    return (struct address){ .kind = ADDRESS_UNIX, .path = slice_of(path), .is_loopback = true };
}

static void test_unix_taken(void **state)
{
    (void)state;
    struct listen_socket one, two;
    struct err e = { .code = ERR_NONE };
    char path[100], lock[110];
    struct stat st;

    snprintf(path, sizeof path, "/tmp/eg-test-taken-%d", (int)getpid());
    snprintf(lock, sizeof lock, "%s.lock", path);
    struct address a = unix_address(path);
    mode_t old = umask(0077);
    assert_true(listen_socket_open(&a, 0666, &one, &e));
    umask(old);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0666);

    /* A second one: refused, and the first still answers. */
    assert_false(listen_socket_open(&a, 0600, &two, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_non_null(strstr(e.text, path));
    struct raw *c = raw_connect_unix(path, NULL);
    assert_non_null(c);
    raw_free(c);

    /* Somebody who takes no lock, and is alive. */
    close(one.lock_fd);
    one.lock_fd = -1;
    e = (struct err){ .code = ERR_NONE };
    assert_false(listen_socket_open(&a, 0600, &two, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    c = raw_connect_unix(path, NULL);
    assert_non_null(c);
    raw_free(c);

    /* Dead: its file is replaced, and the dead one's close does not remove ours. */
    close(one.fd);
    one.fd = -1;
    assert_null(raw_connect_unix(path, NULL));
    e = (struct err){ .code = ERR_NONE };
    assert_true(listen_socket_open(&a, 0600, &two, &e));
    listen_socket_close(&one);
    c = raw_connect_unix(path, NULL);
    assert_non_null(c);
    raw_free(c);
    listen_socket_close(&two);
    assert_int_equal(stat(path, &st), -1);

    /* A file that is no socket stays. */
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    e = (struct err){ .code = ERR_NONE };
    assert_false(listen_socket_open(&a, 0600, &two, &e));
    assert_int_equal(stat(path, &st), 0);
    unlink(path);
    unlink(lock);
}

static void test_tcp_taken(void **state)
{
    (void)state;
    struct listen_socket one, two;
    struct err e = { .code = ERR_NONE };
    struct address a = { .kind = ADDRESS_IPV4, .host = S("127.0.0.1"), .is_loopback = true };

    assert_true(listen_socket_open(&a, 0, &one, &e));
    assert_true(one.port != 0);
    a.port = one.port;
    assert_false(listen_socket_open(&a, 0, &two, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    listen_socket_close(&one);
}

static struct rule public_rule = { .text = { "0.0.0.0:0", 9 } };

static void listen_public(struct cfg_gateway *c)
{
    c->listen.at = &public_rule;
    c->listen.count = 1;
}

static void listen_public_allowed(struct cfg_gateway *c)
{
    listen_public(c);
    c->admin_listen.count = 0;
    c->allow_plaintext = true;
}

static void test_plaintext(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct gate *g = &r->gate;
    struct err e = { .code = ERR_NONE };

    listen_public(&g->snap.gateway);
    assert_null(listeners_open(r->loop, g, &g->snap, &e));
    assert_int_equal(e.code, ERR_DENIED);
    listen_public_allowed(&g->snap.gateway);
    struct listeners *ls = listeners_open(r->loop, g, &g->snap, &e);
    assert_non_null(ls);
    assert_int_equal(listeners_count(ls), 1);
    listeners_close(&ls);
    rig_free(r);
}

/* ---- faults ---- */

/* The two readers of a request do not agree: 500, recorded, nothing starts. */
static void test_disagreement(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct raw *c = raw_connect(r);

    log_set_level(LOG_LEVEL_NONE);
    other_uri = "/other";
    SEND(c, GET);
    until_end(r, c);
    other_uri = NULL;
    assert_string_equal(statuses(c), "500");
    raw_free(c);

    other_body = true;
    c = raw_connect(r);
    SEND(c, POST "hello");
    until_end(r, c);
    other_body = false;
    assert_string_equal(statuses(c), "500");
    raw_free(c);
    assert_int_equal(r->gate.started, 0);
    assert_int_equal(r->gate.early, 2);
    until_empty(r);
    rig_free(r);
}

/* No memory for a connection: the spare is used, then nothing is accepted until there is a spare again. */
static void test_starved(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct raw *c[3];

    no_bufferevents = true;
    for (int i = 0; i < 3; i++) {
        c[i] = raw_connect(r);
        SEND(c[i], GET);
    }
    until_answers(r, c[0], 1);
    turns(r, 10);
    raw_read(c[1]);
    assert_int_equal(c[1]->n, 0);
    assert_int_equal(listeners_connections(r->ls), 1);
    no_bufferevents = false;
    for (int i = 1; i < 3; i++)
        until_answers(r, c[i], 1);
    for (int i = 0; i < 3; i++)
        raw_free(c[i]);
    until_empty(r);
    rig_free(r);
}

/* No descriptor left: what waits is closed within a while, few turns are spent, and it recovers. */
static void test_no_descriptors(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct rlimit limit, tight;
    struct raw *c[30];

    log_set_level(LOG_LEVEL_NONE);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < 30; i++)
        c[i] = raw_connect(r);
    int highest = dup(0);
    close(highest);
    tight = limit;
    tight.rlim_cur = (rlim_t)highest + 4; /* room for 4 of the 30 */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    event_del(r->awake);
    for (int i = 0; i < 30; i++)
        SEND(c[i], GET);
    unsigned spent = 0, served = 0, closed = 0;
    int64_t begin = now_ms();
    while (served + closed < 30 && now_ms() - begin < 3000) {
        assert_true(loop_turn(r->loop));
        spent++;
        served = closed = 0;
        for (int i = 0; i < 30; i++) {
            raw_read(c[i]);
            served += answers(c[i]) == 1;
            closed += c[i]->ended && !c[i]->n;
        }
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    event_add(r->awake, NULL);
    assert_int_equal(served + closed, 30);
    assert_true(served >= 3 && closed >= 20);
    assert_true(spent < 200);
    for (int i = 0; i < 30; i++)
        raw_free(c[i]);
    until_empty(r);
    struct raw *after = raw_connect(r);
    SEND(after, GET);
    until_answers(r, after, 1);
    raw_free(after);
    rig_free(r);
}

/* ---- the ending ---- */

static void test_drain(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct raw *fresh = raw_connect(r), *idle = raw_connect(r), *busy = raw_connect(r);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(r->port) };
    union {
        const struct sockaddr_in *in;
        const struct sockaddr *any;
    } p = { .in = &a };
    struct stat st;

    SEND(idle, GET);
    until_answers(r, idle, 1);
    r->gate.hold = true;
    SEND(busy, GET);
    TURNS_UNTIL(r, r->gate.held_count == 1, 1000)
    {
    }
    listeners_drain(r->ls);
    until_end(r, fresh);
    until_end(r, idle);
    assert_int_equal(fresh->n, 0);
    assert_string_equal(statuses(idle), "200");
    raw_read(busy);
    assert_false(busy->ended);
    assert_int_equal(listeners_connections(r->ls), 1);
    assert_int_equal(stat(r->unix_path, &st), -1);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, p.any, sizeof a), -1);
    close(fd);
    SEND(busy, GET); /* behind the one under way: no more */
    answer_held(&r->gate);
    until_end(r, busy);
    assert_string_equal(statuses(busy), "200");
    assert_non_null(strstr(busy->text, "Connection: close"));
    assert_int_equal(r->gate.started, 2);
    raw_free(busy);
    raw_free(idle);
    raw_free(fresh);
    until_empty(r);
    /* The admin pages are still there. */
    struct raw *c = raw_connect_port(r->admin_port);
    SEND(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    until_answers(r, c, 1);
    raw_free(c);
    rig_free(r);
}

/* Everything ends at once, with requests under way and connections in every phase. */
static void test_close_at_once(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct raw *c[6];

    r->gate.hold = true;
    for (int i = 0; i < 6; i++)
        c[i] = raw_connect(r);
    SEND(c[0], GET);
    SEND(c[1], GET GET);
    SEND(c[2], "GET / HT");
    SEND(c[3], POST "he");
    turns(r, 5);
    SEND(c[4], "bad\r\n");
    turns(r, 1);
    assert_int_equal(r->gate.held_count, 2);
    rig_free(r); /* answers into the void, and finds that no pass is left */
    for (int i = 0; i < 6; i++)
        raw_free(c[i]);
}

/* ---- admin ---- */

static void admin_get(struct rig *r, const char *request, const char *want, const char *contains)
{
    struct raw *c = raw_connect_port(r->admin_port);

    raw_send(c, request, strlen(request));
    TURNS_UNTIL(r, (raw_read(c), answers(c) == 1), 2000)
    {
    }
    if (strcmp(statuses(c), want) != 0 || !strstr(c->text, contains))
        fail_msg("%s: %s", request, c->text);
    raw_free(c);
}

static void test_admin(void **state)
{
    (void)state;
    struct rig *r = rig_new();

#define HOST "Host: 127.0.0.1:9080\r\n\r\n"
    admin_get(r, "GET /healthz HTTP/1.1\r\n" HOST, "200", "\r\n\r\nok\n");
    admin_get(r, "GET /healthz HTTP/1.1\r\nHost: localhost:1\r\n\r\n", "200", "ok\n");
    admin_get(r, "GET /healthz HTTP/1.1\r\nHost: [::1]:9080\r\n\r\n", "200", "ok\n");
    admin_get(r, "GET /readyz HTTP/1.1\r\n" HOST, "200", "ready\n");
    r->gate.not_ready = true;
    admin_get(r, "GET /readyz HTTP/1.1\r\n" HOST, "503", "the audit log cannot be written\n");
    admin_get(r, "GET /metrics?x=1 HTTP/1.1\r\n" HOST, "200", "easgate_connections_open 0\n");
    admin_get(r, "GET /metrics HTTP/1.1\r\n" HOST, "200", "Content-Type: text/plain; version=0.0.4");
    admin_get(r, "GET /metricsx HTTP/1.1\r\n" HOST, "404", "Easgate.UnknownOperation");
    admin_get(r, "GET / HTTP/1.1\r\n" HOST, "404", "\"Code\"");
    admin_get(r, "POST /healthz HTTP/1.1\r\n" HOST, "405", "\"Code\"");
    admin_get(r, "GET /metrics HTTP/1.1\r\nHost: rebound.example:9080\r\n\r\n", "403",
              "Easgate.ForbiddenHost");
    admin_get(r, "GET /metrics HTTP/1.1\r\nOrigin: http://a\r\n" HOST, "403", "Easgate.ForbiddenOrigin");
    admin_get(r, "GET /metrics HTTP/1.0\r\n" HOST, "505", "\"Code\"");
    /* None of it came to the gate. */
    assert_int_equal(r->gate.heads, 0);
    assert_int_equal(r->gate.early, 0);
    /* And the gateway has no such pages. */
    struct raw *c = raw_connect(r);
    SEND(c, "GET /metrics HTTP/1.1\r\n" AUTH "\r\n");
    until_answers(r, c, 1);
    assert_string_equal(r->gate.last, "GET /metrics 0 ");
    raw_free(c);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deadlines),      cmocka_unit_test(test_connection_cap),
        cmocka_unit_test(test_cap_and_linger), cmocka_unit_test(test_idle_flood),
        cmocka_unit_test(test_unix),           cmocka_unit_test(test_unix_taken),
        cmocka_unit_test(test_tcp_taken),      cmocka_unit_test(test_plaintext),
        cmocka_unit_test(test_disagreement),   cmocka_unit_test(test_starved),
        cmocka_unit_test(test_no_descriptors), cmocka_unit_test(test_drain),
        cmocka_unit_test(test_close_at_once),  cmocka_unit_test(test_admin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
