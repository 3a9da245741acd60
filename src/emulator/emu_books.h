/*
 * emu_books: the emulator's own books: how many replicas each service had at each change since the reset, so that
 * the highest sum over any set of services can be told afterwards. Each entry also has what a service could reach
 * by itself (scalers, a start), and its tags. The books own copies of all they are told.
 */
#ifndef EG_EMU_BOOKS_H
#define EG_EMU_BOOKS_H
#include "base/slice.h"
#include <stdint.h>

struct emu_books;

struct emu_tags {
    struct slice workspace, spec, labels; /* labels: EAS's list as JSON text */
};

/* Which services a sum is about; what is empty does not matter. */
struct emu_books_filter {
    struct slice prefix, name, workspace, spec, label_key, label_value;
};

struct emu_peaks {
    int64_t live, reach;      /* now */
    int64_t peak, reach_peak; /* the highest sums that there ever were */
    struct slice peak_by;     /* the service whose change made the peak; lives as long as the books */
    int64_t services;         /* that match now, or did */
    bool complete;            /* false: there were more changes than the books hold */
};

struct emu_books *emu_books_new(void); /* NULL without memory */
void emu_books_free(struct emu_books **b);
void emu_books_reset(struct emu_books *b);
/* The service now has so many replicas and may reach so many; 0 and 0 when it is gone. Nothing happens if all is as
 * it was. */
void emu_books_set(struct emu_books *b, struct slice name, const struct emu_tags *tags, int64_t live,
                   int64_t reach);
void emu_books_sum(const struct emu_books *b, const struct emu_books_filter *f, struct emu_peaks *out);
/* The highest counts that one service, or all that ever had its name, reached; 0 for an unknown name. */
void emu_books_one(const struct emu_books *b, struct slice name, int64_t *out_peak, int64_t *out_reach_peak);
/* Changes written down so far. */
uint64_t emu_books_count(const struct emu_books *b);
#endif
