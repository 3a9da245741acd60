/* Numbers from text: see num.h. */
#include "base/num.h"

bool num_u64(struct slice s, uint64_t lo, uint64_t hi, uint64_t *out)
{
    uint64_t n = 0;

    if (s.n == 0 || (s.n > 1 && s.p[0] == '0'))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_digit(s.p[i]))
            return false;
        if (!num_mul(n, 10, &n) || !num_add(n, (uint64_t)(s.p[i] - '0'), &n))
            return false;
    }
    if (n < lo || n > hi)
        return false;
    *out = n;
    return true;
}

bool num_i64(struct slice s, int64_t lo, int64_t hi, int64_t *out)
{
    bool minus = s.n && s.p[0] == '-';
    uint64_t n;

    if (!num_u64(minus ? slice_skip(s, 1) : s, minus, minus ? (uint64_t)INT64_MAX + 1 : INT64_MAX, &n))
        return false;
    int64_t value = minus ? -(int64_t)(n - 1) - 1 : (int64_t)n; /* n - 1 fits, also for the least number */
    if (value < lo || value > hi)
        return false;
    *out = value;
    return true;
}

struct unit {
    struct slice name;
    uint64_t factor;
};

static bool num_with_unit(struct slice s, const struct unit *units, size_t count, uint64_t *out)
{
    size_t digits = 0;
    uint64_t n;

    while (digits < s.n && ascii_is_digit(s.p[digits]))
        digits++;
    if (!num_u64(slice_from(s.p, digits), 0, UINT64_MAX, &n))
        return false;
    struct slice name = slice_skip(s, digits);
    for (size_t i = 0; i < count; i++)
        if (slice_eq(name, units[i].name))
            return num_mul(n, units[i].factor, out);
    return false;
}

bool num_duration_ms(struct slice s, uint64_t *out_ms)
{
    static const struct unit units[] = {
        { S_INIT("ms"), 1 },
        { S_INIT("s"), 1000 },
        { S_INIT("m"), 60 * 1000 },
        { S_INIT("h"), 3600 * 1000 },
        { S_INIT("d"), 24 * 3600 * 1000 },
    };

    return num_with_unit(s, units, sizeof units / sizeof units[0], out_ms);
}

bool num_size_bytes(struct slice s, uint64_t *out_bytes)
{
    static const struct unit units[] = {
        { S_INIT(""), 1 },
        { S_INIT("k"), 1024 },
        { S_INIT("m"), 1024 * 1024 },
        { S_INIT("g"), 1024 * 1024 * 1024 },
    };

    return num_with_unit(s, units, sizeof units / sizeof units[0], out_bytes);
}

/* The builtins store the wrapped result, too: keep it from the caller. */
bool num_add(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

bool num_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t product;

    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}
