/*
 * schema: the one table of sections and keys (config/schema.def). It drives reading, defaults, ranges, printing, the manual
 * docs/configuration.md, the sample conf/easgate.ini (tested against it) and what a reload may change. To add a key: a field in
 * snapshot.h, a row in schema.def (of a policy: in core/bounds.def), the line in conf/easgate.ini, `easgate check --manual > docs/configuration.md`.
 */
#ifndef EG_SCHEMA_H
#define EG_SCHEMA_H
#include "config/ini.h"
#include "config/snapshot.h"

enum schema_kind {
    SECTION_NONE = 0,
#define SECTION(kind, name, has_name, type, help) SECTION_##kind,
#define ROW(kind, type, field, key, fallback, lo, hi, when, need, secret, help)
#define LATER(kind, key)
#include "config/schema.def"
#undef SECTION
#undef ROW
#undef LATER
    SECTION_COUNT_
};

/* Types of values. Lists are written VALUE, VALUE ... and fill a struct rules; so do REPLICAS and FLAG, which are one value. */
enum schema_type {
    TYPE_NONE = 0,
    TYPE_BOOL,
    TYPE_NUMBER,
    TYPE_DURATION,
    TYPE_SIZE,
    TYPE_MODE,
    TYPE_DATE,
    TYPE_LOG_LEVEL,
    TYPE_POLICY_MODE,
    TYPE_DURABILITY,
    TYPE_COMPRESS,
    TYPE_CREDENTIAL_TYPE,
    TYPE_NAME,
    TYPE_REGION,
    TYPE_ENDPOINT,
    TYPE_SYSLOG,
    TYPE_PATH,
    TYPE_REPLICAS,
    TYPE_FLAG,
    TYPE_LISTEN,
    TYPE_HOSTS,
    TYPE_DIGESTS,
    TYPE_ALLOW,
    TYPE_GLOBS,
    TYPE_OSS_PATHS,
    TYPE_NAS_PATHS,
    TYPE_WORDS,
    TYPE_SPEC_CAPS,
    TYPE_COUNTS,
    TYPE_COUNT_
};
bool schema_type_is_list(enum schema_type t);
/* "duration (500ms, 30s, 5m, 2h)": for the manual and "expected ...". */
const char *schema_type_text(enum schema_type t);

struct schema_section {
    const char *name;
    bool has_name;
    size_t size; /* of the struct that its rows fill */
    const char *help;
};
const struct schema_section *schema_section_at(enum schema_kind kind);
/* SECTION_NONE for an unknown one. */
enum schema_kind schema_kind_of(struct slice name);

struct schema_row {
    enum schema_kind kind;
    enum schema_type type;
    size_t offset;
    const char *key, *fallback;
    uint64_t lo, hi;
    bool is_boot, is_required, is_secret;
    const char *help;
};
size_t schema_row_count(void);
const struct schema_row *schema_row_at(size_t i);
const struct schema_row *schema_row_find(enum schema_kind kind, struct slice key);
bool schema_key_is_later(enum schema_kind kind, struct slice key);
/* The known name nearest to a misspelt one ("did you mean ...?"), or NULL: of sections (kind SECTION_NONE) or of keys. */
const char *schema_suggest(enum schema_kind kind, struct slice name);
/* Is a so near to b that it may be a slip of the pen? 0 = the same text. */
size_t schema_distance(struct slice a, struct slice b);

/* What values are read with. */
struct schema_reading {
    const char *file;       /* in the arena: goes into rules */
    struct slice directory; /* relative paths begin here */
    struct arena *arena;
    struct problems *problems;
};

/* Fill all rows of a section's struct (zeroed memory of its size) from its items and the defaults; unknown, repeated, missing
 * and malformed ones are added to the problems. out_lines (may be NULL) has an entry for each row of the table: the line that
 * set it. False without memory. */
bool schema_fill(const struct schema_reading *r, enum schema_kind kind, const struct ini_section *section,
                 void *base, unsigned *out_lines);
/* "client nlp", "gateway": for messages. */
const char *schema_title(struct arena *a, const struct ini_section *section);

/* schema_value.c: one value by its row. False: e says what was expected. */
bool schema_set_scalar(const struct schema_reading *r, const struct schema_row *row, struct slice text,
                       unsigned line, void *base, struct err *e);
/* "VALUE until DATE" of a policy: cut the end off *text; 0 without one. False: the date is none. */
bool schema_split_until(const struct schema_row *row, struct slice *text, int64_t *out_until_s, struct err *e);
bool schema_set_rule(const struct schema_reading *r, struct slice text, unsigned line, struct rule *out, struct err *e);
/* schema_element.c: one element of a list. */
bool schema_set_element(const struct schema_reading *r, const struct schema_row *row, struct slice text,
                        unsigned line, struct rule *out, struct err *e);

/* "1..65536", "100ms..1h": the range of a number, duration, size or mode. */
void schema_print_range(const struct schema_row *row, struct sbuf *out);
/* Append the value as it would stand in a file; nothing when it is not set. Secrets are masked. */
void schema_print_value(const struct schema_row *row, const void *base, struct sbuf *out);
/* The reference of all keys, as Markdown. */
void schema_print_manual(struct sbuf *out);
#endif
