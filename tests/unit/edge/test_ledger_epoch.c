/*
 * The sealed log over time, by a clock that the test turns: every epoch opens with a checkpoint, whatever happened meanwhile
 * (nothing, a stop, a crash, a disk that fails, a clock that goes back), and no key of an epoch that is over is anywhere. Each
 * log is checked twice: with keys and macs that this file computes by calls of its own to the library, and by audit_verify.
 */
#include "audit_world.inc"
#include "edge/audit_keyfile.h"
#include "edge/audit_verify.h"
#include <openssl/hmac.h>
#include <openssl/pem.h>

#define START_S  1795449600 /* 2026-11-23T16:00:00Z */
#define LENGTH_S 10

/* ---- the clock ---- */

static atomic_llong wall, mono;

static int jump_at =
    -1; /* at this reading, 0 = the next one, the wall clock passes the end of an epoch; -1 = never */

static int64_t get_wall(void *ctx)
{
    (void)ctx;
    if (jump_at >= 0 && jump_at-- == 0)
        atomic_fetch_add(&wall, 10000);
    return atomic_load(&wall);
}

static int64_t get_mono(void *ctx)
{
    (void)ctx;
    return atomic_load(&mono);
}

static const struct clock turned = { get_wall, get_mono, NULL };

static void pass_ms(int64_t ms)
{
    atomic_fetch_add(&wall, ms);
    atomic_fetch_add(&mono, ms);
}

/* Seconds behind the begin of epoch 0; the monotonic clock does not move. */
static void set_wall_s(int64_t s)
{
    atomic_store(&wall, (START_S + s) * 1000LL);
}

/* ---- a ledger in a directory ---- */

struct rig {
    struct world w; /* its directory only */
    char key_path[100], notes_path[100], pem_path[100];
    struct ledger_config cfg;
    struct ledger *l;
    struct list done;
};

static void key_bytes(uint64_t epoch, unsigned char out[32])
{
    unsigned char text[45];

    for (unsigned char i = 0; i < 32; i++)
        out[i] = i;
    memcpy(text, "easgate-epoch", 13);
    for (; epoch; epoch--) {
        memcpy(text + 13, out, 32);
        assert_int_equal(EVP_Digest(text, sizeof text, out, NULL, EVP_sha256(), NULL), 1);
    }
}

static void put_key(struct rig *r, uint64_t epoch)
{
    unsigned char bytes[32];
    struct audit_key key;

    unlink(r->key_path);
    key_bytes(epoch, bytes);
    assert_true(audit_key_init(&key, START_S, LENGTH_S, epoch, bytes, NULL));
    assert_true(audit_keyfile_create(r->key_path, &key, NULL));
    audit_key_drop(&key);
}

/* As a crash between the state file and the log leaves it: the key of this epoch, and where the one before ended. seq 0: behind the
 * log's last line of that one. */
static void put_state(struct rig *r, uint64_t epoch, uint64_t seq)
{
    struct log_view v = view_log(r->w.dir);
    unsigned char bytes[32], hash[32] = { 0 };
    struct audit_key key, next;
    struct audit_end end = { 0 };

    for (size_t i = 0; i < v.count; i++) {
        char mark[40];
        snprintf(mark, sizeof mark, "\"epoch\":%llu,", (unsigned long long)epoch - 1);
        if (seq ? i + 1 != seq : !strstr(v.lines[i].text, mark))
            continue;
        assert_int_equal(EVP_Digest(v.lines[i].text, strlen(v.lines[i].text), hash, NULL, EVP_sha256(), NULL),
                         1);
        end.seq = i + 1;
    }
    key_bytes(epoch - 1, bytes);
    assert_true(audit_key_init(&key, START_S, LENGTH_S, epoch - 1, bytes, NULL));
    assert_true(audit_end_make(&end, &key, end.seq, hash));
    audit_key_drop(&key);
    put_key(r, epoch);
    key_bytes(epoch, bytes);
    assert_true(audit_key_init(&next, START_S, LENGTH_S, epoch, bytes, NULL));
    assert_true(audit_keyfile_replace(r->key_path, &next, &end, NULL));
    audit_key_drop(&next);
    view_free(&v);
}

static uint64_t epoch_of_file(const struct rig *r)
{
    struct audit_key key;

    struct audit_end end;
    assert_true(audit_keyfile_read(r->key_path, &key, &end, NULL));
    uint64_t epoch = key.epoch;
    audit_key_drop(&key);
    return epoch;
}

static void rig_init(struct rig *r)
{
    *r = (struct rig){ .l = NULL };
    world_init(&r->w, false);
    atomic_store(&mono, 5000000);
    set_wall_s(1);
    snprintf(r->key_path, sizeof r->key_path, "%s/key", r->w.dir);
    snprintf(r->notes_path, sizeof r->notes_path, "%s/notes", r->w.dir);
    snprintf(r->pem_path, sizeof r->pem_path, "%s/pem", r->w.dir);
    r->cfg = (struct ledger_config){ .path = r->w.path,
                                     .synced = true,
                                     .key_path = r->key_path,
                                     .version = "0.1.0",
                                     .host = "te st",
                                     .clock = &turned };
    list_init(&r->done);
    put_key(r, 0);
}

static void rig_drop(struct rig *r)
{
    ledger_free(&r->l);
    audit_items_free(&r->done);
    world_drop(&r->w);
}

static void rig_open(struct rig *r)
{
    struct err e = { 0 };

    r->l = ledger_open(&r->cfg, &e);
    if (!r->l)
        fail_msg("%s", e.text);
}

static void must_refuse(struct rig *r, const char *why)
{
    struct err e = { 0 };

    assert_null(ledger_open(&r->cfg, &e));
    if (!strstr(e.text, why))
        fail_msg("%s", e.text);
}

static void run_with(struct rig *r, struct list *in, bool probe)
{
    while (ledger_run(r->l, in, probe, &r->done))
        ;
}

static void idle(struct rig *r)
{
    struct list none;

    list_init(&none);
    run_with(r, &none, false);
}

static void probe(struct rig *r)
{
    struct list none;

    list_init(&none);
    run_with(r, &none, true);
}

static struct audit_item *new_item(enum audit_type type, const char *id)
{
    struct audit_rec rec = { .type = type, .id = slice_of(id), .nonce = S("n") };
    struct audit_item *item = audit_item_new(&rec, &turned);

    assert_non_null(item);
    return item;
}

static void put_rec(struct rig *r, enum audit_type type, const char *id)
{
    struct list in;

    list_init(&in);
    list_add_last(&in, &new_item(type, id)->node);
    run_with(r, &in, false);
}

/* The end that a stop makes, or a kill. */
static void rig_stop(struct rig *r)
{
    put_rec(r, AUDIT_STOP, "");
    assert_false(ledger_status(r->l)->failed);
    ledger_free(&r->l);
}

