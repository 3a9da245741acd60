/*
 * Credentials: see cred.h. The INI reader is closed: what it does not know is an error with file:line, and no error repeats
 * a value or an unknown key (either could be a misplaced secret). Values go from the caller's text into locked pages only.
 */
#include "core/cred.h"
#include "base/must.h"
#include <stdlib.h>
#include <string.h>

#define ID_MAX_BYTES     128
#define SECRET_MAX_BYTES 256
#define TOKEN_MAX_BYTES  8192 /* the document names no limit; tokens of some 2 KB are seen */

/* A credential and the copies of its two plain texts, in one piece of memory. */
struct cred_block {
    struct cred cred;
    char texts[];
};

static struct slice put_text(char **at, struct slice from)
{
    struct slice copy = slice_from(*at, from.n);

    if (from.n)
        memcpy(*at, from.p, from.n);
    *at += from.n + 1;
    return copy;
}

struct cred *cred_new(struct slice name, struct slice access_key_id, struct slice access_key_secret,
                      struct slice security_token, struct err *e)
{
    struct cred_block *block = calloc(1, sizeof *block + name.n + access_key_id.n + 2);

    if (!block) {
        err_set(e, ERR_MEMORY, "no memory for a credential");
        return NULL;
    }
    struct cred *c = &block->cred;
    char *at = block->texts;
    c->refs = 1;
    c->name = put_text(&at, name);
    c->access_key_id = put_text(&at, access_key_id);
    c->access_key_secret = secret_new(access_key_secret.p, access_key_secret.n);
    if (security_token.n)
        c->security_token = secret_new(security_token.p, security_token.n);
    if (!c->access_key_secret || (security_token.n && !c->security_token)) {
        err_set(e, ERR_MEMORY, "no protected memory for a credential");
        cred_unref(&c);
    }
    return c;
}

struct cred *cred_ref(struct cred *c)
{
    MUST(c->refs > 0);
    c->refs++;
    return c;
}

void cred_unref(struct cred **c)
{
    struct cred *gone = *c;

    *c = NULL;
    if (!gone)
        return;
    MUST(gone->refs > 0);
    if (--gone->refs)
        return;
    secret_free(&gone->access_key_secret);
    secret_free(&gone->security_token);
    free(gone); /* the first member of its block */
}

/* ---- the INI file ---- */

enum key { KEY_TYPE, KEY_ID, KEY_SECRET, KEY_TOKEN, KEY_COUNT_ };

static const struct {
    struct slice name;
    size_t max_bytes;
} keys[KEY_COUNT_] = {
    [KEY_TYPE] = { S_INIT("type"), 32 },
    [KEY_ID] = { S_INIT("access_key_id"), ID_MAX_BYTES },
    [KEY_SECRET] = { S_INIT("access_key_secret"), SECRET_MAX_BYTES },
    [KEY_TOKEN] = { S_INIT("security_token"), TOKEN_MAX_BYTES },
};

struct reader {
    const char *file;
    int line;
    struct slice profile;
    bool in_section, in_profile, found;
    int profile_line;
    struct slice values[KEY_COUNT_]; /* of the profile; views into the text */
    struct err *e;
};

static bool fail(struct reader *r, const char *what)
{
    return err_set(r->e, ERR_SYNTAX, "%s:%d: %s", r->file, r->line, what);
}

static bool is_name(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alnum(s.p[i]) && s.p[i] != '_' && s.p[i] != '-' && s.p[i] != '.')
            return false;
    return s.n > 0 && s.n <= 64;
}

static bool read_section(struct reader *r, struct slice line)
{
    struct slice name = slice_from(line.p + 1, line.n - 1);

    if (name.n == 0 || name.p[name.n - 1] != ']')
        return fail(r, "a section is written [NAME], alone on its line");
    name.n--;
    if (!is_name(name))
        return fail(r, "a section's name is 1 to 64 letters, digits, '_', '-' or '.'");
    r->in_section = true;
    r->in_profile = slice_eq(name, r->profile);
    if (!r->in_profile)
        return true;
    if (r->found)
        return fail(r, "this section stands in the file twice");
    r->found = true;
    r->profile_line = r->line;
    return true;
}

