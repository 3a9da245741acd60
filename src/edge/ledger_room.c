/*
 * What the log must still be able to take, whatever happens to the disk: the outcomes of the requests that were sent, and
 * some records of its own. Space for them is kept before an intent is written (segment_keep_room); records that may be
 * refused or held back never use it.
 */
#include "edge/ledger_inner.h"

#define OWN_RECORDS 8 /* rotate, recover and the like */
#define RESUME_BYTES                                                                                         \
    ((uint64_t)64 << 10) /* more than is needed, or each outcome that gets in would let one intent follow */

bool ledger_is_owed(enum audit_type type)
{
    return type == AUDIT_OUTCOME;
}

void ledger_count_open(struct ledger *l, enum audit_type type)
{
    if (type == AUDIT_INTENT)
        l->open++;
    else if (type == AUDIT_OUTCOME && l->open) /* those of the run before were not counted */
        l->open--;
}

uint64_t ledger_owed_bytes(const struct ledger *l)
{
    return (l->open + OWN_RECORDS) * AUDIT_LINE_MAX_BYTES;
}

bool ledger_keep_room(struct ledger *l, uint64_t batch_bytes, uint64_t batch_intents, struct err *why)
{
    uint64_t need = batch_bytes + batch_intents * AUDIT_LINE_MAX_BYTES + ledger_owed_bytes(l);

    if (segment_keep_room(l->segment, need, why))
        return true;
    l->low_bytes = need;
    return false;
}

/* What was not to be had then, and some more: or each outcome that gets in would let one intent follow. */
bool ledger_room_is_back(struct ledger *l)
{
    uint64_t need = ledger_owed_bytes(l) + l->held_bytes;

    return segment_keep_room(l->segment, (need > l->low_bytes ? need : l->low_bytes) + RESUME_BYTES, NULL);
}
