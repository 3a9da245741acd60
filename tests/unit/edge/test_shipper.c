/*
 * The copy of the audit log to syslog, over real sockets of each kind: every record of the log arrives, first arrivals in
 * order, whatever happens to the collector, to the gateway or to the files; and the log never waits for it. What arrived is
 * compared with the log as audit_world reads it.
 */
#include "audit_world.inc"
#include "edge/shipper.h"
#include "edge/stub_syslog.h"
#include <signal.h>
#include <zstd.h>

#define NAME "collector.easgate.test"

struct rig {
    struct world w;
    struct collector c;
    struct shipper *shipper;
    struct shipper_config cfg;
    struct metrics *metrics;
    char place[160], ca[64];
    struct stub_pair ca_pair, pair;
};

static void on_rig_durable(void *ctx, uint64_t upto)
{
    ((struct rig *)ctx)->w.durable = upto;
}

static void on_rig_ship_durable(void *ctx, uint64_t ticket)
{
    struct rig *r = ctx;

    if (r->shipper)
        shipper_durable(r->shipper, ticket);
}

static void on_rig_written(void *ctx, uint64_t last_seq)
{
    struct rig *r = ctx;

    if (r->shipper)
        shipper_written(r->shipper, last_seq);
}

static void on_rig_lost(void *ctx)
{
    ((struct rig *)ctx)->w.lost++;
}

static uint64_t rig_append(void *ctx, const struct audit_rec *rec)
{
    return auditor_append(((struct rig *)ctx)->w.auditor, rec);
}

static void look_up_here(const char *host, struct resolve_answer *out)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };

    assert_string_equal(host, NAME);
    out->count = 1;
    memcpy(&out->addresses[0], &at, sizeof at);
}

static void open_log(struct rig *r)
{
    must_open(&r->w);
    auditor_set_events(r->w.auditor, &(struct auditor_events){ .durable = on_rig_durable,
                                                               .ship_durable = on_rig_ship_durable,
                                                               .lost = on_rig_lost,
                                                               .written = on_rig_written,
                                                               .ctx = r });
}

static void open_shipper(struct rig *r)
{
    struct err e = { 0 };

    r->shipper = shipper_open(&r->cfg, auditor_last_seq(r->w.auditor), &e);
    if (!r->shipper)
        fail_msg("%s", e.text);
}

static void set_place(struct rig *r)
{
    struct err e = { 0 };
    bool is_unix = r->c.kind == STUB_DATAGRAM || r->c.kind == STUB_STREAM;

    if (is_unix)
        snprintf(r->place, sizeof r->place, "unix:%s", r->c.path);
    else
        snprintf(r->place, sizeof r->place, "%s:" NAME ":%u", r->c.kind == STUB_TLS ? "tls" : "tcp",
                 r->c.port);
    if (!address_parse_syslog(slice_of(r->place), &r->cfg.place, &e))
        fail_msg("%s", e.text);
}

