/* easgate healthcheck: ask the admin listener of a running gateway whether it is ready, for container engines and service managers. */
#include "app/ask.h"
#include "app/cmd.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_MAX_BYTES 65536
#define DEFAULT_PATH     "/readyz"

static const char usage[] =
    "usage: easgate healthcheck [--url URL | --config FILE]\n"
    "\n"
    "Asks a running gateway whether it is ready, through its admin listener, and waits two seconds at most.\n"
    "\n"
    "  -u, --url URL      http://ADDRESS:PORT/PATH with a numeric address or localhost, or unix:/PATH of a "
    "socket\n"
    "                     (" ASK_DEFAULT_BASE DEFAULT_PATH ")\n"
    "  -c, --config FILE  ask at the first admin_listen of this configuration\n"
    "\n"
    "exit: 0 ready, 1 not ready or not there, 2 usage or configuration\n"
    "\n"
    "examples:\n"
    "  easgate healthcheck\n"
    "  easgate healthcheck --config /etc/easgate/easgate.ini\n"
    "  easgate healthcheck --url http://127.0.0.1:9080/healthz    # does it run at all?\n";

/* What the gateway says, in one line of printable text. */
static void print_reasons(FILE *to, struct slice body)
{
    body = slice_trim(body);
    for (size_t i = 0; i < body.n && i < 1000; i++)
        fputc(body.p[i] >= ' ' && body.p[i] <= '~' ? body.p[i] : ' ', to);
}

static int report(const struct ask *t, const struct http1_msg *answer)
{
    if (!answer) {
        fprintf(stderr, "easgate healthcheck: %s: %s\n", t->place, t->failed);
        return 1;
    }
    if (answer->status == 200) {
        printf("%s: 200\n", t->path);
        return 0;
    }
    fprintf(stderr, "easgate healthcheck: %s: %d: ", t->path, answer->status);
    print_reasons(stderr, sbuf_slice(&answer->body));
    fputc('\n', stderr);
    return 1;
}

int cmd_healthcheck(int argc, char **argv)
{
    static const struct option longs[] = {
        { "url", required_argument, NULL, 'u' },
        { "config", required_argument, NULL, 'c' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    struct ask t = { .at_bytes = 0 };
    const char *url = NULL, *config = NULL;
    bool is_fine = true;

    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "u:c:h", longs, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        url = c == 'u' ? optarg : url;
        config = c == 'c' ? optarg : config;
        is_fine = is_fine && c != '?';
    }
    if (!is_fine || optind != argc || (url && config) ||
        (!config && !ask_set_url(&t, slice_of(url ? url : ASK_DEFAULT_BASE), DEFAULT_PATH))) {
        fputs(usage, stderr);
        return 2;
    }
    if (config && !ask_set_config(&t, config, DEFAULT_PATH, "healthcheck"))
        return 2;
    struct http1_msg *answer = ask_get(&t, ANSWER_MAX_BYTES);
    int code = report(&t, answer);
    http1_msg_free(&answer);
    return code;
}
