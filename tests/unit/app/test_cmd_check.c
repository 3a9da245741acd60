/* easgate check: exit codes and which stream says what. That it refuses bad files is T26. */
#include "app/cmd.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define GOOD EG_TESTS_DIR "/proofs/T26-cases/good.ini"

static char out[65536], err[65536];
static char directory[] = "/tmp/easgate-test-XXXXXX";

static void take(FILE *f, int saved, int fd, char *to)
{
    fflush(fd == 1 ? stdout : stderr);
    dup2(saved, fd);
    close(saved);
    rewind(f);
    to[fread(to, 1, sizeof out - 1, f)] = '\0';
    fclose(f);
}

static int run(const char *a, const char *b, const char *c)
{
    const char *const args[] = { a, b, c };
    char texts[4][300] = { "check" };
    char *argv[5] = { texts[0] };
    int argc = 1;
    FILE *to_out = tmpfile(), *to_err = tmpfile();
    int saved_out = dup(1), saved_err = dup(2);

    assert_true(to_out && to_err);
    for (size_t i = 0; i < 3 && args[i]; i++) {
        snprintf(texts[i + 1], sizeof texts[i + 1], "%s", args[i]);
        argv[argc++] = texts[i + 1];
    }
    fflush(stdout);
    dup2(fileno(to_out), 1);
    dup2(fileno(to_err), 2);
    int code = cmd_check(argc, argv);
    take(to_out, saved_out, 1, out);
    take(to_err, saved_err, 2, err);
    return code;
}

/* A copy of good.ini that nobody else can write, as a checkout need not be; with a line more. */
static const char *copy(const char *more)
{
    static char path[200];
    FILE *from = fopen(GOOD, "rb");
    int c;

    snprintf(path, sizeof path, "%s/f.ini", directory);
    FILE *to = fopen(path, "wb");
    assert_true(from && to);
    while ((c = fgetc(from)) != EOF)
        fputc(c, to);
    fputs(more, to);
    fclose(from);
    fclose(to);
    assert_int_equal(chmod(path, 0600), 0);
    return path;
}

static void fine_is_zero(void **state)
{
    (void)state;
    assert_int_equal(run("--no-credentials", copy(""), NULL), 0);
    assert_non_null(strstr(out, "f.ini: fine: 1 client, 1 policy\n"));
    assert_non_null(strstr(err, "f.ini:8: warning: [audit] has no key_file")); /* and nothing else */
    assert_ptr_equal(strchr(err, '\n') + 1, err + strlen(err));
    assert_int_equal(run(copy(""), NULL, NULL), 2); /* its credentials file is not there */
    assert_non_null(strstr(err, "f.ini:7: file of [credential main]: "));
}

/* What the start would stumble over; not where the keys are on another machine. */
static void keys_of_the_log(void **state)
{
    char path[300];

    (void)state;
    char text[600];
    FILE *from = fopen(GOOD, "rb");
    assert_non_null(from);
    text[fread(text, 1, sizeof text - 1, from)] = '\0';
    fclose(from);
    snprintf(path, sizeof path, "%s/f.ini", directory);
    FILE *to = fopen(path, "wb");
    assert_non_null(to);
    const char *behind = strstr(text, "[client");
    fprintf(to, "%.*skey_file = k\n%s", (int)(behind - text), text, behind);
    fclose(to);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(run("--no-credentials", path, NULL), 0);
    assert_string_equal(err, "");
    assert_int_equal(run(path, NULL, NULL), 2);
    assert_non_null(strstr(err, "f.ini:10: key_file of [audit]: "));
    assert_non_null(strstr(err, "`easgate audit init` makes it"));
    snprintf(path, sizeof path, "%s/k", directory);
    to = fopen(path, "wb");
    assert_non_null(to);
    fputs("easgate-audit-key 1 0 3600 0 00112233\n", to);
    fclose(to);
    assert_int_equal(chmod(path, 0600), 0);
    char ini[300];
    snprintf(ini, sizeof ini, "%s/f.ini", directory);
    assert_int_equal(run(ini, NULL, NULL), 2);
    assert_non_null(strstr(err, "no audit key"));
    assert_null(strstr(err, "00112233"));
    to = fopen(path, "wb");
    assert_non_null(to);
    fputs("easgate-audit-key 1 0 3600 0 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
          to);
    fclose(to);
    assert_int_equal(run(ini, NULL, NULL), 2); /* for its credentials */
    assert_null(strstr(err, "key_file"));
    unlink(path);
}

/* What serve would stop at for this machine's sake. */
static void folders_that_are_not_there(void **state)
{
    char more[600], credentials[300];

    (void)state;
    snprintf(credentials, sizeof credentials, "%s/credentials", directory);
    FILE *to = fopen(credentials, "wb");
    assert_non_null(to);
    fputs("[default]\ntype = access_key\naccess_key_id = LTAItest\naccess_key_secret = secret\n", to);
    fclose(to);
    assert_int_equal(chmod(credentials, 0600), 0);
    const char *path = copy("");
    assert_int_equal(run(path, NULL, NULL), 0);
    assert_null(strstr(err, "will not start"));
    char text[4000];
    FILE *from = fopen(path, "rb");
    assert_non_null(from);
    text[fread(text, 1, sizeof text - 1, from)] = '\0';
    fclose(from);
    const char *audit = strstr(text, "\npath = ") + 1, *behind = strchr(audit, '\n');
    snprintf(more, sizeof more, "%s/f.ini", directory);
    to = fopen(more, "wb");
    assert_non_null(to);
    fprintf(to, "%.*spath = /nonexistent/logs/audit.jsonl%s", (int)(audit - text), text, behind);
    fclose(to);
    assert_int_equal(run(more, NULL, NULL), 0);
    assert_non_null(
        strstr(err, "warning: the folder of [audit] path: /nonexistent/logs/: No such file or directory; "
                    "easgate serve will not start without it"));
    assert_int_equal(run("--no-credentials", more, NULL), 0);
    assert_null(strstr(err, "will not start"));
    unlink(credentials);
}