/* ---- checking ---- */

static long long number_of(const char *text, const char *key)
{
    char pattern[32];
    long long n = -1;

    snprintf(pattern, sizeof pattern, "\"%s\":", key);
    const char *at = strstr(text, pattern);
    if (at)
        sscanf(at + strlen(pattern), "%lld", &n);
    return n;
}

static void check_mac(const char *text, uint64_t epoch)
{
    unsigned char key[32], mac[32];
    char hex[65];
    unsigned n = 0;
    const char *end = strstr(text, ",\"mac\":\"");

    assert_non_null(end);
    key_bytes(epoch, key);
    assert_non_null(HMAC(EVP_sha256(), key, 32, (const unsigned char *)text, (size_t)(end - text), mac, &n));
    enc_hex(mac, 32, hex);
    assert_memory_equal(end + 8, hex, 64);
    assert_string_equal(end + 8 + 64, "\"}");
}

static void note_down(void *ctx, const char *text)
{
    if (getenv("EASGATE_TEST_LOG"))
        print_message("%s\n", text);
    *(size_t *)ctx += strstr(text, "clock") != NULL;
}

static void verify_too(struct rig *r)
{
    struct audit_parts parts = AUDIT_PARTS_NONE;
    struct audit_names names;
    struct audit_verdict verdict;
    struct audit_key key;
    unsigned char bytes[32];
    size_t notes = 0;
    struct err e = { 0 };

    key_bytes(0, bytes);
    assert_true(audit_key_init(&key, START_S, LENGTH_S, 0, bytes, NULL));
    assert_true(audit_names_init(&names, r->w.path, NULL) && audit_parts_add_log(&parts, &names, NULL));
    audit_parts_sort(&parts);
    struct audit_verify what = {
        .parts = &parts, .from_beginning = true, .key = &key, .note = note_down, .ctx = &notes
    };
    if (!audit_verify(&what, &verdict, &e))
        fail_msg("%s", e.text);
    assert_int_equal(verdict.keyed, verdict.macs);
    audit_parts_drop(&parts);
    audit_key_drop(&key);
}

/* The log is whole and sealed, with each epoch from 0 to last opened by a checkpoint; no key before the state file's is in any
 * file of the directory. */
static struct log_view check(struct rig *r, uint64_t last)
{
    struct log_view v = view_log(r->w.dir); /* the chain of hashes */
    long long epoch = -1;
    DIR *d = opendir(r->w.dir);

    for (size_t i = 0; i < v.count; i++) {
        long long of_line = number_of(v.lines[i].text, "epoch");
        if (of_line < 0) {
            assert_int_equal(epoch, -1);
            continue;
        }
        if (of_line != epoch) {
            assert_int_equal(of_line, epoch + 1);
            assert_string_equal(v.lines[i].type, "checkpoint");
        }
        epoch = of_line;
        check_mac(v.lines[i].text, (uint64_t)epoch);
    }
    assert_int_equal(epoch, last);
    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        char path[400], hex[65];
        unsigned char key[32];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", r->w.dir, entry->d_name);
        struct slice text = read_file(path);
        for (uint64_t e = 0; e < epoch_of_file(r); e++) {
            key_bytes(e, key);
            enc_hex(key, 32, hex);
            assert_null(text.n ? strstr(text.p, hex) : NULL);
        }
        free_file(&text);
    }
    closedir(d);
    verify_too(r);
    return v;
}

/* ---- tests ---- */

static void test_epochs_with_and_without_records(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_open(&r);
    put_rec(&r, AUDIT_INTENT, "a");
    pass_ms(LENGTH_S * 1000); /* a record finds that an epoch has begun */
    put_rec(&r, AUDIT_OUTCOME, "a");
    assert_int_equal(epoch_of_file(&r), 1);
    for (int i = 0; i < 5; i++) { /* nothing happens, but epochs open */
        idle(&r);
        assert_int_equal(ledger_status(r.l)->due_wall_ms, (START_S + (2 + i) * LENGTH_S) * 1000LL);
        uint64_t records = ledger_status(r.l)->records;
        idle(&r);
        assert_int_equal(ledger_status(r.l)->records, records);
        pass_ms(LENGTH_S * 1000);
        idle(&r);
        assert_int_equal(ledger_status(r.l)->records, records + 1);
    }
    pass_ms(LENGTH_S * 4000); /* the machine slept */
    idle(&r);
    assert_int_equal(epoch_of_file(&r), 10);
    put_rec(&r, AUDIT_DENY, "b");
    rig_stop(&r);
    struct log_view v = check(&r, 10);
    assert_int_equal(view_count(&v, "checkpoint", NULL, NULL), 11);
    assert_int_equal(view_count(&v, "clock", NULL, NULL), 0);
    assert_string_equal(v.lines[0].type, "checkpoint");
    assert_string_equal(v.lines[1].type, "start");
    view_free(&v);
    rig_drop(&r);
}

/* Records of both sides of a border that come together stay each on its side. */
static void test_border_within_a_batch(void **state)
{
    struct rig r;
    struct list in;

    (void)state;
    rig_init(&r);
    rig_open(&r);
    list_init(&in);
    set_wall_s(9);
    list_add_last(&in, &new_item(AUDIT_INTENT, "before")->node);
    pass_ms(900);
    list_add_last(&in, &new_item(AUDIT_INTENT, "before")->node);
    pass_ms(100);
    list_add_last(&in, &new_item(AUDIT_INTENT, "behind")->node);
    pass_ms(LENGTH_S * 3000);
    list_add_last(&in, &new_item(AUDIT_INTENT, "far behind")->node);
    pass_ms(200);
    run_with(&r, &in, false);
    rig_stop(&r);
    struct log_view v = check(&r, 4);
    for (size_t i = 0; i < v.count; i++)
        if (v.lines[i].id[0])
            assert_int_equal(number_of(v.lines[i].text, "epoch"), strcmp(v.lines[i].id, "before") == 0   ? 0
                                                                  : strcmp(v.lines[i].id, "behind") == 0 ? 1
                                                                                                         : 4);
    assert_int_equal(view_count(&v, "intent", NULL, NULL), 4);
    assert_int_equal(view_count(&v, "clock", NULL, NULL), 0);
    view_free(&v);
    rig_drop(&r);
}

static void test_hundred_epochs_down(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_open(&r);
    put_rec(&r, AUDIT_INTENT, "open");
    ledger_free(&r.l); /* killed */
    pass_ms(LENGTH_S * 100000 + 500);
    rig_open(&r);
    assert_int_equal(ledger_status(r.l)->open_intents, 1);
    rig_stop(&r);
    struct log_view v = check(&r, 100);
    assert_int_equal(view_count(&v, "checkpoint", NULL, NULL), 101);
    assert_int_equal(view_count(&v, "outcome", "open", "unknown_after_crash"), 1);
    for (size_t i = 3; i < 103; i++)
        assert_string_equal(v.lines[i].type, "checkpoint");
    assert_string_equal(v.lines[103].type, "start");
    view_free(&v);
    rig_drop(&r);
}

