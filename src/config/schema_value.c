/*
 * One value by its type: read, checked, printed: see schema.h. Each type is one small parser; what it expects is said in the
 * error it sets. Must never accept a text that it did not understand to the last byte.
 */
#include "config/schema.h"
#include "base/date.h"
#include "base/enc.h"
#include "base/must.h"
#include "base/num.h"
#include "config/address.h"
#include "core/endpoint.h"

struct choice {
    const char *name;
    int value;
};

static const struct choice log_levels[] = {
    { "error", LOG_ERROR }, { "warn", LOG_WARN }, { "info", LOG_INFO }, { "debug", LOG_DEBUG }, { NULL, 0 }
};
static const struct choice durabilities[] = { { "synced", AUDIT_SYNCED },
                                              { "written", AUDIT_WRITTEN },
                                              { NULL, 0 } };
static const struct choice compressions[] = { { "no", AUDIT_PLAIN }, { "zstd", AUDIT_ZSTD }, { NULL, 0 } };
static const struct choice credential_types[] = { { "access_key", CREDENTIAL_ACCESS_KEY },
                                                  { "sts", CREDENTIAL_STS },
                                                  { NULL, 0 } };
static const struct choice policy_modes[] = { { "enforce", POLICY_ENFORCE },
                                              { "report", POLICY_REPORT },
                                              { NULL, 0 } };
static const struct choice bools[] = { { "no", false }, { "yes", true }, { NULL, 0 } };

/* is_list, and the text of each type for people. */
static const struct type {
    bool is_list;
    const char *text;
    const struct choice *choices;
} types[TYPE_COUNT_] = {
    [TYPE_NONE] = { false, "nothing", NULL },
    [TYPE_BOOL] = { false, "yes | no", bools },
    [TYPE_NUMBER] = { false, "NUMBER", NULL },
    [TYPE_DURATION] = { false, "DURATION (500ms, 30s, 5m, 2h)", NULL },
    [TYPE_SIZE] = { false, "SIZE (bytes, or with k, m, g)", NULL },
    [TYPE_MODE] = { false, "MODE (octal: 0660)", NULL },
    [TYPE_DATE] = { false, "DATE (2026-12-31, or 2026-12-31T18:00:00Z)", NULL },
    [TYPE_POLICY_MODE] = { false, "enforce | report", policy_modes },
    [TYPE_LOG_LEVEL] = { false, "error | warn | info | debug", log_levels },
    [TYPE_DURABILITY] = { false, "synced | written", durabilities },
    [TYPE_COMPRESS] = { false, "no | zstd", compressions },
    [TYPE_CREDENTIAL_TYPE] = { false, "access_key | sts", credential_types },
    [TYPE_NAME] = { false, "NAME", NULL },
    [TYPE_REGION] = { false, "REGION", NULL },
    [TYPE_ENDPOINT] = { false, "HOST or HOST:PORT", NULL },
    [TYPE_SYSLOG] = { false, "unix:/PATH, tcp:HOST:PORT or tls:HOST:PORT", NULL },
    [TYPE_PATH] = { false, "PATH (relative ones begin in the directory of this file)", NULL },
    [TYPE_REPLICAS] = { false, "NUMBER", NULL },
    [TYPE_FLAG] = { false, "yes | no", bools },
    [TYPE_LISTEN] = { true, "ADDRESS, ADDRESS ...", NULL },
    [TYPE_HOSTS] = { true, "HOST, HOST:PORT ...", NULL },
    [TYPE_DIGESTS] = { true, "SHA256, SHA256 ... (64 hex digits each)", NULL },
    [TYPE_ALLOW] = { true, "OPERATION, @CLASS ...", NULL },
    [TYPE_GLOBS] = { true, "PATTERN, PATTERN ...", NULL },
    [TYPE_OSS_PATHS] = { true, "oss://BUCKET/PATTERN, oss://BUCKET/PATTERN ...", NULL },
    [TYPE_NAS_PATHS] = { true, "/PATTERN, /PATTERN ...", NULL },
    [TYPE_WORDS] = { true, "VALUE, VALUE ...", NULL },
    [TYPE_SPEC_CAPS] = { true, "SPEC, SPEC <= NUMBER ...", NULL },
    [TYPE_COUNTS] = { true, "NAME = NUMBER, NAME = NUMBER ...", NULL },
};

bool schema_type_is_list(enum schema_type t)
{
    MUST(t > TYPE_NONE && t < TYPE_COUNT_);
    return types[t].is_list;
}

