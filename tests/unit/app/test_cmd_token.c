/* easgate token: what it makes is what the gateway looks up, and what it refuses. */
#include "app/cmd.h"
#include "base/slice.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

static char output[4096];

/* Run the command with this standard input; standard output and error go into `output`. The exit code. */
static int run(const char *input, const char *a, const char *b)
{
    char texts[3][32] = { "token" };
    char *argv[4] = { texts[0] };
    int argc = 1;
    FILE *in = tmpfile(), *out = tmpfile();
    int saved[3] = { dup(0), dup(1), dup(2) };

    assert_non_null(in);
    assert_non_null(out);
    for (size_t i = 0; i < 2 && (i ? b : a); i++) {
        snprintf(texts[i + 1], sizeof texts[i + 1], "%s", i ? b : a);
        argv[argc++] = texts[i + 1];
    }
    fputs(input, in);
    fflush(in);
    rewind(in);
    fflush(stdout);
    dup2(fileno(in), 0);
    dup2(fileno(out), 1);
    dup2(fileno(out), 2);
    int code = cmd_token(argc, argv);
    fflush(stdout);
    for (int fd = 0; fd < 3; fd++) {
        dup2(saved[fd], fd);
        close(saved[fd]);
    }
    rewind(out);
    output[fread(output, 1, sizeof output - 1, out)] = '\0';
    fclose(in);
    fclose(out);
    return code;
}

static void hash_is_sha256(void **state)
{
    (void)state;
    /* printf abcdefghijklmnopqrstuvwxyz | sha256sum */
    assert_int_equal(run("abcdefghijklmnopqrstuvwxyz\n", "hash", NULL), 0);
    assert_string_equal(output,
                        "token_sha256 = 71c480df93d6ae2f1efad1447c66c9525e316218cf51fc8d9ed832f2daf18b73\n");
    assert_int_equal(run("abcdefghijklmnopqrstuvwxyz", "hash", "--json"), 0);
    assert_string_equal(
        output, "{\"token_sha256\":\"71c480df93d6ae2f1efad1447c66c9525e316218cf51fc8d9ed832f2daf18b73\"}\n");
}

static void a_new_token_has_its_hash(void **state)
{
    char token[64], line[200], other[64];

    (void)state;
    assert_int_equal(run("", "new", NULL), 0);
    assert_int_equal(sscanf(output, "%63s\n%199[^\n]", token, line), 2);
    assert_int_equal(strlen(token), 46); /* eg_ and 32 bytes in base64 without padding */
    assert_true(slice_starts(slice_of(token), S("eg_")));
    assert_int_equal(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 46);
    assert_int_equal(run(token, "hash", NULL), 0);
    assert_true(slice_starts(slice_of(output), slice_of(line)));
    assert_int_equal(run("", "new", "--json"), 0);
    assert_int_equal(sscanf(output, "{\"token\":\"%46s\",\"token_sha256\":", other), 1);
    assert_string_not_equal(token, other);
}

static void weak_and_odd_tokens_are_refused(void **state)
{
    static const char *const bad[] = { "",
                                       "\n",
                                       "short",
                                       "aaaaaaaaaaaaaaaaaaaaa",
                                       "aaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbb",
                                       "aaaaaaaaaaaaaaaaaaaaaaaaaa\n\n",
                                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
                                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xff" };
    char longest[600];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(run(bad[i], "hash", NULL), 2);
    memset(longest, 'a', sizeof longest);
    longest[513] = '\0';
    assert_int_equal(run(longest, "hash", NULL), 2);
    longest[512] = '\0';
    assert_int_equal(run(longest, "hash", NULL), 0);
}

static void usage_is_two(void **state)
{
    (void)state;
    assert_int_equal(run("", NULL, NULL), 2);
    assert_int_equal(run("", "make", NULL), 2);
    assert_int_equal(run("", "new", "--jsno"), 2);
    assert_int_equal(run("", "--help", NULL), 0);
    assert_non_null(strstr(output, "examples:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_is_sha256),
        cmocka_unit_test(a_new_token_has_its_hash),
        cmocka_unit_test(weak_and_odd_tokens_are_refused),
        cmocka_unit_test(usage_is_two),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
