/*
 * accept: accept4 as libevent calls it. libevent 2.1.12-stable-8 (Debian 12 without its security update; the version text is
 * the same) keeps a peer's address in 28 bytes and aborts the process when a unix client is bound to a longer path
 * (CVE-2026-63388). evhttp needs no path of a client, so libevent is given the family alone. An executable's own symbol is
 * what a shared library gets, and this file is linked in for accept_and_close.
 * Must never: change anything but the length of a unix address.
 */
#include "edge/accept.h"
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The name in C differs because libc's own declaration takes a transparent union. */
int accept_for_library(int fd, struct sockaddr *address, socklen_t *length, int flags) __asm__("accept4");

int accept_for_library(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    int accepted = (int)syscall(SYS_accept4, fd, address, length, flags);

    if (accepted >= 0 && address && length && *length > sizeof address->sa_family &&
        address->sa_family == AF_UNIX)
        *length = sizeof address->sa_family;
    return accepted;
}

bool accept_and_close(int listening_fd)
{
    int fd = accept_for_library(listening_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return false;
    close(fd);
    return true;
}
