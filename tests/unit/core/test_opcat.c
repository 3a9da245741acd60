/*
 * The catalogue against the facts: everything expected here is read from docs/eas/operations.json when the test runs, and
 * matched by a second, naive matcher, never taken from our own table.
 */
#include "core/opcat.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <cjson/cJSON.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);

    assert_non_null(file);
    assert_non_null(text);
    size_t n = fread(text, 1, (1 << 20) - 1, file);
    assert_true(n > 0 && feof(file));
    fclose(file);
    return text;
}

static cJSON *facts; /* operations.json */

static int load_facts(void **state)
{
    char *text = read_file(EG_TESTS_DIR "/../docs/eas/operations.json");

    (void)state;
    facts = cJSON_Parse(text);
    free(text);
    return cJSON_GetArraySize(facts) == 119 ? 0 : -1;
}

static int drop_facts(void **state)
{
    (void)state;
    cJSON_Delete(facts);
    return 0;
}

static const char *text_of(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void assert_text(struct slice got, const char *expected)
{
    assert_non_null(expected);
    assert_int_equal(got.n, strlen(expected));
    assert_memory_equal(got.p, expected, got.n);
}

/* ---- the naive matcher ----------------------------------------------------- */

/* Does path have the shape of the template? Both are plain; segments are compared one by one. */
static bool has_shape(const char *template, const char *path)
{
    while (*template && *path) {
        if (*template == '{') {
            if (*path == '/')
                return false;
            template += strcspn(template, "/");
            path += strcspn(path, "/");
            continue;
        }
        if (*template ++ != *path++)
            return false;
    }
    return !*template && !*path;
}

/* The fact that a request of this method and path is; *out_elsewhere: other methods have the path. */
static const cJSON *fact_for(const char *method, const char *path, bool *out_elsewhere)
{
    const cJSON *fact, *found = NULL;

    *out_elsewhere = false;
    cJSON_ArrayForEach(fact, facts)
    {
        if (!has_shape(text_of(fact, "path"), path))
            continue;
        if (strcmp(text_of(fact, "method"), method) != 0) {
            *out_elsewhere = true;
            continue;
        }
        assert_null(found); /* the facts promise that no two overlap */
        found = fact;
    }
    return found;
}

static void assert_same_as_facts(const char *method, const char *path)
{
    struct op_match match;
    bool elsewhere;
    const cJSON *fact = fact_for(method, path, &elsewhere);
    enum opcat_result got = opcat_match(http1_method_of(slice_of(method)), slice_of(path), &match);

    if (!fact) {
        assert_int_equal(got, elsewhere ? OPCAT_NO_METHOD : OPCAT_NO_PATH);
        assert_null(match.op);
        return;
    }
    assert_int_equal(got, OPCAT_FOUND);
    assert_text(match.op->name, text_of(fact, "action"));
}

/* The template with each placeholder replaced by "<sample><number>". */
static void fill(const char *template, const char *sample, char *out, size_t size)
{
    size_t n = 0;
    int number = 0;

    while (*template) {
        assert_true(n + 32 < size);
        if (*template != '{') {
            out[n++] = *template ++;
            continue;
        }
        n += (size_t)snprintf(out + n, size - n, "%s%d", sample, ++number);
        template += strcspn(template, "/");
    }
    out[n] = '\0';
}

/* ---- the table ------------------------------------------------------------- */

static enum op_type type_of(const char *name)
{
    static const struct {
        const char *name;
        enum op_type type;
    } types[] = {
        { "string", OP_STRING },
        { "integer", OP_INTEGER },
        { "boolean", OP_BOOLEAN },
        { "object", OP_OBJECT },
        { "array<string>", OP_ARRAY_STRING },
        { "array<object>", OP_ARRAY_OBJECT },
        { "map<string,string>", OP_MAP_STRING },
        { "map<string,any>", OP_MAP_ANY },
        { "any", OP_ANY },
    };

    for (size_t i = 0; i < COUNT(types); i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].type;
    fail_msg("unknown type %s", name);
    return OP_TYPE_NONE;
}

static void assert_field(const struct op_field *field, const cJSON *fact)
{
    const char *encoding = text_of(fact, "encoding");
    enum op_encoding expected = OP_ENCODING_NONE;

    if (encoding)
        expected = strcmp(encoding, "json") == 0 ? OP_ENCODING_JSON : OP_ENCODING_COMMA;
    assert_non_null(field);
    assert_text(field->name, text_of(fact, "name"));
    assert_int_equal(field->type, type_of(text_of(fact, "type")));
    /* easgate may ask for more than EAS does */
    assert_true(field->required || !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(fact, "required")));
    if (field->type != OP_STRING) /* a text may be a list to easgate, as DestinationCIDRs is */
        assert_int_equal(field->encoding, expected);
}

