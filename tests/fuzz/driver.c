/*
 * Runs a fuzz target without libFuzzer: each file of the corpus as it is, then RUNS mutations of them, the same ones every
 * time (own generator, fixed seed), so that it can be a test of every build. The input of a crash is named on standard
 * error by its run number: `TARGET CORPUS RUNS FIRST` starts there, and writes that input to ./crash-input first.
 * The same source as for libFuzzer is linked: tests/fuzz/CMakeLists.txt.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX    4096
#define INPUT_MAX    32768
#define SEED         UINT64_C(0x9e3779b97f4a7c15)
#define RUNS_DEFAULT 50000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *bytes;
    size_t n;
};

static struct input corpus[FILES_MAX];
static size_t corpus_count;
static uint64_t random_state = SEED;
static volatile unsigned long run_number;

static uint64_t draw(void) /* xorshift64* */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

static size_t draw_below(size_t n)
{
    return (size_t)(draw() >> 16) % n;
}

_Noreturn static void die(const char *what, const char *which)
{
    fprintf(stderr, "fuzz: %s %s\n", what, which);
    exit(2);
}

static void load_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        die("cannot open", path);
    if (S_ISREG(st.st_mode) && corpus_count < FILES_MAX) {
        size_t n = st.st_size < INPUT_MAX ? (size_t)st.st_size : INPUT_MAX;
        struct input *to = &corpus[corpus_count];
        to->bytes = malloc(n + 1);
        if (!to->bytes || read(fd, to->bytes, n) != (ssize_t)n)
            die("cannot read", path);
        to->n = n;
        corpus_count++;
    }
    close(fd);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name,
                  (*b)->d_name); /* bytes, whatever the locale: the runs are to be the same everywhere */
}

static void load_corpus(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, by_name);

    if (count < 0)
        die("cannot list", folder);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        int n = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && n > 0 && (size_t)n < sizeof path)
            load_file(path);
        free(entries[i]);
    }
    free(entries);
    if (!corpus_count)
        die("no files in", folder);
}

/* Replace `cut` bytes at `at` by n others, as far as there is room. */
static void replace(uint8_t *to, size_t *size, size_t at, size_t cut, const uint8_t *from, size_t n)
{
    if (*size - cut + n > INPUT_MAX)
        return;
    memmove(to + at + n, to + at + cut, *size - at - cut);
    memmove(to + at, from, n);
    *size = *size - cut + n;
}

static void mutate_once(uint8_t *to, size_t *size)
{
    static const uint8_t telling[] = "\0\r\n\t :;,-_0159afx/.?%#\"\\{}[]=+\x16\x7f\x80\xff";
    size_t at = draw_below(*size + 1), left = *size - at;
    size_t span = left ? 1 + draw_below(left < 16 ? left : 16) : 0;
    const struct input *other = &corpus[draw_below(corpus_count)];
    size_t other_at = draw_below(other->n + 1);
    size_t other_left = other->n - other_at;
    uint8_t piece[16];

    switch (draw_below(7)) {
    case 0: /* another bit */
        if (left)
            to[at] ^= (uint8_t)(1U << draw_below(8));
        break;
    case 1: /* a telling byte in place of one */
        replace(to, size, at, left ? 1 : 0, &telling[draw_below(sizeof telling - 1)], 1);
        break;
    case 2: /* a telling byte more */
        replace(to, size, at, 0, &telling[draw_below(sizeof telling - 1)], 1);
        break;
    case 3: /* a piece less */
        replace(to, size, at, span, to, 0);
        break;
    case 4: /* a piece twice */
        memcpy(piece, to + at, span);
        replace(to, size, at, 0, piece, span);
        break;
    case 5: /* a piece of another file */
        replace(to, size, at, 0, other->bytes + other_at, other_left ? 1 + draw_below(other_left) : 0);
        break;
    default: /* from here on another file */
        replace(to, size, at, left, other->bytes + other_at, other_left);
        break;
    }
}

static void run(const uint8_t *bytes, size_t n, bool keep)
{
    uint8_t *exact = malloc(n ? n : 1); /* so that a sanitizer sees one byte too many */

    if (!exact)
        die("no memory", "");
    if (n)
        memcpy(exact, bytes, n);
    int fd = keep ? open("crash-input", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (fd >= 0) {
        if (write(fd, exact, n) != (ssize_t)n)
            die("cannot write", "crash-input");
        close(fd);
    }
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

static void on_abort(int sig)
{
    char text[64];
    int n = snprintf(text, sizeof text, "fuzz: signal %d in run %lu\n", sig, run_number);

    if (n > 0 && write(2, text, (size_t)n) != n)
        _exit(3);
    signal(sig, SIG_DFL);
    raise(sig);
}

static unsigned long number_of(const char *text)
{
    unsigned long n = 0;

    for (; *text >= '0' && *text <= '9'; text++)
        n = n * 10 + (unsigned long)(*text - '0');
    return n;
}

int main(int argc, char **argv)
{
    static uint8_t input[INPUT_MAX];
    unsigned long runs = argc > 2 ? number_of(argv[2]) : RUNS_DEFAULT;
    unsigned long first = argc > 3 ? number_of(argv[3]) : 0;

    if (argc < 2)
        die("usage: TARGET CORPUS [RUNS [FIRST]]", "");
    load_corpus(argv[1]);
    signal(SIGABRT, on_abort);
    for (size_t i = 0; i < corpus_count; i++)
        run(corpus[i].bytes, corpus[i].n, false);
    for (run_number = 1; run_number <= runs; run_number++) {
        const struct input *base = &corpus[draw_below(corpus_count)];
        size_t n = base->n;
        memcpy(input, base->bytes, n);
        for (size_t i = 1 + draw_below(5); i > 0; i--)
            mutate_once(input, &n);
        if (run_number >= first)
            run(input, n, first && run_number == first);
    }
    printf("%zu files, %lu mutations: fine\n", corpus_count, runs);
    for (size_t i = 0; i < corpus_count; i++)
        free(corpus[i].bytes);
    return 0;
}
