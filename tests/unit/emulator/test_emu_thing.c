/* Groups, gateways, resources and the rest; and of all 119 operations, that each is played and knows its names. */
#include "world.h"
#include "emulator/emu_op_thing.h"
#include <stdio.h>
#include <stdlib.h>

#define V2        "/api/v2/"
#define R         "/cn-shanghai/"
#define NOT_THERE "nothing_there"

/* "<" the text must not be in the answer, else it must be; the call must succeed. */
struct step {
    const char *method, *target, *body, *text;
};

static void run(struct world *x, const struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        must(x, steps[i].method, steps[i].target, steps[i].body);
        if (x->notes.n)
            fail_msg("%s %s: %s", steps[i].method, steps[i].target, x->notes.p);
        const char *text = steps[i].text;
        if (text && says(x, text + (text[0] == '<')) != (text[0] != '<'))
            fail_msg("%s %s: %s in %.*s", steps[i].method, steps[i].target, text,
                     SLICE_FMT(sbuf_slice(&x->answer.body)));
    }
}

#define RUN(x, steps) run((x), (steps), sizeof(steps) / sizeof((steps)[0]))

static void groups(void **state)
{
    static const struct step steps[] = {
        { "POST", V2 "groups",
          "{\"Name\":\"g1\",\"WorkSpaceId\":\"5\",\"Labels\":{\"team\":\"nlp\"},\"Network\":{\"VpcId\":\"vpc-"
          "1\"}}",
          "g1" },
        { "GET", V2 "groups" R "g1", "", "\"VpcId\":\"vpc-1\"" },
        { "GET", V2 "groups" R "g1", "", "\"AccessToken\":\"" },
        { "GET", V2 "groups" R "g1/endpoints", "", "\"AccessToken\":\"" },
        { "GET", V2 "groups?WorkspaceId=5&Labels=%7B%22team%22%3A%22nlp%22%7D", "", "\"TotalCount\":1" },
        { "GET", V2 "groups?WorkspaceId=6", "", "\"TotalCount\":0" },
        { "GET", V2 "groups?Filter=1", "", "\"AccessToken\":\"" },
        { "PUT", V2 "groups" R "g1", "{\"TrafficMode\":\"weight\",\"Labels\":{\"k\":\"v\"}}", NULL },
        { "GET", V2 "groups" R "g1", "", "\"TrafficMode\":\"weight\"" },
        { "GET", V2 "groups" R "g1", "", "{\"LabelKey\":\"k\",\"LabelValue\":\"v\"}" },
        { "POST", SERVICES, "{\"metadata\":{\"name\":\"in_g1\",\"instance\":1,\"group\":\"g1\"}}", NULL },
        { "GET", SERVICES "?GroupName=g1", "", "\"TotalCount\":1" },
        { "DELETE", V2 "groups" R "g1?CascadeDelete=true", "", NULL },
        { "GET", ONE("in_g1"), "", "\"Status\":\"Deleting\"" },
        { "POST", SERVICES, "{\"metadata\":{\"name\":\"in_g2\",\"instance\":1,\"group\":\"g2\"}}", NULL },
        { "DELETE", V2 "groups" R "g2", "", NULL },
        { "GET", ONE("in_g2"), "", "\"Status\":\"Creating\"" },
    };
    struct world *x = *state;

    RUN(x, steps);
    assert_int_equal(call(x, "GET", V2 "groups" R "g1", ""), 404);
    assert_int_equal(call(x, "POST", V2 "groups", "{}"), 400);
}

