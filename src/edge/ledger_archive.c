/*
 * The ledger and its old segments: when the current one becomes one of them by its age, and what is said in the log before
 * one is removed (archive.h does the rest).
 */
#include "edge/archive.h"
#include "edge/ledger_inner.h"

#define REMOVALS_PER_BATCH 8

/* ---- rotate_every ---- */

void ledger_segment_began(struct ledger *l, int64_t wall_ms)
{
    int64_t every = (int64_t)l->cfg.rotate_every_ms;

    l->rotate_due_ms = every ? (wall_ms / every + 1) * every : 0;
}

int64_t ledger_rotation_due_ms(const struct ledger *l)
{
    return l->first_seq ? l->rotate_due_ms : 0;
}

bool ledger_rotation_is_due(const struct ledger *l)
{
    int64_t due = ledger_rotation_due_ms(l);

    return due && clock_wall_ms(l->cfg.clock) >= due;
}

/* ---- removals ---- */

bool ledger_removal_is_due(const struct ledger *l)
{
    struct archive_removal removal;

    return l->cfg.archive && archive_next(l->cfg.archive, 0, &removal);
}

bool ledger_add_removals(struct ledger *l, struct batch *b)
{
    struct archive_removal removal;

    while (l->cfg.archive && b->removals < REMOVALS_PER_BATCH &&
           archive_next(l->cfg.archive, b->removals, &removal)) {
        struct audit_rec rec = { .type = AUDIT_ROTATE,
                                 .file = slice_of(removal.file),
                                 .note = S("removed"),
                                 .hash = slice_of(removal.hash),
                                 .has_last_seq = true,
                                 .last_seq = (int64_t)removal.last_seq };
        if (!ledger_add_own(l, b, &rec))
            return false;
        b->removals++;
    }
    return true;
}

void ledger_removals_written(const struct ledger *l, const struct batch *b)
{
    if (b->removals)
        archive_announced(l->cfg.archive, b->removals);
}
