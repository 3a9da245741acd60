/*
 * Full segments: compressed without a moment in which there is no whole copy, whatever call the process ends at; removed only
 * from the old end, and only what was announced.
 */
#include "audit_world.inc"
#include "edge/archive.h"
#include "edge/archive_zst.h"
#include <sys/wait.h>
#include <utime.h>
#include <zstd.h>

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

static bool at_once(void *ctx)
{
    (void)ctx;
    return true;
}

static struct slice random_lines(size_t n)
{
    char *p = malloc(n);

    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = i % 100 == 99 ? '\n' : (char)('a' + (i * i + i / 7) % 20);
    return slice_from(p, n);
}

/* What stands in a .zst, by one call of the library, not by easgate's reader. */
static struct slice unpacked(const char *path, size_t most)
{
    struct slice z = read_file(path);
    char *p = malloc(most + 1);

    assert_non_null(p);
    size_t n = ZSTD_decompress(p, most + 1, z.p, z.n);
    free_file(&z);
    if (ZSTD_isError(n))
        n = 0;
    return slice_from(p, n);
}

static bool exists(const char *dir, const char *name)
{
    char path[400];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

/* Is there a whole copy, under a name that counts? */
static bool is_whole(const char *dir, struct slice text)
{
    char path[400];
    struct slice found;

    if (exists(dir, "audit-1-9.jsonl")) {
        snprintf(path, sizeof path, "%s/audit-1-9.jsonl", dir);
        found = read_file(path);
    } else {
        snprintf(path, sizeof path, "%s/audit-1-9.jsonl.zst", dir);
        found = unpacked(path, text.n);
    }
    bool same = slice_eq(found, text);
    free_file(&found);
    return same;
}

static int begin(char dir[64], struct slice text)
{
    char path[400];

    snprintf(dir, 64, "/tmp/easgate-archive-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/audit-1-9.jsonl", dir);
    write_file(path, text);
    assert_int_equal(chmod(path, 0440), 0);
    assert_int_equal(utime(path, &(struct utimbuf){ 1000000, 1000000 }), 0);
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    assert_true(fd >= 0);
    return fd;
}

static void end(int fd, const char *dir)
{
    close(fd);
    fault_clear();
    remove_dir(dir);
}

static void test_compress(void **state)
{
    static const size_t sizes[] = { 0, 1, 131072, 131073, 3000000 };
    char dir[64], path[300];
    struct stat st;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct slice text = random_lines(sizes[i]);
        struct err e = { 0 };
        int fd = begin(dir, text);
        assert_int_equal(archive_compress(fd, "audit-1-9.jsonl", at_once, NULL, &e), ARCHIVE_STOPPED);
        assert_true(exists(dir, "audit-1-9.jsonl"));
        assert_false(exists(dir, "audit-1-9.jsonl.zst.part"));
        assert_int_equal(archive_compress(fd, "audit-1-9.jsonl", never, NULL, &e), ARCHIVE_DONE);
        assert_false(exists(dir, "audit-1-9.jsonl"));
        assert_false(exists(dir, "audit-1-9.jsonl.zst.part"));
        assert_true(is_whole(dir, text));
        snprintf(path, sizeof path, "%s/audit-1-9.jsonl.zst", dir);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0440);
        assert_int_equal(st.st_mtime, 1000000);
        if (sizes[i] == 3000000)
            assert_true(st.st_size < 1000000);
        free_file(&text);
        end(fd, dir);
    }
}

/* Each call fails in turn: the plain file stays, or the compressed one is in its place. */
static void test_each_call_fails(void **state)
{
    static const enum call calls[] = { CALL_WRITE, CALL_FSYNC, CALL_RENAMEAT, CALL_UNLINKAT };
    struct slice text = random_lines(400000);
    char dir[64];

    (void)state;
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++)
        for (int nth = 1; nth <= 4; nth++) {
            int fd = begin(dir, text);
            struct err e = { 0 };
            fault_clear();
            fault_set(calls[c], nth, 1, EIO);
            enum archive_result result = archive_compress(fd, "audit-1-9.jsonl", never, NULL, &e);
            int met = fault_hits();
            fault_set(CALL_NONE, 0, 0, 0);
            if (result == ARCHIVE_FAILED)
                assert_true(met == 1 && e.code == ERR_IO);
            assert_true(is_whole(dir, text));
            if (exists(dir, "audit-1-9.jsonl"))
                assert_int_equal(archive_compress(fd, "audit-1-9.jsonl", never, NULL, NULL), ARCHIVE_DONE);
            assert_false(exists(dir, "audit-1-9.jsonl"));
            assert_true(is_whole(dir, text));
            assert_false(exists(dir, "audit-1-9.jsonl.zst.part"));
            end(fd, dir);
        }
    free_file(&text);
}