static void gateways(void **state)
{
#define GW V2 "gateways" R "gw-emu00000001"
    static const struct step steps[] = {
        { "POST", V2 "gateways?ResourceName=r",
          "{\"Name\":\"g\",\"Replicas\":2,\"InstanceType\":\"ecs.c6.large\"}",
          "\"GatewayId\":\"gw-emu00000001\"" },
        { "PUT", GW, "{\"Replicas\":9,\"EnableInternet\":true}", NULL },
        { "GET", GW, "", "\"Replicas\":9" },
        { "GET", V2 "gateways?InternetEnabled=true&GatewayName=g", "", "\"TotalCount\":1" },
        { "PUT", GW "/label", "{\"Labels\":{\"k\":\"v\"}}", NULL },
        { "GET", V2 "gateways?Label=%7B%22k%22%3A%22v%22%7D", "", "\"TotalCount\":1" },
        { "DELETE", GW "/label?LabelKeys=%5B%22k%22%5D", "", NULL },
        { "GET", GW, "", "<LabelKey" },
        { "POST", GW "/acl_policy?AclPolicyList=%5B%7B%22Entry%22%3A%221.2.3.0%2F24%22%7D%5D", "", NULL },
        { "POST", GW "/acl_policy?VpcId=vpc-1&AclPolicyList=%5B%7B%22Entry%22%3A%2210.0.0.0%2F8%22%7D%5D", "",
          NULL },
        { "GET", GW "/acl_policy", "", "\"InternetAclPolicyList\":[{\"Entry\":\"1.2.3.0/24\"" },
        { "GET", GW "/acl_policy?VpcId=vpc-1", "", "\"Entry\":\"10.0.0.0/8\"" },
        { "DELETE", GW "/acl_policy?AclPolicyList=%5B%7B%22Entry%22%3A%221.2.3.0%2F24%22%7D%5D", "", NULL },
        { "GET", GW "/acl_policy", "", "<1.2.3.0" },
        { "PUT",
          GW "/domain/attach?CustomDomain=%7B%22Domain%22%3A%22a.example%22%2C%22Type%22%3A%22internet%22%7D",
          "", NULL },
        { "GET", GW "/domains", "", "\"Domain\":\"a.example\"" },
        { "PUT", GW "/domain/detach?CustomDomain=%7B%22Domain%22%3A%22a.example%22%7D", "", NULL },
        { "GET", GW "/domains", "", "<a.example" },
        { "POST", GW "/intranet_endpoint_linked_vpc?VpcId=vpc-1&VSwitchId=vsw-1", "", NULL },
        { "GET", GW "/intranet_endpoint_linked_vpc", "", "\"VSwitchId\":\"vsw-1\"" },
        { "POST",
          GW "/intranet_endpoint_linked_vpc_peer?VpcId=vpc-1&PeerVpcs=%5B%7B%22VpcId%22%3A%22vpc-2%22%7D%5D",
          "", "\"requestId\"" },
        { "GET", GW "/intranet_endpoint_linked_vpc_peer?VpcId=vpc-1", "", "\"PeerVpcId\":\"vpc-2\"" },
        { "DELETE",
          GW "/intranet_endpoint_linked_vpc_peer?VpcId=vpc-1&PeerVpcs=%5B%7B%22VpcId%22%3A%22vpc-2%22%7D%5D",
          "", NULL },
        { "GET", GW "/intranet_endpoint_linked_vpc_peer", "", "<vpc-2" },
        { "DELETE", GW "/intranet_endpoint_linked_vpc?VpcId=vpc-1&VSwitchId=vsw-1", "", NULL },
        { "GET", GW "/intranet_endpoint_linked_vpc", "", "<vsw-1" },
        { "GET", GW "/intranet_supported_zone", "", "cn-shanghai-a" },
        { "DELETE", GW, "", NULL },
    };
    struct world *x = *state;

    RUN(x, steps);
    assert_int_equal(call(x, "GET", GW, ""), 404);
    assert_int_equal(call(x, "GET", GW "/domains", ""), 404);
}

