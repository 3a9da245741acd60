/* The book of reservations and the truth: a team's sum is never smaller than what the calls so far can have led to. */
#include "core/truth.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#define GRACE_MS 30000

static bool owns_all(const void *ctx, struct slice service)
{
    (void)ctx;
    return service.n > 0;
}

/* Names that begin with the letter at ctx. */
static bool owns_letter(const void *ctx, struct slice service)
{
    return service.n > 0 && service.p[0] == *(const char *)ctx;
}

static const struct owner all = { owns_all, NULL };

struct changes {
    size_t count;
    char service[32];
    struct amounts before, now;
};

static void note_change(void *ctx, struct slice service, struct amounts before, struct amounts now)
{
    struct changes *c = ctx;

    c->count++;
    snprintf(c->service, sizeof c->service, "%.*s", SLICE_FMT(service));
    c->before = before;
    c->now = now;
}

struct team {
    struct budget *book;
    struct truth *truth;
    struct changes changes;
};

static struct team team_new(void)
{
    struct team t = { budget_new(), truth_new(), { 0 } };

    assert_non_null(t.book);
    assert_non_null(t.truth);
    return t;
}

static void team_free(struct team *t)
{
    truth_free(&t->truth);
    budget_free(&t->book);
    assert_null(t->truth);
    assert_null(t->book);
}

/* Replicas with two GPUs each. */
static struct amounts two(int64_t replicas)
{
    return amounts_of(replicas, 2);
}

static void read_truth(struct team *t, int64_t began, int64_t a, int64_t c)
{
    truth_read_begin(t->truth, budget_tick(t->book), began);
    if (a)
        assert_true(truth_read_service(t->truth, S("a"), two(a)));
    if (c)
        assert_true(truth_read_service(t->truth, S("c"), two(c)));
    assert_true(truth_read_done(t->truth, t->book, &all, note_change, &t->changes));
}

static void assert_sum(const struct team *t, struct slice without, int64_t replicas)
{
    struct amounts sum = truth_sum_without(t->truth, t->book, &all, without);

    assert_int_equal(sum.replicas, replicas);
    assert_int_equal(sum.gpus, 2 * replicas);
}

static void amounts_have_two_parts_and_an_end(void **state)
{
    (void)state;
    struct amounts most = amounts_max((struct amounts){ 1, 8 }, (struct amounts){ 4, 4 });
    assert_true(amounts_eq(most, (struct amounts){ 4, 8 }));
    assert_false(amounts_eq(most, (struct amounts){ 4, 7 }));
    assert_true(
        amounts_eq(amounts_of(INT64_MAX / 2 + 1, 2), (struct amounts){ INT64_MAX / 2 + 1, INT64_MAX }));
    assert_true(amounts_eq(amounts_of(5, 0), (struct amounts){ 5, 0 }));
    most = amounts_add((struct amounts){ INT64_MAX, 1 }, (struct amounts){ 1, INT64_MAX - 1 });
    assert_true(amounts_eq(most, (struct amounts){ INT64_MAX, INT64_MAX }));
}

static void counts_the_larger_of_listed_and_reserved(void **state)
{
    struct team t = team_new();

    (void)state;
    assert_false(truth_is_fresh(t.truth, 0, 1000));
    assert_int_equal(truth_began_at(t.truth), INT64_MIN);
    read_truth(&t, 100, 2, 3);
    assert_true(truth_is_fresh(t.truth, 1100, 1000));
    assert_false(truth_is_fresh(t.truth, 1101, 1000));
    assert_sum(&t, S("x"), 5);
    struct reservation *grow = budget_reserve(t.book, S("a"), two(4));
    struct reservation *shrink = budget_reserve(t.book, S("c"), two(1));
    struct reservation *fresh = budget_reserve(t.book, S("d"), two(6));
    struct reservation *twin = budget_reserve(t.book, S("d"), two(2));
    assert_sum(&t, S("x"), 4 + 3 + 6);
    assert_sum(&t, SLICE_NONE, 4 + 3 + 6);
    assert_sum(&t, S("a"), 3 + 6);
    assert_int_equal(truth_of_service(t.truth, t.book, S("d")).replicas, 6);
    budget_settle(&grow, BUDGET_NOTHING, 200);
    budget_settle(&shrink, BUDGET_DONE, 200);
    budget_settle(&fresh, BUDGET_DONE, 200);
    budget_settle(&twin, BUDGET_NOTHING, 200);
    assert_null(fresh);
    assert_sum(&t, S("x"), 2 + 3 + 6);
    assert_true(amounts_eq(truth_listed(t.truth), two(5)));
    assert_int_equal(truth_services(t.truth), 2);
    team_free(&t);
}

