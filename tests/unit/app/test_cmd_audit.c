/* easgate audit: exit codes, places and what is shown, over logs that the gateway's own writer made. */
#include "app/cmd.h"
#include "base/map.h"
#include "edge/audit_made.h"
#include "edge/ledger.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64], path[96], output[65536];

/* There is no room for one more thing to remember. */
static bool maps_are_full;
bool __real_map_put(struct map *m, struct slice key, void *value);
bool __wrap_map_put(struct map *m, struct slice key, void *value);
bool __wrap_map_put(struct map *m, struct slice key, void *value)
{
    return !maps_are_full && __real_map_put(m, key, value);
}

/* Run the command; standard output and error go into `output`. The exit code. */
static int run(const char *const *args)
{
    char texts[14][120] = { "audit" };
    char *argv[15] = { texts[0] };
    int argc = 1;
    FILE *out = tmpfile();
    int saved[2] = { dup(1), dup(2) };

    assert_non_null(out);
    for (; *args; args++, argc++) {
        snprintf(texts[argc], sizeof texts[argc], "%s", *args);
        argv[argc] = texts[argc];
    }
    fflush(stdout);
    dup2(fileno(out), 1);
    dup2(fileno(out), 2);
    int code = cmd_audit(argc, argv);
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
    }
    rewind(out);
    output[fread(output, 1, sizeof output - 1, out)] = '\0';
    fclose(out);
    return code;
}
#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })

static bool has(const char *text)
{
    return strstr(output, text) != NULL;
}

static void append(struct ledger *l, const struct audit_rec *rec)
{
    struct list in, done;
    struct audit_item *item = audit_item_new(rec, &clock_system);

    assert_non_null(item);
    list_init(&in);
    list_init(&done);
    list_add_last(&in, &item->node);
    assert_false(ledger_run(l, &in, false, &done));
    assert_false(ledger_status(l)->failed);
    audit_items_free(&done);
}

static int make_log(void **state)
{
    struct err e = { 0 };
    const struct ledger_config cfg = {
        .path = path, .version = "0.1.0", .host = "h", .clock = &clock_system
    };
    const struct audit_rec recs[] = {
        { .type = AUDIT_INTENT,
          .id = S("aa"),
          .client = S("nlp"),
          .op = S("CreateAppService"),
          .nonce = S("n1") },
        { .type = AUDIT_OUTCOME, .id = S("aa"), .has_status = true, .status = 200 },
        { .type = AUDIT_INTENT,
          .id = S("bb"),
          .parent = S("cc"),
          .client = S("cv"),
          .op = S("DescribeService") },
        { .type = AUDIT_DENY, .id = S("dd"), .client = S("cv"), .message = S("no \"big\" spec\x1b[31m") },
    };

    (void)state;
    snprintf(dir, sizeof dir, "/tmp/easgate-cmd-audit-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/audit.jsonl", dir);
    struct ledger *l = ledger_open(&cfg, &e);
    assert_non_null(l);
    for (size_t i = 0; i < sizeof recs / sizeof *recs; i++) {
        append(l, &recs[i]);
        if (i == 1)
            ledger_rotate(l);
    }
    ledger_free(&l);
    return 0;
}