/* A log with some records, a collector that runs, no shipper yet. */
static void rig_init(struct rig *r, enum stub_kind kind, const char *cert_name)
{
    memset(r, 0, sizeof *r);
    world_init(&r->w, false);
    r->w.cfg.ledger.max_segment_bytes = 16 * 1024;
    open_log(r);
    collector_init(&r->c, kind, r->w.dir);
    if (kind == STUB_TLS) {
        r->ca_pair = stub_ca_new("collector's ca");
        r->pair = stub_pair_new(&(struct cert_spec){ .san = cert_name }, &r->ca_pair);
        snprintf(r->ca, sizeof r->ca, "/tmp/easgate-ship-ca-XXXXXX");
        stub_write_pem(&r->ca_pair, r->ca);
        r->c.ctx = SSL_CTX_new(TLS_server_method());
        assert_int_equal(SSL_CTX_use_certificate(r->c.ctx, r->pair.cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(r->c.ctx, r->pair.key), 1);
    }
    collector_start(&r->c);
    r->metrics = metrics_new();
    r->cfg = (struct shipper_config){ .log_path = r->w.path,
                                      .ca_file = slice_of(r->ca),
                                      .host = "gw1",
                                      .clock = &clock_system,
                                      .lookup = look_up_here,
                                      .append = rig_append,
                                      .ctx = r,
                                      .metrics = r->metrics,
                                      .connect_ms = 5000,
                                      .stall_ms = 5000,
                                      .receipt_ms = 5000,
                                      .idle_ms = 30,
                                      .session_ms = 200,
                                      .gather_ms = 5,
                                      .backoff_min_ms = 5,
                                      .backoff_max_ms = 40,
                                      .gap_ms = 50 };
    set_place(r);
}

static void rig_drop(struct rig *r)
{
    assert_true(shipper_close(&r->shipper, 5000));
    collector_drop(&r->c);
    if (r->pair.cert) {
        stub_pair_drop(&r->pair);
        stub_pair_drop(&r->ca_pair);
        unlink(r->ca);
    }
    metrics_free(&r->metrics);
    world_drop(&r->w);
}

/* Records, and turns of the loop between them. */
static void put_some(struct rig *r, int count)
{
    uint64_t last = 0;

    for (int i = 0; i < count; i++) {
        last = put_outcome(&r->w, "00112233445566778899aabbccddeeff");
        assert_true(last);
        if (i % 10 == 9)
            turn(&r->w, 1);
    }
    assert_true(wait_durable(&r->w, last));
}

/* Turn the loop until the receipt for all that is in the log is there. */
static bool wait_shipped(struct rig *r)
{
    for (int i = 0; i < 6000; i++) {
        shipper_tick(r->shipper);
        turn(&r->w, 5);
        if (shipper_seq(r->shipper) == auditor_last_seq(r->w.auditor))
            return true;
    }
    return false;
}

static uint64_t metric_of(struct rig *r, const char *name)
{
    SCOPED(sbuf) text = SBUF_MAX(1 << 20);
    char wanted[80];
    unsigned long long value = 0;

    shipper_tick(r->shipper);
    metrics_print(r->metrics, &text);
    snprintf(wanted, sizeof wanted, "\n%s ", name);
    const char *at = strstr(text.p, wanted);
    assert_non_null(at);
    assert_int_equal(sscanf(at + strlen(wanted), "%llu", &value), 1);
    return value;
}

static uint64_t mark_in_file(struct rig *r)
{
    char path[120];
    unsigned long long seq = 0;

    snprintf(path, sizeof path, "%s.shipped", r->w.path);
    struct slice text = read_file(path);
    assert_int_equal(sscanf(text.p, "%llu ", &seq), 1);
    free_file(&text);
    return seq;
}

/* End both, in the gateway's order. */
static void close_all(struct rig *r)
{
    assert_true(auditor_close(&r->w.auditor, 5000));
    assert_true(shipper_close(&r->shipper, 10000));
}

/* The collector has every record of the log from `from` on, to the letter, and they came in order. */
static struct log_view check_copy(struct rig *r, size_t from)
{
    struct log_view v = view_log(r->w.dir);

    collector_kill(&r->c);
    if (r->c.malformed || r->c.out_of_order)
        fail_msg("kind %d: malformed %d, out of order %d", (int)r->c.kind, r->c.malformed, r->c.out_of_order);
    assert_int_equal(r->c.max, v.count);
    for (size_t i = from - 1; i < v.count; i++) {
        assert_non_null(r->c.lines[i + 1]);
        assert_string_equal(r->c.lines[i + 1], v.lines[i].text);
    }
    return v;
}

static const enum stub_kind kinds[] = { STUB_DATAGRAM, STUB_STREAM, STUB_TCP, STUB_TLS };
#define KINDS (sizeof kinds / sizeof *kinds)

/* ---- the copy ---- */

static void test_all_arrives(void **state)
{
    struct rig r;

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        rig_init(&r, kinds[i], NAME);
        put_some(&r, 100);
        open_shipper(&r);
        assert_true(metric_of(&r, "easgate_audit_ship_lag") >= 100); /* from the start, before any tick */
        put_some(&r, 300);
        assert_true(wait_shipped(&r));
        assert_int_equal(metric_of(&r, "easgate_audit_ship_lag"), 0);
        assert_int_equal(metric_of(&r, "easgate_audit_shipped_seq"), auditor_last_seq(r.w.auditor));
        assert_int_equal(metric_of(&r, "easgate_audit_ship_failures_total"), 0);
        put_some(&r, 5);
        close_all(&r);
        struct log_view v = check_copy(&r, 1);
        assert_true(v.files > 5);
        assert_string_equal(v.lines[v.count - 1].type, "stop");
        assert_int_equal(view_count(&v, "ship", NULL, NULL), 0);
        assert_int_equal(mark_in_file(&r), v.count);
        assert_int_equal(r.c.arrivals, v.count); /* nothing twice without a failure */
        view_free(&v);
        open_log(&r);
        rig_drop(&r);
    }
}

