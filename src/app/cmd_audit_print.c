/*
 * A record on standard output, for `easgate audit`: for people, as it stands, or as CSV (RFC 4180). Whatever stands in a file,
 * what is printed is ASCII without control characters. In CSV, a text that a spreadsheet would take for a formula gets a ' in front.
 */
#include "app/cmd_audit.h"

/* More than a line can grow to: each of its bytes at most doubled, and a comma for each column. */
#define ROW_MAX_BYTES (3 * (size_t)AUDIT_LINE_MAX_BYTES)

static bool put(const struct sbuf *row)
{
    return sbuf_ok(row) && fwrite(row->p, 1, row->n, stdout) == row->n;
}

static bool print_text(const struct audit_line *line)
{
    char most[1024] = "";
    SCOPED(sbuf) row = SBUF_LENT(most, sizeof most, ROW_MAX_BYTES);
    struct slice rest = line->rest, key, value;

    sbuf_addf(&row, "%llu %.*s %-7.*s", (unsigned long long)line->seq, SLICE_FMT(line->t),
              SLICE_FMT(line->type));
    while (audit_field_next(&rest, &key, &value)) {
        bool is_plain = value.n > 2 && value.p[0] == '"' && !slice_has(value, ' ') && !slice_has(value, '\\');
        sbuf_addc(&row, ' ');
        sbuf_add(&row, key);
        sbuf_addc(&row, '=');
        sbuf_add(&row, is_plain ? slice_from(value.p + 1, value.n - 2) : value);
    }
    sbuf_addc(&row, '\n');
    return put(&row);
}

/* Who did what, and what came of it; the beginning of the id joins a request with its outcome. */
static bool print_brief(const struct audit_line *line)
{
    static const struct {
        struct slice key;
        size_t chars; /* of it; 0 = all, with its name */
    } fields[] = { { S_INIT("id"), 8 },         { S_INIT("client"), 64 }, { S_INIT("op"), 64 },
                   { S_INIT("service"), 64 },   { S_INIT("spec"), 0 },    { S_INIT("replicas"), 0 },
                   { S_INIT("would_deny"), 0 }, { S_INIT("status"), 0 },  { S_INIT("code"), 0 },
                   { S_INIT("error"), 0 },      { S_INIT("message"), 0 }, { S_INIT("count"), 0 },
                   { S_INIT("file"), 0 },       { S_INIT("note"), 0 } };
    char most[1024] = "";
    SCOPED(sbuf) row = SBUF_LENT(most, sizeof most, ROW_MAX_BYTES);

    sbuf_addf(&row, "%llu %.*s %-7.*s", (unsigned long long)line->seq, SLICE_FMT(line->t),
              SLICE_FMT(line->type));
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct slice value = audit_line_field(line, fields[i].key);
        if (!value.n)
            continue;
        if (fields[i].chars && value.n > fields[i].chars)
            value.n = fields[i].chars;
        sbuf_addc(&row, ' ');
        if (!fields[i].chars)
            sbuf_addf(&row, "%.*s=", SLICE_FMT(fields[i].key));
        sbuf_add(&row, value);
    }
    sbuf_addc(&row, '\n');
    return put(&row);
}

/* ---- CSV ---- */

void audit_csv_add(struct sbuf *row, bool is_first, struct slice value, bool is_text)
{
    if (!is_first)
        sbuf_addc(row, ',');
    if (!is_text || !value.n) {
        sbuf_add(row, value);
        return;
    }
    bool is_tree = value.p[0] == '[' || value.p[0] == '{'; /* JSON: its escapes mean something */
    sbuf_addc(row, '"');
    if (value.p[0] == '=' || value.p[0] == '+' || value.p[0] == '-' || value.p[0] == '@')
        sbuf_addc(row, '\'');
    for (size_t i = 0; i < value.n; i++) {
        if (!is_tree && value.p[i] == '\\' && i + 1 < value.n && value.p[i + 1] == '"')
            i++; /* \" is a quote: its backslash is JSON's */
        if (value.p[i] == '"')
            sbuf_addc(row, '"');
        sbuf_addc(row, value.p[i]);
    }
    sbuf_addc(row, '"');
}

/* The columns that are no fields. */
static const struct slice heads[] = { S_INIT("seq"), S_INIT("t"), S_INIT("type"), S_INIT("decision"),
                                      S_INIT("run") };

bool audit_print_csv_head(void)
{
    SCOPED(sbuf) row = SBUF_MAX(ROW_MAX_BYTES);

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        audit_csv_add(&row, i == 0, heads[i], false);
    for (size_t i = 0; audit_field_key(i).n; i++)
        audit_csv_add(&row, false, audit_field_key(i), false);
    sbuf_adds(&row, "\r\n");
    return put(&row);
}

/* Or true. */
static bool is_number(struct slice value)
{
    return ascii_is_digit(value.p[0]) || value.p[0] == '-' || value.p[0] == 't';
}

static bool print_csv(const struct audit_line *line)
{
    char most[1024] = "";
    SCOPED(sbuf) row = SBUF_LENT(most, sizeof most, ROW_MAX_BYTES);
    struct slice rest = line->rest, key = SLICE_NONE, value;

    sbuf_addf(&row, "%llu,%.*s,%.*s,%s,%.*s", (unsigned long long)line->seq, SLICE_FMT(line->t),
              SLICE_FMT(line->type), audit_decision_name(audit_decision_of(line->kind)),
              SLICE_FMT(line->run));
    bool more = audit_field_next(&rest, &key, &value);
    for (size_t i = 0; audit_field_key(i).n; i++) { /* both are in the same order */
        if (!more || !slice_eq(key, audit_field_key(i))) {
            sbuf_addc(&row, ',');
            continue;
        }
        audit_csv_add(&row, false, audit_field_text(value), !is_number(value));
        more = audit_field_next(&rest, &key, &value);
    }
    sbuf_adds(&row, "\r\n");
    return put(&row);
}

bool audit_print_line(const struct audit_line *line, struct slice text, enum audit_form form)
{
    if (form == AUDIT_FORM_CSV)
        return print_csv(line);
    if (form == AUDIT_FORM_TEXT)
        return print_text(line);
    if (form == AUDIT_FORM_BRIEF)
        return print_brief(line);
    return fwrite(text.p, 1, text.n, stdout) == text.n && putchar('\n') == '\n';
}
