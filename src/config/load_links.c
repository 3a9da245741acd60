/*
 * Second pass of the loader: names become pointers, digests become a map, the endpoint becomes a host and a port. A name that
 * names nothing, and a thing that nothing names, are errors.
 */
#include "config/loading.h"
#include "base/digest.h"
#include "base/enc.h"
#include "config/address.h"
#include "core/endpoint.h"

#define CLOUD_SUFFIX  ".aliyuncs.com"
#define TOKEN_ID_TEXT "easgate-token-id"

/* ---- upstream ---- */

static unsigned upstream_line(const struct loading *l, struct slice key)
{
    for (const struct ini_section *s = l->doc.sections; s; s = s->next) {
        const struct ini_item *item =
            schema_kind_of(s->kind) == SECTION_UPSTREAM ? ini_section_item(s, key) : NULL;
        if (item)
            return item->line;
    }
    return 1;
}

static void check_endpoint(struct loading *l, const struct cfg_upstream *u)
{
    if (u->endpoint.n && !u->test_endpoint && !slice_ends(u->host, S(CLOUD_SUFFIX)))
        problem_error(&l->problems, upstream_line(l, S("endpoint")),
                      "endpoint of [upstream %.*s] is \"%.*s\": expected a host that ends in " CLOUD_SUFFIX
                      " (or test_endpoint = yes, for tests)",
                      SLICE_FMT(u->name), SLICE_FMT(u->endpoint));
    if (!u->endpoint.n && u->test_endpoint)
        problem_error(&l->problems, upstream_line(l, S("test_endpoint")),
                      "test_endpoint of [upstream %.*s] is set without endpoint, expected both or neither",
                      SLICE_FMT(u->name));
    if (u->connect_timeout_ms > u->timeout_ms)
        problem_error(
            &l->problems, upstream_line(l, S("connect_timeout")),
            "connect_timeout of [upstream %.*s] is longer than its timeout, so it can never be reached",
            SLICE_FMT(u->name));
}

static bool link_upstream(struct loading *l, struct cfg_upstream *u)
{
    struct slice text = u->endpoint.n ? u->endpoint : endpoint_of_region(u->region);
    uint16_t port = 443;
    bool has_port = false;

    if (!text.n || !address_parse_host(text, &u->host, &port, &has_port, NULL))
        return true; /* its error is known already */
    bool is_v6 = text.p[0] == '[';
    u->port = has_port ? port : 443;
    const char *host =
        arena_printf(l->arena, "%s%.*s%s", is_v6 ? "[" : "", SLICE_FMT(u->host), is_v6 ? "]" : "");
    if (!host)
        return false;
    u->host_header =
        slice_of(u->port == 443 ? host : arena_printf(l->arena, "%s:%u", host, (unsigned)u->port));
    check_endpoint(l, u);
    return !arena_failed(l->arena);
}

/* ---- clients ---- */

/* A map from name to the index of a section plus one, since a map holds no NULL. */
static struct map *map_names(const struct loading *l, bool of_policies)
{
    const struct snapshot *s = l->snap;
    struct map *m = map_new();
    size_t count = of_policies ? s->policy_count : s->cred_count;

    for (size_t i = 0; m && i < count; i++) {
        bool ok = of_policies ? map_put(m, s->policies[i].name, &s->policies[i])
                              : map_put(m, s->credentials[i].name, &s->credentials[i]);
        if (!ok)
            map_free(&m);
    }
    return m;
}

static const struct policy *find_policy(struct loading *l, const struct map *policies, const struct client *c)
{
    const struct policy *policy = c->cfg.policy.text.n ? map_get(policies, c->cfg.policy.text) : NULL;

    if (!policy && c->cfg.policy.text.n)
        problem_error(&l->problems, c->cfg.policy.line,
                      "policy of [client %.*s] is \"%.*s\": there is no [policy %.*s]", SLICE_FMT(c->name),
                      SLICE_FMT(c->cfg.policy.text), SLICE_FMT(c->cfg.policy.text));
    return policy;
}

static const struct cfg_credential *find_credential(struct loading *l, const struct map *credentials,
                                                    const struct client *c)
{
    const struct rule *wanted = &c->cfg.credential;
    const struct cfg_credential *found = map_get(credentials, wanted->text.n ? wanted->text : S("main"));

    if (!wanted->text.n && !found && l->snap->cred_count == 1)
        return &l->snap->credentials[0];
    if (!found && wanted->text.n)
        problem_error(&l->problems, wanted->line,
                      "credential of [client %.*s] is \"%.*s\": there is no [credential %.*s]",
                      SLICE_FMT(c->name), SLICE_FMT(wanted->text), SLICE_FMT(wanted->text));
    else if (!found && l->snap->cred_count > 1)
        problem_error(&l->problems, c->line,
                      "[client %.*s] has no credential, expected credential = NAME, since there are several "
                      "and none is "
                      "named main",
                      SLICE_FMT(c->name));
    return found;
}

