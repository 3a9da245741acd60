/*
 * Checkpoints on their way out: see audit_notes.h. The file is opened anew each time, so that who keeps it may move it away; a
 * note is one write, and an empty line stands before it, so that one that was cut spoils no other.
 */
#include "edge/audit_notes.h"
#include "base/log.h"
#include "config/textfile.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEM_MAX_BYTES 4096

struct audit_notes {
    struct sbuf name;
    struct secret *seed; /* of the Ed25519 key; NULL = none */
    unsigned char id[AUDIT_NOTE_ID_BYTES], mac_id[AUDIT_NOTE_ID_BYTES];
    char *file_path; /* NULL = none */
};

/* ---- the Ed25519 key ---- */

static bool take_pkey(struct audit_notes *n, EVP_PKEY *pkey, struct err *e)
{
    unsigned char seed[AUDIT_NOTE_KEY_BYTES], public_key[AUDIT_NOTE_KEY_BYTES];
    size_t seed_n = sizeof seed, public_n = sizeof public_key;

    if (EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519)
        return err_set(e, ERR_SYNTAX, "is another kind of key, expected an Ed25519 private key");
    bool ok = EVP_PKEY_get_raw_private_key(pkey, seed, &seed_n) == 1 && seed_n == sizeof seed &&
              EVP_PKEY_get_raw_public_key(pkey, public_key, &public_n) == 1 &&
              public_n == sizeof public_key && (n->seed = secret_new(seed, sizeof seed)) != NULL &&
              audit_note_id_ed25519(sbuf_slice(&n->name), public_key, n->id);
    secret_wipe(seed, sizeof seed);
    return ok || err_set(e, ERR_CRYPTO, "cannot be used");
}

/* A key with a password is refused; the library would ask for it on the terminal. */
static int no_password(char *out, int size, int is_write, void *arg)
{
    (void)out;
    (void)size;
    (void)is_write;
    (void)arg;
    return -1;
}

static bool read_key(struct audit_notes *n, const char *path, struct err *e)
{
    SCOPED(sbuf) text = SBUF_MAX(PEM_MAX_BYTES);
    struct err why = { 0 };
    EVP_PKEY *pkey = NULL;

    bool ok = textfile_read(path, TEXTFILE_SECRET, &text, &why);
    BIO *bio = ok && text.n ? BIO_new_mem_buf(text.p, (int)text.n) : NULL;
    if (bio)
        pkey = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    if (text.p)
        secret_wipe(text.p, text.cap);
    ok = ok && (pkey || err_set(&why, ERR_SYNTAX, "is no PEM private key, expected an Ed25519 one")) &&
         take_pkey(n, pkey, &why);
    EVP_PKEY_free(pkey);
    return ok || err_set(e, why.code, "the checkpoint key %s: %s", path, why.text);
}

static bool sign(const struct audit_notes *n, struct slice text, unsigned char out[AUDIT_NOTE_SIG_BYTES])
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(
        EVP_PKEY_ED25519, NULL, (const unsigned char *)secret_bytes(n->seed).p, AUDIT_NOTE_KEY_BYTES);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t size = AUDIT_NOTE_SIG_BYTES;
    bool ok = pkey && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestSign(ctx, out, &size, (const unsigned char *)text.p, text.n) == 1 &&
              size == AUDIT_NOTE_SIG_BYTES;

    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return ok;
}

/* ---- the file ---- */

static bool file_error(const struct audit_notes *n, const char *what, struct err *e)
{
    return err_set(e, ERR_IO, "the checkpoint file %s: %s: %s", n->file_path, what, strerror(errno));
}

static int open_file(const struct audit_notes *n, struct stat *out, struct err *e)
{
    int fd = open(n->file_path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                  0600);

    if (fd < 0) {
        file_error(n, "cannot open it", e);
        return -1;
    }
    if (fstat(fd, out) == 0 && S_ISREG(out->st_mode))
        return fd;
    err_set(e, ERR_DENIED, "the checkpoint file %s: is no regular file", n->file_path);
    close(fd);
    return -1;
}

