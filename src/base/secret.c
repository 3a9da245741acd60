/* Locked, undumped, wiped pages: see secret.h. */
#include "base/secret.h"
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/mman.h>
#include <unistd.h>

struct secret {
    size_t mapped, n;
    bool locked;
    char bytes[];
};

struct secret *secret_new(const void *p, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t mapped = (sizeof(struct secret) + n + 1 + page - 1) / page * page;
    struct secret *s = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (s == MAP_FAILED)
        return NULL;
    bool locked = mlock(s, mapped) == 0;
    if (madvise(s, mapped, MADV_DONTDUMP) != 0 || madvise(s, mapped, MADV_DONTFORK) != 0) {
        munmap(s, mapped);
        return NULL;
    }
    s->mapped = mapped;
    s->n = n;
    s->locked = locked;
    if (n)
        memcpy(s->bytes, p, n);
    return s;
}

void secret_free(struct secret **s)
{
    if (!*s)
        return;
    size_t mapped = (*s)->mapped;
    OPENSSL_cleanse(*s, mapped);
    munmap(*s, mapped);
    *s = NULL;
}

struct slice secret_bytes(const struct secret *s)
{
    return slice_from(s->bytes, s->n);
}

bool secret_is_locked(const struct secret *s)
{
    return s->locked;
}

void secret_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}

bool secret_eq(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

bool random_bytes(void *p, size_t n)
{
    static unsigned char pool[1024]; /* nonces and ids only; a draw from the library costs more than a request's HMAC */
    static size_t left;
    unsigned char *to = p;

    while (n) {
        if (left == 0) {
            if (RAND_bytes(pool, (int)sizeof pool) != 1)
                return false;
            left = sizeof pool;
        }
        size_t take = n < left ? n : left;
        unsigned char *from = pool + sizeof pool - left;
        memcpy(to, from, take);
        OPENSSL_cleanse(from, take);
        to += take;
        n -= take;
        left -= take;
    }
    return true;
}
