/* Body members, read leniently: see emu_fields.h. */
#include "emulator/emu_fields.h"

bool emu_name_folds_to(struct slice a, struct slice b)
{
    size_t i = 0, j = 0;

    for (;;) {
        while (i < a.n && (a.p[i] == '_' || a.p[i] == '-'))
            i++;
        while (j < b.n && (b.p[j] == '_' || b.p[j] == '-'))
            j++;
        if (i == a.n || j == b.n)
            return i == a.n && j == b.n;
        if (ascii_lower(a.p[i++]) != ascii_lower(b.p[j++]))
            return false;
    }
}

static const struct {
    const char *name, *also;
} aliases[] = { { "Replicas", "instance" }, { "Instance", "replicas" }, { "min", "MinReplica" },
                { "min", "minReplicas" },   { "max", "MaxReplica" },    { "max", "maxReplicas" },
                { "TargetSize", "target" } };

/* "Replicas" is also "replicas", "metadata.Replicas", and for the count "instance" and "metadata.instance". */
static bool is_name(struct slice sent, const char *name)
{
    size_t dot = sent.n;

    while (dot > 0 && sent.p[dot - 1] != '.')
        dot--;
    struct slice last = slice_trim(slice_skip(sent, dot));
    if (emu_name_folds_to(last, slice_of(name)))
        return true;
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (strcmp(name, aliases[i].name) == 0 && emu_name_folds_to(last, slice_of(aliases[i].also)))
            return true;
    return false;
}

const struct emu_json *emu_member_of(const struct emu_json *object, const char *name)
{
    const struct emu_json *found = NULL;

    if (emu_json_kind(object) != EMU_JSON_OBJECT)
        return NULL;
    for (const struct emu_json *m = emu_json_first(object); m; m = emu_json_next(m))
        if (is_name(emu_json_name(m), name))
            found = m;
    return found;
}

static void note_oddities(struct emu_call *c, const struct emu_json *m, const char *name, size_t seen)
{
    struct slice sent = emu_json_name(m);

    if (!slice_eq(sent, slice_of(name)))
        emu_note(&c->req->notes, "body: %s spelled %.*s", name, SLICE_FMT(sent));
    if (seen > 1)
        emu_note(&c->req->notes, "body: repeated %s", name);
}

const struct emu_json *emu_field(struct emu_call *c, const char *name)
{
    const struct emu_json *found = NULL;
    size_t seen = 0;

    if (emu_json_kind(c->body) != EMU_JSON_OBJECT)
        return NULL;
    for (const struct emu_json *m = emu_json_first(c->body); m; m = emu_json_next(m)) {
        if (!is_name(emu_json_name(m), name))
            continue;
        note_oddities(c, m, name, ++seen);
        found = m;
    }
    return found;
}

bool emu_field_count(struct emu_call *c, const char *name, bool *out_found, int64_t *out)
{
    size_t seen = 0;
    int64_t value;

    *out_found = false;
    if (emu_json_kind(c->body) != EMU_JSON_OBJECT)
        return true;
    for (const struct emu_json *m = emu_json_first(c->body); m; m = emu_json_next(m)) {
        if (!is_name(emu_json_name(m), name))
            continue;
        note_oddities(c, m, name, ++seen);
        if (!emu_json_integer(m, &value)) {
            emu_note(&c->req->notes, "body: %s is no integer", name);
            if (!emu_json_integer_lenient(m, &value))
                continue;
        }
        if (!*out_found || value > *out)
            *out = value;
        *out_found = true;
    }
    if (seen && !*out_found) {
        char code[80];
        snprintf(code, sizeof code, "Invalid%.60s", name);
        emu_answer_error(c->answer, 400, code, "%s is not a number.", name);
        return false;
    }
    return true;
}

void emu_fields_note_unknown(struct emu_call *c, const char *const *known)
{
    if (emu_json_kind(c->body) != EMU_JSON_OBJECT)
        return;
    for (const struct emu_json *m = emu_json_first(c->body); m; m = emu_json_next(m)) {
        bool found = false;
        for (const char *const *k = known; *k && !found; k++)
            found = is_name(emu_json_name(m), *k);
        if (!found)
            emu_note(&c->req->notes, "body: unknown field %.*s", SLICE_FMT(emu_json_name(m)));
    }
}
