/* Where a syslog collector may be: each form, what of it is taken, and which places make `check` warn. */
#include "config/address.h"
#include "config/snapshot.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void forms_are_taken_apart(void **state)
{
    static const struct {
        struct slice text;
        enum syslog_kind kind;
        const char *path, *host;
        unsigned port;
        bool is_loopback;
    } cases[] = {
        { S_INIT("unix:/dev/log"), SYSLOG_UNIX, "/dev/log", "", 0, true },
        { S_INIT("tcp:127.0.0.1:601"), SYSLOG_TCP, "", "127.0.0.1", 601, true },
        { S_INIT("tcp:localhost:601"), SYSLOG_TCP, "", "localhost", 601, true },
        { S_INIT("tcp:[::1]:601"), SYSLOG_TCP, "", "::1", 601, true },
        { S_INIT("tcp:10.0.0.7:601"), SYSLOG_TCP, "", "10.0.0.7", 601, false },
        { S_INIT("tcp:[fd00::7]:601"), SYSLOG_TCP, "", "fd00::7", 601, false },
        { S_INIT("tls:logs.example.com:6514"), SYSLOG_TLS, "", "logs.example.com", 6514, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct syslog_place place;
        struct err e = { 0 };
        if (!address_parse_syslog(cases[i].text, &place, &e))
            fail_msg("%s: %s", cases[i].text.p, e.text);
        assert_int_equal(place.kind, cases[i].kind);
        assert_true(slice_eq(place.path, slice_of(cases[i].path)));
        assert_true(slice_eq(place.host, slice_of(cases[i].host)));
        assert_int_equal(place.port, cases[i].port);
        assert_int_equal(place.is_loopback, cases[i].is_loopback);
    }
}

static void other_forms_are_refused(void **state)
{
    static const char *const cases[] = { "",
                                         "unix:",
                                         "unix:/",
                                         "unix:dev/log",
                                         "tcp:",
                                         "tcp:601",
                                         "tcp:host",
                                         "tcp:host:",
                                         "tcp:host:0",
                                         "tcp:host:65536",
                                         "tcp:host:6o1",
                                         "tcp:::1:601",
                                         "tls:-host:6514",
                                         "TLS:host:6514",
                                         "udp:host:514",
                                         "host:514",
                                         "tcp://host:601" };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct syslog_place place;
        struct err e = { 0 };
        if (address_parse_syslog(slice_of(cases[i]), &place, &e))
            fail_msg("%s was taken", cases[i]);
        assert_true(e.code != ERR_NONE);
    }
}

static bool warns(const char *syslog)
{
    SCOPED(sbuf) text = SBUF_MAX(4096);
    struct config_errors errors = { .count = 0 };

    sbuf_addf(
        &text,
        "[gateway]\nlisten = 127.0.0.1:8080\n[upstream main]\nregion = cn-shanghai\n[credential main]\n"
        "type = access_key\nfile = credentials\n[audit]\npath = audit.jsonl\nsyslog = %s\n[client nlp]\n"
        "token_sha256 = 5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8\npolicy = small\n"
        "[policy small]\nallow = @read\nservices = nlp_*\n",
        syslog);
    struct snapshot *s = snapshot_load_text("x.ini", sbuf_slice(&text), false, &errors);
    if (!s)
        fail_msg("%s", errors.text.p);
    bool found = strstr(s->warnings, "x.ini:10: warning: syslog of [audit] is tcp") != NULL;
    snapshot_unref(&s);
    config_errors_drop(&errors);
    return found;
}

static void readable_on_the_way_is_a_warning(void **state)
{
    (void)state;
    assert_true(warns("tcp:logs.example.com:601"));
    assert_true(warns("tcp:10.0.0.7:601"));
    assert_false(warns("tcp:127.0.0.1:601"));
    assert_false(warns("tls:logs.example.com:6514"));
    assert_false(warns("unix:/dev/log"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_taken_apart),
        cmocka_unit_test(other_forms_are_refused),
        cmocka_unit_test(readable_on_the_way_is_a_warning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
