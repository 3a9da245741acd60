/* docs/configuration.md, printed from the schema's rows: what the program does not know is not in it. */
#include "config/schema.h"

static const char grammar[] =
    "# Configuration reference\n"
    "\n"
    "Printed by `easgate check --manual` from the table that the program reads its file with; a test "
    "compares.\n"
    "`easgate check FILE` says all that is wrong with a file, each with its line, and changes nothing.\n"
    "`easgate check --print FILE` shows what is in effect, defaults included.\n"
    "\n"
    "## The file\n"
    "\n"
    "- One setting a line, `key = value`, split at the first `=`, under its `[section]` or `[section "
    "NAME]`.\n"
    "- A line that begins with `;` or `#` is a comment. ` ;` (with the blank) begins a comment at the end of "
    "a line; a `;`\n"
    "  elsewhere is an error.\n"
    "- Lines begin at the left edge and have at most 190 bytes of UTF-8; the last one ends with a newline, "
    "too.\n"
    "- A section stands in the file once. A key that holds a list takes values separated by commas, and may "
    "be repeated: the\n"
    "  lines add up. All other keys stand once. Nothing is listed twice.\n"
    "- Unknown sections and keys, keys that this version does not enforce, and rules that can never match "
    "are errors. Errors are\n"
    "  reported all at once, and a file with an error is not loaded, at start or at a reload.\n"
    "- The file belongs to root or to the user that runs easgate, and nobody else can write it.\n"
    "- Relative paths begin in the directory of the file.\n"
    "\n"
    "HUP loads the file anew, all or nothing. Keys marked *restart* cannot change in that way: a file that "
    "changes one is\n"
    "refused whole, and the message names the key.\n"
    "\n"
    "Durations are numbers with `ms`, `s`, `m`, `h` or `d`. Sizes are bytes, or with `k`, `m`, `g` (powers "
    "of 1024).\n";

static bool has_range(enum schema_type t)
{
    return t == TYPE_NUMBER || t == TYPE_DURATION || t == TYPE_SIZE || t == TYPE_REPLICAS;
}

static void print_row(const struct schema_row *row, struct sbuf *out)
{
    sbuf_addf(out, "\n### `%s`\n\n%s\n\n", row->key, row->help);
    sbuf_addf(out, "`%s = %s`", row->key, schema_type_text(row->type));
    if (has_range(row->type)) {
        sbuf_adds(out, ", ");
        schema_print_range(row, out);
    }
    if (row->is_required)
        sbuf_adds(out, " · required");
    else if (row->fallback)
        sbuf_addf(out, " · default `%s`", row->fallback);
    else
        sbuf_adds(out, " · not set by default");
    sbuf_adds(out, row->is_boot ? " · restart" : " · reload");
    sbuf_adds(out, schema_type_is_list(row->type) ? " · may be repeated\n" : "\n");
}

void schema_print_manual(struct sbuf *out)
{
    sbuf_adds(out, grammar);
    for (enum schema_kind kind = SECTION_NONE + 1; kind < SECTION_COUNT_; kind++) {
        const struct schema_section *section = schema_section_at(kind);
        sbuf_addf(out, "\n## [%s%s]\n\n%s\n", section->name, section->has_name ? " NAME" : "", section->help);
        for (size_t i = 0; i < schema_row_count(); i++)
            if (schema_row_at(i)->kind == kind)
                print_row(schema_row_at(i), out);
    }
}
