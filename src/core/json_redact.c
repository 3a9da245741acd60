/*
 * Redaction by splicing: see json.h. Reads the text with json_read and copies every byte but the values to
 * hide. It must never reprint a value, but for a string that is JSON text with something to hide, and never hand
 * out a text of which the end was not read.
 */
#include "core/json.h"
#include "core/json_read.h"
#include "base/enc.h"

/* JSON text in a string in JSON text ...: deeper than this it is hidden unread. */
#define TEXTS_DEPTH_MAX 4

struct redact {
    struct json_reader reader;
    const struct json_redaction *by;
    unsigned texts; /* in how many strings this text stands; pointers are for 0 */
    size_t foreign;
    struct sbuf inner; /* a string that is JSON text itself, redacted; empty: the last one is not */
};

/* Does a segment of a pointer ("~1" = '/', "~0" = '~') name this member? Both are compared unescaped and
 * folded. */
static bool segment_is_name(struct slice segment, struct slice raw)
{
    size_t at = 0;
    uint32_t code;

    while (json_raw_next(raw, &at, &code)) {
        if (segment.n == 0)
            return false;
        char c = segment.p[0];
        segment = slice_skip(segment, 1);
        if (c == '~' && segment.n) {
            c = segment.p[0] == '1' ? '/' : '~';
            segment = slice_skip(segment, 1);
        }
        if (json_fold(code) != json_fold((unsigned char)c))
            return false;
    }
    return segment.n == 0;
}

static bool segment_matches(struct slice segment, const struct json_level *level)
{
    char digits[24];

    if (slice_eq(segment, S("*")))
        return true;
    if (level->is_object)
        return segment_is_name(segment, level->name);
    snprintf(digits, sizeof digits, "%zu", level->index);
    return slice_eq(segment, slice_of(digits));
}

/* Does the pointer lead to the value that lies in the innermost of `depth` levels? */
static bool pointer_matches(const char *pointer, const struct json_level *levels, size_t depth)
{
    struct slice rest = slice_skip(slice_of(pointer), 1), segment;

    for (size_t i = 0; i < depth; i++)
        if (!slice_split(&rest, '/', &segment) || !segment_matches(segment, &levels[i]))
            return false;
    return depth > 0 && !rest.p;
}

static bool is_one_of(struct slice raw, const struct slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (segment_is_name(names[i], raw))
            return true;
    return false;
}

static bool is_secret(const struct redact *x, size_t depth)
{
    const struct json_level *levels = x->reader.levels;

    for (size_t i = 0; x->texts == 0 && i < x->by->pointer_count; i++)
        if (pointer_matches(x->by->pointers[i], levels, depth))
            return true;
    return depth > 0 && levels[depth - 1].is_object &&
           is_one_of(levels[depth - 1].name, x->by->names, x->by->name_count);
}

/* Is it the value, or an element of the value, of a member that names things? */
static bool is_mention(const struct redact *x, size_t depth)
{
    const struct json_level *levels = x->reader.levels;

    if (depth > 1 && !levels[depth - 1].is_object)
        depth--;
    return depth > 0 && levels[depth - 1].is_object &&
           is_one_of(levels[depth - 1].name, x->by->mentions, x->by->mention_count);
}

static bool has_part(struct slice text, struct slice part)
{
    for (size_t at = 0; part.n && at + part.n <= text.n; at++)
        if (text.p[at] == part.p[0] && memcmp(text.p + at, part.p, part.n) == 0)
            return true;
    return false;
}

static bool redact(struct redact *x, struct slice text, struct sbuf *out, size_t *out_count, struct err *e);

/* JSON text in a string: true when the string must be hidden whole. What changed of it is in x->inner then. */
static bool hides_inside(struct redact *x, struct slice text, size_t max_bytes)
{
    struct redact inner = { .by = x->by, .texts = x->texts + 1, .inner = SBUF_MAX(max_bytes) };
    SCOPED(sbuf) out = SBUF_MAX(max_bytes);
    size_t count = 0;
    struct err e = { 0 };
    bool is_json = x->texts < TEXTS_DEPTH_MAX && redact(&inner, text, &out, &count, &e);

    sbuf_drop(&inner.inner);
    if (!is_json && e.code == ERR_SYNTAX && !inner.reader.is_limit)
        return false; /* some other text; what only we do not read may be JSON for others, and is hidden */
    if (!is_json || inner.foreign) {
        x->foreign += inner.foreign;
        return true;
    }
    if (count)
        enc_json_string(sbuf_slice(&out), &x->inner);
    if (sbuf_ok(&x->inner))
        return false;
    sbuf_clear(&x->inner); /* a part of it would be no JSON */
    return true;
}

