/* The audit log's key: see audit_key.h. Every copy of key bytes outside of a struct secret is on this stack, and wiped. */
#include "core/audit_key.h"
#include "base/digest.h"
#include "base/enc.h"
#include "base/num.h"

#define STEP_LABEL   "easgate-epoch"
#define TIME_MAX_S   253402300799 /* the end of the year 9999 */
#define LENGTH_MAX_S 31622400     /* a year */

bool audit_key_init(struct audit_key *k, int64_t start_s, int64_t length_s, uint64_t epoch,
                    const unsigned char bytes[AUDIT_KEY_BYTES], struct err *e)
{
    *k = (struct audit_key){ 0 };
    if (start_s < 0 || start_s > TIME_MAX_S || length_s < 1 || length_s > LENGTH_MAX_S)
        return err_set(e, ERR_RANGE, "an audit key's start or length is out of range");
    struct secret *key = secret_new(bytes, AUDIT_KEY_BYTES);
    if (!key)
        return err_set(e, ERR_MEMORY, "no memory for the audit key");
    *k = (struct audit_key){ .start_s = start_s, .length_s = length_s, .epoch = epoch, .key = key };
    return true;
}

void audit_key_drop(struct audit_key *k)
{
    secret_free(&k->key);
    *k = (struct audit_key){ 0 };
}

bool audit_key_copy(struct audit_key *k, const struct audit_key *from, struct err *e)
{
    return audit_key_init(k, from->start_s, from->length_s, from->epoch,
                          (const unsigned char *)secret_bytes(from->key).p, e);
}

/* The key `steps` epochs on, in place. */
static bool step(unsigned char key[AUDIT_KEY_BYTES], uint64_t steps)
{
    unsigned char text[sizeof STEP_LABEL - 1 + AUDIT_KEY_BYTES];
    bool ok = true;

    memcpy(text, STEP_LABEL, sizeof STEP_LABEL - 1);
    for (; ok && steps; steps--) {
        memcpy(text + sizeof STEP_LABEL - 1, key, AUDIT_KEY_BYTES);
        ok = digest_sha256(slice_from(text, sizeof text), key);
    }
    secret_wipe(text, sizeof text);
    return ok;
}

bool audit_key_forward(struct audit_key *k, uint64_t epoch, struct err *e)
{
    unsigned char bytes[AUDIT_KEY_BYTES];

    if (epoch == k->epoch)
        return true;
    if (epoch < k->epoch)
        return err_set(e, ERR_RANGE, "the key is of epoch %llu; that of epoch %llu is gone",
                       (unsigned long long)k->epoch, (unsigned long long)epoch);
    if (epoch - k->epoch > AUDIT_KEY_STEPS_MAX)
        return err_set(e, ERR_RANGE, "epoch %llu is too far from the key's epoch %llu",
                       (unsigned long long)epoch, (unsigned long long)k->epoch);
    memcpy(bytes, secret_bytes(k->key).p, sizeof bytes);
    struct secret *next = step(bytes, epoch - k->epoch) ? secret_new(bytes, sizeof bytes) : NULL;
    secret_wipe(bytes, sizeof bytes);
    if (!next)
        return err_set(e, ERR_MEMORY, "no memory for the next audit key");
    secret_free(&k->key);
    k->key = next;
    k->epoch = epoch;
    return true;
}

bool audit_key_mac(const struct audit_key *k, struct slice bytes, unsigned char out[AUDIT_MAC_BYTES])
{
    return digest_hmac_sha256(secret_bytes(k->key), bytes, out);
}

uint64_t audit_key_epoch_at(const struct audit_key *k, int64_t wall_ms)
{
    int64_t since_ms = wall_ms - k->start_s * 1000;

    return since_ms < 0 ? 0 : (uint64_t)(since_ms / (k->length_s * 1000));
}

int64_t audit_key_begin_ms(const struct audit_key *k, uint64_t epoch)
{
    uint64_t most = (uint64_t)(INT64_MAX / 1000 - k->start_s) / (uint64_t)k->length_s;

    return (k->start_s + (int64_t)(epoch < most ? epoch : most) * k->length_s) * 1000;
}

/* ---- as text ---- */

static const struct slice text_begin = S_INIT("easgate-audit-key 1 ");

void audit_key_print(const struct audit_key *k, struct sbuf *out)
{
    char hex[2 * AUDIT_KEY_BYTES + 1];

    enc_hex(secret_bytes(k->key).p, AUDIT_KEY_BYTES, hex);
    sbuf_add(out, text_begin);
    sbuf_add_i64(out, k->start_s);
    sbuf_addc(out, ' ');
    sbuf_add_i64(out, k->length_s);
    sbuf_addc(out, ' ');
    sbuf_add_u64(out, k->epoch);
    sbuf_addc(out, ' ');
    sbuf_adds(out, hex);
    sbuf_addc(out, '\n');
    secret_wipe(hex, sizeof hex);
}

static bool take_number(struct slice *rest, uint64_t *out)
{
    struct slice word;

    return slice_split(rest, ' ', &word) && num_u64(word, 0, INT64_MAX, out);
}

bool audit_key_parse(struct audit_key *k, struct slice text, struct err *e)
{
    unsigned char bytes[AUDIT_KEY_BYTES];
    uint64_t start, length, epoch;
    struct slice rest = text;

    *k = (struct audit_key){ 0 };
    if (rest.n && rest.p[rest.n - 1] == '\n')
        rest.n--;
    bool ok = slice_starts(rest, text_begin);
    rest = slice_skip(rest, text_begin.n);
    ok = ok && take_number(&rest, &start) && take_number(&rest, &length) && take_number(&rest, &epoch) &&
         rest.n == 2 * sizeof bytes && enc_is_lower_hex(rest) && enc_unhex(rest, bytes, sizeof bytes);
    if (!ok)
        err_set(e, ERR_SYNTAX,
                "no audit key: expected the one line that `easgate audit init` printed, "
                "\"easgate-audit-key 1 START LENGTH EPOCH KEY\"");
    ok = ok && audit_key_init(k, (int64_t)start, (int64_t)length, epoch, bytes, e);
    secret_wipe(bytes, sizeof bytes);
    return ok;
}
