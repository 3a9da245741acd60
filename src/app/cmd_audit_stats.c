/*
 * easgate audit stats: how often what happened, by client, operation, decision, type, service, day. An outcome counts where its
 * intent does; so memory grows with the rows and with the intents whose outcome has not come yet.
 */
#include "app/cmd_audit.h"
#include "base/num.h"
#include "edge/audit_pending.h"

#define ROWS_MAX    ((size_t)100000)
#define COLUMNS_MAX 6

enum count { ALLOW, DENY, COUNTED, OK, FAILED, UNKNOWN, RESOLVED, MS_SUM, MS_MAX, COUNT_COUNT_ };
static const char *const count_names[] = { "allow",   "deny",     "counted", "ok",    "failed",
                                           "unknown", "resolved", "ms_sum",  "ms_max" };

struct row {
    uint64_t counts[COUNT_COUNT_];
    char key[]; /* a line for each column, as in a record: escapes stay */
};

struct stats {
    struct audit_filter *filter;
    size_t column_count;
    struct slice columns[COLUMNS_MAX];
    struct map *rows;           /* key -> struct row, owned */
    struct audit_await awaited; /* with the row of their intent */
    bool is_full;
};

static bool read_columns(struct stats *s, struct slice by)
{
    static const struct slice known[] = { S_INIT("client"), S_INIT("op"),      S_INIT("decision"),
                                          S_INIT("type"),   S_INIT("service"), S_INIT("day") };
    struct slice name;

    while (slice_split(&by, ',', &name)) {
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            is_known = is_known || slice_eq(name, known[i]);
        for (size_t i = 0; i < s->column_count; i++)
            is_known = is_known && !slice_eq(name, s->columns[i]);
        if (!is_known)
            return false; /* so there are never more than all of them */
        s->columns[s->column_count++] = name;
    }
    return true;
}

static struct slice value_of(const struct audit_line *line, struct slice column)
{
    if (slice_eq(column, S("day")))
        return slice_from(line->t.p, 10);
    if (slice_eq(column, S("type")))
        return line->type;
    if (slice_eq(column, S("decision")))
        return slice_of(audit_decision_name(audit_decision_of(line->kind)));
    return audit_line_field(line, column);
}

static struct row *row_of(struct stats *s, const struct audit_line *line)
{
    char most[512] = "";
    SCOPED(sbuf) key = SBUF_LENT(most, sizeof most, 3 * (size_t)AUDIT_LINE_MAX_BYTES);

    for (size_t i = 0; i < s->column_count; i++) {
        sbuf_add(&key, value_of(line, s->columns[i]));
        sbuf_addc(&key, '\n');
    }
    struct row *row = map_get(s->rows, sbuf_slice(&key));
    if (row)
        return row;
    row = sbuf_ok(&key) && map_count(s->rows) < ROWS_MAX ? calloc(1, sizeof *row + key.n + 1) : NULL;
    if (row && !map_put(s->rows, sbuf_slice(&key), row)) {
        free(row);
        row = NULL;
    }
    if (row)
        memcpy(row->key, key.p, key.n + 1);
    else
        s->is_full = true;
    return row;
}

static uint64_t number(const struct audit_line *line, struct slice key)
{
    uint64_t n = 0;

    num_u64(audit_line_field(line, key), 0, UINT64_MAX, &n);
    return n;
}

static void count_outcome(struct stats *s, const struct audit_line *line)
{
    struct row *row = audit_await_end(&s->awaited, line);
    struct slice error = audit_line_field(line, S("error"));
    uint64_t ms = number(line, S("ms"));

    if (!row)
        return;
    if (line->kind == AUDIT_RESOLVED) {
        row->counts[RESOLVED]++;
        return;
    }
    bool is_lost =
        audit_error_is_unknown(error); /* an answer that came and says nothing for certain is a failed one */
    row->counts[is_lost ? UNKNOWN : error.n || number(line, S("status")) >= 400 ? FAILED : OK]++;
    row->counts[MS_SUM] += ms;
    if (row->counts[MS_MAX] < ms)
        row->counts[MS_MAX] = ms;
}

static bool count_line(void *ctx, const struct audit_line *line, struct slice text)
{
    struct stats *s = ctx;
    enum audit_decision decision = audit_decision_of(line->kind);

    (void)text;
    bool is_wanted = audit_filter_wants(s->filter, line);
    if (audit_filter_is_full(s->filter))
        return false;
    if (!is_wanted || decision == AUDIT_DECISION_NONE)
        return true;
    if (line->kind == AUDIT_OUTCOME || line->kind == AUDIT_RESOLVED) {
        count_outcome(s, line);
        return true;
    }
    struct row *row = row_of(s, line);
    if (!row)
        return false;
    if (line->kind == AUDIT_INTENT) {
        row->counts[ALLOW]++;
        s->is_full = !audit_await_intent(&s->awaited, line, row);
    } else if (line->kind == AUDIT_DENY) {
        row->counts[DENY]++;
    } else {
        row->counts[COUNTED] += number(line, S("count"));
    }
    return !s->is_full;
}

/* ---- printing ---- */

static int by_key(const void *a, const void *b)
{
    const struct row *const *x = a, *const *y = b;

    return strcmp((*x)->key, (*y)->key);
}

