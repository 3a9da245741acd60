/* Dates against `date -u -d ... +%s`. */
#include "base/date.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void reads_dates(void **state)
{
    static const struct {
        const char *text;
        int64_t unix_s;
    } good[] = {
        { "1970-01-01", 86400 },
        { "1970-01-01T00:00:00Z", 0 },
        { "2026-12-31", 1798761600 },           /* date -u -d 2027-01-01 +%s */
        { "2026-11-23T15:27:57Z", 1795447677 }, /* date -u -d 2026-11-23T15:27:57Z +%s */
        { "2028-02-29", 1835481600 },           /* date -u -d 2028-03-01 +%s */
        { "2000-02-29T12:00:00Z", 951825600 },
        { "9999-12-30", 253402214400 },
        { "9999-12-31T23:59:59Z", 253402300799 },
        { "9999-12-31", 253402300799 }, /* the last time that can be written */
    };
    int64_t s;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(date_end(slice_of(good[i].text), &s));
        assert_int_equal(s, good[i].unix_s);
    }
}

static void refuses_what_is_no_date(void **state)
{
    static const char *const bad[] = { "",
                                       "2026",
                                       "2026-1-01",
                                       "2026-02-29",
                                       "2026-13-01",
                                       "2026-00-10",
                                       "2026-04-31",
                                       "1969-12-31",
                                       "2100-02-29",
                                       "2026-12-31Z",
                                       "2026-12-31 18:00:00",
                                       "2026-12-31T24:00:00Z",
                                       "2026-12-31T18:00Z",
                                       "2026-12-31T18:00:00+01:00",
                                       "2026-12-31T18:60:00Z",
                                       "tomorrow" };
    int64_t s;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(date_end(slice_of(bad[i]), &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(reads_dates),
                                        cmocka_unit_test(refuses_what_is_no_date) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
