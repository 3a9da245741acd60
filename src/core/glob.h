/*
 * glob: name patterns. '*' stands for any run of bytes, also for none, also across '/'; every other byte for
 * itself. Nothing else is special, and the characters that are special elsewhere are refused in patterns, so
 * that nobody believes they work. Pure; no recursion; time at most length times length.
 */
#ifndef EG_GLOB_H
#define EG_GLOB_H
#include "base/err.h"
#include "base/slice.h"

#define GLOB_PATTERN_MAX_BYTES 256

/* May this stand in a policy? Printable ASCII without blanks and without ? [ ] { } \, not empty, no "**", at
 * most GLOB_PATTERN_MAX_BYTES. */
bool glob_valid(struct slice pattern, struct err *e);
bool glob_match(struct slice pattern, struct slice text);
/* Has the text a segment that is . or .. (a dot may be %2e) between / \ : ? #? Who loads such an address may leave the place that its
 * beginning names, so no pattern allows one. */
bool glob_climbs(struct slice text);
/* Is there a text that both patterns match? Exact; true also when a pattern is too long to tell. */
bool glob_overlap(struct slice a, struct slice b);

/* Patterns of paths in object storage, "oss://bucket/prefix*", and on NAS, "/prefix*". The bucket is spelled
 * out, '*' may stand behind it only; no segment is ".", ".." or empty (the last may be). */
bool glob_path_valid(struct slice pattern, struct err *e);
/* Does the path match, and is it one of which every reader says the same? Only oss://bucket/, or /, and then
 * letters, digits and -._~!$&'()+,;=:@ in segments, none of them ".", ".." or empty (the last may be: a
 * directory). Anything else, also a pattern that is not valid: false. */
bool glob_path_match(struct slice pattern, struct slice path);
#endif
