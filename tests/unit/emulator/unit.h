/* What every test of the emulator includes. */
#ifndef EG_TEST_EMULATOR_UNIT_H
#define EG_TEST_EMULATOR_UNIT_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/sbuf.h"

/* Do these bytes contain that text? */
static inline bool has_text(struct slice bytes, const char *text)
{
    size_t n = strlen(text);

    for (size_t i = 0; i + n <= bytes.n; i++)
        if (memcmp(bytes.p + i, text, n) == 0)
            return true;
    return false;
}
#endif
