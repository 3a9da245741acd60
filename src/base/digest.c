/* Hashes by OpenSSL's EVP: see digest.h. */
#include "base/digest.h"
#include "base/enc.h"
#include "base/secret.h"
#include <openssl/evp.h>
#include <pthread.h>

#define BLOCK_BYTES 64 /* of SHA-256, FIPS 180-4 */

static const EVP_MD *sha256;   /* lives until the process ends, as the library's own table does */
static pthread_key_t contexts; /* a thread's own context: making one costs as much as hashing half a KB */
static bool has_contexts;
static pthread_once_t prepared = PTHREAD_ONCE_INIT;

static void free_context(void *context)
{
    EVP_MD_CTX_free(context);
}

static void prepare(void)
{
    EVP_MD *own = EVP_MD_fetch(NULL, "SHA256", NULL);

    sha256 = own ? own : EVP_sha256();
    has_contexts = pthread_key_create(&contexts, free_context) == 0;
}

/* This thread's context; NULL without memory. */
static EVP_MD_CTX *context(void)
{
    pthread_once(&prepared, prepare);
    EVP_MD_CTX *c = has_contexts ? pthread_getspecific(contexts) : NULL;
    if (c || !has_contexts)
        return c;
    c = EVP_MD_CTX_new();
    if (c && pthread_setspecific(contexts, c) == 0)
        return c;
    EVP_MD_CTX_free(c);
    return NULL;
}

/* SHA-256 of two texts, one behind the other. Afterwards the context holds the digest and nothing of the texts. */
static bool hash(struct slice first, struct slice second, unsigned char out[DIGEST_BYTES])
{
    EVP_MD_CTX *c = context();
    unsigned n = 0;

    return c && EVP_DigestInit_ex(c, sha256, NULL) == 1 && EVP_DigestUpdate(c, first.p, first.n) == 1 &&
           EVP_DigestUpdate(c, second.p, second.n) == 1 && EVP_DigestFinal_ex(c, out, &n) == 1 &&
           n == DIGEST_BYTES;
}

bool digest_sha256(struct slice bytes, unsigned char out[DIGEST_BYTES])
{
    return hash(bytes, SLICE_NONE, out);
}

bool digest_sha256_hex(struct slice bytes, char out_hex[DIGEST_HEX_BYTES])
{
    unsigned char digest[DIGEST_BYTES];

    if (!digest_sha256(bytes, digest))
        return false;
    enc_hex(digest, sizeof digest, out_hex);
    return true;
}

static void flip(unsigned char *block, unsigned char by)
{
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        block[i] = (unsigned char)(block[i] ^ by);
}

/* RFC 2104: H(K xor opad, H(K xor ipad, text)). On the same context, since the library's own HMAC fetches and makes five
 * objects each time; what it would keep of the key is on this stack only, and wiped. */
bool digest_hmac_sha256(struct slice key, struct slice bytes, unsigned char out[DIGEST_BYTES])
{
    unsigned char block[BLOCK_BYTES] = { 0 }, inner[DIGEST_BYTES];
    bool fine = true;

    if (key.n > sizeof block)
        fine = digest_sha256(key, block);
    else if (key.n)
        memcpy(block, key.p, key.n);
    flip(block, 0x36);
    fine = fine && hash(slice_from(block, sizeof block), bytes, inner);
    flip(block, 0x36 ^ 0x5c);
    fine = fine && hash(slice_from(block, sizeof block), slice_from(inner, sizeof inner), out);
    secret_wipe(block, sizeof block);
    secret_wipe(inner, sizeof inner);
    return fine;
}