/* A string: hidden whole, or changed into x->inner. */
static bool hides_text(struct redact *x, const struct json_piece *piece)
{
    const struct json_redaction *by = x->by;
    bool mentions = by->mention_count && is_mention(x, x->reader.depth);
    struct slice start = slice_trim(piece->raw);
    bool may_be_json =
        by->in_texts && start.n && (start.p[0] == '{' || start.p[0] == '[' || start.p[0] == '\\');

    if (piece->raw.n == 0 || is_secret(x, x->reader.depth))
        return piece->raw.n > 0;
    if (!mentions && !may_be_json && by->part_count == 0)
        return false;
    SCOPED(sbuf) text = SBUF_MAX(piece->raw.n + 1);
    json_raw_unescape(piece->raw, &text);
    if (!sbuf_ok(&text))
        return true;
    for (size_t i = 0; i < by->part_count; i++)
        if (has_part(sbuf_slice(&text), by->parts[i]))
            return true;
    if (mentions && !by->owns(by->arg, sbuf_slice(&text))) {
        x->foreign++;
        return true;
    }
    return may_be_json && hides_inside(x, sbuf_slice(&text), 8 * piece->raw.n + 64);
}

/* Is this piece the beginning of a value that is to be hidden, or changed? */
static bool hides(struct redact *x, const struct json_piece *piece)
{
    switch (piece->event) {
    case JSON_EVENT_OBJECT:
    case JSON_EVENT_ARRAY:
        x->foreign +=
            piece->event == JSON_EVENT_ARRAY && x->by->mention_count && is_mention(x, x->reader.depth - 1);
        return is_secret(x, x->reader.depth - 1);
    case JSON_EVENT_STRING:
        sbuf_clear(&x->inner);
        return hides_text(x, piece) || x->inner.n > 0;
    case JSON_EVENT_NUMBER:
    case JSON_EVENT_TRUE:
    case JSON_EVENT_FALSE:
        return is_secret(x, x->reader.depth);
    case JSON_EVENT_ERROR:
    case JSON_EVENT_OBJECT_END:
    case JSON_EVENT_ARRAY_END:
    case JSON_EVENT_NAME:
    case JSON_EVENT_NULL:
    case JSON_EVENT_DONE:
        break;
    }
    return false;
}

static bool redact(struct redact *x, struct slice text, struct sbuf *out, size_t *out_count, struct err *e)
{
    struct json_piece piece;
    size_t copied = 0, count = 0;

    sbuf_clear(out);
    json_reader_init(&x->reader, text);
    for (;;) {
        if (!json_reader_next(&x->reader, &piece))
            break;
        if (piece.event == JSON_EVENT_DONE) {
            sbuf_add(out, slice_skip(text, copied));
            break;
        }
        if (!hides(x, &piece))
            continue;
        sbuf_add(out, slice_from(text.p + copied, piece.start - copied));
        if (piece.event == JSON_EVENT_STRING && x->inner.n)
            sbuf_add(out, sbuf_slice(&x->inner));
        else
            sbuf_adds(out, "\"[redacted]\"");
        bool opens = piece.event == JSON_EVENT_OBJECT || piece.event == JSON_EVENT_ARRAY;
        if (opens && !json_reader_skip(&x->reader, &piece))
            break;
        copied = piece.end;
        count++;
    }
    if (out_count)
        *out_count = count;
    if (piece.event == JSON_EVENT_DONE && sbuf_ok(out))
        return true;
    if (piece.event != JSON_EVENT_DONE)
        json_reader_fail(&x->reader, e, ERR_SYNTAX, x->reader.error_at, x->reader.why);
    else
        err_set(e, ERR_TOO_LONG, "the redacted text is too long, or there is no memory for it");
    sbuf_clear(out);
    return false;
}

bool json_redact_by(struct slice text, const struct json_redaction *by, struct sbuf *out, size_t *out_count,
                    size_t *out_foreign, struct err *e)
{
    struct redact x = { .by = by, .inner = SBUF_MAX(out->max) };

    for (size_t i = 0; i < by->pointer_count; i++)
        if (by->pointers[i][0] != '/')
            return err_set(e, ERR_SYNTAX, "a JSON pointer must begin with /");
    bool done = redact(&x, text, out, out_count, e);
    sbuf_drop(&x.inner);
    if (out_foreign)
        *out_foreign = x.foreign;
    return done;
}

bool json_redact(struct slice text, const char *const *pointers, size_t pointer_count, struct sbuf *out,
                 size_t *out_count, struct err *e)
{
    struct json_redaction by = { .pointers = pointers, .pointer_count = pointer_count };

    return json_redact_by(text, &by, out, out_count, NULL, e);
}

bool json_redact_names(struct slice text, const struct slice *names, size_t name_count, struct sbuf *out,
                       size_t *out_count, struct err *e)
{
    struct json_redaction by = { .names = names, .name_count = name_count };

    return json_redact_by(text, &by, out, out_count, NULL, e);
}
