/*
 * A log held against a key, checkpoints, its own retention records: what fits is whole, what does not is found at its line, what
 * is too short is said to be.
 */
#include "audit_made.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <zstd.h>

static struct audit_verdict v;
static struct err e;

#define WHOLE(m, key, marks, from)  assert_true(made_verify((m)->dir, key, marks, from, &v, &e))
#define BROKEN(m, key, marks, from) assert_false(made_verify((m)->dir, key, marks, from, &v, &e))

static bool says(const char *text)
{
    if (!strstr(e.text, text))
        print_error("says: %s\n", e.text);
    return strstr(e.text, text) != NULL;
}

static void remove_file(const struct made *m, const char *name)
{
    char path[300];

    snprintf(path, sizeof path, "%s/%s", m->dir, name);
    assert_int_equal(unlink(path), 0);
}

/* ---- the key ---- */

static void test_key(void **state)
{
    struct made m;
    struct audit_key other, later;

    (void)state;
    made_begin(&m, true, 7);
    made_add_many(&m, 60, 60000); /* an hour: six epochs */
    made_rotate(&m);
    made_add_many(&m, 6, 60000);
    made_end(&m);
    WHOLE(&m, &m.first, NULL, NULL);
    assert_int_equal(v.macs, v.records);
    assert_int_equal(v.keyed, v.records);
    assert_true(v.records > 66 && v.is_keyed);
    WHOLE(&m, NULL, NULL, NULL);
    assert_int_equal(v.macs, 0);
    assert_true(v.is_keyed && v.keyed == v.records);
    made_key(&other, 8);
    BROKEN(&m, &other, NULL, NULL);
    assert_true(says("audit-1-68.jsonl:1: mac is not that of the key"));
    /* A key of a later epoch shows what comes from there on; of one that is still to come, nothing. */
    assert_true(audit_key_copy(&later, &m.first, NULL) && audit_key_forward(&later, 3, NULL));
    WHOLE(&m, &later, NULL, NULL);
    assert_true(v.macs > 0 && v.macs < v.records);
    assert_true(audit_key_forward(&later, 1000, NULL));
    BROKEN(&m, &later, NULL, NULL);
    assert_int_equal(e.code, ERR_RANGE);
    audit_key_drop(&later);
    audit_key_drop(&other);
    made_drop(&m);
}

/* A log that got its key later is whole; one that lost it, or never had one, is not when there is a key. */
static void test_key_comes_and_goes(void **state)
{
    struct made m;

    (void)state;
    made_begin(&m, false, 7);
    made_add_many(&m, 9, 1000);
    made_end(&m);
    BROKEN(&m, &m.first, NULL, NULL);
    assert_true(says("the last record has no mac"));
    m.chain.key = &m.key;
    made_add_many(&m, 9, 1000);
    made_end(&m);
    WHOLE(&m, &m.first, NULL, NULL);
    assert_int_equal(v.macs, 10);
    struct audit_chain without = m.chain;
    without.key = NULL;
    without.is_keyed = false;
    assert_true(audit_chain_add(&without, AUDIT_STOP, m.wall_ms, 0, S("}"), &m.text));
    made_end(&m);
    BROKEN(&m, NULL, NULL, NULL);
    assert_true(says("audit.jsonl:20: a record without a mac"));
    made_drop(&m);
}

/* ---- checkpoints ---- */

static void test_marks(void **state)
{
    struct made m;
    struct audit_mark list[3];
    struct audit_marks marks = { .count = 3, .list = list };

    (void)state;
    made_begin(&m, false, 7);
    made_add_many(&m, 30, 1000);
    made_rotate(&m);
    made_add_many(&m, 30, 1000);
    made_end(&m);
    list[0] = made_mark(&m, 1);
    list[1] = made_mark(&m, 31);
    list[2] = made_mark(&m, 61);
    WHOLE(&m, NULL, &marks, NULL);
    assert_true(v.marks == 3 && v.marked_seq == 61 && !v.short_of);
    list[1].hash[31] ^= 1;
    BROKEN(&m, NULL, &marks, NULL);
    assert_true(says("audit-1-31.jsonl:31: record 31 is not the one of the checkpoint"));
    list[1].hash[31] ^= 1;
    list[2].seq = 62;
    WHOLE(&m, NULL, &marks, NULL);
    assert_true(v.marks == 2 && v.short_of == 62);
    list[2].seq = 61;
    remove_file(&m, "audit.jsonl"); /* the newest segment as a whole */
    WHOLE(&m, NULL, &marks, NULL);
    assert_int_equal(v.short_of, 61);
    made_drop(&m);
}

