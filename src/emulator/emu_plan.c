/*
 * What goes over the wire for an answer, faults included: see emu_fault.h. Each fault is a few lines here; the
 * connection only carries out the plan.
 */
#include "emulator/emu_fault.h"

#define BIG_MAX (128U << 20)

static int64_t at_or(const struct emu_fault *f, int64_t normal)
{
    return f->at == EMU_AT_NONE || f->at < 0 ? normal : f->at;
}

static void make_big(struct emu_answer *a, int64_t size)
{
    size_t pad = size > (int64_t)BIG_MAX ? BIG_MAX : (size_t)size;

    sbuf_clear(&a->body);
    sbuf_addf(&a->body, "{\"RequestId\":\"%s\",\"Padding\":\"", a->request_id);
    char *room = sbuf_room(&a->body, pad);
    if (room) {
        memset(room, 'x', pad);
        sbuf_grew(&a->body, pad);
    }
    sbuf_adds(&a->body, "\"}");
}

void emu_fault_answer(const struct emu_fault *f, struct emu_answer *a)
{
    char number[24];

    if (!f)
        return;
    if (f->kind == EMU_FAULT_BIG_BODY) {
        make_big(a, at_or(f, 64 << 20));
    } else if (f->kind == EMU_FAULT_STATUS) {
        int status = f->status ? f->status : 500;
        emu_answer_error(a, status,
                         f->code[0]      ? f->code
                         : status == 503 ? "ServiceUnavailable"
                                         : "InternalError",
                         "The request processing has failed due to some unknown error.");
    } else if (f->kind == EMU_FAULT_THROTTLE) {
        snprintf(number, sizeof number, "%lld", (long long)(f->ms ? f->ms : 1000));
        emu_answer_error(a, f->status ? f->status : 400, f->code[0] ? f->code : "Throttling.User",
                         "Request was denied due to user flow control.");
        emu_answer_add_header(a, "x-acs-retry-after", number);
    } else if (f->kind == EMU_FAULT_REDIRECT) {
        emu_answer_error(a, f->status ? f->status : 302, "Redirect", "See elsewhere.");
        emu_answer_add_header(a, "Location", f->text ? f->text : "https://127.0.0.1:1/elsewhere");
    }
}

/* Head with a length that lies by `by`, twice where `twice` (then the first one is true). */
static void put_length(const struct emu_answer *a, bool keep, int64_t wall_ms, int64_t by, bool twice,
                       struct sbuf *out)
{
    struct emu_answer other = *a;
    char number[24];
    long long length = (long long)a->body.n + by;

    snprintf(number, sizeof number, "%lld", length < 0 ? 0 : length);
    emu_answer_add_header(&other, "Content-Length", number);
    emu_answer_put_head(&other, twice, keep, wall_ms, out);
}

static void put_chunked(const struct emu_fault *f, const struct emu_answer *a, bool keep, int64_t wall_ms,
                        struct sbuf *out)
{
    struct emu_answer other = *a;
    size_t half = a->body.n / 2;

    emu_answer_add_header(&other, "Transfer-Encoding", "chunked");
    emu_answer_put_head(&other, f->kind == EMU_FAULT_CHUNKED_AND_LENGTH, keep, wall_ms, out);
    sbuf_addf(out, "%zx\r\n", half);
    sbuf_add(out, slice_from(a->body.p, half));
    sbuf_addf(out, f->kind == EMU_FAULT_BAD_CHUNK ? "\r\n0x%zx;\r\n" : "\r\n%zx\r\n", a->body.n - half);
    sbuf_add(out, slice_from(a->body.p + half, a->body.n - half));
    sbuf_adds(out, "\r\n0\r\n\r\n");
}

static void put_big_head(const struct emu_fault *f, const struct emu_answer *a, bool keep, int64_t wall_ms,
                         struct sbuf *out)
{
    int64_t size = at_or(f, 1 << 20);

    emu_answer_put_head(a, true, keep, wall_ms, out);
    out->n -= 2; /* the empty line comes behind the padding */
    for (int64_t done = 0; done < size; done += 1000) {
        sbuf_addf(out, "x-padding-%lld: ", (long long)done);
        for (int i = 0; i < 100; i++)
            sbuf_adds(out, "0123456789");
        sbuf_adds(out, "\r\n");
    }
    sbuf_adds(out, "\r\n");
}

/* Head and body, with whatever the fault does to the head. */
static void put_answer(const struct emu_fault *f, const struct emu_answer *a, bool keep, int64_t wall_ms,
                       struct sbuf *out)
{
    enum emu_fault_kind kind = f ? f->kind : EMU_FAULT_NONE;

