/*
 * Audit logs made line by line with core's own writer, without the ledger: with or without a key, over several epochs and runs,
 * in one file or in many. For tests of what reads them.
 */
#ifndef EG_TEST_AUDIT_MADE_H
#define EG_TEST_AUDIT_MADE_H
#include "base/enc.h"
#include "base/num.h"
#include "core/audit_chain.h"
#include "core/audit_note.h"
#include "edge/audit_verify.h"
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define MADE_START_S  1795000000
#define MADE_LENGTH_S 600

struct made {
    char dir[64];
    struct audit_chain chain;
    struct audit_key first, key; /* of epoch 0; of now */
    int64_t wall_ms;
    struct sbuf text;                                /* of the file that is being made */
    uint64_t first_seq;                              /* of it */
    size_t count;                                    /* records of the log */
    unsigned char (*hashes)[AUDIT_HASH_BYTES];       /* of record i + 1 */
};

static inline void made_file(const char *dir, const char *name, struct slice bytes)
{
    char path[300];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);

    assert_true(n > 0 && (size_t)n < sizeof path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.p, bytes.n), (ssize_t)bytes.n);
    close(fd);
}

static inline void made_key(struct audit_key *key, unsigned char first_byte)
{
    unsigned char bytes[AUDIT_KEY_BYTES];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(first_byte + i);
    assert_true(audit_key_init(key, MADE_START_S, MADE_LENGTH_S, 0, bytes, NULL));
}

static inline void made_begin(struct made *m, bool is_keyed, unsigned char key_byte)
{
    *m = (struct made){ .wall_ms = (int64_t)MADE_START_S * 1000, .text = SBUF_MAX((size_t)64 << 20) };
    snprintf(m->dir, sizeof m->dir, "/tmp/easgate-made-XXXXXX");
    assert_non_null(mkdtemp(m->dir));
    memcpy(m->chain.run, "0123456789abcdef", 17);
    made_key(&m->first, key_byte);
    made_key(&m->key, key_byte);
    m->chain.key = is_keyed ? &m->key : NULL;
}

static inline void made_drop(struct made *m)
{
    char command[120];

    snprintf(command, sizeof command, "rm -r %s", m->dir);
    assert_int_equal(system(command), 0);
    audit_key_drop(&m->first);
    audit_key_drop(&m->key);
    sbuf_drop(&m->text);
    free(m->hashes);
}

static inline void made_add_raw(struct made *m, const struct audit_rec *rec)
{
    SCOPED(sbuf) body = SBUF_MAX(AUDIT_BODY_MAX_BYTES);

    assert_true(audit_rec_body(rec, &body));
    assert_true(audit_chain_add(&m->chain, rec->type, m->wall_ms, m->wall_ms - 1, sbuf_slice(&body), &m->text));
    if (!m->first_seq)
        m->first_seq = m->chain.seq;
    m->hashes = realloc(m->hashes, (m->count + 1) * sizeof *m->hashes);
    assert_non_null(m->hashes);
    memcpy(m->hashes[m->count++], m->chain.hash, AUDIT_HASH_BYTES);
}

/* A record ms after the one before, behind the checkpoints of epochs that begin meanwhile. */
static inline void made_add(struct made *m, const struct audit_rec *rec, int64_t ms)
{
    char seal[2 * AUDIT_MAC_BYTES + 1] = "";
    struct audit_rec opens = { .type = AUDIT_CHECKPOINT };
    struct audit_end end;

    m->wall_ms += ms;
    if (m->chain.key && !m->chain.is_keyed)
        made_add_raw(m, &opens);
    opens.end_seal = slice_from(seal, sizeof seal - 1);
    while (m->chain.key && audit_key_epoch_at(&m->key, m->wall_ms) > m->key.epoch) {
        assert_true(audit_end_make(&end, &m->key, m->chain.seq, m->chain.hash));
        enc_hex(end.seal, sizeof end.seal, seal);
        assert_true(audit_key_forward(&m->key, m->key.epoch + 1, NULL));
        made_add_raw(m, &opens);
    }
    made_add_raw(m, rec);
}