/* Between the state file and the log: the file is one on. */
static void test_crash_between_file_and_log(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_open(&r);
    rig_stop(&r);
    put_state(&r, 1, 0);
    rig_open(&r); /* within the same epoch by the clock, too */
    put_rec(&r, AUDIT_DENY, "a");
    rig_stop(&r);
    struct log_view v = check(&r, 1);
    view_free(&v);
    put_state(&r, 2, 0);
    pass_ms(LENGTH_S * 7000);
    rig_open(&r);
    rig_stop(&r);
    v = check(&r, 7);
    view_free(&v);
    put_state(&r, 8, 0); /* and with the clock far behind */
    set_wall_s(-5000);
    rig_open(&r);
    rig_stop(&r);
    v = check(&r, 8);
    assert_int_equal(view_count(&v, "clock", NULL, NULL), 1);
    view_free(&v);
    rig_drop(&r);
}

static void cut_behind(struct rig *r, size_t lines)
{
    struct slice text = read_file(r->w.path);
    size_t n = 0;

    for (; lines; lines--)
        n += slice_find(slice_skip(text, n), '\n') + 1;
    write_file(r->w.path, slice_from(text.p, n));
    free_file(&text);
}

/* Many epochs passed, their checkpoints are in the log, and the state file still has the key of the first of them. */
static void test_crash_behind_passed_epochs(void **state)
{
    struct rig r;

    (void)state;
    for (size_t openings = 1; openings <= 20; openings++) {
        rig_init(&r);
        rig_open(&r);
        rig_stop(&r); /* 3 lines */
        pass_ms(LENGTH_S * 20000);
        rig_open(&r);
        ledger_free(&r.l);
        put_key(&r, 1);
        must_refuse(
            &r, "audit.jsonl:24: the log has come to epoch 20"); /* `start` is there, too: no such crash */
        cut_behind(&r, 3 + openings);
        rig_open(&r);
        assert_int_equal(epoch_of_file(&r), 20);
        put_rec(&r, AUDIT_DENY, "a");
        rig_stop(&r);
        struct log_view v = check(&r, 20);
        view_free(&v);
        rig_drop(&r);
    }
    /* but not with a checkpoint that is no opening, or another key's */
    rig_init(&r);
    r.cfg.checkpoint_interval_ms = 1000;
    rig_open(&r);
    pass_ms(LENGTH_S * 3000);
    idle(&r);
    put_rec(&r, AUDIT_DENY, "a");
    pass_ms(1000);
    idle(&r);
    ledger_free(&r.l);
    put_key(&r, 1);
    must_refuse(&r, "the log has come to epoch 3");
    rig_drop(&r);
}

/* Ten years at once, as a clock that was set wrong: it takes no time to speak of, and less than a batch at once. */
static void test_clock_far_ahead(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_open(&r);
    put_rec(&r, AUDIT_DENY, "a");
    int before = call_count(CALL_FDATASYNC);
    pass_ms(LENGTH_S * 5000000LL);
    put_rec(&r, AUDIT_DENY, "b");
    assert_true(call_count(CALL_FDATASYNC) - before < 20);
    assert_int_equal(epoch_of_file(&r), 5000);
    rig_stop(&r);
    struct log_view v = view_log(r.w.dir);
    assert_int_equal(view_count(&v, "checkpoint", NULL, NULL), 5001);
    view_free(&v);
    verify_too(&r);
    rig_drop(&r);
}

/* The disk fails at every call, one after the other, while epochs go by; whatever was durable then is whole. */
static void test_fault_at_every_call(void **state)
{
    static const enum call calls[] = { CALL_WRITE, CALL_FDATASYNC, CALL_FSYNC, CALL_FTRUNCATE };

    (void)state;
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++)
        for (int nth = 1; nth < 40; nth++) {
            struct rig r;
            int64_t step_ms = LENGTH_S * (nth % 3 ? 700 : 2700); /* epochs one by one, and several at once */
            rig_init(&r);
            r.cfg.sync_delay_ms =
                nth % 4 < 2 ? 0 : 9000; /* with records that are not yet synced when an epoch ends */
            rig_open(&r);
            fault_set(calls[c], nth, c % 2 ? 3 : 1, nth % 2 ? EIO : ENOSPC);
            for (int i = 0; i < 6; i++) {
                put_rec(&r, AUDIT_OUTCOME, "a");
                pass_ms(step_ms);
                probe(&r);
            }
            fault_clear();
            for (int i = 0; i < 10; i++)
                probe(&r);
            rig_stop(&r);
            struct log_view v = check(&r, nth % 3 ? 4 : 16);
            assert_int_equal(view_count(&v, "outcome", "a", NULL), 6);
            view_free(&v);
            rig_drop(&r);
        }
}

/* While nothing can be written, the key still moves on by one: what is in the log is safe. No epoch is missing afterwards. */
static void test_long_failure(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_open(&r);
    put_rec(&r, AUDIT_INTENT, "a");
    /* the log's file cannot grow, the state file can be replaced */
    fault_set(CALL_FDATASYNC, 1, -1, EIO);
    put_rec(&r, AUDIT_OUTCOME, "a");
    assert_true(ledger_status(r.l)->failed);
    for (int i = 0; i < 50; i++) {
        pass_ms(LENGTH_S * 100);
        probe(&r);
    }
    assert_int_equal(epoch_of_file(&r), 1);
    fault_clear();
    for (int i = 0; i < 10; i++)
        probe(&r);
    assert_false(ledger_status(r.l)->failed);
    rig_stop(&r);
    struct log_view v = check(&r, 5);
    assert_int_equal(view_count(&v, "outcome", "a", NULL), 1);
    assert_int_equal(view_count(&v, "recover", NULL, NULL), 1);
    view_free(&v);
    rig_drop(&r);
}

/* Without the next key nothing of the next epoch is written, and requests are refused. */
static void test_state_file_cannot_be_replaced(void **state)
{
    struct rig r;
    char beside[120];

    (void)state;
    rig_init(&r);
    rig_open(&r);
    snprintf(beside, sizeof beside, "%s.new", r.key_path);
    assert_int_equal(unlink(beside), 0);
    assert_int_equal(mkdir(beside, 0700), 0);
    put_rec(&r, AUDIT_INTENT, "a");
    assert_false(ledger_status(r.l)->failed);
    pass_ms(LENGTH_S * 1000);
    put_rec(&r, AUDIT_INTENT, "b");
    assert_true(ledger_status(r.l)->failed);
    assert_non_null(strstr(ledger_status(r.l)->why, r.key_path));
    put_rec(&r, AUDIT_OUTCOME, "a");
    probe(&r);
    assert_true(ledger_status(r.l)->failed);
    assert_int_equal(rmdir(beside), 0);
    probe(&r);
    assert_false(ledger_status(r.l)->failed);
    rig_stop(&r);
    struct log_view v = check(&r, 1);
    assert_int_equal(view_count(&v, "outcome", "a", NULL), 1);
    assert_int_equal(view_count(&v, "intent", "b", NULL), 0);
    view_free(&v);
    rig_drop(&r);
}