const char *schema_type_text(enum schema_type t)
{
    MUST(t > TYPE_NONE && t < TYPE_COUNT_);
    return types[t].text;
}

/* ---- units, for printing and for "expected" ---- */

static void add_with_unit(uint64_t n, const char *const *units, const uint64_t *factors, size_t count,
                          struct sbuf *out)
{
    size_t i = 0;

    while (n && i + 1 < count && n % factors[i + 1] == 0)
        n /= factors[++i];
    sbuf_add_u64(out, n);
    sbuf_adds(out, units[i]);
}

static void add_duration(uint64_t ms, struct sbuf *out)
{
    static const char *const units[] = { "ms", "s", "m", "h" };
    static const uint64_t factors[] = { 1, 1000, 60, 60 };

    if (ms == 0)
        sbuf_adds(out, "0s");
    else
        add_with_unit(ms, units, factors, 4, out);
}

static void add_size(uint64_t bytes, struct sbuf *out)
{
    static const char *const units[] = { "", "k", "m", "g" };
    static const uint64_t factors[] = { 1, 1024, 1024, 1024 };

    add_with_unit(bytes, units, factors, 4, out);
}

static void add_number(enum schema_type type, uint64_t n, struct sbuf *out)
{
    if (type == TYPE_DURATION)
        add_duration(n, out);
    else if (type == TYPE_SIZE)
        add_size(n, out);
    else if (type == TYPE_MODE)
        sbuf_addf(out, "%04o", (unsigned)n);
    else
        sbuf_add_u64(out, n);
}

void schema_print_range(const struct schema_row *row, struct sbuf *out)
{
    add_number(row->type, row->lo, out);
    sbuf_adds(out, "..");
    add_number(row->type, row->hi, out);
}

/* ---- scalars ---- */

static bool parse_mode(struct slice text, uint64_t *out)
{
    uint64_t n = 0;

    if (text.n < 3 || text.n > 4)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '7')
            return false;
        n = n * 8 + (uint64_t)(text.p[i] - '0');
    }
    *out = n;
    return true;
}

static bool parse_number(const struct schema_row *row, struct slice text, uint64_t *out, struct err *e)
{
    SCOPED(sbuf) range = SBUF_MAX(80);
    uint64_t n = 0;
    bool ok = row->type == TYPE_DURATION ? num_duration_ms(text, &n)
              : row->type == TYPE_SIZE   ? num_size_bytes(text, &n)
              : row->type == TYPE_MODE   ? parse_mode(text, &n)
                                         : num_u64(text, 0, UINT64_MAX, &n);

    schema_print_range(row, &range);
    if (!ok)
        return err_set(e, ERR_SYNTAX, "expected %s in %.*s", types[row->type].text,
                       SLICE_FMT(sbuf_slice(&range)));
    if (n < row->lo || n > row->hi)
        return err_set(e, ERR_RANGE, "expected it in %.*s", SLICE_FMT(sbuf_slice(&range)));
    *out = n;
    return true;
}

static bool parse_choice(const struct schema_row *row, struct slice text, int *out, struct err *e)
{
    for (const struct choice *c = types[row->type].choices; c->name; c++) {
        if (slice_eq(text, slice_of(c->name))) {
            *out = c->value;
            return true;
        }
    }
    return err_set(e, ERR_UNKNOWN, "expected %s", types[row->type].text);
}

static bool is_name(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!ascii_is_alnum(text.p[i]) && !memchr("_.-", text.p[i], 3))
            return false;
    return text.n > 0 && text.n <= INI_SECTION_MAX_BYTES;
}

static bool parse_region(struct slice text, struct err *e)
{
    size_t nearest = 4;
    struct slice best = SLICE_NONE;

    if (endpoint_of_region(text).p)
        return true;
    for (size_t i = 0; i < endpoint_count(); i++) {
        size_t distance = schema_distance(text, endpoint_region_at(i));
        if (distance < nearest) {
            nearest = distance;
            best = endpoint_region_at(i);
        }
    }
    if (best.p)
        return err_set(e, ERR_UNKNOWN, "EAS has no such region, did you mean %.*s?", SLICE_FMT(best));
    return err_set(e, ERR_UNKNOWN, "EAS has no such region, expected one such as cn-shanghai");
}

