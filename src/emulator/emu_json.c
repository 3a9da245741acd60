/*
 * JSON of the emulator: see emu_json.h. cJSON reads; what we write is printed by hand, since answers and journal
 * lines have a fixed shape and are made thousands of times a second.
 */
#include "emulator/emu_json.h"
#include "base/enc.h"
#include <cjson/cJSON.h>

#define EXACT_MAX 9007199254740992.0 /* 2^53: beyond it a double no longer says which integer was meant */

static const cJSON *in(const struct emu_json *v)
{
    return (const cJSON *)(const void *)v;
}

static const struct emu_json *out(const cJSON *v)
{
    return (const struct emu_json *)(const void *)v;
}

struct emu_json *emu_json_parse(struct slice text, size_t *out_used)
{
    const char *end = NULL;

    if (text.n == 0)
        return NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text.p, text.n, &end, 0);
    *out_used = root && end ? (size_t)(end - text.p) : 0;
    return (struct emu_json *)(void *)root;
}

void emu_json_free(struct emu_json **v)
{
    cJSON_Delete((cJSON *)(void *)*v);
    *v = NULL;
}

enum emu_json_kind emu_json_kind(const struct emu_json *v)
{
    const cJSON *c = in(v);

    if (!c)
        return EMU_JSON_NONE;
    if (cJSON_IsNull(c))
        return EMU_JSON_NULL;
    if (cJSON_IsBool(c))
        return EMU_JSON_BOOL;
    if (cJSON_IsNumber(c))
        return EMU_JSON_NUMBER;
    if (cJSON_IsString(c))
        return EMU_JSON_TEXT;
    if (cJSON_IsArray(c))
        return EMU_JSON_ARRAY;
    return cJSON_IsObject(c) ? EMU_JSON_OBJECT : EMU_JSON_NONE;
}

const struct emu_json *emu_json_first(const struct emu_json *v)
{
    return v ? out(in(v)->child) : NULL;
}

const struct emu_json *emu_json_next(const struct emu_json *v)
{
    return v ? out(in(v)->next) : NULL;
}

struct slice emu_json_name(const struct emu_json *member)
{
    return slice_of(member ? in(member)->string : NULL);
}

const struct emu_json *emu_json_get(const struct emu_json *object, const char *name)
{
    const struct emu_json *found = NULL;

    if (emu_json_kind(object) != EMU_JSON_OBJECT)
        return NULL;
    for (const struct emu_json *m = emu_json_first(object); m; m = emu_json_next(m))
        if (slice_eq(emu_json_name(m), slice_of(name)))
            found = m;
    return found;
}

struct slice emu_json_text(const struct emu_json *v)
{
    return emu_json_kind(v) == EMU_JSON_TEXT ? slice_of(in(v)->valuestring) : SLICE_NONE;
}

bool emu_json_is_true(const struct emu_json *v)
{
    return v && cJSON_IsTrue(in(v));
}

bool emu_json_integer(const struct emu_json *v, int64_t *out_value)
{
    if (emu_json_kind(v) != EMU_JSON_NUMBER)
        return false;
    double d = in(v)->valuedouble;
    if (!(d <= EXACT_MAX && d >= -EXACT_MAX) || (double)(int64_t)d < d || (double)(int64_t)d > d)
        return false;
    *out_value = (int64_t)d;
    return true;
}

bool emu_json_integer_lenient(const struct emu_json *v, int64_t *out_value)
{
    double d = 0;

    if (emu_json_kind(v) == EMU_JSON_NUMBER)
        d = in(v)->valuedouble;
    else if (emu_json_kind(v) != EMU_JSON_TEXT || sscanf(in(v)->valuestring, "%lf", &d) != 1)
        return false;
    if (!(d <= EXACT_MAX))
        *out_value = INT64_MAX;
    else if (d < -EXACT_MAX)
        *out_value = INT64_MIN;
    else
        *out_value = (int64_t)d + ((double)(int64_t)d < d);
    return true;
}

void emu_json_print(const struct emu_json *v, struct sbuf *sb)
{
    char *text = v ? cJSON_PrintUnformatted(in(v)) : NULL;

    sbuf_adds(sb, text ? text : "null");
    cJSON_free(text);
}

static void put_key(struct emu_jw *w, const char *key)
{
    if (w->more)
        sbuf_addc(w->out, ',');
    w->more = true;
    if (!key)
        return;
    enc_json_string(slice_of(key), w->out);
    sbuf_addc(w->out, ':');
}

void jw_open(struct emu_jw *w, const char *key, char bracket)
{
    put_key(w, key);
    sbuf_addc(w->out, bracket);
    w->more = false;
}

void jw_close(struct emu_jw *w, char bracket)
{
    sbuf_addc(w->out, bracket);
    w->more = true;
}

void jw_text(struct emu_jw *w, const char *key, struct slice value)
{
    put_key(w, key);
    enc_json_string(value, w->out);
}

void jw_str(struct emu_jw *w, const char *key, const char *value)
{
    if (value)
        jw_text(w, key, slice_of(value));
    else
        jw_raw(w, key, S("null"));
}

void jw_int(struct emu_jw *w, const char *key, int64_t value)
{
    put_key(w, key);
    if (value < 0)
        sbuf_addc(w->out, '-');
    sbuf_add_u64(w->out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void jw_bool(struct emu_jw *w, const char *key, bool value)
{
    jw_raw(w, key, value ? S("true") : S("false"));
}

void jw_raw(struct emu_jw *w, const char *key, struct slice json)
{
    put_key(w, key);
    sbuf_add(w->out, json);
}

void jw_bytes(struct emu_jw *w, const char *key, struct slice bytes)
{
    char name[64];

    if (enc_utf8_valid(bytes)) {
        jw_text(w, key, bytes);
        return;
    }
    snprintf(name, sizeof name, "%s_base64", key);
    put_key(w, name);
    sbuf_addc(w->out, '"');
    enc_base64(bytes, w->out);
    sbuf_addc(w->out, '"');
}
