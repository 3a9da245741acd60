/* What ends by itself, and when: see snapshot.h. One place that walks all dates of a configuration. */
#include "config/snapshot.h"

static bool tell_policy(const struct policy *p, end_fn each, void *ctx)
{
    struct end end = {
        .kind = "policy", .name = p->name, .file = p->file, .line = p->line, .until_s = p->until_s
    };

    if (end.until_s && !each(ctx, &end))
        return false;
    for (enum bound b = BOUND_NONE + 1; b < BOUND_COUNT_; b++)
        for (size_t i = 0; i < p->bound[b].count; i++) {
            const struct rule *rule = &p->bound[b].at[i];
            end = (struct end){ "policy",   p->name,    bound_name(b), rule->text,
                                rule->file, rule->line, rule->until_s };
            if (end.until_s && !each(ctx, &end))
                return false;
        }
    return true;
}

void snapshot_each_end(const struct snapshot *s, end_fn each, void *ctx)
{
    const struct snapshot *whole = s->whole ? s->whole : s;

    for (size_t i = 0; i < whole->client_count; i++) {
        const struct client *c = &whole->clients[i];
        struct end end = {
            .kind = "client", .name = c->name, .file = c->file, .line = c->line, .until_s = c->cfg.until_s
        };
        if (end.until_s && !each(ctx, &end))
            return;
    }
    for (size_t i = 0; i < whole->policy_count; i++)
        if (!tell_policy(&whole->policies[i], each, ctx))
            return;
}

void end_print(const struct end *end, int64_t now_s, struct sbuf *out)
{
    int64_t left_s = end->until_s - now_s, days = left_s / 86400;

    if (end->key)
        sbuf_addf(out, "%s %.*s of [%s %.*s] ", end->key, SLICE_FMT(end->value), end->kind,
                  SLICE_FMT(end->name));
    else
        sbuf_addf(out, "[%s %.*s] ", end->kind, SLICE_FMT(end->name));
    if (left_s <= 0)
        sbuf_adds(out, "has ended");
    else if (days > 0)
        sbuf_addf(out, "ends in %lld day%s", (long long)days, days == 1 ? "" : "s");
    else
        sbuf_addf(out, "ends in %lld hours", (long long)(left_s / 3600));
}