static bool parse_path(const struct schema_reading *r, struct slice text, struct slice *out, struct err *e)
{
    for (size_t i = 0; i < text.n; i++)
        if (memchr(" \t\"'", text.p[i], 4))
            return err_set(e, ERR_SYNTAX, "expected a path without blanks and quotes");
    if (text.p[text.n - 1] == '/')
        return err_set(e, ERR_SYNTAX, "expected the path of a file, not of a directory");
    if (text.p[0] == '/')
        *out = arena_dup(r->arena, text);
    else
        *out = slice_of(arena_printf(r->arena, "%.*s%.*s", SLICE_FMT(r->directory), SLICE_FMT(text)));
    return out->p || err_set(e, ERR_MEMORY, "out of memory");
}

static bool set_slice(const struct schema_reading *r, const struct schema_row *row, struct slice text,
                      struct slice *out, struct err *e)
{
    struct syslog_place place;
    struct slice host;
    uint16_t port;
    bool has_port;

    if (row->type == TYPE_PATH)
        return parse_path(r, text, out, e);
    if (row->type == TYPE_REGION && !parse_region(text, e))
        return false;
    if (row->type == TYPE_ENDPOINT && !address_parse_host(text, &host, &port, &has_port, e))
        return false;
    if (row->type == TYPE_SYSLOG && !address_parse_syslog(text, &place, e))
        return false;
    *out = arena_dup(r->arena, text);
    return out->p || err_set(e, ERR_MEMORY, "out of memory");
}

bool schema_set_rule(const struct schema_reading *r, struct slice text, unsigned line, struct rule *out,
                     struct err *e)
{
    *out = (struct rule){ .text = arena_dup(r->arena, text), .file = r->file, .line = line };
    return out->text.p || err_set(e, ERR_MEMORY, "out of memory");
}

bool schema_split_until(const struct schema_row *row, struct slice *text, int64_t *out_until_s, struct err *e)
{
    static const struct slice word = S_INIT(" until ");
    size_t at = 0;

    *out_until_s = 0;
    if (row->kind != SECTION_POLICY)
        return true;
    while (at < text->n && !slice_starts(slice_skip(*text, at), word))
        at++;
    if (at == text->n)
        return true;
    struct slice date = slice_trim(slice_skip(*text, at + word.n));
    *text = slice_trim(slice_from(text->p, at));
    return date_end(date, out_until_s) ||
           err_set(e, ERR_SYNTAX, "expected VALUE until DATE, as in 2026-12-31 or 2026-12-31T18:00:00Z");
}

/* REPLICAS and FLAG: one value that counts, kept as a rule, since a refusal names its line. Others before it must end. */
static bool set_one_rule(const struct schema_reading *r, const struct schema_row *row, struct slice text,
                         unsigned line, struct rule *rule, struct err *e)
{
    uint64_t n = 0;
    int64_t until_s;
    int choice = 0;

    if (!schema_split_until(row, &text, &until_s, e))
        return false;
    if (row->type == TYPE_FLAG ? !parse_choice(row, text, &choice, e) : !parse_number(row, text, &n, e))
        return false;
    if (!schema_set_rule(r, text, line, rule, e))
        return false;
    rule->has_cap = row->type == TYPE_REPLICAS;
    rule->cap = (int64_t)n;
    rule->until_s = until_s;
    return true;
}

static bool set_one_value(const struct schema_reading *r, const struct schema_row *row, struct slice text,
                          unsigned line, struct rules *out, struct err *e)
{
    struct slice rest = text, part;
    size_t count = 0, n = 0;

    while (slice_split(&rest, ',', &part))
        count++;
    struct rule *rules = ARENA_ARRAY(r->arena, struct rule, count);
    if (!rules)
        return err_set(e, ERR_MEMORY, "out of memory");
    for (rest = text; slice_split(&rest, ',', &part); n++) {
        if (n && !rules[n - 1].until_s)
            return err_set(e, ERR_CONFLICT,
                           "expected one value; those before the last must end (VALUE until DATE, VALUE)");
        if (!set_one_rule(r, row, slice_trim(part), line, &rules[n], e))
            return false;
    }
    *out = (struct rules){ .key = row->key, .at = rules, .count = count };
    return true;
}

_Static_assert(sizeof(enum log_level) == sizeof(int) && sizeof(enum audit_durability) == sizeof(int) &&
                   sizeof(enum audit_compress) == sizeof(int) &&
                   sizeof(enum cfg_credential_type) == sizeof(int) && sizeof(enum policy_mode) == sizeof(int),
               "choices are stored as int");

