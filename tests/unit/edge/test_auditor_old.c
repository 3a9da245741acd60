/*
 * What becomes of segments as time passes: a group may read them, they are closed by age, compressed, and removed once the log
 * says so; and a start finds its way through what is left.
 */
#include "audit_world.inc"
#include "edge/audit_parts.h"
#include "edge/audit_verify.h"
#include <grp.h>
#include <sys/wait.h>
#include <utime.h>

static int64_t wall_offset_ms;

static int64_t shifted_wall_ms(void *ctx)
{
    static int64_t begin_ms;
    int64_t now_ms = clock_mono_ms(&clock_system);

    (void)ctx;
    if (!begin_ms)
        begin_ms = now_ms;
    return 1780315200000 + now_ms - begin_ms + wall_offset_ms; /* a noon: no midnight comes by itself */
}

static int64_t system_mono_ms(void *ctx)
{
    (void)ctx;
    return clock_mono_ms(&clock_system);
}

static const struct clock shifted = { shifted_wall_ms, system_mono_ms, NULL };

static void count_kinds(const struct world *w, size_t *out_full, size_t *out_zst)
{
    struct audit_names names;
    struct audit_file *files;
    size_t count;

    *out_full = *out_zst = 0;
    assert_true(audit_names_init(&names, w->path, NULL));
    assert_true(audit_files_list(&names, &files, &count, NULL));
    for (size_t i = 0; i < count; i++) {
        *out_full += files[i].kind == AUDIT_FILE_FULL;
        *out_zst += files[i].is_zst;
    }
    free(files);
}

static bool wait_kinds(struct world *w, size_t full, size_t zst)
{
    size_t f, z;

    for (int i = 0; i < 6000; i++) { /* the thread that is waited for has the lowest priority */
        count_kinds(w, &f, &z);
        if (f == full && z == zst)
            return true;
        turn(w, 5);
    }
    print_error("%zu full, %zu compressed\n", f, z);
    return false;
}

/* By easgate's own verifier: the chain over all that is left, compressed or not. */
static bool verifies(const struct world *w, uint64_t *out_first)
{
    struct audit_parts parts = AUDIT_PARTS_NONE;
    struct audit_names names;
    struct audit_verdict verdict;
    struct err e = { 0 };

    assert_true(audit_names_init(&names, w->path, NULL));
    assert_true(audit_parts_add_log(&parts, &names, NULL));
    audit_parts_sort(&parts);
    const struct audit_verify what = { .parts = &parts, .from_beginning = true };
    bool ok = audit_verify(&what, &verdict, &e);
    if (!ok)
        print_error("%s\n", e.text);
    *out_first = verdict.first_seq;
    audit_parts_drop(&parts);
    return ok;
}

static void rotate(struct world *w)
{
    assert_true(wait_durable(w, put_intent(w, "a")));
    auditor_rotate(w->auditor);
    assert_true(wait_durable(w, put_outcome(w, "a")));
}

static void test_group(void **state)
{
    struct world w;
    struct stat st;
    struct err e = { 0 };
    char path[400];

    (void)state;
    if (geteuid() != 0)
        skip();
    const struct group *group = getgrnam("adm");
    assert_non_null(group);
    gid_t gid = group->gr_gid;
    for (int is_open = 0; is_open < 2; is_open++) {
        world_init(&w, true);
        assert_int_equal(chmod(w.dir, is_open ? 0755 : 0700), 0);
        w.cfg.ledger.group = "adm";
        w.cfg.compress = true;
        must_open(&w);
        assert_int_equal(stat(w.dir, &st), 0);
        if (is_open) /* anybody can read it: it is left alone */
            assert_true((st.st_mode & 07777) == 0755 && st.st_gid == 0);
        else
            assert_true((st.st_mode & 07777) == 0750 && st.st_gid == gid);
        assert_int_equal(stat(w.path, &st), 0);
        assert_true((st.st_mode & 07777) == 0640 && st.st_gid == gid);
        rotate(&w);
        assert_true(wait_kinds(&w, 1, 1));
        find_file(w.dir, ".zst", path);
        assert_int_equal(stat(path, &st), 0);
        assert_true((st.st_mode & 07777) == 0440 && st.st_gid == gid);
        assert_int_equal(stat(w.path, &st), 0);
        assert_true((st.st_mode & 07777) == 0640 && st.st_gid == gid);
        assert_true(auditor_close(&w.auditor, 1000));
        w.cfg.ledger.group = NULL; /* it stays readable: files are not taken back from a group */
        must_open(&w);
        world_drop(&w);
    }
    world_init(&w, true);
    w.cfg.ledger.group = "nobody-has-this-group";
    assert_false(world_open(&w, &e));
    assert_non_null(strstr(e.text, "nobody-has-this-group"));
    world_drop(&w);
}

