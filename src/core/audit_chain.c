/*
 * The audit log's chain: see audit_chain.h. Adding and checking ask the same two questions, next_epoch and
 * audit_chain_time, so that no line is written that would not verify. Holds no state, knows no file.
 */
#include "core/audit_chain.h"
#include "base/digest.h"
#include "base/enc.h"
#include "base/num.h"

#define LATE_MAX_MS   60000 /* a record waits for the disk for some seconds at most */
#define HASH_HEX      ((size_t)2 * AUDIT_HASH_BYTES)
#define MAC_END_BYTES (8 + HASH_HEX + 2) /* ,"mac":"<64 hex>"} */

/* ---- what may follow ---- */

static bool next_epoch(const struct audit_chain *c, enum audit_type type, uint64_t epoch)
{
    if (c->begins_anywhere)
        return true;
    if (!c->is_keyed)
        return epoch == 0 && type == AUDIT_CHECKPOINT;
    return epoch == c->epoch || (epoch == c->epoch + 1 && type == AUDIT_CHECKPOINT);
}

/* Does a line of this epoch open it, behind another epoch? Of the first line that is read only its end_seal tells. */
static bool opens_behind(const struct audit_chain *c, uint64_t epoch, bool has_end_seal)
{
    return c->begins_anywhere ? has_end_seal && epoch > 0 : c->is_keyed && epoch == c->epoch + 1;
}

/* May, and must, this line say where the epoch before ended? */
static bool end_fits(const struct audit_chain *c, enum audit_type type, uint64_t epoch, bool has_end_seal)
{
    bool opens = type == AUDIT_CHECKPOINT && opens_behind(c, epoch, has_end_seal);

    return has_end_seal ? opens : !opens || c->version < 3;
}

static bool excuses_lateness(enum audit_type type)
{
    return type == AUDIT_CLOCK || type == AUDIT_RECOVER;
}

static enum audit_time time_in(const struct audit_chain *c, uint64_t epoch, enum audit_type type,
                               int64_t wall_ms)
{
    bool is_same = c->is_keyed && epoch == c->epoch;
    bool is_excused = excuses_lateness(type) || (c->may_be_late && is_same);

    if (type == AUDIT_CHECKPOINT && !is_same)
        return AUDIT_TIME_FITS; /* it opens the epoch, when the writer comes to it */
    if (audit_key_epoch_at(c->key, wall_ms) > epoch)
        return type == AUDIT_CHECKPOINT || type == AUDIT_RECOVER ? AUDIT_TIME_FITS : AUDIT_TIME_BEHIND;
    return is_excused || audit_key_epoch_at(c->key, wall_ms + LATE_MAX_MS) >= epoch ? AUDIT_TIME_FITS
                                                                                    : AUDIT_TIME_BEFORE;
}

enum audit_time audit_chain_time(const struct audit_chain *chain, enum audit_type type, int64_t wall_ms)
{
    return chain->key ? time_in(chain, chain->key->epoch, type, wall_ms) : AUDIT_TIME_FITS;
}

/* The chain behind a line. */
static void move_on(struct audit_chain *c, const unsigned char hash[AUDIT_HASH_BYTES], enum audit_type type,
                    int64_t wall_ms)
{
    c->seq++;
    memcpy(c->hash, hash, AUDIT_HASH_BYTES);
    c->wall_ms = wall_ms;
    c->may_be_late = c->may_be_late || excuses_lateness(type);
    c->begins_anywhere = false;
}

static void move_epoch(struct audit_chain *c, uint64_t epoch, bool has_end_seal)
{
    c->openings += opens_behind(c, epoch, has_end_seal);
    c->ends_sealed += has_end_seal;
    c->may_be_late = c->may_be_late && c->is_keyed && c->epoch == epoch;
    c->is_keyed = true;
    c->epoch = epoch;
    c->keyed_lines++;
}

/* ---- writing ---- */

static void cut_back(struct sbuf *out, size_t n)
{
    out->n = n;
    if (out->p)
        out->p[n] = '\0';
}

static void add_head(const struct audit_chain *c, enum audit_type type, int64_t wall_ms, int64_t mono_ms,
                     struct sbuf *out)
{
    char when[25], prev[HASH_HEX + 1];