/* A checkpoint's mac is by the key of its record's epoch. */
static void test_mark_mac(void **state)
{
    struct made m;
    struct audit_mark mark;
    struct audit_marks marks = { .count = 1, .list = &mark };
    struct audit_key key;
    SCOPED(sbuf) text = SBUF_MAX(AUDIT_NOTE_MAX_BYTES);

    (void)state;
    made_begin(&m, true, 7);
    made_add_many(&m, 30, 60000);
    made_end(&m);
    mark = made_mark(&m, m.count);
    mark.has_mac = true;
    audit_note_text(S("easgate/audit/h"), mark.seq, mark.hash, &text);
    assert_true(audit_key_copy(&key, &m.first, NULL) && audit_key_forward(&key, m.key.epoch, NULL));
    assert_true(digest_hmac_sha256(secret_bytes(key.key), sbuf_slice(&text), mark.mac));
    WHOLE(&m, &m.first, &marks, NULL);
    assert_int_equal(v.marks, 1);
    mark.mac[0] ^= 1;
    WHOLE(&m, NULL, &marks, NULL); /* nobody can tell without the key */
    BROKEN(&m, &m.first, &marks, NULL);
    assert_true(says("the checkpoint's mac is another's"));
    audit_key_drop(&key);
    made_drop(&m);
}

/* ---- files of notes ---- */

static void write_note(const struct made *m, uint64_t seq, EVP_PKEY *signer, struct sbuf *out)
{
    unsigned char raw[AUDIT_NOTE_KEY_BYTES], id[AUDIT_NOTE_ID_BYTES], sig[AUDIT_NOTE_SIG_BYTES];
    size_t n = sizeof raw, sig_n = sizeof sig, start = out->n;

    audit_note_text(S("easgate/audit/h"), seq, m->hashes[seq - 1], out);
    if (signer) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        assert_int_equal(EVP_PKEY_get_raw_public_key(signer, raw, &n), 1);
        assert_true(audit_note_id_ed25519(S("easgate/audit/h"), raw, id));
        assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, signer), 1);
        assert_int_equal(
            EVP_DigestSign(ctx, sig, &sig_n, (const unsigned char *)out->p + start, out->n - start), 1);
        EVP_MD_CTX_free(ctx);
    }
    sbuf_addc(out, '\n');
    if (signer)
        audit_note_signature(S("easgate/audit/h"), id, slice_from(sig, sig_n), out);
    sbuf_addc(out, '\n');
}

static EVP_PKEY *new_signer(const char *pem_path)
{
    unsigned char seed[32] = { (unsigned char)pem_path[strlen(pem_path) - 5] };
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
    FILE *f = fopen(pem_path, "w");

    assert_non_null(key);
    assert_non_null(f);
    assert_int_equal(PEM_write_PUBKEY(f, key), 1);
    fclose(f);
    return key;
}

/* Two notes, one cut behind so many bytes, and what is written behind it: nothing, or another note, after the empty line that the
 * writer puts before it. */
static void try_cut(const struct made *m, struct slice all, size_t n, bool behind, bool ended,
                    const char *pem, EVP_PKEY *signer)
{
    char path[300];
    struct audit_marks marks;
    struct err why = { 0 };
    SCOPED(sbuf) text = SBUF_MAX(1 << 20);

    snprintf(path, sizeof path, "%s/notes", m->dir);
    sbuf_add(&text, slice_from(all.p, n));
    sbuf_adds(&text, ended ? "\n" : "");
    if (behind) {
        sbuf_adds(&text, text.p[text.n - 1] == '\n' ? "\n" : "\n\n");
        write_note(m, 11, signer, &text);
    }
    made_file(m->dir, "notes", sbuf_slice(&text));
    if (!audit_marks_read(&marks, path, pem, &why))
        fail_msg("cut at %zu: %s", n, why.text);
    bool is_whole = n == all.n - 2 && (ended || behind); /* only its line's end was missing */
    assert_int_equal(marks.count, 2 + is_whole + behind);
    assert_true(marks.passed_bytes > 0 || marks.unsigned_notes > 0 || is_whole || all.p[n - 1] == '\n');
    audit_marks_drop(&marks);
}