static void test_tls_without_close_notify(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, STUB_TLS, NAME);
    atomic_store(&r.c.no_notify, true);
    open_shipper(&r);
    put_some(&r, 50);
    assert_true(wait_shipped(&r));
    rig_drop(&r);
}

/* It goes on where the last process had its receipt, and asks for nothing again. */
static void test_restart_goes_on(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, STUB_TCP, NAME);
    for (int i = 0; i < 5; i++) {
        open_shipper(&r);
        put_some(&r, 40);
        close_all(&r);
        open_log(&r);
    }
    open_shipper(&r);
    assert_true(wait_shipped(&r));
    close_all(&r);
    struct log_view v = check_copy(&r, 1);
    assert_int_equal(r.c.arrivals, r.c.max);
    view_free(&v);
    open_log(&r);
    rig_drop(&r);
}

/* ---- a collector that dies ---- */

static void test_collector_killed(void **state)
{
    struct rig r;

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        rig_init(&r, kinds[i], NAME);
        atomic_store(&r.c.read_max, 700); /* so that it dies within frames */
        open_shipper(&r);
        for (int round = 0; round < 20; round++) {
            unsigned long long was = collector_max(&r.c);
            put_some(&r, 30);
            if (round % 3 == 0) /* it has bytes that it has not read */
                atomic_store(&r.c.paused, true);
            for (int k = 0; k < round * 2; k++)
                turn(&r.w, 1);
            collector_kill(&r.c);
            put_some(&r, 20);
            collector_start(&r.c);
            for (int k = 0; k < 3000 && round % 2 && collector_max(&r.c) <= was; k++)
                turn(&r.w, 2);
        }
        assert_true(wait_shipped(&r));
        assert_true(metric_of(&r, "easgate_audit_ship_failures_total") > 0);
        assert_int_equal(metric_of(&r, "easgate_audit_ship_failed"), 0);
        close_all(&r);
        struct log_view v = check_copy(&r, 1);
        assert_true(v.count > 1000);
        view_free(&v);
        open_log(&r);
        rig_drop(&r);
    }
}

/* Bytes that only a kernel has taken are no receipt. */
static void test_unread_is_no_receipt(void **state)
{
    struct rig r;

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        rig_init(&r, kinds[i], NAME);
        r.cfg.receipt_ms = 50;
        r.cfg.stall_ms = 100;
        r.cfg.connect_ms = 100;
        atomic_store(&r.c.paused, true);
        open_shipper(&r);
        put_some(&r, 3);
        for (int k = 0; k < 500 && metric_of(&r, "easgate_audit_ship_failures_total") < 2; k++)
            turn(&r.w, 5);
        assert_int_equal(shipper_seq(r.shipper), 0);
        collector_kill(&r.c);
        collector_start(&r.c);
        assert_true(wait_shipped(&r));
        close_all(&r);
        struct log_view v = check_copy(&r, 1);
        view_free(&v);
        open_log(&r);
        rig_drop(&r);
    }
}

