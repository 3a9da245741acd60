/* emu_canon: the canonical request of ACS3, for the verifier only; from the document, with code of its own. Pure. */
#ifndef EG_EMU_CANON_H
#define EG_EMU_CANON_H
#include "emulator/emu_verify.h"

/* Must a header of this name be signed: host, content-type, x-acs-*? */
bool emu_canon_is_signed(struct slice name);
/* yyyy-MM-ddTHH:mm:ssZ, a day that exists. */
bool emu_canon_date(struct slice text, int64_t *out_ms);
/* Build it. False, with a reason in why, when it cannot be built or signed_headers is not what had to be signed. */
bool emu_canon_request(const struct emu_evidence *ev, struct slice signed_headers, const char *body_sha256,
                       struct sbuf *out, char *why, size_t why_size);
/* Split a raw query into decoded pairs; their bytes lie in *text. False on a broken escape or too many. */
bool emu_canon_split_query(struct slice query, struct sbuf *text, struct emu_pair *pairs, size_t *out_count);
#endif
