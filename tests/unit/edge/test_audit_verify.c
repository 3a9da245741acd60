/*
 * Verifying whole logs: what the writer leaves after every kind of life is whole; each flipped byte, and each line or file that
 * is removed, doubled or moved, is found. The last record's hash is kept beside the log, as an auditor would.
 */
#include "audit_world.inc"
#include "edge/audit_verify.h"

static char notes[8192];

static void on_note(void *ctx, const char *text)
{
    size_t n = strlen(notes);

    (void)ctx;
    snprintf(notes + n, sizeof notes - n, "%s\n", text);
}

static bool verify(const struct world *w, struct audit_verdict *out, struct err *e)
{
    struct audit_parts parts = AUDIT_PARTS_NONE;
    struct audit_names names;
    struct audit_verdict verdict;
    struct err ignored = { 0 };

    notes[0] = '\0';
    assert_true(audit_names_init(&names, w->path, NULL));
    assert_true(audit_parts_add_log(&parts, &names, NULL));
    audit_parts_sort(&parts);
    const struct audit_verify what = { .parts = &parts, .from_beginning = true, .note = on_note };
    bool ok = audit_verify(&what, out ? out : &verdict, e ? e : &ignored);
    audit_parts_drop(&parts);
    return ok;
}

static void must_be_whole(const struct world *w, struct audit_verdict *out)
{
    struct err e = { 0 };

    if (!verify(w, out, &e)) {
        print_error("%s\n", e.text);
        fail();
    }
}

/* A log of several segments, written in two runs. */
static void make_log(struct world *w)
{
    world_init(w, false);
    w->cfg.ledger.max_segment_bytes = 1200;
    for (int run = 0; run < 2; run++) {
        must_open(w);
        for (int i = 0; i < 6; i++) {
            char id[20];
            snprintf(id, sizeof id, "r%di%d", run, i);
            put_intent(w, id);
            assert_true(wait_durable(w, put_outcome(w, id)));
        }
        assert_true(auditor_close(&w->auditor, 1000));
    }
}

static void test_whole(void **state)
{
    struct world w;
    struct audit_verdict v;

    (void)state;
    make_log(&w);
    must_be_whole(&w, &v);
    struct log_view seen = view_log(w.dir);
    assert_int_equal(v.records, seen.count);
    assert_int_equal(v.first_seq, 1);
    assert_int_equal(v.last_seq, seen.count);
    assert_true(v.files >= 5);
    assert_string_equal(notes, "");
    view_free(&seen);
    world_drop(&w);
}

static bool found(const struct world *w, const char *last_hash, const char *path, size_t line)
{
    struct audit_verdict v;
    struct err e = { 0 };
    char here[600], next[600];

    if (verify(w, &v, &e))
        return strcmp(v.last_hash, last_hash) != 0; /* only the checkpoint shows it */
    snprintf(here, sizeof here, "%.450s:%zu:", path, line);
    snprintf(next, sizeof next, "%.450s:%zu:", path, line + 1);
    /* The line itself, the next one, or, at a file's end, what follows or the name that does not fit. */
    return strstr(e.text, here) || strstr(e.text, next) || strstr(e.text, ":1:") || strstr(e.text, "name");
}

static void test_every_byte(void **state)
{
    static struct part parts[100];
    struct world w;
    struct audit_verdict v;
    size_t flips = 0;

    (void)state;
    make_log(&w);
    must_be_whole(&w, &v);
    size_t files = list_parts(w.dir, parts, 100);
    for (size_t f = 0; f < files; f++) {
        struct slice text = read_file(parts[f].path);
        char *copy = malloc(text.n);
        size_t line = 1;
        assert_non_null(copy);
        for (size_t i = 0; i < text.n; i++) {
            memcpy(copy, text.p, text.n);
            copy[i] = (char)(copy[i] ^ (1 << flips % 8));
            write_file(parts[f].path, slice_from(copy, text.n));
            if (!found(&w, v.last_hash, parts[f].path, line)) {
                print_error("%s byte %zu\n", parts[f].path, i);
                fail();
            }
            line += text.p[i] == '\n';
            flips++;
        }
        write_file(parts[f].path, text);
        free(copy);
        free_file(&text);
    }
    must_be_whole(&w, NULL);
    print_message("audit_verify: %zu flipped bytes in %zu files, all found\n", flips, files);
    world_drop(&w);
}

