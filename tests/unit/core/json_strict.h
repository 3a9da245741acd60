/*
 * A second strict JSON reader, for tests and fuzzing: written from RFC 8259's grammar and json_scan.h's head comment, by
 * recursive descent over code points, slow and short. It shares no code with src/core. strict_accepts() answers what
 * json_scan must answer with json_limits_request.
 */
#ifndef JSON_STRICT_H
#define JSON_STRICT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct strict {
    const uint32_t *c; /* code points, ended by STRICT_END */
    size_t at, values;
    int depth;
    uint32_t *names; /* folded code points of names: length, then that many */
    size_t name_units;
};
#define STRICT_END 0xffffffffU

/* The bytes as code points, or false: Unicode 15, table 3-7, row by row. */
static bool strict_decode(const uint8_t *p, size_t n, uint32_t *out)
{
    static const struct {
        uint8_t lo, hi, lo2, hi2;
        size_t n;
    } rows[] = {
        { 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    static const uint8_t lead_bits[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };

    while (n) {
        size_t row = 0;
        while (row < 9 && !(p[0] >= rows[row].lo && p[0] <= rows[row].hi))
            row++;
        if (row == 9 || n < rows[row].n ||
            (rows[row].n > 1 && (p[1] < rows[row].lo2 || p[1] > rows[row].hi2)))
            return false;
        uint32_t code = p[0] & lead_bits[rows[row].n];
        for (size_t i = 1; i < rows[row].n; i++) {
            if (p[i] < 0x80 || p[i] > 0xbf)
                return false;
            code = code * 64 + (p[i] - 0x80U);
        }
        *out++ = code;
        p += rows[row].n;
        n -= rows[row].n;
    }
    *out = STRICT_END;
    return true;
}

static void strict_blank(struct strict *s)
{
    while (s->c[s->at] == 0x20 || s->c[s->at] == 0x09 || s->c[s->at] == 0x0a || s->c[s->at] == 0x0d)
        s->at++;
}

static bool strict_take(struct strict *s, uint32_t c)
{
    if (s->c[s->at] != c)
        return false;
    s->at++;
    return true;
}

static bool strict_hex4(struct strict *s, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t c = s->c[s->at], digit;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if (c >= 'A' && c <= 'F')
            digit = c - 'A' + 10;
        else if (c >= 'a' && c <= 'f')
            digit = c - 'a' + 10;
        else
            return false;
        *out = *out * 16 + digit;
        s->at++;
    }
    return true;
}

static bool strict_escape(struct strict *s, uint32_t *out)
{
    uint32_t low;

    switch (s->c[s->at++]) {
    case '"':
        *out = '"';
        return true;
    case '\\':
        *out = '\\';
        return true;
    case '/':
        *out = '/';
        return true;
    case 'b':
        *out = 8;
        return true;
    case 't':
        *out = 9;
        return true;
    case 'n':
        *out = 10;
        return true;
    case 'f':
        *out = 12;
        return true;
    case 'r':
        *out = 13;
        return true;
    case 'u':
        break;
    default:
        s->at--;
        return false;
    }
    if (!strict_hex4(s, out) || *out == 0 || (*out & 0xfc00) == 0xdc00)
        return false;
    if ((*out & 0xfc00) != 0xd800)
        return true;
    if (!strict_take(s, '\\') || !strict_take(s, 'u') || !strict_hex4(s, &low) || (low & 0xfc00) != 0xdc00)
        return false;
    *out = ((*out & 0x3ff) << 10 | (low & 0x3ff)) + 0x10000;
    return true;
}

/* Reads a string; when `folded` is given, its folded code points go there. */
static bool strict_string(struct strict *s, uint32_t *folded, size_t *out_units)
{
    size_t bytes = 0, units = 0;

    if (!strict_take(s, '"'))
        return false;
    while (s->c[s->at] != '"') {
        uint32_t c = s->c[s->at];
        if (c < 0x20 || c == STRICT_END)
            return false;
        s->at++;
        if (c == '\\' && !strict_escape(s, &c))
            return false;
        bytes += c < 0x80 ? 1U : c < 0x800 ? 2U : c < 0x10000 ? 3U : 4U;
        if (c >= 'A' && c <= 'Z')
            c += 32;
        c = c == 0x17f ? 's' : c == 0x212a ? 'k' : c == 0x130 || c == 0x131 ? 'i' : c;
        if (folded)
            folded[units] = c;
        units++;
    }
    s->at++;
    if (out_units)
        *out_units = units;
    return bytes <= 65536;
}

static bool strict_digits(struct strict *s)
{
    size_t from = s->at;

    while (s->c[s->at] >= '0' && s->c[s->at] <= '9')
        s->at++;
    return s->at > from;
}

static bool strict_number(struct strict *s)
{
    size_t from = s->at;

    strict_take(s, '-');
    if (!strict_take(s, '0') && !strict_digits(s))
        return false;
    if (strict_take(s, '.') && !strict_digits(s))
        return false;
    if (strict_take(s, 'e') || strict_take(s, 'E')) {
        if (!strict_take(s, '+'))
            strict_take(s, '-');
        if (!strict_digits(s))
            return false;
    }
    return s->at - from <= 65536;
}

static bool strict_value(struct strict *s);

/* Is the name that lies at names[now] among those from `first` on? */
static bool strict_known(const struct strict *s, size_t first, size_t now)
{
    for (size_t i = first; i < now; i += s->names[i] + 1)
        if (s->names[i] == s->names[now] &&
            memcmp(s->names + i + 1, s->names + now + 1, s->names[now] * sizeof(uint32_t)) == 0)
            return true;
    return false;
}

static bool strict_members(struct strict *s, bool is_object)
{
    size_t first = s->name_units;
    uint32_t end = is_object ? '}' : ']';

    s->at++;
    if (++s->depth > 32)
        return false;
    strict_blank(s);
    while (s->c[s->at] != end) {
        if (is_object) {
            size_t now = s->name_units, units;
            if (!strict_string(s, s->names + now + 1, &units))
                return false;
            s->names[now] = (uint32_t)units;
            s->name_units += units + 1;
            if (strict_known(s, first, now))
                return false;
            strict_blank(s);
            if (!strict_take(s, ':'))
                return false;
            strict_blank(s);
        }
        if (!strict_value(s))
            return false;
        strict_blank(s);
        if (s->c[s->at] == end)
            break;
        if (!strict_take(s, ','))
            return false;
        strict_blank(s);
        if (s->c[s->at] == end)
            return false;
    }
    s->at++;
    s->depth--;
    s->name_units = first;
    return true;
}

static bool strict_word(struct strict *s, const char *word)
{
    while (*word)
        if (!strict_take(s, (uint32_t)(unsigned char)*word++))
            return false;
    return true;
}

static bool strict_value(struct strict *s)
{
    if (++s->values > 10000)
        return false;
    switch (s->c[s->at]) {
    case '{':
        return strict_members(s, true);
    case '[':
        return strict_members(s, false);
    case '"':
        return strict_string(s, NULL, NULL);
    case 't':
        return strict_word(s, "true");
    case 'f':
        return strict_word(s, "false");
    case 'n':
        return strict_word(s, "null");
    default:
        return strict_number(s);
    }
}

static bool strict_accepts(const void *bytes, size_t n)
{
    uint32_t *codes = calloc(2 * n + 4, sizeof *codes); /* the text, then room for its names */
    bool fine = n <= 262144 && codes && strict_decode(bytes, n, codes);

    if (fine) {
        struct strict s = { .c = codes, .names = codes + n + 1 };
        strict_blank(&s);
        fine = strict_value(&s);
        strict_blank(&s);
        fine = fine && s.c[s.at] == STRICT_END;
    }
    free(codes);
    return fine;
}
#endif