static void test_refused_at_start(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_open(&r);
    pass_ms(LENGTH_S * 3000);
    put_rec(&r, AUDIT_DENY, "a");
    rig_stop(&r);
    for (int accept = 0; accept < 2; accept++) {
        r.cfg.accept_broken_chain = accept;
        put_key(&r, 2); /* an older copy */
        must_refuse(&r, "the log has come to epoch 3, but the state file holds the key of epoch 2");
        put_key(&r, 5); /* records of epoch 4 are missing */
        must_refuse(&r, "ends in epoch 3, but the audit key");
        r.cfg.key_path = NULL;
        must_refuse(&r, "expected [audit] key_file");
        r.cfg.key_path = r.key_path;
        unlink(r.key_path);
        must_refuse(&r, r.key_path);
        /* another key */
        unsigned char bytes[32] = { 0 };
        struct audit_key key;
        assert_true(audit_key_init(&key, START_S, LENGTH_S, 3, bytes, NULL));
        assert_true(audit_keyfile_create(r.key_path, &key, NULL));
        audit_key_drop(&key);
        must_refuse(&r, "the mac is not that of the state file's key");
    }
    r.cfg.accept_broken_chain = false;
    put_key(&r, 3);
    char beside[120];
    snprintf(beside, sizeof beside, "%s.new", r.key_path);
    assert_int_equal(unlink(beside), 0);
    assert_int_equal(mkdir(beside, 0700), 0); /* the next key would find no room there */
    must_refuse(&r, "cannot create a file beside it");
    assert_int_equal(rmdir(beside), 0);
    rig_open(&r);
    rig_stop(&r);
    struct log_view v = check(&r, 3);
    view_free(&v);
    unlink(r.w.path); /* the log is gone, the key has moved on */
    must_refuse(&r, "a new log needs a new key");
    rig_drop(&r);
}

/* A line of the current epoch that was changed and chained anew by somebody without the key. */
static void test_changed_and_chained_anew(void **state)
{
    struct rig r;
    unsigned char digest[32];
    char hex[65];

    (void)state;
    rig_init(&r);
    rig_open(&r);
    put_rec(&r, AUDIT_DENY, "zzzz");
    rig_stop(&r);
    struct slice text = read_file(r.w.path);
    char *copy = malloc(text.n + 1);
    memcpy(copy, text.p, text.n + 1);
    char *id = strstr(copy, "zzzz");
    memcpy(id, "yyyy", 4);
    char *end = strchr(id, '\n'), *begin = id;
    while (begin > copy && begin[-1] != '\n')
        begin--;
    assert_int_equal(EVP_Digest(begin, (size_t)(end - begin), digest, NULL, EVP_sha256(), NULL), 1);
    enc_hex(digest, 32, hex);
    memcpy(strstr(end, "\"prev\":\"") + 8, hex,
           64); /* the next line's mac covers it, so that one is wrong, too */
    write_file(r.w.path, slice_from(copy, text.n));
    must_refuse(&r, "audit.jsonl:3: the mac is not that of the state file's key");
    write_file(r.w.path, text);
    rig_open(&r);
    rig_stop(&r);
    free(copy);
    free_file(&text);
    rig_drop(&r);
}

static void test_key_comes_later(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    r.cfg.key_path = NULL;
    rig_open(&r);
    put_rec(&r, AUDIT_DENY, "a");
    rig_stop(&r);
    r.cfg.key_path = r.key_path;
    pass_ms(LENGTH_S * 2000);
    rig_open(&r);
    put_rec(&r, AUDIT_DENY, "b");
    rig_stop(&r);
    struct log_view v = check(&r, 2);
    assert_int_equal(view_count(&v, "checkpoint", NULL, NULL), 3);
    assert_int_equal(number_of(v.lines[0].text, "v"), 1);
    view_free(&v);
    rig_drop(&r);
}

static void test_clock_goes_back(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_open(&r);
    set_wall_s(35);
    put_rec(&r, AUDIT_DENY, "a");
    set_wall_s(33); /* two seconds: not a word */
    put_rec(&r, AUDIT_DENY, "b");
    struct log_view v = check(&r, 3);
    assert_int_equal(view_count(&v, "clock", NULL, NULL), 0);
    view_free(&v);
    set_wall_s(32); /* three since the most it ever was */
    put_rec(&r, AUDIT_DENY, "c");
    put_rec(&r, AUDIT_DENY, "d");
    v = check(&r, 3);
    assert_int_equal(view_count(&v, "clock", NULL, NULL), 1);
    assert_non_null(strstr(v.lines[v.count - 3].text,
                           "\"from\":\"2026-11-23T16:00:35.000Z\",\"to\":\"2026-11-23T16:00:32.000Z\""));
    view_free(&v);
    set_wall_s(-7200); /* hours before the first epoch; the key stays where it is */
    put_rec(&r, AUDIT_INTENT, "e");
    idle(&r);
    put_rec(&r, AUDIT_OUTCOME, "e");
    assert_int_equal(epoch_of_file(&r), 3);
    set_wall_s(-7300); /* and once more, while the process is down */
    rig_stop(&r);
    set_wall_s(-9000);
    rig_open(&r);
    put_rec(&r, AUDIT_DENY, "f");
    set_wall_s(42); /* it is right again */
    put_rec(&r, AUDIT_DENY, "g");
    rig_stop(&r);
    v = check(&r, 4);
    assert_int_equal(view_count(&v, "clock", NULL, NULL), 4);
    assert_int_equal(view_count(&v, "checkpoint", NULL, NULL), 5);
    view_free(&v);
    rig_drop(&r);
}

/* A record that waited for minutes between its time and the disk is not refused, and the log says so. */
static void test_record_that_waited(void **state)
{
    struct rig r;
    struct list in;

    (void)state;
    rig_init(&r);
    rig_open(&r);
    list_init(&in);
    struct audit_item *item = new_item(AUDIT_OUTCOME, "late");
    pass_ms(200000);
    put_rec(&r, AUDIT_DENY, "a");
    list_add_last(&in, &item->node);
    run_with(&r, &in, false);
    rig_stop(&r);
    struct log_view v = check(&r, 20);
    assert_int_equal(view_count(&v, "outcome", "late", NULL), 1);
    assert_int_equal(view_count(&v, "clock", NULL, NULL), 1);
    view_free(&v);
    rig_drop(&r);
}