static void write_text(const char *name, const char *text)
{
    char path[300];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *to = fopen(path, "wb");
    assert_non_null(to);
    fputs(text, to);
    fclose(to);
    assert_int_equal(chmod(path, 0600), 0);
}

/* good.ini with lines more in [upstream] and [audit]. */
static const char *copy_with(const char *upstream, const char *audit)
{
    static char path[300];
    char text[4000], more[6000];
    FILE *from = fopen(GOOD, "rb");

    assert_non_null(from);
    text[fread(text, 1, sizeof text - 1, from)] = '\0';
    fclose(from);
    const char *first = strstr(text, "[credential"), *second = strstr(text, "[client");
    snprintf(more, sizeof more, "%.*s%s%.*s%s%s", (int)(first - text), text, upstream, (int)(second - first),
             first, audit, second);
    write_text("f.ini", more);
    snprintf(path, sizeof path, "%s/f.ini", directory);
    return path;
}

/* They are there, but serve cannot use them. */
static void what_the_start_cannot_use(void **state)
{
    (void)state;
    write_text("credentials",
               "[default]\ntype = access_key\naccess_key_id = LTAItest\naccess_key_secret = secret\n");
    write_text("k.pem", "-----BEGIN PRIVATE KEY-----\nnone\n-----END PRIVATE KEY-----\n");
    write_text("ca.pem", "no certificate\n");
    const char *path = copy_with("ca_file = ca.pem\n", "group = no_such_group\ncheckpoint_key = k.pem\n");
    assert_int_equal(run(path, NULL, NULL), 0);
    assert_non_null(strstr(err, "warning: [audit] group: no_such_group: there is no such group; easgate "
                                "serve will not start without it\n"));
    assert_non_null(strstr(err, "/k.pem: is no PEM private key, expected an Ed25519 one; easgate serve will "
                                "not start with it\n"));
    assert_non_null(strstr(err, "/ca.pem: expected certificates in PEM form; easgate serve will not start "
                                "with it\n"));
    assert_int_equal(run("--no-credentials", path, NULL), 0);
    assert_null(strstr(err, "will not start"));
    write_text("k.pem", "-----BEGIN PRIVATE KEY-----\n"
                        "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                        "-----END PRIVATE KEY-----\n"); /* of RFC 8032, 7.1 */
    assert_int_equal(run(copy_with("", "group = root\ncheckpoint_key = k.pem\n"), NULL, NULL), 0);
    assert_null(strstr(err, "will not start"));
    static const char *const names[] = { "credentials", "k.pem", "ca.pem" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char gone[300];
        snprintf(gone, sizeof gone, "%s/%s", directory, names[i]);
        unlink(gone);
    }
}

static void errors_are_two(void **state)
{
    (void)state;
    assert_int_equal(run("--no-credentials", copy("max_total_gpus = many\nfoo = 1\n"), NULL), 2);
    assert_non_null(strstr(err, "f.ini:19: max_total_gpus of [policy small]"));
    assert_non_null(strstr(err, "f.ini:20: unknown key \"foo\""));
    assert_non_null(strstr(err, "f.ini: 2 errors\n"));
    assert_string_equal(out, "");
}

static void warnings_are_fine(void **state)
{
    (void)state;
    assert_int_equal(run("--no-credentials", copy("spec_gpus = llama_7b_fp16 = 1\n"), NULL), 0);
    assert_non_null(strstr(err, "f.ini:19: warning: spec_gpus of [policy small] is never looked at"));
    assert_non_null(strstr(out, "fine"));
}

static void print_masks_secrets(void **state)
{
    (void)state;
    assert_int_equal(run("--print", "--no-credentials", copy("")), 0);
    assert_non_null(strstr(out, "\nmax_connections = 512\n"));
    assert_non_null(strstr(out, "\ntoken_sha256 = <secret>\n"));
    assert_null(strstr(out, "5e884898"));
}

static void usage_is_two(void **state)
{
    (void)state;
    assert_int_equal(run("--nope", NULL, NULL), 2);
    assert_ptr_equal(strstr(err, "check: unrecognized option '--nope'\n"), err);
    assert_int_equal(run("--no-credentials", "-c", copy("")), 0);
    assert_int_equal(run("--config", copy(""), "--no-credentials"), 0);
    assert_non_null(strstr(out, "f.ini: fine: 1 client, 1 policy\n"));
    assert_int_equal(run("-c", NULL, NULL), 2);
    assert_int_equal(run("-c", "a", "b"), 2);
    assert_ptr_equal(strstr(err, "easgate check: expected one FILE: b\n"), err);
    assert_int_equal(run("a", "b", NULL), 2);
    assert_ptr_equal(strstr(err, "easgate check: expected one FILE: b\n"), err);
    assert_int_equal(run("--help", NULL, NULL), 0);
    assert_non_null(strstr(out, "examples:"));
    assert_int_equal(run("--manual", NULL, NULL), 0);
    assert_non_null(strstr(out, "# Configuration reference"));
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    remove(copy(""));
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fine_is_zero),
        cmocka_unit_test(keys_of_the_log),
        cmocka_unit_test(folders_that_are_not_there),
        cmocka_unit_test(what_the_start_cannot_use),
        cmocka_unit_test(errors_are_two),
        cmocka_unit_test(warnings_are_fine),
        cmocka_unit_test(print_masks_secrets),
        cmocka_unit_test(usage_is_two),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
