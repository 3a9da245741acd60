/* Encodings: see enc.h. */
#include "base/enc.h"
#include "base/num.h"
#include <endian.h>
#include <stdint.h>

/* For each byte: the value of a hex digit, with 0x10 for digits and lower case, 0x20 for upper case; 0 for what is none. */
#define HEX_LOWER 0x10
#define HEX_UPPER 0x20
static const unsigned char hex_digits[256] = {
    ['0'] = HEX_LOWER,      ['1'] = HEX_LOWER + 1,  ['2'] = HEX_LOWER + 2,  ['3'] = HEX_LOWER + 3,
    ['4'] = HEX_LOWER + 4,  ['5'] = HEX_LOWER + 5,  ['6'] = HEX_LOWER + 6,  ['7'] = HEX_LOWER + 7,
    ['8'] = HEX_LOWER + 8,  ['9'] = HEX_LOWER + 9,  ['a'] = HEX_LOWER + 10, ['b'] = HEX_LOWER + 11,
    ['c'] = HEX_LOWER + 12, ['d'] = HEX_LOWER + 13, ['e'] = HEX_LOWER + 14, ['f'] = HEX_LOWER + 15,
    ['A'] = HEX_UPPER + 10, ['B'] = HEX_UPPER + 11, ['C'] = HEX_UPPER + 12, ['D'] = HEX_UPPER + 13,
    ['E'] = HEX_UPPER + 14, ['F'] = HEX_UPPER + 15,
};

void enc_hex(const void *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *b = bytes;

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[b[i] >> 4];
        out[2 * i + 1] = digits[b[i] & 15];
    }
    out[2 * n] = '\0';
}

bool enc_unhex(struct slice hex, void *out, size_t n)
{
    unsigned char *to = out;
    bool ok = hex.n == 2 * n;

    for (size_t i = 0; ok && i < n; i++) {
        unsigned high = hex_digits[(unsigned char)hex.p[2 * i]],
                 low = hex_digits[(unsigned char)hex.p[2 * i + 1]];
        to[i] = (unsigned char)(high << 4 | (low & 15));
        ok = high && low;
    }
    return ok;
}

bool enc_is_lower_hex(struct slice s)
{
    unsigned all = HEX_LOWER;

    for (size_t i = 0; i < s.n; i++)
        all &= hex_digits[(unsigned char)s.p[i]];
    return all != 0;
}

void enc_base64(struct slice bytes, struct sbuf *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t left = bytes.n - i;
        unsigned v = (unsigned)(unsigned char)bytes.p[i] << 16;
        v |= left > 1 ? (unsigned)(unsigned char)bytes.p[i + 1] << 8 : 0;
        v |= left > 2 ? (unsigned)(unsigned char)bytes.p[i + 2] : 0;
        char quad[4] = { alphabet[v >> 18], alphabet[v >> 12 & 63], left > 1 ? alphabet[v >> 6 & 63] : '=',
                         left > 2 ? alphabet[v & 63] : '=' };
        sbuf_add(out, slice_from(quad, 4));
    }
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool enc_unbase64(struct slice text, struct sbuf *out)
{
    if (text.n % 4)
        return false;
    for (; text.n; text = slice_skip(text, 4)) {
        size_t pads = text.n > 4 || text.p[3] != '=' ? 0 : text.p[2] == '=' ? 2 : 1;
        unsigned v = 0;
        for (size_t i = 0; i < 4; i++) {
            int six = i < 4 - pads ? sextet(text.p[i]) : 0;
            if (six < 0)
                return false;
            v = v << 6 | (unsigned)six;
        }
        char bytes[3] = { (char)(v >> 16), (char)(v >> 8), (char)v };
        if ((pads > 0 && bytes[2]) || (pads > 1 && bytes[1]))
            return false; /* bits that no byte has: a second spelling */
        sbuf_add(out, slice_from(bytes, 3 - pads));
    }
    return sbuf_ok(out);
}

static bool is_unreserved(char c)
{
    return ascii_is_alnum(c) || c == '-' || c == '_' || c == '.' || c == '~';
}

void enc_percent(struct slice bytes, struct sbuf *out)
{
    static const char digits[] = "0123456789ABCDEF";

    while (bytes.n) {
        size_t plain = 0;
        while (plain < bytes.n && is_unreserved(bytes.p[plain]))
            plain++;
        sbuf_add(out, slice_from(bytes.p, plain));
        bytes = slice_skip(bytes, plain);
        if (!bytes.n)
            return;
        unsigned char c = (unsigned char)bytes.p[0];
        char escape[3] = { '%', digits[c >> 4], digits[c & 15] };
        sbuf_add(out, slice_from(escape, 3));
        bytes = slice_skip(bytes, 1);
    }
}

bool enc_unpercent(struct slice text, struct sbuf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            if (text.n - i < 3 || !enc_unhex(slice_from(text.p + i + 1, 2), &c, 1))
                return false;
            i += 2;
        }
        sbuf_addc(out, c);
    }
    return sbuf_ok(out);
}

size_t enc_utf8_one(struct slice s, uint32_t *out)
{
    const unsigned char *p = (const unsigned char *)s.p;

    if (s.n == 0)
        return 0;
    unsigned char c = p[0];

    if (c < 0x80) {
        *out = c;
        return 1;
    }
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || s.n < n)
        return 0;
    uint32_t v = c & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (p[i] & 0x3fU);
    }
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
        return 0;
    *out = v;
    return n;
}

size_t enc_utf8_put(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[5] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(lead[n] | code);
    return n;
}