static void test_note_files(void **state)
{
    struct made m;
    char path[300], pem[2][300];
    EVP_PKEY *signers[2];
    struct audit_marks marks;
    SCOPED(sbuf) text = SBUF_MAX(1 << 20);

    (void)state;
    made_begin(&m, false, 7);
    made_add_many(&m, 12, 1000);
    made_end(&m);
    snprintf(path, sizeof path, "%s/notes", m.dir);
    for (int i = 0; i < 2; i++) {
        snprintf(pem[i], sizeof pem[i], "%s/%d.pem", m.dir, i);
        signers[i] = new_signer(pem[i]);
    }
    write_note(&m, 12, signers[0], &text);
    write_note(&m, 5, signers[0], &text);
    size_t two = text.n;
    made_file(m.dir, "notes", sbuf_slice(&text));
    assert_true(audit_marks_read(&marks, path, pem[0], &e));
    assert_true(marks.count == 2 && marks.are_signed && marks.list[0].seq == 5 && marks.list[1].seq == 12);
    WHOLE(&m, NULL, &marks, NULL);
    assert_int_equal(v.marks, 2);
    audit_marks_drop(&marks);
    e = (struct err){ 0 };
    assert_false(audit_marks_read(&marks, path, pem[1], &e));
    assert_true(says("no checkpoint that this public key has signed"));
    /* A note that is cut anywhere does not count, at the end or with others behind it: neither before its signature ends, if
     * it must be signed, nor before its text ends. */
    write_note(&m, 7, signers[0], &text);
    for (size_t n = two + 1; n < text.n - 1; n++)
        for (int behind = 0; behind < 2; behind++)
            for (int ended = 0; ended < 2; ended++)
                try_cut(&m, sbuf_slice(&text), n, behind, ended, pem[0], signers[0]);
    write_note(&m, 8, NULL, &text);
    size_t with_unsigned = text.n;
    write_note(&m, 9, signers[0], &text);
    made_file(m.dir, "notes", sbuf_slice(&text));
    /* One without its signature, or that another has signed, does not count. */
    write_note(&m, 10, signers[1], &text);
    made_file(m.dir, "notes", sbuf_slice(&text));
    assert_true(audit_marks_read(&marks, path, pem[0], &e) && marks.count == 4 && marks.are_signed);
    assert_true(marks.unsigned_notes == 2 && !marks.passed_bytes);
    audit_marks_drop(&marks);
    assert_true(audit_marks_read(&marks, path, pem[1], &e) && marks.count == 1 && marks.list[0].seq == 10);
    assert_int_equal(marks.unsigned_notes, 5);
    audit_marks_drop(&marks);
    /* One that says it is signed, and is not, is forged. */
    text.n = with_unsigned;
    write_note(&m, 9, signers[0], &text);
    size_t at = slice_find(slice_from(text.p + with_unsigned, text.n - with_unsigned), '9');
    text.p[with_unsigned + at] = '8';
    made_file(m.dir, "notes", sbuf_slice(&text));
    e = (struct err){ 0 };
    assert_false(audit_marks_read(&marks, path, pem[0], &e));
    assert_true(says("the signature of the checkpoint of record 8 is wrong"));
    text.p[with_unsigned + at] = '9';
    made_file(m.dir, "notes", sbuf_slice(&text));
    assert_true(audit_marks_read(&marks, path, NULL, &e) && marks.count == 5 && !marks.are_signed);
    audit_marks_drop(&marks);
    assert_false(audit_marks_read(&marks, path, path, &e));
    assert_false(audit_marks_read(&marks, "/nonexistent", NULL, &e));
    assert_false(audit_marks_read(&marks, "/dev/null", NULL, &e));
    for (int i = 0; i < 2; i++)
        EVP_PKEY_free(signers[i]);
    made_drop(&m);
}

