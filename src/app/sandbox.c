/* Giving up what is not needed: see sandbox.h. */
#include "app/sandbox.h"
#include "base/log.h"
#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define SPARE_FILES 64 /* log, audit, listeners, epoll, eventfds, configuration while it is read */

bool sandbox_begin(struct err *e)
{
    umask(077);
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }) != 0)
        return err_set(e, ERR_IO, "core dumps cannot be switched off (RLIMIT_CORE): %s", strerror(errno));
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return err_set(e, ERR_IO, "the process cannot be made undumpable (PR_SET_DUMPABLE): %s",
                       strerror(errno));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        log_event(LOG_WARN, "sandbox", "no_new_privs is not to be had", LOG_C("error", strerror(errno)));
    return true;
}

bool sandbox_raise_files(unsigned long connections, struct err *e)
{
    struct rlimit limit;
    rlim_t need = (rlim_t)connections * 2 + SPARE_FILES;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return err_set(e, ERR_IO, "RLIMIT_NOFILE cannot be read: %s", strerror(errno));
    if (limit.rlim_cur >= need)
        return true;
    struct rlimit want = { need, limit.rlim_max > need ? limit.rlim_max : need };
    if (setrlimit(RLIMIT_NOFILE, &want) == 0)
        return true;
    return err_set(e, ERR_IO,
                   "%lu open files are allowed, max_connections needs %lu: raise the limit (ulimit -n, "
                   "LimitNOFILE) or lower max_connections",
                   (unsigned long)limit.rlim_cur, (unsigned long)need);
}
