/*
 * Written and not yet synced: what nobody waits for is written at once and synced with the next batch that must be, or in
 * time; and whatever happens to the file in between, none of it is lost.
 */
#include "audit_world.inc"

static size_t lines_now(const struct world *w)
{
    return count_lines_live(w->dir);
}

static bool wait_lines(struct world *w, size_t n)
{
    for (int i = 0; i < 1000 && lines_now(w) < n; i++)
        turn(w, 2);
    return lines_now(w) == n;
}

static void open_world(struct world *w, uint64_t sync_delay_ms)
{
    world_init(w, true);
    w->cfg.commit_timeout_ms = 40000;
    w->cfg.ledger.sync_delay_ms = sync_delay_ms;
    must_open(w);
    assert_true(wait_durable(w, put_intent(w, "a")));
    fault_clear();
}

static void test_outcomes_wait_for_an_intent(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, 10000);
    uint64_t outcome = put_outcome(&w, "a");
    put_deny(&w);
    put_counted(&w, S("x"));
    assert_true(wait_lines(&w, 5)); /* written ... */
    assert_int_equal(call_count(CALL_FDATASYNC), 0);
    assert_true(w.durable < outcome);
    uint64_t intent = put_intent(&w, "b"); /* ... and synced with this one */
    assert_true(wait_durable(&w, intent));
    assert_int_equal(call_count(CALL_FDATASYNC), 1);
    put_outcome(&w, "b");
    assert_true(wait_lines(&w, 7));
    assert_true(auditor_close(&w.auditor, 1000)); /* ... or with the stop record */
    assert_int_equal(call_count(CALL_FDATASYNC), 2);
    world_drop(&w);
}

static void test_outcomes_do_not_wait_long(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, 30);
    uint64_t outcome = put_outcome(&w, "a");
    assert_true(wait_lines(&w, 3));
    assert_true(wait_durable(&w, outcome)); /* nothing else comes: in time */
    assert_int_equal(call_count(CALL_FDATASYNC), 1);
    turn(&w, 100);
    assert_int_equal(call_count(CALL_FDATASYNC), 1); /* and not again */
    world_drop(&w);
}

/* Nobody waits for it, and the log is well all the time. */
static void put_outcome_without_alarm(struct world *w)
{
    const char *why;
    uint64_t ticket = put_outcome(w, "a");

    for (int i = 0; i < 1000 && w->durable < ticket; i++) {
        turn(w, 5);
        assert_true(auditor_ok(w->auditor, &why));
    }
    assert_true(w->durable >= ticket);
}

/* What waits for its sync is no slow commit, however long ago the writer had something to do: a batch, or a rotation that was
 * none. */
static void test_idle_time_is_no_slow_commit(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, true);
    w.cfg.commit_timeout_ms = 800;
    w.cfg.ledger.sync_delay_ms = 200; /* the watchdog looks some times meanwhile */
    must_open(&w);
    put_outcome_without_alarm(&w);
    turn(&w, 1000);
    put_outcome_without_alarm(&w);
    for (int i = 0; i < 2; i++) { /* the second one finds an empty segment */
        auditor_rotate(w.auditor);
        turn(&w, 1000);
    }
    put_outcome_without_alarm(&w);
    assert_int_equal(w.lost, 0);
    world_drop(&w);
}

static void test_a_flood_is_synced(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, 10000);
    for (int i = 0; i < 1500; i++)
        put_deny(&w);
    assert_true(wait_lines(&w, 1502));
    for (int i = 0; i < 100 && call_count(CALL_FDATASYNC) == 0; i++)
        turn(&w, 5);
    assert_true(call_count(CALL_FDATASYNC) >= 1);
    world_drop(&w);
}

static void test_rotation_syncs_first(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, 10000);
    put_outcome(&w, "a");
    assert_true(wait_lines(&w, 3));
    assert_int_equal(call_count(CALL_FDATASYNC), 0);
    auditor_rotate(w.auditor);
    assert_true(wait_lines(&w, 4));
    for (int i = 0; i < 200 && call_count(CALL_RENAME) == 0; i++)
        turn(&w, 5);
    assert_int_equal(call_count(CALL_FDATASYNC), 1);
    world_drop(&w);
}

/* What becomes of the file while two outcomes and a denial in it are not synced. */
enum end {
    DELETED,
    MOVED,
    TRUNCATED,
    APPENDED,
    SYNC_FAILS,
    LATE_SYNC_FAILS,
    WRITE_EIO,
    WRITE_ENOSPC,
    SHORT_WRITE,
    ENDS
};

static void spoil(struct world *w, enum end end)
{
    char moved[200];
    int fd;

    switch (end) {
    case DELETED:
        assert_int_equal(unlink(w->path), 0);
        break;
    case MOVED:
        snprintf(moved, sizeof moved, "%s/elsewhere", w->dir);
        assert_int_equal(rename(w->path, moved), 0);
        break;
    case TRUNCATED:
        assert_int_equal(truncate(w->path, 100), 0);
        break;
    case APPENDED:
        fd = open(w->path, O_WRONLY | O_APPEND);
        assert_int_equal(__real_write(fd, "hello\n", 6), 6);
        close(fd);
        break;
    case SYNC_FAILS:
    case LATE_SYNC_FAILS:
        fault_set(CALL_FDATASYNC, 1, 1, EIO);
        break;
    case WRITE_EIO:
        fault_set(CALL_WRITE, 1, 1, EIO);
        break;
    case WRITE_ENOSPC:
        fault_set(CALL_WRITE, 1, 1, ENOSPC);
        break;
    case SHORT_WRITE:
    case ENDS:
        fault_set(CALL_WRITE, 1, 1, 0);
    }
}

