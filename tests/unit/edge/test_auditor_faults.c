/*
 * The audit log's writer when things go wrong: files changed by others, full, failing and hanging disks, at each write. What
 * was told durable stays, what was told lost is not in the log, and nothing writes to a file whose fdatasync has failed.
 */
#include "audit_world.inc"
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ---- files changed by others ---- */

static void change_file(struct world *w, int kind)
{
    char moved[200];
    int fd;

    snprintf(moved, sizeof moved, "%s/moved", w->dir);
    switch (kind) {
    case 0:
        assert_int_equal(unlink(w->path), 0);
        return;
    case 1:
        assert_int_equal(rename(w->path, moved), 0);
        return;
    case 2:
        assert_int_equal(truncate(w->path, 100), 0);
        return;
    case 3:
        fd = open(w->path, O_WRONLY | O_APPEND);
        assert_int_equal(__real_write(fd, "hello\n", 6), 6);
        close(fd);
        return;
    default:
        assert_int_equal(rename(w->path, moved), 0);
        write_file(w->path, S("{}\n"));
    }
}

static void test_changed_by_others(void **state)
{
    static const char *const kinds[] = { "deleted", "moved", "truncated", "written", "replaced" };
    struct world w;

    (void)state;
    for (int kind = 0; kind < 5; kind++)
        for (int synced = 0; synced < 2; synced++) {
            const char *why;
            world_init(&w, synced);
            must_open(&w);
            uint64_t before = put_intent(&w, "before");
            assert_true(wait_durable(&w, before));
            struct slice kept = read_file(w.path);
            change_file(&w, kind);
            uint64_t during = put_intent(&w, "during");
            uint64_t outcome = put_outcome(&w, "before");
            assert_true(wait_lost(&w, 1));
            if (w.durable_at_loss != before) /* on a busy machine it may be back by now */
                fail_msg("%s, synced %d: durable up to %llu when the loss was told: %s", kinds[kind], synced,
                         (unsigned long long)w.durable_at_loss, w.why_at_loss);
            assert_true(w.failed_at_loss);
            assert_non_null(strstr(w.why_at_loss, kinds[kind]));
            if (!auditor_ok(w.auditor, &why))
                assert_int_equal(put_intent(&w, "refused"), 0);
            assert_true(wait_durable(&w, outcome));
            assert_true(wait_ok(&w));
            assert_true(during < outcome);
            assert_true(wait_durable(&w, put_intent(&w, "after")));
            assert_int_equal(w.lost, 1);
            assert_true(auditor_close(&w.auditor, 1000));
            /* The new segment begins with recover, which names the last durable record. */
            struct slice text = read_file(w.path);
            assert_true(slice_starts(text, S("{\"v\":1,\"seq\":3,")));
            const char *recover = strstr(text.p, "\"type\":\"recover\"");
            assert_true(recover && recover < strchr(text.p, '\n'));
            assert_non_null(strstr(text.p, "\"last_seq\":2}\n"));
            assert_null(strstr(text.p, "during"));
            assert_non_null(strstr(text.p, "\"id\":\"before\""));
            free_file(&text);
            free_file(&kept);
            world_drop(&w);
        }
}

/* ---- failing disks ---- */

struct fault {
    const char *name;
    enum call call;
    int error, times;
    enum call second; /* fails with EIO whenever it is called, too */
    bool same_file;   /* the file goes on afterwards */
};

