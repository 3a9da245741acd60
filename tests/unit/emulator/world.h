/* A world with a clock of its own and calls into it, for the tests of operations. */
#ifndef EG_TEST_EMULATOR_WORLD_H
#define EG_TEST_EMULATOR_WORLD_H
#include "unit.h"
#include "emulator/emu_call.h"

#define DELAY_MS 1000

struct world {
    struct emu_world w;
    int64_t now_ms;
    struct sbuf notes; /* of the last call */
    struct emu_answer answer;
};

static inline int begin(void **state)
{
    struct world *x = calloc(1, sizeof *x);

    assert_non_null(x);
    x->w = (struct emu_world){ .region = "cn-shanghai", .host_id = "host", .state = emu_state_new(DELAY_MS) };
    x->now_ms = INT64_C(1700000000000); /* 2023-11-14T22:13:20Z */
    x->notes = SBUF_MAX(EMU_NOTES_MAX);
    assert_non_null(x->w.state);
    *state = x;
    return 0;
}

static inline int end(void **state)
{
    struct world *x = *state;

    emu_answer_drop(&x->answer);
    sbuf_drop(&x->notes);
    emu_state_free(&x->w.state);
    free(x);
    return 0;
}

/* Make a call; the status. The answer stays in x->answer, the notes in x->notes. */
static inline int call(struct world *x, const char *method, const char *target, const char *body)
{
    struct emu_request req = { .method = slice_of(method),
                               .body = SBUF_MAX(65536),
                               .notes = SBUF_MAX(EMU_NOTES_MAX) };
    struct slice t = slice_of(target);
    size_t at = slice_find(t, '?');
    struct emu_call c = { .world = &x->w, .req = &req, .now_ms = x->now_ms, .answer = &x->answer };

    req.path = slice_from(t.p, at);
    req.has_query = at < t.n;
    req.query = slice_skip(t, at + 1);
    sbuf_adds(&req.body, body);
    emu_answer_drop(&x->answer);
    emu_answer_init(&x->answer, "host");
    c.arena = arena_new(1 << 20);
    assert_non_null(c.arena);
    emu_call_route(&c);
    emu_call_parse(&c);
    emu_call_run(&c);
    emu_call_drop(&c);
    arena_free(&c.arena);
    sbuf_clear(&x->notes);
    sbuf_add(&x->notes, sbuf_slice(&req.notes));
    sbuf_drop(&req.notes);
    sbuf_drop(&req.body);
    return x->answer.status;
}

static inline bool says(const struct world *x, const char *text)
{
    return has_text(sbuf_slice(&x->answer.body), text);
}

/* The call succeeds; what it answered is shown when not. */
static inline void must(struct world *x, const char *method, const char *target, const char *body)
{
    if (call(x, method, target, body) != 200)
        fail_msg("%s %s: %.*s", method, target, SLICE_FMT(sbuf_slice(&x->answer.body)));
}

static inline struct emu_service *service(struct world *x, const char *name)
{
    struct emu_service *v = emu_state_find(x->w.state, slice_of(name), x->now_ms);

    if (!v)
        fail_msg("there is no %s", name);
    return v;
}

static inline struct emu_peaks peaks(struct world *x, const char *prefix)
{
    struct emu_books_filter f = { .prefix = slice_of(prefix) };
    struct emu_peaks out;

    emu_state_advance(x->w.state, x->now_ms);
    emu_books_sum(emu_state_books(x->w.state), &f, &out);
    assert_true(out.complete);
    return out;
}

#define SERVICES  "/api/v2/services"
#define ONE(name) SERVICES "/cn-shanghai/" name
#endif