static void test_rotation(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    r.cfg.max_segment_bytes = 2500;
    rig_open(&r);
    for (int i = 0; i < 60; i++) {
        put_rec(&r, AUDIT_DENY, "a");
        pass_ms(LENGTH_S * 350);
        if (i % 20 == 19) {
            rig_stop(&r);
            rig_open(&r);
        }
    }
    rig_stop(&r);
    struct log_view v = check(&r, 21);
    assert_true(v.files > 8);
    view_free(&v);
    rig_drop(&r);
}

/* A log whose file was written to by others: set aside, and one record in the next. */
static void make_broken(struct rig *r)
{
    rig_init(r);
    rig_open(r);
    put_rec(r, AUDIT_INTENT, "a");
    int fd = open(r->w.path, O_WRONLY | O_APPEND);
    assert_int_equal(__real_write(fd, "hello\n", 6), 6);
    close(fd);
    put_rec(r, AUDIT_DENY, "b");
    assert_true(ledger_status(r->l)->failed);
    probe(r);
    assert_false(ledger_status(r->l)->failed);
    ledger_free(&r->l);
}

/* Killed at any byte of the first batch of the segment behind a broken one: what is left may lack the record that names it. */
static void test_crash_behind_a_broken_segment(void **state)
{
    struct rig r;
    size_t size = 1;

    (void)state;
    for (size_t n = 0; n < size; n += 11) {
        make_broken(&r);
        struct slice text = read_file(r.w.path);
        size = text.n;
        write_file(r.w.path, slice_from(text.p, n));
        free_file(&text);
        for (int i = 0; i < 2; i++) { /* and once more */
            rig_open(&r);
            put_rec(&r, AUDIT_DENY, "c");
            rig_stop(&r);
            verify_too(&r);
        }
        rig_drop(&r);
    }
    assert_true(size > 500);
}

/* Where the key is of epochs behind the last good record no flag helps, and nothing is moved. */
static void test_nothing_is_accepted_that_leads_nowhere(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_open(&r);
    put_rec(&r, AUDIT_DENY, "a");
    for (int i = 0; i < 4; i++) {
        pass_ms(LENGTH_S * 1000);
        put_rec(&r, AUDIT_DENY, "b");
    }
    rig_stop(&r);
    struct slice text = read_file(r.w.path);
    char *second = strchr(text.p, '\n') + 1;
    second[20] ^= 1;
    write_file(r.w.path, text);
    r.cfg.accept_broken_chain = true;
    must_refuse(&r, "ends in epoch 0, but the audit key");
    struct slice now = read_file(r.w.path);
    assert_true(slice_eq(now, text));
    free_file(&now);
    free_file(&text);
    rig_drop(&r);
}

/* A stop is the last record of its run, though an epoch ends while it is written and its segment is full. */
static void test_nothing_behind_stop(void **state)
{
    struct rig r;
    struct list in;

    (void)state;
    rig_init(&r);
    r.cfg.checkpoint_interval_ms = 1;
    r.cfg.rotate_every_ms = LENGTH_S * 1000;
    rig_open(&r);
    put_rec(&r, AUDIT_DENY, "a");
    list_init(&in);
    set_wall_s(9);
    list_add_last(&in, &new_item(AUDIT_STOP, "")->node);
    pass_ms(1200); /* the writer comes to it late: epoch 1 has begun, the segment is due, a checkpoint, too */
    run_with(&r, &in, true);
    idle(&r);
    probe(&r);
    assert_false(ledger_status(r.l)->failed);
    ledger_free(&r.l);
    struct log_view v = check(&r, 0);
    assert_string_equal(v.lines[v.count - 1].type, "stop");
    assert_int_equal(v.files, 1);
    view_free(&v);

    rig_open(&r); /* which goes on where that was left */
    put_rec(&r, AUDIT_DENY, "b");
    rig_stop(&r);
    v = check(&r, 1);
    assert_true(v.files > 1);
    assert_string_equal(v.lines[v.count - 1].type, "stop");
    view_free(&v);
    rig_drop(&r);
}

/* A line behind the end of epoch 0, as a write leaves it of which the disk said that it failed: of epoch 0, whose key is gone. */
static void add_line_of_epoch_0(struct rig *r)
{
    struct log_view v = view_log(r->w.dir);
    const char *last = v.lines[v.count - 1].text;
    unsigned char bytes[32], hash[32];
    struct audit_chain chain = { .run = "0123456789abcdef", .seq = v.count, .is_keyed = true, .version = 3 };
    struct audit_key key;
    SCOPED(sbuf) out = SBUF_MAX(AUDIT_LINE_MAX_BYTES);

    assert_int_equal(EVP_Digest(last, strlen(last), hash, NULL, EVP_sha256(), NULL), 1);
    memcpy(chain.hash, hash, sizeof hash);
    key_bytes(0, bytes);
    assert_true(audit_key_init(&key, START_S, LENGTH_S, 0, bytes, NULL));
    chain.key = &key;
    assert_true(audit_chain_add(&chain, AUDIT_DENY, START_S * 1000LL, 1, S("}"), &out));
    audit_key_drop(&key);
    view_free(&v);
    int fd = open(r->w.path, O_WRONLY | O_APPEND);
    assert_int_equal(__real_write(fd, out.p, out.n), (ssize_t)out.n);
    close(fd);
}

/* The state file says where epoch 0 ended, and the process died before it opened epoch 1. Lines that stand behind that end were
 * never durable: they are set aside, in the current segment as in one that was already closed for good. */
static void test_lines_behind_an_end(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct rig r;
        rig_init(&r);
        rig_open(&r);
        put_rec(&r, AUDIT_INTENT, "a");
        if (kind == 3) { /* the end stands in the segment before: nothing of this one counts */
            ledger_rotate(r.l);
            idle(&r);
        }
        ledger_free(&r.l);
        struct log_view v = view_log(r.w.dir);
        uint64_t end = v.count;
        view_free(&v);
        put_state(&r, 1, end);
        for (int i = 0; i < 3; i++)
            add_line_of_epoch_0(&r);
        if (kind == 1) { /* and a tail that is no record behind them */
            int fd = open(r.w.path, O_WRONLY | O_APPEND);
            assert_int_equal(__real_write(fd, "\0\0{\"v\"", 6), 6);
            close(fd);
        }
        if (kind == 2) {
            char aside[200];
            snprintf(aside, sizeof aside, "%s/audit-broken-20261123T160000.000Z.jsonl", r.w.dir);
            assert_int_equal(rename(r.w.path, aside), 0);
        }
        pass_ms(LENGTH_S * 1000);
        rig_open(&r);
        put_rec(&r, AUDIT_DENY, "b");
        rig_stop(&r);
        verify_too(&r);
        rig_open(&r); /* and once more */
        rig_stop(&r);
        verify_too(&r);
        struct slice text = read_file(r.w.path);
        assert_non_null(strstr(text.p, "\"type\":\"recover\""));
        assert_true(kind == 2 || strstr(text.p, "stand behind the end of an epoch"));
        assert_non_null(strstr(text.p, "\"epoch\":1,"));
        free_file(&text);
        rig_drop(&r);
    }
}

