/*
 * Signature V3: see acs3.h. Each function is one stage of docs/eas/README.md, "Signature V3", and nothing else; what is
 * signed is decided by the caller. Never logs, never keeps the secret, holds no state.
 */
#include "core/acs3.h"
#include "base/digest.h"
#include "base/enc.h"
#include <limits.h>

bool acs3_canonical_uri(struct slice path, struct sbuf *out)
{
    struct slice rest = path, part;
    bool first = true;

    if (path.n == 0) {
        sbuf_addc(out, '/');
        return sbuf_ok(out);
    }
    SCOPED(sbuf) decoded = SBUF_MAX(path.n);
    while (slice_split(&rest, '/', &part)) {
        if (!first)
            sbuf_addc(out, '/');
        first = false;
        sbuf_clear(&decoded);
        if (!enc_unpercent(part, &decoded))
            return false;
        enc_percent(sbuf_slice(&decoded), out);
    }
    return sbuf_ok(out);
}

/* By name; the value decides between equal names, so that the order given does not matter. */
static int compare_pairs(const void *a, const void *b)
{
    const struct acs3_pair *x = a, *y = b;
    int by_name = slice_cmp(x->name, y->name);

    return by_name ? by_name : slice_cmp(x->value, y->value);
}

bool acs3_canonical_query(const struct acs3_pair *pairs, size_t count, struct sbuf *out)
{
    if (count == 0)
        return sbuf_ok(out);
    struct acs3_pair *sorted = calloc(count, sizeof *sorted);
    if (!sorted)
        return false;
    memcpy(sorted, pairs, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_pairs);
    for (size_t i = 0; i < count; i++) {
        if (i)
            sbuf_addc(out, '&');
        enc_percent(sorted[i].name, out);
        sbuf_addc(out, '=');
        enc_percent(sorted[i].value, out);
    }
    free(sorted);
    return sbuf_ok(out);
}

static bool is_signed_header(struct slice name)
{
    return slice_eq_nocase(name, S("host")) || slice_eq_nocase(name, S("content-type")) ||
           slice_starts_nocase(name, S("x-acs-"));
}

static int compare_names_nocase(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;

    for (size_t i = 0; i < n; i++) {
        int difference = (unsigned char)ascii_lower(a.p[i]) - (unsigned char)ascii_lower(b.p[i]);
        if (difference)
            return difference;
    }
    return a.n < b.n ? -1 : a.n > b.n;
}

static bool comes_before(const struct acs3_pair *x, const struct acs3_pair *y)
{
    int by_name = compare_names_nocase(x->name, y->name);

    return by_name ? by_name < 0 : slice_cmp(x->value, y->value) < 0;
}

/* By insertion: there are few, and usually they come in order. */
static void sort_headers(struct acs3_pair *headers, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct acs3_pair one = headers[i];
        size_t at = i;
        for (; at > 0 && comes_before(&one, &headers[at - 1]); at--)
            headers[at] = headers[at - 1];
        headers[at] = one;
    }
}

static void add_lower(struct slice s, struct sbuf *out)
{
    char *to = sbuf_room(out, s.n);

    if (!to)
        return;
    for (size_t i = 0; i < s.n; i++)
        to[i] = ascii_lower(s.p[i]);
    sbuf_grew(out, s.n);
}

bool acs3_canonical_headers(const struct acs3_pair *headers, size_t count, struct sbuf *out_canonical,
                            struct sbuf *out_signed_names)
{
    struct acs3_pair chosen[ACS3_HEADERS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        if (!is_signed_header(headers[i].name))
            continue;
        if (n == ACS3_HEADERS_MAX)
            return false;
        chosen[n].name = headers[i].name;
        chosen[n++].value = slice_trim(headers[i].value);
    }
    sort_headers(chosen, n);
    for (size_t i = 0; i < n; i++) {
        /* The document is silent on repeated headers; the official client joins the sorted values with a comma. */
        bool repeated = i > 0 && slice_eq_nocase(chosen[i - 1].name, chosen[i].name);
        if (!repeated) {
            if (i)
                sbuf_addc(out_signed_names, ';');
            add_lower(chosen[i].name, out_signed_names);
            add_lower(chosen[i].name, out_canonical);
        }
        sbuf_addc(out_canonical, repeated ? ',' : ':');
        sbuf_add(out_canonical, chosen[i].value);
        if (i + 1 == n || !slice_eq_nocase(chosen[i].name, chosen[i + 1].name))
            sbuf_addc(out_canonical, '\n');
    }
    return sbuf_ok(out_canonical) && sbuf_ok(out_signed_names);
}

bool acs3_canonical_request(struct slice method, struct slice canonical_uri, struct slice canonical_query,
                            struct slice canonical_headers, struct slice signed_names,
                            struct slice body_sha256_hex, struct sbuf *out)
{
    const struct slice parts[] = { method,       canonical_uri,  canonical_query, canonical_headers,
                                   signed_names, body_sha256_hex };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (i)
            sbuf_addc(out, '\n');
        sbuf_add(out, parts[i]);
    }
    return sbuf_ok(out);
}

bool acs3_string_to_sign(struct slice canonical_request, struct sbuf *out)
{
    char hex[ACS3_HEX_BYTES];

    if (!digest_sha256_hex(canonical_request, hex))
        return false;
    sbuf_adds(out, ACS3_ALGORITHM "\n");
    sbuf_adds(out, hex);
    return sbuf_ok(out);
}

bool acs3_mac(struct slice secret, struct slice string_to_sign, char out_hex[ACS3_HEX_BYTES])
{
    unsigned char mac[DIGEST_BYTES];

    if (secret.n > INT_MAX || !digest_hmac_sha256(secret, string_to_sign, mac))
        return false;
    enc_hex(mac, sizeof mac, out_hex);
    return true;
}

bool acs3_authorization(struct slice access_key_id, struct slice signed_names, struct slice signature_hex,
                        struct sbuf *out)
{
    sbuf_adds(out, ACS3_ALGORITHM " Credential=");
    sbuf_add(out, access_key_id);
    sbuf_adds(out, ",SignedHeaders=");
    sbuf_add(out, signed_names);
    sbuf_adds(out, ",Signature=");
    sbuf_add(out, signature_hex);
    return sbuf_ok(out);
}
