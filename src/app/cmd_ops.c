/*
 * easgate ops: print the catalogue of operations, for people as a table, for programs as JSON.
 * It reads core/opcat only: no configuration, no network. The facts it prints are those that requests are judged by.
 */
#include "app/cmd.h"
#include "base/enc.h"
#include "core/opcat.h"
#include <stdio.h>

#define OUTPUT_MAX_BYTES (1 << 20)
#define EXIT_FINE        0
#define EXIT_USAGE       2

static const char help[] =
    "usage: easgate ops [--json] [NAME]\n"
    "\n"
    "Print the operations of the EAS API that easgate knows. With NAME print one of them\n"
    "with its query parameters, body fields and what it touches.\n"
    "\n"
    "  --json   print JSON: an array, or one object with NAME\n"
    "\n"
    "EFFECT is also the class that a policy's allow may name (@read, @lifecycle ...).\n"
    "RETRY says whether a request may be sent again when its answer was lost.\n"
    "NEEDS: keys that a policy must set before it can allow the operation (a|b: one of them).\n"
    "\n"
    "examples:\n"
    "  easgate ops\n"
    "  easgate ops UpdateAppService\n"
    "  easgate ops --json | jq -r '.[] | select(.raise != \"none\") | .name'\n";

static const char *retry_name(enum op_retry retry)
{
    return retry == OP_RETRY_READ ? "read" : "never";
}

static const char *encoding_name(enum op_encoding encoding)
{
    static const char *const names[] = {
        [OP_ENCODING_NONE] = "plain", [OP_ENCODING_JSON] = "json", [OP_ENCODING_COMMA] = "comma"
    };

    return names[encoding];
}

/* ---- for people ------------------------------------------------------------ */

static void print_needs(struct sbuf *out, const struct op *op)
{
    for (size_t i = 0; i < op->require_count; i++)
        sbuf_addf(out, "%s%s", i ? ", " : "", op->requires[i]);
    if (!op->require_count)
        sbuf_adds(out, "nothing");
}

static void print_table(struct sbuf *out)
{
    int width = 0;

    for (size_t i = 0; i < opcat_count(); i++)
        if ((int)opcat_at(i)->path.n > width)
            width = (int)opcat_at(i)->path.n;
    sbuf_addf(out, "%-38s %-6s %-9s %-5s %-*s %s\n", "NAME", "METHOD", "EFFECT", "RETRY", width, "PATH",
              "NEEDS");
    for (size_t i = 0; i < opcat_count(); i++) {
        const struct op *op = opcat_at(i);
        sbuf_addf(out, "%-38s %-6s %-9s %-5s %-*s ", op->name.p, http1_method_name(op->method),
                  op_effect_name(op->effect), retry_name(op->retry), width, op->path.p);
        print_needs(out, op);
        sbuf_addc(out, '\n');
    }
}

static void print_meaning(struct sbuf *out, const struct op_field *f)
{
    sbuf_addf(out, "; %s", op_meaning_name(f->meaning));
    if (f->bound != BOUND_NONE)
        sbuf_addf(out, " by %s", bound_name(f->bound));
    if (f->words)
        sbuf_addf(out, ", one of %s", f->words);
    sbuf_addc(out, '\n');
}

/* Fields that have an inside are followed by it, two columns further right. */
static void print_fields(struct sbuf *out, const char *title, const struct op_field *fields, size_t count,
                         int depth)
{
    for (size_t i = 0; i < count; i++) {
        const struct op_field *f = &fields[i];
        sbuf_addf(out, "%-8s %*s%-*s %s%s%s", i || depth ? "" : title, 2 * depth, "", 36 - 2 * depth,
                  f->name.p, op_type_name(f->type),
                  f->encoding == OP_ENCODING_JSON    ? ", as JSON text"
                  : f->encoding == OP_ENCODING_COMMA ? ", joined by commas"
                                                     : "",
                  f->required ? ", required" : "");
        if (f->meaning != OP_INNER)
            print_meaning(out, f);
        else
            sbuf_addc(out, '\n');
        print_fields(out, title, f->inner, f->inner_count, depth + 1);
    }
    if (!count && !depth)
        sbuf_addf(out, "%-8s none\n", title);
}

static void print_touches(struct sbuf *out, const struct op *op)
{
    for (size_t i = 0; i < op->touch_count; i++) {
        const struct op_touch *t = &op->touches[i];
        sbuf_addf(out, "%-8s %s: %s%s\n", i ? "" : "touches", t->kind, t->reason,
                  t->unconfirmed ? " (unconfirmed)" : "");
        for (size_t k = 0; k < t->field_count; k++)
            sbuf_addf(out, "%-8s   %s\n", "", t->fields[k]);
    }
    if (!op->touch_count)
        sbuf_addf(out, "%-8s nothing\n", "touches");
}

static void print_op(struct sbuf *out, const struct op *op)
{
    sbuf_addf(out, "%-8s %s\n%-8s %s %s\n", "name", op->name.p, "call", http1_method_name(op->method),
              op->path.p);
    sbuf_addf(out, "%-8s %s\n%-8s %s\n", "effect", op_effect_name(op->effect), "retry",
              retry_name(op->retry));
    sbuf_addf(out, "%-8s ", "needs");
    print_needs(out, op);
    sbuf_addc(out, '\n');
    print_fields(out, "path", op->param_fields, op->param_count, 0);
    print_fields(out, "query", op->query, op->query_count, 0);
    print_fields(out, "body", op->fields, op->field_count, 0);
    print_touches(out, op);
}

