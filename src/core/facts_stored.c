/* Reading a service's stored configuration, as EAS gives it back: see facts.h. The walk is that of bodies. */
#include "core/facts_inner.h"

bool facts_read_stored(struct slice config, bool strict, struct arena *a, struct facts *out, struct err *e)
{
    static const struct facts_place root = { .is_root = true };
    const struct op *op = opcat_by_name(S("CreateService"));
    struct facts_reader r = {
        .source = strict ? FACTS_STORED : FACTS_STORED_LENIENT, .a = a, .out = out, .e = e
    };
    struct err why = { 0 };

    *out = (struct facts){ .op = op };
    struct json *tree = json_load(config, &json_limits_answer, &why);
    bool fine = tree != NULL;
    if (!tree)
        err_set(e, why.code, "the stored configuration: %s", why.text);
    else if (json_type(tree) != JSON_OBJECT)
        fine = err_set(e, ERR_SYNTAX, "the stored configuration must be a JSON object, is %s",
                       json_type_name(json_type(tree)));
    else
        fine = facts_read_object(&r, op->fields, op->field_count, tree, &root);
    json_free(&tree);
    return fine;
}
