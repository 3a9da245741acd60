/*
 * Lines of a log of 1,000 records removed, doubled, swapped with the next, put in again elsewhere; segments removed and exchanged; the
 * logs of two runs joined; the end cut off behind every record; everything written anew from every record on, with and without the key.
 * What the chain alone cannot show (the end cut off; a log without a key written anew; one with a key, by whoever has the key) is
 * shown by a checkpoint, and only by it. EG_EVERY=N takes every Nth record only.
 */
#include "audit_made.h"

#define RECORDS 1000

struct lines {
    struct made made;
    size_t count;
    struct slice *list; /* with their '\n'; line i is record i + 1 */
    char *text;
};

static void make(struct lines *l, bool is_keyed, unsigned char key_byte, int64_t ms)
{
    made_begin(&l->made, is_keyed, key_byte);
    made_add_many(&l->made, RECORDS, ms);
    l->count = l->made.count;
    l->list = calloc(l->count, sizeof *l->list);
    l->text = malloc(l->made.text.n);
    assert_true(l->list && l->text);
    memcpy(l->text, l->made.text.p, l->made.text.n);
    struct slice rest = slice_from(l->text, l->made.text.n), line;
    for (size_t i = 0; i < l->count; i++) {
        assert_true(slice_split(&rest, '\n', &line));
        l->list[i] = slice_from(line.p, line.n + 1);
    }
}

static void drop(struct lines *l)
{
    free(l->list);
    free(l->text);
    made_drop(&l->made);
}

static size_t every(void)
{
    size_t n = 0;

    for (const char *p = getenv("EG_EVERY"); p && ascii_is_digit(*p); p++)
        n = n * 10 + (size_t)(*p - '0');
    return n ? n : 37;
}

/* ---- what is written, and what is then found ---- */

static struct sbuf file = { .max = (size_t)64 << 20 };
static struct audit_verdict v;
static struct err e;
static size_t changes;

static void put(const struct lines *l, size_t from, size_t to)
{
    if (from < to) /* they stand one behind the other */
        sbuf_add(&file, slice_from(l->list[from].p,
                                   (size_t)(l->list[to - 1].p + l->list[to - 1].n - l->list[from].p)));
}

static bool verify(const struct lines *l, const struct audit_mark *mark)
{
    struct audit_mark list[1];
    struct audit_marks marks = { .count = 1, .list = list };

    if (mark)
        list[0] = *mark;
    made_file(l->made.dir, "audit.jsonl", sbuf_slice(&file));
    bool ok = made_verify(l->made.dir, l->made.chain.key ? &l->made.first : NULL, mark ? &marks : NULL, NULL,
                          &v, &e);
    sbuf_clear(&file);
    changes++;
    return ok;
}

/* Broken, at this line of the file (from 0). */
static void broken_at(const struct lines *l, size_t line, const char *what)
{
    char place[300];

    snprintf(place, sizeof place, "%s/audit.jsonl:%zu: ", l->made.dir, line + 1);
    if (verify(l, NULL) || strncmp(e.text, place, strlen(place)) != 0)
        fail_msg("%s, expected at line %zu: %s", what, line + 1, e.code ? e.text : "found whole");
}

/* Whole, though it should not be: what nobody can see without a checkpoint. */
static void holds(const struct lines *l, const char *what)
{
    if (!verify(l, NULL))
        fail_msg("%s: %s", what, e.text);
}

/* ---- lines ---- */

static void move_lines(const struct lines *l)
{
    for (size_t i = 0; i + 1 < l->count; i += every()) {
        put(l, 0, i); /* removed; the last one is a cut end */
        put(l, i + 1, l->count);
        broken_at(l, i, "a removed line");
        put(l, 0, i + 1); /* doubled */
        put(l, i, l->count);
        broken_at(l, i + 1, "a doubled line");
        put(l, 0, i); /* swapped with the next */
        put(l, i + 1, i + 2);
        put(l, i, i + 1);
        put(l, i + 2, l->count);
        broken_at(l, i ? i : 1,
                  "swapped lines"); /* record 2 first: as if the log began there, until 1 comes */
        put(l, 0, l->count);        /* once more at the end */
        put(l, i, i + 1);
        broken_at(l, l->count, "a line once more at the end");
        if (i + 2 == l->count)
            continue; /* the last line is where it belongs */
        put(l, 0, i + 1);
        put(l, l->count - 1, l->count);
        put(l, i + 1, l->count);
        broken_at(l, i + 1, "the last line put in before");
    }
}

/* Two logs that both verify, of two runs, or of two gateways with the same key, joined at every record. */
static void join(const struct lines *a, const struct lines *b)
{
    for (size_t i = 1; i < a->count; i += every()) {
        put(a, 0, i);
        put(b, i, b->count);
        broken_at(a, i, "two logs joined");
        put(a, 0, a->count);
        put(b, 0, i);
        broken_at(a, a->count, "a second log behind the first");
    }
}

