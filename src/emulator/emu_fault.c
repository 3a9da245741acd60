/* The rules for faults: see emu_fault.h. What a fault does to the wire is in emu_plan.c. */
#include "emulator/emu_fault.h"
#include "base/slice.h"

#define RULES_MAX 1000
#define TEXT_MAX  (1U << 20)

struct rule {
    struct list node;
    struct emu_fault fault;
    char action[80], service[128];
    int64_t count, skip; /* count -1 = until removed */
    int64_t hits;
};

struct emu_faults {
    struct list rules;
    size_t count;
    struct emu_fault taken; /* of the last take, since its rule may be gone */
};

static const struct {
    const char *name;
    bool executes;
} kinds[EMU_FAULT_COUNT_] = { [EMU_FAULT_NONE] = { "", true },
#define FAULT(id, text, takes_place) [EMU_FAULT_##id] = { text, takes_place },
                              EMU_FAULTS(FAULT)
#undef FAULT
};

static const char *const ends[EMU_END_COUNT_] = { "keep", "close", "reset", "silent" };

const char *emu_fault_name(enum emu_fault_kind kind)
{
    return kinds[kind].name;
}

struct emu_faults *emu_faults_new(void)
{
    struct emu_faults *f = calloc(1, sizeof *f);

    if (f)
        list_init(&f->rules);
    return f;
}

static void free_rule(struct emu_faults *f, struct rule *r)
{
    list_remove(&r->node);
    free(r->fault.text);
    free(r);
    f->count--;
}

void emu_faults_clear(struct emu_faults *f)
{
    while (!list_is_empty(&f->rules))
        free_rule(f, LIST_OWNER(f->rules.next, struct rule, node));
}

bool emu_faults_is_empty(const struct emu_faults *f)
{
    return list_is_empty(&f->rules);
}

void emu_faults_free(struct emu_faults **at)
{
    struct emu_faults *f = *at;

    *at = NULL;
    if (!f)
        return;
    emu_faults_clear(f);
    free(f->taken.text);
    free(f);
}

static void copy_text(const struct emu_json *v, char *to, size_t size)
{
    snprintf(to, size, "%.*s", SLICE_FMT(emu_json_text(v)));
}

static bool read_kind(const struct emu_json *rule, struct rule *r, struct err *e)
{
    struct slice name = emu_json_text(emu_json_get(rule, "fault"));

    for (int k = 1; k < EMU_FAULT_COUNT_; k++)
        if (slice_eq(name, slice_of(kinds[k].name)))
            r->fault.kind = (enum emu_fault_kind)k;
    if (r->fault.kind == EMU_FAULT_NONE)
        return err_set(e, ERR_UNKNOWN, "fault: expected one of the faults of docs/emulator.md");
    r->fault.executes = kinds[r->fault.kind].executes;
    return true;
}

static bool read_member(const struct emu_json *m, struct rule *r, struct err *e)
{
    struct emu_fault *f = &r->fault;
    struct slice name = emu_json_name(m);
    int64_t status = 0, *to = slice_eq(name, S("ms"))         ? &f->ms
                              : slice_eq(name, S("delay_ms")) ? &f->delay_ms
                              : slice_eq(name, S("at"))       ? &f->at
                              : slice_eq(name, S("times"))    ? &f->times
                              : slice_eq(name, S("count"))    ? &r->count
                              : slice_eq(name, S("skip"))     ? &r->skip
                              : slice_eq(name, S("status"))   ? &status
                                                              : NULL;
    if (to) {
        if (!emu_json_integer(m, to) || status < 0 || status > 999)
            return err_set(e, ERR_RANGE, "%.*s: expected an integer", SLICE_FMT(name));
        f->status = status ? (int)status : f->status;
        return true;
    }
    if (slice_eq(name, S("fault")))
        return true;
    if (slice_eq(name, S("execute"))) {
        f->executes = emu_json_is_true(m);
    } else if (slice_eq(name, S("notify"))) {
        f->no_notify = !emu_json_is_true(m);
    } else if (slice_eq(name, S("code"))) {
        copy_text(m, f->code, sizeof f->code);
    } else if (slice_eq(name, S("text")) || slice_eq(name, S("location"))) {
        free(f->text);
        f->text = strndup(emu_json_text(m).p ? emu_json_text(m).p : "", TEXT_MAX);
    } else if (slice_eq(name, S("match"))) {
        copy_text(emu_json_get(m, "action"), r->action, sizeof r->action);
        copy_text(emu_json_get(m, "service"), r->service, sizeof r->service);
    } else if (slice_eq(name, S("end"))) {
        for (int i = 0; i < EMU_END_COUNT_; i++)
            if (slice_eq(emu_json_text(m), slice_of(ends[i])))
                f->end = (enum emu_end)i;
        if (f->end == EMU_END_COUNT_)
            return err_set(e, ERR_UNKNOWN, "end: expected keep, close, reset or silent");
    } else {
        return err_set(e, ERR_UNKNOWN, "unknown member %.*s", SLICE_FMT(name));
    }
    return true;
}