/* The same by a disk that fails: what was written and not synced when the epoch ended, then a kill. */
static void test_killed_while_failed_at_an_end(void **state)
{
    (void)state;
    for (int renewed = 0; renewed < 2; renewed++) {
        struct rig r;
        struct list none;
        rig_init(&r);
        rig_open(&r);
        put_rec(&r, AUDIT_INTENT, "a");
        fault_set(CALL_FDATASYNC, 1, -1, EIO); /* written, but not durable; nor is there another file */
        put_rec(&r, AUDIT_OUTCOME, "a");
        assert_true(ledger_status(r.l)->failed);
        pass_ms(LENGTH_S * 1000);
        if (renewed) /* the segment gets its name, the next one no record */
            fault_set(CALL_WRITE, 3, -1, EIO);
        list_init(&none);
        probe(&r);
        fault_clear();
        assert_int_equal(epoch_of_file(&r), 1);
        ledger_free(&r.l);
        rig_open(&r);
        /* its outcome was written in vain, and again only where there was a next file */
        assert_int_equal(ledger_status(r.l)->open_intents, renewed);
        rig_stop(&r);
        struct slice text = read_file(r.w.path);
        assert_int_equal(strstr(text.p, "unknown_after_crash") != NULL, renewed);
        free_file(&text);
        verify_too(&r);
        rig_drop(&r);
    }
}

/* The end of an epoch that passes between two looks at the clock: what is not synced must not become the end that is sealed, or a
 * failed sync would take it back, and nothing could follow the seal any more. */
static void test_end_between_two_looks(void **state)
{
    (void)state;
    for (int at = 0; at < 3; at++) {
        struct rig r;
        rig_init(&r);
        r.cfg.sync_delay_ms = 60000;
        rig_open(&r);
        put_rec(&r, AUDIT_INTENT, "a");
        put_rec(&r, AUDIT_OUTCOME, "a"); /* written, not synced */
        fault_set(CALL_FDATASYNC, 1, 1, EIO);
        jump_at = at;
        idle(&r);
        jump_at = -1;
        fault_clear();
        for (int i = 0; i < 5; i++) {
            pass_ms(1000);
            probe(&r);
        }
        assert_false(ledger_status(r.l)->failed);
        ledger_free(&r.l);
        rig_drop(&r);
    }
}

/* Records of the epoch before were cut off the end, by who has the present key or not: the state file says where it ended. */
static void test_end_is_missed(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_open(&r);
    put_rec(&r, AUDIT_DENY, "a");
    put_rec(&r, AUDIT_DENY, "b");
    ledger_free(&r.l);
    put_state(&r, 1, 4);
    for (int accept = 0; accept < 2; accept++) {
        r.cfg.accept_broken_chain = accept;
        struct slice text = read_file(r.w.path);
        cut_behind(&r, 3);
        must_refuse(&r, "ends with record 3 of epoch 0, but the audit key");
        write_file(r.w.path, text);
        put_key(&r, 1); /* without it, the end is not known */
        must_refuse(&r, "does not say where that epoch ended");
        put_state(&r, 1, 4);
        free_file(&text);
    }
    /* the opening that stands there must say the same */
    rig_open(&r);
    ledger_free(&r.l);
    put_state(&r, 1, 3);
    must_refuse(&r, "the end_seal is not that of the line before");
    put_state(&r, 1, 4);
    rig_open(&r);
    rig_stop(&r);
    struct log_view v = check(&r, 1);
    view_free(&v);
    rig_drop(&r);
}

/* Where lines are not synced one by one, the end of an epoch is: a power cut behind it must not leave a log without it. */
static void test_end_is_durable(void **state)
{
    struct rig r;

    (void)state;
    for (int synced = 0; synced < 2; synced++) {
        rig_init(&r);
        r.cfg.synced = synced;
        r.cfg.sync_delay_ms = 60000;
        rig_open(&r);
        put_rec(&r, AUDIT_OUTCOME, "a");
        int before = call_count(CALL_FDATASYNC);
        put_rec(&r, AUDIT_OUTCOME, "b");
        assert_int_equal(call_count(CALL_FDATASYNC), before);
        pass_ms(LENGTH_S * 1000);
        fault_set(CALL_FDATASYNC, 1, 1, EIO);
        put_rec(&r, AUDIT_OUTCOME, "c");
        assert_true(ledger_status(r.l)->failed);
        assert_int_equal(epoch_of_file(&r), 0); /* nothing is sealed that may not stay */
        fault_clear();
        for (int i = 0; i < 3; i++)
            probe(&r);
        assert_int_equal(epoch_of_file(&r), 1);
        before = call_count(CALL_FDATASYNC);
        pass_ms(LENGTH_S * 5000); /* before the state file gets the key of the last of them */
        idle(&r);
        assert_true(call_count(CALL_FDATASYNC) >= before + 1);
        rig_stop(&r);
        struct log_view v = check(&r, 6);
        view_free(&v);
        rig_drop(&r);
    }
}

/* The state file cannot be replaced when an epoch ends, and then the clock goes back: that epoch is over all the same. */
static void test_no_way_back_behind_an_end(void **state)
{
    struct rig r;
    char beside[120];

    (void)state;
    rig_init(&r);
    rig_open(&r);
    put_rec(&r, AUDIT_DENY, "a");
    snprintf(beside, sizeof beside, "%s.new", r.key_path);
    assert_int_equal(unlink(beside), 0);
    assert_int_equal(mkdir(beside, 0700), 0);
    pass_ms(LENGTH_S * 1000);
    put_rec(&r, AUDIT_DENY, "b");
    assert_true(ledger_status(r.l)->failed);
    set_wall_s(2);
    assert_int_equal(rmdir(beside), 0);
    probe(&r);
    assert_false(ledger_status(r.l)->failed);
    put_rec(&r, AUDIT_DENY, "c");
    rig_stop(&r);
    struct log_view v = check(&r, 1);
    view_free(&v);
    rig_drop(&r);
}