/* 16 hex digits that name the token in records. Not the digest's own, so that records give nothing to look tokens up by. */
static bool name_token(struct token *t)
{
    char text[sizeof TOKEN_ID_TEXT - 1 + sizeof t->digest], hex[DIGEST_HEX_BYTES];

    memcpy(text, TOKEN_ID_TEXT, sizeof TOKEN_ID_TEXT - 1);
    memcpy(text + sizeof TOKEN_ID_TEXT - 1, t->digest, sizeof t->digest);
    if (!digest_sha256_hex(slice_from(text, sizeof text), hex))
        return false;
    memcpy(t->id, hex, sizeof t->id - 1);
    return true;
}

static bool link_token(struct loading *l, const struct client *c, const struct rule *rule)
{
    struct token *t = ARENA_NEW(l->arena, struct token);

    if (!t || !enc_unhex(rule->text, t->digest, sizeof t->digest) || !name_token(t))
        return false;
    t->client = c;
    struct slice digest = slice_from(t->digest, sizeof t->digest);
    const struct token *first = map_get(l->snap->tokens, digest);
    if (first) {
        problem_error(
            &l->problems, rule->line,
            "token_sha256 of [client %.*s] is that of [client %.*s], too: expected a token of its own",
            SLICE_FMT(c->name), SLICE_FMT(first->client->name));
        return true;
    }
    return map_put(l->snap->tokens, digest, t);
}

struct links {
    const struct map *policies, *credentials;
    bool *policy_used, *credential_used;
};

static bool link_client(struct loading *l, const struct links *links, struct client *c)
{
    struct snapshot *s = l->snap;
    const struct cfg_credential *credential = find_credential(l, links->credentials, c);

    c->policy = find_policy(l, links->policies, c);
    if (c->policy)
        links->policy_used[c->policy - s->policies] = true;
    if (credential)
        links->credential_used[credential - s->credentials] = true;
    if (credential)
        c->cred = s->creds[credential - s->credentials];
    for (size_t i = 0; i < c->cfg.token_sha256.count; i++)
        if (!link_token(l, c, &c->cfg.token_sha256.at[i]))
            return false;
    return map_put(s->clients_by_name, c->name, c);
}

static void check_used(struct loading *l, const struct links *links)
{
    const struct snapshot *s = l->snap;

    for (size_t i = 0; i < s->policy_count; i++)
        if (!links->policy_used[i])
            problem_error(&l->problems, s->policies[i].line,
                          "[policy %.*s] can never match: no client names it, expected policy = %.*s in a "
                          "[client NAME]",
                          SLICE_FMT(s->policies[i].name), SLICE_FMT(s->policies[i].name));
    for (size_t i = 0; i < s->cred_count; i++)
        if (!links->credential_used[i])
            problem_error(
                &l->problems, s->credentials[i].line,
                "[credential %.*s] is never used: no client names it, expected credential = %.*s in a "
                "[client NAME]",
                SLICE_FMT(s->credentials[i].name), SLICE_FMT(s->credentials[i].name));
}

static bool link_clients(struct loading *l, const struct links *links)
{
    struct snapshot *s = l->snap;
    bool is_whole = l->problems.error_count == 0;

    if (!links->policies || !links->credentials || !links->policy_used || !links->credential_used)
        return false;
    for (size_t i = 0; i < s->client_count && !problems_are_many(&l->problems); i++)
        if (!link_client(l, links, &s->clients[i]))
            return false;
    if (is_whole &&
        l->problems.error_count == 0) /* else a name that was refused may be the one that is missing */
        check_used(l, links);
    return true;
}

/* ---- policies ---- */

/* Labels may not name another team's service, so each policy knows who owns what. */
bool snapshot_index_policies(struct snapshot *s)
{
    size_t count = 0;

    for (size_t i = 0; i < s->policy_count; i++)
        count += POLICY_RULES(&s->policies[i], services)->count;
    struct owners *owners = owners_new(count, s->arena);
    for (size_t i = 0; owners && i < s->policy_count; i++) {
        struct policy *p = &s->policies[i];
        const struct rules *services = POLICY_RULES(p, services);
        p->owners = owners;
        for (size_t k = 0; k < services->count; k++)
            if (!owners_add(owners, &services->at[k], p))
                return false;
        if (!policy_index(p, s->arena))
            return false;
    }
    return owners != NULL;
}

bool loading_link(struct loading *l)
{
    struct snapshot *s = l->snap;
    struct map *policies = map_names(l, true), *credentials = map_names(l, false);
    struct links links = { policies, credentials, ARENA_ARRAY(l->arena, bool, s->policy_count),
                           ARENA_ARRAY(l->arena, bool, s->cred_count) };
    bool ok = true;

    s->tokens = map_new();
    s->clients_by_name = map_new();
    for (size_t i = 0; ok && i < s->upstream_count; i++)
        ok = link_upstream(l, &s->upstreams[i]);
    ok = ok && snapshot_index_policies(s) && s->tokens && s->clients_by_name && link_clients(l, &links);
    map_free(&policies);
    map_free(&credentials);
    return ok;
}
