/*
 * easgate sign: show how a request is signed, stage by stage, with the functions that the gateway signs with. Sends nothing.
 * With a key of the configuration, which is a live one, neither the signature nor the security token is printed: whoever
 * may read the output must not be able to send the request.
 */
#include "app/cmd.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/enc.h"
#include "base/secret.h"
#include "config/snapshot.h"
#include "core/acs3.h"
#include "core/opcat.h"
#include <errno.h>
#include <getopt.h>

enum { EXIT_FINE = 0, EXIT_USAGE = 2 };

#define PAIRS_MAX      64
#define TEXT_MAX_BYTES ((size_t)1 << 20)
#define BODY_MAX_BYTES ((size_t)16 << 20)
#define DEFAULT_CONFIG "/etc/easgate/easgate.ini"
#define MASKED         "<masked>"

static const char help[] =
    "usage: easgate sign [-c|--config FILE] --credential NAME | --access-key-id ID --secret-file FILE\n"
    "                    [--method M] [--path P] [--query NAME=VALUE]... [--header 'NAME: VALUE']...\n"
    "                    [--body FILE] [--date T] [--nonce N] [--json]\n"
    "\n"
    "Prints the canonical request, the string to sign and the authorization header of a request.\n"
    "Nothing is sent. With --credential the signature and the security token are masked: the key\n"
    "is a live one. With --secret-file (one line) everything is shown: use a key for tests.\n"
    "\n"
    "  --method M   GET\n"
    "  --path P     / as it is sent, percent-encoded\n"
    "  --query      a parameter, not encoded; may be repeated\n"
    "  --header     may be repeated. Without them, these are filled in: host (from the configuration),\n"
    "               x-acs-action (from method and path), x-acs-version, x-acs-date,\n"
    "               x-acs-signature-nonce, x-acs-content-sha256 (of the body), x-acs-security-token\n"
    "  --date T     2026-11-23T15:27:57Z; now\n"
    "  --nonce N    random\n"
    "\n"
    "exit: 0 fine, 2 usage, configuration or a file that cannot be read\n"
    "\n"
    "examples:\n"
    "  easgate sign --credential main --path /api/v2/services --query PageSize=10\n"
    "  easgate sign --access-key-id test --secret-file secret.txt --method POST \\\n"
    "      --path /api/v2/app_services --header 'host: pai-eas.cn-shanghai.aliyuncs.com' \\\n"
    "      --header 'content-type: application/json' --body body.json\n";

struct pairs {
    struct acs3_pair list[PAIRS_MAX];
    size_t count;
};

struct options {
    const char *config, *credential, *access_key_id, *secret_file, *body_file;
    struct slice method, path, date, nonce;
    struct pairs query, headers;
    bool json;
};

/* Everything that is signed; texts that are filled in live here. */
struct work {
    struct options o;
    struct snapshot *snap;
    struct cred *cred;
    bool is_live;
    struct sbuf body, uri, query, headers, names, request, to_sign, authorization;
    char date[25], nonce[33], body_hash[DIGEST_HEX_BYTES];
};

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "easgate sign: %s%s%s\n", what, *why ? ": " : "", why);
    return EXIT_USAGE;
}

/* ---- options ---- */

static bool add_pair(struct pairs *p, const char *text, char separator)
{
    struct slice s = slice_of(text);
    size_t at = slice_find(s, separator);

    if (p->count == PAIRS_MAX || at == 0 || at == s.n)
        return false;
    p->list[p->count].name = slice_from(s.p, at);
    p->list[p->count++].value = slice_skip(s, at + 1);
    return true;
}

static bool set_option(struct options *o, int which)
{
    switch (which) {
    case 'c':
        o->config = optarg;
        return true;
    case 'r':
        o->credential = optarg;
        return true;
    case 'i':
        o->access_key_id = optarg;
        return true;
    case 's':
        o->secret_file = optarg;
        return true;
    case 'b':
        o->body_file = optarg;
        return true;
    case 'm':
        o->method = slice_of(optarg);
        return true;
    case 'p':
        o->path = slice_of(optarg);
        return true;
    case 'd':
        o->date = slice_of(optarg);
        return true;
    case 'n':
        o->nonce = slice_of(optarg);
        return true;
    case 'q':
        return add_pair(&o->query, optarg, '=');
    case 'h':
        return add_pair(&o->headers, optarg, ':');
    case 'j':
        o->json = true;
        return true;
    default:
        return false;
    }
}