/* The process ends at each call in turn; whoever comes next finds a whole copy, and ends what was begun. */
static void test_death_at_each_call(void **state)
{
    static const enum call calls[] = { CALL_WRITE, CALL_FSYNC, CALL_RENAMEAT, CALL_UNLINKAT };
    struct slice text = random_lines(400000);
    char dir[64];
    int deaths = 0;

    (void)state;
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++)
        for (int nth = 1, status = 1; status != 0; nth++) {
            int fd = begin(dir, text);
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0) {
                fault_clear();
                fault_set(calls[c], nth, 1, FAULT_DIE);
                _exit(archive_compress(fd, "audit-1-9.jsonl", never, NULL, NULL) == ARCHIVE_DONE ? 0 : 1);
            }
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 9 || status == 0));
            deaths += status != 0;
            assert_true(is_whole(dir, text));
            if (exists(dir, "audit-1-9.jsonl"))
                assert_int_equal(archive_compress(fd, "audit-1-9.jsonl", never, NULL, NULL), ARCHIVE_DONE);
            assert_true(is_whole(dir, text));
            assert_false(exists(dir, "audit-1-9.jsonl") || exists(dir, "audit-1-9.jsonl.zst.part"));
            end(fd, dir);
        }
    assert_true(deaths >= 8);
    free_file(&text);
}

/* ---- the thread ---- */

/* A log of five full segments and a current one, whose files were written to hours ago: the oldest 9, the newest 5. */
static void make_log(struct world *w)
{
    struct audit_names names;
    struct audit_file *files;
    size_t count;

    world_init(w, true);
    must_open(w);
    for (int i = 0; i < 5; i++) {
        assert_true(wait_durable(w, put_intent(w, "a")));
        auditor_rotate(w->auditor);
        assert_true(wait_durable(w, put_intent(w, "b")));
    }
    assert_true(auditor_close(&w->auditor, 1000));
    assert_true(audit_names_init(&names, w->path, NULL));
    assert_true(audit_files_list(&names, &files, &count, NULL));
    assert_int_equal(count, 6);
    for (size_t i = 0; i < count; i++) {
        char path[400];
        time_t when = time(NULL) - (time_t)(9 - i) * 3600 - 60;
        snprintf(path, sizeof path, "%s/%s", w->dir, files[i].name);
        assert_int_equal(utime(path, &(struct utimbuf){ when, when }), 0);
        if (files[i].kind == AUDIT_FILE_FULL) {
            struct stat st;
            assert_int_equal(stat(path, &st), 0);
            assert_int_equal(st.st_mode & 07777, 0400); /* full ones can only be read */
        }
    }
    free(files);
}

static atomic_int woken;

static void on_wake_up(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&woken, 1);
}

static size_t count_files(const struct world *w, bool zst_only)
{
    struct audit_names names;
    struct audit_file *files;
    size_t count, n = 0;

    assert_true(audit_names_init(&names, w->path, NULL));
    assert_true(audit_files_list(&names, &files, &count, NULL));
    for (size_t i = 0; i < count; i++)
        n += files[i].kind == AUDIT_FILE_FULL && (files[i].is_zst || !zst_only);
    free(files);
    return n;
}

#define WAIT_FOR(what)                                                                                       \
    for (int wait_i = 0; wait_i < 30000 && !(what); wait_i++)                                                \
        usleep(1000);                                                                                        \
    assert_true(what)