static void run_fault(const struct fault *f, int nth, bool synced)
{
    struct world w;
    char id[16];
    uint64_t last = 0;
    int told = 0, sent = 0;

    world_init(&w, synced);
    must_open(&w);
    fault_set(f->call, nth, f->times, f->error);
    for (int i = 0; i < nth + 3 && w.lost == 0; i++) {
        snprintf(id, sizeof id, "i%d", i);
        last = put_intent(&w, id);
        sent++;
        for (int k = 0; k < 1000 && w.durable < last && w.lost == 0; k++)
            turn(&w, 2);
        if (w.durable >= last)
            told++;
        if (w.durable >= last && i > 0) {
            snprintf(id, sizeof id, "i%d", i - 1);
            put_outcome(&w, id);
        }
    }
    if (w.lost != 1 || fault_hits() < 1)
        print_error("%s at %d: lost %d\n", f->name, nth, w.lost);
    assert_int_equal(w.lost, 1);
    uint64_t outcome = put_outcome(&w, "kept");
    assert_true(outcome > 0);
    turn(&w, 20);
    assert_true(f->times == 1 || w.durable < outcome);
    fault_set(CALL_NONE, 0, 0, 0);
    assert_true(wait_durable(&w, outcome));
    assert_true(wait_ok(&w));
    assert_true(wait_durable(&w, put_intent(&w, "after")));
    assert_true(auditor_close(&w.auditor, 1000));
    struct log_view v = view_log(w.dir);
    assert_int_equal(view_count(&v, "intent", NULL, NULL),
                     (size_t)told + 1); /* no lost intent is in the log */
    assert_int_equal(view_count(&v, "outcome", "kept", NULL), 1);
    assert_int_equal(view_count(&v, "recover", NULL, NULL), 1);
    assert_int_equal(v.files, f->same_file ? 1 : 2);
    assert_true(sent == told + 1);
    view_free(&v);
    world_drop(&w);
}

static void test_faults(void **state)
{
    static const struct fault faults[] = {
        { "ENOSPC", CALL_WRITE, ENOSPC, 1, CALL_NONE, true },
        { "ENOSPC for a while", CALL_WRITE, ENOSPC, -1, CALL_NONE, true },
        { "EDQUOT", CALL_WRITE, EDQUOT, 1, CALL_NONE, true },
        { "short write", CALL_WRITE, 0, 1, CALL_NONE, true },
        { "write EIO", CALL_WRITE, EIO, 1, CALL_NONE, false },
        { "write EROFS", CALL_WRITE, EROFS, 1, CALL_NONE, false },
        { "fdatasync EIO", CALL_FDATASYNC, EIO, 1, CALL_NONE, false },
        { "fdatasync EIO for a while", CALL_FDATASYNC, EIO, -1, CALL_NONE, false },
        { "fdatasync ENOSPC", CALL_FDATASYNC, ENOSPC, 1, CALL_NONE, false },
    };
    int runs = 0;

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        for (int nth = 1; nth <= 4; nth++)
            for (int synced = 0; synced < 2; synced++) {
                if (!synced && faults[i].call == CALL_FDATASYNC)
                    continue;
                run_fault(&faults[i], nth, synced);
                runs++;
            }
    assert_int_equal(writes_after_failed_sync(), 0);
    print_message("auditor: %d faults, nothing lost but the intents that were refused\n", runs);
}

/* The cut itself fails: the file is closed for good. */
static void test_failed_cut(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, true);
    must_open(&w);
    assert_true(wait_durable(&w, put_intent(&w, "a")));
    fault_set(CALL_FTRUNCATE, 1, -1, EIO);
    struct rlimit limit, before;
    getrlimit(RLIMIT_FSIZE, &before);
    struct slice now = read_file(w.path);
    limit = (struct rlimit){ .rlim_cur = now.n + 50, .rlim_max = before.rlim_max };
    free_file(&now);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0); /* a real short write, then EFBIG */
    put_intent(&w, "b");
    assert_true(wait_lost(&w, 1));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    fault_clear();
    assert_true(wait_ok(&w));
    assert_true(wait_durable(&w, put_intent(&w, "c")));
    assert_true(auditor_close(&w.auditor, 1000));
    struct log_view v = view_log(w.dir);
    assert_int_equal(v.files, 2);
    assert_int_equal(view_count(&v, "intent", "b", NULL), 0);
    assert_int_equal(view_count(&v, "intent", NULL, NULL), 2);
    view_free(&v);
    world_drop(&w);
}

