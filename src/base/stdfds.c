/* Places for the standard descriptors: see stdfds.h. */
#include "base/stdfds.h"
#include <fcntl.h>
#include <unistd.h>

bool stdfds_hold(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* the wrong way round: output to nowhere must not look as if it had been written */
        if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return false;
    }
    return true;
}