static void test_rotation_by_age(void **state)
{
    struct world w;

    (void)state;
    for (int synced = 0; synced < 2; synced++) {
        wall_offset_ms = 0;
        world_init(&w, synced);
        w.cfg.ledger.clock = &shifted;
        w.cfg.ledger.rotate_every_ms = 24 * 3600 * 1000;
        must_open(&w);
        assert_true(wait_durable(&w, put_intent(&w, "a")));
        turn(&w, 400);
        assert_true(wait_kinds(&w, 0, 0));
        wall_offset_ms = 24 * 3600 * 1000;
        assert_true(wait_kinds(&w, 1, 0)); /* though nothing happens */
        turn(&w, 400);
        assert_true(wait_kinds(&w, 1, 0)); /* an empty one stays */
        assert_true(wait_durable(&w, put_intent(&w, "b")));
        assert_true(auditor_close(&w.auditor, 1000));
        wall_offset_ms *= 2; /* the day ends while nobody runs */
        must_open(&w);
        assert_true(wait_kinds(&w, 2, 0));
        assert_true(wait_durable(&w, put_intent(&w, "c")));
        assert_true(auditor_close(&w.auditor, 1000));
        struct log_view v = view_log(w.dir);
        assert_int_equal(view_count(&v, "rotate", NULL, NULL), 2);
        view_free(&v);
        world_drop(&w);
    }
}

static void test_compression(void **state)
{
    struct world w;
    uint64_t first;

    (void)state;
    for (int synced = 0; synced < 2; synced++) {
        world_init(&w, synced);
        w.cfg.compress = true;
        must_open(&w);
        for (int i = 0; i < 3; i++) {
            rotate(&w);
            assert_true(wait_kinds(&w, (size_t)i + 1, (size_t)i + 1));
        }
        assert_true(verifies(&w, &first));
        assert_true(auditor_close(&w.auditor, 1000));
        must_open(&w);
        assert_true(verifies(&w, &first));
        assert_int_equal(first, 1);
        world_drop(&w);
    }
}

/* The current segment is empty: a start goes on behind a compressed one. */
static void test_start_behind_a_compressed_segment(void **state)
{
    struct world w;
    uint64_t first;

    (void)state;
    world_init(&w, true);
    w.cfg.compress = true;
    must_open(&w);
    assert_true(wait_durable(&w, put_intent(&w, "open")));
    auditor_rotate(w.auditor);
    assert_true(wait_kinds(&w, 1, 1));
    struct world other; /* as a crash leaves it: no stop record, no outcome */
    char command[300];
    world_init(&other, true);
    snprintf(command, sizeof command, "cp -p %s/* %s/", w.dir, other.dir);
    assert_int_equal(system(command), 0);
    must_open(&other);
    assert_true(verifies(&other, &first));
    struct slice text = read_file(other.path);
    assert_non_null(strstr(text.p, "unknown_after_crash"));
    assert_non_null(strstr(text.p, "\"id\":\"open\""));
    free_file(&text);
    world_drop(&other);
    world_drop(&w);
}

static void age_all(const struct world *w, int hours)
{
    struct audit_names names;
    struct audit_file *files;
    size_t count;

    assert_true(audit_names_init(&names, w->path, NULL));
    assert_true(audit_files_list(&names, &files, &count, NULL));
    for (size_t i = 0; i < count; i++) {
        char path[400];
        time_t when = time(NULL) - hours * 3600;
        snprintf(path, sizeof path, "%s/%s", w->dir, files[i].name);
        if (files[i].kind == AUDIT_FILE_FULL)
            assert_int_equal(utime(path, &(struct utimbuf){ when, when }), 0);
    }
    free(files);
}