/* A change of hardware: for a while it may be either, so each part counts by its larger value. */
static void each_part_counts_by_its_larger_value(void **state)
{
    struct team t = team_new();

    (void)state;
    read_truth(&t, 100, 4, 0); /* 4 replicas, 8 GPUs */
    struct reservation *r = budget_reserve(t.book, S("a"), amounts_of(2, 8));
    assert_true(amounts_eq(truth_sum_without(t.truth, t.book, &all, SLICE_NONE), (struct amounts){ 4, 16 }));
    budget_settle(&r, BUDGET_DONE, 150);
    team_free(&t);
}

static void a_reading_that_began_before_the_end_does_not_release(void **state)
{
    struct team t = team_new();
    struct reservation *r = budget_reserve(t.book, S("a"), two(4));

    (void)state;
    truth_read_begin(t.truth, budget_tick(t.book), 150);
    budget_settle(&r, BUDGET_DONE, 150); /* ends while the list is read: the list may miss it */
    assert_true(truth_read_done(t.truth, t.book, &all, NULL, NULL));
    assert_sum(&t, S("x"), 4);
    read_truth(&t, 150, 3, 0); /* begins behind it, be it in the same millisecond */
    assert_sum(&t, S("x"), 3);
    team_free(&t);
}

static void unknown_outcomes_count_until_they_are_certain(void **state)
{
    struct team t = team_new();
    struct reservation *r = budget_reserve(t.book, S("a"), two(4));

    (void)state;
    budget_settle(&r, BUDGET_UNKNOWN, 1000 + GRACE_MS);
    read_truth(&t, 1000 + GRACE_MS, 0, 0);
    assert_sum(&t, S("x"), 4);
    read_truth(&t, 1001 + GRACE_MS, 0, 0);
    assert_sum(&t, S("x"), 0);
    team_free(&t);
}

static void a_failed_reading_changes_nothing(void **state)
{
    struct team t = team_new();

    (void)state;
    read_truth(&t, 100, 2, 0);
    truth_read_begin(t.truth, budget_tick(t.book), 200);
    assert_true(truth_read_service(t.truth, S("a"), two(9)));
    truth_read_abandon(t.truth);
    assert_sum(&t, S("x"), 2);
    assert_int_equal(truth_began_at(t.truth), 100);
    team_free(&t);
}

static void a_doubt_outlives_a_reading_that_began_before_it(void **state)
{
    struct team t = team_new();

    (void)state;
    read_truth(&t, 100, 2, 0);
    truth_read_begin(t.truth, budget_tick(t.book), 150);
    truth_doubt(t.truth, budget_tick(t.book));
    assert_false(truth_is_fresh(t.truth, 200, 1000));
    assert_true(truth_read_done(t.truth, t.book, &all, NULL, NULL));
    assert_false(truth_is_fresh(t.truth, 200, 1000));
    read_truth(&t, 300, 1, 0);
    assert_true(truth_is_fresh(t.truth, 300, 1000));
    truth_read_begin(t.truth, budget_tick(t.book), 400);
    truth_reset(t.truth); /* another configuration: neither the old truth nor its reading may decide */
    assert_false(truth_is_fresh(t.truth, 400, 1000));
    assert_false(truth_read_done(t.truth, t.book, &all, NULL, NULL));
    assert_int_equal(truth_began_at(t.truth), INT64_MIN);
    team_free(&t);
}

static void a_service_on_two_pages_counts_once(void **state)
{
    struct team t = team_new();

    (void)state;
    truth_read_begin(t.truth, budget_tick(t.book), 1);
    assert_true(truth_read_service(t.truth, S("a"), two(2)) && truth_read_service(t.truth, S("a"), two(5)) &&
                truth_read_service(t.truth, S("a"), two(3)));
    assert_true(truth_read_done(t.truth, t.book, &all, NULL, NULL));
    assert_sum(&t, S("x"), 5);
    team_free(&t);
}