static bool append(const struct audit_notes *n, struct slice note, struct err *e)
{
    SCOPED(sbuf) text = SBUF_MAX(AUDIT_NOTE_MAX_BYTES + 2);
    struct stat st;
    char last = '\n';
    int fd = open_file(n, &st, e);

    if (fd < 0)
        return false;
    if (st.st_size && pread(fd, &last, 1, st.st_size - 1) != 1)
        last = '?';
    sbuf_adds(&text, !st.st_size ? "" : last == '\n' ? "\n" : "\n\n");
    sbuf_add(&text, note);
    bool ok = sbuf_ok(&text) && write(fd, text.p, text.n) == (ssize_t)text.n && fdatasync(fd) == 0;
    if (!ok)
        file_error(n, "cannot write it", e);
    close(fd);
    return ok;
}

/* ---- all of it ---- */

struct audit_notes *audit_notes_new(const char *host, const char *key_path, const char *file_path,
                                    struct err *e)
{
    struct audit_notes *n = calloc(1, sizeof *n);
    struct stat st;

    if (!n) {
        err_set(e, ERR_MEMORY, "no memory for checkpoints");
        return NULL;
    }
    n->name = SBUF_MAX(AUDIT_NOTE_MAX_BYTES / 4);
    audit_note_name(slice_of(host ? host : ""), &n->name);
    bool ok = (sbuf_ok(&n->name) && audit_note_id_mac(sbuf_slice(&n->name), n->mac_id)) ||
              err_set(e, ERR_MEMORY, "no memory for checkpoints");
    ok = ok && (!key_path || !*key_path || read_key(n, key_path, e));
    if (ok && file_path && *file_path) {
        n->file_path = strdup(file_path);
        int fd = n->file_path ? open_file(n, &st, e) : -1;
        ok = fd >= 0;
        if (ok)
            close(fd);
    }
    if (!ok)
        audit_notes_free(&n);
    return n;
}

void audit_notes_free(struct audit_notes **n)
{
    if (!*n)
        return;
    sbuf_drop(&(*n)->name);
    secret_free(&(*n)->seed);
    free((*n)->file_path);
    free(*n);
    *n = NULL;
}

static bool print(const struct audit_notes *n, uint64_t seq, const unsigned char hash[DIGEST_BYTES],
                  const struct audit_key *key, struct sbuf *out)
{
    unsigned char signature[AUDIT_NOTE_SIG_BYTES], mac[AUDIT_MAC_BYTES];
    struct slice name = sbuf_slice(&n->name);

    audit_note_text(name, seq, hash, out);
    size_t signed_bytes = out->n;
    sbuf_addc(out, '\n');
    if (n->seed) {
        if (!sbuf_ok(out) || !sign(n, slice_from(out->p, signed_bytes), signature))
            return false;
        audit_note_signature(name, n->id, slice_from(signature, sizeof signature), out);
    }
    if (key) {
        if (!sbuf_ok(out) || !audit_key_mac(key, slice_from(out->p, signed_bytes), mac))
            return false;
        audit_note_signature(name, n->mac_id, slice_from(mac, sizeof mac), out);
    }
    return sbuf_ok(out);
}

void audit_notes_say(struct audit_notes *n, uint64_t seq, const unsigned char hash[DIGEST_BYTES],
                     const struct audit_key *key)
{
    SCOPED(sbuf) note = SBUF_MAX(AUDIT_NOTE_MAX_BYTES);
    struct err e = { 0 };

    if (!print(n, seq, hash, key, &note)) {
        log_event(LOG_ERROR, "audit", "a checkpoint cannot be made", LOG_N("seq", seq));
        return;
    }
    log_event(LOG_INFO, "audit", "checkpoint", LOG_N("seq", seq), LOG_S("note", sbuf_slice(&note)));
    if (n->file_path && !append(n, sbuf_slice(&note), &e))
        log_event(LOG_ERROR, "audit", "a checkpoint is not in its file", LOG_N("seq", seq),
                  LOG_C("error", e.text));
}
