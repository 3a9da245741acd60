/*
 * The audit log's writer against a real directory: order, group commit, rotation, restart, a torn tail at every byte,
 * changed logs, a second instance. Logs are read by audit_world's own reader, not by easgate's.
 */
#include "audit_world.inc"
#include <pthread.h>
#include <sys/file.h>
#include "base/map.h"
#include "edge/audit_pending.h"

/* There is no room for one more open intent. */
static int maps_have_room_for = -1; /* -1 = any number */
bool __real_map_put(struct map *m, struct slice key, void *value);
bool __wrap_map_put(struct map *m, struct slice key, void *value);
bool __wrap_map_put(struct map *m, struct slice key, void *value)
{
    if (maps_have_room_for == 0)
        return false;
    maps_have_room_for -= maps_have_room_for > 0;
    return __real_map_put(m, key, value);
}

static void test_order(void **state)
{
    struct world w;
    char id[40];

    (void)state;
    for (int synced = 0; synced < 2; synced++) {
        world_init(&w, synced);
        must_open(&w);
        uint64_t last = 0;
        for (int i = 0; i < 100; i++) {
            snprintf(id, sizeof id, "%032d", i);
            assert_int_equal(put_intent(&w, id), last + 1);
            last = put_outcome(&w, id);
            if (i % 10 == 0)
                turn(&w, 1);
        }
        assert_true(wait_durable(&w, last));
        assert_int_equal(w.durable, last);
        assert_true(auditor_close(&w.auditor, 1000));
        struct log_view v = view_log(w.dir);
        assert_int_equal(v.count, 202);
        assert_string_equal(v.lines[0].type, "start");
        assert_non_null(
            strstr(v.lines[0].text, "\"policy\":\"d1\",\"version\":\"0.1.0\",\"host\":\"test\"}"));
        assert_string_equal(v.lines[201].type, "stop");
        for (size_t i = 0; i < 200; i++) {
            snprintf(id, sizeof id, "%032zu", i / 2);
            assert_string_equal(v.lines[i + 1].type, i % 2 ? "outcome" : "intent");
            assert_string_equal(v.lines[i + 1].id, id);
        }
        view_free(&v);
        world_drop(&w);
    }
}

static void test_group_commit(void **state)
{
    struct world w;
    uint64_t last = 0;

    (void)state;
    world_init(&w, true);
    must_open(&w);
    fault_clear();
    for (int i = 0; i < 500; i++)
        last = put_intent(&w, "a");
    assert_true(wait_durable(&w, last));
    assert_true(call_count(CALL_FDATASYNC) >= 1 && call_count(CALL_FDATASYNC) <= 2);
    assert_true(call_count(CALL_WRITE) <= 2);
    world_drop(&w);
}

static void test_written_needs_no_sync(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, false);
    must_open(&w);
    fault_clear();
    assert_true(wait_durable(&w, put_intent(&w, "a")));
    assert_int_equal(call_count(CALL_FDATASYNC), 0);
    assert_int_equal(call_count(CALL_WRITE), 1);
    world_drop(&w);
}

static void test_rotation(void **state)
{
    struct world w;
    uint64_t last = 0;

    (void)state;
    for (int synced = 0; synced < 2; synced++) {
        world_init(&w, synced);
        w.cfg.ledger.max_segment_bytes = 2000;
        must_open(&w);
        for (int i = 0; i < 60; i++) {
            last = put_intent(&w, "a");
            assert_true(wait_durable(&w, last));
        }
        auditor_rotate(w.auditor);
        assert_true(wait_durable(&w, put_deny(&w)));
        assert_true(auditor_close(&w.auditor, 1000));
        struct log_view v = view_log(w.dir);
        assert_true(v.files >= 8);
        assert_int_equal(view_count(&v, "rotate", NULL, NULL), v.files - 1);
        assert_int_equal(view_count(&v, "intent", NULL, NULL), 60);
        assert_int_equal(w.lost, 0);
        for (size_t i = 0; i < v.count;
             i++) { /* the record names the file that it ends, and the file has that name */
            char file[100], path[300];
            struct stat st;
            if (strcmp(v.lines[i].type, "rotate") != 0)
                continue;
            field(v.lines[i].text, "file", file, sizeof file);
            snprintf(path, sizeof path, "%s/%s", w.dir, file);
            assert_int_equal(stat(path, &st), 0);
            assert_int_equal(st.st_mode & 07777, 0400);
        }
        view_free(&v);
        world_drop(&w);
    }
}

