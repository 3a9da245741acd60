/*
 * facts_inner: what facts.c, facts_stored.c and facts_text.c share; nobody else includes it.
 */
#ifndef EG_FACTS_INNER_H
#define EG_FACTS_INNER_H
#include "core/facts.h"

#define FACTS_NUMBER_MAX 2147483647
#define FACTS_NAME_MAX_CHARS 63 /* of a service */

/* One step of the way to a value: a member's name, or an element's number. */
struct facts_place {
    const struct facts_place *up;
    struct slice name; /* empty: an element */
    size_t index;
    bool is_root;      /* name is "query " or "": no dot behind it */
};

enum facts_source { FACTS_REQUEST = 0, FACTS_STORED, FACTS_STORED_LENIENT };

struct facts_reader {
    enum facts_source source;
    bool is_query;  /* texts may be empty, and in UTF-8 */
    struct arena *a;
    struct facts *out;
    struct fact *values; /* out->values, while it grows */
    size_t room;
    struct err *e;
};

/* No values yet; what the operation alone says. */
void facts_init(struct facts *out, const struct op *op);
/* Add a value and fill the member of *out that shows it. */
bool facts_add(struct facts_reader *r, struct fact fact);
bool facts_add_text(struct facts_reader *r, enum op_meaning meaning, enum bound bound, struct slice text,
                    const struct facts_place *at);
/* Refuse the value there: "body field Replicas must be ..."; always false. */
bool facts_refuse(struct facts_reader *r, const struct facts_place *at, enum err_code code, const char *why);
bool facts_refuse_type(struct facts_reader *r, const struct op_field *f, const struct facts_place *at);
/* "Config.OssPath", in the arena. */
bool facts_place_text(struct facts_reader *r, const struct facts_place *at, struct slice *out);
bool facts_is_service_name(struct slice s);
bool facts_is_printable(struct slice s);

/* Are the judged values of this field numbers? */
bool facts_is_number(const struct op_field *f);
/* A value without an inside: as JSON, or as read already. */
bool facts_read_leaf(struct facts_reader *r, const struct op_field *f, const struct json *v, const struct facts_place *at);
bool facts_read_text(struct facts_reader *r, const struct op_field *f, struct slice text, const struct facts_place *at);
bool facts_read_number(struct facts_reader *r, const struct op_field *f, int64_t number, const struct facts_place *at);
bool facts_read_flag(struct facts_reader *r, const struct op_field *f, bool value, const struct facts_place *at);
/* A body, or a stored configuration, by these fields. */
bool facts_read_object(struct facts_reader *r, const struct op_field *fields, size_t count, const struct json *object,
                       const struct facts_place *at);
#endif
