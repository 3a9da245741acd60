/* Blocks of doubling size, freed together: see arena.h. */
#include "base/arena.h"
#include <stdarg.h>
#include <stdalign.h>
#include <stdint.h>

#define FIRST_BLOCK_BYTES 8192 /* a request's whole life, usually */
#define MOST_BLOCK_BYTES  65536

struct block {
    struct block *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

struct arena {
    struct block *blocks;
    size_t max, given;
    bool failed;
    alignas(
        max_align_t) char first[sizeof(struct block) + FIRST_BLOCK_BYTES]; /* a block: one allocation less */
};

static struct block *first_block(struct arena *a)
{
    return (struct block *)(void *)a->first;
}

struct arena *arena_new(size_t max_bytes)
{
    struct arena *a = malloc(sizeof *a);

    if (!a)
        return NULL;
    a->blocks = first_block(a);
    *a->blocks = (struct block){ .size = FIRST_BLOCK_BYTES };
    a->max = max_bytes;
    a->given = 0;
    a->failed = false;
    return a;
}

void arena_free(struct arena **a)
{
    if (!*a)
        return;
    for (struct block *b = (*a)->blocks, *next; b != first_block(*a); b = next) {
        next = b->next;
        free(b);
    }
    free(*a);
    *a = NULL;
}

bool arena_failed(const struct arena *a)
{
    return a->failed;
}

static struct block *block_for(struct arena *a, size_t n)
{
    struct block *b = a->blocks;

    if (b->size - b->used >= n)
        return b;
    size_t size = b->size * 2;
    if (size > MOST_BLOCK_BYTES)
        size = MOST_BLOCK_BYTES;
    if (size < n)
        size = n;
    struct block *fresh = malloc(sizeof *fresh + size);
    if (!fresh)
        return NULL;
    *fresh = (struct block){ .next = b, .size = size };
    a->blocks = fresh;
    return fresh;
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t align = alignof(max_align_t);

    if (n == 0)
        n = 1;
    if (n > a->max - a->given || n > SIZE_MAX / 2) /* the second: no sum below wraps, whatever max is */
        a->failed = true;
    if (a->failed)
        return NULL;
    size_t whole = (n + align - 1) / align * align;
    struct block *b = block_for(a, whole);
    if (!b) {
        a->failed = true;
        return NULL;
    }
    void *p = b->bytes + b->used;
    b->used += whole;
    a->given += n;
    memset(p, 0, n);
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes)) {
        a->failed = true;
        return NULL;
    }
    return arena_alloc(a, bytes);
}

struct slice arena_dup(struct arena *a, struct slice s)
{
    char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;

    if (!p)
        return SLICE_NONE;
    if (s.n)
        memcpy(p, s.p, s.n);
    return slice_from(p, s.n);
}

const char *arena_str(struct arena *a, struct slice s)
{
    return arena_dup(a, s).p;
}

const char *arena_printf(struct arena *a, const char *format, ...)
{
    char text[256]; /* most fit, so that they are printed once */
    va_list args, again;
    char *p = NULL;

    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(text, sizeof text, format, args);
    if (n >= 0)
        p = arena_alloc(a, (size_t)n + 1);
    if (p && (size_t)n < sizeof text)
        memcpy(p, text, (size_t)n + 1);
    else if (p)
        vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    return p;
}
