/* Values of audit records: one spelling each; whatever is accepted is JSON (judged by cJSON, not by our own reader). */
#include "core/audit_rec.h"
#include "core/audit_value.h"
#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define DEEP(open, close)                                                                                    \
    open open open open open open open open close close close close close close close close

static void one_spelling_is_a_tree(void **state)
{
    static const char *const trees[] = {
        "[]",
        "{}",
        "[[\"services\",\"path ServiceName\",\"nlp_a\"],[\"replicas\",\"Replicas\",3]]",
        "{\"spec\":\"\",\"count\":-1,\"has_scaler\":true,\"off\":false,\"config\":[[],{}]}",
        "[\"\\u00e9\\\"\\\\ ,]}\",9223372036854775807,-9223372036854775808,0]",
        DEEP("[", "]"),
    };
    static const char *const others[] = {
        "",
        "1",
        "\"a\"",
        "true",
        "[",
        "]",
        "[1",
        "[1,]",
        "[,1]",
        "[1 ]",
        "[ 1]",
        "[1]]",
        "[1]x",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{1:1}",
        "{\"a\" :1}",
        "{a:1}",
        "[1:2]",
        "[\"a\":1]",
        "[null]",
        "[1.5]",
        "[1e3]",
        "[01]",
        "[-0]",
        "[+1]",
        "[True]",
        "[tru]",
        "[\"a]",
        "[\"\\n\"]",
        "[\"\\u00E9\"]",
        "[\"\t\"]",
        "[\"\x7f\"]",
        "[1}",
        "{\"a\":1]",
        "[[1]",
        "{\"a\":[1}",
        "[1][1]",
        "{\"a\":1\"b\":2}",
        "[1\"a\"]",
        "[9223372036854775808]",
        "[{]}",
        "{\"a\":1,2}",
        "[" DEEP("[", "]") "]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof trees / sizeof trees[0]; i++) {
        struct slice s = slice_of(trees[i]);
        cJSON *o = cJSON_ParseWithOpts(trees[i], NULL, true);
        assert_non_null(o);
        cJSON_Delete(o);
        assert_true(audit_value_is_tree(s));
        assert_int_equal(audit_value_length(s), s.n);
        for (size_t n = 0; n < s.n; n++) /* no beginning of it is one */
            assert_int_equal(audit_value_length(slice_from(s.p, n)), 0);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (audit_value_is_tree(slice_of(others[i])))
            fail_msg("accepted %s", others[i]);
}

static void a_record_holds_trees_whole_or_not_at_all(void **state)
{
    char longest[3072], id[5000];
    struct audit_rec rec = { .type = AUDIT_INTENT,
                             .id = S("ab"),
                             .facts = S("[[\"replicas\",\"Replicas\",3]]"),
                             .now = S("{\"count\":2}") };
    SCOPED(sbuf) body = SBUF_MAX(AUDIT_LINE_MAX_BYTES);
    struct audit_named named;

    (void)state;
    assert_true(audit_rec_body(&rec, &body));
    assert_string_equal(body.p,
                        ",\"id\":\"ab\",\"facts\":[[\"replicas\",\"Replicas\",3]],\"now\":{\"count\":2}}");
    struct slice rest = sbuf_slice(&body), key, value;
    assert_true(audit_fields_check(&rest, &named, NULL));
    assert_true(slice_eq(rest, S("}")));
    rest = sbuf_slice(&body);
    audit_field_next(&rest, &key, &value);
    audit_field_next(&rest, &key, &value);
    assert_true(slice_eq(key, S("facts")) && slice_eq(value, rec.facts));

    /* what is no tree never gets into a line */
    rec.now = S("{\"count\":2 }");
    assert_false(audit_rec_body(&rec, &body));
    rec.now = S("\"text\"");
    assert_false(audit_rec_body(&rec, &body));

    /* two of the longest fit into an intent; beside a text that nothing may cut they do not */
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "[\"", 2);
    memcpy(longest + sizeof longest - 2, "\"]", 2);
    rec.facts = rec.now = slice_from(longest, sizeof longest);
    memset(id, 'i', sizeof id);
    rec.rule = slice_from(id, 1200);
    rec.target = slice_from(id, 2048);
    sbuf_clear(&body);
    assert_true(audit_rec_body(&rec, &body));
    rec.rule = slice_from(id, sizeof id);
    sbuf_clear(&body);
    assert_false(audit_rec_body(&rec, &body));
    rec.type = AUDIT_DENY; /* here it is left out rather than the record */
    sbuf_clear(&body);
    assert_true(audit_rec_body(&rec, &body));
    assert_null(strstr(body.p, "\"facts\""));
}

static void a_kind_belongs_to_its_key(void **state)
{
    static const char *const broken[] = { ",\"id\":[]}",
                                          ",\"facts\":\"a\"}",
                                          ",\"facts\":1}",
                                          ",\"replicas\":[]}",
                                          ",\"now\":true}",
                                          ",\"client_gone\":{}}",
                                          ",\"facts\":[1]]}",
                                          ",\"now\":{},\"facts\":[]}",
                                          ",\"facts\":[],\"facts\":[]}" };
    struct audit_named named;

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct slice rest = slice_of(broken[i]);
        if (audit_fields_check(&rest, &named, NULL) && slice_eq(rest, S("}")))
            fail_msg("accepted %s", broken[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_spelling_is_a_tree),
        cmocka_unit_test(a_record_holds_trees_whole_or_not_at_all),
        cmocka_unit_test(a_kind_belongs_to_its_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
