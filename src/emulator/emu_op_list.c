/* ListServices: filters, order and pages over all services: see emu_call.h. */
#include "emulator/emu_call.h"
#include "emulator/emu_labels.h"
#include "emulator/emu_service_json.h"
#include "base/num.h"

#define PAGE_MAX 1000

struct filter {
    struct slice workspace, name, fuzzy, status, quota, uid, caller, autoscaler, cronscaler, label, group,
        resource, gateway, traffic;
    bool no_workspace_too;
};

static bool has_part(struct slice text, struct slice part)
{
    for (size_t i = 0; i + part.n <= text.n; i++)
        if (slice_eq(slice_from(text.p + i, part.n), part))
            return true;
    return false;
}

static bool has_labels(const struct emu_service *v, struct slice wanted_text)
{
    size_t used;
    struct emu_json *wanted = emu_json_parse(wanted_text, &used);
    struct emu_json *have = emu_json_parse(emu_service_get(v, EMU_F_LABELS), &used);
    bool ok = wanted && emu_labels_match(have, wanted);

    emu_json_free(&wanted);
    emu_json_free(&have);
    return ok;
}

static bool is_or_unset(struct slice wanted, struct slice have)
{
    return !wanted.n || slice_eq(wanted, have);
}

static bool is_flag(struct slice wanted, bool have)
{
    return !wanted.n || slice_eq_nocase(wanted, have ? S("true") : S("false"));
}

static bool passes(const struct filter *f, const struct emu_service *v)
{
    struct slice workspace = emu_service_get(v, EMU_F_WORKSPACE);

    if (f->workspace.n && !slice_eq(workspace, f->workspace) && !(f->no_workspace_too && workspace.n == 0))
        return false;
    if (!f->no_workspace_too && workspace.n == 0)
        return false;
    return is_or_unset(f->name, emu_service_get(v, EMU_F_NAME)) &&
           is_or_unset(f->status, slice_of(v->status)) &&
           is_or_unset(f->quota, emu_service_get(v, EMU_F_QUOTA)) &&
           is_or_unset(f->uid, emu_service_get(v, EMU_F_UID)) &&
           is_or_unset(f->caller, emu_service_get(v, EMU_F_CALLER)) &&
           (!f->fuzzy.n || has_part(emu_service_get(v, EMU_F_NAME), f->fuzzy)) &&
           is_flag(f->autoscaler, v->max > 0) &&
           is_flag(f->cronscaler, emu_service_get(v, EMU_F_CRON_JOBS).n > 0) &&
           is_or_unset(f->group, emu_service_get(v, EMU_F_GROUP)) &&
           is_or_unset(f->resource, emu_service_get(v, EMU_F_RESOURCE)) &&
           is_or_unset(f->gateway, emu_service_get(v, EMU_F_GATEWAY)) &&
           is_or_unset(f->traffic, emu_service_get(v, EMU_F_TRAFFIC)) &&
           (!f->label.n || has_labels(v, f->label));
}

static struct filter read_filter(const struct emu_call *c)
{
    return (struct filter){
        .workspace = emu_call_query(c, "WorkspaceId"),
        .name = emu_call_query(c, "ServiceName"),
        .fuzzy = emu_call_query(c, "Filter"),
        .status = emu_call_query(c, "ServiceStatus"),
        .quota = emu_call_query(c, "QuotaId"),
        .uid = emu_call_query(c, "ServiceUid"),
        .caller = emu_call_query(c, "CallerUid"),
        .autoscaler = emu_call_query(c, "AutoscalerEnabled"),
        .cronscaler = emu_call_query(c, "CronscalerEnabled"),
        .label = emu_call_query(c, "Label"),
        .group = emu_call_query(c, "GroupName"),
        .resource = emu_call_query(c, "ResourceId"),
        .gateway = emu_call_query(c, "Gateway"),
        .traffic = emu_call_query(c, "TrafficState"),
        .no_workspace_too = !slice_eq_nocase(emu_call_query(c, "IncludeNoWorkspace"), S("false")),
    };
}

static bool read_page(struct emu_call *c, const char *name, uint64_t normal, uint64_t most, uint64_t *out)
{
    struct slice text = emu_call_query(c, name);
    char code[64];

    *out = normal;
    if (!text.n || num_u64(text, 1, most, out))
        return true;
    snprintf(code, sizeof code, "Invalid%s", name);
    emu_answer_error(c->answer, 400, code, "%s must be 1 to %llu.", name, (unsigned long long)most);
    return false;
}

static int by_time(int64_t x, int64_t y)
{
    return (x > y) - (x < y);
}

static int by_create(const void *a, const void *b)
{
    const struct emu_service *x = *(struct emu_service *const *)a, *y = *(struct emu_service *const *)b;
    int c = by_time(x->create_ms, y->create_ms);

    return c ? c : slice_cmp(emu_service_get(x, EMU_F_NAME), emu_service_get(y, EMU_F_NAME));
}

static int by_update(const void *a, const void *b)
{
    const struct emu_service *x = *(struct emu_service *const *)a, *y = *(struct emu_service *const *)b;
    int c = by_time(x->update_ms, y->update_ms);

    return c ? c : by_create(a, b);
}

static int by_name(const void *a, const void *b)
{
    const struct emu_service *x = *(struct emu_service *const *)a, *y = *(struct emu_service *const *)b;

    return slice_cmp(emu_service_get(x, EMU_F_NAME), emu_service_get(y, EMU_F_NAME));
}

static void sort(struct emu_call *c, struct emu_service **all, size_t n)
{
    struct slice key = emu_call_query(c, "Sort");

    if (key.n && n) {
        bool update = slice_eq(key, S("UpdateTime")), name = slice_eq(key, S("ServiceName"));
        qsort(all, n, sizeof *all, update ? by_update : name ? by_name : by_create);
    }
    if (slice_eq_nocase(emu_call_query(c, "Order"), S("desc")))
        for (size_t i = 0; i < n / 2; i++) {
            struct emu_service *first = all[i];
            all[i] = all[n - 1 - i];
            all[n - 1 - i] = first;
        }
}

void op_list(struct emu_call *c)
{
    struct filter f = read_filter(c);
    struct emu_service **all = calloc(emu_state_count(c->world->state) + 1, sizeof(struct emu_service *));
    struct emu_service *v = NULL;
    uint64_t page, size;
    size_t n = 0;

    if (!all || !read_page(c, "PageNumber", 1, 1000000, &page) ||
        !read_page(c, "PageSize", 100, PAGE_MAX, &size)) {
        free(all);
        return;
    }
    while ((v = emu_state_next(c->world->state, v, c->now_ms)))
        if (passes(&f, v))
            all[n++] = v;
    sort(c, all, n);
    struct emu_jw w = emu_call_begin(c);
    jw_int(&w, "PageNumber", (int64_t)page);
    jw_int(&w, "PageSize", (int64_t)size);
    jw_int(&w, "TotalCount", (int64_t)n);
    jw_open(&w, "Services", '[');
    for (uint64_t i = (page - 1) * size; i < page * size && i < n; i++) {
        jw_open(&w, NULL, '{');
        emu_service_write(all[i], c->world, &w);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_close(&w, '}');
    free(all);
}
