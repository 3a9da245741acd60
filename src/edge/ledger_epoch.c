/*
 * The ledger's key, epochs and checkpoints. The order that keeps every epoch in the log and no key too long:
 *   0. the last line of E is durable                                                    (ledger_epoch_ends)
 *   1. the state file holds the key of E+1 and the seal of E's end; the key of E is gone from disk and memory
 *                                                                                       (ledger_epoch_forward)
 *   2. the checkpoint record of E+1 is durable, and with it those of all further epochs that passed meanwhile: these hold
 *      nothing else                                                                     (ledger_add_opening, _passed)
 *   3. the state file holds the key of the last of them                                 (ledger_take_key)
 *   4. records of that epoch are written
 * From 1 on nothing else can follow the last line of E: what stands behind it in a file was written in vain (ledger_is_past_end).
 * So a crash leaves the state file at the log's last epoch, or one on (before 2), or behind it by epochs that hold only their
 * checkpoints (before 3), and no epoch is left out. A batch of records is of one epoch: the one of its first record's time.
 * While the log is failed the key still moves on by one, so that what is in the log is safe from who takes the key now; the
 * recover record then comes behind the first checkpoint, the other epochs behind it.
 */
#include "edge/ledger_inner.h"
#include "base/enc.h"
#include "base/log.h"
#include "edge/audit_keyfile.h"

#define PASSED_MAX_BYTES ((size_t)512 << 10) /* of checkpoints of epochs that passed, at once */
#define WRONG_END                                                                                            \
    "the end_seal is not that of the line before: its epoch did not end there, records were cut off or "     \
    "changed"
#define CLOCK_SLACK_MS 2000 /* what the wall clock may go back without a word */

static int64_t wall_now(const struct ledger *l)
{
    return clock_wall_ms(l->cfg.clock);
}

static int64_t mono_now(const struct ledger *l)
{
    return clock_mono_ms(l->cfg.clock);
}

/* ---- the start ---- */

bool ledger_epoch_begin(struct ledger *l, struct err *e)
{
    const struct ledger_config *cfg = &l->cfg;

    if (cfg->key_path) {
        /* written once now, so that a folder that takes no file is found out here, not when the first epoch ends */
        if (!audit_keyfile_read(cfg->key_path, &l->key, &l->end, e) ||
            !audit_keyfile_replace(cfg->key_path, &l->key, &l->end, e))
            return false;
        if (!secret_is_locked(l->key.key))
            log_line(LOG_WARN, "audit", "the audit key's memory cannot be locked (RLIMIT_MEMLOCK)");
        l->chain.key = &l->key;
    }
    l->said_mono_ms = mono_now(l);
    if (cfg->checkpoint_interval_ms)
        l->notes = audit_notes_new(cfg->host, cfg->checkpoint_key_path, cfg->checkpoint_path, e);
    return l->notes || !cfg->checkpoint_interval_ms;
}

/* A line of an epoch behind the state file's: what a crash before step 3 leaves, or the state file is older than it may be. */
static bool check_later(struct ledger_seal *seal, const struct audit_line *line)
{
    if (line->kind != AUDIT_CHECKPOINT || line->epoch != seal->epoch + 1)
        return err_set(
            &seal->why, ERR_CONFLICT,
            "the log has come to epoch %llu, but the state file holds the key of epoch %llu: it is an older "
            "copy, or of another log",
            (unsigned long long)line->epoch, (unsigned long long)seal->key->epoch);
    if (!seal->later.key && !audit_key_copy(&seal->later, seal->key, &seal->why))
        return false;
    if (line->end_seal.n && !audit_end_is_sealed(&seal->later, line->prev, line->end_seal))
        return err_set(&seal->why, ERR_CONFLICT, WRONG_END);
    return audit_key_forward(&seal->later, line->epoch, &seal->why);
}

/* Does the line that opens the key's epoch say the end that the state file says? */
static bool says_end(const struct ledger_seal *seal, const struct audit_line *line)
{
    unsigned char said[AUDIT_MAC_BYTES], prev[AUDIT_HASH_BYTES];

    return !seal->end->seq || !line->end_seal.n ||
           (enc_unhex(line->end_seal, said, sizeof said) && enc_unhex(line->prev, prev, sizeof prev) &&
            memcmp(said, seal->end->seal, sizeof said) == 0 &&
            memcmp(prev, seal->end->hash, sizeof prev) == 0);
}

