/* Open hashing with chains; the table doubles when it is full. SipHash-2-4: Aumasson and Bernstein, 2012. */
#include "base/map.h"
#include "base/secret.h"

struct node {
    struct node *next;
    void *value;
    uint64_t hash;
    size_t n;
    char key[];
};

struct map {
    struct node **slots;
    size_t slot_count, count; /* slot_count is a power of two */
    uint64_t seed[2];
};

#define ROTL(x, b) (uint64_t)(((x) << (b)) | ((x) >> (64 - (b))))

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = ROTL(v[1], 13) ^ v[0];
    v[0] = ROTL(v[0], 32);
    v[2] += v[3];
    v[3] = ROTL(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = ROTL(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = ROTL(v[1], 17) ^ v[2];
    v[2] = ROTL(v[2], 32);
}

uint64_t siphash24(const uint64_t seed[2], struct slice bytes)
{
    uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d,
                      seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573 };
    uint64_t last = (uint64_t)bytes.n << 56, word;
    struct slice s = bytes;

    for (; s.n >= 8; s = slice_skip(s, 8)) {
        word = 0;
        for (size_t i = 0; i < 8; i++)
            word |= (uint64_t)(unsigned char)s.p[i] << (8 * i);
        v[3] ^= word;
        sip_round(v);
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < s.n; i++)
        last |= (uint64_t)(unsigned char)s.p[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(void)
{
    struct map *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->slot_count = 16;
    m->slots = calloc(m->slot_count, sizeof(struct node *));
    if (!m->slots || !random_bytes(m->seed, sizeof m->seed))
        map_free(&m);
    return m;
}

void map_free(struct map **m)
{
    if (!*m)
        return;
    for (size_t i = 0; (*m)->slots && i < (*m)->slot_count; i++)
        for (struct node *node = (*m)->slots[i], *next; node; node = next) {
            next = node->next;
            free(node);
        }
    free((*m)->slots);
    free(*m);
    *m = NULL;
}

void map_free_values(struct map **m)
{
    struct slice key;
    void *value;
    size_t at = 0;

    while (*m && map_next(*m, &at, &key, &value))
        free(value);
    map_free(m);
}

/* The link that points at the node of key, or at the NULL where it would stand. */
static struct node **find(const struct map *m, struct slice key, uint64_t hash)
{
    struct node **link = &m->slots[hash & (m->slot_count - 1)];

    while (*link && ((*link)->hash != hash || !slice_eq(slice_from((*link)->key, (*link)->n), key)))
        link = &(*link)->next;
    return link;
}

void *map_get(const struct map *m, struct slice key)
{
    struct node *node = *find(m, key, siphash24(m->seed, key));

    return node ? node->value : NULL;
}

static void grow(struct map *m)
{
    size_t slot_count = m->slot_count * 2;
    struct node **slots = calloc(slot_count, sizeof(struct node *));

    if (!slots)
        return; /* it only gets slower */
    for (size_t i = 0; i < m->slot_count; i++)
        for (struct node *node = m->slots[i], *next; node; node = next) {
            next = node->next;
            struct node **to = &slots[node->hash & (slot_count - 1)];
            node->next = *to;
            *to = node;
        }
    free(m->slots);
    m->slots = slots;
    m->slot_count = slot_count;
}

bool map_put(struct map *m, struct slice key, void *value)
{
    uint64_t hash = siphash24(m->seed, key);
    struct node **link = find(m, key, hash);

    if (*link) {
        (*link)->value = value;
        return true;
    }
    struct node *node = malloc(sizeof *node + key.n);
    if (!node)
        return false;
    *node = (struct node){ .value = value, .hash = hash, .n = key.n };
    if (key.n)
        memcpy(node->key, key.p, key.n);
    *link = node;
    if (++m->count > m->slot_count)
        grow(m);
    return true;
}

void *map_remove(struct map *m, struct slice key)
{
    struct node **link = find(m, key, siphash24(m->seed, key));
    struct node *node = *link;

    if (!node)
        return NULL;
    void *value = node->value;
    *link = node->next;
    free(node);
    m->count--;
    return value;
}

size_t map_count(const struct map *m)
{
    return m->count;
}

/* The cursor holds the slot in its upper half and the place in the slot's chain in its lower one. */
bool map_next(const struct map *m, size_t *at, struct slice *out_key, void **out_value)
{
    size_t slot = *at >> 32, place = *at & 0xffffffff;

    for (; slot < m->slot_count; slot++, place = 0) {
        struct node *node = m->slots[slot];
        for (size_t i = 0; node && i < place; i++)
            node = node->next;
        if (!node)
            continue;
        *out_key = slice_from(node->key, node->n);
        *out_value = node->value;
        *at = slot << 32 | (place + 1);
        return true;
    }
    return false;
}
