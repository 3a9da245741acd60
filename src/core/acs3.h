/*
 * acs3: signature V3, ACS3-HMAC-SHA256, each stage callable. Source: docs/eas/README.md, "Signature V3" (points 1-9),
 * which restates the official document. Pure; the secret is only ever given to acs3_mac.
 */
#ifndef EG_ACS3_H
#define EG_ACS3_H
#include "base/sbuf.h"
#include "base/err.h"

#define ACS3_HEX_BYTES   65 /* 64 hex digits and NUL */
#define ACS3_HEADERS_MAX 24
#define ACS3_ALGORITHM   "ACS3-HMAC-SHA256"

struct acs3_pair {
    struct slice name, value;
};

/* Point 2: each segment of the path as sent is decoded, then encoded; an empty path is "/". False on a broken escape. */
bool acs3_canonical_uri(struct slice path, struct sbuf *out);
/* Point 3: decoded pairs, in any order; of one name, sorted by value. */
bool acs3_canonical_query(const struct acs3_pair *pairs, size_t count, struct sbuf *out);
/* Points 4 and 5: picks host, content-type and x-acs-* out of all headers sent; at most ACS3_HEADERS_MAX of them. A name
 * that comes twice (also in another case) has its values sorted and joined by a comma, as the official client does. */
bool acs3_canonical_headers(const struct acs3_pair *headers, size_t count, struct sbuf *out_canonical,
                            struct sbuf *out_signed_names);
/* Point 6. */
bool acs3_canonical_request(struct slice method, struct slice canonical_uri, struct slice canonical_query,
                            struct slice canonical_headers, struct slice signed_names, struct slice body_sha256_hex,
                            struct sbuf *out);
/* Point 7. */
bool acs3_string_to_sign(struct slice canonical_request, struct sbuf *out);
/* Point 8: hex(HMAC-SHA256(secret, text)). */
bool acs3_mac(struct slice secret, struct slice string_to_sign, char out_hex[ACS3_HEX_BYTES]);
/* Point 9: the value of the authorization header. */
bool acs3_authorization(struct slice access_key_id, struct slice signed_names, struct slice signature_hex,
                        struct sbuf *out);
#endif