/* More than all buffers hold waits for a collector that does not read; the log goes on. */
static void test_slow_collector(void **state)
{
    struct rig r;
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < KINDS; i++) {
        rig_init(&r, kinds[i], NAME);
        r.w.cfg.ledger.max_segment_bytes = 0;
        assert_true(auditor_close(&r.w.auditor, 5000));
        open_log(&r);
        atomic_store(&r.c.paused, true);
        open_shipper(&r);
        for (int k = 0; k < 9; k++) {
            uint64_t last = 0;
            for (int n = 0; n < 1000; n++)
                last = put_counted(&r.w, slice_from(text, sizeof text));
            assert_true(wait_durable(&r.w, last));
        }
        assert_int_equal(shipper_seq(r.shipper), 0);
        atomic_store(&r.c.paused, false);
        assert_true(wait_shipped(&r));
        close_all(&r);
        struct log_view v = check_copy(&r, 1);
        assert_true(v.count > 9000 && r.c.bytes > 9000 * sizeof text);
        view_free(&v);
        open_log(&r);
        rig_drop(&r);
    }
}

/* A collector that sends without pause is no collector: it does not keep the thread, neither from shipping nor from its end. */
static void test_collector_that_talks(void **state)
{
    struct rig r;
    struct timespec from, to;

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i] != STUB_STREAM && kinds[i] != STUB_TCP)
            continue;
        for (int stops = 0; stops < 2; stops++) {
            rig_init(&r, kinds[i], NAME);
            atomic_store(&r.c.talks, true);
            open_shipper(&r);
            for (int n = 0; n < 1000 && metric_of(&r, "easgate_audit_ship_failures_total") < 3; n++) {
                put_some(&r, 10);
                turn(&r.w, 5);
            }
            assert_true(metric_of(&r, "easgate_audit_ship_failures_total") >= 3);
            assert_int_equal(metric_of(&r, "easgate_audit_ship_failed"), 1);
            if (stops) {
                atomic_store(&r.c.talks, false);
                assert_true(wait_shipped(&r));
                close_all(&r);
                struct log_view v = check_copy(&r, 1);
                view_free(&v);
            } else {
                clock_gettime(CLOCK_MONOTONIC, &from);
                assert_true(auditor_close(&r.w.auditor, 5000));
                assert_true(shipper_close(&r.shipper, 2000));
                clock_gettime(CLOCK_MONOTONIC, &to);
                assert_true(to.tv_sec - from.tv_sec < 10);
            }
            open_log(&r);
            rig_drop(&r);
        }
    }
}

/* ---- what the log says about it ---- */

static void test_away_is_recorded(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, STUB_TCP, NAME);
    collector_kill(&r.c);
    r.cfg.away_ms = 60;
    open_shipper(&r);
    put_some(&r, 20);
    for (int k = 0; k < 3000 && auditor_last_seq(r.w.auditor) < 22; k++) {
        shipper_tick(r.shipper);
        turn(&r.w, 2);
    }
    assert_int_equal(auditor_last_seq(r.w.auditor), 22); /* start, 20, ship */
    assert_int_equal(metric_of(&r, "easgate_audit_ship_failed"), 1);
    for (int k = 0; k < 100; k++) {
        shipper_tick(r.shipper);
        turn(&r.w, 2);
    }
    assert_int_equal(auditor_last_seq(r.w.auditor), 22); /* once */
    collector_start(&r.c);
    for (int k = 0; k < 3000 && auditor_last_seq(r.w.auditor) < 23; k++) {
        shipper_tick(r.shipper);
        turn(&r.w, 2);
    }
    assert_true(wait_shipped(&r));
    close_all(&r);
    struct log_view v = check_copy(&r, 1);
    assert_int_equal(view_count(&v, "ship", NULL, NULL), 2);
    assert_non_null(
        strstr(v.lines[21].text, "\"count\":21,\"note\":\"the syslog collector is away since 20"));
    assert_non_null(strstr(v.lines[21].text, "\"last_seq\":0}"));
    assert_non_null(strstr(v.lines[21].text, "connect: Connection refused\""));
    assert_non_null(strstr(v.lines[22].text, "is back"));
    assert_non_null(strstr(v.lines[22].text, "\"last_seq\":22}"));
    view_free(&v);
    open_log(&r);
    rig_drop(&r);
}