bool enc_utf8_valid(struct slice s)
{
    uint32_t v;

    while (s.n) {
        size_t n = enc_utf8_one(s, &v);
        if (n == 0)
            return false;
        s = slice_skip(s, n);
    }
    return true;
}

static void json_escape_unit(uint32_t unit, struct sbuf *out)
{
    static const char digits[] = "0123456789abcdef";
    char escape[6] = {
        '\\', 'u', digits[unit >> 12 & 15], digits[unit >> 8 & 15], digits[unit >> 4 & 15], digits[unit & 15]
    };

    sbuf_add(out, slice_from(escape, 6));
}

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* The bytes of eight that are to be escaped, each by its top bit; the lowest is right, one above it may not be, since below
 * the lowest nothing borrows or carries. */
static uint64_t not_plain(const char *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof x);
    x = le64toh(x);
    uint64_t below_blank = x - EACH_BYTE(0x20), is_del = x + EACH_BYTE(1);
    uint64_t is_quote = (x ^ EACH_BYTE('"')) - EACH_BYTE(1),
             is_backslash = (x ^ EACH_BYTE('\\')) - EACH_BYTE(1);
    return (x | below_blank | is_del | is_quote | is_backslash) & EACH_BYTE(0x80);
}

size_t enc_json_plain(struct slice s)
{
    size_t n = 0;

    for (; s.n - n >= 8; n += 8) {
        uint64_t hits = not_plain(s.p + n);
        if (hits)
            return n + (size_t)__builtin_ctzll(hits) / 8;
    }
    while (n < s.n && (unsigned char)s.p[n] - 0x20U < 0x7f - 0x20 && s.p[n] != '"' && s.p[n] != '\\')
        n++;
    return n;
}

void enc_json_string(struct slice s, struct sbuf *out)
{
    sbuf_addc(out, '"');
    while (s.n) {
        size_t plain = enc_json_plain(s);
        sbuf_add(out, slice_from(s.p, plain));
        s = slice_skip(s, plain);
        if (!s.n)
            break;
        uint32_t v;
        size_t n = enc_utf8_one(s, &v);
        if (n == 0) {
            v = 0xfffd;
            n = 1;
        }
        if (v == '"' || v == '\\') {
            sbuf_addc(out, '\\');
            sbuf_addc(out, (char)v);
        } else if (v > 0xffff) {
            json_escape_unit(0xd800 + ((v - 0x10000) >> 10), out);
            json_escape_unit(0xdc00 + ((v - 0x10000) & 0x3ff), out);
        } else {
            json_escape_unit(v, out);
        }
        s = slice_skip(s, n);
    }
    sbuf_addc(out, '"');
}

static void put_two(int n, char *out)
{
    out[0] = (char)('0' + n / 10);
    out[1] = (char)('0' + n % 10);
}

void enc_time_utc(int64_t wall_ms, bool with_ms, char *out)
{
    int64_t second = wall_ms / 1000 - (wall_ms % 1000 < 0);
    time_t t = (time_t)second;
    struct tm tm;
    size_t n = 19;

    memcpy(out, "0000-00-00T00:00:00", 19);
    if (gmtime_r(&t, &tm) && tm.tm_year >= -1900 && tm.tm_year <= 9999 - 1900) {
        put_two((tm.tm_year + 1900) / 100, out);
        put_two((tm.tm_year + 1900) % 100, out + 2);
        put_two(tm.tm_mon + 1, out + 5);
        put_two(tm.tm_mday, out + 8);
        put_two(tm.tm_hour, out + 11);
        put_two(tm.tm_min, out + 14);
        put_two(tm.tm_sec, out + 17);
    }
    if (with_ms) {
        unsigned ms = (unsigned)((wall_ms % 1000 + 1000) % 1000);
        out[n++] = '.';
        out[n++] = (char)('0' + ms / 100 % 10);
        out[n++] = (char)('0' + ms / 10 % 10);
        out[n++] = (char)('0' + ms % 10);
    }
    out[n++] = 'Z';
    out[n] = '\0';
}

/* The number of `n` digits at `at`, or -1. */
static int digits_at(struct slice s, size_t at, size_t n)
{
    int value = 0;

    for (size_t i = at; i < at + n; i++) {
        if (!ascii_is_digit(s.p[i]))
            return -1;
        value = value * 10 + (s.p[i] - '0');
    }
    return value;
}

bool enc_untime_utc(struct slice text, int64_t *out_wall_ms)
{
    bool with_ms = text.n == 24;

    if ((text.n != 20 && !with_ms) || text.p[4] != '-' || text.p[7] != '-' || text.p[10] != 'T' ||
        text.p[13] != ':' || text.p[16] != ':' || text.p[text.n - 1] != 'Z' || (with_ms && text.p[19] != '.'))
        return false;
    struct tm tm = { .tm_year = digits_at(text, 0, 4) - 1900,
                     .tm_mon = digits_at(text, 5, 2) - 1,
                     .tm_mday = digits_at(text, 8, 2),
                     .tm_hour = digits_at(text, 11, 2),
                     .tm_min = digits_at(text, 14, 2),
                     .tm_sec = digits_at(text, 17, 2) };
    int ms = with_ms ? digits_at(text, 20, 3) : 0;
    if (tm.tm_year < 70 || tm.tm_mon < 0 || tm.tm_mday < 1 || tm.tm_hour < 0 || tm.tm_min < 0 ||
        tm.tm_sec < 0 || ms < 0 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59)
        return false;
    struct tm back = tm;
    time_t t = timegm(&back);
    if (t < 0 || back.tm_mon != tm.tm_mon || back.tm_mday != tm.tm_mday)
        return false;
    *out_wall_ms = (int64_t)t * 1000 + ms;
    return true;
}
