/* emu_answer: one answer as EAS gives it, before it is put on the wire. The caller owns it and drops it. */
#ifndef EG_EMU_ANSWER_H
#define EG_EMU_ANSWER_H
#include "base/sbuf.h"

#define EMU_ANSWER_MAX (256U << 20)

struct emu_answer {
    int status;
    char code[80];       /* of an error, else "" */
    char request_id[37]; /* upper-case UUID form */
    const char *host_id;
    char headers[512]; /* further header lines, each with its CRLF */
    struct sbuf body;
};

/* A new request id and an empty body. host_id must outlive the answer. */
void emu_answer_init(struct emu_answer *a, const char *host_id);
void emu_answer_drop(struct emu_answer *a);
/* Make it an error in EAS's form; replaces the body. */
void emu_answer_error(struct emu_answer *a, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void emu_answer_add_header(struct emu_answer *a, const char *name, const char *value);

const char *emu_answer_reason(int status);
/* Status line and headers, with or without the one that gives the length, up to and with the empty line. */
void emu_answer_put_head(const struct emu_answer *a, bool with_length, bool keep_alive, int64_t wall_ms,
                         struct sbuf *out);
#endif
