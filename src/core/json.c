/*
 * The JSON tree: see json.h. The only file that sees cJSON, and of cJSON only its nodes: it makes, links and
 * frees them. cJSON's parser, look-up by name, numbers and printer are not used, since they take, find and
 * print other things than were written (SECURITY section 3). A node of type Raw is a number and holds its
 * token. `struct json` is a cJSON behind another name; the casts stand in the four functions below and
 * nowhere else.
 */
#include "core/json.h"
#include "base/enc.h"
#include "base/num.h"
#include "core/json_read.h"
#include <cjson/cJSON.h>

static cJSON *node(struct json *n)
{
    return (cJSON *)n;
}

static const cJSON *peek(const struct json *n)
{
    return (const cJSON *)n;
}

static struct json *wrap(cJSON *n)
{
    return (struct json *)n;
}

static const struct json *wrap_const(const cJSON *n)
{
    return (const struct json *)n;
}

/* --- read --- */

enum json_type json_type(const struct json *n)
{
    if (!n)
        return JSON_NONE;
    switch (peek(n)->type & 0xff) {
    case cJSON_NULL:
        return JSON_NULL;
    case cJSON_False:
        return JSON_FALSE;
    case cJSON_True:
        return JSON_TRUE;
    case cJSON_Raw:
        return JSON_NUMBER;
    case cJSON_String:
        return JSON_STRING;
    case cJSON_Array:
        return JSON_ARRAY;
    case cJSON_Object:
        return JSON_OBJECT;
    default:
        return JSON_NONE;
    }
}

const char *json_type_name(enum json_type t)
{
    static const char *const names[] = { "nothing", "null",   "false", "true",
                                         "number",  "string", "array", "object" };

    return (size_t)t < sizeof names / sizeof names[0] ? names[t] : "nothing";
}

const struct json *json_first(const struct json *n)
{
    return n ? wrap_const(peek(n)->child) : NULL;
}

const struct json *json_next(const struct json *child)
{
    return child ? wrap_const(peek(child)->next) : NULL;
}

struct slice json_name(const struct json *member)
{
    return member && peek(member)->string ? slice_of(peek(member)->string) : SLICE_NONE;
}

const struct json *json_get(const struct json *n, struct slice name)
{
    if (json_type(n) != JSON_OBJECT)
        return NULL;
    const struct json *child = json_first(n);
    while (child && !slice_eq(json_name(child), name))
        child = json_next(child);
    return child;
}

size_t json_count(const struct json *n)
{
    size_t count = 0;

    for (const struct json *child = json_first(n); child; child = json_next(child))
        count++;
    return count;
}

struct slice json_text(const struct json *n)
{
    return json_type(n) == JSON_STRING ? slice_of(peek(n)->valuestring) : SLICE_NONE;
}

struct slice json_number_token(const struct json *n)
{
    return json_type(n) == JSON_NUMBER ? slice_of(peek(n)->valuestring) : SLICE_NONE;
}

bool json_integer(const struct json *n, int64_t lo, int64_t hi, int64_t *out)
{
    struct slice token = json_number_token(n);

    return num_i64(token, lo, hi, out);
}

/* --- build --- */

/* A cJSON string or number from a slice; NULL without memory. The slice holds no NUL. */
static cJSON *new_text(struct slice s, cJSON *(*make)(const char *), struct sbuf *scratch)
{
    sbuf_clear(scratch);
    sbuf_add(scratch, s);
    return sbuf_ok(scratch) ? make(scratch->p) : NULL;
}

static bool is_sound_text(struct slice s)
{
    return !slice_has(s, '\0') && enc_utf8_valid(s);
}

/* Give the node this name; false without memory. */
static bool set_name(cJSON *n, const char *name)
{
    size_t size = strlen(name) + 1;
    char *copy = cJSON_malloc(size);

    if (!copy)
        return false;
    memcpy(copy, name, size);
    cJSON_free(n->string);
    n->string = copy;
    return true;
}

static void clear_name(cJSON *n)
{
    cJSON_free(n->string);
    n->string = NULL;
}

struct json *json_new_object(void)
{
    return wrap(cJSON_CreateObject());
}

struct json *json_new_array(void)
{
    return wrap(cJSON_CreateArray());
}

void json_free(struct json **root)
{
    cJSON_Delete(node(*root));
    *root = NULL;
}

static bool is_root(const struct json *n)
{
    return n && !peek(n)->prev && !peek(n)->next;
}

/* The same text but for the case of letters, as json_scan sees it? (A backslash in a name is no escape here.)
 */
