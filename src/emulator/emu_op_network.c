/*
 * What opens a gateway to networks: ACLs, domains, linked VPCs, their peers. See emu_call.h. Each is a list in a
 * member of the gateway that is not shown with it; an entry is told by the VPC and one further member.
 */
#include "emulator/emu_op_thing.h"

/* A list of the gateway that the path names; NULL after answering. */
static struct emu_json *list_of(struct emu_call *c, const char *name)
{
    struct emu_thing *gateway = emu_call_thing(c, EMU_KIND_GATEWAY, "GatewayId");
    struct emu_json *list = gateway ? emu_json_section(gateway->data, name, '[') : NULL;

    if (gateway && !list)
        emu_answer_error(c->answer, 500, "InternalError", "No memory.");
    return list;
}

/* Remove entries of that VPC whose member has that value; an empty value: all of the VPC. */
static void drop(struct emu_json *list, struct slice vpc, const char *member, struct slice value)
{
    struct emu_json *next;

    for (struct emu_json *e = emu_json_first_of(list); e; e = next) {
        next = emu_json_next_of(e);
        if (slice_eq(emu_data_get(e, "VpcId"), vpc) && (!value.n || slice_eq(emu_data_get(e, member), value)))
            emu_json_remove_item(list, &e);
    }
}

/* The JSON of a query parameter as a list of objects; one object counts as a list of one. */
static const struct emu_json *first_of(const struct emu_json *sent)
{
    return emu_json_kind(sent) == EMU_JSON_ARRAY ? emu_json_first(sent) : sent;
}

static const struct emu_json *next_of(const struct emu_json *sent, const struct emu_json *at)
{
    return emu_json_kind(sent) == EMU_JSON_ARRAY ? emu_json_next(at) : NULL;
}

/* Add, or take away, the entries that a query parameter lists. */
static void change(struct emu_call *c, const char *list_name, const char *query, const char *member,
                   bool adds)
{
    struct emu_json *list = list_of(c, list_name), *sent = list ? emu_call_query_json(c, query) : NULL;
    struct slice vpc = emu_call_query(c, "VpcId");

    if (list && !sent && adds)
        emu_answer_error(c->answer, 400, arena_printf(c->arena, "Missing%s", query), "%s is mandatory.",
                         query);
    else if (list && !sent)
        drop(list, vpc, member, SLICE_NONE);
    for (const struct emu_json *e = first_of(sent); e; e = next_of(sent, e)) {
        struct emu_json *entry = adds ? emu_json_copy(e) : NULL;
        struct slice own = emu_data_get(e, "VpcId");
        if (strcmp(member, "VpcId") != 0 || !own.n)
            own = vpc;
        drop(list, own, member, emu_data_get(e, member));
        if (entry && own.n)
            emu_data_set(entry, "VpcId", own);
        if (entry)
            emu_json_append(list, entry);
    }
    emu_json_free(&sent);
}

static void say(struct emu_call *c, const char *message)
{
    struct emu_jw w;

    if (c->answer->status != 200)
        return;
    w = emu_call_begin(c);
    jw_text(&w, "GatewayId", emu_call_param(c, "GatewayId"));
    jw_str(&w, "Message", message);
    jw_close(&w, '}');
}

void op_add_acl(struct emu_call *c)
{
    change(c, "_acl", "AclPolicyList", "Entry", true);
    say(c, "ACL policies are added.");
}

void op_delete_acl(struct emu_call *c)
{
    change(c, "_acl", "AclPolicyList", "Entry", false);
    say(c, "ACL policies are deleted.");
}

static void put_acl(struct emu_jw *w, const struct emu_json *e)
{
    jw_open(w, NULL, '{');
    jw_text(w, "Entry", emu_data_get(e, "Entry"));
    jw_text(w, "Comment", emu_data_get(e, "Comment"));
    jw_str(w, "Status", "Running");
    jw_close(w, '}');
}