static struct archive *start_archive(const struct world *w, bool compress, uint64_t keep_segments,
                                     uint64_t keep_for_ms)
{
    const struct archive_config cfg = { .path = w->path,
                                        .compress = compress,
                                        .keep_segments = keep_segments,
                                        .keep_for_ms = keep_for_ms,
                                        .clock = &clock_system,
                                        .wake = on_wake_up };
    struct archive *a = archive_new(&cfg, NULL);

    assert_non_null(a);
    atomic_store(&woken, 0);
    assert_true(archive_start(a, NULL));
    return a;
}

static void test_thread_compresses(void **state)
{
    struct world w;

    (void)state;
    make_log(&w);
    struct log_view before = view_log(w.dir);
    struct archive *a = start_archive(&w, true, 0, 0);
    WAIT_FOR(count_files(&w, true) == 5);
    archive_free(&a);
    assert_int_equal(atomic_load(&woken), 0);
    assert_true(exists(w.dir, "audit.jsonl"));
    must_open(&w); /* the chain goes on, and the writer finds its way through compressed segments */
    assert_true(auditor_close(&w.auditor, 1000));
    view_free(&before);
    world_drop(&w);
}

static void test_removal(void **state)
{
    struct archive_removal r[3], none;
    struct world w;
    char path[1600];

    (void)state;
    for (int compress = 0; compress < 2; compress++) {
        make_log(&w);
        struct log_view v = view_log(w.dir);
        struct archive *a = start_archive(&w, compress, 3, 0);
        WAIT_FOR(atomic_load(&woken) == 1);
        if (compress) {
            WAIT_FOR(count_files(&w, true) == 3); /* those that go are not compressed any more */
        }
        assert_int_equal(count_files(&w, false), 5); /* nothing goes before it was announced */
        assert_true(archive_next(a, 0, &r[0]) && archive_next(a, 1, &r[1]));
        assert_false(archive_next(a, 2, &none));
        for (int i = 0; i < 2; i++) {
            snprintf(path, sizeof path, "%s/%s", w.dir, r[i].file);
            struct slice text = read_file(path), rest = text, line, last = SLICE_NONE;
            unsigned char digest[32];
            char hex[65];
            while (slice_split(&rest, '\n', &line) && rest.p)
                last = line;
            assert_int_equal(EVP_Digest(last.p, last.n, digest, NULL, EVP_sha256(), NULL), 1);
            enc_hex(digest, 32, hex);
            assert_string_equal(r[i].hash, hex);
            snprintf(path, sizeof path, "{\"v\":1,\"seq\":%llu,", (unsigned long long)r[i].last_seq);
            assert_true(slice_starts(last, slice_of(path)));
            free_file(&text);
        }
        archive_announced(a, 1);
        WAIT_FOR(count_files(&w, false) == 4);
        assert_true(archive_next(a, 0, &r[2]));
        assert_string_equal(r[2].file, r[1].file);
        archive_announced(a, 1);
        WAIT_FOR(count_files(&w, false) == 3);
        usleep(20000);
        assert_false(archive_next(a, 0, &none)); /* three are to stay */
        archive_free(&a);
        view_free(&v);
        world_drop(&w);
    }
}

static void test_removal_by_age(void **state)
{
    struct archive_removal r;
    struct world w;
    char path[1600];

    (void)state;
    make_log(&w);
    struct archive *a = start_archive(&w, false, 0, 8 * 3600 * 1000);
    WAIT_FOR(archive_next(a, 1, &r));
    assert_false(archive_next(a, 2, &r));
    archive_free(&a);
    /* Not one that was written to within the last hour, nor what comes behind it. */
    find_file(w.dir, "audit-1-", path);
    assert_int_equal(utime(path, NULL), 0);
    a = start_archive(&w, false, 1, 3600 * 1000);
    usleep(50000);
    assert_false(archive_next(a, 0, &r));
    assert_int_equal(atomic_load(&woken), 0);
    archive_free(&a);
    world_drop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compress),
        cmocka_unit_test(test_each_call_fails),
        cmocka_unit_test(test_death_at_each_call),
        cmocka_unit_test(test_thread_compresses),
        cmocka_unit_test(test_removal),
        cmocka_unit_test(test_removal_by_age),
    };

    quiet_log();
    return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