/* A line as an easgate wrote it that sealed no ends. */
static void put_old_line(struct sbuf *log, char prev[65], uint64_t seq, uint64_t epoch, const char *type)
{
    unsigned char key[32], mac[32], digest[32];
    char hex[65];
    unsigned n = 0;
    SCOPED(sbuf) line = SBUF_MAX(AUDIT_LINE_MAX_BYTES);

    sbuf_addf(&line,
              "{\"v\":2,\"seq\":%llu,\"run\":\"0123456789abcdef\",\"t\":\"2026-11-23T16:00:%02llu.000Z\","
              "\"mono\":1,\"type\":\"%s\",\"epoch\":%llu,\"prev\":\"%s\"",
              (unsigned long long)seq, (unsigned long long)epoch * LENGTH_S, type, (unsigned long long)epoch,
              prev);
    key_bytes(epoch, key);
    assert_non_null(HMAC(EVP_sha256(), key, 32, (const unsigned char *)line.p, line.n, mac, &n));
    enc_hex(mac, 32, hex);
    sbuf_addf(&line, ",\"mac\":\"%s\"}", hex);
    assert_int_equal(EVP_Digest(line.p, line.n, digest, NULL, EVP_sha256(), NULL), 1);
    enc_hex(digest, 32, prev);
    sbuf_add(log, sbuf_slice(&line));
    sbuf_addc(log, '\n');
}

/* A log and a state file of such an easgate go on: each end is sealed from then on, but one whose key was gone already. */
static void test_log_without_ends_goes_on(void **state)
{
    (void)state;
    for (uint64_t file_epoch = 2; file_epoch <= 3; file_epoch++) {
        struct rig r;
        char prev[65];
        SCOPED(sbuf) log = SBUF_MAX(1 << 16);
        rig_init(&r);
        memset(prev, '0', 64);
        prev[64] = '\0';
        put_old_line(&log, prev, 1, 0, "checkpoint");
        put_old_line(&log, prev, 2, 0, "start");
        put_old_line(&log, prev, 3, 1, "checkpoint");
        put_old_line(&log, prev, 4, 2, "checkpoint");
        put_old_line(&log, prev, 5, 2, "deny");
        write_file(r.w.path, sbuf_slice(&log));
        put_key(&r, file_epoch); /* 3: killed between the state file and the log */
        set_wall_s(21);
        rig_open(&r);
        put_rec(&r, AUDIT_DENY, "a");
        pass_ms(LENGTH_S * 3000);
        put_rec(&r, AUDIT_DENY, "b");
        rig_stop(&r);
        struct log_view v = check(&r, 5);
        size_t ends = 0;
        for (size_t i = 0; i < v.count; i++)
            ends += strstr(v.lines[i].text, "\"end_seal\":") != NULL;
        assert_int_equal(ends, 5 - file_epoch);
        view_free(&v);
        rig_drop(&r);
    }
}

static void remove_torn(struct rig *r)
{
    DIR *d = opendir(r->w.dir);

    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d)) != NULL;)
        if (strstr(entry->d_name, ".torn-"))
            unlinkat(dirfd(d), entry->d_name, 0);
    closedir(d);
}

/* Killed at any byte of the last batches: the log goes on and is whole. */
static void test_torn_at_every_byte(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    rig_open(&r);
    put_rec(&r, AUDIT_INTENT, "a");
    size_t from = (size_t)ledger_status(r.l)->records;
    struct slice before = read_file(r.w.path);
    pass_ms(LENGTH_S * 1000);
    put_rec(&r, AUDIT_OUTCOME, "a");
    ledger_free(&r.l);
    struct slice all = read_file(r.w.path);
    assert_int_equal(from, 3);
    for (size_t n = before.n; n <= all.n; n++) {
        write_file(r.w.path, before);
        put_state(&r, 1, 3);
        write_file(r.w.path, slice_from(all.p, n));
        rig_open(&r);
        rig_stop(&r);
        struct log_view v = check(&r, 1);
        view_free(&v);
        remove_torn(&r);
    }
    free_file(&before);
    free_file(&all);
    rig_drop(&r);
}

/* ---- checkpoints that are said ---- */

static void make_pem(struct rig *r, unsigned char out_public[32])
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    size_t n = 32;
    FILE *f = fopen(r->pem_path, "w");

    assert_true(key && f);
    assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(EVP_PKEY_get_raw_public_key(key, out_public, &n), 1);
    fclose(f);
    assert_int_equal(chmod(r->pem_path, 0600), 0);
    EVP_PKEY_free(key);
}

static void check_note(const struct audit_note *note, const struct log_view *v,
                       const unsigned char public_key[32])
{
    const struct log_line *line = &v->lines[note->seq - 1];
    unsigned char digest[32], id[4], key[32], mac[32], text[200];
    unsigned n = 0;

    assert_true(slice_eq(note->name, S("easgate/audit/te-st")));
    assert_true(note->seq >= 1 && note->seq <= v->count);
    assert_int_equal(EVP_Digest(line->text, strlen(line->text), digest, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(digest, note->hash, 32);
    assert_int_equal(note->signer_count, 2);
    /* C2SP signed-note: SHA-256(name, newline, type, key) */
    memcpy(text, "easgate/audit/te-st\n\x01", 21);
    memcpy(text + 21, public_key, 32);
    assert_int_equal(EVP_Digest(text, 53, digest, NULL, EVP_sha256(), NULL), 1);
    memcpy(id, digest, 4);
    const struct audit_note_signer *signer = audit_note_find(note, id, 64);
    assert_non_null(signer);
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey), 1);
    assert_int_equal(
        EVP_DigestVerify(ctx, signer->bytes, 64, (const unsigned char *)note->text.p, note->text.n), 1);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    assert_int_equal(EVP_Digest("easgate/audit/te-st\n\xff"
                                "easgate-hmac-sha256",
                                40, digest, NULL, EVP_sha256(), NULL),
                     1);
    signer = audit_note_find(note, digest, 32);
    assert_non_null(signer);
    key_bytes((uint64_t)number_of(line->text, "epoch"), key);
    HMAC(EVP_sha256(), key, 32, (const unsigned char *)note->text.p, note->text.n, mac, &n);
    assert_memory_equal(mac, signer->bytes, 32);
}

static size_t check_notes(struct rig *r, const struct log_view *v, const unsigned char public_key[32],
                          uint64_t *out_last)
{
    struct slice text = read_file(r->notes_path), rest = text;
    struct audit_note note;
    size_t count = 0;

    *out_last = 0;
    while (audit_note_take(&rest, &note, NULL)) {
        check_note(&note, v, public_key);
        assert_true(note.seq > *out_last);
        *out_last = note.seq;
        count++;
    }
    assert_int_equal(rest.n, 0);
    free_file(&text);
    return count;
}