/* Two teams share the book: each sees only its own, and its reading releases only its own. */
static void one_book_serves_all_owners(void **state)
{
    struct team t = team_new();
    const struct owner of_a = { owns_letter, "a" }, of_b = { owns_letter, "b" };
    struct reservation *a = budget_reserve(t.book, S("a1"), two(4)),
                       *b = budget_reserve(t.book, S("b1"), two(1));

    (void)state;
    assert_int_equal(truth_sum_without(t.truth, t.book, &of_a, SLICE_NONE).replicas, 4);
    assert_int_equal(truth_sum_without(t.truth, t.book, &of_b, SLICE_NONE).replicas, 1);
    budget_settle(&a, BUDGET_DONE, 10);
    budget_settle(&b, BUDGET_DONE, 10);
    truth_read_begin(t.truth, budget_tick(t.book), 20);
    assert_true(truth_read_done(t.truth, t.book, &of_a, NULL, NULL));
    assert_int_equal(truth_sum_without(t.truth, t.book, &of_a, SLICE_NONE).replicas, 0);
    assert_int_equal(truth_sum_without(t.truth, t.book, &of_b, SLICE_NONE).replicas, 1);
    budget_forget(t.book, NULL, 0, 11);
    assert_false(budget_has(t.book, S("b1")));
    team_free(&t);
}

static void drift_is_what_no_call_of_ours_explains(void **state)
{
    struct team t = team_new();

    (void)state;
    read_truth(&t, 100, 2, 3);
    assert_int_equal(t.changes.count, 0); /* the first one shows no change */
    read_truth(&t, 200, 2, 3);
    assert_int_equal(t.changes.count, 0);
    read_truth(&t, 300, 2, 5);
    assert_int_equal(t.changes.count, 1);
    assert_string_equal(t.changes.service, "c");
    assert_int_equal(t.changes.before.replicas, 3);
    assert_int_equal(t.changes.now.replicas, 5);
    read_truth(&t, 400, 2, 5); /* said once */
    assert_int_equal(t.changes.count, 1);
    read_truth(&t, 500, 0, 5);
    assert_int_equal(t.changes.count, 2);
    assert_string_equal(t.changes.service, "a");
    assert_int_equal(t.changes.now.replicas, 0);
    /* a delete of ours: reserves nothing, explains that it is gone */
    struct reservation *gone = budget_reserve(t.book, S("c"), (struct amounts){ 0, 0 });
    budget_settle(&gone, BUDGET_DONE, 550);
    read_truth(&t, 600, 0, 0);
    assert_int_equal(t.changes.count, 2);
    read_truth(&t, 700, 0, 1); /* and it explains nothing that comes later */
    assert_int_equal(t.changes.count, 3);
    team_free(&t);
}

/* ---- against a model in another form: a log of what happened, searched anew for each question ---- */

#define NAMES 5
#define STEPS 4000

struct event { /* of one reservation */
    int service;
    struct amounts most;
    struct reservation *open;
    int64_t ended, certain; /* -1: not yet */
    int ended_step;
    bool is_unknown, is_nothing;
};

struct random {
    uint64_t x;
};

static uint64_t any(struct random *r, uint64_t below)
{
    r->x ^= r->x << 13;
    r->x ^= r->x >> 7;
    r->x ^= r->x << 17;
    return r->x % below;
}

static const char *const names[NAMES] = { "a1", "a2", "a3", "b1", "b2" };

static int64_t most_of(const struct event *events, size_t count, int service, const int64_t *listed,
                       int64_t read_at, int read_step, bool gpus)
{
    int64_t most = listed[service];

    for (size_t i = 0; i < count; i++) {
        const struct event *e = &events[i];
        int64_t n = gpus ? e->most.gpus : e->most.replicas;
        bool counts = e->ended < 0 ||
                      (!e->is_nothing && (e->is_unknown ? e->certain >= read_at : e->ended_step > read_step));
        if (e->service == service && counts && n > most)
            most = n;
    }
    return most;
}