/* The directory is not well either for some time: each step of opening the next segment fails in turn. */
static void test_renewal_faults(void **state)
{
    static const enum call calls[] = { CALL_FSYNC, CALL_RENAME, CALL_WRITE, CALL_FDATASYNC };

    (void)state;
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++)
        for (int nth = 1; nth <= 3; nth++) {
            struct world w;
            world_init(&w, true);
            must_open(&w);
            assert_true(wait_durable(&w, put_intent(&w, "a")));
            assert_int_equal(truncate(w.path, 10000), 0);
            put_intent(&w, "b");
            assert_true(wait_lost(&w, 1));
            fault_set(calls[c], nth, 2, EIO);
            uint64_t kept = put_outcome(&w, "a");
            assert_true(wait_durable(&w, kept));
            assert_true(wait_ok(&w));
            fault_clear();
            assert_true(wait_durable(&w, put_intent(&w, "c")));
            assert_true(auditor_close(&w.auditor, 1000));
            struct log_view v = view_log(w.dir);
            assert_int_equal(view_count(&v, "outcome", "a", NULL), 1);
            assert_int_equal(view_count(&v, "intent", NULL, NULL), 2);
            view_free(&v);
            must_open(&w); /* and the log can be gone on with */
            world_drop(&w);
        }
}

/* In a process of its own: the sync of a batch fails, and the process dies before it can put another file in the place of that
 * one; or just when it has. */
static void die_after_failed_sync(struct world *w, bool is_set_aside)
{
    must_open(w);
    bool ok = wait_durable(w, put_intent(w, "a"));
    turn(w, 150); /* no tick is due for a while */
    fault_set(CALL_FDATASYNC, 1, 1, EIO);
    put_intent(w, "b");
    turn(w, 1);
    while (!fault_hits())
        usleep(1000);
    if (!ok || !is_set_aside)
        _exit(ok ? 9 : 1);
    fault_set(CALL_WRITE, 2, 1, FAULT_DIE); /* the first is that of the probe */
    wait_ok(w);
    _exit(1);
}

static void must_not_start(struct world *w, enum call call)
{
    struct err e = { 0 };

    fault_set(call, 1, 1, EIO);
    assert_false(world_open(w, &e));
    assert_non_null(strstr(e.text, "cannot be made durable"));
    fault_clear();
}

/* The kernel takes what the failed sync left behind for written, and the next process does not know of it: it writes all of it
 * again before it goes on behind it. */
static void test_death_after_a_failed_sync(void **state)
{
    struct world w;
    int status;

    (void)state;
    for (int is_set_aside = 0; is_set_aside < 2; is_set_aside++) {
        char path[400];
        world_init(&w, true);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            die_after_failed_sync(&w, is_set_aside);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WEXITSTATUS(status), 9);
        snprintf(path, sizeof path, "%s", w.path);
        if (is_set_aside)
            find_file(w.dir, "broken", path);
        struct slice before = read_file(path);
        assert_non_null(strstr(before.p, "\"id\":\"b\""));
        must_not_start(&w, CALL_PWRITE);
        must_not_start(&w, CALL_FDATASYNC);
        struct slice after = read_file(path);
        assert_true(slice_eq(before, after));
        must_open(&w);
        assert_int_equal(pwritten_bytes(), before.n);
        assert_int_equal(auditor_open_intents(w.auditor), 2);
        assert_true(auditor_close(&w.auditor, 1000));
        struct log_view v = view_log(w.dir);
        assert_int_equal(view_count(&v, "outcome", "b", "unknown_after_crash"), 1);
        view_free(&v);
        free_file(&before);
        free_file(&after);
        world_drop(&w);
    }
}

