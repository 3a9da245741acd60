/*
 * after_text: the state that a verdict rests on, as it stands in audit records (member `now`), so that a record can be judged
 * again. Canonical JSON of printable ASCII, the members named as those of struct service_state; zeros and what is off are left
 * out, config and version come last and are what facts_print makes of them: {"spec":"llama_7b_fp16","count":2,"config":[...]}.
 */
#ifndef EG_AFTER_TEXT_H
#define EG_AFTER_TEXT_H
#include "base/sbuf.h"
#include "core/after.h"

#define STATE_TEXT_MAX_BYTES (FACTS_TEXT_MAX_BYTES + 1024)

/* Append it. False when the configuration's values do not fit (FACTS_TEXT_MAX_BYTES), or out failed. */
bool state_print(const struct service_state *s, struct sbuf *out);
/* And back; what *out holds lives in the arena. False: e says what is wrong. */
bool state_parse(struct slice text, struct arena *a, struct service_state *out, struct err *e);
#endif
