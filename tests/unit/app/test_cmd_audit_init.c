/* easgate audit init: the key goes to the state file and, once, to standard output; nothing is ever overwritten, and nothing is
 * left when the person did not get it. */
#include "app/cmd.h"
#include "core/audit_key.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[] = "/tmp/easgate-init-XXXXXX", key_path[100], ini_path[100], out[4096], err[4096];

static void take(int fd, int saved, FILE *f, char *to)
{
    fflush(fd == 1 ? stdout : stderr);
    dup2(saved, fd);
    close(saved);
    rewind(f);
    to[fread(to, 1, sizeof out - 1, f)] = '\0';
    fclose(f);
}

/* Run the command; standard output goes to `out`, or to this file. */
static int run(const char *stdout_file, const char *const *args)
{
    char texts[8][120] = { "init" };
    char *argv[9] = { texts[0] };
    int argc = 1, saved_out = dup(1), saved_err = dup(2);
    FILE *to_out = stdout_file ? fopen(stdout_file, "w+") : tmpfile(), *to_err = tmpfile();

    assert_true(to_out && to_err);
    for (; *args; args++, argc++) {
        snprintf(texts[argc], sizeof texts[argc], "%s", *args);
        argv[argc] = texts[argc];
    }
    fflush(stdout);
    dup2(fileno(to_out), 1);
    dup2(fileno(to_err), 2);
    int code = cmd_audit_init(argc, argv);
    take(1, saved_out, to_out, out);
    take(2, saved_err, to_err, err);
    return code;
}
#define RUN(...) run(NULL, (const char *const[]){ __VA_ARGS__, NULL })

static void file_is(const char *path, const char *text)
{
    char held[1000];
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    held[fread(held, 1, sizeof held - 1, f)] = '\0';
    fclose(f);
    assert_string_equal(held, text);
}

static void write_ini(const char *audit)
{
    FILE *f = fopen(ini_path, "w");

    assert_non_null(f);
    fprintf(f,
            "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\n[credential main]\n"
            "type = access_key\nfile = missing\n[client a]\ntoken_sha256 = "
            "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8\npolicy = p\n[policy p]\n"
            "allow = @read\nservices = a_*\n[audit]\npath = a.jsonl\n%s",
            audit);
    fclose(f);
    assert_int_equal(chmod(ini_path, 0600), 0);
}

static int begin(void **state)
{
    (void)state;
    unlink(key_path);
    return 0;
}

static void test_made_and_printed(void **state)
{
    struct audit_key key;
    struct stat st;
    int64_t now = (int64_t)time(NULL);

    (void)state;
    assert_int_equal(RUN("--key-file", key_path), 0);
    file_is(key_path, out);
    assert_int_equal(stat(key_path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true(audit_key_parse(&key, slice_of(out), NULL));
    assert_int_equal(key.epoch, 0);
    assert_int_equal(key.length_s, 3600);
    assert_true(key.start_s >= now && key.start_s <= now + 60);
    assert_null(strstr(err, out + strlen(out) - 20)); /* the secret went one way only */
    audit_key_drop(&key);
    /* a second one would make the first one's log worthless */
    char before[4096];
    memcpy(before, out, sizeof before);
    assert_int_equal(RUN("--key-file", key_path), 2);
    assert_string_equal(out, "");
    file_is(key_path, before);
    unlink(key_path);
    assert_int_equal(RUN("--key-file", key_path), 0);
    assert_string_not_equal(out + strlen(out) - 66, before + strlen(before) - 66);
}

static void test_by_configuration(void **state)
{
    struct audit_key key;

    (void)state;
    write_ini("key_file = audit.key\n"); /* beside the configuration */
    assert_int_equal(RUN("--config", ini_path, "--epoch", "30s"), 0);
    file_is(key_path, out);
    assert_true(audit_key_parse(&key, slice_of(out), NULL));
    assert_int_equal(key.length_s, 30);
    audit_key_drop(&key);
    unlink(key_path);
    write_ini("");
    assert_int_equal(RUN("--config", ini_path), 2);
    assert_non_null(strstr(err, "has no key_file"));
    write_ini("nonsense = 1\n");
    assert_int_equal(RUN("-c", ini_path), 2);
    assert_non_null(strstr(err, "nonsense"));
    assert_int_not_equal(access(key_path, F_OK), 0);
}

static void test_usage(void **state)
{
    (void)state;
    assert_int_equal(RUN("--key-file", key_path, "--epoch", "500ms"), 2);
    assert_int_equal(RUN("--key-file", key_path, "--epoch", "0s"), 2);
    assert_int_equal(RUN("--key-file", key_path, "--epoch", "1500ms"), 2);
    assert_non_null(strstr(
        err, "easgate audit init: --epoch '1500ms': expected whole seconds, 1s to 366d, such as 1h\n"));
    assert_int_equal(RUN("--key-file", key_path, "--epoch", "367d"), 2);
    assert_non_null(strstr(err, "--epoch '367d': expected"));
    assert_int_equal(RUN("--key-file", key_path, "--config", ini_path), 2);
    assert_non_null(strstr(err, "expected --config or --key-file, not both"));
    assert_int_equal(RUN("--key-file", key_path, "more"), 2);
    assert_non_null(strstr(err, "'more': expected options only"));
    assert_int_equal(RUN("--key"), 2);
    assert_int_equal(RUN("--key-file", "/nowhere/at/all"), 2);
    assert_non_null(strstr(err, "/nowhere/at/all"));
    assert_string_equal(out, "");
    assert_int_not_equal(access(key_path, F_OK), 0);
    assert_int_equal(RUN("--help"), 0);
}

static void test_not_handed_over(void **state)
{
    (void)state;
    assert_int_equal(run("/dev/full", (const char *const[]){ "--key-file", key_path, NULL }), 2);
    assert_int_not_equal(access(key_path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_made_and_printed, begin),
        cmocka_unit_test_setup(test_by_configuration, begin),
        cmocka_unit_test_setup(test_usage, begin),
        cmocka_unit_test_setup(test_not_handed_over, begin),
    };

    if (!mkdtemp(dir))
        return 1;
    snprintf(key_path, sizeof key_path, "%s/audit.key", dir);
    snprintf(ini_path, sizeof ini_path, "%s/f.ini", dir);
    int failed = cmocka_run_group_tests_name("cmd_audit_init", tests, NULL, NULL);
    unlink(key_path);
    unlink(ini_path);
    rmdir(dir);
    return failed;
}
