/* enc: hex, base64, percent encoding, UTF-8, JSON text. Pure. */
#ifndef EG_ENC_H
#define EG_ENC_H
#include "base/sbuf.h"

/* Lower-case hex of n bytes into 2n+1 chars, NUL-ended. */
void enc_hex(const void *bytes, size_t n, char *out);
/* Exactly n bytes from 2n hex digits of either case. */
bool enc_unhex(struct slice hex, void *out, size_t n);
/* Nothing but 0-9 and a-f; true for an empty text. */
bool enc_is_lower_hex(struct slice s);
/* Standard base64 with padding. */
void enc_base64(struct slice bytes, struct sbuf *out);
/* The reverse: exactly what enc_base64 gives for some bytes, nothing else. False otherwise, and when they do not fit. */
bool enc_unbase64(struct slice text, struct sbuf *out);

/* The encoding of ACS3 (eas/README.md, Signature V3, 1): keep A-Z a-z 0-9 - _ . ~, all else %XX upper-case. */
void enc_percent(struct slice bytes, struct sbuf *out);
/* Decode each %XX once; '+' stays a plus. False on a broken escape (out is then unfinished). */
bool enc_unpercent(struct slice text, struct sbuf *out);

/* RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. */
bool enc_utf8_valid(struct slice s);
/* Length of the valid character that s begins with, its code point in *out; 0 when there is none. */
size_t enc_utf8_one(struct slice s, uint32_t *out);
/* The 1 to 4 bytes of a code point (no surrogate, at most U+10FFFF); returns how many. */
size_t enc_utf8_put(uint32_t code, char out[4]);
/* How many bytes s begins with that stand in a JSON string as they are: printable ASCII but " and \. */
size_t enc_json_plain(struct slice s);
/* A JSON string literal with its quotes; ASCII only (other characters, and broken UTF-8 as U+FFFD, become \uXXXX). */
void enc_json_string(struct slice s, struct sbuf *out);
/* UTC time of wall_ms as 2026-11-23T15:27:57.123Z (with_ms) or without the fraction; out has 25 bytes.
 * Outside of the years 0 to 9999: 0000-00-00T00:00:00. */
void enc_time_utc(int64_t wall_ms, bool with_ms, char *out);
/* The reverse, in exactly these two forms. */
bool enc_untime_utc(struct slice text, int64_t *out_wall_ms);
#endif
