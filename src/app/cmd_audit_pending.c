/* easgate audit pending: requests of which the log does not say what came of them. */
#include "app/cmd_audit.h"
#include "edge/audit_pending.h"

static bool note_line(void *ctx, const struct audit_line *line, struct slice text)
{
    (void)text;
    if (audit_pending_line(ctx, line))
        return true;
    fprintf(stderr, "easgate audit: no memory for so many open intents\n");
    return false;
}

static bool print_head(enum audit_form form)
{
    return form != AUDIT_FORM_CSV || fputs("seq,t,id,client,op,service,nonce,error,count\r\n", stdout) >= 0;
}

static bool print_open(const struct audit_open *o, enum audit_form form)
{
    const struct {
        const char *key, *value;
    } texts[] = { { "t", o->t },        { "id", o->id },           { "client", o->client },
                  { "op", o->op },      { "service", o->service }, { "nonce", o->nonce },
                  { "error", o->error } };
    SCOPED(sbuf) row = SBUF_MAX(8192);

    sbuf_addf(&row, form == AUDIT_FORM_JSON ? "{\"seq\":%llu" : "%llu", (unsigned long long)o->seq);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct slice value = slice_of(texts[i].value);
        if (form == AUDIT_FORM_CSV)
            audit_csv_add(&row, false, value, true);
        else if (form == AUDIT_FORM_JSON && value.n) /* as it stands: its escapes are JSON's */
            sbuf_addf(&row, ",\"%s\":\"%s\"", texts[i].key, texts[i].value);
        else if (form == AUDIT_FORM_TEXT && value.n)
            sbuf_addf(&row, i == 0 ? " %.0s%s" : " %s=%s", texts[i].key, texts[i].value);
    }
    if (form == AUDIT_FORM_JSON)
        sbuf_addf(&row, ",\"count\":%u}\n", o->count);
    else if (form == AUDIT_FORM_CSV)
        sbuf_addf(&row, ",%u\r\n", o->count);
    else
        sbuf_adds(&row, o->count > 1 ? " (several tries)\n" : "\n");
    return sbuf_ok(&row) && fputs(row.p, stdout) >= 0;
}

static int print_all(const struct audit_pending *p, enum audit_form form)
{
    const struct audit_open **open_intents = audit_pending_list(p);
    bool ok = open_intents && print_head(form);

    for (size_t i = 0; ok && open_intents[i]; i++)
        ok = print_open(open_intents[i], form);
    if (ok && !open_intents[0] && form == AUDIT_FORM_TEXT)
        ok = printf("every intent has its outcome\n") > 0;
    free(open_intents);
    return ok ? AUDIT_EXIT_FINE : AUDIT_EXIT_USAGE;
}

int audit_cmd_pending(struct audit_options *o)
{
    struct audit_parts parts = AUDIT_PARTS_NONE;
    struct audit_pending *p = audit_pending_new(true);
    struct err e = { 0 };
    int code;

    if (!p)
        err_set(&e, ERR_MEMORY, "no memory for the open intents");
    if (!p || !audit_collect(&parts, o, &e)) {
        code = audit_cannot("audit", &e);
    } else {
        code = audit_walk(&parts, "audit", note_line, p);
        int printed = print_all(p, o->form);
        code = printed > code ? printed : code;
    }
    audit_pending_free(&p);
    audit_parts_drop(&parts);
    return code;
}
