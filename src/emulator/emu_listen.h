/* emu_listen: addresses to listen on. */
#ifndef EG_EMU_LISTEN_H
#define EG_EMU_LISTEN_H
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

/* "HOST:PORT" or "[v6]:PORT"; HOST is a numeric address or localhost. */
bool emu_listen_split(const char *text, char *out_host, size_t host_size, uint16_t *out_port, struct err *e);
/* The port a socket is bound to, or -1. */
int emu_listen_port(int fd);
/* "address:port" of a peer. */
void emu_listen_peer(const struct sockaddr *a, char *out, size_t size);
#endif