static void assert_touches(const struct op *op, const cJSON *expected)
{
    size_t i = 0;
    const cJSON *fact, *field;

    assert_int_equal(op->touch_count, cJSON_GetArraySize(expected));
    cJSON_ArrayForEach(fact, expected)
    {
        const struct op_touch *touch = &op->touches[i++];
        const cJSON *fields = cJSON_GetObjectItemCaseSensitive(fact, "fields");
        size_t at = 0;
        assert_string_equal(touch->kind, text_of(fact, "kind"));
        assert_string_equal(touch->reason, text_of(fact, "reason"));
        assert_int_equal(touch->unconfirmed,
                         cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(fact, "unconfirmed")));
        assert_int_equal(touch->field_count, cJSON_GetArraySize(fields));
        cJSON_ArrayForEach(field, fields)
            assert_string_equal(touch->fields[at++], cJSON_GetStringValue(field));
    }
}

static void assert_op(const struct op *op, const cJSON *fact)
{
    const cJSON *query = cJSON_GetObjectItemCaseSensitive(fact, "query");
    const cJSON *body = cJSON_GetObjectItemCaseSensitive(fact, "body");
    const cJSON *fields = cJSON_GetObjectItemCaseSensitive(body, "fields");
    const cJSON *params = cJSON_GetObjectItemCaseSensitive(fact, "path_params"), *item;
    const char *kind = text_of(body, "kind");
    size_t i = 0;

    assert_text(slice_of(http1_method_name(op->method)), text_of(fact, "method"));
    assert_text(op->path, text_of(fact, "path"));
    assert_int_equal(op->query_count, cJSON_GetArraySize(query));
    cJSON_ArrayForEach(item, query) assert_field(op_query_field(op, slice_of(text_of(item, "name"))), item);
    if (strcmp(kind, "raw-json") == 0)
        assert_true(op->field_count > 0); /* a tree of its own */
    else
        assert_int_equal(op->field_count, fields ? cJSON_GetArraySize(fields) : 0);
    cJSON_ArrayForEach(item, fields) assert_field(op_body_field(op, slice_of(text_of(item, "name"))), item);
    assert_int_equal(op->body, strcmp(kind, "none") == 0 ? OP_BODY_NONE : OP_BODY_FIELDS);
    assert_int_equal(op->param_count, cJSON_GetArraySize(params));
    cJSON_ArrayForEach(item, params) assert_text(op->params[i++], cJSON_GetStringValue(item));
    assert_touches(op, cJSON_GetObjectItemCaseSensitive(fact, "touches"));
}

static void every_operation_is_there_as_the_facts_say(void **state)
{
    const cJSON *fact;

    (void)state;
    assert_int_equal(opcat_count(), 119);
    cJSON_ArrayForEach(fact, facts)
    {
        const struct op *op = opcat_by_name(slice_of(text_of(fact, "action")));
        assert_non_null(op);
        assert_text(op->name, text_of(fact, "action"));
        assert_op(op, fact);
    }
}

static void rows_and_fields_are_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < opcat_count(); i++) {
        const struct op *op = opcat_at(i);
        assert_int_equal(opcat_index(op), i);
        assert_true(i == 0 || slice_cmp(opcat_at(i - 1)->name, op->name) < 0);
        for (size_t k = 1; k < op->query_count; k++)
            assert_true(slice_cmp(op->query[k - 1].name, op->query[k].name) < 0);
        for (size_t k = 1; k < op->field_count; k++)
            assert_true(slice_cmp(op->fields[k - 1].name, op->fields[k].name) < 0);
    }
}

