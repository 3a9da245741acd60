/*
 * The effective configuration as a text, and what a reload may change: both walk the schema's rows, so neither can forget a
 * key. Must never print a secret; schema_print_value masks the rows that are marked.
 */
#include "config/snapshot.h"
#include "config/schema.h"

#define VALUE_MAX_BYTES 65536

static void print_section(enum schema_kind kind, struct slice name, const void *base, struct sbuf *out)
{
    sbuf_addf(out, "%s[%s%s%.*s]\n", out->n ? "\n" : "", schema_section_at(kind)->name, name.n ? " " : "",
              SLICE_FMT(name));
    for (size_t i = 0; i < schema_row_count(); i++) {
        const struct schema_row *row = schema_row_at(i);
        SCOPED(sbuf) value = SBUF_MAX(VALUE_MAX_BYTES);
        if (row->kind != kind)
            continue;
        schema_print_value(row, base, &value);
        if (!sbuf_ok(&value))
            out->failed = true;
        if (value.n)
            sbuf_addf(out, "%s = %.*s\n", row->key, SLICE_FMT(sbuf_slice(&value)));
    }
}

void snapshot_print(const struct snapshot *s, struct sbuf *out)
{
    sbuf_addf(out, "; %s, SHA-256 %s\n", s->path, s->digest);
    print_section(SECTION_GATEWAY, SLICE_NONE, &s->gateway, out);
    for (size_t i = 0; i < s->upstream_count; i++)
        print_section(SECTION_UPSTREAM, s->upstreams[i].name, &s->upstreams[i], out);
    for (size_t i = 0; i < s->cred_count; i++)
        print_section(SECTION_CREDENTIAL, s->credentials[i].name, &s->credentials[i], out);
    print_section(SECTION_AUDIT, SLICE_NONE, &s->audit, out);
    for (size_t i = 0; i < s->client_count; i++)
        print_section(SECTION_CLIENT, s->clients[i].name, &s->clients[i].cfg, out);
    for (size_t i = 0; i < s->policy_count; i++)
        print_section(SECTION_POLICY, s->policies[i].name, &s->policies[i], out);
}

/* ---- what a reload may change ---- */

static const void *base_of(const struct snapshot *s, enum schema_kind kind)
{
    switch (kind) {
    case SECTION_GATEWAY:
        return &s->gateway;
    case SECTION_AUDIT:
        return &s->audit;
    case SECTION_UPSTREAM:
        return &s->upstreams[0];
    case SECTION_NONE:
    case SECTION_CREDENTIAL:
    case SECTION_CLIENT:
    case SECTION_POLICY:
    case SECTION_COUNT_:
        break;
    }
    return NULL;
}

static void print_place(const struct snapshot *s, size_t row, struct sbuf *out)
{
    if (s->lines[row])
        sbuf_addf(out, "%s:%u", s->path, s->lines[row]);
    else
        sbuf_adds(out, "the default");
}

static bool check_row(const struct snapshot *now, const struct snapshot *next, size_t i, struct problems *p)
{
    const struct schema_row *row = schema_row_at(i);
    const void *old_base = base_of(now, row->kind), *new_base = base_of(next, row->kind);
    SCOPED(sbuf) old_value = SBUF_MAX(VALUE_MAX_BYTES);
    SCOPED(sbuf) new_value = SBUF_MAX(VALUE_MAX_BYTES);
    SCOPED(sbuf) old_place = SBUF_MAX(4096);

    if (!row->is_boot || !old_base)
        return true;
    schema_print_value(row, old_base, &old_value);
    schema_print_value(row, new_base, &new_value);
    print_place(now, i, &old_place);
    if (sbuf_ok(&old_value) && sbuf_ok(&new_value) &&
        slice_eq(sbuf_slice(&old_value), sbuf_slice(&new_value)))
        return true;
    problem_error(p, next->lines[i],
                  "%s of [%s] is %.*s and was %.*s (%.*s): this key takes effect at a restart only, so "
                  "nothing is changed",
                  row->key, schema_section_at(row->kind)->name,
                  SLICE_FMT(new_value.n ? sbuf_slice(&new_value) : S("not set")),
                  SLICE_FMT(old_value.n ? sbuf_slice(&old_value) : S("not set")),
                  SLICE_FMT(sbuf_slice(&old_place)));
    return false;
}

bool snapshot_may_replace(const struct snapshot *now, const struct snapshot *next,
                          struct config_errors *errors)
{
    struct problems p = { .file = next->path };
    bool ok = true;

    if (errors->text.max == 0)
        errors->text = SBUF_MAX(256 * 1024);
    for (size_t i = 0; i < schema_row_count(); i++)
        ok = check_row(now, next, i, &p) && ok;
    problems_print(&p, false, &errors->text);
    errors->count += p.error_count;
    problems_drop(&p);
    return ok;
}