static void spoil_unsynced(enum end end, bool is_first_in_file)
{
    struct world w;
    bool cut = end == WRITE_ENOSPC || end == SHORT_WRITE;

    open_world(&w, end == LATE_SYNC_FAILS ? 60 : 10000);
    if (is_first_in_file) {
        auditor_rotate(w.auditor);
        for (int i = 0; i < 200 && call_count(CALL_RENAME) == 0; i++)
            turn(&w, 5);
        turn(&w, 20);
    }
    put_outcome(&w, "a");
    put_deny(&w);
    uint64_t last = put_outcome(&w, "a2");
    struct slice text = SLICE_NONE;
    for (int i = 0; i < 1000 && !(text.n && strstr(text.p, "\"id\":\"a2\"")); i++) {
        turn(&w, 1);
        free_file(&text);
        text = read_file(w.path);
    }
    free_file(&text);
    assert_true(w.durable < last);
    spoil(&w, end);
    if (end != LATE_SYNC_FAILS)
        put_intent(&w, "lost");
    assert_true(wait_lost(&w, 1));
    assert_true(wait_ok(&w));
    assert_true(wait_durable(&w, last));
    assert_true(wait_durable(&w, put_intent(&w, "after")));
    assert_int_equal(w.lost, 1);
    assert_true(auditor_close(&w.auditor, 1000));
    assert_int_equal(writes_after_failed_sync(), 0);
    text = read_file(w.path);
    bool has = strstr(text.p, "\"id\":\"a\"") && strstr(text.p, "\"id\":\"a2\"") &&
               strstr(text.p, "\"type\":\"deny\"");
    assert_true(has); /* in the new file; or still in the old one */
    assert_null(strstr(text.p, "\"id\":\"lost\""));
    const char *recover = strstr(text.p, "\"type\":\"recover\"");
    assert_non_null(recover);
    if (!cut) { /* the next file goes on behind the last durable record: start, intent, and rotate */
        assert_true(recover < strchr(text.p, '\n'));
        assert_non_null(strstr(text.p, is_first_in_file ? "\"last_seq\":3}" : "\"last_seq\":2}"));
    }
    free_file(&text);
    if (end >= SYNC_FAILS) { /* nobody took a file away: the whole chain stands */
        struct log_view v = view_log(w.dir);
        assert_int_equal(view_count(&v, "outcome", "a", NULL), 1);
        assert_int_equal(view_count(&v, "outcome", "a2", NULL), 1);
        assert_int_equal(view_count(&v, "deny", NULL, NULL), 1);
        assert_int_equal(view_count(&v, "intent", "lost", NULL), 0);
        view_free(&v);
    }
    must_open(&w);
    world_drop(&w);
}

static void test_nothing_unsynced_is_lost(void **state)
{
    (void)state;
    for (enum end end = 0; end < ENDS; end++)
        for (int first = 0; first < 2; first++)
            spoil_unsynced(end, first);
}

/* More outcomes of the run before than one batch takes: all are durable when the log is open, and none is taken for one of the
 * loop's own records later. */
static void many_first_records(int count)
{
    struct world w, after;
    uint64_t last = 0;
    char id[40];

    open_world(&w, 10000);
    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof id, "%032d", i);
        last = put_intent(&w, id);
        if (i % 1000 == 0)
            assert_true(wait_durable(&w, last));
    }
    assert_true(wait_durable(&w, last));
    struct slice text = read_file(w.path);
    world_init(&after, true);
    write_file(after.path, text);
    free_file(&text);
    after.cfg.commit_timeout_ms = 40000;
    after.cfg.ledger.sync_delay_ms = 10000;
    must_open(&after);
    assert_int_equal(auditor_open_intents(after.auditor), count + 1);
    assert_true(wait_durable(&after, put_intent(&after, "next")));
    assert_true(auditor_close(&after.auditor, 5000));
    struct log_view v = view_log(after.dir);
    assert_int_equal(view_count(&v, "outcome", NULL, "unknown_after_crash"), count + 1);
    view_free(&v);
    world_drop(&after);
    world_drop(&w);
}

/* A batch takes some 3,000; what is left for the last one is then not too much to be synced later. */
static void test_first_records_are_synced(void **state)
{
    (void)state;
    many_first_records(3500);
    many_first_records(4000);
    many_first_records(4500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes_wait_for_an_intent), cmocka_unit_test(test_outcomes_do_not_wait_long),
        cmocka_unit_test(test_idle_time_is_no_slow_commit), cmocka_unit_test(test_a_flood_is_synced),
        cmocka_unit_test(test_rotation_syncs_first),        cmocka_unit_test(test_nothing_unsynced_is_lost),
        cmocka_unit_test(test_first_records_are_synced),
    };

    quiet_log();
    return cmocka_run_group_tests_name("auditor_sync", tests, NULL, NULL);
}
