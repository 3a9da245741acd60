/*
 * Checkpoints as signed notes. Key ids, MAC and Ed25519 lines of a note were computed with Python's hashlib, hmac and
 * cryptography; the key id of "PeterNeumann" is that of the signed-note format's own example.
 */
#include "core/audit_note.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define DASH "\xe2\x80\x94 "
#define NAME "easgate/audit/gw-1.example"
#define TEXT NAME "\n42\nMbnuSoMLdVgOOea9Y1bUBST8uGg+Z88JQpDaMG5+4jU=\n"
#define MAC  DASH NAME " wBJpVH5AdSyL7SYTIvZ+mDsjEQ9QxT1CY4HKexCb09Gs7X7y\n"
#define ED                                                                                                   \
    DASH NAME                                                                                                \
        " 58GItt5r6V4CI65CeLscEyxI6+ZYQRtl67LLw90nXoFBiXwTWNubIreOelaGBfVrtsRLUwDrB6xo2GMLQumyB/0BGA0=\n"

static void test_write(void **state)
{
    unsigned char hash[DIGEST_BYTES], key[DIGEST_BYTES], mac[DIGEST_BYTES], id[AUDIT_NOTE_ID_BYTES];
    SCOPED(sbuf) name = SBUF_MAX(300);
    SCOPED(sbuf) out = SBUF_MAX(AUDIT_NOTE_MAX_BYTES);

    (void)state;
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (unsigned char)i;
    assert_true(digest_sha256(S("a line"), hash));
    audit_note_name(S("gw-1.example"), &name);
    assert_string_equal(name.p, NAME);
    audit_note_text(sbuf_slice(&name), 42, hash, &out);
    assert_string_equal(out.p, TEXT);
    assert_true(digest_hmac_sha256(slice_from(key, sizeof key), sbuf_slice(&out), mac));
    sbuf_clear(&out);
    assert_true(audit_note_id_mac(sbuf_slice(&name), id));
    audit_note_signature(sbuf_slice(&name), id, slice_from(mac, sizeof mac), &out);
    assert_string_equal(out.p, MAC);
}

static void test_ids(void **state)
{
    static const unsigned char peter[AUDIT_NOTE_KEY_BYTES] = {
        0x1a, 0x5c, 0xd9, 0x07, 0x14, 0x3c, 0x38, 0x4c, 0x41, 0xe8, 0x30, 0xc5, 0xbc, 0xe1, 0x2a, 0xa8,
        0x81, 0x7e, 0xc5, 0x64, 0x9a, 0xaa, 0xbf, 0x2c, 0x31, 0x38, 0x8b, 0x35, 0xb2, 0xd7, 0x44, 0xd6
    };
    unsigned char id[AUDIT_NOTE_ID_BYTES];
    SCOPED(sbuf) name = SBUF_MAX(300);

    (void)state;
    assert_true(audit_note_id_ed25519(S("PeterNeumann"), peter, id));
    assert_memory_equal(id, "\xc7\x4f\x20\xa3", 4);
    audit_note_name(S("gw 1/\n+\xe2\x80\x94"), &name);
    assert_string_equal(name.p, "easgate/audit/gw-1------");
    sbuf_clear(&name);
    audit_note_name(S(""), &name);
    assert_string_equal(name.p, "easgate/audit/-");
}

static void test_read(void **state)
{
    struct slice rest = S("\n" TEXT "\n" MAC ED "\n" TEXT "\n" TEXT "\n" ED "\n\n");
    struct audit_note note;
    struct err e = { 0 };

    (void)state;
    assert_true(audit_note_take(&rest, &note, &e));
    assert_true(slice_eq(note.text, S(TEXT)) && slice_eq(note.name, S(NAME)));
    assert_int_equal(note.seq, 42);
    assert_memory_equal(note.hash, "\x31\xb9\xee\x4a", 4);
    assert_int_equal(note.signer_count, 2);
    assert_ptr_equal(audit_note_find(&note, (const unsigned char *)"\xc0\x12\x69\x54", 32), &note.signers[0]);
    assert_ptr_equal(audit_note_find(&note, (const unsigned char *)"\xe7\xc1\x88\xb6", 64), &note.signers[1]);
    assert_null(audit_note_find(&note, (const unsigned char *)"\xe7\xc1\x88\xb6", 32));
    assert_null(audit_note_find(&note, (const unsigned char *)"\xe7\xc1\x88\xb7", 64));
    assert_true(audit_note_take(&rest, &note, &e));
    assert_int_equal(note.signer_count, 0);
    assert_true(audit_note_take(&rest, &note, &e));
    assert_int_equal(note.signer_count, 1);
    assert_false(audit_note_take(&rest, &note, &e));
    assert_int_equal(rest.n, 0);
    assert_int_equal(e.code, ERR_NONE);
}

