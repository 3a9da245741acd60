/* Name look-up beside the loop: literals, hosts, failures, staleness, and look-ups that hang. */
#include "edge/resolve.h"
#include "base/must.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int64_t now_ms;

static int64_t fake_ms(void *ctx)
{
    (void)ctx;
    return now_ms;
}

static const struct clock fake_clock = { fake_ms, fake_ms, NULL };
static atomic_uint lookups, fails;
static atomic_bool hang;

static void sleep_ms(long ms)
{
    struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&ts, NULL);
}

/* 10.0.0.<number of the look-up> */
static void numbered_lookup(const char *host, struct resolve_answer *out)
{
    struct sockaddr_in at = { .sin_family = AF_INET };

    (void)host;
    at.sin_addr.s_addr = htonl(0x0a000000u + atomic_fetch_add(&lookups, 1) + 1);
    for (int i = 0; i < 500 && atomic_load(&hang); i++)
        sleep_ms(10);
    if (atomic_load(&fails) > 0) {
        atomic_fetch_sub(&fails, 1);
        out->error = EAI_AGAIN;
        return;
    }
    memcpy(&out->addresses[out->count++], &at, sizeof at);
}

struct rig {
    struct event_base *base;
    struct resolver *resolver;
    unsigned news;
};

static void count_news(void *arg)
{
    ((struct rig *)arg)->news++;
}

static struct rig rig_new(resolve_lookup_fn lookup)
{
    struct rig r = { .base = event_base_new() };

    atomic_store(&lookups, 0);
    atomic_store(&fails, 0);
    atomic_store(&hang, false);
    now_ms = 1000000;
    r.resolver = resolver_new(r.base, &fake_clock, lookup, NULL);
    MUST(r.base && r.resolver);
    return r;
}

static void rig_drop(struct rig *r)
{
    resolver_free(&r->resolver);
    event_base_free(r->base);
}

static void run_until_news(struct rig *r, unsigned n)
{
    for (int i = 0; i < 500 && r->news < n; i++) {
        event_base_loop(r->base, EVLOOP_NONBLOCK);
        sleep_ms(2);
    }
    assert_int_equal(r->news, n);
}

/* Let a look-up that nobody waits for come back. */
static void run_a_while(struct rig *r)
{
    for (int i = 0; i < 20; i++) {
        event_base_loop(r->base, EVLOOP_NONBLOCK);
        sleep_ms(2);
    }
}

static unsigned last_byte(const struct resolve_answer *a)
{
    assert_non_null(a);
    assert_int_equal(a->addresses[0].ss_family, AF_INET);
    return ntohl(((const struct sockaddr_in *)(const void *)&a->addresses[0])->sin_addr.s_addr) & 0xff;
}

static void test_literals(void **state)
{
    struct rig r = rig_new(numbered_lookup);
    struct resolve_name *v4 = resolve_name_new(r.resolver, "10.0.0.77", count_news, &r);
    struct resolve_name *v6 = resolve_name_new(r.resolver, "::1", count_news, &r);

    (void)state;
    assert_int_equal(last_byte(resolve_name_get(v4)), 77);
    assert_int_equal(resolve_name_get(v6)->addresses[0].ss_family, AF_INET6);
    now_ms += 10 * RESOLVE_FRESH_MS;
    resolve_name_doubt(v4);
    assert_int_equal(last_byte(resolve_name_get(v4)), 77);
    assert_int_equal(atomic_load(&lookups), 0);
    resolve_name_free(&v4);
    resolve_name_free(&v6);
    rig_drop(&r);
}

static void test_system_knows_localhost(void **state)
{
    struct rig r = rig_new(resolve_lookup_system);
    struct resolve_name *n = resolve_name_new(r.resolver, "localhost", count_news, &r);

    (void)state;
    assert_null(resolve_name_get(n));
    assert_int_equal(r.news, 0);
    run_until_news(&r, 1);
    assert_true(resolve_name_get(n)->count >= 1);
    assert_null(resolve_name_error(n));
    resolve_name_free(&n);
    rig_drop(&r);
}

