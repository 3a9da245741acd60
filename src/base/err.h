/*
 * err: what went wrong, for the caller and for a person. A function that can fail returns bool and takes
 * struct err * last. The text says where, what, and what was expected; never a secret, never a peer's raw bytes.
 */
#ifndef EG_ERR_H
#define EG_ERR_H
#include <stdbool.h>

enum err_code {
    ERR_NONE = 0,
#define ERR(code, text) ERR_##code,
#include "base/errors.def"
#undef ERR
    ERR_COUNT_
};

struct err {
    enum err_code code;
    char text[480];
};

/* Record the error (the first one stays; e may be NULL) and return false, so that `return err_set(...)` reads well. */
bool err_set(struct err *e, enum err_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *err_code_text(enum err_code code);
#endif
