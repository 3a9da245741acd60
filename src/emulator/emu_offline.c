/*
 * The verify mode: see emu_offline.h. An object has the form of tests/vectors/acs3-vectors.json: query as decoded
 * pairs or as raw text, headers without (or with) the authorization, body as text or base64.
 */
#include "emulator/emu_offline.h"
#include "emulator/emu_canon.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/enc.h"
#include <errno.h>
#include <unistd.h>

#define INPUT_MAX   (256U << 20)
#define SCRATCH_MAX (256U << 20)
#define HEADERS_MAX 512U

struct scratch {
    struct arena *arena;
    struct emu_header headers[HEADERS_MAX];
    struct emu_pair pairs[EMU_PAIRS_MAX];
};

static bool from_base64(struct slice text, struct arena *a, struct slice *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char *bytes = arena_alloc(a, text.n + 1);
    unsigned v = 0, bits = 0;
    size_t n = 0;

    while (text.n && text.p[text.n - 1] == '=')
        text.n--;
    for (size_t i = 0; bytes && i < text.n; i++) {
        const char *at = text.p[i] ? strchr(alphabet, text.p[i]) : NULL;
        if (!at)
            return false;
        v = (v << 6 | (unsigned)(at - alphabet)) & 0xffffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[n++] = (unsigned char)(v >> bits);
        }
    }
    *out = slice_from(bytes, n);
    return bytes != NULL;
}

/* The text of a scalar, as a caller means it. */
static struct slice scalar(const struct emu_json *v, struct arena *a)
{
    struct slice text = emu_json_text(v);
    SCOPED(sbuf) printed = SBUF_MAX(SCRATCH_MAX);

    if (text.p)
        return text;
    emu_json_print(v, &printed);
    return arena_dup(a, sbuf_slice(&printed));
}

/* Each (name, value) of an object, values that are arrays counting once an element, or of an array of pairs. */
static bool each_pair(const struct emu_json *from, struct arena *a, struct emu_pair *to, size_t max,
                      size_t *out_count)
{
    for (const struct emu_json *m = emu_json_first(from); m; m = emu_json_next(m)) {
        bool is_pair = emu_json_kind(from) == EMU_JSON_ARRAY;
        const struct emu_json *v = is_pair ? emu_json_next(emu_json_first(m)) : m;
        struct slice name = is_pair ? scalar(emu_json_first(m), a) : emu_json_name(m);
        bool is_list = emu_json_kind(v) == EMU_JSON_ARRAY;
        for (v = is_list ? emu_json_first(v) : v; v; v = is_list ? emu_json_next(v) : NULL) {
            if (*out_count == max)
                return false;
            to[(*out_count)++] = (struct emu_pair){ name, scalar(v, a) };
        }
    }
    return true;
}

