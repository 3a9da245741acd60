/* Reads tests/vectors/json/corpus.jsonl (its head comment is check.py's) for unit tests. */
#ifndef JSON_CORPUS_H
#define JSON_CORPUS_H
#include "core/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CORPUS_LEAST 200

struct corpus_entry {
    struct json *line;
    struct slice name, print; /* print: valid ones only */
    bool valid, in_config;
    char *bytes; /* the document */
    size_t n;
};

static int corpus_base64_value(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *hit = c ? strchr(alphabet, c) : NULL;

    return hit ? (int)(hit - alphabet) : -1;
}

static size_t corpus_unbase64(struct slice text, char *out)
{
    unsigned bits = 0, count = 0;
    size_t n = 0;

    for (size_t i = 0; i < text.n && text.p[i] != '='; i++) {
        bits = (bits << 6 | (unsigned)corpus_base64_value(text.p[i])) & 0xffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[n++] = (char)(bits >> count & 0xff);
        }
    }
    return n;
}

static struct corpus_entry corpus_parse(const char *line)
{
    struct corpus_entry entry = { .line = json_load(slice_of(line), &json_limits_answer, NULL) };

    if (!entry.line) {
        fprintf(stderr, "a line of the corpus cannot be read\n");
        abort();
    }
    entry.name = json_text(json_get(entry.line, S("name")));
    entry.print = json_text(json_get(entry.line, S("print")));
    entry.valid = json_type(json_get(entry.line, S("valid"))) == JSON_TRUE;
    entry.in_config = json_type(json_get(entry.line, S("in_config"))) == JSON_TRUE;
    struct slice base64 = json_text(json_get(entry.line, S("base64")));
    /* exactly as long as the document, so that a sanitizer sees a read behind it */
    char *roomy = malloc(base64.n + 1);
    if (!roomy)
        abort();
    entry.n = corpus_unbase64(base64, roomy);
    entry.bytes = malloc(entry.n ? entry.n : 1);
    if (!entry.bytes)
        abort();
    memcpy(entry.bytes, roomy, entry.n);
    free(roomy);
    return entry;
}

static struct slice corpus_document(const struct corpus_entry *entry)
{
    return slice_from(entry->bytes, entry->n);
}

/* Calls each for every document; returns how many there were. */
static size_t corpus_walk(void (*each)(const struct corpus_entry *entry))
{
    FILE *f = fopen(EG_TESTS_DIR "/vectors/json/corpus.jsonl", "r");
    char *line = NULL;
    size_t room = 0, count = 0;
    ssize_t n;

    if (!f)
        return 0;
    while ((n = getline(&line, &room, f)) > 0) {
        line[n - 1] = '\0'; /* the newline */
        struct corpus_entry entry = corpus_parse(line);
        each(&entry);
        json_free(&entry.line);
        free(entry.bytes);
        count++;
    }
    free(line);
    fclose(f);
    return count;
}
#endif
