/*
 * emu_nonce: which nonces were used. As a date is good for 15 minutes on either side, a nonce is remembered for at
 * least 30 minutes. Only 64-bit keyed hashes are kept; at most EMU_NONCES_MAX in each of two generations.
 */
#ifndef EG_EMU_NONCE_H
#define EG_EMU_NONCE_H
#include "base/slice.h"
#include <stdint.h>

#define EMU_NONCES_MAX (1U << 23)

struct emu_nonces;

struct emu_nonces *emu_nonces_new(void); /* NULL without memory */
void emu_nonces_free(struct emu_nonces **n);
/* Record the nonce of this key; false when it was there already. */
bool emu_nonces_take(struct emu_nonces *n, struct slice key_id, struct slice nonce, int64_t now_ms);
#endif