static bool read_options(int argc, char **argv, struct options *o)
{
    static const struct option known[] = { { "config", required_argument, NULL, 'c' },
                                           { "credential", required_argument, NULL, 'r' },
                                           { "access-key-id", required_argument, NULL, 'i' },
                                           { "secret-file", required_argument, NULL, 's' },
                                           { "body", required_argument, NULL, 'b' },
                                           { "method", required_argument, NULL, 'm' },
                                           { "path", required_argument, NULL, 'p' },
                                           { "date", required_argument, NULL, 'd' },
                                           { "nonce", required_argument, NULL, 'n' },
                                           { "query", required_argument, NULL, 'q' },
                                           { "header", required_argument, NULL, 'h' },
                                           { "json", no_argument, NULL, 'j' },
                                           { NULL, 0, NULL, 0 } };
    int which;

    *o = (struct options){ .config = DEFAULT_CONFIG, .method = S("GET"), .path = S("/") };
    optind = 1;
    while ((which = getopt_long(argc, argv, "c:", known, NULL)) != -1)
        if (!set_option(o, which))
            return false;
    bool by_file = o->access_key_id && o->secret_file;
    return optind == argc &&
           (by_file ? !o->credential : o->credential && !o->access_key_id && !o->secret_file);
}

/* ---- the key ---- */

static bool read_file(const char *path, struct sbuf *out)
{
    FILE *f = fopen(path, "rb");
    bool ok = f && setvbuf(f, NULL, _IONBF, 0) == 0; /* no copy of a secret in a buffer of the C library */

    while (ok && !feof(f)) {
        char *to = sbuf_room(out, 4096);
        size_t n = to ? fread(to, 1, 4096, f) : 0;
        ok = to && !ferror(f);
        if (ok)
            sbuf_grew(out, n);
    }
    if (f)
        fclose(f);
    return ok;
}

static int take_key_from_file(struct work *w)
{
    SCOPED(sbuf) text = SBUF_MAX(8192);
    struct err e = { 0 };
    char *room = sbuf_room(&text, text.max); /* at once: growing would leave copies behind */
    bool ok = room && read_file(w->o.secret_file, &text);
    struct slice secret = sbuf_slice(&text);

    while (secret.n && (secret.p[secret.n - 1] == '\n' || secret.p[secret.n - 1] == '\r'))
        secret.n--;
    if (ok && secret.n)
        w->cred = cred_new(S("command line"), slice_of(w->o.access_key_id), secret, SLICE_NONE, &e);
    if (text.p)
        secret_wipe(text.p, text.cap);
    if (!ok || !secret.n)
        return fail(w->o.secret_file, ok ? "empty" : "cannot be read");
    return w->cred ? EXIT_FINE : fail(e.text, "");
}

static int take_key_from_config(struct work *w)
{
    struct config_errors errors = { 0 };

    w->is_live = true;
    w->snap = snapshot_load(w->o.config, true, &errors);
    if (!w->snap)
        fputs(sbuf_slice(&errors.text).p, stderr);
    config_errors_drop(&errors);
    if (!w->snap)
        return EXIT_USAGE;
    for (size_t i = 0; i < w->snap->cred_count; i++) {
        struct cred *c = w->snap->creds[i];
        if (c && slice_eq(c->name, slice_of(w->o.credential)))
            w->cred = cred_ref(c);
    }
    return w->cred ? EXIT_FINE : fail(w->o.credential, "there is no [credential] of this name");
}

/* ---- what is filled in ---- */

static void fill_in(struct work *w, struct slice name, struct slice value)
{
    struct pairs *h = &w->o.headers;

    for (size_t i = 0; i < h->count; i++)
        if (slice_eq_nocase(h->list[i].name, name))
            return;
    if (h->count == PAIRS_MAX || slice_is_empty(value))
        return;
    h->list[h->count].name = name;
    h->list[h->count++].value = value;
}

static struct slice action_of(const struct options *o)
{
    struct op_match match;

    if (opcat_match(http1_method_of(o->method), o->path, &match) != OPCAT_FOUND)
        return SLICE_NONE;
    return match.op->name;
}

static bool complete(struct work *w)
{
    unsigned char random[16];
    bool has_upstream = w->snap && w->snap->upstream_count;

    if (!random_bytes(random, sizeof random) || !digest_sha256_hex(sbuf_slice(&w->body), w->body_hash))
        return false;
    enc_hex(random, sizeof random, w->nonce);
    enc_time_utc(clock_wall_ms(&clock_system), false, w->date);
    fill_in(w, S("host"), has_upstream ? w->snap->upstreams[0].host_header : SLICE_NONE);
    fill_in(w, S("x-acs-action"), action_of(&w->o));
    fill_in(w, S("x-acs-version"), S("2021-07-01"));
    fill_in(w, S("x-acs-date"), w->o.date.n ? w->o.date : slice_of(w->date));
    fill_in(w, S("x-acs-signature-nonce"), w->o.nonce.n ? w->o.nonce : slice_of(w->nonce));
    fill_in(w, S("x-acs-content-sha256"), slice_of(w->body_hash));
    if (w->cred->security_token)
        fill_in(w, S("x-acs-security-token"), secret_bytes(w->cred->security_token));
    return true;
}