    enc_time_utc(wall_ms, true, when);
    enc_hex(c->hash, sizeof c->hash, prev);
    sbuf_adds(out, c->key ? "{\"v\":3,\"seq\":" : "{\"v\":1,\"seq\":");
    sbuf_add_u64(out, c->seq + 1);
    sbuf_adds(out, ",\"run\":\"");
    sbuf_adds(out, c->run);
    sbuf_adds(out, "\",\"t\":\"");
    sbuf_adds(out, when);
    sbuf_adds(out, "\",\"mono\":");
    sbuf_add_u64(out, mono_ms > 0 ? (uint64_t)mono_ms : 0);
    sbuf_adds(out, ",\"type\":\"");
    sbuf_adds(out, audit_type_name(type));
    if (c->key) {
        sbuf_adds(out, "\",\"epoch\":");
        sbuf_add_u64(out, c->key->epoch);
        sbuf_adds(out, ",\"prev\":\"");
    } else {
        sbuf_adds(out, "\",\"prev\":\"");
    }
    sbuf_adds(out, prev);
    sbuf_addc(out, '"');
}

/* Put the mac between the body's last field and its closing brace. */
static bool add_mac(const struct audit_chain *c, size_t start, struct sbuf *out)
{
    unsigned char mac[AUDIT_MAC_BYTES];
    char hex[2 * AUDIT_MAC_BYTES + 1];

    if (!sbuf_ok(out) || out->n == start || out->p[out->n - 1] != '}')
        return false;
    cut_back(out, out->n - 1);
    if (!audit_key_mac(c->key, slice_from(out->p + start, out->n - start), mac))
        return false;
    enc_hex(mac, sizeof mac, hex);
    sbuf_adds(out, ",\"mac\":\"");
    sbuf_adds(out, hex);
    sbuf_adds(out, "\"}");
    return true;
}

static bool says_end_seal(struct slice body)
{
    struct slice key, value;

    while (audit_field_next(&body, &key, &value))
        if (slice_eq(key, S("end_seal")))
            return true;
    return false;
}

bool audit_chain_add(struct audit_chain *chain, enum audit_type type, int64_t wall_ms, int64_t mono_ms,
                     struct slice body, struct sbuf *out)
{
    unsigned char hash[AUDIT_HASH_BYTES];
    size_t start = out->n;
    bool has_end_seal = type == AUDIT_CHECKPOINT && says_end_seal(body);

    if (chain->seq == UINT64_MAX || type == AUDIT_NONE || type >= AUDIT_TYPE_COUNT_)
        return false;
    if (chain->key ? !next_epoch(chain, type, chain->key->epoch) ||
                         !end_fits(chain, type, chain->key->epoch, has_end_seal) ||
                         audit_chain_time(chain, type, wall_ms) != AUDIT_TIME_FITS
                   : chain->is_keyed)
        return false;
    add_head(chain, type, wall_ms, mono_ms, out);
    sbuf_add(out, body);
    bool ok = !chain->key || add_mac(chain, start, out);
    sbuf_addc(out, '\n');
    ok = ok && sbuf_ok(out) && out->n - start <= AUDIT_LINE_MAX_BYTES &&
         digest_sha256(slice_from(out->p + start, out->n - start - 1), hash);
    if (!ok) {
        if (sbuf_ok(out))
            cut_back(out, start);
        return false;
    }
    if (chain->key)
        move_epoch(chain, chain->key->epoch, has_end_seal);
    chain->version = chain->key ? 3 : 1;
    move_on(chain, hash, type, wall_ms);
    return true;
}

/* ---- reading ---- */

/* Exactly n bytes and the closing quote. */
static bool take_fixed(struct slice *rest, size_t n, struct slice *out)
{
    if (rest->n <= n || rest->p[n] != '"')
        return false;
    *out = slice_from(rest->p, n);
    *rest = slice_skip(*rest, n + 1);
    return true;
}

static bool take_number(struct slice *rest, uint64_t min, uint64_t max, uint64_t *out)
{
    struct slice text;

    return slice_take_until(rest, ',', &text) && num_u64(text, min, max, out);
}

