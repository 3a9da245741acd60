/*
 * The audit log's writer: see ledger.h. It decides what goes into a batch and what a failure means for each record; how
 * bytes become durable is segment.c's business, what a line says is core/audit_rec's.
 *
 * Records are chained only when a batch is put together: a batch that failed leaves no trace in the chain, and what is
 * held back is chained anew behind the recover record. Never drops an outcome: without room, counted refusals go first,
 * then denials, and the recover record says how many.
 */
#include "edge/ledger.h"
#include "edge/ledger_inner.h"
#include "base/enc.h"
#include "base/must.h"
#include "base/secret.h"
#include "edge/archive.h"
#include <stdlib.h>

#define BATCH_MAX_BYTES      ((size_t)1 << 20)
#define HELD_MAX_BYTES       ((size_t)16 << 20)
#define BATCH_OWN_RECORDS    8 /* of the ledger's own, behind those that make a batch full */
#define UNSYNCED_MAX_RECORDS 1024

/* Written since the last sync: what needed none yet, a batch that made that too much, and one that somebody waits for. */
_Static_assert((UNSYNCED_MAX_RECORDS + 2 * BATCH_OWN_RECORDS) * AUDIT_LINE_MAX_BYTES + 2 * BATCH_MAX_BYTES <
                   LEDGER_IN_DOUBT_BYTES,
               "LEDGER_IN_DOUBT_BYTES");

/* ---- items ---- */

struct audit_item *audit_item_new(const struct audit_rec *rec, const struct clock *clock)
{
    SCOPED(sbuf) body = SBUF_MAX(AUDIT_BODY_MAX_BYTES);

    if (!audit_rec_body(rec, &body))
        return NULL;
    struct audit_item *item = calloc(1, sizeof *item + body.n);
    if (!item)
        return NULL;
    list_init(&item->node);
    item->type = rec->type;
    item->wall_ms = rec->wall_ms ? rec->wall_ms : clock_wall_ms(clock);
    item->mono_ms = rec->mono_ms ? rec->mono_ms : clock_mono_ms(clock);
    item->body_bytes = body.n;
    memcpy(item->body, body.p, body.n);
    return item;
}

static struct audit_item *first_item(const struct list *items)
{
    return LIST_OWNER(items->next, struct audit_item, node);
}

void audit_items_free(struct list *items)
{
    while (!list_is_empty(items)) {
        struct audit_item *item = first_item(items);
        list_remove(&item->node);
        free(item);
    }
}

void audit_items_move(struct list *from, struct list *to)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* ---- what is held ---- */

static size_t cost(const struct audit_item *item)
{
    return sizeof *item + item->body_bytes;
}

static void hold(struct ledger *l, struct audit_item *item)
{
    list_add_last(&l->held, &item->node);
    l->held_bytes += cost(item);
}

void ledger_finish(struct ledger *l, struct audit_item *item, bool is_durable, struct list *done)
{
    list_remove(&item->node);
    l->held_bytes -= cost(item);
    item->is_durable = is_durable;
    list_add_last(done, &item->node);
}

/* Drop held records of a type, oldest first, until at most max_bytes are held. Returns how many. */
static uint64_t drop_type(struct ledger *l, enum audit_type type, size_t max_bytes, struct list *done)
{
    uint64_t dropped = 0;

    for (struct list *n = l->held.next, *next; n != &l->held && l->held_bytes > max_bytes; n = next) {
        struct audit_item *item = LIST_OWNER(n, struct audit_item, node);
        next = n->next;
        if (item->type != type)
            continue;
        ledger_finish(l, item, false, done);
        dropped++;
    }
    return dropped;
}

static void make_room(struct ledger *l, struct list *done)
{
    l->recovery.dropped += drop_type(l, AUDIT_COUNTED, HELD_MAX_BYTES, done);
    l->recovery.dropped += drop_type(l, AUDIT_DENY, HELD_MAX_BYTES, done);
}

/* Intents that were taken before a loss the loop has since been told of, or will be, are gone: their requests are refused. */
static void take_over_items(struct ledger *l, struct list *in, struct list *done)
{
    while (!list_is_empty(in)) {
        struct audit_item *item = first_item(in);
        bool is_lost = item->type == AUDIT_INTENT && (l->status.failed || item->epoch < l->status.epoch);
        list_remove(&item->node);
        hold(l, item);
        if (is_lost)
            ledger_finish(l, item, false, done);
    }
    if (l->status.failed)
        make_room(l, done);
}

