/*
 * digest: SHA-256 and HMAC-SHA256 in one call, by the library's own implementation, which is fetched once for the process
 * (a fetch by name each time costs more than hashing a request) and has one context a thread. Any thread.
 */
#ifndef EG_DIGEST_H
#define EG_DIGEST_H
#include "base/slice.h"

#define DIGEST_BYTES     32
#define DIGEST_HEX_BYTES 65 /* 64 hex digits and NUL */

/* False only when the library fails; out is unusable then. */
bool digest_sha256(struct slice bytes, unsigned char out[DIGEST_BYTES]);
bool digest_sha256_hex(struct slice bytes, char out_hex[DIGEST_HEX_BYTES]);
bool digest_hmac_sha256(struct slice key, struct slice bytes, unsigned char out[DIGEST_BYTES]);
#endif