static void test_checkpoints(void **state)
{
    struct rig r;
    unsigned char public_key[32];
    uint64_t last;

    (void)state;
    rig_init(&r);
    make_pem(&r, public_key);
    put_key(&r, 0);
    r.cfg.checkpoint_interval_ms = 3000;
    r.cfg.checkpoint_path = r.notes_path;
    r.cfg.checkpoint_key_path = r.pem_path;
    rig_open(&r); /* the first epoch opens: one */
    struct log_view v = check(&r, 0);
    assert_int_equal(check_notes(&r, &v, public_key, &last), 1);
    view_free(&v);
    assert_int_equal(ledger_status(r.l)->due_mono_ms, 0);
    put_rec(&r, AUDIT_DENY, "a");
    assert_int_equal(ledger_status(r.l)->due_mono_ms, atomic_load(&mono) + 3000);
    pass_ms(2999);
    idle(&r);
    assert_int_not_equal(ledger_status(r.l)->due_mono_ms, 0);
    pass_ms(1);
    idle(&r); /* something was written since: one more */
    assert_int_equal(ledger_status(r.l)->due_mono_ms, 0);
    pass_ms(3000);
    idle(&r);                     /* nothing was */
    put_rec(&r, AUDIT_DENY, "a"); /* the interval is over */
    put_rec(&r, AUDIT_DENY, "b");
    v = check(&r, 0);
    assert_int_equal(check_notes(&r, &v, public_key, &last), 3);
    assert_int_equal(view_count(&v, "checkpoint", NULL, NULL), 3);
    view_free(&v);
    ledger_rotate(r.l);
    idle(&r);
    v = check(&r, 0);
    assert_int_equal(check_notes(&r, &v, public_key, &last), 4);
    assert_int_equal(last, v.count);
    assert_string_equal(v.lines[v.count - 1].type, "rotate");
    view_free(&v);
    pass_ms(LENGTH_S * 5000); /* five epochs at once: one note */
    idle(&r);
    rig_stop(&r);
    v = check(&r, 5);
    assert_int_equal(check_notes(&r, &v, public_key, &last), 6);
    assert_int_equal(last, v.count);
    view_free(&v);
    struct stat st;
    assert_int_equal(stat(r.notes_path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    rig_drop(&r);
}

/* What a checkpoint file must not be; and that one which fails later stops nothing. */
static void test_checkpoint_files(void **state)
{
    struct rig r;
    unsigned char public_key[32];

    (void)state;
    rig_init(&r);
    r.cfg.checkpoint_interval_ms = 1000;
    r.cfg.checkpoint_path = "/nowhere/at/all";
    must_refuse(&r, "/nowhere/at/all");
    r.cfg.checkpoint_path = r.w.dir;
    must_refuse(&r, r.w.dir);
    r.cfg.checkpoint_path = r.notes_path;
    r.cfg.checkpoint_key_path = r.pem_path;
    must_refuse(&r, r.pem_path);
    write_file(r.pem_path, S("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n"));
    must_refuse(&r, "is no PEM private key");
    make_pem(&r, public_key);
    assert_int_equal(chmod(r.pem_path, 0644), 0);
    must_refuse(&r, "0600");
    assert_int_equal(chmod(r.pem_path, 0600), 0);
    rig_open(&r);
    assert_int_equal(unlink(r.notes_path), 0);
    assert_int_equal(mkdir(r.notes_path, 0700), 0);
    pass_ms(2000);
    put_rec(&r, AUDIT_DENY, "a");
    assert_false(ledger_status(r.l)->failed);
    assert_int_equal(rmdir(r.notes_path), 0);
    rig_stop(&r);
    struct log_view v = view_log(r.w.dir);
    uint64_t last;
    assert_int_equal(check_notes(&r, &v, public_key, &last), 1);
    view_free(&v);
    rig_drop(&r);
}

/* Without a key, too: the note is text alone. */
static void test_checkpoints_without_any_key(void **state)
{
    struct rig r;
    struct audit_note note;

    (void)state;
    rig_init(&r);
    r.cfg.key_path = NULL;
    r.cfg.checkpoint_interval_ms = 1000;
    r.cfg.checkpoint_path = r.notes_path;
    rig_open(&r);
    rig_stop(&r);
    struct slice text = read_file(r.notes_path), rest = text;
    assert_true(audit_note_take(&rest, &note, NULL));
    assert_int_equal(note.seq, 2);
    assert_int_equal(note.signer_count, 0);
    assert_false(audit_note_take(&rest, &note, NULL));
    free_file(&text);
    rig_drop(&r);
}

/* ---- through the auditor: nobody calls, the loop's own timer does ---- */

static void test_idle_auditor(void **state)
{
    (void)state;
    for (int synced = 0; synced < 2; synced++) {
        struct rig r;
        rig_init(&r);
        r.cfg.synced = synced;
        r.cfg.checkpoint_interval_ms = 3000;
        r.w.cfg.ledger = r.cfg;
        must_open(&r.w);
        assert_true(wait_durable(&r.w, put_intent(&r.w, "a")));
        for (int i = 0; i < 400 && epoch_of_file(&r) < 3; i++) {
            pass_ms(200);
            turn(&r.w, 20);
        }
        assert_int_equal(epoch_of_file(&r), 3);
        assert_true(wait_durable(&r.w, put_intent(&r.w, "a")));
        assert_true(auditor_close(&r.w.auditor, 5000));
        uint64_t last = epoch_of_file(&r);
        struct log_view v = check(&r, last);
        assert_true(view_count(&v, "checkpoint", NULL, NULL) > last + 1); /* one was of the interval */
        view_free(&v);
        rig_drop(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epochs_with_and_without_records),
        cmocka_unit_test(test_border_within_a_batch),
        cmocka_unit_test(test_hundred_epochs_down),
        cmocka_unit_test(test_crash_between_file_and_log),
        cmocka_unit_test(test_crash_behind_passed_epochs),
        cmocka_unit_test(test_clock_far_ahead),
        cmocka_unit_test(test_fault_at_every_call),
        cmocka_unit_test(test_long_failure),
        cmocka_unit_test(test_state_file_cannot_be_replaced),
        cmocka_unit_test(test_refused_at_start),
        cmocka_unit_test(test_changed_and_chained_anew),
        cmocka_unit_test(test_key_comes_later),
        cmocka_unit_test(test_clock_goes_back),
        cmocka_unit_test(test_record_that_waited),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_crash_behind_a_broken_segment),
        cmocka_unit_test(test_nothing_is_accepted_that_leads_nowhere),
        cmocka_unit_test(test_nothing_behind_stop),
        cmocka_unit_test(test_torn_at_every_byte),
        cmocka_unit_test(test_lines_behind_an_end),
        cmocka_unit_test(test_killed_while_failed_at_an_end),
        cmocka_unit_test(test_end_between_two_looks),
        cmocka_unit_test(test_end_is_missed),
        cmocka_unit_test(test_end_is_durable),
        cmocka_unit_test(test_no_way_back_behind_an_end),
        cmocka_unit_test(test_log_without_ends_goes_on),
        cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_checkpoint_files),
        cmocka_unit_test(test_checkpoints_without_any_key),
        cmocka_unit_test(test_idle_auditor),
    };

    quiet_log();
    return cmocka_run_group_tests_name("ledger_epoch", tests, NULL, NULL);
}