bool ledger_hold(struct ledger *l, const struct audit_rec *rec, struct err *e)
{
    struct audit_item *item = audit_item_new(rec, l->cfg.clock);

    if (!item)
        return err_set(e, ERR_MEMORY, "no memory for the audit log's first records");
    hold(l, item);
    return true;
}

/* ---- failure and recovery ---- */

static void fail(struct ledger *l, bool segment_is_dead, const struct err *why, struct list *done)
{
    if (!l->status.failed) {
        l->status.failed = true;
        l->status.epoch++;
        snprintf(l->recovery.why, sizeof l->recovery.why, "%s", why->text);
    }
    snprintf(l->status.why, sizeof l->status.why, "%s", why->text);
    l->recovery.is_due = true;
    l->recovery.segment_is_dead = l->recovery.segment_is_dead || segment_is_dead;
    l->recovery.is_low = false;
    if (segment_is_dead)
        ledger_take_back_unsynced(l);
    drop_type(l, AUDIT_INTENT, 0, done);
    make_room(l, done);
}

/* Open the next segment. What was set aside first is what the recover record names: later files hold no record. */
static bool renew(struct ledger *l, struct list *done)
{
    char aside[AUDIT_NAME_MAX];
    struct err why = { 0 };
    bool ok = segment_renew(l->segment, l->first_seq != 0, clock_wall_ms(l->cfg.clock), aside, &why);

    if (aside[0]) {
        if (!l->recovery.file[0])
            memcpy(l->recovery.file, aside, sizeof aside);
        l->first_seq = 0;
    }
    if (ok) {
        l->first_seq = 0;
        l->recovery.segment_is_dead = false;
    } else {
        fail(l, true, &why, done);
    }
    return ok;
}

struct audit_rec ledger_recover_rec(const struct ledger *l, char out_hash[2 * AUDIT_HASH_BYTES + 1],
                                    struct sbuf *note)
{
    const struct recovery *r = &l->recovery;

    enc_hex(l->chain.hash, sizeof l->chain.hash, out_hash);
    sbuf_adds(note, r->why);
    if (r->dropped)
        sbuf_addf(note, "; %llu refusals found no room", (unsigned long long)r->dropped);
    return (struct audit_rec){ .type = AUDIT_RECOVER,
                               .file = slice_of(r->file),
                               .note = sbuf_slice(note),
                               .hash = slice_of(out_hash),
                               .has_size = r->bytes > 0,
                               .size = (int64_t)r->bytes,
                               .has_last_seq = true,
                               .last_seq = (int64_t)l->chain.seq };
}

/* ---- a batch ---- */

static bool add_recover(struct ledger *l, struct batch *b)
{
    char hash[2 * AUDIT_HASH_BYTES + 1];
    SCOPED(sbuf) note = SBUF_MAX(1024);
    struct audit_rec rec = ledger_recover_rec(l, hash, &note);

    return ledger_add_own(l, b, &rec);
}

static bool add_rotate(struct ledger *l, struct batch *b)
{
    uint64_t first = l->first_seq ? l->first_seq : l->chain.seq + 1;

    if (!audit_name_full(segment_names(l->segment), first, b->chain.seq + 1, b->full_name))
        return false;
    struct audit_rec rec = { .type = AUDIT_ROTATE, .file = slice_of(b->full_name) };
    return ledger_add_own(l, b, &rec);
}

static bool is_full(const struct ledger *l)
{
    uint64_t bytes = segment_size(l->segment) + l->batch.n;

    if (l->rotate_wanted || ledger_rotation_is_due(l))
        return bytes > 0;
    return l->cfg.max_segment_bytes && bytes >= l->cfg.max_segment_bytes;
}

/* The next item from n on that belongs into the batch; NULL behind the last. */
static struct audit_item *next_item(const struct ledger *l, const struct batch *b, struct list *n)
{
    for (; n != &l->held; n = n->next) {
        struct audit_item *item = LIST_OWNER(n, struct audit_item, node);
        if (!b->owed_only || ledger_is_owed(item->type))
            return item;
    }
    return NULL;
}

static bool add_items(struct ledger *l, struct batch *b)
{
    struct audit_item *item = next_item(l, b, l->held.next);

    for (; item && l->batch.n < BATCH_MAX_BYTES && ledger_is_of_epoch(l, item);
         item = next_item(l, b, item->node.next)) {
        if (!ledger_add_line(l, b, item->type, item->wall_ms, item->mono_ms,
                             slice_from(item->body, item->body_bytes)))
            return false;
        b->item_count++;
        b->intents += item->type == AUDIT_INTENT;
        b->is_urgent = b->is_urgent || !ledger_may_sync_later(item->type);
        b->has_stop = b->has_stop || item->type == AUDIT_STOP;
    }
    return true;
}

