/*
 * Written and not yet synced: a batch in which nobody waits for a record (outcomes, refusals) is written at once, so that the
 * death of the process cannot take it, and synced with the next batch that must be, or when it is due.
 *
 * Until then its items stay in memory, and the ledger remembers where the chain stood at the last sync. When the file turns
 * out to be dead, that is where the next one goes on: the recover record names the last durable record, and what was not
 * synced is chained anew behind it, whatever of it may stand in the dead file, too.
 */
#include "edge/ledger_inner.h"

bool ledger_may_sync_later(enum audit_type type)
{
    return type == AUDIT_OUTCOME || type == AUDIT_DENY || type == AUDIT_COUNTED;
}

void ledger_note_written(struct ledger *l, struct audit_item *item)
{
    list_remove(&item->node);
    list_add_last(&l->unsynced.items, &item->node);
    ledger_count_open(l, item->type);
}

void ledger_begin_unsynced(struct ledger *l)
{
    struct unsynced *u = &l->unsynced;

    if (u->count)
        return;
    u->chain = l->chain;
    u->first_seq = l->first_seq;
    u->open = l->open;
    u->due_ms = clock_mono_ms(l->cfg.clock) + (int64_t)l->cfg.sync_delay_ms;
}

void ledger_all_synced(struct ledger *l, struct list *done)
{
    struct unsynced *u = &l->unsynced;

    while (!list_is_empty(&u->items))
        ledger_finish(l, LIST_OWNER(u->items.next, struct audit_item, node), true, done);
    l->status.records += u->count;
    l->status.last_seq = l->chain.seq;
    u->count = 0;
}

void ledger_take_back_unsynced(struct ledger *l)
{
    struct unsynced *u = &l->unsynced;

    if (!u->count)
        return;
    audit_items_move(&l->held, &u->items); /* behind them */
    audit_items_move(&u->items, &l->held);
    u->count = 0;
    l->chain = u->chain;
    l->first_seq = u->first_seq;
    l->open = u->open;
}