bool ledger_check_seal(void *ctx, const struct audit_line *line, const struct audit_text *text)
{
    struct ledger_seal *seal = ctx;

    if (!seal->key || line->version < 2 || line->epoch < seal->key->epoch)
        return true;
    seal->line = text->number;
    if (line->epoch > seal->key->epoch && !check_later(seal, line))
        return false;
    seal->epoch = line->epoch;
    if (line->epoch == seal->key->epoch && !says_end(seal, line))
        return err_set(&seal->why, ERR_CONFLICT, WRONG_END);
    return audit_line_sealed_by(line, line->epoch == seal->key->epoch ? seal->key : &seal->later) ||
           err_set(&seal->why, ERR_CONFLICT,
                   "the mac is not that of the state file's key: the log was changed, or it is another key");
}

void ledger_drop_seal(struct ledger_seal *seal)
{
    audit_key_drop(&seal->later);
}

bool ledger_file_key(struct ledger *l, struct err *why)
{
    l->key_is_unfiled = l->key_is_unfiled && !audit_keyfile_replace(l->cfg.key_path, &l->key, &l->end, why);
    return !l->key_is_unfiled;
}

bool ledger_is_past_end(const struct ledger *l, const struct audit_chain *c)
{
    return l->end.seq && c->is_keyed && c->epoch + 1 == l->key.epoch && c->seq > l->end.seq;
}

/* The log's last line is of the epoch before the key's: is it the one with which that epoch ended? */
static bool fits_end(const struct ledger *l, struct err *e)
{
    const struct audit_chain *c = &l->chain;

    if (l->end.seq == c->seq && memcmp(l->end.hash, c->hash, sizeof c->hash) == 0)
        return true;
    if (!l->end.seq && c->version < 3)
        return true; /* of an easgate that sealed no ends */
    if (!l->end.seq)
        return err_set(
            e, ERR_CONFLICT,
            "%s: ends in epoch %llu, but the audit key %s does not say where that epoch ended: it is "
            "another copy, or was changed",
            l->cfg.path, (unsigned long long)c->epoch, l->cfg.key_path);
    return err_set(
        e, ERR_CONFLICT,
        "%s: ends with record %llu of epoch %llu, but the audit key %s says that this epoch ended with "
        "%srecord %llu: records are missing, or were changed",
        l->cfg.path, (unsigned long long)c->seq, (unsigned long long)c->epoch, l->cfg.key_path,
        l->end.seq == c->seq ? "another " : "", (unsigned long long)l->end.seq);
}

static void set_key(struct ledger *l, struct audit_key *key, const struct audit_end *end)
{
    audit_key_drop(&l->key);
    l->key = *key;
    *key = (struct audit_key){ 0 };
    l->end = *end;
    l->key_is_unfiled = true;
}

bool ledger_epoch_fits(struct ledger *l, struct err *e)
{
    const struct audit_chain *c = &l->chain;
    int64_t wall = wall_now(l), mono = mono_now(l);

    /* as if the clock of the run before had gone on: when it is back behind the last record, that is said */
    l->clock_ahead_ms = (wall > c->wall_ms ? wall : c->wall_ms) - mono;
    if (!c->key)
        return !c->is_keyed ||
               err_set(e, ERR_CONFLICT,
                       "%s: its records are sealed by a key, expected [audit] key_file: a log that "
                       "once had a key keeps it",
                       l->cfg.path);
    uint64_t next = c->is_keyed ? c->epoch + 1 : 0;
    if (c->is_keyed && c->epoch > l->key.epoch) {
        struct audit_key key = { 0 };
        if (!audit_key_copy(&key, &l->key, e) || !audit_key_forward(&key, c->epoch, e)) {
            audit_key_drop(&key);
            return false;
        }
        set_key(l, &key, &(struct audit_end){ 0 }); /* the opening of that epoch says it */
        return ledger_file_key(l, e);
    }
    if (c->key->epoch <= next)
        return !c->is_keyed || c->epoch == c->key->epoch || fits_end(l, e);
    return err_set(e, ERR_CONFLICT,
                   "%s: ends in epoch %lld, but the audit key %s is that of epoch %llu: records between are "
                   "missing (a new "
                   "log needs a new key: easgate audit init)",
                   l->cfg.path, c->is_keyed ? (long long)c->epoch : -1LL, l->cfg.key_path,
                   (unsigned long long)c->key->epoch);
}

