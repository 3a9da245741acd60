/* Which operation a request is, and what a person is told when it is none. */
#include "core/request.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_routed(const char *method, const char *target, enum reason reason, const char *text)
{
    struct request r = { .body = NULL };
    struct err e = { 0 };

    assert_int_equal(request_route(http1_method_of(slice_of(method)), slice_of(target), &r, &e), reason);
    assert_string_equal(e.text, text);
    assert_true((r.match.op != NULL) == (reason == REASON_NONE));
}

static void says_which_methods_a_path_has(void **state)
{
    (void)state;
    assert_routed("PUT", "/api/v2/services/cn-shanghai/nlp_a", REASON_NONE, "");
    assert_routed("PATCH", "/api/v2/services/cn-shanghai/nlp_a", REASON_METHOD,
                  "no EAS operation of this path has this method; it has GET, PUT, DELETE");
    assert_routed("put", "/api/v2/app_services", REASON_METHOD,
                  "no EAS operation of this path has this method; it has POST");
    assert_routed("GET", "/api/v2/app_services?a=b", REASON_METHOD,
                  "no EAS operation of this path has method GET; it has POST");
    assert_routed("GET", "/api/v3/services", REASON_NO_OPERATION, "no EAS operation has this path");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(says_which_methods_a_path_has) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
