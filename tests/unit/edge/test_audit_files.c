/*
 * Names of an audit log's files: kinds, compressed segments, the list of a directory.
 */
#include "edge/audit_files.h"
#include "base/err.h"
#include "edge/audit_parts.h"
#include <pthread.h>
#include <stdatomic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
#include <cmocka.h>

static void test_kinds(void **state)
{
    static const struct {
        const char *name;
        enum audit_file_kind kind;
        bool is_zst;
        uint64_t first, last;
    } cases[] = {
        { "audit.jsonl", AUDIT_FILE_CURRENT, false, 0, 0 },
        { "audit-1-200.jsonl", AUDIT_FILE_FULL, false, 1, 200 },
        { "audit-1-200.jsonl.zst", AUDIT_FILE_FULL, true, 1, 200 },
        { "audit-7-7.jsonl.zst", AUDIT_FILE_FULL, true, 7, 7 },
        { "audit-broken-20261123T155957.123Z.jsonl", AUDIT_FILE_BROKEN, false, 0, 0 },
        { "audit.jsonl.torn-20261123T155957.123Z", AUDIT_FILE_TORN, false, 0, 0 },
        { "audit-1-200.jsonl.zst.part", AUDIT_FILE_NONE, false, 0, 0 },
        { "audit-1-200.jsonl.gz", AUDIT_FILE_NONE, false, 0, 0 },
        { "audit-1-200.zst", AUDIT_FILE_NONE, false, 0, 0 },
        { "audit-200-1.jsonl.zst", AUDIT_FILE_NONE, false, 0, 0 },
        { "audit-0-1.jsonl.zst", AUDIT_FILE_NONE, false, 0, 0 },
        { "audit.jsonl.zst", AUDIT_FILE_NONE, false, 0, 0 },
        { "audit-broken-20261123T155957.123Z.jsonl.zst", AUDIT_FILE_NONE, false, 0, 0 },
        { "audit.jsonl.lock", AUDIT_FILE_NONE, false, 0, 0 },
        /* a name goes to people's terminals: only what we write is one */
        { "audit-broken-20261123T155957.123Zx.jsonl", AUDIT_FILE_NONE, false, 0, 0 },
        { "audit-broken-\033[31m\nwhole: 9 records.jsonl", AUDIT_FILE_NONE, false, 0, 0 },
        { "audit-broken-20261123T155957.12.Z.jsonl", AUDIT_FILE_NONE, false, 0, 0 },
        { "audit-broken-.jsonl", AUDIT_FILE_NONE, false, 0, 0 },
        { "audit.jsonl.torn-\n", AUDIT_FILE_NONE, false, 0, 0 },
        { "audit.jsonl.torn-20261123T155957.123Z\n", AUDIT_FILE_NONE, false, 0, 0 },
    };
    struct audit_names n;
    struct audit_file file;

    (void)state;
    assert_true(audit_names_init(&n, "/var/log/easgate/audit.jsonl", NULL));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(audit_file_kind_of(&n, cases[i].name, &file), cases[i].kind);
        if (cases[i].kind == AUDIT_FILE_NONE)
            continue;
        assert_int_equal(file.is_zst, cases[i].is_zst);
        assert_int_equal(file.first, cases[i].first);
        assert_int_equal(file.last, cases[i].last);
    }
    assert_false(audit_names_init(&n, "/var/log/easgate/audit.zst", NULL));
}

static void test_zst_name(void **state)
{
    char name[AUDIT_NAME_MAX], full[AUDIT_NAME_MAX];

    (void)state;
    assert_true(audit_name_zst("audit-1-200.jsonl", name));
    assert_string_equal(name, "audit-1-200.jsonl.zst");
    memset(full, 'x', sizeof full - 1);
    full[sizeof full - 1] = '\0';
    assert_false(audit_name_zst(full, name));
}

static void touch(const char *dir, const char *name)
{
    char path[200];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    close(fd);
}

/* Plain wins over compressed; a compression under way is no part of the log. */
static void test_list(void **state)
{
    static const char *const names[] = { "audit-11-20.jsonl.zst", "audit-11-20.jsonl",
                                         "audit.jsonl",           "audit-1-10.jsonl.zst",
                                         "audit-21-30.jsonl",     "audit-21-30.jsonl.zst.part" };
    static const char *const expected[] = { "audit-1-10.jsonl.zst", "audit-11-20.jsonl", "audit-21-30.jsonl",
                                            "audit.jsonl" };
    char dir[] = "/tmp/easgate-audit-files-XXXXXX", path[200];
    struct audit_names n;
    struct audit_file *files;
    size_t count;

    (void)state;
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        touch(dir, names[i]);
    snprintf(path, sizeof path, "%s/audit.jsonl", dir);
    assert_true(audit_names_init(&n, path, NULL));
    assert_true(audit_files_list(&n, &files, &count, NULL));
    assert_int_equal(count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(files[i].name, expected[i]);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(files[i].has_twin, i == 1);
    free(files);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

/* A living gateway: a full segment is now plain, now compressed. */
static atomic_bool is_over;

static void *rename_on(void *arg)
{
    const struct timespec a_moment = {
        .tv_nsec = 50000
    }; /* faster than that, no reader would ever get through for certain */
    const char *dir = arg;
    char plain[200], zst[210];

    snprintf(plain, sizeof plain, "%s/audit-1-1.jsonl", dir);
    snprintf(zst, sizeof zst, "%s.zst", plain);
    while (!atomic_load(&is_over)) {
        rename(plain, zst);
        nanosleep(&a_moment, NULL);
        rename(zst, plain);
        nanosleep(&a_moment, NULL);
    }
    return NULL;
}

static void test_list_that_changes(void **state)
{
    char dir[] = "/tmp/easgate-audit-files-XXXXXX", path[200];
    struct audit_names n;
    pthread_t thread;

    (void)state;
    assert_non_null(mkdtemp(dir));
    touch(dir, "audit-1-1.jsonl");
    touch(dir, "audit.jsonl");
    snprintf(path, sizeof path, "%s/audit.jsonl", dir);
    assert_true(audit_names_init(&n, path, NULL));
    assert_int_equal(pthread_create(&thread, NULL, rename_on, dir), 0);
    for (int i = 0; i < 2000; i++) {
        struct audit_parts parts = AUDIT_PARTS_NONE;
        struct err e = { 0 };
        if (!audit_parts_add_log(&parts, &n, &e))
            fail_msg("listing %d: %s", i, e.text);
        assert_int_equal(parts.list[parts.count - 1].kind, AUDIT_FILE_CURRENT);
        audit_parts_drop(&parts);
    }
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    unlink(path);
    snprintf(path, sizeof path, "%s/audit-1-1.jsonl", dir);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_zst_name),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_list_that_changes),
    };

    return cmocka_run_group_tests_name("audit_files", tests, NULL, NULL);
}
