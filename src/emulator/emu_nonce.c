/* Used nonces: see emu_nonce.h. Two open-addressing tables of hashes; the older one is dropped as a whole. */
#include "emulator/emu_nonce.h"
#include "base/map.h"
#include "base/secret.h"

#define GENERATION_MS (INT64_C(31) * 60 * 1000)

struct table {
    uint64_t *slot; /* 0 = free */
    size_t cap, count;
};

struct emu_nonces {
    struct table now, before;
    int64_t since_ms;
    uint64_t seed[2];
};

struct emu_nonces *emu_nonces_new(void)
{
    struct emu_nonces *n = calloc(1, sizeof *n);

    if (n && !random_bytes(n->seed, sizeof n->seed))
        emu_nonces_free(&n);
    return n;
}

void emu_nonces_free(struct emu_nonces **at)
{
    struct emu_nonces *n = *at;

    *at = NULL;
    if (!n)
        return;
    free(n->now.slot);
    free(n->before.slot);
    free(n);
}

static uint64_t *place(const struct table *t, uint64_t hash)
{
    size_t i = (size_t)hash & (t->cap - 1);

    while (t->slot[i] && t->slot[i] != hash)
        i = (i + 1) & (t->cap - 1);
    return &t->slot[i];
}

static bool grow(struct table *t)
{
    struct table bigger = { .cap = t->cap ? t->cap * 2 : 4096, .count = t->count };

    bigger.slot = calloc(bigger.cap, sizeof *bigger.slot);
    if (!bigger.slot)
        return false;
    for (size_t i = 0; i < t->cap; i++)
        if (t->slot[i])
            *place(&bigger, t->slot[i]) = t->slot[i];
    free(t->slot);
    *t = bigger;
    return true;
}

static void turn(struct emu_nonces *n, int64_t now_ms)
{
    if (n->since_ms == 0)
        n->since_ms = now_ms;
    if (now_ms - n->since_ms < GENERATION_MS && n->now.count < EMU_NONCES_MAX)
        return;
    free(n->before.slot);
    n->before = n->now;
    n->now = (struct table){ 0 };
    n->since_ms = now_ms;
}

bool emu_nonces_take(struct emu_nonces *n, struct slice key_id, struct slice nonce, int64_t now_ms)
{
    char text[512];

    turn(n, now_ms);
    if (key_id.n + nonce.n + 1 > sizeof text)
        return false;
    memcpy(text, key_id.p, key_id.n);
    text[key_id.n] = '\0';
    memcpy(text + key_id.n + 1, nonce.p, nonce.n);
    uint64_t hash = siphash24(n->seed, slice_from(text, key_id.n + nonce.n + 1)) | 1;
    if (n->before.cap && *place(&n->before, hash))
        return false;
    if ((n->now.count + 1) * 2 > n->now.cap && !grow(&n->now))
        return false;
    uint64_t *slot = place(&n->now, hash);
    if (*slot)
        return false;
    *slot = hash;
    n->now.count++;
    return true;
}
