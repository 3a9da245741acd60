/* The page /budget: what the teams with a budget have. Only what is known already; asking changes nothing and reads nothing. */
#include "flow/gate_state.h"
#include "flow/life.h"
#include "base/enc.h"

static void add_amounts(struct sbuf *out, const char *name, struct amounts a)
{
    sbuf_addf(out, ",\"%s\":{\"replicas\":%lld,\"gpus\":%lld}", name, (long long)a.replicas,
              (long long)a.gpus);
}

static void add_limit(struct sbuf *out, const struct policy *p)
{
    static const struct {
        enum bound key;
        const char *name;
    } kinds[] = { { BOUND_max_total_replicas, "replicas" }, { BOUND_max_total_gpus, "gpus" } };
    int64_t cap = 0;
    bool is_first = true;

    sbuf_adds(out, ",\"limit\":{");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!policy_cap(p, kinds[i].key, &cap))
            continue;
        sbuf_addf(out, "%s\"%s\":%lld", is_first ? "" : ",", kinds[i].name, (long long)cap);
        is_first = false;
    }
    sbuf_addc(out, '}');
}

static struct amounts minus(struct amounts a, struct amounts b)
{
    return (struct amounts){ a.replicas - b.replicas, a.gpus - b.gpus };
}

/* What a call may still add; null while nothing is known. A team that is over its limit has nothing left. */
static void add_left(struct sbuf *out, const struct policy *p, struct amounts sum, bool is_read)
{
    int64_t cap = 0;

    if (policy_cap(p, BOUND_max_total_replicas, &cap) && is_read)
        sbuf_addf(out, ",\"left_replicas\":%lld", (long long)(cap > sum.replicas ? cap - sum.replicas : 0));
    if (policy_cap(p, BOUND_max_total_gpus, &cap) && is_read)
        sbuf_addf(out, ",\"left_gpus\":%lld", (long long)(cap > sum.gpus ? cap - sum.gpus : 0));
}

static void add_policy(struct sbuf *out, const struct gate *g, const struct policy *p, int64_t now_mono_ms)
{
    static const struct team nobody;
    const struct team *team = map_get(g->teams, p->name);
    struct owner owner = policy_as_owner(p);
    int64_t max_age_ms = (int64_t)g->snap->gateway.budget_max_age_ms;
    struct truth *none = NULL;
    const struct truth *truth = team ? team->truth : (none = truth_new());

    if (!truth)
        return;
    team = team ? team : &nobody;
    struct amounts live = truth_listed(truth);
    struct amounts sum = truth_sum_without(truth, g->book, &owner, SLICE_NONE);
    bool is_read = truth_began_at(truth) != INT64_MIN;
    sbuf_adds(out, "{\"policy\":");
    enc_json_string(p->name, out);
    add_limit(out, p);
    if (is_read)
        add_amounts(out, "live", live);
    else
        sbuf_adds(out, ",\"live\":null");
    add_amounts(out, "reserved", minus(sum, live));
    sbuf_addf(out, ",\"services\":%zu,\"truth_age_ms\":", truth_services(truth));
    if (is_read)
        sbuf_addf(out, "%lld", (long long)(now_mono_ms - truth_began_at(truth)));
    else
        sbuf_adds(out, "null");
    sbuf_addf(out, ",\"fresh\":%s", truth_is_fresh(truth, now_mono_ms, max_age_ms) ? "true" : "false");
    add_left(out, p, sum, is_read);
    sbuf_addf(out, ",\"drift\":{\"changes\":%llu,\"replicas\":%lld,\"gpus\":%lld}}",
              (unsigned long long)team->drifts, (long long)team->drift_replicas, (long long)team->drift_gpus);
    truth_free(&none);
}

static bool has_budget(const struct policy *p)
{
    int64_t cap;

    return policy_cap(p, BOUND_max_total_replicas, &cap) || policy_cap(p, BOUND_max_total_gpus, &cap);
}

bool budget_text_of(const struct gate *g, const struct policy *p, struct sbuf *out)
{
    if (has_budget(p))
        add_policy(out, g, p, clock_mono_ms(g->ports.clock));
    return has_budget(p);
}

void gate_budget_text(const struct gate *g, struct sbuf *out)
{
    int64_t now = clock_mono_ms(g->ports.clock);
    int64_t wait_ms = g->growth_opens_mono_ms > now ? g->growth_opens_mono_ms - now : 0;
    bool is_first = true;

    sbuf_addf(out, "{\"growth_opens_in_ms\":%lld,\"in_doubt\":%zu,\"policies\":[", (long long)wait_ms,
              g->doubt_count);
    for (size_t i = 0; i < g->snap->policy_count; i++) {
        const struct policy *p = &g->snap->policies[i];
        if (!has_budget(p))
            continue;
        sbuf_adds(out, is_first ? "" : ",");
        is_first = false;
        add_policy(out, g, p, now);
    }
    sbuf_adds(out, "]}");
}
