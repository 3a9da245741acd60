/*
 * Audit records as syslog messages. What a message is, is said by a reader of RFC 5424's grammar (section 6) that is written
 * here and proves itself with the RFC's own examples (section 6.5) before it judges ours; frames by RFC 6587's texts.
 */
#include "core/syslog_rec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* ---- RFC 5424, section 6, to the letter ---- */

struct message {
    unsigned pri;
    char version[4], t[40], host[260], app[50], procid[130], msgid[34];
    char sd[400];
    char seq[32]; /* of the SD-PARAM with that name */
    struct slice msg;
};

static bool take(struct slice *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = slice_skip(*s, 1);
    return true;
}

/* 1*max PRINTUSASCII, and without the characters in `but`. */
static bool take_print(struct slice *s, size_t max, const char *but, char *out)
{
    size_t n = 0;

    while (n < s->n && n <= max && s->p[n] >= 33 && s->p[n] <= 126 && !(*but && strchr(but, s->p[n])))
        n++;
    if (n == 0 || n > max)
        return false;
    memcpy(out, s->p, n);
    out[n] = '\0';
    *s = slice_skip(*s, n);
    return true;
}

static bool take_pri(struct slice *s, unsigned *out)
{
    size_t digits = 0;

    *out = 0;
    if (!take(s, '<'))
        return false;
    for (; s->n && ascii_is_digit(s->p[0]) && digits < 3; digits++) {
        *out = *out * 10 + (unsigned)(s->p[0] - '0');
        *s = slice_skip(*s, 1);
    }
    return digits > 0 && *out <= 191 && take(s, '>');
}

/* FULL-DATE "T" FULL-TIME with 1*6DIGIT of a fraction. */
static bool is_timestamp(const char *t)
{
    int y, mo, d, h, mi, s, n = 0;
    size_t length = strlen(t);

    if (sscanf(t, "%4d-%2d-%2dT%2d:%2d:%2d%n", &y, &mo, &d, &h, &mi, &s, &n) != 6 || n != 19)
        return false;
    if (mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 || s > 59)
        return false;
    size_t at = 19;
    if (t[at] == '.') {
        size_t digits = strspn(t + at + 1, "0123456789");
        if (digits < 1 || digits > 6)
            return false;
        at += 1 + digits;
    }
    if (t[at] == 'Z')
        return at + 1 == length;
    return (t[at] == '+' || t[at] == '-') && length == at + 6 && t[at + 3] == ':';
}

static bool take_param(struct slice *s, struct message *m)
{
    char name[33], value[300];
    size_t n = 0;

    if (!take_print(s, 32, "=]\"", name) || !take(s, '=') || !take(s, '"'))
        return false;
    while (s->n && s->p[0] != '"') {
        if (s->p[0] == ']' || n + 1 >= sizeof value) /* '"', '\' and ']' must be escaped */
            return false;
        if (s->p[0] == '\\')
            *s = slice_skip(*s, 1);
        value[n++] = s->p[0];
        *s = slice_skip(*s, 1);
    }
    value[n] = '\0';
    if (strcmp(name, "seq") == 0)
        snprintf(m->seq, sizeof m->seq, "%.31s", value);
    return take(s, '"');
}

static bool take_sd(struct slice *s, struct message *m)
{
    struct slice from = *s;
    char id[33];

    if (take(s, '-')) {
        snprintf(m->sd, sizeof m->sd, "-");
        return true;
    }
    while (take(s, '[')) {
        if (!take_print(s, 32, "=]\"", id))
            return false;
        while (take(s, ' '))
            if (!take_param(s, m))
                return false;
        if (!take(s, ']'))
            return false;
    }
    snprintf(m->sd, sizeof m->sd, "%.*s", (int)(from.n - s->n), from.p);
    return from.n > s->n;
}

