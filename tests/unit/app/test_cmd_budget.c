/* easgate budget against a server that plays the admin listener: what is printed, and the exit codes. */
#include "app/cmd.h"
#include "base/must.h"
#include "base/slice.h"
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static const char page[] =
    "{\"growth_opens_in_ms\":1500,\"in_doubt\":2,\"policies\":["
    "{\"policy\":\"small\",\"limit\":{\"replicas\":12},\"live\":{\"replicas\":2,\"gpus\":0},"
    "\"reserved\":{\"replicas\":3,\"gpus\":0},\"services\":1,\"truth_age_ms\":3250,\"fresh\":true,"
    "\"drift\":{\"changes\":1,\"replicas\":-2,\"gpus\":0}},"
    "{\"policy\":\"vision-team\",\"limit\":{\"replicas\":4,\"gpus\":16},\"live\":null,"
    "\"reserved\":{\"replicas\":0,\"gpus\":0},\"services\":0,\"truth_age_ms\":null,\"fresh\":false,"
    "\"drift\":{\"changes\":0,\"replicas\":0,\"gpus\":0}}]}";

static char printed[8192], request[512];

struct server {
    int fd;
    int status;
    const char *body;
};

static void *serve(void *arg)
{
    struct server *s = arg;
    char text[8192];
    int one = accept(s->fd, NULL, NULL);

    MUST(one >= 0);
    ssize_t n = recv(one, request, sizeof request - 1, 0);
    request[n > 0 ? n : 0] = '\0';
    int length = snprintf(text, sizeof text, "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n\r\n%s", s->status,
                          strlen(s->body), s->body);
    MUST(send(one, text, (size_t)length, MSG_NOSIGNAL) == length);
    close(one);
    return NULL;
}

/* Run the command with standard output and standard error into `printed`. */
static int run(const char *const *args)
{
    char texts[6][200];
    char *argv[7] = { NULL };
    int argc = 0, saved[2] = { dup(1), dup(2) };
    FILE *to = tmpfile();

    MUST(to && saved[0] >= 0 && saved[1] >= 0);
    for (; args[argc]; argc++) {
        snprintf(texts[argc], sizeof texts[argc], "%s", args[argc]);
        argv[argc] = texts[argc];
    }
    fflush(stdout);
    MUST(dup2(fileno(to), 1) == 1 && dup2(fileno(to), 2) == 2);
    int code = cmd_budget(argc, argv);
    fflush(stdout);
    MUST(dup2(saved[0], 1) == 1 && dup2(saved[1], 2) == 2);
    close(saved[0]);
    close(saved[1]);
    rewind(to);
    printed[fread(printed, 1, sizeof printed - 1, to)] = '\0';
    fclose(to);
    return code;
}

static int run_against(int status, const char *body, const char *more)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct server s = { socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), status, body };
    struct timeval limit = { .tv_sec = 10 };
    socklen_t n = sizeof at;
    pthread_t thread;
    char url[100];

    MUST(s.fd >= 0 && setsockopt(s.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
         bind(s.fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(s.fd, 4) == 0 &&
         getsockname(s.fd, (struct sockaddr *)&at, &n) == 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", ntohs(at.sin_port));
    MUST(pthread_create(&thread, NULL, serve, &s) == 0);
    int code = run((const char *const[]){ "budget", "--url", url, more, NULL });
    pthread_join(thread, NULL);
    close(s.fd);
    return code;
}

static void prints_a_line_for_each_limit(void **state)
{
    (void)state;
    assert_int_equal(run_against(200, page, NULL), 0);
    assert_int_equal(strncmp(request, "GET /budget HTTP/1.1\r\n", 22), 0);
    assert_non_null(strstr(printed, "\nsmall        replicas        12         2         3         7"
                                    "  3.2 s ago     1 (-2)\n"));
    assert_non_null(strstr(printed, "\nvision-team  replicas         4         -         0         -"
                                    "  never         0 (+0)\n"));
    assert_non_null(strstr(printed, "\nvision-team  GPUs            16 "));
    assert_null(strstr(printed, "small        GPUs"));
    assert_non_null(strstr(printed, "\n2 changes whose outcome is not known yet\n"));
    assert_non_null(strstr(printed, "\nnothing may grow for another 1500 ms"));
}

static void prints_the_page(void **state)
{
    (void)state;
    assert_int_equal(run_against(200, page, "--json"), 0);
    assert_int_equal(strncmp(printed, page, sizeof page - 1), 0);
    assert_string_equal(printed + sizeof page - 1, "\n");
}

static void over_the_limit_is_a_finding(void **state)
{
    (void)state;
    assert_int_equal(
        run_against(200,
                    "{\"policies\":[{\"policy\":\"p\",\"limit\":{\"gpus\":8},\"live\":{\"replicas\":1,"
                    "\"gpus\":8},\"reserved\":{\"replicas\":0,\"gpus\":1},\"truth_age_ms\":0}]}",
                    NULL),
        1);
    assert_non_null(strstr(printed, " -1  0.0 s ago "));
}

static void without_budgets_it_says_so(void **state)
{
    (void)state;
    assert_int_equal(run_against(200, "{\"growth_opens_in_ms\":0,\"in_doubt\":0,\"policies\":[]}", NULL), 0);
    assert_string_equal(printed, "no policy has max_total_replicas or max_total_gpus\n");
}

static void an_answer_that_is_no_budget(void **state)
{
    (void)state;
    assert_int_equal(run_against(404, "{}", NULL), 1);
    assert_int_equal(run_against(200, "{}", NULL), 1);
    assert_int_equal(run_against(200, "ready", NULL), 1);
    assert_non_null(strstr(printed, "is not a budget"));
    assert_int_equal(run((const char *const[]){ "budget", "--url", "unix:/nonexistent", NULL }), 1);
    assert_string_equal(printed, "easgate budget: unix:/nonexistent: No such file or directory\n");
}

static void usage(void **state)
{
    (void)state;
    assert_int_equal(run((const char *const[]){ "budget", "--help", NULL }), 0);
    assert_non_null(strstr(printed, "examples:"));
    assert_int_equal(run((const char *const[]){ "budget", "more", NULL }), 2);
    assert_int_equal(run((const char *const[]){ "budget", "--frob", NULL }), 2);
    assert_int_equal(run((const char *const[]){ "budget", "--url", "ftp://x", NULL }), 2);
    assert_int_equal(
        run((const char *const[]){ "budget", "--url", "http://127.0.0.1:1", "--config", "x", NULL }), 2);
    assert_int_equal(run((const char *const[]){ "budget", "--config", "/nonexistent.ini", NULL }), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_a_line_for_each_limit), cmocka_unit_test(prints_the_page),
        cmocka_unit_test(over_the_limit_is_a_finding),  cmocka_unit_test(without_budgets_it_says_so),
        cmocka_unit_test(an_answer_that_is_no_budget),  cmocka_unit_test(usage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