static bool parse_head(struct slice *rest, struct audit_line *out, struct err *e)
{
    uint64_t mono;

    out->version = slice_take(rest, S("{\"v\":1,\"seq\":"))   ? 1
                   : slice_take(rest, S("{\"v\":2,\"seq\":")) ? 2
                   : slice_take(rest, S("{\"v\":3,\"seq\":")) ? 3
                                                              : 0;
    if (!out->version || !take_number(rest, 1, UINT64_MAX, &out->seq))
        return err_set(e, ERR_SYNTAX, "does not begin with {\"v\":1,\"seq\":NUMBER, or 2 or 3 in place of 1");
    if (!slice_take(rest, S(",\"run\":\"")) || !take_fixed(rest, 16, &out->run) ||
        !enc_is_lower_hex(out->run))
        return err_set(e, ERR_SYNTAX, "run is not 16 hex digits");
    if (!slice_take(rest, S(",\"t\":\"")) || !take_fixed(rest, 24, &out->t) ||
        !enc_untime_utc(out->t, &out->wall_ms))
        return err_set(e, ERR_SYNTAX, "t is not a time");
    if (!slice_take(rest, S(",\"mono\":")) || !take_number(rest, 0, INT64_MAX, &mono))
        return err_set(e, ERR_SYNTAX, "mono is not a number");
    if (!slice_take(rest, S(",\"type\":\"")) || !slice_take_until(rest, '"', &out->type) ||
        !slice_take(rest, S("\"")) || (out->kind = audit_type_of(out->type)) == AUDIT_NONE)
        return err_set(e, ERR_SYNTAX, "type is not known");
    if (out->version > 1 &&
        (!slice_take(rest, S(",\"epoch\":")) || !take_number(rest, 0, INT64_MAX, &out->epoch)))
        return err_set(e, ERR_SYNTAX, "epoch is not a number");
    if (!slice_take(rest, S(",\"prev\":\"")) || !take_fixed(rest, HASH_HEX, &out->prev) ||
        !enc_is_lower_hex(out->prev))
        return err_set(e, ERR_SYNTAX, "prev is not 64 hex digits");
    return true;
}

/* Take the mac off the end of *line. */
static bool parse_mac(struct slice *line, struct audit_line *out, struct err *e)
{
    struct slice end = slice_skip(*line, line->n > MAC_END_BYTES ? line->n - MAC_END_BYTES : line->n);

    if (!slice_take(&end, S(",\"mac\":\"")) || !take_fixed(&end, HASH_HEX, &out->mac) ||
        !enc_is_lower_hex(out->mac) || !slice_eq(end, S("}")))
        return err_set(e, ERR_SYNTAX, "does not end with \"mac\" and 64 hex digits");
    line->n -= MAC_END_BYTES;
    out->sealed = *line;
    return true;
}

bool audit_line_parse(struct slice line, struct audit_line *out, struct err *e)
{
    struct slice rest = line;

    *out = (struct audit_line){ 0 };
    if (line.n + 1 > AUDIT_LINE_MAX_BYTES)
        return err_set(e, ERR_TOO_LONG, "longer than %d bytes", AUDIT_LINE_MAX_BYTES);
    if (!parse_head(&rest, out, e))
        return false;
    if (out->version > 1) {
        struct slice before_mac = line;
        if (!parse_mac(&before_mac, out, e))
            return false;
        if (rest.n < MAC_END_BYTES)
            return err_set(e, ERR_SYNTAX, "prev and mac are one");
        rest.n -= MAC_END_BYTES;
    }
    out->rest = rest;
    struct audit_named named;
    if (!audit_fields_check(&rest, &named, e))
        return false;
    out->id = named.id;
    out->nonce = named.nonce;
    out->end_seal = named.end_seal;
    if (named.end_seal.n && (named.end_seal.n != HASH_HEX || !enc_is_lower_hex(named.end_seal)))
        return err_set(e, ERR_SYNTAX, "end_seal is not 64 hex digits");
    if (!slice_eq(rest, out->version > 1 ? SLICE_NONE : S("}")))
        return err_set(e, ERR_SYNTAX, "not a record: broken near byte %zu", (size_t)(rest.p - line.p) + 1);
    return true;
}

struct slice audit_line_field(const struct audit_line *line, struct slice key)
{
    struct slice rest = line->rest, name, value;

    while (audit_field_next(&rest, &name, &value))
        if (slice_eq(name, key))
            return audit_field_text(value);
    return SLICE_NONE;
}

bool audit_line_sealed_by(const struct audit_line *line, const struct audit_key *key)
{
    unsigned char mac[AUDIT_MAC_BYTES], stands[AUDIT_MAC_BYTES];

    return line->version > 1 && line->epoch == key->epoch && enc_unhex(line->mac, stands, sizeof stands) &&
           audit_key_mac(key, line->sealed, mac) && secret_eq(mac, stands, sizeof mac);
}

/* ---- checking ---- */

bool audit_chain_begin(struct audit_chain *chain, struct slice line, struct err *e)
{
    struct audit_line first;

    if (!audit_line_parse(line, &first, e))
        return false;
    chain->seq = first.seq - 1;
    chain->begins_anywhere = first.seq > 1;
    return enc_unhex(first.prev, chain->hash, sizeof chain->hash);
}