static bool parse(struct slice s, struct message *m)
{
    *m = (struct message){ 0 };
    bool ok = take_pri(&s, &m->pri) && take_print(&s, 3, "", m->version) && take(&s, ' ') &&
              take_print(&s, 39, "", m->t) && (strcmp(m->t, "-") == 0 || is_timestamp(m->t)) &&
              take(&s, ' ') && take_print(&s, 255, "", m->host) && take(&s, ' ') &&
              take_print(&s, 48, "", m->app) && take(&s, ' ') && take_print(&s, 128, "", m->procid) &&
              take(&s, ' ') && take_print(&s, 32, "", m->msgid) && take(&s, ' ') && take_sd(&s, m);
    if (!ok || m->version[0] < '1' || m->version[0] > '9')
        return false;
    if (s.n == 0)
        return true;
    m->msg = slice_skip(s, 1);
    return s.p[0] == ' ';
}

/* The examples of section 6.5, and the two timestamps that 6.2.3.1 calls invalid. */
static void test_reader_reads_the_rfc(void **state)
{
    struct message m;

    (void)state;
    assert_true(
        parse(S("<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' "
                "failed for lonvick on /dev/pts/8"),
              &m));
    assert_int_equal(m.pri, 34);
    assert_string_equal(m.msgid, "ID47");
    assert_true(
        parse(S("<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the "
                "do-nuts."),
              &m));
    assert_string_equal(m.procid, "8710");
    assert_true(
        parse(S("<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 "
                "iut=\"3\" eventSource=\"Application\" eventID=\"1011\"] \xef\xbb\xbf"
                "An application event log entry..."),
              &m));
    assert_string_equal(m.sd, "[exampleSDID@32473 iut=\"3\" eventSource=\"Application\" eventID=\"1011\"]");
    assert_true(
        parse(S("<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 "
                "iut=\"3\" eventSource=\"Application\" eventID=\"1011\"][examplePriority@32473 "
                "class=\"high\"]"),
              &m));
    assert_int_equal(m.msg.n, 0);
    assert_false(parse(S("<34>1 2003-08-24T05:14:15.000000003-07:00 host app - - - x"), &m));
    assert_false(parse(S("<192>1 2003-10-11T22:14:15.003Z host app - - - x"), &m));
    assert_false(parse(S("<34>1 2003-10-11T22:14:15.003Z host app - - [a@1 b=\"]\"] x"), &m));
}

/* ---- ours ---- */

#define LINE(seq, type)                                                                                      \
    "{\"v\":1,\"seq\":" seq ",\"run\":\"0123456789abcdef\",\"t\":\"2026-11-23T15:27:57.123Z\",\"mono\":7,"   \
    "\"type\":\"" type "\",\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\""    \
    ",\"note\":\"a \\\"quote\\\" ] and \\\\ stay\"}"

static void read_line(struct slice text, struct audit_line *out)
{
    struct err e = { 0 };

    if (!audit_line_parse(text, out, &e))
        fail_msg("%s", e.text);
}

static void test_message(void **state)
{
    /* Facility 13 is "log audit" (table 1): 13 * 8 = 104; 4 warning, 5 notice, 6 informational (table 2). */
    static const struct {
        const char *type;
        struct slice line;
        unsigned pri;
    } cases[] = {
        { "start", S_INIT(LINE("1", "start")), 110 },
        { "policy", S_INIT(LINE("2", "policy")), 109 },
        { "intent", S_INIT(LINE("3", "intent")), 110 },
        { "outcome", S_INIT(LINE("4", "outcome")), 110 },
        { "deny", S_INIT(LINE("5", "deny")), 109 },
        { "counted", S_INIT(LINE("6", "counted")), 109 },
        { "rotate", S_INIT(LINE("7", "rotate")), 110 },
        { "recover", S_INIT(LINE("8", "recover")), 108 },
        { "stop", S_INIT(LINE("9", "stop")), 110 },
        { "ship", S_INIT(LINE("10", "ship")), 108 },
        { "stop", S_INIT(LINE("18446744073709551615", "stop")), 110 },
    };
    struct message m;
    struct audit_line line;
    char seq[24];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        SCOPED(sbuf) out = SBUF_MAX(SYSLOG_MESSAGE_MAX_BYTES);
        read_line(cases[i].line, &line);
        assert_true(syslog_rec_add(&line, cases[i].line, "gw1.example.com", &out));
        assert_true(parse(sbuf_slice(&out), &m));
        assert_int_equal(m.pri, cases[i].pri);
        assert_string_equal(m.version, "1");
        assert_string_equal(m.t, "2026-11-23T15:27:57.123Z");
        assert_string_equal(m.host, "gw1.example.com");
        assert_string_equal(m.app, "easgate");
        assert_string_equal(m.procid, "0123456789abcdef");
        assert_string_equal(m.msgid, cases[i].type);
        snprintf(seq, sizeof seq, "%llu", (unsigned long long)line.seq);
        assert_string_equal(m.seq, seq);
        assert_true(slice_eq(m.msg, cases[i].line));
    }
}