/* An intent, an outcome, a denial in turn. */
static inline void made_add_many(struct made *m, size_t count, int64_t ms)
{
    char id[33], nonce[33];

    for (size_t i = 0; i < count; i++) {
        snprintf(id, sizeof id, "%032zx", m->count / 3);
        snprintf(nonce, sizeof nonce, "%032zx", m->count * 7919);
        const struct audit_rec recs[] = {
            { .type = AUDIT_INTENT, .id = slice_of(id), .client = S("nlp"), .token_id = S("0123456789abcdef"),
              .peer = S("127.0.0.1:4711"), .op = S("CreateAppService"), .method = S("POST"),
              .target = S("/api/v2/app_services?WorkspaceId=12345"), .service = S("nlp_chat"), .spec = S("llama_7b_fp16"),
              .workspace = S("12345"), .has_replicas = true, .replicas = 2, .nonce = slice_of(nonce),
              .key_id = S("LTAI5tExample"), .upstream = S("eas.cn-shanghai.example") },
            { .type = AUDIT_OUTCOME, .id = slice_of(id), .nonce = slice_of(nonce), .has_status = true, .status = 200,
              .upstream_request_id = S("40325405-579C-4D82-9624-EC2B1779848E"), .has_bytes = true, .bytes = 420,
              .has_ms = true, .ms = 31 },
            { .type = AUDIT_DENY, .id = slice_of(id), .client = S("cv"), .op = S("CreateAppService"), .has_status = true,
              .status = 403, .reason = S("replica_cap"), .message = S("would be 9 replicas; max_replicas is \"4\"") },
        };
        made_add(m, &recs[i % 3], ms);
    }
}

/* Close the file as a full segment. */
static inline void made_rotate(struct made *m)
{
    char name[100];

    snprintf(name, sizeof name, "audit-%llu-%llu.jsonl", (unsigned long long)m->first_seq,
             (unsigned long long)m->chain.seq + 1);
    const struct audit_rec closes = { .type = AUDIT_ROTATE, .file = slice_of(name) };
    made_add_raw(m, &closes);
    made_file(m->dir, name, sbuf_slice(&m->text));
    sbuf_clear(&m->text);
    m->first_seq = 0;
}

/* What there is now is the current segment. */
static inline void made_end(struct made *m)
{
    made_file(m->dir, "audit.jsonl", sbuf_slice(&m->text));
}

static inline void made_copy(const char *from, const char *to)
{
    char command[700];

    snprintf(command, sizeof command, "cp -r '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
}

/* The n-th log that is judged here, each EG_KEEP_EVERY-th, goes to the folder EG_KEEP_LOGS with its key line and checkpoint, for the
 * second verifier (tests/audit/agree.py); the file `cases` there names them. */
static inline void made_keep(const char *dir, const struct audit_key *key, const struct audit_mark *mark)
{
    static size_t n;
    const char *keep = getenv("EG_KEEP_LOGS");
    uint64_t every = 1;
    char log[300], path[320];
    SCOPED(sbuf) text = SBUF_MAX(4096);

    num_u64(slice_of(getenv("EG_KEEP_EVERY")), 1, UINT64_MAX, &every);
    if (!keep || n++ % every != 0)
        return;
    snprintf(log, sizeof log, "%s/%zu", keep, n);
    made_copy(dir, log);
    snprintf(path, sizeof path, "%zu.key", n);
    if (key) {
        audit_key_print(key, &text);
        made_file(keep, path, sbuf_slice(&text));
        sbuf_clear(&text);
    }
    snprintf(path, sizeof path, "%zu.checkpoint", n);
    if (mark) {
        sbuf_addf(&text, "%s\n%llu\n", mark->name, (unsigned long long)mark->seq);
        enc_base64(slice_from((const char *)mark->hash, AUDIT_HASH_BYTES), &text);
        sbuf_adds(&text, "\n\n");
        made_file(keep, path, sbuf_slice(&text));
        sbuf_clear(&text);
    }
    FILE *cases = NULL;
    snprintf(path, sizeof path, "%s/cases", keep);
    assert_non_null(cases = fopen(path, "a"));
    fprintf(cases, key ? "%s.key\t" : "-\t", log);
    fprintf(cases, mark ? "%s.checkpoint\t" : "-\t", log);
    fprintf(cases, "-\t%s\n", log);
    fclose(cases);
}

/* Verify the directory against these (each may be NULL). */
static inline bool made_verify(const char *dir, const struct audit_key *key, const struct audit_marks *marks,
                               const struct audit_mark *from, struct audit_verdict *out, struct err *e)
{
    struct audit_parts parts = AUDIT_PARTS_NONE;
    struct audit_names names;
    char path[300];

    snprintf(path, sizeof path, "%s/audit.jsonl", dir);
    made_keep(dir, key, marks ? &marks->list[0] : NULL);
    *e = (struct err){ 0 };
    assert_true(audit_names_init(&names, path, NULL));
    assert_true(audit_parts_add_log(&parts, &names, NULL));
    audit_parts_sort(&parts);
    const struct audit_verify what = {
        .parts = &parts, .from_beginning = true, .key = key, .marks = marks, .from = from
    };
    bool ok = audit_verify(&what, out, e);
    audit_parts_drop(&parts);
    return ok;
}

/* The checkpoint of a record, as the log was made. */
static inline struct audit_mark made_mark(const struct made *m, uint64_t seq)
{
    struct audit_mark mark = { .seq = seq, .name = "easgate/audit/h" };

    memcpy(mark.hash, m->hashes[seq - 1], sizeof mark.hash);
    return mark;
}
#endif