static void agrees_with_a_log_of_all_that_happened(void **state)
{
    const struct owner owners[2] = { { owns_letter, "a" }, { owns_letter, "b" } };

    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct random r = { seed * 0x9e3779b97f4a7c15 };
        struct budget *book = budget_new();
        struct truth *truths[2] = { truth_new(), truth_new() };
        static struct event events[STEPS];
        size_t count = 0;
        int64_t now = 1000, read_at[2] = { INT64_MIN, INT64_MIN };
        int read_step[2] = { -1, -1 };
        int64_t listed[2][NAMES] = { { 0 } }; /* replicas; GPUs are three times as many */
        for (int step = 0; step < STEPS; step++) {
            now += (int64_t)any(&r, 20);
            uint64_t what = any(&r, 10);
            if (what < 4) {
                int s = (int)any(&r, NAMES);
                struct amounts most = { (int64_t)any(&r, 9), (int64_t)any(&r, 30) };
                events[count++] =
                    (struct event){ s,     most, budget_reserve(book, slice_of(names[s]), most), -1, -1, 0,
                                    false, false };
                assert_non_null(events[count - 1].open);
            } else if (what < 9 && count) {
                struct event *e = &events[any(&r, count)];
                if (e->open) {
                    enum budget_end end = (enum budget_end)(BUDGET_NOTHING + any(&r, 3));
                    e->ended = now;
                    e->certain = end == BUDGET_UNKNOWN ? now + (int64_t)any(&r, 100) : now;
                    budget_settle(&e->open, end, e->certain);
                    e->ended_step = step;
                    e->is_unknown = end == BUDGET_UNKNOWN;
                    e->is_nothing = end == BUDGET_NOTHING;
                }
            } else {
                int team = (int)any(&r, 2);
                truth_read_begin(truths[team], budget_tick(book), now);
                read_at[team] = now;
                read_step[team] = step;
                for (int s = 0; s < NAMES; s++) {
                    bool is_listed = names[s][0] == (team ? 'b' : 'a') && any(&r, 3) > 0;
                    listed[team][s] = is_listed ? (int64_t)any(&r, 9) : 0;
                    if (is_listed)
                        assert_true(truth_read_service(truths[team], slice_of(names[s]),
                                                       amounts_of(listed[team][s], 3)));
                }
                assert_true(truth_read_done(truths[team], book, &owners[team], NULL, NULL));
            }
            int team = (int)any(&r, 2), without = (int)any(&r, NAMES);
            struct amounts want = { 0, 0 };
            int64_t gpus_listed[NAMES];
            for (int s = 0; s < NAMES; s++)
                gpus_listed[s] = 3 * listed[team][s];
            for (int s = 0; s < NAMES; s++) {
                if (s == without || names[s][0] != (team ? 'b' : 'a'))
                    continue;
                want.replicas +=
                    most_of(events, count, s, listed[team], read_at[team], read_step[team], false);
                want.gpus += most_of(events, count, s, gpus_listed, read_at[team], read_step[team], true);
            }
            struct amounts got =
                truth_sum_without(truths[team], book, &owners[team], slice_of(names[without]));
            if (!amounts_eq(got, want))
                fail_msg("seed %d step %d: %d/%d, the log says %d/%d", (int)seed, step, (int)got.replicas,
                         (int)got.gpus, (int)want.replicas, (int)want.gpus);
        }
        for (size_t i = 0; i < count; i++)
            if (events[i].open)
                budget_settle(&events[i].open, BUDGET_NOTHING, now);
        truth_free(&truths[0]);
        truth_free(&truths[1]);
        budget_free(&book);
    }
}

/* ---- a cloud that applies changes whenever it likes: what is let in by the sum never passes the limit ---- */

#define LIMIT   10
#define CALLS   40
#define PATIENT 40 /* the grace: the latest that a change applies after its answer was lost */

struct call {
    struct reservation *place;
    int service;
    int64_t target, applies_at, ends_at; /* applies_at > ends_at: its answer was lost; -1: never */
    bool is_applied;
};

struct cloud {
    int64_t has[NAMES];
    struct call calls[CALLS];
};

static int64_t cloud_sum(const struct cloud *c)
{
    int64_t sum = 0;

    for (int s = 0; s < NAMES; s++)
        sum += c->has[s];
    return sum;
}

