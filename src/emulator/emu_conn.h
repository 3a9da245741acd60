/* emu_conn: connections: they read requests, wait for the journal, and carry out what was planned for each answer. */
#ifndef EG_EMU_CONN_H
#define EG_EMU_CONN_H
#include "emulator/emu_server.h"

struct emu_conn;

/* Take over an accepted socket. */
void emu_conn_accept(struct emu_server *s, int fd, const char *peer);
/* The journal is written: send the answers that waited for it. */
void emu_conn_release_waiting(struct emu_server *s);
/* Journal what is unfinished everywhere and close all. */
void emu_conn_close_all(struct emu_server *s);
#endif