bool emu_faults_add(struct emu_faults *f, const struct emu_json *rule, struct err *e)
{
    struct rule *r = calloc(1, sizeof *r);
    bool ok;

    if (!r)
        return err_set(e, ERR_MEMORY, "no memory");
    list_init(&r->node);
    r->fault = (struct emu_fault){ .end = EMU_END_COUNT_, .at = EMU_AT_NONE, .times = 1 };
    r->count = 1;
    f->count++;
    ok = f->count <= RULES_MAX || err_set(e, ERR_TOO_LONG, "more than %d rules", RULES_MAX);
    ok = ok && (emu_json_kind(rule) == EMU_JSON_OBJECT || err_set(e, ERR_SYNTAX, "expected a JSON object"));
    ok = ok && read_kind(rule, r, e);
    for (const struct emu_json *m = emu_json_first(rule); ok && m; m = emu_json_next(m))
        ok = read_member(m, r, e);
    if (!ok) {
        free_rule(f, r);
        return false;
    }
    list_add_last(&f->rules, &r->node);
    return true;
}

void emu_faults_write(const struct emu_faults *f, struct emu_jw *w)
{
    jw_open(w, "faults", '[');
    for (const struct list *at = f->rules.next; at != &f->rules; at = at->next) {
        const struct rule *r =
            (const struct rule *)(const void *)((const char *)at - offsetof(struct rule, node));
        jw_open(w, NULL, '{');
        jw_str(w, "fault", emu_fault_name(r->fault.kind));
        jw_open(w, "match", '{');
        jw_str(w, "action", r->action);
        jw_str(w, "service", r->service);
        jw_close(w, '}');
        jw_int(w, "count", r->count);
        jw_int(w, "skip", r->skip);
        jw_int(w, "hits", r->hits);
        jw_close(w, '}');
    }
    jw_close(w, ']');
}

static enum emu_stage stage_of(const struct emu_fault *f)
{
    if (f->kind == EMU_FAULT_DROP_CONNECTION)
        return EMU_STAGE_ACCEPT;
    return f->kind == EMU_FAULT_CLOSE_AT && f->at == -1 ? EMU_STAGE_HEAD : EMU_STAGE_ANSWER;
}

static bool hits(const struct rule *r, enum emu_stage stage, const char *action, struct slice service)
{
    if (stage_of(&r->fault) != stage)
        return false;
    if (stage == EMU_STAGE_ACCEPT)
        return true;
    if (r->action[0] && (!action || strcmp(r->action, action) != 0))
        return false;
    return !r->service[0] || slice_eq(slice_of(r->service), service);
}

const struct emu_fault *emu_faults_take(struct emu_faults *f, enum emu_stage stage, const char *action,
                                        struct slice service)
{
    for (struct list *at = f->rules.next; at != &f->rules; at = at->next) {
        struct rule *r = LIST_OWNER(at, struct rule, node);
        if (!hits(r, stage, action, service))
            continue;
        if (r->skip > 0) {
            r->skip--;
            continue;
        }
        if (r->count == 0)
            continue;
        r->hits++;
        free(f->taken.text);
        f->taken = r->fault;
        f->taken.text = r->fault.text ? strdup(r->fault.text) : NULL;
        if (r->count > 0)
            r->count--;
        return &f->taken;
    }
    return NULL;
}
