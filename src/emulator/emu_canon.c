/* The canonical request: see emu_canon.h. Sections of the document are named by the steps 1 to 6 of its summary. */
#include "emulator/emu_canon.h"

/* Step 1. */
static void put_encoded(struct sbuf *out, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    bool keep = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                c == '_' || c == '.' || c == '~';

    if (keep) {
        sbuf_addc(out, (char)c);
    } else {
        const char escape[3] = { '%', digits[c >> 4], digits[c & 15] };
        sbuf_add(out, slice_from(escape, sizeof escape));
    }
}

static void put_encoded_text(struct sbuf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        put_encoded(out, (unsigned char)s.p[i]);
}

static int upper_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte at *at, escapes decoded; moves *at behind it. False on an escape that no canonical form has. */
static bool next_byte(struct slice s, size_t *at, unsigned char *out)
{
    if (s.p[*at] != '%') {
        *out = (unsigned char)s.p[(*at)++];
        return true;
    }
    if (s.n - *at < 3)
        return false;
    int high = upper_hex(s.p[*at + 1]), low = upper_hex(s.p[*at + 2]);
    if (high < 0 || low < 0)
        return false;
    *out = (unsigned char)(high * 16 + low);
    *at += 3;
    return true;
}

/* Step 2: only a slash that was sent as one separates segments. */
static bool put_path(struct sbuf *out, struct slice path)
{
    unsigned char c;

    for (size_t i = 0; i < path.n;) {
        if (path.p[i] == '/') {
            sbuf_addc(out, '/');
            i++;
        } else if (next_byte(path, &i, &c)) {
            put_encoded(out, c);
        } else {
            return false;
        }
    }
    return true;
}

static bool decode(struct slice s, struct sbuf *text, struct slice *out)
{
    size_t start = text->n;
    unsigned char c;

    for (size_t i = 0; i < s.n;) {
        if (!next_byte(s, &i, &c))
            return false;
        sbuf_addc(text, (char)c);
    }
    *out = slice_from(text->p + start, text->n - start);
    return sbuf_ok(text);
}

bool emu_canon_split_query(struct slice query, struct sbuf *text, struct emu_pair *pairs, size_t *out_count)
{
    struct slice part;
    size_t count = 0;

    /* decoded text is never longer: no later growth may move the slices */
    if (!sbuf_room(text, query.n + 1))
        return false;
    sbuf_grew(text, 0);
    while (query.n && slice_split(&query, '&', &part)) {
        size_t at = slice_find(part, '=');
        if (part.n == 0)
            continue;
        if (count == EMU_PAIRS_MAX || !decode(slice_from(part.p, at), text, &pairs[count].name) ||
            !decode(slice_skip(part, at + 1), text, &pairs[count].value))
            return false;
        count++;
    }
    *out_count = count;
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct emu_pair *x = a, *y = b;
    int c = slice_cmp(x->name, y->name);

    return c ? c : slice_cmp(x->value, y->value);
}

/* Step 3: sorted by the names before they are encoded. */
static bool put_query(struct sbuf *out, const struct emu_evidence *ev)
{
    struct emu_pair pairs[EMU_PAIRS_MAX];
    SCOPED(sbuf) text = SBUF_MAX(EMU_HEAD_MAX);
    size_t count = ev->pair_count;

    if (ev->pairs && count <= EMU_PAIRS_MAX)
        memcpy(pairs, ev->pairs, count * sizeof *pairs);
    else if (ev->pairs || !emu_canon_split_query(ev->query, &text, pairs, &count))
        return false;
    qsort(pairs, count, sizeof *pairs, by_name);
    for (size_t i = 0; i < count; i++) {
        if (i)
            sbuf_addc(out, '&');
        put_encoded_text(out, pairs[i].name);
        sbuf_addc(out, '=');
        put_encoded_text(out, pairs[i].value);
    }
    return true;
}

bool emu_canon_is_signed(struct slice name)
{
    return slice_eq_nocase(name, S("host")) || slice_eq_nocase(name, S("content-type")) ||
           slice_starts_nocase(name, S("x-acs-"));
}