static bool check_time(struct audit_chain *c, const struct audit_line *line, struct err *e)
{
    switch (time_in(c, line->epoch, line->kind, line->wall_ms)) {
    case AUDIT_TIME_BEFORE:
        if (c->begins_anywhere || (c->is_epoch_cut && c->epoch == line->epoch))
            break;
        return err_set(
            e, ERR_CONFLICT,
            "t is before epoch %llu, and no clock or recover record says why: sealed later than it says",
            (unsigned long long)line->epoch);
    case AUDIT_TIME_BEHIND:
        return err_set(e, ERR_CONFLICT, "t is behind epoch %llu, whose key was gone by then",
                       (unsigned long long)line->epoch);
    case AUDIT_TIME_FITS:
        break;
    }
    c->late_lines += line->kind != AUDIT_CHECKPOINT &&
                     audit_key_epoch_at(c->key, line->wall_ms + LATE_MAX_MS) < line->epoch;
    return true;
}

static bool check_end_is_said(const struct audit_chain *c, const struct audit_line *line, struct err *e)
{
    if (line->version == 3 ? end_fits(c, line->kind, line->epoch, line->end_seal.n > 0) : !line->end_seal.n)
        return true;
    return err_set(e, ERR_CONFLICT, "%s",
                   line->end_seal.n
                       ? "an end_seal in a record that opens no epoch behind another"
                       : "no end_seal, though it opens an epoch: where the epoch before ended is not known");
}

/* Is the end that the line says sealed by the key of the epoch before? Moves the key on to that one. */
static bool is_end_wrong(struct audit_chain *c, const struct audit_line *line)
{
    if (!line->end_seal.n || line->epoch <= c->key->epoch ||
        !audit_key_forward(c->key, line->epoch - 1, NULL))
        return false;
    bool is_good = audit_end_is_sealed(c->key, line->prev, line->end_seal);
    c->ends_good += is_good;
    return !is_good;
}

/* Version, epoch, time and seals of a line. */
static bool check_seal(struct audit_chain *c, const struct audit_line *line, struct err *e)
{
    if (line->version < c->version)
        return err_set(e, ERR_CONFLICT,
                       line->version == 1 ? "a record without a mac behind records that have one"
                                          : "a record of version 2 behind one of version 3");
    if (line->version == 1)
        return !line->end_seal.n || check_end_is_said(c, line, e);
    if (!next_epoch(c, line->kind, line->epoch)) {
        if (!c->is_keyed)
            return err_set(e, ERR_CONFLICT, "the first record with a mac is no checkpoint of epoch 0");
        return err_set(e, ERR_CONFLICT, "epoch is %llu behind epoch %llu%s", (unsigned long long)line->epoch,
                       (unsigned long long)c->epoch,
                       line->epoch == c->epoch + 1 ? ", and no checkpoint record opens it"
                                                   : ": each epoch opens with a checkpoint record");
    }
    if (!check_end_is_said(c, line, e))
        return false;
    if (!c->key)
        return true;
    bool is_cut = is_end_wrong(c, line);
    if (line->epoch >= c->key->epoch) {
        if (!audit_key_forward(c->key, line->epoch, e))
            return false;
        if (!audit_line_sealed_by(line, c->key))
            return err_set(e, ERR_CONFLICT,
                           "mac is not that of the key: the record was changed, or made by another");
        c->macs_good++;
    }
    if (is_cut)
        return err_set(e, ERR_CONFLICT,
                       "end_seal is not that of the line before: epoch %llu did not end with it, its last "
                       "records were cut off or changed",
                       (unsigned long long)line->epoch - 1);
    return check_time(c, line, e);
}

bool audit_chain_check(struct audit_chain *chain, struct slice line, struct audit_line *out, struct err *e)
{
    char prev[HASH_HEX + 1];
    unsigned char hash[AUDIT_HASH_BYTES];

    if (!audit_line_parse(line, out, e))
        return false;
    if (chain->seq == UINT64_MAX || out->seq != chain->seq + 1)
        return err_set(e, ERR_CONFLICT, "seq is %llu, expected %llu", (unsigned long long)out->seq,
                       (unsigned long long)chain->seq + 1);
    enc_hex(chain->hash, sizeof chain->hash, prev);
    if (!slice_eq(out->prev, slice_of(prev)))
        return err_set(e, ERR_CONFLICT,
                       "prev is not the hash of the line before: one of the two was changed");
    if (!check_seal(chain, out, e))
        return false;
    if (!digest_sha256(line, hash))
        return err_set(e, ERR_CRYPTO, "SHA-256 failed");
    chain->is_epoch_cut =
        out->version > 1 && (chain->begins_anywhere || (chain->is_epoch_cut && chain->epoch == out->epoch));
    if (out->version > 1)
        move_epoch(chain, out->epoch, out->end_seal.n > 0);
    chain->version = out->version;
    move_on(chain, hash, out->kind, out->wall_ms);
    memcpy(chain->run, out->run.p, out->run.n);
    chain->run[16] = '\0';
    return true;
}
