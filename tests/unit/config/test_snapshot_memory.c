/*
 * Loading when memory runs out: each allocation of a load fails once. Never a snapshot with a part missing: either the whole
 * one, or an error and nothing. What allocates is compiled into this test with allocators that count and fail on demand.
 */
#include <stdbool.h>
#include <stdlib.h>

static unsigned allocations, failing; /* the number of the one that fails; 0: none */

static bool fails_now(void)
{
    return ++allocations == failing;
}

static void *test_malloc(size_t n)
{
    return fails_now() ? NULL : malloc(n);
}

static void *test_calloc(size_t n, size_t size)
{
    return fails_now() ? NULL : calloc(n, size);
}

static void *test_realloc(void *p, size_t n)
{
    return fails_now() ? NULL : realloc(p, n);
}

#define malloc  test_malloc
#define calloc  test_calloc
#define realloc test_realloc
#include "../../../src/base/arena.c"
#include "../../../src/base/map.c"
#include "../../../src/base/sbuf.c"
#include "../../../src/config/problems.c"
#undef malloc
#undef calloc
#undef realloc

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "config/snapshot.h"

static char text[65536];
static size_t text_bytes;

static void read_file(const char *path)
{
    FILE *f = fopen(path, "rb");

    assert_non_null(f);
    text_bytes = fread(text, 1, sizeof text, f);
    fclose(f);
}

/* Load with allocation number `number` failing (0: none). How many there were. */
static unsigned load(unsigned number, bool is_good)
{
    struct config_errors errors = { 0 };

    failing = number;
    allocations = 0;
    struct snapshot *s = snapshot_load_text("f.ini", slice_from(text, text_bytes), false, &errors);
    failing = 0;
    if (s)
        assert_true(is_good && errors.count == 0 && s->client_count == 2 && map_count(s->tokens) == 2 &&
                    s->warnings && s->clients[1].policy && s->policies[1].allowed);
    else
        assert_true(errors.count > 0);
    assert_true(number > 0 || is_good == (s != NULL));
    snapshot_unref(&s);
    config_errors_drop(&errors);
    return allocations;
}

static void each_allocation_fails_once(const char *path, bool is_good)
{
    read_file(path);
    unsigned all = load(0, is_good);
    assert_true(all > 10);
    for (unsigned number = 1; number <= all; number++)
        load(number, is_good);
    print_message("%u allocations, each failed once\n", all);
}

static void a_good_file(void **state)
{
    (void)state;
    each_allocation_fails_once(EG_TESTS_DIR "/../conf/demo.ini", true);
}

static void a_bad_file(void **state)
{
    (void)state;
    each_allocation_fails_once(EG_TESTS_DIR "/proofs/T26-cases/cases.txt", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_good_file), cmocka_unit_test(a_bad_file) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
