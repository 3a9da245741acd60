/*
 * arena: memory of one request or one snapshot. Pieces are never freed alone; all go with arena_free.
 * Has a maximum: past it, or without memory, allocation returns NULL and arena_failed() stays true.
 */
#ifndef EG_ARENA_H
#define EG_ARENA_H
#include "base/slice.h"

struct arena;

/* A new arena that hands out at most max_bytes; NULL without memory. The caller owns it. */
struct arena *arena_new(size_t max_bytes);
/* Free it and all that it gave; stores NULL. NULL is fine. */
void arena_free(struct arena **a);
bool arena_failed(const struct arena *a);

/* Zeroed memory for any type. */
void *arena_alloc(struct arena *a, size_t n);
/* A NUL-ended copy; SLICE_NONE on failure. */
struct slice arena_dup(struct arena *a, struct slice s);
const char *arena_str(struct arena *a, struct slice s);
const char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(a, T)      ((T *)arena_alloc((a), sizeof(T)))
#define ARENA_ARRAY(a, T, n) ((T *)arena_array((a), (n), sizeof(T)))
void *arena_array(struct arena *a, size_t n, size_t size);
#endif
