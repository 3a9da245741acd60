/* easgate audit: exit codes, places and what is shown, over logs that the gateway's own writer made. */
#include "app/cmd.h"
#include "edge/ledger.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64], path[96], output[65536];

/* Run the command; standard output and error go into `output`. The exit code. */
static int run(const char *const *args)
{
    char texts[12][120] = { "audit" };
    char *argv[13] = { texts[0] };
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
    assert_true(has("note: records 1 to ") && has("were not given"));
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
        cmocka_unit_test(verify_whole), cmocka_unit_test(verify_broken),
        cmocka_unit_test(show),         cmocka_unit_test(pending),
        cmocka_unit_test(usage),        cmocka_unit_test(lines_that_are_no_records),
    };

    return cmocka_run_group_tests_name("cmd_audit", tests, make_log, remove_log);
}
