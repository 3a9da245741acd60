/*
 * Fuzz what reads the audit log: lines, key lines, checkpoints. What must hold for every input:
 *  - a line that is accepted is printable ASCII, and its fields, walked one by one, are the whole of its body;
 *  - as the next of a chain it is accepted again, and no single changed bit of it leaves the hash the same;
 *  - a key line and a checkpoint that are accepted print as the same bytes again.
 */
#include "core/audit_chain.h"
#include "core/audit_note.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool holds, const char *law)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", law);
    abort();
}

static void check_fields(const struct audit_line *line)
{
    struct slice rest = line->rest, key, value;
    size_t at = 0;

    while (audit_field_next(&rest, &key, &value)) {
        while (audit_field_key(at).n && !slice_eq(audit_field_key(at), key))
            at++;
        must(audit_field_key(at++).n > 0, "fields are known and in their order");
        must(value.n > 0, "a value is something");
        must(audit_line_field(line, key).p != NULL, "a field is found by its key");
    }
    must(slice_eq(rest, line->version == 1 ? S("}") : SLICE_NONE), "the fields are the whole body");
}

static void check_line(struct slice text)
{
    struct audit_chain chain = { .seq = 0 }, again;
    struct audit_line line, next;

    if (!audit_line_parse(text, &line, NULL))
        return;
    for (size_t i = 0; i < text.n; i++)
        must(text.p[i] >= 0x20 && text.p[i] < 0x7f, "a line is printable ASCII");
    must(line.kind != AUDIT_NONE && line.seq > 0 && line.t.n == 24, "its head says what it is");
    check_fields(&line);
    must(audit_chain_begin(&chain, text, NULL), "any record may be the first that is given");
    if (line.seq == 1 && line.version > 1)
        return; /* then it must be a checkpoint of epoch 0 */
    again = chain;
    if (audit_chain_check(&chain, text, &next, NULL)) {
        must(chain.seq == line.seq, "the chain has moved on");
        must(!audit_chain_check(&chain, text, &next, NULL), "no record comes twice");
        must(audit_chain_check(&again, text, &next, NULL) &&
                 memcmp(again.hash, chain.hash, sizeof chain.hash) == 0,
             "the same record has the same hash");
    }
}

static void check_key(struct slice text)
{
    struct audit_key key;
    SCOPED(sbuf) out = SBUF_MAX(AUDIT_KEY_TEXT_BYTES);

    if (!audit_key_parse(&key, text, NULL))
        return;
    audit_key_print(&key, &out);
    if (text.p[text.n - 1] != '\n')
        out.n--;
    must(slice_eq(sbuf_slice(&out), text), "a key line has one spelling");
    audit_key_drop(&key);
}

static void check_notes(struct slice text)
{
    struct slice rest = text;
    struct audit_note note;
    SCOPED(sbuf) out = SBUF_MAX(1 << 20);

    while (audit_note_take(&rest, &note, NULL)) {
        sbuf_clear(&out);
        audit_note_text(note.name, note.seq, note.hash, &out);
        must(slice_eq(sbuf_slice(&out), note.text), "a checkpoint has one spelling");
        must(note.signer_count <= AUDIT_NOTE_SIGNERS_MAX, "signatures are counted");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct slice text = slice_from(data, n), rest = text, line;

    while (slice_split(&rest, '\n', &line))
        check_line(line);
    check_key(text);
    check_notes(text);
    return 0;
}
