/*
 * First pass of the loader: every section of the file into its struct, by the schema. What a section's values mean together is
 * not looked at here. A repeated section is checked like any other and then thrown away.
 */
#include "config/loading.h"

#define UPSTREAMS_MAX 1

/* How many sections of each kind the snapshot takes. */
static size_t count_sections(const struct loading *l, enum schema_kind kind)
{
    size_t n = 0;

    for (const struct ini_section *s = l->doc.sections; s; s = s->next)
        n += !s->is_repeated && schema_kind_of(s->kind) == kind;
    return n;
}

static bool make_room(struct loading *l)
{
    struct snapshot *s = l->snap;
    size_t upstreams = count_sections(l, SECTION_UPSTREAM),
           credentials = count_sections(l, SECTION_CREDENTIAL);
    size_t clients = count_sections(l, SECTION_CLIENT), policies = count_sections(l, SECTION_POLICY);

    s->upstreams = ARENA_ARRAY(l->arena, struct cfg_upstream, upstreams);
    s->credentials = ARENA_ARRAY(l->arena, struct cfg_credential, credentials);
    s->creds = ARENA_ARRAY(l->arena, struct cred *, credentials);
    s->clients = ARENA_ARRAY(l->arena, struct client, clients);
    s->policies = ARENA_ARRAY(l->arena, struct policy, policies);
    s->lines = ARENA_ARRAY(l->arena, unsigned, schema_row_count());
    return !arena_failed(l->arena);
}

static bool fill_client(struct loading *l, const struct ini_section *section, struct client *c)
{
    c->name = arena_dup(l->arena, section->name);
    c->file = l->reading.file;
    c->line = section->line;
    return schema_fill(&l->reading, SECTION_CLIENT, section, &c->cfg, NULL);
}

static bool fill_policy(struct loading *l, const struct ini_section *section, struct policy *p)
{
    p->name = arena_dup(l->arena, section->name);
    p->file = l->reading.file;
    p->line = section->line;
    return schema_fill(&l->reading, SECTION_POLICY, section, p, NULL);
}

static bool fill_credential(struct loading *l, const struct ini_section *section, struct cfg_credential *c)
{
    c->name = arena_dup(l->arena, section->name);
    c->line = section->line;
    return schema_fill(&l->reading, SECTION_CREDENTIAL, section, c, NULL);
}

static bool fill_upstream(struct loading *l, const struct ini_section *section)
{
    struct snapshot *s = l->snap;
    struct cfg_upstream *u = &s->upstreams[s->upstream_count];

    if (s->upstream_count == UPSTREAMS_MAX)
        problem_error(&l->problems, section->line, "second [upstream], expected exactly one in this version");
    s->upstream_count++;
    u->name = arena_dup(l->arena, section->name);
    return schema_fill(&l->reading, SECTION_UPSTREAM, section, u, s->upstream_count == 1 ? s->lines : NULL);
}

/* A repeated section: its values are checked, nothing keeps them. */
static bool fill_nothing(struct loading *l, enum schema_kind kind, const struct ini_section *section)
{
    void *base = arena_alloc(l->arena, schema_section_at(kind)->size);

    return base && schema_fill(&l->reading, kind, section, base, NULL);
}

static bool fill_section(struct loading *l, enum schema_kind kind, const struct ini_section *section)
{
    struct snapshot *s = l->snap;

    if (section->is_repeated)
        return fill_nothing(l, kind, section);
    switch (kind) {
    case SECTION_GATEWAY:
        return schema_fill(&l->reading, kind, section, &s->gateway, s->lines);
    case SECTION_AUDIT:
        return schema_fill(&l->reading, kind, section, &s->audit, s->lines);
    case SECTION_UPSTREAM:
        return fill_upstream(l, section);
    case SECTION_CREDENTIAL:
        return fill_credential(l, section, &s->credentials[s->cred_count++]);
    case SECTION_CLIENT:
        return fill_client(l, section, &s->clients[s->client_count++]);
    case SECTION_POLICY:
        return fill_policy(l, section, &s->policies[s->policy_count++]);
    case SECTION_NONE:
    case SECTION_COUNT_:
        break;
    }
    return true;
}

/* Is the head of a section as its kind wants it? */
static bool check_head(struct loading *l, enum schema_kind kind, const struct ini_section *section)
{
    struct problems *p = &l->problems;

    if (kind == SECTION_NONE) {
        const char *near = schema_suggest(SECTION_NONE, section->kind);
        problem_error(p, section->line, "unknown section [%.*s], %s %s", SLICE_FMT(section->kind),
                      near ? "did you mean" : "expected one of:",
                      near ? near : "gateway, upstream, credential, audit, client, policy");
        return false;
    }
    const struct schema_section *row = schema_section_at(kind);
    if (row->has_name && section->name.n == 0)
        problem_error(p, section->line, "[%s] has no name, expected [%s NAME]", row->name, row->name);
    else if (!row->has_name && section->name.n)
        problem_error(p, section->line, "[%s %.*s] has a name, expected [%s]", row->name,
                      SLICE_FMT(section->name), row->name);
    return row->has_name == (section->name.n > 0);
}

static void check_missing(struct loading *l)
{
    for (enum schema_kind kind = SECTION_NONE + 1; kind < SECTION_COUNT_; kind++) {
        const struct schema_section *row = schema_section_at(kind);
        if (count_sections(l, kind) == 0)
            problem_error(&l->problems, l->doc.line_count, "there is no [%s%s]%s", row->name,
                          row->has_name ? " NAME" : "", row->has_name ? ", expected at least one" : "");
    }
}

bool loading_fill_sections(struct loading *l)
{
    if (!make_room(l))
        return false;
    for (const struct ini_section *section = l->doc.sections; section; section = section->next) {
        enum schema_kind kind = schema_kind_of(section->kind);
        if (problems_are_many(&l->problems))
            break;
        if (check_head(l, kind, section) && !fill_section(l, kind, section))
            return false;
    }
    check_missing(l);
    return !arena_failed(l->arena);
}
