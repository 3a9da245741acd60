/* Calendar dates: see date.h. The proleptic Gregorian calendar, without leap seconds, as POSIX counts. */
#include "base/date.h"

#define DAY_S 86400

/* Exactly `n` digits. */
static bool digits(struct slice text, size_t at, size_t n, int *out)
{
    *out = 0;
    for (size_t i = at; i < at + n; i++) {
        if (i >= text.n || !ascii_is_digit(text.p[i]))
            return false;
        *out = *out * 10 + (text.p[i] - '0');
    }
    return true;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return days[month - 1] + (month == 2 && is_leap(year));
}

static int64_t days_before(int year, int month, int day)
{
    int64_t days = 0;

    for (int y = 1970; y < year; y++)
        days += 365 + is_leap(y);
    for (int m = 1; m < month; m++)
        days += days_in(year, m);
    return days + day - 1;
}

static bool read_time(struct slice text, int64_t *out_s)
{
    int hour, minute, second;
    bool fine = text.n == 10 && text.p[0] == 'T' && digits(text, 1, 2, &hour) && text.p[3] == ':' &&
                digits(text, 4, 2, &minute) && text.p[6] == ':' && digits(text, 7, 2, &second) &&
                text.p[9] == 'Z';

    if (!fine || hour > 23 || minute > 59 || second > 59)
        return false;
    *out_s = hour * 3600 + minute * 60 + second;
    return true;
}

bool date_end(struct slice text, int64_t *out_unix_s)
{
    int year, month, day;
    int64_t time = DAY_S;

    if (text.n < 10 || !digits(text, 0, 4, &year) || text.p[4] != '-' || !digits(text, 5, 2, &month) ||
        text.p[7] != '-' || !digits(text, 8, 2, &day))
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
        return false;
    if (text.n > 10 && !read_time(slice_skip(text, 10), &time))
        return false;
    *out_unix_s = days_before(year, month, day) * DAY_S + time;
    return true;
}