static void test_old_answer_while_asking_anew(void **state)
{
    struct rig r = rig_new(numbered_lookup);
    struct resolve_name *n = resolve_name_new(r.resolver, "a.test", count_news, &r);

    (void)state;
    assert_null(resolve_name_get(n));
    run_until_news(&r, 1);
    assert_int_equal(last_byte(resolve_name_get(n)), 1);
    now_ms += RESOLVE_FRESH_MS - 1;
    assert_int_equal(last_byte(resolve_name_get(n)), 1);
    run_a_while(&r);
    assert_int_equal(atomic_load(&lookups), 1);
    now_ms += 1;
    assert_int_equal(last_byte(resolve_name_get(n)), 1); /* the old one, at once */
    run_a_while(&r);
    assert_int_equal(last_byte(resolve_name_get(n)), 2);
    resolve_name_doubt(n);
    atomic_store(&fails, 1);
    assert_int_equal(last_byte(resolve_name_get(n)), 2);
    run_a_while(&r);
    assert_int_equal(last_byte(resolve_name_get(n)), 2); /* a failure does not take it away */
    assert_int_equal(r.news, 1);
    resolve_name_free(&n);
    rig_drop(&r);
}

static void test_failure_is_news(void **state)
{
    struct rig r = rig_new(numbered_lookup);
    struct resolve_name *n = resolve_name_new(r.resolver, "a.test", count_news, &r);

    (void)state;
    atomic_store(&fails, 1);
    assert_null(resolve_name_get(n));
    run_until_news(&r, 1);
    assert_non_null(resolve_name_error(n));
    assert_null(resolve_name_get(n)); /* asks again */
    run_until_news(&r, 2);
    assert_null(resolve_name_error(n));
    assert_int_equal(last_byte(resolve_name_get(n)), 2);
    resolve_name_free(&n);
    rig_drop(&r);
}

/* A stuck look-up is given up after RESOLVE_STUCK_MS; what it brings later is nobody's. */
static void test_stuck_lookup(void **state)
{
    struct rig r = rig_new(numbered_lookup);
    struct resolve_name *n = resolve_name_new(r.resolver, "a.test", count_news, &r);

    (void)state;
    atomic_store(&hang, true);
    assert_null(resolve_name_get(n));
    run_a_while(&r);
    assert_null(resolve_name_get(n));
    assert_int_equal(atomic_load(&lookups), 1);
    now_ms += RESOLVE_STUCK_MS;
    assert_null(resolve_name_get(n));
    run_a_while(&r);
    assert_int_equal(atomic_load(&lookups), 2);
    atomic_store(&hang, false);
    run_until_news(&r, 1);
    run_a_while(&r);
    assert_int_equal(last_byte(resolve_name_get(n)), 2);
    assert_int_equal(r.news, 1);
    resolve_name_free(&n);
    rig_drop(&r);
}

/* At most RESOLVE_THREADS_MAX hang at once; one more fails at once instead. Then everything is freed under way. */
static void test_many_stuck_lookups(void **state)
{
    struct rig r = rig_new(numbered_lookup);
    struct resolve_name *n[RESOLVE_THREADS_MAX + 1];

    (void)state;
    atomic_store(&hang, true);
    for (unsigned i = 0; i < RESOLVE_THREADS_MAX + 1; i++) {
        n[i] = resolve_name_new(r.resolver, "a.test", count_news, &r);
        assert_null(resolve_name_get(n[i]));
    }
    assert_int_equal(r.news, 0);
    run_until_news(&r, 1);
    assert_non_null(resolve_name_error(n[RESOLVE_THREADS_MAX]));
    for (int i = 0; i < 2000 && atomic_load(&lookups) < RESOLVE_THREADS_MAX; i++)
        sleep_ms(5); /* until each thread runs */
    for (unsigned i = 0; i < RESOLVE_THREADS_MAX + 1; i++)
        resolve_name_free(&n[i]);
    rig_drop(&r);
    assert_int_equal(atomic_load(&lookups), RESOLVE_THREADS_MAX);
    atomic_store(&hang, false);
    sleep_ms(60); /* the threads end and free what they hold */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_system_knows_localhost),
        cmocka_unit_test(test_old_answer_while_asking_anew),
        cmocka_unit_test(test_failure_is_news),
        cmocka_unit_test(test_stuck_lookup),
        cmocka_unit_test(test_many_stuck_lookups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
