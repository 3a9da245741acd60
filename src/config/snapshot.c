/*
 * From a file to an immutable snapshot: see snapshot.h. The passes of the loader stand here in their order. All or nothing:
 * one error anywhere and there is no snapshot. Must never touch anything of the running process.
 */
#include "config/snapshot.h"
#include "base/digest.h"
#include "base/must.h"
#include "config/loading.h"
#include "config/textfile.h"

#define FILE_MAX_BYTES   (16 * 1024 * 1024) /* 1,000 clients with policies of 200 lines are 7 */
#define ERRORS_MAX_BYTES (256 * 1024)
#define TOKEN_MAX_BYTES  512

void config_errors_drop(struct config_errors *e)
{
    sbuf_drop(&e->text);
    e->count = 0;
}

/* ---- loading ---- */

/* The first end of any value, so that it is known whether there is one at all. */
static int64_t first_end(const struct snapshot *s)
{
    int64_t first_s = 0;

    for (size_t i = 0; i < s->policy_count; i++)
        for (enum bound b = BOUND_NONE + 1; b < BOUND_COUNT_; b++)
            for (size_t k = 0; k < s->policies[i].bound[b].count; k++) {
                int64_t until_s = s->policies[i].bound[b].at[k].until_s;
                if (until_s && (first_s == 0 || until_s < first_s))
                    first_s = until_s;
            }
    return first_s;
}

static bool run_passes(struct loading *l, struct slice text)
{
    static bool (*const passes[])(struct loading *) = {
        loading_fill_sections, loading_read_credentials, loading_link,           loading_make_hosts,
        loading_check_gateway, loading_check_audit,      loading_check_policies,
    };

    if (!ini_read(text, l->arena, &l->problems, &l->doc))
        return false;
    for (size_t i = 0; i < sizeof passes / sizeof passes[0]; i++)
        if (!passes[i](l))
            return false;
    l->snap->next_end_s = first_end(l->snap);
    return digest_sha256_hex(text, l->snap->digest) && !arena_failed(l->arena);
}

static bool keep_warnings(struct loading *l)
{
    SCOPED(sbuf) text = SBUF_MAX(ERRORS_MAX_BYTES);

    problems_print(&l->problems, true, &text);
    l->snap->warnings = arena_str(l->arena, sbuf_slice(&text));
    l->snap->warning_count = l->problems.warning_count;
    return sbuf_ok(&text) && l->snap->warnings;
}

static struct snapshot *snapshot_new(const char *path, struct loading *l)
{
    struct slice whole = slice_of(path);
    size_t directory = whole.n;
    struct snapshot *s;

    l->arena = arena_new(SNAPSHOT_ARENA_MAX_BYTES);
    if (!l->arena)
        return NULL;
    while (directory && path[directory - 1] != '/')
        directory--;
    s = ARENA_NEW(l->arena, struct snapshot);
    const char *copy = arena_str(l->arena, whole);
    if (!s || !copy) {
        arena_free(&l->arena);
        return NULL;
    }
    *s = (struct snapshot){ .refs = 1, .generation = 1, .path = copy, .arena = l->arena };
    l->snap = s;
    l->problems.file = copy;
    l->reading = (struct schema_reading){ copy, slice_from(copy, directory), l->arena, &l->problems };
    return s;
}

static void give_errors(const struct problems *p, struct config_errors *out)
{
    if (out->text.max == 0)
        out->text = SBUF_MAX(ERRORS_MAX_BYTES);
    problems_print(p, false, &out->text);
    out->count += p->error_count;
}

struct snapshot *snapshot_load_text(const char *path, struct slice text, bool read_credentials,
                                    struct config_errors *errors)
{
    struct loading l = { .read_credentials = read_credentials };
    struct snapshot *s = snapshot_new(path, &l);
    struct problems no_memory = { .file = path };

    if (s && run_passes(&l, text) && l.problems.error_count == 0 && keep_warnings(&l)) {
        problems_drop(&l.problems);
        return s;
    }
    if (l.problems.error_count == 0)
        problem_error(s ? &l.problems : &no_memory, 1, "out of memory, or larger than can be loaded");
    give_errors(s ? &l.problems : &no_memory, errors);
    problems_drop(&l.problems);
    problems_drop(&no_memory);
    snapshot_unref(&s);
    return NULL;
}

struct snapshot *snapshot_load(const char *path, bool read_credentials, struct config_errors *errors)
{
    SCOPED(sbuf) text = SBUF_MAX(FILE_MAX_BYTES);
    struct err e = { 0 };

    if (textfile_read(path, TEXTFILE_CONFIG, &text, &e))
        return snapshot_load_text(path, sbuf_slice(&text), read_credentials, errors);
    struct problems p = { .file = path };
    problem_error(&p, 1, "the file %s", e.text);
    give_errors(&p, errors);
    problems_drop(&p);
    return NULL;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
    MUST(s->refs > 0);
    s->refs++;
    return s;
}

void snapshot_unref(struct snapshot **s)
{
    struct snapshot *gone = *s;

    *s = NULL;
    if (!gone)
        return;
    MUST(gone->refs > 0);
    if (--gone->refs)
        return;
    for (size_t i = 0; !gone->whole && i < gone->cred_count; i++)
        cred_unref(&gone->creds[i]);
    snapshot_unref(&gone->whole);
    map_free(&gone->tokens);
    map_free(&gone->clients_by_name);
    struct arena *arena = gone->arena; /* the snapshot itself lives in it */
    arena_free(&arena);
}

/* ---- looking up ---- */

const struct client *snapshot_client_of_token(const struct snapshot *s, struct slice token,
                                              const struct token **out_token)
{
    unsigned char digest[DIGEST_BYTES];

    if (out_token)
        *out_token = NULL;
    if (token.n == 0 || token.n > TOKEN_MAX_BYTES || !digest_sha256(token, digest))
        return NULL;
    const struct token *t = map_get(s->tokens, slice_from(digest, sizeof digest));
    if (!t || !secret_eq(t->digest, digest, sizeof digest))
        return NULL;
    if (out_token)
        *out_token = t;
    return t->client;
}

/* host without a port of 1 to 5 digits behind it. */
static struct slice without_port(struct slice host)
{
    size_t n = host.n;

    while (n && host.n - n < 5 && ascii_is_digit(host.p[n - 1]))
        n--;
    return n && n < host.n && host.p[n - 1] == ':' ? slice_from(host.p, n - 1) : host;
}

bool snapshot_has_host(const struct snapshot *s, struct slice host)
{
    for (size_t i = 0; i < s->host_count; i++)
        if (slice_eq_nocase(host, s->hosts[i]))
            return true;
    for (size_t i = 0; i < s->any_port_host_count; i++)
        if (slice_eq_nocase(without_port(host), s->any_port_hosts[i]))
            return true;
    return false;
}

const struct client *snapshot_client_by_name(const struct snapshot *s, struct slice name)
{
    return map_get(s->clients_by_name, name);
}
