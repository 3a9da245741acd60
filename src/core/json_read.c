/*
 * The strict JSON reader: see json_read.h. Grammar: RFC 8259, section by section the small functions below.
 * It must never read past text.n, never allocate, never recurse, and never put a byte of the text into an
 * error except through json_reader_fail's filter.
 */
#include "core/json_read.h"
#include "base/enc.h"

enum want { WANT_VALUE = 0, WANT_VALUE_OR_END, WANT_NAME, WANT_NAME_OR_END, WANT_COMMA_OR_END, WANT_DONE };

#define POINTER_SHOWN_BYTES 160
#define SEGMENT_SHOWN_CHARS 40

void json_reader_init(struct json_reader *r, struct slice text)
{
    r->text = text;
    r->at = 0;
    r->want = WANT_VALUE;
    r->depth = 0;
    r->why = NULL;
    r->error_at = 0;
    r->is_limit = false;
}

static bool fail(struct json_reader *r, size_t at, const char *why)
{
    r->why = why;
    r->error_at = at;
    return false;
}

/* RFC 8259 allows it. */
static bool fail_limit(struct json_reader *r, size_t at, const char *why)
{
    r->is_limit = true;
    return fail(r, at, why);
}

static bool at_end(const struct json_reader *r)
{
    return r->at >= r->text.n;
}

static unsigned char peek(const struct json_reader *r)
{
    return (unsigned char)r->text.p[r->at];
}

