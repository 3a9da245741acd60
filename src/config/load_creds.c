/*
 * The credentials files: read whole into one buffer that is wiped, parsed by core/cred.c into locked pages. No text of a file
 * ever goes into a problem.
 */
#include "config/loading.h"
#include "config/textfile.h"

#define CREDENTIALS_MAX_BYTES 65536

static struct cred *parse(const struct cfg_credential *c, struct slice text, struct err *e)
{
    struct cred *cred = cred_parse_ini(c->name, c->path.p, text, c->profile.text, e);
    bool is_sts = cred && cred->security_token;

    if (cred && is_sts != (c->type == CREDENTIAL_STS)) {
        err_set(e, ERR_CONFLICT, "[%.*s] has type = %s, expected that of this section",
                SLICE_FMT(c->profile.text), is_sts ? "sts" : "access_key");
        cred_unref(&cred);
    }
    return cred;
}

static struct cred *read_one(const struct cfg_credential *c, struct err *e)
{
    SCOPED(sbuf) text = SBUF_MAX(CREDENTIALS_MAX_BYTES);
    struct cred *cred = NULL;

    if (textfile_read(c->path.p, TEXTFILE_SECRET, &text, e))
        cred = parse(c, sbuf_slice(&text), e);
    if (text.p)
        secret_wipe(text.p, text.cap);
    return cred;
}

static unsigned file_line(const struct loading *l, const struct cfg_credential *c)
{
    for (const struct ini_section *s = l->doc.sections; s; s = s->next) {
        const struct ini_item *item = s->line == c->line ? ini_section_item(s, S("file")) : NULL;
        if (item)
            return item->line;
    }
    return c->line;
}

bool loading_read_credentials(struct loading *l)
{
    struct snapshot *s = l->snap;

    for (size_t i = 0; l->read_credentials && i < s->cred_count; i++) {
        const struct cfg_credential *c = &s->credentials[i];
        struct err e = { 0 };
        if (!c->path.n || !c->profile.text.n || c->type == 0)
            continue; /* its error is known already */
        s->creds[i] = read_one(c, &e);
        if (!s->creds[i])
            problem_error(&l->problems, file_line(l, c), "file of [credential %.*s]: %.*s %s",
                          SLICE_FMT(c->name), SLICE_FMT(c->path), e.text);
    }
    return true;
}
