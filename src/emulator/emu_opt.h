/* emu_opt: the command line. Pointers in it reach into argv. */
#ifndef EG_EMU_OPT_H
#define EG_EMU_OPT_H
#include <stdbool.h>
#include <stdint.h>

#define EMU_NAMES_MAX 16

struct emu_opt {
    bool verify, journal_sync, stopped_keeps_total, remember_nonces;
    const char *listen, *control, *cert, *key, *make_ca, *credentials, *journal, *region, *ready_file;
    const char *at, *access_key_id, *access_key_secret, *security_token;
    const char *names[EMU_NAMES_MAX + 1]; /* further host names for --make-ca, NULL-ended */
    int64_t state_delay_ms, idle_ms;
};

/* 0 = go on, else exit with *out_code (help was shown, or the usage was wrong and said so on standard error). */
int emu_opt_parse(int argc, char **argv, struct emu_opt *o, int *out_code);
#endif
