/*
 * The journal: see emu_journal.h. A line is one object:
 *   time, seq, conn, conn_seq, peer, complete, method, target, path, query, version, headers [[name, value], ...],
 *   head_base64, body or body_base64, body_length, body_sha256, signature {ok, code, detail, key_id} or null, action,
 *   service, anomalies [...], fault, status (0 = none), code, request_id
 * Text that is not UTF-8 is shown with replacement characters; head_base64 has the bytes.
 */
#include "emulator/emu_journal.h"
#include "base/enc.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PENDING_MAX (512U << 20)

struct emu_journal {
    int fd; /* -1 = none */
    bool sync;
    uint64_t seq, count;
    struct sbuf pending;
};

struct emu_journal *emu_journal_open(const char *path, bool sync, struct err *e)
{
    struct emu_journal *j = calloc(1, sizeof *j);

    if (!j) {
        err_set(e, ERR_MEMORY, "no memory");
        return NULL;
    }
    j->pending = SBUF_MAX(PENDING_MAX);
    j->sync = sync;
    j->fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
    if (path && j->fd < 0) {
        err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
        free(j);
        return NULL;
    }
    return j;
}

void emu_journal_close(struct emu_journal **at)
{
    struct emu_journal *j = *at;

    *at = NULL;
    if (!j)
        return;
    emu_journal_flush(j, NULL);
    if (j->fd >= 0)
        close(j->fd);
    sbuf_drop(&j->pending);
    free(j);
}

static void put_base64(struct emu_jw *w, const char *key, struct slice bytes)
{
    jw_raw(w, key, S("\""));
    enc_base64(bytes, w->out);
    sbuf_addc(w->out, '"');
}

static void put_headers(struct emu_jw *w, const struct emu_request *r)
{
    jw_open(w, "headers", '[');
    for (size_t i = 0; i < r->header_count; i++) {
        jw_open(w, NULL, '[');
        jw_text(w, NULL, r->headers[i].name);
        jw_text(w, NULL, r->headers[i].value);
        jw_close(w, ']');
    }
    jw_close(w, ']');
}

static void put_request(struct emu_jw *w, const struct emu_request *r)
{
    jw_bool(w, "complete", r->complete);
    jw_text(w, "method", r->method);
    jw_text(w, "target", r->target);
    jw_text(w, "path", r->path);
    if (r->has_query)
        jw_text(w, "query", r->query);
    else
        jw_str(w, "query", NULL);
    jw_text(w, "version", r->version);
    put_headers(w, r);
    put_base64(w, "head_base64", sbuf_slice(&r->head));
    jw_bytes(w, "body", sbuf_slice(&r->body));
    jw_int(w, "body_length", (int64_t)r->body.n);
}

static void put_verdict(struct emu_jw *w, const struct emu_verdict *v)
{
    if (!v) {
        jw_str(w, "body_sha256", NULL);
        jw_str(w, "signature", NULL);
        return;
    }
    jw_str(w, "body_sha256", v->body_sha256);
    jw_open(w, "signature", '{');
    jw_bool(w, "ok", v->ok);
    jw_str(w, "code", v->code);
    jw_str(w, "detail", v->detail);
    jw_text(w, "key_id", v->key_id);
    jw_close(w, '}');
}

void emu_journal_add(struct emu_journal *j, const struct emu_record *r)
{
    struct emu_jw w = EMU_JW(&j->pending);
    char time[25];

    enc_time_utc(r->wall_ms, true, time);
    j->count++;
    jw_open(&w, NULL, '{');
    jw_str(&w, "time", time);
    jw_int(&w, "seq", (int64_t)++j->seq);
    jw_int(&w, "conn", (int64_t)r->conn);
    jw_int(&w, "conn_seq", (int64_t)r->conn_seq);
    jw_str(&w, "peer", r->peer);
    put_request(&w, r->req);
    put_verdict(&w, r->verdict);
    jw_str(&w, "action", r->action);
    if (r->service.p)
        jw_text(&w, "service", r->service);
    else
        jw_str(&w, "service", NULL);
    jw_open(&w, "anomalies", '[');
    sbuf_add(w.out, sbuf_slice(&r->req->notes));
    jw_close(&w, ']');
    jw_str(&w, "fault", r->fault);
    jw_int(&w, "status", r->status);
    jw_str(&w, "code", r->code);
    jw_str(&w, "request_id", r->request_id);
    jw_close(&w, '}');
    sbuf_addc(&j->pending, '\n');
}

bool emu_journal_flush(struct emu_journal *j, struct err *e)
{
    struct slice rest = sbuf_slice(&j->pending);

    if (!sbuf_ok(&j->pending))
        return err_set(e, ERR_TOO_LONG, "too much for the journal at once");
    while (j->fd >= 0 && rest.n) {
        ssize_t n = write(j->fd, rest.p, rest.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, ERR_IO, "journal: %s", strerror(errno));
        rest = slice_skip(rest, (size_t)n);
    }
    if (j->pending.n && j->sync && j->fd >= 0 && fsync(j->fd) != 0)
        return err_set(e, ERR_IO, "journal: fsync: %s", strerror(errno));
    sbuf_clear(&j->pending);
    return true;
}

uint64_t emu_journal_count(const struct emu_journal *j)
{
    return j->count;
}

bool emu_journal_reset(struct emu_journal *j, bool truncate, struct err *e)
{
    if (!emu_journal_flush(j, e))
        return false;
    j->count = 0;
    if (truncate && j->fd >= 0 && ftruncate(j->fd, 0) != 0)
        return err_set(e, ERR_IO, "journal: %s", strerror(errno));
    return true;
}
