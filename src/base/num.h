/* num: numbers from text, whole input, no sign, no blanks, no leading zero, no wrap. False leaves *out alone. */
#ifndef EG_NUM_H
#define EG_NUM_H
#include "base/slice.h"
#include <stdint.h>

/* Decimal in lo..hi. */
bool num_u64(struct slice s, uint64_t lo, uint64_t hi, uint64_t *out);
/* Optional '-', decimal, in lo..hi; "-0" is no number. */
bool num_i64(struct slice s, int64_t lo, int64_t hi, int64_t *out);
/* A number with a unit ms, s, m, h or d ("500ms", "30s"); the result is milliseconds. */
bool num_duration_ms(struct slice s, uint64_t *out_ms);
/* A number with an optional unit k, m or g (powers of 1024); the result is bytes. */
bool num_size_bytes(struct slice s, uint64_t *out_bytes);

/* a + b and a * b that fail instead of wrapping. */
bool num_add(uint64_t a, uint64_t b, uint64_t *out);
bool num_mul(uint64_t a, uint64_t b, uint64_t *out);
#endif