static void names_are_exact(void **state)
{
    static const char *const wrong[] = {
        "",  "createappservice", "CreateAppServic", "CreateAppServices", " ListServices", "Zzz",
        "A", "ListServices\n"
    };

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_null(opcat_by_name(slice_of(wrong[i])));
    assert_null(opcat_by_name(SLICE_NONE));
    assert_null(opcat_by_name(slice_from("ListServices\0", 13)));
    const struct op *create = opcat_by_name(S("CreateAppService"));
    assert_null(op_query_field(create, S("workspaceId")));
    assert_null(op_query_field(create, S("Replicas")));
    assert_null(op_query_field(create, SLICE_NONE));
    assert_null(op_body_field(create, S("replicas")));
    assert_null(op_body_field(create, S("WorkspaceId")));
    assert_null(op_query_field(opcat_by_name(S("DeleteService")), S("Force")));
}

/* ---- effects --------------------------------------------------------------- */

static bool touches(const struct op *op, const char *kind)
{
    for (size_t i = 0; i < op->touch_count; i++)
        if (strcmp(op->touches[i].kind, kind) == 0)
            return true;
    return false;
}

static void only_reads_that_change_and_mint_nothing_are_sent_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < opcat_count(); i++) {
        const struct op *op = opcat_at(i);
        bool reads = op->effect == OP_READ || op->effect == OP_SECRET;
        assert_true(op->effect > OP_EFFECT_NONE && op->effect < OP_EFFECT_COUNT_);
        assert_int_equal(op->retry, reads ? OP_RETRY_READ : OP_RETRY_NEVER);
        assert_true(!reads || op->method == HTTP1_GET);
        assert_true(op->effect != OP_READ || !touches(op, "secrets"));
    }
    /* README "Routing": a GET that mints a token */
    assert_int_equal(opcat_by_name(S("CreateServiceInstanceToken"))->method, HTTP1_GET);
    assert_int_equal(opcat_by_name(S("CreateServiceInstanceToken"))->retry, OP_RETRY_NEVER);
    assert_int_equal(opcat_by_name(S("DescribeServiceSignedUrl"))->retry, OP_RETRY_NEVER);
}

/* ---- meanings -------------------------------------------------------------- */

static void check_field(const struct op_field *f, size_t depth)
{
    bool has_inner = f->type == OP_OBJECT || f->type == OP_ARRAY_OBJECT || f->type == OP_MAP_ANY;

    assert_true(depth < 8 && f->name.n > 0);
    assert_true(f->meaning > OP_MEANS_NONE && f->meaning < OP_MEANING_COUNT_);
    assert_true(f->type > OP_TYPE_NONE && f->type <= OP_ANY);
    assert_int_equal(f->meaning == OP_INNER, has_inner);
    assert_int_equal(f->meaning == OP_INNER, f->inner_count > 0);
    assert_int_equal(f->bound != BOUND_NONE, f->meaning == OP_OWNED || f->meaning == OP_NEW ||
                                                 f->meaning == OP_BOUNDED || f->meaning == OP_LABEL_KEYS);
    for (size_t i = 0; i < f->inner_count; i++) {
        assert_true(i == 0 || slice_cmp(f->inner[i - 1].name, f->inner[i].name) < 0);
        check_field(&f->inner[i], depth + 1);
    }
}

static void every_value_has_a_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < opcat_count(); i++) {
        const struct op *op = opcat_at(i);
        for (size_t k = 0; k < op->param_count; k++) {
            check_field(&op->param_fields[k], 0);
            assert_true(slice_eq(op->param_fields[k].name, op->params[k]));
        }
        for (size_t k = 0; k < op->query_count; k++)
            check_field(&op->query[k], 0);
        for (size_t k = 0; k < op->field_count; k++)
            check_field(&op->fields[k], 0);
    }
}