static void test_eintr_loses_nothing(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, true);
    must_open(&w);
    fault_set(CALL_WRITE, 1, 50, EINTR);
    assert_true(wait_durable(&w, put_intent(&w, "a")));
    assert_int_equal(fault_hits(), 50);
    assert_int_equal(w.lost, 0);
    world_drop(&w);
}

static void test_full_disk(void **state)
{
    struct world w;
    char filler[200];

    (void)state;
    world_init(&w, true);
    if (mount("tmpfs", w.dir, "tmpfs", 0, "size=256k") != 0) {
        print_message("auditor: no right to mount a tmpfs here; RLIMIT_FSIZE is tested above\n");
        world_drop(&w);
        skip();
    }
    must_open(&w);
    assert_true(wait_durable(&w, put_intent(&w, "a")));
    snprintf(filler, sizeof filler, "%s/filler", w.dir);
    int fd = open(filler, O_WRONLY | O_CREAT, 0600);
    char block[4096] = { 0 };
    while (__real_write(fd, block, sizeof block) > 0)
        ;
    close(fd);
    for (int i = 0; i < 1000 && w.lost == 0;
         i++) { /* until what is left no longer holds an intent and its outcome */
        put_intent(&w, "b");
        turn(&w, 2);
    }
    assert_true(wait_lost(&w, 1));
    uint64_t outcome = put_outcome(&w, "a"), kept = put_deny(&w);
    assert_true(wait_durable(&w, outcome)); /* into the space that was kept for it */
    turn(&w, 400);
    assert_true(w.durable < kept);
    assert_int_equal(unlink(filler), 0);
    assert_true(wait_durable(&w, kept));
    assert_true(wait_ok(&w));
    assert_true(auditor_close(&w.auditor, 1000));
    struct log_view v = view_log(w.dir);
    assert_int_equal(v.files, 1);
    assert_int_equal(view_count(&v, "recover", NULL, NULL), 1);
    view_free(&v);
    assert_int_equal(umount2(w.dir, MNT_DETACH), 0);
    world_drop(&w);
}

/* A flood of counted refusals while the disk is full: they go first, outcomes and denials stay. */
static void test_held_records_are_bounded(void **state)
{
    static char text[1000];
    struct world w;
    int counted = 0;

    (void)state;
    memset(text, 'x', sizeof text);
    world_init(&w, false);
    must_open(&w);
    fault_set(CALL_WRITE, 1, -1, ENOSPC);
    put_intent(&w, "a");
    assert_true(wait_lost(&w, 1));
    for (int i = 0; i < 40000; i++) {
        if (i % 1000 == 0) {
            put_outcome(&w, "o");
            put_deny(&w);
        }
        counted += put_counted(&w, slice_from(text, sizeof text)) != 0;
        if (i % 500 == 0)
            turn(&w, 1);
    }
    assert_true(counted > 39000);
    fault_clear();
    uint64_t last = put_deny(&w);
    assert_true(wait_durable(&w, last));
    assert_true(auditor_close(&w.auditor, 3000));
    struct log_view v = view_log(w.dir);
    assert_int_equal(view_count(&v, "outcome", "o", NULL), 40);
    assert_int_equal(view_count(&v, "deny", NULL, NULL), 41);
    size_t kept = view_count(&v, "counted", NULL, NULL);
    assert_true(kept > 5000 && kept < 20000);
    char expected[80];
    snprintf(expected, sizeof expected, "%zu refusals found no room", (size_t)counted - kept);
    assert_non_null(strstr(v.lines[1].text, expected));
    view_free(&v);
    world_drop(&w);
}

