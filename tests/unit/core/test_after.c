/* after: the arithmetic of docs/eas/README.md, "What is dangerous": every way in which a service comes to have instances. */
#include "core/after.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define ZERO INT64_MIN /* stated as 0 */

/* What a request states; 0 for what it does not. */
struct asked {
    const char *op;
    int64_t replicas, min, max, activation, target, surge;
    bool detach, replaces;
    const char *spec, *instance_type;
};
#define ASKED(...) ((struct asked){ .op = __VA_ARGS__ })

struct built {
    struct facts facts;
    struct fact values[8];
};

static void add(struct built *b, enum op_meaning meaning, int64_t n)
{
    if (n != 0)
        b->values[b->facts.count++] =
            (struct fact){ .meaning = meaning, .is_number = true, .number = n == ZERO ? 0 : n };
}

static void build(const struct asked *a, struct built *b)
{
    *b = (struct built){ .facts = { .op = opcat_by_name(slice_of(a->op)) } };
    assert_non_null(b->facts.op);
    b->facts.values = b->values;
    b->facts.raises = true;
    b->facts.replaces = a->replaces;
    b->facts.spec = a->spec ? slice_of(a->spec) : SLICE_NONE;
    b->facts.instance_type = a->instance_type ? slice_of(a->instance_type) : SLICE_NONE;
    add(b, OP_REPLICAS, a->replicas);
    add(b, OP_SCALER_MIN, a->min);
    add(b, OP_SCALER_MAX, a->max);
    add(b, OP_ACTIVATION, a->activation);
    add(b, OP_CRON_TARGET, a->target);
    add(b, OP_SURGE, a->surge);
    add(b, OP_DETACH, a->detach ? 1 : 0);
}

static struct after compute(struct asked asked, const struct service_state *now)
{
    struct built b;
    struct after after;
    struct err e = { 0 };

    build(&asked, &b);
    if (!after_compute(&b.facts, now, &after, &e))
        fail_msg("%s: %s", asked.op, e.text);
    return after;
}

static void refuse(struct asked asked, const struct service_state *now, enum err_code code)
{
    struct built b;
    struct after after;
    struct err e = { 0 };

    build(&asked, &b);
    assert_false(after_compute(&b.facts, now, &after, &e));
    assert_int_equal(e.code, code);
}

static void a_service_comes_to_its_largest_count(void **state)
{
    (void)state;
    assert_int_equal(service_peak(&(struct service_state){ .count = 0 }), 0);
    assert_int_equal(service_peak(&(struct service_state){ .count = 3 }), 3);
    assert_int_equal(service_peak(&(struct service_state){ .count = 0, .stored = 4 }), 4);
    /* 3 run, 2 are stored, so one is detached: 3 in all, not 4 */
    assert_int_equal(service_peak(&(struct service_state){ .count = 3, .stored = 2, .extra = 1 }), 3);
    assert_int_equal(service_peak(&(struct service_state){ .count = 3, .has_scaler = true, .scaler_max = 9 }),
                     9);
    assert_int_equal(service_peak(&(struct service_state){ .count = 3, .scaler_max = 2, .activation = 5 }),
                     5);
    assert_int_equal(service_peak(&(struct service_state){ .count = 3, .scaler_max = 9, .cron_max = 12 }),
                     12);
    assert_int_equal(service_peak(&(struct service_state){ .count = 3, .cron_max = 12, .surge = 2 }), 14);
}

static void a_new_service_has_what_is_stated(void **state)
{
    struct after a = compute(ASKED("CreateAppService", .replicas = 4, .spec = "s"), NULL);

    (void)state;
    assert_int_equal(a.peak, 4);
    assert_int_equal(a.now, 0);
    assert_true(slice_eq(a.spec, S("s")));
    assert_int_equal(compute(ASKED("CreateService", .replicas = 4, .max = 9, .surge = 1), NULL).peak, 10);
    /* what EAS says of a name that is there already changes nothing */
    assert_int_equal(
        compute(ASKED("CreateService", .replicas = 4), &(struct service_state){ .count = 9 }).peak, 4);
    refuse(ASKED("CreateService", .max = 9), NULL, ERR_MISSING);
}

