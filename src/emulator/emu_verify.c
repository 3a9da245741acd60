/*
 * The verifier of ACS3-HMAC-SHA256: see emu_verify.h. Order of the checks: form of the authorization, the key, the
 * date, the headers that must be signed, the body's hash, the signature, and last the nonce, so that only a request
 * that is otherwise good can use one up.
 *
 * Stricter than the document in one point: an escape with lower-case hex digits, or a broken one, is refused, as no
 * canonical form writes it. Nothing here is shared with the signer under test (see the header).
 */
#include "emulator/emu_verify.h"
#include "emulator/emu_canon.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdarg.h>

#define SCHEME "ACS3-HMAC-SHA256"

struct authorization {
    struct slice credential, signed_headers, signature;
};

static bool refuse(struct emu_verdict *v, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static bool refuse(struct emu_verdict *v, int status, const char *code, const char *format, ...)
{
    va_list args;

    v->ok = false;
    v->status = status;
    v->code = code;
    va_start(args, format);
    vsnprintf(v->detail, sizeof v->detail, format, args);
    va_end(args);
    return false;
}

static void hex_of(const unsigned char *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

static bool sha256_hex(struct slice bytes, char out[65])
{
    unsigned char digest[32];

    if (EVP_Digest(bytes.p ? bytes.p : "", bytes.n, digest, NULL, EVP_sha256(), NULL) != 1)
        return false;
    hex_of(digest, sizeof digest, out);
    return true;
}

/* The one header of this lower-case name; NULL when there is none. Several are refused elsewhere. */
static const struct emu_header *one(const struct emu_evidence *ev, struct slice name)
{
    for (size_t i = 0; i < ev->header_count; i++)
        if (slice_eq_nocase(ev->headers[i].name, name))
            return &ev->headers[i];
    return NULL;
}

/* Cut "NAME=" off the front of *rest and the value before the next comma (or the end). */
static bool take_part(struct slice *rest, struct slice name, bool is_last, struct slice *out)
{
    if (!rest->p || !slice_starts(*rest, name))
        return false;
    *rest = slice_skip(*rest, name.n);
    if (!slice_split(rest, ',', out) || out->n == 0)
        return false;
    return is_last == !rest->p;
}

static bool parse_authorization(const struct emu_evidence *ev, struct authorization *a, struct emu_verdict *v)
{
    const struct emu_header *h = one(ev, S("authorization"));

    if (!h)
        return refuse(v, 400, "IncompleteSignature", "there is no authorization header");
    struct slice rest = h->value;
    if (!slice_starts(rest, S(SCHEME " ")))
        return refuse(v, 400, "IncompleteSignature", "authorization is not of " SCHEME);
    rest = slice_skip(rest, sizeof SCHEME);
    if (!take_part(&rest, S("Credential="), false, &a->credential) ||
        !take_part(&rest, S("SignedHeaders="), false, &a->signed_headers) ||
        !take_part(&rest, S("Signature="), true, &a->signature))
        return refuse(v, 400, "IncompleteSignature", "expected Credential=,SignedHeaders=,Signature=");
    if (a->signature.n != 64)
        return refuse(v, 400, "IncompleteSignature", "the signature has %zu characters, not 64",
                      a->signature.n);
    return true;
}

static bool check_once(const struct emu_evidence *ev, struct emu_verdict *v)
{
    for (size_t i = 0; i < ev->header_count; i++) {
        struct slice name = ev->headers[i].name;
        if (!emu_canon_is_signed(name) && !slice_eq_nocase(name, S("authorization")))
            continue;
        for (size_t j = 0; j < i; j++)
            if (slice_eq_nocase(name, ev->headers[j].name))
                return refuse(v, 400, "IncompleteSignature", "header %.*s stands twice", SLICE_FMT(name));
    }
    return true;
}

static bool check_key(const struct emu_evidence *ev, const struct emu_key *key, struct emu_verdict *v)
{
    const struct emu_header *token = one(ev, S("x-acs-security-token"));

    if (!key)
        return refuse(v, 404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.");
    if (!key->token && token)
        return refuse(v, 400, "InvalidSecurityToken.MismatchWithAccessKey", "the key has no security token");
    if (key->token && !token)
        return refuse(v, 400, "MissingSecurityToken", "x-acs-security-token is missing");
    if (key->token && !slice_eq(slice_of(key->token), token->value))
        return refuse(v, 400, "InvalidSecurityToken.Malformed", "the security token is not the key's");
    return true;
}

static bool check_present(const struct emu_evidence *ev, struct emu_verdict *v)
{
    static const char *const needed[] = { "host",       "x-acs-action",          "x-acs-version",
                                          "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256" };

    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        const struct emu_header *h = one(ev, slice_of(needed[i]));
        if (!h || h->value.n == 0)
            return refuse(v, 400, "MissingParameter", "header %s is missing", needed[i]);
    }
    return true;
}

static bool check_date(const struct emu_evidence *ev, int64_t now_ms, struct emu_verdict *v)
{
    int64_t date_ms;

    if (!emu_canon_date(one(ev, S("x-acs-date"))->value, &date_ms))
        return refuse(v, 400, "InvalidTimeStamp.Format", "x-acs-date is not yyyy-MM-ddTHH:mm:ssZ");
    if (date_ms > now_ms + EMU_SKEW_MS || date_ms < now_ms - EMU_SKEW_MS)
        return refuse(v, 400, "InvalidTimeStamp.Expired", "x-acs-date is %lld s from the server's time",
                      (long long)((date_ms - now_ms) / 1000));
    return true;
}

static bool check_signature(const struct slice canonical, const struct authorization *a,
                            const struct emu_key *key, struct emu_verdict *v)
{
    char to_sign[sizeof SCHEME + 65], wanted[65];
    unsigned char mac[32];
    unsigned n = sizeof mac;

    memcpy(to_sign, SCHEME "\n", sizeof SCHEME);
    if (!sha256_hex(canonical, to_sign + sizeof SCHEME) ||
        !HMAC(EVP_sha256(), key->secret, (int)strlen(key->secret), (const unsigned char *)to_sign,
              sizeof to_sign - 1, mac, &n))
        return refuse(v, 500, "InternalError", "the cryptographic library failed");
    hex_of(mac, n, wanted);
    if (a->signature.n != 64 || CRYPTO_memcmp(wanted, a->signature.p, 64) != 0)
        return refuse(v, 400, "SignatureDoesNotMatch",
                      "Specified signature is not matched with our calculation.");
    return true;
}

static bool judge(const struct emu_evidence *ev, const struct emu_keys *keys, int64_t now_ms,
                  struct emu_nonces *nonces, struct sbuf *canonical, struct emu_verdict *v)
{
    struct authorization a = { 0 };
    char why[160] = "";

    if (!check_once(ev, v) || !parse_authorization(ev, &a, v))
        return false;
    v->key_id = a.credential;
    const struct emu_key *key = emu_keys_find(keys, a.credential);
    if (!check_key(ev, key, v) || !check_present(ev, v) || !check_date(ev, now_ms, v))
        return false;
    if (!emu_canon_request(ev, a.signed_headers, v->body_sha256, canonical, why, sizeof why))
        return refuse(v, 400, "SignatureDoesNotMatch", "%s", why);
    if (!slice_eq(one(ev, S("x-acs-content-sha256"))->value, slice_of(v->body_sha256)))
        return refuse(v, 400, "SignatureDoesNotMatch", "x-acs-content-sha256 is not the hash of the body.");
    if (!check_signature(sbuf_slice(canonical), &a, key, v))
        return false;
    if (nonces && !emu_nonces_take(nonces, a.credential, one(ev, S("x-acs-signature-nonce"))->value, now_ms))
        return refuse(v, 400, "SignatureNonceUsed", "Specified signature nonce was used already.");
    return true;
}

void emu_verify(const struct emu_evidence *ev, const struct emu_keys *keys, int64_t now_ms,
                struct emu_nonces *nonces, struct sbuf *canonical, struct emu_verdict *out)
{
    *out = (struct emu_verdict){ .ok = false, .code = "" };
    if (!sha256_hex(ev->body, out->body_sha256)) {
        refuse(out, 500, "InternalError", "the cryptographic library failed");
        return;
    }
    out->ok = judge(ev, keys, now_ms, nonces, canonical, out);
    if (out->ok)
        out->status = 200;
}