/* By number and by age, plain and compressed: a record first, then the file goes; the rest verifies, also after a restart. */
static void test_retention(void **state)
{
    struct world w;
    uint64_t first;

    (void)state;
    for (int round = 0; round < 8; round++) {
        bool synced = round & 1, compress = round & 2, by_age = round & 4;
        world_init(&w, synced);
        w.cfg.compress = compress;
        must_open(&w);
        for (int i = 0; i < 5; i++)
            rotate(&w);
        if (compress)
            assert_true(wait_kinds(&w, 5, 5));
        assert_true(auditor_close(&w.auditor, 1000));
        age_all(&w, 3);
        w.cfg.keep_segments = by_age ? 0 : 2;
        w.cfg.keep_for_ms = by_age ? 2 * 3600 * 1000 : 0;
        must_open(&w);
        assert_true(wait_kinds(&w, by_age ? 0 : 2, by_age || !compress ? 0 : 2));
        assert_true(verifies(&w, &first));
        assert_true(first > 1);
        struct slice text = read_file(w.path);
        char expected[100];
        snprintf(expected, sizeof expected, "\"last_seq\":%llu}", (unsigned long long)first - 1);
        assert_non_null(strstr(text.p, expected));
        assert_non_null(strstr(text.p, "\"file\":\"audit-1-"));
        free_file(&text);
        assert_true(auditor_close(&w.auditor, 1000));
        must_open(&w);
        uint64_t before = first;
        rotate(&w);
        if (by_age) /* the new one is too young to go */
            assert_true(wait_kinds(&w, 1, compress ? 1 : 0));
        for (int i = 0; !by_age && i < 6000 && first == before; i++) { /* one more, so the oldest goes */
            uint64_t now;                                              /* a file may go while it is read */
            turn(&w, 5);
            if (verifies(&w, &now))
                first = now;
        }
        assert_true(verifies(&w, &first));
        assert_true(by_age ? first == before : first > before);
        assert_true(wait_kinds(&w, by_age ? 1 : 2, compress ? (by_age ? 1 : 2) : 0));
        world_drop(&w);
    }
}

static size_t count_removals(struct world *w)
{
    size_t n = 0;

    is_live = true;
    struct log_view v = view_log(w->dir);
    is_live = false;
    for (size_t i = 0; i < v.count; i++)
        n += strstr(v.lines[i].text, "\"note\":\"removed\"") != NULL;
    view_free(&v);
    return n;
}

static bool wait_fault_hits(struct world *w, int least)
{
    for (int i = 0; i < 6000 && fault_hits() < least; i++)
        turn(w, 5);
    return fault_hits() >= least;
}

static bool wait_at_most(struct world *w, size_t full)
{
    size_t f = SIZE_MAX, z;

    for (int i = 0; i < 6000 && f > full; i++) {
        turn(w, 5);
        count_kinds(w, &f, &z);
    }
    return f <= full;
}

/* A segment that cannot be removed is announced once, no younger one goes past it, and it is tried again. */
static void test_what_cannot_be_removed(void **state)
{
    struct world w;
    uint64_t first;

    (void)state;
    world_init(&w, true);
    must_open(&w);
    for (int i = 0; i < 5; i++)
        rotate(&w);
    assert_true(auditor_close(&w.auditor, 1000));
    age_all(&w, 3);
    w.cfg.keep_segments = 2;
    fault_set(CALL_UNLINKAT, 1, 1000, EPERM);
    must_open(&w);
    assert_true(wait_fault_hits(&w, 1));
    for (int i = 0; i < 100; i++)
        turn(&w, 10);
    assert_true(wait_kinds(&w, 5, 0));
    assert_true(verifies(&w, &first) && first == 1);
    assert_int_equal(count_removals(&w), 3);
    rotate(&w); /* look again */
    assert_true(wait_fault_hits(&w, 2));
    for (int i = 0; i < 20; i++)
        turn(&w, 10);
    assert_int_equal(count_removals(&w), 3);
    fault_set(CALL_NONE, 0, 0, 0);
    rotate(&w);
    assert_true(wait_at_most(&w, 4)); /* the two that a later look may find are in nobody's way */
    assert_true(verifies(&w, &first) && first > 1);
    world_drop(&w);
}

/* A damaged segment is as old as its name says, and one of which nothing counts keeps no other. */
static void test_damage_keeps_nothing(void **state)
{
    struct world w;
    uint64_t first;
    char path[400];

    (void)state;
    for (int is_void = 0; is_void < 2; is_void++) {
        world_init(&w, true);
        must_open(&w);
        for (int i = 0; i < 5; i++)
            rotate(&w);
        assert_true(auditor_close(&w.auditor, 1000));
        find_file(w.dir, "audit-1-", path);
        struct slice text = read_file(path);
        if (is_void)
            snprintf(path, sizeof path, "%s/audit-broken-20261123T155957.123Z.jsonl", w.dir);
        else
            ((char *)(uintptr_t)text.p)[0] = '#';
        write_file(path, text);
        free_file(&text);
        age_all(&w, 3);
        w.cfg.keep_segments = 2;
        must_open(&w);
        assert_true(wait_kinds(&w, 2, 0));
        assert_true(verifies(&w, &first) && first > 1);
        world_drop(&w);
    }
}