static void what_is_not_stated_stays(void **state)
{
    const struct service_state now = { .spec = S_INIT("s"), .count = 4, .stored = 3, .extra = 1, .surge = 2 };
    struct after a = compute(ASKED("UpdateAppService"), &now);

    (void)state;
    assert_int_equal(a.replicas, 3);
    assert_int_equal(a.peak, 6);
    assert_int_equal(a.now, 6);
    assert_true(slice_eq(a.spec, S("s")));
    a = compute(ASKED("UpdateAppService", .replicas = 7, .spec = "t"), &now);
    assert_int_equal(a.peak, 10); /* and the detached one, and the surge */
    assert_true(slice_eq(a.spec, S("t")));
    assert_int_equal(compute(ASKED("UpdateService", .surge = ZERO), &now).peak, 4);
    assert_int_equal(compute(ASKED("ScaleService", .replicas = 1), &now).peak, 4);
    refuse(ASKED("UpdateAppService"), NULL, ERR_MISSING);
}

static void a_replacement_states_the_count_and_leaves_scalers(void **state)
{
    const struct service_state now = {
        .count = 2, .has_scaler = true, .scaler_max = 8, .cron_max = 9, .surge = 3
    };

    (void)state;
    assert_int_equal(compute(ASKED("UpdateService", .replaces = true, .replicas = 1), &now).peak, 9);
    assert_int_equal(compute(ASKED("UpdateService", .replaces = true, .replicas = 1, .max = 3), &now).scaler,
                     8);
    /* nor does a merge say that its scaler takes the place of the one that a call of its own has set */
    assert_int_equal(compute(ASKED("UpdateService", .replicas = 1, .max = 3), &now).scaler, 8);
    assert_int_equal(compute(ASKED("UpdateServiceAutoScaler", .min = 1, .max = 3), &now).scaler, 3);
    refuse(ASKED("UpdateService", .replaces = true, .surge = 1), &now, ERR_MISSING);
}

static void scalers_count_with_their_largest(void **state)
{
    const struct service_state now = { .count = 2 };

    (void)state;
    assert_int_equal(compute(ASKED("CreateServiceAutoScaler", .min = 1, .max = 6), &now).peak, 6);
    assert_int_equal(compute(ASKED("CreateServiceAutoScaler", .min = 7, .max = 6), &now).peak, 7);
    assert_int_equal(
        compute(ASKED("UpdateServiceAutoScaler", .min = 1, .max = 6, .activation = 8), &now).peak, 8);
    assert_int_equal(compute(ASKED("CreateServiceCronScaler", .target = 5), &now).peak, 5);
    assert_int_equal(compute(ASKED("CreateServiceCronScaler", .target = 1), &now).peak, 2);
    assert_int_equal(
        compute(ASKED("UpdateServiceCronScaler", .target = 3), &(struct service_state){ .cron_max = 9 }).peak,
        3);
    /* what is not stated of a scaler may stay: the replicas that it begins with from zero, or its larger minimum */
    const struct service_state zero = { .count = 1, .has_scaler = true, .scaler_max = 2, .activation = 5 };
    assert_int_equal(compute(ASKED("UpdateService", .min = 1, .max = 3), &zero).peak, 5);
    assert_int_equal(compute(ASKED("UpdateServiceAutoScaler", .min = 1, .max = 3), &zero).peak, 5);
    assert_int_equal(
        compute(ASKED("UpdateServiceAutoScaler", .min = 1, .max = 3, .activation = 2), &zero).peak, 3);
    const struct service_state low = { .count = 1, .has_scaler = true, .scaler_min = 4, .scaler_max = 9 };
    assert_int_equal(compute(ASKED("UpdateServiceAutoScaler", .max = 3), &low).peak, 4);
    assert_int_equal(compute(ASKED("UpdateService", .max = 3), &low).peak, 9);
    assert_int_equal(compute(ASKED("CloneService", .replicas = 1, .max = 3), &zero).peak, 5);
}

