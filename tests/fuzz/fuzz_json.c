/*
 * Fuzz json_scan, json_load, json_print and the redaction. What must hold for every input:
 *  - json_scan says what a second reader says (json_strict.h, which shares no code);
 *  - what it accepts loads, prints, scans and loads again, and prints the same bytes then;
 *  - redaction gives nothing for what cannot be read, else a text that stays as it is when redacted again.
 */
#include "core/json.h"
#include "../unit/core/json_strict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define OUT_MAX_BYTES (64 * 1024 * 1024)

static void must(bool holds, const char *law)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", law);
    abort();
}

static void check_round_trip(struct slice text)
{
    SCOPED(sbuf) once = SBUF_MAX(OUT_MAX_BYTES);
    SCOPED(sbuf) twice = SBUF_MAX(OUT_MAX_BYTES);
    struct json *tree = json_load(text, &json_limits_request, NULL);

    must(tree, "what is accepted loads");
    json_print(tree, &once);
    json_free(&tree);
    must(sbuf_ok(&once) && once.n <= text.n, "printing never makes a text longer");
    must(json_scan(sbuf_slice(&once), &json_limits_request, NULL), "what was printed is accepted");
    must(strict_accepts(once.p, once.n), "also by the second reader");
    tree = json_load(sbuf_slice(&once), &json_limits_request, NULL);
    must(tree, "what was printed loads");
    json_print(tree, &twice);
    json_free(&tree);
    must(slice_eq(sbuf_slice(&once), sbuf_slice(&twice)), "printing twice gives the same bytes");
}

static const struct slice names[] = { S_INIT("AccessToken"), S_INIT("ServiceConfig"), S_INIT("k"),
                                      S_INIT("") };
static const char *const pointers[] = { "/a", "/*/k", "/Services/*/AccessToken", "/a~1b/0", "/" };

static bool redact_both(struct slice text, struct sbuf *out, size_t *out_count)
{
    SCOPED(sbuf) between = SBUF_MAX(OUT_MAX_BYTES);
    size_t more = 0;

    bool fine =
        json_redact_names(text, names, sizeof names / sizeof names[0], &between, out_count, NULL) &&
        json_redact(sbuf_slice(&between), pointers, sizeof pointers / sizeof pointers[0], out, &more, NULL);
    *out_count += more;
    return fine;
}

static void check_redaction(struct slice text, bool accepted)
{
    SCOPED(sbuf) once = SBUF_MAX(OUT_MAX_BYTES);
    SCOPED(sbuf) twice = SBUF_MAX(OUT_MAX_BYTES);
    size_t count = 0, again = 0;

    bool fine = redact_both(text, &once, &count);
    must(fine || !accepted, "what is accepted can be redacted");
    must(fine || once.n == 0, "nothing is handed out of what cannot be read");
    if (!fine)
        return;
    must(count > 0 || slice_eq(text, sbuf_slice(&once)), "without secrets nothing changes");
    must(redact_both(sbuf_slice(&once), &twice, &again), "what was redacted can be read");
    must(slice_eq(sbuf_slice(&once), sbuf_slice(&twice)), "redacting twice gives the same bytes");
    if (accepted && once.n <= json_limits_request.bytes)
        must(strict_accepts(once.p, once.n), "what was redacted is accepted");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct slice text = slice_from(data, n);
    struct err e = { .code = ERR_NONE };
    bool accepted = json_scan(text, &json_limits_request, &e);

    must(accepted == strict_accepts(data, n), "both readers agree");
    must(accepted == (e.code == ERR_NONE), "a refusal has a reason, and only a refusal");
    for (const char *p = e.text; *p; p++)
        must(*p >= 0x20 && *p < 0x7f, "a reason is printable ASCII");
    if (accepted)
        check_round_trip(text);
    check_redaction(text, accepted);
    return 0;
}
