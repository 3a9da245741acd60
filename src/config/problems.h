/*
 * problems: what is wrong with a file, collected while it is read and printed in order of lines:
 *   easgate.ini:12: max_replicas of [policy small-llms] is "many", expected a number in 1..2147483647
 * All of a file's problems are reported, so adding one never ends the reading. After PROBLEMS_MOST the rest is counted only.
 */
#ifndef EG_PROBLEMS_H
#define EG_PROBLEMS_H
#include "base/sbuf.h"

#define PROBLEMS_MOST 200

struct problem {
    unsigned line; /* 1.. */
    bool is_warning;
    char *text;
};

struct problems {
    const char *file; /* borrowed: what goes before each line */
    struct problem *at;
    size_t count, cap;
    size_t error_count, warning_count; /* also those that were not kept */
};

void problems_drop(struct problems *p);
/* line 0 counts as 1: what concerns the file as a whole. */
void problem_error(struct problems *p, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void problem_warning(struct problems *p, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Enough errors that looking for more is no use? */
bool problems_are_many(const struct problems *p);
/* "FILE:LINE: text" lines in order: the errors, or the warnings (each "FILE:LINE: warning: text"). */
void problems_print(const struct problems *p, bool warnings, struct sbuf *out);
#endif
