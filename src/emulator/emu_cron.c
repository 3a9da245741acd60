/* Cron schedules: see emu_cron.h. Nothing here knows a service; it must never ask for the time. */
#include "emulator/emu_cron.h"
#include "base/num.h"

#define DAY_S INT64_C(86400)

static const struct {
    unsigned low, high;
} limits[EMU_CRON_FIELDS] = { { 0, 59 }, { 0, 59 }, { 0, 23 }, { 1, 31 }, { 1, 12 }, { 0, 7 } };

enum { SECOND = 0, MINUTE, HOUR, DAY, MONTH, WEEKDAY };

/* One of "*", "?", "a", "a-b", each perhaps with "/step". */
static bool parse_part(struct slice part, unsigned low, unsigned high, uint64_t *out)
{
    uint64_t from = low, to = high, step = 1;
    size_t slash = slice_find(part, '/');
    struct slice range = slice_from(part.p, slash);
    size_t dash = slice_find(range, '-');

    if (slash < part.n && !num_u64(slice_skip(part, slash + 1), 1, high, &step))
        return false;
    if (!slice_eq(range, S("*")) && !slice_eq(range, S("?"))) {
        if (!num_u64(slice_from(range.p, dash), low, high, &from))
            return false;
        if (dash < range.n && !num_u64(slice_skip(range, dash + 1), from, high, &to))
            return false;
        if (dash == range.n && slash == part.n)
            to = from;
    }
    for (uint64_t i = from; i <= to; i += step)
        *out |= UINT64_C(1) << i;
    return true;
}

static bool parse_field(struct slice field, size_t i, struct emu_cron *out)
{
    struct slice part;

    while (slice_split(&field, ',', &part))
        if (!parse_part(part, limits[i].low, limits[i].high, &out->allowed[i]))
            return false;
    if (i == WEEKDAY && (out->allowed[i] & (UINT64_C(1) << 7)))
        out->allowed[i] |= 1; /* 7 is Sunday, too */
    return true;
}

bool emu_cron_parse(struct slice text, struct emu_cron *out)
{
    struct slice fields[EMU_CRON_FIELDS + 1] = { { NULL, 0 } }, field;
    size_t n = 0;

    *out = (struct emu_cron){ .allowed = { 0 } };
    text = slice_trim(text);
    while (slice_split(&text, ' ', &field) && n <= EMU_CRON_FIELDS)
        if (field.n)
            fields[n++] = field;
    if (n != EMU_CRON_FIELDS && n != EMU_CRON_FIELDS - 1)
        return false;
    size_t first = EMU_CRON_FIELDS - n;
    if (first)
        out->allowed[SECOND] = 1;
    for (size_t i = 0; i < n; i++)
        if (!parse_field(fields[i], i + first, out))
            return false;
    return true;
}

struct moment {
    unsigned value[EMU_CRON_FIELDS];
};

/* The civil date of a day since 1970, by counting eras of 400 years that begin in March. */
static struct moment moment_of(int64_t seconds)
{
    int64_t days = seconds / DAY_S, rest = seconds % DAY_S;
    struct moment m;

    if (rest < 0) {
        rest += DAY_S;
        days--;
    }
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    m.value[SECOND] = (unsigned)(rest % 60);
    m.value[MINUTE] = (unsigned)(rest / 60 % 60);
    m.value[HOUR] = (unsigned)(rest / 3600);
    m.value[DAY] = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    m.value[MONTH] = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    m.value[WEEKDAY] = (unsigned)(((days % 7) + 11) % 7); /* 1970 began on a Thursday */
    return m;
}

static bool allows(const struct emu_cron *c, const struct moment *m, unsigned field)
{
    return (c->allowed[field] >> m->value[field]) & 1;
}

static int64_t seconds_of(int64_t ms)
{
    return ms / 1000 - (ms % 1000 < 0);
}

bool emu_cron_matches(const struct emu_cron *c, int64_t local_ms)
{
    struct moment m = moment_of(seconds_of(local_ms));

    for (unsigned i = 0; i < EMU_CRON_FIELDS; i++)
        if (!allows(c, &m, i))
            return false;
    return true;
}

int64_t emu_cron_next(const struct emu_cron *c, int64_t local_ms)
{
    int64_t t = seconds_of(local_ms) + 1, end = t + 2 * 366 * DAY_S;

    while (t < end) {
        struct moment m = moment_of(t);
        if (!allows(c, &m, MONTH) || !allows(c, &m, DAY) || !allows(c, &m, WEEKDAY))
            t += DAY_S - (m.value[HOUR] * 3600 + m.value[MINUTE] * 60 + m.value[SECOND]);
        else if (!allows(c, &m, HOUR))
            t += 3600 - (m.value[MINUTE] * 60 + m.value[SECOND]);
        else if (!allows(c, &m, MINUTE))
            t += 60 - m.value[SECOND];
        else if (!allows(c, &m, SECOND))
            t++;
        else
            return t * 1000;
    }
    return INT64_MAX;
}

int64_t emu_cron_zone_ms(struct slice zone)
{
    static const struct {
        const char *name;
        int hours;
    } zones[] = { { "Asia/Shanghai", 8 },
                  { "Asia/Hong_Kong", 8 },
                  { "Asia/Singapore", 8 },
                  { "Asia/Tokyo", 9 },
                  { "UTC", 0 } };

    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++)
        if (slice_eq_nocase(zone, slice_of(zones[i].name)))
            return zones[i].hours * INT64_C(3600000);
    return 0;
}
