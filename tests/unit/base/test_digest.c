/* digest: the published vectors, and the library's own one-call functions for every length around a block's. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "base/digest.h"
#include "base/enc.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

/* FIPS 180-4's examples, as published by NIST (SHA256.pdf), and the empty text. */
static void test_sha256(void **state)
{
    static const struct {
        struct slice text;
        const char *hex;
    } cases[] = {
        { S_INIT("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { S_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { S_INIT(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    };
    char hex[DIGEST_HEX_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(digest_sha256_hex(cases[i].text, hex));
        assert_string_equal(hex, cases[i].hex);
    }
    assert_true(digest_sha256_hex(SLICE_NONE, hex));
    assert_string_equal(hex, cases[2].hex);
}

/* RFC 4231, section 4: cases 1 to 4, 6 and 7. */
static void test_hmac(void **state)
{
    static const struct {
        const char *key_hex; /* or one byte, key_n times */
        size_t key_n;
        const char *text; /* or one byte, text_n times */
        size_t text_n;
        const char *hex;
    } cases[] = {
        { "0b", 20, "Hi There", 0, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
        { "4a656665", 0, "what do ya want for nothing?", 0,
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
        { "aa", 20, "\xdd", 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
        { "0102030405060708090a0b0c0d0e0f10111213141516171819", 0, "\xcd", 50,
          "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
        { "aa", 131, "Test Using Larger Than Block-Size Key - Hash Key First", 0,
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
        { "aa", 131,
          "This is a test using a larger than block-size key and a larger than block-size data. The key "
          "needs to be "
          "hashed before being used by the HMAC algorithm.",
          0, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
    };
    unsigned char key[131], mac[DIGEST_BYTES];
    char text[200], hex[DIGEST_HEX_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t key_n = strlen(cases[i].key_hex) / 2, text_n = strlen(cases[i].text);
        assert_true(enc_unhex(slice_of(cases[i].key_hex), key, key_n));
        if (cases[i].key_n)
            memset(key, key[0], key_n = cases[i].key_n);
        memcpy(text, cases[i].text, text_n);
        if (cases[i].text_n)
            memset(text, text[0], text_n = cases[i].text_n);
        assert_true(digest_hmac_sha256(slice_from(key, key_n), slice_from(text, text_n), mac));
        enc_hex(mac, sizeof mac, hex);
        assert_string_equal(hex, cases[i].hex);
    }
}

static void test_as_the_library(void **state)
{
    unsigned char bytes[300], ours[DIGEST_BYTES], theirs[DIGEST_BYTES];
    unsigned n = 0;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + 3);
    for (size_t key_n = 0; key_n <= 140; key_n++)
        for (size_t text_n = 0; text_n < 140; text_n += 9) {
            assert_non_null(HMAC(EVP_sha256(), bytes, (int)key_n, bytes + 150, text_n, theirs, &n));
            assert_true(digest_hmac_sha256(slice_from(bytes, key_n), slice_from(bytes + 150, text_n), ours));
            assert_memory_equal(ours, theirs, sizeof ours);
            assert_int_equal(EVP_Digest(bytes, key_n + text_n, theirs, &n, EVP_sha256(), NULL), 1);
            assert_true(digest_sha256(slice_from(bytes, key_n + text_n), ours));
            assert_memory_equal(ours, theirs, sizeof ours);
        }
}

static void *hash_much(void *arg)
{
    struct slice text = slice_of(arg);
    char first[DIGEST_HEX_BYTES], again[DIGEST_HEX_BYTES];
    bool fine = digest_sha256_hex(text, first);

    for (int i = 0; fine && i < 2000; i++)
        fine = digest_sha256_hex(text, again) && strcmp(first, again) == 0;
    return fine ? arg : NULL;
}

/* Threads do not meet in a context. */
static void test_threads(void **state)
{
    static char texts[4][8] = { "a", "bb", "ccc", "dddd" };
    pthread_t threads[4];
    void *result;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_much, texts[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_as_the_library),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
