/*
 * Redaction by splicing: see json.h. Reads the text with json_read and copies every byte but the values to
 * hide. It must never reprint a value, and never hand out a text of which the end was not read.
 */
#include "core/json.h"
#include "core/json_read.h"

struct redact {
    struct json_reader reader;
    const char *const *pointers;
    size_t pointer_count;
    const struct slice *names;
    size_t name_count;
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

static bool is_secret(const struct redact *x, size_t depth)
{
    const struct json_level *levels = x->reader.levels;

    for (size_t i = 0; i < x->pointer_count; i++)
        if (pointer_matches(x->pointers[i], levels, depth))
            return true;
    if (depth == 0 || !levels[depth - 1].is_object)
        return false;
    for (size_t i = 0; i < x->name_count; i++)
        if (segment_is_name(x->names[i], levels[depth - 1].name))
            return true;
    return false;
}

/* Is this piece the beginning of a value that is to be hidden? */
static bool hides(const struct redact *x, const struct json_piece *piece)
{
    switch (piece->event) {
    case JSON_EVENT_OBJECT:
    case JSON_EVENT_ARRAY:
        return is_secret(x, x->reader.depth - 1);
    case JSON_EVENT_STRING:
        return piece->raw.n > 0 && is_secret(x, x->reader.depth);
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

bool json_redact(struct slice text, const char *const *pointers, size_t pointer_count, struct sbuf *out,
                 size_t *out_count, struct err *e)
{
    struct redact x = { .pointers = pointers, .pointer_count = pointer_count };

    for (size_t i = 0; i < pointer_count; i++)
        if (pointers[i][0] != '/')
            return err_set(e, ERR_SYNTAX, "a JSON pointer must begin with /");
    return redact(&x, text, out, out_count, e);
}

bool json_redact_names(struct slice text, const struct slice *names, size_t name_count, struct sbuf *out,
                       size_t *out_count, struct err *e)
{
    struct redact x = { .names = names, .name_count = name_count };

    return redact(&x, text, out, out_count, e);
}
