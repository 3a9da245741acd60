/* easgate audit verify: is the log whole, and what does that not show? */
#include "app/cmd_audit.h"
#include "base/enc.h"
#include "edge/audit_verify.h"

static void print_note(void *ctx, const char *text)
{
    const struct audit_options *o = ctx;

    if (o->form != AUDIT_FORM_JSON)
        printf("note: %s\n", text);
}

static int print_json(const struct audit_verdict *v, bool ok, const struct err *e)
{
    SCOPED(sbuf) reason = SBUF_MAX(4096);

    enc_json_string(slice_of(e->text), &reason);
    printf(
        "{\"whole\":%s,\"records\":%llu,\"first_seq\":%llu,\"last_seq\":%llu,\"files\":%zu,\"last_t\":\"%s\","
        "\"last_hash\":\"%s\",\"reason\":%s}\n",
        ok ? "true" : "false", (unsigned long long)v->records, (unsigned long long)v->first_seq,
        (unsigned long long)v->last_seq, v->files, v->last_t, v->last_hash, reason.p);
    return ok ? AUDIT_EXIT_FINE : AUDIT_EXIT_FINDING;
}

static int print_verdict(const struct audit_verdict *v, bool ok, const struct err *e)
{
    if (!ok) {
        printf("broken: %s\n", e->text);
        return AUDIT_EXIT_FINDING;
    }
    printf("whole: %llu records, %llu to %llu, in %zu file%s\n", (unsigned long long)v->records,
           (unsigned long long)v->first_seq, (unsigned long long)v->last_seq, v->files,
           v->files == 1 ? "" : "s");
    printf("last record: %s %s\n", v->last_t, v->last_hash);
    if (v->first_seq > 1)
        printf("note: records 1 to %llu were not given\n", (unsigned long long)v->first_seq - 1);
    return AUDIT_EXIT_FINE;
}

int audit_cmd_verify(struct audit_options *o)
{
    struct audit_parts parts = AUDIT_PARTS_NONE;
    struct audit_verdict v;
    struct err e = { 0 };
    int code;

    if (!audit_collect(&parts, o, &e)) {
        code = audit_cannot(&e);
    } else {
        bool ok = audit_verify(&parts, print_note, o, &v, &e);
        if (!ok && e.code == ERR_IO)
            code = audit_cannot(&e);
        else
            code = o->form == AUDIT_FORM_JSON ? print_json(&v, ok, &e) : print_verdict(&v, ok, &e);
    }
    audit_parts_drop(&parts);
    return code;
}