/* Quotes, comments behind a value and blanks within it are read in different ways by different programs: refused. */
static bool is_plain_value(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || strchr("\"'`;#\\", s.p[i]))
            return false;
    return s.n > 0;
}

static bool keep_value(struct reader *r, struct slice key, struct slice value)
{
    for (size_t k = 0; k < KEY_COUNT_; k++) {
        if (!slice_eq(key, keys[k].name))
            continue;
        if (r->values[k].p)
            return err_set(r->e, ERR_CONFLICT, "%s:%d: %s is set twice", r->file, r->line, keys[k].name.p);
        if (!is_plain_value(value))
            return err_set(
                r->e, ERR_SYNTAX,
                "%s:%d: the value of %s is empty or has a blank, a quote, ';', '#' or another character that "
                "is not expected (comments stand on lines of their own)",
                r->file, r->line, keys[k].name.p);
        if (value.n > keys[k].max_bytes)
            return err_set(r->e, ERR_TOO_LONG, "%s:%d: the value of %s is longer than %zu bytes", r->file,
                           r->line, keys[k].name.p, keys[k].max_bytes);
        r->values[k] = value;
        return true;
    }
    return err_set(r->e, ERR_UNKNOWN,
                   "%s:%d: unknown key; expected type, access_key_id, access_key_secret or security_token",
                   r->file, r->line);
}

static bool read_line(struct reader *r, struct slice line)
{
    for (size_t i = 0; i < line.n; i++)
        if (((unsigned char)line.p[i] < 0x20 && line.p[i] != '\t') || line.p[i] == 0x7f)
            return fail(r, "a control character (lines end in LF alone)");
    if (slice_trim(line).n == 0 || line.p[0] == '#' || line.p[0] == ';')
        return true;
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return fail(r, "a line must not begin with a blank");
    if (line.p[0] == '[')
        return read_section(r, slice_trim(line));
    size_t at = slice_find(line, '=');
    if (at == line.n)
        return fail(r, "expected KEY = VALUE, [SECTION] or a comment");
    struct slice key = slice_trim(slice_from(line.p, at));
    if (!is_name(key))
        return fail(r, "a key is 1 to 64 letters, digits, '_', '-' or '.'");
    if (!r->in_section)
        return fail(r, "a key before the first section");
    return !r->in_profile || keep_value(r, key, slice_trim(slice_skip(line, at + 1)));
}

/* The type decides which keys must be there and which must not. */
static bool check_profile(struct reader *r)
{
    bool is_sts = slice_eq(r->values[KEY_TYPE], S("sts"));

    r->line = r->profile_line;
    if (!r->values[KEY_TYPE].p)
        return err_set(r->e, ERR_MISSING, "%s:%d: type is missing; expected type = access_key or type = sts",
                       r->file, r->line);
    if (!is_sts && !slice_eq(r->values[KEY_TYPE], S("access_key")))
        return err_set(r->e, ERR_UNKNOWN, "%s:%d: this type is not known; expected access_key or sts",
                       r->file, r->line);
    for (size_t k = KEY_ID; k < KEY_COUNT_; k++) {
        bool wanted = k != KEY_TOKEN || is_sts;
        if (wanted && !r->values[k].p)
            return err_set(r->e, ERR_MISSING, "%s:%d: %s is missing", r->file, r->line, keys[k].name.p);
        if (!wanted && r->values[k].p)
            return err_set(r->e, ERR_CONFLICT, "%s:%d: %s needs type = sts", r->file, r->line,
                           keys[k].name.p);
    }
    return true;
}

struct cred *cred_parse_ini(struct slice name, const char *file, struct slice text, struct slice profile,
                            struct err *e)
{
    struct reader r = { .file = file, .profile = profile, .e = e };
    struct slice rest = text, line;

    while (slice_split(&rest, '\n', &line)) {
        r.line++;
        if (!read_line(&r, line))
            return NULL;
    }
    if (!r.found) {
        err_set(e, ERR_MISSING, "%s: there is no section [%.*s]", file, SLICE_FMT(profile));
        return NULL;
    }
    if (!check_profile(&r))
        return NULL;
    return cred_new(name, r.values[KEY_ID], r.values[KEY_SECRET], r.values[KEY_TOKEN], e);
}