static void resources(void **state)
{
#define RES V2 "resources" R "eas-r-emu00000001"
    static const struct step steps[] = {
        { "POST", V2 "resources",
          "{\"ResourceName\":\"r1\",\"EcsInstanceCount\":2,\"EcsInstanceType\":\"ecs.gn6i-c24g1.12xlarge\"}",
          "\"InstanceIds\":[\"i-emu00000002\",\"i-emu00000003\"]" },
        { "GET", RES, "", "\"GpuCount\":4" },
        { "POST", RES "/instances",
          "{\"EcsInstanceCount\":1,\"EcsInstanceType\":\"ecs.c6.large\",\"ChargeType\":\"PostPaid\"}",
          "i-emu00000004" },
        { "GET", RES, "", "\"InstanceCount\":3" },
        { "GET", RES "/instances?ChargeType=PostPaid", "", "\"TotalCount\":1" },
        { "PUT", RES "/label?InstanceIds=i-emu00000004", "{\"Labels\":{\"k\":\"v\"}}", NULL },
        { "GET", RES "/instances?Label=%7B%22k%22%3A%22v%22%7D", "", "\"TotalCount\":1" },
        { "DELETE", RES "/label?AllInstances=true&Keys=k", "", NULL },
        { "GET", RES "/instances?Label=%7B%22k%22%3A%22v%22%7D", "", "\"TotalCount\":0" },
        { "PUT", RES "/instances/i-emu00000004", "{\"Action\":\"ResizeDisk\",\"NewDiskSize\":\"500\"}",
          NULL },
        { "GET", RES "/instances?InstanceId=i-emu00000004", "", "\"SystemDiskSize\":\"500\"" },
        { "GET", RES "/instance/i-emu00000004/workers", "", "\"TotalCount\":0" },
        { "POST", V2 "resources", "{\"ResourceName\":\"r2\"}", "eas-r-emu00000005" },
        { "POST", RES "/instances/migrate",
          "{\"DestResourceId\":\"eas-r-emu00000005\",\"InstanceIds\":[\"i-emu00000004\"]}", NULL },
        { "GET", V2 "resources" R "eas-r-emu00000005/instances", "", "i-emu00000004" },
        { "DELETE", RES "/instances?InstanceList=i-emu00000002", "", NULL },
        { "GET", RES, "", "\"InstanceCount\":1" },
        { "GET", V2 "resources?ResourceName=r2", "", "\"TotalCount\":1" },
        { "PUT", RES, "{\"ResourceName\":\"r9\"}", "r9" },
        { "POST", SERVICES,
          "{\"metadata\":{\"name\":\"abc\",\"resource\":\"eas-r-emu00000001\"},\"token\":\"tok\"}", NULL },
        { "GET", RES "/services", "", "\"AccessToken\":\"tok\"" },
        { "POST", RES "/log", "{\"LogStore\":\"s\",\"ProjectName\":\"p\"}", NULL },
        { "GET", RES "/log", "", "\"LogStore\":\"s\"" },
        { "DELETE", RES "/log", "", NULL },
        { "GET", RES "/log", "", "<LogStore" },
        { "PUT", RES "/dlink", "{\"VSwitchId\":\"vsw-1\",\"SecurityGroupId\":\"sg-1\"}", NULL },
        { "GET", RES "/dlink", "", "vsw-1" },
        { "DELETE", RES "/dlink", "", NULL },
        { "GET", RES "/dlink", "", "<vsw-1" },
        { "DELETE", RES, "", NULL },
        { "POST", V2 "virtualresources",
          "{\"VirtualResourceName\":\"v\",\"Resources\":[{\"InstanceType\":\"ecs.c6.large\","
          "\"SpotPriceLimit\":1.5}]}",
          "eas-vr-emu00000006" },
        { "PUT", V2 "virtualresources" R "eas-vr-emu00000006", "{\"DisableSpotProtectionPeriod\":true}",
          NULL },
        { "GET", V2 "virtualresources" R "eas-vr-emu00000006", "", "\"DisableSpotProtectionPeriod\":true" },
        { "GET", V2 "virtualresources", "", "\"SpotPriceLimit\":1.5" },
        { "DELETE", V2 "virtualresources" R "eas-vr-emu00000006", "", NULL },
        { "GET", V2 "virtualresources", "", "\"TotalCount\":0" },
    };
    struct world *x = *state;

    RUN(x, steps);
    assert_int_equal(call(x, "GET", RES, ""), 404);
}

