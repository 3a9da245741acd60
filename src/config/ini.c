/*
 * Lines, checked one by one and only then given to inih: see ini.h. Our own reading of a line and inih's are compared, so a
 * line that inih would read otherwise is an error and never a setting. This file must never repair anything: what is not in
 * the grammar is refused.
 */
#include "config/ini.h"
#include "base/enc.h"
#include "base/map.h"
#include <ini.h>

struct reader {
    struct slice rest;
    unsigned line;
    struct problems *problems;
    struct arena *arena;
    struct map *seen; /* section text -> its ini_section */
    struct ini_section *section, *last_section;
    struct ini_section lost; /* takes the items of sections whose head was refused */
    struct ini_doc *doc;
    struct ini_item item; /* the line that inih has now */
    struct slice section_text;
    bool has_item; /* inih has not yet said what it read */
    bool carriage_return_seen, no_memory;
};

enum line_kind { LINE_NONE = 0, LINE_SKIP, LINE_SECTION, LINE_ITEM };

static void refuse(struct reader *r, const char *text)
{
    problem_error(r->problems, r->line, "%s", text);
    if (r->section)
        r->section->is_faulty = true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Bytes, length and left edge. NULL when the line is in order. */
static const char *line_fault(struct slice line)
{
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];
        if (c == 0)
            return "NUL byte, expected text";
        if (c == '\r')
            return "carriage return, expected lines that end with a newline alone";
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return "control character, expected printable text";
    }
    if (!enc_utf8_valid(line))
        return "not valid UTF-8";
    if (line.n > INI_LINE_MAX_BYTES)
        return "line of more than 190 bytes, expected a shorter one (a key that holds a list may be "
               "repeated)";
    if (line.n && is_blank(line.p[0]) && slice_trim(line).n)
        return "indented line, expected it to begin at the left edge";
    return NULL;
}

static bool all_in(struct slice s, const char *others, bool upper)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool is_lower = c >= 'a' && c <= 'z', is_upper = c >= 'A' && c <= 'Z';
        if (!is_lower && !(upper && is_upper) && !ascii_is_digit(c) && !strchr(others, c))
            return false;
    }
    return s.n > 0;
}

/* Where a comment begins in the part of a line behind ']' or '='; s.n = nowhere. False: a ';' that begins none. */
static bool find_comment(struct slice s, size_t *out_at)
{
    *out_at = slice_find(s, ';');
    return *out_at == s.n || (*out_at > 0 && is_blank(s.p[*out_at - 1]));
}

static bool open_section(struct reader *r, struct slice text)
{
    struct ini_section *s = ARENA_NEW(r->arena, struct ini_section);
    const struct ini_section *first = map_get(r->seen, text);

    if (!s || !map_put(r->seen, text, s)) {
        r->no_memory = true;
        return false;
    }
    size_t blank = slice_find(text, ' ');
    *s = (struct ini_section){ .kind = slice_from(text.p, blank),
                               .name = slice_skip(text, blank + 1),
                               .line = r->line };
    s->is_repeated = s->is_faulty = first != NULL;
    if (first)
        problem_error(r->problems, r->line, "[%.*s] is repeated, expected it once (first in line %u)",
                      SLICE_FMT(text), first->line);
    r->section_text = text;
    r->section = s;
    if (r->last_section)
        r->last_section->next = s;
    else
        r->doc->sections = s;
    r->last_section = s;
    return true;
}

/* Not a section that anything could be read into: its items go nowhere, and its keys are not "outside a section". */
static enum line_kind lose_section(struct reader *r, const char *text)
{
    r->lost = (struct ini_section){ .line = r->line };
    r->section = &r->lost;
    r->section_text = SLICE_NONE;
    refuse(r, text);
    return LINE_NONE;
}

static enum line_kind read_section(struct reader *r, struct slice line)
{
    size_t end = slice_find(line, ']'), comment;

    if (end == line.n)
        return lose_section(r, "section without ']', expected [KIND] or [KIND NAME]");
    struct slice text = slice_from(line.p + 1, end - 1), tail = slice_skip(line, end + 1);
    if (!find_comment(tail, &comment) || slice_trim(slice_from(tail.p, comment)).n)
        return lose_section(r, "text after ']', expected nothing or a comment behind a blank");
    if (text.n > INI_SECTION_MAX_BYTES)
        return lose_section(r, "section name of more than 40 bytes, expected a shorter one");
    size_t blank = slice_find(text, ' ');
    struct slice kind = slice_from(text.p, blank), name = slice_skip(text, blank + 1);
    if (!all_in(kind, "_", false) || (blank < text.n && !all_in(name, "_.-", true)))
        return lose_section(
            r, "malformed section, expected [KIND] or [KIND NAME] with one blank between, NAME of "
               "letters, digits and _ . -");
    return open_section(r, text) ? LINE_SECTION : LINE_NONE;
}

static enum line_kind refuse_line(struct reader *r, const char *text)
{
    refuse(r, text);
    return LINE_NONE;
}

static bool has_hash_comment(struct slice s)
{
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] == '#' && is_blank(s.p[i - 1]))
            return true;
    return false;
}

static enum line_kind read_item(struct reader *r, struct slice line)
{
    size_t equals = slice_find(line, '='), comment;

