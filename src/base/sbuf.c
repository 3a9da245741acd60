/* Bounded growing text: see sbuf.h. */
#include "base/sbuf.h"
#include "base/must.h"

/* Most texts of a request fit, and growing twice costs more than the room. */
#define SBUF_FIRST_BYTES 512

void sbuf_drop(struct sbuf *b)
{
    if (!b->is_lent)
        free(b->p);
    *b = (struct sbuf){ .max = b->max };
}

void sbuf_clear(struct sbuf *b)
{
    b->n = 0;
    b->failed = false;
    if (b->p)
        b->p[0] = '\0';
}

bool sbuf_ok(const struct sbuf *b)
{
    return !b->failed;
}

struct slice sbuf_slice(const struct sbuf *b)
{
    return (struct slice){ b->p ? b->p : "", b->n };
}

/* Memory of cap bytes with the text in it; lent memory stays where it is. */
static char *grown(const struct sbuf *b, size_t cap)
{
    char *p = realloc(b->is_lent ? NULL : b->p, cap);

    if (p && b->is_lent)
        memcpy(p, b->p, b->n);
    return p;
}

char *sbuf_room(struct sbuf *b, size_t n)
{
    if (b->failed)
        return NULL;
    size_t max = b->max < SIZE_MAX / 4 ? b->max : SIZE_MAX / 4; /* so that no sum below wraps */
    if (n > max || b->n > max - n) {
        b->failed = true;
        return NULL;
    }
    if (b->n + n + 1 > b->cap) {
        size_t cap = b->cap ? b->cap : SBUF_FIRST_BYTES;
        while (cap < b->n + n + 1)
            cap *= 2;
        if (cap > max + 1)
            cap = max + 1;
        char *p = grown(b, cap);
        if (!p) {
            b->failed = true;
            return NULL;
        }
        b->p = p;
        b->cap = cap;
        b->is_lent = false;
        b->p[b->n] = '\0';
    }
    return b->p + b->n;
}

void sbuf_grew(struct sbuf *b, size_t n)
{
    MUST(b->n + n < b->cap);
    b->n += n;
    b->p[b->n] = '\0';
}

void sbuf_add_slow(struct sbuf *b, struct slice s)
{
    char *to = sbuf_room(b, s.n);

    if (!to)
        return;
    if (s.n)
        memcpy(to, s.p, s.n);
    sbuf_grew(b, s.n);
}

void sbuf_add_u64(struct sbuf *b, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    sbuf_add(b, slice_from(digits + at, sizeof digits - at));
}

void sbuf_add_i64(struct sbuf *b, int64_t n)
{
    if (n < 0)
        sbuf_addc(b, '-');
    sbuf_add_u64(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

void sbuf_addf(struct sbuf *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    sbuf_vaddf(b, format, args);
    va_end(args);
}

void sbuf_vaddf(struct sbuf *b, const char *format, va_list args)
{
    char text[256]; /* most fit, so that they are printed once */
    va_list again;

    va_copy(again, args);
    int n = vsnprintf(text, sizeof text, format, args);
    if (n < 0) {
        b->failed = true;
    } else if ((size_t)n < sizeof text) {
        sbuf_add(b, slice_from(text, (size_t)n));
    } else {
        char *to = sbuf_room(b, (size_t)n);
        if (to) {
            vsnprintf(to, (size_t)n + 1, format, again);
            sbuf_grew(b, (size_t)n);
        }
    }
    va_end(again);
}

char *sbuf_take(struct sbuf *b)
{
    if (b->is_lent && !b->failed) {
        char *own = grown(b, b->n + 1);
        b->failed = !own;
        b->p = own;
        b->is_lent = false;
        if (own)
            own[b->n] = '\0';
    }
    char *p = b->failed || b->n == 0 ? NULL : b->p;

    if (!p && !b->is_lent)
        free(b->p);
    *b = (struct sbuf){ .max = b->max };
    return p;
}
