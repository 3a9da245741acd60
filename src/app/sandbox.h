/*
 * sandbox: what the process gives up before it reads a secret, so that a fault later cannot give it away. Each measure is
 * logged; those that the kernel or the service manager does not grant are logged as such, but core dumps must go.
 */
#ifndef EG_SANDBOX_H
#define EG_SANDBOX_H
#include "base/err.h"

/* Before any secret is read: no core dumps (RLIMIT_CORE 0, PR_SET_DUMPABLE 0), no new privileges, umask 077. */
bool sandbox_begin(struct err *e);
/* RLIMIT_NOFILE raised to what `connections` of clients and as many to EAS need; false (e) when that cannot be had. */
bool sandbox_raise_files(unsigned long connections, struct err *e);
#endif