/* The announcement is the last record when the process dies: it closes no segment. */
static void test_death_behind_an_announcement(void **state)
{
    struct world w;
    uint64_t first;

    (void)state;
    world_init(&w, true);
    must_open(&w);
    for (int i = 0; i < 3; i++)
        rotate(&w);
    assert_true(auditor_close(&w.auditor, 1000));
    age_all(&w, 3);
    w.cfg.keep_segments = 1;
    must_open(&w);
    assert_true(wait_kinds(&w, 1, 0));
    struct slice text = read_file(w.path);
    const char *rotate_record = strstr(text.p, "\"type\":\"rotate\"");
    assert_non_null(rotate_record);
    const char *last = text.p + text.n - 2;
    while (*last != '\n')
        last--;
    assert_true(rotate_record > last || strstr(last, "\"type\":\"rotate\""));
    assert_true(auditor_close(&w.auditor, 1000));
    write_file(w.path, text); /* what was there before the stop record */
    free_file(&text);
    w.cfg.keep_segments = 0;
    must_open(&w);
    assert_true(wait_kinds(&w, 1, 0));
    assert_true(verifies(&w, &first));
    world_drop(&w);
}

/* All files of the log, and when they were written to by the shifted clock. */
static void date_files(const struct world *w)
{
    struct part parts[20];
    const int64_t now_s = shifted_wall_ms(NULL) / 1000;
    const struct utimbuf times = { now_s, now_s };

    for (size_t n = list_parts(w->dir, parts, 20); n > 0; n--)
        assert_int_equal(utime(parts[n - 1].path, &times), 0);
}

/* In a process of its own: a run that serves, and dies. */
static void serve_and_die(struct world *w, bool goes_on)
{
    size_t full = 0, zst;

    must_open(w);
    bool ok = wait_durable(w, put_intent(w, "open"));
    auditor_rotate(w->auditor);
    for (int i = 0; i < 1000 && !full; i++) {
        turn(w, 5);
        count_kinds(w, &full, &zst);
    }
    if (goes_on)
        ok = ok && wait_durable(w, put_deny(w));
    _exit(ok && full == 1 ? 9 : 1);
}

/* A start of which nothing but its start record reached the disk. */
static void try_to_start(struct world *w)
{
    const char *start = NULL;

    must_open(w);
    assert_true(auditor_close(&w->auditor, 1000));
    struct slice text = read_file(w->path);
    for (const char *p = text.p; (p = strstr(p, "\"type\":\"start\"")); p++)
        start = p;
    assert_non_null(start);
    assert_int_equal(truncate(w->path, strchr(start, '\n') + 1 - text.p), 0);
    free_file(&text);
}

/* An intent is open in a full segment when the process dies, and the machine is down for hours. It gets its outcome at the first
 * start that comes to that, however many were cut off before, and whether or not the segment behind it has other records. */
static void test_open_intent_after_hours(void **state)
{
    struct world w;
    int status;

    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        wall_offset_ms = 0;
        world_init(&w, true);
        w.cfg.ledger.clock = &shifted;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            serve_and_die(&w, kind % 2);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WEXITSTATUS(status), 9);
        date_files(&w);
        for (int starts = kind / 2; starts > 0; starts--) {
            wall_offset_ms += 2 * 3600000;
            try_to_start(&w);
            struct utimbuf times = { shifted_wall_ms(NULL) / 1000, shifted_wall_ms(NULL) / 1000 };
            assert_int_equal(utime(w.path, &times), 0);
        }
        wall_offset_ms += 2 * 3600000;
        must_open(&w);
        assert_int_equal(auditor_open_intents(w.auditor), 1);
        assert_true(auditor_close(&w.auditor, 1000));
        struct log_view v = view_log(w.dir);
        assert_int_equal(view_count(&v, "outcome", "open", "unknown_after_crash"), 1);
        view_free(&v);
        world_drop(&w);
    }
    wall_offset_ms = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_group),
        cmocka_unit_test(test_rotation_by_age),
        cmocka_unit_test(test_compression),
        cmocka_unit_test(test_start_behind_a_compressed_segment),
        cmocka_unit_test(test_retention),
        cmocka_unit_test(test_what_cannot_be_removed),
        cmocka_unit_test(test_damage_keeps_nothing),
        cmocka_unit_test(test_death_behind_an_announcement),
        cmocka_unit_test(test_open_intent_after_hours),
    };

    quiet_log();
    return cmocka_run_group_tests_name("auditor_old", tests, NULL, NULL);
}
