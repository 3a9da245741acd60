/* Benchmark tasks: see emu_call.h. Their load is money, so the numbers that were asked for are kept. */
#include "emulator/emu_fields.h"
#include "emulator/emu_op_thing.h"

static struct emu_thing *task_of(struct emu_call *c)
{
    return emu_call_thing(c, EMU_KIND_BENCHMARK, "TaskName");
}

/* Read back under names of its own, the token of the service among them. */
static void fill(struct emu_call *c, struct emu_json *data)
{
    const struct emu_json *service = emu_json_get(emu_json_get(data, "_body"), "service");
    const struct emu_json *base = emu_json_get(emu_json_get(data, "_body"), "base");

    emu_data_set(data, "ServiceName", emu_data_get(service, "serviceName"));
    emu_data_set(data, "Endpoint", emu_data_get(service, "serviceUrl"));
    emu_data_set(data, "Token", emu_data_get(service, "requestToken"));
    emu_data_set(data, "DesiredAgent", slice_of(emu_data_text(c, base, "agentCount")));
    emu_data_set(data, "AvailableAgent", S("0"));
}

static void put_body(struct emu_call *c, struct emu_json *data)
{
    struct emu_json *kept = emu_json_section(data, "_body", '{');

    if (kept)
        emu_json_merge(kept, c->body);
    fill(c, data);
}

void op_create_benchmark(struct emu_call *c)
{
    struct slice name = emu_json_text(emu_member_of(emu_member_of(c->body, "base"), "taskName"));
    struct emu_thing *task;

    if (emu_json_kind(c->body) != EMU_JSON_OBJECT) {
        emu_answer_error(c->answer, 400, "InvalidParameter", "The body is not a JSON object.");
        return;
    }
    if (!name.n)
        name = slice_of(emu_call_new_id(c, "benchmark-emu"));
    if (emu_things_find(emu_state_things(c->world->state), EMU_KIND_BENCHMARK, name)) {
        emu_answer_error(c->answer, 409, "InvalidTaskName.Conflict", "The task exists already.");
        return;
    }
    task = emu_call_add(c, EMU_KIND_BENCHMARK, name);
    if (!task)
        return;
    put_body(c, task->data);
    emu_data_set(task->data, "TaskName", name);
    emu_data_set(task->data, "Status", S("Creating"));
    struct emu_jw w = emu_call_begin(c);
    jw_text(&w, "TaskName", name);
    jw_str(&w, "Region", c->world->region);
    jw_str(&w, "Message", "Benchmark task is creating.");
    jw_close(&w, '}');
}

void op_update_benchmark(struct emu_call *c)
{
    struct emu_thing *task = task_of(c);

    if (!task)
        return;
    put_body(c, task->data);
    emu_call_say(c, "Benchmark task is updated.");
}

static void set_status(struct emu_call *c, const char *status)
{
    struct emu_thing *task = task_of(c);

    if (!task)
        return;
    emu_data_set(task->data, "Status", slice_of(status));
    emu_call_say(c, "Benchmark task is changing.");
}

void op_start_benchmark(struct emu_call *c)
{
    set_status(c, "Running");
}

void op_stop_benchmark(struct emu_call *c)
{
    set_status(c, "Stopped");
}

void op_delete_benchmark(struct emu_call *c)
{
    struct emu_thing *task = task_of(c);

    if (!task)
        return;
    emu_things_remove(emu_state_things(c->world->state), &task);
    emu_call_say(c, "Benchmark task is deleted.");
}

void op_benchmark(struct emu_call *c)
{
    struct emu_thing *task = task_of(c);

    if (task)
        emu_call_show(c, task);
}

void op_benchmark_report(struct emu_call *c)
{
    struct emu_thing *task = task_of(c);

    if (!task)
        return;
    struct emu_jw w = emu_call_begin(c);
    jw_str(&w, "ReportUrl",
           arena_printf(c->arena, "https://report.example/%s?signature=report-%s", task->key,
                        c->answer->request_id));
    jw_open(&w, "Data", '{');
    jw_int(&w, "qps", 100);
    jw_close(&w, '}');
    jw_close(&w, '}');
}

void op_benchmarks(struct emu_call *c)
{
    static const struct emu_filter filters[] = { { "Filter", "TaskName", true },
                                                 { "ServiceName", "ServiceName", false },
                                                 { "Status", "Status", false },
                                                 { NULL, NULL, false } };

    emu_call_list(c, EMU_KIND_BENCHMARK, "Tasks", filters, NULL);
}
