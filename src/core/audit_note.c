/* Checkpoints as text: see audit_note.h. One spelling for each note, so that what is read is what would be written. */
#include "core/audit_note.h"
#include "base/enc.h"
#include "base/num.h"

#define NAME_BEGIN "easgate/audit/"
#define DASH       "\xe2\x80\x94 " /* U+2014 and a blank begin a signature's line */
#define MAC_LABEL                                                                                            \
    "\n\xff"                                                                                                 \
    "easgate-hmac-sha256"

static bool is_host_char(char c)
{
    return ascii_is_alnum(c) || c == '.' || c == '_' || c == '-';
}

void audit_note_name(struct slice host, struct sbuf *out)
{
    sbuf_adds(out, NAME_BEGIN);
    for (size_t i = 0; i < host.n; i++)
        sbuf_addc(out, is_host_char(host.p[i]) ? host.p[i] : '-');
    if (!host.n)
        sbuf_addc(out, '-');
}

void audit_note_text(struct slice name, uint64_t seq, const unsigned char hash[DIGEST_BYTES],
                     struct sbuf *out)
{
    sbuf_add(out, name);
    sbuf_addc(out, '\n');
    sbuf_add_u64(out, seq);
    sbuf_addc(out, '\n');
    enc_base64(slice_from(hash, DIGEST_BYTES), out);
    sbuf_addc(out, '\n');
}

static bool key_id(struct slice name, struct slice rest, unsigned char out[AUDIT_NOTE_ID_BYTES])
{
    unsigned char hash[DIGEST_BYTES];
    SCOPED(sbuf) text = SBUF_MAX(AUDIT_NOTE_MAX_BYTES);

    sbuf_add(&text, name);
    sbuf_add(&text, rest);
    if (!sbuf_ok(&text) || !digest_sha256(sbuf_slice(&text), hash))
        return false;
    memcpy(out, hash, AUDIT_NOTE_ID_BYTES);
    return true;
}

bool audit_note_id_ed25519(struct slice name, const unsigned char key[AUDIT_NOTE_KEY_BYTES],
                           unsigned char out[AUDIT_NOTE_ID_BYTES])
{
    char rest[2 + AUDIT_NOTE_KEY_BYTES] = "\n\x01";

    memcpy(rest + 2, key, AUDIT_NOTE_KEY_BYTES);
    return key_id(name, slice_from(rest, sizeof rest), out);
}

bool audit_note_id_mac(struct slice name, unsigned char out[AUDIT_NOTE_ID_BYTES])
{
    return key_id(name, S(MAC_LABEL), out);
}

void audit_note_signature(struct slice name, const unsigned char id[AUDIT_NOTE_ID_BYTES],
                          struct slice signature, struct sbuf *out)
{
    SCOPED(sbuf) bytes = SBUF_MAX(AUDIT_NOTE_MAX_BYTES);

    sbuf_add(&bytes, slice_from(id, AUDIT_NOTE_ID_BYTES));
    sbuf_add(&bytes, signature);
    sbuf_adds(out, DASH);
    sbuf_add(out, name);
    sbuf_addc(out, ' ');
    enc_base64(sbuf_slice(&bytes), out);
    sbuf_addc(out, '\n');
    if (!sbuf_ok(&bytes))
        out->failed = true;
}

/* ---- reading ---- */

/* The line that *rest begins with, if it has its '\n'. */
static bool take_line(struct slice *rest, struct slice *out)
{
    size_t n = slice_find(*rest, '\n');

    if (n == rest->n)
        return false;
    *out = slice_from(rest->p, n);
    *rest = slice_skip(*rest, n + 1);
    return true;
}

static bool is_name(struct slice s)
{
    if (!slice_starts(s, S(NAME_BEGIN)) || s.n == sizeof NAME_BEGIN - 1)
        return false;
    for (size_t i = sizeof NAME_BEGIN - 1; i < s.n; i++)
        if (!is_host_char(s.p[i]))
            return false;
    return true;
}

static bool take_text(struct slice *rest, struct audit_note *out)
{
    const char *begin = rest->p;
    struct slice seq, hash;
    SCOPED(sbuf) bytes = SBUF_MAX(DIGEST_BYTES);

    if (!take_line(rest, &out->name) || !is_name(out->name) || !take_line(rest, &seq) ||
        !num_u64(seq, 1, UINT64_MAX, &out->seq) || !take_line(rest, &hash) || !enc_unbase64(hash, &bytes) ||
        bytes.n != sizeof out->hash)
        return false;
    memcpy(out->hash, bytes.p, sizeof out->hash);
    out->text = slice_from(begin, (size_t)(rest->p - begin));
    return take_line(rest, &seq) && seq.n == 0;
}

static bool take_signature(struct slice *rest, struct audit_note *out)
{
    struct slice line, name;
    SCOPED(sbuf) bytes = SBUF_MAX(AUDIT_NOTE_MAX_BYTES);

    if (!take_line(rest, &line))
        return false;
    struct slice text = slice_skip(line, sizeof DASH - 1);
    if (!slice_split(&text, ' ', &name) || !name.n || !text.p || !enc_unbase64(text, &bytes) ||
        bytes.n <= AUDIT_NOTE_ID_BYTES || out->signer_count == AUDIT_NOTE_SIGNERS_MAX)
        return false;
    struct audit_note_signer *s = &out->signers[out->signer_count++];
    *s = (struct audit_note_signer){ .name = name, .size = bytes.n - AUDIT_NOTE_ID_BYTES };
    memcpy(s->id, bytes.p, AUDIT_NOTE_ID_BYTES);
    if (s->size <= sizeof s->bytes)
        memcpy(s->bytes, bytes.p + AUDIT_NOTE_ID_BYTES, s->size);
    return true;
}

bool audit_note_take(struct slice *rest, struct audit_note *out, struct err *e)
{
    struct slice at = *rest;

    while (at.n && at.p[0] == '\n')
        at = slice_skip(at, 1);
    if (!at.n) {
        *rest = at;
        return false;
    }
    *out = (struct audit_note){ .seq = 0 };
    if (!take_text(&at, out))
        return err_set(e, ERR_SYNTAX,
                       "no checkpoint: expected three lines, " NAME_BEGIN
                       "HOST, the number of a record and the base64 of its hash, and an empty one");
    while (slice_starts(at, S(DASH)))
        if (!take_signature(&at, out))
            return err_set(e, ERR_SYNTAX, "a checkpoint's signature is cut or not well formed");
    *rest = at;
    return true;
}

const struct audit_note_signer *audit_note_find(const struct audit_note *note,
                                                const unsigned char id[AUDIT_NOTE_ID_BYTES], size_t size)
{
    for (size_t i = 0; i < note->signer_count; i++) {
        const struct audit_note_signer *s = &note->signers[i];
        if (s->size == size && slice_eq(s->name, note->name) && memcmp(s->id, id, AUDIT_NOTE_ID_BYTES) == 0)
            return s;
    }
    return NULL;
}