void op_acls(struct emu_call *c)
{
    struct emu_json *list = list_of(c, "_acl");
    struct slice wanted = emu_call_query(c, "VpcId");

    if (!list)
        return;
    struct emu_jw w = emu_call_begin(c);
    jw_text(&w, "GatewayId", emu_call_param(c, "GatewayId"));
    jw_open(&w, "InternetAclPolicyList", '[');
    for (const struct emu_json *e = emu_json_first(list); e; e = emu_json_next(e))
        if (!emu_data_get(e, "VpcId").n)
            put_acl(&w, e);
    jw_close(&w, ']');
    jw_open(&w, "IntranetVpcAclPolicyList", '[');
    for (const struct emu_json *e = emu_json_first(list); e; e = emu_json_next(e)) {
        struct slice vpc = emu_data_get(e, "VpcId");
        if (!vpc.n || (wanted.n && !slice_eq(vpc, wanted)))
            continue;
        jw_open(&w, NULL, '{');
        jw_text(&w, "VpcId", vpc);
        jw_open(&w, "IntranetAclPolicyList", '[');
        put_acl(&w, e);
        jw_close(&w, ']');
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
}

void op_attach_domain(struct emu_call *c)
{
    change(c, "_domains", "CustomDomain", "Domain", true);
    say(c, "Domain is attached.");
}

void op_detach_domain(struct emu_call *c)
{
    change(c, "_domains", "CustomDomain", "Domain", false);
    say(c, "Domain is detached.");
}

static void show(struct emu_call *c, const char *list_name, const char *array,
                 const struct emu_filter *filters)
{
    struct emu_json *list = list_of(c, list_name);

    if (!list)
        return;
    struct emu_jw w = emu_call_begin(c);
    jw_text(&w, "GatewayId", emu_call_param(c, "GatewayId"));
    jw_open(&w, array, '[');
    for (const struct emu_json *e = emu_json_first(list); e; e = emu_json_next(e))
        if (emu_call_passes(c, e, filters, NULL))
            emu_call_put(&w, NULL, e);
    jw_close(&w, ']');
    jw_close(&w, '}');
}

void op_domains(struct emu_call *c)
{
    show(c, "_domains", "CustomDomains", NULL);
}

void op_add_linked_vpc(struct emu_call *c)
{
    static const char *const fields[] = { "VpcId", "VSwitchId", "AccountId", "EnableAuthoritativeDns", NULL };
    struct emu_json *list = list_of(c, "_vpcs"), *entry = list ? emu_json_new('{') : NULL;

    if (!list)
        return;
    drop(list, emu_call_query(c, "VpcId"), "VSwitchId", emu_call_query(c, "VSwitchId"));
    for (const char *const *name = fields; entry && *name; name++)
        if (emu_call_query(c, *name).p)
            emu_data_set(entry, *name, emu_call_query(c, *name));
    if (entry)
        emu_data_set(entry, "Status", S("Running"));
    emu_json_append(list, entry);
    say(c, "VPC is linked.");
}

void op_delete_linked_vpc(struct emu_call *c)
{
    struct emu_json *list = list_of(c, "_vpcs");

    if (!list)
        return;
    drop(list, emu_call_query(c, "VpcId"), "VSwitchId", emu_call_query(c, "VSwitchId"));
    say(c, "VPC is unlinked.");
}

void op_linked_vpcs(struct emu_call *c)
{
    show(c, "_vpcs", "IntranetLinkedVpcList", NULL);
}

/* Peers belong to a linked VPC; the member that tells them apart is the peer's own VPC. These answers spell it
 * requestId. */
static void say_peers(struct emu_call *c, const char *message)
{
    struct emu_jw w = EMU_JW(&c->answer->body);

    if (c->answer->status != 200)
        return;
    jw_open(&w, NULL, '{');
    jw_str(&w, "requestId", c->answer->request_id);
    jw_text(&w, "GatewayId", emu_call_param(c, "GatewayId"));
    jw_str(&w, "Message", message);
    jw_close(&w, '}');
}

static void change_peers(struct emu_call *c, bool adds)
{
    struct emu_json *list = list_of(c, "_peers"), *sent = list ? emu_call_query_json(c, "PeerVpcs") : NULL;
    struct slice vpc = emu_call_query(c, "VpcId");

    for (const struct emu_json *e = first_of(sent); e; e = next_of(sent, e)) {
        struct slice peer = emu_json_kind(e) == EMU_JSON_TEXT ? emu_json_text(e) : emu_data_get(e, "VpcId");
        struct emu_json *entry = adds ? emu_json_new('{') : NULL;
        drop(list, vpc, "PeerVpcId", peer);
        if (!entry)
            continue;
        emu_data_set(entry, "VpcId", vpc);
        emu_data_set(entry, "PeerVpcId", peer);
        emu_data_set(entry, "Region", emu_data_get(e, "Region"));
        emu_json_append(list, entry);
    }
    if (list && !sent && !adds)
        drop(list, vpc, "PeerVpcId", SLICE_NONE);
    emu_json_free(&sent);
    say_peers(c, adds ? "Peers are added." : "Peers are deleted.");
}

void op_add_peers(struct emu_call *c)
{
    change_peers(c, true);
}

void op_delete_peers(struct emu_call *c)
{
    change_peers(c, false);
}

void op_peers(struct emu_call *c)
{
    struct emu_json *list = list_of(c, "_peers");
    struct slice wanted = emu_call_query(c, "VpcId");
    struct emu_jw w = EMU_JW(&c->answer->body);

    if (!list)
        return;
    jw_open(&w, NULL, '{');
    jw_str(&w, "requestId", c->answer->request_id);
    jw_text(&w, "GatewayId", emu_call_param(c, "GatewayId"));
    jw_open(&w, "PeerVpcList", '[');
    for (const struct emu_json *e = emu_json_first(list); e; e = emu_json_next(e))
        if (!wanted.n || slice_eq(emu_data_get(e, "VpcId"), wanted))
            emu_call_put(&w, NULL, e);
    jw_close(&w, ']');
    jw_close(&w, '}');
}

void op_zones(struct emu_call *c)
{
    if (!emu_call_thing(c, EMU_KIND_GATEWAY, "GatewayId"))
        return;
    struct emu_jw w = emu_call_begin(c);
    jw_open(&w, "Zones", '[');
    for (int zone = 'a'; zone <= 'c'; zone++)
        jw_str(&w, NULL, arena_printf(c->arena, "%s-%c", c->world->region, zone));
    jw_close(&w, ']');
    jw_close(&w, '}');
}