static void test_restart(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, true);
    must_open(&w);
    assert_true(wait_durable(&w, put_intent(&w, "a")));
    assert_true(wait_durable(&w, put_outcome(&w, "a")));
    assert_true(auditor_close(&w.auditor, 1000));
    must_open(&w);
    assert_true(wait_durable(&w, put_deny(&w)));
    assert_true(auditor_close(&w.auditor, 1000));
    struct log_view v = view_log(w.dir);
    assert_int_equal(v.count, 7);
    assert_int_equal(view_count(&v, "start", NULL, NULL), 2);
    assert_int_equal(view_count(&v, "recover", NULL, NULL), 0);
    assert_string_equal(v.lines[0].run, v.lines[3].run);
    assert_string_not_equal(v.lines[3].run, v.lines[4].run);
    view_free(&v);
    world_drop(&w);
}

/* What a kill leaves: the files as they are, without a stop record. */
static void crash(struct world *w, struct world *to)
{
    struct part parts[100];
    size_t n = list_parts(w->dir, parts, 100);

    world_init(to, w->cfg.ledger.synced);
    for (size_t i = 0; i < n; i++) {
        char path[500];
        struct slice text = read_file(parts[i].path);
        snprintf(path, sizeof path, "%s/%s", to->dir, strrchr(parts[i].path, '/') + 1);
        write_file(path, text);
        free_file(&text);
    }
}

static void test_open_intents(void **state)
{
    struct world w, after;

    (void)state;
    world_init(&w, true);
    must_open(&w);
    put_intent(&w, "open-in-a-full-segment");
    put_intent(&w, "done-later");
    assert_true(wait_durable(&w, put_intent(&w, "done")));
    auditor_rotate(w.auditor);
    put_outcome(&w, "done-later");
    put_outcome(&w, "done");
    put_intent(&w, "open");
    put_intent(&w, "twice");
    assert_true(wait_durable(&w, put_intent(&w, "twice")));
    for (int round = 0; round < 2; round++) { /* a crash right after the second start settles nothing twice */
        crash(&w, &after);
        world_drop(&w);
        w = after;
        w.cfg.ledger.path = w.path;
        must_open(&w);
    }
    assert_true(auditor_close(&w.auditor, 1000));
    struct log_view v = view_log(w.dir);
    assert_int_equal(view_count(&v, "outcome", "open-in-a-full-segment", "unknown_after_crash"), 1);
    assert_int_equal(view_count(&v, "outcome", "open", "unknown_after_crash"), 1);
    assert_int_equal(view_count(&v, "outcome", "twice", "unknown_after_crash"), 2);
    assert_int_equal(view_count(&v, "outcome", "done", NULL), 1);
    assert_int_equal(view_count(&v, "outcome", "done-later", NULL), 1);
    assert_int_equal(view_count(&v, "outcome", NULL, NULL), 6);
    assert_int_equal(view_count(&v, "start", NULL, NULL), 3);
    view_free(&v);
    world_drop(&w);
}

/* None is forgotten in silence: no start then. */
static void test_too_many_open_intents(void **state)
{
    struct world w, after;
    struct err e = { 0 };

    (void)state;
    world_init(&w, true);
    must_open(&w);
    put_intent(&w, "a");
    put_intent(&w, "b");
    assert_true(wait_durable(&w, put_intent(&w, "c")));
    crash(&w, &after);
    for (int room = 0; room < 3; room++) {
        maps_have_room_for = room;
        assert_false(world_open(&after, &e));
        assert_non_null(strstr(e.text, "too many requests without an outcome"));
        e = (struct err){ 0 };
    }
    maps_have_room_for = -1;
    must_open(&after);
    assert_int_equal(auditor_open_intents(after.auditor), 3);
    world_drop(&after);
    world_drop(&w);
}