/* ---- the stages ---- */

static int sign(struct work *w, const char **out_failed)
{
    const struct options *o = &w->o;
    char mac[DIGEST_HEX_BYTES];

    *out_failed = "the path has a broken escape";
    if (!acs3_canonical_uri(o->path, &w->uri))
        return EXIT_USAGE;
    *out_failed = "too many headers to sign, or no memory";
    if (!acs3_canonical_query(o->query.list, o->query.count, &w->query) ||
        !acs3_canonical_headers(o->headers.list, o->headers.count, &w->headers, &w->names) ||
        !acs3_canonical_request(o->method, sbuf_slice(&w->uri), sbuf_slice(&w->query),
                                sbuf_slice(&w->headers), sbuf_slice(&w->names), slice_of(w->body_hash),
                                &w->request) ||
        !acs3_string_to_sign(sbuf_slice(&w->request), &w->to_sign) ||
        !acs3_mac(secret_bytes(w->cred->access_key_secret), sbuf_slice(&w->to_sign), mac))
        return EXIT_USAGE;
    bool ok = acs3_authorization(w->cred->access_key_id, sbuf_slice(&w->names),
                                 w->is_live ? S(MASKED) : slice_of(mac), &w->authorization);
    secret_wipe(mac, sizeof mac);
    return ok ? EXIT_FINE : EXIT_USAGE;
}

/* The canonical request for people: a live security token stands in it. */
static void add_masked(const struct work *w, struct sbuf *out)
{
    struct slice rest = sbuf_slice(&w->request), line, name = S("x-acs-security-token:");
    bool first = true;

    while (slice_split(&rest, '\n', &line)) {
        if (!first)
            sbuf_addc(out, '\n');
        first = false;
        bool is_secret = w->is_live && slice_starts(line, name);
        sbuf_add(out, is_secret ? name : line);
        if (is_secret)
            sbuf_adds(out, MASKED);
    }
}

static int print(const struct work *w)
{
    SCOPED(sbuf) request = SBUF_MAX(2 * TEXT_MAX_BYTES), out = SBUF_MAX(16 * TEXT_MAX_BYTES);

    add_masked(w, &request);
    if (w->o.json) {
        sbuf_adds(&out, "{\"canonical_request\":");
        enc_json_string(sbuf_slice(&request), &out);
        sbuf_adds(&out, ",\"string_to_sign\":");
        enc_json_string(sbuf_slice(&w->to_sign), &out);
        sbuf_adds(&out, ",\"authorization\":");
        enc_json_string(sbuf_slice(&w->authorization), &out);
        sbuf_adds(&out, "}\n");
    } else {
        sbuf_addf(&out, "# canonical request\n%s\n\n# string to sign\n%s\n\n# authorization\n%s\n", request.p,
                  w->to_sign.p, w->authorization.p);
    }
    bool ok =
        sbuf_ok(&request) && sbuf_ok(&out) && fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
    return ok ? EXIT_FINE : fail("cannot print", strerror(errno));
}

static void drop(struct work *w)
{
    struct sbuf *texts[] = { &w->body,  &w->uri,     &w->query,   &w->headers,
                             &w->names, &w->request, &w->to_sign, &w->authorization };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i]->p)
            secret_wipe(texts[i]->p, texts[i]->cap); /* the security token was in two of them */
        sbuf_drop(texts[i]);
    }
    cred_unref(&w->cred);
    snapshot_unref(&w->snap);
}

static int run(struct work *w)
{
    const char *failed = "";
    int code = w->o.credential ? take_key_from_config(w) : take_key_from_file(w);

    if (code != EXIT_FINE)
        return code;
    if (w->o.body_file && !read_file(w->o.body_file, &w->body))
        return fail(w->o.body_file, "cannot be read, or is too long");
    if (!complete(w))
        return fail("the cryptographic library failed", "");
    if (sign(w, &failed) != EXIT_FINE)
        return fail(failed, "");
    return print(w);
}

int cmd_sign(int argc, char **argv)
{
    const struct sbuf text = SBUF_MAX(TEXT_MAX_BYTES);
    struct work w = { .body = SBUF_MAX(BODY_MAX_BYTES),
                      .uri = text,
                      .query = text,
                      .headers = text,
                      .names = text,
                      .request = text,
                      .to_sign = text,
                      .authorization = text };

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return fputs(help, stdout) >= 0 ? EXIT_FINE : EXIT_USAGE;
    if (!read_options(argc, argv, &w.o)) {
        fputs("easgate sign: expected a credential, or a key id and a secret's file, and known options\n"
              "Try 'easgate sign --help'.\n",
              stderr);
        return EXIT_USAGE;
    }
    int code = run(&w);
    drop(&w);
    return code;
}
