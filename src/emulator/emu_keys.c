/* Access keys: see emu_keys.h. The file is trusted; what it says and we do not understand is still an error. */
#include "emulator/emu_keys.h"
#include <errno.h>

struct section {
    char *type, *id, *secret, *token;
    int line;
    bool open;
};

static char *copy(struct slice s)
{
    return strndup(s.p ? s.p : "", s.n);
}

bool emu_keys_add(struct emu_keys *k, struct slice id, struct slice secret, struct slice token, struct err *e)
{
    if (id.n == 0 || secret.n == 0)
        return err_set(e, ERR_MISSING, "a key needs access_key_id and access_key_secret");
    if (k->count == EMU_KEYS_MAX)
        return err_set(e, ERR_TOO_LONG, "more than %d keys", EMU_KEYS_MAX);
    struct emu_key key = { copy(id), copy(secret), token.n ? copy(token) : NULL };
    if (!key.id || !key.secret || (token.n && !key.token))
        return err_set(e, ERR_MEMORY, "no memory for a key");
    k->key[k->count++] = key;
    return true;
}

static void clear_section(struct section *s)
{
    free(s->type);
    free(s->id);
    free(s->secret);
    free(s->token);
    *s = (struct section){ 0 };
}

static bool end_section(struct emu_keys *k, struct section *s, const char *path, struct err *e)
{
    bool ok = true;

    if (s->open) {
        if (s->type && strcmp(s->type, "access_key") != 0 && strcmp(s->type, "sts") != 0)
            ok = err_set(e, ERR_UNKNOWN, "%s:%d: type must be access_key or sts", path, s->line);
        else
            ok = emu_keys_add(k, slice_of(s->id), slice_of(s->secret), slice_of(s->token), e);
    }
    clear_section(s);
    return ok;
}

static bool set_value(struct section *s, struct slice name, struct slice value)
{
    char **to = slice_eq(name, S("type"))                ? &s->type
                : slice_eq(name, S("access_key_id"))     ? &s->id
                : slice_eq(name, S("access_key_secret")) ? &s->secret
                : slice_eq(name, S("security_token"))    ? &s->token
                                                         : NULL;

    if (!to)
        return false;
    free(*to);
    *to = copy(value);
    return true;
}

static bool read_lines(struct emu_keys *k, FILE *f, const char *path, struct section *s, struct err *e)
{
    char buffer[4096];

    for (int line = 1; fgets(buffer, sizeof buffer, f); line++) {
        struct slice text = slice_of(buffer);
        while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
            text.n--;
        text = slice_trim(text);
        if (text.n == 0 || text.p[0] == ';' || text.p[0] == '#')
            continue;
        if (text.p[0] == '[') {
            if (!end_section(k, s, path, e))
                return false;
            s->open = true;
            s->line = line;
            continue;
        }
        size_t at = slice_find(text, '=');
        if (at == text.n || !s->open)
            return err_set(e, ERR_SYNTAX, "%s:%d: expected [section] or name = value", path, line);
        if (!set_value(s, slice_trim(slice_from(text.p, at)), slice_trim(slice_skip(text, at + 1))))
            return err_set(e, ERR_UNKNOWN, "%s:%d: unknown key", path, line);
    }
    return end_section(k, s, path, e);
}

bool emu_keys_load(struct emu_keys *k, const char *path, struct err *e)
{
    FILE *f = fopen(path, "re");
    struct section s = { 0 };

    if (!f)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    bool ok = read_lines(k, f, path, &s, e);
    clear_section(&s);
    fclose(f);
    if (ok && k->count == 0)
        return err_set(e, ERR_MISSING, "%s: no key in it", path);
    return ok;
}

const struct emu_key *emu_keys_find(const struct emu_keys *k, struct slice id)
{
    for (size_t i = 0; i < k->count; i++)
        if (slice_eq(slice_of(k->key[i].id), id))
            return &k->key[i];
    return NULL;
}

void emu_keys_drop(struct emu_keys *k)
{
    for (size_t i = 0; i < k->count; i++) {
        free(k->key[i].id);
        free(k->key[i].secret);
        free(k->key[i].token);
    }
    k->count = 0;
}
