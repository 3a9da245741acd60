/* Errors: see err.h. */
#include "base/err.h"
#include <stdarg.h>

bool err_set(struct err *e, enum err_code code, const char *format, ...)
{
    va_list args;

    if (!e || e->code != ERR_NONE)
        return false;
    e->code = code;
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    return false;
}

const char *err_code_text(enum err_code code)
{
    static const char *const texts[ERR_COUNT_] = {
        [ERR_NONE] = "no error",
#define ERR(code, text) [ERR_##code] = text,
#include "base/errors.def"
#undef ERR
    };

    return code < ERR_COUNT_ ? texts[code] : "unknown error";
}
