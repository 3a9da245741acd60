/*
 * The Host values that requests may carry (SECURITY section 4 "Browser": a page whose name was rebound to our address sends
 * its own Host). `hosts` lists them; without it they follow from `listen`. Always a closed list; a port that the kernel chooses
 * is not known yet, so the names of that listener are accepted with any port.
 */
#include "config/loading.h"
#include "config/address.h"

struct hosts {
    struct loading *l;
    struct slice *exact, *any_port;
    size_t exact_count, any_port_count;
};

/* One name (brackets included for v6) with a listener's port. */
static void add(struct hosts *h, const char *name, uint16_t port)
{
    struct arena *a = h->l->arena;

    if (!name)
        return; /* the arena remembers that it failed */
    if (port == 0) {
        h->any_port[h->any_port_count++] = slice_of(name);
        return;
    }
    h->exact[h->exact_count++] = slice_of(arena_printf(a, "%s:%u", name, (unsigned)port));
    if (port == 80)
        h->exact[h->exact_count++] = slice_of(name);
}

static void add_of_listener(struct hosts *h, const struct address *address)
{
    bool is_v6 = address->kind == ADDRESS_IPV6;

    if (address->kind == ADDRESS_UNIX) {
        h->exact[h->exact_count++] = S("localhost");
        h->exact[h->exact_count++] = S("easgate");
        return;
    }
    add(h,
        arena_printf(h->l->arena, "%s%.*s%s", is_v6 ? "[" : "", SLICE_FMT(address->host), is_v6 ? "]" : ""),
        address->port);
    if (address->is_loopback) {
        add(h, "localhost", address->port);
        add(h, "127.0.0.1", address->port);
        add(h, "[::1]", address->port);
    }
}

/* A listed name: itself, and without a port also with each port that we listen at. */
static void add_of_rule(struct hosts *h, const struct rule *rule, const struct rules *listen)
{
    struct address address;
    struct slice host;
    uint16_t port;
    bool has_port;

    h->exact[h->exact_count++] = rule->text;
    if (!address_parse_host(rule->text, &host, &port, &has_port, NULL) || has_port)
        return;
    for (size_t i = 0; i < listen->count; i++)
        if (address_parse(listen->at[i].text, &address, NULL) && address.kind != ADDRESS_UNIX)
            add(h, rule->text.p, address.port);
}

bool loading_make_hosts(struct loading *l)
{
    struct snapshot *s = l->snap;
    const struct rules *listen = &s->gateway.listen, *hosts = &s->gateway.hosts;
    size_t most = (listen->count + 1) * (hosts->count + 1) * 8;
    struct hosts h = { .l = l,
                       .exact = ARENA_ARRAY(l->arena, struct slice, most),
                       .any_port = ARENA_ARRAY(l->arena, struct slice, most) };
    struct address address;

    if (!h.exact || !h.any_port)
        return false;
    for (size_t i = 0; i < hosts->count; i++)
        add_of_rule(&h, &hosts->at[i], listen);
    for (size_t i = 0; i < listen->count && hosts->count == 0; i++)
        if (address_parse(listen->at[i].text, &address, NULL))
            add_of_listener(&h, &address);
    s->hosts = h.exact;
    s->host_count = h.exact_count;
    s->any_port_hosts = h.any_port;
    s->any_port_host_count = h.any_port_count;
    return !arena_failed(l->arena);
}
