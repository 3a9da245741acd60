/* Checkpoints that were kept elsewhere: see audit_marks.h. They may be forged, so nothing is believed before it was parsed. */
#include "edge/audit_marks.h"
#include "base/enc.h"
#include "base/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)1 << 31)

void audit_marks_drop(struct audit_marks *m)
{
    for (size_t i = 0; i < m->name_count; i++)
        free(m->names[i]);
    free(m->list);
    *m = (struct audit_marks){ 0 };
}

/* ---- the public key ---- */

static EVP_PKEY *read_public_key(const char *path, unsigned char out_raw[AUDIT_NOTE_KEY_BYTES], struct err *e)
{
    BIO *bio = BIO_new_file(path, "r");
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    size_t n = AUDIT_NOTE_KEY_BYTES;

    if (!bio)
        err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    BIO_free(bio);
    if (key && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 && EVP_PKEY_get_raw_public_key(key, out_raw, &n) == 1)
        return key;
    err_set(e, ERR_SYNTAX, "%s: expected an Ed25519 public key (PEM, \"BEGIN PUBLIC KEY\")", path);
    EVP_PKEY_free(key);
    return NULL;
}

static bool is_signature_of(const struct audit_note *note, const struct audit_note_signer *s, EVP_PKEY *key)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok =
        ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestVerify(ctx, s->bytes, s->size, (const unsigned char *)note->text.p, note->text.n) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

/* The signature that says it is this key's; NULL: there is none, or it was cut. */
static const struct audit_note_signer *signature_by(const struct audit_note *note,
                                                    const unsigned char raw[AUDIT_NOTE_KEY_BYTES])
{
    unsigned char id[AUDIT_NOTE_ID_BYTES];

    return audit_note_id_ed25519(note->name, raw, id) ? audit_note_find(note, id, AUDIT_NOTE_SIG_BYTES)
                                                      : NULL;
}

/* ---- the notes ---- */

static const char *keep_name(struct audit_marks *m, struct slice name)
{
    for (size_t i = m->name_count; i > 0; i--)
        if (slice_eq(slice_of(m->names[i - 1]), name))
            return m->names[i - 1];
    if (m->name_count == sizeof m->names / sizeof *m->names)
        return NULL;
    char *copy = strndup(name.p, name.n);
    if (copy)
        m->names[m->name_count++] = copy;
    return copy;
}

static bool add(struct audit_marks *m, const struct audit_note *note, struct err *e)
{
    unsigned char id[AUDIT_NOTE_ID_BYTES];
    const char *name = keep_name(m, note->name);

    if (m->count == m->room) {
        size_t room = m->room ? m->room * 2 : 64;
        struct audit_mark *list = realloc(m->list, room * sizeof *list);
        if (!list)
            return err_set(e, ERR_MEMORY, "no memory for so many checkpoints");
        m->list = list;
        m->room = room;
    }
    if (!name || !audit_note_id_mac(note->name, id))
        return err_set(e, ERR_MEMORY, "checkpoints of too many logs, or no memory for them");
    struct audit_mark *mark = &m->list[m->count++];
    const struct audit_note_signer *s = audit_note_find(note, id, AUDIT_MAC_BYTES);
    *mark = (struct audit_mark){ .seq = note->seq, .name = name, .has_mac = s != NULL };
    memcpy(mark->hash, note->hash, sizeof mark->hash);
    if (s)
        memcpy(mark->mac, s->bytes, sizeof mark->mac);
    return true;
}

