/* easgate healthcheck: its exit code against servers that answer well, badly, slowly, or not at all. */
#include "app/cmd.h"
#include "base/clock.h"
#include "base/must.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

struct server { /* answers one connection */
    int fd;
    const char *answer; /* NULL: silence until the client leaves */
    char request[1024];
    pthread_t thread;
};

static void *serve(void *arg)
{
    struct server *s = arg;
    int fd = accept(s->fd, NULL, NULL);
    size_t have = 0;

    if (fd < 0)
        return NULL; /* nobody came */
    while (have < sizeof s->request - 1 && !strstr(s->request, "\r\n\r\n")) {
        ssize_t n = recv(fd, s->request + have, sizeof s->request - 1 - have, 0);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    if (s->answer)
        (void)send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL);
    else
        while (recv(fd, s->request, sizeof s->request, 0) > 0)
            ;
    close(fd);
    return NULL;
}

/* accept waits for three seconds at most. */
static void limit_accept(struct server *s)
{
    struct timeval limit = { 3, 0 };
    MUST(setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
}

static uint16_t listen_tcp(struct server *s)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t n = sizeof at;

    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(s->fd, 4) == 0);
    MUST(getsockname(s->fd, (struct sockaddr *)&at, &n) == 0);
    limit_accept(s);
    return ntohs(at.sin_port);
}

static int run(const char *option, const char *value)
{
    char texts[3][200] = { "healthcheck" };
    char *argv[4] = { texts[0], texts[1], texts[2], NULL };

    snprintf(texts[1], sizeof texts[1], "%s", option ? option : "");
    snprintf(texts[2], sizeof texts[2], "%s", value ? value : "");
    return cmd_healthcheck(1 + (option != NULL) + (value != NULL), argv);
}

static int run_against(struct server *s, const char *option, const char *value)
{
    MUST(pthread_create(&s->thread, NULL, serve, s) == 0);
    int code = run(option, value);
    pthread_join(s->thread, NULL);
    close(s->fd);
    return code;
}

static void test_answers(void **state)
{
    static const struct {
        const char *answer;
        int code;
    } rows[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n", 0 },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 0 },
        { "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 6\r\n\r\naudit\n", 1 },
        { "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 1 },
        { "HTTP/1.1 204 No Content\r\n\r\n", 1 },
        { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 1 }, /* cut */
        { "HTTP/1.1 200 OK\r\n\r\nok", 1 },
        { "hello\r\n\r\n", 1 },
        { "", 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct server s = { .answer = rows[i].answer };
        char url[100];
        snprintf(url, sizeof url, "http://%s:%u/readyz", i % 2 ? "localhost" : "127.0.0.1", listen_tcp(&s));
        int code = run_against(&s, "--url", url);
        if (code != rows[i].code)
            print_error("row %zu: %d\n", i, code);
        assert_int_equal(code, rows[i].code);
        assert_int_equal(strncmp(s.request, "GET /readyz HTTP/1.1\r\nhost: localhost\r\n", 39), 0);
    }
}

static void test_silence_ends_after_two_seconds(void **state)
{
    struct server s = { .answer = NULL };
    char url[100];
    int64_t begin_ms = clock_mono_ms(&clock_system);

    (void)state;
    snprintf(url, sizeof url, "http://127.0.0.1:%u", listen_tcp(&s));
    assert_int_equal(run_against(&s, "--url", url), 1);
    assert_in_range(clock_mono_ms(&clock_system) - begin_ms, 1900, 3000);
}

static void test_nobody_there(void **state)
{
    struct server s = { .answer = NULL };
    char url[100];

    (void)state;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/readyz", listen_tcp(&s));
    close(s.fd);
    assert_int_equal(run("--url", url), 1);
    assert_int_equal(run("--url", "unix:/nonexistent/socket"), 1);
}

static void test_unix_socket(void **state)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct server s = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };
    char url[150];

    (void)state;
    snprintf(at.sun_path, sizeof at.sun_path, "/tmp/easgate-health.%d", (int)getpid());
    s.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(s.fd >= 0 && bind(s.fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(s.fd, 4) == 0);
    limit_accept(&s);
    snprintf(url, sizeof url, "unix:%s", at.sun_path);
    assert_int_equal(run_against(&s, "--url", url), 0);
    unlink(at.sun_path);
}

static void write_config(const char *file, const char *admin)
{
    FILE *f = fopen(file, "w");

    MUST(f);
    fprintf(f, "[gateway]\nlisten = 127.0.0.1:8080\n");
    if (admin)
        fprintf(f, "admin_listen = %s\n", admin);
    fputs("[upstream main]\nregion = cn-shanghai\n"
          "[credential main]\ntype = access_key\nfile = /nonexistent/credentials\n"
          "[audit]\npath = /tmp/easgate-health.jsonl\n"
          "[client a]\ntoken_sha256 = "
          "2aac10429673374270e4b3559561dee71db18aa3fc20445539e0e883f4ef3b1e\npolicy = p\n"
          "[policy p]\nallow = DescribeService\nservices = a_*\n",
          f);
    fclose(f);
}

static void add_line(const char *file, const char *line)
{
    FILE *f = fopen(file, "a");

    MUST(f);
    fprintf(f, "%s\n", line);
    fclose(f);
}

static void test_config(void **state)
{
    struct server s = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };
    char file[100], admin[50];

    (void)state;
    snprintf(file, sizeof file, "/tmp/easgate-health.%d.ini", (int)getpid());
    snprintf(admin, sizeof admin, "127.0.0.1:%u", listen_tcp(&s));
    write_config(file, admin);
    assert_int_equal(run_against(&s, "--config", file), 0);
    snprintf(admin, sizeof admin, "127.0.0.1:%u", listen_tcp(&s));
    write_config(file, admin);
    assert_int_equal(run_against(&s, "-c", file), 0);
    /* an edit that went wrong, which the running gateway has not taken */
    snprintf(admin, sizeof admin, " 127.0.0.1:%u , unix:/none", listen_tcp(&s));
    write_config(file, admin);
    add_line(file, "max_replicas = many");
    assert_int_equal(run_against(&s, "-c", file), 0);
    write_config(file, NULL);
    assert_int_equal(run("--config", file), 2);
    add_line(file, "max_replicas = many");
    assert_int_equal(run("--config", file), 2);
    write_config(file, "somewhere");
    assert_int_equal(run("--config", file), 2);
    unlink(file);
    assert_int_equal(run("--config", file), 2);
}

static void test_usage(void **state)
{
    static const char *const urls[] = { "",
                                        "http://",
                                        "https://127.0.0.1:9080/",
                                        "http://127.0.0.1/",
                                        "http://example.com:80/",
                                        "http://127.0.0.1:0/",
                                        "http://127.0.0.1:99999/",
                                        "http://127.0.0.1:9080/a b",
                                        "http://localhost/",
                                        "127.0.0.1:9080",
                                        "unix:" };

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        assert_int_equal(run("--url", urls[i]), 2);
    assert_int_equal(run("--config", NULL), 2);
    assert_int_equal(run("--nonsense", "x"), 2);
    assert_int_equal(run("--help", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),      cmocka_unit_test(test_silence_ends_after_two_seconds),
        cmocka_unit_test(test_nobody_there), cmocka_unit_test(test_unix_socket),
        cmocka_unit_test(test_config),       cmocka_unit_test(test_usage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