/* README "What is dangerous": what makes instances grow, and nothing else but a restart, which may start. */
static void what_makes_instances_grow_raises(void **state)
{
    static const struct {
        const char *name;
        enum op_raise raise;
    } raising[] = {
        { "CreateAppService", OP_RAISE_CREATE },
        { "UpdateAppService", OP_RAISE_UPDATE },
        { "CreateService", OP_RAISE_CREATE },
        { "UpdateService", OP_RAISE_UPDATE },
        { "CloneService", OP_RAISE_CLONE },
        { "ScaleService", OP_RAISE_SCALE },
        { "CreateServiceAutoScaler", OP_RAISE_SCALE },
        { "UpdateServiceAutoScaler", OP_RAISE_SCALE },
        { "CreateServiceCronScaler", OP_RAISE_SCALE },
        { "UpdateServiceCronScaler", OP_RAISE_SCALE },
        { "StartService", OP_RAISE_START },
        { "RestartService", OP_RAISE_START },
        { "UpdateServiceInstance", OP_RAISE_DETACH },
        { "UpdateServiceVersion", OP_RAISE_VERSION },
    };
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(raising); i++)
        assert_int_equal(opcat_by_name(slice_of(raising[i].name))->raise, raising[i].raise);
    for (size_t i = 0; i < opcat_count(); i++) {
        count += opcat_at(i)->raise != OP_RAISE_NONE;
        assert_true(opcat_at(i)->raise != OP_RAISE_NONE || !touches(opcat_at(i), "replicas"));
    }
    assert_int_equal(count, COUNT(raising));
}

/* What a purchase, an owner or a list is, by hand from README "What is dangerous". */
static void purchases_are_counted_and_lists_are_cut(void **state)
{
    static const char *const counted[] = { "CreateBenchmarkTask",   "CreateGateway",
                                           "CreateResource",        "CreateResourceInstances",
                                           "CreateVirtualResource", "MigrateResourceInstance" };
    static const char *const lists[] = { "ListBenchmarkTask",    "ListGateway",
                                         "ListGroups",           "ListResourceInstanceWorker",
                                         "ListResourceServices", "ListResources",
                                         "ListServices",         "ListTenantAddons",
                                         "ListVirtualResource" };
    size_t counts = 0, cuts = 0;

    (void)state;
    for (size_t i = 0; i < opcat_count(); i++) {
        const struct op *op = opcat_at(i);
        counts += op->count.list.n > 0;
        cuts += op->list.items.n > 0;
        assert_true(!op->count.list.n || opcat_by_name(op->count.list)->effect == OP_READ);
    }
    assert_int_equal(counts, COUNT(counted));
    assert_int_equal(cuts, COUNT(lists));
    for (size_t i = 0; i < COUNT(counted); i++)
        assert_true(opcat_by_name(slice_of(counted[i]))->count.bound != BOUND_NONE);
    for (size_t i = 0; i < COUNT(lists); i++)
        assert_true(opcat_by_name(slice_of(lists[i]))->list.bound != BOUND_NONE);
}

static bool requires(const struct op *op, const char *entry)
{
    for (size_t i = 0; i < op->require_count; i++)
        if (strcmp(op->requires[i], entry) == 0)
            return true;
    return false;
}

static void what_has_an_owner_requires_his_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < opcat_count(); i++) {
        const struct op *op = opcat_at(i);
        for (size_t k = 0; k < op->param_count; k++)
            if (op->param_fields[k].meaning == OP_OWNED)
                assert_true(requires(op, bound_name(op->param_fields[k].bound)));
        for (size_t k = 0; k < op->require_count; k++) {
            struct slice rest = slice_of(op->requires[k]), key;
            while (slice_split(&rest, '|', &key)) {
                bool known = false;
                for (int b = 1; b < BOUND_COUNT_; b++)
                    known = known || slice_eq(slice_of(bound_name((enum bound)b)), key);
                assert_true(known);
            }
        }
    }
    assert_true(requires(opcat_by_name(S("ScaleService")), "max_replicas|service_specs|instance_types"));
    assert_true(requires(opcat_by_name(S("CreateGateway")), "max_gateways"));
    assert_true(requires(opcat_by_name(S("ListGroups")), "groups"));
    assert_true(requires(opcat_by_name(S("UpdateServiceLabel")), "label_keys"));
}

static void secrets_of_answers_are_pointed_at(void **state)
{
    const struct op *list = opcat_by_name(S("ListServices"));

    (void)state;
    assert_int_equal(list->secret_count, 2);
    assert_string_equal(list->secrets[0], "/Services/*/AccessToken");
    assert_string_equal(opcat_by_name(S("DescribeServiceSignedUrl"))->secrets[0], "/SignedUrl");
    for (size_t i = 0; i < opcat_count(); i++)
        for (size_t k = 0; k < opcat_at(i)->secret_count; k++)
            assert_int_equal(opcat_at(i)->secrets[k][0], '/');
}

static bool points_at(const struct op *op, const char *pointer)
{
    for (size_t i = 0; i < op->secret_count; i++)
        if (strcmp(op->secrets[i], pointer) == 0)
            return true;
    return false;
}