/* The gateway's own log, as a journal gives it: one event for each checkpoint, with the note escaped. */
static void test_events(void **state)
{
    struct made m;
    struct audit_marks marks;
    char path[300];
    SCOPED(sbuf) log = SBUF_MAX(1 << 16);
    SCOPED(sbuf) note = SBUF_MAX(AUDIT_NOTE_MAX_BYTES);

    (void)state;
    made_begin(&m, false, 7);
    made_add_many(&m, 12, 1000);
    made_end(&m);
    snprintf(path, sizeof path, "%s/notes", m.dir);
    sbuf_adds(&log,
              "Nov 23 15:27:57 gw1 easgate[17]: 2026-11-23T15:27:57.123Z info boot: ready | port=8080\n");
    for (uint64_t seq = 3; seq < 12; seq += 4) {
        sbuf_clear(&note);
        audit_note_text(S("easgate/audit/h"), seq, m.hashes[seq - 1], &note);
        sbuf_addc(&note, '\n');
        audit_note_signature(S("easgate/audit/h"), (const unsigned char *)"abcd",
                             S("0123456789012345678901234567890X"), &note);
        sbuf_addf(&log, "2026-11-23T15:27:57.123Z info audit: checkpoint | seq=%llu note=",
                  (unsigned long long)seq);
        enc_json_string(sbuf_slice(&note), &log);
        sbuf_adds(&log, "\nsomething else | note=\"no such thing\"\n");
    }
    made_file(m.dir, "notes", sbuf_slice(&log));
    assert_true(audit_marks_read(&marks, path, NULL, &e));
    audit_marks_drop(&marks);
    size_t cut_at = log.n; /* the last event, cut before its string ends, is none */
    sbuf_add(&log, S("2026-11-23T15:27:57.123Z info audit: checkpoint | seq=12 note="));
    sbuf_clear(&note);
    audit_note_text(S("easgate/audit/h"), 12, m.hashes[11], &note);
    enc_json_string(sbuf_slice(&note), &log);
    log.n--;
    made_file(m.dir, "notes", sbuf_slice(&log));
    assert_true(log.n > cut_at && audit_marks_read(&marks, path, NULL, &e));
    assert_true(marks.count == 3 && marks.list[2].seq == 11 && !marks.passed_bytes);
    WHOLE(&m, NULL, &marks, NULL);
    assert_int_equal(v.marks, 3);
    audit_marks_drop(&marks);
    e = (struct err){ 0 };
    made_file(m.dir, "notes", S("2026-11-23T15:27:57.123Z info boot: ready | port=8080\n"));
    assert_false(audit_marks_read(&marks, path, NULL, &e));
    made_drop(&m);
}

/* ---- where a log begins ---- */

static void add_removal(struct made *m, const char *name, uint64_t last_seq, uint64_t hash_of)
{
    char hex[2 * AUDIT_HASH_BYTES + 1];

    enc_hex(m->hashes[hash_of - 1], AUDIT_HASH_BYTES, hex);
    const struct audit_rec rec = { .type = AUDIT_ROTATE,
                                   .file = slice_of(name),
                                   .has_last_seq = true,
                                   .last_seq = (int64_t)last_seq,
                                   .hash = slice_of(hex) };
    made_add(m, &rec, 1000);
}

static void test_beginning(void **state)
{
    struct made m;
    struct audit_mark list[2];
    struct audit_marks marks = { .count = 2, .list = list };

    (void)state;
    made_begin(&m, false, 7);
    made_add_many(&m, 9, 1000);
    made_rotate(&m); /* 1 to 10 */
    made_add_many(&m, 9, 1000);
    made_rotate(&m); /* 11 to 20 */
    made_add_many(&m, 3, 1000);
    made_end(&m);
    WHOLE(&m, NULL, NULL, NULL);
    remove_file(&m, "audit-1-10.jsonl");
    BROKEN(&m, NULL, NULL, NULL);
    assert_true(says("audit-11-20.jsonl:1: records 1 to 10 are missing before it"));
    list[0] = made_mark(&m, 10);
    list[1] = made_mark(&m, 23);
    /* A checkpoint of the very record before shows that it was there, not why it is gone; to begin there, one says so. */
    BROKEN(&m, NULL, &marks, NULL);
    assert_true(says("records 1 to 10 are missing before it, and no rotate record says why"));
    WHOLE(&m, NULL, &marks, &list[0]);
    assert_non_null(strstr(v.beginning, "what is before the checkpoint of record 10 was not read"));
    assert_true(!v.unseen_from && !v.removed_by_seq);
    list[0].hash[0] ^= 1; /* of another log */
    BROKEN(&m, NULL, NULL, &list[0]);
    list[0] = made_mark(&m, 9); /* and one more is missing */
    BROKEN(&m, NULL, NULL, &list[0]);
    add_removal(&m, "audit-1-10.jsonl", 10, 9); /* another record's hash */
    made_end(&m);
    BROKEN(&m, NULL, NULL, NULL);
    add_removal(&m, "audit-1-10.jsonl", 10, 10);
    made_end(&m);
    WHOLE(&m, NULL, NULL, NULL);
    assert_non_null(strstr(v.beginning, "as record 25 says"));
    assert_true(v.removed_by_seq == 25 && v.unseen_from == 1);
    WHOLE(&m, NULL, NULL, &list[0]); /* what was verified last is removed, too, and one more */
    assert_true(v.removed_by_seq == 25 && v.unseen_from == 10);
    list[0] = made_mark(&m, 10);
    WHOLE(&m, NULL, NULL, &list[0]);
    assert_int_equal(v.unseen_from, 0);
    remove_file(&m, "audit-11-20.jsonl"); /* more than was announced */
    BROKEN(&m, NULL, NULL, NULL);
    made_drop(&m);
}

