/*
 * The list of what is wrong with a file: see problems.h. Must never lose the fact that something was wrong: when there is
 * no memory for a text, the count still grows, and a file with a count is not loaded.
 */
#include "config/problems.h"
#include <stdarg.h>

#define TEXT_MAX_BYTES 2000 /* all keys of a section go in */

void problems_drop(struct problems *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->at[i].text);
    free(p->at);
    *p = (struct problems){ .file = p->file };
}

static struct problem *room(struct problems *p)
{
    if (p->count >= PROBLEMS_MOST)
        return NULL;
    if (p->count == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 8;
        struct problem *at = realloc(p->at, cap * sizeof *at);
        if (!at)
            return NULL;
        p->at = at;
        p->cap = cap;
    }
    return &p->at[p->count];
}

static __attribute__((format(printf, 4, 0))) void add(struct problems *p, unsigned line, bool is_warning,
                                                      const char *format, va_list args)
{
    SCOPED(sbuf) text = SBUF_MAX(TEXT_MAX_BYTES);
    struct problem *problem = room(p);

    *(is_warning ? &p->warning_count : &p->error_count) += 1;
    sbuf_vaddf(&text, format, args);
    if (!problem)
        return;
    *problem =
        (struct problem){ .line = line ? line : 1, .is_warning = is_warning, .text = sbuf_take(&text) };
    p->count++;
}

void problem_error(struct problems *p, unsigned line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(p, line, false, format, args);
    va_end(args);
}

void problem_warning(struct problems *p, unsigned line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(p, line, true, format, args);
    va_end(args);
}

bool problems_are_many(const struct problems *p)
{
    return p->error_count >= PROBLEMS_MOST;
}

/* The next problem in order of (line, time of finding) behind `last`; NULL when that was the last one. */
static const struct problem *next_in_order(const struct problems *p, bool warnings,
                                           const struct problem *last)
{
    const struct problem *best = NULL;

    for (size_t i = 0; i < p->count; i++) {
        const struct problem *one = &p->at[i];
        bool is_behind = !last || one->line > last->line || (one->line == last->line && one > last);
        if (one->is_warning == warnings && is_behind && (!best || one->line < best->line))
            best = one;
    }
    return best;
}

void problems_print(const struct problems *p, bool warnings, struct sbuf *out)
{
    size_t printed = 0, all = warnings ? p->warning_count : p->error_count;

    for (const struct problem *one = NULL; (one = next_in_order(p, warnings, one)) != NULL; printed++)
        sbuf_addf(out, "%s:%u: %s%s\n", p->file, one->line, warnings ? "warning: " : "",
                  one->text ? one->text : "something is wrong here; no memory to say what");
    if (printed < all)
        sbuf_addf(out, "%s:1: and %zu more\n", p->file, all - printed);
}
