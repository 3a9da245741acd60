/* easgate healthcheck: ask the admin listener of a running gateway whether it is ready, for container engines and service managers. */
#include "app/ask.h"
#include "app/cmd.h"
#include <stdio.h>
#include <string.h>

#define ANSWER_MAX_BYTES 65536
#define DEFAULT_PATH     "/readyz"

static const char usage[] =
    "usage: easgate healthcheck [--url URL | --config FILE]\n"
    "\n"
    "Asks a running gateway whether it is ready, through its admin listener, and waits two seconds at most.\n"
    "\n"
    "  --url URL      http://ADDRESS:PORT/PATH with a numeric address or localhost, or unix:/PATH of a "
    "socket\n"
    "                 (" ASK_DEFAULT_BASE DEFAULT_PATH ")\n"
    "  --config FILE  ask at the first admin_listen of this configuration\n"
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
    struct ask t = { .at_bytes = 0 };
    bool has_value = argc == 3, ok = false;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (has_value && strcmp(argv[1], "--config") == 0) {
        if (!ask_set_config(&t, argv[2], DEFAULT_PATH, "healthcheck"))
            return 2;
        ok = true;
    } else if (argc == 1 || (has_value && strcmp(argv[1], "--url") == 0)) {
        ok = ask_set_url(&t, slice_of(argc == 1 ? ASK_DEFAULT_BASE : argv[2]), DEFAULT_PATH);
    }
    if (!ok) {
        fputs(usage, stderr);
        return 2;
    }
    struct http1_msg *answer = ask_get(&t, ANSWER_MAX_BYTES);
    int code = report(&t, answer);
    http1_msg_free(&answer);
    return code;
}
