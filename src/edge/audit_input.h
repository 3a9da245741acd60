/*
 * audit_input: the bytes of a segment, as they are or out of a zstd stream (RFC 8878), in order, in bounded memory. A stream
 * that is damaged, cut, or followed by anything else is told apart from a disk that cannot be read.
 */
#ifndef EG_AUDIT_INPUT_H
#define EG_AUDIT_INPUT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Frames that want a larger window are refused; the writer's have at most 8 MiB. */
#define AUDIT_ZST_WINDOW_LOG 23

struct audit_input;

/* Over fd from where it stands; fd stays the caller's. NULL without memory. */
struct audit_input *audit_input_new(int fd, bool is_zst);
/* NULL is fine; stores NULL. */
void audit_input_free(struct audit_input **in);
/* Up to n bytes (n > 0) into out; 0 at the end and when it fails, for good. */
size_t audit_input_read(struct audit_input *in, char *out, size_t n);
/* errno of a read that failed; 0 = none did. */
int audit_input_error(const struct audit_input *in);
/* Why the stream is no good; NULL = it is. */
const char *audit_input_damage(const struct audit_input *in);
/* Bytes read from the file so far. */
uint64_t audit_input_taken(const struct audit_input *in);
#endif
