/* accept: taking connections from listening sockets; see accept.c for what else it does. */
#ifndef EG_ACCEPT_H
#define EG_ACCEPT_H
#include <stdbool.h>

/* Take one connection and close it unheard. False when none waits. */
bool accept_and_close(int listening_fd);
#endif
