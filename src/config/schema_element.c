/* One element of a list by the type of its row: see schema.h. What it expects is said in the error it sets. */
#include "config/schema.h"
#include "base/must.h"
#include "base/num.h"
#include "config/address.h"
#include "core/glob.h"

static bool check_listen(struct slice text, struct err *e)
{
    struct address address;

    return address_parse(text, &address, e);
}

static bool check_host(struct slice text, struct err *e)
{
    struct slice host;
    uint16_t port;
    bool has_port;

    return address_parse_host(text, &host, &port, &has_port, e);
}

static bool check_digest(struct slice text, struct err *e)
{
    bool ok = text.n == 64;

    for (size_t i = 0; i < text.n && ok; i++)
        ok = ascii_is_digit(text.p[i]) || (text.p[i] >= 'a' && text.p[i] <= 'f');
    return ok ||
           err_set(e, ERR_SYNTAX, "expected 64 hex digits in lower case (`easgate token new` makes them)");
}

static bool check_allow(struct slice text, struct err *e)
{
    size_t nearest = 4;
    struct slice best = SLICE_NONE;

    if (policy_allow_valid(text))
        return true;
    for (size_t i = 0; i < opcat_count(); i++) {
        size_t distance = schema_distance(text, opcat_at(i)->name);
        if (distance < nearest) {
            nearest = distance;
            best = opcat_at(i)->name;
        }
    }
    if (best.p)
        return err_set(e, ERR_UNKNOWN, "EAS has no such operation, did you mean %.*s?", SLICE_FMT(best));
    return err_set(e, ERR_UNKNOWN,
                   "expected an operation of EAS or a class such as @read (`easgate ops` lists them)");
}

static bool check_word(struct slice text, struct err *e)
{
    for (size_t i = 0; i < text.n; i++)
        if (!ascii_is_alnum(text.p[i]) && !memchr("_.:/@-", text.p[i], 6))
            return err_set(e, ERR_SYNTAX,
                           "expected letters, digits and _ . : / @ - (and a comma between values)");
    return true;
}

/* The other storage's paths are patterns, too, but could never match here. */
static bool check_oss_path(struct slice text, struct err *e)
{
    if (!slice_starts(text, S("oss://")))
        return err_set(e, ERR_SYNTAX, "the path must begin with oss://");
    return glob_path_valid(text, e);
}

static bool check_nas_path(struct slice text, struct err *e)
{
    if (!slice_starts(text, S("/")))
        return err_set(e, ERR_SYNTAX, "the path must begin with /");
    return glob_path_valid(text, e);
}

static bool parse_spec(struct slice text, struct slice *out_spec, struct rule *out, struct err *e)
{
    size_t at = slice_find(text, '<');
    uint64_t cap;

    *out_spec = slice_trim(slice_from(text.p, at));
    if (out_spec->n == 0)
        return err_set(e, ERR_MISSING, "expected SPEC or SPEC <= NUMBER");
    if (!check_word(*out_spec, e))
        return false;
    if (at == text.n)
        return true;
    if (!slice_starts(slice_skip(text, at), S("<=")))
        return err_set(e, ERR_SYNTAX, "expected SPEC or SPEC <= NUMBER");
    if (!num_u64(slice_trim(slice_skip(text, at + 2)), 1, INT32_MAX, &cap))
        return err_set(e, ERR_RANGE, "a cap needs a number, expected SPEC <= NUMBER in 1..2147483647");
    out->has_cap = true;
    out->cap = (int64_t)cap;
    return true;
}

static bool parse_count(struct slice text, struct slice *out_name, struct rule *out, struct err *e)
{
    size_t at = slice_find(text, '=');
    uint64_t n;

    *out_name = slice_trim(slice_from(text.p, at));
    if (out_name->n == 0 || at == text.n)
        return err_set(e, ERR_MISSING, "expected NAME = NUMBER");
    if (!check_word(*out_name, e))
        return false;
    if (!num_u64(slice_trim(slice_skip(text, at + 1)), 0, INT32_MAX, &n))
        return err_set(e, ERR_RANGE, "expected NAME = NUMBER in 0..2147483647");
    out->has_cap = true;
    out->cap = (int64_t)n;
    return true;
}

static bool check_element(enum schema_type type, struct slice text, struct err *e)
{
    static bool (*const checks[TYPE_COUNT_])(struct slice, struct err *) = {
        [TYPE_LISTEN] = check_listen,      [TYPE_HOSTS] = check_host, [TYPE_DIGESTS] = check_digest,
        [TYPE_ALLOW] = check_allow,        [TYPE_GLOBS] = glob_valid, [TYPE_OSS_PATHS] = check_oss_path,
        [TYPE_NAS_PATHS] = check_nas_path, [TYPE_WORDS] = check_word,
    };

    MUST(checks[type]);
    return checks[type](text, e);
}

bool schema_set_element(const struct schema_reading *r, const struct schema_row *row, struct slice text,
                        unsigned line, struct rule *out, struct err *e)
{
    struct rule cap = { 0 };
    int64_t until_s;

    if (!schema_split_until(row, &text, &until_s, e))
        return false;
    struct slice name = text;
    bool ok = row->type == TYPE_SPEC_CAPS ? parse_spec(text, &name, &cap, e)
              : row->type == TYPE_COUNTS  ? parse_count(text, &name, &cap, e)
                                          : check_element(row->type, text, e);

    if (!ok || !schema_set_rule(r, name, line, out, e))
        return false;
    out->has_cap = cap.has_cap;
    out->cap = cap.cap;
    out->until_s = until_s;
    return true;
}
