/* easgate ops: exit codes, and its JSON against docs/eas/operations.json. */
#include "app/cmd.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>
#include <cjson/cJSON.h>

#define OUTPUT_MAX_BYTES (1 << 20)

static char output[OUTPUT_MAX_BYTES];

/* Run the command with standard output and error into `output`; the exit code. */
static int run(const char *a, const char *b, const char *c)
{
    char texts[4][64] = { "ops" };
    char *argv[5] = { texts[0] };
    int argc = 1;
    const char *const args[] = { a, b, c };

    for (size_t i = 0; i < 3 && args[i]; i++) {
        snprintf(texts[i + 1], sizeof texts[i + 1], "%s", args[i]);
        argv[argc++] = texts[i + 1];
    }
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    fflush(stderr);
    int saved_out = dup(1), saved_err = dup(2);
    assert_true(saved_out >= 0 && saved_err >= 0);
    dup2(fileno(file), 1);
    dup2(fileno(file), 2);
    int code = cmd_ops(argc, argv);
    fflush(stdout);
    dup2(saved_out, 1);
    dup2(saved_err, 2);
    close(saved_out);
    close(saved_err);
    rewind(file);
    output[fread(output, 1, sizeof output - 1, file)] = '\0';
    fclose(file);
    return code;
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

    assert_non_null(text);
    return text;
}

/* Where the first touch looks, or NULL. */
static const cJSON *first_touch(const cJSON *op)
{
    const cJSON *touch = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(op, "touches"), 0);

    return cJSON_GetObjectItemCaseSensitive(touch, "fields");
}

static void json_holds_what_the_facts_say(void **state)
{
    char *text = calloc(1, 1 << 20);
    FILE *file = fopen(EG_TESTS_DIR "/../docs/eas/operations.json", "rb");
    const cJSON *fact, *row;

    (void)state;
    assert_true(file && text && fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    cJSON *facts = cJSON_Parse(text);
    assert_int_equal(run("--json", NULL, NULL), 0);
    cJSON *rows = cJSON_Parse(output);
    assert_int_equal(cJSON_GetArraySize(rows), 119);
    cJSON_ArrayForEach(fact, facts)
    {
        cJSON_ArrayForEach(row, rows) if (strcmp(text_of(row, "name"), text_of(fact, "action")) == 0) break;
        assert_non_null(row);
        assert_string_equal(text_of(row, "method"), text_of(fact, "method"));
        assert_string_equal(text_of(row, "path"), text_of(fact, "path"));
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(row, "query")),
                         cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(fact, "query")));
        assert_true(!first_touch(fact) || cJSON_Compare(first_touch(row), first_touch(fact), true));
    }
    cJSON_Delete(rows);
    cJSON_Delete(facts);
    free(text);
}

static void one_operation(void **state)
{
    (void)state;
    assert_int_equal(run("UpdateAppService", NULL, NULL), 0);
    assert_non_null(strstr(output, "PUT /api/v2/app_services/{ClusterId}/{ServiceName}"));
    assert_non_null(strstr(output, "WorkspaceId"));
    assert_non_null(strstr(output, "Replicas"));
    assert_int_equal(run("ScaleService", "--json", NULL), 0);
    cJSON *row = cJSON_Parse(output);
    assert_string_equal(text_of(row, "name"), "ScaleService");
    assert_string_equal(text_of(row, "raise"), "scale");
    assert_string_equal(
        cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(row, "needs"), 0)),
        "services");
    cJSON_Delete(row);
}

static void the_table_has_a_line_for_each(void **state)
{
    size_t lines = 0;

    (void)state;
    assert_int_equal(run(NULL, NULL, NULL), 0);
    for (const char *at = output; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 120);
    assert_non_null(strstr(output, "\nCreateAppService"));
}

static void usage_errors_are_2(void **state)
{
    (void)state;
    assert_int_equal(run("--help", NULL, NULL), 0);
    assert_non_null(strstr(output, "examples:"));
    assert_int_equal(run("--yaml", NULL, NULL), 2);
    assert_int_equal(run("createappservice", NULL, NULL), 2);
    assert_int_equal(run("", NULL, NULL), 2);
    assert_int_equal(run("CreateAppService", "DeleteService", NULL), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_holds_what_the_facts_say),
        cmocka_unit_test(one_operation),
        cmocka_unit_test(the_table_has_a_line_for_each),
        cmocka_unit_test(usage_errors_are_2),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