    if (kind == EMU_FAULT_CHUNKED || kind == EMU_FAULT_BAD_CHUNK || kind == EMU_FAULT_CHUNKED_AND_LENGTH) {
        put_chunked(f, a, keep, wall_ms, out);
        return;
    }
    if (kind == EMU_FAULT_DOUBLE_LENGTH)
        put_length(a, keep, wall_ms, at_or(f, 1), true, out);
    else if (kind == EMU_FAULT_LENGTH_TOO_LONG)
        put_length(a, keep, wall_ms, at_or(f, 10), false, out);
    else if (kind == EMU_FAULT_LENGTH_TOO_SHORT)
        put_length(a, keep, wall_ms, -at_or(f, 10), false, out);
    else if (kind == EMU_FAULT_NO_LENGTH)
        emu_answer_put_head(a, false, false, wall_ms, out);
    else if (kind == EMU_FAULT_BIG_HEAD)
        put_big_head(f, a, keep, wall_ms, out);
    else
        emu_answer_put_head(a, true, keep, wall_ms, out);
    sbuf_add(out, sbuf_slice(&a->body));
}

static void put_interim(const struct emu_fault *f, int status, struct sbuf *out)
{
    for (int64_t i = 0; i < f->times && i < 100000; i++)
        sbuf_addf(out, "HTTP/1.1 %d %s\r\n%s\r\n", status, emu_answer_reason(status),
                  status == 101   ? "Upgrade: other\r\nConnection: upgrade\r\n"
                  : status == 103 ? "Link: </x>; rel=preload\r\n"
                                  : "");
}

static void cut(struct emu_plan *plan, int64_t at)
{
    if (at >= 0 && (uint64_t)at < plan->bytes.n)
        plan->bytes.n = (size_t)at;
}

static void replace_status_line(struct sbuf *bytes, const char *line)
{
    SCOPED(sbuf) rest = SBUF_MAX(EMU_ANSWER_MAX);
    struct slice old = sbuf_slice(bytes);

    sbuf_add(&rest, slice_skip(old, slice_find(old, '\n') + 1));
    sbuf_clear(bytes);
    sbuf_addf(bytes, "%s\r\n", line);
    sbuf_add(bytes, sbuf_slice(&rest));
}

static void apply(const struct emu_fault *f, struct emu_plan *p)
{
    static const char garbage[] = "\x16\x03\x01\x7f\x00\xff\r\n\r\n%%not http%%\n\n\x00\x01\x02 200 OK\r\n";

    if (f->kind == EMU_FAULT_GARBAGE || f->kind == EMU_FAULT_RAW) {
        sbuf_clear(&p->bytes);
        sbuf_add(&p->bytes, f->text ? slice_of(f->text) : slice_from(garbage, sizeof garbage - 1));
        p->end = EMU_END_CLOSE;
    } else if (f->kind == EMU_FAULT_STATUS_LINE) {
        replace_status_line(&p->bytes, f->text ? f->text : "HTTP/1.1 2OO OK");
    } else if (f->kind == EMU_FAULT_EXTRA_BYTES) {
        sbuf_adds(&p->bytes, f->text ? f->text : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    } else if (f->kind == EMU_FAULT_SPLIT) {
        p->piece = (size_t)at_or(f, 1) ? (size_t)at_or(f, 1) : 1;
        p->piece_ms = f->ms;
    } else if (f->kind == EMU_FAULT_NO_LENGTH || f->kind == EMU_FAULT_LENGTH_TOO_LONG) {
        p->end = EMU_END_CLOSE;
    } else if (f->kind == EMU_FAULT_CLOSE_AT) {
        cut(p, at_or(f, 0));
        p->end = EMU_END_CLOSE;
    } else if (f->kind == EMU_FAULT_CLOSE_AFTER) {
        p->end = EMU_END_CLOSE;
        p->end_ms = f->ms;
    } else if (f->kind == EMU_FAULT_RESET_BEFORE || f->kind == EMU_FAULT_SILENT) {
        cut(p, 0);
        p->end = f->kind == EMU_FAULT_SILENT ? EMU_END_SILENT : EMU_END_RESET;
    } else if (f->kind == EMU_FAULT_RESET_WITHIN || f->kind == EMU_FAULT_RESET_AFTER) {
        if (f->kind == EMU_FAULT_RESET_WITHIN)
            cut(p, at_or(f, (int64_t)(p->bytes.n / 2)));
        p->end = EMU_END_RESET;
        p->end_ms = f->ms ? f->ms : 20; /* so that the peer has read what was sent */
    }
}

void emu_fault_plan(const struct emu_fault *f, const struct emu_answer *a, bool keep_alive, int64_t wall_ms,
                    struct emu_plan *plan)
{
    struct sbuf bytes = plan->bytes;

    *plan = (struct emu_plan){ .bytes = bytes, .end = keep_alive ? EMU_END_KEEP : EMU_END_CLOSE };
    if (f && f->kind == EMU_FAULT_INTERIM)
        put_interim(f, f->status ? f->status : 100, &plan->bytes);
    else if (f && (f->kind == EMU_FAULT_SWITCH || f->kind == EMU_FAULT_HINTS))
        put_interim(f, f->kind == EMU_FAULT_SWITCH ? 101 : 103, &plan->bytes);
    put_answer(f, a, keep_alive, wall_ms, &plan->bytes);
    if (!f)
        return;
    plan->delay_ms = f->kind == EMU_FAULT_DELAY ? f->ms : f->delay_ms;
    plan->no_notify = f->no_notify;
    apply(f, plan);
    if (f->end != EMU_END_COUNT_)
        plan->end = f->end;
}
