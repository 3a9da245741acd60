/* emu_control: the control port, plain HTTP and JSON, for tests and demos. docs/emulator.md describes it. */
#ifndef EG_EMU_CONTROL_H
#define EG_EMU_CONTROL_H
#include "base/err.h"

struct evhttp;
struct emu_server;

/* Listen there; NULL on failure. Free with evhttp_free. *out_port = the port. */
struct evhttp *emu_control_new(struct emu_server *s, const char *listen, int *out_port, struct err *e);
#endif