bool schema_set_scalar(const struct schema_reading *r, const struct schema_row *row, struct slice text,
                       unsigned line, void *base, struct err *e)
{
    void *field = (char *)base + row->offset;
    int choice = 0;

    switch (row->type) {
    case TYPE_NUMBER:
    case TYPE_DURATION:
    case TYPE_SIZE:
    case TYPE_MODE:
        return parse_number(row, text, field, e);
    case TYPE_BOOL:
        if (!parse_choice(row, text, &choice, e))
            return false;
        *(bool *)field = choice != 0;
        return true;
    case TYPE_LOG_LEVEL:
    case TYPE_POLICY_MODE:
    case TYPE_DURABILITY:
    case TYPE_COMPRESS:
    case TYPE_CREDENTIAL_TYPE:
        if (!parse_choice(row, text, &choice, e))
            return false;
        memcpy(field, &choice, sizeof choice);
        return true;
    case TYPE_NAME:
        if (!is_name(text))
            return err_set(e, ERR_SYNTAX, "expected a name of letters, digits and _ . -");
        return schema_set_rule(r, text, line, field, e);
    case TYPE_REGION:
    case TYPE_ENDPOINT:
    case TYPE_SYSLOG:
    case TYPE_PATH:
        return set_slice(r, row, text, field, e);
    case TYPE_REPLICAS:
    case TYPE_FLAG:
        return set_one_value(r, row, text, line, field, e);
    case TYPE_DATE:
        return date_end(text, field) || err_set(e, ERR_SYNTAX, "expected %s", types[row->type].text);
    case TYPE_NONE:
    case TYPE_LISTEN:
    case TYPE_HOSTS:
    case TYPE_DIGESTS:
    case TYPE_ALLOW:
    case TYPE_GLOBS:
    case TYPE_OSS_PATHS:
    case TYPE_NAS_PATHS:
    case TYPE_WORDS:
    case TYPE_SPEC_CAPS:
    case TYPE_COUNTS:
    case TYPE_COUNT_:
        break;
    }
    MUST(!schema_type_is_list(row->type));
    return false;
}

/* ---- printing ---- */

static void add_date(int64_t unix_s, struct sbuf *out)
{
    char text[25];

    enc_time_utc(unix_s * 1000, false, text);
    sbuf_adds(out, text);
}

static void print_rules(const struct schema_row *row, const struct rules *rules, struct sbuf *out)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *rule = &rules->at[i];
        sbuf_adds(out, i ? ", " : "");
        if (row->is_secret)
            sbuf_adds(out, "<secret>");
        else
            rule_print(rule, bound_style(bound_by_name(slice_of(row->key))), out);
    }
}

static void print_choice(const struct schema_row *row, int value, struct sbuf *out)
{
    for (const struct choice *c = types[row->type].choices; c->name; c++)
        if (c->value == value)
            sbuf_adds(out, c->name);
}

void schema_print_value(const struct schema_row *row, const void *base, struct sbuf *out)
{
    const void *field = (const char *)base + row->offset;
    uint64_t number;
    int64_t date;
    int choice;

    switch (row->type) {
    case TYPE_NUMBER:
    case TYPE_DURATION:
    case TYPE_SIZE:
    case TYPE_MODE:
        memcpy(&number, field, sizeof number);
        add_number(row->type, number, out);
        return;
    case TYPE_BOOL:
        print_choice(row, *(const bool *)field, out);
        return;
    case TYPE_DATE:
        memcpy(&date, field, sizeof date);
        if (date)
            add_date(date, out);
        return;
    case TYPE_LOG_LEVEL:
    case TYPE_POLICY_MODE:
    case TYPE_DURABILITY:
    case TYPE_COMPRESS:
    case TYPE_CREDENTIAL_TYPE:
        memcpy(&choice, field, sizeof choice);
        print_choice(row, choice, out);
        return;
    case TYPE_NAME:
        sbuf_add(out, ((const struct rule *)field)->text);
        return;
    case TYPE_REGION:
    case TYPE_ENDPOINT:
    case TYPE_SYSLOG:
    case TYPE_PATH:
        sbuf_add(out, *(const struct slice *)field);
        return;
    case TYPE_REPLICAS:
    case TYPE_FLAG:
    case TYPE_LISTEN:
    case TYPE_HOSTS:
    case TYPE_DIGESTS:
    case TYPE_ALLOW:
    case TYPE_GLOBS:
    case TYPE_OSS_PATHS:
    case TYPE_NAS_PATHS:
    case TYPE_WORDS:
    case TYPE_SPEC_CAPS:
    case TYPE_COUNTS:
        print_rules(row, field, out);
        return;
    case TYPE_NONE:
    case TYPE_COUNT_:
        break;
    }
    MUST(row->type != TYPE_NONE && row->type != TYPE_COUNT_);
}
