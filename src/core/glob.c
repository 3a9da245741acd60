/*
 * Name patterns: see glob.h. Matching goes back to the last star only (an earlier one cannot help where the
 * last one fails), so it is at most pattern times text. It must never take anything but '*' for special.
 */
#include "core/glob.h"

bool glob_match(struct slice pattern, struct slice text)
{
    size_t p = 0, t = 0, star = pattern.n, star_text = 0; /* star: the last one met, pattern.n = none */

    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            star_text = t;
        } else if (p < pattern.n && pattern.p[p] == text.p[t]) {
            p++;
            t++;
        } else if (star < pattern.n) {
            p = star + 1;
            t = ++star_text;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

/* One character of a segment, '.' also as %2e; its length, 0 for another. */
static size_t dot_at(struct slice s)
{
    if (slice_starts(s, S(".")))
        return 1;
    return slice_starts_nocase(s, S("%2e")) ? 3 : 0;
}

static bool is_dots(struct slice segment)
{
    size_t one = dot_at(segment), two = one ? dot_at(slice_skip(segment, one)) : 0;

    return one && one + two == segment.n;
}

bool glob_climbs(struct slice text)
{
    size_t from = 0;

    for (size_t i = 0; i <= text.n; i++) {
        bool is_end = i == text.n || text.p[i] == '/' || text.p[i] == '\\' || text.p[i] == ':' ||
                      text.p[i] == '?' || text.p[i] == '#';
        if (is_end && is_dots(slice_from(text.p + from, i - from)))
            return true;
        from = is_end ? i + 1 : from;
    }
    return false;
}

/*
 * Can a[i..] and b[j..] still spell one text? A star may end (go on behind it) or swallow what the other
 * pattern says next, be it a byte or a star. Rows for i from the end of a, one kept.
 */
bool glob_overlap(struct slice a, struct slice b)
{
    bool below[GLOB_PATTERN_MAX_BYTES + 1], row[GLOB_PATTERN_MAX_BYTES + 1];

    if (a.n > GLOB_PATTERN_MAX_BYTES || b.n > GLOB_PATTERN_MAX_BYTES)
        return true;
    for (size_t i = a.n + 1; i-- > 0;) {
        for (size_t j = b.n + 1; j-- > 0;) {
            bool more_a = i < a.n, more_b = j < b.n;
            bool star_a = more_a && a.p[i] == '*', star_b = more_b && b.p[j] == '*';
            row[j] = (!more_a && !more_b) || (more_a && (star_a || star_b) && below[j]) ||
                     (more_b && (star_a || star_b) && row[j + 1]) ||
                     (more_a && more_b && a.p[i] == b.p[j] && below[j + 1]);
        }
        for (size_t j = 0; j <= b.n; j++)
            below[j] = row[j];
    }
    return below[0];
}

bool glob_valid(struct slice pattern, struct err *e)
{
    if (pattern.n == 0)
        return err_set(e, ERR_MISSING, "a pattern must not be empty");
    if (pattern.n > GLOB_PATTERN_MAX_BYTES)
        return err_set(e, ERR_TOO_LONG, "a pattern has at most %d bytes", GLOB_PATTERN_MAX_BYTES);
    for (size_t i = 0; i < pattern.n; i++) {
        char c = pattern.p[i];
        if (c <= 0x20 || c >= 0x7f)
            return err_set(e, ERR_SYNTAX, "byte %zu of the pattern is not printable ASCII", i + 1);
        if (memchr("?[]{}\\", c, 6))
            return err_set(e, ERR_SYNTAX, "'%c' is not allowed in a pattern, only * is special", c);
        if (c == '*' && i && pattern.p[i - 1] == '*')
            return err_set(e, ERR_SYNTAX,
                           "one * is enough, it stands for any run of characters, also with /");
    }
    return true;
}

/* --- paths in object storage and on NAS --- */

static bool is_bucket_char(char c)
{
    return (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '-' || c == '.';
}

static bool is_path_char(char c, bool is_pattern)
{
    return ascii_is_alnum(c) || (c != '\0' && memchr("-._~!$&'()+,;=:@", c, 16)) || (is_pattern && c == '*');
}

static bool check_segment(struct slice segment, bool is_last, bool is_pattern, struct err *e)
{
    if (segment.n == 0 && !is_last)
        return err_set(e, ERR_SYNTAX, "the path has an empty segment");
    if (slice_eq(segment, S(".")) || slice_eq(segment, S("..")))
        return err_set(e, ERR_SYNTAX, "the path has a segment . or ..");
    for (size_t i = 0; i < segment.n; i++)
        if (!is_path_char(segment.p[i], is_pattern))
            return err_set(e, ERR_SYNTAX, "the path has a character that is not allowed");
    return true;
}

/* Take "oss://bucket/" off the front of *rest. */
static bool check_bucket(struct slice *rest, struct err *e)
{
    struct slice bucket;

    *rest = slice_skip(*rest, S("oss://").n);
    if (!slice_split(rest, '/', &bucket) || !rest->p)
        return err_set(e, ERR_SYNTAX, "the path must have a / behind the bucket");
    if (bucket.n == 0 || !ascii_is_alnum(bucket.p[0]) || !ascii_is_alnum(bucket.p[bucket.n - 1]))
        return err_set(e, ERR_SYNTAX, "the bucket must begin and end with a letter or digit");
    for (size_t i = 0; i < bucket.n; i++)
        if (!is_bucket_char(bucket.p[i]))
            return err_set(e, ERR_SYNTAX, "the bucket must be spelled out in a-z, 0-9, - and .");
    return true;
}

static bool check_path(struct slice path, bool is_pattern, struct err *e)
{
    struct slice rest = path, segment;

    if (slice_starts(path, S("/")))
        rest = slice_skip(path, 1);
    else if (!slice_starts(path, S("oss://")))
        return err_set(e, ERR_SYNTAX, "the path must begin with oss:// or, on NAS, with /");
    else if (!check_bucket(&rest, e))
        return false;
    while (slice_split(&rest, '/', &segment))
        if (!check_segment(segment, !rest.p, is_pattern, e))
            return false;
    return true;
}

bool glob_path_valid(struct slice pattern, struct err *e)
{
    return glob_valid(pattern, e) && check_path(pattern, true, e);
}

bool glob_path_match(struct slice pattern, struct slice path)
{
    return glob_path_valid(pattern, NULL) && check_path(path, false, NULL) && glob_match(pattern, path);
}