static bool eq_folded(struct slice a, struct slice b)
{
    uint32_t x, y;

    while (a.n && b.n) {
        size_t n = enc_utf8_one(a, &x), m = enc_utf8_one(b, &y);
        if (n == 0 || m == 0 || json_fold(x) != json_fold(y))
            return false;
        a = slice_skip(a, n);
        b = slice_skip(b, m);
    }
    return a.n == b.n;
}

/* May object get this member? *out_old = the one of exactly this name, which it replaces. */
static bool find_place(struct json *object, struct slice name, cJSON **out_old)
{
    *out_old = NULL;
    if (json_type(object) != JSON_OBJECT || !is_sound_text(name))
        return false;
    for (cJSON *child = node(object)->child; child; child = child->next) {
        struct slice other = slice_of(child->string);
        if (slice_eq(other, name))
            *out_old = child;
        else if (eq_folded(other, name))
            return false;
    }
    return true;
}

bool json_set(struct json *object, struct slice name, struct json **value)
{
    cJSON *old;

    if (!is_root(*value) || *value == object || !find_place(object, name, &old))
        return false;
    SCOPED(sbuf) text = SBUF_MAX(name.n);
    sbuf_add(&text, name);
    if (!sbuf_ok(&text) || !set_name(node(*value), text.p))
        return false;
    cJSON_bool fine = old ? cJSON_ReplaceItemViaPointer(node(object), old, node(*value))
                          : cJSON_AddItemToArray(node(object), node(*value));
    if (fine)
        *value = NULL;
    return fine;
}

bool json_append(struct json *array, struct json **value)
{
    if (json_type(array) != JSON_ARRAY || !is_root(*value) || *value == array)
        return false;
    clear_name(node(*value));
    if (!cJSON_AddItemToArray(node(array), node(*value)))
        return false;
    *value = NULL;
    return true;
}

static bool set_new(struct json *object, struct slice name, cJSON *fresh)
{
    struct json *value = wrap(fresh);
    bool fine = value && json_set(object, name, &value);

    json_free(&value);
    return fine;
}

bool json_set_text(struct json *object, struct slice name, struct slice text)
{
    SCOPED(sbuf) scratch = SBUF_MAX(text.n);

    return is_sound_text(text) && set_new(object, name, new_text(text, cJSON_CreateString, &scratch));
}

bool json_set_integer(struct json *object, struct slice name, int64_t value)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%lld", (long long)value);
    return set_new(object, name, cJSON_CreateRaw(digits));
}

struct json *json_take(struct json *parent, const struct json *child)
{
    cJSON *at = parent ? node(parent)->child : NULL;

    while (at && at != peek(child))
        at = at->next;
    if (!at)
        return NULL;
    cJSON_DetachItemViaPointer(node(parent), at);
    clear_name(at);
    return wrap(at);
}

/* --- load --- */

struct loader {
    struct json_reader reader;
    cJSON *open[JSON_READ_DEPTH_MAX]; /* the array or object of each level */
    cJSON *root;
    struct sbuf name, text; /* unescaped; name belongs to the member whose value comes next */
};

static cJSON *new_value(struct loader *l, const struct json_piece *piece)
{
    switch (piece->event) {
    case JSON_EVENT_OBJECT:
        return cJSON_CreateObject();
    case JSON_EVENT_ARRAY:
        return cJSON_CreateArray();
    case JSON_EVENT_TRUE:
        return cJSON_CreateTrue();
    case JSON_EVENT_FALSE:
        return cJSON_CreateFalse();
    case JSON_EVENT_NULL:
        return cJSON_CreateNull();
    case JSON_EVENT_NUMBER:
        return new_text(piece->raw, cJSON_CreateRaw, &l->text);
    case JSON_EVENT_STRING:
        sbuf_clear(&l->text);
        sbuf_add(&l->text, SLICE_NONE);
        json_raw_unescape(piece->raw, &l->text);
        return sbuf_ok(&l->text) ? cJSON_CreateString(l->text.p) : NULL;
    case JSON_EVENT_ERROR:
    case JSON_EVENT_OBJECT_END:
    case JSON_EVENT_ARRAY_END:
    case JSON_EVENT_NAME:
    case JSON_EVENT_DONE:
        break;
    }
    return NULL;
}