static int hex_digit(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The unit of \uXXXX whose backslash stands at `at`, or -1. */
static int32_t unit_at(struct slice s, size_t at)
{
    int32_t unit = 0;

    if (at > s.n || s.n - at < 6 || s.p[at] != '\\' || s.p[at + 1] != 'u')
        return -1;
    for (size_t i = at + 2; i < at + 6; i++) {
        int digit = hex_digit(s.p[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* A \u escape, or a pair of them. */
static bool read_unicode_escape(struct json_reader *r, size_t *text_bytes)
{
    int32_t unit = unit_at(r->text, r->at);

    if (unit < 0)
        return fail(r, r->at, "\\u needs four hexadecimal digits");
    if (unit == 0)
        return fail_limit(r, r->at, "\\u0000 is not allowed");
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return fail_limit(r, r->at, "low surrogate without a high one before it");
    if (unit < 0xd800 || unit > 0xdfff) {
        *text_bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
        r->at += 6;
        return true;
    }
    int32_t low = unit_at(r->text, r->at + 6);
    if (low < 0xdc00 || low > 0xdfff)
        return fail_limit(r, r->at, "high surrogate without a low one behind it");
    *text_bytes += 4;
    r->at += 12;
    return true;
}

static bool read_escape(struct json_reader *r, size_t *text_bytes)
{
    char c = r->text.n - r->at > 1 ? r->text.p[r->at + 1] : '\0';

    if (c == 'u')
        return read_unicode_escape(r, text_bytes);
    if (c == '\0' || !memchr("\"\\/bfnrt", c, 8))
        return fail(r, r->at, "unknown escape in a string");
    *text_bytes += 1;
    r->at += 2;
    return true;
}

/* From the opening quote to behind the closing one. */
static bool read_string(struct json_reader *r, struct json_piece *out)
{
    out->start = r->at++;
    out->text_bytes = 0;
    while (!at_end(r)) {
        size_t run = enc_json_plain(slice_skip(r->text, r->at));
        out->text_bytes += run;
        r->at += run;
        if (at_end(r))
            break;
        unsigned char c = peek(r);
        uint32_t code;
        size_t n;
        if (c == '"') {
            out->raw = slice_from(r->text.p + out->start + 1, r->at - out->start - 1);
            out->end = ++r->at;
            return true;
        }
        if (c == '\\') {
            if (!read_escape(r, &out->text_bytes))
                return false;
            continue;
        }
        if (c < 0x20)
            return fail(r, r->at, "control character in a string");
        n = enc_utf8_one(slice_skip(r->text, r->at), &code);
        if (n == 0)
            return fail(r, r->at, "ill-formed UTF-8");
        out->text_bytes += n;
        r->at += n;
    }
    return fail(r, r->text.n, "the text ends inside a string");
}

/* At least one digit. */
static bool read_digits(struct json_reader *r, const char *why)
{
    size_t from = r->at;

    while (!at_end(r) && ascii_is_digit(r->text.p[r->at]))
        r->at++;
    return r->at > from || fail(r, r->at, why);
}

static bool read_number(struct json_reader *r, struct json_piece *out)
{
    size_t from = r->at;

    if (peek(r) == '-')
        r->at++;
    size_t digits = r->at;
    if (!read_digits(r, "a number needs a digit behind its sign"))
        return false;
    if (r->text.p[digits] == '0' && r->at - digits > 1)
        return fail(r, digits, "a number must not begin with 0");
    if (!at_end(r) && peek(r) == '.') {
        r->at++;
        if (!read_digits(r, "a number needs a digit behind its point"))
            return false;
    }
    if (!at_end(r) && (peek(r) == 'e' || peek(r) == 'E')) {
        r->at++;
        if (!at_end(r) && (peek(r) == '+' || peek(r) == '-'))
            r->at++;
        if (!read_digits(r, "a number needs a digit in its exponent"))
            return false;
    }
    *out = (struct json_piece){ JSON_EVENT_NUMBER, from, r->at, slice_from(r->text.p + from, r->at - from),
                                r->at - from };
    return true;
}

static bool read_word(struct json_reader *r, struct json_piece *out)
{
    static const struct {
        struct slice word;
        enum json_event event;
    } words[] = {
        { S_INIT("true"), JSON_EVENT_TRUE },
        { S_INIT("false"), JSON_EVENT_FALSE },
        { S_INIT("null"), JSON_EVENT_NULL },
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!slice_starts(slice_skip(r->text, r->at), words[i].word))
            continue;
        *out = (struct json_piece){ words[i].event, r->at, r->at + words[i].word.n, SLICE_NONE, 0 };
        r->at = out->end;
        return true;
    }
    if (r->at == 0 && slice_starts(r->text, S("\xef\xbb\xbf")))
        return fail(r, 0, "byte order mark before the value");
    return fail(r, r->at, "no JSON value here");
}

static bool open_level(struct json_reader *r, struct json_piece *out)
{
    bool is_object = peek(r) == '{';

    if (r->depth == JSON_READ_DEPTH_MAX)
        return fail_limit(r, r->at, "nested too deeply");
    r->levels[r->depth++] = (struct json_level){ is_object, SLICE_NONE, 0 };
    *out = (struct json_piece){ is_object ? JSON_EVENT_OBJECT : JSON_EVENT_ARRAY, r->at, r->at + 1,
                                SLICE_NONE, 0 };
    r->at++;
    r->want = is_object ? WANT_NAME_OR_END : WANT_VALUE_OR_END;
    return true;
}

/* A value was read to its end: what may follow? */
static void value_ended(struct json_reader *r)
{
    r->want = r->depth ? WANT_COMMA_OR_END : WANT_DONE;
}

static bool close_level(struct json_reader *r, struct json_piece *out)
{
    bool is_object = r->levels[r->depth - 1].is_object;

    *out = (struct json_piece){ is_object ? JSON_EVENT_OBJECT_END : JSON_EVENT_ARRAY_END, r->at, r->at + 1,
                                SLICE_NONE, 0 };
    r->at++;
    r->depth--;
    value_ended(r);
    return true;
}

static bool read_value(struct json_reader *r, struct json_piece *out)
{
    unsigned char c = peek(r);
    bool fine;

    if (c == '{' || c == '[')
        return open_level(r, out);
    if (c == '"') {
        out->event = JSON_EVENT_STRING;
        fine = read_string(r, out);
    } else if (c == '-' || ascii_is_digit((char)c)) {
        fine = read_number(r, out);
    } else {
        fine = read_word(r, out);
    }
    if (fine)
        value_ended(r);
    return fine;
}

static void skip_blanks(struct json_reader *r)
{
    while (!at_end(r) && (peek(r) == ' ' || peek(r) == '\n' || peek(r) == '\r' || peek(r) == '\t'))
        r->at++;
}

/* A name and its colon. */
static bool read_name(struct json_reader *r, struct json_piece *out)
{
    if (peek(r) != '"')
        return fail(r, r->at, "a member name in double quotes is missing");
    out->event = JSON_EVENT_NAME;
    if (!read_string(r, out))
        return false;
    r->levels[r->depth - 1].name = out->raw;
    skip_blanks(r);
    if (at_end(r) || peek(r) != ':')
        return fail(r, r->at, "a colon is missing behind the name");
    r->at++;
    r->want = WANT_VALUE;
    return true;
}

/* Behind a value: its comma (then r->want says what is due), or the closing bracket (then *out is set). */
static bool read_separator(struct json_reader *r, struct json_piece *out, bool *closed)
{
    struct json_level *level = &r->levels[r->depth - 1];
    char c = (char)peek(r);

    *closed = c == (level->is_object ? '}' : ']');
    if (*closed)
        return close_level(r, out);
    if (c != ',')
        return fail(r, r->at, level->is_object ? "a comma or } is missing" : "a comma or ] is missing");
    r->at++;
    level->index++;
    level->name = SLICE_NONE;
    r->want = level->is_object ? WANT_NAME : WANT_VALUE;
    skip_blanks(r);
    return !at_end(r) || fail(r, r->at, "the text ends too early");
}

static bool read_piece(struct json_reader *r, struct json_piece *out)
{
    skip_blanks(r);
    if (r->want == WANT_DONE) {
        if (!at_end(r))
            return fail(r, r->at, "something follows the value");
        *out = (struct json_piece){ JSON_EVENT_DONE, r->at, r->at, SLICE_NONE, 0 };
        return true;
    }
    if (at_end(r))
        return fail(r, r->at, r->at == 0 ? "the text is empty" : "the text ends too early");
    if (r->want == WANT_COMMA_OR_END) {
        bool closed;
        if (!read_separator(r, out, &closed))
            return false;
        if (closed)
            return true;
    }
    if ((r->want == WANT_NAME_OR_END && peek(r) == '}') || (r->want == WANT_VALUE_OR_END && peek(r) == ']'))
        return close_level(r, out);
    if (r->want == WANT_NAME || r->want == WANT_NAME_OR_END)
        return read_name(r, out);
    return read_value(r, out);
}

bool json_reader_next(struct json_reader *r, struct json_piece *out)
{
    if (!r->why && read_piece(r, out))
        return true;
    *out = (struct json_piece){ .event = JSON_EVENT_ERROR, .start = r->error_at, .end = r->error_at };
    return false;
}

bool json_reader_skip(struct json_reader *r, struct json_piece *out)
{
    size_t outside = r->depth - 1;

    do {
        if (!json_reader_next(r, out))
            return false;
    } while (r->depth > outside);
    return true;
}

/* --- where it went wrong --- */

static void show_name(struct slice raw, struct sbuf *out)
{
    uint32_t code;
    size_t at = 0;

    for (size_t shown = 0; json_raw_next(raw, &at, &code); shown++) {
        if (shown == SEGMENT_SHOWN_CHARS) {
            sbuf_adds(out, "...");
            return;
        }
        if (code == '~' || code == '/')
            sbuf_adds(out, code == '~' ? "~0" : "~1");
        else
            sbuf_addc(out, code > 0x20 && code < 0x7f ? (char)code : '?');
    }
}

bool json_reader_fail(const struct json_reader *r, struct err *e, enum err_code code, size_t at,
                      const char *why)
{
    SCOPED(sbuf) pointer = SBUF_MAX(JSON_READ_DEPTH_MAX * (2 * SEGMENT_SHOWN_CHARS + 24));

    for (size_t i = 0; i < r->depth && pointer.n < POINTER_SHOWN_BYTES; i++) {
        const struct json_level *level = &r->levels[i];
        if (level->is_object && !level->name.p)
            break;
        sbuf_addc(&pointer, '/');
        if (level->is_object)
            show_name(level->name, &pointer);
        else
            sbuf_add_u64(&pointer, level->index);
    }
    if (pointer.n == 0)
        return err_set(e, code, "at byte %zu: %s", at, why);
    bool cut = pointer.n > POINTER_SHOWN_BYTES;
    struct slice shown = slice_from(pointer.p, cut ? POINTER_SHOWN_BYTES : pointer.n);
    return err_set(e, code, "at byte %zu (%.*s%s): %s", at, SLICE_FMT(shown), cut ? "..." : "", why);
}

/* --- the text of accepted strings --- */

bool json_raw_next_slow(struct slice raw, size_t *at, uint32_t *out_code)
{
    if (*at >= raw.n)
        return false;
    char c = raw.p[*at];
    if (c != '\\') {
        size_t n = enc_utf8_one(slice_skip(raw, *at), out_code);
        *at += n ? n : raw.n;
        return n > 0;
    }
    int32_t unit = unit_at(raw, *at);
    if (unit < 0) {
        static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
        char name = raw.n - *at > 1 ? raw.p[*at + 1] : '\\';
        const char *hit = memchr(names, name, 5);
        *out_code = (uint32_t)(unsigned char)(hit ? values[hit - names] : name);
        *at += 2;
        return true;
    }
    *at += 6;
    *out_code = (uint32_t)unit;
    if (unit >= 0xd800 && unit <= 0xdbff) {
        int32_t low = unit_at(raw, *at);
        *out_code = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
        *at += 6;
    }
    return true;
}

void json_raw_unescape(struct slice raw, struct sbuf *out)
{
    uint32_t code;
    char bytes[4];

    for (size_t at = 0; at < raw.n;) {
        size_t plain = slice_find(slice_skip(raw, at), '\\');
        sbuf_add(out, slice_from(raw.p + at, plain));
        at += plain;
        if (json_raw_next(raw, &at, &code))
            sbuf_add(out, slice_from(bytes, enc_utf8_put(code, bytes)));
    }
}

uint32_t json_fold_slow(uint32_t code)
{
    if (code == 0x17f)
        return 's';
    if (code == 0x212a)
        return 'k';
    return code == 0x130 || code == 0x131 ? 'i' : code;
}

static int compare(struct slice a, struct slice b, bool fold)
{
    size_t at_a = 0, at_b = 0;
    uint32_t x, y;

    for (;;) {
        bool more_a = json_raw_next(a, &at_a, &x), more_b = json_raw_next(b, &at_b, &y);
        if (!more_a || !more_b)
            return more_a - more_b;
        if (fold) {
            x = json_fold(x);
            y = json_fold(y);
        }
        if (x != y)
            return x < y ? -1 : 1;
    }
}

bool json_raw_eq(struct slice a, struct slice b)
{
    return compare(a, b, false) == 0;
}

bool json_raw_eq_nocase(struct slice a, struct slice b)
{
    return compare(a, b, true) == 0;
}

int json_raw_cmp_nocase(struct slice a, struct slice b)
{
    return compare(a, b, true);
}
