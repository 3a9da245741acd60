/*
 * What is wrong with [audit] as a whole, and what a person should know who relies on its log: a setting that is allowed but
 * promises less is a warning. Nothing of a secret ever goes into a problem.
 */
#include "config/loading.h"
#include "config/address.h"
#include "config/textfile.h"
#include "core/audit_end.h"

#define KEY_MAX_BYTES 4096

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

/* Can this secret be read, and is it an audit key, if it has to be one? */
static bool is_good_secret(struct slice path, bool is_audit_key, struct err *e)
{
    SCOPED(sbuf) text = SBUF_MAX(KEY_MAX_BYTES);
    struct audit_key key = { 0 };
    struct audit_end end;
    bool ok = textfile_read(path.p, TEXTFILE_SECRET, &text, e) &&
              (!is_audit_key || audit_state_parse(&key, &end, sbuf_slice(&text), e));

    audit_key_drop(&key);
    if (text.p)
        secret_wipe(text.p, text.cap);
    return ok;
}

/* What the start would stumble over. */
static void check_secrets(struct loading *l, const struct ini_section *s)
{
    const struct cfg_audit *a = &l->snap->audit;
    const struct {
        struct slice key, path;
        bool is_audit_key;
        const char *maker;
    } secrets[] = { { S("key_file"), a->key_file, true, "`easgate audit init` makes it" },
                    { S("checkpoint_key"), a->checkpoint_key, false,
                      "`openssl genpkey -algorithm ed25519` makes one" } };

    for (size_t i = 0; l->read_credentials && i < sizeof secrets / sizeof *secrets; i++) {
        struct err e = { 0 };
        if (secrets[i].path.n && !is_good_secret(secrets[i].path, secrets[i].is_audit_key, &e))
            problem_error(&l->problems, line_of(s, secrets[i].key), "%.*s of [audit]: %.*s %s (%s)",
                          SLICE_FMT(secrets[i].key), SLICE_FMT(secrets[i].path), e.text, secrets[i].maker);
    }
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
        check_secrets(l, s);
        warn(l, s);
    }
    return true;
}