/* ---- the epoch of now ---- */

static int64_t next_wall_ms(const struct ledger *l)
{
    if (l->status.failed || list_is_empty(&l->held))
        return wall_now(l);
    return LIST_OWNER(l->held.next, struct audit_item, node)->wall_ms;
}

bool ledger_epoch_ends(struct ledger *l)
{
    if (!l->chain.key)
        return false;
    l->target = audit_key_epoch_at(&l->key, next_wall_ms(l));
    if (l->target < l->key.epoch)
        l->target = l->key.epoch;
    return l->target > l->key.epoch && l->chain.is_keyed && l->chain.epoch == l->key.epoch;
}

/* Once its end is sealed an epoch is over, whatever becomes of the state file: it may be the new one on the disk. */
bool ledger_epoch_forward(struct ledger *l, bool ends, struct err *why)
{
    struct audit_end end;

    if (!ledger_file_key(l, why))
        return false;
    if (!ends)
        return true;
    if (!audit_end_make(&end, &l->key, l->chain.seq, l->chain.hash))
        return err_set(why, ERR_CRYPTO, "%s: the end of an epoch cannot be sealed", l->cfg.path);
    if (!audit_key_forward(&l->key, l->key.epoch + 1, why))
        return false;
    l->end = end;
    l->key_is_unfiled = true;
    return ledger_file_key(l, why);
}

bool ledger_epoch_is_behind(const struct ledger *l)
{
    return l->chain.key && l->key.epoch < l->target;
}

static bool opening_is_due(const struct ledger *l)
{
    return l->chain.key && (!l->chain.is_keyed || l->chain.epoch != l->key.epoch);
}

static bool checkpoint_is_due(const struct ledger *l)
{
    return l->notes && l->unsaid && mono_now(l) - l->said_mono_ms >= (int64_t)l->cfg.checkpoint_interval_ms;
}

bool ledger_epoch_due(const struct ledger *l)
{
    return opening_is_due(l) || checkpoint_is_due(l) ||
           (l->chain.key && audit_key_epoch_at(&l->key, wall_now(l)) > l->key.epoch);
}

void ledger_tell_due(struct ledger *l)
{
    int64_t epoch_ms = l->chain.key ? audit_key_begin_ms(&l->key, l->chain.epoch + 1) : 0;
    int64_t rotation_ms = ledger_rotation_due_ms(l);

    l->status.due_wall_ms = !epoch_ms || (rotation_ms && rotation_ms < epoch_ms) ? rotation_ms : epoch_ms;
    l->status.due_mono_ms =
        l->notes && l->unsaid ? l->said_mono_ms + (int64_t)l->cfg.checkpoint_interval_ms : 0;
}

/* ---- lines ---- */

bool ledger_is_of_epoch(const struct ledger *l, const struct audit_item *item)
{
    return !l->chain.key || audit_key_epoch_at(&l->key, item->wall_ms) <= l->key.epoch;
}

static bool add(struct ledger *l, struct batch *b, const struct audit_rec *rec)
{
    SCOPED(sbuf) body = SBUF_MAX(AUDIT_BODY_MAX_BYTES);

    b->own_records++;
    b->is_urgent = true;
    return audit_rec_body(rec, &body) &&
           audit_chain_add(&b->chain, rec->type, rec->wall_ms, rec->mono_ms, sbuf_slice(&body), &l->batch);
}

static bool add_clock(struct ledger *l, struct batch *b, int64_t from_ms, int64_t wall_ms, int64_t mono_ms)
{
    char from[25], to[25];
    struct audit_rec rec = { .type = AUDIT_CLOCK, .wall_ms = wall_ms, .mono_ms = mono_ms };

    enc_time_utc(from_ms, true, from);
    enc_time_utc(wall_ms, true, to);
    rec.from = slice_of(from);
    rec.to = slice_of(to);
    return add(l, b, &rec);
}

