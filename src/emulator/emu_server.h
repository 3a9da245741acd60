/*
 * emu_server: everything that lives while the emulator runs, and its loop. One thread. Requests are answered in two
 * steps: during a turn of the loop they are judged and journaled in memory, at its end the journal is written once,
 * and only then the answers of that turn are sent.
 */
#ifndef EG_EMU_SERVER_H
#define EG_EMU_SERVER_H
#include "emulator/emu_call.h"
#include "emulator/emu_fault.h"
#include "emulator/emu_journal.h"
#include "emulator/emu_keys.h"
#include "emulator/emu_nonce.h"
#include "emulator/emu_opt.h"

struct event;
struct event_base;
typedef struct ssl_ctx_st SSL_CTX;

struct emu_server {
    const struct emu_opt *opt;
    struct event_base *base;
    SSL_CTX *tls;
    struct emu_world world;
    struct emu_keys keys;
    struct emu_nonces *nonces;
    struct emu_faults *faults;
    struct emu_journal *journal;
    struct list conns;   /* all connections */
    struct list waiting; /* those whose answer waits for the journal */
    struct event *turn_end;
    uint64_t conn_count; /* accepted so far */
    char host_id[300];
    bool failed; /* the loop ended because the journal could not be written */
};

/* Serve until SIGTERM or SIGINT. The exit code. */
int emu_server_run(const struct emu_opt *opt);
/* Forget services, faults and nonces. */
void emu_server_reset(struct emu_server *s);
#endif