static void test_slow_commit(void **state)
{
    struct world w;
    const char *why;

    (void)state;
    world_init(&w, true);
    w.cfg.commit_timeout_ms = 100;
    must_open(&w);
    fdatasync_delay_ms(600);
    uint64_t ticket = put_intent(&w, "a");
    for (int i = 0; i < 40 && auditor_ok(w.auditor, &why); i++)
        turn(&w, 10);
    assert_false(auditor_ok(w.auditor, &why));
    assert_non_null(strstr(why, "commit_timeout"));
    assert_int_equal(put_intent(&w, "b"), 0);
    assert_true(put_outcome(&w, "a") > 0);
    fdatasync_delay_ms(0);
    assert_true(wait_durable(&w, ticket));
    assert_true(wait_ok(&w));
    assert_int_equal(w.lost, 0);
    world_drop(&w);
}

/* Between two ticks of the clock, too: who waited commit_timeout in vain does not get to wait for it once more. */
static void test_slow_commit_is_seen_at_once(void **state)
{
    const struct timespec past = { .tv_nsec = 130 * 1000000L };
    struct world w;

    (void)state;
    world_init(&w, true);
    w.cfg.commit_timeout_ms = 100;
    must_open(&w);
    fdatasync_delay_ms(600);
    uint64_t ticket = put_intent(&w, "a");
    assert_true(ticket > 0);
    turn(&w, 10);
    nanosleep(&past, NULL); /* not a turn of the loop */
    assert_int_equal(put_intent(&w, "b"), 0);
    assert_false(auditor_ok(w.auditor, NULL));
    fdatasync_delay_ms(0);
    assert_true(wait_durable(&w, ticket));
    assert_true(wait_ok(&w));
    world_drop(&w);
}

/* The disk hangs at the end: close gives up in time. In a process of its own, which then ends with the thread in it. */
static void hang_and_close(void)
{
    struct world w;
    struct timespec from, to;

    world_init(&w, true);
    must_open(&w);
    fdatasync_delay_ms(3000);
    put_intent(&w, "a");
    turn(&w, 20);
    clock_gettime(CLOCK_MONOTONIC, &from);
    bool closed = auditor_close(&w.auditor, 200);
    clock_gettime(CLOCK_MONOTONIC, &to);
    double s = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    remove_dir(w.dir);
    _exit(!closed && s > 0.15 && s < 1.5 ? 0 : 1);
}

static void test_bounded_close(void **state)
{
    int status = -1;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0)
        hang_and_close();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_metrics(void **state)
{
    struct world w;
    struct metrics *m = metrics_new();

    (void)state;
    world_init(&w, true);
    must_open(&w);
    auditor_set_events(w.auditor, &(struct auditor_events){
                                      .durable = on_durable, .lost = on_lost, .ctx = &w, .metrics = m });
    put_intent(&w, "a");
    assert_true(wait_durable(&w, put_deny(&w)));
    SCOPED(sbuf) text = SBUF_MAX(1 << 20);
    metrics_print(m, &text);
    assert_non_null(strstr(text.p, "\neasgate_audit_records_total 3\n"));
    assert_non_null(strstr(text.p, "\neasgate_audit_commit_ms_count 1\n"));
    assert_non_null(strstr(text.p, "\neasgate_audit_failed 0\n"));
    assert_int_equal(unlink(w.path), 0);
    put_intent(&w, "b");
    assert_true(wait_lost(&w, 1));
    sbuf_clear(&text);
    metrics_print(m, &text);
    assert_non_null(strstr(text.p, "\neasgate_audit_failed 1\n"));
    world_drop(&w);
    metrics_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changed_by_others),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_failed_cut),
        cmocka_unit_test(test_renewal_faults),
        cmocka_unit_test(test_death_after_a_failed_sync),
        cmocka_unit_test(test_eintr_loses_nothing),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_held_records_are_bounded),
        cmocka_unit_test(test_slow_commit),
        cmocka_unit_test(test_slow_commit_is_seen_at_once),
        cmocka_unit_test(test_bounded_close),
        cmocka_unit_test(test_metrics),
    };

    quiet_log();
    return cmocka_run_group_tests_name("auditor_faults", tests, NULL, NULL);
}
