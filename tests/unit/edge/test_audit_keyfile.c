/* The audit key's state file: made once, read only when nobody else can have read it, replaced as a whole; the key before is
 * nowhere afterwards, not in the old file's bytes either. */
#include "edge/audit_keyfile.h"
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static struct audit_end end;
static const struct audit_end no_end;
static char dir[] = "/tmp/easgate-keyfile-XXXXXX", path[100];

static struct audit_key key_of(unsigned char first)
{
    unsigned char bytes[AUDIT_KEY_BYTES] = { first };
    struct audit_key key;

    assert_true(audit_key_init(&key, 1795449600, 3600, 0, bytes, NULL));
    return key;
}

static size_t content(int fd, char *out, size_t size)
{
    ssize_t n = pread(fd, out, size - 1, 0);

    assert_true(n >= 0);
    out[n] = '\0';
    return (size_t)n;
}

static size_t files_in_dir(void)
{
    DIR *d = opendir(dir);
    size_t n = 0;

    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(d);
    return n;
}

static int begin(void **state)
{
    char beside[120];

    (void)state;
    snprintf(beside, sizeof beside, "%s.new", path);
    unlink(beside);
    unlink(path);
    return 0;
}

static void test_create(void **state)
{
    struct audit_key key = key_of(7), other = key_of(8), read;
    struct err e = { 0 };
    struct stat st;

    (void)state;
    assert_true(audit_keyfile_create(path, &key, &e));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_false(audit_keyfile_create(path, &other, &e));
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_non_null(strstr(e.text, path));
    assert_true(audit_keyfile_read(path, &read, &end, NULL));
    assert_int_equal(read.start_s, 1795449600);
    assert_int_equal(read.length_s, 3600);
    assert_int_equal(read.epoch, 0);
    assert_memory_equal(secret_bytes(read.key).p, secret_bytes(key.key).p, AUDIT_KEY_BYTES);
    audit_key_drop(&read);
    audit_key_drop(&key);
    audit_key_drop(&other);
    unlink(path);
    assert_int_equal(symlink("/nowhere", path), 0); /* nor is a link that leads nowhere followed */
    key = key_of(9);
    assert_false(audit_keyfile_create(path, &key, NULL));
    audit_key_drop(&key);
}

