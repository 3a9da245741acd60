/*
 * sbuf: growing text that knows its maximum from birth. Its error is sticky: append freely, ask once with
 * sbuf_ok(). After a failure (too long, or no memory) nothing more is added. Always NUL-ended when p is set.
 * Owner: whoever declares it; SCOPED(sbuf) drops it at the end of the block.
 */
#ifndef EG_SBUF_H
#define EG_SBUF_H
#include "base/slice.h"
#include "base/scoped.h"
#include <stdarg.h>
#include <stdint.h>

struct sbuf {
    char *p;
    size_t n, cap;
    size_t max; /* most bytes it may hold, without the NUL */
    bool failed;
    bool is_lent; /* p is somebody else's memory (SBUF_LENT) */
};

#define SBUF_MAX(bytes) ((struct sbuf){ .max = (bytes) })
/* The same, with its first `size` bytes at `memory`, which outlives it and whose first byte is NUL; more is taken from the
 * heap when they are full. NULL and 0 are fine. */
#define SBUF_LENT(memory, size, bytes)                                                                       \
    ((struct sbuf){ .p = (memory),                                                                           \
                    .cap = (size) <= (bytes) ? (size) : (bytes) + 1,                                         \
                    .max = (bytes),                                                                          \
                    .is_lent = (size) > 0 })

void sbuf_drop(struct sbuf *b);
/* Forget the text and the error, keep the memory. */
void sbuf_clear(struct sbuf *b);
bool sbuf_ok(const struct sbuf *b);
struct slice sbuf_slice(const struct sbuf *b);

static inline void sbuf_add(struct sbuf *b, struct slice s);
static inline void sbuf_adds(struct sbuf *b, const char *text);
static inline void sbuf_addc(struct sbuf *b, char c);
void sbuf_add_u64(struct sbuf *b, uint64_t n);
void sbuf_add_i64(struct sbuf *b, int64_t n);
void sbuf_addf(struct sbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sbuf_vaddf(struct sbuf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* Make room for n more bytes and return where they go, or NULL (and the error sticks). Follow with sbuf_grew. */
char *sbuf_room(struct sbuf *b, size_t n);
void sbuf_grew(struct sbuf *b, size_t n);
/* Hand the heap text (NUL-ended) to the caller, who frees it; NULL when failed or empty. The sbuf is empty then. */
char *sbuf_take(struct sbuf *b);

/* ---- the common case, where the room is there already ---- */

void sbuf_add_slow(struct sbuf *b, struct slice s);

static inline void sbuf_add(struct sbuf *b, struct slice s)
{
    if (b->failed || s.n >= b->cap - b->n) { /* one byte more is the NUL's */
        sbuf_add_slow(b, s);
        return;
    }
    if (s.n)
        memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
    b->p[b->n] = '\0';
}

static inline void sbuf_adds(struct sbuf *b, const char *text)
{
    sbuf_add(b, slice_of(text));
}

static inline void sbuf_addc(struct sbuf *b, char c)
{
    sbuf_add(b, slice_from(&c, 1));
}
#endif