/* A change, what may come of it, and its outcome, if any. */
static void put_change(struct world *w, const char *id, const char *op, int status, const char *error)
{
    struct audit_rec rec = { .type = AUDIT_INTENT,
                             .id = slice_of(id),
                             .op = slice_of(op),
                             .service = S("nlp_a"),
                             .new_service = slice_of(strcmp(op, "CloneService") == 0 ? "nlp_b" : NULL),
                             .has_peak = status != 503,
                             .peak = 3,
                             .has_peak_gpus = true,
                             .peak_gpus = 6 };
    struct audit_rec outcome = { .type = AUDIT_OUTCOME,
                                 .id = slice_of(id),
                                 .has_status = status > 0,
                                 .status = status,
                                 .error = slice_of(error) };

    assert_true(wait_durable(w, auditor_append(w->auditor, &rec)));
    if (status || error)
        assert_true(wait_durable(w, auditor_append(w->auditor, &outcome)));
}

static const struct audit_open *find_doubt(const struct world *w, const char *id)
{
    size_t count = 0;
    const struct audit_open *doubts = auditor_doubts(w->auditor, &count);

    for (size_t i = 0; i < count; i++)
        if (strcmp(doubts[i].id, id) == 0)
            return &doubts[i];
    return NULL;
}

static void check_doubts(const struct world *w)
{
    static const char *const certain[] = { "done", "refused", "not-sent", "told", "read" };
    size_t count = 0;

    auditor_doubts(w->auditor, &count);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < sizeof certain / sizeof certain[0]; i++)
        assert_null(find_doubt(w, certain[i]));
    const struct audit_open *open = find_doubt(w, "open"), *lost = find_doubt(w, "lost"),
                            *answered = find_doubt(w, "5xx");
    assert_non_null(open);
    assert_string_equal(open->changed, "nlp_b"); /* a clone makes another service */
    assert_true(open->has_peak && open->peak == 3 && open->peak_gpus == 6);
    assert_non_null(lost);
    assert_string_equal(lost->changed, "nlp_a");
    assert_non_null(answered);
    assert_false(answered->has_peak);
    assert_non_null(find_doubt(w, "unheard-of"));
}

static void test_changes_in_doubt(void **state)
{
    struct world w, after;

    (void)state;
    world_init(&w, true);
    must_open(&w);
    put_change(&w, "done", "CreateAppService", 200, NULL);
    put_change(&w, "refused", "CreateAppService", 404, NULL);
    put_change(&w, "not-sent", "CreateAppService", 0, "not_sent");
    put_change(&w, "told", "CreateAppService", 0, "sent_no_answer");
    struct audit_rec told = { .type = AUDIT_RESOLVED, .id = S("told"), .note = S("gone") };
    assert_true(wait_durable(&w, auditor_append(w.auditor, &told)));
    put_change(&w, "read", "DescribeService", 0, "sent_no_answer");
    put_change(&w, "lost", "UpdateAppService", 0, "cut_answer");
    put_change(&w, "5xx", "ScaleService", 503, NULL);
    put_change(&w, "unheard-of", "GrowEverything", 0, NULL);
    put_change(&w, "open", "CloneService", 0, NULL);
    auditor_rotate(w.auditor); /* into a segment before the one that the next runs begin with */
    assert_true(wait_durable(&w, put_deny(&w)));
    for (int round = 0; round < 3;
         round++) { /* they stay in doubt until somebody looked, whatever else is written */
        crash(&w, &after);
        world_drop(&w);
        w = after;
        w.cfg.ledger.path = w.path;
        must_open(&w);
        check_doubts(&w);
        assert_int_equal(auditor_open_intents(w.auditor), round == 0 ? 2 : 0);
        assert_true(wait_durable(&w, put_deny(&w)));
    }
    world_drop(&w);
}

/* ---- torn tails ---- */

static struct slice small_log(void)
{
    struct world w;

    world_init(&w, false);
    must_open(&w);
    for (int i = 0; i < 3; i++) {
        char id[8];
        snprintf(id, sizeof id, "i%d", i);
        assert_true(wait_durable(&w, put_intent(&w, id)));
    }
    assert_true(wait_durable(&w, put_deny(&w)));
    struct slice text = read_file(w.path);
    world_drop(&w);
    return text;
}