static const struct emu_header *sent(const struct emu_evidence *ev, struct slice name)
{
    for (size_t i = 0; i < ev->header_count; i++)
        if (slice_eq_nocase(ev->headers[i].name, name))
            return &ev->headers[i];
    return NULL;
}

static bool is_lower(struct slice name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] != ascii_lower(name.p[i]))
            return false;
    return name.n > 0;
}

/* Steps 4 and 5: the list must be exactly the headers that have to be signed, lower-case, sorted, each once. */
static bool put_headers(struct sbuf *out, const struct emu_evidence *ev, struct slice list, char *why,
                        size_t size)
{
    struct slice rest = list, name, before = SLICE_NONE;
    size_t listed = 0, wanted = 0;

    while (slice_split(&rest, ';', &name)) {
        const struct emu_header *h = sent(ev, name);
        if (!is_lower(name) || (before.p && slice_cmp(before, name) >= 0)) {
            snprintf(why, size, "SignedHeaders are not lower-case and sorted, each once");
            return false;
        }
        if (!h || !emu_canon_is_signed(name)) {
            snprintf(why, size, "signed header %.*s %s", SLICE_FMT(name),
                     h ? "is not one to sign" : "was not sent");
            return false;
        }
        sbuf_add(out, name);
        sbuf_addc(out, ':');
        sbuf_add(out, slice_trim(h->value));
        sbuf_addc(out, '\n');
        before = name;
        listed++;
    }
    for (size_t i = 0; i < ev->header_count; i++)
        wanted += emu_canon_is_signed(ev->headers[i].name);
    if (listed != wanted)
        snprintf(why, size, "%zu headers are signed, %zu of those sent must be", listed, wanted);
    return listed == wanted;
}

bool emu_canon_request(const struct emu_evidence *ev, struct slice signed_headers, const char *body_sha256,
                       struct sbuf *out, char *why, size_t why_size)
{
    sbuf_add(out, ev->method);
    sbuf_addc(out, '\n');
    if (!put_path(out, ev->path)) {
        snprintf(why, why_size, "the path has an escape that is broken or lower-case");
        return false;
    }
    sbuf_addc(out, '\n');
    if (!put_query(out, ev)) {
        snprintf(why, why_size,
                 "the query has an escape that is broken or lower-case, or too many parameters");
        return false;
    }
    sbuf_addc(out, '\n');
    if (!put_headers(out, ev, signed_headers, why, why_size))
        return false;
    sbuf_addc(out, '\n');
    sbuf_add(out, signed_headers);
    sbuf_addc(out, '\n');
    sbuf_adds(out, body_sha256);
    if (!sbuf_ok(out))
        snprintf(why, why_size, "the canonical request is too long");
    return sbuf_ok(out);
}

static bool two_digits(struct slice s, size_t at, int lo, int hi, int *out)
{
    if (!ascii_is_digit(s.p[at]) || !ascii_is_digit(s.p[at + 1]))
        return false;
    *out = (s.p[at] - '0') * 10 + (s.p[at + 1] - '0');
    return *out >= lo && *out <= hi;
}

bool emu_canon_date(struct slice t, int64_t *out_ms)
{
    static const int before_month[12] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
    static const int month_days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int century, year, month, day, hour, minute, second;

    if (t.n != 20 || t.p[4] != '-' || t.p[7] != '-' || t.p[10] != 'T' || t.p[13] != ':' || t.p[16] != ':' ||
        t.p[19] != 'Z')
        return false;
    if (!two_digits(t, 0, 19, 99, &century) || !two_digits(t, 2, 0, 99, &year) ||
        !two_digits(t, 5, 1, 12, &month) || !two_digits(t, 8, 1, 31, &day) ||
        !two_digits(t, 11, 0, 23, &hour) || !two_digits(t, 14, 0, 59, &minute) ||
        !two_digits(t, 17, 0, 59, &second))
        return false;
    year += century * 100;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year < 1970 || day > month_days[month - 1] + (leap && month == 2))
        return false;
    int leaps = (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 - 477; /* 477 up to 1969 */
    int64_t days =
        (int64_t)(year - 1970) * 365 + leaps + before_month[month - 1] + day - 1 + (leap && month > 2);
    *out_ms = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000;
    return true;
}