static bool build(struct ledger *l, bool owed_only, struct batch *b)
{
    *b = (struct batch){ .chain = l->chain,
                         .owed_only = owed_only,
                         .is_urgent = !l->cfg.synced || !l->cfg.sync_delay_ms,
                         .clock_ahead_ms = l->clock_ahead_ms };
    sbuf_clear(&l->batch);
    if (owed_only && !next_item(l, b, l->held.next))
        return true;
    if (!ledger_add_opening(l, b))
        return false;
    /* low room: once it is over; but a new file begins with it in any case */
    b->has_recover = l->recovery.is_due && (!owed_only || !l->first_seq);
    if (b->has_recover && !add_recover(l, b))
        return false;
    if (ledger_epoch_is_behind(l))
        return ledger_add_passed(l, b);
    if (!add_items(l, b))
        return false;
    b->says_checkpoint = b->says_checkpoint || b->has_stop;
    if (b->has_stop)
        return true;
    if (!owed_only && !ledger_add_removals(l, b))
        return false;
    b->is_urgent = b->is_urgent || l->unsynced.count + b->item_count > UNSYNCED_MAX_RECORDS;
    if (owed_only || !is_full(l))
        return ledger_add_checkpoint(l, b);
    b->says_checkpoint = true;
    return add_rotate(l, b);
}

static void commit(struct ledger *l, const struct batch *b, struct list *done)
{
    struct list *n = l->held.next;

    ledger_begin_unsynced(l);
    if (!l->first_seq) {
        l->first_seq = l->chain.seq + 1;
        ledger_segment_began(l, clock_wall_ms(l->cfg.clock));
    }
    l->chain = b->chain;
    l->clock_ahead_ms = b->clock_ahead_ms;
    l->is_over = b->has_stop;
    for (size_t i = 0; i < b->item_count; i++) {
        struct audit_item *item = next_item(l, b, n);
        n = item->node.next;
        ledger_note_written(l, item);
    }
    l->unsynced.count += b->item_count + b->own_records;
    if (b->is_urgent)
        ledger_all_synced(l, done);
    ledger_removals_written(l, b);
    if (!b->owed_only) {
        l->status.failed = false;
        l->recovery = (struct recovery){ 0 };
    } else if (b->has_recover) {
        l->recovery.file[0] = '\0';
        l->recovery.bytes = l->recovery.dropped = 0;
    }
}

/* What is written must stay, also where records are not synced else: the last line is about to be sealed as an epoch's end, or the
 * state file to get a key that only fits behind it. A dead segment's last line that counts is durable. */
static bool settle(struct ledger *l, struct list *done)
{
    struct err why = { 0 };

    if (l->recovery.segment_is_dead || (l->cfg.synced && !l->unsynced.count))
        return true;
    if (segment_settle(l->segment, &why) != SEGMENT_OK) {
        fail(l, true, &why, done);
        return false;
    }
    if (l->unsynced.count)
        ledger_all_synced(l, done);
    return true;
}

static void build_and_write(struct ledger *l, bool owed_only, struct batch *b, struct list *done)
{
    struct err why = { 0 };

    if (!build(l, owed_only, b)) {
        err_set(&why, ERR_MEMORY, "%s: no memory for a batch", segment_names(l->segment)->path);
        fail(l, false, &why, done);
        return;
    }
    if (l->batch.n == 0) {
        l->rotate_wanted = l->rotate_wanted && owed_only; /* an empty segment stays */
        return;
    }
    if (!owed_only && !ledger_keep_room(l, l->batch.n, b->intents, &why)) {
        fail(l, false, &why, done);
        l->recovery.is_low = true;
        return;
    }
    enum segment_result result = segment_append(l->segment, sbuf_slice(&l->batch), b->is_urgent, &why);
    if (result != SEGMENT_OK) {
        fail(l, result == SEGMENT_DEAD, &why, done);
        return;
    }
    commit(l, b, done);
    ledger_take_key(l, b);
    if (l->key_is_unfiled && !settle(l, done))
        return;
    if (!ledger_file_key(l, &why)) {
        fail(l, false, &why, done);
        return;
    }
    ledger_say(l, b);
    if (!b->full_name[0])
        return;
    l->rotate_wanted = false;
    if (!segment_rotate(l->segment, b->full_name, ledger_owed_bytes(l), &why)) {
        fail(l, true, &why, done);
        return;
    }
    l->first_seq = 0;
    if (l->cfg.archive)
        archive_rotated(l->cfg.archive);
}