bool ledger_add_line(struct ledger *l, struct batch *b, enum audit_type type, int64_t wall_ms,
                     int64_t mono_ms, struct slice body)
{
    int64_t ahead = wall_ms - mono_ms;
    bool went_back = ahead < b->clock_ahead_ms - CLOCK_SLACK_MS;
    bool is_late = audit_chain_time(&b->chain, type, wall_ms) == AUDIT_TIME_BEFORE;

    if ((went_back && !add_clock(l, b, b->clock_ahead_ms + mono_ms, wall_ms, mono_ms)) ||
        (!went_back && is_late && !add_clock(l, b, b->chain.wall_ms, wall_ms, mono_ms)))
        return false;
    if (went_back || ahead > b->clock_ahead_ms)
        b->clock_ahead_ms = ahead;
    return audit_chain_add(&b->chain, type, wall_ms, mono_ms, body, &l->batch);
}

/* Not behind the key's epoch: it may have ended since this batch was begun. */
static int64_t own_wall_ms(const struct ledger *l)
{
    int64_t now = wall_now(l);

    if (!l->chain.key)
        return now;
    int64_t end = audit_key_begin_ms(&l->key, l->key.epoch + 1);
    return now < end ? now : end - 1;
}

bool ledger_add_own(struct ledger *l, struct batch *b, const struct audit_rec *rec)
{
    struct audit_rec own = *rec;

    own.wall_ms = rec->type == AUDIT_RECOVER ? wall_now(l) : own_wall_ms(l);
    own.mono_ms = mono_now(l);
    if (audit_chain_time(&b->chain, own.type, own.wall_ms) == AUDIT_TIME_BEFORE &&
        !add_clock(l, b, b->chain.wall_ms, own.wall_ms, own.mono_ms))
        return false;
    return add(l, b, &own);
}

/* ---- checkpoints ---- */

static bool add_opening(struct ledger *l, struct batch *b, const struct audit_end *end)
{
    char seal[2 * AUDIT_MAC_BYTES + 1] = "";
    struct audit_rec rec = {
        .type = AUDIT_CHECKPOINT, .note = S("epoch"), .wall_ms = wall_now(l), .mono_ms = mono_now(l)
    };

    if (end->seq) {
        if (end->seq != b->chain.seq || memcmp(end->hash, b->chain.hash, sizeof end->hash) != 0)
            return false; /* it would not verify */
        enc_hex(end->seal, sizeof end->seal, seal);
        rec.end_seal = slice_of(seal);
    }
    b->says_checkpoint = b->chain.key->epoch == l->target;
    return add(l, b, &rec);
}

bool ledger_add_opening(struct ledger *l, struct batch *b)
{
    return !opening_is_due(l) || add_opening(l, b, &l->end);
}

bool ledger_add_passed(struct ledger *l, struct batch *b)
{
    if (!ledger_epoch_is_behind(l) || !audit_key_copy(&b->key, &l->key, NULL))
        return !ledger_epoch_is_behind(l);
    b->chain.key = &b->key;
    while (b->key.epoch < l->target && l->batch.n < PASSED_MAX_BYTES) {
        if (!audit_end_make(&b->end, &b->key, b->chain.seq, b->chain.hash) ||
            !audit_key_forward(&b->key, b->key.epoch + 1, NULL) || !add_opening(l, b, &b->end))
            return false;
    }
    return true;
}

void ledger_take_key(struct ledger *l, struct batch *b)
{
    if (!b->key.key)
        return;
    set_key(l, &b->key, &b->end);
    l->chain.key = &l->key;
}

bool ledger_add_checkpoint(struct ledger *l, struct batch *b)
{
    struct audit_rec rec = { .type = AUDIT_CHECKPOINT };

    if (b->owed_only || b->says_checkpoint || !checkpoint_is_due(l))
        return true;
    b->says_checkpoint = true;
    return ledger_add_own(l, b, &rec);
}

void ledger_say(struct ledger *l, const struct batch *b)
{
    l->unsaid += b->item_count + b->own_records;
    if (!l->notes || !b->says_checkpoint)
        return;
    audit_notes_say(l->notes, l->chain.seq, l->chain.hash, l->chain.key);
    l->unsaid = 0;
    l->said_mono_ms = mono_now(l);
}