/* Hang a value into the tree; `level` is the depth of what it hangs in. */
static bool add_value(struct loader *l, size_t level, const struct json_piece *piece)
{
    cJSON *value = new_value(l, piece);

    if (!value)
        return false;
    if (level == 0) {
        l->root = value;
    } else {
        bool named = l->reader.levels[level - 1].is_object;
        if ((named && !set_name(value, l->name.p)) || !cJSON_AddItemToArray(l->open[level - 1], value)) {
            cJSON_Delete(value);
            return false;
        }
    }
    if (piece->event == JSON_EVENT_OBJECT || piece->event == JSON_EVENT_ARRAY)
        l->open[level] = value;
    return true;
}

static bool load_piece(struct loader *l, const struct json_piece *piece)
{
    switch (piece->event) {
    case JSON_EVENT_NAME:
        sbuf_clear(&l->name);
        sbuf_add(&l->name, SLICE_NONE);
        json_raw_unescape(piece->raw, &l->name);
        return sbuf_ok(&l->name);
    case JSON_EVENT_OBJECT:
    case JSON_EVENT_ARRAY: /* the reader has already opened it */
        return add_value(l, l->reader.depth - 1, piece);
    case JSON_EVENT_STRING:
    case JSON_EVENT_NUMBER:
    case JSON_EVENT_TRUE:
    case JSON_EVENT_FALSE:
    case JSON_EVENT_NULL:
        return add_value(l, l->reader.depth, piece);
    case JSON_EVENT_OBJECT_END:
    case JSON_EVENT_ARRAY_END:
    case JSON_EVENT_DONE:
        return true;
    case JSON_EVENT_ERROR:
        break;
    }
    return false;
}

struct json *json_load(struct slice text, const struct json_limits *limits, struct err *e)
{
    struct loader l;
    struct json_piece piece;
    char name[128] = "", value[256] = "";
    bool fine = true;

    if (!json_scan(text, limits, e))
        return NULL;
    json_reader_init(&l.reader, text);
    l.root = NULL;
    l.name = SBUF_LENT(name, sizeof name, text.n);
    l.text = SBUF_LENT(value, sizeof value, text.n);
    do {
        fine = json_reader_next(&l.reader, &piece) && load_piece(&l, &piece);
    } while (fine && piece.event != JSON_EVENT_DONE);
    sbuf_drop(&l.name);
    sbuf_drop(&l.text);
    if (fine)
        return wrap(l.root);
    cJSON_Delete(l.root);
    err_set(e, ERR_MEMORY, "no memory for the tree of a JSON text");
    return NULL;
}

/* --- print --- */

static void print_escape(char c, struct sbuf *out)
{
    static const char names[] = "\"\\bfnrt", values[] = "\"\\\b\f\n\r\t", digits[] = "0123456789abcdef";
    const char *hit = memchr(values, c, 7);

    if (hit) {
        char escape[2] = { '\\', names[hit - values] };
        sbuf_add(out, slice_from(escape, 2));
    } else {
        char escape[6] = { '\\', 'u', '0', '0', digits[c >> 4 & 15], digits[c & 15] };
        sbuf_add(out, slice_from(escape, 6));
    }
}

static void print_text(const char *text, struct sbuf *out)
{
    sbuf_addc(out, '"');
    for (;;) {
        const char *end = text;
        while ((unsigned char)*end >= 0x20 && *end != '"' && *end != '\\')
            end++;
        sbuf_add(out, slice_from(text, (size_t)(end - text)));
        if (!*end)
            break;
        print_escape(*end, out);
        text = end + 1;
    }
    sbuf_addc(out, '"');
}

static void print_node(const cJSON *n, size_t depth, struct sbuf *out)
{
    enum json_type type = json_type(wrap_const(n));
    bool is_object = type == JSON_OBJECT;

    if (type == JSON_NONE || depth > JSON_PRINT_DEPTH_MAX) {
        out->failed = true;
        return;
    }
    if (type == JSON_STRING) {
        print_text(n->valuestring, out);
        return;
    }
    if (!is_object && type != JSON_ARRAY) {
        sbuf_adds(out, type == JSON_NUMBER ? n->valuestring : json_type_name(type));
        return;
    }
    sbuf_addc(out, is_object ? '{' : '[');
    for (const cJSON *child = n->child; child && sbuf_ok(out); child = child->next) {
        if (child != n->child)
            sbuf_addc(out, ',');
        if (is_object) {
            print_text(child->string, out);
            sbuf_addc(out, ':');
        }
        print_node(child, depth + 1, out);
    }
    sbuf_addc(out, is_object ? '}' : ']');
}

void json_print(const struct json *n, struct sbuf *out)
{
    print_node(peek(n), 0, out);
}