static void test_replace_leaves_nothing(void **state)
{
    struct audit_key key = key_of(1), read;
    char before[400], after[400], old[400];

    (void)state;
    assert_true(audit_keyfile_create(path, &key, NULL));
    int fd = open(path, O_RDONLY); /* as who kept the old file would */
    assert_true(fd >= 0);
    size_t n = content(fd, before, sizeof before);
    assert_int_equal(n, strlen("easgate-audit-key 1 1795449600 3600 0 ") + 65);
    assert_true(audit_key_forward(&key, 1, NULL));
    assert_true(audit_keyfile_replace(path, &key, &no_end, NULL));
    assert_int_equal(files_in_dir(), 2); /* with the spare, which is the old one */
    assert_true(audit_keyfile_read(path, &read, &end, NULL));
    assert_int_equal(read.epoch, 1);
    assert_memory_equal(secret_bytes(read.key).p, secret_bytes(key.key).p, AUDIT_KEY_BYTES);
    int now = open(path, O_RDONLY);
    content(now, after, sizeof after);
    assert_null(strstr(after, before + n - 65));
    assert_int_equal(content(fd, old, sizeof old), n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(old[i], 0); /* the bytes that the old name stood for are gone */
    struct stat st;
    assert_int_equal(fstat(now, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    close(now);
    close(fd);
    audit_key_drop(&read);
    audit_key_drop(&key);
}

/* A replacement that was cut off leaves the file beside; the next one does not stumble over it. */
static void test_cut_off_replacement(void **state)
{
    struct audit_key key = key_of(1), read;
    char beside[120];

    (void)state;
    assert_true(audit_keyfile_create(path, &key, NULL));
    snprintf(beside, sizeof beside, "%s.new", path);
    int fd = open(beside, O_WRONLY | O_CREAT, 0644);
    assert_true(fd >= 0 && write(fd, "easgate-au", 10) == 10 && close(fd) == 0);
    assert_true(audit_keyfile_read(path, &read, &end, NULL));
    assert_int_equal(read.epoch, 0);
    audit_key_drop(&read);
    assert_true(audit_key_forward(&key, 1, NULL) && audit_keyfile_replace(path, &key, &no_end, NULL));
    assert_int_equal(files_in_dir(), 2);
    assert_true(audit_keyfile_read(path, &read, &end, NULL));
    assert_int_equal(read.epoch, 1);
    audit_key_drop(&read);
    /* where no file can be made the old key stays (root writes anywhere, so a directory stands in the way) */
    assert_int_equal(unlink(beside), 0);
    assert_int_equal(mkdir(beside, 0700), 0);
    assert_true(audit_key_forward(&key, 2, NULL));
    assert_false(audit_keyfile_replace(path, &key, &no_end, NULL));
    assert_int_equal(rmdir(beside), 0);
    assert_true(audit_keyfile_read(path, &read, &end, NULL));
    assert_int_equal(read.epoch, 1);
    audit_key_drop(&read);
    audit_key_drop(&key);
}

/* Many times over, with longer and shorter numbers: the file is always the one line, the spare is blank. */
static void test_again_and_again(void **state)
{
    static const uint64_t epochs[] = { 1, 2, 9, 10, 99, 100, 12345, 100000 };
    struct audit_key key = key_of(1), read;
    char beside[120], text[400];

    (void)state;
    snprintf(beside, sizeof beside, "%s.new", path);
    assert_true(audit_keyfile_create(path, &key, NULL));
    for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++) {
        assert_true(audit_key_forward(&key, epochs[i], NULL) &&
                    audit_keyfile_replace(path, &key, &no_end, NULL));
        assert_true(audit_keyfile_read(path, &read, &end, NULL));
        assert_int_equal(read.epoch, epochs[i]);
        assert_memory_equal(secret_bytes(read.key).p, secret_bytes(key.key).p, AUDIT_KEY_BYTES);
        audit_key_drop(&read);
        int fd = open(beside, O_RDONLY);
        assert_true(fd >= 0);
        for (size_t n = content(fd, text, sizeof text); n; n--)
            assert_int_equal(text[n - 1], 0);
        close(fd);
    }
    audit_key_drop(&key);
}

/* A spare that somebody else may have open, or that is none, is not written into. */
static void test_foreign_spare(void **state)
{
    struct audit_key key = key_of(1), read;
    char beside[120], other[120], text[400];

    (void)state;
    snprintf(beside, sizeof beside, "%s.new", path);
    snprintf(other, sizeof other, "%s.other", path);
    assert_true(audit_keyfile_create(path, &key, NULL));
    for (int kind = 0; kind < 3; kind++) {
        unlink(beside);
        int fd = open(other, O_RDWR | O_CREAT, 0600);
        assert_true(fd >= 0);
        if (kind == 0)
            assert_int_equal(symlink(other, beside), 0);
        else if (kind == 1)
            assert_int_equal(link(other, beside), 0);
        else
            assert_true(rename(other, beside) == 0 && chmod(beside, 0644) == 0);
        assert_true(audit_key_forward(&key, key.epoch + 1, NULL) &&
                    audit_keyfile_replace(path, &key, &no_end, NULL));
        assert_int_equal(content(fd, text, sizeof text), 0);
        close(fd);
        unlink(other);
        assert_true(audit_keyfile_read(path, &read, &end, NULL));
        assert_int_equal(read.epoch, key.epoch);
        audit_key_drop(&read);
    }
    audit_key_drop(&key);
}

static size_t size_of_file(void)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return (size_t)st.st_size;
}

/* Where the epoch before ended waits beside the key, to the letter; a file without it, as easgate once wrote, is read, too. */
static void test_end(void **state)
{
    struct audit_key key = key_of(3), read;
    struct audit_end sealed;
    unsigned char hash[AUDIT_HASH_BYTES];
    char beside[120], text[400];
    struct err e = { 0 };

    (void)state;
    memset(hash, 0xab, sizeof hash);
    snprintf(beside, sizeof beside, "%s.new", path);
    assert_true(audit_keyfile_create(path, &key, NULL));
    assert_true(audit_keyfile_read(path, &read, &end, NULL));
    assert_int_equal(end.seq, 0);
    audit_key_drop(&read);
    size_t alone = size_of_file();
    assert_true(audit_end_make(&sealed, &key, UINT64_MAX, hash) && audit_key_forward(&key, 1, NULL));
    for (int i = 0; i < 3;
         i++) { /* with it, without it, with it: the longer text leaves nothing behind the shorter one */
        bool has_end = i != 1;
        assert_true(audit_keyfile_replace(path, &key, has_end ? &sealed : &no_end, NULL));
        assert_int_equal(size_of_file(),
                         has_end ? alone + strlen("easgate-audit-end 1 18446744073709551615 ") + 130 : alone);
        assert_true(audit_keyfile_read(path, &read, &end, NULL));
        assert_memory_equal(secret_bytes(read.key).p, secret_bytes(key.key).p, AUDIT_KEY_BYTES);
        assert_int_equal(read.epoch, 1);
        assert_memory_equal(&end, has_end ? &sealed : &no_end, sizeof end);
        audit_key_drop(&read);
        int fd = open(beside, O_RDONLY);
        for (size_t n = content(fd, text, sizeof text); n; n--)
            assert_int_equal(text[n - 1], 0);
        close(fd);
    }
    /* cut anywhere it is no state */
    int fd = open(path, O_RDWR);
    size_t n = content(fd, text, sizeof text);
    for (size_t cut = n - 2; cut > 0; cut--) {
        assert_int_equal(ftruncate(fd, (off_t)cut), 0);
        bool is_key_alone = cut == alone || cut == alone - 1;
        assert_int_equal(audit_keyfile_read(path, &read, &end, &e), is_key_alone);
        assert_int_equal(end.seq, 0);
        assert_true(is_key_alone || !read.key);
        assert_null(strstr(e.text, "abab"));
        audit_key_drop(&read);
    }
    close(fd);
    audit_key_drop(&key);
}

static void test_refused(void **state)
{
    struct audit_key key = key_of(1), read;
    static const mode_t modes[] = { 0640, 0604, 0660, 0644 };
    struct err e = { 0 };
    char elsewhere[120];

    (void)state;
    assert_false(audit_keyfile_read(path, &read, &end, &e));
    assert_non_null(strstr(e.text, path));
    assert_false(
        audit_keyfile_replace(path, &key, &no_end, NULL)); /* nothing to replace: somebody took it away */
    assert_true(audit_keyfile_create(path, &key, NULL));
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_false(audit_keyfile_read(path, &read, &end, NULL));
        assert_null(read.key);
    }
    assert_int_equal(chmod(path, 0600), 0);
    snprintf(elsewhere, sizeof elsewhere, "%s.real", path);
    assert_int_equal(rename(path, elsewhere), 0);
    assert_int_equal(symlink(elsewhere, path), 0);
    assert_false(audit_keyfile_read(path, &read, &end,
                                    NULL)); /* a link would be replaced, and the key behind it stay */
    assert_false(audit_keyfile_replace(path, &key, &no_end, NULL));
    unlink(path);
    unlink(elsewhere);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "easgate-audit-key 1 0 3600 0 00112233\n");
    fclose(f);
    assert_int_equal(chmod(path, 0600), 0);
    e = (struct err){ 0 };
    assert_false(audit_keyfile_read(path, &read, &end, &e));
    assert_null(strstr(e.text, "00112233"));
    audit_key_drop(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_create, begin),
        cmocka_unit_test_setup(test_replace_leaves_nothing, begin),
        cmocka_unit_test_setup(test_cut_off_replacement, begin),
        cmocka_unit_test_setup(test_again_and_again, begin),
        cmocka_unit_test_setup(test_foreign_spare, begin),
        cmocka_unit_test_setup(test_end, begin),
        cmocka_unit_test_setup(test_refused, begin),
    };

    if (!mkdtemp(dir))
        return 1;
    snprintf(path, sizeof path, "%s/audit.key", dir);
    void *none = NULL;
    int failed = cmocka_run_group_tests_name("audit_keyfile", tests, NULL, NULL);
    begin(&none);
    rmdir(dir);
    return failed;
}
