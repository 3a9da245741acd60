/*
 * audit_value: values of audit records, in their one spelling: "text", an integer, true; inside of arrays and objects false,
 * too. No blanks, no fractions, no null. Strings hold printable ASCII and the escapes \" \\ \uXXXX (lower-case hex).
 */
#ifndef EG_AUDIT_VALUE_H
#define EG_AUDIT_VALUE_H
#include "base/slice.h"

#define AUDIT_VALUE_DEPTH_MAX 8 /* of arrays and objects */

/* Length of the value that s begins with; 0 when there is none. A value is followed by one of , ] } or the end of s. */
size_t audit_value_length(struct slice s);
/* Is all of s one array or object of that spelling? */
bool audit_value_is_tree(struct slice s);
#endif