/* Retention took segments away that were not shipped yet: the log says which records, the copy goes on behind them. */
static void test_removed_segments(void **state)
{
    struct rig r;
    char name[400];

    (void)state;
    rig_init(&r, STUB_STREAM, NAME);
    open_shipper(&r);
    put_some(&r, 10);
    assert_true(wait_shipped(&r));
    collector_kill(&r.c);
    uint64_t shipped = shipper_seq(r.shipper);
    close_all(&r);
    open_log(&r);
    put_some(&r, 300);
    unsigned long long first, last = 0, second_last;
    find_file(r.w.dir, "audit-1-", name);
    assert_int_equal(sscanf(strstr(name, "audit-1-"), "audit-%llu-%llu", &first, &last), 2);
    assert_true(last > shipped);
    unlink(name);
    snprintf(name, sizeof name, "audit-%llu-", last + 1);
    char second[400];
    find_file(r.w.dir, name, second);
    assert_int_equal(sscanf(strstr(second, name), "audit-%llu-%llu", &first, &second_last), 2);
    unlink(second);
    collector_start(&r.c);
    collector_set_max(&r.c, second_last);
    open_shipper(&r);
    assert_true(wait_shipped(&r));
    close_all(&r);
    collector_kill(&r.c);
    assert_false(r.c.out_of_order);
    assert_null(r.c.lines[shipped + 1]);
    assert_null(r.c.lines[second_last]);
    uint64_t noted = 0;
    for (uint64_t seq = second_last + 1; seq <= r.c.max; seq++) {
        assert_non_null(r.c.lines[seq]);
        if (strstr(r.c.lines[seq], "\"type\":\"ship\"")) {
            char wanted[120];
            snprintf(
                wanted, sizeof wanted, "\"count\":%llu,\"note\":\"records %llu to %llu could not be shipped",
                (unsigned long long)(second_last - shipped), (unsigned long long)shipped + 1, second_last);
            assert_non_null(strstr(r.c.lines[seq], wanted));
            noted++;
        }
    }
    assert_int_equal(noted, 1);
    open_log(&r);
    rig_drop(&r);
}

/* The log has no room for the record of a gap, and outcomes get in before it: the copy waits for the record all the same. */
static void test_gap_waits_for_its_record(void **state)
{
    struct rig r;
    char name[400];
    unsigned long long first, last = 0;

    (void)state;
    rig_init(&r, STUB_STREAM, NAME);
    open_shipper(&r);
    put_some(&r, 10);
    assert_true(wait_shipped(&r));
    collector_kill(&r.c);
    close_all(&r);
    open_log(&r);
    put_some(&r, 300);
    find_file(r.w.dir, "audit-1-", name);
    assert_int_equal(sscanf(strstr(name, "audit-1-"), "audit-%llu-%llu", &first, &last), 2);
    unlink(name);
    assert_true(wait_durable(&r.w, put_intent(&r.w, "a")));
    fault_set(CALL_FALLOCATE, 1, -1, ENOSPC);
    for (int i = 0; i < 10000 && !r.w.lost; i++) {
        put_intent(&r.w, "b"); /* until the room that was kept is used up */
        turn(&r.w, 1);
    }
    assert_int_equal(r.w.lost, 1);
    collector_start(&r.c);
    collector_set_max(&r.c, last);
    open_shipper(&r);
    for (int i = 0; i < 100; i++) {
        shipper_tick(r.shipper);
        turn(&r.w, 5);
    }
    assert_true(wait_durable(&r.w, put_outcome(&r.w, "a")));
    for (int i = 0; i < 50; i++) {
        shipper_tick(r.shipper);
        turn(&r.w, 5);
    }
    assert_int_equal(collector_max(&r.c), last);
    fault_set(CALL_NONE, 0, 0, 0);
    assert_true(wait_ok(&r.w));
    assert_true(wait_shipped(&r));
    assert_true(collector_max(&r.c) > last);
    close_all(&r);
    collector_kill(&r.c);
    open_log(&r);
    rig_drop(&r);
}

