/* Views of text: see slice.h. */
#include "base/slice.h"

bool slice_eq_nocase(struct slice a, struct slice b)
{
    return a.n == b.n && slice_starts_nocase(a, b);
}

bool slice_starts_nocase(struct slice s, struct slice prefix)
{
    if (s.n < prefix.n)
        return false;
    for (size_t i = 0; i < prefix.n; i++)
        if (ascii_lower(s.p[i]) != ascii_lower(prefix.p[i]))
            return false;
    return true;
}

bool slice_ends(struct slice s, struct slice suffix)
{
    return s.n >= suffix.n && slice_eq(slice_skip(s, s.n - suffix.n), suffix);
}

int slice_cmp(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;

    if (c != 0)
        return c;
    return (a.n > b.n) - (a.n < b.n);
}

struct slice slice_trim(struct slice s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

size_t slice_find(struct slice s, char c)
{
    const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;

    return hit ? (size_t)(hit - s.p) : s.n;
}

bool slice_has(struct slice s, char c)
{
    return slice_find(s, c) < s.n;
}

bool slice_take(struct slice *rest, struct slice literal)
{
    if (!slice_starts(*rest, literal))
        return false;
    *rest = slice_skip(*rest, literal.n);
    return true;
}

bool slice_take_until(struct slice *rest, char c, struct slice *out)
{
    size_t n = slice_find(*rest, c);

    if (n == rest->n)
        return false;
    *out = slice_from(rest->p, n);
    *rest = slice_skip(*rest, n);
    return true;
}

bool slice_split(struct slice *rest, char sep, struct slice *out_part)
{
    if (!rest->p)
        return false;
    size_t at = slice_find(*rest, sep);
    *out_part = (struct slice){ rest->p, at };
    *rest = at == rest->n ? SLICE_NONE : slice_skip(*rest, at + 1);
    return true;
}
