/* easgate audit show: the wanted records, a line each. */
#include "app/cmd_audit.h"

static bool show_line(void *ctx, const struct audit_line *line, struct slice text)
{
    struct audit_options *o = ctx;

    if (audit_filter_wants(&o->filter, line) && !audit_print_line(line, text, o->form))
        return false;
    return !audit_filter_is_full(&o->filter);
}

int audit_cmd_show(struct audit_options *o)
{
    struct audit_parts parts = AUDIT_PARTS_NONE;
    struct err e = { 0 };
    int code;

    if (!audit_collect(&parts, o, &e))
        code = audit_cannot("audit", &e);
    else if (o->form == AUDIT_FORM_CSV && !audit_print_csv_head())
        code = AUDIT_EXIT_USAGE;
    else
        code = audit_walk(&parts, "audit", show_line, o);
    audit_parts_drop(&parts);
    return code;
}