/* Put NAME.zst in the place of each full segment, or, with `damaged`, only its beginning in the place of the first. */
static void compress_segments(const char *dir, bool damaged)
{
    static struct part parts[2000];
    size_t count = list_parts(dir, parts, 2000);
    char path[420];

    for (size_t i = 0; i + 1 < count; i++) {
        struct slice plain = read_file(parts[i].path);
        size_t room = ZSTD_compressBound(plain.n);
        char *packed = malloc(room);
        assert_non_null(packed);
        size_t n = ZSTD_compress(packed, room, plain.p, plain.n, 3);
        assert_false(ZSTD_isError(n));
        snprintf(path, sizeof path, "%.400s.zst", parts[i].path);
        write_file(path, slice_from(packed, damaged && i == 0 ? n / 2 : n));
        unlink(parts[i].path);
        free(packed);
        free_file(&plain);
    }
}

/* Segments that were compressed before they were shipped; a compressed one is read from its start again after a failure. */
static void test_compressed_segments(void **state)
{
    struct rig r;

    (void)state;
    for (int damaged = 0; damaged < 2; damaged++) {
        rig_init(&r, STUB_TCP, NAME);
        r.w.cfg.ledger.max_segment_bytes = 200 * 1024;
        assert_true(auditor_close(&r.w.auditor, 5000));
        open_log(&r);
        r.cfg.session_bytes = 30 * 1024;
        for (int k = 0; k < 4; k++) {
            put_some(&r, 1000);
            auditor_rotate(r.w.auditor);
        }
        put_some(&r, 100);
        struct log_view v = view_log(r.w.dir);
        assert_true(v.files >= 4);
        compress_segments(r.w.dir, damaged);
        if (damaged)
            collector_set_max(&r.c, v.count);
        open_shipper(&r);
        for (int k = 0; k < 3000 && collector_max(&r.c) < 600; k++)
            turn(&r.w, 1);
        collector_kill(&r.c);
        collector_start(&r.c);
        assert_true(wait_shipped(&r));
        collector_kill(&r.c);
        assert_false(r.c.out_of_order);
        size_t there = 0;
        for (size_t i = 0; i < v.count; i++) {
            if (!r.c.lines[i + 1])
                continue;
            assert_string_equal(r.c.lines[i + 1], v.lines[i].text);
            there++;
        }
        assert_true(damaged ? there < v.count && there > v.count / 2 : there == v.count);
        assert_true(damaged == (r.c.max > v.count)); /* the note about what is damaged */
        view_free(&v);
        rig_drop(&r);
    }
}

/* A mark of another log, one behind the log's end, one that is no mark: the whole log is shipped. */
static void test_foreign_mark(void **state)
{
    static const struct {
        const char *text;
        size_t notes;
    } cases[] = {
        { "5 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", 1 },
        { "500 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", 1 },
        { "5 0011\n", 0 },
        { "", 0 },
        { "5 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", 0 },
    };
    struct rig r;
    char path[120];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig_init(&r, STUB_TCP, NAME);
        put_some(&r, 30);
        snprintf(path, sizeof path, "%s.shipped", r.w.path);
        write_file(path, slice_of(cases[i].text));
        open_shipper(&r);
        assert_true(wait_shipped(&r));
        close_all(&r);
        struct log_view v = check_copy(&r, 1);
        assert_int_equal(view_count(&v, "ship", NULL, NULL), cases[i].notes);
        view_free(&v);
        open_log(&r);
        rig_drop(&r);
    }
}

