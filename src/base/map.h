/*
 * map: from bytes to a pointer; SipHash-2-4 with a random seed of its own, so that peers cannot aim at one bucket.
 * Keys are copied, values are not owned. Not for secrets.
 */
#ifndef EG_MAP_H
#define EG_MAP_H
#include "base/slice.h"
#include <stdint.h>

struct map;

struct map *map_new(void); /* NULL without memory */
void map_free(struct map **m);
/* And each value with it, by free(). */
void map_free_values(struct map **m);
/* The value of key, or NULL. */
void *map_get(const struct map *m, struct slice key);
/* Set or replace (value is not NULL); false without memory. */
bool map_put(struct map *m, struct slice key, void *value);
/* Remove and return the value, or NULL. */
void *map_remove(struct map *m, struct slice key);
size_t map_count(const struct map *m);
/* Walk: start with *at = 0; false at the end. The map must not change meanwhile. */
bool map_next(const struct map *m, size_t *at, struct slice *out_key, void **out_value);

uint64_t siphash24(const uint64_t seed[2], struct slice bytes);
#endif
