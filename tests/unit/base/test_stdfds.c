/* stdfds: closed standard descriptors get their places back, open ones are left alone. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "base/stdfds.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int saved[3];

static int keep(void **state)
{
    (void)state;
    for (int fd = 0; fd < 3; fd++)
        if ((saved[fd] = fcntl(fd, F_DUPFD, 10)) < 0)
            return -1;
    return 0;
}

static int bring_back(void **state)
{
    (void)state;
    for (int fd = 0; fd < 3; fd++) {
        dup2(saved[fd], fd);
        close(saved[fd]);
    }
    return 0;
}

/* Bits: which of the three are closed. */
static void test_each_way(void **state)
{
    struct { /* what is asserted once standard error is back */
        bool held, is_next_free, is_same;
        int written[3];
        int errors[3];
    } r[8];

    (void)state;
    for (unsigned closed = 0; closed < 8; closed++) {
        for (int fd = 0; fd < 3; fd++)
            if (closed >> fd & 1)
                close(fd);
        r[closed].held = stdfds_hold();
        int next = open("/dev/null", O_RDWR);
        r[closed].is_next_free = next > 2;
        close(next);
        r[closed].is_same = true;
        for (int fd = 0; fd < 3; fd++) {
            struct stat a, b;
            if (!(closed >> fd & 1))
                r[closed].is_same = r[closed].is_same && fstat(fd, &a) == 0 && fstat(saved[fd], &b) == 0 &&
                                    a.st_ino == b.st_ino && a.st_dev == b.st_dev;
            char byte = 'x';
            errno = 0;
            r[closed].written[fd] =
                closed >> fd & 1 ? (int)(fd ? write(fd, &byte, 1) : read(fd, &byte, 1)) : -1;
            r[closed].errors[fd] = closed >> fd & 1 ? errno : EBADF;
            dup2(saved[fd], fd);
        }
    }
    for (unsigned closed = 0; closed < 8; closed++) {
        assert_true(r[closed].held && r[closed].is_next_free && r[closed].is_same);
        for (int fd = 0; fd < 3; fd++) {
            assert_int_equal(r[closed].written[fd], -1);
            assert_int_equal(r[closed].errors[fd], EBADF);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_way, keep, bring_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
