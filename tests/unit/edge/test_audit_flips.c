/*
 * Every byte of a log of 1,000 records changed, one at a time, with and without a key: with a key and a checkpoint each change is
 * found at its very line; without a key at its line or the next, but for those in the last record, which only a checkpoint shows.
 * EG_EVERY=N takes every Nth byte only. Most verifications begin at the segment of the change (what is before it did not
 * change); some are whole.
 */
#include "audit_made.h"

#define RECORDS     1000
#define PER_SEGMENT 100
#define WHOLE_EVERY 97 /* so many of the verifications are whole */

struct piece {
    char name[100];
    struct slice text;
    uint64_t first_seq, last_seq;
};

struct run {
    struct made made;
    struct piece pieces[32];
    size_t piece_count;
    struct audit_mark last; /* the checkpoint of the last record */
    const struct audit_key *key;
    size_t flips, at_line, at_next, only_by_mark, verifications;
};

static void take_piece(struct run *r, const char *name)
{
    struct piece *p = &r->pieces[r->piece_count++];
    char *copy = malloc(r->made.text.n);

    assert_true(r->piece_count < sizeof r->pieces / sizeof *r->pieces);
    assert_non_null(copy);
    memcpy(copy, r->made.text.p, r->made.text.n);
    *p = (struct piece){ .text = slice_from(copy, r->made.text.n), .first_seq = r->made.first_seq };
    snprintf(p->name, sizeof p->name, "%s", name);
}

static void make(struct run *r, bool is_keyed)
{
    char name[100];

    *r = (struct run){ .flips = 0 };
    made_begin(&r->made, is_keyed, 3);
    while (r->made.count < RECORDS) {
        made_add_many(&r->made, 1, 20000); /* 30 records in an epoch */
        if (r->made.chain.seq - r->made.first_seq + 1 < PER_SEGMENT)
            continue;
        snprintf(name, sizeof name, "audit-%llu-%llu.jsonl", (unsigned long long)r->made.first_seq,
                 (unsigned long long)r->made.chain.seq + 1);
        const struct audit_rec closes = { .type = AUDIT_ROTATE, .file = slice_of(name) };
        made_add_raw(&r->made, &closes);
        take_piece(r, name);
        r->pieces[r->piece_count - 1].last_seq = r->made.chain.seq;
        made_file(r->made.dir, name, sbuf_slice(&r->made.text));
        sbuf_clear(&r->made.text);
        r->made.first_seq = 0;
    }
    made_add_many(&r->made, 3, 1000);
    take_piece(r, "audit.jsonl");
    r->pieces[r->piece_count - 1].last_seq = r->made.chain.seq;
    made_end(&r->made);
    r->last = made_mark(&r->made, r->made.count);
    r->key = is_keyed ? &r->made.first : NULL;
}

static void drop(struct run *r)
{
    for (size_t i = 0; i < r->piece_count; i++)
        free((void *)(uintptr_t)r->pieces[i].text.p);
    made_drop(&r->made);
}

/* ---- one change ---- */

static bool is_at(const struct err *e, const struct run *r, const struct piece *p, size_t line)
{
    char place[400];

    snprintf(place, sizeof place, "%s/%s:%zu: ", r->made.dir, p->name, line);
    return strncmp(e->text, place, strlen(place)) == 0;
}

static void judge(struct run *r, size_t piece, size_t line, const struct err *e, bool ok, bool has_mark)
{
    const struct piece *p = &r->pieces[piece];
    bool is_last = piece + 1 == r->piece_count && p->first_seq + line - 1 == p->last_seq;

    if (!ok && is_at(e, r, p, line)) {
        r->at_line += has_mark;
        return;
    }
    bool at_next =
        !ok && !r->key &&
        (is_at(e, r, p, line + 1) ||
         (piece + 1 < r->piece_count && p->first_seq + line - 1 == p->last_seq && is_at(e, r, p + 1, 1)));
    if (at_next) {
        r->at_next += has_mark;
        return;
    }
    if (ok && !has_mark && !r->key && is_last) {
        r->only_by_mark++;
        return;
    }
    fail_msg("%s:%zu changed: %s", p->name, line, ok ? "found whole" : e->text);
}

static void verify(struct run *r, size_t piece, size_t line, bool is_whole, bool has_mark)
{
    struct audit_marks marks = { .count = 1, .list = &r->last };
    struct audit_mark from;
    struct audit_verdict v;
    struct err e;
    bool begins_later = piece > 0 && !is_whole;

    if (begins_later)
        from = made_mark(&r->made, r->pieces[piece].first_seq - 1);
    bool ok = made_verify(r->made.dir, r->key, has_mark ? &marks : NULL, begins_later ? &from : NULL, &v, &e);
    r->verifications++;
    judge(r, piece, line, &e, ok, has_mark);
}

static void flip(struct run *r, size_t piece, size_t at, size_t line, int fd)
{
    const struct piece *p = &r->pieces[piece];
    char was = p->text.p[at], is = (char)((unsigned char)was ^ 1u << (at * 5 + line) % 8);

    assert_int_equal(pwrite(fd, &is, 1, (off_t)at), 1);
    verify(r, piece, line, r->flips % WHOLE_EVERY == 0, true);
    if (p->first_seq + line - 1 ==
        r->made.count) /* of the last record: what nothing but the checkpoint shows */
        verify(r, piece, line, false, false);
    assert_int_equal(pwrite(fd, &was, 1, (off_t)at), 1);
    r->flips++;
}

static void flip_all(struct run *r, size_t every)
{
    size_t count = 0;

    for (size_t piece = 0; piece < r->piece_count; piece++) {
        char path[300];
        size_t line = 1;
        snprintf(path, sizeof path, "%s/%s", r->made.dir, r->pieces[piece].name);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        for (size_t at = 0; at < r->pieces[piece].text.n; at++) {
            bool is_last_line = piece + 1 == r->piece_count &&
                                line == r->pieces[piece].last_seq - r->pieces[piece].first_seq + 1;
            if (count++ % every == 0 || is_last_line)
                flip(r, piece, at, line, fd);
            line += r->pieces[piece].text.p[at] == '\n';
        }
        close(fd);
    }
}

static size_t every(void)
{
    size_t n = 0;

    for (const char *p = getenv("EG_EVERY"); p && ascii_is_digit(*p); p++)
        n = n * 10 + (size_t)(*p - '0');
    return n ? n : 499;
}

static void test_flips(void **state)
{
    static struct run runs[2];
    struct audit_verdict v;
    struct err e;

    (void)state;
    for (int is_keyed = 0; is_keyed < 2; is_keyed++) {
        struct run *r = &runs[is_keyed];
        make(r, is_keyed);
        assert_true(made_verify(r->made.dir, r->key, NULL, NULL, &v, &e));
        assert_int_equal(v.records, r->made.count);
        flip_all(r, every());
        assert_true(made_verify(r->made.dir, r->key, NULL, NULL, &v, &e)); /* all is as it was */
        drop(r);
    }
    assert_int_equal(runs[1].at_line, runs[1].flips);
    assert_int_equal(runs[0].at_line + runs[0].at_next, runs[0].flips);
    print_message(
        "FIGURE with a key and a checkpoint %zu changed bytes of %zu records, %zu found at their line; "
        "without a key %zu, "
        "%zu found at their line and %zu at the next, %zu of the last record by the checkpoint alone\n",
        runs[1].flips, runs[1].made.count, runs[1].at_line, runs[0].flips, runs[0].at_line, runs[0].at_next,
        runs[0].only_by_mark);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_flips) };

    return cmocka_run_group_tests_name("audit_flips", tests, NULL, NULL);
}
