/* The one log sink: see log.h. A line is built in a buffer of its own and written with one write(), which must never wait. */
#include "base/log.h"
#include "base/clock.h"
#include "base/enc.h"
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define LINE_MAX_BYTES  4096 /* one write of at most this much is not torn in a pipe */
#define VALUE_MAX_BYTES 1024
#define CUT_MARK        "..."

static atomic_int most_level = LOG_INFO;
static atomic_int sink_fd = 2;

/* A pipe that poll calls writable takes PIPE_BUF bytes at once, but not twice: one thread at a time. */
_Static_assert(LINE_MAX_BYTES <= PIPE_BUF, "a line must fit into a pipe that is writable");
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static uint64_t lost; /* lines that are not told of yet; of whoever has the turn */

static const char *const names[LOG_LEVEL_COUNT_] = { "none", "error", "warn", "info", "debug" };

void log_set_level(enum log_level most)
{
    atomic_store(&most_level, (int)most);
}

bool log_is_on(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&most_level, memory_order_relaxed);
}

void log_set_fd(int fd)
{
    atomic_store(&sink_fd, fd);
}

enum log_level log_level_of(struct slice name)
{
    for (int i = LOG_ERROR; i < LOG_LEVEL_COUNT_; i++)
        if (slice_eq(name, slice_of(names[i])))
            return (enum log_level)i;
    return LOG_LEVEL_NONE;
}

const char *log_level_name(enum log_level level)
{
    return level < LOG_LEVEL_COUNT_ ? names[level] : "none";
}

/* Plain words stand as they are; anything else becomes a JSON string. */
static bool is_plain(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alnum(s.p[i]) && !memchr("-_.:/@*+,%", s.p[i], 10))
            return false;
    return s.n > 0;
}

static void add_value(struct sbuf *line, const struct log_field *f)
{
    bool cut = f->text.n > VALUE_MAX_BYTES;
    struct slice text = slice_from(f->text.p, cut ? VALUE_MAX_BYTES : f->text.n);

    if (f->kind == LOG_NUMBER_)
        sbuf_addf(line, "%lld", (long long)f->number);
    else if (is_plain(text))
        sbuf_add(line, text);
    else
        enc_json_string(text, line);
    if (cut)
        sbuf_adds(line, CUT_MARK);
}

/* What all lines begin with. */
static void begin_line(struct sbuf *line, enum log_level level, const char *area, const char *message)
{
    char when[25];

    enc_time_utc(clock_wall_ms(&clock_system), true, when);
    sbuf_addf(line, "%s %s %s: %s", when, log_level_name(level), area, message);
}

/* Whole, or not at all: whoever reads the log must not be able to stop the program by not reading. */
static bool put(const struct sbuf *line)
{
    struct pollfd sink = { .fd = atomic_load(&sink_fd), .events = POLLOUT };
    struct slice text = sbuf_slice(line);

    return poll(&sink, 1, 0) == 1 && (sink.revents & POLLOUT) &&
           write(sink.fd, text.p, text.n) == (ssize_t)text.n;
}

/* At any level: what is gone was of a level that is on. */
static bool put_lost(void)
{
    SCOPED(sbuf) line = SBUF_MAX(LINE_MAX_BYTES);

    begin_line(&line, LOG_WARN, "log", "lines lost, they were not taken");
    sbuf_addf(&line, " | lines=%llu\n", (unsigned long long)lost);
    return put(&line);
}

static void put_in_turn(const struct sbuf *line)
{
    pthread_mutex_lock(&turn);
    if (lost && put_lost())
        lost = 0;
    if (lost || !put(line))
        lost++;
    pthread_mutex_unlock(&turn);
}

void log_fields(enum log_level level, const char *area, const char *message, const struct log_field *fields)
{
    if (!log_is_on(level))
        return;
    SCOPED(sbuf) line = SBUF_MAX(LINE_MAX_BYTES - sizeof CUT_MARK); /* room for the mark and the newline */
    begin_line(&line, level, area, message);
    for (const struct log_field *f = fields; f->key; f++) {
        sbuf_adds(&line, f == fields ? " | " : " ");
        sbuf_adds(&line, f->key);
        sbuf_addc(&line, '=');
        add_value(&line, f);
    }
    bool cut = !sbuf_ok(&line);
    line.failed = false;
    line.max = LINE_MAX_BYTES;
    sbuf_adds(&line, cut ? CUT_MARK "\n" : "\n");
    put_in_turn(&line);
}

bool log_limit_pass(struct log_limit *limit, int64_t mono_ms, uint64_t *out_held_back)
{
    if (mono_ms < limit->next_ms) {
        limit->held_back++;
        return false;
    }
    *out_held_back = limit->held_back;
    limit->held_back = 0;
    limit->next_ms = mono_ms + limit->period_ms;
    return true;
}
