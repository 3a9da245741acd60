/* emu_control_books: the control port's calls about scalers, things, and the emulator's own books. */
#ifndef EG_EMU_CONTROL_BOOKS_H
#define EG_EMU_CONTROL_BOOKS_H
#include "base/err.h"
#include "emulator/emu_json.h"
#include "emulator/emu_state.h"

/* {"service","want"}: the demand its autoscaler sees: a number, "drift", or null (none). Service "*": whether all
 * drift that have no demand of their own. */
bool emu_control_set_want(struct emu_state *s, const struct emu_json *body, int64_t now_ms, struct err *e);
/* {"service","job"}: fire that job of its cron scaler now; without a job the first. */
bool emu_control_fire(struct emu_state *s, const struct emu_json *body, int64_t now_ms, struct err *e);
/* {"kind","key","data"}: set a thing directly. */
bool emu_control_set_thing(struct emu_state *s, const struct emu_json *body, struct err *e);

/* What the books say of one service, into an object that is open; all things, as an array "things". */
void emu_control_write_books(const struct emu_state *s, const struct emu_service *v, struct emu_jw *w);
void emu_control_write_things(const struct emu_state *s, struct emu_jw *w);
/* The sums that a filter asks for. */
void emu_control_write_peaks(const struct emu_state *s, const struct emu_books_filter *f, struct emu_jw *w);
#endif