/* The longest of everything fits, and too little room is told. */
static void test_longest(void **state)
{
    struct audit_line line;
    char host[SYSLOG_HOST_MAX_BYTES + 1], text[AUDIT_LINE_MAX_BYTES + 1], long_name[300];
    struct message m;

    (void)state;
    memset(long_name, 'h', sizeof long_name);
    syslog_host(slice_from(long_name, sizeof long_name), host);
    assert_int_equal(strlen(host), 255);
    int n = snprintf(text, sizeof text, "%s", LINE("18446744073709551615", "outcome"));
    text[n - 2] = '\0';
    n -= 2;
    memset(text + n, 'x', (size_t)(AUDIT_LINE_MAX_BYTES - 1 - 2 - n));
    memcpy(text + AUDIT_LINE_MAX_BYTES - 3, "\"}", 2);
    struct slice whole = slice_from(text, AUDIT_LINE_MAX_BYTES - 1);
    read_line(whole, &line);
    SCOPED(sbuf) out = SBUF_MAX(SYSLOG_MESSAGE_MAX_BYTES);
    assert_true(syslog_rec_add(&line, whole, host, &out));
    assert_true(parse(sbuf_slice(&out), &m));
    assert_true(slice_eq(m.msg, whole));
    SCOPED(sbuf) small = SBUF_MAX(200);
    assert_false(syslog_rec_add(&line, whole, host, &small));
}

static void test_host(void **state)
{
    static const struct {
        struct slice from;
        const char *to;
    } cases[] = {
        { S_INIT("gw1"), "gw1" },         { S_INIT(""), "-" },
        { S_INIT("a b"), "a-b" },         { S_INIT("a\x7f\n\xc3\xa9"), "a----" },
        { S_INIT("fe80::1"), "fe80::1" },
    };
    char host[SYSLOG_HOST_MAX_BYTES + 1];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        syslog_host(cases[i].from, host);
        assert_string_equal(host, cases[i].to);
    }
}

/* RFC 6587: 3.4.1 MSG-LEN SP SYSLOG-MSG, MSG-LEN without a leading zero; 3.4.2 SYSLOG-MSG TRAILER, LF by default. */
static void test_frames(void **state)
{
    SCOPED(sbuf) out = SBUF_MAX(200);

    (void)state;
    assert_true(syslog_frame_add(SYSLOG_COUNTED, S("<34>1 a"), &out));
    assert_true(syslog_frame_add(SYSLOG_COUNTED, S("<34>1 - - - - - -"), &out));
    assert_string_equal(out.p, "7 <34>1 a17 <34>1 - - - - - -");
    sbuf_clear(&out);
    assert_true(syslog_frame_add(SYSLOG_LF, S("<34>1 a"), &out));
    assert_string_equal(out.p, "<34>1 a\n");
    sbuf_clear(&out);
    assert_true(syslog_frame_add(SYSLOG_BARE, S("<34>1 a"), &out));
    assert_string_equal(out.p, "<34>1 a");
    SCOPED(sbuf) small = SBUF_MAX(8);
    assert_false(syslog_frame_add(SYSLOG_COUNTED, S("<34>1 a"), &small));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_reads_the_rfc),
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
