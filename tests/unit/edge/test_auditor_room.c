/*
 * Space kept in reserve: the outcomes of all that is under way get in when the disk is full, new intents do not.
 */
#include "audit_world.inc"
#include <sys/mount.h>

static uint64_t allocated(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

static void test_kept_and_given_back(void **state)
{
    struct world w;

    (void)state;
    for (int synced = 0; synced < 2; synced++) {
        world_init(&w, synced);
        must_open(&w);
        for (int i = 0; i < 300; i++)
            put_intent(&w, "a");
        assert_true(wait_durable(&w, put_intent(&w, "a")));
        struct slice text = read_file(w.path);
        assert_true(allocated(w.path) >= text.n + (301 + 8) * (uint64_t)AUDIT_LINE_MAX_BYTES);
        free_file(&text);
        assert_true(auditor_close(&w.auditor, 1000));
        text = read_file(w.path);
        assert_true(allocated(w.path) < text.n + 8192);
        free_file(&text);
        world_drop(&w);
    }
}

/* A request is under way when the space runs out: its outcome gets in, ahead of a denial; no intent does. */
static void test_no_room(void **state)
{
    static char text[2000];
    struct world w;
    const char *why;

    (void)state;
    memset(text, 'x', sizeof text);
    for (int synced = 0; synced < 2; synced++)
        for (int error = 0; error < 2; error++) {
            world_init(&w, synced);
            must_open(&w);
            assert_true(wait_durable(&w, put_intent(&w, "a")));
            fault_set(CALL_FALLOCATE, 1, -1, error ? EDQUOT : ENOSPC);
            for (int i = 0; i < 10000 && !w.lost; i++) {
                uint64_t last =
                    put_intent(&w, "b"); /* one at a time: what was kept is used up when one is refused */
                put_outcome(&w, "b");
                for (int k = 0; k < 8; k++)
                    put_counted(&w, slice_from(text, sizeof text));
                while (last && w.durable < last && !w.lost)
                    turn(&w, 1);
            }
            assert_true(wait_lost(&w, 1));
            assert_false(auditor_ok(w.auditor, &why));
            assert_non_null(strstr(why, "no room"));
            assert_int_equal(put_intent(&w, "refused"), 0);
            uint64_t deny = put_deny(&w), outcome = put_outcome(&w, "a");
            assert_true(deny > 0 && wait_durable(&w, outcome));
            turn(&w, 100); /* some probes */
            assert_false(auditor_ok(w.auditor, &why));
            struct log_view v = view_log(w.dir);
            assert_int_equal(view_count(&v, "outcome", "a", NULL), 1);
            assert_int_equal(view_count(&v, "deny", NULL, NULL), 0);
            assert_int_equal(view_count(&v, "recover", NULL, NULL), 0);
            view_free(&v);
            fault_set(CALL_NONE, 0, 0, 0);
            assert_true(wait_ok(&w));
            assert_true(wait_durable(&w, put_intent(&w, "after")));
            assert_int_equal(w.lost, 1);
            assert_true(auditor_close(&w.auditor, 1000));
            v = view_log(w.dir);
            assert_int_equal(v.files, 1);
            assert_int_equal(view_count(&v, "deny", NULL, NULL), 1);
            assert_int_equal(view_count(&v, "recover", NULL, NULL), 1);
            assert_int_equal(view_count(&v, "outcome", "a", NULL), 1);
            view_free(&v);
            world_drop(&w);
        }
}

/* The file is gone, and the next one gets no room either: it begins with the recover record all the same. */
static void test_no_room_in_the_next_file(void **state)
{
    struct world w;

    (void)state;
    for (int synced = 0; synced < 2; synced++) {
        world_init(&w, synced);
        must_open(&w);
        assert_true(wait_durable(&w, put_intent(&w, "a")));
        fault_set(CALL_FALLOCATE, 1, -1, ENOSPC);
        assert_int_equal(truncate(w.path, 10), 0);
        put_intent(&w, "b");
        assert_true(wait_lost(&w, 1));
        assert_true(wait_durable(&w, put_outcome(&w, "a")));
        struct slice text = read_file(w.path);
        const char *recover = strstr(text.p, "\"type\":\"recover\""),
                   *outcome = strstr(text.p, "\"type\":\"outcome\"");
        assert_true(recover && outcome && recover < outcome);
        free_file(&text);
        assert_true(wait_durable(&w, put_outcome(&w, "a2")));
        fault_set(CALL_NONE, 0, 0, 0);
        assert_true(wait_ok(&w));
        assert_true(wait_durable(&w, put_intent(&w, "c")));
        assert_true(auditor_close(&w.auditor, 1000));
        text = read_file(w.path);
        assert_true(slice_starts(text, S("{\"v\":1,\"seq\":3,")));
        assert_null(strstr(text.p, "\"id\":\"b\""));
        free_file(&text);
        must_open(&w); /* and the log can be gone on with */
        world_drop(&w);
    }
}

/* A file system that cannot keep space: what it says is free must do. */
static void test_cannot_keep(void **state)
{
    struct world w;

    (void)state;
    for (int synced = 0; synced < 2; synced++) {
        world_init(&w, synced);
        fault_set(CALL_FALLOCATE, 1, -1, EOPNOTSUPP);
        must_open(&w);
        assert_true(wait_durable(&w, put_intent(&w, "a")));
        assert_int_equal(call_count(CALL_FALLOCATE), 1);
        assert_true(wait_durable(&w, put_outcome(&w, "a")));
        assert_int_equal(w.lost, 0);
        assert_true(auditor_close(&w.auditor, 1000));
        world_drop(&w);
    }
}

static bool mount_small(struct world *w, const char *size)
{
    if (mount("tmpfs", w->dir, "tmpfs", 0, size) == 0)
        return true;
    print_message("auditor: no right to mount a tmpfs here\n");
    world_drop(w);
    return false;
}

static void fill_up(const struct world *w)
{
    char filler[200];
    static const char block[4096];

    snprintf(filler, sizeof filler, "%s/filler", w->dir);
    int fd = open(filler, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    while (__real_write(fd, block, sizeof block) > 0)
        ;
    close(fd);
}

static void unmount(struct world *w)
{
    assert_int_equal(umount2(w->dir, MNT_DETACH), 0);
    world_drop(w);
}

/* Somebody else takes all the room there is: not that of the outcomes, also not while the log rotates. */
static void full_disk(bool synced, bool can_keep, uint64_t max_segment_bytes)
{
    struct world w;
    char id[16];
    uint64_t last = 0;

    world_init(&w, synced);
    w.cfg.ledger.max_segment_bytes = max_segment_bytes;
    if (!mount_small(&w, "size=4m"))
        skip();
    if (!can_keep)
        fault_set(CALL_FALLOCATE, 1, -1, EOPNOTSUPP);
    must_open(&w);
    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof id, "a%d", i);
        last = put_intent(&w, id);
        if (i % 10 == 0)
            assert_true(wait_durable(&w, last));
    }
    assert_true(wait_durable(&w, last));
    fill_up(&w);
    for (int i = 0; i < 10000 && w.lost == 0; i++) {
        put_intent(&w, "b");
        turn(&w, 1);
    }
    assert_int_equal(w.lost, 1);
    assert_false(auditor_ok(w.auditor, NULL));
    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof id, "a%d", i);
        last = put_outcome(&w, id);
    }
    if (can_keep)
        assert_true(wait_durable(&w, last));
    char filler[200];
    snprintf(filler, sizeof filler, "%s/filler", w.dir);
    assert_int_equal(unlink(filler), 0);
    assert_true(wait_durable(&w, last));
    assert_true(wait_ok(&w));
    assert_true(auditor_close(&w.auditor, 1000));
    struct log_view v = view_log(w.dir);
    assert_true(view_count(&v, "recover", NULL, NULL) >= 1);
    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof id, "a%d", i);
        assert_int_equal(view_count(&v, "outcome", id, NULL), 1);
    }
    view_free(&v);
    unmount(&w);
}

static void test_full_disk(void **state)
{
    (void)state;
    for (int synced = 0; synced < 2; synced++) {
        full_disk(synced, true, 0);
        full_disk(synced, true, 20000);
        full_disk(synced, false, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_and_given_back),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_no_room_in_the_next_file),
        cmocka_unit_test(test_cannot_keep),
        cmocka_unit_test(test_full_disk),
    };

    quiet_log();
    return cmocka_run_group_tests_name("auditor_room", tests, NULL, NULL);
}
