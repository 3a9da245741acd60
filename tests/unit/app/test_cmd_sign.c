/* easgate sign: the document's own example comes out, and nothing of a live key does. */
#include "app/cmd.h"
#include "base/sbuf.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define SECRET "topSecretOfTheAccount"
#define TOKEN  "tokenOfTheSession"

static char dir[64], secret_path[96], config_path[96], output[65536];

static int run(const char *const *args)
{
    char texts[40][160] = { "sign" };
    char *argv[41] = { texts[0] };
    int argc = 1;
    FILE *out = tmpfile();
    int saved[2] = { dup(1), dup(2) };

    assert_non_null(out);
    for (; *args; args++, argc++) {
        snprintf(texts[argc], sizeof texts[argc], "%s", *args);
        argv[argc] = texts[argc];
    }
    fflush(stdout);
    dup2(fileno(out), 1);
    dup2(fileno(out), 2);
    int code = cmd_sign(argc, argv);
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
    }
    rewind(out);
    output[fread(output, 1, sizeof output - 1, out)] = '\0';
    fclose(out);
    return code;
}
#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })

static bool has(const char *text)
{
    return strstr(output, text) != NULL;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static int make_files(void **state)
{
    char path[120];

    (void)state;
    snprintf(dir, sizeof dir, "/tmp/easgate-cmd-sign-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(secret_path, sizeof secret_path, "%s/secret", dir);
    write_file(secret_path, "YourAccessKeySecret\n");
    snprintf(path, sizeof path, "%s/credentials", dir);
    write_file(path, "[default]\ntype = sts\naccess_key_id = LTAIlive\naccess_key_secret = " SECRET
                     "\nsecurity_token = " TOKEN "\n");
    snprintf(config_path, sizeof config_path, "%s/easgate.ini", dir);
    SCOPED(sbuf) ini = SBUF_MAX(4096);
    sbuf_addf(
        &ini,
        "[gateway]\nlisten = 127.0.0.1:0\n[upstream main]\nregion = cn-shanghai\n"
        "[credential main]\ntype = sts\nfile = %s\n[audit]\npath = %s/audit.jsonl\n"
        "[client nlp]\ntoken_sha256 = 71c480df93d6ae2f1efad1447c66c9525e316218cf51fc8d9ed832f2daf18b73\n"
        "policy = p\n[policy p]\nallow = DescribeService\nservices = nlp_*\n",
        path, dir);
    write_file(config_path, ini.p);
    return 0;
}

static int remove_files(void **state)
{
    char command[200];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

/* The worked example of the official document ("document-worked-example" of the vectors). */
static void the_documents_example(void **state)
{
    (void)state;
    assert_int_equal(RUN("--access-key-id", "YourAccessKeyId", "--secret-file", secret_path, "--method",
                         "POST", "--path", "/", "--query",
                         "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "--query",
                         "RegionId=cn-shanghai", "--header", "host: ecs.cn-shanghai.aliyuncs.com", "--header",
                         "x-acs-action: RunInstances", "--header", "x-acs-version: 2014-05-26", "--date",
                         "2023-10-26T10:22:32Z", "--nonce", "3156853299f313e23d1673dc12e1703d"),
                     0);
    assert_true(has("7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259"));
    assert_true(has("Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0\n"));
    assert_false(has("YourAccessKeySecret"));
}

static void a_live_key_is_masked(void **state)
{
    (void)state;
    assert_int_equal(
        RUN("--config", config_path, "--credential", "main", "--path", "/api/v2/services/cn-shanghai/nlp_a"),
        0);
    assert_true(has("x-acs-action:DescribeService\n"));
    assert_true(has("host:pai-eas.cn-shanghai.aliyuncs.com\n"));
    assert_true(has("x-acs-security-token:<masked>\n"));
    assert_true(has("Credential=LTAIlive,") && has(",Signature=<masked>\n"));
    assert_false(has(SECRET) || has(TOKEN));
    assert_int_equal(RUN("--config", config_path, "--credential", "main", "--json"), 0);
    assert_true(has("{\"canonical_request\":\"GET\\u000a/\\u000a"));
    assert_false(has(SECRET) || has(TOKEN));
}

static void wrong_uses(void **state)
{
    (void)state;
    assert_int_equal(RUN("--help"), 0);
    assert_int_equal(run((const char *const[]){ NULL }), 2);
    assert_int_equal(RUN("--access-key-id", "x"), 2);
    assert_int_equal(RUN("--access-key-id", "x", "--secret-file", "/nonexistent"), 2);
    assert_int_equal(RUN("--access-key-id", "x", "--secret-file", secret_path, "--credential", "main"), 2);
    assert_int_equal(RUN("--config", config_path, "--credential", "other"), 2);
    assert_int_equal(RUN("--config", "/nonexistent", "--credential", "main"), 2);
    assert_int_equal(RUN("--access-key-id", "x", "--secret-file", secret_path, "--path", "/%zz"), 2);
    assert_int_equal(RUN("--access-key-id", "x", "--secret-file", secret_path, "--header", "host"), 2);
    assert_int_equal(RUN("--access-key-id", "x", "--secret-file", secret_path, "--what"), 2);
    assert_false(has("YourAccessKeySecret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_documents_example),
                                        cmocka_unit_test(a_live_key_is_masked),
                                        cmocka_unit_test(wrong_uses) };

    return cmocka_run_group_tests_name("cmd_sign", tests, make_files, remove_files);
}