static void rewrite(const char *path, struct slice text, size_t without, size_t twice, size_t swap)
{
    struct slice rest = text, line, held = SLICE_NONE;
    SCOPED(sbuf) out = SBUF_MAX(1 << 20);

    for (size_t n = 0; slice_split(&rest, '\n', &line) && rest.p; n++) {
        if (n == swap) {
            held = line;
            continue;
        }
        if (n != without)
            sbuf_addf(&out, "%.*s\n", SLICE_FMT(line));
        if (n == twice)
            sbuf_addf(&out, "%.*s\n", SLICE_FMT(line));
        if (held.p && n == swap + 1)
            sbuf_addf(&out, "%.*s\n", SLICE_FMT(held));
    }
    write_file(path, sbuf_slice(&out));
}

static void test_every_line(void **state)
{
    static struct part parts[100];
    struct world w;
    struct audit_verdict v, now;
    const size_t none = 1000000;
    size_t changes = 0;

    (void)state;
    make_log(&w);
    must_be_whole(&w, &v);
    size_t files = list_parts(w.dir, parts, 100);
    for (size_t f = 0; f < files; f++) {
        struct slice text = read_file(parts[f].path);
        size_t lines = 0;
        for (size_t i = 0; i < text.n; i++)
            lines += text.p[i] == '\n';
        for (size_t n = 0; n < lines; n++) {
            bool is_first = f == 0 && n == 0, is_last = f + 1 == files && n + 1 == lines;
            rewrite(parts[f].path, text, n, none, none);
            bool whole = verify(&w, &now, NULL);
            if (is_first || is_last) /* a cut end shows in the numbers only */
                assert_true(!whole || strcmp(now.last_hash, v.last_hash) != 0 || now.first_seq != 1);
            else
                assert_false(whole);
            rewrite(parts[f].path, text, none, n, none);
            assert_false(verify(&w, NULL, NULL));
            if (n + 1 < lines) {
                rewrite(parts[f].path, text, none, none, n);
                assert_false(verify(&w, NULL, NULL));
            }
            changes += 3;
        }
        write_file(parts[f].path, text);
        /* The whole file away: a hole, unless it is the first or the last. */
        char away[500];
        snprintf(away, sizeof away, "%.450s.away", parts[f].path);
        assert_int_equal(rename(parts[f].path, away), 0);
        bool whole = verify(&w, &now, NULL);
        if (f == 0 || f + 1 == files)
            assert_true(!whole || now.first_seq != 1 || strcmp(now.last_hash, v.last_hash) != 0);
        else
            assert_false(whole);
        assert_int_equal(rename(away, parts[f].path), 0);
        free_file(&text);
    }
    must_be_whole(&w, NULL);
    print_message("audit_verify: %zu removed, doubled and swapped lines, all found\n", changes);
    world_drop(&w);
}

/* Two segments under each other's names; a segment of another log. */
static void test_mixed_files(void **state)
{
    static struct part parts[100];
    struct world w, other;
    char away[500];

    (void)state;
    make_log(&w);
    list_parts(w.dir, parts, 100);
    snprintf(away, sizeof away, "%.450s.away", parts[0].path);
    assert_int_equal(rename(parts[0].path, away), 0);
    assert_int_equal(rename(parts[1].path, parts[0].path), 0);
    assert_int_equal(rename(away, parts[1].path), 0);
    assert_false(verify(&w, NULL, NULL));
    world_drop(&w);
    make_log(&w);
    make_log(&other);
    list_parts(w.dir, parts, 100);
    struct part *mine = parts;
    static struct part theirs[100];
    list_parts(other.dir, theirs, 100);
    struct slice text = read_file(theirs[2].path);
    write_file(mine[2].path, text);
    free_file(&text);
    assert_false(verify(&w, NULL, NULL));
    world_drop(&w);
    world_drop(&other);
}