/* ---- the log's own failures ---- */

/* Only what is durable is shipped, also when bytes that were written are taken back, or a file is set aside. */
static void test_failing_disk(void **state)
{
    static const struct {
        enum call call;
        int error;
    } faults[] = { { CALL_WRITE, ENOSPC }, { CALL_WRITE, 0 }, { CALL_FDATASYNC, EIO }, { CALL_RENAME, EIO } };
    struct rig r;

    (void)state;
    rig_init(&r, STUB_TCP, NAME);
    assert_true(auditor_close(&r.w.auditor, 5000));
    r.w.cfg.ledger.synced = true;
    open_log(&r);
    open_shipper(&r);
    for (int round = 0; round < 24; round++) {
        int lost = r.w.lost;
        put_some(&r, 20);
        fault_set(faults[round % 4].call, 1, 2, faults[round % 4].error);
        put_intent(&r.w, "ffeeddccbbaa99887766554433221100");
        if (faults[round % 4].call == CALL_RENAME)
            auditor_rotate(r.w.auditor);
        for (int k = 0; k < 200 && r.w.lost == lost; k++)
            turn(&r.w, 1);
        fault_clear();
        assert_true(wait_ok(&r.w));
    }
    assert_true(wait_shipped(&r));
    close_all(&r);
    struct log_view v = check_copy(&r, 1);
    assert_true(view_count(&v, "recover", NULL, NULL) > 10);
    view_free(&v);
    open_log(&r);
    rig_drop(&r);
}

/* ---- whom it talks to ---- */

static void test_wrong_name(void **state)
{
    static const char *const names[] = { "other.easgate.test", "" };
    struct rig r;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        rig_init(&r, STUB_TLS, names[i]);
        open_shipper(&r);
        put_some(&r, 5);
        for (int k = 0; k < 2000 && metric_of(&r, "easgate_audit_ship_failures_total") < 3; k++)
            turn(&r.w, 2);
        assert_true(metric_of(&r, "easgate_audit_ship_failures_total") >= 3);
        assert_true(atomic_load(&r.c.connections) >= 3);
        assert_int_equal(shipper_seq(r.shipper), 0);
        assert_int_equal(collector_max(&r.c), 0);
        rig_drop(&r);
    }
}

static void test_bad_ca(void **state)
{
    struct rig r;
    struct err e = { 0 };

    (void)state;
    rig_init(&r, STUB_TLS, NAME);
    r.cfg.ca_file = S("/nowhere/ca.pem");
    assert_null(shipper_open(&r.cfg, 1, &e));
    assert_non_null(strstr(e.text, "syslog_ca of [audit]"));
    assert_non_null(strstr(e.text, "/nowhere/ca.pem"));
    rig_drop(&r);
}

static int set_up(void **state)
{
    (void)state;
    quiet_log();
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

int main(void)
{
    if (getenv("FILTER"))
        cmocka_set_test_filter(getenv("FILTER"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_arrives),
        cmocka_unit_test(test_tls_without_close_notify),
        cmocka_unit_test(test_restart_goes_on),
        cmocka_unit_test(test_collector_killed),
        cmocka_unit_test(test_unread_is_no_receipt),
        cmocka_unit_test(test_slow_collector),
        cmocka_unit_test(test_collector_that_talks),
        cmocka_unit_test(test_away_is_recorded),
        cmocka_unit_test(test_removed_segments),
        cmocka_unit_test(test_gap_waits_for_its_record),
        cmocka_unit_test(test_foreign_mark),
        cmocka_unit_test(test_compressed_segments),
        cmocka_unit_test(test_failing_disk),
        cmocka_unit_test(test_wrong_name),
        cmocka_unit_test(test_bad_ca),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