/* Each secret of an answer that the facts know has its pointer, and what gives one is no plain read. */
static void every_secret_of_the_facts_is_pointed_at(void **state)
{
    const cJSON *fact, *touch, *field;
    size_t pointers = 0, expected = 0;

    (void)state;
    cJSON_ArrayForEach(fact, facts)
    {
        const struct op *op = opcat_by_name(slice_of(text_of(fact, "action")));
        cJSON_ArrayForEach(touch, cJSON_GetObjectItemCaseSensitive(fact, "touches"))
        {
            cJSON_ArrayForEach(field, cJSON_GetObjectItemCaseSensitive(touch, "fields"))
            {
                const char *text = cJSON_GetStringValue(field);
                if (strcmp(text_of(touch, "kind"), "secrets") != 0 || strncmp(text, "response:", 9) != 0)
                    continue;
                assert_true(points_at(op, text + 9));
                assert_true(op->effect == OP_SECRET || op->effect == OP_MINT);
                expected++;
            }
        }
    }
    for (size_t i = 0; i < opcat_count(); i++)
        pointers += opcat_at(i)->secret_count;
    assert_true(expected > 0);
    assert_int_equal(pointers, expected);
}

static void names_of_effects_and_types(void **state)
{
    (void)state;
    assert_string_equal(op_effect_name(OP_READ), "read");
    assert_string_equal(op_effect_name(OP_LIFECYCLE), "lifecycle");
    assert_string_equal(op_effect_name(OP_LABEL), "label");
    assert_string_equal(op_effect_name(OP_EFFECT_COUNT_), "none");
    assert_string_equal(op_type_name(OP_MAP_STRING), "map of strings");
    assert_string_equal(op_type_name(OP_ANY), "any value");
    assert_string_equal(op_meaning_name(OP_REPLICAS), "replicas");
    assert_string_equal(op_meaning_name(OP_MEANING_COUNT_), "none");
    assert_string_equal(op_raise_name(OP_RAISE_CLONE), "clone");
    assert_string_equal(bound_name(BOUND_max_replicas), "max_replicas");
    assert_string_equal(bound_name(BOUND_NONE), "");
    assert_string_equal(bound_name(BOUND_COUNT_), "");
}

/* ---- matching -------------------------------------------------------------- */