/* ---- for programs ---------------------------------------------------------- */

/* ,"name":"value" */
static void json_member(struct sbuf *out, const char *name, const char *value)
{
    sbuf_addf(out, ",\"%s\":", name);
    enc_json_string(slice_of(value), out);
}

static void json_fields(struct sbuf *out, const char *title, const struct op_field *fields, size_t count)
{
    sbuf_addf(out, ",\"%s\":[", title);
    for (size_t i = 0; i < count; i++) {
        const struct op_field *f = &fields[i];
        sbuf_adds(out, i ? ",{\"name\":" : "{\"name\":");
        enc_json_string(f->name, out);
        json_member(out, "type", op_type_name(f->type));
        sbuf_addf(out, ",\"required\":%s", f->required ? "true" : "false");
        json_member(out, "encoding", encoding_name(f->encoding));
        json_member(out, "meaning", op_meaning_name(f->meaning));
        if (f->bound != BOUND_NONE)
            json_member(out, "bound", bound_name(f->bound));
        if (f->words)
            json_member(out, "words", f->words);
        if (f->meaning == OP_INNER)
            json_fields(out, "fields", f->inner, f->inner_count);
        sbuf_addc(out, '}');
    }
    sbuf_addc(out, ']');
}

static void json_touch(struct sbuf *out, const struct op_touch *t)
{
    sbuf_adds(out, "{\"kind\":");
    enc_json_string(slice_of(t->kind), out);
    sbuf_adds(out, ",\"fields\":[");
    for (size_t i = 0; i < t->field_count; i++) {
        sbuf_adds(out, i ? "," : "");
        enc_json_string(slice_of(t->fields[i]), out);
    }
    sbuf_addc(out, ']');
    json_member(out, "reason", t->reason);
    sbuf_addf(out, ",\"unconfirmed\":%s}", t->unconfirmed ? "true" : "false");
}

static void json_op(struct sbuf *out, const struct op *op)
{
    sbuf_adds(out, "{\"name\":");
    enc_json_string(op->name, out);
    json_member(out, "method", http1_method_name(op->method));
    json_member(out, "path", op->path.p);
    json_member(out, "effect", op_effect_name(op->effect));
    json_member(out, "retry", retry_name(op->retry));
    json_member(out, "raise", op_raise_name(op->raise));
    sbuf_adds(out, ",\"needs\":[");
    for (size_t i = 0; i < op->require_count; i++) {
        sbuf_adds(out, i ? "," : "");
        enc_json_string(slice_of(op->requires[i]), out);
    }
    sbuf_addc(out, ']');
    json_fields(out, "path_params", op->param_fields, op->param_count);
    json_fields(out, "query", op->query, op->query_count);
    json_member(out, "body", op->body == OP_BODY_NONE ? "none" : "fields");
    json_fields(out, "fields", op->fields, op->field_count);
    sbuf_adds(out, ",\"touches\":[");
    for (size_t i = 0; i < op->touch_count; i++) {
        sbuf_adds(out, i ? "," : "");
        json_touch(out, &op->touches[i]);
    }
    sbuf_adds(out, "]}");
}

static void json_all(struct sbuf *out)
{
    sbuf_addc(out, '[');
    for (size_t i = 0; i < opcat_count(); i++) {
        sbuf_adds(out, i ? ",\n" : "\n");
        json_op(out, opcat_at(i));
    }
    sbuf_adds(out, "\n]");
}

/* ---- the command ----------------------------------------------------------- */

static void print_asked(struct sbuf *out, const struct op *op, bool json)
{
    if (op && json)
        json_op(out, op);
    else if (op)
        print_op(out, op);
    else if (json)
        json_all(out);
    else
        print_table(out);
    if (json)
        sbuf_addc(out, '\n');
}

static int usage(const char *what, const char *arg)
{
    fprintf(stderr, "easgate ops: %s: %s\n\n%s", what, arg, help);
    return EXIT_USAGE;
}

int cmd_ops(int argc, char **argv)
{
    SCOPED(sbuf) out = SBUF_MAX(OUTPUT_MAX_BYTES);
    const char *name = NULL;
    bool json = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return fputs(help, stdout) < 0 || fflush(stdout) ? EXIT_USAGE : EXIT_FINE;
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (argv[i][0] == '-')
            return usage("unknown option", argv[i]);
        else if (name)
            return usage("one NAME at most", argv[i]);
        else
            name = argv[i];
    }
    const struct op *op = name ? opcat_by_name(slice_of(name)) : NULL;
    if (name && !op) {
        fprintf(stderr,
                "easgate ops: no operation has the name %s (names are exact; `easgate ops` lists them)\n",
                name);
        return EXIT_USAGE;
    }
    print_asked(&out, op, json);
    if (!sbuf_ok(&out) || fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout)) {
        fputs("easgate ops: cannot write\n", stderr);
        return EXIT_USAGE;
    }
    return EXIT_FINE;
}