static void configs_and_benchmarks(void **state)
{
#define TASK V2 "benchmark-tasks" R "benchmark-emu00000001"
    static const struct step steps[] = {
        { "POST", V2 "benchmark-tasks",
          "{\"base\":{\"agentCount\":5},\"service\":{\"serviceName\":\"abc\",\"requestToken\":\"s3cret\"}}",
          "benchmark-emu00000001" },
        { "GET", TASK, "", "\"Token\":\"s3cret\"" },
        { "PUT", TASK, "{\"base\":{\"agentCount\":50}}", NULL },
        { "GET", TASK, "", "\"DesiredAgent\":\"50\"" },
        { "GET", TASK, "", "\"Token\":\"s3cret\"" },
        { "PUT", TASK "/start", "", NULL },
        { "GET", V2 "benchmark-tasks?Status=Running&ServiceName=abc", "", "\"TotalCount\":1" },
        { "PUT", TASK "/stop", "", NULL },
        { "GET", TASK "/report", "", "ReportUrl" },
        { "DELETE", TASK, "", NULL },
        { "GET", V2 "benchmark-tasks", "", "\"TotalCount\":0" },
        { "POST", V2 "configs" R "net/n1/key", "{\"Value\":\"val\"}", "<RequestId" },
        { "PUT", V2 "configs" R "net/n1/key", "{\"Value\":\"val2\"}", NULL },
        { "GET", V2 "configs" R "net/n1", "", "\"Value\":\"val2\"" },
        { "GET", V2 "configs" R "net/n2", "", "<val2" },
        { "DELETE", V2 "configs" R "net/n1/key", "", NULL },
        { "GET", V2 "configs" R "net/n1", "", "<val2" },
        { "GET", V2 "regions", "", "cn-shanghai" },
        { "GET", V2 "public/instance_types?InstanceTypes=ecs.gn7i-c8g1.2xlarge", "", "\"GPUAmount\":1" },
        { "GET", V2 "public/instance_types?InstanceTypes=ecs.gn7i-c8g1.2xlarge", "", "<ecs.c6.large" },
        { "GET", V2 "public/spot_discount?InstanceType=ecs.c6.large", "", "SpotDiscounts" },
        { "GET", V2 "artifacts" R "eas-x", "", "eas-x" },
        { "GET", V2 "tenantaddons", "", "log-collector" },
        { "PUT", V2 "tenantaddons" R "log-collector/reinstall", "", NULL },
    };
    struct world *x = *state;

    RUN(x, steps);
    assert_int_equal(call(x, "PUT", V2 "configs" R "net/n1/key", "{\"Value\":\"val2\"}"), 404);
}

static void marks_and_instances(void **state)
{
#define I0 ONE("abc") "/instances/abc-6f7c9d8b5-00000"
    static const struct step steps[] = {
        { "POST", SERVICES, "{\"metadata\":{\"name\":\"abc\",\"instance\":2},\"token\":\"t0k\"}", NULL },
        { "PUT", ONE("abc") "/label", "{\"Labels\":{\"team\":\"nlp\"}}", NULL },
        { "GET", SERVICES "?Label=%7B%22team%22%3A%22nlp%22%7D", "", "\"TotalCount\":1," },
        { "DELETE", ONE("abc") "/label?LabelKeys=%5B%22team%22%5D", "", NULL },
        { "GET", SERVICES "?Label=%7B%22team%22%3A%22nlp%22%7D", "", "\"TotalCount\":0," },
        { "PUT", ONE("abc") "/lock", "{\"Lock\":\"all\"}", NULL },
        { "GET", ONE("abc"), "", "\"SafetyLock\":\"all\"" },
        { "PUT", ONE("abc") "/release", "{\"Weight\":30,\"TrafficState\":\"grouping\"}", NULL },
        { "GET", ONE("abc"), "", "\"Weight\":30" },
        { "GET", SERVICES "?TrafficState=grouping", "", "\"TotalCount\":1," },
        { "POST", ONE("abc") "/mirror", "{\"Ratio\":50,\"Target\":[\"other\"]}", NULL },
        { "GET", ONE("abc") "/mirror", "", "\"Target\":[\"other\"]" },
        { "PUT", ONE("abc") "/mirror", "{\"Ratio\":60}", NULL },
        { "GET", ONE("abc") "/mirror", "", "\"Ratio\":60" },
        { "DELETE", ONE("abc") "/mirror", "", NULL },
        { "GET", ONE("abc") "/mirror", "", "<Target" },
        { "POST", ONE("abc") "/rollout", "{\"Paused\":true}", NULL },
        { "GET", ONE("abc") "/rollout", "", "\"Paused\":true" },
        { "DELETE", ONE("abc") "/rollout", "", NULL },
        { "GET", ONE("abc") "/signed_url?Expire=60", "", "signed-t0k" },
        { "GET", I0 "/token", "", "login-t0k" },
        { "POST", I0 "/faults", "{\"FaultType\":\"CpuBurn\",\"FaultArgs\":{\"n\":1}}", NULL },
        { "GET", I0 "/faults", "", "\"FaultType\":\"CpuBurn\"" },
        { "DELETE", I0 "/faults/CpuBurn", "", NULL },
        { "GET", I0 "/faults", "", "<CpuBurn" },
        { "PUT", I0, "{\"Detach\":true}", NULL },
        { "GET", ONE("abc") "/instances", "", "\"TotalCount\":3" },
        { "GET", ONE("abc"), "", "\"TotalInstance\":3" },
        { "DELETE", ONE("abc") "/instances?InstanceList=abc-6f7c9d8b5-00000", "", NULL },
        { "GET", ONE("abc") "/instances", "", "\"TotalCount\":3" },
        { "DELETE", ONE("abc") "/instances?InstanceList=abc-6f7c9d8b5-00002", "", NULL },
        { "GET", ONE("abc") "/instances", "", "\"TotalCount\":2" },
    };
    struct world *x = *state;

    RUN(x, steps);
    assert_int_equal(peaks(x, "abc").peak, 3);
    assert_int_equal(call(x, "GET", ONE("abc") "/instances/none/token", ""), 404);
}

