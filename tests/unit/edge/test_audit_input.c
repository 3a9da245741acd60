/* Compressed segments: what the library packed comes back whatever the pieces; every cut and every flipped bit is noticed, or
 * changes nothing. */
#include "edge/audit_input.h"
#include "edge/audit_read.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>
#include <cmocka.h>

static char plain[1 << 20], packed[1 << 20], back[2 << 20];
static size_t plain_bytes;

static void fill_plain(size_t lines)
{
    uint64_t n = 88172645463325252u;

    plain_bytes = 0;
    for (size_t i = 0; i < lines; i++) {
        n ^= n << 13, n ^= n >> 7, n ^= n << 17;
        plain_bytes += (size_t)snprintf(plain + plain_bytes, sizeof plain - plain_bytes,
                                        "{\"line\":%zu,\"x\":\"%016llx\"}\n", i, (unsigned long long)n);
    }
}

static size_t pack(char *out, int window_log)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();

    assert_non_null(z);
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1)));
    if (window_log) {
        assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, window_log)));
        assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0)));
    }
    /* By the streaming call: the size is then not known beforehand, so the window is what was asked for. */
    ZSTD_outBuffer to = { out, sizeof packed / 2, 0 };
    ZSTD_inBuffer from = { plain, plain_bytes, 0 };
    while (from.pos < from.size)
        assert_false(ZSTD_isError(ZSTD_compressStream2(z, &to, &from, ZSTD_e_continue)));
    assert_int_equal(ZSTD_compressStream2(z, &to, &from, ZSTD_e_end), 0);
    ZSTD_freeCCtx(z);
    return to.pos;
}

static int file_of(const char *bytes, size_t n)
{
    int fd = memfd_create("audit_input", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* All bytes of a file of these bytes, asked for `piece` at a time; the damage. */
static const char *read_back(const char *bytes, size_t n, size_t piece, size_t *out_bytes)
{
    int fd = file_of(bytes, n);
    struct audit_input *in = audit_input_new(fd, true);
    size_t more;

    assert_non_null(in);
    *out_bytes = 0;
    while ((more = audit_input_read(in, back + *out_bytes, piece)) > 0)
        *out_bytes += more;
    assert_int_equal(audit_input_read(in, back + *out_bytes, piece), 0);
    assert_int_equal(audit_input_error(in), 0);
    const char *damage = audit_input_damage(in);
    audit_input_free(&in);
    close(fd);
    return damage;
}

static void test_whole(void **state)
{
    const size_t pieces[] = { 1, 7, 4096, 262144 };
    size_t n;

    (void)state;
    fill_plain(20000);
    size_t bytes = pack(packed, 0);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        assert_null(read_back(packed, bytes, pieces[i], &n));
        assert_int_equal(n, plain_bytes);
        assert_memory_equal(back, plain, n);
    }
    /* Two frames one behind the other are one stream. */
    memmove(packed + bytes, packed, bytes);
    assert_null(read_back(packed, 2 * bytes, 4096, &n));
    assert_int_equal(n, 2 * plain_bytes);
}

static void test_cut_and_flipped(void **state)
{
    static char small[4096];
    size_t n, same = 0;

    (void)state;
    fill_plain(40);
    size_t bytes = pack(packed, 0);
    assert_true(bytes < sizeof small);
    for (size_t cut = 0; cut < bytes; cut++)
        assert_non_null(read_back(packed, cut, 4096, &n));
    for (size_t i = 0; i < bytes * 8; i++) {
        memcpy(small, packed, bytes);
        small[i / 8] = (char)((unsigned char)small[i / 8] ^ 1u << i % 8);
        if (!read_back(small, bytes, 4096, &n)) {
            assert_int_equal(n, plain_bytes);
            assert_memory_equal(back, plain, n);
            same++;
        }
    }
    print_message("audit_input: %zu of %zu bits change nothing\n", same, bytes * 8);
    assert_true(same < 64); /* bits that the format does not use */
    memcpy(small, packed, bytes);
    small[bytes] = '\n';
    assert_non_null(read_back(small, bytes + 1, 4096, &n));
}

static void test_refused(void **state)
{
    size_t n;

    (void)state;
    fill_plain(100);
    assert_null(read_back(packed, pack(packed, AUDIT_ZST_WINDOW_LOG), 4096, &n));
    assert_non_null(read_back(packed, pack(packed, AUDIT_ZST_WINDOW_LOG + 1), 4096, &n));
    assert_non_null(read_back(plain, plain_bytes, 4096, &n));
}

/* A disk that cannot be read is no finding about the log. */
static void test_error(void **state)
{
    char c;

    (void)state;
    for (int is_zst = 0; is_zst < 2; is_zst++) {
        int fd = open("/", O_RDONLY | O_DIRECTORY);
        struct audit_input *in = audit_input_new(fd, is_zst);
        assert_non_null(in);
        assert_int_equal(audit_input_read(in, &c, 1), 0);
        assert_int_equal(audit_input_error(in), EISDIR);
        assert_null(audit_input_damage(in));
        audit_input_free(&in);
        close(fd);
    }
}

/* Through the reader: the lines before the damage are given, then it says why there are no more. */
static void test_reader(void **state)
{
    struct audit_text text;
    size_t lines = 0;

    (void)state;
    fill_plain(20000);
    size_t bytes = pack(packed, 0);
    for (int is_cut = 0; is_cut < 2; is_cut++) {
        int fd = file_of(packed, is_cut ? bytes - 1000 : bytes);
        struct audit_reader *r = audit_reader_new(fd, true);
        assert_non_null(r);
        for (lines = 0; audit_reader_next(r, &text); lines++)
            assert_memory_equal(text.line.p, plain + text.offset, text.line.n);
        assert_true(is_cut ? lines < 20000 && lines > 1000 : lines == 20000);
        assert_int_equal(audit_reader_damage(r) != NULL, is_cut);
        assert_int_equal(audit_reader_taken(r), is_cut ? bytes - 1000 : bytes);
        audit_reader_free(&r);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole), cmocka_unit_test(test_cut_and_flipped), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_error), cmocka_unit_test(test_reader),
    };

    return cmocka_run_group_tests_name("audit_input", tests, NULL, NULL);
}
