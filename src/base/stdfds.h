/*
 * stdfds: descriptors 0 to 2 are open before the program opens anything. Who starts a program without one of them gives that
 * number to the first file or socket that it opens, and what is meant for standard error goes there.
 */
#ifndef EG_STDFDS_H
#define EG_STDFDS_H
#include <stdbool.h>

/* The first call of main: hold the places of those that are closed; reading and writing them go on to fail. False: one could
 * not be held. */
bool stdfds_hold(void);
#endif
