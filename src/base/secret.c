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

#define SECRET_MAX_BYTES ((size_t)1024 * 1024)

struct secret *secret_new(const void *p, size_t n)
{
    if (n > SECRET_MAX_BYTES)
        return NULL;
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

/* Random bytes drawn ahead, since a draw from the library costs more than a request's HMAC. In a page that a child of
 * fork finds zeroed, so that no two processes hand out the same nonce, and that no dump shows. */
struct pool {
    size_t left;
    unsigned char bytes[1024];
};

static struct pool *pool_new(void)
{
    struct pool *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    if (madvise(p, sizeof *p, MADV_WIPEONFORK) == 0 && madvise(p, sizeof *p, MADV_DONTDUMP) == 0)
        return p;
    munmap(p, sizeof *p);
    return NULL;
}

bool random_bytes(void *p, size_t n)
{
    static struct pool *pool; /* lives as long as the process */
    unsigned char *to = p;

    if (!pool && !(pool = pool_new()))
        return false;
    while (n) {
        if (pool->left == 0 && RAND_bytes(pool->bytes, (int)sizeof pool->bytes) != 1)
            return false;
        if (pool->left == 0)
            pool->left = sizeof pool->bytes;
        size_t take = n < pool->left ? n : pool->left;
        unsigned char *from = pool->bytes + sizeof pool->bytes - pool->left;
        memcpy(to, from, take);
        OPENSSL_cleanse(from, take);
        to += take;
        n -= take;
        pool->left -= take;
    }
    return true;
}