static bool print_row(const struct stats *s, const struct row *row, enum audit_form form,
                      const size_t *widths)
{
    SCOPED(sbuf) out = SBUF_MAX(8 * (size_t)AUDIT_LINE_MAX_BYTES);
    struct slice rest = slice_of(row->key), value;

    for (size_t i = 0; i < s->column_count && slice_split(&rest, '\n', &value); i++) {
        if (form == AUDIT_FORM_CSV)
            audit_csv_add(&out, i == 0, value, true);
        else if (form == AUDIT_FORM_JSON)
            sbuf_addf(&out, "%s\"%.*s\":\"%.*s\"", i ? "," : "{", SLICE_FMT(s->columns[i]), SLICE_FMT(value));
        else
            sbuf_addf(&out, "%-*.*s", (int)widths[i] + 2, SLICE_FMT(value.n ? value : S("-")));
    }
    for (size_t i = 0; i < COUNT_COUNT_; i++) {
        if (form == AUDIT_FORM_TEXT)
            sbuf_addf(&out, "%9llu", (unsigned long long)row->counts[i]);
        else if (form == AUDIT_FORM_CSV)
            sbuf_addf(&out, ",%llu", (unsigned long long)row->counts[i]);
        else
            sbuf_addf(&out, ",\"%s\":%llu", count_names[i], (unsigned long long)row->counts[i]);
    }
    sbuf_adds(&out, form == AUDIT_FORM_JSON ? "}\n" : form == AUDIT_FORM_CSV ? "\r\n" : "\n");
    return sbuf_ok(&out) && fputs(out.p, stdout) >= 0;
}

static bool print_head(const struct stats *s, enum audit_form form, const size_t *widths)
{
    SCOPED(sbuf) out = SBUF_MAX(AUDIT_LINE_MAX_BYTES);

    for (size_t i = 0; i < s->column_count; i++)
        if (form == AUDIT_FORM_CSV)
            audit_csv_add(&out, i == 0, s->columns[i], false);
        else
            sbuf_addf(&out, "%-*.*s", (int)widths[i] + 2, SLICE_FMT(s->columns[i]));
    for (size_t i = 0; i < COUNT_COUNT_; i++)
        sbuf_addf(&out, form == AUDIT_FORM_CSV ? ",%s" : "%9s", count_names[i]);
    sbuf_adds(&out, form == AUDIT_FORM_CSV ? "\r\n" : "\n");
    return form == AUDIT_FORM_JSON || (sbuf_ok(&out) && fputs(out.p, stdout) >= 0);
}

static bool print_rows(const struct stats *s, struct row *const *rows, size_t count, enum audit_form form)
{
    size_t widths[COLUMNS_MAX] = { 0 };

    for (size_t i = 0; i < s->column_count; i++)
        widths[i] = s->columns[i].n;
    for (size_t r = 0; r < count; r++) {
        struct slice rest = slice_of(rows[r]->key), value;
        for (size_t i = 0; i < s->column_count && slice_split(&rest, '\n', &value); i++)
            if (widths[i] < value.n)
                widths[i] = value.n < 60 ? value.n : 60;
    }
    bool ok = print_head(s, form, widths);
    for (size_t r = 0; ok && r < count; r++)
        ok = print_row(s, rows[r], form, widths);
    return ok;
}

static int print_all(const struct stats *s, enum audit_form form)
{
    size_t count = 0, at = 0;
    struct row **rows = calloc(map_count(s->rows) + 1, sizeof *rows);
    struct slice key;
    void *value;

    if (!rows)
        return AUDIT_EXIT_USAGE;
    while (map_next(s->rows, &at, &key, &value))
        rows[count++] = value;
    qsort(rows, count, sizeof *rows, by_key);
    bool ok = print_rows(s, rows, count, form);
    free(rows);
    return ok ? AUDIT_EXIT_FINE : AUDIT_EXIT_USAGE;
}

static void drop(struct stats *s)
{
    map_free_values(&s->rows);
    audit_await_drop(&s->awaited);
}

int audit_cmd_stats(struct audit_options *o)
{
    struct stats s = { .filter = &o->filter, .rows = map_new() };
    struct audit_parts parts = AUDIT_PARTS_NONE;
    struct err e = { 0 };
    int code = AUDIT_EXIT_USAGE;

    if (!s.rows)
        err_set(&e, ERR_MEMORY, "no memory to count in");
    else if (!read_columns(&s, o->by))
        err_set(&e, ERR_UNKNOWN,
                "--by '%.*s': expected some of client,op,decision,type,service,day, each once",
                (int)(o->by.n < 64 ? o->by.n : 64), o->by.p);
    else
        audit_collect(&parts, o, &e);
    if (e.code) {
        audit_cannot("audit", &e);
    } else {
        code = audit_walk(&parts, "audit", count_line, &s);
        int printed = print_all(&s, o->form);
        code = printed > code ? printed : code;
    }
    if (s.is_full)
        fprintf(stderr, "easgate audit: too many rows or open intents: ask for less with --since, --until, "
                        "--client or --by\n");
    drop(&s);
    audit_parts_drop(&parts);
    return code;
}
