/* Hashes by OpenSSL's EVP: see digest.h. */
#include "base/digest.h"
#include "base/enc.h"
#include "base/secret.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

static const EVP_MD *sha256; /* lives until the process ends, as the library's own table does */
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void fetch(void)
{
    EVP_MD *own = EVP_MD_fetch(NULL, "SHA256", NULL);

    sha256 = own ? own : EVP_sha256();
}

static const EVP_MD *implementation(void)
{
    pthread_once(&fetched, fetch);
    return sha256;
}

bool digest_sha256(struct slice bytes, unsigned char out[DIGEST_BYTES])
{
    unsigned n = 0;

    return EVP_Digest(bytes.n ? bytes.p : "", bytes.n, out, &n, implementation(), NULL) == 1 && n == DIGEST_BYTES;
}

bool digest_sha256_hex(struct slice bytes, char out_hex[DIGEST_HEX_BYTES])
{
    unsigned char digest[DIGEST_BYTES];

    if (!digest_sha256(bytes, digest))
        return false;
    enc_hex(digest, sizeof digest, out_hex);
    return true;
}

bool digest_hmac_sha256(struct slice key, struct slice bytes, unsigned char out[DIGEST_BYTES])
{
    unsigned n = 0;

    return HMAC(implementation(), key.n ? key.p : "", (int)key.n, (const unsigned char *)(bytes.n ? bytes.p : ""),
                bytes.n, out, &n) &&
           n == DIGEST_BYTES;
}