static struct emu_json *operations(void)
{
    FILE *f = fopen(EG_TESTS_DIR "/../docs/eas/operations.json", "rb");
    SCOPED(sbuf) text = SBUF_MAX(4U << 20);
    char part[4096];
    size_t n, used;

    assert_non_null(f);
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        sbuf_add(&text, slice_from(part, n));
    fclose(f);
    struct emu_json *all = emu_json_parse(sbuf_slice(&text), &used);
    assert_int_equal(emu_json_kind(all), EMU_JSON_ARRAY);
    return all;
}

/* A path with our region and names that nothing has; how many names. */
static size_t fill_path(struct slice form, struct sbuf *out)
{
    struct slice part;
    size_t names = 0;

    while (slice_split(&form, '/', &part)) {
        if (!part.n)
            continue;
        sbuf_addc(out, '/');
        if (part.p[0] != '{') {
            sbuf_add(out, part);
        } else if (slice_eq(part, S("{ClusterId}"))) {
            sbuf_adds(out, "cn-shanghai");
        } else {
            sbuf_adds(out, NOT_THERE);
            names++;
        }
    }
    return names;
}

/* The list of operations is the document's, not ours. Of those that name something, only making a config succeeds for
 * a new name, and listing configs for a name without any. */
static void plays_every_operation(void **state)
{
    struct world *x = *state;
    struct emu_json *all = operations();
    size_t count = 0;

    for (const struct emu_json *o = emu_json_first(all); o; o = emu_json_next(o), count++) {
        SCOPED(sbuf) path = SBUF_MAX(4096), method = SBUF_MAX(16);
        struct slice action = emu_data_get(o, "action");
        bool is_new = slice_eq(action, S("CreateConfig")) || slice_eq(action, S("ListConfigs"));
        sbuf_add(&method, emu_data_get(o, "method"));
        size_t names = fill_path(emu_data_get(o, "path"), &path);
        int status = call(x, method.p, path.p, "{\"Value\":\"v\"}");
        if (strcmp(x->answer.code, "InvalidApi.NotFound") == 0 || status >= 500 ||
            (names && !is_new && status != 404))
            fail_msg("%.*s: %d %s", SLICE_FMT(action), status, x->answer.code);
        if (names && !is_new && slice_starts(emu_data_get(o, "path"), S("/api/v2/services/")) &&
            strcmp(x->answer.code, "InvalidService.NotFound") != 0)
            fail_msg("%.*s: %s", SLICE_FMT(action), x->answer.code);
        emu_state_reset(x->w.state);
    }
    assert_int_equal(count, 119);
    emu_json_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(groups, begin, end),
        cmocka_unit_test_setup_teardown(gateways, begin, end),
        cmocka_unit_test_setup_teardown(resources, begin, end),
        cmocka_unit_test_setup_teardown(configs_and_benchmarks, begin, end),
        cmocka_unit_test_setup_teardown(marks_and_instances, begin, end),
        cmocka_unit_test_setup_teardown(plays_every_operation, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