static size_t line_start(struct slice text, size_t from_end)
{
    size_t i = text.n - 1;

    for (size_t n = 0; i > 0; i--)
        if (text.p[i - 1] == '\n' && ++n == from_end)
            break;
    return i;
}

static void check_torn(struct slice kept, struct slice torn)
{
    struct world w;
    char torn_path[400];
    struct err e = { 0 };
    size_t open = 0;

    world_init(&w, false);
    SCOPED(sbuf) all = SBUF_MAX(1 << 20);
    sbuf_add(&all, kept);
    sbuf_add(&all, torn);
    write_file(w.path, sbuf_slice(&all));
    struct ledger *l = ledger_open(&w.cfg.ledger, &e);
    if (!l)
        print_error("%zu + %zu: %s\n", kept.n, torn.n, e.text);
    assert_non_null(l);
    ledger_free(&l);
    struct log_view v = view_log(w.dir);
    for (size_t i = 0; i < v.count; i++)
        open += strcmp(v.lines[i].type, "intent") == 0;
    assert_int_equal(view_count(&v, "outcome", NULL, "unknown_after_crash"), open);
    assert_int_equal(view_count(&v, "recover", NULL, NULL), torn.n ? 1 : 0);
    if (torn.n) {
        find_file(w.dir, ".torn-", torn_path);
        struct slice aside = read_file(torn_path);
        assert_true(slice_eq(aside, torn));
        free_file(&aside);
        const char *name = strrchr(torn_path, '/') + 1;
        for (size_t i = 0; i < v.count; i++)
            assert_true(strcmp(v.lines[i].type, "recover") != 0 || strstr(v.lines[i].text, name));
    }
    view_free(&v);
    world_drop(&w);
}