static void a_scaler_of_unknown_size_stops_all_growth(void **state)
{
    const struct service_state scaler = { .count = 2, .has_scaler = true };
    const struct service_state cron = { .count = 2, .has_cron = true };

    (void)state;
    refuse(ASKED("ScaleService", .replicas = 1), &scaler, ERR_CONFLICT);
    refuse(ASKED("StartService"), &cron, ERR_CONFLICT);
    assert_int_equal(compute(ASKED("UpdateServiceAutoScaler", .min = 1, .max = 3), &scaler).peak, 3);
    assert_int_equal(compute(ASKED("UpdateServiceCronScaler", .target = 3), &cron).peak, 3);
    refuse(ASKED("UpdateService", .min = 1, .max = 3), &scaler, ERR_CONFLICT); /* it may stay beside */
    refuse(ASKED("CloneService", .replicas = 1, .max = 3), &scaler, ERR_CONFLICT);
}

static void detached_instances_and_scalers_exclude_each_other(void **state)
{
    const struct service_state detached = { .count = 3, .stored = 2, .states_count = true, .extra = 1 };

    (void)state;
    assert_int_equal(compute(ASKED("UpdateServiceInstance", .detach = true), &detached).peak, 4);
    assert_int_equal(compute(ASKED("UpdateServiceInstance"), &detached).peak, 3);
    refuse(ASKED("UpdateServiceInstance", .detach = true),
           &(struct service_state){ .count = 3, .has_scaler = true, .scaler_max = 3 }, ERR_CONFLICT);
    refuse(ASKED("UpdateServiceInstance", .detach = true),
           &(struct service_state){ .count = 3, .has_cron = true, .cron_max = 3 }, ERR_CONFLICT);
    refuse(ASKED("CreateServiceAutoScaler", .min = 1, .max = 2), &detached, ERR_CONFLICT);
    refuse(ASKED("CreateServiceCronScaler", .target = 1), &detached, ERR_CONFLICT);
    refuse(ASKED("UpdateService", .max = 2), &detached, ERR_CONFLICT);
    /* a version that has a scaler brings it back */
    struct service_state back = detached;
    struct built config;
    build(&ASKED("CreateService", .replicas = 1, .max = 2), &config);
    back.version = &config.facts;
    refuse(ASKED("UpdateServiceVersion"), &back, ERR_CONFLICT);
    build(&ASKED("CreateService", .replicas = 1), &config);
    assert_int_equal(compute(ASKED("UpdateServiceVersion"), &back).peak, 3);
}

/* What is detached is known by what runs beyond the stored count: where that is not stated, or not all of it is there, nobody
 * could tell afterwards. */
static void nothing_is_detached_that_nobody_could_count(void **state)
{
    (void)state;
    refuse(ASKED("UpdateServiceInstance", .detach = true), &(struct service_state){ .count = 5 },
           ERR_CONFLICT);
    refuse(ASKED("UpdateServiceInstance", .detach = true),
           &(struct service_state){ .count = 3, .stored = 5, .states_count = true }, ERR_CONFLICT);
    assert_int_equal(compute(ASKED("UpdateServiceInstance", .detach = true),
                             &(struct service_state){ .count = 5, .stored = 5, .states_count = true })
                         .peak,
                     6);
}

/* An application's spec stays beside an instance type that is stated, also in a replacement; its own spec takes its place. */
static void an_application_keeps_its_spec(void **state)
{
    const struct service_state app = {
        .spec = S_INIT("s"), .is_app = true, .count = 1, .has_gpus = true, .gpus = 8
    };
    struct after a = compute(ASKED("UpdateService", .replicas = 2, .instance_type = "small"), &app);

    (void)state;
    assert_true(slice_eq(a.spec, S("small")) && slice_eq(a.kept_spec, S("s")));
    assert_true(a.has_gpus && a.gpus == 8);
    a = compute(ASKED("UpdateService", .replicas = 2, .instance_type = "small", .replaces = true), &app);
    assert_true(slice_eq(a.kept_spec, S("s")) && a.gpus == 8);
    assert_true(slice_eq(compute(ASKED("ScaleService", .replicas = 2), &app).kept_spec, S("s")));
    assert_false(compute(ASKED("UpdateAppService", .spec = "t"), &app).kept_spec.n);
    assert_false(compute(ASKED("CreateService", .replicas = 1, .instance_type = "small"), &app).kept_spec.n);
    /* a service of its own making has none to keep */
    const struct service_state raw = { .spec = S_INIT("big"), .count = 1, .has_gpus = true, .gpus = 8 };
    a = compute(ASKED("UpdateService", .instance_type = "small"), &raw);
    assert_true(!a.kept_spec.n && !a.has_gpus);
}