static const char *const methods[] = { "GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "get" };

static void every_path_matches_itself_and_only_itself(void **state)
{
    static const char *const samples[] = { "cn-x", "a", "A_b~.9", "migrate", "...", "api", "v2" };
    const cJSON *fact;
    char path[512];

    (void)state;
    cJSON_ArrayForEach(fact, facts)
    {
        for (size_t s = 0; s < COUNT(samples); s++) {
            fill(text_of(fact, "path"), samples[s], path, sizeof path);
            for (size_t m = 0; m < COUNT(methods); m++)
                assert_same_as_facts(methods[m], path);
        }
        struct op_match match;
        fill(text_of(fact, "path"), "p", path, sizeof path);
        assert_int_equal(
            opcat_match(http1_method_of(slice_of(text_of(fact, "method"))), slice_of(path), &match),
            OPCAT_FOUND);
        assert_text(match.op->name, text_of(fact, "action"));
    }
}

static void parameters_are_views_in_order(void **state)
{
    const cJSON *fact, *param;
    char path[512], expected[8];

    (void)state;
    cJSON_ArrayForEach(fact, facts)
    {
        struct op_match match;
        size_t number = 0;
        fill(text_of(fact, "path"), "p", path, sizeof path);
        opcat_match(http1_method_of(slice_of(text_of(fact, "method"))), slice_of(path), &match);
        cJSON_ArrayForEach(param, cJSON_GetObjectItemCaseSensitive(fact, "path_params"))
        {
            snprintf(expected, sizeof expected, "p%zu", ++number);
            struct slice got = op_match_param(&match, slice_of(cJSON_GetStringValue(param)));
            assert_text(got, expected);
            assert_true(got.p > path && got.p < path + sizeof path);
        }
        assert_null(op_match_param(&match, S("NoSuchParameter")).p);
        assert_null(op_match_param(&match, S("clusterid")).p);
        assert_null(op_match_param(&match, SLICE_NONE).p);
    }
}

/* One segment more, one less, each literal in another case or cut: as the naive matcher says. */
static void near_misses(void **state)
{
    const cJSON *fact;
    char path[512], changed[600];

    (void)state;
    cJSON_ArrayForEach(fact, facts)
    {
        const char *method = text_of(fact, "method");
        fill(text_of(fact, "path"), "p", path, sizeof path);
        snprintf(changed, sizeof changed, "%s/zz", path);
        assert_same_as_facts(method, changed);
        snprintf(changed, sizeof changed, "%sx", path);
        assert_same_as_facts(method, changed);
        snprintf(changed, sizeof changed, "/v1%s", path);
        assert_same_as_facts(method, changed);
        snprintf(changed, sizeof changed, "%.*s", (int)(strrchr(path, '/') - path), path);
        assert_same_as_facts(method, changed);
        for (size_t i = 1; path[i]; i++) {
            snprintf(changed, sizeof changed, "%s", path);
            if (changed[i] < 'a' || changed[i] > 'z')
                continue;
            changed[i] = (char)(changed[i] - 32);
            assert_same_as_facts(method, changed);
        }
    }
}

static void traps_of_the_facts(void **state)
{
    static const struct {
        enum http1_method method;
        const char *path;
        enum opcat_result result;
        const char *op;
    } cases[] = {
        { HTTP1_POST, "/api/v2/resources/c/r/instances/migrate", OPCAT_FOUND, "MigrateResourceInstance" },
        { HTTP1_PUT, "/api/v2/resources/c/r/instances/migrate", OPCAT_FOUND, "UpdateResourceInstance" },
        { HTTP1_POST, "/api/v2/resources/c/r/instances/other", OPCAT_NO_METHOD, NULL },
        { HTTP1_GET, "/api/v2/resources/c/r/instances/migrate", OPCAT_NO_METHOD, NULL },
        { HTTP1_GET, "/api/v2/resources/c/r/instance/n/workers", OPCAT_FOUND, "ListResourceInstanceWorker" },
        { HTTP1_GET, "/api/v2/resources/c/r/instances/n/workers", OPCAT_NO_PATH, NULL },
        { HTTP1_GET, "/api/v2/services/c/s/instances/i/token", OPCAT_FOUND, "CreateServiceInstanceToken" },
        { HTTP1_POST, "/api/v2/services/c/s/instances/i/token", OPCAT_NO_METHOD, NULL },
        { HTTP1_GET, "/api/v2/app_services", OPCAT_NO_METHOD, NULL },
        { HTTP1_GET, "/api/v2/app_services/c/s", OPCAT_NO_METHOD, NULL },
        { HTTP1_GET, "/api/v2/app-services", OPCAT_NO_PATH, NULL },
        { HTTP1_METHOD_NONE, "/api/v2/services", OPCAT_NO_METHOD, NULL },
        { HTTP1_METHOD_OTHER, "/api/v2/services", OPCAT_NO_METHOD, NULL },
        { HTTP1_METHOD_OTHER, "/api/v2/service", OPCAT_NO_PATH, NULL },
        { HTTP1_GET, "/api/v2", OPCAT_NO_PATH, NULL },
        { HTTP1_GET, "/api", OPCAT_NO_PATH, NULL },
        { HTTP1_GET, "/api/v2/services/c", OPCAT_NO_PATH, NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct op_match match;
        assert_int_equal(opcat_match(cases[i].method, slice_of(cases[i].path), &match), cases[i].result);
        if (cases[i].op)
            assert_text(match.op->name, cases[i].op);
        else
            assert_null(match.op);
    }
}

static void paths_outside_the_grammar(void **state)
{
    static const struct {
        const char *why, *path;
    } cases[] = {
        { "empty", "" },
        { "root only", "/" },
        { "no slash first", "api/v2/services" },
        { "two slashes first", "//api/v2/services" },
        { "two slashes inside", "/api//v2/services" },
        { "two slashes in place of a parameter", "/api/v2/services//s" },
        { "trailing slash", "/api/v2/services/" },
        { "only slashes", "///" },
        { "dot segment", "/api/./v2/services" },
        { "dot-dot segment", "/api/v2/x/../services" },
        { "dot at the end", "/api/v2/services/." },
        { "dot-dot at the end", "/api/v2/services/c/.." },
        { "escaped dots", "/api/v2/x/%2e%2e/services" },
        { "escaped dot upper", "/api/v2/%2E/services" },
        { "escaped slash", "/api/v2/services/c%2fs" },
        { "escaped letter", "/api/v2/%73ervices" },
        { "escaped nul", "/api/v2/services%00" },
        { "double escape", "/api/v2/%2573ervices" },
        { "broken escape", "/api/v2/services%" },
        { "semicolon", "/api/v2/services;x=1" },
        { "semicolon in a parameter", "/api/v2/services/c/s;jsessionid=1" },
        { "blank", "/api/v2/ser vices" },
        { "tab", "/api/v2/services\t" },
        { "line end", "/api/v2/services\r\n" },
        { "query", "/api/v2/services?a=b" },
        { "empty query", "/api/v2/services?" },
        { "fragment", "/api/v2/services#x" },
        { "backslash", "/api\\v2\\services" },
        { "backslash in a parameter", "/api/v2/services/c/s\\x" },
        { "plus", "/api/v2/services/c/a+b" },
        { "star", "/api/v2/services/c/*" },
        { "colon", "/api/v2/services/c/a:start" },
        { "at", "/api/v2/services/c/a@b" },
        { "comma", "/api/v2/services/c/a,b" },
        { "equals", "/api/v2/services/c/a=b" },
        { "ampersand", "/api/v2/services/c/a&b" },
        { "brackets", "/api/v2/services/{ClusterId}/{ServiceName}" },
        { "e acute in UTF-8", "/api/v2/services/c/caf\xc3\xa9" },
        { "full-width s", "/api/v2/\xef\xbd\x93"
                          "ervices" },
        { "overlong slash", "/api/v2\xc0\xaf"
                            "services" },
        { "high byte", "/api/v2/services\xff" },
        { "absolute form", "http://pai-eas.cn-shanghai.aliyuncs.com/api/v2/services" },
        { "asterisk form", "*" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct op_match match;
        for (enum http1_method m = HTTP1_METHOD_NONE; m <= HTTP1_METHOD_OTHER; m++) {
            if (opcat_match(m, slice_of(cases[i].path), &match) != OPCAT_BAD_PATH)
                fail_msg("%s", cases[i].why);
            assert_null(match.op);
        }
    }
}

static void no_byte_outside_the_grammar_passes(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char path[] = "/api/v2/services/c/a?b";
        struct op_match match;
        bool fine = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    (c && strchr("-_.~", c));
        path[sizeof path - 3] = (char)c;
        enum opcat_result got = opcat_match(HTTP1_GET, slice_from(path, sizeof path - 1), &match);
        if (c == '/')
            assert_int_equal(got, OPCAT_NO_PATH); /* a shape that no operation has */
        else
            assert_int_equal(got, fine ? OPCAT_FOUND : OPCAT_BAD_PATH);
    }
    struct op_match match;
    assert_int_equal(opcat_match(HTTP1_GET, SLICE_NONE, &match), OPCAT_BAD_PATH);
    assert_int_equal(opcat_match(HTTP1_GET, slice_from("/api/v2/services\0", 17), &match), OPCAT_BAD_PATH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_is_there_as_the_facts_say),
        cmocka_unit_test(rows_and_fields_are_in_order),
        cmocka_unit_test(names_are_exact),
        cmocka_unit_test(only_reads_that_change_and_mint_nothing_are_sent_again),
        cmocka_unit_test(every_value_has_a_meaning),
        cmocka_unit_test(what_makes_instances_grow_raises),
        cmocka_unit_test(purchases_are_counted_and_lists_are_cut),
        cmocka_unit_test(what_has_an_owner_requires_his_key),
        cmocka_unit_test(secrets_of_answers_are_pointed_at),
        cmocka_unit_test(every_secret_of_the_facts_is_pointed_at),
        cmocka_unit_test(names_of_effects_and_types),
        cmocka_unit_test(every_path_matches_itself_and_only_itself),
        cmocka_unit_test(parameters_are_views_in_order),
        cmocka_unit_test(near_misses),
        cmocka_unit_test(traps_of_the_facts),
        cmocka_unit_test(paths_outside_the_grammar),
        cmocka_unit_test(no_byte_outside_the_grammar_passes),
    };

    return cmocka_run_group_tests(tests, load_facts, drop_facts);
}
