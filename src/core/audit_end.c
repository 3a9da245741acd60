/* Ends of epochs: see audit_end.h. */
#include "core/audit_end.h"
#include "base/enc.h"
#include "base/num.h"
#include "base/secret.h"

#define SEAL_LABEL "easgate-end-seal"
#define LABEL_N    (sizeof SEAL_LABEL - 1)
#define HASH_HEX   ((size_t)2 * AUDIT_HASH_BYTES)

static bool seal_of(const struct audit_key *key, const unsigned char hash[AUDIT_HASH_BYTES],
                    unsigned char out[AUDIT_MAC_BYTES])
{
    unsigned char text[LABEL_N + AUDIT_HASH_BYTES];

    memcpy(text, SEAL_LABEL, LABEL_N);
    memcpy(text + LABEL_N, hash, AUDIT_HASH_BYTES);
    return audit_key_mac(key, slice_from(text, sizeof text), out);
}

bool audit_end_make(struct audit_end *out, const struct audit_key *key, uint64_t seq,
                    const unsigned char hash[AUDIT_HASH_BYTES])
{
    *out = (struct audit_end){ .seq = seq };
    memcpy(out->hash, hash, sizeof out->hash);
    return seal_of(key, hash, out->seal);
}

bool audit_end_is_sealed(const struct audit_key *key, struct slice hash, struct slice seal)
{
    unsigned char bytes[AUDIT_HASH_BYTES], stands[AUDIT_MAC_BYTES], right[AUDIT_MAC_BYTES];

    return enc_unhex(hash, bytes, sizeof bytes) && enc_unhex(seal, stands, sizeof stands) &&
           seal_of(key, bytes, right) && secret_eq(right, stands, sizeof right);
}

/* ---- as text ---- */

static const struct slice end_begin = S_INIT("easgate-audit-end 1 ");

void audit_state_print(const struct audit_key *key, const struct audit_end *end, struct sbuf *out)
{
    char hash[HASH_HEX + 1], seal[2 * AUDIT_MAC_BYTES + 1];

    audit_key_print(key, out);
    if (!end->seq)
        return;
    enc_hex(end->hash, sizeof end->hash, hash);
    enc_hex(end->seal, sizeof end->seal, seal);
    sbuf_add(out, end_begin);
    sbuf_add_u64(out, end->seq);
    sbuf_addc(out, ' ');
    sbuf_adds(out, hash);
    sbuf_addc(out, ' ');
    sbuf_adds(out, seal);
    sbuf_addc(out, '\n');
}

static bool take_hex(struct slice hex, unsigned char *out, size_t n)
{
    return hex.n == 2 * n && enc_is_lower_hex(hex) && enc_unhex(hex, out, n);
}

static bool parse_end(struct audit_end *end, struct slice rest)
{
    struct slice seq, hash;

    if (rest.n && rest.p[rest.n - 1] == '\n')
        rest.n--;
    return slice_take(&rest, end_begin) && slice_split(&rest, ' ', &seq) &&
           num_u64(seq, 1, UINT64_MAX, &end->seq) && slice_split(&rest, ' ', &hash) &&
           take_hex(hash, end->hash, sizeof end->hash) && take_hex(rest, end->seal, sizeof end->seal);
}

bool audit_state_parse(struct audit_key *key, struct audit_end *end, struct slice text, struct err *e)
{
    size_t n = slice_find(text, '\n');
    struct slice rest = slice_skip(text, n < text.n ? n + 1 : text.n);

    *end = (struct audit_end){ 0 };
    if (!audit_key_parse(key, slice_from(text.p, text.n - rest.n), e))
        return false;
    if (!rest.n || (key->epoch > 0 && parse_end(end, rest)))
        return true;
    *end = (struct audit_end){ 0 };
    audit_key_drop(key);
    return err_set(e, ERR_SYNTAX,
                   "no audit key: behind its line stands something else than "
                   "\"easgate-audit-end 1 SEQ HASH SEAL\"");
}
