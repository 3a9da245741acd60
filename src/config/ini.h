/*
 * ini: the text of a configuration file as sections and items, each with its line. ini.c is the only file that sees inih, and
 * inih sees only lines that this reader has checked (SECURITY sections 0.5 and 3 "inih": alone it splits long lines, cuts
 * names, and turns the tail of a comment into a setting).
 *
 * Grammar, one line at a time; everything else is an error with its line:
 *   blank | ; comment | # comment
 *   [kind] | [kind NAME]           kind a-z_, NAME A-Za-z0-9_.-, both together at most INI_SECTION_MAX_BYTES
 *   key = value [ ; comment]       split at the first '='; key a-z0-9_; a ';' in the value begins a comment, and must stand
 *                                  behind a blank; a '#' behind a blank is refused
 * Lines begin at the left edge, have at most INI_LINE_MAX_BYTES, are printable UTF-8 and end with a newline, the last too.
 */
#ifndef EG_INI_H
#define EG_INI_H
#include "base/arena.h"
#include "config/problems.h"

#define INI_LINE_MAX_BYTES    190
#define INI_SECTION_MAX_BYTES 40

struct ini_item {
    struct slice key, value; /* value is not empty */
    unsigned line;
    struct ini_item *next;
};

struct ini_section {
    struct slice kind, name; /* name empty without one */
    unsigned line;
    bool is_repeated;
    bool is_faulty; /* lines of it were refused: what seems to be missing may not be */
    struct ini_item *items, *last;
    struct ini_section *next;
};

struct ini_doc {
    struct ini_section *sections;
    unsigned line_count;
};

/* Read text (which must outlive *out: its slices point there; the nodes live in the arena). All that is wrong is added to
 * problems, and *out holds what could be read. False without memory. */
bool ini_read(struct slice text, struct arena *a, struct problems *problems, struct ini_doc *out);
/* The first item of this key, or NULL. */
const struct ini_item *ini_section_item(const struct ini_section *s, struct slice key);
#endif
