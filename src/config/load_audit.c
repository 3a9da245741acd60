/*
 * What is wrong with [audit] as a whole, and what a person should know who relies on its log: a setting that is allowed but
 * promises less is a warning.
 */
#include "config/loading.h"
#include "config/address.h"

static const struct ini_section *section_of(const struct loading *l)
{
    for (const struct ini_section *s = l->doc.sections; s; s = s->next)
        if (!s->is_repeated && schema_kind_of(s->kind) == SECTION_AUDIT)
            return s;
    return NULL;
}

static unsigned line_of(const struct ini_section *s, struct slice key)
{
    const struct ini_item *item = ini_section_item(s, key);

    return item ? item->line : s->line;
}

/* Two of its files that are one would destroy each other. */
static void check_files(struct loading *l, const struct ini_section *s)
{
    const struct cfg_audit *a = &l->snap->audit;
    const struct {
        struct slice key, path;
    } files[] = { { S("path"), a->path },
                  { S("key_file"), a->key_file },
                  { S("checkpoint_key"), a->checkpoint_key },
                  { S("checkpoint_file"), a->checkpoint_file } };

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (size_t k = 0; k < i; k++)
            if (files[i].path.n && slice_eq(files[i].path, files[k].path))
                problem_error(&l->problems, line_of(s, files[i].key),
                              "%.*s of [audit] is the file of %.*s, too: expected another one",
                              SLICE_FMT(files[i].key), SLICE_FMT(files[k].key));
}

static void warn(struct loading *l, const struct ini_section *s)
{
    const struct cfg_audit *a = &l->snap->audit;

    if (!a->key_file.n)
        problem_warning(&l->problems, s->line,
                        "[audit] has no key_file (`easgate audit init` makes one): who can write the log can "
                        "write all of it anew, and only checkpoints kept elsewhere show that");
    if (a->durability == AUDIT_WRITTEN)
        problem_warning(&l->problems, line_of(s, S("durability")),
                        "durability = written: records of the last seconds do not survive a power cut or a "
                        "crash of the system, though their requests were sent");
}

static void check_syslog(struct loading *l, const struct ini_section *s)
{
    const struct cfg_audit *a = &l->snap->audit;
    struct syslog_place place = { 0 };

    if (a->syslog.n && !address_parse_syslog(a->syslog, &place, NULL))
        return; /* its error is known already */
    if (a->syslog_ca.n && place.kind != SYSLOG_TLS)
        problem_error(
            &l->problems, line_of(s, S("syslog_ca")),
            "syslog_ca of [audit] is set, but syslog is not tls:HOST:PORT: expected both or neither");
    if (place.kind == SYSLOG_TCP && !place.is_loopback)
        problem_warning(
            &l->problems, line_of(s, S("syslog")),
            "syslog of [audit] is tcp: the audit records cross the network readable, and anyone on "
            "the way can change them (tls:HOST:PORT does not)");
}

bool loading_check_audit(struct loading *l)
{
    const struct ini_section *s = section_of(l);

    if (s) {
        check_files(l, s);
        check_syslog(l, s);
        warn(l, s);
    }
    return true;
}