static int remove_log(void **state)
{
    char command[200];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static void verify_whole(void **state)
{
    (void)state;
    assert_int_equal(RUN("verify", dir), 0);
    assert_true(has("whole: 6 records, 1 to 6, in 2 files\n")); /* start and rotate beside the four */
    assert_int_equal(RUN("verify", path), 0);                   /* the current segment alone: begins later */
    assert_true(has("note: records 1 to ") && has("were not given") && has("not shown: the log has no key"));
    assert_int_equal(RUN("verify", "--json", dir), 0);
    assert_true(has("{\"whole\":true,\"records\":6,\"first_seq\":1,\"last_seq\":6,\"files\":2,"));
}

static void verify_broken(void **state)
{
    char copy[200], command[500];

    (void)state;
    snprintf(copy, sizeof copy, "%s/copy.jsonl", dir);
    snprintf(command, sizeof command, "cat %s/audit-1-*.jsonl %s | sed 's/nlp/nlq/' > %s", dir, path, copy);
    assert_int_equal(system(command), 0);
    assert_int_equal(RUN("verify", copy), 1);
    assert_true(has("broken: ") && has("copy.jsonl:3: prev is not the hash"));
    assert_int_equal(RUN("verify", "--json", copy), 1);
    assert_true(has("{\"whole\":false,"));
    assert_int_equal(unlink(copy), 0);
}

static void show(void **state)
{
    (void)state;
    assert_int_equal(RUN("show", dir), 0);
    assert_true(has("\n2 20") || has("1 20"));
    assert_true(has(" intent  id=aa client=nlp op=CreateAppService nonce=n1\n"));
    assert_true(has(" outcome id=aa status=200\n"));
    assert_true(has("message=\"no \\\"big\\\" spec\\u001b[31m\"\n")); /* a terminal's escapes stay escaped */
    assert_false(has("\x1b"));
    assert_int_equal(RUN("show", "--client", "cv", dir), 0);
    assert_true(has("id=bb") && has("id=dd") && !has("id=aa"));
    assert_int_equal(RUN("show", "--id", "cc", dir), 0);
    assert_true(has("id=bb parent=cc") && !has("id=dd"));
    assert_int_equal(RUN("show", "--brief", dir), 0);
    assert_true(has(" intent  aa nlp CreateAppService\n") && has(" outcome aa status=200\n"));
    assert_true(has("message=no \\\"big\\\" spec\\u001b[31m\n") && !has("nonce") && !has("\x1b"));
    assert_int_equal(RUN("stats", "--brief", dir), 2);
    assert_int_equal(RUN("show", "--type", "deny", "--json", dir), 0);
    assert_true(has("{\"v\":1,\"seq\":6,") && !has("intent"));
}

static void pending(void **state)
{
    (void)state;
    assert_int_equal(RUN("pending", dir), 0);
    assert_true(has("id=bb client=cv op=DescribeService") && !has("id=aa"));
    assert_int_equal(RUN("pending", "--json", dir), 0);
    assert_true(has("\"id\":\"bb\""));
}

/* ---- verify against key and checkpoints ---- */

static char made_path[4][100]; /* key, checkpoints, other checkpoints, the current segment */

static void write_checkpoint(const char *file, const struct made *m, uint64_t seq, unsigned char flip)
{
    unsigned char hash[AUDIT_HASH_BYTES];
    SCOPED(sbuf) note = SBUF_MAX(AUDIT_NOTE_MAX_BYTES);

    memcpy(hash, m->hashes[seq - 1], sizeof hash);
    hash[0] ^= flip;
    audit_note_text(S("easgate/audit/h"), seq, hash, &note);
    sbuf_addc(&note, '\n');
    made_file(m->dir, file, sbuf_slice(&note));
}

/* Two segments with a key, the key's line, checkpoints of records 4 and 14. */
static void make_held(struct made *m)
{
    char most[AUDIT_KEY_TEXT_BYTES] = "";
    struct sbuf text = SBUF_LENT(most, sizeof most, sizeof most - 1);
    static const char *const names[] = { "key", "notes", "others", "audit.jsonl" };

    made_begin(m, true, 1);
    made_add_many(m, 9, 1000);
    made_rotate(m); /* 1 to 11 */
    made_add_many(m, 3, 1000);
    made_end(m);
    audit_key_print(&m->first, &text);
    made_file(m->dir, "key", sbuf_slice(&text));
    write_checkpoint("notes", m, 14, 0);
    write_checkpoint("others", m, 4, 0);
    for (size_t i = 0; i < 4; i++)
        snprintf(made_path[i], sizeof made_path[i], "%s/%s", m->dir, names[i]);
}

static void verify_held(void **state)
{
    struct made m;

    (void)state;
    make_held(&m);
    assert_int_equal(RUN("verify", "--key", made_path[0], "--checkpoint", made_path[1], m.dir), 0);
    assert_true(has("whole: 14 records, 1 to 14, in 2 files\n") &&
                has("key: 14 macs are right; 0 were not checked (of epochs before the key's); 0 records have "
                    "none\n") &&
                has("checkpoints: 1 of 1 fit, the last at record 14\n") && !has("not shown"));
    assert_int_equal(RUN("verify", "--key", made_path[0], "--checkpoint", made_path[2], m.dir), 0);
    assert_true(has("not shown: records cut off behind the last checkpoint"));
    assert_int_equal(RUN("verify", "--key", made_path[0], m.dir), 0);
    assert_true(has("not shown: no --checkpoint") && !has("no --key"));
    assert_int_equal(RUN("verify", m.dir), 0);
    assert_true(has("not shown: no --checkpoint") && has("not shown: no --key"));
    assert_int_equal(RUN("verify", "--checkpoint", made_path[1], m.dir), 0);
    assert_true(has("whether the checkpoints are genuine was not checked"));
    assert_int_equal(RUN("verify", "--json", "--key", made_path[0], "--checkpoint", made_path[1], m.dir), 0);
    assert_true(has("\"keyed\":14,\"macs\":14,\"macs_unchecked\":0,\"checkpoints\":1,\"short_of\":0,"
                    "\"ends\":0,\"ends_unchecked\":0,\"ends_unsealed\":0,\"reason\":\"\",\"not_shown\":"
                    "[],\"notes\":[],"
                    "\"notes_left_out\":0}\n"));
    write_checkpoint("others", &m, 4, 1);
    assert_int_equal(RUN("verify", "--checkpoint", made_path[2], m.dir), 1);
    assert_true(has("audit-1-11.jsonl:4: record 4 is not the one of the checkpoint"));
    assert_int_equal(RUN("verify", "--from-checkpoint", made_path[1], m.dir), 0);
    assert_true(has("in 1 file\n") && has("what is before the checkpoint of record 14 was not read"));
    assert_int_equal(truncate(made_path[3], 0), 0);
    assert_int_equal(RUN("verify", "--checkpoint", made_path[1], m.dir), 3);
    assert_true(has("shorter than the checkpoint: it is of record 14, the log ends with record 11\n"));
    assert_int_equal(RUN("verify", "--json", "--checkpoint", made_path[1], m.dir), 3);
    assert_true(has("\"short_of\":14,"));
    made_drop(&m);
}

/* Two records without a mac, eight of the epochs 0 to 2, five that the key of epoch 3 can check. */
static void verify_later_key(void **state)
{
    struct made m;
    char key_path[100];
    SCOPED(sbuf) text = SBUF_MAX(AUDIT_KEY_TEXT_BYTES);

    (void)state;
    made_begin(&m, false, 1);
    made_add_many(&m, 2, 1000);
    m.chain.key = &m.key;
    made_add_many(&m, 6, 300000);
    audit_key_print(&m.key, &text);
    made_add_many(&m, 2, 300000);
    made_end(&m);
    made_file(m.dir, "key", sbuf_slice(&text));
    snprintf(key_path, sizeof key_path, "%s/key", m.dir);
    assert_int_equal(RUN("verify", "--key", key_path, m.dir), 0);
    assert_true(has("whole: 15 records") &&
                has("key: 5 macs are right; 8 were not checked (of epochs before the key's); 2 records have "
                    "none\n") &&
                has("not shown: macs of epochs before the key's were not checked: "));
    assert_int_equal(RUN("verify", "--json", "--key", key_path, m.dir), 0);
    assert_true(has("\"keyed\":13,\"macs\":5,\"macs_unchecked\":8,") &&
                has("\"not_shown\":[\"macs of epochs before "));
    made_drop(&m);
}

static void verify_usage(void **state)
{
    struct made m;

    (void)state;
    make_held(&m);
    assert_int_equal(RUN("verify", "--key", made_path[1], m.dir), 2); /* that is no key */
    assert_true(has("notes: no audit key"));
    assert_int_equal(RUN("verify", "--key", "/nonexistent", m.dir), 2);
    assert_int_equal(RUN("verify", "--checkpoint", made_path[0], m.dir), 2);
    assert_true(has("key: no checkpoint: expected three lines"));
    assert_int_equal(RUN("verify", "--checkpoint-pub", made_path[0], m.dir), 2);
    assert_int_equal(RUN("verify", "--checkpoint", made_path[1], "--checkpoint-pub", made_path[0], m.dir), 2);
    assert_true(has("expected an Ed25519 public key"));
    assert_int_equal(chmod(made_path[0], 0644), 0); /* a key that others can read */
    assert_int_equal(RUN("verify", "--key", made_path[0], m.dir), 2);
    assert_int_equal(RUN("show", "--key", made_path[0], m.dir), 2);
    made_drop(&m);
}

/* Checkpoints behind one that was cut, as a crash leaves it. */
static void verify_cut_checkpoint(void **state)
{
    struct made m;
    char line[200];
    FILE *f;

    (void)state;
    make_held(&m);
    f = fopen(made_path[1], "r");
    assert_non_null(f);
    SCOPED(sbuf) text = SBUF_MAX(4096);
    sbuf_adds(&text, "easgate/audit/h\n1");
    sbuf_adds(&text, "\n\n");
    while (fgets(line, sizeof line, f))
        sbuf_adds(&text, line);
    fclose(f);
    made_file(m.dir, "notes", sbuf_slice(&text));
    assert_int_equal(RUN("verify", "--key", made_path[0], "--checkpoint", made_path[1], m.dir), 0);
    assert_true(has("note: 16 bytes of ") && has("do not count, from line 1 of its notes on\n") &&
                has("checkpoints: 1 of 1 fit, the last at record 14\n"));
    assert_int_equal(RUN("verify", "--json", "--checkpoint", made_path[1], m.dir), 0);
    assert_true(has("{\"whole\":true,") && has("\"notes\":[\"16 bytes of ") &&
                has("\"],\"notes_left_out\":0}\n"));
    made_drop(&m);
}

/* A directory without its first segment; a single file is what a person asked for. */
static void verify_beginning(void **state)
{
    struct made m;
    char first[120];

    (void)state;
    make_held(&m);
    snprintf(first, sizeof first, "%s/audit-1-11.jsonl", m.dir);
    assert_int_equal(unlink(first), 0);
    assert_int_equal(RUN("verify", m.dir), 1);
    assert_true(has("audit.jsonl:1: records 1 to 11 are missing before it, and no rotate record says why"));
    assert_int_equal(RUN("verify", made_path[3]), 0);
    assert_true(has("note: records 1 to 11 were not given\n"));
    assert_int_equal(RUN("verify", "--json", made_path[3]), 0);
    assert_true(has("\"notes\":[\"records 1 to 11 were not given\"]"));
    write_checkpoint("others", &m, 11, 0);
    assert_int_equal(RUN("verify", "--checkpoint", made_path[2], m.dir), 1);
    assert_int_equal(RUN("verify", "--from-checkpoint", made_path[2], m.dir), 0);
    assert_true(has(
        "note: records 1 to 11 were not given: what is before the checkpoint of record 11 was not read\n"));
    made_drop(&m);
}

/* ---- what a person asks for ---- */

/* The same lines, with times and fields that ask for something; a log of its own, since nothing chains it. */
static const char *write_lines(const char *const *fields, size_t count)
{
    static char file[200];
    snprintf(file, sizeof file, "%s/asked.jsonl", dir);
    FILE *f = fopen(file, "w");

    assert_non_null(f);
    for (size_t i = 0; i < count; i++)
        fprintf(f,
                "{\"v\":1,\"seq\":%zu,\"run\":\"0123456789abcdef\",\"t\":\"2026-11-%02zuT12:00:00.500Z\","
                "\"mono\":1,"
                "\"type\":%s}\n",
                i + 1, 10 + i, fields[i]);
    fclose(f);
    return file;
}

#define PREV "\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\""

static const char *asked(void)
{
    static const char *const fields[] = {
        "\"start\"," PREV ",\"version\":\"0.1.0\"",
        "\"intent\"," PREV
        ",\"id\":\"a1\",\"client\":\"nlp\",\"op\":\"CreateAppService\",\"service\":\"nlp_x\"",
        "\"outcome\"," PREV ",\"id\":\"a1\",\"status\":200,\"ms\":40",
        "\"intent\"," PREV
        ",\"id\":\"a2\",\"client\":\"nlp\",\"op\":\"DeleteService\",\"service\":\"=nlp_y\"",
        "\"outcome\"," PREV ",\"id\":\"a2\",\"error\":\"sent_no_answer\",\"message\":\"no \\\"answer\\\"\"",
        "\"intent\"," PREV ",\"id\":\"a3\",\"client\":\"cv\",\"op\":\"DescribeService\",\"service\":\"cv_x\"",
        "\"outcome\"," PREV ",\"id\":\"a3\",\"ms\":7,\"error\":\"cut_answer\"",
        "\"intent\"," PREV ",\"id\":\"a4\",\"client\":\"cv\",\"op\":\"DeleteService\",\"service\":\"cv_y\"",
        "\"outcome\"," PREV ",\"id\":\"a4\",\"error\":\"unknown_after_crash\"",
        "\"resolved\"," PREV ",\"id\":\"a4\",\"service\":\"cv_y\",\"status\":404,\"note\":\"gone\"",
        "\"deny\"," PREV
        ",\"id\":\"a5\",\"client\":\"cv\",\"op\":\"DeleteService\",\"service\":\"nlp_x\",\"status\":403",
        "\"counted\"," PREV ",\"reason\":\"no_token\",\"count\":12",
        "\"intent\"," PREV ",\"id\":\"a6\",\"client\":\"cv\",\"op\":\"DeleteService\",\"service\":\"cv_z\"",
        "\"outcome\"," PREV ",\"id\":\"a6\",\"status\":500,\"ms\":3",
    };

    return write_lines(fields, sizeof fields / sizeof *fields);
}

static size_t lines(void)
{
    size_t n = 0;

    for (const char *p = output; *p; p++)
        n += *p == '\n';
    return n;
}

static void filters(void **state)
{
    const char *file = asked();

    (void)state;
    assert_int_equal(RUN("show", "--client", "nlp", file), 0);
    assert_true(lines() == 4 && has("outcome id=a1") && has("outcome id=a2"));
    assert_int_equal(RUN("show", "--op", "DeleteService", file), 0);
    assert_true(lines() == 8 && has("resolved id=a4") && has("deny    id=a5"));
    assert_int_equal(RUN("show", "--service", "cv_y", "--decision", "allow", file), 0);
    assert_true(lines() == 3 && has("resolved id=a4"));
    assert_int_equal(RUN("show", "--decision", "deny", file), 0);
    assert_true(lines() == 2 && has("counted") && has("a5"));
    assert_int_equal(RUN("show", "--client", "cv", "--type", "outcome", file), 0);
    assert_true(lines() == 3 && has("a3") && has("a4") && has("a6"));
    assert_int_equal(RUN("show", "--since", "2026-11-12", "--until", "2026-11-13T12:00:00.500Z", file), 0);
    assert_true(lines() == 1 && has("3 2026-11-12T12:00:00.500Z"));
    assert_int_equal(
        RUN("show", "--since", "2026-11-13T12:00:00.501Z", "--until", "2026-11-15T00:00:00Z", file), 0);
    assert_true(lines() == 1 && has("5 2026-11-14T"));
    assert_int_equal(RUN("show", "--until", "2d", file),
                     0); /* of 2026-11-21 at the latest: all or some, never an error */
    assert_int_equal(RUN("show", "--since", "864000000s", file), 0); /* as long as a date; in 1999 */
    assert_int_equal(lines(), 14);
    static const char *const bad[] = { "2026-11", "2026-13-01", "yesterday", "", "1y", "9999999999s" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(RUN("show", "--since", bad[i], file), 2);
    assert_int_equal(RUN("show", "--decision", "perhaps", file), 2);
    assert_int_equal(RUN("show", "--client", "", file), 2);
}

/* A person writes what is meant; records have their escapes. */
static void filters_escape(void **state)
{
    static const char *const fields[] = {
        "\"intent\"," PREV ",\"id\":\"a1\",\"client\":\"a,b\\\"c\",\"op\":\"DeleteService\"",
        "\"deny\"," PREV ",\"id\":\"a2\",\"client\":\"a\\\\b\",\"service\":\"caf\\u00e9\\ud83d\\ude00\"",
        "\"deny\"," PREV ",\"id\":\"a3\",\"client\":\"b\",\"service\":\"\\u001b[31m\\ufffd\"",
    };
    const char *file = write_lines(fields, 3);

    (void)state;
    assert_int_equal(RUN("show", "--client", "a,b\"c", file), 0);
    assert_true(lines() == 1 && has("id=a1"));
    assert_int_equal(RUN("show", "--client", "a\\b", "--service", "caf\xc3\xa9\xf0\x9f\x98\x80", file), 0);
    assert_true(lines() == 1 && has("id=a2"));
    assert_int_equal(RUN("show", "--service", "\x1b[31m\xff", file), 0); /* 0xff is no UTF-8 */
    assert_true(lines() == 1 && has("id=a3"));
    assert_int_equal(RUN("show", "--client", "a,b\\\"c", file), 0);
    assert_int_equal(lines(), 0);
    assert_int_equal(RUN("show", "--client", "a", "--client", "b", file), 0); /* the last one counts */
    assert_true(lines() == 1 && has("id=a3"));
}

/* An outcome that a filter cannot know to be wanted is not left out without a word. */
static void filter_is_full(void **state)
{
    const char *file = asked();

    (void)state;
    maps_are_full = true;
    assert_int_equal(RUN("show", "--client", "nlp", file), 2);
    assert_true(has("stopped: more than 1048576 requests that fit wait for their outcome") && !has("a2"));
    assert_int_equal(RUN("tail", "--client", "nlp", file), 2);
    assert_true(has("stopped: ") && lines() == 1);
    maps_are_full = false;
    assert_int_equal(RUN("tail", "--client", "nlp", file), 0);
}

static void csv(void **state)
{
    const char *file = asked();

    (void)state;
    assert_int_equal(RUN("show", "--csv", "--client", "nlp", file), 0);
    assert_memory_equal(output, "seq,t,type,decision,run,id,parent,try,client,", 45);
    assert_true(
        has(",size,last_seq,from,to,end_seal\r\n2,2026-11-11T12:00:00.500Z,intent,allow,0123456789abcdef,"
            "\"a1\",,,\"nlp\",,,"
            "\"CreateAppService\",,,\"nlp_x\","));
    assert_true(has("\"'=nlp_y\""));           /* no formula for a spreadsheet */
    assert_true(has("\"no \"\"answer\"\"\"")); /* RFC 4180, 2.7 */
    size_t commas = 0, columns = 0;
    for (const char *p = output; *p; p++) {
        commas += *p == ',';
        if (*p == '\n' && !columns)
            columns = commas;
    }
    assert_int_equal(commas, 5 * columns); /* no text here has one */
}

static void stats(void **state)
{
    const char *file = asked();

    (void)state;
    assert_int_equal(RUN("stats", "--csv", file), 0);
    assert_string_equal(output, "client,op,allow,deny,counted,ok,failed,unknown,resolved,ms_sum,ms_max\r\n"
                                ",,0,0,12,0,0,0,0,0,0\r\n"
                                "\"cv\",\"DeleteService\",2,1,0,0,1,1,1,3,3\r\n"
                                "\"cv\",\"DescribeService\",1,0,0,0,0,1,0,7,7\r\n"
                                "\"nlp\",\"CreateAppService\",1,0,0,1,0,0,0,40,40\r\n"
                                "\"nlp\",\"DeleteService\",1,0,0,0,0,1,0,0,0\r\n");
    assert_int_equal(RUN("stats", "--json", "--by", "decision", "--client", "cv", file), 0);
    assert_string_equal(output,
                        "{\"decision\":\"allow\",\"allow\":3,\"deny\":0,\"counted\":0,\"ok\":0,\"failed\":1,"
                        "\"unknown\":2,\"resolved\":1,\"ms_sum\":10,\"ms_max\":7}\n"
                        "{\"decision\":\"deny\",\"allow\":0,\"deny\":1,\"counted\":0,\"ok\":0,\"failed\":0,"
                        "\"unknown\":0,\"resolved\":0,\"ms_sum\":0,\"ms_max\":0}\n");
    assert_int_equal(RUN("stats", "--by", "day,service", file), 0);
    assert_true(has("day         service ") && has("\n2026-11-22  cv_z ") && has("\n2026-11-21  - "));
    assert_int_equal(RUN("stats", "--by", "client,client", file), 2);
    assert_int_equal(RUN("stats", "--by", "colour", file), 2);
    assert_int_equal(RUN("stats", "--by", "", file), 2);
}

/* Open: no outcome, or one that says that nobody knows (an answer of 5xx, too), until it is resolved; a read without an answer changed nothing. */
static void pending_unknown(void **state)
{
    const char *file = asked();

    (void)state;
    assert_int_equal(RUN("pending", file), 0);
    assert_int_equal(lines(), 2);
    assert_true(has("4 2026-11-13T12:00:00.500Z id=a2 client=nlp op=DeleteService service==nlp_y "
                    "error=sent_no_answer\n"));
    assert_true(has(" id=a6 client=cv op=DeleteService service=cv_z error=uncertain_status\n"));
    assert_int_equal(RUN("pending", "--csv", file), 0);
    assert_true(has("\r\n4,\"2026-11-13T12:00:00.500Z\",\"a2\",\"nlp\",\"DeleteService\",\"'=nlp_y\",,\"sent_"
                    "no_answer\",0\r\n"));
}

/* Texts that do not fit are cut between two characters: half an escape would make the line no JSON. */
static void pending_cuts_whole_characters(void **state)
{
    static const struct {
        unsigned before; /* so many letters */
        const char *text;
        unsigned kept; /* 0 = all */
    } cases[] = {
        { 60, "1234", 0 },        { 60, "12345", 61 },          { 60, "\\\"345", 60 },
        { 59, "\\\\2345", 61 },   { 58, "\\u00e95", 58 },       { 55, "\\u00e92345", 61 },
        { 54, "\\ud83d2345", 0 }, { 53, "\\ud83d\\ude00", 53 }, { 49, "\\ud83d\\ude002345", 61 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[80], line[400], shown[200];
        const char *const fields[] = { line };
        snprintf(text, sizeof text, "%0*d%s", (int)cases[i].before, 0, cases[i].text);
        snprintf(line, sizeof line,
                 "\"intent\"," PREV ",\"id\":\"a1\",\"client\":\"%s\",\"op\":\"DeleteService\",\"service\":"
                 "\"%s\"",
                 text, text);
        const char *file = write_lines(fields, 1);
        unsigned kept = cases[i].kept ? cases[i].kept : (unsigned)strlen(text);
        const char *dots = cases[i].kept ? "..." : "";
        snprintf(shown, sizeof shown,
                 "\"client\":\"%.*s%s\",\"op\":\"DeleteService\",\"service\":\"%.*s%s\",\"count\":1}\n",
                 (int)kept, text, dots, (int)kept, text, dots);
        assert_int_equal(RUN("pending", "--json", file), 0);
        assert_true(has(shown));
    }
}

/* ---- tail ---- */

static void tail_last(void **state)
{
    (void)state;
    assert_int_equal(RUN("tail", "-n", "2", dir), 0);
    assert_true(lines() == 2 && has("5 ") && has(" id=dd"));
    assert_int_equal(RUN("tail", path), 0); /* all six, over both segments */
    assert_int_equal(lines(), 6);
    assert_int_equal(RUN("tail", "-n", "1", "--type", "intent", "--client", "nlp", dir), 0);
    assert_true(lines() == 1 && has("id=aa"));
    assert_int_equal(RUN("tail", "-n", "0", dir), 2);
    assert_int_equal(RUN("tail", "-n", "10001", dir), 2);
    assert_int_equal(RUN("tail", dir, path), 2);
    assert_int_equal(RUN("tail", "--by", "op", dir), 2);
}

/* No log is not a log without records; there is nothing to follow either. */
static void tail_of_nothing(void **state)
{
    char empty[100], nosuch[120], current[120], says[200];

    (void)state;
    snprintf(empty, sizeof empty, "%s/empty", dir);
    snprintf(nosuch, sizeof nosuch, "%s/nosuch.jsonl", empty);
    snprintf(current, sizeof current, "%s/audit.jsonl", empty);
    assert_int_equal(mkdir(empty, 0700), 0);
    snprintf(says, sizeof says, "easgate audit: %s: no segment of a log named audit.jsonl\n", empty);
    assert_int_equal(RUN("tail", empty), 2);
    assert_string_equal(output, says);
    assert_int_equal(RUN("tail", "--follow", empty), 2);
    assert_string_equal(output, says);
    snprintf(says, sizeof says, "easgate audit: %s: no segment of a log named nosuch.jsonl\n", empty);
    assert_int_equal(RUN("tail", "--csv", nosuch), 2);
    assert_string_equal(output, says);
    assert_int_equal(RUN("tail", "--name", "nosuch.jsonl", empty), 2);
    assert_string_equal(output, says);
    made_file(empty, "audit.jsonl", SLICE_NONE);
    assert_int_equal(RUN("tail", empty), 0); /* a log that nothing was written to yet */
    assert_int_equal(unlink(current), 0);
    assert_int_equal(rmdir(empty), 0);
}

static void append_lines(const char *file, unsigned long long first, unsigned count)
{
    FILE *f = fopen(file, "a");

    assert_non_null(f);
    for (unsigned i = 0; i < count; i++)
        fprintf(f,
                "{\"v\":1,\"seq\":%llu,\"run\":\"0123456789abcdef\",\"t\":\"2026-11-23T12:00:00.500Z\","
                "\"mono\":1,"
                "\"type\":\"stop\"," PREV "}\n",
                first + i);
    fclose(f);
}

/* Wait until the follower's output has this text. */
static bool comes(const char *file, const char *text)
{
    for (int i = 0; i < 500; i++) {
        FILE *f = fopen(file, "r");
        size_t n = f ? fread(output, 1, sizeof output - 1, f) : 0;
        output[n] = '\0';
        if (f)
            fclose(f);
        if (has(text))
            return true;
        usleep(20000);
    }
    return false;
}

/* In a process of its own; what it says, with its errors if wanted, goes to the file `out`. */
static pid_t start_tail(int argc, char **args, const char *out, bool with_errors)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (!freopen(out, "w", stdout) || (with_errors && dup2(1, 2) != 2))
            _exit(9);
        _exit(cmd_audit(argc, args));
    }
    return child;
}

static void tail_follows(void **state)
{
    char own[100], log[120], full[160], out[120], command[200];
    char name[] = "audit", tail[] = "tail", f_option[] = "-f", one[] = "-n1";
    char *args[] = { name, tail, f_option, one, log, NULL };

    (void)state;
    snprintf(own, sizeof own, "%s/follow", dir);
    snprintf(log, sizeof log, "%s/audit.jsonl", own);
    snprintf(out, sizeof out, "%s/out", own);
    assert_int_equal(mkdir(own, 0700), 0);
    append_lines(log, 1, 3);
    pid_t child = start_tail(5, args, out, false);
    assert_true(comes(out, "3 2026") && !has("2 2026-11-23"));
    append_lines(log, 4, 2);
    assert_true(comes(out, "\n5 2026"));
    /* Two segments are closed between two looks, one of them with records that were never in the file we follow. */
    append_lines(log, 6, 1);
    snprintf(full, sizeof full, "%s/audit-1-6.jsonl", own);
    assert_int_equal(rename(log, full), 0);
    snprintf(full, sizeof full, "%s/audit-7-8.jsonl", own);
    append_lines(full, 7, 2);
    append_lines(log, 9, 1);
    assert_true(comes(out, "\n9 2026"));
    /* A line that is still being written is not shown. */
    FILE *f = fopen(log, "a");
    assert_non_null(f);
    fputs("{\"v\":1,\"seq\":10,", f);
    fclose(f);
    f = fopen(log, "a");
    assert_non_null(f);
    fputs("\"run\":\"0123456789abcdef\",\"t\":\"2026-11-23T12:00:00.500Z\",\"mono\":1,\"type\":\"stop\"," PREV
          "}\n",
          f);
    fclose(f);
    assert_true(comes(out, "\n10 2026"));
    assert_int_equal(lines(), 8); /* 3 to 10, each once */
    int status;
    assert_int_equal(truncate(log, 10), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    snprintf(command, sizeof command, "rm -r %s", own);
    assert_int_equal(system(command), 0);
}

/* The gateway set the segment aside and went on behind an earlier record: it is said, and shown from there on. */
static void tail_follows_behind_a_broken_segment(void **state)
{
    char own[100], log[120], broken[200], out[120], command[200];
    char name[] = "audit", tail[] = "tail", f_option[] = "-f";
    char *args[] = { name, tail, f_option, log, NULL };

    (void)state;
    snprintf(own, sizeof own, "%s/broken", dir);
    snprintf(log, sizeof log, "%s/audit.jsonl", own);
    snprintf(out, sizeof out, "%s/out", own);
    snprintf(broken, sizeof broken, "%s/audit-broken-20261123T155957.123Z.jsonl", own);
    assert_int_equal(mkdir(own, 0700), 0);
    append_lines(log, 1, 6);
    pid_t child = start_tail(4, args, out, true);
    assert_true(comes(out, "6 2026"));
    assert_int_equal(rename(log, broken), 0);
    append_lines(log, 0, 0); /* the next one has no record yet */
    usleep(300000);
    FILE *f = fopen(log, "a");
    assert_non_null(f);
    fputs("{\"v\":1,\"seq\":4,\"run\":\"0123456789abcdef\",\"t\":\"2026-11-23T12:00:00.500Z\",\"mono\":1,"
          "\"type\":\"recover\"," PREV
          ",\"file\":\"audit-broken-20261123T155957.123Z.jsonl\",\"last_seq\":3}\n",
          f);
    fclose(f);
    append_lines(log, 5, 3);
    assert_true(comes(out, "\n7 2026"));
    assert_true(has("set aside; what it has behind record 3 does not count\n4 2026"));
    assert_int_equal(lines(), 6 + 1 + 4);
    int status;
    assert_int_equal(truncate(log, 10), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    snprintf(command, sizeof command, "rm -r %s", own);
    assert_int_equal(system(command), 0);
}

static void lines_that_are_no_records(void **state)
{
    char other[200];

    (void)state;
    snprintf(other, sizeof other, "%s/other.jsonl", dir);
    FILE *f = fopen(other, "w");
    assert_non_null(f);
    fputs("{\"v\":1}\n\x1b[31m\n", f);
    fclose(f);
    assert_int_equal(RUN("show", other), 1);
    assert_true(has("other.jsonl:1: not a record") && has("other.jsonl:2: not a record") && !has("\x1b"));
    assert_int_equal(RUN("verify", other), 1);
    assert_true(has("other.jsonl:1:"));
    assert_int_equal(unlink(other), 0);
}

/* A living log's last line may be half written; a dead one's may not. */
static void last_line_of_a_living_log(void **state)
{
    static const char *const commands[] = { "show", "stats", "pending", "tail" };
    struct stat st;
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0 && fstat(fd, &st) == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    assert_int_equal(write(fd, "{\"v\":1,\"seq\":", 13), 13);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        assert_int_equal(RUN(commands[i], dir), 0);
        assert_int_equal(RUN(commands[i], path), 0);
        assert_false(has("not a record"));
    }
    assert_int_equal(write(fd, "\n", 1), 1); /* a whole line, and no record */
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        assert_int_equal(RUN(commands[i], dir), 1);
    assert_int_equal(ftruncate(fd, st.st_size + 13), 0);
    assert_int_equal(flock(fd, LOCK_UN), 0);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        assert_int_equal(RUN(commands[i], dir), 1);
        assert_true(has("not a record: cut"));
    }
    assert_int_equal(ftruncate(fd, st.st_size), 0);
    close(fd);
}

/* What was wrong, where, and what would not be. */
static void usage_says(void **state)
{
    (void)state;
    assert_int_equal(RUN("verify", "--id", "x", dir), 2);
    assert_true(has("--id: verify does not take this option, expected it with show, tail, stats\n"));
    assert_int_equal(RUN("show", "-n", "3", dir), 2);
    assert_true(has("-n: show does not take this option, expected it with tail\n"));
    assert_int_equal(RUN("show", "--type", "what", dir), 2);
    assert_true(has("--type 'what': no type of record, expected start, policy, intent, ") && has(", ship\n"));
    assert_int_equal(RUN("show", "--service", "", dir), 2);
    assert_true(has("--service '': is empty, expected what the records have there\n"));
    assert_int_equal(RUN("show", "--decision", "perhaps", dir), 2);
    assert_true(has("--decision 'perhaps': expected allow or deny\n"));
    assert_int_equal(RUN("show", "--until", "soon", dir), 2);
    assert_true(has("--until 'soon': expected 2026-11-23, "));
    assert_int_equal(RUN("tail", "-n", "10001", dir), 2);
    assert_true(has("-n '10001': expected 1 to 10000\n"));
    assert_int_equal(RUN("stats", "--by", "op,colour", dir), 2);
    assert_true(has("--by 'op,colour': expected some of client,"));
}

static void usage(void **state)
{
    (void)state;
    assert_int_equal(RUN("--help"), 0);
    assert_true(has("examples:"));
    assert_int_equal(RUN("verify", "--help"), 0);
    assert_int_equal(run((const char *const[]){ NULL }), 2);
    assert_int_equal(RUN("destroy", dir), 2);
    assert_int_equal(RUN("verify"), 2);
    assert_int_equal(RUN("verify", "--what", dir), 2);
    assert_int_equal(RUN("verify", "--id", "x", dir), 2);
    assert_int_equal(RUN("show", "--type", "what", dir), 2);
    assert_int_equal(RUN("verify", "/nonexistent"), 2);
    assert_int_equal(RUN("verify", "--name", "other.jsonl", dir), 2);
    assert_int_equal(RUN("show", "/dev/null"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verify_whole),
        cmocka_unit_test(verify_broken),
        cmocka_unit_test(show),
        cmocka_unit_test(pending),
        cmocka_unit_test(usage),
        cmocka_unit_test(usage_says),
        cmocka_unit_test(lines_that_are_no_records),
        cmocka_unit_test(last_line_of_a_living_log),
        cmocka_unit_test(filters),
        cmocka_unit_test(filters_escape),
        cmocka_unit_test(filter_is_full),
        cmocka_unit_test(csv),
        cmocka_unit_test(stats),
        cmocka_unit_test(pending_unknown),
        cmocka_unit_test(pending_cuts_whole_characters),
        cmocka_unit_test(tail_last),
        cmocka_unit_test(tail_of_nothing),
        cmocka_unit_test(tail_follows),
        cmocka_unit_test(tail_follows_behind_a_broken_segment),
        cmocka_unit_test(verify_held),
        cmocka_unit_test(verify_later_key),
        cmocka_unit_test(verify_usage),
        cmocka_unit_test(verify_cut_checkpoint),
        cmocka_unit_test(verify_beginning),
    };

    return cmocka_run_group_tests_name("cmd_audit", tests, make_log, remove_log);
}
