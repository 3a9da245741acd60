/* Calendar dates: see date.h. Reading a time is enc.h's; this adds what people may leave out. */
#include "base/date.h"
#include "base/enc.h"

#define DATE_BYTES 10 /* 2026-12-31 */
#define TIME_BYTES 20 /* 2026-12-31T18:00:00Z */
#define DAY_S      86400
#define LAST_S     INT64_C(253402300799) /* 9999-12-31T23:59:59Z: a later time has no such text */

bool date_end(struct slice text, int64_t *out_unix_s)
{
    bool is_day = text.n == DATE_BYTES;
    char midnight[TIME_BYTES + 1] = "0000-00-00T00:00:00Z";
    int64_t wall_ms;

    if (!is_day && text.n != TIME_BYTES)
        return false;
    if (is_day) {
        memcpy(midnight, text.p, DATE_BYTES);
        text = slice_of(midnight);
    }
    if (!enc_untime_utc(text, &wall_ms))
        return false;
    *out_unix_s = wall_ms / 1000 + (is_day ? DAY_S : 0);
    if (*out_unix_s > LAST_S)
        *out_unix_s = LAST_S;
    return true;
}
