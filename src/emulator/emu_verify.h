/*
 * emu_verify: is this request signed as the document "Signature V3, ACS3-HMAC-SHA256" says? Written from the document
 * alone; it shares no code with the gateway's signer, percent encoding and dates included, so that the one can prove
 * the other. Pure but for the table of nonces.
 */
#ifndef EG_EMU_VERIFY_H
#define EG_EMU_VERIFY_H
#include "emulator/emu_http.h"
#include "emulator/emu_keys.h"
#include "emulator/emu_nonce.h"

#define EMU_SKEW_MS       (INT64_C(15) * 60 * 1000)
#define EMU_SIGNED_MAX    64U
#define EMU_PAIRS_MAX     500U
#define EMU_CANONICAL_MAX (4U << 20)

struct emu_pair {
    struct slice name, value;
};

/* What is verified. The query is raw text, or pairs that are decoded already (pairs != NULL). */
struct emu_evidence {
    struct slice method, path, query, body;
    const struct emu_header *headers;
    size_t header_count;
    const struct emu_pair *pairs;
    size_t pair_count;
};

struct emu_verdict {
    bool ok;
    int status;       /* HTTP status of the refusal */
    const char *code; /* EAS's code, "" when ok */
    char detail[256]; /* for people; no secret */
    struct slice key_id;
    char body_sha256[65];
};

/* Judge. *canonical gets the canonical request as far as it could be built. nonces may be NULL: reuse is not checked. */
void emu_verify(const struct emu_evidence *ev, const struct emu_keys *keys, int64_t now_ms,
                struct emu_nonces *nonces, struct sbuf *canonical, struct emu_verdict *out);
#endif
