/* Values of audit records: see audit_value.h. Nothing is accepted that has a second spelling. */
#include "core/audit_value.h"
#include "base/enc.h"
#include "base/num.h"

/* A string with its quotes. */
static size_t string_length(struct slice s)
{
    size_t i = 1;

    if (s.n < 2 || s.p[0] != '"')
        return 0;
    while (i < s.n && s.p[i] != '"') {
        if (s.p[i] < 0x20 || s.p[i] >= 0x7f)
            return 0;
        if (s.p[i] != '\\') {
            i++;
            continue;
        }
        if (s.n - i > 1 && (s.p[i + 1] == '"' || s.p[i + 1] == '\\'))
            i += 2;
        else if (s.n - i > 5 && s.p[i + 1] == 'u' && enc_is_lower_hex(slice_from(s.p + i + 2, 4)))
            i += 6;
        else
            return 0;
    }
    return i < s.n ? i + 1 : 0;
}

/* An integer or a word. */
static size_t plain_length(struct slice s, bool is_inner)
{
    size_t n = 0;
    int64_t number;

    while (n < s.n && s.p[n] != ',' && s.p[n] != '}' && s.p[n] != ']')
        n++;
    struct slice text = slice_from(s.p, n);
    bool fine = slice_eq(text, S("true")) || (is_inner && slice_eq(text, S("false"))) ||
                num_i64(text, INT64_MIN, INT64_MAX, &number);
    return fine ? n : 0;
}

/* What one level of the walk is in. */
struct level {
    char end; /* ']' or '}' */
    bool is_begun;
};

/* The member's name and its colon, in an object. */
static size_t name_length(const struct level *in, struct slice s)
{
    size_t n = string_length(s);

    if (in->end == ']')
        return 0;
    return n > 0 && n < s.n && s.p[n] == ':' ? n + 1 : SIZE_MAX;
}

/* An array or object, walked without recursion. */
static size_t tree_length(struct slice s)
{
    struct level levels[AUDIT_VALUE_DEPTH_MAX];
    size_t depth = 0, at = 0;

    while (at < s.n) {
        struct level *in = depth ? &levels[depth - 1] : NULL;
        if (in && s.p[at] == in->end) {
            at++;
            if (--depth == 0)
                return at;
            continue;
        }
        if (in && in->is_begun && s.p[at++] != ',')
            return 0;
        size_t name = in ? name_length(in, slice_skip(s, at)) : 0;
        if (name == SIZE_MAX || at + name >= s.n)
            return 0;
        at += name;
        if (in)
            in->is_begun = true;
        if (s.p[at] == '[' || s.p[at] == '{') {
            if (depth == AUDIT_VALUE_DEPTH_MAX)
                return 0;
            levels[depth++] = (struct level){ s.p[at++] == '[' ? ']' : '}', false };
            continue;
        }
        struct slice rest = slice_skip(s, at);
        size_t n = rest.p[0] == '"' ? string_length(rest) : plain_length(rest, true);
        if (n == 0 || !in)
            return 0;
        at += n;
    }
    return 0;
}

size_t audit_value_length(struct slice s)
{
    if (s.n == 0)
        return 0;
    if (s.p[0] == '[' || s.p[0] == '{')
        return tree_length(s);
    return s.p[0] == '"' ? string_length(s) : plain_length(s, false);
}

bool audit_value_is_tree(struct slice s)
{
    return s.n && (s.p[0] == '[' || s.p[0] == '{') && tree_length(s) == s.n;
}
