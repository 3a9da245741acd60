/* The table of explain: see explain_table.h. Must never print a control character, whoever sent the text. */
#include "app/explain_table.h"
#include "base/enc.h"
#include <stdio.h>

static void print_text(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        putchar((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f ? '?' : text.p[i]);
}

static void print_row(const char *name, const char *before, struct slice text)
{
    if (!text.n)
        return;
    printf("%-10s %s", name, before);
    print_text(text);
    putchar('\n');
}

static void print_verdict(const struct explain_table *t)
{
    if (t->code.n) {
        fputs("verdict    refused: ", stdout);
        print_text(t->code);
        printf(" (status %lld)\n", (long long)t->status);
    } else if (t->needs_state) {
        fputs("verdict    depends on the service's present state, which easgate would look up at EAS first;\n"
              "           state it with --now, or --spec-now and --replicas-now\n",
              stdout);
    } else {
        puts("verdict    allowed");
    }
}

/* The numbers that the peak is made of. */
static void print_after(const struct explain_table *t)
{
    print_row("spec", "", t->spec);
    printf("replicas   %lld at most without another call (%lld now)\n", (long long)t->peak,
           (long long)t->peak_now);
    printf("made of    %lld stated or kept", (long long)t->replicas);
    print_text(t->parts);
    putchar('\n');
    if (t->has_gpus)
        printf("GPUs       %lld for each replica\n", (long long)t->gpus);
}

static void print_need(const char *key, const char *option)
{
    printf("also       %s counts, too, by what EAS lists of the team when the request comes; state it with "
           "%s\n",
           key, option);
}

static void print_rows(const struct explain_table *t)
{
    print_row("operation", "", t->operation);
    print_verdict(t);
    print_row("why", "", t->message);
    print_row("rule", "", t->rule);
    print_row("asked", "", t->asked);
    print_row("allowed", "", t->allowed);
    if (t->has_after)
        print_after(t);
    if (t->reported.n) {
        fputs("reported   ", stdout);
        print_text(t->reported);
        fputs(": ", stdout);
        print_text(t->reported_message);
        putchar('\n');
    }
    print_row("fills in", "WorkspaceId=", t->workspace);
    print_row("fills in", "QuotaId=", t->quota);
    if (t->needs_replicas)
        print_need("max_total_replicas", "--sum-now");
    if (t->needs_gpus)
        print_need("max_total_gpus", "--gpus-sum-now");
}

/* ---- JSON ---- */

static void add_member(struct sbuf *out, const char *name, struct slice value)
{
    if (!value.n)
        return;
    sbuf_addf(out, ",\"%s\":", name);
    enc_json_string(value, out);
}

static void print_json(const struct explain_table *t)
{
    SCOPED(sbuf) out = SBUF_MAX(65536);

    sbuf_addf(&out, "{\"verdict\":\"%s\"",
              t->code.n        ? "refused"
              : t->needs_state ? "needs-state"
                               : "allowed");
    add_member(&out, "operation", t->operation);
    add_member(&out, "code", t->code);
    add_member(&out, "message", t->message);
    add_member(&out, "asked", t->asked);
    add_member(&out, "allowed", t->allowed);
    add_member(&out, "rule", t->rule);
    if (t->code.n)
        sbuf_addf(&out, ",\"status\":%lld", (long long)t->status);
    if (t->has_after) {
        add_member(&out, "spec", t->spec);
        sbuf_addf(&out, ",\"replicas\":%lld,\"replicas_now\":%lld", (long long)t->peak,
                  (long long)t->peak_now);
    }
    add_member(&out, "would_deny", t->reported);
    add_member(&out, "would_deny_message", t->reported_message);
    add_member(&out, "fill_workspace", t->workspace);
    add_member(&out, "fill_quota", t->quota);
    if (t->needs_replicas || t->needs_gpus)
        sbuf_addf(&out, ",\"not_judged\":[%s%s%s]", t->needs_replicas ? "\"max_total_replicas\"" : "",
                  t->needs_replicas && t->needs_gpus ? "," : "", t->needs_gpus ? "\"max_total_gpus\"" : "");
    sbuf_adds(&out, "}\n");
    fputs(sbuf_ok(&out) ? out.p : "", stdout);
}

void explain_table_print(const struct explain_table *t, bool as_json)
{
    if (as_json)
        print_json(t);
    else
        print_rows(t);
}