static void test_lines(void **state)
{
    struct lines l, other;

    (void)state;
    for (int is_keyed = 0; is_keyed < 2; is_keyed++) {
        make(&l, is_keyed, 3, 20000);
        make(&other, is_keyed, 3, 19999);
        put(&l, 0, l.count);
        assert_true(verify(&l, NULL));
        move_lines(&l);
        join(&l, &other);
        drop(&l);
        drop(&other);
    }
}

/* ---- the end cut off ---- */

static void test_cut(void **state)
{
    struct lines l;
    size_t found = 0, cuts = 0;

    (void)state;
    for (int is_keyed = 0; is_keyed < 2; is_keyed++) {
        make(&l, is_keyed, 3, 20000);
        struct audit_mark last = made_mark(&l.made, l.count);
        for (size_t i = 1; i < l.count; i += every()) {
            put(&l, 0, i);
            assert_true(verify(&l, NULL)); /* the chain alone cannot show it */
            assert_int_equal(v.short_of, 0);
            put(&l, 0, i);
            assert_true(verify(&l, &last));
            found += v.short_of == l.count && v.last_seq == i;
            cuts++;
            put(&l, 0, i); /* within a line: that shows */
            sbuf_add(&file, slice_from(l.list[i].p, l.list[i].n - 1 - i % (l.list[i].n - 1)));
            assert_false(verify(&l, NULL));
        }
        drop(&l);
    }
    assert_int_equal(found, cuts);
    print_message("audit_moves: %zu cut ends, %zu shown by the checkpoint\n", cuts, found);
}

/* ---- written anew ---- */

/* What an opening says, but with the end of the epoch before made anew, if that key can be had; else what was said stays. */
static void forge_end(const struct audit_chain *chain, const struct audit_line *line,
                      const struct audit_key *key, struct sbuf *body)
{
    struct audit_key before = { 0 };
    struct audit_end end;
    char seal[2 * AUDIT_MAC_BYTES + 1];

    if (!line->end_seal.n || !key || line->epoch <= key->epoch)
        return;
    assert_true(audit_key_copy(&before, key, NULL) && audit_key_forward(&before, line->epoch - 1, NULL));
    assert_true(audit_end_make(&end, &before, chain->seq, chain->hash));
    enc_hex(end.seal, sizeof end.seal, seal);
    memcpy(body->p + body->n - 2 - 64, seal, 64); /* the last field, with its quote and brace */
    audit_key_drop(&before);
}

/* Records from i on, chained again behind the first `kept` ones: with this key (NULL = none), as one who took it could. Where the
 * epochs before it are reached, that key is used for them. Where nothing is left out, record i is changed. */
static void forge_behind(const struct lines *l, size_t kept, size_t i, const struct audit_key *key)
{
    struct audit_chain chain = { .seq = kept, .run = "0123456789abcdef", .begins_anywhere = true };
    struct audit_key own = { 0 };
    struct audit_line line;
    SCOPED(sbuf) body = SBUF_MAX(AUDIT_BODY_MAX_BYTES);

    put(l, 0, kept);
    if (kept)
        memcpy(chain.hash, l->made.hashes[kept - 1], sizeof chain.hash);
    for (size_t n = i; n < l->count; n++) {
        assert_true(audit_line_parse(slice_from(l->list[n].p, l->list[n].n - 1), &line, NULL));
        sbuf_clear(&body);
        sbuf_add(&body, line.version > 1 ? line.rest : slice_from(line.rest.p, line.rest.n - 1));
        if (n == i && kept == i && line.kind != AUDIT_CHECKPOINT)
            body.p[sizeof ",\"id\":\""] = 'f'; /* another id */
        sbuf_addc(&body, '}');
        forge_end(&chain, &line, key, &body);
        if (key) {
            audit_key_drop(
                &own); /* the key of the line's epoch, if it can be had; else the one there is, called that */
            assert_true(audit_key_copy(&own, key, NULL));
            if (line.epoch >= own.epoch)
                assert_true(audit_key_forward(&own, line.epoch, NULL));
            else
                own.epoch = line.epoch;
            chain.key = &own;
        }
        assert_true(audit_chain_add(&chain, line.kind, line.wall_ms, 1, sbuf_slice(&body), &file));
    }
    audit_key_drop(&own);
}

static void forge(const struct lines *l, size_t i, const struct audit_key *key)
{
    forge_behind(l, i, i, key);
}

/* One who takes the key of an epoch cuts records off the end of the one before, and goes on as if they never were. */
static void test_cut_short(void **state)
{
    struct lines l;
    struct audit_key taken;
    size_t begin = 0, cuts = 0;

    (void)state;
    make(&l, true, 3, 20000);
    for (size_t i = 1; i < l.count; i++) {
        struct audit_line line;
        assert_true(audit_line_parse(slice_from(l.list[i].p, l.list[i].n - 1), &line, NULL));
        if (!line.end_seal.n)
            continue;
        assert_true(audit_key_copy(&taken, &l.made.first, NULL) &&
                    audit_key_forward(&taken, line.epoch, NULL));
        for (size_t kept = begin + 1; kept <= i; kept++, cuts++) {
            forge_behind(&l, kept, i, &taken);
            if (kept == i) {
                holds(&l,
                      "an epoch written anew by who has its key"); /* nothing of the one before is missing */
                continue;
            }
            broken_at(&l, kept, "an epoch that is over cut short");
            assert_non_null(strstr(e.text, "did not end with it"));
        }
        audit_key_drop(&taken);
        begin = i;
    }
    assert_true(cuts > 20);
    drop(&l);
}

