/* easgate: the table of subcommands. */
#include "app/cmd.h"
#include "base/stdfds.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    { "serve", cmd_serve, "run the gateway" },
    { "check", cmd_check, "check a configuration, print what is in force" },
    { "explain", cmd_explain, "judge one request against the policy, offline" },
    { "diff", cmd_diff, "what a new configuration permits and refuses beside the old one" },
    { "replay", cmd_replay, "recorded decisions judged by another configuration" },
    { "learn", cmd_learn, "the smallest policy that covers what was recorded" },
    { "ops", cmd_ops, "the catalogue of EAS operations" },
    { "sign", cmd_sign, "show the stages of a request's signature" },
    { "token", cmd_token, "make a client's token" },
    { "audit", cmd_audit, "verify, show and search the audit log" },
    { "budget", cmd_budget, "what the teams of a running gateway have, reserve and may have" },
    { "healthcheck", cmd_healthcheck, "ask a running gateway whether it is ready" },
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void print_help(FILE *to)
{
    fprintf(to, "easgate " EASGATE_VERSION
                ": the gateway that holds the keys of an Alibaba Cloud account for PAI-EAS\n"
                "\n"
                "Usage: easgate COMMAND [options]; easgate COMMAND --help tells more\n"
                "\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].help);
    fprintf(to, "\neasgate --version prints the version.\n\nExit codes: 0 fine, 1 a finding, 2 usage or "
                "configuration;\n"
                "3 audit verify: shorter than a checkpoint.\n");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    char whole[32]; /* getopt begins its messages with it */

    if (!stdfds_hold())
        return 2;
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(name, commands[i].name) == 0) {
            snprintf(whole, sizeof whole, "easgate %s", name);
            argv[1] = whole;
            return commands[i].run(argc - 1, argv + 1);
        }
    if (strcmp(name, "--version") == 0) {
        printf("easgate " EASGATE_VERSION "\n");
        return 0;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (*name)
        fprintf(stderr, "easgate: no command '%s'\n\n", name);
    print_help(stderr);
    return 2;
}
