/* emu_exchange: one request that was read becomes a journal record and the plan for its answer. */
#ifndef EG_EMU_EXCHANGE_H
#define EG_EMU_EXCHANGE_H
#include "emulator/emu_server.h"

struct emu_origin {
    uint64_t conn, conn_seq;
    const char *peer;
};

/* Judge, run, plan and journal (in memory). */
void emu_exchange_run(struct emu_server *s, struct emu_request *req, const struct emu_origin *from,
                      struct emu_plan *out);
/* Journal a request that will not be answered; why is noted in it. */
void emu_exchange_lost(struct emu_server *s, struct emu_request *req, const struct emu_origin *from,
                       const char *fault, const char *why);
/* Is there a fault that cuts the connection now that the head is known? Its name, or NULL. */
const char *emu_exchange_head_fault(struct emu_server *s, struct emu_request *req);
#endif