/* Let a call in if its sum fits, as flow does. */
static bool admit(struct team *t, struct call *call, struct random *r, int64_t now)
{
    struct slice name = slice_of(names[call->service]);
    int64_t own = truth_of_service(t->truth, t->book, name).replicas;
    int64_t others = truth_sum_without(t->truth, t->book, &all, name).replicas;

    call->target = (int64_t)any(r, 7);
    if (call->target > own && others + call->target > LIMIT)
        return false;
    call->place = budget_reserve(t->book, name, amounts_of(call->target, 0));
    call->is_applied = false;
    call->ends_at = now + 1 + (int64_t)any(r, 15);
    uint64_t fate = any(r, 4);
    call->applies_at = fate == 0   ? -1
                       : fate == 1 ? call->ends_at + 1 + (int64_t)any(r, PATIENT)
                                   : now + (int64_t)any(r, (uint64_t)(call->ends_at - now));
    return true;
}

static void run_calls(struct cloud *c, struct random *r, int64_t now)
{
    for (int i = 0; i < CALLS; i++) {
        struct call *call = &c->calls[i];
        if (!call->is_applied && call->applies_at == now) {
            c->has[call->service] = call->target;
            call->is_applied = true;
        }
        if (call->place && call->ends_at == now) {
            bool is_refused = call->applies_at < 0 && any(r, 2);
            enum budget_end end = is_refused         ? BUDGET_NOTHING
                                  : call->is_applied ? (any(r, 4) ? BUDGET_DONE : BUDGET_UNKNOWN)
                                                     : BUDGET_UNKNOWN;
            budget_settle(&call->place, end, end == BUDGET_UNKNOWN ? now + PATIENT : now);
        }
    }
}

static void a_cloud_of_any_order_never_passes_the_limit(void **state)
{
    int64_t most = 0, admitted = 0, refused = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct random r = { seed * 0x2545f4914f6cdd1d };
        struct team t = team_new();
        struct cloud c = { .has = { 0 } };
        int reading = -1; /* the service that is listed next */
        for (int64_t now = 1; now <= 3000; now++) {
            run_calls(&c, &r, now);
            if (reading < 0 && any(&r, 12) == 0) {
                truth_read_begin(t.truth, budget_tick(t.book), now);
                reading = 0;
            } else if (reading >= 0 && reading < NAMES &&
                       any(&r, 2)) { /* page by page, each at its own time */
                assert_true(
                    truth_read_service(t.truth, slice_of(names[reading]), amounts_of(c.has[reading], 0)));
                reading++;
            } else if (reading == NAMES) {
                assert_true(truth_read_done(t.truth, t.book, &all, NULL, NULL));
                reading = -1;
            }
            struct call *call = &c.calls[any(&r, CALLS)];
            bool is_over = !call->place && (call->is_applied || call->applies_at < now);
            if (is_over && truth_began_at(t.truth) != INT64_MIN) {
                call->service = (int)any(&r, NAMES);
                if (admit(&t, call, &r, now))
                    admitted++;
                else
                    refused++;
            }
            if (cloud_sum(&c) > LIMIT)
                fail_msg("seed %d, %d ms: %d replicas", (int)seed, (int)now, (int)cloud_sum(&c));
            if (cloud_sum(&c) > most)
                most = cloud_sum(&c);
        }
        for (int i = 0; i < CALLS; i++)
            if (c.calls[i].place)
                budget_settle(&c.calls[i].place, BUDGET_NOTHING, 4000);
        team_free(&t);
    }
    assert_int_equal(most, LIMIT); /* it was tried hard: the limit was reached */
    assert_true(admitted > 1000 && refused > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_have_two_parts_and_an_end),
        cmocka_unit_test(counts_the_larger_of_listed_and_reserved),
        cmocka_unit_test(each_part_counts_by_its_larger_value),
        cmocka_unit_test(a_reading_that_began_before_the_end_does_not_release),
        cmocka_unit_test(unknown_outcomes_count_until_they_are_certain),
        cmocka_unit_test(a_failed_reading_changes_nothing),
        cmocka_unit_test(a_doubt_outlives_a_reading_that_began_before_it),
        cmocka_unit_test(a_service_on_two_pages_counts_once),
        cmocka_unit_test(one_book_serves_all_owners),
        cmocka_unit_test(drift_is_what_no_call_of_ours_explains),
        cmocka_unit_test(agrees_with_a_log_of_all_that_happened),
        cmocka_unit_test(a_cloud_of_any_order_never_passes_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
