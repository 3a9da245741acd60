/* emu_head: takes a raw request head apart, leniently. Pure. */
#ifndef EG_EMU_HEAD_H
#define EG_EMU_HEAD_H
#include "emulator/emu_http.h"

struct emu_body_length {
    bool chunked;
    uint64_t bytes;
};

/* Fill method to headers of r from r->head, note what is odd, and say how long the body is. */
struct emu_body_length emu_head_parse(struct emu_request *r);
#endif
