/* The lines of a diff over time: see cmd_diff_lines.h. */
#include "app/cmd_diff_lines.h"
#include "base/arena.h"
#include "base/enc.h"
#include "base/list.h"
#include "base/map.h"
#include <stdio.h>
#include <stdlib.h>

#define LINES_MAX_BYTES ((size_t)512 * 1024 * 1024)
#define LINE_MAX_BYTES  4096

struct line {
    struct list node;
    const char *text;   /* its sign, then the rest */
    size_t first, last; /* periods, from 1 on */
};

struct group { /* of one client */
    struct list node;
    struct slice client;
    struct list lines;
    struct map *by_text; /* -> the last struct line with it */
};

struct diff_lines {
    struct arena *arena;
    struct list groups; /* in order of first use */
    struct map *by_client;
    struct group *group; /* of what is said now */
    int64_t *periods;    /* when each begins */
    size_t period_count, period_room;
    bool failed;
};

struct diff_lines *diff_lines_new(void)
{
    struct diff_lines *d = calloc(1, sizeof *d);

    if (!d)
        return NULL;
    list_init(&d->groups);
    d->arena = arena_new(LINES_MAX_BYTES);
    d->by_client = map_new();
    if (!d->arena || !d->by_client)
        diff_lines_free(&d);
    return d;
}

void diff_lines_free(struct diff_lines **d)
{
    if (!*d)
        return;
    for (struct list *i = (*d)->groups.next; i != &(*d)->groups; i = i->next)
        map_free(&LIST_OWNER(i, struct group, node)->by_text);
    map_free(&(*d)->by_client);
    arena_free(&(*d)->arena);
    free((*d)->periods);
    free(*d);
    *d = NULL;
}

void diff_period(struct diff_lines *d, int64_t from_s)
{
    if (d->period_count == d->period_room) {
        size_t room = d->period_room ? 2 * d->period_room : 16;
        int64_t *periods = realloc(d->periods, room * sizeof *periods);
        if (!periods) {
            d->failed = true;
            return;
        }
        d->periods = periods;
        d->period_room = room;
    }
    d->periods[d->period_count++] = from_s;
}

void diff_client(struct diff_lines *d, struct slice client)
{
    d->group = map_get(d->by_client, client);
    if (d->group)
        return;
    d->group = ARENA_NEW(d->arena, struct group);
    if (!d->group)
        return;
    d->group->client = arena_dup(d->arena, client);
    d->group->by_text = map_new();
    list_init(&d->group->lines);
    list_add_last(&d->groups, &d->group->node);
    if (!d->group->by_text || !map_put(d->by_client, client, d->group))
        d->failed = true;
}

static void add_line(struct diff_lines *d, struct slice text)
{
    struct line *line = ARENA_NEW(d->arena, struct line);

    if (!line)
        return;
    line->text = arena_str(d->arena, text);
    line->first = line->last = d->period_count;
    list_add_last(&d->group->lines, &line->node);
    d->failed = d->failed || !map_put(d->group->by_text, text, line);
}

void diff_say(struct diff_lines *d, char sign, const char *format, ...)
{
    char most[512] = "";
    SCOPED(sbuf) text = SBUF_LENT(most, sizeof most, LINE_MAX_BYTES);
    va_list args;

    va_start(args, format);
    sbuf_addc(&text, sign);
    sbuf_addc(&text, ' ');
    sbuf_vaddf(&text, format, args);
    va_end(args);
    if (d->failed || !d->group || !sbuf_ok(&text)) {
        d->failed = true;
        return;
    }
    struct line *line = map_get(d->group->by_text, sbuf_slice(&text));
    if (line && line->last + 1 >= d->period_count)
        line->last = d->period_count;
    else
        add_line(d, sbuf_slice(&text));
}

static void print_line(const struct diff_lines *d, const struct line *line)
{
    bool begins_later = line->first > 1, ends = line->last < d->period_count;
    char time[25];

    printf("  %s", line->text);
    if (begins_later) {
        enc_time_utc(d->periods[line->first - 1] * 1000, false, time);
        printf(", from %s", time);
    }
    if (ends) {
        enc_time_utc(d->periods[line->last] * 1000, false, time);
        printf("%s until %s", begins_later ? "" : ",", time);
    }
    puts(begins_later && !ends ? " on" : "");
}

bool diff_lines_print(const struct diff_lines *d, size_t *out_count)
{
    *out_count = 0;
    if (d->failed || arena_failed(d->arena))
        return false;
    for (struct list *i = d->groups.next; i != &d->groups; i = i->next) {
        const struct group *g = LIST_OWNER(i, struct group, node);
        if (list_is_empty(&g->lines))
            continue;
        printf(g->client.n ? "client %.*s\n" : "all clients%.*s\n", SLICE_FMT(g->client));
        for (struct list *k = g->lines.next; k != &g->lines; k = k->next) {
            print_line(d, LIST_OWNER(k, struct line, node));
            ++*out_count;
        }
    }
    return true;
}