/* Of a whole note, no part that is cut is one but where it ends behind a signature; no changed byte of its text reads the same. */
static void test_cut_and_changed(void **state)
{
    static const char whole[] = TEXT "\n" MAC ED;
    const size_t ends[] = { sizeof TEXT, sizeof TEXT + sizeof MAC - 1, sizeof whole - 1 };
    struct audit_note note, changed;

    (void)state;
    for (size_t n = 1; n < sizeof whole; n++) {
        struct slice rest = slice_from(whole, n);
        bool is_end = n == ends[0] || n == ends[1] || n == ends[2];
        /* A signature that is cut before its blank is left over, and is then no note. */
        bool taken = audit_note_take(&rest, &note, NULL);
        assert_int_equal(taken && rest.n == 0, is_end);
        assert_false(!is_end && audit_note_take(&rest, &note, NULL));
    }
    char copy[sizeof whole];
    struct slice rest = slice_from(whole, sizeof whole - 1);
    assert_true(audit_note_take(&rest, &note, NULL));
    for (size_t i = 0; i < sizeof TEXT - 1; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(copy, whole, sizeof whole);
            copy[i] = (char)((unsigned char)copy[i] ^ 1u << bit);
            rest = slice_from(copy, sizeof whole - 1);
            if (audit_note_take(&rest, &changed, NULL))
                assert_true(changed.seq != note.seq || !slice_eq(changed.name, note.name) ||
                            memcmp(changed.hash, note.hash, sizeof note.hash) != 0);
        }
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "x",
        "easgate/audit/\n1\nMbnuSoMLdVgOOea9Y1bUBST8uGg+Z88JQpDaMG5+4jU=\n\n",
        "easgate/audit/a b\n1\nMbnuSoMLdVgOOea9Y1bUBST8uGg+Z88JQpDaMG5+4jU=\n\n",
        "easgate/log/a\n1\nMbnuSoMLdVgOOea9Y1bUBST8uGg+Z88JQpDaMG5+4jU=\n\n",
        NAME "\n0\nMbnuSoMLdVgOOea9Y1bUBST8uGg+Z88JQpDaMG5+4jU=\n\n",
        NAME "\n042\nMbnuSoMLdVgOOea9Y1bUBST8uGg+Z88JQpDaMG5+4jU=\n\n",
        NAME "\n18446744073709551616\nMbnuSoMLdVgOOea9Y1bUBST8uGg+Z88JQpDaMG5+4jU=\n\n",
        NAME "\n42\nMbnuSoMLdVgOOea9Y1bUBST8uGg+Z88JQpDaMG5+4jU\n\n",
        NAME "\n42\nMbnuSoMLdVgOOea9Y1bUBST8uGg+Z88JQpDaMG5+4g==\n\n",
        NAME "\n42\r\nMbnuSoMLdVgOOea9Y1bUBST8uGg+Z88JQpDaMG5+4jU=\n\n",
        NAME "\n42\nMbnuSoMLdVgOOea9Y1bUBST8uGg+Z88JQpDaMG5+4jU=\n" MAC,
        TEXT "\n" DASH NAME " wBJp\n",
        TEXT "\n" DASH NAME "\n",
        TEXT "\n" DASH " wBJpVH5A\n",
        TEXT "\n" MAC MAC MAC MAC MAC MAC MAC MAC MAC,
    };
    struct audit_note note;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct slice rest = slice_of(bad[i]);
        struct err e = { 0 };
        assert_false(audit_note_take(&rest, &note, &e));
        assert_int_equal(e.code, ERR_SYNTAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),           cmocka_unit_test(test_ids),     cmocka_unit_test(test_read),
        cmocka_unit_test(test_cut_and_changed), cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests_name("audit_note", tests, NULL, NULL);
}