static void what_comes_back_counts(void **state)
{
    struct built config;
    const struct asked stored = ASKED("CreateService", .replicas = 6, .max = 8, .surge = 1);
    const struct asked plain = ASKED("CreateService", .replicas = 6, .surge = 1);
    struct service_state now = { .count = 2, .extra = 0 };

    (void)state;
    build(&stored, &config);
    now.config = now.version = &config.facts;
    assert_int_equal(compute(ASKED("UpdateServiceVersion"), &now).peak, 9);
    now.count = 12; /* the present count may stay */
    assert_int_equal(compute(ASKED("UpdateServiceVersion"), &now).peak, 13);
    now.count = 2;
    struct after clone = compute(ASKED("CloneService"), &now);
    assert_int_equal(clone.peak, 9);
    assert_int_equal(clone.now, 0);
    assert_int_equal(compute(ASKED("CloneService", .replicas = 1, .max = 2), &now).peak, 9);
    now.count = 8;
    now.extra = 3; /* detached instances are not cloned; beside a scaler nobody could tell them apart */
    assert_int_equal(compute(ASKED("CloneService"), &now).peak, 9);
    refuse(ASKED("UpdateServiceVersion"), &now, ERR_CONFLICT);
    build(&plain, &config);
    assert_int_equal(compute(ASKED("UpdateServiceVersion"), &now).peak, 10); /* 6, 3 detached, surge 1 */
    refuse(ASKED("CloneService"), &(struct service_state){ .count = 0 }, ERR_MISSING);
    assert_int_equal(compute(ASKED("StartService"), &(struct service_state){ .stored = 5 }).peak, 5);
    assert_int_equal(
        compute(ASKED("RestartService"), &(struct service_state){ .count = 3, .stored = 5 }).peak, 5);
}

static void gpus_are_those_of_one_replica(void **state)
{
    const struct service_state now = { .spec = S_INIT("s"), .count = 1, .has_gpus = true, .gpus = 2 };

    (void)state;
    assert_int_equal(compute(ASKED("ScaleService", .replicas = 2), &now).gpus, 2);
    assert_false(
        compute(ASKED("UpdateAppService", .spec = "t"), &now).has_gpus); /* another spec has its own */
    assert_false(compute(ASKED("CreateAppService", .replicas = 1, .spec = "s"), NULL).has_gpus);
}

static void sums_never_wrap(void **state)
{
    const struct service_state huge = { .count = INT64_MAX, .states_count = true, .surge = INT64_MAX };

    (void)state;
    assert_int_equal(service_peak(&huge), INT64_MAX);
    assert_int_equal(compute(ASKED("ScaleService", .replicas = 1), &huge).peak, INT64_MAX);
    assert_int_equal(
        compute(ASKED("UpdateServiceInstance", .detach = true),
                &(struct service_state){ .count = INT64_MAX, .states_count = true, .extra = INT64_MAX })
            .peak,
        INT64_MAX);
    refuse(ASKED("ScaleService", .replicas = 1), &(struct service_state){ .count = -5 }, ERR_RANGE);
    refuse(ASKED("ScaleService", .replicas = 1), &(struct service_state){ .surge = -5 }, ERR_RANGE);
    refuse(ASKED("ScaleService", .replicas = -5), &(struct service_state){ .count = 1 }, ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_comes_to_its_largest_count),
        cmocka_unit_test(a_new_service_has_what_is_stated),
        cmocka_unit_test(what_is_not_stated_stays),
        cmocka_unit_test(a_replacement_states_the_count_and_leaves_scalers),
        cmocka_unit_test(scalers_count_with_their_largest),
        cmocka_unit_test(a_scaler_of_unknown_size_stops_all_growth),
        cmocka_unit_test(detached_instances_and_scalers_exclude_each_other),
        cmocka_unit_test(nothing_is_detached_that_nobody_could_count),
        cmocka_unit_test(an_application_keeps_its_spec),
        cmocka_unit_test(what_comes_back_counts),
        cmocka_unit_test(gpus_are_those_of_one_replica),
        cmocka_unit_test(sums_never_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
