/*
 * emu_http: a lenient reader of HTTP/1 requests, without I/O. It takes what no server should take (bare LF, folded
 * lines, two lengths, odd methods) and notes every oddity, because its purpose is to show what arrived.
 * struct emu_http owns its request; slices in it live until emu_http_next or emu_http_free.
 */
#ifndef EG_EMU_HTTP_H
#define EG_EMU_HTTP_H
#include "base/sbuf.h"

#define EMU_HEAD_MAX    (1U << 20)
#define EMU_BODY_MAX    (64U << 20)
#define EMU_HEADERS_MAX 2000U
#define EMU_NOTES_MAX   (64U << 10)

struct emu_header {
    struct slice name;  /* as sent, without blanks before the colon */
    struct slice value; /* without blanks at both ends */
};

struct emu_request {
    struct sbuf head; /* raw, from the request line to the empty line */
    struct slice method, target, version, path, query;
    bool has_query;
    struct emu_header *headers;
    size_t header_count;
    struct sbuf body;  /* decoded */
    struct sbuf notes; /* JSON strings joined by commas: the oddities */
    bool has_head, complete, keep_alive, expects_continue;
};

enum emu_http_event {
    EMU_HTTP_MORE = 0, /* wants more bytes */
    EMU_HTTP_HEAD,     /* the head is complete (said once); go on feeding */
    EMU_HTTP_DONE,     /* the request is complete; emu_http_next before the next byte */
    EMU_HTTP_BROKEN,   /* cannot be read any further */
    EMU_HTTP_EVENT_COUNT_
};

struct emu_http;

struct emu_http *emu_http_new(void); /* NULL without memory */
void emu_http_free(struct emu_http **h);
/* Read from `in`; *out_used = how much was taken. Call again with the rest after EMU_HTTP_HEAD. */
enum emu_http_event emu_http_feed(struct emu_http *h, struct slice in, size_t *out_used);
/* Forget this request, keep the memory. */
void emu_http_next(struct emu_http *h);
struct emu_request *emu_http_request(struct emu_http *h);
/* Has any byte of a request arrived? */
bool emu_http_is_started(const struct emu_http *h);

/* The first header of this name (any case), or NULL; *out_count = how many there are (may be NULL). */
const struct emu_header *emu_request_header(const struct emu_request *r, struct slice name,
                                            size_t *out_count);
void emu_note(struct sbuf *notes, const char *format, ...) __attribute__((format(printf, 2, 3)));
#endif
