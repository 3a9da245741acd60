/* Credential files: right ones are read, wrong ones refused with file:line, and no error repeats what the file holds. */
#include "core/cred.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define ID     "LTAI5tExample"
#define SECRET "s3cr3tS3CR3Ts3cr3t"
#define TOKEN  "CAIStoken/with+base64=="

static struct cred *parse(const char *text, struct err *e)
{
    return cred_parse_ini(S("main"), "cred.ini", slice_of(text), S("default"), e);
}

static void test_access_key(void **state)
{
    struct err e = { 0 };
    struct cred *c =
        parse("# keys\n\n[other]\ntype = ram_role_arn\npolicy = {\"a\": 1; 2}\n[default]\ntype = access_key\n"
              "access_key_id=" ID "\n; note\naccess_key_secret  =\t" SECRET " \n",
              &e);

    (void)state;
    assert_non_null(c);
    assert_true(slice_eq(c->name, S("main")) && slice_eq(c->access_key_id, S(ID)));
    assert_true(slice_eq(secret_bytes(c->access_key_secret), S(SECRET)));
    assert_null(c->security_token);
    struct cred *again = cred_ref(c);
    cred_unref(&c);
    assert_null(c);
    assert_true(slice_eq(again->access_key_id, S(ID)));
    cred_unref(&again);
    cred_unref(&again);
}

static void test_sts(void **state)
{
    struct err e = { 0 };
    struct cred *c = parse("[default]\ntype=sts\naccess_key_id=" ID "\naccess_key_secret=" SECRET
                           "\nsecurity_token = " TOKEN,
                           &e);

    (void)state;
    assert_non_null(c);
    assert_true(slice_eq(secret_bytes(c->security_token), S(TOKEN)));
    cred_unref(&c);
}

#define GOOD "type = access_key\naccess_key_id = " ID "\naccess_key_secret = " SECRET "\n"

static void test_refused(void **state)
{
    static const struct {
        const char *what, *text, *place;
    } cases[] = {
        { "empty file", "", "cred.ini: " },
        { "no section", GOOD, "cred.ini:1:" },
        { "other section", "[x]\n" GOOD, "cred.ini: " },
        { "section twice", "[default]\n" GOOD "[default]\n", "cred.ini:5:" },
        { "open section", "[default\n" GOOD, "cred.ini:1:" },
        { "text behind a section", "[default] x\n" GOOD, "cred.ini:1:" },
        { "blank in a section", "[def ault]\n" GOOD, "cred.ini:1:" },
        { "no equals sign", "[default]\n" GOOD SECRET "\n", "cred.ini:5:" },
        { "colon", "[default]\ntype: access_key\n", "cred.ini:2:" },
        { "indented", "[default]\n type = access_key\n", "cred.ini:2:" },
        { "CR LF", "[default]\r\ntype = access_key\r\n", "cred.ini:1:" },
        { "CR only", "[default]\rtype = access_key\r", "cred.ini:1:" },
        { "BOM", "\xef\xbb\xbf[default]\n" GOOD, "cred.ini:1:" },
        { "unknown key", "[default]\n" GOOD "region = x\n", "cred.ini:5:" },
        { "key in another case", "[default]\nType = access_key\n", "cred.ini:2:" },
        { "value as key", "[default]\n" GOOD SECRET "=1\n", "cred.ini:5:" },
        { "key twice", "[default]\n" GOOD "type = access_key\n", "cred.ini:5:" },
        { "empty value", "[default]\ntype = access_key\naccess_key_id =\naccess_key_secret = " SECRET "\n",
          "cred.ini:3:" },
        { "quotes", "[default]\ntype = access_key\naccess_key_id = x\naccess_key_secret = \"" SECRET "\"\n",
          "cred.ini:4:" },
        { "comment behind a value", "[default]\ntype = access_key\naccess_key_secret = " SECRET " # mine\n",
          "cred.ini:3:" },
        { "semicolon in a value", "[default]\naccess_key_secret = " SECRET ";x\n", "cred.ini:2:" },
        { "no type", "[default]\naccess_key_id = x\naccess_key_secret = y\n", "cred.ini:1:" },
        { "other type", "# c\n[default]\ntype = ecs_ram_role\n", "cred.ini:2:" },
        { "no secret", "[default]\ntype = access_key\naccess_key_id = x\n", "cred.ini:1:" },
        { "no id", "[default]\ntype = access_key\naccess_key_secret = " SECRET "\n", "cred.ini:1:" },
        { "sts without token", "[default]\ntype = sts\naccess_key_id = x\naccess_key_secret = " SECRET "\n",
          "cred.ini:1:" },
        { "token without sts", "[default]\n" GOOD "security_token = " TOKEN "\n", "cred.ini:1:" },
        { "non-ASCII value", "[default]\naccess_key_secret = s3cr3t\xc3\xa9\n", "cred.ini:2:" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = { 0 };
        struct cred *c = parse(cases[i].text, &e);
        if (c || strncmp(e.text, cases[i].place, strlen(cases[i].place)) != 0 || strstr(e.text, "s3cr3t") ||
            strstr(e.text, ID) || strstr(e.text, TOKEN)) {
            print_error("%s: %s\n", cases[i].what, e.text);
            fail();
        }
    }
}

static void test_nul_and_long(void **state)
{
    static const char nul[] = "[default]\n" GOOD "a\0b = c\n";
    char text[1024];
    struct err e = { 0 };

    (void)state;
    assert_null(cred_parse_ini(S("m"), "cred.ini", slice_from(nul, sizeof nul - 1), S("default"), &e));
    assert_non_null(strstr(e.text, "cred.ini:5:"));
    snprintf(text, sizeof text, "[default]\naccess_key_secret = %0300d\n", 7);
    e = (struct err){ 0 };
    assert_null(parse(text, &e));
    assert_int_equal(e.code, ERR_TOO_LONG);
    assert_non_null(strstr(e.text, "cred.ini:2:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_access_key), cmocka_unit_test(test_sts),
                                        cmocka_unit_test(test_refused), cmocka_unit_test(test_nul_and_long) };

    return cmocka_run_group_tests_name("cred", tests, NULL, NULL);
}
