/*
 * json_scan: the strict pass over raw bytes that comes before any JSON library sees them. RFC 8259, and
 * narrower: valid UTF-8, no BOM, no NUL, no \u0000, no lone surrogate, no raw control character, no duplicate
 * name (compared after unescaping and without ASCII case), bounded depth, members and string length, whole
 * input. Pure; allocates only for the name check. Facts about what libraries let through: SECURITY sections
 * 0.4 and 3.
 */
#ifndef EG_JSON_SCAN_H
#define EG_JSON_SCAN_H
#include "base/err.h"
#include "base/slice.h"

struct json_limits {
    size_t depth;        /* nested arrays and objects */
    size_t bytes;        /* whole text */
    size_t members;      /* values in all */
    size_t string_bytes; /* of one string, unescaped */
};
extern const struct json_limits json_limits_request; /* depth 32, 256 KiB, 10,000 values, 64 KiB */
extern const struct json_limits json_limits_answer;  /* for answers of EAS: depth 64, 64 MiB, ... */

/* Is text acceptable? If not, e says where (byte offset, JSON pointer) and why; never repeats the bytes. */
bool json_scan(struct slice text, const struct json_limits *limits, struct err *e);
#endif