static void test_removal_closes_nothing(void **state)
{
    struct made m;
    char from[300], to[300];

    (void)state;
    made_begin(&m, false, 7);
    made_add_many(&m, 9, 1000);
    add_removal(&m, "audit-1-1.jsonl", 1, 1);
    made_end(&m);
    WHOLE(&m, NULL, NULL, NULL);
    snprintf(from, sizeof from, "%s/audit.jsonl", m.dir);
    snprintf(to, sizeof to, "%s/audit-1-10.jsonl", m.dir);
    assert_int_equal(rename(from, to), 0);
    BROKEN(&m, NULL, NULL, NULL);
    assert_true(says("up to a rotate record"));
    made_drop(&m);
}

/* ---- while the gateway writes ---- */

static void pack(const struct made *m, const char *name)
{
    static char packed[1 << 20];
    char from[300], to[120];
    FILE *f;

    snprintf(from, sizeof from, "%s/%s", m->dir, name);
    snprintf(to, sizeof to, "%s.zst", name);
    assert_non_null(f = fopen(from, "r"));
    static char plain[1 << 20];
    size_t n = fread(plain, 1, sizeof plain, f);
    fclose(f);
    size_t packed_n = ZSTD_compress(packed, sizeof packed, plain, n, 3);
    assert_false(ZSTD_isError(packed_n));
    made_file(m->dir, to, slice_from(packed, packed_n));
    assert_int_equal(unlink(from), 0);
}

/* Between the look at the directory and the reading, the current segment is closed and the one before it compressed. */
static void test_moves_on(void **state)
{
    struct made m;
    struct audit_parts parts = AUDIT_PARTS_NONE;
    struct audit_names names;
    char path[300], full[300];

    (void)state;
    made_begin(&m, false, 7);
    made_add_many(&m, 9, 1000);
    made_rotate(&m);
    made_add_many(&m, 9, 1000);
    made_end(&m);
    snprintf(path, sizeof path, "%s/audit.jsonl", m.dir);
    snprintf(full, sizeof full, "%s/audit-11-19.jsonl", m.dir);
    assert_true(audit_names_init(&names, path, NULL));
    assert_true(audit_parts_add_log(&parts, &names, NULL));
    audit_parts_sort(&parts);
    assert_int_equal(parts.count, 2);
    assert_int_equal(rename(path, full), 0);
    made_file(m.dir, "audit.jsonl", S("{\"v\":1,\"seq\":20 and more that is not ours\n"));
    pack(&m, "audit-1-10.jsonl");
    const struct audit_verify what = { .parts = &parts, .from_beginning = true };
    for (int i = 0; i < 2; i++) { /* twice: nothing is used up */
        e = (struct err){ 0 };
        assert_true(audit_verify(&what, &v, &e));
        assert_int_equal(v.records, 19);
    }
    audit_parts_drop(&parts);
    made_drop(&m);
}

/* ---- going on where a verification ended ---- */