static void test_torn_at_every_byte(void **state)
{
    struct slice text = small_log();
    size_t cuts = 0;

    (void)state;
    for (size_t cut = line_start(text, 3); cut <= text.n; cut++) {
        size_t kept = cut;
        while (kept > 0 && text.p[kept - 1] != '\n')
            kept--;
        check_torn(slice_from(text.p, kept), slice_from(text.p + kept, cut - kept));
        cuts++;
    }
    for (size_t cut = 1; cut < 40; cut += 13) /* nothing but a torn first line */
        check_torn(slice_from(text.p, 0), slice_from(text.p, cut));
    check_torn(text, slice_from("\0\0\0\0\0\0\0\0", 8)); /* blocks that never reached the disk */
    check_torn(text, S("\0\0\n\0garbage\nmore\n"));
    static const char zeros[20000];
    check_torn(slice_from(text.p, 0), slice_from(zeros, 700)); /* of a whole file, or all but its beginning */
    check_torn(slice_from(text.p, 0), slice_from(zeros, sizeof zeros));
    check_torn(slice_from(text.p, 0), S("{\"v\":\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    print_message("auditor: %zu cuts, no hand work\n", cuts);
    free_file(&text);
}

static bool opens(struct slice bytes, bool accept, struct err *e, struct log_view *out)
{
    struct world w;

    world_init(&w, false);
    write_file(w.path, bytes);
    w.cfg.ledger.accept_broken_chain = accept;
    struct ledger *l = ledger_open(&w.cfg.ledger, e);
    bool ok = l != NULL;
    ledger_free(&l);
    if (ok && out)
        *out = view_log(w.dir);
    struct slice now = ok ? SLICE_NONE : read_file(w.path);
    if (!ok) { /* refused, and not touched */
        assert_true(slice_eq(now, bytes));
        free_file(&now);
    }
    world_drop(&w);
    return ok;
}

/* A changed byte anywhere but in the last line (or its beginning, which cannot be told from a torn tail): no start, and the
 * reason names file and line. */
static void test_changed_log_is_refused(void **state)
{
    struct slice text = small_log();
    char *copy = malloc(text.n);
    size_t last = line_start(text, 1);

    (void)state;
    assert_non_null(copy);
    for (size_t i = 0; i + 1 < last; i++) {
        struct err e = { 0 };
        size_t line = 1;
        char place[40], next_place[40];
        memcpy(copy, text.p, text.n);
        copy[i] = (char)(copy[i] ^ 1);
        for (size_t k = 0; k < i; k++)
            line += text.p[k] == '\n';
        assert_false(opens(slice_from(copy, text.n), false, &e, NULL));
        snprintf(place, sizeof place, "audit.jsonl:%zu:", line);
        snprintf(next_place, sizeof next_place, "audit.jsonl:%zu:", line + 1);
        assert_true(strstr(e.text, place) || strstr(e.text, next_place));
    }
    free(copy);
    free_file(&text);
}

/* The newest full segment without a first record, and nothing behind it: not for us to go on behind an older one. */
static void test_changed_full_segment_is_refused(void **state)
{
    struct world w;
    struct err e = { 0 };
    char full[400];

    (void)state;
    for (int is_empty = 0; is_empty < 2; is_empty++) {
        world_init(&w, false);
        must_open(&w);
        assert_true(wait_durable(&w, put_deny(&w)));
        auditor_rotate(w.auditor);
        assert_true(wait_durable(&w, put_deny(&w)));
        assert_true(auditor_close(&w.auditor, 1000));
        find_file(w.dir, "audit-1-", full);
        assert_int_equal(unlink(w.path), 0);
        struct slice text = read_file(full);
        char *copy = malloc(text.n);
        assert_non_null(copy);
        memcpy(copy, text.p, text.n);
        copy[0] = '[';
        write_file(full, is_empty ? S("") : slice_from(copy, text.n));
        e = (struct err){ 0 };
        assert_null(ledger_open(&w.cfg.ledger, &e));
        assert_non_null(strstr(e.text, is_empty ? ": is empty" : ".jsonl:1: "));
        free(copy);
        free_file(&text);
        world_drop(&w);
    }
}

static void test_accept_broken_chain(void **state)
{
    struct slice text = small_log();
    char *copy = malloc(text.n);
    struct log_view v;

    (void)state;
    assert_non_null(copy);
    memcpy(copy, text.p, text.n);
    copy[line_start(text, 2) + 2] ^= 1; /* the key of its first field */
    assert_false(opens(slice_from(copy, text.n), false, NULL, NULL));
    assert_true(opens(slice_from(copy, text.n), true, NULL, &v));
    assert_int_equal(view_count(&v, "recover", NULL, NULL), 1);
    assert_non_null(strstr(v.lines[4].text, "accepted by the operator"));
    view_free(&v);
    free(copy);
    free_file(&text);
}

static void test_not_a_log(void **state)
{
    struct err e = { 0 };

    (void)state;
    assert_false(opens(S("root:x:0:0:root:/root:/bin/bash\n"), false, &e, NULL));
    assert_false(opens(S("x"), false, NULL, NULL));
    assert_false(opens(S("\n"), false, NULL, NULL));
    assert_false(opens(S("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0data"), false, NULL, NULL));
    assert_false(opens(S("{\"v\":\0\0\0\0\0\0\0\0\0\0\0\0data"), false, NULL, NULL));
}

static void test_bad_paths(void **state)
{
    struct world w;
    struct err e = { 0 };
    char other[200];

    (void)state;
    world_init(&w, true);
    snprintf(other, sizeof other, "%s/other", w.dir);
    write_file(other, S(""));
    assert_int_equal(symlink(other, w.path), 0);
    assert_false(world_open(&w, &e));
    assert_int_equal(unlink(w.path), 0);
    write_file(w.path, S(""));
    assert_int_equal(chmod(w.path, 0620), 0);
    e = (struct err){ 0 };
    assert_false(world_open(&w, &e));
    assert_non_null(strstr(e.text, "0600"));
    assert_int_equal(unlink(w.path), 0);
    assert_int_equal(mkdir(w.path, 0700), 0);
    assert_false(world_open(&w, NULL));
    assert_int_equal(rmdir(w.path), 0);
    w.cfg.ledger.path = "/nonexistent/easgate/audit.jsonl";
    assert_false(world_open(&w, NULL));
    world_drop(&w);
}

static void test_second_instance(void **state)
{
    struct world w, second;
    struct err e = { 0 };
    char link_path[200], linked[300];

    (void)state;
    world_init(&w, true);
    world_init(&second, true);
    must_open(&w);
    second.cfg.ledger.path = w.path;
    for (int i = 0; i < 20; i++) {
        e = (struct err){ 0 };
        assert_false(world_open(&second, &e));
        assert_non_null(strstr(e.text, "another process"));
    }
    snprintf(link_path, sizeof link_path, "%s-link", w.dir);
    assert_int_equal(symlink(w.dir, link_path), 0);
    snprintf(linked, sizeof linked, "%s/audit.jsonl", link_path);
    second.cfg.ledger.path = linked;
    assert_false(world_open(&second, NULL));
    assert_int_equal(unlink(link_path), 0);
    assert_true(wait_durable(&w, put_intent(&w, "a"))); /* the first one has not noticed */
    assert_int_equal(w.lost, 0);
    world_drop(&second);
    world_drop(&w);
}

static void *hold_for_a_while(void *arg)
{
    const int *fd = arg;

    usleep(200000);
    flock(*fd, LOCK_UN);
    return NULL;
}

/* Who may read the log may lock it, as verify does for a moment; that keeps nothing from starting. */
static void test_reader_that_locks(void **state)
{
    struct world w;
    pthread_t thread;
    struct err e = { 0 };

    (void)state;
    world_init(&w, true);
    must_open(&w);
    assert_true(auditor_close(&w.auditor, 1000));
    int fd = open(w.path, O_RDONLY);
    assert_int_equal(flock(fd, LOCK_SH), 0);
    assert_int_equal(pthread_create(&thread, NULL, hold_for_a_while, &fd), 0);
    must_open(&w);
    pthread_join(thread, NULL);
    assert_true(auditor_close(&w.auditor, 1000));
    assert_int_equal(flock(fd, LOCK_SH), 0);
    assert_false(world_open(&w, &e));
    assert_non_null(strstr(e.text, "another process keeps it locked"));
    close(fd);
    world_drop(&w);
}

/* A crash between the steps of a rotation, and a log whose current segment is gone. */
static void test_half_rotation(void **state)
{
    struct world w;
    char full[400];
    struct log_view v;

    (void)state;
    world_init(&w, true);
    must_open(&w);
    auditor_rotate(w.auditor);
    assert_true(wait_durable(&w, put_intent(&w, "a")));
    assert_true(auditor_close(&w.auditor, 1000)); /* start intent rotate | stop */
    find_file(w.dir, "audit-1-3.jsonl", full);
    assert_int_equal(unlink(w.path), 0);
    assert_int_equal(rename(full, w.path), 0);
    must_open(&w);
    assert_true(auditor_close(&w.auditor, 1000));
    v = view_log(w.dir); /* start intent rotate | start outcome stop */
    assert_int_equal(v.files, 2);
    assert_int_equal(v.count, 6);
    assert_int_equal(view_count(&v, "outcome", "a", "unknown_after_crash"), 1);
    view_free(&v);
    assert_int_equal(unlink(w.path), 0);
    must_open(&w);
    assert_true(auditor_close(&w.auditor, 1000));
    v = view_log(w.dir);
    assert_int_equal(v.count, 6);
    assert_int_equal(view_count(&v, "outcome", "a", "unknown_after_crash"), 1);
    view_free(&v);
    world_drop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_group_commit),
        cmocka_unit_test(test_written_needs_no_sync),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_open_intents),
        cmocka_unit_test(test_too_many_open_intents),
        cmocka_unit_test(test_changes_in_doubt),
        cmocka_unit_test(test_torn_at_every_byte),
        cmocka_unit_test(test_changed_log_is_refused),
        cmocka_unit_test(test_changed_full_segment_is_refused),
        cmocka_unit_test(test_accept_broken_chain),
        cmocka_unit_test(test_not_a_log),
        cmocka_unit_test(test_bad_paths),
        cmocka_unit_test(test_second_instance),
        cmocka_unit_test(test_reader_that_locks),
        cmocka_unit_test(test_half_rotation),
    };

    quiet_log();
    return cmocka_run_group_tests_name("auditor", tests, NULL, NULL);
}
