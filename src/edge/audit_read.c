/*
 * Reading the audit log: see audit_read.h. Never writes; memory is one buffer whatever the file holds. A line that is
 * too long is given as its beginning, and the reader goes on behind its end.
 */
#include "edge/audit_read.h"
#include "edge/audit_input.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)256 * 1024)

struct audit_reader {
    struct audit_input *in;
    bool at_end, skip_rest;
    size_t at, have; /* unread bytes are buffer[at..have) */
    uint64_t offset, number;
    char buffer[BUFFER_BYTES];
};

struct audit_reader *audit_reader_new(int fd, bool is_zst)
{
    struct audit_reader *r = malloc(sizeof *r);

    if (!r)
        return NULL;
    r->at_end = r->skip_rest = false; /* all but the buffer, which is large */
    r->at = r->have = 0;
    r->offset = r->number = 0;
    r->in = audit_input_new(fd, is_zst);
    if (!r->in)
        audit_reader_free(&r);
    return r;
}

void audit_reader_free(struct audit_reader **r)
{
    if (!*r)
        return;
    audit_input_free(&(*r)->in);
    free(*r);
    *r = NULL;
}

int audit_reader_error(const struct audit_reader *r)
{
    return audit_input_error(r->in);
}

const char *audit_reader_damage(const struct audit_reader *r)
{
    return audit_input_damage(r->in);
}

uint64_t audit_reader_taken(const struct audit_reader *r)
{
    return audit_input_taken(r->in);
}

uint64_t audit_reader_offset(const struct audit_reader *r)
{
    return r->offset;
}

/* More bytes behind what is unread; false when there are none. */
static bool fill(struct audit_reader *r)
{
    if (r->at_end)
        return false;
    if (r->at) {
        memmove(r->buffer, r->buffer + r->at, r->have - r->at);
        r->have -= r->at;
        r->at = 0;
    }
    size_t n = audit_input_read(r->in, r->buffer + r->have, BUFFER_BYTES - r->have);
    r->at_end = n == 0;
    r->have += n;
    return n > 0;
}

static void consume(struct audit_reader *r, size_t n)
{
    r->at += n;
    r->offset += n;
}

/* Drop bytes up to and with the next '\n'. */
static void skip_line(struct audit_reader *r)
{
    for (;;) {
        const char *end = memchr(r->buffer + r->at, '\n', r->have - r->at);
        if (end) {
            consume(r, (size_t)(end - (r->buffer + r->at)) + 1);
            return;
        }
        consume(r, r->have - r->at);
        if (!fill(r))
            return;
    }
}

bool audit_reader_next(struct audit_reader *r, struct audit_text *out)
{
    const char *end;
    size_t searched = 0;

    if (r->skip_rest) { /* only now: the last answer pointed into the buffer */
        r->skip_rest = false;
        skip_line(r);
    }
    do {
        end = memchr(r->buffer + r->at + searched, '\n', r->have - r->at - searched);
        searched = r->have - r->at;
    } while (!end && searched < AUDIT_LINE_MAX_BYTES && fill(r));
    if (r->at == r->have)
        return false;
    size_t n = end ? (size_t)(end - (r->buffer + r->at)) : r->have - r->at;
    out->offset = r->offset;
    out->number = ++r->number;
    out->is_whole = end && n + 1 <= AUDIT_LINE_MAX_BYTES;
    out->line = slice_from(r->buffer + r->at, n < AUDIT_LINE_MAX_BYTES ? n : AUDIT_LINE_MAX_BYTES);
    if (end)
        consume(r, n + 1);
    else
        r->skip_rest = true;
    return true;
}

/* ---- the chain within one file ---- */

static bool begin_chain(struct audit_scan *s, struct slice line, struct err *e)
{
    s->chain_known = audit_chain_begin(&s->chain, line, e);
    return s->chain_known;
}

/* Behind the first line that is no record: does a record follow? Then it is no torn tail. */
static bool holds_record(struct audit_reader *r)
{
    struct audit_text text;
    struct audit_line line;

    while (audit_reader_next(r, &text))
        if (text.is_whole && audit_line_parse(text.line, &line, NULL))
            return true;
    return false;
}

static enum audit_scan_result judge_bad(struct audit_reader *r, struct audit_scan *s,
                                        const struct audit_text *bad, struct err *why, struct err *e)
{
    struct audit_line line;
    bool is_record = bad->is_whole && audit_line_parse(bad->line, &line, NULL);

    s->bad_line = bad->number;
    if (!bad->is_whole)
        *why = (struct err){ .code = ERR_SYNTAX, .text = "the line is cut or too long" };
    if (e)
        *e = *why;
    if (is_record || holds_record(r))
        return AUDIT_SCAN_BROKEN;
    s->all_bytes = audit_reader_offset(r);
    return AUDIT_SCAN_TORN;
}

static enum audit_scan_result scan_lines(struct audit_reader *r, struct audit_scan *s, struct err *e)
{
    struct audit_text text;
    struct audit_line line;
    struct err why = { 0 };

    while (audit_reader_next(r, &text)) {
        bool good = text.is_whole && (s->chain_known || begin_chain(s, text.line, &why)) &&
                    audit_chain_check(&s->chain, text.line, &line, &why);
        if (!good)
            return judge_bad(r, s, &text, &why, e);
        if (s->records++ == 0)
            s->first_seq = line.seq;
        if (s->records == 1)
            s->first_wall_ms = line.wall_ms;
        s->is_closed = line.kind == AUDIT_ROTATE && !audit_line_field(&line, S("last_seq")).p;
        s->good_bytes = s->all_bytes = audit_reader_offset(r);
        s->file_bytes = audit_reader_taken(r);
        if ((s->each && !s->each(s->ctx, &line, &text)) || line.seq == s->stop_after_seq)
            break;
    }
    return AUDIT_SCAN_WHOLE;
}

/* The stream ended early, behind lines that may all be good. */
static enum audit_scan_result judge_damage(const struct audit_reader *r, struct audit_scan *s, struct err *e)
{
    if (!s->bad_line)
        s->bad_line = s->records + 1;
    if (e)
        *e = (struct err){ .code = ERR_NONE };
    err_set(e, ERR_CONFLICT, "%s", audit_reader_damage(r));
    return AUDIT_SCAN_BROKEN;
}

enum audit_scan_result audit_scan(int fd, struct audit_scan *s, struct err *e)
{
    struct audit_reader *r = audit_reader_new(fd, s->is_zst);
    enum audit_scan_result result = AUDIT_SCAN_FAILED;

    if (!r)
        err_set(e, ERR_MEMORY, "no memory to read it");
    else if (lseek(fd, 0, SEEK_SET) != 0)
        err_set(e, ERR_IO, "%s", strerror(errno));
    else
        result = scan_lines(r, s, e);
    if (r && audit_reader_error(r)) {
        err_set(e, ERR_IO, "%s", strerror(audit_reader_error(r)));
        result = AUDIT_SCAN_FAILED;
    } else if (r && audit_reader_damage(r) && result != AUDIT_SCAN_BROKEN) {
        result = judge_damage(r, s, e);
    }
    if (r)
        s->file_bytes = audit_reader_taken(r);
    audit_reader_free(&r);
    return result;
}