static bool read_headers(const struct emu_json *request, struct scratch *s, struct emu_evidence *ev)
{
    struct slice authorization = emu_json_text(emu_json_get(request, "authorization"));
    struct emu_pair *pairs = arena_array(s->arena, HEADERS_MAX, sizeof *pairs);
    size_t n = 0;

    if (!pairs || !each_pair(emu_json_get(request, "headers"), s->arena, pairs, HEADERS_MAX - 1, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        s->headers[i] = (struct emu_header){ slice_trim(pairs[i].name), slice_trim(pairs[i].value) };
    if (authorization.p)
        s->headers[n++] = (struct emu_header){ S("authorization"), slice_trim(authorization) };
    ev->headers = s->headers;
    ev->header_count = n;
    return true;
}

static bool read_body(const struct emu_json *request, struct scratch *s, struct emu_evidence *ev)
{
    const struct emu_json *encoded = emu_json_get(request, "body_base64");

    if (encoded)
        return emu_json_text(encoded).p && from_base64(emu_json_text(encoded), s->arena, &ev->body);
    ev->body = emu_json_text(emu_json_get(request, "body"));
    return true;
}

static bool read_evidence(const struct emu_json *request, struct scratch *s, struct emu_evidence *ev)
{
    const struct emu_json *query = emu_json_get(request, "query");

    ev->method = emu_json_text(emu_json_get(request, "method"));
    ev->path = emu_json_text(emu_json_get(request, "path"));
    if (emu_json_kind(query) == EMU_JSON_TEXT) {
        ev->query = emu_json_text(query);
    } else {
        if (!each_pair(query, s->arena, s->pairs, EMU_PAIRS_MAX, &ev->pair_count))
            return false;
        ev->pairs = s->pairs;
    }
    return ev->method.p && ev->path.p && read_headers(request, s, ev) && read_body(request, s, ev);
}

static void fail(struct emu_verdict *v, const char *why)
{
    v->ok = false;
    v->status = 400;
    v->code = "InvalidParameter";
    snprintf(v->detail, sizeof v->detail, "%s", why);
}

void emu_offline_judge(const struct emu_json *request, const struct emu_keys *keys, int64_t now_ms,
                       struct emu_nonces *nonces, struct emu_verdict *out)
{
    struct scratch *s = calloc(1, sizeof *s);
    struct slice at = emu_json_text(emu_json_get(request, "at"));
    struct emu_evidence ev = { 0 };
    struct emu_keys own = { .count = 0 };
    SCOPED(sbuf) canonical = SBUF_MAX(EMU_CANONICAL_MAX);

    *out = (struct emu_verdict){ .code = "" };
    if (s)
        s->arena = arena_new(SCRATCH_MAX);
    if (!keys)
        emu_keys_add(&own, emu_json_text(emu_json_get(request, "access_key_id")),
                     emu_json_text(emu_json_get(request, "access_key_secret")),
                     emu_json_text(emu_json_get(request, "security_token")), NULL);
    if (!s || !s->arena)
        fail(out, "no memory");
    else if (at.p && !emu_canon_date(at, &now_ms))
        fail(out, "\"at\" is not yyyy-MM-ddTHH:mm:ssZ");
    else if (!read_evidence(request, s, &ev))
        fail(out, "expected an object with method, path, query, headers, body or body_base64, authorization");
    else
        emu_verify(&ev, keys ? keys : &own, now_ms, nonces, &canonical, out);
    out->key_id = SLICE_NONE; /* its memory goes now */
    if (s)
        arena_free(&s->arena);
    free(s);
    emu_keys_drop(&own);
}

static bool read_all(int fd, struct sbuf *out)
{
    for (;;) {
        char *room = sbuf_room(out, 65536);
        if (!room)
            return false;
        ssize_t n = read(fd, room, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        sbuf_grew(out, (size_t)n);
    }
}

static void answer(const struct emu_verdict *v, struct sbuf *out)
{
    struct emu_jw w = EMU_JW(out);

    jw_open(&w, NULL, '{');
    jw_bool(&w, "ok", v->ok);
    jw_str(&w, "code", v->code);
    jw_str(&w, "message", v->detail);
    jw_close(&w, '}');
    sbuf_addc(out, '\n');
}

struct run {
    const struct emu_keys *keys;
    struct emu_nonces *nonces;
    int64_t now_ms;
    struct sbuf out;
    size_t judged, refused;
};

static void judge_one(struct run *run, const struct emu_json *request)
{
    struct emu_verdict v;

    emu_offline_judge(request, run->keys, run->now_ms, run->nonces, &v);
    answer(&v, &run->out);
    run->judged++;
    run->refused += !v.ok;
}

/* Objects one after the other, or arrays of them; text that is no JSON ends the run with one refusal. */
static void judge_all(struct run *run, struct slice text)
{
    while (text.n) {
        size_t used = 0;
        if (text.p[0] == ' ' || text.p[0] == '\t' || text.p[0] == '\r' || text.p[0] == '\n') {
            text = slice_skip(text, 1);
            continue;
        }
        struct emu_json *root = emu_json_parse(text, &used);
        if (emu_json_kind(root) == EMU_JSON_ARRAY)
            for (const struct emu_json *m = emu_json_first(root); m; m = emu_json_next(m))
                judge_one(run, m);
        else
            judge_one(run, root);
        text = root ? slice_skip(text, used) : SLICE_NONE;
        emu_json_free(&root);
    }
}

int emu_offline_run(const struct emu_opt *opt)
{
    struct emu_keys keys = { .count = 0 };
    struct run run = { .now_ms = clock_wall_ms(&clock_system), .out = SBUF_MAX(INPUT_MAX) };
    SCOPED(sbuf) text = SBUF_MAX(INPUT_MAX);
    struct err e = { 0 };
    bool ok = true;

    if (opt->access_key_id)
        ok = emu_keys_add(&keys, slice_of(opt->access_key_id), slice_of(opt->access_key_secret),
                          slice_of(opt->security_token), &e);
    if (ok && opt->credentials)
        ok = emu_keys_load(&keys, opt->credentials, &e);
    if (ok && opt->at && !emu_canon_date(slice_of(opt->at), &run.now_ms))
        ok = err_set(&e, ERR_SYNTAX, "--at is not yyyy-MM-ddTHH:mm:ssZ");
    if (ok && !read_all(STDIN_FILENO, &text))
        ok = err_set(&e, ERR_IO, "standard input cannot be read, or is too long");
    if (ok) {
        run.keys = keys.count ? &keys : NULL;
        run.nonces = opt->remember_nonces ? emu_nonces_new() : NULL;
        judge_all(&run, sbuf_slice(&text));
        fwrite(run.out.p ? run.out.p : "", 1, run.out.n, stdout);
    } else {
        fprintf(stderr, "easgate-emulator: %s\n", e.text);
    }
    emu_nonces_free(&run.nonces);
    emu_keys_drop(&keys);
    sbuf_drop(&run.out);
    if (!ok)
        return 2;
    return run.judged == 0 || run.refused ? 1 : 0;
}