/* What failing disks and crashes leave behind is whole, and explained. */
static void test_explained(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, true);
    must_open(&w);
    assert_true(wait_durable(&w, put_intent(&w, "a")));
    fault_set(CALL_FDATASYNC, 1, 1, EIO);
    put_intent(&w, "b");
    uint64_t kept = put_outcome(&w, "a");
    assert_true(wait_lost(&w, 1));
    fault_clear();
    assert_true(wait_durable(&w, kept));
    assert_true(auditor_close(&w.auditor, 1000));
    must_be_whole(&w, NULL);
    assert_non_null(strstr(notes, "do not count"));
    assert_non_null(strstr(notes, "goes on behind record 2, set aside in audit-broken-"));

    int fd = open(w.path, O_WRONLY | O_APPEND);
    assert_int_equal(__real_write(fd, "{\"v\":1,\"se", 10), 10);
    close(fd);
    assert_false(verify(&w, NULL, NULL)); /* not before the next start has set it aside */
    must_open(&w);
    assert_true(auditor_close(&w.auditor, 1000));
    must_be_whole(&w, NULL);
    assert_non_null(strstr(notes, "set aside in audit.jsonl.torn-"));
    world_drop(&w);
}

/* A broken segment that lost records that were durable is a finding; so is one that nothing explains. */
static void test_unexplained(void **state)
{
    struct world w;
    struct err e = { 0 };
    char broken[400];

    (void)state;
    world_init(&w, true);
    must_open(&w);
    put_intent(&w, "a");
    assert_true(wait_durable(&w, put_outcome(&w, "a")));
    assert_int_equal(truncate(w.path, 300), 0);
    uint64_t kept = put_deny(&w);
    assert_true(wait_durable(&w, kept));
    assert_true(auditor_close(&w.auditor, 1000));
    assert_false(verify(&w, NULL, &e));
    assert_non_null(strstr(e.text, "records 2 to 3 are missing"));
    world_drop(&w);

    world_init(&w, false);
    must_open(&w);
    assert_true(wait_durable(&w, put_intent(&w, "a")));
    auditor_rotate(w.auditor);
    assert_true(wait_durable(&w, put_outcome(&w, "a")));
    assert_true(wait_durable(&w, put_deny(&w)));
    assert_true(auditor_close(&w.auditor, 1000));
    char full[400];
    find_file(w.dir, "audit-1-4.jsonl", full);
    snprintf(broken, sizeof broken, "%s/audit-broken-20260101T000000.000Z.jsonl", w.dir);
    assert_int_equal(rename(full, broken), 0);
    e = (struct err){ 0 };
    assert_false(verify(&w, NULL, &e));
    assert_non_null(strstr(e.text, "no recover record"));
    world_drop(&w);
}

/* While the gateway writes, a half-written last line is no finding. */
static void test_live(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, false);
    must_open(&w);
    int fd = open(w.path, O_WRONLY | O_APPEND);
    assert_int_equal(__real_write(fd, "{\"v\":1,\"se", 10), 10);
    close(fd);
    must_be_whole(&w, NULL);
    assert_non_null(strstr(notes, "being written"));
    assert_int_equal(truncate(w.path, 0), 0);
    world_drop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),      cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_every_line), cmocka_unit_test(test_mixed_files),
        cmocka_unit_test(test_explained),  cmocka_unit_test(test_unexplained),
        cmocka_unit_test(test_live),
    };

    quiet_log();
    return cmocka_run_group_tests_name("audit_verify", tests, NULL, NULL);
}
