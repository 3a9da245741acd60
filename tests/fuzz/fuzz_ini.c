/*
 * Fuzz the configuration's reader and loader. What must hold for every input:
 *  - a text without errors has just the items that a naive second reader of lines finds, in its order, at its lines;
 *  - what is loaded prints, and what was printed (masks aside) loads again and prints the same;
 *  - what is not loaded says why, with file:line.
 */
#include "config/ini.h"
#include "config/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define OUT_MAX_BYTES (16 * 1024 * 1024)

static void must(bool holds, const char *law)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", law);
    abort();
}

/* The next line that sets something, in a text that is in order. */
static bool next_setting(struct slice *rest, unsigned *line, struct slice *out)
{
    while (slice_split(rest, '\n', out)) {
        ++*line;
        if (slice_trim(*out).n && !memchr(";#[", out->p[0], 3))
            return true;
    }
    return false;
}

static void check_items(struct slice text, const struct ini_doc *doc)
{
    struct slice rest = text, setting;
    unsigned line = 0;

    for (const struct ini_section *s = doc->sections; s; s = s->next)
        for (const struct ini_item *item = s->items; item; item = item->next) {
            must(next_setting(&rest, &line, &setting), "no item without its line");
            must(item->line == line, "an item has its line");
            must(slice_starts(setting, item->key), "a line begins with its key");
            must(item->value.n && item->value.p > setting.p &&
                     item->value.p + item->value.n <= setting.p + setting.n,
                 "a value stands in its line");
            must(!slice_has(item->value, ';'), "no comment in a value");
        }
    must(!next_setting(&rest, &line, &setting), "no line without its item");
}

static void check_reader(struct slice text)
{
    struct arena *arena = arena_new(OUT_MAX_BYTES);
    struct problems problems = { .file = "f.ini" };
    struct ini_doc doc;

    if (arena && ini_read(text, arena, &problems, &doc) && problems.error_count == 0)
        check_items(text, &doc);
    problems_drop(&problems);
    arena_free(&arena);
}

/* Masks become digests that differ, so that the text loads. */
static void unmask(struct slice text, struct sbuf *out)
{
    unsigned count = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (slice_starts(slice_skip(text, i), S("<secret>"))) {
            sbuf_addf(out, "%064x", ++count);
            i += 7;
        } else {
            sbuf_addc(out, text.p[i]);
        }
    }
}

/* A list may print as one line that is longer than a line may be: nothing to compare then. */
static bool has_long_line(struct slice text)
{
    struct slice line;

    while (slice_split(&text, '\n', &line))
        if (line.n > INI_LINE_MAX_BYTES)
            return true;
    return false;
}

static void check_print(const struct snapshot *s)
{
    SCOPED(sbuf) once = SBUF_MAX(OUT_MAX_BYTES);
    SCOPED(sbuf) again = SBUF_MAX(OUT_MAX_BYTES);
    SCOPED(sbuf) twice = SBUF_MAX(OUT_MAX_BYTES);
    struct config_errors errors = { 0 };

    snapshot_print(s, &once);
    must(sbuf_ok(&once) && once.n > 0, "what is loaded prints");
    struct slice body =
        slice_skip(sbuf_slice(&once), slice_find(sbuf_slice(&once), '[')); /* digests differ */
    unmask(body, &again);
    if (has_long_line(sbuf_slice(&again)))
        return;
    struct snapshot *next = snapshot_load_text("f.ini", sbuf_slice(&again), false, &errors);
    must(next, "what was printed loads");
    snapshot_print(next, &twice);
    must(slice_eq(body, slice_skip(sbuf_slice(&twice), slice_find(sbuf_slice(&twice), '['))),
         "and prints the same");
    must(snapshot_may_replace(s, next, &errors), "and is the same");
    snapshot_unref(&next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct slice text = slice_from(data, n);
    struct config_errors errors = { 0 };

    check_reader(text);
    struct snapshot *s = snapshot_load_text("f.ini", text, false, &errors);
    if (s)
        check_print(s);
    else
        must(errors.count > 0 && slice_starts(sbuf_slice(&errors.text), S("f.ini:")),
             "what is refused says where");
    config_errors_drop(&errors);
    snapshot_unref(&s);
    return 0;
}
