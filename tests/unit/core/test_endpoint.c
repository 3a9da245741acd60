/* Regions and hosts against docs/eas/endpoints.json, read when the test runs. */
#include "core/endpoint.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <cjson/cJSON.h>

static void every_region_has_the_host_of_the_facts(void **state)
{
    char text[8192] = "";
    FILE *file = fopen(EG_TESTS_DIR "/../docs/eas/endpoints.json", "rb");
    const cJSON *fact;

    (void)state;
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0 && feof(file));
    fclose(file);
    cJSON *facts = cJSON_Parse(text);
    assert_int_equal(cJSON_GetArraySize(facts), 28);
    assert_int_equal(endpoint_count(), 28);
    cJSON_ArrayForEach(fact, facts)
    {
        struct slice host = endpoint_of_region(slice_of(fact->string));
        assert_int_equal(host.n, strlen(fact->valuestring));
        assert_memory_equal(host.p, fact->valuestring, host.n);
    }
    cJSON_Delete(facts);
}

static void the_list_is_in_order_and_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < endpoint_count(); i++) {
        assert_non_null(endpoint_of_region(endpoint_region_at(i)).p);
        assert_true(i == 0 || slice_cmp(endpoint_region_at(i - 1), endpoint_region_at(i)) < 0);
    }
}

static void nothing_is_guessed(void **state)
{
    static const char *const wrong[] = { "",           "cn-shanghai ", "CN-SHANGHAI",
                                         "cn-shangha", "cn-shanghai2", "eu-west-9",
                                         "../x",       "cn_shanghai" };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_null(endpoint_of_region(slice_of(wrong[i])).p);
    assert_null(endpoint_of_region(SLICE_NONE).p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_region_has_the_host_of_the_facts),
        cmocka_unit_test(the_list_is_in_order_and_whole),
        cmocka_unit_test(nothing_is_guessed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