static int by_seq(const void *a, const void *b)
{
    const struct audit_mark *x = a, *y = b;

    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Where in the text of notes one is read. */
struct reading {
    struct slice text, rest;
    struct err why; /* of the first line that is no part of a note */
};

static size_t line_of(const struct reading *r, const char *at)
{
    size_t line = 1;

    for (const char *p = r->text.p; p < at; p++)
        line += *p == '\n';
    return line;
}

static void pass_over(struct audit_marks *m, const struct reading *r, struct slice passed)
{
    if (!m->passed_bytes)
        m->passed_line = line_of(r, passed.p);
    m->passed_bytes += passed.n;
}

static void pass_line(struct audit_marks *m, struct reading *r, const struct err *why)
{
    struct slice line;

    while (slice_starts(r->rest, S("\n")))
        r->rest = slice_skip(r->rest, 1);
    if (!r->why.code)
        r->why = *why;
    slice_split(&r->rest, '\n', &line);
    pass_over(m, r, line);
}

static bool take_notes(struct audit_marks *m, struct slice text, const char *path, EVP_PKEY *key,
                       const unsigned char *raw, struct err *e)
{
    struct reading r = { .text = text, .rest = text };
    struct audit_note note;

    while (r.rest.n) {
        struct err why = { 0 };
        if (!audit_note_take(&r.rest, &note, &why)) {
            if (why.code)
                pass_line(m, &r, &why);
            continue;
        }
        const struct audit_note_signer *by_key = key ? signature_by(&note, raw) : NULL;
        if (by_key && !is_signature_of(&note, by_key, key))
            return err_set(e, ERR_DENIED, "%s: the signature of the checkpoint of record %llu is wrong", path,
                           (unsigned long long)note.seq);
        if (key && !by_key)
            m->unsigned_notes++;
        else if (!add(m, &note, e))
            return false;
    }
    if (m->count)
        qsort(m->list, m->count, sizeof *m->list, by_seq);
    m->are_signed = key != NULL;
    return m->count || err_set(e, ERR_MISSING, "%s: %s", path,
                               r.why.code && !m->unsigned_notes ? r.why.text
                               : key ? "no checkpoint that this public key has signed"
                                     : "no checkpoint in it");
}

/* ---- easgate's own log ---- */

#define EVENT_NOTE " note=\"easgate/audit/"

/* A JSON string's inside up to its closing quote, undone; what is no such string, or was cut, gives nothing that is a note. */
static void undo(struct slice s, struct sbuf *out)
{
    size_t end = 0;

    while (end < s.n && s.p[end] != '"')
        end += s.p[end] == '\\' ? 2 : 1;
    if (end >= s.n)
        return;
    for (size_t i = 0; i < s.n && s.p[i] != '"'; i++) {
        unsigned char unit[2];
        char utf8[4];
        if (s.p[i] != '\\' || i + 1 == s.n) {
            sbuf_addc(out, s.p[i]);
        } else if (s.p[i + 1] != 'u') {
            sbuf_addc(out, s.p[++i]);
        } else if (enc_unhex(slice_from(s.p + i + 2, s.n - i < 6 ? 0 : 4), unit, 2)) {
            sbuf_add(out, slice_from(utf8, enc_utf8_put((uint32_t)unit[0] << 8 | unit[1], utf8)));
            i += 5;
        }
    }
}

/* The notes in the checkpoint events of a log, one behind the other; other lines, and one that is cut, are left out. */
static void take_events(struct slice log, struct sbuf *out)
{
    struct slice line, mark = S(EVENT_NOTE);

    while (slice_split(&log, '\n', &line)) {
        const char *at = log.p ? memmem(line.p, line.n, mark.p, mark.n) : NULL;
        if (!at)
            continue;
        undo(slice_skip(line, (size_t)(at - line.p) + sizeof " note=\"" - 1), out);
        sbuf_addc(out, '\n');
    }
}

static bool read_all(const char *path, struct sbuf *out, struct err *e)
{
    int fd = strcmp(path, "-") == 0 ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;

    while (fd >= 0) {
        char *room = sbuf_room(out, 65536);
        if (!room) {
            close(fd);
            return err_set(e, ERR_MEMORY, "%s: too large", path);
        }
        n = read(fd, room, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        sbuf_grew(out, (size_t)n);
    }
    if (n < 0)
        err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return n == 0;
}

static bool is_note_file(struct slice text)
{
    while (text.n && text.p[0] == '\n')
        text = slice_skip(text, 1);
    return slice_starts(text, S("easgate/audit/"));
}

bool audit_marks_read(struct audit_marks *m, const char *path, const char *pub_pem_path, struct err *e)
{
    unsigned char raw[AUDIT_NOTE_KEY_BYTES];
    EVP_PKEY *key = NULL;
    SCOPED(sbuf) text = SBUF_MAX(FILE_MAX_BYTES);

    *m = (struct audit_marks){ 0 };
    if (pub_pem_path && !(key = read_public_key(pub_pem_path, raw, e)))
        return false;
    SCOPED(sbuf) notes = SBUF_MAX(FILE_MAX_BYTES);
    bool ok = read_all(path, &text, e);
    if (ok && !is_note_file(sbuf_slice(&text)))
        take_events(sbuf_slice(&text), &notes);
    ok = ok && take_notes(m, sbuf_slice(notes.n ? &notes : &text), path, key, raw, e);
    EVP_PKEY_free(key);
    if (!ok)
        audit_marks_drop(m);
    return ok;
}

bool audit_mark_fits_key(const struct audit_mark *mark, const struct audit_key *key)
{
    unsigned char mac[AUDIT_MAC_BYTES];
    SCOPED(sbuf) text = SBUF_MAX(AUDIT_NOTE_MAX_BYTES);

    if (!mark->has_mac)
        return true;
    audit_note_text(slice_of(mark->name), mark->seq, mark->hash, &text);
    return sbuf_ok(&text) && audit_key_mac(key, sbuf_slice(&text), mac) &&
           secret_eq(mac, mark->mac, sizeof mac);
}