static void test_anew(void **state)
{
    struct lines l;
    struct audit_key other, taken;
    size_t forged = 0, by_key = 0, by_mark = 0;

    (void)state;
    for (int is_keyed = 0; is_keyed < 2; is_keyed++) {
        make(&l, is_keyed, 3, 20000);
        struct audit_mark last = made_mark(&l.made, l.count);
        made_key(&other, 99);
        for (size_t i = 0; i + 1 < l.count; i += every()) {
            struct audit_line line;
            assert_true(audit_line_parse(slice_from(l.list[i].p, l.list[i].n - 1), &line, NULL));
            if (line.kind == AUDIT_CHECKPOINT)
                continue; /* it has no body to change */
            forged++;
            forge(&l, i, is_keyed ? &other : NULL); /* by one who has no key */
            if (is_keyed)
                broken_at(&l, i, "written anew without the key");
            else
                holds(&l, "written anew without a key");
            by_key += is_keyed != 0;
            forge(&l, i,
                  is_keyed ? &l.made.first
                           : NULL); /* by one who has every key: only the checkpoint shows it */
            holds(&l, "written anew with the key");
            forge(&l, i, is_keyed ? &l.made.first : NULL);
            assert_false(verify(&l, &last));
            by_mark += strstr(e.text, "is not the one of the checkpoint") != NULL;
            if (!is_keyed)
                continue;
            assert_true(
                audit_key_copy(&taken, &l.made.first, NULL)); /* by one who took the key of the epoch after */
            assert_true(audit_key_forward(&taken, line.epoch + 1, NULL));
            forge(&l, i, &taken);
            broken_at(&l, i, "an epoch that is over written anew");
            audit_key_drop(&taken);
        }
        audit_key_drop(&other);
        drop(&l);
    }
    assert_int_equal(by_mark, forged);
    print_message("audit_moves: %zu times written anew, %zu of them with a wrong key and found by it, all "
                  "shown by the checkpoint\n",
                  forged, by_key);
}

/* ---- segments ---- */

static void rename_in(const char *dir, const char *from, const char *to)
{
    char a[300], b[300];

    snprintf(a, sizeof a, "%s/%s", dir, from);
    snprintf(b, sizeof b, "%s/%s", dir, to);
    assert_int_equal(rename(a, b), 0);
}

static bool segments_hold(const struct made *m, const struct audit_mark *mark)
{
    struct audit_mark list[1];
    struct audit_marks marks = { .count = 1, .list = list };

    if (mark)
        list[0] = *mark;
    changes++;
    return made_verify(m->dir, m->chain.key ? &m->first : NULL, mark ? &marks : NULL, NULL, &v, &e);
}

static void test_segments(void **state)
{
    struct made m;
    char names[10][100];

    (void)state;
    for (int is_keyed = 0; is_keyed < 2; is_keyed++) {
        made_begin(&m, is_keyed, 3);
        for (size_t i = 0; i < 10; i++) {
            made_add_many(&m, 99, 20000);
            snprintf(names[i], sizeof names[i], "audit-%llu-%llu.jsonl", (unsigned long long)m.first_seq,
                     (unsigned long long)m.chain.seq + 1);
            made_rotate(&m);
        }
        made_add_many(&m, 3, 20000);
        made_end(&m);
        struct audit_mark last = made_mark(&m, m.count);
        assert_true(segments_hold(&m, &last));
        for (size_t i = 0; i < 10; i++) {
            rename_in(m.dir, names[i], "away");
            assert_false(segments_hold(&m, NULL));
            assert_non_null(strstr(e.text, "missing"));
            for (size_t k = 0; k < 10; k++) /* another under its name */
                if (k != i) {
                    rename_in(m.dir, names[k], names[i]);
                    assert_false(segments_hold(&m, NULL));
                    rename_in(m.dir, names[i], names[k]);
                }
            rename_in(m.dir, "away", names[i]);
        }
        rename_in(m.dir, "audit.jsonl", "away"); /* the newest: a cut end */
        assert_true(segments_hold(&m, NULL));
        assert_true(segments_hold(&m, &last) && v.short_of == m.count);
        made_drop(&m);
    }
    print_message("FIGURE %zu removed, doubled, swapped, moved, cut, joined or forged records and segments, "
                  "all found: at their line, "
                  "or (ends cut off, logs written anew by whoever could) by the checkpoint\n",
                  changes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines), cmocka_unit_test(test_cut),      cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_anew),  cmocka_unit_test(test_segments),
    };
    int failed = cmocka_run_group_tests_name("audit_moves", tests, NULL, NULL);

    sbuf_drop(&file);
    return failed;
}
