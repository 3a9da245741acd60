/* The end of a broken invariant: say where, then abort (core dumps are off in the running gateway). */
#include "base/must.h"
#include <unistd.h>

_Noreturn void must_fail(const char *file, int line, const char *text)
{
    fprintf(stderr, "easgate: broken invariant at %s:%d: %s\n", file, line, text);
    abort();
}
