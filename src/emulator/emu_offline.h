/* emu_offline: the verify mode, JSON in, one JSON line out for each object; no sockets. */
#ifndef EG_EMU_OFFLINE_H
#define EG_EMU_OFFLINE_H
#include "emulator/emu_json.h"
#include "emulator/emu_opt.h"
#include "emulator/emu_verify.h"

/* Read standard input, judge, answer on standard output. The exit code. */
int emu_offline_run(const struct emu_opt *opt);
/* Judge one object. keys NULL: the object's own access_key_id, access_key_secret, security_token. nonces may be NULL.
 * Its member "at" (if any) comes before now_ms. */
void emu_offline_judge(const struct emu_json *request, const struct emu_keys *keys, int64_t now_ms,
                       struct emu_nonces *nonces, struct emu_verdict *out);
#endif