static void test_from(void **state)
{
    struct made m;
    struct audit_mark from;

    (void)state;
    made_begin(&m, true, 7);
    made_add_many(&m, 30, 60000);
    made_rotate(&m);
    uint64_t border = m.count;
    made_add_many(&m, 30, 60000);
    made_rotate(&m);
    made_add_many(&m, 30, 60000);
    made_end(&m);
    const uint64_t places[] = { 1, 5, border - 1, border, border + 1, m.count - 1, m.count };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        from = made_mark(&m, places[i]);
        WHOLE(&m, &m.first, NULL, &from);
        assert_int_equal(v.last_seq, m.count);
        assert_int_equal(v.short_of, 0);
        assert_int_equal(v.files, places[i] <= border ? 3 : places[i] >= m.count - 1 ? 1 : 2);
        from.hash[5] ^= 1;
        BROKEN(&m, &m.first, NULL, &from);
    }
    from = made_mark(&m, m.count);
    from.seq++;
    WHOLE(&m, &m.first, NULL, &from);
    assert_int_equal(v.short_of, m.count + 1);
    /* The segments before it may be gone; one that is needed may not. */
    char name[100];
    snprintf(name, sizeof name, "audit-1-%llu.jsonl", (unsigned long long)border);
    remove_file(&m, name);
    from = made_mark(&m, border);
    WHOLE(&m, &m.first, NULL, &from);
    assert_int_equal(v.first_seq, border + 1);
    from.hash[0] ^= 1;
    BROKEN(&m, &m.first, NULL, &from);
    assert_true(says("does not go on behind the checkpoint"));
    from = made_mark(&m, border - 1);
    BROKEN(&m, &m.first, NULL, &from);
    snprintf(name, sizeof name, "records %llu to %llu are missing", (unsigned long long)border,
             (unsigned long long)border);
    assert_true(says(name));
    made_drop(&m);
}

static void in_dir(const struct made *m, const char *command)
{
    char text[300];

    snprintf(text, sizeof text, "cd %s && %s", m->dir, command);
    assert_int_equal(system(text), 0);
}

/* The current segment is replaced by true lines: those of full segments before it, and its own. Behind that, nobody would miss what
 * the full segments say, if a reader went straight to the last one that begins before the record to begin with. */
static void test_from_skips_no_later_segment(void **state)
{
    static const char *const joined[] = { "cat audit-25-37.jsonl true > audit.jsonl",
                                          "cat audit-13-24.jsonl audit-25-37.jsonl true > audit.jsonl",
                                          "cat audit-[1-9]*.jsonl true > audit.jsonl" };
    static const char *const changed[] = { "true",
                                           "sed -i 's/nlp_chat/nlp_chit/' audit-25-37.jsonl",
                                           "sed -i '1s/seq/sec/' audit-25-37.jsonl",
                                           "sed -i '1s/\"seq\":25/\"seq\":24/' audit-25-37.jsonl",
                                           "sed -i '1s/\"seq\":25/\"seq\":99/' audit-25-37.jsonl",
                                           ": > audit-25-37.jsonl" };
    const uint64_t places[] = { 1, 12, 13, 24, 25, 30, 37, 38, 43 };
    struct made m;
    struct audit_mark from;

    (void)state;
    made_begin(&m, true, 7);
    made_add_many(&m, 10, 1000); /* and the checkpoint that opens the epoch, and the rotate record */
    made_rotate(&m);
    made_add_many(&m, 11, 1000);
    made_rotate(&m);
    made_add_many(&m, 12, 1000);
    made_rotate(&m);
    made_add_many(&m, 6, 1000);
    made_end(&m);
    assert_int_equal(m.count, 43);
    in_dir(&m, "mv audit.jsonl true; cp audit-25-37.jsonl third");
    for (size_t i = 0; i < sizeof joined / sizeof *joined; i++)
        for (size_t k = 0; k < sizeof changed / sizeof *changed; k++) {
            in_dir(&m, joined[i]);
            in_dir(&m, changed[k]);
            for (size_t n = 0; n < sizeof places / sizeof *places; n++) {
                from = made_mark(&m, places[n]);
                BROKEN(&m, &m.first, NULL, &from);
                if (k == 0)
                    assert_true(says("comes a second time"));
            }
            in_dir(&m, "cp third audit-25-37.jsonl");
        }
    in_dir(&m, "cp true audit.jsonl");
    from = made_mark(&m, 30);
    WHOLE(&m, &m.first, NULL, &from);
    made_drop(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_key_comes_and_goes),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_mark_mac),
        cmocka_unit_test(test_note_files),
        cmocka_unit_test(test_beginning),
        cmocka_unit_test(test_moves_on),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_from),
        cmocka_unit_test(test_from_skips_no_later_segment),
        cmocka_unit_test(test_removal_closes_nothing),
    };

    return cmocka_run_group_tests_name("audit_against", tests, NULL, NULL);
}