static void write_batch(struct ledger *l, bool owed_only, struct list *done)
{
    struct batch b;

    build_and_write(l, owed_only, &b, done);
    audit_key_drop(&b.key);
}

static void sync_if_due(struct ledger *l, bool now, struct list *done)
{
    struct err why = { 0 };

    if (!l->unsynced.count || (!now && clock_mono_ms(l->cfg.clock) < l->unsynced.due_ms))
        return;
    if (segment_sync(l->segment, &why) == SEGMENT_OK)
        ledger_all_synced(l, done);
    else
        fail(l, true, &why, done);
}

static void write_held(struct ledger *l, bool probe, struct list *done)
{
    struct err why = { 0 };

    if (l->is_over || (l->status.failed && !probe && !l->recovery.is_low))
        return;
    bool ends = ledger_epoch_ends(l); /* asked once: what is not settled first must not become its end */
    if (ends && !settle(l, done))
        return;
    if (!ledger_epoch_forward(l, ends, &why)) {
        fail(l, false, &why, done);
        return;
    }
    if (l->status.failed && l->recovery.segment_is_dead && !renew(l, done))
        return;
    if (!l->status.failed && list_is_empty(&l->held) && !l->rotate_wanted && !ledger_epoch_due(l) &&
        !ledger_rotation_is_due(l) && !ledger_removal_is_due(l))
        return;
    if (!l->recovery.is_low || (probe && ledger_room_is_back(l)))
        write_batch(l, false, done);
    for (uint64_t before = 0;
         l->recovery.is_low && l->chain.seq != before;) { /* all that is owed, batch by batch */
        before = l->chain.seq;
        write_batch(l, true, done);
    }
}

bool ledger_run(struct ledger *l, struct list *in, bool probe, struct list *out_done)
{
    take_over_items(l, in, out_done);
    write_held(l, probe, out_done);
    sync_if_due(l, probe, out_done);
    ledger_tell_due(l);
    return !l->is_over && !l->status.failed && (!list_is_empty(&l->held) || ledger_epoch_due(l));
}

int64_t ledger_sync_due_ms(const struct ledger *l)
{
    return l->unsynced.count && !l->status.failed ? l->unsynced.due_ms : 0;
}

void ledger_rotate(struct ledger *l)
{
    l->rotate_wanted = true;
}

const struct ledger_status *ledger_status(const struct ledger *l)
{
    return &l->status;
}

const struct audit_open *ledger_doubts(const struct ledger *l, size_t *out_count)
{
    *out_count = l->doubt_count;
    return l->doubts;
}

size_t ledger_held_bytes(const struct ledger *l)
{
    return l->held_bytes;
}

/* ---- life ---- */

static bool write_first_records(struct ledger *l, struct err *e)
{
    struct list none, done;

    list_init(&none);
    list_init(&done);
    while (ledger_run(l, &none, false, &done))
        ;
    if (!l->status.failed) /* all of it is durable, and none of these items is the loop's to hear of */
        ledger_run(l, &none, true, &done);
    audit_items_free(&done);
    return !l->status.failed || err_set(e, ERR_IO, "%s", l->status.why);
}

struct ledger *ledger_open(const struct ledger_config *cfg, struct err *e)
{
    struct ledger *l = calloc(1, sizeof *l);
    unsigned char run[8];

    if (!l) {
        err_set(e, ERR_MEMORY, "no memory for the audit log");
        return NULL;
    }
    l->cfg = *cfg;
    list_init(&l->held);
    list_init(&l->unsynced.items);
    l->batch = SBUF_MAX(BATCH_MAX_BYTES + (size_t)BATCH_OWN_RECORDS * AUDIT_LINE_MAX_BYTES);
    bool ok = random_bytes(run, sizeof run) || err_set(e, ERR_CRYPTO, "no random bytes");
    enc_hex(run, sizeof run, l->chain.run);
    ok = ok && (l->segment = segment_new(cfg->path, cfg->synced, cfg->group, e)) != NULL &&
         ledger_epoch_begin(l, e) && ledger_take_over(l, e) && write_first_records(l, e);
    if (!ok)
        ledger_free(&l);
    return l;
}

void ledger_free(struct ledger **l)
{
    if (!*l)
        return;
    audit_items_free(&(*l)->held);
    audit_items_free(&(*l)->unsynced.items);
    segment_free(&(*l)->segment);
    audit_notes_free(&(*l)->notes);
    audit_key_drop(&(*l)->key);
    sbuf_drop(&(*l)->batch);
    free((*l)->doubts);
    free(*l);
    *l = NULL;
}
