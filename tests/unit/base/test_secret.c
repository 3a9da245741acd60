/* secret: where the bytes live, that they are wiped before the page goes back, and randomness across a fork. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "base/secret.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Sanitizers put functions of their own in place of munmap and mlock (theirs does nothing). */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PLAIN_BUILD 0
#elif defined(__has_feature)
#define PLAIN_BUILD !(__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define PLAIN_BUILD 1
#endif

/* What the kernel says of the mapping that holds p: " rd wr mr mw me lo dc dd ..." (proc(5), VmFlags). */
static bool vm_flags(const void *p, char *out, size_t size)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    char *line = NULL;
    size_t room = 0;
    bool inside = false, found = false;

    while (f && !found && getline(&line, &room, f) > 0) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = (uintptr_t)p >= from && (uintptr_t)p < to;
        found = inside && strncmp(line, "VmFlags:", 8) == 0;
    }
    if (found)
        snprintf(out, size, "%s", line + 8);
    free(line);
    if (f)
        fclose(f);
    return found;
}

static void test_bytes(void **state)
{
    struct secret *s = secret_new("LTAI\0secret", 11), *empty = secret_new(NULL, 0);

    (void)state;
    assert_true(slice_eq(secret_bytes(s), S("LTAI\0secret")));
    assert_int_equal(secret_bytes(empty).n, 0);
    secret_free(&empty);
    secret_free(&s);
    assert_null(s);
    secret_free(&s);
    assert_null(secret_new("x", SIZE_MAX));
    assert_null(secret_new("x", SIZE_MAX - 100));
}

static void test_page_is_kept_from_dumps_and_children(void **state)
{
    static char large[20000];
    struct secret *s = secret_new(large, sizeof large);
    char flags[256];

    (void)state;
    assert_true(vm_flags(secret_bytes(s).p, flags, sizeof flags));
    assert_non_null(strstr(flags, " dd")); /* not dumped */
    assert_non_null(strstr(flags, " dc")); /* not copied to a child of fork */
    if (PLAIN_BUILD)
        assert_int_equal(strstr(flags, " lo") != NULL, secret_is_locked(s));
    /* also the last byte */
    assert_true(vm_flags(secret_bytes(s).p + sizeof large - 1, flags, sizeof flags));
    assert_non_null(strstr(flags, " dd"));
    /* the heap is no such page, or this test could not fail */
    void *heap = malloc(100);
    assert_true(vm_flags(heap, flags, sizeof flags));
    assert_null(strstr(flags, " dd"));
    free(heap);
    secret_free(&s);
}

/* A child that reads the parent's secret dies of it. */
static void test_child_cannot_read(void **state)
{
    struct secret *s = secret_new("secret", 6);
    int status = 0;

    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); /* the test library's handler is still there */
        volatile const char *p = secret_bytes(s).p;
        _exit(p[0] == 's' ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
    secret_free(&s);
}

#if PLAIN_BUILD
static const void *watched;    /* a mapping that is about to be given back */
static size_t watched_n, left; /* its size then; bytes in it that are not zero */

/* In place of the C library's: looks at the page before it goes. */
int munmap(void *p, size_t n)
{
    if (p == watched) {
        watched_n = n;
        for (size_t i = 0; i < n; i++)
            left += ((const unsigned char *)p)[i] != 0;
    }
    return (int)syscall(SYS_munmap, p, n);
}

static void test_wiped_before_given_back(void **state)
{
    static char text[9000];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    (void)state;
    for (size_t n = 1; n < sizeof text; n += 4999) {
        memset(text, 0xa5, n);
        struct secret *s = secret_new(text, n);
        assert_non_null(s);
        watched = (const void *)((uintptr_t)secret_bytes(s).p / page * page);
        watched_n = left = 0;
        secret_free(&s);
        assert_true(watched_n >= n);
        assert_int_equal(left, 0);
    }
    watched = NULL;
}
#endif

/* Nothing reads the array after the wipe, so a plain memset would be dropped at -O2. */
static __attribute__((noinline)) void leave_on_stack(bool wipe, uintptr_t *out)
{
    char key[64];

    memset(key, 'K', sizeof key);
    *out = (uintptr_t)key;
    __asm__ volatile("" ::"r"(key) : "memory");
    if (wipe)
        secret_wipe(key, sizeof key);
}

static void test_wipe(void **state)
{
    char text[8] = "secret!";

    (void)state;
    secret_wipe(text, 6);
    assert_memory_equal(text, "\0\0\0\0\0\0!", 8);
    secret_wipe(text, 0);
#if PLAIN_BUILD /* a sanitizer forbids the look at a dead frame */
    uintptr_t at = 0;
    size_t kept = 0;
    leave_on_stack(true, &at);
    const volatile char *key = (const volatile char *)at;
    for (size_t i = 0; i < 64; i++)
        kept += key[i] == 'K';
    assert_int_equal(kept, 0);
#else
    (void)leave_on_stack;
#endif
}

static void test_eq(void **state)
{
    (void)state;
    assert_true(secret_eq("abc", "abc", 3));
    assert_false(secret_eq("abc", "abd", 3));
    assert_false(secret_eq("xbc", "abc", 3));
    assert_true(secret_eq("abc", "abd", 2));
    assert_true(secret_eq("a", "b", 0));
}

static void test_random(void **state)
{
    static unsigned char bytes[100000];
    size_t seen[256] = { 0 };

    (void)state;
    assert_true(random_bytes(bytes, 0));
    assert_true(random_bytes(bytes, sizeof bytes)); /* over many fillings of the pool */
    for (size_t i = 0; i < sizeof bytes; i++)
        seen[bytes[i]]++;
    for (size_t i = 0; i < 256; i++) /* 390 expected, 20 is a standard deviation */
        assert_in_range(seen[i], 190, 590);
    for (size_t i = 16; i < sizeof bytes; i += 16)
        assert_memory_not_equal(bytes, bytes + i, 16);
}

static void test_random_differs_in_a_child(void **state)
{
    unsigned char mine[32], childs[32];
    int ends[2], status = 0;

    (void)state;
    assert_true(random_bytes(mine, 1)); /* the pool is filled */
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        bool fine = random_bytes(childs, 32) && write(ends[1], childs, 32) == 32;
        _exit(fine ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(ends[0], childs, 32), 32);
    assert_true(random_bytes(mine, 32));
    assert_memory_not_equal(mine, childs, 32);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_page_is_kept_from_dumps_and_children),
        cmocka_unit_test(test_child_cannot_read),
#if PLAIN_BUILD
        cmocka_unit_test(test_wiped_before_given_back),
#endif
        cmocka_unit_test(test_wipe),
        cmocka_unit_test(test_eq),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_random_differs_in_a_child),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