    if (equals == line.n)
        return refuse_line(r, slice_has(line, ':')
                                  ? "':' used for '=', expected KEY = VALUE"
                                  : "line without '=', expected KEY = VALUE, [SECTION] or a comment");
    struct slice key = slice_trim(slice_from(line.p, equals)), value = slice_skip(line, equals + 1);
    if (key.n == 0)
        return refuse_line(r, "empty key, expected KEY = VALUE");
    if (!all_in(key, "_", false))
        return refuse_line(r, slice_has(key, ':')
                                  ? "':' used for '=', expected KEY = VALUE"
                                  : "malformed key, expected letters a-z, digits and _ before '='");
    if (!find_comment(value, &comment))
        return refuse_line(r, "';' inside a value, expected a blank before a ';' that begins a comment");
    value = slice_from(value.p, comment);
    if (has_hash_comment(value))
        return refuse_line(r, "'#' behind a blank, expected ';' for a comment at the end of a line");
    value = slice_trim(value);
    if (value.n == 0) {
        problem_error(r->problems, r->line, "%.*s has no value, expected KEY = VALUE", SLICE_FMT(key));
        if (r->section)
            r->section->is_faulty = true;
        return LINE_NONE;
    }
    if (!r->section)
        return refuse_line(r, "key outside a section, expected a [SECTION] before it");
    r->item = (struct ini_item){ .key = key, .value = value, .line = r->line };
    return LINE_ITEM;
}

static enum line_kind read_line(struct reader *r, struct slice line)
{
    const char *fault = line_fault(line);

    if (fault) {
        /* A file with CR LF ends has one fault, not one for each line. */
        bool again = r->carriage_return_seen && slice_has(line, '\r');
        r->carriage_return_seen = r->carriage_return_seen || slice_has(line, '\r');
        if (!again)
            refuse(r, fault);
        if (line.n && line.p[0] == '[') {
            r->section = &r->lost;
            r->lost.is_faulty = true;
        }
        return LINE_NONE;
    }
    if (slice_trim(line).n == 0 || line.p[0] == ';' || line.p[0] == '#')
        return LINE_SKIP;
    return line.p[0] == '[' ? read_section(r, line) : read_item(r, line);
}

static bool next_line(struct reader *r, struct slice *out)
{
    if (r->rest.n == 0)
        return false;
    size_t n = slice_find(r->rest, '\n');
    r->line++;
    *out = slice_from(r->rest.p, n);
    if (n == r->rest.n)
        refuse(
            r,
            "no newline at the end of the file, expected the last line to end with one (was the file cut?)");
    r->rest = slice_skip(r->rest, n + 1);
    return true;
}

static void check_inih_read_it(struct reader *r)
{
    if (r->has_item)
        problem_error(r->problems, r->item.line, "line not understood, expected KEY = VALUE");
    r->has_item = false;
}

/* fgets for inih: only sections and items that passed. */
static char *give_line(char *to, int size, void *stream)
{
    struct reader *r = stream;
    struct slice line;

    check_inih_read_it(r);
    while (!r->no_memory && next_line(r, &line)) {
        enum line_kind kind = read_line(r, line);
        if ((kind != LINE_SECTION && kind != LINE_ITEM) || size < 0 || line.n + 2 > (size_t)size)
            continue;
        if (kind == LINE_ITEM && r->section == &r->lost)
            continue;
        r->has_item = kind == LINE_ITEM;
        memcpy(to, line.p, line.n);
        memcpy(to + line.n, "\n", 2);
        return to;
    }
    return NULL;
}

static int take_item(void *user, const char *section, const char *key, const char *value)
{
    struct reader *r = user;
    struct ini_item *item = r->has_item ? ARENA_NEW(r->arena, struct ini_item) : NULL;

    if (!r->has_item)
        return 0;
    if (!item) {
        r->no_memory = true;
        return 0;
    }
    if (!slice_eq(slice_of(section), r->section_text) || !slice_eq(slice_of(key), r->item.key) ||
        !slice_eq(slice_of(value), r->item.value))
        return 0; /* has_item stays: check_inih_read_it reports the line */
    r->has_item = false;
    *item = r->item;
    if (r->section->last)
        r->section->last->next = item;
    else
        r->section->items = item;
    r->section->last = item;
    return 1;
}

bool ini_read(struct slice text, struct arena *a, struct problems *problems, struct ini_doc *out)
{
    struct reader r = { .rest = text, .problems = problems, .arena = a, .seen = map_new(), .doc = out };

    *out = (struct ini_doc){ 0 };
    if (!r.seen)
        return false;
    if (slice_starts(text, S("\xef\xbb\xbf"))) {
        problem_error(problems, 1, "byte order mark, expected plain UTF-8 without one");
        r.rest = slice_skip(text, 3);
    }
    bool ok = ini_parse_stream(give_line, &r, take_item, &r) == 0;
    check_inih_read_it(&r);
    if (!ok && problems->error_count == 0 && !r.no_memory)
        problem_error(problems, r.line, "file not understood");
    out->line_count = r.line;
    map_free(&r.seen);
    return !r.no_memory;
}

const struct ini_item *ini_section_item(const struct ini_section *s, struct slice key)
{
    for (const struct ini_item *item = s->items; item; item = item->next)
        if (slice_eq(item->key, key))
            return item;
    return NULL;
}
