/* The inside of `easgate audit`: what its subcommands share. cmd_audit.c reads the options and calls one of them. */
#ifndef EG_CMD_AUDIT_H
#define EG_CMD_AUDIT_H
#include "app/cmd_audit_filter.h"
#include "edge/audit_parts.h"
#include "edge/audit_read.h"

enum { AUDIT_EXIT_FINE = 0, AUDIT_EXIT_FINDING = 1, AUDIT_EXIT_USAGE = 2, AUDIT_EXIT_SHORT = 3 };

#define AUDIT_LAST_MAX 10000 /* records that tail keeps */

enum audit_form { AUDIT_FORM_TEXT = 0, AUDIT_FORM_JSON, AUDIT_FORM_CSV, AUDIT_FORM_BRIEF };

struct audit_options {
    const char *name; /* of the log in a directory */
    enum audit_form form;
    struct audit_filter filter;                                   /* show, tail, stats */
    const char *key, *checkpoint, *checkpoint_pub, *from_checkpoint; /* verify: files; NULL = not given */
    struct slice by;                                              /* stats */
    bool follow;                                                  /* tail */
    uint64_t last;                                                /* tail: so many records of what is there */
    char **paths;                                                 /* at least one, NULL behind the last */
    bool has_dir;                                                 /* one of them is a directory: a whole log */
};

/* Why this command of easgate cannot go on, to standard error; AUDIT_EXIT_USAGE. */
int audit_cannot(const char *command, const struct err *e);
/* Nothing of a log is there: false. */
bool audit_no_segment(const char *dir, const char *name, struct err *e);
/* The segments that the paths name, in order. */
bool audit_collect(struct audit_parts *parts, const struct audit_options *o, struct err *e);

/* Call run for each record of the parts, in order, that counts; what is no record is reported, in the command's name. False from
 * run ends it. Returns the exit code. */
typedef bool (*audit_line_fn)(void *ctx, const struct audit_line *line, struct slice text);
int audit_walk(const struct audit_parts *parts, const char *command, audit_line_fn run, void *ctx);

/* Print a record in this form. False when standard output fails. */
bool audit_print_line(const struct audit_line *line, struct slice text, enum audit_form form);
/* The first row of CSV with these columns. */
bool audit_print_csv_head(void);
/* Add a value to a row of CSV, with a comma before it unless it is the row's first; escapes stay as they are. */
void audit_csv_add(struct sbuf *row, bool is_first, struct slice value, bool is_text);

/* The subcommands, by their exit codes. */
int audit_cmd_verify(struct audit_options *o);
int audit_cmd_show(struct audit_options *o);
int audit_cmd_tail(struct audit_options *o);
int audit_cmd_stats(struct audit_options *o);
int audit_cmd_pending(struct audit_options *o);
#endif
